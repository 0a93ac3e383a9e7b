//! Networks on crossbar chips: every spike and every potential that is read equals an integer simulation of the quantised
//! network; copies fire with their neuron; nothing merges and nothing is late.

mod law;
mod objectives;
mod random;
mod splitters;

use crate::cli::{json, root, run_in};
use emulator::{Between, Options, SampleInput, Timing};
use isa::ChipSpec;
use mapper::{MapError, Mapped};
use network::lowered::Lowered;
use random::Random;
use std::collections::{BTreeMap, BTreeSet};

const CHIPS: [&str; 2] = ["truenorth", "ranc"];

fn preset(name: &str) -> ChipSpec {
    ChipSpec::preset(name).expect("a preset").expect("valid")
}

fn map(net: &Lowered, chip: &ChipSpec) -> Result<Mapped, Vec<MapError>> {
    mapper::map(net, chip, &mapper::Options::default())
}

/// The neuron that each copy copies: one of the same population and core, with the same row of the crossbar and the same
/// registers. All that are found so are alike.
fn originals(mapped: &Mapped) -> BTreeMap<u32, u32> {
    let (image, neurons) = (&mapped.image, mapped.quantized.neurons());
    let mut of = BTreeMap::new();
    for core in &image.cores {
        // What the chip has of each lane: its group's program, its registers, its bits by axon.
        let mut lanes: Vec<(Vec<i32>, BTreeSet<usize>)> = Vec::new();
        let mut first = Vec::new();
        for group in &core.groups {
            first.push(lanes.len());
            for lane in 0..group.lanes as usize {
                let slots = group.slots.iter();
                let slots = slots.map(|s| s.init[if s.init.len() == 1 { 0 } else { lane }]);
                let program = group.update.iter().map(|w| *w as i32);
                lanes.push((program.chain(slots).collect(), BTreeSet::new()));
            }
        }
        let (mut segment, mut word) = (0, 0);
        for (axon, a) in core.axons.iter().enumerate() {
            for s in &core.segments[segment..segment + usize::from(a.segments)] {
                let count = core.groups[usize::from(s.group)].lanes as usize;
                for lane in 0..count {
                    if core.rows[word + lane / 64] >> (lane % 64) & 1 == 1 {
                        lanes[first[usize::from(s.group)] + lane].1.insert(axon);
                    }
                }
                word += count.div_ceil(64);
            }
            segment += usize::from(a.segments);
        }
        for (lane, id) in core
            .lane_ids
            .iter()
            .enumerate()
            .filter(|(_, id)| id.0 >= neurons)
        {
            let own =
                |other: &usize| core.lane_ids[*other].0 < neurons && lanes[*other] == lanes[lane];
            let found = (0..lanes.len()).find(own);
            of.insert(
                id.0,
                core.lane_ids[found.expect("a copy has its neuron beside it")].0,
            );
        }
    }
    of
}

/// Runs samples and compares with the integer simulation. Returns the spikes of the network's own neurons.
fn compare(
    mapped: &Mapped,
    chip: &ChipSpec,
    samples: &[SampleInput],
    timing: Timing,
    what: &str,
) -> usize {
    let image = &mapped.image;
    let options = Options {
        seed: 0,
        threads: 1,
        timing,
        between: Between::Reset,
        drain: image.io.drain + 12,
        record_spikes: true,
        record_packets: false,
    };
    let results = emulator::run(image, chip, samples, &options, &|_| ()).expect("it fits");
    let neurons = mapped.quantized.neurons();
    let originals = originals(mapped);
    let mut count = 0;
    for (index, (sample, result)) in samples.iter().zip(&results).enumerate() {
        let mut events = Vec::new();
        for t in 0..sample.steps {
            for e in sample.offsets[t as usize]..sample.offsets[t as usize + 1] {
                events.push((t, sample.elements[e as usize]));
            }
        }
        let expect = law::simulate(&mapped.quantized, sample.steps + options.drain, &events);
        let mut own: Vec<(u32, u32)> = Vec::new();
        let mut copied: Vec<(u32, u32)> = Vec::new();
        for (t, id) in &result.spikes {
            if *id < neurons {
                own.push((*t, *id));
            } else {
                copied.push((*t, *id));
            }
        }
        own.sort_unstable();
        let trains = |list: &[(u32, u32)]| {
            let mut trains: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for (t, n) in list {
                trains.entry(*n).or_default().push(*t);
            }
            trains
        };
        let (of_neurons, of_copies) = (trains(&own), trains(&copied));
        for (copy, neuron) in &originals {
            let (a, b) = (of_copies.get(copy), of_neurons.get(neuron));
            assert_eq!(a, b, "{what}: copy {copy} of {neuron}");
        }
        assert_eq!(own, expect.spikes, "{what} sample {index}");
        count += own.len();
        for (probe, values) in image.probes.iter().zip(&result.probes) {
            let population = mapped.quantized.population_of(probe.neurons[0].0);
            assert_eq!(values, &expect.values[&population], "{what} {}", probe.name);
        }
        let merges: u64 = result.populations.iter().map(|c| c.axon_merges).sum();
        assert_eq!(merges, 0, "{what}: spikes merged");
        assert_eq!((result.late_packets, result.overruns), (0, 0), "{what}");
    }
    count
}

