//! Image to assembly text.
//!
//! Invariant: the text says everything that a valid image contains, and an image has exactly one text.

use crate::format::instruction as line_of;
use crate::lexer::{is_bare, quote};
use crate::operands::is_register;
use isa::ids::{INPUT_ID, NeuronId};
use isa::image::{
    CoreProgram, Dest, Group, HOST, Image, OutputSource, Readout, Reduce, Segment, SynapseFormat,
    SynapseKind, WeightSign,
};
use isa::op::{Instr, Names, Op, decode};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest line of a list, in characters.
const LINE: usize = 110;
/// Shortest run that is written as one.
const RUN: usize = 3;

/// The text of an image. [`crate::assemble`] of it gives the same image, if the image is valid.
///
/// ```
/// let text = ".core 0\n.group lanes=1\n.kernel if\n";
/// let image = assembler::assemble(text, "one.s").expect("valid");
/// let long = assembler::disassemble(&image);
/// assert!(long.contains("add.s24 r1, r1, r2"));
/// assert_eq!(assembler::assemble(&long, "again.s").expect("valid"), image);
/// ```
pub fn disassemble(image: &Image) -> String {
    let synapses: usize = image.cores.iter().map(|core| core.weights.len()).sum();
    let mut out = Text {
        text: String::with_capacity(4096 + synapses * 12),
        line: 0,
    };
    out.image(image);
    for core in &image.cores {
        out.core(core);
    }
    out.text
}

/// Text that grows by lines and list items.
struct Text {
    text: String,
    /// Start of the current line.
    line: usize,
}

impl Text {
    /// A whole line.
    fn put(&mut self, line: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(line)
            .expect("writing to a String does not fail");
        self.end();
    }

    fn end(&mut self) {
        self.text.push('\n');
        self.line = self.text.len();
    }

    /// Begins a line that items follow.
    fn open(&mut self, line: std::fmt::Arguments<'_>) {
        self.text
            .write_fmt(line)
            .expect("writing to a String does not fail");
    }

    /// Space before an item: on this line, or a new one.
    fn gap(&mut self) {
        if self.text.len() - self.line > LINE {
            self.end();
            self.text.push_str("     ");
        }
        self.text.push(' ');
    }

    fn number(&mut self, value: i64) {
        if value < 0 {
            self.text.push('-');
        }
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.text
            .extend(digits[at..].iter().map(|digit| char::from(*digit)));
    }

    /// `first` or `first..=last`.
    fn range(&mut self, first: i64, length: usize) {
        self.number(first);
        if length > 1 {
            self.text.push_str("..=");
            self.number(first + length as i64 - 1);
        }
    }

    fn image(&mut self, image: &Image) {
        let meta = &image.meta;
        let digest: String = meta
            .limits
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.put(format_args!(
            ".image network={} chip={} limits=\"{digest}\"",
            quote(&meta.network),
            quote(&meta.chip)
        ));
        let io = &image.io;
        self.put(format_args!(".dt {:?}", io.model_dt_s));
        self.put(format_args!(".drain {}", io.drain));
        for population in &image.populations {
            let name = quote(&population.name);
            self.put(format_args!(
                ".population {name} count={} depth={}",
                population.count, population.depth
            ));
        }
        let mut dests = io.input_dests.iter();
        let mut counts = io.input_dest_counts.iter();
        for input in &io.inputs {
            let graded = if input.graded { " graded" } else { "" };
            let shape = &input.shape;
            self.put(format_args!(
                ".input {} shape={shape:?} port={}{graded}",
                quote(&input.name),
                input.port
            ));
            let elements: u64 = shape.iter().fold(1, |product, extent| {
                product.saturating_mul(u64::from(*extent))
            });
            for element in 0..elements {
                let Some(count) = counts.next() else { break };
                self.dests("element", element, dests.by_ref().take(*count as usize));
            }
        }
        for output in &io.outputs {
            let readout = match output.readout {
                Readout::Count => "count",
                Readout::Last => "last",
                Readout::Max => "max",
                Readout::First => "first",
            };
            let name = quote(&output.name);
            self.open(format_args!(
                ".output {name} shape={:?} depth={} readout={readout}",
                output.shape, output.depth
            ));
            if let OutputSource::Probe(probe) = output.source {
                self.open(format_args!(" probe={probe}"));
            }
            self.end();
        }
        for probe in &image.probes {
            self.open(format_args!(
                ".probe {} slot={} =",
                quote(&probe.name),
                quote(&probe.slot)
            ));
            self.ids(&probe.neurons);
        }
    }

