//! Mapping studies: never worse than the fixed orders, within the limits, the same for a seed.

use isa::ChipSpec;
use mapper::study::{Study, StudyOptions, metrics, study};
use network::connectivity::Connectivity;
use proptest::prelude::*;

fn chip(neurons: u32) -> ChipSpec {
    let text = include_str!("../../specs/chips/mapping-study.toml");
    let set = [("core.neurons".to_owned(), neurons.to_string())];
    ChipSpec::parse(text, "mapping-study.toml", &set).expect("the chip file is right")
}

/// Layers with random blocks between them, plus random synapses: some twins, some structure, some noise.
fn network(layers: u32, width: u32, fan: u32, seed: u32) -> Connectivity {
    let n = layers * width;
    let (mut start, mut targets, mut x) = (vec![0], Vec::new(), seed | 1);
    for u in 0..n {
        let mut row: Vec<u32> = Vec::new();
        let (layer, block) = (u / width, (u % width) / fan);
        if layer + 1 < layers {
            row.extend((0..fan).map(|i| (layer + 1) * width + (block * fan + i) % width));
        }
        if seed.is_multiple_of(3) {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            row.push((x >> 8) % n);
        }
        row.sort_unstable();
        row.dedup();
        targets.extend(row);
        start.push(targets.len() as u64);
    }
    Connectivity::new(start, targets).expect("rows are right")
}

fn mapped(net: &Connectivity, chip: &ChipSpec, partitioner: &str, seed: u64) -> Study {
    let options = StudyOptions {
        partitioner,
        placer: "row-major",
        seed,
        ..StudyOptions::default()
    };
    study(net, chip, &options).expect("it fits")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    /// Self-loops and nets that lie within one cluster bring axons too; and no study is refused that fits in network order.
    #[test]
    fn axons_bind(n in 2u32..60, fan in 1u32..4, cap in 2u32..12, axons in 1u32..24, seed: u32) {
        let mut x = seed | 1;
        let (mut start, mut targets) = (vec![0], Vec::new());
        for u in 0..n {
            // Near ones, so that there is something to find.
            let mut row: Vec<u32> = (0..fan)
                .map(|_| {
                    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (u + (x >> 16) % 4) % n
                })
                .collect();
            row.sort_unstable();
            row.dedup();
            targets.extend(row);
            start.push(targets.len() as u64);
        }
        let net = Connectivity::new(start, targets).expect("rows are right");
        let text = include_str!("../../specs/chips/mapping-study.toml");
        let set = [("core.neurons", cap), ("core.input_axons", axons), ("mesh.width", 8), ("mesh.height", 8)];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_string()));
        let chip = ChipSpec::parse(text, "mapping-study.toml", &set).expect("the chip file is right");
        let with = |partitioner| {
            let options = StudyOptions { partitioner, placer: "row-major", ..StudyOptions::default() };
            study(&net, &chip, &options)
        };
        match (with("multilevel"), with("sequential")) {
            (Ok(found), _) => prop_assert!(found.metrics.axons_in_max <= u64::from(axons)),
            (Err(e), other) => prop_assert!(other.is_err(), "{}", e),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn never_worse_than_fixed_orders(layers in 1u32..6, width in 4u32..40, fan in 1u32..9, seed: u32, cap in 3u32..24) {
        let net = network(layers, width, fan.min(width), seed);
        let chip = chip(cap);
        let best = mapped(&net, &chip, "multilevel", 1);
        prop_assert!(best.metrics.neurons_max <= u64::from(cap));
        prop_assert!(best.metrics.cores_used <= (103 * net.neurons()).div_ceil(100 * cap));
        let in_order: Vec<u32> = (0..net.neurons()).map(|u| u / cap).collect();
        prop_assert!(best.metrics.km1 <= metrics(&net, &chip, &in_order).km1);
        let grown = mapped(&net, &chip, "overlap", 1);
        prop_assert!(best.metrics.km1 <= grown.metrics.km1);
        prop_assert_eq!(&best.assignment, &mapped(&net, &chip, "multilevel", 1).assignment);
    }
}

/// A network without a synapse has no pin to make fewer: coarsening must end nevertheless.
#[test]
fn nothing_to_make_fewer() {
    let bare = Connectivity::new(vec![0; 401], Vec::new()).unwrap();
    let own = Connectivity::new((0..=400).collect(), (0..400).collect()).unwrap();
    for net in [bare, own] {
        for cap in [1, 9, 17, 400] {
            let found = mapped(&net, &chip(cap), "multilevel", 0);
            assert_eq!(found.metrics.km1, 0);
            assert!(found.metrics.neurons_max <= u64::from(cap));
        }
    }
}

#[test]
fn two_cliques_come_apart() {
    // Even and odd neurons reach all of their own kind: network order would cut every net.
    let rows: Vec<Vec<u32>> = (0..16u32)
        .map(|u| (0..16).filter(|v| v % 2 == u % 2).collect())
        .collect();
    let start = (0..=16).map(|i| 8 * i).collect();
    let net = Connectivity::new(start, rows.concat()).unwrap();
    let found = mapped(&net, &chip(8), "multilevel", 0);
    assert_eq!((found.metrics.km1, found.metrics.cores_used), (0, 2));
    assert_eq!(mapped(&net, &chip(8), "sequential", 0).metrics.km1, 16);
}

#[test]
fn metrics_by_hand() {
    // 0 → 1, 2; 1 → 2, on three cores: (0,0), (2,0), (2,1).
    let net = Connectivity::new(vec![0, 2, 3, 3], vec![1, 2, 2]).unwrap();
    let m = metrics(&net, &chip(8), &[0, 2, 66]);
    assert_eq!(
        (m.km1, m.cut_synapses, m.hop_cost, m.cores_used),
        (3, 3, 6.0, 3)
    );
    assert_eq!((m.xy_link_max, m.multicast_hops), (2.0, Some(4.0)));
    // Hulls: the triangle (0,0), (2,0), (2,1) holds 4 tiles, the segment from (2,0) to (2,1) 2.
    assert!((m.connection_locality - 3.0).abs() < 1e-9);
    assert!((m.energy - (3.2 + 4.3 + 2.1)).abs() < 1e-9, "{}", m.energy);
    assert!((m.latency_max - 4.03).abs() < 1e-9, "{}", m.latency_max);
}

#[test]
fn bad_connectivity() {
    for (start, targets, part) in [
        (vec![1, 1], vec![], "begin with 0"),
        (vec![0, 2, 1], vec![0, 0], "falls from 2 to 1 at row 1"),
        (vec![0, 1], vec![0, 0], "ends at 1, and there are 2"),
        (vec![0, 1, 2], vec![0, 2], "row 1: column index 2"),
    ] {
        let what = Connectivity::new(start, targets).unwrap_err();
        assert!(what.contains(part), "{what}");
    }
}