fn sample(r: &mut Random, elements: u32, steps: u32) -> SampleInput {
    let mut sample = SampleInput {
        steps,
        offsets: vec![0],
        ..SampleInput::default()
    };
    let chance = 1 + r.below(6);
    for _ in 0..steps {
        for element in 0..elements {
            if r.below(8) < chance {
                sample.elements.push(element);
                sample.values.push(1);
            }
        }
        sample.offsets.push(sample.elements.len() as u32);
    }
    sample
}

fn example(name: &str) -> Lowered {
    let path = root().join(format!("examples/{name}/{name}.nir"));
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    spikemesh::nets::lower(graph, &path).expect("can run")
}

#[test]
fn digits_give_the_spikes_of_their_integers() {
    for name in CHIPS {
        let chip = preset(name);
        let mapped = map(&example("digits"), &chip).unwrap_or_else(|e| panic!("{name}: {}", e[0]));
        assert_eq!(isa::verify::fits(&mapped.image, &chip), []);
        assert_eq!(
            mapped.report.cores_used, 2,
            "64 × 4 lines each way fill two cores"
        );
        let input = root().join("examples/digits/test.npz");
        let events = spikemesh::nets::input(&input, &mapped.image).expect("good input");
        let samples: Vec<SampleInput> = events
            .samples
            .iter()
            .map(|s| spikemesh::nets::to_chip(s, events.steps, &mapped.image).expect("spikes"))
            .collect();
        let spikes = compare(&mapped, &chip, &samples, Timing::Cycle, name);
        assert!(spikes > 5000, "{name}: {spikes} spikes prove nothing");
    }
}

#[test]
fn digits_keep_their_accuracy() {
    for chip in CHIPS {
        let (net, input) = ("examples/digits/digits.nir", "examples/digits/test.npz");
        let run = ["run", net, "--input", input, "--chip", chip];
        let report = json(&format!("crossbar_{chip}"), &run);
        let accuracy = report["accuracy"].as_f64().expect("labels were given");
        assert!(accuracy >= 0.9, "{chip}: {accuracy}");
        assert_eq!(report["timing_valid"], true, "{chip}");
        assert_eq!(report["late_packets"], 0, "{chip}");
        let leaks = report["approximations"].as_array().expect("a list");
        let about = |layer: &str| {
            let has = |a: &serde_json::Value| {
                let text = a.as_str().expect("text");
                text.contains(layer) && text.contains("linear leak")
            };
            leaks.iter().any(has)
        };
        assert!(about("lif1") && about("lif2"), "{leaks:?}");
        let exact = run_in(
            &root(),
            &["run", net, "--input", input, "--chip", chip, "--exact"],
        );
        assert_eq!(exact.status.code(), Some(1));
        let said = String::from_utf8_lossy(&exact.stderr).into_owned();
        assert!(
            said.contains("lif1") && said.contains("linear leak"),
            "{said}"
        );
    }
}

/// Every example network maps, or is refused by name with what it needs and the way out.
#[test]
fn examples_map_or_say_why_not() {
    let refusals = [
        ("digits", ""),
        ("conv_digits", "population \"if2\" needs"),
        (
            "srnn",
            "node \"srnn/lif\": its model needs a synaptic current",
        ),
        (
            "delays",
            "node \"group/cuba\": its model needs a synaptic current",
        ),
        ("motion", "needs"),
    ];
    for name in CHIPS {
        let chip = preset(name);
        for (net, why) in refusals {
            match map(&example(net), &chip) {
                Ok(_) => assert_eq!(why, "", "{net} maps onto {name}"),
                Err(errors) => {
                    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    let all = all.join("; ");
                    assert!(
                        !why.is_empty() && all.contains(why),
                        "{net} on {name}: {all}"
                    );
                }
            }
        }
    }
}

