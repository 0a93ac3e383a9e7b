//! The neuron unit's function: `update` over all lanes of a core, one instruction at a time over a strip of lanes.
//!
//! Invariant: a lane sees exactly the instructions on its own path; counts and cycles are those of `specs/core.md`
//! for any strip length.

use crate::api::Counters;
use crate::handler::{Handler, PREDICATES};
use crate::mutants::{self, Mutant};
use crate::pass::{Pass, Sent, Spike};
use crate::program::GroupPlan;
use crate::registers::Registers;
use crate::simd::{Level, Work};
use crate::vector::{YES, binary, blend, compute, count, each};
use crate::words::Words;
use isa::chip::UpdateTime;
use isa::ids::NeuronId;
use isa::image::{Group, Reduce};
use isa::numeric::{saturate, saturate_i32};
use isa::op::{Handler as Kind, Op, clamp_index};
use isa::rng::{draw_lane, site};

/// What a group brings along for one step.
pub(crate) struct GroupStep<'a> {
    pub(crate) core: u32,
    pub(crate) plan: &'a GroupPlan,
    pub(crate) group: &'a Group,
    pub(crate) slots: &'a mut [Words<i32>],
    /// Accumulators of the step's slot, bank by bank.
    pub(crate) sums: &'a [i64],
    /// Some accumulator may differ from 0.
    pub(crate) touched: bool,
    pub(crate) ids: &'a [NeuronId],
    pub(crate) seed: u64,
    pub(crate) step: u32,
    pub(crate) price: &'a UpdateTime,
    pub(crate) lanes_per_bundle: usize,
    /// `axon_bits`: cycles of the pass before each lane's update.
    pub(crate) pass: Pass<'a>,
}

/// Working memory of the interpreter; one per thread.
pub(crate) struct Lanes {
    pub(crate) file: Registers,
    pub(crate) present: Words<i32>,
    resume: Words<i32>,
    pub(crate) mask: Words<i32>,
    pub(crate) idle: Words<i32>,
    random: Words<i32>,
    pub(crate) bundles: Vec<u64>,
    pub(crate) sent: Vec<Sent>,
    // Of the strip in hand.
    standing: u32,
    pub(crate) full: bool,
    pub(crate) any_idle: bool,
    from: usize,
    pub(crate) common: u64,
    level: Level,
}

/// One group's update, as work for one level of vector instructions.
struct Update<'u, 'a> {
    lanes: &'u mut Lanes,
    step: &'u mut GroupStep<'a>,
    time: &'u mut u64,
    spikes: &'u mut Vec<Spike>,
    counters: &'u mut [Counters],
}

impl Work for Update<'_, '_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        self.lanes
            .strips(self.step, self.time, self.spikes, self.counters);
    }
}

/// Lanes whose guard holds; `None` = all. `presence`: only those that stand here.
#[inline(always)]
fn guard<'m>(
    file: &'m Registers,
    present: &'m [i32],
    scratch: &'m mut [i32],
    pred: u8,
    negate: bool,
    presence: bool,
    n: usize,
) -> Option<&'m [i32]> {
    let holds = file.holds(pred);
    match (pred, negate, presence) {
        (0, _, false) => None,
        (0, _, true) => Some(&present[..n]),
        (_, false, false) => Some(holds),
        (_, true, false) => {
            crate::vector::unary(&mut scratch[..n], holds, |p| !p);
            Some(&scratch[..n])
        }
        (_, _, true) => {
            let flip = -i32::from(negate);
            binary(&mut scratch[..n], holds, present, |p, here| {
                (p ^ flip) & here
            });
            Some(&scratch[..n])
        }
    }
}

impl Lanes {
    /// For strips of at most `width` lanes.
    pub(crate) fn new(width: usize, level: Level) -> Lanes {
        let lanes = || Words::new(width);
        Lanes {
            file: Registers::new(width),
            present: lanes(),
            resume: lanes(),
            mask: lanes(),
            idle: lanes(),
            random: lanes(),
            bundles: vec![0; width],
            sent: Vec::new(),
            standing: 0,
            full: true,
            any_idle: false,
            from: 0,
            common: 0,
            level,
        }
    }

