//! What was seen, as text for people: the same values as in `--json`, long tables cut short.

use super::{BrkReport, DebugReport, Dump, LaneReport, ProbeReport};
use crate::text::{count, table};
use std::fmt::Write;

/// Lanes of a dump that are printed; all are in `--json`.
const MAX_LANES: usize = 64;
/// Values of a row of a probe that are printed.
const MAX_VALUES: usize = 4;

impl DebugReport {
    /// Where the run stopped, and at what.
    pub fn head(&self) -> String {
        let mut out = String::new();
        if let Some(stop) = &self.stopped_at {
            let _ = writeln!(
                out,
                "Stopped      after the update of step {} of sample {} ({}): the report covers what ran until then\n",
                stop.step,
                stop.sample,
                stop.by.join(", ")
            );
        }
        if let Some(brk) = &self.brk {
            out.push_str(&broke(brk));
        }
        out
    }

    /// Lanes and probes.
    pub fn tables(&self) -> String {
        let mut out = String::new();
        self.dumps.iter().for_each(|d| out.push_str(&dumped(d)));
        if !self.probes.is_empty() {
            let rows: Vec<Vec<String>> = self.probes.iter().map(probed).collect();
            let header = ["Probe", "neurons", "steps", "first", "last", "min", "max"];
            out.push_str(&table(&header, &rows));
            out.push('\n');
        }
        out
    }
}

fn broke(brk: &BrkReport) -> String {
    let mut out = String::new();
    let step = match brk.step {
        Some(step) => format!("step {step}"),
        None => "the preload step".to_owned(),
    };
    let axon = brk.axon.map_or(String::new(), |axon| {
        format!(", at a synapse of axon {axon}")
    });
    let _ = writeln!(
        out,
        "Breakpoint   {}[{}]: core {} lane {} (group {}, {}), {step} of sample {}{axon}\n             {} instruction {}: `{}`",
        brk.population,
        brk.index,
        brk.core,
        brk.lane,
        brk.group,
        brk.kernel,
        brk.sample,
        brk.handler,
        brk.instruction,
        brk.text
    );
    let registers: Vec<String> = brk
        .registers
        .iter()
        .filter(|(_, value)| **value != 0)
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let predicates: Vec<&str> = brk
        .predicates
        .iter()
        .filter(|(_, holds)| **holds)
        .map(|(name, _)| name.as_str())
        .collect();
    let _ = writeln!(
        out,
        "             registers {}; true: {}\n",
        or_none(registers.join(", "), "all 0"),
        or_none(predicates.join(", "), "none")
    );
    out
}

fn or_none(text: String, none: &str) -> String {
    if text.is_empty() {
        none.to_owned()
    } else {
        text
    }
}

fn dumped(dump: &Dump) -> String {
    let mut out = format!(
        "  {} after the update of step {} of sample {}\n",
        dump.of, dump.step, dump.sample
    );
    let shape = |lane: &LaneReport| {
        (
            lane.slots.keys().cloned().collect::<Vec<_>>(),
            lane.input.len(),
        )
    };
    // One table for each run of lanes with the same columns.
    for lanes in dump.lanes.chunk_by(|a, b| shape(a) == shape(b)) {
        out.push_str(&lanes_table(lanes));
        if lanes.iter().any(|lane| lane.registers.is_some()) {
            out.push_str(&registers_table(lanes));
        }
    }
    if !dump.axon_bits.is_empty() {
        let shown: Vec<String> = dump.axon_bits[..dump.axon_bits.len().min(MAX_LANES)]
            .iter()
            .map(|bit| format!("core {} axon {} in {}", bit.core, bit.axon, bit.steps_ahead))
            .collect();
        let _ = writeln!(
            out,
            "  axon bits (ticks ahead): {}{}",
            shown.join(", "),
            more(dump.axon_bits.len(), "bits")
        );
    }
    out.push('\n');
    out
}

/// What is left out of a list.
fn more(all: usize, what: &str) -> String {
    match all.checked_sub(MAX_LANES) {
        None | Some(0) => String::new(),
        Some(left) => format!("  … {} more {what} in --json\n", count(left as u64)),
    }
}

fn who(lane: &LaneReport) -> Vec<String> {
    vec![
        format!("{}[{}]", lane.population, lane.index),
        lane.core.to_string(),
        lane.lane.to_string(),
    ]
}

