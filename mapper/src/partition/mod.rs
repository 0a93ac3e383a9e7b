//! Pass 2, partition: neurons to cores under all per-core limits at once, with few packets between cores.
//!
//! Invariant: what leaves this pass was judged by [`crate::usage`], which shares no running total with the partitioners.
//! Partitioners look for few packets: one per (source, core). Which of their partitions is taken, [`crate::objective`] decides.

mod bound;
mod candidates;
mod improve;
pub(crate) mod multilevel;
mod overlap;
mod pack;
mod repair;
mod sequential;
mod shared;
mod space;

pub(crate) use bound::{Bound, bounds, largest, lower_bound};
pub(crate) use pack::Blocker;

use crate::change::more_cores;
use crate::error::MapError;
use crate::need::Programs;
use crate::objective::{Model, Objective, Placed, To};
use crate::parallel;
use crate::quantized::Quantized;
use crate::usage::{self, Usage};
use candidates::{
    Candidate, SPREAD, Task, UNKNOWN, improved, judge, order, settle, spread, valued,
};
use isa::ChipSpec;
use repair::{Trials, packed};
use space::{Full, Room, Space};

/// A partitioner: core of every neuron, cores numbered from 0 as they were opened; or the neuron that fits no core.
type Partitioner = fn(&Space<'_>, &Room) -> Result<Vec<u32>, (u32, Full)>;

/// Partitioners by name. `best` and `multilevel` (the fewest packets) try all of them, `packed` only where few cores are asked for or none of the others fits.
const LIST: &[(&str, Partitioner)] = &[
    ("overlap", overlap::partition),
    ("sequential", sequential::partition),
    (PACKED, pack::partition),
];
const PACKED: &str = "packed";

/// Names of the partitioners; the first is the default, the second what multilevel partitioning makes of the others.
pub const PARTITIONERS: &[&str] = &["best", MULTILEVEL, "overlap", "sequential", PACKED];
const MULTILEVEL: &str = "multilevel";
/// Those that crossbars have.
pub(crate) const CROSSBAR_PARTITIONERS: &[&str] = &["best", "overlap", "sequential"];

/// A partition of a network.
pub(crate) struct Partition {
    /// Core of every neuron, numbered from 0 without gaps.
    pub(crate) core_of: Vec<u32>,
    pub(crate) usage: Usage,
    /// Name of the partitioner that found it.
    pub(crate) by: &'static str,
    /// Cores when its partitioner fills them, if it spread work over more.
    pub(crate) filled: Option<u32>,
    /// Where the placer put it, if that was asked to choose it.
    pub(crate) placed: Option<Placed>,
}

/// Partitions a network, trying candidates side by side: the best for the objective that the partitioners find when they fill cores, and when they spread work.
pub(crate) fn partition(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    name: &str,
    to: To<'_>,
    threads: usize,
) -> Result<Partition, Vec<MapError>> {
    let best = PARTITIONERS[..2].contains(&name);
    // Asked for by name it looks for few packets, whatever else is to be served.
    let objective = match name {
        MULTILEVEL => Objective::Packets,
        _ => to.objective,
    };
    let packs = objective == Objective::Cores;
    // What fits when work is spread nearly always fits when cores are filled and repaired.
    let spreads = !packs && to.timed;
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
    let model = Model::new(q, programs, chip, to);
    let mut space = Space::new(q, chip, programs, &model.work);
    if to.rates.is_some() {
        space.weigh(&model.rates);
    }
    let filled = parallel::each(threads, &runs, |(_, run)| {
        let full = run(&space, &Room::ALL)?;
        let shared = shared::fewer(&space, programs, *run, &full)?;
        Ok((full, shared))
    });
    let mut tasks = Vec::new();
    for (run, filled) in runs.into_iter().zip(filled) {
        let (full, shared) =
            filled.map_err(|(neuron, full)| vec![too_large(q, chip, neuron, full)])?;
        for (full, room) in [(full, Room::ALL)].into_iter().chain(shared) {
            let least = cores(&full);
            let wide = SPREAD.iter().filter(|_| spreads && run.0 != PACKED);
            let wide = wide.map(|share| (f64::from(chip.cores()) * share) as u32);
            let spread = wide.take_while(|most| *most > least).map(|most| {
                let room = room.clone();
                (run, Task::Spread { most, least, room })
            });
            let spread: Vec<_> = spread.collect();
            tasks.push((run, Task::Judge(full, room)));
            tasks.extend(spread);
        }
    }
    let candidates = parallel::each(threads, &tasks, |((by, run), task)| {
        let (core_of, room, filled) = match task {
            Task::Judge(full, room) => (full.clone(), room.clone(), None),
            Task::Spread { most, least, room } => {
                let (core_of, room) = spread(&space, &model, *run, *most, room)?;
                (core_of, room, Some(*least))
            }
        };
        Some(Candidate {
            value: UNKNOWN,
            run: Some(*run),
            by,
            room,
            filled,
            core_of,
            placed: None,
        })
    });
    drop(tasks);
    let mut candidates: Vec<Candidate> = candidates.into_iter().flatten().collect();
    judge(&model, &mut candidates, objective, threads);
    if best && to.timed {
        let better = improved(&space, programs, &candidates, (to.seed, threads));
        candidates.extend(better);
        judge(&model, &mut candidates, objective, threads);
    }
    settle(&model, &mut candidates, objective, threads);
    let value = |core_of: &[u32]| valued(&model, core_of, objective, threads);
    let mut trials = Trials::new(&mut space, programs, (to.timed, best), &value);
    trials.all(&candidates);
    // Where it is only asked what fits, improvements are worth their time if nothing else did, and little is short.
    if best && !to.timed && trials.ready.is_empty() && trials.near() {
        let better = improved(trials.space(), programs, &candidates, (to.seed, threads));
        trials.all(&better);
    }
    let (ready, refusal) = trials.end();
    if let Some((_, mut found)) = ready.into_iter().min_by(|a, b| order(a.0, b.0)) {
        if packs && best && found.by != PACKED {
            // Repairs opened cores: what grew may be packed now that destinations are known.
            let (core_of, usage) = packed(&space, programs, &found.core_of, None);
            if usage.cores.len() < found.usage.cores.len() {
                (found.core_of, found.usage, found.by) = (core_of, usage, PACKED);
                found.placed = None;
            }
        }
        return Ok(found);
    }
    let errors = refusal.expect("there is a candidate of every partitioner");
    if best && to.timed {
        // What is found when it is only asked what fits is there: remedies are named by it.
        let to = To { timed: false, ..to };
        return partition(q, programs, chip, name, to, threads).map_err(|_| errors);
    }
    if best && !packs {
        let to = To {
            objective: Objective::Cores,
            ..to
        };
        return partition(q, programs, chip, PACKED, to, threads).map_err(|_| errors);
    }
    Err(errors)
}

fn cores(core_of: &[u32]) -> u32 {
    core_of.iter().max().map_or(0, |c| c + 1)
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
    let all = Room::ALL;
    let mut alone = space::Filling::new(&space, &all);
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
        remedy: cores_remedy(q, chip, need, (least.cores, least.limit)),
    }
}

