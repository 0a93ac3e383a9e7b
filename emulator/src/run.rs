//! Samples, steps and host threads.
//!
//! Invariant: results do not depend on the number of threads. Independent samples run side by side; otherwise the threads
//! of a team share the cores of one sample and, under a barrier, take its finished steps for timing one by one.

#[cfg(test)]
mod tests;

use crate::api::{Between, Options, SampleInput, SampleResult, Timing};
use crate::error::EmulatorError;
use crate::meet::{Guard, Meet};
use crate::program::Program;
use crate::simd::Level;
use crate::team::{Job, Team};
use crate::trace::TraceRequest;
use crate::transport::InProcess;
use isa::chip::ChipSpec;
use isa::image::Image;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Most packets that the host may send in one step: a gigabyte of records.
const MAX_HOST_PACKETS: u64 = 1 << 24;

/// Runs samples on a chip. `progress` is told how many steps (of all samples, preload steps included) have run.
///
/// The results do not depend on `options.threads`. With [`Timing::Off`](crate::Timing::Off) all functional parts are as with cycle timing.
pub fn run(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    start(
        Engine::default(),
        image,
        chip,
        samples,
        options,
        (None, None),
        progress,
    )
}

/// How the host computes. Results do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Vector instructions.
    pub level: Level,
    /// Runs of instructions are taken in one go where they have a known form.
    pub superinstructions: bool,
    /// Lanes taken at a time, at least; `None` leaves it to the emulator.
    pub strip: Option<u32>,
}

impl Default for Engine {
    /// The fastest that this machine can do.
    fn default() -> Engine {
        Engine {
            level: Level::widest(),
            superinstructions: true,
            strip: None,
        }
    }
}

/// Like [`run`], on a given engine; for tests and benchmarks.
pub fn run_on(
    engine: Engine,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
) -> Result<Vec<SampleResult>, EmulatorError> {
    start(engine, image, chip, samples, options, (None, None), &|_| {})
}

/// Like [`run`], but ends with step `last.1` of sample `last.0`, as if the input ended there: that step's packets are
/// delivered, and nothing is appended to the sample. Samples after it give no result.
pub fn run_until(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    last: (usize, u32),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    run_cut(image, chip, samples, options, last, None, progress)
}

/// Like [`run`], or like [`run_until`] if there is a `last`, and traces steps of a sample, of which the times of other packets
/// are then not kept (`options.record_packets`). Nothing is traced with [`Timing::Off`](crate::Timing::Off).
pub fn run_traced(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    last: Option<(usize, u32)>,
    trace: &TraceRequest,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    match last {
        Some(last) => run_cut(image, chip, samples, options, last, Some(trace), progress),
        None => start(
            Engine::default(),
            image,
            chip,
            samples,
            options,
            (None, Some(trace)),
            progress,
        ),
    }
}

fn run_cut(
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    last: (usize, u32),
    trace: Option<&TraceRequest>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    let mut samples: Vec<SampleInput> = samples.iter().take(last.0 + 1).cloned().collect();
    let steps = last.1.saturating_add(1);
    let mut end = None;
    if let Some(sample) = samples.get_mut(last.0) {
        cut(sample, steps);
        end = Some(steps);
    }
    start(
        Engine::default(),
        image,
        chip,
        &samples,
        options,
        (end, trace),
        progress,
    )
}

/// Drops the input from step `steps` on.
fn cut(sample: &mut SampleInput, steps: u32) {
    let end = steps as usize;
    // An offset that does not fit is an error of the caller that the check reports.
    if let (true, Some(&events)) = (steps < sample.steps, sample.offsets.get(end)) {
        sample.steps = steps;
        sample.offsets.truncate(end + 1);
        sample.elements.truncate(events as usize);
        sample.values.truncate(events as usize);
    }
}

fn start(
    engine: Engine,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
    (last, trace): (Option<u32>, Option<&TraceRequest>),
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<SampleResult>, EmulatorError> {
    let mut program = Program::new(image, chip)?;
    program.set_engine(engine);
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
        last,
        trace,
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
        let threads = worth(&program, threads, options.timing);
        let team = Team::new(&program, threads);
        let meet = Meet::new(team.machines());
        let transport = InProcess::new(team.machines(), &meet);
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

/// Lanes below which a step is so short that handing its timing to another thread costs more than it saves.
const LANES_FOR_HELP: usize = if cfg!(all(feature = "mutants", debug_assertions)) {
    1
} else {
    512
};

/// Threads that one sample keeps busy: without timing only those that have cores of their own.
fn worth(program: &Program<'_>, threads: usize, timing: Timing) -> usize {
    let shared_out = Team::shared_out(program, threads);
    if timing == Timing::Off || program.lanes() < LANES_FOR_HELP {
        shared_out
    } else {
        threads
    }
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

pub(crate) fn check(
    program: &Program<'_>,
    index: usize,
    sample: &SampleInput,
) -> Result<(), EmulatorError> {
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
        let mut packets = 0;
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
            let fan_out = u64::from(program.image.io.input_dest_counts[*element as usize]);
            packets += fan_out * if port.graded { 1 } else { *value as u64 };
        }
        if packets > MAX_HOST_PACKETS {
            return error(
                format!(
                    "step {t}: {packets} packets from the host; at most {MAX_HOST_PACKETS} are emulated"
                ),
                "spread the input over more steps, or send payloads",
            );
        }
    }
    Ok(())
}
