//! What a population's neurons do otherwise than the model's, in words.
//!
//! Invariant: every difference beyond rounding is named with its size.

use super::build::Built;
use super::calibrate::{Judgement, STEPS};
use super::cell::Real;
use super::forms::Form;
use super::scale::Weights;
use crate::error::short;
use crate::quantize::params::Recurrence;
use std::collections::BTreeSet;

/// What became of the decay.
pub(super) fn leak_note(
    name: &str,
    form: Form,
    real: &[Real],
    built: &[Built],
    weights: &Weights,
    judged: &Option<Judgement>,
) -> Option<String> {
    let (n, b, scale) = (real.first()?, built.first()?, weights.scales.first()?);
    let how = match form {
        Form::Toward { early, .. } => format!(
            "toward its rest from both sides{}",
            if early {
                ", after which the threshold is compared"
            } else {
                ""
            }
        ),
        Form::Down { .. } => "downward to a floor at its rest, its constant input included".into(),
        _ => return None,
    };
    let decays: BTreeSet<u64> = real.iter().map(|n| n.a.to_bits()).collect();
    let several = if decays.len() > 1 { " (neuron 0)" } else { "" };
    let mut text = format!(
        "population \"{name}\": its decay of {} a step{several} became a linear leak of {} a step ({} units) {how}",
        short(n.a),
        short(f64::from(b.cell.leak.abs()) / scale),
        b.cell.leak.abs()
    );
    if let Some(j) = judged {
        if n.fire.is_some() {
            text += &format!(
                ", the one of those tried whose spikes differ least: on random inputs {} spikes for the model's {}, {} apart in {STEPS} steps on average",
                j.spikes[1],
                j.spikes[0],
                short((j.difference * 1000.0).round() / 1000.0)
            );
        } else {
            text += &format!(
                ", the one of those tried whose v differs least: by {} (root mean square) on random inputs",
                short(j.rms)
            );
        }
    }
    Some(text)
}

/// Other differences from the model.
pub(super) fn notes(
    name: &str,
    r: &Recurrence,
    built: &[Built],
    weights: &Weights,
    depth: u32,
) -> Vec<String> {
    let mut out = Vec::new();
    if r.firing.as_ref().is_some_and(|f| f.late) {
        out.push(format!(
            "population \"{name}\": it is reset in the step of the spike, not one step later"
        ));
    }
    let over = built.iter().map(|b| b.over).fold(0.0, f64::max);
    if over > 0.5 && weights.exact {
        let alpha = built.iter().map(|b| b.cell.alpha).max().unwrap_or(0);
        out.push(format!(
            "population \"{name}\": the chip subtracts the threshold that it compares with, {alpha} units, where the model fires above {} and subtracts that",
            f64::from(alpha) - over
        ));
    }
    if built.iter().any(|b| b.early_start) {
        out.push(format!("population \"{name}\": its constant input or initial state acts up to {depth} steps before the layer's first input can arrive"));
    }
    out
}
