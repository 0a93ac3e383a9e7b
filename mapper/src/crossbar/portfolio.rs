//! Which mapping is taken: those with few cores and others, with neurons moved and with splitters where they cost less, judged by the objective.
//!
//! Invariant: the mapping with the fewest cores that is found is always among those judged; the first of equals is taken, so nothing depends on the number of
//! threads. With the objective `cores` it is taken as it is.

use super::cost::{Goal, Judge};
use super::partition::{self, Full, Order, Problem};
use super::refine::refined;
use super::split::{self, Divided, MANY, Network};
use super::thrift::thrifty;
use crate::error::MapError;
use crate::objective::{Estimate, Objective};
use crate::parallel;
use isa::chip::Sync;

/// Partitions without splitters whose neurons are moved, and as many with splitters, that are gone on with.
const MOVED: usize = 4;
/// Mappings that are placed to be judged; on many cores fewer.
const PLACED: usize = 8;
const PLACED_MANY: usize = 2;
const MANY_CORES: usize = 512;
/// More that are placed while none can be built again from its cores.
const SOUGHT: usize = 3;
/// Shares of the lanes and of the axons of a core that work is spread with, on chips whose steps end when the last core is ready.
const SHARES: [(u32, u32); 8] = [
    (1, 2),
    (1, 4),
    (1, 8),
    (1, 16),
    (1, 32),
    (1, 64),
    (1, 128),
    (1, 256),
];

/// A placement: physical core of each core of the partition, and what led to it.
type At = (Vec<u32>, String);

/// How a mapping is placed.
pub(super) type Place<'a> = &'a dyn Fn(&Divided) -> Result<At, MapError>;

/// How far a placed mapping can be built, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Built {
    /// The image breaks a limit that no search looks at: reach, rows, copies of neurons that draw random numbers.
    No,
    /// Its cores do not say which splitters there are: given again, they make another image.
    Once,
    /// Its cores given again make the same image.
    Again,
}

/// Whether a mapping can be built on physical cores.
pub(super) type Build<'a> = &'a dyn Fn(&Divided, &[u32]) -> Built;

/// What is taken.
pub(super) struct Taken {
    pub(super) divided: Divided,
    pub(super) at: At,
    /// Cores of the mapping with the fewest that was found.
    pub(super) filled: u64,
    /// Energy of a step, as estimated.
    pub(super) joules: f64,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) network: Network<'a>,
    pub(super) like: &'a Problem<'a>,
    pub(super) orders: &'a [Order],
    /// Fewest cores of any mapping.
    pub(super) least: u64,
    pub(super) judge: Judge<'a>,
    pub(super) threads: usize,
    /// The placer is the user's own, which is not asked to place what may not be taken.
    pub(super) ask_once: bool,
}

/// All that is found, that with the fewest cores first; at least one.
pub(super) fn candidates(wanted: &Wanted<'_>) -> Result<Vec<Divided>, Full> {
    let Wanted {
        network,
        like,
        orders,
        least,
        judge,
        ..
    } = *wanted;
    let mut others = Vec::new();
    let one = judge.objective == Objective::Cores;
    let few = network.lines.of.len() > MANY;
    let keep = (!one && !few).then_some(&mut others);
    let fewest = split::partition(network, like, orders, least, keep)?;
    let mut all = vec![fewest];
    if one {
        return Ok(all);
    }
    if !few {
        all.append(&mut others);
        for order in orders {
            if let Ok((cores, order)) = partition::partition(like, &[*order]) {
                all.push(split::plain(network, cores, order));
            }
        }
    }
    if matches!(judge.chip.sync, Sync::Barrier { .. }) {
        all.extend(spread(wanted));
    }
    let room = |d: &Divided| d.cores.count() as u64 <= u64::from(judge.chip.cores());
    if !room(&all[0]) {
        all.truncate(1);
        return Ok(all);
    }
    all.retain(room);
    ranked(&mut all, wanted);
    // The best of both kinds, and that with the fewest cores, which is the first.
    let mut left = [MOVED + 1; 2];
    all.retain(|d| {
        let left = &mut left[usize::from(d.splitters > 0)];
        *left = left.saturating_sub(1);
        *left > 0
    });
    let goals = match judge.objective {
        Objective::Packets => [Goal::Packets, Goal::Joules],
        _ => [Goal::Joules, Goal::Packets],
    };
    let jobs: Vec<(usize, Goal)> = (0..all.len())
        .flat_map(|i| goals.map(|goal| (i, goal)))
        .collect();
    let moved = parallel::each(wanted.threads, &jobs, |(i, goal)| {
        moved(wanted, &all[*i], *goal)
    });
    all.extend(moved.into_iter().flatten());
    ranked(&mut all, wanted);
    let jobs: Vec<(usize, Goal)> = (0..all.len())
        .flat_map(|i| goals.map(|goal| (i, goal)))
        .collect();
    let saved = parallel::each(wanted.threads, &jobs, |(i, goal)| {
        thrifty(network, like, &all[*i], &judge, *goal)
    });
    all.extend(saved.into_iter().flatten());
    ranked(&mut all, wanted);
    Ok(all)
}

