//! `run --compare OLD.json`: what differs between this run and an earlier report, number by number.
//!
//! Invariant: both sides are read from the same stable JSON, so whatever a report says can be compared; a key that only one of them
//! has is named, and nothing about the host computer is compared.

use crate::files;
use crate::outcome::Report;
use crate::text::{count, si, table};
use anyhow::{Context, Result, anyhow, bail};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// Parts of a report that are compared, and how their numbers are shown.
const PARTS: [(&str, Unit); 16] = [
    ("accuracy", Unit::Plain),
    ("steps", Unit::Count),
    ("samples", Unit::Count),
    ("spikes", Unit::Count),
    ("counters", Unit::Count),
    ("energy_j", Unit::Joules),
    ("time.cycles", Unit::Count),
    ("time.seconds", Unit::Seconds),
    ("time.latency_s", Unit::Seconds),
    ("time.step_s", Unit::Seconds),
    ("time.breakdown", Unit::Count),
    ("time.counters", Unit::Count),
    ("power_w", Unit::Watts),
    ("mapping", Unit::Plain),
    ("populations", Unit::Plain),
    ("handlers", Unit::Plain),
];

/// Parts of these that describe the input of the run, not its result.
const LEFT_OUT: [&str; 3] = [
    "mapping.quantization",
    "energy_j.scaled",
    "energy_j.voltage_v",
];

#[derive(Clone, Copy)]
enum Unit {
    Plain,
    Count,
    Joules,
    Seconds,
    Watts,
}

/// The value of `compare` in `--json`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Comparison {
    pub file: String,
    pub command: String,
    pub compared: usize,
    pub different: IndexMap<String, Difference>,
    pub only_old: Vec<String>,
    pub only_new: Vec<String>,
    pub warnings: Vec<String>,
}

/// One number in both reports.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Difference {
    pub old: f64,
    pub new: f64,
    pub difference: f64,
    pub percent: Option<f64>,
}

/// An earlier report, read before anything runs.
pub struct Old {
    file: String,
    report: Value,
}

/// Reads an earlier report; refuses any other file.
pub fn read(path: &Path) -> Result<Old> {
    let file = path.display().to_string();
    let text = files::read_text(path)?;
    let report: Value = serde_json::from_str(&text).map_err(|e| {
        anyhow!(
            "--compare {file}:{}:{}: not a JSON file ({e}); give what `run --json` wrote",
            e.line(),
            e.column()
        )
    })?;
    let has = |key: &str| report.get(key).is_some_and(Value::is_object);
    if !["counters", "energy_j", "spikes", "mapping", "provenance"]
        .iter()
        .all(|key| has(key))
    {
        let other = match (has("mapping"), report.get("model_dt_s").is_some()) {
            (true, _) => ": it looks like a report of `map`",
            (_, true) => ": it looks like a report of `simulate`",
            _ => "",
        };
        bail!("--compare {file}: not a report of `run`{other}; give what `run --json` wrote");
    }
    Ok(Old { file, report })
}

impl Old {
    /// Compares it with a new report.
    pub fn with(&self, report: &Report) -> Result<Comparison> {
        // Through text, as the old one came: a number is then the same on both sides to the last bit.
        let text = serde_json::to_string(report).context("the report as JSON")?;
        let new: Value = serde_json::from_str(&text).context("the report as JSON")?;
        let (old_numbers, new_numbers) = (numbers(&self.report), numbers(&new));
        let mut comparison = Comparison {
            file: self.file.clone(),
            command: text_at(&self.report, &["provenance", "command"]),
            compared: 0,
            different: IndexMap::new(),
            only_old: Vec::new(),
            only_new: Vec::new(),
            warnings: Vec::new(),
        };
        for (key, &(old, _)) in &old_numbers {
            let Some(&(new, _)) = new_numbers.get(key) else {
                comparison.only_old.push(key.clone());
                continue;
            };
            comparison.compared += 1;
            if old != new {
                let difference = Difference {
                    old,
                    new,
                    difference: new - old,
                    percent: (old != 0.0).then(|| 100.0 * (new - old) / old.abs()),
                };
                comparison.different.insert(key.clone(), difference);
            }
        }
        let added = new_numbers
            .keys()
            .filter(|key| !old_numbers.contains_key(*key));
        comparison.only_new = added.cloned().collect();
        comparison.warnings = warnings(&self.report, &new);
        Ok(comparison)
    }
}

