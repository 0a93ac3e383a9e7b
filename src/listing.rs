//! The listing of `asm`: every word with its text, its source line and its price on a chip, and all names. `specs/asm.md` has the form.
//!
//! Invariant: cycles here are those of `isa::verify::cycles`, which a test compares with the emulator; nothing is measured.

use crate::handlers::CLASSES;
use crate::text::{plural, table};
use assembler::{GroupSource, HandlerSource, SourceMap};
use isa::ChipSpec;
use isa::chip::{Delivery, InstructionTime, OnSpikeTime, UpdateTime};
use isa::image::{CoreProgram, Group, Image};
use isa::op::{Handler, Names, decode};
use isa::verify::cycles::{self, Bounds};
use isa::verify::handler::GroupNames;
use serde::Serialize;
use std::fmt::Write;

/// Everything that the listing says.
#[derive(Debug, Serialize)]
pub struct Listing {
    source: String,
    chip: Option<Chip>,
    symbols: Vec<Named<i64>>,
    populations: Vec<Population>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    probes: Vec<Probe>,
    cores: Vec<Core>,
}

#[derive(Debug, Serialize)]
struct Chip {
    name: String,
    cycle_ps: u64,
    update: Price,
    on_spike: Price,
    /// `axon_bits`: cycles of a lane before its update: axons · a + b + synaptic operations · c; and d once per core and step.
    neuron_pass: Option<[u64; 4]>,
}

/// How a handler is charged: by what happens, or by the classes of what it executes.
#[derive(Debug, Serialize)]
#[serde(tag = "price", rename_all = "lowercase")]
enum Price {
    Event { cycles: Vec<Named<u64>> },
    Instruction { cycles: Vec<Named<u64>> },
}

#[derive(Debug, Serialize)]
struct Named<T> {
    name: String,
    value: T,
}

#[derive(Debug, Serialize)]
struct Population {
    name: String,
    first: u32,
    count: u32,
    depth: u32,
}

