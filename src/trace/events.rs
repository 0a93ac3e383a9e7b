//! The trace-event JSON of `run --trace`.
//!
//! Invariant: events stand in the order of the cycles in which slices begin, of each slice its begin, the flow that passes through it, its end. A viewer that
//! rounds times to nanoseconds then nests nothing wrongly: slices that follow each other share one time in the file, and neither duration is rounded.

use super::{Traced, end_name, step_name};
use crate::outcome::{DIRECTIONS, populations_of};
use emulator::TracedHop;
use isa::image::HOST;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Process of the steps, of the host, of tile 0. Viewers take a thread with the number of its process for its main thread and put it first: only the steps have that.
const STEPS: u32 = 1;
const HOST_LINKS: u32 = 99_999;
const TILES: u32 = 100_000;
/// First track of routers; before it four for each core.
const ROUTERS: u32 = 1000;

/// Process and thread in the sense of the format.
type Track = (u32, u32);

/// What a slice shows, by its place in the trace.
#[derive(Clone, Copy)]
enum Shown {
    /// A traced step.
    Step(usize),
    /// What bounds a step: its part.
    Part(usize, usize),
    /// Work of a neuron unit.
    Work(usize),
    /// A packet in axon-out or on the host's link.
    Sent(usize),
    /// A packet at an output of a router.
    Hop(usize, usize),
    /// A packet in the synapse unit.
    Served(usize),
}

/// Start (`s`), way (`t`) or end (`f`) of a packet's flow.
type Flow = Option<(char, usize)>;

