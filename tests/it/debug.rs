//! Probes, breakpoints and dumps through the command line: a program derived by hand, and a network on many cores.

use crate::cli::{folder, json, root, run_in};
use network::npz::{Data, Npz};
use serde_json::{Value, json as value};
use std::path::{Path, PathBuf};

/// Three neurons with a threshold of 10 (fires above it), one input that reaches them with weights 4, 6, 5 after 0, 1, 2
/// more steps. The input comes in steps 0 and 1:
///
/// | step | input of 0, 1, 2 | v after the update | |
/// |---|---|---|---|
/// | 0 | 4 0 0 | 4 0 0 | |
/// | 1 | 4 6 0 | 8 6 0 | |
/// | 2 | 0 6 5 | 8 0 5 | neuron 1 reaches 12: spike, reset |
/// | 3 | 0 0 5 | 8 0 10 | |
/// | 4 | 0 0 0 | 8 0 10 | |
const PROGRAM: &str = "\
.image network=cells chip=tiny
.population cells count=3
.input in shape=[1] port=0
.element -> core 0 axon 0

.core 0
.group lanes=3
.const THETA = 10
.slot v 24
.update
    lds     r1, v
    lda     r2, 0
    add.s24 r1, r1, r2
    mfs     r3, lane
    mfs     r4, step
    cmp.gt  p1, r1, THETA
    @p1 brk
    @p1 spk
    @p1 li  r1, 0
    sts     r1, v
    halt
.end
.on_spike
    ldy     r1, weight
    acc     r1
    halt
.end
.format f sparse delay=2
.axon input 0
.sparse = 0:4 1:6@1 2:5@2
";

/// The program (changed) and its input in a fresh folder.
fn prepare(name: &str, change: impl Fn(&str) -> String) -> PathBuf {
    let folder = folder(name);
    std::fs::write(folder.join("cells.s"), change(PROGRAM)).unwrap();
    std::fs::write(folder.join("in.csv"), "step,index\n0,0\n1,0\n").unwrap();
    folder
}

/// Runs the program in its folder; what it printed, and its JSON.
fn run(folder: &Path, extra: &[&str]) -> (String, Value) {
    let mut args: Vec<&str> = "run cells.s --chip tiny --input in.csv --steps 5 --json out.json"
        .split(' ')
        .collect();
    args.extend(extra);
    let out = run_in(folder, &args);
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {errors}");
    let text = std::fs::read_to_string(folder.join("out.json")).unwrap();
    let report = serde_json::from_str(&text).unwrap();
    (String::from_utf8(out.stdout).unwrap(), report)
}

fn same(text: &str) -> String {
    text.to_owned()
}

