//! The kernel of `examples/adex`: against integers written from the law in its head, step by step, and against AdEx in floating
//! point by its firing patterns.

use assembler::kernels::KernelLibrary;
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use isa::ChipSpec;
use std::fmt::Write;

use crate::cli::root;

const LANES: usize = 1024;
const STEPS: u32 = 250;
const AXONS: usize = 16;
/// Weights are mantissa << EXPONENT << 6.
const EXPONENT: u32 = 7;

fn library() -> KernelLibrary {
    let file = "examples/adex/adex.kernel";
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let mut library = KernelLibrary::default();
    library.add("adex", file, &text, false).unwrap();
    library
}

fn run(text: &str, input: SampleInput) -> (isa::Image, SampleResult) {
    let image = assembler::assemble_with(text, "adex.s", &library())
        .unwrap_or_else(|all| panic!("{}", all[0]));
    let chip = ChipSpec::preset("programmable").unwrap().unwrap();
    let options = Options {
        seed: 0,
        threads: 1,
        timing: Timing::Off,
        between: Between::Reset,
        drain: 0,
        record_spikes: true,
        record_packets: false,
    };
    let mut results = emulator::run(&image, &chip, &[input], &options, &|_| {}).unwrap();
    (image, results.remove(0))
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low + 1) as u64) as i64
    }
}

/// x / 2^bits, to nearest, ties to even.
fn nearest(x: i64, bits: u32) -> i64 {
    let (floor, rest, half) = (x >> bits, x & ((1 << bits) - 1), 1 << (bits - 1));
    floor + i64::from(rest > half || (rest == half && floor & 1 == 1))
}

fn sat24(x: i64) -> i64 {
    x.clamp(-0x7f_ffff, 0x7f_ffff)
}

fn sat32(x: i64) -> i64 {
    x.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
}

/// Constants, rounded from the parameters as the head of the kernel says.
struct Law {
    vt: i64,
    ky: i64,
    d: i64,
    km: i64,
    a: i64,
    kw: i64,
    peak: i64,
    reset: i64,
    b: i64,
    power: Vec<i64>,
}

/// Parameters of a neuron, SI units.
#[derive(Clone, Copy)]
struct Neuron {
    c: f64,
    g_l: f64,
    e_l: f64,
    v_t: f64,
    delta_t: f64,
    v_peak: f64,
    v_r: f64,
    tau_w: f64,
    a: f64,
    b: f64,
    i_ext: f64,
}

const DT: f64 = 1e-4;
const SCALE: f64 = 65_536e3;

impl Neuron {
    fn assembly(&self) -> String {
        let n = self;
        format!(
            ".kernel adex c={:?} g_l={:?} e_l={:?} v_t={:?} delta_t={:?} v_peak={:?} v_r={:?} tau_w={:?} a={:?} b={:?} i_ext={:?}\n",
            n.c, n.g_l, n.e_l, n.v_t, n.delta_t, n.v_peak, n.v_r, n.tau_w, n.a, n.b, n.i_ext
        )
    }

    fn law(&self) -> Law {
        let whole = |x: f64| x.round_ties_even() as i64;
        let volts = |v: f64| whole((v - self.e_l) * SCALE);
        Law {
            vt: volts(self.v_t),
            ky: whole(65_536.0 / (2f64.ln() * self.delta_t * SCALE) * 1_048_576.0),
            d: whole(self.delta_t * SCALE),
            km: whole(DT * self.g_l / self.c * 1_048_576.0),
            a: whole(self.a / self.g_l * 65_536.0),
            kw: whole(DT / self.tau_w * 16_777_216.0),
            peak: volts(self.v_peak),
            reset: volts(self.v_r),
            b: whole(self.b / self.g_l * SCALE),
            power: (0..=32)
                .map(|k| whole((f64::from(k) / 32.0).exp2() * 65_536.0))
                .collect(),
        }
    }

