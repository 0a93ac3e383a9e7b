//! Whether a chip's decays are near enough to a model's.
//!
//! Invariant: a model that decays never runs as one that does not (or that keeps nothing) without a word: it is refused where the chip has no
//! decays, and listed under `approximations` where the grid of `core.decay` is too coarse.

use super::DECAY_ONE;
use super::params::Column;
use super::population::refuse;
use crate::error::{MapError, short};
use isa::ChipSpec;
use network::lowered;

/// Largest change of what a constant input adds up to, (1 − a) / (1 − ã) − 1, that is a matter of rounding: beyond it the neuron answers as if all its weights
/// were changed by as much, 30 times what a mantissa of 8 bits does to the largest of them (1/256). 12 bits keep time constants up to 800 steps within it.
const MOST: f64 = 0.1;
/// Widest decay of the kernels, bits.
const BITS: u32 = 12;

/// Relative change of the sum of a constant input.
fn change(factor: f64, kept: f64) -> f64 {
    let (asked, has) = (1.0 - factor, 1.0 - kept);
    if asked == has {
        0.0
    } else if has <= 0.0 {
        f64::INFINITY
    } else {
        (asked / has - 1.0).abs()
    }
}

/// The least bits at which no decay is changed by more than `MOST`.
fn least_bits(factors: &Column) -> Option<u32> {
    (1..=BITS).find(|bits| {
        let step = f64::from(BITS - bits).exp2();
        let kept = |a: f64| 1.0 - ((1.0 - a) * DECAY_ONE / step).round() * step / DECAY_ONE;
        factors
            .values()
            .iter()
            .all(|a| change(*a, kept(*a)) <= MOST)
    })
}

/// Compares the factors per step of `what` with those on the chip's grid: an error where the chip has none, a note where they are far off.
pub(super) fn judge(
    population: &lowered::Population,
    what: &str,
    factors: &Column,
    kept: &Column,
    chip: &ChipSpec,
) -> Result<Option<String>, MapError> {
    let bits = chip.limits.decay_bits;
    let both = Column::zip(&[factors, kept], |x| change(x[0], x[1]));
    let worst = both.max_abs();
    let at = match bits {
        // Without decays a neuron keeps all or nothing, and nothing between is near enough.
        0 => factors.values().iter().position(|x| *x != 0.0 && *x != 1.0),
        _ => both.values().iter().position(|x| *x == worst && *x > MOST),
    };
    let Some(at) = at else {
        return Ok(None);
    };
    let (factor, kept) = (factors.get(at), kept.get(at));
    let way_out = match least_bits(factors) {
        Some(least) => format!("--set core.decay={least} would do"),
        None => "a shorter time constant or a longer step (dt) would do".into(),
    };
    if bits == 0 {
        let what = format!(
            "its {what} keeps {} of itself a step, and chip \"{}\" has no decays (core.decay = 0)",
            short(factor),
            chip.name
        );
        let remedy = format!("choose a chip with decays ({way_out}) or neurons without a leak");
        return Err(refuse(population, what, remedy));
    }
    let instead = match kept {
        1.0 => "all of it, so that it never forgets".to_owned(),
        0.0 => "nothing".to_owned(),
        kept => short(kept),
    };
    let change = if worst.is_finite() {
        format!(
            "; a constant input adds up to {} % {} in the end",
            short((worst * 100.0).round()),
            if kept > factor { "more" } else { "less" }
        )
    } else {
        String::new()
    };
    Ok(Some(format!(
        "population \"{}\": its {what} keeps {} of itself a step, and core.decay = {bits} makes that {instead}{change}; {way_out}",
        population.name,
        short(factor),
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_follow_from_the_change() {
        // 1/2 is on a grid of one bit; the 0.1 that 0.9 takes is 1/8 on those of 3 and 4 bits, a quarter more, and 3/32 on that of 5.
        assert_eq!(least_bits(&Column::One(0.5)), Some(1));
        assert_eq!(least_bits(&Column::One(0.9)), Some(5));
        assert_eq!(least_bits(&Column::One(0.9999)), None);
        assert_eq!(change(0.9, 1.0), f64::INFINITY);
        assert!((change(0.9, 0.8) - 0.5).abs() < 1e-9);
        assert_eq!(change(1.0, 1.0), 0.0);
    }
}
