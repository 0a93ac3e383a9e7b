//! Graded spikes: which populations send payloads, in which units, and which take them.
//!
//! Invariant: a payload reaches only kernels that read it; everything else is refused by name.

use super::super::population::refuse;
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

fn carried(chip: &ChipSpec) -> bool {
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
    let sends = |word: &u32| decode(*word).is_ok_and(|i| i.op == Op::Spkg);
    kernel(population, target).update.iter().any(sends)
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
        lowered::Source::Input(_) => false,
    };
    let refused = net.projections.iter().filter(to_deaf).map(|p| {
        let target = &populations[p.target as usize];
        MapError::Node {
            node: p.path.clone(),
            what: format!(
                "it carries graded spikes to population \"{}\", whose kernel \"{}\" takes plain ones",
                target.name, target.kernel
            ),
            remedy: "let sigma-delta neurons take them (or a kernel by name with GRADED = 1), or end the network there".into(),
        }
    });
    refused.collect()
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
