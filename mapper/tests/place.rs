//! Placement: never worse than any fixed order, within the chip, the same for a seed; published cluster networks.

use isa::ChipSpec;
use mapper::PLACERS;
use mapper::metrics::Metrics;
use mapper::own::{Own, PlaceProblem, Placer};
use mapper::study::{Study, StudyOptions, study};
use network::connectivity::Connectivity;
use proptest::prelude::*;

fn chip(set: &[(&str, u32)]) -> ChipSpec {
    let text = include_str!("../../specs/chips/mapping-study.toml");
    let set: Vec<(String, String)> = set
        .iter()
        .map(|(key, value)| ((*key).into(), value.to_string()))
        .collect();
    ChipSpec::parse(text, "mapping-study.toml", &set).expect("the chip file is right")
}

fn placed(net: &Connectivity, chip: &ChipSpec, placer: &str, seed: u64) -> Study {
    let options = StudyOptions {
        placer,
        seed,
        ..StudyOptions::default()
    };
    study(net, chip, &options).expect("it fits")
}

/// A random graph of clusters: a chain of layers, some far synapses, some clusters alone.
fn clusters(n: u32, fan: u32, far: u32, seed: u64) -> Connectivity {
    let mut state = seed | 1;
    let mut draw = |below: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 33) % u64::from(below.max(1))) as u32
    };
    let (mut start, mut targets, mut traffic) = (vec![0], Vec::new(), Vec::new());
    for u in 0..n {
        let mut row: Vec<u32> = (0..draw(fan + 1)).map(|i| (u + 1 + i) % n).collect();
        row.extend((0..draw(far + 1)).map(|_| draw(n)));
        row.sort_unstable();
        row.dedup();
        traffic.extend(row.iter().map(|_| f64::from(1 + draw(1000)) / 64.0));
        targets.extend(row);
        start.push(targets.len() as u64);
    }
    let net = Connectivity::new(start, targets).expect("rows are right");
    net.with_values(traffic).expect("one for each")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn never_worse_than_fixed_orders(n in 1u32..70, fan in 0u32..6, far in 0u32..4, width in 1u32..9, per_tile in 1u32..5, spare in 0u32..3, seed: u64) {
        let net = clusters(n, fan, far, seed);
        let height = n.div_ceil(width * per_tile) + spare;
        let chip = chip(&[("core.neurons", 1), ("mesh.width", width), ("mesh.height", height), ("mesh.cores_per_tile", per_tile)]);
        let best = placed(&net, &chip, "best", seed);
        for placer in PLACERS {
            let other = placed(&net, &chip, placer, seed);
            let mut distinct = other.assignment.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert!(distinct.len() == n as usize && distinct[n as usize - 1] < chip.cores(), "{placer}: {:?}", other.assignment);
            // Weights are whole numbers while placing: a cost may differ in its last bits.
            prop_assert!(best.metrics.hop_cost <= other.metrics.hop_cost * (1.0 + 1e-9), "{placer}");
            let annealed = best.placer.contains("annealing");
            prop_assert!(*placer == PLACERS[0] || !annealed || best.metrics.hop_cost < other.metrics.hop_cost, "{}", best.placer);
        }
        prop_assert_eq!(best.assignment, placed(&net, &chip, "best", seed).assignment);
    }
}

/// The cluster networks of Jin et al. 2023, 32 layers of 32 (`examples/cluster_nets.rs` says how they are drawn).
fn jin(dense: bool) -> Connectivity {
    const M: u64 = (1 << 31) - 1;
    let mut x = 1u64;
    let mut next = || {
        x = x * 48_271 % M;
        (x - 1) as f64
    };
    let (mut start, mut targets, mut traffic) = (vec![0], Vec::new(), Vec::new());
    for u in 0..1024u32 {
        if u / 32 < 30 {
            let first = if dense { 0 } else { u % 32 };
            for t in first..if dense { 32 } else { 32.min(first + 4) } {
                targets.push((u / 32 + 1) * 32 + t);
                let span = (M - 1) as f64;
                let low = next();
                traffic.push((low + next() * span) / (span * span));
            }
        }
        start.push(targets.len() as u64);
    }
    let net = Connectivity::new(start, targets).expect("rows are right");
    net.with_values(traffic).expect("one for each")
}

fn metrics(net: &Connectivity, placer: &str) -> Metrics {
    let chip = chip(&[("core.neurons", 1), ("mesh.width", 32), ("mesh.height", 32)]);
    placed(net, &chip, placer, 0).metrics
}

#[test]
fn the_name_says_what_led_to_the_places() {
    let chip = chip(&[("core.neurons", 1), ("mesh.width", 8), ("mesh.height", 8)]);
    let name = |n: u32| placed(&clusters(n, 4, 2, 1), &chip, "best", 0).placer;
    assert_eq!(name(1), "best (row-major)");
    assert!(name(60).contains(", then annealing"), "{}", name(60));
}

#[test]
fn cluster_networks_of_jin() {
    // Published: Hilbert 113,847 and 15,747.4; best 99,745 and 6,712. Layers on rows are 178,798 and 4,548.
    let close = |a: f64, b: f64| (a - b).abs() < 0.5;
    let dnn = jin(true);
    assert!(close(metrics(&dnn, "row-major").hop_cost, 178_798.2));
    assert!(close(metrics(&dnn, "hilbert").hop_cost, 113_847.0));
    assert!(metrics(&dnn, "best").hop_cost <= 95_400.0);
    let cnn = jin(false);
    let rows = metrics(&cnn, "row-major");
    assert!(close(rows.hop_cost, 4_548.4), "{}", rows.hop_cost);
    assert!(close(metrics(&cnn, "hilbert").hop_cost, 15_747.4));
    // Counted by another program from the same placement.
    assert!(close(rows.energy, 6_855.0) && close(rows.energy_jin_code, 5_188.5));
    assert!((rows.latency_mean - 3.4809).abs() < 1e-4);
    assert!((rows.latency_flow_mean - 2.4936).abs() < 1e-4);
    assert!((rows.congestion_mean - 2.293).abs() < 1e-3);
    assert!((rows.congestion_max - 5.013).abs() < 1e-3);
    assert!(metrics(&cnn, "best").hop_cost <= 4_548.0);
}

