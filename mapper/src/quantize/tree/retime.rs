//! A network whose layers start later, so that their inputs have time to pass relays.
//!
//! Invariant: ways between the same two populations stay of one length, and none gets shorter; inside a cycle nothing changes.
//! What a population sees at its step t is the same, it only sees it later: outputs are read later by as much.

use network::lowered::{Lowered, Projection, Source};

/// Whether a projection lies inside a cycle: it then has no alignment that could be made longer.
fn inside(net: &Lowered, p: &Projection) -> bool {
    let depth = |i: u32| net.populations[i as usize].depth;
    p.recurrent || matches!(p.source, Source::Population(s) if depth(s) >= depth(p.target))
}

/// Whether the ways from a source to a population can be made longer.
pub(super) fn stretches(net: &Lowered, source: Source, target: u32) -> bool {
    let all = &net.projections;
    !all.iter()
        .any(|p| p.source == source && p.target == target && inside(net, p))
}

/// The network with every population later by at least `by` steps, and with it all that follows.
pub(super) fn later(net: &Lowered, by: &[u32]) -> Lowered {
    let mut net = net.clone();
    let inside: Vec<bool> = net.projections.iter().map(|p| inside(&net, p)).collect();
    let cycle = cycles(&net, &inside);
    let mut order: Vec<usize> = (0..net.populations.len()).collect();
    order.sort_by_key(|i| net.populations[*i].depth);
    let mut own = vec![0u32; net.populations.len()];
    for (i, by) in by.iter().enumerate() {
        own[cycle[i]] = own[cycle[i]].max(*by);
    }
    // What leads to a population from outside its cycle is less deep, so its shift is known.
    let mut shift = vec![0u32; net.populations.len()];
    for layer in order.chunk_by(|a, b| net.populations[*a].depth == net.populations[*b].depth) {
        for at in layer {
            let leading = net.projections.iter().zip(&inside);
            let before = leading.filter_map(|(p, inside)| match p.source {
                Source::Population(s) if p.target as usize == *at && !inside => {
                    Some(shift[cycle[s as usize]])
                }
                _ => None,
            });
            let total = before.max().unwrap_or(0) + own[cycle[*at]];
            shift[cycle[*at]] = shift[cycle[*at]].max(total);
        }
    }
    for (i, population) in net.populations.iter_mut().enumerate() {
        population.depth += shift[cycle[i]];
    }
    let ways = net.projections.iter_mut().zip(&inside);
    for (p, _) in ways.filter(|(_, inside)| !**inside) {
        let before = match p.source {
            Source::Population(s) => shift[cycle[s as usize]],
            Source::Input(_) => 0,
        };
        p.align += shift[cycle[p.target as usize]] - before;
    }
    net
}

/// The first population of the cycle that each population is in; itself, if it is in none.
fn cycles(net: &Lowered, inside: &[bool]) -> Vec<usize> {
    let mut first: Vec<usize> = (0..net.populations.len()).collect();
    let all = net.projections.iter().zip(inside);
    for (p, _) in all.filter(|(_, inside)| **inside) {
        if let Source::Population(s) = p.source {
            let (a, b) = (first[s as usize], first[p.target as usize]);
            let (keep, other) = (a.min(b), a.max(b));
            first
                .iter_mut()
                .filter(|f| **f == other)
                .for_each(|f| *f = keep);
        }
    }
    first
}
