//! The routers `vc` between the units, as `specs/noc.md` says: router cycle t is cycle t · `router_cycle`.

use super::super::noc_vc::{Mesh as Routed, Packet, Setup};
use super::{Fifo, Flit, Home, Mesh};
use isa::image::HOST;

/// A link out of the mesh to the host.
#[derive(Clone, Default)]
struct Leaving {
    queue: Fifo,
    free: u64,
}

/// The meshes of all planes, and the links to the host.
pub(super) struct Routers {
    cycle: u64,
    stages: u64,
    meshes: Vec<Routed>,
    /// Cores of the chip: host ports are the nodes after them.
    cores: usize,
    inject_queue: u32,
    buffer: u32,
    /// Arrival of each packet in its injection queue.
    queued: Vec<u64>,
    /// Node and VC from which each packet was taken.
    slots: Vec<(usize, usize)>,
    /// Host port × planes + plane.
    leaving: Vec<Leaving>,
}

impl Routers {
    /// The routers of a network's chip, if they are of this kind.
    pub(super) fn new(network: &Mesh<'_>) -> Option<Routers> {
        let (mesh, noc) = (&network.chip.mesh, &network.chip.noc);
        let vc = noc.vc?;
        let setup = Setup {
            width: mesh.width as usize,
            height: mesh.height as usize,
            locals: mesh.cores_per_tile as usize,
            vcs: vc.vcs as usize,
            buffer: vc.buffer as usize,
            routing_delay: u64::from(vc.routing_delay),
            switch_delay: u64::from(vc.switch_delay),
            link_delay: u64::from(vc.link_delay),
            credit_delay: u64::from(vc.credit_delay),
            speculative: vc.speculative,
            wait_for_tail_credit: vc.wait_for_tail_credit,
        };
        let ports = &network.chip.host_ports;
        let border: Vec<(usize, usize)> = (ports.iter())
            .map(|port| (port.tile as usize, usize::from(port.side)))
            .collect();
        let cores = setup.width * setup.height * setup.locals;
        let node = |end: u32| match end & HOST {
            0 => end as usize,
            _ => cores + (end & !HOST) as usize,
        };
        let packets: Vec<Packet> = (network.packets.iter())
            .map(|packet| Packet {
                created: 0,
                source: node(packet.source),
                target: node(packet.target),
                size: 1,
            })
            .collect();
        let planes = mesh.planes as usize;
        Some(Routers {
            cycle: vc.cycle,
            stages: u64::from(vc.routing_delay) + u64::from(!vc.speculative),
            queued: vec![0; packets.len()],
            slots: vec![(0, 0); packets.len()],
            meshes: (0..planes)
                .map(|_| Routed::new(&setup, &border, packets.clone(), true))
                .collect(),
            cores,
            inject_queue: noc.inject_queue,
            buffer: vc.buffer,
            leaving: vec![Leaving::default(); ports.len() * planes],
        })
    }

    pub(super) fn host_node(&self, port: usize) -> usize {
        self.cores + port
    }

    /// A packet stands in the injection queue of a node.
    pub(super) fn queue(&mut self, node: usize, plane: usize, packet: usize, now: u64) {
        self.queued[packet] = now;
        self.meshes[plane].nodes[node].queue.push_back(packet);
    }

    /// Cycles that conditions compare with.
    pub(super) fn next_times(&self, now: u64) -> Vec<u64> {
        let mut times: Vec<u64> = self.leaving.iter().map(|link| link.free).collect();
        if self.meshes.iter().any(Routed::busy) {
            times.push((now / self.cycle + 1) * self.cycle);
        }
        times
    }

    /// Kind, length and depth of every queue in and before the routers.
    pub(super) fn lengths(&self) -> Vec<(usize, usize, u32)> {
        let mut all = Vec::new();
        for mesh in &self.meshes {
            all.extend(mesh.buffers().map(|length| (2, length, self.buffer)));
            for node in &mesh.nodes {
                let length = node.queue.len() + usize::from(node.current.is_some());
                all.push((1, length, self.inject_queue));
            }
        }
        all
    }

    pub(super) fn check_home(&self) {
        self.meshes.iter().for_each(Routed::check_home);
        assert!(self.leaving.iter().all(|link| link.queue.is_empty()));
    }
}

