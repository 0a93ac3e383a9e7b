//! From TOML text and overrides to one raw entry per key, with its line.
//!
//! Invariant: nothing here knows what a value means; unknown keys are reported, never dropped.

use super::ChipError;
use super::schema::{self, Kind};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// Name under which errors of overrides are reported.
pub(super) const COMMAND_LINE: &str = "--set";
/// Key under which errors of TOML syntax are reported.
pub(super) const SYNTAX: &str = "TOML";
/// Syntax errors reported: one slip, such as an open brace, makes one on each line after it.
const MOST_SYNTAX_ERRORS: usize = 5;
/// Origin of an override.
pub(super) const SET: &str = "set on the command line";

/// A TOML value without positions inside, except for the members of a table.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// String.
    Text(String),
    /// Integer that fits.
    Int(i64),
    /// Float, or an integer that does not fit.
    Float(f64),
    /// Boolean.
    Flag(bool),
    /// Array.
    List(Vec<Raw>),
    /// Table: (key, line, value), by line.
    Table(Vec<(String, u32, Raw)>),
    /// Date or time.
    Date,
}

impl Raw {
    /// What it is, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Raw::Text(_) => "a string",
            Raw::Int(_) | Raw::Float(_) => "a number",
            Raw::Flag(_) => "a boolean",
            Raw::List(_) => "a list",
            Raw::Table(_) => "a table",
            Raw::Date => "a date",
        }
    }

    /// The number, if it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Raw::Int(i) => Some(*i as f64),
            Raw::Float(f) => Some(*f),
            _ => None,
        }
    }

    /// One spelling per value, for the digest of an overridden chip.
    fn canonical(&self, out: &mut String) {
        match self {
            Raw::Text(t) => out.push_str(&format!("{t:?}")),
            Raw::Int(i) => out.push_str(&i.to_string()),
            Raw::Float(f) => out.push_str(&format!("{f:?}")),
            Raw::Flag(b) => out.push_str(&b.to_string()),
            Raw::List(items) => {
                out.push('[');
                for item in items {
                    item.canonical(out);
                    out.push(',');
                }
                out.push(']');
            }
            Raw::Table(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by(|a, b| a.0.cmp(&b.0));
                out.push('{');
                for (key, _, value) in members {
                    out.push_str(&format!("{key:?}="));
                    value.canonical(out);
                    out.push(',');
                }
                out.push('}');
            }
            Raw::Date => out.push_str("date"),
        }
    }
}

/// The value of one key of the schema.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Line in the file; 0 for an override.
    pub(super) line: u32,
    /// Set on the command line.
    pub(super) overridden: bool,
    /// The value.
    pub(super) raw: Raw,
}

/// All entries of a file.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// By dotted path.
    pub(super) keys: BTreeMap<&'static str, Entry>,
    /// Line where each section begins, for missing keys.
    pub(super) sections: BTreeMap<String, u32>,
}

impl Entries {
    /// One text per meaning: what the digest of an overridden chip covers.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        for (path, entry) in &self.keys {
            out.push_str(path);
            out.push('=');
            entry.raw.canonical(&mut out);
            out.push('\n');
        }
        out
    }
}

/// Reads the text. Syntax errors come alone, because what follows them means nothing.
pub(super) fn entries(text: &str, file: &str, errors: &mut Vec<ChipError>) -> Entries {
    let lines = Lines::new(text);
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut entries = Entries::default();
    if !syntax.is_empty() {
        let mut at: Vec<(usize, String)> = syntax
            .iter()
            .map(|e| {
                (
                    e.span().map_or(0, |s| s.start),
                    e.message().replace('\n', "; "),
                )
            })
            .collect();
        at.sort();
        let more = at.len().saturating_sub(MOST_SYNTAX_ERRORS);
        at.truncate(MOST_SYNTAX_ERRORS);
        for (i, (start, message)) in at.into_iter().enumerate() {
            let last = i + 1 == MOST_SYNTAX_ERRORS && more > 0;
            errors.push(ChipError {
                file: file.to_owned(),
                line: lines.of(start),
                key: SYNTAX.to_owned(),
                message,
                help: if last {
                    format!("and {more} more errors of syntax")
                } else {
                    String::new()
                },
            });
        }
        // Every key would be missing.
        return entries;
    }
    let first = errors.len();
    walk(
        "",
        members(table.get_ref(), &lines),
        file,
        &mut entries,
        errors,
    );
    // Which keys the file lacks is known at its end.
    for error in &mut errors[first..] {
        if error.message == UNKNOWN {
            error.help = suggestion(&error.key, &entries);
        }
    }
    entries
}

fn walk(
    section: &str,
    members: Vec<(String, u32, Raw)>,
    file: &str,
    entries: &mut Entries,
    errors: &mut Vec<ChipError>,
) {
    for (name, line, raw) in members {
        let path = if section.is_empty() {
            name.clone()
        } else {
            format!("{section}.{name}")
        };
        let known = if name.contains('.') {
            None
        } else {
            schema::find(&path)
        };
        let is_section = schema::schema().iter().any(|k| {
            k.path
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        });
        match (known, raw) {
            (Some(key), raw) => {
                entries.keys.insert(
                    key.path,
                    Entry {
                        line,
                        overridden: false,
                        raw,
                    },
                );
            }
            (None, Raw::Table(inner)) if is_section && !name.contains('.') => {
                entries.sections.insert(path.clone(), line);
                walk(&path, inner, file, entries, errors);
            }
            (None, raw) if is_section && !name.contains('.') => errors.push(ChipError {
                file: file.to_owned(),
                line,
                key: path.clone(),
                message: format!("is {}, but it is a section", raw.what()),
                help: format!("write [{path}] and its keys below"),
            }),
            (None, _) => errors.push(unknown(&path, file, line, entries)),
        }
    }
}

