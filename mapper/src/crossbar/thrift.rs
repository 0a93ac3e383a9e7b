//! Splitters where they cost less than copies: of each source the late destinations behind a splitter on its own core, or behind one on a core that has
//! several of them.
//!
//! Invariant: what is chosen follows from the cores of the network's own neurons, the chip's prices and the rates, whatever the cores are called; no core goes
//! beyond a limit. A copy costs the synaptic operations of its neuron, a splitter those of one spike in each of its lanes, and one destination more.

use super::cost::{Judge, ROUNDING, Weights};
use super::partition::{Cores, Problem, groups, lanes, overfull};
use super::relays::{self, Split};
use super::split::{self, Divided, Network, Room, dense};
use super::tree::{self, Reach};
use crate::quantized::Quantized;
use std::cmp::Reverse;

/// A splitter that is wanted: its core, and the cores whose late destinations it has.
#[derive(Clone, Debug, PartialEq)]
struct Part {
    core: u32,
    serves: Vec<u32>,
    outputs: u32,
}

/// Splitters of a source, and what they save.
struct Wish {
    gain: f64,
    source: u32,
    parts: Vec<Part>,
}

/// The mapping with splitters for all sources where they cost less and have room; `None`: nowhere.
pub(super) fn thrifty(
    network: Network<'_>,
    like: &Problem<'_>,
    found: &Divided,
    judge: &Judge<'_>,
    goal: super::cost::Goal,
) -> Option<Divided> {
    let core_of = dense(&found.cores.core_of);
    let with = split::problem(&found.q, &found.lines, network.chip, like);
    let cores = Cores::of(&with, core_of);
    let prices = judge.prices(&found.q, &found.lines);
    let choice = Choice {
        with: &with,
        cores: &cores,
        reach: tree::reaches(&with, &cores),
        weights: prices.weights(goal, cores.count()),
    };
    let mut wishes: Vec<Wish> = (0..network.q.neurons())
        .flat_map(|n| choice.wishes(n))
        .collect();
    wishes.sort_by(|a, b| {
        let by_gain = b.gain.total_cmp(&a.gain);
        by_gain.then_with(|| a.source.cmp(&b.source))
    });
    let mut rooms = split::rooms(&with, &cores);
    let mut granted: Vec<Option<Vec<Part>>> = vec![None; network.q.neurons() as usize];
    for wish in wishes {
        let slot = &mut granted[wish.source as usize];
        if slot.is_none() && choice.grant(&found.q, wish.source, &wish.parts, &mut rooms) {
            *slot = Some(wish.parts);
        }
    }
    let granted = (0u32..).zip(granted);
    let granted: Vec<(u32, Vec<Part>)> = granted.filter_map(|(n, p)| Some((n, p?))).collect();
    if granted.is_empty() {
        return None;
    }
    let splits = granted
        .iter()
        .map(|(n, parts)| choice.split(*n, parts))
        .collect::<Vec<Split>>();
    let q = relays::network(&found.q, &splits);
    let lines = relays::lines(&found.lines, &splits);
    let mut core_of = cores.core_of.clone();
    core_of.extend(granted.iter().flat_map(|g| &g.1).map(|p| p.core));
    let with = split::problem(&q, &lines, network.chip, like);
    let cores = Cores::of(&with, core_of);
    let axons = with.axons as usize;
    if overfull(&with, &cores).is_some() || cores.lines.iter().any(|l| l.len() > axons) {
        return None;
    }
    Some(Divided {
        sources: found.sources + splits.len() as u32,
        splitters: q.neurons() - network.q.neurons(),
        levels: found.levels.max(1),
        order: found.order,
        copied: found.copied,
        moved: found.moved,
        q,
        lines,
        cores,
    })
}

struct Choice<'a> {
    with: &'a Problem<'a>,
    cores: &'a Cores,
    reach: Vec<Reach>,
    weights: Weights,
}

