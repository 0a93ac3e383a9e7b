//! What a step is made of while it is followed: packets, queues, outputs, cores, and what happens at a cycle.
//!
//! Invariant: events that fall on one cycle are ordered by what they are and by their numbers, so that a step takes the same time however they came in.

use std::collections::VecDeque;

/// Where a packet goes that leaves the chip.
pub(super) const HOST: u32 = u32::MAX;

/// A spike of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::objective) struct Spike {
    /// Number of the source: neurons, then input elements.
    pub(in crate::objective) source: u32,
    /// Times that it sends in the step.
    pub(in crate::objective) times: u32,
}

/// A packet on its way.
pub(super) struct Packet {
    /// Tile that it is at, or goes to next.
    pub(super) tile: u32,
    /// Physical core, or [`HOST`].
    pub(super) to: u32,
    /// Synapse-unit cycles.
    pub(super) service: u64,
    /// Its spike: copies of one share links where the chip has multicast.
    pub(super) spike: u32,
}

/// What happens at a cycle. Outputs and the queues behind them have one number: link (tile · 4 + direction) · planes + plane, then core · planes + plane. That of
/// the host's side of its tile stands for the link to the host as an output, and for the queue of the host's packets as a queue. A queue that a core
/// fills has the number of the output to that core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// A packet arrives in the queue behind a link, or in that which a core fills.
    Queued(u32, u32),
    /// A packet arrives at a core.
    Received(u32, u32),
    /// An output may be free, or there may be room behind it.
    Output(u32),
    /// The synapse unit of a core of the partition may be free.
    Serve(u32),
    /// Axon-out of a core of the partition may go on.
    Send(u32),
    /// The host may go on in a plane.
    Host(u32),
}

/// A queue, and the room that is left in it.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) packets: VecDeque<u32>,
    pub(super) room: u32,
}

/// An output of a router.
#[derive(Default)]
pub(super) struct Output {
    pub(super) free: u64,
    /// Queues whose first packet wants it, as they came.
    pub(super) wanted: VecDeque<u32>,
    /// An [`Event::Output`] is to come.
    pub(super) woken: bool,
    /// Spike that took it last.
    pub(super) spike: u32,
}

/// A core of the partition: its neuron unit and axon-out with the spikes of the step, and its synapse unit.
#[derive(Default)]
pub(super) struct Core {
    /// By spike: the unstalled cycle in which its update ends, and its packets.
    pub(super) spikes: Vec<(u64, std::ops::Range<u32>)>,
    /// Spikes that axon-out has taken, and when; packets of the last that are sent.
    pub(super) taken: Vec<u64>,
    pub(super) sent: u32,
    /// Packets sent so far.
    pub(super) count: u64,
    /// When the packet in hand is ready; delay of the neuron unit by full queues.
    pub(super) ready: u64,
    pub(super) stalled: u64,
    /// Axon-out waits for room.
    pub(super) waits: bool,
    pub(super) served: u64,
    pub(super) plane: u32,
}
