//! What a traced run tells besides its results: every packet with its way, every busy stretch of a neuron unit.
//!
//! Invariant: a trace holds whole steps only. Which steps those are follows from the bound and the steps' own events, never
//! from how timing was shared out.

use crate::api::PacketTime;
use std::ops::Range;

/// What to trace.
#[derive(Clone, Debug)]
pub struct TraceRequest {
    /// Index of the sample.
    pub sample: usize,
    /// Steps, 0 = the preload step.
    pub steps: Range<u32>,
    /// Packets, hops and stretches of work to keep, at most; the first step is kept whatever it holds.
    pub events: usize,
}

/// The traced steps of a sample. Cycles count from the step's start (barrier) or the sample's (tick).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Packets in order of their times' records.
    pub packets: Vec<TracedPacket>,
    /// Work of neuron units, ordered by step, core and time.
    pub work: Vec<NeuronWork>,
    /// First step that was left out because the bound was reached.
    pub cut: Option<u32>,
}

/// A packet and its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TracedPacket {
    /// When it was sent, arrived and was served.
    pub time: PacketTime,
    /// Lane that sent it; none for a packet of the host.
    pub lane: Option<u32>,
    /// Axon of the receiving core; of a packet to the host, the output element.
    pub axon: u32,
    /// Network plane.
    pub plane: u8,
    /// Cycle from which axon-out (or the host's link) could have sent it.
    pub ready: u64,
    /// Cycle in which the synapse unit took it (to the host: when it left the mesh).
    pub begun: u64,
    /// Routers on its way.
    pub hops: Vec<TracedHop>,
}

/// A packet in one router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TracedHop {
    /// Tile of the router.
    pub tile: u32,
    /// Output: 0 to 3 the links east, west, north, south, then 4 + core of the tile.
    pub port: u32,
    /// Arrival in the router's input FIFO.
    pub arrived: u64,
    /// Cycle in which it left that FIFO.
    pub granted: u64,
    /// Cycles for which it held the output.
    pub occupancy: u64,
    /// Cycles of contention: behind others, for the output, for a credit; with routers `vc` the first hop's hold those in the injection
    /// queue too.
    pub waited: u64,
}

/// A stretch in which a neuron unit worked or stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeuronWork {
    /// Step, 0 = preload.
    pub step: u32,
    /// Core.
    pub core: u32,
    /// First cycle.
    pub from: u64,
    /// Cycle after the last.
    pub to: u64,
    /// A spike was ready and the spike queue full.
    pub stalled: bool,
}

impl TracedPacket {
    fn events(&self) -> usize {
        1 + self.hops.len()
    }
}

/// Puts together what timers saw. `skipped` is the first step that any of them left out.
pub(crate) fn merge(parts: Vec<Trace>, limit: usize) -> Trace {
    let mut all = Trace::default();
    for part in parts {
        all.packets.extend(part.packets);
        all.work.extend(part.work);
        all.cut = [all.cut, part.cut].into_iter().flatten().min();
    }
    all.packets.sort_unstable();
    all.work.sort_unstable();
    let mut by_step = std::collections::BTreeMap::new();
    for packet in &all.packets {
        *by_step.entry(packet.time.step).or_insert(0) += packet.events();
    }
    for work in &all.work {
        *by_step.entry(work.step).or_insert(0) += 1;
    }
    let mut events: usize = 0;
    for (index, (step, count)) in by_step.into_iter().enumerate() {
        events = events.saturating_add(count);
        if events > limit && index > 0 {
            all.cut = Some(all.cut.map_or(step, |cut| cut.min(step)));
            break;
        }
    }
    if let Some(cut) = all.cut {
        all.packets.retain(|packet| packet.time.step < cut);
        all.work.retain(|work| work.step < cut);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stretches of steps 0, 1, … by how many each has; the steps that stay and the cut.
    #[test]
    fn a_trace_ends_before_the_step_that_does_not_fit() {
        for (counts, limit, steps, cut) in [
            (&[2, 2, 2][..], 6, 3, None),
            (&[2, 2, 2], 5, 2, Some(2)),
            (&[9, 1], 5, 1, Some(1)),
            (&[1, 9, 1], 5, 1, Some(1)),
        ] {
            let work = (0..).zip(counts).flat_map(|(step, count)| {
                (0..*count).map(move |core| NeuronWork {
                    step,
                    core,
                    from: 0,
                    to: 1,
                    stalled: false,
                })
            });
            // As two timers would share them out.
            let (even, odd) = work.partition(|work| work.step % 2 == 0);
            let part = |work| Trace {
                work,
                ..Trace::default()
            };
            let merged = merge(vec![part(odd), part(even)], limit);
            let kept: u32 = counts[..steps].iter().sum();
            assert_eq!(merged.work.len() as u32, kept, "{counts:?}, {limit}");
            assert_eq!(merged.cut, cut, "{counts:?}, {limit}");
            assert!(merged.work.is_sorted());
        }
    }
}
