//! Samples, steps and host threads.
//!
//! Invariant: results do not depend on the number of threads. Independent samples run side by side; otherwise the threads
//! of a team share the cores of one sample and, under a barrier, take its finished steps for timing one by one.

use crate::account::{Parts, assemble};
use crate::api::{Between, Options, SampleInput, SampleResult, Timing};
use crate::error::EmulatorError;
use crate::machine::{Machine, Seen, StepTraffic};
use crate::meet::{Guard, Meet};
use crate::program::Program;
use crate::state::digest;
use crate::timing::{StepWork, Timed, Timer};
use crate::transport::{HostStep, InProcess, Shares};
use isa::chip::{ChipSpec, Sync as StepEnd};
use isa::image::Image;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

/// Steps between two meetings of function and timing, at most.
const CHUNK: usize = 64;
/// Traffic records that a chunk may hold if every lane spikes in every step.
const CHUNK_LANES: usize = 1 << 22;
/// Lanes that make it worth giving a thread cores of its own.
const LANES_PER_THREAD: usize = 2048;

/// Runs samples on a chip. `progress` is told how many steps (of all samples, preload steps included) have run.
///
/// The results do not depend on `options.threads`. With [`Timing::Off`] all functional parts are as with cycle timing.
pub fn run(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    let program = Program::new(image, chip)?;
    for (index, sample) in samples.iter().enumerate() {
        check(&program, index, sample)?;
    }
    let threads = options.threads.max(1);
    let job = Job {
        program: &program,
        samples,
        options,
        progress,
        done: AtomicU64::new(0),
    };
    let results: Vec<Mutex<Option<SampleResult>>> =
        samples.iter().map(|_| Mutex::default()).collect();
    if options.between == Between::Reset && samples.len() > 1 {
        let next = AtomicUsize::new(0);
        spawn(threads.min(samples.len()), |_| {
            let team = Team::new(&program, 1);
            let meet = Meet::new(1);
            team.work(&job, 0, &InProcess::new(1, &meet), &results, || {
                next.fetch_add(1, Ordering::Relaxed)
            });
        });
    } else {
        let team = Team::new(&program, threads);
        let meet = Meet::new(team.shares.ranges.len());
        let transport = InProcess::new(team.shares.ranges.len(), &meet);
        spawn(threads, |thread| {
            let _guard = Guard(&[&team.meet, &meet]);
            let mut next = 0..;
            team.work(&job, thread, &transport, &results, || {
                next.next().unwrap_or(usize::MAX)
            });
        });
    }
    let taken = results
        .into_iter()
        .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(taken
        .map(|result| result.expect("every sample ran"))
        .collect())
}

/// Runs `act` on so many threads, this one among them; a panic of any is passed on.
fn spawn(threads: usize, act: impl Fn(usize) + Sync) {
    let act = &act;
    let outcome = crossbeam::thread::scope(|scope| {
        for thread in 1..threads {
            scope.spawn(move |_| act(thread));
        }
        act(0);
    });
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn check(program: &Program<'_>, index: usize, sample: &SampleInput) -> Result<(), EmulatorError> {
    let error = |what: String, remedy: &str| {
        Err(EmulatorError::Input {
            sample: index,
            what,
            remedy: remedy.to_owned(),
        })
    };
    let events = sample.elements.len();
    let ends = (
        sample.offsets.first().copied(),
        sample.offsets.last().copied(),
    );
    let fits = sample.offsets.len() == sample.steps as usize + 1
        && ends == (Some(0), u32::try_from(events).ok())
        && sample.offsets.is_sorted()
        && sample.values.len() == events;
    if !fits {
        return error(
            format!(
                "{} offsets, {events} elements and {} values do not describe {} steps",
                sample.offsets.len(),
                sample.values.len(),
                sample.steps
            ),
            "offsets begin with 0, ascend and end with the number of events; one value for each element",
        );
    }
    let elements = program.elements();
    for t in 0..sample.steps as usize {
        let range = sample.offsets[t] as usize..sample.offsets[t + 1] as usize;
        let here = &sample.elements[range.clone()];
        if let Some(pair) = here.windows(2).find(|pair| pair[0] >= pair[1]) {
            return error(
                format!("step {t}: element {} stands after {}", pair[1], pair[0]),
                "give each element once, ascending",
            );
        }
        for (element, value) in here.iter().zip(&sample.values[range]) {
            if *element >= elements {
                return error(
                    format!("step {t}: element {element}; the image has {elements} input elements"),
                    "use the input shape of the image",
                );
            }
            let port = &program.image.io.inputs[program.input_of(*element)];
            if *value == 0 || (!port.graded && *value < 0) {
                return error(
                    format!(
                        "step {t}: value {value} for element {element} of input \"{}\"",
                        port.name
                    ),
                    "a count of packets is at least 1, a payload is not 0",
                );
            }
        }
    }
    Ok(())
}

/// What all threads need to know.
struct Job<'a> {
    program: &'a Program<'a>,
    samples: &'a [SampleInput],
    options: &'a Options,
    progress: &'a (dyn Fn(u64) + Sync),
    done: AtomicU64,
}

/// What a machine hands in: what it saw, its canonical bytes, the steps since the last reset.
type HandedIn = (Seen, Vec<u8>, u64);

