//! Numbers of a chip file: units, ranges, and times as whole cycles.
//!
//! Invariant: a time is an exact number of cycles or an error; energies are the doubles nearest to what is written.

use super::check::{Checked, Fault};
use super::parse::Raw;
use super::schema::{Key, Kind};
use super::{Quantity, Scaled};
use std::collections::BTreeMap;

/// How far from a whole number of cycles a time may be, relative: room for rounding of decimals only.
const TOLERANCE: f64 = 1e-9;

/// The place of a number: its key, unit as written, and the cycle if it is known.
pub(super) struct Number<'a> {
    /// Key.
    pub(super) key: &'a Key,
    /// Unit, one of the kind's.
    pub(super) unit: &'a str,
    /// Length of the cycle, ps; unknown when that key is wrong.
    pub(super) cycle_ps: Option<i64>,
    /// Scaling of a cost to the chip's voltage.
    pub(super) scaled: Option<Scaled>,
}

impl Number<'_> {
    /// Checks and converts the value.
    pub(super) fn value(&self, raw: &Raw) -> Result<Checked, Fault> {
        match self.key.kind {
            Kind::Count | Kind::Bits => self.whole(raw).map(Checked::Int),
            Kind::Cycle => self.cycle(raw).map(Checked::Int),
            Kind::Time => self.time(raw).map(Checked::Int),
            Kind::Energy | Kind::Power => self.cost(raw).map(Checked::Real),
            Kind::Voltage => self.real(raw).map(Checked::Real),
            Kind::BitsList => {
                let list = self.list(raw, Self::whole)?;
                if list.is_empty() || list.windows(2).any(|w| w[0] >= w[1]) {
                    return Err((
                        "is not ascending".to_owned(),
                        "write at least one number, ascending, each once".to_owned(),
                    ));
                }
                Ok(Checked::Ints(list))
            }
            Kind::CountPair => self.exactly(raw, 2, Self::whole),
            Kind::FourTimes => self.exactly(raw, 4, Self::time),
            Kind::TimeByTiles => self.points(raw),
            Kind::Ports => ports(raw),
            Kind::Name
            | Kind::Text
            | Kind::Choice(_)
            | Kind::Names
            | Kind::NamesOrAny
            | Kind::Rows
            | Kind::Flag => panic!("{} has no origin, so it is not read here", self.key.path),
        }
    }

    /// Enters the number, or each of a list under `key[index]`, as written.
    pub(super) fn quantities(
        &self,
        raw: &Raw,
        source: &str,
        estimated: bool,
        out: &mut BTreeMap<String, Quantity>,
    ) {
        let path = self.key.path;
        let mut enter = |path: String, value: f64, unit: &str| {
            let unit = unit.to_owned();
            out.insert(
                path,
                Quantity {
                    value,
                    unit,
                    source: source.to_owned(),
                    estimated,
                    scaled: self.scaled,
                },
            );
        };
        let Raw::List(items) = raw else {
            enter(path.to_owned(), raw.number().unwrap_or(0.0), self.unit);
            return;
        };
        for (i, item) in items.iter().enumerate() {
            match item {
                Raw::List(point) => {
                    let [tiles, time] = [0, 1].map(|i| point[i].number().unwrap_or(0.0));
                    enter(format!("{path}[{tiles}]"), time, self.unit);
                }
                Raw::Text(port) => {
                    let (tile, side) = port.split_once(' ').unwrap_or((port, ""));
                    enter(
                        format!("{path}[{i}]"),
                        tile.parse().unwrap_or(0.0),
                        side.trim(),
                    );
                }
                _ => enter(
                    format!("{path}[{i}]"),
                    item.number().unwrap_or(0.0),
                    self.unit,
                ),
            }
        }
    }

    fn number(&self, raw: &Raw) -> Result<f64, Fault> {
        match raw.number() {
            Some(value) if value.is_finite() => Ok(value),
            Some(value) => Err((format!("is {value}"), "write a finite number".to_owned())),
            None => Err((format!("is {}", raw.what()), "write a number".to_owned())),
        }
    }

    /// Range of the key, in its base unit.
    fn in_range(&self, value: f64, base: &str) -> Result<(), Fault> {
        let Key { min, max, .. } = *self.key;
        if value < min || value > max {
            return Err((
                format!("is {value}{base}, outside {min} to {max}"),
                if min == max {
                    format!("write {min}")
                } else {
                    format!("write {min} to {max}{base}")
                },
            ));
        }
        Ok(())
    }

    fn whole(&self, raw: &Raw) -> Result<i64, Fault> {
        let value = self.number(raw)?;
        if value.fract() != 0.0 {
            return Err((format!("is {value}"), "write a whole number".to_owned()));
        }
        self.in_range(value, "")?;
        Ok(value as i64)
    }

    /// A cost at the chip's voltage.
    fn cost(&self, raw: &Raw) -> Result<f64, Fault> {
        let base = self.real(raw)?;
        let Some(scaled) = self.scaled else {
            return Ok(base);
        };
        let cost = base * scaled.factor;
        if cost > self.key.max {
            return Err((
                format!(
                    "is {cost} {} at the chip's voltage, above {}",
                    self.base(),
                    self.key.max
                ),
                "check `voltage`, `at_voltage` and `exponent`".to_owned(),
            ));
        }
        Ok(cost)
    }

    /// Base unit of the kind.
    fn base(&self) -> &'static str {
        self.key.kind.units().first().copied().unwrap_or("")
    }

    fn real(&self, raw: &Raw) -> Result<f64, Fault> {
        let value = self.number(raw)?;
        if value < 0.0 {
            return Err((
                format!("is negative: {value} {}", self.unit),
                "a cost is 0 or more".to_owned(),
            ));
        }
        // Through decimal text, because 23.6 × 1e-12 is not the double nearest to 23.6e-12.
        let base: f64 = format!("{value}e-{}", exponent(self.unit))
            .parse()
            .unwrap_or(value);
        self.in_range(base, &format!(" {}", self.base()))?;
        Ok(base)
    }

    fn cycle(&self, raw: &Raw) -> Result<i64, Fault> {
        let value = self.number(raw)?;
        let ps = value * picoseconds(self.unit);
        self.in_range(ps.round(), " ps")?;
        if (ps - ps.round()).abs() > TOLERANCE * ps.round() {
            return Err((
                format!("is {ps} ps"),
                "write a whole number of picoseconds".to_owned(),
            ));
        }
        Ok(ps.round() as i64)
    }

    fn time(&self, raw: &Raw) -> Result<i64, Fault> {
        let value = self.number(raw)?;
        if value < 0.0 {
            return Err((
                format!("is negative: {value} {}", self.unit),
                "a time is 0 or more".to_owned(),
            ));
        }
        let in_cycles = self.unit == "cycles";
        let per_cycle = match (in_cycles, self.cycle_ps) {
            (true, _) => 1.0,
            (false, Some(ps)) => ps as f64 / picoseconds(self.unit),
            // Without the cycle nothing more can be said; no chip is built then.
            (false, None) => return Ok(0),
        };
        let cycles = value / per_cycle;
        let nearest = cycles.round();
        if (cycles - nearest).abs() > TOLERANCE * nearest.max(1.0) {
            let unit = self.unit;
            let [low, high] = [cycles.floor(), cycles.ceil()].map(|n| decimal(n * per_cycle));
            return Err((
                format!(
                    "{value} {unit} is {} cycles, not a whole number",
                    decimal(cycles)
                ),
                format!("the nearest are {low} {unit} and {high} {unit}; or make `cycle` finer"),
            ));
        }
        self.in_range(nearest, " cycles")?;
        Ok(nearest as i64)
    }

    fn list<T>(
        &self,
        raw: &Raw,
        each: impl Fn(&Self, &Raw) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let Raw::List(items) = raw else {
            return Err((format!("is {}", raw.what()), "write a list".to_owned()));
        };
        items
            .iter()
            .enumerate()
            .map(|(i, item)| {
                each(self, item).map_err(|(message, help)| (format!("[{i}] {message}"), help))
            })
            .collect()
    }

    fn exactly(
        &self,
        raw: &Raw,
        count: usize,
        each: impl Fn(&Self, &Raw) -> Result<i64, Fault>,
    ) -> Result<Checked, Fault> {
        let list = self.list(raw, each)?;
        if list.len() != count {
            return Err((
                format!("has {} numbers", list.len()),
                format!("write {count}"),
            ));
        }
        Ok(Checked::Ints(list))
    }

    fn points(&self, raw: &Raw) -> Result<Checked, Fault> {
        let points = self.list(raw, |number, item| {
            let point = match item {
                Raw::List(point) if point.len() == 2 => point,
                _ => return Err(("is not a pair".to_owned(), "write [tiles, time]".to_owned())),
            };
            let tiles = number.number(&point[0])?;
            if tiles.fract() != 0.0 || !(1.0..=f64::from(1 << 20)).contains(&tiles) {
                return Err((
                    format!("is for {tiles} tiles"),
                    "write a number of tiles, 1 or more".to_owned(),
                ));
            }
            Ok((tiles as u32, number.time(&point[1])? as u64))
        })?;
        if points.is_empty() || points.windows(2).any(|w| w[0].0 >= w[1].0) {
            return Err((
                "is not ascending by tiles".to_owned(),
                "write at least one [tiles, time], ascending, each number of tiles once".to_owned(),
            ));
        }
        Ok(Checked::Points(points))
    }
}

