//! The metrics of a mapping: what the papers on mapping report, counted from who sends to which core and where the cores are.
//!
//! Invariant: counted here alone, apart from the running totals of partitioners and placers. A *flow* is the traffic of one core to
//! another; a core's own traffic and that of the host are no flows. d = |dx| + |dy| of the tiles of a flow.
//! Formulas: [`FORMULAS`], `specs/mapping.md`; sources: Jin et al. 2023 (`energy`, congestion), Ronzani and Silvano 2026 (latency,
//! router transit, reuse, locality), multicast trees as in HySMap.

use crate::place::{each_source, hops, xy_path};
use crate::quantized::Quantized;
use isa::ChipSpec;
use rustc_hash::FxHashMap;
use serde::{Serialize, Serializer};

/// Cells of the rectangles of all flows above which the transit of routers is left out.
const MOST_CELLS: u64 = 50_000_000;

/// Metrics of a mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Metrics {
    /// Neurons; copies of them on crossbars left out.
    pub neurons: u32,
    /// Synapses.
    pub synapses: u64,
    /// Cores that hold a neuron.
    pub cores_used: u32,
    /// Most neurons of a core.
    pub neurons_max: u64,
    /// Most distinct sources that reach into a core, its own included.
    pub axons_in_max: u64,
    /// Most (neuron, other core) pairs of a core.
    pub axons_out_max: u64,
    /// Most synapses of a core.
    pub synapses_max: u64,
    /// Synapses between cores.
    pub cut_synapses: u64,
    /// Σ over sources of (cores of the source and its targets − 1).
    pub km1: u64,
    /// Ordered pairs of cores with traffic.
    pub flows: u64,
    /// Σ w.
    #[serde(serialize_with = "whole")]
    pub traffic: f64,
    /// Σ w·d.
    #[serde(serialize_with = "whole")]
    pub hop_cost: f64,
    /// Σ w·((d + 1)·1 + d·0.1).
    pub energy: f64,
    /// Σ w·(d·1.1 + 0.1).
    pub energy_jin_code: f64,
    /// Σ w·((d + 1)·1 + d·0.01) / Σ w.
    pub latency_mean: f64,
    /// Mean over flows of d·1.01 + 0.01.
    pub latency_flow_mean: f64,
    /// Largest (d + 1)·1 + d·0.01.
    pub latency_max: f64,
    /// Mean load of the undirected links.
    pub congestion_mean: f64,
    /// Largest.
    pub congestion_max: f64,
    /// Mean traffic through a router, all shortest ways alike; none if there are too many flows for it.
    pub router_transit_mean: Option<f64>,
    /// Largest.
    pub router_transit_max: Option<f64>,
    /// Largest load of a directed link when packets go along x, then along y.
    #[serde(serialize_with = "whole")]
    pub xy_link_max: f64,
    /// Σ over sources of rate · links in the union of their x-then-y ways; none where every synapse is a flow of its own.
    #[serde(serialize_with = "whole_or_none")]
    pub multicast_hops: Option<f64>,
    /// Mean over cores of synapses / distinct sources.
    pub synaptic_reuse: f64,
    /// Geometric mean of the same.
    pub synaptic_reuse_geometric: f64,
    /// Mean over sources of the tiles in the convex hull of the source and its targets.
    pub connection_locality: f64,
    /// energy · latency_mean.
    pub energy_latency: f64,
}

