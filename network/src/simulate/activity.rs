//! How often the neurons and inputs of a network spike: what a mapper weighs connections by.
//!
//! Invariant: rates are means over all steps of all samples, from the float reference; noise is drawn from counters, so it is the same everywhere.

use super::SimulateOptions;
use super::neuron::{Key, uniform};
use crate::error::Result;
use crate::graph::Graph;
use crate::graph::Op;
use crate::input::Sample;
use crate::linear::Linear;

/// Spikes per step of every input element as noise, between what sensors (some 5 %) and rate-coded images (some 15 %) send.
const NOISE: f64 = 0.1;
/// Steps with noise, and those of them that pass before spikes are counted.
const STEPS: u32 = 32;
const SETTLING: u32 = 8;
/// Connections times steps above which fewer steps are simulated; a network that could not even settle is not.
const MOST_WORK: u64 = 200_000_000;

/// Mean spikes per step.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Of the neurons of every population that fires, by its name.
    pub populations: Vec<(String, Vec<f64>)>,
    /// Packets of every input element, through all inputs: a value counts as often as its size says, at least once.
    pub inputs: Vec<f64>,
}

impl Sample {
    /// Every element has a one in each step with this probability.
    pub fn noise(elements: usize, steps: u32, probability: f64) -> Sample {
        let mut sample = Sample::new();
        for step in 0..steps {
            let key = Key {
                step,
                ..Key::default()
            };
            let drawn = (0..elements as u32).filter(|e| uniform(key, *e) < probability);
            sample.push_step(drawn.map(|e| (e, 1.0)));
        }
        sample
    }
}

impl Graph {
    /// Rates on noise, where nothing is known of the real input: nothing for networks that the float reference does not run, or that are so
    /// large that it would take long.
    pub fn activity_on_noise(&self) -> Option<Activity> {
        let steps = (MOST_WORK / self.connections().max(1)).min(STEPS.into()) as u32;
        if steps < 2 * SETTLING {
            return None;
        }
        let noise = Sample::noise(self.input_len(), steps, NOISE);
        self.activity(&[noise], SETTLING, &SimulateOptions::default())
            .ok()
    }

    /// Products of a step in which every element has a value, at most.
    fn connections(&self) -> u64 {
        let of = |node: &crate::graph::Node| match &node.op {
            Op::Linear(Linear::Dense { weight, .. }) => weight.len() as u64,
            Op::Linear(Linear::Sparse { synapses, .. }) => synapses.target.len() as u64,
            Op::Linear(Linear::Conv {
                weight,
                channels_out,
                ..
            }) => node.len() as u64 * (weight.len() as u64 / u64::from(*channels_out).max(1)),
            _ => node.len() as u64,
        };
        self.nodes.iter().map(of).sum()
    }

    /// Runs samples and counts spikes, the first `skipped` steps of each left out.
    pub fn activity(
        &self,
        samples: &[Sample],
        skipped: u32,
        options: &SimulateOptions,
    ) -> Result<Activity> {
        let options = SimulateOptions {
            trains: true,
            ..options.clone()
        };
        let mut inputs = vec![0.0; self.input_len()];
        let mut populations: Vec<(String, Vec<f64>)> = Vec::new();
        let mut steps = 0;
        for sample in samples {
            let run = self.simulate(std::slice::from_ref(sample), &options)?;
            if populations.is_empty() {
                let silent = run.populations.iter().map(|p| {
                    let neurons = p.shape.iter().map(|n| *n as usize).product();
                    (p.name.clone(), vec![0.0; neurons])
                });
                populations = silent.collect();
            }
            let trains = run.samples.iter().flat_map(|s| &s.trains);
            for ((_, counts), train) in populations.iter_mut().zip(trains) {
                for (_, neuron) in train.iter().filter(|spike| spike.0 >= skipped) {
                    counts[*neuron as usize] += 1.0;
                }
            }
            for step in skipped as usize..sample.steps() {
                for (element, value) in sample.step(step) {
                    inputs[*element as usize] += f64::from(value.abs()).ceil();
                }
            }
            steps += sample.steps().saturating_sub(skipped as usize);
        }
        let counts = populations.iter_mut().flat_map(|p| &mut p.1);
        for count in counts.chain(&mut inputs) {
            *count /= steps.max(1) as f64;
        }
        Ok(Activity {
            populations,
            inputs,
        })
    }
}
