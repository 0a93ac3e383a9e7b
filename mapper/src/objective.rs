//! What a mapping is to be best at, and a model of what it costs: packets, cores, energy and time of a step.
//!
//! Invariant: an estimate follows from the network, the chip's own numbers, the cores of the neurons and spike rates alone; it chooses
//! among mappings and nothing else reads it. Formulas: `specs/mapping.md`, Objectives.

mod judge;
mod rates;
mod steps;

pub(crate) use judge::Placed;
pub use rates::Rates;
pub(crate) use rates::{by_source, weights};

use crate::need::Programs;
use crate::quantized::{Quantized, Source};
use isa::ChipSpec;
use isa::chip::{OnSpikeEnergy, OnSpikeTime, Scope, Sync, UpdateEnergy, UpdateTime};
use std::sync::OnceLock;

/// What a mapping is to be best at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Objective {
    /// Energy × time of a step.
    #[default]
    Edp,
    /// Packets between cores and from the host.
    Packets,
    /// Energy of a step.
    Energy,
    /// Time of a step.
    Latency,
    /// Cores in use, then packets.
    Cores,
}

/// What a partition is to be best at, and how often sources spike.
#[derive(Clone, Copy)]
pub(crate) struct To<'a> {
    pub(crate) objective: Objective,
    /// Measured rates.
    pub(crate) rates: Option<&'a Rates>,
    /// Those to take where none were measured.
    pub(crate) assumed: Option<&'a Rates>,
    /// Placer by name, unless it is the user's own, and its seed.
    pub(crate) placer: Option<&'a str>,
    pub(crate) seed: u64,
    /// Steps of partitions are timed, and work is spread; otherwise it is only asked what fits, steps are estimated and cores filled, which is faster.
    pub(crate) timed: bool,
}

/// Names of the objectives; the first is the default.
pub const OBJECTIVES: &[&str] = &["edp", "packets", "energy", "latency", "cores"];

impl Objective {
    /// The objective of a name.
    pub fn of(name: &str) -> Option<Objective> {
        let all = [
            Objective::Edp,
            Objective::Packets,
            Objective::Energy,
            Objective::Latency,
            Objective::Cores,
        ];
        let at = OBJECTIVES.iter().position(|n| *n == name)?;
        Some(all[at])
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        OBJECTIVES[self as usize]
    }
}

/// Spikes per step for which cores are balanced then: more, because too little room in a busy layer costs more than too much elsewhere.
const BALANCED_RATE: f64 = 1.0 / 32.0;
/// Spikes come in bursts: half of the steps have so many times the mean, half the other.
pub(crate) const BURSTS: [f64; 2] = [0.5, 1.5];

/// Part of the work of the busiest core that is still to do when the last packet of the host has come, or the other way round.
pub(crate) const LATE: f64 = 0.25;

/// Costs of a mapping per step. Times are cycles.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) cores: u64,
    /// Packets between cores and from the host, weighted by rates.
    pub(crate) packets: f64,
    pub(crate) cycles: f64,
    pub(crate) joules: f64,
    /// Output slots of all cores together, at least.
    pub(crate) slots: u64,
}

impl Estimate {
    /// Whether a chip has so many output slots.
    pub(crate) fn has_slots(&self, chip: &ChipSpec) -> bool {
        self.slots <= u64::from(chip.cores()) * u64::from(chip.limits.output_slots)
    }

    /// Smaller is better; the second number decides between equals.
    pub(crate) fn value(&self, objective: Objective) -> (f64, f64) {
        match objective {
            Objective::Edp => (self.joules * self.cycles, self.packets),
            Objective::Packets => (self.packets, self.cycles),
            Objective::Energy => (self.joules, self.cycles),
            Objective::Latency => (self.cycles, self.joules),
            Objective::Cores => (self.cores as f64, self.packets),
        }
    }
}

/// Cycles per step of a unit of a core that sources keep busy at random: mean and variance.
#[derive(Clone, Copy, Default)]
struct Load {
    mean: f64,
    variance: f64,
}

