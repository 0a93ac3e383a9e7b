//! Networks on crossbars at the limits of a core: neuron groups, destinations, and what a refusal counts.

mod common;

use common::*;
use isa::ChipSpec;
use isa::chip::OnSpikeEnergy;
use mapper::{MapError, Mapped, Objective, Options, map};
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

/// 40 elements reach one neuron, and that 300 on cores of 32 lanes, a delay later.
fn one_to_many(delay: u16) -> (Lowered, ChipSpec) {
    let model = || singles(1, 0).populations.swap_remove(0).model;
    let (from, to) = (40, 300);
    let mut onward = projection(
        Source::Population(0),
        1,
        &[(0..to).map(|t| (t, 2.0)).collect()],
    );
    onward.synapses.delay = vec![delay; to as usize];
    let inputs: Vec<Vec<(u32, f32)>> = (0..from).map(|_| vec![(0, 2.0)]).collect();
    let net = net(
        &[from],
        vec![
            population("one", 1, 0, model()),
            population("many", to, 1, model()),
        ],
        vec![projection(Source::Input(0), 0, &inputs), onward],
        &[1],
    );
    let chip = truenorth(|c| (c.limits.neurons, c.limits.output_slots) = (32, 32));
    (net, chip)
}

/// A copy adds up what its neuron adds up, a splitter one spike: what spikes more decides.
#[test]
fn splitters_and_copies_by_what_they_cost() {
    let mapped = |net: &Lowered, chip: &ChipSpec, objective, [input, neuron]: [f64; 2]| {
        let options = Options {
            objective,
            rates: Some(mapper::Rates {
                neurons: vec![neuron; 301],
                inputs: vec![input; 40],
            }),
            ..Options::default()
        };
        let done = map(net, chip, &options).unwrap_or_else(|e| panic!("{}", e[0]));
        let crossbar = done.report.crossbar.as_ref().expect("a crossbar chip");
        (
            crossbar.splitters,
            crossbar.copies,
            done.report.partitioner.clone(),
        )
    };
    let (net, chip) = one_to_many(2);
    // 301 neurons on cores of 32: the one reaches ten cores.
    let by_cost = |rates| mapped(&net, &chip, Objective::Energy, rates);
    let (splitters, copies, _) = by_cost([0.5, 0.1]);
    assert_eq!(
        (splitters, copies),
        (1, 0),
        "20 operations a copy, 0.1 a lane of a splitter"
    );
    let (splitters, copies, _) = by_cost([0.001, 0.5]);
    assert_eq!(splitters, 0, "0.04 operations a copy, 0.5 a lane");
    assert_eq!(copies, 9);
    assert_eq!(
        by_cost([0.5, 0.1]),
        mapped(&net, &chip, Objective::Edp, [0.5, 0.1])
    );
    // Few cores need none, and spikes without a delay can have none.
    assert_eq!(mapped(&net, &chip, Objective::Cores, [0.5, 0.1]).0, 0);
    let (now, chip) = one_to_many(0);
    assert_eq!(mapped(&now, &chip, Objective::Energy, [0.5, 0.1]).0, 0);
    // Where events cost nothing there is nothing to save.
    let (net, mut free) = one_to_many(2);
    free.energy.hop = [0.0; 4];
    free.energy.on_spike = OnSpikeEnergy::Event {
        packet: 0.0,
        synapse: 0.0,
    };
    assert_eq!(mapped(&net, &free, Objective::Energy, [0.5, 0.1]).0, 0);
}

/// Where steps end when the last core is ready, the pass over its neurons is shared out; where they take a tick there is nothing to gain.
#[test]
fn work_is_spread_where_steps_wait_for_it() {
    let net = singles(120, 0);
    let cores = |chip: &ChipSpec, objective| {
        let options = Options {
            objective,
            ..Options::default()
        };
        let done = map(&net, chip, &options).unwrap_or_else(|e| panic!("{}", e[0]));
        done.report.cores_used
    };
    let tick = truenorth(|_| {});
    let barrier = truenorth(|c| {
        let loihi = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        c.sync = loihi.sync;
    });
    assert_eq!(cores(&tick, Objective::Latency), 1);
    assert_eq!(cores(&barrier, Objective::Cores), 1);
    // 120 neurons pass over 120 axons on one core, 15 over 15 on each of 8; a barrier over more tiles takes longer.
    let spread = cores(&barrier, Objective::Latency);
    assert!((4..=32).contains(&spread), "{spread}");
}

