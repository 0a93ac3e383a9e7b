//! Random networks of one to dozens of cores, and chips of which each limit binds for some of them.
//!
//! Invariant: a seed gives the same network and chip everywhere; a network fits a core at a time, neuron by neuron.

use super::*;

/// Chips in turn: what is scarce on them.
const SCARCE: [&str; 8] = [
    "nothing", "nothing", "nothing", "neurons", "axons", "slots", "memory", "kinds",
];

/// A whole number between two, small ones as likely as large ones by their logarithm.
fn between(r: &mut Random, low: u64, high: u64) -> u32 {
    let (a, b) = ((low as f64).ln(), (high as f64 + 1.0).ln());
    ((a + (b - a) * r.unit()).exp() as u64).clamp(low, high) as u32
}

/// The chip of a seed.
pub(crate) fn sized_chip(seed: u64) -> ChipSpec {
    let mut r = Random(seed ^ 0x00C0_FFEE);
    let scarce = SCARCE[seed as usize % SCARCE.len()];
    let preset = if seed % 16 == 2 || r.below(6) == 0 {
        "programmable"
    } else {
        "loihi"
    };
    chip(preset, |c| {
        let l = &mut c.limits;
        match scarce {
            "neurons" => l.neurons = between(&mut r, 12, 96),
            "axons" => l.input_axons = between(&mut r, 180, 700),
            "slots" => l.output_slots = between(&mut r, 40, 400),
            "memory" => l.synapse_bits = u64::from(between(&mut r, 64_000, 220_000)),
            "kinds" => {
                l.groups = between(&mut r, 1, 6);
                l.synapse_formats = between(&mut r, 4, 8);
                l.threshold_profiles = between(&mut r, 1, 4);
            }
            _ => {}
        }
    })
}

fn neuron_model(r: &mut Random, n: u32) -> Model {
    let mut f = fire(
        0.5 + r.unit(),
        [Reset::Hard, Reset::Subtract, Reset::None][r.below(3) as usize],
    );
    if r.below(4) == 0 {
        let kinds = 2 + r.below(3) as u32;
        f.threshold = Param::Each((0..n).map(|k| 1.0 + f64::from(k % kinds)).collect());
    }
    let tau = 2e-3 + 20e-3 * r.unit();
    match r.below(4) {
        0 => Model::Cuba {
            tau_syn: Param::One(4e-3 + 1e-3 * r.unit()),
            tau_mem: Param::One(tau),
            r: Param::One(1.0),
            v_leak: Param::One(0.0),
            w_in: Param::One(1.0),
            decay: Decay::Euler,
            old_current: false,
            alpha: false,
            fire: Some(f),
            v_init: Param::One(0.0),
        },
        1 => Model::Leaky {
            tau: None,
            r: Param::One(100.0),
            v_leak: Param::One(0.0),
            decay: Decay::Euler,
            fire: Some(f),
            v_init: Param::One(0.0),
            noise: None,
            filter: None,
        },
        _ => lif(tau, 1.0 + r.unit(), Some(f)),
    }
}

/// Rows of a projection: dense, at random, by neighbourhood (a kernel that slides), or block by block.
fn rows(r: &mut Random, from: u32, to: u32, budget: u64) -> Synapses {
    let mut weight = {
        let (bits, signed) = ([1, 3, 8][r.below(3) as usize], r.below(3) > 0);
        let levels = f64::from((1u32 << bits) - 1);
        let mut draw = Random(r.next());
        move || {
            let level = (draw.unit() * (levels + 1.0)).floor() / levels;
            (if signed { 2.0 * level - 1.0 } else { level }) as f32 * 0.5 + 1e-3
        }
    };
    let kind = r.below(4);
    let most = (budget / u64::from(from)).clamp(1, u64::from(to)) as u32;
    let mut s = Synapses {
        row_start: vec![0],
        ..Synapses::default()
    };
    let each = between(r, 1, most.into());
    let dense = kind == 0 && most == to;
    for row in 0..from {
        let mut targets: Vec<u32> = match kind {
            0 if dense => (0..to).collect(),
            1 => {
                let middle = (u64::from(row) * u64::from(to) / u64::from(from)) as u32;
                (middle.saturating_sub(each / 2)..(middle + each.div_ceil(2)).min(to)).collect()
            }
            2 => {
                let first = row % to.div_ceil(each) * each;
                (first..(first + each).min(to)).collect()
            }
            _ => (0..each).map(|_| r.below(to.into()) as u32).collect(),
        };
        targets.sort_unstable();
        s.weight.extend(targets.iter().map(|_| weight()));
        s.target.append(&mut targets);
        s.row_start.push(s.target.len() as u32);
    }
    s.dense = dense;
    match r.below(4) {
        0 => s.delay = s.target.iter().map(|_| r.below(9) as u16).collect(),
        1 => s.delay = vec![1 + r.below(6) as u16; s.target.len()],
        _ => {}
    }
    s
}

/// The network of a seed.
pub(crate) fn sized_net(seed: u64) -> Lowered {
    let mut r = Random(seed);
    let roomy = SCARCE[seed as usize % SCARCE.len()] == "nothing";
    let most = if roomy { 1800 } else { 420 };
    let budget: u64 = match (roomy, r.below(6)) {
        (true, 0) => 1_200_000,
        (true, _) => 260_000,
        _ => 30_000,
    };
    let inputs = vec![between(&mut r, 1, 400)];
    let count = 1 + r.below(5) as usize;
    let recurrent = r.below(3) == 0;
    let populations: Vec<Population> = (0..count)
        .map(|i| {
            let n = between(&mut r, 8, most);
            let mut p = population(&format!("p{i}"), n, i as u32, neuron_model(&mut r, n));
            if r.below(5) == 0 {
                p.bias = (0..n).map(|_| r.unit() as f32 / 4.0).collect();
            }
            p
        })
        .collect();
    let mut projections = Vec::new();
    for target in 0..count {
        for source in 0..=count {
            let next = source == target;
            let wanted = next || r.below(5) == 0;
            if !wanted || (source > target && !recurrent) {
                continue;
            }
            let (source, from) = match source {
                0 => (Source::Input(0), inputs[0]),
                s => (Source::Population(s as u32 - 1), populations[s - 1].len()),
            };
            let mut p = projection(source, target as u32, &[]);
            p.synapses = rows(&mut r, from, populations[target].len(), budget);
            p.align = if r.below(6) == 0 { 2 } else { 0 };
            projections.push(p);
        }
    }
    let last = count as u32 - 1;
    let outputs = if r.below(3) == 0 {
        vec![0, last]
    } else {
        vec![last]
    };
    let mut net = net(&inputs, populations, projections, &outputs);
    for (i, output) in net.outputs.iter_mut().enumerate() {
        output.name = format!("out{i}");
    }
    net
}