/// A list of events being written, and the tracks seen.
struct Events<'w> {
    out: &'w mut dyn Write,
    cycle_ps: u64,
    first: bool,
    tracks: BTreeMap<Track, String>,
}

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
        flow: Flow,
    ) -> io::Result<()> {
        args["cycle"] = from.into();
        args["cycles"] = (to - from).into();
        let (pid, tid) = track;
        let (begin, end) = (self.time(from), self.time(to));
        let name = Value::from(name);
        self.line(&format!(
            r#"{{"ph":"B","cat":"{kind}","name":{name},"pid":{pid},"tid":{tid},"ts":{begin},"args":{args}}}"#
        ))?;
        if let Some((phase, id)) = flow {
            let bind = if phase == 'f' { r#","bp":"e""# } else { "" };
            self.line(&format!(
                r#"{{"ph":"{phase}","cat":"packet","name":"packet","id":{id},"pid":{pid},"tid":{tid},"ts":{begin}{bind}}}"#
            ))?;
        }
        self.line(&format!(
            r#"{{"ph":"E","pid":{pid},"tid":{tid},"ts":{end}}}"#
        ))
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

/// Parts of a step that bound it one after the other.
const PARTS: [&str; 4] = ["neuron", "synapse", "noc", "sync"];

impl Traced<'_> {
    /// Writes the trace.
    pub(super) fn events(&self, out: &mut dyn Write) -> io::Result<()> {
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
        for (name, tid) in [("steps", 1), ("what bounds the step", 2)] {
            events.tracks.insert((STEPS, tid), name.to_owned());
        }
        for (span, shown) in self.slices() {
            self.slice(&mut events, span, shown)?;
        }
        self.names(&mut events)?;
        events.out.write_all(b"\n]}\n")
    }

    /// All slices, first cycle and the one after the last, by first cycle; those of a packet in the order of its way.
    fn slices(&self) -> Vec<((u64, u64), Shown)> {
        let mut all = Vec::new();
        for (index, (_, start, time)) in self.steps.iter().enumerate() {
            all.push(((*start, start + time.cycles), Shown::Step(index)));
            let mut from = *start;
            let parts = [time.neuron, time.synapse, time.noc, time.sync];
            for (part, cycles) in parts.into_iter().enumerate() {
                if cycles > 0 {
                    all.push(((from, from + cycles), Shown::Part(index, part)));
                }
                from += cycles;
            }
        }
        for (index, work) in self.trace.work.iter().enumerate() {
            let start = self.start(work.step);
            if work.to > work.from {
                all.push(((start + work.from, start + work.to), Shown::Work(index)));
            }
        }
        for (id, packet) in self.trace.packets.iter().enumerate() {
            let time = &packet.time;
            let start = self.start(time.step);
            let sent = if time.source & HOST == 0 {
                (packet.ready - self.chip.time.axon_out, time.sent)
            } else {
                let busy = self.chip.noc.host_occupancy.max(1);
                (time.sent, time.sent + busy)
            };
            all.push(((start + sent.0, start + sent.1), Shown::Sent(id)));
            for (index, hop) in packet.hops.iter().enumerate() {
                let from = start + hop.granted;
                all.push(((from, from + hop.occupancy), Shown::Hop(id, index)));
            }
            if time.target & HOST == 0 {
                let span = (start + packet.begun, start + time.served);
                all.push((span, Shown::Served(id)));
            }
        }
        all.sort_by_key(|((from, _), _)| *from);
        all
    }

    fn slice(&self, events: &mut Events<'_>, span: (u64, u64), shown: Shown) -> io::Result<()> {
        match shown {
            Shown::Step(index) => {
                let (step, _, time) = &self.steps[index];
                let name = step_name(*step);
                let title = if *step == 0 {
                    name.clone()
                } else {
                    format!("step {name}")
                };
                let parts = json!({"step": name, "neuron": time.neuron, "synapse": time.synapse,
                    "noc": time.noc, "sync": time.sync});
                events.slice((STEPS, 1), ("step", &title), span, parts, None)
            }
            Shown::Part(index, part) => {
                let args = json!({"step": step_name(self.steps[index].0)});
                events.slice((STEPS, 2), ("part", PARTS[part]), span, args, None)
            }
            Shown::Work(index) => {
                let work = &self.trace.work[index];
                let track = self.unit(events, work.core, 0);
                let name = if work.stalled { "stalled" } else { "update" };
                let args = json!({"step": step_name(work.step)});
                events.slice(track, ("neuron", name), span, args, None)
            }
            Shown::Sent(id) => self.sent(events, span, id),
            Shown::Hop(id, index) => {
                let packet = &self.trace.packets[id];
                let hop = &packet.hops[index];
                let track = self.output(events, packet.plane, hop);
                let mut args = self.common(id);
                args["waited"] = hop.waited.into();
                let (from, to) = (end_name(packet.time.source), end_name(packet.time.target));
                let last = packet.time.target & HOST != 0 && index + 1 == packet.hops.len();
                let flow = if last { 'f' } else { 't' };
                let name = format!("{from} to {to}");
                events.slice(track, ("link", &name), span, args, Some((flow, id)))
            }
            Shown::Served(id) => {
                let packet = &self.trace.packets[id];
                let track = self.unit(events, packet.time.target, 2);
                let mut args = self.common(id);
                args["waited"] = (packet.begun - packet.time.arrived).into();
                args["axon"] = packet.axon.into();
                let name = format!("from {}", end_name(packet.time.source));
                events.slice(track, ("synapse", &name), span, args, Some(('f', id)))
            }
        }
    }

    /// Arguments of all slices of a packet.
    fn common(&self, id: usize) -> Value {
        json!({"packet": id, "step": step_name(self.trace.packets[id].time.step)})
    }

    fn sent(&self, events: &mut Events<'_>, span: (u64, u64), id: usize) -> io::Result<()> {
        let packet = &self.trace.packets[id];
        let time = &packet.time;
        let (track, kind) = if time.source & HOST == 0 {
            (self.unit(events, time.source, 1), "axon-out")
        } else {
            let port = time.source & !HOST;
            let tid = 1 + port * self.chip.mesh.planes + u32::from(packet.plane);
            let track = (HOST_LINKS, tid);
            events
                .tracks
                .entry(track)
                .or_insert_with(|| format!("port {port} in, plane {}", packet.plane));
            (track, "host")
        };
        let mut args = self.common(id);
        args["stalled"] = (time.sent - packet.ready).into();
        args["axon"] = packet.axon.into();
        if let Some(lane) = packet.lane {
            args["lane"] = lane.into();
        }
        let name = format!("to {}", end_name(time.target));
        events.slice(track, (kind, &name), span, args, Some(('s', id)))
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
}
