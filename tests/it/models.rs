//! Networks of every neuron model, through the command line: the float reference against the chip, and kernels in chip integers
//! against themselves.

use crate::cli::{folder, json, ok, root, run_in};
use crate::random::Random;
use network::npz::{Array, Data, write_npz};
use std::path::{Path, PathBuf};

const INPUTS: usize = 8;
const NEURONS: usize = 16;
const STEPS: u32 = 500;

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A folder with `net.toml` of one population (`keys`), dense random weights between `least` and `most`, and `in.csv`, in which an
/// element spikes in a step with probability `rate`.
fn network(name: &str, keys: &str, (least, most): (f64, f64), whole: bool, rate: f64) -> PathBuf {
    let folder = folder(name);
    let mut random = Random(name.bytes().map(u64::from).sum());
    let weights = (0..INPUTS * NEURONS).map(|_| random.uniform(least, most) as f32);
    let weights = weights.map(|w| if whole { w.round() } else { w });
    let weights = Array {
        shape: vec![NEURONS, INPUTS],
        data: Data::F32(weights.collect()),
    };
    let mut file = std::fs::File::create(folder.join("net.npz")).unwrap();
    write_npz(&mut file, [("w", &weights)]).unwrap();
    let unit = if whole { "unit = \"effective\"\n" } else { "" };
    let toml = format!(
        "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{INPUTS}]\n\
         [[population]]\nname = \"p\"\nshape = [{NEURONS}]\n{keys}\n\
         [[projection]]\nfrom = \"in\"\nto = \"p\"\nkind = \"dense\"\nweight = \"w\"\n{unit}\
         [[output]]\nname = \"out\"\nfrom = \"p\"\n"
    );
    std::fs::write(folder.join("net.toml"), toml).unwrap();
    let mut csv = String::from("step,index,value\n");
    for step in 0..STEPS {
        for element in 0..INPUTS {
            if random.uniform(0.0, 1.0) < rate || (step == STEPS - 1 && element == 0) {
                csv += &format!("{step},{element},1\n");
            }
        }
    }
    std::fs::write(folder.join("in.csv"), csv).unwrap();
    folder
}

/// Spikes that `simulate` and `run` report for `net.toml` with `in.csv`.
fn spikes(folder: &Path, chip: &str) -> (f64, f64) {
    let (net, input) = (text(&folder.join("net.toml")), text(&folder.join("in.csv")));
    let name = folder.file_name().expect("named").to_string_lossy();
    let total = |report: &serde_json::Value| report["spikes"]["total"].as_f64().expect("a total");
    let float = json(
        &format!("{name}_float"),
        &["simulate", &net, "--input", &input],
    );
    let args = [
        "run", &net, "--input", &input, "--chip", chip, "--timing", "off",
    ];
    let chip = json(&format!("{name}_chip"), &args);
    (total(&float), total(&chip))
}

