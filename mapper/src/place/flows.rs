//! What placers work on: the traffic between the cores of a partition, and with the host.
//!
//! Invariant: weights are whole numbers, so that sums do not depend on their order; a core's own packets do not travel and are
//! left out. Cost = Σ weight · distance of the tiles (`distance.rs`), host traffic included.

use super::distance::Distance;
use crate::topology;
use isa::ChipSpec;
use petgraph::graph::DiGraph;
use rustc_hash::FxHashMap;

/// Traffic of one partition core to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// Sending partition core.
    pub from: u32,
    /// Receiving partition core.
    pub to: u32,
    /// Packets, in the unit of the problem.
    pub weight: u64,
}

/// The core graph.
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    /// Partition cores.
    pub(crate) cores: u32,
    /// One entry per ordered pair with traffic, ascending.
    pub(crate) directed: Vec<Flow>,
    /// Packets to and from the host, by core.
    pub(crate) host: Vec<u64>,
    /// Topological rank of each core.
    pub(crate) rank: Vec<u32>,
    start: Vec<u32>,
    with: Vec<(u32, u64)>,
}

/// Cores up to which flows are counted in a table of all pairs: 2 MB at most.
const TABLED: u32 = 512;

/// Flows being counted.
pub(crate) struct Counter {
    cores: u32,
    /// Of all pairs of few cores, and of those that occur of many.
    table: Vec<u64>,
    pairs: FxHashMap<u64, u64>,
    pub(crate) host: Vec<u64>,
}

impl Counter {
    pub(crate) fn new(cores: u32) -> Counter {
        Counter {
            cores,
            table: match cores <= TABLED {
                true => vec![0; (cores * cores) as usize],
                false => Vec::new(),
            },
            pairs: FxHashMap::default(),
            host: vec![0; cores as usize],
        }
    }

    pub(crate) fn add(&mut self, from: u32, to: u32, weight: u64) {
        if from == to || weight == 0 {
            return;
        }
        let sum = match self.cores <= TABLED {
            true => &mut self.table[(from * self.cores + to) as usize],
            false => {
                let pair = self.pairs.entry(u64::from(from) << 32 | u64::from(to));
                pair.or_insert(0)
            }
        };
        *sum = sum.saturating_add(weight);
    }

    /// A source, on a core or outside, sends so many packets to each of some cores.
    pub(super) fn sent(&mut self, own: Option<u32>, to: impl Iterator<Item = u32>, packets: u64) {
        match own {
            Some(own) => to.for_each(|core| self.add(own, core, packets)),
            None => to.for_each(|core| self.host[core as usize] += packets),
        }
    }

    /// The flows; `rank` of each core, or that of the core graph.
    pub(crate) fn finish(self, rank: Option<Vec<u32>>) -> Flows {
        let mut directed: Vec<Flow> = self
            .pairs
            .into_iter()
            .map(|(pair, weight)| Flow {
                from: (pair >> 32) as u32,
                to: pair as u32,
                weight,
            })
            .collect();
        let tabled = (0u32..).zip(&self.table).filter(|pair| *pair.1 > 0);
        directed.extend(tabled.map(|(pair, weight)| Flow {
            from: pair / self.cores,
            to: pair % self.cores,
            weight: *weight,
        }));
        directed.sort_unstable();
        let n = self.cores as usize;
        let mut sums: Vec<(u32, u32, u64)> = directed
            .iter()
            .flat_map(|f| [(f.from, f.to, f.weight), (f.to, f.from, f.weight)])
            .collect();
        sums.sort_unstable();
        let mut start = vec![0u32; n + 1];
        let mut with: Vec<(u32, u64)> = Vec::new();
        for both in sums.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            start[both[0].0 as usize + 1] += 1;
            with.push((both[0].1, both.iter().map(|b| b.2).sum()));
        }
        for i in 0..n {
            start[i + 1] += start[i];
        }
        let rank = rank.unwrap_or_else(|| {
            let mut graph = DiGraph::<(), ()>::with_capacity(n, directed.len());
            (0..n).for_each(|_| {
                graph.add_node(());
            });
            for f in &directed {
                graph.add_edge(f.from.into(), f.to.into(), ());
            }
            topology::ranks_of(&graph)
        });
        Flows {
            cores: self.cores,
            directed,
            host: self.host,
            rank,
            start,
            with,
        }
    }
}

impl Flows {
    /// Partners of a core, ascending, with the traffic in both directions.
    pub(crate) fn with(&self, core: u32) -> &[(u32, u64)] {
        &self.with[self.start[core as usize] as usize..self.start[core as usize + 1] as usize]
    }

    /// Entries of all lists of partners.
    pub(crate) fn terms(&self) -> usize {
        self.with.len()
    }

    /// Traffic between two cores, in both directions.
    pub(crate) fn between(&self, a: u32, b: u32) -> u64 {
        let list = self.with(a);
        let found = list.binary_search_by_key(&b, |w| w.0);
        found.map_or(0, |i| list[i].1)
    }

    /// What a placement costs, partition core i on physical core `at[i]`: distances of all traffic.
    pub(crate) fn cost(&self, chip: &ChipSpec, at: &[u32]) -> u128 {
        let distance = Distance::new(chip);
        self.sum(chip, at, |a, b| distance.between(a, b))
    }

    /// Hops of all traffic.
    pub(crate) fn hops(&self, chip: &ChipSpec, at: &[u32]) -> u128 {
        self.sum(chip, at, hops)
    }

    /// Of these hops those from chip to chip of a board.
    pub(crate) fn crossings(&self, chip: &ChipSpec, at: &[u32]) -> u128 {
        let mesh = &chip.mesh;
        let borders =
            |a: (u32, u32), b: (u32, u32)| mesh.borders(0, a.0, b.0) + mesh.borders(1, a.1, b.1);
        self.sum(chip, at, borders)
    }

    fn sum(
        &self,
        chip: &ChipSpec,
        at: &[u32],
        apart: impl Fn((u32, u32), (u32, u32)) -> u32,
    ) -> u128 {
        let host = chip.xy(chip.host_ports[0].tile);
        let tile: Vec<(u32, u32)> = at.iter().map(|c| chip.xy(chip.tile_of(*c))).collect();
        let outside = self.host.iter().zip(&tile);
        let outside = outside.map(|(w, t)| u128::from(*w) * u128::from(apart(*t, host)));
        let inside = self.directed.iter().map(|f| {
            u128::from(f.weight) * u128::from(apart(tile[f.from as usize], tile[f.to as usize]))
        });
        outside.sum::<u128>() + inside.sum::<u128>()
    }
}

/// Manhattan distance.
pub(crate) fn hops(a: (u32, u32), b: (u32, u32)) -> u32 {
    a.0.abs_diff(b.0) + a.1.abs_diff(b.1)
}
