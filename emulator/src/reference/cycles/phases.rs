//! The five phases of a cycle, each over all cores, routers and host links.

use super::{Fifo, Home, Network, Place};
use isa::image::HOST;

impl Network<'_> {
    /// Phase 1.
    pub(super) fn arrivals(&mut self, now: u64) {
        for (_, packet, place) in self.flits.extract_if(.., |&mut (due, ..)| due == now) {
            match place {
                Place::Input(input) => self.inputs[input].push_back((packet, now)),
                Place::Receive(c, plane) => {
                    self.times[packet].arrived = now;
                    self.units[c].receive[plane].push_back((packet, now));
                }
                Place::Node(node, plane) => {
                    let vc = self.vc.as_mut().expect("a node is one of these routers'");
                    vc.queue(node, plane, packet, now);
                }
            }
            self.moved = true;
        }
        self.vc_arrivals(now);
        for (_, home) in self.credits.extract_if(.., |&mut (due, _)| due == now) {
            match home {
                Home::Output(output) => self.outputs[output].credits += 1,
                Home::Inject(c, plane) => self.units[c].credits[plane] += 1,
                Home::Host(link) => self.host[link].credits += 1,
            }
            self.moved = true;
        }
    }

    /// Phase 2.
    pub(super) fn synapse_units(&mut self, now: u64) {
        let planes = self.chip.mesh.planes as usize;
        for c in 0..self.units.len() {
            let unit = &mut self.units[c];
            if unit.busy > now {
                continue;
            }
            let Some(plane) = (0..planes)
                .map(|i| (unit.plane + i) % planes)
                .find(|&plane| !unit.receive[plane].is_empty())
            else {
                continue;
            };
            let (packet, arrived) = unit.receive[plane]
                .pop_front()
                .expect("the queue holds a packet");
            unit.plane = (plane + 1) % planes;
            unit.busy = now + self.packets[packet].service;
            self.times[packet].served = unit.busy;
            self.counts.synapse_wait += now - arrived;
            if self.vc.is_some() {
                self.vc_take(packet, plane, now);
            } else {
                let home = Home::Output(self.core_port(c, plane));
                self.credits.push((now + 1 + self.chip.noc.credit, home));
            }
            self.moved = true;
        }
    }

    /// Phase 3.
    pub(super) fn neuron_units(&mut self, now: u64) {
        for c in 0..self.units.len() {
            while let Some(ready) = self.units[c].ready.filter(|&ready| ready <= now) {
                let unit = &mut self.units[c];
                if unit.queue.len() >= self.chip.noc.spike_queue as usize {
                    break;
                }
                let work = &self.steps[unit.step].work[c];
                let first = self.first[unit.step];
                unit.queue.push_back(
                    work.spikes[unit.spike]
                        .packets
                        .iter()
                        .map(|packet| first + packet)
                        .collect(),
                );
                self.counts.neuron_stall += now - ready;
                self.stalls[c] += now - ready;
                unit.spike += 1;
                if let Some(next) = work.spikes.get(unit.spike) {
                    unit.ready = Some(now + next.gap);
                } else {
                    unit.ended = now + work.tail;
                    unit.step += 1;
                    self.begin_work(c);
                }
                self.moved = true;
            }
        }
    }

    /// The neuron unit begins the next step that has work for it, as far as its first spike.
    pub(super) fn begin_work(&mut self, c: usize) {
        let unit = &mut self.units[c];
        unit.ready = None;
        unit.spike = 0;
        while let Some(step) = self.steps.get(unit.step) {
            if let Some(work) = step.work.get(c) {
                let start = self.starts[unit.step];
                self.overruns += u64::from(unit.ended > start);
                let begin = unit.ended.max(start);
                if let Some(spike) = work.spikes.first() {
                    unit.ready = Some(begin + spike.gap);
                    return;
                }
                unit.ended = begin + work.tail;
            }
            unit.step += 1;
        }
    }

    /// Phase 4.
    pub(super) fn axon_out(&mut self, now: u64) {
        let noc = &self.chip.noc;
        let axon_out = self.chip.time.axon_out;
        for c in 0..self.units.len() {
            loop {
                let unit = &mut self.units[c];
                if unit.hand.is_empty() && !unit.queue.is_empty() {
                    unit.hand = unit
                        .queue
                        .pop_front()
                        .expect("the queue holds a spike")
                        .into();
                    unit.hand_ready = now + axon_out;
                } else if let Some(&packet) = unit.hand.front()
                    && unit.hand_ready <= now
                    && unit.credits[self.packets[packet].plane] > 0
                {
                    let plane = self.packets[packet].plane;
                    unit.hand.pop_front();
                    unit.credits[plane] -= 1;
                    self.counts.axon_out_stall += now - unit.hand_ready;
                    unit.hand_ready = now + axon_out;
                    self.times[packet].sent = now;
                    let place = match self.vc {
                        Some(_) => Place::Node(self.cores[c] as usize, plane),
                        None => Place::Input(self.core_port(c, plane)),
                    };
                    self.flits.push((now + noc.inject, packet, place));
                } else {
                    break;
                }
                self.moved = true;
            }
        }
    }

    /// After phase 4: what stands in the queues.
    pub(super) fn peaks(&mut self) {
        let noc = &self.chip.noc;
        let ports = 4 + self.chip.mesh.cores_per_tile as usize;
        let mut note = |peak: &mut u64, queue: usize, length: usize, depth: u32| {
            *peak = (*peak).max(length as u64);
            self.full[queue] |= length == depth as usize;
        };
        let counts = &mut self.counts;
        for unit in &self.units {
            note(
                &mut counts.spike_queue_peak,
                0,
                unit.queue.len(),
                noc.spike_queue,
            );
            for receive in &unit.receive {
                note(
                    &mut counts.receive_queue_peak,
                    3,
                    receive.len(),
                    noc.receive_queue,
                );
            }
        }
        for (queue, length, depth) in self.vc.iter().flat_map(|vc| vc.lengths()) {
            note(&mut counts.router_fifo_peak, queue, length, depth);
        }
        for (i, input) in self.inputs.iter().enumerate() {
            let (queue, depth) = if i % ports < 4 {
                (2, noc.input_fifo)
            } else {
                (1, noc.inject_queue)
            };
            note(&mut counts.router_fifo_peak, queue, input.len(), depth);
        }
    }

    /// Phase 5, routers.
    pub(super) fn routers(&mut self, now: u64) {
        let mesh = &self.chip.mesh;
        let noc = &self.chip.noc;
        let ports = 4 + mesh.cores_per_tile as usize;
        for (plane, tile) in (0..mesh.planes as usize)
            .flat_map(|plane| (0..mesh.width * mesh.height).map(move |tile| (plane, tile)))
        {
            let first = self.port(plane, tile, 0);
            let inputs = &self.inputs[first..first + ports];
            if inputs.iter().all(Fifo::is_empty) {
                continue;
            }
            // What each input's head wants, before anything leaves.
            let head = |input: &Fifo| Some(self.wants(input.front()?.0, tile));
            let wants: Vec<Option<usize>> = inputs.iter().map(head).collect();
            for out in 0..ports {
                let index = self.port(plane, tile, out);
                let host = self.host_at(tile, out).is_some();
                let output = &self.outputs[index];
                if output.free > now || (output.credits == 0 && !host) {
                    continue;
                }
                let mut cyclic = (0..ports).map(|i| (output.pointer + i) % ports);
                let Some(input) = cyclic.find(|&input| wants[input] == Some(out)) else {
                    continue;
                };
                self.moved = true;
                let from = self.port(plane, tile, input);
                let head = self.inputs[from].pop_front();
                let (packet, arrived) = head.expect("it wants this output");
                self.counts.router_wait += now - arrived;
                let home = self.upstream(plane, tile, input);
                self.credits.push((now + 1 + noc.credit, home));
                self.outputs[index].pointer = (input + 1) % ports;
                if host {
                    self.outputs[index].free = now + noc.host_occupancy;
                    self.times[packet].arrived = now + noc.host;
                    self.times[packet].served = now + noc.host;
                    continue;
                }
                self.outputs[index].credits -= 1;
                if out < 4 {
                    self.outputs[index].free = now + noc.occupancy[out];
                    self.link_waits[tile as usize * 4 + out] += now - arrived;
                    let next = self.port(plane, self.neighbour(tile, out), opposite(out));
                    let arrival = now + noc.hop[out];
                    self.flits.push((arrival, packet, Place::Input(next)));
                } else {
                    self.outputs[index].free = now + noc.in_tile_occupancy;
                    let place = Place::Receive(self.core_at(tile, out), plane);
                    let arrival = now + noc.in_tile + noc.eject;
                    self.flits.push((arrival, packet, place));
                }
            }
        }
    }

    /// Phase 5, host links into the mesh.
    pub(super) fn host_links(&mut self, now: u64) {
        let planes = self.chip.mesh.planes as usize;
        for index in 0..self.host.len() {
            let port = &self.chip.host_ports[index / planes];
            let input = self.port(index % planes, port.tile, usize::from(port.side));
            let link = &mut self.host[index];
            let Some(&(packet, ready)) = link.queue.front() else {
                continue;
            };
            if ready <= now && link.free <= now && link.credits > 0 {
                link.queue.pop_front();
                link.credits -= 1;
                link.free = now + self.chip.noc.host_occupancy;
                self.counts.host_wait += now - ready;
                self.times[packet].sent = now;
                let place = match &self.vc {
                    Some(vc) => Place::Node(vc.host_node(index / planes), index % planes),
                    None => Place::Input(input),
                };
                self.flits.push((now + self.chip.noc.host, packet, place));
                self.moved = true;
            }
        }
    }

    fn port(&self, plane: usize, tile: u32, port: usize) -> usize {
        let mesh = &self.chip.mesh;
        (plane * (mesh.width * mesh.height) as usize + tile as usize)
            * (4 + mesh.cores_per_tile as usize)
            + port
    }

    /// The port of a core (index in the image) at its router.
    fn core_port(&self, c: usize, plane: usize) -> usize {
        let (core, per_tile) = (self.cores[c], self.chip.mesh.cores_per_tile);
        self.port(plane, core / per_tile, 4 + (core % per_tile) as usize)
    }

    /// The core (index in the image) at a port of a router.
    fn core_at(&self, tile: u32, port: usize) -> usize {
        let core = tile * self.chip.mesh.cores_per_tile + port as u32 - 4;
        let place = self.cores.iter().position(|&id| id == core);
        place.expect("packets come from and go to cores of the image")
    }

    /// The host port at a side of a tile.
    pub(super) fn host_at(&self, tile: u32, side: usize) -> Option<usize> {
        let mut ports = self.chip.host_ports.iter();
        ports.position(|port| port.tile == tile && usize::from(port.side) == side)
    }

    fn neighbour(&self, tile: u32, side: usize) -> u32 {
        let width = self.chip.mesh.width;
        [
            tile + 1,
            tile.wrapping_sub(1),
            tile + width,
            tile.wrapping_sub(width),
        ][side]
    }

    /// Whose credit the slot of an input is.
    fn upstream(&self, plane: usize, tile: u32, input: usize) -> Home {
        if input >= 4 {
            return Home::Inject(self.core_at(tile, input), plane);
        }
        match self.host_at(tile, input) {
            Some(port) => Home::Host(port * self.chip.mesh.planes as usize + plane),
            None => Home::Output(self.port(plane, self.neighbour(tile, input), opposite(input))),
        }
    }

    /// The output that a packet takes at a tile: X first, then Y, then its core or its side.
    pub(super) fn wants(&self, packet: usize, tile: u32) -> usize {
        let mesh = &self.chip.mesh;
        let target = self.packets[packet].target;
        let (to_tile, last) = if target & HOST != 0 {
            let port = &self.chip.host_ports[(target & !HOST) as usize];
            (port.tile, usize::from(port.side))
        } else {
            (
                target / mesh.cores_per_tile,
                4 + (target % mesh.cores_per_tile) as usize,
            )
        };
        let (x, y) = (tile % mesh.width, tile / mesh.width);
        let (to_x, to_y) = (to_tile % mesh.width, to_tile / mesh.width);
        match (x.cmp(&to_x), y.cmp(&to_y)) {
            (std::cmp::Ordering::Less, _) => 0,
            (std::cmp::Ordering::Greater, _) => 1,
            (_, std::cmp::Ordering::Less) => 2,
            (_, std::cmp::Ordering::Greater) => 3,
            _ => last,
        }
    }
}

/// The side of the neighbour on which a link ends.
fn opposite(side: usize) -> usize {
    [1, 0, 3, 2][side]
}
