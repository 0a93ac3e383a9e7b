//! The five reference networks: every spike, every output, every prediction as in the files beside them.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};

use network::npz::{Array, Data, Npz};
use network::{Graph, ImportOptions, SampleResult, SimulateOptions, Simulation, input};

fn example(folder: &str, file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(folder)
        .join(file)
}

struct Case {
    graph: Graph,
    result: Simulation,
    labels: Vec<u32>,
    steps: usize,
    npz: Npz<std::fs::File>,
}

fn run(folder: &str, switches: &[&str]) -> Case {
    let options = ImportOptions::parse(switches).unwrap();
    let graph = network::load(&example(folder, &format!("{folder}.nir")), &options).unwrap();
    let shapes = graph.input_shapes();
    let path = example(folder, "test.npz");
    let input = input::load(&path, &shapes, graph.dt_s).unwrap();
    assert_eq!(input.dt_s, Some(graph.dt_s));
    let result = graph
        .simulate(
            &input.samples,
            &SimulateOptions {
                trains: true,
                ..Default::default()
            },
        )
        .unwrap();
    let npz = Npz::open(std::fs::File::open(path).unwrap()).unwrap();
    Case {
        graph,
        result,
        labels: input.labels.unwrap(),
        steps: input.samples[0].steps(),
        npz,
    }
}

/// (steps, samples, bytes) of packed bits.
fn pack(samples: &[Vec<(u32, u32)>], steps: usize, width: usize) -> Vec<u8> {
    let row = width.div_ceil(8);
    let mut bytes = vec![0; steps * samples.len() * row];
    for (number, train) in samples.iter().enumerate() {
        for &(step, neuron) in train {
            bytes[(step as usize * samples.len() + number) * row + neuron as usize / 8] |=
                1 << (neuron % 8);
        }
    }
    bytes
}

impl Case {
    fn array(&mut self, key: &str) -> Array {
        self.npz
            .read(key)
            .unwrap()
            .unwrap_or_else(|| panic!("no {key}"))
    }

    /// Compares a population's counts and first four trains with the file; returns its spikes.
    fn population(&mut self, name: &str) -> u64 {
        let at = self
            .result
            .populations
            .iter()
            .position(|p| p.name == name)
            .unwrap_or_else(|| panic!("no {name}"));
        let width: usize = self.result.populations[at]
            .shape
            .iter()
            .map(|&d| d as usize)
            .product();
        let trains: Vec<Vec<(u32, u32)>> = self
            .result
            .samples
            .iter()
            .map(|s| s.trains[at].clone())
            .collect();
        let key = name.replace('/', "|");
        let mut counts = vec![0u16; trains.len() * width];
        for (number, train) in trains.iter().enumerate() {
            train
                .iter()
                .for_each(|&(_, neuron)| counts[number * width + neuron as usize] += 1);
        }
        assert_eq!(
            self.array(&format!("counts__{key}")).data,
            Data::U16(counts),
            "{name}"
        );
        let bits = pack(&trains[..4], self.steps, width);
        assert_eq!(
            self.array(&format!("bits4__{key}")).data,
            Data::U8(bits),
            "{name}"
        );
        self.result.populations[at].spikes
    }

    /// Compares a spiking output's trains with the file.
    fn output(&mut self, name: &str, key: &str) {
        let at = self
            .result
            .outputs
            .iter()
            .position(|o| o.name == name)
            .unwrap();
        assert!(self.result.outputs[at].spiking);
        let width: usize = self.result.outputs[at]
            .shape
            .iter()
            .map(|&d| d as usize)
            .product();
        let events = |sample: &SampleResult| -> Vec<(u32, u32)> {
            let values = sample.outputs[at].iter().enumerate();
            values
                .filter(|v| *v.1 == 1.0)
                .map(|(i, _)| ((i / width) as u32, (i % width) as u32))
                .collect()
        };
        let trains: Vec<_> = self.result.samples.iter().map(events).collect();
        let bits = pack(&trains, self.steps, width);
        assert_eq!(self.array(key).data, Data::U8(bits), "{name}");
    }

    fn correct(&self) -> usize {
        let lengths: Vec<usize> = self
            .result
            .outputs
            .iter()
            .map(|o| o.shape.iter().map(|&d| d as usize).product())
            .collect();
        let scored = network::scored_output(&lengths, &self.labels);
        self.result
            .samples
            .iter()
            .zip(&self.labels)
            .filter(|(s, l)| s.predictions[scored] == **l)
            .count()
    }
}

#[test]
fn digits() {
    let mut case = run("digits", &[]);
    assert_eq!(
        [case.population("lif1"), case.population("lif2")],
        [8202, 1224]
    );
    case.output("output", "output_bits");
    assert_eq!(case.correct(), 95);
    let assumed = case.graph.assumptions.join("\n");
    assert!(
        assumed.contains(
            "reset assumed hard; snnTorch's default is subtract: --import reset=subtract"
        ),
        "{assumed}"
    );
}

#[test]
fn conv_digits() {
    let mut case = run("conv_digits", &[]);
    assert_eq!(
        ["if1", "if2", "if3"].map(|p| case.population(p)),
        [48383, 16097, 962]
    );
    case.output("output", "output_bits");
    assert_eq!(case.correct(), 91);
}

#[test]
fn srnn() {
    let mut case = run("srnn", &[]);
    assert_eq!(case.population("srnn/lif"), 18925);
    assert_eq!(case.correct(), 100);
    let Data::F32(expected) = case.array("output").data else {
        panic!("type")
    };
    let (steps, width, count) = (case.steps, 4, case.result.samples.len());
    for step in 0..steps {
        for (number, sample) in case.result.samples.iter().enumerate() {
            for element in 0..width {
                let got = sample.outputs[0][step * width + element];
                let wanted = expected[(step * count + number) * width + element];
                assert!(
                    (got - wanted).abs() <= 1e-6 * wanted.abs().max(0.1),
                    "{step} {number} {element}: {got} {wanted}"
                );
            }
        }
    }
}

#[test]
fn srnn_with_the_old_current() {
    let mut case = run("srnn", &["cuba=old"]);
    assert_eq!(case.result.populations[0].spikes, 18810);
    let Data::U16(expected) = case.array("iold_counts").data else {
        panic!("type")
    };
    let mut counts = vec![0u16; expected.len()];
    for (number, sample) in case.result.samples.iter().enumerate() {
        sample.trains[0]
            .iter()
            .for_each(|&(_, neuron)| counts[number * 48 + neuron as usize] += 1);
    }
    assert_eq!(counts, expected);
    assert_eq!(case.correct(), 100);
}

#[test]
fn delays() {
    let mut case = run("delays", &[]);
    assert_eq!(
        ["detect/lif", "group/cuba", "thr"].map(|p| case.population(p)),
        [100, 200, 200]
    );
    case.output("output", "output__output_bits");
    case.output("spk_out", "output__spk_out_bits");
    assert_eq!(case.correct(), 100);
}

#[test]
fn motion() {
    let mut case = run("motion", &[]);
    let spikes = ["lif1", "lif2", "lif3", "lif4", "lif5"].map(|p| case.population(p));
    assert_eq!(spikes, [722072, 353322, 67906, 8897, 833]);
    case.output("output", "output_bits");
    assert_eq!(case.correct(), 61);
}
