//! What a listing needs beside the image: the line that every word comes from, and the names that an image does not keep.
//!
//! Invariant: a handler has one line for each of its words. The image has one byte form and holds none of this, so it comes
//! from the text that was assembled.

use crate::code::HandlerDraft;
use crate::operands::Register;
use crate::parser::Parser;
use crate::source::{Place, Sources};
use isa::ids::CoreId;
use std::collections::BTreeMap;
use std::ops::Range;

/// A line of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// File, as the caller named it, or the file of a kernel.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// The line, without space and comment around its code.
    pub text: String,
    /// Lines that led there, nearest first: calls of macros, `.rept`, `.include`.
    pub through: Vec<Through>,
}

/// A line that led to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Through {
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// What it did.
    pub why: String,
}

/// What the text says of a handler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandlerSource {
    /// By word.
    pub lines: Vec<SourceLine>,
    /// Labels and the instructions they stand before, in that order.
    pub labels: Vec<(String, usize)>,
    /// `.reg` names and their registers.
    pub registers: Vec<(String, String)>,
}

/// What the text says of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSource {
    /// The kernel of `.kernel` with all its options, also those that were not given.
    pub kernel: Option<(String, Vec<(String, i64)>)>,
    /// `update`, `on_spike`.
    pub handlers: [HandlerSource; 2],
    /// Names of the tables, where given.
    pub tables: Vec<Option<String>>,
}

/// What the text says beside the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// `.equ`, by name.
    pub symbols: Vec<(String, i64)>,
    /// Groups of each core.
    pub cores: BTreeMap<CoreId, Vec<GroupSource>>,
}

/// A handler's names and places before its file is looked at.
#[derive(Debug, Default)]
pub(crate) struct HandlerNames {
    labels: Vec<(String, usize)>,
    registers: Vec<(String, String)>,
}

impl HandlerNames {
    pub(crate) fn of(handler: &HandlerDraft) -> HandlerNames {
        let shown = |register: &Register| match register {
            Register::General(number) => format!("r{number}"),
            Register::Predicate(number) => format!("p{number}"),
            Register::Constant(number) => format!("k{number}"),
        };
        let registers = handler.registers.all().into_iter();
        HandlerNames {
            labels: handler.labels.all(),
            registers: registers
                .map(|(name, (register, _))| (name.to_owned(), shown(register)))
                .collect(),
        }
    }

    /// With the lines of the handler's words.
    pub(crate) fn located(&self, lines: &mut Lines<'_>, spans: &[Range<usize>]) -> HandlerSource {
        HandlerSource {
            lines: spans.iter().map(|span| lines.at(span)).collect(),
            labels: self.labels.clone(),
            registers: self.registers.clone(),
        }
    }
}

/// Names of tables without the places of their declarations.
pub(crate) fn table_names(tables: Vec<Option<(String, Range<usize>)>>) -> Vec<Option<String>> {
    let name = |table: Option<(String, Range<usize>)>| table.map(|(name, _)| name);
    tables.into_iter().map(name).collect()
}

/// A group's names and places before its file is looked at.
pub(crate) struct GroupNames {
    pub(crate) handlers: [HandlerNames; 2],
    /// Handlers that stand in the group itself.
    pub(crate) written: [bool; 2],
    pub(crate) kernel: Option<GroupSource>,
    pub(crate) tables: Vec<Option<String>>,
}

impl GroupNames {
    fn located(&self, lines: &mut Lines<'_>, spans: &[Vec<Range<usize>>; 2]) -> GroupSource {
        let mut source = self.kernel.clone().unwrap_or_default();
        for handler in (0..2).filter(|handler| self.written[*handler]) {
            source.handlers[handler] = self.handlers[handler].located(lines, &spans[handler]);
        }
        let by_kernel = source.tables.len().min(self.tables.len());
        source.tables.extend_from_slice(&self.tables[by_kernel..]);
        source
    }
}

impl Parser<'_> {
    /// The map of a text that has been read without faults.
    pub(crate) fn source_map(&self) -> SourceMap {
        let mut lines = Lines::new(&self.symbols.sources, self.text);
        let cores = self.draft.places.cores.iter().map(|core| {
            let groups = core.names.iter().zip(&core.handlers);
            let groups = groups.map(|(names, spans)| names.located(&mut lines, spans));
            (core.core, groups.collect())
        });
        let cores = cores.collect();
        let symbols = self.symbols.values.all().into_iter();
        SourceMap {
            symbols: symbols
                .map(|(name, value)| (name.to_owned(), *value))
                .collect(),
            cores,
        }
    }
}

/// The lines of all files of a run, each file's counted once.
pub(crate) struct Lines<'s> {
    sources: &'s Sources,
    /// The first file.
    text: &'s str,
    /// First byte of each line, by the number of the file.
    starts: BTreeMap<usize, Vec<usize>>,
}

impl<'s> Lines<'s> {
    pub(crate) fn new(sources: &'s Sources, text: &'s str) -> Self {
        Lines {
            sources,
            text,
            starts: BTreeMap::new(),
        }
    }

    fn at(&mut self, span: &Range<usize>) -> SourceLine {
        let mut trace = Vec::new();
        let mut line = self.line(self.sources.place(span.clone(), &mut trace));
        let through = trace.into_iter().map(|(span, why)| {
            let call = self.line(self.sources.place(span, &mut Vec::new()));
            Through {
                file: call.file,
                line: call.line,
                why,
            }
        });
        line.through = through.collect();
        line
    }

    fn line(&mut self, place: Place<'_>) -> SourceLine {
        let text = place.text.unwrap_or(self.text);
        let starts = self.starts.entry(place.order).or_insert_with(|| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0)
                .chain(ends.map(|(at, _)| at + 1))
                .collect()
        });
        let line = starts
            .partition_point(|first| *first <= place.span.start)
            .max(1);
        let first = starts[line - 1];
        let end = starts.get(line).map_or(text.len(), |next| next - 1);
        let (code, _) = crate::format::split(&text[first..end]);
        SourceLine {
            file: place.file.to_owned(),
            line: line as u32,
            text: code.to_owned(),
            through: Vec::new(),
        }
    }
}
