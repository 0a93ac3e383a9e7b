//! Every NIR primitive and oddity against an independent dense executor in Python: `data/make.py`.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};

use network::npz::Npz;
use network::{Graph, ImportOptions, SimulateOptions, input};

fn data(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(file)
}

fn load(name: &str) -> Graph {
    network::load(&data(&format!("{name}.nir")), &ImportOptions::default())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn expected() -> Npz<std::fs::File> {
    Npz::open(std::fs::File::open(data("expected.npz")).unwrap()).unwrap()
}

/// Runs the network on the inputs of `expected.npz` and compares all spike counts and outputs.
fn check(name: &str, outputs: &[&str]) -> Graph {
    let graph = load(name);
    let mut expected = expected();
    let spikes = expected.read(&format!("{name}.input")).unwrap().unwrap();
    let shapes = vec![vec![graph.input_len() as u32]];
    let mut bytes = Vec::new();
    network::npz::write_npy(&mut bytes, &spikes).unwrap();
    let samples = input::from_npy(&bytes, &shapes).unwrap().samples;
    let result = graph
        .simulate(&samples, &SimulateOptions::default())
        .unwrap();
    for population in &result.populations {
        let key = format!("{name}.spikes.{}", population.name.replace('/', "|"));
        let wanted = expected
            .read(&key)
            .unwrap()
            .unwrap_or_else(|| panic!("no {key}"));
        assert_eq!(
            population.spikes as f64,
            wanted.get(0).unwrap(),
            "{name}: {}",
            population.name
        );
    }
    for output in outputs {
        let at = result
            .outputs
            .iter()
            .position(|o| o.name == *output)
            .unwrap();
        for (number, sample) in result.samples.iter().enumerate() {
            let wanted = expected
                .read(&format!("{name}.output.{output}.{number}"))
                .unwrap()
                .unwrap()
                .to_f64();
            assert_eq!(sample.outputs[at].len(), wanted.len());
            for (i, (got, wanted)) in sample.outputs[at].iter().zip(wanted).enumerate() {
                let close = (f64::from(*got) - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
                assert!(
                    close,
                    "{name}: {output} of sample {number}, value {i}: {got}, should be {wanted}"
                );
            }
        }
    }
    graph
}

#[test]
fn grouped_depthwise_strided_dilated_convolution() {
    let graph = check("conv_grouped", &["output"]);
    let shapes: Vec<_> = graph.nodes.iter().map(|n| n.shape.clone()).collect();
    assert_eq!(shapes[1], [6, 5, 5]);
}

#[test]
fn scalars_pooling_and_missing_shapes() {
    let graph = check("conv_scalars", &["output"]);
    assert!(
        graph.nodes.iter().any(|n| n.shape == [3, 5, 4]),
        "average pool with padding"
    );
}

#[test]
fn one_dimensional_convolution() {
    check("conv1d", &["output"]);
}

#[test]
fn two_inputs_and_mutual_feedback() {
    check("two_inputs", &["out_x", "out_y"]);
}

#[test]
fn delay_in_the_loop_of_a_nested_graph() {
    check("nested_delay", &["output"]);
}

#[test]
fn integrators_thresholds_and_currents() {
    check("li_threshold", &["output", "spikes"]);
}

#[test]
fn old_files() {
    let graph = check("old_style", &["output_lif"]);
    let assumed = graph.assumptions.join("\n");
    for part in [
        "`fc` has no input: `input_fc` added",
        "`output_lif` added",
        "no `v_reset`; taken as 0",
    ] {
        assert!(assumed.contains(part), "{assumed}");
    }
}

#[test]
fn blocks_and_partial_flattening() {
    check("blocks", &["output"]);
}
