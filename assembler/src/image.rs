//! Directives of the image as a whole: where it was made for, populations, inputs, outputs, probes.
//!
//! Invariant: element numbers of inputs and first elements of spike outputs follow from the order; none is written.

use crate::core::CorePlaces;
use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{expect_mark, expression, one_of, unexpected};
use crate::kernels::DT;
use crate::lexer::{Cursor, Kind, Token};
use crate::lists::{ListKind, OpenList};
use crate::parser::Parser;
use isa::image::{
    Image, InputPort, Io, Meta, OutputPort, OutputSource, Population, Probe, Readout,
};
use isa::verify::Violation;
use std::ops::Range;

/// Most elements of all inputs together: each takes memory here, whatever is written for it.
const MOST_INPUT_ELEMENTS: u64 = 1 << 26;
/// Most elements of all outputs together (`specs/image.md`).
const MOST_OUTPUT_ELEMENTS: u64 = 1 << 31;

/// The image under construction.
pub(crate) struct ImageDraft {
    pub(crate) image: Image,
    pub(crate) places: Places,
    /// Logical id that the next lane gets by default.
    pub(crate) next_id: u32,
    /// Elements of the inputs before the last one, and of all.
    elements: (u32, u32),
    /// Element of the last input that the next `.element` means.
    next_element: u32,
    /// Elements of the spike outputs so far.
    spike_elements: u32,
    /// Outputs that name a probe: (output, probe, where).
    probes_named: Vec<(usize, String, Range<usize>)>,
    given: Vec<&'static str>,
}

/// Where the parts of the image stand.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) cores: Vec<CorePlaces>,
    populations: Vec<Range<usize>>,
    pub(crate) inputs: Vec<Range<usize>>,
    outputs: Vec<Range<usize>>,
    probes: Vec<Range<usize>>,
}

impl Default for ImageDraft {
    fn default() -> Self {
        ImageDraft {
            image: Image {
                meta: Meta {
                    network: String::new(),
                    chip: String::new(),
                    limits: [0; 32],
                },
                cores: Vec::new(),
                io: Io {
                    model_dt_s: 0.0,
                    drain: 0,
                    inputs: Vec::new(),
                    input_dest_counts: Vec::new(),
                    input_dests: Vec::new(),
                    outputs: Vec::new(),
                },
                populations: Vec::new(),
                probes: Vec::new(),
            },
            places: Places::default(),
            next_id: 0,
            elements: (0, 0),
            next_element: 0,
            spike_elements: 0,
            probes_named: Vec::new(),
            given: Vec::new(),
        }
    }
}

