//! Spikes per step of every source: measured, simulated, or assumed.
//!
//! Invariant: every rate is at least [`LEAST_RATE`]; relays have the rate of their sources.

use super::source_base;
use crate::quantized::{Population, Quantized};
use network::Activity;
use network::lowered::Lowered;

/// Spikes per step of a neuron when nothing was measured: typical of trained networks (1 to 5 %).
const RATE: f64 = 0.02;
/// Spikes per step of an input element when nothing was measured: rate-coded images have some 15 %, events of sensors some 5 %. The
/// host's link is the one place that all of them pass, so estimates take the busier kind; work is balanced for equal rates.
const INPUT_RATE: f64 = 0.15;
/// Least rate of a measured source: silence in a sample is no proof of silence.
const LEAST_RATE: f64 = 1e-4;

/// Spikes per step of every neuron and input element.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// By neuron, in network order; relays may be left out.
    pub neurons: Vec<f64>,
    /// By input element, through all inputs.
    pub inputs: Vec<f64>,
}

impl Rates {
    /// Those of a simulation; neurons that it knows nothing of are silent.
    pub fn of(net: &Lowered, activity: &Activity) -> Rates {
        let mut neurons = Vec::new();
        for p in &net.populations {
            let known = activity.populations.iter().find(|k| k.0 == p.name);
            match known.filter(|k| k.1.len() == p.len() as usize) {
                Some((_, rates)) => neurons.extend(rates),
                None => neurons.resize(neurons.len() + p.len() as usize, 0.0),
            }
        }
        Rates {
            neurons,
            inputs: activity.inputs.clone(),
        }
    }
}

/// Rates of all sources, neurons first, whatever the user gave.
pub(crate) fn by_source(q: &Quantized, given: Option<&Rates>) -> Vec<f64> {
    let (neurons, inputs) = (q.neurons() as usize, q.input_elements() as usize);
    let mut rates = vec![RATE; neurons];
    rates.resize(neurons + inputs, INPUT_RATE);
    let least = |r: &f64| r.max(LEAST_RATE);
    let known = given.map_or(neurons, |given| {
        rates[..neurons]
            .iter_mut()
            .zip(given.neurons.iter().map(least))
            .for_each(|(to, r)| *to = r);
        rates[neurons..]
            .iter_mut()
            .zip(given.inputs.iter().map(least))
            .for_each(|(to, r)| *to = r);
        given.neurons.len()
    });
    // A relay sends when one of its sources does; these come before it. Where nothing is measured, relays of single sources are like
    // the others.
    let adds_up = |p: &Population| p.kernel == "relay" && p.options.iter().any(|o| o.0 == "GRADED");
    let mut silent = vec![true; neurons];
    for p in &q.projections {
        let target = &q.populations[p.target as usize];
        if (target.first as usize) < known && !adds_up(target) {
            continue;
        }
        let base = source_base(q, p.source);
        for element in 0..p.rows() {
            for t in &p.targets[p.row(element)] {
                let (to, from) = ((target.first + t) as usize, (base + element) as usize);
                rates[to] = match std::mem::replace(&mut silent[to], false) {
                    true => rates[from],
                    false => 1.0 - (1.0 - rates[to].min(1.0)) * (1.0 - rates[from].min(1.0)),
                };
            }
        }
    }
    rates
}

/// Packets of all sources as whole numbers, for placers: spikes in so many steps that the rarest counts.
pub(crate) fn weights(by_source: &[f64]) -> Vec<u64> {
    let whole = |rate: &f64| (rate / LEAST_RATE).round() as u64;
    by_source.iter().map(whole).collect()
}
