//! Real weights to mantissas under a shared exponent; chip weights to the mantissa and exponent that give them exactly.
//!
//! Invariant: every mantissa lies in the range of its stored width, and no width or exponent is larger than needed.

use super::Formats;
use super::params::Column;
use crate::error::{MapError, short};
use crate::report::ProjectionReport;
use isa::image::WeightSign;
use network::lowered::{Projection, Synapses, WeightUnit};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Errors below this share of the power are those of the float arithmetic itself.
const NOTHING: f64 = 1e-24;

/// A projection in mantissas, before its delays are split over relays.
#[derive(Clone, Debug)]
pub(super) struct Mantissas {
    pub(super) sign: WeightSign,
    pub(super) weight_bits: u8,
    pub(super) exponent: i8,
    pub(super) row_start: Vec<u32>,
    pub(super) targets: Vec<u32>,
    pub(super) mantissas: Vec<i16>,
    /// Steps beyond `align`; empty: none.
    pub(super) delays: Vec<u16>,
    pub(super) dense: bool,
}

/// How integers or reals become mantissas.
pub(super) enum Rule<'a> {
    /// Mantissa = round(weight · gain · factor).
    Real { gain: &'a Column, factor: f64 },
    /// The weight is the integer that reaches the accumulator.
    Effective,
    /// The weight is the mantissa.
    Mantissa { exponent: i8 },
}

impl<'a> Rule<'a> {
    pub(super) fn of(
        unit: WeightUnit,
        gain: &'a Column,
        scale: f64,
        formats: &Formats,
    ) -> Rule<'a> {
        match unit {
            WeightUnit::Model => Rule::Real {
                gain,
                factor: scale / f64::from(1u32 << formats.weight_scale),
            },
            WeightUnit::Effective => Rule::Effective,
            WeightUnit::Mantissa { exponent } => Rule::Mantissa { exponent },
        }
    }
}

