//! Cores given by the user: of every neuron, and if they like of its splitters and copies.
//!
//! Invariant: given cores are obeyed; what is left out goes beside its neuron (copies), or where there is room, on given cores first (splitters).

use super::partition::{Cores, Order, Problem, lanes};
use super::portfolio::{Wanted, thrifty_of};
use super::report;
use super::split::{self, Divided, Network};
use crate::error::MapError;
use isa::ChipSpec;

/// The user's assignment: partition cores and where they are.
pub(super) fn assigned(
    wanted: &Wanted<'_>,
    given: &[u32],
) -> Result<(Divided, Vec<u32>), Vec<MapError>> {
    let (network, problem) = (wanted.network, wanted.like);
    let Network { q, chip, .. } = network;
    let neurons = q.neurons();
    let wrong = |what: String| vec![MapError::Assignment { what, neurons }];
    if given.len() < neurons as usize {
        return Err(wrong(format!("{} entries", given.len())));
    }
    if let Some(n) = given.iter().position(|c| *c >= chip.cores()) {
        return Err(wrong(format!(
            "neuron {n} is put on core {}; chip \"{}\" has cores 0 to {}",
            given[n],
            chip.name,
            chip.cores() - 1
        )));
    }
    let (cores, at) = numbered(problem, &given[..neurons as usize]);
    let errors = report::broken(q, problem, &cores, &at, chip);
    let needed = if errors.is_empty() {
        split::plain(network, cores, Order::Sequential)
    } else {
        let split = split::settled(network, problem, &cores, Order::Sequential, None);
        split.ok_or_else(|| errors.clone())?
    };
    // Splitters where they cost less, at last those that are needed; the first way that the entries fit.
    let mut ways = thrifty_of(wanted, &needed);
    ways.push(needed);
    let mut last = None;
    for way in ways {
        match placed(network, problem, way, &at, given, &errors) {
            Ok(found) => return Ok(found),
            // What is wrong with the last way, which has no splitters that nobody asked for, is said.
            Err(e) => last = Some(e),
        }
    }
    Err(last.expect("one way was tried"))
}

/// One way to build it; `at`: where the cores of the network's neurons are, `errors`: what there is against them without splitters.
fn placed(
    network: Network<'_>,
    problem: &Problem<'_>,
    mut divided: Divided,
    at: &[u32],
    given: &[u32],
    errors: &[MapError],
) -> Result<(Divided, Vec<u32>), Vec<MapError>> {
    let (neurons, chip) = (network.q.neurons(), network.chip);
    let wrong = |what: String| vec![MapError::Assignment { what, neurons }];
    let mut at = at.to_vec();
    let splitters = divided.splitters as usize;
    let all = neurons as usize + splitters;
    if splitters > 0 && given.len() >= all {
        let host = crate::emit::host_entries(&divided.q);
        let with = super::problem(&divided.q, &divided.lines, &host, chip);
        (divided.cores, at) = numbered(&with, &given[..all]);
        let errors = report::broken(&divided.q, &with, &divided.cores, &at, chip);
        if !errors.is_empty() {
            return Err(errors);
        }
    } else {
        let free = nearest_free(&at, divided.cores.count() - at.len(), chip);
        at.extend(free.ok_or(errors.to_vec())?);
    }
    let copies: Vec<u32> = (0..all as u32)
        .flat_map(|n| {
            let more = lanes(divided.cores.outputs[n as usize], problem.each) - 1;
            std::iter::repeat_n(n, more as usize)
        })
        .collect();
    let lengths = [neurons as usize, all, all + copies.len()];
    if !lengths.contains(&given.len()) {
        let with = match splitters {
            0 => String::new(),
            n => format!("{n} splitters and "),
        };
        return Err(wrong(format!(
            "{} entries; with these cores {with}{} copies of neurons are needed, which may be left out",
            given.len(),
            copies.len()
        )));
    }
    if given.len() == lengths[2]
        && let Some((n, core)) = copies
            .iter()
            .zip(&given[all..])
            .find(|(n, core)| given[**n as usize] != **core)
    {
        return Err(wrong(format!(
            "a copy of neuron {n} is put on core {core}, and its neuron on core {}",
            given[*n as usize]
        )));
    }
    Ok((divided, at))
}

/// Cores numbered in the order of their first neurons, and where they are.
fn numbered(problem: &Problem<'_>, given: &[u32]) -> (Cores, Vec<u32>) {
    let core_of = split::dense(given);
    let mut at: Vec<u32> = Vec::new();
    for (core, part) in given.iter().zip(&core_of) {
        if *part as usize == at.len() {
            at.push(*core);
        }
    }
    (Cores::of(problem, core_of), at)
}

/// Cores that nobody was put on, those nearest to the first that somebody was put on first.
fn nearest_free(given: &[u32], count: usize, chip: &ChipSpec) -> Option<Vec<u32>> {
    let place = |core: u32| chip.xy(chip.tile_of(core));
    let mut taken = given.to_vec();
    taken.sort_unstable();
    let (x, y) = place(taken.first().copied().unwrap_or(0));
    let mut free: Vec<u32> = (0..chip.cores())
        .filter(|c| taken.binary_search(c).is_err())
        .collect();
    free.sort_by_key(|c| {
        let at = place(*c);
        (at.0.abs_diff(x) + at.1.abs_diff(y), *c)
    });
    free.truncate(count);
    (free.len() == count).then_some(free)
}
