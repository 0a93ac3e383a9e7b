//! The emulated chip with routers `fifo` and `vc`: the same spikes, counters and states, other times; waits named by link.

use crate::cli::{folder, json, ok, root};
use serde_json::Value;

/// Keys of the routers `vc` for a chip file.
const VC: &str = r#"router = "vc"
router_cycle = { value = 2, unit = "cycles", estimated = "test" }
vcs = { value = 2, unit = "1", estimated = "test" }
buffer = { value = 4, unit = "1", estimated = "test" }
routing_delay = { value = 0, unit = "1", estimated = "test" }
switch_delay = { value = 1, unit = "1", estimated = "test" }
link_delay = { value = 1, unit = "1", estimated = "test" }
credit_delay = { value = 1, unit = "1", estimated = "test" }
speculative = false
wait_for_tail_credit = false
"#;

/// A preset as a chip file with other routers.
fn vc_file(preset: &str) -> String {
    let text = std::fs::read_to_string(root().join(format!("specs/chips/{preset}.toml")))
        .expect("a preset");
    let fifo = [
        "input_fifo",
        "receive_queue",
        "hop_",
        "occupancy_",
        "in_tile ",
        "in_tile_occupancy",
        "eject",
        "credit ",
        "chip_",
    ];
    let mut section = "";
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if section == "[noc]" && fifo.iter().any(|key| line.starts_with(key)) {
            continue;
        }
        out += line;
        out += "\n";
        if line == "[noc]" {
            out += VC;
        }
    }
    let path = folder(&format!("routers_{preset}")).join("vc.toml");
    std::fs::write(&path, out).expect("written");
    path.to_string_lossy().into_owned()
}

/// Cycles waited for each link that was waited for, by name.
fn waits(report: &Value) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for (direction, link) in report["load"]["links"].as_object().expect("links") {
        for (y, row) in link["wait_cycles"]
            .as_array()
            .expect("rows")
            .iter()
            .enumerate()
        {
            for (x, wait) in row.as_array().expect("a row").iter().enumerate() {
                let wait = wait.as_u64().expect("cycles");
                if wait > 0 {
                    all.push((format!("({x},{y}) {direction}"), wait));
                }
            }
        }
    }
    all
}

fn alike(name: &str, args: &[&str], chips: [&str; 2]) -> [Value; 2] {
    let run = |chip: &str, turn: usize| {
        let mut all = vec!["run"];
        all.extend(args);
        all.extend(["--chip", chip]);
        json(&format!("routers_{name}_{turn}"), &all)
    };
    let both = [run(chips[0], 0), run(chips[1], 1)];
    for key in [
        "spikes",
        "state_digest",
        "counters",
        "predictions",
        "accuracy",
    ] {
        assert_eq!(both[0][key], both[1][key], "{name}: {key}");
    }
    // A tick lasts as long with either.
    if name != "crossbar" {
        let [fifo, vc] = [0, 1].map(|turn: usize| &both[turn]["time"]["cycles"]);
        assert_ne!(fifo, vc, "{name}");
    }
    both
}

#[test]
fn motion_spikes_alike_and_names_its_queues() {
    let args = [
        "examples/motion/motion.nir",
        "--input",
        "examples/motion/test.npz",
        "--limit",
        "2",
    ];
    let [fifo, vc] = alike("motion", &args, ["loihi", "loihi-vc"]);
    for (name, report) in [("fifo", fifo), ("vc", vc)] {
        let waits = waits(&report);
        let sum: u64 = waits.iter().map(|(_, wait)| wait).sum();
        let all = report["time"]["counters"]["router_wait"]
            .as_u64()
            .expect("counted");
        println!(
            "{name}: {all} cycles waited in routers, {sum} for {} links",
            waits.len()
        );
        assert!(sum > 0 && sum <= all, "{name}: {sum} of {all}");
        let named = &report["busiest_links"][0];
        assert!(
            named["wait_cycles"].as_u64().is_some() && named["from"].is_array(),
            "{named}"
        );
    }
}

#[test]
fn small_examples_spike_alike() {
    let tiny = vc_file("tiny");
    let truenorth = vc_file("truenorth");
    let networks = [
        ("digits", "digits.nir", "test.npz"),
        ("conv_digits", "conv_digits.nir", "test.npz"),
        ("delays", "delays.nir", "test.npz"),
        ("srnn", "srnn.nir", "test.npz"),
    ];
    for (name, net, input) in networks {
        let [net, input] = [net, input].map(|file| format!("examples/{name}/{file}"));
        // One mapping, spread as it is by default: what is estimated of the routers must not choose another.
        let cores = folder(&format!("routers_{name}")).join("cores.npy");
        let cores = cores.to_str().expect("a path");
        ok(&["map", &net, "--chip", "loihi", "--assignment", cores]);
        alike(
            name,
            &[&net, "--input", &input, "--limit", "1", "--assign", cores],
            ["loihi", "loihi-vc"],
        );
    }
    let hello = [
        "examples/hello/hello.s",
        "--input",
        "examples/hello/start.csv",
        "--steps",
        "5",
    ];
    alike("hello", &hello, ["tiny", &tiny]);
    let crossbar = [
        "examples/crossbar/crossbar.s",
        "--input",
        "examples/crossbar/input.csv",
    ];
    let [_, vc] = alike("crossbar", &crossbar, ["truenorth", &truenorth]);
    assert_eq!(vc["late_packets"], 0);
}

