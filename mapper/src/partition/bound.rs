//! Least numbers of cores that any mapping needs, one for each limit that adds up over the cores.
//!
//! Invariant: true lower bounds, whatever the partition: a row of synapses may be cut anywhere, at the index width that suits it
//! best, and may be shared where the chip has patterns; a source is counted on no more cores than its targets must take. Formulas: `specs/mapping.md`, Explanations.

use super::space::{Filling, Room, Space};
use crate::need::{Programs, format_of, index_bits, threshold_of};
use crate::quantized::{Projection, Quantized, Source};
use isa::ChipSpec;
use isa::chip::CoreLimits;
use isa::image::SynapseFormat;
use std::collections::BTreeSet;

/// Weights between memory and lanes that are tried for the bound by synapse memory.
const MIXES: u32 = 16;
/// Neurons that are compared, two by two, for the bound by input axons, and words of their sets of sources.
const MOST_APART: usize = 1 << 10;
const MOST_WORDS: usize = 1 << 20;
/// Rounds in which output slots of targets and of their sources raise each other.
const ROUNDS: u32 = 8;
/// What sums of reals may be above the exact ones.
const ROUNDING: f64 = 1e-9;

/// A lower bound and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) cores: u64,
    /// As in [`crate::usage::limits`].
    pub(crate) limit: &'static str,
    /// Least that all cores together use.
    pub(crate) total: u64,
    /// Population that takes most of the resource.
    pub(crate) population: usize,
}

/// The largest of all bounds; the first of equals.
pub(crate) fn lower_bound(q: &Quantized, programs: &Programs, chip: &ChipSpec) -> Bound {
    largest(&bounds(q, programs, chip)).clone()
}

/// The largest bound; the first of equals.
pub(crate) fn largest(bounds: &[Bound]) -> &Bound {
    let most = bounds.iter().rev().max_by_key(|b| b.cores);
    most.expect("there are bounds by every limit")
}

/// Bounds by every limit that adds up over the cores, in the order of [`crate::usage::limits`].
pub(crate) fn bounds(q: &Quantized, programs: &Programs, chip: &ChipSpec) -> Vec<Bound> {
    let l = &chip.limits;
    let neurons: Vec<u64> = q.populations.iter().map(|p| u64::from(p.count)).collect();
    let (groups, thresholds) = profiles(q, programs, l);
    let formats: BTreeSet<SynapseFormat> = q
        .projections
        .iter()
        .filter(|p| !p.targets.is_empty())
        .map(|p| format_of(p, q, 0))
        .collect();
    let handlers: BTreeSet<usize> = programs
        .of_population
        .iter()
        .flat_map(|p| programs.handlers[*p])
        .collect();
    let words = handlers.iter().map(|h| programs.handler_words[*h]).sum();
    let memory = Memory::of(q, chip);
    let (axons, slots) = axons_and_slots(q, l, &memory);
    let sum = |by: &[u64]| by.iter().sum::<u64>();
    let mut bounds = vec![
        bound("neurons", &neurons, sum(&neurons), l.neurons.into()),
        bound("neuron groups", &groups, sum(&groups), l.groups.into()),
        bound(
            "threshold profiles",
            &groups,
            thresholds,
            l.threshold_profiles.into(),
        ),
        bound(
            "synapse formats",
            &memory.by_population,
            formats.len() as u64,
            l.synapse_formats.into(),
        ),
        bound("input axons", &axons, sum(&axons), l.input_axons.into()),
        bound("output slots", &slots, sum(&slots), l.output_slots.into()),
        memory.bound(q, chip),
        bound("code words", &neurons, words, l.code_words.into()),
    ];
    let apart = axons_apart(q, l);
    if let Some(b) = bounds.iter_mut().find(|b| b.limit == "input axons") {
        b.cores = b.cores.max(apart);
    }
    if largest(&bounds).cores <= 1
        && let Some(limit) = beyond_one_core(q, programs, chip)
        && let Some(b) = bounds.iter_mut().find(|b| b.limit == limit)
    {
        b.cores = 2;
    }
    bounds
}

/// The limit that keeps a network from one core.
fn beyond_one_core(q: &Quantized, programs: &Programs, chip: &ChipSpec) -> Option<&'static str> {
    let work = vec![[0.0; 2]; q.neurons() as usize];
    let space = Space::new(q, chip, programs, &work);
    // What kernels take that are stored once is not known before cores are.
    let mut room = Room::ALL;
    if chip.limits.shared_pointer_bits > 0 {
        room.share = vec![0; q.populations.len()];
    }
    let mut all = Filling::new(&space, &room);
    (0..q.neurons()).find_map(|n| all.add(n).err().map(|full| full.limit))
}