    /// Updates a group. `time` is the neuron unit's clock; spikes are appended, counts added by population.
    pub(crate) fn update(
        &mut self,
        step: &mut GroupStep<'_>,
        time: &mut u64,
        spikes: &mut Vec<Spike>,
        counters: &mut [Counters],
    ) {
        if step.plan.update.len() == 0 {
            return;
        }
        let level = self.level;
        level.run(Update {
            lanes: self,
            step,
            time,
            spikes,
            counters,
        });
    }

    #[inline(always)]
    fn strips(
        &mut self,
        step: &mut GroupStep<'_>,
        time: &mut u64,
        spikes: &mut Vec<Spike>,
        counters: &mut [Counters],
    ) {
        let handler = &step.plan.update;
        if let UpdateTime::Instruction(price) = step.price {
            *time += price.fill;
        }
        let lanes = step.plan.lanes as usize;
        let width = self.mask.len();
        for k in &handler.constants {
            let k = usize::from(*k);
            self.file.hold(k, step.group.constants[k].1);
        }
        for start in (0..lanes).step_by(width) {
            self.file.begin(start, width.min(lanes - start));
            self.strip(step, handler, counters);
            self.finish(step, time, spikes, counters);
        }
    }

    #[inline(always)]
    fn strip(&mut self, step: &mut GroupStep<'_>, handler: &Handler, counters: &mut [Counters]) {
        let n = self.file.n;
        for r in &handler.clear_registers {
            self.file.clear(usize::from(*r));
        }
        for p in &handler.clear_predicates {
            self.file.clear(PREDICATES + usize::from(*p));
        }
        if matches!(step.price, UpdateTime::Instruction(_)) {
            self.bundles[..n.div_ceil(step.lanes_per_bundle)].fill(0);
        }
        (
            self.standing,
            self.full,
            self.any_idle,
            self.from,
            self.common,
        ) = (n as u32, true, false, 0, 0);
        self.sent.clear();
        let mut index = 0;
        while let Some(at) = handler.steps.get(index) {
            if at.target && !self.full {
                self.flush(index, step, handler, counters);
                self.rejoin(index);
            }
            if self.standing == 0 {
                index += 1;
                continue;
            }
            if let Some(run) = &handler.runs[index] {
                self.fused(index, run, step, handler, counters);
                index += run.len;
                continue;
            }
            match at.instr.op {
                Op::Halt | Op::Brk => {}
                Op::Br => self.branch(index, step, handler, counters),
                Op::Sts => self.store(index, step, handler),
                Op::Spk | Op::Spkg => self.send(index, step, handler, counters),
                _ => self.write(index, step, handler, counters),
            }
            index += 1;
        }
        self.flush(handler.len(), step, handler, counters);
    }

    /// Books the instructions since the last change of who stands here.
    #[inline(always)]
    pub(crate) fn flush(
        &mut self,
        to: usize,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let from = std::mem::replace(&mut self.from, to);
        if from == to || self.standing == 0 {
            return;
        }
        let (before, after) = (&handler.classes[from], &handler.classes[to]);
        let book = |counters: &mut Counters, lanes: u64| {
            let class = |i: usize| u64::from(after[i] - before[i]) * lanes;
            counters.update_alu += class(0);
            counters.update_mul += class(1);
            counters.update_mem += class(2);
            counters.update_ctl += class(3);
            counters.update_send += class(4);
            counters.update_rng += class(5);
        };
        if let [(_, population)] = step.plan.runs.as_slice() {
            book(
                &mut counters[*population as usize],
                u64::from(self.standing),
            );
        } else {
            for (lanes, population) in runs(step.plan, self.file.start, self.file.n) {
                let here = if self.full {
                    lanes.len() as u32
                } else {
                    count(&self.present[lanes])
                };
                book(&mut counters[population], u64::from(here));
            }
        }
        if matches!(step.price, UpdateTime::Instruction(_)) {
            let cost = handler.cost[to] - handler.cost[from];
            let cost = if mutants::is(Mutant::BundlePerLane) {
                cost * step.lanes_per_bundle as u64
            } else {
                cost
            };
            if self.full {
                self.common += cost;
            } else {
                for (bundle, lanes) in self.present[..self.file.n]
                    .chunks(step.lanes_per_bundle)
                    .enumerate()
                {
                    let any = lanes.iter().fold(0, |all, here| all | here) != 0;
                    self.bundles[bundle] += if any { cost } else { 0 };
                }
            }
        }
    }

