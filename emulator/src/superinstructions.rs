//! Superinstructions at work: each does what its run of instructions does, in a few passes over the strip.
//!
//! Invariant: registers, state, spikes and bookings are those of the plain interpreter for every lane that stands here;
//! registers that nobody reads any more are left as they are.

use crate::api::Counters;
use crate::fuse::{Reset, Run, Store, Super};
use crate::handler::{CONSTANTS, Handler, PREDICATES};
use crate::mutants::{self, Mutant};
use crate::pass::Sent;
use crate::registers::{OWN, ZERO};
use crate::update::{GroupStep, Lanes, load_sums};
use crate::vector::{binary, each, truth, wrap24};
use isa::chip::UpdateTime;
use isa::numeric::{saturate_i32, shift_right};
use isa::op::{Mode, Op, Round};

/// mode(a + b), as `add` without shift.
#[inline(always)]
fn sum(a: i32, b: i32, mode: Mode) -> i32 {
    const MAX24: i32 = (1 << 23) - 1;
    match mode {
        Mode::Wrap32 => a.wrapping_add(b),
        Mode::Wrap24 => wrap24(a.wrapping_add(b)),
        Mode::Sat32 => a.saturating_add(b),
        Mode::Sat24 => a.saturating_add(b).clamp(-MAX24, MAX24),
    }
}

/// mode(a − b), as `sub` without shift.
#[inline(always)]
fn difference(a: i32, b: i32, mode: Mode) -> i32 {
    const MAX24: i32 = (1 << 23) - 1;
    match mode {
        Mode::Wrap32 => a.wrapping_sub(b),
        Mode::Wrap24 => wrap24(a.wrapping_sub(b)),
        Mode::Sat32 => a.saturating_sub(b),
        Mode::Sat24 => a.saturating_sub(b).clamp(-MAX24, MAX24),
    }
}

/// Low 32 bits of a · k / 2^shift, rounded.
#[inline(always)]
fn scaled(a: i32, k: i32, shift: u32, round: Round) -> i32 {
    let product = i64::from(a) * i64::from(k);
    match round {
        Round::Floor | Round::Stochastic => (product as u64 >> shift) as i32,
        Round::Zero => {
            let below = (product >> 63) & ((1 << shift) - 1);
            ((product + below) as u64 >> shift) as i32
        }
        Round::Nearest => shift_right(product, shift, round, 0) as i32,
    }
}

/// [`scaled`] for 0 ≤ k ≤ 2^shift and shift < 16: no product leaves 32 bits.
#[inline(always)]
fn lessened(a: i32, k: i32, shift: u32, round: Round) -> i32 {
    let rest = (1u32 << shift) - 1;
    let scale =
        |a: u32| (a >> shift).wrapping_mul(k as u32) + ((a & rest).wrapping_mul(k as u32) >> shift);
    if round == Round::Zero {
        let sign = a >> 31;
        (scale(a.unsigned_abs()) as i32 ^ sign).wrapping_sub(sign)
    } else {
        let below = (a as u32 & rest).wrapping_mul(k as u32) >> shift;
        (a >> shift).wrapping_mul(k).wrapping_add(below as i32)
    }
}

