//! The kernels against their laws: every option combination, random values, by a scalar interpreter that follows
//! `specs/isa.md` and nothing else.

use assembler::kernels::{KERNELS, Kernel, instantiate};
use isa::image::{Group, Reduce, Slot};
use isa::numeric::{reduce_mode, shift_right};
use isa::op::{Handler, Instr, Op, decode};
use isa::rng::{draw_lane, site};
use std::collections::BTreeMap;

/// Kernels whose laws are tested on the emulator only: `tests/it/kernels` of the root package, which has all the others too.
const ON_THE_CHIP: [&str; 6] = [
    "alif",
    "lsnn",
    "izhikevich",
    "resonate",
    "sigmadelta",
    "compartments",
];

/// Kernels of which some options keep their defaults here: with all combinations of them there would be thousands. On the emulator
/// they are drawn by chance.
const LEAKY: [&str; 6] = ["if", "lif", "cubalif", "li", "cubali", "threshold"];
const VARIED_ON_THE_CHIP: [&str; 6] = ["SYN", "ROUND", "GRADED", "SHIFT", "CLIP", "INJECT"];

/// Lane-steps of a kernel, spread over the combinations of its options, and the least for a combination.
const STEPS: u32 = 200_000;
const LEAST_STEPS: u32 = 800;

/// What one run of `update` did beside storing state.
struct Outcome {
    spike: bool,
    idle: bool,
    executed: usize,
}

/// Runs `update` for one lane.
fn update(
    code: &[Instr],
    kernel: &Kernel,
    state: &mut [i32],
    input: i64,
    seed: u64,
    step: u32,
) -> Outcome {
    let mut r = [0i32; 16];
    let mut p = [true, false, false, false];
    let mut outcome = Outcome {
        spike: false,
        idle: false,
        executed: 0,
    };
    let mut at = 0;
    loop {
        let i = code[at];
        let guard = p[usize::from(i.pred)] != i.negate;
        let a = r[usize::from(i.ra)];
        let b = if i.konst {
            kernel.constants[usize::from(i.rb)].1
        } else {
            r[usize::from(i.rb)]
        };
        let (wide_a, wide_b) = (i64::from(a), i64::from(b) << i.shift);
        at += 1;
        outcome.executed += 1;
        if i.op == Op::Sel {
            r[usize::from(i.rd)] = if guard { a } else { b };
            continue;
        }
        if !guard {
            continue;
        }
        let value = match i.op {
            Op::Halt => return outcome,
            Op::Br => {
                outcome.idle |= i.idle;
                at += usize::from(i.offset);
                continue;
            }
            Op::Spk | Op::Spkg => {
                assert!(!outcome.spike, "two spikes");
                outcome.spike = true;
                continue;
            }
            Op::Sts => {
                let bits = kernel.slots[usize::from(i.slot)].1;
                let most = (1i64 << (bits - 1)) - 1;
                state[usize::from(i.slot)] =
                    i64::from(r[usize::from(i.rd)]).clamp(-most - 1, most) as i32;
                continue;
            }
            Op::CmpEq | Op::CmpNe | Op::CmpLt | Op::CmpGt | Op::CmpGe => {
                p[usize::from(i.rd)] = match i.op {
                    Op::CmpEq => a == b,
                    Op::CmpNe => a != b,
                    Op::CmpLt => a < b,
                    Op::CmpGt => a > b,
                    _ => a >= b,
                };
                continue;
            }
            Op::Pand | Op::Por => {
                let left = p[usize::from(i.ra)] != (i.field & 1 != 0);
                let right = p[usize::from(i.rb)] != (i.field & 2 != 0);
                p[usize::from(i.rd)] = match i.op {
                    Op::Pand => left & right,
                    _ => left | right,
                };
                continue;
            }
            Op::Add => reduce_mode(wide_a + wide_b, i.mode),
            Op::Sub => reduce_mode(wide_a - wide_b, i.mode),
            Op::Neg => reduce_mode(-wide_a, i.mode),
            Op::Abs => reduce_mode(i64::from(a).abs(), i.mode),
            Op::Min => a.min(b),
            Op::Max => a.max(b),
            Op::Shl => reduce_mode(i64::from(a) << ((b + i32::from(i.shift)) & 31), i.mode),
            Op::And => a & b,
            Op::Or => a | b,
            Op::Xor => a ^ b,
            Op::Addi => a.wrapping_add(i32::from(i.imm)),
            Op::Li => i32::from(i.imm),
            Op::Mulq => {
                let product =
                    shift_right(i64::from(a) * i64::from(b), u32::from(i.shift), i.round, 0);
                reduce_mode(product, i.mode)
            }
            Op::Srl => (a as u32 >> ((b + i32::from(i.shift)) & 31)) as i32,
            Op::Lut => {
                let table = &kernel.tables[usize::from(i.field)];
                table[(a >> i.shift).clamp(0, table.len() as i32 - 1) as usize]
            }
            Op::Lds => state[usize::from(i.slot)],
            Op::Lda => {
                let half = 1i64 << (kernel.accumulator_bits - 1);
                match kernel.accumulator_mode {
                    Reduce::Wrap => ((input + half).rem_euclid(2 * half) - half) as i32,
                    Reduce::Saturate => input.clamp(-half, half - 1) as i32,
                }
            }
            Op::Sra => {
                let by = (b + i32::from(i.shift)) & 31;
                shift_right(i64::from(a), by as u32, i.round, 0) as i32
            }
            Op::Mac => {
                let product =
                    shift_right(i64::from(a) * i64::from(b), u32::from(i.shift), i.round, 0);
                reduce_mode(i64::from(r[usize::from(i.rd)]) + product, i.mode)
            }
            Op::Rng => {
                (draw_lane(seed, step, 7, site(Handler::Update, at as u32 - 1)) >> i.shift) as i32
            }
            op => panic!("kernels do not use {op:?} yet"),
        };
        r[usize::from(i.rd)] = value;
    }
}

