//! Directives of a core: its formats and axons. Those of its groups are in `group.rs`.
//!
//! Invariant: the vectors of the core under construction fit each other whenever no directive is half read.

use crate::diagnostic::{Fault, Parse, code};
use crate::expr::{atom, one_of};
use crate::lexer::{Cursor, Kind, Token};
use crate::listing::GroupNames;
use crate::operands::in_range;
use crate::parser::Parser;
use crate::profile::GroupPlaces;
use isa::ids::{CoreId, INPUT_ID};
use isa::image::{Axon, CoreProgram, SynapseFormat, SynapseKind, WeightSign};
use std::ops::Range;

/// Most lanes of a core (`specs/image.md`).
pub(crate) const MOST_LANES: u32 = 1 << 20;
/// Most groups, formats and slots: they are named by 8-bit numbers.
pub(crate) const MOST_BYTE: usize = 256;

/// A core being read.
pub(crate) struct CoreDraft {
    pub(crate) program: CoreProgram,
    pub(crate) places: CorePlaces,
    /// Names of the formats; `None` for the one made by default.
    pub(crate) format_names: Vec<String>,
    /// Lanes of the groups closed so far.
    pub(crate) lanes: u32,
}

/// Where the parts of a core stand.
pub(crate) struct CorePlaces {
    pub(crate) core: CoreId,
    pub(crate) span: Range<usize>,
    pub(crate) groups: Vec<Range<usize>>,
    /// By group: where the instructions of `update` and `on_spike` stand.
    pub(crate) handlers: Vec<[Vec<Range<usize>>; 2]>,
    pub(crate) axons: Vec<Range<usize>>,
    pub(crate) formats: Vec<Range<usize>>,
    /// By group.
    pub(crate) parts: Vec<GroupPlaces>,
    /// Lanes that have a `.lane`, where there is a `.profile` to ask for them.
    pub(crate) lanes: Vec<(u32, Range<usize>)>,
    /// By group: names that the image does not keep.
    pub(crate) names: Vec<GroupNames>,
}

