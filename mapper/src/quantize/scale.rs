//! The integer scale of a population: how many integer units one model unit is.
//!
//! Invariant: with the scale returned the threshold, the starts and the bias fit their registers, and neither the
//! accumulator nor the membrane leaves its range under `ACTIVITY`. Numbers of the formats come from the chip file; the
//! constants below are choices of this mapper, explained where they stand.

use super::Formats;
use super::drive::fires_alone;
use super::params::{Column, Recurrence};

/// Share of sources assumed to spike in one step when the true worst case (all of them) is too pessimistic.
const ACTIVITY: f64 = 0.125;
/// Standard deviations on top of the mean under `ACTIVITY`.
const DEVIATIONS: f64 = 4.0;
/// Steps over which an integrator without leak is assumed to drift one way.
const HORIZON: f64 = 32.0;
/// Beyond this threshold (integer units) finer steps no longer change a spike: its rounding is below 2^-12 of it.
const ENOUGH: f64 = (1u64 << 18) as f64;
/// The same where neurons fire by their constant input alone: each spike of such a neuron adds the error of its bias to the next.
const ENOUGH_TO_RUN_FREE: f64 = (1u64 << 22) as f64;
/// Most distinct weights that are searched for a common unit.
const DISTINCT: usize = 512;
/// Halvings that bring the largest finite number below the smallest.
const HALVINGS: usize = 2200;

/// What the incoming weights of a population add up to, in model units of u or v (gains folded in).
#[derive(Clone, Debug, Default)]
pub(super) struct Fanin {
    /// Per projection: largest magnitude, and whether one sign occurs alone (one more bit of mantissa).
    pub(super) projections: Vec<(f64, bool)>,
    /// Largest sum of one sign at a neuron: all sources spike at once.
    pub(super) worst: f64,
    /// The same under `ACTIVITY`.
    pub(super) typical: f64,
    /// Mean and deviation of a step's sum under `ACTIVITY`, at the neuron where they are largest together.
    pub(super) mean: f64,
    pub(super) deviation: f64,
    /// Distinct weights, ascending, if there are few.
    pub(super) distinct: Option<Vec<f64>>,
}

/// Running sums of one population.
#[derive(Clone)]
pub(super) struct FaninSums {
    plus: Vec<f64>,
    minus: Vec<f64>,
    squares: Vec<f64>,
    projections: Vec<(f64, bool)>,
    distinct: Option<Vec<f64>>,
}

impl FaninSums {
    pub(super) fn new(neurons: u32) -> FaninSums {
        let zeros = vec![0.0; neurons as usize];
        FaninSums {
            plus: zeros.clone(),
            minus: zeros.clone(),
            squares: zeros,
            projections: Vec::new(),
            distinct: Some(Vec::new()),
        }
    }

    /// Adds a projection's synapses.
    pub(super) fn add(&mut self, targets: &[u32], weights: &[f32], gain: &Column) {
        let (mut most, mut negative, mut positive) = (0.0f64, false, false);
        for (&target, &weight) in targets.iter().zip(weights) {
            let n = target as usize;
            let x = f64::from(weight) * gain.get(n);
            if x > 0.0 {
                self.plus[n] += x;
                positive = true;
            } else {
                self.minus[n] -= x;
                negative |= x < 0.0;
            }
            self.squares[n] += x * x;
            most = if x.is_finite() {
                most.max(x.abs())
            } else {
                f64::INFINITY
            };
            self.note(x.abs());
        }
        self.projections.push((most, !(negative && positive)));
    }

    fn note(&mut self, x: f64) {
        let Some(list) = &mut self.distinct else {
            return;
        };
        if x == 0.0 || list.last() == Some(&x) {
            return;
        }
        if let Err(at) = list.binary_search_by(|y| y.total_cmp(&x)) {
            if list.len() >= DISTINCT {
                self.distinct = None;
            } else {
                list.insert(at, x);
            }
        }
    }

    pub(super) fn finish(self) -> Fanin {
        let mut fanin = Fanin {
            projections: self.projections,
            distinct: self.distinct,
            ..Fanin::default()
        };
        for ((&plus, &minus), &squares) in self.plus.iter().zip(&self.minus).zip(&self.squares) {
            fanin.worst = fanin.worst.max(plus).max(minus);
            let (mean, deviation) = (
                ACTIVITY * (plus - minus).abs(),
                DEVIATIONS * (ACTIVITY * squares).sqrt(),
            );
            if mean + deviation > fanin.typical {
                (fanin.typical, fanin.mean, fanin.deviation) = (mean + deviation, mean, deviation);
            }
        }
        fanin.typical = fanin.typical.min(fanin.worst);
        fanin
    }
}

