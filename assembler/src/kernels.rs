//! Kernels: programs of neurons and synapses as assembly text, those of the library and the user's own.
//!
//! Invariant: a kernel is the inside of one group, with options as whole numbers and parameters as real ones; its law stands in
//! its first lines. Nothing here reads a file: whoever has the text adds it to a [`KernelLibrary`].

use crate::diagnostic::{Diagnostic, Fault, Parse, code, did_you_mean};
use crate::group::GroupDraft;
use crate::lexer::{Cursor, Kind, Token, is_bare};
use crate::listing::{self, GroupSource, Lines};
use crate::operands::{is_register, reserved};
use crate::parser::Parser;
use crate::real;
use isa::image::Reduce;
use std::sync::Arc;

macro_rules! kernels {
    ($($name:literal),* $(,)?) => {
        /// Name and source of every kernel.
        pub const KERNELS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../kernels/", $name, ".s")))),*];
    };
}

kernels![
    "if",
    "lif",
    "cubalif",
    "li",
    "cubali",
    "threshold",
    "stochastic",
    "alif",
    "lsnn",
    "izhikevich",
    "resonate",
    "sigmadelta",
    "compartments",
    "truenorth",
    "relay"
];

/// Parameter that has the value of the model's time step, seconds.
pub(crate) const DT: &str = "dt";
/// Parameter that says how many integer units one model unit of the input is.
pub const SCALE: &str = "scale";

/// A kernel for given options and parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Its name.
    pub name: String,
    /// Handler run once a step.
    pub update: Vec<u32>,
    /// Handler run for each synapse of a packet.
    pub on_spike: Vec<u32>,
    /// Group constants and default values.
    pub constants: Vec<(String, i32)>,
    /// State slots: name, width in bits, default initial value.
    pub slots: Vec<(String, u8, i32)>,
    /// Look-up tables.
    pub tables: Vec<Vec<i32>>,
    /// Receptors.
    pub receptors: u8,
    /// Their names, where the text gives them.
    pub receptor_names: Vec<String>,
    /// Width to which an accumulator is reduced.
    pub accumulator_bits: u8,
    /// How it is reduced.
    pub accumulator_mode: Reduce,
    /// Real parameters that it declares.
    pub params: Vec<Param>,
    /// Integer units per model unit of the input, where it has a parameter `scale`.
    pub scale: Option<f64>,
    /// All its options, as they were given or by default.
    pub options: Vec<(String, i64)>,
    /// Lines and names of the text.
    pub source: GroupSource,
}

/// A real parameter of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Name.
    pub name: String,
    /// What the kernel's text says of it: unit and meaning.
    pub about: String,
    /// Value when none is given; `None`: it must be given.
    pub default: Option<f64>,
}

impl Param {
    /// `tau_m = 0.02 (s, membrane)`, for messages.
    fn shown(&self) -> String {
        let about = match self.about.as_str() {
            "" => String::new(),
            about => format!(" ({about})"),
        };
        match self.default {
            Some(value) => format!("{} = {value:?}{about}", self.name),
            None => format!("{}{about}, which has no default", self.name),
        }
    }
}

/// What a kernel is instantiated with; what is not named has its default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// Options.
    pub options: &'a [(&'a str, i64)],
    /// Real parameters.
    pub params: &'a [(&'a str, f64)],
    /// Model time of a step, seconds; the parameter `dt`.
    pub dt_s: Option<f64>,
}

/// Why there is no such kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// No such name.
    #[error("there is no kernel `{name}`; known are {known}")]
    Unknown {
        /// Name asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// The kernel does not declare the option.
    #[error("kernel `{kernel}` has no option `{option}`; it has {known}")]
    UnknownOption {
        /// Kernel.
        kernel: String,
        /// Option asked for.
        option: String,
        /// All its options.
        known: String,
    },
    /// The value is not allowed.
    #[error("option {option} of kernel `{kernel}` is {value}; allowed are {least} to {most}")]
    OptionValue {
        /// Kernel.
        kernel: String,
        /// Option.
        option: String,
        /// Value given.
        value: i64,
        /// Smallest value.
        least: i64,
        /// Largest value.
        most: i64,
    },
    /// The kernel does not declare the parameter.
    #[error("kernel `{kernel}` has no parameter `{param}`; it has {known}{}", .nearest.as_ref().map(|n| format!(" ({n})")).unwrap_or_default())]
    UnknownParam {
        /// Kernel.
        kernel: String,
        /// Parameter asked for.
        param: String,
        /// All its parameters with their defaults.
        known: String,
        /// "did you mean …".
        nearest: Option<String>,
    },
    /// A parameter without a default is not given.
    #[error(
        "kernel `{kernel}` needs a value for {missing}; a parameter may be left out only where the kernel gives it a default (`.param NAME = value`)"
    )]
    MissingParam {
        /// Kernel.
        kernel: String,
        /// The parameters, with what the kernel says of them.
        missing: String,
    },
    /// The value is no number.
    #[error("parameter {param} of kernel `{kernel}` is {value}; give a finite number")]
    ParamValue {
        /// Kernel.
        kernel: String,
        /// Parameter.
        param: String,
        /// Value given.
        value: f64,
    },
    /// The text is wrong, or the options and parameters exclude each other.
    #[error("kernel `{kernel}`: {reason}")]
    Source {
        /// Kernel.
        kernel: String,
        /// The first thing wrong with the text under these options.
        reason: Box<Diagnostic>,
    },
}

