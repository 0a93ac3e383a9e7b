//! Random networks on `truenorth` and `ranc`: every image keeps every limit, counted here from the image alone; cores are few, or of each a
//! neuron is named that keeps it, which goes onto no other core, tried by giving it to each of them by hand; a refusal is proven or is counted.
//!
//! The sample runs with the tests; `cargo test --release -p mapper --test crossbar_feasible -- --ignored --nocapture` runs all 500.

#![allow(clippy::print_stdout, reason = "what the sweep found")]

#[path = "../../tests/it/crossbar/random.rs"]
mod random;

use isa::ChipSpec;
use isa::image::{CoreProgram, Segment};
use mapper::{MapError, Mapped, Objective, Options, map};
use network::lowered::Lowered;
use std::collections::BTreeSet;

const CHIPS: [&str; 2] = ["truenorth", "ranc"];
/// Blockers of a mapping that are tried on every other core.
const TRIED: usize = 3;
/// Networks of the sample.
const SAMPLE: u64 = 24;

/// Few cores, placed quickly.
fn few() -> Options {
    Options {
        objective: Objective::Cores,
        placer: "row-major".into(),
        ..Options::default()
    }
}

fn preset(name: &str) -> ChipSpec {
    ChipSpec::preset(name).expect("a preset").expect("valid")
}

/// Use of each limit of a core, from its program alone.
fn used(core: &CoreProgram, chip: &ChipSpec) -> Vec<(&'static str, u64, u64)> {
    let l = &chip.limits;
    let lanes = core.lane_ids.len() as u64;
    let most = core.dest_counts.iter().max().map_or(0, |d| u64::from(*d));
    let axons = core.axons.len() as u64;
    // A row of an axon has a bit for each lane of a group that it reaches.
    let row = |s: &Segment| u64::from(core.groups[usize::from(s.group)].lanes);
    let bits = core.segments.iter().map(row).sum();
    vec![
        ("neurons", lanes, l.neurons.into()),
        ("neuron groups", core.groups.len() as u64, l.groups.into()),
        ("input axons", axons, l.input_axons.into()),
        (
            "output slots",
            core.dests.len() as u64,
            l.output_slots.into(),
        ),
        (
            "destinations of one neuron",
            most,
            l.lane_destinations.into(),
        ),
        ("bits of synapse memory", bits, l.synapse_bits),
    ]
}

/// Every limit of every core, what the explanation says of them, and who sets which axon.
fn keeps_every_limit(mapped: &Mapped, chip: &ChipSpec, what: &str) {
    let image = &mapped.image;
    assert_eq!(isa::verify::structure(image), [], "{what}");
    assert_eq!(isa::verify::fits(image, chip), [], "{what}");
    assert_eq!(image.cores.len(), mapped.explanation.cores.len(), "{what}");
    // (core, axon) of every destination: no two senders share one, and all that there are have one.
    let mut set = BTreeSet::new();
    let cores = image.cores.iter().flat_map(|core| &core.dests);
    for d in cores.chain(&image.io.input_dests) {
        if d.target != isa::image::HOST {
            assert!(
                set.insert((d.target, d.axon)),
                "{what}: two senders of {d:?}"
            );
            assert!(u32::from(d.delay) <= chip.limits.delay, "{what}: {d:?}");
        }
    }
    for (core, said) in image.cores.iter().zip(&mapped.explanation.cores) {
        for (limit, used, capacity) in used(core, chip) {
            let at = format!("{what} core {}: {used} {limit}", core.core.0);
            assert!(used <= capacity, "{at}");
            let (_, said) = said
                .uses
                .iter()
                .find(|u| u.0 == limit)
                .unwrap_or_else(|| panic!("{at} is not explained: {:?}", said.uses));
            assert_eq!(used, *said, "{at}");
        }
        for axon in 0..core.axons.len() as u32 {
            assert!(set.remove(&(core.core.0, axon)), "{what}: nobody sends");
        }
    }
    assert!(set.is_empty(), "{what}: axons that are not there: {set:?}");
    let b = &mapped.explanation.lower_bound;
    assert_eq!(b.cores_used as usize, image.cores.len(), "{what}");
    assert!(
        b.cores_used >= b.cores,
        "{what}: {} under {}",
        b.cores_used,
        b.cores
    );
}