#[test]
fn several_spikes_of_an_element_in_a_step_are_refused_or_named() {
    let folder = crate::cli::folder("crossbar_counts");
    std::fs::write(
        folder.join("in.csv"),
        "time,index,value\n0,3,1\n0.0002,5,3\n",
    )
    .expect("writable");
    let input = folder.join("in.csv").to_string_lossy().into_owned();
    let net = "examples/digits/digits.nir";
    let run = run_in(
        &root(),
        &[
            "run",
            net,
            "--input",
            &input,
            "--steps",
            "4",
            "--chip",
            "truenorth",
        ],
    );
    assert_eq!(run.status.code(), Some(1));
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(
        said.contains("step 2, element 5: 3 spikes in one step"),
        "{said}"
    );
    let image = folder.join("digits.spm").to_string_lossy().into_owned();
    let map = run_in(&root(), &["map", net, "--chip", "truenorth", "-o", &image]);
    assert!(map.status.success());
    let said = String::from_utf8_lossy(&map.stdout).into_owned();
    for word in [" copies, ", " crossbar bits) on ", "  crossbar bits  "] {
        assert!(said.contains(word), "{word}: {said}");
    }
    let run = run_in(
        &root(),
        &[
            "run",
            &image,
            "--input",
            &input,
            "--steps",
            "4",
            "--chip",
            "truenorth",
        ],
    );
    assert!(run.status.success());
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        said.contains("step 2, element 5: 3 spikes in one step") && said.contains("act as one"),
        "{said}"
    );
}

/// Random networks on both chips. What does not fit is refused with a limit, a need and a way out; all else gives the spikes
/// of its integers, and cores no more than the bound by 3 %, or the reason.
#[test]
fn random_networks_give_the_spikes_of_their_integers() {
    let (mut mapped, mut spikes, mut copies, mut above) = (0, 0, 0, 0);
    for seed in 0..500 {
        let name = CHIPS[seed as usize % 2];
        let chip = preset(name);
        let net = random::network(seed);
        let what = format!("seed {seed} on {name}");
        let done = match map(&net, &chip) {
            Ok(done) => done,
            Err(errors) => {
                for e in errors {
                    let named = matches!(
                        e,
                        MapError::Neuron { .. } | MapError::Node { .. } | MapError::Cores { .. }
                    );
                    assert!(named, "{what}: {e}");
                }
                continue;
            }
        };
        assert_eq!(isa::verify::structure(&done.image), [], "{what}");
        assert_eq!(isa::verify::fits(&done.image, &chip), [], "{what}");
        let crossbar = done.report.crossbar.as_ref().expect("a crossbar chip");
        let (used, bound) = (
            u64::from(done.report.cores_used),
            done.report.cores_lower_bound,
        );
        let own = bound
            .max(crossbar.cores_by_lanes)
            .max(crossbar.cores_by_axons);
        assert!(used >= own, "{what}: {used} cores under a bound of {own}");
        assert_eq!(crossbar.binding.is_empty(), used <= own, "{what}");
        above += u32::from(used * 100 > own * 103);
        copies += crossbar.copies;
        let mut r = Random(seed ^ 0xABCD);
        let elements = done.quantized.input_elements();
        let samples: Vec<SampleInput> = (0..2).map(|_| sample(&mut r, elements, 24)).collect();
        spikes += compare(&done, &chip, &samples, Timing::Off, &what);
        mapped += 1;
    }
    println!(
        "{mapped} of 500 mapped, {above} of them above their bound; {copies} copies; {spikes} spikes"
    );
    assert!(mapped >= 300, "{mapped} of 500 mapped");
    assert!(
        copies > 1000 && spikes > 100_000,
        "{copies} copies, {spikes} spikes"
    );
}

#[test]
fn the_same_mapping_again_and_from_its_assignment() {
    for seed in [3, 8, 21, 34, 55] {
        let chip = preset("truenorth");
        let net = random::network(seed);
        let Ok(first) = map(&net, &chip) else {
            continue;
        };
        let options = mapper::Options {
            assignment: Some(first.assignment.clone()),
            ..mapper::Options::default()
        };
        let again = mapper::map(&net, &chip, &options).unwrap_or_else(|e| panic!("{}", e[0]));
        assert_eq!(again.image, first.image, "seed {seed}");
        let only_own = first.assignment[..first.quantized.neurons() as usize].to_vec();
        let options = mapper::Options {
            assignment: Some(only_own),
            threads: 2,
            ..mapper::Options::default()
        };
        let again = mapper::map(&net, &chip, &options).unwrap_or_else(|e| panic!("{}", e[0]));
        assert_eq!(again.image, first.image, "seed {seed}");
    }
}
