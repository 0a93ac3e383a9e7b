//! The benchmark network `small32`: exact counts that any simulator of it must give.

use crate::cli::{folder, json};

#[path = "../../network/examples/bench_net.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
pub(crate) mod bench_net;

#[test]
fn small32_gives_the_exact_counts() {
    let dir = folder("small32_net");
    bench_net::write_named("small32", &dir)
        .expect("a known name")
        .expect("the folder is writable");
    let net = dir.join("small32.toml").to_string_lossy().into_owned();
    let report = json(
        "small32",
        &["run", &net, "--chip", "loihi", "--steps", "1000"],
    );
    assert_eq!(report["spikes"]["total"], 40_469);
    for (counter, expect) in [
        ("spikes", 40_469),
        ("packets", 161_876),
        ("synaptic_ops", 4_046_900),
        ("neuron_updates", 2_048_000),
    ] {
        assert_eq!(report["counters"][counter], expect, "{counter}");
    }
    assert_eq!(report["image"]["cores"], 32);
}