impl Load {
    /// A source with this rate takes so many cycles of the unit with each spike.
    fn add(&mut self, rate: f64, cycles: f64) {
        self.mean += rate * cycles;
        self.variance += rate * (1.0 - rate).max(0.0) * cycles * cycles;
    }

    /// The load that is so many deviations above the mean in steps with so many times the spikes.
    fn most(&self, burst: f64, deviations: f64) -> f64 {
        burst * self.mean + deviations * (burst * self.variance).sqrt()
    }
}

/// The chip's prices in the terms of a network, and the work of every neuron.
pub(crate) struct Model<'a> {
    q: &'a Quantized,
    chip: &'a ChipSpec,
    to: To<'a>,
    /// Spikes per step, neurons first, then input elements.
    pub(crate) rates: Vec<f64>,
    /// Cycles per step that a neuron takes of its core's neuron unit, and in a burst of its synapse unit.
    pub(crate) work: Vec<[f64; 2]>,
    /// Synapse-unit cycles of a synaptic operation, by target population.
    synapse_cycles: Vec<f64>,
    packet_cycles: f64,
    packet_joules: f64,
    /// Energy per step that no mapping changes.
    fixed_joules: f64,
    /// Made when they are first needed: packets of a step at most, and the steps by which partitions are judged.
    most_packets: OnceLock<f64>,
    draws: OnceLock<Vec<Vec<steps::Spike>>>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(
        q: &'a Quantized,
        programs: &Programs,
        chip: &'a ChipSpec,
        to: To<'a>,
    ) -> Model<'a> {
        let known = to.rates.or(to.assumed);
        let rates = by_source(q, known);
        let n = q.neurons() as usize;
        let mut work = vec![[0.0; 2]; n];
        let mut fixed = 0.0;
        for (index, p) in q.populations.iter().enumerate() {
            let words = programs.kernels[programs.of_population[index]].update.len() as f64;
            for neuron in p.first..p.first + p.count {
                let rate = rates[neuron as usize];
                work[neuron as usize][0] = update_cycles(chip, words, rate);
                fixed += update_joules(chip, words, rate);
            }
        }
        let costs: Vec<(f64, f64)> = programs
            .of_population
            .iter()
            .map(|k| synapse_cost(chip, programs.kernels[*k].on_spike.len() as f64))
            .collect();
        let mut events = 0.0;
        for p in &q.projections {
            let (cycles, joules) = costs[p.target as usize];
            let first = q.populations[p.target as usize].first;
            let base = source_base(q, p.source);
            for element in 0..p.rows() {
                let rate = rates[(base + element) as usize];
                let balanced = known.map_or(BALANCED_RATE, |_| rate);
                for t in &p.targets[p.row(element)] {
                    work[(first + t) as usize][1] += BURSTS[1] * balanced * cycles;
                }
                events += rate * p.row(element).len() as f64 * joules;
            }
        }
        let (packet_cycles, packet_joules) = match (&chip.time.on_spike, &chip.energy.on_spike) {
            (OnSpikeTime::Event { packet: c, .. }, OnSpikeEnergy::Event { packet: j, .. })
            | (
                OnSpikeTime::Event { packet: c, .. },
                OnSpikeEnergy::Instruction { packet: j, .. },
            )
            | (
                OnSpikeTime::Instruction { packet: c, .. },
                OnSpikeEnergy::Event { packet: j, .. }
                | OnSpikeEnergy::Instruction { packet: j, .. },
            ) => (*c as f64, *j),
        };
        Model {
            q,
            chip,
            to,
            rates,
            work,
            synapse_cycles: costs.iter().map(|c| c.0).collect(),
            packet_cycles,
            packet_joules,
            fixed_joules: fixed + events,
            most_packets: OnceLock::new(),
            draws: OnceLock::new(),
        }
    }

    /// Entries of each neuron at the host.
    fn host_entries(&self) -> Vec<u32> {
        let q = self.q;
        let mut host = vec![0; q.neurons() as usize];
        for output in &q.outputs {
            let p = &q.populations[output.population as usize];
            let of = &mut host[p.first as usize..(p.first + p.count) as usize];
            of.iter_mut().for_each(|h| *h += u32::from(p.fires));
        }
        host
    }

    /// Work per core if all work were spread evenly over `cores` cores, each with neurons of one population: cycles.
    pub(crate) fn even(&self, cores: u32) -> f64 {
        let most = self.q.populations.iter().map(|p| {
            let own = &self.work[p.first as usize..(p.first + p.count) as usize];
            let sum = |i: usize| own.iter().map(|w| w[i]).sum::<f64>();
            sum(0).max(sum(1))
        });
        most.sum::<f64>() / f64::from(cores)
    }

    /// What an assignment costs. Cores are numbered from 0 without gaps, and not yet placed.
    pub(crate) fn estimate(&self, core_of: &[u32]) -> Estimate {
        let (q, chip) = (self.q, self.chip);
        let cores = core_of.iter().max().map_or(0, |c| *c as usize + 1);
        let mut load = vec![[Load::default(); 3]; cores];
        for (core, work) in core_of.iter().zip(&self.work) {
            load[*core as usize][0].mean += work[0];
        }
        let (mut between, mut local, mut host) = (0.0, 0.0, 0.0);
        let mut slots: u64 = self.host_entries().iter().map(|h| u64::from(*h)).sum();
        // Synapse-unit cycles that a spike of the source costs each core it reaches.
        let (mut service, mut reached) = (vec![0.0; cores], Vec::new());
        let mut seen = vec![u32::MAX; cores];
        let neurons = q.neurons();
        for source in 0..self.rates.len() as u32 {
            let rate = self.rates[source as usize];
            for (element, p) in q.leaving(source) {
                let first = q.populations[p.target as usize].first;
                let cycles = self.synapse_cycles[p.target as usize];
                for t in &p.targets[p.row(element)] {
                    let core = core_of[(first + t) as usize];
                    if std::mem::replace(&mut seen[core as usize], source) != source {
                        service[core as usize] = self.packet_cycles;
                        reached.push(core);
                    }
                    service[core as usize] += cycles;
                }
            }
            let packets = rate * reached.len() as f64;
            if source < neurons {
                let own = core_of[source as usize] as usize;
                slots += reached.len() as u64;
                local += if seen[own] == source { rate } else { 0.0 };
                load[own][2].add(rate, (reached.len() as u64 * chip.time.axon_out) as f64);
                between += packets;
            } else {
                host += packets;
            }
            for core in reached.drain(..) {
                load[core as usize][1].add(rate, service[core as usize]);
            }
        }
        between -= local;
        let tiles = cores.div_ceil(chip.mesh.cores_per_tile.max(1) as usize);
        // Packets of a well-placed network go about a third of the way across the tiles in use, those of the host from a corner of them.
        let side = (tiles as f64).sqrt();
        let (hops, host_hops) = (side / 3.0, side - 1.0);
        let spread = Spread::new(chip, side);
        // The largest of n normal variates is expected so many deviations above their mean.
        let above = ((2.0 * (cores.max(1) as f64).ln()).sqrt() - 0.6).max(0.0);
        let entry = host * chip.noc.host_occupancy as f64 / f64::from(chip.mesh.planes.max(1));
        let travelled = between * hops + host * host_hops;
        // Links between chips lead both ways.
        let border = chip.mesh.border.map_or(0.0, |border| {
            let links = 2.0 * spread.borders * side * f64::from(chip.mesh.planes.max(1));
            travelled * spread.share * border.occupancy as f64 / links.max(1.0)
        });
        // The last packet may go from one corner to the other.
        let farthest = 2.0 * (side - 1.0);
        let flight = match &chip.noc.vc {
            // The router of the source too.
            Some(vc) => (farthest + 1.0) * (vc.hop() * vc.cycle) as f64,
            None => chip.noc.inject as f64 + farthest * spread.hop + chip.noc.in_tile as f64,
        };
        let busy = BURSTS.iter().map(|burst| {
            let sent = |l: &[Load; 3]| l[1].most(*burst, above).max(l[2].most(*burst, above));
            let cores = load
                .iter()
                .map(|l| l[0].mean.max(sent(l)))
                .fold(0.0, f64::max);
            let entry = burst * entry.max(border);
            (cores.max(entry) + LATE * cores.min(entry)) / BURSTS.len() as f64
        });
        let busy = busy.sum::<f64>() + flight;
        let cycles = match &chip.sync {
            Sync::Barrier { wave: true, .. } => busy + spread.wave(chip),
            Sync::Barrier { linear, points, .. } => busy + barrier(*linear, points, tiles as f64),
            Sync::Tick { period } => *period as f64,
        };
        let e = &chip.energy;
        let hop = e.hop.iter().sum::<f64>() / 4.0 + e.router.iter().sum::<f64>();
        let packets = between + host;
        let travel = travelled * (hop + spread.share * e.chip_crossing)
            + (packets + local) * (e.in_tile + self.packet_joules)
            + (between + local) * e.axon_out;
        let share = match e.static_scope {
            Scope::Physical => 1.0,
            Scope::Mapped => tiles as f64 / f64::from(chip.tiles()),
        };
        let seconds = cycles * chip.cycle_ps as f64 * 1e-12;
        let messages = match &chip.sync {
            Sync::Barrier { wave: true, .. } => e.sync_message * spread.messages(chip),
            _ => 0.0,
        };
        let held = e.sync_tile * tiles as f64 + messages + share * chip.static_w() * seconds;
        Estimate {
            cores: cores as u64,
            packets,
            cycles,
            joules: self.fixed_joules + travel + held,
            slots,
        }
    }
}

