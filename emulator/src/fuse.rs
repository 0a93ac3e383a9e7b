//! Superinstructions: runs of instructions that the vector interpreter takes in one go.
//!
//! Invariant: found by the form of the decoded words alone (any registers, any constants, never a name), and only where
//! nothing reads what a run leaves out; a run does what its instructions do, one after the other.

use crate::handler::{PREDICATES, Step};
use isa::op::{Instr, Mode, Op, Round};

/// What a run does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Super {
    /// `lds` and `lda` without guards.
    Load,
    /// `or …; cmp.eq p, x, r0; @p br`: lanes branch where all of these registers are 0.
    Rest { operands: Vec<u8> },
    /// `[add other, x, r0]; mulq d, a, k, shift; add e, d, other; [sts e, slot]`: e = mode(round(a · k / 2^shift) + other).
    Leak {
        a: u8,
        k: u8,
        shift: u8,
        round: Round,
        other: u8,
        mode: Mode,
        to: u8,
        store: Option<Store>,
    },
    /// `cmp p, v, theta; [@p reset of v]; @p spk; [sts v]`.
    Fire {
        at_threshold: bool,
        v: u8,
        theta: u8,
        predicate: u8,
        reset: Reset,
        /// Instruction that sends.
        spk: usize,
        store: Option<Store>,
    },
}

/// Slot, and the registers that may be read after the store.
pub(crate) type Store = (u8, u32);

/// What happens to v where it fires. Operands are places in the register file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    None,
    /// v = operand.
    Value(u8),
    /// v = mode(v − operand).
    Subtract(u8, Mode),
}

impl Reset {
    /// Place of what is written or subtracted; r0 where nothing is.
    pub(crate) fn operand(self) -> u8 {
        match self {
            Reset::None => 0,
            Reset::Value(operand) | Reset::Subtract(operand, _) => operand,
        }
    }
}

/// A run that begins at some instruction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Instructions in it.
    pub(crate) len: usize,
    pub(crate) what: Super,
}

fn plain(i: &Instr) -> bool {
    i.pred == 0
}

/// Bit of a register in a live set.
fn bit(register: u8) -> u32 {
    (1u32 << register) & !1
}

/// Runs by their first instruction. `live[i]` is what may be read from instruction i on (bits 0–15 registers, 16–19 predicates).
pub(crate) fn runs(steps: &[Step], live: &[u32]) -> Vec<Option<Run>> {
    let mut found: Vec<Option<Run>> = vec![None; steps.len()];
    let mut at = 0;
    while at < steps.len() {
        let run = load(steps, at)
            .or_else(|| rest(steps, at, live))
            .or_else(|| leak(steps, at, live))
            .or_else(|| fire(steps, at))
            .filter(|run| inside(steps, at, run.len));
        let len = run.as_ref().map_or(1, |run| run.len);
        found[at] = run;
        at += len;
    }
    found
}

/// No branch ends within the run, and no lane elsewhere needs what it overwrites.
fn inside(steps: &[Step], at: usize, len: usize) -> bool {
    let run = &steps[at..at + len];
    run[1..].iter().all(|s| !s.target) && run.iter().all(|s| !s.keep)
}

fn load(steps: &[Step], at: usize) -> Option<Run> {
    let len = steps[at..]
        .iter()
        .take_while(|s| matches!(s.instr.op, Op::Lds | Op::Lda) && plain(&s.instr))
        .count();
    (len > 0).then_some(Run {
        len,
        what: Super::Load,
    })
}

fn rest(steps: &[Step], at: usize, live: &[u32]) -> Option<Run> {
    let mut operands: Vec<u8> = Vec::new();
    let mut written = 0;
    let mut sum = None;
    let mut index = at;
    while let Some(Step { instr: i, .. }) = steps.get(index) {
        if i.op != Op::Or || !plain(i) || i.konst || i.rd == 0 {
            break;
        }
        match sum {
            None => operands.extend([i.ra, i.rb]),
            Some(x) if i.ra == x && i.rb != x => operands.push(i.rb),
            Some(x) if i.rb == x && i.ra != x => operands.push(i.ra),
            Some(_) => return None,
        }
        // All operands are read before anything is written.
        if bit(*operands.last()?) & written != 0 {
            return None;
        }
        sum = Some(i.rd);
        written |= bit(i.rd);
        index += 1;
    }
    let (cmp, br) = (&steps.get(index)?.instr, &steps.get(index + 1)?.instr);
    let x = sum.unwrap_or(cmp.ra);
    if sum.is_none() {
        operands.push(x);
    }
    let compares = cmp.op == Op::CmpEq
        && plain(cmp)
        && !cmp.konst
        && cmp.rd != 0
        && ((cmp.ra == x && cmp.rb == 0) || (cmp.ra == 0 && cmp.rb == x));
    let branches = br.op == Op::Br && br.pred == cmp.rd && !br.negate;
    if !compares || !branches {
        return None;
    }
    let after = index + 2;
    let dead = written | 1 << (16 + cmp.rd);
    ((live[after] | live[after + usize::from(br.offset)]) & dead == 0).then_some(Run {
        len: after - at,
        what: Super::Rest { operands },
    })
}

