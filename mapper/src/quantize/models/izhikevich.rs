//! Izhikevich's simple model to the kernel `izhikevich`: numbers of 16 fraction bits, whatever the weights are.

use super::{Context, Parts, Synapse, bias};
use crate::error::MapError;
use crate::quantize::params::Column;
use crate::quantize::population::Done;
use crate::quantized::SlotInit;
use network::lowered::Decay;
use network::models::{IZHIKEVICH_DT_S, Izhikevich};

/// Chip units of a mV.
const ONE: f64 = 65536.0;
/// Chip units of a and b.
const RATE: f64 = (1 << 20) as f64;
/// Largest number of a 32-bit slot or constant.
const WORD: f64 = i32::MAX as f64;
/// Largest shift of the input.
const GAIN_MAX: u32 = 16;

pub(super) fn quantize(context: &Context<'_>, m: &Izhikevich) -> Result<Done, MapError> {
    let mut parts = Parts::new(context, "izhikevich");
    parts.real_weights()?;
    if (context.target.dt_s / IZHIKEVICH_DT_S - 1.0).abs() > 1e-9 {
        let what = format!(
            "a step of its model is 1 ms, and that of the network {} s",
            context.target.dt_s
        );
        return Err(parts.refuse(what, "use dt = 1e-3"));
    }
    let synapse = Synapse::of(m.filter.as_ref(), Decay::Exp, context.target.dt_s);
    let gain = synapse.as_ref().map_or(Column::One(1.0), Synapse::gain);
    let fanin = parts.fanin(std::slice::from_ref(&gain))?;
    let formats = context.target.formats;
    let single = fanin.projections.iter().all(|(_, single)| *single);
    let most = fanin
        .projections
        .iter()
        .fold(0.0_f64, |most, p| most.max(p.0));
    let shifts = formats.weight_scale + formats.exponent_max.max(0) as u32;
    let largest = f64::from(formats.mantissa_max(single)) * f64::from(shifts).exp2();
    // The input is shifted left on the chip where its weights would not fit otherwise.
    let fits = |shift: &u32| most * ONE / f64::from(*shift).exp2() <= largest;
    let Some(shift) = (0..=GAIN_MAX).find(fits) else {
        let what = format!("a weight on its way in is {most}, too much for a mV in {ONE} units");
        return Err(parts.refuse(what, "give smaller weights"));
    };
    let input = ONE / f64::from(shift).exp2();
    parts.option("STEPS", i64::from(m.half_steps));
    parts.option("GAIN", i64::from(shift));
    let columns: [Column; 4] = [(&m.a).into(), (&m.b).into(), (&m.c).into(), (&m.d).into()];
    let [a, b, c, d] = &columns;
    if columns.iter().all(|c| matches!(c, Column::One(_))) {
        parts.constant("A", a, RATE, WORD)?;
        parts.constant("B", b, RATE, WORD)?;
        parts.constant("C", c, ONE, WORD)?;
        parts.constant("D", d, ONE, WORD)?;
    } else {
        parts.option("PARAMS", 1);
        for (name, column, scale) in [("a", a, RATE), ("b", b, RATE), ("c", c, ONE), ("d", d, ONE)]
        {
            given(&mut parts, name, column, scale)?;
        }
    }
    let v: Column = (&m.v_init).into();
    let u = match &m.u_init {
        Some(u) => u.into(),
        None => Column::zip(&[b, &v], |x| x[0] * x[1]),
    };
    given(&mut parts, "v", &v, ONE)?;
    given(&mut parts, "u", &u, ONE)?;
    let bias = bias(context.population);
    parts.slot("bias", &bias, ONE, WORD)?;
    if let Some(s) = &synapse {
        parts.option("SYN", if s.alpha { 2 } else { 1 });
        parts.fraction("FADE", &s.factor, 16)?;
        let missing = Column::zip(&[&bias], |x| -x[0]);
        parts.slot("s", &missing, input, WORD)?;
        if s.alpha {
            let missing = Column::zip(&[&bias, &s.factor], |x| -x[0] * (1.0 - x[1]));
            parts.slot("h", &missing, input, WORD)?;
        }
    }
    parts.wait(true);
    let input = parts.payloads(std::slice::from_ref(&gain), input);
    parts.done(vec![gain], ONE, input)
}

/// A slot whose value in the kernel's text is not 0: it is always given.
fn given(parts: &mut Parts<'_>, name: &str, value: &Column, scale: f64) -> Result<(), MapError> {
    let integer = Column::zip(&[value], |x| (x[0] * scale).round());
    parts.within(name, &integer, WORD)?;
    parts.slots.push(SlotInit {
        name: name.into(),
        values: super::integers(&integer),
    });
    Ok(())
}
