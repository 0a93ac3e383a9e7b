//! Lists: items after `=` (or `->`), on the directive's line and on the lines after it.
//!
//! Invariant: an item is appended whole or not at all, so that counts and bulk vectors agree after a fault.

use crate::diagnostic::{Fault, Parse, code};
use crate::expr::{expect_mark, one_of, unexpected};
use crate::lexer::{Cursor, Kind};
use crate::parser::Parser;
use isa::ids::NeuronId;
use isa::image::{Dest, HOST, SynapseFormat, SynapseKind};
use std::ops::Range;

/// A list that the next line may continue.
pub(crate) struct OpenList {
    pub(crate) kind: ListKind,
    /// Where it was opened.
    span: Range<usize>,
    /// An item was faulty: the length means nothing.
    faulty: bool,
}

/// What the items are, and what they need.
pub(crate) enum ListKind {
    /// The directive was faulty; what follows is skipped.
    Faulty,
    /// Initial values of a slot.
    Slot(usize, Vec<i32>),
    /// Entries of the last table.
    Table,
    /// Logical ids of the group.
    Ids,
    /// Neurons of the last probe.
    Neurons,
    /// Destinations of the last lane.
    LaneDests,
    /// Destinations of the last input element.
    ElementDests,
    /// Synapses of the last segment.
    Synapses(SynapseFormat, u32),
    /// Synapses of the last pattern.
    Pattern(SynapseFormat),
}

impl OpenList {
    pub(crate) fn new(kind: ListKind, span: Range<usize>) -> Self {
        OpenList {
            kind,
            span,
            faulty: false,
        }
    }
}

/// Most entries of a table.
const MOST_TABLE: usize = 256;
/// Most neurons of a probe: a run of ids must not fill the memory.
const MOST_PROBE: usize = 1 << 26;

