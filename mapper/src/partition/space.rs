//! What partitioners work on: fan-in lists, and one core that is being filled under all limits at once.
//!
//! Invariant: [`Filling::add`] either takes the neuron and keeps every limit, or changes nothing and names the limit.
//! Memory: 4 bytes per synapse that is not stored densely.

use crate::need::{Programs, format_of, index_bits, threshold_of};
use crate::quantized::{Quantized, Source};
use isa::ChipSpec;
use isa::image::SynapseFormat;
use rustc_hash::FxHashMap;

/// Weight of the axon of the source with the highest rate; of one that is silent: 1.
const MOST_WEIGHT: u32 = 64;

/// A network as a partitioner sees it.
pub(crate) struct Space<'a> {
    pub(crate) q: &'a Quantized,
    chip: &'a ChipSpec,
    programs: &'a Programs,
    /// Sparse projections, and the number of the first row of each (one entry more).
    sparse: Vec<usize>,
    row_base: Vec<u32>,
    /// Dense projections of each population.
    dense: Vec<Vec<usize>>,
    /// Rows that reach each neuron through sparse projections, one entry per synapse, ascending.
    fan_start: Vec<u32>,
    fan: Vec<u32>,
    /// Index widths that cores may have, and for each projection and width the bits that the next synapse of a segment adds.
    widths: Vec<u32>,
    steps: Vec<Vec<Vec<u32>>>,
    /// Format of a projection apart from the index width, numbered.
    format_number: Vec<u32>,
    /// What an axon of each sender costs a core that grows by overlap, and the sum over the synapses of each neuron in sparse projections.
    weights: Vec<u32>,
    fan_weight: Vec<u32>,
    /// Output slots that each neuron is expected to need.
    pub(crate) slots: Vec<u32>,
    /// Projections that leave each source (inputs after populations).
    leaving: Vec<Vec<usize>>,
    /// Work of each neuron, and the most that a core is to have if it holds more than one: cycles of the neuron unit, of the synapse unit.
    pub(crate) work: &'a [[f64; 2]],
    pub(crate) most_work: f64,
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
        let mut row_base = vec![0u32];
        for &i in &sparse {
            row_base.push(row_base[row_base.len() - 1] + q.projections[i].rows());
        }
        let (fan_start, fan) = fan_in(q, &sparse, &row_base);
        let mut widths: Vec<u32> = (0..=chip.limits.neurons.max(1).ilog2() + 1)
            .map(|b| index_bits((1u32 << b).min(chip.limits.neurons), chip))
            .collect();
        widths.dedup();
        let steps = q
            .projections
            .iter()
            .map(|p| {
                widths
                    .iter()
                    .map(|w| block_steps(&format_of(p, q, *w), chip))
                    .collect()
            })
            .collect();
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
        for output in q
            .outputs
            .iter()
            .filter(|o| q.populations[o.population as usize].fires)
        {
            let p = &q.populations[output.population as usize];
            slots[p.first as usize..(p.first + p.count) as usize]
                .iter_mut()
                .for_each(|s| *s += 1);
        }
        Space {
            q,
            chip,
            programs,
            sparse,
            row_base,
            dense,
            fan_weight: fan_start.windows(2).map(|w| w[1] - w[0]).collect(),
            weights: vec![1; (q.neurons() + q.input_elements()) as usize],
            fan_start,
            fan,
            widths,
            steps,
            format_number,
            slots,
            leaving,
            work,
            most_work: f64::INFINITY,
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
        for neuron in 0..self.neurons() as usize {
            let (start, end) = (self.fan_start[neuron], self.fan_start[neuron + 1]);
            let mut at = 0;
            let mut sum = 0u32;
            for &row in &self.fan[start as usize..end as usize] {
                while row >= self.row_base[at + 1] {
                    at += 1;
                }
                let source = self.first_source(self.sparse[at]) + row - self.row_base[at];
                sum = sum.saturating_add(self.weight(source));
            }
            self.fan_weight[neuron] = sum;
        }
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

    /// Neurons and input elements: what an axon can come from.
    fn senders(&self) -> u32 {
        self.q.neurons() + self.q.input_elements()
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
        let p = &self.q.projections[projection];
        let (first, _) = self.q.source_span(p.source);
        let of_receptor = u32::from(p.receptor) * self.senders();
        if matches!(p.source, Source::Input(_)) {
            of_receptor + self.q.neurons() + first
        } else {
            of_receptor + first
        }
    }
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

/// Limit of a core that has work enough: not the chip's, but what an objective asks for.
pub(crate) const WORK: &str = "work of a step";

/// Why a neuron does not go onto a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) limit: &'static str,
    pub(crate) need: u64,
    pub(crate) capacity: u64,
}

