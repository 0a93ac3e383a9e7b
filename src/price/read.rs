//! What a report of `run --json` says that a price depends on.
//!
//! Invariant: a file that is no such report, or lacks a number, is refused with its place in the file; nothing is taken to be 0.

use crate::files;
use crate::outcome;
use crate::pricing::Counted;
use anyhow::{Result, anyhow, bail};
use emulator::Counters;
use indexmap::IndexMap;
use serde_json::Value;
use std::path::Path;

/// Way out of every fault of such a file.
const AGAIN: &str = "run it again with `run --json`";

/// Largest count that is believed: sums of all counters stay within 64 bits.
const MOST: u64 = 1 << 58;

/// A finished run.
pub(super) struct Finished {
    /// File as typed.
    pub(super) file: String,
    /// Command of the run.
    pub(super) command: String,
    /// Its chip.
    pub(super) chip: String,
    /// Whose costs it was priced with.
    pub(super) costs: String,
    /// Digest of those costs.
    pub(super) costs_sha256: String,
    /// Digest of the chip's limits.
    pub(super) limits_sha256: String,
    /// Digest of the chip's times.
    pub(super) times_sha256: String,
    /// Whether its timing was valid, if it had any.
    pub(super) timing_valid: Option<bool>,
    /// What it counted.
    pub(super) counted: Counted,
    /// Whether the time was replaced by ticks of the chip asked for.
    pub(super) own_ticks: bool,
    /// Its own energies.
    pub(super) energy: Value,
}

/// Reads a report; refuses any other file.
pub(super) fn read(path: &Path) -> Result<Finished> {
    let file = path.display().to_string();
    let text = files::read_text(path)?;
    let report: Value = serde_json::from_str(&text).map_err(|e| {
        anyhow!(
            "{file}:{}:{}: not a JSON file ({e}); give what `run --json` wrote",
            e.line(),
            e.column()
        )
    })?;
    let has = |key: &str| report.get(key).is_some_and(Value::is_object);
    if !["counters", "energy_j", "mapping", "provenance"]
        .iter()
        .all(|key| has(key))
    {
        let other = match (has("mapping"), report.get("model_dt_s").is_some()) {
            (true, _) => ": it looks like a report of `map`, which counts nothing",
            (_, true) => ": it looks like a report of `simulate`, which has no chip",
            _ if has("run_energy_j") => ": it looks like a report of `price`; give the run itself",
            _ => "",
        };
        bail!("{file}: not a report of `run`{other}; give what `run --json` wrote");
    }
    let place = Place {
        file: &file,
        report: &report,
    };
    let version = place.text("/provenance/version")?;
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        bail!(
            "{file}: /provenance/version: written by spikemesh {version}, this is {own}, and what is counted may have changed; {AGAIN}"
        );
    }
    Ok(Finished {
        command: place.text("/provenance/command")?.to_owned(),
        chip: place.text("/chip")?.to_owned(),
        costs: place.text("/energy_j/costs")?.to_owned(),
        costs_sha256: place.text("/provenance/costs_sha256")?.to_owned(),
        limits_sha256: place.text("/provenance/limits_sha256")?.to_owned(),
        times_sha256: place.text("/provenance/times_sha256")?.to_owned(),
        timing_valid: report["timing_valid"].as_bool(),
        counted: place.counted()?,
        own_ticks: false,
        energy: report["energy_j"].clone(),
        file: file.clone(),
    })
}

/// A report and the name of its file.
struct Place<'a> {
    file: &'a str,
    report: &'a Value,
}

