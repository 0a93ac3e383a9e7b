//! Splitters: late spikes of sources with many destinations go through neurons that pass them on, and act when they would have.

#![allow(clippy::print_stdout, reason = "what the sweep found")]

use super::random::Random;
use super::{CHIPS, compare, law, preset, sample};
use crate::engines;
use emulator::{SampleInput, Timing};
use isa::ChipSpec;
use mapper::{MapError, Mapped, Objective, Options};
use network::lowered::*;
use std::collections::BTreeSet;

const STEPS: u32 = 20;
/// Refused networks whose smallest change is tried.
const CHANGES: u32 = 12;

/// A chip of small cores.
pub(super) fn small(name: &str, lanes: u32, axons: u32) -> ChipSpec {
    let mut chip = preset(name);
    let l = &mut chip.limits;
    (l.neurons, l.output_slots, l.input_axons) = (lanes, lanes, axons);
    l.synapse_bits = u64::from(lanes) * u64::from(axons);
    chip
}

/// The same axons, and lanes for all copies that a neuron can have.
fn roomy(chip: &ChipSpec) -> ChipSpec {
    let mut chip = chip.clone();
    let l = &mut chip.limits;
    (l.neurons, l.output_slots) = (1 << 14, 1 << 14);
    l.synapse_bits = 1 << 30;
    chip
}

/// Few cores: splitters only where copies do not fit, or take more cores.
fn few() -> Options {
    Options {
        objective: Objective::Cores,
        ..Options::default()
    }
}

fn map(net: &Lowered, chip: &ChipSpec) -> Result<Mapped, Vec<MapError>> {
    mapper::map(net, chip, &few())
}

fn integrate(threshold: f64) -> Model {
    Model::Leaky {
        tau: None,
        r: Param::One(1000.0),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: Some(Fire {
            threshold: Param::One(threshold),
            v_reset: Param::One(0.0),
            reset: Reset::Hard,
            reset_delay: false,
            compare: Compare::Ge,
            refractory: Param::One(0.0),
        }),
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    }
}

/// A few sources that each reach many neurons, with delays from `least` on; sometimes a layer more, and sometimes back to the sources.
pub(super) fn fan_out(seed: u64, least: u64) -> Lowered {
    let mut r = Random(seed);
    let elements = 1 + r.below(6) as u32;
    let sizes = [
        1 + r.below(8) as u32,
        60 + r.below(260) as u32,
        1 + r.below(30) as u32,
    ];
    let layers = 2 + r.below(2) as usize;
    let mut projections = Vec::new();
    let mut connect = |r: &mut Random, source: Source, to: usize, fan_in: u64, from: u32| {
        let delays = [0; 3].map(|_: u64| least + r.below(15 - least));
        let mut rows: Vec<Vec<(u32, f32, u16)>> = vec![Vec::new(); from as usize];
        for target in 0..sizes[to] {
            let sources: BTreeSet<u64> = (0..1 + r.below(fan_in))
                .map(|_| r.below(from.into()))
                .collect();
            for s in sources {
                let weight = [1.0, 0.5, -0.5, 1.0][r.below(4) as usize];
                let delay = delays[r.below(3) as usize];
                rows[s as usize].push((target, weight, delay as u16));
            }
        }
        let mut s = Synapses {
            row_start: vec![0],
            ..Synapses::default()
        };
        for (target, weight, delay) in rows
            .iter()
            .flat_map(|row| row.iter().map(Some).chain([None]))
            .flatten()
        {
            s.target.push(*target);
            s.weight.push(*weight);
            s.delay.push(*delay);
        }
        let mut end = 0;
        for row in &rows {
            end += row.len() as u32;
            s.row_start.push(end);
        }
        projections.push(Projection {
            source,
            target: to as u32,
            receptor: 0,
            path: format!("{source:?}>{to}"),
            unit: WeightUnit::Model,
            align: 0,
            recurrent: false,
            synapses: s,
        });
    };
    connect(&mut r, Source::Input(0), 0, 2, elements);
    connect(&mut r, Source::Population(0), 1, 3, sizes[0]);
    if layers > 2 {
        connect(&mut r, Source::Population(1), 2, 4, sizes[1]);
    }
    if r.below(3) == 0 {
        connect(&mut r, Source::Population(1), 0, 2, sizes[1]);
    }
    let populations: Vec<Population> = (0..layers)
        .map(|i| Population {
            name: format!("p{i}"),
            shape: vec![sizes[i]],
            depth: i as u32,
            model: integrate(0.5),
            bias: Vec::new(),
        })
        .collect();
    Lowered {
        name: "fan_out".into(),
        dt_s: 1e-3,
        inputs: vec![Input {
            name: "in".into(),
            shape: vec![elements],
            graded: false,
        }],
        outputs: vec![Output {
            name: "out".into(),
            shape: vec![sizes[layers - 1]],
            population: layers as u32 - 1,
            readout: None,
        }],
        populations,
        projections,
        assignment: None,
        assumptions: Vec::new(),
    }
}

