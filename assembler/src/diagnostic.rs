//! Diagnostics: what is wrong with a line of assembly text, where, and the way out.
//!
//! Invariant: every code here is explained in `specs/asm/diagnostics.toml`, and nothing else is.

use crate::source::Sources;
use std::fmt;
use std::ops::Range;

/// Most diagnostics that one run reports.
pub(crate) const MOST_DIAGNOSTICS: usize = 100;

/// Something wrong with an assembly text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable code, explained in `specs/asm/diagnostics.toml`.
    pub code: &'static str,
    /// File, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte range in the text; may be empty (something is missing there).
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// Short text to stand at the place.
    pub label: String,
    /// The way out.
    pub help: Option<String>,
    /// Other places that matter: the first of two definitions, the calls and includes that led here, nearest first.
    pub notes: Vec<Note>,
}

/// A place that belongs to a [`Diagnostic`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// File, as the caller or the loader named it.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Byte range in the text of that file.
    pub span: Range<usize>,
    /// What is there.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {}",
            self.file, self.line, self.column, self.code, self.message
        )?;
        if let Some(help) = &self.help {
            write!(f, " (help: {help})")?;
        }
        for note in &self.notes {
            let Note {
                file, line, column, ..
            } = note;
            write!(f, "\n  {file}:{line}:{column}: {}", note.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// A diagnostic before its line and column are known. Boxed: the path without errors stays small.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) Box<FaultBody>);

/// The parts of a [`Fault`].
#[derive(Debug)]
pub(crate) struct FaultBody {
    pub(crate) code: &'static str,
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    pub(crate) notes: Vec<(Range<usize>, String)>,
}

/// Result of parsing a part of a line.
pub(crate) type Parse<T> = Result<T, Fault>;

impl Fault {
    pub(crate) fn new(code: &'static str, span: Range<usize>, message: impl Into<String>) -> Fault {
        Fault(Box::new(FaultBody {
            code,
            span,
            message: message.into(),
            label: "here".to_owned(),
            help: None,
            notes: Vec::new(),
        }))
    }

    /// Another place that matters.
    pub(crate) fn note(mut self, span: Range<usize>, message: impl Into<String>) -> Fault {
        self.0.notes.push((span, message.into()));
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Fault {
        self.0.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Fault {
        self.0.help = Some(help.into());
        self
    }

    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Fault {
        if help.is_some() {
            self.0.help = help;
        }
        self
    }
}

/// Most places that lead to a diagnostic.
const MOST_NOTES: usize = 16;

/// The faults of a text, in its order; the last says so if there are more. `text` is the first file of `sources`.
pub(crate) fn located(sources: &Sources, text: &str, faults: Vec<Fault>) -> Vec<Diagnostic> {
    let faults = faults.into_iter().take(MOST_DIAGNOSTICS);
    let mut all: Vec<(usize, Diagnostic)> =
        faults.map(|fault| locate(sources, text, fault)).collect();
    all.sort_by_key(|(order, diagnostic)| (*order, diagnostic.span.start));
    let mut all: Vec<Diagnostic> = all.into_iter().map(|(_, diagnostic)| diagnostic).collect();
    if let Some(last) = all.last().filter(|_| all.len() == MOST_DIAGNOSTICS) {
        all.push(Diagnostic {
            code: code::TOO_MANY,
            message: format!("{MOST_DIAGNOSTICS} errors; the rest is not reported"),
            label: "stopped here".to_owned(),
            help: None,
            notes: Vec::new(),
            ..last.clone()
        });
    }
    all
}

/// A fault as diagnostic, and the number of its file.
fn locate(sources: &Sources, text: &str, fault: Fault) -> (usize, Diagnostic) {
    let body = *fault.0;
    let mut trace = body.notes;
    let mut led_here = Vec::new();
    let place = sources.place(body.span, &mut led_here);
    trace.append(&mut led_here);
    let notes = trace.into_iter().take(MOST_NOTES).map(|(span, message)| {
        let place = sources.place(span, &mut Vec::new());
        let (line, column, span) = line_and_column(place.text.unwrap_or(text), place.span);
        Note {
            file: place.file.to_owned(),
            line,
            column,
            span,
            message,
        }
    });
    let notes = notes.collect();
    let (line, column, span) = line_and_column(place.text.unwrap_or(text), place.span);
    let diagnostic = Diagnostic {
        code: body.code,
        file: place.file.to_owned(),
        line,
        column,
        span,
        message: body.message,
        label: body.label,
        help: body.help,
        notes,
    };
    (place.order, diagnostic)
}

fn line_and_column(text: &str, span: Range<usize>) -> (u32, u32, Range<usize>) {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let column = text[line_start..start].chars().count() as u32 + 1;
    (line, column, start..end)
}

/// "did you mean …" for `written`, from `known` names at edit distance at most 2 (and less than half the name).
pub(crate) fn did_you_mean<'n>(
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean `{name}`?"))
}

fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let letters = written.chars().count();
    let most = 2.min(letters.div_ceil(2));
    known
        .into_iter()
        // Words that are far longer or shorter are not near, and may be very long.
        .filter(|name| name.chars().count().abs_diff(letters) <= most)
        .map(|name| (strsim::osa_distance(written, name), name))
        .filter(|(distance, _)| *distance <= most && *distance > 0)
        .min()
        .map(|(_, name)| name)
}

macro_rules! codes {
    ($($name:ident = $code:literal,)*) => {
        /// The codes by name.
        pub(crate) mod code {
            $(pub(crate) const $name: &str = $code;)*
        }
        /// Every code that a [`Diagnostic`] can carry, ascending.
        pub const CODES: &[&str] = &[$($code),*];
    };
}

codes! {
    UNEXPECTED_CHARACTER = "E0001",
    BAD_STRING = "E0002",
    BAD_NUMBER = "E0003",
    EXPECTED = "E0004",
    TRAILING = "E0005",
    UNDEFINED_NAME = "E0006",
    ARITHMETIC = "E0007",
    TOO_DEEP = "E0008",
    TOO_MANY = "E0009",
    INEXACT = "E0010",
    UNKNOWN_DIRECTIVE = "E0101",
    OUT_OF_PLACE = "E0102",
    UNKNOWN_KEY = "E0103",
    REPEATED_KEY = "E0104",
    MISSING = "E0105",
    OUT_OF_RANGE = "E0106",
    REPEATED = "E0107",
    STRAY_DATA = "E0108",
    UNKNOWN_WORD = "E0109",
    CONDITION = "E0110",
    ASSERTION = "E0111",
    BLOCK = "E0112",
    ARGUMENT = "E0113",
    UNKNOWN_PARAMETER = "E0114",
    EXPANSION_LIMIT = "E0115",
    INCLUDE = "E0116",
    INCLUDE_CYCLE = "E0117",
    PROFILE = "E0118",
    UNKNOWN_MNEMONIC = "E0201",
    BAD_OPERAND = "E0202",
    UNDEFINED_LABEL = "E0203",
    REPEATED_LABEL = "E0204",
    BACKWARD_BRANCH = "E0205",
    UNCLOSED_HANDLER = "E0206",
    MISSING_HALT = "E0207",
    NOT_IN_HANDLER = "E0208",
    BAD_SUFFIX = "E0209",
    BAD_GUARD = "E0210",
    RESERVED_NAME = "E0211",
    UNKNOWN_KERNEL = "E0301",
    KERNEL_OPTION = "E0302",
    NO_SUCH_FORMAT = "E0303",
    NO_SUCH_GROUP = "E0304",
    LIST_LENGTH = "E0305",
    NO_DELAY_FIELD = "E0306",
    REPEATED_LANE = "E0307",
    OUT_OF_ORDER = "E0308",
    NO_SUCH_PROBE = "E0309",
    STRUCTURE = "E0401",
    FIT = "E0402",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_stay_close() {
        let known = ["lds", "sts", "halt", "mulq"];
        assert_eq!(nearest("hlat", known), Some("halt"));
        assert_eq!(nearest("mulqq", known), Some("mulq"));
        assert_eq!(nearest("zzzz", known), None);
        assert_eq!(nearest("", known), None);
    }
}
