//! One population: model and parameters to the integers of crossbar neurons.
//!
//! Invariant: what the chip's neuron has no means for is refused by name; what it does differently is an approximation,
//! with its size. Registers: Cassidy et al., IJCNN 2013; the law is the kernel's (`docs/kernels/truenorth.md`).

use super::calibrate::{Judgement, STEPS, Trials};
use super::cell::{Cell, Modes, Real, RealFire};
use super::fanin::Fanin;
use super::scale::{Needs, NoWeights, Ranges, Weights};
use crate::error::{MapError, short};
use crate::quantize::params::{Column, Recurrence, recurrence};
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use assembler::KernelLibrary;
use isa::ChipSpec;
use isa::ids::INPUT_ID;
use network::lowered::{self, Lowered, Model, Reset};
use std::collections::BTreeSet;

/// The chip's neuron.
pub(super) const KERNEL: &str = "truenorth";
/// Leaks that are tried: sixteenths of what the decay takes at the end of the working range.
const SIXTEENTHS: u32 = 24;
/// Share of the sources taken to spike in a step, and deviations on top: how large v of a neuron that is read becomes.
const ACTIVITY: f64 = 0.125;
/// Longest memory that counts in it, steps.
const HORIZON: f64 = 64.0;
/// Largest stored value that a start or a reset may have: the floor is at −(2^18 − 1).
const START: f64 = ((1 << 18) - 1) as f64;

/// A population in integers.
pub(super) struct Chosen {
    pub(super) population: Population,
    pub(super) fanin: Fanin,
    pub(super) weights: Weights,
    /// Multiplies network weights into the fan-in's units.
    pub(super) gain: Column,
    pub(super) report: PopulationReport,
    pub(super) assumptions: Vec<String>,
    pub(super) approximations: Vec<String>,
    pub(super) warnings: Vec<String>,
    /// Draws random numbers: copies of its neurons would draw others.
    pub(super) draws: bool,
}

/// What all populations are chosen for.
pub(super) struct Target<'a> {
    pub(super) net: &'a Lowered,
    pub(super) chip: &'a ChipSpec,
    pub(super) library: &'a KernelLibrary,
    pub(super) ranges: Ranges,
}

/// How a model's neuron becomes the chip's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// No decay: the leak is the constant input.
    Integrate,
    /// No memory: the threshold is the leak, the floor at 0 resets what it does not reach.
    Compare,
    /// Leak toward rest from both sides, `sixteenths` of the decay at the end of the working range; `early`: the threshold
    /// is lowered by it, for the chip compares after the leak and the model before the next.
    Toward { sixteenths: u32, early: bool },
    /// The same leak downward, on top of the constant input, with a floor at rest.
    Down { sixteenths: u32, early: bool },
}

impl Form {
    fn modes(self, reset: Reset, fires: bool) -> Modes {
        let gamma = match reset {
            _ if !fires => 2,
            Reset::Hard => 0,
            Reset::Subtract => 1,
            Reset::None => 2,
        };
        let (kappa, epsilon) = match self {
            Form::Toward { .. } => (1, 1),
            Form::Integrate | Form::Down { .. } => (1, 0),
            Form::Compare => {
                return Modes {
                    gamma: 0,
                    kappa: 0,
                    epsilon: 0,
                };
            }
        };
        Modes {
            gamma,
            kappa,
            epsilon,
        }
    }
}

