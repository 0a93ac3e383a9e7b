//! What `--probe`, `--break` and `--dump-core` ask for, resolved against the image.
//!
//! Invariant: what is refused is named together with what there is.

use crate::args::DebugArgs;
use anyhow::{Result, bail};
use emulator::SampleInput;
use emulator::debug::Subject;
use isa::ids::NeuronId;
use isa::image::{Group, Image, Population, Probe};
use isa::op::{Op, decode};
use std::ops::Range;

/// Most values that probes may observe in one run.
const MAX_VALUES: u64 = 1 << 26;
/// Most names that a message lists.
const MAX_NAMES: usize = 20;

/// What is asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// Breakpoints at a step, and dumps.
    pub(super) looks: Vec<Look>,
    /// Stop at the first `brk`.
    pub(super) brk: bool,
}

/// Lanes to be shown after the update of a step.
#[derive(Debug)]
pub(super) struct Look {
    /// As typed, with the option.
    pub(super) typed: String,
    /// Population or core.
    pub(super) of: String,
    /// Sample and step.
    pub(super) at: (usize, u32),
    pub(super) subject: Subject,
    /// It stops the run.
    pub(super) stops: bool,
    /// Registers are shown too.
    pub(super) registers: bool,
}

impl Request {
    /// Breakpoints at a step.
    pub(super) fn breaks(&self) -> impl Iterator<Item = &Look> {
        self.looks.iter().filter(|look| look.stops)
    }

    /// Reads the options; probes are added to the image.
    pub fn new(args: &DebugArgs, image: &mut Image) -> Result<Request> {
        for text in &args.probe {
            let probe = probe(text, image)?;
            if image.probes.iter().any(|p| p.name == probe.name) {
                bail!("--probe {text}: there is a probe of this name already; give it once");
            }
            image.probes.push(probe);
        }
        let mut request = Request::default();
        for text in &args.break_at {
            if text == "brk" {
                if !has_brk(image) {
                    bail!(
                        "--break brk: no handler of the program has a brk instruction; write one where it shall stop, or give POP@STEP"
                    );
                }
                request.brk = true;
                continue;
            }
            let what = format!("--break {text}");
            let (of, at) = moment(&what, text, "POP@STEP, POP@SAMPLE:STEP or brk")?;
            let (population, range) = neurons(&what, of, image)?;
            let first = population.first;
            request.looks.push(Look {
                subject: Subject::Neurons(first + range.start..first + range.end),
                typed: what,
                of: of.to_owned(),
                at,
                stops: true,
                registers: false,
            });
        }
        for text in &args.dump_core {
            let what = format!("--dump-core {text}");
            let (of, at) = moment(&what, text, "CORE@STEP or CORE@SAMPLE:STEP")?;
            let cores: Vec<String> = image.cores.iter().map(|c| c.core.0.to_string()).collect();
            let Some(core) = of.parse().ok().filter(|_| cores.iter().any(|c| c == of)) else {
                bail!(
                    "{what}: the program has no core {of}; it has {}",
                    list(&cores)
                );
            };
            request.looks.push(Look {
                subject: Subject::Core(core),
                typed: what,
                of: format!("core {of}"),
                at,
                stops: false,
                registers: true,
            });
        }
        if args.probes.is_some() && super::shown(image).next().is_none() {
            bail!("--probes: nothing is observed; ask for a state slot with --probe POP:SLOT");
        }
        Ok(request)
    }

    /// Refuses moments that never come, and more values than fit.
    pub fn check(&self, image: &Image, samples: &[SampleInput], appended: u32) -> Result<()> {
        for look in &self.looks {
            let (what, (index, step)) = (&look.typed, look.at);
            let Some(sample) = samples.get(index) else {
                bail!(
                    "{what}: there is no sample {index}; the run has {} (0 to {})",
                    samples.len(),
                    samples.len() - 1
                );
            };
            let steps = sample.steps.saturating_add(appended);
            if step >= steps {
                bail!(
                    "{what}: sample {index} has no step {step}; it runs {steps} steps (0 to {})",
                    steps.saturating_sub(1)
                );
            }
        }
        let rows: u64 = samples
            .iter()
            .map(|s| u64::from(s.steps) + u64::from(appended))
            .sum();
        let observed: u64 = super::shown(image)
            .map(|index| image.probes[index].neurons.len() as u64)
            .sum();
        if observed.saturating_mul(rows) > MAX_VALUES {
            bail!(
                "--probe: {observed} neurons over {rows} steps are more than {MAX_VALUES} values; observe fewer neurons (POP[0..16]:SLOT) or samples (--limit)"
            );
        }
        Ok(())
    }
}

/// The thing before the last `@`, and the sample and step behind it.
fn moment<'t>(what: &str, text: &'t str, form: &str) -> Result<(&'t str, (usize, u32))> {
    let parsed = text.rsplit_once('@').and_then(|(of, at)| {
        let (sample, step) = at.split_once(':').unwrap_or(("0", at));
        Some((of, (sample.parse().ok()?, step.parse().ok()?)))
    });
    match parsed {
        Some(found) => Ok(found),
        None => bail!("{what}: expected {form}, with steps and samples counted from 0"),
    }
}

