//! What a mapping onto crossbars costs in a step: packets, cores, energy and time, from the chip's own prices and from spike rates.
//!
//! Invariant: what is counted is what the emulated chip counts at these rates (`specs/energy.md`): a copy of a neuron has its synaptic operations and its row
//! once more, a splitter those of its one axon, and every axon of a core a packet for each spike of its source. Formulas: `specs/mapping.md`, Crossbars.

use super::choose::KERNEL;
use super::lines::Lines;
use super::partition::{Cores, Problem, lanes};
use crate::need::Programs;
use crate::objective::{
    BURSTS, Estimate, LATE, Objective, Rates, Spread, barrier, by_source, synapse_cost,
    update_cycles, update_joules, way,
};
use crate::quantized::Quantized;
use assembler::KernelLibrary;
use assembler::kernels::Settings;
use isa::ChipSpec;
use isa::chip::{OnSpikeEnergy, OnSpikeTime, Scope, Sync, UpdateEnergy};
use isa::ids::INPUT_ID;

/// Part of a cost below which a gain is rounding.
pub(super) const ROUNDING: f64 = 1e-9;

/// What mappings are judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) chip: &'a ChipSpec,
    pub(super) objective: Objective,
    /// Measured rates, else those to take.
    pub(super) rates: Option<&'a Rates>,
    pub(super) library: &'a KernelLibrary,
}

/// What a search makes less of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Packets between cores and from the host.
    Packets,
    /// Energy of events.
    Joules,
}

/// Costs of single decisions, per step.
pub(super) struct Weights {
    /// A line of a source (neurons, then input elements) on a core: another than the source's, and its own.
    pub(super) far: Vec<f64>,
    pub(super) local: Vec<f64>,
    /// A lane of each neuron, and one of a splitter of it.
    pub(super) lane: Vec<f64>,
    pub(super) relay: Vec<f64>,
    neurons: usize,
}

impl Weights {
    /// Shares of what cores have: a line an axon, and a lane for each destination of a neuron.
    pub(super) fn shares(problem: &Problem<'_>) -> Weights {
        let neurons = problem.host.len();
        let elements = problem.lines.source.iter();
        let elements = elements.filter(|s| **s & INPUT_ID != 0);
        let elements = elements.map(|s| (s & !INPUT_ID) as usize + 1).max();
        let axon = 1.0 / f64::from(problem.axons.max(1));
        Weights {
            far: vec![axon; neurons + elements.unwrap_or(0)],
            local: vec![axon; neurons],
            lane: vec![1.0 / f64::from(problem.lanes.max(1)); neurons],
            relay: vec![0.0; neurons],
            neurons,
        }
    }

    /// Number of a source among those of `far`.
    pub(super) fn index(&self, source: u32) -> usize {
        index(self.neurons, source)
    }
}

fn index(neurons: usize, source: u32) -> usize {
    match source & INPUT_ID {
        0 => source as usize,
        _ => neurons + (source & !INPUT_ID) as usize,
    }
}

/// The chip's prices in the terms of a network.
pub(super) struct Prices<'a> {
    chip: &'a ChipSpec,
    /// Rates were measured or simulated.
    known: bool,
    /// Spikes per step: neurons, then input elements.
    pub(super) rates: Vec<f64>,
    /// Of a lane of each neuron: synaptic operations, energy, cycles of its update.
    operations: Vec<f64>,
    lane: Vec<f64>,
    cycles: Vec<f64>,
    /// Energy of a lane of a splitter but for what follows from its rate, and of each of its spikes.
    relay: [f64; 2],
    /// A packet of a neuron, and of the host, hops left out.
    packet: f64,
    host_packet: f64,
    hop: f64,
}

