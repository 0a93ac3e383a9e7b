//! The units of the cores around the network: neuron unit, axon-out, synapse unit, host links (`specs/core.md`).
//!
//! Invariant: they need no events. When a unit acts follows from its input and from when packets left the FIFO it feeds,
//! so senders run ahead until a credit is missing, and are called when a packet leaves; synapse units stay behind
//! until somebody must know what they took.

use super::log::Log;
use super::net::{Credit, FIRST, LAST, NIL, Network};
use crate::api::{PacketTime, TimeCounters};
use crate::mutants::{self, Mutant};
use crate::route::Trees;
use isa::chip::{ChipSpec, PacketKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// A spike on its way through a core.
pub(super) struct TimedSpike {
    /// Cycles after the spike before; when it is in the spike queue, the cycle of its push.
    pub(super) at: u64,
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
    /// Step, if it is traced, or [`NIL`].
    pub(super) traced: u32,
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
    /// Step if traced, and the cycle since which it works without a stall.
    traced: u32,
    since: u64,
    /// In the spike queue, then not yet pushed.
    spikes: VecDeque<TimedSpike>,
    queued: u32,
    /// Cycles at which axon-out took spikes, the last of them.
    taken: VecDeque<u64>,
    // Axon-out.
    hand: u32,
    hand_left: u32,
    hand_ready: u64,
    idle: u64,
    /// Injection FIFO in layer 0.
    injection: u32,
    // Synapse unit.
    busy: u64,
    /// Layer that is asked first.
    layer: u32,
    pub(super) stall: u64,
}

#[derive(Default)]
pub(super) struct HostLink {
    queue: VecDeque<(u32, u64)>,
    free: u64,
    fifo: u32,
}

impl Core {
    /// When all packets are over: the later of the neuron unit's end and the last push of axon-out.
    pub(super) fn over(&self) -> u64 {
        self.end.max(self.idle)
    }

    /// When all packets are over: the end of the last service.
    pub(super) fn served(&self) -> u64 {
        self.busy
    }
}

impl HostLink {
    /// When all packets are over: cycle from which the link is free.
    pub(super) fn free(&self) -> u64 {
        self.free
    }
}

/// All units of a chip in a run.
pub(super) struct Units<N> {
    pub(super) net: N,
    pub(super) cores: Vec<Core>,
    /// `port × planes + plane`.
    pub(super) links: Vec<HostLink>,
    pub(super) counters: TimeCounters,
    pub(super) late: u64,
    pub(super) overruns: u64,
    /// Largest cycle of the step's ends.
    pub(super) end: u64,
    pub(super) records: Vec<PacketTime>,
    /// Of a packet's record: the bits that are its place among the records.
    pub(super) record_mask: u32,
    pub(super) log: Log,
    pub(super) finished: u64,
    planes: u32,
    /// Planes × virtual networks.
    layers: u32,
    /// From a core's injection FIFO in a layer to that in the next.
    layer_stride: u32,
    spike_queue: u32,
    pub(super) inject: u64,
    axon_out: u64,
    pub(super) host: u64,
    pub(super) host_occupancy: u64,
}

impl<N: Network> Units<N> {
    /// The units of a chip with these cores in use.
    pub(super) fn new(chip: &ChipSpec, used: &[u32], trees: &Arc<Trees>) -> Units<N> {
        let net = N::new(chip, used, trees);
        let planes = chip.mesh.planes;
        let networks = chip.noc.network_count();
        let of_host = chip.noc.network(PacketKind::Host);
        let cores = used
            .iter()
            .map(|&id| Core {
                injection: net.injection(chip.tile_of(id), id % chip.mesh.cores_per_tile, 0),
                ..Core::default()
            })
            .collect();
        let links = chip
            .host_ports
            .iter()
            .flat_map(|port| (0..planes).map(move |plane| (port, plane)))
            .map(|(port, plane)| HostLink {
                fifo: net.link(port.tile, u32::from(port.side), plane * networks + of_host),
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
            record_mask: u32::MAX,
            log: Log::default(),
            finished: 0,
            planes,
            layers: planes * networks,
            layer_stride: net.injection(0, 0, 1) - net.injection(0, 0, 0),
            spike_queue: chip.noc.spike_queue + u32::from(mutants::is(Mutant::SpikeQueueDeep)),
            inject: chip.noc.inject,
            axon_out: chip.time.axon_out,
            host: chip.noc.host,
            host_occupancy: chip.noc.host_occupancy,
            net,
        }
    }

    /// No packet is on its way: every selector goes to its first position.
    pub(super) fn reset(&mut self) {
        self.net.reset();
        for core in &mut self.cores {
            core.layer = 0;
        }
    }

    /// Runs all cycles before `until`.
    pub(super) fn run(&mut self, until: u64) {
        N::run(self, until);
    }

    /// Runs until nothing is left to do.
    pub(super) fn run_empty(&mut self) {
        self.run(u64::MAX);
        for core in 0..self.cores.len() as u32 {
            self.serve(core, u64::MAX);
        }
    }

    /// Gives a core its step; `spikes` were appended to it before.
    pub(super) fn begin(&mut self, core: u32, work: Work) {
        let unit = &mut self.cores[core as usize];
        while unit.taken.front().is_some_and(|cycle| *cycle < work.start) {
            unit.taken.pop_front();
        }
        unit.work.push_back(work);
        if !unit.active {
            self.next_work(core);
            self.neuron(core);
            if self.cores[core as usize].hand_left == 0 {
                self.axon(core);
            }
        }
    }

    /// A spike for axon-out of a core whose neuron unit never works, no earlier than the one before; the spike queue must have no bound.
    pub(super) fn add_to_axon_out(&mut self, core: u32, spike: TimedSpike) {
        let unit = &mut self.cores[core as usize];
        unit.taken.clear();
        unit.spikes.push_back(spike);
        unit.queued += 1;
        if unit.hand_left == 0 {
            self.axon(core);
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
            self.host(link);
        }
    }

    /// Phase 2 of all cycles up to `until`. The cycle in which the next service begins, as far as arrivals are known.
    pub(super) fn serve(&mut self, core: u32, until: u64) -> u64 {
        let unit = &mut self.cores[core as usize];
        let first = self.net.receive(core);
        loop {
            let arrival = |layer: u32| self.net.whole(first + layer);
            let earliest = (0..self.layers).map(arrival).min().unwrap_or(u64::MAX);
            let now = earliest.max(unit.busy);
            if earliest == u64::MAX || now > until {
                return now;
            }
            let mut layer = if mutants::is(Mutant::SynapsePlaneStuck) {
                0
            } else {
                unit.layer
            };
            while arrival(layer) > now {
                layer = if layer + 1 == self.layers {
                    0
                } else {
                    layer + 1
                };
            }
            unit.layer = if layer + 1 == self.layers {
                0
            } else {
                layer + 1
            };
            // The queue was longest in the cycle before.
            if u64::from(self.net.len(first + layer)) > self.counters.receive_queue_peak {
                let peak = &mut self.counters.receive_queue_peak;
                *peak = (*peak).max(self.net.arrived(first + layer, now - 1));
            }
            let mut packet = self.net.pop(first + layer, now);
            while self.net.ends(packet).part & LAST == 0 {
                self.net.free(packet);
                self.finished += 1;
                packet = self.net.pop(first + layer, now);
            }
            let arrived = self.net.packet(packet).arrived;
            let record = self.net.ends(packet);
            self.counters.synapse_wait += now - arrived;
            let end = now + record.service;
            let grace = u64::from(mutants::is(Mutant::LateOneMore));
            self.late += u64::from(end > record.deadline.saturating_add(grace));
            unit.busy = end;
            self.end = self.end.max(end);
            self.finished += 1;
            if record.record != NIL {
                let seen = &mut self.records[(record.record & self.record_mask) as usize];
                (seen.arrived, seen.served) = (arrived, end);
                if self.log.on {
                    self.log.details[record.record as usize].begun = now;
                }
            }
            self.net.free(packet);
        }
    }

    /// The way of a packet to the host is over.
    pub(super) fn finish(&mut self, packet: u32, left: u64) {
        self.end = self.end.max(left);
        self.finished += 1;
        let record = self.net.ends(packet).record;
        if record != NIL {
            if self.log.on {
                self.log.details[record as usize].begun = left;
            }
            let record = &mut self.records[(record & self.record_mask) as usize];
            (record.arrived, record.served) = (left, left);
        }
        self.net.free(packet);
    }

    /// Takes the next step's work; steps without spikes end at once.
    fn next_work(&mut self, core: u32) {
        let unit = &mut self.cores[core as usize];
        while let Some(work) = unit.work.pop_front() {
            let start = work.start.max(unit.end);
            self.overruns += u64::from(work.counted && unit.end > work.start);
            if work.spikes > 0 {
                let gap = unit.spikes[unit.queued as usize].at;
                unit.ready = start + gap;
                unit.left = work.spikes;
                unit.tail = work.tail;
                unit.active = true;
                (unit.traced, unit.since) = (work.traced, start);
                return;
            }
            unit.end = start + work.tail;
            self.log.work(work.traced, core, start, unit.end, false);
            self.end = self.end.max(unit.end);
        }
        unit.active = false;
    }

    /// Phase 3: pushes spikes as long as it is known when there is room.
    fn neuron(&mut self, core: u32) {
        loop {
            let unit = &mut self.cores[core as usize];
            if !unit.active || unit.queued >= self.spike_queue {
                return;
            }
            // The spike that must be taken before this one is pushed.
            let room = (unit.taken.len() + unit.queued as usize)
                .checked_sub(self.spike_queue as usize)
                .map_or(0, |index| unit.taken[index] + 1);
            let now = unit.ready.max(room);
            unit.spikes[unit.queued as usize].at = now;
            unit.queued += 1;
            unit.left -= 1;
            // Spikes that are taken already but were in the queue.
            let ahead = unit.taken.iter().rev().take_while(|t| **t > now).count();
            if ahead > 0 {
                let length = u64::from(unit.queued) + ahead as u64;
                self.counters.spike_queue_peak = self.counters.spike_queue_peak.max(length);
            }
            let stall = now - unit.ready;
            self.counters.neuron_stall += stall;
            unit.stall += stall;
            if stall > 0 && unit.traced != NIL {
                self.log
                    .work(unit.traced, core, unit.since, unit.ready, false);
                self.log.work(unit.traced, core, unit.ready, now, true);
                unit.since = now;
            }
            let from = if mutants::is(Mutant::StallForgotten) {
                unit.ready
            } else {
                now
            };
            if unit.left > 0 {
                unit.ready = from + unit.spikes[unit.queued as usize].at;
                continue;
            }
            unit.end = from
                + if mutants::is(Mutant::TailDropped) {
                    0
                } else {
                    unit.tail
                };
            self.end = self.end.max(unit.end);
            self.log
                .work(unit.traced, core, unit.since, unit.end, false);
            self.next_work(core);
        }
    }

    /// Phase 4: sends packets as long as it is known when there is a credit.
    pub(super) fn axon(&mut self, core: u32) {
        loop {
            let unit = &mut self.cores[core as usize];
            if unit.hand_left == 0 {
                if unit.queued == 0 {
                    return;
                }
                let spike = unit
                    .spikes
                    .pop_front()
                    .expect("a queued spike is in the list");
                let now = spike.at.max(unit.idle);
                // The queue was longest in the cycle before.
                if u64::from(unit.queued) > self.counters.spike_queue_peak {
                    let queue = unit.spikes.iter().take(unit.queued as usize - 1);
                    let length = queue.take_while(|s| s.at < now).count() as u64;
                    let length = length + u64::from(spike.at < now);
                    self.counters.spike_queue_peak = self.counters.spike_queue_peak.max(length);
                }
                unit.queued -= 1;
                unit.taken.push_back(now);
                (unit.hand, unit.hand_left, unit.hand_ready) =
                    (spike.first, spike.packets, now + self.axon_out);
                self.neuron(core);
                continue;
            }
            let packet = unit.hand;
            let record = self.net.ends(packet);
            let fifo = unit.injection + u32::from(record.layer) * self.layer_stride;
            let seen = if record.part & FIRST != 0 {
                record.record
            } else {
                NIL
            };
            let Credit::From(home) = self.net.credit(fifo) else {
                return;
            };
            let now = home.max(unit.hand_ready);
            self.counters.axon_out_stall += now - unit.hand_ready;
            if seen != NIL && self.log.on {
                self.log.details[seen as usize].ready = unit.hand_ready;
            }
            unit.hand = self.net.packet(packet).next;
            unit.hand_left -= 1;
            unit.idle = now;
            unit.hand_ready = if mutants::is(Mutant::AxonOutFree) {
                now
            } else {
                now + self.axon_out
            };
            if seen != NIL {
                self.records[(seen & self.record_mask) as usize].sent = now;
            }
            self.net.push(fifo, packet, now + self.inject);
        }
    }

    /// Phase 5, a host link: sends packets as long as it is known when there is a credit.
    pub(super) fn host(&mut self, index: usize) {
        let link = &mut self.links[index];
        while let Some((packet, start)) = link.queue.front().copied() {
            let Credit::From(home) = self.net.credit(link.fifo) else {
                return;
            };
            let now = link.free.max(start).max(home);
            link.queue.pop_front();
            self.counters.host_wait += now - start;
            link.free = now + self.host_occupancy.max(1);
            let ends = self.net.ends(packet);
            let record = ends.record;
            if record != NIL && ends.part & FIRST != 0 {
                self.records[(record & self.record_mask) as usize].sent = now;
                if self.log.on {
                    self.log.details[record as usize].ready = start;
                }
            }
            self.net.push(link.fifo, packet, now + self.host);
        }
    }

    /// Plane of a sender's packet by its place in the step.
    pub(super) fn plane(&self, sequence: u32) -> u8 {
        if mutants::is(Mutant::PlaneStuck) {
            0
        } else {
            (sequence % self.planes) as u8
        }
    }
}
