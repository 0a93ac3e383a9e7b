//! The laws of the kernels once more, from their equations: whole numbers in 128 bits, reduced where the equations say.
//!
//! Invariant: nothing here is taken from a kernel's instructions. What the equations are stands at the head of each kernel.

/// Values by name, in a fixed order: slots of a lane, constants of a group, options of a kernel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Named(pub(super) Vec<(String, i64)>);

impl Named {
    pub(super) fn find(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| *v)
    }

    /// The value, 0 where the kernel has none of the name.
    pub(super) fn get(&self, name: &str) -> i64 {
        self.find(name).unwrap_or(0)
    }

    fn need(&self, name: &str) -> i64 {
        self.find(name)
            .unwrap_or_else(|| panic!("no value {name} in {self:?}"))
    }

    /// Sets a slot, which is as wide as it is.
    fn set(&mut self, name: &str, value: i64) {
        if let Some(slot) = self.0.iter_mut().find(|(n, _)| n == name) {
            slot.1 = value;
        }
    }
}

/// How a division by a power of two becomes whole.
#[derive(Clone, Copy)]
enum Round {
    Zero,
    Floor,
    Nearest,
}

impl Round {
    fn of(option: i64) -> Round {
        [Round::Zero, Round::Floor, Round::Nearest][option as usize]
    }
}

/// x · y / 2^bits.
fn scaled(x: i64, y: i64, bits: u32, round: Round) -> i64 {
    let (product, one) = (i128::from(x) * i128::from(y), 1_i128 << bits);
    let floor = product.div_euclid(one);
    let rest = product.rem_euclid(one);
    let up = match round {
        Round::Zero => product < 0 && rest != 0,
        Round::Floor => false,
        Round::Nearest => 2 * rest > one || (2 * rest == one && floor % 2 != 0),
    };
    (floor + i128::from(up)) as i64
}

fn sat24(x: i64) -> i64 {
    x.clamp(1 - (1 << 23), (1 << 23) - 1)
}

fn sat32(x: i64) -> i64 {
    x.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
}

fn wrap(x: i64, bits: u32) -> i64 {
    let half = 1_i64 << (bits - 1);
    (x + half).rem_euclid(2 * half) - half
}

/// What a packet with this payload adds through a synapse of this weight.
pub(super) fn synapse(option: &Named, weight: i64, payload: i64) -> i64 {
    let mut weight = weight;
    if option.get("CLIP") == 1 {
        weight = weight.clamp(64 - (1 << 21), (1 << 21) - 64);
    }
    if option.get("GRADED") == 1 {
        let shift = option.get("SHIFT") as u32;
        sat32(scaled(weight, payload, shift, Round::Floor))
    } else {
        weight
    }
}

/// One step of a lane: changes its slots, gives the payload that it sends. `q` = exact sums of the receptors, `random` = the words
/// that it draws, in the order of the program.
pub(super) fn step(
    kernel: &str,
    option: &Named,
    k: &Named,
    s: &mut Named,
    q: [i64; 2],
    random: [u32; 2],
) -> Option<i64> {
    if option.get("WAIT") == 1 && s.need("wait") > 0 {
        s.set("wait", s.need("wait") - 1);
        return None;
    }
    match kernel {
        "alif" => alif(option, k, s, q[0]),
        "lsnn" => lsnn(option, k, s, q[0]),
        "izhikevich" => izhikevich(option, k, s, q[0]),
        "resonate" => resonate(option, k, s, q[0]),
        "sigmadelta" => sigmadelta(option, k, s, q[0]),
        "compartments" => compartments(option, k, s, q),
        "stochastic" => stochastic(option, k, s, q[0], random[0]),
        "relay" if option.get("GRADED") == 1 => Some(sat32(q[0])).filter(|q| *q != 0),
        "relay" => (wrap(q[0], 22) > 0).then_some(1),
        _ => leaky(kernel, option, k, s, q[0], random),
    }
}

