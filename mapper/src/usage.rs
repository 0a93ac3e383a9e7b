//! The independent count of what each core needs, from the integer network and an assignment alone.
//!
//! Invariant: shares no running total with the partitioners; it is their judge, and the source of the report's utilisation. Where kernels are shared, memory
//! is what [`crate::emit`] stores, counted by its own plan of what to share.

use crate::change::more_cores;
use crate::emit::{self, Stored};
use crate::error::MapError;
use crate::explain::key;
use crate::need::{Programs, format_of, index_bits, threshold_of};
use crate::quantized::{Projection, Quantized, Source};
use isa::ChipSpec;
use isa::image::{CoreProgram, SynapseFormat};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// What one core needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct CoreUse {
    pub(crate) neurons: u64,
    pub(crate) groups: u64,
    pub(crate) thresholds: u64,
    pub(crate) formats: u64,
    pub(crate) axons: u64,
    pub(crate) output_slots: u64,
    pub(crate) synapse_bits: u64,
    pub(crate) code_words: u64,
    /// Largest number of destinations of a lane.
    pub(crate) lane_destinations: u64,
}

/// Names of the limits with the fields of [`CoreUse`] and of the chip, in one order.
pub(crate) fn limits(u: &CoreUse, chip: &ChipSpec) -> [(&'static str, u64, u64); 9] {
    let l = &chip.limits;
    [
        ("neurons", u.neurons, l.neurons.into()),
        ("neuron groups", u.groups, l.groups.into()),
        (
            "threshold profiles",
            u.thresholds,
            l.threshold_profiles.into(),
        ),
        ("synapse formats", u.formats, l.synapse_formats.into()),
        ("input axons", u.axons, l.input_axons.into()),
        ("output slots", u.output_slots, l.output_slots.into()),
        ("bits of synapse memory", u.synapse_bits, l.synapse_bits),
        ("code words", u.code_words, l.code_words.into()),
        (
            "destinations of one neuron",
            u.lane_destinations,
            l.lane_destinations.into(),
        ),
    ]
}

/// Packets between cores at unit rate, and use of every core.
pub(crate) struct Usage {
    /// By core, for cores that hold a neuron.
    pub(crate) cores: BTreeMap<u32, CoreUse>,
    /// Entries of each neuron's destination list, host entries included.
    pub(crate) destinations: Vec<u32>,
    pub(crate) packets: u64,
    pub(crate) packets_local: u64,
    pub(crate) packets_host_in: u64,
    pub(crate) packets_host_out: u64,
    /// What each core stores, where the chip shares kernels.
    pub(crate) stored: Vec<(u32, Stored)>,
}

/// Counts what an assignment (core of every neuron) needs.
pub(crate) fn usage(q: &Quantized, programs: &Programs, chip: &ChipSpec, core_of: &[u32]) -> Usage {
    let mut cores: BTreeMap<u32, CoreUse> = BTreeMap::new();
    let mut groups: BTreeSet<(u32, u32, u32)> = BTreeSet::new();
    for (population, p) in q.populations.iter().enumerate() {
        for n in 0..p.count {
            let core = core_of[(p.first + n) as usize];
            cores.entry(core).or_default().neurons += 1;
            groups.insert((core, population as u32, p.profile(n)));
        }
    }
    let mut thresholds: BTreeSet<(u32, i32)> = BTreeSet::new();
    let mut code: BTreeSet<(u32, usize)> = BTreeSet::new();
    for &(core, population, profile) in &groups {
        let entry = cores.entry(core).or_default();
        entry.groups += 1;
        if let Some(theta) = threshold_of(q, programs, population as usize, profile)
            && thresholds.insert((core, theta))
        {
            entry.thresholds += 1;
        }
        for handler in programs.handlers[programs.of_population[population as usize]] {
            if code.insert((core, handler)) {
                entry.code_words += programs.handler_words[handler];
            }
        }
    }
    let mut u = Usage {
        cores,
        destinations: vec![0; core_of.len()],
        packets: 0,
        packets_local: 0,
        packets_host_in: 0,
        packets_host_out: 0,
        stored: Vec::new(),
    };
    let numbers: FxHashMap<u32, u32> = u.cores.keys().copied().zip(0..).collect();
    let at: Vec<u32> = core_of.iter().map(|core| numbers[core]).collect();
    for source in sources(q) {
        count_source(q, chip, &at, source, &mut u);
    }
    count_formats(q, core_of, &mut u.cores);
    for output in &q.outputs {
        let p = &q.populations[output.population as usize];
        for n in (p.first..p.first + p.count).filter(|_| p.fires) {
            u.destinations[n as usize] += 1;
            u.packets_host_out += 1;
        }
    }
    for (n, d) in u.destinations.iter().enumerate() {
        let entry = u
            .cores
            .get_mut(&core_of[n])
            .expect("every neuron's core is counted");
        entry.output_slots += u64::from(*d);
        entry.lane_destinations = entry.lane_destinations.max(u64::from(*d));
    }
    // Beyond what an image can say, the core is refused whatever its memory.
    let said = |c: &CoreUse| c.groups.max(c.formats) < 256 && c.neurons < 1 << 16;
    if chip.limits.shared_pointer_bits > 0 && u.cores.values().all(said) {
        u.stored = emit::stored(q, chip, core_of);
        for ((_, used), (_, stored)) in u.cores.iter_mut().zip(&u.stored) {
            (used.synapse_bits, used.formats) = (stored.bits, stored.formats);
        }
    }
    u
}

fn sources(q: &Quantized) -> impl Iterator<Item = Source> {
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    (0..q.populations.len() as u32)
        .map(Source::Population)
        .chain(inputs)
}

/// Synapses of one row on one core and profile: more of a projection's block there.
#[derive(Clone, Copy)]
struct Run {
    /// Number of the core among those in use.
    core: u32,
    synapses: u32,
}

/// Runs of a row, cores ascending. `keys` is scratch.
fn runs_of(
    q: &Quantized,
    p: &Projection,
    element: u32,
    at: &[u32],
    (keys, runs): (&mut Vec<u64>, &mut Vec<Run>),
) {
    let target = &q.populations[p.target as usize];
    let key =
        |t: &u32| u64::from(at[(target.first + t) as usize]) << 32 | u64::from(target.profile(*t));
    keys.clear();
    runs.clear();
    keys.extend(p.targets[p.row(element)].iter().map(key));
    if !keys.is_sorted() {
        keys.sort_unstable();
    }
    runs.extend(keys.chunk_by(|a, b| a == b).map(|run| Run {
        core: (run[0] >> 32) as u32,
        synapses: run.len() as u32,
    }));
}

/// Axons, synapse memory and packets that one source causes. `at`: for every neuron the number of its core among those in use.
fn count_source(q: &Quantized, chip: &ChipSpec, at: &[u32], source: Source, u: &mut Usage) {
    let (first, count) = q.source_span(source);
    let projections: Vec<_> = q
        .projections
        .iter()
        .filter(|p| p.source == source)
        .collect();
    if projections.is_empty() {
        return;
    }
    let mut used: Vec<&mut CoreUse> = u.cores.values_mut().collect();
    let formats: Vec<Vec<SynapseFormat>> = projections
        .iter()
        .map(|p| {
            let width = |u: &&mut CoreUse| index_bits(u.neurons as u32, chip);
            used.iter().map(|u| format_of(p, q, width(u))).collect()
        })
        .collect();
    // Core and receptor of each axon.
    let mut reached: Vec<(u32, u8)> = Vec::new();
    let mut keys: Vec<u64> = Vec::new();
    let mut runs: Vec<Vec<Run>> = vec![Vec::new(); projections.len()];
    for element in 0..count {
        reached.clear();
        for ((p, formats), runs) in projections.iter().zip(&formats).zip(&mut runs) {
            if p.row(element).is_empty() {
                continue;
            }
            // All full rows of a dense projection are alike.
            if !p.dense || runs.is_empty() {
                runs_of(q, p, element, at, (&mut keys, runs));
            }
            for run in runs.iter() {
                let format = &formats[run.core as usize];
                used[run.core as usize].synapse_bits += format.bits(run.synapses, &chip.limits);
                reached.push((run.core, p.receptor));
            }
        }
        if !reached.is_sorted() {
            reached.sort_unstable();
        }
        reached.dedup();
        for (core, _) in &reached {
            used[*core as usize].axons += 1;
        }
        match source {
            Source::Input(_) => u.packets_host_in += reached.len() as u64,
            Source::Population(_) => {
                let neuron = (first + element) as usize;
                u.destinations[neuron] += reached.len() as u32;
                u.packets += reached.len() as u64;
                let local = reached.iter().filter(|(core, _)| *core == at[neuron]);
                u.packets_local += local.count() as u64;
            }
        }
    }
}

fn count_formats(q: &Quantized, core_of: &[u32], cores: &mut BTreeMap<u32, CoreUse>) {
    let mut distinct: BTreeSet<(u32, SynapseFormat)> = BTreeSet::new();
    for p in &q.projections {
        let format = format_of(p, q, 0);
        let first = q.populations[p.target as usize].first;
        let mut on = vec![false; core_of.iter().max().map_or(0, |c| *c as usize + 1)];
        for t in &p.targets {
            on[core_of[(first + t) as usize] as usize] = true;
        }
        distinct.extend(
            (0..on.len() as u32)
                .filter(|c| on[*c as usize])
                .map(|core| (core, format)),
        );
    }
    for (core, _) in distinct {
        cores
            .get_mut(&core)
            .expect("every neuron's core is counted")
            .formats += 1;
    }
}

/// What a core's program uses.
pub(crate) fn of_core(core: &CoreProgram, chip: &ChipSpec) -> CoreUse {
    let mut programs: BTreeSet<&[u32]> = BTreeSet::new();
    let mut thetas: BTreeSet<i32> = BTreeSet::new();
    for g in &core.groups {
        programs.extend([g.update.as_slice(), g.on_spike.as_slice()]);
        thetas.extend(g.constants.iter().filter(|c| c.0 == "THETA").map(|c| c.1));
    }
    CoreUse {
        neurons: core.lanes().into(),
        groups: core.groups.len() as u64,
        thresholds: thetas.len() as u64,
        formats: core.formats.len() as u64,
        axons: core.axons.len() as u64,
        output_slots: core.dests.len() as u64,
        synapse_bits: core.synapse_bits(&chip.limits),
        code_words: programs.iter().map(|p| p.len() as u64).sum(),
        lane_destinations: core.dest_counts.iter().copied().max().unwrap_or(0).into(),
    }
}

/// Every limit that some core breaks.
pub(crate) fn violations(
    q: &Quantized,
    chip: &ChipSpec,
    core_of: &[u32],
    usage: &Usage,
) -> Vec<MapError> {
    let mut errors = Vec::new();
    // One number mends a limit for all cores.
    let mut most = [0u64; 9];
    for used in usage.cores.values() {
        for (most, (_, need, _)) in most.iter_mut().zip(limits(used, chip)) {
            *most = need.max(*most);
        }
    }
    for (&core, used) in &usage.cores {
        for ((limit, need, capacity), most) in limits(used, chip).into_iter().zip(most) {
            if need > capacity {
                errors.push(MapError::Core {
                    core,
                    limit,
                    need,
                    capacity,
                    chip: chip.name.clone(),
                    populations: populations_on(q, core_of, core),
                    remedy: format!(
                        "the smallest change: --set {}={most}, or {}",
                        key(limit),
                        remedy(limit)
                    ),
                });
            }
        }
    }
    errors
}

/// Neurons up to which a network that cannot fit is partitioned nevertheless, to learn how many cores it takes.
const COUNTED: u64 = 1 << 16;

/// Refuses more neurons than all cores of a chip hold, before anything is made for each of them. Few are let through: the partition
/// then says exactly what they need.
pub(crate) fn room_for(neurons: u64, population: &str, chip: &ChipSpec) -> Result<(), MapError> {
    let per_core = u64::from(chip.limits.neurons);
    let room = u64::from(chip.cores()) * per_core;
    if neurons <= room.max(COUNTED) {
        return Ok(());
    }
    let need = neurons.div_ceil(per_core.max(1));
    Err(MapError::Cores {
        need,
        lower_bound: need,
        limit: "neurons",
        population: population.into(),
        capacity: chip.cores().into(),
        chip: chip.name.clone(),
        remedy: format!(
            "no mapping fits; the smallest change by the neurons alone: {}, or {} neurons fewer",
            more_cores(chip, need),
            neurons - room
        ),
    })
}

/// What to change when a limit is broken.
pub(crate) fn remedy(limit: &str) -> &'static str {
    match limit {
        "neurons" => "move neurons to another core",
        "neuron groups" | "threshold profiles" => {
            "give the neurons of the core fewer distinct parameters, or spread them over more cores"
        }
        "synapse formats" => {
            "bring fewer projections with different exponents, signs or delays onto the core"
        }
        "input axons" => {
            "bring neurons with common sources together, or spread them over more cores"
        }
        "output slots" | "destinations of one neuron" => {
            "bring the targets of a neuron onto fewer cores"
        }
        "bits of synapse memory" => {
            "spread the neurons over more cores, prune synapses, or use narrower weights"
        }
        _ => "use fewer distinct kernels on the core",
    }
}

fn populations_on(q: &Quantized, core_of: &[u32], core: u32) -> String {
    let on = |p: &&crate::quantized::Population| {
        core_of[p.first as usize..(p.first + p.count) as usize].contains(&core)
    };
    q.populations
        .iter()
        .filter(on)
        .map(|p| p.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}
