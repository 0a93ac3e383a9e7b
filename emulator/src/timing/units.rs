//! The units of the cores around the network: neuron unit, axon-out, synapse unit, host links (`specs/core.md`).
//!
//! Invariant: in each cycle the phases run in the order of the specification; every unit acts only when one of its
//! conditions may have changed.

use super::net::{
    ARRIVE, AXON, Credit, HOSTLINK, INDEX, NEURON, NIL, Net, OUTPUT, Packet, SYNAPSE,
};
use crate::api::{PacketTime, TimeCounters};
use crate::mutants::{self, Mutant};
use crate::program::Program;
use std::collections::VecDeque;

/// A spike on its way through a core.
pub(super) struct TimedSpike {
    /// Cycles after the spike before.
    pub(super) gap: u64,
    /// First packet; the others follow by `next`.
    pub(super) first: u32,
    pub(super) packets: u32,
}

/// A neuron unit's step.
pub(super) struct Work {
    /// Cycle at which the step begins.
    pub(super) start: u64,
    pub(super) spikes: u32,
    /// Cycles after the last spike.
    pub(super) tail: u64,
    /// It may be counted as overrun.
    pub(super) counted: bool,
}

#[derive(Default)]
pub(super) struct Core {
    // Neuron unit.
    work: VecDeque<Work>,
    /// Spikes of the work in hand that are not pushed.
    left: u32,
    tail: u64,
    active: bool,
    ready: u64,
    end: u64,
    blocked: bool,
    neuron_wake: u64,
    /// In the spike queue, then not yet pushed.
    spikes: VecDeque<TimedSpike>,
    queued: u32,
    // Axon-out.
    hand: u32,
    hand_left: u32,
    hand_ready: u64,
    axon_wake: u64,
    tile: u32,
    index: u32,
    // Synapse unit.
    busy: u64,
    plane: u32,
    synapse_wake: u64,
    pub(super) stall: u64,
}

#[derive(Default)]
pub(super) struct HostLink {
    queue: VecDeque<(u32, u64)>,
    free: u64,
    fifo: u32,
}

/// All units of a chip in a run.
pub(super) struct Units {
    pub(super) net: Net,
    pub(super) cores: Vec<Core>,
    /// `port × planes + plane`.
    pub(super) links: Vec<HostLink>,
    pub(super) counters: TimeCounters,
    pub(super) late: u64,
    pub(super) overruns: u64,
    /// Largest cycle of the step's ends.
    pub(super) end: u64,
    pub(super) records: Vec<PacketTime>,
    pub(super) finished: u64,
    planes: u32,
    spike_queue: u32,
    inject: u64,
    axon_out: u64,
    host: u64,
    host_occupancy: u64,
    // Lists of the cycle in hand.
    synapses: Vec<u32>,
    neurons: Vec<u32>,
    axons: Vec<u32>,
    hosts: Vec<u32>,
    left: Vec<u32>,
}

impl Units {
    pub(super) fn new(program: &Program<'_>) -> Units {
        let (chip, net) = (program.chip, Net::new(program));
        let planes = chip.mesh.planes;
        let cores = program
            .cores
            .iter()
            .map(|core| Core {
                tile: chip.tile_of(core.program.core.0),
                index: core.program.core.0 % chip.mesh.cores_per_tile,
                neuron_wake: u64::MAX,
                axon_wake: u64::MAX,
                synapse_wake: u64::MAX,
                ..Core::default()
            })
            .collect();
        let links = chip
            .host_ports
            .iter()
            .flat_map(|port| (0..planes).map(move |plane| (port, plane)))
            .map(|(port, plane)| HostLink {
                fifo: net.link(port.tile, u32::from(port.side), plane),
                ..HostLink::default()
            })
            .collect();
        Units {
            cores,
            links,
            counters: TimeCounters::default(),
            late: 0,
            overruns: 0,
            end: 0,
            records: Vec::new(),
            finished: 0,
            planes,
            spike_queue: chip.noc.spike_queue + u32::from(mutants::is(Mutant::SpikeQueueDeep)),
            inject: chip.noc.inject,
            axon_out: chip.time.axon_out,
            host: chip.noc.host,
            host_occupancy: chip.noc.host_occupancy,
            synapses: Vec::new(),
            neurons: Vec::new(),
            axons: Vec::new(),
            hosts: Vec::new(),
            left: Vec::new(),
            net,
        }
    }

    /// Every selector at its first position.
    pub(super) fn reset(&mut self) {
        self.net.reset_pointers();
        for core in &mut self.cores {
            core.plane = 0;
        }
    }

