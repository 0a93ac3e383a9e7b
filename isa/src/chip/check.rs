//! From raw entries to a `ChipSpec`: every rule of the schema, then the rules between keys ([`between`]).
//!
//! Invariant: reports every violation it can see; a `ChipSpec` is built only from values that all passed.

mod between;

pub(super) use between::BORDER_KEYS;
pub use between::{MOST_CHANNELS, MOST_CORES, MOST_TILES_OF_A_SIDE};

use super::number::Number;
use super::parse::{COMMAND_LINE, Entries, Entry, Raw};
use super::routes::Routes;
use super::schema::{Key, Kind, Need, schema};
use super::voltage::{self, Supply};
use super::{ChipError, ChipSpec, PacketKind, Quantity};
use std::collections::BTreeMap;

/// Sides of a host port, in direction order.
const SIDES: [&str; 4] = ["east", "west", "north", "south"];

/// A value that passed, in base units.
#[derive(Clone, Debug)]
pub(super) enum Checked {
    /// Name, text, choice.
    Text(String),
    /// Names; `None` = any.
    Names(Option<Vec<String>>),
    /// Flag.
    Flag(bool),
    /// Counts, bits, picoseconds of `cycle`, cycles of times.
    Int(i64),
    /// Lists of those.
    Ints(Vec<i64>),
    /// Joules or watts.
    Real(f64),
    /// (tiles, cycles).
    Points(Vec<(u32, u64)>),
    /// (tile, side).
    Ports(Vec<(u32, u8)>),
}

/// What went wrong with one value: message and help.
pub(super) type Fault = (String, String);

/// Checks all entries; `None` as soon as anything is missing or wrong.
pub(super) fn check(
    entries: &Entries,
    file: &str,
    errors: &mut Vec<ChipError>,
) -> Option<ChipSpec> {
    let mut checker = Checker {
        entries,
        file,
        errors,
        cycle_ps: None,
        voltage: None,
        values: BTreeMap::new(),
        quantities: BTreeMap::new(),
    };
    let before = checker.errors.len();
    for key in schema() {
        checker.key(key);
    }
    checker.between_keys();
    if checker.errors.len() > before {
        return None;
    }
    let values = std::mem::take(&mut checker.values);
    let quantities = std::mem::take(&mut checker.quantities);
    let chip = super::build::build(&Values(values), quantities);
    if let Some(circle) = chip.circular_wait() {
        let (key, help) = if chip.noc.routes.is_some() {
            (
                "noc.routes",
                "leave out one of these turns on every route, or leave out the table: one order of dimensions has no circle",
            )
        } else {
            (
                "noc.host_order",
                "give `noc.order` and `noc.host_order` one value, or the host a network of its own: noc.networks = [\"host\"]",
            )
        };
        checker.report(key, None, (circle.to_string(), help.to_owned()));
        return None;
    }
    Some(chip)
}

/// The values that passed, by key.
pub(super) struct Values(BTreeMap<&'static str, Checked>);

impl Values {
    fn get(&self, path: &str) -> &Checked {
        self.0
            .get(path)
            .expect("a key of the schema whose condition holds was checked")
    }

    /// Whether the key applies to this chip.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// Text, name or choice.
    pub(super) fn text(&self, path: &str) -> &str {
        match self.get(path) {
            Checked::Text(text) => text,
            other => panic!("{path} is {other:?}, not a text"),
        }
    }

    /// Names; `None` = any.
    pub(super) fn names(&self, path: &str) -> Option<Vec<String>> {
        match self.get(path) {
            Checked::Names(names) => names.clone(),
            other => panic!("{path} is {other:?}, not names"),
        }
    }

    /// Flag.
    pub(super) fn flag(&self, path: &str) -> bool {
        matches!(self.get(path), Checked::Flag(true))
    }

    /// Whole number that is not negative.
    pub(super) fn u64(&self, path: &str) -> u64 {
        match self.get(path) {
            Checked::Int(value) => {
                u64::try_from(*value).expect("the range of the key is not negative")
            }
            other => panic!("{path} is {other:?}, not a whole number"),
        }
    }

    /// Whole number whose range fits 32 bits.
    pub(super) fn u32(&self, path: &str) -> u32 {
        u32::try_from(self.u64(path)).expect("the range of the key fits 32 bits")
    }

    /// Whole numbers.
    pub(super) fn ints(&self, path: &str) -> &[i64] {
        match self.get(path) {
            Checked::Ints(values) => values,
            other => panic!("{path} is {other:?}, not whole numbers"),
        }
    }

    /// Joules or watts.
    pub(super) fn real(&self, path: &str) -> f64 {
        match self.get(path) {
            Checked::Real(value) => *value,
            other => panic!("{path} is {other:?}, not a real number"),
        }
    }

    /// Barrier points.
    pub(super) fn points(&self, path: &str) -> &[(u32, u64)] {
        match self.get(path) {
            Checked::Points(points) => points,
            other => panic!("{path} is {other:?}, not points"),
        }
    }

    /// Host ports.
    pub(super) fn ports(&self, path: &str) -> &[(u32, u8)] {
        match self.get(path) {
            Checked::Ports(ports) => ports,
            other => panic!("{path} is {other:?}, not ports"),
        }
    }
}

struct Checker<'a> {
    entries: &'a Entries,
    file: &'a str,
    errors: &'a mut Vec<ChipError>,
    cycle_ps: Option<i64>,
    voltage: Option<f64>,
    values: BTreeMap<&'static str, Checked>,
    quantities: BTreeMap<String, Quantity>,
}

