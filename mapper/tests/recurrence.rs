//! The integer network against the real one: each model, reset, start and bias, on networks small enough for fine integers.

mod common;

use common::*;
use mapper::{Options, map};
use network::lowered::*;

/// Share of (neuron, step) in which integers and reals differ in spiking, and the largest difference of a membrane that never fires.
fn compare(net: &Lowered, steps: usize) -> (f64, f64) {
    // Weights and thresholds that are exact: what then differs is a wrong recurrence, not rounding.
    let chip = chip("loihi", |c| {
        (
            c.limits.weight_widths,
            c.limits.weight_scale,
            c.limits.threshold_bits,
        ) = (vec![8], 0, 23);
    });
    let mapped = map(net, &chip, &Options::default()).unwrap_or_else(|e| panic!("{}", e[0]));
    let mut r = Random(7);
    let inputs = net.inputs[0].shape[0];
    let input: Vec<Vec<u32>> = (0..steps)
        .map(|_| (0..inputs).filter(|_| r.below(4) == 0).collect())
        .collect();
    let (spikes, v) = simulate_integers(&mapped.quantized, &input, steps);
    let (real_spikes, real_v) = simulate_reals(net, &input, steps);
    let neurons: u32 = net.populations.iter().map(Population::len).sum();
    let mut total = 0;
    let mut different = 0;
    for (a, b) in spikes.iter().zip(&real_spikes) {
        let own: Vec<u32> = a.iter().copied().filter(|n| *n < neurons).collect();
        total += b.len();
        different += own.iter().filter(|n| !b.contains(n)).count()
            + b.iter().filter(|n| !own.contains(n)).count();
    }
    let mut largest = 0f64;
    for p in mapped.quantized.populations.iter().filter(|p| !p.fires) {
        for t in p.depth as usize..steps {
            for n in p.first..p.first + p.count {
                let model = v[t][n as usize] as f64 / p.scale + p.offset;
                largest = largest.max(
                    (model - real_v[t][n as usize]).abs() / (1.0 + real_v[t][n as usize].abs()),
                );
            }
        }
    }
    let firing = net.populations.iter().any(|p| {
        mapped
            .quantized
            .populations
            .iter()
            .any(|q| q.name == p.name && q.fires)
    });
    assert!(
        !firing || total > steps / 4,
        "the test network is silent: {total} spikes"
    );
    (different as f64 / total.max(1) as f64, largest)
}

fn weights(seed: u64) -> impl FnMut() -> f32 {
    let mut r = Random(seed);
    move || ((r.unit() as f32 - 0.3) * 51.0).round() / 64.0
}

fn two_layers(a: Model, b: Model, bias: bool) -> Lowered {
    let mut second = population("b", 12, 1, b);
    let mut first = population("a", 16, 0, a);
    if bias {
        let mut r = Random(3);
        first.bias = (0..16).map(|_| r.unit() as f32 * 0.2 - 0.02).collect();
        second.bias = (0..12).map(|_| r.unit() as f32 * 0.2 - 0.02).collect();
    }
    let projections = vec![
        dense(Source::Input(0), 20, 0, 16, weights(1)),
        dense(Source::Population(0), 16, 1, 12, weights(2)),
    ];
    net(&[20], vec![first, second], projections, &[1])
}

fn cuba(fire: Option<Fire>, old: bool, decay: Decay) -> Model {
    Model::Cuba {
        tau_syn: Param::One(4e-3),
        tau_mem: Param::One(8e-3),
        r: Param::One(8.0),
        v_leak: Param::One(0.0),
        w_in: Param::One(4.0),
        decay,
        old_current: old,
        alpha: false,
        fire,
        v_init: Param::One(0.0),
    }
}

