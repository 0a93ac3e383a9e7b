//! What does not map, and what the message says: the limit, the place, the numbers, the way out.

mod common;

use common::*;
use expect_test::{Expect, expect};
use isa::ChipSpec;
use mapper::{MapError, Options, map};
use network::lowered::*;

fn errors(net: &Lowered, chip: &ChipSpec, options: &Options) -> Vec<MapError> {
    map(net, chip, options)
        .map(|_| ())
        .expect_err("must be refused")
}

fn check(net: &Lowered, chip: &ChipSpec, options: &Options, expect: Expect) {
    let texts: Vec<String> = errors(net, chip, options)
        .iter()
        .map(ToString::to_string)
        .collect();
    expect.assert_eq(&texts.join("\n"));
}

fn small(model: Model) -> Lowered {
    let w = || 0.5f32;
    net(
        &[4],
        vec![population("a", 6, 0, model)],
        vec![dense(Source::Input(0), 4, 0, 6, w)],
        &[0],
    )
}

fn lif_net() -> Lowered {
    small(lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard))))
}

#[test]
fn chips() {
    let none = |_: &mut ChipSpec| {};
    check(
        &lif_net(),
        &chip("truenorth", none),
        &Options::default(),
        expect![[
            r#"chip "truenorth": it delivers axon bits to crossbars, which networks are not mapped to yet; choose a chip with accumulate delivery, or write the program in assembly"#
        ]],
    );
    let only_if = chip("loihi", |c| c.kernels = Some(vec!["if".into()]));
    check(
        &lif_net(),
        &only_if,
        &Options::default(),
        expect![[
            r#"node "a": its model needs kernel "lif"; chip "loihi" runs if; choose another chip or another neuron model"#
        ]],
    );
    let empty = net(&[1], vec![], vec![], &[]);
    check(
        &empty,
        &chip("loihi", none),
        &Options::default(),
        expect![[
            r#"chip "loihi": the network has no neurons to put onto it; give a network with neurons"#
        ]],
    );
}

#[test]
fn models() {
    let loihi = chip("loihi", |_| {});
    let run = |net: &Lowered, expect: Expect| check(net, &loihi, &Options::default(), expect);
    run(
        &small(lif(0.5e-3, 1.0, Some(fire(1.0, Reset::Hard)))),
        expect![[
            r#"node "a": tau is shorter than the step of 0.001 s (factor -1 per step); change dt or the time constant (or --import decay=exp)"#
        ]],
    );
    let long = Fire {
        refractory: Param::One(200.0),
        ..fire(1.0, Reset::Hard)
    };
    run(
        &small(lif(5e-3, 1.0, Some(long))),
        expect![[
            r#"node "a": its refractory period is 200 steps; the counter holds 0 to 127; use a larger time step or a shorter refractory period"#
        ]],
    );
    let kernel = |name: &str, values: &[(&str, i64)]| {
        let values = values
            .iter()
            .map(|(n, v)| (n.to_string(), IntParam::One(*v)))
            .collect();
        let mut net = small(Model::Kernel {
            name: name.into(),
            options: Vec::new(),
            values,
        });
        net.projections[0].unit = WeightUnit::Effective;
        net.projections[0].synapses.weight.fill(64.0);
        net
    };
    run(
        &kernel("truenorth", &[]),
        expect![[
            r#"node "a": kernel "truenorth" needs crossbar cores; write the program in assembly: crossbars are not mapped yet"#
        ]],
    );
    run(
        &kernel("if", &[("TETA", 1)]),
        expect![[
            r#"node "a": kernel "if" has no constant or slot "TETA"; with these options it has THETA, RESET_V, v"#
        ]],
    );
    run(
        &kernel("if", &[("v", 1 << 30)]),
        expect![[
            r#"node "a": v = 1073741824 does not fit 24 bits; use a value within the register"#
        ]],
    );
    let mut analog = lif_net();
    analog.populations[0].model = lif(5e-3, 1.0, None);
    analog.populations.push(population(
        "b",
        6,
        1,
        lif(5e-3, 1.0, Some(fire(1.0, Reset::Hard))),
    ));
    analog
        .projections
        .push(dense(Source::Population(0), 6, 1, 6, || 1.0));
    run(
        &analog,
        expect![[
            r#"node "Population(0)>1": it carries the analog value of a population that does not fire, and packets carry spikes; let the population fire, or make it an output"#
        ]],
    );
}

