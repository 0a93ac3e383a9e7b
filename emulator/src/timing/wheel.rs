//! Future events by cycle: a calendar of near cycles, a heap for the rest.
//!
//! Invariant: everything in the calendar lies in `now .. now + SLOTS` and everything in the heap later, so a slot holds
//! one cycle only; cycles without events cost nothing. An event is pending once at most, so a link for each is enough.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Cycles of the calendar: 64 words of 64 bits, found by one summary word.
const SLOTS: u64 = 4096;
/// The end of a list of events.
pub(crate) const LAST: u32 = u32::MAX;

/// Calendar of events `0 .. n`.
pub(crate) struct Wheel {
    now: u64,
    /// First event of each slot.
    heads: Box<[u32; SLOTS as usize]>,
    /// The event after each in its slot.
    links: Vec<u32>,
    occupied: [u64; 64],
    summary: u64,
    far: BinaryHeap<Reverse<(u64, u32)>>,
    /// Its first cycle, `u64::MAX` if it is empty.
    far_first: u64,
}

impl Wheel {
    pub(crate) fn new(events: usize) -> Wheel {
        Wheel {
            now: 0,
            heads: Box::new([LAST; SLOTS as usize]),
            links: vec![LAST; events],
            occupied: [0; 64],
            summary: 0,
            far: BinaryHeap::new(),
            far_first: u64::MAX,
        }
    }

    /// Adds an event, which is not pending, at a cycle that has not been taken yet.
    #[inline(always)]
    pub(crate) fn add(&mut self, at: u64, event: u32) {
        debug_assert!(at >= self.now, "event at {at} added at {}", self.now);
        if at - self.now >= SLOTS {
            return self.add_far(at, event);
        }
        let slot = (at % SLOTS) as usize;
        self.links[event as usize] = std::mem::replace(&mut self.heads[slot], event);
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    #[cold]
    #[inline(never)]
    fn add_far(&mut self, at: u64, event: u32) {
        self.far.push(Reverse((at, event)));
        self.far_first = self.far_first.min(at);
    }

    /// Moves to the first cycle with an event, if it is before `end`.
    #[inline]
    pub(crate) fn advance(&mut self, end: u64) -> Option<u64> {
        let next = self.first_slot().unwrap_or(self.far_first);
        if next >= end {
            return None;
        }
        self.jump(next);
        Some(next)
    }

    /// Moves to a cycle before which nothing is pending.
    #[inline]
    pub(crate) fn jump(&mut self, to: u64) {
        self.now = to;
        if self.far_first - to < SLOTS {
            self.approach();
        }
    }

    /// Events that are near now move into the calendar.
    #[cold]
    fn approach(&mut self) {
        while let Some(Reverse((at, event))) = self.far.peek().copied() {
            if at - self.now >= SLOTS {
                break;
            }
            self.far.pop();
            self.add(at, event);
        }
        self.far_first = self.far.peek().map_or(u64::MAX, |far| far.0.0);
    }

    /// First occupied cycle at or after now.
    #[inline]
    fn first_slot(&self) -> Option<u64> {
        if self.summary == 0 {
            return None;
        }
        let here = self.now % SLOTS;
        let (word, bit) = ((here / 64) as usize, here % 64);
        let rest = self.occupied[word] >> bit;
        if rest != 0 {
            return Some(self.now + u64::from(rest.trailing_zeros()));
        }
        // Words after this one, then from the beginning, this one's lower bits last.
        let later = if word == 63 {
            0
        } else {
            self.summary & (u64::MAX << (word + 1))
        };
        let found = if later != 0 { later } else { self.summary }.trailing_zeros() as usize;
        let slot = found as u64 * 64 + u64::from(self.occupied[found & 63].trailing_zeros());
        Some(self.now + (slot + SLOTS - here) % SLOTS)
    }

    /// Takes all events of the present cycle: the first, or [`LAST`]. The others follow by `after` until one is added.
    #[inline]
    pub(crate) fn take(&mut self) -> u32 {
        let slot = (self.now % SLOTS) as usize;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        if self.occupied[slot / 64] == 0 {
            self.summary &= !(1 << (slot / 64));
        }
        std::mem::replace(&mut self.heads[slot], LAST)
    }

    /// The event after one that was taken.
    #[inline]
    pub(crate) fn after(&self, event: u32) -> u32 {
        self.links[event as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_cycles() {
        let mut wheel = Wheel::new(5000);
        let mut all: Vec<(u64, u32)> = (0..2000u32)
            .map(|i| (u64::from(i.wrapping_mul(2_654_435_761) % 20_000), i))
            .collect();
        all.iter().for_each(|(at, event)| wheel.add(*at, *event));
        let mut seen = Vec::new();
        while let Some(now) = wheel.advance(u64::MAX) {
            let mut event = wheel.take();
            while event != LAST {
                seen.push((now, event));
                event = wheel.after(event);
            }
            if now % 7 == 0 && seen.len() < 3000 {
                let new = all.len() as u32;
                wheel.add(now + 4095, new);
                all.push((now + 4095, new));
            }
        }
        all.sort_unstable();
        seen.sort_unstable();
        assert!(seen == all);
    }

    #[test]
    fn it_stops_before_the_end() {
        let mut wheel = Wheel::new(2);
        wheel.add(5, 1);
        assert_eq!(wheel.advance(5), None);
        assert_eq!(wheel.advance(6), Some(5));
    }
}
