//! The neuron models' laws in `f64`.
//!
//! Invariant: one function per model family, in the order of operations of `specs/network.md`; parameters of zero cost
//! nothing but their test.

use super::kernel::{self, Draws, Kernel};
use super::models;
use crate::lower::Place;
use crate::lowered::{Compare, Decay, Fire, Model, Param, Reset};
use crate::models::{COMPARTMENTS, Filter};

/// Membranes of a population.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    v: Vec<f64>,
    current: Vec<f64>,
    /// The current that drives it; empty without an alpha synapse.
    rise: Vec<f64>,
    /// Steps of silence left; empty when the model has none.
    refractory: Vec<u32>,
    /// Fired in the step before; empty unless the reset is late.
    spiked: Vec<bool>,
    /// Fires or is refractory in this step; empty unless the membrane is pushed.
    closed: Vec<bool>,
    /// Of populations in chip integers.
    kernel: kernel::State,
    /// Of the models of `crate::models`.
    other: models::State,
}

/// Firing, ready to use.
struct Firing {
    threshold: Param,
    v_reset: Param,
    reset: Reset,
    late: bool,
    at_threshold: bool,
    refractory: Param,
    noise: f64,
}

/// Who draws a random number, but for the neuron.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Key {
    pub(crate) seed: u64,
    /// Node of the graph.
    pub(crate) population: u32,
    pub(crate) step: u32,
    /// Place on a chip, for what kernels draw.
    pub(crate) place: Place,
}

/// A population's law.
pub(crate) struct Law {
    len: usize,
    bias: Vec<f64>,
    kind: Kind,
    v_init: Param,
    fire: Option<Firing>,
    /// Synaptic current of a model that has none itself: its rate, and whether there are two in a row.
    filter: Option<(Param, bool)>,
    /// Gives spikes, not membranes.
    fires: bool,
    /// Projections act on its membranes after the step.
    pub(super) pushed: bool,
}

enum Kind {
    /// v += gain · x.
    Integrate { gain: Param },
    /// v += rate · ((v_leak − v) + r · x).
    Leaky {
        rate: Param,
        r: Param,
        v_leak: Param,
    },
    /// i += rate_syn · (−i + w_in · x); v += rate · ((v_leak − v) + r · i).
    Cuba {
        rate_syn: Param,
        rate: Param,
        r: Param,
        v_leak: Param,
        w_in: Param,
        old: bool,
        alpha: bool,
    },
    /// x is compared itself.
    Threshold,
    /// In chip integers.
    Kernel(Box<Kernel>),
    /// A model of `crate::models`.
    Other(Box<models::Law>),
}

pub(super) fn get(param: &Param, i: usize) -> f64 {
    match param {
        Param::One(x) => *x,
        Param::Each(v) => v[i],
    }
}

pub(super) fn map(param: &Param, f: impl Fn(f64) -> f64) -> Param {
    match param {
        Param::One(x) => Param::One(f(*x)),
        Param::Each(v) => Param::Each(v.iter().map(|&x| f(x)).collect()),
    }
}

pub(super) fn rate(tau: &Param, decay: Decay, dt_s: f64) -> Param {
    map(tau, |tau| match decay {
        Decay::Euler => dt_s / tau,
        Decay::Exp => 1.0 - (-dt_s / tau).exp(),
    })
}

