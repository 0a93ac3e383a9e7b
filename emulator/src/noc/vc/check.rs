//! What is checked in every run: packets whole and in order, nothing faster than possible, everything home at rest; and who
//! waits for whom when the network stands still.

use super::bits::Bits;
use super::engine::Engine;
use super::layout::{FREE, HEAD, NODE, NONE, State, TAIL, Taking};
use std::fmt::Write;

/// Lines of a report of a network that stands still.
const REPORTED: usize = 32;

impl<B: Bits, const P: usize, const S: usize> Engine<B, P, S> {
    /// A node takes a flit from an ejection channel.
    #[inline(always)]
    pub(super) fn taken(&mut self, channel: usize, packet: usize, marks: u64, at: u64) {
        let times = &mut self.times[packet];
        let record = &self.records[packet];
        let taking = &mut self.taking[channel];
        if marks & HEAD != 0 {
            assert!(
                taking.packet == NONE && times.head == u64::MAX,
                "noc check order: packet {packet} begins while packet {} is taken",
                taking.packet
            );
            times.head = at;
            *taking = Taking {
                packet: packet as u32,
                flits: 0,
            };
        }
        taking.flits += 1;
        assert!(
            taking.packet == packet as u32,
            "noc check order: a flit of packet {packet} is taken within packet {}",
            taking.packet
        );
        if marks & TAIL != 0 {
            assert!(
                taking.flits == record.size,
                "noc check order: {} of {} flits of packet {packet} came before its tail",
                taking.flits,
                record.size
            );
            taking.packet = NONE;
            times.tail = at;
            self.taken_packets += 1;
            let link = 1 + u64::from(self.parameters.link_delay);
            let routers = u64::from(record.routers) * self.parameters.hop_cycles();
            let least = link + routers + u64::from(record.size) - 1;
            assert!(
                at >= record.created + least,
                "noc check zero load: packet {packet} took {} cycles, at least {least} are needed",
                at - record.created
            );
        }
    }

    /// Nothing is left to do: everything must have arrived and be home.
    pub(super) fn check_rest(&self) {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        if self.taken_packets != self.records.len() as u64 {
            let inside: u64 = self.inputs.iter().map(|input| u64::from(input.used)).sum();
            let conserved = self.injected_flits == self.taken_flits + inside;
            let name = if conserved {
                "deadlock"
            } else {
                "conservation"
            };
            panic!("noc check {name}: {}", self.stuck());
        }
        assert_eq!(
            self.injected_flits, self.taken_flits,
            "noc check conservation: flits injected and taken"
        );
        let all = ((1u32 << self.parameters.vcs) - 1) as u8;
        let full = self.parameters.buffer;
        for (index, port) in self.ports.iter().enumerate() {
            let channels = index * stride..index * stride + self.parameters.vcs as usize;
            let home = self.outputs[channels]
                .iter()
                .all(|o| u32::from(o.credits) == full && o.owner == FREE);
            assert!(
                home && port.free == all && port.funded == all,
                "noc check credits: at rest, not all are home at output {} of router {}",
                index % ports,
                index / ports
            );
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let channels =
                node.channel as usize..node.channel as usize + self.parameters.vcs as usize;
            let home = self.node_vcs[channels]
                .iter()
                .all(|vc| u32::from(vc.credits) == full);
            assert!(
                home && node.free == all && node.funded == all,
                "noc check credits: at rest, not all are home at node {index}"
            );
        }
        if self.parameters.vcs == 1 {
            self.check_paths();
        }
    }

    /// With one VC, packets of a source to a target arrive in the order they were sent.
    fn check_paths(&self) {
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        // Stable: within a source and a target as they were sent.
        order.sort_by_key(|&p| (self.records[p].source, self.records[p].flit >> 32));
        for pair in order.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            let path = |p: usize| (self.records[p].source, self.records[p].flit >> 32);
            assert!(
                path(a) != path(b) || self.times[a].tail < self.times[b].head,
                "noc check paths: packet {b} overtook packet {a}"
            );
        }
    }

    /// Who waits for whom.
    fn stuck(&self) -> String {
        let (ports, stride) = (self.ports_per_router(), self.stride());
        let mut text = format!(
            "cycle {}: {} of {} packets have arrived and nothing can move",
            self.now,
            self.taken_packets,
            self.records.len()
        );
        let per_router = ports * stride;
        let waits =
            (self.inputs.iter().enumerate()).filter(|(_, input)| input.state != State::Idle);
        for (channel, input) in waits.clone().take(REPORTED) {
            let (router, index) = (channel / per_router, channel % per_router);
            let flit = self.flits[(channel << self.ring) + usize::from(input.head)];
            let (o, first) = (usize::from(input.port), router * ports);
            let what = match input.state {
                State::Active => {
                    let credits =
                        self.outputs[(first + o) * stride + usize::from(input.vc)].credits;
                    format!(
                        "has its VC {}, credits {credits}, flits {}",
                        input.vc, input.len
                    )
                }
                _ => {
                    let owners: Vec<u8> = (0..self.parameters.vcs as usize)
                        .map(|v| self.outputs[(first + o) * stride + v].owner)
                        .collect();
                    format!("waits for a VC of it; they belong to inputs {owners:?}")
                }
            };
            let _ = write!(
                text,
                "\n  router {router} input {} VC {}: packet {} to output {o}: {what}; behind it {}",
                index / stride,
                index % stride,
                flit as u32,
                end(self.ports[first + o].next, per_router)
            );
        }
        let more = waits.count().saturating_sub(REPORTED);
        if more > 0 {
            let _ = write!(text, "\n  and {more} more");
        }
        text
    }
}

/// What lies behind an output.
fn end(next: u32, per_router: usize) -> String {
    match next {
        NONE => "nothing".to_owned(),
        node if node & NODE != 0 => format!("node {}", node & !NODE),
        channel => format!("router {}", channel as usize / per_router),
    }
}