#[test]
fn probes_observe_every_step() {
    let folder = prepare("debug_probes", same);
    let probes = ["--probe", "cells:v", "--probe", "cells[1..=2]:v"];
    let (text, report) = run(&folder, &[&probes[..], &["--probes", "p.csv"]].concat());
    let all = value!([[[4, 0, 0], [8, 6, 0], [8, 0, 5], [8, 0, 10], [8, 0, 10]]]);
    assert_eq!(report["probes"][0]["name"], "cells:v");
    assert_eq!(report["probes"][0]["slot"], "v");
    assert_eq!(report["probes"][0]["neurons"], value!([0, 1, 2]));
    assert_eq!(report["probes"][0]["values"], all);
    assert_eq!(report["probes"][1]["neurons"], value!([1, 2]));
    assert_eq!(report["probes"][1]["values"][0][2], value!([0, 5]));
    assert_eq!(report["stopped_at"], Value::Null);
    let table = "\
  Probe           neurons  steps  first    last  min  max
  cells:v               3      5  4 0 0  8 0 10    0   10
  cells[1..=2]:v        2      5    0 0    0 10    0   10
";
    assert!(text.contains(table), "{text}");
    let csv = std::fs::read_to_string(folder.join("p.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 15 + 10);
    assert_eq!(lines[0], "probe,sample,step,neuron,population,index,value");
    assert_eq!(lines[1 + 3 + 1], "cells:v,0,1,1,cells,1,6");
    assert_eq!(lines[25], "cells[1..=2]:v,0,4,2,cells,2,10");

    run(&folder, &[&probes[..], &["--probes", "p.npz"]].concat());
    let mut file = Npz::open(std::fs::File::open(folder.join("p.npz")).unwrap()).unwrap();
    let mut column = |name: &str| file.read(name).unwrap().unwrap();
    assert_eq!(column("sample").data, Data::U32(vec![0; 5]));
    assert_eq!(column("step").data, Data::U32(vec![0, 1, 2, 3, 4]));
    let values = column("probe__cells[1..=2]:v");
    assert_eq!(values.shape, [5, 2]);
    let expected = vec![0, 0, 6, 0, 0, 5, 0, 10, 0, 10];
    assert_eq!(values.data, Data::I32(expected));
}

/// Probes of the image itself come the same way, unless an output reads them.
#[test]
fn probes_of_the_image_are_shown() {
    let probe = |output: &str| format!("{PROGRAM}.probe mine slot=v = 0..=1\n{output}");
    let folder = prepare("debug_own_probe", |_| probe(""));
    let (text, report) = run(&folder, &[]);
    assert_eq!(report["probes"][0]["name"], "mine");
    assert_eq!(report["probes"][0]["values"][0][1], value!([8, 6]));
    assert!(
        text.contains("  mine         2      5    4 0   8 0    0    8\n"),
        "{text}"
    );
    let read = prepare("debug_read_probe", |_| {
        probe(".output seen shape=[2] probe=mine readout=last\n")
    });
    assert_eq!(run(&read, &[]).1["probes"], value!([]));
}

#[test]
fn a_breakpoint_stops_after_the_update() {
    let folder = prepare("debug_break", same);
    let (text, report) = run(&folder, &["--break", "cells@1", "--probe", "cells:v"]);
    let by = value!({"sample": 0, "step": 1, "by": ["--break cells@1"]});
    assert_eq!(report["stopped_at"], by);
    assert_eq!(report["counters"]["steps"], 2);
    assert_eq!(report["counters"]["neuron_updates"], 6);
    assert_eq!(
        report["probes"][0]["values"][0].as_array().unwrap().len(),
        2
    );
    let table = "\
  cells after the update of step 1 of sample 0
  Neuron    core  lane  spiked  input  v  step +1  step +2
  cells[0]     0     0  no          4  8        0        0
  cells[1]     0     1  no          6  6        6        0
  cells[2]     0     2  no          0  0        5        5
";
    assert!(text.contains(table), "{text}");
    assert!(text.contains("Stopped      after the update of step 1 of sample 0"));
    let lane = &report["dumps"][0]["lanes"][2];
    let pending = value!([
        {"steps_ahead": 1, "receptor": 0, "sum": 5},
        {"steps_ahead": 2, "receptor": 0, "sum": 5},
    ]);
    assert_eq!(lane["pending"], pending);
    assert_eq!(
        (&lane["slots"]["v"], &lane["registers"]),
        (&value!(0), &Value::Null)
    );

    // A range, a step at which a neuron spikes, the first of two breakpoints.
    let two = ["--break", "cells[1..3]@2", "--break", "cells@4"];
    let (text, report) = run(&folder, &two);
    assert_eq!(report["stopped_at"]["step"], 2);
    assert_eq!(report["spikes"]["total"], 1);
    assert_eq!(report["dumps"].as_array().unwrap().len(), 1);
    let spiked = |i: usize| &report["dumps"][0]["lanes"][i]["spiked"];
    assert_eq!((spiked(0), spiked(1)), (&value!(1), &Value::Null));
    let missed = "--break cells@4 was not reached: the run stopped after step 2 of sample 0";
    assert!(text.contains(missed), "{text}");
}

#[test]
fn a_dump_shows_registers_at_halt() {
    let folder = prepare("debug_dump", same);
    let (text, report) = run(&folder, &["--dump-core", "0@2"]);
    assert_eq!(report["stopped_at"], Value::Null);
    assert_eq!(report["counters"]["steps"], 5);
    let table = "\
  core 0 after the update of step 2 of sample 0
  Neuron    core  lane  spiked  input  v  step +1
  cells[0]     0     0  no          0  8        0
  cells[1]     0     1  yes         6  0        0
  cells[2]     0     2  no          5  5        5
  At halt   core  lane  r1  r2  r3  r4  p1
  cells[0]     0     0   8   0   0   2   0
  cells[1]     0     1   0   6   1   2   1
  cells[2]     0     2   5   5   2   2   0
";
    assert!(text.contains(table), "{text}");
    let lane = &report["dumps"][0]["lanes"][1];
    assert_eq!(report["dumps"][0]["of"], "core 0");
    assert_eq!(lane["registers"]["r2"], 6);
    assert_eq!(lane["registers"].as_object().unwrap().len(), 15);
    assert_eq!(
        lane["predicates"],
        value!({"p1": true, "p2": false, "p3": false})
    );
}

#[test]
fn brk_stops_where_it_executes() {
    let folder = prepare("debug_brk", same);
    let (text, report) = run(&folder, &["--break", "brk"]);
    assert_eq!(
        report["stopped_at"],
        value!({"sample": 0, "step": 2, "by": ["--break brk"]})
    );
    assert_eq!(report["counters"]["steps"], 3);
    let brk = &report["brk"];
    for (key, expected) in [
        ("step", value!(2)),
        ("handler", value!("update")),
        ("core", value!(0)),
        ("lane", value!(1)),
        ("population", value!("cells")),
        ("index", value!(1)),
        ("instruction", value!(6)),
        ("text", value!("@p1 brk")),
        ("axon", Value::Null),
    ] {
        assert_eq!(brk[key], expected, "{key}");
    }
    // Before the reset: 6 + 6.
    assert_eq!(brk["registers"]["r1"], 12);
    let shown = "\
Breakpoint   cells[1]: core 0 lane 1 (group 0, custom), step 2 of sample 0
             update instruction 6: `@p1 brk`
             registers r1 = 12, r2 = 6, r3 = 1, r4 = 2; true: p1
";
    assert!(text.contains(shown), "{text}");

    // On a spike: the first synapse of the first packet, which the host sends before step 0.
    let folder = prepare("debug_brk_spike", |program| {
        program.replace("    acc     r1", "    brk\n    acc     r1")
    });
    let report = run(&folder, &["--break", "brk"]).1;
    let brk = &report["brk"];
    assert_eq!(
        (&brk["handler"], &brk["step"]),
        (&value!("on_spike"), &Value::Null)
    );
    assert_eq!(
        (&brk["axon"], &brk["registers"]["r1"]),
        (&value!(0), &value!(4))
    );
    assert_eq!(report["stopped_at"]["step"], 0);

    // A guard that never holds.
    let folder = prepare("debug_brk_never", |program| {
        program.replace("THETA = 10", "THETA = 1000")
    });
    let (text, report) = run(&folder, &["--break", "brk"]);
    assert_eq!(report["counters"]["steps"], 5);
    assert!(text.contains("--break brk: no brk was executed"), "{text}");
}

/// Without `--break brk` it does nothing but take its place in time.
#[test]
fn brk_costs_a_control_instruction() {
    let with = run(&prepare("debug_with_brk", same), &["--probe", "cells:v"]).1;
    let without = prepare("debug_without_brk", |program| {
        program.replace("    @p1 brk\n", "")
    });
    let without = run(&without, &["--probe", "cells:v"]).1;
    assert_eq!(with["probes"], without["probes"]);
    assert_eq!(with["spikes"], without["spikes"]);
    assert_eq!(with["state_digest"], without["state_digest"]);
    let control = |report: &Value| report["counters"]["update_ctl"].as_u64().unwrap();
    assert_eq!(control(&with), control(&without) + 3 * 5);
    let mut counters = without["counters"].clone();
    counters["update_ctl"] = with["counters"]["update_ctl"].clone();
    assert_eq!(with["counters"], counters);
}

/// A trained network on many cores: a breakpoint shows what the probe saw, the run until it is the beginning of the whole
/// run, and what is asked for changes nothing else.
#[test]
fn a_mapped_network() {
    let net = root().join("examples/digits/digits.nir");
    let input = root().join("examples/digits/test.npz");
    let run = |name: &str, extra: &[&str]| {
        let mut args = vec!["run", net.to_str().unwrap(), "--chip", "loihi", "--input"];
        args.extend([input.to_str().unwrap(), "--limit", "2", "--quiet"]);
        args.extend(extra);
        json(name, &args)
    };
    let plain = run("debug_net_plain", &[]);
    let populations = plain["populations"].as_array().unwrap();
    let name = populations[0]["name"].as_str().unwrap();
    let probe = format!("{name}:v");
    let probed = run("debug_net_probe", &["--probe", &probe]);
    for key in ["counters", "spikes", "state_digest", "time", "predictions"] {
        assert_eq!(plain[key], probed[key], "{key}");
    }
    let at = format!("{name}@1:9");
    let stopped = run(
        "debug_net_break",
        &["--break", &at, "--probe", &probe, "--threads", "1"],
    );
    assert_eq!(stopped["stopped_at"]["sample"], 1);
    let (all, cut) = (
        &probed["probes"][0]["values"],
        &stopped["probes"][0]["values"],
    );
    assert_eq!(all[0], cut[0]);
    let rows = cut[1].as_array().unwrap();
    assert_eq!(rows.len(), 10);
    assert_eq!(rows[..], all[1].as_array().unwrap()[..10]);
    let lanes = stopped["dumps"][0]["lanes"].as_array().unwrap();
    let slots: Vec<&Value> = lanes.iter().map(|lane| &lane["slots"]["v"]).collect();
    assert_eq!(
        slots,
        rows[9].as_array().unwrap().iter().collect::<Vec<_>>()
    );
    assert!(slots.iter().any(|v| **v != 0), "something is seen");
    assert_eq!(stopped["predictions"], value!([]));
    let other = run("debug_net_break_4", &["--break", &at, "--threads", "4"]);
    assert_eq!(other["dumps"], stopped["dumps"]);
    assert_eq!(other["counters"], stopped["counters"]);
}
