//! The network of a chip without its neurons: every core sends the packets it is given and takes what arrives at once.

use super::chain::Chain;
use super::fifo::FifoNetwork;
use super::is_plain;
use super::net::{Ends, FIRST, LAST, NIL, Network, Packet};
use super::shared::SharedNetwork;
use super::units::{TimedSpike, Units};
use crate::api::PacketTime;
use isa::chip::{ChipSpec, Order, PacketKind};
use std::ops::Range;
use std::sync::Arc;

/// A chip's network with all its cores as senders and receivers.
pub(crate) trait Alone {
    /// Gives axon-out of a core a packet that stands ready at `created`, no earlier than all cycles run.
    fn send(&mut self, created: u64, source: u32, target: u32, flits: u32);

    /// Runs all cycles before `end`.
    fn run(&mut self, end: u64);

    /// Runs until everything has arrived.
    fn drain(&mut self);

    /// Packets that are not forgotten, in the order in which they were sent.
    fn records(&self) -> Records<'_>;

    /// Forgets packets that have arrived: all before this one, counted from the first sent.
    fn forget(&mut self, before: usize);
}

/// What is known of packets.
pub(crate) struct Records<'a> {
    ring: &'a [PacketTime],
    /// Numbers of the packets.
    kept: Range<u32>,
    /// Engine's cycle 0.
    base: u64,
}

impl Records<'_> {
    /// Push into the injection FIFO and arrival of packets, as far as they have happened.
    pub(crate) fn times(&self) -> impl Iterator<Item = (Option<u64>, Option<u64>)> {
        let seen = |cycle: u64| cycle.checked_sub(self.base).filter(|_| cycle > 0);
        let mask = self.ring.len() as u32 - 1;
        self.kept.clone().map(move |number| {
            let record = &self.ring[(number & mask) as usize];
            (seen(record.sent), seen(record.arrived))
        })
    }
}

/// Records at first; a power of two, and doubled when all are of packets on their way.
const RING: usize = 1024;

/// The network alone of a chip, which must have passed `check_chip`.
pub(crate) fn alone(chip: &ChipSpec) -> Box<dyn Alone> {
    if is_plain(chip) {
        Box::new(Engine::<FifoNetwork>::new(chip))
    } else {
        Box::new(Engine::<SharedNetwork>::new(chip))
    }
}

struct Engine<N> {
    units: Units<N>,
    /// Engine's cycle 0, late enough that every credit is home.
    base: u64,
    /// Packets sent by each core: they choose the plane.
    sequences: Vec<u32>,
    /// Where each core is: x, y, output.
    homes: Vec<(i16, i16, u8)>,
    sent: u64,
    /// Numbers of the packets whose records are kept, each at its number modulo the records.
    kept: Range<u32>,
    /// By packets of one flit and of several: virtual network, route along y first.
    kinds: [(u8, bool); 2],
    networks: u8,
}

impl<N: Network> Engine<N> {
    fn new(chip: &ChipSpec) -> Engine<N> {
        let mut chip = chip.clone();
        // The source queue has no bound.
        chip.noc.spike_queue = u32::MAX;
        let cores: Vec<u32> = (0..chip.cores()).collect();
        let mut units: Units<N> = Units::new(&chip, &cores, &Arc::default());
        let base = units.net.fresh(0);
        units.net.jump(base);
        units.end = base;
        // A queue without bound has no peak to look for, and nobody asks for those of the others.
        units.counters.spike_queue_peak = u64::MAX;
        units.counters.receive_queue_peak = u64::MAX;
        units.net.without_peak();
        units.records = vec![UNSENT; RING];
        units.record_mask = RING as u32 - 1;
        let home = |&core: &u32| {
            let (x, y) = chip.xy(chip.tile_of(core));
            let last = 4 + core % chip.mesh.cores_per_tile;
            (x as i16, y as i16, last as u8)
        };
        let kind = |kind| {
            let y_first = chip.noc.route_order(kind) == Order::Yx;
            (chip.noc.network(kind) as u8, y_first)
        };
        Engine {
            kinds: [kind(PacketKind::Spike), kind(PacketKind::Graded)],
            networks: chip.noc.network_count() as u8,
            units,
            base,
            sequences: vec![0; cores.len()],
            homes: cores.iter().map(home).collect(),
            sent: 0,
            kept: 0..0,
        }
    }
}

/// Of a packet that was only given.
const UNSENT: PacketTime = PacketTime {
    step: 0,
    source: 0,
    sequence: 0,
    target: 0,
    sent: 0,
    arrived: 0,
    served: 0,
};

impl<N: Network> Engine<N> {
    /// Number of the next packet, whose record has a place.
    fn number(&mut self) -> u32 {
        let records = &mut self.units.records;
        if self.kept.len() == records.len() {
            let mut ring = vec![UNSENT; 2 * records.len()];
            let mask = ring.len() as u32 - 1;
            for number in self.kept.clone() {
                ring[(number & mask) as usize] =
                    records[(number & self.units.record_mask) as usize];
            }
            *records = ring;
            self.units.record_mask = mask;
        }
        self.kept.end += 1;
        self.kept.end - 1
    }
}

impl<N: Network> Alone for Engine<N> {
    fn send(&mut self, created: u64, source: u32, target: u32, flits: u32) {
        let start = self.base + created;
        let (from, to) = (self.homes[source as usize], self.homes[target as usize]);
        let packet = Packet {
            arrived: start,
            next: NIL,
            dx: to.0 - from.0,
            dy: to.1 - from.1,
        };
        let record = self.number();
        let sequence = &mut self.sequences[source as usize];
        let (network, y_first) = self.kinds[usize::from(flits > 1)];
        let mut ends = Ends {
            service: 0,
            deadline: u64::MAX,
            target,
            record,
            last: to.2,
            layer: self.units.plane(*sequence) * self.networks + network,
            part: FIRST | LAST,
            y_first,
        };
        self.units.records[(record & self.units.record_mask) as usize] = UNSENT;
        *sequence = sequence.wrapping_add(1);
        self.sent += u64::from(flits);
        let mut chain = Chain::default();
        for left in (0..flits).rev() {
            if flits > 1 {
                let first = if left + 1 == flits { FIRST } else { 0 };
                let last = if left == 0 { LAST } else { 0 };
                ends.part = first | last;
            }
            let place = self.units.net.place(packet, ends);
            chain.append(&mut self.units.net, place);
        }
        let spike = TimedSpike {
            at: start,
            first: chain.first,
            packets: chain.count,
        };
        self.units.add_to_axon_out(source, spike);
    }

    fn run(&mut self, end: u64) {
        self.units.run(self.base + end);
        for core in 0..self.homes.len() as u32 {
            self.units.serve(core, self.base + end - 1);
        }
    }

    fn drain(&mut self) {
        self.units.run_empty();
        assert_eq!(
            self.units.finished, self.sent,
            "packets sent and packets taken differ"
        );
    }

    fn records(&self) -> Records<'_> {
        Records {
            ring: &self.units.records,
            kept: self.kept.clone(),
            base: self.base,
        }
    }

    fn forget(&mut self, before: usize) {
        self.kept.start = before as u32;
    }
}
