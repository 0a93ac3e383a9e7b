//! Resonate and fire to the kernel `resonate`.

use super::{Context, Parts, bias, decay, firing};
use crate::error::MapError;
use crate::quantize::params::{Column, Recurrence};
use crate::quantize::population::Done;
use network::lowered::Decay;
use network::models::{Resonate, When};

/// Fraction bits of the rotation.
const ROTATION_BITS: i32 = 15;
/// Largest number of a 24-bit slot.
const STATE: f64 = ((1 << 23) - 1) as f64;

pub(super) fn quantize(context: &Context<'_>, m: &Resonate) -> Result<Done, MapError> {
    let mut parts = Parts::new(context, "resonate");
    parts.real_weights()?;
    let damping = decay(&m.tau, Decay::Exp, context.target.dt_s);
    let angle = Column::zip(&[&(&m.frequency).into()], |x| {
        std::f64::consts::TAU * x[0] * context.target.dt_s
    });
    let gain: Column = (&m.r).into();
    let bias = Column::zip(&[&gain, &bias(context.population)], |x| x[0] * x[1]);
    let threshold: Column = (&m.threshold).into();
    let v_reset: Column = m.v_reset.as_ref().map_or(Column::One(0.0), Column::from);
    let scale = parts.scale(&Recurrence {
        kernel: parts.kernel,
        old_current: false,
        decay_u: None,
        decay_v: Some(damping.clone()),
        gain: gain.clone(),
        bias: bias.clone(),
        h_start: None,
        u_start: Column::One(0.0),
        v_start: Column::One(0.0),
        firing: Some(firing(threshold.clone(), v_reset.clone())),
        offset: 0.0,
        noise: None,
    })?;
    let cos = Column::zip(&[&damping, &angle], |x| x[0] * x[1].cos());
    let sin = Column::zip(&[&damping, &angle], |x| x[0] * x[1].sin());
    parts.fraction("COS", &cos, ROTATION_BITS)?;
    parts.fraction("SIN", &sin, ROTATION_BITS)?;
    parts.threshold(&threshold, scale)?;
    parts.option(
        "CROSS",
        match m.when {
            When::Level => 0,
            When::Peak => 1,
            When::RealPeak => 2,
        },
    );
    parts.option("RESET", i64::from(m.v_reset.is_some()));
    parts.constant("RESET_RE", &Column::One(0.0), scale, STATE)?;
    parts.constant("RESET_IM", &v_reset, scale, STATE)?;
    parts.slot("bias", &bias, scale, STATE)?;
    let below = threshold.values().iter().any(|t| *t < 0.0);
    if below && m.when == When::Level {
        parts.option("IDLE", 0);
    }
    parts.wait(below || !bias.is_zero());
    let input = parts.payloads(std::slice::from_ref(&gain), scale);
    parts.done(vec![gain], scale, input)
}