impl Lanes {
    /// A run whose instructions start at `index`.
    #[inline(always)]
    pub(crate) fn fused(
        &mut self,
        index: usize,
        run: &Run,
        step: &mut GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        match &run.what {
            Super::Load => self.load(&handler.steps[index..index + run.len], step),
            Super::Rest { operands } => {
                let mut mask = std::mem::take(&mut self.mask);
                let leaving = self.resting(operands, &mut mask[..self.file.n], step);
                if leaving > 0 {
                    let br = index + run.len - 1;
                    self.leave(br, &mask[..self.file.n], leaving, step, handler, counters);
                }
                self.mask = mask;
            }
            Super::Leak {
                a,
                k,
                shift,
                round,
                other,
                mode,
                to,
                store,
            } => {
                let leak = Leak {
                    k: step.group.constants[usize::from(*k) - CONSTANTS].1,
                    shift: u32::from(*shift),
                    round: *round,
                    mode: *mode,
                };
                if let Some((slot, live)) = *store
                    && self.full
                    && self.file.stands_for(*a, slot)
                    && mode.fits(step.group.slots[usize::from(slot)].bits)
                {
                    self.leak_in_place(leak, (*a, *other, *to), slot, live, step);
                    return;
                }
                let mut taken = self.file.take();
                let a = self.file.value(step.slots, (*a).into());
                let b = self.file.value(step.slots, (*other).into());
                leak.pass(&mut taken[..self.file.n], a, b);
                self.file.put(usize::from(*to), taken);
                if let Some(store) = store {
                    self.store_run(*to, *store, step);
                }
            }
            Super::Fire {
                at_threshold,
                v,
                theta,
                predicate,
                reset,
                spk,
                store,
            } => {
                let n = self.file.n;
                let mut fired = self.file.take();
                let any = self.firing(&mut fired[..n], *at_threshold, (*v, *theta), step);
                self.file.put(PREDICATES + usize::from(*predicate), fired);
                if any {
                    if matches!(step.price, UpdateTime::Instruction(_)) {
                        self.flush(*spk + 1, step, handler, counters);
                    }
                    let (sent, bundles, common) = (&mut self.sent, &self.bundles, self.common);
                    each(self.file.holds(*predicate), |lane| {
                        sent.push(Sent {
                            lane: lane as u32,
                            payload: 1,
                            offset: common + bundles[lane / step.lanes_per_bundle],
                        });
                    });
                }
                let whole = store.filter(|(slot, live)| {
                    let mine = |r: u8| r < 16 && self.file.stands_for(r, *slot);
                    any && self.full && live >> *v & 1 == 0 && !mine(*v) && !mine(reset.operand())
                });
                match (whole, store) {
                    (Some((slot, live)), _) => {
                        self.file.before_store(*v, slot, live, step.slots);
                        let mut to = std::mem::take(&mut step.slots[usize::from(slot)]);
                        let bits = step.group.slots[usize::from(slot)].bits;
                        let lanes = self.file.start..self.file.start + n;
                        self.reset_fired(&mut to[lanes], *v, *reset, *predicate, bits, step);
                        step.slots[usize::from(slot)] = to;
                    }
                    (None, store) => {
                        if any && *reset != Reset::None {
                            let mut taken = self.file.take();
                            self.reset_fired(&mut taken[..n], *v, *reset, *predicate, 32, step);
                            self.file.put(usize::from(*v), taken);
                        }
                        if let Some(store) = store {
                            self.store_run(*v, *store, step);
                        }
                    }
                }
            }
        }
    }

    /// Lanes of those here where all operands are 0: the mask if there are any, and their number.
    #[inline(always)]
    fn resting(&self, operands: &[u8], mask: &mut [i32], step: &GroupStep<'_>) -> u32 {
        let value = |r: &u8| self.file.value(step.slots, (*r).into());
        let operands = if mutants::is(Mutant::RestForgets) && operands.len() > 1 {
            &operands[..operands.len() - 1]
        } else {
            operands
        };
        let mut none = 0i32;
        match operands {
            [a, b, c] => {
                let all = value(a).iter().zip(value(b)).zip(value(c));
                for (mask, ((a, b), c)) in mask.iter_mut().zip(all) {
                    *mask = truth((a | b | c) == 0);
                    none -= *mask;
                }
            }
            _ => {
                mask.fill(0);
                for operand in operands {
                    for (mask, x) in mask.iter_mut().zip(value(operand)) {
                        *mask |= *x;
                    }
                }
                for mask in mask.iter_mut() {
                    *mask = truth(*mask == 0);
                    none -= *mask;
                }
            }
        }
        if self.full || none == 0 {
            return none as u32;
        }
        none = 0;
        for (mask, here) in mask.iter_mut().zip(self.present.iter()) {
            *mask &= here;
            none -= *mask;
        }
        none as u32
    }

