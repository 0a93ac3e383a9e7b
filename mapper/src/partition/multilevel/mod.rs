//! Multilevel partitioning: twins become one vertex and similar vertices clusters; the best of several seeds is improved level
//! by level down to single neurons.
//!
//! Invariant: deterministic for a seed; the limits hold whenever a seed's did, and the packets are never more than those of
//! the given partitions, of network order and of growth by overlap. Work is counted in entries looked at, not in time.

mod anneal;
mod bisect;
mod coarsen;
mod gains;
mod hyper;
mod seed;
mod state;

use crate::parallel;
pub(crate) use hyper::Hyper;
use hyper::Size;
pub(crate) use seed::{by_overlap, in_order};

use anneal::Noise;
use gains::Gains;
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use seed::Seed;
use state::State;

/// Most twins of one vertex, as a share of the neurons of a core: pieces must still fill cores.
const PIECES_PER_CORE: u64 = 16;
/// Largest cluster, as a share of a core.
const CLUSTERS_PER_CORE: u64 = 8;
/// Coarsening ends at this many vertices per core, or when pins no longer get fewer.
const COARSEST_PER_CORE: usize = 8;
const FEWER_PINS: f64 = 0.8;
/// Levels at most. Each has at most [`FEWER_PINS`] of the pins of the one before, so that all of them together stay within 5 times
/// the pins of the finest.
const LEVELS: usize = 40;
/// Entries looked at per pin of a large network.
const WORK_PER_PIN_OF_LARGE: u64 = 4;
/// Pins up to which a network is small: its work is [`Effort::per_pin`], its clusters are kept whatever they save.
const SMALL_PINS: usize = 1_000_000;
/// Work where gains are cached, in percent of what it is elsewhere: a visit looks at fewer entries.
const CACHED: u64 = 40;
/// Pins up to which bisection is tried, with clusters and without. Above, several starts are worth more.
const BISECTED_PINS: usize = 100_000;
/// Pins above which vertices are renumbered: what is looked at does not fit a cache.
const RENUMBERED_PINS: usize = 4_000_000;
/// Pins above which neurons are settled one round only.
const ONE_ROUND_PINS: usize = 4_000_000;
/// Temperatures as shares of the spread of gains: after a rough seed, on finer levels, on large networks, at the end.
const HOT: f64 = 0.3;
const WARM: f64 = 0.15;
const LUKEWARM: f64 = 0.1;
const COLD: f64 = 0.02;

/// Entries that improvement may look at.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Per pin of a small network, and for all pins of it together at most.
    pub(crate) per_pin: u64,
    pub(crate) of_small: u64,
    /// Starts on the coarsest level of a small network, which share its work: the best goes on. What is decided there is not mended on finer levels,
    /// and luck has most of it.
    pub(crate) starts: u64,
    /// Of a large network at least (see [`WORK_PER_PIN_OF_LARGE`]).
    pub(crate) of_large: u64,
}

impl Effort {
    /// What a study of bare connectivity takes.
    pub(crate) const STUDY: Effort = Effort {
        per_pin: 3000,
        of_small: 100_000_000,
        starts: 2,
        of_large: 70_000_000,
    };

    fn of(&self, hyper: &Hyper, limits: &Limits) -> u64 {
        let pins = hyper.pin_count() as u64;
        if hyper.pin_count() > SMALL_PINS {
            return self.of_large.max(WORK_PER_PIN_OF_LARGE * pins);
        }
        let work = (self.per_pin * pins).min(self.of_small);
        if Gains::pays(hyper, limits.cores as usize) {
            return work * CACHED / 100;
        }
        work
    }
}

/// A limit that holds nothing back, for so many cores together.
pub(crate) const UNLIMITED: u64 = u64::MAX >> 33;

/// What a core holds at most.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) cores: u32,
    pub(crate) size: Size,
    pub(crate) axons: u64,
    pub(crate) kinds: u32,
    /// How many cores each core stands for; empty: one.
    pub(crate) share: Vec<u32>,
}

impl Limits {
    fn share(&self, core: u32) -> u64 {
        self.share.get(core as usize).map_or(1, |s| u64::from(*s))
    }
}

/// A partition that may be the best so far.
#[derive(Default)]
struct Best {
    found: Option<(u64, Vec<u32>)>,
}

impl Best {
    fn offer(&mut self, packets: u64, core_of: &[u32]) {
        if self.found.as_ref().is_none_or(|b| packets < b.0) {
            self.found = Some((packets, core_of.to_vec()));
        }
    }

