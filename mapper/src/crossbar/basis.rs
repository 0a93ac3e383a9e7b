//! Weights as sums of at most four numbers: the type weights of a crossbar neuron, chosen by the bits of a row.
//!
//! Invariant: a line carries one type, so a source takes one line for every type that any of its synapses in the core
//! uses; the bits of a weight are the types of its lines. Two's complement in four lines is the basis 1, 2, 4, −8.

use rustc_hash::FxHashMap;

/// Axon types of a crossbar, and so numbers of a basis (TrueNorth, RANC: four).
pub(super) const TYPES: usize = 4;
/// Largest magnitude of a type weight: 8 bits and a sign.
pub(super) const MOST: i32 = 255;
/// Most distinct weights for which sums are searched.
const DISTINCT: usize = 64;
/// Most numbers from which a basis is drawn.
const POOL: usize = 20;
/// Most values of which sets are tried as a basis with repeats.
const NEAR: usize = 8;
/// Most bases whose lines are counted.
const COUNTED: usize = 24;
/// Most lines that a source takes for one weight.
const MOST_LINES: u32 = 8;
/// The same for lines of one type.
pub(super) const REPEATS: u16 = MOST_LINES as u16;
/// Bases of which sums with repeats make many numbers from few lines.
const REPEATED: [Basis; 8] = [
    [1, 2, 4, -8],
    [1, -1, 4, -4],
    [1, -1, 7, -7],
    [1, -2, 6, -15],
    [1, 3, 9, -27],
    [1, -3, 12, -40],
    [1, 4, 16, -64],
    [1, -6, 31, -125],
];

/// Type weights; 0 where a type is not used.
pub(super) type Basis = [i32; TYPES];

/// Bases of small whole numbers whose sums are all numbers of a range, fewest lines first.
const RANGES: [(Basis, i32, i32); 10] = [
    ([1, 0, 0, 0], 0, 1),
    ([1, -1, 0, 0], -1, 1),
    ([1, -2, 0, 0], -2, 1),
    ([1, 2, 0, 0], 0, 3),
    ([1, 2, -3, 0], -3, 3),
    ([1, 2, -4, 0], -4, 3),
    ([1, 2, 4, 0], 0, 7),
    ([1, 2, 4, -7], -7, 7),
    ([1, 2, 4, -8], -8, 7),
    ([1, 2, 4, 8], 0, 15),
];

/// Ranges of a number of lines per source, for real weights of one sign or of both.
pub(super) fn ranges(lines: usize, one_sign: bool) -> Vec<(Basis, i32, i32)> {
    RANGES
        .into_iter()
        .filter(|(basis, low, _)| {
            basis.iter().filter(|b| **b != 0).count() == lines && (*low == 0) == one_sign
        })
        .collect()
}

/// How often each type is used by a weight: four bits a type. A type that is used twice takes two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uses(u16);

impl Uses {
    fn count(self, kind: usize) -> u16 {
        self.0 >> (4 * kind) & 15
    }

    /// Number of lines.
    pub(super) fn lines(self) -> u32 {
        (0..TYPES).map(|t| u32::from(self.count(t))).sum()
    }

    /// The larger use of each type.
    fn with(self, other: Uses) -> Uses {
        let most = |t| self.count(t).max(other.count(t)) << (4 * t);
        Uses((0..TYPES).map(most).sum())
    }

    /// Each line: its type, and which of the source's lines of this type it is.
    pub(super) fn each(self) -> impl Iterator<Item = (u8, u8)> {
        (0..TYPES).flat_map(move |t| (0..self.count(t)).map(move |r| (t as u8, r as u8)))
    }
}

/// What a weight takes with a basis: the fewest lines, then the lowest types.
pub(super) struct Sums(FxHashMap<i32, Uses>);

impl Sums {
    /// All sums of at most `repeats` weights of each type and `MOST_LINES` in all.
    pub(super) fn of(basis: &Basis, repeats: u16) -> Sums {
        let mut sums: FxHashMap<i32, Uses> = FxHashMap::default();
        let most = |t: usize| if basis[t] == 0 { 0 } else { repeats };
        for a in 0..=most(0) {
            for b in 0..=most(1) {
                for c in 0..=most(2) {
                    for d in 0..=most(3) {
                        let uses = Uses(a | b << 4 | c << 8 | d << 12);
                        if uses.lines() > MOST_LINES {
                            continue;
                        }
                        let sum = i32::from(a) * basis[0]
                            + i32::from(b) * basis[1]
                            + i32::from(c) * basis[2]
                            + i32::from(d) * basis[3];
                        let old = sums.entry(sum).or_insert(uses);
                        if (uses.lines(), uses.0) < (old.lines(), old.0) {
                            *old = uses;
                        }
                    }
                }
            }
        }
        Sums(sums)
    }

