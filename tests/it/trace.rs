//! `run --trace` and `--packets`: what they show adds up to what the report counts.

use crate::cli::{folder, root, run_in};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

const DIGITS: &str = "run examples/digits/digits.nir --input examples/digits/test.npz --limit 1";

/// Runs at the root; `OUT` in the arguments is the folder.
fn run(at: &Path, args: &str) -> Result<String, String> {
    let args = args.replace("OUT", &at.to_string_lossy());
    let args: Vec<&str> = args.split(' ').collect();
    let out = run_in(&root(), &args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if out.status.success() {
        Ok(text(out.stdout))
    } else {
        Err(text(out.stderr))
    }
}

fn json(at: &Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(at.join(file)).unwrap()).unwrap()
}

fn sum(counters: &Value, keys: &[&str]) -> u64 {
    keys.iter()
        .map(|key| counters[*key].as_u64().unwrap())
        .sum()
}

const PACKETS: [&str; 3] = ["packets", "packets_host_in", "packets_host_out"];
const HOPS: [&str; 4] = ["hops_east", "hops_west", "hops_north", "hops_south"];

/// Slices (first cycle, cycle after the last) by track, and phases of flows by packet, in the order of the file.
type Read = (BTreeMap<(u64, u64), Vec<(u64, u64)>>, BTreeMap<u64, String>);

fn read(trace: &Value) -> Read {
    let (mut tracks, mut flows) = (BTreeMap::new(), BTreeMap::new());
    let ps = trace["otherData"]["cycle_ps"].as_u64().unwrap();
    let mut open = None;
    for event in trace["traceEvents"].as_array().unwrap() {
        let number = |key: &str| event[key].as_u64().unwrap();
        let shows = |cycle: u64| {
            let micros = event["ts"].as_f64().unwrap();
            assert_eq!((micros * 1e6).round() as u64, cycle * ps, "{event}");
        };
        match event["ph"].as_str().unwrap() {
            "B" => {
                let [from, cycles] =
                    ["cycle", "cycles"].map(|k| event["args"][k].as_u64().unwrap());
                shows(from);
                let track = (number("pid"), number("tid"));
                assert!(open.replace((track, from, from + cycles)).is_none());
            }
            "E" => {
                let (track, from, to) = open.take().expect("a slice ends after its begin");
                assert_eq!((number("pid"), number("tid")), track);
                shows(to);
                assert!(
                    track.0 != track.1 || track == (1, 1),
                    "taken for a main thread"
                );
                let track: &mut Vec<_> = tracks.entry(track).or_default();
                track.push((from, to));
            }
            "M" => {}
            phase => {
                let (track, from, _) = open.expect("flows pass through slices");
                assert_eq!((number("pid"), number("tid")), track);
                shows(from);
                let flow: &mut String = flows.entry(number("id")).or_default();
                flow.push_str(phase);
            }
        }
    }
    (tracks, flows)
}

/// Does what viewers do: cut times to nanoseconds, sort by time and leave the rest in the order of the file. No slice of a track may then lie
/// across another or end when it has not begun, no flow may stand outside a slice.
fn opens_in_a_viewer(name: &str, trace: &Value) {
    let events = trace["traceEvents"].as_array().unwrap();
    let cut = |event: &Value| (event["ts"].as_f64().unwrap() * 1000.0) as u64;
    let mut timed: Vec<&Value> = events.iter().filter(|e| e["ph"] != "M").collect();
    timed.sort_by_key(|event| cut(event));
    let mut open: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for event in timed {
        let track = ["pid", "tid"].map(|key| event[key].as_u64().unwrap());
        let depth = open.entry((track[0], track[1])).or_default();
        match event["ph"].as_str().unwrap() {
            "B" => {
                assert_eq!(*depth, 0, "{name}: {event} begins in another");
                *depth = 1;
            }
            "E" => {
                assert_eq!(*depth, 1, "{name}: {event} has no begin");
                *depth = 0;
            }
            _ => assert_eq!(*depth, 1, "{name}: {event} outside a slice"),
        }
    }
}

