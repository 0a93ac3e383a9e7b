//! Chip-independent rules of one core: groups, formats, axons, segments and their bulk arrays.
//!
//! Invariant: arrays are read only after the counts that index them have been checked.

use super::{MAX_LANES, Scope};
use crate::ids::INPUT_ID;
use crate::image::{
    Axon, CoreProgram, Group, HOST, Pattern, Segment, SegmentOffsets, Slot, SynapseFormat,
    SynapseKind,
};
use crate::op::Handler;
use crate::verify::handler::{self, HANDLER_WORDS};
use crate::verify::report::{Report, is_identifier, shown};
use std::collections::BTreeSet;
use std::fmt;

/// Groups, and formats, that a segment can name.
const MAX_NAMED: usize = 256;
/// Most input axons of a core.
const MAX_AXONS: usize = 1 << 20;
/// Most synapses of a segment: ordinals of synaptic draws have 20 bits.
const MAX_SEGMENT: u32 = 1 << 20;
/// Most patterns: their index has 16 bits.
const MAX_PATTERNS: usize = 1 << 16;
/// Most synapses of all shared segments of a core: a few bytes of the file must not stand for more than an engine can hold.
const MAX_SHARED: u64 = 1 << 24;
/// Most constants, slots, tables and table entries of a group: widths of the instruction fields.
const MAX_CONSTANTS: usize = 32;
const MAX_SLOTS: usize = 256;
const MAX_TABLES: usize = 4;
const MAX_TABLE_ENTRIES: usize = 256;

/// All rules of one core.
pub(super) fn check(core: &CoreProgram, scope: &Scope, report: &mut Report) {
    let place = format!("core {}", core.core.0);
    report.need(
        core.core.0 & HOST == 0,
        &place,
        "core ids have 31 bits",
        "number cores as the chip does",
    );
    let groups = core.groups.len();
    report.need(
        (1..=MAX_NAMED).contains(&groups),
        &place,
        format_args!("{groups} groups"),
        format_args!("1 to {MAX_NAMED}; leave an empty core out"),
    );
    for (index, group) in core.groups.iter().enumerate() {
        check_group(&format!("{place} group {index}"), group, report);
    }
    lanes(&place, core, report);
    let before = report.broken();
    let formats = core.formats.len();
    report.need(
        formats <= MAX_NAMED,
        &place,
        format_args!("{formats} synapse formats"),
        format_args!("at most {MAX_NAMED}"),
    );
    for (index, format) in core.formats.iter().enumerate() {
        check_format(&format!("{place} format {index}"), format, report);
    }
    patterns(&place, core, report);
    axons(&place, core, scope, report);
    segments(&place, core, report);
    if report.broken() == before && array_lengths(&place, core, report) {
        synapses(core, report);
    }
}

fn lanes(place: &str, core: &CoreProgram, report: &mut Report) {
    let lanes: u64 = core.groups.iter().map(|group| u64::from(group.lanes)).sum();
    report.need(
        lanes <= MAX_LANES,
        place,
        format_args!("{lanes} lanes; a core has at most {MAX_LANES}"),
        "use more cores",
    );
    let (ids, counts) = (core.lane_ids.len(), core.dest_counts.len());
    let what = format_args!("{ids} lane ids for the {lanes} lanes of its groups");
    report.need(
        ids as u64 == lanes,
        place,
        what,
        "give one id for each lane",
    );
    let what = format_args!("{counts} destination numbers for the {lanes} lanes of its groups");
    report.need(
        counts as u64 == lanes,
        place,
        what,
        "give one for each lane, 0 for none",
    );
    let sum: u64 = core.dest_counts.iter().map(|&n| u64::from(n)).sum();
    let what = format_args!(
        "the destination numbers add up to {sum}; {} destinations are listed",
        core.dests.len()
    );
    report.need(
        sum == core.dests.len() as u64,
        place,
        what,
        "list as many destinations as the lanes have",
    );
}

