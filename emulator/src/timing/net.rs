//! What the units around a network ask of it, whatever its routers: `fifo` is one, `vc` another.
//!
//! A *layer* is a virtual network of a plane: plane × networks + network. A packet of several flits is as many packets here,
//! one after the other; what a packet is to its ends, its last flit is.
//!
//! Invariant: a queue has one sender and one end. Senders run ahead of the network as long as it can say when a slot is
//! free ([`Credit::From`]); after [`Credit::Unknown`] the network calls the sender when a packet leaves the queue.

use super::units::Units;
use crate::mutants::{self, Mutant};
use crate::route::Trees;
use isa::chip::ChipSpec;
use std::sync::Arc;

/// No packet.
pub(super) const NIL: u32 = u32::MAX;

/// A packet on its way: what routers need.
#[derive(Clone, Copy)]
pub(super) struct Packet {
    /// When it arrives, or arrived, where it stands.
    pub(super) arrived: u64,
    /// Next in its queue, or next of the same sender.
    pub(super) next: u32,
    /// Way that is left; a router may leave it as it is at the source.
    pub(super) dx: i16,
    pub(super) dy: i16,
}

/// A packet: what only its ends need.
#[derive(Clone, Copy)]
pub(super) struct Ends {
    pub(super) service: u64,
    /// Service must end by this cycle (`tick`).
    pub(super) deadline: u64,
    /// Index of the core, or `HOST | port`.
    pub(super) target: u32,
    /// Index of its record, or [`NIL`].
    pub(super) record: u32,
    /// Output at its last router.
    pub(super) last: u8,
    /// Plane × networks + network.
    pub(super) layer: u8,
    /// [`FIRST`] and [`LAST`] of its packet.
    pub(super) part: u8,
    /// It goes along y first.
    pub(super) y_first: bool,
}

/// The flit begins its packet.
pub(super) const FIRST: u8 = 1;
/// The flit ends its packet.
pub(super) const LAST: u8 = 2;

/// When a push may happen.
pub(super) enum Credit {
    /// From this cycle on.
    From(u64),
    /// When a packet has left.
    Unknown,
}

/// What contention in the network took, since it was asked last.
pub(super) struct Waits {
    pub(super) router_wait: u64,
    pub(super) fifo_peak: u64,
    /// `tile × 4 + direction`.
    pub(super) link_wait: Vec<u64>,
}

/// Routers, the queues into them and out of them, and the packets.
pub(super) trait Network: Sized {
    /// The network of a chip with these cores in use, and the ways of their packets to several targets.
    fn new(chip: &ChipSpec, used: &[u32], trees: &Arc<Trees>) -> Self;

    /// The first cycle, later than `end`, to which nothing of the past matters.
    fn fresh(&self, end: u64) -> u64;

    /// Goes to a cycle before which nothing is pending.
    fn jump(&mut self, to: u64);

    /// No packet is on its way: forgets all of them, and every arbiter goes to its first position.
    fn reset(&mut self);

    /// Queue into the network of a core (by tile and index there) in a layer.
    fn injection(&self, tile: u32, index: u32, layer: u32) -> u32;

    /// Queue into the network of a host port (by tile and side) in a layer.
    fn link(&self, tile: u32, side: u32, layer: u32) -> u32;

    /// Receive queue of a core (by index of those in use) in layer 0; those of the other layers follow.
    fn receive(&self, core: u32) -> u32;

    /// From when on a packet may be sent to a queue into the network.
    fn credit(&mut self, queue: u32) -> Credit;

    /// Sends a packet to a queue into the network, to arrive at a cycle. A credit must be home.
    fn push(&mut self, queue: u32, packet: u32, at: u64);

    /// First packet of a receive queue, perhaps still on its way there, or [`NIL`].
    fn head(&self, queue: u32) -> u32;

    /// Cycle from which the first packet of a receive queue stands there whole, as far as that is known; else the last of all cycles.
    #[inline]
    fn whole(&self, queue: u32) -> u64 {
        match self.head(queue) {
            NIL => u64::MAX,
            packet => self.packet(packet).arrived,
        }
    }

    /// Packets in a receive queue or on their way from its last router.
    fn len(&self, queue: u32) -> u32;

    /// Packets that stand in a receive queue in a cycle.
    fn arrived(&self, queue: u32, now: u64) -> u64;

    /// Takes the head of a receive queue.
    fn pop(&mut self, queue: u32, now: u64) -> u32;

    /// Puts a packet down; its place.
    fn place(&mut self, packet: Packet, ends: Ends) -> u32;

    /// Puts a packet to several targets down, whose own packets have been: node of its tree where it begins.
    fn place_tree(&mut self, _: Packet, _: Ends, _root: u32, _targets: &[u32]) -> u32 {
        unreachable!("an image with joined destinations runs on routers with multicast")
    }

    /// When all packets are over: cycle from which a marker may be sent to a queue.
    fn marker_credit(&mut self, queue: u32) -> u64 {
        match self.credit(queue) {
            Credit::From(cycle) if !mutants::is(Mutant::MarkerUnpaid) => cycle,
            _ => 0,
        }
    }

    /// When all packets are over: arrival of a marker behind the output of a router, before which markers stand from
    /// `ready` on.
    fn mark(&mut self, _tile: u32, _port: u32, _plane: u32, _ready: u64) -> u64 {
        unreachable!("only routers with one FIFO an input have a barrier of messages")
    }

    /// When all packets are over: cycle from which a marker that arrived in a queue stands at its head.
    fn stands(&self, _queue: u32, _arrived: u64) -> u64 {
        unreachable!("only routers with one FIFO an input have a barrier of messages")
    }

    /// The packet is over.
    fn free(&mut self, packet: u32);

    fn packet(&self, packet: u32) -> &Packet;

    fn packet_mut(&mut self, packet: u32) -> &mut Packet;

    fn ends(&self, packet: u32) -> &Ends;

    fn take_waits(&mut self) -> Waits;

    /// Nobody will ask for the peak of the routers' queues.
    fn without_peak(&mut self) {}

    /// Nothing is left to do: so many packets are `missing`, which must be none, and everything must be home.
    fn check_rest(&self, missing: u64);

    /// Runs all cycles before `until`.
    fn run(units: &mut Units<Self>, until: u64);
}

/// Packets by place; places of packets that are over are used again.
#[derive(Default)]
pub(super) struct Packets {
    pub(super) routes: Vec<Packet>,
    pub(super) ends: Vec<Ends>,
    free: Vec<u32>,
}

impl Packets {
    #[inline]
    pub(super) fn place(&mut self, packet: Packet, ends: Ends) -> u32 {
        if let Some(place) = self.free.pop() {
            self.routes[place as usize] = packet;
            self.ends[place as usize] = ends;
            return place;
        }
        let place = u32::try_from(self.routes.len()).unwrap_or(NIL);
        assert!(place < NIL, "{place} packets in one step");
        self.routes.push(packet);
        self.ends.push(ends);
        place
    }

    #[inline]
    pub(super) fn free(&mut self, packet: u32) {
        self.free.push(packet);
    }

    pub(super) fn clear(&mut self) {
        self.routes.clear();
        self.ends.clear();
        self.free.clear();
    }
}
