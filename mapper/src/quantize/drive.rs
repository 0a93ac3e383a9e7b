//! The constant input of leaky neurons (bias, leak potential) at a decay that was rounded.
//!
//! A leak rounded to 12 bits moves the value that v tends to, and with it the period of a neuron that fires by its constant
//! input alone; the nearer that value is to the threshold, the more. The input itself has many more bits, so it makes up for it.
//!
//! Invariant: where the decay is exact nothing changes. Under a constant b, v(n) = end + (v(0) − end)·aⁿ with end = b / (1 − a);
//! everything here solves this for n or for b.

use super::DECAY_ONE;
use super::params::{Column, Recurrence};
use crate::error::short;
use network::lowered::Reset;

/// Longest period that is counted in the kernel's integers; the rounding of the closed form is small against longer ones.
const LONGEST: u32 = 2048;
/// Units by which the integer bias is moved to meet a period.
const NUDGES: i64 = 4;
/// Shares of a step that count as none.
const NOTHING: f64 = 1e-9;

/// How v runs from reset to threshold: factor per step, and both values. Without a reset it never gets there.
#[derive(Clone, Copy, Debug)]
struct Leak {
    factor: f64,
    reset: f64,
    threshold: f64,
}

impl Leak {
    /// Steps from reset to threshold, if the drive alone brings v over it.
    fn steps(&self, drive: f64) -> Option<f64> {
        let end = drive / (1.0 - self.factor);
        let over = self.reset < self.threshold && self.threshold < end && end.is_finite();
        let ratio = (end - self.reset) / (end - self.threshold);
        (over && self.factor > 0.0).then(|| ratio.ln() / -self.factor.ln())
    }

    /// The drive that takes so many steps.
    fn drive(&self, steps: f64) -> f64 {
        if self.factor == 1.0 {
            return (self.threshold - self.reset) / steps;
        }
        let left = self.factor.powf(steps);
        (self.threshold - self.reset * left) / (1.0 - left) * (1.0 - self.factor)
    }

    /// The law of the kernels `lif` and `cubalif` (u at rest) in their integers: steps to the threshold, at most `most`.
    fn count(&self, bias: i64, ge: bool, most: u32) -> u32 {
        let decay = (self.factor * DECAY_ONE) as i64;
        let theta = self.threshold as i64 + i64::from(!ge);
        let mut v = self.reset as i64;
        for step in 1..most {
            v = v * decay / DECAY_ONE as i64 + bias;
            if v >= theta {
                return step;
            }
        }
        most
    }
}

/// Leaks of a population's neurons as the model has them; v is compared with the threshold in the middle of its noise.
fn leak(r: &Recurrence, factor: f64, threshold: f64, reset: f64) -> Leak {
    let kind = r.firing.as_ref().map_or(Reset::None, |f| f.reset);
    Leak {
        factor,
        reset: match kind {
            Reset::Hard => reset,
            // What v has above the threshold it keeps; a whole period later that is the same on average.
            Reset::Subtract => 0.0,
            Reset::None => f64::INFINITY,
        },
        threshold: threshold + r.noise.unwrap_or(0.0) / 2.0,
    }
}

/// Whether some leaky neuron fires by its constant input alone.
pub(super) fn fires_alone(r: &Recurrence) -> bool {
    let (Some(firing), Some(factor)) = (&r.firing, &r.decay_v) else {
        return false;
    };
    let columns = [factor, &firing.threshold, &firing.v_reset, &r.bias];
    let steps = Column::zip(&columns, |x| {
        let steps = leak(r, x[0], x[1], x[2]).steps(x[3]);
        f64::from(u8::from(steps.is_some()))
    });
    !steps.is_zero()
}

/// A drive in integers.
pub(super) struct Drive {
    /// Model units per step, before it is made whole.
    pub(super) bias: Column,
    pub(super) integer: Column,
    pub(super) assumption: Option<String>,
}

