//! Greedy growth by hyperedge overlap: the next neuron of a core is the one that brings the fewest sources not yet there.
//!
//! Invariant: deterministic; ties go to the lower neuron id. Measured rates make a source that spikes often weigh more. Source of the method: Ronzani and Silvano 2026
//! (`h-edge-overlap`), here under all limits of a core and with dense projections counted by population.

use super::space::{Filling, Full, Room, Space, WORK};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Neurons in a row that may fail to fit before a core is closed: others may need less than the best candidate.
const REJECTS: u32 = 32;
/// Synapses looked at per synapse of the network before growth falls back to network order.
const SCANS_PER_SYNAPSE: u64 = 48;

/// Neurons not yet on a core, in network order.
struct Rest {
    taken: Vec<bool>,
    next: u32,
}

impl Rest {
    fn first(&mut self) -> Option<u32> {
        while self.taken.get(self.next as usize) == Some(&true) {
            self.next += 1;
        }
        (self.next < self.taken.len() as u32).then_some(self.next)
    }
}

/// Overlap of every neuron with the core being grown.
struct Overlap {
    covered: Vec<u32>,
    core: Vec<u32>,
    heap: BinaryHeap<Reverse<(u32, u32)>>,
    touched: Vec<u32>,
    scans_left: u64,
}

impl Overlap {
    fn missing(&self, space: &Space<'_>, neuron: u32, core: u32) -> u32 {
        let covered = if self.core[neuron as usize] == core {
            self.covered[neuron as usize]
        } else {
            0
        };
        space.fan_in(neuron).saturating_sub(covered)
    }

    /// A source came to the core: neurons it reaches have its synapses less missing.
    fn source(&mut self, space: &Space<'_>, source: u32, core: u32, taken: &[bool]) {
        if self.scans_left == 0 {
            return;
        }
        let Overlap {
            covered,
            core: last,
            touched,
            scans_left,
            ..
        } = self;
        let weight = space.weight(source);
        space.reached(source, |n| {
            *scans_left = scans_left.saturating_sub(1);
            let n = n as usize;
            if !taken[n] {
                if last[n] != core {
                    (last[n], covered[n]) = (core, 0);
                }
                covered[n] = covered[n].saturating_add(weight);
                touched.push(n as u32);
            }
        });
    }

    /// Queues the neurons whose overlap changed.
    fn queue(&mut self, space: &Space<'_>, core: u32) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for &n in &touched {
            self.heap.push(Reverse((self.missing(space, n, core), n)));
        }
        touched.clear();
        self.touched = touched;
    }

    /// Best candidate that is still free.
    fn best(&mut self, space: &Space<'_>, core: u32, taken: &[bool]) -> Option<u32> {
        while let Some(Reverse((missing, n))) = self.heap.pop() {
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
    let mut rest = Rest {
        taken: vec![false; n],
        next: 0,
    };
    let mut overlap = Overlap {
        covered: vec![0; n],
        core: vec![u32::MAX; n],
        heap: BinaryHeap::new(),
        touched: Vec::new(),
        scans_left: SCANS_PER_SYNAPSE * space.sparse_synapses().max(1 << 16),
    };
    let mut filling = Filling::new(space, room);
    let mut core = 0;
    while rest.first().is_some() {
        filling.clear();
        overlap.heap.clear();
        let (mut rejects, mut sources) = (0, 0);
        loop {
            let grown = overlap.best(space, core, &rest.taken);
            let Some(neuron) = grown.or_else(|| rest.first()) else {
                break;
            };
            match filling.add(neuron) {
                Ok(_) => {
                    core_of[neuron as usize] = core;
                    rest.taken[neuron as usize] = true;
                    for &source in &filling.sources()[sources..] {
                        overlap.source(space, source, core, &rest.taken);
                    }
                    sources = filling.sources().len();
                    overlap.queue(space, core);
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
