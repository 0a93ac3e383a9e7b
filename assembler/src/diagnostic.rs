//! Diagnostics: what is wrong with a line of assembly text, where, and the way out.
//!
//! Invariant: every code here is explained in `specs/asm/diagnostics.toml`, and nothing else is.

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
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}: {}",
            self.file, self.line, self.column, self.code, self.message
        )?;
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
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
        }))
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

/// The faults of a text, in its order; the last says so if there are more.
pub(crate) fn located(text: &str, file: &str, faults: Vec<Fault>) -> Vec<Diagnostic> {
    let faults = faults.into_iter().take(MOST_DIAGNOSTICS);
    let mut all: Vec<Diagnostic> = faults.map(|fault| locate(text, file, fault)).collect();
    all.sort_by_key(|diagnostic| diagnostic.span.start);
    let end = all.last().map_or(0, |last| last.span.end);
    if all.len() == MOST_DIAGNOSTICS {
        let message = format!("{MOST_DIAGNOSTICS} errors; the rest is not reported");
        let fault = Fault::new(code::TOO_MANY, end..end, message).label("stopped here");
        all.push(locate(text, file, fault));
    }
    all
}

fn locate(text: &str, file: &str, fault: Fault) -> Diagnostic {
    let body = *fault.0;
    let start = text.floor_char_boundary(body.span.start.min(text.len()));
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Diagnostic {
        code: body.code,
        file: file.to_owned(),
        line: before.bytes().filter(|b| *b == b'\n').count() as u32 + 1,
        column: text[line_start..start].chars().count() as u32 + 1,
        span: start..body.span.end.clamp(start, text.len()),
        message: body.message,
        label: body.label,
        help: body.help,
    }
}

/// "did you mean …" for `written`, from `known` names at edit distance at most 2 (and less than half the name).
pub(crate) fn did_you_mean<'n>(
    written: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<String> {
    nearest(written, known).map(|name| format!("did you mean `{name}`?"))
}

fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let written_chars: Vec<char> = written.chars().take(64).collect();
    let most = 2.min(written_chars.len().div_ceil(2));
    known
        .into_iter()
        .filter_map(|name| {
            let distance = edit_distance(&written_chars, name);
            (distance <= most && distance > 0).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edit distance with adjacent swaps (optimal string alignment).
fn edit_distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let mut before = vec![0; b.len() + 1];
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let change = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = change.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
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