    #[inline(always)]
    fn rejoin(&mut self, index: usize) {
        let here = index as i32;
        for (present, resume) in self.present[..self.file.n]
            .iter_mut()
            .zip(self.resume.iter())
        {
            *present |= -i32::from(*resume == here);
        }
        self.standing = count(&self.present[..self.file.n]);
        self.full = self.standing as usize == self.file.n;
    }

    #[inline(always)]
    fn branch(
        &mut self,
        index: usize,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let (n, i) = (self.file.n, handler.steps[index].instr);
        let mut mask = std::mem::take(&mut self.mask);
        let leaving = &mut mask[..n];
        let holds = self.file.holds(i.pred);
        let flip = -i32::from(i.negate);
        if self.full {
            crate::vector::unary(leaving, holds, |p| p ^ flip);
        } else {
            binary(leaving, holds, &self.present, |p, here| (p ^ flip) & here);
        }
        let number = count(leaving);
        if number > 0 {
            self.leave(index, &mask[..n], number, step, handler, counters);
        }
        self.mask = mask;
    }

    /// The lanes of a mask, so many of those that stand here, take the branch at `index`.
    #[inline(always)]
    pub(crate) fn leave(
        &mut self,
        index: usize,
        leaving: &[i32],
        number: u32,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let (n, i) = (self.file.n, handler.steps[index].instr);
        self.flush(index + 1, step, handler, counters);
        if self.full {
            self.present[..n].fill(YES);
            self.resume[..n].fill(0);
        }
        if i.idle && !self.any_idle {
            self.idle[..n].fill(0);
            self.any_idle = true;
        }
        let to = (index + 1 + usize::from(i.offset)) as i32;
        let idle = -i32::from(i.idle);
        for (((present, resume), lane_idle), go) in self.present[..n]
            .iter_mut()
            .zip(self.resume.iter_mut())
            .zip(self.idle.iter_mut())
            .zip(leaving)
        {
            *resume = (go & to) | (!go & *resume);
            *present &= !go;
            *lane_idle |= go & idle;
        }
        self.standing -= number;
        self.full = false;
    }

    #[inline(always)]
    fn store(&mut self, index: usize, step: &mut GroupStep<'_>, handler: &Handler) {
        let (n, at) = (self.file.n, &handler.steps[index]);
        let i = at.instr;
        if !self.file.before_store(i.rd, i.slot, at.live, step.slots) {
            return;
        }
        let bits = step.group.slots[usize::from(i.slot)].bits;
        let slot = &mut step.slots[usize::from(i.slot)][self.file.start..self.file.start + n];
        let file = &self.file;
        let value = file.value(&[], usize::from(i.rd));
        match guard(
            file,
            &self.present,
            &mut self.mask,
            i.pred,
            i.negate,
            !self.full,
            n,
        ) {
            None => crate::vector::unary(slot, value, |v| saturate_i32(v, bits)),
            Some(mask) => {
                for ((slot, v), m) in slot.iter_mut().zip(value).zip(mask) {
                    *slot = (saturate_i32(*v, bits) & m) | (*slot & !m);
                }
            }
        }
    }

    #[inline(always)]
    fn send(
        &mut self,
        index: usize,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let (n, i) = (self.file.n, handler.steps[index].instr);
        if matches!(step.price, UpdateTime::Instruction(_)) {
            self.flush(index + 1, step, handler, counters);
        }
        let file = &self.file;
        let payload = (i.op == Op::Spkg).then(|| file.value(step.slots, i.ra.into()));
        let (sent, bundles, common) = (&mut self.sent, &self.bundles, self.common);
        let mut push = |lane: usize| {
            let offset = common + bundles[lane / step.lanes_per_bundle];
            sent.push(Sent {
                lane: lane as u32,
                payload: payload.map_or(1, |p| p[lane]),
                offset,
            });
        };
        match guard(
            file,
            &self.present,
            &mut self.mask,
            i.pred,
            i.negate,
            !self.full,
            n,
        ) {
            None => (0..n).for_each(push),
            Some(mask) => each(mask, &mut push),
        }
    }