#[derive(Debug, Serialize)]
struct Port {
    name: String,
    shape: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct Probe {
    name: String,
    slot: String,
    neurons: usize,
}

#[derive(Debug, Serialize)]
struct Core {
    core: u32,
    lanes: u32,
    axons: usize,
    synapses: u64,
    destinations: usize,
    /// Words, identical handlers counted once.
    code_words: usize,
    groups: Vec<GroupListing>,
}

#[derive(Debug, Serialize)]
struct GroupListing {
    group: usize,
    kernel: String,
    options: Vec<Named<i64>>,
    lanes: u32,
    receptors: u8,
    constants: Vec<Named<i32>>,
    slots: Vec<Slot>,
    tables: Vec<Table>,
    handlers: Vec<HandlerListing>,
}

#[derive(Debug, Serialize)]
struct Slot {
    name: String,
    bits: u8,
    /// Initial value; `None`: each lane has its own.
    init: Option<i32>,
}

#[derive(Debug, Serialize)]
struct Table {
    name: Option<String>,
    entries: usize,
}

#[derive(Debug, Serialize)]
struct HandlerListing {
    handler: &'static str,
    words: usize,
    instructions: Range,
    /// Of one lane, or one synapse, alone: with `fill`, without the packet.
    cycles: Option<Range>,
    labels: Vec<Named<usize>>,
    registers: Vec<Named<String>>,
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Range {
    least: u64,
    most: u64,
}

impl From<Bounds> for Range {
    fn from(bounds: Bounds) -> Range {
        let Bounds { least, most } = bounds;
        Range { least, most }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.least == self.most {
            true => write!(f, "{}", self.most),
            false => write!(f, "{} to {}", self.least, self.most),
        }
    }
}

#[derive(Debug, Serialize)]
struct Line {
    address: usize,
    word: String,
    text: String,
    class: &'static str,
    /// On a chip priced by instruction.
    cycles: Option<u64>,
    file: String,
    line: u32,
    source: String,
    /// Calls, repetitions and inclusions that led there, nearest first.
    through: Vec<Through>,
}

#[derive(Debug, Serialize)]
struct Through {
    file: String,
    line: u32,
    why: String,
}

/// The listing of an assembled text.
pub fn listing(source: &str, image: &Image, map: &SourceMap, chip: Option<&ChipSpec>) -> Listing {
    let port = |name: &str, shape: &[u32]| Port {
        name: name.to_owned(),
        shape: shape.to_vec(),
    };
    let populations = image.populations.iter().map(|p| Population {
        name: p.name.clone(),
        first: p.first,
        count: p.count,
        depth: p.depth,
    });
    let probes = image.probes.iter().map(|p| Probe {
        name: p.name.clone(),
        slot: p.slot.clone(),
        neurons: p.neurons.len(),
    });
    Listing {
        source: source.to_owned(),
        chip: chip.map(chip_of),
        symbols: named(&map.symbols),
        populations: populations.collect(),
        inputs: image
            .io
            .inputs
            .iter()
            .map(|i| port(&i.name, &i.shape))
            .collect(),
        outputs: image
            .io
            .outputs
            .iter()
            .map(|o| port(&o.name, &o.shape))
            .collect(),
        probes: probes.collect(),
        cores: image
            .cores
            .iter()
            .map(|core| core_of(core, map, chip))
            .collect(),
    }
}

fn named<T: Clone>(list: &[(String, T)]) -> Vec<Named<T>> {
    let entry = |(name, value): &(String, T)| Named {
        name: name.clone(),
        value: value.clone(),
    };
    list.iter().map(entry).collect()
}

fn chip_of(chip: &ChipSpec) -> Chip {
    let list = |entries: &[(&str, u64)]| -> Vec<Named<u64>> {
        let entry = |(name, value): &(&str, u64)| Named {
            name: (*name).to_owned(),
            value: *value,
        };
        entries.iter().map(entry).collect()
    };
    let classes = |times: &InstructionTime, last: usize| {
        let classes = CLASSES.into_iter().zip(times.class).take(last);
        let all: Vec<(&str, u64)> = [("fill", times.fill)].into_iter().chain(classes).collect();
        list(&all)
    };
    let update = match &chip.time.update {
        UpdateTime::Event {
            inactive,
            active,
            spike,
        } => Price::Event {
            cycles: list(&[
                ("inactive", *inactive),
                ("active", *active),
                ("spike", *spike),
            ]),
        },
        UpdateTime::Instruction(times) => Price::Instruction {
            cycles: classes(times, CLASSES.len()),
        },
    };
    let on_spike = match &chip.time.on_spike {
        OnSpikeTime::Event { packet, synapse } => Price::Event {
            cycles: list(&[("packet", *packet), ("synapse", *synapse)]),
        },
        OnSpikeTime::Instruction { packet, times } => {
            let mut cycles = list(&[("packet", *packet)]);
            cycles.extend(classes(times, CLASSES.len()));
            cycles.retain(|price| price.name != "send");
            Price::Instruction { cycles }
        }
    };
    Chip {
        name: chip.name.clone(),
        cycle_ps: chip.cycle_ps,
        update,
        on_spike,
        neuron_pass: (chip.delivery == Delivery::AxonBits).then_some(chip.time.neuron_pass),
    }
}

fn core_of(core: &CoreProgram, map: &SourceMap, chip: Option<&ChipSpec>) -> Core {
    let none = Vec::new();
    let sources = map.cores.get(&core.core).unwrap_or(&none);
    let groups = core.groups.iter().enumerate().map(|(at, group)| {
        let source = sources.get(at).cloned().unwrap_or_default();
        group_of(at, group, &source, chip)
    });
    let handlers = core.groups.iter().flat_map(|g| [&g.update, &g.on_spike]);
    let distinct: std::collections::BTreeSet<&Vec<u32>> = handlers.collect();
    Core {
        core: core.core.0,
        lanes: core.lanes(),
        axons: core.axons.len(),
        synapses: core.segments.iter().map(|s| u64::from(s.count)).sum(),
        destinations: core.dests.len(),
        code_words: distinct.iter().map(|words| words.len()).sum(),
        groups: groups.collect(),
    }
}

fn group_of(
    at: usize,
    group: &Group,
    source: &GroupSource,
    chip: Option<&ChipSpec>,
) -> GroupListing {
    let slots = group.slots.iter().map(|slot| Slot {
        name: slot.name.clone(),
        bits: slot.bits,
        init: Some(slot.init[0]).filter(|_| slot.init.len() == 1),
    });
    let tables = group.tables.iter().enumerate().map(|(at, table)| Table {
        name: source.tables.get(at).cloned().flatten(),
        entries: table.len(),
    });
    let both = [Handler::Update, Handler::OnSpike]
        .into_iter()
        .zip(&source.handlers);
    let handlers = both.filter_map(|(handler, source)| handler_of(handler, group, source, chip));
    GroupListing {
        group: at,
        kernel: group.kernel.clone(),
        options: source
            .kernel
            .as_ref()
            .map_or_else(Vec::new, |(_, options)| named(options)),
        lanes: group.lanes,
        receptors: group.receptors,
        constants: named(&group.constants),
        slots: slots.collect(),
        tables: tables.collect(),
        handlers: handlers.collect(),
    }
}

fn through(line: &assembler::Through) -> Through {
    let assembler::Through { file, line, why } = line.clone();
    Through { file, line, why }
}

/// Names of a group and of the labels in its source.
struct Text<'a>(GroupNames<'a>, &'a HandlerSource);

impl Names for Text<'_> {
    fn index(&self) -> u32 {
        self.0.index()
    }
    fn label(&self, target: u32) -> String {
        let mut labels = self.1.labels.iter();
        let named = labels.find(|(_, at)| *at == target as usize);
        named.map_or_else(|| self.0.label(target), |(name, _)| name.clone())
    }
    fn constant(&self, index: u8) -> String {
        self.0.constant(index)
    }
    fn slot(&self, index: u8) -> String {
        self.0.slot(index)
    }
}

fn handler_of(
    handler: Handler,
    group: &Group,
    source: &HandlerSource,
    chip: Option<&ChipSpec>,
) -> Option<HandlerListing> {
    let time = chip.map(|chip| &chip.time);
    let (words, cycles) = match handler {
        Handler::Update => {
            let words = &group.update;
            (
                words,
                time.and_then(|time| cycles::update(words, &time.update)),
            )
        }
        Handler::OnSpike => {
            let words = &group.on_spike;
            (
                words,
                time.and_then(|time| cycles::on_spike(words, &time.on_spike)),
            )
        }
    };
    let classes = time.and_then(|time| match (handler, &time.update, &time.on_spike) {
        (Handler::Update, UpdateTime::Instruction(times), _) => Some(times),
        (Handler::OnSpike, _, OnSpikeTime::Instruction { times, .. }) => Some(times),
        _ => None,
    });
    let lines = words
        .iter()
        .zip(&source.lines)
        .enumerate()
        .filter_map(|(at, (word, line))| {
            let instruction = decode(*word).ok()?;
            let class = instruction.op.class() as usize;
            Some(Line {
                address: at,
                word: format!("{word:08x}"),
                text: instruction.text(&Text(GroupNames(at, group), source)),
                class: CLASSES[class],
                cycles: classes.map(|times| times.class[class]),
                file: line.file.clone(),
                line: line.line,
                source: line.text.clone(),
                through: line.through.iter().map(through).collect(),
            })
        });
    Some(HandlerListing {
        handler: handler.name(),
        words: words.len(),
        instructions: cycles::instructions(words)?.into(),
        cycles: cycles.map(Range::from),
        labels: named(&source.labels),
        registers: named(&source.registers),
        lines: lines.collect(),
    })
}

impl Listing {
    /// For people.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.source);
        match &self.chip {
            Some(chip) => chip.write(&mut out),
            None => put(&mut out, format_args!("no cycles: give a chip with --chip")),
        }
        for core in &self.cores {
            core.write(&mut out);
        }
        self.write_names(&mut out);
        out
    }