fn probe(text: &str, image: &Image) -> Result<Probe> {
    let what = format!("--probe {text}");
    let Some((of, slot)) = text.rsplit_once(':') else {
        bail!("{what}: expected POP:SLOT, POP[3]:SLOT or POP[0..16]:SLOT");
    };
    let (population, range) = neurons(&what, of, image)?;
    let ids = population.first + range.start..population.first + range.end;
    let common = slots(image, &ids);
    if !common.iter().any(|name| name == slot) {
        if common.is_empty() {
            bail!("{what}: the neurons of {of:?} have no state slot in common");
        }
        bail!(
            "{what}: {of:?} has no state slot {slot:?}; it has {}",
            list(&common)
        );
    }
    Ok(Probe {
        name: text.to_owned(),
        slot: slot.to_owned(),
        neurons: ids.map(NeuronId).collect(),
    })
}

/// Names of the slots that the groups of all these neurons have.
fn slots(image: &Image, ids: &Range<u32>) -> Vec<String> {
    let mut common: Option<Vec<String>> = None;
    for core in &image.cores {
        let mut lanes = core.lane_ids.iter();
        for group in &core.groups {
            let mut own = lanes.by_ref().take(group.lanes as usize);
            // `all` would stop early and leave the rest of the lanes to the next group.
            if own.by_ref().filter(|id| ids.contains(&id.0)).count() == 0 {
                continue;
            }
            let has = |group: &Group, name: &str| group.slots.iter().any(|s| s.name == name);
            match &mut common {
                Some(common) => common.retain(|name| has(group, name)),
                None => common = Some(group.slots.iter().map(|s| s.name.clone()).collect()),
            }
        }
    }
    common.unwrap_or_default()
}

/// Population and range of `POP`, `POP[i]`, `POP[a..b]` or `POP[a..=b]`.
fn neurons<'i>(what: &str, text: &str, image: &'i Image) -> Result<(&'i Population, Range<u32>)> {
    let find = |name: &str| image.populations.iter().find(|p| p.name == name);
    if let Some(population) = find(text) {
        return Ok((population, 0..population.count));
    }
    let parts = text
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once('['));
    let (name, range) = parts.unwrap_or((text, ""));
    let Some(population) = find(name) else {
        let names: Vec<String> = image.populations.iter().map(|p| p.name.clone()).collect();
        bail!(
            "{what}: there is no population {name:?}; there are {}",
            list(&names)
        );
    };
    let count = population.count;
    let Some(found) = span(range) else {
        bail!("{what}: [{range}] is no range; expected [3], [0..16] (without 16) or [0..=15]");
    };
    if found.start >= found.end || found.end > u64::from(count) {
        bail!(
            "{what}: population {name:?} has {count} neurons, 0 to {}; [{range}] names {}",
            count.saturating_sub(1),
            if found.start >= found.end {
                "none"
            } else {
                "others"
            }
        );
    }
    Ok((population, found.start as u32..found.end as u32))
}

fn span(text: &str) -> Option<Range<u64>> {
    let number = |text: &str| text.trim().parse::<u32>().ok().map(u64::from);
    if let Some((from, to)) = text.split_once("..=") {
        return Some(number(from)?..number(to)? + 1);
    }
    if let Some((from, to)) = text.split_once("..") {
        return Some(number(from)?..number(to)?);
    }
    number(text).map(|one| one..one + 1)
}

fn has_brk(image: &Image) -> bool {
    let groups = image.cores.iter().flat_map(|core| &core.groups);
    groups
        .flat_map(|group| group.update.iter().chain(&group.on_spike))
        .any(|word| decode(*word).is_ok_and(|i| i.op == Op::Brk))
}

/// Names with commas, not too many.
fn list(names: &[String]) -> String {
    let mut text = names[..names.len().min(MAX_NAMES)].join(", ");
    if names.len() > MAX_NAMES {
        text.push_str(&format!(", … ({} in all)", names.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expect) in [
            ("3", Some(3..4)),
            ("0..16", Some(0..16)),
            ("0..=15", Some(0..16)),
            (" 2 .. 4 ", Some(2..4)),
            ("4..2", Some(Range { start: 4, end: 2 })),
            ("0..=4294967295", Some(0..1 << 32)),
            ("", None),
            ("..", None),
            ("1..", None),
            ("-1", None),
            ("0..4294967296", None),
        ] {
            assert_eq!(span(text), expect, "{text:?}");
        }
    }

    #[test]
    fn moments() {
        for (text, expect) in [
            ("a@3", Some(("a", (0, 3)))),
            ("a@2:3", Some(("a", (2, 3)))),
            ("a@b@0", Some(("a@b", (0, 0)))),
            ("a[0..2]@1", Some(("a[0..2]", (0, 1)))),
            ("a", None),
            ("a@", None),
            ("a@-1", None),
            ("a@1:2:3", None),
        ] {
            assert_eq!(moment("", text, "").ok(), expect, "{text:?}");
        }
    }
}
