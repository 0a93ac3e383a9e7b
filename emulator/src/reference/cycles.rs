//! Every cycle of `specs/core.md` and `specs/noc.md`: five phases over all cores, routers and host links, one cycle at a time.
//!
//! Invariant: a cycle in which nothing moved leaves everything as it was, and every condition of the five phases compares
//! the cycle with a time that is already known. So after such a cycle, and only then, the loop goes on at the least of these
//! times that still lies ahead; if there is none, nothing can move any more.

mod phases;
mod vc;
mod wave;

use super::{
    CoreCounts, Outcome, Packet, PacketCycles, StepCycles, TimeCounts, Traffic, other_chip,
};
use isa::chip::{ChipSpec, Sync};
use isa::image::{HOST, Image};
use std::collections::{BTreeMap, VecDeque};

/// Times the steps of one sample.
pub(super) fn time(chip: &ChipSpec, image: &Image, steps: &[Traffic], out: &mut Outcome) {
    match chip.sync {
        Sync::Barrier { wave, .. } => {
            let mut tiles: Vec<u32> = image
                .cores
                .iter()
                .map(|core| core.core.0 / chip.mesh.cores_per_tile)
                .collect();
            tiles.sort_unstable();
            tiles.dedup();
            let barrier = chip.barrier_cycles(tiles.len() as u32);
            for step in steps {
                let mut network = Mesh::new(chip, image, std::slice::from_ref(step), vec![0]);
                if wave {
                    network.wave = Some(wave::Markers::new(&network));
                }
                let end = network.run();
                let (neuron, ideal) = ideal(image, step);
                let mut barrier = barrier;
                if let Some(markers) = network.wave.take() {
                    barrier = network.release(&markers) - end;
                    let host = out.populations.last_mut();
                    host.expect("the host is the last").barrier_messages += markers.messages;
                }
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
            let mut network = Mesh::new(
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
            let packets = spike.packets.iter().flatten();
            packets.for_each(|&packet| stand(now, packet));
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

/// The flits of a packet of a step, given its targets there; the step's packets begin at `first`.
fn flits(packets: &[Packet], first: usize, targets: &[usize]) -> Vec<Flit> {
    let count = packets[targets[0]].flits;
    let flit = |n| Flit {
        packets: targets.iter().map(|target| first + target).collect(),
        head: n == 0,
        tail: n + 1 == count,
    };
    (0..count).map(flit).collect()
}

/// Who owns a credit.
#[derive(Clone, Copy)]
enum Home {
    /// Output of a router in a network, by index.
    Output(usize),
    /// Axon-out of a core (index in the image), by plane and network.
    Inject(usize, usize),
    /// Host link, by index.
    Host(usize),
}

/// A flit: the targets it is on its way to, and its place in its packet.
#[derive(Clone, Debug)]
struct Flit {
    packets: Vec<usize>,
    head: bool,
    tail: bool,
}

impl Flit {
    /// The one flit of a packet with one target.
    fn only(packet: usize) -> Flit {
        Flit {
            packets: vec![packet],
            head: true,
            tail: true,
        }
    }
}

/// A FIFO of flits with the cycle of each arrival.
type Fifo = VecDeque<(Flit, u64)>;

/// Where a flit is going.
#[derive(Clone, Copy)]
enum Place {
    /// Input FIFO of a router, by index.
    Input(usize),
    /// Receive queue of a core, by plane and network.
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
    /// Over the networks.
    pointer: usize,
    /// By network.
    networks: Vec<Network>,
}

/// An output as one virtual network sees it.
#[derive(Clone, Default)]
struct Network {
    /// Over the inputs.
    pointer: usize,
    credits: u32,
    /// The input whose packet has begun and not ended.
    holder: Option<usize>,
}

#[derive(Default)]
struct Unit {
    // Neuron unit: place in the steps and spikes, cycle at which the next spike is ready, end of the work done.
    step: usize,
    spike: usize,
    ready: Option<u64>,
    ended: u64,
    // Spike queue and axon-out: flits left in hand and when the next is ready.
    queue: VecDeque<Vec<Flit>>,
    hand: VecDeque<Flit>,
    hand_ready: u64,
    /// By plane and network.
    credits: Vec<u32>,
    // Synapse unit; queues by plane and network.
    receive: Vec<Fifo>,
    pointer: usize,
    busy: u64,
}

#[derive(Default)]
struct HostLink {
    queue: Fifo,
    free: u64,
    credits: u32,
}

struct Mesh<'a> {
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
    /// ((plane × tiles + tile) × inputs + input) × networks + network.
    inputs: Vec<Fifo>,
    /// (plane × tiles + tile) × outputs + output.
    outputs: Vec<Output>,
    /// port × planes + plane.
    host: Vec<HostLink>,
    flits: Vec<(u64, Flit, Place)>,
    credits: Vec<(u64, Home)>,
    counts: TimeCounts,
    stalls: Vec<u64>,
    link_waits: Vec<u64>,
    overruns: u64,
    full: [bool; 4],
    moved: bool,
    /// Routers `vc`, if the chip has them.
    vc: Option<vc::Routers>,
    /// Markers, if the barrier is one of messages.
    wave: Option<wave::Markers>,
}

impl<'a> Mesh<'a> {
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
        let networks = noc.network_count() as usize;
        let unit = |_| Unit {
            credits: vec![noc.inject_queue; planes * networks],
            receive: vec![Fifo::new(); planes * networks],
            ..Unit::default()
        };
        let output = |i: usize| Output {
            networks: vec![
                Network {
                    credits: if i % ports < 4 {
                        noc.input_fifo
                    } else {
                        noc.receive_queue
                    },
                    ..Network::default()
                };
                networks
            ],
            ..Output::default()
        };
        let mut network = Mesh {
            chip,
            steps,
            starts,
            times: packets.iter().map(|_| Times::default()).collect(),
            packets,
            first,
            cores: image.cores.iter().map(|core| core.core.0).collect(),
            units: image.cores.iter().map(unit).collect(),
            inputs: vec![Fifo::new(); planes * tiles * ports * networks],
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
            wave: None,
        };
        network.vc = vc::Routers::new(&network);
        for (s, step) in network.steps.iter().enumerate() {
            for (port, packets) in step.host.iter().enumerate() {
                for &packet in packets {
                    let link = port * planes + step.packets[packet].plane;
                    let (first, start) = (network.first[s], network.starts[s]);
                    for flit in flits(&step.packets, first, &[packet]) {
                        network.host[link].queue.push_back((flit, start));
                    }
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
            self.markers(now);
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
        let flits = self.flits.iter().map(|(due, ..)| *due);
        let credits = self.credits.iter().map(|&(due, _)| due);
        let units = self
            .units
            .iter()
            .flat_map(|unit| [unit.busy, unit.hand_ready, unit.ready.unwrap_or(0)]);
        let outputs = self.outputs.iter().map(|output| output.free);
        let host = self
            .host
            .iter()
            .flat_map(|link| [link.free, link.queue.front().map_or(0, |(_, ready)| *ready)]);
        flits
            .chain(credits)
            .chain(units)
            .chain(outputs)
            .chain(host)
            .chain(self.vc.iter().flat_map(|vc| vc.next_times(now)))
            .chain(self.wave.iter().flat_map(wave::Markers::times))
            .chain(self.units.iter().map(|unit| unit.ended))
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
