//! Explanations: bounds hold for any assignment, use and flows add up to what the other reports count on their own.

mod common;

use common::{Random, chip, random_net};
use isa::ChipSpec;
use isa::chip::CoreLimits;
use mapper::explain::{Explanation, Traffic, of_image, of_study};
use mapper::study::{self, StudyOptions};
use mapper::{Mapped, Objective, Options, map};
use network::connectivity::Connectivity;
use proptest::prelude::*;

fn most(e: &Explanation, limit: &str) -> u64 {
    e.resources
        .iter()
        .find(|r| r.limit == limit)
        .expect("listed")
        .max
}

/// Every bound is at most what the cores have together, and at most their number.
fn bounds_hold(e: &Explanation) -> Result<(), String> {
    for r in &e.resources {
        let sum: u64 = e
            .cores
            .iter()
            .map(|c| {
                c.uses
                    .iter()
                    .find(|u| u.0 == r.limit)
                    .expect("same limits")
                    .1
            })
            .sum();
        let (total, cores) = (r.least_total.unwrap_or(0), r.least_cores.unwrap_or(0));
        if total > sum || cores > e.cores.len() as u64 {
            let many = e.cores.len();
            return Err(format!("{r:?}: {sum} in use, {many} cores"));
        }
        if r.histogram.iter().sum::<u32>() != e.cores.len() as u32 {
            return Err(format!("{r:?}"));
        }
    }
    let b = &e.lower_bound;
    let fullest: u32 = e.resources.iter().map(|r| r.fullest_in).sum();
    let sums = b.cores + b.above == b.cores_used && fullest as usize == e.cores.len();
    if sums {
        Ok(())
    } else {
        Err(format!("{b:?}, {fullest}"))
    }
}

/// Flows at unit rates, beside the counts of the mapper's report.
fn flows_add_up(t: &Traffic, mapped: &Mapped) {
    let r = &mapped.report;
    let packets = r.packets + r.packets_host_in + r.packets_host_out;
    assert_eq!(t.packets, packets as f64);
    assert_eq!(t.packet_hops, r.hop_cost as f64);
    let listed: f64 = t.cores.iter().map(|f| f.packet_hops).sum();
    if t.core_flows == t.cores.len() {
        assert_eq!(listed, t.packet_hops);
        let away: f64 = t.cores.iter().map(|f| f.packets).sum();
        assert_eq!(away, (packets - r.packets_local) as f64);
    }
    assert!(t.cores.is_sorted_by(|a, b| a.packet_hops >= b.packet_hops));
    assert!(
        t.populations
            .is_sorted_by(|a, b| a.packet_hops >= b.packet_hops)
    );
    assert!(t.estimated);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_assignment_beats_a_bound(seed: u64, cores in 1u64..9, crowded in 0u64..8, blocks in any::<bool>()) {
        let net = random_net(seed, 60);
        let roomy = chip("tiny", |c| {
            (c.mesh.width, c.mesh.height, c.mesh.cores_per_tile) = (4, 2, 2);
            c.host_ports.truncate(1);
            let l = &mut c.limits;
            l.index_widths = vec![0, 1, 2, 3, 4, 5, 6, 8, 12];
            l.synapse_block = if blocks { 8 } else { 0 };
            (l.neurons, l.input_axons, l.output_slots, l.synapse_bits) = (4096, 65536, 1 << 20, 1 << 30);
            (l.groups, l.synapse_formats, l.threshold_profiles) = (256, 256, 256);
        });
        // All on one core, to learn how many there are with relays.
        let many = map(&net, &roomy, &Options { objective: Objective::Cores, ..Options::default() }).expect("roomy").assignment.len();
        let mut r = Random(seed);
        // Some neurons crowd on one core, the others are spread: indices of different widths side by side.
        let assignment: Vec<u32> = (0..many).map(|_| if r.below(8) < crowded { 0 } else { r.below(cores) as u32 }).collect();
        let options = Options { assignment: Some(assignment), ..Options::default() };
        let mapped = map(&net, &roomy, &options).expect("roomy");
        // The smallest chip onto which this assignment fits.
        let e = &mapped.explanation;
        let small = CoreLimits {
            neurons: most(e, "neurons") as u32,
            groups: most(e, "neuron groups") as u32,
            synapse_formats: most(e, "synapse formats") as u32,
            input_axons: most(e, "input axons") as u32,
            output_slots: most(e, "output slots") as u32,
            synapse_bits: most(e, "bits of synapse memory"),
            code_words: most(e, "code words") as u32,
            ..roomy.limits.clone()
        };
        let tight = ChipSpec { limits: small, ..roomy };
        let mapped = map(&net, &tight, &options).expect("it has what it needs");
        let held = bounds_hold(&mapped.explanation);
        prop_assert!(held.is_ok(), "{:?}", held);
        for r in &mapped.explanation.resources {
            prop_assert!(r.limit == "threshold profiles" || r.limit == "destinations of one neuron" || r.max == r.capacity, "{r:?}");
        }
        flows_add_up(&of_image(&mapped.image, &tight, None), &mapped);
    }

    #[test]
    fn studies(seed: u64, neurons in 2u32..80, fan in 0u64..6, cap in 1u32..20) {
        let mut r = Random(seed);
        let (mut start, mut targets) = (vec![0], Vec::new());
        for _ in 0..neurons {
            let row: std::collections::BTreeSet<u32> = (0..r.below(fan + 1)).map(|_| r.below(neurons.into()) as u32).collect();
            targets.extend(row);
            start.push(targets.len() as u64);
        }
        let net = Connectivity::new(start, targets).expect("right");
        let text = include_str!("../../specs/chips/mapping-study.toml");
        let chip = ChipSpec::parse(text, "mapping-study.toml", &[("core.neurons".into(), cap.to_string())]).expect("right");
        let found = study::study(&net, &chip, &StudyOptions { placer: "hilbert", ..StudyOptions::default() }).expect("fits");
        let (e, t) = of_study(&net, &chip, &found.assignment, None);
        let held = bounds_hold(&e);
        prop_assert!(held.is_ok(), "{:?}", held);
        let m = &found.metrics;
        prop_assert_eq!(most(&e, "neurons"), m.neurons_max);
        prop_assert_eq!(most(&e, "input axons"), m.axons_in_max);
        prop_assert_eq!(most(&e, "output slots"), m.axons_out_max);
        prop_assert_eq!((t.core_flows as u64, t.packet_hops), (m.flows, m.hop_cost));
        prop_assert_eq!(t.cores.iter().map(|f| f.packets).sum::<f64>(), m.traffic);
    }
}

