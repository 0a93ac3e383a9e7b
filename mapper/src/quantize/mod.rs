//! Pass 1, quantize: a network in real numbers becomes a network in the chip's integers.
//!
//! Invariant: only this pass knows floats; all that follows sees [`Quantized`]. Errors against the real network are
//! measured here and reported, never hidden.

mod decay;
mod drive;
mod lost;
mod models;
mod named;
pub(crate) mod params;
mod population;
mod relay;
mod scale;
pub(crate) mod tree;
mod verify;
mod weights;

pub(crate) use lost::lost;
pub(crate) use scale::common_unit;
pub(crate) use verify::verify;

use crate::change;
use crate::error::MapError;
use crate::quantized::{Input, Output, Population, Quantized, Source};
use crate::report::{PopulationReport, ProjectionReport, TreeReport};
use assembler::KernelLibrary;
use isa::ChipSpec;
use isa::image::{Readout, WeightSign};
use network::lowered::{self, Lowered, ReadoutKind, WeightUnit};
use params::Column;
use relay::Names;
use weights::Rule;

/// What quantising gave.
pub(crate) struct Outcome {
    pub(crate) quantized: Quantized,
    pub(crate) projections: Vec<ProjectionReport>,
    pub(crate) populations: Vec<PopulationReport>,
    pub(crate) relays: u32,
    pub(crate) trees: Vec<TreeReport>,
    pub(crate) assumptions: Vec<String>,
    pub(crate) approximations: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Number formats of a chip, as the quantiser needs them.
pub(crate) struct Formats {
    pub(crate) weight_scale: u32,
    /// Widest mantissa.
    pub(crate) weight_bits: u32,
    weight_widths: Vec<u32>,
    pub(crate) exponent_max: i32,
    accumulator_max: f64,
    state_max: f64,
    threshold_max: f64,
    negative_thresholds: bool,
    /// Decays are multiples of this, in 1/4096.
    decay_step: f64,
    threshold_profiles: u32,
    delay: u32,
}

/// What a population is quantised for.
pub(crate) struct Target<'a> {
    pub(crate) chip: &'a ChipSpec,
    pub(crate) formats: &'a Formats,
    pub(crate) library: &'a KernelLibrary,
    pub(crate) dt_s: f64,
}

/// Width of the accumulators of the library's kernels, bits (nengo-loihi: 21 bits and sign).
const KERNEL_ACCUMULATOR_BITS: u32 = 22;
/// Width of u, v and bias of the library's kernels, bits (nengo-loihi: 23 bits and sign).
const KERNEL_STATE_BITS: u32 = 24;
/// The kernels' decay multiplies by `DECAY` and shifts right by 12.
const DECAY_ONE: f64 = 4096.0;

impl Formats {
    pub(crate) fn of(chip: &ChipSpec) -> Formats {
        let l = &chip.limits;
        let power = |bits: u32| f64::from(bits).exp2();
        Formats {
            weight_scale: l.weight_scale,
            weight_bits: l.weight_widths.last().copied().unwrap_or(0),
            weight_widths: l.weight_widths.clone(),
            exponent_max: l.weight_exponent[1].clamp(0, 15),
            accumulator_max: power(l.accumulator_bits.min(KERNEL_ACCUMULATOR_BITS) - 1) - 1.0,
            state_max: power(l.state_bits.min(KERNEL_STATE_BITS) - 1) - 1.0,
            // Thresholds are multiples of the weight's unit, in a constant of 32 bits.
            threshold_max: (power(l.threshold_bits) - 1.0).min(power(31 - l.weight_scale) - 1.0)
                * power(l.weight_scale),
            negative_thresholds: l.threshold_bits >= 32,
            decay_step: power(12 - l.decay_bits.min(12)),
            threshold_profiles: l.threshold_profiles,
            delay: l.delay,
        }
    }

    pub(crate) fn mantissa_max(&self, single_sign: bool) -> u32 {
        if single_sign {
            (1 << self.weight_bits) - 1
        } else {
            (1 << self.weight_bits.max(1) >> 1) - 1
        }
    }

    /// Range of mantissas of a width.
    pub(crate) fn range(&self, sign: WeightSign, bits: u32) -> (i32, i32) {
        match sign {
            _ if bits == 0 => (0, 0),
            WeightSign::Signed => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            WeightSign::Excitatory => (0, (1 << bits) - 1),
            WeightSign::Inhibitory => (1 - (1 << bits), 0),
        }
    }

