//! Study networks: layered ones (dense, convolutional), random, local, and the cortical microcircuit of Potjans and Diesmann 2014.
//!
//! Invariant: a network is the same in every run (its own generator; logarithms and sines are the platform's). No synapse is there twice.

use network::connectivity::Connectivity;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

type Made = Result<Connectivity, Box<dyn std::error::Error>>;

/// A network's generator.
type Net = fn() -> Made;

/// Networks by name; the number is about the synapses, in millions.
pub(crate) const LIST: &[(&str, Net)] = &[
    ("mlp_1", || dense(&[784, 800, 800, 10])),
    ("dense_8", || dense(&[512; 32])),
    ("conv_8", || convolutional(16, 16)),
    ("random_2", || random(16_384, 128)),
    ("local_4", || local(256, 64)),
    ("cortex_3", || microcircuit(0.1)),
    ("dense_10", || dense(&[512; 39])),
    ("conv_10", || convolutional(16, 20)),
    ("random_10", || random(65_536, 153)),
    ("local_10", || local(396, 64)),
    ("dense_35", || dense(&[1024; 34])),
    ("conv_35", || convolutional(32, 17)),
    ("random_35", || random(131_072, 267)),
    ("local_35", || local(740, 64)),
    ("cortex_35", || microcircuit(0.343)),
];

/// Populations of the microcircuit: neurons, and the probability that a pair (target row, source column) is connected.
const LAYERS: [f64; 8] = [
    20683.0, 5834.0, 21915.0, 5479.0, 4850.0, 1065.0, 14395.0, 2948.0,
];
const PROBABILITY: [[f64; 8]; 8] = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.1350, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.0600, 0.3158, 0.0086, 0.0],
    [
        0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252,
    ],
    [
        0.0364, 0.0010, 0.0034, 0.0005, 0.0277, 0.0080, 0.0658, 0.1443,
    ],
];
/// Channels are images of so many pixels a side; kernels reach one pixel to each side.
const SIDE: u32 = 16;
/// Standard deviation of the distance to targets of the local network, in neurons.
const SIGMA: f64 = 8.0;

/// Rows of a matrix being filled, one after the other.
struct Rows {
    start: Vec<u64>,
    targets: Vec<u32>,
}

impl Rows {
    fn new() -> Rows {
        Rows {
            start: vec![0],
            targets: Vec::new(),
        }
    }

    fn row(&mut self, targets: impl IntoIterator<Item = u32>) {
        let from = self.targets.len();
        self.targets.extend(targets);
        self.targets[from..].sort_unstable();
        let mut kept = from;
        for i in from..self.targets.len() {
            if i == from || self.targets[i] != self.targets[kept - 1] {
                self.targets[kept] = self.targets[i];
                kept += 1;
            }
        }
        self.targets.truncate(kept);
        self.start.push(kept as u64);
    }

    fn done(self) -> Made {
        Ok(Connectivity::new(self.start, self.targets)?)
    }
}

struct Draws(Xoshiro256PlusPlus);

impl Draws {
    fn new(seed: u64) -> Draws {
        Draws(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    fn below(&mut self, n: u32) -> u32 {
        ((u128::from(self.0.next_u64()) * u128::from(n)) >> 64) as u32
    }

    /// Uniform on (0, 1).
    fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Two normal draws (Box and Muller 1958).
    fn normal(&mut self) -> (f64, f64) {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        (radius * angle.cos(), radius * angle.sin())
    }
}

/// Layers, each connected to all of the next.
fn dense(layers: &[u32]) -> Made {
    let mut rows = Rows::new();
    let mut first = 0;
    for (i, n) in layers.iter().enumerate() {
        let next = layers.get(i + 1).copied().unwrap_or(0);
        first += n;
        for _ in 0..*n {
            rows.row(first..first + next);
        }
    }
    rows.done()
}

/// Layers of `channels` images, each connected to the next by 3 × 3 kernels over all channels.
fn convolutional(channels: u32, layers: u32) -> Made {
    let mut rows = Rows::new();
    let near = |at: u32| at.saturating_sub(1)..(at + 2).min(SIDE);
    for layer in 1..=layers {
        let next = layer * channels * SIDE * SIDE;
        for pixel in (0..channels).flat_map(|_| 0..SIDE * SIDE) {
            let (y, x) = (pixel / SIDE, pixel % SIDE);
            let to = (0..if layer < layers { channels } else { 0 }).flat_map(|c| {
                near(y).flat_map(move |y| near(x).map(move |x| next + (c * SIDE + y) * SIDE + x))
            });
            rows.row(to);
        }
    }
    rows.done()
}

/// Targets anywhere.
fn random(n: u32, targets: u32) -> Made {
    let mut draws = Draws::new(2);
    let mut rows = Rows::new();
    for _ in 0..n {
        rows.row((0..targets).map(|_| draws.below(n)));
    }
    rows.done()
}

/// A sheet, closed at its edges, with targets at normal distances; neurons are numbered at random.
fn local(side: u32, targets: u32) -> Made {
    let mut draws = Draws::new(3);
    let n = side * side;
    let mut name: Vec<u32> = (0..n).collect();
    for i in (1..n).rev() {
        name.swap(i as usize, draws.below(i + 1) as usize);
    }
    let mut place = vec![0; n as usize];
    for (at, name) in name.iter().enumerate() {
        place[*name as usize] = at as u32;
    }
    let wrapped = |at: u32, by: f64| (f64::from(at) + by.round()).rem_euclid(side.into()) as u32;
    let mut rows = Rows::new();
    for at in place {
        rows.row((0..targets).map(|_| {
            let (dx, dy) = draws.normal();
            let (y, x) = (
                wrapped(at / side, SIGMA * dy),
                wrapped(at % side, SIGMA * dx),
            );
            name[(y * side + x) as usize]
        }));
    }
    rows.done()
}

/// Sources draw their targets population by population, so many as pairs would be connected by chance.
fn microcircuit(scale: f64) -> Made {
    let mut draws = Draws::new(4);
    let sizes = LAYERS.map(|n| (n * scale) as u32);
    let mut rows = Rows::new();
    for (from, count) in sizes.iter().enumerate() {
        for _ in 0..*count {
            let (mut first, mut targets) = (0, Vec::new());
            for (to, size) in sizes.iter().enumerate() {
                let mean = f64::from(*size) * PROBABILITY[to][from];
                let some = (mean + draws.unit()) as u32;
                targets.extend((0..some).map(|_| first + draws.below(*size)));
                first += size;
            }
            rows.row(targets);
        }
    }
    rows.done()
}
