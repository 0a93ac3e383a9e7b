//! Objectives on crossbars, measured on the emulated chip at the rates that were counted there: each wins its own column, and the default costs no more energy × time
//! than the mapping with the fewest cores, which has splitters only where copies have no room.

use super::random;
use super::splitters::{fan_out, small};
use super::{CHIPS, example, preset};
use crate::cli::{json, root};
use crate::objectives::measure::{Case, Measured, errors, measure};
use emulator::{Between, Options as Run, SampleInput, Timing};
use isa::ChipSpec;
use mapper::{Mapped, OBJECTIVES, Objective, Options, Rates};
use network::input::Sample;
use network::lowered::Lowered;
use spikemesh::nets::Events;

const STEPS: u32 = 40;

fn mapped(net: &Lowered, chip: &ChipSpec, objective: &str, rates: Option<&Rates>) -> Mapped {
    let options = Options {
        objective: Objective::of(objective).expect("of the list"),
        rates: rates.cloned(),
        ..Options::default()
    };
    let done = mapper::map(net, chip, &options);
    done.map_err(|e| errors(&e))
        .unwrap_or_else(|e| panic!("{}: {e}", net.name))
}

/// How often everything spikes in these samples, counted on the emulated chip.
fn counted(net: &Lowered, mapped: &Mapped, chip: &ChipSpec, samples: &[SampleInput]) -> Rates {
    let image = &mapped.image;
    let run = Run {
        seed: 0,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: image.io.drain,
        record_spikes: true,
        record_packets: false,
    };
    let results = emulator::run(image, chip, samples, &run, &|_| ()).expect("it fits");
    let steps = f64::from(results.iter().map(|r| r.steps).sum::<u32>());
    // The network's own neurons come first.
    let own: u32 = net.populations.iter().map(|p| p.len()).sum();
    let mut neurons = vec![0.0; own as usize];
    for (_, id) in results.iter().flat_map(|r| &r.spikes) {
        if let Some(rate) = neurons.get_mut(*id as usize) {
            *rate += 1.0 / steps;
        }
    }
    let mut inputs = vec![0.0; mapped.quantized.input_elements() as usize];
    for element in samples.iter().flat_map(|s| &s.elements) {
        inputs[*element as usize] += 1.0 / steps;
    }
    Rates { neurons, inputs }
}

/// What each objective costs; none is better in the column of another. The last is `cores`.
fn each_wins(what: &str, net: &Lowered, chip: &ChipSpec, events: Events) -> Vec<Measured> {
    let few = mapped(net, chip, "cores", None);
    let samples = events.samples.iter();
    let samples: Vec<SampleInput> = samples
        .map(|s| spikemesh::nets::to_chip(s, events.steps, &few.image).expect("spikes"))
        .collect();
    let rates = counted(net, &few, chip, &samples);
    let case = Case {
        name: what.into(),
        net: net.clone(),
        activity: None,
        input: Ok((events, samples.len())),
    };
    let found: Vec<(&str, Measured)> = OBJECTIVES
        .iter()
        .map(|name| {
            let done = mapped(net, chip, name, Some(&rates));
            (*name, measure(&case, &done, chip).expect("it runs"))
        })
        .collect();
    for (name, own) in &found {
        for (other, m) in &found {
            assert!(
                own.column(name) <= m.column(name),
                "{what} on {}: {other} is better at {name}: {m:?} {own:?}",
                chip.name
            );
        }
    }
    found.into_iter().map(|f| f.1).collect()
}

fn noise(net: &Lowered) -> Events {
    let elements = net.inputs.iter().map(|i| i.shape.iter().product::<u32>());
    Events {
        samples: vec![Sample::noise(elements.sum::<u32>() as usize, STEPS, 0.3)],
        labels: None,
        steps: STEPS,
        warning: None,
    }
}

#[test]
fn each_objective_wins_its_own_column_on_digits() {
    for name in CHIPS {
        let net = example("digits");
        let shapes: Vec<Vec<u32>> = net.inputs.iter().map(|i| i.shape.clone()).collect();
        let file = root().join("examples/digits/test.npz");
        let mut events = spikemesh::nets::read_input(&file, &shapes, net.dt_s).expect("good");
        events.samples.truncate(4);
        let all = each_wins("digits", &net, &preset(name), events);
        // Two full cores, and no delays.
        assert!(all.iter().all(|m| m.cores == 2), "{all:?}");
    }
}

/// Packets, and energy × time where the chip gives energies, are less than with the fewest cores.
fn gains(all: &[Measured], name: &str) {
    let [edp, packets, .., cores] = all else {
        panic!("five objectives")
    };
    assert!(packets.packets < cores.packets, "{name}: {all:?}");
    assert_eq!(edp.edp() < cores.edp(), name == "truenorth", "{all:?}");
}

/// Sources with late spikes to many cores, with a layer behind these and back.
#[test]
fn each_objective_wins_its_own_column_with_splitters() {
    for (seed, lanes) in [(1, None), (4, Some((20, 32))), (9, None)] {
        let net = fan_out(seed, 1);
        for name in CHIPS {
            let chip = match lanes {
                Some((lanes, axons)) => small(name, lanes, axons),
                None => preset(name),
            };
            let all = each_wins(&format!("fan {seed}"), &net, &chip, noise(&net));
            gains(&all, name);
        }
    }
}

