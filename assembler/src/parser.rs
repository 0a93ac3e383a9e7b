//! The driver: lines, places, conditions, open lists. Directives are in `image.rs`, `core.rs`, `group.rs` and `lists.rs`, what they are made of
//! in `parts.rs`.
//!
//! Invariant: every line is looked at once and a fault ends at its line, so that one bad line hides no other.

use crate::code::HandlerDraft;
use crate::conditions::Conditions;
use crate::core::CoreDraft;
use crate::diagnostic::{self, Diagnostic, Fault, MOST_DIAGNOSTICS, Parse, code, did_you_mean};
use crate::expand::Block;
use crate::expr::{atom, expect_mark, expression, unexpected};
use crate::group::GroupDraft;
use crate::image::ImageDraft;
use crate::include::Loader;
use crate::kernels::{KernelLibrary, OptionDecl, Params};
use crate::lexer::{Cursor, Kind, Token, describe, token_fault};
use crate::lists::{ListKind, OpenList};
use crate::macros::Macro;
use crate::names::Symbols;
use crate::operands::{Scope, in_range, is_register, reserved};
use crate::profile::Profile;
use crate::source::Sources;
use isa::op::Op;
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;
use std::rc::Rc;

/// Where a directive may stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Anywhere.
    Anywhere,
    /// The image as a whole; closes an open core.
    Image,
    /// After `.input`.
    Input,
    /// After `.core`.
    Core,
    /// After `.group`.
    Group,
    /// After `.axon`.
    Axon,
    /// Between `.update` or `.on_spike` and `.end`.
    Handler,
    /// In the source of a kernel.
    Kernel,
}

type Action<'t> = fn(&mut Parser<'t>, &mut Cursor<'_>, Token) -> Parse<()>;

/// Every directive, its place and its meaning.
macro_rules! directives {
    ($($name:literal in $place:ident: $method:ident,)*) => {
        /// Every directive, with its dot.
        pub const DIRECTIVES: &[&str] = &[$($name),*];
        impl<'t> Parser<'t> {
            fn action(name: &str) -> Option<(Place, Action<'t>)> {
                match name {
                    $($name => Some((Place::$place, Self::$method)),)*
                    _ => None,
                }
            }
        }
    };
}

/// Where a directive may stand; `None` if there is no such directive.
pub(crate) fn place(name: &str) -> Option<Place> {
    Parser::action(name).map(|(place, _)| place)
}

directives! {
    ".equ" in Anywhere: equ,
    ".assert" in Anywhere: assertion,
    ".if" in Anywhere: condition,
    ".elseif" in Anywhere: otherwise_if,
    ".else" in Anywhere: otherwise,
    ".endif" in Anywhere: end_condition,
    ".macro" in Anywhere: macro_begin,
    ".endm" in Anywhere: stray_end,
    ".rept" in Anywhere: repeat_begin,
    ".endr" in Anywhere: stray_end,
    ".include" in Anywhere: include,
    ".option" in Kernel: option,
    ".param" in Kernel: param,
    ".image" in Image: image,
    ".profile" in Image: profile,
    ".dt" in Image: dt,
    ".drain" in Image: drain,
    ".population" in Image: population,
    ".input" in Image: input,
    ".element" in Input: element,
    ".output" in Image: output,
    ".probe" in Image: probe,
    ".core" in Image: core,
    ".format" in Core: format,
    ".pattern" in Core: pattern,
    ".group" in Core: group,
    ".axon" in Core: axon,
    ".kernel" in Group: kernel,
    ".receptors" in Group: receptors,
    ".accumulator" in Group: accumulator,
    ".const" in Group: constant,
    ".slot" in Group: slot,
    ".table" in Group: table,
    ".lut" in Group: lut,
    ".ids" in Group: ids,
    ".lane" in Group: lane,
    ".update" in Group: update,
    ".on_spike" in Group: on_spike,
    ".end" in Handler: end,
    ".reg" in Handler: reg,
    ".sparse" in Axon: sparse,
    ".dense" in Axon: dense,
    ".crossbar" in Axon: crossbar,
    ".shared" in Axon: shared,
}

