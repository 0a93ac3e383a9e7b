//! Gain cache: what every vertex shares with every core, kept exact while vertices move.
//!
//! Invariant: the entry of a vertex and a core is Σ over the nets of the vertex of weight · (1 − one more), in units, where *one more* is
//! what the net's pins there, the vertex itself left out, let one more pin cost. So the gain of a move is the difference of two entries.
//! Entries are whole numbers: what is added when a vertex comes is taken away when it goes.

use super::hyper::Hyper;

/// Units of one packet at most and at least; between them as many as let all nets of a vertex fit an entry.
const MOST_UNITS: u64 = 1 << 12;
const LEAST_UNITS: u64 = 1 << 6;
/// Entries that filling the cache may look at, pins times cores of each net: a quarter of a second. Large nets in many cores take longer than they save.
const FILLED: usize = 150_000_000;

/// Gains of all moves of a hypergraph's vertices.
pub(super) struct Gains {
    cores: usize,
    units: u64,
    weight: Vec<i32>,
    /// Entry of vertex v and core c at `shared[v · cores + c]`.
    shared: Vec<i32>,
    /// What one more pin of a net of weight 1 costs where there are so many, in units; nothing from the length on.
    one_more: Vec<i32>,
}

/// Pins of a net in the two cores between which one of them moves, itself left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved {
    pub(super) from: (u32, usize),
    pub(super) to: (u32, usize),
}

/// How much less one more pin costs than before, by the pins that are there.
pub(super) struct Turn {
    saved: Vec<i32>,
    /// For more pins than are listed.
    beyond: i32,
}

impl Turn {
    fn saved(&self, pins: usize) -> i32 {
        self.saved.get(pins).copied().unwrap_or(self.beyond)
    }
}

impl Gains {
    /// Whether a hypergraph's gains are kept: the table takes no more than the pins do, is filled soon, and the weights are small enough.
    pub(super) fn pays(hyper: &Hyper, cores: usize) -> bool {
        Gains::units_of(hyper, cores).is_some()
    }

    /// Units of one packet, if gains are kept.
    fn units_of(hyper: &Hyper, cores: usize) -> Option<u64> {
        if hyper.vertices().checked_mul(cores)? > hyper.pin_count() {
            return None;
        }
        let nets = 0..hyper.nets() as u32;
        let sizes = nets.map(|net| hyper.pins(net).len());
        if sizes.map(|pins| pins * pins.min(cores)).sum::<usize>() > FILLED {
            return None;
        }
        let all = |v: u32| -> u64 {
            let weights = hyper.nets_of(v).iter();
            weights.fold(0, |sum: u64, e| {
                sum.saturating_add(hyper.net_weight[*e as usize])
            })
        };
        let most = (0..hyper.vertices() as u32).map(all).max()?;
        let units = (i32::MAX as u64 / most.max(1)).min(MOST_UNITS);
        // Powers of two: packets come back from units as they were.
        (units >= LEAST_UNITS).then(|| 1 << units.ilog2())
    }

    /// An empty cache; none where it does not pay ([`Gains::pays`]).
    pub(super) fn new(hyper: &Hyper, cores: usize) -> Option<Gains> {
        let units = Gains::units_of(hyper, cores)?;
        Some(Gains {
            cores,
            units,
            weight: hyper.net_weight.iter().map(|w| *w as i32).collect(),
            shared: vec![0; hyper.vertices() * cores],
            one_more: Vec::new(),
        })
    }

    /// Lets one more pin cost something else (`one_more[0]` = 1); what the turn changes is still to be told to every vertex ([`Gains::count`]).
    pub(super) fn turn(&mut self, one_more: &[f64]) -> Turn {
        let whole = |c: &f64| (c * self.units as f64).round() as i32;
        let mut costs: Vec<i32> = one_more.iter().map(whole).collect();
        while costs.last() == Some(&0) {
            costs.pop();
        }
        let before = std::mem::replace(&mut self.one_more, costs);
        let pins = before.len().max(self.one_more.len());
        // Before the first turn nothing was counted: as if one more pin had cost all that it can, however many there are.
        let saved = |pins: usize| {
            let before = if before.is_empty() {
                self.units as i32
            } else {
                before.get(pins).copied().unwrap_or(0)
            };
            before - self.costs(pins)
        };
        Turn {
            saved: (0..pins).map(saved).collect(),
            beyond: if before.is_empty() {
                self.units as i32
            } else {
                0
            },
        }
    }

    fn costs(&self, pins: usize) -> i32 {
        self.one_more.get(pins).copied().unwrap_or(0)
    }

