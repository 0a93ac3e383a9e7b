//! Where everything of a mesh is: flat arrays by router, port and virtual channel (VC).
//!
//! Indices: port = router · P + p; channel = port · S + v, where S is the number of VCs rounded up to a power of two. An
//! input channel and an output channel of a port have the same index in their own arrays.

use super::bits::Bits;
use super::parameters::Parameters;

/// Nobody, no packet.
pub(super) const NONE: u32 = u32::MAX;
/// Marks a node instead of a router's channel.
pub(super) const NODE: u32 = 1 << 31;
/// No owner of an output channel.
pub(super) const FREE: u8 = u8::MAX;

/// A flit: packet in 32 bits, target router's x and y in 12 each, its local port in 6, tail, head.
pub(super) type Flit = u64;
pub(super) const HEAD: u64 = 1 << 63;
pub(super) const TAIL: u64 = 1 << 62;

/// A flit without its marks.
pub(super) fn flit(packet: u32, x: u32, y: u32, local: u32) -> Flit {
    u64::from(packet) | u64::from(x) << 32 | u64::from(y) << 44 | u64::from(local) << 56
}

/// The port a flit takes at the router at `x`, `y`: X first, then Y, then the node's.
#[inline(always)]
pub(super) fn route(flit: Flit, (x, y): (u16, u16)) -> usize {
    let to_x = (flit >> 32) as u16 & 0xfff;
    let to_y = (flit >> 44) as u16 & 0xfff;
    let local = 4 + ((flit >> 56) as usize & 63);
    let along_y = 2 + usize::from(to_y < y);
    let port = std::hint::select_unpredictable(to_y != y, along_y, local);
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
    /// Where it leads: first input channel behind it, `NODE | node`, or [`NONE`].
    pub(super) next: u32,
    /// Who sends to this port: first output channel, `NODE | node`, or [`NONE`].
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
}

/// A node: its source queue and what it knows of its router's channels.
#[derive(Clone, Copy)]
pub(super) struct Node {
    /// Packets that were generated, first and last, linked by `Record::next`.
    pub(super) first: u32,
    pub(super) last: u32,
    /// Flits of the first that were injected.
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

/// The packet that is being taken through an ejection channel.
#[derive(Clone, Copy)]
pub(super) struct Taking {
    pub(super) packet: u32,
    pub(super) flits: u32,
}

/// A packet.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) created: u64,
    /// Its flits without marks.
    pub(super) flit: Flit,
    pub(super) source: u32,
    pub(super) size: u32,
    /// Next in its node's queue.
    pub(super) next: u32,
    /// Routers on its way.
    pub(super) routers: u32,
}

/// Ports of all routers, wired.
pub(super) fn ports<B: Bits>(parameters: &Parameters) -> Vec<Port<B>> {
    let mesh = parameters.mesh;
    let (ports, stride) = (parameters.ports() as u32, parameters.stride() as u32);
    let all = ((1u32 << parameters.vcs) - 1) as u8;
    let mut out = Vec::with_capacity((mesh.routers() * ports) as usize);
    for router in 0..mesh.routers() {
        let (x, y) = (router % mesh.width, router / mesh.width);
        let neighbours = [
            (x + 1 < mesh.width).then(|| router + 1),
            (x > 0).then(|| router - 1),
            (y + 1 < mesh.height).then(|| router + mesh.width),
            (y > 0).then(|| router - mesh.width),
        ];
        for p in 0..ports {
            let end = match neighbours.get(p as usize) {
                Some(Some(to)) => (to * ports + (p ^ 1)) * stride,
                Some(None) => NONE,
                None => NODE | (router * mesh.locals + p - 4),
            };
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
    out
}

/// Nodes of all routers.
pub(super) fn nodes(parameters: &Parameters) -> Vec<Node> {
    let mesh = parameters.mesh;
    let (ports, stride) = (parameters.ports() as u32, parameters.stride() as u32);
    let all = ((1u32 << parameters.vcs) - 1) as u8;
    (0..mesh.nodes())
        .map(|node| {
            let port = node / mesh.locals * ports + 4 + node % mesh.locals;
            Node {
                first: NONE,
                last: NONE,
                sent: 0,
                channel: port * stride,
                vc: FREE,
                last_vc: FREE,
                free: all,
                funded: all,
                awake: false,
            }
        })
        .collect()
}
