//! Mapping studies: bare connectivity onto the cores of a chip, without weights, kernels or an image.
//!
//! Invariant: the metrics are counted here from connectivity and cores alone, apart from the partitioners' running totals.
//! Limits kept: neurons, input axons (partitioners count one of every neuron on its own core too, whether it reaches one there or not),
//! and cores. Output slots are counted at the end, and a study that needs more of them is refused.
//! Memory at the peak: 13 to 20 bytes per synapse, 4 bytes per used core and row or column of the mesh, and what the program itself takes. Formulas: `specs/mapping.md`, Metrics.

use crate::change;
use crate::error::MapError;
use crate::metrics::{Metrics, Tally};
use crate::own::{self, Own, PartitionProblem};
use crate::partition::multilevel::{self, Effort, Hyper, Limits};
use crate::place::{self, Flows};
use isa::ChipSpec;
use network::connectivity::Connectivity;

/// Partitioners of studies; the first is the default.
pub const STUDY_PARTITIONERS: &[&str] = &["multilevel", "overlap", "sequential"];

/// Room in the cores of a study above what its neurons need, percent: the balance that partitioning benchmarks allow.
const SPARE_PERCENT: u64 = 3;

/// A mapped study.
#[derive(Clone, Debug)]
pub struct Study {
    /// Physical core of every neuron.
    pub assignment: Vec<u32>,
    /// Numbers.
    pub metrics: Metrics,
    /// See [`STUDY_PARTITIONERS`].
    pub partitioner: String,
    /// Placer that gave the best order.
    pub placer: String,
}

/// How to map bare connectivity.
#[derive(Clone, Copy)]
pub struct StudyOptions<'a> {
    /// One of [`STUDY_PARTITIONERS`].
    pub partitioner: &'a str,
    /// One of [`crate::PLACERS`].
    pub placer: &'a str,
    /// Seed of both.
    pub seed: u64,
    /// Threads that may be used; the result does not depend on it.
    pub threads: usize,
    /// Algorithms that take their place.
    pub own: Own<'a>,
}

impl Default for StudyOptions<'_> {
    fn default() -> Self {
        StudyOptions {
            partitioner: STUDY_PARTITIONERS[0],
            placer: crate::PLACERS[0],
            seed: 0,
            threads: 1,
            own: Own::default(),
        }
    }
}

/// Counts what the user's own cores give; errors as of [`study`].
pub fn assigned(net: &Connectivity, chip: &ChipSpec, given: &[u32]) -> Result<Study, MapError> {
    let wrong = |what: String| MapError::Assignment {
        what,
        neurons: net.neurons(),
    };
    if given.len() != net.neurons() as usize {
        return Err(wrong(format!("it has {} entries", given.len())));
    }
    if let Some(n) = given.iter().position(|c| *c >= chip.cores()) {
        let (core, last) = (given[n], chip.cores() - 1);
        return Err(wrong(format!(
            "neuron {n} is on core {core}; chip \"{}\" has cores 0 to {last}",
            chip.name
        )));
    }
    finished(
        net,
        chip,
        given.to_vec(),
        "assignment".into(),
        "assignment".into(),
    )
}

/// Maps bare connectivity. Where it has values they are the traffic of each synapse, which shares no packet with another;
/// else every neuron spikes once.
pub fn study(
    net: &Connectivity,
    chip: &ChipSpec,
    options: &StudyOptions<'_>,
) -> Result<Study, MapError> {
    crate::usage::room_for(u64::from(net.neurons()), "neurons", chip)?;
    let (partitioner, core_of) = match options.own.partitioner {
        Some((name, own)) => {
            let answer = own.partition(&problem(net, chip, options.seed));
            let found = own::numbered(name, answer, net.neurons(), chip)?;
            (name, found.core_of)
        }
        None if STUDY_PARTITIONERS.contains(&options.partitioner) => (
            options.partitioner,
            partition(
                net,
                chip,
                options.partitioner,
                (options.seed, options.threads),
            )
            .map_err(|_| {
                change::study::partition(
                    net,
                    chip,
                    options.partitioner,
                    (options.seed, options.threads),
                )
            })?,
        ),
        None => {
            return Err(unknown(options.partitioner));
        }
    };
    let mut used: Vec<u32> = core_of.clone();
    used.sort_unstable();
    used.dedup();
    let part_of: Vec<u32> = core_of
        .iter()
        .map(|c| used.partition_point(|u| u < c) as u32)
        .collect();
    let flows = flows(net, &part_of, used.len() as u32);
    let (at, placer) = place::choose(
        &flows,
        chip,
        options.placer,
        options.seed,
        options.own,
        options.threads,
    )?;
    let assignment: Vec<u32> = part_of.iter().map(|c| at[*c as usize]).collect();
    finished(net, chip, assignment, partitioner.into(), placer)
}

