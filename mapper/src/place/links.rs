//! The end of `best`: descent on the exact cost, then on the load of the busiest link at no higher cost.
//!
//! Invariant: (cost, load of the busiest directed link, how many links bear it) only falls, lexicographically. Packets go along x first,
//! then along y. Work is bounded by counted terms.

use super::distance::Distance;
use super::flows::{Flow, Flows};
use isa::ChipSpec;

/// Tiles to each side within which cores change places.
const REACH: u32 = 3;
/// Terms looked at, per core, and in all.
const WORK_PER_CORE: u64 = 20_000;
const MOST_WORK: u64 = 40_000_000;

/// Directed links (tile · 4 + direction) from tile to tile, along x first.
pub(crate) fn xy_path(chip: &ChipSpec, from: u32, to: u32, mut visit: impl FnMut(u32)) {
    let ((mut x, mut y), (to_x, to_y)) = (chip.xy(from), chip.xy(to));
    let width = chip.mesh.width;
    while x != to_x {
        visit((y * width + x) * 4 + u32::from(x > to_x));
        x = if x < to_x { x + 1 } else { x - 1 };
    }
    while y != to_y {
        visit((y * width + x) * 4 + 2 + u32::from(y > to_y));
        y = if y < to_y { y + 1 } else { y - 1 };
    }
}

struct Links<'a> {
    flows: &'a Flows,
    chip: &'a ChipSpec,
    distance: Distance,
    /// Flows that reach each core, as indices into the directed flows.
    arriving: Vec<Vec<u32>>,
    leaving: Vec<std::ops::Range<usize>>,
    at: Vec<u32>,
    holder: Vec<Option<u32>>,
    load: Vec<u64>,
    work: u64,
}

/// Improves a placement.
pub(super) fn finish(flows: &Flows, chip: &ChipSpec, at: Vec<u32>) -> Vec<u32> {
    let n = flows.cores as usize;
    let mut arriving = vec![Vec::new(); n];
    let mut leaving = vec![0..0; n];
    for (i, f) in flows.directed.iter().enumerate() {
        arriving[f.to as usize].push(i as u32);
        let own: &mut std::ops::Range<usize> = &mut leaving[f.from as usize];
        if own.end == 0 {
            *own = i..i;
        }
        own.end = i + 1;
    }
    let mut holder = vec![None; chip.cores() as usize];
    for (core, slot) in at.iter().enumerate() {
        holder[*slot as usize] = Some(core as u32);
    }
    let mut links = Links {
        flows,
        chip,
        distance: Distance::new(chip),
        arriving,
        leaving,
        at,
        holder,
        load: vec![0; 4 * chip.tiles() as usize],
        work: (WORK_PER_CORE * u64::from(flows.cores)).min(MOST_WORK),
    };
    links.descend();
    for core in 0..flows.cores {
        for i in links.leaving[core as usize].clone() {
            links.bear(flows.directed[i], true);
        }
    }
    while links.relieve() {}
    links.at
}