/// The time constants of a model, by name, and how they become factors per step; none where a factor is always that of `exp`.
fn time_constants(model: &Model) -> (Vec<(&'static str, &Param)>, Decay) {
    fn synapse(filter: &Option<Filter>) -> Option<(&'static str, &Param)> {
        filter.as_ref().map(|f| ("tau_syn", &f.tau))
    }
    match model {
        Model::Leaky {
            tau, filter, decay, ..
        } => (
            tau.iter()
                .map(|t| ("tau", t))
                .chain(synapse(filter))
                .collect(),
            *decay,
        ),
        Model::Cuba {
            tau_syn,
            tau_mem,
            decay,
            ..
        } => (vec![("tau_syn", tau_syn), ("tau_mem", tau_mem)], *decay),
        Model::Adaptive(m) => {
            let own = [("tau_mem", &m.tau_mem), ("tau_adapt", &m.tau_adapt)];
            (own.into_iter().chain(synapse(&m.filter)).collect(), m.decay)
        }
        Model::Compartments(m) => {
            let own = [("tau_mem", &m.tau_mem), ("tau_dendrite", &m.tau_dendrite)];
            (own.into(), m.decay)
        }
        _ => (Vec::new(), Decay::Exp),
    }
}

/// Refuses steps longer than a time constant: 1 − dt/tau would be negative, and the value change its sign in each step.
fn check_step(model: &Model, dt_s: f64) -> Result<(), String> {
    let (constants, decay) = time_constants(model);
    if decay == Decay::Exp {
        return Ok(());
    }
    for (name, tau) in constants {
        let all = match tau {
            Param::One(tau) => std::slice::from_ref(tau),
            Param::Each(all) => all,
        };
        // A decay equal to the step is written as 1 − dt/tau = 0 up to rounding.
        if let Some(tau) = all.iter().find(|tau| 1.0 - dt_s / **tau < -1e-9) {
            return Err(format!(
                "{name} is {tau:e} s, shorter than the step of {dt_s:e} s (factor {:.3} per step); change dt or the time constant, or decay to exp (of a .toml: decay = \"exp\" in the file; of NIR: --import decay=exp)",
                1.0 - dt_s / tau
            ));
        }
    }
    Ok(())
}

impl Model {
    /// Whether the population gives spikes (else its membrane).
    pub fn fires(&self) -> bool {
        match self {
            Model::Leaky { fire, .. } | Model::Cuba { fire, .. } => fire.is_some(),
            Model::Threshold { .. }
            | Model::Adaptive(_)
            | Model::Izhikevich(_)
            | Model::Resonate(_)
            | Model::SigmaDelta(_)
            | Model::Compartments(_) => true,
            Model::Kernel { name, .. } => !matches!(name.as_str(), "li" | "cubali"),
        }
    }

    /// Names of its inputs, where it has more than one; those of a kernel stand in its text.
    pub fn receptors(&self) -> &'static [&'static str] {
        match self {
            Model::Compartments(_) => &COMPARTMENTS,
            _ => &[],
        }
    }
}

impl Law {
    pub(crate) fn new(
        model: &Model,
        bias: &[f32],
        len: usize,
        dt_s: f64,
        draws: Option<Draws>,
    ) -> Result<Law, String> {
        let firing = |fire: &Option<Fire>, noise: f64| {
            fire.as_ref().map(|f| Firing {
                threshold: f.threshold.clone(),
                v_reset: f.v_reset.clone(),
                reset: f.reset,
                late: f.reset_delay,
                at_threshold: f.compare == Compare::Ge,
                refractory: f.refractory.clone(),
                noise,
            })
        };
        check_step(model, dt_s)?;
        let bias = bias.iter().map(|&b| f64::from(b)).collect();
        let mut current = None;
        let (kind, v_init, fire) = match model {
            Model::Leaky {
                tau,
                r,
                v_leak,
                decay,
                fire,
                v_init,
                noise,
                filter,
            } => {
                current = filter
                    .as_ref()
                    .map(|f| (rate(&f.tau, *decay, dt_s), f.alpha));
                let kind = match tau {
                    None => Kind::Integrate {
                        gain: map(r, |r| dt_s * r),
                    },
                    Some(tau) => Kind::Leaky {
                        rate: rate(tau, *decay, dt_s),
                        r: r.clone(),
                        v_leak: v_leak.clone(),
                    },
                };
                (
                    kind,
                    v_init.clone(),
                    firing(fire, noise.as_ref().map_or(0.0, |n| n.amplitude)),
                )
            }
            Model::Cuba {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                w_in,
                decay,
                old_current,
                alpha,
                fire,
                v_init,
            } => {
                let kind = Kind::Cuba {
                    rate_syn: rate(tau_syn, *decay, dt_s),
                    rate: rate(tau_mem, *decay, dt_s),
                    r: r.clone(),
                    v_leak: v_leak.clone(),
                    w_in: w_in.clone(),
                    old: *old_current,
                    alpha: *alpha,
                };
                (kind, v_init.clone(), firing(fire, 0.0))
            }
            Model::Threshold { threshold, compare } => {
                let fire = Fire {
                    threshold: threshold.clone(),
                    v_reset: Param::One(0.0),
                    reset: Reset::None,
                    reset_delay: false,
                    compare: *compare,
                    refractory: Param::One(0.0),
                };
                (Kind::Threshold, Param::One(0.0), firing(&Some(fire), 0.0))
            }
            Model::Adaptive(_)
            | Model::Izhikevich(_)
            | Model::Resonate(_)
            | Model::SigmaDelta(_)
            | Model::Compartments(_) => {
                let law = models::Law::new(model, dt_s)?;
                (Kind::Other(Box::new(law)), Param::One(0.0), None)
            }
            Model::Kernel {
                name,
                options,
                values,
                ..
            } => (
                Kind::Kernel(Box::new(Kernel::new(name, options, values, draws)?)),
                Param::One(0.0),
                None,
            ),
        };
        Ok(Law {
            len,
            bias,
            kind,
            v_init,
            fire,
            filter: current,
            fires: model.fires(),
            pushed: false,
        })
    }

