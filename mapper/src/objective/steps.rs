//! Steps of a placed mapping, packet by packet: when the last of a step's drawn spikes has been served.
//!
//! Invariant: times are whole cycles and follow from the drawn spikes, the cores and the chip's own numbers (`specs/core.md`, `specs/noc.md`): units, queues
//! of finite length and what waits for them, but a router passes on what came first, packets have one flit, and there is one virtual network.
//! Events are handled by (cycle, what, packet), so a time depends on nothing else. Work is bounded by the packets and their hops.

mod parts;

pub(super) use parts::Spike;

use super::judge::Traffic;
use isa::ChipSpec;
use parts::{Core, Event, HOST, Output, Packet, Queue};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A mapping whose steps are timed.
pub(super) struct Steps<'a> {
    chip: &'a ChipSpec,
    traffic: &'a Traffic,
    /// Physical core of each core of the partition, and the other way round.
    at: &'a [u32],
    part_at: Vec<u32>,
    /// Neuron-unit cycles from a step's start to the end of each neuron's update; of each core's.
    updated: Vec<u64>,
    update: Vec<u64>,
    links: u32,
    planes: u32,
    packets: Vec<Packet>,
    queues: Vec<Queue>,
    /// Of cores alone: numbers of outputs less `links`.
    received: Vec<Queue>,
    /// Queues whose first packet is to ask for its output.
    asking: Vec<u32>,
    outputs: Vec<Output>,
    cores: Vec<Core>,
    /// The host's packets, those sent, and by plane when its link is free and whether it waits for room.
    host: Vec<Vec<u32>>,
    host_sent: Vec<usize>,
    host_free: Vec<u64>,
    events: BinaryHeap<Reverse<(u64, Event)>>,
    end: u64,
}

