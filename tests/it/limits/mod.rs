//! A network that cannot fit, for each limit in turn: the message names the limit and its key, the population, the need, what there is, and
//! the smallest change. The change maps it, and one less does not: so it is the smallest.

mod beyond;
mod study;

use crate::cli::{folder, root, run_in};
use network::npz::{Array, Data, write_npy};
use std::path::Path;

/// Two layers; `{0}` … stand for what a case changes.
fn layers(inputs: u32, hidden: &str, out: &str) -> String {
    format!(
        "format = 1\nname = \"net\"\ndt = 1e-3\n[[input]]\nname = \"in\"\nshape = [{inputs}]\n{hidden}\n{out}\n[[output]]\nname = \"class\"\nfrom = \"out\"\n"
    )
}

fn population(name: &str, neurons: u32, more: &str) -> String {
    let model = if more.contains("model") || more.contains("kernel") {
        ""
    } else {
        "model = \"lif\"\ntau = 10e-3\nthreshold = 1.0\n"
    };
    format!("[[population]]\nname = \"{name}\"\nshape = [{neurons}]\n{model}{more}\n")
}

fn dense(from: &str, to: &str, weight: f64, more: &str) -> String {
    format!(
        "[[projection]]\nfrom = \"{from}\"\nto = \"{to}\"\nkind = \"dense\"\nweight = {weight:?}\n{more}\n"
    )
}

/// Six inputs, six neurons, four outputs.
fn plain() -> String {
    layers(
        6,
        &(population("hidden", 6, "") + &dense("in", "hidden", 0.5, "")),
        &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
    )
}

/// One network that does not fit.
struct Case<'a> {
    name: &'a str,
    net: String,
    chip: &'a str,
    /// `KEY=VALUE` of the chip.
    set: &'a [&'a str],
    /// Cores of all neurons.
    assign: Option<Vec<u32>>,
    /// All must stand in the message.
    says: &'a [&'a str],
    /// Changes that it names, in order.
    changes: &'a [&'a str],
}

impl Case<'_> {
    /// Maps with these settings of the chip; the message if it is refused.
    fn map(&self, at: &Path, set: &[String]) -> Result<(), String> {
        std::fs::write(at.join("net.toml"), &self.net).unwrap();
        let chip = match self.chip.strip_suffix(".toml") {
            Some(_) => root().join(self.chip).to_str().unwrap().to_owned(),
            None => self.chip.to_owned(),
        };
        let mut args = vec!["map", "net.toml", "--chip", &chip];
        for one in set {
            args.extend(["--set", one]);
        }
        if let Some(cores) = &self.assign {
            let mut bytes = Vec::new();
            write_npy(&mut bytes, &Array::vector(Data::U32(cores.clone()))).unwrap();
            std::fs::write(at.join("cores.npy"), bytes).unwrap();
            args.extend(["--assign", "cores.npy"]);
        }
        let out = run_in(at, &args);
        let message = String::from_utf8(out.stderr).unwrap();
        match out.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(message),
            other => panic!("{}: {other:?}: {message}", self.name),
        }
    }

    /// Settings with some changed.
    fn with(&self, changes: &[String]) -> Vec<String> {
        let key = |s: &str| s.split('=').next().unwrap_or_default().to_owned();
        let kept = self
            .set
            .iter()
            .filter(|s| !changes.iter().any(|c| key(c) == key(s)));
        kept.map(|s| (*s).to_owned())
            .chain(changes.iter().cloned())
            .collect()
    }

    fn check(&self) {
        let at = folder(&format!("limits_{}", self.name.replace(' ', "_")));
        let message = self.map(&at, &self.with(&[])).expect_err(self.name);
        for part in self.says.iter().chain(&["the smallest change: "]) {
            assert!(
                message.contains(part),
                "{}: no {part:?} in: {message}",
                self.name
            );
        }
        let named: Vec<String> = message
            .split("--set ")
            .skip(1)
            .map(|s| {
                s.split([' ', ',', ')', ';', '\n'])
                    .next()
                    .unwrap_or_default()
            })
            // A list of widths has commas: it is tried where it stands in a case.
            .filter(|s| !s.contains('['))
            .map(str::to_owned)
            .collect();
        assert_eq!(named, self.changes, "{}: {message}", self.name);
        let less = |change: &String| {
            let (key, value) = change.split_once('=').unwrap();
            format!("{key}={}", value.parse::<u64>().unwrap() - 1)
        };
        if message.contains("(all of these changes together)") {
            self.map(&at, &self.with(&named))
                .unwrap_or_else(|e| panic!("{}: {named:?}: {e}", self.name));
            for i in 0..named.len() {
                let mut fewer = named.clone();
                fewer[i] = less(&named[i]);
                self.map(&at, &self.with(&fewer))
                    .expect_err(&format!("{}: {fewer:?}", self.name));
            }
            return;
        }
        for change in named {
            let with = self.with(std::slice::from_ref(&change));
            self.map(&at, &with)
                .unwrap_or_else(|e| panic!("{}: {change}: {e}", self.name));
            let fewer = less(&change);
            let with = self.with(std::slice::from_ref(&fewer));
            self.map(&at, &with)
                .expect_err(&format!("{}: {fewer} is enough", self.name));
        }
    }

    /// Another network that fits, and one that does not.
    fn networks(&self, fits: String, does_not: String) {
        let at = folder(&format!("limits_{}_net", self.name.replace(' ', "_")));
        let other = |net: String| {
            Case {
                net,
                assign: None,
                ..*self
            }
            .map(&at, &self.with(&[]))
        };
        other(fits).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        other(does_not).expect_err(self.name);
    }
}

