//! The kernel library: programs of neurons and synapses as assembly text, one file for each.
//!
//! Invariant: a kernel is the inside of one group, with options as numbers; its law stands in its first lines.

use crate::core::GroupDraft;
use crate::diagnostic::Diagnostic;
use crate::parser::Parser;
use isa::image::Reduce;

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
    "truenorth",
    "relay"
];

/// A kernel for given options.
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
    /// Width to which an accumulator is reduced.
    pub accumulator_bits: u8,
    /// How it is reduced.
    pub accumulator_mode: Reduce,
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
    /// The options exclude each other.
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
    let Some((_, text)) = KERNELS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = KERNELS.iter().map(|(name, _)| *name).collect();
        return Err(KernelError::Unknown {
            name: name.to_owned(),
            known: known.join(", "),
        });
    };
    let mut parser = Parser::new(text);
    let given = options.iter().map(|(name, value)| OptionDecl {
        name: (*name).to_owned(),
        value: *value,
        limits: None,
    });
    parser.options = Some(given.collect());
    parser.group = Some(GroupDraft::new(name, 1, 0, 0..0));
    parser.run();
    let declared = parser.options.take().unwrap_or_default();
    for option in &declared {
        let kernel = name.to_owned();
        let Some((least, most)) = option.limits else {
            let known: Vec<&str> = declared
                .iter()
                .filter(|o| o.limits.is_some())
                .map(|o| o.name.as_str())
                .collect();
            return Err(KernelError::UnknownOption {
                kernel,
                option: option.name.clone(),
                known: known.join(", "),
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
    let draft = parser
        .group
        .take()
        .expect("a kernel has no directive that closes its group");
    if let Some(first) = parser.diagnostics(&format!("{name}.s")).into_iter().next() {
        return Err(KernelError::Source {
            kernel: name.to_owned(),
            reason: Box::new(first),
        });
    }
    let group = draft.group;
    let slots = group
        .slots
        .into_iter()
        .map(|slot| (slot.name, slot.bits, slot.init[0]));
    Ok(Kernel {
        name: name.to_owned(),
        update: group.update,
        on_spike: group.on_spike,
        constants: group.constants,
        slots: slots.collect(),
        tables: group.tables,
        receptors: group.receptors,
        accumulator_bits: group.accumulator_bits,
        accumulator_mode: group.accumulator_mode,
    })
}
