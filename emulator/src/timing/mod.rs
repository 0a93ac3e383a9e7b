//! Cycles: what a step's traffic costs on the three units and the network.
//!
//! Invariant: timing reads the traffic that function left and never changes it. Under a barrier each step is timed alone,
//! so any thread may take it; under a tick one timer takes all steps of a sample in order.

pub(crate) mod alone;
mod chain;
mod fifo;
mod log;
mod net;
mod shared;
mod units;
mod vc;
mod wave;
mod wheel;

use crate::api::{PacketTime, StepTime, TimeCounters};
use crate::machine::StepTraffic;
use crate::mutants::{self, Mutant};
use crate::program::Program;
use crate::trace::{Trace, TraceRequest, TracedPacket};
use crate::transport::{HostStep, Shares};
use chain::{Chain, Sender};
use fifo::FifoNetwork;
use isa::chip::{ChipSpec, Order, PacketKind, Sync};
use isa::image::{Dest, HOST};
use log::Detail;
use net::{Ends, FIRST, LAST, NIL, Network, Packet};
use shared::SharedNetwork;
use units::{TimedSpike, Units, Work};
use vc::VcNetwork;
use wave::Wave;

/// Results of the steps that one timer took in one sample.
#[derive(Default)]
pub(crate) struct Timed {
    /// (step from 0 = preload, time).
    pub(crate) steps: Vec<(u32, StepTime)>,
    pub(crate) counters: TimeCounters,
    pub(crate) link_wait: Vec<u64>,
    pub(crate) stall: Vec<u64>,
    pub(crate) packets: Vec<PacketTime>,
    pub(crate) late: u64,
    pub(crate) overruns: u64,
    /// Only of a traced sample.
    pub(crate) trace: Option<Trace>,
}

/// Times steps of a program, whatever its routers.
pub(crate) trait Timer<'p> {
    /// What was timed since the last call; under a tick, after the network has run empty. The next step begins a sample.
    fn take(&mut self) -> Timed;

    /// Traces the next sample, or does not; then only packets of traced steps are recorded.
    fn trace(&mut self, request: Option<&'p TraceRequest>);

    /// Times one step.
    fn step(&mut self, work: &StepWork<'_>);
}

pub(crate) type AnyTimer<'p> = Box<dyn Timer<'p> + 'p>;

/// A timer for the routers of the program's chip.
pub(crate) fn timer<'p>(
    program: &'p Program<'p>,
    shares: &'p Shares,
    record: bool,
) -> AnyTimer<'p> {
    if program.chip.noc.vc.is_some() {
        Box::new(StepTimer::<VcNetwork>::new(program, shares, record))
    } else if is_plain(program.chip) {
        Box::new(StepTimer::<FifoNetwork>::new(program, shares, record))
    } else {
        Box::new(StepTimer::<SharedNetwork>::new(program, shares, record))
    }
}

/// Whether links have one network of single flits with one target, along x first by order.
fn is_plain(chip: &ChipSpec) -> bool {
    let noc = &chip.noc;
    let along_x = [noc.order, noc.host_order] == [Order::Xy; 2];
    along_x
        && noc.routes.is_none()
        && noc.networks.is_empty()
        && noc.graded_flits == 1
        && !noc.multicast
}

/// Kinds of packets by index.
const KINDS: [PacketKind; 3] = [PacketKind::Spike, PacketKind::Graded, PacketKind::Host];

struct StepTimer<'p, N> {
    program: &'p Program<'p>,
    shares: &'p Shares,
    units: Units<N>,
    /// Cycle 0 of the step (barrier) or of the sample (tick).
    base: u64,
    /// Every packet's times are kept.
    record_all: bool,
    /// What is traced of the sample in hand.
    trace: Option<&'p TraceRequest>,
    /// First step left out of the trace.
    cut: Option<u32>,
    /// Packets of the step in hand are recorded.
    record: bool,
    traced: bool,
    /// Records before this one are relative to their own cycle 0.
    relative: usize,
    placed: u64,
    /// Where each core is: x, y, index of its output.
    homes: Vec<(i16, i16, u8)>,
    ports: Vec<(i16, i16, u8)>,
    /// Spikes of the step: ready, first of `sent`, packets.
    order: Vec<(u64, u32, u32)>,
    /// Packets of the step: target, service.
    sent: Vec<(u32, u64)>,
    ideal: Vec<u64>,
    service: Vec<u64>,
    /// Every packet has one flit and one target, and there is one network.
    single: bool,
    /// Virtual networks of a plane.
    networks: u8,
    /// By kind of packets.
    network_of: [u8; 3],
    y_first: [bool; 3],
    /// Places of the targets of the packet in hand.
    targets: Vec<u32>,
    /// The barrier's, if it is one of messages.
    wave: Option<Wave>,
    seen: Timed,
}

