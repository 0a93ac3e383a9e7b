//! Fewer crossbar cores: neurons go back to the core that they add least to, and cores are emptied into the others, a few at a time.
//!
//! Invariant: every limit of every core holds whenever a move is kept (lines, lanes with copies, destinations, groups), counted exactly: a line that
//! a core gets for the first time is a destination of its source, and so perhaps a lane where the source is. Work is bounded by a number of
//! lines looked at; draws come from a fixed seed.

use super::partition::{Cores, Problem, lanes};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Lines looked at: so many, and so many for each line of each neuron.
const WORK: u64 = 1 << 22;
const WORK_PER_LINE: u64 = 64;
/// What a trial of a neuron on a core counts beside its lines.
const TRIAL: u64 = 16;
/// Largest number of counters (lines on every core).
const COUNTERS: u64 = 1 << 23;
/// Rounds in which all neurons go to the core that they add least to.
const SETTLING: u32 = 3;
/// Cores of which the emptiest are tried alone and in pairs.
const EMPTIEST: usize = 8;
/// Draws of up to five cores that are emptied together.
const DRAWS: u32 = 48;
const SEED: u64 = 0x5EED;
/// Core of a neuron that has none.
pub(super) const UNPLACED: u32 = u32::MAX;

/// Orders in which neurons are put onto cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Those with the most lines first.
    Lines,
    /// Those with the most lanes first.
    Lanes,
    /// From the network's end to its beginning.
    Backward,
}

const ORDERS: [Order; 3] = [Order::Lines, Order::Lanes, Order::Backward];

/// A partition with as many of its cores emptied into the others as go, down to `least`.
pub(super) fn packed(problem: &Problem<'_>, cores: &Cores, least: u64) -> Option<Cores> {
    if cores.count() as u64 <= least.max(1) {
        return None;
    }
    let mut p = Packing::load(problem, cores)?;
    if p.broken() {
        return None;
    }
    p.fewer(least);
    (p.cores.len() < cores.count()).then(|| Cores::of(problem, p.compact()))
}

/// A neuron that keeps its core from being emptied.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Blocker {
    /// Core and neuron.
    pub(super) core: u32,
    pub(super) neuron: u32,
    /// Neurons of its core that went to others before.
    pub(super) after: u32,
    /// Limits by which the other cores refuse it, and how many do.
    pub(super) by: Vec<(&'static str, u64)>,
}

/// Why none of the cores can be emptied into the others as they are: of each a neuron that no other takes, or the first that none takes after
/// those before it. Cores that can be emptied are left out, and all from the one on at which work ends.
pub(super) fn blockers(problem: &Problem<'_>, cores: &Cores) -> Vec<Blocker> {
    let Some(mut p) = Packing::load(problem, cores) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for core in 0..p.cores.len() {
        let first = p.ordered(Order::Lines, p.cores[core].neurons.clone());
        let alone = first.iter().find_map(|n| {
            let by = p.alone(*n, core)?;
            Some((*n, 0, by))
        });
        let found = alone.or_else(|| p.left_over(core, &first));
        if p.work == 0 {
            break;
        }
        out.extend(found.map(|(neuron, after, by)| Blocker {
            core: core as u32,
            neuron,
            after,
            by,
        }));
    }
    out
}

/// A core that is open to more.
#[derive(Default)]
pub(super) struct Open {
    pub(super) neurons: Vec<u32>,
    /// Neurons that have each line.
    pub(super) count: Vec<u32>,
    /// Lines that one has.
    lines: u32,
    lanes: u64,
    slots: u64,
    /// Neurons by population, and those that have copies.
    groups: BTreeMap<(u32, bool), u32>,
}

/// What stands in the way, by the names of the limits.
type Refused = Vec<(&'static str, u64)>;

/// A partition that is changed neuron by neuron.
pub(super) struct Packing<'a> {
    pub(super) problem: &'a Problem<'a>,
    pub(super) cores: Vec<Open>,
    pub(super) core_of: Vec<u32>,
    /// Destinations of each neuron at the host and for the lines on cores, and the least of any partition.
    pub(super) outputs: Vec<u32>,
    least: Vec<u32>,
    /// How far from the network's end each neuron is.
    stage: Vec<u32>,
    /// What may still be looked at.
    pub(super) work: u64,
}