impl Checker<'_> {
    /// Reports a fault of a key at its place.
    fn report(&mut self, path: &str, line: Option<u32>, (message, help): Fault) {
        let entry = self.entries.keys.get(path);
        let overridden = entry.is_some_and(|e| e.overridden);
        self.errors.push(ChipError {
            file: if overridden { COMMAND_LINE } else { self.file }.to_owned(),
            line: if overridden {
                0
            } else {
                line.or(entry.map(|e| e.line)).unwrap_or(1)
            },
            key: path.to_owned(),
            message,
            help,
        });
    }

    /// One key: is it wanted, is it there, is it right.
    fn key(&mut self, key: &'static Key) {
        let entries = self.entries;
        let entry = entries.keys.get(key.path);
        let mut applies = true;
        for (other, word) in key.when {
            match self.values.get(other) {
                Some(Checked::Text(actual)) if actual == word => {}
                Some(Checked::Text(actual)) => {
                    if entry.is_some() && applies {
                        let fault = misplaced(other, word, actual);
                        self.report(key.path, None, fault);
                    }
                    applies = false;
                }
                // The deciding key is itself wrong: nothing can be said about this one's place.
                _ if entry.is_none() => return,
                _ => {}
            }
        }
        match entry {
            None if applies && key.need != Need::Required => {
                if let Need::Default(word) = key.need {
                    self.values.insert(key.path, Checked::Text(word.to_owned()));
                }
            }
            None if applies => {
                let section = key.path.split_once('.').map_or("", |(section, _)| section);
                let line = self.entries.sections.get(section).copied().unwrap_or(1);
                let fault = (
                    "missing".to_owned(),
                    format!("{}; write {}", key.doc, example(key)),
                );
                self.report(key.path, Some(line), fault);
            }
            None => {}
            Some(entry) => match self.value(key, entry) {
                Ok(value) => {
                    if key.path == "cycle"
                        && let Checked::Int(ps) = value
                    {
                        self.cycle_ps = Some(ps);
                    }
                    if key.path == "voltage"
                        && let Checked::Real(volts) = value
                    {
                        self.voltage = Some(volts);
                    }
                    if applies {
                        self.values.insert(key.path, value);
                    }
                }
                Err(faults) => {
                    for (line, fault) in faults {
                        self.report(key.path, line, fault);
                    }
                }
            },
        }
    }

    /// The value of a key, its origin and unit included.
    fn value(&mut self, key: &Key, entry: &Entry) -> Result<Checked, Vec<(Option<u32>, Fault)>> {
        if !key.kind.has_origin() {
            return plain(key, &entry.raw).map_err(|fault| vec![(None, fault)]);
        }
        let Raw::Table(members) = &entry.raw else {
            let fault = (
                format!("is {}, without its origin", entry.raw.what()),
                format!("write {}", example(key)),
            );
            return Err(vec![(None, fault)]);
        };
        let mut faults = Vec::new();
        let mut origin: Vec<(bool, String)> = Vec::new();
        let (mut unit, mut value) = (None, None);
        for (name, line, raw) in members {
            let text = match raw {
                Raw::Text(text) if !text.trim().is_empty() => Some(text.clone()),
                _ => None,
            };
            match (name.as_str(), text) {
                ("value", _) => value = Some((*line, raw)),
                ("unit", Some(text)) if !key.kind.units().is_empty() => unit = Some((*line, text)),
                ("source", Some(text)) => origin.push((false, text)),
                ("estimated", Some(text)) => origin.push((true, text)),
                ("source" | "estimated", None) => faults.push((
                    Some(*line),
                    (
                        format!("`{name}` is not a text"),
                        "write where the number comes from, or why it is estimated so".to_owned(),
                    ),
                )),
                ("at_voltage" | "exponent", _) if key.kind.scales() => {}
                ("unit", None) => faults.push((
                    Some(*line),
                    (
                        "`unit` is not a text".to_owned(),
                        format!("write one of {}", key.kind.units().join(", ")),
                    ),
                )),
                _ => faults.push((
                    Some(*line),
                    (
                        format!("unknown member `{name}`"),
                        format!("write {}", example(key)),
                    ),
                )),
            }
        }
        let mentioned = |name: &str| members.iter().any(|(n, ..)| n == name);
        match origin.len() {
            1 => {}
            0 if mentioned("source") || mentioned("estimated") => {}
            0 => faults.push((
                None,
                (
                    "has no origin".to_owned(),
                    "add `source = \"…\"`, or `estimated = \"reason\"`".to_owned(),
                ),
            )),
            _ => faults.push((
                None,
                (
                    "has both `source` and `estimated`".to_owned(),
                    "keep one: published, or chosen here".to_owned(),
                ),
            )),
        }
        if unit.is_none() && !key.kind.units().is_empty() && !mentioned("unit") {
            faults.push((
                None,
                (
                    "has no unit".to_owned(),
                    format!("add `unit`: one of {}", key.kind.units().join(", ")),
                ),
            ));
        }
        if value.is_none() {
            faults.push((
                None,
                ("has no value".to_owned(), format!("write {}", example(key))),
            ));
        }
        if let Some((line, unit)) = &unit
            && !key.kind.units().contains(&unit.as_str())
        {
            faults.push((
                Some(*line),
                (
                    format!("has unit `{unit}`"),
                    format!("use one of {}", key.kind.units().join(", ")),
                ),
            ));
        }
        let (Some((line, raw)), true) = (value, faults.is_empty()) else {
            return Err(faults);
        };
        let supply = match self.voltage {
            Some(volts) => Supply::Volts(volts),
            None if self.entries.keys.contains_key("voltage") => Supply::Wrong,
            None => Supply::None,
        };
        let scaled = voltage::scaled(members, supply).map_err(|fault| vec![fault])?;
        let unit = unit.map_or(String::new(), |(_, unit)| unit);
        let number = Number {
            key,
            unit: &unit,
            cycle_ps: self.cycle_ps,
            scaled,
        };
        let checked = number
            .value(raw)
            .map_err(|fault| vec![(Some(line), fault)])?;
        let (estimated, source) = origin.swap_remove(0);
        number.quantities(raw, &source, estimated, &mut self.quantities);
        Ok(checked)
    }
}