/// The integer bias of a population whose other `constants` are whole already: at the rounded decay it keeps the time from reset to threshold where the drive alone
/// brings v over it, and elsewhere the value that v tends to. Integrators keep theirs.
pub(super) fn drive(
    r: &Recurrence,
    name: &str,
    scale: f64,
    constants: &[(String, Column)],
) -> Drive {
    let constant = |name: &str| constants.iter().find(|c| c.0 == name).map(|c| &c.1);
    let decay = constant("DECAY").or(constant("DECAY_V"));
    let rounded = (decay, constant("THETA"), constant("RESET_V"));
    let (Some(firing), Some(factor), (Some(decay), Some(theta), Some(reset))) =
        (&r.firing, &r.decay_v, rounded)
    else {
        return Drive {
            bias: r.bias.clone(),
            integer: Column::zip(&[&r.bias], |x| (x[0] * scale).round()),
            assumption: None,
        };
    };
    // Of each neuron: the factor, threshold, reset value, bias; the same three in integers.
    let of = [
        factor,
        &firing.threshold,
        &firing.v_reset,
        &r.bias,
        decay,
        theta,
        reset,
    ];
    let model = |x: &[f64]| leak(r, x[0], x[1], x[2]);
    let chip = |x: &[f64]| leak(r, x[4] / DECAY_ONE, x[5] / scale, x[6] / scale);
    let bias = Column::zip(&of, |x| {
        let (model, chip) = (model(x), chip(x));
        let rate = 1.0 - chip.factor;
        if (model.factor - chip.factor).abs() < NOTHING {
            return x[3];
        }
        match model.steps(x[3]) {
            Some(steps) => chip.drive(steps),
            // A leak that was rounded away tends to nothing; the first steps stay as they are.
            None if rate == 0.0 => x[3],
            None => x[3] / (1.0 - model.factor) * rate,
        }
    });
    let counted = firing.reset == Reset::Hard && r.noise.is_none();
    let columns: Vec<&Column> = of.into_iter().chain([&bias]).collect();
    let integer = Column::zip(&columns, |x| {
        let closed = (x[7] * scale).round();
        match model(x).steps(x[3]) {
            Some(steps) if counted && x[7] != x[3] => {
                // At exactly the threshold only GE fires.
                let wanted = if firing.ge {
                    (steps - NOTHING).ceil()
                } else {
                    (steps + NOTHING).floor() + 1.0
                };
                let units = Leak {
                    factor: x[4] / DECAY_ONE,
                    threshold: x[5],
                    reset: x[6],
                };
                nudge(&units, closed, wanted.max(1.0), firing.ge)
            }
            _ => closed,
        }
    });
    let assumption = assumption(
        r,
        name,
        &bias,
        &Column::zip(&of, |x| f64::from(u8::from(model(x).steps(x[3]).is_some()))),
    );
    Drive {
        bias,
        integer,
        assumption,
    }
}

/// The bias nearest to `closed` with the wanted period in the kernel's own rounding, or with the period nearest to it.
fn nudge(units: &Leak, closed: f64, wanted: f64, ge: bool) -> f64 {
    if wanted > f64::from(LONGEST) {
        return closed;
    }
    let wanted = wanted as u32;
    let most = 2 * wanted + 2;
    let error = |bias: i64| i64::from(units.count(bias, ge, most)) - i64::from(wanted);
    let mut best = (closed as i64, error(closed as i64));
    let direction = best.1.signum();
    for n in 1..=NUDGES {
        let bias = closed as i64 + direction * n;
        let found = error(bias);
        if found.abs() < best.1.abs() {
            best = (bias, found);
        }
        if found.signum() != direction {
            break;
        }
    }
    best.0 as f64
}

