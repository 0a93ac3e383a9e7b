//! `price`: the counters of a finished run at the costs of any chip.

use crate::cli::{folder, json, ok, root, run_in};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Runs, and the chip that each is priced with: by event and by instruction, both kinds of delivery, with and without time.
const RUNS: [(&str, &[&str]); 6] = [
    (
        "tiny",
        &[
            "examples/hello/hello.s",
            "--input",
            "examples/hello/start.csv",
            "--steps",
            "5",
            "--chip",
            "tiny",
        ],
    ),
    (
        "loihi",
        &[
            "examples/motion/motion.nir",
            "--input",
            "examples/motion/test.npz",
            "--limit",
            "2",
            "--chip",
            "loihi",
        ],
    ),
    (
        "programmable",
        &[
            "examples/motion/motion.nir",
            "--input",
            "examples/motion/test.npz",
            "--limit",
            "2",
            "--chip",
            "programmable",
        ],
    ),
    (
        "off",
        &[
            "examples/motion/motion.nir",
            "--input",
            "examples/motion/test.npz",
            "--limit",
            "2",
            "--timing",
            "off",
            "--chip",
            "loihi",
        ],
    ),
    (
        "truenorth",
        &[
            "examples/crossbar/crossbar.s",
            "--input",
            "examples/crossbar/input.csv",
            "--steps",
            "7",
            "--chip",
            "truenorth",
        ],
    ),
    (
        "ticks",
        &[
            "examples/crossbar/crossbar.s",
            "--input",
            "examples/crossbar/input.csv",
            "--steps",
            "7",
            "--timing",
            "off",
            "--chip",
            "truenorth",
        ],
    ),
];

/// A finished run: its report and the file that holds it.
fn finished(name: &str, args: &[&str]) -> (PathBuf, Value) {
    let folder_name = format!("price_{name}");
    let mut all = vec!["run"];
    all.extend(args);
    let report = json(&folder_name, &all);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(folder_name)
        .join("out.json");
    (file, report)
}

fn hello(name: &str) -> (PathBuf, Value) {
    finished(name, RUNS[0].1)
}

fn price(name: &str, run: &Path, args: &[&str]) -> Value {
    let run = run.to_string_lossy();
    let mut all = vec!["price", &run];
    all.extend(args);
    json(name, &all)
}

/// Every number of a value as its text in JSON, which is one for each double.
fn texts(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| *key != "other_costs")
            .for_each(|(key, v)| texts(v, &format!("{path}/{key}"), out)),
        other => out.push((path.to_owned(), other.to_string())),
    }
}

