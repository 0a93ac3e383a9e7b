//! Graded spikes: which populations send payloads, in which units, and which take them.
//!
//! Invariant: a payload reaches only kernels that read it; everything else is refused by name.

use super::super::params::Column;
use super::super::population::refuse;
use super::Context;
use crate::error::MapError;
use crate::quantize::Target;
use crate::quantized::{Population, Quantized, Source};
use assembler::kernels::{Kernel, Settings};
use isa::ChipSpec;
use isa::chip::Delivery;
use isa::op::{Op, decode};
use network::lowered::{self, Model};
use network::models::SigmaDelta;

/// Chip units of the smallest threshold, at least: a payload is rounded to a 32nd of it.
const THRESHOLD_UNITS: f64 = 32.0;
/// Largest shift of a product of weight and payload.
const SHIFT_MAX: f64 = 31.0;
/// `mfs` of the payload.
const PAYLOAD: u8 = 2;

/// Payload units per model unit: a power of two that depends on nothing but the sender.
pub(in crate::quantize) fn payload_scale(model: &SigmaDelta) -> f64 {
    let smallest = match &model.threshold {
        lowered::Param::One(x) => *x,
        lowered::Param::Each(all) => all.iter().copied().fold(f64::INFINITY, f64::min),
    };
    (THRESHOLD_UNITS / smallest).log2().ceil().exp2()
}

/// Payload units per model unit of what a source sends; 1 for plain spikes.
pub(in crate::quantize) fn of_source(net: &lowered::Lowered, source: lowered::Source) -> f64 {
    match source {
        lowered::Source::Population(p) => match &net.populations[p as usize].model {
            Model::SigmaDelta(model) => payload_scale(model),
            _ => 1.0,
        },
        lowered::Source::Input(_) => 1.0,
    }
}

/// Which populations send payloads, by the models and kernels of a network.
pub(in crate::quantize) fn senders(net: &lowered::Lowered, target: &Target<'_>) -> Vec<bool> {
    let sends = |population: &lowered::Population| match &population.model {
        Model::SigmaDelta(_) => true,
        Model::Kernel {
            name,
            options,
            params,
            ..
        } => {
            let options: Vec<(&str, i64)> = options.iter().map(|(k, v)| (k.as_str(), *v)).collect();
            let declared = target.library.params(name);
            let known = params
                .iter()
                .filter(|p| declared.iter().any(|d| d.name == p.name));
            let first = |value: &lowered::Param| match value {
                lowered::Param::One(x) => *x,
                lowered::Param::Each(all) => all.first().copied().unwrap_or(0.0),
            };
            let params: Vec<(&str, f64)> =
                known.map(|p| (p.name.as_str(), first(&p.value))).collect();
            let settings = Settings {
                options: &options,
                params: &params,
                dt_s: Some(target.dt_s),
            };
            // What is wrong with it is said where the population is quantised.
            let kernel = target.library.instantiate(name, &settings);
            kernel.is_ok_and(|kernel| kernel.update.iter().any(is_graded_spike))
        }
        _ => false,
    };
    net.populations.iter().map(sends).collect()
}

fn is_graded_spike(word: &u32) -> bool {
    decode(*word).is_ok_and(|i| i.op == Op::Spkg)
}

/// What a population with one of the library's models takes payloads by: the factor of its weights, and its options. A weight is
/// multiplied by the payload and shifted right, so that it keeps its mantissa where a payload counts many units.
pub(in crate::quantize) fn take(
    context: &Context<'_>,
    gains: &[Column],
    scale: f64,
) -> (f64, Vec<(String, i64)>) {
    if !context.graded.contains(&true) {
        return (1.0, Vec::new());
    }
    let formats = context.target.formats;
    let unit = f64::from(formats.weight_scale).exp2();
    let spread = f64::from(formats.exponent_max.max(0)).exp2();
    let (mut wanted, mut most) = (0.0_f64, SHIFT_MAX);
    for ((p, payload), graded) in context
        .incoming
        .iter()
        .zip(context.payloads)
        .zip(context.graded)
    {
        let gain = &gains[usize::from(p.receptor).min(gains.len() - 1)];
        let weights = p.synapses.target.iter().zip(&p.synapses.weight);
        let largest = weights
            .map(|(t, w)| (f64::from(*w) * gain.get(*t as usize)).abs())
            .fold(0.0, f64::max);
        if largest == 0.0 || p.unit != lowered::WeightUnit::Model {
            continue;
        }
        // Signed mantissas, whatever the signs are: the others have room to spare.
        let room = f64::from(formats.mantissa_max(false)) * unit * payload / (largest * scale);
        if *graded {
            wanted = wanted.max(room.log2().floor());
        }
        most = most.min((room * spread).log2().floor());
    }
    let shift = wanted.min(most).max(0.0);
    let options = vec![("GRADED".into(), 1), ("SHIFT".into(), shift as i64)];
    (shift.exp2(), options)
}