/// Tiles in use as estimates see them, a square, and the chips of a board that it covers.
pub(crate) struct Spread {
    /// Tiles along a side.
    side: f64,
    /// Borders between chips that cut the square.
    borders: f64,
    /// Of the links on a way, those between chips.
    share: f64,
    /// Mean latency of a link, cycles.
    pub(crate) hop: f64,
}

impl Spread {
    pub(crate) fn new(chip: &ChipSpec, side: f64) -> Spread {
        let tiles = f64::from(chip.tiles()) / f64::from(chip.mesh.chips());
        // The chips form a square too.
        let chips = (side * side / tiles).ceil().max(1.0).sqrt();
        let share = if side > 1.0 {
            ((chips - 1.0) / (side - 1.0)).min(1.0)
        } else {
            0.0
        };
        let hop = mean(&chip.noc.hop);
        let border = chip.mesh.border.map_or(hop, |border| border.hop as f64);
        Spread {
            side,
            borders: 2.0 * (chips - 1.0),
            share,
            hop: hop + share * (border - hop),
        }
    }

    /// Columns and rows of the rectangle of a barrier's wave: the square, which holds a port, and the other ports.
    fn area(&self, chip: &ChipSpec) -> [f64; 2] {
        let ports = chip.wave_area(std::iter::empty());
        let columns = f64::from(ports.last.0 - ports.first.0 + 1);
        let rows = f64::from(ports.last.1 - ports.first.1 + 1);
        [self.side.max(columns), self.side.max(rows)]
    }