/// A core that is being filled.
pub(crate) struct Filling<'s, 'a> {
    space: &'s Space<'a>,
    /// Synapses of each sparse row on this core, for populations with one profile; `by_profile` for others.
    row_count: Vec<u32>,
    by_profile: FxHashMap<(u32, u32), u32>,
    rows_touched: Vec<u32>,
    /// Lanes of each (dense projection, profile).
    dense_count: FxHashMap<(usize, u32), u32>,
    source_here: Vec<bool>,
    sources: Vec<u32>,
    groups: Vec<(usize, u32)>,
    thresholds: Vec<i32>,
    handlers: Vec<usize>,
    formats: Vec<u32>,
    lanes: u32,
    work: [f64; 2],
    slots: u64,
    /// Synapse memory for each index width.
    bits: Vec<u64>,
}

/// What has to be undone if a neuron does not fit.
struct Mark {
    sources: usize,
    groups: usize,
    thresholds: usize,
    handlers: usize,
    formats: usize,
    bits: Vec<u64>,
}

impl<'s, 'a> Filling<'s, 'a> {
    pub(crate) fn new(space: &'s Space<'a>) -> Filling<'s, 'a> {
        let receptors = space.q.projections.iter().map(|p| usize::from(p.receptor));
        let receptors = receptors.max().unwrap_or(0) + 1;
        let sources = space.senders() as usize * receptors;
        Filling {
            space,
            row_count: vec![0; space.row_base[space.row_base.len() - 1] as usize],
            by_profile: FxHashMap::default(),
            rows_touched: Vec::new(),
            dense_count: FxHashMap::default(),
            source_here: vec![false; sources],
            sources: Vec::new(),
            groups: Vec::new(),
            thresholds: Vec::new(),
            handlers: Vec::new(),
            formats: Vec::new(),
            lanes: 0,
            work: [0.0; 2],
            slots: 0,
            bits: vec![0; space.widths.len()],
        }
    }

    /// Empties the core.
    pub(crate) fn clear(&mut self) {
        self.rows_touched
            .drain(..)
            .for_each(|r| self.row_count[r as usize] = 0);
        self.sources
            .drain(..)
            .for_each(|s| self.source_here[s as usize] = false);
        self.by_profile.clear();
        self.dense_count.clear();
        self.groups.clear();
        self.thresholds.clear();
        self.handlers.clear();
        self.formats.clear();
        (self.lanes, self.slots, self.work) = (0, 0, [0.0; 2]);
        self.bits.fill(0);
    }

    pub(crate) fn lanes(&self) -> u32 {
        self.lanes
    }

    /// Sources with an axon on this core, in order of arrival, numbered as by `Space::first_source`.
    pub(crate) fn sources(&self) -> &[u32] {
        &self.sources
    }

    /// Takes a neuron if every limit allows it.
    pub(crate) fn add(&mut self, neuron: u32) -> Result<(), Full> {
        let space = self.space;
        let l = &space.chip.limits;
        let population = space.q.population_of(neuron);
        let profile =
            space.q.populations[population].profile(neuron - space.q.populations[population].first);
        let check = |limit, need: u64, capacity: u64| {
            if need > capacity {
                Err(Full {
                    limit,
                    need,
                    capacity,
                })
            } else {
                Ok(())
            }
        };
        check("neurons", u64::from(self.lanes) + 1, l.neurons.into())?;
        let own = space.work[neuron as usize];
        let work = [self.work[0] + own[0], self.work[1] + own[1]];
        if self.lanes > 0 && work[0].max(work[1]) > space.most_work {
            return Err(Full {
                limit: WORK,
                need: work[0].max(work[1]) as u64,
                capacity: space.most_work as u64,
            });
        }
        let slots = self.slots + u64::from(space.slots[neuron as usize]);
        check("output slots", slots, l.output_slots.into())?;

        let mark = Mark {
            sources: self.sources.len(),
            groups: self.groups.len(),
            thresholds: self.thresholds.len(),
            handlers: self.handlers.len(),
            formats: self.formats.len(),
            bits: self.bits.clone(),
        };
        self.take_group(population, profile);
        self.take_synapses(neuron, population, profile);
        let width = index_bits(self.lanes + 1, space.chip);
        let at = space
            .widths
            .iter()
            .position(|w| *w == width)
            .expect("widths cover every number of lanes");
        let code: u64 = self
            .handlers
            .iter()
            .map(|h| space.programs.handler_words[*h])
            .sum();
        let fits = check("neuron groups", self.groups.len() as u64, l.groups.into())
            .and(check(
                "threshold profiles",
                self.thresholds.len() as u64,
                l.threshold_profiles.into(),
            ))
            .and(check("code words", code, l.code_words.into()))
            .and(check(
                "synapse formats",
                self.formats.len() as u64,
                l.synapse_formats.into(),
            ))
            .and(check(
                "input axons",
                self.sources.len() as u64,
                l.input_axons.into(),
            ))
            .and(check(
                "bits of synapse memory",
                self.bits[at],
                l.synapse_bits,
            ));
        if fits.is_ok() {
            self.lanes += 1;
            self.slots = slots;
            self.work = work;
        } else {
            self.undo(neuron, population, profile, mark);
        }
        fits
    }

