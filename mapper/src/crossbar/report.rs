//! A crossbar mapping in numbers: what lines and copies cost, and how far above the lower bounds the cores are.
//!
//! Invariant: use is counted from the image, bounds from the lines; no number of the partitioner is repeated.

use super::basis::TYPES;
use super::conflicts::Conflicts;
use super::partition::{Cores, Problem, group_counts, groups, lanes};
use super::plan::Plan;
use crate::Utilisation;
use crate::error::MapError;
use crate::explain::{Cause, Explanation, Least, Used, explain, key};
use crate::quantized::Quantized;
use crate::report::{CrossbarReport, MappingReport};
use crate::usage;
use isa::ChipSpec;
use isa::image::Image;
use std::collections::BTreeSet;

/// Rounds in which bounds on lanes and on destinations raise each other.
const ROUNDS: u32 = 8;

/// Least use of every limit by all cores of any mapping, and of cores: a line goes to as many cores as the lanes of its targets fill at least,
/// and takes an axon in each of them, a destination of its source, and so perhaps a lane.
pub(super) fn bounds(problem: &Problem<'_>) -> Vec<Least> {
    let lines = problem.lines;
    let mut outputs = problem.host.clone();
    let mut axons = 0u64;
    let conflicts = Conflicts::of(problem);
    let apart: Vec<u64> = (0..lines.count() as u32)
        .map(|l| conflicts.cores(lines.members(l).iter().copied()))
        .collect();
    // Late destinations need no lane beside their neuron where a splitter has them, and the splitter itself none where a target of the
    // neuron's own is on its core.
    let mut late = vec![0u32; outputs.len()];
    let mut early = vec![0u32; outputs.len()];
    for line in 0..lines.count() as u32 {
        if let Some(n) = lines.neuron(line) {
            early[n as usize] |= u32::from(lines.delay[line as usize] == 0);
        }
    }
    for _ in 0..ROUNDS {
        let beside = outputs.iter().zip(late.iter().zip(&early));
        let wanted: Vec<u64> = beside
            .map(|(o, (late, early))| {
                lanes(o - late.saturating_sub(1 - early), problem.each).into()
            })
            .collect();
        late.fill(0);
        let before = std::mem::replace(&mut outputs, problem.host.clone());
        axons = 0;
        for line in 0..lines.count() as u32 {
            let members = lines.members(line).iter();
            let lanes: u64 = members.map(|m| wanted[*m as usize]).sum();
            let cores = lanes.div_ceil(problem.lanes.max(1).into());
            let cores = cores.max(apart[line as usize]);
            axons += cores;
            if let Some(n) = lines.neuron(line) {
                outputs[n as usize] += cores as u32;
                if lines.delay[line as usize] > 0 {
                    late[n as usize] += cores as u32;
                }
            }
        }
        if outputs == before {
            break;
        }
    }
    let each = outputs.iter().map(|o| u64::from(lanes(*o, problem.each)));
    [
        ("neurons", each.sum::<u64>(), problem.lanes),
        ("input axons", axons, problem.axons),
        (
            "output slots",
            outputs.iter().map(|o| u64::from(*o)).sum(),
            problem.slots,
        ),
        (
            "neuron groups",
            group_bound(problem, &outputs),
            problem.groups,
        ),
    ]
    .map(|(limit, total, capacity)| Least {
        limit,
        total,
        cores: match limit {
            "input axons" => conflicts.cores(0..outputs.len() as u32),
            _ => 0,
        }
        .max(total.div_ceil(u64::from(capacity).max(1))),
    })
    .to_vec()
}

/// Groups of all cores of any mapping: one for each population, and one for its copies.
fn group_bound(problem: &Problem<'_>, outputs: &[u32]) -> u64 {
    let populations = problem.population.iter().zip(outputs);
    let groups = populations.flat_map(|(p, o)| groups(*p, *o, problem.each));
    groups.collect::<BTreeSet<(u32, bool)>>().len() as u64
}

