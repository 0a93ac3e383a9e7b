//! What a debugger sees: lanes as they stand after the update of a step, and the first `brk` that executes.
//!
//! Invariant: the engine has no hook for this. A debugger steps a machine of its own to the step in question, keeps the
//! state of the cores before their update, and walks the lanes through their handler once more, one by one
//! (`reference::handler`). What it shows is therefore what the run gives: same image, same input, same seed.

mod lanes;

use crate::api::{Between, Options, SampleInput};
use crate::error::EmulatorError;
use crate::machine::Machine;
use crate::meet::Meet;
use crate::program::Program;
use crate::run::check;
use crate::state::set_bits;
use crate::team::Job;
use crate::transport::{HostStep, InProcess, Shares};
use isa::chip::ChipSpec;
use isa::image::Image;
use isa::op::{Handler, Op};
use lanes::Lane;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::AtomicU64;

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A physical core.
    Core(u32),
    /// Neurons by logical id.
    Neurons(Range<u32>),
}

/// A look at some lanes after the update of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Index of the sample.
    pub sample: usize,
    /// Step of the sample.
    pub step: u32,
    /// Whose lanes.
    pub subject: Subject,
}

/// What to look for.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Looks, in any order.
    pub views: Vec<View>,
    /// Stop at the first `brk`.
    pub brk: bool,
    /// Stop after this step (sample, step) in any case.
    pub last: Option<(usize, u32)>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Views whose step came, by their place in the plan.
    pub views: Vec<(usize, ViewState)>,
    /// The first `brk`.
    pub brk: Option<Broke>,
}

/// Lanes after the update of a step, before the packets of the step arrive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewState {
    /// Neurons ascend for [`Subject::Neurons`], lanes for [`Subject::Core`].
    pub lanes: Vec<LaneState>,
    /// `axon_bits`: bits that are set on the cores of these lanes: core, steps ahead, axon.
    pub axon_bits: Vec<(u32, u32, u32)>,
}

/// One lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneState {
    /// Physical core.
    pub core: u32,
    /// Lane of the core.
    pub lane: u32,
    /// Group of the core.
    pub group: usize,
    /// Logical id.
    pub neuron: u32,
    /// Payload, if it spiked.
    pub spiked: Option<i32>,
    /// It took an `.idle` branch.
    pub idle: bool,
    /// What the step brought, by receptor: the sums that `lda` read.
    pub input: Vec<i32>,
    /// State slots after the update.
    pub slots: Vec<i32>,
    /// Sums of later steps that are not 0.
    pub pending: Vec<Pending>,
    /// Registers at `halt`; `None` when the group has no `update`.
    pub registers: Option<[i32; 16]>,
    /// Predicates at `halt`.
    pub predicates: [bool; 4],
}

/// A sum that waits for its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// 1 is the next step.
    pub ahead: u32,
    /// Receptor.
    pub receptor: u32,
    /// Exact sum.
    pub sum: i64,
}

/// The first `brk` that executed, in the order of `specs/timestep.md`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broke {
    /// Index of the sample.
    pub sample: usize,
    /// Step of the sample; `None` is the preload step.
    pub step: Option<u32>,
    /// Handler.
    pub handler: Handler,
    /// Physical core.
    pub core: u32,
    /// Group of the core.
    pub group: usize,
    /// Lane of the core; the target's on a spike.
    pub lane: u32,
    /// Logical id of the lane.
    pub neuron: u32,
    /// Axon whose synapse it was, on a spike.
    pub axon: Option<u32>,
    /// Index of the `brk` in its handler.
    pub instruction: usize,
    /// Registers there.
    pub registers: [i32; 16],
    /// Predicates there.
    pub predicates: [bool; 4],
}

/// A `brk` that `on_spike` met; the synapse unit leaves it where the debugger finds it.
#[derive(Clone, Debug)]
pub(crate) struct BrokeOnSpike {
    pub(crate) core: u32,
    pub(crate) group: usize,
    pub(crate) lane: u32,
    pub(crate) axon: u32,
    pub(crate) instruction: usize,
    pub(crate) registers: [i32; 16],
    pub(crate) predicates: [bool; 4],
}

