//! Greedy growth by hyperedge overlap: the next neuron of a core is the one that brings the fewest sources not yet there.
//!
//! Invariant: deterministic; ties go to the lower neuron id. Measured rates make a source that spikes often weigh more. Source of the method: Ronzani and Silvano 2026
//! (`h-edge-overlap`), here under all limits of a core and with dense projections counted by population.

use super::space::{Filling, Full, Rest, Room, Space, WORK};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Neurons in a row that may fail to fit before a core is closed: others may need less than the best candidate.
const REJECTS: u32 = 32;
/// Synapses looked at per synapse of the network before growth falls back to network order.
const SCANS_PER_SYNAPSE: u64 = 48;

/// Neurons not yet on a core, in network order.
struct Free {
    taken: Vec<bool>,
    next: u32,
}

impl Free {
    fn first(&mut self) -> Option<u32> {
        while self.taken.get(self.next as usize) == Some(&true) {
            self.next += 1;
        }
        (self.next < self.taken.len() as u32).then_some(self.next)
    }
}

/// Overlap of a neuron with the core that it was last looked at for.
#[derive(Clone, Copy)]
struct Seen {
    core: u32,
    covered: u32,
    /// Neuron of the growth, by number, that changed it last.
    changed: u32,
}

/// Overlap of every neuron with the core being grown.
struct Overlap {
    seen: Vec<Seen>,
    /// What is missing and neuron, in one number each; stale entries among them.
    heap: BinaryHeap<Reverse<u64>>,
    touched: Vec<u32>,
    scans_left: u64,
}

impl Overlap {
    fn missing(&self, space: &Space<'_>, neuron: u32, core: u32) -> u32 {
        let seen = self.seen[neuron as usize];
        let covered = if seen.core == core { seen.covered } else { 0 };
        space.fan_in(neuron).saturating_sub(covered)
    }

    /// A source came to the core with the neuron of a number: neurons it reaches have its synapses less missing.
    fn source(&mut self, space: &Space<'_>, source: u32, (core, number): (u32, u32), free: &Free) {
        if self.scans_left == 0 {
            return;
        }
        let Overlap {
            seen,
            touched,
            scans_left,
            ..
        } = self;
        let weight = space.weight(source);
        space.reached(source, |n| {
            *scans_left = scans_left.saturating_sub(1);
            if !free.taken[n as usize] {
                let seen = &mut seen[n as usize];
                if seen.core != core {
                    (seen.core, seen.covered) = (core, 0);
                }
                seen.covered = seen.covered.saturating_add(weight);
                if seen.changed != number {
                    seen.changed = number;
                    touched.push(n);
                }
            }
        });
    }

    /// Queues the neurons whose overlap changed.
    fn queue(&mut self, space: &Space<'_>, core: u32) {
        let mut touched = std::mem::take(&mut self.touched);
        for n in touched.drain(..) {
            let missing = self.missing(space, n, core);
            self.heap
                .push(Reverse(u64::from(missing) << 32 | u64::from(n)));
        }
        self.touched = touched;
    }

    /// Best candidate that is still free.
    fn best(&mut self, space: &Space<'_>, core: u32, taken: &[bool]) -> Option<u32> {
        while let Some(Reverse(entry)) = self.heap.pop() {
            let (missing, n) = ((entry >> 32) as u32, entry as u32);
            if !taken[n as usize] && missing == self.missing(space, n, core) {
                return Some(n);
            }
        }
        None
    }
}

/// Core of every neuron, numbered in order of growth.
pub(super) fn partition(space: &Space<'_>, room: &Room) -> Result<Vec<u32>, (u32, Full)> {
    let n = space.neurons() as usize;
    let mut core_of = vec![0u32; n];
    let mut free = Free {
        taken: vec![false; n],
        next: 0,
    };
    let mut overlap = Overlap {
        seen: vec![
            Seen {
                core: u32::MAX,
                covered: 0,
                changed: u32::MAX
            };
            n
        ],
        heap: BinaryHeap::new(),
        touched: Vec::new(),
        scans_left: SCANS_PER_SYNAPSE * space.sparse_synapses().max(1 << 16),
    };
    let mut filling = Filling::new(space, room);
    let mut core = 0;
    let mut number = 0;
    let mut rest = Rest::new(space, room);
    while let Some(first) = free.first() {
        rest.ends(core).map_err(|full| (first, full))?;
        filling.clear();
        overlap.heap.clear();
        let (mut rejects, mut sources) = (0, 0);
        loop {
            let grown = overlap.best(space, core, &free.taken);
            let Some(neuron) = grown.or_else(|| free.first()) else {
                break;
            };
            match filling.add(neuron) {
                Ok(_) => {
                    core_of[neuron as usize] = core;
                    free.taken[neuron as usize] = true;
                    rest.take(neuron);
                    for &source in &filling.sources()[sources..] {
                        overlap.source(space, source, (core, number), &free);
                    }
                    sources = filling.sources().len();
                    overlap.queue(space, core);
                    number += 1;
                }
                Err(full) if filling.lanes() == 0 => return Err((neuron, full)),
                Err(full) => {
                    rejects += 1;
                    let closed = full.limit == "neurons" || full.limit == WORK;
                    if grown.is_none() || rejects > REJECTS || closed {
                        break;
                    }
                }
            }
        }
        core += 1;
    }
    Ok(core_of)
}
