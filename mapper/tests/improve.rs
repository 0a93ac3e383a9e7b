//! Multilevel partitioning of networks: fewer packets where order and growth find no structure, and never more than without it.

mod common;

use common::{Random, chip, fire, lif, net, population, projection, random_net};
use isa::ChipSpec;
use mapper::{Mapped, Objective, Options, map};
use network::lowered::{Lowered, Reset, Source};
use proptest::prelude::*;

const NAMES: [&str; 4] = ["best", "multilevel", "overlap", "sequential"];

/// A torus of neurons in shuffled order, each with 12 synapses to neurons near it.
fn torus(side: u64) -> Lowered {
    let mut r = Random(3);
    let n = side * side;
    let mut name: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        name.swap(i as usize, r.below(i + 1) as usize);
    }
    let mut rows = vec![Vec::new(); n as usize];
    for y in 0..side {
        for x in 0..side {
            let mut near = |at: u64| (at + side + r.below(3) + r.below(3) - 2) % side;
            let mut row: Vec<u32> = (0..12)
                .map(|_| name[(near(y) * side + near(x)) as usize])
                .collect();
            row.sort_unstable();
            row.dedup();
            rows[name[(y * side + x) as usize] as usize] =
                row.into_iter().map(|t| (t, 0.5)).collect();
        }
    }
    let neuron = lif(0.01, 1.0, Some(fire(1.0, Reset::Hard)));
    let populations = vec![population("torus", n as u32, 0, neuron)];
    let mut p = projection(Source::Population(0), 0, &rows);
    p.recurrent = true;
    net(&[], populations, vec![p], &[0])
}

fn with(
    net: &Lowered,
    chip: &ChipSpec,
    partitioner: &str,
    objective: Objective,
    threads: usize,
) -> Option<Mapped> {
    let options = Options {
        partitioner: partitioner.into(),
        objective,
        threads,
        ..Options::default()
    };
    map(net, chip, &options).ok()
}

#[test]
fn structure_is_found() {
    let net = torus(30);
    let chip = chip("loihi", |c| c.limits.neurons = 108);
    for objective in [Objective::Packets, Objective::Cores] {
        let [best, multilevel, overlap, sequential] = NAMES.map(|name| {
            with(&net, &chip, name, objective, 1)
                .expect("it fits")
                .report
        });
        assert_eq!(best.partitioner, "multilevel");
        assert_eq!(best.km1, multilevel.km1);
        let before = overlap.km1.min(sequential.km1);
        assert!(10 * best.km1 < 9 * before, "{} of {before}", best.km1);
        assert!(objective == Objective::Packets || best.cores_used <= overlap.cores_used);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// No mapping by one partitioner is better than the best of all, on chips whose destination lists are long enough.
    #[test]
    fn never_worse(seed in any::<u64>(), neurons in 3u32..64, axons in 60u32..200, bits in 8000u64..40_000, groups in 2u32..8, largest in 8u64..60) {
        let net = random_net(seed, largest);
        let chip = chip("loihi", |c| {
            let l = &mut c.limits;
            (l.neurons, l.input_axons, l.synapse_bits, l.groups) = (neurons, axons, bits, groups);
            (l.output_slots, l.lane_destinations) = (1 << 20, 1 << 20);
        });
        for objective in [Objective::Packets, Objective::Cores] {
            // As `mapper::objective` weighs packets.
            let value = |m: &Mapped| {
                let r = &m.report;
                let packets = 0.02 * r.km1 as f64 + 0.15 * r.packets_host_in as f64;
                if objective == Objective::Cores { (f64::from(r.cores_used), packets) } else { (packets, 0.0) }
            };
            let Some(best) = with(&net, &chip, "best", objective, 1) else {
                for name in NAMES {
                    prop_assert!(with(&net, &chip, name, objective, 1).is_none(), "{name} fits");
                }
                continue;
            };
            let two = with(&net, &chip, "best", objective, 2).expect("as on one thread");
            prop_assert_eq!(&two.assignment, &best.assignment);
            for name in NAMES {
                if let Some(one) = with(&net, &chip, name, objective, 1) {
                    let (best, one) = (value(&best), value(&one));
                    prop_assert!(best.0 < one.0 + 1e-9, "{name}: {best:?}, {one:?}");
                    prop_assert!(best.0 < one.0 - 1e-9 || best.1 < one.1 + 1e-9, "{name}: {best:?}, {one:?}");
                }
            }
        }
    }
}