fn leak(steps: &[Step], at: usize, live: &[u32]) -> Option<Run> {
    let copied = copy(&steps[at].instr);
    let first = at + usize::from(copied.is_some());
    let (mul, add) = (&steps.get(first)?.instr, &steps.get(first + 1)?.instr);
    let multiplies = mul.op == Op::Mulq
        && plain(mul)
        && mul.konst
        && mul.mode == Mode::Wrap32
        && mul.round != Round::Stochastic
        && mul.rd != 0;
    let adds = add.op == Op::Add && plain(add) && add.shift == 0 && add.rd != 0;
    if !multiplies || !adds {
        return None;
    }
    let mut other = if add.ra == mul.rd {
        steps[first + 1].b
    } else if !add.konst && add.rb == mul.rd {
        add.ra
    } else {
        return None;
    };
    if other == mul.rd {
        return None;
    }
    let mut end = first + 2;
    let mut gone = bit(mul.rd);
    if let Some((copy, original)) = copied {
        if other != copy || mul.ra == copy || mul.rd == original {
            return None;
        }
        gone |= bit(copy);
        other = original;
    }
    if live[end] & gone & !bit(add.rd) != 0 {
        return None;
    }
    let mut store = None;
    if let Some(Step { instr: i, .. }) = steps.get(end)
        && i.op == Op::Sts
        && plain(i)
        && i.rd == add.rd
    {
        store = Some((i.slot, steps[end].live));
        end += 1;
    }
    Some(Run {
        len: end - at,
        what: Super::Leak {
            a: mul.ra,
            k: steps[first].b,
            shift: mul.shift,
            round: mul.round,
            other,
            mode: add.mode,
            to: add.rd,
            store,
        },
    })
}

/// `add copy, original, r0`.
fn copy(i: &Instr) -> Option<(u8, u8)> {
    let moves = i.op == Op::Add && plain(i) && i.mode == Mode::Wrap32 && i.shift == 0;
    (moves && !i.konst && i.rb == 0 && i.ra != 0 && i.rd != 0 && i.rd != i.ra)
        .then_some((i.rd, i.ra))
}

fn fire(steps: &[Step], at: usize) -> Option<Run> {
    let cmp = &steps[at].instr;
    let compares = matches!(cmp.op, Op::CmpGt | Op::CmpGe)
        && plain(cmp)
        && cmp.shift == 0
        && cmp.rd != 0
        && cmp.ra != 0;
    if !compares {
        return None;
    }
    let (v, theta, predicate) = (cmp.ra, steps[at].b, cmp.rd);
    if theta == v {
        return None;
    }
    let guarded = |i: &Instr| i.pred == predicate && !i.negate;
    let mut index = at + 1;
    let mut reset = Reset::None;
    let next = &steps.get(index)?.instr;
    if guarded(next) && next.rd == v {
        let b = steps[index].b;
        reset = match next.op {
            Op::Add if next.ra == 0 && next.shift == 0 && next.mode == Mode::Wrap32 => {
                Reset::Value(b)
            }
            Op::Sub if next.ra == v && next.shift == 0 => Reset::Subtract(b, next.mode),
            _ => return None,
        };
        if usize::from(b) >= PREDICATES || b == v {
            return None;
        }
        index += 1;
    }
    let spk = steps.get(index)?;
    if spk.instr.op != Op::Spk || !guarded(&spk.instr) {
        return None;
    }
    let send = index;
    index += 1;
    let mut store = None;
    if let Some(Step { instr: i, .. }) = steps.get(index)
        && i.op == Op::Sts
        && plain(i)
        && i.rd == v
    {
        store = Some((i.slot, steps[index].live));
        index += 1;
    }
    Some(Run {
        len: index - at,
        what: Super::Fire {
            at_threshold: cmp.op == Op::CmpGe,
            v,
            theta,
            predicate,
            reset,
            spk: send,
            store,
        },
    })
}