/// When a step's packets are sent.
#[derive(Clone, Copy)]
struct When {
    start: u64,
    /// Of the tick, if there is one.
    period: Option<u64>,
}

/// What the timer is given of one step.
pub(crate) struct StepWork<'w> {
    /// From 0 = preload.
    pub(crate) step: u32,
    /// By machine.
    pub(crate) traffic: &'w [&'w StepTraffic],
    pub(crate) host: HostStep<'w>,
}

impl<'p, N: Network> Timer<'p> for StepTimer<'p, N> {
    fn take(&mut self) -> Timed {
        self.units.run_empty();
        self.check();
        self.fresh();
        let mut seen = std::mem::take(&mut self.seen);
        let units = &mut self.units;
        seen.counters = std::mem::take(&mut units.counters);
        let waits = units.net.take_waits();
        seen.counters.router_wait = waits.router_wait;
        seen.counters.router_fifo_peak = waits.fifo_peak;
        seen.link_wait = waits.link_wait;
        seen.stall = units
            .cores
            .iter_mut()
            .map(|core| std::mem::take(&mut core.stall))
            .collect();
        seen.packets = std::mem::take(&mut units.records);
        seen.trace = self.take_trace(&seen.packets);
        let units = &mut self.units;
        self.relative = 0;
        seen.late = std::mem::take(&mut units.late);
        seen.overruns = std::mem::take(&mut units.overruns);
        seen
    }

    fn trace(&mut self, request: Option<&'p TraceRequest>) {
        self.trace = request;
        self.units.log.on = request.is_some();
    }

    fn step(&mut self, work: &StepWork<'_>) {
        self.look(work.step);
        let time = match self.program.chip.sync {
            Sync::Barrier { .. } => {
                self.fresh();
                let (neuron, ideal) = self.insert(
                    work,
                    When {
                        start: self.base,
                        period: None,
                    },
                );
                self.units.run_empty();
                self.check();
                let end = self.units.end - self.base;
                assert!(
                    end >= ideal || mutants::any(),
                    "step ends at {end}, before its ideal end {ideal}"
                );
                let sync = self.barrier(end);
                StepTime {
                    cycles: end + sync,
                    neuron,
                    synapse: ideal - neuron,
                    noc: end.saturating_sub(ideal),
                    sync,
                }
            }
            Sync::Tick { period } => {
                let start = self.base + u64::from(work.step) * period;
                self.units.run(start);
                let (neuron, ideal) = self.insert(
                    work,
                    When {
                        start,
                        period: Some(period),
                    },
                );
                let neuron = neuron.min(period);
                let synapse = ideal.min(period) - neuron;
                StepTime {
                    cycles: period,
                    neuron,
                    synapse,
                    noc: 0,
                    sync: period - neuron - synapse,
                }
            }
        };
        self.seen.steps.push((work.step, time));
    }
}

