//! Pass 3, place: partition cores to physical cores, with few hops.
//!
//! Invariant: deterministic for a seed, on any number of threads; `best` is never worse than any fixed order. The cost is
//! Σ packets · Manhattan distance of the tiles at unit rates, host traffic included (facts: placing a core graph is a
//! quadratic assignment; laying layers on rows beats space-filling curves on convolutional nets).

use crate::error::MapError;
use crate::quantized::{Quantized, Source};
use crate::topology;
use isa::ChipSpec;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Names of the placers; the first is the default.
pub const PLACERS: &[&str] = &["best", "row-major", "hilbert", "topological-rows"];

/// A fixed order: physical core of each partition core.
type Order = fn(&Flows, &ChipSpec) -> Vec<u32>;

const FIXED: &[(&str, Order)] = &[
    ("row-major", row_major),
    ("hilbert", hilbert),
    ("topological-rows", topological_rows),
];

/// Flow terms that the swaps of `best` may look at.
const SWAP_BUDGET: u64 = 40_000_000;

/// Packets between partition cores at unit rate.
pub(crate) struct Flows {
    cores: u32,
    /// Both directions of each pair, by core: (other core, packets). A core's own packets do not travel.
    with: Vec<Vec<(u32, u64)>>,
    /// Packets to and from the host, by core.
    host: Vec<u64>,
    /// Rank of the earliest population of each core.
    rank: Vec<u32>,
}

impl Flows {
    /// Counts the flows of a partition.
    pub(crate) fn of(q: &Quantized, core_of: &[u32], cores: u32) -> Flows {
        let mut flows = Flows {
            cores,
            with: vec![Vec::new(); cores as usize],
            host: vec![0; cores as usize],
            rank: vec![u32::MAX; cores as usize],
        };
        for (p, rank) in q.populations.iter().zip(topology::ranks(q)) {
            for core in &core_of[p.first as usize..(p.first + p.count) as usize] {
                let mine = &mut flows.rank[*core as usize];
                *mine = (*mine).min(rank);
            }
        }
        for output in q
            .outputs
            .iter()
            .filter(|o| q.populations[o.population as usize].fires)
        {
            let p = &q.populations[output.population as usize];
            core_of[p.first as usize..(p.first + p.count) as usize]
                .iter()
                .for_each(|c| flows.host[*c as usize] += 1);
        }
        let mut pairs: Vec<u64> = Vec::new();
        each_packet(q, core_of, |source, core| match source {
            Some(neuron) if core_of[neuron as usize] == core => {}
            Some(neuron) => pairs.push(u64::from(core_of[neuron as usize]) << 32 | u64::from(core)),
            None => flows.host[core as usize] += 1,
        });
        flows.count(pairs);
        flows
    }

    /// From packets between cores alone: source core << 32 | destination core, once per packet. All cores have one rank.
    pub(crate) fn between(cores: u32, packets: Vec<u64>) -> Flows {
        let mut flows = Flows {
            cores,
            with: vec![Vec::new(); cores as usize],
            host: vec![0; cores as usize],
            rank: vec![0; cores as usize],
        };
        flows.count(packets);
        flows
    }

    fn count(&mut self, mut pairs: Vec<u64>) {
        pairs.sort_unstable();
        for run in pairs.chunk_by(|a, b| a == b) {
            let (a, b) = ((run[0] >> 32) as u32, run[0] as u32);
            self.with[a as usize].push((b, run.len() as u64));
            self.with[b as usize].push((a, run.len() as u64));
        }
    }

    /// Hops of all packets when partition core i is physical core `at[i]`.
    pub(crate) fn cost(&self, chip: &ChipSpec, at: &[u32]) -> u64 {
        let host = chip.host_ports[0].tile;
        let mut twice = 0;
        let mut sum = 0;
        for core in 0..self.cores as usize {
            let tile = chip.tile_of(at[core]);
            sum += self.host[core] * distance(chip, tile, host);
            twice += self.with[core]
                .iter()
                .map(|(other, w)| w * distance(chip, tile, chip.tile_of(at[*other as usize])))
                .sum::<u64>();
        }
        sum + twice / 2
    }
}

