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

/// Direction of the first link of a route, unless the packet is there.
#[inline]
fn first_link(at: (u32, u32), to: (u32, u32), y_first: bool) -> Option<usize> {
    let along_x = (at.0 != to.0).then_some(usize::from(at.0 > to.0));
    let along_y = (at.1 != to.1).then_some(2 + usize::from(at.1 > to.1));
    if y_first {
        along_y.or(along_x)
    } else {
        along_x.or(along_y)
    }
}

fn y_first(order: Order) -> bool {
    (order == Order::Yx) != mutants::is(Mutant::RouteYX)
}

/// Tile behind a link, which there is.
fn behind(chip: &ChipSpec, tile: u32, direction: usize) -> u32 {
    match direction {
        0 => tile + 1,
        1 => tile - 1,
        2 => tile + chip.mesh.width,
        _ => tile - chip.mesh.width,
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
    let (y_first, end, mut tile) = (y_first(order), chip.xy(to), from);
    while let Some(direction) = first_link(chip.xy(tile), end, y_first) {
        each(tile, direction);
        tile = behind(chip, tile, direction);
    }
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
        let y_first = y_first(chip.noc.route_order(PacketKind::Spike));
        let root = self.nodes.len() as u32;
        self.add();
        let mut open = vec![(root, from, (0..cores.len() as u32).collect::<Vec<u32>>())];
        while let Some((node, tile, targets)) = open.pop() {
            let mut here: Vec<(u32, u32)> = Vec::new();
            let mut on: [Vec<u32>; 4] = Default::default();
            for place in targets {
                let core = cores[place as usize];
                let end = chip.xy(chip.tile_of(core));
                match first_link(chip.xy(tile), end, y_first) {
                    Some(direction) => on[direction].push(place),
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
            for (direction, targets) in on.into_iter().enumerate() {
                if !targets.is_empty() {
                    record.outputs |= 1 << direction;
                    record.behind[direction] = self.nodes.len() as u32;
                    let next = behind(chip, tile, direction);
                    open.push((record.behind[direction], next, targets));
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
