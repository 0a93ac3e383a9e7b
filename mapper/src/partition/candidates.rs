//! Candidates for a network's partition: what may serve the objective, judged before anything is repaired.
//!
//! Invariant: each kind of partition is judged once; the best come first, equals in the order in which they were found, so that nothing depends on the number of threads.

use super::space::{Room, Space, TOO_MANY};
use super::{MULTILEVEL, Partitioner, cores, improve};
use crate::need::Programs;
use crate::objective::{Model, Objective, Placed};
use crate::parallel;
use crate::usage;
use std::cmp::Ordering;

/// Candidates that are improved, best first.
const IMPROVED: usize = 3;
/// Candidates that are placed before one is chosen, best first.
const FINALISTS: usize = 4;
/// Pins above which only the best candidate is improved.
const SEVERAL_PINS: u64 = 2_000_000;

/// Shares of the chip's cores over which work is spread evenly, one after the other, to see what serves the objective.
pub(super) const SPREAD: &[f64] = &[
    1.0, 0.85, 0.7, 0.5, 0.35, 0.2, 0.14, 0.1, 0.07, 0.05, 0.035, 0.025, 0.016,
];
/// Room above an even share of the work: more, until the network takes no more cores than it was to be spread over.
const SLACK: &[f64] = &[1.04, 1.12, 1.25, 1.5];

/// Value of what was not judged, or cannot be best.
pub(super) const UNKNOWN: (f64, f64) = (f64::INFINITY, f64::INFINITY);

/// A partition that was not yet judged.
#[derive(Clone)]
pub(super) struct Candidate {
    pub(super) value: (f64, f64),
    /// What finds it, if it is not an improvement.
    pub(super) run: Option<Partitioner>,
    pub(super) by: &'static str,
    pub(super) room: Room,
    pub(super) filled: Option<u32>,
    pub(super) core_of: Vec<u32>,
    pub(super) placed: Option<Placed>,
}

/// Order of two values, the better first.
pub(super) fn order(a: (f64, f64), b: (f64, f64)) -> Ordering {
    a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
}

/// Judges candidates that were not yet, each kind once; best first, equals in order. Those that cannot be best are last.
pub(super) fn judge(
    model: &Model<'_>,
    candidates: &mut Vec<Candidate>,
    objective: Objective,
    threads: usize,
) {
    let mut distinct: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates.drain(..) {
        if distinct.iter().all(|d| d.core_of != candidate.core_of) {
            distinct.push(candidate);
        }
    }
    *candidates = distinct;
    let new: Vec<usize> = (0..candidates.len())
        .filter(|i| candidates[*i].value == UNKNOWN)
        .collect();
    let partitions: Vec<&[u32]> = new.iter().map(|i| &candidates[*i].core_of[..]).collect();
    let known = candidates.iter().map(|c| c.value.0);
    let known = known.fold(f64::INFINITY, f64::min);
    let found = model.compare(&partitions, (objective, known), threads);
    for (i, estimate) in new.into_iter().zip(found) {
        if let Some(estimate) = estimate {
            candidates[i].value = estimate.value(objective);
        }
    }
    candidates.sort_by(|a, b| order(a.value, b.value));
}

/// Judges the best candidates again, each where the placer puts it.
pub(super) fn settle(
    model: &Model<'_>,
    candidates: &mut [Candidate],
    objective: Objective,
    threads: usize,
) {
    let judged = candidates.iter().take(FINALISTS);
    let judged = judged.filter(|c| c.value != UNKNOWN).count();
    let partitions = candidates[..judged].iter().map(|c| &c.core_of[..]);
    let partitions: Vec<&[u32]> = partitions.collect();
    let Some(placed) = model.placed(&partitions, objective, threads) else {
        return;
    };
    let mut worst = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut left: Vec<usize> = (judged..candidates.len()).collect();
    for (i, placed) in (0..).zip(placed) {
        let Some((estimate, placed)) = placed else {
            left.push(i);
            continue;
        };
        let value = estimate.value(objective);
        (candidates[i].value, candidates[i].placed) = (value, placed);
        if order(value, worst).is_gt() {
            worst = value;
        }
    }
    // What was not placed comes behind.
    for i in left {
        if order(candidates[i].value, worst).is_lt() {
            candidates[i].value = worst;
        }
    }
    candidates.sort_by(|a, b| order(a.value, b.value));
}