impl Links<'_> {
    fn tile(&self, core: u32) -> u32 {
        self.chip.tile_of(self.at[core as usize])
    }

    /// Whether there is work left, after this much of it.
    fn spend(&mut self, work: usize) -> bool {
        self.work = self.work.saturating_sub(work as u64 + 1);
        self.work > 0
    }

    /// First core of every tile near a core's own.
    fn near(&self, core: u32) -> Vec<u32> {
        let (x, y) = self.chip.xy(self.tile(core));
        let mesh = &self.chip.mesh;
        let span = |own: u32, all: u32| own.saturating_sub(REACH)..=(own + REACH).min(all - 1);
        let tiles = span(y, mesh.height).flat_map(|y| span(x, mesh.width).map(move |x| (x, y)));
        let others = tiles.filter(|t| *t != (x, y));
        let cores = others.flat_map(|(x, y)| {
            let first = (y * mesh.width + x) * mesh.cores_per_tile;
            first..first + mesh.cores_per_tile
        });
        cores.collect()
    }

    /// Change of the cost if a core goes to a physical core, and whoever is there to where it was.
    fn change(&mut self, core: u32, slot: u32) -> i128 {
        let (from, to) = (
            self.chip.xy(self.tile(core)),
            self.chip.xy(self.chip.tile_of(slot)),
        );
        let other = self.holder[slot as usize];
        let host = self.chip.xy(self.chip.host_ports[0].tile);
        let one = |core: u32, partner: Option<u32>, from, to| -> i128 {
            let away = |here, tile| i128::from(self.distance.between(here, tile));
            let further = |tile| away(to, tile) - away(from, tile);
            let travel = self.flows.with(core).iter();
            let travel = travel.filter(|(o, _)| Some(*o) != partner);
            let inside: i128 = travel
                .map(|(o, w)| i128::from(*w) * further(self.chip.xy(self.tile(*o))))
                .sum();
            inside + i128::from(self.flows.host[core as usize]) * further(host)
        };
        let sum = one(core, other, from, to) + other.map_or(0, |o| one(o, Some(core), to, from));
        let terms = self.flows.with(core).len() + other.map_or(0, |o| self.flows.with(o).len());
        self.spend(terms);
        sum
    }

    fn swap(&mut self, core: u32, slot: u32) {
        let from = self.at[core as usize];
        let other = self.holder[slot as usize];
        self.at[core as usize] = slot;
        if let Some(other) = other {
            self.at[other as usize] = from;
        }
        self.holder.swap(from as usize, slot as usize);
    }

    /// Cores go where the cost is lower until none does or the work is done.
    fn descend(&mut self) {
        loop {
            let mut gained = false;
            for core in 0..self.flows.cores {
                if self.flows.with(core).is_empty() && self.flows.host[core as usize] == 0 {
                    continue;
                }
                for slot in self.near(core) {
                    if self.change(core, slot) < 0 {
                        self.swap(core, slot);
                        gained = true;
                        break;
                    }
                }
                if self.work == 0 {
                    return;
                }
            }
            if !gained {
                return;
            }
        }
    }

    /// Counts a flow in or out.
    fn bear(&mut self, flow: Flow, more: bool) -> usize {
        let (from, to) = (self.tile(flow.from), self.tile(flow.to));
        let mut links = 0;
        let load = &mut self.load;
        xy_path(self.chip, from, to, |link| {
            let load = &mut load[link as usize];
            *load = if more {
                *load + flow.weight
            } else {
                *load - flow.weight
            };
            links += 1;
        });
        links
    }

    /// A swap with the loads of links.
    fn swap_bearing(&mut self, core: u32, slot: u32) {
        let other = self.holder[slot as usize];
        let mut touched: Vec<u32> = Vec::new();
        for core in std::iter::once(core).chain(other) {
            touched.extend(self.leaving[core as usize].clone().map(|i| i as u32));
            touched.extend(&self.arriving[core as usize]);
        }
        touched.sort_unstable();
        touched.dedup();
        let mut work = 0;
        for i in &touched {
            work += self.bear(self.flows.directed[*i as usize], false);
        }
        self.swap(core, slot);
        for i in &touched {
            work += self.bear(self.flows.directed[*i as usize], true);
        }
        self.spend(work);
    }

    /// The largest load, and how many links bear it.
    fn busiest(&self) -> (u64, usize) {
        let most = self.load.iter().copied().max().unwrap_or(0);
        (most, self.load.iter().filter(|l| **l == most).count())
    }

    /// One swap that relieves the busiest link at no higher cost, if one is found.
    fn relieve(&mut self) -> bool {
        let before = self.busiest();
        if before.0 == 0 || !self.spend(self.load.len()) {
            return false;
        }
        let link = self.load.iter().position(|l| *l == before.0).unwrap_or(0) as u32;
        let mut ends: Vec<u32> = Vec::new();
        for flow in &self.flows.directed {
            let mut through = false;
            xy_path(self.chip, self.tile(flow.from), self.tile(flow.to), |l| {
                through |= l == link
            });
            if through {
                ends.extend([flow.from, flow.to]);
            }
        }
        if !self.spend(8 * self.flows.directed.len()) {
            return false;
        }
        ends.sort_unstable();
        ends.dedup();
        for core in ends {
            for slot in self.near(core) {
                let change = self.change(core, slot);
                if self.work == 0 {
                    return false;
                }
                if change > 0 {
                    continue;
                }
                let from = self.at[core as usize];
                self.swap_bearing(core, slot);
                self.spend(self.load.len());
                if change < 0 || self.busiest() < before {
                    return true;
                }
                self.swap_bearing(core, from);
            }
        }
        false
    }
}