    /// Number of its inputs.
    pub(crate) fn receptors(&self) -> usize {
        match &self.kind {
            Kind::Kernel(kernel) => kernel.receptors(),
            Kind::Other(law) => law.receptors(),
            _ => 1,
        }
    }

    /// A fresh state.
    pub(crate) fn state(&self) -> State {
        let mut state = State::default();
        self.reset(&mut state);
        state
    }

    /// Back to the initial state.
    pub(crate) fn reset(&self, state: &mut State) {
        if let Kind::Kernel(kernel) = &self.kind {
            kernel.reset(&mut state.kernel, self.len);
            return;
        }
        if let Kind::Other(law) = &self.kind {
            law.reset(&mut state.other, self.len);
            return;
        }
        let len = if matches!(self.kind, Kind::Threshold) {
            0
        } else {
            self.len
        };
        state.v.clear();
        state.v.extend((0..len).map(|i| get(&self.v_init, i)));
        state.current.clear();
        state.rise.clear();
        let alpha = match (&self.kind, &self.filter) {
            (Kind::Cuba { alpha, .. }, _) | (_, Some((_, alpha))) => Some(*alpha),
            _ => None,
        };
        if let Some(alpha) = alpha {
            state.current.resize(len, 0.0);
            state.rise.resize(if alpha { len } else { 0 }, 0.0);
        }
        state.refractory.clear();
        state.spiked.clear();
        state.closed.clear();
        state
            .closed
            .resize(if self.pushed { len } else { 0 }, false);
        if let Some(fire) = &self.fire {
            if fire.refractory != Param::One(0.0) {
                state.refractory.resize(len, 0);
            }
            if fire.late {
                state.spiked.resize(len, false);
            }
        }
    }

    /// The first neuron whose input is no whole number, where the law counts in whole numbers.
    pub(crate) fn not_whole(&self, input: &[f64]) -> Option<(usize, f64)> {
        if !matches!(self.kind, Kind::Kernel(_)) {
            return None;
        }
        let mut inputs = input.iter().copied().enumerate();
        let found = inputs.find(|(_, x)| x.fract() != 0.0);
        found.map(|(i, x)| (i % self.len, x))
    }