/// Neurons of which no two have room for their sources on one core: as many as are found by taking those with the most sources first.
fn axons_apart(q: &Quantized, l: &CoreLimits) -> u64 {
    let neurons = q.neurons() as usize;
    let axons = l.input_axons as usize;
    let senders = neurons + q.input_elements() as usize;
    let receptors = q.projections.iter().map(|p| usize::from(p.receptor));
    let sources = senders * (receptors.max().unwrap_or(0) + 1);
    let mut fan = vec![0u32; neurons];
    for p in &q.projections {
        let first = q.populations[p.target as usize].first;
        p.targets
            .iter()
            .for_each(|t| fan[(first + t) as usize] += 1);
    }
    // Two of them may be too many only if one has more than half; synapses are counted, sources are not more.
    let mut order: Vec<u32> = (0..neurons as u32)
        .filter(|n| fan[*n as usize] as usize * 2 > axons)
        .collect();
    order.sort_by_key(|n| (std::cmp::Reverse(fan[*n as usize]), *n));
    let words = sources.div_ceil(64);
    order.truncate((MOST_WORDS / words.max(1)).min(MOST_APART));
    let mut at = vec![u32::MAX; neurons];
    (0u32..).zip(&order).for_each(|(i, n)| at[*n as usize] = i);
    let mut sets = vec![0u64; words * order.len()];
    for p in &q.projections {
        let (first, _) = q.source_span(p.source);
        let input = matches!(p.source, Source::Input(_));
        let base =
            usize::from(p.receptor) * senders + first as usize + if input { neurons } else { 0 };
        let to = q.populations[p.target as usize].first;
        for row in 0..p.rows() {
            let source = base + row as usize;
            for t in &p.targets[p.row(row)] {
                let set = at[(to + t) as usize];
                if set != u32::MAX {
                    sets[set as usize * words + source / 64] |= 1 << (source % 64);
                }
            }
        }
    }
    let set = |i: usize| &sets[i * words..(i + 1) * words];
    let mut apart: Vec<usize> = Vec::new();
    for i in 0..order.len() {
        let all = apart.iter().all(|j| {
            let both = set(i).iter().zip(set(*j));
            both.map(|(a, b)| (a | b).count_ones() as usize)
                .sum::<usize>()
                > axons
        });
        if all {
            apart.push(i);
        }
    }
    apart.len() as u64
}

fn bound(limit: &'static str, by_population: &[u64], total: u64, capacity: u64) -> Bound {
    let population = (0..by_population.len())
        .max_by_key(|i| (by_population[*i], usize::MAX - i))
        .unwrap_or(0);
    Bound {
        cores: total.div_ceil(capacity.max(1)),
        limit,
        total,
        population,
    }
}

/// Groups that each population takes at least, and distinct thresholds of the network.
fn profiles(q: &Quantized, programs: &Programs, l: &CoreLimits) -> (Vec<u64>, u64) {
    let mut thetas: BTreeSet<i32> = BTreeSet::new();
    let mut groups = Vec::with_capacity(q.populations.len());
    for (index, p) in q.populations.iter().enumerate() {
        let mut lanes = vec![0u64; p.profiles.len().max(1)];
        (0..p.count).for_each(|n| lanes[p.profile(n) as usize] += 1);
        let here = |n: &u64| n.div_ceil(u64::from(l.neurons).max(1));
        groups.push(lanes.iter().map(here).sum());
        let used = (0..lanes.len()).filter(|i| lanes[*i] > 0);
        thetas.extend(used.filter_map(|i| threshold_of(q, programs, index, i as u32)));
    }
    (groups, thetas.len() as u64)
}

/// Least synapse memory.
struct Memory {
    /// Of all cores: rows as few blocks, by the narrowest index.
    by_population: Vec<u64>,
    /// Widths that cores may have, with the lanes up to which they do.
    widths: Vec<(u32, u64)>,
    /// Bits that each neuron takes at least, for each of these widths.
    neuron: Vec<f64>,
}

impl Memory {
    fn of(q: &Quantized, chip: &ChipSpec) -> Memory {
        let l = &chip.limits;
        let mut widths: Vec<(u32, u64)> = Vec::new();
        for bits in 0..=l.neurons.max(1).ilog2() + 1 {
            let lanes = (1u64 << bits).min(l.neurons.max(1).into());
            let width = index_bits(lanes as u32, chip);
            match widths.last_mut() {
                Some(last) if last.0 == width => last.1 = lanes,
                _ => widths.push((width, lanes)),
            }
        }
        let mut memory = Memory {
            by_population: vec![0; q.populations.len()],
            neuron: vec![0.0; q.neurons() as usize * widths.len()],
            widths,
        };
        for p in &q.projections {
            memory.add(p, q, l);
        }
        memory
    }

