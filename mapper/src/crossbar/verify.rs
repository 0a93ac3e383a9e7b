//! The judge of a crossbar image: the chip's rules and the integer network, read from the image alone.
//!
//! Invariant: shares nothing with the passes but the types of the image and of the integer network.

use crate::quantized::{Quantized, Source};
use isa::ChipSpec;
use isa::ids::INPUT_ID;
use isa::image::{Dest, HOST, Image, OutputSource, SynapseKind};
use std::collections::{BTreeMap, BTreeSet};

/// Cores that a packet can be away, in either direction (Akopyan 2015: 9 bits with sign).
pub(super) const REACH: u32 = 255;
/// Axon types.
const TYPES: u8 = 4;

/// A lane: index of the core, and its slots.
struct Lane {
    core: usize,
    slots: BTreeMap<String, i32>,
    dests: Vec<Dest>,
}

/// Everything that is wrong. Ids beyond the network's are `splitters`, then copies: `originals` says of what.
pub(super) fn verify(
    q: &Quantized,
    image: &Image,
    chip: &ChipSpec,
    splitters: u32,
    originals: &[u32],
) -> Vec<String> {
    let mut wrong = Vec::new();
    let own = q.neurons();
    let neurons = own + splitters;
    let original = |id: u32| {
        if id < neurons {
            id
        } else {
            originals
                .get((id - neurons) as usize)
                .copied()
                .unwrap_or(u32::MAX)
        }
    };
    let mut lanes: BTreeMap<u32, Lane> = BTreeMap::new();
    // What arrives at each lane: (source neuron or element, delay) → weight. Filled when the senders are known.
    let mut bits: Vec<(u32, usize, usize, i32)> = Vec::new();
    for (index, core) in image.cores.iter().enumerate() {
        let l = &chip.limits;
        for (what, used, limit) in [
            ("lanes", core.lane_ids.len(), l.neurons),
            ("axons", core.axons.len(), l.input_axons),
            ("destinations", core.dests.len(), l.output_slots),
        ] {
            if used > limit as usize {
                wrong.push(format!("core {}: {used} {what} of {limit}", core.core.0));
            }
        }
        let mut at = 0;
        let mut dest = 0;
        let mut firsts = Vec::new();
        for group in &core.groups {
            firsts.push(at);
            for lane in 0..group.lanes as usize {
                let slots = group.slots.iter().map(|s| {
                    let value = s.init[if s.init.len() == 1 { 0 } else { lane }];
                    (s.name.clone(), value)
                });
                let count = usize::from(core.dest_counts[at + lane]);
                if count as u32 > l.lane_destinations {
                    wrong.push(format!(
                        "core {} lane {}: {count} destinations",
                        core.core.0,
                        at + lane
                    ));
                }
                let mine = Lane {
                    core: index,
                    slots: slots.collect(),
                    dests: core.dests[dest..dest + count].to_vec(),
                };
                dest += count;
                lanes.insert(core.lane_ids[at + lane].0, mine);
            }
            at += group.lanes as usize;
        }
        let (mut segment, mut word) = (0, 0);
        for (axon, a) in core.axons.iter().enumerate() {
            if a.kind >= TYPES {
                wrong.push(format!("core {} axon {axon}: type {}", core.core.0, a.kind));
            }
            for s in &core.segments[segment..segment + usize::from(a.segments)] {
                let format = &core.formats[usize::from(s.format)];
                if format.kind != SynapseKind::Crossbar {
                    wrong.push(format!("core {} axon {axon}: no crossbar", core.core.0));
                }
                let group = &core.groups[usize::from(s.group)];
                let slot = usize::from(format.weight_slot + a.kind);
                for lane in 0..group.lanes as usize {
                    if core.rows[word + lane / 64] >> (lane % 64) & 1 == 1 {
                        let id = core.lane_ids[firsts[usize::from(s.group)] + lane].0;
                        let init = &group.slots[slot].init;
                        bits.push((
                            id,
                            index,
                            axon,
                            init[if init.len() == 1 { 0 } else { lane }],
                        ));
                    }
                }
                word += (group.lanes as usize).div_ceil(64);
            }
            segment += usize::from(a.segments);
        }
    }
    let senders = senders(image, chip, &lanes, &mut wrong);
    let mut arriving: BTreeMap<u32, BTreeMap<(u32, u8), i64>> = BTreeMap::new();
    for (id, core, axon, weight) in bits {
        let Some((sender, delay)) = senders.get(&(core, axon as u32)) else {
            wrong.push(format!(
                "core {} axon {axon}: nobody sends to it",
                image.cores[core].core.0
            ));
            continue;
        };
        let source = if sender & INPUT_ID == 0 {
            original(*sender)
        } else {
            *sender
        };
        *arriving
            .entry(id)
            .or_default()
            .entry((source, *delay))
            .or_default() += i64::from(weight);
    }
    let passed = passed(own..neurons, &arriving, &lanes, &mut wrong);
    through(&mut arriving, own..neurons, &passed);
    let mut expected: BTreeMap<u32, BTreeMap<(u32, u8), i64>> = BTreeMap::new();
    for p in &q.projections {
        let base = q.populations[p.target as usize].first;
        let first = match p.source {
            Source::Input(_) => INPUT_ID | q.source_span(p.source).0,
            Source::Population(_) => q.source_span(p.source).0,
        };
        for element in 0..p.rows() {
            for s in p.row(element) {
                let to = expected.entry(base + p.targets[s]).or_default();
                *to.entry((first + element, p.delay_of(s))).or_default() +=
                    i64::from(p.weight(s, q.weight_scale));
            }
        }
    }
    let total = neurons + originals.len() as u32;
    let none = BTreeMap::new();
    for id in 0..total {
        let Some(lane) = lanes.get(&id) else {
            wrong.push(format!("neuron {id}: no lane"));
            continue;
        };
        let of = original(id);
        let splits = (own..neurons).contains(&of);
        let expects = match splits {
            true => arriving.get(&of),
            false => expected.get(&of),
        };
        if arriving.get(&id).unwrap_or(&none) != expects.unwrap_or(&none) {
            wrong.push(format!(
                "neuron {id} (of {of}): other weights than the network"
            ));
        }
        if lanes
            .get(&of)
            .is_none_or(|o| o.core != lane.core || o.slots != lane.slots)
        {
            wrong.push(format!(
                "copy {id}: not beside its neuron {of}, or not like it"
            ));
        }
        if splits {
            continue;
        }
        let p = &q.populations[q.population_of(of)];
        for slot in &p.slots {
            if lane.slots.get(&slot.name) != Some(&slot.value(of - p.first)) {
                wrong.push(format!("neuron {id}: slot {}", slot.name));
            }
        }
    }
    outputs(q, image, &lanes, original, &mut wrong);
    wrong
}

