//! Sigma-delta neurons to the kernel `sigmadelta`.
//!
//! Sums are exact: weights times payloads are added without a shift, and what a payload's rounding leaves is sent later. So errors
//! do not grow with time; an activation is known to its readers within its threshold.

use super::{Context, Parts, bias, graded};
use crate::error::{MapError, short};
use crate::quantize::params::Column;
use crate::quantize::population::Done;
use network::models::SigmaDelta;

/// Largest number of a 32-bit slot.
const WORD: f64 = i32::MAX as f64;
/// Largest shift of a payload.
const OUT_MAX: f64 = 24.0;

pub(super) fn quantize(context: &Context<'_>, m: &SigmaDelta) -> Result<Done, MapError> {
    let mut parts = Parts::new(context, "sigmadelta");
    parts.real_weights()?;
    graded::allowed(context.population, context.target.chip)?;
    let payload = graded::payload_scale(m);
    let formats = context.target.formats;
    let gain = Column::One(1.0);
    let fanin = parts.fanin(std::slice::from_ref(&gain))?;
    // The largest power of two at which every weight has a mantissa, for the payloads that it is multiplied by.
    let unit = f64::from(1_u32 << formats.weight_scale);
    let by_mantissa = fanin
        .projections
        .iter()
        .zip(context.payloads)
        .filter(|((most, _), _)| *most > 0.0)
        .map(|((most, single), payload)| {
            f64::from(formats.mantissa_max(*single)) * unit * payload / most
        })
        .fold(f64::INFINITY, f64::min);
    let fine = match by_mantissa.is_finite() {
        true => by_mantissa.log2().floor().exp2(),
        false => payload,
    };
    let largest = f64::from(formats.exponent_max.max(0)).exp2();
    let out = (fine / payload).log2().clamp(0.0, OUT_MAX);
    let scale = payload * out.exp2();
    if scale > fine * largest || !scale.is_finite() {
        let what = format!(
            "its weights are too large for its threshold: an activation counts {} units",
            short(scale)
        );
        return Err(parts.refuse(what, "raise the threshold, or scale the weights down"));
    }
    parts.option("RELU", i64::from(m.relu));
    parts.option("OUT", out as i64);
    parts.threshold(&(&m.threshold).into(), scale)?;
    if let Some((_, theta)) = parts.constants.iter().find(|(name, _)| name == "THETA")
        && theta.values().iter().any(|t| *t < 1.0)
    {
        let what = "its threshold becomes 0 in chip units";
        return Err(parts.refuse(what, "raise the threshold"));
    }
    let bias = bias(context.population);
    parts.slot("bias", &bias, scale, WORD)?;
    parts.assumptions.push(format!(
        "population \"{}\": its sums are taken to stay within ±{}, where 32 bits end",
        context.population.name,
        short((WORD / scale).round())
    ));
    parts.wait(!bias.is_zero());
    parts.done(vec![gain], scale, scale)
}