/// A chip with a barrier on many tiles, a chip with a tick, and the example on one core.
#[test]
fn traces_add_up_to_the_report() {
    for (name, command) in [
        ("trace_digits", format!("{DIGITS} --chip loihi")),
        ("trace_spread", format!("{DIGITS} --chip loihi --set core.neurons=8")),
        ("trace_tiny", format!("{DIGITS} --chip tiny")),
        (
            "trace_tick",
            "run examples/crossbar/crossbar.s --input examples/crossbar/input.csv --steps 5 --chip truenorth".to_owned(),
        ),
    ] {
        let at = folder(name);
        let files = "--trace OUT/t.json --packets OUT/p.csv --json OUT/r.json";
        run(&at, &format!("{command} {files} --threads 1")).unwrap();
        let (trace, report) = (json(&at, "t.json"), json(&at, "r.json"));
        let cycles = report["time"]["cycles"].as_u64().unwrap();
        let counters = &report["counters"];
        let (mut tracks, flows) = read(&trace);
        opens_in_a_viewer(name, &trace);

        // Steps, and their parts, without gaps.
        for track in [(1, 1), (1, 2)] {
            let length: u64 = tracks[&track].iter().map(|(from, to)| to - from).sum();
            assert_eq!(length, cycles, "{name} {track:?}");
        }
        for (track, slices) in &mut tracks {
            slices.sort_unstable();
            let overlap = slices.windows(2).find(|pair| pair[0].1 > pair[1].0);
            assert_eq!(overlap, None, "{name}: slices of track {track:?}");
        }
        let packets = sum(counters, &PACKETS);
        assert!(packets > 0);
        assert_eq!(flows.len() as u64, packets, "{name}");
        for (id, flow) in &flows {
            let whole = flow.starts_with('s') && flow.ends_with('f');
            assert!(whole && flow.matches(['s', 'f']).count() == 2, "{name} {id}: {flow}");
        }

        let table = std::fs::read_to_string(at.join("p.csv")).unwrap();
        let mut lines = table.lines();
        let header: Vec<&str> = lines.next().unwrap().split(',').collect();
        let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
        assert_eq!(rows.len() as u64, packets, "{name}");
        let column = |key: &str| header.iter().position(|h| *h == key).unwrap();
        let total = |key: &str| -> u64 {
            let all = rows.iter().map(|row| row[column(key)].parse::<u64>().unwrap());
            all.sum()
        };
        assert_eq!(total("hops"), sum(counters, &HOPS), "{name}");
        let time = &report["time"]["counters"];
        assert_eq!(total("router_wait"), time["router_wait"], "{name}");
        assert_eq!(total("served_from") - total("arrived"), time["synapse_wait"], "{name}");
        let sent = total("sent") - total("ready");
        assert_eq!(sent, sum(time, &["axon_out_stall", "host_wait"]), "{name}");

        // Neither threads nor tracing itself show.
        let text = |file: &str| std::fs::read_to_string(at.join(file)).unwrap();
        let first = [text("t.json"), text("p.csv")];
        run(&at, &format!("{command} {files} --threads 3")).unwrap();
        assert!(first == [text("t.json"), text("p.csv")], "{name}: threads show");
        run(&at, &format!("{command} --json OUT/plain.json")).unwrap();
        let plain = json(&at, "plain.json");
        for key in ["time", "counters", "load", "state_digest", "warnings"] {
            assert_eq!(plain[key], report[key], "{name} {key}");
        }
    }
}

#[test]
fn steps_and_the_sample_can_be_chosen() {
    let at = folder("trace_steps");
    let two = DIGITS.replace("--limit 1", "--limit 2");
    let command = format!("{two} --chip loihi --packets OUT/p.csv --trace-sample 1");
    let rows = |args: &str| -> Vec<String> {
        run(&at, &format!("{command} {args}")).unwrap();
        let text = std::fs::read_to_string(at.join("p.csv")).unwrap();
        text.lines().skip(1).map(str::to_owned).collect()
    };
    let all = rows("--quiet");
    let of = |steps: &[&str]| -> Vec<String> {
        let chosen = all
            .iter()
            .filter(|row| steps.contains(&row.split(',').next().unwrap()));
        chosen.cloned().collect()
    };
    assert!(!of(&["3", "4"]).is_empty() && !of(&["preload", "0"]).is_empty());
    assert_eq!(rows("--trace-steps 3..5"), of(&["3", "4"]));
    assert_eq!(rows("--trace-steps 0..1"), of(&["preload", "0"]));
    assert_eq!(rows("--trace-steps 24..99"), of(&["24", "25"]));
}

#[test]
fn what_cannot_be_traced_is_refused() {
    let at = folder("trace_refused");
    for (args, message) in [
        ("--trace OUT/t.json --timing off", "--timing cycle"),
        ("--trace-steps 0..1", "give one of these"),
        ("--trace OUT/t.json --trace-steps 5", "expected A..B"),
        ("--trace OUT/t.json --trace-steps 5..5", "no step"),
        ("--trace OUT/t.json --trace-steps 26..30", "runs 26 steps"),
        (
            "--packets OUT/p.csv --trace-sample 1",
            "the run has 1 sample",
        ),
        ("--trace OUT/t.json --packets OUT/t.json", "two outputs"),
    ] {
        let error = run(&at, &format!("{DIGITS} --chip loihi {args}")).unwrap_err();
        assert!(error.contains(message), "{args}: {error}");
        assert!(std::fs::read_dir(&at).unwrap().next().is_none(), "{args}");
    }
}

/// Matrices and lists of the load hold what the counters count.
#[test]
fn the_load_adds_up() {
    let at = folder("trace_load");
    let command = format!("{DIGITS} --chip loihi --set core.neurons=8 --json OUT/r.json");
    let text = run(&at, &command).unwrap();
    let report = json(&at, "r.json");
    let matrix = |matrix: &Value| -> u64 {
        let rows = matrix.as_array().unwrap().iter();
        rows.flat_map(|row| row.as_array().unwrap())
            .map(|n| n.as_u64().unwrap())
            .sum()
    };
    let (load, counters) = (&report["load"], &report["counters"]);
    let mut links = 0;
    for (direction, hops) in ["east", "west", "north", "south"].into_iter().zip(HOPS) {
        let packets = matrix(&load["links"][direction]["packets"]);
        assert_eq!(packets, counters[hops], "{direction}");
        links += packets;
    }
    assert!(links > 0);
    let delivered = sum(counters, &["tile_deliveries"]);
    assert_eq!(matrix(&load["routers"]), links + delivered);
    let cycles = report["time"]["cycles"].as_u64().unwrap();
    for core in load["cores"].as_array().unwrap() {
        assert_eq!(
            sum(
                core,
                &["neuron_cycles", "stall_cycles", "neuron_idle_cycles"]
            ),
            cycles
        );
        assert_eq!(
            sum(core, &["synapse_cycles", "synapse_idle_cycles"]),
            cycles
        );
    }
    assert!(
        text.contains("Load of the tiles") && text.contains("\n  y  3 "),
        "{text}"
    );
    let one = run(&at, &format!("{DIGITS} --chip loihi --objective cores")).unwrap();
    assert!(!one.contains("Load of the tiles"), "{one}");
}