/// An option of a kernel.
#[derive(Clone, Debug)]
pub(crate) struct OptionDecl {
    pub(crate) name: String,
    pub(crate) value: i64,
    /// Smallest and largest value, once the kernel has declared it.
    pub(crate) limits: Option<(i64, i64)>,
}

/// Real parameters while a kernel's text is read.
#[derive(Debug, Default)]
pub(crate) struct Params {
    given: Vec<(String, f64)>,
    declared: Vec<Param>,
    missing: Vec<String>,
}

impl Parser<'_> {
    /// `.param tau_m = 0.02 "s, membrane"`.
    pub(crate) fn param(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let (name, token) = self.bare_name(cursor)?;
        if is_register(&name) {
            return Err(reserved(&name, token.span()));
        }
        if name == DT || self.params.declared.iter().any(|known| known.name == name) {
            let what = format!("parameter `{name}` is there already");
            let help = "`dt` is the time step, and every other name can be declared once";
            return Err(Fault::new(code::REPEATED, token.span(), what)
                .label("second time")
                .help(help));
        }
        let default = cursor
            .take_mark("=")
            .then(|| real::expression(cursor, &self.symbols))
            .transpose()?;
        let about = match cursor.peek().kind {
            Kind::End => String::new(),
            _ => self.text_value(cursor)?,
        };
        let given = self.params.given.iter().find(|(known, _)| *known == name);
        let value = given.map(|(_, value)| *value).or(default);
        if value.is_none() {
            self.params.missing.push(name.clone());
            self.symbols.open = true;
        }
        let real = value.unwrap_or(f64::NAN);
        self.symbols.reals.insert(name.clone(), real);
        self.params.declared.push(Param {
            name,
            about,
            default,
        });
        Ok(())
    }
}

/// A kernel's text: what it is called, where it stands.
#[derive(Clone, Copy)]
struct Text<'t> {
    name: &'t str,
    file: &'t str,
    text: &'t str,
}

impl Text<'_> {
    /// The file as diagnostics name it.
    fn shown(&self) -> String {
        match self.file == self.name {
            true => format!("{}.s", self.name),
            false => self.file.to_owned(),
        }
    }
}

/// A kernel of the user.
#[derive(Debug, PartialEq)]
struct Own {
    name: String,
    file: String,
    text: String,
}

/// The kernels that can be named: the library's and the user's own.
///
/// ```
/// use assembler::kernels::{KernelLibrary, Settings};
/// let text = ".param tau \"s\"\n.const A = q12(exp(-dt / tau))\n.slot v 24\n.update\n lds r1, v\n mulq r1, r1, A, 12\n sts r1, v\n halt\n.end\n";
/// let mut library = KernelLibrary::default();
/// library.add("leak", "leak.kernel", text, false).expect("it assembles");
/// let settings = Settings { params: &[("tau", 0.01)], dt_s: Some(0.001), ..Settings::default() };
/// assert_eq!(library.instantiate("leak", &settings).expect("complete").constants[0].1, 3706);
/// assert!(library.instantiate("leak", &Settings::default()).is_err(), "tau has no default");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelLibrary {
    own: Vec<Arc<Own>>,
}

/// Why a kernel of the user is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The name is taken.
    #[error("kernel `{name}` of {file}: {taken}; give the file another name{}", if *.replace { " (or --kernel-override takes this one in place of the library's)" } else { "" })]
    Taken {
        /// Name.
        name: String,
        /// File.
        file: String,
        /// By whom.
        taken: String,
        /// Whether it could be replaced.
        replace: bool,
    },
    /// The name cannot be written in a text.
    #[error(
        "kernel `{name}` of {file}: a kernel's name is a letter or `_`, then letters, digits and `_`; rename the file"
    )]
    Name {
        /// Name.
        name: String,
        /// File.
        file: String,
    },
    /// The text is wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Text(Vec<Diagnostic>),
}

