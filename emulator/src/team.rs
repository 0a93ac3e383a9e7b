//! Threads that run one sample together.
//!
//! Invariant: a step is timed after all machines have left its traffic, each step once; which thread does it never shows.
//! A thread that waits for others times finished steps meanwhile.

use crate::account::{Parts, assemble};
use crate::api::{Between, Options, SampleInput, SampleResult, Timing};
use crate::machine::{Machine, Seen, StepTraffic};
use crate::meet::Meet;
use crate::program::Program;
use crate::state::digest;
use crate::timing::{AnyTimer, StepWork, Timed, timer};
use crate::trace::TraceRequest;
use crate::transport::{HostStep, InProcess, Shares};
use isa::chip::Sync as StepEnd;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

/// Steps of function before their timing may begin, at most.
const CHUNK: usize = 16;
/// Traffic records that a chunk may hold if every lane spikes in every step.
const CHUNK_LANES: usize = 1 << 22;
/// Lanes that make it worth giving a thread cores of its own; few in tests, so that small images are shared out too.
const LANES_PER_THREAD: usize = if cfg!(all(feature = "mutants", debug_assertions)) {
    8
} else {
    2048
};

/// What all threads need to know.
pub(crate) struct Job<'a> {
    pub(crate) program: &'a Program<'a>,
    pub(crate) samples: &'a [SampleInput],
    pub(crate) options: &'a Options,
    pub(crate) trace: Option<&'a TraceRequest>,
    pub(crate) progress: &'a (dyn Fn(u64) + Sync),
    pub(crate) done: AtomicU64,
    /// Steps of the last sample, if it ends elsewhere than the others.
    pub(crate) last: Option<u32>,
}

impl Job<'_> {
    /// Steps of a sample, the preload step not counted.
    pub(crate) fn steps(&self, index: usize) -> u32 {
        let presented = self.samples[index].steps;
        let blank = match self.options.between {
            Between::Blank(steps) => steps,
            Between::Reset | Between::None => 0,
        };
        let all = presented
            .saturating_add(self.options.drain)
            .saturating_add(blank);
        self.last
            .filter(|_| index + 1 == self.samples.len())
            .unwrap_or(all)
    }
}

/// What a machine hands in: what it saw, its canonical bytes, the steps since the last reset.
type HandedIn = (Seen, Vec<u8>, u64);

/// Threads that run one sample together.
pub(crate) struct Team {
    shares: Shares,
    pub(crate) meet: Meet,
    queue: Queue,
    seen: Vec<Mutex<Option<HandedIn>>>,
    timed: Vec<Mutex<Option<Timed>>>,
}

/// Steps on their way from function to timing. Function fills one chunk while the other is being timed.
struct Queue {
    chunk: usize,
    /// `[parity of the chunk][machine][step in the chunk]`.
    traffic: [Vec<RwLock<Vec<StepTraffic>>>; 2],
    /// Steps before this one may be timed.
    ready: AtomicUsize,
    /// Next step to be timed.
    claimed: AtomicUsize,
    /// Steps that have been timed.
    done: AtomicUsize,
}

impl Queue {
    /// Times one step, if one is ready. False if there was none.
    fn help(&self, timer: Option<&mut AnyTimer<'_>>, sample: &SampleInput) -> bool {
        let Some(timer) = timer else { return false };
        let ready = self.ready.load(Ordering::Acquire);
        let claim = |step: usize| (step < ready).then_some(step + 1);
        let Ok(step) = self
            .claimed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, claim)
        else {
            return false;
        };
        let machines = &self.traffic[step / self.chunk % 2];
        let all: Vec<_> = machines
            .iter()
            .map(|t| t.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let traffic: Vec<&StepTraffic> = all
            .iter()
            .map(|machine| &machine[step % self.chunk])
            .collect();
        timer.step(&StepWork {
            step: step as u32,
            traffic: &traffic,
            host: HostStep::new(sample, step as u32),
        });
        self.done.fetch_add(1, Ordering::AcqRel);
        true
    }
}

impl Team {
    pub(crate) fn new(program: &Program<'_>, threads: usize) -> Team {
        let lanes = program.lanes();
        let shares = Shares::new(program, Team::shared_out(program, threads));
        let machines = shares.ranges.len();
        let traffic = || (0..machines).map(|_| RwLock::default()).collect();
        Team {
            meet: Meet::new(threads),
            queue: Queue {
                chunk: (CHUNK_LANES / lanes.max(1)).clamp(1, CHUNK),
                traffic: [traffic(), traffic()],
                ready: AtomicUsize::new(0),
                claimed: AtomicUsize::new(0),
                done: AtomicUsize::new(0),
            },
            seen: (0..machines).map(|_| Mutex::default()).collect(),
            timed: (0..threads).map(|_| Mutex::default()).collect(),
            shares,
        }
    }

    /// Of so many threads, those that it is worth giving cores of their own.
    pub(crate) fn shared_out(program: &Program<'_>, threads: usize) -> usize {
        threads
            .min(program.lanes().div_ceil(LANES_PER_THREAD))
            .max(1)
    }

