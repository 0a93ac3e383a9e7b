//! Seeded bugs of this engine, to prove that its checks and the tests see them. Compiled in only for tests (feature `mutants`).

/// A bug, once planted, acts in one network only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The hundredth credit between routers is lost.
    CreditLost,
    /// The hundredth credit between routers comes twice.
    CreditDoubled,
    /// Credits between routers come a cycle late.
    CreditLate,
    /// The pointers of granting and accepting are swapped in switch allocation.
    PointersSwapped,
    /// Pointers of VC allocation move although nothing was accepted.
    PointerMovesAlways,
    /// The hundredth packet turns north where it should go on along x.
    TurnWrong,
    /// An output channel is not marked as taken.
    VcGivenTwice,
    /// The hundredth single-flit packet that goes on to a router vanishes from its link.
    FlitLost,
    /// A link is a cycle shorter.
    LinkShort,
    /// A tail does not free its output channel.
    VcKept,
    /// The hundredth tail to be taken is taken before its head.
    TailEarly,
    /// A node injects into the channel it used last, before others.
    RoundStuck,
}

impl Fault {
    /// All of them.
    pub const ALL: &'static [Fault] = &[
        Fault::CreditLost,
        Fault::CreditDoubled,
        Fault::CreditLate,
        Fault::PointersSwapped,
        Fault::PointerMovesAlways,
        Fault::TurnWrong,
        Fault::VcGivenTwice,
        Fault::FlitLost,
        Fault::LinkShort,
        Fault::VcKept,
        Fault::TailEarly,
        Fault::RoundStuck,
    ];
}

/// Which bug acts, and how often it could have.
#[cfg(feature = "mutants")]
#[derive(Default)]
pub(super) struct Planted {
    fault: Option<Fault>,
    /// Chances that are left, the one at which it acts included.
    left: u32,
}

#[cfg(feature = "mutants")]
impl Planted {
    pub(super) fn plant(&mut self, fault: Fault, chance: u32) {
        (self.fault, self.left) = (Some(fault), chance);
    }

    #[inline(always)]
    pub(super) fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// At its chance.
    #[inline(always)]
    pub(super) fn once(&mut self, fault: Fault) -> bool {
        if self.fault != Some(fault) || self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.left == 0
    }
}

/// Without the feature nothing ever acts, and asking costs nothing.
#[cfg(not(feature = "mutants"))]
#[derive(Default)]
pub(super) struct Planted {}

#[cfg(not(feature = "mutants"))]
impl Planted {
    #[inline(always)]
    pub(super) const fn is(&self, _: Fault) -> bool {
        false
    }

    #[inline(always)]
    pub(super) const fn once(&mut self, _: Fault) -> bool {
        false
    }
}