fn check_group(place: &str, group: &Group, report: &mut Report) {
    let what = format_args!("{} is not a kernel name", shown(&group.kernel));
    report.need(
        is_identifier(&group.kernel),
        place,
        what,
        "name a kernel of the library, or write `custom`",
    );
    report.need(
        group.lanes > 0,
        place,
        "has no lanes",
        "leave the group out",
    );
    let range = format_args!("{} receptors; a group has 1 to 4", group.receptors);
    report.need(
        (1..=4).contains(&group.receptors),
        place,
        range,
        "one for each kind of synaptic input",
    );
    let range = format_args!(
        "accumulators of {} bits; 2 to 32 are possible",
        group.accumulator_bits
    );
    report.need(
        (2..=32).contains(&group.accumulator_bits),
        place,
        range,
        "choose a width that the chip has",
    );

    let count =
        |n: usize, most: usize, name: &str| format!("{n} {name}; a group has at most {most}");
    let (constants, slots, tables) = (group.constants.len(), group.slots.len(), group.tables.len());
    report.need(
        constants <= MAX_CONSTANTS,
        place,
        count(constants, MAX_CONSTANTS, "constants"),
        "keep some in state slots",
    );
    report.need(
        slots <= MAX_SLOTS,
        place,
        count(slots, MAX_SLOTS, "state slots"),
        "split the group",
    );
    report.need(
        tables <= MAX_TABLES,
        place,
        count(tables, MAX_TABLES, "tables"),
        "join tables",
    );

    let mut seen = BTreeSet::new();
    for (index, (name, _)) in group.constants.iter().enumerate() {
        report.identifier(format_args!("{place} constant {index}"), name, &mut seen);
    }
    let mut seen = BTreeSet::new();
    for (index, slot) in group.slots.iter().enumerate() {
        let place = format_args!("{place} slot {index}");
        report.identifier(place, &slot.name, &mut seen);
        check_slot(place, slot, group.lanes, report);
    }
    for (index, table) in group.tables.iter().enumerate() {
        let what = format_args!("{} entries", table.len());
        let remedy = format_args!("1 to {MAX_TABLE_ENTRIES}");
        report.need(
            (1..=MAX_TABLE_ENTRIES).contains(&table.len()),
            format_args!("{place} table {index}"),
            what,
            remedy,
        );
    }
    check_handler(place, &group.update, Handler::Update, group, report);
    check_handler(place, &group.on_spike, Handler::OnSpike, group, report);
}

fn check_handler(place: &str, words: &[u32], handler: Handler, group: &Group, report: &mut Report) {
    let faults = match words.len() {
        // Not read any further: a hostile image could have very many.
        n if n > HANDLER_WORDS => {
            let what = format_args!(
                "{n} instructions in {}; at most {HANDLER_WORDS}",
                handler.name()
            );
            return report.add(place, what, "split the handler, or use tables");
        }
        _ => handler::check(words, handler, group),
    };
    report.first(
        faults.iter(),
        |fault| format!("{place} {} instruction {}", handler.name(), fault.index),
        |fault| fault.what.clone(),
        "see specs/isa.md",
    );
}

fn check_slot(place: fmt::Arguments<'_>, slot: &Slot, lanes: u32, report: &mut Report) {
    let bits = slot.bits;
    if !report.need(
        (1..=32).contains(&bits),
        place,
        format_args!("{bits} bits; 1 to 32 are possible"),
        "choose a width that the chip has",
    ) {
        return;
    }
    let n = slot.init.len();
    let what = format_args!("{n} initial values for {lanes} lanes");
    if report.need(
        n == 1 || n as u64 == u64::from(lanes),
        place,
        what,
        "give one for all lanes, or one for each",
    ) {
        let alike = n > 1 && slot.init.iter().all(|&value| value == slot.init[0]);
        report.need(
            !alike,
            place,
            format_args!("{n} equal initial values"),
            "write the value once",
        );
    }
    let (low, high) = (i32::MIN >> (32 - bits), i32::MAX >> (32 - bits));
    report.first(
        slot.init
            .iter()
            .enumerate()
            .filter(|&(_, &value)| !(low..=high).contains(&value)),
        |_| place.to_string(),
        |(lane, value)| {
            format!("initial value {value} of lane {lane} is outside {low}..={high} ({bits} bits)")
        },
        "widen the slot or change the value",
    );
}

fn check_format(place: &str, format: &SynapseFormat, report: &mut Report) {
    let mut at_most = |name: &str, value: i32, most: i32| {
        let what = format_args!("{name} {value}; at most {most}");
        report.need(value <= most, place, what, "choose a narrower format");
    };
    at_most("weight_bits", format.weight_bits.into(), 9);
    at_most("delay_bits", format.delay_bits.into(), 8);
    at_most("index_bits", format.index_bits.into(), 16);
    at_most("negated exponent", -i32::from(format.exponent), 31);
    let shift = i32::from(format.exponent.max(0)) + i32::from(format.scale);
    at_most(
        "bits of the decoded weight",
        i32::from(format.weight_bits) + shift,
        31,
    );
    let unused = |name: &str, kind: &str| format!("{name} has no meaning for {kind} synapses");
    if format.kind == SynapseKind::Crossbar {
        let plain = SynapseFormat {
            kind: SynapseKind::Crossbar,
            sign: crate::image::WeightSign::Signed,
            weight_bits: 0,
            exponent: 0,
            scale: 0,
            delay_bits: 0,
            index_bits: 0,
            weight_slot: format.weight_slot,
        };
        report.need(
            *format == plain,
            place,
            unused("all but weight_slot", "crossbar"),
            "write signed, and 0 elsewhere",
        );
    } else {
        report.need(
            format.weight_slot == 0,
            place,
            unused("weight_slot", "sparse, dense and shared"),
            "write 0",
        );
    }
    let plain = format.kind != SynapseKind::Dense || format.index_bits == 0;
    report.need(plain, place, unused("index_bits", "dense"), "write 0");
}