/// Delta, exponential or alpha synapse with saturating 24-bit states.
fn current(option: &Named, k: &Named, s: &mut Named, q: i64) -> i64 {
    let faded = |x: i64| scaled(x, k.need("FADE"), 16, Round::Zero);
    match option.get("SYN") {
        0 => q,
        1 => {
            let u = sat24(faded(s.need("u")) + q);
            s.set("u", u);
            u
        }
        _ => {
            let h = sat24(faded(s.need("h")) + q);
            let u = sat24(faded(s.need("u")) + h);
            s.set("h", h);
            s.set("u", u);
            u
        }
    }
}

fn above(option: &Named, v: i64, threshold: i64) -> bool {
    v > threshold || (option.get("GE") == 1 && v == threshold)
}

fn alif(option: &Named, k: &Named, s: &mut Named, q: i64) -> Option<i64> {
    let before = s.need("spiked") != 0;
    let jump = if before { k.need("JUMP") } else { 0 };
    let eta = scaled(s.need("eta"), k.need("RHO"), 16, Round::Zero);
    let eta = if before { sat24(eta + jump) } else { eta };
    let moved = sat24(scaled(eta, k.need("BETA"), 22, Round::Nearest));
    let theta = sat24(k.need("THETA") + moved);
    let i = current(option, k, s, wrap(q, 22));
    let round = Round::of(option.get("ROUND"));
    let decayed = scaled(s.need("v"), k.need("ALPHA"), 16, round);
    let less = if before { theta } else { 0 };
    let v = sat24(decayed + i + s.get("bias") - less);
    let fires = above(option, v, theta);
    s.set("v", v);
    s.set("eta", eta);
    s.set("spiked", i64::from(fires));
    fires.then_some(1)
}

fn lsnn(option: &Named, k: &Named, s: &mut Named, q: i64) -> Option<i64> {
    let (theta, late) = (k.need("THETA"), option.get("LATE") == 1);
    let b = s.need("b");
    let moved = sat24(scaled(b, k.need("BETA"), 22, Round::Nearest));
    let i = current(option, k, s, wrap(q, 22));
    let round = Round::of(option.get("ROUND"));
    let decayed = scaled(s.need("v"), k.need("ALPHA"), 16, round);
    let less = if late && s.need("spiked") != 0 {
        theta
    } else {
        0
    };
    let mut v = sat24(decayed + i + s.get("bias") - less);
    let mut fires = above(option, v, sat24(theta + moved));
    if option.get("REFRACT") == 1 {
        let silent = s.need("refractory");
        fires &= silent <= 0;
        if silent > 0 {
            s.set("refractory", silent - 1);
        } else if fires {
            s.set("refractory", k.need("REFRACTORY"));
        }
    }
    let mut b = scaled(b, k.need("RHO"), 16, Round::Zero);
    if fires {
        b = sat24(b + k.need("JUMP"));
        if !late {
            v = sat24(v - theta);
        }
    }
    s.set("v", v);
    s.set("b", b);
    s.set("spiked", i64::from(fires));
    fires.then_some(1)
}

fn stochastic(option: &Named, k: &Named, s: &mut Named, q: i64, random: u32) -> Option<i64> {
    let silent = s.get("refractory");
    if silent > 0 {
        s.set("refractory", silent - 1);
        return None;
    }
    let decayed = scaled(s.need("v"), k.need("DECAY"), 12, Round::Zero);
    let mut v = sat24(decayed + wrap(q, 22) + s.get("bias"));
    let (theta, unit) = (k.need("THETA"), 1 << option.get("SHIFT"));
    let fires = if option.get("NOISE") == 1 {
        let part = |word: u32| i64::from(word) & k.need("NOISE_MASK");
        v > theta + (part(random >> 16) - part(random)) * unit
    } else {
        let x = (v - theta).div_euclid(unit) as f64 + 0.5;
        let chance = match x {
            ..=-127.0 => 0.0,
            127.0.. => 65536.0,
            _ => (65536.0 / (1.0 + (-x / 16.0).exp())).round(),
        };
        f64::from(random >> 16) < chance
    };
    if fires {
        v = match option.get("RESET") {
            0 => k.need("RESET_V"),
            1 => sat24(v - theta),
            _ => v,
        };
        if option.get("REFRACT") == 1 {
            s.set("refractory", k.need("REFRACTORY"));
        }
    }
    s.set("v", v);
    fires.then_some(1)
}

