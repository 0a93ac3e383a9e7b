//! What partitioners work on: fan-in lists, and what neurons and sources take of a core.
//!
//! Invariant: nothing here changes while cores are filled ([`Filling`]) but the expected output slots and the most work of a core.
//! Memory: 4 bytes per synapse that is not stored densely.

mod filling;

pub(crate) use filling::{Filling, Full, Rest, Room, TOO_MANY, WHOLE, WORK};

use crate::need::{Programs, format_of, index_bits};
use crate::objective;
use crate::quantized::{Projection, Quantized, Source};
use isa::ChipSpec;
use isa::chip::CoreLimits;
use isa::image::SynapseFormat;

/// Values for a few index widths that are added up side by side.
const LANES: usize = 8;
type Lanes = [u32; LANES];

/// Weight of the axon of the source with the highest rate; of one that is silent: 1.
const MOST_WEIGHT: u32 = 64;

/// A network as a partitioner sees it.
pub(crate) struct Space<'a> {
    pub(crate) q: &'a Quantized,
    pub(crate) chip: &'a ChipSpec,
    pub(crate) programs: &'a Programs,
    /// Sparse projections, and the number of the first row of each (one entry more).
    sparse: Vec<usize>,
    row_base: Vec<u32>,
    /// Dense projections of each population.
    dense: Vec<Vec<usize>>,
    /// Rows with synapses of each dense projection.
    dense_rows: Vec<u32>,
    /// Rows that reach each neuron through sparse projections, one entry per synapse, ascending.
    fan_start: Vec<u32>,
    fan: Vec<u32>,
    /// Number of each sparse projection's first source, less its first row (wrapping).
    sparse_source: Vec<u32>,
    /// Index widths that cores may have, and for each projection the bits that the next synapse of a segment adds: by the synapses of its block so far, then by width,
    /// filled up to whole [`Lanes`].
    widths: Vec<u32>,
    steps: Vec<Vec<Lanes>>,
    /// Synapses of a block, and [`Lanes`] that hold all widths.
    block: u32,
    chunks: usize,
    /// Format of a projection apart from the index width, numbered.
    format_number: Vec<u32>,
    /// What an axon of each sender costs a core that grows by overlap, and the sum over the synapses of each neuron in sparse projections.
    weights: Vec<u32>,
    /// Packets of each sender, in the unit of placers; empty: all alike.
    packets: Vec<u64>,
    fan_weight: Vec<u32>,
    /// Output slots that each neuron is expected to need, and needs at least.
    pub(crate) slots: Vec<u32>,
    least_slots: Vec<u32>,
    /// Projections that leave each source (inputs after populations).
    leaving: Vec<Vec<usize>>,
    /// Work of each neuron: cycles of the neuron unit, of the synapse unit.
    pub(crate) work: &'a [[f64; 2]],
}

