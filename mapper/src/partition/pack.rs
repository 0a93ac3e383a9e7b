//! Few cores: neurons go to the open core that they add least to, and then cores are emptied into the others, one, two or three at a time.
//!
//! Invariant: every limit holds at all times, destinations included, which are counted exactly: a core that gets a source's first
//! target costs that source a slot where it is. Work is bounded by a number of synapses looked at; draws come from a fixed seed.

use super::lower_bound;
use super::space::{Filling, Full, Room, Space};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cmp::Reverse;

/// Synapses looked at: so many, and so many for each synapse of the network.
const WORK: u64 = 1 << 23;
/// What a trial of a neuron on a core counts beside its synapses.
const TRIAL: u64 = 24;
const WORK_PER_SYNAPSE: u64 = 8;
/// Largest number of counters (rows and sources, on every core) that packing may keep.
const COUNTERS: u64 = 1 << 24;
/// Cores of which the emptiest are tried alone, in pairs with each other, and in draws.
const EMPTIEST: usize = 12;
/// Draws of up to five cores that are emptied together.
const DRAWS: u32 = 64;
const SEED: u64 = 0x5EED;
const UNPLACED: u32 = u32::MAX;

/// Orders in which neurons are put onto cores.
const ORDERS: [Order; 4] = [
    Order::Backward,
    Order::Kinds,
    Order::Largest,
    Order::Network,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// From the network's end to its beginning: destinations are known when their neuron comes.
    Backward,
    /// By population and parameter profile.
    Kinds,
    /// Those with the most synapses first.
    Largest,
    /// The network's.
    Network,
}

/// Core of every neuron.
pub(super) fn partition(space: &Space<'_>, room: &Room) -> Result<Vec<u32>, (u32, Full)> {
    let starts = [
        super::overlap::partition(space, room)?,
        super::sequential::partition(space, room)?,
    ];
    let least = lower_bound(space.q, space.programs, space.chip).cores;
    let mut best: Option<Vec<u32>> = None;
    let mut fewer = |found: Vec<u32>| {
        let count = |c: &[u32]| c.iter().max().map_or(0, |c| *c + 1);
        if best.as_ref().is_none_or(|b| count(&found) < count(b)) {
            best = Some(found);
        }
    };
    let most = starts
        .iter()
        .flatten()
        .max()
        .map_or(1, |c| u64::from(*c) + 1);
    if space.counters().saturating_mul(most) > COUNTERS {
        starts.into_iter().for_each(fewer);
        return Ok(best.expect("there is a start"));
    }
    let most = (COUNTERS / space.counters().max(1)) as usize;
    let mut packings: Vec<Packing<'_, '_>> = Vec::new();
    // What breaks a limit that growth only estimates is no start.
    for start in &starts {
        let mut p = Packing::new(space, room);
        if p.load(start) {
            keep(&mut packings, p);
        }
    }
    for order in ORDERS {
        let mut p = Packing::new(space, room);
        let neurons = p.ordered(order, (0..space.neurons()).collect());
        if p.place_all(&neurons, most) {
            keep(&mut packings, p);
        }
    }
    for mut p in packings {
        p.empty_cores(least);
        fewer(p.compact());
    }
    // None holds: as it was grown, to be judged.
    Ok(best.unwrap_or_else(|| starts[0].clone()))
}

/// Of packings the two with the fewest cores, the earlier first of equals.
fn keep<'s, 'a>(packings: &mut Vec<Packing<'s, 'a>>, p: Packing<'s, 'a>) {
    packings.push(p);
    packings.sort_by_key(|p| p.cores.len());
    packings.truncate(2);
}

/// A partition that keeps every limit with as many of its cores emptied into the others as go, down to the least number that any mapping needs, or to another.
pub(super) fn emptied(space: &Space<'_>, start: &[u32], least: Option<u64>) -> Vec<u32> {
    let all = Room::ALL;
    let mut p = Packing::new(space, &all);
    let cores = start.iter().max().map_or(0, |c| u64::from(*c) + 1);
    if space.counters().saturating_mul(cores) > COUNTERS || !p.load(start) {
        return start.to_vec();
    }
    let bound = || lower_bound(space.q, space.programs, space.chip).cores;
    p.empty_cores(least.unwrap_or_else(bound));
    p.compact()
}