/// What each metric is, for reports.
pub const FORMULAS: &[(&str, &str)] = &[
    (
        "neurons",
        "neurons of the network, copies on crossbars left out",
    ),
    ("synapses", "synapses of the network"),
    ("cores_used", "cores with a neuron"),
    ("neurons_max", "max over cores of neurons"),
    (
        "axons_in_max",
        "max over cores of distinct sources that reach into the core, its own included",
    ),
    (
        "axons_out_max",
        "max over cores of (neuron, other core that it reaches) pairs",
    ),
    (
        "synapses_max",
        "max over cores of synapses into its neurons",
    ),
    (
        "km1",
        "sum over sources of (cores of the source and its targets - 1)",
    ),
    ("cut_synapses", "synapses between cores"),
    ("flows", "ordered pairs of cores with traffic"),
    ("traffic", "sum over flows of w"),
    (
        "hop_cost",
        "sum over flows of w * d, d = |dx| + |dy|; packets of the host, which mapping.hop_cost of a network includes, are no flows",
    ),
    (
        "energy",
        "sum over flows of w * ((d + 1) * 1 + d * 0.1); in units of a router: 1 each, a link 0.1",
    ),
    ("energy_jin_code", "sum over flows of w * (d * 1.1 + 0.1)"),
    (
        "latency_mean",
        "sum over flows of w * ((d + 1) * 1 + d * 0.01) / sum of w",
    ),
    (
        "latency_flow_mean",
        "mean over flows, unweighted, of d * 1.01 + 0.01",
    ),
    ("latency_max", "max over flows of (d + 1) * 1 + d * 0.01"),
    (
        "congestion_mean",
        "mean over undirected links; a flow puts w / (|dy| + 1) on each horizontal and w / (|dx| + 1) on each vertical link of its rectangle",
    ),
    (
        "congestion_max",
        "max over undirected links; a flow puts w / (|dy| + 1) on each horizontal and w / (|dx| + 1) on each vertical link of its rectangle",
    ),
    (
        "router_transit_mean",
        "mean over routers of the sum over flows of w * share of shortest ways through the router",
    ),
    (
        "router_transit_max",
        "max over routers of the sum over flows of w * share of shortest ways through the router",
    ),
    (
        "xy_link_max",
        "max over directed links of w, x first, then y",
    ),
    (
        "multicast_hops",
        "sum over sources of rate * links in the union of their x-then-y ways",
    ),
    (
        "synaptic_reuse",
        "mean over cores of synapses / distinct sources",
    ),
    (
        "synaptic_reuse_geometric",
        "geometric mean over cores of synapses / distinct sources",
    ),
    (
        "connection_locality",
        "mean over sources with targets of the tiles in the convex hull of source and targets",
    ),
    ("energy_latency", "energy * latency_mean"),
];

/// Whole numbers without a point.
pub(crate) fn whole<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
    if value.fract() == 0.0 && (0.0..9e15).contains(value) {
        to.serialize_u64(*value as u64)
    } else {
        to.serialize_f64(*value)
    }
}

#[expect(
    clippy::ref_option,
    reason = "serde hands over a reference to the field"
)]
fn whole_or_none<S: Serializer>(value: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => whole(value, to),
        None => to.serialize_none(),
    }
}

/// A column without tiles.
const NO_COLUMN: (i64, i64) = (i64::MAX, i64::MIN);

/// Metrics being counted.
pub(crate) struct Tally<'a> {
    chip: &'a ChipSpec,
    pairs: FxHashMap<u64, f64>,
    neurons: Vec<u64>,
    axons: Vec<u64>,
    leaving: Vec<u64>,
    synapses: Vec<u64>,
    hulls: u64,
    nets: u64,
    /// Northmost and southmost tile of the source being counted, by column; and the ends of its columns.
    columns: Vec<(i64, i64)>,
    corners: Vec<(i64, i64)>,
    m: Metrics,
}