/// What to change where a network needs more cores than a chip has. `least`: lower bound, and its limit.
pub(crate) fn cores_remedy(
    q: &Quantized,
    chip: &ChipSpec,
    need: u64,
    least: (u64, &str),
) -> String {
    let change = format!("the smallest change: {}", more_cores(chip, need));
    let room = u64::from(chip.cores()) * u64::from(chip.limits.neurons);
    let over = u64::from(q.neurons()).saturating_sub(room);
    match (least.0 > u64::from(chip.cores()), least.1) {
        (true, "neurons") => {
            format!("no mapping fits; {change}, or {over} neurons fewer at least")
        }
        (true, limit) => {
            format!("no mapping fits; {change}, or less of what takes {limit}")
        }
        (false, _) => format!("{change}, or another --partitioner"),
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
        Err(worst_cores(violations))
    }
}

/// One error for each limit: of the core that needs most of it, and in how many cores it is broken.
fn worst_cores(errors: Vec<MapError>) -> Vec<MapError> {
    let mut out: Vec<(MapError, u32)> = Vec::new();
    let of = |e: &MapError| match e {
        MapError::Core { limit, need, .. } => Some((*limit, *need)),
        _ => None,
    };
    for error in errors {
        let known = out
            .iter_mut()
            .find(|o| of(&o.0).map(|o| o.0) == of(&error).map(|e| e.0));
        match known {
            Some((worst, cores)) => {
                *cores += 1;
                if of(&error) > of(worst) {
                    *worst = error;
                }
            }
            None => out.push((error, 1)),
        }
    }
    let said = out.into_iter().map(|(mut error, cores)| {
        if let (MapError::Core { remedy, .. }, true) = (&mut error, cores > 1) {
            *remedy += &format!(" ({cores} cores have too many; this one the most)");
        }
        error
    });
    said.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn names() {
        let names: Vec<&str> = super::LIST.iter().map(|p| p.0).collect();
        assert_eq!(names, super::PARTITIONERS[2..]);
        assert_eq!(super::MULTILEVEL, super::PARTITIONERS[1]);
    }
}