fn patterns(place: &str, core: &CoreProgram, report: &mut Report) {
    let patterns = core.patterns.len();
    report.need(
        patterns <= MAX_PATTERNS,
        place,
        format_args!("{patterns} patterns; a core has at most {MAX_PATTERNS}"),
        "use more cores",
    );
    let kind = |pattern: &Pattern| {
        core.formats
            .get(usize::from(pattern.format))
            .map(|f| f.kind)
    };
    report.first(
        core.patterns.iter().enumerate().filter(|(_, pattern)| {
            kind(pattern) != Some(SynapseKind::Shared)
                || !(1..=MAX_SEGMENT).contains(&pattern.count)
        }),
        |(index, _)| format!("{place} pattern {index}"),
        |(_, pattern)| match kind(pattern) {
            Some(SynapseKind::Shared) => format!(
                "{} synapses; 1 to {MAX_SEGMENT} are possible",
                pattern.count
            ),
            Some(_) => format!("format {} is not a shared one", pattern.format),
            None => format!(
                "names format {}; the core has {}",
                pattern.format,
                core.formats.len()
            ),
        },
        "give it synapses and a format of kind shared",
    );
    let is_shared = |segment: &&Segment| {
        let format = core.formats.get(usize::from(segment.format));
        format.is_some_and(|format| format.kind == SynapseKind::Shared)
    };
    let segments = core.segments.iter().filter(is_shared);
    let (shared, names) = (segments.clone().count(), core.shared.len());
    report.need(
        shared == names,
        place,
        format_args!("{names} segment patterns for {shared} shared segments"),
        "name a pattern for each",
    );
    let all: u64 = segments.clone().map(|s| u64::from(s.count)).sum();
    report.need(
        all <= MAX_SHARED,
        place,
        format_args!("{all} synapses in shared segments; a core has at most {MAX_SHARED}"),
        "use more cores",
    );
    let wrong = segments.zip(&core.shared).filter_map(|(segment, index)| {
        let Some(pattern) = core.patterns.get(usize::from(*index)) else {
            return Some(format!("a segment names pattern {index}; there are {patterns}"));
        };
        let same = (pattern.format, pattern.count) == (segment.format, segment.count);
        (!same).then(|| {
            format!(
                "a segment of {} synapses in format {} names pattern {index}, which has {} in format {}",
                segment.count, segment.format, pattern.count, pattern.format
            )
        })
    });
    report.first(
        wrong,
        |_| place.to_owned(),
        Clone::clone,
        "repeat the pattern's count and format in the segment",
    );
}

fn axons(place: &str, core: &CoreProgram, scope: &Scope, report: &mut Report) {
    let axons = core.axons.len();
    report.need(
        axons <= MAX_AXONS,
        place,
        format_args!("{axons} input axons; a core has at most {MAX_AXONS}"),
        "use more cores",
    );
    let sum: u64 = core.axons.iter().map(|axon| u64::from(axon.segments)).sum();
    let what = format_args!(
        "the segment numbers of its axons add up to {sum}; {} segments are listed",
        core.segments.len()
    );
    report.need(
        sum == core.segments.len() as u64,
        place,
        what,
        "list as many segments as the axons have",
    );
    let known = |source: u32| match source & INPUT_ID {
        0 => u64::from(source) < scope.neurons,
        _ => u64::from(source & !INPUT_ID) < scope.input_elements,
    };
    report.first(
        core.axons
            .iter()
            .enumerate()
            .filter(|(_, axon)| axon.kind > 3 || !known(axon.source)),
        |(index, _)| format!("{place} axon {index}"),
        |(_, axon)| match known(axon.source) {
            true => format!("kind {}; there are 0 to 3", axon.kind),
            false if axon.source & INPUT_ID == 0 => {
                format!("its source, neuron {}, is in no population", axon.source)
            }
            false => format!(
                "its source, input element {}, does not exist",
                axon.source & !INPUT_ID
            ),
        },
        "give it a kind of 0 to 3 and a neuron or an input element of this image as source",
    );
}

