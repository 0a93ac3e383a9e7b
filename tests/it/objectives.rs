//! What the objectives are worth, measured as `examples/objectives` does: each wins its own column, and ranks are ranks.

#[path = "../../examples/objectives/measure.rs"]
#[expect(dead_code, reason = "what is only printed is not used here")]
pub(crate) mod measure;

use isa::ChipSpec;
use mapper::own::Own;
use mapper::{OBJECTIVES, Objective, Options, map, map_with};
use measure::{Case, Shuffled, errors, measure, rank_correlation};

use crate::benchmark_network::bench_net;
use crate::cli::{folder, root};

fn loihi() -> ChipSpec {
    ChipSpec::preset("loihi").unwrap().unwrap()
}

fn case(net: &std::path::Path, input: Option<(&str, usize)>) -> Case {
    let graph = network::load(net, &network::ImportOptions::default()).unwrap();
    let activity = graph.activity_on_noise();
    let mut net = graph.into_lowered().unwrap();
    net.assignment = None;
    let shapes: Vec<Vec<u32>> = net.inputs.iter().map(|i| i.shape.clone()).collect();
    let input = match input {
        Some((file, samples)) => {
            let file = root().join(file);
            let events = spikemesh::nets::read_input(&file, &shapes, net.dt_s).unwrap();
            Ok((events, samples))
        }
        None => Err(60),
    };
    Case {
        name: net.name.clone(),
        activity,
        net,
        input,
    }
}

/// Cores, packets, energy and time of a step: the objective of that name has the least of all.
fn each_wins(case: &Case) {
    let chip = loihi();
    let found: Vec<_> = OBJECTIVES
        .iter()
        .map(|name| {
            let options = Options {
                objective: Objective::of(name).unwrap(),
                assumed: case
                    .activity
                    .as_ref()
                    .map(|a| mapper::Rates::of(&case.net, a)),
                ..Options::default()
            };
            let mapped = map(&case.net, &chip, &options)
                .map_err(|e| errors(&e))
                .unwrap();
            (*name, measure(case, &mapped, &chip).unwrap())
        })
        .collect();
    for (name, own) in &found {
        for (other, m) in &found {
            assert_eq!(own.function, m.function, "mappings change costs only");
            assert!(
                own.column(name) <= m.column(name),
                "{}: {other} is better at {name}: {m:?} {own:?}",
                case.name
            );
        }
    }
}

#[test]
fn each_objective_wins_its_own_column_on_motion() {
    let net = root().join("examples/motion/motion.nir");
    each_wins(&case(&net, Some(("examples/motion/test.npz", 2))));
}

#[test]
fn each_objective_wins_its_own_column_on_small32() {
    let dir = folder("objectives_small32");
    bench_net::write_named("small32", &dir).unwrap().unwrap();
    each_wins(&case(&dir.join("small32.toml"), None));
}

#[test]
fn shuffled_partitions_keep_their_populations_and_cost_more_packets() {
    let net = root().join("examples/conv_digits/conv_digits.nir");
    let case = case(&net, Some(("examples/conv_digits/test.npz", 1)));
    let chip = loihi();
    let plain = map(&case.net, &chip, &Options::default())
        .map_err(|e| errors(&e))
        .unwrap();
    let shuffled = Shuffled {
        from: &plain.assignment,
        share: 128,
    };
    let own = Own {
        partitioner: Some(("shuffled", &shuffled)),
        placer: None,
    };
    let other = map_with(&case.net, &chip, &Options::default(), own)
        .map_err(|e| errors(&e))
        .unwrap();
    assert_eq!(other.report.cores_used, plain.report.cores_used);
    assert!(other.report.km1 > plain.report.km1);
}

#[test]
fn rank_correlations() {
    let up = [1.0, 2.0, 3.0, 9.0];
    assert_eq!(rank_correlation(&up, &[0.1, 0.2, 5.0, 5.5]), Some(1.0));
    assert_eq!(rank_correlation(&up, &[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
    assert_eq!(rank_correlation(&up, &[7.0; 4]), None);
    // Ranks 1, 2, 3, 4 and 1.5, 1.5, 3, 4: 4.5 / sqrt(5 · 4.5).
    let found = rank_correlation(&up, &[1.0, 1.0, 2.0, 3.0]).unwrap();
    assert!(
        (found - 4.5 / (5.0f64 * 4.5).sqrt()).abs() < 1e-12,
        "{found}"
    );
}