/// What a population of each model is given, the range of its weights, the rate of its input.
const MODELS: [(&str, &str, (f64, f64), f64); 20] = [
    (
        "if",
        "model = \"if\"\nr = 1000.0\nthreshold = 3.0",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lif",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "cubalif",
        "model = \"cubalif\"\ntau_mem = 20e-3\ntau_syn = 5e-3\nw_in = 5.0\nr = 20.0\nthreshold = 3.0",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "if_exponential",
        "model = \"if\"\nr = 1000.0\nthreshold = 3.0\nsynapse = \"exponential\"\ntau_syn = 5e-3",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "if_alpha",
        "model = \"if\"\nr = 1000.0\nthreshold = 3.0\nsynapse = \"alpha\"\ntau_syn = 5e-3\ndecay = \"exp\"\nreset = \"subtract\"",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lif_exponential",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0\nsynapse = \"exponential\"\ntau_syn = 4e-3\nbias = 0.05",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lif_alpha",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0\nsynapse = \"alpha\"\ntau_syn = 4e-3\nrefractory = 3\ndecay = \"exp\"",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lif_alpha_late",
        "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0\nsynapse = \"alpha\"\ntau_syn = 4e-3\nreset_delay = true\nv_init = 1.0",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "cubalif_alpha",
        "model = \"cubalif\"\ntau_mem = 20e-3\ntau_syn = 5e-3\nw_in = 5.0\nr = 20.0\nthreshold = 3.0\nsynapse = \"alpha\"",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "threshold",
        "model = \"threshold\"\nthreshold = 0.5",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "alif",
        "model = \"alif\"\ntau_mem = 20e-3\ntau_adapt = 150e-3\nthreshold = 0.05\nbeta = 1.8",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "alif_alpha",
        "model = \"alif\"\ntau_mem = 20e-3\ntau_adapt = 150e-3\nthreshold = 0.01\nbeta = 1.8\n\
         synapse = \"alpha\"\ntau_syn = 5e-3\nbias = 0.01",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lsnn",
        "model = \"lsnn\"\ntau_mem = 20e-3\ntau_adapt = 200e-3\nthreshold = 0.05\nbeta = 1.6\nrefractory = 2",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "lsnn_late",
        "model = \"lsnn\"\ntau_mem = 20e-3\ntau_adapt = 200e-3\nthreshold = 0.02\nbeta = 1.6\nreset_delay = true\n\
         synapse = \"exponential\"\ntau_syn = 5e-3\nbias = 0.03\nv_init = 0.01",
        (-1.0, 2.0),
        0.1,
    ),
    (
        "izhikevich",
        "model = \"izhikevich\"\na = 0.02\nb = 0.2\nc = -65.0\nd = 8.0\nbias = 10.0",
        (-2.0, 6.0),
        0.2,
    ),
    (
        "izhikevich_halves",
        "model = \"izhikevich\"\na = 0.02\nb = 0.2\nc = -65.0\nd = 8.0\nhalf_steps = true\n\
         synapse = \"exponential\"\ntau_syn = 5e-3",
        (0.0, 16.0),
        0.2,
    ),
    (
        "resonate",
        "model = \"resonate\"\ntau = 50e-3\nfrequency = 40.0\nthreshold = 1.0",
        (-0.5, 1.0),
        0.2,
    ),
    (
        "resonate_peak",
        "model = \"resonate\"\ntau = 50e-3\nfrequency = 40.0\nthreshold = 1.0\nwhen = \"peak\"\nreset = \"none\"",
        (-0.5, 1.0),
        0.2,
    ),
    (
        "resonate_real",
        "model = \"resonate\"\ntau = 50e-3\nfrequency = 40.0\nthreshold = 1.0\nwhen = \"real_peak\"\nreset = \"none\"",
        (-0.5, 1.0),
        0.2,
    ),
    (
        "sigma_delta",
        "model = \"sigma_delta\"\nthreshold = 0.7\nbias = 0.25",
        (-1.0, 1.0),
        0.1,
    ),
];