#[test]
fn chip_units() {
    let loihi = chip("loihi", |_| {});
    let run = |unit: WeightUnit, weights: &[f32], expect: Expect| {
        let mut net = lif_net();
        net.projections[0].unit = unit;
        net.projections[0].synapses.weight.fill(0.0);
        net.projections[0].synapses.weight[..weights.len()].copy_from_slice(weights);
        check(&net, &loihi, &Options::default(), expect);
    };
    run(
        WeightUnit::Effective,
        &[64.0, 65.0],
        expect![[
            r#"projection "Input(0)>0": weight 65 of synapse 0 -> 1 is not a multiple of 64, which the largest weight of the projection (65) asks for (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Effective,
        &[64.5],
        expect![[
            r#"projection "Input(0)>0": weight 64.5 of synapse 0 -> 0 is not a whole number of chip units (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Effective,
        &[-64.0, 1e9],
        expect![[
            r#"projection "Input(0)>0": weight 1000000000 of synapse 0 -> 1 is too large (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Effective,
        &[64.0, -16384.0],
        expect![[
            r#"projection "Input(0)>0": weight 64 of synapse 0 -> 0 is not a multiple of 128, which the largest weight of the projection (-16384) asks for (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Mantissa { exponent: 2 },
        &[1.0, -129.0],
        expect![[
            r#"projection "Input(0)>0": weight -129 of synapse 0 -> 1 is no mantissa in -128..=127 (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Mantissa { exponent: 12 },
        &[1.0],
        expect![[
            r#"projection "Input(0)>0": weight 1 of synapse 0 -> 0 has exponent 12 (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); change the weight or use unit = "model""#
        ]],
    );
}

#[test]
fn limits() {
    let run = |change: fn(&mut ChipSpec), options: &Options, expect: Expect| {
        check(&lif_net(), &chip("loihi", change), options, expect)
    };
    let default = Options::default();
    run(
        |c| {
            (
                c.mesh.width,
                c.mesh.height,
                c.mesh.cores_per_tile,
                c.limits.neurons,
            ) = (1, 1, 2, 2)
        },
        &default,
        expect![[
            r#"the network needs 3 cores (at least 3 by neurons, most of it population "a"); chip "loihi" has 2; no mapping fits: use a chip with more cores, or reduce what takes neurons"#
        ]],
    );
    run(
        |c| c.limits.input_axons = 3,
        &default,
        expect![[
            r#"neuron 0 of population "a" needs 4 input axons; a core of chip "loihi" has 3; reduce its fan-in, prune synapses, or split it into partial sums"#
        ]],
    );
    run(
        |c| c.limits.synapse_bits = 200,
        &default,
        expect![[
            r#"neuron 0 of population "a" needs 256 bits of synapse memory; a core of chip "loihi" has 200; reduce its fan-in, prune synapses, or split it into partial sums"#
        ]],
    );
    let code = errors(
        &lif_net(),
        &chip("loihi", |c| c.limits.code_words = 5),
        &default,
    );
    assert!(
        matches!(
            code[..],
            [MapError::Neuron {
                limit: "code words",
                capacity: 5,
                ..
            }]
        ),
        "{code:?}"
    );
    let assigned = |cores: &[u32]| Options {
        assignment: Some(cores.to_vec()),
        ..Options::default()
    };
    run(
        |_| {},
        &assigned(&[0, 1, 2]),
        expect![[
            r#"assignment: it has 3 entries; it holds one core (tile × cores per tile + index) for each of the 6 neurons in network order"#
        ]],
    );
    run(
        |_| {},
        &assigned(&[0, 1, 2, 3, 4, 128]),
        expect![[
            r#"assignment: neuron 5 is on core 128; chip "loihi" has cores 0 to 127; it holds one core (tile × cores per tile + index) for each of the 6 neurons in network order"#
        ]],
    );
    run(
        |c| (c.limits.neurons, c.limits.output_slots) = (2, 1),
        &assigned(&[7, 7, 7, 9, 9, 8]),
        expect![[r#"
        core 7 needs 3 neurons; chip "loihi" has 2 per core (a); move neurons to another core
        core 7 needs 3 output slots; chip "loihi" has 1 per core (a); bring the targets of a neuron onto fewer cores
        core 9 needs 2 output slots; chip "loihi" has 1 per core (a); bring the targets of a neuron onto fewer cores"#]],
    );
    run(
        |_| {},
        &Options {
            partitioner: "metis".into(),
            ..Options::default()
        },
        expect![[r#"no partitioner is called "metis"; there are: overlap, sequential"#]],
    );
    run(
        |_| {},
        &Options {
            placer: "spectral".into(),
            ..Options::default()
        },
        expect![[
            r#"no placer is called "spectral"; there are: best, row-major, hilbert, topological-rows"#
        ]],
    );
}

#[test]
fn approximations_are_refused_when_exact() {
    let mut net = lif_net();
    net.populations[0].depth = 500;
    net.populations[0].bias = vec![0.1; 6];
    let loihi = chip("loihi", |_| {});
    let mapped = map(&net, &loihi, &Options::default()).expect("approximated");
    assert_eq!(mapped.approximations.len(), 1);
    check(
        &net,
        &loihi,
        &Options {
            exact: true,
            ..Options::default()
        },
        expect![[
            r#"population "a": its constant input starts 500 steps before the layer's first input can arrive; leave out --exact to accept it"#
        ]],
    );
}

#[test]
fn an_assignment_is_obeyed() {
    let cores = vec![5, 5, 127, 0, 5, 63];
    let mapped = map(
        &lif_net(),
        &chip("loihi", |_| {}),
        &Options {
            assignment: Some(cores.clone()),
            ..Options::default()
        },
    )
    .expect("fits");
    for core in &mapped.image.cores {
        let expect: Vec<u32> = (0..6)
            .filter(|n| cores[*n as usize] == core.core.0)
            .collect();
        assert_eq!(
            core.lane_ids.iter().map(|n| n.0).collect::<Vec<_>>(),
            expect
        );
    }
    assert_eq!(mapped.assignment, cores);
}
