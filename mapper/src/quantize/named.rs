//! A population whose kernel is given by name: constants and slots in chip integers pass through, real parameters are bound by
//! the kernel's own text.
//!
//! Invariant: every value has a constant, slot or parameter of the kernel and fits it; only the kernel rounds.

use super::Target;
use super::params::Column;
use super::population::{Done, kernel_of, profiles, refuse};
use crate::error::MapError;
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use assembler::kernels::Kernel;
use isa::ChipSpec;
use network::lowered::{self, IntParam, Model, Param, RealParam};
use rustc_hash::FxHashMap;

/// A kernel with the parameters of each neuron.
struct Bound {
    /// One for each distinct set of parameters; at least one. They differ in constants and initial values only.
    kernels: Vec<Kernel>,
    /// Kernel of each neuron; empty: all have the first.
    kernel_of: Vec<u32>,
    /// Parameters of the first.
    params: Vec<(String, f64)>,
}

impl Bound {
    /// A value of each kernel, by neuron.
    fn column(&self, value: impl Fn(&Kernel) -> i32) -> Vec<i64> {
        let values: Vec<i64> = self.kernels.iter().map(|k| i64::from(value(k))).collect();
        if self.kernel_of.is_empty() {
            values
        } else {
            self.kernel_of.iter().map(|k| values[*k as usize]).collect()
        }
    }
}

/// Instantiates a population's kernel for each distinct set of its parameters.
fn bind(
    population: &lowered::Population,
    name: &str,
    options: &[(String, i64)],
    params: &[&RealParam],
    target: &Target<'_>,
) -> Result<Bound, MapError> {
    let of = |neuron: usize| -> Vec<(String, f64)> {
        let value = |param: &RealParam| match &param.value {
            Param::One(x) => *x,
            Param::Each(list) => list[neuron],
        };
        params.iter().map(|p| (p.name.clone(), value(p))).collect()
    };
    let first = of(0);
    let mut bound = Bound {
        kernels: vec![kernel_of(population, name, options, &first, target)?],
        kernel_of: Vec::new(),
        params: first,
    };
    if params.iter().all(|p| matches!(p.value, Param::One(_))) {
        return Ok(bound);
    }
    let mut known: FxHashMap<Vec<u64>, u32> = FxHashMap::default();
    for neuron in 0..population.len() as usize {
        let own = of(neuron);
        let key: Vec<u64> = own.iter().map(|(_, x)| x.to_bits()).collect();
        if neuron == 0 {
            known.insert(key.clone(), 0);
        }
        let next = bound.kernels.len() as u32;
        let at = *known.entry(key).or_insert(next);
        if at == next {
            let kernel = kernel_of(population, name, options, &own, target)?;
            let first = &bound.kernels[0];
            let program = |k: &Kernel| {
                (
                    k.update.clone(),
                    k.on_spike.clone(),
                    k.tables.clone(),
                    k.scale,
                )
            };
            if program(&kernel) != program(first) {
                return Err(refuse(
                    population,
                    format!(
                        "parameters of neuron {neuron} change the program, a table or the scale of kernel \"{name}\" against those of neuron 0"
                    ),
                    "give neurons that differ in these a population of their own",
                ));
            }
            bound.kernels.push(kernel);
        }
        bound.kernel_of.push(at);
    }
    Ok(bound)
}

