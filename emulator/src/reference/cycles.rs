//! Every cycle of `specs/core.md` and `specs/noc.md`: five phases over all cores, routers and host links, one cycle at a time.
//!
//! Invariant: a cycle in which nothing moved leaves everything as it was, and every condition of the five phases compares
//! the cycle with a time that is already known. So after such a cycle, and only then, the loop goes on at the least of these
//! times that still lies ahead; if there is none, nothing can move any more.

mod phases;
mod vc;

use super::{CoreCounts, Outcome, Packet, PacketCycles, StepCycles, TimeCounts, Traffic};
use isa::chip::{ChipSpec, Sync};
use isa::image::{HOST, Image};
use std::collections::{BTreeMap, VecDeque};

/// Times the steps of one sample.
pub(super) fn time(chip: &ChipSpec, image: &Image, steps: &[Traffic], out: &mut Outcome) {
    match chip.sync {
        Sync::Barrier { .. } => {
            let mut tiles: Vec<u32> = image
                .cores
                .iter()
                .map(|core| core.core.0 / chip.mesh.cores_per_tile)
                .collect();
            tiles.sort_unstable();
            tiles.dedup();
            let barrier = chip.barrier_cycles(tiles.len() as u32);
            for step in steps {
                let mut network = Network::new(chip, image, std::slice::from_ref(step), vec![0]);
                let end = network.run();
                let (neuron, ideal) = ideal(image, step);
                out.steps.push(StepCycles {
                    cycles: end + barrier,
                    neuron,
                    synapse: ideal - neuron,
                    noc: end - ideal,
                    sync: barrier,
                });
                network.report(out);
            }
        }
        Sync::Tick { period } => {
            let mut network = Network::new(
                chip,
                image,
                steps,
                (0..steps.len() as u64).map(|step| step * period).collect(),
            );
            network.run();
            for step in steps {
                let (work, ideal) = ideal(image, step);
                let neuron = work.min(period);
                let synapse = ideal.min(period) - neuron;
                out.steps.push(StepCycles {
                    cycles: period,
                    neuron,
                    synapse,
                    noc: 0,
                    sync: period - neuron - synapse,
                });
            }
            network.report(out);
            for (packet, times) in network.packets.iter().zip(&network.times) {
                // A packet of step t (number t + 1 from the preload step) is late after the start of step t + 1 + d.
                let start = (u64::from(packet.step) + 1 + packet.delay) * period;
                out.late += u64::from(packet.target & HOST == 0 && times.served > start);
            }
        }
    }
    out.packets.sort();
}

/// N and I of one step: the network takes no time, and no queue has a bound.
fn ideal(image: &Image, step: &Traffic) -> (u64, u64) {
    // Core → packets as (cycle in which they stand there, service).
    let mut waiting: BTreeMap<u32, Vec<(u64, u64)>> = BTreeMap::new();
    let mut stand = |at: u64, packet: usize| {
        let packet = &step.packets[packet];
        if packet.target & HOST == 0 {
            waiting
                .entry(packet.target)
                .or_default()
                .push((at, packet.service));
        }
    };
    step.host
        .iter()
        .flatten()
        .for_each(|&packet| stand(0, packet));
    let mut neuron = 0;
    for work in &step.work {
        let mut now = 0;
        for spike in &work.spikes {
            now += spike.gap;
            spike.packets.iter().for_each(|&packet| stand(now, packet));
        }
        neuron = neuron.max(now + work.tail);
    }
    let mut end = neuron;
    for core in &image.cores {
        let mut served = 0;
        let mut packets = waiting.remove(&core.core.0).unwrap_or_default();
        packets.sort_unstable();
        for (at, service) in packets {
            served = at.max(served) + service;
        }
        end = end.max(served);
    }
    (neuron, end)
}

/// Who owns a credit.
#[derive(Clone, Copy)]
enum Home {
    /// Output of a router, by index.
    Output(usize),
    /// Axon-out of a core (index in the image), by plane.
    Inject(usize, usize),
    /// Host link, by index.
    Host(usize),
}