    fn write_names(&self, out: &mut String) {
        let mut rows = Vec::new();
        for population in &self.populations {
            let Population {
                name,
                first,
                count,
                depth,
            } = population;
            let meaning = format!("neurons {first} to {}, depth {depth}", first + count - 1);
            rows.push(row("population", name, &meaning));
        }
        for (kind, ports) in [("input", &self.inputs), ("output", &self.outputs)] {
            rows.extend(
                ports
                    .iter()
                    .map(|port| row(kind, &port.name, &format!("shape {:?}", port.shape))),
            );
        }
        for Probe {
            name,
            slot,
            neurons,
        } in &self.probes
        {
            rows.push(row(
                "probe",
                name,
                &format!("slot {slot} of {neurons} neurons"),
            ));
        }
        rows.extend(
            self.symbols
                .iter()
                .map(|s| row("symbol", &s.name, &s.value.to_string())),
        );
        for (core, group) in self
            .cores
            .iter()
            .flat_map(|c| c.groups.iter().map(move |g| (c.core, g)))
        {
            group.names(core, &mut rows);
        }
        out.push('\n');
        out.push_str(&table(&["Kind", "Name", "Where", "Value"], &rows));
    }
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{line}");
}

/// A row of the table of names that belongs to the whole image.
fn row(kind: &str, name: &str, value: &str) -> Vec<String> {
    vec![
        kind.to_owned(),
        name.to_owned(),
        String::new(),
        value.to_owned(),
    ]
}