    fn judge(&mut self, hyper: &Hyper, core_of: Vec<u32>) {
        self.offer(hyper.packets(&core_of), &core_of);
    }
}

/// Seeds that need no counts by net and core.
const SIMPLE: usize = 2;

/// Core of every vertex. `given` = partitions within the limits that are to be beaten; `again` makes the same hypergraph once more,
/// so that it need not be kept while twins are one vertex. Nothing, if no seed fits and none is given.
/// Where counts would not fit a word (cores times pins of the largest net above 2^32), the seeds are not improved.
pub(crate) fn run(
    fine: &mut Hyper,
    again: Option<&dyn Fn() -> Hyper>,
    limits: &Limits,
    given: &[Vec<u32>],
    effort: Effort,
    (seed, threads): (u64, usize),
) -> Option<Vec<u32>> {
    let mut noise = Noise::new(Xoshiro256PlusPlus::seed_from_u64(seed));
    let piece = (limits.size[0] / PIECES_PER_CORE).max(1);
    fine.transpose();
    let mut best = Best::default();
    if !State::can_hold(fine, limits) {
        let given = given.iter().cloned();
        given.for_each(|core_of| best.judge(fine, core_of));
        for (packets, core_of) in seeds(fine, limits, &seed::SEEDS[..SIMPLE], threads) {
            best.offer(packets, &core_of);
        }
        return best.found.map(|b| b.1);
    }
    let (twin, count) = fine.twins(piece);
    if count == fine.vertices() {
        if fine.pin_count() > RENUMBERED_PINS {
            fine.put_away();
            fine.renumber();
            fine.transpose();
        }
        for core_of in given {
            let numbers = (0..fine.vertices() as u32).map(|v| fine.first_number(v));
            let core_of = numbers.map(|v| core_of[v as usize]).collect();
            best.judge(fine, core_of);
        }
        levels(fine, limits, &mut noise, &mut best, (effort, threads));
        return best.found.map(|b| fine.by_first_number(b.1));
    }
    fine.put_away();
    let mut flat = fine.contract(&twin, count);
    if again.is_some() {
        *fine = Hyper::default();
    }
    flat.transpose();
    levels(&mut flat, limits, &mut noise, &mut best, (effort, threads));
    drop(flat);
    if let Some(again) = again {
        *fine = again();
    }
    fine.transpose();

    let mut last = Best::default();
    if let Some((_, core_of)) = best.found {
        last.judge(fine, twin.iter().map(|v| core_of[*v as usize]).collect());
    }
    for start in given.iter().cloned() {
        last.judge(fine, start);
    }
    for (packets, core_of) in seeds(fine, limits, &seed::SEEDS[..SIMPLE], threads) {
        last.offer(packets, &core_of);
    }
    let (_, core_of) = last.found?;
    let mut state = State::new(fine, limits, core_of);
    state.keep_gains();
    let rounds = if fine.pin_count() > ONE_ROUND_PINS {
        1
    } else {
        3
    };
    anneal::settle(&mut state, &mut noise, rounds, effort.of(fine, limits));
    Some(state.core_of)
}

/// Partitions of a hypergraph, and their packets, by those of the seeds that give one, side by side. Only one seed counts pins by net and core:
/// together they take no more memory than that one, and some 50 bytes for each vertex and net.
fn seeds(hyper: &Hyper, limits: &Limits, of: &[Seed], threads: usize) -> Vec<(u64, Vec<u32>)> {
    let found = parallel::each(threads, of, |seed| {
        let core_of = seed(hyper, limits)?;
        Some((hyper.packets(&core_of), core_of))
    });
    found.into_iter().flatten().collect()
}

