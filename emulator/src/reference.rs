//! The second emulator: short, literal, slow. It follows `specs/timestep.md`, `core.md` and `noc.md` line by line and
//! exists to be compared with the fast engine.
//!
//! Invariant: it imports nothing but `isa` and `std` (a test reads the `use` lines), so an agreement between the two is
//! an agreement about the specs. All numbers come from the image and the chip file. It trusts its input: an image that
//! passed `isa::verify`, input elements and values that exist.

mod core;
mod cycles;
pub(crate) mod handler;
pub mod noc_vc;
mod send;
mod units;

use self::core::{Core, Run};
use isa::chip::{ChipSpec, PacketKind};
use isa::image::Image;
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
    packets_host_in packets_host_out flits_out flits_in hops_east hops_west hops_north hops_south chip_crossings buffer_writes switch_grants
    barrier_messages     tile_deliveries axon_merges random_draws
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
    /// The first `brk` whose guard held.
    pub broke: Option<Broke>,
}

/// Where a `brk` executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broke {
    /// Number of the step since the last reset; that of the step before in a preload step.
    pub g: i64,
    /// Index of the core in the image.
    pub core: usize,
    /// Lane of the core.
    pub lane: usize,
    /// It was in `on_spike`.
    pub on_spike: bool,
    /// Index in its handler.
    pub instruction: usize,
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

/// What a packet is to the timing; one with several targets is one of these for each, with one sequence number.
#[derive(Clone, Debug)]
struct Packet {
    /// Step counted from the preload step 0.
    step: u32,
    /// Core or `HOST | port`.
    source: u32,
    sequence: u32,
    target: u32,
    plane: usize,
    kind: PacketKind,
    flits: u32,
    /// Cycles of the synapse unit; 0 for packets to the host.
    service: u64,
    /// Steps after the transport step that it may take.
    delay: u64,
}

/// A spike with destinations, as the neuron unit sends it.
struct Spike {
    gap: u64,
    /// The targets of each packet.
    packets: Vec<Vec<usize>>,
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

/// Whether two tiles lie on different chips of the board.
fn other_chip(chip: &ChipSpec, one: u32, other: u32) -> bool {
    let mesh = &chip.mesh;
    let [columns, rows] = [mesh.width / mesh.board[0], mesh.height / mesh.board[1]];
    let of = |tile: u32| (tile % mesh.width / columns, tile / mesh.width / rows);
    of(one) != of(other)
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
                for c in 0..self.cores.len() {
                    let ops = self.integrate(c);
                    fired.push(self.update(c, t as u32, &ops, &mut step));
                }
                self.probe();
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

    /// 1. Integrate: `on_spike` over the synapses of the core's set axons. Returns the synaptic operations of each lane.
    fn integrate(&mut self, c: usize) -> Vec<u64> {
        let slot = (self.g, 0)..(self.g + 1, 0);
        let set: Vec<(i64, u32)> = self.cores[c].words.axon_bits.range(slot).copied().collect();
        let mut ops = vec![0; self.cores[c].population.len()];
        for bit in set {
            self.cores[c].words.axon_bits.remove(&bit);
            self.on_spike(c, bit.1, 1);
            for synapse in self.cores[c].synapses(bit.1) {
                ops[synapse.lane] += 1;
            }
        }
        ops
    }

    /// 2. Update the core's lanes and clear the slot. Returns the lanes that fired, in lane order.
    fn update(&mut self, c: usize, t: u32, ops: &[u64], step: &mut Traffic) -> Vec<Fired> {
        let (fired, cycles) = self.update_core(c, ops);
        let spikes = Vec::new();
        step.work.push(Work {
            spikes,
            tail: cycles,
        });
        self.out.cores[c].neuron_cycles += cycles;
        let (core, g) = (&mut self.cores[c], self.g);
        for spike in &fired {
            self.out.populations[core.population[spike.lane]].spikes += 1;
            self.out.cores[c].spikes += 1;
            self.out
                .spikes
                .push((t, core.program.lane_ids[spike.lane].0));
        }
        core.words.accumulators.retain(|&(slot, ..), _| slot != g);
        fired
    }

    /// Then the probes read their slots.
    fn probe(&mut self) {
        for (probe, values) in self.image.probes.iter().zip(&mut self.out.probes) {
            for neuron in &probe.neurons {
                let value = self.cores.iter().find_map(|core| {
                    let lane = core.program.lane_ids.iter().position(|id| id == neuron)?;
                    let (group, in_group) = core.group_of(lane);
                    let slots = &core.program.groups[group].slots;
                    let slot = slots.iter().position(|slot| slot.name == probe.slot)?;
                    Some(core.words.state[group][slot][in_group])
                });
                values.push(value.expect("the verifier found every probed neuron and its slot"));
            }
        }
    }
}
