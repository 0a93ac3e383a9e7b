//! The laws of the kernel library in chip integers, for populations that name a kernel.
//!
//! Invariant: the same integers as the kernels `if`, `lif`, `li`, `cubalif`, `cubali`, `threshold`, `stochastic` and `truenorth`
//! on a chip, and those of [`integer`]; widths and rounding as stated at the head of each. Kernels without a law are refused by
//! name. What a kernel draws comes from the caller, who knows the chip's random words ([`Draws`]).

mod stochastic;
mod truenorth;

use self::stochastic::Chance;
use self::truenorth::TrueNorth;
use super::integer::{self, scaled};
use super::neuron::Key;
use crate::lowered::IntParam;

/// Options of a kernel, by name.
type KernelOptions = [(String, i64)];

/// The random words of a chip, for populations that name a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Draws {
    /// Places in `update` of the kernel with these options that draw, in the order of the program.
    pub sites: fn(kernel: &str, options: &KernelOptions) -> Vec<u32>,
    /// The word of (seed, step, logical id of the neuron, place).
    pub word: fn(seed: u64, step: u32, id: u32, site: u32) -> u32,
}

/// What a file says of a population with a kernel.
struct Values<'a> {
    kernel: &'a str,
    options: &'a KernelOptions,
    values: &'a [(String, IntParam)],
}

impl Values<'_> {
    fn option_or(&self, key: &str, default: i64) -> i64 {
        let given = self.options.iter().find(|(k, _)| k == key);
        given.map_or(default, |(_, v)| *v)
    }

    fn option(&self, key: &str) -> i64 {
        self.option_or(key, 0)
    }

    fn get(&self, key: &str) -> Option<IntParam> {
        let given = self.values.iter().find(|(k, _)| k == key);
        given.map(|(_, v)| v.clone())
    }

    fn constant(&self, key: &str) -> Result<i64, String> {
        match self.get(key) {
            Some(IntParam::One(x)) => Ok(x),
            Some(IntParam::Each(_)) => Err(format!("the constant {key} has one value per neuron")),
            None => Err(format!("the kernel `{}` is given no {key}", self.kernel)),
        }
    }

    fn constant_or(&self, key: &str, default: i64) -> Result<i64, String> {
        self.get(key).map_or(Ok(default), |_| self.constant(key))
    }
}

/// Largest 24-bit membrane: saturation is symmetric.
pub(super) const V_MAX: i64 = (1 << 23) - 1;

/// Two's complement of `bits`.
pub(super) fn wrap(x: i64, bits: u32) -> i64 {
    let shift = 64 - bits;
    x << shift >> shift
}

fn saturate(x: i64) -> i64 {
    x.clamp(-V_MAX, V_MAX)
}

/// Delta, exponential or alpha synapse of the kernels that have one as an option; in `cubalif` and `cubali` alpha is one.
#[derive(Clone, Copy)]
struct Synapse {
    syn: i64,
    fade: i64,
}

impl Synapse {
    /// The current of a step with input `q`, saturated to 24 bits.
    fn current(self, u: &mut i64, h: &mut i64, q: i64) -> i64 {
        if self.syn == 0 {
            return q;
        }
        let mut given = q;
        if self.syn == 2 {
            *h = saturate(scaled(*h, self.fade, 16, 0) + q);
            given = *h;
        }
        *u = saturate(scaled(*u, self.fade, 16, 0) + given);
        *u
    }
}

/// Noise on an input or a current, as Loihi has it.
struct Inject {
    /// 1: to the input, 2: to what the membrane integrates.
    place: i64,
    offset: i64,
    spread: i64,
    site: u32,
}

impl Inject {
    fn value(&self, word: u32) -> i64 {
        let uniform = ((i64::from(word >> 8) * 255) >> 24) - 127;
        scaled(uniform + self.offset, self.spread, 7, 0)
    }
}

/// What a spike condition and a reset need.
struct Firing {
    theta: i64,
    reset_v: i64,
    reset: i64,
    at_threshold: bool,
    late: bool,
    refractory: Option<i64>,
    /// Mask of the threshold's noise, and the place of its draw.
    noise: Option<(i64, u32)>,
    /// Fires by chance, whatever the threshold.
    chance: Option<Chance>,
}

enum Kind {
    Integrate,
    Leaky {
        decay: i64,
    },
    Cuba {
        decay_u: i64,
        decay_v: i64,
        old: bool,
    },
    Threshold,
    TrueNorth(Box<TrueNorth>),
    Other(integer::Law),
}

/// A population's law.
pub(super) struct Kernel {
    kind: Kind,
    firing: Option<Firing>,
    bias: Option<IntParam>,
    initial: [(usize, Option<IntParam>); SLOTS],
    synapse: Synapse,
    /// Rounding of decays: toward zero, down, to nearest.
    round: i64,
    inject: Option<Inject>,
    draws: Option<Draws>,
}

/// Its state: v, u, refractory, spiked, h; or that of the kernels with more.
#[derive(Clone, Debug, Default)]
pub(super) struct State([Vec<i64>; SLOTS], integer::State);

