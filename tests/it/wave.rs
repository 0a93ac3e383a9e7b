//! The barrier as a wave of messages on whole runs: the same spikes as with the table, its own time, its messages priced.

use crate::cli::{json, root, run_in};
use serde_json::Value;

fn hello(name: &str, more: &[&str]) -> Value {
    let mut args = vec![
        "run",
        "examples/hello/hello.s",
        "--input",
        "examples/hello/start.csv",
        "--steps",
        "5",
        "--chip",
        "tiny",
    ];
    args.extend(more);
    json(name, &args)
}

#[test]
fn messages_take_their_time_and_their_energy() {
    let wave = ["--set", "sync.model=wave"];
    let table = hello("wave_table", &[]);
    let free = hello("wave_free", &wave);
    let mut priced = wave.to_vec();
    priced.extend(["--set", "energy.sync_message=3 pJ"]);
    let priced = hello("wave_priced", &priced);
    for key in ["spikes", "state_digest"] {
        assert_eq!(table[key], priced[key], "{key}");
    }
    let number = |report: &Value, path: &str| report.pointer(path).and_then(Value::as_f64);
    assert_eq!(number(&table, "/counters/barrier_messages"), Some(0.0));
    // Two tiles in one plane: a marker each way, and there and back; 5 steps and the preload step.
    let messages = 6.0 * (2.0 + 2.0);
    assert_eq!(
        number(&priced, "/counters/barrier_messages"),
        Some(messages)
    );
    for path in ["/energy_j/dynamic", "/energy_j/breakdown/sync"] {
        let more = number(&priced, path).expect("joules") - number(&free, path).expect("joules");
        assert!((more - messages * 3e-12).abs() < 1e-18, "{path}: {more}");
    }
    // Only the barrier is another: 30 cycles a step by the table.
    let part = |report: &Value, name: &str| {
        let path = format!("/time/breakdown/{name}");
        number(report, &path).expect("cycles")
    };
    for name in ["neuron", "synapse", "noc"] {
        assert_eq!(part(&table, name), part(&priced, name), "{name}");
    }
    let sums =
        [&table, &priced].map(|report| (report["time"]["cycles"].clone(), part(report, "sync")));
    assert_eq!(sums, [(371.into(), 180.0), (318.into(), 127.0)]);
    assert_eq!(priced["time"], free["time"]);
}

#[test]
fn what_a_wave_does_not_go_with_is_named() {
    for (chip, set, expect) in [
        (
            "loihi-vc",
            "noc.vcs=2",
            "sync.model: is \"wave\", and routers `vc`",
        ),
        (
            "loihi",
            "noc.networks=[\"host\"]",
            "noc.networks: gives packets networks of their own",
        ),
        (
            "loihi",
            "noc.input_fifo=2000",
            "noc.input_fifo: is 2000, and sync.model is \"wave\"",
        ),
        ("truenorth", "noc.input_fifo=2", "sync.model"),
    ] {
        let args = [
            "chip",
            "show",
            chip,
            "--set",
            "sync.model=wave",
            "--set",
            set,
        ];
        let output = run_in(&root(), &args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(1) && error.contains(expect),
            "{chip} {set}: {error}"
        );
    }
}
