//! The second emulator: short, literal, slow. It follows `specs/timestep.md`, `core.md` and `noc.md` line by line and
//! exists to be compared with the fast engine.
//!
//! Invariant: it imports nothing but `isa` and `std` (a test reads the `use` lines), so an agreement between the two is
//! an agreement about the specs. All numbers come from the image and the chip file. It trusts its input: an image that
//! passed `isa::verify`, input elements and values that exist.

mod core;
mod cycles;
mod handler;

use self::core::{Core, Run};

use isa::chip::{ChipSpec, Delivery, OnSpikeTime, UpdateTime};
use isa::image::{Axon, Dest, HOST, Image, Reduce};
use isa::op::Class;
use std::collections::{BTreeMap, BTreeSet};

/// One sample: for each step the `(element, value)` pairs, ascending by element.
pub type Sample = Vec<Vec<(u32, i32)>>;

/// What happens between samples, seed, and steps appended to each.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Seed of every random draw.
    pub seed: u64,
    /// Each sample starts from the image's initial state.
    pub reset: bool,
    /// Steps without input after each sample, drain and blank together.
    pub extra_steps: u32,
}

/// A set of named counts.
macro_rules! counts {
    ($(#[$m:meta])* $name:ident: $($field:ident)*) => {
        $(#[$m])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs)] // the names are those of `specs/energy.md` and of the reports
        pub struct $name { $(pub $field: u64),* }
        impl $name {
            /// Names and values.
            pub fn entries(&self) -> Vec<(&'static str, u64)> { vec![$((stringify!($field), self.$field)),*] }
        }
    };
}
counts!(
    /// Functional events of one population.
    Counts: neuron_updates neuron_updates_active neuron_updates_inactive spikes synaptic_ops packets packets_local
    packets_host_in packets_host_out hops_east hops_west hops_north hops_south tile_deliveries axon_merges random_draws
    update_alu update_mul update_mem update_ctl update_send update_rng
    on_spike_alu on_spike_mul on_spike_mem on_spike_ctl on_spike_rng
);
counts!(
    /// What contention changes.
    TimeCounts: neuron_stall axon_out_stall router_wait synapse_wait host_wait spike_queue_peak router_fifo_peak
    receive_queue_peak
);

/// Cycles of one step and their parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct StepCycles {
    pub cycles: u64,
    pub neuron: u64,
    pub synapse: u64,
    pub noc: u64,
    pub sync: u64,
}

/// Per core of the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CoreCounts {
    pub neuron_cycles: u64,
    pub synapse_cycles: u64,
    pub stall_cycles: u64,
    pub spikes: u64,
    pub synaptic_ops: u64,
    pub packets_in: u64,
    pub packets_out: u64,
}

/// Times of one packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct PacketCycles {
    pub step: u32,
    pub source: u32,
    pub sequence: u32,
    pub target: u32,
    pub sent: u64,
    pub arrived: u64,
    pub served: u64,
}

/// All that changes on a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreWords {
    /// State words: group, slot, lane.
    pub state: Vec<Vec<Vec<i32>>>,
    /// Accumulators that hold something: (slot step, core lane, receptor) → sum. Steps count from the last reset.
    pub accumulators: BTreeMap<(i64, usize, usize), i64>,
    /// Axon bits that are set: (slot step, axon).
    pub axon_bits: BTreeSet<(i64, u32)>,
}

/// What the run came upon; tests ask whether they have seen enough.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Queues that stood full after phase 4 of some cycle: spike queue, injection FIFO, link FIFO, receive queue.
    pub full: [bool; 4],
    /// Delays with which something was delivered.
    pub delays: BTreeSet<u64>,
    /// Planes that packets took.
    pub planes: BTreeSet<usize>,
}

/// What one sample gave.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct Outcome {
    /// One entry per population, then the host.
    pub populations: Vec<Counts>,
    pub time: TimeCounts,
    /// Preload step first.
    pub steps: Vec<StepCycles>,
    pub cores: Vec<CoreCounts>,
    /// Packets over link `tile × 4 + direction`, and the cycles they waited for it.
    pub links: Vec<(u64, u64)>,
    /// (step, logical id)
    pub spikes: Vec<(u32, u32)>,
    /// (step, output element, payload)
    pub outputs: Vec<(u32, u32, i32)>,
    /// Step-major values of each probe.
    pub probes: Vec<Vec<i32>>,
    /// Sorted.
    pub packets: Vec<PacketCycles>,
    pub late: u64,
    pub overruns: u64,
    /// State at the end of the sample, and the number of steps since the last reset.
    pub words: Vec<CoreWords>,
    pub steps_since_reset: i64,
    pub seen: Seen,
}