/// Every other core refuses the neurons that are named, by a limit that is named. Returns how many cores were tried, and how many refused one.
fn cannot_be_fewer(mapped: &Mapped, net: &Lowered, chip: &ChipSpec, what: &str) -> [usize; 2] {
    let b = &mapped.explanation.lower_bound;
    let cores: BTreeSet<u32> = mapped.assignment.iter().copied().collect();
    let (mut tried, mut refused) = (0, 0);
    for blocker in b.blocked.iter().filter(|b| b.after == 0).take(TRIED) {
        let q = &mapped.quantized;
        let population = q.populations.iter().find(|p| p.name == blocker.population);
        let neuron = population.expect("a name of the network").first + blocker.neuron;
        assert_eq!(mapped.assignment[neuron as usize], blocker.core, "{what}");
        let count: u64 = blocker.by.iter().map(|b| b.1).sum();
        assert_eq!(count, cores.len() as u64 - 1, "{what}");
        for other in cores.iter().filter(|c| **c != blocker.core) {
            // Copies follow their neurons; splitters stay where they are.
            let mut given = mapped.assignment[..q.neurons() as usize].to_vec();
            given[neuron as usize] = *other;
            let options = Options {
                assignment: Some(given),
                ..few()
            };
            tried += 1;
            let errors = match map(net, chip, &options) {
                Ok(moved) => {
                    // Only where other splitters are built for it.
                    let splitters = |m: &Mapped| m.report.crossbar.clone().map(|c| c.relays);
                    assert_ne!(
                        splitters(&moved),
                        splitters(mapped),
                        "{what}: it fits there"
                    );
                    assert!(blocker.by.iter().any(|b| b.0 != "input axons"), "{what}");
                    continue;
                }
                Err(errors) => errors,
            };
            let named = |e: &MapError| match e {
                MapError::Core { limit, .. } => blocker
                    .by
                    .iter()
                    .any(|b| limit.split(',').next() == Some(b.0)),
                // Other splitters would be needed.
                MapError::Assignment { .. } => true,
                _ => false,
            };
            assert!(
                errors.iter().any(named),
                "{what}: {:?}, {}",
                blocker.by,
                errors[0]
            );
            refused += 1;
        }
    }
    [tried, refused]
}

/// Whether a refusal holds for every mapping: a neuron with more lines than a core has axons, or more lanes than a core has whatever is done.
fn certain(errors: &[MapError], what: &str) -> bool {
    errors.iter().any(|e| match e {
        MapError::Neuron {
            limit,
            need,
            capacity,
            remedy,
            ..
        } => {
            assert!(need > capacity, "{what}: {e}");
            *limit == "input axons" || remedy.contains("whatever the mapping")
        }
        // Copies of neurons that draw random numbers depend on the mapping.
        MapError::Node { what, .. } => !what.contains("draws random numbers"),
        MapError::Cores {
            need,
            lower_bound,
            capacity,
            ..
        } => {
            assert!(need > capacity, "{what}: {e}");
            lower_bound > capacity
        }
        other => panic!("{what}: {other}"),
    })
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Found {
    mapped: u32,
    /// Of all of them together.
    cores: u64,
    /// More than 3 % above the lower bound.
    above: u32,
    /// Of these, with a blocker for every core.
    explained: u32,
    /// Cores that a blocker was given to by hand, and those that refused it.
    tried: usize,
    by_hand: usize,
    refused: u32,
    certain: u32,
}

fn sweep(seeds: std::ops::Range<u64>) -> Found {
    let mut found = Found::default();
    for seed in seeds {
        let chip = preset(CHIPS[seed as usize % 2]);
        let net = random::network(seed);
        let what = format!("seed {seed} on {}", chip.name);
        let mapped = match map(&net, &chip, &few()) {
            Ok(mapped) => mapped,
            Err(errors) => {
                let certain = certain(&errors, &what);
                let all = if certain { "certain" } else { "NOT PROVEN" };
                println!("{what}, {all}: {}", errors[0]);
                found.refused += 1;
                found.certain += u32::from(certain);
                continue;
            }
        };
        found.mapped += 1;
        keeps_every_limit(&mapped, &chip, &what);
        let b = &mapped.explanation.lower_bound;
        found.cores += b.cores_used;
        assert!(b.above > 0 || b.blocked.is_empty(), "{what}");
        if b.cores_used * 100 <= b.cores * 103 {
            continue;
        }
        found.above += 1;
        let blocked: BTreeSet<u32> = b.blocked.iter().map(|b| b.core).collect();
        let whole = blocked.len() as u64 == b.cores_used;
        if whole {
            let none = b.reason.contains("none of them can be emptied");
            assert!(none, "{what}: {}", b.reason);
            found.explained += 1;
        }
        println!(
            "{what}: {} cores, least {} by {}; {} of them cannot be emptied",
            b.cores_used,
            b.cores,
            b.limit,
            blocked.len()
        );
        let [tried, refused] = cannot_be_fewer(&mapped, &net, &chip, &what);
        found.tried += tried;
        found.by_hand += refused;
    }
    println!(
        "{} mapped onto {} cores, {} of them more than 3 % above the least number of cores, {} of these with a blocker for every core ({} of {} cores refused one given by hand); {} refused, {} of these whatever the mapping",
        found.mapped,
        found.cores,
        found.above,
        found.explained,
        found.by_hand,
        found.tried,
        found.refused,
        found.certain
    );
    found
}

/// What a sweep must not fall short of.
fn floor(found: Found, [mapped, above, unexplained, unproven]: [u32; 4], cores: u64) {
    assert!(found.mapped >= mapped, "{found:?}");
    assert!(found.cores <= cores, "{found:?}");
    assert!(found.above <= above, "{found:?}");
    assert!(found.explained + unexplained >= found.above, "{found:?}");
    assert!(found.certain + unproven >= found.refused, "{found:?}");
    // A few go where other splitters are built for them, or on cores that change with them.
    assert!(
        found.tried > 50 && found.by_hand * 10 >= found.tried * 9,
        "{found:?}"
    );
}

#[test]
fn a_sample_of_networks() {
    floor(sweep(0..SAMPLE), [23, 10, 0, 0], 146);
}

#[test]
#[ignore = "two minutes: see the head of this file"]
fn five_hundred_networks() {
    floor(sweep(0..500), [464, 136, 0, 3], 2056);
}
