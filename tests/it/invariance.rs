//! What must not change a result: threads, timing, mapping.

use crate::cli::{folder, json, ok, root};
use network::npz::{Array, Data, write_npy};
use serde_json::Value;
use std::path::Path;

const DIGITS: [&str; 6] = [
    "run",
    "examples/conv_digits/conv_digits.nir",
    "--input",
    "examples/conv_digits/test.npz",
    "--chip",
    "loihi",
];

fn run(name: &str, more: &[&str]) -> Value {
    let mut args = DIGITS.to_vec();
    args.extend(["--limit", "12"]);
    args.extend(more);
    json(name, &args)
}

#[test]
fn threads_and_timing_change_no_spike_and_no_counter() {
    let one = run("threads1", &["--threads", "1"]);
    for (name, more) in [
        ("threads2", ["--threads", "2", "--timing", "cycle"]),
        ("threads4", ["--threads", "4", "--timing", "cycle"]),
        ("off1", ["--threads", "1", "--timing", "off"]),
        ("off4", ["--threads", "4", "--timing", "off"]),
    ] {
        let other = run(name, &more);
        for key in ["spikes", "state_digest", "counters", "predictions"] {
            assert_eq!(one[key], other[key], "{name}: {key}");
        }
        if more[3] == "cycle" {
            assert_eq!(one["time"], other["time"], "{name}");
            assert_eq!(one["energy_j"], other["energy_j"], "{name}");
        } else {
            assert!(
                other["time"].is_null() && other["energy_j"]["total"].is_null(),
                "{name}"
            );
            assert_eq!(
                one["energy_j"]["dynamic"], other["energy_j"]["dynamic"],
                "{name}"
            );
        }
    }
}

/// One long sample is cut into steps for the threads; that must not show either.
#[test]
fn threads_change_nothing_within_one_sample() {
    let args = |threads: &'static str| vec!["--threads", threads, "--between", "none"];
    let one = run("within1", &args("1"));
    let two = run("within2", &args("2"));
    for key in ["spikes", "state_digest", "counters", "time"] {
        assert_eq!(one[key], two[key], "{key}");
    }
}

fn assignment(path: &Path, cores: Vec<u32>) -> String {
    let mut bytes = Vec::new();
    write_npy(&mut bytes, &Array::vector(Data::U32(cores))).unwrap();
    std::fs::write(path, bytes).unwrap();
    path.to_string_lossy().into_owned()
}

/// Random draws are keyed by logical ids, so the mapping cannot change a spike.
#[test]
fn stochastic_network_spikes_alike_under_two_assignments() {
    let dir = folder("stochastic");
    let net = root().join("tests/data/stochastic.toml");
    let neurons = 40;
    let a = assignment(&dir.join("a.npy"), (0..neurons).map(|n| n % 4).collect());
    let b = assignment(
        &dir.join("b.npy"),
        (0..neurons).map(|n| 127 - n / 10).collect(),
    );
    let mut trains = Vec::new();
    for (name, assign, seed) in [("a", &a, "7"), ("b", &b, "7"), ("c", &a, "8")] {
        let csv = dir
            .join(format!("{name}.csv"))
            .to_string_lossy()
            .into_owned();
        ok(&[
            "run",
            &net.to_string_lossy(),
            "--chip",
            "loihi",
            "--steps",
            "200",
            "--seed",
            seed,
            "--assign",
            assign,
            "--spikes",
            &csv,
        ]);
        let text = std::fs::read_to_string(&csv).unwrap();
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        lines.sort_unstable();
        trains.push(lines.join("\n"));
    }
    assert!(
        trains[0].lines().count() > 100,
        "{} spikes prove nothing",
        trains[0].lines().count()
    );
    assert_eq!(trains[0], trains[1], "another assignment");
    assert_ne!(trains[0], trains[2], "another seed");
}

/// The mapper hands rows of synapses to threads; the image does not show it.
/// Mappings for different objectives are on different cores, and every neuron spikes in the same steps.
#[test]
fn spikes_are_the_same_under_every_objective() {
    let dir = folder("objectives");
    let mut found = Vec::new();
    for objective in mapper::OBJECTIVES {
        let csv = dir.join(format!("{objective}.csv"));
        let csv = csv.to_str().expect("a UTF-8 path");
        let mut args = DIGITS.to_vec();
        args.extend(["--limit", "3", "--objective", objective, "--spikes", csv]);
        let report = json(&format!("objective_{objective}"), &args);
        let text = std::fs::read_to_string(csv).expect("written");
        let mut spikes: Vec<_> = text.lines().skip(1).map(str::to_owned).collect();
        assert!(spikes.len() > 100, "{}", spikes.len());
        spikes.sort_unstable();
        found.push((objective, report["mapping"]["cores_used"].clone(), spikes));
    }
    let cores: std::collections::BTreeSet<String> = found.iter().map(|f| f.1.to_string()).collect();
    assert!(cores.len() > 1, "one mapping for all: {cores:?}");
    for (objective, _, spikes) in &found[1..] {
        assert!(*spikes == found[0].2, "{objective} and {}", found[0].0);
    }
}

#[test]
fn threads_do_not_change_the_image() {
    let dir = folder("map_threads");
    let mut images = Vec::new();
    for threads in ["1", "2", "5"] {
        let path = dir
            .join(format!("{threads}.spm"))
            .to_string_lossy()
            .into_owned();
        let report = dir
            .join(format!("{threads}.json"))
            .to_string_lossy()
            .into_owned();
        ok(&[
            "map",
            "examples/motion/motion.nir",
            "--chip",
            "loihi",
            "--threads",
            threads,
            "-o",
            &path,
            "--json",
            &report,
        ]);
        images.push((
            std::fs::read(&path).unwrap(),
            std::fs::read_to_string(&report).unwrap(),
        ));
    }
    assert!(images[0] == images[1] && images[0] == images[2]);
}