    fn add(&mut self, p: &Projection, q: &Quantized, l: &CoreLimits) {
        let many = self.widths.len();
        let longest = (0..p.rows()).map(|r| p.row(r).len()).max().unwrap_or(0);
        let formats: Vec<SynapseFormat> = self
            .widths
            .iter()
            .map(|(w, _)| format_of(p, q, *w))
            .collect();
        self.by_population[p.target as usize] += rows_bits(p, q, self.widths[0].0, l);
        // Least bits of a synapse in a row of n: the row may be cut into any pieces.
        let mut least = vec![f64::INFINITY; many * (longest + 1)];
        for n in 1..=longest {
            for (w, format) in formats.iter().enumerate() {
                let one = row_bits(p, format, n as u64, l) as f64 / n as f64;
                least[n * many + w] = least[(n - 1) * many + w].min(one);
            }
        }
        let first = q.populations[p.target as usize].first as usize;
        if p.dense {
            let full = (0..p.rows()).filter(|r| !p.row(*r).is_empty());
            let rows = full.count() as f64;
            for neuron in self.neuron[first * many..].chunks_mut(many).take(longest) {
                let own = &least[longest * many..];
                neuron.iter_mut().zip(own).for_each(|(b, x)| *b += rows * x);
            }
            return;
        }
        for r in 0..p.rows() {
            let row = p.row(r);
            let own = &least[row.len() * many..][..many];
            for t in &p.targets[row] {
                let at = (first + *t as usize) * many;
                let neuron = &mut self.neuron[at..at + many];
                neuron.iter_mut().zip(own).for_each(|(b, x)| *b += x);
            }
        }
    }

    /// Least bits of a neuron.
    fn least(&self, neuron: u32) -> f64 {
        self.neuron[neuron as usize * self.widths.len()]
    }

    /// By all rows at the narrowest index, or by every neuron at the width that suits it, lanes and bits weighed against each other: K cores of
    /// width w hold at most K·2^w lanes and K·capacity bits, so at least any mean of both shares.
    fn bound(&self, q: &Quantized, chip: &ChipSpec) -> Bound {
        let l = &chip.limits;
        let capacity = l.synapse_bits.max(1);
        let total = self.by_population.iter().sum::<u64>();
        let mut by_rows = bound(
            "bits of synapse memory",
            &self.by_population,
            total,
            capacity,
        );
        for mix in 0..=MIXES {
            let of_memory = f64::from(mix) / f64::from(MIXES);
            let share = |neuron: &[f64]| {
                let each = neuron.iter().zip(&self.widths).map(|(bits, (_, lanes))| {
                    of_memory * bits / capacity as f64 + (1.0 - of_memory) / *lanes as f64
                });
                each.fold(f64::INFINITY, f64::min)
            };
            let shares: f64 = self.neuron.chunks(self.widths.len()).map(share).sum();
            by_rows.cores = by_rows.cores.max(whole(shares));
        }
        if by_rows.cores == 1 {
            // One core has one width.
            let width = index_bits(q.neurons(), chip);
            let all = q.projections.iter().map(|p| rows_bits(p, q, width, l));
            by_rows.cores += u64::from(all.sum::<u64>() > capacity);
        }
        by_rows
    }
}

/// Bits of a projection's rows, each in as few blocks as hold it.
fn rows_bits(p: &Projection, q: &Quantized, width: u32, l: &CoreLimits) -> u64 {
    let format = format_of(p, q, width);
    (0..p.rows())
        .map(|r| row_bits(p, &format, p.row(r).len() as u64, l))
        .sum()
}

/// A sum of shares, rounded up.
fn whole(shares: f64) -> u64 {
    (shares * (1.0 - ROUNDING)).ceil() as u64
}

/// Least bits of n synapses of a row: as few blocks as hold them, or a pointer to synapses that are stored for another row.
fn row_bits(p: &Projection, format: &SynapseFormat, n: u64, l: &CoreLimits) -> u64 {
    let own = few_blocks(format, n, l);
    match u64::from(l.shared_pointer_bits) {
        pointer if pointer > 0 && !p.dense => own.min(pointer),
        _ => own,
    }
}