/// What a packet is to the timing.
#[derive(Clone, Debug)]
struct Packet {
    /// Step counted from the preload step 0.
    step: u32,
    /// Core or `HOST | port`.
    source: u32,
    sequence: u32,
    target: u32,
    plane: usize,
    /// Cycles of the synapse unit; 0 for packets to the host.
    service: u64,
    /// Steps after the transport step that it may take.
    delay: u64,
}

/// A spike with destinations, as the neuron unit sends it.
struct Spike {
    gap: u64,
    packets: Vec<usize>,
}

/// The neuron unit's work of one step on one core.
#[derive(Default)]
struct Work {
    spikes: Vec<Spike>,
    tail: u64,
}

/// What function hands to timing: one step.
#[derive(Default)]
struct Traffic {
    packets: Vec<Packet>,
    /// Per core of the image; empty in the preload step.
    work: Vec<Work>,
    /// Per host port the packets it sends, in order.
    host: Vec<Vec<usize>>,
}

/// A lane that executed `spk` or `spkg`.
struct Fired {
    lane: usize,
    /// Unstalled neuron-unit cycles from the start of the step.
    ready: u64,
    payload: i32,
}

/// Runs the samples one after the other.
pub fn run(image: &Image, chip: &ChipSpec, samples: &[Sample], setup: &Setup) -> Vec<Outcome> {
    let mut machine = Machine::new(image, chip, setup);
    let mut outcomes = Vec::new();
    for sample in samples {
        if setup.reset {
            machine = Machine::new(image, chip, setup);
        }
        outcomes.push(machine.sample(sample));
    }
    outcomes
}

struct Machine<'a> {
    image: &'a Image,
    chip: &'a ChipSpec,
    setup: &'a Setup,
    cores: Vec<Core<'a>>,
    /// Number of the step since the last reset; −1 in the preload step after it.
    g: i64,
    out: Outcome,
}

impl<'a> Machine<'a> {
    fn new(image: &'a Image, chip: &'a ChipSpec, setup: &'a Setup) -> Self {
        let cores = image
            .cores
            .iter()
            .map(|program| Core::new(image, program))
            .collect();
        Machine {
            image,
            chip,
            setup,
            cores,
            g: -1,
            out: Outcome::default(),
        }
    }

    fn sample(&mut self, sample: &Sample) -> Outcome {
        let tiles = (self.chip.mesh.width * self.chip.mesh.height) as usize;
        self.out = Outcome {
            populations: vec![Counts::default(); self.image.populations.len() + 1],
            cores: vec![CoreCounts::default(); self.cores.len()],
            links: vec![(0, 0); tiles * 4],
            probes: vec![Vec::new(); self.image.probes.len()],
            ..Outcome::default()
        };
        let steps = sample.len() as i64 + i64::from(self.setup.extra_steps);
        let mut traffic = Vec::new();
        // The preload step, then step 0, 1, …
        for t in -1..steps {
            let mut step = Traffic {
                host: vec![Vec::new(); self.chip.host_ports.len()],
                ..Traffic::default()
            };
            let mut fired = Vec::new();
            if t >= 0 {
                self.g += 1;
                let ops = self.integrate();
                fired = self.update(t as u32, &ops, &mut step);
            }
            let input = sample.get((t + 1) as usize).map_or(&[][..], Vec::as_slice);
            self.host_sends((t + 1) as u32, input, &mut step);
            self.cores_send((t + 1) as u32, &fired, &mut step);
            traffic.push(step);
        }
        cycles::time(self.chip, self.image, &traffic, &mut self.out);
        self.out.words = self.cores.iter().map(|core| core.words.clone()).collect();
        self.out.steps_since_reset = self.g + 1;
        std::mem::take(&mut self.out)
    }

    /// 1. Integrate: `on_spike` over the synapses of the set axons. Returns the synaptic operations of each lane.
    fn integrate(&mut self) -> Vec<Vec<u64>> {
        let mut ops: Vec<Vec<u64>> = self
            .cores
            .iter()
            .map(|core| vec![0; core.population.len()])
            .collect();
        for c in 0..self.cores.len() {
            let set: Vec<u32> = self.cores[c]
                .words
                .axon_bits
                .range((self.g, 0)..(self.g + 1, 0))
                .map(|&(_, axon)| axon)
                .collect();
            for axon in set {
                self.cores[c].words.axon_bits.remove(&(self.g, axon));
                self.on_spike(c, axon, 1);
                for synapse in self.cores[c].synapses(axon) {
                    ops[c][synapse.lane] += 1;
                }
            }
        }
        ops
    }

