//! Models with a kernel of their own law: adaptive, Izhikevich, resonate, sigma-delta. One file for each gives the constants.
//!
//! Invariant: as for the other models, the integers follow from the network and the chip file alone, and what they change is in
//! the report.

mod adaptive;
mod compartments;
pub(super) mod graded;
mod izhikevich;
pub(super) mod receptors;
mod resonate;
mod sigmadelta;

use super::params::{Column, Firing, Recurrence};
use super::population::{Done, integers, kernel_of, profiles, refuse};
use super::scale::{Fanin, FaninSums, choose, overflow};
use super::{DECAY_ONE, Target};
use crate::error::{MapError, short};
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use network::lowered::{self, Decay, Model, Param, Reset, WeightUnit};
use network::models::Filter;

/// What all of these models need.
pub(super) struct Context<'a> {
    pub(super) population: &'a lowered::Population,
    pub(super) incoming: &'a [&'a lowered::Projection],
    /// Payload units per model unit of each incoming projection's source; 1 for plain spikes.
    pub(super) payloads: &'a [f64],
    /// Whether that source sends payloads.
    pub(super) graded: &'a [bool],
    pub(super) first: u32,
    pub(super) target: &'a Target<'a>,
}

/// Quantises a population with one of these models; `None` for the others.
pub(super) fn quantize(context: &Context<'_>) -> Option<Result<Done, MapError>> {
    Some(match &context.population.model {
        Model::Adaptive(model) => adaptive::quantize(context, model),
        Model::Izhikevich(model) => izhikevich::quantize(context, model),
        Model::Resonate(model) => resonate::quantize(context, model),
        Model::SigmaDelta(model) => sigmadelta::quantize(context, model),
        Model::Compartments(model) => compartments::quantize(context, model),
        _ => return None,
    })
}

/// Factor of a decay per step and 1 − it.
fn decay(tau: &Param, decay: Decay, dt: f64) -> Column {
    Column::zip(&[&tau.into()], |x| match decay {
        Decay::Euler => 1.0 - dt / x[0],
        Decay::Exp => (-dt / x[0]).exp(),
    })
}

/// A synaptic current in the kernel's terms.
struct Synapse {
    /// Factor per step.
    factor: Column,
    alpha: bool,
}

impl Synapse {
    fn of(filter: Option<&Filter>, kind: Decay, dt: f64) -> Option<Synapse> {
        filter.map(|f| Synapse {
            factor: decay(&f.tau, kind, dt),
            alpha: f.alpha,
        })
    }

    /// Factor of the weights: each filter has a gain of 1 for constant input.
    fn gain(&self) -> Column {
        let power = if self.alpha { 2 } else { 1 };
        Column::zip(&[&self.factor], |x| (1.0 - x[0]).powi(power))
    }
}

/// The constant input of each neuron.
fn bias(population: &lowered::Population) -> Column {
    if population.bias.is_empty() {
        return Column::One(0.0);
    }
    let values = population.bias.iter().map(|b| f64::from(*b)).collect();
    Column::zip(&[&Column::Each(values)], |x| x[0])
}

/// A spike condition as the choice of a scale sees it.
fn firing(threshold: Column, v_reset: Column) -> Firing {
    Firing {
        threshold,
        v_reset,
        reset: Reset::None,
        late: false,
        ge: false,
        refractory: Column::One(0.0),
    }
}

/// Constants, slots, options of a population while they are collected.
struct Parts<'a> {
    context: &'a Context<'a>,
    kernel: &'static str,
    options: Vec<(String, i64)>,
    constants: Vec<(String, Column)>,
    slots: Vec<SlotInit>,
    assumptions: Vec<String>,
    approximations: Vec<String>,
    warnings: Vec<String>,
    /// Largest errors, in model units.
    errors: [f64; 3],
}

const DECAY_ERROR: usize = 0;
const THRESHOLD_ERROR: usize = 1;
const BIAS_ERROR: usize = 2;

