//! Synapses: segments of an axon and their items.
//!
//! Invariant: an item is appended whole or not at all, so that counts and bulk vectors agree after a fault.

use crate::core::default_format;
use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{atom, expect_mark};
use crate::lexer::{Cursor, Kind, Token};
use crate::lists::{ListKind, OpenList, too_many};
use crate::parser::Parser;
use isa::image::{Pattern, Segment, SynapseFormat, SynapseKind};

impl Parser<'_> {
    pub(crate) fn sparse(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.segment(cursor, token, SynapseKind::Sparse)
    }

    pub(crate) fn dense(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.segment(cursor, token, SynapseKind::Dense)
    }

    pub(crate) fn crossbar(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.segment(cursor, token, SynapseKind::Crossbar)
    }

    /// `.sparse [group=0] [format=w8] = items`, with `first=` for dense ones.
    fn segment(&mut self, cursor: &mut Cursor<'_>, token: Token, kind: SynapseKind) -> Parse<()> {
        let keys: &[&str] = match kind {
            SynapseKind::Dense => &["group=", "format=", "first="],
            _ => &["group=", "format="],
        };
        let (mut group, mut format, mut first) = (0u8, None, 0u16);
        self.keys(cursor, keys, |parser, key, cursor| {
            match key {
                0 => group = parser.group_index(cursor)?,
                1 => format = Some(parser.format_index(cursor, kind)?),
                _ => first = parser.number(cursor, "first lane", 0, i64::from(u16::MAX))? as u16,
            }
            Ok(())
        })?;
        let format = match format {
            Some(format) => format,
            None => self.inferred_format(token, kind)?,
        };
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        let program = &mut core.program;
        let Some(target) = program.groups.get(usize::from(group)) else {
            return Err(
                Fault::new(code::NO_SUCH_GROUP, token.span(), "the core has no group")
                    .label("no target")
                    .help("declare groups before axons: `.group lif lanes=…`"),
            );
        };
        let lanes = target.lanes;
        let Some(axon) = program.axons.last_mut() else {
            return Ok(());
        };
        if axon.segments == u16::MAX {
            return Err(Fault::new(
                code::OUT_OF_RANGE,
                token.span(),
                "an axon has at most 65535 segments",
            ));
        }
        axon.segments += 1;
        program.segments.push(Segment {
            group,
            format,
            first_lane: first,
            count: 0,
        });
        if kind == SynapseKind::Crossbar {
            program
                .rows
                .resize(program.rows.len() + (lanes as usize).div_ceil(64), 0);
        }
        let format = program.formats[usize::from(format)];
        self.list = Some(OpenList::new(
            ListKind::Synapses(format, lanes),
            token.span(),
        ));
        self.first_items(cursor)
    }

    fn group_index(&self, cursor: &mut Cursor<'_>) -> Parse<u8> {
        let start = cursor.peek().start;
        let at = atom(cursor, &self.symbols)?;
        let count = self
            .core
            .as_ref()
            .map_or(0, |core| core.program.groups.len());
        if at < 0 || at >= count as i64 {
            return Err(Fault::new(
                code::NO_SUCH_GROUP,
                start..cursor.position(),
                format!("the core has no group {at}"),
            )
            .label(format!("it has {count}, numbered from 0")));
        }
        Ok(at as u8)
    }

    /// A format by name or number, of the right kind.
    fn format_index(&self, cursor: &mut Cursor<'_>, kind: SynapseKind) -> Parse<u8> {
        let token = cursor.peek();
        let Some(core) = &self.core else { return Ok(0) };
        let names = core.format_names.iter().map(String::as_str);
        let named = (token.kind == Kind::Name)
            .then(|| names.clone().position(|name| name == cursor.text(token)))
            .flatten();
        let at = match named {
            Some(at) => {
                cursor.take();
                at as i64
            }
            None if token.kind == Kind::Name
                && self.symbols.get(cursor.text(token), token.start).is_none() =>
            {
                -1
            }
            None => atom(cursor, &self.symbols)?,
        };
        let span = token.start..cursor.position().max(token.end);
        let written = cursor.text(token);
        match usize::try_from(at)
            .ok()
            .and_then(|at| core.program.formats.get(at))
        {
            Some(format) if format.kind == kind => Ok(at as u8),
            Some(_) => Err(Fault::new(
                code::NO_SUCH_FORMAT,
                span,
                format!("format `{written}` is of another kind"),
            )
            .label("wrong kind")
            .help("sparse, dense and crossbar segments need formats of their kind")),
            None => Err(Fault::new(
                code::NO_SUCH_FORMAT,
                span,
                format!("the core has no format `{written}`"),
            )
            .label("no such format")
            .help("declare it after `.core`: `.format w8 sparse signed weight=8`")
            .maybe_help(did_you_mean(written, names))),
        }
    }

    /// The only format of the kind; made by default if the core declares none.
    fn inferred_format(&mut self, token: Token, kind: SynapseKind) -> Parse<u8> {
        let Some(core) = &mut self.core else {
            return Ok(0);
        };
        let formats = &mut core.program.formats;
        let mut of_kind = formats
            .iter()
            .enumerate()
            .filter(|(_, format)| format.kind == kind)
            .map(|(at, _)| at);
        match (of_kind.next(), of_kind.next()) {
            (Some(at), None) => Ok(at as u8),
            (Some(_), Some(_)) => Err(Fault::new(
                code::NO_SUCH_FORMAT,
                token.span(),
                "the core has several formats of this kind",
            )
            .label("which one?")
            .help(format!(
                "name it: `format={}`",
                core.format_names.join("` or `format=")
            ))),
            (None, _) if formats.len() >= 256 => Err(Fault::new(
                code::OUT_OF_RANGE,
                token.span(),
                "a core has at most 256 formats",
            )),
            (None, _) => {
                formats.push(default_format(kind));
                core.format_names.push(format!("default{}", formats.len()));
                core.places.formats.push(token.span());
                Ok(formats.len() as u8 - 1)
            }
        }
    }

    /// `target:weight[@delay]` or `first..=last:weight[@delay]`.
    pub(crate) fn sparse_item(
        &mut self,
        cursor: &mut Cursor<'_>,
        format: SynapseFormat,
        lanes: u32,
    ) -> Parse<()> {
        let most = (i64::from(lanes) - 1).min((1 << format.index_bits.min(16)) - 1);
        let (low, high) = format.mantissa_range();
        let mantissas = i64::from(low)..=i64::from(high);
        let delays = 0..1i64 << format.delay_bits.min(8);
        let plain = cursor.take_synapse(|target, weight, delay| {
            (0..=most).contains(&target)
                && mantissas.contains(&weight)
                && delay.is_none_or(|delay| format.delay_bits > 0 && delays.contains(&delay))
        });
        if let Some((target, weight, delay)) = plain {
            if let Some((program, segment)) = self.segment_mut() {
                segment.count += 1;
                program.0.push(target as u16);
                program.1.push(weight as i16);
                if format.delay_bits > 0 {
                    program.2.push(delay as u8);
                }
            }
            return Ok(());
        }
        let (first, last, _) = self.range(cursor, "target lane", most)?;
        expect_mark(cursor, ":")?;
        let (weight, delay) = self.weight(cursor, format)?;
        let Some((program, segment)) = self.segment_mut() else {
            return Ok(());
        };
        let count = last - first + 1;
        segment.count += count;
        program.0.extend((first..=last).map(|target| target as u16));
        program.1.resize(program.1.len() + count as usize, weight);
        if format.delay_bits > 0 {
            program.2.resize(program.2.len() + count as usize, delay);
        }
        Ok(())
    }

    /// `.pattern [format=k] = lane:weight[@delay] …`, lanes counted from where a segment puts it.
    pub(crate) fn pattern(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let kind = SynapseKind::Shared;
        let mut format = None;
        self.keys(cursor, &["format="], |parser, _, cursor| {
            format = Some(parser.format_index(cursor, kind)?);
            Ok(())
        })?;
        let format = match format {
            Some(format) => format,
            None => self.inferred_format(token, kind)?,
        };
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        let program = &mut core.program;
        if !program.segments.is_empty() {
            let message = "a pattern after synapses of an axon";
            return Err(Fault::new(code::OUT_OF_ORDER, token.span(), message)
                .label("too late")
                .help("patterns stand before the axons of their core"));
        }
        if program.patterns.len() > usize::from(u16::MAX) {
            let message = "a core has at most 65536 patterns";
            return Err(Fault::new(code::OUT_OF_RANGE, token.span(), message));
        }
        program.patterns.push(Pattern { format, count: 0 });
        let format = program.formats[usize::from(format)];
        self.list = Some(OpenList::new(ListKind::Pattern(format), token.span()));
        self.first_items(cursor)
    }

    /// An item of a pattern.
    pub(crate) fn pattern_item(
        &mut self,
        cursor: &mut Cursor<'_>,
        format: SynapseFormat,
    ) -> Parse<()> {
        let most = (1 << format.index_bits.min(16)) - 1;
        let (first, last, _) = self.range(cursor, "lane of the pattern", most)?;
        expect_mark(cursor, ":")?;
        let (weight, delay) = self.weight(cursor, format)?;
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        let program = &mut core.program;
        let Some(pattern) = program.patterns.last_mut() else {
            return Ok(());
        };
        let count = last - first + 1;
        pattern.count += count;
        let lanes = (first..=last).map(|lane| lane as u16);
        program.targets.extend(lanes);
        let length = program.weights.len() + count as usize;
        program.weights.resize(length, weight);
        if format.delay_bits > 0 {
            let length = program.delays.len() + count as usize;
            program.delays.resize(length, delay);
        }
        Ok(())
    }

    /// `.shared [group=0] pattern=3 [first=0]`.
    pub(crate) fn shared(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let (mut group, mut pattern, mut first) = (0u8, None, 0u16);
        let keys = ["group=", "pattern=", "first="];
        self.keys(cursor, &keys, |parser, key, cursor| {
            match key {
                0 => group = parser.group_index(cursor)?,
                1 => {
                    let count = parser.core.as_ref().map_or(0, |c| c.program.patterns.len());
                    let most = count as i64 - 1;
                    if count == 0 {
                        let message = "the core has no patterns";
                        return Err(Fault::new(code::MISSING, token.span(), message)
                            .label("none to share")
                            .help("declare one before the axons: `.pattern = 0:5 1:-3`"));
                    }
                    pattern = Some(parser.number(cursor, "pattern", 0, most)? as u16);
                }
                _ => first = parser.number(cursor, "first lane", 0, i64::from(u16::MAX))? as u16,
            }
            Ok(())
        })?;
        let Some(pattern) = pattern else {
            let message = "`.shared` without its pattern";
            return Err(Fault::new(code::MISSING, token.span(), message)
                .label("which one?")
                .help("declare `.pattern = …` before the axons, and write `.shared pattern=0`"));
        };
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        let program = &mut core.program;
        if program.groups.get(usize::from(group)).is_none() {
            let fault = Fault::new(code::NO_SUCH_GROUP, token.span(), "the core has no group");
            return Err(fault
                .label("no target")
                .help("declare groups before axons: `.group lif lanes=…`"));
        }
        let Some(axon) = program.axons.last_mut() else {
            return Ok(());
        };
        if axon.segments == u16::MAX {
            let message = "an axon has at most 65535 segments";
            return Err(Fault::new(code::OUT_OF_RANGE, token.span(), message));
        }
        axon.segments += 1;
        let Pattern { format, count } = program.patterns[usize::from(pattern)];
        program.shared.push(pattern);
        program.segments.push(Segment {
            group,
            format,
            first_lane: first,
            count,
        });
        Ok(())
    }

    /// `weight[@delay][#count]`.
    pub(crate) fn dense_item(
        &mut self,
        cursor: &mut Cursor<'_>,
        format: SynapseFormat,
        lanes: u32,
    ) -> Parse<()> {
        let start = cursor.peek().start;
        let (weight, delay) = self.weight(cursor, format)?;
        let count = self.count(cursor)?;
        let Some((program, segment)) = self.segment_mut() else {
            return Ok(());
        };
        let room = i64::from(lanes) - i64::from(segment.first_lane) - i64::from(segment.count);
        if count as i64 > room {
            return Err(too_many(
                start..cursor.position(),
                room.max(0) as usize,
                "lanes left in the group",
            ));
        }
        segment.count += count as u32;
        program.1.resize(program.1.len() + count, weight);
        if format.delay_bits > 0 {
            program.2.resize(program.2.len() + count, delay);
        }
        Ok(())
    }

    /// The bulk vectors (targets, weights, delays) and the segment that grows.
    #[allow(clippy::type_complexity)]
    fn segment_mut(
        &mut self,
    ) -> Option<((&mut Vec<u16>, &mut Vec<i16>, &mut Vec<u8>), &mut Segment)> {
        let program = &mut self.core.as_mut()?.program;
        let segment = program.segments.last_mut()?;
        Some((
            (
                &mut program.targets,
                &mut program.weights,
                &mut program.delays,
            ),
            segment,
        ))
    }

    /// A mantissa in its format's range, and the delay after it.
    fn weight(&self, cursor: &mut Cursor<'_>, format: SynapseFormat) -> Parse<(i16, u8)> {
        let (least, most) = format.mantissa_range();
        let weight = self.item(cursor, "weight", i64::from(least), i64::from(most))? as i16;
        let at = cursor.peek();
        if !cursor.take_mark("@") {
            return Ok((weight, 0));
        }
        if format.delay_bits == 0 {
            return Err(Fault::new(
                code::NO_DELAY_FIELD,
                at.span(),
                "the format of this segment has no delays",
            )
            .label("a delay")
            .help("give the format a delay field: `.format … delay=3`"));
        }
        let most = (1i64 << format.delay_bits.min(8)) - 1;
        Ok((weight, self.item(cursor, "delay", 0, most)? as u8))
    }

    /// `lane`, `first..=last` or `first:bits`.
    pub(crate) fn crossbar_item(&mut self, cursor: &mut Cursor<'_>, lanes: u32) -> Parse<()> {
        let (first, last, span) = self.range(cursor, "lane", i64::from(lanes) - 1)?;
        let mut bits = 1u64;
        if cursor.take_mark(":") {
            bits = atom(cursor, &self.symbols)? as u64;
        }
        let span = span.start..cursor.position();
        let Some(core) = &mut self.core else {
            return Ok(());
        };
        let program = &mut core.program;
        let words = (lanes as usize).div_ceil(64);
        let start = program.rows.len().saturating_sub(words);
        let row = &mut program.rows[start..];
        let Some(segment) = program.segments.last_mut() else {
            return Ok(());
        };
        let targets = (first..=last).flat_map(|base| {
            (0..64)
                .filter(move |bit| bits >> bit & 1 != 0)
                .map(move |bit| base + bit)
        });
        for lane in targets {
            if lane >= lanes {
                return Err(Fault::new(
                    code::OUT_OF_RANGE,
                    span,
                    format!("lane {lane} is out of range"),
                )
                .label(format!("the group has {lanes} lanes")));
            }
            let word = &mut row[lane as usize / 64];
            if *word >> (lane % 64) & 1 != 0 {
                return Err(Fault::new(
                    code::REPEATED_LANE,
                    span,
                    format!("lane {lane} is in this row already"),
                )
                .label("second time")
                .help("a crossbar has one synapse for each axon and lane"));
            }
            *word |= 1 << (lane % 64);
            segment.count += 1;
        }
        Ok(())
    }
}