/// What was changed, if anything was.
fn assumption(r: &Recurrence, name: &str, bias: &Column, fires: &Column) -> Option<String> {
    let share = Column::zip(&[&r.bias, bias], |x| {
        if x[0] == x[1] {
            0.0
        } else {
            (x[1] / x[0] - 1.0) * 100.0
        }
    });
    if share.is_zero() {
        return None;
    }
    let kept = match (fires.values().contains(&1.0), fires.values().contains(&0.0)) {
        (true, false) => "the time from reset to threshold stays",
        (false, _) => "the value that v tends to stays",
        (true, true) => {
            "the time from reset to threshold stays, or below the threshold the value that v tends to"
        }
    };
    let most = share.max_abs();
    Some(format!(
        "population \"{name}\": its constant input is changed by up to {} % to make up for the rounded decay: {kept}",
        short(format!("{most:.1e}").parse().unwrap_or(most))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantize::params::Firing;

    /// A LIF with threshold 1 and the drives that its neurons tend to; the factor rounded to 12 bits.
    fn lif(factor: f64, ends: &[f64], reset: Reset) -> (Recurrence, Vec<(String, Column)>) {
        let column = |x: f64| Column::One(x);
        let drives = ends.iter().map(|end| end * (1.0 - factor)).collect();
        let recurrence = Recurrence {
            kernel: "lif",
            old_current: false,
            decay_u: None,
            decay_v: Some(column(factor)),
            gain: column(1.0),
            bias: Column::Each(drives),
            h_start: None,
            u_start: column(0.0),
            v_start: column(0.0),
            firing: Some(Firing {
                threshold: column(1.0),
                v_reset: column(0.0),
                reset,
                late: false,
                ge: false,
                refractory: column(0.0),
            }),
            offset: 0.0,
            noise: None,
        };
        let decay = (factor * DECAY_ONE).round();
        let constants = [("DECAY", decay), ("THETA", SCALE), ("RESET_V", 0.0)];
        let constants = constants.map(|(name, x)| (name.to_string(), column(x)));
        (recurrence, constants.to_vec())
    }

    const SCALE: f64 = 4_194_304.0;

    #[test]
    fn periods_are_those_of_the_model() {
        for factor in [0.9, 0.95, 0.99, (-0.01f64).exp(), 0.997] {
            let ends = [1.05, 1.1, 1.5, 3.0, 19.0];
            let (r, constants) = lif(factor, &ends, Reset::Hard);
            assert!(fires_alone(&r));
            let got = drive(&r, "a", SCALE, &constants).integer;
            for (neuron, end) in ends.iter().enumerate() {
                let (mut v, mut period) = (0.0, 0);
                while v <= 1.0 {
                    v = factor * v + (1.0 - factor) * end;
                    period += 1;
                }
                let chip = Leak {
                    factor: constants[0].1.get(0) / DECAY_ONE,
                    reset: 0.0,
                    threshold: SCALE,
                };
                let counted = chip.count(got.get(neuron) as i64, false, 10_000);
                assert_eq!(counted, period, "factor {factor}, tends to {end}");
            }
        }
    }

    #[test]
    fn below_the_threshold_the_end_stays() {
        for (reset, ends) in [
            (Reset::Hard, vec![0.5, -2.0, 1.0]),
            (Reset::None, vec![0.5, 7.0, 1.0]),
        ] {
            let (r, constants) = lif(0.993, &ends, reset);
            assert!(!fires_alone(&r));
            let found = drive(&r, "a", SCALE, &constants);
            let rate = 1.0 - constants[0].1.get(0) / DECAY_ONE;
            for (neuron, end) in ends.iter().enumerate() {
                assert!((found.bias.get(neuron) / rate - end).abs() < 1e-12);
            }
            assert!(found.assumption.is_some());
        }
    }

    #[test]
    fn exact_decays_and_leaks_that_vanish_keep_the_drive() {
        for factor in [0.5, 0.9375, 1.0 - 1e-5] {
            let (r, constants) = lif(factor, &[0.5, 0.9], Reset::Hard);
            let found = drive(&r, "a", SCALE, &constants);
            assert_eq!((found.bias, found.assumption), (r.bias, None));
        }
    }
}
