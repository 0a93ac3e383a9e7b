//! Scalar integer arithmetic of the chip: wrap, saturate, round.
//!
//! Invariant: integers only, total over the ranges named; `specs/numeric.md` is the definition.

use crate::op::{Mode, Round};

/// A wide result as a register value.
///
/// ```
/// use isa::{numeric::reduce_mode, op::Mode};
/// assert_eq!(reduce_mode(1 << 23, Mode::Wrap24), -(1 << 23));
/// assert_eq!(reduce_mode(-(1 << 23), Mode::Sat24), 1 - (1 << 23));
/// ```
#[inline]
pub fn reduce_mode(x: i64, mode: Mode) -> i32 {
    match mode {
        Mode::Wrap32 => x as i32,
        Mode::Sat32 => x.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        Mode::Wrap24 => ((x as i32) << 8) >> 8,
        Mode::Sat24 => x.clamp(1 - (1 << 23), (1 << 23) - 1) as i32,
    }
}

/// `x / 2^sh`, rounded; `sh` at most 63. `random` is used by stochastic rounding only: its low `sh` bits are added before the floor.
#[inline]
pub fn shift_right(x: i64, sh: u32, round: Round, random: u32) -> i64 {
    if sh == 0 {
        return x;
    }
    let floor = x >> sh;
    let mask = (1u64 << sh) - 1;
    let rest = x as u64 & mask;
    let up = match round {
        Round::Floor => false,
        Round::Zero => x < 0 && rest != 0,
        Round::Nearest => {
            let half = 1u64 << (sh - 1);
            rest > half || (rest == half && floor & 1 != 0)
        }
        Round::Stochastic => rest + (u64::from(random) & mask) > mask,
    };
    floor + i64::from(up)
}

/// Two's complement wrap to `bits`, 1 to 64.
#[inline]
pub fn wrap(x: i64, bits: u32) -> i64 {
    let unused = 64 - bits;
    (x << unused) >> unused
}

/// Saturation to the two's complement range of `bits`, 1 to 64.
#[inline]
pub fn saturate(x: i64, bits: u32) -> i64 {
    let unused = 64 - bits;
    x.clamp(i64::MIN >> unused, i64::MAX >> unused)
}

/// Saturation of a register value to the two's complement range of `bits`, 1 to 32.
#[inline]
pub fn saturate_i32(x: i32, bits: u8) -> i32 {
    let unused = 32 - u32::from(bits);
    x.clamp(i32::MIN >> unused, i32::MAX >> unused)
}
