//! SRNN's and LSNN's adaptive neurons to the kernels `alif` and `lsnn`.

use super::{Context, Parts, Synapse, bias, decay, firing};
use crate::error::MapError;
use crate::quantize::params::{Column, Recurrence};
use crate::quantize::population::{Done, REFRACTORY_MAX};
use network::lowered::Compare;
use network::models::{Adaptive, AdaptiveReset};

/// Fraction bits of the kernels' factors per step.
const FACTOR_BITS: i32 = 16;
/// Fraction bits of the adaptation, which lies in 0 … 1.
const ADAPTED_BITS: i32 = 22;
/// Largest number of a 24-bit slot.
const STATE: f64 = ((1 << 23) - 1) as f64;

pub(super) fn quantize(context: &Context<'_>, m: &Adaptive) -> Result<Done, MapError> {
    let moving = m.reset == AdaptiveReset::Moving;
    let mut parts = Parts::new(context, if moving { "alif" } else { "lsnn" });
    parts.real_weights()?;
    let (alpha, rho) = (
        decay(&m.tau_mem, m.decay, context.target.dt_s),
        decay(&m.tau_adapt, m.decay, context.target.dt_s),
    );
    let synapse = Synapse::of(m.filter.as_ref(), m.decay, context.target.dt_s);
    // Change of v per unit of current.
    let drive = Column::zip(&[&alpha, &(&m.r).into()], |x| (1.0 - x[0]) * x[1]);
    let gain = match &synapse {
        None => drive.clone(),
        Some(s) => Column::zip(&[&drive, &s.gain()], |x| x[0] * x[1]),
    };
    let (rest, beta): (Column, Column) = ((&m.threshold).into(), (&m.beta).into());
    let bias = Column::zip(&[&drive, &bias(context.population)], |x| x[0] * x[1]);
    let v_start: Column = (&m.v_init).into();
    let moved = Column::zip(&[&rest, &beta], |x| x[0] + x[1]);
    let recurrence = Recurrence {
        kernel: parts.kernel,
        old_current: false,
        decay_u: synapse.as_ref().map(|s| s.factor.clone()),
        decay_v: Some(alpha.clone()),
        gain: gain.clone(),
        bias: bias.clone(),
        h_start: None,
        u_start: Column::One(0.0),
        v_start: v_start.clone(),
        firing: Some(firing(rest.clone(), moved)),
        offset: 0.0,
        noise: None,
    };
    let scale = parts.scale(&recurrence)?;
    parts.fraction("ALPHA", &alpha, FACTOR_BITS)?;
    parts.fraction("RHO", &rho, FACTOR_BITS)?;
    let jump = Column::zip(&[&rho], |x| 1.0 - x[0]);
    parts.fraction("JUMP", &jump, ADAPTED_BITS)?;
    parts.constant("BETA", &beta, scale, STATE)?;
    parts.threshold(&rest, scale)?;
    let ge = m.compare == Compare::Ge;
    if ge {
        parts.option("GE", 1);
    }
    if let AdaptiveReset::Resting { late, refractory } = &m.reset {
        let steps: Column = refractory.into();
        if *late {
            parts.option("LATE", 1);
        }
        if !steps.is_zero() {
            parts.option("REFRACT", 1);
            parts.constant("REFRACTORY", &steps, 1.0, REFRACTORY_MAX)?;
        }
    }
    if let Some(s) = &synapse {
        parts.option("SYN", if s.alpha { 2 } else { 1 });
        parts.fraction("FADE", &s.factor, FACTOR_BITS)?;
        // A constant input acts at once through `bias`; what the synapse has not passed on yet starts below 0.
        let missing = Column::zip(&[&bias], |x| -x[0]);
        parts.slot("u", &missing, scale, STATE)?;
        if s.alpha {
            let missing = Column::zip(&[&bias, &s.factor], |x| -x[0] * (1.0 - x[1]));
            parts.slot("h", &missing, scale, STATE)?;
        }
    }
    parts.slot("v", &v_start, scale, STATE)?;
    parts.slot("bias", &bias, scale, STATE)?;
    let at_rest = |t: &f64| *t < 0.0 || (ge && *t == 0.0);
    let fires_at_rest = parts
        .constants
        .iter()
        .any(|(name, column)| name == "THETA" && column.values().iter().any(at_rest));
    if fires_at_rest {
        parts.option("IDLE", 0);
    }
    parts.wait(fires_at_rest || !bias.is_zero() || !v_start.is_zero());
    let input = parts.payloads(std::slice::from_ref(&gain), scale);
    parts.done(vec![gain], scale, input)
}