    /// Gives a core its step; `spikes` were appended to it before.
    pub(super) fn begin(&mut self, core: u32, work: Work) {
        let unit = &mut self.cores[core as usize];
        unit.work.push_back(work);
        if !unit.active {
            self.next_work(core);
            let unit = &mut self.cores[core as usize];
            if unit.active {
                unit.neuron_wake = unit.ready;
                self.net.wheel.add(unit.ready, NEURON | core);
            }
        }
    }

    pub(super) fn add_spike(&mut self, core: u32, spike: TimedSpike) {
        self.cores[core as usize].spikes.push_back(spike);
    }

    /// Queues a host packet that stands ready at `start`.
    pub(super) fn add_host(&mut self, link: usize, packet: u32, start: u64) {
        let queue = &mut self.links[link].queue;
        queue.push_back((packet, start));
        if queue.len() == 1 {
            let at = self.links[link].free.max(start);
            self.net.wheel.add(at, HOSTLINK | link as u32);
        }
    }

    /// Runs all cycles before `until`.
    pub(super) fn run(&mut self, until: u64) {
        while let Some(now) = self.net.wheel.advance(until) {
            self.cycle(now);
        }
    }

    fn cycle(&mut self, now: u64) {
        while let Some(event) = self.net.wheel.take() {
            let index = event & INDEX;
            match event & !INDEX {
                ARRIVE => self.synapses.extend(self.net.arrive(index, now)),
                OUTPUT => self.net.woken(index, now),
                SYNAPSE => self.synapses.push(index),
                NEURON => self.neurons.push(index),
                AXON => self.axons.push(index),
                _ => self.hosts.push(index),
            }
        }
        if !self.synapses.is_empty() {
            let list = std::mem::take(&mut self.synapses);
            list.iter().for_each(|core| self.synapse(*core, now));
            for core in &list {
                for plane in 0..self.planes {
                    let length = self.net.fifo(self.net.receive(*core, plane)).len;
                    self.counters.receive_queue_peak =
                        self.counters.receive_queue_peak.max(u64::from(length));
                }
            }
            self.synapses = list;
            self.synapses.clear();
        }
        let pushing = !self.neurons.is_empty();
        for at in 0..self.neurons.len() {
            let core = self.neurons[at];
            self.neuron(core, now);
            self.axons.push(core);
        }
        for at in 0..self.axons.len() {
            self.axon(self.axons[at], now);
        }
        if pushing {
            for core in &self.neurons {
                let queued = u64::from(self.cores[*core as usize].queued);
                self.counters.spike_queue_peak = self.counters.spike_queue_peak.max(queued);
            }
            self.neurons.clear();
        }
        self.axons.clear();
        self.net.arbitrate(now, &mut self.left);
        while let Some(packet) = self.left.pop() {
            let arrived = self.net.packets[packet as usize].arrived;
            self.finish(packet, arrived, arrived);
        }
        while let Some(link) = self.hosts.pop() {
            self.host(link as usize, now);
        }
    }

    /// Phase 2.
    fn synapse(&mut self, core: u32, now: u64) {
        let unit = &mut self.cores[core as usize];
        if unit.synapse_wake == now {
            unit.synapse_wake = u64::MAX;
        }
        let waiting = |net: &Net, plane: u32| net.fifo(net.receive(core, plane)).len > 0;
        if unit.busy <= now {
            let from = if mutants::is(Mutant::SynapsePlaneStuck) {
                0
            } else {
                unit.plane
            };
            let Some(plane) = (0..self.planes)
                .map(|p| (from + p) % self.planes)
                .find(|p| waiting(&self.net, *p))
            else {
                return;
            };
            unit.plane = (plane + 1) % self.planes;
            let fifo = self.net.receive(core, plane);
            let packet = self.net.pop(fifo, now);
            let record = &self.net.packets[packet as usize];
            self.counters.synapse_wait += now - record.arrived;
            let (arrived, end) = (record.arrived, now + record.service);
            let grace = u64::from(mutants::is(Mutant::LateOneMore));
            self.late += u64::from(end > record.deadline.saturating_add(grace));
            unit.busy = end;
            self.finish(packet, arrived, end);
        }
        let unit = &mut self.cores[core as usize];
        if unit.synapse_wake > unit.busy && (0..self.planes).any(|plane| waiting(&self.net, plane))
        {
            unit.synapse_wake = unit.busy;
            self.net.wheel.add(unit.busy, SYNAPSE | core);
        }
    }

    /// A packet's way is over.
    fn finish(&mut self, packet: u32, arrived: u64, served: u64) {
        self.end = self.end.max(served);
        self.finished += 1;
        let record = self.net.packets[packet as usize].record;
        if record != NIL {
            let record = &mut self.records[record as usize];
            (record.arrived, record.served) = (arrived, served);
        }
        self.net.free_packets.push(packet);
    }