#[test]
fn models_agree() {
    let subtract = || fire(1.0, Reset::Subtract);
    let hard = || fire(1.0, Reset::Hard);
    let leaky = |f: Option<Fire>| lif(16e-3, 16.0, f);
    let integrate = |f: Option<Fire>| Model::Leaky {
        tau: None,
        r: Param::One(1e3),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: f,
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    };
    let shifted = |reset: Reset, v_init: f64| {
        let mut f = fire(1.3, reset);
        f.v_reset = Param::One(0.1);
        f.refractory = Param::One(2.0);
        Model::Leaky {
            tau: Some(Param::One(12e-3)),
            r: Param::One(12.0),
            v_leak: Param::One(0.4),
            decay: Decay::Exp,
            fire: Some(f),
            v_init: Param::One(v_init),
            noise: None,
            filter: None,
        }
    };
    let late = || Fire {
        reset_delay: true,
        compare: Compare::Ge,
        ..fire(1.0, Reset::Subtract)
    };
    let filtered = |mut model: Model, alpha: bool| {
        match &mut model {
            Model::Leaky { filter, .. } => {
                *filter = Some(network::models::Filter {
                    tau: Param::One(5e-3),
                    alpha,
                });
            }
            Model::Cuba { alpha: both, .. } => *both = alpha,
            _ => {}
        }
        model
    };
    let cases: Vec<(&str, Lowered)> = vec![
        (
            "lif synapses",
            two_layers(
                filtered(leaky(Some(hard())), false),
                filtered(leaky(Some(subtract())), true),
                false,
            ),
        ),
        (
            "lif synapses bias",
            two_layers(
                filtered(shifted(Reset::Hard, 0.2), true),
                filtered(shifted(Reset::Hard, 0.0), true),
                true,
            ),
        ),
        (
            "if synapses",
            two_layers(
                filtered(integrate(Some(hard())), true),
                filtered(integrate(Some(subtract())), false),
                true,
            ),
        ),
        (
            "li alpha",
            two_layers(leaky(Some(hard())), filtered(leaky(None), true), true),
        ),
        (
            "li exponential",
            two_layers(
                leaky(Some(fire(2.5, Reset::Hard))),
                filtered(leaky(None), false),
                false,
            ),
        ),
        (
            "cuba alpha",
            two_layers(
                filtered(cuba(Some(hard()), false, Decay::Euler), true),
                filtered(cuba(Some(subtract()), true, Decay::Exp), true),
                true,
            ),
        ),
        (
            "cubali alpha old",
            two_layers(
                leaky(Some(hard())),
                filtered(cuba(None, true, Decay::Euler), true),
                true,
            ),
        ),
        (
            "lif hard",
            two_layers(leaky(Some(hard())), leaky(Some(hard())), false),
        ),
        (
            "lif subtract",
            two_layers(leaky(Some(subtract())), leaky(Some(subtract())), false),
        ),
        (
            "lif late",
            two_layers(leaky(Some(late())), leaky(Some(late())), false),
        ),
        (
            "if",
            two_layers(integrate(Some(hard())), integrate(Some(subtract())), false),
        ),
        (
            "lif bias",
            two_layers(leaky(Some(hard())), leaky(Some(hard())), true),
        ),
        (
            "lif leak",
            two_layers(
                shifted(Reset::Hard, 0.0),
                shifted(Reset::Subtract, 0.7),
                false,
            ),
        ),
        (
            "lif leak bias",
            two_layers(
                shifted(Reset::Subtract, 0.2),
                shifted(Reset::Hard, 0.0),
                true,
            ),
        ),
        (
            "cuba",
            two_layers(
                cuba(Some(hard()), false, Decay::Euler),
                cuba(Some(hard()), true, Decay::Exp),
                false,
            ),
        ),
        (
            "cuba bias",
            two_layers(
                cuba(Some(hard()), false, Decay::Euler),
                cuba(Some(subtract()), true, Decay::Exp),
                true,
            ),
        ),
        ("li", two_layers(leaky(Some(hard())), leaky(None), true)),
        (
            "cubali",
            two_layers(leaky(Some(hard())), cuba(None, false, Decay::Euler), true),
        ),
        (
            "cubali old",
            two_layers(leaky(Some(hard())), cuba(None, true, Decay::Euler), true),
        ),
        (
            "integrator",
            two_layers(leaky(Some(hard())), integrate(None), true),
        ),
        (
            "threshold",
            two_layers(
                Model::Threshold {
                    threshold: Param::One(0.5),
                    compare: Compare::Gt,
                },
                Model::Threshold {
                    threshold: Param::One(0.3),
                    compare: Compare::Ge,
                },
                true,
            ),
        ),
    ];
    let mut various = two_layers(leaky(Some(hard())), leaky(Some(hard())), false);
    let mut f = hard();
    f.threshold = Param::Each((0..16).map(|n| 0.75 + f64::from(n) / 16.0).collect());
    various.populations[0].model = leaky(Some(f));
    let factors = Param::Each(
        (0..12)
            .map(|n| if n % 2 == 0 { 8e-3 } else { 16e-3 })
            .collect(),
    );
    if let Model::Leaky { tau, r, .. } = &mut various.populations[1].model {
        (*tau, *r) = (
            Some(factors),
            Param::Each(
                (0..12)
                    .map(|n| if n % 2 == 0 { 8.0 } else { 16.0 })
                    .collect(),
            ),
        );
    }
    let cases = cases
        .into_iter()
        .chain([("sixteen thresholds, two time constants", various)]);
    for (name, net) in cases {
        let (spikes, membrane) = compare(&net, 60);
        println!(
            "{name}: {:.2} % of spikes differ, membranes by {membrane:.4}",
            spikes * 100.0
        );
        assert!(
            spikes <= 0.12,
            "{name}: {:.1} % of spikes differ",
            spikes * 100.0
        );
        assert!(membrane <= 0.08, "{name}: membranes differ by {membrane}");
    }
}