impl<'a> Tally<'a> {
    /// Counts the neurons; `core_of` holds physical cores.
    pub(crate) fn new(chip: &'a ChipSpec, core_of: &[u32]) -> Tally<'a> {
        let cores = chip.cores() as usize;
        let mut neurons = vec![0u64; cores];
        core_of.iter().for_each(|c| neurons[*c as usize] += 1);
        Tally {
            chip,
            pairs: FxHashMap::default(),
            neurons,
            axons: vec![0; cores],
            leaving: vec![0; cores],
            synapses: vec![0; cores],
            hulls: 0,
            nets: 0,
            columns: vec![NO_COLUMN; chip.mesh.width as usize],
            corners: Vec::new(),
            m: Metrics {
                neurons: core_of.len() as u32,
                multicast_hops: Some(0.0),
                ..Metrics::default()
            },
        }
    }

    /// Counts synapses of one source on a core.
    pub(crate) fn synapses(&mut self, from: Option<u32>, core: u32, count: u64) {
        self.synapses[core as usize] += count;
        self.m.synapses += count;
        if from.is_some_and(|from| from != core) {
            self.m.cut_synapses += count;
        }
    }

    /// Counts a source with the core of each of its axons, its own perhaps among them. Without a core of its own it is an input: an axon
    /// of the cores it reaches, and no flow. `rate` is none where every synapse is a flow of its own.
    pub(crate) fn source(&mut self, from: Option<u32>, cores: &[u32], rate: Option<f64>) {
        cores.iter().for_each(|c| self.axons[*c as usize] += 1);
        let Some(from) = from.filter(|_| !cores.is_empty()) else {
            return;
        };
        let chip = self.chip;
        let place = |core: u32| {
            let (x, y) = chip.xy(chip.tile_of(core));
            (i64::from(x), i64::from(y))
        };
        let source = place(from);
        self.columns[source.0 as usize] = (source.1, source.1);
        let (mut west, mut east) = (source.0, source.0);
        for &core in cores.iter().filter(|c| **c != from) {
            self.m.km1 += 1;
            self.leaving[from as usize] += 1;
            let (x, y) = place(core);
            let (north, south) = &mut self.columns[x as usize];
            (*north, *south) = (y.min(*north), y.max(*south));
            (west, east) = (x.min(west), x.max(east));
            if let Some(rate) = rate {
                self.flow(from, core, rate);
            }
        }
        // The tree goes along the row of the source, and from there up and down the columns. Only ends of columns are corners of
        // the hull.
        let mut links = east - west;
        self.corners.clear();
        for x in west..=east {
            let column = std::mem::replace(&mut self.columns[x as usize], NO_COLUMN);
            if column != NO_COLUMN {
                links += (column.1 - source.1).max(0) + (source.1 - column.0).max(0);
                self.corners.extend([(x, column.0), (x, column.1)]);
            }
        }
        match (rate, &mut self.m.multicast_hops) {
            (Some(rate), Some(sum)) => *sum += rate * links as f64,
            (_, hops) => *hops = None,
        }
        self.hulls += tiles_in_hull(&mut self.corners);
        self.nets += 1;
    }

    /// Traffic from core to core.
    pub(crate) fn flow(&mut self, from: u32, to: u32, weight: f64) {
        if from != to && weight > 0.0 {
            *self
                .pairs
                .entry(u64::from(from) << 32 | u64::from(to))
                .or_insert(0.0) += weight;
        }
    }

    /// The metrics.
    pub(crate) fn finish(self) -> Metrics {
        let mut m = self.m;
        let mut flows: Vec<(u64, f64)> = self.pairs.into_iter().collect();
        flows.sort_unstable_by_key(|f| f.0);
        let most = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0);
        m.cores_used = self.neurons.iter().filter(|n| **n > 0).count() as u32;
        m.neurons_max = most(&self.neurons);
        m.axons_in_max = most(&self.axons);
        m.axons_out_max = most(&self.leaving);
        m.synapses_max = most(&self.synapses);
        m.connection_locality = self.hulls as f64 / self.nets.max(1) as f64;
        let reached: Vec<f64> = (0..self.axons.len())
            .filter(|c| self.axons[*c] > 0)
            .map(|c| self.synapses[c] as f64 / self.axons[c] as f64)
            .collect();
        let count = reached.len().max(1) as f64;
        m.synaptic_reuse = reached.iter().sum::<f64>() / count;
        if !reached.is_empty() {
            m.synaptic_reuse_geometric =
                (reached.iter().map(|r| r.ln()).sum::<f64>() / count).exp();
        }
        travel(self.chip, &flows, &mut m);
        m
    }
}

/// Counts the metrics of a network on physical cores, every neuron spiking once; inputs are axons of the cores they reach.
pub fn of_network(q: &Quantized, chip: &ChipSpec, core_of: &[u32]) -> Metrics {
    // Copies that crossbars need stand behind the network's neurons.
    let core_of = &core_of[..q.neurons() as usize];
    let mut tally = Tally::new(chip, core_of);
    each_source(q, core_of, |neuron, cores, counts| {
        let from = neuron.map(|n| core_of[n as usize]);
        for (core, count) in cores.iter().zip(counts) {
            tally.synapses(from, *core, *count);
        }
        tally.source(from, cores, Some(1.0));
    });
    tally.finish()
}