    /// Spike times of AdEx by forward Euler in floating point.
    fn float_spikes(&self, steps: u32) -> Vec<u32> {
        let (mut v, mut w, mut spikes) = (self.e_l, 0.0, Vec::new());
        for step in 0..steps {
            let current = -self.g_l * (v - self.e_l)
                + self.g_l * self.delta_t * ((v - self.v_t) / self.delta_t).exp()
                - w
                + self.i_ext;
            let (dv, dw) = (
                DT / self.c * current,
                DT / self.tau_w * (self.a * (v - self.e_l) - w),
            );
            v += dv;
            w += dw;
            if v >= self.v_peak {
                spikes.push(step);
                v = self.v_r;
                w += self.b;
            }
        }
        spikes
    }
}

impl Law {
    /// One step of a lane; whether it fires.
    fn step(&self, v: &mut i64, w: &mut i64, i: i64, sum: i64) -> bool {
        let q = sum << 42 >> 42;
        let y = ((*v - self.vt) * self.ky) >> 20;
        let (k, rest) = ((y >> 11 & 31) as usize, y & 2047);
        let m = self.power[k] + (((self.power[k + 1] - self.power[k]) * rest) >> 11);
        let n = ((y >> 16) + 16).clamp(0, 30);
        let e = sat32((((m * self.d) >> 16) << n) >> 16);
        let force = sat32(sat32(sat32(i + e) - *v) - *w);
        let pull = sat32(((*v * self.a) >> 16) - *w);
        *v = sat24(sat24(*v + nearest(force * self.km, 20)) + q);
        *w = sat24(*w + nearest(pull * self.kw, 24));
        let fires = *v >= self.peak;
        if fires {
            *v = self.reset;
            *w = sat24(*w + self.b);
        }
        fires
    }
}

/// Parameter sets of Naud et al. 2008, "Firing patterns in the adaptive exponential integrate-and-fire model", table 1.
const TONIC: Neuron = Neuron {
    c: 200e-12,
    g_l: 10e-9,
    e_l: -70e-3,
    v_t: -50e-3,
    delta_t: 2e-3,
    v_peak: 0.0,
    v_r: -58e-3,
    tau_w: 30e-3,
    a: 2e-9,
    b: 0.0,
    i_ext: 500e-12,
};
const ADAPTING: Neuron = Neuron {
    g_l: 12e-9,
    tau_w: 300e-3,
    b: 60e-12,
    ..TONIC
};
const BURSTING: Neuron = Neuron {
    e_l: -58e-3,
    v_r: -46e-3,
    tau_w: 120e-3,
    b: 100e-12,
    i_ext: 210e-12,
    ..TONIC
};

