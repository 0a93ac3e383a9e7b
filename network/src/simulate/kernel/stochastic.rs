//! What makes the kernel `stochastic` fire, in its integers, as its head states it.
//!
//! Invariant: the table has the integers of the kernel's own; a test of the root package compares them.

use super::{Values, wrap};

/// Options that have a law here.
pub(super) const OPTIONS: [&str; 5] = ["RESET", "BIAS", "REFRACT", "NOISE", "SHIFT"];

/// Firing by chance; `site` is the place of the draw.
pub(super) struct Chance {
    theta: i64,
    shift: i64,
    site: u32,
    /// Noise of the threshold; `None`: a probability.
    noise: Option<i64>,
}

/// Chance of an index of the table, out of 65536.
fn sigmoid(index: i64) -> i64 {
    match index {
        ..=0 => 0,
        255.. => 65536,
        i => (65536.0 / (1.0 + (-(i as f64 - 127.5) / 16.0).exp())).round() as i64,
    }
}

impl Chance {
    pub(super) fn new(values: &Values<'_>, sites: &[u32]) -> Result<Chance, String> {
        let noise = match values.option("NOISE") {
            0 => None,
            _ => Some(values.constant_or("NOISE_MASK", 0)?),
        };
        Ok(Chance {
            theta: values.constant("THETA")?,
            shift: values.option_or("SHIFT", 6),
            site: sites.first().copied().unwrap_or(0),
            noise,
        })
    }

    /// Whether potential `v` fires. `draw` gives the word of a place.
    pub(super) fn fires(&self, v: i64, draw: impl Fn(u32) -> u32) -> bool {
        let word = i64::from(draw(self.site));
        let part = |x: i64| x.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        match self.noise {
            Some(mask) => {
                let difference = wrap(((word >> 16) & mask) - wrap(word & mask, 32), 32);
                v > part(self.theta + (difference << self.shift))
            }
            None => {
                let above = part(part(v - self.theta) + (128 << self.shift));
                word >> 16 < sigmoid(above >> self.shift)
            }
        }
    }
}