/// The kind of packets that a name in `noc.networks` stands for.
pub(super) fn network_kind(name: &str) -> Option<PacketKind> {
    match name {
        "graded" => Some(PacketKind::Graded),
        "host" => Some(PacketKind::Host),
        _ => None,
    }
}

/// A key that belongs to another form of the chip.
fn misplaced(other: &str, word: &str, actual: &str) -> Fault {
    let message = format!("belongs to {other} = \"{word}\", but {other} is \"{actual}\"");
    let help = if other.ends_with(".price") {
        "a handler is priced by event or by instruction, never both: remove this key, or change the price and all its keys"
    } else {
        "remove this key, or change the other"
    };
    (message, help.to_owned())
}

/// What a right entry of the key looks like.
fn example(key: &Key) -> String {
    let value = match key.kind {
        Kind::Name => return "\"name\"".to_owned(),
        Kind::Text => return "\"text\"".to_owned(),
        Kind::Choice(words) => return format!("\"{}\"", words.join("\" or \"")),
        Kind::Names => return "[\"name\"]".to_owned(),
        Kind::Rows => return "[\"-e\", \"w-\"]".to_owned(),
        Kind::NamesOrAny => return "\"any\" or [\"name\"]".to_owned(),
        Kind::Flag => return "true or false".to_owned(),
        Kind::Ports => return "{ value = [\"0 west\"], source = \"…\" }".to_owned(),
        Kind::BitsList | Kind::CountPair | Kind::FourTimes => "[…]",
        Kind::TimeByTiles => "[[1, …], …]",
        _ => "…",
    };
    format!(
        "{{ value = {value}, unit = \"{}\", source = \"…\" }}",
        key.kind.units()[0]
    )
}

