//! Trained networks, as mapped for `loihi`, and the crossbar example on both engines: everything equal.

use crate::cli::root;
use emulator::reference::{self, Setup};
use emulator::{Between, Options, SampleInput, Timing};
use isa::{ChipSpec, Image};

fn check(name: &str, network: &str, samples: usize) {
    let chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
    let folder = root().join("examples").join(name);
    let path = folder.join(network);
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let graph = spikemesh::nets::load(&path, &arguments).expect("a good file");
    let lowered = spikemesh::nets::lower(graph, &path).expect("can run");
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
    let samples: Vec<SampleInput> = events.samples[..samples]
        .iter()
        .map(|sample| spikemesh::nets::to_chip(sample, events.steps, &image).expect("spikes"))
        .collect();
    alike(name, &image, &chip, &samples, image.io.drain);
}

/// Runs the samples on both engines.
pub(crate) fn alike(
    name: &str,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    drain: u32,
) {
    let options = Options {
        seed: 7,
        threads: 1,
        timing: Timing::Cycle,
        between: Between::Reset,
        drain,
        record_spikes: true,
        record_packets: true,
    };
    let fast = emulator::run(image, chip, samples, &options, &|_| ()).expect("fits");
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
        extra_steps: drain,
    };
    let slow = reference::run(
        image,
        chip,
        &samples.iter().map(events).collect::<Vec<_>>(),
        &setup,
    );
    assert_eq!((fast.len(), slow.len()), (samples.len(), samples.len()));
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
    check("digits", "digits.nir", 2);
}

#[test]
fn conv_digits_run_alike() {
    check("conv_digits", "conv_digits.nir", 2);
}

#[test]
fn srnn_runs_alike() {
    check("srnn", "srnn.nir", 2);
}

#[test]
fn delays_run_alike() {
    check("delays", "delays.nir", 2);
}

#[test]
fn motion_runs_alike() {
    check("motion", "motion.nir", 1);
}

#[test]
fn crossbar_runs_alike() {
    let chip = ChipSpec::preset("truenorth")
        .expect("a preset")
        .expect("valid");
    let text =
        std::fs::read_to_string(root().join("examples/crossbar/crossbar.s")).expect("an example");
    let image = assembler::assemble(&text, "crossbar.s").expect("it assembles");
    // `input.csv`: both elements in step 0, the first again in step 3.
    let sample = SampleInput {
        steps: 5,
        offsets: vec![0, 2, 2, 2, 3, 3],
        elements: vec![0, 1, 0],
        values: vec![1, 1, 1],
    };
    alike("crossbar", &image, &chip, &[sample], image.io.drain);
}