fn izhikevich(option: &Named, k: &Named, s: &mut Named, q: i64) -> Option<i64> {
    let near = |x: i64, y: i64, bits: u32| sat32(scaled(x, y, bits, Round::Nearest));
    let mut i = sat32(q);
    let faded = |x: i64| scaled(x, k.need("FADE"), 16, Round::Zero);
    if option.get("SYN") == 1 {
        i = sat32(faded(s.need("s")) + i);
        s.set("s", i);
    } else if option.get("SYN") == 2 {
        let h = sat32(faded(s.need("h")) + i);
        i = sat32(faded(s.need("s")) + h);
        s.set("h", h);
        s.set("s", i);
    }
    i = sat32(i << option.get("GAIN"));
    i = sat32(i + s.get("bias"));
    let (mut v, u) = (s.need("v"), s.need("u"));
    // 0.04 v² + n v + 140 − u + i.
    let slope = |v: i64, n: i64| {
        let first = sat32(near(v, k.need("K04"), 12) + n);
        let square = sat32(near(first, v, 24) + k.need("K140"));
        sat32(sat32(square - u) + i)
    };
    if option.get("STEPS") == 0 {
        v = slope(v, k.need("K6"));
    } else {
        for _ in 0..2 {
            v = sat32(v + scaled(slope(v, k.need("K5")), 1, 1, Round::Nearest));
        }
    }
    let parameter = |constant: &str, slot: &str| match option.get("PARAMS") {
        0 => k.need(constant),
        _ => s.need(slot),
    };
    let (a, b, c, d) = (
        parameter("A", "a"),
        parameter("B", "b"),
        parameter("C", "c"),
        parameter("D", "d"),
    );
    let pull = sat32(near(v, b, 20) - u);
    let mut u = sat32(u + scaled(pull, a, 20, Round::Nearest));
    let fires = v >= k.need("PEAK");
    if fires {
        v = c;
        u = sat32(u + d);
    }
    s.set("v", v);
    s.set("u", u);
    fires.then_some(1)
}

fn resonate(option: &Named, k: &Named, s: &mut Named, q: i64) -> Option<i64> {
    let round = Round::of(option.get("ROUND"));
    let (re, im) = (s.need("re"), s.need("im"));
    let (cos, sin) = (k.need("COS"), k.need("SIN"));
    let i = wrap(q, 22) + s.get("bias");
    let mut x = scaled(re, cos, 15, round) - scaled(im, sin, 15, round);
    let mut y = scaled(re, sin, 15, round) + scaled(im, cos, 15, round);
    if option.get("INPUT") == 0 {
        x += i;
    } else {
        y += i;
    }
    let (mut x, mut y) = (sat24(x), sat24(y));
    let theta = k.need("THETA");
    let fires = match option.get("CROSS") {
        0 => y > theta,
        1 => y > theta && re >= 0 && x < 0,
        _ => x >= theta && im < 0 && y >= 0,
    };
    if fires && option.get("RESET") == 1 {
        (x, y) = (k.need("RESET_RE"), k.need("RESET_IM"));
    }
    s.set("re", x);
    s.set("im", y);
    fires.then_some(1)
}

fn sigmadelta(option: &Named, k: &Named, s: &mut Named, q: i64) -> Option<i64> {
    let sum = sat32(s.need("s") + sat32(q));
    s.set("s", sum);
    let mut y = sat32(sum + s.get("bias"));
    if option.get("RELU") == 1 {
        y = y.max(0);
    }
    let d = sat32(y - s.need("ref"));
    let unit = 1 << option.get("OUT");
    let sent = d / unit;
    let fires = sat32(d.abs()) >= k.need("THETA");
    if fires {
        s.set("ref", sat32(s.need("ref") + sent * unit));
    }
    fires.then_some(sent)
}

/// Reset of the kernels that reset at once or late, as the options say.
fn after_spike(option: &Named, k: &Named, v: i64) -> i64 {
    match option.get("RESET") {
        0 => k.need("RESET_V"),
        1 => sat24(v - k.need("THETA")),
        _ => v,
    }
}