    /// Lanes of those here that fire; whether there are any.
    #[inline(always)]
    fn firing(
        &self,
        fired: &mut [i32],
        at_threshold: bool,
        (v, theta): (u8, u8),
        step: &GroupStep<'_>,
    ) -> bool {
        let v = self.file.value(step.slots, v.into());
        let theta = self.file.value(step.slots, theta.into());
        let mut any = 0;
        let pairs = fired.iter_mut().zip(v.iter().zip(theta));
        if at_threshold || mutants::is(Mutant::FireAtThreshold) {
            for (fired, (v, theta)) in pairs {
                *fired = truth(v >= theta);
                any |= *fired;
            }
        } else {
            for (fired, (v, theta)) in pairs {
                *fired = truth(v > theta);
                any |= *fired;
            }
        }
        if self.full || any == 0 {
            return any != 0;
        }
        any = 0;
        for (fired, here) in fired.iter_mut().zip(self.present.iter()) {
            *fired &= here;
            any |= *fired;
        }
        any != 0
    }

    /// `sts` without guard, for the lanes here.
    #[inline(always)]
    fn store_run(&mut self, register: u8, (slot, live): Store, step: &mut GroupStep<'_>) {
        if !self.file.before_store(register, slot, live, step.slots) {
            return;
        }
        let slot = usize::from(slot);
        let bits = step.group.slots[slot].bits;
        let value = self.file.value(&[], usize::from(register));
        let lanes = self.file.start..self.file.start + self.file.n;
        let slot = &mut step.slots[slot][lanes];
        if self.full {
            crate::vector::unary(slot, value, |v| saturate_i32(v, bits));
        } else {
            for ((slot, v), here) in slot.iter_mut().zip(value).zip(self.present.iter()) {
                *slot = (saturate_i32(*v, bits) & here) | (*slot & !here);
            }
        }
    }

    #[inline(always)]
    fn load(&mut self, steps: &[crate::handler::Step], step: &GroupStep<'_>) {
        let lanes = self.file.start..self.file.start + self.file.n;
        for at in steps {
            let (i, to) = (&at.instr, usize::from(at.to));
            match i.op {
                Op::Lds if i.slot < ZERO => self.file.stand_for(to, i.slot),
                Op::Lds => {
                    let mut taken = self.file.take();
                    taken[..lanes.len()]
                        .copy_from_slice(&step.slots[usize::from(i.slot)][lanes.clone()]);
                    self.file.put(to, taken);
                }
                _ if !step.touched => self.file.stand_for(to, ZERO),
                _ => {
                    let mut taken = self.file.take();
                    let first = usize::from(i.field) * step.plan.lanes as usize;
                    let sums = &step.sums[first..][lanes.clone()];
                    load_sums(&mut taken[..lanes.len()], sums, step.group);
                    self.file.put(to, taken);
                }
            }
        }
    }

    /// v with its reset where the predicate holds, saturated to so many bits.
    #[inline(always)]
    fn reset_fired(
        &self,
        to: &mut [i32],
        v: u8,
        reset: Reset,
        predicate: u8,
        bits: u8,
        step: &GroupStep<'_>,
    ) {
        let lanes = to
            .iter_mut()
            .zip(self.file.value(step.slots, v.into()))
            .zip(self.file.value(step.slots, reset.operand().into()))
            .zip(self.file.holds(predicate));
        macro_rules! pass {
            ($f:expr) => {
                for (((to, v), x), fired) in lanes {
                    *to = saturate_i32(($f(*v, *x) & fired) | (*v & !fired), bits);
                }
            };
        }
        match reset {
            Reset::None => pass!(|v, _| v),
            Reset::Value(_) => pass!(|_, x: i32| x),
            Reset::Subtract(_, Mode::Wrap32) => pass!(|v, x| difference(v, x, Mode::Wrap32)),
            Reset::Subtract(_, Mode::Wrap24) => pass!(|v, x| difference(v, x, Mode::Wrap24)),
            Reset::Subtract(_, Mode::Sat32) => pass!(|v, x| difference(v, x, Mode::Sat32)),
            Reset::Subtract(_, Mode::Sat24) => pass!(|v, x| difference(v, x, Mode::Sat24)),
        }
    }

