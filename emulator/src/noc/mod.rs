//! The network-on-chip alone: packets in, times out.
//!
//! [`traffic`] makes synthetic packets, [`measure`] asks for latency and throughput under them.
//! Two routers, both defined to the cycle in `specs/noc.md`: [`vc`], the synchronous virtual-channel router, and [`fifo`], which the
//! emulated chips use.
//! Invariant: nothing here knows an image or a neuron.

pub mod fifo;
pub mod measure;
pub mod traffic;
pub mod vc;

/// A mesh of routers with `locals` nodes each. Node = (x + width · y) · locals + local.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// Routers from west to east.
    pub width: u32,
    /// Routers from south to north.
    pub height: u32,
    /// Nodes of a router.
    pub locals: u32,
}

impl Mesh {
    /// Routers.
    pub fn routers(&self) -> u32 {
        self.width * self.height
    }

    /// Nodes.
    pub fn nodes(&self) -> u32 {
        self.routers() * self.locals
    }

    /// Place of a node's router: x, y.
    pub fn place(&self, node: u32) -> (u32, u32) {
        let router = node / self.locals;
        (router % self.width, router / self.width)
    }

    /// Routers that a packet passes, its first and last included.
    pub fn routers_passed(&self, source: u32, target: u32) -> u32 {
        let ((x, y), (to_x, to_y)) = (self.place(source), self.place(target));
        x.abs_diff(to_x) + y.abs_diff(to_y) + 1
    }
}

/// A packet to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Cycle in which its node generates it; it waits in the node's unlimited source queue.
    pub created: u64,
    /// Node.
    pub source: u32,
    /// Node.
    pub target: u32,
    /// Flits, at least one.
    pub size: u32,
}

/// Cycles of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Its head entered the network.
    pub injected: u64,
    /// Its target took its head.
    pub head: u64,
    /// Its target took its tail.
    pub tail: u64,
}

/// Why nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NocError {
    /// A parameter is out of range, or there is no reference for it.
    #[error("{name} {value}: {limit}")]
    Parameter {
        /// Its name.
        name: String,
        /// As given.
        value: String,
        /// What it may be, and why.
        limit: String,
    },
    /// A packet cannot be sent.
    #[error("packet {index}: {what}")]
    Packet {
        /// Its place in the list.
        index: usize,
        /// What is wrong and what may be.
        what: String,
    },
}

/// Checks a list of packets against a mesh.
pub(crate) fn check_packets(mesh: &Mesh, packets: &[Packet], largest: u32) -> Result<(), NocError> {
    let nodes = mesh.nodes();
    for (index, packet) in packets.iter().enumerate() {
        let what = match packet {
            Packet { source, .. } if *source >= nodes => {
                format!(
                    "source {source} does not exist: nodes are 0 to {}",
                    nodes - 1
                )
            }
            Packet { target, .. } if *target >= nodes => {
                format!(
                    "target {target} does not exist: nodes are 0 to {}",
                    nodes - 1
                )
            }
            Packet { size, .. } if *size == 0 || *size > largest => {
                format!("{size} flits: a packet has 1 to {largest}")
            }
            Packet { created, .. } if *created > LAST_CYCLE => {
                format!("cycle {created}: the last is {LAST_CYCLE}")
            }
            _ => continue,
        };
        return Err(NocError::Packet { index, what });
    }
    Ok(())
}

/// Packets may be generated up to this cycle.
pub const LAST_CYCLE: u64 = 1 << 60;

/// Sends packets in order of generation and puts their times back into the order given.
pub(crate) fn in_order(
    packets: &[Packet],
    send: impl FnOnce(&[Packet]) -> Result<Vec<Times>, NocError>,
) -> Result<Vec<Times>, NocError> {
    let mut order: Vec<usize> = (0..packets.len()).collect();
    order.sort_by_key(|&index| packets[index].created);
    let sorted: Vec<Packet> = order.iter().map(|&index| packets[index]).collect();
    let mut times = vec![Times::default(); packets.len()];
    for (&index, seen) in order.iter().zip(send(&sorted)?) {
        times[index] = seen;
    }
    Ok(times)
}
