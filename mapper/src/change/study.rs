//! Why bare connectivity is refused, with the smallest changes.
//!
//! Invariant: a neuron's sources are counted; how many cores or axons a partitioner needs is tried.

use super::{more_cores, runs, set, smallest};
use crate::error::MapError;
use crate::explain::{bounds_of_study, key};
use crate::study;
use isa::ChipSpec;
use network::connectivity::Connectivity;

/// Work of a run of a study's partitioner beside that of a network's, for each synapse.
const WORK: u64 = 8;
/// What the neurons of bare connectivity are called.
const NEURONS: &str = "neurons";

/// Why the cores of a chip do not hold a network.
pub(crate) fn partition(
    net: &Connectivity,
    chip: &ChipSpec,
    partitioner: &str,
    seed_and_threads: (u64, usize),
) -> MapError {
    let capacity = u64::from(chip.limits.input_axons);
    let mut left = runs(WORK * (net.synapses() + u64::from(net.neurons())));
    let fits = |chip: &ChipSpec| study::partition(net, chip, partitioner, seed_and_threads).is_ok();
    let (neuron, sources) = most_sources(net);
    if sources > capacity {
        let found = smallest(capacity, sources, &mut left, |value| {
            let mut with = chip.clone();
            set(&mut with, "input axons", value);
            fits(&with)
        });
        let (value, exact) = found.unwrap_or((sources, false));
        let at_least = if exact { "" } else { "at least " };
        return MapError::Neuron {
            limit: "input axons",
            population: NEURONS.into(),
            neuron,
            need: sources,
            capacity,
            chip: chip.name.clone(),
            remedy: format!(
                "the smallest change: {at_least}--set core.input_axons={value}, or at most {capacity} sources for a neuron"
            ),
        };
    }
    let cores = u64::from(chip.cores());
    let found = smallest(cores, cores + 1, &mut left, |value| {
        let mut with = chip.clone();
        (with.mesh.width, with.mesh.height, with.mesh.cores_per_tile) = (value as u32, 1, 1);
        (with.mesh.board, with.mesh.border) = ([1, 1], None);
        fits(&with)
    });
    let bounds = bounds_of_study(net, chip);
    let least = bounds.iter().rev().max_by_key(|b| b.cores);
    let (limit, lower_bound) = least.map_or((NEURONS, 1), |b| (b.limit, b.cores));
    let (need, exact) = found.unwrap_or((lower_bound.max(cores + 1), false));
    let at_least = if exact { "" } else { "at least " };
    MapError::Cores {
        need,
        lower_bound,
        limit,
        population: NEURONS.into(),
        capacity: cores,
        chip: chip.name.clone(),
        remedy: format!(
            "the smallest change: {at_least}{}, or another --partitioner",
            more_cores(chip, need)
        ),
    }
}

/// A limit that a core of finished cores is beyond.
pub(crate) fn core(limit: &'static str, need: u64, capacity: u64, chip: &ChipSpec) -> MapError {
    let key = key(limit);
    MapError::Limit {
        limit: format!("{limit} on one core").into(),
        key,
        population: NEURONS.into(),
        need,
        capacity,
        chip: chip.name.clone(),
        remedy: format!(
            "the smallest change: --set {key}={need}, or other cores, or fewer synapses"
        ),
    }
}

/// The neuron with the most distinct sources, and how many.
fn most_sources(net: &Connectivity) -> (u32, u64) {
    let mut last = vec![u32::MAX; net.neurons() as usize];
    let mut sources = vec![0u64; net.neurons() as usize];
    for u in 0..net.neurons() {
        for t in net.targets_of(u) {
            let t = *t as usize;
            sources[t] += u64::from(std::mem::replace(&mut last[t], u) != u);
        }
    }
    let most = (0..net.neurons())
        .rev()
        .max_by_key(|n| sources[*n as usize]);
    most.map_or((0, 0), |n| (n, sources[n as usize]))
}
