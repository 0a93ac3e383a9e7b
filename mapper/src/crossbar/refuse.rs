//! Why a network does not fit onto crossbars, with the smallest numbers of the chip with which it does.
//!
//! Invariant: a number that is named as enough was tried with the whole partition, its splitters included; what is called certain holds for every mapping.

use super::partition::{Full, Order, Problem};
use super::split::{self, Network};
use crate::change;
use crate::error::MapError;
use std::collections::BTreeMap;

/// Lanes and slots of a core alike.
const LANES: &str = "core.neurons and core.output_slots";

/// The neuron that most surely cannot have all of its destinations, and the lanes that it needs.
fn hopeless(problem: &Problem<'_>) -> Option<(u32, u32)> {
    let neurons = 0..problem.host.len() as u32;
    let known = neurons.filter_map(|n| Some((n, beyond(problem, n)?)));
    known.max_by_key(|k| (k.1, std::cmp::Reverse(k.0)))
}

/// Lanes that a neuron needs at least, if that is more than a core has: those for its destinations at the host and without a delay, and for what
/// splitters cannot take: a destination of delay d is behind at most d, and one has no more lanes than a core. Each line reaches as many cores as
/// hold its targets at least.
fn beyond(problem: &Problem<'_>, n: u32) -> Option<u32> {
    let lines = problem.lines;
    let most = u64::from(problem.lanes) * u64::from(problem.each.max(1));
    let mut by_delay: BTreeMap<u8, u64> = BTreeMap::new();
    for line in lines.of_source(n) {
        let targets = lines.members(line).len() as u64;
        let cores = targets.div_ceil(u64::from(problem.lanes.max(1))).max(1);
        *by_delay.entry(lines.delay[line as usize]).or_default() += cores;
    }
    let longest = by_delay.last_key_value().map_or(0, |d| *d.0);
    let mut need = 0;
    for delay in (0..=longest).rev() {
        need = u64::div_ceil(need, most.max(1)) + by_delay.get(&delay).copied().unwrap_or(0);
    }
    need += u64::from(problem.host[n as usize]);
    (need > most)
        .then(|| u32::try_from(need.div_ceil(problem.each.max(1).into())).unwrap_or(u32::MAX))
}

/// What binds behind the axons of a core when it has as many as its neurons need: what else to set, or what is short.
fn behind(network: Network<'_>, problem: &Problem<'_>, orders: &[Order], axons: u32) -> String {
    let Network { q, chip, .. } = network;
    let with = Problem {
        axons,
        ..problem.clone()
    };
    let most = chip.cores().into();
    let found = match split::partition(network, &with, orders, most, None) {
        Ok(found) => found,
        Err(
            Full::Lines { neuron, need }
            | Full::Lanes { neuron, need }
            | Full::Slots { neuron, need }
            | Full::Groups { neuron, need }
            | Full::Rounds { neuron, need },
        ) => {
            let p = &q.populations[q.population_of(neuron)];
            return format!(
                " (then the neurons, slots or groups of a core are short: neuron {} of \"{}\" takes {need} with its copies)",
                neuron - p.first,
                p.name
            );
        }
    };
    let rooms = split::rooms(
        &split::problem(&found.q, &found.lines, chip, &with),
        &found.cores,
    );
    // A row has a bit for each lane of the core at most.
    let bits = rooms
        .iter()
        .map(|r| r.lines.len() as u64 * u64::from(r.lanes))
        .max();
    let bits = bits.filter(|b| *b > chip.limits.synapse_bits);
    let rows = bits.map_or(String::new(), |b| format!(" --set core.synapse_bits={b}"));
    let cores = found.cores.count() as u64;
    let more = if cores > most {
        format!(" together with {}", change::more_cores(chip, cores))
    } else {
        String::new()
    };
    format!("{rows}{more}")
}