fn unknown(partitioner: &str) -> MapError {
    MapError::Name {
        kind: "partitioner",
        name: partitioner.into(),
        list: STUDY_PARTITIONERS.join(", "),
    }
}

fn problem<'a>(net: &Connectivity, chip: &'a ChipSpec, seed: u64) -> PartitionProblem<'a> {
    let mut start = vec![0];
    let mut targets = Vec::with_capacity(net.synapses() as usize);
    for u in 0..net.neurons() {
        targets.extend_from_slice(net.targets_of(u));
        start.push(targets.len() as u64);
    }
    PartitionProblem {
        chip,
        seed,
        neurons: net.neurons(),
        start,
        targets,
        populations: vec![0; net.neurons() as usize],
    }
}

/// Traffic between the cores of a partition.
fn flows(net: &Connectivity, part_of: &[u32], cores: u32) -> Flows {
    let mut counter = place::Counter::new(cores);
    let values = |u: u32| net.values_of(u).into_iter().flatten();
    if net.has_values() {
        let total: f64 = (0..net.neurons()).flat_map(values).sum();
        // Whole numbers, as fine as the sum allows.
        let unit = (50 - total.max(f64::MIN_POSITIVE).log2().ceil() as i32).clamp(-900, 900);
        for u in 0..net.neurons() {
            for (t, value) in net.targets_of(u).iter().zip(values(u)) {
                let weight = (value * 2f64.powi(unit)).round() as u64;
                counter.add(part_of[u as usize], part_of[*t as usize], weight);
            }
        }
    } else {
        each_source(net, part_of, |_, from, cores| {
            cores.iter().for_each(|to| counter.add(from, *to, 1));
        });
    }
    counter.finish(None)
}

fn finished(
    net: &Connectivity,
    chip: &ChipSpec,
    assignment: Vec<u32>,
    partitioner: String,
    placer: String,
) -> Result<Study, MapError> {
    let metrics = metrics(net, chip, &assignment);
    for (limit, need, capacity) in [
        ("neurons", metrics.neurons_max, chip.limits.neurons),
        ("input axons", metrics.axons_in_max, chip.limits.input_axons),
        (
            "output slots",
            metrics.axons_out_max,
            chip.limits.output_slots,
        ),
    ] {
        if need > u64::from(capacity) {
            return Err(change::study::core(limit, need, capacity.into(), chip));
        }
    }
    Ok(Study {
        assignment,
        metrics,
        partitioner,
        placer,
    })
}

fn refused(chip: &ChipSpec, what: String, remedy: &str) -> MapError {
    MapError::Chip {
        chip: chip.name.clone(),
        what,
        remedy: remedy.into(),
    }
}

/// Whether neurons that fill a core can bring more axons than it takes; there are no more of them than neurons.
fn axons_may_bind(net: &Connectivity, chip: &ChipSpec) -> bool {
    if net.neurons() <= chip.limits.input_axons {
        return false;
    }
    let mut sources = vec![1u64; net.neurons() as usize];
    for u in 0..net.neurons() {
        let targets = net.targets_of(u).iter();
        targets.for_each(|t| sources[*t as usize] += 1);
    }
    let most = sources.into_iter().max().unwrap_or(0);
    most.saturating_mul(chip.limits.neurons.into()) > chip.limits.input_axons.into()
}