impl<'a> Parts<'a> {
    fn new(context: &'a Context<'a>, kernel: &'static str) -> Parts<'a> {
        Parts {
            context,
            kernel,
            options: Vec::new(),
            constants: Vec::new(),
            slots: Vec::new(),
            assumptions: Vec::new(),
            approximations: Vec::new(),
            warnings: Vec::new(),
            errors: [0.0; 3],
        }
    }

    fn refuse(&self, what: impl Into<String>, remedy: &str) -> MapError {
        refuse(self.context.population, what, remedy)
    }

    fn option(&mut self, name: &str, value: i64) {
        self.options.push((name.into(), value));
    }

    /// A factor or share in units of 2^-bits.
    fn fraction(&mut self, name: &str, value: &Column, bits: i32) -> Result<(), MapError> {
        if let Some(bad) = value.values().iter().find(|x| x.is_nan() || x.abs() > 1.0) {
            let what = format!("a time constant gives the factor {} per step", short(*bad));
            return Err(self.refuse(what, "use time constants longer than the step of time"));
        }
        let one = f64::from(bits).exp2();
        let integer = Column::zip(&[value], |x| (x[0] * one).round());
        let error = Column::zip(&[value, &integer], |x| x[0] - x[1] / one).max_abs();
        self.errors[DECAY_ERROR] = self.errors[DECAY_ERROR].max(error);
        self.constants.push((name.into(), integer));
        Ok(())
    }

    /// A factor per step in units of 2^-12, on the chip's grid of decays.
    fn decay(&mut self, name: &str, value: &Column) -> Result<(), MapError> {
        let step = self.context.target.formats.decay_step;
        let on_grid = Column::zip(&[value], |x| {
            1.0 - ((1.0 - x[0]) * DECAY_ONE / step).round() * step / DECAY_ONE
        });
        let error = Column::zip(&[value, &on_grid], |x| x[0] - x[1]).max_abs();
        let (population, chip) = (self.context.population, self.context.target.chip);
        let what = if name == "DECAY_D" { "dendrite" } else { "v" };
        let note = super::decay::judge(population, what, value, &on_grid, chip)?;
        self.approximations.extend(note);
        self.fraction(name, &on_grid, DECAY_ONE.log2() as i32)?;
        self.errors[DECAY_ERROR] = self.errors[DECAY_ERROR].max(error);
        Ok(())
    }

    /// A constant in units of 1 / `scale`, at most `most` in size.
    fn constant(
        &mut self,
        name: &str,
        value: &Column,
        scale: f64,
        most: f64,
    ) -> Result<(), MapError> {
        let integer = Column::zip(&[value], |x| (x[0] * scale).round());
        self.within(name, &integer, most)?;
        self.constants.push((name.into(), integer));
        Ok(())
    }

    fn within(&self, name: &str, integer: &Column, most: f64) -> Result<(), MapError> {
        let bad = integer
            .values()
            .iter()
            .find(|x| x.is_nan() || x.abs() > most);
        bad.map_or(Ok(()), |bad| {
            let what = format!(
                "its {name} is {} in chip units; the kernel \"{}\" holds ±{most}",
                short(*bad),
                self.kernel
            );
            Err(self.refuse(what, "scale the parameters down"))
        })
    }

    /// `THETA`, on the chip's grid.
    fn threshold(&mut self, value: &Column, scale: f64) -> Result<(), MapError> {
        let formats = self.context.target.formats;
        let unit = f64::from(1_u32 << formats.weight_scale);
        let integer = Column::zip(&[value], |x| (x[0] * scale / unit).round() * unit);
        self.within("threshold", &integer, formats.threshold_max)?;
        if integer.values().iter().any(|t| *t < 0.0) && !formats.negative_thresholds {
            let what = "its threshold is below 0; the chip has thresholds of 0 and more";
            return Err(self.refuse(what, "raise the threshold"));
        }
        let error = Column::zip(&[value, &integer], |x| x[0] - x[1] / scale).max_abs();
        self.errors[THRESHOLD_ERROR] = error;
        self.constants.push(("THETA".into(), integer));
        Ok(())
    }

    /// A slot's first values, in units of 1 / `scale`; nothing where all are 0.
    fn slot(&mut self, name: &str, value: &Column, scale: f64, most: f64) -> Result<(), MapError> {
        let integer = Column::zip(&[value], |x| (x[0] * scale).round());
        self.within(name, &integer, most)?;
        if name == "bias" {
            let error = Column::zip(&[value, &integer], |x| x[0] - x[1] / scale).max_abs();
            self.errors[BIAS_ERROR] = error;
            if !integer.is_zero() {
                self.option("BIAS", 1);
            }
        }
        if !integer.is_zero() {
            self.slots.push(SlotInit {
                name: name.into(),
                values: integers(&integer),
            });
        }
        Ok(())
    }

    /// Where the population does something by itself, its first step is that in which its first input can arrive.
    fn wait(&mut self, moves: bool) {
        let p = self.context.population;
        if p.depth == 0 || !moves {
            return;
        }
        self.option("WAIT", 1);
        self.slots.push(SlotInit {
            name: "wait".into(),
            values: vec![p.depth as i32],
        });
        self.assumptions.push(format!(
            "population \"{}\": its counter `wait` starts at {}, so that bias and initial state act from the step in which its first input can arrive",
            p.name, p.depth
        ));
    }

    /// Refuses weights in chip units: the model's scale is chosen from real ones.
    fn real_weights(&self) -> Result<(), MapError> {
        let all = &self.context.incoming;
        match all.iter().find(|p| p.unit != WeightUnit::Model) {
            None => Ok(()),
            Some(p) => Err(self.refuse(
                format!(
                    "projection \"{}\" gives weights in chip units to a model in real ones",
                    p.path
                ),
                "give unit = \"model\", or the population a kernel in chip integers",
            )),
        }
    }

    /// Sums of the weights on their way in, with the gain of each receptor.
    fn fanin(&self, gains: &[Column]) -> Result<Fanin, MapError> {
        let neurons = self.context.population.len();
        let mut sums = FaninSums::new(neurons);
        let mut apart = vec![FaninSums::new(neurons); gains.len()];
        for p in self.context.incoming {
            let receptor = usize::from(p.receptor).min(gains.len() - 1);
            for sums in [&mut sums, &mut apart[receptor]] {
                sums.add(&p.synapses.target, &p.synapses.weight, &gains[receptor]);
            }
        }
        // Each receptor has an accumulator of its own.
        let apart = apart.into_iter().map(|sums| sums.finish().worst);
        let fanin = Fanin {
            worst: apart.fold(0.0, f64::max),
            ..sums.finish()
        };
        if fanin.projections.iter().any(|(most, _)| !most.is_finite()) {
            let what =
                "a weight on its way in, times the gain of the neuron, is not a finite number";
            return Err(self.refuse(what, "give finite weights and a smaller gain"));
        }
        Ok(fanin)
    }

    /// The scale of a population whose v is a sum of its inputs, as for the leaky models.
    fn scale(&mut self, r: &Recurrence) -> Result<f64, MapError> {
        let fanin = self.fanin(std::slice::from_ref(&r.gain))?;
        self.scale_for(r, &fanin)
    }

    /// The same with sums that the caller knows better.
    fn scale_for(&mut self, r: &Recurrence, fanin: &Fanin) -> Result<f64, MapError> {
        if let Some(what) = r.not_finite() {
            let what = format!("its {what} is not a finite number");
            return Err(self.refuse(what, "give finite parameters"));
        }
        let formats = self.context.target.formats;
        let (scale, warning) = choose(r, fanin, formats).map_err(|what| {
            self.refuse(
                what,
                "change r, the bias or the weights: their product is far from what a neuron needs",
            )
        })?;
        let name = &self.context.population.name;
        self.warnings
            .extend(warning.map(|w| format!("population \"{name}\": {w}")));
        self.assumptions.extend(overflow(fanin, scale, formats).map(|times| {
            let times = short((times * 10.0).round() / 10.0);
            format!("population \"{name}\": the input of a step is taken to stay in the accumulator's range; all sources of one sign at once would fill it {times} times and wrap")
        }));
        Ok(scale)
    }

    /// Lets the population take payloads where some are sent to it; the scale of its weights then.
    fn payloads(&mut self, gains: &[Column], input: f64) -> f64 {
        let (factor, options) = graded::take(self.context, gains, input);
        self.options.extend(options);
        input * factor
    }

    /// The population. `scale`: chip units per model unit; `input`: the same of the sum that reaches it, gain apart.
    fn done(self, gains: Vec<Column>, scale: f64, input: f64) -> Result<Done, MapError> {
        let Context {
            population,
            first,
            target,
            ..
        } = *self.context;
        let kernel = kernel_of(population, self.kernel, &self.options, &[], target)?;
        let constants: Vec<(String, Column)> = self
            .constants
            .into_iter()
            .filter(|(name, _)| kernel.constants.iter().any(|(known, _)| known == name))
            .collect();
        let (profiles, profile_of) = profiles(&constants, population.len());
        let report = PopulationReport {
            name: population.name.clone(),
            kernel: self.kernel.into(),
            scale,
            profiles: profiles.len() as u32,
            decay_error: self.errors[DECAY_ERROR],
            threshold_error: self.errors[THRESHOLD_ERROR],
            bias_error: self.errors[BIAS_ERROR],
        };
        let population = Population {
            name: population.name.clone(),
            first,
            count: population.len(),
            depth: population.depth,
            kernel: self.kernel.into(),
            options: self.options,
            params: Vec::new(),
            profiles,
            profile_of,
            slots: self.slots,
            fires: true,
            scale,
            offset: 0.0,
        };
        Ok(Done {
            population,
            gains,
            input_scale: input,
            report,
            assumptions: self.assumptions,
            approximations: self.approximations,
            warnings: self.warnings,
        })
    }
}
