//! The barrier's wave: markers behind the packets of a step, then a message to one corner and back (`specs/timestep.md`).
//!
//! Invariant: nothing comes behind a marker in its queue or on its link, so none delays a packet. When all packets of a step
//! are over, the markers' cycles follow from when queues let their last packets go.

use super::net::Network;
use super::units::Units;
use crate::program::Program;
use isa::chip::Sync;

/// A link inside of the area.
struct Link {
    tile: u32,
    direction: u32,
    /// Sides of the tile whose packets may take it.
    sides: u8,
    /// Tile at its end.
    to: u32,
}

/// What takes part in the wave.
pub(super) struct Wave {
    planes: u32,
    /// Each after those whose packets may take it.
    links: Vec<Link>,
    /// By core: tile, index there.
    cores: Vec<(u32, u32)>,
    /// By host port: tile, side.
    ports: Vec<(u32, u32)>,
    /// Tiles of the area row by row from the north-east corner on.
    tiles: Vec<u32>,
    /// By place in `tiles`: tiles to the east and, in the first column, to the north, and the latency of their links to here.
    before: Vec<[Option<(u32, u64)>; 2]>,
    /// Latency of the way back from the corner.
    back: u64,
    /// By tile and side: cycle from which the marker of a link's FIFO stands at its head.
    heads: Vec<[u64; 4]>,
    /// By tile: the last such cycle of the markers of its cores and host ports.
    own: Vec<u64>,
    /// By tile: cycle in which it has nothing more to wait for.
    quiet: Vec<u64>,
}

impl Wave {
    /// The wave of a program's chip, if it has one.
    pub(super) fn new(program: &Program<'_>) -> Option<Wave> {
        let chip = program.chip;
        if !matches!(chip.sync, Sync::Barrier { wave: true, .. }) {
            return None;
        }
        let per_tile = chip.mesh.cores_per_tile;
        let ids = program.cores.iter().map(|core| core.program.core.0);
        let cores: Vec<(u32, u32)> = ids.map(|id| (id / per_tile, id % per_tile)).collect();
        let area = program.wave_area();
        let (first, last) = (area.first, area.last);
        let all = (first.1..=last.1)
            .rev()
            .flat_map(|y| (first.0..=last.0).rev().map(move |x| (x, y)));
        let places: Vec<(u32, u32)> = all.collect();
        let tile = |(x, y): (u32, u32)| y * chip.mesh.width + x;
        let coming = |place, direction| {
            let from = tile(place);
            (from, chip.link_hop(from, direction))
        };
        let before = |&(x, y): &(u32, u32)| {
            [
                (x < last.0).then(|| coming((x + 1, y), 1)),
                (x == first.0 && y < last.1).then(|| coming((x, y + 1), 3)),
            ]
        };
        let back = chip.way_cycles(first, last);
        let tiles = chip.tiles() as usize;
        let ports = chip.host_ports.iter();
        Some(Wave {
            planes: chip.mesh.planes,
            links: links(program, &places),
            cores,
            ports: ports.map(|p| (p.tile, u32::from(p.side))).collect(),
            before: places.iter().map(before).collect(),
            tiles: places.into_iter().map(tile).collect(),
            back,
            heads: vec![[0; 4]; tiles],
            own: vec![0; tiles],
            quiet: vec![0; tiles],
        })
    }

    /// The cycle in which the last tile learns that the step, which began at `start`, is over.
    pub(super) fn release<N: Network>(&mut self, units: &mut Units<N>, start: u64) -> u64 {
        self.quiet.fill(start);
        for plane in 0..self.planes {
            self.flush(units, plane, start);
        }
        for ((tile, _), core) in self.cores.iter().zip(&units.cores) {
            let quiet = &mut self.quiet[*tile as usize];
            *quiet = (*quiet).max(core.served());
        }
        let mut corner = start;
        for (tile, before) in self.tiles.iter().zip(&self.before) {
            let arrives = before.iter().flatten();
            let arrives = arrives.map(|(from, hop)| self.quiet[*from as usize] + hop);
            corner = arrives.fold(self.quiet[*tile as usize], u64::max);
            self.quiet[*tile as usize] = corner;
        }
        corner + self.back
    }

