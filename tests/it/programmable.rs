//! Preset `programmable`: what it claims in its head, counted from the kernel as shipped; and the report by handler.

use crate::cli::{json, ok};
use assembler::kernels::{Kernel, instantiate};
use isa::ChipSpec;
use isa::chip::{OnSpikeEnergy, OnSpikeTime, UpdateEnergy, UpdateTime};
use serde_json::Value;

/// A network of one core, so that its busiest cores are all of them.
const DELAYS: [&str; 6] = [
    "run",
    "examples/delays/delays.nir",
    "--input",
    "examples/delays/test.npz",
    "--limit",
    "1",
];

fn preset(name: &str) -> ChipSpec {
    ChipSpec::preset(name).expect("a preset").expect("valid")
}

fn cubalif() -> Kernel {
    instantiate("cubalif", &[]).expect("the library has it")
}

/// Instructions by class. Without options no branch of `cubalif` but the idle one is there, so an active lane executes all.
fn classes(words: &[u32]) -> [u64; 6] {
    let mut classes = [0; 6];
    for word in words {
        classes[isa::op::decode(*word).expect("valid").op.class() as usize] += 1;
    }
    classes
}

fn picojoules(counts: &[u64; 6], joules: &[f64; 6]) -> f64 {
    let sum: f64 = counts.iter().zip(joules).map(|(n, j)| *n as f64 * j).sum();
    (sum * 1e15).round() / 1e3
}

#[test]
fn an_active_lane_costs_what_loihi_publishes() {
    let (own, loihi) = (preset("programmable"), preset("loihi"));
    let (UpdateTime::Instruction(time), UpdateEnergy::Instruction(energy)) =
        (&own.time.update, &own.energy.update)
    else {
        panic!("priced by instruction")
    };
    let (UpdateTime::Event { active, .. }, UpdateEnergy::Event { active: joules, .. }) =
        (&loihi.time.update, &loihi.energy.update)
    else {
        panic!("priced by event")
    };
    let counts = classes(&cubalif().update);
    assert_eq!(counts, [8, 2, 5, 2, 1, 0], "the head of the preset says so");
    let cycles: u64 = counts.iter().zip(&time.class).map(|(n, c)| n * c).sum();
    assert_eq!((cycles, own.cycle_ps), (*active, loihi.cycle_ps));
    assert_eq!((cycles * own.cycle_ps, time.fill), (8_400, 0));
    assert_eq!(picojoules(&counts, energy), (joules * 1e15).round() / 1e3);
    assert_eq!(picojoules(&counts, energy), 81.0);
}

#[test]
fn a_delta_synapse_costs_what_loihi_publishes() {
    let (own, loihi) = (preset("programmable"), preset("loihi"));
    let (OnSpikeTime::Instruction { packet, times }, OnSpikeEnergy::Instruction { class, .. }) =
        (&own.time.on_spike, &own.energy.on_spike)
    else {
        panic!("priced by instruction")
    };
    let OnSpikeTime::Event { synapse, .. } = &loihi.time.on_spike else {
        panic!("priced by event")
    };
    let counts = classes(&cubalif().on_spike);
    assert_eq!(
        counts,
        [0, 0, 2, 1, 0, 0],
        "a delta synapse: ldy, acc, halt"
    );
    let cycles: u64 = counts.iter().zip(&times.class).map(|(n, c)| n * c).sum();
    assert_eq!((cycles, *packet, times.fill), (*synapse, 0, 0));
    assert_eq!(picojoules(&counts, class), 23.6);
}

fn handler<'r>(report: &'r Value, population: &str, name: &str) -> &'r Value {
    report["handlers"]
        .as_array()
        .and_then(|list| {
            list.iter()
                .find(|h| h["population"] == population && h["handler"] == name)
        })
        .expect("every population has both handlers")
}

/// The parts that a report gives by handler sum to its totals, on a chip of each kind of price.
#[test]
fn handlers_sum_to_the_totals() {
    for chip in ["programmable", "loihi"] {
        let mut args = DELAYS.to_vec();
        // On few cores, so that all are among the busiest.
        args.extend(["--chip", chip, "--objective", "cores"]);
        let report = json(&format!("handlers_{chip}"), &args);
        let handlers = report["handlers"].as_array().expect("a list");
        let sum = |handler: &str, key: &str| -> f64 {
            handlers
                .iter()
                .filter(|h| h["handler"] == handler)
                .map(|h| h[key].as_f64().expect("known"))
                .sum()
        };
        let counter = |key: &str| report["counters"][key].as_f64().expect("a count");
        assert_eq!(sum("update", "runs"), counter("neuron_updates"));
        assert_eq!(
            sum("update", "runs_idle"),
            counter("neuron_updates_inactive")
        );
        assert_eq!(sum("on_spike", "runs"), counter("synaptic_ops"));
        let neuron: f64 = report["busiest_cores"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|c| c["neuron_cycles"].as_f64().expect("a count"))
            .sum();
        assert_eq!(sum("update", "cycles"), neuron, "{chip}");
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-9 * b.abs(), "{chip}: {a} {b}");
        let breakdown = &report["energy_j"]["breakdown"];
        close(
            sum("update", "energy_j"),
            breakdown["neuron"].as_f64().expect("joules"),
        );
        assert_eq!(
            handler(&report, "group/cuba", "update")["price"],
            if chip == "programmable" {
                "instruction"
            } else {
                "event"
            }
        );
    }
}

/// What the handlers took lies between the bounds of their paths, which a delta synapse, having one path, meets.
#[test]
fn handlers_stay_within_their_paths() {
    let report = |chip: &str, set: &[&str]| {
        let mut args = DELAYS.to_vec();
        args.extend(["--chip", chip]);
        args.extend(set);
        json(&format!("paths_{chip}{}", set.len()), &args)
    };
    // `fill` is no part of a run: the lanes of a group share it.
    let filled = report("programmable", &["--set", "update.fill_time=100000"]);
    for own in [&report("programmable", &[]), &filled] {
        for handler in own["handlers"].as_array().expect("a list") {
            let number = |key: &str| handler[key].as_u64().expect("a count");
            let (least, most) = (number("cycles_least"), number("cycles_most"));
            let all = number("runs")..=number("runs") * most;
            let cycles = number("cycles");
            if std::ptr::eq(own, &filled) && handler["handler"] == "update" {
                assert!(cycles > *all.end(), "{handler}");
                continue;
            }
            assert!(
                all.contains(&cycles) && cycles >= number("runs") * least,
                "{handler}"
            );
            let one_path = handler["handler"] == "on_spike";
            assert_eq!(least == most, one_path, "{handler}");
        }
    }
    for handler in report("loihi", &[])["handlers"].as_array().expect("a list") {
        assert!(handler["cycles_least"].is_null() && handler["cycles_most"].is_null());
    }
}

/// The table in the text says what is charged and what is not.
#[test]
fn the_text_says_how_handlers_are_priced() {
    let text = |chip| {
        let mut args = DELAYS.to_vec();
        args.extend(["--chip", chip]);
        ok(&args)
    };
    let own = text("programmable");
    assert!(
        own.contains("Both handlers are priced by instruction") && own.contains("by its paths"),
        "{own}"
    );
    let fixed = text("loihi");
    assert!(
        fixed.contains("Both handlers are priced by event"),
        "{fixed}"
    );
    assert!(
        fixed.contains("group/cuba update") && !fixed.contains("by its paths"),
        "{fixed}"
    );
}
