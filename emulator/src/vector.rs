//! Loops over lanes: one instruction, one strip.
//!
//! Invariant: each agrees lane by lane with `isa::op::eval`; the special forms only avoid 64-bit arithmetic
//! where 32 bits are proven to hold the result.

use isa::numeric::{reduce_mode, shift_right};
use isa::op::{Instr, Mode, Op, Round, amount};

/// `mask` lane true.
pub(crate) const YES: i32 = -1;

#[inline(always)]
pub(crate) fn unary(out: &mut [i32], a: &[i32], f: impl Fn(i32) -> i32) {
    for (o, a) in out.iter_mut().zip(a) {
        *o = f(*a);
    }
}

#[inline(always)]
pub(crate) fn binary(out: &mut [i32], a: &[i32], b: &[i32], f: impl Fn(i32, i32) -> i32) {
    for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
        *o = f(*a, *b);
    }
}

#[inline(always)]
fn ternary(out: &mut [i32], d: &[i32], a: &[i32], b: &[i32], f: impl Fn(i32, i32, i32) -> i32) {
    for (((o, d), a), b) in out.iter_mut().zip(d).zip(a).zip(b) {
        *o = f(*d, *a, *b);
    }
}

/// Where the mask is false, the old value.
#[inline(always)]
pub(crate) fn blend(out: &mut [i32], old: &[i32], mask: &[i32]) {
    for ((o, old), m) in out.iter_mut().zip(old).zip(mask) {
        *o = (*o & m) | (old & !m);
    }
}

/// Number of lanes in a mask.
#[inline(always)]
pub(crate) fn count(mask: &[i32]) -> u32 {
    mask.iter().fold(0i32, |sum, m| sum.wrapping_sub(*m)) as u32
}

/// Lanes in a mask, ascending.
#[inline(always)]
pub(crate) fn each(mask: &[i32], mut act: impl FnMut(usize)) {
    for (chunk, lanes) in mask.chunks(16).enumerate() {
        if lanes.iter().fold(0, |all, m| all | m) != 0 {
            for (lane, m) in lanes.iter().enumerate() {
                if *m != 0 {
                    act(chunk * 16 + lane);
                }
            }
        }
    }
}

#[inline(always)]
pub(crate) fn truth(x: bool) -> i32 {
    -i32::from(x)
}

#[inline(always)]
pub(crate) fn wrap24(x: i32) -> i32 {
    (x << 8) >> 8
}

const MAX24: i32 = (1 << 23) - 1;

#[inline(always)]
fn reduce32(exact: i32, mode: Mode) -> i32 {
    if mode == Mode::Wrap24 {
        wrap24(exact)
    } else {
        exact
    }
}

/// Sums `f(a, b)`: modulo 2^32 when the mode wraps, saturating when b is not shifted, else in 64 bits.
#[inline(always)]
fn sum(
    i: &Instr,
    out: &mut [i32],
    a: &[i32],
    b: &[i32],
    wrapping: fn(i32, i32) -> i32,
    saturating: fn(i32, i32) -> i32,
    wide: fn(i64, i64) -> i64,
) {
    let sh = u32::from(i.shift);
    match (i.mode, sh) {
        (Mode::Wrap32, 0) => binary(out, a, b, wrapping),
        (Mode::Wrap24, 0) => binary(out, a, b, |a, b| wrap24(wrapping(a, b))),
        (Mode::Wrap32 | Mode::Wrap24, _) => {
            binary(out, a, b, |a, b| reduce32(wrapping(a, b << sh), i.mode))
        }
        (Mode::Sat32, 0) => binary(out, a, b, saturating),
        (Mode::Sat24, 0) => binary(out, a, b, |a, b| saturating(a, b).clamp(-MAX24, MAX24)),
        (mode, _) => binary(out, a, b, |a, b| {
            reduce_mode(wide(i64::from(a), i64::from(b) << sh), mode)
        }),
    }
}

/// Low 32 bits of the rounded product: exact for wrapping modes, because `sh ≤ 31` leaves them inside 64 bits.
#[inline(always)]
fn product_low(a: i32, b: i32, sh: u32, round: Round) -> i32 {
    let p = i64::from(a) * i64::from(b);
    let p = match round {
        Round::Zero => p + (i64::from((a ^ b) >> 31) & ((1 << sh) - 1)),
        Round::Floor | Round::Nearest | Round::Stochastic => p,
    };
    (p as u64 >> sh) as i32
}