/// Steps through the samples and looks. Ends with the step of the first `brk` (the step after it for one in the preload
/// step), with `plan.last`, or when nothing is left to look for.
pub fn look(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    plan: &Plan,
) -> Result<Found, EmulatorError> {
    let program = Program::new(image, chip)?;
    for (index, sample) in samples.iter().enumerate() {
        check(&program, index, sample)?;
    }
    let job = Job {
        program: &program,
        samples,
        options,
        progress: &|_| {},
        done: AtomicU64::new(0),
        last: None,
        trace: None,
    };
    let shares = Shares::new(&program, 1);
    let machine = Machine::new(&program, &shares, 0, options.seed, false);
    let mut session = Session {
        breaking: breaking(&program, plan.brk),
        last: plan.last,
        found: Found::default(),
        program: &program,
        machine,
        plan,
        seed: options.seed,
    };
    let meet = Meet::new(1);
    let transport = InProcess::new(1, &meet);
    for (index, sample) in samples.iter().enumerate() {
        if options.between == Between::Reset {
            session.machine.reset();
            if !plan.brk && !plan.views.iter().any(|view| view.sample == index) {
                continue;
            }
        }
        for step in 0..=job.steps(index) {
            let now = (index, step.checked_sub(1));
            if session.is_over(now) {
                return Ok(session.found);
            }
            session.update(now, sample);
            session.machine.exchange(&transport, &mut || false);
            session.machine.deliver(HostStep::new(sample, step), None);
            session.on_spike(now);
        }
        session.machine.take_seen();
    }
    Ok(session.found)
}

/// Sample, and step of it or its preload step.
type Now = (usize, Option<u32>);

struct Session<'p> {
    program: &'p Program<'p>,
    machine: Machine<'p>,
    plan: &'p Plan,
    seed: u64,
    /// Cores with a `brk` in some `update`, if these are looked for.
    breaking: Vec<usize>,
    /// Step with which it ends.
    last: Option<(usize, u32)>,
    found: Found,
}

/// Cores with a `brk` in an `update`.
fn breaking(program: &Program<'_>, wanted: bool) -> Vec<usize> {
    let has = |core: &usize| {
        let groups = &program.cores[*core].groups;
        wanted && groups.iter().any(|g| g.update.has(Op::Brk))
    };
    (0..program.cores.len()).filter(has).collect()
}