impl<'p, N: Network> StepTimer<'p, N> {
    fn new(program: &'p Program<'p>, shares: &'p Shares, record: bool) -> StepTimer<'p, N> {
        let chip = program.chip;
        let used: Vec<u32> = program.cores.iter().map(|c| c.program.core.0).collect();
        let place = |tile: u32, last: u32| {
            let (x, y) = chip.xy(tile);
            (x as i16, y as i16, last as u8)
        };
        let mut timer = StepTimer {
            units: Units::new(chip, &used, &program.trees),
            single: chip.noc.vc.is_some() || is_plain(chip),
            networks: chip.noc.network_count() as u8,
            network_of: KINDS.map(|kind| chip.noc.network(kind) as u8),
            y_first: KINDS.map(|kind| chip.noc.route_order(kind) == Order::Yx),
            targets: Vec::new(),
            wave: Wave::new(program),
            homes: program
                .cores
                .iter()
                .map(|c| {
                    place(
                        chip.tile_of(c.program.core.0),
                        4 + c.program.core.0 % chip.mesh.cores_per_tile,
                    )
                })
                .collect(),
            ports: chip
                .host_ports
                .iter()
                .map(|p| place(p.tile, u32::from(p.side)))
                .collect(),
            base: 0,
            relative: 0,
            placed: 0,
            order: Vec::new(),
            sent: Vec::new(),
            ideal: vec![0; program.cores.len()],
            service: Vec::new(),
            seen: Timed::default(),
            program,
            shares,
            record_all: record,
            trace: None,
            cut: None,
            record,
            traced: false,
        };
        timer.fresh();
        timer
    }

    /// Cycles of the barrier after a step that ended so many cycles after its start.
    fn barrier(&mut self, end: u64) -> u64 {
        if let Some(wave) = &mut self.wave {
            let release = wave.release(&mut self.units, self.base) - self.base;
            assert!(
                release >= end || mutants::any(),
                "released at {release}, before the end at {end}"
            );
            return release.saturating_sub(end);
        }
        let tiles = self.program.tiles_used
            - u32::from(mutants::is(Mutant::BarrierOneLess) && self.program.tiles_used > 1);
        self.program.chip.barrier_cycles(tiles)
    }

    /// All that was sent has arrived, and every credit is home.
    fn check(&mut self) {
        let missing = self.placed - self.units.finished;
        self.units.net.check_rest(missing);
    }

    /// A new cycle 0, late enough that nothing of the past shows.
    fn fresh(&mut self) {
        for record in &mut self.units.records[self.relative..] {
            for time in [&mut record.sent, &mut record.arrived, &mut record.served] {
                *time -= self.base;
            }
        }
        self.relative = self.units.records.len();
        self.units.log.shift(self.base);
        self.base = self.units.net.fresh(self.units.end.max(self.base));
        self.units.end = self.base;
        self.units.net.jump(self.base);
        self.units.reset();
    }

    fn take_trace(&mut self, times: &[PacketTime]) -> Option<Trace> {
        self.trace?;
        let log = std::mem::take(&mut self.units.log);
        let with_details = times.iter().zip(log.details);
        let mut packets: Vec<TracedPacket> = with_details
            .map(|(time, detail)| TracedPacket {
                time: *time,
                lane: (detail.lane != NIL).then_some(detail.lane),
                axon: detail.axon,
                plane: detail.plane,
                ready: detail.ready,
                begun: detail.begun,
                hops: Vec::new(),
            })
            .collect();
        for (record, hop) in log.hops {
            packets[record as usize].hops.push(hop);
        }
        let mut work = log.work;
        for stretch in &mut work {
            stretch.core = self.program.cores[stretch.core as usize].program.core.0;
        }
        Some(Trace {
            packets,
            work,
            cut: self.cut.take(),
        })
    }

    /// Decides whether a step is recorded. A timer's steps ascend, so one that has seen enough need not look at later ones.
    fn look(&mut self, step: u32) {
        self.traced = false;
        if let Some(request) = self.trace.filter(|trace| trace.steps.contains(&step)) {
            self.traced = self.cut.is_none() && self.units.log.events() <= request.events;
            if !self.traced && self.cut.is_none() {
                self.cut = Some(step);
            }
        }
        self.record = self.traced || (self.record_all && self.trace.is_none());
    }

    /// Puts a step's work before the units. Returns its N and I.
    fn insert(&mut self, work: &StepWork<'_>, when: When) -> (u64, u64) {
        let program = self.program;
        self.ideal.fill(0);
        self.order.clear();
        self.sent.clear();
        let mut streams: Vec<Vec<usize>> = Vec::new();
        if program.dynamic_service {
            streams = work
                .traffic
                .iter()
                .map(|t| vec![0; t.services.len()])
                .collect();
        }
        self.insert_host(work, when, &mut streams);
        let mut longest = 0;
        for (machine, traffic) in work.traffic.iter().enumerate() {
            let mut rest = traffic.spikes.as_slice();
            for (core, total) in self.shares.ranges[machine].clone().zip(&traffic.work) {
                let split = rest.partition_point(|s| s.core as usize <= core);
                let (spikes, later) = rest.split_at(split);
                rest = later;
                longest = longest.max(*total);
                if *total == 0 && spikes.is_empty() && when.period.is_none() {
                    continue;
                }
                let mut order: Vec<usize> = Vec::new();
                if program.dynamic_service {
                    self.dynamic_services(work, machine, core, spikes, &mut order, &mut streams);
                }
                let mut before = 0;
                let mut sequence = 0;
                for (index, spike) in spikes.iter().enumerate() {
                    let plan = &program.cores[core];
                    let lane = spike.lane as usize;
                    let dests = &plan.program.dests
                        [plan.dest_first[lane] as usize..plan.dest_first[lane + 1] as usize];
                    let from = self.sent.len() as u32;
                    let services = order.get(index).copied();
                    let chain = if self.single {
                        let mut chain = Chain::default();
                        let mut sender = Sender {
                            core: plan.program.core.0,
                            home: self.homes[core],
                            lane: spike.lane,
                            sequence,
                            kind: PacketKind::Spike,
                            flits: 1,
                        };
                        for (at, dest) in dests.iter().enumerate() {
                            let service = services.map(|from| self.service[from + at]);
                            let made = self.packet(work, when, dest, service, &sender);
                            self.sent.push((made.1.target, made.1.service));
                            let place = self.put(made, work.step, &sender, dest.axon);
                            chain.append(&mut self.units.net, place);
                            sender.sequence += 1;
                        }
                        sequence = sender.sequence;
                        chain
                    } else {
                        self.packets(work, when, core, spike.lane, services, &mut sequence)
                    };
                    self.order.push((spike.ready, from, dests.len() as u32));
                    let timed = TimedSpike {
                        at: spike.ready - before,
                        first: chain.first,
                        packets: chain.count,
                    };
                    self.units.add_spike(core as u32, timed);
                    before = spike.ready;
                }
                let counted = when.period.is_some() && work.step > 0;
                self.units.begin(
                    core as u32,
                    Work {
                        start: when.start,
                        spikes: spikes.len() as u32,
                        tail: total - before,
                        counted,
                        traced: if self.traced { work.step } else { NIL },
                    },
                );
            }
        }
        // Ideal network: packets stand before the synapse unit when their spike is finished.
        self.order.sort_unstable();
        let mut last = self.ideal.iter().copied().max().unwrap_or(0);
        for (ready, first, packets) in &self.order {
            for (target, service) in &self.sent[*first as usize..][..*packets as usize] {
                if target & HOST == 0 {
                    let end = &mut self.ideal[*target as usize];
                    *end = (*end).max(*ready) + service;
                    last = last.max(*end);
                }
            }
        }
        (longest, last.max(longest))
    }

    fn insert_host(&mut self, work: &StepWork<'_>, when: When, streams: &mut [Vec<usize>]) {
        let program = self.program;
        let planes = program.chip.mesh.planes as usize;
        let mut sequences = vec![0; self.ports.len()];
        work.host.each(program, |port, dest, payload| {
            let service = program
                .target(dest.target)
                .filter(|_| program.dynamic_service)
                .map(|target| {
                    let owner = self.shares.owner[target] as usize;
                    let from = work.traffic.len();
                    let at = &mut streams[owner][from];
                    *at += 1;
                    work.traffic[owner].services[from][*at - 1]
                });
            let sender = Sender {
                core: HOST | port as u32,
                home: self.ports[port],
                lane: NIL,
                sequence: sequences[port],
                kind: PacketKind::Host,
                flits: program.chip.noc.flits(payload.is_some()),
            };
            let made = self.packet(work, when, dest, service, &sender);
            let (target, service) = (made.1.target, made.1.service);
            let mut chain = Chain::default();
            self.flits(made, work.step, &sender, dest.axon, |net, flit| {
                chain.append(net, flit);
            });
            let link = port * planes + usize::from(self.units.plane(sequences[port]));
            sequences[port] += 1;
            let mut flit = chain.first;
            for _ in 0..chain.count {
                let next = self.units.net.packet(flit).next;
                self.units.add_host(link, flit, when.start);
                flit = next;
            }
            self.ideal[target as usize] += service;
        });
    }

    /// Finds the services of a core's packets, which receivers list in canonical order; `order` gets the first of each spike.
    fn dynamic_services(
        &mut self,
        work: &StepWork<'_>,
        machine: usize,
        core: usize,
        spikes: &[crate::pass::Spike],
        order: &mut Vec<usize>,
        streams: &mut [Vec<usize>],
    ) {
        let plan = &self.program.cores[core];
        let mut by_lane: Vec<usize> = (0..spikes.len()).collect();
        by_lane.sort_by_key(|index| spikes[*index].lane);
        order.resize(spikes.len(), 0);
        self.service.clear();
        for index in by_lane {
            order[index] = self.service.len();
            let lane = spikes[index].lane as usize;
            for dest in &plan.program.dests
                [plan.dest_first[lane] as usize..plan.dest_first[lane + 1] as usize]
            {
                let service = self.program.target(dest.target).map_or(0, |target| {
                    let owner = self.shares.owner[target] as usize;
                    let at = &mut streams[owner][machine];
                    *at += 1;
                    work.traffic[owner].services[machine][*at - 1]
                });
                self.service.push(service);
            }
        }
    }

    #[inline]
    fn packet(
        &self,
        work: &StepWork<'_>,
        when: When,
        dest: &Dest,
        service: Option<u64>,
        sender: &Sender,
    ) -> (Packet, Ends) {
        let program = self.program;
        let (to, target, service, delay) = match program.target(dest.target) {
            None => (
                self.ports[(dest.target & !HOST) as usize],
                dest.target,
                0,
                0,
            ),
            Some(core) => {
                let plan = &program.cores[core];
                let axon = dest.axon as usize;
                let delay = if program.axon_bits {
                    dest.delay
                } else {
                    plan.axon_delay[axon]
                };
                let service = service.unwrap_or(plan.service[axon]);
                let free = mutants::is(Mutant::ZeroServiceFree) && plan.synapses_of(axon) == 0;
                (
                    self.homes[core],
                    core as u32,
                    if free { 1 } else { service },
                    delay,
                )
            }
        };
        let deadline = when.period.map_or(u64::MAX, |period| {
            self.base + (u64::from(work.step) + 1 + u64::from(delay)) * period
        });
        let packet = Packet {
            arrived: when.start,
            next: NIL,
            dx: to.0 - sender.home.0,
            dy: to.1 - sender.home.1,
        };
        let kind = sender.kind as usize;
        let ends = Ends {
            service,
            deadline,
            target,
            record: NIL,
            last: to.2,
            layer: self.units.plane(sender.sequence) * self.networks + self.network_of[kind],
            part: FIRST | LAST,
            y_first: self.y_first[kind],
        };
        (packet, ends)
    }

    /// Puts a packet of one flit down; its place.
    #[inline]
    fn put(
        &mut self,
        (packet, mut ends): (Packet, Ends),
        step: u32,
        sender: &Sender,
        axon: u32,
    ) -> u32 {
        if self.record {
            ends.record = self.new_record(&ends, step, sender, axon);
        }
        self.placed += 1;
        self.units.net.place(packet, ends)
    }

    /// A record for the times of a packet.
    fn new_record(&mut self, ends: &Ends, step: u32, sender: &Sender, axon: u32) -> u32 {
        if self.traced {
            self.units.log.details.push(Detail {
                lane: sender.lane,
                axon,
                plane: ends.layer / self.networks,
                ready: 0,
                begun: 0,
            });
        }
        let target = if ends.target & HOST != 0 {
            ends.target
        } else {
            self.program.cores[ends.target as usize].program.core.0
        };
        self.units.records.push(PacketTime {
            step,
            source: sender.core,
            sequence: sender.sequence,
            target,
            sent: 0,
            arrived: 0,
            served: 0,
        });
        self.units.records.len() as u32 - 1
    }
}
