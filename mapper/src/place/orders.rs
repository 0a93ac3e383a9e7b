//! Fixed orders: placements made in one go, without looking back. They are candidates of `best`, and its lower mark.
//!
//! Invariant: a core of the partition gets a physical core of its own; the same flows give the same order.

use super::distance::Distance;
use super::flows::Flows;
use isa::ChipSpec;

/// Partition core i on physical core i.
pub(super) fn row_major(flows: &Flows, _: &ChipSpec) -> Vec<u32> {
    (0..flows.cores).collect()
}

/// Partition cores by rank, then as opened; those without traffic come last.
fn by_rank(flows: &Flows) -> Vec<u32> {
    let mut order: Vec<u32> = (0..flows.cores).collect();
    order.sort_by_key(|c| (flows.with(*c).is_empty(), flows.rank[*c as usize]));
    order
}

/// By rank along rows.
pub(super) fn topological(flows: &Flows, _: &ChipSpec) -> Vec<u32> {
    placed(&by_rank(flows), 0..flows.cores)
}

/// Physical core of each partition core when `order` takes `slots` in turn.
fn placed(order: &[u32], slots: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut at = vec![0; order.len()];
    for (core, slot) in order.iter().zip(slots) {
        at[*core as usize] = slot;
    }
    at
}

/// By rank along a Hilbert curve over the tiles.
pub(super) fn hilbert(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let side = chip.mesh.width.max(chip.mesh.height).next_power_of_two();
    let tiles = (0..side * side)
        .map(|d| hilbert_point(side, d))
        .filter(|(x, y)| *x < chip.mesh.width && *y < chip.mesh.height);
    let per_tile = chip.mesh.cores_per_tile;
    let first = |(x, y)| (y * chip.mesh.width + x) * per_tile;
    placed(
        &by_rank(flows),
        tiles.flat_map(|t| first(t)..first(t) + per_tile),
    )
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
pub(super) fn layer_rows(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
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
    placed(&order, slots)
}

/// A rectangle of tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Area {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Area {
    /// The rectangle with the least width + height, borders between chips counted as placers do, that holds all cores, around the
    /// host's tile as far as the mesh goes.
    pub(super) fn compact(flows: &Flows, chip: &ChipSpec) -> Area {
        let tiles = flows.cores.div_ceil(chip.mesh.cores_per_tile).max(1);
        let sides = (1..=chip.mesh.height)
            .map(|height| (tiles.div_ceil(height), height))
            .filter(|(width, _)| *width <= chip.mesh.width);
        let (hx, hy) = chip.xy(chip.host_ports[0].tile);
        let first = |host: u32, side: u32, all: u32| host.saturating_sub(side / 2).min(all - side);
        let distance = Distance::new(chip);
        let across = |axis: usize, host: u32, side: u32, all: u32| {
            let first = first(host, side, all);
            distance.along(axis, first, first + side - 1)
        };
        let around = |&(w, h): &(u32, u32)| {
            let around = across(0, hx, w, chip.mesh.width) + across(1, hy, h, chip.mesh.height);
            (around, w * h, h)
        };
        let (width, height) = sides
            .min_by_key(around)
            .unwrap_or((chip.mesh.width, chip.mesh.height));
        Area {
            x: first(hx, width, chip.mesh.width),
            y: first(hy, height, chip.mesh.height),
            width,
            height,
        }
    }

    /// Its first and last tile.
    pub(super) fn corners(&self) -> ((u32, u32), (u32, u32)) {
        let last = (self.x + self.width - 1, self.y + self.height - 1);
        ((self.x, self.y), last)
    }

    /// First physical core of tile (x, y) of the rectangle.
    fn core(&self, chip: &ChipSpec, x: u32, y: u32) -> u32 {
        ((self.y + y) * chip.mesh.width + self.x + x) * chip.mesh.cores_per_tile
    }
}