/// A small generator of test values (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// From `least` to `most`, small magnitudes and limits more often.
    fn value(&mut self, least: i64, most: i64) -> i64 {
        let span = (most - least + 1) as u64;
        match self.next() % 8 {
            0 => 0i64.clamp(least, most),
            1 => (self.next() % 64) as i64 - 32,
            2 => [least, most, least + 1, most - 1][(self.next() % 4) as usize],
            _ => least + (self.next() % span) as i64,
        }
        .clamp(least, most)
    }
}

/// Named values of a lane: slots before and after, constants.
type Values = BTreeMap<String, i64>;

fn sat24(x: i64) -> i64 {
    x.clamp(1 - (1 << 23), (1 << 23) - 1)
}
fn wrap24(x: i64) -> i64 {
    (x + (1 << 23)).rem_euclid(1 << 24) - (1 << 23)
}
/// Decay as in the reference of Loihi 1: the magnitude is rounded down.
fn decay(x: i64, factor: i64) -> i64 {
    x.signum() * ((x.abs() * factor) >> 12)
}

/// The law of a kernel, written again: changes the slots, says whether the lane fires. `draws` are the words drawn, in order.
fn law(
    kernel: &str,
    option: &dyn Fn(&str) -> i64,
    k: &Values,
    s: &mut Values,
    input: i64,
    draws: &[u32],
) -> bool {
    if kernel == "truenorth" {
        let input = input.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        return truenorth(option, s, input, draws);
    }
    if kernel == "stochastic" {
        return stochastic(option, k, s, input, draws[0]);
    }
    let noise = draws.first().map_or(0, |word| i64::from(*word as i32));
    let q = (input + (1 << 21)).rem_euclid(1 << 22) - (1 << 21);
    if kernel == "relay" {
        return if option("GRADED") == 1 {
            input != 0
        } else {
            q > 0
        };
    }
    let bias = s.get("bias").copied().unwrap_or(0);
    let cuba = kernel.starts_with("cuba");
    let mut drive = q + bias;
    if cuba {
        let old = s["u"];
        let new = wrap24(decay(old, k["DECAY_U"]) + q);
        s.insert("u".into(), new);
        drive = wrap24(if option("OLD") == 1 { old } else { new } + bias);
    }
    if let Some(silent) = s.get("refractory").copied().filter(|silent| *silent > 0) {
        s.insert("refractory".into(), silent - 1);
        return false;
    }
    let before = s.get("v").copied().unwrap_or(0);
    let factor = k.get(if cuba { "DECAY_V" } else { "DECAY" });
    let mut v = sat24(
        factor.map_or(if kernel == "threshold" { 0 } else { before }, |f| {
            decay(before, *f)
        }) + drive,
    );
    if kernel == "threshold" {
        v = drive;
    }
    if kernel == "li" || kernel == "cubali" {
        s.insert("v".into(), v);
        return false;
    }
    let theta = k["THETA"];
    let reset = |v: i64| match option("RESET") {
        0 => k["RESET_V"],
        1 => sat24(v - theta),
        _ => v,
    };
    let late = option("LATE") == 1 && option("RESET") != 2;
    if late && s["spiked"] != 0 {
        v = reset(v);
    }
    let threshold = theta
        + if option("NOISE") == 1 {
            noise & k["NOISE_MASK"]
        } else {
            0
        };
    let fires = if option("GE") == 1 {
        v >= threshold
    } else {
        v > threshold
    };
    if late {
        s.insert("spiked".into(), i64::from(fires));
    } else if fires && kernel != "threshold" {
        v = reset(v);
    }
    if fires && option("REFRACT") == 1 {
        s.insert("refractory".into(), k["REFRACTORY"]);
    }
    if kernel != "threshold" {
        s.insert("v".into(), v);
    }
    fires
}

