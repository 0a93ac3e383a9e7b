//! Who sends what to whom: packets of the host and of spiking lanes, their routes counted, their effect at the target.

use super::{Fired, Machine, Packet, Spike, Traffic};
use isa::chip::{Delivery, OnSpikeTime};
use isa::image::{Dest, HOST};

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
                self.send(
                    step,
                    HOST | port,
                    sequence,
                    from_tile,
                    host,
                    dest,
                    payload,
                    traffic,
                );
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
                let first = traffic.packets.len();
                for dest in dests {
                    let tile = program.core.0 / self.chip.mesh.cores_per_tile;
                    let counts = &mut self.out.populations[population];
                    if dest.target & HOST != 0 {
                        counts.packets_host_out += 1;
                        self.out.outputs.push((step - 1, dest.axon, spike.payload));
                    } else {
                        counts.packets += 1;
                        counts.packets_local += u64::from(dest.target == program.core.0);
                        self.out.cores[c].packets_out += 1;
                    }
                    self.send(
                        step,
                        program.core.0,
                        0,
                        tile,
                        population,
                        dest,
                        spike.payload,
                        traffic,
                    );
                }
                if !dests.is_empty() {
                    spikes.push((
                        spike.ready,
                        spike.lane,
                        (first..traffic.packets.len()).collect::<Vec<_>>(),
                    ));
                }
            }
            // Timing by (ready, lane).
            spikes.sort();
            let mut sequence = 0;
            let mut last = 0;
            let work = &mut traffic.work[c];
            for (ready, _, packets) in spikes {
                for &packet in &packets {
                    traffic.packets[packet].sequence = sequence;
                    let plane = (sequence % self.chip.mesh.planes) as usize;
                    traffic.packets[packet].plane = plane;
                    self.out.seen.planes.insert(plane);
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

    /// One packet: its route is counted, it is delivered, and timing gets to know it.
    #[allow(clippy::too_many_arguments)] // each is one column of a packet
    fn send(
        &mut self,
        step: u32,
        source: u32,
        sequence: u32,
        from_tile: u32,
        population: usize,
        dest: &Dest,
        payload: i32,
        traffic: &mut Traffic,
    ) {
        let mesh = &self.chip.mesh;
        let mut service = 0;
        let mut delay = u64::from(dest.delay);
        let to_tile = if dest.target & HOST != 0 {
            self.chip.host_ports[(dest.target & !HOST) as usize].tile
        } else {
            let c = self
                .image
                .cores
                .iter()
                .position(|core| core.core.0 == dest.target)
                .expect("the verifier found the target");
            let counts = &mut self.out.populations[population];
            counts.tile_deliveries += 1;
            self.out.cores[c].packets_in += 1;
            service = match self.chip.delivery {
                Delivery::Accumulate => {
                    delay = self.cores[c]
                        .synapses(dest.axon)
                        .map(|synapse| u64::from(synapse.delay))
                        .min()
                        .unwrap_or(0);
                    self.on_spike(c, dest.axon, payload)
                }
                Delivery::AxonBits => {
                    self.out.seen.delays.insert(delay);
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
            self.out.cores[c].synapse_cycles += service;
            dest.target / mesh.cores_per_tile
        };
        // X first, then Y.
        let (mut x, mut y) = (from_tile % mesh.width, from_tile / mesh.width);
        let (to_x, to_y) = (to_tile % mesh.width, to_tile / mesh.width);
        let counts = &mut self.out.populations[population];
        while (x, y) != (to_x, to_y) {
            let tile = (y * mesh.width + x) as usize;
            let direction = if x < to_x {
                x += 1;
                counts.hops_east += 1;
                0
            } else if x > to_x {
                x -= 1;
                counts.hops_west += 1;
                1
            } else if y < to_y {
                y += 1;
                counts.hops_north += 1;
                2
            } else {
                y -= 1;
                counts.hops_south += 1;
                3
            };
            self.out.links[tile * 4 + direction].0 += 1;
        }
        let plane = (sequence % mesh.planes) as usize;
        self.out.seen.planes.insert(plane);
        traffic.packets.push(Packet {
            step,
            source,
            sequence,
            target: dest.target,
            plane,
            service,
            delay,
        });
    }
}
