//! What arrives at each neuron of a population: synapses of all projections by target, equal ones summed.
//!
//! Invariant: a list ascends by (source, delay) without repeats and without zeros, for a crossbar has one bit for a source,
//! a type and a delay, however many synapses the network has between the two neurons.

use crate::quantize::params::Column;
use isa::ids::INPUT_ID;
use network::lowered::{Lowered, Source, WeightUnit};

/// One synapse, equal ones summed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Synapse {
    /// Logical id of the neuron, or element number with `INPUT_ID`.
    pub(super) source: u32,
    /// Steps, alignment included.
    pub(super) delay: u32,
    /// Change of the target's v, in its model units or (with `given`) in chip integers.
    pub(super) weight: f64,
}

/// Synapses by target neuron.
#[derive(Clone, Debug, Default)]
pub(super) struct Fanin {
    pub(super) start: Vec<u32>,
    pub(super) list: Vec<Synapse>,
    /// Weights are chip integers.
    pub(super) given: bool,
}

impl Fanin {
    /// Synapses of a neuron.
    pub(super) fn of(&self, neuron: usize) -> &[Synapse] {
        &self.list[self.range(neuron)]
    }

    /// Their places in `list`.
    pub(super) fn range(&self, neuron: usize) -> std::ops::Range<usize> {
        self.start[neuron] as usize..self.start[neuron + 1] as usize
    }

    /// Number of neurons.
    pub(super) fn neurons(&self) -> usize {
        self.start.len() - 1
    }

    /// Largest number of (source, delay) pairs of a neuron, and that neuron.
    pub(super) fn widest(&self) -> (usize, usize) {
        let lengths = self.start.windows(2).map(|w| (w[1] - w[0]) as usize);
        let widest = lengths
            .enumerate()
            .max_by_key(|(j, n)| (*n, std::cmp::Reverse(*j)));
        widest.map_or((0, 0), |(j, n)| (n, j))
    }

    /// Gathers what arrives at a population. `gain` multiplies weights in model units.
    pub(super) fn gather(net: &Lowered, population: usize, gain: &Column, by_name: bool) -> Fanin {
        let first = firsts(net);
        let arriving: Vec<_> = net
            .projections
            .iter()
            .filter(|p| p.target as usize == population)
            .collect();
        let given = by_name || arriving.iter().any(|p| p.unit != WeightUnit::Model);
        let neurons = net.populations[population].len() as usize;
        let mut start = vec![0u32; neurons + 1];
        for p in &arriving {
            p.synapses
                .target
                .iter()
                .for_each(|t| start[*t as usize + 1] += 1);
        }
        for j in 0..neurons {
            start[j + 1] += start[j];
        }
        let nothing = Synapse {
            source: 0,
            delay: 0,
            weight: 0.0,
        };
        let mut list = vec![nothing; start[neurons] as usize];
        let mut next = start.clone();
        for p in &arriving {
            let base = match p.source {
                Source::Input(i) => INPUT_ID | first.inputs[i as usize],
                Source::Population(s) => first.populations[s as usize],
            };
            let s = &p.synapses;
            for element in 0..s.row_start.len().saturating_sub(1) {
                for i in s.row_start[element] as usize..s.row_start[element + 1] as usize {
                    let target = s.target[i] as usize;
                    let weight = f64::from(s.weight[i]);
                    list[next[target] as usize] = Synapse {
                        source: base + element as u32,
                        delay: p.align + s.delay.get(i).map_or(0, |d| u32::from(*d)),
                        weight: match p.unit {
                            WeightUnit::Model if by_name => weight,
                            WeightUnit::Model => weight * gain.get(target),
                            WeightUnit::Effective => weight,
                            WeightUnit::Mantissa { exponent } => {
                                weight * f64::from(exponent).exp2()
                            }
                        },
                    };
                    next[target] += 1;
                }
            }
        }
        merge(start, list, given)
    }
}

/// Sorts each neuron's list and sums equal synapses.
fn merge(start: Vec<u32>, mut list: Vec<Synapse>, given: bool) -> Fanin {
    let mut out = Fanin {
        start: vec![0],
        list: Vec::with_capacity(list.len()),
        given,
    };
    for w in start.windows(2) {
        let mine = &mut list[w[0] as usize..w[1] as usize];
        mine.sort_by_key(|s| (s.source, s.delay));
        for run in mine.chunk_by(|a, b| (a.source, a.delay) == (b.source, b.delay)) {
            let weight: f64 = run.iter().map(|s| s.weight).sum();
            if weight != 0.0 {
                out.list.push(Synapse { weight, ..run[0] });
            }
        }
        out.start.push(out.list.len() as u32);
    }
    out
}

/// First logical id of every population, and first element of every input.
pub(super) struct Firsts {
    pub(super) populations: Vec<u32>,
    pub(super) inputs: Vec<u32>,
}

/// Numbers neurons through the populations and elements through the inputs.
pub(super) fn firsts(net: &Lowered) -> Firsts {
    let run = |counts: &mut dyn Iterator<Item = u32>| {
        let mut next = 0;
        counts
            .map(|n| {
                next += n;
                next - n
            })
            .collect()
    };
    Firsts {
        populations: run(&mut net
            .populations
            .iter()
            .map(network::lowered::Population::len)),
        inputs: run(&mut net.inputs.iter().map(|i| i.shape.iter().product())),
    }
}