    /// Parts into which the cores are shared out; at most one for each thread.
    pub(crate) fn machines(&self) -> usize {
        self.shares.ranges.len()
    }

    /// One thread's part of all samples that `next` names.
    pub(crate) fn work(
        &self,
        job: &Job<'_>,
        me: usize,
        transport: &InProcess<'_>,
        results: &[Mutex<Option<SampleResult>>],
        mut next: impl FnMut() -> usize,
    ) {
        let (program, options) = (job.program, job.options);
        let mut machine = (me < self.machines()).then(|| {
            Machine::new(
                program,
                &self.shares,
                me,
                options.seed,
                options.record_spikes,
            )
        });
        // Under a tick one timer takes all steps: the last thread's, which has the least else to do.
        let alone = matches!(program.chip.sync, StepEnd::Tick { .. });
        let times = options.timing == Timing::Cycle && (!alone || me + 1 == self.timed.len());
        let mut timer = times.then(|| timer(program, &self.shares, options.record_packets));
        loop {
            let index = next();
            let Some((sample, result)) = job.samples.get(index).zip(results.get(index)) else {
                break;
            };
            if options.between == Between::Reset {
                machine.iter_mut().for_each(Machine::reset);
            }
            if let Some(timer) = &mut timer {
                timer.trace(job.trace.filter(|trace| trace.sample == index));
            }
            let steps = job.steps(index);
            let total = steps as usize + 1;
            for from in (0..total).step_by(self.queue.chunk) {
                let chunk = from..total.min(from + self.queue.chunk);
                if let Some(machine) = &mut machine {
                    self.function(
                        job,
                        me,
                        machine,
                        sample,
                        chunk.clone(),
                        transport,
                        timer.as_mut(),
                    );
                }
                self.meet.wait(|| self.queue.help(timer.as_mut(), sample));
                if options.timing == Timing::Cycle {
                    self.queue.ready.fetch_max(chunk.end, Ordering::AcqRel);
                    // The chunk before is timed before its place is filled again.
                    let needed = if chunk.end == total {
                        total
                    } else {
                        chunk.start
                    };
                    self.meet.until(
                        || self.queue.done.load(Ordering::Acquire) >= needed,
                        || self.queue.help(timer.as_mut(), sample),
                    );
                }
            }
            self.hand_in(me, machine.as_mut(), timer.as_mut());
            self.meet.wait(|| false);
            if me == 0 {
                let done = self.finish(job, sample, steps);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                for count in [&self.queue.ready, &self.queue.claimed, &self.queue.done] {
                    count.store(0, Ordering::Release);
                }
            }
            self.meet.wait(|| false);
        }
    }

    #[allow(clippy::too_many_arguments)] // one call, all of it the caller's own
    fn function(
        &self,
        job: &Job<'_>,
        me: usize,
        machine: &mut Machine<'_>,
        sample: &SampleInput,
        chunk: Range<usize>,
        transport: &InProcess<'_>,
        mut timer: Option<&mut AnyTimer<'_>>,
    ) {
        let queue = &self.queue;
        let timing = job.options.timing == Timing::Cycle;
        let slots = &queue.traffic[chunk.start / queue.chunk % 2][me];
        let mut traffic = slots.write().unwrap_or_else(PoisonError::into_inner);
        if timing {
            traffic.resize_with(queue.chunk, StepTraffic::default);
        }
        for step in chunk {
            let mut own = if timing {
                Some(&mut traffic[step % queue.chunk])
            } else {
                None
            };
            machine.update(
                (step as u32).checked_sub(1),
                sample.steps,
                own.as_deref_mut(),
            );
            machine.exchange(transport, &mut || queue.help(timer.as_deref_mut(), sample));
            machine.deliver(HostStep::new(sample, step as u32), own);
            if me == 0 {
                (job.progress)(job.done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        }
    }

    fn hand_in(
        &self,
        me: usize,
        machine: Option<&mut Machine<'_>>,
        timer: Option<&mut AnyTimer<'_>>,
    ) {
        if let Some(machine) = machine {
            let (bytes, steps) = machine.serialise();
            let seen = (machine.take_seen(), bytes, steps);
            *self.seen[me].lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        }
        if let Some(timer) = timer {
            *self.timed[me]
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(timer.take());
        }
    }

    fn finish(&self, job: &Job<'_>, sample: &SampleInput, steps: u32) -> SampleResult {
        let mut seen = Vec::new();
        let mut cores = Vec::new();
        let mut since_reset = 0;
        for slot in &self.seen {
            let taken = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            let (own, bytes, steps) = taken.expect("every machine handed in");
            seen.push(own);
            cores.push(bytes);
            since_reset = steps;
        }
        let timed = self
            .timed
            .iter()
            .filter_map(|slot| slot.lock().unwrap_or_else(PoisonError::into_inner).take())
            .collect();
        assemble(
            job.program,
            &self.shares,
            sample,
            Parts {
                seen,
                timed,
                digest: digest(&cores, since_reset),
                steps,
                trace_events: job.trace.map_or(0, |trace| trace.events),
            },
        )
    }
}
