//! Random networks of one to dozens of cores on `loihi` and `programmable`, as they are and with each limit of a core scarce: every image
//! keeps every limit, counted here from the image alone, and few cores are few or a core that cannot be emptied is shown.
//!
//! The sample runs with the tests; `cargo test --release -p mapper --test feasible -- --ignored --nocapture` runs all 500.

#![allow(clippy::print_stdout, reason = "what the sweep found")]

mod common;

use common::sized::{sized_chip, sized_net};
use isa::ChipSpec;
use isa::image::{CoreProgram, SynapseKind};
use mapper::{MapError, Mapped, Objective, Options, map};
use std::collections::{BTreeMap, BTreeSet};

/// Blockers of a mapping that are tried on every other core.
const TRIED: usize = 3;

/// Use of each limit of a core, from its program alone.
fn used(core: &CoreProgram, chip: &ChipSpec) -> [(&'static str, u64, u64); 9] {
    let l = &chip.limits;
    let (mut bits, mut segment) = (0u64, 0);
    let block_bits = |synapses: u64, each: u64| {
        let all = synapses * each + u64::from(l.synapse_block_header_bits);
        let word = u64::from(l.synapse_word_bits);
        all.div_ceil(word) * word
    };
    let stored = |format: &isa::image::SynapseFormat, count: u32| {
        let each = u64::from(format.weight_bits)
            + u64::from(format.delay_bits)
            + u64::from(format.index_bits);
        let (count, block) = (u64::from(count), u64::from(l.synapse_block));
        let whole = (0..count / block).map(|_| block_bits(block, each));
        let rest = Some(count % block).filter(|r| *r > 0);
        whole.sum::<u64>() + rest.map_or(0, |r| block_bits(r, each))
    };
    for axon in &core.axons {
        for _ in 0..axon.segments {
            let s = &core.segments[segment];
            let format = &core.formats[usize::from(s.format)];
            bits += match format.kind {
                SynapseKind::Shared => u64::from(l.shared_pointer_bits),
                _ => stored(format, s.count),
            };
            segment += 1;
        }
    }
    let patterns = core.patterns.iter();
    bits += patterns
        .map(|p| stored(&core.formats[usize::from(p.format)], p.count))
        .sum::<u64>();
    let constants = core.groups.iter().flat_map(|g| &g.constants);
    let thresholds: BTreeSet<i32> = constants.filter(|c| c.0 == "THETA").map(|c| c.1).collect();
    let programs = core.groups.iter().flat_map(|g| [&g.update, &g.on_spike]);
    let programs: BTreeSet<&Vec<u32>> = programs.collect();
    let formats = core.formats.len() as u64;
    let most = core.dest_counts.iter().max().map_or(0, |d| u64::from(*d));
    [
        ("neurons", core.lane_ids.len() as u64, l.neurons.into()),
        ("neuron groups", core.groups.len() as u64, l.groups.into()),
        (
            "threshold profiles",
            thresholds.len() as u64,
            l.threshold_profiles.into(),
        ),
        ("synapse formats", formats, l.synapse_formats.into()),
        ("input axons", core.axons.len() as u64, l.input_axons.into()),
        (
            "output slots",
            core.dests.len() as u64,
            l.output_slots.into(),
        ),
        ("bits of synapse memory", bits, l.synapse_bits),
        (
            "code words",
            programs.iter().map(|p| p.len() as u64).sum(),
            l.code_words.into(),
        ),
        (
            "destinations of one neuron",
            most,
            l.lane_destinations.into(),
        ),
    ]
}

/// Every limit of every core, and what the explanation says of them.
fn keeps_every_limit(mapped: &Mapped, chip: &ChipSpec, what: &str) {
    let image = &mapped.image;
    assert_eq!(isa::verify::structure(image), [], "{what}");
    assert_eq!(isa::verify::fits(image, chip), [], "{what}");
    assert_eq!(image.cores.len(), mapped.explanation.cores.len(), "{what}");
    for (core, said) in image.cores.iter().zip(&mapped.explanation.cores) {
        for ((limit, used, capacity), (name, said)) in used(core, chip).iter().zip(&said.uses) {
            assert!(
                used <= capacity,
                "{what} core {}: {used} {limit}",
                core.core.0
            );
            assert_eq!(limit, name, "{what}");
            assert_eq!(used, said, "{what} core {}: {limit}", core.core.0);
        }
    }
    let b = &mapped.explanation.lower_bound;
    assert!(
        b.cores_used >= b.cores,
        "{what}: {} under {}",
        b.cores_used,
        b.cores
    );
}

fn few(objective: &str) -> Options {
    Options {
        objective: Objective::of(objective).expect("of the list"),
        placer: "row-major".into(),
        ..Options::default()
    }
}

/// No core can be emptied: each has a neuron that none of the others takes, tried by giving it to each of them by hand. (Where kernels are shared: each that is listed.)
fn cannot_be_fewer(mapped: &Mapped, net: &network::lowered::Lowered, chip: &ChipSpec, what: &str) {
    let b = &mapped.explanation.lower_bound;
    let blocked: BTreeSet<u32> = b.blocked.iter().map(|b| b.core).collect();
    let cores: BTreeSet<u32> = mapped.assignment.iter().copied().collect();
    if chip.limits.shared_pointer_bits == 0 {
        assert!(
            b.reason.contains("emptied into the others"),
            "{what}: {}",
            b.reason
        );
        assert_eq!(blocked, cores, "{what}: {}", b.reason);
    } else {
        // Cores that only the memory of shared kernels keeps are not listed.
        assert!(blocked.is_subset(&cores), "{what}");
    }
    for blocker in b.blocked.iter().filter(|b| b.after == 0).take(TRIED) {
        let q = &mapped.quantized;
        let of = |p: &&mapper::quantized::Population| p.name == blocker.population;
        let population = q
            .populations
            .iter()
            .find(of)
            .expect("a name of the network");
        let neuron = (population.first + blocker.neuron) as usize;
        assert_eq!(mapped.assignment[neuron], blocker.core, "{what}");
        let mut by: BTreeMap<&str, u64> = BTreeMap::new();
        for other in cores.iter().filter(|c| **c != blocker.core) {
            let mut given = mapped.assignment.clone();
            given[neuron] = *other;
            let moved = Options {
                assignment: Some(given),
                ..few("cores")
            };
            let errors = map(net, chip, &moved)
                .map(|_| ())
                .expect_err("it fits there");
            let broken: Vec<&str> = errors
                .iter()
                .filter_map(|e| match e {
                    MapError::Core { limit, .. } => Some(*limit),
                    _ => None,
                })
                .collect();
            let named = blocker.by.iter().find(|b| broken.contains(&b.0));
            let named = named.unwrap_or_else(|| panic!("{what}: {:?} not {broken:?}", blocker.by));
            *by.entry(named.0).or_default() += 1;
        }
        assert_eq!(by.values().sum::<u64>(), cores.len() as u64 - 1, "{what}");
        assert_eq!(
            blocker.by.iter().map(|b| b.1).sum::<u64>(),
            cores.len() as u64 - 1,
            "{what}"
        );
    }
}

/// Maps the networks of some seeds, and prints how many are above their bound.
fn check(seeds: std::ops::Range<u64>) {
    let (mut mapped, mut refused, mut above, mut by_two, mut dozens) = (0, 0, 0, 0, 0);
    let mut full: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in seeds {
        let (net, chip) = (sized_net(seed), sized_chip(seed));
        let what = format!("seed {seed} on {}", chip.name);
        let found = match map(&net, &chip, &few("cores")) {
            Ok(found) => found,
            Err(errors) => {
                let named = |e: &MapError| {
                    matches!(
                        e,
                        MapError::Neuron { .. } | MapError::Cores { .. } | MapError::Limit { .. }
                    )
                };
                assert!(errors.iter().all(named), "{what}: {}", errors[0]);
                println!("{what}: {}", errors[0]);
                refused += 1;
                continue;
            }
        };
        mapped += 1;
        keeps_every_limit(&found, &chip, &what);
        let spread = map(&net, &chip, &few(mapper::OBJECTIVES[0]))
            .unwrap_or_else(|e| panic!("{what}: {}", e[0]));
        keeps_every_limit(&spread, &chip, &what);
        let b = &found.explanation.lower_bound;
        assert!(
            b.cores_used <= spread.explanation.lower_bound.cores_used,
            "{what}"
        );
        for r in found.explanation.resources.iter().filter(|r| r.full_in > 0) {
            *full.entry(r.limit).or_default() += 1;
        }
        dozens += u32::from(b.cores_used >= 12);
        if b.cores_used * 100 > b.cores * 103 {
            above += 1;
            by_two += u32::from(b.above > 1);
            println!(
                "{what}: {} cores, least {} by {}; {}",
                b.cores_used, b.cores, b.limit, b.reason
            );
            cannot_be_fewer(&found, &net, &chip, &what);
        }
    }
    println!(
        "{mapped} mapped, {refused} refused; {above} more than 3 % above the least number of cores, {by_two} by more than a core; {dozens} of 12 cores and more; full: {full:?}"
    );
    assert!(mapped >= 9 * refused && dozens > 0);
    for limit in [
        "neurons",
        "neuron groups",
        "threshold profiles",
        "input axons",
        "output slots",
    ] {
        assert!(
            full.contains_key(limit),
            "{limit} is full nowhere: {full:?}"
        );
    }
}

#[test]
fn a_sample_of_networks() {
    check(0..64);
}

#[test]
#[ignore = "half a minute: see the head of this file"]
fn five_hundred_networks() {
    check(0..500);
}