impl Parser<'_> {
    /// A directive that may stand once.
    fn once(&mut self, name: &'static str, token: Token) -> Parse<()> {
        if self.draft.given.contains(&name) {
            return Err(Fault::new(
                code::REPEATED,
                token.span(),
                format!("`{name}` stands twice"),
            )
            .label("second time"));
        }
        self.draft.given.push(name);
        Ok(())
    }

    /// `.image network=hello chip=tiny limits="…"`.
    pub(crate) fn image(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.once(".image", token)?;
        let mut limits = None;
        self.keys(
            cursor,
            &["network=", "chip=", "limits="],
            |parser, key, cursor| {
                match key {
                    0 => parser.draft.image.meta.network = parser.text_value(cursor)?,
                    1 => parser.draft.image.meta.chip = parser.text_value(cursor)?,
                    _ => {
                        let token = cursor.peek();
                        let digits = parser.text_value(cursor)?;
                        limits = Some(digest(&digits).ok_or_else(|| {
                            Fault::new(code::BAD_NUMBER, token.span(), "`limits` is not a digest")
                                .label("expected 64 hexadecimal digits in quotes")
                                .help("leave it out: the digest of a preset chip is filled in")
                        })?);
                    }
                }
                Ok(())
            },
        )?;
        let meta = &mut self.draft.image.meta;
        meta.limits = limits.unwrap_or_else(|| preset_limits(&meta.chip));
        Ok(())
    }

    /// `.dt 0.001`.
    pub(crate) fn dt(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.once(".dt", token)?;
        let dt_s = cursor.take_float()?;
        self.draft.image.io.model_dt_s = dt_s;
        if dt_s > 0.0 {
            self.symbols.reals.insert(DT.to_owned(), dt_s);
        }
        Ok(())
    }

    /// `.drain 3`.
    pub(crate) fn drain(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.once(".drain", token)?;
        self.draft.image.io.drain = self.number(cursor, "drain", 0, i64::from(u32::MAX))? as u32;
        Ok(())
    }

    /// `.population exc count=100 depth=1`.
    pub(crate) fn population(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = self.text_value(cursor)?;
        let (mut count, mut depth) = (None, 0);
        let first = self
            .draft
            .image
            .populations
            .last()
            .map_or(0, |last| last.first + last.count);
        self.keys(cursor, &["count=", "depth="], |parser, key, cursor| {
            match key {
                0 => {
                    count = Some(parser.number(
                        cursor,
                        "count",
                        0,
                        i64::from(u32::MAX >> 1) - i64::from(first),
                    )? as u32)
                }
                _ => depth = parser.number(cursor, "depth", 0, i64::from(u32::MAX))? as u32,
            }
            Ok(())
        })?;
        let count = count.ok_or_else(|| missing(token, ".population", "count="))?;
        self.draft.image.populations.push(Population {
            name,
            first,
            count,
            depth,
        });
        self.draft
            .places
            .populations
            .push(token.start..cursor.position());
        Ok(())
    }

    /// `.input pixels shape=[28, 28] port=0 graded`.
    pub(crate) fn input(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = self.text_value(cursor)?;
        let mut shape = None;
        let (mut port, mut graded) = (0, false);
        self.keys(
            cursor,
            &["shape=", "port=", "graded"],
            |parser, key, cursor| {
                match key {
                    0 => shape = Some(parser.shape(cursor)?),
                    1 => port = parser.number(cursor, "port", 0, i64::from(u16::MAX))? as u16,
                    _ => graded = true,
                }
                Ok(())
            },
        )?;
        let (shape, elements) = shape.ok_or_else(|| missing(token, ".input", "shape="))?;
        let io = &mut self.draft.image.io;
        let first = self.draft.elements.1;
        let last = sum_elements(first, elements, MOST_INPUT_ELEMENTS, token, cursor)?;
        io.inputs.push(InputPort {
            name,
            shape,
            port,
            graded,
        });
        io.input_dest_counts.resize(first as usize, 0);
        self.draft.elements = (first, last);
        self.draft.next_element = 0;
        self.draft
            .places
            .inputs
            .push(token.start..cursor.position());
        Ok(())
    }

    /// `.element [index] -> core 0 axon 1`.
    pub(crate) fn element(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let (first, last) = self.draft.elements;
        let (element, span) = self.index(
            cursor,
            token,
            "element",
            self.draft.next_element,
            last - first,
        )?;
        // Elements that are passed over have no destinations.
        self.draft
            .image
            .io
            .input_dest_counts
            .resize((first + element + 1) as usize, 0);
        self.draft.next_element = element + 1;
        self.list = Some(OpenList::new(ListKind::ElementDests, span));
        self.dest_items(cursor)
    }

    /// `.output class shape=[10] depth=2 readout=count`, with `probe=name` for values.
    pub(crate) fn output(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = self.text_value(cursor)?;
        let (mut shape, mut depth, mut readout, mut probe) = (None, 0, None, None);
        self.keys(
            cursor,
            &["shape=", "depth=", "readout=", "probe="],
            |parser, key, cursor| {
                match key {
                    0 => shape = Some(parser.shape(cursor)?),
                    1 => depth = parser.number(cursor, "depth", 0, i64::from(u32::MAX))? as u32,
                    2 => {
                        let all = [Readout::Count, Readout::Last, Readout::Max, Readout::First];
                        readout = Some(all[one_of(cursor, &["count", "last", "max", "first"])?]);
                    }
                    _ => probe = Some(parser.probe_reference(cursor)?),
                }
                Ok(())
            },
        )?;
        let (shape, elements) = shape.ok_or_else(|| missing(token, ".output", "shape="))?;
        let source = match &probe {
            Some(ProbeReference::Number(index)) => OutputSource::Probe(*index),
            Some(ProbeReference::Name(..)) => OutputSource::Probe(0),
            None => {
                let first = self.draft.spike_elements;
                self.draft.spike_elements =
                    sum_elements(first, elements, MOST_OUTPUT_ELEMENTS, token, cursor)?;
                OutputSource::Spikes { first }
            }
        };
        let outputs = &mut self.draft.image.io.outputs;
        if let Some(ProbeReference::Name(name, span)) = probe {
            self.draft.probes_named.push((outputs.len(), name, span));
        }
        let default = if matches!(source, OutputSource::Probe(_)) {
            Readout::Last
        } else {
            Readout::Count
        };
        outputs.push(OutputPort {
            name,
            shape,
            depth,
            readout: readout.unwrap_or(default),
            source,
        });
        self.draft
            .places
            .outputs
            .push(token.start..cursor.position());
        Ok(())
    }

    fn probe_reference(&mut self, cursor: &mut Cursor<'_>) -> Parse<ProbeReference> {
        let token = cursor.peek();
        match token.kind {
            Kind::Name | Kind::Text => {
                Ok(ProbeReference::Name(self.text_value(cursor)?, token.span()))
            }
            _ => Ok(ProbeReference::Number(
                self.number(cursor, "probe", 0, i64::from(u32::MAX))? as u32,
            )),
        }
    }

    /// `.probe v_out slot=v = 0..=9`.
    pub(crate) fn probe(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = self.text_value(cursor)?;
        let mut slot = None;
        self.keys(cursor, &["slot="], |parser, _, cursor| {
            slot = Some(parser.text_value(cursor)?);
            Ok(())
        })?;
        let slot = slot.ok_or_else(|| missing(token, ".probe", "slot="))?;
        self.draft.image.probes.push(Probe {
            name,
            slot,
            neurons: Vec::new(),
        });
        self.draft
            .places
            .probes
            .push(token.start..cursor.position());
        self.list = Some(OpenList::new(ListKind::Neurons, token.span()));
        self.first_items(cursor)
    }

    /// `[2, 28, 28]`, and the number of its elements.
    fn shape(&mut self, cursor: &mut Cursor<'_>) -> Parse<(Vec<u32>, u64)> {
        expect_mark(cursor, "[")?;
        let mut shape = Vec::new();
        let mut elements = 1u64;
        while !cursor.take_mark("]") {
            let token = cursor.peek();
            if token.kind == Kind::End || shape.len() >= 16 {
                return Err(unexpected(cursor, token, "`]`"));
            }
            let extent = expression(cursor, &self.symbols)?;
            let extent = crate::operands::in_range(
                extent,
                "extent",
                1,
                i64::from(u32::MAX),
                token.start..cursor.position(),
            )?;
            shape.push(extent as u32);
            elements = elements.saturating_mul(extent as u64);
            cursor.take_mark(",");
        }
        Ok((shape, elements))
    }

    /// Brings the image into its canonical order and resolves what was named ahead.
    pub(crate) fn finish_image(&mut self) {
        let draft = &mut self.draft;
        draft
            .image
            .io
            .input_dest_counts
            .resize(draft.elements.1 as usize, 0);
        draft.image.cores.sort_by_key(|core| core.core);
        let lanes: usize = draft
            .image
            .cores
            .iter()
            .map(|core| core.lane_ids.len())
            .sum();
        if draft.image.populations.is_empty() && lanes > 0 {
            let count = u32::try_from(lanes).unwrap_or(u32::MAX);
            draft.image.populations.push(Population {
                name: "neurons".to_owned(),
                first: 0,
                count,
                depth: 0,
            });
        }
        for (output, name, span) in std::mem::take(&mut draft.probes_named) {
            let probes = &draft.image.probes;
            match probes.iter().position(|probe| probe.name == name) {
                Some(at) => draft.image.io.outputs[output].source = OutputSource::Probe(at as u32),
                None => self.faults.push(
                    Fault::new(
                        code::NO_SUCH_PROBE,
                        span,
                        format!("there is no probe `{name}`"),
                    )
                    .label("no such probe")
                    .help(format!("declare it: `.probe {name} slot=v = 0..=9`"))
                    .maybe_help(did_you_mean(
                        &name,
                        probes.iter().map(|probe| probe.name.as_str()),
                    )),
                ),
            }
        }
    }

    /// A broken rule of the whole image, at the best place known.
    pub(crate) fn structural(&mut self, violation: &Violation) {
        let span = self.draft.places.find(&violation.place);
        let message = format!("{}: {}", violation.place, violation.what);
        let fault = Fault::new(code::STRUCTURE, span, message).label("described here");
        self.faults.push(if violation.remedy.is_empty() {
            fault
        } else {
            fault.help(violation.remedy.clone())
        });
    }
}

