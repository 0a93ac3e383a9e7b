//! Neurons to crossbar cores: few cores, then few outputs, under both limits of a core at once.
//!
//! Invariant: a core has at most the chip's lines, lanes, destinations and groups, and a neuron takes a lane for every destination that its lines
//! have (`Cores::lanes`). Populations are taken from the network's end to its beginning, so that the destinations of a
//! neuron are known when it is placed; those of recurrent neurons are guessed and corrected, in a bounded number of rounds.

use super::lines::Lines;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Candidates in a row that do not fit before a core is closed.
const MISSES: u32 = 32;
/// Corrections of what recurrent neurons need.
const ROUNDS: u32 = 16;
/// Cores that a small core is offered to when cores are joined.
const OFFERS: usize = 128;

/// What is partitioned.
#[derive(Clone)]
pub(super) struct Problem<'a> {
    pub(super) lines: &'a Lines,
    /// Neurons in the order of the stages: each stage's neurons ascending.
    pub(super) stages: Vec<Vec<u32>>,
    /// Destinations of each neuron at the host.
    pub(super) host: Vec<u32>,
    /// Input axons of a core.
    pub(super) axons: u32,
    /// Neurons of a core.
    pub(super) lanes: u32,
    /// Destinations of a core.
    pub(super) slots: u32,
    /// Destinations of a lane.
    pub(super) each: u32,
    /// Groups of a core: one for each population, and one for the copies of each population.
    pub(super) groups: u32,
    /// Population of each neuron.
    pub(super) population: Vec<u32>,
}

/// A neuron that no core takes, with what it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Full {
    /// Lines of one neuron.
    Lines { neuron: u32, need: u32 },
    /// Lanes of one neuron.
    Lanes { neuron: u32, need: u32 },
    /// Destinations of one neuron.
    Slots { neuron: u32, need: u32 },
    /// Groups of one neuron: its own and its copies'.
    Groups { neuron: u32, need: u32 },
    /// Recurrent neurons kept needing more; lanes of the one that needs most.
    Rounds { neuron: u32, need: u32 },
}

/// What the open core lacks for a neuron.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lack {
    Lines,
    Lanes,
    Slots,
    Groups,
}

/// A partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Cores {
    /// Core of each neuron.
    pub(super) core_of: Vec<u32>,
    /// Lines of each core, ascending.
    pub(super) lines: Vec<Vec<u32>>,
    /// Destinations of each neuron, those at the host included.
    pub(super) outputs: Vec<u32>,
}

impl Cores {
    /// Number of cores.
    pub(super) fn count(&self) -> usize {
        self.lines.len()
    }

    /// Destinations of all neurons.
    pub(super) fn all_outputs(&self) -> u64 {
        self.outputs.iter().map(|n| u64::from(*n)).sum()
    }

    /// Counts lines and destinations of an assignment, cores numbered from 0 without gaps.
    pub(super) fn of(problem: &Problem<'_>, core_of: Vec<u32>) -> Cores {
        let count = core_of.iter().max().map_or(0, |c| *c as usize + 1);
        let mut lines = vec![Vec::new(); count];
        for (n, core) in core_of.iter().enumerate() {
            lines[*core as usize].extend_from_slice(problem.lines.of(n as u32));
        }
        let mut outputs = problem.host.clone();
        for list in &mut lines {
            list.sort_unstable();
            list.dedup();
            for source in list.iter().filter_map(|l| problem.lines.neuron(*l)) {
                outputs[source as usize] += 1;
            }
        }
        Cores {
            core_of,
            lines,
            outputs,
        }
    }
}

/// Lanes of a neuron with this many destinations.
pub(super) fn lanes(outputs: u32, each: u32) -> u32 {
    outputs.div_ceil(each.max(1)).max(1)
}

/// Groups that a neuron with this many destinations is in: that of its population, and that of the population's copies.
pub(super) fn groups(
    population: u32,
    outputs: u32,
    each: u32,
) -> impl Iterator<Item = (u32, bool)> {
    let copied = lanes(outputs, each) > 1;
    [
        Some((population, false)),
        copied.then_some((population, true)),
    ]
    .into_iter()
    .flatten()
}

/// Groups of each core.
pub(super) fn group_counts(problem: &Problem<'_>, cores: &Cores) -> Vec<u32> {
    let mut all: Vec<(u32, (u32, bool))> = Vec::new();
    for (n, (core, outputs)) in cores.core_of.iter().zip(&cores.outputs).enumerate() {
        let mine = groups(problem.population[n], *outputs, problem.each);
        all.extend(mine.map(|g| (*core, g)));
    }
    all.sort_unstable();
    all.dedup();
    let mut counts = vec![0; cores.count()];
    all.iter().for_each(|(core, _)| counts[*core as usize] += 1);
    counts
}

