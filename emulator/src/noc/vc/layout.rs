//! Where everything of a mesh is: flat arrays by router, port and virtual channel (VC).
//!
//! Indices: port = router · P + p; channel = port · S + v, where S is the number of VCs rounded up to a power of two. An
//! input channel and an output channel of a port have the same index in their own arrays. A network may be cut into bands of
//! rows; each band counts its routers, ports, channels and nodes from 0.

use super::bits::Bits;
use super::parameters::Parameters;
use std::ops::Range;

/// Nobody, no packet.
pub(crate) const NONE: u32 = u32::MAX;
/// Marks a node instead of a router's channel.
pub(super) const NODE: u32 = 1 << 31;
/// Marks a channel of the next band.
pub(super) const CROSS: u32 = 1 << 30;
/// No owner of an output channel.
pub(super) const FREE: u8 = u8::MAX;

/// A flit: packet in 32 bits, target router's x and y in 12 each, the port there in 6, tail, head.
pub(crate) type Flit = u64;
pub(crate) const HEAD: u64 = 1 << 63;
pub(crate) const TAIL: u64 = 1 << 62;

/// A flit without its marks.
pub(crate) fn flit(packet: u32, x: u32, y: u32, port: u32) -> Flit {
    u64::from(packet) | u64::from(x) << 32 | u64::from(y) << 44 | u64::from(port) << 56
}

/// The port a flit takes at the router at `x`, `y`: X first, then Y, then its node's.
#[inline(always)]
pub(super) fn route(flit: Flit, (x, y): (u16, u16)) -> usize {
    let to_x = (flit >> 32) as u16 & 0xfff;
    let to_y = (flit >> 44) as u16 & 0xfff;
    let last = (flit >> 56) as usize & 63;
    let along_y = 2 + usize::from(to_y < y);
    let port = std::hint::select_unpredictable(to_y != y, along_y, last);
    std::hint::select_unpredictable(to_x != x, usize::from(to_x < x), port)
}

/// An input channel: a ring of slots, and what the packet at its head has.
#[derive(Clone, Copy, Default)]
pub(super) struct Input {
    /// Slot of the first flit.
    pub(super) head: u16,
    /// Slot of the next flit that is sent here.
    pub(super) tail: u16,
    /// Flits that have arrived.
    pub(super) len: u16,
    /// Slots in use, flits on the way included.
    pub(super) used: u16,
    /// Output port and VC.
    pub(super) port: u8,
    pub(super) vc: u8,
    /// Pointer of VC allocation.
    pub(super) accept: u8,
    pub(super) state: State,
}

/// What an input channel does for the packet at its head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing: it is empty.
    #[default]
    Idle,
    /// Routing stage.
    Routing,
    /// Waits for an output channel.
    VcAlloc,
    /// Has one.
    Active,
}

/// An output channel: what is known of the buffer behind it.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) credits: u16,
    /// Input channel within the router that sends here, or [`FREE`].
    pub(super) owner: u8,
    /// Pointer of VC allocation.
    pub(super) grant: u8,
    /// Tail credits are awaited.
    pub(super) tail_sent: bool,
}

/// A port of a router: its output side, and the pointers of both sides.
#[derive(Clone, Copy)]
pub(super) struct Port<B> {
    /// Active input channels with a flit and a credit for this output.
    pub(super) ready: B,
    /// Input channels that wait for a VC of this output.
    pub(super) waiting: B,
    /// Where it leads: first input channel behind it, `NODE | node`, `CROSS |` one of the next band, or [`NONE`].
    pub(super) next: u32,
    /// Who sends to this port: first output channel, and as above.
    pub(super) previous: u32,
    /// VCs that are not taken, and VCs with a credit.
    pub(super) free: u8,
    pub(super) funded: u8,
    /// Pointers of switch allocation, and the VC that is first to represent the input.
    pub(super) grant: u8,
    pub(super) accept: u8,
    pub(super) round: u8,
}

/// A router: what of it needs a look.
#[derive(Clone, Copy)]
pub(super) struct Router<B> {
    /// Outputs that some active channel is ready for, and outputs that some channel waits for a VC of.
    pub(super) ready: u64,
    pub(super) waiting: u64,
    /// Channels in the routing stage.
    pub(super) routing: B,
    /// x, y.
    pub(super) place: (u16, u16),
    /// It is in the list of those to be looked at.
    pub(super) awake: bool,
    /// It has been looked at since the last reset.
    pub(super) touched: bool,
}

