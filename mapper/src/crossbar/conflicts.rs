//! Pairs of neurons whose lines no core has room for, and how many cores some neurons need because of them.
//!
//! Invariant: what is said is certain: neurons of which no two fit into one core need a core each, whatever the mapping.

use super::partition::Problem;

/// Neurons that are compared, those with the most lines.
const MOST: usize = 2048;
/// Lines looked at.
const WORK: u64 = 1 << 25;

/// Which neurons have no core in common.
pub(super) struct Conflicts {
    /// Place of each neuron among those that are compared, in the order of their lines, most first.
    place: Vec<u32>,
    /// Row of bits for each.
    rows: Vec<u64>,
    words: usize,
    compared: usize,
}

impl Conflicts {
    pub(super) fn of(problem: &Problem<'_>) -> Conflicts {
        let lines = problem.lines;
        let most = problem.axons as usize;
        let neurons = problem.host.len();
        let mut order: Vec<u32> = (0..neurons as u32).collect();
        order.sort_by_key(|n| (std::cmp::Reverse(lines.of(*n).len()), *n));
        // A neuron that fits beside the largest conflicts with none.
        let largest = order.first().map_or(0, |n| lines.of(*n).len());
        order.retain(|n| lines.of(*n).len() + largest > most);
        order.truncate(MOST);
        let words = order.len().div_ceil(64);
        let mut found = Conflicts {
            place: vec![u32::MAX; neurons],
            rows: vec![0; order.len() * words],
            words,
            compared: order.len(),
        };
        let mut work = WORK;
        let mut has = vec![false; lines.count()];
        for (i, n) in order.iter().enumerate() {
            found.place[*n as usize] = i as u32;
            let mine = lines.of(*n);
            mine.iter().for_each(|l| has[*l as usize] = true);
            for (j, m) in order[..i].iter().enumerate() {
                let other = lines.of(*m);
                if mine.len() + other.len() <= most || work < other.len() as u64 {
                    continue;
                }
                work -= other.len() as u64;
                let new = other.iter().filter(|l| !has[**l as usize]).count();
                if mine.len() + new > most {
                    found.rows[i * words + j / 64] |= 1 << (j % 64);
                    found.rows[j * words + i / 64] |= 1 << (i % 64);
                }
            }
            mine.iter().for_each(|l| has[*l as usize] = false);
        }
        found
    }

    /// The most of these neurons that are found of which no two have a core in common: so many cores they need at least.
    pub(super) fn cores(&self, neurons: impl Iterator<Item = u32>) -> u64 {
        let places = neurons.map(|n| self.place[n as usize]);
        let mut places: Vec<u32> = places.filter(|p| *p != u32::MAX).collect();
        places.sort_unstable();
        let mut common: Vec<u64> = vec![u64::MAX; self.words];
        let mut count = 0;
        for at in places.into_iter().map(|p| p as usize) {
            if at < self.compared && common[at / 64] >> (at % 64) & 1 == 1 {
                let row = &self.rows[at * self.words..(at + 1) * self.words];
                common.iter_mut().zip(row).for_each(|(c, r)| *c &= r);
                count += 1;
            }
        }
        count.max(1)
    }
}
