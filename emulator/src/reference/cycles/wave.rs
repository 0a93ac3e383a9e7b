//! The barrier's wave (`specs/timestep.md`): markers that stand behind all packets of a step, then the message to the corner
//! and back.

use super::phases::{opposite, toward};
use super::{Mesh, other_chip};
use isa::chip::{ChipSpec, PacketKind};
use std::collections::BTreeSet;

/// Tile and direction of a link.
type Link = (u32, usize);

/// Where the markers of a step are.
pub(super) struct Markers {
    /// Corners of the area.
    first: (u32, u32),
    last: (u32, u32),
    /// By input FIFO of a router: the cycle in which its marker arrives there, once it is sent.
    inputs: Vec<Option<u64>>,
    /// By output, by core and plane, by host link: whether it has sent its marker.
    outputs: Vec<bool>,
    cores: Vec<Vec<bool>>,
    hosts: Vec<bool>,
    /// By tile: the last arrival of a marker at one of its cores or host ports.
    quiet: Vec<u64>,
    /// Markers on links, and messages to the corner and back.
    pub(super) messages: u64,
    /// Links that a packet may take right after each other.
    turns: BTreeSet<(Link, Link)>,
}

impl Markers {
    pub(super) fn new(mesh: &Mesh<'_>) -> Markers {
        let chip = mesh.chip;
        let place = |tile: u32| (tile % chip.mesh.width, tile / chip.mesh.width);
        let cores = mesh
            .cores
            .iter()
            .map(|core| core / chip.mesh.cores_per_tile);
        let ports = chip.host_ports.iter().map(|port| port.tile);
        let places: Vec<(u32, u32)> = cores.chain(ports).map(place).collect();
        let (x, y) = (places.iter().map(|p| p.0), places.iter().map(|p| p.1));
        let least = |values: &mut dyn Iterator<Item = u32>| values.min().unwrap_or(0);
        let most = |values: &mut dyn Iterator<Item = u32>| values.max().unwrap_or(0);
        let first = (least(&mut x.clone()), least(&mut y.clone()));
        let last = (most(&mut x.clone()), most(&mut y.clone()));
        let tiles = (last.0 - first.0 + 1) * (last.1 - first.1 + 1);
        Markers {
            first,
            last,
            // Each tile but the corner tells and is told.
            messages: 2 * u64::from(tiles - 1),
            inputs: vec![None; mesh.inputs.len()],
            outputs: vec![false; mesh.outputs.len()],
            cores: vec![vec![false; chip.mesh.planes as usize]; mesh.cores.len()],
            hosts: vec![false; mesh.host.len()],
            quiet: vec![0; chip.tiles() as usize],
            turns: turns(chip),
        }
    }

    /// Times that lie ahead.
    pub(super) fn times(&self) -> impl Iterator<Item = u64> {
        self.inputs.iter().flatten().copied()
    }

    fn holds(&self, (x, y): (u32, u32)) -> bool {
        self.first.0 <= x && x <= self.last.0 && self.first.1 <= y && y <= self.last.1
    }
}

/// Every pair of links on the route of some packet.
fn turns(chip: &ChipSpec) -> BTreeSet<(Link, Link)> {
    let of_port = |tile| chip.host_ports.iter().any(|port| port.tile == tile);
    let mut turns = BTreeSet::new();
    for (from, to) in (0..chip.tiles()).flat_map(|a| (0..chip.tiles()).map(move |b| (a, b))) {
        let mut kinds = vec![PacketKind::Spike];
        if of_port(from) || of_port(to) {
            kinds.push(PacketKind::Host);
        }
        for kind in kinds {
            let (mut at, mut before) = (from, None);
            while let Some(direction) = toward(chip, at, to, kind) {
                let link = (at, direction);
                turns.extend(before.map(|before| (before, link)));
                before = Some(link);
                at = match direction {
                    0 => at + 1,
                    1 => at - 1,
                    2 => at + chip.mesh.width,
                    _ => at - chip.mesh.width,
                };
            }
        }
    }
    turns
}