fn lanes_table(lanes: &[LaneReport]) -> String {
    let shown = &lanes[..lanes.len().min(MAX_LANES)];
    let receptors = shown.first().map_or(0, |lane| lane.input.len());
    let with_receptor = |name: &str, receptor: usize| match receptors {
        1 => name.to_owned(),
        _ => format!("{name}/{receptor}"),
    };
    let mut header: Vec<String> = ["Neuron", "core", "lane", "spiked"]
        .map(String::from)
        .into();
    header.extend((0..receptors).map(|r| with_receptor("input", r)));
    header.extend(
        shown
            .iter()
            .take(1)
            .flat_map(|lane| lane.slots.keys().cloned()),
    );
    let mut ahead: Vec<(u32, u32)> = shown
        .iter()
        .flat_map(|lane| lane.pending.iter().map(|p| (p.steps_ahead, p.receptor)))
        .collect();
    ahead.sort_unstable();
    ahead.dedup();
    header.extend(
        ahead
            .iter()
            .map(|(steps, receptor)| with_receptor(&format!("step +{steps}"), *receptor as usize)),
    );
    let row = |lane: &LaneReport| {
        let mut row = who(lane);
        row.push(match (lane.spiked, lane.idle) {
            (Some(1), _) => "yes".to_owned(),
            (Some(payload), _) => format!("with {payload}"),
            (None, true) => "no, idle".to_owned(),
            (None, false) => "no".to_owned(),
        });
        row.extend(lane.input.iter().map(i32::to_string));
        row.extend(lane.slots.values().map(i32::to_string));
        row.extend(ahead.iter().map(|key| {
            let sum = lane
                .pending
                .iter()
                .find(|p| (p.steps_ahead, p.receptor) == *key);
            sum.map_or("0".to_owned(), |p| p.sum.to_string())
        }));
        row
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    table(&header, &rows) + &more(lanes.len(), "lanes")
}

/// Registers and predicates that some lane has other than 0.
fn registers_table(lanes: &[LaneReport]) -> String {
    let shown = &lanes[..lanes.len().min(MAX_LANES)];
    let mut columns: Vec<&str> = Vec::new();
    for lane in shown {
        let registers = lane.registers.iter().flatten();
        let predicates = lane.predicates.iter().flatten();
        columns.extend(registers.filter(|r| *r.1 != 0).map(|r| r.0.as_str()));
        columns.extend(predicates.filter(|p| *p.1).map(|p| p.0.as_str()));
    }
    // p before r; numbers in order.
    columns.sort_by_key(|name| (!name.starts_with('r'), name.len(), *name));
    columns.dedup();
    if columns.is_empty() {
        return "  at halt all registers are 0 and all predicates false\n".to_owned();
    }
    let row = |lane: &LaneReport| {
        let mut row = who(lane);
        row.extend(columns.iter().map(|name| {
            let register = lane.registers.as_ref().and_then(|r| r.get(*name));
            let predicate = lane.predicates.as_ref().and_then(|p| p.get(*name));
            register
                .map(i32::to_string)
                .or(predicate.map(|p| u8::from(*p).to_string()))
                .unwrap_or_default()
        }));
        row
    };
    let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
    let header: Vec<&str> = ["At halt", "core", "lane"]
        .into_iter()
        .chain(columns.iter().copied())
        .collect();
    table(&header, &rows)
}

fn probed(probe: &ProbeReport) -> Vec<String> {
    let row = |row: Option<&Vec<i32>>| {
        let row = row.map_or(&[][..], Vec::as_slice);
        let values: Vec<String> = row.iter().take(MAX_VALUES).map(i32::to_string).collect();
        let dots = if row.len() > MAX_VALUES { " …" } else { "" };
        values.join(" ") + dots
    };
    let steps: usize = probe.values.iter().map(Vec::len).sum();
    let all = || probe.values.iter().flatten().flatten();
    let number = |value: Option<&i32>| value.map_or("-".to_owned(), i32::to_string);
    vec![
        probe.name.clone(),
        count(probe.neurons.len() as u64),
        count(steps as u64),
        row(probe.values.first().and_then(|s| s.first())),
        row(probe.values.last().and_then(|s| s.last())),
        number(all().min()),
        number(all().max()),
    ]
}
