//! What multilevel partitioning makes of a candidate of a network: as many cores, and fewer packets between them.
//!
//! Invariant: every core of the result was filled anew under all limits by [`Filling`]; what did not fit went to other cores. Neurons of a population whose
//! projections all are dense are twins: pieces of them are one vertex from the start, and no dense synapse becomes a pin.
//! Memory: 8 to 12 bytes per pin, at most [`MOST_PINS`] of them.

use super::multilevel::{self, Effort, Hyper, Limits, UNLIMITED};
use super::space::{Filling, Full, Room, Space};
use crate::quantized::{Quantized, Source};
use crate::usage::Usage;
use std::ops::Range;

/// Vertices of one core at least, where twins are cut into pieces.
const PIECES_PER_CORE: u32 = 16;
/// Pins of a network above which its candidates stay as they are.
const MOST_PINS: u64 = 48_000_000;
/// Units of work in a cycle: work is counted in whole numbers here.
const WORK_UNITS: f64 = 1024.0;
/// Neurons without a core that are tried on one before it is closed.
const TRIES: usize = 64;

/// Entries that may be looked at: a fraction of what a study takes, for several candidates share the time.
const EFFORT: Effort = Effort {
    per_pin: 200,
    starts: 1,
    of_small: 20_000_000,
    of_large: 20_000_000,
};

/// A network in vertices: neurons, or pieces of populations of twins.
struct Vertices {
    /// Vertex of each neuron, ascending.
    of: Vec<u32>,
    count: usize,
}

impl Vertices {
    fn new(q: &Quantized, cores: u32) -> Vertices {
        let piece = q.neurons() / cores.max(1) / PIECES_PER_CORE;
        let mut of = Vec::with_capacity(q.neurons() as usize);
        let mut next = 0;
        for index in 0..q.populations.len() {
            let size = if twins(q, index) { piece.max(1) } else { 1 };
            let count = q.populations[index].count;
            of.extend((0..count).map(|n| next + n / size));
            next += count.div_ceil(size);
        }
        Vertices {
            of,
            count: next as usize,
        }
    }

    /// Vertices of a population.
    fn range(&self, q: &Quantized, population: usize) -> Range<u32> {
        let p = &q.populations[population];
        if p.count == 0 {
            return 0..0;
        }
        self.of[p.first as usize]..self.of[(p.first + p.count) as usize - 1] + 1
    }
}

/// Whether the neurons of a population all have the same sources and targets.
fn twins(q: &Quantized, population: usize) -> bool {
    let mut touching = q.projections.iter().filter(|p| {
        p.target as usize == population || p.source == Source::Population(population as u32)
    });
    q.populations[population].profile_of.is_empty() && touching.all(|p| p.dense)
}

/// Senders of one net: neurons or input elements that reach the same vertices by one receptor.
struct Net {
    /// First of them, its number as in `Space::reached` with the receptor.
    source: u32,
    /// Population or input.
    from: Source,
    receptor: u8,
    /// How many they are.
    senders: u32,
    root: Option<u32>,
}

fn nets(space: &Space<'_>, vertices: &Vertices) -> Vec<Net> {
    let q = space.q;
    let mut nets = Vec::new();
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    let sources = (0..q.populations.len() as u32).map(Source::Population);
    for from in sources.chain(inputs) {
        let leaving = || q.projections.iter().filter(|p| p.source == from);
        let mut receptors: Vec<u8> = leaving().map(|p| p.receptor).collect();
        receptors.sort_unstable();
        receptors.dedup();
        let (first, count) = q.source_span(from);
        for receptor in receptors {
            let of_receptor = u32::from(receptor) * space.senders();
            match from {
                Source::Population(_) => {
                    let own = &vertices.of[first as usize..(first + count) as usize];
                    let mut element = 0;
                    for alike in own.chunk_by(|a, b| a == b) {
                        nets.push(Net {
                            source: of_receptor + first + element,
                            from,
                            receptor,
                            senders: alike.len() as u32,
                            root: Some(alike[0]),
                        });
                        element += alike.len() as u32;
                    }
                }
                Source::Input(_) => {
                    let dense = leaving().all(|p| p.dense || p.receptor != receptor);
                    let (each, senders) = if dense { (1, count) } else { (count, 1) };
                    let first = of_receptor + q.neurons() + first;
                    nets.extend((0..each.min(count)).map(|element| Net {
                        source: first + element,
                        from,
                        receptor,
                        senders,
                        root: None,
                    }));
                }
            }
        }
    }
    nets
}

/// Calls `visit` with the vertices that a net reaches, some several times.
fn reached(space: &Space<'_>, vertices: &Vertices, net: &Net, mut visit: impl FnMut(u32)) {
    let q = space.q;
    space.reached(net.source, |n| visit(vertices.of[n as usize]));
    let dense = q.projections.iter().filter(|p| {
        p.dense && p.source == net.from && p.receptor == net.receptor && !p.targets.is_empty()
    });
    for p in dense {
        vertices.range(q, p.target as usize).for_each(&mut visit);
    }
}

/// Pins of a network for a partition into so many cores, counted from above; nothing if there are too many for multilevel partitioning.
pub(super) fn pins(space: &Space<'_>, cores: u32) -> Option<u64> {
    let q = space.q;
    let vertices = Vertices::new(q, cores);
    let mut dense = 0u64;
    for p in q.projections.iter().filter(|p| p.dense) {
        let to = vertices.range(q, p.target as usize).len() as u64;
        let from = match p.source {
            Source::Population(s) => vertices.range(q, s as usize).len() as u64,
            Source::Input(_) => u64::from(p.rows()),
        };
        dense += from * to;
    }
    let pins = space.sparse_synapses() + dense + u64::from(q.neurons());
    (pins <= MOST_PINS).then_some(pins)
}

