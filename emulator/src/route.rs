//! Ways through the mesh: the links of a route, and the trees of packets with several targets.
//!
//! Invariant: a route follows from its ends and its order alone (`specs/noc.md`), so whatever counts links and whatever
//! times them takes the same.

use crate::mutants::{self, Mutant};
use crate::program::NONE;
use isa::chip::{ChipSpec, Order, PacketKind};
use isa::image::{CoreProgram, Dest, HOST, packets_of};
use std::collections::BTreeMap;

/// Kind of the packets of a destination.
#[inline]
pub(crate) fn kind_of(dest: &Dest, payload: bool) -> PacketKind {
    match (dest.target & HOST != 0, payload) {
        (true, _) => PacketKind::Host,
        (_, true) => PacketKind::Graded,
        _ => PacketKind::Spike,
    }
}

/// The order in which a route takes its dimensions.
fn taken(order: Order) -> Order {
    match (order, mutants::is(Mutant::RouteYX)) {
        (Order::Xy, false) | (Order::Yx, true) => Order::Xy,
        _ => Order::Yx,
    }
}

/// Calls `each` with tile and direction of every link of a route.
#[inline]
pub(crate) fn links(
    chip: &ChipSpec,
    from: u32,
    to: u32,
    order: Order,
    mut each: impl FnMut(u32, usize),
) {
    if chip.noc.routes.is_some() {
        let mut tile = from;
        while let Some(direction) = chip.first_link(tile, to, order) {
            each(tile, direction.into());
            tile = behind(chip, tile, direction);
        }
        return;
    }
    let ((mut x, mut y), (to_x, to_y)) = (chip.xy(from), chip.xy(to));
    let y_first = taken(order) == Order::Yx;
    while (x, y) != (to_x, to_y) {
        let tile = y * chip.mesh.width + x;
        let along_x = if y_first { y == to_y } else { x != to_x };
        match (along_x, x < to_x, y < to_y) {
            (true, true, _) => {
                x += 1;
                each(tile, 0);
            }
            (true, false, _) => {
                x -= 1;
                each(tile, 1);
            }
            (false, _, true) => {
                y += 1;
                each(tile, 2);
            }
            (false, _, false) => {
                y -= 1;
                each(tile, 3);
            }
        }
    }
}

/// Tile behind a link of a route.
fn behind(chip: &ChipSpec, tile: u32, direction: u8) -> u32 {
    let behind = chip.behind(tile, direction);
    behind.expect("a route stays on the mesh")
}

/// A router on the way of a packet with several targets.
pub(crate) struct Node {
    /// Outputs that it takes, by port.
    pub(crate) outputs: u64,
    /// Node behind each link, or [`NONE`].
    pub(crate) behind: [u32; 4],
    /// First of its targets in this tile in [`Trees::targets`], by port ascending.
    pub(crate) targets: u32,
}

/// The trees of a program.
#[derive(Default)]
pub(crate) struct Trees {
    pub(crate) nodes: Vec<Node>,
    /// Places of targets in the packet's list.
    pub(crate) targets: Vec<u32>,
    /// By core and destination: first node of the packet that begins there, or [`NONE`]. Empty for a core without any.
    roots: Vec<Vec<u32>>,
}

impl Trees {
    /// The trees of all cores. Packets of one core to the same cores share one.
    pub(crate) fn new<'a>(chip: &ChipSpec, cores: impl Iterator<Item = &'a CoreProgram>) -> Trees {
        let mut trees = Trees::default();
        for core in cores {
            let mut roots = Vec::new();
            if core.dests.iter().any(|dest| dest.joined) {
                roots = vec![NONE; core.dests.len()];
                let mut known: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
                let mut first = 0;
                for packet in packets_of(&core.dests) {
                    if packet.len() > 1 {
                        let cores: Vec<u32> = packet.iter().map(|dest| dest.target).collect();
                        roots[first] = match known.get(&cores) {
                            Some(root) => *root,
                            None => {
                                let root = trees.tree(chip, chip.tile_of(core.core.0), &cores);
                                known.insert(cores, root);
                                root
                            }
                        };
                    }
                    first += packet.len();
                }
            }
            trees.roots.push(roots);
        }
        trees
    }

    /// First node of the packet that begins at a destination of a core, or [`NONE`].
    #[inline]
    pub(crate) fn root(&self, core: usize, dest: usize) -> u32 {
        self.roots[core].get(dest).copied().unwrap_or(NONE)
    }

    /// The tree from a tile to some cores, each of them once.
    fn tree(&mut self, chip: &ChipSpec, from: u32, cores: &[u32]) -> u32 {
        // Only spikes of one flit have several targets.
        let order = taken(chip.noc.route_order(PacketKind::Spike));
        let root = self.nodes.len() as u32;
        self.add();
        let mut open = vec![(root, from, (0..cores.len() as u32).collect::<Vec<u32>>())];
        while let Some((node, tile, targets)) = open.pop() {
            let mut here: Vec<(u32, u32)> = Vec::new();
            let mut on: [Vec<u32>; 4] = Default::default();
            for place in targets {
                let core = cores[place as usize];
                match chip.first_link(tile, chip.tile_of(core), order) {
                    Some(direction) => on[usize::from(direction)].push(place),
                    None => here.push((4 + core % chip.mesh.cores_per_tile, place)),
                }
            }
            here.sort_unstable();
            let first = self.targets.len() as u32;
            self.targets.extend(here.iter().map(|(_, place)| *place));
            let mut record = Node {
                outputs: here.iter().fold(0, |all, (port, _)| all | 1 << port),
                behind: [NONE; 4],
                targets: first,
            };
            for (direction, targets) in (0..4u8).zip(on) {
                if !targets.is_empty() {
                    let (node, next) = (self.nodes.len() as u32, behind(chip, tile, direction));
                    record.outputs |= 1 << direction;
                    record.behind[usize::from(direction)] = node;
                    open.push((node, next, targets));
                    self.add();
                }
            }
            self.nodes[node as usize] = record;
        }
        root
    }

    fn add(&mut self) {
        assert!(self.nodes.len() < NONE as usize, "too many tree nodes");
        self.nodes.push(Node {
            outputs: 0,
            behind: [NONE; 4],
            targets: 0,
        });
    }
}
