//! Integer units of each neuron: weights on at most four type weights, thresholds and leaks in their registers.
//!
//! Invariant: with the units chosen here every weight is a sum of its neuron's type weights, and threshold and leak of
//! every form that the neuron may take fit the chip. A firing neuron has units of its own, for nothing but its own
//! threshold is compared with its v; neurons that are read share theirs.

use super::basis::{self, Basis, Integers, MOST, NoBasis, Sums, TYPES, Uses, best_step, nearest};
use super::fanin::Fanin;
use crate::quantize::common_unit;

/// Units of a neuron whose weights ask for none.
const UNITS: f64 = 64.0;
/// Largest whole number that is taken for a weight.
const LARGEST: f64 = 32_767.0;
/// Most distinct weights that are searched for a common unit.
const DISTINCT: usize = 64;

/// Registers and lines of a chip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranges {
    /// Largest threshold and floor.
    pub(super) threshold: f64,
    /// Input axons of a core.
    pub(super) lines: usize,
}

impl Ranges {
    pub(super) fn of(chip: &isa::ChipSpec) -> Ranges {
        let bits = chip.limits.threshold_bits.min(18);
        Ranges {
            threshold: f64::from(bits).exp2() - 1.0,
            lines: chip.limits.input_axons as usize,
        }
    }
}

/// What a neuron's registers must hold, in model units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Needs {
    /// Threshold or largest value.
    pub(super) threshold: f64,
    /// Largest leak.
    pub(super) leak: f64,
    /// Values that should be whole numbers of units where the weights are.
    pub(super) whole: [f64; 4],
}

impl Needs {
    /// Most units per model unit.
    fn most(&self, ranges: &Ranges) -> f64 {
        (ranges.threshold / self.threshold).min(f64::from(MOST) / self.leak)
    }
}

/// Integer weights of a population.
#[derive(Debug)]
pub(super) struct Weights {
    /// By synapse of the fan-in.
    pub(super) integers: Vec<i32>,
    /// Lines whose type weights add up to it.
    pub(super) uses: Vec<Uses>,
    /// Type weights of each neuron.
    pub(super) bases: Vec<Basis>,
    /// Units per model unit of each neuron.
    pub(super) scales: Vec<f64>,
    /// The weights are the network's, not rounded.
    pub(super) exact: bool,
    /// Lines that one source takes at most.
    pub(super) lines: u32,
}

/// Why there are no such weights.
pub(super) enum NoWeights {
    /// A weight that was given in chip units is no whole number.
    NotWhole { at: usize },
    /// Given weights that no four numbers give.
    NoBasis(NoBasis),
    /// A neuron has more sources than a core has lines.
    Lines {
        neuron: usize,
        need: usize,
        sources: usize,
    },
}

impl Weights {
    fn new(
        fanin: &Fanin,
        bases: Vec<Basis>,
        scales: Vec<f64>,
        exact: bool,
        integers: Vec<i32>,
    ) -> Weights {
        let mut uses = vec![Uses::default(); integers.len()];
        let mut lines = 0;
        // Of the last basis: what its weights take, and what those take that this has not.
        let mut known: Option<(Basis, Sums, Option<Sums>)> = None;
        for (j, basis) in bases.iter().enumerate() {
            if known.as_ref().is_none_or(|k| k.0 != *basis) {
                // Repeats only where single lines do not do: they would hide that a basis was chosen for single ones.
                let single = Sums::of(basis, 1);
                let enough = fanin.range(j).all(|i| single.get(integers[i]).is_some());
                let sums = if enough {
                    single
                } else {
                    Sums::of(basis, basis::REPEATS)
                };
                known = Some((*basis, sums, None));
            }
            let (_, sums, more) = known.as_mut().expect("just set");
            for i in fanin.range(j) {
                uses[i] = sums.get(integers[i]).unwrap_or_else(|| {
                    more.get_or_insert_with(|| Sums::of(basis, basis::REPEATS))
                        .get(integers[i])
                        .expect("the basis was made for it")
                });
                lines = lines.max(uses[i].lines());
            }
        }
        Weights {
            integers,
            uses,
            bases,
            scales,
            exact,
            lines,
        }
    }