    /// One step: reads `input` (that of each receptor, one after the other), writes spikes (1.0, and their indices to `active`) or membranes to `output`, which is all 0.
    /// `key` is that of the noise.
    pub(crate) fn step(
        &self,
        state: &mut State,
        input: &[f64],
        output: &mut [f64],
        active: &mut Vec<u32>,
        key: Key,
    ) {
        if let Kind::Kernel(kernel) = &self.kind {
            for (i, output) in output.iter_mut().enumerate() {
                // Sums of whole weights are whole, and exact below 2^53.
                let q = |receptor: usize| input[receptor * self.len + i] as i64;
                let (sent, v) = kernel.step(&mut state.kernel, i, &q, key);
                if let Some(payload) = sent {
                    *output = payload as f64;
                    active.push(i as u32);
                } else if !self.fires {
                    *output = v as f64;
                }
            }
            return;
        }
        if let Kind::Other(law) = &self.kind {
            for (i, output) in output.iter_mut().enumerate() {
                let bias = self.bias.get(i).copied().unwrap_or(0.0);
                let x = |receptor: usize| input[receptor * self.len + i];
                if let Some(payload) = law.step(&mut state.other, i, &x, bias) {
                    *output = payload;
                    active.push(i as u32);
                }
            }
            return;
        }
        for i in 0..self.len {
            let mut x = input[i] + self.bias.get(i).copied().unwrap_or(0.0);
            if let Some((rate, _)) = &self.filter {
                x = follow(&mut state.rise, i, get(rate, i), x);
                state.current[i] += get(rate, i) * (x - state.current[i]);
                x = state.current[i];
            }
            let frozen = match state.refractory.get_mut(i) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    true
                }
                _ => false,
            };
            let v = match &self.kind {
                Kind::Threshold | Kind::Kernel(_) | Kind::Other(_) => x,
                Kind::Integrate { gain } => state.v[i] + get(gain, i) * x,
                Kind::Leaky { rate, r, v_leak } => {
                    let v = state.v[i];
                    v + get(rate, i) * ((get(v_leak, i) - v) + get(r, i) * x)
                }
                Kind::Cuba {
                    rate_syn,
                    rate,
                    r,
                    v_leak,
                    w_in,
                    old,
                    ..
                } => {
                    let before = state.current[i];
                    let rate_syn = get(rate_syn, i);
                    let x = follow(&mut state.rise, i, rate_syn, get(w_in, i) * x);
                    let now = before + rate_syn * (-before + x);
                    state.current[i] = now;
                    let v = state.v[i];
                    v + get(rate, i)
                        * ((get(v_leak, i) - v) + get(r, i) * if *old { before } else { now })
                }
            };
            let Some(fire) = &self.fire else {
                state.v[i] = v;
                output[i] = v;
                continue;
            };
            if let Some(closed) = state.closed.get_mut(i) {
                *closed = frozen;
            }
            if frozen {
                continue;
            }
            let reset = |v: f64| match fire.reset {
                Reset::Hard => get(&fire.v_reset, i),
                Reset::Subtract => v - get(&fire.threshold, i),
                Reset::None => v,
            };
            let v = if fire.late && std::mem::take(&mut state.spiked[i]) {
                reset(v)
            } else {
                v
            };
            let mut threshold = get(&fire.threshold, i);
            if fire.noise != 0.0 {
                threshold += fire.noise * uniform(key, i as u32);
            }
            let spikes = v > threshold || (fire.at_threshold && v == threshold);
            if spikes {
                output[i] = 1.0;
                active.push(i as u32);
                if let Some(closed) = state.closed.get_mut(i) {
                    *closed = true;
                }
                if let Some(left) = state.refractory.get_mut(i) {
                    *left = get(&fire.refractory, i) as u32;
                }
                if fire.late {
                    state.spiked[i] = true;
                }
            }
            if let Some(slot) = state.v.get_mut(i) {
                *slot = if spikes && !fire.late { reset(v) } else { v };
            }
        }
    }
}

impl Law {
    /// Adds input `x` to the membrane of neuron `i` after the step, unless it fired or was refractory in it.
    pub(super) fn push(&self, state: &mut State, i: usize, x: f64) {
        if state.closed[i] {
            return;
        }
        state.v[i] += match &self.kind {
            Kind::Integrate { gain } => get(gain, i) * x,
            Kind::Leaky { rate, r, .. } => get(rate, i) * get(r, i) * x,
            _ => unreachable!("readers lead it to membranes"),
        };
    }
}

/// The first current of an alpha synapse, which follows its input; without one, the input.
fn follow(rise: &mut [f64], i: usize, rate: f64, x: f64) -> f64 {
    match rise.get_mut(i) {
        Some(rise) => {
            *rise += rate * (x - *rise);
            *rise
        }
        None => x,
    }
}

/// A number in [0, 1) that depends on the key and the neuron only (splitmix64 of their mixture).
pub(super) fn uniform(key: Key, neuron: u32) -> f64 {
    let mix = |z: u64| {
        let z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let place = (u64::from(key.population) << 32) | u64::from(neuron);
    (mix(mix(mix(key.seed) ^ place) ^ u64::from(key.step)) >> 11) as f64 / (1u64 << 53) as f64
}