/// Segments with their axons, as long as the axons' numbers reach.
fn with_axons(core: &CoreProgram) -> impl Iterator<Item = (usize, &Axon, &Segment)> {
    let axons = core.axons.iter().enumerate();
    let axons = axons
        .flat_map(|(index, axon)| std::iter::repeat_n((index, axon), usize::from(axon.segments)));
    axons
        .zip(&core.segments)
        .map(|((index, axon), segment)| (index, axon, segment))
}

fn segments(place: &str, core: &CoreProgram, report: &mut Report) {
    let bad = with_axons(core)
        .filter_map(|(index, axon, segment)| Some((index, segment_error(core, axon, segment)?)));
    report.first(
        bad,
        |(axon, _)| format!("{place} axon {axon}"),
        |(_, error)| error.clone(),
        "write the segment for the group as it is, or leave it out",
    );
}

fn segment_error(core: &CoreProgram, axon: &Axon, segment: &Segment) -> Option<String> {
    let Some(group) = core.groups.get(usize::from(segment.group)) else {
        return Some(format!(
            "a segment names group {}; the core has {}",
            segment.group,
            core.groups.len()
        ));
    };
    let Some(format) = core.formats.get(usize::from(segment.format)) else {
        return Some(format!(
            "a segment names format {}; the core has {}",
            segment.format,
            core.formats.len()
        ));
    };
    let (first, count, lanes) = (segment.first_lane, segment.count, group.lanes);
    if count == 0 || count > MAX_SEGMENT {
        return Some(format!(
            "a segment of {count} synapses; 1 to {MAX_SEGMENT} are possible"
        ));
    }
    match format.kind {
        SynapseKind::Dense if u64::from(first) + u64::from(count) > u64::from(lanes) => {
            Some(format!(
                "a dense segment of {count} from lane {first} leaves the {lanes} lanes of group {}",
                segment.group
            ))
        }
        SynapseKind::Sparse | SynapseKind::Crossbar if first != 0 => Some(format!(
            "first lane {first} of a segment that is neither dense nor shared; must be 0"
        )),
        SynapseKind::Crossbar => {
            let slot = usize::from(format.weight_slot) + usize::from(axon.kind);
            let (index, slots) = (segment.group, group.slots.len());
            let what = || {
                format!(
                    "a crossbar segment takes weights from slot {slot}; group {index} has {slots} slots"
                )
            };
            (slot >= slots).then(what)
        }
        SynapseKind::Sparse | SynapseKind::Dense | SynapseKind::Shared => None,
    }
}

/// Whether the bulk arrays are as long as the segments say. Segments are known to be good.
fn array_lengths(place: &str, core: &CoreProgram, report: &mut Report) -> bool {
    let mut want = [0u64; 4];
    for pattern in &core.patterns {
        let count = u64::from(pattern.count);
        let delayed = core.formats[usize::from(pattern.format)].delay_bits > 0;
        want[0] += count;
        want[1] += count;
        want[2] += if delayed { count } else { 0 };
    }
    for segment in &core.segments {
        let format = &core.formats[usize::from(segment.format)];
        let count = u64::from(segment.count);
        let each = |present: bool| if present { count } else { 0 };
        want[0] += each(format.has_targets());
        want[1] += each(format.has_weights());
        want[2] += each(format.delay_bits > 0 && format.kind != SynapseKind::Shared);
        if format.kind == SynapseKind::Crossbar {
            want[3] += u64::from(core.groups[usize::from(segment.group)].lanes.div_ceil(64));
        }
    }
    let have = [
        core.targets.len(),
        core.weights.len(),
        core.delays.len(),
        core.rows.len(),
    ];
    let before = report.broken();
    for ((name, want), have) in ["targets", "weights", "delays", "row words"]
        .into_iter()
        .zip(want)
        .zip(have)
    {
        let what = format_args!("{have} {name}; its patterns and segments have {want}");
        report.need(
            have as u64 == want,
            place,
            what,
            "list as many as the segments have",
        );
    }
    report.broken() == before
}

