//! Relays of a plan as populations and projections of the network.
//!
//! Invariant: every synapse is stored once, with its mantissa and exponent; what it lacks in delay is the number of relays on its way.
//! Relays that are farther from the neuron have lower numbers, so that sources come before what they send to.

use super::super::Outcome;
use super::super::relay::Names;
use super::exact::RELAY;
use super::plan::{DIRECT, Job, Plan};
use crate::quantized::{Population, Projection, Source};
use isa::image::{SynapseFormat, WeightSign};
use std::collections::BTreeMap;

/// Synapses of a projection that are collected row by row.
struct Rows {
    row_start: Vec<u32>,
    targets: Vec<u32>,
    mantissas: Vec<i16>,
    delays: Vec<u8>,
}

impl Rows {
    fn new() -> Rows {
        Rows {
            row_start: vec![0],
            targets: Vec::new(),
            mantissas: Vec::new(),
            delays: Vec::new(),
        }
    }

    /// Ends all rows before this one.
    fn up_to(&mut self, row: u32) {
        self.row_start
            .resize(row as usize + 1, self.targets.len() as u32);
    }

    fn push(&mut self, target: u32, mantissa: i16, delay: u8) {
        self.targets.push(target);
        self.mantissas.push(mantissa);
        self.delays.push(delay);
    }

    /// The projection, with the source and the number format of another.
    fn projection(
        mut self,
        of: &Projection,
        (target, neurons): (u32, u32),
        receptor: u8,
    ) -> Projection {
        self.up_to(of.rows());
        // Rows that were whole and stayed whole.
        let whole = |row: &[u32]| {
            let targets = &self.targets[row[0] as usize..row[1] as usize];
            targets.is_empty() || targets.iter().copied().eq(0..neurons)
        };
        let dense = of.dense && neurons > 1 && self.row_start.windows(2).all(whole);
        let uniform = self.delays.first().copied();
        let uniform = uniform.filter(|d| self.delays.iter().all(|x| x == d));
        Projection {
            source: of.source,
            target,
            receptor,
            path: of.path.clone(),
            sign: of.sign,
            weight_bits: of.weight_bits,
            exponent: of.exponent,
            row_start: self.row_start,
            targets: self.targets,
            mantissas: self.mantissas,
            delay: uniform.unwrap_or(0),
            delays: match uniform {
                Some(_) => Vec::new(),
                None => self.delays,
            },
            dense,
        }
    }
}

/// A relay population: its index, and its neuron for each neuron that needs relays.
struct Relays {
    population: u32,
    of: Vec<u32>,
    count: u32,
}

