//! Relays for fan-ins beyond a core: what is built, and what is refused with which reason. That spikes stay the same is tested on the
//! emulated chip.

mod common;

use common::*;
use expect_test::{Expect, expect};
use isa::ChipSpec;
use mapper::Options;
use mapper::quantized::Source as From;
use network::lowered::*;

const RELAY: fn() -> Options = || Options {
    relay: true,
    ..Options::default()
};

fn narrow(change: impl FnOnce(&mut ChipSpec)) -> ChipSpec {
    chip("programmable", |c| {
        c.limits.input_axons = 16;
        change(c);
    })
}

/// 40 inputs to a layer of 10, and that to a layer of 3.
fn layers(model: Model) -> Lowered {
    let mut r = Random(3);
    let mut w = move || r.unit() as f32 - 0.4;
    let onto_a = dense(Source::Input(0), 40, 0, 10, &mut w);
    let onto_b = dense(Source::Population(0), 10, 1, 3, &mut w);
    let spiking = || lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard)));
    net(
        &[40],
        vec![
            population("a", 10, 0, model),
            population("b", 3, 1, spiking()),
        ],
        vec![onto_a, onto_b],
        &[1],
    )
}

fn plain() -> Lowered {
    layers(lif(10e-3, 1.0, Some(fire(1.0, Reset::Hard))))
}

/// A population with a kernel of the library by name, and weights in chip units.
fn named(kernel: &str, options: &[(&str, i64)], weight: f32) -> Lowered {
    let mut net = layers(Model::Kernel {
        name: kernel.into(),
        options: options.iter().map(|(n, v)| ((*n).into(), *v)).collect(),
        values: Vec::new(),
        params: Vec::new(),
    });
    net.projections[0].unit = WeightUnit::Effective;
    net.projections[0].synapses.weight.fill(weight);
    net
}

/// The layer reaches itself too, with this delay.
fn recurrent(neurons: u32, delay: u16) -> Lowered {
    let mut net = plain();
    let rows: Vec<Vec<(u32, f32)>> = (0..neurons)
        .map(|s| vec![(0, s as f32 * 0.1 + 0.1)])
        .collect();
    net.populations[0].shape = vec![neurons];
    let mut r = Random(4);
    net.projections[0] = dense(Source::Input(0), 40, 0, neurons, || r.unit() as f32 - 0.4);
    net.projections[1] = dense(Source::Population(0), neurons, 1, 3, || r.unit() as f32);
    let mut back = projection(Source::Population(0), 0, &rows);
    back.recurrent = true;
    back.synapses.delay = vec![delay; back.synapses.target.len()];
    net.projections.push(back);
    net
}

fn refused(net: &Lowered, chip: &ChipSpec, options: &Options, expect: Expect) {
    let Err(errors) = mapper::map(net, chip, options) else {
        panic!("not refused");
    };
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    expect.assert_eq(&lines.join("\n"));
}

#[test]
fn without_the_option() {
    let without = Options::default();
    refused(
        &plain(),
        &narrow(|_| ()),
        &without,
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); the smallest change: --set core.input_axons=40, or at most 16 sources for a neuron, or --relay: 30 relay neurons add up shares of the sources exactly, and layers start up to 1 step later"#
        ]],
    );
    let mut net = plain();
    net.projections[0].synapses.delay = vec![1; 400];
    refused(
        &net,
        &narrow(|_| ()),
        &without,
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); the smallest change: --set core.input_axons=40, or at most 16 sources for a neuron, or --relay: 30 relay neurons add up shares of the sources exactly"#
        ]],
    );
    refused(
        &plain(),
        &chip("loihi", |c| c.limits.input_axons = 16),
        &without,
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "loihi" has 16 (core.input_axons); the smallest change: --set core.input_axons=40, or at most 16 sources for a neuron; --relay cannot help: packets of chip "loihi" carry no payload (core.graded), and a partial sum is a number"#
        ]],
    );
    let few = |c: &mut ChipSpec| {
        (c.mesh.width, c.mesh.height, c.mesh.cores_per_tile) = (1, 1, 2);
    };
    refused(
        &plain(),
        &narrow(few),
        &without,
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); the smallest change: --set core.input_axons=40, or at most 16 sources for a neuron; --relay cannot help: its 30 relay neurons do not fit onto the chip either"#
        ]],
    );
}

