//! Kernels that draw: `simulate` and `run` give the same spikes, every one, for they draw the same words.

use crate::cli::{folder, ok};
use std::collections::BTreeSet;
use std::fmt::Write;

const STEPS: u32 = 300;

/// A kernel with its options, constants and slots.
struct Case {
    kernel: &'static str,
    options: &'static str,
    constants: &'static str,
    slots: &'static str,
}

const fn case(kernel: &'static str, options: &'static str, constants: &'static str) -> Case {
    Case {
        kernel,
        options,
        constants,
        slots: "",
    }
}

const CASES: [Case; 12] = [
    case(
        "if",
        "NOISE = 1, GE = 1, RESET = 1, IDLE = 0",
        "THETA = 448, NOISE_MASK = 511",
    ),
    case(
        "lif",
        "NOISE = 1, REFRACT = 1, IDLE = 0",
        "DECAY = 3900, THETA = 384, NOISE_MASK = 1023, REFRACTORY = 2",
    ),
    case(
        "lif",
        "NOISE = 1, LATE = 1, RESET = 1, IDLE = 0",
        "DECAY = 4000, THETA = 640, NOISE_MASK = 255",
    ),
    case(
        "cubalif",
        "NOISE = 1, OLD = 1, IDLE = 0",
        "DECAY_U = 3000, DECAY_V = 3900, THETA = 1280, NOISE_MASK = 2047",
    ),
    case(
        "threshold",
        "NOISE = 1, IDLE = 0",
        "THETA = 64, NOISE_MASK = 511",
    ),
    case(
        "cubalif",
        "INJECT = 1, IDLE = 0",
        "DECAY_U = 3000, DECAY_V = 3900, THETA = 1280, OFFSET = 10, SPREAD = 128",
    ),
    case(
        "cubalif",
        "INJECT = 2, NOISE = 1, SYN = 2, ROUND = 2, BIAS = 1, REFRACT = 1, IDLE = 0",
        "DECAY_U = 2000, DECAY_V = 3900, THETA = 1280, OFFSET = -20, SPREAD = 64, NOISE_MASK = 255, REFRACTORY = 3",
    ),
    case(
        "lif",
        "NOISE = 1, SYN = 1, ROUND = 1, IDLE = 0",
        "DECAY = 3900, FADE = 30000, THETA = 640, NOISE_MASK = 255",
    ),
    case("stochastic", "SHIFT = 3", "DECAY = 3900, THETA = 1024"),
    case(
        "stochastic",
        "NOISE = 1, SHIFT = 2, RESET = 1, REFRACT = 1",
        "DECAY = 3900, THETA = 768, NOISE_MASK = 127, REFRACTORY = 1",
    ),
    Case {
        slots: "leak = -40, alpha = 300, beta = 200, reset_v = 7, c = 1, tm = 8, gamma = 1, kappa = 1",
        ..case("truenorth", "C = 1, TM = 1, MODES = 1", "")
    },
    Case {
        slots: "leak = 30, alpha = 250, beta = 100, reset_v = -50, tm = 9",
        ..case("truenorth", "TM = 1, EPSILON = 1, CLAMP = 1", "")
    },
];

impl Case {
    /// Input, a population, and a second one behind it, which drives itself: depths 0 and 1.
    fn network(&self) -> String {
        let mut text =
            String::from("format = 1\ndt = 1e-3\n\n[[input]]\nname = \"in\"\nshape = [16]\n");
        for name in ["first", "second"] {
            write!(
                text,
                "\n[[population]]\nname = {name:?}\nshape = [16]\nkernel = {:?}\noptions = {{ {} }}\nconstants = {{ {} }}\nslots = {{ {} }}\n",
                self.kernel, self.options, self.constants, self.slots
            )
            .unwrap();
        }
        for (from, to, kind, weight) in [
            ("in", "first", "dense", 64),
            ("first", "second", "dense", 64),
            ("second", "second", "one_to_one", -64),
        ] {
            write!(
                text,
                "\n[[projection]]\nfrom = {from:?}\nto = {to:?}\nkind = {kind:?}\nweight = {weight}\n"
            )
            .unwrap();
        }
        text + "\n[[output]]\nname = \"out\"\nfrom = \"second\"\n"
    }

    /// Whether a neuron at rest can fire or move before its input comes.
    fn restless(&self) -> bool {
        matches!(self.kernel, "truenorth" | "stochastic") || self.options.contains("INJECT")
    }
}

/// (step, population, index) of a file of spikes, steps as `simulate` counts them.
fn spikes(text: &str, depth: u32) -> BTreeSet<(u32, bool, u32)> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let column = |name: &str| header.iter().position(|h| *h == name).expect("a column");
    let (step, population, index) = (column("step"), column("population"), column("index"));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            let second = fields[population] == "second";
            let step: u32 = fields[step].parse().unwrap();
            let step = step.wrapping_sub(if second { depth } else { 0 });
            (step, second, fields[index].parse().unwrap())
        })
        .filter(|(step, ..)| *step < STEPS)
        .collect()
}

#[test]
fn simulate_and_run_draw_alike() {
    let dir = folder("chance");
    let path = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let mut input = String::from("step,index\n");
    let mut word = 1u32;
    for step in 0..STEPS {
        for index in 0..16 {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if word >> 24 < 40 {
                writeln!(input, "{step},{index}").unwrap();
            }
        }
    }
    let (net, events, csv) = (path("net.toml"), path("input.csv"), path("spikes.csv"));
    std::fs::write(&events, input).unwrap();
    for (number, case) in CASES.iter().enumerate() {
        let context = format!("case {number}, {} {}", case.kernel, case.options);
        std::fs::write(&net, case.network()).unwrap();
        let trains = |command: &[&str], seed: &str, depth: u32| {
            let mut args = command.to_vec();
            args.extend([net.as_str(), "--input", &events, "--spikes", &csv]);
            args.extend(["--seed", seed]);
            ok(&args);
            spikes(&std::fs::read_to_string(&csv).unwrap(), depth)
        };
        let run = [
            "run",
            "--chip",
            "programmable",
            "--timing",
            "off",
            "--quiet",
        ];
        let chip = trains(&run, "7", 1);
        let float = trains(&["simulate"], "7", 0);
        let other = trains(&["simulate"], "8", 0);
        let first = |all: &BTreeSet<(u32, bool, u32)>| -> BTreeSet<(u32, bool, u32)> {
            all.iter().copied().filter(|spike| !spike.1).collect()
        };
        // A layer that is not at rest without input has lived a step longer on the chip, one for each layer before it.
        if case.restless() {
            assert_eq!(first(&chip), first(&float), "{context}");
        } else {
            assert_eq!(chip, float, "{context}");
            assert!(
                chip.iter().any(|spike| spike.1),
                "{context}: no spike behind"
            );
        }
        let count = first(&chip).len();
        assert!((200..4000).contains(&count), "{context}: {count} spikes");
        assert_ne!(
            first(&float),
            first(&other),
            "{context}: the seed does nothing"
        );
    }
}
