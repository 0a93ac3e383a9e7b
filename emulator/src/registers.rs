//! The register file of the vector interpreter: registers, constants and predicates of a strip of lanes.
//!
//! Invariant: a place holds the values of all lanes of the strip. Writing takes a free buffer and swaps it in; a loaded
//! register may stand for its slot until either is written.

use crate::handler::{CONSTANTS, PREDICATES};
use crate::mutants::{self, Mutant};
use crate::vector::YES;
use crate::words::Words;

/// Registers, constants and predicates of a lane.
pub(crate) const FILE: usize = PREDICATES + 4;

/// A register with a buffer of its own.
pub(crate) const OWN: u8 = 255;
/// A register that reads 0.
pub(crate) const ZERO: u8 = 254;

/// Registers, constants and predicates.
pub(crate) struct Registers {
    buffers: Vec<Words<i32>>,
    /// Buffer that holds each place.
    place: [u8; FILE],
    free: u8,
    /// What a register stands for: a slot, [`ZERO`], or [`OWN`].
    alias: [u8; CONSTANTS],
    /// Value of each constant's buffer.
    held: [Option<i32>; PREDICATES - CONSTANTS],
    /// First lane of the strip in its group, and lanes of the strip.
    pub(crate) start: usize,
    pub(crate) n: usize,
}

impl Registers {
    /// For strips of at most `width` lanes.
    pub(crate) fn new(width: usize) -> Registers {
        let mut place = [0; FILE];
        place.iter_mut().enumerate().for_each(|(i, p)| *p = i as u8);
        let mut buffers: Vec<Words<i32>> = (0..=FILE).map(|_| Words::new(width)).collect();
        buffers[PREDICATES].fill(YES);
        Registers {
            buffers,
            place,
            free: FILE as u8,
            alias: [OWN; CONSTANTS],
            held: [None; PREDICATES - CONSTANTS],
            start: 0,
            n: 0,
        }
    }

    /// A new strip: no register stands for a slot.
    #[inline(always)]
    pub(crate) fn begin(&mut self, start: usize, n: usize) {
        (self.start, self.n) = (start, n);
        self.alias = [OWN; CONSTANTS];
    }

    /// Sets a register or predicate to 0.
    #[inline(always)]
    pub(crate) fn clear(&mut self, place: usize) {
        self.buffers[usize::from(self.place[place])][..self.n].fill(0);
    }

    /// Sets a constant, for this and all later strips.
    #[inline(always)]
    pub(crate) fn hold(&mut self, constant: usize, value: i32) {
        if self.held[constant].replace(value) != Some(value) {
            self.buffers[usize::from(self.place[CONSTANTS + constant])].fill(value);
        }
    }

    /// Values of a place, where `slots` are the group's.
    #[inline(always)]
    pub(crate) fn value<'s>(&'s self, slots: &'s [Words<i32>], place: usize) -> &'s [i32] {
        match self.alias.get(place) {
            Some(slot) if *slot < ZERO => {
                &slots[usize::from(*slot)][self.start..self.start + self.n]
            }
            Some(&ZERO) => &self.buffers[usize::from(self.place[0])][..self.n],
            _ => &self.buffers[usize::from(self.place[place])][..self.n],
        }
    }

    /// Whether a predicate holds, lane by lane.
    #[inline(always)]
    pub(crate) fn holds(&self, predicate: u8) -> &[i32] {
        &self.buffers[usize::from(self.place[PREDICATES + usize::from(predicate)])][..self.n]
    }

    /// The free buffer, to be filled and [`put`](Registers::put).
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Words<i32> {
        std::mem::take(&mut self.buffers[usize::from(self.free)])
    }

    /// Gives a place the values of the buffer that was taken.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: usize, values: Words<i32>) {
        self.buffers[usize::from(self.free)] = values;
        std::mem::swap(&mut self.place[place], &mut self.free);
        if let Some(alias) = self.alias.get_mut(place) {
            *alias = OWN;
        }
    }

    /// Lets a register stand for a slot, or for [`ZERO`].
    #[inline(always)]
    pub(crate) fn stand_for(&mut self, register: usize, alias: u8) {
        self.alias[register] = alias;
    }

    /// Whether a register stands for a slot.
    #[inline(always)]
    pub(crate) fn stands_for(&self, register: u8, slot: u8) -> bool {
        self.alias[usize::from(register)] == slot
    }

    /// Gives a register a buffer of its own.
    #[inline(always)]
    pub(crate) fn own(&mut self, register: u8, slots: &[Words<i32>]) {
        let r = usize::from(register);
        let place = usize::from(self.place[r]);
        if self.alias[r] != OWN {
            let mut taken = std::mem::take(&mut self.buffers[place]);
            for (to, from) in taken.iter_mut().zip(self.value(slots, r)) {
                *to = *from;
            }
            self.buffers[place] = taken;
            self.alias[r] = OWN;
        }
    }

    /// Before a register is stored to a slot: registers of `live` that stand for the slot get its values.
    /// False if the slot holds the register's values already.
    #[inline(always)]
    pub(crate) fn before_store(
        &mut self,
        register: u8,
        slot: u8,
        live: u32,
        slots: &[Words<i32>],
    ) -> bool {
        if self.alias[usize::from(register)] == slot {
            return false;
        }
        self.own(register, slots);
        self.own_live(slot, live, slots);
        true
    }

    /// Gives registers of `live` that stand for a slot its values.
    #[inline(always)]
    pub(crate) fn own_live(&mut self, slot: u8, live: u32, slots: &[Words<i32>]) {
        if mutants::is(Mutant::AliasKept) {
            return;
        }
        for r in 1..CONSTANTS as u8 {
            if self.alias[usize::from(r)] == slot && live & (1 << r) != 0 {
                self.own(r, slots);
            }
        }
    }
}
