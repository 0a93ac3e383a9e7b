//! One lane at a time: its state before and after an update, and its way through the handler in between.
//!
//! Invariant: the walk starts from the state that the engine started from, and the slots shown are the engine's own.

use super::{LaneState, Pending};
use crate::program::{CorePlan, GroupPlan};
use crate::reference::handler::{Site, Walk, walk};
use crate::state::CoreState;
use isa::image::Reduce;
use isa::op::Instr;

/// A lane of a core whose state was kept.
pub(super) struct Lane<'a> {
    pub(super) core: &'a CorePlan<'a>,
    pub(super) group: usize,
    in_group: usize,
    before: &'a CoreState,
    after: &'a CoreState,
    axon_bits: bool,
}

impl<'a> Lane<'a> {
    /// All lanes of a core, in order.
    pub(super) fn all(
        core: &'a CorePlan<'a>,
        before: &'a CoreState,
        after: &'a CoreState,
        axon_bits: bool,
    ) -> impl Iterator<Item = Lane<'a>> {
        let of_group = move |(group, plan): (usize, &GroupPlan)| {
            (0..plan.lanes as usize).map(move |in_group| Lane {
                core,
                group,
                in_group,
                before,
                after,
                axon_bits,
            })
        };
        core.groups.iter().enumerate().flat_map(of_group)
    }

    pub(super) fn plan(&self) -> &'a GroupPlan {
        &self.core.groups[self.group]
    }

    /// Lane of the core.
    pub(super) fn number(&self) -> u32 {
        self.plan().first + self.in_group as u32
    }

    /// Logical id.
    pub(super) fn neuron(&self) -> u32 {
        self.core.program.lane_ids[self.number() as usize].0
    }

    /// Sums of one slot of a ring, by receptor.
    fn sums(&self, state: &CoreState, slot: usize) -> Vec<i64> {
        let plan = self.plan();
        let receptors = usize::from(self.core.program.groups[self.group].receptors);
        let at = |receptor| {
            slot * self.core.stride
                + plan.accumulators
                + receptor * plan.lanes as usize
                + self.in_group
        };
        (0..receptors)
            .map(|receptor| state.accumulators[at(receptor)])
            .collect()
    }

    /// Sums of the step, as `lda` reads them.
    fn input(&self) -> Vec<i32> {
        let group = &self.core.program.groups[self.group];
        let bits = u32::from(group.accumulator_bits);
        let reduce = |sum| match group.accumulator_mode {
            Reduce::Wrap => isa::numeric::wrap(sum, bits) as i32,
            Reduce::Saturate => isa::numeric::saturate(sum, bits) as i32,
        };
        let slot = if self.axon_bits { 0 } else { self.before.head };
        self.sums(self.before, slot)
            .into_iter()
            .map(reduce)
            .collect()
    }

    /// Its way through `update`, and its slots at the end of it. `step` counts from the last reset.
    pub(super) fn walk(&self, seed: u64, step: u32) -> (Walk, Vec<i32>) {
        let group = &self.core.program.groups[self.group];
        let code: Vec<Instr> = self.plan().update.steps.iter().map(|s| s.instr).collect();
        let slots = &self.before.slots[self.group];
        let mut own: Vec<Vec<i32>> = slots.iter().map(|s| vec![s[self.in_group]]).collect();
        if code.is_empty() {
            return (Walk::default(), own.concat());
        }
        let (id, input) = (self.neuron(), self.input());
        let site = Site {
            lane: self.in_group,
            place: 0,
            step,
            id,
            payload: 0,
            weight: Some(0),
            weight_slot: 0,
            delay: 0,
            kind: 0,
            sums: &|receptor| input[receptor],
            random: &|at| isa::rng::draw_lane(seed, step, id, at as u32),
        };
        let walk = walk(&code, group, &mut own, &site);
        (walk, own.concat())
    }

    /// All there is to show.
    pub(super) fn state(&self, seed: u64, step: u32) -> LaneState {
        let (walk, slots) = self.walk(seed, step);
        let after: Vec<i32> = self.after.slots[self.group]
            .iter()
            .map(|slot| slot[self.in_group])
            .collect();
        debug_assert_eq!(slots, after, "the engine and the walk end alike");
        let rings = if self.axon_bits { 0 } else { self.core.ring };
        let pending = (1..=rings).flat_map(|ahead| {
            let slot = (self.after.head + ahead - 1) % self.core.ring;
            let sums = self.sums(self.after, slot).into_iter().enumerate();
            sums.filter(|(_, sum)| *sum != 0)
                .map(move |(receptor, sum)| Pending {
                    ahead: ahead as u32,
                    receptor: receptor as u32,
                    sum,
                })
        });
        LaneState {
            core: self.core.program.core.0,
            lane: self.number(),
            group: self.group,
            neuron: self.neuron(),
            spiked: walk.spike.map(|(_, payload)| payload),
            idle: walk.idle,
            input: self.input(),
            slots: after,
            pending: pending.collect(),
            registers: (self.plan().update.len() > 0).then_some(walk.registers),
            predicates: walk.predicates,
        }
    }
}
