//! Random small networks for crossbar chips: feed-forward and recurrent, dense and sparse, delays, several outputs.

use network::lowered::*;

/// SplitMix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }
    fn unit(&mut self) -> f64 {
        self.below(1 << 52) as f64 / (1u64 << 52) as f64
    }
}

/// Kinds of weights of a population.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Real numbers.
    Real,
    /// A few real values.
    Few,
    /// Chip integers of four bits, times a number.
    FourBits(i64),
    /// Four chip integers of the population's own.
    Four([i64; 4]),
}

impl Kind {
    fn weight(self, r: &mut Random) -> f32 {
        match self {
            Kind::Real => r.unit() as f32 - 0.4,
            Kind::Few => [0.5, -0.25, 1.0][r.below(3) as usize],
            Kind::FourBits(by) => ((r.below(16) as i64 - 8) * by) as f32,
            Kind::Four(values) => values[r.below(4) as usize] as f32,
        }
    }

    fn unit(self) -> WeightUnit {
        match self {
            Kind::Real | Kind::Few => WeightUnit::Model,
            Kind::FourBits(_) | Kind::Four(_) => WeightUnit::Effective,
        }
    }
}

fn model(r: &mut Random, kind: Kind, n: u32) -> Model {
    let integers = kind.unit() == WeightUnit::Effective;
    if integers && r.below(2) == 0 {
        let gamma = r.below(3) as i64;
        let each = |r: &mut Random, low: i64, high: u64| {
            IntParam::Each((0..n).map(|_| low + r.below(high) as i64).collect())
        };
        let values = vec![
            ("leak".to_string(), each(r, -4, 6)),
            ("alpha".to_string(), each(r, 1, 90)),
            ("beta".to_string(), each(r, 0, 200)),
            ("reset_v".to_string(), each(r, -6, 7)),
            ("v".to_string(), each(r, -9, 12)),
        ];
        return Model::Kernel {
            name: "truenorth".into(),
            options: vec![
                ("GAMMA".into(), gamma),
                ("KAPPA".into(), r.below(2) as i64),
                ("EPSILON".into(), r.below(2) as i64),
            ],
            values,
            params: Vec::new(),
        };
    }
    let unit = if integers { 10.0 } else { 1.0 };
    let fire = Fire {
        threshold: match r.below(3) {
            0 => Param::Each((0..n).map(|k| unit * (1.0 + f64::from(k % 3))).collect()),
            _ => Param::One((unit * (0.5 + r.unit()) * 8.0).round() / 8.0),
        },
        v_reset: Param::One(if r.below(4) == 0 { -0.25 * unit } else { 0.0 }),
        reset: [Reset::Hard, Reset::Subtract, Reset::None][r.below(3) as usize],
        reset_delay: false,
        compare: [Compare::Gt, Compare::Ge][r.below(2) as usize],
        refractory: Param::One(0.0),
    };
    match r.below(5) {
        0 => Model::Threshold {
            threshold: fire.threshold,
            compare: fire.compare,
        },
        1 | 2 => Model::Leaky {
            tau: None,
            r: Param::One(1000.0),
            v_leak: Param::One(0.0),
            decay: Decay::Euler,
            fire: Some(fire),
            v_init: Param::One(0.0),
            noise: None,
            filter: None,
        },
        _ => Model::Leaky {
            tau: Some(Param::One(3e-3 + 20e-3 * r.unit())),
            r: Param::One(if integers { 1.0 } else { 1.0 + 4.0 * r.unit() }),
            v_leak: Param::One(0.0),
            decay: Decay::Exp,
            fire: Some(fire),
            v_init: Param::One(0.0),
            noise: None,
            filter: None,
        },
    }
}

/// A random network.
pub(super) fn network(seed: u64) -> Lowered {
    let mut r = Random(seed);
    let largest = [12, 40, 90][r.below(3) as usize];
    let elements = 1 + r.below(largest.min(50)) as u32;
    let count = 1 + r.below(4) as usize;
    let mut populations = Vec::new();
    let mut kinds = Vec::new();
    for i in 0..count {
        let n = 1 + r.below(largest) as u32;
        let kind = match r.below(5) {
            0 | 1 => Kind::Real,
            2 => Kind::Few,
            3 => Kind::FourBits(1 + r.below(9) as i64),
            _ => Kind::Four(std::array::from_fn(|_| r.below(61) as i64 - 25)),
        };
        let mut p = Population {
            name: format!("p{i}"),
            shape: vec![n],
            depth: i as u32,
            model: model(&mut r, kind, n),
            bias: Vec::new(),
        };
        if r.below(4) == 0 && !matches!(p.model, Model::Kernel { .. }) {
            p.bias = (0..n).map(|_| r.unit() as f32 / 8.0).collect();
        }
        kinds.push(kind);
        populations.push(p);
    }
    let mut projections = Vec::new();
    for population in 0..count {
        for source in 0..=count {
            let feeds = source == 0 || source <= population || r.below(4) == 0;
            if !feeds || r.below(3) == 0 {
                continue;
            }
            let (source, rows) = match source {
                0 => (Source::Input(0), elements),
                s => (Source::Population(s as u32 - 1), populations[s - 1].len()),
            };
            let to = u64::from(populations[population].len());
            let few = 1 + r.below(to.min(24));
            let dense = r.below(3) == 0;
            let delays = r.below(3) == 0;
            let mut s = Synapses {
                row_start: vec![0],
                ..Synapses::default()
            };
            for _ in 0..rows {
                let each = if dense { to } else { few };
                for k in 0..each {
                    let target = if dense { k } else { r.below(to) };
                    s.target.push(target as u32);
                    s.weight.push(kinds[population].weight(&mut r));
                    if delays {
                        s.delay.push([0, 0, 3, 9][r.below(4) as usize]);
                    }
                }
                s.row_start.push(s.target.len() as u32);
            }
            projections.push(Projection {
                source,
                target: population as u32,
                receptor: 0,
                path: format!("{source:?}>{population}"),
                unit: kinds[population].unit(),
                align: r.below(3) as u32,
                recurrent: false,
                synapses: s,
            });
        }
    }
    let output = |population: usize| Output {
        name: format!("out{population}"),
        shape: populations[population].shape.clone(),
        population: population as u32,
        readout: None,
    };
    let mut outputs = vec![output(count - 1)];
    if r.below(3) == 0 {
        outputs.push(Output {
            name: "again".into(),
            ..output(r.below(count as u64) as usize)
        });
    }
    // The last population may be read instead of firing.
    let leaves = projections
        .iter()
        .all(|p| p.source != Source::Population(count as u32 - 1));
    if leaves
        && r.below(3) == 0
        && let Model::Leaky { fire, .. } = &mut populations[count - 1].model
    {
        *fire = None;
        populations[count - 1].bias.clear();
    }
    Lowered {
        name: "random".into(),
        dt_s: 1e-3,
        populations,
        inputs: vec![Input {
            name: "in".into(),
            shape: vec![elements],
            graded: false,
        }],
        projections,
        outputs,
        assignment: None,
        assumptions: Vec::new(),
    }
}
