//! The laws of `crate::models` in `f64`.
//!
//! Invariant: the order of operations of `specs/network.md`; columns of the state mean the same for all neurons of a population.

use super::neuron::{get, map, rate};
use crate::lowered::{Compare, Decay, Fire, Model, Param, Reset};
use crate::models::{AdaptiveReset, COMPARTMENTS, Filter, IZHIKEVICH_DT_S, Join, When};

/// State of a population: v (re, sum), adaptation (recovery, im, reference, dendrite), the synapse's two currents, 1 after a spike, steps
/// of silence.
#[derive(Clone, Debug, Default)]
pub(super) struct State([Vec<f64>; 6]);

const CURRENT: usize = 2;
const RISE: usize = 3;

enum Kind {
    Adaptive {
        rate: Param,
        rate_adapt: Param,
        r: Param,
        threshold: Param,
        beta: Param,
        at_threshold: bool,
        reset: AdaptiveReset,
    },
    Izhikevich {
        a: Param,
        b: Param,
        c: Param,
        d: Param,
        half_steps: bool,
    },
    Resonate {
        cos: Param,
        sin: Param,
        r: Param,
        threshold: Param,
        v_reset: Option<Param>,
        when: When,
    },
    SigmaDelta {
        threshold: Param,
        relu: bool,
    },
    Compartments {
        rate: Param,
        rate_dendrite: Param,
        r: Param,
        r_dendrite: Param,
        join: Join,
        gate: Param,
        clear: bool,
        fire: Fire,
    },
}

/// A population's law.
pub(super) struct Law {
    kind: Kind,
    /// Rate of the synaptic current, and whether there are two.
    filter: Option<(Param, bool)>,
    /// First values of v and of the second column.
    initial: [Param; 2],
}

fn both(a: &Param, b: &Param, f: impl Fn(f64, f64) -> f64) -> Param {
    let long = [a, b].into_iter().find_map(|p| match p {
        Param::Each(v) => Some(v.len()),
        Param::One(_) => None,
    });
    match long {
        None => Param::One(f(get(a, 0), get(b, 0))),
        Some(n) => Param::Each((0..n).map(|i| f(get(a, i), get(b, i))).collect()),
    }
}

impl Law {
    /// The law of a model of `crate::models`.
    pub(super) fn new(model: &Model, dt_s: f64) -> Result<Law, String> {
        let filtered = |filter: &Option<Filter>, decay: Decay| {
            let one = |f: &Filter| (rate(&f.tau, decay, dt_s), f.alpha);
            filter.as_ref().map(one)
        };
        let zero = Param::One(0.0);
        Ok(match model {
            Model::Adaptive(m) => Law {
                kind: Kind::Adaptive {
                    rate: rate(&m.tau_mem, m.decay, dt_s),
                    rate_adapt: rate(&m.tau_adapt, m.decay, dt_s),
                    r: m.r.clone(),
                    threshold: m.threshold.clone(),
                    beta: m.beta.clone(),
                    at_threshold: m.compare == Compare::Ge,
                    reset: m.reset.clone(),
                },
                filter: filtered(&m.filter, m.decay),
                initial: [m.v_init.clone(), zero],
            },
            Model::Izhikevich(m) => {
                if (dt_s / IZHIKEVICH_DT_S - 1.0).abs() > 1e-9 {
                    return Err(format!(
                        "a step of Izhikevich's model is 1 ms, and that of the network {dt_s} s; use dt = 1e-3"
                    ));
                }
                let u = both(&m.b, &m.v_init, |b, v| b * v);
                Law {
                    kind: Kind::Izhikevich {
                        a: m.a.clone(),
                        b: m.b.clone(),
                        c: m.c.clone(),
                        d: m.d.clone(),
                        half_steps: m.half_steps,
                    },
                    filter: filtered(&m.filter, Decay::Exp),
                    initial: [m.v_init.clone(), m.u_init.clone().unwrap_or(u)],
                }
            }
            Model::Resonate(m) => {
                let damping = map(&m.tau, |tau| (-dt_s / tau).exp());
                let angle = map(&m.frequency, |hz| std::f64::consts::TAU * hz * dt_s);
                Law {
                    kind: Kind::Resonate {
                        cos: both(&damping, &angle, |p, phi| p * phi.cos()),
                        sin: both(&damping, &angle, |p, phi| p * phi.sin()),
                        r: m.r.clone(),
                        threshold: m.threshold.clone(),
                        v_reset: m.v_reset.clone(),
                        when: m.when,
                    },
                    filter: None,
                    initial: [zero.clone(), zero],
                }
            }
            Model::SigmaDelta(m) => Law {
                kind: Kind::SigmaDelta {
                    threshold: m.threshold.clone(),
                    relu: m.relu,
                },
                filter: None,
                initial: [zero.clone(), zero],
            },
            Model::Compartments(m) => Law {
                kind: Kind::Compartments {
                    rate: rate(&m.tau_mem, m.decay, dt_s),
                    rate_dendrite: rate(&m.tau_dendrite, m.decay, dt_s),
                    r: m.r.clone(),
                    r_dendrite: m.r_dendrite.clone(),
                    join: m.join,
                    gate: m.gate.clone(),
                    clear: m.clear,
                    fire: m.fire.clone(),
                },
                filter: None,
                initial: [m.v_init.clone(), zero],
            },
            _ => unreachable!("the caller knows the others"),
        })
    }

