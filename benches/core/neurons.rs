//! Programs of four neurons, and the same arithmetic as loops written by hand.

use emulator::simd::{Level, Work};
use std::fmt::Write;
use std::hint::black_box;

pub(crate) const CORES: usize = 128;
pub(crate) const LANES: usize = 1024;
pub(crate) const NEURONS: usize = CORES * LANES;

/// A loop that does by hand what a program does.
pub(crate) trait Hand {
    /// Back to the start.
    fn reset(&mut self);
    /// One step; appends (neuron) of every spike.
    fn step(&mut self, spikes: &mut Vec<u32>);
}

/// Spread over `0..below`, the same for program and loop.
pub(crate) fn spread(neuron: usize, salt: u32, below: u32) -> i32 {
    let x = (neuron as u32 ^ salt).wrapping_mul(0x9e37_79b1);
    ((u64::from(x ^ (x >> 15)) * u64::from(below)) >> 32) as i32
}

/// The text of 128 cores with one group each.
fn cores(kernel: &str, lines: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for core in 0..CORES {
        let _ = writeln!(text, ".core {core}\n.group lanes={LANES}\n.kernel {kernel}");
        text.push_str(&lines(core));
    }
    text
}

/// A `.slot` or `.const` line with a value for every lane of a core.
fn slot(name: &str, bits: u32, core: usize, value: impl Fn(usize) -> i32) -> String {
    let mut line = format!(".slot {name} {bits} =");
    for neuron in core * LANES..(core + 1) * LANES {
        let _ = write!(line, " {}", value(neuron));
    }
    line.push('\n');
    line
}

// --- Loihi's CUBA neuron, the kernel's defaults: hard reset, `>`, idle lanes skipped -------------------------------

const DECAY_U: i32 = 4096;
const DECAY_V: i32 = 3686;
const THETA: i32 = 6400;

fn start_u(neuron: usize) -> i32 {
    1 + spread(neuron, 7, 680)
}

pub(crate) fn cuba() -> String {
    cores("cubalif", |core| {
        format!(".const DECAY_U = {DECAY_U}\n.const DECAY_V = {DECAY_V}\n.const THETA = {THETA}\n")
            + &slot("u", 24, core, start_u)
    })
}

pub(crate) struct Cuba {
    u: Vec<i32>,
    v: Vec<i32>,
    sums: Vec<i64>,
    idle: u64,
}

impl Cuba {
    pub(crate) fn new() -> Cuba {
        Cuba {
            u: vec![0; NEURONS],
            v: vec![0; NEURONS],
            sums: vec![0; NEURONS],
            idle: 0,
        }
    }
}

/// x · k / 2^12 toward zero.
#[inline(always)]
fn decayed(x: i32, k: i32) -> i32 {
    let product = i64::from(x) * i64::from(k);
    ((product + ((product >> 63) & 4095)) >> 12) as i32
}

const MAX24: i32 = (1 << 23) - 1;

struct CubaCore<'a> {
    u: &'a mut [i32],
    v: &'a mut [i32],
    sums: &'a [i64],
    /// DECAY_U, DECAY_V, THETA: data, as on the chip.
    constants: [i32; 3],
    first: u32,
    spikes: &'a mut Vec<u32>,
}

impl Work for CubaCore<'_> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let [decay_u, decay_v, theta] = self.constants;
        let mut fired = [0i32; LANES];
        let mut idle = 0i32;
        for (((u, v), sum), fired) in self
            .u
            .iter_mut()
            .zip(self.v.iter_mut())
            .zip(self.sums)
            .zip(&mut fired)
        {
            let q = ((*sum as i32) << 10) >> 10;
            idle += i32::from(q | *u | *v == 0);
            let current = (decayed(*u, decay_u).wrapping_add(q) << 8) >> 8;
            let voltage = (decayed(*v, decay_v) + current).clamp(-MAX24, MAX24);
            *fired = -i32::from(voltage > theta);
            *u = current;
            *v = voltage & !*fired;
        }
        list(&fired, self.first, self.spikes);
        idle as u64
    }
}