/// Partitions with smaller cores, as far as the chip has enough.
fn spread(wanted: &Wanted<'_>) -> Vec<Divided> {
    let Wanted {
        network,
        like,
        orders,
        judge,
        ..
    } = *wanted;
    let part = |limit: u32, (a, b): (u32, u32)| (limit * a).div_ceil(b).max(1);
    let mut out = Vec::new();
    for share in SHARES {
        let lanes = Problem {
            lanes: part(like.lanes, share),
            ..like.clone()
        };
        let both = Problem {
            axons: part(like.axons, share),
            ..lanes.clone()
        };
        for smaller in [lanes, both] {
            if let Ok((cores, order)) = partition::partition(&smaller, orders)
                && cores.count() as u64 <= u64::from(judge.chip.cores())
            {
                out.push(split::plain(network, cores, order));
            }
        }
    }
    out
}

/// A mapping without splitters whose neurons have moved to where they cost less.
fn moved(wanted: &Wanted<'_>, of: &Divided, goal: Goal) -> Option<Divided> {
    if of.splitters > 0 {
        return None;
    }
    let prices = wanted.judge.prices(&of.q, &of.lines);
    let weights = prices.weights(goal, of.cores.count());
    let cores = refined(wanted.like, &of.cores, &weights)?;
    let mut with = split::plain(wanted.network, cores, of.order);
    with.copied = of.copied;
    with.moved = true;
    Some(with)
}

/// Best first by what is known without a placement, but for the first, which stays; what is there twice, once.
fn ranked(all: &mut Vec<Divided>, wanted: &Wanted<'_>) {
    let mut rest = all.split_off(1);
    rest.dedup_by(|a, b| alike(a, b));
    let valued = parallel::each(wanted.threads, &rest, |d| value(d, wanted, None));
    let mut order: Vec<usize> = (0..rest.len()).collect();
    order.sort_by(|a, b| ascending(&valued[*a], &valued[*b]));
    let mut rest: Vec<Option<Divided>> = rest.into_iter().map(Some).collect();
    for i in order {
        let d = rest[i].take().expect("each comes once");
        if all.iter().all(|known| !alike(known, &d)) {
            all.push(d);
        }
    }
}

fn alike(a: &Divided, b: &Divided) -> bool {
    let counts = |d: &Divided| (d.splitters, d.sources);
    counts(a) == counts(b) && a.cores.core_of == b.cores.core_of && a.q == b.q
}

fn ascending(a: &[f64; 4], b: &[f64; 4]) -> std::cmp::Ordering {
    let each = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
    each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
}

fn estimate(d: &Divided, wanted: &Wanted<'_>, at: Option<&[u32]>) -> Estimate {
    let with = split::problem(&d.q, &d.lines, wanted.network.chip, wanted.like);
    let prices = wanted.judge.prices(&d.q, &d.lines);
    prices.estimate(&with, &d.cores, at)
}

