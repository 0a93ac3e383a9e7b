//! Bodies of macros and `.rept`: text with places where arguments go.
//!
//! Invariant: every byte of an expansion belongs to a piece that says where it comes from.

use crate::arguments::{Argument, Parameter};
use crate::diagnostic::{Fault, code, did_you_mean};
use crate::source::{Piece, PieceKind};
use std::ops::Range;
use std::rc::Rc;

/// A macro.
pub(crate) struct Macro {
    pub(crate) name: Rc<str>,
    /// Where its name stands.
    pub(crate) span: Range<usize>,
    /// The file that defines it.
    pub(crate) file: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Body,
}

/// A body, cut where something is put in.
pub(crate) struct Body {
    pub(crate) text: Rc<str>,
    address: usize,
    parts: Vec<Part>,
}

/// A range of the body, and what stands for it.
struct Part {
    range: Range<usize>,
    kind: PartKind,
}

enum PartKind {
    Text,
    /// `\name`, by number.
    Parameter(usize),
    /// `\@`.
    Unique,
    /// `\()`.
    Nothing,
}

fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

impl Body {
    /// Cuts a body; `\name` that is neither a parameter nor the variable of an inner `.rept` is a fault.
    pub(crate) fn new(text: &str, address: usize, parameters: &[&str]) -> (Body, Vec<Fault>) {
        let mut parts = Vec::new();
        let mut faults = Vec::new();
        let mut inner: Option<Vec<&str>> = None;
        let bytes = text.as_bytes();
        let (mut start, mut at) = (0, 0);
        let mut quoted = false;
        while at < bytes.len() {
            match bytes[at] {
                b'\n' => quoted = false,
                b'"' => quoted = !quoted,
                b';' if !quoted => {
                    at += text[at..].find('\n').unwrap_or(bytes.len() - at);
                    continue;
                }
                b'\\' => {
                    let length = bytes[at + 1..].iter().take_while(|b| word(**b)).count();
                    let name = &text[at + 1..at + 1 + length];
                    let (kind, end) = match bytes.get(at + 1) {
                        Some(b'@') => (Some(PartKind::Unique), at + 2),
                        Some(b'(') if bytes.get(at + 2) == Some(&b')') => {
                            (Some(PartKind::Nothing), at + 3)
                        }
                        _ => {
                            let known = parameters.iter().position(|known| *known == name);
                            (known.map(PartKind::Parameter), at + 1 + length)
                        }
                    };
                    let Some(kind) = kind else {
                        // In a string it may be an escape.
                        let inner = inner.get_or_insert_with(|| variables(text));
                        if !quoted && !inner.contains(&name) {
                            let span = address + at..address + end.max(at + 1);
                            faults.push(unknown(name, span, parameters));
                        }
                        at += match bytes.get(at + 1) {
                            Some(next) if quoted && *next != b'\n' => 2,
                            _ => 1 + length,
                        };
                        continue;
                    };
                    if start < at {
                        parts.push(Part {
                            range: start..at,
                            kind: PartKind::Text,
                        });
                    }
                    parts.push(Part {
                        range: at..end,
                        kind,
                    });
                    (start, at) = (end, end);
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        if start < bytes.len() || parts.is_empty() {
            parts.push(Part {
                range: start..bytes.len(),
                kind: PartKind::Text,
            });
        }
        let body = Body {
            text: text.into(),
            address,
            parts,
        };
        (body, faults)
    }

    pub(crate) fn pieces(&self) -> usize {
        self.parts.len()
    }

    /// At most how long the text with these arguments is.
    pub(crate) fn length(&self, arguments: &[Argument<'_>]) -> usize {
        let length = |part: &Part| match part.kind {
            PartKind::Text => part.range.len(),
            PartKind::Parameter(number) => arguments[number].text().len(),
            PartKind::Unique => 20,
            PartKind::Nothing => 0,
        };
        self.parts.iter().map(length).sum()
    }

    /// The text with its arguments, and where its pieces come from.
    pub(crate) fn with(
        &self,
        arguments: &[Argument<'_>],
        unique: usize,
    ) -> (Rc<str>, Box<[Piece]>) {
        let mut pieces = Vec::with_capacity(self.parts.len());
        let mut text = String::with_capacity(self.length(arguments));
        for part in &self.parts {
            let start = text.len();
            let site = self.address + part.range.start..self.address + part.range.end;
            let (source, kind) = match part.kind {
                PartKind::Text => {
                    text.push_str(&self.text[part.range.clone()]);
                    (site.start, PieceKind::Body)
                }
                PartKind::Parameter(number) => {
                    text.push_str(arguments[number].text());
                    match &arguments[number] {
                        Argument::Given(_, address) => (*address, PieceKind::Argument(site)),
                        Argument::Default(_, address) => (*address, PieceKind::Body),
                        Argument::Made(_) => (site.start, PieceKind::Made(site.len())),
                    }
                }
                PartKind::Unique => {
                    text.push_str(&unique.to_string());
                    (site.start, PieceKind::Made(site.len()))
                }
                PartKind::Nothing => (site.start, PieceKind::Made(site.len())),
            };
            pieces.push(Piece {
                start,
                source,
                kind,
            });
        }
        if self.parts.len() == 1 && matches!(self.parts[0].kind, PartKind::Text) {
            return (self.text.clone(), pieces.into());
        }
        (text.into(), pieces.into())
    }
}

fn unknown(name: &str, span: Range<usize>, parameters: &[&str]) -> Fault {
    let known: Vec<String> = parameters
        .iter()
        .map(|name| format!("`\\{name}`"))
        .collect();
    let help = match known.as_slice() {
        [] => "it has none; `\\@` is a number that no other expansion has".to_owned(),
        known => format!("known here: {}", known.join(", ")),
    };
    Fault::new(
        code::UNKNOWN_PARAMETER,
        span,
        format!("`\\{name}` is no parameter"),
    )
    .label("not a parameter")
    .help(help)
    .maybe_help(did_you_mean(name, parameters.iter().copied()))
}

/// Variables of the `.rept` in a body.
fn variables(text: &str) -> Vec<&str> {
    let repeats = text
        .lines()
        .filter(|line| line.trim_start().starts_with(".rept"));
    repeats
        .filter_map(|line| {
            let code = line.split(';').next().unwrap_or_default();
            let name = code.rsplit(',').next()?.trim();
            name.bytes().all(word).then_some(name)
        })
        .collect()
}