    /// Cycles of a barrier's wave behind the last packet: to one corner and back. Its markers cross the area while packets do.
    pub(crate) fn wave(&self, chip: &ChipSpec) -> f64 {
        let [columns, rows] = self.area(chip);
        2.0 * (columns - 1.0 + rows - 1.0) * self.hop
    }

    /// Messages of the wave.
    pub(crate) fn messages(&self, chip: &ChipSpec) -> f64 {
        let [columns, rows] = self.area(chip);
        let links = 2.0 * ((columns - 1.0) * rows + columns * (rows - 1.0));
        links * f64::from(chip.mesh.planes) + 2.0 * (columns * rows - 1.0)
    }
}

/// Energy of the hops of a packet between two tiles.
pub(crate) fn way(chip: &ChipSpec, from: (u32, u32), to: (u32, u32)) -> f64 {
    let e = &chip.energy;
    let router = e.router.iter().sum::<f64>();
    let along = [(from.0, to.0), (from.1, to.1)];
    let hops = along.iter().enumerate().map(|(axis, (from, to))| {
        let hop = e.hop[2 * axis + usize::from(to < from)] + router;
        let borders = f64::from(chip.mesh.borders(axis, *from, *to));
        f64::from(from.abs_diff(*to)) * hop + borders * e.chip_crossing
    });
    hops.sum::<f64>()
}