/// Why a neuron has no core, with the smallest numbers of the chip with which all have one.
pub(super) fn full(
    network: Network<'_>,
    problem: &Problem<'_>,
    orders: &[Order],
    full: Full,
) -> MapError {
    let Network { q, chip, .. } = network;
    let l = &chip.limits;
    let error = |limit, neuron: u32, need: u32, capacity: u32, remedy: String| {
        let p = &q.populations[q.population_of(neuron)];
        MapError::Neuron {
            limit,
            population: p.name.clone(),
            neuron: neuron - p.first,
            need: need.into(),
            capacity: capacity.into(),
            chip: chip.name.clone(),
            remedy,
        }
    };
    let (neuron, need) = match full {
        Full::Lines { .. } => {
            let lines = |n: &u32| problem.lines.of(*n).len() as u32;
            let most = (0..q.neurons()).rev().max_by_key(lines).unwrap_or(0);
            let remedy = format!(
                "the smallest change: --set core.input_axons={}{}, or at most {} lines for a neuron: it takes one for each source, axon type and delay; it is not split into a tree of partial sums: these are numbers, and an axon bit carries none",
                lines(&most),
                behind(network, problem, orders, lines(&most)),
                l.input_axons
            );
            return error("input axons", most, lines(&most), l.input_axons, remedy);
        }
        Full::Lanes { neuron, need }
        | Full::Slots { neuron, need }
        | Full::Groups { neuron, need }
        | Full::Rounds { neuron, need } => (neuron, need),
    };
    let (neuron, need) = hopeless(problem).unwrap_or((neuron, need));
    let work = problem.lines.of.len() as u64 + u64::from(q.neurons());
    let keys = |key: &&(&str, u32)| {
        let alone = matches!(full, Full::Lanes { .. } | Full::Slots { .. });
        !(alone && key.0 == "core.groups")
    };
    let limits = [
        ("core.neurons", l.neurons),
        ("core.output_slots", l.output_slots),
        ("core.lane_destinations", l.lane_destinations),
        ("core.groups", l.groups),
    ];
    // Numbers that are enough on the chip's cores; if none is, with as many cores as that takes.
    let mut changes = Vec::new();
    let few = u64::from(chip.cores());
    let singles: Vec<(&str, u32)> = limits.iter().filter(keys).copied().collect();
    // A lane has a slot: many need both.
    let both = vec![(LANES, l.neurons.max(l.output_slots))];
    for (most, keys) in [
        (few, &singles),
        (few, &both),
        (u64::MAX, &singles),
        (u64::MAX, &both),
    ] {
        for &(key, has) in keys {
            let mut left = change::runs(work) / 3;
            let mut cores = BTreeMap::new();
            let found = change::smallest(has.into(), 0, &mut left, |value| {
                let mut with = problem.clone();
                match key {
                    "core.neurons" => with.lanes = value as u32,
                    LANES => (with.lanes, with.slots) = (value as u32, value as u32),
                    "core.output_slots" => with.slots = value as u32,
                    "core.groups" => with.groups = value as u32,
                    _ => with.each = value as u32,
                }
                let enough = split::partition(network, &with, orders, chip.cores().into(), None);
                let count = enough.map(|d| d.cores.count() as u64);
                cores.insert(value, count.unwrap_or(0));
                count.is_ok_and(|c| c <= most)
            });
            // An image numbers groups in a byte.
            if let Some((value, exact)) = found.filter(|f| key != "core.groups" || f.0 <= 256) {
                let at_most = if exact { "" } else { " or less" };
                let count = cores[&value];
                let more = if count > chip.cores().into() {
                    format!(" together with {}", change::more_cores(chip, count))
                } else {
                    String::new()
                };
                let set = match key {
                    LANES => format!("--set core.neurons={value} --set core.output_slots={value}"),
                    _ => format!("--set {key}={value}"),
                };
                // The rows of a crossbar have a bit for each axon and lane.
                let bits = u64::from(l.input_axons) * value;
                let rows = if matches!(key, "core.neurons" | LANES) && bits > l.synapse_bits {
                    format!(" --set core.synapse_bits={bits}")
                } else {
                    String::new()
                };
                changes.push((key, value as u32, format!("{set}{rows}{at_most}{more}")));
            }
        }
        if !changes.is_empty() {
            break;
        }
    }
    let texts: Vec<&str> = changes.iter().map(|c| c.2.as_str()).collect();
    let change = if texts.is_empty() {
        "no number of a core mends it alone".to_owned()
    } else {
        format!("the smallest change: {}", texts.join(", or "))
    };
    let takes = if matches!(full, Full::Groups { .. }) {
        "its population takes one and the copies of it another, and a neuron has a copy"
    } else {
        "it takes one"
    };
    let certain = match beyond(problem, neuron) {
        Some(least) => {
            format!(" (at least {least} whatever the mapping, splitters of splitters included)")
        }
        None => String::new(),
    };
    let remedy = format!(
        "{change}; {takes} for each line of each core that it reaches{certain}: or reduce its fan-out, or give the weights of its targets fewer distinct values, or its synapses delays of a step or more, so that splitters, and splitters of these, can send them"
    );
    // What one neuron lacks is known; of what recurrent ones lack together, what alone would be enough.
    let is = |a: &str, b: &str| a == b || a == LANES && b == "core.neurons";
    let enough = |key: &str| changes.iter().find(|c| is(c.0, key)).map(|c| c.1);
    let lacks = match full {
        Full::Slots { .. } => "core.output_slots",
        Full::Groups { .. } => "core.groups",
        _ => changes.first().map_or("core.neurons", |c| c.0),
    };
    let (limit, capacity) = match lacks {
        "core.output_slots" => ("output slots", l.output_slots),
        "core.groups" => ("neuron groups", l.groups),
        _ => {
            let need = enough("core.neurons").unwrap_or(need);
            return error("neurons for its copies", neuron, need, l.neurons, remedy);
        }
    };
    error(
        limit,
        neuron,
        enough(lacks).unwrap_or(need),
        capacity,
        remedy,
    )
}
