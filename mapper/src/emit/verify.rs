//! The independent check after emit: the image read back is the integer network.
//!
//! Invariant: uses only the image's own rules (destination → axon → segments → lanes), none of the router's tables.

use crate::quantized::{Quantized, Source};
use isa::ids::INPUT_ID;
use isa::image::{CoreProgram, Dest, HOST, Image, SynapseKind};

/// What does not agree; empty if emit is right.
pub(crate) fn verify(q: &Quantized, image: &Image) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut seen = vec![0u32; q.neurons() as usize];
    let mut sum = 0u64;
    for core in &image.cores {
        let lanes = core.lane_ids.len() as u32;
        if core.lanes() != lanes {
            wrong.push(format!(
                "core {}: {} lanes in groups, {lanes} ids",
                core.core.0,
                core.lanes()
            ));
        }
        core.lane_ids.iter().for_each(|n| seen[n.0 as usize] += 1);
        sum = sum.wrapping_add(synapse_sum(core));
        let mut next = 0;
        for (lane, count) in core.lane_ids.iter().zip(&core.dest_counts) {
            let list = &core.dests[next..next + usize::from(*count)];
            next += usize::from(*count);
            check_dests(image, lane.0, list, &mut wrong);
        }
    }
    if seen.iter().any(|n| *n != 1) {
        wrong.push("a neuron has not exactly one lane".into());
    }
    let mut next = 0;
    for (element, count) in image.io.input_dest_counts.iter().enumerate() {
        check_dests(
            image,
            INPUT_ID | element as u32,
            &image.io.input_dests[next..next + *count as usize],
            &mut wrong,
        );
        next += *count as usize;
    }
    let axons: usize = image.cores.iter().map(|c| c.axons.len()).sum();
    let dests = image
        .io
        .input_dests
        .iter()
        .chain(image.cores.iter().flat_map(|c| &c.dests))
        .filter(|d| d.target & HOST == 0)
        .count();
    if axons != dests {
        wrong.push(format!("{axons} axons for {dests} destinations"));
    }
    if sum != network_sum(q) {
        wrong.push("synapses of the image and of the integer network differ".into());
    }
    wrong
}

fn check_dests(image: &Image, source: u32, list: &[Dest], wrong: &mut Vec<String>) {
    if !list.is_sorted() {
        wrong.push(format!("destinations of {source:#x} are not in order"));
    }
    for dest in list.iter().filter(|d| d.target & HOST == 0) {
        let core = image
            .cores
            .binary_search_by_key(&dest.target, |c| c.core.0)
            .ok()
            .map(|i| &image.cores[i]);
        if core
            .and_then(|c| c.axons.get(dest.axon as usize))
            .map(|a| a.source)
            != Some(source)
        {
            wrong.push(format!("destination {dest:?} of {source:#x}"));
        }
    }
}

/// Order-free sum over the synapses of a core.
fn synapse_sum(core: &CoreProgram) -> u64 {
    let mut first_lane = vec![0u32];
    core.groups
        .iter()
        .for_each(|g| first_lane.push(first_lane[first_lane.len() - 1] + g.lanes));
    let offsets = core.segment_offsets();
    let mut sum = 0u64;
    let mut next = 0;
    for axon in &core.axons {
        let own = next..next + usize::from(axon.segments);
        for (segment, offset) in core.segments[own.clone()].iter().zip(&offsets[own]) {
            let format = core.formats[usize::from(segment.format)];
            for i in 0..segment.count as usize {
                let lane = match format.kind {
                    SynapseKind::Sparse | SynapseKind::Shared => {
                        u32::from(segment.first_lane) + u32::from(core.targets[offset.targets + i])
                    }
                    _ => u32::from(segment.first_lane) + i as u32,
                };
                let target =
                    core.lane_ids[(first_lane[usize::from(segment.group)] + lane) as usize].0;
                let weight = format.decode(core.weights[offset.weights + i]);
                let delay = if format.delay_bits > 0 {
                    core.delays[offset.delays + i]
                } else {
                    0
                };
                sum = sum.wrapping_add(mix(axon.source, target, axon.kind, weight, delay));
            }
        }
        next += usize::from(axon.segments);
    }
    sum
}

fn network_sum(q: &Quantized) -> u64 {
    let mut sum = 0u64;
    for p in &q.projections {
        let (first, _) = q.source_span(p.source);
        let mark = if matches!(p.source, Source::Input(_)) {
            INPUT_ID
        } else {
            0
        };
        let base = q.populations[p.target as usize].first;
        for row in 0..p.rows() {
            for i in p.row(row) {
                sum = sum.wrapping_add(mix(
                    mark | (first + row),
                    base + p.targets[i],
                    p.receptor,
                    p.weight(i, q.weight_scale),
                    p.delay_of(i),
                ));
            }
        }
    }
    sum
}

/// A hash of one synapse (SplitMix64 finaliser), so that sums of different multisets differ.
fn mix(source: u32, target: u32, receptor: u8, weight: i32, delay: u8) -> u64 {
    let one = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    one(one(u64::from(source) << 32 | u64::from(target))
        ^ u64::from(weight as u32) << 8
        ^ u64::from(receptor) << 40
        ^ u64::from(delay))
}