/// Value of a partition that differs from what was judged, as the best are judged; and where it was put.
pub(super) fn valued(
    model: &Model<'_>,
    core_of: &[u32],
    objective: Objective,
    threads: usize,
) -> ((f64, f64), Option<Placed>) {
    // What the chip has too few cores for has no place; repairs let nothing of that kind through.
    if let Some((estimate, placed)) = model
        .placed(&[core_of], objective, threads)
        .and_then(|mut judged| judged.pop().flatten())
    {
        return (estimate.value(objective), placed);
    }
    let found = model
        .compare(&[core_of], (objective, f64::INFINITY), 1)
        .pop();
    let value = found.flatten().map_or(UNKNOWN, |e| e.value(objective));
    (value, None)
}

/// What multilevel partitioning makes of the best candidates. Where pins take much memory it is of one only.
pub(super) fn improved(
    space: &Space<'_>,
    programs: &Programs,
    candidates: &[Candidate],
    (seed, threads): (u64, usize),
) -> Vec<Candidate> {
    let judged = candidates.iter().filter(|c| c.value != UNKNOWN);
    let mut worth: Vec<&Candidate> = judged.collect();
    if worth.is_empty() {
        // None has slots enough: those with the fewest cores lack least.
        let most = space.chip.cores();
        worth.extend(candidates.iter().filter(|c| cores(&c.core_of) <= most));
        worth.sort_by_key(|c| cores(&c.core_of));
    }
    let mut starts: Vec<&Candidate> = Vec::new();
    for candidate in worth {
        let same = |s: &&Candidate| cores(&s.core_of) == cores(&candidate.core_of);
        if starts.len() < IMPROVED && !starts.iter().any(same) {
            starts.push(candidate);
        }
    }
    let Some(first) = starts.first() else {
        return Vec::new();
    };
    match improve::pins(space, cores(&first.core_of)) {
        None => return Vec::new(),
        Some(pins) if pins > SEVERAL_PINS => starts.truncate(1),
        Some(_) => {}
    }
    let better = parallel::each(threads, &starts, |start| {
        let usage = usage::usage(space.q, programs, space.chip, &start.core_of);
        let core_of = improve::improve(space, &start.room, &start.core_of, &usage, seed)?;
        Some(Candidate {
            value: UNKNOWN,
            run: None,
            by: MULTILEVEL,
            room: start.room.clone(),
            filled: start.filled,
            core_of,
            placed: None,
        })
    });
    better.into_iter().flatten().collect()
}

/// How a partition is to be found that may serve the objective.
pub(super) enum Task {
    /// It is there: cores are filled.
    Judge(Vec<u32>, Room),
    /// Work spread over at most so many cores; filling takes `least`.
    Spread { most: u32, least: u32, room: Room },
}

/// Work spread over at most so many cores, and the room with the most work of a core that this takes; nothing if it takes more cores.
pub(super) fn spread(
    space: &Space<'_>,
    model: &Model<'_>,
    run: Partitioner,
    most: u32,
    room: &Room,
) -> Option<(Vec<u32>, Room)> {
    for slack in SLACK {
        let mut room = Room {
            most_work: model.even(most) * slack,
            most_cores: most,
            share: room.share.clone(),
        };
        match run(space, &room) {
            Ok(core_of) if cores(&core_of) <= most => {
                // Repairs may open cores.
                room.most_cores = u32::MAX;
                return Some((core_of, room));
            }
            Err((_, full)) if full.limit != TOO_MANY => return None,
            _ => {}
        }
    }
    None
}