/// A FIFO of packets with the cycle of each arrival.
type Fifo = VecDeque<(usize, u64)>;

/// Where a flit is going.
#[derive(Clone, Copy)]
enum Place {
    /// Input FIFO of a router, by index.
    Input(usize),
    /// Receive queue of a core, by plane.
    Receive(usize, usize),
    /// Injection queue of a node of the routers `vc`, by plane.
    Node(usize, usize),
}

#[derive(Default)]
struct Times {
    sent: u64,
    arrived: u64,
    served: u64,
}

#[derive(Clone, Default)]
struct Output {
    free: u64,
    pointer: usize,
    credits: u32,
}

#[derive(Default)]
struct Unit {
    // Neuron unit: place in the steps and spikes, cycle at which the next spike is ready, end of the work done.
    step: usize,
    spike: usize,
    ready: Option<u64>,
    ended: u64,
    // Spike queue and axon-out: packets left in hand and when the next is ready.
    queue: VecDeque<Vec<usize>>,
    hand: VecDeque<usize>,
    hand_ready: u64,
    credits: Vec<u32>,
    // Synapse unit.
    receive: Vec<Fifo>,
    plane: usize,
    busy: u64,
}

#[derive(Default)]
struct HostLink {
    queue: Fifo,
    free: u64,
    credits: u32,
}

struct Network<'a> {
    chip: &'a ChipSpec,
    steps: &'a [Traffic],
    starts: Vec<u64>,
    /// Packets of all steps; those of step s begin at `first[s]`.
    packets: Vec<&'a Packet>,
    first: Vec<usize>,
    times: Vec<Times>,
    /// Core ids of the image.
    cores: Vec<u32>,
    units: Vec<Unit>,
    /// (plane × tiles + tile) × inputs + input.
    inputs: Vec<Fifo>,
    outputs: Vec<Output>,
    /// port × planes + plane.
    host: Vec<HostLink>,
    flits: Vec<(u64, usize, Place)>,
    credits: Vec<(u64, Home)>,
    counts: TimeCounts,
    stalls: Vec<u64>,
    link_waits: Vec<u64>,
    overruns: u64,
    full: [bool; 4],
    moved: bool,
    /// Routers `vc`, if the chip has them.
    vc: Option<vc::Routers>,
}

impl<'a> Network<'a> {
    fn new(chip: &'a ChipSpec, image: &Image, steps: &'a [Traffic], starts: Vec<u64>) -> Self {
        let (mesh, noc) = (&chip.mesh, &chip.noc);
        let planes = mesh.planes as usize;
        let tiles = (mesh.width * mesh.height) as usize;
        let ports = 4 + mesh.cores_per_tile as usize;
        let mut first = Vec::new();
        let mut packets = Vec::new();
        for step in steps {
            first.push(packets.len());
            packets.extend(&step.packets);
        }
        let unit = |_| Unit {
            credits: vec![noc.inject_queue; planes],
            receive: vec![Fifo::new(); planes],
            ..Unit::default()
        };
        let output = |i: usize| Output {
            credits: if i % ports < 4 {
                noc.input_fifo
            } else {
                noc.receive_queue
            },
            ..Output::default()
        };
        let mut network = Network {
            chip,
            steps,
            starts,
            times: packets.iter().map(|_| Times::default()).collect(),
            packets,
            first,
            cores: image.cores.iter().map(|core| core.core.0).collect(),
            units: image.cores.iter().map(unit).collect(),
            inputs: vec![Fifo::new(); planes * tiles * ports],
            outputs: (0..planes * tiles * ports).map(output).collect(),
            host: (0..chip.host_ports.len() * planes)
                .map(|_| HostLink {
                    credits: noc.vc.map_or(noc.input_fifo, |_| noc.inject_queue),
                    ..HostLink::default()
                })
                .collect(),
            flits: Vec::new(),
            credits: Vec::new(),
            counts: TimeCounts::default(),
            stalls: vec![0; image.cores.len()],
            link_waits: vec![0; tiles * 4],
            overruns: 0,
            full: [false; 4],
            moved: false,
            vc: None,
        };
        network.vc = vc::Routers::new(&network);
        for (s, step) in network.steps.iter().enumerate() {
            for (port, packets) in step.host.iter().enumerate() {
                for &packet in packets {
                    let link = port * planes + step.packets[packet].plane;
                    network.host[link]
                        .queue
                        .push_back((network.first[s] + packet, network.starts[s]));
                }
            }
        }
        for c in 0..network.units.len() {
            network.begin_work(c);
        }
        network
    }

