//! The integer network of a crossbar chip, simulated one neuron at a time with the law of its neuron written out again
//! (Cassidy et al., IJCNN 2013, deterministic part). Shares nothing with mapper, kernels or emulator but the network's type.

use mapper::quantized::{Population, Quantized, Source};
use std::collections::BTreeMap;

/// What the simulation gave for one sample.
pub(super) struct Trains {
    /// (step, logical id), ascending.
    pub(super) spikes: Vec<(u32, u32)>,
    /// Potentials of every population that does not fire, by population: `step × neurons`.
    pub(super) values: BTreeMap<usize, Vec<i32>>,
}

/// Registers of one neuron.
struct Registers {
    leak: i64,
    alpha: i64,
    beta: i64,
    reset: i64,
    gamma: i64,
    kappa: i64,
    epsilon: i64,
}

fn registers(p: &Population, neuron: u32) -> Registers {
    let slot = |name: &str, default: i64| {
        let found = p.slots.iter().find(|s| s.name == name);
        found.map_or(default, |s| i64::from(s.value(neuron)))
    };
    let option = |name: &str| p.options.iter().find(|o| o.0 == name).map_or(0, |o| o.1);
    Registers {
        leak: slot("leak", 0),
        alpha: slot("alpha", 1),
        beta: slot("beta", 0),
        reset: slot("reset_v", 0),
        gamma: option("GAMMA"),
        kappa: option("KAPPA"),
        epsilon: option("EPSILON"),
    }
}

/// One tick: leak, threshold, floor. Returns whether it fires.
fn tick(v: &mut i64, r: &Registers, input: i64) -> bool {
    *v += input;
    let before = *v;
    if r.epsilon == 1 {
        *v += r.leak * before.signum();
        if before.signum() != v.signum() {
            *v = 0;
        }
    } else {
        *v += r.leak;
    }
    let fires = *v >= r.alpha;
    if fires {
        match r.gamma {
            0 => *v = r.reset,
            1 => *v -= r.alpha,
            _ => {}
        }
    } else if *v < -r.beta {
        *v = match (r.kappa, r.gamma) {
            (1, _) => -r.beta,
            (_, 0) => -r.reset,
            (_, 1) => *v + r.beta,
            _ => *v,
        };
    }
    *v = (*v).clamp(-524_288, 524_287);
    fires
}

/// Runs `steps` steps with input events (step, element).
pub(super) fn simulate(net: &Quantized, steps: u32, events: &[(u32, u32)]) -> Trains {
    let neurons = net.neurons() as usize;
    let mut arriving: Vec<Vec<i64>> = vec![vec![0; neurons]; steps as usize + 32];
    let registers: Vec<Registers> = net
        .populations
        .iter()
        .flat_map(|p| (0..p.count).map(|i| registers(p, i)))
        .collect();
    let mut v: Vec<i64> = Vec::with_capacity(neurons);
    for p in &net.populations {
        let start = p.slots.iter().find(|s| s.name == "v");
        v.extend((0..p.count).map(|i| start.map_or(0, |s| i64::from(s.value(i)))));
    }
    let send = |arriving: &mut [Vec<i64>], source: Source, element: u32, from: u32| {
        for p in net.projections.iter().filter(|p| p.source == source) {
            let first = net.populations[p.target as usize].first;
            for s in p.row(element) {
                let at = (from + u32::from(p.delay_of(s))) as usize;
                arriving[at][(first + p.targets[s]) as usize] += i64::from(p.weight(s, 0));
            }
        }
    };
    for (step, element) in events {
        let of = |i: &mapper::quantized::Input| (i.first..i.first + i.count).contains(element);
        let input = net
            .inputs
            .iter()
            .position(of)
            .expect("an element of some input");
        let local = element - net.inputs[input].first;
        send(&mut arriving, Source::Input(input as u32), local, *step);
    }
    let mut trains = Trains {
        spikes: Vec::new(),
        values: BTreeMap::new(),
    };
    for t in 0..steps {
        for (index, p) in net.populations.iter().enumerate() {
            for i in 0..p.count {
                let n = (p.first + i) as usize;
                let input = arriving[t as usize][n];
                if tick(&mut v[n], &registers[n], input) {
                    trains.spikes.push((t, n as u32));
                    send(&mut arriving, Source::Population(index as u32), i, t + 1);
                }
            }
            if !p.fires {
                let mine = &v[p.first as usize..(p.first + p.count) as usize];
                let values = trains.values.entry(index).or_default();
                values.extend(mine.iter().map(|v| *v as i32));
            }
        }
    }
    trains
}
