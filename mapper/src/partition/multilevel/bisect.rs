//! First partition by recursive bisection: halves are annealed on their own, then halved again.
//!
//! Invariant: each half keeps the limits of its cores taken together, so that single cores keep theirs.

use super::anneal::{self, Noise};
use super::hyper::Hyper;
use super::state::State;
use super::{Limits, spread};

/// Core of every vertex, or nothing if a half does not fit its cores.
pub(super) fn bisect(
    hyper: &Hyper,
    limits: &Limits,
    noise: &mut Noise,
    work: u64,
) -> Option<Vec<u32>> {
    if limits.cores == 1 {
        // There is nothing to halve; whether all fits one core, the other seeds know.
        return None;
    }
    let depth = limits.cores.max(2).ilog2() + 1;
    let per_pin = work as f64 / f64::from(depth) / hyper.pin_count().max(1) as f64;
    let mut core_of = vec![0; hyper.vertices()];
    let mut local = vec![u32::MAX; hyper.vertices()];
    let all: Vec<u32> = (0..hyper.vertices() as u32).collect();
    // Parts are cut out of their parent, never of the whole: every level of halves looks at each pin once.
    let mut open = vec![(hyper.part(&all, &mut local), all, 0, limits.cores)];
    while let Some((part, vertices, first, cores)) = open.pop() {
        if cores == 1 {
            vertices.iter().for_each(|v| core_of[*v as usize] = first);
            continue;
        }
        let left = cores / 2;
        let halves = Limits {
            cores: 2,
            share: vec![left, cores - left],
            ..limits.clone()
        };
        let start = halved(&part, &halves)?;
        let mut state = State::new(&part, &halves, start);
        state.keep_gains();
        let scale = spread(&part);
        let work = (per_pin * part.pin_count() as f64) as u64;
        anneal::cool(&mut state, noise, scale, 0.02 * scale, work);
        anneal::settle(&mut state, noise, 3, work);
        let mut sides = [Vec::new(), Vec::new()];
        for (v, side) in state.core_of.iter().enumerate() {
            sides[*side as usize].push(v as u32);
        }
        for (side, (first, cores)) in sides
            .iter()
            .zip([(first, left), (first + left, cores - left)])
        {
            let names = side.iter().map(|v| vertices[*v as usize]).collect();
            open.push((part.part(side, &mut local), names, first, cores));
        }
    }
    Some(core_of)
}

/// Fills both halves in order, each in proportion to its cores.
fn halved(part: &Hyper, halves: &Limits) -> Option<Vec<u32>> {
    let mut state = State::new(part, halves, vec![2; part.vertices()]);
    let mut bulky: Vec<u32> = (0..part.vertices() as u32).collect();
    // Large ones first, so that the small ones fill what is left.
    bulky.sort_by_key(|v| std::cmp::Reverse(part.size[*v as usize]));
    let total: u64 = part.size.iter().map(|s| s[0]).sum();
    let all = u64::from(halves.share[0] + halves.share[1]);
    for v in bulky {
        let behind = state.load[0][0] * all <= total * u64::from(halves.share[0]);
        let side = if behind { 0 } else { 1 };
        let side = [side, 1 - side].into_iter().find(|s| state.fits(v, *s))?;
        state.shift(v, side);
    }
    Some(state.core_of)
}