impl Place<'_> {
    fn at(&self, pointer: &str) -> Result<&Value> {
        self.report.pointer(pointer).ok_or_else(|| {
            anyhow!(
                "{}: {pointer}: missing, as in reports of older builds; {AGAIN}",
                self.file
            )
        })
    }

    fn wrong(&self, pointer: &str, value: &Value, expected: &str) -> anyhow::Error {
        let mut shown = value.to_string();
        if let Some((at, _)) = shown.char_indices().nth(40) {
            shown.truncate(at);
            shown.push('…');
        }
        anyhow!(
            "{}: {pointer}: is {shown}, not {expected}; the file was changed: {AGAIN}",
            self.file
        )
    }

    fn text(&self, pointer: &str) -> Result<&str> {
        let value = self.at(pointer)?;
        value
            .as_str()
            .ok_or_else(|| self.wrong(pointer, value, "a text"))
    }

    fn count(&self, pointer: &str) -> Result<u64> {
        let value = self.at(pointer)?;
        value
            .as_u64()
            .filter(|n| *n <= MOST)
            .ok_or_else(|| self.wrong(pointer, value, "a count"))
    }

    /// A number of seconds; `None` for null.
    fn seconds(&self, pointer: &str) -> Result<Option<f64>> {
        let value = self.at(pointer)?;
        if value.is_null() {
            return Ok(None);
        }
        match value.as_f64() {
            Some(s) if s >= 0.0 && s.is_finite() => Ok(Some(s)),
            _ => Err(self.wrong(pointer, value, "a time in seconds or null")),
        }
    }

    fn counted(&self) -> Result<Counted> {
        let steps = self.count("/counters/steps")? + self.count("/counters/preload_steps")?;
        let samples = self.count("/samples")?;
        if samples == 0 || steps == 0 {
            bail!("{}: /samples: nothing ran; {AGAIN}", self.file);
        }
        let seconds = self.seconds("/energy_j/seconds")?;
        let dt_s = self.seconds("/model_dt_s")?.unwrap_or(0.0);
        let barrier = self.text("/sync")? == "barrier";
        let counted = Counted {
            populations: self.populations()?,
            samples,
            steps,
            tiles: self.count("/image/tiles")?,
            lanes: self.count("/image/neurons")?,
            seconds,
            model_seconds: outcome::at_model_pace(barrier, dt_s, steps, seconds),
        };
        for (name, sum) in counted.totals().entries() {
            let pointer = format!("/counters/{name}");
            let total = self.count(&pointer)?;
            if total != sum {
                bail!(
                    "{}: {pointer}: is {total}, but the populations sum to {sum}; the file was changed: {AGAIN}",
                    self.file
                );
            }
        }
        Ok(counted)
    }

    fn populations(&self) -> Result<IndexMap<String, Counters>> {
        let pointer = "/population_counters";
        let value = self.at(pointer)?;
        let Some(map) = value.as_object() else {
            return Err(self.wrong(pointer, value, "a table by population"));
        };
        let order = self.order(map.len());
        let mut list = IndexMap::new();
        for name in order.iter().chain(map.keys()) {
            if list.contains_key(name) || !map.contains_key(name) {
                continue;
            }
            let escaped = name.replace('~', "~0").replace('/', "~1");
            let mut counters = Counters::default();
            for (counter, _) in Counters::default().entries() {
                let count = self.count(&format!("{pointer}/{escaped}/{counter}"))?;
                let known = counters.set(counter, count);
                assert!(known, "{counter} is a counter");
            }
            list.insert(name.clone(), counters);
        }
        for (index, (name, _)) in Counters::default().entries().into_iter().enumerate() {
            let each = list
                .values()
                .map(|c: &Counters| u128::from(c.entries()[index].1));
            if each.sum::<u128>() > u128::from(MOST) {
                bail!(
                    "{}: {pointer}: the populations have more than {MOST} {name}; the file was changed: {AGAIN}",
                    self.file
                );
            }
        }
        Ok(list)
    }

    /// Names of the populations in the order of the run, in which their energies were summed; a table of JSON has none.
    fn order(&self, most: usize) -> Vec<String> {
        let rows = self.report["populations"].as_array();
        rows.into_iter()
            .flatten()
            .filter_map(|row| row["name"].as_str().map(str::to_owned))
            .take(most)
            .collect()
    }
}