/// A node: the packet it injects and what it knows of its router's channels.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Packet in hand, or [`NONE`].
    pub(super) packet: u32,
    /// Flits of it that were injected.
    pub(super) sent: u32,
    /// First input channel at its router.
    pub(super) channel: u32,
    /// VC of the packet in hand, or [`FREE`].
    pub(super) vc: u8,
    /// VC used last, or [`FREE`].
    pub(super) last_vc: u8,
    pub(super) free: u8,
    pub(super) funded: u8,
    pub(super) awake: bool,
}

/// A VC of the buffer that a node injects into.
#[derive(Clone, Copy)]
pub(super) struct NodeVc {
    pub(super) credits: u16,
    pub(super) tail_sent: bool,
}

/// What part of a mesh an engine holds, and the nodes beside the routers' own.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Rows of routers.
    pub(crate) rows: Range<u32>,
    /// Rows of the band below.
    pub(crate) below: u32,
    /// Nodes at borders (router, side), after all others.
    pub(crate) border: Vec<(u32, u8)>,
}

impl Part {
    /// All of a mesh.
    pub(crate) fn whole(parameters: &Parameters) -> Part {
        Part {
            rows: 0..parameters.mesh.height,
            below: 0,
            border: Vec::new(),
        }
    }

    /// Its routers.
    pub(super) fn routers(&self, parameters: &Parameters) -> Range<u32> {
        let width = parameters.mesh.width;
        self.rows.start * width..self.rows.end * width
    }

    /// Port of each node.
    fn node_ports(&self, parameters: &Parameters) -> Vec<u32> {
        let (ports, locals) = (parameters.ports() as u32, parameters.mesh.locals);
        let routers = self.routers(parameters);
        let own = (0..routers.len() as u32 * locals)
            .map(|node| node / locals * ports + 4 + node % locals);
        let border = (self.border.iter()).map(|(router, side)| router * ports + u32::from(*side));
        own.chain(border).collect()
    }
}

/// Ports of all routers, wired.
pub(super) fn ports<B: Bits>(parameters: &Parameters, part: &Part) -> Vec<Port<B>> {
    let mesh = parameters.mesh;
    let (ports, stride) = (parameters.ports() as u32, parameters.stride() as u32);
    let all = ((1u32 << parameters.vcs) - 1) as u8;
    let routers = part.routers(parameters);
    let mut out = Vec::with_capacity(routers.len() * ports as usize);
    for router in 0..routers.len() as u32 {
        let (x, y) = (router % mesh.width, part.rows.start + router / mesh.width);
        // The band above begins with its own router 0.
        let up = if y + 1 == part.rows.end {
            CROSS | ((x * ports + 3) * stride)
        } else {
            ((router + mesh.width) * ports + 3) * stride
        };
        let down = match router.checked_sub(mesh.width) {
            Some(to) => (to * ports + 2) * stride,
            None if part.below == 0 => NONE,
            None => CROSS | ((((part.below - 1) * mesh.width + x) * ports + 2) * stride),
        };
        let ends = [
            (x + 1 < mesh.width).then(|| ((router + 1) * ports + 1) * stride),
            (x > 0).then(|| (router - 1) * ports * stride),
            (y + 1 < mesh.height).then_some(up),
            (y > 0).then_some(down),
        ];
        for p in 0..ports {
            let end = ends.get(p as usize).map_or(NONE, |end| end.unwrap_or(NONE));
            out.push(Port {
                ready: B::NONE,
                waiting: B::NONE,
                next: end,
                previous: end,
                free: all,
                funded: all,
                grant: 0,
                accept: 0,
                round: 0,
            });
        }
    }
    for (node, port) in part.node_ports(parameters).into_iter().enumerate() {
        let port = &mut out[port as usize];
        assert!(port.next == NONE, "a node at a link");
        (port.next, port.previous) = (NODE | node as u32, NODE | node as u32);
    }
    out
}

/// Nodes of all routers.
pub(super) fn nodes(parameters: &Parameters, part: &Part) -> Vec<Node> {
    let stride = parameters.stride() as u32;
    let all = ((1u32 << parameters.vcs) - 1) as u8;
    (part.node_ports(parameters).into_iter())
        .map(|port| Node {
            packet: NONE,
            sent: 0,
            channel: port * stride,
            vc: FREE,
            last_vc: FREE,
            free: all,
            funded: all,
            awake: false,
        })
        .collect()
}