/// Quantises the weights of a projection, sorts its rows and drops what became 0.
pub(super) fn quantize(
    projection: &Projection,
    neurons: u32,
    rule: &Rule<'_>,
    formats: &Formats,
    threads: usize,
) -> Result<(Mantissas, ProjectionReport), MapError> {
    let synapses = &projection.synapses;
    let value = |i: usize| match rule {
        Rule::Real { gain, factor } => {
            f64::from(synapses.weight[i]) * gain.get(synapses.target[i] as usize) * factor
        }
        _ => f64::from(synapses.weight[i]),
    };
    let (mut least, mut most) = (0.0f64, 0.0f64);
    for i in 0..synapses.weight.len() {
        let x = value(i);
        least = least.min(x);
        most = most.max(x);
    }
    let sign = if least >= 0.0 {
        WeightSign::Excitatory
    } else if most <= 0.0 {
        WeightSign::Inhibitory
    } else {
        WeightSign::Signed
    };
    let range = formats.range(sign, formats.weight_bits);
    let fits = |x: f64| x >= f64::from(range.0) && x <= f64::from(range.1);
    // What fits in place of a weight: `unit` turns it into a mantissa.
    let nearest = |i: usize, unit: f64| {
        let m = (value(i) / unit).round();
        let m = m.clamp(f64::from(range.0), f64::from(range.1));
        format!("the nearest that fits is {}", short(m * unit))
    };
    let refuse = |i: usize, why: String, nearest: String| MapError::Weight {
        path: projection.path.clone(),
        source_element: synapses.row_start.partition_point(|s| *s as usize <= i) as u32 - 1,
        target: synapses.target[i],
        weight: f64::from(synapses.weight[i]),
        why,
        scale: formats.weight_scale,
        bits: formats.weight_bits,
        exponent: formats.exponent_max,
        nearest: nearest.into(),
    };
    let first = |bad: &dyn Fn(f64) -> bool| {
        (0..synapses.weight.len())
            .find(|&i| bad(value(i)))
            .unwrap_or(0)
    };

    // Divisor that turns a value into a mantissa.
    let (mut exponent, unit) = match rule {
        Rule::Real { .. } => {
            let exponent = (0..=formats.exponent_max).find(|e| {
                fits((least / f64::from(1u32 << e)).round())
                    && fits((most / f64::from(1u32 << e)).round())
            });
            let largest = f64::from(1u32 << formats.exponent_max);
            let exponent = exponent.ok_or_else(|| {
                refuse(
                    first(&|x| !fits((x / largest).round())),
                    "is too large for the population's scale".into(),
                    "make weights of the population more alike".into(),
                )
            })?;
            (exponent, f64::from(1u32 << exponent))
        }
        Rule::Effective => {
            let most_units = 2f64.powi(30);
            let step = f64::from(1u32 << formats.weight_scale);
            let largest = step * f64::from(1u32 << formats.exponent_max);
            if let Some(i) = (0..synapses.weight.len()).find(|&i| value(i).abs() > most_units) {
                return Err(refuse(i, "is too large".into(), nearest(i, largest)));
            }
            if let Some(i) = (0..synapses.weight.len()).find(|&i| value(i).fract() != 0.0) {
                let why = "is not a whole number of chip units".into();
                return Err(refuse(i, why, nearest(i, step)));
            }
            let exponent = (0..=formats.exponent_max).find(|e| {
                fits(least / step / f64::from(1u32 << e))
                    && fits(most / step / f64::from(1u32 << e))
            });
            let exponent = exponent.ok_or_else(|| {
                let i = first(&|x| !fits(x / largest));
                refuse(i, "is too large".into(), nearest(i, largest))
            })?;
            let unit = step * f64::from(1u32 << exponent);
            if let Some(i) = (0..synapses.weight.len()).find(|&i| (value(i) / unit).fract() != 0.0)
            {
                let why = format!(
                    "is not a multiple of {unit}, which the largest weight of the projection ({}) asks for",
                    short(if -least > most { least } else { most })
                );
                return Err(refuse(i, why, nearest(i, unit)));
            }
            (exponent, unit)
        }
        Rule::Mantissa { exponent } => {
            let exponent = i32::from(*exponent);
            if exponent < 0 || exponent > formats.exponent_max {
                let fits = exponent.clamp(0, formats.exponent_max);
                let nearest = format!("the nearest that fits is exponent = {fits}");
                return Err(refuse(0, format!("has exponent {exponent}"), nearest));
            }
            if let Some(i) = (0..synapses.weight.len()).find(|&i| !fits(value(i))) {
                return Err(refuse(
                    i,
                    format!("is no mantissa in {}..={}", range.0, range.1),
                    nearest(i, 1.0),
                ));
            }
            if let Some(i) = (0..synapses.weight.len()).find(|&i| value(i).fract() != 0.0) {
                let why = "is not a whole number".into();
                return Err(refuse(i, why, nearest(i, 1.0)));
            }
            (exponent, 1.0)
        }
    };

    let rows = synapses.row_start.len() - 1;
    let full = neurons > 1
        && (0..rows).all(|r| {
            is_full_row(
                &synapses.target
                    [synapses.row_start[r] as usize..synapses.row_start[r + 1] as usize],
                neurons,
            )
        });
    let (mut zeros, mut nonzero_bits, mut low, mut high) = (0u64, 0u16, 0i32, 0i32);
    let mut largest = 0.0f32;
    for i in 0..synapses.weight.len() {
        let m = (value(i) / unit).round() as i32;
        zeros += u64::from(m == 0);
        largest = largest.max(synapses.weight[i].abs());
        nonzero_bits |= m.unsigned_abs() as u16;
        (low, high) = (low.min(m), high.max(m));
    }
    // A common factor of two belongs to the exponent: fewer bits to store.
    let spare = (formats.exponent_max - exponent).max(0) as u32;
    let shift = if matches!(rule, Rule::Mantissa { .. }) || nonzero_bits == 0 {
        0
    } else {
        nonzero_bits.trailing_zeros().min(spare)
    };
    exponent += shift as i32;
    (low, high) = (low >> shift, high >> shift);
    let weight_bits = formats.narrowest(sign, low, high);
    // Zeros are kept where rows stay full and that costs less than indices, and where the user wrote chip integers.
    let dense = full && zeros * 2 <= synapses.weight.len() as u64;
    let keep_zeros = dense || !matches!(rule, Rule::Real { .. });

    let kept = if keep_zeros {
        synapses.weight.len()
    } else {
        synapses.weight.len() - zeros as usize
    };
    let mut out = Mantissas {
        sign,
        weight_bits,
        exponent: exponent as i8,
        row_start: Vec::with_capacity(rows + 1),
        targets: Vec::with_capacity(kept),
        mantissas: Vec::with_capacity(kept),
        delays: Vec::with_capacity(if synapses.delay.is_empty() { 0 } else { kept }),
        dense,
    };
    out.row_start.push(0);
    let rounding = Rounding {
        synapses,
        unit,
        shift,
        keep_zeros,
    };
    let (mut largest_error, mut squared_error, mut squared) = (0.0f64, 0.0f64, 0.0f64);
    let (mut nonzero, mut lost, mut sum, mut lost_sum) = (0u64, 0u64, 0.0f64, 0.0f64);
    for part in rounding.all(&value, threads) {
        let before = out.targets.len() as u32;
        out.row_start
            .extend(part.row_ends.iter().map(|end| before + end));
        out.targets.extend(part.targets);
        out.mantissas.extend(part.mantissas);
        out.delays.extend(part.delays);
        largest_error = largest_error.max(part.largest_error);
        squared_error += part.squared_error;
        squared += part.squared;
        nonzero += part.nonzero;
        lost += part.lost;
        sum += part.sum;
        lost_sum += part.lost_sum;
    }
    let count = synapses.weight.len() as f64;
    let to_model = match rule {
        Rule::Real { factor, .. } => unit / factor,
        _ => unit,
    };
    let report = ProjectionReport {
        path: projection.path.clone(),
        synapses: out.targets.len() as u64,
        weight_bits,
        exponent: out.exponent,
        max_abs_error: largest_error * to_model,
        rms_error: (squared_error / count.max(1.0)).sqrt() * to_model,
        snr_db: (squared_error > squared * NOTHING)
            .then(|| 10.0 * (squared / squared_error).log10()),
        nonzero,
        zeros: lost,
        zeros_share: if lost == 0 { 0.0 } else { lost_sum / sum },
        largest: largest.into(),
        dropped: if keep_zeros { 0 } else { zeros },
        dense,
    };
    Ok((out, report))
}