/// What each splitter passes on: its source, and the ticks from the source's spike to its own. One spike alone makes it fire, at once, and
/// leaves nothing.
fn passed(
    splitters: std::ops::Range<u32>,
    arriving: &BTreeMap<u32, BTreeMap<(u32, u8), i64>>,
    lanes: &BTreeMap<u32, Lane>,
    wrong: &mut Vec<String>,
) -> BTreeMap<u32, (u32, u8)> {
    let mut passed = BTreeMap::new();
    for id in splitters {
        let of = arriving.get(&id).and_then(|a| a.iter().next());
        let alone = arriving.get(&id).is_some_and(|a| a.len() == 1);
        let (Some(((source, delay), weight)), true) = (of, alone) else {
            wrong.push(format!("splitter {id}: not one source"));
            continue;
        };
        let slot = |name: &str| {
            let value = lanes.get(&id).and_then(|l| l.slots.get(name));
            value.map(|v| i64::from(*v))
        };
        let registers = ["v", "leak", "beta", "reset_v"].map(slot);
        if registers != [Some(0); 4] || slot("alpha") != Some(*weight) || *weight < 1 {
            wrong.push(format!("splitter {id}: does not pass every spike on"));
        }
        passed.insert(id, (*source, delay + 1));
    }
    passed
}

