//! A network with splitters: neurons that pass the late spikes of a source on, in its place.
//!
//! Invariant: a splitter of a source gets its spikes with delay 0 and fires in the tick in which they arrive, one after the source. It
//! sends what the source sent with a delay of one or more, with one less: what arrives where and when stays the same. A splitter is a source
//! like any other, and may have splitters itself.

use super::choose::KERNEL;
use super::lines::Lines;
use super::plan::NAME_BYTES;
use crate::quantized::{Population, Projection, Quantized, SlotInit, Source};
use isa::image::WeightSign;
use std::collections::BTreeSet;

/// Weight of a spike on a splitter, whatever the axon's type, and its threshold.
const ONE: i32 = 1;

/// What the names of splitters begin with.
const PREFIX: &str = "splitter:";

/// A source with splitters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Split {
    pub(super) source: u32,
    /// Splitters: each sends to a part of the targets.
    pub(super) parts: u32,
    /// Part of each target and delay, ascending; empty: there is one part.
    pub(super) part_of: Vec<((u32, u8), u32)>,
}

impl Split {
    /// All late targets behind one splitter.
    pub(super) fn whole(source: u32) -> Split {
        Split {
            source,
            parts: 1,
            part_of: Vec::new(),
        }
    }

    fn part(&self, target: u32, delay: u8) -> u32 {
        let at = self.part_of.binary_search_by_key(&(target, delay), |p| p.0);
        at.map_or(0, |at| self.part_of[at].1)
    }
}

/// Splitters of all sources.
pub(super) fn count(split: &[Split]) -> u32 {
    split.iter().map(|s| s.parts).sum()
}

/// Number of the first splitter of each source.
fn firsts(split: &[Split], neurons: u32) -> Vec<u32> {
    let mut next = neurons;
    let first = |s: &Split| {
        next += s.parts;
        next - s.parts
    };
    split.iter().map(first).collect()
}

/// The integer network with splitters for these neurons (ascending), after its own.
pub(super) fn network(q: &Quantized, split: &[Split]) -> Quantized {
    let mut with = q.clone();
    let mut names: BTreeSet<String> = q.populations.iter().map(|p| p.name.clone()).collect();
    let mut next = q.neurons();
    for (index, p) in q.populations.iter().enumerate() {
        let from = split.partition_point(|s| s.source < p.first);
        let to = split.partition_point(|s| s.source < p.first + p.count);
        let mine = &split[from..to];
        if mine.is_empty() {
            continue;
        }
        let relay = with.populations.len() as u32;
        with.populations
            .push(population(p, next, count(mine), q.depth, &mut names));
        next += count(mine);
        let source = Source::Population(index as u32);
        let mut moved = Vec::new();
        for projection in with.projections.iter_mut().filter(|x| x.source == source) {
            let to = q.populations[projection.target as usize].first;
            moved.extend(move_late(projection, [p.first, to], mine, relay));
        }
        with.projections.extend(moved);
        with.projections.push(feed(p, source, relay, mine));
    }
    with
}

/// Splitters of a population's neurons.
fn population(
    of: &Population,
    first: u32,
    count: u32,
    deepest: u32,
    names: &mut BTreeSet<String>,
) -> Population {
    let end = of.name.floor_char_boundary(NAME_BYTES);
    // Splitters of splitters have the name of theirs, and a number.
    let known = of.name.strip_prefix(PREFIX).unwrap_or(&of.name[..end]);
    let stem = format!("{PREFIX}{known}");
    let mut name = stem.clone();
    let mut number = 2u32;
    while !names.insert(name.clone()) {
        name = format!("{stem} ({number})");
        number += 1;
    }
    let slot = |name: &str, value| SlotInit {
        name: name.into(),
        values: vec![value],
    };
    let registers = [
        ("v", 0),
        ("s0", ONE),
        ("s1", ONE),
        ("s2", ONE),
        ("s3", ONE),
        ("leak", 0),
        ("alpha", ONE),
        ("beta", 0),
        ("reset_v", 0),
    ];
    Population {
        name,
        first,
        count,
        depth: (of.depth + 1).min(deepest),
        kernel: KERNEL.into(),
        options: Vec::new(),
        params: Vec::new(),
        profiles: vec![Vec::new()],
        profile_of: Vec::new(),
        slots: registers.map(|(n, v)| slot(n, v)).to_vec(),
        fires: true,
        scale: 1.0,
        offset: 0.0,
    }
}

/// Takes the late synapses of these neurons out of a projection; they come back as one from the splitters, a step less late. `first`: neuron of the
/// source population and of the target population.
fn move_late(
    p: &mut Projection,
    first: [u32; 2],
    split: &[Split],
    relay: u32,
) -> Option<Projection> {
    let (mut kept, mut moved) = (Rows::default(), Rows::default());
    for row in 0..p.rows() {
        let at = split.binary_search_by_key(&(first[0] + row), |s| s.source);
        let splits = at.ok().map(|at| &split[at]);
        for s in p.row(row) {
            if splits.is_none() || p.delay_of(s) == 0 {
                kept.push((p.targets[s], p.mantissas[s], p.delay_of(s)));
            }
        }
        kept.end();
        for (split, part) in splits
            .iter()
            .flat_map(|s| (0..s.parts).map(move |i| (s, i)))
        {
            for s in p.row(row) {
                let delay = p.delay_of(s);
                let mine = |_: &u8| split.part(first[1] + p.targets[s], delay) == part;
                if let Some(less) = delay.checked_sub(1).filter(mine) {
                    moved.push((p.targets[s], p.mantissas[s], less));
                }
            }
            moved.end();
        }
    }
    if moved.targets.is_empty() {
        return None;
    }
    let new = moved.into_projection(p, Source::Population(relay));
    *p = kept.into_projection(p, p.source);
    Some(new)
}