fn compartments(option: &Named, k: &Named, s: &mut Named, q: [i64; 2]) -> Option<i64> {
    let toward_zero = |x: i64, factor: &str| scaled(x, k.need(factor), 12, Round::Zero);
    let d = sat24(toward_zero(s.need("d"), "DECAY_D") + wrap(q[1], 22));
    s.set("d", d);
    let silent = s.get("refractory");
    if silent > 0 {
        s.set("refractory", silent - 1);
        return None;
    }
    let i = wrap(q[0], 22) + s.get("bias");
    let j = match option.get("JOIN") {
        0 => i + d,
        1 => i.max(d),
        2 => i.min(d),
        3 if d > k.need("GATE") => i,
        4 if d <= k.need("GATE") => i,
        _ => 0,
    };
    let v = sat24(toward_zero(s.need("v"), "DECAY") + j);
    let fires = above(option, v, k.need("THETA"));
    s.set("v", if fires { after_spike(option, k, v) } else { v });
    if fires {
        if option.get("CLEAR") == 1 {
            s.set("d", 0);
        }
        s.set("refractory", k.get("REFRACTORY"));
    }
    fires.then_some(1)
}

/// `if`, `lif`, `li`, `cubalif`, `cubali`, `threshold`.
fn leaky(
    kernel: &str,
    option: &Named,
    k: &Named,
    s: &mut Named,
    q: i64,
    random: [u32; 2],
) -> Option<i64> {
    let mut q = wrap(q, 22);
    let round = Round::of(option.get("ROUND"));
    let cuba = kernel.starts_with("cuba");
    // Loihi's noise: uniform in −127..=127, an offset, a power of two.
    let uniform = ((i64::from(random[0] >> 8) * 255) >> 24) - 127;
    let noise = match option.get("INJECT") {
        0 => 0,
        _ => scaled(uniform + k.need("OFFSET"), k.need("SPREAD"), 7, Round::Zero),
    };
    if !cuba {
        q = current(option, k, s, q);
    }
    let mut drive = q + s.get("bias");
    if cuba {
        if option.get("INJECT") == 1 {
            q += noise;
        }
        let fade = |x: i64| scaled(x, k.need("DECAY_U"), 12, round);
        let old = s.need("u");
        let given = if option.get("SYN") == 2 {
            let h = wrap(fade(s.need("h")) + q, 24);
            s.set("h", h);
            h
        } else {
            q
        };
        let new = wrap(fade(old) + given, 24);
        s.set("u", new);
        drive = if option.get("OLD") == 1 { old } else { new } + s.get("bias");
        if option.get("INJECT") == 2 {
            drive += noise;
        }
        drive = wrap(drive, 24);
    }
    let silent = s.get("refractory");
    if silent > 0 {
        s.set("refractory", silent - 1);
        return None;
    }
    let before = s.get("v");
    let left = match kernel {
        "if" => before,
        "threshold" => 0,
        _ if cuba => scaled(before, k.need("DECAY_V"), 12, round),
        _ => scaled(before, k.need("DECAY"), 12, round),
    };
    let mut v = if kernel == "threshold" {
        drive
    } else {
        sat24(left + drive)
    };
    if kernel == "li" || kernel == "cubali" {
        s.set("v", v);
        return None;
    }
    let late = option.get("LATE") == 1 && option.get("RESET") != 2;
    if late && s.need("spiked") != 0 {
        v = after_spike(option, k, v);
    }
    let drawn = match option.get("NOISE") {
        0 => 0,
        _ => {
            let word = random[usize::from(option.get("INJECT") != 0)];
            i64::from(word as i32) & k.need("NOISE_MASK")
        }
    };
    let fires = above(option, v, k.need("THETA") + drawn);
    if fires && !late && kernel != "threshold" {
        v = after_spike(option, k, v);
    }
    s.set("spiked", i64::from(fires));
    s.set("v", v);
    if fires {
        s.set("refractory", k.get("REFRACTORY"));
    }
    fires.then_some(1)
}