    /// What a weight takes; `None`: more than there may be.
    pub(super) fn get(&self, weight: i32) -> Option<Uses> {
        self.0.get(&weight).copied()
    }

    fn all(&self, values: &[i32]) -> bool {
        values.iter().all(|v| self.0.contains_key(v))
    }
}

/// Integer weights of all neurons, to be expressed exactly.
pub(super) struct Integers {
    /// Weights of each neuron: (what tells its lines apart, weight).
    pub(super) neurons: Vec<Vec<(u64, i32)>>,
}

/// A neuron whose weights no four type weights give.
#[derive(Debug, PartialEq)]
pub(super) struct NoBasis {
    pub(super) neuron: usize,
    pub(super) distinct: Vec<i32>,
}

impl Integers {
    /// The basis of every neuron with the fewest lines, taking all neurons to share a core: one pattern for the population,
    /// each neuron's a multiple of it by the common divisor of its weights; else one for each neuron.
    pub(super) fn exact(&self, repeats: bool) -> Result<Vec<Basis>, NoBasis> {
        let divisors: Vec<i32> = self
            .neurons
            .iter()
            .map(|n| n.iter().fold(0, |g, (_, w)| gcd(g, w.abs())).max(1))
            .collect();
        let ones = vec![1; divisors.len()];
        for by in [&divisors, &ones] {
            if let Some(bases) = self.common(by, repeats) {
                return Ok(bases);
            }
        }
        self.neurons
            .iter()
            .enumerate()
            .map(|(neuron, weights)| {
                let mut all: Vec<i32> = weights.iter().map(|(_, w)| *w).collect();
                all.sort_unstable();
                all.dedup();
                let found = match distinct(all.iter().copied()) {
                    Some(values) => bases_for(&values, MOST, repeats).into_iter().next(),
                    None => None,
                };
                found.map(|f| f.0).ok_or(NoBasis {
                    neuron,
                    distinct: all,
                })
            })
            .collect()
    }

    /// One basis for all, times `by` of each neuron.
    fn common(&self, by: &[i32], repeats: bool) -> Option<Vec<Basis>> {
        let scaled = || {
            let each = self.neurons.iter().zip(by);
            each.flat_map(|(n, g)| n.iter().map(move |(_, w)| w / g))
        };
        let values = distinct(scaled())?;
        let largest = by.iter().copied().max().unwrap_or(1);
        let found = bases_for(&values, MOST / largest.max(1), repeats);
        let best = found
            .into_iter()
            .take(COUNTED)
            .min_by_key(|(basis, sums)| {
                let types = basis.iter().filter(|b| **b != 0).count();
                (self.lines(sums, by), types)
            })?;
        Some(by.iter().map(|g| best.0.map(|b| b * g)).collect())
    }

    /// Lines that all neurons need if they share a core.
    fn lines(&self, sums: &Sums, by: &[i32]) -> u32 {
        let mut used: FxHashMap<u64, Uses> = FxHashMap::default();
        for (neuron, g) in self.neurons.iter().zip(by) {
            for (line, weight) in neuron {
                let uses = sums.get(weight / g).unwrap_or_default();
                let all = used.entry(*line).or_default();
                *all = all.with(uses);
            }
        }
        used.values().map(|uses| uses.lines()).sum()
    }
}

fn gcd(a: i32, b: i32) -> i32 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Distinct values, ascending, if there are few.
fn distinct(values: impl Iterator<Item = i32>) -> Option<Vec<i32>> {
    let mut seen: Vec<i32> = Vec::new();
    for value in values.filter(|v| *v != 0) {
        if let Err(at) = seen.binary_search(&value) {
            if seen.len() >= DISTINCT {
                return None;
            }
            seen.insert(at, value);
        }
    }
    Some(seen)
}

