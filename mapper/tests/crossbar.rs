//! Networks on crossbars at the limits of a core: neuron groups, destinations, and what a refusal counts.

mod common;

use common::*;
use isa::ChipSpec;
use mapper::{MapError, Mapped, Options, map};
use network::lowered::*;

/// Populations of one IF neuron each, fed by one element and read; each `copied` one reaches another population too.
fn singles(count: u32, copied: u32) -> Lowered {
    let integrate = || Model::Leaky {
        tau: None,
        r: Param::One(1.0),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire: Some(fire(1.0, Reset::Hard)),
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    };
    let names = (0..count).map(|i| format!("p{i}"));
    let populations: Vec<Population> = names
        .map(|name| population(&name, 1, 0, integrate()))
        .chain((copied > 0).then(|| population("end", 1, 1, integrate())))
        .collect();
    let inputs = (0..count).map(|i| projection(Source::Input(0), i, &feed(count, i)));
    let onward = (0..copied).map(|i| projection(Source::Population(i), count, &[vec![(0, 2.0)]]));
    let outputs: Vec<u32> = (0..populations.len() as u32).collect();
    net(
        &[count],
        populations,
        inputs.chain(onward).collect(),
        &outputs,
    )
}

/// Element `i` alone reaches neuron 0.
fn feed(elements: u32, i: u32) -> Vec<Vec<(u32, f32)>> {
    let row = |e: u32| if e == i { vec![(0, 2.0)] } else { Vec::new() };
    (0..elements).map(row).collect()
}

fn truenorth(change: impl FnOnce(&mut ChipSpec)) -> ChipSpec {
    chip("truenorth", change)
}

fn most_groups(mapped: &Mapped) -> usize {
    let groups = mapped.image.cores.iter().map(|c| c.groups.len());
    groups.max().unwrap_or(0)
}

fn errors(net: &Lowered, chip: &ChipSpec, options: &Options) -> Vec<MapError> {
    map(net, chip, options)
        .map(|_| ())
        .expect_err("must be refused")
}

#[test]
fn groups_of_a_core_are_a_limit() {
    let net = singles(300, 0);
    let large = |c: &mut ChipSpec| {
        (c.limits.neurons, c.limits.input_axons) = (512, 512);
        c.limits.output_slots = 512;
    };
    for groups in [256, 10] {
        let chip = truenorth(|c| {
            large(c);
            c.limits.groups = groups;
        });
        let mapped = map(&net, &chip, &Options::default()).expect("there are cores enough");
        assert_eq!(
            mapped.image.cores.len(),
            300_usize.div_ceil(groups as usize)
        );
        assert_eq!(most_groups(&mapped), groups as usize);
        let bound = &mapped.report;
        assert_eq!(bound.cores_lower_bound, 300_u64.div_ceil(groups.into()));
        assert_eq!(bound.cores_bound_by, "neuron groups");
    }
    let chip = truenorth(|c| {
        large(c);
        c.limits.groups = 10;
    });
    let together = Options {
        assignment: Some(vec![0; 300]),
        ..Options::default()
    };
    let refused = errors(&net, &chip, &together);
    assert!(
        matches!(
            refused[..],
            [MapError::Core {
                limit: "neuron groups",
                need: 300,
                capacity: 10,
                ..
            }]
        ),
        "{refused:?}"
    );
}

#[test]
fn copies_take_a_group_of_their_population() {
    let net = singles(6, 3);
    let with = |groups| truenorth(|c| c.limits.groups = groups);
    for groups in [2, 3, 10] {
        let mapped = map(&net, &with(groups), &Options::default()).expect("two are enough");
        let most = (groups as usize).min(10);
        assert_eq!(mapped.report.crossbar.as_ref().map(|c| c.copies), Some(3));
        assert_eq!(most_groups(&mapped), most, "{groups}");
    }
    let refused = errors(&net, &with(1), &Options::default());
    assert!(
        matches!(
            refused[..],
            [MapError::Neuron {
                limit: "neuron groups",
                need: 2,
                capacity: 1,
                ..
            }]
        ),
        "{refused:?}"
    );
}

#[test]
fn a_neuron_beyond_the_output_slots_is_refused_by_them() {
    let chip = truenorth(|c| c.limits.output_slots = 1);
    let refused = errors(&singles(2, 1), &chip, &Options::default());
    assert!(
        matches!(
            refused[..],
            [MapError::Neuron {
                limit: "output slots",
                need: 2,
                capacity: 1,
                ..
            }]
        ),
        "{refused:?}"
    );
}

#[test]
fn an_objective_or_rates_are_refused() {
    let net = singles(2, 0);
    let chip = truenorth(|_| {});
    let spread = Options {
        objective: mapper::Objective::of(mapper::OBJECTIVES[mapper::OBJECTIVES.len() - 1])
            .expect("of the list"),
        ..Options::default()
    };
    assert_ne!(spread.objective, Options::default().objective);
    let rated = Options {
        rates: Some(mapper::Rates {
            neurons: vec![1.0; 2],
            inputs: vec![1.0; 2],
        }),
        ..Options::default()
    };
    for options in [spread, rated] {
        let refused = errors(&net, &chip, &options);
        assert!(
            matches!(refused[..], [MapError::Chip { .. }]),
            "{refused:?}"
        );
    }
}

/// What is the network's and what is the chip's stays apart.
#[test]
fn copies_and_bits_are_no_neurons_and_synapses_of_the_network() {
    let mapped = map(&singles(6, 3), &truenorth(|_| {}), &Options::default()).expect("small");
    let chip = truenorth(|_| {});
    let metrics = mapper::metrics::of_network(&mapped.quantized, &chip, &mapped.assignment);
    let report = &mapped.report;
    assert_eq!(mapped.assignment.len(), 7 + 3);
    assert_eq!((metrics.neurons, report.neurons), (7, 7));
    assert_eq!((metrics.synapses, report.synapses), (9, 9));
    assert_eq!(metrics.neurons_max, 7);
    let limits: Vec<&str> = report.utilisation.iter().map(|u| u.limit).collect();
    assert!(limits.contains(&"neuron groups") && !limits.contains(&"threshold profiles"));
}

/// Neurons with many sources of their own fill the axons of a core, those with many copies its lanes.
#[test]
fn the_reason_names_what_is_filled_most() {
    let five = |sources: u32, outputs: u32| {
        let model = singles(1, 0).populations.swap_remove(0).model;
        let rows: Vec<Vec<(u32, f32)>> =
            (0..5 * sources).map(|e| vec![(e / sources, 2.0)]).collect();
        let mut net = net(
            &[5 * sources],
            vec![population("a", 5, 0, model)],
            vec![projection(Source::Input(0), 0, &rows)],
            &vec![0; outputs as usize],
        );
        for (i, output) in net.outputs.iter_mut().enumerate() {
            output.name = format!("out{i}");
        }
        map(&net, &truenorth(|_| {}), &Options::default()).expect("three cores are enough")
    };
    for (mapped, filled) in [(five(100, 1), "axons"), (five(1, 100), "lanes")] {
        let crossbar = mapped.report.crossbar.as_ref().expect("a crossbar chip");
        assert_eq!(mapped.report.cores_used, 3);
        assert_eq!(crossbar.cores_by_lanes.max(crossbar.cores_by_axons), 2);
        let binding = &crossbar.binding;
        assert!(binding.starts_with("3 cores where 2 would do"), "{binding}");
        assert!(binding.contains(&format!("fill the {filled}")), "{binding}");
    }
}
