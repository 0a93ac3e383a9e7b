//! The `vc` router: synchronous, input-queued, virtual channels, wormhole, credits. `specs/noc.md` defines every cycle.
//!
//! Invariant: a router, a node or a cycle in which nothing can change costs nothing. What is sent is written into the buffer
//! it will arrive in at once (its credit vouches for the slot); only its arrival is an event. Routers look at the state of
//! earlier cycles only, so their order within a cycle does not matter.

mod allocate;
mod around;
mod bands;
mod bits;
mod check;
mod engine;
mod fault;
mod layout;
mod listed;
mod parameters;

pub(crate) use around::Around;
pub(crate) use engine::{Cycles, engine};
pub use fault::Fault;
pub(crate) use layout::{NONE, Part, TAIL, flit};
pub use parameters::{LARGEST_PACKET, Parameters};

use super::measure::Router;
use super::{Mesh, NocError, Packet, Times, check_packets, in_order};
use bands::Bands;

/// A mesh of `vc` routers and what is on its way in it.
pub struct Network {
    parameters: Parameters,
    engine: Bands,
}

impl Network {
    /// An empty network in cycle 0.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn new(parameters: &Parameters) -> Result<Network, NocError> {
        Network::with_threads(parameters, 1)
    }

    /// An empty network in cycle 0 that is run by up to so many threads, if it is large enough to be worth it. The result does not depend
    /// on it.
    ///
    /// # Errors
    /// A parameter is out of range.
    pub fn with_threads(parameters: &Parameters, threads: usize) -> Result<Network, NocError> {
        parameters.check()?;
        Ok(Network {
            parameters: *parameters,
            engine: Bands::new(parameters, threads),
        })
    }

    /// Threads that run it.
    pub fn threads(&self) -> usize {
        self.engine.count()
    }

    /// Puts packets into the source queues. Each must be generated no earlier than those before and than the present cycle.
    ///
    /// # Errors
    /// A packet names a node that does not exist, has a size of 0 or is out of order.
    pub fn send(&mut self, packets: &[Packet]) -> Result<(), NocError> {
        check_packets(&self.parameters.mesh, packets, LARGEST_PACKET)?;
        let sent = self.times().len();
        let mut last = self.engine.last_created();
        for (index, packet) in packets.iter().enumerate() {
            if packet.created < last {
                let what = format!(
                    "generated in cycle {}, after one of cycle {last}",
                    packet.created
                );
                return Err(NocError::Packet { index, what });
            }
            last = packet.created;
        }
        if sent + packets.len() >= u32::MAX as usize {
            let what = format!("a network takes up to {} packets", u32::MAX - 1);
            return Err(NocError::Packet { index: 0, what });
        }
        packets.iter().for_each(|packet| self.engine.send(packet));
        Ok(())
    }

    /// Runs all cycles before `end`.
    pub fn run(&mut self, end: u64) {
        self.engine.run(end);
    }

    /// Runs until every packet has arrived and every credit is home, and checks that this is so.
    ///
    /// # Panics
    /// The network has lost, doubled or reordered something, or stands still: a bug, told with the routers that wait.
    pub fn drain(&mut self) {
        self.engine.drain();
    }

    /// The next cycle.
    pub fn now(&self) -> u64 {
        self.engine.now()
    }

    /// Times of the packets in the order they were sent, as far as they are known: a packet that has not been injected has
    /// `injected` and all others [`Network::NEVER`].
    pub fn times(&self) -> &[Times] {
        self.engine.times()
    }

    /// Flits that their targets took in cycles `start..end`, counted from the call of [`Network::count`] on.
    pub fn counted(&self) -> u64 {
        self.engine.counted()
    }

    /// Counts flits that targets take in these cycles from now on.
    pub fn count(&mut self, window: std::ops::Range<u64>) {
        self.engine.count_in(window);
    }

    /// Flits that left a router so far, each counted at every router.
    pub fn flit_hops(&self) -> u64 {
        self.engine.flit_hops()
    }

    /// Not yet.
    pub const NEVER: u64 = u64::MAX;

    /// Plants a bug, to prove that checks see it.
    #[cfg(feature = "mutants")]
    pub fn plant(&mut self, fault: Fault) {
        self.engine.plant(fault);
    }
}

/// Times of all packets; of packets with the same source and cycle the first in the list is sent first.
///
/// ```
/// use emulator::noc::{Mesh, Packet, vc};
///
/// let parameters = vc::Parameters::new(Mesh { width: 4, height: 4, locals: 1 });
/// let packet = Packet { created: 0, source: 0, target: 15, size: 1 };
/// let times = vc::run(&parameters, &[packet])?;
/// assert_eq!(times[0].tail, 2 + 7 * 4); // seven routers, four cycles each
/// # Ok::<(), emulator::noc::NocError>(())
/// ```
///
/// # Errors
/// A parameter is out of range, or a packet names a node that does not exist.
pub fn run(parameters: &Parameters, packets: &[Packet]) -> Result<Vec<Times>, NocError> {
    check_packets(&parameters.mesh, packets, LARGEST_PACKET)?;
    let mut network = Network::new(parameters)?;
    in_order(packets, |sorted| {
        network.send(sorted)?;
        network.drain();
        Ok(network.times().to_vec())
    })
}

impl Router for Network {
    fn mesh(&self) -> Mesh {
        self.parameters.mesh
    }

    fn send(&mut self, packets: &[Packet]) -> Result<(), NocError> {
        Network::send(self, packets)
    }

    fn run(&mut self, end: u64) {
        Network::run(self, end);
    }

    fn drain(&mut self) {
        Network::drain(self);
    }

    fn times(&self) -> &[Times] {
        Network::times(self)
    }

    fn counted(&self) -> u64 {
        Network::counted(self)
    }

    fn count(&mut self, window: std::ops::Range<u64>) {
        Network::count(self, window);
    }
}