/// Product shifted right with rounding, for 0 ≤ sh < 32: in 64 bits nothing is lost on the way.
#[inline(always)]
fn product_wide(a: i32, b: i32, sh: u32, round: Round) -> i64 {
    let p = i64::from(a) * i64::from(b);
    match round {
        Round::Floor | Round::Stochastic => p >> sh,
        Round::Zero => (p + ((p >> 63) & ((1 << sh) - 1))) >> sh,
        // Half less one, and one more where the floor is odd: ties end at the even one. Nothing is rounded without a shift.
        Round::Nearest => (p + (((1 << sh) - 1) >> 1) + ((p >> sh) & 1 & -i64::from(sh > 0))) >> sh,
    }
}

#[inline(always)]
fn product(i: &Instr, out: &mut [i32], d: &[i32], a: &[i32], b: &[i32], random: &[i32]) {
    let sh = u32::from(i.shift);
    let keep = truth(i.op == Op::Mac);
    // One loop for every rounding and mode: a choice within a loop keeps it from being vectors.
    macro_rules! wide {
        ($round:ident $mode:ident) => {
            ternary(out, d, a, b, |d, a, b| {
                let rest = i64::from(d & keep);
                reduce_mode(rest + product_wide(a, b, sh, Round::$round), Mode::$mode)
            })
        };
    }
    macro_rules! low {
        ($round:ident $mode:ident) => {
            ternary(out, d, a, b, |d, a, b| {
                let sum = (d & keep).wrapping_add(product_low(a, b, sh, Round::$round));
                reduce32(sum, Mode::$mode)
            })
        };
    }
    match (i.round, i.mode) {
        (Round::Stochastic, mode) => {
            for (lane, o) in out.iter_mut().enumerate() {
                let p = i64::from(a[lane]) * i64::from(b[lane]);
                let p = shift_right(p, sh, Round::Stochastic, random[lane] as u32);
                *o = reduce_mode(i64::from(d[lane] & keep) + p, mode);
            }
        }
        (Round::Floor, Mode::Wrap32) => low!(Floor Wrap32),
        (Round::Floor, Mode::Wrap24) => low!(Floor Wrap24),
        (Round::Floor, Mode::Sat32) => wide!(Floor Sat32),
        (Round::Floor, Mode::Sat24) => wide!(Floor Sat24),
        (Round::Zero, Mode::Wrap32) => low!(Zero Wrap32),
        (Round::Zero, Mode::Wrap24) => low!(Zero Wrap24),
        (Round::Zero, Mode::Sat32) => wide!(Zero Sat32),
        (Round::Zero, Mode::Sat24) => wide!(Zero Sat24),
        (Round::Nearest, Mode::Wrap32) => wide!(Nearest Wrap32),
        (Round::Nearest, Mode::Wrap24) => wide!(Nearest Wrap24),
        (Round::Nearest, Mode::Sat32) => wide!(Nearest Sat32),
        (Round::Nearest, Mode::Sat24) => wide!(Nearest Sat24),
    }
}