/// One synapse from each source to each of its splitters.
fn feed(of: &Population, source: Source, relay: u32, split: &[Split]) -> Projection {
    let mut rows = Rows::default();
    let mut next = 0;
    for row in 0..of.count {
        if let Ok(at) = split.binary_search_by_key(&(of.first + row), |s| s.source) {
            for _ in 0..split[at].parts {
                rows.push((next, ONE as i16, 0));
                next += 1;
            }
        }
        rows.end();
    }
    let like = Projection {
        source,
        target: relay,
        receptor: 0,
        path: format!("{PREFIX}{}", of.name),
        sign: WeightSign::Signed,
        weight_bits: 1,
        exponent: 0,
        row_start: Vec::new(),
        targets: Vec::new(),
        mantissas: Vec::new(),
        delay: 0,
        delays: Vec::new(),
        dense: false,
    };
    rows.into_projection(&like, source)
}

/// Synapses row by row.
struct Rows {
    start: Vec<u32>,
    targets: Vec<u32>,
    mantissas: Vec<i16>,
    delays: Vec<u8>,
}

impl Default for Rows {
    fn default() -> Rows {
        Rows {
            start: vec![0],
            targets: Vec::new(),
            mantissas: Vec::new(),
            delays: Vec::new(),
        }
    }
}

impl Rows {
    fn push(&mut self, (target, mantissa, delay): (u32, i16, u8)) {
        self.targets.push(target);
        self.mantissas.push(mantissa);
        self.delays.push(delay);
    }

    fn end(&mut self) {
        self.start.push(self.targets.len() as u32);
    }

    fn into_projection(self, like: &Projection, source: Source) -> Projection {
        let same = self.delays.windows(2).all(|w| w[0] == w[1]);
        Projection {
            source,
            target: like.target,
            receptor: like.receptor,
            path: like.path.clone(),
            sign: like.sign,
            weight_bits: like.weight_bits,
            exponent: like.exponent,
            row_start: self.start,
            targets: self.targets,
            mantissas: self.mantissas,
            delay: match same {
                true => self.delays.first().copied().unwrap_or(0),
                false => 0,
            },
            delays: if same { Vec::new() } else { self.delays },
            dense: false,
        }
    }
}

/// A line of the network with splitters.
struct Line {
    source: u32,
    delay: u8,
    kind: u8,
    members: Vec<u32>,
}

/// The lines of the network with splitters: late lines of these neurons are their splitters', a tick less late, and all splitters of a source
/// have one line of it: its first without a delay, or one of their own.
pub(super) fn lines(lines: &Lines, split: &[Split]) -> Lines {
    let neurons = lines.neurons();
    let first = firsts(split, neurons);
    let mut all: Vec<Line> = Vec::with_capacity(lines.count() + split.len());
    let mut joins = vec![usize::MAX; split.len()];
    for line in 0..lines.count() as u32 {
        let at = line as usize;
        let of = lines.neuron(line);
        let of = of.and_then(|n| split.binary_search_by_key(&n, |s| s.source).ok());
        let kind = lines.kind[at];
        match (of, lines.delay[at].checked_sub(1)) {
            (Some(i), Some(delay)) => {
                for part in 0..split[i].parts {
                    let members = lines.members(line).iter().copied();
                    let mine = |m: &u32| split[i].part(*m, delay + 1) == part;
                    let members: Vec<u32> = members.filter(mine).collect();
                    if !members.is_empty() {
                        all.push(Line {
                            source: first[i] + part,
                            delay,
                            kind,
                            members,
                        });
                    }
                }
                continue;
            }
            (Some(i), None) => joins[i] = joins[i].min(all.len()),
            (None, _) => {}
        }
        all.push(Line {
            source: lines.source[at],
            delay: lines.delay[at],
            kind,
            members: lines.members(line).to_vec(),
        });
    }
    for ((s, first), join) in split.iter().zip(&first).zip(joins) {
        let splitters = *first..first + s.parts;
        match all.get_mut(join) {
            Some(line) => line.members.extend(splitters),
            None => all.push(Line {
                source: s.source,
                delay: 0,
                kind: 0,
                members: splitters.collect(),
            }),
        }
    }
    // Lines that take a type more than once keep their order.
    all.sort_by_key(|l| (l.source, l.delay, l.kind));
    let mut of: Vec<Vec<u32>> = vec![Vec::new(); (neurons + count(split)) as usize];
    for (i, line) in (0u32..).zip(&all) {
        line.members.iter().for_each(|m| of[*m as usize].push(i));
    }
    Lines::of_parts(
        all.iter().map(|l| l.source).collect(),
        all.iter().map(|l| l.kind).collect(),
        all.iter().map(|l| l.delay).collect(),
        &of,
    )
}