impl KernelLibrary {
    /// Adds a kernel of the user, after a look at its text with the defaults of all options. `replace`: it may take
    /// the place of one of the library.
    ///
    /// # Errors
    /// If its name is taken, or the text is wrong whatever its parameters are.
    pub fn add(
        &mut self,
        name: &str,
        file: &str,
        text: &str,
        replace: bool,
    ) -> Result<(), AddError> {
        let (name, file, text) = (name.to_owned(), file.to_owned(), text.to_owned());
        if !is_bare(&name) || name.contains('.') || name == "custom" {
            return Err(AddError::Name { name, file });
        }
        let by_library = KERNELS.iter().any(|(known, _)| *known == name);
        let taken = match self.own.iter().find(|own| own.name == name) {
            Some(own) => Some(format!("{} has that name too", own.file)),
            None if by_library && !replace => Some("the library has one of this name".to_owned()),
            None => None,
        };
        if let Some(taken) = taken {
            let replace = by_library && !replace;
            return Err(AddError::Taken {
                name,
                file,
                taken,
                replace,
            });
        }
        let source = Text {
            name: &name,
            file: &file,
            text: &text,
        };
        check(source).map_err(AddError::Text)?;
        self.own.push(Arc::new(Own { name, file, text }));
        Ok(())
    }

    /// Names of the user's kernels.
    pub fn own(&self) -> impl Iterator<Item = &str> {
        self.own.iter().map(|own| own.name.as_str())
    }

    /// All names, the library's first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let library = KERNELS.iter().map(|(name, _)| *name);
        let own = self.own();
        library.chain(own.filter(|name| KERNELS.iter().all(|(known, _)| known != name)))
    }

    /// File and text of a kernel.
    fn find<'s>(&'s self, name: &'s str) -> Result<Text<'s>, KernelError> {
        if let Some(own) = self.own.iter().find(|own| own.name == name) {
            let (file, text) = (&own.file, &own.text);
            return Ok(Text { name, file, text });
        }
        match KERNELS.iter().find(|(known, _)| *known == name) {
            Some((file, text)) => Ok(Text { name, file, text }),
            None => Err(KernelError::Unknown {
                name: name.to_owned(),
                known: self.names().collect::<Vec<_>>().join(", "),
            }),
        }
    }

    /// Real parameters that a kernel declares with the defaults of its options; none if there is no such kernel.
    pub fn params(&self, name: &str) -> Vec<Param> {
        let Ok(source) = self.find(name) else {
            return Vec::new();
        };
        let mut parser = parser(source, &Settings::default());
        parser.run();
        parser.params.declared
    }

    /// Names that a kernel with these options gives its receptors; none if there is no such kernel.
    pub fn receptors(&self, name: &str, options: &[(&str, i64)]) -> Vec<String> {
        let Ok(source) = self.find(name) else {
            return Vec::new();
        };
        let settings = Settings {
            options,
            ..Settings::default()
        };
        let mut parser = parser(source, &settings);
        parser.run();
        let group = parser.group.take();
        group.map_or(Vec::new(), |group| group.receptor_names)
    }

    /// The kernel `name` with options and parameters (others have their defaults).
    ///
    /// # Errors
    /// If there is no such kernel, option or parameter, a value is not allowed, or a parameter without a default is missing.
    pub fn instantiate(&self, name: &str, settings: &Settings<'_>) -> Result<Kernel, KernelError> {
        build(self.find(name)?, settings)
    }
}

/// The library's kernel `name` with `options` (others have their defaults).
///
/// # Errors
/// If there is no such kernel, no such option, or a value is not allowed.
///
/// ```
/// let lif = assembler::kernels::instantiate("lif", &[("RESET", 1)]).expect("lif resets by subtraction");
/// assert_eq!(lif.slots[0].0, "v");
/// assert!(assembler::kernels::instantiate("lif", &[("RESET", 9)]).is_err());
/// ```
pub fn instantiate(name: &str, options: &[(&str, i64)]) -> Result<Kernel, KernelError> {
    let settings = Settings {
        options,
        ..Settings::default()
    };
    KernelLibrary::default().instantiate(name, &settings)
}

/// Reads a kernel's text with these settings; the caller looks at what came of it.
fn parser<'t>(source: Text<'t>, settings: &Settings<'_>) -> Parser<'t> {
    let mut parser = Parser::new(source.text, &source.shown(), None);
    let given = settings.options.iter().map(|(name, value)| OptionDecl {
        name: (*name).to_owned(),
        value: *value,
        limits: None,
    });
    parser.options = Some(given.collect());
    let given = settings.params.iter();
    parser.params.given = given.map(|(name, x)| ((*name).to_owned(), *x)).collect();
    if let Some(dt_s) = settings.dt_s {
        parser.symbols.reals.insert(DT.to_owned(), dt_s);
    }
    parser.group = Some(GroupDraft::new(source.name, 1, 0, 0..0));
    parser
}

