//! Mapping studies: bare connectivity onto the cores of a chip, without weights, kernels or an image.
//!
//! Invariant: the metrics are counted here from connectivity and cores alone, apart from the partitioners' running totals.
//! Limits kept: neurons, input axons (a neuron's axon on its own core included if it reaches one there), and cores.
//! Memory: about 20 bytes per synapse at the peak. Formulas: `specs/mapping.md`, Metrics.

use crate::error::MapError;
use crate::partition::multilevel::{self, Hyper, Limits};
use crate::place;
use isa::ChipSpec;
use network::connectivity::Connectivity;
use serde::Serialize;

/// Partitioners of studies; the first is the default.
pub const STUDY_PARTITIONERS: &[&str] = &["multilevel", "overlap", "sequential"];

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

/// The metrics of mapping studies, every neuron spiking once. Sums run over the packets between cores; d = |dx| + |dy| of the
/// tiles of a packet.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Neurons.
    pub neurons: u32,
    /// Synapses.
    pub synapses: u64,
    /// Cores that hold a neuron.
    pub cores_used: u32,
    /// Most neurons of a core.
    pub neurons_max: u64,
    /// Most distinct sources that reach into a core, its own included.
    pub axons_in_max: u64,
    /// Most (neuron, other core) pairs of a core.
    pub axons_out_max: u64,
    /// Most synapses of a core.
    pub synapses_max: u64,
    /// Synapses between cores.
    pub cut_synapses: u64,
    /// Σ over sources of (cores of the source and its targets − 1): packets between cores.
    pub km1: u64,
    /// Mean over cores of synapses / distinct sources.
    pub synaptic_reuse: f64,
    /// Σ d.
    pub hop_cost: u64,
    /// Σ ((d + 1) · 1 + d · 0.1).
    pub energy: f64,
    /// Σ ((d + 1) · 1 + d · 0.01) / packets.
    pub latency_mean: f64,
    /// Largest (d + 1) · 1 + d · 0.01.
    pub latency_max: f64,
    /// Largest load of a directed link when packets go along x, then along y.
    pub xy_link_max: u64,
    /// Σ over sources of the links in the union of their x-then-y paths.
    pub multicast_hops: u64,
    /// energy · latency_mean.
    pub energy_latency: f64,
}

/// What each metric is, for reports.
pub const FORMULAS: &[(&str, &str)] = &[
    (
        "km1",
        "sum over sources of (cores of the source and its targets - 1)",
    ),
    ("cut_synapses", "synapses between cores"),
    (
        "synaptic_reuse",
        "mean over cores of synapses / distinct sources",
    ),
    ("hop_cost", "sum over packets of d = |dx| + |dy|"),
    ("energy", "sum over packets of (d + 1) * 1 + d * 0.1"),
    (
        "latency_mean",
        "mean over packets of (d + 1) * 1 + d * 0.01",
    ),
    ("latency_max", "max over packets of (d + 1) * 1 + d * 0.01"),
    (
        "xy_link_max",
        "max over directed links of packets, x first, then y",
    ),
    (
        "multicast_hops",
        "sum over sources of links in the union of their x-then-y paths",
    ),
    ("energy_latency", "energy * latency_mean"),
];

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

