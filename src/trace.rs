//! `run --trace` and `--packets`: what the chip did when, for a viewer of traces and as a table.
//!
//! Invariant: every time here is a whole number of cycles from the start of the sample; microseconds are written as exact
//! decimals of picoseconds. Slices of a track never overlap, every flow has both ends.

use crate::args::{TimingChoice, TraceArgs};
use crate::files;
use crate::outcome::{DIRECTIONS, populations_of};
use crate::text::plural;
use anyhow::{Result, anyhow, bail};
use emulator::{SampleResult, StepTime, Trace, TraceRequest, TracedHop, TracedPacket};
use isa::chip::{ChipSpec, Sync};
use isa::image::{HOST, Image};
use serde_json::{Value, json};
use std::collections::BTreeMap;
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

/// Process of the steps, of the host, of tile 0.
const STEPS: u32 = 1;
const HOST_LINKS: u32 = 2;
const TILES: u32 = 10;
/// First track of routers; before it four for each core.
const ROUTERS: u32 = 1000;

/// A list of events being written, and the tracks seen.
struct Events<'w> {
    out: &'w mut dyn Write,
    cycle_ps: u64,
    first: bool,
    tracks: BTreeMap<(u32, u32), String>,
}

/// Process and thread in the sense of the format.
type Track = (u32, u32);

impl Events<'_> {
    /// Microseconds.
    fn time(&self, cycles: u64) -> String {
        let ps = u128::from(cycles) * u128::from(self.cycle_ps);
        format!("{}.{:06}", ps / 1_000_000, ps % 1_000_000)
    }

    fn line(&mut self, event: &str) -> io::Result<()> {
        let comma = if std::mem::take(&mut self.first) {
            ""
        } else {
            ","
        };
        write!(self.out, "{comma}\n{event}")
    }

    fn slice(
        &mut self,
        track: Track,
        (kind, name): (&str, &str),
        (from, to): (u64, u64),
        mut args: Value,
    ) -> io::Result<()> {
        if to <= from {
            return Ok(());
        }
        args["cycle"] = from.into();
        args["cycles"] = (to - from).into();
        let event = format!(
            r#"{{"ph":"X","cat":"{kind}","name":{},"pid":{},"tid":{},"ts":{},"dur":{},"args":{args}}}"#,
            Value::from(name),
            track.0,
            track.1,
            self.time(from),
            self.time(to - from)
        );
        self.line(&event)
    }

    /// Start (`s`), way (`t`) or end (`f`) of a packet's flow, in the slice that begins then.
    fn flow(&mut self, track: Track, phase: char, id: usize, at: u64) -> io::Result<()> {
        let end = if phase == 'f' { r#","bp":"e""# } else { "" };
        let event = format!(
            r#"{{"ph":"{phase}","cat":"packet","name":"packet","id":{id},"pid":{},"tid":{},"ts":{}{end}}}"#,
            track.0,
            track.1,
            self.time(at)
        );
        self.line(&event)
    }

    fn meta(&mut self, what: &str, track: Track, value: &Value) -> io::Result<()> {
        let key = if what.ends_with("sort_index") {
            "sort_index"
        } else {
            "name"
        };
        let event = format!(
            r#"{{"ph":"M","name":"{what}","pid":{},"tid":{},"args":{{"{key}":{value}}}}}"#,
            track.0, track.1
        );
        self.line(&event)
    }
}

