//! Packets on their way into the network: who sends them, and the flits of a spike one after the other.
//!
//! Invariant: a chain's flits follow each other by `next` in the order in which axon-out sends them.

use super::net::{Ends, FIRST, LAST, NIL, Network, Packet};
use super::{StepTimer, StepWork, When};
use crate::program::NONE;
use crate::route::kind_of;
use isa::chip::PacketKind;
use isa::image::packets_of;

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

impl<N: Network> StepTimer<'_, N> {
    /// Puts the packets of a spike down, which may have several flits or targets. `services` is the place of the first of
    /// their services, if they are known one by one.
    pub(super) fn packets(
        &mut self,
        work: &StepWork<'_>,
        when: When,
        core: usize,
        lane: u32,
        services: Option<usize>,
        sequence: &mut u32,
    ) -> Chain {
        let program = self.program;
        let plan = &program.cores[core];
        let first = plan.dest_first[lane as usize] as usize;
        let dests = &plan.program.dests[first..plan.dest_first[lane as usize + 1] as usize];
        let payload = plan.payload(lane as usize);
        let mut chain = Chain::default();
        let mut at = 0;
        for packet in packets_of(dests) {
            let sender = Sender {
                core: plan.program.core.0,
                home: self.homes[core],
                lane,
                sequence: *sequence,
                kind: kind_of(&packet[0], payload),
                flits: program.chip.noc.flits(payload),
            };
            let root = if packet.len() > 1 {
                program.trees.root(core, first + at)
            } else {
                NONE
            };
            let mut targets = std::mem::take(&mut self.targets);
            for dest in packet {
                let service = services.map(|from| self.service[from + at]);
                let made = self.packet(work, when, dest, service, &sender);
                self.sent.push((made.1.target, made.1.service));
                self.flits(made, work.step, &sender, dest.axon, |net, flit| {
                    if root == NONE {
                        chain.append(net, flit);
                    } else {
                        targets.push(flit);
                    }
                });
                at += 1;
            }
            if root != NONE {
                let net = &mut self.units.net;
                let (packet, ends) = (*net.packet(targets[0]), *net.ends(targets[0]));
                let place = net.place_tree(packet, ends, root, &targets);
                chain.append(net, place);
            }
            targets.clear();
            self.targets = targets;
            *sequence += 1;
        }
        chain
    }

    /// Puts the flits of a packet to one target down, and gives each to `take`.
    pub(super) fn flits(
        &mut self,
        (packet, mut ends): (Packet, Ends),
        step: u32,
        sender: &Sender,
        axon: u32,
        mut take: impl FnMut(&mut N, u32),
    ) {
        if self.record {
            ends.record = self.new_record(&ends, step, sender, axon);
        }
        self.placed += u64::from(sender.flits);
        for flit in 0..sender.flits {
            let first = if flit == 0 { FIRST } else { 0 };
            let last = if flit + 1 == sender.flits { LAST } else { 0 };
            ends.part = first | last;
            let place = self.units.net.place(packet, ends);
            take(&mut self.units.net, place);
        }
    }
}
