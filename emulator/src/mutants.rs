//! Seeded bugs, to prove that the tests see them. Compiled in only for tests (feature `mutants`).
//!
//! Invariant: without the feature every question is a constant `false` and costs nothing; with it, no bug acts unless one was set.

/// A seeded bug of the fast engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mutant {
    /// A credit of a link FIFO comes home one cycle late.
    CreditLate = 1,
    /// The arbiter's pointer stays on the input that won.
    PointerStays,
    /// Arbiter pointers survive the barrier.
    PointerKept,
    /// The packet behind the one that left is seen in the same cycle.
    HeadSameCycle,
    /// Hop latencies of north–south and east–west are swapped.
    HopSwapped,
    /// Outputs are free again in the next cycle.
    OccupancyIgnored,
    /// The spike queue holds one more.
    SpikeQueueDeep,
    /// The injection FIFO holds one more.
    InjectionDeep,
    /// The link FIFO holds one more.
    LinkDeep,
    /// Credits of receive queues are a cycle late.
    ReceiveCreditLate,
    /// A core sends everything over plane 0.
    PlaneStuck,
    /// A spike that waited for room does not delay those after it.
    StallForgotten,
    /// Axon-out needs no time between packets of a spike.
    AxonOutFree,
    /// A packet whose axon has no synapses takes no service time.
    ZeroServiceFree,
    /// Delays act one slot late.
    DelayLate,
    /// Slots are not cleared where no lane spiked.
    SlotKept,
    /// `lda` wraps where it should saturate.
    WrapForSaturate,
    /// A leak rounds down where it should round toward zero.
    LeakFloor,
    /// The rest test forgets its last operand.
    RestForgets,
    /// What stands for a slot is not copied before the slot changes.
    AliasKept,
    /// A lane at the threshold fires whatever the comparison.
    FireAtThreshold,
    /// Idle lanes count and cost as active.
    IdleActive,
    /// A negated guard of `acc` is taken as a plain one.
    GuardPlain,
    /// Host packets are sent a step late.
    HostLate,
    /// A merged axon bit is not counted.
    MergeUncounted,
    /// Y before X in the count of hops.
    RouteYX,
    /// Random words of lanes are keyed by lane instead of logical id.
    DrawByLane,
    /// The time after the last spike is left out of the neuron unit's end.
    TailDropped,
    /// The barrier table is read at one tile less.
    BarrierOneLess,
    /// The synapse unit always begins with plane 0.
    SynapsePlaneStuck,
    /// Late packets are judged one tick later.
    LateOneMore,
    /// Bundles of instructions are charged per lane.
    BundlePerLane,
    /// A crossbar weight is read before the handler stores to its slot.
    WeightEarly,
    /// Routers `vc`: the slot of a packet for a core is given back when the packet arrives, not when it is taken.
    VcEjectEarly,
    /// Routers `vc`: the link to the host takes packets as fast as they come.
    VcHostFree,
    /// Routers `vc`: the third credit between routers is lost.
    VcCreditLost,
    /// Routers `vc`: the pointers of granting and accepting are swapped in switch allocation.
    VcPointersSwapped,
    /// Routers `vc`: the third packet turns to the north or the south where it should go on along x.
    VcTurnWrong,
    /// An output takes another packet before the last flit of the one that has begun.
    FlitsInterleave,
    /// A link asks its first virtual network first, always.
    NetworkPointerStays,
    /// A copy of a packet with several targets takes a cycle longer than the packet itself.
    CopyLate,
    /// A barrier's marker goes on before the packets that stand before it.
    MarkerOvertakes,
    /// A barrier's marker is sent without a credit.
    MarkerUnpaid,
    /// Links to other chips are as fast as any.
    BorderAsLink,
    /// Crossings to another chip along y are not counted.
    CrossingUncounted,
}

impl Mutant {
    /// All of them.
    pub const ALL: &'static [Mutant] = &[
        Mutant::CreditLate,
        Mutant::PointerStays,
        Mutant::PointerKept,
        Mutant::HeadSameCycle,
        Mutant::HopSwapped,
        Mutant::OccupancyIgnored,
        Mutant::SpikeQueueDeep,
        Mutant::InjectionDeep,
        Mutant::LinkDeep,
        Mutant::ReceiveCreditLate,
        Mutant::PlaneStuck,
        Mutant::StallForgotten,
        Mutant::AxonOutFree,
        Mutant::ZeroServiceFree,
        Mutant::DelayLate,
        Mutant::SlotKept,
        Mutant::WrapForSaturate,
        Mutant::LeakFloor,
        Mutant::RestForgets,
        Mutant::AliasKept,
        Mutant::FireAtThreshold,
        Mutant::IdleActive,
        Mutant::GuardPlain,
        Mutant::HostLate,
        Mutant::MergeUncounted,
        Mutant::RouteYX,
        Mutant::DrawByLane,
        Mutant::TailDropped,
        Mutant::BarrierOneLess,
        Mutant::SynapsePlaneStuck,
        Mutant::LateOneMore,
        Mutant::BundlePerLane,
        Mutant::WeightEarly,
        Mutant::VcEjectEarly,
        Mutant::VcHostFree,
        Mutant::VcCreditLost,
        Mutant::VcPointersSwapped,
        Mutant::VcTurnWrong,
        Mutant::FlitsInterleave,
        Mutant::NetworkPointerStays,
        Mutant::CopyLate,
        Mutant::MarkerOvertakes,
        Mutant::MarkerUnpaid,
        Mutant::BorderAsLink,
        Mutant::CrossingUncounted,
    ];
}

#[cfg(feature = "mutants")]
mod active {
    use super::Mutant;
    use std::sync::atomic::{AtomicU8, Ordering};

    static ACTIVE: AtomicU8 = AtomicU8::new(0);

    /// Chooses the bug that acts from now on, in all threads; `None` for a sound engine.
    pub fn set(mutant: Option<Mutant>) {
        ACTIVE.store(mutant.map_or(0, |m| m as u8), Ordering::SeqCst);
    }

    #[inline]
    pub(crate) fn is(mutant: Mutant) -> bool {
        ACTIVE.load(Ordering::Relaxed) == mutant as u8
    }

    /// Whether any bug acts.
    #[inline]
    pub(crate) fn any() -> bool {
        ACTIVE.load(Ordering::Relaxed) != 0
    }
}

#[cfg(feature = "mutants")]
pub use active::set;
#[cfg(feature = "mutants")]
pub(crate) use active::{any, is};

#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn is(_: Mutant) -> bool {
    false
}

#[cfg(not(feature = "mutants"))]
#[inline(always)]
pub(crate) const fn any() -> bool {
    false
}
