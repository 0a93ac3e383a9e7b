//! An integer simulation of a quantised network that shares nothing with the emulator: the laws of the kernels written
//! out, one neuron at a time. The chip must give the same spikes and readout values, every one of them.

use mapper::quantized::{Population, Quantized, Source};
use std::collections::BTreeMap;

/// What the simulation gave for one sample.
pub(crate) struct Trains {
    /// (step, logical id), ascending.
    pub(crate) spikes: Vec<(u32, u32)>,
    /// Slot `v` of every population that does not fire, by population: `step × neurons`.
    pub(crate) values: BTreeMap<usize, Vec<i32>>,
}

/// Most inputs of a neuron.
const RECEPTORS: usize = 4;

/// State of one neuron.
#[derive(Clone, Default)]
struct Neuron {
    u: i64,
    /// What drives u in an alpha synapse.
    h: i64,
    v: i64,
    /// Dendrite.
    d: i64,
    wait: i64,
    bias: i64,
    refractory: i64,
    late: bool,
}

/// Parameters of one neuron.
struct Law<'a> {
    kernel: &'a str,
    options: BTreeMap<&'a str, i64>,
    constants: Vec<BTreeMap<&'a str, i64>>,
}

impl Law<'_> {
    fn option(&self, name: &str) -> i64 {
        self.options.get(name).copied().unwrap_or(0)
    }
}

fn wrap(x: i64, bits: u32) -> i64 {
    let half = 1_i64 << (bits - 1);
    (x + half).rem_euclid(2 * half) - half
}

/// x · k / 4096, rounded toward zero.
fn decay(x: i64, k: i64) -> i64 {
    (x.abs() * k / 4096) * x.signum()
}

fn clip(x: i64) -> i64 {
    let limit = (1 << 23) - 1;
    x.clamp(-limit, limit)
}

/// What the soma takes in.
fn joined(law: &Law<'_>, k: &BTreeMap<&str, i64>, own: i64, dendrite: i64) -> i64 {
    let above = dendrite > k.get("GATE").copied().unwrap_or(0);
    match law.option("JOIN") {
        0 => own + dendrite,
        1 => own.max(dendrite),
        2 => own.min(dendrite),
        join => own * i64::from(above == (join == 3)),
    }
}

/// One update. Returns whether the neuron fires.
fn update(
    n: &mut Neuron,
    law: &Law<'_>,
    k: &BTreeMap<&str, i64>,
    inputs: [i64; RECEPTORS],
) -> bool {
    if n.wait > 0 {
        n.wait -= 1;
        return false;
    }
    let q = wrap(inputs[0], 22);
    let constant = |name: &str| {
        *k.get(name)
            .unwrap_or_else(|| panic!("{}: no {name}", law.kernel))
    };
    let fires = !matches!(law.kernel, "li" | "cubali");
    let drive = match law.kernel {
        "cubalif" | "cubali" => {
            let old = n.u;
            let mut q = q;
            if law.option("SYN") == 2 {
                n.h = wrap(decay(n.h, constant("DECAY_U")) + q, 24);
                q = n.h;
            }
            n.u = wrap(decay(n.u, constant("DECAY_U")) + q, 24);
            wrap(if law.option("OLD") == 1 { old } else { n.u } + n.bias, 24)
        }
        "compartments" => {
            n.d = clip(decay(n.d, constant("DECAY_D")) + wrap(inputs[1], 22));
            joined(law, k, q + n.bias, n.d)
        }
        _ if law.option("SYN") > 0 => {
            let fade = |x: i64| (x.abs() * constant("FADE") / 65536) * x.signum();
            let mut q = q;
            if law.option("SYN") == 2 {
                n.h = clip(fade(n.h) + q);
                q = n.h;
            }
            n.u = clip(fade(n.u) + q);
            n.u + n.bias
        }
        _ => q + n.bias,
    };
    if law.kernel == "threshold" || law.kernel == "relay" {
        let theta = if law.kernel == "relay" {
            k.get("THETA").copied().unwrap_or(0)
        } else {
            constant("THETA")
        };
        return if law.option("GE") == 1 {
            drive >= theta
        } else {
            drive > theta
        };
    }
    if n.refractory > 0 {
        n.refractory -= 1;
        return false;
    }
    let leaked = match law.kernel {
        "if" => n.v,
        "cubalif" | "cubali" => decay(n.v, constant("DECAY_V")),
        _ => decay(n.v, constant("DECAY")),
    };
    n.v = clip(leaked + drive);
    if !fires {
        return false;
    }
    let reset = |v: i64| match law.option("RESET") {
        0 => k.get("RESET_V").copied().unwrap_or(0),
        1 => clip(v - constant("THETA")),
        _ => v,
    };
    if law.option("LATE") == 1 && n.late {
        n.v = reset(n.v);
    }
    let theta = constant("THETA");
    let spike = if law.option("GE") == 1 {
        n.v >= theta
    } else {
        n.v > theta
    };
    n.late = spike;
    if spike {
        if law.option("LATE") == 0 {
            n.v = reset(n.v);
        }
        if law.option("CLEAR") == 1 {
            n.d = 0;
        }
        if law.option("REFRACT") == 1 {
            n.refractory = k.get("REFRACTORY").copied().unwrap_or(0);
        }
    }
    spike
}

