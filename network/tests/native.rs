//! The native format: what it can say, and what it says about mistakes.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;

use network::input::Sample;
use network::lowered::{IntParam, Model, Source, WeightUnit};
use network::native::{Arrays, parse};
use network::npz::{Array, Data, Npz};
use network::{Graph, ImportOptions, SimulateOptions, Simulation};

/// Arrays held in memory.
struct Memory(Vec<(&'static str, Array)>);

impl Arrays for Memory {
    fn read(&mut self, _container: &str, name: &str) -> Result<Option<Array>, String> {
        Ok(self
            .0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, array)| array.clone()))
    }
}

fn array(shape: &[usize], data: Data) -> Array {
    Array {
        shape: shape.to_vec(),
        data,
    }
}

fn load(text: &str, arrays: Vec<(&'static str, Array)>) -> network::Result<Graph> {
    parse(text, "net", &mut Memory(arrays), &ImportOptions::default())
}

fn graph(text: &str, arrays: Vec<(&'static str, Array)>) -> Graph {
    load(text, arrays).unwrap_or_else(|e| panic!("{e}"))
}

fn simulate(graph: &Graph, sample: Sample) -> Simulation {
    graph
        .simulate(
            &[sample],
            &SimulateOptions {
                trains: true,
                ..Default::default()
            },
        )
        .unwrap()
}

/// Input element `step mod width` fires in each step.
fn sweep(width: u32, steps: u32) -> Sample {
    let mut sample = Sample::new();
    (0..steps).for_each(|step| sample.push_step([(step % width, 1.0)]));
    sample
}

/// Ten neurons of Brian2 2.9.0: dv/dt = (-70 mV - v + I) / 10 ms with the exact leak, 0.1 ms steps, and a refractory period.
const TEN: &str = r#"
    format = 1
    dt = 1e-4
    [[population]]
    name = "cells"
    shape = [10]
    model = "lif"
    decay = "exp"
    tau = 10e-3
    v_leak = "drive"
    r = "r"
    v_init = -70
    threshold = -50
    v_reset = -65
    refractory = 49
    PROJECTION
    [[output]]
    name = "out"
    from = "cells"
"#;

/// All to all: `v_post += w` in the step of the spike, but not for a neuron that fires or is refractory in it.
const COUPLED: &str = r#"
    [[projection]]
    name = "kicks"
    from = "cells"
    to = "cells"
    kind = "sparse"
    pre = "rec_pre"
    post = "rec_post"
    weight = "rec_w"
    same_step = true
"#;

/// The file of Brian2's spikes.
fn brian(key: &str) -> Array {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/brian2_lif10.npz");
    let mut npz = Npz::open(std::fs::File::open(path).unwrap()).unwrap();
    npz.read(key).unwrap().unwrap()
}

/// The network, isolated or coupled.
fn ten(projection: &str) -> Graph {
    let drive = (0..10).map(|i| -70.0 + 20.5 + 9.5 * f64::from(i) / 9.0);
    // One unit of input moves v by 1 mV.
    let r = vec![1.0 / (1.0 - (-0.01_f64).exp()); 10];
    let mut arrays = vec![
        ("drive", array(&[10], Data::F64(drive.collect()))),
        ("r", array(&[10], Data::F64(r))),
    ];
    arrays.extend(["rec_pre", "rec_post", "rec_w"].map(|key| (key, brian(key))));
    graph(&TEN.replace("PROJECTION", projection), arrays)
}

#[test]
fn ten_neurons_as_in_brian() {
    for (key, projection, spikes) in [("ff", "", 102), ("rec", COUPLED, 114)] {
        let result = simulate(&ten(projection), Sample::new().with_steps(2000));
        let read = |what: &str| brian(&format!("{key}_spike_{what}")).into_u32().unwrap();
        let mut wanted: Vec<(u32, u32)> = read("step").into_iter().zip(read("i")).collect();
        wanted.sort_unstable();
        assert_eq!(wanted.len(), spikes);
        assert_eq!(result.samples[0].trains[0], wanted, "{key}");
    }
    // One step later is another network.
    let later = ten(&COUPLED.replace("same_step = true", ""));
    let result = simulate(&later, Sample::new().with_steps(2000));
    assert_ne!(result.samples[0].trains[0].len(), 114);
}

#[test]
fn same_step_is_refused_where_it_means_nothing() {
    let error = ten(COUPLED).lower().unwrap_err().to_string();
    assert!(
        error.contains("kicks") && error.contains("leave out same_step"),
        "{error}"
    );
    let two = |way: &str| {
        let text = TWO_LAYERS.replace(
            "WAY",
            &format!("kind = \"dense\"\nweight = 1\nsame_step = true\n{way}"),
        );
        load(&text, Vec::new()).unwrap_err().to_string()
    };
    assert!(two("delay = 1").contains("contradicts `same_step`"));
    let text = TEN
        .replace("\"lif\"", "\"threshold\"")
        .replace("PROJECTION", COUPLED);
    let threshold: String = text
        .lines()
        .filter(|line| {
            let key = line.split('=').next().unwrap_or("").trim();
            ![
                "decay",
                "tau",
                "v_leak",
                "r",
                "v_init",
                "v_reset",
                "refractory",
            ]
            .contains(&key)
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let arrays = ["rec_pre", "rec_post", "rec_w"].map(|key| (key, brian(key)));
    let error = load(&threshold, arrays.to_vec()).unwrap_err().to_string();
    assert!(error.contains("model i, if, li or lif"), "{error}");
}

const TWO_LAYERS: &str = r#"
format = 1
dt = 1e-3
[[input]]
name = "in"
shape = [3]
[[population]]
name = "a"
shape = [2, 2]
model = "if"
r = 1000
threshold = 0.9
[[projection]]
from = "in"
to = "a"
WAY
[[output]]
name = "out"
from = "a"
readout = "first"
"#;

/// The same synapses said in three ways: a matrix, compressed rows, pairs.
#[test]
fn matrix_rows_and_pairs_agree() {
    // (outputs, inputs)
    let dense = [
        0.5f32, 0.0, 1.0, 0.0, 0.25, 0.0, 1.5, 0.0, -1.0, 0.0, 2.0, 0.0,
    ];
    let way = |way: &str, arrays: Vec<(&'static str, Array)>| {
        let graph = graph(&TWO_LAYERS.replace("WAY", way), arrays);
        let result = simulate(&graph, sweep(3, 12));
        let net = graph.lower().unwrap();
        assert_eq!(net.projections[0].source, Source::Input(0));
        assert_eq!(net.populations[0].shape, [2, 2]);
        assert_eq!(
            net.outputs[0].readout,
            Some(network::lowered::ReadoutKind::First)
        );
        (
            result.samples[0].trains[0].clone(),
            net.projections[0].synapses.clone(),
        )
    };
    let (trains, full) = way(
        "kind = \"dense\"\nweight = \"w\"",
        vec![("w", array(&[4, 3], Data::F32(dense.to_vec())))],
    );
    assert!(full.dense && full.target.len() == 12 && !trains.is_empty());
    let rows = vec![
        ("p", array(&[4], Data::I64(vec![0, 2, 4, 6]))),
        ("i", array(&[6], Data::U32(vec![0, 2, 1, 3, 0, 2]))),
        (
            "w",
            array(&[6], Data::F64(vec![0.5, 1.5, 0.25, 2.0, 1.0, -1.0])),
        ),
    ];
    let (same, sparse) = way(
        "kind = \"sparse\"\nindptr = \"p\"\nindices = \"i\"\nweight = \"w\"",
        rows,
    );
    assert_eq!(trains, same);
    let pairs = vec![
        ("pre", array(&[6], Data::U8(vec![2, 0, 1, 0, 1, 2]))),
        ("post", array(&[6], Data::U8(vec![0, 0, 1, 2, 3, 2]))),
        (
            "w",
            array(&[6], Data::F32(vec![1.0, 0.5, 0.25, 1.5, 2.0, -1.0])),
        ),
    ];
    let (same, paired) = way(
        "kind = \"sparse\"\npre = \"pre\"\npost = \"post\"\nweight = \"w\"",
        pairs,
    );
    assert_eq!(trains, same);
    assert_eq!(
        (&paired.row_start, &paired.target, &paired.weight),
        (&sparse.row_start, &sparse.target, &sparse.weight)
    );
}

#[test]
fn every_synapse_has_its_delay() {
    let text = TWO_LAYERS.replace(
        "WAY",
        "kind = \"sparse\"\npre = \"s\"\npost = \"t\"\nweight = 1.0\ndelay = \"d\"",
    );
    let arrays = vec![
        ("s", array(&[3], Data::U32(vec![0, 0, 0]))),
        ("t", array(&[3], Data::U32(vec![0, 1, 2]))),
        ("d", array(&[3], Data::U8(vec![0, 3, 7]))),
    ];
    let graph = graph(&text, arrays);
    let mut sample = Sample::new();
    sample.push_step([(0, 1.0)]);
    let result = simulate(&graph, sample.with_steps(10));
    assert_eq!(result.samples[0].trains[0], [(0, 0), (3, 1), (7, 2)]);
    assert_eq!(
        graph.lower().unwrap().projections[0].synapses.delay,
        [0, 3, 7]
    );
}

#[test]
fn a_convolution_with_delay() {
    let text = r#"
        format = 1
        dt = 1e-3
        input = [{ name = "in", shape = [1, 2, 2] }]
        population = [{ name = "p", shape = [1, 2, 2], model = "if", r = 1000, threshold = 0.5, reset = "subtract" }]
        output = [{ name = "out", from = "p" }]
        projection = [{ from = "in", to = "p", kind = "conv", weight = "w", padding = "same", delay = 2 }]
    "#;
    let weight = array(
        &[1, 1, 3, 3],
        Data::F32(vec![0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
    );
    let graph = graph(text, vec![("w", weight)]);
    let mut sample = Sample::new();
    sample.push_step([(3, 1.0)]);
    let result = simulate(&graph, sample.with_steps(4));
    // Element (1, 1) reaches (1, 1) through the centre and (1, 0) through the tap to its right; the tap above reaches (2, 1).
    assert_eq!(
        result.samples[0].trains[0],
        [(2, 2), (2, 3), (3, 2), (3, 3)].map(|(s, n)| (s, n))[..2]
    );
    let net = graph.lower().unwrap();
    assert!(net.projections[0].synapses.delay.iter().all(|&d| d == 2));
}

const KERNEL: &str = r#"
format = 1
dt = 1e-3
assignment = "core"
[[population]]
name = "p"
shape = [3]
kernel = "lif"
options = { BIAS = 1, RESET = 1 }
constants = { DECAY = 3686, THETA = 6400 }
slots = { v = "v0", bias = 700 }
[[projection]]
from = "p"
to = "p"
kind = "one_to_one"
weight = "w"
unit = "mantissa"
exponent = -1
[[output]]
name = "out"
from = "p"
"#;

fn kernel_arrays() -> Vec<(&'static str, Array)> {
    vec![
        ("v0", array(&[3], Data::I32(vec![0, 6000, -100]))),
        ("w", array(&[3], Data::I8(vec![3, -3, 0]))),
        ("core", array(&[3], Data::U32(vec![2, 0, 1]))),
    ]
}

#[test]
fn kernels_in_chip_integers() {
    let graph = graph(KERNEL, kernel_arrays());
    let net = graph.lower().unwrap();
    assert_eq!(net.assignment.as_deref(), Some(&[2, 0, 1][..]));
    assert_eq!(
        net.projections[0].unit,
        WeightUnit::Mantissa { exponent: -1 }
    );
    assert!(net.projections[0].recurrent);
    let Model::Kernel {
        name,
        options,
        values,
        ..
    } = &net.populations[0].model
    else {
        panic!("a kernel")
    };
    assert_eq!(name, "lif");
    assert_eq!(
        options[..],
        [("BIAS".to_string(), 1), ("RESET".to_string(), 1)]
    );
    assert!(values.contains(&("v".to_string(), IntParam::Each(vec![0, 6000, -100]))));
    // The law, written out: v' = (v · 3686 >> 12) + 700 + what the spike of the step before adds.
    let result = simulate(&graph, Sample::new().with_steps(60));
    let mut wanted = Vec::new();
    let mut state: Vec<(i64, i64)> = vec![(0, 0), (6000, 0), (-100, 0)];
    for step in 0..60 {
        for (neuron, (v, arriving)) in state.iter_mut().enumerate() {
            *v = *v * 3686 / 4096 + 700 + std::mem::take(arriving);
            if *v > 6400 {
                wanted.push((step, neuron as u32));
                *v -= 6400;
                // 3 / 2 and -3 / 2, floored, times 64.
                *arriving = [64, -128, 0][neuron];
            }
        }
    }
    assert!(wanted.len() > 3);
    assert_eq!(result.samples[0].trains[0], wanted);
}

/// Whether a kernel scales real weights is known where the kernel is (`specs/network.md`, `unit`): the file loads, and the
/// reference, whose kernels do not scale, takes whole numbers only.
#[test]
fn kernels_with_weights_in_model_units() {
    let real = KERNEL.replace("unit = \"mantissa\"\nexponent = -1", "unit = \"model\"");
    let whole = graph(&real, kernel_arrays());
    assert_eq!(
        whole.lower().unwrap().projections[0].unit,
        WeightUnit::Model
    );
    let effective = graph(&real.replace("model", "effective"), kernel_arrays());
    let trains = |graph| {
        let mut result = simulate(graph, Sample::new().with_steps(60));
        result.samples.remove(0).trains.remove(0)
    };
    assert_eq!(trains(&whole), trains(&effective));
    let fraction = graph(&real.replace("\"w\"", "0.5"), kernel_arrays());
    let samples = [Sample::new().with_steps(60)];
    let refused = fraction.simulate(&samples, &SimulateOptions::default());
    expect_test::expect!["node `p` cannot be simulated: in step 5 the weights that reach its neuron 1 add up to 0.5, and its kernel counts in whole numbers; give whole weights"].assert_eq(&refused.unwrap_err().to_string());
}

/// The message for a description in which `from` is replaced by `to`.
fn mistake(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    load(&text.replacen(from, to, 1), kernel_arrays())
        .unwrap_err()
        .in_file("net.toml")
        .to_string()
}

#[test]
fn switches_of_nir_are_refused() {
    let text = TWO_LAYERS.replace("WAY", "kind = \"dense\"\nweight = 0.5");
    let read = |switches: &[&str]| {
        let options = ImportOptions::parse(switches).unwrap();
        parse(&text, "net", &mut Memory(kernel_arrays()), &options)
    };
    assert_eq!(read(&["dt=2e-3"]).unwrap().dt_s, 2e-3);
    let said = read(&[
        "decay=exp",
        "reset=subtract",
        "cuba=old",
        "reset_delay=1",
        "compare=ge",
    ]);
    let said = said.unwrap_err().to_string();
    expect_test::expect![[r#"
        `--import reset=subtract`: acts on NIR files only; write reset = "subtract" into the [[population]]s that are meant
        `--import reset_delay=1`: acts on NIR files only; write reset_delay = true into the [[population]]s that are meant
        `--import compare=ge`: acts on NIR files only; write compare = "ge" into the [[population]]s that are meant
        `--import cuba=old`: acts on NIR files only; write current = "old" into the [[population]]s that are meant
        `--import decay=exp`: acts on NIR files only; write decay = "exp" into the [[population]]s that are meant"#]].assert_eq(&said);
}

/// A decay of several times the value in one step would change its sign; a chip refuses it, and so does the reference.
#[test]
fn a_step_longer_than_a_time_constant_is_refused() {
    let text = TWO_LAYERS.replace("WAY", "kind = \"dense\"\nweight = 0.5");
    let run = |model: &str| {
        let text = text.replacen("model = \"if\"\nr = 1000", model, 1);
        let graph = graph(&text, kernel_arrays());
        let result = graph.simulate(&[sweep(3, 2)], &SimulateOptions::default());
        result.map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(run("model = \"lif\"\ntau = 1e-3"), Ok(()));
    assert_eq!(run("model = \"lif\"\ntau = 1e-4\ndecay = \"exp\""), Ok(()));
    let models = [
        "model = \"lif\"\ntau = 1e-4",
        "model = \"cubalif\"\ntau_mem = 1e-2\ntau_syn = 5e-4",
        "model = \"alif\"\ntau_mem = 1e-2\ntau_adapt = 5e-4\nbeta = 1\ndecay = \"euler\"",
        "model = \"if\"\nsynapse = \"alpha\"\ntau_syn = 5e-4",
    ];
    let said = models.map(|model| run(model).unwrap_err()).join("\n");
    expect_test::expect![[r#"
        node `a` cannot be simulated: tau is 1e-4 s, shorter than the step of 1e-3 s (factor -9.000 per step); change dt or the time constant, or decay to exp (of a .toml: decay = "exp" in the file; of NIR: --import decay=exp)
        node `a` cannot be simulated: tau_syn is 5e-4 s, shorter than the step of 1e-3 s (factor -1.000 per step); change dt or the time constant, or decay to exp (of a .toml: decay = "exp" in the file; of NIR: --import decay=exp)
        node `a` cannot be simulated: tau_adapt is 5e-4 s, shorter than the step of 1e-3 s (factor -1.000 per step); change dt or the time constant, or decay to exp (of a .toml: decay = "exp" in the file; of NIR: --import decay=exp)
        node `a` cannot be simulated: tau_syn is 5e-4 s, shorter than the step of 1e-3 s (factor -1.000 per step); change dt or the time constant, or decay to exp (of a .toml: decay = "exp" in the file; of NIR: --import decay=exp)"#]].assert_eq(&said);
}

#[test]
fn mistakes_name_their_line() {
    let dense = TWO_LAYERS.replace("WAY", "kind = \"dense\"\nweight = 0.5");
    let mut all = Vec::new();
    for (from, to) in [
        ("format = 1", "format = 2"),
        ("dt = 1e-3", ""),
        ("dt = 1e-3", "dt = 0"),
        ("dt = 1e-3", "dt = 1e-3\ncolour = 1"),
        ("model = \"if\"", "model = \"hodgkin\""),
        ("model = \"if\"", ""),
        ("r = 1000", "tau = 1000"),
        ("model = \"if\"\nr = 1000", "model = \"lif\""),
        ("model = \"if\"\nr = 1000", "model = \"lif\"\ntau_mem = 1"),
        ("model = \"if\"\nr = 1000", "model = \"cubalif\"\ntau = 1"),
        ("r = 1000", "r = \"nowhere\""),
        ("r = 1000", "r = \"v0\""),
        ("threshold = 0.9", ""),
        ("threshold = 0.9", "threshold = 0.9\nrefractory = 1.5"),
        ("shape = [2, 2]", "shape = [2, 0]"),
        ("from = \"in\"", "from = \"nobody\""),
        ("to = \"a\"", "to = \"in\""),
        ("kind = \"dense\"", "kind = \"sparse\""),
        ("kind = \"dense\"", "kind = \"dense\"\nstride = 2"),
        ("weight = 0.5", "weight = \"w\""),
        ("weight = 0.5", "weight = nan"),
        ("weight = 0.5", "weight = 0.5\nunit = \"effective\""),
        ("weight = 0.5", "weight = 0.5\ndelay = -1"),
        ("weight = 0.5", "weight = 0.5\ndelay = [1]"),
        ("name = \"out\"", "name = \"a\""),
        ("name = \"out\"", "name = \"\""),
        (
            "from = \"a\"\nreadout = \"first\"",
            "from = \"b\"\nreadout = \"best\"",
        ),
        ("[[input]]", "[[input"),
    ] {
        all.push(mistake(&dense, from, to));
    }
    for (from, to) in [
        ("assignment = \"core\"", "assignment = \"w\""),
        ("v0", "core4"),
        ("unit = \"mantissa\"", "unit = \"effective\""),
        ("weight = \"w\"", "weight = 0.5"),
        ("kernel = \"lif\"", "kernel = \"lif\"\ntau = 1"),
        ("v = \"v0\"", "v = 0.5"),
    ] {
        all.push(mistake(KERNEL, from, to));
    }
    expect_test::expect![[r#"
        net.toml:2: format 2 is not known; this version reads format = 1
        net.toml: the file has no time step (`dt`): give it in seconds with --dt, e.g. --dt 1e-3
        net.toml:3: dt must be above 0 seconds
        net.toml:4: unknown field `colour`, expected one of `format`, `name`, `dt`, `arrays`, `assignment`, `input`, `population`, `projection`, `output`
        net.toml:10: unknown variant `hodgkin`, expected one of `i`, `if`, `li`, `lif`, `cubali`, `cubalif`, `threshold`, `alif`, `lsnn`, `izhikevich`, `resonate`, `sigma_delta`, `compartments`
        net.toml:7: population `a` needs a model or a kernel, one of the two
        net.toml:11: `tau` has no meaning for this model
        net.toml:7: the model needs a `tau` above 0 seconds
        net.toml:11: `tau_mem` has no meaning for this model; it takes `tau`
        net.toml:11: `tau` has no meaning for this model; it takes `tau_mem`
        net.toml:11: there is no array `nowhere` in `net.npz`
        net.toml:11: array `v0` has 3 values for 4 neurons
        net.toml:7: the model needs a `threshold`
        net.toml:13: this must be a whole number of steps, 0 to 65535
        net.toml:7: `a`: the shape [2, 0] must have at least one and not too many elements
        net.toml:14: there is no input or population `nobody`; there are a, in
        net.toml:15: `in` is an input; nothing can lead into it
        net.toml:14: a sparse projection needs `indptr` and `indices`, or `pre` and `post`
        net.toml:17: `stride` has no meaning for this kind of projection
        net.toml:17: the weight has shape [3]; it takes [4, 3] (outputs, inputs)
        net.toml:17: the weight NaN is not a finite float32
        net.toml:18: chip integers need a population with a kernel; this one has a model in physical units
        net.toml:18: the delay -1 must be 0 to 65535 steps
        net.toml:18: expected a whole number or the name of an array
        net.toml:18: the name `a` is taken; inputs, populations and outputs have different names
        net.toml:18: the name is empty; inputs, populations and outputs need one
        net.toml:21: unknown variant `best`, expected one of `count`, `last`, `max`, `first`
        net.toml:4: unclosed array table, expected `]]`
        net.toml:4: array `w`: element 1 is -3, which is not a whole number from 0 to 4294967295
        net.toml:11: there is no array `core4` in `net.npz`
        net.toml:18: an exponent belongs to unit = "mantissa"
        net.toml:16: the weight 0.5 at element 0 is not a whole number of at most 16777216
        net.toml:9: `tau` belongs to a model; this population has a kernel
        net.toml:11: expected a whole number or the name of an array"#]].assert_eq(&all.join("\n"));
}

#[test]
fn the_example_of_the_specification_loads() {
    let page = include_str!("../../specs/network.md");
    let text = page
        .split("```toml")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap();
    let arrays = vec![
        ("core", array(&[42], Data::U16((0..42).collect()))),
        ("theta", array(&[32], Data::F32(vec![1.0; 32]))),
        ("v0", array(&[10], Data::I8(vec![0; 10]))),
        ("w_in", array(&[32, 64], Data::F32(vec![0.1; 32 * 64]))),
        ("rows", array(&[33], Data::I32((0..33).collect()))),
        (
            "targets",
            array(&[32], Data::U8((0..32).map(|i| i % 10).collect())),
        ),
        ("w", array(&[32], Data::I8(vec![-7; 32]))),
        ("d", array(&[32], Data::U8((0..32).collect()))),
    ];
    let net = graph(text, arrays).into_lowered().unwrap();
    assert_eq!(
        (
            net.populations.len(),
            net.projections.len(),
            net.outputs.len()
        ),
        (2, 2, 1)
    );
    assert_eq!(net.projections[1].synapses.delay.len(), 32);
}