/// Least number of cores of any mapping, and the limit that asks for it.
pub(super) fn lower_bound(bounds: &[Least]) -> (u64, &'static str) {
    let most = bounds.iter().rev().max_by_key(|b| b.cores);
    match most.map_or((1, "neurons"), |b| (b.cores, b.limit)) {
        (cores, "neurons") => (cores, "neurons and their copies"),
        other => other,
    }
}

/// Why the mapping has these cores.
pub(super) fn explained(
    bounds: &[Least],
    image: &Image,
    chip: &ChipSpec,
    cause: Cause<'_>,
) -> Explanation {
    let used = image.cores.iter().map(|c| {
        let mut axon_types = vec![0; TYPES];
        c.axons
            .iter()
            .for_each(|a| axon_types[usize::from(a.kind) % TYPES] += 1);
        Used {
            core: c.core.0,
            limits: usage::limits(&usage::of_core(c, chip), chip).to_vec(),
            axon_types,
        }
    });
    explain(chip, used.collect(), bounds, cause)
}

/// The report, but for what quantising and placing gave.
pub(super) fn report(
    q: &Quantized,
    problem: &Problem<'_>,
    cores: &Cores,
    plan: &Plan,
    image: &Image,
    chip: &ChipSpec,
    bounds: &[Least],
) -> MappingReport {
    let lines = problem.lines;
    let copies: u64 = plan.copies.iter().map(|c| c.of.len() as u64).sum();
    let axons: u64 = image.cores.iter().map(|c| c.axons.len() as u64).sum();
    let sources: BTreeSet<u32> = lines.source.iter().copied().collect();
    let all_lanes: u64 = image.cores.iter().map(|c| u64::from(c.lanes())).sum();
    let tiles: BTreeSet<u32> = image.cores.iter().map(|c| chip.tile_of(c.core.0)).collect();
    let uses: Vec<_> = image
        .cores
        .iter()
        .map(|c| usage::limits(&usage::of_core(c, chip), chip))
        .collect();
    // Every neuron has a threshold of its own.
    let mut utilisation = Utilisation::of(&uses);
    utilisation.retain(|u| u.limit != "threshold profiles");
    let (mut packets, mut local) = (0, 0);
    for (core, list) in cores.lines.iter().enumerate() {
        for n in list.iter().filter_map(|l| lines.neuron(*l)) {
            packets += 1;
            local += u64::from(cores.core_of[n as usize] == core as u32);
        }
    }
    let (bound, by) = lower_bound(bounds);
    let by_lanes = all_lanes.div_ceil(problem.lanes.max(1).into());
    let by_axons = axons.div_ceil(problem.axons.max(1).into());
    MappingReport {
        cores_used: image.cores.len() as u32,
        tiles_used: tiles.len() as u32,
        neurons: q.neurons(),
        synapses: q.synapses(),
        packets,
        packets_local: local,
        km1: packets - local,
        packets_host_in: plan.inputs.iter().map(|d| d.len() as u64).sum(),
        packets_host_out: problem.host.iter().map(|h| u64::from(*h)).sum(),
        cores_lower_bound: bound,
        cores_bound_by: by,
        utilisation,
        crossbar: Some(CrossbarReport {
            lines: lines.count() as u64,
            sources: sources.len() as u64,
            lines_per_source: lines.count() as f64 / sources.len().max(1) as f64,
            axons,
            copies,
            splitters: 0,
            relays: 0,
            levels: 0,
            cores_with_copies: None,
            cores_by_lanes: by_lanes,
            cores_by_axons: by_axons,
            binding: binding(image, problem, by_lanes.max(by_axons).max(bound)),
        }),
        ..MappingReport::default()
    }
}

/// Counts splitters, and what they save. Their copies are relays, not copies of the network's neurons.
pub(super) fn splitters(
    crossbar: &mut CrossbarReport,
    [sources, splitters, levels]: [u32; 3],
    neurons: u32,
    plan: &Plan,
    copied: Option<u64>,
) {
    let of = plan.copies.iter().flat_map(|c| &c.of);
    let more = of.filter(|n| **n >= neurons).count() as u64;
    crossbar.copies -= more;
    crossbar.splitters = sources.into();
    crossbar.levels = levels;
    crossbar.relays = u64::from(splitters) + more;
    crossbar.cores_with_copies = copied;
}