    /// Takes the next step's work; steps without spikes end at once.
    fn next_work(&mut self, core: u32) {
        let unit = &mut self.cores[core as usize];
        while let Some(work) = unit.work.pop_front() {
            let start = work.start.max(unit.end);
            self.overruns += u64::from(work.counted && unit.end > work.start);
            if work.spikes > 0 {
                let gap = unit.spikes[unit.queued as usize].gap;
                unit.ready = start + gap;
                unit.left = work.spikes;
                unit.tail = work.tail;
                unit.active = true;
                return;
            }
            unit.end = start + work.tail;
            self.end = self.end.max(unit.end);
        }
        unit.active = false;
    }

    /// Phase 3.
    fn neuron(&mut self, core: u32, now: u64) {
        loop {
            let unit = &mut self.cores[core as usize];
            if unit.neuron_wake == now {
                unit.neuron_wake = u64::MAX;
            }
            if !unit.active {
                return;
            }
            if unit.ready > now {
                if unit.neuron_wake > unit.ready {
                    unit.neuron_wake = unit.ready;
                    self.net.wheel.add(unit.ready, NEURON | core);
                }
                return;
            }
            if unit.queued >= self.spike_queue {
                unit.blocked = true;
                return;
            }
            unit.queued += 1;
            unit.left -= 1;
            let stall = now - unit.ready;
            self.counters.neuron_stall += stall;
            unit.stall += stall;
            let from = if mutants::is(Mutant::StallForgotten) {
                unit.ready
            } else {
                now
            };
            if unit.left > 0 {
                unit.ready = from + unit.spikes[unit.queued as usize].gap;
                continue;
            }
            unit.end = from
                + if mutants::is(Mutant::TailDropped) {
                    0
                } else {
                    unit.tail
                };
            self.end = self.end.max(unit.end);
            self.next_work(core);
        }
    }

    /// Phase 4.
    fn axon(&mut self, core: u32, now: u64) {
        let unit = &mut self.cores[core as usize];
        if unit.axon_wake == now {
            unit.axon_wake = u64::MAX;
        }
        let wake = loop {
            if unit.hand_left == 0 {
                if unit.queued == 0 {
                    return;
                }
                let spike = unit
                    .spikes
                    .pop_front()
                    .expect("a queued spike is in the list");
                unit.queued -= 1;
                (unit.hand, unit.hand_left, unit.hand_ready) =
                    (spike.first, spike.packets, now + self.axon_out);
                if unit.blocked {
                    unit.blocked = false;
                    self.net.wheel.add(now + 1, NEURON | core);
                }
            }
            if unit.hand_ready > now {
                break unit.hand_ready;
            }
            let packet = unit.hand;
            let plane = u32::from(self.net.packets[packet as usize].plane);
            let fifo = self.net.injection(unit.tile, unit.index, plane);
            match self.net.credit(fifo, now) {
                Credit::Home => {}
                Credit::At(home) => break home,
                Credit::Unknown => return,
            }
            self.counters.axon_out_stall += now - unit.hand_ready;
            let record = &self.net.packets[packet as usize];
            unit.hand = record.next;
            unit.hand_left -= 1;
            if record.record != NIL {
                self.records[record.record as usize].sent = now;
            }
            self.net.push(fifo, packet, now + self.inject);
            unit.hand_ready = if mutants::is(Mutant::AxonOutFree) {
                now
            } else {
                now + self.axon_out
            };
        };
        if unit.axon_wake > wake {
            unit.axon_wake = wake;
            self.net.wheel.add(wake, AXON | core);
        }
    }

    /// Phase 5, a host link.
    fn host(&mut self, index: usize, now: u64) {
        let link = &mut self.links[index];
        let Some((packet, start)) = link.queue.front().copied() else {
            return;
        };
        let at = link.free.max(start);
        let wake = if at > now {
            at
        } else {
            match self.net.credit(link.fifo, now) {
                Credit::Unknown => return,
                Credit::At(home) => home,
                Credit::Home => {
                    link.queue.pop_front();
                    self.counters.host_wait += now - start;
                    link.free = now + self.host_occupancy;
                    let record = self.net.packets[packet as usize].record;
                    if record != NIL {
                        self.records[record as usize].sent = now;
                    }
                    self.net.push(link.fifo, packet, now + self.host);
                    if link.queue.is_empty() {
                        return;
                    }
                    link.free.max(now + 1)
                }
            }
        };
        self.net.wheel.add(wake, HOSTLINK | index as u32);
    }

    /// Plane of a sender's packet by its place in the step.
    pub(super) fn plane(&self, sequence: u32) -> u8 {
        if mutants::is(Mutant::PlaneStuck) {
            0
        } else {
            (sequence % self.planes) as u8
        }
    }

    pub(super) fn place(&mut self, packet: Packet) -> u32 {
        self.net.place(packet)
    }
}