/// The value that a computing instruction writes, for each lane. `d` is the old value of the destination.
#[inline(always)]
pub(crate) fn compute(i: &Instr, out: &mut [i32], d: &[i32], a: &[i32], b: &[i32], random: &[i32]) {
    match i.op {
        Op::Add => sum(
            i,
            out,
            a,
            b,
            i32::wrapping_add,
            i32::saturating_add,
            |a, b| a + b,
        ),
        Op::Sub => sum(
            i,
            out,
            a,
            b,
            i32::wrapping_sub,
            i32::saturating_sub,
            |a, b| a - b,
        ),
        Op::Rsub => sum(
            i,
            out,
            a,
            b,
            |a, b| b.wrapping_sub(a),
            |a, b| b.saturating_sub(a),
            |a, b| b - a,
        ),
        Op::Min => binary(out, a, b, i32::min),
        Op::Max => binary(out, a, b, i32::max),
        Op::Abs => unary(out, a, |a| reduce_mode(i64::from(a).abs(), i.mode)),
        Op::Neg => unary(out, a, |a| reduce_mode(-i64::from(a), i.mode)),
        Op::And => binary(out, a, b, |a, b| a & b),
        Op::Or => binary(out, a, b, |a, b| a | b),
        Op::Xor => binary(out, a, b, |a, b| a ^ b),
        Op::Shl => binary(out, a, b, |a, b| {
            reduce_mode(i64::from(a) << amount(i, b), i.mode)
        }),
        Op::Sra => {
            macro_rules! rounded {
                ($round:ident) => {
                    binary(out, a, b, |a, b| {
                        shift_right(i64::from(a), amount(i, b), Round::$round, 0) as i32
                    })
                };
            }
            match i.round {
                Round::Floor => binary(out, a, b, |a, b| a >> amount(i, b).min(31)),
                Round::Zero => rounded!(Zero),
                Round::Nearest => rounded!(Nearest),
                Round::Stochastic => {
                    for (lane, o) in out.iter_mut().enumerate() {
                        let (by, random) = (amount(i, b[lane]), random[lane] as u32);
                        *o = shift_right(i64::from(a[lane]), by, Round::Stochastic, random) as i32;
                    }
                }
            }
        }
        Op::Srl => binary(out, a, b, |a, b| (a as u32 >> amount(i, b)) as i32),
        Op::Mulq | Op::Mac => product(i, out, d, a, b, random),
        Op::Addi => unary(out, a, |a| a.wrapping_add(i32::from(i.imm))),
        Op::Li => out.fill(i32::from(i.imm)),
        Op::Lih => unary(out, d, |d| (i32::from(i.imm) << 15) | (d & 0x7fff)),
        Op::Rng => unary(out, random, |r| (r as u32 >> i.shift) as i32),
        Op::CmpEq => binary(out, a, b, |a, b| truth(a == b)),
        Op::CmpNe => binary(out, a, b, |a, b| truth(a != b)),
        Op::CmpLt => binary(out, a, b, |a, b| truth(a < b)),
        Op::CmpLe => binary(out, a, b, |a, b| truth(a <= b)),
        Op::CmpGt => binary(out, a, b, |a, b| truth(a > b)),
        Op::CmpGe => binary(out, a, b, |a, b| truth(a >= b)),
        Op::Pand | Op::Por => {
            let (na, nb) = (truth(i.field & 1 != 0), truth(i.field & 2 != 0));
            if i.op == Op::Pand {
                binary(out, a, b, |a, b| (a ^ na) & (b ^ nb));
            } else {
                binary(out, a, b, |a, b| (a ^ na) | (b ^ nb));
            }
        }
        other => unreachable!("{} does not compute", other.mnemonic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::op::{compare, eval, predicate};
    use proptest::prelude::*;

    /// Values with interesting neighbours.
    fn word() -> impl Strategy<Value = i32> {
        prop_oneof![
            any::<i32>(),
            -300..300i32,
            (-(1 << 23) - 9..(1 << 23) + 9),
            Just(i32::MIN),
            Just(i32::MAX)
        ]
    }

    fn lanes() -> impl Strategy<Value = Vec<i32>> {
        proptest::collection::vec(word(), 37)
    }

    fn computes(op: Op) -> bool {
        let i = Instr::new(op);
        eval(&i, 0, 0, 0, 0).is_some()
            || compare(op, 0, 0).is_some()
            || predicate(&i, false, false).is_some()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn strips_agree_with_the_meaning_of_each_instruction(d in lanes(), a in lanes(), b in lanes(), random in lanes(), shift in 0..32u8, field in 0..4u8, imm: i16) {
            for op in Op::ALL.iter().copied().filter(|op| computes(*op)) {
                for mode in Mode::ALL {
                    for round in Round::ALL {
                        let i = Instr { mode, round, shift, field, imm: imm >> 1, ..Instr::new(op) };
                        let logic = predicate(&i, false, false).is_some();
                        let truths = |words: &[i32]| words.iter().map(|w| truth(*w > 0)).collect::<Vec<_>>();
                        let (a, b) = if logic { (truths(&a), truths(&b)) } else { (a.clone(), b.clone()) };
                        let mut out = vec![0; d.len()];
                        compute(&i, &mut out, &d, &a, &b, &random);
                        for lane in 0..d.len() {
                            let meaning = eval(&i, d[lane], a[lane], b[lane], random[lane] as u32)
                                .or_else(|| compare(op, a[lane], b[lane]).map(truth))
                                .or_else(|| predicate(&i, a[lane] != 0, b[lane] != 0).map(truth));
                            prop_assert_eq!(Some(out[lane]), meaning, "{:?} d {} a {} b {}", i, d[lane], a[lane], b[lane]);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn masks_are_counted_and_listed() {
        let mask: Vec<i32> = (0..100).map(|i| truth(i % 7 == 3)).collect();
        let mut listed = Vec::new();
        each(&mask, |lane| listed.push(lane));
        assert_eq!(listed.len() as u32, count(&mask));
        assert!(listed.iter().all(|lane| lane % 7 == 3));
    }
}