impl<'a> Space<'a> {
    pub(crate) fn new(
        q: &'a Quantized,
        chip: &'a ChipSpec,
        programs: &'a Programs,
        work: &'a [[f64; 2]],
    ) -> Space<'a> {
        let sparse: Vec<usize> = (0..q.projections.len())
            .filter(|&i| !q.projections[i].dense)
            .collect();
        let mut dense = vec![Vec::new(); q.populations.len()];
        for (i, p) in q.projections.iter().enumerate().filter(|(_, p)| p.dense) {
            dense[p.target as usize].push(i);
        }
        let full = |p: &Projection| (0..p.rows()).filter(|r| !p.row(*r).is_empty()).count();
        let dense_rows = q.projections.iter().map(|p| match p.dense {
            true => full(p) as u32,
            false => 0,
        });
        let dense_rows = dense_rows.collect();
        let mut row_base = vec![0u32];
        for &i in &sparse {
            row_base.push(row_base[row_base.len() - 1] + q.projections[i].rows());
        }
        let (fan_start, fan) = fan_in(q, &sparse, &row_base);
        let mut widths: Vec<u32> = (0..=chip.limits.neurons.max(1).ilog2() + 1)
            .map(|b| index_bits((1u32 << b).min(chip.limits.neurons), chip))
            .collect();
        widths.dedup();
        let chunks = widths.len().div_ceil(LANES);
        let steps = q.projections.iter().map(|p| {
            let by_width = widths
                .iter()
                .map(|w| block_steps(&format_of(p, q, *w), chip));
            side_by_side(&by_width.collect::<Vec<_>>(), chunks)
        });
        let steps = steps.collect();
        let formats: Vec<SynapseFormat> =
            q.projections.iter().map(|p| format_of(p, q, 0)).collect();
        let format_number = formats
            .iter()
            .map(|f| formats.iter().position(|g| g == f).unwrap_or(0) as u32)
            .collect();
        let mut leaving = vec![Vec::new(); q.populations.len() + q.inputs.len()];
        for (i, p) in q.projections.iter().enumerate() {
            leaving[source_number(q, p.source)].push(i);
        }
        let mut slots = vec![0u32; q.neurons() as usize];
        for (population, leaving) in q.populations.iter().zip(&leaving) {
            for n in 0..population.count {
                let sends = leaving.iter().any(|&i| !q.projections[i].row(n).is_empty());
                slots[(population.first + n) as usize] = u32::from(sends);
            }
        }
        slots
            .iter_mut()
            .zip(host_entries(q))
            .for_each(|(s, host)| *s += host);
        let sparse_source = sparse.iter().zip(&row_base);
        let sparse_source = sparse_source.map(|(i, base)| first_source(q, *i).wrapping_sub(*base));
        let sparse_source = sparse_source.collect();
        Space {
            q,
            chip,
            programs,
            sparse,
            sparse_source,
            row_base,
            dense,
            dense_rows,
            fan_weight: fan_start.windows(2).map(|w| w[1] - w[0]).collect(),
            weights: vec![1; (q.neurons() + q.input_elements()) as usize],
            packets: Vec::new(),
            fan_start,
            fan,
            widths,
            steps,
            block: chip.limits.synapse_block.max(1),
            chunks,
            format_number,
            least_slots: slots.clone(),
            slots,
            leaving,
            work,
        }
    }

    pub(crate) fn neurons(&self) -> u32 {
        self.q.neurons()
    }

    /// Makes axons of senders that spike more often weigh more, instead of all alike.
    pub(crate) fn weigh(&mut self, rates: &[f64]) {
        let most = rates.iter().copied().fold(0.0, f64::max);
        let weight = |r: &f64| 1 + (r / most * f64::from(MOST_WEIGHT - 1)) as u32;
        self.weights = rates.iter().map(weight).collect();
        self.packets = objective::weights(rates);
        for neuron in 0..self.neurons() as usize {
            let mut at = 0;
            let mut sum = 0u32;
            for &row in self.fan_of(neuron as u32) {
                while row >= self.row_base[at + 1] {
                    at += 1;
                }
                let source = row.wrapping_add(self.sparse_source[at]);
                sum = sum.saturating_add(self.weight(source));
            }
            self.fan_weight[neuron] = sum;
        }
    }

    /// Packets that a source sends to a core, of whichever receptor.
    pub(crate) fn packets(&self, source: u32) -> u64 {
        let sender = source % self.senders();
        self.packets.get(sender as usize).map_or(1, |p| *p)
    }

    /// What an axon of this source costs.
    pub(crate) fn weight(&self, source: u32) -> u32 {
        self.weights[(source % self.senders()) as usize]
    }

    /// Weights of the synapses that reach a neuron through sparse projections; their number where all sources weigh alike.
    pub(crate) fn fan_in(&self, neuron: u32) -> u32 {
        self.fan_weight[neuron as usize]
    }

    /// Number of synapses in sparse projections.
    pub(crate) fn sparse_synapses(&self) -> u64 {
        self.fan.len() as u64
    }

    /// Rows that reach a neuron through sparse projections, one entry per synapse, ascending.
    fn fan_of(&self, neuron: u32) -> &[u32] {
        let n = neuron as usize;
        &self.fan[self.fan_start[n] as usize..self.fan_start[n + 1] as usize]
    }

    pub(crate) fn limits(&self) -> &CoreLimits {
        &self.chip.limits
    }

    /// Synapses that reach a neuron, one at least.
    pub(crate) fn synapses_of(&self, neuron: u32) -> u64 {
        let n = neuron as usize;
        let dense = &self.dense[self.q.population_of(neuron)];
        let dense: u64 = dense.iter().map(|p| u64::from(self.dense_rows[*p])).sum();
        1 + u64::from(self.fan_start[n + 1] - self.fan_start[n]) + dense
    }

    /// Counters that a core keeps while it is filled.
    pub(crate) fn counters(&self) -> u64 {
        u64::from(self.row_base[self.row_base.len() - 1]) + u64::from(self.senders())
    }

    /// Destinations of each neuron at the host.
    pub(crate) fn host_entries(&self) -> Vec<u32> {
        host_entries(self.q)
    }

    /// Output slots that a neuron takes on any partition.
    pub(crate) fn least_slots(&self, neuron: u32) -> u32 {
        self.least_slots[neuron as usize]
    }

    /// Neurons and input elements: what an axon can come from.
    pub(crate) fn senders(&self) -> u32 {
        self.q.neurons() + self.q.input_elements()
    }

    /// Bits of synapse memory of each neuron's synapses on a core of so many lanes, at the mean over the synapses of a block.
    pub(crate) fn plain_bits(&self, lanes: u32) -> Vec<f64> {
        let width = index_bits(lanes.max(1), self.chip);
        let at = self.widths.iter().position(|w| *w == width).unwrap_or(0);
        let mean = |i: usize| {
            let steps = (0..self.block).map(|n| self.step(i, n, at));
            f64::from(steps.sum::<u32>()) / f64::from(self.block)
        };
        let each: Vec<f64> = (0..self.q.projections.len()).map(mean).collect();
        let mut bits = vec![0.0; self.neurons() as usize];
        for (i, p) in self.q.projections.iter().enumerate() {
            let first = self.q.populations[p.target as usize].first;
            let targets = p.targets.iter();
            targets.for_each(|t| bits[(first + t) as usize] += each[i]);
        }
        bits
    }

    /// Calls `visit` with the neurons that a source reaches through sparse projections, once per synapse.
    pub(crate) fn reached(&self, source: u32, mut visit: impl FnMut(u32)) {
        let neurons = self.q.neurons();
        let senders = self.senders();
        let (receptor, source) = (source / senders, source % senders);
        let (number, element) = if source < neurons {
            let population = self.q.population_of(source);
            (population, source - self.q.populations[population].first)
        } else {
            let input = self
                .q
                .inputs
                .partition_point(|i| i.first + i.count <= source - neurons);
            (
                self.q.populations.len() + input,
                source - neurons - self.q.inputs[input].first,
            )
        };
        for &i in &self.leaving[number] {
            let p = &self.q.projections[i];
            if !p.dense && u32::from(p.receptor) == receptor {
                let first = self.q.populations[p.target as usize].first;
                p.targets[p.row(element)]
                    .iter()
                    .for_each(|t| visit(first + t));
            }
        }
    }

    /// Source number of the first element of a projection: neurons first, then input elements; all of them again for each
    /// further receptor, which has axons of its own.
    fn first_source(&self, projection: usize) -> u32 {
        first_source(self.q, projection)
    }

    /// Bits that the next synapse of a block with `before` of them adds, at an index width by its number.
    fn step(&self, projection: usize, before: u32, width: usize) -> u32 {
        self.steps[projection][before as usize * self.chunks + width / LANES][width % LANES]
    }
}

