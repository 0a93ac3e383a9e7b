//! Trained networks, as mapped for `loihi`, and the crossbar example on both engines: everything equal.

use crate::cli::root;
use crate::compare;
use emulator::reference::Outcome;
use emulator::{Between, SampleInput};
use isa::{ChipSpec, Image};

/// Everything that a run takes; [`compare`] takes it under the name that the random cases have.
pub(crate) struct Case {
    pub(crate) chip: ChipSpec,
    pub(crate) image: Image,
    pub(crate) samples: Vec<SampleInput>,
    pub(crate) between: Between,
    pub(crate) drain: u32,
}

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
    let options = mapper::Options::default();
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

/// Runs the samples on both engines: everything that a result holds is the same.
pub(crate) fn alike(
    name: &str,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    drain: u32,
) {
    for slow in same(name, image, chip, samples, drain) {
        assert!(
            !slow.spikes.is_empty() && !slow.packets.is_empty(),
            "{name}: nothing happened"
        );
    }
}

/// The same, for programs that may send nothing. Returns what the reference gave.
pub(crate) fn same(
    name: &str,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    drain: u32,
) -> Vec<Outcome> {
    let case = Case {
        chip: chip.clone(),
        image: image.clone(),
        samples: samples.to_vec(),
        between: Between::Reset,
        drain,
    };
    let options = compare::options(case.between, drain);
    let fast = compare::fast(&case, &options).expect("fits");
    let slow = compare::slow(&case, options.seed);
    assert_eq!(slow.len(), samples.len());
    if let Some(difference) = compare::difference(&case, &fast, &slow) {
        panic!("{name}: {difference}");
    }
    slow
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
