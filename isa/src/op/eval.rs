//! The meaning of the instructions that only compute: registers and constants in, one value out.
//!
//! Invariant: total; no argument makes it panic. Numbers follow `specs/numeric.md`.

use super::{Instr, Op};
use crate::numeric::{reduce_mode, shift_right};

/// Value written to `rd` by an instruction that depends on nothing but its operands (`sel`: with a true guard it is `ra`;
/// the caller chooses). `random` is used by stochastic rounding and `rng`. `None` for instructions that read memory,
/// special values or predicates, or write no register.
pub fn eval(i: &Instr, rd: i32, ra: i32, b: i32, random: u32) -> Option<i32> {
    let (wide_rd, wide_ra, wide_b) = (i64::from(rd), i64::from(ra), i64::from(b));
    let sh = u32::from(i.shift);
    let product = |()| shift_right(wide_ra * wide_b, sh, i.round, random);
    Some(match i.op {
        Op::Add => reduce_mode(wide_ra + (wide_b << sh), i.mode),
        Op::Sub => reduce_mode(wide_ra - (wide_b << sh), i.mode),
        Op::Rsub => reduce_mode((wide_b << sh) - wide_ra, i.mode),
        Op::Min => ra.min(b),
        Op::Max => ra.max(b),
        Op::Abs => reduce_mode(wide_ra.abs(), i.mode),
        Op::Neg => reduce_mode(-wide_ra, i.mode),
        Op::And => ra & b,
        Op::Or => ra | b,
        Op::Xor => ra ^ b,
        Op::Shl => reduce_mode(wide_ra << amount(i, b), i.mode),
        Op::Sra => shift_right(wide_ra, amount(i, b), i.round, random) as i32,
        Op::Srl => ((ra as u32) >> amount(i, b)) as i32,
        Op::Mulq => reduce_mode(product(()), i.mode),
        Op::Mac => reduce_mode(wide_rd + product(()), i.mode),
        Op::Addi => ra.wrapping_add(i32::from(i.imm)),
        Op::Li => i32::from(i.imm),
        Op::Lih => (i32::from(i.imm) << 15) | (rd & 0x7fff),
        Op::Rng => (random >> sh) as i32,
        _ => return None,
    })
}

/// Amount of `shl`, `sra`, `srl`.
pub fn amount(i: &Instr, b: i32) -> u32 {
    (b as u32).wrapping_add(u32::from(i.shift)) & 31
}

/// Result of a comparison, `None` for other instructions.
pub fn compare(op: Op, ra: i32, b: i32) -> Option<bool> {
    Some(match op {
        Op::CmpEq => ra == b,
        Op::CmpNe => ra != b,
        Op::CmpLt => ra < b,
        Op::CmpLe => ra <= b,
        Op::CmpGt => ra > b,
        Op::CmpGe => ra >= b,
        _ => return None,
    })
}

/// Result of `pand` and `por`, `None` for other instructions.
pub fn predicate(i: &Instr, pa: bool, pb: bool) -> Option<bool> {
    let (a, b) = (pa ^ (i.field & 1 != 0), pb ^ (i.field & 2 != 0));
    match i.op {
        Op::Pand => Some(a & b),
        Op::Por => Some(a | b),
        _ => None,
    }
}

/// Index of `lut` into a table of `length` entries, `length` at least 1.
pub fn clamp_index(i: &Instr, ra: i32, length: usize) -> usize {
    let index = ra >> i.shift;
    usize::try_from(index)
        .unwrap_or(0)
        .min(length.saturating_sub(1))
}
