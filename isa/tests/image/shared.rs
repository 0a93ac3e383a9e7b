//! Patterns: rules of structure and of chips, where their data is, and the memory that they take.

use crate::sample::{format, segment, small};
use expect_test::{Expect, expect};
use isa::ChipSpec;
use isa::image::{Image, Pattern, SegmentOffsets, SynapseFormat, SynapseKind};
use isa::verify::{fits, structure};

/// The sample with a pattern of two synapses on core 0, at lane 1 of group 0 and (from lane 0) once more.
fn patterned() -> Image {
    let mut image = small();
    let core = &mut image.cores[0];
    core.formats.push(SynapseFormat {
        kind: SynapseKind::Shared,
        delay_bits: 3,
        ..format(SynapseKind::Sparse)
    });
    core.patterns = vec![Pattern {
        format: 3,
        count: 2,
    }];
    core.targets.splice(0..0, [0, 1]);
    core.weights.splice(0..0, [5, -6]);
    core.delays.splice(0..0, [1, 2]);
    core.axons[1].segments += 2;
    core.segments
        .extend([segment(0, 3, 1, 2), segment(0, 3, 0, 2)]);
    core.shared = vec![0, 0];
    image
}

fn check(change: impl FnOnce(&mut Image), expected: Expect) {
    let mut image = patterned();
    change(&mut image);
    let lines: String = structure(&image).iter().map(|v| format!("{v}\n")).collect();
    expected.assert_eq(&lines);
}

#[test]
fn good_patterns_round_trip() {
    check(|_| (), expect![""]);
    let image = patterned();
    let bytes = image.to_bytes();
    assert_eq!(Image::from_bytes(&bytes).unwrap(), image);
}

#[test]
fn rules_of_structure() {
    check(
        |image| image.cores[0].patterns[0].format = 0,
        expect![[r#"
            core 0 pattern 0: format 0 is not a shared one (give it synapses and a format of kind shared)
            core 0: a segment of 2 synapses in format 3 names pattern 0, which has 2 in format 0; and 1 more like it (repeat the pattern's count and format in the segment)
        "#]],
    );
    check(
        |image| image.cores[0].patterns[0].format = 9,
        expect![[r#"
            core 0 pattern 0: names format 9; the core has 4 (give it synapses and a format of kind shared)
            core 0: a segment of 2 synapses in format 3 names pattern 0, which has 2 in format 9; and 1 more like it (repeat the pattern's count and format in the segment)
        "#]],
    );
    check(
        |image| image.cores[0].patterns[0].count = 0,
        expect![[r#"
            core 0 pattern 0: 0 synapses; 1 to 1048576 are possible (give it synapses and a format of kind shared)
            core 0: a segment of 2 synapses in format 3 names pattern 0, which has 0 in format 3; and 1 more like it (repeat the pattern's count and format in the segment)
        "#]],
    );
    check(
        |image| image.cores[0].shared[1] = 1,
        expect![[r#"
        core 0: a segment names pattern 1; there are 1 (repeat the pattern's count and format in the segment)
    "#]],
    );
    check(
        |image| {
            image.cores[0].shared.pop();
        },
        expect![[r#"
            core 0: 1 segment patterns for 2 shared segments (name a pattern for each)
        "#]],
    );
    check(
        |image| image.cores[0].segments[3].count = 1,
        expect![[r#"
            core 0: a segment of 1 synapses in format 3 names pattern 0, which has 2 in format 3 (repeat the pattern's count and format in the segment)
        "#]],
    );
    check(
        |image| image.cores[0].segments[3].first_lane = 2,
        expect![[r#"
            core 0 axon 1: pattern 0 reaches lane 3; group 0 has 3 lanes (move the segment, or give it another pattern)
        "#]],
    );
    check(
        |image| image.cores[0].targets[1] = 64,
        expect![[r#"
        core 0 pattern 0: target lane 64; the index of format 3 has 6 bits (change the value, or give the pattern a format that holds it)
        core 0 axon 1: pattern 0 reaches lane 65; group 0 has 3 lanes; and 1 more like it (move the segment, or give it another pattern)
    "#]],
    );
    check(
        |image| image.cores[0].weights[0] = 128,
        expect![[r#"
        core 0 pattern 0: weight mantissa 128 is outside -128..=127 of format 3 (change the value, or give the pattern a format that holds it)
    "#]],
    );
    check(
        |image| image.cores[0].delays[1] = 8,
        expect![[r#"
        core 0 pattern 0: delay 8 does not fit the 3 delay bits of format 3 (change the value, or give the pattern a format that holds it)
    "#]],
    );
    check(
        |image| image.cores[0].formats[3].weight_slot = 1,
        expect![[r#"
            core 0 format 3: weight_slot has no meaning for sparse, dense and shared synapses (write 0)
        "#]],
    );
    check(
        |image| {
            image.cores[0].targets.remove(0);
        },
        expect![[r#"
            core 0: 3 targets; its patterns and segments have 4 (list as many as the segments have)
        "#]],
    );
}

/// A few bytes must not stand for more synapses than an engine can hold.
#[test]
fn repetition_is_bounded() {
    check(
        |image| {
            let core = &mut image.cores[0];
            let more = 1 << 23;
            core.patterns[0].count += more;
            core.targets.splice(0..0, vec![0; more as usize]);
            core.weights.splice(0..0, vec![0; more as usize]);
            core.delays.splice(0..0, vec![0; more as usize]);
            for segment in &mut core.segments[3..] {
                segment.count += more;
            }
        },
        expect![[r#"
            core 0 pattern 0: 8388610 synapses; 1 to 1048576 are possible (give it synapses and a format of kind shared)
            core 0: 16777220 synapses in shared segments; a core has at most 16777216 (use more cores)
            core 0 axon 1: a segment of 8388610 synapses; 1 to 1048576 are possible; and 1 more like it (write the segment for the group as it is, or leave it out)
        "#]],
    );
}

/// The pattern once, a pointer for each segment.
#[test]
fn memory_and_places() {
    let mut chip = ChipSpec::preset("tiny").unwrap().unwrap();
    let image = patterned();
    let core = &image.cores[0];
    let at = |targets, weights, delays, rows| SegmentOffsets {
        targets,
        weights,
        delays,
        rows,
    };
    assert_eq!(core.pattern_offsets(), [at(0, 0, 0, 0), at(2, 2, 2, 0)]);
    let places = [
        at(2, 2, 2, 0),
        at(4, 4, 2, 0),
        at(4, 6, 4, 0),
        at(0, 0, 0, 0),
        at(0, 0, 0, 0),
    ];
    assert_eq!(core.segment_offsets(), places);
    // 64 + 64 + 1 as in the sample without; 2 x (8 + 3 + 6) + 10 = 44 -> 64; two pointers.
    chip.limits.shared_pointer_bits = 20;
    assert_eq!(core.synapse_bits(&chip.limits), 64 + 64 + 1 + 64 + 2 * 20);
}

#[test]
fn chips_without_patterns_refuse_them() {
    let mut chip = ChipSpec::preset("tiny").unwrap().unwrap();
    let refusals = |chip: &ChipSpec| -> Vec<String> {
        let all = fits(&patterned(), chip).into_iter();
        all.map(|v| v.to_string()).collect()
    };
    assert_eq!(refusals(&chip), [""; 0]);
    chip.limits.shared_pointer_bits = 0;
    let what = "core 0 format 3: shared synapses; chip \"tiny\" stores every synapse (use sparse segments, or a chip with `core.shared_pointer`)";
    assert_eq!(refusals(&chip), [what]);
}
