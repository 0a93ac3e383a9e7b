//! Convolution kernels stored once: the same run, in less synapse memory, and on fewer cores where memory binds.

use crate::cli::{json, root};
use serde_json::Value;

fn run(pointer: u32, synapse_bits: u32) -> Value {
    let folder = root().join("examples/conv_digits");
    let net = folder.join("conv_digits.nir");
    let input = folder.join("test.npz");
    let set = format!("core.shared_pointer={pointer}");
    let memory = format!("core.synapse_bits={synapse_bits}");
    let args = [
        "run",
        net.to_str().unwrap(),
        "--input",
        input.to_str().unwrap(),
        "--chip",
        "loihi",
        "--set",
        &set,
        "--set",
        &memory,
        "--limit",
        "2",
        "--quiet",
        // Full cores: patterns are shared within a core.
        "--objective",
        "cores",
    ];
    json(&format!("shared_{pointer}_{synapse_bits}"), &args)
}

#[test]
fn a_convolution_is_stored_once() {
    let (plain, shared) = (run(0, 1 << 22), run(32, 1 << 22));
    for key in [
        "image",
        "counters",
        "spikes",
        "time",
        "predictions",
        "per_sample",
        "state_digest",
    ] {
        assert_eq!(plain[key], shared[key], "{key}");
    }
    let most = |report: &Value| {
        let memory = &report["mapping"]["utilisation"]["synapse_memory"];
        memory["max"].as_f64().unwrap()
    };
    // 8 x 8 maps of 3 x 3 kernels: many places, few patterns.
    assert!(
        most(&shared) < 0.25 * most(&plain),
        "{} of {}",
        most(&shared),
        most(&plain)
    );
}

#[test]
fn shared_kernels_take_fewer_cores() {
    let (plain, shared) = (run(0, 100_000), run(32, 100_000));
    for key in ["spikes", "predictions"] {
        assert_eq!(plain[key], shared[key], "{key}");
    }
    let cores = |report: &Value| report["mapping"]["cores_used"].as_u64().unwrap();
    let (before, after) = (cores(&plain), cores(&shared));
    assert!(3 * after <= 2 * before, "{after} cores, {before} without");
}