impl<'a> Steps<'a> {
    /// `work`: neuron-unit cycles of each neuron.
    pub(super) fn new(
        chip: &'a ChipSpec,
        traffic: &'a Traffic,
        at: &'a [u32],
        work: impl Iterator<Item = f64>,
    ) -> Steps<'a> {
        let mut done = vec![0.0; at.len()];
        let updated = traffic.core_of.iter().zip(work).map(|(core, work)| {
            let done: &mut f64 = &mut done[*core as usize];
            *done += work;
            done.round() as u64
        });
        let updated = updated.collect();
        let mut part_at = vec![u32::MAX; chip.cores() as usize];
        for (part, core) in (0..).zip(at) {
            part_at[*core as usize] = part;
        }
        let planes = chip.mesh.planes;
        let links = planes * 4 * chip.tiles();
        let all = (links + planes * chip.cores()) as usize;
        Steps {
            chip,
            traffic,
            at,
            part_at,
            updated,
            update: done.iter().map(|d| d.round() as u64).collect(),
            links,
            planes,
            packets: Vec::new(),
            queues: (0..all).map(|_| Queue::default()).collect(),
            received: (links as usize..all).map(|_| Queue::default()).collect(),
            asking: Vec::new(),
            outputs: (0..all).map(|_| Output::default()).collect(),
            cores: Vec::new(),
            host: vec![Vec::new(); planes as usize],
            host_sent: vec![0; planes as usize],
            host_free: vec![0; planes as usize],
            events: BinaryHeap::new(),
            end: 0,
        }
    }

    /// Cycles of a step with these spikes (sources ascending), the barrier left out.
    pub(super) fn time(&mut self, spikes: &[Spike]) -> u64 {
        self.reset();
        self.load(spikes);
        while let Some(Reverse((now, event))) = self.events.pop() {
            match event {
                Event::Queued(queue, packet) => self.queued(queue, packet),
                Event::Received(output, packet) => {
                    let queue = (output - self.links) as usize;
                    self.received[queue].packets.push_back(packet);
                    let core = (output - self.links) / self.planes;
                    self.serve(now, self.part_at[core as usize]);
                }
                Event::Output(output) => {
                    self.outputs[output as usize].woken = false;
                    self.output(now, output);
                }
                Event::Serve(core) => self.serve(now, core),
                Event::Send(core) => self.send(now, core),
                Event::Host(plane) => self.host(now, plane),
            }
            while let Some(queue) = self.asking.pop() {
                self.first(now, queue);
            }
        }
        self.end
    }

    fn reset(&mut self) {
        let noc = &self.chip.noc;
        let link = noc.vc.map_or(noc.input_fifo, |vc| vc.vcs * vc.buffer);
        for (i, queue) in self.queues.iter_mut().enumerate() {
            queue.packets.clear();
            queue.room = match i < self.links as usize {
                true => link,
                false => noc.inject_queue,
            };
        }
        for queue in &mut self.received {
            queue.packets.clear();
            queue.room = noc.vc.map_or(noc.receive_queue, |vc| vc.vcs * vc.buffer);
        }
        for output in &mut self.outputs {
            *output = Output {
                spike: u32::MAX,
                ..Output::default()
            };
        }
        self.cores.clear();
        self.cores.resize_with(self.at.len(), Core::default);
        self.host.iter_mut().for_each(Vec::clear);
        self.host_sent.fill(0);
        self.host_free.fill(0);
        self.packets.clear();
        self.end = self.update.iter().copied().max().unwrap_or(0);
    }

    /// Makes the packets of a step.
    fn load(&mut self, spikes: &[Spike]) {
        let neurons = self.updated.len() as u32;
        let port = self.chip.host_ports[0].tile;
        let mut to: Vec<(u32, f32)> = Vec::new();
        let mut of_host = 0;
        let mut number = 0;
        for spike in spikes {
            to.clear();
            let reached = self.traffic.of(spike.source).iter();
            to.extend(reached.map(|(core, cycles)| (self.at[*core as usize], *cycles)));
            to.sort_unstable_by_key(|t| t.0);
            let own = (spike.source < neurons).then(|| self.traffic.core_of[spike.source as usize]);
            let copies = match own {
                Some(_) => self.traffic.host[spike.source as usize],
                None => 0,
            };
            to.extend((0..copies).map(|_| (HOST, 0.0)));
            if to.is_empty() {
                continue;
            }
            let first = self.packets.len() as u32;
            let all = (0..spike.times).flat_map(|time| to.iter().map(move |to| (time, *to)));
            for (time, (to, cycles)) in all {
                let core = own.map(|own| self.at[own as usize]);
                self.packets.push(Packet {
                    tile: core.map_or(port, |core| self.chip.tile_of(core)),
                    to,
                    service: (f64::from(cycles).round() as u64).max(1),
                    spike: number + time,
                });
            }
            number += spike.times;
            let all = first..self.packets.len() as u32;
            match own {
                _ if all.is_empty() => {}
                Some(own) => {
                    let updated = self.updated[spike.source as usize];
                    self.cores[own as usize].spikes.push((updated, all));
                }
                None => {
                    for packet in all {
                        self.host[of_host % self.planes as usize].push(packet);
                        of_host += 1;
                    }
                }
            }
        }
        for core in 0..self.cores.len() as u32 {
            self.take(0, core);
        }
        for plane in 0..self.planes {
            self.events.push(Reverse((0, Event::Host(plane))));
        }
    }

    /// Axon-out takes the next spike, idle from `now` on.
    fn take(&mut self, now: u64, core: u32) {
        let depth = self.chip.noc.spike_queue.max(1) as usize;
        let of = &mut self.cores[core as usize];
        let next = of.taken.len();
        let Some((updated, _)) = of.spikes.get(next) else {
            let update = self.update[core as usize] + of.stalled;
            self.end = self.end.max(update);
            return;
        };
        let mut pushed = updated + of.stalled;
        if next >= depth {
            // The queue is full until the spike so many before has been taken.
            let room = of.taken[next - depth];
            of.stalled += room.saturating_sub(pushed);
            pushed = pushed.max(room);
        }
        let taken = pushed.max(now);
        of.taken.push(taken);
        of.sent = 0;
        of.ready = taken + self.chip.time.axon_out;
        self.events.push(Reverse((of.ready, Event::Send(core))));
    }

    /// Axon-out sends the packet that it has in hand, if it is ready and there is room.
    fn send(&mut self, now: u64, core: u32) {
        let physical = self.at[core as usize];
        let of = &mut self.cores[core as usize];
        let in_hand = of.taken.len().checked_sub(1).map(|last| &of.spikes[last].1);
        let packet = in_hand.map(|spike| (spike.start + of.sent, spike.end));
        let Some((packet, end)) = packet.filter(|p| p.0 < p.1 && of.ready <= now) else {
            return;
        };
        let plane = (of.count % u64::from(self.planes)) as u32;
        let queue = self.links + physical * self.planes + plane;
        let room = &mut self.queues[queue as usize].room;
        of.waits = *room == 0;
        if of.waits {
            return;
        }
        *room -= 1;
        of.sent += 1;
        of.count += 1;
        let arrives = now + self.chip.noc.inject;
        self.events
            .push(Reverse((arrives, Event::Queued(queue, packet))));
        if packet + 1 == end {
            self.take(now, core);
        } else {
            let apart = u64::from(!self.chip.noc.multicast) * self.chip.time.axon_out;
            of.ready = now + apart;
            self.events.push(Reverse((of.ready, Event::Send(core))));
        }
    }

    /// The host sends its next packet in a plane, if its link is free and there is room.
    fn host(&mut self, now: u64, plane: u32) {
        let p = plane as usize;
        let Some(packet) = self.host[p].get(self.host_sent[p]).copied() else {
            return;
        };
        let port = &self.chip.host_ports[0];
        let queue = (port.tile * 4 + u32::from(port.side)) * self.planes + plane;
        let room = &mut self.queues[queue as usize].room;
        if self.host_free[p] > now || *room == 0 {
            return;
        }
        *room -= 1;
        self.host_sent[p] += 1;
        self.host_free[p] = now + self.chip.noc.host_occupancy;
        let arrives = now + self.chip.noc.host;
        self.events
            .push(Reverse((arrives, Event::Queued(queue, packet))));
        self.events
            .push(Reverse((self.host_free[p], Event::Host(plane))));
    }

    fn queued(&mut self, queue: u32, packet: u32) {
        let packets = &mut self.queues[queue as usize].packets;
        packets.push_back(packet);
        if packets.len() == 1 {
            self.asking.push(queue);
        }
    }

    /// The first packet of a queue asks for its output.
    fn first(&mut self, now: u64, queue: u32) {
        let packet = &self.packets[self.queues[queue as usize].packets[0] as usize];
        let plane = queue % self.planes;
        let port = &self.chip.host_ports[0];
        let target = match packet.to {
            HOST => port.tile,
            core => self.chip.tile_of(core),
        };
        // One order for all: networks share queues here, in which two orders could wait for each other.
        let order = self.chip.noc.order;
        let output = match self.chip.first_link(packet.tile, target, order) {
            Some(direction) => (packet.tile * 4 + u32::from(direction)) * self.planes + plane,
            None if packet.to == HOST => {
                (port.tile * 4 + u32::from(port.side)) * self.planes + plane
            }
            None => self.links + packet.to * self.planes + plane,
        };
        self.outputs[output as usize].wanted.push_back(queue);
        self.output(now, output);
    }

    /// An output sends the packet that asked first, if it is free and there is room behind it.
    fn output(&mut self, now: u64, number: u32) {
        let (chip, noc) = (self.chip, &self.chip.noc);
        let output = &mut self.outputs[number as usize];
        let Some(&queue) = output.wanted.front() else {
            return;
        };
        let index = self.queues[queue as usize].packets[0];
        let packet = &mut self.packets[index as usize];
        // Copies of one spike go over a link together.
        let together = noc.multicast && output.spike == packet.spike;
        if output.free > now && !together {
            if !output.woken {
                output.woken = true;
                self.events
                    .push(Reverse((output.free, Event::Output(number))));
            }
            return;
        }
        let (tile, direction) = (
            number / self.planes / 4,
            (number / self.planes % 4) as usize,
        );
        let port = &chip.host_ports[0];
        let leaves = packet.to == HOST && (tile, direction) == (port.tile, usize::from(port.side));
        let (spacing, latency) = match noc.vc {
            _ if number < self.links && leaves => (noc.host_occupancy, noc.host),
            Some(vc) => (vc.cycle, vc.hop() * vc.cycle),
            None if number < self.links => {
                let spacing = chip.link_spacing(tile, direction);
                (spacing, chip.link_hop(tile, direction))
            }
            None => (noc.in_tile_occupancy, noc.in_tile + noc.eject),
        };
        let arrives = now + latency;
        if number < self.links && leaves {
            self.end = self.end.max(arrives);
        } else {
            let (behind, event) = match number.checked_sub(self.links) {
                None => (
                    &mut self.queues[number as usize],
                    Event::Queued(number, index),
                ),
                Some(core) => (
                    &mut self.received[core as usize],
                    Event::Received(number, index),
                ),
            };
            let room = &mut behind.room;
            if *room == 0 {
                return;
            }
            *room -= 1;
            if number < self.links {
                packet.tile = chip.behind(tile, direction as u8).unwrap_or(packet.tile);
            }
            self.events.push(Reverse((arrives, event)));
        }
        if !together {
            output.free = now + spacing;
        }
        output.spike = packet.spike;
        output.wanted.pop_front();
        self.queues[queue as usize].packets.pop_front();
        self.leave(now, queue);
        if !self.queues[queue as usize].packets.is_empty() {
            self.asking.push(queue);
        }
        self.wake(now, number);
    }

    /// There is room in a queue again: who fills it may go on in the next cycle.
    fn leave(&mut self, now: u64, queue: u32) {
        let room = &mut self.queues[queue as usize].room;
        *room += 1;
        let port = &self.chip.host_ports[0];
        let back = now + 1 + self.chip.noc.credit;
        if queue >= self.links {
            let core = (queue - self.links) / self.planes;
            let part = self.part_at[core as usize];
            if self.cores[part as usize].waits {
                self.events.push(Reverse((back, Event::Send(part))));
            }
        } else if queue / self.planes == port.tile * 4 + u32::from(port.side) {
            let plane = queue % self.planes;
            self.events.push(Reverse((back, Event::Host(plane))));
        } else {
            self.wake(back, queue);
        }
    }

    /// Looks at an output again, if something wants it.
    fn wake(&mut self, now: u64, number: u32) {
        let output = &mut self.outputs[number as usize];
        if !output.wanted.is_empty() && !output.woken {
            output.woken = true;
            let at = now.max(output.free);
            self.events.push(Reverse((at, Event::Output(number))));
        }
    }

    /// The synapse unit of a core takes the next packet, if it is free.
    fn serve(&mut self, now: u64, core: u32) {
        let first = self.at[core as usize] * self.planes;
        let of = &mut self.cores[core as usize];
        let next = (0..self.planes).map(|i| (of.plane + i) % self.planes);
        let mut next = next.filter(|p| !self.received[(first + p) as usize].packets.is_empty());
        let Some(plane) = next.next() else {
            return;
        };
        // It looks again when it is done: one event for each packet.
        if of.served > now {
            return;
        }
        let queue = &mut self.received[(first + plane) as usize];
        let packet = queue.packets.pop_front().expect("it is not empty");
        queue.room += 1;
        of.plane = (plane + 1) % self.planes;
        of.served = now + self.packets[packet as usize].service;
        self.end = self.end.max(of.served);
        self.events.push(Reverse((of.served, Event::Serve(core))));
        self.wake(now + 1 + self.chip.noc.credit, self.links + first + plane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neurons 0 and 1 on part 0, each reaching one part with packets of so many cycles; parts 1 and 2 only receive.
    fn traffic(cycles: [f32; 2]) -> Traffic {
        Traffic {
            core_of: vec![0, 0],
            start: vec![0, 1, 2],
            to: vec![(1, cycles[0]), (2, cycles[1])],
            host: vec![0, 0],
        }
    }

    fn loihi() -> ChipSpec {
        ChipSpec::preset("loihi").expect("a preset").expect("valid")
    }

    /// Cycles of a step in which the two neurons send so often; part 1 two tiles east and one north of part 0, part 2 beside part 1.
    fn time(chip: &ChipSpec, cycles: [f32; 2], times: [u32; 2]) -> u64 {
        let per_tile = chip.mesh.cores_per_tile;
        let far = (chip.mesh.width + 2) * per_tile;
        let at = [0, far, far + 1];
        let traffic = traffic(cycles);
        let spikes = (0..2).map(|n| Spike {
            source: n,
            times: times[n as usize],
        });
        let spikes: Vec<Spike> = spikes.filter(|s| s.times > 0).collect();
        Steps::new(chip, &traffic, &at, [84.0, 84.0].into_iter()).time(&spikes)
    }

    /// When the first packet of neuron 0 is at its core, by the sum of its way.
    fn arrival(chip: &ChipSpec) -> u64 {
        let n = &chip.noc;
        let way = 2 * n.hop[0] + n.hop[2] + n.in_tile + n.eject;
        84 + chip.time.axon_out + n.inject + way
    }

    #[test]
    fn nothing_to_send_takes_the_updates() {
        assert_eq!(time(&loihi(), [10.0, 10.0], [0, 0]), 168);
    }

    #[test]
    fn one_packet_takes_its_way() {
        let chip = loihi();
        assert_eq!(time(&chip, [1000.0, 0.0], [1, 0]), arrival(&chip) + 1000);
    }

    #[test]
    fn bursts_wait_for_their_slowest_unit() {
        let mut chip = loihi();
        assert_eq!(
            time(&chip, [1000.0, 0.0], [40, 0]),
            arrival(&chip) + 40 * 1000
        );
        // By links: with one plane, all packets go over one after the other.
        chip.mesh.planes = 1;
        let spacing = chip.noc.occupancy[2];
        assert_eq!(
            time(&chip, [1.0, 0.0], [40, 0]),
            arrival(&chip) + 39 * spacing + 1
        );
    }

    #[test]
    fn a_full_queue_holds_up_what_is_behind_it() {
        let mut chip = loihi();
        chip.mesh.planes = 1;
        let sent = 200;
        let blocked = time(&chip, [1000.0, 500_000.0], [sent, 1]);
        // Behind packets for a busy core the last waits until the queues hold all that is before it.
        let held = chip.noc.receive_queue + 3 * chip.noc.input_fifo + chip.noc.inject_queue;
        let served = u64::from(sent - held - 2) * 1000;
        assert!(blocked > served + 500_000, "{blocked}");
        for depth in [
            &mut chip.noc.receive_queue,
            &mut chip.noc.input_fifo,
            &mut chip.noc.inject_queue,
        ] {
            *depth = 1 << 12;
        }
        let free = time(&chip, [1000.0, 500_000.0], [sent, 1]);
        assert!(free < 520_000, "{free}");
    }

    #[test]
    fn packets_from_and_to_the_host_share_its_links() {
        let mut chip = loihi();
        chip.mesh.planes = 1;
        let traffic = Traffic {
            core_of: vec![0],
            start: vec![0, 0, 1],
            to: vec![(0, 35.0)],
            host: vec![1],
        };
        let mut steps = Steps::new(&chip, &traffic, &[0], [84.0].into_iter());
        let n = &chip.noc;
        let spike = |source, times| Spike { source, times };
        let last_in = 9 * n.host_occupancy + n.host + n.in_tile + n.eject;
        assert_eq!(steps.time(&[spike(1, 10)]), last_in + 35);
        let first_out = 84 + chip.time.axon_out + n.inject + n.host;
        assert_eq!(
            steps.time(&[spike(0, 10)]),
            first_out + 9 * n.host_occupancy
        );
        // Nothing is left over from the step before.
        assert_eq!(steps.time(&[spike(1, 10)]), last_in + 35);
    }
}