fn ports(raw: &Raw) -> Result<Checked, Fault> {
    let help = || "write [\"0 west\", …]: tile, then east, west, north or south".to_owned();
    let Raw::List(items) = raw else {
        return Err((format!("is {}", raw.what()), help()));
    };
    let mut ports = Vec::new();
    for item in items {
        let Raw::Text(text) = item else {
            return Err((format!("holds {}", item.what()), help()));
        };
        let port = text.split_once(' ').and_then(|(tile, side)| {
            let side = ["east", "west", "north", "south"]
                .iter()
                .position(|s| *s == side.trim())?;
            Some((tile.parse::<u32>().ok()?, side as u8))
        });
        ports.push(port.ok_or_else(|| (format!("{text:?} is not a port"), help()))?);
    }
    if ports.is_empty() || ports.len() > 1024 {
        return Err((
            format!("has {} ports", ports.len()),
            "write 1 to 1024".to_owned(),
        ));
    }
    Ok(Checked::Ports(ports))
}

/// Decimal exponent of a unit, negated.
fn exponent(unit: &str) -> u32 {
    match unit.as_bytes() {
        [b'm', _, ..] => 3,
        [b'u', ..] => 6,
        [b'n', ..] => 9,
        [b'p', ..] => 12,
        [b'f', ..] => 15,
        _ => 0,
    }
}

fn picoseconds(unit: &str) -> f64 {
    10f64.powi(12 - exponent(unit) as i32)
}

/// A number without the digits that binary fractions add.
fn decimal(value: f64) -> String {
    let rounded = format!("{value:.9}");
    rounded
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}