/// Fires by chance: entries of the table are the rounded sigmoid, exact at both ends.
fn stochastic(
    option: &dyn Fn(&str) -> i64,
    k: &Values,
    s: &mut Values,
    input: i64,
    word: u32,
) -> bool {
    if let Some(silent) = s.get("refractory").copied().filter(|silent| *silent > 0) {
        s.insert("refractory".into(), silent - 1);
        return false;
    }
    let q = (input + (1 << 21)).rem_euclid(1 << 22) - (1 << 21);
    let bias = s.get("bias").copied().unwrap_or(0);
    let mut v = sat24(decay(s["v"], k["DECAY"]) + q + bias);
    let (theta, step) = (k["THETA"], 1 << option("SHIFT"));
    let fires = if option("NOISE") == 1 {
        let part = |word: u32| i64::from(word) & k["NOISE_MASK"];
        v > theta + (part(word >> 16) - part(word & 0xFFFF)) * step
    } else {
        let chance = match (v - theta).div_euclid(step) + 128 {
            ..=0 => 0,
            255.. => 65536,
            i => (65536.0 / (1.0 + (-(i as f64 - 127.5) / 16.0).exp())).round() as i64,
        };
        i64::from(word >> 16) < chance
    };
    if fires {
        v = [k.get("RESET_V").copied().unwrap_or(0), sat24(v - theta), v][option("RESET") as usize];
        if option("REFRACT") == 1 {
            s.insert("refractory".into(), k["REFRACTORY"]);
        }
    }
    s.insert("v".into(), v);
    fires
}