/// Several layers, recurrent.
#[test]
fn each_objective_wins_its_own_column_on_many_cores() {
    for seed in [5, 23] {
        let net = random::network(seed);
        for name in CHIPS {
            let what = format!("random {seed}");
            let all = each_wins(&what, &net, &preset(name), noise(&net));
            gains(&all, name);
        }
    }
}

/// Steps that end when the last core is ready: few neurons to a core are faster, and a barrier over more tiles is slower.
#[test]
fn each_objective_wins_its_own_column_at_a_barrier() {
    let mut chip = preset("truenorth");
    chip.sync = preset("loihi").sync;
    for seed in [5, 23] {
        let net = random::network(seed);
        let what = format!("random {seed} at a barrier");
        let all = each_wins(&what, &net, &chip, noise(&net));
        let [edp, _, _, latency, cores] = &all[..] else {
            panic!("five objectives")
        };
        assert!(latency.mean_s < 0.5 * cores.mean_s, "{what}: {all:?}");
        assert!(edp.edp() < 0.5 * cores.edp(), "{what}: {all:?}");
    }
}

/// What cannot make a difference is said.
#[test]
fn an_objective_that_finds_all_alike_says_so() {
    let net = "examples/digits/digits.nir";
    for (chip, objective, said) in [
        ("truenorth", "latency", "its tick of 100000 cycles"),
        ("ranc", "latency", "its tick of 70000 cycles"),
        ("ranc", "energy", "gives no event an energy"),
        ("truenorth", "energy", ""),
        ("truenorth", "packets", ""),
    ] {
        let map = ["map", net, "--chip", chip, "--objective", objective];
        let report = json(&format!("alike_{chip}_{objective}"), &map);
        let list = report["assumptions"].as_array().expect("a list");
        let about = |a: &&serde_json::Value| {
            let text = a.as_str().expect("text");
            text.starts_with(&format!("objective {objective}:"))
        };
        let found = list.iter().find(about).map(ToString::to_string);
        let found = found.unwrap_or_default();
        assert!(
            found.is_empty() == said.is_empty() && found.contains(said),
            "{chip} {objective}: {list:?}"
        );
    }
}

/// Rates of a run, and of samples, are taken on crossbars too.
#[test]
fn profiles_and_samples_weigh_crossbars() {
    let (net, input) = ("examples/digits/digits.nir", "examples/digits/test.npz");
    let folder = crate::cli::folder("crossbar_profile");
    let file = folder.join("run.json").to_string_lossy().into_owned();
    let run = [
        "run",
        net,
        "--input",
        input,
        "--chip",
        "truenorth",
        "--limit",
        "3",
        "--rates",
        "--json",
        &file,
    ];
    let ran = crate::cli::run_in(&root(), &run);
    assert!(
        ran.status.success(),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let map = ["map", net, "--chip", "truenorth", "--profile", &file];
    let profiled = json("crossbar_profiled", &map);
    let map = [
        "map",
        net,
        "--chip",
        "truenorth",
        "--input",
        input,
        "--limit",
        "3",
    ];
    let sampled = json("crossbar_sampled", &map);
    for (report, from) in [(profiled, "measured"), (sampled, "samples")] {
        let traffic = &report["traffic"];
        let rates = traffic["rates"].as_str().expect("text");
        assert!(rates.contains(from), "{rates}");
        assert_eq!(report["mapping"]["cores_used"], 2);
    }
}

/// Without any rates the default is no worse than few cores either, where neurons spike far more often than is assumed of them.
#[test]
fn the_default_costs_no_more_where_rates_are_not_known() {
    let chip = preset("truenorth");
    let mut less = 0;
    for seed in 0..30 {
        let net = fan_out(seed, 1);
        let cost = |objective| {
            let done = mapped(&net, &chip, objective, None);
            let case = Case {
                name: format!("fan {seed}"),
                net: net.clone(),
                activity: None,
                input: Ok((noise(&net), 1)),
            };
            measure(&case, &done, &chip).expect("it runs").edp()
        };
        let (few, default) = (cost("cores"), cost(OBJECTIVES[0]));
        assert!(default <= few, "fan {seed}: {default} above {few}");
        less += u32::from(default < few);
    }
    assert!(less > 5, "{less}");
}

/// Cores of a mapping, given again, make the same image: with splitters that are needed or cost less, by any objective.
#[test]
fn cores_given_again_make_the_same_image() {
    let mut splitters = 0;
    for seed in 0..16 {
        let net = fan_out(seed, 1 + seed % 3);
        let chip = small(CHIPS[seed as usize % CHIPS.len()], 48, 256);
        for name in OBJECTIVES {
            let options = |assignment| Options {
                objective: Objective::of(name).expect("of the list"),
                assignment,
                ..Options::default()
            };
            let Ok(first) = mapper::map(&net, &chip, &options(None)) else {
                continue;
            };
            splitters += first.report.relays;
            let again = Options {
                objective: Objective::default(),
                ..options(Some(first.assignment.clone()))
            };
            let again = mapper::map(&net, &chip, &again);
            let again = again.unwrap_or_else(|e| panic!("{seed} {name}: {}", errors(&e)));
            assert_eq!(again.image, first.image, "{seed} {name}");
        }
    }
    assert!(splitters > 0);
}