    /// The markers of a plane, from senders to receivers.
    fn flush<N: Network>(&mut self, units: &mut Units<N>, plane: u32, start: u64) {
        let net = &mut units.net;
        self.own.fill(start);
        self.heads.fill([0; 4]);
        for ((tile, index), core) in self.cores.iter().zip(&units.cores) {
            let queue = net.injection(*tile, *index, plane);
            let sent = core.over().max(start).max(net.marker_credit(queue));
            let own = &mut self.own[*tile as usize];
            *own = (*own).max(net.stands(queue, sent + units.inject));
        }
        for (port, (tile, side)) in self.ports.iter().enumerate() {
            let link = &units.links[port * self.planes as usize + plane as usize];
            let queue = net.link(*tile, *side, plane);
            let sent = link.free().max(start).max(net.marker_credit(queue));
            let own = &mut self.own[*tile as usize];
            *own = (*own).max(net.stands(queue, sent + units.host));
        }
        for link in &self.links {
            let sides = (0..4).filter(|side| link.sides & (1 << side) != 0);
            let heads = self.heads[link.tile as usize];
            let ready = sides.fold(self.own[link.tile as usize], |all, side| {
                all.max(heads[side])
            });
            let arrives = net.mark(link.tile, link.direction, plane, ready);
            let side = link.direction ^ 1;
            let queue = net.link(link.to, side, plane);
            self.heads[link.to as usize][side as usize] = net.stands(queue, arrives);
        }
        let to_cores = self.cores.iter().map(|(tile, index)| (*tile, 4 + index));
        for (tile, port) in to_cores.chain(self.ports.iter().copied()) {
            let heads = self.heads[tile as usize].into_iter();
            let ready = heads.fold(self.own[tile as usize], u64::max);
            let quiet = &mut self.quiet[tile as usize];
            *quiet = (*quiet).max(net.mark(tile, port, plane, ready));
        }
    }
}

/// The links inside of the area, each after those whose packets may take it.
fn links(program: &Program<'_>, places: &[(u32, u32)]) -> Vec<Link> {
    let chip = program.chip;
    let area = program.wave_area();
    let inside = |tile: u32| area.holds(chip.xy(tile));
    let turns = chip.turns(0);
    let tile = |&(x, y): &(u32, u32)| y * chip.mesh.width + x;
    let mut open: Vec<Link> = Vec::new();
    for from in places.iter().map(tile) {
        for direction in 0..4 {
            let Some(to) = chip.behind(from, direction).filter(|to| inside(*to)) else {
                continue;
            };
            // The link that ends at a side, and whether packets go on from it into this one.
            let enters = |side: &u8| {
                let before = chip.behind(from, *side).filter(|before| inside(*before));
                before.is_some_and(|before| {
                    turns[before as usize * 4 + usize::from(*side ^ 1)] & (1 << direction) != 0
                })
            };
            open.push(Link {
                tile: from,
                direction: direction.into(),
                sides: (0..4u8).filter(enters).fold(0, |all, side| all | 1 << side),
                to,
            });
        }
    }
    // Sides of each tile whose link is in order already.
    let mut done = vec![0u8; chip.tiles() as usize];
    let mut ordered = Vec::with_capacity(open.len());
    while !open.is_empty() {
        let ready = |link: &mut Link| link.sides & !done[link.tile as usize] == 0;
        let next: Vec<Link> = open.extract_if(.., ready).collect();
        assert!(!next.is_empty(), "routes that close a circle were refused");
        for link in &next {
            done[link.to as usize] |= 1 << (link.direction ^ 1);
        }
        ordered.extend(next);
    }
    ordered
}
