//! Who sends what to whom: packets of the host and of spiking lanes, their routes counted, their effect at the target.

use super::{Fired, Machine, Packet, Spike, Traffic, other_chip};
use isa::chip::{Delivery, OnSpikeTime, Order, PacketKind};
use isa::image::{Dest, HOST};
use std::collections::BTreeSet;

impl Machine<'_> {
    /// 3. The host sends the input of the next step.
    pub(super) fn host_sends(&mut self, step: u32, input: &[(u32, i32)], traffic: &mut Traffic) {
        let host = self.image.populations.len();
        for &(element, value) in input {
            let (port, graded) = self.input_port(element);
            let before: u32 = self.image.io.input_dest_counts[..element as usize]
                .iter()
                .sum();
            let count = self.image.io.input_dest_counts[element as usize];
            let dests = &self.image.io.input_dests[before as usize..(before + count) as usize];
            let (times, payload) = if graded { (1, value) } else { (value, 1) };
            for dest in (0..times).flat_map(|_| dests) {
                let sequence = traffic.host[port as usize].len() as u32;
                traffic.host[port as usize].push(traffic.packets.len());
                self.out.populations[host].packets_host_in += 1;
                let from_tile = self.chip.host_ports[port as usize].tile;
                let (kind, flits) = (PacketKind::Host, self.chip.noc.flits(graded));
                let packet = Packet {
                    step,
                    source: HOST | port,
                    sequence,
                    target: dest.target,
                    plane: (sequence % self.chip.mesh.planes) as usize,
                    kind,
                    flits,
                    service: 0,
                    delay: 0,
                };
                self.routed(from_tile, host, &[dest], kind, flits);
                self.send(host, dest, payload, packet, traffic);
            }
        }
    }

    /// The port and kind of the input that holds an element.
    fn input_port(&self, element: u32) -> (u32, bool) {
        let mut end = 0;
        for input in &self.image.io.inputs {
            end += input.shape.iter().product::<u32>();
            if element < end {
                return (u32::from(input.port), input.graded);
            }
        }
        panic!("input element {element} of {end}");
    }

    /// Then the cores send their outboxes.
    pub(super) fn cores_send(&mut self, step: u32, fired: &[Vec<Fired>], traffic: &mut Traffic) {
        for (c, fired) in fired.iter().enumerate() {
            let program = self.cores[c].program;
            // Function in lane order; each spike with destinations keeps its packets together.
            let mut spikes = Vec::new();
            for spike in fired {
                let before: usize = program.dest_counts[..spike.lane]
                    .iter()
                    .map(|&n| usize::from(n))
                    .sum();
                let dests =
                    &program.dests[before..before + usize::from(program.dest_counts[spike.lane])];
                let population = self.cores[c].population[spike.lane];
                let graded = program.groups[self.cores[c].group_of(spike.lane).0].sends_payload();
                let flits = self.chip.noc.flits(graded);
                let tile = program.core.0 / self.chip.mesh.cores_per_tile;
                let mut packets: Vec<Vec<usize>> = Vec::new();
                for (place, dest) in dests.iter().enumerate() {
                    let counts = &mut self.out.populations[population];
                    let mut kind = match graded {
                        true => PacketKind::Graded,
                        false => PacketKind::Spike,
                    };
                    if dest.target & HOST != 0 {
                        kind = PacketKind::Host;
                        counts.packets_host_out += 1;
                        self.out.outputs.push((step - 1, dest.axon, spike.payload));
                    } else {
                        counts.packets += 1;
                        counts.packets_local += u64::from(dest.target == program.core.0);
                        self.out.cores[c].packets_out += 1;
                    }
                    if !dest.joined {
                        // It and those joined to it.
                        let joined = dests[place + 1..].iter().take_while(|next| next.joined);
                        let all: Vec<&Dest> = std::iter::once(dest).chain(joined).collect();
                        self.out.populations[population].flits_out += u64::from(flits);
                        self.routed(tile, population, &all, kind, flits);
                        packets.push(Vec::new());
                    }
                    packets
                        .last_mut()
                        .expect("the first entry is not joined")
                        .push(traffic.packets.len());
                    let packet = Packet {
                        step,
                        source: program.core.0,
                        sequence: 0,
                        target: dest.target,
                        plane: 0,
                        kind,
                        flits,
                        service: 0,
                        delay: 0,
                    };
                    self.send(population, dest, spike.payload, packet, traffic);
                }
                if !dests.is_empty() {
                    spikes.push((spike.ready, spike.lane, packets));
                }
            }
            // Timing by (ready, lane).
            spikes.sort();
            let mut sequence = 0;
            let mut last = 0;
            let work = &mut traffic.work[c];
            for (ready, _, packets) in spikes {
                for targets in &packets {
                    for &packet in targets {
                        traffic.packets[packet].sequence = sequence;
                        let plane = (sequence % self.chip.mesh.planes) as usize;
                        traffic.packets[packet].plane = plane;
                        self.out.seen.planes.insert(plane);
                    }
                    sequence += 1;
                }
                work.spikes.push(Spike {
                    gap: ready - last,
                    packets,
                });
                last = ready;
            }
            work.tail -= last;
        }
    }

    /// The links of a packet's way, each once however many targets lie behind it, and what the routers do.
    fn routed(
        &mut self,
        from_tile: u32,
        population: usize,
        dests: &[&Dest],
        kind: PacketKind,
        flits: u32,
    ) {
        let mut links = BTreeSet::new();
        for dest in dests {
            let to_tile = if dest.target & HOST != 0 {
                self.chip.host_ports[(dest.target & !HOST) as usize].tile
            } else {
                dest.target / self.chip.mesh.cores_per_tile
            };
            links.extend(self.links(from_tile, to_tile, self.chip.noc.route_order(kind)));
        }
        let counts = &mut self.out.populations[population];
        let flits = u64::from(flits);
        counts.buffer_writes += flits * (1 + links.len() as u64);
        counts.switch_grants += flits * (links.len() + dests.len()) as u64;
        for (tile, direction) in links {
            let counts = &mut self.out.populations[population];
            *[
                &mut counts.hops_east,
                &mut counts.hops_west,
                &mut counts.hops_north,
                &mut counts.hops_south,
            ][direction] += flits;
            self.out.links[tile as usize * 4 + direction].0 += flits;
            let width = self.chip.mesh.width;
            let to = match direction {
                0 => tile + 1,
                1 => tile - 1,
                2 => tile + width,
                _ => tile - width,
            };
            if other_chip(self.chip, tile, to) {
                self.out.populations[population].chip_crossings += flits;
            }
        }
    }

    /// Tile and direction of each link from one tile to another.
    fn links(&self, from_tile: u32, to_tile: u32, order: Order) -> Vec<(u32, usize)> {
        let mesh = &self.chip.mesh;
        let (mut x, mut y) = (from_tile % mesh.width, from_tile / mesh.width);
        let (to_x, to_y) = (to_tile % mesh.width, to_tile / mesh.width);
        let mut links = Vec::new();
        while (x, y) != (to_x, to_y) {
            let tile = y * mesh.width + x;
            let along_x = match order {
                Order::Xy => x != to_x,
                Order::Yx => y == to_y,
            };
            let by_table = self.chip.noc.routes.as_ref();
            let by_table = by_table.and_then(|routes| routes.next(tile, to_tile));
            let direction = match (by_table, along_x) {
                (Some(direction), _) => direction,
                (_, true) if x < to_x => 0,
                (_, true) => 1,
                (_, false) if y < to_y => 2,
                (_, false) => 3,
            };
            match direction {
                0 => x += 1,
                1 => x -= 1,
                2 => y += 1,
                _ => y -= 1,
            }
            links.push((tile, direction.into()));
        }
        links
    }

    /// One target of a packet: it is delivered, and timing gets to know it.
    fn send(
        &mut self,
        population: usize,
        dest: &Dest,
        payload: i32,
        mut packet: Packet,
        traffic: &mut Traffic,
    ) {
        packet.delay = u64::from(dest.delay);
        if dest.target & HOST == 0 {
            let c = self
                .image
                .cores
                .iter()
                .position(|core| core.core.0 == dest.target)
                .expect("the verifier found the target");
            let counts = &mut self.out.populations[population];
            counts.tile_deliveries += 1;
            counts.flits_in += u64::from(packet.flits);
            self.out.cores[c].packets_in += 1;
            packet.service = match self.chip.delivery {
                Delivery::Accumulate => {
                    packet.delay = self.cores[c]
                        .synapses(dest.axon)
                        .map(|synapse| u64::from(synapse.delay))
                        .min()
                        .unwrap_or(0);
                    self.on_spike(c, dest.axon, payload)
                }
                Delivery::AxonBits => {
                    self.out.seen.delays.insert(packet.delay);
                    let bit = (self.g + 1 + i64::from(dest.delay), dest.axon);
                    if !self.cores[c].words.axon_bits.insert(bit) {
                        self.out.populations[population].axon_merges += 1;
                    }
                    match self.chip.time.on_spike {
                        OnSpikeTime::Event { packet, .. }
                        | OnSpikeTime::Instruction { packet, .. } => packet,
                    }
                }
            }
            .max(1);
            self.out.cores[c].synapse_cycles += packet.service;
        }
        self.out.seen.planes.insert(packet.plane);
        traffic.packets.push(packet);
    }
}