/// A neuron that keeps its core from being emptied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blocker {
    /// Core and neuron.
    pub(crate) core: u32,
    pub(crate) neuron: u32,
    /// Neurons of its core that went to others before.
    pub(crate) after: u32,
    /// Limits by which the other cores refuse it, and how many do.
    pub(crate) by: Vec<(&'static str, u32)>,
}

/// Why none of the cores of a partition can be emptied into the others as they are: of each a neuron that no other takes, or the first that none
/// takes after those before it. On chips that share kernels the
/// memory of sparse synapses refuses nothing here: what a core would store is not known before it is there. Cores that can be emptied are left out, and all from the one on at which work ends.
pub(super) fn blockers(space: &Space<'_>, core_of: &[u32]) -> Vec<Blocker> {
    let mut room = Room::ALL;
    if space.chip.limits.shared_pointer_bits > 0 {
        room.share = vec![0; space.q.populations.len()];
    }
    let mut p = Packing::new(space, &room);
    let cores = core_of.iter().max().map_or(0, |c| u64::from(*c) + 1);
    if space.counters().saturating_mul(cores) > COUNTERS || !p.load(core_of) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for core in 0..p.cores.len() {
        let mut mine = p.cores[core].neurons.clone();
        mine.sort_unstable();
        // What takes most is what is likely to fit nowhere.
        let first = p.ordered(Order::Largest, mine.clone());
        let mut alone = None;
        for n in first {
            alone = p.refusals(n, core);
            if alone.is_some() || p.work == 0 {
                break;
            }
        }
        let blocker = alone.map(|by| (by, 0)).or_else(|| p.left_over(core));
        if p.work == 0 {
            break;
        }
        out.extend(blocker.map(|((neuron, by), after)| Blocker {
            core: core as u32,
            neuron,
            after,
            by,
        }));
    }
    out
}

/// A core that is open to more.
struct Open<'s, 'a> {
    filling: Filling<'s, 'a>,
    neurons: Vec<u32>,
    /// Destinations of its neurons, and what is kept free for those whose targets have no core yet.
    slots: u64,
}

