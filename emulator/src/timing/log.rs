//! What the units write down of traced steps (`crate::trace`).
//!
//! Invariant: nothing is read from it while timing, and with no step traced nothing is written.

use super::net::NIL;
use crate::trace::{NeuronWork, TracedHop};

/// A packet's part that [`PacketTime`](crate::api::PacketTime) does not tell; as many as records.
#[derive(Clone, Copy)]
pub(super) struct Detail {
    /// [`NIL`]: the host.
    pub(super) lane: u32,
    pub(super) axon: u32,
    pub(super) plane: u8,
    pub(super) ready: u64,
    pub(super) begun: u64,
}

/// Writing of a timer, in the timer's own cycles until [`Log::shift`].
#[derive(Default)]
pub(super) struct Log {
    /// A sample is traced.
    pub(super) on: bool,
    pub(super) details: Vec<Detail>,
    /// By record.
    pub(super) hops: Vec<(u32, TracedHop)>,
    /// With the core's index.
    pub(super) work: Vec<NeuronWork>,
    /// What stands before is shifted already.
    shifted: [usize; 3],
}

impl Log {
    pub(super) fn events(&self) -> usize {
        self.details.len() + self.hops.len() + self.work.len()
    }

    /// Makes the cycles since the last call relative to `base`.
    pub(super) fn shift(&mut self, base: u64) {
        if !self.on {
            return;
        }
        let [details, hops, work] = self.shifted;
        for detail in &mut self.details[details..] {
            detail.ready -= base;
            detail.begun -= base;
        }
        for (_, hop) in &mut self.hops[hops..] {
            hop.arrived -= base;
            hop.granted -= base;
        }
        for stretch in &mut self.work[work..] {
            stretch.from -= base;
            stretch.to -= base;
        }
        self.shifted = [self.details.len(), self.hops.len(), self.work.len()];
    }

    /// Cycles of a neuron unit.
    #[inline]
    pub(super) fn work(&mut self, step: u32, core: u32, from: u64, to: u64, stalled: bool) {
        if step != NIL && to > from {
            self.work.push(NeuronWork {
                step,
                core,
                from,
                to,
                stalled,
            });
        }
    }

    #[cold]
    pub(super) fn hop(&mut self, record: u32, hop: TracedHop) {
        if record != NIL {
            self.hops.push((record, hop));
        }
    }
}
