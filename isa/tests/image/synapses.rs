//! Weights and synapse memory.

use crate::sample::{format, small};
use isa::ChipSpec;
use isa::chip::CoreLimits;
use isa::image::{SegmentOffsets, SynapseFormat, SynapseKind, WeightSign};

fn limits() -> CoreLimits {
    ChipSpec::preset("loihi")
        .expect("a preset")
        .expect("valid")
        .limits
}

#[test]
fn weights_decode() {
    let cases = [
        // mantissa, exponent, scale, weight
        (1, 0, 0, 1),
        (-1, 0, 6, -64),
        (-3, -1, 0, -2),
        (3, -1, 6, 64),
        (-1, -31, 0, -1),
        (255, 7, 6, 255 << 13),
        (511, 22, 0, 511 << 22),
        (-511, 0, 22, -511 << 22),
    ];
    for (mantissa, exponent, scale, weight) in cases {
        let format = SynapseFormat {
            exponent,
            scale,
            ..format(SynapseKind::Sparse)
        };
        assert_eq!(
            format.decode(mantissa),
            weight,
            "{mantissa} {exponent} {scale}"
        );
    }
}

#[test]
fn nothing_panics_on_senseless_formats() {
    for exponent in [i8::MIN, i8::MAX] {
        for sign in [
            WeightSign::Signed,
            WeightSign::Excitatory,
            WeightSign::Inhibitory,
        ] {
            let format = SynapseFormat {
                exponent,
                sign,
                weight_bits: 255,
                scale: 255,
                delay_bits: 255,
                index_bits: 255,
                ..format(SynapseKind::Sparse)
            };
            let (low, high) = format.mantissa_range();
            assert!(low < high);
            format.decode(i16::MIN);
            assert!(format.bits(u32::MAX, &limits()) > 0);
        }
    }
}

#[test]
fn mantissas_have_the_range_of_their_sign() {
    let range = |weight_bits, sign| {
        SynapseFormat {
            weight_bits,
            sign,
            ..format(SynapseKind::Sparse)
        }
        .mantissa_range()
    };
    assert_eq!(range(8, WeightSign::Signed), (-128, 127));
    assert_eq!(range(1, WeightSign::Signed), (-1, 0));
    assert_eq!(range(0, WeightSign::Signed), (0, 0));
    assert_eq!(range(9, WeightSign::Excitatory), (0, 511));
    assert_eq!(range(9, WeightSign::Inhibitory), (-511, 0));
    assert_eq!(range(0, WeightSign::Inhibitory), (0, 0));
}

/// The derived figures for a Loihi-1 core: a block of 64 with an index of 10 bits takes 1216 bits, a dense one 576.
#[test]
fn blocks_take_what_is_published() {
    let sparse = SynapseFormat {
        index_bits: 10,
        ..format(SynapseKind::Sparse)
    };
    let dense = SynapseFormat {
        delay_bits: 0,
        ..format(SynapseKind::Dense)
    };
    let loihi = limits();
    assert_eq!(sparse.bits(0, &loihi), 0);
    assert_eq!(sparse.bits(1, &loihi), 64);
    assert_eq!(sparse.bits(64, &loihi), 1216);
    assert_eq!(sparse.bits(65, &loihi), 1216 + 64);
    assert_eq!(sparse.bits(1024, &loihi), 16 * 1216);
    assert_eq!(loihi.synapse_bits / sparse.bits(1024, &loihi), 53);
    assert_eq!(dense.bits(64, &loihi), 576);
    assert_eq!(loihi.synapse_bits / dense.bits(1024, &loihi), 113);
    let plain = CoreLimits {
        synapse_block: 0,
        ..loihi.clone()
    };
    assert_eq!(sparse.bits(1024, &plain), 1024 * 18);
    assert_eq!(format(SynapseKind::Crossbar).bits(256, &loihi), 256);
}

#[test]
fn offsets_follow_the_kinds() {
    let image = small();
    let at = |targets, weights, delays, rows| SegmentOffsets {
        targets,
        weights,
        delays,
        rows,
    };
    assert_eq!(
        image.cores[0].segment_offsets(),
        [at(0, 0, 0, 0), at(2, 2, 0, 0), at(2, 4, 2, 0)]
    );
    // 2 × (8 + 6) + 10 → 64; 2 × (8 + 3) + 10 → 64; a row of 1 bit.
    assert_eq!(image.cores[0].synapse_bits(&limits()), 64 + 64 + 1);
    assert_eq!(image.cores[0].lanes(), 4);
}