    /// Tells a vertex what a turn changes, net by net: `here` gives the cores of a net and its pins in each. Returns the entries looked at.
    pub(super) fn count<'c>(
        &mut self,
        turn: &Turn,
        (v, home): (u32, u32),
        nets: &[u32],
        here: impl Fn(u32) -> &'c [u32],
        unpack: impl Fn(u32) -> (u32, usize),
    ) -> usize {
        let first = v as usize * self.cores;
        let row = &mut self.shared[first..first + self.cores];
        let mut looked = 0;
        for net in nets {
            let weight = self.weight[*net as usize];
            let cores = here(*net);
            looked += cores.len();
            for (core, pins) in cores.iter().map(|h| unpack(*h)) {
                row[core as usize] += weight * turn.saved(pins - usize::from(core == home));
            }
        }
        looked
    }

    /// A pin of a net goes from one core to another. Returns the entries that changed.
    pub(super) fn shift(
        &mut self,
        net: u32,
        v: u32,
        moved: Moved,
        all: &[u32],
        core_of: &[u32],
    ) -> usize {
        let weight = self.weight[net as usize];
        let (from, left) = moved.from;
        let (to, there) = moved.to;
        // One pin more makes one more pin cheaper; to those inside, one of the pins is their own.
        let cheaper = |pins: usize| weight * (self.costs(pins) - self.costs(pins + 1));
        let goes = [if left > 0 { cheaper(left - 1) } else { 0 }, cheaper(left)];
        let comes = [
            if there > 0 { cheaper(there - 1) } else { 0 },
            cheaper(there),
        ];
        let mut changed = 0;
        for (core, [inside, outside], sign) in [(from, goes, -1), (to, comes, 1)] {
            if inside == 0 && outside == 0 {
                continue;
            }
            changed += all.len();
            let (inside, outside) = (sign * inside, sign * outside);
            for u in all {
                if *u != v {
                    let here = core_of[*u as usize] == core;
                    self.shared[*u as usize * self.cores + core as usize] +=
                        if here { inside } else { outside };
                }
            }
        }
        changed
    }

    /// Entries of a vertex by core, in units.
    pub(super) fn of(&self, v: u32) -> &[i32] {
        let first = v as usize * self.cores;
        &self.shared[first..first + self.cores]
    }

    /// Packets saved by moving a vertex from one core to another.
    pub(super) fn gain(&self, v: u32, from: u32, to: u32) -> f64 {
        let row = self.of(v);
        self.packets(row[to as usize] - row[from as usize])
    }

    /// Rounded down, so that nothing above is lost.
    pub(super) fn units(&self, packets: f64) -> i32 {
        (packets * self.units as f64).floor() as i32
    }

    pub(super) fn packets(&self, units: i32) -> f64 {
        f64::from(units) / self.units as f64
    }
}

#[cfg(test)]
mod tests {
    use super::super::state::State;
    use super::super::{Limits, UNLIMITED};
    use super::*;
    use rand_core::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    const CORES: u32 = 5;

    /// Nets of 2 to 21 of 60 vertices, with weights up to `most`.
    fn random(rng: &mut Xoshiro256PlusPlus, most: u64) -> Hyper {
        let mut below = |n: u64| rng.next_u64() % n;
        let weights = (0..60).map(|_| [1 + below(most), 1]).collect();
        let targets: Vec<Vec<u32>> = (0..60)
            .map(|_| (0..2 + below(20)).map(|_| below(60) as u32).collect())
            .collect();
        Hyper::rooted(vec![[1; 5]; 60], vec![0; 60], weights, false, |u, t| {
            t.extend(&targets[u]);
            Some(u as u32)
        })
    }

    fn limits() -> Limits {
        Limits {
            cores: CORES,
            size: [UNLIMITED; 5],
            axons: u64::MAX,
            kinds: 1,
            share: Vec::new(),
        }
    }

    /// Whatever moved and however it was smoothed, gains are those that counting anew gives, and without smoothing what the packets tell.
    #[test]
    fn kept_gains_are_those_of_counting() {
        for seed in 0..20 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let most = if seed % 2 == 0 { 1 } else { 1000 };
            let hyper = random(&mut rng, most);
            // Costs are rounded to units, for each of at most 60 nets, in either core.
            let rounding = 60.0 * most as f64 / MOST_UNITS as f64;
            let limits = limits();
            let start: Vec<u32> = (0..60).map(|v| v % CORES).collect();
            let mut kept = State::new(&hyper, &limits, start.clone());
            kept.keep_gains();
            let mut plain = State::new(&hyper, &limits, start);
            for turn in 0..60 {
                let v = (rng.next_u64() % 60) as u32;
                let to = (rng.next_u64() % u64::from(CORES)) as u32;
                if to != plain.core_of[v as usize] {
                    kept.shift(v, to);
                    plain.shift(v, to);
                }
                if turn % 7 == 0 {
                    let share = [0.0, 0.5, 0.2][turn / 7 % 3];
                    kept.smooth(share);
                    plain.smooth(share);
                }
                let v = (rng.next_u64() % 60) as u32;
                for to in 0..CORES {
                    if to == plain.core_of[v as usize] {
                        continue;
                    }
                    let (one, two) = (kept.gain_of(v, to), plain.gain_of(v, to));
                    assert!((one - two).abs() <= rounding, "{one} {two}");
                }
            }
            kept.smooth(0.0);
            for v in 0..60 {
                for to in (0..CORES).filter(|to| *to != plain.core_of[v as usize]) {
                    let mut moved = plain.core_of.clone();
                    moved[v as usize] = to;
                    let saved = hyper.packets(&plain.core_of) as f64 - hyper.packets(&moved) as f64;
                    assert_eq!(kept.gain_of(v, to), saved);
                }
            }
        }
    }

    #[test]
    fn weights_that_fit_no_entry_are_not_kept() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        assert!(Gains::new(&random(&mut rng, 1), 5).is_some());
        assert!(Gains::new(&random(&mut rng, 1 << 40), 5).is_none());
        // More entries than pins.
        assert!(Gains::new(&random(&mut rng, 1), 1000).is_none());
    }
}