/// What is said of a key that the schema does not have.
const UNKNOWN: &str = "unknown key";

fn unknown(path: &str, file: &str, line: u32, entries: &Entries) -> ChipError {
    ChipError {
        file: file.to_owned(),
        line,
        key: path.to_owned(),
        message: UNKNOWN.to_owned(),
        help: suggestion(path, entries),
    }
}

fn suggestion(path: &str, entries: &Entries) -> String {
    match schema::nearest(path, |key| !entries.keys.contains_key(key)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "specs/chip.md lists all keys".to_owned(),
    }
}

/// Members of a table by line.
fn members(table: &DeTable<'_>, lines: &Lines) -> Vec<(String, u32, Raw)> {
    let mut out: Vec<(usize, String, Raw)> = table
        .iter()
        .map(|(key, value)| {
            (
                key.span().start,
                key.get_ref().to_string(),
                raw(value.get_ref(), lines),
            )
        })
        .collect();
    out.sort_by_key(|(start, ..)| *start);
    out.into_iter()
        .map(|(start, key, value)| (key, lines.of(start), value))
        .collect()
}

fn raw(value: &DeValue<'_>, lines: &Lines) -> Raw {
    match value {
        DeValue::String(s) => Raw::Text(s.to_string()),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(value) => Raw::Int(value),
            Err(_) => Raw::Float(i.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(f) => Raw::Float(f.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Raw::Flag(*b),
        DeValue::Datetime(_) => Raw::Date,
        DeValue::Array(items) => Raw::List(items.iter().map(|v| raw(v.get_ref(), lines)).collect()),
        DeValue::Table(inner) => Raw::Table(members(inner, lines)),
    }
}

/// Byte offset → line, from 1.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Lines {
        Lines(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i)
                .collect(),
        )
    }

    fn of(&self, offset: usize) -> u32 {
        self.0.partition_point(|&newline| newline < offset) as u32 + 1
    }
}

/// Applies `key=value` pairs in order; the last of a key wins.
pub(super) fn overrides(
    entries: &mut Entries,
    pairs: &[(String, String)],
    errors: &mut Vec<ChipError>,
) {
    for (path, text) in pairs {
        let Some(key) = schema::find(path) else {
            errors.push(unknown(path, COMMAND_LINE, 0, entries));
            continue;
        };
        let before = entries.keys.get(key.path).map(|e| &e.raw);
        match value(key.kind, text.trim(), before) {
            Ok(raw) => {
                entries.keys.insert(
                    key.path,
                    Entry {
                        line: 0,
                        overridden: true,
                        raw,
                    },
                );
            }
            Err((message, help)) => errors.push(ChipError {
                file: COMMAND_LINE.to_owned(),
                line: 0,
                key: path.clone(),
                message,
                help,
            }),
        }
    }
}

/// The value of an override, in the form that a file has.
fn value(kind: Kind, text: &str, before: Option<&Raw>) -> Result<Raw, (String, String)> {
    match kind {
        Kind::Name | Kind::Text | Kind::Choice(_) => Ok(Raw::Text(unquoted(text).to_owned())),
        Kind::Flag => match text {
            "true" => Ok(Raw::Flag(true)),
            "false" => Ok(Raw::Flag(false)),
            _ => Ok(Raw::Text(text.to_owned())),
        },
        Kind::Names | Kind::NamesOrAny | Kind::Rows => Ok(match parsed(text) {
            Some(list @ Raw::List(_)) => list,
            _ => Raw::Text(unquoted(text).to_owned()),
        }),
        Kind::Ports => {
            let list = parsed(text).unwrap_or(Raw::List(vec![Raw::Text(text.to_owned())]));
            Ok(with_origin(list, None))
        }
        _ => {
            let numeric = |c: char| c.is_ascii_digit() || "+-._eE".contains(c);
            let split = match text.rfind(']') {
                Some(end) => end + 1,
                None => text.find(|c| !numeric(c)).unwrap_or(text.len()),
            };
            let (number, unit) = (text[..split].trim(), text[split..].trim());
            let unit = if !unit.is_empty() {
                unit.to_owned()
            } else if let Some(unit) = before.and_then(unit_of) {
                unit
            } else if let [only] = kind.units() {
                (*only).to_owned()
            } else {
                return Err((
                    format!("`{text}` has no unit, and the file gives none"),
                    format!("write e.g. `{text} {}`", kind.units()[0]),
                ));
            };
            let raw =
                parsed(number).filter(|raw| raw.number().is_some() || matches!(raw, Raw::List(_)));
            match raw {
                Some(raw) => Ok(with_origin(raw, Some(unit))),
                None => Err((
                    format!("`{text}` is not a number"),
                    format!(
                        "write a number, or a number and a unit ({})",
                        kind.units().join(", ")
                    ),
                )),
            }
        }
    }
}

fn with_origin(value: Raw, unit: Option<String>) -> Raw {
    let mut members = vec![("value".to_owned(), 0, value)];
    if let Some(unit) = unit {
        members.push(("unit".to_owned(), 0, Raw::Text(unit)));
    }
    members.push(("estimated".to_owned(), 0, Raw::Text(SET.to_owned())));
    Raw::Table(members)
}

fn unit_of(raw: &Raw) -> Option<String> {
    let Raw::Table(members) = raw else {
        return None;
    };
    members.iter().find_map(|(key, _, value)| match value {
        Raw::Text(unit) if key == "unit" => Some(unit.clone()),
        _ => None,
    })
}

fn parsed(text: &str) -> Option<Raw> {
    let value = DeValue::parse(text).ok()?;
    Some(raw(value.get_ref(), &Lines(Vec::new())))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .unwrap_or(text)
}
