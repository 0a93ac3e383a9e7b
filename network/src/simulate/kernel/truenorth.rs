//! The law of the kernel `truenorth` in its integers, as its head states it.
//!
//! Invariant: sums of synapses arrive as they are; what a crossbar draws per synapse is no part of a network.

use super::{Values, at};
use crate::lowered::IntParam;

/// Widths: sums, and the stored potential.
const SUM: i64 = (1 << 31) - 1;
const STORED: i64 = (1 << 19) - 1;

/// Options that have a law here.
pub(super) const OPTIONS: [&str; 8] = [
    "GAMMA", "KAPPA", "EPSILON", "B", "C", "TM", "MODES", "CLAMP",
];

/// A parameter: of the group, or of each lane.
type Each = IntParam;

pub(super) struct TrueNorth {
    leak: Each,
    alpha: Each,
    beta: Each,
    reset: Each,
    gamma: Each,
    kappa: Each,
    epsilon: Each,
    /// Stochastic leak, with the place of its draw.
    stochastic: Option<(Each, u32)>,
    /// Width of the threshold's noise, with the place of its draw.
    noise: Option<(Each, u32)>,
    ceiling: Option<i64>,
}

fn saturate(x: i64) -> i64 {
    x.clamp(-SUM - 1, SUM)
}

impl TrueNorth {
    /// `sites` are the places of the draws, in the order of the program.
    pub(super) fn new(values: &Values<'_>, sites: &[u32]) -> Result<TrueNorth, String> {
        if values.option("B") != 0 {
            return Err(
                "stochastic synapses (B) draw for each synapse of a crossbar, which a network does not have; write the program in assembly".into(),
            );
        }
        let slot = |name: &str, default| values.get(name).unwrap_or(IntParam::One(default));
        let mode = |name: &str, option: &str| match values.option("MODES") {
            0 => IntParam::One(values.option(option)),
            _ => slot(name, 0),
        };
        let mut sites = sites.iter().copied();
        let mut drawn = |option: &str, name: &str| {
            let with = values.option(option) != 0;
            let site = if with { sites.next() } else { None };
            site.map(|site| (slot(name, 0), site))
        };
        Ok(TrueNorth {
            leak: slot("leak", 0),
            alpha: slot("alpha", 1),
            beta: slot("beta", 0),
            reset: slot("reset_v", 0),
            gamma: mode("gamma", "GAMMA"),
            kappa: mode("kappa", "KAPPA"),
            epsilon: mode("epsilon", "EPSILON"),
            stochastic: drawn("C", "c"),
            noise: drawn("TM", "tm"),
            ceiling: (values.option("CLAMP") != 0).then_some(393_216),
        })
    }

    /// One tick of neuron `i`: whether it fires. `draw` gives the word of a place.
    pub(super) fn step(&self, v: &mut i64, i: usize, q: i64, draw: impl Fn(u32) -> u32) -> bool {
        let before = saturate(*v + saturate(q));
        let mut leak = at(&self.leak, i);
        if let Some((c, site)) = &self.stochastic
            && at(c, i) != 0
        {
            let passes = leak.abs() >= i64::from(draw(*site) >> 24);
            leak = if passes { leak.signum() } else { 0 };
        }
        let mut now;
        if at(&self.epsilon, i) != 0 {
            now = saturate(before + before.signum() * leak);
            if now.signum() != before.signum() {
                now = 0;
            }
        } else {
            now = saturate(before + leak);
        }
        let mut eta = 0;
        if let Some((tm, site)) = &self.noise {
            let mask = (1u32 << (at(tm, i) & 31)).wrapping_sub(1);
            if mask != 0 {
                eta = i64::from(draw(*site) & mask);
            }
        }
        if let Some(ceiling) = self.ceiling {
            now = now.clamp(-ceiling, ceiling);
        }
        let kappa = at(&self.kappa, i) != 0;
        let alpha = saturate(at(&self.alpha, i) + eta);
        let beta = saturate(at(&self.beta, i) + if kappa { 0 } else { eta });
        let fires = now >= alpha || self.ceiling == Some(now);
        let gamma = at(&self.gamma, i);
        let next = if fires {
            match gamma {
                ..=0 => at(&self.reset, i),
                1 => saturate(now - alpha),
                _ => now,
            }
        } else if now < -beta {
            match gamma {
                _ if kappa => -beta,
                ..=0 => -at(&self.reset, i),
                1 => saturate(now + beta),
                _ => now,
            }
        } else {
            now
        };
        *v = next.clamp(-STORED - 1, STORED);
        fires
    }
}