impl Mesh<'_> {
    /// When a packet came to stand in its injection queue.
    fn queued(&self, packet: usize) -> u64 {
        self.vc.as_ref().map_or(0, |vc| vc.queued[packet])
    }

    /// Phase 1 of a router cycle, and links to the host, which take what has come.
    pub(super) fn vc_arrivals(&mut self, now: u64) {
        let planes = self.chip.mesh.planes as usize;
        let Some(vc) = &mut self.vc else { return };
        if now.is_multiple_of(vc.cycle) {
            for plane in 0..planes {
                vc.meshes[plane].arrive(now / vc.cycle);
                for (node, channel, packet) in std::mem::take(&mut vc.meshes[plane].came) {
                    vc.slots[packet] = (node, channel);
                    self.moved = true;
                    if let Some(port) = node.checked_sub(vc.cores) {
                        let link = &mut vc.leaving[port * planes + plane];
                        link.queue.push_back((Flit::only(packet), now));
                        continue;
                    }
                    self.times[packet].arrived = now;
                    let flit = Flit::only(packet);
                    let core = self.cores.iter().position(|&core| core as usize == node);
                    let core = core.expect("packets go to cores of the image");
                    self.units[core].receive[plane].push_back((flit, now));
                }
            }
        }
        for index in 0..vc.leaving.len() {
            let link = &mut vc.leaving[index];
            if link.free > now {
                continue;
            }
            let Some((flit, arrived)) = link.queue.pop_front() else {
                continue;
            };
            let packet = flit.packets[0];
            link.free = now + self.chip.noc.host_occupancy;
            self.counts.host_wait += now - arrived;
            self.times[packet].arrived = now + self.chip.noc.host;
            self.times[packet].served = now + self.chip.noc.host;
            let (node, channel) = vc.slots[packet];
            vc.meshes[index % planes].take(node, channel, now.div_ceil(vc.cycle));
            self.moved = true;
        }
    }

    /// The synapse unit takes a packet: its slot is free.
    pub(super) fn vc_take(&mut self, packet: usize, plane: usize, now: u64) {
        let Some(vc) = &mut self.vc else { return };
        let (node, channel) = vc.slots[packet];
        vc.meshes[plane].take(node, channel, now.div_ceil(vc.cycle));
    }

    /// Phase 5.
    pub(super) fn vc_routers(&mut self, now: u64) {
        let planes = self.chip.mesh.planes as usize;
        let Some(vc) = &mut self.vc else { return };
        if !now.is_multiple_of(vc.cycle) {
            return;
        }
        let mut steps = Vec::new();
        let mut injected = Vec::new();
        for mesh in &mut vc.meshes {
            mesh.cycle(now / vc.cycle);
            steps.append(&mut mesh.steps);
            injected.append(&mut mesh.injected);
        }
        let (cycle, stages) = (vc.cycle, vc.stages);
        for step in steps {
            let (packet, at) = (step.packet, step.at);
            let (waited, output) = match step.output {
                Some((router, output)) => (at - step.since - stages, (router as u32, output)),
                None => {
                    let first = self.queued(packet).div_ceil(cycle);
                    let source = self.packets[packet].source;
                    let tile = match source & HOST {
                        0 => source / self.chip.mesh.cores_per_tile,
                        _ => self.chip.host_ports[(source & !HOST) as usize].tile,
                    };
                    (at - first, (tile, usize::MAX))
                }
            };
            let cycles = waited * cycle;
            self.counts.router_wait += cycles;
            let (tile, output) = output;
            let output = if output == usize::MAX {
                self.wants(packet, tile)
            } else {
                output
            };
            if output < 4 && self.host_at(tile, output).is_none() {
                self.link_waits[tile as usize * 4 + output] += cycles;
            }
            self.moved = true;
        }
        for packet in injected {
            let (source, plane) = (self.packets[packet].source, self.packets[packet].plane);
            let home = match source & HOST {
                0 => {
                    let core = self.cores.iter().position(|&core| core == source);
                    Home::Inject(core.expect("a core of the image"), plane)
                }
                _ => Home::Host((source & !HOST) as usize * planes + plane),
            };
            self.credits.push((now + 1, home));
        }
    }
}
