//! Laws in chip integers of the kernels with more state than a membrane: `alif`, `lsnn`, `izhikevich`, `resonate`, `sigmadelta`,
//! `compartments`.
//!
//! Invariant: the integers of `assembler/kernels/*.s` with the same name; their headers state the laws, widths and roundings.

use super::kernel::{V_MAX, wrap};
use crate::lowered::IntParam;

/// State slots of a population, in the order of the names below.
#[derive(Clone, Debug, Default)]
pub(super) struct State(Vec<Vec<i64>>);

/// A constant, its default (`None`: it must be given).
type Constant = (&'static str, Option<i64>);
/// A slot, its initial value where none is given.
type Slot = (&'static str, i64);

/// What a kernel of this file can be told.
struct Interface {
    name: &'static str,
    options: &'static [&'static str],
    constants: &'static [Constant],
    slots: &'static [Slot],
}

/// Options that change nothing in a simulation: where a lane may stop early, and (as sums are linear) payloads without a shift.
const SILENT: [&str; 3] = ["IDLE", "GRADED", "SHIFT"];

const KERNELS: [Interface; 6] = [
    Interface {
        name: "alif",
        options: &["GE", "BIAS", "ROUND", "SYN", "WAIT"],
        constants: &[
            ("ALPHA", None),
            ("RHO", None),
            ("JUMP", None),
            ("BETA", None),
            ("THETA", None),
            ("FADE", Some(52429)),
        ],
        slots: &[
            ("v", 0),
            ("eta", 0),
            ("spiked", 0),
            ("u", 0),
            ("h", 0),
            ("bias", 0),
            ("wait", 0),
        ],
    },
    Interface {
        name: "lsnn",
        options: &["GE", "BIAS", "REFRACT", "LATE", "ROUND", "SYN", "WAIT"],
        constants: &[
            ("ALPHA", None),
            ("RHO", None),
            ("JUMP", None),
            ("BETA", None),
            ("THETA", None),
            ("FADE", Some(52429)),
            ("REFRACTORY", Some(1)),
        ],
        slots: &[
            ("v", 0),
            ("b", 0),
            ("spiked", 0),
            ("u", 0),
            ("h", 0),
            ("bias", 0),
            ("wait", 0),
            ("refractory", 0),
        ],
    },
    Interface {
        name: "izhikevich",
        options: &["STEPS", "PARAMS", "BIAS", "GAIN", "SYN", "WAIT"],
        constants: &[
            ("K04", Some(41943)),
            ("K5", Some(5 << 24)),
            ("K6", Some(6 << 24)),
            ("K140", Some(140 << 16)),
            ("PEAK", Some(30 << 16)),
            ("A", Some(20972)),
            ("B", Some(209_715)),
            ("C", Some(-65 << 16)),
            ("D", Some(8 << 16)),
            ("FADE", Some(52429)),
        ],
        slots: &[
            ("v", -65 << 16),
            ("u", -13 << 16),
            ("a", 20972),
            ("b", 209_715),
            ("c", -65 << 16),
            ("d", 8 << 16),
            ("s", 0),
            ("h", 0),
            ("bias", 0),
            ("wait", 0),
        ],
    },
    Interface {
        name: "resonate",
        options: &["CROSS", "RESET", "INPUT", "BIAS", "ROUND", "WAIT"],
        constants: &[
            ("COS", None),
            ("SIN", None),
            ("THETA", None),
            ("RESET_RE", Some(0)),
            ("RESET_IM", Some(6400)),
        ],
        slots: &[("re", 0), ("im", 0), ("bias", 0), ("wait", 0)],
    },
    Interface {
        name: "sigmadelta",
        options: &["RELU", "BIAS", "OUT", "WAIT"],
        constants: &[("THETA", None)],
        slots: &[("s", 0), ("ref", 0), ("bias", 0), ("wait", 0)],
    },
    Interface {
        name: "compartments",
        options: &["JOIN", "RESET", "CLEAR", "GE", "BIAS", "REFRACT", "WAIT"],
        constants: &[
            ("DECAY", None),
            ("DECAY_D", None),
            ("THETA", None),
            ("RESET_V", Some(0)),
            ("GATE", Some(0)),
            ("REFRACTORY", Some(1)),
        ],
        slots: &[
            ("v", 0),
            ("d", 0),
            ("bias", 0),
            ("refractory", 0),
            ("wait", 0),
        ],
    },
];

/// Options whose default is not 0.
const DEFAULTS: [(&str, &str, i64); 2] = [("resonate", "RESET", 1), ("sigmadelta", "RELU", 1)];

/// A population's law.
pub(super) struct Law {
    interface: &'static Interface,
    options: Vec<i64>,
    constants: Vec<i64>,
    initial: Vec<IntParam>,
}

fn sat24(x: i64) -> i64 {
    x.clamp(-V_MAX, V_MAX)
}

fn sat32(x: i64) -> i64 {
    x.clamp(i64::from(i32::MIN), i64::from(i32::MAX))
}

/// x · y / 2^bits, toward zero (0), down (1) or to nearest, ties to even (2).
pub(super) fn scaled(x: i64, y: i64, bits: u32, round: i64) -> i64 {
    let product = x * y;
    let floor = product >> bits;
    let rest = product - (floor << bits);
    let half = 1_i64 << bits >> 1;
    match round {
        0 => floor + i64::from(product < 0 && rest != 0),
        1 => floor,
        _ => floor + i64::from(rest > half || (rest == half && bits > 0 && floor & 1 == 1)),
    }
}

const NEAREST: i64 = 2;

impl Law {
    /// The law, if the kernel is one of this file.
    pub(super) fn new(
        name: &str,
        options: &[(String, i64)],
        values: &[(String, IntParam)],
    ) -> Result<Option<Law>, String> {
        let Some(interface) = KERNELS.iter().find(|known| known.name == name) else {
            return Ok(None);
        };
        for (key, value) in options {
            if key == "SHIFT" && *value != 0 {
                return Err(format!(
                    "the float reference adds up inputs before it rounds, the option SHIFT of the kernel `{name}` after each synapse; use 0"
                ));
            }
            let known = SILENT.contains(&key.as_str()) || interface.options.contains(&key.as_str());
            if !known {
                return Err(format!(
                    "the float reference knows no option {key} of the kernel `{name}`"
                ));
            }
        }
        let of_options = interface.options.iter().map(|key| {
            let given = options.iter().find(|(k, _)| k == key).map(|(_, v)| *v);
            let usual = DEFAULTS.iter().find(|(n, k, _)| *n == name && k == key);
            given.or(usual.map(|d| d.2)).unwrap_or(0)
        });
        let find = |key: &str| values.iter().find(|(k, _)| k == key).map(|(_, v)| v);
        let mut constants = Vec::new();
        for (key, usual) in interface.constants {
            constants.push(match (find(key), usual) {
                (Some(IntParam::One(x)), _) => *x,
                (Some(IntParam::Each(_)), _) => {
                    return Err(format!("the constant {key} has one value per neuron"));
                }
                (None, Some(usual)) => *usual,
                (None, None) => return Err(format!("the kernel `{name}` is given no {key}")),
            });
        }
        let slots = interface.slots.iter();
        let initial = slots.map(|(key, usual)| find(key).cloned().unwrap_or(IntParam::One(*usual)));
        Ok(Some(Law {
            interface,
            options: of_options.collect(),
            constants,
            initial: initial.collect(),
        }))
    }

    /// Back to the initial state.
    pub(super) fn reset(&self, state: &mut State, len: usize) {
        let column = |param: &IntParam| match param {
            IntParam::One(x) => vec![*x; len],
            IntParam::Each(each) => each.clone(),
        };
        state.0 = self.initial.iter().map(column).collect();
    }

    fn option(&self, name: &str) -> i64 {
        let at = self.interface.options.iter().position(|key| *key == name);
        at.map_or(0, |at| self.options[at])
    }

    fn constant(&self, name: &str) -> i64 {
        let at = self.interface.constants.iter().position(|c| c.0 == name);
        self.constants[at.expect("a constant of the kernel")]
    }

    /// Number of its inputs.
    pub(super) fn receptors(&self) -> usize {
        match self.interface.name {
            "compartments" => 2,
            _ => 1,
        }
    }

    /// One step of neuron `i` with the input sum of each receptor: what it sends.
    pub(super) fn step(
        &self,
        state: &mut State,
        i: usize,
        sums: &dyn Fn(usize) -> i64,
    ) -> Option<i64> {
        let q = sums(0);
        let mut lane = Lane {
            law: self,
            state,
            i,
        };
        if self.option("WAIT") != 0 && lane.get("wait") > 0 {
            let left = lane.get("wait") - 1;
            lane.set("wait", left);
            return None;
        }
        match self.interface.name {
            "alif" => lane.alif(wrap(q, 22)),
            "lsnn" => lane.lsnn(wrap(q, 22)),
            "izhikevich" => lane.izhikevich(sat32(q)),
            "resonate" => lane.resonate(wrap(q, 22)),
            "compartments" => lane.compartments(wrap(q, 22), wrap(sums(1), 22)),
            _ => lane.sigmadelta(sat32(q)),
        }
    }
}

/// A neuron in its step.
struct Lane<'a> {
    law: &'a Law,
    state: &'a mut State,
    i: usize,
}

