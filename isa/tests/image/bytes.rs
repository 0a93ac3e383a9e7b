//! The container: one byte form, and no bytes that hurt.

use crate::random::{image, images};
use crate::sample::{one, small};
use expect_test::{Expect, expect};
use isa::image::{ImageError, SECTIONS};
use isa::{ChipSpec, Image, verify};
use proptest::prelude::*;

/// Bytes before the first section.
const PREFIX: usize = 8 + 10 * 24;

fn error(bytes: &[u8]) -> String {
    Image::from_bytes(bytes)
        .expect_err("must not load")
        .to_string()
}

/// Start and end of each section.
fn sections(bytes: &[u8]) -> Vec<(usize, usize)> {
    let number =
        |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes")) as usize;
    let entry = |index: usize| (number(16 + index * 24), number(24 + index * 24));
    (0..10)
        .map(entry)
        .map(|(offset, length)| (offset, offset + length))
        .collect()
}

/// Replaces the body of a section and makes table and checksums fit.
fn with_section(bytes: &[u8], index: usize, body: &[u8]) -> Vec<u8> {
    let mut bodies: Vec<&[u8]> = sections(bytes)
        .iter()
        .map(|&(from, to)| &bytes[from..to])
        .collect();
    bodies[index] = body;
    let mut out = bytes[..PREFIX].to_vec();
    for (index, body) in bodies.into_iter().enumerate() {
        let entry = 8 + index * 24;
        let offset = out.len() as u64;
        out[entry + 4..entry + 8].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        out[entry + 8..entry + 16].copy_from_slice(&offset.to_le_bytes());
        out[entry + 16..entry + 24].copy_from_slice(&(body.len() as u64).to_le_bytes());
        out.extend_from_slice(body);
    }
    out
}

