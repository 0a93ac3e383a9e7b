//! From a neuron model in SI units to the recurrence of a kernel, still in real numbers.
//!
//! Invariant: the recurrence returned here is the model's own; only the choice of variables differs (v is shifted by the
//! leak potential, the current of a current-based neuron is measured in units of v, a constant current becomes a constant
//! added to v and an initial current). Source: the equations at `network::lowered::Model`.

use crate::error::short;
use network::lowered::{Compare, Decay, Fire, Model, Param, Population, Reset};

/// One value for all neurons of a population, or one per neuron.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    One(f64),
    Each(Vec<f64>),
}

impl Column {
    pub(crate) fn get(&self, neuron: usize) -> f64 {
        match self {
            Column::One(x) => *x,
            Column::Each(xs) => xs[neuron],
        }
    }

    pub(crate) fn values(&self) -> &[f64] {
        match self {
            Column::One(x) => std::slice::from_ref(x),
            Column::Each(xs) => xs,
        }
    }

    pub(crate) fn max_abs(&self) -> f64 {
        self.values().iter().fold(0.0, |most, x| most.max(x.abs()))
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.values().iter().all(|x| *x == 0.0)
    }

    /// Combines columns value by value; one value if all have one.
    pub(crate) fn zip(columns: &[&Column], f: impl Fn(&[f64]) -> f64) -> Column {
        let length = columns
            .iter()
            .filter_map(|c| {
                if let Column::Each(v) = c {
                    Some(v.len())
                } else {
                    None
                }
            })
            .next();
        let at = |i: usize| f(&columns.iter().map(|c| c.get(i)).collect::<Vec<_>>());
        match length {
            None => Column::One(at(0)),
            Some(n) => {
                let values: Vec<f64> = (0..n).map(at).collect();
                if values.iter().all(|x| *x == values[0]) {
                    Column::One(values.first().copied().unwrap_or(0.0))
                } else {
                    Column::Each(values)
                }
            }
        }
    }
}

impl From<&Param> for Column {
    fn from(p: &Param) -> Column {
        match p {
            Param::One(x) => Column::One(*x),
            Param::Each(xs) if xs.iter().all(|x| *x == xs[0]) => {
                Column::One(xs.first().copied().unwrap_or(0.0))
            }
            Param::Each(xs) => Column::Each(xs.clone()),
        }
    }
}

/// A population as a kernel's recurrence `u = a_u·u + gain·x`, `v = a_v·v + u + bias` (without `a_u`: `v = a_v·v + gain·x + bias`).
#[derive(Clone, Debug)]
pub(crate) struct Recurrence {
    pub(crate) kernel: &'static str,
    pub(crate) old_current: bool,
    /// Factor of u per step.
    pub(crate) decay_u: Option<Column>,
    /// Factor of v per step; `None` for kernels without state.
    pub(crate) decay_v: Option<Column>,
    /// Change of u or v per unit of input.
    pub(crate) gain: Column,
    /// Added to v each step.
    pub(crate) bias: Column,
    /// What drives u in an alpha synapse, `h = a_u·h + gain·x`, `u = a_u·u + h`, before the population's first step; `None`: x itself does.
    pub(crate) h_start: Option<Column>,
    /// u and v before the population's first step.
    pub(crate) u_start: Column,
    pub(crate) v_start: Column,
    pub(crate) firing: Option<Firing>,
    /// Model value = v + offset.
    pub(crate) offset: f64,
    /// Largest value added to the threshold (exclusive).
    pub(crate) noise: Option<f64>,
}

/// The firing rule in shifted variables.
#[derive(Clone, Debug)]
pub(crate) struct Firing {
    pub(crate) threshold: Column,
    pub(crate) v_reset: Column,
    pub(crate) reset: Reset,
    pub(crate) late: bool,
    pub(crate) ge: bool,
    pub(crate) refractory: Column,
}

impl Recurrence {
    /// Whether some neuron would fire from rest without any input.
    pub(crate) fn fires_at_rest(&self) -> bool {
        self.firing.as_ref().is_some_and(|f| {
            f.threshold
                .values()
                .iter()
                .any(|&t| t < 0.0 || (f.ge && t == 0.0))
        })
    }

