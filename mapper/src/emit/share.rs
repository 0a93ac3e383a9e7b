//! Shared kernels: synapses that several axons of a core have in common are stored once, as patterns.
//!
//! Invariant: the synapses are the same, one by one and in the same order; only where they are stored changes, and only
//! where that takes less memory. It works on any repetition; convolutions have it by construction, for a kernel is the same
//! at every place of its map.

use super::route::CoreTables;
use isa::ChipSpec;
use isa::image::{Pattern, SegmentOffsets, SynapseKind};
use std::collections::BTreeMap;
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

/// Shares a core's kernels as [`share`] does, and counts.
pub(super) fn stored(core: &mut CoreTables, chip: &ChipSpec) -> Stored {
    let limits = &chip.limits;
    let mut sparse: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    let mut dense = 0;
    for segment in &core.segments {
        let format = &core.formats[usize::from(segment.format)];
        let bits = format.bits(segment.count, limits);
        match format.kind {
            SynapseKind::Sparse => {
                let population = core.groups[usize::from(segment.group)].0;
                sparse.entry(population).or_default().0 += bits;
            }
            _ => dense += bits,
        }
    }
    share(core, chip);
    let mut patterns = core.shared.iter();
    let mut first = vec![true; core.patterns.len()];
    for segment in &core.segments {
        let format = &core.formats[usize::from(segment.format)];
        let bits = match format.kind {
            SynapseKind::Shared => {
                let number = usize::from(*patterns.next().expect("a pattern for each"));
                // A pattern counts for the population that has it first.
                let own = std::mem::take(&mut first[number]);
                let pattern = if own {
                    format.bits(segment.count, limits)
                } else {
                    0
                };
                u64::from(limits.shared_pointer_bits) + pattern
            }
            SynapseKind::Sparse => format.bits(segment.count, limits),
            SynapseKind::Dense | SynapseKind::Crossbar => continue,
        };
        let population = core.groups[usize::from(segment.group)].0;
        sparse.entry(population).or_default().1 += bits;
    }
    let sparse: Vec<_> = sparse
        .into_iter()
        .map(|(p, (all, stored))| (p, all, stored))
        .collect();
    Stored {
        formats: core.formats.len() as u64,
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

/// Replaces repeated sparse segments by patterns, if the chip has them.
pub(super) fn share(core: &mut CoreTables, chip: &ChipSpec) {
    let limits = &chip.limits;
    let pointer = u64::from(limits.shared_pointer_bits);
    if pointer == 0 {
        return;
    }
    let data = data(core);
    // Pattern of each segment that moved, and the patterns' synapses.
    let mut moved: BTreeMap<usize, u16> = BTreeMap::new();
    let mut patterns: Vec<Content> = Vec::new();
    for format in 0..core.formats.len() {
        if core.formats[format].kind != SynapseKind::Sparse {
            continue;
        }
        let of_format: Vec<usize> = (0..core.segments.len())
            .filter(|s| usize::from(core.segments[*s].format) == format)
            .collect();
        let mut same: BTreeMap<Content, Vec<usize>> = BTreeMap::new();
        for &segment in &of_format {
            same.entry(content(core, &data[segment]))
                .or_default()
                .push(segment);
        }
        let bits = |content: &Content| {
            let count = content.0.len() as u32;
            core.formats[format].bits(count, limits)
        };
        let room = usize::from(u16::MAX) + 1 - core.patterns.len();
        let mut chosen: Vec<(Content, Vec<usize>)> = same
            .into_iter()
            .filter(|(content, segments)| {
                let n = segments.len() as u64;
                bits(content) + n * pointer < n * bits(content)
            })
            .take(room)
            .collect();
        // In the order in which the patterns are first used.
        chosen.sort_by_key(|(_, segments)| segments[0]);
        let repeated: usize = chosen.iter().map(|(_, segments)| segments.len()).sum();
        if repeated == 0 {
            continue;
        }
        let shared = if repeated == of_format.len() {
            format
        } else if core.formats.len() < limits.synapse_formats as usize {
            core.formats.push(core.formats[format]);
            core.formats.len() - 1
        } else {
            continue;
        };
        core.formats[shared].kind = SynapseKind::Shared;
        let shared = u8::try_from(shared).expect("a core has at most 256 formats");
        for (content, segments) in chosen {
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