/// A partition into as many cores as `start` has, with fewer packets if that is found, on this thread; `usage` is that of `start`.
pub(super) fn improve(
    space: &Space<'_>,
    room: &Room,
    start: &[u32],
    usage: &Usage,
    seed: u64,
) -> Option<Vec<u32>> {
    let q = space.q;
    let l = &space.chip.limits;
    let most_work = room.most_work;
    let cores = super::cores(start);
    if cores < 2 {
        return None;
    }
    let vertices = Vertices::new(q, cores);
    let nets = nets(space, &vertices);
    let plain = space.plain_bits(q.neurons() / cores);
    let used: u64 = usage.cores.values().map(|u| u.synapse_bits).sum();
    // Rounding of blocks, and what shared kernels save, as in the partition that is there.
    let rounding = used as f64 / plain.iter().sum::<f64>().max(1.0);
    let mut size = vec![[0; 5]; vertices.count];
    let mut kind = vec![0; vertices.count];
    let mut kinds = 0;
    for p in &q.populations {
        for n in 0..p.count {
            let neuron = (p.first + n) as usize;
            let vertex = vertices.of[neuron] as usize;
            kind[vertex] = kinds + p.profile(n);
            let work = space.work[neuron].map(|w| match most_work.is_finite() {
                true => (w.min(most_work) * WORK_UNITS) as u64,
                false => 0,
            });
            let slots = usage.destinations[neuron].max(space.slots[neuron]);
            let bits = (plain[neuron] * rounding) as u64;
            let own = [1, slots.into(), bits, work[0], work[1]];
            size[vertex].iter_mut().zip(own).for_each(|(s, x)| *s += x);
        }
        kinds += p.profiles.len().max(1) as u32;
    }
    let work = if most_work.is_finite() {
        (most_work * WORK_UNITS) as u64
    } else {
        UNLIMITED
    };
    let limits = Limits {
        cores,
        size: [
            l.neurons.into(),
            l.output_slots.into(),
            l.synapse_bits.min(UNLIMITED),
            work,
            work,
        ],
        axons: l.input_axons.into(),
        kinds: l.groups,
        share: Vec::new(),
    };
    let weights = nets.iter().map(|net| {
        let senders = net.source..net.source + net.senders;
        let packets = senders.map(|s| space.packets(s)).sum();
        [packets, net.senders.into()]
    });
    let weights = weights.collect();
    let mut hyper = Hyper::rooted(size, kind, weights, true, |i, pins| {
        reached(space, &vertices, &nets[i], |v| {
            if pins.last() != Some(&v) {
                pins.push(v);
            }
        });
        nets[i].root
    });
    drop(nets);
    let given = whole(start, &vertices);
    let found = multilevel::run(
        &mut hyper,
        None,
        &limits,
        given.as_slice(),
        EFFORT,
        (seed, 1),
    )?;
    drop(hyper);
    let wanted: Vec<u32> = vertices.of.iter().map(|v| found[*v as usize]).collect();
    filled(space, room, &wanted).ok()
}

/// A partition by vertices, if no vertex is on several cores.
fn whole(start: &[u32], vertices: &Vertices) -> Option<Vec<u32>> {
    let mut core_of = vec![u32::MAX; vertices.count];
    for (core, v) in start.iter().zip(&vertices.of) {
        let known = &mut core_of[*v as usize];
        if *known != u32::MAX && known != core {
            return None;
        }
        *known = *core;
    }
    Some(core_of)
}

/// Cores filled anew as `wanted` says, under all limits. What does not fit goes to a later core with room, or to a new one.
pub(super) fn filled(
    space: &Space<'_>,
    room: &Room,
    wanted: &[u32],
) -> Result<Vec<u32>, (u32, Full)> {
    let mut members = vec![Vec::new(); super::cores(wanted) as usize];
    for (neuron, core) in wanted.iter().enumerate() {
        members[*core as usize].push(neuron as u32);
    }
    let mut core_of = vec![0; wanted.len()];
    let mut next = 0;
    let mut left: Vec<u32> = Vec::new();
    let mut filling = Filling::new(space, room);
    for members in members {
        filling.clear();
        for neuron in members {
            match filling.add(neuron) {
                Ok(_) => core_of[neuron as usize] = next,
                Err(full) if filling.lanes() == 0 => return Err((neuron, full)),
                Err(_) => left.push(neuron),
            }
        }
        take(&mut filling, &mut left, |n| core_of[n as usize] = next);
        next += u32::from(filling.lanes() > 0);
    }
    while let Some(first) = left.first().copied() {
        filling.clear();
        filling.add(first).map_err(|full| (first, full))?;
        core_of[first as usize] = next;
        left.remove(0);
        take(&mut filling, &mut left, |n| core_of[n as usize] = next);
        next += 1;
    }
    Ok(core_of)
}

/// Puts neurons that have no core into one, until too many did not fit.
fn take(filling: &mut Filling<'_, '_>, left: &mut Vec<u32>, mut taken: impl FnMut(u32)) {
    let mut failed = 0;
    left.retain(|n| {
        if failed == TRIES {
            return true;
        }
        let fits = filling.add(*n).is_ok();
        if fits {
            taken(*n);
        }
        failed += usize::from(!fits);
        !fits
    });
}