    /// Number of its inputs.
    pub(super) fn receptors(&self) -> usize {
        match self.kind {
            Kind::Compartments { .. } => COMPARTMENTS.len(),
            _ => 1,
        }
    }

    /// Back to the initial state.
    pub(super) fn reset(&self, state: &mut State, len: usize) {
        for (column, values) in state.0.iter_mut().enumerate() {
            values.clear();
            let first = |i| self.initial.get(column).map_or(0.0, |p| get(p, i));
            values.extend((0..len).map(first));
        }
    }

    /// What reaches the neuron: the input sum, or the synaptic current that it drives.
    fn current(&self, state: &mut State, i: usize, x: f64) -> f64 {
        let Some((rate, alpha)) = &self.filter else {
            return x;
        };
        let rate = get(rate, i);
        let mut x = x;
        if *alpha {
            state.0[RISE][i] += rate * (x - state.0[RISE][i]);
            x = state.0[RISE][i];
        }
        state.0[CURRENT][i] += rate * (x - state.0[CURRENT][i]);
        state.0[CURRENT][i]
    }

    /// One step of neuron `i` with the input of each receptor, and its bias: what it sends.
    pub(super) fn step(
        &self,
        state: &mut State,
        i: usize,
        input: &dyn Fn(usize) -> f64,
        bias: f64,
    ) -> Option<f64> {
        let x = input(0);
        match &self.kind {
            Kind::Adaptive {
                rate,
                rate_adapt,
                r,
                threshold,
                beta,
                at_threshold,
                reset,
            } => {
                let x = self.current(state, i, x + bias);
                let [v, adapted, _, _, fired, silent] = &mut state.0;
                let (v, adapted, fired) = (&mut v[i], &mut adapted[i], &mut fired[i]);
                let rest = get(threshold, i);
                let adapt =
                    |adapted: f64, spike: f64| adapted + get(rate_adapt, i) * (spike - adapted);
                let moved = |adapted: f64| rest + get(beta, i) * adapted;
                if *reset == AdaptiveReset::Moving {
                    *adapted = adapt(*adapted, *fired);
                }
                let threshold = moved(*adapted);
                let less = match reset {
                    AdaptiveReset::Moving => threshold * *fired,
                    AdaptiveReset::Resting { late: true, .. } => rest * *fired,
                    AdaptiveReset::Resting { .. } => 0.0,
                };
                *v += get(rate, i) * (get(r, i) * x - *v) - less;
                let mut fires = *v > threshold || (*at_threshold && *v == threshold);
                if let AdaptiveReset::Resting { late, refractory } = reset {
                    let silent = &mut silent[i];
                    fires &= *silent <= 0.0;
                    *silent = (*silent - 1.0).max(0.0);
                    if fires {
                        *silent = get(refractory, i);
                        *v -= if *late { 0.0 } else { rest };
                    }
                    *adapted = adapt(*adapted, f64::from(fires));
                }
                *fired = f64::from(fires);
                fires.then_some(1.0)
            }
            Kind::Izhikevich {
                a,
                b,
                c,
                d,
                half_steps,
            } => {
                let x = self.current(state, i, x + bias);
                let [v, u, ..] = &mut state.0;
                let (v, u) = (&mut v[i], &mut u[i]);
                let (steps, size) = if *half_steps { (2, 0.5) } else { (1, 1.0) };
                for _ in 0..steps {
                    *v += size * ((0.04 * *v + 5.0) * *v + 140.0 - *u + x);
                }
                *u += get(a, i) * (get(b, i) * *v - *u);
                let fires = *v >= 30.0;
                if fires {
                    *v = get(c, i);
                    *u += get(d, i);
                }
                fires.then_some(1.0)
            }
            Kind::Resonate {
                cos,
                sin,
                r,
                threshold,
                v_reset,
                when,
            } => {
                let [re, im, ..] = &mut state.0;
                let (re, im) = (&mut re[i], &mut im[i]);
                let (cos, sin) = (get(cos, i), get(sin, i));
                let x = cos * *re - sin * *im + get(r, i) * (x + bias);
                let y = sin * *re + cos * *im;
                let threshold = get(threshold, i);
                let fires = match when {
                    When::Level => y > threshold,
                    When::Peak => y > threshold && *re >= 0.0 && x < 0.0,
                    When::RealPeak => x >= threshold && *im < 0.0 && y >= 0.0,
                };
                (*re, *im) = (x, y);
                if let Some(v_reset) = v_reset
                    && fires
                {
                    (*re, *im) = (0.0, get(v_reset, i));
                }
                fires.then_some(1.0)
            }
            Kind::SigmaDelta { threshold, relu } => {
                let [sum, sent, ..] = &mut state.0;
                let (sum, sent) = (&mut sum[i], &mut sent[i]);
                *sum += x;
                let y = if *relu {
                    (*sum + bias).max(0.0)
                } else {
                    *sum + bias
                };
                let change = y - *sent;
                let fires = change.abs() >= get(threshold, i);
                if fires {
                    *sent = y;
                }
                fires.then_some(change)
            }
            Kind::Compartments {
                rate,
                rate_dendrite,
                r,
                r_dendrite,
                join,
                gate,
                clear,
                fire,
            } => {
                let [v, d, _, _, _, silent] = &mut state.0;
                let (v, d, silent) = (&mut v[i], &mut d[i], &mut silent[i]);
                *d += get(rate_dendrite, i) * (get(r_dendrite, i) * input(1) - *d);
                if *silent > 0.0 {
                    *silent -= 1.0;
                    return None;
                }
                let own = get(r, i) * (x + bias);
                let open = *d > get(gate, i);
                let joined = match join {
                    Join::Add => own + *d,
                    Join::Max => own.max(*d),
                    Join::Min => own.min(*d),
                    Join::Pass => f64::from(open) * own,
                    Join::Block => f64::from(!open) * own,
                };
                *v += get(rate, i) * (joined - *v);
                let threshold = get(&fire.threshold, i);
                let fires = *v > threshold || (fire.compare == Compare::Ge && *v == threshold);
                if fires {
                    match fire.reset {
                        Reset::Hard => *v = get(&fire.v_reset, i),
                        Reset::Subtract => *v -= threshold,
                        Reset::None => {}
                    }
                    if *clear {
                        *d = 0.0;
                    }
                    *silent = get(&fire.refractory, i);
                }
                fires.then_some(1.0)
            }
        }
    }
}