/// A neuron, and limits by which cores refuse it with their number.
type Refused = (u32, Vec<(&'static str, u32)>);

/// A state to come back to.
struct Saved {
    core_of: Vec<u32>,
    destinations: Vec<u32>,
    slots: Vec<u64>,
    neurons: Vec<Vec<u32>>,
}

struct Packing<'s, 'a> {
    space: &'s Space<'a>,
    room: &'s Room,
    cores: Vec<Open<'s, 'a>>,
    core_of: Vec<u32>,
    /// Destinations of each neuron so far, those at the host included.
    destinations: Vec<u32>,
    work: u64,
}

impl<'s, 'a> Packing<'s, 'a> {
    fn new(space: &'s Space<'a>, room: &'s Room) -> Packing<'s, 'a> {
        let synapses = space.q.synapses();
        Packing {
            space,
            room,
            cores: Vec::new(),
            core_of: vec![UNPLACED; space.neurons() as usize],
            destinations: space.host_entries(),
            work: WORK + WORK_PER_SYNAPSE * synapses,
        }
    }

    /// Takes a partition over if it keeps every limit.
    fn load(&mut self, start: &[u32]) -> bool {
        let cores = start.iter().max().map_or(0, |c| *c as usize + 1);
        for _ in 0..cores {
            self.open();
        }
        // Later neurons first: of networks without cycles destinations are known then.
        (0..start.len() as u32)
            .rev()
            .all(|n| self.add(n, start[n as usize] as usize).is_some())
    }

    fn open(&mut self) {
        self.cores.push(Open {
            filling: Filling::unslotted(self.space, self.room),
            neurons: Vec::new(),
            slots: 0,
        });
    }

    /// Slots that a neuron with so many destinations so far takes.
    fn slots(&self, neuron: u32, destinations: u32) -> u64 {
        destinations.max(self.space.least_slots(neuron)).into()
    }

    fn ordered(&self, order: Order, mut neurons: Vec<u32>) -> Vec<u32> {
        let q = self.space.q;
        let kind = |n: &u32| {
            let p = q.population_of(*n);
            (p, q.populations[p].profile(*n - q.populations[p].first), *n)
        };
        match order {
            Order::Backward => {
                neurons.sort_by_key(|n| {
                    let (p, profile, n) = kind(n);
                    (Reverse(q.populations[p].depth), Reverse(p), profile, n)
                });
            }
            Order::Kinds => neurons.sort_by_key(kind),
            Order::Largest => {
                neurons.sort_by_key(|n| (Reverse(self.space.synapses_of(*n)), kind(n)));
            }
            Order::Network => neurons.sort_unstable(),
        }
        neurons
    }

    /// What a core has of each limit after a neuron, less what it had, in shares of the limit; or the limit by which it does not fit.
    fn cost(&mut self, neuron: u32, core: usize) -> Result<f64, &'static str> {
        self.work = self
            .work
            .saturating_sub(self.space.synapses_of(neuron) + TRIAL);
        let before = self.cores[core].filling.shares();
        let mark = self.cores[core].filling.add(neuron).map_err(|f| f.limit)?;
        let moves = self.gains(neuron, core, mark.sources);
        let filling = &mut self.cores[core].filling;
        let after = filling.shares();
        filling.take_back(neuron, mark);
        moves.map(|(slots, _)| after - before + slots)
    }

    /// Slots that cores gain when a neuron has come to a core with the sources from `first` on, as a share of a core's;
    /// and which neurons have a destination more; or the limit that does not allow it.
    fn gains(
        &self,
        neuron: u32,
        core: usize,
        first: usize,
    ) -> Result<(f64, Vec<u32>), &'static str> {
        let (l, senders) = (self.space.limits(), self.space.senders());
        let sources = &self.cores[core].filling.sources()[first..];
        let mut more: Vec<u32> = sources
            .iter()
            .map(|s| s % senders)
            .filter(|s| *s < self.space.neurons())
            .collect();
        more.sort_unstable();
        let mut gain: Vec<(u32, u64)> = Vec::new();
        let mut own = self.destinations[neuron as usize];
        for run in more.chunk_by(|a, b| a == b) {
            let (s, count) = (run[0], run.len() as u32);
            let now = self.destinations[s as usize] + count;
            if now > l.lane_destinations {
                return Err("destinations of one neuron");
            }
            if s == neuron {
                own = now;
            } else if self.core_of[s as usize] != UNPLACED {
                let more = self.slots(s, now) - self.slots(s, now - count);
                gain.push((self.core_of[s as usize], more));
            }
        }
        if own > l.lane_destinations {
            return Err("destinations of one neuron");
        }
        gain.push((core as u32, self.slots(neuron, own)));
        gain.sort_unstable();
        let mut all = 0;
        for run in gain.chunk_by(|a, b| a.0 == b.0) {
            let more: u64 = run.iter().map(|g| g.1).sum();
            if more > 0 && self.cores[run[0].0 as usize].slots + more > l.output_slots.into() {
                return Err("output slots");
            }
            all += more;
        }
        Ok((all as f64 / f64::from(l.output_slots.max(1)), more))
    }

    /// Puts a neuron onto a core if every limit allows it.
    fn add(&mut self, neuron: u32, core: usize) -> Option<()> {
        self.work = self.work.saturating_sub(self.space.synapses_of(neuron));
        let mark = self.cores[core].filling.add(neuron).ok()?;
        let Ok((_, more)) = self.gains(neuron, core, mark.sources) else {
            self.cores[core].filling.take_back(neuron, mark);
            return None;
        };
        self.core_of[neuron as usize] = core as u32;
        self.cores[core].neurons.push(neuron);
        self.cores[core].slots += self.slots(neuron, self.destinations[neuron as usize]);
        for s in more {
            let before = self.slots(s, self.destinations[s as usize]);
            self.destinations[s as usize] += 1;
            let after = self.slots(s, self.destinations[s as usize]);
            if let Some(at) = self.cores.get_mut(self.core_of[s as usize] as usize) {
                at.slots += after - before;
            }
        }
        Some(())
    }

    /// Puts neurons onto the core that each adds least to; opens cores up to a number. False if one is left, or work has ended.
    fn place_all(&mut self, neurons: &[u32], most: usize) -> bool {
        for &n in neurons {
            let mut best: Option<(f64, usize)> = None;
            for core in 0..self.cores.len() {
                if let Ok(cost) = self.cost(n, core)
                    && best.is_none_or(|b| cost < b.0)
                {
                    best = Some((cost, core));
                }
            }
            if self.work == 0 {
                return false;
            }
            let core = match best {
                Some((_, core)) => core,
                None if self.cores.len() < most => {
                    self.open();
                    self.cores.len() - 1
                }
                None => return false,
            };
            if self.add(n, core).is_none() {
                return false;
            }
        }
        true
    }

    /// Empties cores into the others while that goes, down to a number of cores.
    fn empty_cores(&mut self, least: u64) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        while self.cores.len() as u64 > least.max(1) && self.work > 0 {
            let mut by_size: Vec<usize> = (0..self.cores.len()).collect();
            by_size.sort_by(|a, b| {
                let of = |c: &usize| self.cores[*c].filling.shares();
                of(a).total_cmp(&of(b)).then(a.cmp(b))
            });
            let few = &by_size[..by_size.len().min(EMPTIEST)];
            let singles = few.iter().map(|c| vec![*c]);
            let pairs = few
                .iter()
                .enumerate()
                .flat_map(|(i, b)| few[..i].iter().map(|a| vec![*a, *b]));
            let mut sets: Vec<Vec<usize>> = singles.chain(pairs).collect();
            for _ in 0..if by_size.len() > 2 { DRAWS } else { 0 } {
                let size = 2 + random.next_u32() as usize % (by_size.len() - 1).min(4);
                let mut set: Vec<usize> = (0..size)
                    .map(|_| random.next_u32() as usize % by_size.len())
                    .collect();
                set.sort_unstable();
                set.dedup();
                sets.push(set);
            }
            let all = sets.iter().any(|set| {
                ORDERS[..3]
                    .iter()
                    .any(|order| self.work > 0 && self.rearrange(set, *order))
            });
            if !all {
                return;
            }
        }
    }

    /// Puts the neurons of some cores onto the others and onto one core less; all stays as it was if that does not go.
    fn rearrange(&mut self, set: &[usize], order: Order) -> bool {
        let saved = self.save();
        let pool = set.iter().flat_map(|c| &self.cores[*c].neurons);
        let pool: Vec<u32> = pool.copied().collect();
        for &c in set {
            self.clear(c);
        }
        let pool = self.ordered(order, pool);
        let gone = set[set.len() - 1];
        let last = self.cores.len() - 1;
        self.swap(gone, last);
        let mut spare = self.cores.pop().expect("there are cores");
        if self.place_all(&pool, 0) {
            return true;
        }
        spare.filling.clear();
        self.cores.push(spare);
        self.swap(gone, last);
        self.restore(saved);
        false
    }

    fn save(&self) -> Saved {
        Saved {
            core_of: self.core_of.clone(),
            destinations: self.destinations.clone(),
            slots: self.cores.iter().map(|c| c.slots).collect(),
            neurons: self.cores.iter().map(|c| c.neurons.clone()).collect(),
        }
    }

    /// As it was.
    fn restore(&mut self, saved: Saved) {
        for ((open, neurons), slots) in self.cores.iter_mut().zip(saved.neurons).zip(saved.slots) {
            if open.neurons != neurons {
                open.filling.clear();
                for n in &neurons {
                    let fits = open.filling.add(*n);
                    assert!(fits.is_ok(), "neuron {n} fitted before");
                }
                open.neurons = neurons;
            }
            open.slots = slots;
        }
        (self.core_of, self.destinations) = (saved.core_of, saved.destinations);
    }

    /// Takes all neurons of a core away.
    fn clear(&mut self, core: usize) {
        let (neurons, senders) = (self.space.neurons(), self.space.senders());
        let sources: Vec<u32> = self.cores[core].filling.sources().to_vec();
        for s in sources.iter().map(|s| s % senders).filter(|s| *s < neurons) {
            let before = self.slots(s, self.destinations[s as usize]);
            self.destinations[s as usize] -= 1;
            let after = self.slots(s, self.destinations[s as usize]);
            if let Some(at) = self.cores.get_mut(self.core_of[s as usize] as usize) {
                at.slots -= before - after;
            }
        }
        let open = &mut self.cores[core];
        open.filling.clear();
        open.slots = 0;
        for n in std::mem::take(&mut open.neurons) {
            self.core_of[n as usize] = UNPLACED;
        }
    }

    /// A neuron with the limits by which all other cores refuse it, if they do.
    fn refusals(&mut self, neuron: u32, core: usize) -> Option<Refused> {
        let by = self.refused_by(neuron, core)?;
        let on_sources = ["output slots", "destinations of one neuron"];
        if !by.iter().any(|b| on_sources.contains(&b.0)) {
            return Some((neuron, by));
        }
        // Sources that reach its core for it alone have a destination less when it has left.
        let saved = self.save();
        self.clear(core);
        for n in saved.neurons[core].iter().filter(|n| **n != neuron) {
            let fits = self.add(*n, core);
            assert!(fits.is_some(), "neuron {n} fitted before");
        }
        let by = self.refused_by(neuron, core);
        self.restore(saved);
        by.map(|by| (neuron, by))
    }

    /// Limits by which all cores but one refuse a neuron, most often first.
    fn refused_by(&mut self, neuron: u32, core: usize) -> Option<Vec<(&'static str, u32)>> {
        let mut by: Vec<(&'static str, u32)> = Vec::new();
        for other in (0..self.cores.len()).filter(|c| *c != core) {
            let limit = self.cost(neuron, other).err()?;
            match by.iter_mut().find(|b| b.0 == limit) {
                Some(b) => b.1 += 1,
                None => by.push((limit, 1)),
            }
        }
        by.sort_by_key(|b| Reverse(b.1));
        Some(by)
    }

    /// The first neuron of a core that is left when it is emptied into the others, and how many went before. All stays as it is.
    fn left_over(&mut self, core: usize) -> Option<(Refused, u32)> {
        let before: Vec<Vec<u32>> = self.cores.iter().map(|c| c.neurons.clone()).collect();
        let saved = self.save();
        self.clear(core);
        let mut found = None;
        for (after, n) in (0u32..).zip(self.ordered(Order::Largest, before[core].clone())) {
            let costs: Vec<(f64, usize)> = (0..self.cores.len())
                .filter(|c| *c != core)
                .filter_map(|c| Some((self.cost(n, c).ok()?, c)))
                .collect();
            if self.work == 0 {
                break;
            }
            let best = costs.iter().min_by(|a, b| a.0.total_cmp(&b.0));
            if best.is_none_or(|b| self.add(n, b.1).is_none()) {
                found = self.refusals(n, core).map(|r| (r, after));
                break;
            }
        }
        self.restore(saved);
        found
    }

    /// Two cores change their numbers.
    fn swap(&mut self, a: usize, b: usize) {
        self.cores.swap(a, b);
        for core in [a, b] {
            for n in &self.cores[core].neurons {
                self.core_of[*n as usize] = core as u32;
            }
        }
    }

    /// Core of each neuron, numbered in network order.
    fn compact(&self) -> Vec<u32> {
        let mut number = vec![UNPLACED; self.cores.len()];
        let mut next = 0;
        let of = |c: &u32| {
            let n = &mut number[*c as usize];
            if *n == UNPLACED {
                (*n, next) = (next, next + 1);
            }
            *n
        };
        self.core_of.iter().map(of).collect()
    }
}