impl Parser<'_> {
    /// `.core 3`.
    pub(crate) fn core(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let start = cursor.peek().start;
        let id = CoreId(self.number(cursor, "core", 0, i64::from(u32::MAX >> 1))? as u32);
        let span = start..cursor.position();
        self.core = Some(CoreDraft {
            program: CoreProgram::new(id, Vec::new()),
            places: CorePlaces {
                core: id,
                span: token.start..span.end,
                groups: Vec::new(),
                handlers: Vec::new(),
                axons: Vec::new(),
                formats: Vec::new(),
                parts: Vec::new(),
                lanes: Vec::new(),
                names: Vec::new(),
            },
            format_names: Vec::new(),
            lanes: 0,
        });
        if self.draft.places.cores.iter().any(|core| core.core == id) {
            return Err(Fault::new(
                code::REPEATED,
                span,
                format!("core {} is described twice", id.0),
            )
            .label("second description")
            .help("put all groups and axons of a core after one `.core`"));
        }
        Ok(())
    }

    pub(crate) fn close_core(&mut self) {
        self.close_group();
        if let Some(core) = self.core.take() {
            self.draft.image.cores.push(core.program);
            self.draft.places.cores.push(core.places);
        }
    }

    /// The optional index of `.lane` and `.element`: not below the next one, below `count`.
    pub(crate) fn index(
        &self,
        cursor: &mut Cursor<'_>,
        token: Token,
        what: &str,
        next: u32,
        count: u32,
    ) -> Parse<(u32, Range<usize>)> {
        let start = cursor.peek();
        let (index, span) = match start.kind {
            Kind::Mark("->") | Kind::End => (i64::from(next), token.span()),
            _ => {
                let index = atom(cursor, &self.symbols)?;
                (index, start.start..cursor.position())
            }
        };
        if index >= 0 && index < i64::from(next) {
            let message = format!("{what} {index} comes after {what} {}", next - 1);
            return Err(Fault::new(code::OUT_OF_ORDER, span, message)
                .label("out of order")
                .help("order them by index; a line that begins with `->` adds destinations"));
        }
        in_range(index, what, 0, i64::from(count) - 1, span.clone())
            .map(|index| (index as u32, span))
    }

    /// `.format w8 sparse signed weight=8 exponent=0 scale=6 delay=3 index=10`.
    pub(crate) fn format(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        let (name, token) = self.bare_name(cursor)?;
        let kind = [
            SynapseKind::Sparse,
            SynapseKind::Dense,
            SynapseKind::Crossbar,
            SynapseKind::Shared,
        ][one_of(cursor, &["sparse", "dense", "crossbar", "shared"])?];
        let mut format = default_format(kind);
        let signs = ["signed", "excitatory", "inhibitory"];
        let keys = [
            "weight=",
            "exponent=",
            "scale=",
            "delay=",
            "index=",
            "slot=",
            signs[0],
            signs[1],
            signs[2],
        ];
        self.keys(cursor, &keys, |parser, key, cursor| {
            match key {
                0 => format.weight_bits = parser.number(cursor, "weight width", 0, 9)? as u8,
                1 => format.exponent = parser.number(cursor, "exponent", -31, 31)? as i8,
                2 => format.scale = parser.number(cursor, "scale", 0, 31)? as u8,
                3 => format.delay_bits = parser.number(cursor, "delay width", 0, 8)? as u8,
                4 => format.index_bits = parser.number(cursor, "index width", 0, 16)? as u8,
                5 => format.weight_slot = parser.number(cursor, "weight slot", 0, 255)? as u8,
                6 => format.sign = WeightSign::Signed,
                7 => format.sign = WeightSign::Excitatory,
                _ => format.sign = WeightSign::Inhibitory,
            }
            Ok(())
        })?;
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        if let Some(at) = core.format_names.iter().position(|known| *known == name) {
            let first = core.places.formats.get(at).cloned().unwrap_or(token.span());
            return Err(repeated("format", &name, token, first));
        }
        if core.format_names.len() >= MOST_BYTE {
            return Err(Fault::new(
                code::OUT_OF_RANGE,
                token.span(),
                "a core has at most 256 formats",
            ));
        }
        core.format_names.push(name);
        core.places.formats.push(token.start..cursor.position());
        core.program.formats.push(format);
        Ok(())
    }

    /// `.axon [index] neuron 5 kind=1`, `.axon input 0`.
    pub(crate) fn axon(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let next = self
            .core
            .as_ref()
            .map_or(0, |core| core.program.axons.len());
        let first = cursor.peek();
        if !(first.kind == Kind::Name && matches!(cursor.text(first), "neuron" | "input"))
            && first.kind != Kind::End
        {
            let index = atom(cursor, &self.symbols)?;
            if index != next as i64 {
                return Err(Fault::new(code::OUT_OF_ORDER, first.start..cursor.position(), format!("this is axon {next}, not {index}"))
                    .label(format!("expected {next}"))
                    .help("axons are numbered in the order in which they stand; the number may be left out"));
            }
        }
        if cursor.peek().kind == Kind::End {
            return Err(
                Fault::new(code::MISSING, token.span(), "`.axon` without its source")
                    .label("whose axon?")
                    .help("write `.axon neuron 5` or `.axon input 0`"),
            );
        }
        let input = one_of(cursor, &["neuron", "input"])? == 1;
        let source = self.number(cursor, "source", 0, i64::from(INPUT_ID) - 1)? as u32;
        let mut kind = 0;
        self.keys(cursor, &["kind="], |parser, _, cursor| {
            kind = parser.number(cursor, "kind", 0, 3)? as u8;
            Ok(())
        })?;
        if let Some(core) = &mut self.core {
            let source = if input { source | INPUT_ID } else { source };
            core.program.axons.push(Axon {
                source,
                segments: 0,
                kind,
            });
            core.places.axons.push(token.start..cursor.position());
        }
        Ok(())
    }
}

/// The format of segments that name none, where the core declares none of their kind.
pub(crate) fn default_format(kind: SynapseKind) -> SynapseFormat {
    SynapseFormat {
        kind,
        sign: WeightSign::Signed,
        weight_bits: if kind == SynapseKind::Crossbar { 0 } else { 8 },
        exponent: 0,
        scale: 0,
        delay_bits: 0,
        index_bits: match kind {
            SynapseKind::Sparse | SynapseKind::Shared => 10,
            SynapseKind::Dense | SynapseKind::Crossbar => 0,
        },
        weight_slot: 0,
    }
}

/// A second declaration of a name.
pub(crate) fn repeated(what: &str, name: &str, token: Token, first: Range<usize>) -> Fault {
    Fault::new(
        code::REPEATED,
        token.span(),
        format!("{what} `{name}` is declared twice"),
    )
    .label("second declaration")
    .note(first, "first declaration")
}