/// Down to the coarsest level, a seed there, and improvement on the way back up.
fn levels(
    flat: &mut Hyper,
    limits: &Limits,
    noise: &mut Noise,
    best: &mut Best,
    (effort, threads): (Effort, usize),
) {
    let large = flat.pin_count() > SMALL_PINS;
    let bisected = flat.pin_count() <= BISECTED_PINS;
    for (packets, core_of) in seeds(flat, limits, seed::SEEDS, threads) {
        best.offer(packets, &core_of);
    }
    let work = effort.of(flat, limits);
    let (mut maps, mut coarse) = coarser(flat, limits, noise);
    let top = coarse.last().unwrap_or(flat);
    let mut start = Best::default();
    if coarse.is_empty() {
        if let Some((packets, core_of)) = &best.found {
            start.offer(*packets, core_of);
        }
    } else {
        for (packets, core_of) in seeds(top, limits, seed::SEEDS, threads) {
            start.offer(packets, &core_of);
        }
    }
    if bisected && let Some(core_of) = bisect::bisect(top, limits, noise, work / 4) {
        start.judge(top, core_of);
        if coarse.is_empty() {
            start
                .found
                .iter()
                .for_each(|(packets, core_of)| best.offer(*packets, core_of));
        }
    }
    if bisected
        && !coarse.is_empty()
        && let Some(core_of) = bisect::bisect(flat, limits, noise, work / 4)
    {
        best.judge(flat, core_of);
    }
    let Some((_, mut core_of)) = start.found else {
        return;
    };
    let levels = coarse.len();
    let share = work / (levels as u64 + 1);
    for level in (0..=levels).rev() {
        let hyper = coarse.last_mut().unwrap_or(flat);
        hyper.transpose();
        let hyper = &*hyper;
        let hot = match level {
            _ if large => LUKEWARM,
            _ if level == levels => HOT,
            _ => WARM,
        };
        let starts = match level {
            _ if large || bisected || level < levels || levels == 0 => 1,
            _ => effort.starts,
        };
        let spread = spread(hyper);
        let share = share / starts;
        let mut found = Best::default();
        for _ in 0..starts {
            let mut state = State::new(hyper, limits, core_of.clone());
            state.keep_gains();
            anneal::cool(&mut state, noise, hot * spread, COLD * spread, share);
            anneal::settle(&mut state, noise, if large { 1 } else { 4 }, share);
            if starts == 1 {
                core_of = state.core_of;
            } else {
                found.judge(hyper, state.core_of);
            }
        }
        if let Some((_, best)) = found.found {
            core_of = best;
        }
        // A level that was left is not needed again: what is alive at once stays small.
        coarse.pop();
        match maps.pop() {
            Some(map) => core_of = map.iter().map(|c| core_of[*c as usize]).collect(),
            None => {
                best.judge(flat, core_of);
                return;
            }
        }
    }
}

/// Coarser and coarser hypergraphs, and the cluster of every vertex of the one before. Only the coarsest knows the nets of its
/// vertices.
fn coarser(flat: &mut Hyper, limits: &Limits, noise: &mut Noise) -> (Vec<Vec<u32>>, Vec<Hyper>) {
    let largest = limits.size.map(|s| s / CLUSTERS_PER_CORE);
    let mut maps = Vec::new();
    let mut coarse: Vec<Hyper> = Vec::new();
    flat.transpose();
    for _ in 0..LEVELS {
        let last = coarse.last_mut().unwrap_or(flat);
        // Without pins there is nothing that clusters could save, and no level would have fewer.
        if last.pin_count() == 0 || last.vertices() < COARSEST_PER_CORE * limits.cores as usize {
            break;
        }
        if last.pin_count() > SMALL_PINS && coarsen::common(last, noise) < 1.0 - FEWER_PINS {
            break;
        }
        let (map, count) = coarsen::clusters(last, &largest, noise);
        let mut next = last.contract(&map, count);
        if next.pin_count() as f64 > FEWER_PINS * last.pin_count() as f64 {
            break;
        }
        last.put_away();
        next.transpose();
        maps.push(map);
        coarse.push(next);
    }
    (maps, coarse)
}