    /// Use of a limit so far.
    pub(crate) fn uses(&self, limit: &str) -> u64 {
        let space = self.space;
        let handlers = self.handlers.iter();
        match limit {
            "neurons" => self.lanes.into(),
            "neuron groups" => self.groups.len() as u64,
            "threshold profiles" => self.thresholds.len() as u64,
            "synapse formats" => self.formats.len() as u64,
            "input axons" => self.sources.len() as u64,
            "output slots" => self.slots,
            "bits of synapse memory" => {
                let width = index_bits(self.lanes, space.chip);
                let at = space.widths.iter().position(|w| *w == width);
                at.map_or(0, |at| self.bits[at])
            }
            "code words" => handlers.map(|h| space.programs.handler_words[*h]).sum(),
            _ => 0,
        }
    }

    fn take_group(&mut self, population: usize, profile: u32) {
        if self.groups.contains(&(population, profile)) {
            return;
        }
        self.groups.push((population, profile));
        if let Some(theta) = threshold_of(self.space.q, self.space.programs, population, profile)
            && !self.thresholds.contains(&theta)
        {
            self.thresholds.push(theta);
        }
        for handler in self.space.programs.handlers[self.space.programs.of_population[population]] {
            if !self.handlers.contains(&handler) {
                self.handlers.push(handler);
            }
        }
    }

    fn take_source(&mut self, source: u32) {
        if !std::mem::replace(&mut self.source_here[source as usize], true) {
            self.sources.push(source);
        }
    }

    fn take_format(&mut self, projection: usize) {
        let number = self.space.format_number[projection];
        if !self.formats.contains(&number) {
            self.formats.push(number);
        }
    }

    /// Counts the synapses of a neuron in.
    fn take_synapses(&mut self, neuron: u32, population: usize, profile: u32) {
        let space = self.space;
        let single = space.q.populations[population].profile_of.is_empty();
        let (mut at, mut noted) = (0, usize::MAX);
        for &row in &space.fan[space.fan_start[neuron as usize] as usize
            ..space.fan_start[neuron as usize + 1] as usize]
        {
            while row >= space.row_base[at + 1] {
                at += 1;
            }
            let projection = space.sparse[at];
            if noted != at {
                self.take_format(projection);
                noted = at;
            }
            self.take_source(space.first_source(projection) + row - space.row_base[at]);
            let count = if single {
                &mut self.row_count[row as usize]
            } else {
                self.by_profile.entry((row, profile)).or_insert(0)
            };
            let before = *count;
            *count += 1;
            if single && before == 0 {
                self.rows_touched.push(row);
            }
            for (bits, steps) in self.bits.iter_mut().zip(&space.steps[projection]) {
                *bits += u64::from(steps[before as usize % steps.len()]);
            }
        }
        for &projection in &space.dense[population] {
            self.take_format(projection);
            let rows = space.q.projections[projection].rows();
            let count = self.dense_count.entry((projection, profile)).or_insert(0);
            let before = *count;
            *count += 1;
            for (bits, steps) in self.bits.iter_mut().zip(&space.steps[projection]) {
                *bits += u64::from(steps[before as usize % steps.len()]) * u64::from(rows);
            }
            if before == 0 {
                let first = space.first_source(projection);
                (first..first + rows).for_each(|s| self.take_source(s));
            }
        }
    }

    fn undo(&mut self, neuron: u32, population: usize, profile: u32, mark: Mark) {
        let space = self.space;
        let single = space.q.populations[population].profile_of.is_empty();
        for row in &space.fan[space.fan_start[neuron as usize] as usize
            ..space.fan_start[neuron as usize + 1] as usize]
        {
            if single {
                self.row_count[*row as usize] -= 1;
            } else if let Some(count) = self.by_profile.get_mut(&(*row, profile)) {
                *count -= 1;
            }
        }
        for &projection in &space.dense[population] {
            if let Some(count) = self.dense_count.get_mut(&(projection, profile)) {
                *count -= 1;
            }
        }
        self.sources
            .drain(mark.sources..)
            .for_each(|s| self.source_here[s as usize] = false);
        self.groups.truncate(mark.groups);
        self.thresholds.truncate(mark.thresholds);
        self.handlers.truncate(mark.handlers);
        self.formats.truncate(mark.formats);
        self.bits = mark.bits;
    }
}
