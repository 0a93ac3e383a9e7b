//! A population whose kernel is given by name: its constants and slots are chip integers already and pass through.
//!
//! Invariant: every value has a constant or slot of the kernel and fits it; nothing is rounded.

use super::params::Column;
use super::population::{Done, kernel_of, profiles, refuse};
use crate::error::MapError;
use crate::quantized::{Population, SlotInit};
use crate::report::PopulationReport;
use isa::ChipSpec;
use network::lowered::{self, IntParam, Model};

/// A kernel with registers given in chip integers: values pass through.
pub(super) fn by_name(
    population: &lowered::Population,
    first: u32,
    chip: &ChipSpec,
) -> Result<Done, MapError> {
    let Model::Kernel {
        name,
        options,
        values,
    } = &population.model
    else {
        unreachable!("only kernels by name have no recurrence")
    };
    let kernel = kernel_of(population, name, options, chip)?;
    let (mut constants, mut slots) = (Vec::new(), Vec::new());
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
        let column = match value {
            IntParam::One(x) => Column::One(*x as f64),
            IntParam::Each(xs) => Column::Each(xs.iter().map(|x| *x as f64).collect()),
        };
        if slot.is_some() {
            slots.push(SlotInit {
                name: value_name.clone(),
                values: canonical(list),
            });
        } else if kernel.constants.iter().any(|c| c.0 == *value_name) {
            constant(population, value_name, list, chip)?;
            constants.push((value_name.clone(), column));
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
        let whole = population
            .bias
            .iter()
            .all(|b| b.fract() == 0.0 && b.abs() < 8_388_608.0);
        if !whole
            || !kernel.slots.iter().any(|s| s.0 == "bias")
            || slots.iter().any(|s| s.name == "bias")
        {
            return Err(refuse(
                population,
                "a bias on its way in cannot become its slot \"bias\"",
                "give whole numbers, option BIAS = 1 and no value \"bias\"",
            ));
        }
        slots.push(SlotInit {
            name: "bias".into(),
            values: canonical(
                &population
                    .bias
                    .iter()
                    .map(|b| *b as i64)
                    .collect::<Vec<_>>(),
            ),
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
        scale: 1.0,
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
        profiles,
        profile_of,
        slots,
        fires,
        scale: 1.0,
        offset: 0.0,
    };
    let (assumptions, approximations, warnings) = Default::default();
    Ok(Done {
        population,
        gain: Column::One(1.0),
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

/// One value if all are alike.
fn canonical(list: &[i64]) -> Vec<i32> {
    let all = list.iter().map(|x| *x as i32);
    if list.windows(2).all(|w| w[0] == w[1]) {
        all.take(1).collect()
    } else {
        all.collect()
    }
}