fn events(sample: &SampleInput) -> Vec<(u32, u32)> {
    let at = |t: u32| sample.offsets[t as usize]..sample.offsets[t as usize + 1];
    (0..sample.steps)
        .flat_map(|t| at(t).map(move |e| (t, e)))
        .map(|(t, e)| (t, sample.elements[e as usize]))
        .collect()
}

/// The network's own spikes are those of the same network without splitters.
fn as_without(
    done: &Mapped,
    net: &Lowered,
    chip: &ChipSpec,
    samples: &[SampleInput],
    what: &str,
) -> usize {
    let plain =
        mapper::map(net, &roomy(chip), &few()).unwrap_or_else(|e| panic!("{what}: {}", e[0]));
    let crossbar = plain.report.crossbar.as_ref().expect("a crossbar chip");
    assert_eq!(crossbar.splitters, 0, "{what}");
    let own = plain.quantized.neurons();
    let mut count = 0;
    for sample in samples {
        let mut given = law::simulate(&done.quantized, STEPS, &events(sample)).spikes;
        given.retain(|s| s.1 < own);
        assert_eq!(
            given,
            law::simulate(&plain.quantized, STEPS, &events(sample)).spikes,
            "{what}"
        );
        count += given.len();
    }
    count
}

/// The chip with the numbers that a refusal names as the smallest change, and with one less of the first.
fn changed(net: &Lowered, chip: &ChipSpec, text: &str, what: &str) -> bool {
    let number = |key: &str| -> Option<u32> {
        let at = text.find(&format!("--set {key}="))? + format!("--set {key}=").len();
        let digits = text[at..].find(|c: char| !c.is_ascii_digit());
        text[at..at + digits.unwrap_or(text.len() - at)]
            .parse()
            .ok()
    };
    let change = text.split(", or ").next().expect("a first").to_owned();
    let fits = |less: u32| {
        let mut chip = chip.clone();
        let mut first = true;
        for key in [
            "core.neurons",
            "core.output_slots",
            "core.synapse_bits",
            "mesh.height",
            "mesh.width",
        ] {
            let Some(value) = number(key).filter(|_| change.contains(key)) else {
                continue;
            };
            let value = value - if first { less } else { 0 };
            first = false;
            match key {
                "core.neurons" => chip.limits.neurons = value,
                "core.output_slots" => chip.limits.output_slots = value,
                "core.synapse_bits" => chip.limits.synapse_bits = value.into(),
                "mesh.height" => chip.mesh.height = value,
                _ => chip.mesh.width = value,
            }
        }
        map(net, &chip).is_ok()
    };
    if !change.contains("--set") || change.contains("or less") {
        return false;
    }
    assert!(fits(0), "{what}: {text}");
    assert!(!fits(1), "{what}, one less: {text}");
    true
}

fn check(seeds: std::ops::Range<u64>) {
    let (mut mapped, mut split, mut relays, mut refused_before, mut fewer, mut spikes) =
        (0, 0, 0, 0, 0, 0);
    let (mut changes, mut deep) = (0, 0);
    for seed in seeds {
        let name = CHIPS[seed as usize % 2];
        let mut r = Random(seed ^ 0x0051_1773);
        let (lanes, axons) = (
            [5, 8, 12, 20][r.below(4) as usize],
            [12, 20, 32][r.below(3) as usize],
        );
        let chip = small(name, lanes, axons);
        let net = fan_out(seed, r.below(3));
        let what = format!("seed {seed} on {name}, {lanes} lanes, {axons} axons");
        let done = match map(&net, &chip) {
            Ok(done) => done,
            Err(errors) => {
                let named =
                    |e: &MapError| matches!(e, MapError::Neuron { .. } | MapError::Cores { .. });
                assert!(errors.iter().all(named), "{what}: {}", errors[0]);
                if changes < CHANGES {
                    changes += u32::from(changed(&net, &chip, &errors[0].to_string(), &what));
                }
                continue;
            }
        };
        mapped += 1;
        assert_eq!(isa::verify::structure(&done.image), [], "{what}");
        assert_eq!(isa::verify::fits(&done.image, &chip), [], "{what}");
        let crossbar = done.report.crossbar.as_ref().expect("a crossbar chip");
        let cores = u64::from(done.report.cores_used);
        assert!(cores >= done.report.cores_lower_bound, "{what}");
        let samples: Vec<SampleInput> = (0..2)
            .map(|_| sample(&mut r, done.quantized.input_elements(), STEPS))
            .collect();
        spikes += compare(&done, &chip, &samples, Timing::Off, &what);
        if crossbar.splitters == 0 {
            continue;
        }
        split += 1;
        relays += crossbar.relays;
        deep += u32::from(crossbar.levels > 1);
        match crossbar.cores_with_copies {
            None => refused_before += 1,
            Some(copied) => {
                assert!(
                    cores < copied,
                    "{what}: {cores} cores, {copied} without splitters"
                );
                fewer += 1;
            }
        }
        as_without(&done, &net, &chip, &samples, &what);
        if split % 8 == 1 {
            engines::same(
                &what,
                &done.image,
                &chip,
                &samples[..1],
                done.image.io.drain,
            );
        }
        // The same again, from what it says of itself.
        let given = Options {
            assignment: Some(done.assignment.clone()),
            ..few()
        };
        let again = mapper::map(&net, &chip, &given).unwrap_or_else(|e| panic!("{what}: {}", e[0]));
        assert_eq!(again.image, done.image, "{what}");
    }
    assert!(changes > 1, "{changes} changes tried");
    println!(
        "{mapped} mapped, {split} with splitters ({relays} relays, {deep} over several levels): {refused_before} did not fit with copies alone, {fewer} take fewer cores; {spikes} spikes"
    );
    assert!(
        refused_before > 5 && deep > 3 && spikes > 10_000,
        "{refused_before} {spikes}"
    );
}