#[test]
fn hand_written_images_come_back() {
    for image in [one(), small()] {
        let violations = verify::structure(&image);
        assert!(violations.is_empty(), "{violations:?}");
        let bytes = image.to_bytes();
        let back = Image::from_bytes(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(back, image);
        assert_eq!(back.to_bytes(), bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_images_come_back(image in images(4)) {
        let violations = verify::structure(&image);
        prop_assert!(violations.is_empty(), "{:?}", violations);
        let bytes = image.to_bytes();
        prop_assert_eq!(bytes.len() % 8, 0);
        let back = Image::from_bytes(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(back, image);
    }
}

#[test]
fn golden_bytes() {
    let bytes = one().to_bytes();
    let names = std::iter::once("header").chain(SECTIONS);
    let parts = std::iter::once((0, PREFIX)).chain(sections(&bytes));
    let row = |row: &[u8]| {
        row.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let part = |(name, (from, to)): (&str, (usize, usize))| {
        let rows: Vec<String> = bytes[from..to].chunks(24).map(row).collect();
        format!("{name}\n  {}\n", rows.join("\n  "))
    };
    let text: String = names.zip(parts).map(part).collect();
    expect![[r#"
        header
          53504b4d02000a0001000000035d541ff800000000000000
          28000000000000000200000012d491202001000000000000
          3800000000000000030000009306588a5801000000000000
          1800000000000000040000001f5dd1c37001000000000000
          1000000000000000050000003f1c88e98001000000000000
          48000000000000000600000047295f48c801000000000000
          200000000000000007000000303956f5e801000000000000
          280000000000000008000000554bbbec1002000000000000
          10000000000000000900000097e872df2002000000000000
          10000000000000000a00000069df22653002000000000000
          0800000000000000
        META
          036f6e650000000000000000000000000000000000000000
          00000000000000000000000000000000
        CODE
          01010106637573746f6d010703011600000008c0000010c8
          0090082000840890000080e8000008c400000004000008d0
          008000cc00000004
        CONST
          010101055448455441000000000000000a00000000000000
        STATE
          01010101761801000500000000000000
        SYN
          0101000008ff000006000100000101000000000000000000
          000000000000000000000000000000000000000000000000
          01000000000000000000000000000000feff000000000000
        AXIN
          010100000000000000000000000000000100000000000000
          0000000000000000
        AXOUT
          010101000000000001000000000000000100000000000000
          00000000000000000000000000000000
        IO
          00000000000000000000000000000000
        NAMES
          01016e00010001010000000000000000
        PROBES
          0000000000000000
    "#]]
    .assert_eq(&text);
}

#[test]
fn every_flipped_bit_is_named() {
    let bytes = small().to_bytes();
    let sections = sections(&bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let message = error(&flipped);
        let place = match sections
            .iter()
            .position(|&(from, to)| (from..to).contains(&(bit / 8)))
        {
            Some(index) => format!("section {}: checksum", SECTIONS[index]),
            None if bit / 8 < 8 => "header: ".to_owned(),
            None => format!("section {}: ", SECTIONS[(bit / 8 - 8) / 24]),
        };
        assert!(
            message.starts_with(&place),
            "byte {} bit {}: {message}, not {place}",
            bit / 8,
            bit % 8
        );
    }
}

#[test]
fn every_truncation_and_any_tail_is_refused() {
    let mut bytes = small().to_bytes();
    for length in 0..bytes.len() {
        error(&bytes[..length]);
    }
    bytes.push(0);
    expect![[r#"
        header: 1 bytes follow the last section
    "#]]
    .assert_eq(&(error(&bytes) + "\n"));
}

fn check(change: impl FnOnce(&mut Vec<u8>), expected: Expect) {
    let mut bytes = small().to_bytes();
    change(&mut bytes);
    expected.assert_eq(&(error(&bytes) + "\n"));
}

#[test]
fn headers() {
    check(
        |bytes| bytes.clear(),
        expect![[r#"
        header: the file does not begin with "SPKM", so it is not a program image (make one with `map` or `asm`)
    "#]],
    );
    check(
        |bytes| bytes[3] = b'X',
        expect![[r#"
        header: the file does not begin with "SPKM", so it is not a program image (make one with `map` or `asm`)
    "#]],
    );
    check(
        |bytes| bytes[4] = 9,
        expect![[r#"
            header: the image has layout version 9; this program reads version 2 (map or assemble it again)
        "#]],
    );
    check(
        |bytes| bytes[6] = 11,
        expect![[r#"
        header: it announces 11 sections; an image has 10
    "#]],
    );
    check(
        |bytes| bytes.truncate(100),
        expect![[r#"
        header: the file ends inside the section table
    "#]],
    );
    // SYN and AXIN exchanged: a wrong order.
    check(
        |bytes| (8 + 4 * 24..8 + 5 * 24).for_each(|at| bytes.swap(at, at + 24)),
        expect![[r#"
            section SYN: its entry in the section table is wrong: id 6, must be 5
        "#]],
    );
    // SYN twice: a duplicate.
    check(
        |bytes| bytes.copy_within(8 + 4 * 24..8 + 5 * 24, 8 + 5 * 24),
        expect![[r#"
            section AXIN: its entry in the section table is wrong: id 5, must be 6
        "#]],
    );
    // A length of 2^63.
    check(
        |bytes| bytes[8 + 9 * 24 + 23] = 0x80,
        expect![[r#"
        section PROBES: its entry in the section table is wrong: length 9223372036854775832, but only 24 bytes follow
    "#]],
    );
}

fn check_body(section: &str, change: impl FnOnce(&mut Vec<u8>), expected: Expect) {
    let bytes = small().to_bytes();
    let index = SECTIONS
        .iter()
        .position(|&name| name == section)
        .expect("a section");
    let (from, to) = sections(&bytes)[index];
    let mut body = bytes[from..to].to_vec();
    change(&mut body);
    expected.assert_eq(&(error(&with_section(&bytes, index, &body)) + "\n"));
}

#[test]
fn bodies() {
    // The record of AXIN is one byte for the number of cores, then one for each.
    check_body(
        "AXIN",
        |body| body.extend([0; 8]),
        expect![[r#"
        section AXIN: 8 bytes follow its last array
    "#]],
    );
    check_body(
        "AXIN",
        |body| body.truncate(8),
        expect![[r#"
        section AXIN: array `sources` needs 12 bytes; 0 are left
    "#]],
    );
    check_body(
        "AXIN",
        |body| body[3] = 1,
        expect![[r#"
        section AXIN: the padding after the record is not zero
    "#]],
    );
    check_body(
        "AXIN",
        |body| body[2] = 0,
        expect![[r#"
        section AXIN: the padding after kinds is not zero
    "#]],
    );
    // 2 written as a varint of three bytes.
    check_body(
        "AXIN",
        |body| body[..8].copy_from_slice(&[2, 251, 2, 0, 1, 0, 0, 0]),
        expect![[r#"
            section AXIN: its record cannot be read: a number is written with more bytes than it needs
        "#]],
    );
    // 2^64 − 1 axons.
    check_body(
        "AXIN",
        |body| {
            drop(body.splice(
                ..8,
                [
                    2, 253, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 0, 0, 0, 0,
                ],
            ))
        },
        expect![[r#"
            section AXIN: array `sources` needs 73786976294838206460 bytes; 32 are left
        "#]],
    );
    // 2^64 − 1 cores.
    check_body(
        "AXIN",
        |body| {
            drop(body.splice(
                ..8,
                [
                    253, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0,
                ],
            ))
        },
        expect![[r#"
            section AXIN: its record cannot be read: it ends too early
        "#]],
    );
    check_body(
        "AXIN",
        |body| drop(body.splice(..8, [1, 2, 0, 0, 0, 0, 0, 0])),
        expect![[r#"
            section AXIN: it describes 1 cores; CODE has 2
        "#]],
    );
    check_body(
        "META",
        |body| body[0] = 250,
        expect![[r#"
        section META: its record cannot be read: it ends too early
    "#]],
    );
    check_body(
        "META",
        |body| body[1] = 0xff,
        expect![[r#"
        section META: its record cannot be read: a text is not UTF-8
    "#]],
    );
    check_body(
        "META",
        Vec::clear,
        expect![[r#"
        section META: its record cannot be read: it ends too early
    "#]],
    );
}

#[test]
fn mutated_bodies_never_hurt() {
    let mut originals = vec![one().to_bytes(), small().to_bytes()];
    originals.extend((0..6).map(|seed| image(seed, 2).to_bytes()));
    let chips =
        ["tiny", "truenorth"].map(|name| ChipSpec::preset(name).expect("a preset").expect("valid"));
    let mut state = 0x5eed_u64;
    let mut next = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % end
    };
    let (mut loaded, mut broken) = (0, 0);
    for round in 0..20_000 {
        let bytes = &originals[round % originals.len()];
        let index = next(10);
        let (from, to) = sections(bytes)[index];
        let mut body = bytes[from..to].to_vec();
        for _ in 0..1 + next(3) {
            match (next(8), body.len()) {
                (0, n) => body.truncate(next(n + 1)),
                (1, n) => drop(body.splice(
                    next(n + 1)..n.min(next(n + 1) + 8).max(n),
                    std::iter::repeat_n(0, next(17)),
                )),
                (_, 0) => {}
                (2, n) => body[next(n)] = [0, 1, 250, 251, 252, 253, 254, 255][next(8)],
                (_, n) => body[next(n)] ^= 1 << next(8),
            }
        }
        let mutated = with_section(bytes, index, &body);
        match Image::from_bytes(&mutated) {
            Ok(image) => {
                assert_eq!(image.to_bytes(), mutated, "round {round}");
                for chip in &chips {
                    verify::fits(&image, chip);
                }
                loaded += 1;
            }
            Err(ImageError::Structure { violations }) => {
                assert!(!violations.is_empty());
                broken += 1;
            }
            Err(error) => assert!(error.to_string().starts_with("section "), "{error}"),
        }
    }
    assert!(
        loaded > 500 && broken > 500,
        "{loaded} loaded, {broken} broken by structure"
    );
}