impl Session<'_> {
    fn is_over(&self, now: Now) -> bool {
        let ended = self.last.is_some_and(|last| now > (last.0, Some(last.1)));
        let searching = self.plan.brk && self.found.brk.is_none();
        let to_come = |view: &View| (view.sample, Some(view.step)) >= now;
        ended || !(searching || self.plan.views.iter().any(to_come))
    }

    /// Updates the cores and looks at them.
    fn update(&mut self, now: Now, sample: &SampleInput) {
        let due: Vec<usize> = (0..self.plan.views.len())
            .filter(|i| {
                let view = &self.plan.views[*i];
                (view.sample, Some(view.step)) == now
            })
            .collect();
        let mut watched: BTreeSet<usize> = due
            .iter()
            .flat_map(|view| self.cores_of(&self.plan.views[*view].subject))
            .collect();
        if self.found.brk.is_none() {
            watched.extend(&self.breaking);
        }
        self.machine.watched = watched.into_iter().collect();
        let step = self.machine.updates() as u32;
        self.machine.update(now.1, sample.steps, None);
        let saved = std::mem::take(&mut self.machine.saved);
        let on_spike = self.machine.take_broke();
        let lanes: Vec<Lane<'_>> = saved
            .iter()
            .flat_map(|(core, before)| {
                Lane::all(
                    &self.program.cores[*core],
                    before,
                    self.machine.state(*core),
                    self.program.axon_bits,
                )
            })
            .collect();
        for view in due {
            let state = self.view(&self.plan.views[view].subject, &lanes, step);
            self.found.views.push((view, state));
        }
        let update = self
            .plan
            .brk
            .then(|| self.first_in_update(now, &lanes, step))
            .flatten();
        // With axon_bits the synapses of a core come before its update; of equals the first stays.
        let on_spike = on_spike.map(|broke| self.on_spike_at(now, broke));
        let core = |broke: &Broke| broke.core;
        let first = [on_spike, update].into_iter().flatten().min_by_key(core);
        self.broke(first);
    }

    /// Looks at what the packets of the step did.
    fn on_spike(&mut self, now: Now) {
        let broke = self.machine.take_broke();
        let broke = broke.map(|b| self.on_spike_at(now, b));
        self.broke(broke);
    }

    fn broke(&mut self, broke: Option<Broke>) {
        if let (true, None, Some(broke)) = (self.plan.brk, &self.found.brk, broke) {
            let here = (broke.sample, broke.step.unwrap_or(0));
            self.last = Some(self.last.map_or(here, |last| last.min(here)));
            self.found.brk = Some(broke);
        }
    }

    fn first_in_update(&self, now: Now, lanes: &[Lane<'_>], step: u32) -> Option<Broke> {
        lanes
            .iter()
            .filter(|lane| lane.plan().update.has(Op::Brk))
            .find_map(|lane| {
                let (instruction, registers, predicates) = lane.walk(self.seed, step).0.broke?;
                Some(Broke {
                    sample: now.0,
                    step: now.1,
                    handler: Handler::Update,
                    core: lane.core.program.core.0,
                    group: lane.group,
                    lane: lane.number(),
                    neuron: lane.neuron(),
                    axon: None,
                    instruction,
                    registers,
                    predicates,
                })
            })
    }

    fn on_spike_at(&self, now: Now, broke: BrokeOnSpike) -> Broke {
        let index = self.program.core_index[broke.core as usize] as usize;
        let ids = &self.program.cores[index].program.lane_ids;
        Broke {
            sample: now.0,
            step: now.1,
            handler: Handler::OnSpike,
            core: broke.core,
            group: broke.group,
            lane: broke.lane,
            neuron: ids[broke.lane as usize].0,
            axon: Some(broke.axon),
            instruction: broke.instruction,
            registers: broke.registers,
            predicates: broke.predicates,
        }
    }

    fn cores_of(&self, subject: &Subject) -> Vec<usize> {
        let holds = |core: &usize| {
            let program = self.program.cores[*core].program;
            match subject {
                Subject::Core(id) => program.core.0 == *id,
                Subject::Neurons(range) => program.lane_ids.iter().any(|id| range.contains(&id.0)),
            }
        };
        (0..self.program.cores.len()).filter(holds).collect()
    }

    fn view(&self, subject: &Subject, lanes: &[Lane<'_>], step: u32) -> ViewState {
        let mut shown: Vec<LaneState> = lanes
            .iter()
            .filter(|lane| match subject {
                Subject::Core(id) => lane.core.program.core.0 == *id,
                Subject::Neurons(range) => range.contains(&lane.neuron()),
            })
            .map(|lane| lane.state(self.seed, step))
            .collect();
        if matches!(subject, Subject::Neurons(_)) {
            shown.sort_by_key(|lane| lane.neuron);
        }
        let mut axon_bits = Vec::new();
        if self.program.axon_bits {
            for index in self.cores_of(subject) {
                let (plan, state) = (&self.program.cores[index], self.machine.state(index));
                for ahead in 1..=plan.ring {
                    let slot = (state.head + ahead - 1) % plan.ring;
                    let words = &state.bits[slot * plan.words()..(slot + 1) * plan.words()];
                    let core = plan.program.core.0;
                    axon_bits.extend(set_bits(words).map(|axon| (core, ahead as u32, axon)));
                }
            }
        }
        ViewState {
            lanes: shown,
            axon_bits,
        }
    }
}