/// The metrics of flows: (sending core << 32 | receiving core, weight).
fn travel(chip: &ChipSpec, flows: &[(u64, f64)], m: &mut Metrics) {
    let (width, height) = (chip.mesh.width as usize, chip.mesh.height as usize);
    let mut horizontal = Plane::new(width, height);
    let mut vertical = Plane::new(width, height);
    let mut links = vec![0f64; 4 * width * height];
    let (mut latency, mut flow_latency, mut cells) = (0.0, 0.0, 0u64);
    let tiles = |pair: u64| (chip.tile_of((pair >> 32) as u32), chip.tile_of(pair as u32));
    m.flows = flows.len() as u64;
    for &(pair, w) in flows {
        let (from, to) = tiles(pair);
        let (a, b) = (chip.xy(from), chip.xy(to));
        let d = f64::from(hops(a, b));
        m.traffic += w;
        m.hop_cost += w * d;
        m.energy += w * ((d + 1.0) + d * 0.1);
        m.energy_jin_code += w * (d * 1.1 + 0.1);
        let one = (d + 1.0) + d * 0.01;
        latency += w * one;
        flow_latency += d * 1.01 + 0.01;
        m.latency_max = m.latency_max.max(one);
        let x = [a.0.min(b.0) as usize, a.0.max(b.0) as usize];
        let y = [a.1.min(b.1) as usize, a.1.max(b.1) as usize];
        let sides = [x[1] - x[0] + 1, y[1] - y[0] + 1];
        cells += (sides[0] * sides[1]) as u64;
        horizontal.add(x[0]..x[1], y[0]..y[1] + 1, w / sides[1] as f64);
        vertical.add(x[0]..x[1] + 1, y[0]..y[1], w / sides[0] as f64);
        xy_path(chip, from, to, |l| links[l as usize] += w);
    }
    let most = |loads: &[f64]| loads.iter().copied().fold(0.0, f64::max);
    m.xy_link_max = most(&links);
    m.latency_mean = if m.traffic > 0.0 {
        latency / m.traffic
    } else {
        0.0
    };
    m.latency_flow_mean = flow_latency / flows.len().max(1) as f64;
    m.energy_latency = m.energy * m.latency_mean;
    let mut loads = horizontal.finish();
    loads.extend(vertical.finish());
    let count = (width - 1) * height + (height - 1) * width;
    m.congestion_mean = loads.iter().sum::<f64>() / count.max(1) as f64;
    m.congestion_max = most(&loads);
    if cells <= MOST_CELLS {
        let pairs = flows.iter().map(|(pair, w)| {
            let (from, to) = tiles(*pair);
            (chip.xy(from), chip.xy(to), *w)
        });
        let transit = router_transit(width, height, pairs);
        m.router_transit_mean = Some(transit.iter().sum::<f64>() / transit.len() as f64);
        m.router_transit_max = Some(most(&transit));
    }
}

/// Sums over rectangles of cells, as differences along both axes.
struct Plane {
    width: usize,
    steps: Vec<f64>,
}

impl Plane {
    fn new(width: usize, height: usize) -> Plane {
        Plane {
            width: width + 1,
            steps: vec![0.0; (width + 1) * (height + 1)],
        }
    }

    fn add(&mut self, x: std::ops::Range<usize>, y: std::ops::Range<usize>, w: f64) {
        if x.start < x.end && y.start < y.end {
            for (x, y, w) in [
                (x.start, y.start, w),
                (x.end, y.start, -w),
                (x.start, y.end, -w),
                (x.end, y.end, w),
            ] {
                self.steps[y * self.width + x] += w;
            }
        }
    }

    fn finish(mut self) -> Vec<f64> {
        for row in self.steps.chunks_mut(self.width) {
            for x in 1..row.len() {
                row[x] += row[x - 1];
            }
        }
        for i in self.width..self.steps.len() {
            self.steps[i] += self.steps[i - self.width];
        }
        self.steps
    }
}