fn case<'a>(
    name: &'a str,
    chip: &'a str,
    set: &'a [&'a str],
    says: &'a [&'a str],
    changes: &'a [&'a str],
) -> Case<'a> {
    Case {
        name,
        net: plain(),
        chip,
        set,
        assign: None,
        says,
        changes,
    }
}

#[test]
fn cores() {
    let fewer = |n: u32| {
        layers(
            6,
            &(population("hidden", n, "") + &dense("in", "hidden", 0.5, "")),
            &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
        )
    };
    let one = case(
        "cores by neurons",
        "loihi",
        &["core.neurons=2", "mesh.width=1", "mesh.height=1"],
        &[
            "needs 5 cores",
            "at least 5 by neurons",
            "population \"hidden\"",
            "\"loihi\" has 4",
            "1 more core:",
            "2 neurons fewer",
        ],
        &["mesh.cores_per_tile=5"],
    );
    one.check();
    one.networks(fewer(4), fewer(5));
    // The inputs of one layer fill the axons of a core, and so do those of the other.
    case(
        "cores by axons",
        "loihi",
        &[
            "core.input_axons=6",
            "mesh.width=1",
            "mesh.height=1",
            "mesh.cores_per_tile=1",
        ],
        &[
            "needs 2 cores",
            "at least 2 by input axons",
            "population \"",
            "\"loihi\" has 1",
            "1 more core:",
        ],
        &["mesh.height=2"],
    )
    .check();
    case(
        "cores by groups",
        "loihi",
        &[
            "core.groups=1",
            "mesh.width=1",
            "mesh.height=1",
            "mesh.cores_per_tile=1",
        ],
        &[
            "needs 2 cores",
            "at least 2 by neuron groups",
            "\"loihi\" has 1",
            "1 more core:",
        ],
        &["mesh.height=2"],
    )
    .check();
    case(
        "cores of crossbars",
        "truenorth",
        &["core.neurons=2", "mesh.width=1", "mesh.height=2"],
        &[
            "needs 8 cores",
            "by neurons and their copies",
            "population \"hidden\"",
            "\"truenorth\" has 2",
            "6 more cores:",
        ],
        &["mesh.height=8"],
    )
    .check();
}

