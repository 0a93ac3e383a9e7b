//! Packets of a list as the ends of a network: generated at their cycles, taken as soon as they arrive; and what is checked of
//! them in every run: whole and in order, nothing faster than possible.
//!
//! A band has its own; all of them know all packets, each writes down what happens in its own rows.

use super::around::Around;
use super::layout::{Flit, HEAD, NONE, TAIL, flit};
use super::parameters::Parameters;
use crate::noc::{Packet, Times};
use std::ops::Range;
use std::sync::Arc;

/// A packet.
#[derive(Clone, Copy)]
struct Record {
    created: u64,
    /// Its flits without marks.
    flit: Flit,
    source: u32,
    size: u32,
    /// Routers on its way.
    routers: u32,
}

/// The packet that is being taken through an ejection channel.
#[derive(Clone, Copy)]
struct Taking {
    packet: u32,
    flits: u32,
}

/// All packets of a network.
#[derive(Default)]
pub(super) struct List {
    records: Arc<Vec<Record>>,
}

impl List {
    /// Adds a packet. No band may be running.
    pub(super) fn add(&mut self, parameters: &Parameters, packet: &Packet) {
        let mesh = &parameters.mesh;
        let (x, y) = mesh.place(packet.target);
        let port = 4 + packet.target % mesh.locals;
        let number = self.records.len() as u32;
        Arc::make_mut(&mut self.records).push(Record {
            created: packet.created,
            flit: flit(number, x, y, port),
            source: packet.source,
            size: packet.size,
            routers: mesh.routers_passed(packet.source, packet.target),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Generation of the last packet.
    pub(super) fn last_created(&self) -> u64 {
        self.records.last().map_or(0, |record| record.created)
    }

    /// With one VC, packets of a source to a target arrive in the order they were sent.
    pub(super) fn check_paths(&self, times: &[Times]) {
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        let path = |p: usize| (self.records[p].source, self.records[p].flit >> 32);
        // Stable: within a source and a target as they were sent.
        order.sort_by_key(|&p| path(p));
        for pair in order.windows(2) {
            let [a, b] = [pair[0], pair[1]];
            assert!(
                path(a) != path(b) || times[a].tail < times[b].head,
                "noc check paths: packet {b} overtook packet {a}"
            );
        }
    }
}

/// What is around one band.
pub(super) struct Listed {
    records: Arc<Vec<Record>>,
    /// Packets of its nodes in order of generation; the next of them.
    own: Vec<u32>,
    next: usize,
    /// The packet after each in its node's queue.
    links: Vec<u32>,
    /// Last packet of each node's queue.
    last: Vec<u32>,
    first_node: u32,
    /// Injection of its nodes' packets, arrival of those to its nodes.
    pub(super) times: Vec<Times>,
    /// Packets whose times were written since they were asked for; kept only if there are several bands.
    pub(super) changed: Vec<u32>,
    pub(super) several: bool,
    taking: Vec<Taking>,
    pub(super) taken_packets: u64,
    pub(super) window: Range<u64>,
    pub(super) counted: u64,
    /// Least cycles of a packet, but for its routers and its size; of a router.
    link: u64,
    hop: u64,
}

impl Listed {
    /// Around a band with these nodes; `channels` of its routers.
    pub(super) fn new(parameters: &Parameters, nodes: Range<u32>, channels: usize) -> Listed {
        Listed {
            records: Arc::default(),
            own: Vec::new(),
            next: 0,
            links: Vec::new(),
            last: vec![NONE; nodes.len()],
            first_node: nodes.start,
            times: Vec::new(),
            changed: Vec::new(),
            several: false,
            taking: vec![
                Taking {
                    packet: NONE,
                    flits: 0
                };
                channels
            ],
            taken_packets: 0,
            window: 0..0,
            counted: 0,
            link: 1 + u64::from(parameters.link_delay),
            hop: parameters.hop_cycles(),
        }
    }

    /// A packet was added to the list.
    pub(super) fn add(&mut self, packet: u32, source: u32) {
        self.links.push(NONE);
        self.times.push(Times {
            injected: u64::MAX,
            head: u64::MAX,
            tail: u64::MAX,
        });
        let node = source.wrapping_sub(self.first_node) as usize;
        if node < self.last.len() {
            self.own.push(packet);
        }
    }

    /// Before it runs.
    pub(super) fn begin(&mut self, list: &List) {
        self.records = Arc::clone(&list.records);
    }

    /// After it ran: packets may be added again.
    pub(super) fn end(&mut self) {
        self.records = Arc::default();
    }

    fn note(&mut self, packet: u32) {
        if self.several {
            self.changed.push(packet);
        }
    }
}

impl Around for Listed {
    #[inline]
    fn due(&self) -> u64 {
        let next = self.own.get(self.next);
        next.map_or(u64::MAX, |packet| self.records[*packet as usize].created)
    }

    #[inline]
    fn generate(&mut self, now: u64) -> Option<(u32, u32)> {
        while let Some(&packet) = self.own.get(self.next) {
            let record = &self.records[packet as usize];
            if record.created > now {
                break;
            }
            self.next += 1;
            let node = record.source - self.first_node;
            let before = std::mem::replace(&mut self.last[node as usize], packet);
            if before == NONE {
                return Some((node, packet));
            }
            self.links[before as usize] = packet;
        }
        None
    }

    #[inline(always)]
    fn flit(&self, _: u32, packet: u32) -> Flit {
        self.records[packet as usize].flit
    }

    #[inline(always)]
    fn size(&self, packet: u32) -> u32 {
        self.records[packet as usize].size
    }

    #[inline(always)]
    fn injected(&mut self, _: u32, packet: u32, now: u64) {
        self.times[packet as usize].injected = now;
        self.note(packet);
    }

    #[inline(always)]
    fn next(&mut self, node: u32, packet: u32, _: u64) -> u32 {
        let next = self.links[packet as usize];
        if next == NONE {
            self.last[node as usize] = NONE;
        }
        next
    }

    #[inline(always)]
    fn stands(&mut self, _: u16) {}

    #[inline(always)]
    fn left(&mut self, _: usize, _: usize, _: bool, _: u32, _: u64, _: u64) {}

    #[inline(always)]
    fn ejected(&mut self, channel: u32, _: u32, packet: u32, marks: u64, at: u64) -> bool {
        self.counted += u64::from(self.window.contains(&at));
        let times = &mut self.times[packet as usize];
        let record = &self.records[packet as usize];
        let taking = &mut self.taking[channel as usize];
        if marks & HEAD != 0 {
            assert!(
                taking.packet == NONE && times.head == u64::MAX,
                "noc check order: packet {packet} begins while packet {} is taken",
                taking.packet
            );
            times.head = at;
            *taking = Taking { packet, flits: 0 };
        }
        taking.flits += 1;
        assert!(
            taking.packet == packet,
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
            let least =
                self.link + u64::from(record.routers) * self.hop + u64::from(record.size) - 1;
            assert!(
                at >= record.created + least,
                "noc check zero load: packet {packet} took {} cycles, at least {least} are needed",
                at - record.created
            );
        }
        self.note(packet);
        true
    }
}
