//! A partition being improved: how many pins every net has in every core, and what every core holds.
//!
//! Invariant: [`State::shift`] keeps counts and loads exact; a shift that [`State::fits`] allowed keeps every limit.

use super::Limits;
use super::gains::{Gains, Moved};
use super::hyper::{Hyper, Size};
use rustc_hash::FxHashMap;
use std::cell::Cell;

/// Pins of a net in a core from which one more costs nothing, however much is smoothed: so many do not leave.
const SMOOTHED: usize = 8;

/// Cached gains that are looked at for the price of one entry elsewhere: they lie side by side.
const ROW: u64 = 8;
/// Entries of lists that are read one after the other for the price of one elsewhere.
const COUNTED: u64 = 4;

/// Counts of one line of the cache, and how many there must be so that they are read in advance.
const LINE: usize = 16;
const FETCHED: usize = 1 << 19;

/// How a core and a number of pins share a word: the pins take the low bits.
#[derive(Clone, Copy, Debug)]
struct Packing {
    bits: u32,
}

impl Packing {
    /// For so many cores, the one where vertices wait included, and so many pins of a net; none if a word does not hold both.
    fn new(cores: usize, pins: usize) -> Option<Packing> {
        let bits = usize::BITS - pins.leading_zeros();
        let cores = usize::BITS - cores.leading_zeros();
        (bits + cores <= u32::BITS).then_some(Packing { bits })
    }

    fn pack(self, core: u32, pins: u32) -> u32 {
        core << self.bits | pins
    }

    fn core(self, here: u32) -> u32 {
        here >> self.bits
    }

    fn pins(self, here: u32) -> usize {
        (here & ((1 << self.bits) - 1)) as usize
    }
}

/// Partition of a hypergraph with counts.
pub(super) struct State<'h> {
    pub(super) hyper: &'h Hyper,
    limits: &'h Limits,
    pub(super) core_of: Vec<u32>,
    /// Room for the cores of each net: at most as many as it has pins.
    start: Vec<usize>,
    used: Vec<u32>,
    here: Vec<u32>,
    packing: Packing,
    pub(super) load: Vec<Size>,
    /// Nets in each core by weight in sources: an upper bound on its input axons.
    axons: Vec<u64>,
    /// Most axons that one vertex can bring.
    most_axons: u64,
    kinds: FxHashMap<(u32, u32), u32>,
    kinds_of: Vec<u32>,
    pub(super) members: Vec<Vec<u32>>,
    /// Index of each vertex in the members of its core.
    place: Vec<u32>,
    /// Scratch of [`State::gains`].
    joined: Vec<f64>,
    pub(super) touched: Vec<u32>,
    /// What one more pin costs a net in a core that holds some: 1 for none, and less the more there are (see [`State::smooth`]).
    one_more: Vec<f64>,
    /// Gains of all moves, where they are kept (see [`State::keep_gains`]).
    kept: Option<Gains>,
    /// Work of counting them once.
    counting: u64,
    /// Entries looked at so far: the measure of work.
    work: Cell<u64>,
}

impl<'h> State<'h> {
    /// Whether the counts of a hypergraph can be kept.
    pub(super) fn can_hold(hyper: &Hyper, limits: &Limits) -> bool {
        Packing::new(limits.cores as usize + 1, hyper.largest_net()).is_some()
    }