const V: usize = 0;
const U: usize = 1;
const SILENT: usize = 2;
const SPIKED: usize = 3;
const H: usize = 4;
const SLOTS: usize = 5;

fn at(param: &IntParam, i: usize) -> i64 {
    match param {
        IntParam::One(x) => *x,
        IntParam::Each(v) => v[i],
    }
}

impl Kernel {
    pub(super) fn new(
        name: &str,
        options: &[(String, i64)],
        values: &[(String, IntParam)],
        draws: Option<Draws>,
    ) -> Result<Kernel, String> {
        if let Some(law) = integer::Law::new(name, options, values)? {
            return Ok(Kernel {
                kind: Kind::Other(law),
                firing: None,
                bias: None,
                initial: [V, U, SILENT, SPIKED, H].map(|slot| (slot, None)),
                synapse: Synapse { syn: 0, fade: 0 },
                round: 0,
                inject: None,
                draws: None,
            });
        }
        const OPTIONS: [&str; 14] = [
            "RESET", "GE", "BIAS", "REFRACT", "LATE", "NOISE", "IDLE", "OLD", "SYN", "ROUND",
            "INJECT", "GRADED", "SHIFT", "CLIP",
        ];
        let given = Values {
            kernel: name,
            options,
            values,
        };
        let option = |key: &str| given.option(key);
        let value = |key: &str| given.get(key);
        let constant = |key: &str| given.constant(key);
        let known: &[&str] = match name {
            "truenorth" => &truenorth::OPTIONS,
            "stochastic" => &stochastic::OPTIONS,
            _ => &OPTIONS,
        };
        if let Some((key, _)) = options.iter().find(|(k, _)| !known.contains(&k.as_str())) {
            return Err(format!(
                "the float reference knows no option {key} of the kernel `{name}`"
            ));
        }
        if known == OPTIONS
            && let Some(key) = ["SHIFT", "CLIP"].into_iter().find(|key| option(key) != 0)
        {
            return Err(format!(
                "the float reference adds up inputs before it rounds or limits them, the option {key} of the kernel `{name}` at each synapse; use 0"
            ));
        }
        let random = match name {
            "truenorth" => option("C") != 0 || option("TM") != 0,
            "stochastic" => true,
            _ => option("NOISE") != 0 || option("INJECT") != 0,
        };
        let sites = match draws {
            Some(draws) => (draws.sites)(name, options),
            None if random => {
                return Err(format!(
                    "the kernel `{name}` draws random words of a chip, and the caller gives none (SimulateOptions::draws)"
                ));
            }
            None => Vec::new(),
        };
        let kind = match name {
            "if" => Kind::Integrate,
            "truenorth" => Kind::TrueNorth(Box::new(TrueNorth::new(&given, &sites)?)),
            "lif" | "li" | "stochastic" => Kind::Leaky {
                decay: constant("DECAY")?,
            },
            "cubalif" | "cubali" => Kind::Cuba {
                decay_u: constant("DECAY_U")?,
                decay_v: constant("DECAY_V")?,
                old: option("OLD") != 0,
            },
            "threshold" => Kind::Threshold,
            _ => {
                return Err(format!(
                    "the float reference has no law for the kernel `{name}`; on a chip (`run`) it is its own law"
                ));
            }
        };
        let stateless = matches!(kind, Kind::Threshold);
        let firing = if matches!(name, "li" | "cubali" | "truenorth") {
            None
        } else {
            let reset = if stateless { 2 } else { option("RESET") };
            Some(Firing {
                theta: constant("THETA")?,
                reset_v: if reset == 0 {
                    given.constant_or("RESET_V", 0)?
                } else {
                    0
                },
                reset,
                at_threshold: option("GE") != 0,
                late: option("LATE") != 0 && reset != 2,
                refractory: if option("REFRACT") != 0 {
                    Some(constant("REFRACTORY")?)
                } else {
                    None
                },
                noise: match sites.last() {
                    // What is injected is drawn before it.
                    Some(site) if name != "stochastic" && option("NOISE") != 0 => {
                        Some((given.constant_or("NOISE_MASK", 0)?, *site))
                    }
                    _ => None,
                },
                chance: match name {
                    "stochastic" => Some(Chance::new(&given, &sites)?),
                    _ => None,
                },
            })
        };
        let bias = if option("BIAS") != 0 {
            Some(value("bias").unwrap_or(IntParam::One(0)))
        } else {
            None
        };
        let inject = match sites.first() {
            Some(site) if name == "cubalif" && option("INJECT") != 0 => Some(Inject {
                place: option("INJECT"),
                offset: given.constant_or("OFFSET", 0)?,
                spread: given.constant_or("SPREAD", 128)?,
                site: *site,
            }),
            _ => None,
        };
        let syn = given.option_or("SYN", i64::from(name.starts_with("cuba")));
        let fade = match name.starts_with("cuba") || syn == 0 {
            true => 0,
            false => given.constant_or("FADE", 52429)?,
        };
        let round = option("ROUND");
        let initial = [
            (V, value("v")),
            (U, value("u")),
            (SILENT, value("refractory")),
            (SPIKED, value("spiked")),
            (H, value("h")),
        ];
        Ok(Kernel {
            kind,
            firing,
            bias,
            initial,
            synapse: Synapse { syn, fade },
            round,
            inject,
            draws,
        })
    }

