//! A chip with a tick: what happens when packets cannot keep it.

use crate::cli::{folder, json, root, run_in};

fn args(hop: &str) -> Vec<&str> {
    vec![
        "run",
        "tests/data/far.s",
        "--chip",
        "truenorth",
        "--steps",
        "20",
        "--set",
        hop,
    ]
}

#[test]
fn late_packets_are_counted_and_change_no_spike() {
    let good = json("late_good", &args("noc.hop_east=1 us"));
    let bad = json("late_bad", &args("noc.hop_east=20 us"));
    assert_eq!(good["late_packets"], 0);
    assert_eq!(good["timing_valid"], true);
    assert!(bad["late_packets"].as_u64().unwrap() > 0);
    assert_eq!(bad["timing_valid"], false);
    assert!(!bad["warnings"].as_array().unwrap().is_empty());
    for key in ["spikes", "counters", "state_digest"] {
        assert_eq!(good[key], bad[key], "{key}");
    }
    assert!(
        good["spikes"]["total"].as_u64().unwrap() >= 39,
        "{}",
        good["spikes"]
    );
}

#[test]
fn a_warning_comes_first_and_late_error_fails() {
    let bad = args("noc.hop_east=20 us");
    let printed = crate::cli::ok(&bad);
    assert!(
        printed.starts_with("WARNING  timing is not valid"),
        "{printed}"
    );

    let mut strict = bad;
    strict.extend(["--late", "error"]);
    let out = run_in(&root(), &strict);
    assert_eq!(out.status.code(), Some(1));
    assert!(out.stdout.is_empty());
    assert!(String::from_utf8_lossy(&out.stderr).contains("late packets"));

    let mut fine = args("noc.hop_east=1 us");
    fine.extend(["--late", "error"]);
    crate::cli::ok(&fine);
}

/// The first hop time that breaks the tick is where 63 hops and the ways in and out pass one millisecond.
#[test]
fn the_tick_breaks_where_the_distance_says() {
    let dir = folder("late_edge");
    let late = |us: u32| {
        let hop = format!("noc.hop_east={us} us");
        let path = dir
            .join(format!("{us}.json"))
            .to_string_lossy()
            .into_owned();
        let mut all = args(&hop);
        all.extend(["--json", &path]);
        crate::cli::ok(&all);
        let text = std::fs::read_to_string(&path).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["late_packets"]
            .as_u64()
            .unwrap()
    };
    let first = (1..=20)
        .find(|&us| late(us) > 0)
        .expect("20 us a hop is too slow");
    assert_eq!(first, 1000 / 63 + 1, "63 hops of {first} us pass 1 ms");
}