fn port_fault(
    (tile, side): (u32, u8),
    before: &[(u32, u8)],
    width: u64,
    height: u64,
) -> Option<Fault> {
    let name = format!("{tile} {}", SIDES[usize::from(side)]);
    let tiles = width * height;
    if u64::from(tile) >= tiles {
        return Some((
            format!("port \"{name}\": there is no tile {tile}"),
            format!("tiles are 0 to {}", tiles - 1),
        ));
    }
    let (x, y) = (u64::from(tile) % width, u64::from(tile) / width);
    let on_border = match side {
        0 => x + 1 == width,
        1 => x == 0,
        2 => y + 1 == height,
        _ => y == 0,
    };
    if !on_border {
        return Some((
            format!(
                "port \"{name}\" is not on the border: tile {tile} is at ({x}, {y}) of {width} × {height}"
            ),
            "choose a tile on that side of the mesh".to_owned(),
        ));
    }
    before.contains(&(tile, side)).then(|| {
        (
            format!("port \"{name}\" stands twice"),
            "give each port its own tile and side".to_owned(),
        )
    })
}

/// Kinds without origin.
fn plain(key: &Key, raw: &Raw) -> Result<Checked, Fault> {
    let wrong = || {
        (
            format!("is {}", raw.what()),
            format!("write {}", example(key)),
        )
    };
    match (key.kind, raw) {
        (Kind::Name, Raw::Text(text)) => name(text).map(|()| Checked::Text(text.clone())),
        (Kind::Text, Raw::Text(text)) => {
            if text.trim().is_empty() || text.contains(char::is_control) {
                return Err((
                    "is not one line of text".to_owned(),
                    "write one line".to_owned(),
                ));
            }
            Ok(Checked::Text(text.clone()))
        }
        (Kind::Choice(words), Raw::Text(text)) => {
            if words.contains(&text.as_str()) {
                Ok(Checked::Text(text.clone()))
            } else {
                Err((format!("is \"{text}\""), format!("write {}", example(key))))
            }
        }
        (Kind::Flag, Raw::Flag(value)) => Ok(Checked::Flag(*value)),
        (Kind::NamesOrAny, Raw::Text(text)) if text == "any" => Ok(Checked::Names(None)),
        (Kind::Names | Kind::NamesOrAny, Raw::List(items)) => {
            let mut names: Vec<String> = Vec::new();
            for item in items {
                let Raw::Text(text) = item else {
                    return Err((
                        format!("holds {}", item.what()),
                        "write names only".to_owned(),
                    ));
                };
                name(text)?;
                if names.contains(text) {
                    return Err((format!("names `{text}` twice"), "once is enough".to_owned()));
                }
                names.push(text.clone());
            }
            if names.is_empty() && key.kind == Kind::NamesOrAny {
                return Err((
                    "is an empty list".to_owned(),
                    format!("write {}", example(key)),
                ));
            }
            Ok(Checked::Names(Some(names)))
        }
        (Kind::Rows, Raw::List(items)) => {
            let row = |item: &Raw| match item {
                Raw::Text(text) => Ok(text.clone()),
                other => Err((
                    format!("holds {}", other.what()),
                    "write rows of letters only".to_owned(),
                )),
            };
            let rows = items.iter().map(row).collect::<Result<_, Fault>>()?;
            Ok(Checked::Names(Some(rows)))
        }
        _ => Err(wrong()),
    }
}

fn name(text: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !text.is_empty() && text.len() <= 64 && text.chars().all(allowed) {
        return Ok(());
    }
    Err((
        format!("{text:?} is not a name"),
        "use 1 to 64 lower-case letters, digits, `-` and `_`".to_owned(),
    ))
}