/// The state of reading one text.
pub(crate) struct Parser<'t> {
    pub(crate) text: &'t str,
    /// Reads files that the text names, if the caller has any.
    pub(crate) loader: Option<&'t mut Loader<'t>>,
    pub(crate) faults: Vec<Fault>,
    /// Code, file and byte of the faults: a line that is expanded many times is wrong once.
    reported: BTreeSet<(&'static str, usize, usize)>,
    pub(crate) symbols: Symbols,
    pub(crate) macros: FxHashMap<Rc<str>, Rc<Macro>>,
    /// The `.macro` or `.rept` that this line opened.
    pub(crate) block: Option<Block>,
    /// Expansions and included files that are open, what they took, and whether they went too far.
    pub(crate) depth: u32,
    pub(crate) expanded_bytes: usize,
    pub(crate) includes: usize,
    pub(crate) included_bytes: usize,
    pub(crate) stopped: bool,
    pub(crate) conditions: Conditions,
    /// Options given to and declared by the kernel that is read; `None` for an image.
    pub(crate) options: Option<Vec<OptionDecl>>,
    /// Real parameters given to and declared by it.
    pub(crate) params: Params,
    /// Kernels that `.kernel` can name.
    pub(crate) library: KernelLibrary,
    /// The chip to check against.
    pub(crate) profile: Option<Profile>,
    pub(crate) draft: ImageDraft,
    pub(crate) core: Option<CoreDraft>,
    pub(crate) group: Option<GroupDraft>,
    pub(crate) handler: Option<HandlerDraft>,
    pub(crate) list: Option<OpenList>,
}

impl<'t> Parser<'t> {
    /// A parser of `text`, which diagnostics call `file`.
    pub(crate) fn new(text: &'t str, file: &str, loader: Option<&'t mut Loader<'t>>) -> Self {
        Parser {
            text,
            loader,
            faults: Vec::new(),
            reported: BTreeSet::new(),
            symbols: Symbols::new(Sources::new(file, text.len())),
            macros: FxHashMap::default(),
            block: None,
            depth: 0,
            expanded_bytes: 0,
            includes: 0,
            included_bytes: 0,
            stopped: false,
            conditions: Conditions::default(),
            options: None,
            params: Params::default(),
            library: KernelLibrary::default(),
            profile: None,
            draft: ImageDraft::default(),
            core: None,
            group: None,
            handler: None,
            list: None,
        }
    }

    /// Reads all lines, then closes what is open.
    pub(crate) fn run(&mut self) {
        self.run_text(self.text, 0);
        self.close_list();
        if let Some(handler) = self.handler.take() {
            self.fault(
                Fault::new(
                    code::UNCLOSED_HANDLER,
                    handler.opened,
                    format!("`.{}` without its `.end`", handler.handler.name()),
                )
                .label("opened here")
                .help("write `.end` after `halt`"),
            );
        }
        self.close_core();
    }

    /// Reads the lines of a text whose first byte has the address `base`.
    pub(crate) fn run_text(&mut self, text: &str, base: usize) {
        let outside = self.conditions.enter();
        let mut start = 0;
        while start < text.len() && !self.is_full() {
            let end = line_end(text.as_bytes(), start);
            let mut cursor = Cursor::at(text, base, start, end);
            if let Err(fault) = self.line(&mut cursor) {
                if let Some(handler) = &mut self.handler {
                    handler.faulty = true;
                }
                self.fault(fault);
            }
            start = end + 1;
            if let Some(block) = self.block.take() {
                start = self.finish_block(block, text, base, start);
            }
        }
        for fault in self.conditions.leave(outside) {
            self.fault(fault);
        }
    }

    /// Keeps a fault, unless it repeats one of another expansion of the same line.
    pub(crate) fn fault(&mut self, fault: Fault) {
        let sources = &self.symbols.sources;
        let span = &fault.0.span;
        let place = sources.place(span.clone(), &mut Vec::new());
        let key = (fault.0.code, place.order, place.span.start);
        if !self.reported.insert(key) && sources.is_expansion(span.start) {
            return;
        }
        self.faults.push(fault);
    }

    /// Whether no more faults are reported.
    pub(crate) fn is_full(&self) -> bool {
        self.faults.len() >= MOST_DIAGNOSTICS
    }

    fn line(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let first = cursor.peek();
        let reading = self.conditions.reading();
        match first.kind {
            Kind::End => return Ok(()),
            Kind::Directive if !(self.handler.is_some() && is_label(cursor)) => {
                let name = cursor.text(first);
                if !reading && !matches!(name, ".if" | ".elseif" | ".else" | ".endif") {
                    return Ok(());
                }
                cursor.take();
                self.directive(cursor, first)?;
            }
            _ if !reading => return Ok(()),
            _ if self.handler.is_some() => self.instruction(cursor)?,
            Kind::Number(_) | Kind::Mark("-" | "~" | "(" | "->") => {
                if self.list.is_none() {
                    return Err(stray(cursor, first));
                }
                self.items(cursor)?;
            }
            Kind::Name => match self.macros.get(cursor.text(first)).cloned() {
                Some(called) => {
                    cursor.take();
                    self.call(&called, cursor, first)?;
                }
                None => return Err(self.stray_name(cursor, first)),
            },
            _ => return Err(unexpected(cursor, first, "a directive")),
        }
        self.line_end(cursor)
    }