#[test]
fn the_bound_by_memory_knows_widths_and_blocks() {
    // 65 synapses of 18 bits on loihi: 64 in one block and 1 in another take 1216 + 64 bits, 63 and 2 take 1152 + 64.
    use common::*;
    use network::lowered::*;
    let loihi = chip("loihi", |c| c.limits.neurons = 1024);
    let rows = |n: u32| vec![(0..n).map(|t| (t * 15, 0.5 + t as f32 / 512.0)).collect()];
    let p = population("a", 1000, 0, lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard))));
    let net = net(
        &[1],
        vec![p],
        vec![projection(Source::Input(0), 0, &rows(65))],
        &[],
    );
    let options = Options {
        objective: Objective::Cores,
        ..Options::default()
    };
    let mapped = map(&net, &loihi, &options).expect("fits");
    let r = &mapped.explanation.resources[6];
    assert_eq!(r.limit, "bits of synapse memory");
    assert_eq!(r.max, 1280);
    // On cores of one neuron an index takes no bits: 65 × 8 + 2 × 10, in words of 64.
    assert_eq!((r.least_total, r.least_cores), (Some(576), Some(1)));
}

#[test]
fn measured_rates_weigh_flows() {
    use common::*;
    use network::lowered::*;
    let model = || lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard)));
    let p = |name: &str| population(name, 2, 0, model());
    let w = || 0.5f32;
    let net = net(
        &[2],
        vec![p("a"), p("b")],
        vec![
            dense(Source::Input(0), 2, 0, 2, w),
            dense(Source::Population(0), 2, 1, 2, w),
        ],
        &[1],
    );
    let loihi = chip("loihi", |_| {});
    // a on tile 0, b on tile 3: three hops; the host's port is at tile 0.
    let options = Options {
        assignment: Some(vec![0, 0, 12, 13]),
        rates: Some(mapper::Rates {
            neurons: vec![0.5, 0.25, 0.125, 0.0625],
            inputs: vec![1.0, 2.0],
        }),
        ..Options::default()
    };
    let mapped = map(&net, &loihi, &options).expect("fits");
    let rates = mapped.rates.as_deref().expect("they were given");
    let t = of_image(&mapped.image, &loihi, Some((rates, "run.json")));
    assert_eq!((t.rates.as_str(), t.estimated), ("run.json", false));
    let of: Vec<_> = t
        .populations
        .iter()
        .map(|f| (f.from.as_str(), f.to.as_str(), f.packets, f.packet_hops))
        .collect();
    // Each of a's neurons sends to both cores of b.
    assert_eq!(
        of,
        [
            ("a", "b", 1.5, 4.5),
            ("b", "host", 0.1875, 0.5625),
            ("in0", "a", 3.0, 0.0)
        ]
    );
    let first = &t.cores[0];
    assert_eq!(
        (first.from, first.to, first.hops, first.packets),
        (Some(0), Some(12), 3, 0.75)
    );
    assert_eq!(t.packet_hops, 5.0625);
}