impl Chip {
    fn write(&self, out: &mut String) {
        put(
            out,
            format_args!("chip {}, cycles of {} ps", self.name, self.cycle_ps),
        );
        for (handler, price, whole) in [
            ("update", &self.update, "a lane"),
            ("on_spike", &self.on_spike, "a synapse"),
        ] {
            let shown = |cycles: &[Named<u64>]| {
                let each = cycles
                    .iter()
                    .map(|price| format!("{} {}", price.name, price.value));
                each.collect::<Vec<_>>().join(", ")
            };
            match price {
                Price::Event { cycles } => put(
                    out,
                    format_args!(
                        "{handler} by event, whatever {whole} executes: {}",
                        shown(cycles)
                    ),
                ),
                Price::Instruction { cycles } => {
                    put(
                        out,
                        format_args!("{handler} by instruction: {}", shown(cycles)),
                    );
                }
            }
        }
        if let Some([axons, lane, synapses, core]) = self.neuron_pass {
            put(
                out,
                format_args!(
                    "before each update: {axons} an axon, {lane} a lane, {synapses} a synaptic operation; {core} a core and step"
                ),
            );
        }
        put(
            out,
            format_args!(
                "cycles of a handler: of its cheapest and its dearest path, whether or not there are values that take it, for a lane or a synapse alone"
            ),
        );
    }
}

impl Core {
    fn write(&self, out: &mut String) {
        put(
            out,
            format_args!(
                "\ncore {}: {}, {}, {}, {}, {} of code",
                self.core,
                plural(self.lanes.into(), "lane"),
                plural(self.axons as u64, "axon"),
                plural(self.synapses, "synapse"),
                plural(self.destinations as u64, "destination"),
                plural(self.code_words as u64, "word")
            ),
        );
        for group in &self.groups {
            for handler in &group.handlers {
                put(out, format_args!(""));
                let cycles = handler
                    .cycles
                    .map_or_else(String::new, |c| format!(", {c} cycles"));
                put(
                    out,
                    format_args!(
                        "core {} group {} ({}) {}: {} words, {} instructions{cycles}",
                        self.core,
                        group.group,
                        group.kernel,
                        handler.handler,
                        handler.words,
                        handler.instructions
                    ),
                );
                handler.write(out);
            }
        }
    }
}

impl HandlerListing {
    fn write(&self, out: &mut String) {
        let rows = self.lines.iter().map(|line| {
            let labels = self
                .labels
                .iter()
                .filter(|label| label.value == line.address);
            let labels: String = labels.map(|label| format!("{}: ", label.name)).collect();
            vec![
                line.address.to_string(),
                line.word.clone(),
                line.class.to_owned(),
                line.cycles
                    .map_or_else(String::new, |cycles| cycles.to_string()),
                format!("{labels}{}", line.text),
                line.from(),
                line.source.clone(),
            ]
        });
        let mut rows: Vec<Vec<String>> = rows.collect();
        let mut head = vec![
            "At",
            "Word",
            "Class",
            "Cycles",
            "Instruction",
            "From",
            "Source",
        ];
        if self.lines.iter().all(|line| line.cycles.is_none()) {
            head.remove(3);
            rows.iter_mut().for_each(|row| drop(row.remove(3)));
        }
        out.push_str(&table(&head, &rows));
    }
}

impl Line {
    /// `leak.s:3 < main.s:20`: line 3, by way of line 20.
    fn from(&self) -> String {
        let mut from = format!("{}:{}", self.file, self.line);
        for through in &self.through {
            let _ = write!(from, " < {}:{}", through.file, through.line);
        }
        from
    }
}

impl GroupListing {
    fn names(&self, core: u32, rows: &mut Vec<Vec<String>>) {
        let place = format!("core {core} group {}", self.group);
        let mut row = |kind: &str, name: &str, place: &str, value: String| {
            rows.push(vec![
                kind.to_owned(),
                name.to_owned(),
                place.to_owned(),
                value,
            ]);
        };
        for option in &self.options {
            row("option", &option.name, &place, option.value.to_string());
        }
        for (at, constant) in self.constants.iter().enumerate() {
            row(
                "constant",
                &constant.name,
                &place,
                format!("k{at} = {}", constant.value),
            );
        }
        for (at, slot) in self.slots.iter().enumerate() {
            let init = slot
                .init
                .map_or_else(|| "by lane".to_owned(), |init| init.to_string());
            row(
                "slot",
                &slot.name,
                &place,
                format!("slot {at}, {} bits = {init}", slot.bits),
            );
        }
        for (at, table) in self.tables.iter().enumerate() {
            let name = table.name.as_deref().unwrap_or("");
            row(
                "table",
                name,
                &place,
                format!("table {at}, {} entries", table.entries),
            );
        }
        for handler in &self.handlers {
            let place = format!("{place} {}", handler.handler);
            for label in &handler.labels {
                row("label", &label.name, &place, label.value.to_string());
            }
            for register in &handler.registers {
                row("register", &register.name, &place, register.value.clone());
            }
        }
    }
}
