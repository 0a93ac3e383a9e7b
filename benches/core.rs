//! Neuron updates and synaptic events per second of one core-model thread, against hand-written loops of the same
//! arithmetic in the same run: `cargo bench --bench core [-- cuba|truenorth|delta]`.
//!
//! 128 cores of 1024 neurons, one thread, counters on, timing off; processor time, the best of several rounds that
//! alternate between the engine and the loop. Both use the widest vector instructions of the machine, and must give the
//! same spikes, or the program stops. A loop keeps what a chip keeps (state, spike list, idle lanes) and nothing else.

#![allow(clippy::print_stdout)]

use cpu_time::ThreadTime;
use emulator::simd::{Level, Work};
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use isa::chip::ChipSpec;
use isa::image::Image;
use std::fmt::Write;

const CORES: usize = 128;
const LANES: usize = 1024;
const NEURONS: usize = CORES * LANES;
const ROUNDS: usize = 7;
const STEPS: u32 = 400;

fn main() {
    println!("vector instructions: {:?}", Level::widest());
    println!(
        "{:<34} {:>12} {:>12} {:>7}",
        "", "engine", "hand loop", "ratio"
    );
    let only = std::env::args().nth(1).filter(|a| !a.starts_with("--"));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| name == only);
    if wanted("cuba") {
        row("CUBA, M updates/s", &cuba_text(), &mut Cuba::new());
    }
    if wanted("truenorth") {
        let mut hand = TrueNorth::new();
        row("TrueNorth, M updates/s", &truenorth_text(), &mut hand);
    }
    if wanted("delta") {
        delta();
    }
}

/// A loop that does by hand what a program does.
trait Hand {
    /// Back to the start.
    fn reset(&mut self);
    /// One step; appends (neuron) of every spike.
    fn step(&mut self, spikes: &mut Vec<u32>);
}

fn chip() -> ChipSpec {
    let mut chip = ChipSpec::preset("loihi")
        .expect("a preset")
        .expect("it parses");
    // Other models than the chip's own borrow its cores.
    chip.kernels = None;
    chip.limits.accumulator_bits = 32;
    chip.limits.state_bits = 32;
    chip.limits.synapse_bits = 1 << 30;
    chip.limits.code_words = 1024;
    chip
}

/// Processor seconds of this thread.
fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = ThreadTime::now();
    let result = work();
    (start.elapsed().as_secs_f64(), result)
}

fn emulate(image: &Image, chip: &ChipSpec, sample: &SampleInput) -> SampleResult {
    let options = Options {
        seed: 1,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: 0,
        record_spikes: false,
        record_packets: false,
    };
    emulator::run(image, chip, std::slice::from_ref(sample), &options, &|_| {})
        .unwrap_or_else(|e| panic!("{e}"))
        .remove(0)
}

fn silent(steps: u32) -> SampleInput {
    SampleInput {
        steps,
        offsets: vec![0; steps as usize + 1],
        ..SampleInput::default()
    }
}

fn spikes_of(result: &SampleResult) -> u64 {
    result.populations.iter().map(|p| p.spikes).sum()
}

/// Times the update of a program and of a loop.
fn row(name: &str, text: &str, hand: &mut dyn Hand) {
    let chip = chip();
    let image = assembler::assemble(text, name).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let (mut engine, mut nothing, mut by_hand) = (f64::MAX, f64::MAX, f64::MAX);
    let mut list = Vec::new();
    for _ in 0..ROUNDS {
        nothing = nothing.min(seconds(|| emulate(&image, &chip, &silent(0))).0);
        let (time, result) = seconds(|| emulate(&image, &chip, &silent(STEPS)));
        engine = engine.min(time);
        hand.reset();
        let (time, spikes) = seconds(|| {
            let mut spikes = 0;
            for _ in 0..STEPS {
                list.clear();
                hand.step(&mut list);
                spikes += list.len() as u64;
            }
            spikes
        });
        by_hand = by_hand.min(time);
        assert_eq!(
            spikes_of(&result),
            spikes,
            "{name}: the loop computes something else"
        );
        let idle: u64 = result
            .populations
            .iter()
            .map(|p| p.neuron_updates_inactive)
            .sum();
        assert_eq!(idle, 0, "{name}: every lane is active");
    }
    let updates = NEURONS as f64 * f64::from(STEPS) / 1e6;
    print_row(name, updates / (engine - nothing), updates / by_hand);
}

fn print_row(name: &str, engine: f64, hand: f64) {
    println!(
        "{name:<34} {engine:>12.0} {hand:>12.0} {:>6.2}x",
        engine / hand
    );
}

