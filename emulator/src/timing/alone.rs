//! The network of a chip without its neurons: every core sends the packets it is given and takes what arrives at once.

use super::fifo::FifoNetwork;
use super::net::{Ends, NIL, Network, Packet};
use super::units::{TimedSpike, Units, Work};
use crate::api::PacketTime;
use isa::chip::ChipSpec;

/// A chip's network with all its cores as senders and receivers.
pub(crate) struct Alone {
    units: Units<FifoNetwork>,
    /// Engine's cycle 0, late enough that every credit is home.
    base: u64,
    /// Packets sent by each core: they choose the plane.
    sequences: Vec<u32>,
    /// Where each core is: x, y, output.
    homes: Vec<(i16, i16, u8)>,
    sent: u64,
}

impl Alone {
    /// The chip must have passed `check_chip`.
    pub(crate) fn new(chip: &ChipSpec) -> Alone {
        let mut chip = chip.clone();
        // The source queue has no bound.
        chip.noc.spike_queue = u32::MAX;
        let cores: Vec<u32> = (0..chip.cores()).collect();
        let mut units: Units<FifoNetwork> = Units::new(&chip, &cores);
        let base = units.net.fresh(0);
        units.net.jump(base);
        units.end = base;
        // A queue without bound has no peak to look for.
        units.counters.spike_queue_peak = u64::MAX;
        let home = |&core: &u32| {
            let (x, y) = chip.xy(chip.tile_of(core));
            let last = 4 + core % chip.mesh.cores_per_tile;
            (x as i16, y as i16, last as u8)
        };
        Alone {
            units,
            base,
            sequences: vec![0; cores.len()],
            homes: cores.iter().map(home).collect(),
            sent: 0,
        }
    }

    /// Gives axon-out of a core a packet that stands ready at `created`, no earlier than all cycles run.
    pub(crate) fn send(&mut self, created: u64, source: u32, target: u32) {
        let start = self.base + created;
        let (from, to) = (self.homes[source as usize], self.homes[target as usize]);
        let packet = Packet {
            arrived: start,
            next: NIL,
            dx: to.0 - from.0,
            dy: to.1 - from.1,
        };
        let sequence = &mut self.sequences[source as usize];
        let ends = Ends {
            service: 0,
            deadline: u64::MAX,
            target,
            record: self.units.records.len() as u32,
            last: to.2,
            plane: self.units.plane(*sequence),
        };
        self.units.records.push(PacketTime {
            step: 0,
            source,
            sequence: *sequence,
            target,
            sent: 0,
            arrived: 0,
            served: 0,
        });
        *sequence = sequence.wrapping_add(1);
        self.sent += 1;
        let first = self.units.place(packet, ends);
        let spike = TimedSpike {
            at: 0,
            first,
            packets: 1,
        };
        self.units.add_spike(source, spike);
        let work = Work {
            start,
            spikes: 1,
            tail: 0,
            counted: false,
            traced: NIL,
        };
        self.units.begin(source, work);
    }

    /// Runs all cycles before `end`.
    pub(crate) fn run(&mut self, end: u64) {
        self.units.run(self.base + end);
        for core in 0..self.homes.len() as u32 {
            self.units.serve(core, self.base + end - 1);
        }
    }

    /// Runs until everything has arrived.
    pub(crate) fn drain(&mut self) {
        self.units.run_empty();
        assert_eq!(
            self.units.finished, self.sent,
            "packets sent and packets taken differ"
        );
    }

    /// Push into the injection FIFO and arrival of the packets from `first` on, as far as they have happened.
    pub(crate) fn times(&self, first: usize) -> impl Iterator<Item = (Option<u64>, Option<u64>)> {
        let seen = |cycle: u64| cycle.checked_sub(self.base).filter(|_| cycle > 0);
        self.units.records[first..]
            .iter()
            .map(move |record| (seen(record.sent), seen(record.arrived)))
    }
}
