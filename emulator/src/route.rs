//! Ways through the mesh: the links of a route, and the trees of packets with several targets.
//!
//! Invariant: a route follows from its ends and its order alone (`specs/noc.md`), so whatever counts links and whatever
//! times them takes the same.

use crate::mutants::{self, Mutant};
use crate::program::NONE;
use isa::chip::{ChipSpec, Order, PacketKind};
use isa::image::{CoreProgram, Dest, HOST, packets_of};

/// Kind of the packets of a destination.
#[inline]
pub(crate) fn kind_of(dest: &Dest, payload: bool) -> PacketKind {
    match (dest.target & HOST != 0, payload) {
        (true, _) => PacketKind::Host,
        (_, true) => PacketKind::Graded,
        _ => PacketKind::Spike,
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
    let ((mut x, mut y), (to_x, to_y)) = (chip.xy(from), chip.xy(to));
    let y_first = (order == Order::Yx) != mutants::is(Mutant::RouteYX);
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

/// A router on the way of a packet with several targets.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The trees of all cores.
    pub(crate) fn new<'a>(chip: &ChipSpec, cores: impl Iterator<Item = &'a CoreProgram>) -> Trees {
        let mut trees = Trees::default();
        for core in cores {
            let mut roots = Vec::new();
            if core.dests.iter().any(|dest| dest.joined) {
                roots = vec![NONE; core.dests.len()];
                let mut first = 0;
                for packet in packets_of(&core.dests) {
                    if packet.len() > 1 {
                        roots[first] = trees.tree(chip, chip.tile_of(core.core.0), packet);
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

    fn tree(&mut self, chip: &ChipSpec, from: u32, packet: &[Dest]) -> u32 {
        // Only spikes of one flit have several targets.
        let order = chip.noc.route_order(PacketKind::Spike);
        let root = self.nodes.len() as u32;
        self.add();
        let mut open = vec![(root, from, (0..packet.len() as u32).collect::<Vec<u32>>())];
        while let Some((node, tile, targets)) = open.pop() {
            let mut to_cores: Vec<(u32, u32)> = Vec::new();
            let mut on: [Vec<u32>; 4] = Default::default();
            for place in targets {
                let core = packet[place as usize].target;
                let mut first = None;
                links(chip, tile, chip.tile_of(core), order, |_, direction| {
                    first.get_or_insert(direction);
                });
                match first {
                    Some(direction) => on[direction].push(place),
                    None => to_cores.push((4 + core % chip.mesh.cores_per_tile, place)),
                }
            }
            to_cores.sort_unstable();
            let first = self.targets.len() as u32;
            self.targets
                .extend(to_cores.iter().map(|(_, place)| *place));
            let mut outputs = to_cores.iter().fold(0, |all, (port, _)| all | 1 << port);
            let mut behind = [NONE; 4];
            let width = chip.mesh.width;
            let tiles = [
                tile + 1,
                tile.wrapping_sub(1),
                tile + width,
                tile.wrapping_sub(width),
            ];
            for (direction, targets) in on.into_iter().enumerate() {
                if !targets.is_empty() {
                    outputs |= 1 << direction;
                    behind[direction] = self.nodes.len() as u32;
                    open.push((behind[direction], tiles[direction], targets));
                    self.add();
                }
            }
            self.nodes[node as usize] = Node {
                outputs,
                behind,
                targets: first,
            };
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