/// Core of every neuron, not yet placed.
pub fn partition(
    net: &Connectivity,
    chip: &ChipSpec,
    partitioner: &str,
    (seed, threads): (u64, usize),
) -> Result<Vec<u32>, MapError> {
    let n = net.neurons();
    if chip.limits.neurons == 1 {
        // Every neuron has a core of its own: there is nothing to choose.
        return Ok((0..n).collect());
    }
    let lone = axons_may_bind(net, chip);
    let hypergraph = || {
        Hyper::rooted(
            vec![[1, 0, 0, 0, 0]; n as usize],
            vec![0; n as usize],
            vec![[1; 2]; n as usize],
            lone,
            |u, targets| {
                targets.extend_from_slice(net.targets_of(u as u32));
                Some(u as u32)
            },
        )
    };
    let mut hyper = hypergraph();
    let limits = |cores: u32| Limits {
        cores,
        size: [chip.limits.neurons.into(), 0, 0, 0, 0],
        axons: chip.limits.input_axons.into(),
        kinds: 1,
        share: Vec::new(),
    };
    let per_core = u64::from(chip.limits.neurons.max(1));
    let least = (u64::from(n) * (100 + SPARE_PERCENT))
        .div_ceil(100 * per_core)
        .max(1) as u32;
    // Never more cores than neurons: a core for each is the most that axons can ask for.
    let most = chip.cores().min(n);
    let mut cores = least.min(most);
    loop {
        let limits = limits(cores);
        let found = match partitioner {
            "sequential" => multilevel::in_order(&hyper, &limits),
            "overlap" => multilevel::by_overlap(&hyper, &limits),
            "multilevel" => {
                let again: &dyn Fn() -> Hyper = &hypergraph;
                let effort = Effort::STUDY;
                multilevel::run(
                    &mut hyper,
                    Some(again),
                    &limits,
                    &[],
                    effort,
                    (seed, threads),
                )
            }
            _ => return Err(unknown(partitioner)),
        };
        if let Some(core_of) = found {
            return Ok(core_of);
        }
        if cores == most {
            return Err(refused(
                chip,
                format!(
                    "its {cores} cores do not hold the network: each takes {per_core} neurons and {} input axons",
                    chip.limits.input_axons
                ),
                "use a chip with more cores or more input axons",
            ));
        }
        // Axons ask for more cores than neurons do.
        cores = (cores + cores.div_ceil(4)).min(most);
    }
}

/// Calls `visit` with every neuron, its core, and the distinct cores of its targets, ascending.
fn each_source(net: &Connectivity, core_of: &[u32], mut visit: impl FnMut(u32, u32, &[u32])) {
    let mut seen = vec![u32::MAX; core_of.iter().max().map_or(0, |c| *c as usize + 1)];
    let mut cores = Vec::new();
    for u in 0..net.neurons() {
        cores.clear();
        for t in net.targets_of(u) {
            let core = core_of[*t as usize];
            if std::mem::replace(&mut seen[core as usize], u) != u {
                cores.push(core);
            }
        }
        if cores.len() * 8 > seen.len() {
            cores.clear();
            let reached = seen.iter().enumerate().filter(|(_, last)| **last == u);
            cores.extend(reached.map(|(core, _)| core as u32));
        } else {
            cores.sort_unstable();
        }
        visit(u, core_of[u as usize], &cores);
    }
}

/// Counts the metrics of an assignment of physical cores.
pub fn metrics(net: &Connectivity, chip: &ChipSpec, core_of: &[u32]) -> Metrics {
    let mut tally = Tally::new(chip, core_of);
    each_source(net, core_of, |u, from, to| {
        let values = net.values_of(u);
        for (i, t) in net.targets_of(u).iter().enumerate() {
            let core = core_of[*t as usize];
            tally.synapses(Some(from), core, 1);
            if let Some(values) = values {
                tally.flow(from, core, values[i]);
            }
        }
        tally.source(Some(from), to, values.is_none().then_some(1.0));
    });
    tally.finish()
}