/// Maps bare connectivity. `partitioner` is one of [`STUDY_PARTITIONERS`], `placer` one of [`crate::PLACERS`].
pub fn study(
    net: &Connectivity,
    chip: &ChipSpec,
    partitioner: &str,
    placer: &str,
    seed: u64,
) -> Result<Study, MapError> {
    crate::usage::room_for(u64::from(net.neurons()), "neurons", chip)?;
    if !STUDY_PARTITIONERS.contains(&partitioner) {
        return Err(MapError::Name {
            kind: "partitioner",
            name: partitioner.into(),
            list: STUDY_PARTITIONERS.join(", "),
        });
    }
    let core_of = partition(net, chip, partitioner, seed)?;
    let mut used: Vec<u32> = core_of.clone();
    used.sort_unstable();
    used.dedup();
    let part_of: Vec<u32> = core_of
        .iter()
        .map(|c| used.partition_point(|u| u < c) as u32)
        .collect();
    let flows = place::Flows::between(used.len() as u32, packets(net, &part_of));
    let (at, placer) = place::place(&flows, chip, placer, seed)?;
    let assignment: Vec<u32> = part_of.iter().map(|c| at[*c as usize]).collect();
    finished(net, chip, assignment, partitioner.into(), placer)
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
            return Err(refused(
                chip,
                format!("a core would need {need} {limit} and has {capacity}"),
                "use a chip with more cores, or a network with fewer synapses per neuron",
            ));
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

/// Core of every neuron, not yet placed.
pub fn partition(
    net: &Connectivity,
    chip: &ChipSpec,
    partitioner: &str,
    seed: u64,
) -> Result<Vec<u32>, MapError> {
    let n = net.neurons();
    let (hyper, roots) = Hyper::rooted(
        vec![[1, 0, 0]; n as usize],
        vec![0; n as usize],
        vec![1; n as usize],
        |u, targets| {
            targets.extend_from_slice(net.targets_of(u as u32));
            Some(u as u32)
        },
    );
    let limits = |cores: u32| Limits {
        cores,
        size: [chip.limits.neurons.into(), 0, 0],
        axons: chip.limits.input_axons.into(),
        kinds: 1,
        share: Vec::new(),
    };
    let per_core = u64::from(chip.limits.neurons.max(1));
    let least = (u64::from(n) * 103).div_ceil(100 * per_core).max(1) as u32;
    let mut cores = least.min(chip.cores());
    loop {
        let limits = limits(cores);
        let found = match partitioner {
            "sequential" => multilevel::in_order(&hyper, &limits),
            "overlap" => multilevel::by_overlap(&hyper, &limits),
            _ => multilevel::run(&hyper, &roots, &limits, &[], seed),
        };
        if let Some(core_of) = found {
            return Ok(core_of);
        }
        if cores == chip.cores() {
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
        cores = (cores + cores.div_ceil(4)).min(chip.cores());
    }
}

/// Source and destination core of every packet between cores.
fn packets(net: &Connectivity, core_of: &[u32]) -> Vec<u64> {
    let mut pairs = Vec::new();
    each_source(net, core_of, |_, from, cores| {
        let others = cores.iter().filter(|c| **c != from);
        pairs.extend(others.map(|c| u64::from(from) << 32 | u64::from(*c)));
    });
    pairs
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
        cores.sort_unstable();
        visit(u, core_of[u as usize], &cores);
    }
}

/// Counts the metrics of an assignment of physical cores.
pub fn metrics(net: &Connectivity, chip: &ChipSpec, core_of: &[u32]) -> Metrics {
    let cores = chip.cores() as usize;
    let (mut neurons, mut axons) = (vec![0u64; cores], vec![0u64; cores]);
    let (mut leaving, mut synapses) = (vec![0u64; cores], vec![0u64; cores]);
    core_of.iter().for_each(|c| neurons[*c as usize] += 1);
    let mut m = Metrics {
        neurons: net.neurons(),
        synapses: net.synapses(),
        ..Metrics::default()
    };
    let (mut latency, mut links) = (0.0, vec![0u64; 4 * chip.tiles() as usize]);
    let mut path: Vec<u32> = Vec::new();
    each_source(net, core_of, |u, from, to| {
        for t in net.targets_of(u) {
            let core = core_of[*t as usize];
            synapses[core as usize] += 1;
            m.cut_synapses += u64::from(core != from);
        }
        path.clear();
        for &core in to {
            axons[core as usize] += 1;
            if core == from {
                continue;
            }
            m.km1 += 1;
            leaving[from as usize] += 1;
            let first = path.len();
            xy_path(chip, chip.tile_of(from), chip.tile_of(core), &mut path);
            let d = (path.len() - first) as f64;
            path[first..].iter().for_each(|l| links[*l as usize] += 1);
            m.hop_cost += d as u64;
            m.energy += (d + 1.0) + d * 0.1;
            let one = (d + 1.0) + d * 0.01;
            latency += one;
            m.latency_max = m.latency_max.max(one);
        }
        path.sort_unstable();
        path.dedup();
        m.multicast_hops += path.len() as u64;
    });
    let most = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0);
    m.cores_used = neurons.iter().filter(|n| **n > 0).count() as u32;
    m.neurons_max = most(&neurons);
    m.axons_in_max = most(&axons);
    m.axons_out_max = most(&leaving);
    m.synapses_max = most(&synapses);
    m.xy_link_max = most(&links);
    m.latency_mean = latency / m.km1.max(1) as f64;
    m.energy_latency = m.energy * m.latency_mean;
    let reached: Vec<f64> = (0..cores)
        .filter(|c| axons[*c] > 0)
        .map(|c| synapses[c] as f64 / axons[c] as f64)
        .collect();
    m.synaptic_reuse = reached.iter().sum::<f64>() / reached.len().max(1) as f64;
    m
}

/// Directed links (tile · 4 + direction) from tile to tile, along x first.
fn xy_path(chip: &ChipSpec, from: u32, to: u32, links: &mut Vec<u32>) {
    let ((mut x, mut y), (to_x, to_y)) = (chip.xy(from), chip.xy(to));
    let width = chip.mesh.width;
    while x != to_x {
        links.push((y * width + x) * 4 + u32::from(x > to_x));
        x = if x < to_x { x + 1 } else { x - 1 };
    }
    while y != to_y {
        links.push((y * width + x) * 4 + 2 + u32::from(y > to_y));
        y = if y < to_y { y + 1 } else { y - 1 };
    }
}
