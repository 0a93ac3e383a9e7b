//! The formatter: one canonical form of an assembly text. `specs/asm.md` has its rules.
//!
//! Invariant: only space between words, line ends, and the line of what follows a label change, so the text means what it meant, right or
//! wrong; and a formatted text is formatted. Columns are fixed: no line moves another.

use crate::parser::{Place, place};

/// Column of an instruction and of what stands with it.
const INDENT: usize = 4;
/// Width of guard and mnemonic, the space after them included.
const HEAD: usize = 8;
/// Column of a line that goes on with a list.
const LIST: usize = 6;
/// Width of the name of an `.option`.
const OPTION: usize = 8;
/// Column of a comment after code.
const COMMENT: usize = 40;

/// The canonical form of a text, whatever it is.
///
/// ```
/// let text = ".core 0\n.group lanes=1\n.update\nout: halt ; at once\n.end";
/// let formatted = assembler::format(text);
/// assert_eq!(formatted, ".core 0\n.group lanes=1\n.update\nout:\n    halt                                ; at once\n.end\n");
/// assert_eq!(assembler::format(&formatted), formatted);
/// ```
pub fn format(text: &str) -> String {
    let mut out = Formatter {
        text: String::with_capacity(text.len() + text.len() / 8),
        blank: false,
        inside: false,
        around: None,
    };
    for line in text.split('\n') {
        out.line(line);
    }
    out.text
}

/// An instruction as it stands in a line of its own, without the line's indent.
pub(crate) fn instruction(code: &str) -> String {
    let words = spaced(code);
    if words.contains('"') {
        // No instruction has a string; what is wrong stays as it is, for a string may not grow.
        return words;
    }
    let (guard, rest) = match words.strip_prefix('@') {
        Some(after) => {
            let (negate, after) = match after.trim_start_matches(' ').strip_prefix('!') {
                Some(after) => ("!", after.trim_start_matches(' ')),
                None => ("", after.trim_start_matches(' ')),
            };
            let (name, rest) = after.split_once(' ').unwrap_or((after, ""));
            (format!("@{negate}{name}"), rest)
        }
        None => (String::new(), words.as_str()),
    };
    let (mnemonic, operands) = rest.split_once(' ').unwrap_or((rest, ""));
    let gap = if guard.is_empty() || mnemonic.is_empty() {
        ""
    } else {
        " "
    };
    let head = format!("{guard}{gap}{mnemonic}");
    match operands {
        "" => head,
        _ => format!("{head:<width$} {operands}", width = HEAD - 1),
    }
}

struct Formatter {
    text: String,
    /// A blank line is due before the next one.
    blank: bool,
    /// Between `.update` or `.on_spike` and `.end`, or in a macro.
    inside: bool,
    /// In a macro: what `inside` is around it.
    around: Option<bool>,
}

impl Formatter {
    fn line(&mut self, line: &str) {
        let (code, comment) = split(line);
        if code.is_empty() && comment.is_empty() {
            self.blank = !self.text.is_empty();
            return;
        }
        if code.is_empty() {
            let column = if self.inside { INDENT } else { 0 };
            return self.put(column, "", comment);
        }
        let mut code = code;
        while let Some((label, rest)) = label(code, self.inside, self.around.is_some()) {
            let alone = rest.is_empty();
            self.put(0, &format!("{label}:"), if alone { comment } else { "" });
            if alone {
                return;
            }
            code = rest;
        }
        match code.as_bytes()[0] {
            b'.' => self.directive(code, comment),
            b'0'..=b'9' | b'-' | b'~' | b'(' if !self.inside => {
                self.put(LIST, &spaced(code), comment)
            }
            _ if self.inside => self.put(INDENT, &instruction(code), comment),
            _ => self.put(0, &spaced(code), comment),
        }
    }

    fn directive(&mut self, code: &str, comment: &str) {
        let mut words = spaced(code);
        let name = words.split(' ').next().unwrap_or_default().to_owned();
        match name.as_str() {
            ".update" | ".on_spike" => self.inside = true,
            ".end" => self.inside = false,
            // A body mostly is code of a handler.
            ".macro" => {
                let inside = std::mem::replace(&mut self.inside, true);
                self.around.get_or_insert(inside);
            }
            ".endm" => self.inside = self.around.take().unwrap_or(self.inside),
            ".option" if !words.contains('"') => {
                if let Some((option, value)) = words[name.len()..].split_once('=') {
                    let (option, value) = (option.trim_matches(' '), value.trim_matches(' '));
                    words = format!(".option {option:<OPTION$} = {value}");
                }
            }
            _ => {}
        }
        let column = match place(&name) {
            Some(Place::Handler) if name != ".end" => INDENT,
            _ => 0,
        };
        self.put(column, &words, comment);
    }

    /// One line: code from a column on, a comment behind it.
    fn put(&mut self, column: usize, code: &str, comment: &str) {
        if std::mem::take(&mut self.blank) {
            self.text.push('\n');
        }
        let start = self.text.len();
        self.text.extend(std::iter::repeat_n(' ', column));
        self.text.push_str(code);
        if !comment.is_empty() {
            let written = self.text[start..].chars().count();
            let gap = match code {
                "" => 0,
                _ => COMMENT.saturating_sub(written).max(2),
            };
            self.text.extend(std::iter::repeat_n(' ', gap));
            self.text.push_str(comment);
        }
        self.text.push('\n');
    }
}

/// Directives that mean what they mean at the beginning of a line only: behind a label they stay where they are.
const BLOCKS: [&str; 9] = [
    ".macro", ".endm", ".rept", ".endr", ".if", ".elseif", ".else", ".endif", ".end",
];

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// Code and comment of a line, without space around them.
pub(crate) fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let mut quoted = false;
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => {
                return (
                    line[..at].trim_matches(is_space),
                    line[at..].trim_end_matches(is_space),
                );
            }
            _ => {}
        }
    }
    (line.trim_matches(is_space), "")
}

/// Words with one space between them; commas follow their word and are followed by a space. Strings stay.
fn spaced(code: &str) -> String {
    let mut out = String::with_capacity(code.len() + 8);
    let (mut quoted, mut escaped, mut gap) = (false, false, false);
    for c in code.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            out.push(c);
            continue;
        }
        if is_space(c) {
            gap = true;
            continue;
        }
        if (gap || out.ends_with(',')) && c != ',' && !out.is_empty() {
            out.push(' ');
        }
        (gap, quoted) = (false, c == '"');
        out.push(c);
    }
    out
}

/// The label that begins the code, and what follows it; `.name` and `1` are labels in handlers only. In a macro's body, where a line may be of
/// a list too (`0:\weight`), a label that is not a plain name counts only when it stands alone.
fn label(code: &str, inside: bool, body: bool) -> Option<(&str, &str)> {
    let word = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || body && matches!(c, '\\' | '@')
    };
    let end = code.find(|c: char| !word(c)).unwrap_or(code.len());
    let (name, rest) = code.split_at(end);
    let rest = rest.trim_start_matches(is_space).strip_prefix(':')?;
    let rest = rest.trim_start_matches(is_space);
    let first = name.chars().next()?;
    let plain = first.is_ascii_alphabetic() || first == '_';
    let clear = match body {
        true => rest.is_empty() && first != '@' || plain && !name.contains(['\\', '@']),
        false => plain || inside,
    };
    let end = rest.find(is_space).unwrap_or(rest.len());
    (clear && !BLOCKS.contains(&&rest[..end])).then_some((name, rest))
}
