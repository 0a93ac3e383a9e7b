//! Objectives: what each is best at, and that names are read.

mod common;

use common::{chip, dense, fire, lif, net, population};
use isa::ChipSpec;
use mapper::{Mapped, OBJECTIVES, Objective, Options, map};
use network::lowered::{Lowered, Reset, Source};

/// A layer of 2000 neurons that 20 inputs reach, and 10 neurons that all of them reach.
fn layered() -> Lowered {
    let neuron = || lif(0.01, 1.0, Some(fire(1.0, Reset::Hard)));
    let populations = vec![
        population("wide", 2000, 0, neuron()),
        population("narrow", 10, 1, neuron()),
    ];
    let projections = vec![
        dense(Source::Input(0), 20, 0, 2000, || 0.5),
        dense(Source::Population(0), 2000, 1, 10, || 0.25),
    ];
    net(&[20], populations, projections, &[1])
}

fn mapped(chip: &ChipSpec, objective: Objective) -> Mapped {
    let options = Options {
        objective,
        ..Options::default()
    };
    map(&layered(), chip, &options).unwrap_or_else(|e| panic!("{}", e[0]))
}

fn fullest(mapped: &Mapped) -> usize {
    let cores = mapped.image.cores.iter();
    cores.map(|c| c.lane_ids.len()).max().expect("cores")
}

#[test]
fn each_is_best_at_its_own() {
    let chip = chip("loihi", |_| {});
    let [edp, packets, energy, latency, cores] = OBJECTIVES else {
        panic!("five objectives")
    };
    let of = |name: &&str| mapped(&chip, Objective::of(name).expect("it is in the list"));
    let [edp, packets, energy, latency, cores] =
        [of(edp), of(packets), of(energy), of(latency), of(cores)];
    let sent = |m: &Mapped| m.report.km1 + m.report.packets_host_in;
    for other in [&edp, &energy, &latency, &cores] {
        assert!(sent(&packets) <= sent(other));
    }
    for other in [&edp, &packets, &energy, &latency] {
        assert!(cores.report.cores_used <= other.report.cores_used);
    }
    assert_eq!(
        cores.report.cores_used as u64,
        cores.report.cores_lower_bound
    );
    // Alone on a full core, some 1000 updates make the step; spread out, none holds a tenth of them.
    assert!(fullest(&cores) > 1000, "{}", fullest(&cores));
    assert!(fullest(&latency) < 103, "{}", fullest(&latency));
    assert!(fullest(&edp) < 103, "{}", fullest(&edp));
}

#[test]
fn names() {
    for name in OBJECTIVES {
        assert_eq!(Objective::of(name).expect("listed").name(), *name);
    }
    assert_eq!(Objective::of("speed"), None);
    assert_eq!(Objective::default().name(), OBJECTIVES[0]);
}

/// A slow network of either router keeps a mapping together.
#[test]
fn flights_count() {
    let loihi = include_str!("../../specs/chips/loihi.toml");
    let vc = include_str!("../../specs/chips/loihi-vc.toml");
    let cores = |text: &str, set: &[(&str, &str)]| {
        let set: Vec<(String, String)> = set
            .iter()
            .map(|(k, v)| ((*k).into(), (*v).into()))
            .collect();
        let chip = ChipSpec::parse(text, "chip.toml", &set).expect("it parses");
        mapped(&chip, Objective::Latency).report.cores_used
    };
    let slow = [
        ("noc.hop_east", "100000ns"),
        ("noc.hop_west", "100000ns"),
        ("noc.hop_north", "100000ns"),
        ("noc.hop_south", "100000ns"),
    ];
    assert!(cores(loihi, &slow) < cores(loihi, &[]));
    assert!(cores(vc, &[("noc.router_cycle", "100000ns")]) < cores(vc, &[]));
}