impl Choice<'_> {
    /// Late destinations of a source by core, ascending.
    fn late(&self, n: u32) -> Vec<(u32, u32)> {
        let mut by_core: Vec<(u32, u32)> = Vec::new();
        let mut late: Vec<(u32, u32)> = self.reach[n as usize]
            .late
            .iter()
            .map(|l| (l.0.1, l.1))
            .collect();
        late.sort_unstable();
        for (core, count) in late {
            match by_core.last_mut() {
                Some(last) if last.0 == core => last.1 += count,
                _ => by_core.push((core, count)),
            }
        }
        by_core
    }

    /// The first line of a source without a delay, which its splitters join.
    fn join(&self, n: u32) -> Option<u32> {
        let lines = self.with.lines;
        let mut own = lines.of_source(n);
        own.find(|l| lines.delay[*l as usize] == 0)
    }

    /// Whether a splitter on a core needs no destination of its own.
    fn joins(&self, join: Option<u32>, core: u32) -> bool {
        let there = &self.cores.lines[core as usize];
        join.is_some_and(|l| there.binary_search(&l).is_ok())
    }

    /// Ways to give a source splitters that cost less than its copies, each with the gain.
    fn wishes(&self, n: u32) -> Vec<Wish> {
        let (w, each) = (&self.weights, self.with.each);
        let late = self.late(n);
        let all: u32 = late.iter().map(|l| l.1).sum();
        if all == 0 {
            return Vec::new();
        }
        let (i, own, join) = (n as usize, self.cores.core_of[n as usize], self.join(n));
        let pair = |from: u32, to: u32| if from == to { w.local[i] } else { w.far[i] };
        let copies = {
            let outputs = self.cores.outputs[i];
            let sent = late.iter().map(|l| f64::from(l.1) * pair(own, l.0));
            sent.sum::<f64>() + f64::from(lanes(outputs, each)) * w.lane[i]
        };
        let priced = |parts: &[Part]| {
            let feeds: u32 = parts
                .iter()
                .map(|p| u32::from(!self.joins(join, p.core)))
                .sum();
            let outputs = self.cores.outputs[i] - all + feeds;
            let mut sum = f64::from(lanes(outputs, each)) * w.lane[i];
            for p in parts {
                if !self.joins(join, p.core) {
                    sum += pair(own, p.core);
                }
                sum += f64::from(lanes(p.outputs, each)) * w.relay[i];
                for (core, count) in &late {
                    if p.serves.contains(core) {
                        sum += f64::from(*count) * pair(p.core, *core);
                    }
                }
            }
            sum
        };
        // A core with several of them may have a splitter of its own; the others are behind one beside the source.
        let near = |l: &&(u32, u32)| {
            let (apart, feed) = (f64::from(l.1) * w.far[i], pair(own, l.0) + w.lane[i]);
            let feed = if self.joins(join, l.0) { 0.0 } else { feed };
            l.0 != own && l.1 > 1 && feed + f64::from(l.1) * w.local[i] < apart
        };
        let whole = |core: u32| {
            vec![Part {
                core,
                serves: late.iter().map(|l| l.0).collect(),
                outputs: all,
            }]
        };
        let mut several: Vec<Part> = late
            .iter()
            .filter(near)
            .map(|l| Part {
                core: l.0,
                serves: vec![l.0],
                outputs: l.1,
            })
            .collect();
        let served: Vec<u32> = several.iter().map(|p| p.core).collect();
        let rest: Vec<&(u32, u32)> = late.iter().filter(|l| !served.contains(&l.0)).collect();
        if !rest.is_empty() {
            several.push(Part {
                core: own,
                serves: rest.iter().map(|l| l.0).collect(),
                outputs: rest.iter().map(|l| l.1).sum(),
            });
        }
        // Where it has no room beside the source it may have some where it sends to.
        let mut ways = vec![several, whole(own)];
        ways.extend(late.iter().map(|l| l.0).filter(|c| *c != own).map(whole));
        let mut out: Vec<Wish> = Vec::new();
        for parts in ways {
            let gain = copies - priced(&parts);
            if gain > ROUNDING * copies.abs() && out.iter().all(|o| o.parts != parts) {
                out.push(Wish {
                    gain,
                    source: n,
                    parts,
                });
            }
        }
        out.sort_by(|a, b| b.gain.total_cmp(&a.gain));
        out
    }

    /// Takes the room for the splitters of a source, if there is enough.
    fn grant(&self, q: &Quantized, n: u32, parts: &[Part], rooms: &mut [Room]) -> bool {
        let (with, each) = (self.with, self.with.each);
        let own = self.cores.core_of[n as usize];
        let join = self.join(n);
        let late: u32 = self.late(n).iter().map(|l| l.1).sum();
        let feeds: u32 = parts
            .iter()
            .map(|p| u32::from(!self.joins(join, p.core)))
            .sum();
        let before = self.cores.outputs[n as usize];
        let after = before - late + feeds;
        // A population of splitters is numbered behind all others, by that of its sources.
        let population = q.populations.len() as u32 + with.population[n as usize];
        let mut changed: Vec<(usize, Room)> = Vec::new();
        let touched = parts.iter().map(|p| p.core).chain([own]);
        let mut touched: Vec<u32> = touched.collect();
        touched.sort_unstable_by_key(|c| (Reverse(*c == own), *c));
        touched.dedup();
        for core in touched {
            let mut room = rooms[core as usize].clone();
            if core == own {
                room.lanes = room.lanes + lanes(after, each) - lanes(before, each);
                room.slots = room.slots + after - before;
                room.groups
                    .extend(groups(with.population[n as usize], after, each));
            }
            for part in parts.iter().filter(|p| p.core == core) {
                room.lanes += lanes(part.outputs, each);
                room.slots += part.outputs;
                room.more += u32::from(!self.joins(join, core));
                room.groups.extend(groups(population, part.outputs, each));
            }
            let full = room.lanes > with.lanes
                || room.slots > with.slots
                || room.lines.len() as u32 + room.more > with.axons
                || room.groups.len() > with.groups as usize;
            if full {
                return false;
            }
            changed.push((core as usize, room));
        }
        for (core, room) in changed {
            rooms[core] = room;
        }
        true
    }

    /// The source with these splitters.
    fn split(&self, n: u32, parts: &[Part]) -> Split {
        if let [_] = parts {
            return Split::whole(n);
        }
        let lines = self.with.lines;
        let mut part_of: Vec<((u32, u8), u32)> = Vec::new();
        for line in lines.late(n) {
            let delay = lines.delay[line as usize];
            for target in lines.members(line) {
                let core = self.cores.core_of[*target as usize];
                let part = parts.iter().position(|p| p.serves.contains(&core));
                part_of.push(((*target, delay), part.unwrap_or(0) as u32));
            }
        }
        part_of.sort_unstable();
        part_of.dedup();
        Split {
            source: n,
            parts: parts.len() as u32,
            part_of,
        }
    }
}