/// Two vectors in which connected cores lie close: eigenvectors of the random walk on the core graph with the largest eigenvalues
/// below 1 (Hall 1970; Koren 2005), by power iteration. The number of rounds is fixed by the size.
fn embedding(flows: &Flows) -> [Vec<f64>; 2] {
    let n = flows.cores as usize;
    let weight = |core: usize| flows.with(core as u32).iter().map(|w| w.1 as f64);
    let degree: Vec<f64> = (0..n).map(|c| weight(c).sum::<f64>().max(1e-9)).collect();
    let total: f64 = degree.iter().sum();
    let rounds = (120_000_000 / (flows.terms() + 8 * n).max(1)).clamp(20, 400);
    // A start with no symmetry: fractional parts of multiples of two irrational numbers.
    let start = |by: f64| -> Vec<f64> { (0..n).map(|i| (i as f64 * by).fract() - 0.5).collect() };
    let mut vectors = [start(0.618_033_988_75), start(0.414_213_562_37)];
    for _ in 0..rounds {
        for v in 0..2 {
            let old = &vectors[v];
            let step = |c: usize| {
                let sum: f64 = flows
                    .with(c as u32)
                    .iter()
                    .map(|(o, w)| *w as f64 * old[*o as usize])
                    .sum();
                0.5 * (old[c] + sum / degree[c])
            };
            let mut new: Vec<f64> = (0..n).map(step).collect();
            let dot = |a: &[f64], b: &[f64]| -> f64 {
                a.iter()
                    .zip(b)
                    .zip(&degree)
                    .map(|((a, b), d)| a * b * d)
                    .sum()
            };
            let mean = new.iter().zip(&degree).map(|(x, d)| x * d).sum::<f64>() / total;
            new.iter_mut().for_each(|x| *x -= mean);
            if v == 1 {
                let first = &vectors[0];
                let share = dot(&new, first) / dot(first, first).max(1e-300);
                new.iter_mut().zip(first).for_each(|(x, f)| *x -= share * f);
            }
            let norm = dot(&new, &new).sqrt().max(1e-300);
            new.iter_mut().for_each(|x| *x /= norm);
            vectors[v] = new;
        }
    }
    vectors
}

/// Spectral: the first vector decides the column, the second the row within it.
pub(super) fn spectral(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let area = Area::compact(flows, chip);
    let [along, across] = embedding(flows);
    let sort = |list: &mut [u32], by: &[f64]| {
        list.sort_by(|a, b| by[*a as usize].total_cmp(&by[*b as usize]).then(a.cmp(b)));
    };
    let mut order: Vec<u32> = (0..flows.cores).collect();
    sort(&mut order, &along);
    let per_tile = chip.mesh.cores_per_tile;
    // Columns share the cores evenly, so that the rectangle is full but for its last row.
    let (n, columns) = (order.len(), area.width as usize);
    for x in 0..columns {
        sort(&mut order[n * x / columns..n * (x + 1) / columns], &across);
    }
    let slots = (0..columns).flat_map(|x| {
        let count = (n * (x + 1) / columns - n * x / columns) as u32;
        (0..count).map(move |i| area.core(chip, x as u32, i / per_tile) + i % per_tile)
    });
    let at = placed(&order, slots);
    nearest_host(flows, chip, area, at)
}

/// The mirror image of a placement within its rectangle that costs the least: only host traffic tells them apart.
pub(super) fn nearest_host(flows: &Flows, chip: &ChipSpec, area: Area, at: Vec<u32>) -> Vec<u32> {
    if flows.host.iter().all(|w| *w == 0) {
        return at;
    }
    let mirrored = |turn_x: bool, turn_y: bool| -> Vec<u32> {
        let one = |core: &u32| {
            let (x, y) = chip.xy(chip.tile_of(*core));
            let (mut x, mut y) = (x - area.x, y - area.y);
            if turn_x {
                x = area.width - 1 - x;
            }
            if turn_y {
                y = area.height - 1 - y;
            }
            area.core(chip, x, y) + core % chip.mesh.cores_per_tile
        };
        at.iter().map(one).collect()
    };
    let all = [(false, false), (true, false), (false, true), (true, true)];
    let images = all.map(|(x, y)| mirrored(x, y));
    let cheapest = images.into_iter().min_by_key(|at| flows.cost(chip, at));
    cheapest.unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hilbert_visits_neighbours() {
        let points: Vec<_> = (0..64).map(|d| hilbert_point(8, d)).collect();
        for pair in points.windows(2) {
            assert_eq!(super::super::flows::hops(pair[0], pair[1]), 1, "{pair:?}");
        }
        let distinct: std::collections::BTreeSet<_> = points.iter().collect();
        assert_eq!(distinct.len(), 64);
    }
}
