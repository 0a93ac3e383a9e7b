//! Arithmetic against a 128-bit oracle, and the tables of `specs/numeric.md` against the code.

#![allow(clippy::unwrap_used, reason = "tests")]

use isa::numeric::{reduce_mode, saturate, saturate_i32, shift_right, wrap};
use isa::op::{Handler, Instr, Mode, Op, Round, eval};
use isa::rng::{draw_lane, draw_synapse, philox4x32, site};
use proptest::prelude::*;
use std::path::Path;

/// Rows of the table that follows the marker, as cells.
fn vectors(name: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/numeric.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, after) = text
        .split_once(&format!("<!-- vectors: {name} -->\n"))
        .unwrap();
    let rows = after
        .lines()
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_string())
            .collect()
    };
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    assert!(rows.len() >= 3, "{name}");
    rows
}

fn number<T: std::str::FromStr>(cell: &str) -> T {
    cell.parse().unwrap_or_else(|_| panic!("number {cell}"))
}

fn hex(cell: &str) -> Vec<u32> {
    cell.split(' ')
        .map(|word| u32::from_str_radix(word, 16).unwrap())
        .collect()
}

#[test]
fn reductions_of_the_page() {
    for row in vectors("reduce") {
        for (mode, cell) in Mode::ALL.iter().zip(&row[1..]) {
            assert_eq!(
                reduce_mode(number(&row[0]), *mode),
                number::<i32>(cell),
                "{row:?} {mode:?}"
            );
        }
    }
}

#[test]
fn shifts_of_the_page() {
    for row in vectors("shift") {
        for (round, cell) in Round::ALL.iter().zip(&row[3..]) {
            let shifted = shift_right(number(&row[0]), number(&row[1]), *round, number(&row[2]));
            assert_eq!(shifted, number::<i64>(cell), "{row:?} {round:?}");
        }
    }
}

#[test]
fn products_of_the_page() {
    for row in vectors("mulq") {
        let mode = ["wrap32", "sat32", "wrap24", "sat24"]
            .iter()
            .position(|name| *name == row[3])
            .unwrap();
        let round = ["floor", "zero", "nearest"]
            .iter()
            .position(|name| *name == row[4])
            .unwrap();
        let mut i = Instr {
            shift: number(&row[2]),
            mode: Mode::ALL[mode],
            round: Round::ALL[round],
            ..Instr::new(Op::Mulq)
        };
        let (a, b, result) = (number(&row[0]), number(&row[1]), number::<i32>(&row[5]));
        assert_eq!(eval(&i, 0, a, b, 0), Some(result), "{row:?}");
        i.op = Op::Mac;
        assert_eq!(eval(&i, 0, a, b, 0), Some(result), "{row:?}");
    }
}

#[test]
fn philox_of_the_page() {
    for row in vectors("philox") {
        let (counter, key) = (hex(&row[0]), hex(&row[1]));
        let output = philox4x32(counter.try_into().unwrap(), key.try_into().unwrap());
        assert_eq!(output.to_vec(), hex(&row[2]), "{row:?}");
    }
}

/// The vectors published with Random123.
#[test]
fn philox_known_answers() {
    let answers = [
        (
            [0; 4],
            [0; 2],
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
        ),
        (
            [!0; 4],
            [!0; 2],
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
        ),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];
    for (counter, key, output) in answers {
        assert_eq!(philox4x32(counter, key), output);
    }
}

#[test]
fn draws_of_the_page() {
    for row in vectors("lane") {
        let word = draw_lane(
            number(&row[0]),
            number(&row[1]),
            number(&row[2]),
            number(&row[3]),
        );
        assert_eq!(vec![word], hex(&row[4]), "{row:?}");
    }
    for row in vectors("synapse") {
        let n = |k: usize| number::<u32>(&row[k]);
        let word = draw_synapse(number(&row[0]), n(1), n(2), n(3), n(4), n(5));
        assert_eq!(vec![word], hex(&row[6]), "{row:?}");
    }
    assert_eq!(site(Handler::Update, 1023), 1023);
    assert_eq!(site(Handler::OnSpike, 3), 1027);
}