/// Orders in which candidates are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Fewest lines that the core has not yet.
    Overlap,
    /// The network's.
    Sequential,
}

/// The best partition over some orders.
pub(super) fn partition(problem: &Problem<'_>, orders: &[Order]) -> Result<(Cores, Order), Full> {
    let mut best: Option<(Cores, Order)> = None;
    let mut failure = None;
    for order in orders {
        match settle(problem, *order) {
            Ok(cores) => {
                let cost = |c: &Cores| (c.count(), c.all_outputs());
                if best.as_ref().is_none_or(|b| cost(&cores) < cost(&b.0)) {
                    best = Some((cores, *order));
                }
            }
            Err(full) => failure = Some(failure.unwrap_or(full)),
        }
    }
    best.ok_or_else(|| failure.expect("an order failed"))
}

/// Runs until recurrent neurons have the lanes that they need.
fn settle(problem: &Problem<'_>, order: Order) -> Result<Cores, Full> {
    let neurons = problem.host.len() as u32;
    for n in 0..neurons {
        let need = problem.lines.of(n).len() as u32;
        if need > problem.axons {
            return Err(Full::Lines { neuron: n, need });
        }
    }
    // Each line goes to one core at least.
    let mut reserve: Vec<u32> = problem
        .lines
        .leaving(neurons)
        .iter()
        .zip(&problem.host)
        .map(|(l, h)| l + h)
        .collect();
    let mut last = (0, 0);
    for round in 0..ROUNDS {
        let mut fill = Fill::new(problem, &reserve);
        for stage in &problem.stages {
            fill.stage(stage, order)?;
            fill.join();
        }
        let cores = Cores::of(problem, fill.compact());
        let over = overfull(problem, &cores);
        let Some(core) = over else { return Ok(cores) };
        let mine = (0..neurons).filter(|n| cores.core_of[*n as usize] == core);
        let worst = mine.max_by_key(|n| cores.outputs[*n as usize]).unwrap_or(0);
        last = (worst, lanes(cores.outputs[worst as usize], problem.each));
        for (r, actual) in reserve.iter_mut().zip(&cores.outputs) {
            *r = (*r).max(*actual + *actual * round / 8);
        }
    }
    Err(Full::Rounds {
        neuron: last.0,
        need: last.1,
    })
}

/// A core that needs more lanes, destinations or groups than it has.
pub(super) fn overfull(problem: &Problem<'_>, cores: &Cores) -> Option<u32> {
    let mut used = vec![(0u32, 0u32); cores.count()];
    for (core, outputs) in cores.core_of.iter().zip(&cores.outputs) {
        let u = &mut used[*core as usize];
        u.0 += lanes(*outputs, problem.each);
        u.1 += outputs;
    }
    let groups = group_counts(problem, cores);
    let over = |(u, groups): (&(u32, u32), u32)| {
        u.0 > problem.lanes || u.1 > problem.slots || groups > problem.groups
    };
    let core = used.iter().zip(groups).position(over);
    core.map(|c| c as u32)
}

const UNPLACED: u32 = u32::MAX;

/// Cores while they are filled.
struct Fill<'a> {
    problem: &'a Problem<'a>,
    core_of: Vec<u32>,
    /// Destinations so far, and what is kept free for more.
    outputs: Vec<u32>,
    reserve: &'a [u32],
    cores: Vec<Open>,
    /// Lines of each neuron that the open core has not yet.
    missing: Vec<u32>,
    touched: Vec<u32>,
    has: FxHashSet<u32>,
}

#[derive(Default)]
struct Open {
    neurons: Vec<u32>,
    lines: Vec<u32>,
    lanes: u32,
    slots: u32,
    groups: BTreeSet<(u32, bool)>,
}