/// Spread over `0..below`, the same for program and loop.
fn spread(neuron: usize, salt: u32, below: u32) -> i32 {
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

fn cuba_text() -> String {
    cores("cubalif", |core| {
        format!(".const DECAY_U = {DECAY_U}\n.const DECAY_V = {DECAY_V}\n.const THETA = {THETA}\n")
            + &slot("u", 24, core, start_u)
    })
}

struct Cuba {
    u: Vec<i32>,
    v: Vec<i32>,
    sums: Vec<i64>,
    idle: u64,
}

impl Cuba {
    fn new() -> Cuba {
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
                constants: std::hint::black_box([DECAY_U, DECAY_V, THETA]),
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

fn truenorth_text() -> String {
    cores("truenorth KAPPA=1", |core| {
        slot("leak", 9, core, leak)
            + &slot("alpha", 19, core, alpha)
            + &slot("beta", 19, core, beta)
    })
}

struct TrueNorth {
    v: Vec<i32>,
    leak: Vec<i32>,
    alpha: Vec<i32>,
    beta: Vec<i32>,
    reset: Vec<i32>,
    sums: Vec<i64>,
}

impl TrueNorth {
    fn new() -> TrueNorth {
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

// --- Delta synapses: lists of (lane, weight) that arriving packets add to the accumulators ---------------------------

/// Axons of a core, synapses of an axon, axons that get a packet in a step.
const AXONS: usize = 256;
const SYNAPSES: usize = 256;
const ACTIVE: usize = 256;

fn synapse(core: usize, axon: usize, index: usize) -> (u16, i16) {
    let at = (core * AXONS + axon) * SYNAPSES + index;
    // One lane of every four, so that the lanes of an axon are distinct and ascend.
    let lane = index * (LANES / SYNAPSES) + spread(at, 11, (LANES / SYNAPSES) as u32) as usize;
    (lane as u16, (spread(at, 13, 255) - 127) as i16)
}

/// Axons of a core that get a packet in a step.
fn active(step: usize) -> impl Iterator<Item = usize> {
    (0..ACTIVE).map(move |k| (k * (AXONS / ACTIVE) + step) % AXONS)
}

fn delta_text() -> String {
    let mut text = format!(".input axons shape=[{}]\n", CORES * AXONS);
    for core in 0..CORES {
        for axon in 0..AXONS {
            let _ = writeln!(text, ".element -> core {core} axon {axon}");
        }
    }
    for core in 0..CORES {
        let _ = writeln!(
            text,
            ".core {core}\n.format list sparse weight=8 scale=6\n.group lanes={LANES}\n.kernel cubalif"
        );
        for axon in 0..AXONS {
            let _ = write!(text, ".axon input {}\n.sparse =", core * AXONS + axon);
            for index in 0..SYNAPSES {
                let (lane, weight) = synapse(core, axon, index);
                let _ = write!(text, " {lane}:{weight}");
            }
            text.push('\n');
        }
    }
    text
}

fn delta() {
    let steps = 20usize;
    let chip = chip();
    let image =
        assembler::assemble(&delta_text(), "delta").unwrap_or_else(|e| panic!("delta: {:?}", e[0]));
    let mut sample = silent(steps as u32);
    for step in 0..steps {
        let mut elements: Vec<u32> = (0..CORES)
            .flat_map(|core| active(step).map(move |axon| (core * AXONS + axon) as u32))
            .collect();
        elements.sort_unstable();
        sample.elements.extend(&elements);
        sample.offsets[step + 1] = sample.elements.len() as u32;
    }
    sample.values = vec![1; sample.elements.len()];
    let mut lists: Vec<Vec<u16>> = Vec::new();
    let mut weights: Vec<Vec<i16>> = Vec::new();
    for core in 0..CORES {
        let all = || (0..AXONS).flat_map(|axon| (0..SYNAPSES).map(move |i| synapse(core, axon, i)));
        lists.push(all().map(|s| s.0).collect());
        weights.push(all().map(|s| s.1).collect());
    }
    let mut sums = vec![0i64; NEURONS];
    let (mut engine, mut idle, mut by_hand) = (f64::MAX, f64::MAX, f64::MAX);
    let events = (CORES * ACTIVE * SYNAPSES * steps) as u64;
    for _ in 0..ROUNDS {
        idle = idle.min(seconds(|| emulate(&image, &chip, &silent(0))).0);
        let (time, result) = seconds(|| emulate(&image, &chip, &sample));
        engine = engine.min(time);
        let counted: u64 = result.populations.iter().map(|p| p.synaptic_ops).sum();
        assert_eq!(counted, events);
        let (time, ()) = seconds(|| {
            for step in 0..steps {
                for core in 0..CORES {
                    let sums = &mut sums[core * LANES..(core + 1) * LANES];
                    for axon in active(step) {
                        let at = axon * SYNAPSES..(axon + 1) * SYNAPSES;
                        for (lane, weight) in lists[core][at.clone()].iter().zip(&weights[core][at])
                        {
                            sums[usize::from(*lane)] += i64::from(*weight) << 6;
                        }
                    }
                }
            }
        });
        by_hand = by_hand.min(time);
        std::hint::black_box(&sums);
    }
    let events = events as f64 / 1e6;
    print_row(
        "delta synapses, M events/s",
        events / (engine - idle),
        events / by_hand,
    );
    println!(
        "  (the engine's time holds the update of all neurons in every step, the loop's does not)"
    );
}