    /// Nothing may follow.
    pub(crate) fn line_end(&self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let token = cursor.peek();
        if token.kind == Kind::End {
            return Ok(());
        }
        Err(token_fault(cursor, token).unwrap_or_else(|| {
            Fault::new(
                code::TRAILING,
                token.span(),
                format!("{} does not belong here", describe(cursor, token)),
            )
            .label("the line should end before this")
        }))
    }

    fn directive(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = cursor.text(token);
        let Some((place, action)) = Self::action(name) else {
            self.close_list();
            let known = DIRECTIVES.iter().copied();
            self.list = Some(OpenList::new(ListKind::Faulty, token.span()));
            return Err(Fault::new(
                code::UNKNOWN_DIRECTIVE,
                token.span(),
                format!("there is no directive `{name}`"),
            )
            .label("unknown directive")
            .maybe_help(did_you_mean(name, known)));
        };
        if place != Place::Anywhere {
            self.close_list();
            self.list = Some(OpenList::new(ListKind::Faulty, token.span()));
            self.enter(place, name, token)?;
            self.list = None;
        }
        let result = action(self, cursor, token);
        if result.is_err() && place != Place::Anywhere && self.list.is_none() {
            self.list = Some(OpenList::new(ListKind::Faulty, token.span()));
        }
        result
    }

    /// Closes what a directive of this place ends, or says why it cannot stand here.
    fn enter(&mut self, place: Place, name: &str, token: Token) -> Parse<()> {
        let out = |message: String, help: &str| {
            Err(Fault::new(code::OUT_OF_PLACE, token.span(), message)
                .label("out of place")
                .help(help))
        };
        if let (Some(handler), true) = (&self.handler, place != Place::Handler) {
            return out(
                format!("`{name}` within `.{}`", handler.handler.name()),
                "close the handler with `.end` first",
            );
        }
        if self.options.is_some() && !matches!(place, Place::Group | Place::Handler | Place::Kernel)
        {
            return out(
                format!("`{name}` in a kernel"),
                "a kernel is the inside of one group",
            );
        }
        match place {
            Place::Anywhere => {}
            Place::Image => self.close_core(),
            Place::Input if self.draft.image.io.inputs.is_empty() => {
                return out(
                    format!("`{name}` without an input"),
                    "it belongs after `.input`",
                );
            }
            Place::Input => self.close_core(),
            Place::Core if self.core.is_none() => {
                return out(
                    format!("`{name}` outside a core"),
                    "it belongs after `.core`",
                );
            }
            Place::Core => self.close_group(),
            Place::Group if self.group.is_none() => {
                return out(
                    format!("`{name}` outside a group"),
                    "it belongs after `.group`, before the core's first `.axon`",
                );
            }
            Place::Group => {}
            Place::Axon
                if self
                    .core
                    .as_ref()
                    .is_none_or(|core| core.program.axons.is_empty()) =>
            {
                return out(
                    format!("`{name}` without an axon"),
                    "it belongs after `.axon`",
                );
            }
            Place::Axon => self.close_group(),
            Place::Handler if self.handler.is_none() => {
                return out(
                    format!("`{name}` outside a handler"),
                    "it belongs after `.update` or `.on_spike`",
                );
            }
            Place::Handler => {}
            Place::Kernel if self.options.is_none() => {
                return out(
                    format!("`{name}` outside a kernel"),
                    "in an image, use `.equ`",
                );
            }
            Place::Kernel => {}
        }
        Ok(())
    }

    /// Labels, then an instruction or the call of a macro.
    fn instruction(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let (Some(handler), Some(group)) = (&mut self.handler, &self.group) else {
            return Ok(());
        };
        handler.labels(cursor, &self.symbols.sources, &mut self.faults);
        let first = cursor.peek();
        if first.kind == Kind::Name
            && !self.macros.is_empty()
            && let Some(called) = self.macros.get(cursor.text(first)).cloned()
        {
            cursor.take();
            return self.call(&called, cursor, first);
        }
        let scope = Scope {
            symbols: &self.symbols,
            group: &group.group,
            tables: &group.tables,
            receptors: &group.receptor_names,
        };
        handler.line(cursor, &scope).map_err(|fault| {
            let name = cursor.slice(fault.0.span.clone());
            match (fault.0.code, self.macros.get(name)) {
                (code::UNKNOWN_MNEMONIC, Some(called)) => Fault::new(
                    code::BAD_GUARD,
                    first.start..fault.0.span.start,
                    format!("macro `{name}` takes no guard"),
                )
                .label("remove the guard")
                .help("give the macro the predicate as an argument: `@\\guard …`")
                .note(called.span.clone(), "defined here"),
                (code::UNKNOWN_MNEMONIC, None) => {
                    let mnemonics = Op::ALL.iter().map(|op| op.mnemonic());
                    let macros = self.macros.keys().map(|name| &**name);
                    fault.maybe_help(did_you_mean(name, macros.chain(mnemonics)))
                }
                _ => fault,
            }
        })
    }

