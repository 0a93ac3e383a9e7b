//! One population: model and parameters to the integers of crossbar neurons.
//!
//! Invariant: what the chip's neuron has no means for is refused by name; what it does differently is an approximation,
//! with its size. Registers: Cassidy et al., IJCNN 2013; the law is the kernel's (`docs/kernels/truenorth.md`).

use super::build::{Built, Maker};
use super::cell::{Cell, Real};
use super::fanin::Fanin;
use super::forms::{Form, forms, needs, real};
use super::notes::{leak_note, notes};
use super::scale::{Needs, NoWeights, Ranges, Weights};
use crate::error::{MapError, short};
use crate::quantize::params::{Column, Recurrence, recurrence};
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use assembler::KernelLibrary;
use isa::ChipSpec;
use isa::ids::INPUT_ID;
use network::lowered::{self, Lowered, Model, Reset};

/// The chip's neuron.
pub(super) const KERNEL: &str = "truenorth";

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

pub(super) fn refuse(
    p: &lowered::Population,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> MapError {
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
                "change dt or the time constant, or decay to exp (of a .toml: decay = \"exp\" in the file; of NIR: --import decay=exp)",
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
                "the smallest change: --set core.input_axons={need}, or at most {} sources for a neuron (it has {sources}, and weights of both signs take two lines a source): smaller kernels, fewer channels, pruning; it is not split into a tree of partial sums: these are numbers, and an axon bit carries none (cores and rows of the crossbar are judged once this fits)",
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
