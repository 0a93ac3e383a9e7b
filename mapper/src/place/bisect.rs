//! Recursive bisection: a rectangle of tiles is halved across its longer side, at the border between chips that is nearest to the middle if there
//! is one, and the cores are shared between the halves with
//! little traffic between them (growth from a core at the rim, then Fiduccia–Mattheyses passes).
//!
//! Invariant: each half gets as many cores as the share of its tiles, so that every core finds a place.

use super::distance::Distance;
use super::flows::Flows;
use super::orders::{Area, nearest_host};
use isa::ChipSpec;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Passes over a cut at most, and moves in a row that may fail to improve it.
const PASSES: u32 = 4;
const PATIENCE: u32 = 60;

/// Physical core of each partition core.
pub(super) fn bisection(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let area = Area::compact(flows, chip);
    let distance = Distance::new(chip);
    let middle = distance.centre(area.corners());
    let mut work = Bisection {
        flows,
        chip,
        distance,
        place: vec![middle; flows.cores as usize],
        side: vec![2; flows.cores as usize],
        gain: vec![0; flows.cores as usize],
        locked: vec![false; flows.cores as usize],
        at: vec![0; flows.cores as usize],
    };
    work.divide(area, (0..flows.cores).collect());
    nearest_host(flows, chip, area, work.at)
}

struct Bisection<'a> {
    flows: &'a Flows,
    chip: &'a ChipSpec,
    distance: Distance,
    /// Centre of the rectangle that holds each core by now, in half hops.
    place: Vec<(u32, u32)>,
    /// 0 or 1 for the cores being divided, 2 for others.
    side: Vec<u8>,
    gain: Vec<i64>,
    locked: Vec<bool>,
    at: Vec<u32>,
}