/// Whether packets of a chip carry payloads.
pub(in crate::quantize) fn carried(chip: &ChipSpec) -> bool {
    chip.limits.graded && chip.delivery == Delivery::Accumulate
}

/// Refuses senders of payloads on chips whose packets have none.
pub(super) fn allowed(population: &lowered::Population, chip: &ChipSpec) -> Result<(), MapError> {
    if carried(chip) {
        return Ok(());
    }
    let what = format!(
        "it sends graded spikes; packets of chip \"{}\" carry no payload",
        chip.name
    );
    let remedy = "choose a chip with `graded = true`, or a neuron model with plain spikes";
    Err(refuse(population, what, remedy))
}

/// The kernel of a population that is quantised.
pub(super) fn kernel(population: &Population, target: &Target<'_>) -> Kernel {
    let options: Vec<(&str, i64)> = population
        .options
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let params: Vec<(&str, f64)> = population
        .params
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let settings = Settings {
        options: &options,
        params: &params,
        dt_s: Some(target.dt_s),
    };
    let kernel = target.library.instantiate(&population.kernel, &settings);
    kernel.expect("it was instantiated before")
}

/// Whether a population sends payloads.
pub(in crate::quantize) fn sends(population: &Population, target: &Target<'_>) -> bool {
    kernel(population, target)
        .update
        .iter()
        .any(is_graded_spike)
}

/// Whether its synapses read them.
fn takes(population: &Population, target: &Target<'_>) -> bool {
    let reads = |word: &u32| decode(*word).is_ok_and(|i| i.op == Op::Mfs && i.field == PAYLOAD);
    kernel(population, target).on_spike.iter().any(reads)
}

/// Refuses payloads to populations that would not read them.
pub(in crate::quantize) fn check(
    net: &lowered::Lowered,
    populations: &[Population],
    target: &Target<'_>,
) -> Vec<MapError> {
    let senders: Vec<bool> = populations.iter().map(|p| sends(p, target)).collect();
    let to_deaf = |p: &&lowered::Projection| match p.source {
        lowered::Source::Population(s) => {
            senders[s as usize] && !takes(&populations[p.target as usize], target)
        }
        lowered::Source::Input(i) => {
            net.inputs[i as usize].graded && !takes(&populations[p.target as usize], target)
        }
    };
    let input = |i: &&lowered::Input| i.graded && !carried(target.chip);
    let not_carried = net.inputs.iter().filter(input).map(|i| MapError::Node {
        node: i.name.clone(),
        what: format!(
            "it is `graded`; packets of chip \"{}\" carry no payload",
            target.chip.name
        ),
        remedy:
            "choose a chip with `graded = true`, or leave the key out: a value n is then n spikes"
                .into(),
    });
    let refused = net.projections.iter().filter(to_deaf).map(|p| {
        let target = &populations[p.target as usize];
        MapError::Node {
            node: p.path.clone(),
            what: format!(
                "it carries graded spikes to population \"{}\", whose kernel \"{}\" takes plain ones",
                target.name, target.kernel
            ),
            remedy: "give the kernel GRADED = 1 if it has it, or another that reads payloads (`mfs r2, payload`)".into(),
        }
    });
    not_carried.chain(refused).collect()
}

/// Inputs whose values travel as payloads: all that they reach reads them, and the chip carries them.
pub(in crate::quantize) fn inputs(q: &Quantized, target: &Target<'_>) -> Vec<bool> {
    let reads: Vec<bool> = q.populations.iter().map(|p| takes(p, target)).collect();
    (0..q.inputs.len() as u32)
        .map(|input| {
            let mut from = q
                .projections
                .iter()
                .filter(|p| p.source == Source::Input(input))
                .peekable();
            carried(target.chip) && from.peek().is_some() && from.all(|p| reads[p.target as usize])
        })
        .collect()
}