/// Threads that run one sample together.
struct Team {
    shares: Shares,
    threads: usize,
    chunk: usize,
    meet: Meet,
    /// Of the chunk in hand, by machine.
    traffic: Vec<RwLock<Vec<StepTraffic>>>,
    /// Next step to be timed.
    claimed: AtomicUsize,
    seen: Vec<Mutex<Option<HandedIn>>>,
    timed: Vec<Mutex<Option<Timed>>>,
}

impl Team {
    fn new(program: &Program<'_>, threads: usize) -> Team {
        let lanes = program.lanes();
        let shares = Shares::new(program, threads.min(lanes.div_ceil(LANES_PER_THREAD)));
        let machines = shares.ranges.len();
        Team {
            threads,
            chunk: (CHUNK_LANES / lanes.max(1)).clamp(1, CHUNK),
            meet: Meet::new(threads),
            traffic: (0..machines).map(|_| RwLock::default()).collect(),
            claimed: AtomicUsize::new(0),
            seen: (0..machines).map(|_| Mutex::default()).collect(),
            timed: (0..threads).map(|_| Mutex::default()).collect(),
            shares,
        }
    }

    /// One thread's part of all samples that `next` names.
    fn work(
        &self,
        job: &Job<'_>,
        me: usize,
        transport: &InProcess<'_>,
        results: &[Mutex<Option<SampleResult>>],
        mut next: impl FnMut() -> usize,
    ) {
        let (program, options) = (job.program, job.options);
        let machine_seed = |me| {
            Machine::new(
                program,
                &self.shares,
                me,
                options.seed,
                options.record_spikes,
            )
        };
        let mut machine = (me < self.shares.ranges.len()).then(|| machine_seed(me));
        let timing = options.timing == Timing::Cycle;
        let tick = matches!(program.chip.sync, StepEnd::Tick { .. });
        let mut timer = (timing && (me == 0 || !tick))
            .then(|| Timer::new(program, &self.shares, options.record_packets));
        let blank = if let Between::Blank(steps) = options.between {
            steps
        } else {
            0
        };
        while let Some((sample, result)) =
            Some(next()).and_then(|index| job.samples.get(index).zip(results.get(index)))
        {
            if options.between == Between::Reset {
                machine.iter_mut().for_each(Machine::reset);
            }
            let steps = sample
                .steps
                .saturating_add(options.drain)
                .saturating_add(blank);
            let total = steps as usize + 1;
            for from in (0..total).step_by(self.chunk) {
                let chunk = from..total.min(from + self.chunk);
                if let Some(machine) = &mut machine {
                    self.function(job, me, machine, sample, chunk.clone(), transport);
                }
                if timing {
                    self.meet.wait();
                    if let Some(timer) = &mut timer {
                        self.time(timer, sample, chunk);
                    }
                    self.meet.wait();
                }
            }
            self.hand_in(me, machine.as_mut(), timer.as_mut());
            self.meet.wait();
            if me == 0 {
                let done = self.finish(program, sample, steps);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                self.claimed.store(0, Ordering::Relaxed);
            }
            self.meet.wait();
        }
    }

    fn function(
        &self,
        job: &Job<'_>,
        me: usize,
        machine: &mut Machine<'_>,
        sample: &SampleInput,
        chunk: std::ops::Range<usize>,
        transport: &InProcess<'_>,
    ) {
        let mut traffic = self.traffic[me]
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let timing = job.options.timing == Timing::Cycle;
        if timing {
            traffic.resize_with(self.chunk, StepTraffic::default);
        }
        for step in chunk.clone() {
            let mut own = if timing {
                Some(&mut traffic[step - chunk.start])
            } else {
                None
            };
            machine.update(
                (step as u32).checked_sub(1),
                sample.steps,
                own.as_deref_mut(),
            );
            machine.exchange_and_deliver(transport, HostStep::new(sample, step as u32), own);
            if me == 0 {
                (job.progress)(job.done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        }
    }

    fn time(&self, timer: &mut Timer<'_>, sample: &SampleInput, chunk: std::ops::Range<usize>) {
        let all: Vec<_> = self
            .traffic
            .iter()
            .map(|t| t.read().unwrap_or_else(PoisonError::into_inner))
            .collect();
        let claim = |step: usize| (step < chunk.end).then_some(step + 1);
        while let Ok(step) = self
            .claimed
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, claim)
        {
            let traffic: Vec<&StepTraffic> = all
                .iter()
                .map(|machine| &machine[step - chunk.start])
                .collect();
            timer.step(&StepWork {
                step: step as u32,
                traffic: &traffic,
                host: HostStep::new(sample, step as u32),
            });
        }
    }

    fn hand_in(&self, me: usize, machine: Option<&mut Machine<'_>>, timer: Option<&mut Timer<'_>>) {
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

    fn finish(&self, program: &Program<'_>, sample: &SampleInput, steps: u32) -> SampleResult {
        debug_assert_eq!(self.timed.len(), self.threads, "one place for each thread");
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
            program,
            &self.shares,
            sample,
            Parts {
                seen,
                timed,
                digest: digest(&cores, since_reset),
                steps,
            },
        )
    }
}