#[test]
fn chips() {
    refused(
        &plain(),
        &chip("truenorth", |_| ()),
        &RELAY(),
        expect![[
            r#"chip "truenorth": relays send partial sums as payloads (--relay), and an axon bit of a crossbar carries none; leave out --relay, or choose a chip with `graded = true`"#
        ]],
    );
    refused(
        &plain(),
        &narrow(|c| c.limits.graded = false),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: packets of chip "programmable" carry no payload (core.graded), and a partial sum is a number; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    refused(
        &plain(),
        &narrow(|c| c.limits.accumulator_bits = 22),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: relays need 32 accumulator bits for kernel "relay"; chip "programmable" has 22 (core.accumulator); the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    let list = |c: &mut ChipSpec| c.kernels = Some(vec!["lif".into(), "if".into()]);
    refused(
        &plain(),
        &narrow(list),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: chip "programmable" runs lif, if, and relays need kernel "relay"; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
}

#[test]
fn kernels() {
    refused(
        &named("stochastic", &[], 64.0),
        &narrow(|_| ()),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: kernel "stochastic" has no option GRADED, by which it would take payloads; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    let shift = [("GRADED", 1), ("SHIFT", 3)];
    refused(
        &named("lif", &shift, 64.0),
        &narrow(|_| ()),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: its kernel "lif" rounds the product of each weight and payload (SHIFT = 3), and a sum of rounded numbers is not the rounded sum; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    let clip = [("CLIP", 1)];
    refused(
        &named("cubalif", &clip, 4_177_920.0),
        &narrow(|_| ()),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: weights of projection "Input(0)>0" are beyond what the kernel takes (CLIP), and sums of them would be other ones; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    mapper::map(
        &named("cubalif", &clip, 2_080_768.0),
        &narrow(|_| ()),
        &RELAY(),
    )
    .expect("within the clip");
}

#[test]
fn sums_and_memory() {
    // 1100 synapses of the widest weight from one source.
    let mut net = named("lif", &[], 64.0);
    let rows: Vec<Vec<(u32, f32)>> = (0..40)
        .map(|s| vec![(0, 2_080_768.0); if s == 39 { 1100 } else { 1 }])
        .collect();
    let synapses = projection(Source::Input(0), 0, &rows).synapses;
    net.projections[0].synapses = synapses;
    refused(
        &net,
        &narrow(|_| ()),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: the weights of one source (projection "Input(0)>0") add up to more than 2147483647, which is what a payload holds; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    net.projections[0].synapses.weight.fill(64.0);
    refused(
        &net,
        &narrow(|c| c.limits.synapse_bits = 1024),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 40 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: the synapses of one source (projection "Input(0)>0") are more than the memory of a core holds; the smallest change to the chip: --set core.input_axons=40"#
        ]],
    );
    // Less of it goes to relays of its own where it does not fit beside others.
    let rows: Vec<Vec<(u32, f32)>> = (0..40)
        .map(|s| vec![(0, 2_080_768.0); if s < 24 { 500 } else { 0 }])
        .collect();
    net.projections[0].synapses = projection(Source::Input(0), 0, &rows).synapses;
    let mapped = mapper::map(&net, &narrow(|_| ()), &RELAY()).expect("two sources to a relay");
    let tree = &mapped.report.trees[0];
    assert!(
        tree.largest_sum <= i32::MAX as u64 && tree.largest_sum > 1 << 30,
        "{tree:?}"
    );
}

#[test]
fn cycles_need_delays() {
    refused(
        &recurrent(30, 0),
        &narrow(|_| ()),
        &RELAY(),
        expect![[
            r#"neuron 0 of population "a" needs 70 input axons; a core of chip "programmable" has 16 (core.input_axons); --relay cannot help: projection "Population(0)>0" has synapses with a delay of 0 steps, to which nothing can be added inside a cycle or behind relays of a long delay, and 1 level of relays takes 1: give them delay = 1; the smallest change to the chip: --set core.input_axons=70"#
        ]],
    );
    mapper::map(&recurrent(30, 1), &narrow(|_| ()), &RELAY()).expect("a step of delay is enough");
    // Few of them may stay at the neuron.
    let mapped = mapper::map(&recurrent(9, 0), &narrow(|_| ()), &RELAY()).expect("nine stay");
    let of_a = mapped
        .report
        .trees
        .iter()
        .find(|t| t.population == "a")
        .expect("a tree");
    assert_eq!((of_a.later, of_a.levels), (1, 1));
}

/// Layers start later by what their relays take; synapses keep their integers; only neurons that need relays have some.
#[test]
fn what_is_built() {
    let net = plain();
    let wide = mapper::map(&net, &chip("programmable", |_| ()), &RELAY()).expect("fits");
    assert!(wide.report.trees.is_empty());
    let mapped = mapper::map(&net, &narrow(|_| ()), &RELAY()).expect("with relays");
    let q = &mapped.quantized;
    let tree = &mapped.report.trees[0];
    assert_eq!(mapped.report.trees.len(), 1);
    assert_eq!(
        (tree.population.as_str(), tree.neurons, tree.later),
        ("a", 10, 1)
    );
    assert_eq!(q.neurons(), 13 + tree.relays);
    assert_eq!(tree.relays, tree.neurons * tree.shares);
    assert_eq!((q.populations[0].depth, q.populations[1].depth), (1, 2));
    let names: Vec<&str> = q.populations[2..].iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names[0], "relay:a");
    // Every synapse from the input once, with the weight that it has without relays.
    let weights = |q: &mapper::Quantized| {
        let from_input = q.projections.iter().filter(|p| p.source == From::Input(0));
        let mut all: Vec<(u32, i32)> = from_input
            .flat_map(|p| {
                (0..p.rows()).flat_map(move |row| {
                    p.row(row).map(move |i| (row, p.weight(i, q.weight_scale)))
                })
            })
            .collect();
        all.sort_unstable();
        all
    };
    assert_eq!(weights(q), weights(&wide.quantized));
    // Rows are cut between sources, so they stay whole, and take no target indices.
    let mut from_input = q.projections.iter().filter(|p| p.source == From::Input(0));
    assert!(from_input.all(|p| p.dense));
    // Relays do not change what else there is.
    let own = |q: &mapper::Quantized| {
        let of_b = q
            .projections
            .iter()
            .find(|p| p.source == From::Population(0));
        of_b.map(|p| (p.mantissas.clone(), p.delay))
    };
    assert_eq!(own(q), own(&wide.quantized));

    // One neuron of ten has more sources than there are axons.
    let rows: Vec<Vec<(u32, f32)>> = (0..40).map(|s| vec![(3, 0.3), (s % 3, 0.2)]).collect();
    let mut net = plain();
    net.projections[0] = projection(Source::Input(0), 0, &rows);
    let mapped = mapper::map(&net, &narrow(|_| ()), &RELAY()).expect("with relays");
    let tree = &mapped.report.trees[0];
    assert_eq!((tree.neurons, tree.relays), (1, tree.shares));
}

/// A core for every relay can be given, and has to be.
#[test]
fn assignments() {
    let net = plain();
    let mapped = mapper::map(&net, &narrow(|_| ()), &RELAY()).expect("with relays");
    let given = |cores: &[u32]| Options {
        assignment: Some(cores.to_vec()),
        ..RELAY()
    };
    let again = mapper::map(&net, &narrow(|_| ()), &given(&mapped.assignment)).expect("the same");
    assert_eq!(again.image.to_bytes(), mapped.image.to_bytes());
    refused(
        &net,
        &narrow(|_| ()),
        &given(&[0; 13]),
        expect![
            "assignment: it has 13 entries; it holds one core (tile × cores per tile + index) for each of the 43 neurons in network order"
        ],
    );
}

/// The same image on any number of threads.
#[test]
fn threads() {
    let at = |threads| {
        let options = Options { threads, ..RELAY() };
        let mapped = mapper::map(&plain(), &narrow(|_| ()), &options).expect("with relays");
        mapped.image.to_bytes()
    };
    assert_eq!(at(1), at(4));
}

/// What reaches a neuron of the network, relays followed to their sources: (source, neuron, receptor, weight, steps on the way).
type Way = (u32, u32, u8, i32, i64);

/// Sources behind a source of a projection, with the steps on the way and, where it adds up, the weight.
fn behind(
    q: &mapper::Quantized,
    own: usize,
    source: From,
    element: u32,
) -> Vec<(u32, i64, Option<i32>)> {
    let at = match source {
        From::Input(i) => return vec![(1 << 31 | (q.inputs[i as usize].first + element), 0, None)],
        From::Population(p) if (p as usize) < own => {
            return vec![(q.populations[p as usize].first + element, 0, None)];
        }
        From::Population(p) => p,
    };
    let adds_up = q.populations[at as usize]
        .options
        .iter()
        .any(|o| o.0 == "GRADED");
    let mut all = Vec::new();
    for p in q.projections.iter().filter(|p| p.target == at) {
        for row in 0..p.rows() {
            for i in p.row(row).filter(|i| p.targets[*i] == element) {
                let steps = i64::from(p.delay_of(i)) + 1;
                for (from, before, weight) in behind(q, own, p.source, row) {
                    let weight = weight.or(adds_up.then(|| p.weight(i, q.weight_scale)));
                    all.push((from, before + steps, weight));
                }
            }
        }
    }
    all
}

fn ways(q: &mapper::Quantized, own: usize) -> Vec<Way> {
    let mut all = Vec::new();
    for p in q.projections.iter().filter(|p| (p.target as usize) < own) {
        let target = &q.populations[p.target as usize];
        for row in 0..p.rows() {
            if p.row(row).is_empty() {
                continue;
            }
            for (from, before, sum) in behind(q, own, p.source, row) {
                all.extend(p.row(row).map(|i| {
                    let weight = sum.unwrap_or(p.weight(i, q.weight_scale));
                    // Relays hand on what they added up, whole.
                    assert!(sum.is_none() || p.mantissas[i] == 1 && p.exponent == 0);
                    let steps = before + i64::from(p.delay_of(i));
                    (from, target.first + p.targets[i], p.receptor, weight, steps)
                }));
            }
        }
    }
    all.sort_unstable();
    all
}

/// Random networks: every synapse is there once, with its weight; ways are longer by what the population starts later, and no more.
#[test]
fn every_synapse_reaches_its_neuron() {
    let (mut with_relays, mut refused, mut levels) = (0, 0, 0);
    for seed in 0..200 {
        let mut r = Random(seed);
        let net = random_net(seed, 40);
        let delay = [62, 12, 5][r.below(3) as usize];
        let roomy = chip("programmable", |c| c.limits.delay = delay);
        let wide =
            mapper::map(&net, &roomy, &Options::default()).unwrap_or_else(|e| panic!("{e:?}"));
        let narrow = chip("programmable", |c| {
            c.limits.delay = delay;
            c.limits.input_axons = 4 + r.below(16) as u32;
            c.limits.synapse_bits = if r.below(4) == 0 {
                640 + r.below(1000)
            } else {
                1 << 20
            };
            (c.mesh.width, c.mesh.height) = (32, 32);
            c.host_ports.truncate(1);
        });
        let mapped = match mapper::map(&net, &narrow, &RELAY()) {
            Ok(mapped) => mapped,
            Err(errors) => {
                refused += 1;
                let reason = |e: &mapper::MapError| e.to_string().contains("--relay cannot help");
                assert!(errors.iter().all(reason), "seed {seed}: {errors:?}");
                continue;
            }
        };
        let own = net.populations.len();
        let later = |q: &mapper::Quantized, id: u32| match id >> 31 {
            1 => 0,
            _ => {
                let at = q
                    .populations
                    .iter()
                    .position(|p| id < p.first + p.count)
                    .expect("a neuron");
                i64::from(q.populations[at].depth) - i64::from(wide.quantized.populations[at].depth)
            }
        };
        let mut got = ways(&mapped.quantized, own);
        for way in &mut got {
            way.4 -= later(&mapped.quantized, way.1) - later(&mapped.quantized, way.0);
        }
        got.sort_unstable();
        assert_eq!(got, ways(&wide.quantized, own), "seed {seed}");
        with_relays += u32::from(!mapped.report.trees.is_empty());
        levels = levels.max(
            mapped
                .report
                .trees
                .iter()
                .map(|t| t.levels)
                .max()
                .unwrap_or(0),
        );
    }
    assert!(
        with_relays > 60 && levels > 1,
        "{with_relays} of 200, {levels} levels"
    );
    assert!(refused < 120, "{refused} of 200");
}
