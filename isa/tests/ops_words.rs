//! Words and instructions are the same thing written twice: round trips over the edges of every field and over random words.

#![allow(clippy::unwrap_used, reason = "tests")]

use isa::op::{
    Class, Format, Handler, Instr, Mode, Op, Operand, Plain, Round, decode, encode, try_encode,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Edge and middle values of an n-bit field.
fn edges(bits: u32) -> Vec<u32> {
    let top = (1u64 << bits) - 1;
    let set: BTreeSet<u64> = [0, 1, 2, top / 2, top / 2 + 1, top - top.min(1), top]
        .into_iter()
        .filter(|v| *v <= top)
        .collect();
    set.into_iter().map(|v| v as u32).collect()
}

/// A word either decodes to an instruction that encodes to it, or is refused.
fn consistent(word: u32) -> bool {
    match decode(word) {
        Ok(i) => {
            assert_eq!(encode(&i), word, "{i:?}");
            assert!(!i.text(&Plain(3)).is_empty());
            true
        }
        Err(error) => {
            assert_eq!(error.word, Some(word));
            false
        }
    }
}

#[test]
fn strided_sweep() {
    let legal = (0..=u32::MAX)
        .step_by(1021)
        .filter(|word| consistent(*word))
        .count();
    assert!(legal > 10_000, "{legal}");
}

/// A sample of all words: 2^22 of a generator (splitmix64). `examples/decode_sweep.rs` takes all.
#[test]
fn random_sample() {
    let mut state = 7u64;
    let legal = (0..1 << 22)
        .filter(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            consistent(((z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 32) as u32)
        })
        .count();
    assert!(legal > 10_000, "{legal}");
}

/// Every combination of edge values of all fields of all formats under every opcode.
fn edge_words() -> Vec<u32> {
    let mut all = Vec::new();
    for code in 0..64u32 {
        let format = Op::from_code(code as u8).map_or(Format::R, Op::format);
        let mut words = vec![code << 26];
        for field in format.fields().iter().filter(|field| field.name != "op") {
            let values = match field.name {
                "sh" => vec![0, 1, 31],
                "rd" | "ra" | "rb" => vec![0, 1, 3, 4, 15],
                "zero" => vec![0, 1],
                _ => edges(u32::from(field.hi - field.lo) + 1),
            };
            words = words
                .iter()
                .flat_map(|word| values.iter().map(move |value| word | value << field.lo))
                .collect();
        }
        all.extend(words);
    }
    all
}

#[test]
fn edges_of_all_fields() {
    let legal = edge_words().into_iter().filter(|word| consistent(*word));
    let seen: BTreeSet<_> = legal
        .map(|word| Op::from_code((word >> 26) as u8))
        .collect();
    assert_eq!(seen.len(), Op::ALL.len());
}

/// Every word that differs from a legal one of the edges in one bit is another instruction or none.
#[test]
fn neighbours_of_legal_words() {
    let (mut legal, mut refused) = (0, 0);
    for word in edge_words() {
        let Ok(instr) = decode(word) else { continue };
        for bit in 0..32 {
            let other = word ^ 1 << bit;
            if consistent(other) {
                assert_ne!(decode(other).unwrap(), instr, "{word:#010x}, bit {bit}");
                legal += 1;
            } else {
                refused += 1;
            }
        }
    }
    assert!(legal > 100_000 && refused > 100_000, "{legal} {refused}");
}

#[test]
fn fields_are_disjoint_and_cover_the_word() {
    for format in [Format::R, Format::I, Format::S, Format::B] {
        let mut bits = 0u32;
        for field in format.fields() {
            assert_eq!(bits & field.mask(), 0, "{format:?} {}", field.name);
            bits |= field.mask();
        }
        assert_eq!(bits, u32::MAX, "{format:?}");
    }
}

/// Any legal instruction: every field free within what the operation has.
fn instruction() -> impl Strategy<Value = Instr> {
    let fields = (
        0u8..4,
        any::<bool>(),
        1u8..16,
        0u8..16,
        0u8..32,
        any::<bool>(),
        0usize..4,
        0usize..4,
    );
    let more = (
        0u8..32,
        -16384i16..16384,
        0u8..4,
        any::<u8>(),
        1u16..32768,
        any::<bool>(),
    );
    (0..Op::ALL.len(), fields, more).prop_map(
        |(
            op,
            (pred, negate, rd, ra, rb, konst, mode, round),
            (shift, imm, field, slot, offset, idle),
        )| {
            let op = Op::ALL[op];
            let mut i = Instr::new(op);
            if op.has_guard() {
                i.pred = pred;
                i.negate = negate && pred != 0;
            }
            if op.has_mode() {
                i.mode = Mode::ALL[mode];
            }
            if op.has_round() {
                i.round = Round::ALL[round];
            }
            for operand in op.operands() {
                match operand {
                    Operand::Rd | Operand::RdInOut => i.rd = rd,
                    Operand::RdIn => i.rd = rd - 1,
                    Operand::Pd => i.rd = 1 + rd % 3,
                    Operand::Ra => i.ra = ra,
                    Operand::B => (i.konst, i.rb) = (konst, if konst { rb } else { rb % 16 }),
                    Operand::Amount => {
                        (i.konst, i.rb, i.shift) = (konst, if konst { rb } else { rb % 16 }, shift)
                    }
                    Operand::Pa => (i.ra, i.field) = (ra % 4, field),
                    Operand::Pb => i.rb = rb % 4,
                    Operand::Shl | Operand::Shift => i.shift = shift,
                    Operand::Imm => i.imm = imm,
                    Operand::Slot => i.slot = slot,
                    Operand::Bank | Operand::Table => i.field = field,
                    Operand::Synapse | Operand::Special => {
                        i.field = field % operand.words().len() as u8
                    }
                    Operand::Target => (i.offset, i.idle) = (offset, idle),
                }
            }
            i
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn decode_undoes_encode(i in instruction()) {
        prop_assert_eq!(decode(encode(&i)), Ok(i));
    }

    #[test]
    fn random_words(words in proptest::collection::vec(any::<u32>(), 256)) {
        words.into_iter().for_each(|word| { consistent(word); });
    }

    /// One bit flipped in a legal word gives another instruction or none.
    #[test]
    fn flipped_bits(i in instruction(), bit in 0u32..32) {
        let word = encode(&i) ^ 1 << bit;
        if consistent(word) {
            prop_assert_ne!(decode(word), Ok(i));
        }
    }

    /// Different instructions have different texts.
    #[test]
    fn texts_differ(a in instruction(), b in instruction()) {
        prop_assert_eq!(a == b, a.text(&Plain(0)) == b.text(&Plain(0)));
    }

    /// Arbitrary fields never panic in `try_encode`.
    #[test]
    fn try_encode_is_total(op in 0..Op::ALL.len(), bytes in any::<[u8; 8]>(), imm in any::<i16>(), offset in any::<u16>(), flags in any::<[bool; 3]>()) {
        let i = Instr {
            op: Op::ALL[op], pred: bytes[0], negate: flags[0], rd: bytes[1], ra: bytes[2], rb: bytes[3], konst: flags[1],
            mode: Mode::ALL[usize::from(bytes[4] % 4)], round: Round::ALL[usize::from(bytes[5] % 4)], shift: bytes[6], imm,
            field: bytes[7], slot: bytes[4], offset, idle: flags[2],
        };
        if let Ok(word) = try_encode(&i) {
            prop_assert_eq!(decode(word), Ok(i));
        }
    }
}

fn text(word: u32) -> String {
    decode(word).map_or_else(|error| error.to_string(), |i| i.text(&Plain(4)))
}

/// Words put together by hand from `specs/isa.md`, so that the encoder cannot be wrong in the same way as the decoder.
#[test]
fn words_by_hand() {
    let r = |op: u32, rd: u32, ra: u32, rb: u32| op << 26 | rd << 19 | ra << 15 | rb << 11;
    for (word, expected) in [
        (0x0400_0000, "halt"),
        (0x02 << 26 | 1 << 23 | 2, "@p1 br L7"),
        (
            0x02 << 26 | 1 << 25 | 3 << 23 | 1 << 22 | 1,
            "@!p3 br.idle L6",
        ),
        (r(0x08, 1, 2, 3), "add r1, r2, r3"),
        (
            r(0x08, 1, 2, 3) | 1 << 8 | 6 << 1,
            "add.s32 r1, r2, r3, <<6",
        ),
        (
            r(0x16, 15, 14, 1) | 1 << 10 | 1 | 3 << 8 | 1 << 6 | 12 << 1,
            "mulq.s24.rz r15, r14, k17, 12",
        ),
        (r(0x14, 1, 2, 0) | 6 << 1 | 2 << 6, "sra.rn r1, r2, 6"),
        (r(0x13, 1, 2, 3) | 2 << 8, "shl.w24 r1, r2, r3"),
        (r(0x15, 1, 2, 3) | 4 << 1, "srl r1, r2, r3, 4"),
        (0x18 << 26 | 5 << 19 | 6 << 15 | 0x7fff, "addi r5, r6, -1"),
        (r(0x26, 1, 2, 3) | 2 << 8, "pand p1, p2, !p3"),
        (0x30 << 26 | 7 << 19 | 255 << 7, "lds r7, 255"),
        (0x32 << 26 | 7 << 19 | 3 << 15, "lda r7, 3"),
        (r(0x33, 0, 4, 0), "acc r4"),
        (r(0x33, 0, 4, 0) | 3 << 8, "acc r4, 3"),
        (0x34 << 26 | 1 << 19 | 1 << 15, "ldy r1, delay"),
        (r(0x38, 1, 2, 0) | 1 << 8 | 5 << 1, "lut r1, r2, 1, 5"),
        (r(0x39, 1, 0, 0) | 24 << 1, "rng r1, 24"),
        (0x3A << 26 | 2 << 23, "@p2 spk"),
        (r(0x3B, 0, 9, 0), "spkg r9"),
        (0x3D << 26 | 1 << 19 | 3 << 15, "mfs r1, id"),
        (
            0,
            "illegal instruction 0x00000000: opcode 0x00 (zero) is reserved",
        ),
        (
            0x35 << 26,
            "illegal instruction 0xd4000000: opcode 0x35 (sty) is reserved",
        ),
        (
            0x3F << 26,
            "illegal instruction 0xfc000000: there is no opcode 0x3f",
        ),
        (
            r(0x08, 0, 2, 3),
            "illegal instruction 0x20011800: add writes r0, which always reads 0",
        ),
        (
            r(0x20, 0, 2, 3),
            "illegal instruction 0x80011800: cmp.eq writes p0, which is always true",
        ),
        (
            r(0x08, 1, 2, 3) | 1 << 25,
            "illegal instruction 0x22091800: a guard that is never true (!p0)",
        ),
        (
            0x02 << 26,
            "illegal instruction 0x08000000: a branch to the next instruction",
        ),
        (
            r(0x0E, 1, 2, 3),
            "illegal instruction 0x38091800: bits 0x00001800 must be 0 in abs",
        ),
        (
            0x34 << 26 | 1 << 19 | 3 << 15,
            "illegal instruction 0xd0098000: ldy has no field 3",
        ),
        (
            r(0x08, 1, 2, 3) | 1,
            "illegal instruction 0x20091801: add has the high bit of a constant's number without the constant bit",
        ),
    ] {
        assert_eq!(text(word), expected);
    }
}

#[test]
fn classes_and_handlers() {
    assert_eq!(
        [
            Class::Alu as usize,
            Class::Mul as usize,
            Class::Mem as usize
        ],
        [0, 1, 2]
    );
    assert_eq!(
        [
            Class::Ctl as usize,
            Class::Send as usize,
            Class::Rng as usize
        ],
        [3, 4, 5]
    );
    for op in Op::ALL {
        assert_eq!(Op::from_mnemonic(op.mnemonic()), Some(*op));
        assert_eq!(Op::from_code(*op as u8), Some(*op));
        assert!(!op.doc().is_empty());
        let update_only = matches!(op, Op::Lda | Op::Spk | Op::Spkg);
        let spike_only = matches!(op, Op::Acc | Op::Ldy);
        assert_eq!(op.allowed_in(Handler::Update), !spike_only, "{op:?}");
        assert_eq!(op.allowed_in(Handler::OnSpike), !update_only, "{op:?}");
    }
}

#[test]
#[should_panic(expected = "add writes r0")]
fn encode_asserts() {
    encode(&Instr::new(Op::Add));
}
