//! Annealing: cores change places with each other or go to free ones, with noise that fades and steps that become shorter.
//!
//! Invariant: work is counted in proposals, never in time; the same flows, start and seed give the same placement. A proposal costs
//! a number of terms that depends on how far it goes, not on how many partners a core has: the cost of a core is the sum of a function
//! of its column and one of its row, convex and piecewise linear, and the slopes are known from the weight of its partners in
//! each column and row. Only an accepted proposal visits the partners.

use super::distance::Distance;
use super::flows::Flows;
use super::orders::Area;
use isa::ChipSpec;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Precomputed draws of the exponential distribution.
const DRAWS: usize = 4096;
/// Largest sum of the weights of a core, in the units of the search.
const MOST_WEIGHT: u64 = 1 << 24;
/// Share of accepted proposals that the length of steps aims at (Betz and Rose 1997).
const ACCEPTED: f64 = 0.44;

/// First temperature, as a share of the mean change of a random proposal, and the last as a share of the first.
const HOT: f64 = 0.05;
const COLD: f64 = 0.01;
/// Proposals per core, and terms looked at per core, whichever ends first; of these the last share is without noise.
const MOVES_PER_CORE: u64 = 2000;
const WORK_PER_CORE: u64 = 1 << 19;
const SETTLED: f64 = 0.1;
/// Part of the work for an estimate: some twenty partitions of a network are placed so, so that all of them together take about as long as one that is placed in earnest.
const SHORTER: u64 = 20;

/// A placement being annealed.
pub(super) struct Annealer<'a> {
    flows: &'a Flows,
    chip: &'a ChipSpec,
    distance: Distance,
    area: Area,
    /// Weights are divided by 2^shift, and are 1 at least.
    shift: u32,
    x: Vec<u32>,
    y: Vec<u32>,
    at: Vec<u32>,
    holder: Vec<u32>,
    axes: [Axis; 2],
    rng: Xoshiro256PlusPlus,
    exponential: Vec<f64>,
    /// Terms looked at.
    work: u64,
}

/// Weight of each core's partners by column (or row).
struct Axis {
    length: usize,
    /// Distance of each column from the one before.
    gaps: Vec<i64>,
    weight: Vec<i32>,
    /// Of these, up to the core's own column.
    below: Vec<i64>,
    total: Vec<i64>,
}

const NOBODY: u32 = u32::MAX;

impl Axis {
    /// Change of the sum of weight · distance when `core` goes from `from` to `to`.
    fn change(&self, core: u32, from: u32, to: u32) -> i64 {
        let core = core as usize;
        let row = &self.weight[core * self.length..(core + 1) * self.length];
        let (total, mut below, mut sum) = (self.total[core], self.below[core], 0);
        if to > from {
            let way = from as usize + 1..=to as usize;
            for (w, gap) in row[way.clone()].iter().zip(&self.gaps[way]) {
                sum += gap * (2 * below - total);
                below += i64::from(*w);
            }
        } else {
            let way = to as usize + 1..=from as usize;
            let columns = row[way.clone()].iter().zip(&self.gaps[way]);
            for (w, gap) in columns.rev() {
                below -= i64::from(*w);
                sum += gap * (total - 2 * below);
            }
        }
        sum
    }

    /// `core` itself goes.
    fn go(&mut self, core: u32, from: u32, to: u32) {
        let core = core as usize;
        let row = &self.weight[core * self.length..(core + 1) * self.length];
        let between = |a: u32, b: u32| -> i64 {
            let part = &row[a as usize + 1..=b as usize];
            part.iter().map(|w| i64::from(*w)).sum()
        };
        if to > from {
            self.below[core] += between(from, to);
        } else {
            self.below[core] -= between(to, from);
        }
    }

    /// A partner of `core`, which is at `own`, goes.
    fn partner(&mut self, core: u32, own: u32, w: i32, from: u32, to: u32) {
        let core = core as usize;
        self.weight[core * self.length + from as usize] -= w;
        self.weight[core * self.length + to as usize] += w;
        self.below[core] += i64::from(w) * (i64::from(to <= own) - i64::from(from <= own));
    }
}