/// Appends the lanes of a mask.
#[inline(always)]
fn list(fired: &[i32; LANES], first: u32, spikes: &mut Vec<u32>) {
    for (block, lanes) in fired.chunks_exact(16).enumerate() {
        if lanes.iter().fold(0, |any, f| any | f) != 0 {
            for (lane, fired) in lanes.iter().enumerate() {
                if *fired != 0 {
                    spikes.push(first + (block * 16 + lane) as u32);
                }
            }
        }
    }
}

impl Hand for Cuba {
    fn reset(&mut self) {
        (0..NEURONS).for_each(|neuron| self.u[neuron] = start_u(neuron));
        self.v.fill(0);
    }
    fn step(&mut self, spikes: &mut Vec<u32>) {
        let level = Level::widest();
        for core in 0..CORES {
            let lanes = core * LANES..(core + 1) * LANES;
            self.idle += level.run(CubaCore {
                u: &mut self.u[lanes.clone()],
                v: &mut self.v[lanes.clone()],
                sums: &self.sums[lanes.clone()],
                constants: black_box([DECAY_U, DECAY_V, THETA]),
                first: lanes.start as u32,
                spikes,
            });
        }
    }
}

// --- TrueNorth's neuron: reset to a value, saturation at -beta, parameters of each neuron's own ---------------------

fn leak(neuron: usize) -> i32 {
    1 + spread(neuron, 1, 9)
}
fn alpha(neuron: usize) -> i32 {
    50 + spread(neuron, 2, 400)
}
fn beta(neuron: usize) -> i32 {
    spread(neuron, 3, 50)
}

pub(crate) fn truenorth() -> String {
    cores("truenorth KAPPA=1", |core| {
        slot("leak", 9, core, leak)
            + &slot("alpha", 19, core, alpha)
            + &slot("beta", 19, core, beta)
    })
}

pub(crate) struct TrueNorth {
    v: Vec<i32>,
    leak: Vec<i32>,
    alpha: Vec<i32>,
    beta: Vec<i32>,
    reset: Vec<i32>,
    sums: Vec<i64>,
}

impl TrueNorth {
    pub(crate) fn new() -> TrueNorth {
        TrueNorth {
            v: vec![0; NEURONS],
            leak: (0..NEURONS).map(leak).collect(),
            alpha: (0..NEURONS).map(alpha).collect(),
            beta: (0..NEURONS).map(beta).collect(),
            reset: vec![0; NEURONS],
            sums: vec![0; NEURONS],
        }
    }
}

struct TrueNorthCore<'a> {
    v: &'a mut [i32],
    leak: &'a [i32],
    alpha: &'a [i32],
    beta: &'a [i32],
    reset: &'a [i32],
    sums: &'a [i64],
    first: u32,
    spikes: &'a mut Vec<u32>,
}

impl Work for TrueNorthCore<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let mut fired = [0i32; LANES];
        let parameters = self
            .leak
            .iter()
            .zip(self.alpha)
            .zip(self.beta)
            .zip(self.reset);
        for (((v, sum), (((leak, alpha), beta), reset)), fired) in self
            .v
            .iter_mut()
            .zip(self.sums)
            .zip(parameters)
            .zip(&mut fired)
        {
            let q = (*sum).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32;
            let new = v.saturating_add(q).saturating_add(*leak);
            let fires = new >= *alpha;
            let new = if fires {
                *reset
            } else if new < -*beta {
                -*beta
            } else {
                new
            };
            *v = new.clamp(-(1 << 19), (1 << 19) - 1);
            *fired = -i32::from(fires);
        }
        list(&fired, self.first, self.spikes);
    }
}

impl Hand for TrueNorth {
    fn reset(&mut self) {
        self.v.fill(0);
    }
    fn step(&mut self, spikes: &mut Vec<u32>) {
        let level = Level::widest();
        for core in 0..CORES {
            let lanes = core * LANES..(core + 1) * LANES;
            level.run(TrueNorthCore {
                v: &mut self.v[lanes.clone()],
                leak: &self.leak[lanes.clone()],
                alpha: &self.alpha[lanes.clone()],
                beta: &self.beta[lanes.clone()],
                reset: &self.reset[lanes.clone()],
                sums: &self.sums[lanes.clone()],
                first: lanes.start as u32,
                spikes,
            });
        }
    }
}