#[test]
fn whole_multiples_are_exact() {
    // Weights on a grid, factors that are whole in 1/4096: not a single spike may differ.
    let mut r = Random(5);
    let mut w = || [0.25f32, -0.25, 0.5, 0.75, 0.0][r.below(5) as usize];
    let integrate = |t: f64| Model::Leaky {
        tau: None,
        r: Param::One(1e3),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: Some(fire(t, Reset::Subtract)),
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    };
    let a = dense(Source::Input(0), 20, 0, 16, &mut w);
    let b = dense(Source::Population(0), 16, 1, 12, &mut w);
    let net = net(
        &[20],
        vec![
            population("a", 16, 0, integrate(1.0)),
            population("b", 12, 1, integrate(1.5)),
        ],
        vec![a, b],
        &[1],
    );
    assert_eq!(compare(&net, 100).0, 0.0);
}

#[test]
fn delays_beyond_the_chip_go_through_relays() {
    let mut w = weights(9);
    let integrate = || Model::Leaky {
        tau: None,
        r: Param::One(1e3),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: Some(fire(1.0, Reset::Subtract)),
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    };
    let rows: Vec<Vec<(u32, f32)>> = (0..20)
        .map(|_| (0..16).map(|t| (t, (w() * 8.0).round() / 8.0)).collect())
        .collect();
    let mut a = projection(Source::Input(0), 0, &rows);
    a.synapses.delay = (0..a.synapses.target.len())
        .map(|i| (i % 17) as u16)
        .collect();
    let rows: Vec<Vec<(u32, f32)>> = (0..16)
        .map(|_| (0..12).map(|t| (t, (w() * 8.0).round() / 8.0)).collect())
        .collect();
    let mut b = projection(Source::Population(0), 1, &rows);
    b.align = 7;
    let net = net(
        &[20],
        vec![
            population("a", 16, 0, integrate()),
            population("b", 12, 1, integrate()),
        ],
        vec![a, b],
        &[1],
    );
    let steps = 80;
    let mut r = Random(11);
    let input: Vec<Vec<u32>> = (0..steps)
        .map(|_| (0..20).filter(|_| r.below(5) == 0).collect())
        .collect();
    let chip = chip("loihi", |c| c.limits.delay = 3);
    let mapped = map(&net, &chip, &Options::default()).unwrap_or_else(|e| panic!("{}", e[0]));
    assert!(mapped.report.relays > 0);
    let (got, _) = simulate_integers(&mapped.quantized, &input, steps);
    let (expect, _) = simulate_reals(&net, &input, steps);
    for (t, (got, expect)) in got.iter().zip(&expect).enumerate() {
        let got: Vec<u32> = got.iter().copied().filter(|n| *n < 28).collect();
        assert_eq!(&got, expect, "step {t}");
    }
    assert!(expect.iter().map(Vec::len).sum::<usize>() > 100);
}

#[test]
fn noise_is_a_power_of_two_of_units() {
    let mut net = two_layers(
        lif(16e-3, 16.0, Some(fire(1.0, Reset::Hard))),
        lif(16e-3, 16.0, Some(fire(1.0, Reset::Hard))),
        false,
    );
    if let Model::Leaky { noise, .. } = &mut net.populations[1].model {
        *noise = Some(Noise { amplitude: 0.3 });
    }
    let mapped = map(
        &net,
        &chip("loihi", |_| {}),
        &Options {
            exact: true,
            ..Options::default()
        },
    )
    .unwrap_or_else(|e| panic!("{}", e[0]));
    let p = &mapped.quantized.populations[1];
    let mask = p.profiles[0]
        .iter()
        .find(|c| c.0 == "NOISE_MASK")
        .expect("has noise")
        .1;
    assert!(
        (f64::from(mask + 1) / p.scale - 0.3).abs() < 1e-9,
        "{mask} of {}",
        p.scale
    );
    assert!(p.options.contains(&("NOISE".into(), 1)) && p.options.contains(&("IDLE".into(), 0)));
}

#[test]
fn numbers_that_are_none_are_refused() {
    for bad in [f64::NAN, f64::INFINITY] {
        let good = || lif(16e-3, 16.0, Some(fire(1.0, Reset::Hard)));
        for which in 0..3 {
            let model = match which {
                0 => lif(16e-3, bad, Some(fire(1.0, Reset::Hard))),
                1 => lif(16e-3, 16.0, Some(fire(bad, Reset::Hard))),
                _ => good(),
            };
            let mut net = two_layers(model, good(), false);
            if which == 2 {
                net.projections[1].synapses.weight[3] = bad as f32;
            }
            assert!(map(&net, &chip("loihi", |_| {}), &Options::default()).is_err());
        }
    }
}