/// Number of a source's first element: neurons, then input elements.
fn source_base(q: &Quantized, source: Source) -> u32 {
    let (first, _) = q.source_span(source);
    first
        + if matches!(source, Source::Input(_)) {
            q.neurons()
        } else {
            0
        }
}

fn mean<const N: usize>(of: &[u64; N]) -> f64 {
    of.iter().sum::<u64>() as f64 / N as f64
}

/// Neuron-unit cycles of one neuron. Instructions are taken at the mean of their classes.
pub(crate) fn update_cycles(chip: &ChipSpec, words: f64, rate: f64) -> f64 {
    let lanes = f64::from(chip.lanes_per_bundle.max(1));
    match &chip.time.update {
        UpdateTime::Event { active, spike, .. } => (*active as f64 + rate * *spike as f64) / lanes,
        UpdateTime::Instruction(times) => words * mean(&times.class) / lanes,
    }
}

pub(crate) fn update_joules(chip: &ChipSpec, words: f64, rate: f64) -> f64 {
    match &chip.energy.update {
        UpdateEnergy::Event { active, spike, .. } => active + rate * spike,
        UpdateEnergy::Instruction(class) => words * class.iter().sum::<f64>() / 6.0,
    }
}

/// Synapse-unit cycles and energy of one synaptic operation.
pub(crate) fn synapse_cost(chip: &ChipSpec, words: f64) -> (f64, f64) {
    let lanes = f64::from(chip.lanes_per_bundle.max(1));
    let cycles = match &chip.time.on_spike {
        OnSpikeTime::Event { synapse, .. } => *synapse as f64,
        OnSpikeTime::Instruction { times, .. } => words * mean(&times.class) / lanes,
    };
    let joules = match &chip.energy.on_spike {
        OnSpikeEnergy::Event { synapse, .. } => *synapse,
        OnSpikeEnergy::Instruction { class, .. } => words * class.iter().sum::<f64>() / 6.0,
    };
    (cycles, joules)
}

/// Cycles of the barrier at a number of tiles.
pub(crate) fn barrier(linear: bool, points: &[(u32, u64)], tiles: f64) -> f64 {
    let Some(last) = points.iter().rposition(|p| f64::from(p.0) <= tiles) else {
        return points.first().map_or(0.0, |p| p.1 as f64);
    };
    let (at, cycles) = points[last];
    match points.get(last + 1) {
        Some((next, more)) if linear => {
            let way = (tiles - f64::from(at)) / f64::from(next - at);
            cycles as f64 + way * (*more as f64 - cycles as f64)
        }
        _ => cycles as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::chip::Border;

    #[test]
    fn a_square_of_tiles_covers_chips_and_waits_for_its_wave() {
        let mut chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        chip.host_ports.truncate(1);
        chip.noc.hop = [10; 4];
        let one = Spread::new(&chip, 4.0);
        assert_eq!((one.borders, one.share, one.hop), (0.0, 0.0, 10.0));
        // 4 × 4 tiles: to the corner and back over 3 + 3 links.
        assert_eq!(one.wave(&chip), 2.0 * 6.0 * 10.0);
        let tiles = (0..4).flat_map(|y| (0..4).map(move |x| y * 8 + x));
        let area = chip.wave_area(tiles);
        assert_eq!(one.messages(&chip), chip.wave_messages(area) as f64);
        // Four chips of 2 × 2 tiles: one of three links on a way goes to another chip.
        (chip.mesh.width, chip.mesh.height, chip.mesh.board) = (8, 8, [4, 4]);
        chip.mesh.border = Some(Border {
            hop: 70,
            occupancy: 1,
        });
        let four = Spread::new(&chip, 4.0);
        assert_eq!((four.borders, four.share), (2.0, 1.0 / 3.0));
        assert!((four.hop - 30.0).abs() < 1e-9);
        assert_eq!(Spread::new(&chip, 1.0).share, 0.0);
    }
}
