//! One core that is being filled under all limits at once.
//!
//! Invariant: [`Filling::add`] either takes the neuron and keeps every limit, or changes nothing and names the limit.

use super::{LANES, Lanes, Space};
use crate::need::{index_bits, threshold_of};
use rustc_hash::FxHashMap;

/// Synapses whose bits are added up before the sums are taken over: they stay within their words.
const SUMMED: usize = 1 << 16;

/// Shares of the memory of synapses are counted in so many parts.
pub(crate) const WHOLE: u32 = 256;

/// Room in a core beside the chip's limits.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// Most work that a core is to have if it holds more than one neuron.
    pub(crate) most_work: f64,
    /// Most cores that are asked for: growth ends when it is certain to take more.
    pub(crate) most_cores: u32,
    /// Part of its sparse synapses' memory that each population is expected to take, as its kernels are shared: of [`WHOLE`]. Empty: all of it.
    pub(crate) share: Vec<u32>,
}

impl Room {
    /// As much as the chip has.
    pub(crate) const ALL: Room = Room {
        most_work: f64::INFINITY,
        most_cores: u32::MAX,
        share: Vec::new(),
    };

    fn share(&self, population: usize) -> u32 {
        self.share.get(population).copied().unwrap_or(WHOLE)
    }
}

/// Limit of a partition that takes more cores than were asked for: not the chip's either.
pub(crate) const TOO_MANY: &str = "cores to spread over";

/// What sums of work may be above the exact ones.
const ROUNDING: f64 = 1e-9;

/// What is still to be put onto cores, and how many cores that takes at least.
pub(crate) struct Rest<'s, 'a> {
    space: &'s Space<'a>,
    room: &'s Room,
    neurons: u64,
    work: [f64; 2],
}

impl<'s, 'a> Rest<'s, 'a> {
    /// All neurons.
    pub(crate) fn new(space: &'s Space<'a>, room: &'s Room) -> Rest<'s, 'a> {
        let mut rest = Rest {
            space,
            room,
            neurons: space.neurons().into(),
            work: [0.0; 2],
        };
        for neuron in 0..space.neurons() {
            let own = rest.of(neuron);
            rest.work = [rest.work[0] + own[0], rest.work[1] + own[1]];
        }
        rest
    }

    /// A neuron has a core.
    pub(crate) fn take(&mut self, neuron: u32) {
        let own = self.of(neuron);
        self.work = [self.work[0] - own[0], self.work[1] - own[1]];
        self.neurons -= 1;
    }

    /// The work of a neuron that counts: one that has more than a core is to have is alone there.
    fn of(&self, neuron: u32) -> [f64; 2] {
        let most = self.room.most_work;
        match most.is_finite() {
            true => self.space.work[neuron as usize].map(|w| w.min(most)),
            false => [0.0; 2],
        }
    }

    /// Ends growth that has filled so many cores, for the neuron that comes next, if the rest takes too many.
    pub(crate) fn ends(&self, cores: u32) -> Result<(), Full> {
        let by_neurons = self
            .neurons
            .div_ceil(self.space.chip.limits.neurons.max(1).into());
        let work = self.work[0].max(self.work[1]) * (1.0 - ROUNDING);
        let by_work = (work / self.room.most_work).ceil().max(0.0) as u64;
        let need = u64::from(cores) + by_neurons.max(by_work);
        let capacity = self.room.most_cores.into();
        if need <= capacity {
            return Ok(());
        }
        Err(Full {
            limit: TOO_MANY,
            need,
            capacity,
        })
    }
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
    room: &'s Room,
    /// Synapses of each sparse row on this core, for populations with one profile; `by_profile` for others. Of whole blocks the last is what counts: 0 for none,
    /// else 1 up to the synapses of a block.
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
    /// Destinations as expected, unless somebody else counts them.
    slots: u64,
    counts_slots: bool,
    /// Synapse memory for each index width, in parts of a bit ([`WHOLE`]); and before the neuron that was tried last.
    bits: Vec<u64>,
    bits_before: Vec<u64>,
    /// Scratch: synapses that blocks had before.
    phases: Vec<u32>,
    /// Neurons tried so far.
    tried: u64,
}