// --- The adaptive neuron of `alif`: a threshold that its spikes move --------------------------------------------------

/// ALPHA and RHO in 1/2^16, JUMP in 1/2^22, BETA, THETA.
const ADAPTIVE: [i32; 5] = [62259, 64881, 41943, 115_200, 6400];

fn drive(neuron: usize) -> i32 {
    1 + spread(neuron, 5, 640)
}

pub(crate) fn alif() -> String {
    let [alpha, rho, jump, beta, theta] = ADAPTIVE;
    cores("alif BIAS=1", |core| {
        format!(
            ".const ALPHA = {alpha}\n.const RHO = {rho}\n.const JUMP = {jump}\n.const BETA = {beta}\n.const THETA = {theta}\n"
        ) + &slot("bias", 24, core, drive)
    })
}

pub(crate) struct Alif {
    v: Vec<i32>,
    eta: Vec<i32>,
    spiked: Vec<i32>,
    bias: Vec<i32>,
    sums: Vec<i64>,
    idle: u64,
}

impl Alif {
    pub(crate) fn new() -> Alif {
        Alif {
            v: vec![0; NEURONS],
            eta: vec![0; NEURONS],
            spiked: vec![0; NEURONS],
            bias: (0..NEURONS).map(drive).collect(),
            sums: vec![0; NEURONS],
            idle: 0,
        }
    }
}

struct AlifCore<'a> {
    v: &'a mut [i32],
    eta: &'a mut [i32],
    spiked: &'a mut [i32],
    bias: &'a [i32],
    sums: &'a [i64],
    constants: [i32; 5],
    first: u32,
    spikes: &'a mut Vec<u32>,
}

/// x · k / 2^shift, toward zero.
#[inline(always)]
fn toward_zero(x: i32, k: i32, shift: u32) -> i32 {
    let product = i64::from(x) * i64::from(k);
    ((product + ((product >> 63) & ((1 << shift) - 1))) >> shift) as i32
}

/// x · k / 2^shift, to the nearest, ties to even.
#[inline(always)]
fn nearest(x: i32, k: i32, shift: u32) -> i64 {
    let product = i64::from(x) * i64::from(k);
    let odd = (product >> shift) & 1;
    (product + (1 << (shift - 1)) - 1 + odd) >> shift
}

#[inline(always)]
fn sat24(x: i32) -> i32 {
    x.clamp(-MAX24, MAX24)
}

impl Work for AlifCore<'_> {
    type Output = u64;
    #[inline(always)]
    fn run(self) -> u64 {
        let [alpha, rho, jump, beta, theta] = self.constants;
        let mut fired = [0i32; LANES];
        let mut idle = 0i32;
        let state = self
            .v
            .iter_mut()
            .zip(self.eta.iter_mut())
            .zip(self.spiked.iter_mut());
        for (((((v, eta), spiked), bias), sum), fired) in
            state.zip(self.bias).zip(self.sums).zip(&mut fired)
        {
            let q = ((*sum as i32) << 10) >> 10;
            idle += i32::from(q | *v | *eta | *spiked | *bias == 0);
            let late = -*spiked;
            let trace = sat24(toward_zero(*eta, rho, 16) + (jump & late));
            let moved = nearest(trace, beta, 22).clamp(-i64::from(MAX24), i64::from(MAX24)) as i32;
            let moved = sat24(moved + theta);
            let input = q.wrapping_add(*bias).wrapping_sub(moved & late);
            let voltage = sat24(toward_zero(*v, alpha, 16).saturating_add(input));
            *fired = -i32::from(voltage > moved);
            *spiked = -*fired;
            *eta = trace;
            *v = voltage;
        }
        list(&fired, self.first, self.spikes);
        idle as u64
    }
}