/// Puts the relays of a plan into the network. Gives how many there are.
pub(super) fn build(
    job: &Job<'_>,
    plan: &Plan,
    options: &[(String, i64)],
    relay_options: &[(String, i64)],
    out: &mut Outcome,
    names: &mut Names,
) -> u32 {
    let levels = plan.levels.len() as u32;
    let target = &job.q.populations[job.population as usize];
    let mut relays: Vec<Vec<Relays>> = Vec::new();
    let mut stage = 0;
    let before = out.quantized.neurons();
    for (at, shares) in plan.levels.iter().enumerate().rev() {
        let level = at as u32 + 1;
        let mut of_level = Vec::new();
        for most in &shares.most {
            let mut count = 0;
            let numbered = most.iter().map(|m| {
                count += u32::from(*m > 0);
                if *m > 0 { count - 1 } else { DIRECT }
            });
            let of = numbered.collect();
            let population = out.quantized.populations.len() as u32;
            out.quantized.populations.push(Population {
                name: names.relay(&target.name, stage),
                first: out.quantized.neurons(),
                count,
                depth: target.depth.saturating_sub(level),
                kernel: RELAY.into(),
                options: relay_options.to_vec(),
                params: Vec::new(),
                profiles: vec![Vec::new()],
                profile_of: Vec::new(),
                slots: Vec::new(),
                fires: true,
                scale: 1.0,
                offset: 0.0,
            });
            stage += 1;
            of_level.push(Relays {
                population,
                of,
                count,
            });
        }
        relays.push(of_level);
    }
    relays.reverse();
    let made = out.quantized.neurons() - before;

    // Synapses of the network: to the neuron, or to the relay of their share.
    let mut group_of: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for (number, group) in job.groups.iter().enumerate() {
        group_of.extend(group.rows.iter().map(|row| (*row, number)));
    }
    let mut projections = Vec::with_capacity(job.q.projections.len());
    let mut added = Vec::new();
    for (number, p) in (0u32..).zip(&job.q.projections) {
        if p.target != job.population || !job.relayable[number as usize] {
            projections.push(p.clone());
            continue;
        }
        let mut direct = Rows::new();
        let mut parts: BTreeMap<(u32, u32), Rows> = BTreeMap::new();
        for element in 0..p.rows() {
            direct.up_to(element);
            let Some(group) = group_of.get(&(number, element)) else {
                continue;
            };
            for i in p.row(element) {
                let k = job.index[p.targets[i] as usize];
                let level = match k {
                    DIRECT => 0,
                    _ => job.level(number, i, levels),
                };
                let share = match level {
                    0 => DIRECT,
                    _ => plan.levels[level as usize - 1].of_group[*group],
                };
                let delay = p.delay_of(i);
                if share == DIRECT {
                    direct.push(p.targets[i], p.mantissas[i], delay);
                    continue;
                }
                let part = parts.entry((level, share)).or_insert_with(Rows::new);
                part.up_to(element);
                let to = relays[level as usize - 1][share as usize].of[k as usize];
                part.push(to, p.mantissas[i], delay - level as u8);
            }
        }
        if parts.is_empty() {
            projections.push(p.clone());
            continue;
        }
        if !direct.targets.is_empty() {
            projections.push(direct.projection(p, (p.target, target.count), p.receptor));
        }
        for ((level, share), rows) in parts {
            let to = &relays[level as usize - 1][share as usize];
            added.push(rows.projection(p, (to.population, to.count), 0));
        }
    }
    // Sums of relays, the farthest first: to the relay of their share, or to the neuron.
    for (level, shares) in plan.levels.iter().enumerate().rev() {
        for (share, own) in relays[level].iter().enumerate() {
            let (to, receptor) = match level.checked_sub(1) {
                None => (None, shares.receptors[share]),
                Some(next) => {
                    let next_share = plan.levels[next].of_share[share];
                    (Some(&relays[next][next_share as usize]), 0)
                }
            };
            let mut targets = vec![0; own.count as usize];
            for (neuron, k) in (0u32..).zip(&job.index).filter(|i| *i.1 != DIRECT) {
                let from = own.of[*k as usize];
                if from != DIRECT {
                    targets[from as usize] = match to {
                        None => neuron,
                        Some(relay) => relay.of[*k as usize],
                    };
                }
            }
            let path = &out.quantized.populations[own.population as usize].name;
            added.push(link(
                own.population,
                to.map_or(job.population, |relay| relay.population),
                receptor,
                path,
                targets,
                &job.link,
            ));
        }
    }
    projections.extend(added);
    out.quantized.projections = projections;
    out.quantized.populations[job.population as usize].options = options.to_vec();
    made
}

/// One synapse for each relay.
fn link(
    from: u32,
    to: u32,
    receptor: u8,
    path: &str,
    targets: Vec<u32>,
    format: &SynapseFormat,
) -> Projection {
    Projection {
        source: Source::Population(from),
        target: to,
        receptor,
        path: path.into(),
        sign: WeightSign::Excitatory,
        weight_bits: format.weight_bits,
        exponent: 0,
        row_start: (0..=targets.len() as u32).collect(),
        mantissas: vec![1; targets.len()],
        targets,
        delay: 0,
        delays: Vec::new(),
        dense: false,
    }
}
