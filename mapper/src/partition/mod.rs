//! Pass 2, partition: neurons to cores under all per-core limits at once, with few packets between cores.
//!
//! Invariant: what leaves this pass was judged by [`crate::usage`], which shares no running total with the partitioners.
//! Partitioners look for few packets: one per (source, core). Which of their partitions is taken, [`crate::objective`] decides.

mod bound;
pub(crate) mod multilevel;
mod overlap;
mod pack;
mod sequential;
mod space;

pub(crate) use bound::{Bound, bounds, largest, lower_bound};
pub(crate) use pack::Blocker;

use crate::change::more_cores;
use crate::error::MapError;
use crate::need::Programs;
use crate::objective::{Model, Objective, Rates};
use crate::quantized::Quantized;
use crate::usage::{self, Usage};
use isa::ChipSpec;
use space::{Full, Space};

/// A partitioner: core of every neuron, cores numbered from 0 as they were opened; or the neuron that fits no core.
type Partitioner = fn(&Space<'_>) -> Result<Vec<u32>, (u32, Full)>;

/// Partitioners by name. `best` tries all of them, `packed` only where few cores are asked for or none of the others fits.
const LIST: &[(&str, Partitioner)] = &[
    ("overlap", overlap::partition),
    ("sequential", sequential::partition),
    (PACKED, pack::partition),
];
const PACKED: &str = "packed";

/// Names of the partitioners; the first is the default.
pub const PARTITIONERS: &[&str] = &["best", "overlap", "sequential", PACKED];

/// Runs of a partitioner until destination lists fit: a run knows them from the run before.
const REPAIRS: u32 = 12;
/// Shares of the chip's cores over which work is spread evenly, one after the other, to see what serves the objective.
const SPREAD: &[f64] = &[
    1.0, 0.85, 0.7, 0.5, 0.35, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.016,
];
/// Room above an even share of the work: more, until the network takes no more cores than it was to be spread over.
const SLACK: &[f64] = &[1.04, 1.12, 1.25, 1.5];

/// A partition of a network.
pub(crate) struct Partition {
    /// Core of every neuron, numbered from 0 without gaps.
    pub(crate) core_of: Vec<u32>,
    pub(crate) usage: Usage,
    /// Name of the partitioner that found it.
    pub(crate) by: &'static str,
    /// Cores when its partitioner fills them, if it spread work over more.
    pub(crate) filled: Option<u32>,
}

/// A partition that was not yet judged.
struct Candidate {
    value: (f64, f64),
    run: Partitioner,
    by: &'static str,
    most_work: f64,
    filled: Option<u32>,
    core_of: Vec<u32>,
}

/// Partitions a network: the best for the objective that the partitioners find when they fill cores, and when they spread work.
pub(crate) fn partition(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    name: &str,
    (objective, rates): (Objective, Option<&Rates>),
) -> Result<Partition, Vec<MapError>> {
    let best = name == PARTITIONERS[0];
    let packs = objective == Objective::Cores;
    let runs: Vec<_> = LIST
        .iter()
        .filter(|p| p.0 == name || best && (packs || p.0 != PACKED))
        .collect();
    if runs.is_empty() {
        return Err(vec![MapError::Name {
            kind: "partitioner",
            name: name.into(),
            list: PARTITIONERS.join(", "),
        }]);
    }
    let model = Model::new(q, programs, chip, rates);
    let mut space = Space::new(q, chip, programs, &model.work);
    if rates.is_some() {
        space.weigh(&model.rates);
    }
    let mut candidates = Vec::new();
    for (by, run) in runs {
        let mut offer = |core_of: Vec<u32>, most_work, filled| {
            candidates.push(Candidate {
                value: model.estimate(&core_of).value(objective),
                run: *run,
                by,
                most_work,
                filled,
                core_of,
            });
        };
        space.most_work = f64::INFINITY;
        let full = run(&space).map_err(|(neuron, full)| vec![too_large(q, chip, neuron, full)])?;
        let least = cores(&full);
        offer(full, f64::INFINITY, None);
        if packs || *by == PACKED {
            continue;
        }
        for share in SPREAD {
            let most = (f64::from(chip.cores()) * share) as u32;
            if most <= least {
                break;
            }
            for slack in SLACK {
                space.most_work = model.even(most) * slack;
                // A partition that fills cores is there already.
                let Ok(spread) = run(&space) else {
                    break;
                };
                if cores(&spread) <= most {
                    offer(spread, space.most_work, Some(least));
                    break;
                }
            }
        }
    }
    candidates.sort_by(|a, b| {
        let (a, b) = (a.value, b.value);
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let mut first: Option<Vec<MapError>> = None;
    let slots = space.slots.clone();
    let mut fewest: Option<Partition> = None;
    for candidate in candidates {
        let (by, filled) = (candidate.by, candidate.filled);
        space.slots.clone_from(&slots);
        match repaired(q, programs, chip, &mut space, candidate) {
            Ok((core_of, usage)) => {
                let found = Partition {
                    core_of,
                    usage,
                    by,
                    filled,
                };
                if !packs {
                    return Ok(found);
                }
                // Repairs may have taken cores; of equals the one that was estimated to be best.
                let cores = |p: &Partition| p.usage.cores.len();
                if fewest.as_ref().is_none_or(|f| cores(&found) < cores(f)) {
                    fewest = Some(found);
                }
            }
            Err(errors) => match (&first, &errors[..]) {
                // Of several that only lack cores, the one that lacks least.
                (Some(best), [MapError::Cores { need, .. }]) if !matches!(best[..], [MapError::Cores { need: least, .. }] if *need < least) =>
                    {}
                (Some(_), [_, ..]) if !matches!(errors[..], [MapError::Cores { .. }]) => {}
                _ => first = Some(errors),
            },
        }
    }
    if let Some(mut found) = fewest {
        if found.by != PACKED && best {
            // Repairs opened cores: what grew may be packed now that destinations are known.
            let core_of = pack::emptied(&space, &found.core_of);
            let usage = usage::usage(q, programs, chip, &core_of);
            let broken = usage::violations(q, chip, &core_of, &usage);
            assert!(broken.is_empty(), "packing broke a limit: {broken:?}");
            if usage.cores.len() < found.usage.cores.len() {
                (found.core_of, found.usage, found.by) = (core_of, usage, PACKED);
            }
        }
        return Ok(found);
    }
    let errors = first.expect("there is a candidate of every partitioner");
    if best && !packs {
        let options = (Objective::Cores, rates);
        return partition(q, programs, chip, PACKED, options).map_err(|_| errors);
    }
    Err(errors)
}

fn cores(core_of: &[u32]) -> u32 {
    core_of.iter().max().map_or(0, |c| c + 1)
}

/// A candidate, with new runs of its partitioner until destination lists fit too.
fn repaired(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    space: &mut Space<'_>,
    candidate: Candidate,
) -> Result<(Vec<u32>, Usage), Vec<MapError>> {
    let Candidate {
        run,
        by: name,
        most_work,
        mut core_of,
        ..
    } = candidate;
    space.most_work = most_work;
    for repair in 0..=REPAIRS {
        let usage = usage::usage(q, programs, chip, &core_of);
        let violations = usage::violations(q, chip, &core_of, &usage);
        if violations.is_empty() {
            let need = usage.cores.len() as u64;
            if need > u64::from(chip.cores()) {
                let least = lower_bound(q, programs, chip);
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
        core_of = run(space).map_err(|(neuron, full)| vec![too_large(q, chip, neuron, full)])?;
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
        remedy: usage::remedy(full.limit).into(),
    }
}

/// What keeps each core of a partition (numbered without gaps) from being emptied into the others.
pub(crate) fn blockers(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    core_of: &[u32],
) -> Vec<Blocker> {
    let work = vec![[0.0; 2]; core_of.len()];
    pack::blockers(&Space::new(q, chip, programs, &work), core_of)
}

/// The neuron that needs most of a limit when it is alone on a core, and how much.
pub(crate) fn most_alone(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    limit: &str,
) -> Option<(u32, u64)> {
    let mut most: Option<(u32, u64)> = None;
    each_alone(q, programs, chip, &mut |neuron, uses| {
        let need = uses(limit);
        if most.is_none_or(|m| need > m.1) {
            most = Some((neuron, need));
        }
    });
    most
}

/// Sees a neuron, and what it needs of a limit.
pub(crate) type Needs<'a> = &'a mut dyn FnMut(u32, &dyn Fn(&str) -> u64);

/// Shows for every neuron what it needs of a limit when it is alone on a core.
pub(crate) fn each_alone(q: &Quantized, programs: &Programs, chip: &ChipSpec, visit: Needs<'_>) {
    let mut roomy = chip.clone();
    let l = &mut roomy.limits;
    (l.groups, l.threshold_profiles, l.synapse_formats) = (u32::MAX, u32::MAX, u32::MAX);
    (l.input_axons, l.output_slots, l.code_words) = (u32::MAX, u32::MAX, u32::MAX);
    l.synapse_bits = u64::MAX;
    let work = vec![[0.0; 2]; q.neurons() as usize];
    let space = Space::new(q, &roomy, programs, &work);
    let mut alone = space::Filling::new(&space);
    for neuron in 0..q.neurons() {
        alone.clear();
        alone.add(neuron).expect("there is room for one");
        visit(neuron, &|limit| alone.uses(limit));
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
        remedy: {
            let change = format!("the smallest change: {}", more_cores(chip, need));
            let room = u64::from(chip.cores()) * u64::from(chip.limits.neurons);
            let over = u64::from(q.neurons()).saturating_sub(room);
            match (least.cores > u64::from(chip.cores()), least.limit) {
                (true, "neurons") => {
                    format!("no mapping fits; {change}, or {over} neurons fewer at least")
                }
                (true, limit) => {
                    format!("no mapping fits; {change}, or less of what takes {limit}")
                }
                (false, _) => format!("{change}, or another --partitioner"),
            }
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
        assert_eq!(names, super::PARTITIONERS[1..]);
    }
}