    /// 2. Update every lane, clear the slot, read the probes. Returns the lanes that fired, by core, in lane order.
    fn update(&mut self, t: u32, ops: &[Vec<u64>], step: &mut Traffic) -> Vec<Vec<Fired>> {
        let mut all = Vec::new();
        for c in 0..self.cores.len() {
            let (fired, cycles) = self.update_core(c, &ops[c]);
            step.work.push(Work {
                spikes: Vec::new(),
                tail: cycles,
            });
            self.out.cores[c].neuron_cycles += cycles;
            for spike in &fired {
                let id = self.cores[c].program.lane_ids[spike.lane].0;
                self.out.populations[self.cores[c].population[spike.lane]].spikes += 1;
                self.out.cores[c].spikes += 1;
                self.out.spikes.push((t, id));
            }
            let slot = self.g;
            self.cores[c]
                .words
                .accumulators
                .retain(|&(at, _, _), _| at != slot);
            all.push(fired);
        }
        for (p, probe) in self.image.probes.iter().enumerate() {
            for neuron in &probe.neurons {
                let place = self.cores.iter().find_map(|core| {
                    let lane = core.program.lane_ids.iter().position(|id| id == neuron)?;
                    let (group, in_group) = core.group_of(lane);
                    let slot = core.program.groups[group]
                        .slots
                        .iter()
                        .position(|slot| slot.name == probe.slot)?;
                    Some(core.words.state[group][slot][in_group])
                });
                self.out.probes[p]
                    .push(place.expect("the verifier found every probed neuron and its slot"));
            }
        }
        all
    }

    /// The neuron unit of one core: groups in order, bundles of lanes. Returns fired lanes and unstalled cycles.
    fn update_core(&mut self, c: usize, ops: &[u64]) -> (Vec<Fired>, u64) {
        let (chip, seed, g) = (self.chip, self.setup.seed, self.g);
        let core = &mut self.cores[c];
        let [per_axon, per_neuron, per_op, per_step] = chip.time.neuron_pass;
        let mut fired = Vec::new();
        let mut now = per_step;
        let mut first = 0;
        for (group_index, group) in core.program.groups.iter().enumerate() {
            let lanes = group.lanes as usize;
            let code = &core.update[group_index];
            if !code.is_empty() {
                if let UpdateTime::Instruction(times) = &chip.time.update {
                    now += times.fill;
                }
                let lane_numbers: Vec<usize> = (0..lanes).collect();
                for bundle in lane_numbers.chunks(chip.lanes_per_bundle as usize) {
                    let mut stood = BTreeSet::new();
                    let mut slowest = 0;
                    let mut sent = Vec::new();
                    for &in_group in bundle {
                        let lane = first + in_group;
                        now += core.program.axons.len() as u64 * per_axon
                            + per_neuron
                            + per_op * ops[lane];
                        let id = core.program.lane_ids[lane].0;
                        let walk = handler::walk(
                            code,
                            group,
                            &mut core.words.state[group_index],
                            &handler::Site {
                                lane: in_group,
                                step: g as u32,
                                id,
                                payload: 0,
                                weight: Some(0),
                                weight_slot: 0,
                                delay: 0,
                                kind: 0,
                                sums: &|bank| {
                                    let sum = core
                                        .words
                                        .accumulators
                                        .get(&(g, lane, bank))
                                        .copied()
                                        .unwrap_or(0);
                                    match group.accumulator_mode {
                                        Reduce::Wrap => isa::numeric::wrap(
                                            sum,
                                            u32::from(group.accumulator_bits),
                                        )
                                            as i32,
                                        Reduce::Saturate => isa::numeric::saturate(
                                            sum,
                                            u32::from(group.accumulator_bits),
                                        )
                                            as i32,
                                    }
                                },
                                random: &|at| isa::rng::draw_lane(seed, g as u32, id, at as u32),
                            },
                        );
                        let counts = &mut self.out.populations[core.population[lane]];
                        counts.neuron_updates += 1;
                        if walk.idle {
                            counts.neuron_updates_inactive += 1
                        } else {
                            counts.neuron_updates_active += 1
                        }
                        counts.random_draws += walk.draws;
                        for &at in &walk.stood {
                            match code[at].op.class() {
                                Class::Alu => counts.update_alu += 1,
                                Class::Mul => counts.update_mul += 1,
                                Class::Mem => counts.update_mem += 1,
                                Class::Ctl => counts.update_ctl += 1,
                                Class::Send => counts.update_send += 1,
                                Class::Rng => counts.update_rng += 1,
                            }
                        }
                        if let UpdateTime::Event {
                            inactive,
                            active,
                            spike,
                        } = chip.time.update
                        {
                            let time = if walk.idle { inactive } else { active }
                                + if walk.spike.is_some() { spike } else { 0 };
                            slowest = slowest.max(time);
                        }
                        stood.extend(walk.stood);
                        sent.extend(walk.spike.map(|(at, payload)| (lane, at, payload)));
                    }
                    // Now the pass of the bundle is over; its update cost follows.
                    let mut end_of = BTreeMap::new();
                    match &chip.time.update {
                        UpdateTime::Event { .. } => now += slowest,
                        UpdateTime::Instruction(times) => {
                            for at in stood {
                                now += times.class[code[at].op.class() as usize];
                                end_of.insert(at, now);
                            }
                        }
                    }
                    for (lane, at, payload) in sent {
                        let ready = end_of.get(&at).copied().unwrap_or(now);
                        fired.push(Fired {
                            lane,
                            ready,
                            payload,
                        });
                    }
                }
            }
            first += lanes;
        }
        (fired, now)
    }