impl<'a> Fill<'a> {
    fn new(problem: &'a Problem<'a>, reserve: &'a [u32]) -> Fill<'a> {
        let neurons = problem.host.len();
        Fill {
            problem,
            core_of: vec![UNPLACED; neurons],
            outputs: problem.host.clone(),
            reserve,
            cores: Vec::new(),
            missing: (0..neurons as u32)
                .map(|n| problem.lines.of(n).len() as u32)
                .collect(),
            touched: Vec::new(),
            has: FxHashSet::default(),
        }
    }

    /// Destinations to plan for.
    fn planned(&self, n: u32) -> u32 {
        self.outputs[n as usize].max(self.reserve[n as usize])
    }

    /// Places the neurons of a stage.
    fn stage(&mut self, neurons: &[u32], order: Order) -> Result<(), Full> {
        let (mut next, mut left) = (0, neurons.len());
        let inside: FxHashSet<u32> = neurons.iter().copied().collect();
        while left > 0 {
            self.cores.push(Open::default());
            self.has.clear();
            let mut heap: BinaryHeap<Reverse<(u32, u32)>> = BinaryHeap::new();
            let mut aside: FxHashSet<u32> = FxHashSet::default();
            let (mut misses, mut at) = (0, next);
            while misses < MISSES {
                let chosen = self.take(&mut heap, &aside).or_else(|| {
                    while at < neurons.len()
                        && (self.core_of[neurons[at] as usize] != UNPLACED
                            || aside.contains(&neurons[at]))
                    {
                        at += 1;
                    }
                    neurons.get(at).copied()
                });
                let Some(n) = chosen else { break };
                match self.add(n) {
                    Ok(()) => {
                        left -= 1;
                        misses = 0;
                        if order == Order::Overlap {
                            self.offer(n, &inside, &mut heap);
                        }
                    }
                    Err(lack) if self.cores.last().expect("open").neurons.is_empty() => {
                        return Err(self.full(n, lack));
                    }
                    Err(_) => {
                        aside.insert(n);
                        misses += 1;
                    }
                }
            }
            for n in std::mem::take(&mut self.touched) {
                self.missing[n as usize] = self.problem.lines.of(n).len() as u32;
            }
            while next < neurons.len() && self.core_of[neurons[next] as usize] != UNPLACED {
                next += 1;
            }
        }
        Ok(())
    }

    /// A neuron that an empty core lacks something for.
    fn full(&self, neuron: u32, lack: Lack) -> Full {
        let itself = |l: &&u32| self.problem.lines.neuron(**l) == Some(neuron);
        let own = self.problem.lines.of(neuron).iter().filter(itself).count() as u32;
        let outputs = self
            .planned(neuron)
            .max(self.outputs[neuron as usize] + own);
        let lanes = lanes(outputs, self.problem.each);
        match lack {
            Lack::Lines => Full::Lines {
                neuron,
                need: self.problem.lines.of(neuron).len() as u32,
            },
            Lack::Lanes => Full::Lanes {
                neuron,
                need: lanes,
            },
            Lack::Slots => Full::Slots {
                neuron,
                need: outputs,
            },
            Lack::Groups => Full::Groups {
                neuron,
                need: lanes.min(2),
            },
        }
    }

    /// The candidate with the fewest missing lines.
    fn take(
        &self,
        heap: &mut BinaryHeap<Reverse<(u32, u32)>>,
        aside: &FxHashSet<u32>,
    ) -> Option<u32> {
        while let Some(Reverse((missing, n))) = heap.pop() {
            let fresh = self.missing[n as usize] == missing;
            if fresh && self.core_of[n as usize] == UNPLACED && !aside.contains(&n) {
                return Some(n);
            }
        }
        None
    }

    /// Tells candidates of the lines that neuron `n` brought.
    fn offer(
        &mut self,
        n: u32,
        inside: &FxHashSet<u32>,
        heap: &mut BinaryHeap<Reverse<(u32, u32)>>,
    ) {
        let problem = self.problem;
        for line in problem.lines.of(n) {
            if !self.has.insert(*line) {
                continue;
            }
            for m in problem.lines.members(*line) {
                if self.core_of[*m as usize] == UNPLACED && inside.contains(m) {
                    self.missing[*m as usize] -= 1;
                    self.touched.push(*m);
                    heap.push(Reverse((self.missing[*m as usize], *m)));
                }
            }
        }
    }

    /// Adds a neuron to the open core if it fits, and counts the destinations that this gives its sources.
    fn add(&mut self, n: u32) -> Result<(), Lack> {
        let core = self.cores.len() - 1;
        let problem = self.problem;
        let open = &self.cores[core];
        let new: Vec<u32> = problem
            .lines
            .of(n)
            .iter()
            .copied()
            .filter(|l| open.lines.binary_search(l).is_err())
            .collect();
        if open.lines.len() + new.len() > problem.axons as usize {
            return Err(Lack::Lines);
        }
        // Lanes and slots that each core gains: this one the neuron's own, others those of recurrent sources.
        let mut gain: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
        let mut own = self.planned(n);
        let mut copied: Vec<(u32, u32)> = Vec::new();
        for run in new.chunk_by(|a, b| problem.lines.neuron(*a) == problem.lines.neuron(*b)) {
            let Some(source) = problem.lines.neuron(run[0]) else {
                continue;
            };
            let more = (self.outputs[source as usize] + run.len() as u32)
                .max(self.reserve[source as usize]);
            if source == n {
                own = more;
            } else if self.core_of[source as usize] != UNPLACED {
                let before = self.planned(source);
                let g = gain.entry(self.core_of[source as usize]).or_default();
                g.0 += lanes(more, problem.each) - lanes(before, problem.each);
                g.1 += more - before;
                if lanes(more, problem.each) > 1 {
                    let of = problem.population[source as usize];
                    copied.push((self.core_of[source as usize], of));
                }
            }
        }
        let g = gain.entry(core as u32).or_default();
        g.0 += lanes(own, problem.each);
        g.1 += own;
        // What a closed core lacks is corrected in the next round.
        let (l, s) = gain[&(core as u32)];
        if open.lanes + l > problem.lanes {
            return Err(Lack::Lanes);
        }
        if open.slots + s > problem.slots {
            return Err(Lack::Slots);
        }
        let mine = copied.iter().filter(|c| c.0 as usize == core);
        let mut fresh: Vec<(u32, bool)> = groups(problem.population[n as usize], own, problem.each)
            .chain(mine.map(|c| (c.1, true)))
            .filter(|g| !open.groups.contains(g))
            .collect();
        fresh.sort_unstable();
        fresh.dedup();
        if open.groups.len() + fresh.len() > problem.groups as usize {
            return Err(Lack::Groups);
        }
        self.cores[core].groups.extend(fresh);
        for (c, population) in copied {
            self.cores[c as usize].groups.insert((population, true));
        }
        for (c, (l, s)) in gain {
            self.cores[c as usize].lanes += l;
            self.cores[c as usize].slots += s;
        }
        for source in new.iter().filter_map(|l| problem.lines.neuron(*l)) {
            self.outputs[source as usize] += 1;
        }
        let open = &mut self.cores[core];
        open.lines.extend(new);
        open.lines.sort_unstable();
        open.neurons.push(n);
        self.core_of[n as usize] = core as u32;
        Ok(())
    }

    /// Joins cores that fit into one, the smallest first.
    fn join(&mut self) {
        let problem = self.problem;
        let mut order: Vec<usize> = (0..self.cores.len())
            .filter(|c| !self.cores[*c].neurons.is_empty())
            .collect();
        order.sort_by_key(|c| (self.cores[*c].lanes, self.cores[*c].lines.len(), *c));
        for &small in &order {
            let fitting = order.iter().rev().copied().filter(|c| {
                let (a, b) = (&self.cores[small], &self.cores[*c]);
                *c != small
                    && !a.neurons.is_empty()
                    && !b.neurons.is_empty()
                    && a.lanes + b.lanes <= problem.lanes
                    && a.slots + b.slots <= problem.slots
                    && (a.groups.len() + b.groups.len() <= problem.groups as usize
                        || a.groups.union(&b.groups).count() <= problem.groups as usize)
            });
            let joined = fitting.take(OFFERS).find_map(|c| {
                let mut both = self.cores[small].lines.clone();
                both.extend_from_slice(&self.cores[c].lines);
                both.sort_unstable();
                both.dedup();
                (both.len() <= problem.axons as usize).then_some((c, both))
            });
            let Some((into, both)) = joined else { continue };
            let gone = std::mem::take(&mut self.cores[small]);
            // A line that both had now needs one destination less.
            for line in &gone.lines {
                if let Some(source) = problem.lines.neuron(*line)
                    && self.cores[into].lines.binary_search(line).is_ok()
                {
                    self.outputs[source as usize] -= 1;
                }
            }
            let target = &mut self.cores[into];
            target.lines = both;
            target.lanes += gone.lanes;
            target.slots += gone.slots;
            target.groups.extend(gone.groups);
            for n in &gone.neurons {
                self.core_of[*n as usize] = into as u32;
            }
            target.neurons.extend(gone.neurons);
        }
    }

    /// Core of each neuron, numbered in order of first use without gaps.
    fn compact(&self) -> Vec<u32> {
        let mut number = vec![UNPLACED; self.cores.len()];
        let mut next = 0;
        for (core, open) in self.cores.iter().enumerate() {
            if !open.neurons.is_empty() {
                number[core] = next;
                next += 1;
            }
        }
        self.core_of.iter().map(|c| number[*c as usize]).collect()
    }
}
