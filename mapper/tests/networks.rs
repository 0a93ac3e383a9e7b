//! The five example networks: they fit the Loihi preset, and eight bits cost little accuracy.

mod common;

use common::{chip, simulate_integers};
use mapper::{Mapped, Options, map};
use std::path::Path;

/// Maps an example and counts correct predictions of (float, integers) on its test set.
fn check(name: &str, samples: usize) -> (Mapped, usize, usize, usize) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name);
    let graph = network::load(
        &dir.join(format!("{name}.nir")),
        &network::ImportOptions::default(),
    )
    .expect("example loads");
    let lowered = graph.lower().expect("example is lowered");
    let mapped = map(&lowered, &chip("loihi", |_| {}), &Options::default())
        .unwrap_or_else(|e| panic!("{}", e[0]));
    assert!(
        mapped.approximations.is_empty() && mapped.warnings.is_empty(),
        "{:?}",
        mapped.warnings
    );
    let shapes: Vec<Vec<u32>> = lowered.inputs.iter().map(|i| i.shape.clone()).collect();
    let test =
        network::input::load(&dir.join("test.npz"), &shapes, lowered.dt_s).expect("test set loads");
    let labels = test.labels.clone().expect("test set has labels");
    let float = graph
        .simulate(
            &test.samples[..samples],
            &network::SimulateOptions::default(),
        )
        .expect("simulates");
    let lengths: Vec<usize> = mapped
        .quantized
        .outputs
        .iter()
        .map(|o| o.shape.iter().product::<u32>() as usize)
        .collect();
    let scored = network::scored_output(&lengths, &labels);
    let q = &mapped.quantized;
    let output = &q.outputs[scored];
    let p = &q.populations[output.population as usize];
    let (mut right, mut float_right) = (0, 0);
    for (i, sample) in test.samples[..samples].iter().enumerate() {
        let input: Vec<Vec<u32>> = (0..sample.steps())
            .map(|t| {
                sample
                    .step(t)
                    .iter()
                    .flat_map(|(e, n)| std::iter::repeat_n(*e, *n as usize))
                    .collect()
            })
            .collect();
        let steps = sample.steps() + p.depth as usize;
        let (spikes, v) = simulate_integers(q, &input, steps);
        let mut values = Vec::new();
        for t in p.depth as usize..steps {
            values.extend((p.first..p.first + p.count).map(|n| {
                if p.fires {
                    f32::from(u8::from(spikes[t].contains(&n)))
                } else {
                    v[t][n as usize] as f32
                }
            }));
        }
        right += usize::from(predict(p.fires, &values, sample.steps()) == labels[i]);
        float_right += usize::from(float.samples[i].predictions[scored] == labels[i]);
    }
    (mapped, float_right, right, samples)
}

/// Most spikes, or the largest value of the last step; the first class wins ties.
fn predict(spiking: bool, values: &[f32], steps: usize) -> u32 {
    let classes = values.len() / steps;
    let score = |c: usize| {
        if spiking {
            (0..steps).map(|t| values[t * classes + c]).sum()
        } else {
            values[(steps - 1) * classes + c]
        }
    };
    (1..classes).fold(0, |best, c| if score(c) > score(best) { c } else { best }) as u32
}

#[test]
fn digits() {
    let (_, float, integers, of) = check("digits", 100);
    assert!(float.saturating_sub(integers) as f64 <= 0.01 * of as f64);
}

#[test]
fn conv_digits() {
    let (_, float, integers, of) = check("conv_digits", 100);
    assert!(float.saturating_sub(integers) as f64 <= 0.01 * of as f64);
}

#[test]
fn srnn() {
    let (_, float, integers, of) = check("srnn", 100);
    assert!(float.saturating_sub(integers) as f64 <= 0.01 * of as f64);
}

#[test]
fn delays() {
    let (_, float, integers, of) = check("delays", 100);
    assert!(float.saturating_sub(integers) as f64 <= 0.01 * of as f64);
}

#[test]
fn motion() {
    let (mapped, float, integers, of) = check("motion", 64);
    assert!(float.saturating_sub(integers) as f64 <= 0.016 * of as f64);
    assert!(mapped.report.cores_used >= 24);
    assert_eq!(mapped.report.neurons, 26_728);
    assert_eq!(
        mapped
            .report
            .projections
            .iter()
            .map(|p| p.synapses + p.dropped)
            .sum::<u64>(),
        2_628_992
    );
}
