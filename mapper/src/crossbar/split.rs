//! Splitters: which sources send through one, and where these stand.
//!
//! Invariant: a network with splitters is a network like any other to the passes that follow (`relays`); what is chosen here depends on
//! the cores of the network's own neurons alone, so that an assignment gives the same splitters again. A splitter takes a lane, an axon and
//! a packet more than copies beside the source do, so here only sources for whose copies their core has no room get one; `thrift` adds those that cost less.

use super::lines::Lines;
use super::partition::{self, Cores, Full, Order, Problem, groups, lanes};
use super::refine::tighter;
use super::relays::{self, Split};
use super::tree;
use crate::quantized::Quantized;
use isa::ChipSpec;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Destinations from which on sources are given splitters, in the trials of one network.
const FROM: [u32; 7] = [0, 2, 3, 4, 8, 16, 32];
/// Lines of neurons above which fewer trials are made.
pub(super) const MANY: usize = 1 << 20;
/// Times that sources get twice as many splitters in a trial.
const DOUBLINGS: u32 = 8;

/// A partition of a network, with splitters.
pub(super) struct Divided {
    /// Sources with splitters, and all splitters.
    pub(super) sources: u32,
    pub(super) splitters: u32,
    /// Splitters on the longest way.
    pub(super) levels: u32,
    /// The network with splitters, and its lines.
    pub(super) q: Quantized,
    pub(super) lines: Lines,
    pub(super) cores: Cores,
    pub(super) order: Order,
    /// Cores with copies alone, if the network fits so.
    pub(super) copied: Option<u64>,
    /// Neurons have moved to where they cost less.
    pub(super) moved: bool,
}

/// What the choice is made for.
#[derive(Clone, Copy)]
pub(super) struct Network<'a> {
    pub(super) q: &'a Quantized,
    pub(super) lines: &'a Lines,
    pub(super) chip: &'a ChipSpec,
}

impl Network<'_> {
    fn with(&self, split: &[Split]) -> (Quantized, Lines) {
        (
            relays::network(self.q, split),
            relays::lines(self.lines, split),
        )
    }
}

/// The problem of a network with splitters, limits as in `like`.
pub(super) fn problem<'a>(
    q: &Quantized,
    lines: &'a Lines,
    chip: &ChipSpec,
    like: &Problem<'_>,
) -> Problem<'a> {
    Problem {
        axons: like.axons,
        lanes: like.lanes,
        slots: like.slots,
        each: like.each,
        groups: like.groups,
        ..super::problem(q, lines, &crate::emit::host_entries(q), chip)
    }
}