/// Bases with numbers up to `most` whose sums are all the values: the distinct values themselves, the ranges, what a bounded
/// search over values and their differences finds; and with repeats, if none of these. Fewest types first.
fn bases_for(values: &[i32], most: i32, repeats: bool) -> Vec<(Basis, Sums)> {
    let mut found: Vec<(Basis, Sums)> = Vec::new();
    let mut take = |basis: Basis, repeats: u16| {
        if basis.iter().any(|b| b.abs() > most) || found.iter().any(|f| f.0 == basis) {
            return;
        }
        let sums = Sums::of(&basis, repeats);
        if sums.all(values) {
            found.push((basis, sums));
        }
    };
    let mut own = [0; TYPES];
    for (place, value) in own.iter_mut().zip(values) {
        *place = *value;
    }
    if values.len() <= TYPES {
        take(own, 1);
    }
    for (basis, ..) in RANGES {
        take(basis, 1);
        take(basis.map(|b| -b), 1);
    }
    for basis in search(values) {
        take(basis, 1);
    }
    if found.is_empty() && repeats {
        // Weights that are sums of others' weights: take the smallest and the most common differences as they are.
        for basis in REPEATED {
            take_repeated(&mut found, basis, values, most);
            take_repeated(&mut found, basis.map(|b| -b), values, most);
        }
        for basis in subsets(values) {
            take_repeated(&mut found, basis, values, most);
        }
    }
    found.sort_by_key(|(basis, _)| basis.iter().filter(|b| **b != 0).count());
    found
}

/// Adds a basis if its sums with repeats are all the values.
fn take_repeated(found: &mut Vec<(Basis, Sums)>, basis: Basis, values: &[i32], most: i32) {
    let known = found.iter().any(|f| f.0 == basis);
    if known || found.len() >= COUNTED || basis.iter().any(|b| b.abs() > most) {
        return;
    }
    let sums = Sums::of(&basis, REPEATS);
    if sums.all(values) {
        found.push((basis, sums));
    }
}

/// Sets of up to four of the values nearest to 0.
fn subsets(values: &[i32]) -> Vec<Basis> {
    let mut near: Vec<i32> = values.iter().copied().filter(|v| v.abs() <= MOST).collect();
    near.sort_by_key(|v| (v.abs(), *v));
    near.truncate(NEAR);
    let n = near.len();
    let mut out = Vec::new();
    let at = |i: usize| near.get(i).copied().unwrap_or(0);
    for a in 0..n {
        for b in a + 1..n + 1 {
            for c in b + 1..n + 2 {
                for d in c + 1..n + 3 {
                    out.push([at(a), at(b), at(c), at(d)]);
                }
            }
        }
    }
    out
}

/// Sets of two to four numbers out of the values and their differences.
fn search(values: &[i32]) -> Vec<Basis> {
    let mut pool: Vec<i32> = values.to_vec();
    for (i, a) in values.iter().enumerate() {
        pool.extend(values[i + 1..].iter().flat_map(|b| [b - a, a - b]));
        if pool.len() > 4 * POOL {
            break;
        }
    }
    for v in values.iter().filter(|v| v.abs() > MOST) {
        pool.extend([MOST * v.signum(), v - MOST * v.signum()]);
    }
    pool.retain(|x| *x != 0 && x.abs() <= MOST);
    pool.sort_by_key(|x| (x.abs(), *x));
    pool.dedup();
    // The largest sums need large numbers; the smallest steps small ones.
    if pool.len() > POOL {
        let large = pool.split_off(pool.len() - POOL / 2);
        pool.truncate(POOL / 2);
        pool.extend(large);
    }
    let (low, high) = (
        values.iter().copied().min().unwrap_or(0).min(0),
        values.iter().copied().max().unwrap_or(0).max(0),
    );
    let mut found = Vec::new();
    let n = pool.len();
    let mut offer = |basis: Basis| {
        let plus: i32 = basis.iter().filter(|b| **b > 0).sum();
        let minus: i32 = basis.iter().filter(|b| **b < 0).sum();
        if plus >= high && minus <= low && found.len() < COUNTED && Sums::of(&basis, 1).all(values)
        {
            found.push(basis);
        }
    };
    for a in 0..n {
        for b in a + 1..n {
            offer([pool[a], pool[b], 0, 0]);
        }
    }
    for a in 0..n {
        for b in a + 1..n {
            for c in b + 1..n {
                offer([pool[a], pool[b], pool[c], 0]);
            }
        }
    }
    for a in 0..n {
        for b in a + 1..n {
            for c in b + 1..n {
                for d in c + 1..n {
                    offer([pool[a], pool[b], pool[c], pool[d]]);
                }
            }
        }
    }
    found
}

/// Real weights of a neuron on a range of whole steps.
pub(super) struct Steps {
    /// Weight of one step; negative: the range is mirrored.
    pub(super) step: f64,
    /// Sum of the squared errors.
    pub(super) error: f64,
}

/// Shares of the largest step that are tried: clipping a few weights can cost less than coarse steps.
const TRIED: usize = 48;

