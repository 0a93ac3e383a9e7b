//! The linear leak that stands for a decay: of all candidates the one whose neurons fire most like the model's.
//!
//! Invariant: the same network gives the same choice. Criterion: neurons drawn evenly from the population, with their own
//! weights, get independent random spikes of five activities; the sum of squared differences of spike counts decides, and
//! where nothing fires the squared difference of v. Neurons that are read are judged by v alone.

use super::cell::{Cell, Modes, Real};
use super::fanin::Fanin;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Neurons that are simulated.
const NEURONS: usize = 16;
/// Mean chance that a source spikes in a step. Each source has its own, between nothing and twice this.
const ACTIVITIES: [f64; 5] = [1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0];
/// Draws of the sources' own activities.
const PATTERNS: usize = 4;
/// Steps of a trial.
pub(super) const STEPS: usize = 48;
/// Share of the squared error of v, in units of the working range, against a difference of one spike.
const POTENTIAL: f64 = 1e-3;

/// Inputs of one trial of one neuron, and what the model made of them.
struct Trial {
    neuron: usize,
    input: Vec<i32>,
    spikes: u32,
    v: Vec<f64>,
}

/// Trials of a population.
pub(super) struct Trials {
    list: Vec<Trial>,
}

/// How far a candidate is from the model.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Judgement {
    pub(super) error: f64,
    /// Spikes of the model and of the candidate, over all trials.
    pub(super) spikes: [u64; 2],
    /// Mean difference of spikes in a trial, without sign.
    pub(super) difference: f64,
    /// Root of the mean squared difference of v, model units.
    pub(super) rms: f64,
}

impl Trials {
    /// Draws inputs and runs the model.
    pub(super) fn new(fanin: &Fanin, weights: &[i32], real: &[Real]) -> Trials {
        let with: Vec<usize> = (0..fanin.neurons())
            .filter(|j| !fanin.of(*j).is_empty())
            .collect();
        let count = with.len().min(NEURONS);
        let mut list = Vec::new();
        for k in 0..count {
            let neuron = with[k * with.len() / count];
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(neuron as u64);
            let mut unit = move || (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            for activity in ACTIVITIES {
                for _ in 0..PATTERNS {
                    let rates: Vec<f64> = fanin
                        .of(neuron)
                        .iter()
                        .map(|_| 2.0 * activity * unit())
                        .collect();
                    let mut trial = Trial {
                        neuron,
                        input: Vec::with_capacity(STEPS),
                        spikes: 0,
                        v: Vec::with_capacity(STEPS),
                    };
                    let (mut v, mut spiked) = (real[neuron].start, false);
                    for _ in 0..STEPS {
                        let (mut x, mut q) = (0.0, 0);
                        for (i, rate) in fanin.range(neuron).zip(&rates) {
                            if unit() < *rate {
                                x += fanin.list[i].weight;
                                q += weights[i];
                            }
                        }
                        trial.input.push(q);
                        trial.spikes += u32::from(real[neuron].step(&mut v, &mut spiked, x));
                        trial.v.push(v);
                    }
                    list.push(trial);
                }
            }
        }
        Trials { list }
    }

    /// Runs a candidate: a cell for each neuron that is simulated, its units, and where its 0 lies.
    pub(super) fn judge(
        &self,
        modes: Modes,
        real: &[Real],
        scale: &[f64],
        cell: impl Fn(usize) -> (Cell, f64),
    ) -> Judgement {
        let mut all = Judgement::default();
        for trial in &self.list {
            let (cell, zero) = cell(trial.neuron);
            let fires = real[trial.neuron].fire.is_some();
            let range = real[trial.neuron].range().max(1e-300);
            let (mut v, mut spikes) = (i64::from(cell.v), 0u32);
            let mut square = 0.0;
            for (q, expected) in trial.input.iter().zip(&trial.v) {
                spikes += u32::from(cell.step(modes, &mut v, i64::from(*q)));
                square += (v as f64 / scale[trial.neuron] + zero - expected).powi(2);
            }
            all.rms += square;
            if fires {
                let difference = f64::from(spikes.abs_diff(trial.spikes));
                all.error += difference.powi(2) + POTENTIAL * square / range.powi(2) / STEPS as f64;
                all.difference += difference;
                all.spikes[0] += u64::from(trial.spikes);
                all.spikes[1] += u64::from(spikes);
            } else {
                all.error += square;
            }
        }
        let trials = self.list.len().max(1) as f64;
        all.difference /= trials;
        all.rms = (all.rms / trials / STEPS as f64).sqrt();
        all
    }

    /// Whether nothing could be tried.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}
