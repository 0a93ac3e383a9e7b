//! Packets on their way into the network: who sends them, and the flits of a spike one after the other.
//!
//! Invariant: a chain's flits follow each other by `next` in the order in which axon-out sends them.

use super::net::{NIL, Network};
use isa::chip::PacketKind;

/// Who sends a packet, and what kind of packet.
pub(super) struct Sender {
    /// Core, or `HOST | port`.
    pub(super) core: u32,
    /// Where it is: x, y, output.
    pub(super) home: (i16, i16, u8),
    /// Lane, or [`NIL`].
    pub(super) lane: u32,
    pub(super) sequence: u32,
    pub(super) kind: PacketKind,
    pub(super) flits: u32,
}

/// Flits of a spike, each the `next` of the one before.
pub(super) struct Chain {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) count: u32,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain {
            first: NIL,
            last: NIL,
            count: 0,
        }
    }
}

impl Chain {
    #[inline]
    pub(super) fn append(&mut self, net: &mut impl Network, place: u32) {
        if self.last == NIL {
            self.first = place;
        } else {
            net.packet_mut(self.last).next = place;
        }
        self.last = place;
        self.count += 1;
    }
}
