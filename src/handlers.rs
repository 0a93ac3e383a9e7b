//! What the handlers of each population did and cost: runs, instructions by class, cycles, joules.
//!
//! Invariant: the energies here are parts of `energy_j.breakdown`, and the cycles of `update` on a chip with one lane a bundle
//! sum to those of its neuron units. `docs/report.md` describes the keys.

use crate::pricing;
use crate::text::{count, si, table};
use emulator::Counters;
use indexmap::IndexMap;
use isa::ChipSpec;
use isa::chip::{Delivery, InstructionTime, OnSpikeTime, UpdateTime};
use isa::image::{Group, Image, Population};
use serde::Serialize;
use std::fmt::Write;

/// Names of the classes, in the order of `isa::op::Class`.
pub(crate) const CLASSES: [&str; 6] = ["alu", "mul", "mem", "ctl", "send", "rng"];

/// One handler of one population.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct HandlerReport {
    pub population: String,
    pub handler: &'static str,
    pub kernel: String,
    pub words: u64,
    pub price: &'static str,
    pub runs: u64,
    pub runs_idle: u64,
    pub instructions: u64,
    pub classes: IndexMap<&'static str, u64>,
    pub cycles: Option<u64>,
    pub cycles_least: Option<u64>,
    pub cycles_most: Option<u64>,
    pub seconds: Option<f64>,
    pub energy_j: f64,
    /// Its cycles lie in the neuron pass.
    #[serde(skip)]
    pub in_pass: bool,
}

/// The handlers of all populations: `counters` are theirs, `steps` the updates that ran over all samples.
pub fn handlers(
    image: &Image,
    chip: &ChipSpec,
    prices: &ChipSpec,
    counters: &[Counters],
    steps: u64,
) -> Vec<HandlerReport> {
    let mut list = Vec::new();
    for (population, c) in image.populations.iter().zip(counters) {
        let groups = groups_of(image, population);
        let mut kernels: Vec<&str> = groups.iter().map(|g| g.kernel.as_str()).collect();
        kernels.sort_unstable();
        kernels.dedup();
        let words = |of: fn(&Group) -> &[u32]| groups.iter().map(|g| of(g).len() as u64).max();
        let entry = |handler, price, runs, runs_idle, classes: [u64; 6], cycles: Option<u64>| {
            HandlerReport {
                population: population.name.clone(),
                handler,
                kernel: kernels.join("+"),
                words: 0,
                price,
                runs,
                runs_idle,
                instructions: classes.iter().sum(),
                classes: CLASSES.into_iter().zip(classes).collect(),
                cycles,
                cycles_least: None,
                cycles_most: None,
                seconds: cycles.map(|n| crate::outcome::seconds(chip, n)),
                energy_j: 0.0,
                in_pass: chip.delivery == Delivery::AxonBits,
            }
        };
        let bounds = |words: fn(&Group) -> &[u32], times: Option<&InstructionTime>| {
            let paths = groups.iter().filter_map(|g| path_cycles(words(g), times?));
            paths.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unzip()
        };
        let (update_times, on_spike_times) = (
            match &chip.time.update {
                UpdateTime::Instruction(times) => Some(times),
                UpdateTime::Event { .. } => None,
            },
            match &chip.time.on_spike {
                OnSpikeTime::Instruction { times, .. } => Some(times),
                OnSpikeTime::Event { .. } => None,
            },
        );
        let update_bounds = bounds(|g| &g.update, update_times);
        let on_spike_bounds = bounds(|g| &g.on_spike, on_spike_times);
        let passes = groups.iter().filter(|g| !g.update.is_empty()).count() as u64 * steps;
        list.push(HandlerReport {
            words: words(|g| &g.update).unwrap_or(0),
            energy_j: pricing::update(c, prices),
            cycles_least: update_bounds.0,
            cycles_most: update_bounds.1,
            ..entry(
                "update",
                price(matches!(chip.time.update, UpdateTime::Event { .. })),
                c.neuron_updates,
                c.neuron_updates_inactive,
                pricing::update_classes(c),
                update_cycles(c, chip, passes),
            )
        });
        list.push(HandlerReport {
            words: words(|g| &g.on_spike).unwrap_or(0),
            energy_j: pricing::on_spike(c, prices),
            cycles_least: on_spike_bounds.0,
            cycles_most: on_spike_bounds.1,
            ..entry(
                "on_spike",
                price(matches!(chip.time.on_spike, OnSpikeTime::Event { .. })),
                c.synaptic_ops,
                0,
                pricing::on_spike_classes(c),
                on_spike_cycles(c, chip),
            )
        });
    }
    list
}

