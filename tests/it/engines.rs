//! Trained networks, as mapped for `loihi`, on both engines: two samples each, everything equal.

use crate::cli::root;
use emulator::reference::{self, Setup};
use emulator::{Between, Options, SampleInput, Timing};
use isa::ChipSpec;

const SAMPLES: usize = 2;

fn check(name: &str, network: &str) {
    let chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
    let folder = root().join("examples").join(name);
    let path = folder.join(network);
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    let lowered = spikemesh::nets::lower(&graph, &path).expect("can run");
    let options = mapper::Options {
        partitioner: "overlap".to_owned(),
        placer: "best".to_owned(),
        seed: 0,
        threads: 1,
        assignment: None,
        exact: false,
    };
    let image = mapper::map(&lowered, &chip, &options)
        .unwrap_or_else(|e| panic!("{e:?}"))
        .image;
    let events = spikemesh::nets::input(&folder.join("test.npz"), &image).expect("good input");
    let samples: Vec<SampleInput> = events.samples[..SAMPLES]
        .iter()
        .map(|sample| spikemesh::nets::to_chip(sample, events.steps, &image).expect("spikes"))
        .collect();
    let options = Options {
        seed: 7,
        threads: 1,
        timing: Timing::Cycle,
        between: Between::Reset,
        drain: image.io.drain,
        record_spikes: true,
        record_packets: true,
    };
    let fast = emulator::run(&image, &chip, &samples, &options, &|_| ()).expect("fits");
    let events = |sample: &SampleInput| -> reference::Sample {
        let step = |t: usize| {
            (sample.offsets[t] as usize..sample.offsets[t + 1] as usize)
                .map(|i| (sample.elements[i], sample.values[i]))
        };
        (0..sample.steps as usize)
            .map(|t| step(t).collect())
            .collect()
    };
    let setup = Setup {
        seed: 7,
        reset: true,
        extra_steps: image.io.drain,
    };
    let slow = reference::run(
        &image,
        &chip,
        &samples.iter().map(events).collect::<Vec<_>>(),
        &setup,
    );
    assert_eq!(slow.len(), SAMPLES);
    for (fast, slow) in fast.iter().zip(&slow) {
        assert!(
            !slow.spikes.is_empty() && !slow.packets.is_empty(),
            "{name}: nothing happened"
        );
        assert!(fast.spikes == slow.spikes, "{name}: spikes");
        assert!(fast.outputs == slow.outputs, "{name}: outputs");
        assert!(fast.probes == slow.probes, "{name}: probes");
        for (fast, slow) in fast.populations.iter().zip(&slow.populations) {
            assert_eq!(fast.entries(), slow.entries(), "{name}");
        }
        assert_eq!(fast.time_counters.entries(), slow.time.entries(), "{name}");
        let steps = fast
            .step_times
            .iter()
            .map(|s| [s.cycles, s.neuron, s.synapse, s.noc, s.sync]);
        assert!(
            steps.eq(slow
                .steps
                .iter()
                .map(|s| [s.cycles, s.neuron, s.synapse, s.noc, s.sync])),
            "{name}: steps"
        );
        let packets = fast.packets.iter().map(|p| {
            (
                p.step, p.source, p.sequence, p.target, p.sent, p.arrived, p.served,
            )
        });
        let expected = slow.packets.iter().map(|p| {
            (
                p.step, p.source, p.sequence, p.target, p.sent, p.arrived, p.served,
            )
        });
        assert!(packets.eq(expected), "{name}: packets");
        let links = fast
            .links
            .iter()
            .map(|link| (link.packets, link.wait_cycles));
        assert!(links.eq(slow.links.iter().copied()), "{name}: links");
    }
}

#[test]
fn digits_run_alike() {
    check("digits", "digits.nir");
}

#[test]
fn conv_digits_run_alike() {
    check("conv_digits", "conv_digits.nir");
}

#[test]
fn srnn_runs_alike() {
    check("srnn", "srnn.nir");
}

#[test]
fn delays_run_alike() {
    check("delays", "delays.nir");
}
