//! The integers of one crossbar neuron, and its law next to the law of the model that it stands for.
//!
//! Invariant: [`Cell::step`] is the deterministic part of the kernel `truenorth` as its head states it; [`Real::step`] is
//! the recurrence of `quantize::params`. Nothing here knows weights.

use network::lowered::Reset;

/// Largest magnitude of the stored potential: 20 bits.
const STORED: i64 = (1 << 19) - 1;

/// Modes that all neurons of a population share: options of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Modes {
    /// Reset: 0 to a value, 1 linear, 2 none.
    pub(super) gamma: i64,
    /// Below the floor: 0 reset, 1 hold.
    pub(super) kappa: i64,
    /// 1: the leak leads to 0 from both sides.
    pub(super) epsilon: i64,
}

/// Parameters and start of a neuron, in chip units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) v: i32,
    pub(super) leak: i32,
    pub(super) alpha: i32,
    pub(super) beta: i32,
    pub(super) reset: i32,
}

impl Cell {
    /// One tick; whether it fires.
    pub(super) fn step(&self, modes: Modes, v: &mut i64, input: i64) -> bool {
        let before = *v + input;
        let leak = i64::from(self.leak);
        let now = if modes.epsilon == 1 {
            let leaked = before + before.signum() * leak;
            if leaked.signum() == before.signum() {
                leaked
            } else {
                0
            }
        } else {
            before + leak
        };
        let (alpha, beta, reset) = (
            i64::from(self.alpha),
            i64::from(self.beta),
            i64::from(self.reset),
        );
        let fires = now >= alpha;
        let next = match (fires, now < -beta) {
            (true, _) => match modes.gamma {
                0 => reset,
                1 => now - alpha,
                _ => now,
            },
            (false, true) if modes.kappa == 1 => -beta,
            (false, true) => match modes.gamma {
                0 => -reset,
                1 => now + beta,
                _ => now,
            },
            (false, false) => now,
        };
        *v = next.clamp(-STORED - 1, STORED);
        fires
    }
}

/// One neuron of the model, in real numbers: `v = a·v + x + bias`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Real {
    pub(super) a: f64,
    pub(super) bias: f64,
    pub(super) start: f64,
    /// `None`: it is read, and never fires.
    pub(super) fire: Option<RealFire>,
}

/// Its firing rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct RealFire {
    pub(super) threshold: f64,
    pub(super) v_reset: f64,
    pub(super) reset: Reset,
    pub(super) late: bool,
    pub(super) ge: bool,
}

impl Real {
    /// One step; whether it fires. `spiked` is its memory of the step before.
    pub(super) fn step(&self, v: &mut f64, spiked: &mut bool, x: f64) -> bool {
        *v = self.a * *v + x + self.bias;
        let Some(fire) = self.fire else { return false };
        let reset = |v: f64| match fire.reset {
            Reset::Hard => fire.v_reset,
            Reset::Subtract => v - fire.threshold,
            Reset::None => v,
        };
        if fire.late && *spiked {
            *v = reset(*v);
        }
        let fires = if fire.ge {
            *v >= fire.threshold
        } else {
            *v > fire.threshold
        };
        *spiked = fires;
        if fires && !fire.late {
            *v = reset(*v);
        }
        fires
    }

    /// Distance over which v moves between a reset and a spike.
    pub(super) fn range(&self) -> f64 {
        self.fire.map_or(0.0, |f| match f.reset {
            Reset::Hard if f.v_reset < f.threshold => f.threshold - f.v_reset,
            _ => f.threshold.abs(),
        })
    }

    /// Where v ends without input.
    pub(super) fn rest(&self) -> f64 {
        if self.bias == 0.0 {
            0.0
        } else {
            self.bias / (1.0 - self.a)
        }
    }
}