#[test]
fn one_neuron() {
    let narrow = |inputs: u32| {
        layers(
            inputs,
            &(population("hidden", 6, "") + &dense("in", "hidden", 0.5, "")),
            &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
        )
    };
    // `out` needs six as well, the first of those that need most is named.
    let axons = case(
        "input axons",
        "loihi",
        &["core.input_axons=7"],
        &[
            "neuron 0 of population \"hidden\" needs 9 input axons",
            "has 7 (core.input_axons)",
            "at most 7 sources for a neuron",
        ],
        &["core.input_axons=9"],
    );
    let axons = Case {
        net: narrow(9),
        ..axons
    };
    axons.check();
    axons.networks(narrow(7), narrow(8));

    let memory = case(
        "synapse memory",
        "loihi",
        &["core.synapse_bits=300"],
        &[
            "neuron 0 of population \"hidden\" needs 384 bits of synapse memory",
            "has 300 (core.synapse_bits)",
            "at most 4 synapses for this neuron",
        ],
        &["core.synapse_bits=384"],
    );
    memory.check();
    let few = |n: u32| {
        layers(
            n,
            &(population("hidden", 4, "") + &dense("in", "hidden", 0.5, "")),
            &(population("out", 4, "") + &dense("hidden", "out", 0.25, "")),
        )
    };
    memory.networks(few(4), few(5));

    let two = |inputs: &str, weight: f64| {
        layers(
            4,
            &(population("hidden", 2, "") + &dense("in", "hidden", 0.5, "")),
            &(population("out", 2, "")
                + &dense("hidden", "out", 0.25, "")
                + &dense(inputs, "out", weight, "")),
        )
    };
    let formats = Case {
        net: two("in", -3.0),
        ..case(
            "synapse formats",
            "loihi",
            &["core.synapse_formats=1"],
            &[
                "neuron 0 of population \"out\" needs 2 synapse formats",
                "has 1 (core.synapse_formats)",
            ],
            &["core.synapse_formats=2"],
        )
    };
    formats.check();
    formats.networks(two("hidden", 0.25), two("hidden", -0.25));
}

#[test]
fn weights_of_fewer_bits() {
    // A row of twelve neurons in one block: 8 bits each and 10 of header take three words, 4 bits one.
    let wide = layers(
        40,
        &(population("hidden", 1, "") + &dense("in", "hidden", 0.5, "")),
        &(population("out", 1, "") + &dense("hidden", "out", 0.25, "")),
    );
    // Memory in words of 8 bits, so that bits count.
    let memory = Case {
        net: wide.replace("weight = 0.5", "weight = \"w\""),
        ..case(
            "weight bits",
            "loihi",
            &["core.synapse_bits=700", "core.synapse_word=8"],
            &[
                "neuron 0 of population \"hidden\" needs 960 bits of synapse memory",
                "weights of at most 6 bits (--set core.weight_widths=[0,1,2,3,4,5,6])",
            ],
            &["core.synapse_bits=960"],
        )
    };
    let at = folder("limits_weight_bits");
    let w: Vec<f32> = (0..40).map(|i| 0.5 + i as f32 / 100.0).collect();
    let w = Array {
        shape: vec![1, 40],
        data: Data::F32(w),
    };
    let file = std::fs::File::create(at.join("net.npz")).unwrap();
    network::npz::write_npz(file, [("w", &w)]).unwrap();
    let message = memory
        .map(&at, &memory.with(&[]))
        .expect_err("too many bits");
    for part in memory.says {
        assert!(message.contains(part), "{part}: {message}");
    }
    let with = |change: &str| memory.map(&at, &memory.with(&[change.to_owned()]));
    with("core.synapse_bits=960").unwrap();
    with("core.synapse_bits=959").unwrap_err();
    with("core.weight_widths=[0,1,2,3,4,5,6]").unwrap();
    with("core.weight_widths=[0,1,2,3,4,5,6,8]").unwrap_err();
}

#[test]
fn destinations() {
    case(
        "output slots",
        "loihi",
        &["core.output_slots=1", "core.neurons=2"],
        &[
            "population \"hidden\" needs 2 output slots",
            "has 1 (core.output_slots)",
        ],
        &["core.output_slots=2"],
    )
    .check();
    case(
        "destinations of one neuron",
        "loihi",
        &["core.lane_destinations=1", "core.neurons=2"],
        &[
            "population \"hidden\" needs 2 destinations of one neuron",
            "has 1 (core.lane_destinations)",
        ],
        &["core.lane_destinations=2"],
    )
    .check();
    // Each of the two hides the other.
    case(
        "output slots and destinations",
        "loihi",
        &[
            "core.output_slots=1",
            "core.lane_destinations=1",
            "core.neurons=2",
        ],
        &[
            "(core.output_slots)",
            "(core.lane_destinations)",
            "(all of these changes together)",
        ],
        &["core.output_slots=2", "core.lane_destinations=2"],
    )
    .check();
    // Two limits at once: both changes are named, and needed.
    case(
        "destinations and cores",
        "tiny",
        &["core.lane_destinations=1", "core.neurons=2"],
        &[
            "destinations of one neuron",
            "more core",
            "(all of these changes together)",
        ],
        &["mesh.cores_per_tile=3", "core.lane_destinations=2"],
    )
    .check();
}