impl Places {
    /// Where `core 3 group 1 update instruction 4` or the like stands: as many of its words as are known.
    pub(crate) fn find(&self, place: &str) -> Range<usize> {
        let mut words = place
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .peekable();
        let mut best = 0..0;
        let mut core: Option<&CorePlaces> = None;
        let mut group = None;
        let mut handler = None;
        while let Some(word) = words.next() {
            let number = words.peek().and_then(|next| next.parse::<usize>().ok());
            match word {
                "update" => handler = Some(0),
                "on_spike" => handler = Some(1),
                _ => {}
            }
            let Some(at) = number else { continue };
            let found = match word {
                "core" => {
                    core = self.cores.iter().find(|core| core.core.0 as usize == at);
                    core.map(|core| core.span.clone())
                }
                "group" => {
                    group = Some(at);
                    core.and_then(|core| core.groups.get(at).cloned())
                }
                "axon" => core.and_then(|core| core.axons.get(at).cloned()),
                "instruction" => {
                    let lists = core
                        .zip(group)
                        .and_then(|(core, group)| core.handlers.get(group));
                    lists
                        .zip(handler)
                        .and_then(|(lists, which): (_, usize)| lists[which].get(at).cloned())
                }
                "population" => self.populations.get(at).cloned(),
                "input" => self.inputs.get(at).cloned(),
                "output" => self.outputs.get(at).cloned(),
                "probe" => self.probes.get(at).cloned(),
                _ => None,
            };
            best = found.unwrap_or(best);
        }
        best
    }
}

enum ProbeReference {
    Number(u32),
    Name(String, Range<usize>),
}

fn missing(token: Token, directive: &str, key: &str) -> Fault {
    Fault::new(
        code::MISSING,
        token.span(),
        format!("`{directive}` without `{key}`"),
    )
    .label(format!("`{key}` is missing"))
}

fn sum_elements(
    before: u32,
    elements: u64,
    most: u64,
    token: Token,
    cursor: &Cursor<'_>,
) -> Parse<u32> {
    let sum = elements.saturating_add(u64::from(before));
    u32::try_from(sum)
        .ok()
        .filter(|_| sum <= most)
        .ok_or_else(|| {
            Fault::new(
                code::OUT_OF_RANGE,
                token.start..cursor.position(),
                format!("{sum} elements are too many"),
            )
            .label(format!("at most {most} together"))
        })
}

/// 64 hexadecimal digits.
fn digest(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Digest of the limits of a preset chip; zeros for other names.
fn preset_limits(chip: &str) -> [u8; 32] {
    let preset = isa::chip::ChipSpec::preset(chip).and_then(Result::ok);
    preset.map_or([0; 32], |chip| chip.limits_digest())
}
