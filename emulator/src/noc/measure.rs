//! Latency and throughput of a router under synthetic traffic: warm up, measure, and go on until what was measured has arrived.
//!
//! The protocol is that of the reference curves: for N measured cycles, traffic runs from cycle 0 on; measured are the packets
//! generated in N..2N, and the flits taken in these cycles; traffic goes on until all measured packets have arrived.

use super::traffic::{Load, Traffic};
use super::{Mesh, NocError, Packet, Times};
use std::ops::Range;

/// A mesh of routers that takes packets: either router, or another.
pub trait Router {
    /// Its mesh.
    fn mesh(&self) -> Mesh;
    /// Puts packets into the source queues, in order of generation.
    ///
    /// # Errors
    /// A packet cannot be sent.
    fn send(&mut self, packets: &[Packet]) -> Result<(), NocError>;
    /// Runs all cycles before `end`.
    fn run(&mut self, end: u64);
    /// Runs until every packet has arrived.
    fn drain(&mut self);
    /// Times so far, in the order of sending; `u64::MAX` for what has not happened.
    fn times(&self) -> &[Times];
    /// Flits that targets took in the cycles chosen with [`Router::count`].
    fn counted(&self) -> u64;
    /// Counts flits that targets take in these cycles.
    fn count(&mut self, window: Range<u64>);
}

/// A load is above saturation when the mean latency of the measured packets, waiting ones included, passes so many cycles. Of the
/// reference; a network with slower links needs more.
pub const UNSTABLE_CYCLES: u64 = 1000;
/// Cycles between two looks at the packets that are still on their way.
const LOOK: u64 = 100;

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Packets generated while measuring.
    pub packets: u64,
    /// Sum of their tail − created, of their tail − injected, and of the routers they passed; only if `stable`.
    pub latency: u64,
    /// See `latency`.
    pub network_latency: u64,
    /// See `latency`.
    pub routers: u64,
    /// Least and largest tail − created.
    pub least: u64,
    /// See `least`.
    pub largest: u64,
    /// Flits taken while measuring.
    pub flits: u64,
    /// Cycles measured.
    pub cycles: u64,
    /// Cycles simulated.
    pub simulated: u64,
    /// All measured packets arrived before their mean latency passed the limit.
    pub stable: bool,
}

/// Measures `cycles` cycles after as many of warming up; gives up when the mean latency passes `limit` cycles.
///
/// # Errors
/// The load does not fit the mesh.
pub fn measure(
    router: &mut dyn Router,
    load: Load,
    cycles: u64,
    limit: u64,
) -> Result<Measured, NocError> {
    let mesh = router.mesh();
    let mut traffic = Traffic::new(mesh, load)?;
    let mut packets = Vec::new();
    let mut measured = Measured {
        cycles,
        ..Measured::default()
    };
    router.count(cycles..2 * cycles);
    // Sources and targets of measured packets, and how many were sent before them.
    let mut ends = Vec::new();
    let mut before = 0;
    let mut now = 0;
    let mut done = 0;
    loop {
        // Pieces end where measuring begins and ends.
        let border = if now < cycles { cycles } else { 2 * cycles };
        let end = if now < 2 * cycles {
            (now + LOOK).min(border)
        } else {
            now + LOOK
        };
        packets.clear();
        traffic.cycles(now..end, &mut packets);
        router.send(&packets)?;
        if now < cycles {
            before += packets.len();
        } else if now < 2 * cycles {
            ends.extend(packets.iter().map(|p| (p.created, p.source, p.target)));
        }
        router.run(end);
        now = end;
        if now < 2 * cycles {
            continue;
        }
        let times = &router.times()[before..before + ends.len()];
        while done < ends.len() && times[done].tail < now {
            done += 1;
        }
        if done < ends.len() {
            let age = |((created, ..), t): (&(u64, u32, u32), &Times)| t.tail.min(now) - created;
            let sum: u64 = ends.iter().zip(times).map(age).sum();
            if sum <= limit * ends.len() as u64 {
                continue;
            }
        } else {
            measured.stable = true;
            measured.least = u64::MAX;
            for ((created, source, target), times) in ends.iter().zip(times) {
                let latency = times.tail - created;
                measured.latency += latency;
                measured.network_latency += times.tail - times.injected;
                measured.routers += u64::from(mesh.routers_passed(*source, *target));
                measured.least = measured.least.min(latency);
                measured.largest = measured.largest.max(latency);
            }
        }
        measured.packets = ends.len() as u64;
        measured.flits = router.counted();
        measured.simulated = now;
        return Ok(measured);
    }
}