impl Hand for Alif {
    fn reset(&mut self) {
        self.v.fill(0);
        self.eta.fill(0);
        self.spiked.fill(0);
    }
    fn step(&mut self, spikes: &mut Vec<u32>) {
        let level = Level::widest();
        for core in 0..CORES {
            let lanes = core * LANES..(core + 1) * LANES;
            self.idle += level.run(AlifCore {
                v: &mut self.v[lanes.clone()],
                eta: &mut self.eta[lanes.clone()],
                spiked: &mut self.spiked[lanes.clone()],
                bias: &self.bias[lanes.clone()],
                sums: &self.sums[lanes.clone()],
                constants: black_box(ADAPTIVE),
                first: lanes.start as u32,
                spikes,
            });
        }
    }
}

// --- Izhikevich's neuron, steps of 1 ms, regular spiking -----------------------------------------------------------------

const fn fixed(x: f64, bits: u32) -> i32 {
    (x * (1u64 << bits) as f64 + if x < 0.0 { -0.5 } else { 0.5 }) as i32
}

/// K04, K6, K140, PEAK, A, B, C, D.
const SIMPLE: [i32; 8] = [
    fixed(0.04, 20),
    fixed(6.0, 24),
    fixed(140.0, 16),
    fixed(30.0, 16),
    fixed(0.02, 20),
    fixed(0.2, 20),
    fixed(-65.0, 16),
    fixed(8.0, 16),
];

fn current(neuron: usize) -> i32 {
    spread(neuron, 9, 12 << 16)
}

pub(crate) fn izhikevich() -> String {
    cores("izhikevich BIAS=1", |core| slot("bias", 32, core, current))
}

pub(crate) struct Izhikevich {
    v: Vec<i32>,
    u: Vec<i32>,
    bias: Vec<i32>,
    sums: Vec<i64>,
}

impl Izhikevich {
    pub(crate) fn new() -> Izhikevich {
        Izhikevich {
            v: vec![0; NEURONS],
            u: vec![0; NEURONS],
            bias: (0..NEURONS).map(current).collect(),
            sums: vec![0; NEURONS],
        }
    }
}

struct IzhikevichCore<'a> {
    v: &'a mut [i32],
    u: &'a mut [i32],
    bias: &'a [i32],
    sums: &'a [i64],
    constants: [i32; 8],
    first: u32,
    spikes: &'a mut Vec<u32>,
}

#[inline(always)]
fn sat32(x: i64) -> i32 {
    x.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

impl Work for IzhikevichCore<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let [k04, k6, k140, peak, a, b, c, d] = self.constants;
        let mut fired = [0i32; LANES];
        let state = self.v.iter_mut().zip(self.u.iter_mut());
        for ((((v, u), bias), sum), fired) in state.zip(self.bias).zip(self.sums).zip(&mut fired) {
            let i = sat32(*sum).saturating_add(*bias);
            let slope = sat32(nearest(*v, k04, 12)).saturating_add(k6);
            let square = sat32(nearest(slope, *v, 24));
            let voltage = square
                .saturating_add(k140)
                .saturating_sub(*u)
                .saturating_add(i);
            let follow = sat32(nearest(voltage, b, 20)).saturating_sub(*u);
            let recovery = sat32(i64::from(*u) + nearest(follow, a, 20));
            let fires = voltage >= peak;
            *v = if fires { c } else { voltage };
            *u = if fires {
                recovery.saturating_add(d)
            } else {
                recovery
            };
            *fired = -i32::from(fires);
        }
        list(&fired, self.first, self.spikes);
    }
}

impl Hand for Izhikevich {
    fn reset(&mut self) {
        self.v.fill(fixed(-65.0, 16));
        self.u.fill(fixed(-13.0, 16));
    }
    fn step(&mut self, spikes: &mut Vec<u32>) {
        let level = Level::widest();
        for core in 0..CORES {
            let lanes = core * LANES..(core + 1) * LANES;
            level.run(IzhikevichCore {
                v: &mut self.v[lanes.clone()],
                u: &mut self.u[lanes.clone()],
                bias: &self.bias[lanes.clone()],
                sums: &self.sums[lanes.clone()],
                constants: black_box(SIMPLE),
                first: lanes.start as u32,
                spikes,
            });
        }
    }
}