fn truenorth(option: &dyn Fn(&str) -> i64, s: &mut Values, q: i64, draws: &[u32]) -> bool {
    let sat32 = |x: i64| x.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
    let mut draws = draws.iter();
    let mode = |slot: &str| {
        let of_lane = s.get(slot).copied();
        of_lane.unwrap_or_else(|| option(&slot.to_uppercase()))
    };
    let (gamma, kappa, epsilon) = (mode("gamma"), mode("kappa") != 0, mode("epsilon") != 0);
    let mut v = sat32(s["v"] + q);
    let (mut leak, mut alpha, mut beta, r) = (s["leak"], s["alpha"], s["beta"], s["reset_v"]);
    if option("C") == 1 {
        let rho = i64::from(draws.next().expect("a draw for the leak") >> 24);
        if s["c"] != 0 {
            leak = i64::from(leak.abs() >= rho) * leak.signum();
        }
    }
    if epsilon {
        let leaked = sat32(v + v.signum() * leak);
        v = if v != 0 && leaked.signum() == -v.signum() {
            0
        } else {
            leaked
        };
    } else {
        v = sat32(v + leak);
    }
    if option("TM") == 1 {
        let word = draws.next().expect("a draw for the thresholds");
        let eta = i64::from(word & ((1 << s["tm"]) - 1));
        alpha += eta;
        beta += if kappa { 0 } else { eta };
    }
    let ceiling = if option("CLAMP") == 1 {
        393_216
    } else {
        1 << 31
    };
    v = v.clamp(-ceiling, ceiling);
    let fires = v >= alpha || v == ceiling;
    if fires {
        v = match gamma {
            0 => r,
            1 => sat32(v - alpha),
            _ => v,
        };
    } else if v < -beta {
        v = match (kappa, gamma) {
            (true, _) => -beta,
            (_, 0) => -r,
            (_, 1) => sat32(v + beta),
            _ => v,
        };
    }
    s.insert("v".into(), v.clamp(-(1 << 19), (1 << 19) - 1));
    fires
}

/// Every combination of a kernel's options, read from its own declarations.
fn combinations<'s>(kernel: &str, source: &'s str) -> Vec<Vec<(&'s str, i64)>> {
    let mut all = vec![Vec::new()];
    for line in source
        .lines()
        .filter_map(|line| line.strip_prefix(".option "))
    {
        let (name, rest) = line.split_once('=').expect("option");
        if LEAKY.contains(&kernel) && VARIED_ON_THE_CHIP.contains(&name.trim()) {
            continue;
        }
        let range = rest.split(';').next().expect("a range");
        let least = range
            .split("..=")
            .next()
            .and_then(|l| l.split_whitespace().nth(1));
        let least: i64 = least.and_then(|l| l.parse().ok()).expect("limit");
        let most: i64 = range
            .split("..=")
            .nth(1)
            .and_then(|m| m.split_whitespace().next())
            .and_then(|m| m.parse().ok())
            .expect("limit");
        all = all
            .into_iter()
            .flat_map(|before: Vec<(&str, i64)>| {
                // Amounts of shifts change nothing else: two of them stand for all.
                let values = if most > 9 {
                    vec![0, 5]
                } else {
                    (least..=most).collect()
                };
                values.into_iter().map(move |value| {
                    before
                        .iter()
                        .copied()
                        .chain([(name.trim(), value)])
                        .collect()
                })
            })
            .collect();
    }
    all
}

fn group_of(kernel: &Kernel) -> Group {
    Group {
        kernel: kernel.name.clone(),
        lanes: 1,
        update: kernel.update.clone(),
        on_spike: kernel.on_spike.clone(),
        constants: kernel.constants.clone(),
        slots: kernel
            .slots
            .iter()
            .map(|(name, bits, init)| Slot {
                name: name.clone(),
                bits: *bits,
                init: vec![*init],
            })
            .collect(),
        tables: kernel.tables.clone(),
        receptors: kernel.receptors,
        accumulator_bits: kernel.accumulator_bits,
        accumulator_mode: kernel.accumulator_mode,
    }
}

#[test]
fn kernels_follow_their_laws() {
    let mut random = Random(1);
    let here = |name: &&(&str, &str)| !ON_THE_CHIP.contains(&name.0);
    for (name, source) in KERNELS.iter().filter(here) {
        let all = combinations(name, source);
        let steps = LEAST_STEPS.max(STEPS / all.len() as u32);
        for options in all {
            check(name, &options, steps, &mut random);
        }
    }
}

