//! The registers of a neuron in one of its forms, and the form whose neurons fire most like the model's.
//!
//! Invariant: what does not fit a register is marked, never cut silently.

use super::calibrate::{Judgement, Trials};
use super::cell::{Cell, Real};
use super::fanin::Fanin;
use super::forms::{Form, SIXTEENTHS};
use super::scale::{Ranges, Weights};
use crate::quantize::params::Recurrence;
use network::lowered::{self, Reset};

/// Largest stored value that a start or a reset may have: the floor is at −(2^18 − 1).
const START: f64 = ((1 << 18) - 1) as f64;

/// A neuron in integers, and what that changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Built {
    pub(super) cell: Cell,
    pub(super) threshold_error: f64,
    pub(super) bias_error: f64,
    /// Its start acts before the layer's first input can arrive.
    pub(super) early_start: bool,
    /// It subtracts this many units more than the threshold.
    pub(super) over: f64,
    /// Something does not fit its register.
    pub(super) beyond: bool,
}

/// Makes cells of a population.
pub(super) struct Maker<'a> {
    pub(super) p: &'a lowered::Population,
    pub(super) real: &'a [Real],
    pub(super) weights: &'a Weights,
    pub(super) ranges: &'a Ranges,
    /// Working range of each neuron that is read.
    pub(super) typical: Vec<f64>,
}

impl Maker<'_> {
    /// The best form, and how it was judged (`None`: there was no choice).
    pub(super) fn best(
        &self,
        forms: &[Form],
        fanin: &Fanin,
        r: &Recurrence,
    ) -> (Form, Option<Judgement>) {
        if forms.len() == 1 {
            return (forms[0], None);
        }
        let trials = Trials::new(fanin, &self.weights.integers, self.real);
        if trials.is_empty() {
            // Nothing arrives: the leak that takes what the decay takes on average over the range.
            return (forms[(SIXTEENTHS / 3) as usize], None);
        }
        let reset = r.firing.as_ref().map_or(Reset::None, |f| f.reset);
        let judged = forms.iter().map(|form| {
            let zero = |j: usize| match form {
                Form::Toward { .. } => self.real[j].rest(),
                _ => 0.0,
            };
            let modes = form.modes(reset, r.firing.is_some());
            let judged = trials.judge(modes, self.real, &self.weights.scales, |j| {
                (self.build(*form, j).cell, zero(j))
            });
            (*form, judged)
        });
        let best = judged.min_by(|a, b| a.1.error.total_cmp(&b.1.error));
        let (form, judgement) = best.expect("there are forms");
        (form, Some(judgement))
    }

    pub(super) fn build(&self, form: Form, j: usize) -> Built {
        let (n, scale, depth) = (
            &self.real[j],
            self.weights.scales[j],
            f64::from(self.p.depth),
        );
        let floor = self.ranges.threshold;
        let fire = n.fire;
        // The comparison in whole numbers: v > x is v >= floor(x) + 1.
        let least = |x: f64| {
            let whole = x.round();
            let x = if (x - whole).abs() < 1e-6 { whole } else { x };
            if fire.is_some_and(|f| !f.ge) {
                x.floor() + 1.0
            } else {
                x.ceil()
            }
        };
        let threshold = fire.map_or(0.0, |f| f.threshold);
        let linear = fire.is_some_and(|f| f.reset == Reset::Subtract);
        let mut built = Built {
            cell: Cell {
                v: 0,
                leak: 0,
                alpha: 0,
                beta: 0,
                reset: 0,
            },
            threshold_error: 0.0,
            bias_error: 0.0,
            early_start: false,
            over: 0.0,
            beyond: false,
        };
        if form == Form::Compare {
            let least = least((threshold - n.bias) * scale);
            built.threshold_error = (least / scale - (threshold - n.bias)).abs();
            built.early_start = depth > 0.0 && least <= 0.0;
            built.beyond = least.abs() > 255.0;
            built.cell.leak = (-least.clamp(-255.0, 255.0)) as i32;
            return built;
        }
        let range = if fire.is_some() {
            n.range()
        } else {
            self.typical[j]
        };
        let decay = |sixteenths: u32| f64::from(sixteenths) / 16.0 * (1.0 - n.a) * range * scale;
        let zero = match form {
            Form::Toward { .. } => n.rest(),
            _ => 0.0,
        };
        let leak = match form {
            Form::Toward { sixteenths, .. } => -decay(sixteenths).round(),
            Form::Down { sixteenths, .. } => (n.bias * scale - decay(sixteenths)).round(),
            _ => (n.bias * scale).round(),
        };
        if form == Form::Integrate {
            built.bias_error = (leak / scale - n.bias).abs();
        }
        let aim = (threshold - zero) * scale;
        let mut alpha = match fire {
            None => floor,
            // The threshold is also what is subtracted: the nearest number, where the weights are rounded anyway.
            Some(_) if linear && !self.weights.exact => aim.round(),
            Some(_) => least(aim),
        };
        if fire.is_some() {
            built.threshold_error = (alpha / scale - (threshold - zero)).abs();
            if linear {
                built.over = alpha - aim;
            }
            if let Form::Toward {
                sixteenths,
                early: true,
            }
            | Form::Down {
                sixteenths,
                early: true,
            } = form
            {
                alpha -= decay(sixteenths).round();
            }
        }
        if !matches!(form, Form::Integrate) {
            alpha = alpha.max(1.0);
        }
        let beta = match form {
            Form::Down { .. } => (-n.rest().min(0.0) * scale).round().min(floor),
            _ => floor,
        };
        let reset = match fire {
            Some(f) if f.reset == Reset::Hard => ((f.v_reset - zero) * scale).round(),
            _ => 0.0,
        };
        // Set back by the steps before the layer's first input.
        let start = ((n.start - zero) * scale).round();
        let back = match form {
            Form::Toward { .. } => start - start.signum() * depth * leak,
            _ => start - depth * leak,
        };
        let back = if start == 0.0 && matches!(form, Form::Toward { .. }) {
            0.0
        } else {
            back
        };
        let held = match form {
            // At the floor it stays until input comes.
            Form::Down { .. } if leak <= 0.0 && back > start => start.min(alpha - 1.0),
            _ => back,
        };
        // The first leak may bring it to the floor from below.
        let low = -beta - leak.max(0.0);
        let v = if depth > 0.0 {
            held.min(alpha - 1.0).max(low)
        } else {
            start.max(-beta)
        };
        built.early_start = depth > 0.0 && (v - back).abs() > 0.0 && (start != 0.0 || leak > 0.0);
        built.beyond = !(0.0..=floor).contains(&alpha)
            || leak.abs() > 255.0
            || reset.abs() > START
            || v.abs() > START;
        let int = |x: f64| x.clamp(-f64::from(1 << 19), f64::from((1 << 19) - 1)) as i32;
        built.cell = Cell {
            v: int(v),
            leak: int(leak),
            alpha: int(alpha),
            beta: int(beta),
            reset: int(reset),
        };
        built
    }
}