/// Threads, a trace and no timing at all: nothing else changes.
#[test]
fn threads_and_timing_change_no_spike() {
    let args = [
        "run",
        "examples/digits/digits.nir",
        "--input",
        "examples/digits/test.npz",
        "--chip",
        "loihi-vc",
        "--limit",
        "2",
    ];
    let run = |name: &str, more: &[&str]| {
        let mut all = args.to_vec();
        all.extend(more);
        json(&format!("routers_{name}"), &all)
    };
    let one = run("one", &["--threads", "1"]);
    let two = run("two", &["--threads", "2"]);
    let off = run("off", &["--timing", "off"]);
    for key in ["spikes", "state_digest", "counters"] {
        assert_eq!(one[key], two[key], "{key}");
        assert_eq!(one[key], off[key], "{key}");
    }
    assert_eq!(one["time"], two["time"]);
    assert_eq!(one["energy_j"]["dynamic"], off["energy_j"]["dynamic"]);
}

/// Every packet's way through the routers is in the trace and in the table.
#[test]
fn a_trace_holds_every_packet() {
    let dir = folder("routers_trace");
    let [trace, packets] =
        ["trace.json", "packets.csv"].map(|file| dir.join(file).to_string_lossy().into_owned());
    let report = json(
        "routers_traced",
        &[
            "run",
            "examples/digits/digits.nir",
            "--input",
            "examples/digits/test.npz",
            "--chip",
            "loihi-vc",
            "--limit",
            "1",
            "--trace",
            &trace,
            "--packets",
            &packets,
        ],
    );
    let counted = |key: &str| report["counters"][key].as_u64().expect("counted");
    let sent = counted("packets") + counted("packets_host_in") + counted("packets_host_out");
    let table = std::fs::read_to_string(&packets).expect("written");
    assert_eq!(table.lines().count() as u64, 1 + sent);
    let trace: Value =
        serde_json::from_str(&std::fs::read_to_string(&trace).expect("written")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let slices = |name: &str| {
        events
            .iter()
            .filter(|event| event["ph"] == "B" && event["cat"] == name)
            .count() as u64
    };
    let hops: u64 = ["east", "west", "north", "south"]
        .map(|side| counted(&format!("hops_{side}")))
        .iter()
        .sum();
    // One slice in every router on the way.
    assert_eq!(slices("link"), sent + hops);
    let waited: u64 = (table.lines().skip(1))
        .map(|line| {
            line.rsplit(',')
                .next()
                .and_then(|n| n.parse::<u64>().ok())
                .expect("a number")
        })
        .sum();
    assert_eq!(report["time"]["counters"]["router_wait"], waited);
}

/// Routers in parts: with `vc` there are two arbitrations.
#[test]
fn virtual_channels_are_charged_where_they_are() {
    let tiny = vc_file("tiny");
    let price = |name: &str, parts: &[&str]| {
        let mut args = vec![
            "run",
            "examples/hello/hello.s",
            "--input",
            "examples/hello/start.csv",
            "--steps",
            "5",
            "--chip",
            &tiny,
        ];
        parts.iter().for_each(|part| args.extend(["--set", part]));
        let report = json(name, &args);
        report["energy_j"]["breakdown"]["noc"]
            .as_f64()
            .expect("joules")
    };
    let whole = price("routers_whole", &[]);
    let parts = [
        "energy.router=parts",
        "energy.buffer_write=7 pJ",
        "energy.buffer_read=11 pJ",
        "energy.arbitration=13 pJ",
        "energy.vc_arbitration=19 pJ",
        "energy.crossbar=17 pJ",
    ];
    let charged = price("routers_parts", &parts);
    // 5 to the other core, 1 from the host, 5 to the host; 8 hops.
    let expect = f64::from((5 + 1 + 5 + 8) * (7 + 11 + 13 + 19 + 17)) * 1e-12;
    assert!(
        (charged - whole - expect).abs() < 1e-20,
        "{}",
        charged - whole
    );
}

/// `noc --chip` runs the chip's routers.
#[test]
fn the_network_alone_is_that_of_the_chip() {
    let dir = folder("routers_noc");
    let [input, output] =
        ["in.csv", "out.csv"].map(|file| dir.join(file).to_string_lossy().into_owned());
    std::fs::write(&input, "ctime,src,dst,size_flits\n7,0,45,1\n").expect("written");
    let packets = |more: &[&str]| {
        let mut args = vec![
            "noc",
            "--chip",
            "loihi-vc",
            "--packets",
            &input,
            "-o",
            &output,
        ];
        args.extend(more);
        ok(&args);
        std::fs::read_to_string(&output).expect("written")
    };
    // Five routers of four cycles, and the link to the first.
    assert!(packets(&[]).ends_with("\n7,0,45,1,7,29,29,5\n"));
    assert!(packets(&["--set", "noc.speculative=true"]).ends_with("\n7,0,45,1,7,24,24,5\n"));
    assert!(packets(&["--routing-delay", "1"]).ends_with("\n7,0,45,1,7,34,34,5\n"));
}

/// Each unit of each core in use works, is stalled or idles in every cycle of the run, with either router, under a barrier
/// and under a tick.
#[test]
fn worked_stalled_and_idle_are_the_time_of_the_run() {
    let motion = [
        "run",
        "examples/motion/motion.nir",
        "--input",
        "examples/motion/test.npz",
        "--limit",
        "2",
    ];
    let far = ["run", "tests/data/far.s", "--steps", "20"];
    let tick = vc_file("truenorth");
    let short = ["--set", "sync.period=30 ns"];
    let mut stalled = 0;
    for (name, args, chip, set, excess) in [
        ("barrier_fifo", &motion[..], "loihi", &[][..], false),
        ("barrier_vc", &motion, "loihi-vc", &[], false),
        ("tick_fifo", &far, "truenorth", &[], false),
        ("tick_vc", &far, &tick, &[], false),
        ("short_tick_fifo", &far, "truenorth", &short, true),
        ("short_tick_vc", &far, &tick, &short, true),
    ] {
        let all = [args, &["--chip", chip], set].concat();
        let report = json(&format!("idle_{name}"), &all);
        let count = |value: &Value| value.as_u64().expect("cycles");
        let cycles = count(&report["time"]["cycles"]);
        let cores = report["load"]["cores"].as_array().expect("cores");
        assert_eq!(report["image"]["cores"], cores.len(), "{name}");
        let mut over = 0;
        for (unit, busy) in [
            ("neuron", &["neuron_cycles", "stall_cycles"][..]),
            ("synapse", &["synapse_cycles"]),
        ] {
            let (mut idle, mut all) = (Vec::new(), 0);
            for core in cores {
                let spent: u64 = busy.iter().map(|key| count(&core[key])).sum();
                let idles = count(&core[format!("{unit}_idle_cycles")]);
                let beyond = count(&core[format!("{unit}_excess_cycles")]);
                assert_eq!(spent + idles, cycles + beyond, "{name}: {unit}: {core}");
                assert!(idles == 0 || beyond == 0, "{name}: {unit}: {core}");
                over += beyond;
                all += idles;
                idle.push((idles, &core["core"]));
            }
            let (least, core) = idle.iter().min_by_key(|(idle, _)| *idle).expect("a core");
            let told = &report["load"]["idle"][unit];
            let close = |key: &str, expect: f64| {
                let told = told[key].as_f64().expect("a share");
                assert!(
                    (told - expect).abs() < 1e-12,
                    "{name}: {unit} {key}: {told}, not {expect}"
                );
            };
            close("least", *least as f64 / cycles as f64);
            close("mean", all as f64 / cycles as f64 / cores.len() as f64);
            assert_eq!(&told["least_core"], *core, "{name}: {unit}");
            assert!(all < cycles * cores.len() as u64, "{name}: nothing worked");
        }
        assert_eq!(over > 0, excess, "{name}");
        for core in report["busiest_cores"].as_array().expect("cores") {
            let same = cores.iter().find(|c| c["core"] == core["core"]);
            for key in ["neuron_idle_cycles", "synapse_idle_cycles"] {
                assert_eq!(core[key], same.expect("in use")[key], "{name}: {key}");
            }
        }
        stalled += cores.iter().map(|c| count(&c["stall_cycles"])).sum::<u64>();
    }
    assert!(stalled > 0, "no run stalls a neuron unit");

    let off = [&motion[..], &["--chip", "loihi", "--timing", "off"]].concat();
    let report = json("idle_off", &off);
    assert_eq!(report["load"]["idle"], Value::Null);
    assert_eq!(
        report["load"]["cores"][0]["neuron_idle_cycles"],
        Value::Null
    );
    assert_eq!(
        report["load"]["cores"][0]["synapse_excess_cycles"],
        Value::Null
    );
}