/// See [`Space::first_source`].
fn first_source(q: &Quantized, projection: usize) -> u32 {
    let p = &q.projections[projection];
    let (first, _) = q.source_span(p.source);
    let of_receptor = u32::from(p.receptor) * (q.neurons() + q.input_elements());
    if matches!(p.source, Source::Input(_)) {
        of_receptor + q.neurons() + first
    } else {
        of_receptor + first
    }
}

/// Destinations of each neuron at the host.
fn host_entries(q: &Quantized) -> Vec<u32> {
    let mut entries = vec![0u32; q.neurons() as usize];
    for output in &q.outputs {
        let p = &q.populations[output.population as usize];
        let mine = &mut entries[p.first as usize..(p.first + p.count) as usize];
        mine.iter_mut().for_each(|s| *s += u32::from(p.fires));
    }
    entries
}

fn source_number(q: &Quantized, source: Source) -> usize {
    match source {
        Source::Population(p) => p as usize,
        Source::Input(i) => q.populations.len() + i as usize,
    }
}

fn fan_in(q: &Quantized, sparse: &[usize], row_base: &[u32]) -> (Vec<u32>, Vec<u32>) {
    let mut start = vec![0u32; q.neurons() as usize + 1];
    for &i in sparse {
        let p = &q.projections[i];
        let first = q.populations[p.target as usize].first;
        p.targets
            .iter()
            .for_each(|t| start[(first + t) as usize + 1] += 1);
    }
    for n in 1..start.len() {
        start[n] += start[n - 1];
    }
    let mut next = start.clone();
    let mut fan = vec![0u32; start[start.len() - 1] as usize];
    for (&i, base) in sparse.iter().zip(row_base) {
        let p = &q.projections[i];
        let first = q.populations[p.target as usize].first;
        for row in 0..p.rows() {
            for t in &p.targets[p.row(row)] {
                let at = &mut next[(first + t) as usize];
                fan[*at as usize] = base + row;
                *at += 1;
            }
        }
    }
    (start, fan)
}

/// Bits that the n-th synapse of a block adds, for n = 0 … block − 1 (one entry without blocks).
fn block_steps(format: &SynapseFormat, chip: &ChipSpec) -> Vec<u32> {
    let block = chip.limits.synapse_block.max(1);
    (0..block)
        .map(|n| (format.bits(n + 1, &chip.limits) - format.bits(n, &chip.limits)) as u32)
        .collect()
}

/// Steps by width, turned to steps by the synapses of a block, the widths of each side by side.
fn side_by_side(by_width: &[Vec<u32>], chunks: usize) -> Vec<Lanes> {
    let block = by_width.first().map_or(0, Vec::len);
    let mut all = vec![Lanes::default(); block * chunks];
    for (width, steps) in by_width.iter().enumerate() {
        for (n, step) in steps.iter().enumerate() {
            all[n * chunks + width / LANES][width % LANES] = *step;
        }
    }
    all
}