    /// The parameter that is no finite number, if one is not.
    pub(crate) fn not_finite(&self) -> Option<&'static str> {
        let firing = self.firing.iter().flat_map(|f| {
            [
                ("threshold", &f.threshold),
                ("v_reset", &f.v_reset),
                ("refractory period", &f.refractory),
            ]
        });
        let decays = self
            .decay_u
            .iter()
            .chain(&self.decay_v)
            .map(|c| ("time constant", c));
        let rest = [
            ("gain", &self.gain),
            ("bias", &self.bias),
            ("current", &self.u_start),
            ("rise", self.h_start.as_ref().unwrap_or(&Column::One(0.0))),
            ("initial v", &self.v_start),
        ];
        let mut all = firing.chain(decays).chain(rest);
        let bad = all.find(|(_, c)| c.values().iter().any(|x| !x.is_finite()));
        bad.map(|(name, _)| name).or(self
            .noise
            .is_some_and(|n| !n.is_finite())
            .then_some("noise"))
    }

    /// Whether anything happens before the first input arrives.
    pub(crate) fn moves_alone(&self) -> bool {
        !self.bias.is_zero()
            || !self.v_start.is_zero()
            || !self.u_start.is_zero()
            || self.fires_at_rest()
    }
}

/// Factor per step and gain of a first-order decay; the message says why there is none.
fn first_order(
    tau: &Column,
    decay: Decay,
    dt: f64,
    what: &str,
) -> Result<(Column, Column), String> {
    if let Some(bad) = tau.values().iter().find(|t| !t.is_finite() || **t <= 0.0) {
        return Err(format!(
            "{what} is {} s, not a positive number",
            short(*bad)
        ));
    }
    match decay {
        Decay::Euler => {
            let factor = Column::zip(&[tau], |x| 1.0 - dt / x[0]);
            // A decay equal to the step is written as 1 − dt/tau = 0 up to rounding.
            if let Some(bad) = factor.values().iter().find(|f| **f < -1e-9) {
                return Err(format!(
                    "{what} is shorter than the step of {} s (factor {} per step)",
                    short(dt),
                    short(*bad)
                ));
            }
            Ok((
                Column::zip(&[&factor], |x| x[0].max(0.0)),
                Column::zip(&[tau], |x| dt / x[0]),
            ))
        }
        Decay::Exp => {
            let factor = Column::zip(&[tau], |x| (-dt / x[0]).exp());
            let gain = Column::zip(&[&factor], |x| 1.0 - x[0]);
            Ok((factor, gain))
        }
    }
}

/// v may be shifted so that it decays to 0, unless something is measured from the model's own 0. Above the threshold a leak
/// potential is a drive, and v is measured from the reset value: thresholds lie above it.
fn shift(v_leak: &Column, fire: Option<&Fire>) -> f64 {
    let Column::One(leak) = *v_leak else {
        return 0.0;
    };
    match fire.map(|f| (f.reset, Column::from(&f.v_reset), &f.threshold)) {
        Some((Reset::Subtract, ..)) => 0.0,
        Some((Reset::Hard, Column::One(reset), threshold)) => {
            let least = Column::from(threshold)
                .values()
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            if reset < least && least < leak {
                reset
            } else {
                leak
            }
        }
        _ => leak,
    }
}

fn firing(fire: &Fire, offset: f64) -> Firing {
    let less = |p: &Param| Column::zip(&[&p.into()], |x| x[0] - offset);
    Firing {
        threshold: less(&fire.threshold),
        v_reset: less(&fire.v_reset),
        reset: fire.reset,
        late: fire.reset_delay,
        ge: fire.compare == Compare::Ge,
        refractory: (&fire.refractory).into(),
    }
}