fn law(population: &Population) -> Law<'_> {
    Law {
        kernel: &population.kernel,
        options: population
            .options
            .iter()
            .map(|(n, v)| (n.as_str(), *v))
            .collect(),
        constants: population
            .profiles
            .iter()
            .map(|p| p.iter().map(|(n, v)| (n.as_str(), i64::from(*v))).collect())
            .collect(),
    }
}

/// Runs `steps` steps with input events (step, element, times).
pub(crate) fn simulate(net: &Quantized, steps: u32, events: &[(u32, u32, i32)]) -> Trains {
    const RING: usize = 64;
    let laws: Vec<Law<'_>> = net.populations.iter().map(law).collect();
    let mut state: Vec<Vec<Neuron>> = net
        .populations
        .iter()
        .map(|p| {
            (0..p.count)
                .map(|i| {
                    let slot = |name: &str| {
                        let found = p.slots.iter().find(|s| s.name == name);
                        i64::from(found.map_or(0, |s| s.value(i)))
                    };
                    Neuron {
                        u: slot("u"),
                        h: slot("h"),
                        v: slot("v"),
                        d: slot("d"),
                        wait: slot("wait"),
                        bias: slot("bias"),
                        refractory: slot("refractory"),
                        late: slot("spiked") != 0,
                    }
                })
                .collect()
        })
        .collect();
    let none = vec![[0; RECEPTORS]; net.neurons() as usize];
    let mut arriving = vec![none.clone(); RING];
    let mut trains = Trains {
        spikes: Vec::new(),
        values: BTreeMap::new(),
    };
    let send = |arriving: &mut [Vec<[i64; RECEPTORS]>],
                source: Source,
                element: u32,
                from: u32,
                times: i64| {
        for p in net.projections.iter().filter(|p| p.source == source) {
            let first = net.populations[p.target as usize].first;
            for s in p.row(element) {
                let slot = (from + u32::from(p.delay_of(s))) as usize % RING;
                let target = (first + p.targets[s]) as usize;
                let weight = i64::from(p.weight(s, net.weight_scale));
                let law = &laws[p.target as usize];
                // One payload, or as many spikes.
                let (payload, count) = match source {
                    Source::Input(i) if net.inputs[i as usize].graded => (times, 1),
                    _ => (1, times),
                };
                let adds = match law.option("GRADED") {
                    1 => count * ((weight * payload) >> law.option("SHIFT")),
                    _ => count * payload * weight,
                };
                arriving[slot][target][usize::from(p.receptor)] += adds;
            }
        }
    };
    for t in 0..steps {
        for &(_, element, times) in events.iter().filter(|e| e.0 == t) {
            let input = net
                .inputs
                .iter()
                .position(|i| (i.first..i.first + i.count).contains(&element));
            let input = input.expect("an element of some input");
            let local = element - net.inputs[input].first;
            send(
                &mut arriving,
                Source::Input(input as u32),
                local,
                t,
                times.into(),
            );
        }
        let now = std::mem::replace(&mut arriving[t as usize % RING], none.clone());
        for (index, p) in net.populations.iter().enumerate() {
            for i in 0..p.count {
                let constants = &laws[index].constants[p.profile(i) as usize];
                let neuron = &mut state[index][i as usize];
                if update(neuron, &laws[index], constants, now[(p.first + i) as usize]) {
                    trains.spikes.push((t, p.first + i));
                    send(&mut arriving, Source::Population(index as u32), i, t + 1, 1);
                }
            }
            if !p.fires {
                let v = state[index].iter().map(|n| n.v as i32);
                trains.values.entry(index).or_default().extend(v);
            }
        }
    }
    trains
}