impl<'a> Packing<'a> {
    /// A partition; `None` if it takes too many counters.
    pub(super) fn load(problem: &'a Problem<'a>, cores: &Cores) -> Option<Packing<'a>> {
        let lines = problem.lines.count();
        if (cores.count() as u64).saturating_mul(lines as u64) > COUNTERS {
            return None;
        }
        let neurons = problem.host.len();
        let leaving = problem.lines.leaving(neurons as u32);
        let mut stage = vec![0; neurons];
        for (i, list) in (0u32..).zip(&problem.stages) {
            list.iter().for_each(|n| stage[*n as usize] = i);
        }
        let mut p = Packing {
            problem,
            cores: (0..cores.count())
                .map(|_| Open {
                    count: vec![0; lines],
                    ..Open::default()
                })
                .collect(),
            core_of: vec![UNPLACED; neurons],
            outputs: problem.host.clone(),
            least: leaving
                .iter()
                .zip(&problem.host)
                .map(|(l, h)| l + h)
                .collect(),
            stage,
            work: WORK + WORK_PER_LINE * problem.lines.of.len() as u64,
        };
        for (n, core) in (0u32..).zip(&cores.core_of) {
            p.put(n, *core as usize);
        }
        Some(p)
    }

    fn planned(&self, n: u32) -> u32 {
        self.outputs[n as usize].max(self.least[n as usize])
    }

    fn lanes(&self, outputs: u32) -> u64 {
        lanes(outputs, self.problem.each).into()
    }

    /// Counts a neuron in its core (or no longer).
    fn stand(&mut self, n: u32, core: usize, on: bool) {
        let outputs = self.planned(n);
        let (more, population) = (self.lanes(outputs), self.problem.population[n as usize]);
        let open = &mut self.cores[core];
        if on {
            open.lanes += more;
            open.slots += u64::from(outputs);
        } else {
            open.lanes -= more;
            open.slots -= u64::from(outputs);
        }
        for group in [(population, false), (population, true)] {
            if group.1 && more < 2 {
                continue;
            }
            let members = open.groups.entry(group).or_default();
            if on {
                *members += 1;
            } else {
                *members -= 1;
                if *members == 0 {
                    open.groups.remove(&group);
                }
            }
        }
    }

    /// A line comes to its first core, or leaves its last neuron of a core.
    fn reach(&mut self, line: u32, on: bool) {
        let Some(s) = self.problem.lines.neuron(line) else {
            return;
        };
        let core = self.core_of[s as usize];
        if core != UNPLACED {
            self.stand(s, core as usize, false);
        }
        if on {
            self.outputs[s as usize] += 1;
        } else {
            self.outputs[s as usize] -= 1;
        }
        if core != UNPLACED {
            self.stand(s, core as usize, true);
        }
    }

    /// Puts a neuron onto a core, whether it fits or not.
    pub(super) fn put(&mut self, n: u32, core: usize) {
        let problem = self.problem;
        self.spend(n);
        for &line in problem.lines.of(n) {
            let open = &mut self.cores[core];
            open.count[line as usize] += 1;
            if open.count[line as usize] == 1 {
                open.lines += 1;
                self.reach(line, true);
            }
        }
        self.core_of[n as usize] = core as u32;
        self.cores[core].neurons.push(n);
        self.stand(n, core, true);
    }

    /// Takes a neuron from its core.
    pub(super) fn take(&mut self, n: u32) {
        let problem = self.problem;
        let core = self.core_of[n as usize] as usize;
        self.spend(n);
        self.stand(n, core, false);
        self.core_of[n as usize] = UNPLACED;
        let neurons = &mut self.cores[core].neurons;
        let at = neurons.iter().position(|m| *m == n);
        neurons.swap_remove(at.expect("it is there"));
        for &line in problem.lines.of(n) {
            let open = &mut self.cores[core];
            open.count[line as usize] -= 1;
            if open.count[line as usize] == 0 {
                open.lines -= 1;
                self.reach(line, false);
            }
        }
    }

    pub(super) fn spend(&mut self, n: u32) {
        let lines = self.problem.lines.of(n).len() as u64;
        self.work = self.work.saturating_sub(lines + TRIAL);
    }

    /// What one neuron may still take to be brought to an end.
    pub(super) fn spare(&self) -> u64 {
        let lines = self.problem.lines.of.len() / self.core_of.len().max(1);
        (lines as u64 + TRIAL) * 4 * (self.cores.len() as u64 + 16)
    }

    /// A core that is beyond a limit.
    pub(super) fn broken(&self) -> bool {
        let p = self.problem;
        self.cores.iter().any(|c| {
            c.lines > p.axons
                || c.lanes > p.lanes.into()
                || c.slots > p.slots.into()
                || c.groups.len() > p.groups as usize
        })
    }

    /// What an unplaced neuron adds to a core and to those of its sources, in shares of the limits; or the limit by which it does not fit.
    pub(super) fn cost(&mut self, n: u32, core: usize) -> Result<f64, &'static str> {
        let p = self.problem;
        self.spend(n);
        let open = &self.cores[core];
        let room = p.axons.saturating_sub(open.lines);
        let (mut new, mut own) = (0, self.outputs[n as usize]);
        // Core, lanes, destinations, and a group that copies open.
        let mut gains: Vec<(u32, u64, u64, Option<u32>)> = Vec::new();
        let mine = p.lines.of(n);
        let mut at = 0;
        while at < mine.len() {
            let source = p.lines.source[mine[at] as usize];
            let mut count = 0;
            while at < mine.len() && p.lines.source[mine[at] as usize] == source {
                count += u32::from(open.count[mine[at] as usize] == 0);
                at += 1;
            }
            new += count;
            if new > room {
                return Err("input axons");
            }
            if count == 0 || p.lines.neuron(mine[at - 1]).is_none() {
                continue;
            }
            if source == n {
                own += count;
                continue;
            }
            let stands = self.core_of[source as usize];
            if stands == UNPLACED {
                continue;
            }
            let before = self.planned(source);
            let after = (self.outputs[source as usize] + count).max(before);
            let (a, b) = (self.lanes(before), self.lanes(after));
            let group = (a < 2 && b > 1).then_some(p.population[source as usize]);
            if after > before {
                gains.push((stands, b - a, u64::from(after - before), group));
            }
        }
        own = own.max(self.least[n as usize]);
        let own_lanes = self.lanes(own);
        let mut added = own_lanes as f64;
        let mut slots = f64::from(own);
        gains.push((core as u32, own_lanes, own.into(), None));
        gains.sort_unstable();
        for run in gains.chunk_by(|a, b| a.0 == b.0) {
            let c = &self.cores[run[0].0 as usize];
            let (l, s) = run.iter().fold((0, 0), |(l, s), g| (l + g.1, s + g.2));
            if l > 0 && c.lanes + l > p.lanes.into() {
                return Err("neurons");
            }
            if s > 0 && c.slots + s > p.slots.into() {
                return Err("output slots");
            }
            let mut fresh: Vec<(u32, bool)> =
                run.iter().filter_map(|g| Some((g.3?, true))).collect();
            if run[0].0 as usize == core {
                let population = p.population[n as usize];
                fresh.push((population, false));
                if own_lanes > 1 {
                    fresh.push((population, true));
                }
            }
            fresh.retain(|g| !c.groups.contains_key(g));
            fresh.sort_unstable();
            fresh.dedup();
            if !fresh.is_empty() && c.groups.len() + fresh.len() > p.groups as usize {
                return Err("neuron groups");
            }
            if run[0].0 as usize != core {
                added += l as f64;
                slots += s as f64;
            }
        }
        Ok(f64::from(new) / f64::from(p.axons.max(1))
            + added / f64::from(p.lanes.max(1))
            + slots / f64::from(p.slots.max(1)))
    }

    /// The core that an unplaced neuron adds least to, but for one.
    fn best(&mut self, n: u32, without: usize) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for core in (0..self.cores.len()).filter(|c| *c != without) {
            if let Ok(cost) = self.cost(n, core)
                && best.is_none_or(|b| cost < b.0)
            {
                best = Some((cost, core));
            }
        }
        best.map(|b| b.1)
    }

    fn ordered(&self, order: Order, mut neurons: Vec<u32>) -> Vec<u32> {
        let lines = |n: &u32| Reverse(self.problem.lines.of(*n).len());
        let lanes = |n: &u32| Reverse(self.planned(*n));
        let stage = |n: &u32| self.stage[*n as usize];
        match order {
            Order::Lines => neurons.sort_by_key(|n| (lines(n), stage(n), *n)),
            Order::Lanes => neurons.sort_by_key(|n| (lanes(n), lines(n), *n)),
            Order::Backward => neurons.sort_by_key(|n| (stage(n), lines(n), *n)),
        }
        neurons
    }

    /// Each neuron to the core that it adds least to, until none moves.
    fn settle(&mut self) {
        for _ in 0..SETTLING {
            let mut moved = false;
            for n in 0..self.core_of.len() as u32 {
                if self.work < WORK / 2 {
                    return;
                }
                let from = self.core_of[n as usize] as usize;
                self.take(n);
                let stay = self.cost(n, from);
                let to = match (self.best(n, from), stay) {
                    (Some(to), Ok(stay)) if self.cost(n, to).is_ok_and(|c| c < stay - 1e-9) => to,
                    _ => from,
                };
                moved |= to != from;
                self.put(n, to);
            }
            if !moved {
                return;
            }
        }
    }

    /// Empties cores into the others while that goes, down to a number of cores.
    fn fewer(&mut self, least: u64) {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
        self.settle();
        while self.cores.len() as u64 > least.max(1) && self.work > 0 {
            let mut by_use: Vec<usize> = (0..self.cores.len()).collect();
            let share = |c: &usize| {
                let (open, p) = (&self.cores[*c], self.problem);
                f64::from(open.lines) / f64::from(p.axons.max(1))
                    + open.lanes as f64 / f64::from(p.lanes.max(1))
            };
            by_use.sort_by(|a, b| share(a).total_cmp(&share(b)).then(a.cmp(b)));
            let few = &by_use[..by_use.len().min(EMPTIEST)];
            let mut sets: Vec<Vec<usize>> = few.iter().map(|c| vec![*c]).collect();
            for (i, b) in few.iter().enumerate() {
                sets.extend(few[..i].iter().map(|a| vec![*a, *b]));
            }
            for draw in 0..if by_use.len() > 2 { DRAWS } else { 0 } {
                let size = 2 + random.next_u32() as usize % (by_use.len() - 1).min(4);
                // Every other draw has one of the emptiest.
                let first = match draw % 2 {
                    0 => few[random.next_u32() as usize % few.len()],
                    _ => random.next_u32() as usize % by_use.len(),
                };
                let mut set = vec![first];
                set.extend((1..size).map(|_| random.next_u32() as usize % by_use.len()));
                set.sort_unstable();
                set.dedup();
                sets.push(set);
            }
            let gone = sets.iter().any(|set| {
                let mut orders = ORDERS.iter();
                orders.any(|order| self.work > 0 && self.rearrange(set, *order))
            });
            if !gone {
                return;
            }
        }
    }

    /// Puts the neurons of some cores onto the others and onto one core less; all stays as it was if that does not go.
    fn rearrange(&mut self, set: &[usize], order: Order) -> bool {
        let pool = set.iter().flat_map(|c| &self.cores[*c].neurons);
        let before: Vec<(u32, u32)> = pool.map(|n| (*n, self.core_of[*n as usize])).collect();
        let gone = set[set.len() - 1];
        before.iter().for_each(|(n, _)| self.take(*n));
        let pool = self.ordered(order, before.iter().map(|b| b.0).collect());
        for &n in &pool {
            let core = self.best(n, gone).filter(|_| self.work > 0);
            let Some(core) = core else {
                for m in pool
                    .iter()
                    .filter(|m| self.core_of[**m as usize] != UNPLACED)
                    .copied()
                    .collect::<Vec<u32>>()
                {
                    self.take(m);
                }
                before
                    .iter()
                    .for_each(|(n, core)| self.put(*n, *core as usize));
                return false;
            };
            self.put(n, core);
        }
        self.cores.swap_remove(gone);
        if let Some(open) = self.cores.get(gone) {
            for n in &open.neurons {
                self.core_of[*n as usize] = gone as u32;
            }
        }
        true
    }

    /// Limits by which all cores but one refuse an unplaced neuron, most often first; `None` if one takes it.
    fn refused(&mut self, n: u32, without: usize) -> Option<Refused> {
        let mut by: Refused = Vec::new();
        for core in (0..self.cores.len()).filter(|c| *c != without) {
            let limit = self.cost(n, core).err()?;
            match by.iter_mut().find(|b| b.0 == limit) {
                Some(b) => b.1 += 1,
                None => by.push((limit, 1)),
            }
        }
        by.sort_by_key(|b| Reverse(b.1));
        Some(by)
    }

    /// The same for a neuron that leaves its core.
    fn alone(&mut self, n: u32, core: usize) -> Option<Refused> {
        self.take(n);
        let by = self.refused(n, core);
        self.put(n, core);
        by
    }

    /// The first neuron of a core that is left when it is emptied into the others, and how many went before. All stays as it is.
    fn left_over(&mut self, core: usize, neurons: &[u32]) -> Option<(u32, u32, Refused)> {
        neurons.iter().for_each(|n| self.take(*n));
        let mut found = None;
        for (after, n) in (0u32..).zip(neurons) {
            match self.best(*n, core) {
                Some(to) => self.put(*n, to),
                None => {
                    found = self.refused(*n, core).map(|by| (*n, after, by));
                    break;
                }
            }
        }
        for n in neurons {
            if self.core_of[*n as usize] != UNPLACED {
                self.take(*n);
            }
            self.put(*n, core);
        }
        found
    }

    /// Core of each neuron, numbered in network order.
    pub(super) fn compact(&self) -> Vec<u32> {
        super::split::dense(&self.core_of)
    }
}