    /// The cycle loop. Returns the end: neuron units, services, and packets that left the mesh.
    fn run(&mut self) -> u64 {
        let mut now = 0;
        loop {
            self.moved = false;
            self.arrivals(now);
            self.synapse_units(now);
            self.neuron_units(now);
            self.axon_out(now);
            self.peaks();
            if self.vc.is_some() {
                self.vc_routers(now);
            } else {
                self.routers(now);
            }
            self.host_links(now);
            if self.moved {
                now += 1;
            } else if let Some(next) = self.next_time(now) {
                now = next;
            } else {
                break;
            }
        }
        let idle = |unit: &Unit| {
            unit.ready.is_none()
                && unit.queue.is_empty()
                && unit.hand.is_empty()
                && unit.receive.iter().all(VecDeque::is_empty)
        };
        assert!(self.units.iter().all(idle), "a core waits for ever");
        self.vc.iter().for_each(vc::Routers::check_home);
        assert!(
            self.inputs.iter().all(VecDeque::is_empty)
                && self.host.iter().all(|link| link.queue.is_empty()),
            "a packet waits for ever"
        );
        let units = self.units.iter().map(|unit| unit.ended);
        units
            .chain(self.times.iter().map(|times| times.served))
            .max()
            .unwrap_or(0)
    }

    /// All times that a condition of some phase compares with the cycle, as far as they lie ahead.
    fn next_time(&self, now: u64) -> Option<u64> {
        let flits = self.flits.iter().map(|&(due, ..)| due);
        let credits = self.credits.iter().map(|&(due, _)| due);
        let units = self
            .units
            .iter()
            .flat_map(|unit| [unit.busy, unit.hand_ready, unit.ready.unwrap_or(0)]);
        let outputs = self.outputs.iter().map(|output| output.free);
        let host = self
            .host
            .iter()
            .flat_map(|link| [link.free, link.queue.front().map_or(0, |&(_, ready)| ready)]);
        flits
            .chain(credits)
            .chain(units)
            .chain(outputs)
            .chain(host)
            .chain(self.vc.iter().flat_map(|vc| vc.next_times(now)))
            .filter(|&time| time > now)
            .min()
    }

    /// Adds what was counted.
    fn report(&self, out: &mut Outcome) {
        let (sum, new) = (&mut out.time, &self.counts);
        sum.neuron_stall += new.neuron_stall;
        sum.axon_out_stall += new.axon_out_stall;
        sum.router_wait += new.router_wait;
        sum.synapse_wait += new.synapse_wait;
        sum.host_wait += new.host_wait;
        sum.spike_queue_peak = sum.spike_queue_peak.max(new.spike_queue_peak);
        sum.router_fifo_peak = sum.router_fifo_peak.max(new.router_fifo_peak);
        sum.receive_queue_peak = sum.receive_queue_peak.max(new.receive_queue_peak);
        for (CoreCounts { stall_cycles, .. }, stall) in out.cores.iter_mut().zip(&self.stalls) {
            *stall_cycles += stall;
        }
        for ((_, wait), new) in out.links.iter_mut().zip(&self.link_waits) {
            *wait += new;
        }
        out.overruns += self.overruns;
        for (seen, full) in out.seen.full.iter_mut().zip(self.full) {
            *seen |= full;
        }
        for (packet, times) in self.packets.iter().zip(&self.times) {
            let &Packet {
                step,
                source,
                sequence,
                target,
                ..
            } = *packet;
            let Times {
                sent,
                arrived,
                served,
            } = *times;
            out.packets.push(PacketCycles {
                step,
                source,
                sequence,
                target,
                sent,
                arrived,
                served,
            });
        }
    }
}
