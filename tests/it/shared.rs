//! Convolution kernels stored once: the same run, in less synapse memory.

use crate::cli::{json, root};
use serde_json::Value;

fn run(pointer: u32) -> Value {
    let folder = root().join("examples/conv_digits");
    let net = folder.join("conv_digits.nir");
    let input = folder.join("test.npz");
    let set = format!("core.shared_pointer={pointer}");
    let args = [
        "run",
        net.to_str().unwrap(),
        "--input",
        input.to_str().unwrap(),
        "--chip",
        "loihi",
        "--set",
        &set,
        "--limit",
        "2",
        "--quiet",
        // Full cores: patterns are shared within a core.
        "--objective",
        "cores",
    ];
    json(&format!("shared_{pointer}"), &args)
}

#[test]
fn a_convolution_is_stored_once() {
    let (plain, shared) = (run(0), run(32));
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