/// Bits of n synapses in as few blocks as hold them, cut where words are used best.
fn few_blocks(format: &SynapseFormat, n: u64, l: &CoreLimits) -> u64 {
    if n == 0 {
        return 0;
    }
    let one = [format.weight_bits, format.delay_bits, format.index_bits]
        .map(u64::from)
        .iter()
        .sum::<u64>();
    let plain = one * n;
    if l.synapse_block == 0 {
        return plain;
    }
    let headers = n.div_ceil(l.synapse_block.into()) * u64::from(l.synapse_block_header_bits);
    (plain + headers).next_multiple_of(u64::from(l.synapse_word_bits).max(1))
}

/// Input axons by target population and output slots by source population that all cores together have at least: a source takes one of each
/// on every core that its targets must take, by their number, their memory and their own slots.
fn axons_and_slots(q: &Quantized, l: &CoreLimits, memory: &Memory) -> (Vec<u64>, Vec<u64>) {
    let mut host = vec![0u64; q.neurons() as usize];
    for o in &q.outputs {
        let p = &q.populations[o.population as usize];
        let mine = &mut host[p.first as usize..(p.first + p.count) as usize];
        mine.iter_mut().for_each(|h| *h += u64::from(p.fires));
    }
    let mut slots = host.clone();
    for _ in 0..ROUNDS {
        let (axons, cores) = reached(q, l, memory, &slots);
        let next: Vec<u64> = cores.iter().zip(&host).map(|(c, h)| c + h).collect();
        if next == slots {
            let of =
                |p: &crate::quantized::Population| p.first as usize..(p.first + p.count) as usize;
            let sums = q.populations.iter().map(|p| slots[of(p)].iter().sum());
            return (axons, sums.collect());
        }
        slots = next;
    }
    let (axons, _) = reached(q, l, memory, &slots);
    let of = |p: &crate::quantized::Population| p.first as usize..(p.first + p.count) as usize;
    let sums = q.populations.iter().map(|p| slots[of(p)].iter().sum());
    (axons, sums.collect())
}

/// Input axons by target population, and cores that each neuron reaches at least, if neurons have at least these slots.
fn reached(q: &Quantized, l: &CoreLimits, memory: &Memory, need: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let mut axons = vec![0u64; q.populations.len()];
    let mut cores = vec![0u64; q.neurons() as usize];
    let cores_of = |targets: u64, bits: f64, slots: u64| {
        let by_lanes = targets.div_ceil(u64::from(l.neurons).max(1));
        by_lanes
            .max(whole(bits / l.synapse_bits.max(1) as f64))
            .max(slots.div_ceil(u64::from(l.output_slots).max(1)))
            .max(1)
    };
    let sums = |p: &crate::quantized::Population| {
        let mine = p.first..p.first + p.count;
        let bits: f64 = mine.clone().map(|n| memory.least(n)).sum();
        (bits, mine.map(|n| need[n as usize]).sum::<u64>())
    };
    let whole_population: Vec<(f64, u64)> = q.populations.iter().map(sums).collect();
    let mut seen = vec![0u32; q.neurons() as usize];
    let mut visit = 0u32;
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    for source in (0..q.populations.len() as u32)
        .map(Source::Population)
        .chain(inputs)
    {
        let leaving: Vec<&Projection> = q
            .projections
            .iter()
            .filter(|p| p.source == source)
            .collect();
        let receptors: BTreeSet<u8> = leaving.iter().map(|p| p.receptor).collect();
        let (first_source, elements) = q.source_span(source);
        for receptor in receptors {
            let of: Vec<&&Projection> = leaving.iter().filter(|p| p.receptor == receptor).collect();
            let first = of[0].target as usize;
            let mut sum = 0;
            for element in 0..elements {
                let each = if let [p] = of[..]
                    && p.dense
                {
                    let (bits, slots) = whole_population[first];
                    match p.row(element).is_empty() {
                        true => 0,
                        false => cores_of(q.populations[first].count.into(), bits, slots),
                    }
                } else {
                    visit += 1;
                    let (mut targets, mut bits, mut slots) = (0, 0.0, 0);
                    for p in &of {
                        let base = q.populations[p.target as usize].first;
                        for t in &p.targets[p.row(element)] {
                            if std::mem::replace(&mut seen[(base + t) as usize], visit) != visit {
                                targets += 1;
                                bits += memory.least(base + t);
                                slots += need[(base + t) as usize];
                            }
                        }
                    }
                    match targets {
                        0 => 0,
                        _ => cores_of(targets, bits, slots),
                    }
                };
                sum += each;
                if let Source::Population(_) = source {
                    cores[(first_source + element) as usize] += each;
                }
            }
            let most = of.iter().rev().max_by_key(|p| p.targets.len());
            axons[most.map_or(first, |p| p.target as usize)] += sum;
        }
    }
    (axons, cores)
}