/// What went into the two runs and differs, a sentence each.
fn warnings(old: &Value, new: &Value) -> Vec<String> {
    let both = |path: &[&str]| (text_at(old, path), text_at(new, path));
    let differs = |key: &str| {
        let (old, new) = both(&["provenance", key]);
        old != new
    };
    let mut list = Vec::new();
    for what in ["chip", "network", "seed", "timing"] {
        let (old, new) = both(&[what]);
        if old != new {
            list.push(format!("the {what} was {old}, now it is {new}"));
        }
    }
    if differs("network_sha256") {
        list.push("the network is another: its file or that of its arrays changed".to_owned());
    }
    list.extend(kernels(old, new));
    if differs("input_sha256") {
        let is_there = |report| text_at(report, &["provenance", "input_sha256"]) != "none";
        list.push(match (is_there(old), is_there(new)) {
            (false, _) => "there was no input, now there is one".to_owned(),
            (_, false) => "there was an input, now there is none".to_owned(),
            _ => "the input is another: its file changed".to_owned(),
        });
    }
    let parts: Vec<&str> = [
        ("limits", "limits_sha256"),
        ("times", "times_sha256"),
        ("costs", "costs_sha256"),
    ]
    .into_iter()
    .filter(|(_, key)| differs(key))
    .map(|(what, _)| what)
    .collect();
    match (parts.as_slice(), differs("chip_sha256")) {
        ([], true) => {
            list.push("the chip file changed, but none of its limits, times and costs".to_owned())
        }
        ([], false) => {}
        (parts, _) => list.push(format!("the chip has other {}", parts.join(" and "))),
    }
    // What cores use of each limit, whatever the limits are.
    let mapped = |report: &Value| -> Vec<(String, Option<u64>)> {
        let uses = report
            .pointer("/mapping/utilisation")
            .and_then(Value::as_object);
        let used = |u: &Value, key: &str| Some(u.get(key)?.as_f64()? * u.get("limit")?.as_f64()?);
        let each = uses.into_iter().flatten().flat_map(|(name, u)| {
            // Shares of one number by two limits may differ in their last bits.
            ["max", "mean"]
                .map(|key| (name.clone(), used(u, key).map(|x| (x * 1e3).round() as u64)))
        });
        each.collect()
    };
    if mapped(old) != mapped(new) {
        let (then, now) = both(&["image", "cores"]);
        list.push(format!(
            "the mapping is another ({then} cores then, now {now}); `map --assignment` writes one, --assign keeps it"
        ));
    }
    let (then, now) = both(&["energy_j", "costs"]);
    if then != now {
        list.push(format!(
            "the costs were those of {then}, now they are those of {now}"
        ));
    }
    let changed = |report: &Value| {
        let set = report.get("changed").and_then(Value::as_array);
        let set: Vec<&str> = set
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if set.is_empty() {
            "nothing".to_owned()
        } else {
            set.join(", ")
        }
    };
    let (then, now) = (changed(old), changed(new));
    if then != now {
        list.push(format!("--set changed {then} then, now {now}"));
    }
    list
}

/// What differs in the user's kernels, by name.
fn kernels(old: &Value, new: &Value) -> Vec<String> {
    let of = |report: &Value| -> IndexMap<String, Value> {
        let map = report.pointer("/provenance/kernels_sha256");
        let map = map.and_then(Value::as_object).into_iter().flatten();
        map.map(|(name, sha256)| (name.clone(), sha256.clone()))
            .collect()
    };
    let (old, new) = (of(old), of(new));
    let mut list = Vec::new();
    for (name, sha256) in &old {
        match new.get(name) {
            Some(now) if now == sha256 => {}
            Some(_) => list.push(format!("the kernel {name} is another: its file changed")),
            None => list.push(format!("the kernel {name} was given then, now it is not")),
        }
    }
    let added = new.keys().filter(|name| !old.contains_key(*name));
    list.extend(added.map(|name| format!("the kernel {name} was not given then, now it is")));
    list
}

