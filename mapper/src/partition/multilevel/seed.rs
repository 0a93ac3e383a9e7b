//! First partitions of a hypergraph: in order, by overlap, streamed.
//!
//! Invariant: a seed keeps every limit, or there is none.

use super::Limits;
use super::hyper::{Hyper, Size, add};
use super::state::State;

/// Entries that a seed looks at before the rest goes in order (overlap) or there is no seed (streaming): per pin of large
/// networks, and of small ones.
const SCANS_PER_PIN: u64 = 8;
const SCANS_OF_SMALL: u64 = 1 << 28;

fn scans(hyper: &Hyper) -> u64 {
    SCANS_OF_SMALL.max(SCANS_PER_PIN * hyper.pin_count() as u64)
}

/// A first partition.
pub(super) type Seed = fn(&Hyper, &Limits) -> Option<Vec<u32>>;

/// The seeds.
pub(super) const SEEDS: &[Seed] = &[in_order, by_overlap, streamed];

/// Everything waits for a core.
fn waiting<'h>(hyper: &'h Hyper, limits: &'h Limits) -> State<'h> {
    State::new(hyper, limits, vec![limits.cores; hyper.vertices()])
}

/// Fills cores in order.
pub(crate) fn in_order(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    let mut state = waiting(hyper, limits);
    let mut core = 0;
    for v in 0..hyper.vertices() as u32 {
        if !state.fits(v, core) {
            core += 1;
            if core >= limits.cores || !state.fits(v, core) {
                return None;
            }
        }
        state.shift(v, core);
    }
    Some(state.core_of)
}

/// Grows one core after the other by the vertex that has most nets in common with it. Sources count once per core that they reach, so
/// that nets seen are the axons of the core.
pub(crate) fn by_overlap(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    const FREE: u32 = u32::MAX;
    let n = hyper.vertices();
    let mut core_of = vec![FREE; n];
    let mut score = vec![0u64; n];
    let mut seen = vec![FREE; hyper.nets()];
    let (mut candidates, mut kinds): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut scans = scans(hyper);
    let mut next = 0;
    for core in 0..limits.cores {
        candidates.drain(..).for_each(|v| score[v as usize] = 0);
        kinds.clear();
        let (mut load, mut axons): (Size, u64) = ([0; 3], 0);
        loop {
            while next < n && core_of[next] != FREE {
                next += 1;
            }
            if next == n {
                return Some(core_of);
            }
            scans = scans.saturating_sub(candidates.len() as u64);
            if scans == 0 {
                candidates.clear();
            }
            // The best of them: most in common, then the lowest number.
            let best = candidates.iter().enumerate();
            let best = best.max_by_key(|(_, v)| (score[**v as usize], u32::MAX - **v));
            let best = best.map(|(at, v)| (at, *v));
            let v = best.map_or(next as u32, |b| b.1);
            let size = &hyper.size[v as usize];
            let brings = hyper.nets_of(v).iter();
            let brings = brings.filter(|e| seen[**e as usize] != core);
            let brings: u64 = brings.map(|e| hyper.net_weight[*e as usize]).sum();
            let kind = hyper.kind[v as usize];
            let new_kind = !kinds.contains(&kind);
            if (0..3).any(|i| load[i] + size[i] > limits.size[i])
                || axons + brings > limits.axons
                || kinds.len() + usize::from(new_kind) > limits.kinds as usize
            {
                break;
            }
            add(&mut load, size);
            axons += brings;
            if new_kind {
                kinds.push(kind);
            }
            core_of[v as usize] = core;
            if let Some((at, _)) = best {
                candidates.swap_remove(at);
            }
            for net in hyper.nets_of(v) {
                if std::mem::replace(&mut seen[*net as usize], core) == core || scans == 0 {
                    continue;
                }
                let pins = hyper.pins(*net);
                scans = scans.saturating_sub(pins.len() as u64);
                for pin in pins {
                    if core_of[*pin as usize] == FREE {
                        if score[*pin as usize] == 0 {
                            candidates.push(*pin);
                        }
                        score[*pin as usize] += hyper.net_weight[*net as usize];
                    }
                }
            }
        }
    }
    core_of.iter().all(|c| *c != FREE).then_some(core_of)
}

/// Puts each vertex where most of its nets are, less the more a core holds (Tsourakakis et al. 2014, Fennel).
pub(super) fn streamed(hyper: &Hyper, limits: &Limits) -> Option<Vec<u32>> {
    let n = hyper.size.iter().map(|s| s[0]).sum::<u64>().max(1) as f64;
    let synapses: u64 = (0..hyper.nets() as u32)
        .map(|e| hyper.net_weight[e as usize] * (hyper.pins(e).len() as u64 - 1))
        .sum();
    let alpha = 1.5 * f64::from(limits.cores).sqrt() * synapses as f64 / n.powf(1.5);
    let mut state = waiting(hyper, limits);
    let mut empty = 0;
    let mut scans = scans(hyper);
    for v in 0..hyper.vertices() as u32 {
        let base = state.gains(v);
        if state.work() > scans {
            return None;
        }
        while empty < limits.cores && !state.members[empty as usize].is_empty() {
            empty += 1;
        }
        let weight = hyper.size[v as usize][0] as f64;
        let value = |core: u32| {
            state.gain(base, core) - alpha * weight * (state.load[core as usize][0] as f64).sqrt()
        };
        let known = state.touched.iter().copied().filter(|c| *c < limits.cores);
        let mut best = (f64::NEG_INFINITY, u32::MAX);
        for core in known.chain((empty < limits.cores).then_some(empty)) {
            let value = value(core);
            if value > best.0 && state.fits(v, core) {
                best = (value, core);
            }
        }
        if best.1 == u32::MAX {
            scans = scans.checked_sub(u64::from(limits.cores))?;
            let room = (0..limits.cores).filter(|c| state.fits(v, *c));
            best.1 = room.min_by_key(|c| state.load[*c as usize][0])?;
        }
        state.shift(v, best.1);
    }
    Some(state.core_of)
}