    /// Weights given in chip units.
    pub(super) fn given(fanin: &Fanin) -> Result<Weights, NoWeights> {
        let bad = |w: f64| w.fract() != 0.0 || w.abs() > LARGEST;
        if let Some(at) = fanin.list.iter().position(|s| bad(s.weight)) {
            return Err(NoWeights::NotWhole { at });
        }
        let integers: Vec<i32> = fanin.list.iter().map(|s| s.weight as i32).collect();
        let bases = patterns(fanin, &integers, true).map_err(NoWeights::NoBasis)?;
        let scales = vec![1.0; fanin.neurons()];
        Ok(Weights::new(fanin, bases, scales, true, integers))
    }

    /// Real weights; `shared`: all neurons have the same units.
    pub(super) fn real(
        fanin: &Fanin,
        needs: &[Needs],
        shared: bool,
        ranges: &Ranges,
    ) -> Result<Weights, NoWeights> {
        if let Some(exact) = on_grid(fanin, needs, shared, ranges) {
            return Ok(exact);
        }
        let (sources, neuron) = fanin.widest();
        let lines = match sources {
            0 => TYPES,
            n => (ranges.lines / n).min(TYPES),
        };
        let one_sign =
            fanin.list.iter().all(|s| s.weight > 0.0) || fanin.list.iter().all(|s| s.weight < 0.0);
        let mut best: Option<(f64, Basis, Vec<f64>, i32, i32)> = None;
        for (basis, low, high) in basis::ranges(lines, one_sign) {
            let mut steps = Vec::with_capacity(fanin.neurons());
            let mut error = 0.0;
            for j in 0..fanin.neurons() {
                let weights: Vec<f64> = fanin.of(j).iter().map(|s| s.weight).collect();
                let found = best_step(&weights, low, high);
                error += found.error;
                steps.push(found.step);
            }
            if best.as_ref().is_none_or(|b| error < b.0) {
                best = Some((error, basis, steps, low, high));
            }
        }
        let Some((_, basis, steps, low, high)) = best else {
            // No line, or one line for weights of both signs.
            let need = sources * if lines == 0 { 1 } else { 2 };
            return Err(NoWeights::Lines {
                neuron,
                need,
                sources,
            });
        };
        Ok(on_steps(
            fanin, needs, shared, ranges, basis, steps, low, high,
        ))
    }
}

/// The cheapest exact bases of integer weights.
fn patterns(fanin: &Fanin, integers: &[i32], repeats: bool) -> Result<Vec<Basis>, NoBasis> {
    let neurons = (0..fanin.neurons()).map(|j| {
        let mine = fanin.range(j).map(|i| {
            let s = &fanin.list[i];
            (u64::from(s.source) << 32 | u64::from(s.delay), integers[i])
        });
        mine.collect()
    });
    Integers {
        neurons: neurons.collect(),
    }
    .exact(repeats)
}

fn is_whole(x: f64) -> bool {
    (x - x.round()).abs() < 1e-6 * (1.0 + x.abs())
}