    /// 3. The host sends the input of the next step.
    fn host_sends(&mut self, step: u32, input: &[(u32, i32)], traffic: &mut Traffic) {
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
    fn cores_send(&mut self, step: u32, fired: &[Vec<Fired>], traffic: &mut Traffic) {
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

    /// `on_spike` over the synapses of an axon. Returns the service cycles of the packet.
    fn on_spike(&mut self, c: usize, axon: u32, payload: i32) -> u64 {
        let (chip, seed, g) = (self.chip, self.setup.seed, self.g);
        let core = &mut self.cores[c];
        let Axon { source, kind, .. } = core.program.axons[axon as usize];
        let mut cycles = match chip.time.on_spike {
            OnSpikeTime::Event { packet, .. } | OnSpikeTime::Instruction { packet, .. } => packet,
        };
        for &Run {
            group: group_index,
            ref synapses,
        } in &core.segments[axon as usize]
        {
            let group = &core.program.groups[group_index];
            let code = &core.on_spike[group_index];
            if let OnSpikeTime::Instruction { times, .. } = &chip.time.on_spike
                && !code.is_empty()
            {
                cycles += times.fill;
            }
            for bundle in synapses.chunks(chip.lanes_per_bundle as usize) {
                let mut stood = BTreeSet::new();
                for synapse in bundle {
                    let lane = synapse.lane;
                    let counts = &mut self.out.populations[core.population[lane]];
                    counts.synaptic_ops += 1;
                    self.out.cores[c].synaptic_ops += 1;
                    if let OnSpikeTime::Event { synapse, .. } = chip.time.on_spike {
                        cycles += synapse;
                    }
                    if code.is_empty() {
                        continue;
                    }
                    let id = core.program.lane_ids[lane].0;
                    let state = &mut core.words.state[group_index];
                    let walk = handler::walk(
                        code,
                        group,
                        state,
                        &handler::Site {
                            lane: synapse.lane_in_group,
                            step: g as u32,
                            id,
                            payload,
                            weight: synapse.weight,
                            weight_slot: synapse.weight_slot + usize::from(kind),
                            delay: i32::from(synapse.delay),
                            kind: i32::from(kind),
                            sums: &|_| panic!("the verifier rejects lda in on_spike"),
                            random: &|at| {
                                isa::rng::draw_synapse(
                                    seed,
                                    g as u32,
                                    id,
                                    source,
                                    synapse.ordinal,
                                    1 << 10 | at as u32,
                                )
                            },
                        },
                    );
                    let slot = match chip.delivery {
                        Delivery::Accumulate => g + 1 + i64::from(synapse.delay),
                        Delivery::AxonBits => g,
                    };
                    if chip.delivery == Delivery::Accumulate {
                        self.out.seen.delays.insert(u64::from(synapse.delay));
                    }
                    for (bank, value) in walk.accumulated {
                        *core
                            .words
                            .accumulators
                            .entry((slot, lane, bank))
                            .or_default() += i64::from(value);
                    }
                    counts.random_draws += walk.draws;
                    for &at in &walk.stood {
                        match code[at].op.class() {
                            Class::Alu => counts.on_spike_alu += 1,
                            Class::Mul => counts.on_spike_mul += 1,
                            Class::Mem => counts.on_spike_mem += 1,
                            Class::Ctl => counts.on_spike_ctl += 1,
                            Class::Rng => counts.on_spike_rng += 1,
                            Class::Send => panic!("the verifier rejects a send in on_spike"),
                        }
                    }
                    stood.extend(walk.stood);
                }
                if let OnSpikeTime::Instruction { times, .. } = &chip.time.on_spike {
                    cycles += stood
                        .iter()
                        .map(|&at| times.class[code[at].op.class() as usize])
                        .sum::<u64>();
                }
            }
        }
        cycles
    }
}