    /// Back to the initial state.
    pub(super) fn reset(&self, state: &mut State, len: usize) {
        if let Kind::Other(law) = &self.kind {
            return law.reset(&mut state.1, len);
        }
        for (slot, value) in &self.initial {
            let slot = &mut state.0[*slot];
            slot.clear();
            slot.extend((0..len).map(|i| value.as_ref().map_or(0, |v| at(v, i))));
        }
    }

    /// Number of its inputs.
    pub(super) fn receptors(&self) -> usize {
        match &self.kind {
            Kind::Other(law) => law.receptors(),
            _ => 1,
        }
    }

    /// One step of neuron `i` with the input sum of each receptor: what it sends, and its membrane.
    pub(super) fn step(
        &self,
        state: &mut State,
        i: usize,
        sums: &dyn Fn(usize) -> i64,
        key: Key,
    ) -> (Option<i64>, i64) {
        let q = sums(0);
        let draw = |site: u32| {
            let word = self.draws.map(|draws| draws.word);
            // The chip is as many steps behind as the population is deep.
            let step = key.step.wrapping_add(key.place.depth);
            let id = key.place.first.wrapping_add(i as u32);
            word.map_or(0, |word| word(key.seed, step, id, site))
        };
        if let Kind::Other(law) = &self.kind {
            return (law.step(&mut state.1, i, sums), 0);
        }
        if let Kind::TrueNorth(neuron) = &self.kind {
            let v = &mut state.0[V][i];
            return (neuron.step(v, i, q, draw).then_some(1), *v);
        }
        let q = wrap(q, 22);
        let bias = self.bias.as_ref().map_or(0, |b| at(b, i));
        let [v, u, silent, spiked, h] = &mut state.0;
        let (v, u, silent, spiked) = (&mut v[i], &mut u[i], &mut silent[i], &mut spiked[i]);
        let (h, before) = (&mut h[i], *u);
        let decayed = |x: i64, decay: i64| scaled(x, decay, 12, self.round);
        let injected = |place: i64| {
            let inject = self.inject.as_ref().filter(|inject| inject.place == place);
            inject.map_or(0, |inject| inject.value(draw(inject.site)))
        };
        let q = if let Kind::Cuba { decay_u, .. } = self.kind {
            let mut q = q + injected(1);
            if self.synapse.syn == 2 {
                *h = wrap(decayed(*h, decay_u) + q, 24);
                q = *h;
            }
            *u = wrap(decayed(*u, decay_u) + q, 24);
            q
        } else {
            self.synapse.current(u, h, q)
        };
        let frozen = *silent > 0 && self.firing.as_ref().is_some_and(|f| f.refractory.is_some());
        if frozen {
            *silent -= 1;
            return (None, *v);
        }
        let mut next = match self.kind {
            Kind::Integrate => saturate(*v + q + bias),
            Kind::Leaky { decay } => saturate(decayed(*v, decay) + q + bias),
            Kind::Cuba { decay_v, old, .. } => {
                let u = if old { before } else { *u };
                saturate(decayed(*v, decay_v) + wrap(u + bias + injected(2), 24))
            }
            Kind::Threshold | Kind::TrueNorth(_) | Kind::Other(_) => q + bias,
        };
        let Some(firing) = &self.firing else {
            *v = next;
            return (None, next);
        };
        let reset = |v: i64| match firing.reset {
            0 => firing.reset_v,
            1 => saturate(v - firing.theta),
            _ => v,
        };
        if firing.late && std::mem::take(spiked) != 0 {
            next = reset(next);
        }
        let theta = match firing.noise {
            // On the chip the sum is 32 bits and wraps.
            Some((mask, site)) => wrap((i64::from(draw(site)) & mask) + firing.theta, 32),
            None => firing.theta,
        };
        let fires = match &firing.chance {
            Some(chance) => chance.fires(next, draw),
            None => next > theta || (firing.at_threshold && next == theta),
        };
        if fires {
            *silent = firing.refractory.unwrap_or(0);
            *spiked = i64::from(firing.late);
        }
        *v = if fires && !firing.late {
            reset(next)
        } else {
            next
        };
        (fires.then_some(1), next)
    }
}

/// What a synapse of a mantissa adds: two's complement floor of w · 2^exponent, six bits up (Loihi's weight registers).
pub(super) fn effective(mantissa: f64, exponent: i8) -> f64 {
    (mantissa * f64::from(exponent).exp2()).floor() * 64.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_widths() {
        assert_eq!(scaled(-5, 2048, 12, 0), -2);
        assert_eq!(wrap(1 << 21, 22), -(1 << 21));
        assert_eq!(saturate(-(1 << 23)), -V_MAX);
        assert_eq!(effective(-3.0, -1), -128.0);
        assert_eq!(effective(3.0, 1), 384.0);
    }
}