/// What has to be undone if a neuron does not fit, or is taken back.
pub(crate) struct Mark {
    pub(crate) sources: usize,
    rows: usize,
    slots: u64,
    work: [f64; 2],
    groups: usize,
    thresholds: usize,
    handlers: usize,
    formats: usize,
    tried: u64,
}

impl<'s, 'a> Filling<'s, 'a> {
    pub(crate) fn new(space: &'s Space<'a>, room: &'s Room) -> Filling<'s, 'a> {
        let receptors = space.q.projections.iter().map(|p| usize::from(p.receptor));
        let receptors = receptors.max().unwrap_or(0) + 1;
        let sources = space.senders() as usize * receptors;
        Filling {
            space,
            room,
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
            counts_slots: true,
            bits: vec![0; space.widths.len()],
            bits_before: vec![0; space.widths.len()],
            phases: Vec::new(),
            tried: 0,
        }
    }

    /// A core whose output slots somebody else counts.
    pub(crate) fn unslotted(space: &'s Space<'a>, room: &'s Room) -> Filling<'s, 'a> {
        Filling {
            counts_slots: false,
            ..Filling::new(space, room)
        }
    }

    /// Sum over the limits of use / capacity, output slots left out.
    pub(crate) fn shares(&self) -> f64 {
        let l = &self.space.chip.limits;
        let limits = [
            ("neurons", l.neurons.into()),
            ("neuron groups", l.groups.into()),
            ("threshold profiles", l.threshold_profiles.into()),
            ("synapse formats", l.synapse_formats.into()),
            ("input axons", l.input_axons.into()),
            ("bits of synapse memory", l.synapse_bits),
            ("code words", l.code_words.into()),
        ];
        let share =
            |(limit, capacity): (&str, u64)| self.uses(limit) as f64 / capacity.max(1) as f64;
        limits.into_iter().map(share).sum()
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

    /// Takes a neuron if every limit allows it. What it gives can take back the neuron that came last.
    pub(crate) fn add(&mut self, neuron: u32) -> Result<Mark, Full> {
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
        if self.lanes > 0 && work[0].max(work[1]) > self.room.most_work {
            return Err(Full {
                limit: WORK,
                need: work[0].max(work[1]) as u64,
                capacity: self.room.most_work as u64,
            });
        }
        let own = u64::from(space.slots[neuron as usize]) * u64::from(self.counts_slots);
        let slots = self.slots + own;
        check("output slots", slots, l.output_slots.into())?;

        let mark = Mark {
            sources: self.sources.len(),
            rows: self.rows_touched.len(),
            slots: self.slots,
            work: self.work,
            groups: self.groups.len(),
            thresholds: self.thresholds.len(),
            handlers: self.handlers.len(),
            formats: self.formats.len(),
            tried: self.tried + 1,
        };
        self.tried += 1;
        self.bits_before.copy_from_slice(&self.bits);
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
                self.bits[at].div_ceil(WHOLE.into()),
                l.synapse_bits,
            ));
        match fits {
            Ok(()) => {
                self.lanes += 1;
                self.slots = slots;
                self.work = work;
                Ok(mark)
            }
            Err(full) => {
                self.undo(neuron, population, profile, mark);
                Err(full)
            }
        }
    }

    /// Takes back the neuron that came last; none may have been tried since.
    pub(crate) fn take_back(&mut self, neuron: u32, mark: Mark) {
        assert_eq!(mark.tried, self.tried, "neuron {neuron} is not the last");
        let p = self.space.q.population_of(neuron);
        let profile =
            self.space.q.populations[p].profile(neuron - self.space.q.populations[p].first);
        self.lanes -= 1;
        (self.slots, self.work) = (mark.slots, mark.work);
        self.undo(neuron, p, profile, mark);
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
                at.map_or(0, |at| self.bits[at].div_ceil(WHOLE.into()))
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

    /// A synapse more of a row; gives those that its block had before.
    fn take_row(&mut self, row: u32, source: u32) -> u32 {
        let count = &mut self.row_count[row as usize];
        let before = *count;
        let phase = if before == self.space.block {
            0
        } else {
            before
        };
        *count = phase + 1;
        if before == 0 {
            self.rows_touched.push(row);
            self.take_source(source);
        }
        phase
    }

    /// The same where a population has several profiles.
    fn take_row_of(&mut self, row: u32, profile: u32, source: u32) -> u32 {
        let count = self.by_profile.entry((row, profile)).or_insert(0);
        let phase = *count % self.space.block;
        *count += 1;
        self.take_source(source);
        phase
    }

    /// Memory of synapses of a projection, whose blocks had so many before; `share`: the part that is reserved, of [`WHOLE`].
    fn take_bits(&mut self, projection: usize, phases: &[u32], share: u64) {
        let chunks = self.space.chunks;
        let steps = &self.space.steps[projection];
        for (chunk, bits) in self.bits.chunks_mut(LANES).enumerate() {
            let mut sums = Lanes::default();
            for phase in phases {
                let steps = &steps[*phase as usize * chunks + chunk];
                sums.iter_mut().zip(steps).for_each(|(s, x)| *s += x);
            }
            let sums = bits.iter_mut().zip(sums);
            sums.for_each(|(bits, sum)| *bits += share * u64::from(sum));
        }
    }

    /// Counts the synapses of a neuron in.
    fn take_synapses(&mut self, neuron: u32, population: usize, profile: u32) {
        let space = self.space;
        let single = space.q.populations[population].profile_of.is_empty();
        let share = u64::from(self.room.share(population));
        let fan = space.fan_of(neuron);
        let (mut at, mut next) = (0, 0);
        while next < fan.len() {
            while fan[next] >= space.row_base[at + 1] {
                at += 1;
            }
            let same = &fan[next..];
            let rows = same.partition_point(|row| *row < space.row_base[at + 1]);
            let rows = &same[..rows.min(SUMMED)];
            next += rows.len();
            self.take_format(space.sparse[at]);
            let source = space.sparse_source[at];
            let mut phases = std::mem::take(&mut self.phases);
            phases.clear();
            phases.extend(rows.iter().map(|row| match single {
                true => self.take_row(*row, row.wrapping_add(source)),
                false => self.take_row_of(*row, profile, row.wrapping_add(source)),
            }));
            self.take_bits(space.sparse[at], &phases, share);
            self.phases = phases;
        }
        for &projection in &space.dense[population] {
            self.take_format(projection);
            let p = &space.q.projections[projection];
            let rows = space.dense_rows[projection];
            let count = self.dense_count.entry((projection, profile)).or_insert(0);
            let before = *count;
            *count += 1;
            let phase = before % space.block;
            for (width, bits) in self.bits.iter_mut().enumerate() {
                let step = u64::from(WHOLE) * u64::from(space.step(projection, phase, width));
                *bits += step * u64::from(rows);
            }
            if before == 0 {
                let first = space.first_source(projection);
                let full = (0..p.rows()).filter(|row| !p.row(*row).is_empty());
                full.for_each(|row| self.take_source(first + row));
            }
        }
    }

    fn undo(&mut self, neuron: u32, population: usize, profile: u32, mark: Mark) {
        let space = self.space;
        let single = space.q.populations[population].profile_of.is_empty();
        for row in space.fan_of(neuron) {
            if single {
                let count = &mut self.row_count[*row as usize];
                *count = if *count == 1 { space.block } else { *count - 1 };
            } else if let Some(count) = self.by_profile.get_mut(&(*row, profile)) {
                *count -= 1;
            }
        }
        self.rows_touched
            .drain(mark.rows..)
            .for_each(|row| self.row_count[row as usize] = 0);
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
        self.bits.copy_from_slice(&self.bits_before);
    }
}