#[test]
fn under_its_own_chip_a_run_has_its_own_energy_to_the_last_bit() {
    for (name, args) in RUNS {
        let (file, report) = finished(name, args);
        let chip = args[args.len() - 1];
        let price = price(&format!("price_{name}_own"), &file, &["--chip", chip]);
        let (mut run, mut new) = (Vec::new(), Vec::new());
        texts(&report["energy_j"], "", &mut run);
        texts(&price["energy_j"], "", &mut new);
        assert!(run.len() >= 17, "{name}: {run:?}");
        assert_eq!(run, new, "{name}");
        assert_eq!(price["same_costs"], true, "{name}");
        assert_eq!(
            price["power_w"].to_string(),
            report["power_w"].to_string(),
            "{name}"
        );
        // The costs are the whole of it.
        let sum: f64 = price["costs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["energy_j"].as_f64().unwrap())
            .sum();
        let energy = &report["energy_j"];
        let all = energy["total"]
            .as_f64()
            .unwrap_or_else(|| energy["dynamic"].as_f64().unwrap());
        assert!((sum - all).abs() <= 1e-12 * all, "{name}: {sum} of {all}");
    }
}

#[test]
fn under_other_costs_it_is_what_a_run_with_them_gives() {
    let motion = RUNS[1].1;
    let (file, report) = finished("other", motion);
    let with_costs: Vec<&str> = motion
        .iter()
        .copied()
        .chain(["--costs", "loihi-fit"])
        .collect();
    let (_, run) = finished("other_run", &with_costs);
    for args in [
        &["--chip", "loihi-fit"][..],
        &["--chip", "loihi", "--costs", "loihi-fit"],
    ] {
        let price = price("price_other_price", &file, args);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        texts(&run["energy_j"], "", &mut a);
        texts(&price["energy_j"], "", &mut b);
        assert_eq!(a, b, "{args:?}");
        assert_eq!(
            price["energy_j"]["dynamic"],
            report["energy_j"]["other_costs"]["loihi-fit"]["dynamic"]
        );
        assert_eq!(price["same_costs"], false);
    }
    // A chip with a tick has its own time: one period a step.
    let ticks = price("price_other_ticks", &file, &["--chip", "truenorth"]);
    let counted = ["steps", "preload_steps"].map(|k| report["counters"][k].as_f64().unwrap());
    let seconds = ticks["energy_j"]["seconds"].as_f64().unwrap();
    assert!((seconds - 1e-3 * (counted[0] + counted[1])).abs() < 1e-12);
    assert!(ticks["notes"].to_string().contains("ticks of"));
    // Times that differ are named; those of `--costs` are not asked.
    let note = |args: &[&str]| price("price_other_note", &file, args)["notes"].to_string();
    assert!(note(&["--chip", "loihi-fit"]).contains("time: that of the run on"));
    assert!(!note(&["--chip", "loihi", "--costs", "loihi-fit"]).contains("time:"));
    assert!(
        note(&["--chip", "tiny"]).contains("limits:")
            && note(&["--chip", "tiny"]).contains("size:")
    );
}

#[test]
fn a_cost_moves_the_total_by_its_swing() {
    let (file, _) = hello("swing");
    let before = price("price_swing_before", &file, &["--chip", "tiny"]);
    // `axon_out` is 3 pJ in 800 pJ of the run; by hand (specs/energy.md): 10 packets.
    let costs = before["costs"].as_array().unwrap();
    let cost = costs
        .iter()
        .find(|c| c["key"] == "energy.axon_out")
        .unwrap();
    assert_eq!(
        (cost["count"].as_f64(), cost["counter"].as_str()),
        (Some(10.0), Some("flits_out"))
    );
    let higher = price(
        "price_swing_after",
        &file,
        &["--chip", "tiny", "--set", "energy.axon_out=3.3"],
    );
    let total = |p: &Value| p["energy_j"]["total"].as_f64().unwrap();
    let moved = total(&higher) - total(&before);
    let swing = cost["swing_j"].as_f64().unwrap();
    assert!((swing - 3e-12).abs() < 1e-20, "{swing}");
    assert!((moved - swing).abs() < 1e-20, "{moved} {swing}");
    assert!(
        (cost["swing_percent"].as_f64().unwrap() - 100.0 * swing / total(&before)).abs() < 1e-9
    );
    // The largest stands first.
    let joules: Vec<f64> = costs
        .iter()
        .map(|c| c["energy_j"].as_f64().unwrap())
        .collect();
    assert!(joules.is_sorted_by(|a, b| a >= b), "{joules:?}");
    let text = ok(&["price", &file.to_string_lossy(), "--chip", "tiny"]);
    for part in [
        "which are the run's own",
        "energy.axon_out",
        "±3.00 pJ = ±0.38 %",
        "800 pJ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn voltage_and_scopes_act_on_a_price() {
    let (file, report) = finished("volts", RUNS[4].1);
    let at = |set: &[&str]| {
        let mut args = vec!["--chip", "truenorth"];
        set.iter().for_each(|s| args.extend(["--set", s]));
        price("price_volts_price", &file, &args)
    };
    let (low, high) = (at(&[]), at(&["voltage=0.8"]));
    let part = |p: &Value, key: &str| p["energy_j"]["breakdown"][key].as_f64().unwrap();
    assert!(
        (part(&high, "synapse") / part(&low, "synapse") - (0.8f64 / 0.775).powi(2)).abs() < 1e-12
    );
    assert!(
        (part(&high, "static") / part(&low, "static") - (0.8f64 / 0.775).powf(3.26)).abs() < 1e-12
    );
    assert_eq!(high["energy_j"]["voltage_v"], 0.8);
    assert_eq!(high["energy_j"]["scaled"]["energy.static"]["factor"], 1.0);
    let swing = low["voltage"]["higher_j"].as_f64().unwrap();
    let volts = format!("voltage={}", low["voltage"]["higher_v"]);
    assert_eq!(Some(swing), at(&[&volts])["energy_j"]["total"].as_f64());
    // One core of 4096: the rows of its lanes, and a share of the static power.
    let mapped = at(&["update.neuron_scope=mapped", "energy.static_scope=mapped"]);
    let lanes = report["image"]["neurons"].as_f64().unwrap();
    let tiles = report["image"]["tiles"].as_f64().unwrap();
    let rows = |p: &Value| {
        let costs = p["costs"].as_array().unwrap();
        let row = costs
            .iter()
            .find(|c| c["key"] == "update.row_energy")
            .unwrap();
        row["count"].as_f64().unwrap()
    };
    assert_eq!(rows(&low), 4096.0 * 256.0 * 8.0);
    assert_eq!(rows(&mapped), lanes * 8.0);
    assert!((part(&mapped, "static") - part(&low, "static") * tiles / 4096.0).abs() < 1e-15);
    assert_eq!(
        mapped["energy_j"]["static_whole_chip"],
        low["energy_j"]["static"]
    );
    let text = ok(&["price", &file.to_string_lossy(), "--chip", "truenorth"]);
    assert!(
        text.contains("Voltage      0.7750 V; at 0.6975 V"),
        "{text}"
    );
}

/// `hello` by the routers that its packets pass: 5 to the other core and 1 from the host's side, 5 to the host; 8 hops.
#[test]
fn routers_are_charged_by_their_parts() {
    let (file, _) = hello("router");
    let parts = [
        "energy.router=parts",
        "energy.buffer_write=7 pJ",
        "energy.buffer_read=11 pJ",
        "energy.arbitration=13 pJ",
        "energy.crossbar=17 pJ",
    ];
    let mut args = vec!["--chip", "tiny"];
    parts.iter().for_each(|s| args.extend(["--set", s]));
    let whole = price("price_router_whole", &file, &["--chip", "tiny"]);
    let new = price("price_router_parts", &file, &args);
    let noc = |p: &Value| p["energy_j"]["breakdown"]["noc"].as_f64().unwrap();
    let passed = 5 + 1 + 5 + 8;
    let expect = f64::from(passed * (7 + 11 + 13 + 17)) * 1e-12;
    assert!(
        (noc(&new) - noc(&whole) - expect).abs() < 1e-20,
        "{}",
        noc(&new) - noc(&whole)
    );
}

/// Files that are no report of a run, and reports that were changed: file, place, what is wrong and the way out.
#[test]
fn other_files_are_refused() {
    let dir = folder("price_bad");
    let (file, report) = hello("bad_run");
    let text = std::fs::read_to_string(file).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut report = report.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        report.to_string()
    };
    let without = |pointer: &str, key: &str| {
        let mut report = report.clone();
        report
            .pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(key);
        report.to_string()
    };
    let again = "run it again with `run --json`";
    let cases: Vec<(&str, String, Vec<&str>)> = vec![
        (
            "cut",
            text[..text.len() / 2].to_owned(),
            vec![
                "cut.json:",
                "not a JSON file",
                "give what `run --json` wrote",
            ],
        ),
        (
            "toml",
            "[a]\nb = 1\n".to_owned(),
            vec!["toml.json:1:", "not a JSON file"],
        ),
        (
            "list",
            "[1, 2]".to_owned(),
            vec!["not a report of `run`; give what `run --json` wrote"],
        ),
        (
            "map",
            "{\"mapping\": {}}".to_owned(),
            vec!["it looks like a report of `map`"],
        ),
        (
            "simulate",
            "{\"model_dt_s\": 0.001}".to_owned(),
            vec!["it looks like a report of `simulate`"],
        ),
        (
            "version",
            changed("/provenance/version", "0.0.9".into()),
            vec!["/provenance/version: written by spikemesh 0.0.9", again],
        ),
        (
            "old",
            without("", "population_counters"),
            vec![
                "/population_counters: missing, as in reports of older builds",
                again,
            ],
        ),
        (
            "lost",
            without("/population_counters/pair", "spikes"),
            vec!["/population_counters/pair/spikes: missing", again],
        ),
        (
            "minus",
            changed("/population_counters/pair/spikes", (-1).into()),
            vec!["/population_counters/pair/spikes: is -1, not a count"],
        ),
        (
            "huge",
            changed("/population_counters/pair/spikes", u64::MAX.into()),
            vec!["is 18446744073709551615, not a count"],
        ),
        (
            "word",
            changed("/energy_j/seconds", "soon".into()),
            vec!["/energy_j/seconds: is \"soon\", not a time in seconds or null"],
        ),
        (
            "sum",
            changed("/counters/spikes", 6.into()),
            vec!["/counters/spikes: is 6, but the populations sum to 5"],
        ),
        (
            "empty",
            changed("/samples", 0.into()),
            vec!["/samples: nothing ran"],
        ),
        (
            "table",
            changed("/population_counters", 5.into()),
            vec!["/population_counters: is 5, not a table by population"],
        ),
    ];
    for (name, text, parts) in cases {
        let file = dir.join(format!("{name}.json"));
        std::fs::write(&file, text).unwrap();
        let out = run_in(
            &root(),
            &["price", &file.to_string_lossy(), "--chip", "tiny"],
        );
        let message = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(1), "{name}: {message}");
        assert!(
            message.contains(&format!("{name}.json:")),
            "{name}: {message}"
        );
        for part in parts {
            assert!(message.contains(part), "{name}: {part:?} in {message}");
        }
    }
}