/// What comes through splitters comes from their sources, later.
fn through(
    arriving: &mut BTreeMap<u32, BTreeMap<(u32, u8), i64>>,
    splitters: std::ops::Range<u32>,
    passed: &BTreeMap<u32, (u32, u8)>,
) {
    for from in arriving.values_mut() {
        if !from.keys().any(|(s, _)| splitters.contains(s)) {
            continue;
        }
        for ((source, delay), weight) in std::mem::take(from) {
            let (mut source, mut delay) = (source, delay);
            // Through as many splitters as there are at most.
            for _ in 0..passed.len() {
                let Some((of, more)) = passed.get(&source) else {
                    break;
                };
                (source, delay) = (*of, delay.saturating_add(*more));
            }
            *from.entry((source, delay)).or_default() += weight;
        }
    }
}

/// The one sender of every axon that has one, with the delay; all that is wrong with destinations.
fn senders(
    image: &Image,
    chip: &ChipSpec,
    lanes: &BTreeMap<u32, Lane>,
    wrong: &mut Vec<String>,
) -> BTreeMap<(usize, u32), (u32, u8)> {
    let mut senders: BTreeMap<(usize, u32), (u32, u8)> = BTreeMap::new();
    let mut take = |sender: u32, from: Option<usize>, dest: &Dest| {
        let Ok(core) = image.cores.binary_search_by_key(&dest.target, |c| c.core.0) else {
            wrong.push(format!("sender {sender:#x}: no core {}", dest.target));
            return;
        };
        if u32::from(dest.delay) > chip.limits.delay {
            wrong.push(format!("sender {sender:#x}: delay {}", dest.delay));
        }
        if let Some(from) = from {
            let at = |index: usize| chip.xy(chip.tile_of(image.cores[index].core.0));
            let ((ax, ay), (bx, by)) = (at(from), at(core));
            if ax.abs_diff(bx) > REACH || ay.abs_diff(by) > REACH {
                wrong.push(format!(
                    "sender {sender:#x}: core {} is out of reach",
                    dest.target
                ));
            }
        }
        if senders
            .insert((core, dest.axon), (sender, dest.delay))
            .is_some()
        {
            wrong.push(format!(
                "core {} axon {}: two senders, whose spikes would merge",
                dest.target, dest.axon
            ));
        }
        let axon = image.cores[core].axons.get(dest.axon as usize);
        if axon.is_none_or(|a| a.source != sender) {
            wrong.push(format!(
                "core {} axon {}: another source",
                dest.target, dest.axon
            ));
        }
    };
    for (id, lane) in lanes {
        for dest in lane.dests.iter().filter(|d| d.target & HOST == 0) {
            take(*id, Some(lane.core), dest);
        }
    }
    let mut from = 0;
    for (element, count) in image.io.input_dest_counts.iter().enumerate() {
        for dest in &image.io.input_dests[from..from + *count as usize] {
            take(INPUT_ID | element as u32, None, dest);
        }
        from += *count as usize;
    }
    senders
}

/// Every element of a spike output has one sender: its neuron or a copy of it.
fn outputs(
    q: &Quantized,
    image: &Image,
    lanes: &BTreeMap<u32, Lane>,
    original: impl Fn(u32) -> u32,
    wrong: &mut Vec<String>,
) {
    let mut sent: BTreeSet<(u32, u32)> = BTreeSet::new();
    for (id, lane) in lanes {
        for dest in lane.dests.iter().filter(|d| d.target & HOST != 0) {
            if !sent.insert((dest.axon, original(*id))) {
                wrong.push(format!("output element {}: sent twice", dest.axon));
            }
        }
    }
    let mut expected: BTreeSet<(u32, u32)> = BTreeSet::new();
    for (port, output) in image.io.outputs.iter().zip(&q.outputs) {
        if let OutputSource::Spikes { first } = port.source {
            let p = &q.populations[output.population as usize];
            expected.extend((0..p.count).map(|j| (first + j, p.first + j)));
        }
    }
    if sent != expected {
        wrong.push("outputs are not those of the network".into());
    }
}
