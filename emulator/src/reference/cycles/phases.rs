//! The five phases of a cycle, each over all cores, routers and host links.

use super::{Fifo, Flit, Home, Mesh, Place, flits, other_chip};
use isa::chip::{ChipSpec, Order, PacketKind};
use isa::image::HOST;

impl Mesh<'_> {
    /// Phase 1.
    pub(super) fn arrivals(&mut self, now: u64) {
        for (_, flit, place) in self.flits.extract_if(.., |(due, ..)| *due == now) {
            match place {
                Place::Input(input) => self.inputs[input].push_back((flit, now)),
                Place::Receive(c, queue) => {
                    // The tail is the last to say so.
                    self.times[flit.packets[0]].arrived = now;
                    self.units[c].receive[queue].push_back((flit, now));
                }
                Place::Node(node, plane) => {
                    let vc = self.vc.as_mut().expect("a node is one of these routers'");
                    vc.queue(node, plane, flit.packets[0], now);
                }
            }
            self.moved = true;
        }
        self.vc_arrivals(now);
        let networks = self.networks();
        for (_, home) in self.credits.extract_if(.., |&mut (due, _)| due == now) {
            match home {
                Home::Output(output) => {
                    let output_of = &mut self.outputs[output / networks];
                    output_of.networks[output % networks].credits += 1;
                }
                Home::Inject(c, queue) => self.units[c].credits[queue] += 1,
                Home::Host(link) => self.host[link].credits += 1,
            }
            self.moved = true;
        }
    }

    /// Phase 2.
    pub(super) fn synapse_units(&mut self, now: u64) {
        let networks = self.networks();
        let queues = self.chip.mesh.planes as usize * networks;
        for c in 0..self.units.len() {
            let unit = &mut self.units[c];
            if unit.busy > now {
                continue;
            }
            // Whole packets only: one that has begun is whole when its tail stands there.
            let whole = |queue: &Fifo| queue.iter().any(|(flit, _)| flit.tail);
            let Some(queue) = (0..queues)
                .map(|i| (unit.pointer + i) % queues)
                .find(|&queue| whole(&unit.receive[queue]))
            else {
                continue;
            };
            unit.pointer = (queue + 1) % queues;
            let (plane, network) = (queue / networks, queue % networks);
            loop {
                let unit = &mut self.units[c];
                let (flit, arrived) = unit.receive[queue]
                    .pop_front()
                    .expect("the queue holds a packet");
                if flit.tail {
                    unit.busy = now + self.packets[flit.packets[0]].service;
                    self.times[flit.packets[0]].served = unit.busy;
                    self.counts.synapse_wait += now - arrived;
                }
                if self.vc.is_some() {
                    self.vc_take(flit.packets[0], plane, now);
                } else {
                    let home = Home::Output(self.core_port(c, plane) * networks + network);
                    self.credits.push((now + 1 + self.chip.noc.credit, home));
                }
                if flit.tail {
                    break;
                }
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
                let all = &self.steps[unit.step].packets;
                unit.queue.push_back(
                    work.spikes[unit.spike]
                        .packets
                        .iter()
                        .flat_map(|targets| flits(all, first, targets))
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
        let networks = self.networks();
        for c in 0..self.units.len() {
            loop {
                let next = self.units[c].hand.front().cloned();
                let unit = &mut self.units[c];
                if next.is_none() && !unit.queue.is_empty() {
                    unit.hand = unit
                        .queue
                        .pop_front()
                        .expect("the queue holds a spike")
                        .into();
                    unit.hand_ready = now + axon_out;
                } else if let Some(flit) = next
                    && unit.hand_ready <= now
                    && let lane = self.lane(&flit)
                    && let unit = &mut self.units[c]
                    && unit.credits[lane] > 0
                {
                    unit.hand.pop_front();
                    unit.credits[lane] -= 1;
                    self.counts.axon_out_stall += now - unit.hand_ready;
                    unit.hand_ready = now + axon_out;
                    if flit.head {
                        for &packet in &flit.packets {
                            self.times[packet].sent = now;
                        }
                    }
                    let (plane, network) = (lane / networks, lane % networks);
                    let place = match self.vc {
                        Some(_) => Place::Node(self.cores[c] as usize, plane),
                        None => Place::Input(self.core_port(c, plane) * networks + network),
                    };
                    self.flits.push((now + noc.inject, flit, place));
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
        let networks = self.networks();
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
            let (queue, depth) = if i / networks % ports < 4 {
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
        let networks = self.networks();
        let ports = 4 + mesh.cores_per_tile as usize;
        for (plane, tile) in (0..mesh.planes as usize)
            .flat_map(|plane| (0..mesh.width * mesh.height).map(move |tile| (plane, tile)))
        {
            let first = self.port(plane, tile, 0) * networks;
            let inputs = &self.inputs[first..first + ports * networks];
            if inputs.iter().all(Fifo::is_empty) {
                continue;
            }
            // Which outputs each input's head wants, before anything leaves.
            let wants: Vec<Vec<usize>> = inputs
                .iter()
                .map(|input| {
                    let head = input.front().map_or(&[][..], |(flit, _)| &flit.packets);
                    head.iter()
                        .map(|&packet| self.wants(packet, tile))
                        .collect()
                })
                .collect();
            for out in 0..ports {
                let index = self.port(plane, tile, out);
                let host = self.host_at(tile, out).is_some();
                let output = &self.outputs[index];
                if output.free > now {
                    continue;
                }
                // The first network, and in it the first input, at or after the pointers.
                let granted = (0..networks)
                    .map(|i| (output.pointer + i) % networks)
                    .find_map(|network| {
                        let own = &output.networks[network];
                        let mut cyclic = (0..ports).map(|i| (own.pointer + i) % ports);
                        let input = cyclic.find(|&input| {
                            wants[input * networks + network].contains(&out)
                                && own.holder.is_none_or(|holder| holder == input)
                        })?;
                        (own.credits > 0 || host).then_some((network, input))
                    });
                let Some((network, input)) = granted else {
                    continue;
                };
                self.moved = true;
                let from = self.port(plane, tile, input) * networks + network;
                let (flit, arrived) = self.leave(from, tile, out);
                if self.inputs[from]
                    .front()
                    .is_none_or(|(rest, _)| rest.packets.is_empty())
                {
                    self.inputs[from].pop_front();
                    let home = self.upstream(plane, tile, input, network);
                    self.credits.push((now + 1 + noc.credit, home));
                }
                self.counts.router_wait += now - arrived;
                let output = &mut self.outputs[index];
                output.pointer = (network + 1) % networks;
                let own = &mut output.networks[network];
                own.pointer = (input + 1) % ports;
                own.holder = (!flit.tail).then_some(input);
                if host {
                    output.free = now + noc.host_occupancy;
                    self.times[flit.packets[0]].arrived = now + noc.host;
                    self.times[flit.packets[0]].served = now + noc.host;
                    continue;
                }
                own.credits -= 1;
                if out < 4 {
                    let to = self.neighbour(tile, out);
                    let border = mesh.border.filter(|_| other_chip(self.chip, tile, to));
                    let (hop, occupancy) = match border {
                        Some(border) => (border.hop, border.occupancy),
                        None => (noc.hop[out], noc.occupancy[out]),
                    };
                    let output = &mut self.outputs[index];
                    output.free = now + occupancy;
                    self.link_waits[tile as usize * 4 + out] += now - arrived;
                    let next = self.port(plane, to, opposite(out));
                    let arrival = now + hop;
                    let place = Place::Input(next * networks + network);
                    self.flits.push((arrival, flit, place));
                } else {
                    output.free = now + noc.in_tile_occupancy;
                    let place = Place::Receive(self.core_at(tile, out), plane * networks + network);
                    let arrival = now + noc.in_tile + noc.eject;
                    self.flits.push((arrival, flit, place));
                }
            }
        }
    }

    /// What of an input's head leaves by an output; the rest of its targets stays.
    fn leave(&mut self, from: usize, tile: u32, out: usize) -> (Flit, u64) {
        let (head, arrived) = self.inputs[from]
            .front()
            .cloned()
            .expect("it wants this output");
        let (gone, rest) = head
            .packets
            .iter()
            .partition(|&&packet| self.wants(packet, tile) == out);
        self.inputs[from][0].0.packets = rest;
        let gone = Flit {
            packets: gone,
            ..head
        };
        (gone, arrived)
    }

    /// Phase 5, host links into the mesh.
    pub(super) fn host_links(&mut self, now: u64) {
        let planes = self.chip.mesh.planes as usize;
        for index in 0..self.host.len() {
            let port = &self.chip.host_ports[index / planes];
            let networks = self.networks();
            let network = self.chip.noc.network(PacketKind::Host) as usize;
            let input = self.port(index % planes, port.tile, usize::from(port.side));
            let link = &mut self.host[index];
            let Some((flit, ready)) = link.queue.front().cloned() else {
                continue;
            };
            if ready <= now && link.free <= now && link.credits > 0 {
                link.queue.pop_front();
                link.credits -= 1;
                link.free = now + self.chip.noc.host_occupancy;
                self.counts.host_wait += now - ready;
                if flit.head {
                    self.times[flit.packets[0]].sent = now;
                }
                let place = match &self.vc {
                    Some(vc) => Place::Node(vc.host_node(index / planes), index % planes),
                    None => Place::Input(input * networks + network),
                };
                self.flits.push((now + self.chip.noc.host, flit, place));
                self.moved = true;
            }
        }
    }

    /// Virtual networks of a plane.
    fn networks(&self) -> usize {
        self.chip.noc.network_count() as usize
    }

    /// Plane and network of a flit.
    fn lane(&self, flit: &Flit) -> usize {
        let packet = self.packets[flit.packets[0]];
        packet.plane * self.networks() + self.chip.noc.network(packet.kind) as usize
    }

    pub(super) fn port(&self, plane: usize, tile: u32, port: usize) -> usize {
        let mesh = &self.chip.mesh;
        (plane * (mesh.width * mesh.height) as usize + tile as usize)
            * (4 + mesh.cores_per_tile as usize)
            + port
    }

    /// The port of a core (index in the image) at its router.
    pub(super) fn core_port(&self, c: usize, plane: usize) -> usize {
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

    pub(super) fn neighbour(&self, tile: u32, side: usize) -> u32 {
        let width = self.chip.mesh.width;
        [
            tile + 1,
            tile.wrapping_sub(1),
            tile + width,
            tile.wrapping_sub(width),
        ][side]
    }

    /// Whose credit the slot of an input is.
    fn upstream(&self, plane: usize, tile: u32, input: usize, network: usize) -> Home {
        let networks = self.networks();
        if input >= 4 {
            return Home::Inject(self.core_at(tile, input), plane * networks + network);
        }
        match self.host_at(tile, input) {
            Some(port) => Home::Host(port * self.chip.mesh.planes as usize + plane),
            None => {
                let from = self.port(plane, self.neighbour(tile, input), opposite(input));
                Home::Output(from * networks + network)
            }
        }
    }

    /// The output that a packet takes at a tile: a link, or its core, or its side.
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
        let kind = self.packets[packet].kind;
        toward(self.chip, tile, to_tile, kind).unwrap_or(last)
    }
}

/// The link that a packet takes at a tile: by the table, or one dimension, then the other.
pub(super) fn toward(chip: &ChipSpec, tile: u32, to_tile: u32, kind: PacketKind) -> Option<usize> {
    let mesh = &chip.mesh;
    if let Some(routes) = &chip.noc.routes {
        return routes.next(tile, to_tile).map(usize::from);
    }
    let (x, y) = (tile % mesh.width, tile / mesh.width);
    let (to_x, to_y) = (to_tile % mesh.width, to_tile / mesh.width);
    let along_x = (x != to_x).then(|| usize::from(x > to_x));
    let along_y = (y != to_y).then(|| 2 + usize::from(y > to_y));
    match chip.noc.route_order(kind) {
        Order::Xy => along_x.or(along_y),
        Order::Yx => along_y.or(along_x),
    }
}

/// The side of the neighbour on which a link ends.
pub(super) fn opposite(side: usize) -> usize {
    [1, 0, 3, 2][side]
}