/// Lane-steps of one combination: restarted from random states or from rest, then run on.
fn check(name: &str, options: &[(&str, i64)], steps: u32, random: &mut Random) {
    let option = |key: &str| {
        options
            .iter()
            .find(|(known, _)| *known == key)
            .map_or(0, |(_, value)| *value)
    };
    let mut kernel = instantiate(name, options).expect("declared options");
    let code: Vec<Instr> = kernel
        .update
        .iter()
        .map(|word| decode(*word).expect("a kernel"))
        .collect();
    let (mut spikes, mut idles) = (0u32, 0u32);
    let (mut state, mut at_rest) = (Vec::<i32>::new(), false);
    let idle_allowed = option("IDLE") == 1 && option("NOISE") == 0;
    for step in 0..steps {
        if step % 16 == 0 {
            for (constant, value) in &mut kernel.constants {
                *value = match constant.as_str() {
                    "THETA" if idle_allowed => random.value(1, 1 << 20),
                    "THETA" => random.value(-(1 << 20), 1 << 20),
                    "RESET_V" => random.value(-(1 << 22), 1 << 22),
                    "REFRACTORY" => random.value(0, 3),
                    "NOISE_MASK" if name == "stochastic" => (1 << random.value(0, 16)) - 1,
                    "NOISE_MASK" => (1 << random.value(0, 20)) - 1,
                    "CEILING" => 393_216,
                    _ => random.value(0, 4096),
                } as i32;
            }
            at_rest = random.value(0, 3) == 0;
            let values = kernel.slots.iter().map(|(slot, bits, _)| match at_rest {
                true => 0,
                false => start(random, slot, *bits) as i32,
            });
            state = values.collect();
        }
        let input = match random.next() % 3 {
            _ if at_rest && step % 16 == 0 => 0,
            0 => 0,
            1 => random.value(-(1 << 21), 1 << 21),
            _ => random.value(-(1 << 34), 1 << 34),
        };
        let constants: Values = kernel
            .constants
            .iter()
            .map(|(name, value)| (name.clone(), i64::from(*value)))
            .collect();
        let slots = |state: &[i32]| -> Values {
            kernel
                .slots
                .iter()
                .zip(state)
                .map(|((name, ..), value)| (name.clone(), i64::from(*value)))
                .collect()
        };
        let places = (0..code.len()).filter(|at| code[*at].op == Op::Rng);
        let draws: Vec<u32> = places
            .map(|at| draw_lane(9, step, 7, site(Handler::Update, at as u32)))
            .collect();
        let mut expect = slots(&state);
        let before = expect.clone();
        let expect_spike = law(name, &option, &constants, &mut expect, input, &draws);
        if option("IDLE") == 1 && !idle_allowed {
            continue; // the loader refuses the hint here
        }
        let outcome = update(&code, &kernel, &mut state, input, 9, step);
        let context = || format!("{name} {options:?}: {before:?} {constants:?} input {input}");
        assert_eq!(outcome.spike, expect_spike, "spike of {}", context());
        assert_eq!(slots(&state), expect, "state of {}", context());
        spikes += u32::from(outcome.spike);
        idles += u32::from(outcome.idle);
        if outcome.idle {
            assert_eq!(before, expect, "an idle lane changed: {}", context());
        }
    }
    if option("IDLE") == 1 && !idle_allowed {
        return;
    }
    let fires = !matches!(name, "li" | "cubali");
    assert_eq!(spikes > 0, fires, "{name} {options:?}: {spikes} spikes");
    if option("IDLE") == 1 {
        assert!(idles > 0, "{name} {options:?} was never idle");
    }
}

