//! `--relay`: a network on a chip with few input axons, or little memory, spikes as on the same chip with many, on both engines.

use crate::cli::{folder, json, run_in};
use crate::engines;
use crate::random::Random;
use emulator::SampleInput;
use isa::ChipSpec;
use mapper::{Mapped, Options};
use network::lowered::Lowered;
use network::npz::{Array, Data, write_npz};
use std::path::{Path, PathBuf};

const INPUTS: usize = 60;
const HIDDEN: usize = 18;
const OUT: usize = 4;
const STEPS: u32 = 40;

/// Which delays a network has.
#[derive(Clone, Copy, PartialEq)]
enum Delays {
    /// None: layers have to start later.
    No,
    /// Of 2 to 5 steps from the inputs, at least 3 within the layer.
    Long,
}

/// A layer with inputs from outside and, with delays, from itself, and a layer behind it.
fn network(name: &str, keys: &str, (least, most): (f64, f64), delays: Delays) -> PathBuf {
    let folder = folder(&format!("fan_in_{name}"));
    let mut random = Random(name.bytes().map(u64::from).sum());
    let mut matrix = |rows: usize, columns: usize, least: f64, most: f64| Array {
        shape: vec![rows, columns],
        data: Data::F32(
            (0..rows * columns)
                .map(|_| random.uniform(least, most) as f32)
                .collect(),
        ),
    };
    let weights = [
        ("w", matrix(HIDDEN, INPUTS, least, most)),
        ("back", matrix(HIDDEN, HIDDEN, least / 4.0, most / 4.0)),
        ("onward", matrix(OUT, HIDDEN, -0.5, 1.0)),
    ];
    let steps = |rows: usize, columns: usize, from: u64, random: &mut Random| Array {
        shape: vec![rows, columns],
        data: Data::U32(
            (0..rows * columns)
                .map(|_| (from + random.next() % 4) as u32)
                .collect(),
        ),
    };
    let delays_of = [
        ("d", steps(HIDDEN, INPUTS, 2, &mut random)),
        ("d_back", steps(HIDDEN, HIDDEN, 3, &mut random)),
    ];
    let mut file = std::fs::File::create(folder.join("net.npz")).unwrap();
    let all = weights.iter().chain(&delays_of);
    write_npz(&mut file, all.map(|(name, array)| (*name, array))).unwrap();
    let projection = |from: &str, to: &str, weight: &str, more: &str| {
        format!(
            "[[projection]]\nfrom = \"{from}\"\nto = \"{to}\"\nkind = \"dense\"\nweight = \"{weight}\"\n{more}\n"
        )
    };
    let mut toml = format!(
        "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{INPUTS}]\n\
         [[population]]\nname = \"p\"\nshape = [{HIDDEN}]\n{keys}\n\
         [[population]]\nname = \"q\"\nshape = [{OUT}]\nmodel = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0\n\
         [[output]]\nname = \"out\"\nfrom = \"q\"\n"
    );
    match delays {
        Delays::No => toml += &projection("in", "p", "w", ""),
        Delays::Long => {
            toml += &projection("in", "p", "w", "delay = \"d\"");
            toml += &projection("p", "p", "back", "delay = \"d_back\"");
        }
    }
    toml += &projection("p", "q", "onward", "");
    std::fs::write(folder.join("net.toml"), toml).unwrap();
    folder
}

fn lowered(folder: &Path) -> Lowered {
    let path = folder.join("net.toml");
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let mut graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    let library = Options::default().kernels;
    spikemesh::nets::resolve(&mut graph, &path, &library).expect("known receptors");
    spikemesh::nets::lower(graph, &path).expect("can run")
}

/// A chip with graded spikes and so many axons and bits of synapse memory in a core.
fn chip(axons: u32, bits: u64) -> ChipSpec {
    let mut chip = ChipSpec::preset("programmable")
        .expect("a preset")
        .expect("valid");
    (chip.mesh.width, chip.mesh.height) = (16, 16);
    chip.host_ports.truncate(1);
    (chip.limits.input_axons, chip.limits.synapse_bits) = (axons, bits);
    chip
}