/// Which limit keeps neurons from fewer cores.
fn binding(image: &Image, problem: &Problem<'_>, least: u64) -> String {
    let cores = image.cores.len() as u64;
    if cores <= least {
        return String::new();
    }
    let share =
        |used: u64, limit: u32| 100.0 * used as f64 / (cores * u64::from(limit.max(1))) as f64;
    let by_lanes = share(
        image.cores.iter().map(|c| u64::from(c.lanes())).sum(),
        problem.lanes,
    );
    let by_axons = share(
        image.cores.iter().map(|c| c.axons.len() as u64).sum(),
        problem.axons,
    );
    let close = |used: usize, limit: u32| used as u64 * 100 >= u64::from(limit) * 90;
    let full_axons = image
        .cores
        .iter()
        .filter(|c| close(c.axons.len(), problem.axons))
        .count();
    let full_lanes = image
        .cores
        .iter()
        .filter(|c| close(c.lane_ids.len(), problem.lanes))
        .count();
    let why = if by_axons > by_lanes {
        "neurons that share few sources fill the axons of a core before its lanes"
    } else if by_lanes > by_axons {
        "neurons and their copies fill the lanes of a core before its axons"
    } else {
        "lanes and axons of a core are filled alike"
    };
    format!(
        "{cores} cores where {least} would do by the totals: axons {by_axons:.0} % used ({full_axons} cores above 90 %), lanes {by_lanes:.0} % ({full_lanes} cores above 90 %); {why}"
    )
}

/// Limits that a given assignment breaks.
pub(super) fn broken(
    q: &Quantized,
    problem: &Problem<'_>,
    cores: &Cores,
    at: &[u32],
    chip: &ChipSpec,
) -> Vec<MapError> {
    let mut errors = Vec::new();
    let mut used = vec![(0u64, 0u64); cores.count()];
    for (core, outputs) in cores.core_of.iter().zip(&cores.outputs) {
        let u = &mut used[*core as usize];
        u.0 += u64::from(lanes(*outputs, problem.each));
        u.1 += u64::from(*outputs);
    }
    let groups = group_counts(problem, cores);
    let most = |of: fn(&(u64, u64)) -> u64| used.iter().map(of).max().unwrap_or(0);
    let most = [
        cores
            .lines
            .iter()
            .map(|l| l.len() as u64)
            .max()
            .unwrap_or(0),
        most(|u| u.0),
        most(|u| u.1),
        groups.iter().copied().max().unwrap_or(0).into(),
    ];
    for (core, (lanes, slots)) in used.into_iter().enumerate() {
        let limits = [
            (
                "input axons",
                cores.lines[core].len() as u64,
                problem.axons,
                "bring neurons with common sources together, or spread them over more cores",
            ),
            (
                "neurons, copies included",
                lanes,
                problem.lanes,
                "move neurons to another core, or bring the targets of its neurons onto fewer cores",
            ),
            (
                "output slots",
                slots,
                problem.slots,
                "bring the targets of a neuron onto fewer cores",
            ),
            (
                "neuron groups",
                groups[core].into(),
                problem.groups,
                "bring neurons of fewer populations together; a population with copies takes two",
            ),
        ];
        for ((limit, need, capacity, remedy), most) in limits.into_iter().zip(most) {
            if need > u64::from(capacity) {
                let on = |p: &&crate::quantized::Population| {
                    let mine = &cores.core_of[p.first as usize..(p.first + p.count) as usize];
                    mine.contains(&(core as u32))
                };
                let names: Vec<&str> = q
                    .populations
                    .iter()
                    .filter(on)
                    .map(|p| p.name.as_str())
                    .collect();
                errors.push(MapError::Core {
                    core: at[core],
                    limit,
                    need,
                    capacity: capacity.into(),
                    chip: chip.name.clone(),
                    populations: names.join(", "),
                    remedy: format!(
                        "the smallest change: --set {}={most}, or {remedy}",
                        key(limit)
                    ),
                });
            }
        }
    }
    errors
}
