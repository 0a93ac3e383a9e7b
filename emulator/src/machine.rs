//! Stepping: `update` the cores, `exchange` the outboxes, `deliver` what arrived.
//!
//! Invariant: a machine holds consecutive cores of the image and touches no other; packets between machines pass
//! through a [`Transport`] only, in canonical order (source core, lane, destination), so that the cut does not show.

use crate::api::Counters;
use crate::debug::BrokeOnSpike;
use crate::mutants::{self, Mutant};
use crate::on_spike::{Arrival, Bundles, Unit, count_operations, touch};
use crate::pass::{Pass, Spike};
use crate::program::Program;
use crate::state::CoreState;
use crate::transport::{HostStep, Packet, Shares, Transport};
use crate::update::{GroupStep, Lanes};
use isa::image::HOST;
use std::ops::Range;

/// Packets whose synapses are brought near together.
const BLOCK: usize = 32;

/// What the timing of a step needs to know from one machine.
#[derive(Default)]
pub(crate) struct StepTraffic {
    /// Spikes with destinations, per core in the order in which they leave the neuron unit.
    pub(crate) spikes: Vec<Spike>,
    /// Unstalled neuron-unit cycles of each core of the machine.
    pub(crate) work: Vec<u64>,
    /// Service cycles of the packets received, by sending machine (the last: the host), in canonical order; only if they depend on the packet.
    pub(crate) services: Vec<Vec<u64>>,
}

/// What a machine saw in one sample.
#[derive(Default)]
pub(crate) struct Seen {
    /// By population, then the host.
    pub(crate) counters: Vec<Counters>,
    /// Spikes of each lane of the machine's cores.
    pub(crate) lane_spikes: Vec<u32>,
    /// `axon_bits`: ticks in which each axon of the machine's cores was set.
    pub(crate) axon_ticks: Vec<u32>,
    pub(crate) neuron_cycles: Vec<u64>,
    /// Service cycles of cores whose packets differ.
    pub(crate) synapse_cycles: Vec<u64>,
    /// By population: spikes of the steps that count for readout.
    pub(crate) counted: Vec<u64>,
    pub(crate) spikes: Vec<(u32, u32)>,
    pub(crate) outputs: Vec<(u32, u32, i32)>,
    /// Step-major values of the machine's probed lanes.
    pub(crate) probed: Vec<i32>,
}

/// A probed lane: where its value goes, and where it is.
struct ProbedLane {
    core: usize,
    group: usize,
    slot: usize,
    lane: usize,
}

/// Consecutive cores and their state.
pub(crate) struct Machine<'p> {
    program: &'p Program<'p>,
    shares: &'p Shares,
    me: usize,
    first: usize,
    states: Vec<CoreState>,
    lane_first: Vec<usize>,
    axon_first: Vec<usize>,
    probes: Vec<ProbedLane>,
    lanes: Lanes,
    bundles: Bundles,
    operations: Vec<u32>,
    fresh: Vec<Spike>,
    outbox: Vec<Vec<Packet>>,
    inbox: Vec<Vec<Packet>>,
    seed: u64,
    /// Updates since the last reset.
    steps: u64,
    record_spikes: bool,
    pub(crate) seen: Seen,
    /// Cores whose state a debugger wants as it is before their lanes are updated; else empty.
    pub(crate) watched: Vec<usize>,
    /// These states, of the last update.
    pub(crate) saved: Vec<(usize, CoreState)>,
}

/// Place of each probed value: (probe, index in it), for the cores of one machine, in the machine's order.
pub(crate) fn probe_places(
    program: &Program<'_>,
    cores: &Range<usize>,
) -> Vec<(usize, usize, [usize; 4])> {
    let mut places = Vec::new();
    if program.image.probes.is_empty() {
        return places;
    }
    let mut at = std::collections::BTreeMap::new();
    for core in cores.clone() {
        for (lane, id) in program.cores[core].program.lane_ids.iter().enumerate() {
            at.insert(id.0, (core, lane));
        }
    }
    for (probe, record) in program.image.probes.iter().enumerate() {
        for (index, id) in record.neurons.iter().enumerate() {
            let Some((core, lane)) = at.get(&id.0).copied() else {
                continue;
            };
            let plan = &program.cores[core];
            let group = plan
                .groups
                .partition_point(|g| g.first + g.lanes <= lane as u32);
            let slots = &plan.program.groups[group].slots;
            let slot = slots
                .iter()
                .position(|s| s.name == record.slot)
                .expect("the verifier knows the slot of every probe");
            places.push((
                probe,
                index,
                [core, group, slot, lane - plan.groups[group].first as usize],
            ));
        }
    }
    places
}