impl<'a> Judge<'a> {
    /// Prices of a network.
    pub(super) fn prices(&self, q: &Quantized, lines: &Lines) -> Prices<'a> {
        let chip = self.chip;
        let rates = by_source(q, self.rates);
        let neurons = q.neurons() as usize;
        let (_, synapse) = synapse_cost(chip, 0.0);
        let row = match &chip.energy.update {
            UpdateEnergy::Event { row, row_scope, .. } if *row_scope == Scope::Mapped => *row,
            _ => 0.0,
        };
        let programs = Programs::of(q, self.library);
        let (mut operations, mut lane) = (Vec::new(), Vec::new());
        let mut cycles = Vec::new();
        for (index_of, p) in q.populations.iter().enumerate() {
            let kernel = &programs.kernels[programs.of_population[index_of]];
            let words = kernel.update.len() as f64;
            for n in p.first..p.first + p.count {
                let of = lines.of(n).iter().map(|l| lines.source[*l as usize]);
                let sum = of.map(|s| rates[index(neurons, s)]).sum::<f64>();
                let rate = rates[n as usize];
                operations.push(sum);
                lane.push(row + update_joules(chip, words, rate) + sum * synapse);
                cycles.push(update_cycles(chip, words, rate));
            }
        }
        let plain = Settings {
            options: &[],
            params: &[],
            dt_s: Some(q.dt_s),
        };
        let kernel = self.library.instantiate(KERNEL, &plain);
        let words = kernel.map_or(0.0, |k| k.update.len() as f64);
        let still = update_joules(chip, words, 0.0);
        let e = &chip.energy;
        let taken = match &e.on_spike {
            OnSpikeEnergy::Event { packet, .. } | OnSpikeEnergy::Instruction { packet, .. } => {
                *packet
            }
        };
        Prices {
            chip,
            known: self.rates.is_some(),
            rates,
            operations,
            lane,
            cycles,
            relay: [
                row + still,
                update_joules(chip, words, 1.0) - still + synapse,
            ],
            packet: e.axon_out + e.in_tile + taken,
            host_packet: e.host_in + e.in_tile + taken,
            hop: e.hop.iter().sum::<f64>() / 4.0 + e.router.iter().sum::<f64>(),
        }
    }

    /// What decides between two mappings: smaller is better, the first that differs.
    pub(super) fn value(&self, e: &Estimate) -> [f64; 4] {
        let (cores, product) = (e.cores as f64, e.joules * e.cycles);
        match self.objective {
            Objective::Edp => [product, cores, e.packets, 0.0],
            Objective::Packets => [e.packets, product, cores, 0.0],
            Objective::Energy => [e.joules, e.cycles, cores, e.packets],
            Objective::Latency => [e.cycles, e.joules, cores, e.packets],
            Objective::Cores => [cores, e.packets, product, 0.0],
        }
    }
}

/// Hops between cores and from the host, where nothing is placed: packets of a well-placed network go about a third of the way across the
/// tiles in use, those of the host from a corner of them.
fn hops(chip: &ChipSpec, cores: usize) -> [f64; 2] {
    let side = tiles(chip, cores).sqrt();
    [side / 3.0, side - 1.0]
}

fn tiles(chip: &ChipSpec, cores: usize) -> f64 {
    cores.div_ceil(chip.mesh.cores_per_tile.max(1) as usize) as f64
}

