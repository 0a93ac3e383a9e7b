//! Whether packets can wait for each other in a circle: the channel-dependency graph of a chip's routes.
//!
//! Invariant: a channel is a link in a virtual network; one depends on another when the route of some packet takes the
//! second right after the first. Every receiver takes what arrives, so without a circle nothing can stand still for ever
//! (Dally and Seitz 1987). Planes are alike and apart, so one stands for all.

use super::routes::{Link, Path};
use super::{ChipSpec, Order, PacketKind};
use std::collections::VecDeque;
use std::fmt;

/// Links of one virtual network that can wait for each other for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircularWait {
    /// Virtual network.
    pub network: u32,
    /// Tile and direction (0 east, 1 west, 2 north, 3 south) of each link; the last waits for the first.
    pub links: Vec<(u32, u8)>,
}

impl fmt::Display for CircularWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let around: Vec<Link> = self
            .links
            .iter()
            .chain(self.links.first())
            .copied()
            .collect();
        let (network, around) = (self.network, Path(&around));
        write!(
            f,
            "packets of network {network} can wait in a circle: {around}"
        )
    }
}

/// The graph of one network: for each link `tile × 4 + direction` the directions in which packets go on behind it.
struct Graph<'a> {
    chip: &'a ChipSpec,
    onward: Vec<u8>,
}

impl<'a> Graph<'a> {
    fn new(chip: &'a ChipSpec) -> Graph<'a> {
        Graph {
            chip,
            onward: vec![0; chip.tiles() as usize * 4],
        }
    }

    /// The tile at the end of a link, if there is one.
    fn behind(&self, tile: u32, direction: u8) -> Option<u32> {
        self.chip.behind(tile, direction)
    }

    fn add(&mut self, tile: u32, direction: u8, onward: u8) {
        self.onward[tile as usize * 4 + usize::from(direction)] |= 1 << onward;
    }

    /// Routes from every tile to every tile.
    fn all_to_all(&mut self, order: Order) {
        if self.chip.noc.routes.is_some() {
            return (0..self.chip.tiles()).for_each(|to| self.all_to_one(to, order));
        }
        // Straight on, and turns out of the first dimension.
        let first = match order {
            Order::Xy => 0..2u8,
            Order::Yx => 2..4,
        };
        for tile in 0..self.chip.tiles() {
            for direction in 0..4 {
                let Some(behind) = self.behind(tile, direction) else {
                    continue;
                };
                for onward in 0..4 {
                    let turns = first.contains(&direction) && !first.contains(&onward);
                    if (onward == direction || turns) && self.behind(behind, onward).is_some() {
                        self.add(tile, direction, onward);
                    }
                }
            }
        }
    }

    /// Routes from every tile to one.
    fn all_to_one(&mut self, to: u32, order: Order) {
        for tile in 0..self.chip.tiles() {
            self.first_turn(tile, to, order);
        }
    }

    /// Routes from one tile to every tile.
    fn one_to_all(&mut self, from: u32, order: Order) {
        if self.chip.noc.routes.is_some() {
            for to in 0..self.chip.tiles() {
                let mut at = Some(from);
                while let Some(tile) = at {
                    at = self.first_turn(tile, to, order);
                }
            }
            return;
        }
        // Backwards a route takes the other dimension first, and what it takes before its last two links leads to tiles too.
        let other = match order {
            Order::Xy => Order::Yx,
            Order::Yx => Order::Xy,
        };
        for to in 0..self.chip.tiles() {
            let back = |tile: u32| {
                let direction = self.chip.first_link(tile, from, other)?;
                Some((self.behind(tile, direction)?, direction ^ 1))
            };
            let last = back(to).and_then(|(before, last)| Some((back(before)?, last)));
            if let Some(((start, into), last)) = last {
                self.add(start, into, last);
            }
        }
    }

    /// The first two links on the way from a tile to another; the tile between them.
    fn first_turn(&mut self, from: u32, to: u32, order: Order) -> Option<u32> {
        let direction = self.chip.first_link(from, to, order)?;
        let behind = self.behind(from, direction)?;
        let onward = self.chip.first_link(behind, to, order)?;
        self.add(from, direction, onward);
        Some(behind)
    }

    /// Links right behind a link.
    fn after(&self, link: usize) -> impl Iterator<Item = usize> {
        let (tile, direction) = (link as u32 / 4, (link % 4) as u8);
        let (behind, onward) = (self.behind(tile, direction), self.onward[link]);
        (0..4usize)
            .filter(move |next| onward & (1 << next) != 0)
            .filter_map(move |next| Some(behind? as usize * 4 + next))
    }

    /// A link on a circle: what is left when links that nothing waits behind are taken away again and again.
    fn on_circle(&self) -> Option<usize> {
        let links = self.onward.len();
        let mut before = vec![0u8; links];
        for link in 0..links {
            self.after(link).for_each(|next| before[next] += 1);
        }
        let mut free: Vec<usize> = (0..links).filter(|link| before[*link] == 0).collect();
        let mut left = links;
        while let Some(link) = free.pop() {
            left -= 1;
            for next in self.after(link) {
                before[next] -= 1;
                if before[next] == 0 {
                    free.push(next);
                }
            }
        }
        if left == 0 {
            return None;
        }
        // Every link left has one left before it, so going back from any leads round a circle.
        let mut at = (0..links).find(|link| before[*link] > 0)?;
        let mut seen = vec![false; links];
        while !std::mem::replace(&mut seen[at], true) {
            at = self.before(at).find(|link| before[*link] > 0)?;
        }
        Some(at)
    }

    /// Links right before a link.
    fn before(&self, link: usize) -> impl Iterator<Item = usize> {
        let (tile, direction) = (link as u32 / 4, link % 4);
        (0..4u8).filter_map(move |into| {
            let start = self.behind(tile, into ^ 1)?;
            let before = start as usize * 4 + usize::from(into);
            (self.onward[before] & (1 << direction) != 0).then_some(before)
        })
    }

    /// The shortest way from a link back to itself.
    fn circle(&self, link: usize) -> Option<Vec<usize>> {
        let mut from = vec![usize::MAX; self.onward.len()];
        let mut open = VecDeque::from([link]);
        while let Some(at) = open.pop_front() {
            for next in self.after(at) {
                if next == link {
                    let mut circle = vec![at];
                    while circle[circle.len() - 1] != link {
                        circle.push(from[circle[circle.len() - 1]]);
                    }
                    circle.reverse();
                    return Some(circle);
                }
                if from[next] == usize::MAX {
                    from[next] = at;
                    open.push_back(next);
                }
            }
        }
        None
    }
}

impl ChipSpec {
    /// Links whose packets can wait for each other for ever, if the chip's routes and virtual networks allow that.
    pub fn circular_wait(&self) -> Option<CircularWait> {
        (0..self.noc.network_count()).find_map(|network| {
            let graph = self.graph(network);
            let circle = graph.circle(graph.on_circle()?)?;
            let named = circle
                .iter()
                .map(|link| (*link as u32 / 4, (link % 4) as u8));
            Some(CircularWait {
                network,
                links: named.collect(),
            })
        })
    }

