//! Future events by cycle: a calendar of near cycles, a heap for the rest.
//!
//! Invariant: everything in the calendar lies in `now .. now + SLOTS`, so a slot holds one cycle only; cycles without
//! events cost nothing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Cycles of the calendar: 64 words of 64 bits, found by one summary word.
const SLOTS: u64 = 4096;
const NIL: u32 = u32::MAX;

/// Kind in the upper bits, index in the lower.
pub(crate) type Event = u32;

struct Node {
    event: Event,
    next: u32,
}

/// Calendar of events.
pub(crate) struct Wheel {
    now: u64,
    heads: Vec<u32>,
    occupied: [u64; 64],
    summary: u64,
    nodes: Vec<Node>,
    free: u32,
    far: BinaryHeap<Reverse<(u64, Event)>>,
}

impl Wheel {
    pub(crate) fn new() -> Wheel {
        Wheel {
            now: 0,
            heads: vec![NIL; SLOTS as usize],
            occupied: [0; 64],
            summary: 0,
            nodes: Vec::new(),
            free: NIL,
            far: BinaryHeap::new(),
        }
    }

    /// Adds an event at a cycle that has not been taken yet.
    #[inline]
    pub(crate) fn add(&mut self, at: u64, event: Event) {
        debug_assert!(at >= self.now, "event at {at} added at {}", self.now);
        if at - self.now >= SLOTS {
            self.far.push(Reverse((at, event)));
            return;
        }
        let slot = (at % SLOTS) as usize;
        let node = Node {
            event,
            next: self.heads[slot],
        };
        let place = self.free;
        if place == NIL {
            self.heads[slot] = self.nodes.len() as u32;
            self.nodes.push(node);
        } else {
            self.free = self.nodes[place as usize].next;
            self.nodes[place as usize] = node;
            self.heads[slot] = place;
        }
        self.occupied[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    /// Moves to the first cycle with an event, if it is before `end`.
    pub(crate) fn advance(&mut self, end: u64) -> Option<u64> {
        let next = match self.first_slot() {
            Some(cycle) => cycle,
            None => self.far.peek()?.0.0,
        };
        let next = self.far.peek().map_or(next, |far| next.min(far.0.0));
        if next >= end {
            return None;
        }
        self.jump(next);
        Some(next)
    }

    /// Moves to a cycle before which nothing is pending.
    pub(crate) fn jump(&mut self, to: u64) {
        self.now = to;
        while let Some(Reverse((at, event))) = self.far.peek().copied() {
            if at - to >= SLOTS {
                break;
            }
            self.far.pop();
            self.add(at, event);
        }
    }

    /// First occupied cycle at or after now.
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
        let slot = found as u64 * 64 + u64::from(self.occupied[found].trailing_zeros());
        Some(self.now + (slot + SLOTS - here) % SLOTS)
    }

    /// Takes one event of the present cycle.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Event> {
        let slot = (self.now % SLOTS) as usize;
        let place = self.heads[slot];
        if place == NIL {
            return None;
        }
        let node = &mut self.nodes[place as usize];
        let event = node.event;
        self.heads[slot] = node.next;
        node.next = self.free;
        self.free = place;
        if self.heads[slot] == NIL {
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            if self.occupied[slot / 64] == 0 {
                self.summary &= !(1 << (slot / 64));
            }
        }
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_cycles() {
        let mut wheel = Wheel::new();
        let mut all: Vec<(u64, u32)> = (0..2000u32)
            .map(|i| (u64::from(i.wrapping_mul(2_654_435_761) % 20_000), i))
            .collect();
        all.iter().for_each(|(at, event)| wheel.add(*at, *event));
        let mut seen = Vec::new();
        while let Some(now) = wheel.advance(u64::MAX) {
            while let Some(event) = wheel.take() {
                seen.push((now, event));
            }
            if now % 7 == 0 && seen.len() < 3000 {
                wheel.add(now + 4095, 9999);
                all.push((now + 4095, 9999));
            }
        }
        all.sort_unstable();
        seen.sort_unstable();
        assert!(seen == all);
    }

    #[test]
    fn it_stops_before_the_end() {
        let mut wheel = Wheel::new();
        wheel.add(5, 1);
        assert_eq!(wheel.advance(5), None);
        assert_eq!(wheel.advance(6), Some(5));
    }
}