    /// e = leak(a) + other where a stands for the slot that e goes to: nothing is copied.
    #[inline(always)]
    fn leak_in_place(
        &mut self,
        leak: Leak,
        (a, other, to): (u8, u8, u8),
        slot: u8,
        live: u32,
        step: &mut GroupStep<'_>,
    ) {
        if other < CONSTANTS as u8 && self.file.stands_for(other, slot) {
            self.file.own(other, step.slots);
        }
        self.file.own_live(slot, live & !(1 << to), step.slots);
        let mut state = std::mem::take(&mut step.slots[usize::from(slot)]);
        let lanes = self.file.start..self.file.start + self.file.n;
        let other = self.file.value(step.slots, other.into());
        leak.pass_in_place(&mut state[lanes], other);
        step.slots[usize::from(slot)] = state;
        self.file.stand_for(usize::from(a), OWN);
        self.file.stand_for(usize::from(to), slot);
    }
}

/// out = mode(round(a · k / 2^shift) + b).
#[derive(Clone, Copy)]
struct Leak {
    k: i32,
    shift: u32,
    round: Round,
    mode: Mode,
}

/// The loop `$each!(f)` for the function f(a, b) of a leak, one of its own for every rounding and mode.
macro_rules! leaks {
    ($leak:expr, $each:ident) => {{
        let Leak {
            k,
            shift,
            round,
            mode,
        } = $leak;
        // Where the factor is at most 1, whole and rest are scaled apart in 32 bits.
        let narrow = shift < 16 && (0..=1 << shift).contains(&k);
        macro_rules! modes {
            ($scale:ident, $round:ident) => {
                match mode {
                    Mode::Wrap32 => {
                        $each!(|a, b| { sum($scale(a, k, shift, Round::$round), b, Mode::Wrap32) })
                    }
                    Mode::Wrap24 => {
                        $each!(|a, b| { sum($scale(a, k, shift, Round::$round), b, Mode::Wrap24) })
                    }
                    Mode::Sat32 => {
                        $each!(|a, b| { sum($scale(a, k, shift, Round::$round), b, Mode::Sat32) })
                    }
                    Mode::Sat24 => {
                        $each!(|a, b| { sum($scale(a, k, shift, Round::$round), b, Mode::Sat24) })
                    }
                }
            };
        }
        match (narrow, round) {
            (true, Round::Zero) if mutants::is(Mutant::LeakFloor) => modes!(lessened, Floor),
            (true, Round::Zero) => modes!(lessened, Zero),
            (true, Round::Floor) => modes!(lessened, Floor),
            (false, Round::Zero) => modes!(scaled, Zero),
            (false, Round::Floor) => modes!(scaled, Floor),
            (_, Round::Nearest) => modes!(scaled, Nearest),
            (_, Round::Stochastic) => unreachable!("no run draws"),
        }
    }};
}

impl Leak {
    #[inline(always)]
    fn pass(self, out: &mut [i32], a: &[i32], b: &[i32]) {
        macro_rules! each {
            ($f:expr) => {
                binary(out, a, b, $f)
            };
        }
        leaks!(self, each);
    }

    #[inline(always)]
    fn pass_in_place(self, state: &mut [i32], b: &[i32]) {
        macro_rules! each {
            ($f:expr) => {
                for (state, b) in state.iter_mut().zip(b) {
                    *state = ($f)(*state, *b);
                }
            };
        }
        leaks!(self, each);
    }
}

/// Whether every value of a mode fits so many bits.
trait Fits {
    fn fits(self, bits: u8) -> bool;
}

impl Fits for Mode {
    #[inline(always)]
    fn fits(self, bits: u8) -> bool {
        match self {
            Mode::Wrap24 | Mode::Sat24 => bits >= 24,
            Mode::Wrap32 | Mode::Sat32 => bits == 32,
        }
    }
}
