//! One population: model and parameters to a kernel with integer constants, options and initial state.
//!
//! Invariant: the constants lie in the chip's registers; what the integers change is in the report.

use super::decay;
use super::drive::{Drive, drive};
use super::models::{self, Context, graded};
use super::params::{Column, Recurrence, recurrence};
use super::scale::{FaninSums, choose, overflow};
use super::{DECAY_ONE, Formats, Target, named};
use crate::change;
use crate::error::{MapError, short};
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use assembler::kernels::{Kernel, KernelError, Settings};
use isa::ChipSpec;
use network::lowered::{self, Reset, WeightUnit};
use rustc_hash::FxHashMap;

/// A quantised population and what its incoming weights must be multiplied by.
pub(super) struct Done {
    pub(super) population: Population,
    /// By receptor; the last is that of all further ones.
    pub(super) gains: Vec<Column>,
    /// Chip units per model unit of the weights, gain apart.
    pub(super) input_scale: f64,
    pub(super) report: PopulationReport,
    pub(super) assumptions: Vec<String>,
    pub(super) approximations: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// The factor of a synapse multiplies by `FADE` and shifts right by 16.
const FADE_ONE: f64 = 65536.0;
/// Largest value of the 8-bit refractory counter.
pub(super) const REFRACTORY_MAX: f64 = 127.0;

pub(super) fn refuse(
    population: &lowered::Population,
    what: impl Into<String>,
    remedy: impl Into<String>,
) -> MapError {
    MapError::Node {
        node: population.name.clone(),
        what: what.into(),
        remedy: remedy.into(),
    }
}

/// Instantiates a kernel, with the population's name in the error.
pub(super) fn kernel_of(
    population: &lowered::Population,
    name: &str,
    options: &[(String, i64)],
    params: &[(String, f64)],
    target: &Target<'_>,
) -> Result<Kernel, MapError> {
    let chip = target.chip;
    if let Some(allowed) = chip
        .kernels
        .as_ref()
        .filter(|list| !list.iter().any(|k| k == name))
    {
        let what = format!(
            "its model needs kernel \"{name}\"; chip \"{}\" runs {}",
            chip.name,
            allowed.join(", ")
        );
        let presets = isa::chip::presets_that_run(name).join(", ");
        let remedy = format!("choose another chip ({presets}) or another neuron model");
        return Err(refuse(population, what, remedy));
    }
    let options: Vec<(&str, i64)> = options.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let params: Vec<(&str, f64)> = params.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let settings = Settings {
        options: &options,
        params: &params,
        dt_s: Some(target.dt_s),
    };
    let kernel = target.library.instantiate(name, &settings).map_err(|e| {
        let remedy = match &e {
            KernelError::Unknown { .. } => {
                "name one of these, or give the file of your own by --kernel-path"
            }
            KernelError::Source { .. } => "correct the kernel's text or its parameters",
            _ => "the head of the kernel's text says what it takes",
        };
        refuse(population, e.to_string(), remedy)
    })?;
    match change::program(&kernel, &population.name, chip) {
        Some(beyond) => Err(beyond),
        None => Ok(kernel),
    }
}

/// Quantises a population, given the projections that reach it.
pub(super) fn quantize(context: &Context<'_>) -> Result<Done, MapError> {
    let Context {
        population,
        first,
        target,
        ..
    } = *context;
    let bias = population.bias.len();
    assert!(
        bias == 0 || bias == population.len() as usize,
        "population {} has {bias} biases",
        population.name
    );
    if let Some(done) = models::quantize(context) {
        return done;
    }
    match recurrence(population, target.dt_s).map_err(|what| {
        refuse(
            population,
            what,
            "change dt or the time constant, or decay to exp (of a .toml: decay = \"exp\" in the file; of NIR: --import decay=exp)",
        )
    })? {
        None => named::by_name(population, first, target),
        Some(r) => by_model(context, r),
    }
}

fn by_model(context: &Context<'_>, mut r: Recurrence) -> Result<Done, MapError> {
    let Context {
        population,
        incoming,
        first,
        target,
        ..
    } = *context;
    let formats = target.formats;
    let (mut assumptions, mut approximations, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let finite = |r: &Recurrence| match r.not_finite() {
        None => Ok(()),
        Some(what) => Err(refuse(
            population,
            format!("its {what} is not a finite number"),
            "give finite parameters",
        )),
    };
    finite(&r)?;
    normalise_thresholds(&mut r, population, formats, &mut assumptions);
    finite(&r)?;
    let mut sums = FaninSums::new(population.len());
    for p in incoming.iter().filter(|p| p.unit == WeightUnit::Model) {
        sums.add(&p.synapses.target, &p.synapses.weight, &r.gain);
    }
    let scale = if incoming.iter().any(|p| p.unit != WeightUnit::Model) {
        assumptions.push(format!("population \"{}\" receives weights in chip units: its membrane is measured in them too (scale 1)", population.name));
        1.0
    } else {
        let fanin = sums.finish();
        if fanin.projections.iter().any(|(most, _)| !most.is_finite()) {
            return Err(refuse(
                population,
                "a weight on its way in, times the gain of the neuron, is not a finite number",
                "give finite weights and a smaller gain (r, w_in, dt)",
            ));
        }
        let (scale, warning) = choose(&r, &fanin, formats).map_err(|what| {
            refuse(
                population,
                what,
                "change dt, r, the bias or the weights: their product is far from what a neuron needs",
            )
        })?;
        assumptions.extend(overflow(&fanin, scale, formats).map(|times| {
            let name = &population.name;
            format!("population \"{name}\": the input of a step is taken to stay in the accumulator's range; all sources of one sign at once would fill it {} times and wrap", short((times * 10.0).round() / 10.0))
        }));
        warnings.extend(warning.map(|w| format!("population \"{}\": {w}", population.name)));
        scale
    };
    let freeze = settle_start(
        &mut r,
        population,
        scale,
        formats,
        &mut assumptions,
        &mut approximations,
    );

    let (shift, taken) = graded::take(context, std::slice::from_ref(&r.gain), scale);
    let mut integers = Integers {
        population,
        scale,
        formats,
        chip: target.chip,
        constants: Vec::new(),
        slots: Vec::new(),
        options: taken,
    };
    let errors = integers.fill(&r, freeze, &mut assumptions, &mut approximations)?;
    let Integers {
        constants,
        slots,
        options,
        ..
    } = integers;
    let kernel = kernel_of(population, r.kernel, &options, &[], target)?;
    let constants: Vec<(String, Column)> = constants
        .into_iter()
        .filter(|(name, _)| kernel.constants.iter().any(|(k, _)| k == name))
        .collect();
    let (profiles, profile_of) = profiles(&constants, population.len());
    let population = Population {
        name: population.name.clone(),
        first,
        count: population.len(),
        depth: population.depth,
        kernel: r.kernel.into(),
        options,
        params: Vec::new(),
        profiles,
        profile_of,
        slots,
        fires: r.firing.is_some(),
        scale,
        offset: r.offset,
    };
    let report = PopulationReport {
        name: population.name.clone(),
        kernel: population.kernel.clone(),
        scale,
        profiles: population.profiles.len() as u32,
        decay_error: errors.decay,
        threshold_error: errors.threshold,
        bias_error: errors.bias,
    };
    Ok(Done {
        population,
        gains: vec![r.gain],
        input_scale: scale * shift,
        report,
        assumptions,
        approximations,
        warnings,
    })
}

/// More thresholds than a core has profiles: measure each neuron's v in units of its own threshold.
fn normalise_thresholds(
    r: &mut Recurrence,
    population: &lowered::Population,
    formats: &Formats,
    assumptions: &mut Vec<String>,
) {
    let Some(firing) = &mut r.firing else { return };
    let Column::Each(values) = &firing.threshold else {
        return;
    };
    let mut distinct = values.clone();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    if distinct.len() <= formats.threshold_profiles as usize
        || distinct[0] <= 0.0
        || r.noise.is_some()
    {
        return;
    }
    let most = distinct[distinct.len() - 1];
    let factor = Column::Each(values.iter().map(|t| most / t).collect());
    for column in [
        &mut r.gain,
        &mut r.bias,
        &mut r.u_start,
        &mut r.v_start,
        &mut firing.v_reset,
    ]
    .into_iter()
    .chain(&mut r.h_start)
    {
        *column = Column::zip(&[column, &factor], |x| x[0] * x[1]);
    }
    assumptions.push(format!(
        "population \"{}\": its {} thresholds are made one by scaling each neuron's weights, for a core has {} threshold profiles",
        population.name,
        distinct.len(),
        formats.threshold_profiles
    ));
    firing.threshold = Column::One(most);
}

/// A population at depth k must start at its step k. Returns the steps for which it is frozen; adjusts the starts.
fn settle_start(
    r: &mut Recurrence,
    population: &lowered::Population,
    scale: f64,
    formats: &Formats,
    assumptions: &mut Vec<String>,
    approximations: &mut Vec<String>,
) -> u32 {
    let depth = population.depth;
    if depth == 0 || !r.moves_alone() {
        return 0;
    }
    let name = &population.name;
    let frozen = r.firing.is_some();
    let one = Column::One(1.0);
    let zero = Column::One(0.0);
    let (a_u, a_v) = (
        r.decay_u.clone().unwrap_or(one.clone()),
        r.decay_v.clone().unwrap_or(one),
    );
    let old = r.old_current;
    // Undoes `depth` steps: u_before = (u − h) / a_u, v_before = (v − u − bias) / a_v, with the u that the step used.
    let h_start = r.h_start.as_ref().unwrap_or(&zero);
    let columns = [h_start, &r.u_start, &r.v_start, &r.bias, &a_u, &a_v];
    let back = |which: usize| {
        Column::zip(&columns, |x| {
            let mut state = [x[0], x[1], x[2]];
            for _ in 0..depth {
                let [h, u, v] = state;
                let before = |x: f64, a: f64| if x == 0.0 { 0.0 } else { x / a };
                let u_before = before(u - h, x[4]);
                let v_before = (v - if old { u_before } else { u } - x[3]) / x[5];
                state = [before(h, x[4]), u_before, v_before];
            }
            state[which]
        })
    };
    let (h_back, u_back) = (back(0), back(1));
    let v_back = if frozen { r.v_start.clone() } else { back(2) };
    let room = |c: &Column| {
        c.values()
            .iter()
            .all(|x| x.is_finite() && (x * scale).abs() <= formats.state_max)
    };
    if frozen && depth > REFRACTORY_MAX as u32
        || [&h_back, &u_back, &v_back].into_iter().any(|c| !room(c))
    {
        approximations.push(format!("population \"{name}\": its constant input starts {depth} steps before the layer's first input can arrive"));
        return 0;
    }
    (r.u_start, r.v_start) = (u_back, v_back);
    r.h_start = r.h_start.is_some().then_some(h_back);
    if frozen {
        assumptions.push(format!("population \"{name}\": its refractory counter starts at {depth}, so that bias and initial state act from the step in which its first input can arrive"));
        depth
    } else {
        assumptions.push(format!("population \"{name}\": its initial state is set back by {depth} steps, so that bias and initial state act from the step in which its first input can arrive"));
        0
    }
}

/// Largest errors of the constants, in model units.
#[derive(Default)]
struct Errors {
    decay: f64,
    threshold: f64,
    bias: f64,
}

/// Constants, slots and options of a population while they are collected.
struct Integers<'a> {
    population: &'a lowered::Population,
    scale: f64,
    formats: &'a Formats,
    chip: &'a ChipSpec,
    constants: Vec<(String, Column)>,
    slots: Vec<SlotInit>,
    options: Vec<(String, i64)>,
}

impl Integers<'_> {
    fn fill(
        &mut self,
        r: &Recurrence,
        freeze: u32,
        assumptions: &mut Vec<String>,
        approximations: &mut Vec<String>,
    ) -> Result<Errors, MapError> {
        let mut errors = Errors::default();
        let scale = self.scale;
        let scaled = |c: &Column| Column::zip(&[c], |x| (x[0] * scale).round());
        // Current-based kernels have registers for both; the others a current of their own, with a factor in 2^-16.
        let cuba = r.kernel.starts_with("cuba");
        let named = match cuba {
            true => [("DECAY_U", &r.decay_u), ("DECAY_V", &r.decay_v)],
            false => [("DECAY", &None), ("DECAY", &r.decay_v)],
        };
        if let (Some(factor), false) = (&r.decay_u, cuba) {
            let integer = Column::zip(&[factor], |x| (x[0] * FADE_ONE).round());
            errors.decay = Column::zip(&[factor, &integer], |x| x[0] - x[1] / FADE_ONE).max_abs();
            self.constants.push(("FADE".into(), integer));
        }
        match (&r.decay_u, &r.h_start) {
            (Some(_), Some(_)) => self.option("SYN", 2),
            (Some(_), None) if !cuba => self.option("SYN", 1),
            _ => {}
        }
        for (name, factor) in named {
            let Some(factor) = factor.as_ref() else {
                continue;
            };
            let step = self.formats.decay_step;
            let integer = Column::zip(&[factor], |x| {
                DECAY_ONE - ((1.0 - x[0]) * DECAY_ONE / step).round() * step
            });
            errors.decay = errors
                .decay
                .max(Column::zip(&[factor, &integer], |x| x[0] - x[1] / DECAY_ONE).max_abs());
            let kept = Column::zip(&[&integer], |x| x[0] / DECAY_ONE);
            let what = if name == "DECAY_U" { "current" } else { "v" };
            approximations.extend(decay::judge(
                self.population,
                what,
                factor,
                &kept,
                self.chip,
            )?);
            self.constants.push((name.into(), integer));
        }
        if let Some(firing) = &r.firing {
            let unit = f64::from(1u32 << self.formats.weight_scale);
            let threshold = Column::zip(&[&firing.threshold], |x| {
                (x[0] * scale / unit).round() * unit
            });
            if threshold.max_abs() > self.formats.threshold_max {
                let what = format!(
                    "its threshold is {} in chip units; the chip's largest is {}",
                    short(threshold.max_abs()),
                    self.formats.threshold_max
                );
                return Err(refuse(
                    self.population,
                    what,
                    "scale threshold and weights down",
                ));
            }
            if let Some(at) = threshold.values().iter().position(|t| *t < 0.0)
                && !self.formats.negative_thresholds
            {
                let below = if r.offset == 0.0 {
                    "0"
                } else {
                    "the leak potential"
                };
                let what = format!(
                    "its threshold is {} below {below} ({} in chip units); the chip has thresholds of 0 and more",
                    short(-firing.threshold.get(at)),
                    short(threshold.get(at)),
                );
                return Err(refuse(
                    self.population,
                    what,
                    "raise the threshold, and v_reset with it; a bias lets a neuron fire by itself",
                ));
            }
            errors.threshold =
                Column::zip(&[&firing.threshold, &threshold], |x| x[0] - x[1] / scale).max_abs();
            let at_rest = threshold
                .values()
                .iter()
                .any(|&t| t < 0.0 || (firing.ge && t == 0.0));
            self.constants.push(("THETA".into(), threshold));
            let reset = scaled(&firing.v_reset);
            self.within(&reset, "reset value", self.formats.state_max)?;
            self.constants.push(("RESET_V".into(), reset));
            let kind = match firing.reset {
                Reset::Hard => 0,
                Reset::Subtract => 1,
                Reset::None => 2,
            };
            self.option("RESET", if r.decay_v.is_none() { 0 } else { kind });
            self.option("GE", i64::from(firing.ge));
            self.option("LATE", i64::from(firing.late));
            self.refractory(firing, freeze)?;
            if let Some(amplitude) = r.noise {
                let bits = (amplitude * scale).log2().round().clamp(0.0, 23.0);
                let drawn = bits.exp2() / scale;
                if (drawn / amplitude - 1.0).abs() > 1e-6 {
                    approximations.push(format!(
                        "population \"{}\": threshold noise of {} is drawn from 0 to {}",
                        self.population.name,
                        short(amplitude),
                        short(drawn)
                    ));
                }
                self.option("NOISE", 1);
                self.constants
                    .push(("NOISE_MASK".into(), Column::One(bits.exp2() - 1.0)));
            }
            if at_rest || r.noise.is_some() {
                self.options.push(("IDLE".into(), 0));
            }
        }
        self.option("OLD", i64::from(r.old_current));
        let Drive {
            bias: wanted,
            integer: bias,
            assumption,
        } = drive(r, &self.population.name, scale, &self.constants);
        assumptions.extend(assumption);
        errors.bias = Column::zip(&[&wanted, &bias], |x| x[0] - x[1] / scale).max_abs();
        if !bias.is_zero() {
            self.option("BIAS", 1);
        }
        let h_start = r.h_start.clone().unwrap_or(Column::One(0.0));
        for (name, column) in [
            ("bias", bias),
            ("h", scaled(&h_start)),
            ("u", scaled(&r.u_start)),
            ("v", scaled(&r.v_start)),
        ] {
            self.within(&column, name, self.formats.state_max)?;
            if !column.is_zero() {
                self.slots.push(SlotInit {
                    name: name.into(),
                    values: integers(&column),
                });
            }
        }
        Ok(errors)
    }