/// What is wrong with a text whatever its parameters are.
fn check(source: Text<'_>) -> Result<(), Vec<Diagnostic>> {
    let settings = Settings {
        dt_s: Some(1e-3),
        ..Settings::default()
    };
    let mut parser = parser(source, &settings);
    parser.run();
    let open = parser.symbols.open;
    // What depends on a parameter that has no value yet says nothing about the text.
    let mut found = parser.diagnostics();
    found.retain(|d| {
        !open || ![code::ARITHMETIC, code::ASSERTION, code::OUT_OF_RANGE].contains(&d.code)
    });
    if found.is_empty() { Ok(()) } else { Err(found) }
}

fn build(source: Text<'_>, settings: &Settings<'_>) -> Result<Kernel, KernelError> {
    let mut parser = parser(source, settings);
    parser.run();
    let kernel = || source.name.to_owned();
    let options = parser.options.take().unwrap_or_default();
    let chosen = options.iter().map(|o| (o.name.clone(), o.value)).collect();
    check_options(source.name, options)?;
    let Params {
        given,
        declared,
        missing,
    } = std::mem::take(&mut parser.params);
    if let Some((param, _)) = given
        .iter()
        .find(|(name, _)| declared.iter().all(|known| known.name != *name))
    {
        let known: Vec<String> = declared.iter().map(Param::shown).collect();
        return Err(KernelError::UnknownParam {
            kernel: kernel(),
            nearest: did_you_mean(param, declared.iter().map(|known| known.name.as_str())),
            param: param.clone(),
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.join("; ")
            },
        });
    }
    if let Some((param, value)) = given.iter().find(|(_, value)| !value.is_finite()) {
        return Err(KernelError::ParamValue {
            kernel: kernel(),
            param: param.clone(),
            value: *value,
        });
    }
    if !missing.is_empty() {
        let wanted = declared.iter().filter(|p| missing.contains(&p.name));
        let list: Vec<String> = wanted.map(Param::shown).collect();
        return Err(KernelError::MissingParam {
            kernel: kernel(),
            missing: list.join("; "),
        });
    }
    let scale = parser.symbols.reals.get(SCALE).copied();
    let draft = parser
        .group
        .take()
        .expect("a kernel has no directive that closes its group");
    let scale = scale.filter(|_| declared.iter().any(|p| p.name == SCALE));
    if let Some(value) = scale.filter(|value| *value <= 0.0) {
        return Err(KernelError::ParamValue {
            kernel: kernel(),
            param: SCALE.to_owned(),
            value,
        });
    }
    let mut lines = Lines::new(&parser.symbols.sources, source.text);
    let names = draft.handler_names.iter().zip(&draft.handler_spans);
    let mut handlers = names.map(|(names, spans)| names.located(&mut lines, spans));
    let located = GroupSource {
        kernel: None,
        handlers: std::array::from_fn(|_| handlers.next().unwrap_or_default()),
        tables: listing::table_names(draft.tables),
    };
    if let Some(first) = parser.diagnostics().into_iter().next() {
        return Err(KernelError::Source {
            kernel: kernel(),
            reason: Box::new(first),
        });
    }
    let group = draft.group;
    let slots = group
        .slots
        .into_iter()
        .map(|slot| (slot.name, slot.bits, slot.init[0]));
    Ok(Kernel {
        name: kernel(),
        update: group.update,
        on_spike: group.on_spike,
        constants: group.constants,
        slots: slots.collect(),
        tables: group.tables,
        receptors: group.receptors,
        receptor_names: draft.receptor_names,
        accumulator_bits: group.accumulator_bits,
        accumulator_mode: group.accumulator_mode,
        params: declared,
        scale,
        options: chosen,
        source: located,
    })
}

/// Options that the kernel does not declare, or with values that it does not allow.
fn check_options(kernel: &str, declared: Vec<OptionDecl>) -> Result<(), KernelError> {
    for option in &declared {
        let kernel = kernel.to_owned();
        let Some((least, most)) = option.limits else {
            let known: Vec<&str> = declared
                .iter()
                .filter(|o| o.limits.is_some())
                .map(|o| o.name.as_str())
                .collect();
            return Err(KernelError::UnknownOption {
                kernel,
                option: option.name.clone(),
                known: if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                },
            });
        };
        if !(least..=most).contains(&option.value) {
            return Err(KernelError::OptionValue {
                kernel,
                option: option.name.clone(),
                value: option.value,
                least,
                most,
            });
        }
    }
    Ok(())
}
