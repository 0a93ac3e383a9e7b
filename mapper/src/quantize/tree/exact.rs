//! Whether sums of a population's input may be made elsewhere: what its kernel does with a spike.
//!
//! Invariant: a population passes only if a graded spike of weight 1 and payload x adds exactly what spikes of weights that sum to x add.
//! That is read from the words of the kernel, never from its name.

use super::super::Target;
use super::super::models::graded;
use crate::change;
use crate::error::MapError;
use crate::quantized::Population;
use assembler::kernels::{self, Kernel, Settings};

/// Kernel that relays run.
pub(super) const RELAY: &str = "relay";
/// Kernels of the library whose synapses are all the ways there are to add weight × payload and nothing else: into the one
/// accumulator, into that of the receptor, and with weights that are cut off.
const SUMS: &[(&str, &[(&str, i64)])] = &[
    ("lif", &[]),
    ("compartments", &[]),
    ("cubalif", &[("CLIP", 1)]),
];
/// Largest weight that `CLIP` leaves as it is, in magnitude.
const CLIP_MOST: u64 = (1 << 21) - 64;
/// Largest payload and largest partial sum, in magnitude: 32 bits.
pub(super) const SUM_MOST: u64 = i32::MAX as u64;

/// What a population's input sums may be made of.
pub(super) struct Sums {
    /// Options with which it takes partial sums.
    pub(super) options: Vec<(String, i64)>,
    /// Largest weight that may be summed elsewhere.
    pub(super) weight_most: u64,
}

/// Options of the kernel that relays run on a chip with this shift of all weights.
pub(super) fn relay_options(weight_scale: u8) -> Vec<(String, i64)> {
    let mut options = vec![("GRADED".into(), 1)];
    if weight_scale > 0 {
        options.push(("SHIFT".into(), weight_scale.into()));
    }
    options
}

/// Why a chip can have no relays for partial sums, if it can not.
pub(super) fn chip(target: &Target<'_>) -> Option<String> {
    let chip = target.chip;
    let name = &chip.name;
    if !graded::carried(chip) {
        return Some(format!(
            "packets of chip \"{name}\" carry no payload (core.graded), and a partial sum is a number"
        ));
    }
    if let Some(list) = chip
        .kernels
        .as_ref()
        .filter(|list| !list.iter().any(|k| k == RELAY))
    {
        return Some(format!(
            "chip \"{name}\" runs {}, and relays need kernel \"{RELAY}\"",
            list.join(", ")
        ));
    }
    if chip.limits.weight_exponent[0] > 0 {
        return Some(format!(
            "the smallest weight of chip \"{name}\" is more than one unit (core.weight_exponent)"
        ));
    }
    let options = relay_options(chip.limits.weight_scale as u8);
    let relay = match instance(RELAY, &options, &[], target) {
        Ok(relay) => relay,
        Err(what) => return Some(what),
    };
    let own = kernels::instantiate(RELAY, &as_settings(&options));
    if own.is_ok_and(|own| own.update != relay.update || own.on_spike != relay.on_spike) {
        return Some(format!("kernel \"{RELAY}\" is one of your own"));
    }
    change::program(&relay, RELAY, chip).map(|beyond| format!("relays {}", lacks(beyond)))
}

/// `need N of a limit; chip "x" has M (key)`.
fn lacks(beyond: MapError) -> String {
    match beyond {
        MapError::Limit {
            limit,
            key,
            need,
            capacity,
            chip,
            ..
        } => format!("need {need} {limit}; chip \"{chip}\" has {capacity} ({key})"),
        other => other.to_string(),
    }
}

/// How a population takes partial sums, or why it takes none.
pub(super) fn population(p: &Population, target: &Target<'_>) -> Result<Sums, String> {
    let kernel = &p.kernel;
    let plain = instance(kernel, &p.options, &p.params, target)?;
    let of_library = |graded: bool| {
        SUMS.iter().map(move |(name, options)| {
            let mut options = options.to_vec();
            if graded {
                options.push(("GRADED", 1));
            }
            let sum = kernels::instantiate(name, &options);
            sum.expect("the library has it").on_spike
        })
    };
    let same = |words: &[u32], graded: bool| of_library(graded).position(|sum| sum == words);
    let all = &plain.options;
    let option = |name: &str| all.iter().find(|o| o.0 == name).map_or(0, |o| o.1);
    let mut options = p.options.clone();
    let form = if option("GRADED") == 1 {
        same(&plain.on_spike, true).ok_or_else(|| match option("SHIFT") {
            0 => format!("kernel \"{kernel}\" does more with a spike than add weight × payload"),
            shift => format!(
                "its kernel \"{kernel}\" rounds the product of each weight and payload (SHIFT = {shift}), and a sum of rounded numbers is not the rounded sum"
            ),
        })?
    } else {
        if same(&plain.on_spike, false).is_none() {
            return Err(format!(
                "kernel \"{kernel}\" does more with a spike than add the weight"
            ));
        }
        options.retain(|o| o.0 != "GRADED");
        options.push(("GRADED".into(), 1));
        // SHIFT has had no effect so far.
        options.retain(|o| o.0 != "SHIFT");
        let taking = instance(kernel, &options, &p.params, target).map_err(|_| {
            format!("kernel \"{kernel}\" has no option GRADED, by which it would take payloads")
        })?;
        let alike = |k: &Kernel| {
            let neuron = (k.update.clone(), k.constants.clone(), k.slots.clone());
            let sums = (k.accumulator_bits, k.accumulator_mode, k.receptors);
            (neuron, k.tables.clone(), sums)
        };
        let form = same(&taking.on_spike, true);
        let form = form
            .filter(|_| alike(&taking) == alike(&plain))
            .ok_or_else(|| {
                format!(
                    "kernel \"{kernel}\" does more with a payload than multiply the weight by it"
                )
            })?;
        if let Some(beyond) = change::program(&taking, &p.name, target.chip) {
            return Err(format!(
                "to take payloads (GRADED = 1), its neurons {}",
                lacks(beyond)
            ));
        }
        form
    };
    let clips = SUMS[form].1.iter().any(|o| o.0 == "CLIP");
    Ok(Sums {
        options,
        weight_most: if clips { CLIP_MOST } else { SUM_MOST },
    })
}

fn as_settings(options: &[(String, i64)]) -> Vec<(&str, i64)> {
    options.iter().map(|(n, v)| (n.as_str(), *v)).collect()
}

fn instance(
    kernel: &str,
    options: &[(String, i64)],
    params: &[(String, f64)],
    target: &Target<'_>,
) -> Result<Kernel, String> {
    let options = as_settings(options);
    let params: Vec<(&str, f64)> = params.iter().map(|(n, v)| (n.as_str(), *v)).collect();
    let settings = Settings {
        options: &options,
        params: &params,
        dt_s: Some(target.dt_s),
    };
    let made = target.library.instantiate(kernel, &settings);
    made.map_err(|e| e.to_string())
}
