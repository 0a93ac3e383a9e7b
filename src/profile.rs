//! Spike rates of a finished run: what `run --json` keeps of them, and how `--profile` gives them to the mapper.
//!
//! Invariant: counts are over all steps but the preload step, so that count ÷ steps is the rate that costs follow; a profile of another
//! network is refused. Form of the counts: `docs/report.md`.

use crate::files;
use anyhow::{Result, anyhow, bail};
use emulator::{SampleInput, SampleResult};
use indexmap::IndexMap;
use isa::image::Image;
use mapper::Rates;
use network::lowered::Lowered;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// What a bad profile asks for.
const AGAIN: &str =
    "give what `run --json` wrote for this network (with --rates: neuron by neuron)";
/// Most spikes of a source in a step that are believed.
pub const MOST_RATE: f64 = 1e6;

/// Spikes of populations and inputs over a run, by name.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Profile {
    pub steps: u64,
    pub populations: IndexMap<String, Counts>,
    pub inputs: IndexMap<String, Counts>,
}

/// Spikes of the neurons of a population, or of the elements of an input.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Counts {
    pub count: u64,
    pub spikes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub each: Option<String>,
}

impl Profile {
    /// Counts a run; neuron by neuron, which needs recorded spikes, if asked.
    pub fn of(
        image: &Image,
        samples: &[SampleInput],
        results: &[SampleResult],
        each: bool,
    ) -> Profile {
        let mut profile = Profile {
            steps: results.iter().map(|r| u64::from(r.steps)).sum(),
            ..Profile::default()
        };
        let lanes = image.populations.iter().map(|p| p.first + p.count);
        let mut of_lane = vec![
            0u64;
            if each {
                lanes.max().unwrap_or(0) as usize
            } else {
                0
            }
        ];
        for (_, id) in results.iter().flat_map(|r| &r.spikes).filter(|_| each) {
            of_lane[*id as usize] += 1;
        }
        for (index, p) in image.populations.iter().enumerate() {
            let spikes = results.iter().map(|r| r.populations[index].spikes).sum();
            let lanes = p.first as usize..(p.first + p.count) as usize;
            let counts = Counts {
                count: p.count.into(),
                spikes,
                each: each.then(|| written(&of_lane[lanes])),
            };
            profile.populations.insert(p.name.clone(), counts);
        }
        let mut first = 0;
        for port in &image.io.inputs {
            let count = port.shape.iter().product::<u32>();
            let mut of_element = vec![0u64; count as usize];
            for sample in samples {
                for (element, value) in sample.elements.iter().zip(&sample.values) {
                    if (first..first + count).contains(element) {
                        // A graded value is one packet, a count as many.
                        let packets = if port.graded { 1 } else { (*value).max(0) };
                        of_element[(element - first) as usize] += packets as u64;
                    }
                }
            }
            first += count;
            let counts = Counts {
                count: count.into(),
                spikes: of_element.iter().sum(),
                each: each.then(|| written(&of_element)),
            };
            profile.inputs.insert(port.name.clone(), counts);
        }
        profile
    }
}

/// Counts separated by spaces; `0x12` is twelve times 0.
fn written(counts: &[u64]) -> String {
    let mut out = String::new();
    for run in counts.chunk_by(|a, b| a == b) {
        let space = if out.is_empty() { "" } else { " " };
        let _ = match run.len() {
            1 => write!(out, "{space}{}", run[0]),
            n => write!(out, "{space}{}x{n}", run[0]),
        };
    }
    out
}

/// The counts of such a text, exactly `count` of them.
fn parsed(text: &str, count: usize) -> Option<Vec<u64>> {
    let mut all = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let (value, times) = word.split_once('x').unwrap_or((word, "1"));
        let times: usize = times.parse().ok()?;
        if times > count - all.len() {
            return None;
        }
        all.resize(all.len() + times, value.parse().ok()?);
    }
    (all.len() == count).then_some(all)
}

