//! Which sources of a partition need splitters, and how many: few levels where there is room for them, trees where there is not.
//!
//! Invariant: a core keeps its lanes and destinations if what is said here is built. A splitter takes a tick, so a destination of delay d can be
//! behind at most d splitters; every splitter can be built with at most the lanes of a core, by splitters of its own.

use super::partition::{Cores, Problem, lanes};
use super::relays::Split;
use std::cmp::Reverse;

/// Destinations of a neuron: late ones by delay and core with their number, and the others.
#[derive(Clone, Default)]
pub(super) struct Reach {
    pub(super) late: Vec<((u8, u32), u32)>,
    early: u32,
}

impl Reach {
    fn late(&self) -> u32 {
        self.late.iter().map(|l| l.1).sum()
    }

    fn all(&self) -> u32 {
        self.early + self.late()
    }

    /// Part of each of its late destinations, and how many parts: runs as long as `room` allows (whatever it allows, it allows a part of);
    /// `None` if it does not allow one alone.
    fn parts(&self, room: impl Fn(&[((u8, u32), u32)]) -> bool) -> Option<Parts> {
        let (mut part, mut from) = (0, 0);
        let mut of = Vec::with_capacity(self.late.len());
        while from < self.late.len() {
            let rest = &self.late[from..];
            if !room(&rest[..1]) {
                return None;
            }
            let (mut fits, mut beyond) = (1, rest.len() + 1);
            while beyond - fits > 1 {
                let middle = fits + (beyond - fits) / 2;
                if room(&rest[..middle]) {
                    fits = middle;
                } else {
                    beyond = middle;
                }
            }
            of.extend(rest[..fits].iter().map(|l| (l.0, part)));
            (part, from) = (part + 1, from + fits);
        }
        Some((of, part))
    }
}

/// Part of each delay and core, ascending, and how many.
type Parts = (Vec<((u8, u32), u32)>, u32);

/// What each neuron reaches.
pub(super) fn reaches(like: &Problem<'_>, cores: &Cores) -> Vec<Reach> {
    let early = |h: &u32| Reach {
        late: Vec::new(),
        early: *h,
    };
    let mut of: Vec<Reach> = like.host.iter().map(early).collect();
    for (core, list) in (0u32..).zip(&cores.lines) {
        for line in list {
            let Some(n) = like.lines.neuron(*line) else {
                continue;
            };
            let reach = &mut of[n as usize];
            match (like.lines.delay[*line as usize], reach.late.last_mut()) {
                (0, _) => reach.early += 1,
                (delay, Some(last)) if last.0 == (delay, core) => last.1 += 1,
                (delay, _) => reach.late.push(((delay, core), 1)),
            }
        }
    }
    of.iter_mut().for_each(|r| r.late.sort_unstable());
    of
}

/// Late destinations of each neuron.
pub(super) fn late(like: &Problem<'_>, cores: &Cores) -> Vec<u32> {
    reaches(like, cores).iter().map(Reach::late).collect()
}

/// Whether one splitter can serve these, with splitters of its own where that takes more than `most` lanes: those of delay 1 it sends to itself,
/// later ones may be behind one splitter more for each tick.
fn grows(late: &[((u8, u32), u32)], most: u32) -> bool {
    let longest = late.last().map_or(0, |l| l.0.0);
    let mut need = 0u32;
    let mut at = late.len();
    for delay in (1..=longest).rev() {
        need = need.div_ceil(most);
        while at > 0 && late[at - 1].0.0 == delay {
            at -= 1;
            need += late[at].1;
        }
    }
    need <= most
}

/// The splitters that are needed when neurons have these cores, in the network as it is; `None`: splitters do not help.
pub(super) fn needed(like: &Problem<'_>, cores: &Cores) -> Option<Vec<Split>> {
    let reach = reaches(like, cores);
    let most = like.lanes.min(like.slots);
    let mut by_core: Vec<Vec<u32>> = vec![Vec::new(); cores.count()];
    for (n, core) in (0u32..).zip(&cores.core_of) {
        by_core[*core as usize].push(n);
    }
    let mut split: Vec<Split> = Vec::new();
    for mut mine in by_core {
        let all = mine.iter().map(|n| reach[*n as usize].all());
        let mut used: u32 = all.clone().map(|a| lanes(a, like.each)).sum();
        let mut slots: u32 = all.sum();
        mine.sort_by_key(|n| (Reverse(reach[*n as usize].late()), *n));
        let mut here: Vec<(u32, Parts)> = Vec::new();
        // Splitters that a core has room for, then trees of them.
        for deep in [false, true] {
            for &n in &mine {
                if used <= like.lanes && slots <= like.slots {
                    break;
                }
                let r = &reach[n as usize];
                let known = here.iter().position(|h| h.0 == n);
                let before = known.map_or(r.late(), |i| here[i].1.1);
                let parts = match deep {
                    false => r.parts(|l| l.iter().map(|l| l.1).sum::<u32>() <= most),
                    true if most < 2 => None,
                    true => r.parts(|l| grows(l, most)),
                };
                let Some(parts) = parts.filter(|p| p.1 < before) else {
                    continue;
                };
                used =
                    used - lanes(r.early + before, like.each) + lanes(r.early + parts.1, like.each);
                slots -= before - parts.1;
                match known {
                    Some(i) => here[i].1 = parts,
                    None => here.push((n, parts)),
                }
            }
        }
        if used > like.lanes || slots > like.slots {
            return None;
        }
        split.extend(here.iter().map(|(n, parts)| parted(like, cores, *n, parts)));
    }
    split.sort_unstable();
    Some(split)
}

/// A source whose splitters each serve some cores at some delays.
fn parted(like: &Problem<'_>, cores: &Cores, source: u32, (part_of, parts): &Parts) -> Split {
    if *parts == 1 {
        return Split::whole(source);
    }
    let mut of: Vec<((u32, u8), u32)> = Vec::new();
    for line in like.lines.late(source) {
        let delay = like.lines.delay[line as usize];
        for target in like.lines.members(line) {
            let core = cores.core_of[*target as usize];
            let at = part_of.binary_search_by_key(&(delay, core), |p| p.0);
            of.push(((*target, delay), at.map_or(0, |at| part_of[at].1)));
        }
    }
    of.sort_unstable();
    of.dedup();
    Split {
        source,
        parts: *parts,
        part_of: of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_behind_at_most_its_delay_of_splitters() {
        let late = |counts: &[(u8, u32)]| -> Vec<((u8, u32), u32)> {
            counts.iter().map(|c| ((c.0, 0), c.1)).collect()
        };
        for (counts, most, expect) in [
            (&[(1, 5)][..], 5, true),
            (&[(1, 6)][..], 5, false),
            (&[(2, 25)][..], 5, true),
            (&[(2, 26)][..], 5, false),
            (&[(1, 4), (2, 5)][..], 5, true),
            (&[(1, 4), (2, 6)][..], 5, false),
            (&[(1, 4), (3, 25)][..], 5, true),
            (&[(1, 3), (2, 5), (3, 26)][..], 5, false),
        ] {
            assert_eq!(grows(&late(counts), most), expect, "{counts:?}");
        }
    }
}