fn value(d: &Divided, wanted: &Wanted<'_>, at: Option<&[u32]>) -> [f64; 4] {
    wanted.judge.value(&estimate(d, wanted, at))
}

/// The best of what is found, placed, that can be built, if possible again from its cores; if none can, the best as it is.
pub(super) fn best(
    wanted: &Wanted<'_>,
    all: Vec<Divided>,
    place: Place<'_>,
    build: Build<'_>,
) -> Result<Taken, MapError> {
    let filled = all[0].cores.count() as u64;
    // The first has the fewest cores, whatever it costs.
    let values = parallel::each(wanted.threads, &all, |d| value(d, wanted, None));
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| ascending(&values[*a], &values[*b]));
    let mut known: Vec<Option<Divided>> = all.into_iter().map(Some).collect();
    let sorted = order.into_iter().filter_map(|i| known[i].take());
    let mut all: Vec<Divided> = sorted.collect();
    let many = all.iter().any(|d| d.cores.count() > MANY_CORES);
    let counted = [Objective::Cores, Objective::Packets].contains(&wanted.judge.objective);
    let most = match (counted || wanted.ask_once, many) {
        (true, _) => 1,
        (false, true) => PLACED_MANY,
        (false, false) => PLACED,
    };
    if wanted.ask_once {
        // Most of what keeps it from being built does not depend on places.
        let anywhere = |d: &Divided| (0..d.cores.count() as u32).collect::<Vec<u32>>();
        let first = all.iter().position(|d| build(d, &anywhere(d)) != Built::No);
        all.swap(0, first.unwrap_or(0));
        all.truncate(1);
    }
    let mut all = all.into_iter();
    let mut placed = Vec::new();
    for divided in all.by_ref().take(most) {
        let at = place(&divided)?;
        let value = value(&divided, wanted, Some(&at.0));
        placed.push((divided, at, value));
    }
    placed.sort_by(|a, b| ascending(&a.2, &b.2));
    let mut placed: Vec<(Divided, At)> = placed.into_iter().map(|p| (p.0, p.1)).collect();
    // The best, until one that can be built better is found; the first where none can says why.
    let mut taken: Option<(Built, (Divided, At))> = None;
    let mut sought = 0;
    loop {
        for (divided, at) in placed.drain(..) {
            if taken.as_ref().is_some_and(|t| t.0 == Built::Again) {
                break;
            }
            let built = build(&divided, &at.0);
            if taken.as_ref().is_none_or(|t| built > t.0) {
                taken = Some((built, (divided, at)));
            }
        }
        match taken.as_ref().map(|t| t.0) {
            Some(Built::Again) => break,
            Some(Built::Once) if sought == SOUGHT => break,
            Some(Built::Once) => sought += 1,
            _ => {}
        }
        let Some(divided) = all.next() else {
            break;
        };
        let at = place(&divided)?;
        placed.push((divided, at));
    }
    let (_, (divided, at)) = taken.expect("at least one was found");
    let joules = estimate(&divided, wanted, Some(&at.0)).joules;
    Ok(Taken {
        joules,
        divided,
        at,
        filled,
    })
}

/// Splitters of given cores of the network's neurons that cost less, at the rates that are known and at those assumed.
pub(super) fn thrifty_of(wanted: &Wanted<'_>, found: &Divided) -> Vec<Divided> {
    let goals = match wanted.judge.objective {
        Objective::Cores => return Vec::new(),
        Objective::Packets => [Goal::Packets, Goal::Joules],
        _ => [Goal::Joules, Goal::Packets],
    };
    let Wanted {
        network,
        like,
        judge,
        ..
    } = *wanted;
    // The objectives that count packets know no rates.
    let assumed = judge.rates.is_some().then_some(Judge {
        rates: None,
        ..judge
    });
    let judges = std::iter::once(judge).chain(assumed);
    let each = judges.flat_map(|j| goals.map(|goal| thrifty(network, like, found, &j, goal)));
    each.flatten().collect()
}