/// A starting value that the kernel may meet, rest more often.
fn start(random: &mut Random, slot: &str, bits: u8) -> i64 {
    let half = 1i64 << (bits - 1);
    match slot {
        "refractory" => random.value(0, 3),
        "spiked" => random.value(0, 1),
        "alpha" => random.value(0, 1 << 12),
        "beta" => random.value(0, half - 1),
        "c" | "kappa" | "epsilon" => random.value(0, 1),
        "gamma" => random.value(0, 2),
        "b" => random.value(0, 15),
        "tm" => random.value(0, 18),
        _ if random.value(0, 2) == 0 => 0,
        "v" | "u" if bits == 24 => random.value(1 - half, half - 1),
        _ => random.value(-half, half - 1),
    }
}

#[test]
fn idle_hints_are_proven_where_allowed_and_refused_where_not() {
    for (name, source) in KERNELS {
        for options in combinations(name, source) {
            let option = |key: &str| {
                options
                    .iter()
                    .find(|(known, _)| *known == key)
                    .map_or(0, |(_, value)| *value)
            };
            let kernel = instantiate(name, &options).expect("declared options");
            for theta in [-1, 0, 1, 6400] {
                let mut group = group_of(&kernel);
                let fires = group.constants.iter().any(|(name, _)| name == "THETA");
                group
                    .constants
                    .iter_mut()
                    .filter(|(name, _)| name == "THETA")
                    .for_each(|(_, value)| *value = theta);
                let at_rest = match *name {
                    "resonate" => option("CROSS") == 0 && theta < 0,
                    "sigmadelta" => theta <= 0,
                    _ => fires && theta < i32::from(option("GE") == 1),
                };
                let at_rest = at_rest || option("NOISE") == 1 || option("INJECT") > 0;
                let faults = isa::verify::idle::check(&group.update, &group);
                let refused = option("IDLE") == 1 && at_rest;
                assert_eq!(
                    !faults.is_empty(),
                    refused,
                    "{name} {options:?} THETA {theta}: {faults:?}"
                );
            }
        }
    }
}

/// `; counts  update 11 (5 when idle), on_spike 3` in each header is true of the default options.
#[test]
fn headers_state_the_counts() {
    for (name, source) in KERNELS {
        let kernel = instantiate(name, &[]).expect("defaults");
        let mut counts = format!("; counts  update {}", kernel.update.len());
        let code: Vec<Instr> = kernel
            .update
            .iter()
            .map(|word| decode(*word).expect("a kernel"))
            .collect();
        let mut state: Vec<i32> = kernel.slots.iter().map(|(.., init)| *init).collect();
        let rest = update(&code, &kernel, &mut state, 0, 0, 0);
        if rest.idle {
            counts += &format!(" ({} when idle)", rest.executed);
        }
        assert!(
            source.contains(&counts),
            "{name}: the header should say `{counts}`"
        );
        assert!(
            source.contains(&format!("on_spike {}", kernel.on_spike.len())),
            "{name}"
        );
    }
}

/// Periods of the examples of the real chip's users: (leak, alpha, first v, input a tick) → period, phase of the spikes. Their phase
/// of the last one is 1: their first input arrives one tick later.
#[test]
fn truenorth_tonic_spiking() {
    let kernel = instantiate("truenorth", &[]).expect("defaults");
    let code: Vec<Instr> = kernel
        .update
        .iter()
        .map(|word| decode(*word).expect("a kernel"))
        .collect();
    for (leak, alpha, first, input, period, phase) in [
        (1, 10, 0, 0, 10, 0),
        (1, 10, 1, 0, 10, 9),
        (2, 11, 0, 0, 6, 0),
        (-1, 10, 0, 3, 5, 0),
    ] {
        let mut state = [first, 0, 0, 0, 0, leak, alpha, 0, 0];
        let spikes: Vec<u32> = (1..=60)
            .filter(|step| update(&code, &kernel, &mut state, input, 0, *step).spike)
            .collect();
        assert!(spikes.len() >= 6, "{spikes:?}");
        assert!(
            spikes.windows(2).all(|pair| pair[1] - pair[0] == period),
            "{leak} {alpha}: {spikes:?}"
        );
        assert_eq!(
            spikes[0] % period,
            phase,
            "{leak} {alpha} {first}: {spikes:?}"
        );
    }
}