#[test]
fn busy_links_are_relieved_at_equal_hops() {
    // A ring of four on 2 by 2 tiles has 4 hops whichever way round; on a line it has 6.
    let net = Connectivity::new(vec![0, 1, 2, 3, 4], vec![1, 2, 3, 0]).unwrap();
    let chip = chip(&[("core.neurons", 1), ("mesh.width", 4), ("mesh.height", 4)]);
    let best = placed(&net, &chip, "best", 0).metrics;
    assert_eq!((best.hop_cost, best.xy_link_max), (4.0, 1.0));
    assert_eq!(placed(&net, &chip, "row-major", 0).metrics.hop_cost, 6.0);
}

/// A board whose chips have one core of one neuron in each tile, with a latency of its borders.
fn board(mesh: [(&str, &str); 3], border: &str) -> ChipSpec {
    let set = [
        ("core.neurons", "1"),
        ("mesh.cores_per_tile", "1"),
        ("noc.chip_hop", border),
        ("noc.chip_occupancy", "1 cycles"),
        ("energy.chip_crossing", "0 pJ"),
    ];
    let set = set.into_iter().chain(mesh);
    let set: Vec<(String, String)> = set.map(|(key, value)| (key.into(), value.into())).collect();
    let text = include_str!("../../specs/chips/mapping-study.toml");
    ChipSpec::parse(text, "mapping-study.toml", &set).expect("the chip file is right")
}

/// Six cores that all talk to each other, on two chips of one column of six tiles: where a hop to the other chip is a hop like any, 2 by 3
/// tiles have the fewest; where it is dear, one chip takes them all.
#[test]
fn what_talks_much_stays_on_one_chip() {
    let rows = (0..6).flat_map(|u| (0..6).filter(move |v| *v != u));
    let net = Connectivity::new((0..=6).map(|u| 5 * u).collect(), rows.collect()).unwrap();
    for (border, across, hops) in [("1 cycles", true, 50.0), ("1000 cycles", false, 70.0)] {
        let chip = board(
            [
                ("mesh.width", "1"),
                ("mesh.height", "6"),
                ("mesh.board", "[2, 1]"),
            ],
            border,
        );
        let at = placed(&net, &chip, "best", 0);
        let columns: Vec<u32> = at.assignment.iter().map(|core| core % 2).collect();
        let split = columns.iter().any(|x| *x != columns[0]);
        assert_eq!(split, across, "{border}: {:?}", at.assignment);
        assert_eq!(at.metrics.hop_cost, hops);
    }
}

/// Three groups of eight that talk among themselves, on three chips of 2 by 4 tiles side by side: halves are cut at a border, not through the middle chip.
#[test]
fn bisection_cuts_between_chips() {
    let rows = (0..24).flat_map(|u| (0..24).filter(move |v| v % 3 == u % 3 && *v != u));
    let net = Connectivity::new((0..=24).map(|u| 7 * u).collect(), rows.collect()).unwrap();
    let chip = board(
        [
            ("mesh.width", "2"),
            ("mesh.height", "4"),
            ("mesh.board", "[3, 1]"),
        ],
        "1000 cycles",
    );
    let at = placed(&net, &chip, "bisection", 0).assignment;
    let chip_of = |u: usize| at[u] % 6 / 2;
    assert!((3..24).all(|u| chip_of(u) == chip_of(u % 3)), "{at:?}");
}

/// Says what it is told.
struct Fixed(Result<Vec<u32>, String>);

impl Placer for Fixed {
    fn place(&self, problem: &PlaceProblem<'_>) -> Result<Vec<u32>, String> {
        assert_eq!((problem.cores(), problem.flows().len()), (3, 2));
        if let Ok(at) = &self.0
            && at.len() == 3
            && at.iter().all(|c| *c < 16)
        {
            assert_eq!(problem.cost(at), 2);
        }
        self.0.clone()
    }
}

#[test]
fn own_placers_are_checked() {
    let net = Connectivity::new(vec![0, 1, 2, 2], vec![1, 2]).unwrap();
    let chip = chip(&[("core.neurons", 1), ("mesh.width", 4), ("mesh.height", 4)]);
    let run = |answer: Result<Vec<u32>, String>| {
        let own = Own {
            placer: Some(("mine", &Fixed(answer))),
            ..Own::default()
        };
        let options = StudyOptions {
            own,
            ..StudyOptions::default()
        };
        study(&net, &chip, &options).map_err(|e| e.to_string())
    };
    let good = run(Ok(vec![5, 6, 7])).expect("it is right");
    assert_eq!(
        (good.assignment, good.placer.as_str()),
        (vec![5, 6, 7], "mine")
    );
    for (answer, says) in [
        (Err("no idea".to_owned()), "placer mine: no idea"),
        (
            Ok(vec![5, 6]),
            "placer mine: its answer has 2 entries; the partition has 3 cores, each of which needs a place",
        ),
        (
            Ok(vec![5, 6, 16]),
            "placer mine: core 2 is to be physical core 16; chip \"mapping-study\" has 0 to 15",
        ),
        (
            Ok(vec![5, 6, 5]),
            "placer mine: cores 0 and 2 are both to be physical core 5",
        ),
    ] {
        assert_eq!(run(answer).expect_err("it is wrong"), says);
    }
}