/// Neurons that draw random numbers have no copies: a cheaper mapping that would need some gives way to one that does not.
#[test]
fn what_draws_is_mapped_wherever_it_fits() {
    let integer = |draws: bool| Model::Kernel {
        name: "truenorth".into(),
        options: vec![("TM".into(), i64::from(draws))],
        values: ["alpha", "tm"][..1 + usize::from(draws)]
            .iter()
            .map(|slot| ((*slot).into(), IntParam::One(1)))
            .collect(),
        params: Vec::new(),
    };
    let chip = truenorth(|c| (c.limits.neurons, c.limits.output_slots) = (32, 32));
    let mut differ = 0;
    for seed in 0..40 {
        let mut r = Random(seed);
        let mut to = |n: u32, from: u32| from + r.below(n.into()) as u32;
        let (elements, drawing, many) = (to(40, 20), to(5, 1), to(47, 33));
        // Two neighbours of each neuron that draws; six elements of every other.
        let mut heard = vec![Vec::new(); elements as usize];
        (0..many * 6).for_each(|i| heard[to(elements, 0) as usize].push((i / 6, 1.0)));
        for row in &mut heard {
            row.dedup();
        }
        let pairs: Vec<Vec<(u32, f32)>> = (0..drawing)
            .map(|_| to(many - 1, 0))
            .map(|t| vec![(t, 1.0), (t + 1, 1.0)])
            .collect();
        let mut first = vec![Vec::new(); elements as usize];
        (0..drawing).for_each(|n| first[to(elements, 0) as usize].push((n, 1.0)));
        let mut projections = vec![
            projection(Source::Input(0), 0, &first),
            projection(Source::Population(0), 1, &pairs),
            projection(Source::Input(0), 1, &heard),
        ];
        for p in &mut projections {
            p.unit = WeightUnit::Effective;
        }
        let populations = vec![
            population("draws", drawing, 0, integer(true)),
            population("many", many, 1, integer(false)),
        ];
        let net = net(&[elements], populations, projections, &[1]);
        let with = |objective| {
            let options = Options {
                objective,
                ..Options::default()
            };
            map(&net, &chip, &options)
        };
        let Ok(fewest) = with(Objective::Cores) else {
            continue;
        };
        for objective in [Objective::Edp, Objective::Energy, Objective::Packets] {
            let done = with(objective).unwrap_or_else(|e| panic!("{seed}: {}", e[0]));
            differ += usize::from(done.assignment != fewest.assignment);
        }
    }
    assert!(differ > 0, "others than the fewest cores are tried");
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let (net, chip) = one_to_many(2);
    let with = |objective, threads| {
        let options = Options {
            objective,
            threads,
            ..Options::default()
        };
        map(&net, &chip, &options)
            .unwrap_or_else(|e| panic!("{}", e[0]))
            .image
    };
    for name in mapper::OBJECTIVES {
        let objective = Objective::of(name).expect("of the list");
        assert_eq!(with(objective, 1), with(objective, 3), "{name}");
    }
}

/// Cores, splitters and copies that a mapping says give it again, by any objective.
#[test]
fn an_assignment_has_the_splitters_that_it_counts() {
    let (net, chip) = one_to_many(2);
    for name in mapper::OBJECTIVES {
        let options = Options {
            objective: Objective::of(name).expect("of the list"),
            ..Options::default()
        };
        let first = map(&net, &chip, &options).unwrap_or_else(|e| panic!("{}", e[0]));
        // The default objective, as of the command line.
        let options = Options {
            assignment: Some(first.assignment.clone()),
            ..Options::default()
        };
        let again = map(&net, &chip, &options).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
        assert_eq!(again.image, first.image, "{name}");
    }
}

/// More axons alone may not be enough: rows of the crossbar and cores are named with them, and all together is.
#[test]
fn what_binds_behind_the_axons_is_named_with_them() {
    let dense = |elements: u32, neurons: u32, outputs: usize| {
        let model = singles(1, 0).populations.swap_remove(0).model;
        let row = || (0..neurons).map(|t| (t, 2.0)).collect();
        let rows: Vec<Vec<(u32, f32)>> = (0..elements).map(|_| row()).collect();
        let mut net = net(
            &[elements],
            vec![population("a", neurons, 0, model)],
            vec![projection(Source::Input(0), 0, &rows)],
            &vec![0; outputs],
        );
        for (i, output) in net.outputs.iter_mut().enumerate() {
            output.name = format!("out{i}");
        }
        // Exact or refused.
        net.projections[0].unit = WeightUnit::Effective;
        net
    };
    for (net, side, expect) in [
        (dense(300, 100, 1), 8, "core.input_axons=300, or"),
        (
            dense(300, 256, 1),
            8,
            "core.input_axons=300 --set core.synapse_bits=76800, or",
        ),
        (
            dense(300, 250, 2),
            1,
            "core.input_axons=300 --set core.synapse_bits=76800 together with 1 more core: --set mesh.height=2, or",
        ),
    ] {
        let with = |axons, bits, height| {
            truenorth(|c| {
                (c.mesh.width, c.mesh.height) = (side, height);
                (c.limits.input_axons, c.limits.synapse_bits) = (axons, bits);
            })
        };
        let refused = errors(&net, &with(256, 65_536, side), &Options::default());
        let text = refused[0].to_string();
        assert!(text.contains(expect), "{text}");
        let bits = if expect.contains("synapse_bits") {
            76_800
        } else {
            65_536
        };
        let height = if expect.contains("height") { 2 } else { side };
        assert!(map(&net, &with(300, bits, height), &Options::default()).is_ok());
        assert!(map(&net, &with(299, bits, height), &Options::default()).is_err());
        if bits > 65_536 {
            assert!(map(&net, &with(300, bits - 1, height), &Options::default()).is_err());
        }
    }
}