/// Calls `visit` once per (source, destination core, receptor): the neuron, or `None` for an input element.
fn each_packet(q: &Quantized, core_of: &[u32], mut visit: impl FnMut(Option<u32>, u32)) {
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    let mut reached: Vec<(u32, u8)> = Vec::new();
    for source in (0..q.populations.len() as u32)
        .map(Source::Population)
        .chain(inputs)
    {
        let (first, count) = q.source_span(source);
        let leaving: Vec<_> = q
            .projections
            .iter()
            .filter(|p| p.source == source)
            .collect();
        for element in 0..if leaving.is_empty() { 0 } else { count } {
            reached.clear();
            for p in &leaving {
                let base = q.populations[p.target as usize].first;
                reached.extend(
                    p.targets[p.row(element)]
                        .iter()
                        .map(|t| (core_of[(base + t) as usize], p.receptor)),
                );
            }
            reached.sort_unstable();
            reached.dedup();
            let id = matches!(source, Source::Population(_)).then_some(first + element);
            reached.iter().for_each(|(core, _)| visit(id, *core));
        }
    }
}

fn distance(chip: &ChipSpec, a: u32, b: u32) -> u64 {
    let ((ax, ay), (bx, by)) = (chip.xy(a), chip.xy(b));
    u64::from(ax.abs_diff(bx) + ay.abs_diff(by))
}

/// Places a partition; physical core of each partition core, the name of the order that led to it, and its cost.
pub(crate) fn place(
    flows: &Flows,
    chip: &ChipSpec,
    name: &str,
    seed: u64,
) -> Result<(Vec<u32>, String), MapError> {
    assert!(
        flows.cores <= chip.cores(),
        "{} cores for a chip of {}",
        flows.cores,
        chip.cores()
    );
    if let Some((_, order)) = FIXED.iter().find(|o| o.0 == name) {
        return Ok((order(flows, chip), name.into()));
    }
    if name != PLACERS[0] {
        return Err(MapError::Name {
            kind: "placer",
            name: name.into(),
            list: PLACERS.join(", "),
        });
    }
    let mut candidates = FIXED
        .iter()
        .map(|(name, order)| (order(flows, chip), *name));
    let first = candidates.next().expect("the list is not empty");
    let cost = flows.cost(chip, &first.0);
    let (mut at, from, _) = candidates.fold((first.0, first.1, cost), |best, (at, name)| {
        let cost = flows.cost(chip, &at);
        if cost < best.2 {
            (at, name, cost)
        } else {
            best
        }
    });
    swap(flows, chip, &mut at, seed);
    Ok((at, format!("{name} ({from}, then swaps)")))
}

fn row_major(flows: &Flows, _: &ChipSpec) -> Vec<u32> {
    (0..flows.cores).collect()
}

/// Partition cores by rank, then as opened.
fn by_rank(flows: &Flows) -> Vec<u32> {
    let mut order: Vec<u32> = (0..flows.cores).collect();
    order.sort_by_key(|c| flows.rank[*c as usize]);
    order
}

fn hilbert(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let side = chip.mesh.width.max(chip.mesh.height).next_power_of_two();
    let tiles = (0..side * side)
        .map(|d| hilbert_point(side, d))
        .filter(|(x, y)| *x < chip.mesh.width && *y < chip.mesh.height);
    let per_tile = chip.mesh.cores_per_tile;
    let slots = tiles.flat_map(|(x, y)| (0..per_tile).map(move |i| (x, y, i)));
    let mut at = vec![0; flows.cores as usize];
    for (core, (x, y, i)) in by_rank(flows).into_iter().zip(slots) {
        at[core as usize] = (y * chip.mesh.width + x) * per_tile + i;
    }
    at
}

/// Point `d` of the Hilbert curve over a square whose side is a power of two.
fn hilbert_point(side: u32, d: u32) -> (u32, u32) {
    let (mut x, mut y, mut t, mut s) = (0, 0, d, 1);
    while s < side {
        let rx = 1 & (t / 2);
        let ry = 1 & (t ^ rx);
        if ry == 0 {
            if rx == 1 {
                (x, y) = (s - 1 - x, s - 1 - y);
            }
            (x, y) = (y, x);
        }
        (x, y) = (x + s * rx, y + s * ry);
        t /= 4;
        s *= 2;
    }
    (x, y)
}