/// The fewest cores that are found with copies alone, or with splitters where that takes fewer; what copies lack if nothing fits. At `least_cores`
/// it is enough. All else that was found goes to `others`.
pub(super) fn partition(
    network: Network<'_>,
    like: &Problem<'_>,
    orders: &[Order],
    least_cores: u64,
    mut others: Option<&mut Vec<Divided>>,
) -> Result<Divided, Full> {
    let base = partition::partition(like, orders).map(|(cores, order)| {
        let fewer = tighter(like, &cores, least_cores);
        (fewer.unwrap_or(cores), order)
    });
    let neurons = network.q.neurons();
    let can = splittable(like, neurons);
    let copies = |c: &Cores| c.outputs.iter().any(|o| lanes(*o, like.each) > 1);
    let wanted = match &base {
        Ok((cores, _)) => cores.count() > 1 && copies(cores),
        Err(
            Full::Lanes { .. } | Full::Slots { .. } | Full::Rounds { .. } | Full::Groups { .. },
        ) => true,
        Err(Full::Lines { .. }) => false,
    };
    let mut best: Option<Divided> = None;
    let copied = base.as_ref().ok().map(|(c, _)| c.count() as u64);
    if wanted && !can.is_empty() {
        let mut known: BTreeSet<Vec<u32>> = BTreeSet::new();
        let mut late: Option<Vec<u32>> = None;
        let from: &[u32] = match network.lines.of.len() > MANY {
            true => &FROM[..1],
            false => &FROM,
        };
        for least in from {
            let split: Vec<u32> = if *least == 0 {
                can.clone()
            } else {
                // Where no cores are known that show destinations: one for each late line at least.
                let lines = || {
                    let each = (0..neurons).map(|n| like.lines.late(n).count() as u32);
                    each.collect::<Vec<u32>>()
                };
                let late = late.get_or_insert_with(lines);
                let far = |n: &&u32| late[**n as usize] >= *least;
                can.iter().filter(far).copied().collect()
            };
            if split.is_empty() || !known.insert(split.clone()) {
                continue;
            }
            let candidates = [
                tried(network, like, orders, &split),
                relieved(like, orders, &split, least_cores),
            ];
            for (own, order) in candidates.into_iter().flatten() {
                let cores = Cores::of(like, own);
                late.get_or_insert_with(|| tree::late(like, &cores));
                let Some(found) = settled(network, like, &cores, order, copied) else {
                    continue;
                };
                let cost = |d: &Divided| (d.cores.count(), d.cores.all_outputs());
                let other = match &best {
                    Some(b) if cost(&found) >= cost(b) => Some(found),
                    _ => best.replace(found),
                };
                if let Some(others) = &mut others {
                    others.extend(other);
                }
            }
        }
    }
    match (best, base) {
        (Some(split), base)
            if base
                .as_ref()
                .is_ok_and(|(c, _)| c.count() <= split.cores.count()) =>
        {
            let (cores, order) = base?;
            if let Some(others) = &mut others {
                others.push(split);
            }
            Ok(plain(network, cores, order))
        }
        (Some(split), base) => {
            if let Some(others) = &mut others {
                let base = base.into_iter();
                others.extend(base.map(|(cores, order)| plain(network, cores, order)));
            }
            Ok(repacked(network, like, split, least_cores))
        }
        (None, base) => {
            let (cores, order) = base?;
            Ok(plain(network, cores, order))
        }
    }
}

/// The same with fewer cores, where these and the splitters that they need are fewer.
fn repacked(network: Network<'_>, like: &Problem<'_>, found: Divided, least: u64) -> Divided {
    let with = problem(&found.q, &found.lines, network.chip, like);
    let Some(fewer) = tighter(&with, &found.cores, least) else {
        return found;
    };
    let own = dense(&fewer.core_of[..network.q.neurons() as usize]);
    let own = Cores::of(like, own);
    let again = settled(network, like, &own, found.order, found.copied);
    let again = again.filter(|a| a.cores.count() < found.cores.count());
    again.unwrap_or(found)
}