/// Steps over which a factor per step remembers, at most `HORIZON`.
pub(super) fn memory(factor: &Column) -> f64 {
    factor.values().iter().fold(1.0f64, |most, a| {
        most.max(1.0 / (1.0 - a).max(1.0 / HORIZON))
    })
}

/// Largest values to be expected, per unit of scale.
struct Needs {
    input_worst: f64,
    input: f64,
    state: f64,
    threshold: f64,
    start: f64,
}

fn needs(r: &Recurrence, fanin: &Fanin) -> Needs {
    // Means add up over the steps that u and v remember, deviations as their square root.
    let (in_u, in_v) = (
        // An alpha synapse remembers twice.
        r.decay_u
            .as_ref()
            .map_or(1.0, |a| memory(a).powi(1 + i32::from(r.h_start.is_some()))),
        r.decay_v.as_ref().map_or(1.0, memory),
    );
    let sum = |steps: f64| fanin.mean * steps + fanin.deviation * steps.sqrt();
    let current = sum(in_u);
    let drift = sum(in_u * in_v) + r.bias.max_abs() * in_v;
    Needs {
        input_worst: fanin.worst,
        input: fanin.typical,
        state: drift.max(current),
        threshold: r
            .firing
            .as_ref()
            .map_or(0.0, |f| f.threshold.max_abs().max(f.v_reset.max_abs()))
            + r.noise.unwrap_or(0.0),
        start: r.u_start.max_abs().max(r.v_start.max_abs()),
    }
}

impl Needs {
    /// The need that no scale can meet because it is no finite number.
    fn not_finite(&self) -> Option<&'static str> {
        let all = [
            ("threshold", self.threshold),
            ("initial state", self.start),
            ("input of a step", self.input_worst + self.input),
            ("state under its inputs and its bias", self.state),
        ];
        let bad = all.into_iter().find(|(_, x)| !x.is_finite());
        bad.map(|(what, _)| what)
    }

    /// The largest scale that fits, halving; `share` of a scale as in `fit`.
    fn halve(&self, start: f64, formats: &Formats, share: impl Fn(f64) -> f64) -> Option<f64> {
        let mut scale = start;
        for _ in 0..HALVINGS {
            if !scale.is_normal() {
                return None;
            }
            if self.fit(scale, formats, share(scale)) {
                return Some(scale);
            }
            scale /= 2.0;
        }
        None
    }

    /// Whether a scale leaves room; `share` = part of each range that may be used, 1 or less.
    fn fit(&self, scale: f64, formats: &Formats, share: f64) -> bool {
        let accumulator = formats.accumulator_max;
        let input = if self.input_worst * scale <= accumulator {
            0.0
        } else {
            self.input * scale
        };
        input <= accumulator * share
            && self.state * scale <= formats.state_max * share
            && self.threshold * scale <= formats.threshold_max.min(formats.state_max) * share
            && self.start * scale <= formats.state_max * share
    }
}

/// Largest real number of which all values are whole multiples, if the multiples stay small.
pub(crate) fn common_unit(values: &[f64], most_multiple: f64) -> Option<f64> {
    let largest = *values.last()?;
    let mut unit = largest;
    for &value in values {
        let mut rest = value;
        while rest > largest * 1e-6 {
            (unit, rest) = (rest, unit - (unit / rest + 1e-6).floor() * rest);
            if unit < largest / (most_multiple + 0.5) {
                return None;
            }
        }
    }
    let whole = |x: &f64| (x / unit - (x / unit).round()).abs() < 1e-3;
    values
        .iter()
        .all(whole)
        .then(|| largest / (largest / unit).round())
}

/// Why a population has no scale.
const NO_SCALE: &str =
    "no scale brings its threshold, its inputs and its initial state into the chip's registers";