/// Random states, currents and inputs (sums beyond 22 bits among them), every membrane and adaptation after every step.
#[test]
fn the_kernel_is_its_law_in_integers() {
    let (mut lane_steps, mut fired) = (0, 0);
    let mut random = Random(7);
    let steep = Neuron {
        delta_t: 0.7e-3,
        a: -3e-9,
        b: 300e-12,
        ..ADAPTING
    };
    for neuron in [TONIC, ADAPTING, BURSTING, steep] {
        let mut values =
            |low, high| -> Vec<i64> { (0..LANES).map(|_| random.between(low, high)).collect() };
        let mut v = values(-8_000_000, 8_000_000);
        let mut w = values(-3_000_000, 3_000_000);
        let i = values(-2_000_000, 5_000_000);
        let weights: Vec<Vec<i64>> = (0..AXONS).map(|_| values(-128, 127)).collect();
        let list = |values: &[i64]| {
            values
                .iter()
                .map(|x| format!("({x})"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut text =
            String::from(".image chip=programmable\n.dt 1e-4\n.input x shape=[16] port=0\n");
        for axon in 0..AXONS {
            writeln!(text, ".element -> core 0 axon {axon}").unwrap();
        }
        text += ".probe v slot=v = 0..=1023\n.probe w slot=w = 0..=1023\n.core 0\n";
        writeln!(
            text,
            ".format f dense signed weight=8 exponent={EXPONENT} scale=6 index=0"
        )
        .unwrap();
        writeln!(text, ".group lanes={LANES}\n{}", neuron.assembly()).unwrap();
        for (slot, values) in [("v", &v), ("w", &w), ("i", &i)] {
            writeln!(text, ".slot {slot} = {}", list(values)).unwrap();
        }
        for (axon, weights) in weights.iter().enumerate() {
            writeln!(text, ".axon input {axon}\n.dense = {}", list(weights)).unwrap();
        }
        let mut input = SampleInput {
            steps: STEPS,
            offsets: vec![0],
            ..SampleInput::default()
        };
        for _ in 0..STEPS {
            for axon in 0..AXONS as u32 {
                if random.below(4) == 0 {
                    input.elements.push(axon);
                    input.values.push(1);
                }
            }
            input.offsets.push(input.elements.len() as u32);
        }
        let (_, result) = run(&text, input.clone());
        let law = neuron.law();
        let mut spikes = Vec::new();
        for step in 0..STEPS as usize {
            let active =
                &input.elements[input.offsets[step] as usize..input.offsets[step + 1] as usize];
            for lane in 0..LANES {
                let sum: i64 = active
                    .iter()
                    .map(|a| weights[*a as usize][lane] << EXPONENT << 6)
                    .sum();
                if law.step(&mut v[lane], &mut w[lane], i[lane], sum) {
                    spikes.push((step as u32, lane as u32));
                }
                let at = step * LANES + lane;
                let got = (
                    i64::from(result.probes[0][at]),
                    i64::from(result.probes[1][at]),
                );
                assert_eq!(got, (v[lane], w[lane]), "step {step}, lane {lane}");
                lane_steps += 1;
            }
        }
        fired += spikes.len();
        let first = result.spikes.first().map_or(0, |s| s.0) - spikes.first().map_or(0, |s| s.0);
        let got: Vec<(u32, u32)> = result
            .spikes
            .iter()
            .map(|(t, id)| (t - first, *id))
            .collect();
        assert!(first <= 1 && got == spikes);
    }
    assert!(lane_steps >= 1_000_000, "{lane_steps} lane-steps");
    assert!(fired > 10_000, "{fired} spikes");
}

/// One second of three patterns: as many spikes as floating point within 1 %, and the pattern that the set is known for.
#[test]
fn firing_patterns_are_those_of_floating_point() {
    let steps = 10_000;
    let mut text = String::from(".image chip=programmable\n.dt 1e-4\n.core 0\n");
    let all = [TONIC, ADAPTING, BURSTING];
    for neuron in all {
        writeln!(text, ".group lanes=1\n{}", neuron.assembly()).unwrap();
    }
    let input = SampleInput {
        steps,
        offsets: vec![0; steps as usize + 1],
        ..SampleInput::default()
    };
    let (_, result) = run(&text, input);
    let mut intervals = Vec::new();
    for (lane, neuron) in all.iter().enumerate() {
        let own: Vec<u32> = result
            .spikes
            .iter()
            .filter(|s| s.1 == lane as u32)
            .map(|s| s.0)
            .collect();
        let float = neuron.float_spikes(steps);
        let tolerance = (float.len() as f64 * 0.01).max(1.0);
        let off = (own.len() as f64 - float.len() as f64).abs();
        assert!(
            off <= tolerance,
            "set {lane}: {} spikes, floating point {}",
            own.len(),
            float.len()
        );
        assert!(own.len() > 10, "set {lane}: {} spikes", own.len());
        intervals.push(own.windows(2).map(|t| t[1] - t[0]).collect::<Vec<u32>>());
    }
    let range = |list: &[u32]| (*list.iter().min().unwrap(), *list.iter().max().unwrap());
    // Tonic: all intervals alike once it has settled. Adapting: they grow. Bursting: short and long ones alternate for good.
    let (least, most) = range(&intervals[0][5..]);
    assert!(most - least <= 1, "tonic: {least} to {most}");
    let adapting = &intervals[1];
    assert!(
        adapting[adapting.len() - 1] >= 2 * adapting[0],
        "adapting: {adapting:?}"
    );
    let late = &intervals[2][intervals[2].len() / 2..];
    let (least, most) = range(late);
    assert!(most >= 3 * least, "bursting: {late:?}");
}
