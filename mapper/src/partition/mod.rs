//! Pass 2, partition: neurons to cores under all per-core limits at once, with few packets between cores.
//!
//! Invariant: what leaves this pass was judged by [`crate::usage`], which shares no running total with the partitioners.
//! The objective is the connectivity of the source-rooted hypergraph: one packet per (source, core).

mod bound;
pub(crate) mod multilevel;
mod overlap;
mod sequential;
mod space;

pub(crate) use bound::{Bound, lower_bound};

use crate::error::MapError;
use crate::need::Programs;
use crate::quantized::Quantized;
use crate::usage::{self, Usage};
use isa::ChipSpec;
use space::{Full, Space};

/// A partitioner: core of every neuron, cores numbered from 0 as they were opened; or the neuron that fits no core.
type Partitioner = fn(&Space<'_>) -> Result<Vec<u32>, (u32, Full)>;

/// Partitioners by name; the first is the default.
const LIST: &[(&str, Partitioner)] = &[
    ("overlap", overlap::partition),
    ("sequential", sequential::partition),
];

/// Names of the partitioners; the first is the default.
pub const PARTITIONERS: &[&str] = &["overlap", "sequential"];

/// Runs of a partitioner until destination lists fit: a run knows them from the run before.
const REPAIRS: u32 = 12;

/// Partitions a network; core of every neuron, numbered from 0 without gaps.
pub(crate) fn partition(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    name: &str,
) -> Result<(Vec<u32>, Usage), Vec<MapError>> {
    let Some((_, run)) = LIST.iter().find(|p| p.0 == name) else {
        return Err(vec![MapError::Name {
            kind: "partitioner",
            name: name.into(),
            list: PARTITIONERS.join(", "),
        }]);
    };
    let mut space = Space::new(q, chip, programs);
    let least = lower_bound(q, chip);
    for repair in 0..=REPAIRS {
        let core_of =
            run(&space).map_err(|(neuron, full)| vec![too_large(q, chip, neuron, full)])?;
        let usage = usage::usage(q, programs, chip, &core_of);
        let violations = usage::violations(q, chip, &core_of, &usage);
        if violations.is_empty() {
            let need = usage.cores.len() as u64;
            if need > u64::from(chip.cores()) {
                return Err(vec![too_many(q, chip, need, &least)]);
            }
            return Ok((core_of, usage));
        }
        let slots_only = usage.cores.values().all(|u| {
            usage::limits(u, chip)
                .iter()
                .all(|(limit, need, capacity)| need <= capacity || *limit == "output slots")
        });
        let lane = violations.iter().any(|v| {
            matches!(
                v,
                MapError::Core {
                    limit: "destinations of one neuron",
                    ..
                }
            )
        });
        if lane || repair == REPAIRS || usage.cores.len() as u64 > 4 * u64::from(chip.cores()) {
            return Err(violations);
        }
        assert!(
            slots_only,
            "partitioner {name} broke a limit: {violations:?}"
        );
        // More room than last time needed, so that the next run converges although destinations move.
        for (slots, actual) in space.slots.iter_mut().zip(&usage.destinations) {
            *slots = (*slots).max(*actual + *actual * repair / 8);
        }
    }
    unreachable!("the last repair returns")
}

fn too_large(q: &Quantized, chip: &ChipSpec, neuron: u32, full: Full) -> MapError {
    let population = &q.populations[q.population_of(neuron)];
    MapError::Neuron {
        limit: full.limit,
        population: population.name.clone(),
        neuron: neuron - population.first,
        need: full.need,
        capacity: full.capacity,
        chip: chip.name.clone(),
        remedy: match full.limit {
            "input axons" | "bits of synapse memory" => {
                "reduce its fan-in, prune synapses, or split it into partial sums".into()
            }
            _ => usage::remedy(full.limit).into(),
        },
    }
}

fn too_many(q: &Quantized, chip: &ChipSpec, need: u64, least: &Bound) -> MapError {
    MapError::Cores {
        need,
        lower_bound: least.cores,
        limit: least.limit,
        population: q.populations[least.population].name.clone(),
        capacity: chip.cores().into(),
        chip: chip.name.clone(),
        remedy: if least.cores > u64::from(chip.cores()) {
            usage::no_mapping(least.limit)
        } else {
            "use a chip with more cores, or another --partitioner".into()
        },
    }
}

/// Checks the user's own core of every neuron against every limit.
pub(crate) fn assigned(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    given: &[u32],
) -> Result<Usage, Vec<MapError>> {
    let neurons = q.neurons();
    let wrong = |what: String| vec![MapError::Assignment { what, neurons }];
    if given.len() != neurons as usize {
        return Err(wrong(format!("it has {} entries", given.len())));
    }
    if let Some(n) = given.iter().position(|c| *c >= chip.cores()) {
        return Err(wrong(format!(
            "neuron {n} is on core {}; chip \"{}\" has cores 0 to {}",
            given[n],
            chip.name,
            chip.cores() - 1
        )));
    }
    let usage = usage::usage(q, programs, chip, given);
    let violations = usage::violations(q, chip, given, &usage);
    if violations.is_empty() {
        Ok(usage)
    } else {
        Err(violations)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        let names: Vec<&str> = super::LIST.iter().map(|p| p.0).collect();
        assert_eq!(names, super::PARTITIONERS);
    }
}