    /// Logical ids, runs as ranges.
    fn ids(&mut self, ids: &[NeuronId]) {
        for run in ids.chunk_by(|a, b| a.0.checked_add(1) == Some(b.0)) {
            self.gap();
            self.range(i64::from(run[0].0), run.len());
        }
        self.end();
    }

    /// Values, runs as `value#count`.
    fn values(&mut self, values: &[i32]) {
        for run in values.chunk_by(|a, b| a == b) {
            let (length, times) = if run.len() >= RUN {
                (run.len(), 1)
            } else {
                (1, run.len())
            };
            for _ in 0..times {
                self.gap();
                self.number(i64::from(run[0]));
                self.repeat(length);
            }
        }
        self.end();
    }

    fn repeat(&mut self, count: usize) {
        if count > 1 {
            self.text.push('#');
            self.number(count as i64);
        }
    }

    /// Destinations of a lane or element; nothing if there are none.
    fn dests<'d>(&mut self, what: &str, index: u64, dests: impl Iterator<Item = &'d Dest>) {
        let mut any = false;
        for dest in dests {
            let joined = if dest.joined { " +" } else { "" };
            match any {
                false => self.open(format_args!(".{what} {index} ->")),
                true if self.text.len() - self.line > LINE => {
                    self.end();
                    self.text.push_str("      ->");
                    self.text.push_str(joined);
                }
                true if dest.joined => self.text.push_str(joined),
                true => self.text.push(','),
            }
            any = true;
            let (target, axon) = if dest.target & HOST != 0 {
                (" host ", " element ")
            } else {
                (" core ", " axon ")
            };
            self.text.push_str(target);
            self.number(i64::from(dest.target & !HOST));
            self.text.push_str(axon);
            self.number(i64::from(dest.axon));
            if dest.delay != 0 {
                self.open(format_args!(" delay {}", dest.delay));
            }
        }
        if any {
            self.end();
        }
    }

    fn core(&mut self, core: &CoreProgram) {
        self.end();
        self.put(format_args!(".core {}", core.core.0));
        for (at, format) in core.formats.iter().enumerate() {
            self.format(at, format);
        }
        let mut ids = core.lane_ids.as_slice();
        let mut counts = core.dest_counts.iter();
        let mut dests = core.dests.iter();
        for group in &core.groups {
            self.group(group);
            let lanes = group.lanes as usize;
            let (own, rest) = ids.split_at(lanes.min(ids.len()));
            ids = rest;
            self.open(format_args!(".ids ="));
            self.ids(own);
            for (lane, count) in counts.by_ref().take(lanes).enumerate() {
                self.dests(
                    "lane",
                    lane as u64,
                    dests.by_ref().take(usize::from(*count)),
                );
            }
        }
        self.axons(core);
    }

    fn format(&mut self, at: usize, format: &SynapseFormat) {
        let kind = kind_name(format.kind);
        let sign = match format.sign {
            WeightSign::Signed => "signed",
            WeightSign::Excitatory => "excitatory",
            WeightSign::Inhibitory => "inhibitory",
        };
        self.put(format_args!(
            ".format f{at} {kind} {sign} weight={} exponent={} scale={} delay={} index={} slot={}",
            format.weight_bits,
            format.exponent,
            format.scale,
            format.delay_bits,
            format.index_bits,
            format.weight_slot
        ));
    }

    fn group(&mut self, group: &Group) {
        self.put(format_args!(
            ".group {} lanes={}",
            quote(&group.kernel),
            group.lanes
        ));
        self.put(format_args!(".receptors {}", group.receptors));
        let mode = match group.accumulator_mode {
            Reduce::Wrap => "wrap",
            Reduce::Saturate => "saturate",
        };
        self.put(format_args!(
            ".accumulator {} {mode}",
            group.accumulator_bits
        ));
        for (name, value) in &group.constants {
            self.put(format_args!(".const {} = {value}", quote(name)));
        }
        for slot in &group.slots {
            self.open(format_args!(".slot {} {} =", quote(&slot.name), slot.bits));
            self.values(&slot.init);
        }
        for table in &group.tables {
            self.open(format_args!(".table ="));
            self.values(table);
        }
        self.handler("update", group, &group.update);
        self.handler("on_spike", group, &group.on_spike);
    }

    fn handler(&mut self, name: &str, group: &Group, words: &[u32]) {
        if words.is_empty() {
            return;
        }
        self.put(format_args!(".{name}"));
        let mut names = GroupNames::new(group);
        let code: Vec<Result<Instr, u32>> = words
            .iter()
            .map(|word| decode(*word).map_err(|_| *word))
            .collect();
        let mut labels = vec![false; code.len() + 1];
        for (at, instruction) in code.iter().enumerate() {
            if let Ok(Instr {
                op: Op::Br, offset, ..
            }) = instruction
                && let Some(label) = labels.get_mut(at + 1 + usize::from(*offset))
            {
                *label = true;
            }
        }
        for (at, instruction) in code.iter().enumerate() {
            if labels[at] {
                self.put(format_args!("L{at}:"));
            }
            names.index = at as u32;
            match instruction {
                Ok(instruction) => {
                    self.put(format_args!("    {}", line_of(&instruction.text(&names))))
                }
                Err(word) => self.put(format_args!(
                    "    ; {word:#010x} is no instruction: the image is not valid"
                )),
            }
        }
        self.put(format_args!(".end"));
    }

    fn axons(&mut self, core: &CoreProgram) {
        for (pattern, offset) in core.patterns.iter().zip(core.pattern_offsets()) {
            let Some(format) = core.formats.get(usize::from(pattern.format)) else {
                continue;
            };
            self.open(format_args!(".pattern format=f{}", pattern.format));
            let count = pattern.count as usize;
            let delays = if format.delay_bits > 0 {
                tail(&core.delays, offset.delays, count)
            } else {
                &[]
            };
            self.sparse(
                tail(&core.targets, offset.targets, count),
                tail(&core.weights, offset.weights, count),
                delays,
            );
        }
        let mut shared = core.shared.iter();
        let offsets = core.segment_offsets();
        let mut segments = core.segments.iter().zip(&offsets);
        for (at, axon) in core.axons.iter().enumerate() {
            let side = if axon.source & INPUT_ID != 0 {
                "input"
            } else {
                "neuron"
            };
            self.open(format_args!(
                ".axon {at} {side} {}",
                axon.source & !INPUT_ID
            ));
            if axon.kind != 0 {
                self.open(format_args!(" kind={}", axon.kind));
            }
            self.end();
            for (segment, offset) in segments.by_ref().take(usize::from(axon.segments)) {
                let Some(format) = core.formats.get(usize::from(segment.format)) else {
                    continue;
                };
                if format.kind == SynapseKind::Shared {
                    let pattern = shared.next().copied().unwrap_or(0);
                    self.put(format_args!(
                        ".shared group={} pattern={pattern} first={}",
                        segment.group, segment.first_lane
                    ));
                    continue;
                }
                self.open(format_args!(
                    ".{} group={} format=f{}",
                    kind_name(format.kind),
                    segment.group,
                    segment.format
                ));
                let count = segment.count as usize;
                let weights = tail(&core.weights, offset.weights, count);
                let delays = if format.delay_bits > 0 {
                    tail(&core.delays, offset.delays, count)
                } else {
                    &[]
                };
                match format.kind {
                    SynapseKind::Sparse => {
                        self.sparse(tail(&core.targets, offset.targets, count), weights, delays)
                    }
                    SynapseKind::Dense => self.dense(segment, weights, delays),
                    SynapseKind::Shared => {}
                    SynapseKind::Crossbar => {
                        let lanes = core
                            .groups
                            .get(usize::from(segment.group))
                            .map_or(0, |group| group.lanes as usize);
                        self.crossbar(tail(&core.rows, offset.rows, lanes.div_ceil(64)));
                    }
                }
            }
        }
    }

    fn sparse(&mut self, targets: &[u16], weights: &[i16], delays: &[u8]) {
        self.text.push_str(" =");
        let delay = |at: usize| delays.get(at).copied().unwrap_or(0);
        let mut at = 0;
        while at < targets.len().min(weights.len()) {
            let same = |next: usize| {
                u32::from(targets[next]) == u32::from(targets[at]) + (next - at) as u32
                    && weights[next] == weights[at]
                    && delay(next) == delay(at)
            };
            let run = (at + 1..targets.len().min(weights.len()))
                .take_while(|next| same(*next))
                .count()
                + 1;
            let run = if run >= RUN { run } else { 1 };
            self.gap();
            self.range(i64::from(targets[at]), run);
            self.text.push(':');
            self.number(i64::from(weights[at]));
            self.delay(delay(at));
            at += run;
        }
        self.end();
    }

    fn dense(&mut self, segment: &Segment, weights: &[i16], delays: &[u8]) {
        self.open(format_args!(" first={} =", segment.first_lane));
        let delay = |at: usize| delays.get(at).copied().unwrap_or(0);
        let mut at = 0;
        while at < weights.len() {
            let same = |next: usize| weights[next] == weights[at] && delay(next) == delay(at);
            let run = (at + 1..weights.len())
                .take_while(|next| same(*next))
                .count()
                + 1;
            let run = if run >= RUN { run } else { 1 };
            self.gap();
            self.number(i64::from(weights[at]));
            self.delay(delay(at));
            self.repeat(run);
            at += run;
        }
        self.end();
    }

    fn delay(&mut self, delay: u8) {
        if delay > 0 {
            self.text.push('@');
            self.number(i64::from(delay));
        }
    }

    /// Lanes where few are set or they stand together, bits of 64 lanes elsewhere.
    fn crossbar(&mut self, row: &[u64]) {
        self.text.push_str(" =");
        for (at, word) in row.iter().enumerate() {
            let base = at as i64 * 64;
            let runs = (word & !(word << 1)).count_ones();
            if runs > 4 {
                self.gap();
                self.number(base);
                self.open(format_args!(":{word:#x}"));
                continue;
            }
            let mut rest = *word;
            while rest != 0 {
                let start = rest.trailing_zeros();
                let length = (!(rest >> start)).trailing_zeros();
                self.gap();
                self.range(base + i64::from(start), length as usize);
                rest = rest
                    .checked_shr(start + length)
                    .and_then(|r| r.checked_shl(start + length))
                    .unwrap_or(0);
            }
        }
        self.end();
    }
}