impl<'p> Machine<'p> {
    /// The cores of share `me`, in their initial state.
    pub(crate) fn new(
        program: &'p Program<'p>,
        shares: &'p Shares,
        me: usize,
        seed: u64,
        record_spikes: bool,
    ) -> Machine<'p> {
        let range = shares.ranges[me].clone();
        let plans = &program.cores[range.clone()];
        let machines = shares.ranges.len();
        let sums = |each: &dyn Fn(usize) -> usize| {
            let mut sum = 0;
            let mut all = vec![0];
            all.extend((0..plans.len()).map(|i| {
                sum += each(i);
                sum
            }));
            all
        };
        let mut machine = Machine {
            states: plans
                .iter()
                .map(|plan| CoreState::new(plan, program.axon_bits))
                .collect(),
            lane_first: sums(&|i| plans[i].lane_population.len()),
            axon_first: sums(&|i| {
                if program.axon_bits {
                    plans[i].program.axons.len()
                } else {
                    0
                }
            }),
            probes: probe_places(program, &range)
                .into_iter()
                .map(|(_, _, [core, group, slot, lane])| ProbedLane {
                    core: core - range.start,
                    group,
                    slot,
                    lane,
                })
                .collect(),
            lanes: Lanes::new(program.strip, program.level),
            bundles: Bundles::default(),
            operations: Vec::new(),
            fresh: Vec::new(),
            outbox: vec![Vec::new(); machines],
            inbox: vec![Vec::new(); machines],
            first: range.start,
            steps: 0,
            seen: Seen::default(),
            watched: Vec::new(),
            saved: Vec::new(),
            program,
            shares,
            me,
            seed,
            record_spikes,
        };
        machine.begin();
        machine
    }

    /// Back to the initial state.
    pub(crate) fn reset(&mut self) {
        for (state, plan) in self
            .states
            .iter_mut()
            .zip(&self.program.cores[self.first..])
        {
            state.reset(plan);
        }
        self.steps = 0;
    }

    /// Begins a sample: empties what was seen.
    fn begin(&mut self) {
        let cores = self.states.len();
        self.seen = Seen {
            counters: vec![Counters::default(); self.program.image.populations.len() + 1],
            counted: vec![0; self.program.image.populations.len()],
            lane_spikes: vec![0; self.lane_first[cores]],
            axon_ticks: vec![0; self.axon_first[cores]],
            neuron_cycles: vec![0; cores],
            synapse_cycles: vec![0; cores],
            ..Seen::default()
        };
    }

    /// The state of a core.
    pub(crate) fn state(&self, core: usize) -> &CoreState {
        &self.states[core]
    }

    /// Updates since the last reset.
    pub(crate) fn updates(&self) -> u64 {
        self.steps
    }

    /// The first `brk` of an `on_spike` since the last call.
    pub(crate) fn take_broke(&mut self) -> Option<BrokeOnSpike> {
        self.bundles.broke.take()
    }

    /// What was seen since the last call.
    pub(crate) fn take_seen(&mut self) -> Seen {
        let seen = std::mem::take(&mut self.seen);
        self.begin();
        seen
    }

    /// Canonical bytes of its cores, and the steps since the last reset.
    pub(crate) fn serialise(&self) -> (Vec<u8>, u64) {
        let mut bytes = Vec::new();
        for (state, plan) in self.states.iter().zip(&self.program.cores[self.first..]) {
            state.serialise(plan, self.program.axon_bits, &mut bytes);
        }
        (bytes, self.steps)
    }

    /// Steps 1 and 2: integrates and updates every core; spikes of step `t` go to the outboxes. The preload step (`None`) updates nothing.
    pub(crate) fn update(
        &mut self,
        t: Option<u32>,
        presented: u32,
        mut traffic: Option<&mut StepTraffic>,
    ) {
        self.outbox.iter_mut().for_each(Vec::clear);
        if let Some(traffic) = traffic.as_deref_mut() {
            traffic.spikes.clear();
            traffic.work.clear();
        }
        for core in 0..self.states.len() {
            let mut time = 0;
            self.fresh.clear();
            if let Some(t) = t {
                self.update_core(core, &mut time);
                self.seen.neuron_cycles[core] += time;
                self.send(core, t, presented);
            }
            if let Some(traffic) = traffic.as_deref_mut() {
                traffic.work.push(time);
                let dests = &self.program.cores[self.first + core].dest_first;
                let from = traffic.spikes.len();
                traffic.spikes.extend(
                    self.fresh
                        .iter()
                        .filter(|s| dests[s.lane as usize] < dests[s.lane as usize + 1]),
                );
                let own = &mut traffic.spikes[from..];
                if !own.is_sorted_by_key(|s| s.ready) {
                    own.sort_by_key(|s| s.ready);
                }
            }
        }
        if t.is_some() {
            self.steps += 1;
            for probe in &self.probes {
                self.seen
                    .probed
                    .push(self.states[probe.core].slots[probe.group][probe.slot][probe.lane]);
            }
        }
    }

    fn update_core(&mut self, core: usize, time: &mut u64) {
        let program = self.program;
        let (plan, state) = (&program.cores[self.first + core], &mut self.states[core]);
        let pass = program.chip.time.neuron_pass;
        let counting = program.axon_bits && pass[2] != 0;
        if program.axon_bits {
            *time += pass[3];
            if counting {
                self.operations.clear();
                self.operations.resize(plan.lane_population.len(), 0);
            }
            let words = plan.words();
            let arrival = Arrival {
                payload: 1,
                seed: self.seed,
                step: self.steps as u32,
                slot: 0,
                ring: 1,
            };
            for word in 0..words {
                let mut rest = std::mem::take(&mut state.bits[state.head * words + word]);
                while rest != 0 {
                    let axon = word * 64 + rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    let mut unit = Unit {
                        plan,
                        chip: program.chip,
                        state,
                        counters: &mut self.seen.counters,
                        bundles: &mut self.bundles,
                    };
                    unit.run(axon, arrival);
                    if counting {
                        count_operations(plan, axon, &mut self.operations);
                    }
                    self.seen.axon_ticks[self.axon_first[core] + axon] += 1;
                }
            }
        }
        if self.watched.contains(&core) {
            self.saved.push((core, state.clone()));
        }
        let slot = if program.axon_bits { 0 } else { state.head };
        let base = if program.axon_bits {
            plan.program.axons.len() as u64 * pass[0] + pass[1]
        } else {
            0
        };
        let groups = plan.groups.len();
        let sums = &mut state.accumulators[slot * plan.stride..(slot + 1) * plan.stride];
        let touched = &mut state.touched[slot * groups..(slot + 1) * groups];
        for (index, group) in plan.groups.iter().enumerate() {
            let record = &plan.program.groups[index];
            let lanes = group.first as usize..(group.first + group.lanes) as usize;
            let count = usize::from(record.receptors) * group.lanes as usize;
            let own = &mut sums[group.accumulators..group.accumulators + count];
            let spikes_before = self.fresh.len();
            let mut step = GroupStep {
                core: (self.first + core) as u32,
                plan: group,
                group: record,
                slots: &mut state.slots[index],
                sums: own,
                touched: touched[index],
                ids: &plan.program.lane_ids[lanes.clone()],
                seed: self.seed,
                step: self.steps as u32,
                price: &program.chip.time.update,
                lanes_per_bundle: program.chip.lanes_per_bundle as usize,
                pass: if counting {
                    Pass::Each(base, pass[2], &self.operations[lanes])
                } else {
                    Pass::Same(base)
                },
            };
            self.lanes
                .update(&mut step, time, &mut self.fresh, &mut self.seen.counters);
            let kept = mutants::is(Mutant::SlotKept) && self.fresh.len() == spikes_before;
            if touched[index] && !kept {
                own.fill(0);
                touched[index] = false;
            }
        }
        state.head = if state.head + 1 == plan.ring {
            0
        } else {
            state.head + 1
        };
    }

    /// Turns a core's spikes into packets, outputs and records.
    fn send(&mut self, core: usize, t: u32, presented: u32) {
        let program = self.program;
        let plan = &program.cores[self.first + core];
        for spike in &self.fresh {
            let lane = spike.lane as usize;
            self.seen.lane_spikes[self.lane_first[core] + lane] += 1;
            let population = plan.lane_population[lane];
            let depth = program.image.populations[population as usize].depth;
            self.seen.counted[population as usize] +=
                u64::from(t >= depth && t - depth < presented);
            if self.record_spikes {
                self.seen.spikes.push((t, plan.program.lane_ids[lane].0));
            }
            for dest in &plan.program.dests
                [plan.dest_first[lane] as usize..plan.dest_first[lane + 1] as usize]
            {
                if dest.target & HOST != 0 {
                    self.seen.outputs.push((t, dest.axon, spike.payload));
                    continue;
                }
                let target = program.core_index[dest.target as usize];
                self.outbox[self.shares.owner[target as usize] as usize].push(Packet {
                    core: target,
                    axon: dest.axon,
                    payload: spike.payload,
                    delay: dest.delay,
                    population,
                });
            }
        }
    }

    /// Step 3, first half: hands over the outboxes and takes what is for these cores; calls `help` while it waits for others.
    pub(crate) fn exchange(&mut self, transport: &dyn Transport, help: &mut dyn FnMut() -> bool) {
        transport.exchange(self.me, &mut self.outbox, &mut self.inbox, help);
    }

    /// Step 3, second half: runs what arrived, the host's packets first.
    pub(crate) fn deliver(&mut self, host: HostStep<'_>, mut traffic: Option<&mut StepTraffic>) {
        let machines = self.inbox.len();
        let dynamic = self.program.dynamic_service;
        if let Some(traffic) = traffic.as_deref_mut() {
            traffic.services.resize(machines + 1, Vec::new());
            traffic.services.iter_mut().for_each(Vec::clear);
        }
        let mut services = Vec::new();
        let population = self.program.image.populations.len() as u32;
        let mine = self.first as u32..(self.first + self.states.len()) as u32;
        host.each(self.program, |_, dest, payload| {
            let core = self.program.core_index[dest.target as usize];
            if mine.contains(&core) {
                let packet = Packet {
                    core,
                    axon: dest.axon,
                    payload: payload.unwrap_or(1),
                    delay: dest.delay,
                    population,
                };
                let service = self.receive(&packet);
                if dynamic {
                    services.push(service);
                }
            }
        });
        if let Some(traffic) = traffic.as_deref_mut() {
            std::mem::swap(&mut traffic.services[machines], &mut services);
        }
        for from in 0..machines {
            let packets = std::mem::take(&mut self.inbox[from]);
            services.clear();
            for block in packets.chunks(BLOCK) {
                if !self.program.axon_bits {
                    let cores = &self.program.cores;
                    let ahead = block.iter().fold(0, |all, packet| {
                        all ^ touch(&cores[packet.core as usize], packet.axon as usize)
                    });
                    std::hint::black_box(ahead);
                }
                for packet in block {
                    let service = self.receive(packet);
                    if dynamic {
                        services.push(service);
                    }
                }
            }
            self.inbox[from] = packets;
            if let Some(traffic) = traffic.as_deref_mut() {
                std::mem::swap(&mut traffic.services[from], &mut services);
            }
        }
    }

    /// One packet; its service cycles when they depend on the packet.
    #[inline]
    fn receive(&mut self, packet: &Packet) -> u64 {
        let program = self.program;
        let local = packet.core as usize - self.first;
        let (plan, state) = (
            &program.cores[packet.core as usize],
            &mut self.states[local],
        );
        let axon = packet.axon as usize;
        if program.axon_bits {
            let delay = usize::from(packet.delay)
                + usize::from(mutants::is(Mutant::DelayLate) && packet.delay > 0);
            let slot = (state.head + delay) % plan.ring;
            let word = &mut state.bits[slot * plan.words() + axon / 64];
            let bit = 1 << (axon % 64);
            if *word & bit != 0 && !mutants::is(Mutant::MergeUncounted) {
                self.seen.counters[packet.population as usize].axon_merges += 1;
            }
            *word |= bit;
            return plan.service[axon];
        }
        let arrival = Arrival {
            payload: packet.payload,
            seed: self.seed,
            step: self.steps.wrapping_sub(1) as u32,
            slot: state.head,
            ring: plan.ring,
        };
        let mut unit = Unit {
            plan,
            chip: program.chip,
            state,
            counters: &mut self.seen.counters,
            bundles: &mut self.bundles,
        };
        let extra = unit.run(axon, arrival);
        if plan.dynamic {
            let service = (plan.service[axon] + extra).max(1);
            self.seen.synapse_cycles[local] += service;
            return service;
        }
        plan.service[axon]
    }
}