    // ---- directives that stand anywhere ----

    fn equ(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let (name, token) = self.bare_name(cursor)?;
        if is_register(&name) {
            return Err(reserved(&name, token.span()));
        }
        expect_mark(cursor, "=")?;
        let value = expression(cursor, &self.symbols)?;
        let context = self.symbols.sources.context(token.start);
        match self.symbols.values.own(&name, context) {
            Some(before) if *before != value => Err(Fault::new(
                code::REPEATED,
                token.span(),
                format!("`{name}` already has the value {before}"),
            )
            .label("defined twice")),
            _ => {
                self.symbols.values.set(&name, context, value);
                Ok(())
            }
        }
    }

    fn assertion(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let start = cursor.peek().start;
        let value = expression(cursor, &self.symbols)?;
        let span = start..cursor.position();
        let message = match cursor.peek().kind {
            Kind::End => "assertion does not hold".to_owned(),
            _ => self.text_value(cursor)?,
        };
        if value != 0 {
            return Ok(());
        }
        Err(Fault::new(code::ASSERTION, span, message).label("is 0"))
    }

    /// `.option NAME = default least..=most`.
    fn option(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let (name, token) = self.bare_name(cursor)?;
        expect_mark(cursor, "=")?;
        let default = atom(cursor, &self.symbols)?;
        let least = atom(cursor, &self.symbols)?;
        expect_mark(cursor, "..=")?;
        let most = atom(cursor, &self.symbols)?;
        let Some(options) = &mut self.options else {
            return Ok(());
        };
        let given = options.iter_mut().find(|option| option.name == name);
        let value = match given {
            Some(option) => {
                option.limits = Some((least, most));
                option.value
            }
            None => {
                options.push(OptionDecl {
                    name: name.clone(),
                    value: default,
                    limits: Some((least, most)),
                });
                default
            }
        };
        self.symbols.values.set(&name, 0, value);
        in_range(value, "option", least, most, token.span()).map(|_| ())
    }

    fn stray_name(&self, cursor: &Cursor<'_>, token: Token) -> Fault {
        let name = cursor.text(token);
        let dotted = format!(".{name}");
        let directive = DIRECTIVES.contains(&dotted.as_str());
        let help = if directive {
            format!("directives begin with a dot: `{dotted}`")
        } else if Op::from_mnemonic(name).is_some() {
            "instructions stand between `.update` or `.on_spike` and `.end`".to_owned()
        } else {
            "outside handlers a line begins with a directive".to_owned()
        };
        let nearest = did_you_mean(name, self.macros.keys().map(|name| &**name));
        Fault::new(
            code::OUT_OF_PLACE,
            token.span(),
            format!("`{name}` cannot begin a line here"),
        )
        .label("out of place")
        .help(help)
        .maybe_help(nearest)
    }

    /// The faults as diagnostics, in the order of the text.
    pub(crate) fn diagnostics(self) -> Vec<Diagnostic> {
        diagnostic::located(&self.symbols.sources, self.text, self.faults)
    }
}

/// Takes the rest of the line; the address at which its last token ends.
pub(crate) fn skip_line(cursor: &mut Cursor<'_>) -> usize {
    loop {
        let end = cursor.position();
        if cursor.take().kind == Kind::End {
            return end;
        }
    }
}

/// Whether the line begins with a label.
fn is_label(cursor: &Cursor<'_>) -> bool {
    let mut ahead = cursor.clone();
    ahead.take();
    ahead.take_mark(":")
}

/// The end of the line that begins at `start`.
fn line_end(bytes: &[u8], start: usize) -> usize {
    let rest = &bytes[start..];
    let length = rest.iter().position(|byte| *byte == b'\n');
    length.map_or(bytes.len(), |length| start + length)
}

fn stray(cursor: &Cursor<'_>, token: Token) -> Fault {
    Fault::new(
        code::STRAY_DATA,
        token.span(),
        "a list goes on here, but none is open",
    )
    .label(format!(
        "{} belongs to no directive",
        describe(cursor, token)
    ))
    .help("start it with a directive such as `.sparse = …`")
}
