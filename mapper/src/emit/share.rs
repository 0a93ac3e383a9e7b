//! Shared kernels: synapses that several axons of a core have in common are stored once, as patterns.
//!
//! Invariant: the synapses are the same, one by one and in the same order; only where they are stored changes, and only
//! where that takes less memory. It works on any repetition; convolutions have it by construction, for a kernel is the same
//! at every place of its map.

use super::route::CoreTables;
use isa::ChipSpec;
use isa::image::{Pattern, SegmentOffsets, SynapseFormat, SynapseKind};
use rustc_hash::{FxHashMap, FxHasher};
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::Range;

/// A segment's synapses from its first lane on: relative lanes, mantissas, delays.
type Content = (Vec<u16>, Vec<i16>, Vec<u8>);

/// Synapse memory of a core as it is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    pub(crate) bits: u64,
    /// Formats, those of patterns included.
    pub(crate) formats: u64,
    /// Of the sparse segments of each population here: population, bits if nothing were shared, bits as they are stored.
    pub(crate) sparse: Vec<(u32, u64, u64)>,
}

/// Synapse memory of a core with its kernels shared as [`share`] does.
pub(super) fn stored(core: &CoreTables, chip: &ChipSpec) -> Stored {
    let limits = &chip.limits;
    let data = data(core);
    let plan = plan(core, &data, chip);
    // By population: bits if nothing were shared, and as they are stored.
    let mut sparse: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut dense = 0;
    let mut pattern = vec![None; core.segments.len()];
    for chosen in plan.iter().flat_map(|of_format| &of_format.patterns) {
        for (number, segment) in chosen.iter().enumerate() {
            // A pattern counts for the population that has it first.
            pattern[*segment] = Some(number == 0);
        }
    }
    for (segment, pattern) in core.segments.iter().zip(pattern) {
        let format = &core.formats[usize::from(segment.format)];
        let bits = format.bits(segment.count, limits);
        if format.kind != SynapseKind::Sparse {
            dense += bits;
            continue;
        }
        let population = core.groups[usize::from(segment.group)].0;
        let sum = sparse.entry(population).or_default();
        sum.0 += bits;
        sum.1 += match pattern {
            None => bits,
            Some(first) => {
                let shared = SynapseFormat {
                    kind: SynapseKind::Shared,
                    ..*format
                };
                let own = u64::from(first) * shared.bits(segment.count, limits);
                u64::from(limits.shared_pointer_bits) + own
            }
        };
    }
    let sparse: Vec<_> = sparse
        .into_iter()
        .map(|(p, (all, stored))| (p, all, stored))
        .collect();
    let added = plan.iter().filter(|of_format| of_format.added).count();
    Stored {
        formats: (core.formats.len() + added) as u64,
        bits: dense + sparse.iter().map(|s| s.2).sum::<u64>(),
        sparse,
    }
}

/// Data of one segment in a core's bulk vectors.
struct Data {
    targets: Range<usize>,
    weights: Range<usize>,
    delays: Range<usize>,
}

/// What is shared of a format.
struct OfFormat {
    format: usize,
    /// Segments that stay as they are keep the format; those that are shared get a new one.
    added: bool,
    /// Segments of each pattern, ascending, in the order in which the patterns are first used.
    patterns: Vec<Vec<usize>>,
}

/// Which segments are to be shared: where that takes less memory, as far as pattern numbers and formats go.
fn plan(core: &CoreTables, data: &[Data], chip: &ChipSpec) -> Vec<OfFormat> {
    let limits = &chip.limits;
    let pointer = u64::from(limits.shared_pointer_bits);
    let mut plan = Vec::new();
    if pointer == 0 {
        return plan;
    }
    let (mut taken, mut formats) = (0, core.formats.len());
    let mut of_format: Vec<Vec<usize>> = vec![Vec::new(); core.formats.len()];
    for (number, segment) in core.segments.iter().enumerate() {
        of_format[usize::from(segment.format)].push(number);
    }
    for (format, own) in of_format.iter().enumerate() {
        if core.formats[format].kind != SynapseKind::Sparse {
            continue;
        }
        let mut patterns = alike(core, data, own);
        patterns.retain(|segments| {
            let n = segments.len() as u64;
            let bits = core.formats[format].bits(core.segments[segments[0]].count, limits);
            bits + n * pointer < n * bits
        });
        let room = usize::from(u16::MAX) + 1 - taken;
        if patterns.len() > room {
            patterns.sort_by_cached_key(|segments| content(core, &data[segments[0]]));
            patterns.truncate(room);
        }
        // In the order in which the patterns are first used.
        patterns.sort_unstable_by_key(|segments| segments[0]);
        let repeated: usize = patterns.iter().map(Vec::len).sum();
        let added = repeated < own.len();
        if repeated == 0 || added && formats >= limits.synapse_formats as usize {
            continue;
        }
        formats += usize::from(added);
        taken += patterns.len();
        plan.push(OfFormat {
            format,
            added,
            patterns,
        });
    }
    plan
}