#[test]
fn splitters_keep_every_spike() {
    check(0..60);
}

#[test]
#[ignore = "a minute; cargo test --release --test it -- --ignored --nocapture five_hundred_fans"]
fn five_hundred_fans() {
    check(0..500);
}

/// One element, one source, and 200 targets with the same delay.
fn one_source(delay: u16) -> Lowered {
    let mut net = fan_out(1, 1);
    net.populations.truncate(2);
    net.projections.truncate(2);
    net.outputs[0].population = 1;
    let to = 200;
    (net.populations[0].shape, net.populations[1].shape) = (vec![1], vec![to]);
    net.outputs[0].shape = vec![to];
    net.inputs[0].shape = vec![1];
    net.projections[0].synapses = Synapses {
        row_start: vec![0, 1],
        target: vec![0],
        weight: vec![1.0],
        ..Synapses::default()
    };
    net.projections[1].synapses = Synapses {
        row_start: vec![0, to],
        target: (0..to).collect(),
        weight: vec![1.0; to as usize],
        delay: vec![delay; to as usize],
        ..Synapses::default()
    };
    net
}

/// One source, and targets in more cores than a core has lanes: copies have no room, splitters have where spikes may be late.
#[test]
fn a_source_beyond_the_lanes_of_its_core() {
    let chip = small("truenorth", 12, 64);
    let net = one_source;
    let refused = map(&net(0), &chip)
        .map(|_| ())
        .expect_err("no room for copies");
    let text = refused[0].to_string();
    assert!(
        text.contains("neurons for its copies") && text.contains("splitters"),
        "{text}"
    );
    let done = map(&net(1), &chip).unwrap_or_else(|e| panic!("{}", e[0]));
    let crossbar = done.report.crossbar.as_ref().expect("a crossbar chip");
    // 17 cores of targets at least: two splitters of at most 12 lanes.
    assert_eq!((crossbar.splitters, crossbar.cores_with_copies), (1, None));
    assert!(
        crossbar.relays >= 17 && done.report.relays >= 2,
        "{crossbar:?}"
    );
    let mut r = Random(7);
    let samples = [sample(&mut r, 1, STEPS)];
    assert!(compare(&done, &chip, &samples, Timing::Cycle, "one source") > 200);
    assert!(as_without(&done, &net(1), &chip, &samples, "one source") > 200);
}

/// One source whose splitters have more destinations than they have lanes: they send to splitters, if there are ticks for it.
#[test]
fn splitters_feed_splitters() {
    let chip = small("truenorth", 5, 64);
    let net = one_source;
    // 40 cores of targets at least; 5 splitters of 5 lanes reach 25.
    let refused = map(&net(1), &chip).map(|_| ()).expect_err("25 reach");
    let text = refused[0].to_string();
    assert!(text.contains("at least 8 whatever the mapping"), "{text}");
    assert!(changed(&net(1), &chip, &text, "one source"), "{text}");
    let done = map(&net(2), &chip).unwrap_or_else(|e| panic!("{}", e[0]));
    let crossbar = done.report.crossbar.as_ref().expect("a crossbar chip");
    assert_eq!((crossbar.splitters, crossbar.levels), (1, 2));
    let mut r = Random(7);
    let samples = [sample(&mut r, 1, STEPS)];
    assert!(compare(&done, &chip, &samples, Timing::Cycle, "a tree") > 200);
    assert!(as_without(&done, &net(2), &chip, &samples, "a tree") > 200);
    engines::same("a tree", &done.image, &chip, &samples, done.image.io.drain);
}