/// A kernel by name.
pub(super) fn by_name(
    population: &lowered::Population,
    first: u32,
    target: &Target<'_>,
) -> Result<Done, MapError> {
    let Model::Kernel {
        name,
        options,
        values,
        params,
    } = &population.model
    else {
        unreachable!("only kernels by name have no recurrence")
    };
    let chip = target.chip;
    let declared = target.library.params(name);
    let known = |p: &&RealParam| declared.iter().any(|d| d.name == p.name);
    let taken: Vec<&RealParam> = params.iter().filter(|p| !p.field || known(p)).collect();
    let ignored: Vec<&str> = params
        .iter()
        .filter(|p| p.field && !known(p))
        .map(|p| p.name.as_str())
        .collect();
    let mut assumptions = Vec::new();
    if !ignored.is_empty() {
        assumptions.push(format!(
            "population \"{}\": kernel \"{name}\" has no parameter {}: these fields of the node have no effect",
            population.name,
            ignored.join(", ")
        ));
    }
    let bound = bind(population, name, options, &taken, target)?;
    let kernel = &bound.kernels[0];
    let scale = kernel.scale.unwrap_or(1.0);
    let (mut constants, mut slots) = (Vec::new(), Vec::new());
    if !declared.is_empty() {
        // Whatever the parameters gave; values by name go before them.
        let given = |name: &str| values.iter().any(|(value, _)| value == name);
        for (at, (constant_name, _)) in kernel.constants.iter().enumerate() {
            if !given(constant_name) {
                let list = bound.column(|k| k.constants[at].1);
                constant(population, constant_name, &list, chip)?;
                constants.push((constant_name.clone(), column(&list)));
            }
        }
        for (at, (slot, _, _)) in kernel.slots.iter().enumerate() {
            if !given(slot) {
                slots.push(SlotInit {
                    name: slot.clone(),
                    values: canonical(&bound.column(|k| k.slots[at].2)),
                });
            }
        }
    }
    for (value_name, value) in values {
        let list: &[i64] = match value {
            IntParam::One(x) => std::slice::from_ref(x),
            IntParam::Each(xs) => xs,
        };
        let slot = kernel.slots.iter().find(|s| s.0 == *value_name);
        let bits = slot.map_or(32, |s| u32::from(s.1));
        let most = (1i64 << (bits - 1)) - 1;
        if let Some(bad) = list.iter().find(|x| **x > most || **x < -most - 1) {
            return Err(refuse(
                population,
                format!("{value_name} = {bad} does not fit {bits} bits"),
                "use a value within the register",
            ));
        }
        if slot.is_some() {
            slots.push(SlotInit {
                name: value_name.clone(),
                values: canonical(list),
            });
        } else if kernel.constants.iter().any(|c| c.0 == *value_name) {
            constant(population, value_name, list, chip)?;
            constants.push((value_name.clone(), column(list)));
        } else {
            let known: Vec<&str> = kernel
                .constants
                .iter()
                .map(|c| c.0.as_str())
                .chain(kernel.slots.iter().map(|s| s.0.as_str()))
                .collect();
            return Err(refuse(
                population,
                format!("kernel \"{name}\" has no constant or slot \"{value_name}\""),
                format!("with these options it has {}", known.join(", ")),
            ));
        }
    }
    if population.bias.iter().any(|b| *b != 0.0) {
        let scaled = |b: &f32| {
            let x = f64::from(*b) * scale;
            if scale == 1.0 { x } else { x.round_ties_even() }
        };
        let biases: Vec<f64> = population.bias.iter().map(scaled).collect();
        let whole = biases
            .iter()
            .all(|b| b.fract() == 0.0 && b.abs() < 8_388_608.0);
        if !whole
            || !kernel.slots.iter().any(|s| s.0 == "bias")
            || values.iter().any(|(name, _)| name == "bias")
        {
            return Err(refuse(
                population,
                "a bias on its way in cannot become its slot \"bias\"",
                "give whole numbers (or a kernel with a parameter `scale`), option BIAS = 1 and no value \"bias\"",
            ));
        }
        slots.retain(|s| s.name != "bias");
        slots.push(SlotInit {
            name: "bias".into(),
            values: canonical(&biases.iter().map(|b| *b as i64).collect::<Vec<_>>()),
        });
    }
    let (profiles, profile_of) = profiles(&constants, population.len());
    let fires = kernel
        .update
        .iter()
        .any(|w| isa::op::decode(*w).is_ok_and(|i| i.op.class() == isa::op::Class::Send));
    let report = PopulationReport {
        name: population.name.clone(),
        kernel: name.clone(),
        scale,
        profiles: profiles.len() as u32,
        decay_error: 0.0,
        threshold_error: 0.0,
        bias_error: 0.0,
    };
    let population = Population {
        name: population.name.clone(),
        first,
        count: population.len(),
        depth: population.depth,
        kernel: name.clone(),
        options: options.clone(),
        params: bound.params,
        profiles,
        profile_of,
        slots,
        fires,
        scale,
        offset: 0.0,
    };
    let (approximations, warnings) = Default::default();
    let input_scale = population.scale;
    Ok(Done {
        population,
        gains: vec![Column::One(1.0)],
        input_scale,
        report,
        assumptions,
        approximations,
        warnings,
    })
}

/// Refuses thresholds and decays that the chip has no register for.
fn constant(
    population: &lowered::Population,
    name: &str,
    values: &[i64],
    chip: &ChipSpec,
) -> Result<(), MapError> {
    let l = &chip.limits;
    let (unit, most) = match name {
        "THETA" if l.threshold_bits < 32 => (
            1i64 << l.weight_scale,
            (1i64 << (l.threshold_bits + l.weight_scale).min(31)) - (1 << l.weight_scale),
        ),
        "DECAY" | "DECAY_U" | "DECAY_V" => (1 << (12 - l.decay_bits.min(12)), 4096),
        _ => return Ok(()),
    };
    let fits = |x: &&i64| (0..=most).contains(*x) && *x % unit == 0;
    match values.iter().find(|x| !fits(x)) {
        None => Ok(()),
        Some(bad) => Err(refuse(
            population,
            format!("{name} = {bad} is no value of chip \"{}\"", chip.name),
            if unit == 1 {
                format!("give a whole number from 0 to {most}")
            } else {
                format!("give a whole multiple of {unit} from 0 to {most}")
            },
        )),
    }
}

/// Values of a constant, for the profiles.
fn column(list: &[i64]) -> Column {
    match list {
        [one] => Column::One(*one as f64),
        each => Column::Each(each.iter().map(|x| *x as f64).collect()),
    }
}

/// One value if all are alike.
fn canonical(list: &[i64]) -> Vec<i32> {
    let all = list.iter().map(|x| *x as i32);
    if list.windows(2).all(|w| w[0] == w[1]) {
        all.take(1).collect()
    } else {
        all.collect()
    }
}