    /// Narrowest stored width that holds mantissas `low..=high`.
    fn narrowest(&self, sign: WeightSign, low: i32, high: i32) -> u8 {
        let holds = |bits: u32| {
            (self.range(sign, bits).0..=self.range(sign, bits).1).contains(&low)
                && self.range(sign, bits).1 >= high
        };
        self.weight_widths
            .iter()
            .copied()
            .find(|b| holds(*b))
            .unwrap_or(self.weight_bits) as u8
    }
}

/// A population whose kernel is given by name, with its assumptions; its weights are not looked at.
pub(crate) fn by_name(
    population: &lowered::Population,
    first: u32,
    chip: &ChipSpec,
    library: &KernelLibrary,
    dt_s: f64,
) -> Result<(Population, Vec<String>), MapError> {
    let formats = Formats::of(chip);
    let target = Target {
        chip,
        formats: &formats,
        library,
        dt_s,
    };
    let done = named::by_name(population, first, &target)?;
    Ok((done.population, done.assumptions))
}

/// Quantises a network for a chip.
pub(crate) fn quantize(
    net: &Lowered,
    chip: &ChipSpec,
    library: &KernelLibrary,
    threads: usize,
) -> Result<Outcome, Vec<MapError>> {
    let formats = Formats::of(chip);
    let mut errors = Vec::new();
    let mut out = Outcome {
        quantized: Quantized {
            name: net.name.clone(),
            dt_s: net.dt_s,
            populations: Vec::new(),
            inputs: Vec::new(),
            projections: Vec::new(),
            outputs: Vec::new(),
            weight_scale: chip.limits.weight_scale as u8,
            depth: net.populations.iter().map(|p| p.depth).max().unwrap_or(0),
        },
        projections: Vec::new(),
        populations: Vec::new(),
        relays: 0,
        trees: Vec::new(),
        assumptions: net.assumptions.clone(),
        approximations: Vec::new(),
        warnings: Vec::new(),
    };
    let mut first = 0;
    for input in &net.inputs {
        let count = input.shape.iter().product();
        out.quantized.inputs.push(Input {
            name: input.name.clone(),
            shape: input.shape.clone(),
            first,
            count,
            graded: false,
        });
        first += count;
    }

    let target = Target {
        chip,
        formats: &formats,
        library,
        dt_s: net.dt_s,
    };
    if let Some(none) = no_mantissa(net, chip, &formats) {
        return Err(vec![none]);
    }
    // Gains and scales by population, then the weights that need them.
    let senders = models::graded::senders(net, &target);
    let mut folded: Vec<(Vec<Column>, f64)> = Vec::new();
    let mut first = 0;
    for (index, population) in net.populations.iter().enumerate() {
        let incoming: Vec<&lowered::Projection> = net
            .projections
            .iter()
            .filter(|p| p.target as usize == index)
            .collect();
        let payloads: Vec<f64> = incoming
            .iter()
            .map(|p| models::graded::of_source(net, p.source))
            .collect();
        let graded: Vec<bool> = incoming
            .iter()
            .map(|p| match p.source {
                lowered::Source::Input(i) => net.inputs[i as usize].graded,
                lowered::Source::Population(s) => senders[s as usize],
            })
            .collect();
        let context = models::Context {
            population,
            incoming: &incoming,
            payloads: &payloads,
            graded: &graded,
            first,
            target: &target,
        };
        match population::quantize(&context) {
            Ok(done) => {
                folded.push((done.gains, done.input_scale));
                out.quantized.populations.push(done.population);
                out.populations.push(done.report);
                out.assumptions.extend(done.assumptions);
                out.approximations.extend(done.approximations);
                out.warnings.extend(done.warnings);
            }
            Err(error) => {
                errors.push(error);
                folded.push((vec![Column::One(1.0)], 1.0));
            }
        }
        first += population.len();
    }
    if !errors.is_empty() {
        return Err(change::worst(errors));
    }
    errors.extend(models::graded::check(
        net,
        &out.quantized.populations,
        &target,
    ));
    errors.extend(models::receptors::check(
        net,
        &out.quantized.populations,
        &target,
    ));
    let mut names = Names::of(&out.quantized);
    for projection in &net.projections {
        let (gains, scale) = &folded[projection.target as usize];
        let gain = &gains[usize::from(projection.receptor).min(gains.len() - 1)];
        let one = Column::One(1.0);
        let by_name = matches!(
            net.populations[projection.target as usize].model,
            lowered::Model::Kernel { .. }
        );
        let unscaled = by_name && *scale == 1.0;
        let rule = match projection.unit {
            WeightUnit::Model if unscaled => Rule::Effective,
            unit => {
                let scale = scale / models::graded::of_source(net, projection.source);
                Rule::of(unit, if by_name { &one } else { gain }, scale, &formats)
            }
        };
        match weights::quantize(
            projection,
            net.populations[projection.target as usize].len(),
            &rule,
            &formats,
            threads,
        ) {
            Ok((mantissas, report)) => {
                out.projections.push(report);
                let connected =
                    relay::connect(projection, mantissas, &target, &mut out, &mut names);
                errors.extend(connected.err());
            }
            Err(error) => errors.push(error),
        }
    }
    let targets: Vec<u32> = net.projections.iter().map(|p| p.target).collect();
    out.warnings.extend(lost(&out.projections, &targets));
    let graded = models::graded::inputs(&out.quantized, &target);
    for (input, graded) in out.quantized.inputs.iter_mut().zip(graded) {
        input.graded = graded;
    }
    match outputs(net, &out.quantized.populations) {
        Ok(outputs) => out.quantized.outputs = outputs,
        Err(wrong) => errors.extend(wrong),
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(change::worst(errors))
    }
}