impl Bisection<'_> {
    fn divide(&mut self, area: Area, cores: Vec<u32>) {
        if cores.is_empty() {
            return;
        }
        if area.width * area.height == 1 {
            let tile = area.y * self.chip.mesh.width + area.x;
            let first = tile * self.chip.mesh.cores_per_tile;
            for (core, slot) in cores.into_iter().zip(first..) {
                self.at[core as usize] = slot;
            }
            return;
        }
        let mut halves = [area; 2];
        let (first, last) = area.corners();
        if self.distance.along(0, first.0, last.0) >= self.distance.along(1, first.1, last.1) {
            halves[0].width = self.distance.middle(0, area.x, area.width);
            halves[1].x += halves[0].width;
            halves[1].width -= halves[0].width;
        } else {
            halves[0].height = self.distance.middle(1, area.y, area.height);
            halves[1].y += halves[0].height;
            halves[1].height -= halves[0].height;
        }
        let tiles = halves.map(|h| (h.width * h.height) as usize);
        let per_tile = self.chip.mesh.cores_per_tile as usize;
        let room = tiles.map(|t| t * per_tile);
        let share = cores.len() * tiles[0] / (tiles[0] + tiles[1]);
        let first = share.clamp(cores.len().saturating_sub(room[1]), room[0]);
        let mut parts = self.cut(cores, first);
        if self.pull(&parts, [halves[1], halves[0]]) < self.pull(&parts, halves)
            && parts[0].len() <= room[1]
            && parts[1].len() <= room[0]
        {
            parts.swap(0, 1);
        }
        for (part, half) in parts.iter().zip(halves) {
            for core in part {
                self.place[*core as usize] = self.distance.centre(half.corners());
            }
        }
        for (part, half) in parts.into_iter().zip(halves) {
            self.divide(half, part);
        }
    }

    /// Hops from two sets of cores in two rectangles to everything else, in half hops.
    fn pull(&self, parts: &[Vec<u32>; 2], halves: [Area; 2]) -> u128 {
        let mut sum = 0;
        let host = self.chip.xy(self.chip.host_ports[0].tile);
        let host = self.distance.centre((host, host));
        for (part, half) in parts.iter().zip(halves) {
            let here = self.distance.centre(half.corners());
            let away = |at: (u32, u32)| u128::from(super::flows::hops(here, at));
            for &core in part {
                let outside = self.flows.with(core).iter();
                sum += outside
                    .filter(|(o, _)| self.side[*o as usize] == 2)
                    .map(|(o, w)| u128::from(*w) * away(self.place[*o as usize]))
                    .sum::<u128>();
                let host_traffic = u128::from(self.flows.host[core as usize]);
                sum += host_traffic * away(host);
            }
        }
        sum
    }

    /// Divides cores into `first` and the rest.
    fn cut(&mut self, cores: Vec<u32>, first: usize) -> [Vec<u32>; 2] {
        for core in &cores {
            self.side[*core as usize] = 1;
        }
        self.grow(&cores, first);
        for _ in 0..PASSES {
            if !self.pass(&cores, first) {
                break;
            }
        }
        let side = |wanted: u8| -> Vec<u32> {
            let on = cores.iter().copied();
            on.filter(|c| self.side[*c as usize] == wanted).collect()
        };
        let parts = [side(0), side(1)];
        for core in &cores {
            self.side[*core as usize] = 2;
        }
        parts
    }

    /// Grows side 0 from the core that is found last from the first one.
    fn grow(&mut self, cores: &[u32], first: usize) {
        let mut seed = cores[0];
        for _ in 0..2 {
            seed = self.last_found(cores, seed);
        }
        let mut heap = BinaryHeap::new();
        for core in cores {
            self.gain[*core as usize] = 0;
        }
        heap.push((1i64, Reverse(seed)));
        let (mut count, mut next) = (0, 0);
        while count < first {
            let core = match heap.pop() {
                Some((_, Reverse(core))) => core,
                None => {
                    // A component is used up: the next one begins with the first core that is left.
                    while self.side[cores[next] as usize] != 1 {
                        next += 1;
                    }
                    cores[next]
                }
            };
            if self.side[core as usize] != 1 {
                continue;
            }
            self.side[core as usize] = 0;
            count += 1;
            for &(other, w) in self.flows.with(core) {
                if self.side[other as usize] == 1 {
                    let gain = &mut self.gain[other as usize];
                    *gain = gain.saturating_add(weight(w));
                    heap.push((*gain, Reverse(other)));
                }
            }
        }
    }

    /// The core that a breadth-first search from `seed` finds last; other components count as nearer.
    fn last_found(&mut self, cores: &[u32], seed: u32) -> u32 {
        let mut queue = vec![seed];
        self.locked[seed as usize] = true;
        let mut next = 0;
        while let Some(&core) = queue.get(next) {
            next += 1;
            for &(other, _) in self.flows.with(core) {
                if self.side[other as usize] == 1 && !self.locked[other as usize] {
                    self.locked[other as usize] = true;
                    queue.push(other);
                }
            }
        }
        for core in cores {
            self.locked[*core as usize] = false;
        }
        queue[queue.len() - 1]
    }

    /// One pass: cores change sides in pairs, best first; kept up to the best prefix. Whether that improved the cut.
    fn pass(&mut self, cores: &[u32], first: usize) -> bool {
        let mut heaps = [BinaryHeap::new(), BinaryHeap::new()];
        for &core in cores {
            let side = self.side[core as usize];
            let mut gain = 0i64;
            for &(other, w) in self.flows.with(core) {
                let there = self.side[other as usize];
                if there < 2 {
                    let sign = if there == side { -1 } else { 1 };
                    gain = gain.saturating_add(sign * weight(w));
                }
            }
            self.gain[core as usize] = gain;
            heaps[usize::from(side)].push((gain, Reverse(core)));
        }
        let (mut sum, mut best, mut kept, mut waited) = (0i64, 0i64, 0, 0);
        let mut moved: Vec<u32> = Vec::new();
        let pairs = first.min(cores.len() - first);
        while moved.len() < 2 * pairs && waited < PATIENCE {
            let mut both = true;
            for from in 0..2 {
                let Some(core) = self.next(&mut heaps[from], from as u8) else {
                    both = false;
                    break;
                };
                sum = sum.saturating_add(self.gain[core as usize]);
                self.side[core as usize] = 1 - from as u8;
                self.locked[core as usize] = true;
                moved.push(core);
                for &(other, w) in self.flows.with(core) {
                    let side = self.side[other as usize];
                    if side < 2 && !self.locked[other as usize] {
                        let sign = if usize::from(side) == from { 2 } else { -2 };
                        let gain = &mut self.gain[other as usize];
                        *gain = gain.saturating_add(sign * weight(w));
                        heaps[usize::from(side)].push((*gain, Reverse(other)));
                    }
                }
            }
            if !both {
                break;
            }
            waited += 1;
            if sum > best {
                (best, kept, waited) = (sum, moved.len(), 0);
            }
        }
        for core in &moved[kept..] {
            self.side[*core as usize] ^= 1;
        }
        for core in &moved {
            self.locked[*core as usize] = false;
        }
        best > 0
    }

    /// The best free core of a side.
    fn next(&self, heap: &mut BinaryHeap<(i64, Reverse<u32>)>, side: u8) -> Option<u32> {
        while let Some((gain, Reverse(core))) = heap.pop() {
            let i = core as usize;
            if !self.locked[i] && self.side[i] == side && self.gain[i] == gain {
                return Some(core);
            }
        }
        None
    }
}

/// A weight as a signed number.
fn weight(w: u64) -> i64 {
    i64::try_from(w).unwrap_or(i64::MAX / 4)
}