/// Fewest and most cycles over the paths of a handler. `fill` is left out: the lanes of a group and the synapses of a segment share it.
fn path_cycles(words: &[u32], times: &InstructionTime) -> Option<(u64, u64)> {
    let times = InstructionTime { fill: 0, ..*times };
    let bounds = isa::verify::cycles::update(words, &UpdateTime::Instruction(times))?;
    Some((bounds.least, bounds.most))
}

fn price(by_event: bool) -> &'static str {
    if by_event { "event" } else { "instruction" }
}

/// The groups whose first lane belongs to a population.
fn groups_of<'i>(image: &'i Image, population: &Population) -> Vec<&'i Group> {
    let mut list = Vec::new();
    for core in &image.cores {
        let mut lane = 0;
        for group in &core.groups {
            let id = core.lane_ids[lane].0;
            if id.wrapping_sub(population.first) < population.count {
                list.push(group);
            }
            lane += group.lanes as usize;
        }
    }
    list
}

/// Cycles of neuron units; unknown where a bundle holds several lanes, which then share its time, and with axon bits, whose neuron
/// pass holds them.
fn update_cycles(c: &Counters, chip: &ChipSpec, passes: u64) -> Option<u64> {
    let known = chip.lanes_per_bundle == 1 && chip.delivery != Delivery::AxonBits;
    known.then(|| match &chip.time.update {
        UpdateTime::Event {
            inactive,
            active,
            spike,
        } => {
            c.neuron_updates_inactive * inactive
                + c.neuron_updates_active * active
                + c.spikes * spike
        }
        UpdateTime::Instruction(price) => {
            passes * price.fill + weighted(&pricing::update_classes(c), &price.class)
        }
    })
}

/// Cycles of synapse units beyond packets and fills; with axon bits they lie in the neuron pass.
fn on_spike_cycles(c: &Counters, chip: &ChipSpec) -> Option<u64> {
    match (&chip.time.on_spike, chip.delivery) {
        (_, Delivery::AxonBits) => None,
        (OnSpikeTime::Event { synapse, .. }, _) => Some(c.synaptic_ops * synapse),
        (OnSpikeTime::Instruction { times, .. }, _) => (chip.lanes_per_bundle == 1)
            .then(|| weighted(&pricing::on_spike_classes(c), &times.class)),
    }
}

fn weighted(counts: &[u64; 6], cycles: &[u64; 6]) -> u64 {
    counts.iter().zip(cycles).map(|(n, each)| n * each).sum()
}

/// The table of the printed report.
pub fn text(list: &[HandlerReport], samples: usize) -> String {
    let mean = |total: f64, runs: u64| total / runs.max(1) as f64;
    let bounded = list.iter().any(|h| h.runs > 0 && h.cycles_most.is_some());
    let rows: Vec<Vec<String>> = list
        .iter()
        .filter(|h| h.runs > 0)
        .map(|h| {
            let mut row = vec![
                format!("{} {}", h.population, h.handler),
                h.kernel.clone(),
                count(h.runs),
                format!("{:.1}", mean(h.instructions as f64, h.runs)),
            ];
            row.extend(
                h.classes
                    .values()
                    .map(|n| format!("{:.1}", mean(*n as f64, h.runs))),
            );
            row.push(
                h.cycles
                    .map_or("-".to_owned(), |n| format!("{:.1}", mean(n as f64, h.runs))),
            );
            if bounded {
                row.push(match (h.cycles_least, h.cycles_most) {
                    (Some(least), Some(most)) => format!("{least} to {most}"),
                    _ => "-".to_owned(),
                });
            }
            row.push(si(mean(h.energy_j, h.runs), "J"));
            row.push(si(h.energy_j / samples.max(1) as f64, "J"));
            row
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut header = vec!["Handlers", "kernel", "runs", "instructions a run"];
    header.extend(CLASSES);
    header.push("cycles a run");
    if bounded {
        header.push("by its paths");
    }
    header.extend(["J a run", "J per sample"]);
    let mut out = table(&header, &rows);
    let by = |handler: &str| list.iter().find(|h| h.handler == handler).map(|h| h.price);
    let said = |price: Option<&str>| match price {
        Some("event") => {
            "priced by event: instructions are counted; cycles and joules do not depend on them"
        }
        _ => "priced by instruction: cycles and joules are those of the classes",
    };
    let (update, on_spike) = (by("update"), by("on_spike"));
    if update == on_spike {
        let _ = writeln!(out, "  Both handlers are {}", said(update));
    } else {
        let _ = writeln!(out, "  update is {}", said(update));
        let _ = writeln!(out, "  on_spike is {}", said(on_spike));
    }
    if list.iter().any(|h| h.in_pass) {
        out.push_str(
            "  With axon bits the cycles of both lie in the neuron pass of a core; the joules of row reads belong to no handler\n",
        );
    }
    out.push('\n');
    out
}
