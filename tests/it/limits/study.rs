//! Bare connectivity that cannot fit, for each limit of a study.

use crate::cli::{folder, root, run_in};
use network::connectivity::Connectivity;
use network::npz::{Array, Data, write_npy};
use std::path::PathBuf;

/// Bare connectivity: rows of targets.
fn study(name: &str, rows: &[Vec<u32>]) -> (PathBuf, impl Fn(&[&str]) -> Result<(), String>) {
    let at = folder(&format!("limits_{name}"));
    let mut start = vec![0u64];
    rows.iter()
        .for_each(|r| start.push(start[start.len() - 1] + r.len() as u64));
    let net = Connectivity::new(start, rows.concat()).unwrap();
    let file = std::fs::File::create(at.join("net.npz")).unwrap();
    net.write(file).unwrap();
    let chip = root().join("specs/chips/mapping-study.toml");
    let chip = chip.to_str().unwrap().to_owned();
    let folder = at.clone();
    let map = move |more: &[&str]| {
        let mut args = vec!["map", "net.npz", "--chip", &chip];
        args.extend(more);
        let out = run_in(&folder, &args);
        let message = String::from_utf8(out.stderr).unwrap();
        match out.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(message),
            other => panic!("{other:?}: {message}"),
        }
    };
    (at, map)
}

#[test]
fn bare_connectivity() {
    let says = |message: &str, parts: &[&str]| {
        for part in parts.iter().chain(&["the smallest change: "]) {
            assert!(message.contains(part), "{part}: {message}");
        }
    };
    // A ring of forty on cores of five: eight cores.
    let ring: Vec<Vec<u32>> = (0..40).map(|u| vec![(u + 1) % 40]).collect();
    let (_, map) = study("ring", &ring);
    let few = |more: &[&str]| {
        let set = ["core.neurons=5", "mesh.height=1"];
        let all: Vec<&str> = set.iter().chain(more).flat_map(|s| ["--set", *s]).collect();
        map(&all)
    };
    let message = few(&["mesh.width=3"]).unwrap_err();
    says(
        &message,
        &[
            "needs 8 cores",
            "at least 8 by neurons",
            "\"mapping-study\" has 3",
            "5 more cores: --set mesh.width=8",
        ],
    );
    few(&["mesh.width=8"]).unwrap();
    few(&["mesh.width=7"]).unwrap_err();
    // One neuron hears seven.
    let mut star: Vec<Vec<u32>> = vec![vec![0]; 7];
    star.push(vec![3]);
    let (at, map) = study("star", &star);
    let axons = |n: u32| {
        let set = format!("core.input_axons={n}");
        map(&["--set", "core.neurons=5", "--set", &set])
    };
    let message = axons(4).unwrap_err();
    says(
        &message,
        &[
            "neuron 0 of population \"neurons\" needs 7 input axons",
            "has 4 (core.input_axons)",
            "--set core.input_axons=7,",
            "at most 4 sources",
        ],
    );
    axons(7).unwrap();
    axons(6).unwrap_err();
    // Cores by hand: seven senders on one core, their target on another.
    let mut bytes = Vec::new();
    let cores = Array::vector(Data::U32(vec![1, 0, 0, 0, 0, 0, 0, 0]));
    write_npy(&mut bytes, &cores).unwrap();
    std::fs::write(at.join("cores.npy"), bytes).unwrap();
    let slots = |n: u32| {
        let set = format!("core.output_slots={n}");
        map(&["--assign", "cores.npy", "--set", &set])
    };
    says(
        &slots(2).unwrap_err(),
        &[
            "population \"neurons\" needs 6 output slots on one core",
            "has 2 (core.output_slots)",
            "--set core.output_slots=6",
        ],
    );
    slots(6).unwrap();
    slots(5).unwrap_err();
}
