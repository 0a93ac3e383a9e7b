//! Projections that name a receptor: two-compartment neurons as a model and as a kernel by name, and a kernel of the user's own.
//! The chip gives every spike of the integer network, on both engines, and the counts of the float reference.

use crate::cli::{folder, json, ok, run_in};
use crate::random::Random;
use crate::{engines, integer};
use emulator::SampleInput;
use isa::ChipSpec;
use network::npz::{Array, Data, write_npz};
use std::path::{Path, PathBuf};

const INPUTS: usize = 8;
const STEPS: u32 = 400;

/// A network of two layers: the inputs reach both compartments of `p`, `p` both of `q` with delays, and `q` the dendrites of `p`.
fn network(name: &str, keys: &str, scale: f64, unit: &str, names: [&str; 2]) -> PathBuf {
    let folder = folder(name);
    let mut random = Random(keys.bytes().map(u64::from).sum());
    let (p, q) = (24, 12);
    let mut matrix = |rows: usize, columns: usize, least: f64, most: f64| {
        let values = (0..rows * columns).map(|_| (scale * random.uniform(least, most)) as f32);
        let values = values.map(|w| if unit.is_empty() { w } else { w.round() });
        Array {
            shape: vec![rows, columns],
            data: Data::F32(values.collect()),
        }
    };
    let arrays = [
        ("in_soma", matrix(p, INPUTS, -1.0, 2.0)),
        ("in_dendrite", matrix(p, INPUTS, -1.0, 2.0)),
        ("soma", matrix(q, p, -0.5, 1.5)),
        ("dendrite", matrix(q, p, -1.0, 1.5)),
        ("back", matrix(p, q, -1.0, 0.5)),
    ];
    let delays = (0..q * p).map(|_| (random.next() % 5) as u32).collect();
    let delays = Array {
        shape: vec![q, p],
        data: Data::U32(delays),
    };
    let mut file = std::fs::File::create(folder.join("net.npz")).unwrap();
    let all = arrays.iter().map(|(name, array)| (*name, array));
    write_npz(&mut file, all.chain([("delays", &delays)])).unwrap();
    let population = |name: &str, count: usize| {
        format!("[[population]]\nname = \"{name}\"\nshape = [{count}]\n{keys}\n")
    };
    let projection = |from: &str, to: &str, weight: &str, more: String| {
        format!(
            "[[projection]]\nfrom = \"{from}\"\nto = \"{to}\"\nkind = \"dense\"\nweight = \"{weight}\"\n{unit}{more}"
        )
    };
    let [soma, dendrite] = names.map(|name| format!("receptor = {name}\n"));
    let toml = [
        format!("format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{INPUTS}]\n"),
        population("p", p),
        population("q", q),
        projection("in", "p", "in_dendrite", dendrite.clone()),
        projection("in", "p", "in_soma", soma.clone()),
        projection("p", "q", "soma", String::new()),
        projection(
            "p",
            "q",
            "dendrite",
            format!("{dendrite}delay = \"delays\"\n"),
        ),
        projection("q", "p", "back", dendrite),
        "[[output]]\nname = \"out\"\nfrom = \"q\"\n".to_owned(),
    ];
    std::fs::write(folder.join("net.toml"), toml.concat()).unwrap();
    let mut csv = String::from("step,index,value\n");
    for step in 0..STEPS {
        for element in 0..INPUTS {
            if random.uniform(0.0, 1.0) < 0.12 || (step == STEPS - 1 && element == 0) {
                csv += &format!("{step},{element},1\n");
            }
        }
    }
    std::fs::write(folder.join("in.csv"), csv).unwrap();
    folder
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Spikes of the mapped network on both engines, which are those of its integers.
pub(crate) fn chip_spikes(name: &str, folder: &Path, chip: &str, per_core: u32) -> usize {
    let mut chip = ChipSpec::preset(chip).expect("a preset").expect("valid");
    chip.limits.neurons = chip.limits.neurons.min(per_core);
    let path = folder.join("net.toml");
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    // One core where one holds them.
    let options = mapper::Options {
        objective: mapper::Objective::Cores,
        ..mapper::Options::default()
    };
    let mut graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    spikemesh::nets::resolve(&mut graph, &path, &options.kernels).expect("known receptors");
    let lowered = spikemesh::nets::lower(graph, &path).expect("can run");
    let mapped = mapper::map(&lowered, &chip, &options).unwrap_or_else(|e| panic!("{e:?}"));
    let cores = &mapped.image.cores;
    let neurons: u32 = mapped.quantized.populations.iter().map(|p| p.count).sum();
    assert_eq!(cores.len() > 1, per_core < neurons, "{name}");
    let most = |of: fn(&isa::image::CoreProgram) -> usize| cores.iter().map(of).max();
    let reported = |limit: &str| {
        let all = &mapped.report.utilisation;
        let found = all.iter().find(|u| u.limit == limit);
        found.map(|u| u.max as usize)
    };
    assert_eq!(
        reported("input axons"),
        most(|core| core.axons.len()),
        "{name}"
    );
    assert_eq!(
        reported("output slots"),
        most(|core| core.dests.len()),
        "{name}"
    );
    let several = mapped.quantized.projections.iter().any(|p| p.receptor == 1);
    let mut axons = cores.iter().flat_map(|core| &core.axons);
    assert_eq!(axons.any(|a| a.kind == 1), several, "{name}");
    let events = spikemesh::nets::input(&folder.join("in.csv"), &mapped.image).expect("good input");
    let sample = spikemesh::nets::to_chip(&events.samples[0], events.steps, &mapped.image).unwrap();
    let drain = mapped.image.io.drain;
    let chip_gave = engines::same(
        name,
        &mapped.image,
        &chip,
        std::slice::from_ref(&sample),
        drain,
    );
    let expect = integer::simulate(&mapped.quantized, sample.steps + drain, &events_of(&sample));
    let mut got = chip_gave[0].spikes.clone();
    got.sort_unstable();
    assert_eq!(got, expect.spikes, "{name}");
    got.len()
}

fn events_of(sample: &SampleInput) -> Vec<(u32, u32, i32)> {
    let mut list = Vec::new();
    for t in 0..sample.steps {
        for e in sample.offsets[t as usize]..sample.offsets[t as usize + 1] {
            list.push((t, sample.elements[e as usize], sample.values[e as usize]));
        }
    }
    list
}

const TAUS: &str = "model = \"compartments\"\ntau_mem = 20e-3\ntau_dendrite = 40e-3\n";

/// Name, keys after those of [`TAUS`], factor of the weights.
const MODELS: [(&str, &str, f64); 7] = [
    ("add", "threshold = 0.1", 1.0),
    (
        "add_all",
        "threshold = 0.2\nr = 2.0\nr_dendrite = 1.5\nbias = 0.06\nv_init = 0.05\nreset = \"subtract\"\nrefractory = 2\ncompare = \"ge\"\nclear = true",
        1.0,
    ),
    (
        "max",
        "join = \"max\"\nthreshold = 0.05\nv_reset = -0.02",
        0.5,
    ),
    (
        "min",
        "join = \"min\"\nthreshold = 0.1\nr_dendrite = 8.0\nbias = 0.3\ndecay = \"euler\"",
        0.5,
    ),
    (
        "pass",
        "join = \"pass\"\ngate = 0.02\nthreshold = 0.05",
        1.0,
    ),
    (
        "block",
        "join = \"block\"\ngate = 0.1\nthreshold = 0.05\nreset = \"none\"",
        1.0,
    ),
    (
        "negative",
        "join = \"add\"\nthreshold = 0.3\nbias = 0.5\nrefractory = 5",
        1.0,
    ),
];

/// Weights and thresholds have few bits, so a membrane near its threshold may cross it a step earlier or later: the counts over
/// thousands of spikes agree within 3 %.
#[test]
fn models_agree_with_their_integers_and_with_the_reference() {
    for (name, keys, scale) in MODELS {
        let folder = network(
            &format!("receptors_{name}"),
            &format!("{TAUS}{keys}"),
            scale,
            "",
            ["\"soma\"", "\"dendrite\""],
        );
        let (net, input) = (text(&folder.join("net.toml")), text(&folder.join("in.csv")));
        let report = json(
            &format!("receptors_{name}_float"),
            &["simulate", &net, "--input", &input],
        );
        let float = report["spikes"]["total"].as_f64().expect("a total");
        for (chip, per_core) in [("tiny", 10), ("programmable", 1024)] {
            let chip_gave = chip_spikes(name, &folder, chip, per_core) as f64;
            println!("{name}: {float} in f64, {chip_gave} on {chip}");
            assert!(
                float > 300.0 && (float - chip_gave).abs() <= 0.03 * float,
                "{name}: {float} in f64, {chip_gave} on {chip}"
            );
        }
    }
}

/// Step, population and index of every spike, sorted: those of a step come core by core.
fn trains(path: &Path) -> Vec<[String; 3]> {
    let mut reader = csv::Reader::from_path(path).expect("written");
    let head = reader.headers().expect("a head").clone();
    let places = ["step", "population", "index"]
        .map(|name| head.iter().position(|h| h == name).expect("a column"));
    let rows = reader.records().map(|row| {
        let row = row.expect("a row");
        places.map(|at| row[at].to_owned())
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows
}

/// The kernel in its own integers: the same spikes from `simulate` and `run`, whether receptors have names or numbers.
#[test]
fn the_kernel_by_name_gives_the_same_spikes() {
    let common = "kernel = \"compartments\"\n";
    for (name, keys) in [
        (
            "add",
            "constants = { DECAY = 3900, DECAY_D = 4000, THETA = 400 }",
        ),
        (
            "pass",
            "options = { JOIN = 3, REFRACT = 1, RESET = 1, CLEAR = 1, BIAS = 1 }\n\
             constants = { DECAY = 3900, DECAY_D = 4000, THETA = 300, GATE = 200, REFRACTORY = 3 }\nslots = { bias = 20 }",
        ),
        (
            "block",
            "options = { JOIN = 4, GE = 1, RESET = 2, WAIT = 1 }\n\
             constants = { DECAY = 3900, DECAY_D = 4000, THETA = 300, GATE = 500 }\nslots = { wait = 5, d = 100 }",
        ),
        (
            "min",
            "options = { JOIN = 2 }\nconstants = { DECAY = 3900, DECAY_D = 4000, THETA = 50, RESET_V = -7 }\nslots = { v = 9 }",
        ),
        (
            "max",
            "options = { JOIN = 1 }\nconstants = { DECAY = 3900, DECAY_D = 4000, THETA = 500 }",
        ),
    ] {
        let mut spikes = Vec::new();
        for (form, names) in [
            ("names", ["\"soma\"", "\"dendrite\""]),
            ("numbers", ["0", "1"]),
        ] {
            let folder = network(
                &format!("receptors_kernel_{name}_{form}"),
                &format!("{common}{keys}"),
                100.0,
                "unit = \"effective\"\n",
                names,
            );
            let file = |name: &str| text(&folder.join(name));
            let (net, input) = (file("net.toml"), file("in.csv"));
            ok(&[
                "simulate",
                &net,
                "--input",
                &input,
                "--spikes",
                &file("float.csv"),
            ]);
            ok(&[
                "run",
                &net,
                "--input",
                &input,
                "--chip",
                "tiny",
                "--timing",
                "off",
                "--spikes",
                &file("chip.csv"),
            ]);
            let float = trains(&folder.join("float.csv"));
            let chip = trains(&folder.join("chip.csv"));
            // `wait` counts steps of the chip, where each layer lives from the first on.
            if !keys.contains("WAIT") {
                assert_eq!(float, chip, "{name}");
            }
            assert!(float.len() > 100, "{name}: {} spikes", float.len());
            spikes.push(chip);
        }
        assert_eq!(
            spikes[0], spikes[1],
            "{name}: names and numbers are the same"
        );
    }
}

/// A kernel of one's own with three inputs: the third shuts the neuron.
const GATED: &str = "; gated: two inputs add up, a third shuts
.receptors 3 = plus minus shut
.accumulator 24 saturate
.const THETA = 300
.slot v 24
.update
    lds r1, v
    lda r2, plus
    lda r3, minus
    lda r4, shut
    add.s24 r1, r1, r2
    sub.s24 r1, r1, r3
    cmp.gt p1, r4, r0
    @p1 li r1, 0
    cmp.gt p2, r1, THETA
    @p2 li r1, 0
    @p2 spk
    sts r1, v
    halt
.end
.on_spike
    ldy r1, weight
    ldy r2, kind
    li r3, 1
    cmp.eq p1, r2, r0
    cmp.eq p2, r2, r3
    cmp.gt p3, r2, r3
    @p1 acc r1, plus
    @p2 acc r1, minus
    @p3 acc r1, shut
    halt
.end
";

/// A folder with the kernel `gated` and a network of one neuron: an input element for each receptor, named as `names` says.
fn gated(name: &str, kernel: &str, names: [&str; 3]) -> PathBuf {
    let folder = folder(name);
    std::fs::write(folder.join("gated.kernel"), kernel).unwrap();
    let mut toml = String::from("format = 1\ndt = 1e-3\n");
    for input in ["a", "b", "c"] {
        toml += &format!("[[input]]\nname = \"{input}\"\nshape = [1]\n");
    }
    toml += "[[population]]\nname = \"p\"\nshape = [1]\nkernel = \"gated.kernel\"\n";
    for (input, receptor) in ["a", "b", "c"].iter().zip(names) {
        toml += &format!(
            "[[projection]]\nfrom = \"{input}\"\nto = \"p\"\nkind = \"dense\"\nweight = 100\nreceptor = {receptor}\n"
        );
    }
    toml += "[[output]]\nname = \"out\"\nfrom = \"p\"\n";
    std::fs::write(folder.join("net.toml"), toml).unwrap();
    // Two up; one down and three up: 400, a spike; three up and shut; four up: a spike.
    let events = [
        (0, 0, 2),
        (1, 1, 1),
        (1, 0, 3),
        (3, 0, 3),
        (4, 2, 1),
        (5, 0, 4),
        (6, 0, 2),
    ];
    let rows = events.map(|(step, index, value)| format!("{step},{index},{value}\n"));
    let csv = format!("step,index,value\n{}", rows.concat());
    std::fs::write(folder.join("in.csv"), csv).unwrap();
    folder
}

fn run(folder: &Path, chip: &str) -> std::process::Output {
    let file = |name: &str| text(&folder.join(name));
    run_in(
        folder,
        &[
            "run",
            &file("net.toml"),
            "--input",
            &file("in.csv"),
            "--chip",
            chip,
            "--spikes",
            &file("chip.csv"),
        ],
    )
}

#[test]
fn a_kernel_of_ones_own_has_receptors_too() {
    for (form, names) in [
        ("names", ["\"plus\"", "\"minus\"", "\"shut\""]),
        ("numbers", ["0", "1", "2"]),
    ] {
        let folder = gated(&format!("receptors_own_{form}"), GATED, names);
        let out = run(&folder, "tiny");
        assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let spikes = trains(&folder.join("chip.csv"));
        let steps: Vec<&str> = spikes.iter().map(|row| row[0].as_str()).collect();
        assert_eq!(steps, ["1", "5"], "{form}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let names = ["\"plus\"", "\"minus\"", "\"shut\""];
    let deaf = GATED.replace("    ldy r2, kind\n", "    li r2, 0\n");
    let unnamed = GATED.replace("3 = plus minus shut", "3");
    let unnamed = ["plus", "minus", "shut"]
        .iter()
        .enumerate()
        .fold(unnamed, |text, (i, name)| {
            text.replace(&format!(", {name}\n"), &format!(", {i}\n"))
        });
    for (name, kernel, receptors, chip, says) in [
        (
            "unknown",
            GATED,
            ["\"plus\"", "\"minus\"", "\"shot\""],
            "tiny",
            "has plus, minus, shut",
        ),
        ("nameless", &unnamed, names, "tiny", "number them from 0"),
        (
            "too_many",
            GATED,
            ["0", "1", "3"],
            "tiny",
            "has 3, numbered from 0",
        ),
        ("beyond", GATED, ["0", "1", "4"], "tiny", "receptors 0 to 3"),
        ("deaf", &deaf, ["0", "1", "2"], "tiny", "ldy r1, kind"),
    ] {
        let folder = gated(&format!("receptors_bad_{name}"), kernel, receptors);
        let out = run(&folder, chip);
        let message = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
    }
    for (name, keys, receptor, chip, says) in [
        (
            "of_lif",
            "model = \"lif\"\ntau = 20e-3\nthreshold = 1.0",
            "1",
            "tiny",
            "has one input",
        ),
        (
            "of_model",
            "model = \"compartments\"\ntau_mem = 0.02\ntau_dendrite = 0.04\nthreshold = 1.0",
            "\"axon\"",
            "tiny",
            "\"soma\" (0) and \"dendrite\" (1)",
        ),
        (
            "on_loihi",
            "model = \"compartments\"\ntau_mem = 0.02\ntau_dendrite = 0.04\nthreshold = 1.0",
            "1",
            "loihi",
            "kernel \"compartments\"",
        ),
        (
            "gate",
            "model = \"compartments\"\ntau_mem = 0.02\ntau_dendrite = 0.04\nthreshold = 1.0\ngate = 0.1",
            "1",
            "tiny",
            "join = \"pass\"",
        ),
        (
            "no_tau",
            "model = \"compartments\"\ntau_mem = 0.02\nthreshold = 1.0",
            "1",
            "tiny",
            "tau_dendrite",
        ),
        (
            "late",
            "model = \"compartments\"\ntau_mem = 0.02\ntau_dendrite = 0.04\nthreshold = 1.0\nreset_delay = true",
            "1",
            "tiny",
            "`reset_delay` has no meaning",
        ),
    ] {
        let folder = network(
            &format!("receptors_bad_{name}"),
            keys,
            1.0,
            "",
            ["0", receptor],
        );
        let out = run(&folder, chip);
        let message = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
    }
}