/// The kernel recurrence of a population with a model in real units; `None` for a kernel given by name, and for `models`.
pub(crate) fn recurrence(population: &Population, dt: f64) -> Result<Option<Recurrence>, String> {
    let input = if population.bias.is_empty() {
        Column::One(0.0)
    } else {
        let values: Vec<f64> = population.bias.iter().map(|b| f64::from(*b)).collect();
        Column::zip(&[&Column::Each(values)], |x| x[0])
    };
    Ok(Some(match &population.model {
        Model::Leaky {
            tau,
            r,
            v_leak,
            decay,
            fire,
            v_init,
            noise,
            filter,
        } => {
            let r: Column = r.into();
            let (factor, gain, leak, offset) = match tau {
                None => (
                    Column::One(1.0),
                    Column::zip(&[&r], |x| dt * x[0]),
                    Column::One(0.0),
                    0.0,
                ),
                Some(tau) => {
                    let (factor, step) = first_order(&tau.into(), *decay, dt, "tau")?;
                    let v_leak: Column = v_leak.into();
                    let offset = shift(&v_leak, fire.as_ref());
                    let leak = Column::zip(&[&factor, &v_leak], |x| (1.0 - x[0]) * (x[1] - offset));
                    (
                        factor,
                        Column::zip(&[&step, &r], |x| x[0] * x[1]),
                        leak,
                        offset,
                    )
                }
            };
            let drive = Column::zip(&[&gain, &input], |x| x[0] * x[1]);
            let bias = Column::zip(&[&drive, &leak], |x| x[0] + x[1]);
            // A constant input acts at once through the bias; what the synapse has not passed on yet starts below 0.
            let (mut gain, mut decay_u, mut h_start) = (gain, None, None);
            let mut u_start = Column::One(0.0);
            if let Some(filter) = filter {
                let (factor, step) = first_order(&(&filter.tau).into(), *decay, dt, "tau_syn")?;
                let power = if filter.alpha { 2 } else { 1 };
                gain = Column::zip(&[&gain, &step], |x| x[0] * x[1].powi(power));
                u_start = Column::zip(&[&drive], |x| -x[0]);
                h_start = filter
                    .alpha
                    .then(|| Column::zip(&[&drive, &step], |x| -x[0] * x[1]));
                decay_u = Some(factor);
            }
            Recurrence {
                kernel: match (fire.is_some(), tau.is_some()) {
                    (true, true) => "lif",
                    (true, false) => "if",
                    (false, _) => "li",
                },
                old_current: false,
                decay_u,
                decay_v: Some(factor),
                bias,
                gain,
                h_start,
                u_start,
                v_start: Column::zip(&[&v_init.into()], |x| x[0] - offset),
                firing: fire.as_ref().map(|f| firing(f, offset)),
                offset,
                noise: noise.as_ref().map(|n| n.amplitude).filter(|a| *a > 0.0),
            }
        }
        Model::Cuba {
            tau_syn,
            tau_mem,
            r,
            v_leak,
            w_in,
            decay,
            old_current,
            alpha,
            fire,
            v_init,
        } => {
            let (factor_u, step_u) = first_order(&tau_syn.into(), *decay, dt, "tau_syn")?;
            let (factor_v, step_v) = first_order(&tau_mem.into(), *decay, dt, "tau_mem")?;
            let (r, w_in, v_leak): (Column, Column, Column) =
                (r.into(), w_in.into(), v_leak.into());
            let offset = shift(&v_leak, fire.as_ref());
            // A constant input drives the current to `rest`; measured from there it is an initial current and a bias of v.
            let rest = Column::zip(&[&step_v, &r, &w_in, &input], |x| x[0] * x[1] * x[2] * x[3]);
            Recurrence {
                kernel: if fire.is_some() { "cubalif" } else { "cubali" },
                old_current: *old_current,
                gain: Column::zip(&[&step_u, &w_in, &step_v, &r], |x| {
                    x[0].powi(if *alpha { 2 } else { 1 }) * x[1] * x[2] * x[3]
                }),
                h_start: alpha.then(|| Column::zip(&[&rest, &step_u], |x| -x[0] * x[1])),
                bias: Column::zip(&[&rest, &factor_v, &v_leak], |x| {
                    x[0] + (1.0 - x[1]) * (x[2] - offset)
                }),
                u_start: Column::zip(&[&rest], |x| -x[0]),
                v_start: Column::zip(&[&v_init.into()], |x| x[0] - offset),
                decay_u: Some(factor_u),
                decay_v: Some(factor_v),
                firing: fire.as_ref().map(|f| firing(f, offset)),
                offset,
                noise: None,
            }
        }
        Model::Threshold { threshold, compare } => Recurrence {
            kernel: "threshold",
            old_current: false,
            decay_u: None,
            decay_v: None,
            gain: Column::One(1.0),
            bias: input,
            h_start: None,
            u_start: Column::One(0.0),
            v_start: Column::One(0.0),
            firing: Some(Firing {
                threshold: threshold.into(),
                v_reset: Column::One(0.0),
                reset: Reset::None,
                late: false,
                ge: *compare == Compare::Ge,
                refractory: Column::One(0.0),
            }),
            offset: 0.0,
            noise: None,
        },
        Model::Adaptive(_)
        | Model::Izhikevich(_)
        | Model::Resonate(_)
        | Model::SigmaDelta(_)
        | Model::Compartments(_)
        | Model::Kernel { .. } => return Ok(None),
    }))
}