/// The bulk arrays. Their lengths are known to be good.
fn synapses(core: &CoreProgram, report: &mut Report) {
    let patterns = core.pattern_offsets();
    let bad = core.patterns.iter().zip(&patterns).enumerate();
    report.first(
        bad.filter_map(|(index, (pattern, at))| {
            let (count, format) = (pattern.count as usize, pattern.format);
            let end = 1 << core.formats[usize::from(format)].index_bits;
            let error = target_error(core, at, count, format, end);
            Some((
                index,
                error.or_else(|| value_error(core, at, count, format))?,
            ))
        }),
        |(index, _)| format!("core {} pattern {index}", core.core.0),
        |(_, error)| error.clone(),
        "change the value, or give the pattern a format that holds it",
    );
    let reach: Vec<u32> = core
        .patterns
        .iter()
        .zip(&patterns)
        .map(|(pattern, at)| {
            let targets = &core.targets[at.targets..at.targets + pattern.count as usize];
            targets.iter().copied().max().unwrap_or(0).into()
        })
        .collect();
    let mut shared = core.shared.iter();
    let bad = with_axons(core).filter_map(|(axon, _, segment)| {
        if core.formats[usize::from(segment.format)].kind != SynapseKind::Shared {
            return None;
        }
        let pattern = shared.next()?;
        let last = u32::from(segment.first_lane) + reach[usize::from(*pattern)];
        let lanes = core.groups[usize::from(segment.group)].lanes;
        (last >= lanes).then_some((axon, *pattern, last, segment.group, lanes))
    });
    report.first(
        bad,
        |(axon, ..)| format!("core {} axon {axon}", core.core.0),
        |(_, pattern, last, group, lanes)| {
            format!("pattern {pattern} reaches lane {last}; group {group} has {lanes} lanes")
        },
        "move the segment, or give it another pattern",
    );
    let offsets = core.segment_offsets();
    let bad = with_axons(core)
        .zip(&offsets)
        .filter_map(|((axon, _, segment), at)| Some((axon, synapse_error(core, segment, at)?)));
    report.first(
        bad,
        |(axon, _)| format!("core {} axon {axon}", core.core.0),
        |(_, error)| error.clone(),
        "change the value, or give the segment a format that holds it",
    );
}

/// A target that is not below `end`.
fn target_error(
    core: &CoreProgram,
    at: &SegmentOffsets,
    count: usize,
    format: u8,
    end: u32,
) -> Option<String> {
    let targets = &core.targets[at.targets..at.targets + count];
    let target = targets.iter().find(|&&target| u32::from(target) >= end)?;
    let bits = core.formats[usize::from(format)].index_bits;
    Some(format!(
        "target lane {target}; the index of format {format} has {bits} bits"
    ))
}

/// A mantissa or delay that the format does not hold.
fn value_error(core: &CoreProgram, at: &SegmentOffsets, count: usize, index: u8) -> Option<String> {
    let format = &core.formats[usize::from(index)];
    if format.kind != SynapseKind::Crossbar {
        let (low, high) = format.mantissa_range();
        let weights = &core.weights[at.weights..at.weights + count];
        if let Some(mantissa) = weights
            .iter()
            .find(|&&mantissa| !(low..=high).contains(&i32::from(mantissa)))
        {
            return Some(format!(
                "weight mantissa {mantissa} is outside {low}..={high} of format {index}"
            ));
        }
    }
    if format.delay_bits > 0 {
        let end = 1u32 << format.delay_bits;
        let delays = &core.delays[at.delays..at.delays + count];
        if let Some(delay) = delays.iter().find(|&&delay| u32::from(delay) >= end) {
            return Some(format!(
                "delay {delay} does not fit the {} delay bits of format {index}",
                format.delay_bits
            ));
        }
    }
    None
}

fn synapse_error(core: &CoreProgram, segment: &Segment, at: &SegmentOffsets) -> Option<String> {
    let format = &core.formats[usize::from(segment.format)];
    let lanes = core.groups[usize::from(segment.group)].lanes;
    let count = segment.count as usize;
    if format.kind == SynapseKind::Shared {
        // Its pattern has been checked, once.
        return None;
    }
    if format.has_targets() {
        let end = lanes.min(1 << format.index_bits);
        if let Some(error) = target_error(core, at, count, segment.format, end) {
            return Some(format!(
                "{error}; group {} has {lanes} lanes",
                segment.group
            ));
        }
    }
    if let Some(error) = value_error(core, at, count, segment.format) {
        return Some(error);
    }
    if format.kind == SynapseKind::Crossbar {
        let words = lanes.div_ceil(64) as usize;
        let row = &core.rows[at.rows..at.rows + words];
        let set: u32 = row.iter().map(|word| word.count_ones()).sum();
        if set != segment.count {
            return Some(format!(
                "a crossbar row with {set} bits set; its segment says {}",
                segment.count
            ));
        }
        if !lanes.is_multiple_of(64) && row.last().is_some_and(|word| word >> (lanes % 64) != 0) {
            return Some(format!(
                "a crossbar row with a bit beyond the {lanes} lanes of group {}",
                segment.group
            ));
        }
    }
    None
}
