//! A pattern is only a way to store synapses: written out, an image gives the same in everything that a result holds.

use crate::compare::{ENGINE, fast, options};
use crate::random_image::case;
use isa::image::{CoreProgram, SynapseKind};

/// Replaces shared segments by sparse ones. Returns how many there were.
fn write_out(core: &mut CoreProgram) -> usize {
    let offsets = core.segment_offsets();
    let before = core.clone();
    core.patterns.clear();
    core.shared.clear();
    core.targets.clear();
    core.weights.clear();
    core.delays.clear();
    for format in &mut core.formats {
        if format.kind == SynapseKind::Shared {
            format.kind = SynapseKind::Sparse;
            format.index_bits = 16;
        }
    }
    let mut shared = 0;
    for (segment, at) in core.segments.iter_mut().zip(offsets) {
        let format = &before.formats[usize::from(segment.format)];
        let count = segment.count as usize;
        let sparse = matches!(format.kind, SynapseKind::Sparse | SynapseKind::Shared);
        if sparse {
            let own = before.targets[at.targets..at.targets + count].iter();
            core.targets
                .extend(own.map(|lane| lane + segment.first_lane));
        }
        if format.kind != SynapseKind::Crossbar {
            core.weights
                .extend_from_slice(&before.weights[at.weights..at.weights + count]);
        }
        if format.delay_bits > 0 {
            core.delays
                .extend_from_slice(&before.delays[at.delays..at.delays + count]);
        }
        if format.kind == SynapseKind::Shared {
            segment.first_lane = 0;
            shared += 1;
        }
    }
    shared
}

#[test]
fn patterns_are_their_synapses() {
    let _sound = ENGINE.read().unwrap();
    let (mut shared, mut operations) = (0, 0);
    for seed in 0..300 {
        let mut case = case(seed);
        let options = options(case.between, case.drain);
        let with = fast(&case, &options).unwrap();
        let here: usize = case.image.cores.iter_mut().map(write_out).sum();
        let without = fast(&case, &options).unwrap();
        assert!(with == without, "seed {seed}");
        shared += here;
        if here > 0 {
            let all = without.iter().flat_map(|sample| &sample.populations);
            operations += all.map(|c| c.synaptic_ops).sum::<u64>();
        }
    }
    println!("{shared} shared segments, {operations} synaptic operations on their chips");
    assert!(shared > 200 && operations > 5000);
}