impl<'a> Annealer<'a> {
    pub(super) fn new(flows: &'a Flows, chip: &'a ChipSpec, at: &[u32], seed: u64) -> Annealer<'a> {
        let n = flows.cores as usize;
        let of = |core: usize| {
            let partners = flows.with(core as u32).iter().map(|w| w.1);
            partners.fold(flows.host[core], u64::saturating_add)
        };
        let most = (0..n).map(of).max().unwrap_or(0);
        let mut shift = 0;
        while most >> shift > MOST_WEIGHT {
            shift += 1;
        }
        let mut holder = vec![NOBODY; chip.cores() as usize];
        for (core, slot) in at.iter().enumerate() {
            holder[*slot as usize] = core as u32;
        }
        let (x, y): (Vec<u32>, Vec<u32>) = at.iter().map(|c| chip.xy(chip.tile_of(*c))).unzip();
        let host = chip.xy(chip.host_ports[0].tile);
        let distance = Distance::new(chip);
        let axis = |index: usize, length: u32, own: &[u32], host: u32| {
            let mut axis = Axis {
                length: length as usize,
                gaps: distance.gaps(index),
                weight: vec![0; n * length as usize],
                below: vec![0; n],
                total: vec![0; n],
            };
            for core in 0..n {
                let row = &mut axis.weight[core * length as usize..(core + 1) * length as usize];
                for &(other, w) in flows.with(core as u32) {
                    row[own[other as usize] as usize] += scaled(w, shift);
                }
                row[host as usize] += scaled(flows.host[core], shift);
                let sum = |part: &[i32]| part.iter().map(|w| i64::from(*w)).sum();
                axis.total[core] = sum(row);
                axis.below[core] = sum(&row[..=own[core] as usize]);
            }
            axis
        };
        let axes = [
            axis(0, chip.mesh.width, &x, host.0),
            axis(1, chip.mesh.height, &y, host.1),
        ];
        // Quantiles instead of draws: the table has no luck.
        let quantile = |i: usize| -((i as f64 + 0.5) / DRAWS as f64).ln();
        Annealer {
            flows,
            chip,
            distance,
            area: reach_of(flows, chip, &x, &y),
            shift,
            x,
            y,
            at: at.to_vec(),
            holder,
            axes,
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            exponential: (0..DRAWS).map(quantile).collect(),
            work: 0,
        }
    }

    /// Physical core of each partition core.
    pub(super) fn placement(self) -> Vec<u32> {
        self.at
    }

    /// Anneals, with steps of at most `longest` tiles along each axis at first.
    pub(super) fn run(&mut self, longest: u32) {
        self.anneal(longest, MOVES_PER_CORE, WORK_PER_CORE);
    }

    /// The same with a part of the work.
    pub(super) fn shortly(&mut self, longest: u32) {
        self.anneal(longest, MOVES_PER_CORE / SHORTER, WORK_PER_CORE / SHORTER);
    }

    fn anneal(&mut self, longest: u32, moves_per_core: u64, work_per_core: u64) {
        let cores = u64::from(self.flows.cores);
        let hot = HOT * self.typical(longest);
        let batch = (8 * cores).clamp(256, 1 << 16);
        let longest = f64::from(longest);
        let (mut reach, mut moves) = (longest, 0);
        loop {
            let done = (moves as f64 / (moves_per_core * cores) as f64)
                .max(self.work as f64 / (work_per_core * cores) as f64);
            if cores == 0 || done >= 1.0 {
                return;
            }
            let fading = done / (1.0 - SETTLED);
            let temperature = if fading < 1.0 {
                hot * COLD.powf(fading)
            } else {
                0.0
            };
            let mut taken = 0;
            for _ in 0..batch {
                taken += u64::from(self.propose(reach as u32, temperature));
            }
            moves += batch;
            self.work += batch * (8 + reach as u64);
            let rate = taken as f64 / batch as f64;
            reach = (reach * (1.0 - ACCEPTED + rate)).clamp(1.0, longest);
        }
    }

    /// Mean change of random proposals.
    fn typical(&mut self, reach: u32) -> f64 {
        let (mut sum, mut count) = (0.0, 0u32);
        for _ in 0..512 {
            let proposal = self.draw(reach);
            if let Some((core, other, slot)) = proposal {
                let delta = self.change(core, other, slot, i64::MAX);
                sum += delta.unsigned_abs() as f64;
                count += 1;
            }
        }
        sum / f64::from(count.max(1))
    }

    /// A core, and where it might go: whoever is there, and the physical core.
    fn draw(&mut self, reach: u32) -> Option<(u32, u32, u32)> {
        let word = self.rng.next_u64();
        let part =
            |shift: u32, n: u32| ((u64::from((word >> shift) as u16) * u64::from(n)) >> 16) as u32;
        let core = ((u128::from(self.rng.next_u64()) * u128::from(self.flows.cores)) >> 64) as u32;
        let span = |own: u32, first: u32, length: u32| {
            let low = own.saturating_sub(reach).max(first);
            let high = (own + reach).min(first + length - 1);
            (low.min(high), high.saturating_sub(low) + 1)
        };
        let (own_x, own_y) = (self.x[core as usize], self.y[core as usize]);
        let (x0, columns) = span(own_x, self.area.x, self.area.width);
        let (y0, rows) = span(own_y, self.area.y, self.area.height);
        let (x, y) = (x0 + part(0, columns), y0 + part(16, rows));
        if (x, y) == (own_x, own_y) {
            return None;
        }
        let per_tile = self.chip.mesh.cores_per_tile;
        let slot = (y * self.chip.mesh.width + x) * per_tile + part(32, per_tile);
        Some((core, self.holder[slot as usize], slot))
    }

    /// Change of the cost, in scaled units; only a lower bound if it is above `limit`.
    fn change(&self, core: u32, other: u32, slot: u32, limit: i64) -> i64 {
        let tile = self.chip.xy(self.chip.tile_of(slot));
        let own = (self.x[core as usize], self.y[core as usize]);
        let mut sum =
            self.axes[0].change(core, own.0, tile.0) + self.axes[1].change(core, own.1, tile.1);
        if other != NOBODY {
            sum += self.axes[0].change(other, tile.0, own.0)
                + self.axes[1].change(other, tile.1, own.1);
            // The two change places: their own traffic travels as far as before, and was taken for none.
            if sum <= limit {
                let between = scaled(self.flows.between(core, other), self.shift);
                sum += 2 * i64::from(between) * i64::from(self.distance.between(own, tile));
            }
        }
        sum
    }

    /// One proposal; whether it was accepted.
    fn propose(&mut self, reach: u32, temperature: f64) -> bool {
        let Some((core, other, slot)) = self.draw(reach) else {
            return false;
        };
        let draw = self.exponential[(self.rng.next_u64() >> 52) as usize];
        let limit = (temperature * draw) as i64;
        let delta = self.change(core, other, slot, limit);
        if delta > limit {
            return false;
        }
        self.accept(core, other, slot);
        true
    }

    fn accept(&mut self, core: u32, other: u32, slot: u32) {
        let from = self.at[core as usize];
        self.shift_to(core, slot);
        if other != NOBODY {
            self.shift_to(other, from);
        }
        self.holder[slot as usize] = core;
        self.holder[from as usize] = other;
    }

    fn shift_to(&mut self, core: u32, slot: u32) {
        let to = self.chip.xy(self.chip.tile_of(slot));
        let from = (self.x[core as usize], self.y[core as usize]);
        self.work += 2 * self.flows.with(core).len() as u64;
        for &(partner, w) in self.flows.with(core) {
            let w = scaled(w, self.shift);
            let p = partner as usize;
            if from.0 != to.0 {
                self.axes[0].partner(partner, self.x[p], w, from.0, to.0);
            }
            if from.1 != to.1 {
                self.axes[1].partner(partner, self.y[p], w, from.1, to.1);
            }
        }
        self.axes[0].go(core, from.0, to.0);
        self.axes[1].go(core, from.1, to.1);
        (self.x[core as usize], self.y[core as usize]) = to;
        self.at[core as usize] = slot;
    }
}

/// A weight in the units of the search.
fn scaled(w: u64, shift: u32) -> i32 {
    if w == 0 {
        return 0;
    }
    i32::try_from((w >> shift).max(1)).unwrap_or(i32::MAX)
}

/// Where cores may go: a compact rectangle with some room, and all tiles of the start.
fn reach_of(flows: &Flows, chip: &ChipSpec, x: &[u32], y: &[u32]) -> Area {
    let compact = Area::compact(flows, chip);
    let axis = |first: u32, side: u32, own: &[u32], all: u32| {
        let room = side / 4 + 1;
        let low = own
            .iter()
            .copied()
            .fold(first.saturating_sub(room), u32::min);
        let high = own
            .iter()
            .copied()
            .fold((first + side - 1 + room).min(all - 1), u32::max);
        (low, high - low + 1)
    };
    let (x, width) = axis(compact.x, compact.width, x, chip.mesh.width);
    let (y, height) = axis(compact.y, compact.height, y, chip.mesh.height);
    Area {
        x,
        y,
        width,
        height,
    }
}