/// Traffic through every router, its ends included, if each flow takes all of its shortest ways alike.
fn router_transit(
    width: usize,
    height: usize,
    flows: impl Iterator<Item = ((u32, u32), (u32, u32), f64)>,
) -> Vec<f64> {
    let mut log_factorial = vec![0f64];
    for n in 1..=width + height {
        log_factorial.push(log_factorial[n - 1] + (n as f64).ln());
    }
    let log_ways = |a: usize, b: usize| log_factorial[a + b] - log_factorial[a] - log_factorial[b];
    let mut shapes: FxHashMap<(u32, u32), Vec<f64>> = FxHashMap::default();
    let mut transit = vec![0f64; width * height];
    for (from, to, w) in flows {
        let (dx, dy) = (from.0.abs_diff(to.0), from.1.abs_diff(to.1));
        let shape = shapes.entry((dx, dy)).or_insert_with(|| {
            let (dx, dy) = (dx as usize, dy as usize);
            let all = log_ways(dx, dy);
            let at = |i: usize, j: usize| (log_ways(i, j) + log_ways(dx - i, dy - j) - all).exp();
            (0..=dx)
                .flat_map(|i| (0..=dy).map(move |j| (i, j)))
                .map(|(i, j)| at(i, j))
                .collect()
        });
        let step = |from: u32, to: u32, i: u32| if to > from { from + i } else { from - i };
        for i in 0..=dx {
            for j in 0..=dy {
                let (x, y) = (
                    step(from.0, to.0, i) as usize,
                    step(from.1, to.1, j) as usize,
                );
                transit[y * width + x] += w * shape[(i * (dy + 1) + j) as usize];
            }
        }
    }
    transit
}

/// Points of the grid in the convex hull of some points, its rim included (Andrew 1979; Pick 1899).
fn tiles_in_hull(points: &mut Vec<(i64, i64)>) -> u64 {
    points.sort_unstable();
    points.dedup();
    let cross = |o: (i64, i64), a: (i64, i64), b: (i64, i64)| {
        (a.0 - o.0) * (b.1 - o.1) - (a.1 - o.1) * (b.0 - o.0)
    };
    let mut hull: Vec<(i64, i64)> = Vec::new();
    let mut chain = |ordered: &mut dyn Iterator<Item = (i64, i64)>| {
        let first = hull.len();
        for p in ordered {
            while hull.len() >= first + 2
                && cross(hull[hull.len() - 2], hull[hull.len() - 1], p) <= 0
            {
                hull.pop();
            }
            hull.push(p);
        }
        hull.pop();
    };
    chain(&mut points.iter().copied());
    chain(&mut points.iter().rev().copied());
    if hull.is_empty() {
        return points.len() as u64;
    }
    let (mut twice_area, mut rim) = (0, 0u64);
    for (i, a) in hull.iter().enumerate() {
        let b = hull[(i + 1) % hull.len()];
        twice_area += a.0 * b.1 - a.1 * b.0;
        rim += gcd(a.0.abs_diff(b.0), a.1.abs_diff(b.1));
    }
    // A segment is walked there and back.
    (twice_area.unsigned_abs() + rim) / 2 + 1
}

fn gcd(a: u64, b: u64) -> u64 {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hulls() {
        for (points, tiles) in [
            (vec![(3, 4)], 1),
            (vec![(0, 0), (4, 2)], 3),
            (vec![(0, 0), (2, 0), (4, 0)], 5),
            (vec![(0, 0), (2, 0), (0, 2), (1, 1)], 6),
            (vec![(0, 0), (3, 0), (3, 2), (0, 2), (1, 1), (1, 1)], 12),
        ] {
            assert_eq!(tiles_in_hull(&mut points.clone()), tiles, "{points:?}");
        }
    }

    #[test]
    fn transit_by_hand() {
        // 1 by 1 box: both ends surely, the corners by half.
        let transit = router_transit(3, 2, [((2, 0), (1, 1), 8.0)].into_iter());
        for (got, want) in transit.iter().zip([0.0, 4.0, 8.0, 0.0, 8.0, 4.0]) {
            assert!((got - want).abs() < 1e-9, "{transit:?}");
        }
    }
}