impl Traced<'_> {
    fn start(&self, step: u32) -> u64 {
        match self.chip.sync {
            Sync::Barrier { .. } => self.starts[step as usize],
            Sync::Tick { .. } => 0,
        }
    }

    fn events(&self, out: &mut dyn Write) -> io::Result<()> {
        let head = json!({
            "chip": self.chip.name,
            "cycle_ps": self.chip.cycle_ps,
            "first_step": self.steps.first().map(|s| step_name(s.0)),
            "steps": self.steps.len(),
            "packets": self.trace.packets.len(),
        });
        write!(
            out,
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{head},\"traceEvents\":["
        )?;
        let mut events = Events {
            out,
            cycle_ps: self.chip.cycle_ps,
            first: true,
            tracks: BTreeMap::new(),
        };
        self.step_slices(&mut events)?;
        self.work_slices(&mut events)?;
        for (id, packet) in self.trace.packets.iter().enumerate() {
            self.packet_slices(&mut events, id, packet)?;
        }
        self.names(&mut events)?;
        events.out.write_all(b"\n]}\n")
    }

    fn step_slices(&self, events: &mut Events<'_>) -> io::Result<()> {
        for (name, tid) in [("steps", 1), ("what bounds the step", 2)] {
            events.tracks.insert((STEPS, tid), name.to_owned());
        }
        for (step, start, time) in &self.steps {
            let name = step_name(*step);
            let title = if *step == 0 {
                name.clone()
            } else {
                format!("step {name}")
            };
            let parts = json!({"step": name, "neuron": time.neuron, "synapse": time.synapse,
                "noc": time.noc, "sync": time.sync});
            let end = start + time.cycles;
            events.slice((STEPS, 1), ("step", &title), (*start, end), parts)?;
            let mut from = *start;
            for (part, cycles) in [
                ("neuron", time.neuron),
                ("synapse", time.synapse),
                ("noc", time.noc),
                ("sync", time.sync),
            ] {
                let span = (from, from + cycles);
                events.slice((STEPS, 2), ("part", part), span, json!({"step": name}))?;
                from += cycles;
            }
        }
        Ok(())
    }

    fn work_slices(&self, events: &mut Events<'_>) -> io::Result<()> {
        for work in &self.trace.work {
            let start = self.start(work.step);
            let track = self.unit(events, work.core, 0);
            let name = if work.stalled { "stalled" } else { "update" };
            let span = (start + work.from, start + work.to);
            let args = json!({"step": step_name(work.step)});
            events.slice(track, ("neuron", name), span, args)?;
        }
        Ok(())
    }

    /// Track of a core's unit: neuron, axon-out, synapse.
    fn unit(&self, events: &mut Events<'_>, core: u32, unit: u32) -> Track {
        let cores = self.chip.mesh.cores_per_tile;
        let track = (TILES + self.chip.tile_of(core), 1 + core % cores * 4 + unit);
        events.tracks.entry(track).or_insert_with(|| {
            let unit = ["neuron", "axon-out", "synapse"][unit as usize];
            let program = self.image.cores.iter().find(|c| c.core.0 == core);
            let holds = program.map_or(String::new(), |p| populations_of(self.image, p));
            format!("core {core} {unit} ({holds})")
        });
        track
    }

    /// Track of a router's output.
    fn output(&self, events: &mut Events<'_>, plane: u8, hop: &TracedHop) -> Track {
        let ports = 4 + self.chip.mesh.cores_per_tile;
        let track = (
            TILES + hop.tile,
            ROUTERS + u32::from(plane) * ports + hop.port,
        );
        events.tracks.entry(track).or_insert_with(|| {
            let output = match DIRECTIONS.get(hop.port as usize) {
                Some(direction) => format!("link {direction}"),
                None => format!(
                    "to core {}",
                    hop.tile * self.chip.mesh.cores_per_tile + hop.port - 4
                ),
            };
            if self.chip.mesh.planes > 1 {
                format!("router {plane} {output}")
            } else {
                format!("router {output}")
            }
        });
        track
    }

    fn packet_slices(
        &self,
        events: &mut Events<'_>,
        id: usize,
        packet: &TracedPacket,
    ) -> io::Result<()> {
        let time = &packet.time;
        let start = self.start(time.step);
        let common = json!({"packet": id, "step": step_name(time.step)});
        let (from, to) = (end_name(time.source), end_name(time.target));
        let (track, span, kind) = if time.source & HOST == 0 {
            let begin = packet.ready - self.chip.time.axon_out;
            let track = self.unit(events, time.source, 1);
            (track, (begin, time.sent), "axon-out")
        } else {
            let port = time.source & !HOST;
            let track = (
                HOST_LINKS,
                1 + port * self.chip.mesh.planes + u32::from(packet.plane),
            );
            events
                .tracks
                .entry(track)
                .or_insert_with(|| format!("port {port} in, plane {}", packet.plane));
            let busy = self.chip.noc.host_occupancy.max(1);
            (track, (time.sent, time.sent + busy), "host")
        };
        let mut args = common.clone();
        args["stalled"] = (time.sent - packet.ready).into();
        args["axon"] = packet.axon.into();
        if let Some(lane) = packet.lane {
            args["lane"] = lane.into();
        }
        let span = (start + span.0, start + span.1);
        events.slice(track, (kind, &format!("to {to}")), span, args)?;
        events.flow(track, 's', id, span.0)?;
        let to_host = time.target & HOST != 0;
        for (index, hop) in packet.hops.iter().enumerate() {
            let track = self.output(events, packet.plane, hop);
            let mut args = common.clone();
            args["waited"] = hop.waited.into();
            let from_cycle = start + hop.granted;
            let span = (from_cycle, from_cycle + hop.occupancy);
            events.slice(track, ("link", &format!("{from} to {to}")), span, args)?;
            let last = to_host && index + 1 == packet.hops.len();
            events.flow(track, if last { 'f' } else { 't' }, id, from_cycle)?;
        }
        if to_host {
            return Ok(());
        }
        let track = self.unit(events, time.target, 2);
        let mut args = common;
        args["waited"] = (packet.begun - time.arrived).into();
        args["axon"] = packet.axon.into();
        let span = (start + packet.begun, start + time.served);
        events.slice(track, ("synapse", &format!("from {from}")), span, args)?;
        events.flow(track, 'f', id, span.0)
    }

    fn names(&self, events: &mut Events<'_>) -> io::Result<()> {
        let tracks = std::mem::take(&mut events.tracks);
        let mut process = 0;
        for ((pid, tid), name) in &tracks {
            if *pid != process {
                process = *pid;
                let name = match *pid {
                    STEPS => format!("chip {}", self.chip.name),
                    HOST_LINKS => "host".to_owned(),
                    tile => {
                        let (x, y) = self.chip.xy(tile - TILES);
                        format!("tile ({x},{y})")
                    }
                };
                events.meta("process_name", (*pid, 0), &name.into())?;
                events.meta("process_sort_index", (*pid, 0), &(*pid).into())?;
            }
            events.meta("thread_name", (*pid, *tid), &name.as_str().into())?;
            events.meta("thread_sort_index", (*pid, *tid), &(*tid).into())?;
        }
        Ok(())
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