/// Segments with the same content.
fn alike(core: &CoreTables, data: &[Data], segments: &[usize]) -> Vec<Vec<usize>> {
    let mut same: Vec<Vec<usize>> = Vec::new();
    // By hash, the classes that have it.
    let mut known: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
    for &segment in segments {
        let classes = known.entry(hash(core, &data[segment])).or_default();
        let mut of = classes.iter().copied();
        match of.find(|class| equal(core, &data[same[*class][0]], &data[segment])) {
            Some(class) => same[class].push(segment),
            None => {
                classes.push(same.len());
                same.push(vec![segment]);
            }
        }
    }
    same
}

/// Relative lanes, mantissas and delays of a segment in one number.
fn hash(core: &CoreTables, data: &Data) -> u64 {
    let mut hasher = FxHasher::default();
    let targets = &core.targets[data.targets.clone()];
    for (lane, weight) in targets.iter().zip(&core.weights[data.weights.clone()]) {
        hasher.write_u32(u32::from(lane - targets[0]) << 16 | u32::from(*weight as u16));
    }
    hasher.write(&core.delays[data.delays.clone()]);
    hasher.finish()
}

/// Whether two segments have the same content.
fn equal(core: &CoreTables, a: &Data, b: &Data) -> bool {
    let [x, y] = [a, b].map(|data| &core.targets[data.targets.clone()]);
    let apart = |lanes: (&u16, &u16)| lanes.0.wrapping_sub(*lanes.1);
    x.len() == y.len()
        && x.iter()
            .zip(y)
            .all(|lanes| apart(lanes) == apart((&x[0], &y[0])))
        && core.weights[a.weights.clone()] == core.weights[b.weights.clone()]
        && core.delays[a.delays.clone()] == core.delays[b.delays.clone()]
}

/// Replaces repeated sparse segments by patterns, if the chip has them.
pub(super) fn share(core: &mut CoreTables, chip: &ChipSpec) {
    if chip.limits.shared_pointer_bits == 0 {
        return;
    }
    let data = data(core);
    // Pattern of each segment that moved, and the patterns' synapses.
    let mut moved: BTreeMap<usize, u16> = BTreeMap::new();
    let mut patterns: Vec<Content> = Vec::new();
    for of_format in plan(core, &data, chip) {
        let mut shared = of_format.format;
        if of_format.added {
            core.formats.push(core.formats[shared]);
            shared = core.formats.len() - 1;
        }
        core.formats[shared].kind = SynapseKind::Shared;
        let shared = u8::try_from(shared).expect("a core has at most 256 formats");
        for segments in of_format.patterns {
            let content = content(core, &data[segments[0]]);
            let number = core.patterns.len() as u16;
            core.patterns.push(Pattern {
                format: shared,
                count: content.0.len() as u32,
            });
            for segment in segments {
                core.segments[segment].format = shared;
                core.segments[segment].first_lane = core.targets[data[segment].targets.start];
                moved.insert(segment, number);
            }
            patterns.push(content);
        }
    }
    gather(core, &data, &moved, patterns);
    core.shared = moved.into_values().collect();
}

/// Where the data of every segment is, before anything is shared.
fn data(core: &CoreTables) -> Vec<Data> {
    let mut next = SegmentOffsets::default();
    core.segments
        .iter()
        .map(|segment| {
            let format = &core.formats[usize::from(segment.format)];
            let count = segment.count as usize;
            let take = |at: &mut usize, present: bool| {
                let start = *at;
                *at += if present { count } else { 0 };
                start..*at
            };
            Data {
                targets: take(&mut next.targets, format.kind == SynapseKind::Sparse),
                weights: take(&mut next.weights, true),
                delays: take(&mut next.delays, format.delay_bits > 0),
            }
        })
        .collect()
}

/// Lanes ascend within a segment, so the first is the least.
fn content(core: &CoreTables, data: &Data) -> Content {
    let targets = &core.targets[data.targets.clone()];
    let relative = targets.iter().map(|lane| lane - targets[0]).collect();
    let weights = core.weights[data.weights.clone()].to_vec();
    (relative, weights, core.delays[data.delays.clone()].to_vec())
}

/// Puts the patterns first, and after them the segments that did not move.
fn gather(
    core: &mut CoreTables,
    data: &[Data],
    moved: &BTreeMap<usize, u16>,
    patterns: Vec<Content>,
) {
    let (mut targets, mut weights, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for (lanes, mantissas, steps) in patterns {
        targets.extend(lanes);
        weights.extend(mantissas);
        delays.extend(steps);
    }
    for (segment, data) in data.iter().enumerate() {
        if !moved.contains_key(&segment) {
            targets.extend_from_slice(&core.targets[data.targets.clone()]);
            weights.extend_from_slice(&core.weights[data.weights.clone()]);
            delays.extend_from_slice(&core.delays[data.delays.clone()]);
        }
    }
    (core.targets, core.weights, core.delays) = (targets, weights, delays);
}