/// Refuses real weights on a chip whose widest mantissa holds none of them: 0 bits none at all, 1 bit none of both signs.
fn no_mantissa(net: &Lowered, chip: &ChipSpec, formats: &Formats) -> Option<MapError> {
    let bits = formats.weight_bits;
    if bits > 1 {
        return None;
    }
    let real = |p: &&lowered::Projection| p.unit == WeightUnit::Model;
    net.projections.iter().filter(real).find_map(|p| {
        let any = |sign: fn(&f32) -> bool| p.synapses.weight.iter().any(sign);
        let (plus, minus) = (any(|w| *w > 0.0), any(|w| *w < 0.0));
        let both = plus && minus;
        (both || bits == 0 && (plus || minus)).then(|| MapError::Chip {
            chip: chip.name.clone(),
            what: format!(
                "core.weight_widths ends at {bits}, and the weights of projection \"{}\" have {}",
                p.path,
                if both {
                    "both signs, which take 2 bits"
                } else {
                    "one sign, which takes 1 bit"
                }
            ),
            remedy: format!(
                "give a width of {} or more (--set 'core.weight_widths=[8]')",
                if both { 2 } else { 1 }
            ),
        })
    })
}

/// The outputs, each with a readout that its population can give.
pub(crate) fn outputs(
    net: &Lowered,
    populations: &[Population],
) -> Result<Vec<Output>, Vec<MapError>> {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    for output in &net.outputs {
        let population = &populations[output.population as usize];
        if !population.fires
            && let Some(readout @ (ReadoutKind::Count | ReadoutKind::First)) = output.readout
        {
            let name = if readout == ReadoutKind::Count {
                "count"
            } else {
                "first"
            };
            errors.push(MapError::Node {
                node: output.name.clone(),
                what: format!(
                    "its readout \"{name}\" is about spikes, and population \"{}\" does not fire",
                    population.name
                ),
                remedy: "use readout \"last\" or \"max\", or neurons that fire".into(),
            });
        }
        let readout = match output.readout {
            Some(ReadoutKind::Count) => Readout::Count,
            Some(ReadoutKind::Last) => Readout::Last,
            Some(ReadoutKind::Max) => Readout::Max,
            Some(ReadoutKind::First) => Readout::First,
            None if population.fires => Readout::Count,
            None => Readout::Last,
        };
        out.push(Output {
            name: output.name.clone(),
            shape: output.shape.clone(),
            population: output.population,
            readout,
        });
    }
    if errors.is_empty() {
        Ok(out)
    } else {
        Err(errors)
    }
}

fn source(source: lowered::Source) -> Source {
    match source {
        lowered::Source::Input(i) => Source::Input(i),
        lowered::Source::Population(p) => Source::Population(p),
    }
}
