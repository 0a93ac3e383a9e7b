//! What stands around the routers: where packets come from, and who takes them.

use super::layout::Flit;

/// The ends of a network. Packets and nodes are numbers; cycles are those of the routers.
pub(crate) trait Around {
    /// The next cycle in which a packet is generated.
    fn due(&self) -> u64;

    /// A packet generated up to this cycle whose node has none in hand, once each: (node, packet).
    fn generate(&mut self, now: u64) -> Option<(u32, u32)>;

    /// A packet's flits as its node sends them, without marks.
    fn flit(&self, node: u32, packet: u32) -> Flit;

    /// Flits of a packet.
    fn size(&self, packet: u32) -> u32;

    /// A node injects a head.
    fn injected(&mut self, node: u32, packet: u32, now: u64);

    /// A node has injected a tail: its next packet, if it has one in this cycle, else [`NONE`](super::layout::NONE).
    fn next(&mut self, node: u32, packet: u32, now: u64) -> u32;

    /// So many flits stand in a buffer of a router.
    fn stands(&mut self, flits: u16);

    /// A head leaves a router's buffer for an output (to another router, if `link`), to arrive behind it in cycle `arrives`.
    fn left(
        &mut self,
        router: usize,
        output: usize,
        link: bool,
        packet: u32,
        now: u64,
        arrives: u64,
    );

    /// A flit is on its way to a node, from an output channel, to arrive at `at`. Whether the node takes it then; else its slot is
    /// given back later.
    fn ejected(&mut self, channel: u32, node: u32, packet: u32, marks: u64, at: u64) -> bool;
}
