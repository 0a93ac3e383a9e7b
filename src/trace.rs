//! `run --trace` and `--packets`: what the chip did when, for a viewer of traces and as a table.
//!
//! Invariant: every time here is a whole number of cycles from the start of the sample; microseconds are written as exact
//! decimals of picoseconds. Slices of a track never overlap, every flow has both ends.

mod events;

use crate::args::{TimingChoice, TraceArgs};
use crate::files;
use crate::text::plural;
use anyhow::{Result, anyhow, bail};
use emulator::{SampleResult, StepTime, Trace, TraceRequest, TracedHop};
use isa::chip::{ChipSpec, Sync};
use isa::image::{HOST, Image};
use std::io::{self, Write};

/// Events kept of a sample: viewers stay quick, and the file below a few hundred megabytes.
const EVENTS: usize = 1 << 20;

/// What needs no other file to be found wrong.
pub fn check(args: &TraceArgs, timing: TimingChoice) -> Result<()> {
    let outputs = args.trace.is_some() || args.packets.is_some();
    if !outputs && (args.trace_steps.is_some() || args.trace_sample.is_some()) {
        bail!(
            "--trace-steps and --trace-sample choose what --trace and --packets write: give one of these"
        );
    }
    if outputs && timing == TimingChoice::Off {
        bail!("--trace and --packets need cycles: --timing cycle");
    }
    if let Some(text) = &args.trace_steps {
        range(text)?;
    }
    Ok(())
}

fn range(text: &str) -> Result<(u32, u32)> {
    let bounds = text.split_once("..");
    let (from, to) = bounds
        .and_then(|(a, b)| a.parse().ok().zip(b.parse().ok()))
        .ok_or_else(|| {
            anyhow!("--trace-steps {text}: expected A..B, for the steps A to B - 1, e.g. 0..10")
        })?;
    if from >= to {
        bail!("--trace-steps {text}: no step; A..B are the steps A to B - 1");
    }
    Ok((from, to))
}

/// What the engine is to trace of a run with so many samples and steps after the preload step.
pub fn request(args: &TraceArgs, samples: usize, steps: u32) -> Result<Option<TraceRequest>> {
    if args.trace.is_none() && args.packets.is_none() {
        return Ok(None);
    }
    let sample = args.trace_sample.unwrap_or(0);
    if sample >= samples {
        bail!(
            "--trace-sample {sample}: the run has {}, the first is 0",
            plural(samples as u64, "sample")
        );
    }
    let steps = match &args.trace_steps {
        None => 0..steps.saturating_add(1),
        Some(text) => {
            let (from, to) = range(text)?;
            if from >= steps {
                bail!("--trace-steps {text}: a sample runs {steps} steps, the first is 0");
            }
            // The engine counts the preload step; it brings the input of step 0.
            let first = if from == 0 { 0 } else { from + 1 };
            first..to.min(steps) + 1
        }
    };
    Ok(Some(TraceRequest {
        sample,
        steps,
        events: EVENTS,
    }))
}

/// What the files are made of.
struct Traced<'a> {
    image: &'a Image,
    chip: &'a ChipSpec,
    trace: &'a Trace,
    /// Step from 0 = preload, start in cycles, time.
    steps: Vec<(u32, u64, StepTime)>,
    /// Start of each step of the sample.
    starts: Vec<u64>,
}

/// Writes what was asked for. A warning if not all steps fitted.
pub fn write(
    args: &TraceArgs,
    request: &TraceRequest,
    image: &Image,
    chip: &ChipSpec,
    results: &[SampleResult],
) -> Result<Option<String>> {
    let Some(sample) = results.get(request.sample) else {
        bail!(
            "--trace-sample {}: the run stopped at a breakpoint before this sample",
            request.sample
        );
    };
    let empty = Trace::default();
    let trace = sample.trace.as_deref().unwrap_or(&empty);
    let end = trace.cut.unwrap_or(u32::MAX).min(request.steps.end);
    let mut starts = Vec::with_capacity(sample.step_times.len());
    let mut now = 0;
    for time in &sample.step_times {
        starts.push(now);
        now += time.cycles;
    }
    let steps: Vec<(u32, u64, StepTime)> = (0..)
        .zip(starts.iter().zip(&sample.step_times))
        .map(|(step, (start, time))| (step, *start, *time))
        .filter(|(step, _, _)| (request.steps.start..end).contains(step))
        .collect();
    let traced = Traced {
        image,
        chip,
        trace,
        steps,
        starts,
    };
    if let Some(path) = &args.trace {
        files::write_by(path, |out| traced.events(out))?;
    }
    if let Some(path) = &args.packets {
        files::write_by(path, |out| traced.table(out))?;
    }
    Ok(trace.cut.map(|cut| {
        format!(
            "the trace ends before step {}: it holds at most {EVENTS} packets, hops and stretches of work; --trace-steps A..B chooses others",
            cut.saturating_sub(1)
        )
    }))
}

/// Name of a step that is counted from 0 = preload.
fn step_name(step: u32) -> String {
    step.checked_sub(1)
        .map_or("preload".to_owned(), |step| step.to_string())
}

/// A core or a host port.
fn end_name(end: u32) -> String {
    if end & HOST == 0 {
        format!("core {end}")
    } else {
        format!("host port {}", end & !HOST)
    }
}

impl Traced<'_> {
    fn start(&self, step: u32) -> u64 {
        match self.chip.sync {
            Sync::Barrier { .. } => self.starts[step as usize],
            Sync::Tick { .. } => 0,
        }
    }

    /// One line for each packet, times from the start of its step (barrier) or of the sample (tick).
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "step,step_start,source,lane,sequence,target,axon,plane,hops,ready,sent,arrived,served_from,served,router_wait"
        )?;
        let end = |end: u32| {
            end_name(end)
                .trim_start_matches("core ")
                .replace(" port ", "")
        };
        for packet in &self.trace.packets {
            let time = &packet.time;
            let links = packet.hops.iter().filter(|hop| self.crosses(hop)).count();
            let waited: u64 = packet.hops.iter().map(|hop| hop.waited).sum();
            let lane = packet.lane.map_or(String::new(), |lane| lane.to_string());
            writeln!(
                out,
                "{},{},{},{lane},{},{},{},{},{links},{},{},{},{},{},{waited}",
                step_name(time.step),
                self.starts[time.step as usize],
                end(time.source),
                time.sequence,
                end(time.target),
                packet.axon,
                packet.plane,
                packet.ready,
                time.sent,
                time.arrived,
                packet.begun,
                time.served,
            )?;
        }
        Ok(())
    }

    /// Whether a hop leads over a link between tiles.
    fn crosses(&self, hop: &TracedHop) -> bool {
        let (x, y) = self.chip.xy(hop.tile);
        match hop.port {
            0 => x + 1 < self.chip.mesh.width,
            1 => x > 0,
            2 => y + 1 < self.chip.mesh.height,
            3 => y > 0,
            _ => false,
        }
    }
}
