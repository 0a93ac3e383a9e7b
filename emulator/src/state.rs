//! All of a core that changes, and its canonical bytes (`specs/state.md`).
//!
//! Invariant: the digest depends on values only, never on the ring's position or on how the cores are shared out.

use crate::program::CorePlan;
use crate::words::Words;
use sha2::{Digest, Sha256};

/// State of one core.
#[derive(Clone)]
pub(crate) struct CoreState {
    /// `[group][slot][lane]`.
    pub(crate) slots: Vec<Vec<Words<i32>>>,
    /// `[ring slot × stride + accumulator]`.
    pub(crate) accumulators: Words<i64>,
    /// Whether anything was added, `[ring slot × groups + group]`.
    pub(crate) touched: Vec<bool>,
    /// Axon bits, `[ring slot × words + word]`; empty with `accumulate`.
    pub(crate) bits: Vec<u64>,
    /// Slot of the step to be updated next.
    pub(crate) head: usize,
}

impl CoreState {
    /// The image's initial state.
    pub(crate) fn new(plan: &CorePlan<'_>, axon_bits: bool) -> CoreState {
        let words = if axon_bits { plan.words() } else { 0 };
        let sums = if axon_bits { 1 } else { plan.ring };
        let mut state = CoreState {
            slots: plan
                .program
                .groups
                .iter()
                .map(|g| {
                    let slot = |_| Words::new(g.lanes as usize);
                    (0..g.slots.len()).map(slot).collect()
                })
                .collect(),
            accumulators: Words::new(sums * plan.stride),
            touched: vec![false; sums * plan.groups.len()],
            bits: vec![0; plan.ring * words],
            head: 0,
        };
        state.reset(plan);
        state
    }

    /// Back to the image's initial state.
    pub(crate) fn reset(&mut self, plan: &CorePlan<'_>) {
        for (group, slots) in plan.program.groups.iter().zip(&mut self.slots) {
            for (slot, lanes) in group.slots.iter().zip(slots) {
                match slot.init.as_slice() {
                    [one] => lanes.fill(*one),
                    many => lanes.copy_from_slice(many),
                }
            }
        }
        self.accumulators.fill(0);
        self.touched.fill(false);
        self.bits.fill(0);
        self.head = 0;
    }

    /// Appends the canonical bytes.
    pub(crate) fn serialise(&self, plan: &CorePlan<'_>, axon_bits: bool, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&plan.program.core.0.to_le_bytes());
        for lane in self.slots.iter().flatten().flat_map(|slot| slot.iter()) {
            bytes.extend_from_slice(&lane.to_le_bytes());
        }
        for ahead in 1..=plan.ring {
            let slot = (self.head + ahead - 1) % plan.ring;
            if axon_bits {
                let words = &self.bits[slot * plan.words()..(slot + 1) * plan.words()];
                for axon in set_bits(words) {
                    bytes.extend_from_slice(&(ahead as u32).to_le_bytes());
                    bytes.extend_from_slice(&axon.to_le_bytes());
                }
                continue;
            }
            let sums = &self.accumulators[slot * plan.stride..(slot + 1) * plan.stride];
            for (index, group) in plan.groups.iter().enumerate() {
                let count =
                    usize::from(plan.program.groups[index].receptors) * group.lanes as usize;
                let sums = &sums[group.accumulators..group.accumulators + count];
                for (place, value) in sums.iter().enumerate().filter(|(_, value)| **value != 0) {
                    let (receptor, lane) = (place as u32 / group.lanes, place as u32 % group.lanes);
                    for field in [ahead as u32, index as u32, receptor, lane] {
                        bytes.extend_from_slice(&field.to_le_bytes());
                    }
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
            }
        }
    }
}

impl CorePlan<'_> {
    /// Words of one slot of axon bits.
    pub(crate) fn words(&self) -> usize {
        self.program.axons.len().div_ceil(64)
    }
}

/// Indices of the set bits, ascending.
pub(crate) fn set_bits(words: &[u64]) -> impl Iterator<Item = u32> {
    words.iter().enumerate().flat_map(|(word, bits)| {
        let mut rest = *bits;
        std::iter::from_fn(move || {
            let bit = (rest != 0).then(|| word as u32 * 64 + rest.trailing_zeros());
            rest &= rest.wrapping_sub(1);
            bit
        })
    })
}

/// SHA-256 over the canonical bytes of consecutive cores, and the steps since the last reset.
pub(crate) fn digest(cores: &[Vec<u8>], steps: u64) -> [u8; 32] {
    let mut hash = Sha256::new();
    cores.iter().for_each(|bytes| hash.update(bytes));
    hash.update(steps.to_le_bytes());
    hash.finalize().into()
}
