//! Boards of several chips: the same function as one chip of that mesh, and what crosses between chips counted and priced.

use crate::cli::{folder, json, ok, root, run_in};
use serde_json::Value;

/// What a link between chips takes, for a preset that does not say.
const BORDER: [&str; 6] = [
    "--set",
    "noc.chip_hop=50 ns",
    "--set",
    "noc.chip_occupancy=30 ns",
    "--set",
    "energy.chip_crossing=100 pJ",
];

const DIGITS: [&str; 6] = [
    "examples/digits/digits.nir",
    "--input",
    "examples/digits/test.npz",
    "--limit",
    "3",
    "--chip",
];

/// Chips of one tile of four cores with few neurons each.
const SMALL: [&str; 8] = [
    "loihi",
    "--set",
    "core.neurons=12",
    "--set",
    "mesh.height=1",
    "--set",
    "host.ports=[\"0 west\"]",
    "--set",
];

fn run(name: &str, more: &[&str]) -> (Value, String) {
    let spikes = folder(name).join("spikes.csv");
    let path = spikes.to_string_lossy().into_owned();
    let args = [&["run"][..], &DIGITS, more, &["--spikes", &path]].concat();
    (json(name, &args), std::fs::read_to_string(spikes).unwrap())
}

fn number(report: &Value, path: &str) -> f64 {
    let value = report.pointer(path).and_then(Value::as_f64);
    value.unwrap_or_else(|| panic!("no number {path}"))
}

#[test]
fn a_board_does_what_one_chip_of_its_mesh_does() {
    let narrow = [&SMALL[..], &["mesh.width=1"]].concat();
    let one = [&["run"][..], &DIGITS, &narrow].concat();
    let refused = run_in(&root(), &one);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("cores"), "{said}");
    // On few cores: by default the mapping depends on what a link costs.
    let few = ["--objective", "cores"];
    let two = [&narrow[..], &["--set", "mesh.board=[2, 1]"], &BORDER, &few].concat();
    let (board, spikes) = run("boards_two", &two);
    let wide = [&SMALL[..], &["mesh.width=2"], &few].concat();
    let (chip, same) = run("boards_wide", &wide);
    assert_eq!(spikes, same);
    assert_eq!(board["state_digest"], chip["state_digest"]);
    // Each link from tile to tile is a border here.
    let crossed = number(&board, "/counters/chip_crossings");
    let hops = number(&chip, "/mapping/hop_cost");
    assert!(crossed > 0.0, "nothing goes from chip to chip");
    assert_eq!((crossed, number(&board, "/mapping/hop_cost")), (hops, hops));
    assert_eq!(number(&chip, "/counters/chip_crossings"), 0.0);
    let mut counters = board["counters"].clone();
    counters["chip_crossings"] = 0.into();
    assert_eq!(counters, chip["counters"]);
    let close = |got: f64, expect: f64| (got - expect).abs() <= 1e-12 * expect;
    let noc = "/energy_j/breakdown/noc";
    assert!(close(
        number(&board, noc),
        number(&chip, noc) + crossed * 1e-10
    ));
    let of_chips = 2.0 * 29.7e-3 * number(&board, "/time/seconds");
    assert!(close(number(&board, "/energy_j/static"), of_chips));
    assert_eq!(number(&board, "/image/chips"), 2.0);
    assert!(number(&board, "/time/cycles") > number(&chip, "/time/cycles"));
    // The links between chips are as busy as their spacing makes them.
    let load = &board["load"]["links"]["east"];
    let cycles = number(&board, "/time/cycles") * 2.0;
    let packets = number(load, "/packets/0/0");
    assert!(close(
        number(load, "/share_busy/0/0"),
        packets * 300.0 / cycles
    ));
}

#[test]
fn what_crosses_is_a_line_of_the_price() {
    let file = folder("boards_price").join("run.json");
    let path = file.to_string_lossy().into_owned();
    let chip = [
        &SMALL[..],
        &["mesh.width=1", "--set", "mesh.board=[2,1]"],
        &BORDER,
    ]
    .concat();
    let text = ok(&[&["run"][..], &DIGITS, &chip, &["--json", &path]].concat());
    assert!(text.contains("in 2 of 2 tiles of 2 chips"), "{text}");
    assert!(text.contains("  Between chips: "), "{text}");
    let map = text.lines().find(|line| line.starts_with("  y  0 "));
    assert!(map.is_some_and(|row| row.contains('|')), "{text}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let again = json(
        "boards_again",
        &[&["price", &path, "--chip"][..], &chip].concat(),
    );
    assert_eq!(again["energy_j"]["total"], report["energy_j"]["total"]);
    assert_eq!(
        again["energy_j"]["breakdown"],
        report["energy_j"]["breakdown"]
    );
    let costs = again["costs"].as_array().expect("costs").iter();
    let line = costs
        .clone()
        .find(|line| line["key"] == "energy.chip_crossing")
        .expect("a line of its own");
    assert_eq!(line["count"], number(&report, "/counters/chip_crossings"));
    let sum: f64 = costs.map(|line| number(line, "/energy_j")).sum();
    let total = number(&report, "/energy_j/total");
    assert!((sum - total).abs() <= 1e-12 * total, "{sum} of {total}");
    // One chip has no price for it, and that is said.
    let one = json("boards_plain", &["price", &path, "--chip", "loihi"]);
    let said = one["notes"].to_string();
    assert!(
        said.contains("flits of the run went from chip to chip"),
        "{said}"
    );
}

#[test]
fn truenorth_knows_its_borders() {
    let (report, _) = run(
        "boards_truenorth",
        &[
            "truenorth",
            "--set",
            "mesh.width=1",
            "--set",
            "mesh.height=1",
            "--set",
            "mesh.board=[2, 2]",
        ],
    );
    let crossed = number(&report, "/counters/chip_crossings");
    assert!(crossed > 0.0 && crossed == number(&report, "/mapping/hop_cost"));
    assert!(
        report["estimated"]
            .to_string()
            .contains("noc.chip_hop = 5 cycles")
    );
    assert_eq!(report["timing_valid"], true);
}

/// Numbers of borders are no error on a board of one chip, but it is said that they change nothing.
#[test]
fn borders_of_one_chip_are_warned_of() {
    let set = ["loihi", "--set", "energy.chip_crossing=100 pJ"];
    let args = [&["run"][..], &DIGITS, &set].concat();
    let report = json("boards_unused", &args);
    let warned = |report: &Value| {
        let all = report["warnings"].as_array().unwrap().iter();
        all.filter(|w| w.as_str().unwrap().starts_with("energy.chip_crossing: "))
            .count()
    };
    assert_eq!(warned(&report), 1, "{}", report["warnings"]);
    let args = [&["map"][..], &DIGITS[..1], &["--chip"], &set].concat();
    assert_eq!(warned(&json("boards_unused_by_map", &args)), 1);
    let board = [
        &SMALL[..],
        &["mesh.width=1", "--set", "mesh.board=[2, 1]"],
        &BORDER,
    ]
    .concat();
    let args = [&["run"][..], &DIGITS, &board].concat();
    assert_eq!(warned(&json("boards_used", &args)), 0);
}