impl Mesh<'_> {
    /// Phases 4 and 5 of the markers, before those of the routers: what stands there after phase 1.
    pub(super) fn markers(&mut self, now: u64) {
        let Some(mut wave) = self.wave.take() else {
            return;
        };
        self.cores_mark(now, &mut wave);
        self.routers_mark(now, &mut wave);
        self.hosts_mark(now, &mut wave);
        self.wave = Some(wave);
    }

    fn cores_mark(&mut self, now: u64, wave: &mut Markers) {
        for c in 0..self.units.len() {
            let unit = &self.units[c];
            let working = unit.ready.is_some() || unit.ended > now;
            if working || !unit.queue.is_empty() || !unit.hand.is_empty() {
                continue;
            }
            for plane in 0..self.chip.mesh.planes as usize {
                if self.units[c].credits[plane] > 0 && !wave.cores[c][plane] {
                    wave.cores[c][plane] = true;
                    let input = self.core_port(c, plane);
                    wave.inputs[input] = Some(now + self.chip.noc.inject);
                    self.moved = true;
                }
            }
        }
    }

    fn routers_mark(&mut self, now: u64, wave: &mut Markers) {
        let (mesh, noc) = (&self.chip.mesh, &self.chip.noc);
        let ports = 4 + mesh.cores_per_tile as usize;
        for (plane, tile, out) in (0..mesh.planes as usize)
            .flat_map(|plane| (0..self.chip.tiles()).map(move |tile| (plane, tile)))
            .flat_map(|(plane, tile)| (0..ports).map(move |out| (plane, tile, out)))
        {
            let index = self.port(plane, tile, out);
            let output = &self.outputs[index];
            let host = self.host_at(tile, out).is_some();
            let leads = host || self.in_use(tile, out) || self.inside(wave, tile, out);
            let can = output.free <= now && (host || output.networks[0].credits > 0);
            if !leads || !can || wave.outputs[index] {
                continue;
            }
            // All packets that may take this output are over where the marker is first in their FIFO.
            let over = |input: usize| {
                let fifo = self.port(plane, tile, input);
                let stands = wave.inputs[fifo].is_some_and(|at| at <= now);
                stands && self.inputs[fifo].is_empty()
            };
            let may_take = |input: usize| {
                if self.host_at(tile, input).is_some() || self.in_use(tile, input) {
                    return true;
                }
                self.inside(wave, tile, input) && {
                    let before = (self.neighbour(tile, input), opposite(input));
                    out >= 4 || host || wave.turns.contains(&(before, (tile, out)))
                }
            };
            if !(0..ports).all(|input| !may_take(input) || over(input)) {
                continue;
            }
            wave.outputs[index] = true;
            self.moved = true;
            if out < 4 && !host {
                let next = self.port(plane, self.neighbour(tile, out), opposite(out));
                wave.inputs[next] = Some(now + self.hop(tile, out));
                wave.messages += 1;
            } else {
                let way = if host {
                    noc.host
                } else {
                    noc.in_tile + noc.eject
                };
                let quiet = &mut wave.quiet[tile as usize];
                *quiet = (*quiet).max(now + way);
            }
        }
    }

    fn hosts_mark(&mut self, now: u64, wave: &mut Markers) {
        let planes = self.chip.mesh.planes as usize;
        for index in 0..self.host.len() {
            let link = &self.host[index];
            let can = link.queue.is_empty() && link.free <= now && link.credits > 0;
            if can && !wave.hosts[index] {
                wave.hosts[index] = true;
                let port = &self.chip.host_ports[index / planes];
                let input = self.port(index % planes, port.tile, usize::from(port.side));
                wave.inputs[input] = Some(now + self.chip.noc.host);
                self.moved = true;
            }
        }
    }

    /// The cycle in which the last tile learns that the step is over.
    pub(super) fn release(&self, wave: &Markers) -> u64 {
        let mesh = &self.chip.mesh;
        let mut quiet = wave.quiet.clone();
        for (core, unit) in self.cores.iter().zip(&self.units) {
            let own = &mut quiet[(core / mesh.cores_per_tile) as usize];
            *own = (*own).max(unit.busy);
        }
        let (first, last) = (wave.first, wave.last);
        let at = |x: u32, y: u32| quiet[(y * mesh.width + x) as usize];
        let hop = |x: u32, y: u32, out: usize| self.hop(y * mesh.width + x, out);
        // A column takes what its rows, from the east, and the tiles to its north have said.
        let row = |y: u32| {
            (first.0..last.0).rev().fold(at(last.0, y), |east, x| {
                at(x, y).max(east + hop(x + 1, y, 1))
            })
        };
        let corner = (first.1..last.1).rev().fold(row(last.1), |north, y| {
            row(y).max(north + hop(first.0, y + 1, 3))
        });
        let along: u64 = (first.0..last.0).map(|x| hop(x, first.1, 0)).sum();
        let up: u64 = (first.1..last.1).map(|y| hop(first.0, y, 2)).sum();
        corner + along + up
    }

    /// Latency of a link.
    fn hop(&self, tile: u32, out: usize) -> u64 {
        let crosses = other_chip(self.chip, tile, self.neighbour(tile, out));
        let border = self.chip.mesh.border.filter(|_| crosses);
        border.map_or(self.chip.noc.hop[out], |border| border.hop)
    }

    /// Whether the port belongs to a core of the image.
    fn in_use(&self, tile: u32, port: usize) -> bool {
        let per_tile = self.chip.mesh.cores_per_tile;
        port >= 4 && self.cores.contains(&(tile * per_tile + port as u32 - 4))
    }

    /// Whether a side of a tile leads to another, both in the area.
    fn inside(&self, wave: &Markers, tile: u32, side: usize) -> bool {
        let (width, height) = (self.chip.mesh.width, self.chip.mesh.height);
        let (x, y) = (tile % width, tile / width);
        let beyond = match side {
            0 if x + 1 < width => (x + 1, y),
            1 if x > 0 => (x - 1, y),
            2 if y + 1 < height => (x, y + 1),
            3 if y > 0 => (x, y - 1),
            _ => return false,
        };
        wave.holds((x, y)) && wave.holds(beyond)
    }
}