/// Reads the rates of a run of this network.
pub fn read(path: &Path, net: &Lowered) -> Result<Rates> {
    let file = path.display().to_string();
    let text = files::read_text(path)?;
    let report: Value = serde_json::from_str(&text).map_err(|e| {
        anyhow!(
            "--profile {file}:{}:{}: not a JSON file ({e}); {AGAIN}",
            e.line(),
            e.column()
        )
    })?;
    let Some(profile) = report.get("profile").filter(|p| p.is_object()) else {
        bail!(
            "--profile {file}: /profile: missing, so it is no report of `run`, or an older one; {AGAIN}"
        );
    };
    let reader = Reader {
        file: &file,
        profile,
        steps: profile["steps"].as_u64().unwrap_or(0),
    };
    if reader.steps == 0 {
        bail!("--profile {file}: /profile/steps: there are none, so there are no rates; {AGAIN}");
    }
    let populations = net.populations.iter().map(|p| (p.name.as_str(), p.len()));
    let neurons = reader.rates("populations", "population", populations)?;
    let inputs = net
        .inputs
        .iter()
        .map(|i| (i.name.as_str(), i.shape.iter().product()));
    let inputs = reader.rates("inputs", "input", inputs)?;
    if neurons.iter().chain(&inputs).all(|r| *r == 0.0) {
        bail!(
            "--profile {file}: /profile: nothing spiked in that run, which says nothing about the network; run it with an --input that makes it spike"
        );
    }
    Ok(Rates { neurons, inputs })
}

/// The profile of a file.
struct Reader<'a> {
    file: &'a str,
    profile: &'a Value,
    steps: u64,
}

impl Reader<'_> {
    /// Rates of all members of a list of the network, in its order.
    fn rates<'n>(
        &self,
        list: &str,
        what: &str,
        of_network: impl Iterator<Item = (&'n str, u32)>,
    ) -> Result<Vec<f64>> {
        let wrong = |place: &str, what: String| {
            anyhow!(
                "--profile {}: /profile/{list}{place}: {what}; {AGAIN}",
                self.file
            )
        };
        let found = self.profile[list].as_object();
        let found = found.ok_or_else(|| wrong("", "missing".into()))?;
        let mut rates = Vec::new();
        let mut known = Vec::new();
        for (name, count) in of_network {
            let place = format!("/{name}");
            let counts = found.get(name).ok_or_else(|| {
                wrong("", format!("there is no {what} \"{name}\", which this network has, so it is the profile of another network"))
            })?;
            if counts["count"].as_u64() != Some(count.into()) {
                let given = &counts["count"];
                return Err(wrong(
                    &place,
                    format!("it has {given} members there and {count} in this network"),
                ));
            }
            let spikes = counts["spikes"].as_u64();
            let spikes =
                spikes.ok_or_else(|| wrong(&place, "\"spikes\" is no whole number".into()))?;
            let before = rates.len();
            match &counts["each"] {
                Value::Null => {
                    let mean = spikes as f64 / f64::from(count.max(1)) / self.steps as f64;
                    rates.resize(before + count as usize, mean);
                }
                Value::String(text) => {
                    let each = parsed(text, count as usize).ok_or_else(|| {
                        wrong(&place, format!("\"each\" does not hold {count} counts"))
                    })?;
                    let sum = each.iter().try_fold(0u64, |sum, n| sum.checked_add(*n));
                    if sum != Some(spikes) {
                        return Err(wrong(
                            &place,
                            format!("the counts of \"each\" are not {spikes} spikes together"),
                        ));
                    }
                    rates.extend(each.iter().map(|n| *n as f64 / self.steps as f64));
                }
                _ => return Err(wrong(&place, "\"each\" is no text".into())),
            }
            if rates[before..].iter().any(|r| *r > MOST_RATE) {
                let most = format!("more than {MOST_RATE} spikes in a step");
                return Err(wrong(&place, most));
            }
            known.push(name);
        }
        // What the mapper added to the network.
        let added = |name: &str| {
            let stems = ["relay:", "copy:", "splitter:"];
            stems.iter().any(|s| name.starts_with(s))
        };
        match found
            .keys()
            .find(|n| !known.contains(&n.as_str()) && !added(n))
        {
            Some(name) => Err(wrong(
                &format!("/{name}"),
                format!("this network has no such {what}, so it is the profile of another network"),
            )),
            None => Ok(rates),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back() {
        for counts in [
            vec![],
            vec![7],
            vec![0, 0, 0, 5, 1, 1, 0],
            vec![u64::MAX; 3],
        ] {
            assert_eq!(parsed(&written(&counts), counts.len()), Some(counts));
        }
        assert_eq!(written(&[0, 0, 0, 5, 1, 1]), "0x3 5 1x2");
    }

    #[test]
    fn wrong_counts_are_refused() {
        for text in [
            "1 2",
            "1x4",
            "1x",
            "x3",
            "1 2 -3",
            "1x99999999999",
            "1 2 3 4",
            "1.5 1 1",
        ] {
            assert_eq!(parsed(text, 3), None, "{text}");
        }
    }
}
