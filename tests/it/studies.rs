//! Mapping studies from the command line: traffic, what is refused, and what has no meaning for bare connectivity.

use crate::cli::{folder, json, root, run_in};
use network::connectivity::Connectivity;
use std::path::Path;

fn write(path: &Path, net: &Connectivity) {
    let file = std::fs::File::create(path).unwrap();
    net.write(std::io::BufWriter::new(file)).unwrap();
}

/// Four clusters in a ring with a heavy pair: 0 → 1 → 2 → 3 → 0, and 0 → 2 with `heavy`.
fn ring(heavy: f64) -> Connectivity {
    let net = Connectivity::new(vec![0, 2, 3, 4, 5], vec![1, 2, 2, 3, 0]).unwrap();
    net.with_values(vec![1.5, heavy, 0.25, 0.0, 2.0]).unwrap()
}

const CHIP: [&str; 8] = [
    "--chip",
    "specs/chips/mapping-study.toml",
    "--set",
    "core.neurons=1",
    "--set",
    "mesh.width=2",
    "--set",
    "mesh.height=2",
];

#[test]
fn traffic_is_counted() {
    let folder = folder("study_ring");
    let path = folder.join("ring.npz");
    write(&path, &ring(8.0));
    let net = path.to_str().unwrap();
    let with = |args: &[&str]| json("study_traffic", &[&["map", net], &CHIP[..], args].concat());
    let m = &with(&["--traffic"])["metrics"];
    // A flow without packets is none.
    assert_eq!(
        (m["flows"].as_u64(), m["traffic"].as_f64()),
        (Some(4), Some(11.75))
    );
    // Of 0's partners one sits across: 1 is the lightest.
    assert_eq!(m["hop_cost"].as_f64(), Some(2.0 * 1.5 + 8.0 + 0.25 + 2.0));
    assert!(m["multicast_hops"].is_null());
    let m = &with(&[])["metrics"];
    assert_eq!(
        (m["flows"].as_u64(), m["traffic"].as_f64()),
        (Some(5), Some(5.0))
    );
}

#[test]
fn refusals() {
    let folder = folder("study_refusals");
    let chip = root().join("specs/chips/mapping-study.toml");
    let chip = chip.to_str().unwrap();
    write(&folder.join("ring.npz"), &ring(8.0));
    write(
        &folder.join("heavy.npz"),
        &Connectivity::new(vec![0, 2, 2], vec![0, 1]).unwrap(),
    );
    for (args, wanted) in [
        (&["ring.npz", "--exact"][..], "--exact: bare connectivity"),
        (&["ring.npz", "--relay"], "--relay: bare connectivity"),
        (&["ring.npz", "--dt", "0.001"], "--dt: bare connectivity"),
        (
            &["ring.npz", "--import", "reset=hard"],
            "--import: bare connectivity",
        ),
        (
            &["ring.npz", "--kernel-override"],
            "--kernel-override: bare",
        ),
        (
            &["ring.npz", "--partitioner", "best"],
            "multilevel, overlap, sequential",
        ),
        (&["none.npz"], "none.npz"),
    ] {
        let out = run_in(&folder, &[&["map"], args, &["--chip", chip]].concat());
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
}

#[test]
fn matrices_without_meaning() {
    assert!(
        Connectivity::new(vec![0], vec![])
            .unwrap_err()
            .contains("0 by 0")
    );
    let two = Connectivity::new(vec![0, 2, 2], vec![0, 1]).unwrap();
    let huge = two.with_values(vec![1e200, 1e199]);
    assert!(huge.unwrap_err().contains("in all"));
}