    pub(super) fn new(hyper: &'h Hyper, limits: &'h Limits, core_of: Vec<u32>) -> State<'h> {
        // One core more, without limits of its own: where vertices wait that have no core yet.
        let cores = limits.cores as usize + 1;
        let mut start = Vec::with_capacity(hyper.nets() + 1);
        let mut next = 0;
        for net in 0..hyper.nets() as u32 {
            start.push(next);
            next += hyper.pins(net).len().min(cores);
        }
        start.push(next);
        let mut state = State {
            hyper,
            limits,
            start,
            used: vec![0; hyper.nets()],
            here: vec![0; next],
            packing: Packing::new(cores, hyper.largest_net()).expect("asked before"),
            load: vec![[0; 5]; cores],
            axons: vec![0; cores],
            most_axons: 0,
            kinds: FxHashMap::default(),
            kinds_of: vec![0; cores],
            members: vec![Vec::new(); cores],
            place: vec![0; hyper.vertices()],
            joined: vec![0.0; cores],
            touched: Vec::new(),
            one_more: Vec::new(),
            kept: None,
            counting: 0,
            work: Cell::new(0),
            core_of,
        };
        state.smooth(0.0);
        let mut index = vec![u32::MAX; cores];
        for net in 0..hyper.nets() as u32 {
            state.count(net, &mut index);
        }
        for v in 0..hyper.vertices() as u32 {
            state.enter(v, state.core_of[v as usize]);
            let brings = hyper.nets_of(v).iter();
            let brings = brings.map(|e| hyper.net_sources[*e as usize]).sum();
            state.most_axons = state.most_axons.max(brings);
        }
        state
    }

    /// Entries looked at so far.
    pub(super) fn work(&self) -> u64 {
        self.work.get()
    }

    /// Counts entries that are looked at.
    pub(super) fn look(&self, entries: u64) {
        self.work.set(self.work.get() + entries);
    }

    fn cores_of(&self, net: u32) -> &[u32] {
        let start = self.start[net as usize];
        &self.here[start..start + self.used[net as usize] as usize]
    }

    /// Counts a net's pins in every core. `index` is scratch, all `u32::MAX`.
    fn count(&mut self, net: u32, index: &mut [u32]) {
        let list = &mut self.here[self.start[net as usize]..self.start[net as usize + 1]];
        let mut used = 0;
        for pin in self.hyper.pins(net) {
            let core = self.core_of[*pin as usize];
            let at = &mut index[core as usize];
            if *at == u32::MAX {
                *at = used;
                list[used as usize] = self.packing.pack(core, 0);
                self.axons[core as usize] += self.hyper.net_sources[net as usize];
                used += 1;
            }
            list[*at as usize] += 1;
        }
        self.used[net as usize] = used;
        for h in &list[..used as usize] {
            index[self.packing.core(*h) as usize] = u32::MAX;
        }
    }

    /// Keeps the gains of all moves from now on, where they take no more than the pins. No vertex may be waiting.
    pub(super) fn keep_gains(&mut self) {
        self.kept = Gains::new(self.hyper, self.limits.cores as usize);
        self.count_gains();
    }

    fn count_gains(&mut self) {
        let Some(mut gains) = self.kept.take() else {
            return;
        };
        let turn = gains.turn(&self.one_more);
        let unpack = |h| (self.packing.core(h), self.packing.pins(h));
        let mut looked = 0;
        for (v, home) in (0..).zip(&self.core_of) {
            let nets = self.hyper.nets_of(v);
            looked += gains.count(&turn, (v, *home), nets, |net| self.cores_of(net), unpack);
        }
        self.counting = looked as u64 / COUNTED;
        self.look(self.counting);
        self.kept = Some(gains);
    }

    /// A pin of a net comes to a core; returns how many were there.
    fn arrive(&mut self, net: u32, core: u32) -> usize {
        let start = self.start[net as usize];
        let used = self.used[net as usize] as usize;
        let list = &mut self.here[start..(start + used + 1).min(self.start[net as usize + 1])];
        let packing = self.packing;
        if let Some(here) = list[..used].iter_mut().find(|h| packing.core(**h) == core) {
            *here += 1;
            return packing.pins(*here) - 1;
        }
        list[used] = packing.pack(core, 1);
        self.used[net as usize] += 1;
        self.axons[core as usize] += self.hyper.net_sources[net as usize];
        0
    }

    /// A pin of a net leaves a core; returns how many stay.
    fn leave(&mut self, net: u32, core: u32) -> usize {
        let start = self.start[net as usize];
        let used = self.used[net as usize] as usize;
        let list = &mut self.here[start..start + used];
        let packing = self.packing;
        let at = list
            .iter()
            .position(|h| packing.core(*h) == core)
            .expect("a pin was counted here");
        list[at] -= 1;
        let stay = packing.pins(list[at]);
        if stay == 0 {
            list.swap(at, used - 1);
            self.used[net as usize] -= 1;
            self.axons[core as usize] -= self.hyper.net_sources[net as usize];
        }
        stay
    }

    fn enter(&mut self, v: u32, core: u32) {
        super::hyper::add(&mut self.load[core as usize], &self.hyper.size[v as usize]);
        self.place[v as usize] = self.members[core as usize].len() as u32;
        self.members[core as usize].push(v);
        let count = self
            .kinds
            .entry((core, self.hyper.kind[v as usize]))
            .or_insert(0);
        *count += 1;
        self.kinds_of[core as usize] += u32::from(*count == 1);
    }

    fn exit(&mut self, v: u32, core: u32) {
        for (load, size) in self.load[core as usize]
            .iter_mut()
            .zip(&self.hyper.size[v as usize])
        {
            *load -= size;
        }
        let members = &mut self.members[core as usize];
        let at = self.place[v as usize] as usize;
        members.swap_remove(at);
        if let Some(moved) = members.get(at) {
            self.place[*moved as usize] = at as u32;
        }
        if let Some(count) = self.kinds.get_mut(&(core, self.hyper.kind[v as usize])) {
            *count -= 1;
            self.kinds_of[core as usize] -= u32::from(*count == 0);
        }
    }

    /// Moves a vertex.
    pub(super) fn shift(&mut self, v: u32, to: u32) {
        let from = std::mem::replace(&mut self.core_of[v as usize], to);
        let hyper = self.hyper;
        for net in hyper.nets_of(v) {
            self.look(2 + u64::from(self.used[*net as usize]));
            let moved = Moved {
                from: (from, self.leave(*net, from)),
                to: (to, self.arrive(*net, to)),
            };
            if let Some(gains) = &mut self.kept {
                let changed = gains.shift(*net, v, moved, hyper.pins(*net), &self.core_of);
                self.look(changed as u64);
            }
        }
        self.exit(v, from);
        self.enter(v, to);
    }

    /// Work of changing the smoothing.
    pub(super) fn smoothing_work(&self) -> u64 {
        self.counting
    }

    /// Lets a net in a core cost 1 + `share` · log2(pins there) packets instead of 1, so that pins gather before the last
    /// one of a core can go. 0 = packets as they are.
    pub(super) fn smooth(&mut self, share: f64) {
        self.one_more.clear();
        self.one_more.push(1.0);
        let more = (1..SMOOTHED).map(|n| share * (1.0 + 1.0 / n as f64).log2());
        self.one_more.extend(more);
        self.one_more.push(0.0);
        self.count_gains();
    }

    /// Reads the counts of a vertex's nets, so that they come from memory side by side and not one after the other.
    fn fetch(&self, v: u32) {
        if self.here.len() < FETCHED {
            return;
        }
        let mut read = 0;
        for net in self.hyper.nets_of(v) {
            let start = self.start[*net as usize];
            let second = (start + LINE).min(self.start[*net as usize + 1] - 1);
            read ^= self.here[start] ^ self.here[second];
        }
        std::hint::black_box(read);
    }

    /// Prepares [`State::gain`] of a vertex for every core in `touched`; returns what leaving its core saves less what
    /// arriving where it has no net would cost.
    pub(super) fn gains(&mut self, v: u32, least: f64) -> f64 {
        let from = self.core_of[v as usize];
        if let Some(gains) = &self.kept {
            self.look(1 + self.limits.cores as u64 / ROW);
            self.touched.clear();
            let row = gains.of(v);
            let stay = row[from as usize];
            let bound = gains.units(least).saturating_add(stay).max(0);
            // Most stretches of a row have nothing above the bound: each is looked at as a whole first.
            for (i, stretch) in row.chunks(ROW as usize).enumerate() {
                if !stretch
                    .iter()
                    .fold(false, |any, shared| any | (*shared > bound))
                {
                    continue;
                }
                for (core, shared) in (i * ROW as usize..).zip(stretch) {
                    if *shared > bound && core != from as usize {
                        self.touched.push(core as u32);
                        self.joined[core] = gains.packets(*shared);
                    }
                }
            }
            return -gains.packets(stay);
        }
        for core in self.touched.drain(..) {
            self.joined[core as usize] = 0.0;
        }
        let mut base = 0.0;
        self.fetch(v);
        for net in self.hyper.nets_of(v) {
            let weight = self.hyper.net_weight[*net as usize] as f64;
            self.look(1 + u64::from(self.used[*net as usize]));
            let start = self.start[*net as usize];
            for h in &self.here[start..start + self.used[*net as usize] as usize] {
                let (core, pins) = (self.packing.core(*h), self.packing.pins(*h));
                if core == from {
                    base += weight * (self.one_more[(pins - 1).min(SMOOTHED)] - 1.0);
                } else {
                    let joined = &mut self.joined[core as usize];
                    if *joined == 0.0 {
                        self.touched.push(core);
                    }
                    *joined += weight * (1.0 - self.one_more[pins.min(SMOOTHED)]);
                }
            }
        }
        base
    }

    /// Packets saved by moving the vertex that `base` was prepared for to a core.
    pub(super) fn gain(&self, base: f64, core: u32) -> f64 {
        base + self.joined[core as usize]
    }

    /// Packets saved by moving `v` to `to`, without touching the scratch of [`State::gains`].
    pub(super) fn gain_of(&mut self, v: u32, to: u32) -> f64 {
        let from = self.core_of[v as usize];
        if let Some(gains) = &self.kept {
            self.look(1);
            return gains.gain(v, from, to);
        }
        let mut gain = 0.0;
        self.fetch(v);
        for net in self.hyper.nets_of(v) {
            let weight = self.hyper.net_weight[*net as usize] as f64;
            self.look(1 + u64::from(self.used[*net as usize]));
            let (mut left, mut there) = (0, 0);
            for h in self.cores_of(*net) {
                let (core, pins) = (self.packing.core(*h), self.packing.pins(*h));
                if core == from {
                    left = pins - 1;
                }
                if core == to {
                    there = pins;
                }
            }
            gain +=
                weight * (self.one_more[left.min(SMOOTHED)] - self.one_more[there.min(SMOOTHED)]);
        }
        gain
    }

    /// The core that a vertex shares most with, apart from its own and another, and what going there saves; only where gains are kept.
    pub(super) fn best_other(&self, v: u32, other: u32) -> Option<(u32, f64)> {
        let gains = self.kept.as_ref()?;
        self.look(1 + self.limits.cores as u64 / ROW);
        let from = self.core_of[v as usize];
        let others = (0..)
            .zip(gains.of(v))
            .filter(|(core, _)| *core != from && *core != other);
        let (core, _) = others.max_by_key(|(core, shared)| (**shared, std::cmp::Reverse(*core)))?;
        Some((core, gains.gain(v, from, core)))
    }

    fn fits_load(&self, v: u32, to: u32, without: Option<u32>) -> bool {
        let size = &self.hyper.size[v as usize];
        let away = without.map_or([0; 5], |u| self.hyper.size[u as usize]);
        let load = &self.load[to as usize];
        let share = self.limits.share(to);
        if (0..size.len()).any(|i| load[i] + size[i] > self.limits.size[i] * share + away[i]) {
            return false;
        }
        let kind = (to, self.hyper.kind[v as usize]);
        u64::from(self.kinds_of[to as usize]) < u64::from(self.limits.kinds) * share
            || self.kinds.get(&kind).is_some_and(|n| *n > 0)
    }

    /// Whether a core has room for a vertex. Axons are bounded by the nets that it brings.
    pub(super) fn fits(&self, v: u32, to: u32) -> bool {
        self.fits_load(v, to, None) && self.axons_fit(v, to)
    }

    /// Whether a core has room for a vertex when another leaves.
    pub(super) fn fits_without(&self, v: u32, to: u32, other: u32) -> bool {
        self.fits_load(v, to, Some(other)) && self.axons_fit(v, to)
    }

    fn axons_fit(&self, v: u32, to: u32) -> bool {
        let mut axons = self.axons[to as usize];
        let limit = self.limits.axons.saturating_mul(self.limits.share(to));
        if axons + self.most_axons <= limit {
            return true;
        }
        for net in self.hyper.nets_of(v) {
            self.look(1 + u64::from(self.used[*net as usize]));
            let mut cores = self.cores_of(*net).iter();
            if !cores.any(|h| self.packing.core(*h) == to) {
                axons += self.hyper.net_sources[*net as usize];
            }
        }
        axons <= limit
    }
}