/// Cores of the network's neurons, numbered without gaps, when these sources have splitters; as many of each as its targets turn out to need.
fn tried(
    network: Network<'_>,
    like: &Problem<'_>,
    orders: &[Order],
    sources: &[u32],
) -> Option<(Vec<u32>, Order)> {
    let neurons = network.q.neurons();
    let targets = |n: u32| -> Vec<(u32, u8)> {
        let mine = like.lines.late(n);
        let with = |l: u32| {
            let delay = like.lines.delay[l as usize];
            like.lines.members(l).iter().map(move |m| (*m, delay))
        };
        let mut all: Vec<(u32, u8)> = mine.flat_map(with).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let mut split: Vec<Split> = sources.iter().map(|n| Split::whole(*n)).collect();
    for _ in 0..DOUBLINGS {
        let (q, lines) = network.with(&split);
        let trial = problem(&q, &lines, network.chip, like);
        let full = match partition::partition(&trial, orders) {
            Ok((cores, order)) => {
                return Some((dense(&cores.core_of[..neurons as usize]), order));
            }
            Err(full) => full,
        };
        let (Full::Lanes { neuron, .. } | Full::Slots { neuron, .. } | Full::Rounds { neuron, .. }) =
            full
        else {
            return None;
        };
        // Which source the splitter that fits nowhere belongs to.
        let mut first = neurons;
        let mut at = None;
        for (i, s) in split.iter().enumerate() {
            if (first..first + s.parts).contains(&neuron) {
                at = Some(i);
            }
            first += s.parts;
        }
        let full = at?;
        let mine = targets(split[full].source).len();
        for s in &mut split {
            let all = targets(s.source);
            if all.len() >= mine.max(2) {
                s.parts = (s.parts * 2).min(all.len() as u32);
                let each = all.len().div_ceil(s.parts as usize);
                s.part_of = (0usize..)
                    .zip(&all)
                    .map(|(i, t)| (*t, (i / each) as u32))
                    .collect();
                s.parts = s.part_of.last().map_or(1, |p| p.1 + 1);
            }
        }
    }
    None
}

/// The same when what these sources send late takes them one lane each, whatever their splitters take elsewhere.
fn relieved(
    like: &Problem<'_>,
    orders: &[Order],
    sources: &[u32],
    least: u64,
) -> Option<(Vec<u32>, Order)> {
    let lines = like.lines.without_late(sources);
    let mut host = like.host.clone();
    sources.iter().for_each(|n| host[*n as usize] += 1);
    let with = Problem {
        lines: &lines,
        host,
        ..like.clone()
    };
    let (cores, order) = partition::partition(&with, orders).ok()?;
    let cores = tighter(&with, &cores, least).unwrap_or(cores);
    Some((dense(&cores.core_of), order))
}

/// A partition without splitters.
pub(super) fn plain(network: Network<'_>, cores: Cores, order: Order) -> Divided {
    let (q, lines) = network.with(&[]);
    Divided {
        sources: 0,
        splitters: 0,
        levels: 0,
        q,
        lines,
        copied: Some(cores.count() as u64),
        cores,
        order,
        moved: false,
    }
}

/// Neurons that have a line which can be a tick less late.
fn splittable(like: &Problem<'_>, neurons: u32) -> Vec<u32> {
    let mut can = vec![false; neurons as usize];
    for line in 0..like.lines.count() as u32 {
        if let Some(n) = like.lines.neuron(line) {
            can[n as usize] |= like.lines.delay[line as usize] > 0;
        }
    }
    (0..neurons).filter(|n| can[*n as usize]).collect()
}

/// Cores numbered from 0 without gaps, in order of first use.
pub(super) fn dense(core_of: &[u32]) -> Vec<u32> {
    let most = core_of.iter().max().map_or(0, |c| *c as usize + 1);
    let (mut number, mut next) = (vec![u32::MAX; most], 0);
    let of = |c: &u32| {
        let n = &mut number[*c as usize];
        if *n == u32::MAX {
            (*n, next) = (next, next + 1);
        }
        *n
    };
    core_of.iter().map(of).collect()
}

/// The splitters that the cores of the network's neurons need, on cores with room and on new ones; `None`: splitters do not help.
pub(super) fn settled(
    network: Network<'_>,
    like: &Problem<'_>,
    own: &Cores,
    order: Order,
    copied: Option<u64>,
) -> Option<Divided> {
    // Whatever the numbers of the cores are.
    let mut core_of = dense(&own.core_of);
    let mut split = tree::needed(like, &Cores::of(like, core_of.clone()))?;
    let sources = split.len() as u32;
    let (mut q, mut lines) = network.with(&split);
    let mut levels = u32::from(sources > 0);
    // Splitters with more destinations than lanes have splitters themselves; each level takes a tick, so this ends.
    while !split.is_empty() {
        let with = problem(&q, &lines, network.chip, like);
        let apart = core_of.iter().max().map_or(0, |c| c + 1);
        let more = q.neurons() - core_of.len() as u32;
        core_of.extend(apart..apart + more);
        split = tree::needed(&with, &Cores::of(&with, core_of.clone()))?;
        if split.is_empty() {
            break;
        }
        levels += 1;
        let next = (
            relays::network(&q, &split),
            relays::lines(with.lines, &split),
        );
        (q, lines) = next;
    }
    let with = problem(&q, &lines, network.chip, like);
    let splitters = q.neurons() - network.q.neurons();
    let core_of = placed(&with, own, splitters);
    let cores = Cores::of(&with, core_of);
    let axons = with.axons as usize;
    if partition::overfull(&with, &cores).is_some() || cores.lines.iter().any(|l| l.len() > axons) {
        return None;
    }
    Some(Divided {
        sources,
        splitters,
        levels,
        cores,
        order,
        copied,
        moved: false,
        q,
        lines,
    })
}

/// What a core has in use while splitters are placed.
#[derive(Clone, Default)]
pub(super) struct Room {
    pub(super) lanes: u32,
    pub(super) slots: u32,
    pub(super) lines: BTreeSet<u32>,
    /// Lines that are not yet numbered.
    pub(super) more: u32,
    pub(super) groups: BTreeSet<(u32, bool)>,
}

/// What the cores of a partition have in use.
pub(super) fn rooms(with: &Problem<'_>, cores: &Cores) -> Vec<Room> {
    let mut rooms = vec![Room::default(); cores.count()];
    for (n, core) in cores.core_of.iter().enumerate() {
        let (room, outputs) = (&mut rooms[*core as usize], cores.outputs[n]);
        room.lanes += lanes(outputs, with.each);
        room.slots += outputs;
        room.groups
            .extend(groups(with.population[n], outputs, with.each));
    }
    for (room, lines) in rooms.iter_mut().zip(&cores.lines) {
        room.lines.extend(lines);
    }
    rooms
}

/// Cores of neurons and splitters: each splitter, those with the most destinations first, goes to the core with the least room that takes it.
fn placed(with: &Problem<'_>, own: &Cores, splitters: u32) -> Vec<u32> {
    let neurons = own.core_of.len() as u32;
    // Destinations do not depend on where splitters are, but for those of their sources: one more each.
    let mut core_of = own.core_of.clone();
    core_of.extend((0..splitters).map(|i| own.count() as u32 + i));
    let apart = Cores::of(with, core_of.clone());
    let mut rooms = vec![Room::default(); own.count()];
    let take = |room: &mut Room, n: u32| {
        let outputs = apart.outputs[n as usize];
        room.lanes += lanes(outputs, with.each);
        room.slots += outputs;
        room.lines.extend(with.lines.of(n));
        room.groups
            .extend(groups(with.population[n as usize], outputs, with.each));
    };
    for n in 0..neurons {
        take(&mut rooms[core_of[n as usize] as usize], n);
    }
    let mut order: Vec<u32> = (neurons..neurons + splitters).collect();
    order.sort_by_key(|n| (Reverse(apart.outputs[*n as usize]), *n));
    for n in order {
        let outputs = apart.outputs[n as usize];
        let mine: BTreeSet<(u32, bool)> =
            groups(with.population[n as usize], outputs, with.each).collect();
        let fits = |r: &Room| {
            let new = with
                .lines
                .of(n)
                .iter()
                .filter(|l| !r.lines.contains(l))
                .count();
            r.lanes + lanes(outputs, with.each) <= with.lanes
                && r.slots + outputs <= with.slots
                && r.lines.len() + new <= with.axons as usize
                && r.groups.union(&mine).count() <= with.groups as usize
        };
        let roomy = (0..rooms.len()).filter(|c| fits(&rooms[*c]));
        let core = roomy.max_by_key(|c| (rooms[*c].lanes, Reverse(*c)));
        let core = core.unwrap_or_else(|| {
            rooms.push(Room::default());
            rooms.len() - 1
        });
        take(&mut rooms[core], n);
        core_of[n as usize] = core as u32;
    }
    core_of
}