fn refuse(p: &lowered::Population, what: impl Into<String>, remedy: impl Into<String>) -> MapError {
    MapError::Node {
        node: p.name.clone(),
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Quantises a population of the network.
pub(super) fn choose(index: usize, first: u32, target: &Target<'_>) -> Result<Chosen, MapError> {
    let p = &target.net.populations[index];
    match &p.model {
        Model::Kernel { name, .. } if name == KERNEL => by_name(index, first, target),
        Model::Leaky {
            filter: Some(_), ..
        } => Err(other_model(
            p,
            "a synaptic current (synapse = \"exponential\" or \"alpha\")",
            target.chip,
        )),
        Model::Leaky { .. } | Model::Threshold { .. } => by_model(index, first, target),
        Model::Kernel { name, .. } => {
            Err(other_model(p, &format!("kernel \"{name}\""), target.chip))
        }
        Model::Cuba { .. } => Err(other_model(
            p,
            "a synaptic current (CubaLIF, CubaLI)",
            target.chip,
        )),
        Model::Adaptive(_) => Err(other_model(p, "an adaptive threshold", target.chip)),
        Model::Izhikevich(_) => Err(other_model(
            p,
            "two coupled variables (Izhikevich)",
            target.chip,
        )),
        Model::Resonate(_) => Err(other_model(
            p,
            "a rotating state (resonate and fire)",
            target.chip,
        )),
        Model::SigmaDelta(_) => Err(other_model(p, "graded spikes (sigma-delta)", target.chip)),
        Model::Compartments(_) => Err(other_model(p, "two compartments", target.chip)),
    }
}

fn other_model(p: &lowered::Population, has: &str, chip: &ChipSpec) -> MapError {
    refuse(
        p,
        format!(
            "its model needs {has}; the neuron of chip \"{}\" adds up weights, leaks by a constant and compares",
            chip.name
        ),
        "use IF, LIF, I, LI or Threshold neurons, kernel \"truenorth\", or another chip (loihi, programmable)",
    )
}

/// A population of kernel `truenorth` with its own registers; the weights are chip integers.
fn by_name(index: usize, first: u32, target: &Target<'_>) -> Result<Chosen, MapError> {
    let p = &target.net.populations[index];
    let (mut population, assumptions) =
        crate::quantize::by_name(p, first, target.chip, target.library, target.net.dt_s)?;
    let option = |name: &str| population.options.iter().any(|o| o.0 == name && o.1 != 0);
    if option("B") {
        return Err(refuse(
            p,
            "its synapses are stochastic (option B), which a network's weights cannot say",
            "leave option B out, or write the program in assembly",
        ));
    }
    let draws = option("C") || option("TM");
    if let Some(given) = population
        .slots
        .iter()
        .find(|s| ["s0", "s1", "s2", "s3"].contains(&s.name.as_str()))
    {
        return Err(refuse(
            p,
            format!(
                "it gives a value to slot \"{}\"; the type weights follow from the weights of its synapses",
                given.name
            ),
            "leave s0, s1, s2 and s3 out",
        ));
    }
    let most = target.ranges.threshold;
    for slot in population
        .slots
        .iter()
        .filter(|s| s.name == "alpha" || s.name == "beta")
    {
        if let Some(bad) = slot
            .values
            .iter()
            .find(|v| !(0.0..=most).contains(&f64::from(**v)))
        {
            return Err(refuse(
                p,
                format!(
                    "{} = {bad} is no value of chip \"{}\"",
                    slot.name, target.chip.name
                ),
                format!("give a whole number from 0 to {most}"),
            ));
        }
    }
    let fanin = Fanin::gather(target.net, index, &Column::One(1.0), true);
    let weights = Weights::given(&fanin).map_err(|e| no_weights(p, &fanin, e, target))?;
    population.slots.extend(type_weights(&weights));
    let report = PopulationReport {
        name: p.name.clone(),
        kernel: KERNEL.into(),
        scale: 1.0,
        profiles: 1,
        decay_error: 0.0,
        threshold_error: 0.0,
        bias_error: 0.0,
    };
    Ok(Chosen {
        population,
        fanin,
        weights,
        gain: Column::One(1.0),
        report,
        assumptions,
        approximations: Vec::new(),
        warnings: Vec::new(),
        draws,
    })
}

/// A population with a model in real units.
fn by_model(index: usize, first: u32, target: &Target<'_>) -> Result<Chosen, MapError> {
    let p = &target.net.populations[index];
    let r = recurrence(p, target.net.dt_s)
        .map_err(|what| {
            refuse(
                p,
                what,
                "change dt or the time constant (or --import decay=exp)",
            )
        })?
        .expect("models with a recurrence come here");
    check(p, &r, target)?;
    let fanin = Fanin::gather(target.net, index, &r.gain, false);
    if fanin.list.iter().any(|s| !s.weight.is_finite()) {
        return Err(refuse(
            p,
            "a weight on its way in, times the gain of the neuron, is not a finite number",
            "give finite weights and a smaller gain (r, dt)",
        ));
    }
    let real: Vec<Real> = (0..p.len() as usize).map(|j| real(&r, j)).collect();
    let forms = forms(p, &r, &real)?;
    let needs: Vec<Needs> = (0..real.len())
        .map(|j| needs(&forms, &real[j], fanin.of(j).iter().map(|s| s.weight)))
        .collect();
    let weights = if fanin.given {
        Weights::given(&fanin)
    } else {
        Weights::real(&fanin, &needs, r.firing.is_none(), &target.ranges)
    }
    .map_err(|e| no_weights(p, &fanin, e, target))?;
    let mut chosen = Population {
        name: p.name.clone(),
        first,
        count: p.len(),
        depth: p.depth,
        kernel: KERNEL.into(),
        options: Vec::new(),
        params: Vec::new(),
        profiles: vec![Vec::new()],
        profile_of: Vec::new(),
        slots: Vec::new(),
        fires: r.firing.is_some(),
        scale: weights.scales.first().copied().unwrap_or(1.0),
        offset: r.offset,
    };
    let maker = Maker {
        p,
        real: &real,
        weights: &weights,
        ranges: &target.ranges,
        typical: needs.iter().map(|n| n.threshold / 2.0).collect(),
    };
    let (form, judged) = maker.best(&forms, &fanin, &r);
    let built: Vec<Built> = (0..real.len()).map(|j| maker.build(form, j)).collect();
    if let Some(j) = built.iter().position(|b| b.beyond) {
        return Err(refuse(
            p,
            format!(
                "threshold, leak, reset value or start of neuron {j} leave the chip's registers in the units of its weights (threshold 0 to {}, leak -255 to 255)",
                target.ranges.threshold
            ),
            "give smaller parameters, or weights in model units, which the mapper scales",
        ));
    }
    let (mut assumptions, mut approximations, warnings) = (Vec::new(), Vec::new(), Vec::new());
    let name = &p.name;
    if fanin.given {
        assumptions.push(format!("population \"{name}\" receives weights in chip units: its membrane is measured in them too (scale 1)"));
    }
    if r.firing.is_none() {
        assumptions.push(format!("population \"{name}\" is read by a probe of its potential, which the chip itself does not send"));
        if let Form::Toward { .. } = form {
            chosen.offset += real.first().map_or(0.0, Real::rest);
        }
    }
    approximations.extend(leak_note(name, form, &real, &built, &weights, &judged));
    approximations.extend(notes(name, &r, &built, &weights, p.depth));
    let rounded = built.iter().map(|b| b.bias_error).fold(0.0, f64::max);
    if rounded > 1e-9 {
        assumptions.push(format!("population \"{name}\": its constant input is rounded to whole units, by at most {} a step", short(rounded)));
    }
    let modes = form.modes(
        r.firing.as_ref().map_or(Reset::None, |f| f.reset),
        chosen.fires,
    );
    chosen.options = [
        ("GAMMA", modes.gamma),
        ("KAPPA", modes.kappa),
        ("EPSILON", modes.epsilon),
    ]
    .into_iter()
    .filter(|(_, x)| *x != 0)
    .map(|(name, x)| (name.to_string(), x))
    .collect();
    let column = |name: &str, value: &dyn Fn(&Cell) -> i32| SlotInit {
        name: name.into(),
        values: canonical(built.iter().map(|b| value(&b.cell)).collect()),
    };
    chosen.slots.push(column("v", &|c| c.v));
    chosen.slots.extend(type_weights(&weights));
    chosen.slots.push(column("leak", &|c| c.leak));
    chosen.slots.push(column("alpha", &|c| c.alpha));
    chosen.slots.push(column("beta", &|c| c.beta));
    chosen.slots.push(column("reset_v", &|c| c.reset));
    let most = |error: &dyn Fn(&Built) -> f64| built.iter().map(error).fold(0.0, f64::max);
    let report = PopulationReport {
        name: name.clone(),
        kernel: KERNEL.into(),
        scale: chosen.scale,
        profiles: 1,
        decay_error: r.decay_v.as_ref().map_or(0.0, |a| {
            a.values().iter().map(|a| 1.0 - a).fold(0.0, f64::max)
        }),
        threshold_error: most(&|b| b.threshold_error),
        bias_error: most(&|b| b.bias_error),
    };
    Ok(Chosen {
        population: chosen,
        fanin,
        weights,
        gain: r.gain,
        report,
        assumptions,
        approximations,
        warnings,
        draws: false,
    })
}

/// What no crossbar neuron does.
fn check(p: &lowered::Population, r: &Recurrence, target: &Target<'_>) -> Result<(), MapError> {
    if let Some(what) = r.not_finite() {
        return Err(refuse(
            p,
            format!("its {what} is not a finite number"),
            "give finite parameters",
        ));
    }
    if r.noise.is_some() {
        return Err(refuse(
            p,
            "its threshold is noisy, and its neurons cannot have copies that draw the same numbers",
            "leave the noise out, or use kernel \"truenorth\" with slot \"tm\"",
        ));
    }
    let resting = r.firing.iter().flat_map(|f| f.refractory.values());
    if let Some(steps) = resting.copied().find(|x| *x != 0.0) {
        return Err(refuse(
            p,
            format!(
                "it rests for {} steps after a spike; the neuron of chip \"{}\" has no refractory period",
                short(steps),
                target.chip.name
            ),
            "set refractory to 0, or use another chip (loihi, programmable)",
        ));
    }
    Ok(())
}

fn real(r: &Recurrence, j: usize) -> Real {
    Real {
        a: r.decay_v.as_ref().map_or(0.0, |a| a.get(j)),
        bias: r.bias.get(j),
        start: r.v_start.get(j),
        fire: r.firing.as_ref().map(|f| RealFire {
            threshold: f.threshold.get(j),
            v_reset: f.v_reset.get(j),
            reset: f.reset,
            late: f.late,
            ge: f.ge,
        }),
    }
}

/// The forms that a population can take: all its neurons take the same.
fn forms(p: &lowered::Population, r: &Recurrence, real: &[Real]) -> Result<Vec<Form>, MapError> {
    let all = |f: &dyn Fn(&Real) -> bool| real.iter().all(f);
    let late = r.firing.as_ref().is_some_and(|f| f.late);
    if r.firing.is_some() && !late && all(&|n| n.a == 0.0) {
        return Ok(vec![Form::Compare]);
    }
    if all(&|n| n.a == 1.0) {
        if real
            .iter()
            .any(|n| n.fire.is_some_and(|f| f.threshold < 0.0))
        {
            return Err(refuse(
                p,
                "its threshold is negative, and the chip's is not",
                "give a positive threshold, or measure v from another value",
            ));
        }
        return Ok(vec![Form::Integrate]);
    }
    if real.iter().any(|n| n.a == 1.0) {
        return Err(refuse(
            p,
            "some of its neurons decay and others do not, and leak reversal is a mode of the population",
            "give them populations of their own",
        ));
    }
    let candidates = |form: fn(u32, bool) -> Form, early: bool| {
        (0..=SIXTEENTHS).map(move |sixteenths| form(sixteenths, early))
    };
    let toward: fn(u32, bool) -> Form = |sixteenths, early| Form::Toward { sixteenths, early };
    let down: fn(u32, bool) -> Form = |sixteenths, early| Form::Down { sixteenths, early };
    let mut forms = Vec::new();
    if r.firing.is_none() {
        if real
            .iter()
            .any(|n| (n.rest() - real[0].rest()).abs() > 1e-9)
        {
            return Err(refuse(
                p,
                "its neurons are read and have different constant inputs, beside which the chip's leak has no place",
                "take the bias off, or let the population fire",
            ));
        }
        forms.extend(candidates(toward, false));
        return Ok(forms);
    }
    let below = |n: &Real| n.fire.is_none_or(|f| n.rest() < f.threshold);
    if all(&below) {
        forms.extend(candidates(toward, false));
        forms.extend(candidates(toward, true));
    }
    if real
        .iter()
        .all(|n| n.fire.is_none_or(|f| f.threshold >= 0.0))
    {
        forms.extend(candidates(down, false));
        forms.extend(candidates(down, true));
    }
    if forms.is_empty() {
        return Err(refuse(
            p,
            "its threshold is negative, and the chip's is not",
            "give a positive threshold, or measure v from another value",
        ));
    }
    Ok(forms)
}

/// What the registers of a neuron must hold under any of the forms.
fn needs(forms: &[Form], n: &Real, weights: impl Iterator<Item = f64>) -> Needs {
    let (mut sum, mut squares) = (0.0, 0.0);
    for w in weights {
        sum += w;
        squares += w * w;
    }
    let steps = 1.0 / (1.0 - n.a).max(1.0 / HORIZON);
    let typical = 2.0
        * ((ACTIVITY * sum).abs() * steps
            + 2.0 * (ACTIVITY * squares * steps).sqrt()
            + n.start.abs()
            + n.bias.abs() * steps);
    let range = if n.fire.is_some() {
        n.range()
    } else {
        typical / 2.0
    };
    let (threshold, v_reset) = n.fire.map_or((0.0, 0.0), |f| (f.threshold, f.v_reset));
    let most = if n.fire.is_some() {
        threshold.abs()
    } else {
        typical
    };
    let leaky = 1.5 * (1.0 - n.a) * range;
    let (threshold_need, leak) = match forms[0] {
        Form::Compare => (0.0, (threshold - n.bias).abs()),
        Form::Integrate => (most, n.bias.abs()),
        _ => (most + n.rest().abs().min(most), leaky + n.bias.abs()),
    };
    Needs {
        threshold: threshold_need.max(if forms[0] == Form::Compare {
            0.0
        } else {
            (v_reset.abs()).max(n.start.abs()) / 4.0
        }),
        leak,
        whole: match forms[0] {
            Form::Compare => [threshold - n.bias, 0.0, 0.0, 0.0],
            _ => [threshold, v_reset, n.bias, n.start],
        },
    }
}

fn no_weights(
    p: &lowered::Population,
    fanin: &Fanin,
    why: NoWeights,
    target: &Target<'_>,
) -> MapError {
    let capacity = target.ranges.lines;
    match why {
        NoWeights::NotWhole { at } => {
            let neuron = fanin.start.partition_point(|s| *s as usize <= at) - 1;
            refuse(
                p,
                format!(
                    "weight {} of {} to neuron {neuron} is no whole number from -32767 to 32767, and was given in chip units",
                    short(fanin.list[at].weight),
                    source_name(fanin.list[at].source, target.net)
                ),
                "give whole numbers, or use unit = \"model\"",
            )
        }
        NoWeights::NoBasis(none) => refuse(
            p,
            format!(
                "the {} distinct weights of neuron {} ({}) are no sums of at most eight of four numbers of -255 to 255, one for each axon type",
                none.distinct.len(),
                none.neuron,
                list(&none.distinct)
            ),
            "use weights of -8 to 7 times one number, at most four distinct weights a neuron, or unit = \"model\"",
        ),
        NoWeights::Lines {
            neuron,
            need,
            sources,
        } => MapError::Neuron {
            limit: "input axons",
            population: p.name.clone(),
            neuron: neuron as u32,
            need: need as u64,
            capacity: capacity as u64,
            chip: target.chip.name.clone(),
            remedy: format!(
                "the smallest change: --set core.input_axons={need}, or at most {} sources for a neuron (it has {sources}, and weights of both signs take two lines a source): smaller kernels, fewer channels, pruning; it is not split into a tree of partial sums: these are numbers, and an axon bit carries none",
                capacity / 2
            ),
        },
    }
}

fn list(values: &[i32]) -> String {
    let mut text: Vec<String> = values.iter().take(12).map(ToString::to_string).collect();
    if values.len() > 12 {
        text.push("…".into());
    }
    text.join(", ")
}

/// A source in a message.
pub(super) fn source_name(source: u32, net: &Lowered) -> String {
    let first = super::fanin::firsts(net);
    let (firsts, kind) = if source & INPUT_ID != 0 {
        (&first.inputs, "element")
    } else {
        (&first.populations, "neuron")
    };
    let id = source & !INPUT_ID;
    let at = firsts.partition_point(|f| *f <= id) - 1;
    let name = if source & INPUT_ID != 0 {
        &net.inputs[at].name
    } else {
        &net.populations[at].name
    };
    format!("{kind} {} of \"{name}\"", id - firsts[at])
}

/// A neuron in integers, and what that changed.
#[derive(Clone, Copy, Debug)]
struct Built {
    cell: Cell,
    threshold_error: f64,
    bias_error: f64,
    /// Its start acts before the layer's first input can arrive.
    early_start: bool,
    /// It subtracts this many units more than the threshold.
    over: f64,
    /// Something does not fit its register.
    beyond: bool,
}

/// Makes cells of a population.
struct Maker<'a> {
    p: &'a lowered::Population,
    real: &'a [Real],
    weights: &'a Weights,
    ranges: &'a Ranges,
    /// Working range of each neuron that is read.
    typical: Vec<f64>,
}

impl Maker<'_> {
    /// The best form, and how it was judged (`None`: there was no choice).
    fn best(&self, forms: &[Form], fanin: &Fanin, r: &Recurrence) -> (Form, Option<Judgement>) {
        if forms.len() == 1 {
            return (forms[0], None);
        }
        let trials = Trials::new(fanin, &self.weights.integers, self.real);
        if trials.is_empty() {
            // Nothing arrives: the leak that takes what the decay takes on average over the range.
            return (forms[(SIXTEENTHS / 3) as usize], None);
        }
        let reset = r.firing.as_ref().map_or(Reset::None, |f| f.reset);
        let judged = forms.iter().map(|form| {
            let zero = |j: usize| match form {
                Form::Toward { .. } => self.real[j].rest(),
                _ => 0.0,
            };
            let modes = form.modes(reset, r.firing.is_some());
            let judged = trials.judge(modes, self.real, &self.weights.scales, |j| {
                (self.build(*form, j).cell, zero(j))
            });
            (*form, judged)
        });
        let best = judged.min_by(|a, b| a.1.error.total_cmp(&b.1.error));
        let (form, judgement) = best.expect("there are forms");
        (form, Some(judgement))
    }

    fn build(&self, form: Form, j: usize) -> Built {
        let (n, scale, depth) = (
            &self.real[j],
            self.weights.scales[j],
            f64::from(self.p.depth),
        );
        let floor = self.ranges.threshold;
        let fire = n.fire;
        // The comparison in whole numbers: v > x is v >= floor(x) + 1.
        let least = |x: f64| {
            let whole = x.round();
            let x = if (x - whole).abs() < 1e-6 { whole } else { x };
            if fire.is_some_and(|f| !f.ge) {
                x.floor() + 1.0
            } else {
                x.ceil()
            }
        };
        let threshold = fire.map_or(0.0, |f| f.threshold);
        let linear = fire.is_some_and(|f| f.reset == Reset::Subtract);
        let mut built = Built {
            cell: Cell {
                v: 0,
                leak: 0,
                alpha: 0,
                beta: 0,
                reset: 0,
            },
            threshold_error: 0.0,
            bias_error: 0.0,
            early_start: false,
            over: 0.0,
            beyond: false,
        };
        if form == Form::Compare {
            let least = least((threshold - n.bias) * scale);
            built.threshold_error = (least / scale - (threshold - n.bias)).abs();
            built.early_start = depth > 0.0 && least <= 0.0;
            built.beyond = least.abs() > 255.0;
            built.cell.leak = (-least.clamp(-255.0, 255.0)) as i32;
            return built;
        }
        let range = if fire.is_some() {
            n.range()
        } else {
            self.typical[j]
        };
        let decay = |sixteenths: u32| f64::from(sixteenths) / 16.0 * (1.0 - n.a) * range * scale;
        let zero = match form {
            Form::Toward { .. } => n.rest(),
            _ => 0.0,
        };
        let leak = match form {
            Form::Toward { sixteenths, .. } => -decay(sixteenths).round(),
            Form::Down { sixteenths, .. } => (n.bias * scale - decay(sixteenths)).round(),
            _ => (n.bias * scale).round(),
        };
        if form == Form::Integrate {
            built.bias_error = (leak / scale - n.bias).abs();
        }
        let aim = (threshold - zero) * scale;
        let mut alpha = match fire {
            None => floor,
            // The threshold is also what is subtracted: the nearest number, where the weights are rounded anyway.
            Some(_) if linear && !self.weights.exact => aim.round(),
            Some(_) => least(aim),
        };
        if fire.is_some() {
            built.threshold_error = (alpha / scale - (threshold - zero)).abs();
            if linear {
                built.over = alpha - aim;
            }
            if let Form::Toward {
                sixteenths,
                early: true,
            }
            | Form::Down {
                sixteenths,
                early: true,
            } = form
            {
                alpha -= decay(sixteenths).round();
            }
        }
        if !matches!(form, Form::Integrate) {
            alpha = alpha.max(1.0);
        }
        let beta = match form {
            Form::Down { .. } => (-n.rest().min(0.0) * scale).round().min(floor),
            _ => floor,
        };
        let reset = match fire {
            Some(f) if f.reset == Reset::Hard => ((f.v_reset - zero) * scale).round(),
            _ => 0.0,
        };
        // Set back by the steps before the layer's first input.
        let start = ((n.start - zero) * scale).round();
        let back = match form {
            Form::Toward { .. } => start - start.signum() * depth * leak,
            _ => start - depth * leak,
        };
        let back = if start == 0.0 && matches!(form, Form::Toward { .. }) {
            0.0
        } else {
            back
        };
        let held = match form {
            // At the floor it stays until input comes.
            Form::Down { .. } if leak <= 0.0 && back > start => start.min(alpha - 1.0),
            _ => back,
        };
        // The first leak may bring it to the floor from below.
        let low = -beta - leak.max(0.0);
        let v = if depth > 0.0 {
            held.min(alpha - 1.0).max(low)
        } else {
            start.max(-beta)
        };
        built.early_start = depth > 0.0 && (v - back).abs() > 0.0 && (start != 0.0 || leak > 0.0);
        built.beyond = !(0.0..=floor).contains(&alpha)
            || leak.abs() > 255.0
            || reset.abs() > START
            || v.abs() > START;
        let int = |x: f64| x.clamp(-f64::from(1 << 19), f64::from((1 << 19) - 1)) as i32;
        built.cell = Cell {
            v: int(v),
            leak: int(leak),
            alpha: int(alpha),
            beta: int(beta),
            reset: int(reset),
        };
        built
    }
}