    /// Draws for the lanes whose guard holds.
    #[inline(never)]
    fn draw(
        &mut self,
        index: usize,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let (n, i) = (self.file.n, handler.steps[index].instr);
        let file = &self.file;
        let mask = guard(
            file,
            &self.present,
            &mut self.mask,
            i.pred,
            i.negate,
            !self.full,
            n,
        );
        let site = site(Kind::Update, index as u32);
        for (lanes, population) in runs(step.plan, self.file.start, n) {
            for lane in lanes {
                if mask.is_none_or(|m| m[lane] != 0) {
                    let id = step.ids[self.file.start + lane].0;
                    let id = if mutants::is(Mutant::DrawByLane) {
                        lane as u32
                    } else {
                        id
                    };
                    self.random[lane] = draw_lane(step.seed, step.step, id, site) as i32;
                    counters[population].random_draws += 1;
                }
            }
        }
    }

    /// Instructions that write a register or predicate.
    #[inline(always)]
    fn write(
        &mut self,
        index: usize,
        step: &GroupStep<'_>,
        handler: &Handler,
        counters: &mut [Counters],
    ) {
        let at = &handler.steps[index];
        let (n, i) = (self.file.n, at.instr);
        if at.draws {
            self.draw(index, step, handler, counters);
        }
        let to = usize::from(at.to);
        let mut taken = self.file.take();
        let out = &mut taken[..n];
        let file = &self.file;
        let logic = matches!(i.op, Op::Pand | Op::Por);
        let base = if logic { PREDICATES } else { 0 };
        let operand = |r: usize| file.value(step.slots, r);
        let (old, a) = (operand(to), operand(base + usize::from(i.ra)));
        let b = operand(if logic {
            base + usize::from(i.rb)
        } else {
            usize::from(at.b)
        });
        let lanes = self.file.start..self.file.start + n;
        let file = &self.file;
        match i.op {
            Op::Sel => match guard(
                file,
                &self.present,
                &mut self.mask,
                i.pred,
                i.negate,
                false,
                n,
            ) {
                None => out.copy_from_slice(a),
                Some(mask) => {
                    out.copy_from_slice(a);
                    blend(out, b, mask);
                }
            },
            Op::Lds => out.copy_from_slice(&step.slots[usize::from(i.slot)][lanes]),
            Op::Lda if !step.touched => out.fill(0),
            Op::Lda => load_sums(
                out,
                &step.sums[usize::from(i.field) * step.plan.lanes as usize..][lanes],
                step.group,
            ),
            Op::Lut => {
                let table = &step.group.tables[usize::from(i.field)];
                crate::vector::unary(out, a, |a| table[clamp_index(&i, a, table.len())]);
            }
            Op::Mfs => match i.field {
                0 => out
                    .iter_mut()
                    .enumerate()
                    .for_each(|(lane, o)| *o = (self.file.start + lane) as i32),
                1 => out.fill(step.step as i32),
                3 => out
                    .iter_mut()
                    .zip(&step.ids[lanes])
                    .for_each(|(o, id)| *o = id.0 as i32),
                _ => out.fill(0),
            },
            _ => compute(&i, out, old, a, b, &self.random[..n]),
        }
        let pred = if i.op == Op::Sel { 0 } else { i.pred };
        if let Some(mask) = guard(
            file,
            &self.present,
            &mut self.mask,
            pred,
            i.negate,
            !self.full && at.keep,
            n,
        ) {
            blend(out, old, mask);
        }
        self.file.put(to, taken);
    }
}

/// Runs of one population within a strip: lanes of the strip, population.
pub(crate) fn runs(
    plan: &GroupPlan,
    start: usize,
    n: usize,
) -> impl Iterator<Item = (std::ops::Range<usize>, usize)> {
    let from = plan.runs.partition_point(|run| run.0 as usize <= start);
    let mut begin = start;
    plan.runs[from..]
        .iter()
        .map_while(move |(end, population)| {
            let lanes = begin - start..(*end as usize).min(start + n) - start;
            begin = start + lanes.end;
            (!lanes.is_empty()).then_some((lanes, *population as usize))
        })
}

#[inline(always)]
pub(crate) fn load_sums(out: &mut [i32], sums: &[i64], group: &Group) {
    let bits = u32::from(group.accumulator_bits);
    if group.accumulator_mode == Reduce::Wrap || mutants::is(Mutant::WrapForSaturate) {
        let unused = 32 - bits;
        for (o, sum) in out.iter_mut().zip(sums) {
            *o = ((*sum as i32) << unused) >> unused;
        }
    } else {
        for (o, sum) in out.iter_mut().zip(sums) {
            *o = saturate(*sum, bits) as i32;
        }
    }
}