/// Weights have 8 bits and a sign here, so a membrane that comes near its threshold may cross it a step earlier or later, and a few
/// crossings more or less follow. Over hundreds of spikes this is below 2 %.
#[test]
fn counts_on_the_chip_are_those_of_the_reference() {
    let mut wrong = Vec::new();
    for (name, keys, weights, rate) in MODELS {
        let folder = network(&format!("model_{name}"), keys, weights, false, rate);
        for chip_name in ["tiny", "programmable"] {
            let (float, chip) = spikes(&folder, chip_name);
            println!("{name}: {float} in f64, {chip} on {chip_name}");
            let near = (float - chip).abs() <= 0.02 * float;
            if float < 200.0 || !near {
                wrong.push(format!(
                    "{name}: {chip} spikes on {chip_name}, {float} in the reference"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Kernels in their own integers.
const KERNELS: [(&str, &str); 18] = [
    ("if_defaults", "kernel = \"if\""),
    (
        "cubalif_defaults",
        "kernel = \"cubalif\"\nconstants = { THETA = 3000 }",
    ),
    (
        "alif",
        "kernel = \"alif\"\nconstants = { ALPHA = 62340, RHO = 65000, JUMP = 40000, BETA = 30000, THETA = 700 }",
    ),
    (
        "alif_options",
        "kernel = \"alif\"\noptions = { GE = 1, BIAS = 1, ROUND = 2, SYN = 2, WAIT = 1 }\n\
         constants = { ALPHA = 62340, RHO = 65000, JUMP = 40000, BETA = 30000, THETA = 7000, FADE = 50000 }\n\
         slots = { bias = 70, v = -300, wait = 7 }",
    ),
    (
        "lsnn",
        "kernel = \"lsnn\"\noptions = { REFRACT = 1 }\n\
         constants = { ALPHA = 62340, RHO = 65000, JUMP = 40000, BETA = 30000, THETA = 700, REFRACTORY = 2 }",
    ),
    (
        "lsnn_options",
        "kernel = \"lsnn\"\noptions = { LATE = 1, ROUND = 1, SYN = 1, BIAS = 1 }\n\
         constants = { ALPHA = 62340, RHO = 65000, JUMP = 40000, BETA = 90000, THETA = 3000, FADE = 50000 }\nslots = { bias = 70 }",
    ),
    (
        "izhikevich",
        "kernel = \"izhikevich\"\noptions = { GAIN = 10, BIAS = 1 }\nslots = { bias = 300000 }",
    ),
    (
        "izhikevich_options",
        "kernel = \"izhikevich\"\noptions = { GAIN = 8, STEPS = 1, PARAMS = 1, SYN = 2, WAIT = 1 }\n\
         constants = { FADE = 50000 }\nslots = { a = 104858, d = 131072, wait = 3 }",
    ),
    (
        "resonate",
        "kernel = \"resonate\"\nconstants = { COS = 31000, SIN = 8000, THETA = 400, RESET_IM = 400 }",
    ),
    (
        "resonate_options",
        "kernel = \"resonate\"\noptions = { CROSS = 1, RESET = 0, INPUT = 1, BIAS = 1, ROUND = 2 }\n\
         constants = { COS = 31000, SIN = 8000, THETA = 250 }\nslots = { bias = -20 }",
    ),
    (
        "sigmadelta",
        "kernel = \"sigmadelta\"\nconstants = { THETA = 500 }",
    ),
    (
        "sigmadelta_options",
        "kernel = \"sigmadelta\"\noptions = { RELU = 0, BIAS = 1, OUT = 3 }\nconstants = { THETA = 300 }\nslots = { bias = -450, s = 77, ref = 33 }",
    ),
    (
        "if_alpha",
        "kernel = \"if\"\noptions = { SYN = 2, RESET = 1, BIAS = 1 }\nconstants = { FADE = 45000, THETA = 4000 }\nslots = { bias = 30, h = 50 }",
    ),
    (
        "lif_options",
        "kernel = \"lif\"\noptions = { SYN = 1, ROUND = 2, REFRACT = 1, GRADED = 1 }\n\
         constants = { DECAY = 3900, FADE = 45000, THETA = 700, REFRACTORY = 3 }\nslots = { u = -70 }",
    ),
    (
        "lif_down",
        "kernel = \"lif\"\noptions = { ROUND = 1, LATE = 1, BIAS = 1 }\nconstants = { DECAY = 3900, THETA = 400 }\nslots = { bias = 20 }",
    ),
    (
        "cubalif_alpha",
        "kernel = \"cubalif\"\noptions = { SYN = 2, ROUND = 1 }\nconstants = { DECAY_U = 3000, DECAY_V = 3900, THETA = 2000 }\nslots = { h = 90 }",
    ),
    (
        "cubalif_graded",
        "kernel = \"cubalif\"\noptions = { GRADED = 1, ROUND = 2, OLD = 1 }\nconstants = { DECAY_U = 3000, DECAY_V = 3900, THETA = 900 }",
    ),
    (
        "threshold_alpha",
        "kernel = \"threshold\"\noptions = { SYN = 2, REFRACT = 1 }\nconstants = { FADE = 40000, THETA = 600, REFRACTORY = 1 }",
    ),
];

/// Step, population and index of every spike in a file.
fn trains(path: &Path) -> Vec<[String; 3]> {
    let mut reader = csv::Reader::from_path(path).expect("written");
    let head = reader.headers().expect("a head").clone();
    let place = |name: &str| head.iter().position(|h| h == name).expect("a column");
    let places = ["step", "population", "index"].map(place);
    let rows = reader.records().map(|row| {
        let row = row.expect("a row");
        places.map(|at| row[at].to_owned())
    });
    rows.collect()
}

/// Every value of output `out` of a file that `run` wrote.
fn chip_values(path: &Path) -> Vec<f32> {
    let mut npz = network::npz::Npz::open(std::fs::File::open(path).unwrap()).expect("an archive");
    let array = npz.read("output__out").unwrap().expect("an output");
    array.into_f32()
}

/// Every value of the first output of `net.toml` with `in.csv`, by the reference.
fn float_values(folder: &Path) -> Vec<f32> {
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let path = folder.join("net.toml");
    let mut graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    spikemesh::simulate::defaults(&mut graph, &path, &Default::default()).expect("known kernels");
    let shapes = graph.input_shapes();
    let events = spikemesh::nets::read_input(&folder.join("in.csv"), &shapes, graph.dt_s);
    let samples = events.expect("good input").samples;
    let options = network::SimulateOptions::default();
    let result = graph.simulate(&samples, &options).expect("it has a law");
    result.samples[0].outputs[0].clone()
}

#[test]
fn kernels_in_chip_integers_give_the_same_spikes_and_payloads() {
    let mut wrong = Vec::new();
    for (name, keys) in KERNELS {
        let folder = network(&format!("kernel_{name}"), keys, (-120.0, 250.0), true, 0.2);
        let file = |name: &str| text(&folder.join(name));
        let (net, input) = (file("net.toml"), file("in.csv"));
        let run = [
            "run", &net, "--input", &input, "--chip", "tiny", "--timing", "off",
        ];
        ok(&[
            "simulate",
            &net,
            "--input",
            &input,
            "--spikes",
            &file("float.csv"),
        ]);
        ok(&[&run[..], &["--spikes", &file("chip.csv")]].concat());
        ok(&[&run[..], &["--spikes", &file("chip.npz")]].concat());
        // Within a step the chip's stand in the order of its cores.
        let sorted = |name: &str| {
            let mut trains = trains(&folder.join(name));
            trains.sort();
            trains
        };
        let (float, chip) = (sorted("float.csv"), sorted("chip.csv"));
        let values = chip_values(&folder.join("chip.npz"));
        let alike = float == chip && float_values(&folder) == values;
        println!("{name}: {} spikes", float.len());
        if float.len() < 100 || !alike {
            wrong.push(format!(
                "{name}: {} spikes in the reference, {} on the chip, payloads alike: {}",
                float.len(),
                chip.len(),
                float_values(&folder) == values
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Two layers of sigma-delta neurons hold a network of rectified units: what the outputs add up to is its answer, within what
/// the thresholds leave unsaid.
#[test]
fn sigma_delta_adds_up_to_the_activations() {
    let folder = folder("sigma_delta_layers");
    let mut random = Random(11);
    let (hidden, outputs) = (12, 4);
    let mut matrix = |rows: usize, columns: usize| -> Vec<f32> {
        (0..rows * columns)
            .map(|_| random.uniform(-1.0, 1.0) as f32)
            .collect()
    };
    let (first, second) = (matrix(hidden, INPUTS), matrix(outputs, hidden));
    let array = |shape: [usize; 2], data: &[f32]| Array {
        shape: shape.to_vec(),
        data: Data::F32(data.to_vec()),
    };
    let (a, b) = (
        array([hidden, INPUTS], &first),
        array([outputs, hidden], &second),
    );
    let mut file = std::fs::File::create(folder.join("net.npz")).unwrap();
    write_npz(&mut file, [("a", &a), ("b", &b)]).unwrap();
    let toml = format!(
        "format = 1\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{INPUTS}]\n\
         [[population]]\nname = \"h\"\nshape = [{hidden}]\nmodel = \"sigma_delta\"\nthreshold = 0.05\nbias = 0.5\n\
         [[population]]\nname = \"o\"\nshape = [{outputs}]\nmodel = \"sigma_delta\"\nthreshold = 0.05\nbias = -0.25\nrelu = false\n\
         [[projection]]\nfrom = \"in\"\nto = \"h\"\nkind = \"dense\"\nweight = \"a\"\n\
         [[projection]]\nfrom = \"h\"\nto = \"o\"\nkind = \"dense\"\nweight = \"b\"\ndelay = 70\n\
         [[output]]\nname = \"out\"\nfrom = \"o\"\n"
    );
    std::fs::write(folder.join("net.toml"), toml).unwrap();
    // Inputs are sent as changes: element e goes to e, then back by half of it. The delay is more than the chip has.
    let mut csv = String::from("step,index,value\n");
    for element in 1..INPUTS {
        csv += &format!("0,{element},{}\n", 2 * element);
    }
    for element in 1..INPUTS {
        csv += &format!("20,{element},-{element}\n");
    }
    csv += "150,0,1\n151,0,-1\n";
    std::fs::write(folder.join("in.csv"), csv).unwrap();
    let layer = |weights: &[f32], bias: f64, inputs: &[f64]| -> Vec<f64> {
        let rows = weights.chunks(inputs.len());
        let sum = |row: &[f32]| {
            row.iter()
                .zip(inputs)
                .map(|(w, x)| f64::from(*w) * x)
                .sum::<f64>()
        };
        rows.map(|row| sum(row) + bias).collect()
    };
    let x: Vec<f64> = (0..INPUTS).map(|e| e as f64).collect();
    let active: Vec<f64> = layer(&first, 0.5, &x).iter().map(|y| y.max(0.0)).collect();
    let expect = layer(&second, -0.25, &active);
    let file = |name: &str| text(&folder.join(name));
    let (net, input, out) = (file("net.toml"), file("in.csv"), file("out.npz"));
    let run = [
        "run", &net, "--input", &input, "--chip", "tiny", "--timing", "off",
    ];
    ok(&[&run[..], &["--spikes", &out]].concat());
    // Payloads count in the smallest power of two that is at least 32 / threshold: 1024.
    for (place, values, unit) in [
        ("reference", float_values(&folder), 1.0),
        ("chip", chip_values(Path::new(&out)), 1024.0),
    ] {
        for (element, expect) in expect.iter().enumerate() {
            let of_element = values.iter().skip(element).step_by(outputs);
            let got = of_element.map(|v| f64::from(*v)).sum::<f64>() / unit;
            // The own threshold, twelve of the layer before through weights of either sign, and 8-bit weights of both layers.
            let unsaid = 0.05 + 0.05 * 12_f64.sqrt() + 0.1;
            println!("{place}: output {element}: {got}, {expect}, within {unsaid}");
            assert!(
                (got - expect).abs() < unsaid,
                "{place}: output {element}: {got}, {expect}"
            );
        }
    }
}

#[test]
fn refused_by_name() {
    let sigma = "model = \"sigma_delta\"\nthreshold = 0.5";
    let alif = MODELS.iter().find(|m| m.0 == "alif").expect("there").1;
    for (name, keys, chip, says) in [
        ("sigma_on_loihi", sigma, "loihi", "graded"),
        ("alif_on_loihi", alif, "loihi", "kernel \"alif\""),
        (
            "key_of_another",
            "model = \"izhikevich\"\na = 0.02\nb = 0.2\nc = -65.0\nd = 8.0\ntau = 1.0",
            "tiny",
            "`tau`",
        ),
        (
            "no_beta",
            "model = \"alif\"\ntau_mem = 0.02\ntau_adapt = 0.2\nthreshold = 1.0",
            "tiny",
            "beta",
        ),
        (
            "no_threshold_for_changes",
            "model = \"sigma_delta\"\nthreshold = 0.0",
            "tiny",
            "above 0",
        ),
        (
            "tau_syn_alone",
            "model = \"alif\"\ntau_mem = 0.02\ntau_adapt = 0.2\nthreshold = 1.0\nbeta = 1.0\ntau_syn = 0.1",
            "tiny",
            "synapse",
        ),
        (
            "shift",
            "kernel = \"alif\"\noptions = { GRADED = 1, SHIFT = 40 }",
            "tiny",
            "SHIFT",
        ),
    ] {
        let folder = network(name, keys, (-1.0, 1.0), keys.starts_with("kernel"), 0.1);
        let (net, input) = (text(&folder.join("net.toml")), text(&folder.join("in.csv")));
        let out = run_in(&root(), &["run", &net, "--input", &input, "--chip", chip]);
        let message = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
    }
    // Payloads to neurons that would not read them.
    let folder = network("payload_to_lif", sigma, (-1.0, 1.0), false, 0.1);
    let path = folder.join("net.toml");
    let more = "[[population]]\nname = \"q\"\nshape = [4]\nkernel = \"lif\"\nconstants = { DECAY = 4000, THETA = 100 }\n\
                [[projection]]\nfrom = \"p\"\nto = \"q\"\nkind = \"dense\"\nweight = 2\n";
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before + more).unwrap();
    let input = text(&folder.join("in.csv"));
    let args = ["run", &text(&path), "--input", &input, "--chip", "tiny"];
    let out = run_in(&root(), &args);
    let message = String::from_utf8_lossy(&out.stderr);
    assert!(
        message.contains("graded spikes") && message.contains("\"q\""),
        "{message}"
    );
}

/// Inputs with values of either sign reach neurons as payloads: every spike is that of the integers, and the counts are those of
/// the reference.
#[test]
fn graded_inputs_reach_every_leaky_model() {
    for (name, keys) in [
        ("if", "model = \"if\"\nr = 1000.0\nthreshold = 3.0"),
        (
            "lif",
            "model = \"lif\"\ntau = 20e-3\nr = 20.0\nthreshold = 2.0\nsynapse = \"alpha\"\ntau_syn = 4e-3\nbias = 0.02",
        ),
        (
            "cubalif",
            "model = \"cubalif\"\ntau_mem = 20e-3\ntau_syn = 5e-3\nw_in = 5.0\nr = 20.0\nthreshold = 3.0",
        ),
        (
            "alif",
            "model = \"alif\"\ntau_mem = 20e-3\ntau_adapt = 150e-3\nthreshold = 0.05\nbeta = 1.8",
        ),
    ] {
        let folder = network(&format!("graded_{name}"), keys, (-1.0, 2.0), false, 0.1);
        let path = folder.join("net.toml");
        let file = std::fs::read_to_string(&path).unwrap();
        let graded = file.replacen("shape = [8]\n", "shape = [8]\ngraded = true\n", 1);
        assert_ne!(graded, file);
        std::fs::write(&path, graded).unwrap();
        // Values from -2 to 3.
        let csv = std::fs::read_to_string(folder.join("in.csv")).unwrap();
        let mut random = Random(5);
        let mut lines = csv.lines();
        let mut values = String::from(lines.next().expect("a head"));
        for line in lines {
            let value = match random.uniform(-2.0, 4.0).floor() as i64 {
                0 => 1,
                value => value,
            };
            let event = line.rsplit_once(',').expect("a value").0;
            values += &format!("\n{event},{value}");
        }
        std::fs::write(folder.join("in.csv"), values + "\n").unwrap();
        for chip in ["tiny", "programmable"] {
            let (float, on_chip) = spikes(&folder, chip);
            println!("{name}: {float} in f64, {on_chip} on {chip}");
            assert!(
                float > 200.0 && (float - on_chip).abs() <= 0.02 * float,
                "{name}: {float} in f64, {on_chip} on {chip}"
            );
        }
        if name != "alif" {
            let integers = crate::receptors::chip_spikes(name, &folder, "tiny", 64);
            assert!(integers > 200, "{name}");
        }
        let input = text(&folder.join("in.csv"));
        let args = ["run", &text(&path), "--input", &input, "--chip", "loihi"];
        let out = run_in(&root(), &args);
        let message = String::from_utf8_lossy(&out.stderr);
        let says = if name == "alif" { "alif" } else { "`graded`" };
        assert!(!out.status.success() && message.contains(says), "{message}");
    }
}

/// What sigma-delta neurons send reaches leaky integrators, whose membranes are those of the reference.
#[test]
fn payloads_of_sigma_delta_reach_integrators() {
    let keys = "model = \"sigma_delta\"\nthreshold = 0.05";
    let folder = network("sigma_delta_to_li", keys, (-1.0, 1.0), false, 0.05);
    let path = folder.join("net.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    let network = before.split_once("[[output]]").expect("an output").0;
    let more = "[[population]]\nname = \"q\"\nshape = [16]\nmodel = \"li\"\ntau = 20e-3\nsynapse = \"exponential\"\ntau_syn = 10e-3\n\
                [[projection]]\nfrom = \"p\"\nto = \"q\"\nkind = \"one_to_one\"\nweight = 0.5\n\
                [[output]]\nname = \"out\"\nfrom = \"q\"\n";
    std::fs::write(&path, format!("{network}{more}")).unwrap();
    let float = float_values(&folder);
    let largest = float.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let file = |name: &str| text(&folder.join(name));
    let (net, input, out) = (file("net.toml"), file("in.csv"), file("out.npz"));
    for chip in ["tiny", "programmable"] {
        ok(&[
            "run", &net, "--input", &input, "--chip", chip, "--timing", "off", "--spikes", &out,
        ]);
        let report = json("sigma_delta_to_li_map", &["map", &net, "--chip", chip]);
        let populations = report["mapping"]["populations"].as_array();
        let scale = populations.expect("populations")[1]["scale"].as_f64();
        let scale = scale.expect("a scale");
        let values = chip_values(Path::new(&out));
        assert_eq!(values.len(), float.len());
        let off = values.iter().zip(&float);
        let off = off.map(|(chip, float)| (f64::from(*chip) / scale - f64::from(*float)).abs());
        let worst = off.fold(0.0, f64::max);
        println!("{chip}: off by {worst} of {largest}");
        assert!(
            largest > 0.02 && worst <= 0.03 * f64::from(largest),
            "{chip}: off by {worst} of {largest}"
        );
    }
}
