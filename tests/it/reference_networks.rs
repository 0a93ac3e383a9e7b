//! The five reference networks: the float simulator against its golden numbers, the chip against an independent
//! integer simulation of the quantised network, and both accuracies.

use crate::cli::{json, root};
use crate::integer;
use emulator::{Between, Options, SampleInput, Timing};
use isa::ChipSpec;
use serde_json::Value;

struct Net {
    name: &'static str,
    net: &'static str,
    /// Spikes of each population over all samples, in order of name as listed by the reference.
    spikes: &'static [(&'static str, u64)],
    accuracy: f64,
    /// How far below it the chip may be.
    loss: f64,
}

const NETS: [Net; 5] = [
    Net {
        name: "digits",
        net: "digits.nir",
        spikes: &[("lif1", 8202), ("lif2", 1224)],
        accuracy: 0.95,
        loss: 0.01,
    },
    Net {
        name: "conv_digits",
        net: "conv_digits.nir",
        spikes: &[("if1", 48_383), ("if2", 16_097), ("if3", 962)],
        accuracy: 0.91,
        loss: 0.01,
    },
    Net {
        name: "srnn",
        net: "srnn.nir",
        spikes: &[("srnn/lif", 18_925)],
        accuracy: 1.0,
        loss: 0.01,
    },
    Net {
        name: "delays",
        net: "delays.nir",
        spikes: &[("detect/lif", 100), ("group/cuba", 200), ("thr", 200)],
        accuracy: 1.0,
        loss: 0.01,
    },
    Net {
        name: "motion",
        net: "motion.nir",
        spikes: &[
            ("lif1", 722_072),
            ("lif2", 353_322),
            ("lif3", 67_906),
            ("lif4", 8897),
            ("lif5", 833),
        ],
        accuracy: 0.953_125,
        loss: 0.016,
    },
];

fn files(net: &Net) -> (String, String) {
    (
        format!("examples/{}/{}", net.name, net.net),
        format!("examples/{}/test.npz", net.name),
    )
}

fn accuracy(report: &Value) -> f64 {
    report["accuracy"].as_f64().expect("labels were given")
}

#[test]
fn float_simulation_gives_the_golden_spikes() {
    for net in &NETS {
        let (file, input) = files(net);
        let report = json(
            &format!("simulate_{}", net.name),
            &["simulate", &file, "--input", &input],
        );
        for (population, spikes) in net.spikes {
            assert_eq!(
                report["spikes"]["populations"][population].as_u64(),
                Some(*spikes),
                "{} {population}",
                net.name
            );
        }
        assert!(
            (accuracy(&report) - net.accuracy).abs() < 1e-9,
            "{}",
            net.name
        );
    }
}

#[test]
fn chip_is_as_accurate_as_float() {
    for net in &NETS {
        let (file, input) = files(net);
        let report = json(
            &format!("run_{}", net.name),
            &[
                "run", &file, "--input", &input, "--chip", "loihi", "--timing", "off",
            ],
        );
        let got = accuracy(&report);
        assert!(
            got >= net.accuracy - net.loss - 1e-9,
            "{}: {got}, float {}",
            net.name,
            net.accuracy
        );
    }
}

#[test]
fn chip_equals_an_independent_integer_simulation() {
    let chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
    for net in &NETS {
        let (file, input) = files(net);
        let arguments = spikemesh::args::NetworkArgs {
            dt: None,
            import: Vec::new(),
        };
        let path = root().join(&file);
        let graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
        let lowered = spikemesh::nets::lower(graph, &path).expect("can run");
        let options = mapper::Options::default();
        let mapped = mapper::map(&lowered, &chip, &options).unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(isa::verify::fits(&mapped.image, &chip), [], "{}", net.name);
        let events =
            spikemesh::nets::input(&root().join(&input), &mapped.image).expect("good input");
        let count = match net.name {
            "motion" => 3,
            _ => events.samples.len(),
        };
        let samples: Vec<SampleInput> = events.samples[..count]
            .iter()
            .map(|s| spikemesh::nets::to_chip(s, events.steps, &mapped.image).expect("spikes"))
            .collect();
        let options = Options {
            seed: 0,
            threads: 2,
            timing: Timing::Off,
            between: Between::Reset,
            drain: mapped.image.io.drain,
            record_spikes: true,
            record_packets: false,
        };
        let results =
            emulator::run(&mapped.image, &chip, &samples, &options, &|_| ()).expect("fits");
        let mut spikes = 0;
        for (index, (sample, result)) in samples.iter().zip(&results).enumerate() {
            let mut list = Vec::new();
            for t in 0..sample.steps {
                for e in sample.offsets[t as usize]..sample.offsets[t as usize + 1] {
                    list.push((t, sample.elements[e as usize], sample.values[e as usize]));
                }
            }
            let expect = integer::simulate(&mapped.quantized, sample.steps + options.drain, &list);
            let mut got = result.spikes.clone();
            got.sort_unstable();
            assert_eq!(got, expect.spikes, "{} sample {index}", net.name);
            spikes += got.len();
            for probe in &mapped.image.probes {
                let first = probe.neurons[0].0;
                let population = mapped.quantized.population_of(first);
                let p = result
                    .probes
                    .iter()
                    .zip(&mapped.image.probes)
                    .find(|(_, b)| b.name == probe.name);
                let values = p.expect("every probe gives values").0;
                assert_eq!(
                    values, &expect.values[&population],
                    "{} {}",
                    net.name, probe.name
                );
            }
        }
        assert!(
            spikes > count,
            "{}: {spikes} spikes prove nothing",
            net.name
        );
    }
}