    fn refractory(&mut self, firing: &super::params::Firing, freeze: u32) -> Result<(), MapError> {
        if freeze == 0 && firing.refractory.is_zero() {
            return Ok(());
        }
        let steps = Column::zip(&[&firing.refractory], |x| x[0].round());
        if let Some(bad) = steps
            .values()
            .iter()
            .find(|s| !(0.0..=REFRACTORY_MAX).contains(*s))
        {
            let what = format!(
                "its refractory period is {bad} steps; the counter holds 0 to {REFRACTORY_MAX}"
            );
            return Err(refuse(
                self.population,
                what,
                "use a larger time step or a shorter refractory period",
            ));
        }
        self.option("REFRACT", 1);
        self.constants.push(("REFRACTORY".into(), steps));
        if freeze > 0 {
            self.slots.push(SlotInit {
                name: "refractory".into(),
                values: vec![freeze as i32],
            });
        }
        Ok(())
    }

    fn option(&mut self, name: &str, value: i64) {
        if value != 0 {
            self.options.push((name.into(), value));
        }
    }

    fn within(&self, column: &Column, what: &str, most: f64) -> Result<(), MapError> {
        match column
            .values()
            .iter()
            .find(|x| !x.is_finite() || x.abs() > most)
        {
            None => Ok(()),
            Some(bad) => Err(refuse(
                self.population,
                format!(
                    "its {what} is {} in chip units; a state word holds ±{most}",
                    short(*bad)
                ),
                "scale the parameters down",
            )),
        }
    }
}

pub(super) fn integers(column: &Column) -> Vec<i32> {
    column.values().iter().map(|x| *x as i32).collect()
}

/// Distinct tuples of constants, in order of first appearance, and the tuple of each neuron.
pub(super) fn profiles(
    constants: &[(String, Column)],
    neurons: u32,
) -> (Vec<Vec<(String, i32)>>, Vec<u32>) {
    let tuple = |n: usize| {
        constants
            .iter()
            .map(|(name, c)| (name.clone(), c.get(n) as i32))
            .collect::<Vec<_>>()
    };
    if constants.iter().all(|(_, c)| matches!(c, Column::One(_))) || neurons == 0 {
        return (vec![tuple(0)], Vec::new());
    }
    let mut list: Vec<Vec<(String, i32)>> = Vec::new();
    let mut known: FxHashMap<Vec<(String, i32)>, u32> = FxHashMap::default();
    let of = (0..neurons as usize)
        .map(|n| {
            let tuple = tuple(n);
            *known.entry(tuple).or_insert_with_key(|t| {
                list.push(t.clone());
                list.len() as u32 - 1
            })
        })
        .collect();
    if list.len() == 1 {
        (list, Vec::new())
    } else {
        (list, of)
    }
}