/// Integer units per model unit, and a warning if the chip's ranges forced fewer mantissa bits; or why there is no scale.
pub(super) fn choose(
    r: &Recurrence,
    fanin: &Fanin,
    formats: &Formats,
) -> Result<(f64, Option<String>), String> {
    let needs = needs(r, fanin);
    if let Some(what) = needs.not_finite() {
        return Err(format!(
            "its {what} is beyond the range of floating-point numbers"
        ));
    }
    let enough = if fires_alone(r) {
        ENOUGH_TO_RUN_FREE
    } else {
        ENOUGH
    };
    let unit = f64::from(1u32 << formats.weight_scale);
    let full = |single_sign: bool| f64::from(formats.mantissa_max(single_sign));
    // The projection with the largest weights uses its whole mantissa at exponent 0.
    let significant = fanin.projections.iter().filter(|(most, _)| *most > 0.0);
    let base = significant
        .map(|&(most, single)| full(single) * unit / most)
        .fold(f64::INFINITY, f64::min);
    if !base.is_finite() {
        let scale = without_weights(&needs, formats, unit, enough).ok_or(NO_SCALE)?;
        return Ok((scale, None));
    }
    let exact = exact_base(r, fanin, unit, full(false));
    let mut scale = exact.unwrap_or(base);
    if let Some(amplitude) = r.noise {
        // The noise mask is 2^b − 1: the largest scale not above at which the amplitude is a power of two.
        scale = (amplitude * scale).log2().floor().exp2() / amplitude;
    }
    let mut exponents = 0;
    while exponents < formats.exponent_max
        && needs.fit(scale * 2.0, formats, 0.5)
        && needs.threshold * scale * 2.0 <= enough
    {
        scale *= 2.0;
        exponents += 1;
    }
    let wanted = scale;
    let share = |scale| {
        if needs.fit(scale, formats, 1.0) {
            1.0
        } else {
            0.9
        }
    };
    scale = needs.halve(scale, formats, share).ok_or(NO_SCALE)?;
    if scale < wanted && exact.is_none() && r.noise.is_none() {
        // Between the two powers of two the ranges are used better.
        for step in (1..16).rev() {
            let finer = scale * (1.0 + f64::from(step) / 16.0);
            if needs.fit(finer, formats, 0.9) {
                scale = finer;
                break;
            }
        }
    }
    let used = scale / base;
    let warning = (exact.is_none() && used < 0.45)
        .then(|| format!("only about {:.1} of {} mantissa bits are used: the threshold or the sum of the inputs would leave its range", (full(false) * used).log2().max(0.0) + 1.0, formats.weight_bits));
    Ok((scale, warning))
}

/// How many times the accumulator's range all sources of one sign would fill, if they spiked at once and that is too much.
pub(super) fn overflow(fanin: &Fanin, scale: f64, formats: &Formats) -> Option<f64> {
    let share = fanin.worst * scale / formats.accumulator_max;
    (share > 1.0).then_some(share)
}

/// A scale at which every weight is a whole mantissa, and threshold and reset whole thresholds if possible.
fn exact_base(r: &Recurrence, fanin: &Fanin, unit: f64, mantissa_max: f64) -> Option<f64> {
    let distinct = fanin.distinct.as_ref()?;
    let step = common_unit(distinct, mantissa_max)?;
    let most = distinct.last()? / step;
    let firing = r.firing.as_ref()?;
    let whole = |factor: f64| {
        let on_grid = |x: &f64| {
            ((x * factor / step) - (x * factor / step).round()).abs()
                < 1e-6 * (1.0 + (x * factor / step).abs())
        };
        firing
            .threshold
            .values()
            .iter()
            .chain(firing.v_reset.values())
            .all(on_grid)
    };
    let largest = (mantissa_max / most).floor().max(1.0) as u32;
    let shifts = (0..4).map(|k| f64::from(1u32 << k));
    let factor = (1..=largest.min(16))
        .flat_map(|m| shifts.clone().map(move |s| f64::from(m) * s))
        .find(|f| whole(*f))
        .unwrap_or(1.0);
    Some(unit / step * factor)
}

/// A population without real weights: the threshold, or else the state, sets the scale.
fn without_weights(needs: &Needs, formats: &Formats, unit: f64, enough: f64) -> Option<f64> {
    let largest = needs.threshold.max(needs.state).max(needs.start);
    if largest <= 0.0 {
        return Some(unit);
    }
    let scale = (enough / largest).log2().floor().exp2();
    needs.halve(scale, formats, |_| 0.5)
}

#[cfg(test)]
mod tests {
    use super::common_unit;

    #[test]
    fn common_units() {
        let check = |values: &[f64], expect: Option<f64>| {
            let got = common_unit(values, 127.0);
            assert!(
                match (got, expect) {
                    (Some(a), Some(b)) => (a - b).abs() < 1e-6 * b,
                    (a, b) => a == b,
                },
                "{values:?}: {got:?}, expected {expect:?}"
            );
        };
        check(&[1.0], Some(1.0));
        check(&[0.25, 0.5, 1.5], Some(0.25));
        check(&[0.2, 0.3], Some(0.1));
        check(&[1.0 / 3.0, 1.0], Some(1.0 / 3.0));
        check(&[0.001, 1.0], None);
        check(&[0.7310585, 0.8807970, 0.9525741], None);
    }
}