/// Real weights that are small multiples of one unit, exactly.
fn on_grid(fanin: &Fanin, needs: &[Needs], shared: bool, ranges: &Ranges) -> Option<Weights> {
    let mut distinct: Vec<f64> = Vec::new();
    for s in &fanin.list {
        let x = s.weight.abs();
        if let Err(at) = distinct.binary_search_by(|y| y.total_cmp(&x)) {
            if distinct.len() >= DISTINCT {
                return None;
            }
            distinct.insert(at, x);
        }
    }
    let unit = common_unit(&distinct, f64::from(MOST))?;
    let integers: Vec<i32> = fanin
        .list
        .iter()
        .map(|s| (s.weight / unit).round() as i32)
        .collect();
    let bases = patterns(fanin, &integers, false).ok()?;
    let uses = Weights::new(fanin, bases.clone(), Vec::new(), true, integers.clone()).uses;
    let lines = |j: usize| {
        fanin
            .range(j)
            .map(|i| uses[i].lines() as usize)
            .sum::<usize>()
    };
    if (0..fanin.neurons()).any(|j| lines(j) > ranges.lines) {
        return None;
    }
    // Finer units where the registers have room, so that thresholds and leaks are whole too.
    let factor = |j: usize| -> Option<u32> {
        let largest = bases[j].iter().map(|b| b.abs()).max().unwrap_or(0).max(1);
        let most = f64::from(MOST / largest)
            .min(needs[j].most(ranges) * unit)
            .floor();
        if most < 1.0 {
            return None;
        }
        let most = most as u32;
        let whole = |f: &u32| {
            let scale = f64::from(*f) / unit;
            needs[j].whole.iter().all(|x| is_whole(x * scale))
        };
        Some((1..=most).rev().find(whole).unwrap_or(most))
    };
    let mut factors = (0..fanin.neurons())
        .map(factor)
        .collect::<Option<Vec<u32>>>()?;
    if shared {
        let least = factors.iter().copied().min().unwrap_or(1);
        factors = vec![least; factors.len()];
    }
    let mut finer = integers;
    let mut scaled = bases;
    for j in 0..fanin.neurons() {
        fanin.range(j).for_each(|i| finer[i] *= factors[j] as i32);
        scaled[j] = scaled[j].map(|b| b * factors[j] as i32);
    }
    let scales = factors.iter().map(|f| f64::from(*f) / unit).collect();
    Some(Weights::new(fanin, scaled, scales, true, finer))
}

/// Rounds weights to steps of each neuron's own size, as many units as its registers allow.
#[expect(
    clippy::too_many_arguments,
    reason = "the end of one function, apart for its length"
)]
fn on_steps(
    fanin: &Fanin,
    needs: &[Needs],
    shared: bool,
    ranges: &Ranges,
    basis: Basis,
    steps: Vec<f64>,
    low: i32,
    high: i32,
) -> Weights {
    let largest = basis.iter().map(|b| b.abs()).max().unwrap_or(1).max(1);
    let multiples = f64::from(MOST / largest);
    let mut scales: Vec<f64> = steps
        .iter()
        .zip(needs)
        .map(|(step, n)| {
            let most = n.most(ranges);
            match step.abs() {
                0.0 if most.is_finite() => most.min(UNITS / n.threshold.max(n.leak)),
                0.0 => UNITS,
                // A whole number of units a step; one where the registers have no room for more: then the step grows.
                step if most * step < 1.0 => most,
                step => (most * step).min(multiples).floor() / step,
            }
        })
        .collect();
    if shared {
        let used = steps.iter().zip(&scales).filter(|(step, _)| **step != 0.0);
        let least = used.map(|(_, s)| *s).fold(f64::INFINITY, f64::min);
        let all = scales.iter().copied().fold(f64::INFINITY, f64::min);
        scales.fill(if least.is_finite() { least } else { all });
    }
    let mut integers = vec![0; fanin.list.len()];
    let mut bases = Vec::with_capacity(fanin.neurons());
    for j in 0..fanin.neurons() {
        let (step, scale) = (steps[j], scales[j]);
        let units = (step.abs() * scale).round().clamp(1.0, multiples) as i32;
        let sign = if step < 0.0 { -1 } else { 1 };
        let unit = f64::from(sign * units) / scale;
        for i in fanin.range(j) {
            let k = if step == 0.0 {
                0
            } else {
                nearest(fanin.list[i].weight, unit, low, high)
            };
            integers[i] = sign * units * k;
        }
        bases.push(basis.map(|b| b * sign * units));
    }
    Weights::new(fanin, bases, scales, false, integers)
}