/// What `--set` changes and no price follows is named; tiles beyond the chip's have no share of its power.
#[test]
fn keys_and_tiles_that_mean_nothing_are_said() {
    let (file, report) = finished("nothing", RUNS[1].1);
    let set = |keys: &[&str]| {
        let mut args = vec!["--chip", "loihi"];
        keys.iter().for_each(|key| args.extend(["--set", key]));
        price("price_nothing_set", &file, &args)
    };
    let of = |price: &Value| price["notes"].to_string();
    let both = of(&set(&["noc.hop_north=5", "energy.static=2"]));
    assert!(
        both.contains("noc.hop_north: is a time or limit") && !both.contains("energy.static:"),
        "{both}"
    );
    // A limit that decides how many rows are read does change the price.
    let (ticks, _) = finished("nothing_ticks", RUNS[5].1);
    let args = [
        "--chip",
        "truenorth",
        "--set",
        "core.neurons=128",
        "--set",
        "noc.in_tile=2",
    ];
    let rows = of(&price("price_nothing_rows", &ticks, &args));
    assert!(
        rows.contains("noc.in_tile: ") && !rows.contains("core.neurons: "),
        "{rows}"
    );
    assert!(report["image"]["tiles"].as_u64().unwrap() > 1);
    let one = set(&["mesh.width=1", "mesh.height=1", "host.ports=[\"0 west\"]"]);
    assert!(one["energy_j"]["static_used_tiles"].is_null());
    assert!(one["energy_j"]["static_whole_chip"].is_number());
    assert!(of(&one).contains("size: "), "{one}");
}

/// With axon bits the neuron pass holds the cycles of the handlers; the chip's tick is not the model's step.
#[test]
fn truenorth_says_where_its_cycles_are_and_its_pace() {
    let args: Vec<&str> = RUNS[4].1.to_vec();
    let (_, own) = finished("pace_own", &args);
    let (_, report) = finished(
        "pace",
        &[&args[..], &["--set", "sync.period=10 ms"]].concat(),
    );
    let handlers = report["handlers"].as_array().unwrap();
    assert!(!handlers.is_empty());
    assert!(
        handlers
            .iter()
            .all(|h| h["cycles"].is_null() && h["seconds"].is_null())
    );
    let said = report["assumptions"].to_string();
    assert!(
        said.contains("the chip's tick is 10.0 ms, the model's step 1.00 ms: the chip runs 10 times slower than the model"),
        "{said}"
    );
    assert!(!own["assumptions"].to_string().contains("than the model"));
}
