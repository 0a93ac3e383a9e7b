//! The neuron unit's clock: cycles of the lanes of a strip, and when their spikes are ready (`specs/core.md`).
//!
//! Invariant: bundles never cross a strip, so a strip's cycles add up like the whole pass.

use crate::api::Counters;
use crate::mutants::{self, Mutant};
use crate::update::{GroupStep, Lanes, runs};
use crate::vector::count;
use isa::chip::UpdateTime;

/// A spike: a lane whose handler sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spike {
    /// Index of the core in the image.
    pub(crate) core: u32,
    /// Lane of the core.
    pub(crate) lane: u32,
    pub(crate) payload: i32,
    /// Unstalled neuron-unit cycles from the start of the step.
    pub(crate) ready: u64,
}

/// Cycles before a lane's update.
#[derive(Clone, Copy)]
pub(crate) enum Pass<'a> {
    /// The same for every lane.
    Same(u64),
    /// Base, and a factor for the synaptic operations of each lane of the group.
    Each(u64, u64, &'a [u32]),
}

impl Pass<'_> {
    fn cycles(&self, lane: usize) -> u64 {
        match self {
            Pass::Same(all) => *all,
            Pass::Each(base, factor, operations) => base + factor * u64::from(operations[lane]),
        }
    }
    fn total(&self, lanes: std::ops::Range<usize>) -> u64 {
        match self {
            Pass::Same(all) => all * lanes.len() as u64,
            Pass::Each(..) => lanes.map(|lane| self.cycles(lane)).sum(),
        }
    }
}

/// A lane that sent, within its strip.
pub(crate) struct Sent {
    pub(crate) lane: u32,
    pub(crate) payload: i32,
    /// Cycles from the beginning of the bundle.
    pub(crate) offset: u64,
}

impl Lanes {
    /// Books updates, and turns what was sent into spikes with their cycles.
    #[inline(always)]
    pub(crate) fn finish(
        &mut self,
        step: &GroupStep<'_>,
        time: &mut u64,
        spikes: &mut Vec<Spike>,
        counters: &mut [Counters],
    ) {
        let n = self.file.n;
        let idle = (self.any_idle && !mutants::is(Mutant::IdleActive)).then_some(&self.idle[..n]);
        for (lanes, population) in runs(step.plan, self.file.start, n) {
            let all = lanes.len() as u64;
            let inactive = idle.map_or(0, |mask| u64::from(count(&mask[lanes])));
            let counters = &mut counters[population];
            counters.neuron_updates += all;
            counters.neuron_updates_inactive += inactive;
            counters.neuron_updates_active += all - inactive;
        }
        if !self.sent.is_sorted_by_key(|s| s.lane) {
            self.sent.sort_unstable_by_key(|s| s.lane);
        }
        let first = (step.plan.first as usize + self.file.start) as u32;
        let (sent, pass) = (&self.sent, &step.pass);
        let mut emit = |s: &Sent, ready: u64| {
            spikes.push(Spike {
                core: step.core,
                lane: first + s.lane,
                payload: s.payload,
                ready,
            })
        };
        match step.price {
            UpdateTime::Event {
                inactive,
                active,
                spike,
            } if step.lanes_per_bundle == 1 => {
                let mut done = 0;
                let mut passed = |to: usize| {
                    let lanes = std::mem::replace(&mut done, to)..to;
                    let silent = idle.map_or(0, |mask| u64::from(count(&mask[lanes.clone()])));
                    let busy = lanes.len() as u64 - silent;
                    pass.total(self.file.start + lanes.start..self.file.start + lanes.end)
                        + silent * inactive
                        + busy * active
                };
                for s in sent {
                    *time += passed(s.lane as usize + 1) + spike;
                    emit(s, *time);
                }
                *time += passed(n);
            }
            UpdateTime::Event {
                inactive,
                active,
                spike,
            } => {
                let mut next = sent.iter().peekable();
                for lanes in chunks(n, step.lanes_per_bundle) {
                    *time += pass.total(self.file.start + lanes.start..self.file.start + lanes.end);
                    let from = next.clone();
                    let mut longest = 0;
                    for lane in lanes.clone() {
                        let own = if idle.is_some_and(|mask| mask[lane] != 0) {
                            *inactive
                        } else {
                            *active
                        };
                        let sends = next.next_if(|s| s.lane as usize == lane).is_some();
                        longest = longest.max(own + if sends { *spike } else { 0 });
                    }
                    *time += longest;
                    from.take_while(|s| (s.lane as usize) < lanes.end)
                        .for_each(|s| emit(s, *time));
                }
            }
            UpdateTime::Instruction(_) => {
                let mut next = sent.iter().peekable();
                for (bundle, lanes) in chunks(n, step.lanes_per_bundle).enumerate() {
                    *time += pass.total(self.file.start + lanes.start..self.file.start + lanes.end);
                    while let Some(s) = next.next_if(|s| (s.lane as usize) < lanes.end) {
                        emit(s, *time + s.offset);
                    }
                    *time += self.common + self.bundles[bundle];
                }
            }
        }
        for s in sent {
            let population = if let [(_, population)] = step.plan.runs.as_slice() {
                *population
            } else {
                let lane = self.file.start as u32 + s.lane;
                step.plan.runs[step.plan.runs.partition_point(|run| run.0 <= lane)].1
            };
            counters[population as usize].spikes += 1;
        }
    }
}

fn chunks(n: usize, size: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..n)
        .step_by(size)
        .map(move |start| start..n.min(start + size))
}