impl Parser<'_> {
    /// `= items`, or nothing.
    pub(crate) fn first_items(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        if cursor.peek().kind == Kind::End {
            return Ok(());
        }
        expect_mark(cursor, "=")?;
        self.items(cursor)
    }

    /// `-> destinations`, or nothing.
    pub(crate) fn dest_items(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        match cursor.peek().kind {
            Kind::End => Ok(()),
            _ => self.items(cursor),
        }
    }

    /// The items of one line.
    pub(crate) fn items(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let Some(mut list) = self.list.take() else {
            return Ok(());
        };
        let result = self.items_of(&mut list.kind, cursor);
        list.faulty |= result.is_err();
        self.list = Some(list);
        result
    }

    fn items_of(&mut self, list: &mut ListKind, cursor: &mut Cursor<'_>) -> Parse<()> {
        match list {
            ListKind::Faulty => {
                while cursor.take().kind != Kind::End {}
                return Ok(());
            }
            ListKind::LaneDests | ListKind::ElementDests => {
                let lane = matches!(list, ListKind::LaneDests);
                expect_mark(cursor, "->")?;
                let mut joined = cursor.take_mark("+");
                loop {
                    let start = cursor.peek().start;
                    let dest = Dest {
                        joined,
                        ..self.dest(cursor)?
                    };
                    self.add_dest(lane, dest, start..cursor.position())?;
                    joined = cursor.take_mark("+");
                    if !joined && !cursor.take_mark(",") {
                        return Ok(());
                    }
                }
            }
            _ => {}
        }
        while cursor.peek().kind != Kind::End {
            match list {
                ListKind::Slot(_, values) => {
                    let lanes = self
                        .group
                        .as_ref()
                        .map_or(1, |group| group.group.lanes as usize);
                    let (value, count) =
                        self.repeated(cursor, lanes.saturating_sub(values.len()), "lanes")?;
                    values.resize(values.len() + count, value);
                }
                ListKind::Table => {
                    let before = self
                        .group
                        .as_ref()
                        .and_then(|g| g.group.tables.last())
                        .map_or(0, Vec::len);
                    let (value, count) =
                        self.repeated(cursor, MOST_TABLE.saturating_sub(before), "table entries")?;
                    if let Some(table) = self.group.as_mut().and_then(|g| g.group.tables.last_mut())
                    {
                        table.resize(before + count, value);
                    }
                }
                ListKind::Ids => {
                    let (first, last, span) =
                        self.range(cursor, "logical id", i64::from(u32::MAX >> 1))?;
                    let Some(group) = &mut self.group else {
                        return Ok(());
                    };
                    let room = (group.group.lanes as usize).saturating_sub(group.ids.len());
                    if (last - first) as usize >= room {
                        return Err(too_many(span, group.group.lanes as usize, "lanes"));
                    }
                    group.ids.extend((first..=last).map(NeuronId));
                }
                ListKind::Neurons => {
                    let (first, last, span) =
                        self.range(cursor, "logical id", i64::from(u32::MAX >> 1))?;
                    let Some(probe) = self.draft.image.probes.last_mut() else {
                        return Ok(());
                    };
                    if (last - first) as usize >= MOST_PROBE.saturating_sub(probe.neurons.len()) {
                        return Err(too_many(span, MOST_PROBE, "neurons of a probe"));
                    }
                    probe.neurons.extend((first..=last).map(NeuronId));
                }
                ListKind::Synapses(format, lanes) => match format.kind {
                    SynapseKind::Sparse => self.sparse_item(cursor, *format, *lanes)?,
                    SynapseKind::Dense => self.dense_item(cursor, *format, *lanes)?,
                    SynapseKind::Crossbar => self.crossbar_item(cursor, *lanes)?,
                    // A shared segment has no list: `.shared` ends with its keys.
                    SynapseKind::Shared => return Ok(()),
                },
                ListKind::Pattern(format) => self.pattern_item(cursor, *format)?,
                ListKind::Faulty | ListKind::LaneDests | ListKind::ElementDests => return Ok(()),
            }
            cursor.take_mark(",");
        }
        Ok(())
    }

    /// Checks and stores what a list needs as a whole.
    pub(crate) fn close_list(&mut self) {
        let Some(list) = self.list.take() else {
            return;
        };
        let (empty, what, help) = match list.kind {
            ListKind::Slot(at, values) => {
                return self.close_slot(at, values, list.span, list.faulty);
            }
            ListKind::Table => {
                let table = self.group.as_ref().and_then(|g| g.group.tables.last());
                let empty = table.is_some_and(Vec::is_empty);
                (empty, "a table without entries", "write `.table = 1 2 3`")
            }
            ListKind::Synapses(..) => {
                let segment = self.core.as_ref().and_then(|c| c.program.segments.last());
                let empty = segment.is_some_and(|segment| segment.count == 0);
                (empty, "a list without synapses", "leave the directive out")
            }
            ListKind::Pattern(_) => {
                let pattern = self.core.as_ref().and_then(|c| c.program.patterns.last());
                let empty = pattern.is_some_and(|pattern| pattern.count == 0);
                (
                    empty,
                    "a pattern without synapses",
                    "list them: `= 0:5 1:-3`",
                )
            }
            ListKind::Neurons => {
                let probe = self.draft.image.probes.last();
                let empty = probe.is_some_and(|probe| probe.neurons.is_empty());
                (empty, "a probe without neurons", "list them: `= 0..=9`")
            }
            _ => return,
        };
        if empty && !list.faulty {
            self.faults.push(
                Fault::new(code::LIST_LENGTH, list.span, what)
                    .label("empty")
                    .help(help),
            );
        }
    }

    fn close_slot(&mut self, at: usize, mut values: Vec<i32>, span: Range<usize>, faulty: bool) {
        let Some(group) = &mut self.group else { return };
        let lanes = group.group.lanes as usize;
        if values.is_empty() {
            return;
        }
        if values.iter().all(|value| *value == values[0])
            && (values.len() == 1 || values.len() == lanes)
        {
            values.truncate(1);
        } else if values.len() != lanes && !faulty {
            self.faults.push(
                Fault::new(
                    code::LIST_LENGTH,
                    span,
                    format!("{} values for {lanes} lanes", values.len()),
                )
                .label("one value for all lanes, or one for each")
                .help("`value#count` repeats a value"),
            );
            return;
        }
        group.group.slots[at].init = values;
    }

    /// `value` or `value#count`, at most `room` of them.
    fn repeated(&self, cursor: &mut Cursor<'_>, room: usize, what: &str) -> Parse<(i32, usize)> {
        let start = cursor.peek().start;
        let value = self.item(cursor, "value", i64::from(i32::MIN), i64::from(i32::MAX))? as i32;
        let count = self.count(cursor)?;
        if count > room {
            return Err(too_many(start..cursor.position(), room, what));
        }
        Ok((value, count))
    }

    /// `#count`, or 1.
    pub(crate) fn count(&self, cursor: &mut Cursor<'_>) -> Parse<usize> {
        if cursor.take_mark("#") {
            self.item(cursor, "count", 1, i64::from(u32::MAX))
                .map(|count| count as usize)
        } else {
            Ok(1)
        }
    }

    /// `first..=last` or one number, not above `most`.
    pub(crate) fn range(
        &self,
        cursor: &mut Cursor<'_>,
        what: &str,
        most: i64,
    ) -> Parse<(u32, u32, Range<usize>)> {
        let start = cursor.peek().start;
        let first = self.item(cursor, what, 0, most)?;
        let last = if cursor.take_mark("..=") {
            self.item(cursor, what, first, most)?
        } else {
            first
        };
        Ok((first as u32, last as u32, start..cursor.position()))
    }

    /// `core 1 axon 2 [delay 3]` or `host 0 element 1 [delay 3]`.
    fn dest(&mut self, cursor: &mut Cursor<'_>) -> Parse<Dest> {
        let token = cursor.peek();
        if token.kind != Kind::Name {
            return Err(unexpected(cursor, token, "`core` or `host`"));
        }
        let host = one_of(cursor, &["core", "host"])? == 1;
        let (what, part) = if host {
            ("host port", "element")
        } else {
            ("core", "axon")
        };
        let target = self.item(cursor, what, 0, i64::from(HOST) - 1)? as u32;
        one_of(cursor, &[part])?;
        let axon = self.item(cursor, part, 0, i64::from(HOST) - 1)? as u32;
        let mut delay = 0;
        if cursor.peek().kind == Kind::Name {
            one_of(cursor, &["delay"])?;
            delay = self.item(cursor, "delay", 0, 255)? as u8;
        }
        Ok(Dest {
            target: if host { target | HOST } else { target },
            axon,
            delay,
            joined: false,
        })
    }

    fn add_dest(&mut self, lane: bool, dest: Dest, span: Range<usize>) -> Parse<()> {
        let program = self.core.as_ref().map(|core| &core.program);
        let first = program.is_none_or(|p| p.dest_counts.last() == Some(&0));
        if dest.joined && (first || !lane) {
            let what = if lane {
                "the first destination of a lane has none before it to join"
            } else {
                "the host sends one packet to each destination"
            };
            return Err(Fault::new(code::OUT_OF_RANGE, span, what)
                .help("a comma separates packets; `+` joins a core to the packet before it"));
        }
        if !lane {
            if let Some(count) = self.draft.image.io.input_dest_counts.last_mut() {
                *count = count.saturating_add(1);
                self.draft.image.io.input_dests.push(dest);
            }
            return Ok(());
        }
        let Some(program) = self.core.as_mut().map(|core| &mut core.program) else {
            return Ok(());
        };
        match program.dest_counts.last_mut() {
            Some(count) if *count < u16::MAX => {
                *count += 1;
                program.dests.push(dest);
                Ok(())
            }
            _ => Err(Fault::new(
                code::OUT_OF_RANGE,
                span,
                "a lane has at most 65535 destinations",
            )),
        }
    }
}

pub(crate) fn too_many(span: Range<usize>, room: usize, what: &str) -> Fault {
    Fault::new(code::LIST_LENGTH, span, "the list is too long")
        .label(format!("room for {room} {what}"))
}
