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
    let only_if = chip("loihi", |c| c.kernels = Some(vec!["if".into()]));
    check(
        &lif_net(),
        &only_if,
        &Options::default(),
        expect![[
            r#"node "a": its model needs kernel "lif"; chip "loihi" runs if; choose another chip (loihi, loihi-fit, loihi-vc, programmable, tiny) or another neuron model"#
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
            r#"node "a": tau is shorter than the step of 0.001 s (factor -1 per step); change dt or the time constant, or decay to exp (of a .toml: decay = "exp" in the file; of NIR: --import decay=exp)"#
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
            params: Vec::new(),
        });
        net.projections[0].unit = WeightUnit::Effective;
        net.projections[0].synapses.weight.fill(64.0);
        net
    };
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
    let mut texts = Vec::new();
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
            r#"projection "Input(0)>0": weight 65 of synapse 0 -> 1 is not a multiple of 64, which the largest weight of the projection (65) asks for (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 64, or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Effective,
        &[64.5],
        expect![[
            r#"projection "Input(0)>0": weight 64.5 of synapse 0 -> 0 is not a whole number of chip units (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 64, or use unit = "model""#
        ]],
    );
    for (unit, weight) in [
        (WeightUnit::Effective, 3e38),
        (WeightUnit::Effective, 0.1),
        (WeightUnit::Effective, 0.999_999_94),
        (WeightUnit::Mantissa { exponent: 0 }, 1e30),
        (WeightUnit::Mantissa { exponent: 0 }, 0.3),
    ] {
        let mut net = lif_net();
        net.projections[0].unit = unit;
        net.projections[0].synapses.weight.fill(weight);
        texts.extend(errors(&net, &loihi, &Options::default()));
    }
    let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
    expect![[r#"
        projection "Input(0)>0": weight 3e38 of synapse 0 -> 0 is too large (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 4177920, or use unit = "model"
        projection "Input(0)>0": weight 0.1 of synapse 0 -> 0 is not a whole number of chip units (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 0, or use unit = "model"
        projection "Input(0)>0": weight 0.99999994 of synapse 0 -> 0 is not a whole number of chip units (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 0, or use unit = "model"
        projection "Input(0)>0": weight 1e30 of synapse 0 -> 0 is no mantissa in 0..=255 (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 255, or use unit = "model"
        projection "Input(0)>0": weight 0.3 of synapse 0 -> 0 is not a whole number (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 0, or use unit = "model""#]].assert_eq(&texts.join("\n"));
    run(
        WeightUnit::Effective,
        &[-64.0, 1e9],
        expect![[
            r#"projection "Input(0)>0": weight 1000000000 of synapse 0 -> 1 is too large (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 2080768, or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Effective,
        &[64.0, -16384.0],
        expect![[
            r#"projection "Input(0)>0": weight 64 of synapse 0 -> 0 is not a multiple of 128, which the largest weight of the projection (-16384) asks for (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is 128, or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Mantissa { exponent: 2 },
        &[1.0, -129.0],
        expect![[
            r#"projection "Input(0)>0": weight -129 of synapse 0 -> 1 is no mantissa in -128..=127 (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is -128, or use unit = "model""#
        ]],
    );
    run(
        WeightUnit::Mantissa { exponent: 12 },
        &[1.0],
        expect![[
            r#"projection "Input(0)>0": weight 1 of synapse 0 -> 0 has exponent 12 (chip weights are mantissa << exponent << 6, 8 bits, exponent 0..=8); the nearest that fits is exponent = 8, or use unit = "model""#
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
            r#"the network needs 3 cores (at least 3 by neurons, most of it population "a"); chip "loihi" has 2; no mapping fits; the smallest change: 1 more core: --set mesh.cores_per_tile=3, or 2 neurons fewer at least"#
        ]],
    );
    run(
        |c| c.limits.input_axons = 3,
        &default,
        expect![[
            r#"neuron 0 of population "a" needs 4 input axons; a core of chip "loihi" has 3 (core.input_axons); the smallest change: --set core.input_axons=4, or at most 3 sources for a neuron; --relay cannot help: packets of chip "loihi" carry no payload (core.graded), and a partial sum is a number"#
        ]],
    );
    run(
        |c| c.limits.synapse_bits = 200,
        &default,
        expect![[
            r#"neuron 0 of population "a" needs 256 bits of synapse memory; a core of chip "loihi" has 200 (core.synapse_bits); the smallest change: --set core.synapse_bits=256, or at most 3 synapses for this neuron; --relay cannot help: packets of chip "loihi" carry no payload (core.graded), and a partial sum is a number"#
        ]],
    );
    run(
        |c| c.limits.code_words = 5,
        &default,
        expect![[
            r#"population "a" needs 15 code words for kernel "lif"; chip "loihi" has 5 (core.code_words); the smallest change: --set core.code_words=15, or a shorter kernel (update 12, on_spike 3) or fewer options"#
        ]],
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
            core 7 needs 3 neurons; chip "loihi" has 2 per core (core.neurons; population "a"); the smallest change: --set core.neurons=3, or move neurons to another core
            core 7 needs 3 output slots; chip "loihi" has 1 per core (core.output_slots; population "a"); the smallest change: --set core.output_slots=3, or bring the targets of a neuron onto fewer cores (2 cores have too many; this one the most)"#]],
    );
    run(
        |_| {},
        &Options {
            partitioner: "metis".into(),
            ..Options::default()
        },
        expect![[
            r#"no partitioner is called "metis"; there are: best, multilevel, overlap, sequential, packed"#
        ]],
    );
    run(
        |_| {},
        &Options {
            placer: "random".into(),
            ..Options::default()
        },
        expect![[
            r#"no placer is called "random"; there are: best, row-major, topological, layer-rows, hilbert, spectral, bisection"#
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

#[test]
fn readouts_of_spikes_need_spikes() {
    let loihi = chip("loihi", |_| {});
    let mut net = small(lif(5e-3, 1.0, None));
    for (readout, expect) in [
        (
            ReadoutKind::Count,
            expect![[
                r#"node "out0": its readout "count" is about spikes, and population "a" does not fire; use readout "last" or "max", or neurons that fire"#
            ]],
        ),
        (
            ReadoutKind::First,
            expect![[
                r#"node "out0": its readout "first" is about spikes, and population "a" does not fire; use readout "last" or "max", or neurons that fire"#
            ]],
        ),
    ] {
        net.outputs[0].readout = Some(readout);
        check(&net, &loihi, &Options::default(), expect);
    }
    for readout in [ReadoutKind::Last, ReadoutKind::Max] {
        net.outputs[0].readout = Some(readout);
        map(&net, &loihi, &Options::default()).expect("an integrator has values");
    }
}

#[test]
fn names_and_shapes() {
    let run = |change: fn(&mut Lowered), expect: Expect| {
        let mut net = lif_net();
        change(&mut net);
        check(&net, &chip("loihi", |_| {}), &Options::default(), expect);
    };
    run(
        |n| {
            n.name = "a\nb".into();
            n.populations[0].name = "a\u{7}".into();
            n.inputs[0].name = "i".repeat(1025);
            n.outputs[0].name = String::new();
        },
        expect![[r#"
            node "a\nb": the network's name has control characters; give the network another name (key `name`, or the file's)
            node "a\u{7}": the name of this population has control characters; give it a name of 1 to 1024 bytes without control characters
            node "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii…": the name of this input has 1025 bytes; give it a name of 1 to 1024 bytes without control characters
            node "": the name of this output is empty; give it a name of 1 to 1024 bytes without control characters"#]],
    );
    run(
        |n| {
            n.outputs.push(n.outputs[0].clone());
            n.inputs.push(n.inputs[0].clone());
            let twin = population("a", 1, 0, lif(10e-3, 1.0, None));
            n.populations.push(twin);
        },
        expect![[r#"
            node "a": another population has the same name; give each its own name
            node "in0": another input has the same name; give each its own name
            node "out0": another output has the same name; give each its own name"#]],
    );
    run(
        |n| {
            n.populations[0].shape = [vec![6], vec![1; 16]].concat();
            n.inputs[0].shape = [vec![4], vec![1; 16]].concat();
            n.outputs[0].shape = [vec![6], vec![1; 16]].concat();
            let none = population("none", 0, 0, lif(10e-3, 1.0, None));
            n.populations.push(none);
        },
        expect![[r#"
            node "a": the shape of this population has 17 dimensions; at most 16 are possible; flatten it
            node "none": this population has no elements; leave it out
            node "in0": the shape of this input has 17 dimensions; at most 16 are possible; flatten it
            node "out0": the shape of this output has 17 dimensions; at most 16 are possible; flatten it"#]],
    );
    run(
        |n| {
            for i in 0..8 {
                n.inputs.push(Input {
                    name: format!("large{i}"),
                    shape: vec![1 << 28],
                    graded: false,
                });
            }
        },
        expect![[
            r#"node "large7": with this input there are 2147483652 elements or more; ids have 31 bits; split the network"#
        ]],
    );
    // As long as may be, and another kind may have the same name.
    let mut net = lif_net();
    let name = "n".repeat(1024);
    net.populations[0].name.clone_from(&name);
    net.inputs[0].name.clone_from(&name);
    net.outputs[0].name = name;
    map(&net, &chip("loihi", |_| {}), &Options::default()).expect("fits an image");
}

#[test]
fn relays_of_one_path_have_names_of_their_own() {
    let mut net = lif_net();
    net.projections.push(net.projections[0].clone());
    net.populations[0].name = "relay:d".into();
    for p in &mut net.projections {
        p.path = "d".into();
        p.align = 150;
    }
    let name = |net: &Lowered| {
        let mapped = map(net, &chip("loihi", |_| {}), &Options::default()).expect("maps");
        let populations = mapped.image.populations.into_iter().map(|p| p.name);
        populations.collect::<Vec<_>>()
    };
    let names = name(&net);
    expect!["relay:d, relay:d (2), relay:d#2, relay:d (3), relay:d#2 (2)"]
        .assert_eq(&names.join(", "));
    net.projections[0].path = "é".repeat(2000);
    assert!(name(&net).iter().all(|n| n.len() <= 1024));
}

#[test]
fn numbers_beyond_all_registers() {
    let loihi = chip("loihi", |_| {});
    let run = |net: &Lowered, expect: Expect| check(net, &loihi, &Options::default(), expect);
    let firing = || Some(fire(1.0, Reset::Hard));
    run(
        &small(lif(10e-3, 1e160, firing())),
        expect![[
            r#"node "a": its state under its inputs and its bias is beyond the range of floating-point numbers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    run(
        &small(lif(10e-3, f64::MAX, firing())),
        expect![[
            r#"node "a": its state under its inputs and its bias is beyond the range of floating-point numbers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    let mut biased = small(lif(10e-3, 1e270, firing()));
    biased.populations[0].bias = vec![3e38; 6];
    run(
        &biased,
        expect![[
            r#"node "a": its state under its inputs and its bias is beyond the range of floating-point numbers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    biased.projections.clear();
    run(
        &biased,
        expect![[
            r#"node "a": its state under its inputs and its bias is beyond the range of floating-point numbers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    let mut slow = small(Model::Leaky {
        tau: None,
        r: Param::One(1.0),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: firing(),
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    });
    slow.dt_s = 1e300;
    run(
        &slow,
        expect![[
            r#"node "a": its state under its inputs and its bias is beyond the range of floating-point numbers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    slow.dt_s = 1e-3;
    slow.projections[0].synapses.weight.fill(f32::MAX);
    if let Model::Leaky { r, .. } = &mut slow.populations[0].model {
        *r = Param::One(1e300);
    }
    run(
        &slow,
        expect![[
            r#"node "a": a weight on its way in, times the gain of the neuron, is not a finite number; give finite weights and a smaller gain (r, w_in, dt)"#
        ]],
    );
    let tiny = fire(1e-310, Reset::Hard);
    let mut tiny = small(lif(10e-3, 1.0, Some(tiny)));
    tiny.projections.clear();
    run(
        &tiny,
        expect![[
            r#"node "a": no scale brings its threshold, its inputs and its initial state into the chip's registers; change dt, r, the bias or the weights: their product is far from what a neuron needs"#
        ]],
    );
    let large = fire(1e300, Reset::Hard);
    let mut large = small(lif(10e-3, 1.0, Some(large)));
    large.projections[0].unit = WeightUnit::Effective;
    large.projections[0].synapses.weight.fill(64.0);
    run(
        &large,
        expect![[
            r#"node "a": its threshold is 1e300 in chip units; the chip's largest is 8388544; scale threshold and weights down"#
        ]],
    );
}

#[test]
fn negative_thresholds() {
    let loihi = chip("loihi", |_| {});
    let run = |net: &Lowered, expect: Expect| check(net, &loihi, &Options::default(), expect);
    run(
        &small(lif(10e-3, 1.0, Some(fire(-0.5, Reset::Hard)))),
        expect![[
            r#"node "a": its threshold is 0.5 below 0 (-163840 in chip units); the chip has thresholds of 0 and more; raise the threshold, and v_reset with it; a bias lets a neuron fire by itself"#
        ]],
    );
    let mut leaky = small(lif(10e-3, 1.0, Some(fire(-70.0, Reset::Hard))));
    if let Model::Leaky { v_leak, .. } = &mut leaky.populations[0].model {
        *v_leak = Param::One(-65.0);
    }
    run(
        &leaky,
        expect![[
            r#"node "a": its threshold is 5 below the leak potential (-12800 in chip units); the chip has thresholds of 0 and more; raise the threshold, and v_reset with it; a bias lets a neuron fire by itself"#
        ]],
    );
    let kernel = |name: &str, value: i64| {
        let mut net = small(Model::Kernel {
            name: "lif".into(),
            options: Vec::new(),
            values: vec![(name.into(), IntParam::One(value))],
            params: Vec::new(),
        });
        net.projections[0].unit = WeightUnit::Effective;
        net.projections[0].synapses.weight.fill(64.0);
        net
    };
    run(
        &kernel("THETA", -5),
        expect![[
            r#"node "a": THETA = -5 is no value of chip "loihi"; give a whole multiple of 64 from 0 to 8388544"#
        ]],
    );
    run(
        &kernel("THETA", 65),
        expect![[
            r#"node "a": THETA = 65 is no value of chip "loihi"; give a whole multiple of 64 from 0 to 8388544"#
        ]],
    );
    run(
        &kernel("THETA", 1 << 23),
        expect![[
            r#"node "a": THETA = 8388608 is no value of chip "loihi"; give a whole multiple of 64 from 0 to 8388544"#
        ]],
    );
    run(
        &kernel("DECAY", 5000),
        expect![[
            r#"node "a": DECAY = 5000 is no value of chip "loihi"; give a whole number from 0 to 4096"#
        ]],
    );
    map(&kernel("THETA", 64), &loihi, &Options::default()).expect("a threshold");
}

#[test]
fn rules_of_the_image_name_the_population() {
    // It would fire at rest, and the default says that it does not.
    let mut net = small(Model::Kernel {
        name: "if".into(),
        options: vec![("GE".into(), 1)],
        values: vec![("THETA".into(), IntParam::One(0))],
        params: Vec::new(),
    });
    net.projections[0].unit = WeightUnit::Effective;
    net.projections[0].synapses.weight.fill(64.0);
    check(
        &net,
        &chip("loihi", |_| {}),
        &Options {
            objective: mapper::Objective::Cores,
            ..Options::default()
        },
        expect![[
            r#"population "a" on core 0 group 0 update instruction 4: an idle lane would not be idle: instruction 8 (`@p1 spk`) may send a spike (drop the `.idle` hint, or make the skipped path without effect)"#
        ]],
    );
    net = lif_net();
    net.dt_s = f64::INFINITY;
    net.populations[0].model = Model::Threshold {
        threshold: Param::One(1.0),
        compare: Compare::Gt,
    };
    check(
        &net,
        &chip("loihi", |_| {}),
        &Options::default(),
        expect!["io: the model time step is inf s (0 for none, or seconds above 0)"],
    );
}

#[test]
fn more_neurons_than_lanes_are_refused_before_memory_is_taken() {
    let loihi = chip("loihi", |_| {});
    let model = || lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard)));
    let large = |count: usize| {
        let all = (0..count).map(|i| population(&format!("p{i}"), 1 << 28, 0, model()));
        net(&[1], all.collect(), Vec::new(), &[])
    };
    check(
        &large(1),
        &loihi,
        &Options::default(),
        expect![[
            r#"the network needs 262144 cores (at least 262144 by neurons, most of it population "p0"); chip "loihi" has 128; no mapping fits; the smallest change by the neurons alone: 262016 more cores, which no single key of the mesh gives, or 268304384 neurons fewer"#
        ]],
    );
    check(
        &large(7),
        &loihi,
        &Options::default(),
        expect![[
            r#"the network needs 1835008 cores (at least 1835008 by neurons, most of it population "p0"); chip "loihi" has 128; no mapping fits; the smallest change by the neurons alone: 1834880 more cores, which no single key of the mesh gives, or 1878917120 neurons fewer"#
        ]],
    );
    // Their sum leaves 32 bits.
    check(
        &large(17),
        &loihi,
        &Options::default(),
        expect![[
            r#"node "p7": with this population there are 2147483648 elements or more; ids have 31 bits; split the network"#
        ]],
    );
    // Relays count too.
    let mut late = lif_net();
    late.populations[0].shape = vec![3000];
    late.projections = vec![dense(Source::Population(0), 3000, 0, 1, || 1.0)];
    late.projections[0].align = 65_000;
    late.outputs.clear();
    check(
        &late,
        &loihi,
        &Options::default(),
        expect![[
            r#"the network needs 129 cores (at least 129 by neurons, most of it population "relay:Population(0)>0#43"); chip "loihi" has 128; no mapping fits; the smallest change by the neurons alone: 1 more core: --set mesh.width=9, or 928 neurons fewer"#
        ]],
    );
}

struct NoArrays;

impl network::native::Arrays for NoArrays {
    fn read(&mut self, _: &str, _: &str) -> Result<Option<network::npz::Array>, String> {
        Ok(None)
    }
}

#[test]
fn described_in_the_native_format() {
    let run = |population: &str, dt: f64, output: &str, expect: Expect| {
        let text = format!(
            "format = 1\n[[input]]\nname = \"i\"\nshape = [2]\n[[population]]\nname = \"p\"\n{population}\n{output}"
        );
        let options = network::ImportOptions {
            dt: Some(dt),
            ..network::ImportOptions::default()
        };
        let graph = network::native::parse(&text, "net", &mut NoArrays, &options).expect("reads");
        let net = graph.into_lowered().expect("lowers");
        check(&net, &chip("loihi", |_| {}), &Options::default(), expect);
    };
    let count = "[[output]]\nname = \"class\"\nfrom = \"p\"\nreadout = \"count\"";
    let li = "shape = [2]\nmodel = \"li\"\ntau = 1e-2";
    run(
        li,
        1e-3,
        count,
        expect![[
            r#"node "class": its readout "count" is about spikes, and population "p" does not fire; use readout "last" or "max", or neurons that fire"#
        ]],
    );
    let many = "shape = [268435456]\nmodel = \"lif\"\ntau = 1e-2\nthreshold = 1.0";
    run(
        many,
        1e-3,
        "",
        expect![[
            r#"the network needs 262144 cores (at least 262144 by neurons, most of it population "p"); chip "loihi" has 128; no mapping fits; the smallest change by the neurons alone: 262016 more cores, which no single key of the mesh gives, or 268304384 neurons fewer"#
        ]],
    );
    let large = "shape = [2]\nmodel = \"if\"\nthreshold = 1.0\nbias = 1e38\nr = 1e160";
    run(
        large,
        1e300,
        "",
        expect![[r#"node "p": its gain is not a finite number; give finite parameters"#]],
    );
    let below = "shape = [2]\nmodel = \"lif\"\ntau = 1e-2\nthreshold = -5.0";
    run(
        below,
        1e-3,
        "",
        expect![[
            r#"node "p": its threshold is 5 below 0 (-163840 in chip units); the chip has thresholds of 0 and more; raise the threshold, and v_reset with it; a bias lets a neuron fire by itself"#
        ]],
    );
    let deep = below.replace("[2]", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]");
    run(
        &deep,
        1e-3,
        "",
        expect![[
            r#"node "p": the shape of this population has 17 dimensions; at most 16 are possible; flatten it"#
        ]],
    );
}
