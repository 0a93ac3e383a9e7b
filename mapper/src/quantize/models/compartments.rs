//! Two compartments to the kernel `compartments`.
//!
//! The dendrite is measured in what it adds to the soma, so both inputs, the gate and all joins keep their meaning.

use super::{Context, Parts, bias, decay, firing};
use crate::error::MapError;
use crate::quantize::drive::drive;
use crate::quantize::params::{Column, Recurrence};
use crate::quantize::population::{Done, REFRACTORY_MAX};
use crate::quantize::scale::{Fanin, memory};
use network::lowered::{Compare, Reset};
use network::models::{Compartments, Join};

/// Largest number of a 24-bit slot.
const STATE: f64 = ((1 << 23) - 1) as f64;

pub(super) fn quantize(context: &Context<'_>, m: &Compartments) -> Result<Done, MapError> {
    let mut parts = Parts::new(context, "compartments");
    parts.real_weights()?;
    let dt = context.target.dt_s;
    let soma = decay(&m.tau_mem, m.decay, dt);
    let dendrite = decay(&m.tau_dendrite, m.decay, dt);
    // Change of v per unit of what the soma takes in.
    let share = Column::zip(&[&soma], |x| 1.0 - x[0]);
    let own = Column::zip(&[&share, &(&m.r).into()], |x| x[0] * x[1]);
    let other = Column::zip(&[&share, &dendrite, &(&m.r_dendrite).into()], |x| {
        x[0] * (1.0 - x[1]) * x[2]
    });
    let gains = vec![own.clone(), other.clone()];
    let bias = Column::zip(&[&own, &bias(context.population)], |x| x[0] * x[1]);
    let gate = Column::zip(&[&share, &(&m.gate).into()], |x| x[0] * x[1]);
    let (threshold, v_reset): (Column, Column) =
        ((&m.fire.threshold).into(), (&m.fire.v_reset).into());
    let v_start: Column = (&m.v_init).into();
    let mut firing = firing(threshold.clone(), v_reset.clone());
    firing.reset = m.fire.reset;
    let recurrence = Recurrence {
        kernel: parts.kernel,
        old_current: false,
        decay_u: None,
        decay_v: Some(soma.clone()),
        gain: own,
        bias: bias.clone(),
        h_start: None,
        u_start: Column::One(0.0),
        v_start: v_start.clone(),
        firing: Some(firing),
        offset: 0.0,
        noise: None,
    };
    // What the dendrite remembers adds up before it reaches the soma.
    let steps = memory(&dendrite);
    let remembered = parts.fanin(&[gains[0].clone(), Column::zip(&[&other], |x| x[0] * steps)])?;
    let fanin = Fanin {
        mean: remembered.mean,
        deviation: remembered.deviation,
        ..parts.fanin(&gains)?
    };
    let scale = parts.scale_for(&recurrence, &fanin)?;
    parts.decay("DECAY", &soma)?;
    parts.decay("DECAY_D", &dendrite)?;
    parts.threshold(&threshold, scale)?;
    parts.constant("RESET_V", &v_reset, scale, STATE)?;
    parts.constant("GATE", &gate, scale, STATE)?;
    let choose = |number: i64| if number == 0 { None } else { Some(number) };
    let join = match m.join {
        Join::Add => 0,
        Join::Max => 1,
        Join::Min => 2,
        Join::Pass => 3,
        Join::Block => 4,
    };
    let reset = match m.fire.reset {
        Reset::Hard => 0,
        Reset::Subtract => 1,
        Reset::None => 2,
    };
    let ge = m.fire.compare == Compare::Ge;
    for (name, value) in [
        ("JOIN", choose(join)),
        ("RESET", choose(reset)),
        ("CLEAR", choose(m.clear.into())),
        ("GE", choose(ge.into())),
    ] {
        if let Some(value) = value {
            parts.option(name, value);
        }
    }
    let silent: Column = (&m.fire.refractory).into();
    if !silent.is_zero() {
        parts.option("REFRACT", 1);
        parts.constant("REFRACTORY", &silent, 1.0, REFRACTORY_MAX)?;
    }
    parts.slot("v", &v_start, scale, STATE)?;
    let bias = match m.join {
        // The constant input of a leaky neuron, whose rounded decay it makes up for.
        Join::Add => {
            let drive = drive(
                &recurrence,
                &context.population.name,
                scale,
                &parts.constants,
            );
            parts.assumptions.extend(drive.assumption);
            Column::zip(&[&drive.integer], |x| x[0] / scale)
        }
        _ => bias,
    };
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
    let input = parts.payloads(&gains, scale);
    parts.done(gains, scale, input)
}