impl Lane<'_> {
    fn place(&self, slot: &str) -> usize {
        let slots = self.law.interface.slots;
        let at = slots.iter().position(|(name, _)| *name == slot);
        at.expect("a slot of the kernel")
    }

    fn get(&self, slot: &str) -> i64 {
        self.state.0[self.place(slot)][self.i]
    }

    fn set(&mut self, slot: &str, value: i64) {
        let place = self.place(slot);
        self.state.0[place][self.i] = value;
    }

    fn option(&self, name: &str) -> i64 {
        self.law.option(name)
    }

    fn k(&self, name: &str) -> i64 {
        self.law.constant(name)
    }

    fn bias(&self) -> i64 {
        match self.option("BIAS") {
            0 => 0,
            _ => self.get("bias"),
        }
    }

    /// Delta, exponential or alpha synapse: the last current stands in `last`.
    fn current(&mut self, q: i64, last: &str, saturate: fn(i64) -> i64) -> i64 {
        let syn = self.option("SYN");
        let mut q = q;
        let factor = self.k("FADE");
        if syn == 2 {
            q = saturate(scaled(self.get("h"), factor, 16, 0) + q);
            self.set("h", q);
        }
        if syn != 0 {
            q = saturate(scaled(self.get(last), factor, 16, 0) + q);
            self.set(last, q);
        }
        q
    }

    fn above(&self, v: i64, threshold: i64) -> bool {
        v > threshold || (self.option("GE") == 1 && v == threshold)
    }

    fn alif(&mut self, q: i64) -> Option<i64> {
        let fired = self.get("spiked") != 0;
        let mut eta = scaled(self.get("eta"), self.k("RHO"), 16, 0);
        if fired {
            eta = sat24(eta + self.k("JUMP"));
        }
        let moved = sat24(scaled(eta, self.k("BETA"), 22, NEAREST));
        let theta = sat24(self.k("THETA") + moved);
        let i = self.current(q, "u", sat24) + self.bias() - if fired { theta } else { 0 };
        let v = sat24(scaled(self.get("v"), self.k("ALPHA"), 16, self.option("ROUND")) + i);
        let fires = self.above(v, theta);
        self.set("v", v);
        self.set("eta", eta);
        self.set("spiked", i64::from(fires));
        fires.then_some(1)
    }

    fn lsnn(&mut self, q: i64) -> Option<i64> {
        let (late, rest) = (self.option("LATE") == 1, self.k("THETA"));
        let moved = sat24(scaled(self.get("b"), self.k("BETA"), 22, NEAREST));
        let mut i = self.current(q, "u", sat24) + self.bias();
        if late && self.get("spiked") != 0 {
            i -= rest;
        }
        let mut v = sat24(scaled(self.get("v"), self.k("ALPHA"), 16, self.option("ROUND")) + i);
        let mut fires = self.above(v, sat24(rest + moved));
        if self.option("REFRACT") == 1 {
            let silent = self.get("refractory");
            fires &= silent <= 0;
            let after = if fires {
                self.k("REFRACTORY")
            } else {
                silent - 1
            };
            if silent > 0 || fires {
                self.set("refractory", after);
            }
        }
        let mut b = scaled(self.get("b"), self.k("RHO"), 16, 0);
        if fires {
            b = sat24(b + self.k("JUMP"));
            v = if late { v } else { sat24(v - rest) };
        }
        self.set("v", v);
        self.set("b", b);
        self.set("spiked", i64::from(fires));
        fires.then_some(1)
    }

    fn izhikevich(&mut self, q: i64) -> Option<i64> {
        let i = self.current(q, "s", sat32);
        let i = sat32(sat32(i << self.option("GAIN")) + self.bias());
        let near = |x: i64, y: i64, bits: u32| scaled(x, y, bits, NEAREST);
        let (k04, k140, u) = (self.k("K04"), self.k("K140"), self.get("u"));
        let slope = |v: i64, n: i64| {
            let first = sat32(sat32(near(v, k04, 12)) + n);
            sat32(sat32(sat32(sat32(near(first, v, 24)) + k140) - u) + i)
        };
        let mut v = self.get("v");
        if self.option("STEPS") == 0 {
            v = slope(v, self.k("K6"));
        } else {
            for _ in 0..2 {
                v = sat32(v + near(slope(v, self.k("K5")), 1, 1));
            }
        }
        let [a, b, c, d] = match self.option("PARAMS") {
            0 => ["A", "B", "C", "D"].map(|name| self.k(name)),
            _ => ["a", "b", "c", "d"].map(|name| self.get(name)),
        };
        let pull = sat32(sat32(near(v, b, 20)) - u);
        let u = sat32(u + near(pull, a, 20));
        let fires = v >= self.k("PEAK");
        self.set("v", if fires { c } else { v });
        self.set("u", if fires { sat32(u + d) } else { u });
        fires.then_some(1)
    }

    fn resonate(&mut self, q: i64) -> Option<i64> {
        let (re, im, round) = (self.get("re"), self.get("im"), self.option("ROUND"));
        let (cos, sin, theta) = (self.k("COS"), self.k("SIN"), self.k("THETA"));
        let i = q + self.bias();
        let of_input = self.option("INPUT");
        let x = scaled(re, cos, 15, round) - scaled(im, sin, 15, round);
        let y = scaled(re, sin, 15, round) + scaled(im, cos, 15, round);
        let x = sat24(x + i * (1 - of_input));
        let y = sat24(y + i * of_input);
        let fires = match self.option("CROSS") {
            0 => y > theta,
            1 => y > theta && re >= 0 && x < 0,
            _ => x >= theta && im < 0 && y >= 0,
        };
        let reset = fires && self.option("RESET") == 1;
        self.set("re", if reset { self.k("RESET_RE") } else { x });
        self.set("im", if reset { self.k("RESET_IM") } else { y });
        fires.then_some(1)
    }

    fn sigmadelta(&mut self, q: i64) -> Option<i64> {
        let s = sat32(self.get("s") + q);
        self.set("s", s);
        let mut y = sat32(s + self.bias());
        if self.option("RELU") == 1 {
            y = y.max(0);
        }
        let d = sat32(y - self.get("ref"));
        if sat32(d.abs()) < self.k("THETA") {
            return None;
        }
        let out = self.option("OUT");
        let sent = scaled(d, 1, out as u32, 0);
        self.set("ref", sat32(self.get("ref") + (sent << out)));
        Some(sent)
    }

    fn compartments(&mut self, soma: i64, dendrite: i64) -> Option<i64> {
        let d = sat24(scaled(self.get("d"), self.k("DECAY_D"), 12, 0) + dendrite);
        self.set("d", d);
        if self.option("REFRACT") == 1 && self.get("refractory") > 0 {
            let left = self.get("refractory") - 1;
            self.set("refractory", left);
            return None;
        }
        let own = soma + self.bias();
        let open = d > self.k("GATE");
        let joined = match self.option("JOIN") {
            0 => own + d,
            1 => own.max(d),
            2 => own.min(d),
            3 if open => own,
            4 if !open => own,
            _ => 0,
        };
        let v = sat24(scaled(self.get("v"), self.k("DECAY"), 12, 0) + joined);
        let fires = self.above(v, self.k("THETA"));
        let after = match self.option("RESET") {
            0 => self.k("RESET_V"),
            1 => sat24(v - self.k("THETA")),
            _ => v,
        };
        self.set("v", if fires { after } else { v });
        if fires && self.option("CLEAR") == 1 {
            self.set("d", 0);
        }
        if fires && self.option("REFRACT") == 1 {
            self.set("refractory", self.k("REFRACTORY"));
        }
        fires.then_some(1)
    }
}