/// The type weights as slots.
fn type_weights(weights: &Weights) -> Vec<SlotInit> {
    (0..super::basis::TYPES)
        .map(|t| SlotInit {
            name: format!("s{t}"),
            values: canonical(weights.bases.iter().map(|b| b[t]).collect()),
        })
        .collect()
}

/// One value if all are alike.
fn canonical(values: Vec<i32>) -> Vec<i32> {
    if values.windows(2).all(|w| w[0] == w[1]) {
        values.into_iter().take(1).collect()
    } else {
        values
    }
}

/// What became of the decay.
fn leak_note(
    name: &str,
    form: Form,
    real: &[Real],
    built: &[Built],
    weights: &Weights,
    judged: &Option<Judgement>,
) -> Option<String> {
    let (n, b, scale) = (real.first()?, built.first()?, weights.scales.first()?);
    let how = match form {
        Form::Toward { early, .. } => format!(
            "toward its rest from both sides{}",
            if early {
                ", after which the threshold is compared"
            } else {
                ""
            }
        ),
        Form::Down { .. } => "downward to a floor at its rest, its constant input included".into(),
        _ => return None,
    };
    let decays: BTreeSet<u64> = real.iter().map(|n| n.a.to_bits()).collect();
    let several = if decays.len() > 1 { " (neuron 0)" } else { "" };
    let mut text = format!(
        "population \"{name}\": its decay of {} a step{several} became a linear leak of {} a step ({} units) {how}",
        short(n.a),
        short(f64::from(b.cell.leak.abs()) / scale),
        b.cell.leak.abs()
    );
    if let Some(j) = judged {
        if n.fire.is_some() {
            text += &format!(
                ", the one of those tried whose spikes differ least: on random inputs {} spikes for the model's {}, {} apart in {STEPS} steps on average",
                j.spikes[1],
                j.spikes[0],
                short((j.difference * 1000.0).round() / 1000.0)
            );
        } else {
            text += &format!(
                ", the one of those tried whose v differs least: by {} (root mean square) on random inputs",
                short(j.rms)
            );
        }
    }
    Some(text)
}

/// Other differences from the model.
fn notes(
    name: &str,
    r: &Recurrence,
    built: &[Built],
    weights: &Weights,
    depth: u32,
) -> Vec<String> {
    let mut out = Vec::new();
    if r.firing.as_ref().is_some_and(|f| f.late) {
        out.push(format!(
            "population \"{name}\": it is reset in the step of the spike, not one step later"
        ));
    }
    let over = built.iter().map(|b| b.over).fold(0.0, f64::max);
    if over > 0.5 && weights.exact {
        let alpha = built.iter().map(|b| b.cell.alpha).max().unwrap_or(0);
        out.push(format!(
            "population \"{name}\": the chip subtracts the threshold that it compares with, {alpha} units, where the model fires above {} and subtracts that",
            f64::from(alpha) - over
        ));
    }
    if built.iter().any(|b| b.early_start) {
        out.push(format!("population \"{name}\": its constant input or initial state acts up to {depth} steps before the layer's first input can arrive"));
    }
    out
}
