//! How a model's neuron becomes the chip's: the forms that a population can take, and what their registers must hold.
//!
//! Invariant: a form says what the leak stands for; units and registers are made elsewhere.

use super::cell::{Modes, Real, RealFire};
use super::choose::refuse;
use super::scale::Needs;
use crate::error::MapError;
use crate::quantize::params::Recurrence;
use network::lowered::{self, Reset};

/// Leaks that are tried: sixteenths of what the decay takes at the end of the working range.
pub(super) const SIXTEENTHS: u32 = 24;
/// Share of the sources taken to spike in a step, and deviations on top: how large v of a neuron that is read becomes.
const ACTIVITY: f64 = 0.125;
/// Longest memory that counts in it, steps.
const HORIZON: f64 = 64.0;

/// How a model's neuron becomes the chip's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// No decay: the leak is the constant input.
    Integrate,
    /// No memory: the threshold is the leak, the floor at 0 resets what it does not reach.
    Compare,
    /// Leak toward rest from both sides, `sixteenths` of the decay at the end of the working range; `early`: the threshold
    /// is lowered by it, for the chip compares after the leak and the model before the next.
    Toward { sixteenths: u32, early: bool },
    /// The same leak downward, on top of the constant input, with a floor at rest.
    Down { sixteenths: u32, early: bool },
}

impl Form {
    pub(super) fn modes(self, reset: Reset, fires: bool) -> Modes {
        let gamma = match reset {
            _ if !fires => 2,
            Reset::Hard => 0,
            Reset::Subtract => 1,
            Reset::None => 2,
        };
        let (kappa, epsilon) = match self {
            Form::Toward { .. } => (1, 1),
            Form::Integrate | Form::Down { .. } => (1, 0),
            Form::Compare => {
                return Modes {
                    gamma: 0,
                    kappa: 0,
                    epsilon: 0,
                };
            }
        };
        Modes {
            gamma,
            kappa,
            epsilon,
        }
    }
}

pub(super) fn real(r: &Recurrence, j: usize) -> Real {
    Real {
        a: r.decay_v.as_ref().map_or(0.0, |a| a.get(j)),
        bias: r.bias.get(j),
        start: r.v_start.get(j),
        fire: r.firing.as_ref().map(|f| RealFire {
            threshold: f.threshold.get(j),
            v_reset: f.v_reset.get(j),
            reset: f.reset,
            late: f.late,
            ge: f.ge,
        }),
    }
}

/// The forms that a population can take: all its neurons take the same.
pub(super) fn forms(
    p: &lowered::Population,
    r: &Recurrence,
    real: &[Real],
) -> Result<Vec<Form>, MapError> {
    let all = |f: &dyn Fn(&Real) -> bool| real.iter().all(f);
    let late = r.firing.as_ref().is_some_and(|f| f.late);
    if r.firing.is_some() && !late && all(&|n| n.a == 0.0) {
        return Ok(vec![Form::Compare]);
    }
    if all(&|n| n.a == 1.0) {
        if real
            .iter()
            .any(|n| n.fire.is_some_and(|f| f.threshold < 0.0))
        {
            return Err(refuse(
                p,
                "its threshold is negative, and the chip's is not",
                "give a positive threshold, or measure v from another value",
            ));
        }
        return Ok(vec![Form::Integrate]);
    }
    if real.iter().any(|n| n.a == 1.0) {
        return Err(refuse(
            p,
            "some of its neurons decay and others do not, and leak reversal is a mode of the population",
            "give them populations of their own",
        ));
    }
    let candidates = |form: fn(u32, bool) -> Form, early: bool| {
        (0..=SIXTEENTHS).map(move |sixteenths| form(sixteenths, early))
    };
    let toward: fn(u32, bool) -> Form = |sixteenths, early| Form::Toward { sixteenths, early };
    let down: fn(u32, bool) -> Form = |sixteenths, early| Form::Down { sixteenths, early };
    let mut forms = Vec::new();
    if r.firing.is_none() {
        if real
            .iter()
            .any(|n| (n.rest() - real[0].rest()).abs() > 1e-9)
        {
            return Err(refuse(
                p,
                "its neurons are read and have different constant inputs, beside which the chip's leak has no place",
                "take the bias off, or let the population fire",
            ));
        }
        forms.extend(candidates(toward, false));
        return Ok(forms);
    }
    let below = |n: &Real| n.fire.is_none_or(|f| n.rest() < f.threshold);
    if all(&below) {
        forms.extend(candidates(toward, false));
        forms.extend(candidates(toward, true));
    }
    if real
        .iter()
        .all(|n| n.fire.is_none_or(|f| f.threshold >= 0.0))
    {
        forms.extend(candidates(down, false));
        forms.extend(candidates(down, true));
    }
    if forms.is_empty() {
        return Err(refuse(
            p,
            "its threshold is negative, and the chip's is not",
            "give a positive threshold, or measure v from another value",
        ));
    }
    Ok(forms)
}

/// What the registers of a neuron must hold under any of the forms.
pub(super) fn needs(forms: &[Form], n: &Real, weights: impl Iterator<Item = f64>) -> Needs {
    let (mut sum, mut squares) = (0.0, 0.0);
    for w in weights {
        sum += w;
        squares += w * w;
    }
    let steps = 1.0 / (1.0 - n.a).max(1.0 / HORIZON);
    let typical = 2.0
        * ((ACTIVITY * sum).abs() * steps
            + 2.0 * (ACTIVITY * squares * steps).sqrt()
            + n.start.abs()
            + n.bias.abs() * steps);
    let range = if n.fire.is_some() {
        n.range()
    } else {
        typical / 2.0
    };
    let (threshold, v_reset) = n.fire.map_or((0.0, 0.0), |f| (f.threshold, f.v_reset));
    let most = if n.fire.is_some() {
        threshold.abs()
    } else {
        typical
    };
    let leaky = 1.5 * (1.0 - n.a) * range;
    let (threshold_need, leak) = match forms[0] {
        Form::Compare => (0.0, (threshold - n.bias).abs()),
        Form::Integrate => (most, n.bias.abs()),
        _ => (most + n.rest().abs().min(most), leaky + n.bias.abs()),
    };
    Needs {
        threshold: threshold_need.max(if forms[0] == Form::Compare {
            0.0
        } else {
            (v_reset.abs()).max(n.start.abs()) / 4.0
        }),
        leak,
        whole: match forms[0] {
            Form::Compare => [threshold - n.bias, 0.0, 0.0, 0.0],
            _ => [threshold, v_reset, n.bias, n.start],
        },
    }
}