/// Each rank starts a new row of tiles while there are rows enough.
fn topological_rows(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let row = chip.mesh.width * chip.mesh.cores_per_tile;
    let order = by_rank(flows);
    let rank = |i: usize| flows.rank[order[i] as usize];
    let mut slots = Vec::with_capacity(order.len());
    let mut next = 0u32;
    for i in 0..order.len() {
        if i > 0 && rank(i) != rank(i - 1) {
            let up = next.next_multiple_of(row);
            if up as usize + (order.len() - i) <= chip.cores() as usize {
                next = up;
            }
        }
        slots.push(next);
        next += 1;
    }
    let mut at = vec![0; order.len()];
    order
        .iter()
        .zip(slots)
        .for_each(|(core, slot)| at[*core as usize] = slot);
    at
}

/// A number below `n`, without bias (Lemire 2019: multiply, and reject the low part's overhang).
fn below(rng: &mut Xoshiro256PlusPlus, n: u64) -> u64 {
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(n);
        if product as u64 >= n.wrapping_neg() % n {
            return (product >> 64) as u64;
        }
    }
}

/// Swaps partition cores with others or with free physical cores while that lowers the cost.
fn swap(flows: &Flows, chip: &ChipSpec, at: &mut [u32], seed: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut holder: Vec<Option<u32>> = vec![None; chip.cores() as usize];
    at.iter()
        .enumerate()
        .for_each(|(core, slot)| holder[*slot as usize] = Some(core as u32));
    let mut cores: Vec<u32> = (0..flows.cores).collect();
    let mut budget = SWAP_BUDGET;
    loop {
        let mut gained = false;
        for i in (1..cores.len()).rev() {
            cores.swap(i, below(&mut rng, i as u64 + 1) as usize);
        }
        for &core in &cores {
            let mut best = (0i64, at[core as usize]);
            for slot in 0..chip.cores() {
                let gain = swap_gain(flows, chip, at, core, holder[slot as usize], slot);
                if gain > best.0 {
                    best = (gain, slot);
                }
                let terms = flows.with[core as usize].len()
                    + holder[slot as usize].map_or(0, |o| flows.with[o as usize].len());
                budget = budget.saturating_sub(terms as u64 + 1);
            }
            if best.0 > 0 {
                let (from, to) = (at[core as usize], best.1);
                holder.swap(from as usize, to as usize);
                at[core as usize] = to;
                if let Some(other) = holder[from as usize] {
                    at[other as usize] = from;
                }
                gained = true;
            }
            if budget == 0 {
                return;
            }
        }
        if !gained {
            return;
        }
    }
}

/// Hops saved by moving `core` to `slot` and whoever is there to where `core` was.
fn swap_gain(
    flows: &Flows,
    chip: &ChipSpec,
    at: &[u32],
    core: u32,
    other: Option<u32>,
    slot: u32,
) -> i64 {
    let (from, to) = (chip.tile_of(at[core as usize]), chip.tile_of(slot));
    if from == to {
        return 0;
    }
    let host = chip.host_ports[0].tile;
    let one = |core: u32, partner: Option<u32>, from: u32, to: u32| {
        let closer =
            |tile: u32| distance(chip, from, tile) as i64 - distance(chip, to, tile) as i64;
        // Packets between the two that change places travel as far as before.
        let travel = flows.with[core as usize]
            .iter()
            .filter(|(o, _)| Some(*o) != partner);
        travel
            .map(|(o, w)| *w as i64 * closer(chip.tile_of(at[*o as usize])))
            .sum::<i64>()
            + flows.host[core as usize] as i64 * closer(host)
    };
    one(core, other, from, to) + other.map_or(0, |o| one(o, Some(core), to, from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hilbert_visits_neighbours() {
        let points: Vec<_> = (0..64).map(|d| hilbert_point(8, d)).collect();
        for pair in points.windows(2) {
            assert_eq!(
                pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1),
                1,
                "{pair:?}"
            );
        }
        let distinct: std::collections::BTreeSet<_> = points.iter().collect();
        assert_eq!(distinct.len(), 64);
    }

    #[test]
    fn below_is_in_range_and_reaches_all() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| below(&mut rng, 7)).collect();
        assert_eq!(seen, (0..7).collect());
    }
}
