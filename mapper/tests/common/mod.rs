//! Networks made by hand, and two small simulators: of the lowered network in real numbers, of the quantised one in integers.
//!
//! Invariant: both follow the documentation of their types only, and share nothing with the mapper.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod sized;

use isa::ChipSpec;
use mapper::quantized::{self, Quantized};
use network::lowered::*;

/// A preset, with changes.
pub(crate) fn chip(name: &str, change: impl FnOnce(&mut ChipSpec)) -> ChipSpec {
    let mut chip = ChipSpec::preset(name).expect("preset").expect("valid");
    change(&mut chip);
    chip
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

pub(crate) fn fire(threshold: f64, reset: Reset) -> Fire {
    Fire {
        threshold: Param::One(threshold),
        v_reset: Param::One(0.0),
        reset,
        reset_delay: false,
        compare: Compare::Gt,
        refractory: Param::One(0.0),
    }
}

pub(crate) fn lif(tau: f64, r: f64, fire: Option<Fire>) -> Model {
    Model::Leaky {
        tau: Some(Param::One(tau)),
        r: Param::One(r),
        v_leak: Param::One(0.0),
        decay: Decay::Euler,
        fire,
        v_init: Param::One(0.0),
        noise: None,
        filter: None,
    }
}

pub(crate) fn population(name: &str, count: u32, depth: u32, model: Model) -> Population {
    Population {
        name: name.into(),
        shape: vec![count],
        depth,
        model,
        bias: Vec::new(),
    }
}

/// Rows of (target, weight), one per source element.
pub(crate) fn projection(source: Source, target: u32, rows: &[Vec<(u32, f32)>]) -> Projection {
    let mut s = Synapses {
        row_start: vec![0],
        ..Synapses::default()
    };
    for row in rows {
        for (t, w) in row {
            s.target.push(*t);
            s.weight.push(*w);
        }
        s.row_start.push(s.target.len() as u32);
    }
    Projection {
        source,
        target,
        receptor: 0,
        path: format!("{source:?}>{target}"),
        unit: WeightUnit::Model,
        align: 0,
        recurrent: false,
        synapses: s,
    }
}

pub(crate) fn dense(
    source: Source,
    from: u32,
    target: u32,
    to: u32,
    mut w: impl FnMut() -> f32,
) -> Projection {
    let rows: Vec<Vec<(u32, f32)>> = (0..from)
        .map(|_| (0..to).map(|t| (t, w())).collect())
        .collect();
    let mut p = projection(source, target, &rows);
    p.synapses.dense = true;
    p
}

pub(crate) fn net(
    inputs: &[u32],
    populations: Vec<Population>,
    projections: Vec<Projection>,
    outputs: &[u32],
) -> Lowered {
    Lowered {
        name: "net".into(),
        dt_s: 1e-3,
        inputs: inputs
            .iter()
            .enumerate()
            .map(|(i, n)| Input {
                name: format!("in{i}"),
                shape: vec![*n],
                graded: false,
            })
            .collect(),
        outputs: outputs
            .iter()
            .map(|p| Output {
                name: format!("out{p}"),
                shape: populations[*p as usize].shape.clone(),
                population: *p,
                readout: None,
            })
            .collect(),
        populations,
        projections,
        assignment: None,
        assumptions: Vec::new(),
    }
}

/// A random network: some populations, dense, sparse and recurrent projections, delays, odd parameters.
pub(crate) fn random_net(seed: u64, largest: u64) -> Lowered {
    let mut r = Random(seed);
    let inputs = vec![1 + r.below(largest) as u32];
    let count = 1 + r.below(4) as usize;
    let mut populations = Vec::new();
    for i in 0..count {
        let n = 1 + r.below(largest) as u32;
        let mut f = fire(
            0.5 + r.unit(),
            [Reset::Hard, Reset::Subtract, Reset::None][r.below(3) as usize],
        );
        if r.below(4) == 0 {
            f.threshold = Param::Each((0..n).map(|k| 1.0 + f64::from(k % 3)).collect());
        }
        let mut model = lif(2e-3 + 20e-3 * r.unit(), 1.0 + r.unit(), Some(f));
        let various = r.below(4) == 0;
        if let (true, Model::Leaky { tau, .. }) = (various, &mut model) {
            *tau = Some(Param::Each(
                (0..n).map(|k| 2e-3 + 1e-3 * f64::from(k % 5)).collect(),
            ));
        }
        let mut p = population(&format!("p{i}"), n, i as u32, model);
        if r.below(3) == 0 {
            p.bias = (0..n).map(|_| r.unit() as f32 - 0.5).collect();
        }
        populations.push(p);
    }
    let mut projections = Vec::new();
    for target in 0..count {
        let sources: Vec<Source> = std::iter::once(Source::Input(0))
            .chain((0..count as u32).map(Source::Population))
            .collect();
        for source in sources {
            if r.below(2) == 0 {
                continue;
            }
            let from = match source {
                Source::Input(_) => inputs[0],
                Source::Population(p) => populations[p as usize].len(),
            };
            let to = populations[target].len();
            let mut p = if r.below(3) == 0 {
                dense(source, from, target as u32, to, || r.unit() as f32 - 0.4)
            } else {
                let rows: Vec<Vec<(u32, f32)>> = (0..from)
                    .map(|_| {
                        (0..r.below(12))
                            .map(|_| (r.below(u64::from(to)) as u32, r.unit() as f32 - 0.4))
                            .collect()
                    })
                    .collect();
                projection(source, target as u32, &rows)
            };
            if r.below(3) == 0 {
                p.synapses.delay = p
                    .synapses
                    .target
                    .iter()
                    .map(|_| r.below(9) as u16)
                    .collect();
            }
            p.align = r.below(3) as u32;
            projections.push(p);
        }
    }
    let last = count as u32 - 1;
    net(&inputs, populations, projections, &[last])
}

/// Constants and options of one parameter profile.
struct Law {
    current: bool,
    stateless: bool,
    old: bool,
    late: bool,
    ge: bool,
    reset: i64,
    /// Factor of the current, and its fraction bits.
    decay_u: (i64, u32),
    alpha: bool,
    decay_v: i64,
    theta: i64,
    reset_v: i64,
    refractory: i64,
}

impl Law {
    fn of(p: &quantized::Population, constants: &[(String, i32)]) -> Law {
        let option = |name: &str| p.options.iter().find(|o| o.0 == name).map_or(0, |o| o.1);
        let constant = |name: &str| {
            constants
                .iter()
                .find(|c| c.0 == name)
                .map_or(0, |c| i64::from(c.1))
        };
        Law {
            current: p.kernel.starts_with("cuba") || option("SYN") > 0,
            alpha: option("SYN") == 2,
            stateless: p.kernel == "threshold" || p.kernel == "relay",
            old: option("OLD") == 1,
            late: option("LATE") == 1,
            ge: option("GE") == 1,
            reset: option("RESET"),
            decay_u: match p.kernel.starts_with("cuba") {
                true => (constant("DECAY_U"), 12),
                false => (constant("FADE"), 16),
            },
            decay_v: match p.kernel.as_str() {
                "if" => 4096,
                "lif" | "li" => constant("DECAY"),
                _ => constant("DECAY_V"),
            },
            theta: constant("THETA"),
            reset_v: constant("RESET_V"),
            refractory: if option("REFRACT") == 1 {
                constant("REFRACTORY")
            } else {
                0
            },
        }
    }
}

/// Spikes (or membranes) of all populations by step, simulated in integers: `input[t]` lists active elements (with repeats).
pub(crate) fn simulate_integers(
    q: &Quantized,
    input: &[Vec<u32>],
    steps: usize,
) -> (Vec<Vec<u32>>, Vec<Vec<i64>>) {
    let n = q.neurons() as usize;
    let ring = 512;
    let mut q_in = vec![vec![0i64; n]; ring];
    let start = |p: &quantized::Population, n: u32, name: &str| {
        p.slots
            .iter()
            .find(|s| s.name == name)
            .map_or(0, |s| i64::from(s.value(n)))
    };
    let each = |name: &str| -> Vec<i64> {
        q.populations
            .iter()
            .flat_map(|p| (0..p.count).map(move |n| start(p, n, name)))
            .collect()
    };
    let (mut u, mut v, bias, mut silent) = (each("u"), each("v"), each("bias"), each("refractory"));
    let mut h = each("h");
    let mut spiked = vec![false; n];
    let laws: Vec<Vec<Law>> = q
        .populations
        .iter()
        .map(|p| p.profiles.iter().map(|c| Law::of(p, c)).collect())
        .collect();
    let sat = |x: i64| x.clamp(-(1 << 23) + 1, (1 << 23) - 1);
    let wrap = |x: i64, b: u32| (x << (64 - b)) >> (64 - b);
    let decay = |x: i64, d: i64| (x * d) / 4096;
    let fade = |x: i64, (d, bits): (i64, u32)| (x * d) / (1 << bits);
    let (mut trains, mut membranes) = (Vec::new(), Vec::new());
    for t in 0..steps {
        for e in input.get(t).into_iter().flatten() {
            deliver(q, true, *e, t, &mut q_in);
        }
        let mut spikes = Vec::new();
        let now = std::mem::replace(&mut q_in[t % ring], vec![0; n]);
        for (p, laws) in q.populations.iter().zip(&laws) {
            for k in 0..p.count {
                let i = (p.first + k) as usize;
                let x = wrap(now[i], 22);
                let c = &laws[p.profile(k) as usize];
                let mut b = x + bias[i];
                if c.current {
                    let old = u[i];
                    let mut x = x;
                    if c.alpha {
                        h[i] = sat(fade(h[i], c.decay_u) + x);
                        x = h[i];
                    }
                    u[i] = sat(fade(u[i], c.decay_u) + x);
                    b = wrap(if c.old { old } else { u[i] } + bias[i], 24);
                }
                if silent[i] > 0 {
                    silent[i] -= 1;
                    continue;
                }
                v[i] = if c.stateless {
                    b
                } else {
                    sat(decay(v[i], c.decay_v) + b)
                };
                let reset = |v: &mut i64| match c.reset {
                    0 => *v = c.reset_v,
                    1 => *v = sat(*v - c.theta),
                    _ => {}
                };
                if c.late && spiked[i] {
                    reset(&mut v[i]);
                }
                if !p.fires {
                    continue;
                }
                let fired = if c.ge {
                    v[i] >= c.theta
                } else {
                    v[i] > c.theta
                };
                spiked[i] = fired;
                if fired {
                    spikes.push(i as u32);
                    if !c.late {
                        reset(&mut v[i]);
                    }
                    silent[i] = c.refractory;
                }
            }
        }
        for s in &spikes {
            deliver(q, false, *s, t + 1, &mut q_in);
        }
        trains.push(spikes);
        membranes.push(v.clone());
    }
    (trains, membranes)
}

fn deliver(q: &Quantized, input: bool, source: u32, at: usize, q_in: &mut [Vec<i64>]) {
    for p in &q.projections {
        if matches!(p.source, quantized::Source::Input(_)) != input {
            continue;
        }
        let (first, count) = q.source_span(p.source);
        if source < first || source >= first + count {
            continue;
        }
        let base = q.populations[p.target as usize].first;
        for i in p.row(source - first) {
            let slot = (at + usize::from(p.delay_of(i))) % q_in.len();
            q_in[slot][(base + p.targets[i]) as usize] += i64::from(p.weight(i, q.weight_scale));
        }
    }
}

/// The lowered network in real numbers with the chip's transport steps; a population at depth k starts at step k.
pub(crate) fn simulate_reals(
    net: &Lowered,
    input: &[Vec<u32>],
    steps: usize,
) -> (Vec<Vec<u32>>, Vec<Vec<f64>>) {
    let first: Vec<u32> = net
        .populations
        .iter()
        .scan(0, |n, p| {
            let f = *n;
            *n += p.len();
            Some(f)
        })
        .collect();
    let n: usize = net.populations.iter().map(|p| p.len() as usize).sum();
    let ring = 512;
    let mut x_in = vec![vec![0f64; n]; ring];
    let get = |p: &Param, i: u32| match p {
        Param::One(x) => *x,
        Param::Each(x) => x[i as usize],
    };
    let (mut cur, mut v, mut silent, mut spiked) =
        (vec![0f64; n], vec![0f64; n], vec![0f64; n], vec![false; n]);
    let mut rise = vec![0f64; n];
    for (p, f) in net.populations.iter().zip(&first) {
        for k in 0..p.len() {
            if let Model::Leaky { v_init, .. } | Model::Cuba { v_init, .. } = &p.model {
                v[(f + k) as usize] = get(v_init, k);
            }
        }
    }
    let deliver = |input: bool, index: u32, element: u32, at: usize, x_in: &mut Vec<Vec<f64>>| {
        for p in &net.projections {
            if p.source
                != if input {
                    Source::Input(index)
                } else {
                    Source::Population(index)
                }
            {
                continue;
            }
            let s = &p.synapses;
            for i in
                s.row_start[element as usize] as usize..s.row_start[element as usize + 1] as usize
            {
                let slot =
                    (at + p.align as usize + s.delay.get(i).map_or(0, |d| usize::from(*d))) % ring;
                x_in[slot][(first[p.target as usize] + s.target[i]) as usize] +=
                    f64::from(s.weight[i]);
            }
        }
    };
    let (mut trains, mut membranes) = (Vec::new(), Vec::new());
    for t in 0..steps {
        for e in input.get(t).into_iter().flatten() {
            deliver(true, 0, *e, t, &mut x_in);
        }
        let now = std::mem::replace(&mut x_in[t % ring], vec![0.0; n]);
        let mut spikes = Vec::new();
        let mut sent = Vec::new();
        for (index, (p, f)) in net.populations.iter().zip(&first).enumerate() {
            if t < p.depth as usize {
                continue;
            }
            for k in 0..p.len() {
                let i = (f + k) as usize;
                let mut x = now[i] + p.bias.get(k as usize).map_or(0.0, |b| f64::from(*b));
                let step = |tau: f64, decay: Decay| match decay {
                    Decay::Euler => net.dt_s / tau,
                    Decay::Exp => 1.0 - (-net.dt_s / tau).exp(),
                };
                let (rule, frozen) = match &p.model {
                    Model::Threshold { threshold, compare } => {
                        let th = get(threshold, k);
                        if if *compare == Compare::Ge {
                            x >= th
                        } else {
                            x > th
                        } {
                            spikes.push(i as u32);
                            sent.push((index as u32, k));
                        }
                        continue;
                    }
                    Model::Leaky { fire, .. } => (fire.as_ref(), silent[i] > 0.0),
                    Model::Cuba { fire, .. } => (fire.as_ref(), silent[i] > 0.0),
                    _ => panic!("no model of this simulation"),
                };
                let old = cur[i];
                let synapse = match &p.model {
                    Model::Cuba {
                        tau_syn,
                        w_in,
                        decay,
                        alpha,
                        ..
                    } => {
                        x *= get(w_in, k);
                        Some((step(get(tau_syn, k), *decay), *alpha))
                    }
                    Model::Leaky {
                        filter: Some(f),
                        decay,
                        ..
                    } => Some((step(get(&f.tau, k), *decay), f.alpha)),
                    _ => None,
                };
                if let Some((rate, alpha)) = synapse {
                    if alpha {
                        rise[i] += rate * (x - rise[i]);
                        x = rise[i];
                    }
                    cur[i] += rate * (x - cur[i]);
                    x = cur[i];
                }
                if frozen {
                    silent[i] -= 1.0;
                    continue;
                }
                match &p.model {
                    Model::Leaky { tau: None, r, .. } => v[i] += net.dt_s * get(r, k) * x,
                    Model::Leaky {
                        tau: Some(tau),
                        r,
                        v_leak,
                        decay,
                        ..
                    } => {
                        v[i] += step(get(tau, k), *decay) * (get(v_leak, k) - v[i] + get(r, k) * x)
                    }
                    Model::Cuba {
                        tau_mem,
                        r,
                        v_leak,
                        decay,
                        old_current,
                        ..
                    } => {
                        let c = if *old_current { old } else { cur[i] };
                        v[i] +=
                            step(get(tau_mem, k), *decay) * (get(v_leak, k) - v[i] + get(r, k) * c);
                    }
                    _ => {}
                }
                let Some(rule) = rule else { continue };
                let th = get(&rule.threshold, k);
                let reset = |v: &mut f64| match rule.reset {
                    Reset::Hard => *v = get(&rule.v_reset, k),
                    Reset::Subtract => *v -= th,
                    Reset::None => {}
                };
                if rule.reset_delay && spiked[i] {
                    reset(&mut v[i]);
                }
                let fired = if rule.compare == Compare::Ge {
                    v[i] >= th
                } else {
                    v[i] > th
                };
                spiked[i] = fired;
                if fired {
                    spikes.push(i as u32);
                    sent.push((index as u32, k));
                    if !rule.reset_delay {
                        reset(&mut v[i]);
                    }
                    silent[i] = get(&rule.refractory, k);
                }
            }
        }
        for (p, k) in sent {
            deliver(false, p, k, t + 1, &mut x_in);
        }
        trains.push(spikes);
        membranes.push(v.clone());
    }
    (trains, membranes)
}