    /// For each link (tile × 4 + direction) the directions, as bits, in which packets of a virtual network may go on behind it.
    pub fn turns(&self, network: u32) -> Vec<u8> {
        self.graph(network).onward
    }

    fn graph(&self, network: u32) -> Graph<'_> {
        let noc = &self.noc;
        let mut graph = Graph::new(self);
        let carries = |kind| noc.network(kind) == network;
        if carries(PacketKind::Spike) || carries(PacketKind::Graded) {
            graph.all_to_all(noc.order);
        }
        if carries(PacketKind::Host) {
            for port in &self.host_ports {
                graph.all_to_one(port.tile, noc.host_order);
                graph.one_to_all(port.tile, noc.host_order);
            }
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip(width: u32, height: u32, orders: [Order; 2], apart: bool) -> ChipSpec {
        let mut chip = ChipSpec::preset("tiny").expect("a preset").expect("valid");
        (chip.mesh.width, chip.mesh.height) = (width, height);
        chip.host_ports.truncate(1);
        [chip.noc.order, chip.noc.host_order] = orders;
        if apart {
            chip.noc.networks = vec![PacketKind::Host];
        }
        chip
    }

    /// Every route, link by link.
    fn by_routes(chip: &ChipSpec) -> Vec<u8> {
        let mut graph = Graph::new(chip);
        let ports: Vec<u32> = chip.host_ports.iter().map(|port| port.tile).collect();
        for (from, to) in (0..chip.tiles()).flat_map(|a| (0..chip.tiles()).map(move |b| (a, b))) {
            let mut orders = vec![chip.noc.order];
            if ports.contains(&from) || ports.contains(&to) {
                orders.push(chip.noc.host_order);
            }
            for order in orders {
                let (mut at, mut last) = (from, None);
                while let Some(direction) = chip.first_link(at, to, order) {
                    if let Some((tile, before)) = last {
                        graph.add(tile, before, direction);
                    }
                    last = Some((at, direction));
                    at = graph.behind(at, direction).expect("a route stays inside");
                }
            }
        }
        graph.onward
    }

    #[test]
    fn the_graph_is_that_of_all_routes() {
        for orders in [
            [Order::Xy; 2],
            [Order::Yx; 2],
            [Order::Xy, Order::Yx],
            [Order::Yx, Order::Xy],
        ] {
            for (width, height, tile) in [(1, 1, 0), (4, 1, 3), (3, 3, 4), (4, 3, 7), (2, 5, 0)] {
                let mut chip = chip(width, height, orders, false);
                chip.host_ports[0].tile = tile;
                let mut graph = Graph::new(&chip);
                graph.all_to_all(orders[0]);
                graph.all_to_one(tile, orders[1]);
                graph.one_to_all(tile, orders[1]);
                assert_eq!(
                    graph.onward,
                    by_routes(&chip),
                    "{orders:?} {width} × {height}"
                );
            }
        }
    }

    #[test]
    fn one_order_has_no_circle_and_two_in_one_network_have() {
        for order in [Order::Xy, Order::Yx] {
            assert_eq!(chip(5, 4, [order; 2], false).circular_wait(), None);
        }
        let mixed = [Order::Xy, Order::Yx];
        assert_eq!(chip(5, 4, mixed, true).circular_wait(), None);
        assert_eq!(chip(5, 1, mixed, false).circular_wait(), None);
        let found = chip(2, 2, mixed, false).circular_wait().expect("a circle");
        assert_eq!(
            found.to_string(),
            "packets of network 0 can wait in a circle: tile 0 north → tile 2 east → tile 3 south → tile 1 west → tile 0 north"
        );
    }
}