/// Synapses of a part, about: enough that handing it to a thread pays. Parts do not depend on the number of threads, so
/// neither do the sums over them.
const PART_SYNAPSES: u32 = 1 << 16;

/// How the values of a projection are rounded and sorted, part by part.
struct Rounding<'a> {
    synapses: &'a Synapses,
    /// Divisor that turns a value into a mantissa.
    unit: f64,
    /// Then to the right by this.
    shift: u32,
    keep_zeros: bool,
}

/// Some rows, rounded and sorted.
#[derive(Default)]
struct Part {
    /// End of each row, counted from the part's first synapse.
    row_ends: Vec<u32>,
    targets: Vec<u32>,
    mantissas: Vec<i16>,
    delays: Vec<u16>,
    largest_error: f64,
    squared_error: f64,
    squared: f64,
    /// Weights that are not 0, and of these those that became it: how many, and their magnitudes.
    nonzero: u64,
    lost: u64,
    sum: f64,
    lost_sum: f64,
}

impl Rounding<'_> {
    /// All parts, in order.
    fn all(&self, value: &(impl Fn(usize) -> f64 + Sync), threads: usize) -> Vec<Part> {
        let parts = self.parts();
        let slots: Vec<Mutex<Part>> = parts.iter().map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(rows) = {
                let index = next.fetch_add(1, Ordering::Relaxed);
                parts.get(index).map(|rows| (index, rows.clone()))
            } {
                let done = self.part(value, rows.1);
                *slots[rows.0].lock().unwrap_or_else(PoisonError::into_inner) = done;
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads.min(parts.len()) {
                scope.spawn(work);
            }
            work();
        });
        slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect()
    }

    /// Ranges of rows.
    fn parts(&self) -> Vec<Range<usize>> {
        let starts = &self.synapses.row_start;
        let rows = starts.len() - 1;
        let mut parts = Vec::new();
        let mut from = 0;
        while from < rows {
            let end = starts[from].saturating_add(PART_SYNAPSES);
            let to = starts
                .partition_point(|&s| s <= end)
                .clamp(from + 2, rows + 1)
                - 1;
            parts.push(from..to);
            from = to;
        }
        parts
    }

    fn part(&self, value: &impl Fn(usize) -> f64, rows: Range<usize>) -> Part {
        let synapses = self.synapses;
        let mut out = Part::default();
        // Target above place: sorting whole keys keeps duplicates in order.
        let mut order: Vec<u64> = Vec::new();
        for row in rows {
            let places = synapses.row_start[row]..synapses.row_start[row + 1];
            order.clear();
            order.extend(
                places.map(|i| u64::from(synapses.target[i as usize]) << 32 | u64::from(i)),
            );
            if !order.is_sorted() {
                order.sort_unstable();
            }
            for &key in &order {
                let i = (key & u64::from(u32::MAX)) as usize;
                let x = value(i) / self.unit;
                let m = x.round() as i32;
                let error = (x - f64::from(m)).abs();
                out.largest_error = out.largest_error.max(error);
                out.squared_error += error * error;
                out.squared += x * x;
                out.nonzero += u64::from(x != 0.0);
                out.sum += x.abs();
                if m == 0 && x != 0.0 {
                    out.lost += 1;
                    out.lost_sum += x.abs();
                }
                if m != 0 || self.keep_zeros {
                    out.targets.push(synapses.target[i]);
                    out.mantissas.push((m >> self.shift) as i16);
                    if let Some(&delay) = synapses.delay.get(i) {
                        out.delays.push(delay);
                    }
                }
            }
            out.row_ends.push(out.targets.len() as u32);
        }
        out
    }
}

fn is_full_row(targets: &[u32], neurons: u32) -> bool {
    targets.len() == neurons as usize && targets.iter().enumerate().all(|(i, t)| i as u32 == *t)
}