/// The step with the least squared error, mirrored or not.
pub(super) fn best_step(weights: &[f64], low: i32, high: i32) -> Steps {
    let (most, least) = weights
        .iter()
        .fold((0.0f64, 0.0f64), |(m, l), w| (m.max(*w), l.min(*w)));
    let none = Steps {
        step: 0.0,
        error: weights.iter().map(|w| w * w).sum(),
    };
    let mut best = none;
    for mirrored in [1.0, -1.0] {
        let (up, down) = if mirrored > 0.0 {
            (most, -least)
        } else {
            (-least, most)
        };
        let reach = |x: f64, k: i32| if k == 0 { 0.0 } else { x / f64::from(k.abs()) };
        let whole = reach(up, high).max(reach(down, low));
        for i in 0..TRIED {
            let mut step = mirrored * whole * (1.0 - 0.6 * i as f64 / TRIED as f64);
            if step == 0.0 || !step.is_finite() {
                continue;
            }
            // The steps chosen give a better unit: least squares.
            let (mut both, mut squares) = (0.0, 0.0);
            for w in weights {
                let k = f64::from(nearest(*w, step, low, high));
                both += w * k;
                squares += k * k;
            }
            if squares > 0.0 && both / squares * mirrored > 0.0 {
                step = both / squares;
            }
            let error: f64 = weights
                .iter()
                .map(|w| (w - step * f64::from(nearest(*w, step, low, high))).powi(2))
                .sum();
            if error < best.error * (1.0 - 1e-12) {
                best = Steps { step, error };
            }
        }
    }
    best
}

/// The number of steps nearest to a weight, within the range.
pub(super) fn nearest(weight: f64, step: f64, low: i32, high: i32) -> i32 {
    (weight / step)
        .round()
        .clamp(f64::from(low), f64::from(high)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(neurons: &[&[i32]]) -> Result<Vec<Basis>, NoBasis> {
        let neurons = neurons
            .iter()
            .map(|n| n.iter().enumerate().map(|(i, w)| (i as u64, *w)).collect())
            .collect();
        Integers { neurons }.exact(true)
    }

    #[test]
    fn all_four_bit_numbers_are_sums() {
        let sums = Sums::of(&[1, 2, 4, -8], 1);
        for w in -8..=7 {
            let uses = sums.get(w).expect("a sum");
            let bits: i32 = uses.each().map(|(t, _)| 1 << t).sum();
            assert_eq!(bits, w & 15, "{w}: two's complement");
        }
        assert_eq!(sums.get(8), None);
    }

    #[test]
    fn few_distinct_weights_take_one_line_each() {
        // One source, one weight each: four lines of their own, not bit planes.
        let bases = exact(&[&[13, -40, 200, 7]]).expect("four values");
        let sums = Sums::of(&bases[0], 1);
        for w in [13, -40, 200, 7] {
            assert_eq!(sums.get(w).map(Uses::lines), Some(1));
        }
        // Neurons that differ by a factor share a pattern.
        let bases = exact(&[&[3, -3, 6], &[50, 100, -50]]).expect("multiples");
        assert_eq!(bases[0].map(|b| b / 3), bases[1].map(|b| b / 50));
    }

    #[test]
    fn sums_of_four_numbers() {
        let all: Vec<i32> = (-8..8).collect();
        assert!(exact(&[&all]).is_ok());
        assert!(exact(&[&[5, 9, 14, 3, 8, 12, 17]]).is_ok(), "5, 9 and 3");
        assert!(exact(&[&[256]]).is_ok(), "255 and 1");
        // A type may take several lines.
        let bases = exact(&[&[1, 1], &[1, 10, 100, 117, 210]]).expect("lines of one type repeat");
        for w in [1, 10, 100, 117, 210] {
            let uses = Sums::of(&bases[1], 8).get(w).expect("a sum");
            let sum: i32 = uses.each().map(|(t, _)| bases[1][usize::from(t)]).sum();
            assert_eq!(sum, w);
        }
        let none = exact(&[&[1, 1], &[1, 2041]]).expect_err("beyond eight lines of 255");
        assert_eq!((none.neuron, none.distinct), (1, vec![1, 2041]));
    }

    #[test]
    fn steps_beat_the_largest_weight() {
        let weights = [0.1, 0.2, -0.15, 0.05, 0.12, -0.07, 3.0];
        let found = best_step(&weights, -8, 7);
        let plain = 3.0 / 7.0;
        let error: f64 = weights
            .iter()
            .map(|w| (w - plain * f64::from(nearest(*w, plain, -8, 7))).powi(2))
            .sum();
        assert!(found.error < error);
        // Weights on a grid are exact.
        let grid = best_step(&[-0.8, 0.7, 0.3], -8, 7);
        assert!(grid.error < 1e-20, "{}", grid.error);
    }
}