fn mapped(net: &Lowered, chip: &ChipSpec, relay: bool) -> Mapped {
    let options = Options {
        relay,
        objective: mapper::Objective::Cores,
        ..Options::default()
    };
    mapper::map(net, chip, &options).unwrap_or_else(|e| panic!("{e:?}"))
}

/// Every input element with its value, in a quarter of the steps.
fn sample(largest: u64) -> SampleInput {
    let mut random = Random(largest);
    let mut sample = SampleInput {
        steps: STEPS,
        offsets: vec![0],
        elements: Vec::new(),
        values: Vec::new(),
    };
    for _ in 0..STEPS {
        for element in 0..INPUTS as u32 {
            if random.uniform(0.0, 1.0) < 0.25 {
                sample.elements.push(element);
                sample.values.push(1 + (random.next() % largest) as i32);
            }
        }
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

/// Spikes of the network's own neurons at the network's steps: (step, neuron), ascending.
fn spikes(
    name: &str,
    mapped: &Mapped,
    chip: &ChipSpec,
    sample: &SampleInput,
    last: u32,
) -> Vec<(u32, u32)> {
    let later: u32 = mapped.quantized.depth;
    let samples = std::slice::from_ref(sample);
    let run = engines::same(name, &mapped.image, chip, samples, last + later);
    let own = mapped.quantized.populations.iter().take(2);
    let mut found = Vec::new();
    for population in own {
        let neurons = population.first..population.first + population.count;
        let all = run[0].spikes.iter().filter(|s| neurons.contains(&s.1));
        let at = all.map(|(step, neuron)| {
            (
                step.checked_sub(population.depth)
                    .expect("nothing spikes before"),
                *neuron,
            )
        });
        found.extend(at.filter(|s| s.0 < STEPS + last));
    }
    found.sort_unstable();
    found
}

/// The same spikes with and without relays. Gives the mapping with them.
fn check(name: &str, net: &Lowered, narrow: &ChipSpec, values: u64, fewest: usize) -> Mapped {
    let wide = chip(4096, 1 << 20);
    let sample = sample(values);
    let without = mapped(net, &wide, false);
    assert!(without.report.trees.is_empty());
    let with = mapped(net, narrow, true);
    let expect = spikes(name, &without, &wide, &sample, 8);
    let got = spikes(&format!("{name} with relays"), &with, narrow, &sample, 8);
    assert!(expect.len() > fewest, "{name}: {} spikes", expect.len());
    assert_eq!(got, expect, "{name}");
    with
}

/// Models, what they are given, and the range of their weights.
const MODELS: [(&str, &str, (f64, f64)); 9] = [
    (
        "if",
        "model = \"if\"\nr = 1000.0\nthreshold = 6.0",
        (-1.0, 1.2),
    ),
    (
        "lif",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 4.0",
        (-1.0, 1.2),
    ),
    (
        "cubalif",
        "model = \"cubalif\"\ntau_mem = 20e-3\ntau_syn = 5e-3\nw_in = 5.0\nr = 20.0\nthreshold = 5.0\nsynapse = \"alpha\"",
        (-1.0, 1.2),
    ),
    (
        "alif",
        "model = \"alif\"\ntau_mem = 20e-3\ntau_adapt = 150e-3\nthreshold = 0.05\nbeta = 1.8",
        (-1.0, 1.2),
    ),
    (
        "lsnn",
        "model = \"lsnn\"\ntau_mem = 20e-3\ntau_adapt = 200e-3\nthreshold = 0.05\nbeta = 1.6\nbias = 0.03\nrefractory = 2",
        (-1.0, 1.2),
    ),
    (
        "izhikevich",
        "model = \"izhikevich\"\na = 0.02\nb = 0.2\nc = -65.0\nd = 8.0\nbias = 6.0",
        (-2.0, 3.0),
    ),
    (
        "resonate",
        "model = \"resonate\"\ntau = 50e-3\nfrequency = 40.0\nthreshold = 1.0",
        (-0.5, 0.6),
    ),
    (
        "threshold",
        "model = \"threshold\"\nthreshold = 1.5",
        (-1.0, 1.2),
    ),
    (
        "bias",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 1.0\nbias = 1.5\nrefractory = 3\nreset = \"subtract\"",
        (-0.3, 0.3),
    ),
];

#[test]
fn every_model_spikes_as_with_many_axons() {
    for (name, keys, weights) in MODELS {
        for delays in [Delays::Long, Delays::No] {
            let name = match delays {
                Delays::Long => name.to_owned(),
                Delays::No => format!("{name}_later"),
            };
            let net = lowered(&network(&name, keys, weights, delays));
            let with = check(&name, &net, &chip(16, 1 << 20), 1, 40);
            let own = |population: &str| {
                let all = &with.report.trees;
                all.iter()
                    .find(|t| t.population == population)
                    .unwrap_or_else(|| panic!("{name}: {all:?}"))
            };
            let (p, q) = (own("p"), own("q"));
            assert_eq!(
                (p.neurons, q.neurons),
                (HIDDEN as u32, OUT as u32),
                "{name}"
            );
            // Its own delays are enough for p, and q has none.
            assert_eq!(p.later, u32::from(delays == Delays::No), "{name}");
            assert_eq!(q.later, p.later + 1, "{name}");
            let axons = with.image.cores.iter().map(|c| c.axons.len()).max();
            assert!(axons <= Some(16), "{name}: {axons:?}");
        }
    }
}

/// Input values that are not 1, a memory that is too small, and so few axons that relays need relays.
#[test]
fn values_memory_and_levels() {
    let net = lowered(&network("levels", MODELS[1].1, (-1.0, 1.2), Delays::Long));
    check("values", &net, &chip(16, 1 << 20), 5, 100);
    let with = check("memory", &net, &chip(4096, 1600), 1, 50);
    assert!(with.report.trees[0].relays > 0, "{:?}", with.report.trees);
    for (axons, levels) in [(16, 1), (8, 2), (4, 3)] {
        let with = check(
            &format!("{axons} axons"),
            &net,
            &chip(axons, 1 << 20),
            2,
            50,
        );
        assert_eq!(
            with.report.trees[0].levels, levels,
            "{axons}: {:?}",
            with.report.trees
        );
    }
    let with = check("nothing to do", &net, &chip(4096, 1 << 20), 1, 50);
    assert!(with.report.trees.is_empty());
}

/// Each receptor has relays of its own.
#[test]
fn two_compartments() {
    let folder = folder("fan_in_compartments");
    let mut random = Random(5);
    let mut matrix = || Array {
        shape: vec![HIDDEN, INPUTS],
        data: Data::F32(
            (0..HIDDEN * INPUTS)
                .map(|_| random.uniform(-1.0, 1.3) as f32)
                .collect(),
        ),
    };
    let arrays = [("soma", matrix()), ("dendrite", matrix())];
    let mut file = std::fs::File::create(folder.join("net.npz")).unwrap();
    write_npz(&mut file, arrays.iter().map(|(name, array)| (*name, array))).unwrap();
    let way = |weight: &str| {
        format!(
            "[[projection]]\nfrom = \"in\"\nto = \"p\"\nkind = \"dense\"\nweight = \"{weight}\"\nreceptor = \"{weight}\"\n"
        )
    };
    let toml = format!(
        "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{INPUTS}]\n\
         [[population]]\nname = \"p\"\nshape = [{HIDDEN}]\nmodel = \"compartments\"\ntau_mem = 10e-3\ntau_dendrite = 20e-3\nthreshold = 0.5\njoin = \"add\"\n\
         [[population]]\nname = \"q\"\nshape = [1]\nmodel = \"threshold\"\nthreshold = 0.5\n\
         [[output]]\nname = \"out\"\nfrom = \"p\"\n{}{}",
        way("soma"),
        way("dendrite"),
    );
    std::fs::write(folder.join("net.toml"), toml).unwrap();
    let net = lowered(&folder);
    let with = check("compartments", &net, &chip(30, 1 << 20), 1, 100);
    let to_p = with.quantized.projections.iter().filter(|p| p.target == 0);
    let from_relay = |p: &&mapper::quantized::Projection| {
        matches!(p.source, mapper::quantized::Source::Population(_))
    };
    let mut receptors = [0, 0];
    for p in to_p.filter(from_relay) {
        receptors[usize::from(p.receptor)] += 1;
    }
    assert!(receptors.iter().all(|n| *n > 0), "{receptors:?}");
}

/// On the command line: refused without the option, which the message names, and the same spikes with it.
#[test]
fn a_dense_layer_of_6000_inputs() {
    let at = folder("fan_in_cli");
    let mut random = Random(11);
    let weights = Array {
        shape: vec![20, 6000],
        data: Data::F32(
            (0..120_000)
                .map(|_| random.uniform(-0.09, 0.1) as f32)
                .collect(),
        ),
    };
    let mut file = std::fs::File::create(at.join("net.npz")).unwrap();
    write_npz(&mut file, [("w", &weights)]).unwrap();
    let toml = "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [6000]\n\
                [[population]]\nname = \"p\"\nshape = [20]\nmodel = \"lif\"\ntau = 10e-3\nr = 10.0\nthreshold = 1.0\n\
                [[projection]]\nfrom = \"in\"\nto = \"p\"\nkind = \"dense\"\nweight = \"w\"\ndelay = 2\n\
                [[output]]\nname = \"out\"\nfrom = \"p\"\n";
    std::fs::write(at.join("net.toml"), toml).unwrap();
    let mut csv = String::from("step,index\n");
    for step in 0..20 {
        for index in 0..6000 {
            if random.uniform(0.0, 1.0) < 0.02 {
                csv += &format!("{step},{index}\n");
            }
        }
    }
    std::fs::write(at.join("in.csv"), csv + "20,0\n").unwrap();
    let args = |more: &[&'static str]| {
        let own = ["run", "net.toml", "--input", "in.csv", "--timing", "off"];
        [&own[..], more].concat()
    };
    let refused = run_in(&at, &args(&["--chip", "programmable"]));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    for part in [
        "6000 input axons",
        "--set core.input_axons=6000",
        "or --relay: 20 relay neurons",
    ] {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    let spikes = |more: &[&'static str]| {
        let mut args = args(more);
        args.extend(["--spikes", "out.csv", "--json", "out.json"]);
        let out = run_in(&at, &args);
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let text = std::fs::read_to_string(at.join("out.csv")).unwrap();
        let mut own: Vec<String> = text
            .lines()
            .filter(|l| l.contains(",p,"))
            .map(str::to_owned)
            .collect();
        own.sort();
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(at.join("out.json")).unwrap()).unwrap();
        (own, report)
    };
    let (with, report) = spikes(&["--chip", "programmable", "--relay"]);
    let (without, plain) = spikes(&["--chip", "programmable", "--set", "core.input_axons=8192"]);
    assert!(with.len() > 100, "{}", with.len());
    assert_eq!(with, without);
    assert_eq!(
        report["spikes"]["populations"]["p"],
        plain["spikes"]["populations"]["p"]
    );
    let tree = &report["mapping"]["quantization"]["trees"][0];
    for (key, value) in [
        ("neurons", 20),
        ("relays", 20),
        ("levels", 1),
        ("shares", 1),
        ("later", 0),
    ] {
        assert_eq!(tree[key], value, "{key}");
    }
    let packets = &report["population_counters"]["relay:p"]["packets"];
    assert!(packets.as_u64() > Some(100), "{packets}");
    assert!(plain["mapping"]["quantization"].get("trees").is_none());
    let mapped = json(
        "fan_in_map",
        &[
            "map",
            &at.join("net.toml").to_string_lossy(),
            "--chip",
            "programmable",
            "--relay",
        ],
    );
    assert_eq!(mapped["mapping"]["trees"][0]["population"], "p");
}