/// Division in 128 bits, written without shifts.
fn shift_oracle(x: i64, sh: u32, round: Round, random: u32) -> i128 {
    let (x, unit) = (i128::from(x), 1i128 << sh);
    match round {
        Round::Floor => x.div_euclid(unit),
        Round::Zero => x / unit,
        Round::Nearest => {
            let (low, rest) = (x.div_euclid(unit), x.rem_euclid(unit));
            match (rest * 2).cmp(&unit) {
                std::cmp::Ordering::Less => low,
                std::cmp::Ordering::Greater => low + 1,
                std::cmp::Ordering::Equal => low + low.rem_euclid(2),
            }
        }
        Round::Stochastic => (x + i128::from(random).rem_euclid(unit)).div_euclid(unit),
    }
}

fn reduce_oracle(x: i128, mode: Mode) -> i128 {
    let wrap = |bits: u32| (x + (1 << (bits - 1))).rem_euclid(1 << bits) - (1 << (bits - 1));
    match mode {
        Mode::Wrap32 => wrap(32),
        Mode::Sat32 => x.clamp(-(1 << 31), (1 << 31) - 1),
        Mode::Wrap24 => wrap(24),
        Mode::Sat24 => x.clamp(1 - (1 << 23), (1 << 23) - 1),
    }
}

/// 32-bit numbers, the edges often.
fn word() -> impl Strategy<Value = i32> {
    let near = proptest::sample::select(vec![
        0,
        i32::MIN,
        i32::MAX,
        1 << 23,
        -(1 << 23),
        1 << 22,
        4096,
        -4096,
    ]);
    prop_oneof![
        any::<i32>(),
        (near, -2..3i32).prop_map(|(a, d)| a.wrapping_add(d)),
        -5000..5000i32
    ]
}

fn wide() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        word().prop_map(i64::from),
        (word(), word()).prop_map(|(a, b)| i64::from(a) * i64::from(b))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn shifts(x in wide(), sh in 0u32..63, round in 0usize..4, random in any::<u32>()) {
        let round = Round::ALL[round];
        prop_assert_eq!(i128::from(shift_right(x, sh, round, random)), shift_oracle(x, sh, round, random));
    }

    #[test]
    fn reductions(x in wide(), mode in 0usize..4) {
        let mode = Mode::ALL[mode];
        prop_assert_eq!(i128::from(reduce_mode(x, mode)), reduce_oracle(i128::from(x), mode));
    }

    #[test]
    fn widths(x in wide(), bits in 1u32..=64) {
        let half = 1i128 << (bits - 1);
        prop_assert_eq!(i128::from(saturate(x, bits)), i128::from(x).clamp(-half, half - 1));
        prop_assert_eq!(i128::from(wrap(x, bits)), (i128::from(x) + half).rem_euclid(half * 2) - half);
        if bits <= 32 {
            prop_assert_eq!(i64::from(saturate_i32(x as i32, bits as u8)), saturate(i64::from(x as i32), bits));
        }
    }

    #[test]
    fn instructions(op in 0usize..8, rd in word(), ra in word(), b in word(), sh in 0u8..32, mode in 0usize..4, round in 0usize..4, random in any::<u32>()) {
        let op = [Op::Add, Op::Sub, Op::Rsub, Op::Abs, Op::Neg, Op::Shl, Op::Mulq, Op::Mac][op];
        let round = if op.has_round() { Round::ALL[round] } else { Round::Floor };
        let i = Instr { op, mode: Mode::ALL[mode], round, shift: sh, ..Instr::new(op) };
        let (d, a, k) = (i128::from(rd), i128::from(ra), i128::from(b));
        let product = shift_oracle(i64::from(ra) * i64::from(b), u32::from(sh), round, random);
        let exact = match op {
            Op::Add => a + k * (1 << sh),
            Op::Sub => a - k * (1 << sh),
            Op::Rsub => k * (1 << sh) - a,
            Op::Abs => a.abs(),
            Op::Neg => -a,
            Op::Shl => a * (1 << (k + i128::from(sh)).rem_euclid(32)),
            Op::Mulq => product,
            _ => d + product,
        };
        prop_assert_eq!(eval(&i, rd, ra, b, random).map(i128::from), Some(reduce_oracle(exact, i.mode)));
    }

    #[test]
    fn total(op in 0..Op::ALL.len(), rd in word(), ra in word(), b in word(), sh in 0u8..32, round in 0usize..4, random in any::<u32>()) {
        let i = Instr { shift: sh, round: Round::ALL[round], ..Instr::new(Op::ALL[op]) };
        let _ = eval(&i, rd, ra, b, random);
    }
}