fn kind_name(kind: SynapseKind) -> &'static str {
    match kind {
        SynapseKind::Sparse => "sparse",
        SynapseKind::Dense => "dense",
        SynapseKind::Crossbar => "crossbar",
        SynapseKind::Shared => "shared",
    }
}

/// `count` entries from `at`, or what there is of them.
fn tail<T>(all: &[T], at: usize, count: usize) -> &[T] {
    all.get(at..)
        .map_or(&[], |rest| &rest[..count.min(rest.len())])
}

/// Names of constants and slots, where a name says which one is meant.
struct GroupNames<'g> {
    index: u32,
    constants: BTreeMap<&'g str, usize>,
    slots: BTreeMap<&'g str, usize>,
    group: &'g Group,
}

impl<'g> GroupNames<'g> {
    fn new(group: &'g Group) -> Self {
        let mut constants = BTreeMap::new();
        let mut slots = BTreeMap::new();
        for (at, (name, _)) in group.constants.iter().enumerate() {
            constants.entry(name.as_str()).or_insert(at);
        }
        for (at, slot) in group.slots.iter().enumerate() {
            slots.entry(slot.name.as_str()).or_insert(at);
        }
        GroupNames {
            index: 0,
            constants,
            slots,
            group,
        }
    }
}

impl Names for GroupNames<'_> {
    fn index(&self) -> u32 {
        self.index
    }

    fn constant(&self, index: u8) -> String {
        let named = self
            .group
            .constants
            .get(usize::from(index))
            .map(|(name, _)| name);
        let clear = |name: &&String| {
            is_bare(name)
                && !is_register(name)
                && self.constants.get(name.as_str()) == Some(&usize::from(index))
        };
        named
            .filter(clear)
            .cloned()
            .unwrap_or_else(|| format!("k{index}"))
    }

    fn slot(&self, index: u8) -> String {
        let named = self
            .group
            .slots
            .get(usize::from(index))
            .map(|slot| &slot.name);
        let clear = |name: &&String| {
            is_bare(name) && self.slots.get(name.as_str()) == Some(&usize::from(index))
        };
        named
            .filter(clear)
            .cloned()
            .unwrap_or_else(|| index.to_string())
    }
}