/// A text or number at a path, as text.
fn text_at(value: &Value, path: &[&str]) -> String {
    let found = path.iter().try_fold(value, |value, key| value.get(key));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => "none".to_owned(),
        Some(other) => other.to_string(),
    }
}

/// Every number of the parts that are compared, by dotted key.
fn numbers(report: &Value) -> IndexMap<String, (f64, Unit)> {
    let mut out = IndexMap::new();
    for (part, unit) in PARTS {
        let found = part
            .split('.')
            .try_fold(report, |value, key| value.get(key));
        if let Some(value) = found {
            collect(value, part, unit, &mut out);
        }
    }
    out
}

fn collect(value: &Value, key: &str, unit: Unit, out: &mut IndexMap<String, (f64, Unit)>) {
    if LEFT_OUT.contains(&key) {
        return;
    }
    match value {
        Value::Number(number) => {
            if let Some(x) = number.as_f64() {
                out.insert(key.to_owned(), (x, unit_of(key, unit)));
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                collect(value, &format!("{key}.{name}"), unit, out);
            }
        }
        Value::Array(list) => {
            for value in list {
                // Rows of tables are known by their names, not by their places.
                let part = |key: &str| value.get(key).and_then(Value::as_str);
                let name = match (part("name"), part("population"), part("handler")) {
                    (Some(name), ..) => name.to_owned(),
                    (_, Some(population), Some(handler)) => format!("{population}.{handler}"),
                    _ => continue,
                };
                collect(value, &format!("{key}.{name}"), unit, out);
            }
        }
        _ => {}
    }
}

/// Unit of a number of a table, by the ending of its key.
fn unit_of(key: &str, unit: Unit) -> Unit {
    let last = key.rsplit('.').next().unwrap_or(key);
    match (unit, last) {
        (Unit::Plain, "energy_j") => Unit::Joules,
        (Unit::Plain | Unit::Joules, "seconds") => Unit::Seconds,
        (Unit::Plain, "mean" | "max" | "accuracy" | "spikes_per_neuron_step") => Unit::Plain,
        (Unit::Plain, _) => Unit::Count,
        _ => unit,
    }
}

impl Unit {
    fn show(self, x: f64) -> String {
        match self {
            Unit::Plain => format!("{x:.4}"),
            Unit::Count if x < 0.0 => format!("-{}", count(x.abs() as u64)),
            Unit::Count => count(x as u64),
            Unit::Joules => si(x, "J"),
            Unit::Seconds => si(x, "s"),
            Unit::Watts => si(x, "W"),
        }
    }
}

impl Comparison {
    /// The table of the printed report.
    pub fn text(&self) -> String {
        let mut out = format!("Compared with {} ({})\n", self.file, self.command);
        for warning in &self.warnings {
            let _ = writeln!(out, "  - {warning}");
        }
        let rows: Vec<Vec<String>> = self
            .different
            .iter()
            .map(|(key, d)| {
                let part = PARTS.iter().rfind(|(part, _)| key.starts_with(part));
                let unit = unit_of(key, part.map_or(Unit::Plain, |p| p.1));
                let sign = if d.difference > 0.0 { "+" } else { "" };
                vec![
                    key.clone(),
                    unit.show(d.old),
                    unit.show(d.new),
                    format!("{sign}{}", unit.show(d.difference)),
                    d.percent.map_or("-".to_owned(), |p| format!("{p:+.2} %")),
                ]
            })
            .collect();
        if rows.is_empty() {
            let _ = writeln!(out, "  all {} numbers are equal", self.compared);
        } else {
            let header = ["Key", "old", "new", "difference", "percent"];
            out.push_str(&table(&header, &rows));
            let _ = writeln!(out, "  {} of {} numbers differ", rows.len(), self.compared);
        }
        for (title, list) in [("then", &self.only_old), ("now", &self.only_new)] {
            if !list.is_empty() {
                let _ = writeln!(out, "  only {title}: {}", list.join(", "));
            }
        }
        out
    }
}
