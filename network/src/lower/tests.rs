//! A lowered network, run as a chip runs it, against the graph that it comes from.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use crate::input::Sample;
use crate::lowered::{Lowered, Reset, Source};
use crate::simulate::{Key, Law, State};
use crate::{Graph, ImportOptions, SimulateOptions};

/// Runs by transport steps: a spike of step t acts at t + 1 + delay + align, an input of step t at t + delay + align.
/// A population at depth k starts at step k, so that biases act as in the graph. Returns spikes (step − depth, neuron).
fn run(net: &Lowered, sample: &Sample, steps: usize) -> Vec<Vec<(u32, u32)>> {
    let laws: Vec<Law> = net
        .populations
        .iter()
        .map(|p| Law::new(&p.model, &p.bias, p.len() as usize, net.dt_s, None).unwrap())
        .collect();
    let mut states: Vec<State> = laws.iter().map(Law::state).collect();
    let deepest = net.populations.iter().map(|p| p.depth).max().unwrap_or(0) as usize;
    let total = steps + deepest;
    let mut arriving: Vec<Vec<Vec<(u32, f64)>>> =
        vec![vec![Vec::new(); total]; net.populations.len()];
    let mut trains = vec![Vec::new(); net.populations.len()];
    let firsts: Vec<u32> = net
        .inputs
        .iter()
        .scan(0, |at, input| {
            let first = *at;
            *at += input.shape.iter().product::<u32>();
            Some(first)
        })
        .collect();
    let deliver = |arriving: &mut Vec<Vec<Vec<(u32, f64)>>>,
                   source: Source,
                   element: u32,
                   value: f64,
                   step: usize| {
        for projection in net.projections.iter().filter(|p| p.source == source) {
            let s = &projection.synapses;
            for i in
                s.row_start[element as usize] as usize..s.row_start[element as usize + 1] as usize
            {
                let at =
                    step + s.delay.get(i).map_or(0, |&d| d as usize) + projection.align as usize;
                if at < total {
                    arriving[projection.target as usize][at]
                        .push((s.target[i], value * f64::from(s.weight[i])));
                }
            }
        }
    };
    for step in 0..total {
        for &(element, value) in if step < steps { sample.step(step) } else { &[] } {
            let input = firsts.iter().rposition(|&f| f <= element).unwrap();
            let element = element - firsts[input];
            deliver(
                &mut arriving,
                Source::Input(input as u32),
                element,
                f64::from(value),
                step,
            );
        }
        for p in 0..net.populations.len() {
            let depth = net.populations[p].depth as usize;
            if step < depth || step >= depth + steps {
                continue;
            }
            let len = net.populations[p].len() as usize;
            let mut input = vec![0.0; len];
            for (target, x) in std::mem::take(&mut arriving[p][step]) {
                input[target as usize] += x;
            }
            let (mut output, mut active) = (vec![0.0; len], Vec::new());
            laws[p].step(
                &mut states[p],
                &input,
                &mut output,
                &mut active,
                Key {
                    population: p as u32,
                    step: step as u32,
                    ..Key::default()
                },
            );
            for neuron in active {
                trains[p].push(((step - depth) as u32, neuron));
                deliver(
                    &mut arriving,
                    Source::Population(p as u32),
                    neuron,
                    1.0,
                    step + 1,
                );
            }
        }
    }
    trains
}

/// Noise with a third of the elements active.
fn sample(width: usize, steps: usize, seed: u64) -> Sample {
    let mut state = seed;
    let mut sample = Sample::new();
    for _ in 0..steps {
        let mut events = Vec::new();
        for element in 0..width {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33).is_multiple_of(3) {
                events.push((element as u32, 1.0));
            }
        }
        sample.push_step(events);
    }
    sample
}

fn check(graph: &Graph) {
    let net = graph.lower().unwrap();
    for seed in 1..4 {
        let sample = sample(graph.input_len(), 20, seed);
        let options = SimulateOptions {
            trains: true,
            ..SimulateOptions::default()
        };
        let result = graph
            .simulate(std::slice::from_ref(&sample), &options)
            .unwrap();
        let trains = run(&net, &sample, 20);
        for (at, population) in result.populations.iter().enumerate() {
            let lowered = net
                .populations
                .iter()
                .position(|p| p.name == population.name)
                .unwrap();
            assert_eq!(
                trains[lowered], result.samples[0].trains[at],
                "{} of {}",
                population.name, graph.name
            );
        }
    }
}

fn load(file: &str) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    crate::load(&path, &ImportOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn lowered_networks_do_the_same() {
    for name in ["digits", "conv_digits", "srnn", "delays"] {
        check(&load(&format!("../examples/{name}/{name}.nir")));
    }
    for name in [
        "conv_grouped",
        "conv1d",
        "conv_scalars",
        "two_inputs",
        "nested_delay",
        "old_style",
        "blocks",
    ] {
        check(&load(&format!("tests/data/{name}.nir")));
    }
}

#[test]
fn a_threshold_absorbs_its_integrator() {
    let graph = load("tests/data/li_threshold.nir");
    check(&graph);
    let net = graph.lower().unwrap();
    let names: Vec<(&str, u32)> = net
        .populations
        .iter()
        .map(|p| (p.name.as_str(), p.depth))
        .collect();
    assert_eq!(names, [("thr", 0), ("cuba", 1), ("i", 2)]);
    let crate::lowered::Model::Leaky {
        tau: Some(_),
        fire: Some(fire),
        ..
    } = &net.populations[0].model
    else {
        panic!("an integrator that fires");
    };
    assert_eq!(fire.reset, Reset::None);
}