/// Mean over the vertices of the root of the sum of squares of the weights of their nets: how far gains lie apart.
fn spread(hyper: &Hyper) -> f64 {
    let of = |v: u32| {
        let weights = hyper.nets_of(v).iter();
        let squares = weights.map(|e| (hyper.net_weight[*e as usize] as f64).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let n = hyper.vertices() as u32;
    (0..n).map(of).sum::<f64>() / f64::from(n.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: u32, targets: impl Fn(u32) -> Vec<u32>) -> Hyper {
        let n = n as usize;
        Hyper::rooted(
            vec![[1, 0, 0, 0, 0]; n],
            vec![0; n],
            vec![[1; 2]; n],
            false,
            |u, t| {
                t.extend(targets(u as u32));
                Some(u as u32)
            },
        )
    }

    fn limits(cores: u32, neurons: u64) -> Limits {
        Limits {
            cores,
            size: [neurons, 0, 0, 0, 0],
            axons: u64::MAX,
            kinds: 1,
            share: Vec::new(),
        }
    }

    /// Networks where nothing, or next to nothing, gets smaller from level to level.
    fn stubborn(n: u32) -> Vec<Hyper> {
        vec![
            rows(n, |_| vec![]),
            rows(n, |u| vec![u]),
            rows(n, |u| if u == 0 { (0..n).collect() } else { vec![] }),
            rows(n, |_| vec![0]),
            rows(n, |u| vec![(u + 1) % n]),
            rows(n, |u| vec![u ^ 1, n - 1 - u]),
        ]
    }

    #[test]
    fn levels_end_and_stay_linear() {
        for mut hyper in stubborn(600) {
            for cap in [1, 9, 40, 300, 600] {
                let mut noise = Noise::new(Xoshiro256PlusPlus::seed_from_u64(1));
                let (maps, coarse) =
                    coarser(&mut hyper, &limits(600 / cap + 20, cap.into()), &mut noise);
                assert!(coarse.len() <= LEVELS && maps.len() == coarse.len());
                let pins: usize = coarse.iter().map(Hyper::pin_count).sum();
                assert!(
                    pins <= 4 * hyper.pin_count(),
                    "{pins} of {}",
                    hyper.pin_count()
                );
            }
        }
    }

    #[test]
    fn work_ends() {
        for hyper in stubborn(600) {
            let limits = limits(21, 30);
            let start = in_order(&hyper, &limits).expect("it fits");
            let mut state = State::new(&hyper, &limits, start);
            let mut noise = Noise::new(Xoshiro256PlusPlus::seed_from_u64(1));
            // The last visit may look at every entry of one vertex and of the few that it is exchanged for.
            let one = 40 * (hyper.pin_count() as u64 + 1);
            anneal::cool(&mut state, &mut noise, 1.0, 0.1, 5000);
            assert!(state.work() < 5000 + one, "{}", state.work());
            anneal::settle(&mut state, &mut noise, 100, 5000);
            assert!(state.work() < 10_000 + 2 * one, "{}", state.work());
        }
    }

    #[test]
    fn renumbered_networks_are_the_same() {
        let random = rows(600, |u| {
            (1..9).map(|i| (u * 7919 + i * i * 104_729) % 600).collect()
        });
        for hyper in stubborn(600).into_iter().chain([random]) {
            let limits = limits(30, 21);
            let mut other = hyper.clone();
            other.renumber();
            // Twice: numbers are those of the very first.
            other.renumber();
            other.transpose();
            let mut order: Vec<u32> = (0..600).map(|v| other.first_number(v)).collect();
            for seed in [in_order, by_overlap] {
                let one = seed(&hyper, &limits).expect("it fits");
                let two = seed(&other, &limits).expect("it fits");
                assert_eq!(hyper.packets(&one), other.packets(&two));
                assert_eq!(one, other.by_first_number(two));
            }
            let all = |h: &Hyper| (h.pin_count(), h.nets(), h.largest_net());
            assert_eq!(all(&hyper), all(&other));
            assert_eq!(hyper.twins(4).1, other.twins(4).1);
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(i, v)| i == *v as usize));
        }
    }

    #[test]
    fn made_again_it_is_the_same() {
        // Three neurons each have the same targets and the same sources.
        let make = || {
            rows(600, |u| {
                (1..9)
                    .map(|i| (u / 3 * 211 + i * i * 1009) % 600 / 3 * 3)
                    .flat_map(|t| t..t + 3)
                    .collect()
            })
        };
        let limits = limits(13, 50);
        let (mut kept, mut dropped) = (make(), make());
        let seed = (3, 1);
        let one = run(&mut kept, None, &limits, &[], Effort::STUDY, seed).expect("it fits");
        let again: &dyn Fn() -> Hyper = &make;
        let two = run(&mut dropped, Some(again), &limits, &[], Effort::STUDY, seed);
        assert!(make().twins(50 / PIECES_PER_CORE).1 < 600);
        assert_eq!(Some(one), two);
    }

    #[test]
    fn counts_that_fit_no_word() {
        let mut hyper = rows(600, |u| if u == 0 { (0..600).collect() } else { vec![] });
        let limits = limits(1 << 30, 7);
        assert!(!State::can_hold(&hyper, &limits));
        let core_of = run(&mut hyper, None, &limits, &[], Effort::STUDY, (0, 2)).expect("it fits");
        assert_eq!(core_of, in_order(&hyper, &limits).expect("it fits"));
    }

    #[test]
    fn stubborn_networks_are_partitioned() {
        for mut hyper in stubborn(600) {
            for cap in [1, 7, 40, 600] {
                let limits = limits(600u32.div_ceil(cap) + 1, cap.into());
                let core_of =
                    run(&mut hyper, None, &limits, &[], Effort::STUDY, (0, 2)).expect("it fits");
                for core in 0..limits.cores {
                    let held = core_of.iter().filter(|c| **c == core).count();
                    assert!(held <= cap as usize);
                }
            }
        }
    }
}