impl Prices<'_> {
    /// Costs of decisions when the network takes so many cores.
    pub(super) fn weights(&self, goal: Goal, cores: usize) -> Weights {
        let neurons = self.lane.len();
        let [between, outside] = hops(self.chip, cores);
        let (own, host) = self.rates.split_at(neurons);
        let each = |rates: &[f64], cost: f64| rates.iter().map(|r| r * cost).collect::<Vec<f64>>();
        let (far, entry, local) = match goal {
            Goal::Packets => (1.0, 1.0, 0.0),
            Goal::Joules => (
                self.packet + between * self.hop,
                self.host_packet + outside * self.hop,
                self.packet,
            ),
        };
        // Of a source whose rate nobody knows it is sure that it spikes no more often than it hears something.
        let relay = |(rate, heard): (&f64, &f64)| {
            let most = if self.known { 0.0 } else { heard.min(1.0) };
            self.relay[0] + rate.max(most) * self.relay[1]
        };
        let (lane, relay) = match goal {
            Goal::Packets => (vec![0.0; neurons], vec![0.0; neurons]),
            Goal::Joules => (
                self.lane.clone(),
                own.iter().zip(&self.operations).map(relay).collect(),
            ),
        };
        let mut all = each(own, far);
        all.extend(each(host, entry));
        Weights {
            far: all,
            local: each(own, local),
            lane,
            relay,
            neurons,
        }
    }

    /// What a mapping costs, on these physical cores or on some that are not yet known.
    pub(super) fn estimate(
        &self,
        problem: &Problem<'_>,
        cores: &Cores,
        at: Option<&[u32]>,
    ) -> Estimate {
        let chip = self.chip;
        let (e, lines) = (&chip.energy, problem.lines);
        let neurons = cores.core_of.len();
        let port = chip.xy(chip.host_ports[0].tile);
        let place = |core: u32| at.map(|at| chip.xy(chip.tile_of(at[core as usize])));
        let [between, outside] = hops(chip, cores.count());
        let far = |from: Option<u32>, to: Option<u32>, mean: f64| {
            let of = |core: Option<u32>| core.map_or(Some(port), &place);
            match (of(from), of(to)) {
                (Some(a), Some(b)) => way(chip, a, b),
                _ => mean * self.hop,
            }
        };
        let [per_axon, per_lane, per_operation, per_step] = chip.time.neuron_pass.map(|c| c as f64);
        let (mut packets, mut entries, mut joules) = (0.0, 0.0, 0.0);
        // Cycles of each core's neuron unit, axon-out and synapse unit.
        let mut load = vec![[per_step, 0.0, 0.0]; cores.count()];
        let taken = match &chip.time.on_spike {
            OnSpikeTime::Event { packet, .. } | OnSpikeTime::Instruction { packet, .. } => *packet,
        };
        for (n, (core, outputs)) in cores.core_of.iter().zip(&cores.outputs).enumerate() {
            let mine = f64::from(lanes(*outputs, problem.each));
            let axons = cores.lines[*core as usize].len() as f64;
            let pass = per_axon * axons + per_lane + per_operation * self.operations[n];
            load[*core as usize][0] += mine * (pass + self.cycles[n]);
            load[*core as usize][1] +=
                self.rates[n] * f64::from(*outputs) * chip.time.axon_out as f64;
            joules += mine * self.lane[n];
            let out = self.rates[n] * f64::from(problem.host[n]);
            if out > 0.0 {
                let away = far(Some(*core), None, outside);
                joules += out * (e.axon_out + e.host_out + away);
            }
        }
        for (core, list) in (0u32..).zip(&cores.lines) {
            for line in list {
                let source = lines.source[*line as usize];
                let rate = self.rates[index(neurons, source)];
                load[core as usize][2] += rate * taken as f64;
                match lines.neuron(*line).map(|n| cores.core_of[n as usize]) {
                    Some(own) if own == core => joules += rate * self.packet,
                    Some(own) => {
                        packets += rate;
                        joules += rate * (self.packet + far(Some(own), Some(core), between));
                    }
                    None => {
                        packets += rate;
                        entries += rate;
                        joules += rate * (self.host_packet + far(None, Some(core), outside));
                    }
                }
            }
        }
        let used = match at {
            Some(at) => {
                let mut used: Vec<u32> = at.iter().map(|c| chip.tile_of(*c)).collect();
                used.sort_unstable();
                used.dedup();
                used.len() as f64
            }
            None => tiles(chip, cores.count()),
        };
        let spread = Spread::new(chip, used.sqrt());
        let busy = || {
            let entry =
                entries * chip.noc.host_occupancy as f64 / f64::from(chip.mesh.planes.max(1));
            let mean = BURSTS.iter().map(|burst| {
                let of = |l: &[f64; 3]| l[0].max(burst * l[1]).max(burst * l[2]);
                let cores = load.iter().map(of).fold(0.0, f64::max);
                (cores.max(burst * entry) + LATE * cores.min(burst * entry)) / BURSTS.len() as f64
            });
            let farthest = 2.0 * (used.sqrt() - 1.0);
            let flight = match &chip.noc.vc {
                Some(vc) => (farthest + 1.0) * (vc.hop() * vc.cycle) as f64,
                None => chip.noc.inject as f64 + farthest * spread.hop + chip.noc.in_tile as f64,
            };
            mean.sum::<f64>() + flight
        };
        let (cycles, messages) = match &chip.sync {
            Sync::Tick { period } => (*period as f64, 0.0),
            Sync::Barrier { wave: true, .. } => (
                busy() + spread.wave(chip),
                e.sync_message * spread.messages(chip),
            ),
            Sync::Barrier { linear, points, .. } => (busy() + barrier(*linear, points, used), 0.0),
        };
        let rows = match &e.update {
            UpdateEnergy::Event { row, row_scope, .. } if *row_scope == Scope::Physical => {
                row * f64::from(chip.cores()) * f64::from(chip.limits.neurons)
            }
            _ => 0.0,
        };
        let share = match e.static_scope {
            Scope::Physical => 1.0,
            Scope::Mapped => used / f64::from(chip.tiles()),
        };
        let seconds = cycles * chip.cycle_ps as f64 * 1e-12;
        Estimate {
            cores: cores.count() as u64,
            packets,
            cycles,
            joules: joules
                + rows
                + e.sync_tile * used
                + messages
                + share * chip.static_w() * seconds,
            ..Estimate::default()
        }
    }
}
