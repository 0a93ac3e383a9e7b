//! Improvement of a partition: every vertex in turn chooses its core anew, with noise that fades; a full core gives a vertex back, or sends one on to a third core.
//!
//! Invariant: limits that held keep holding; without noise the packets never grow. Work is counted in visits, not in time.
//! The choice among cores is the heat bath of a Potts model, drawn as the largest of gain + temperature · Gumbel noise.

use super::state::State;
use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Members of a full core that are asked to go back.
const ASKED: usize = 6;
/// Smoothing of packets at first (see [`State::smooth`]), and when it has gone, as a share of the work.
const SMOOTH: f64 = 0.5;
const SMOOTH_UNTIL: f64 = 0.7;
/// Steps in which smoothing goes at most, and what the steps may take of the work together: where they would take more, nothing is smoothed.
const STAGES: u64 = 8;
const STAGES_SHARE: u64 = 8;
/// Pins above which vertices are visited core by core, so that their nets are still in the cache.
const CORE_BY_CORE_PINS: usize = 1_000_000;
/// Precomputed draws of the Gumbel distribution.
const DRAWS: usize = 4096;

/// Draws of noise and the order of visits.
pub(super) struct Noise {
    pub(super) rng: Xoshiro256PlusPlus,
    gumbel: Vec<f64>,
    order: Vec<u32>,
}

impl Noise {
    pub(super) fn new(rng: Xoshiro256PlusPlus) -> Noise {
        // Quantiles instead of draws: the table has no luck.
        let at = |i: usize| -(-((i as f64 + 0.5) / DRAWS as f64).ln()).ln();
        Noise {
            rng,
            gumbel: (0..DRAWS).map(at).collect(),
            order: Vec::new(),
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.rng.next_u64()) * n as u128) >> 64) as usize
    }

    fn shuffled(&mut self, state: &State<'_>) -> Vec<u32> {
        let n = state.hyper.vertices();
        let mut order = std::mem::take(&mut self.order);
        if order.len() != n {
            order = (0..n as u32).collect();
        }
        if state.hyper.pin_count() > CORE_BY_CORE_PINS {
            order.clear();
            let mut cores: Vec<usize> = (0..state.members.len()).collect();
            for i in (1..cores.len()).rev() {
                cores.swap(i, self.below(i + 1));
            }
            for core in cores {
                order.extend_from_slice(&state.members[core]);
            }
            return order;
        }
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}

/// Visits vertices until `work` entries were looked at; the temperature falls from `hot` to `cold` on the way.
pub(super) fn cool(state: &mut State<'_>, noise: &mut Noise, hot: f64, cold: f64, work: u64) {
    let first = state.work();
    let stages = (work / STAGES_SHARE / state.smoothing_work().max(1)).min(STAGES) as f64;
    let mut smoothed = None;
    while state.hyper.vertices() > 0 {
        let order = noise.shuffled(state);
        let mut temperature = hot;
        for (i, &v) in order.iter().enumerate() {
            if state.work() - first >= work {
                state.smooth(0.0);
                noise.order = order;
                return;
            }
            if i % 64 == 0 {
                let done = (state.work() - first) as f64 / work as f64;
                let stage = (done / SMOOTH_UNTIL * stages).floor().min(stages);
                if stages > 0.0 && smoothed != Some(stage) {
                    smoothed = Some(stage);
                    state.smooth(SMOOTH * (1.0 - stage / stages));
                }
                temperature = hot * (cold / hot).powf(done);
            }
            state.look(1);
            visit(state, noise, v, temperature);
        }
        noise.order = order;
    }
}

/// Visits every vertex without noise, at most `rounds` times, until little moves or `work` entries were looked at.
pub(super) fn settle(state: &mut State<'_>, noise: &mut Noise, rounds: u32, work: u64) {
    let first = state.work();
    for _ in 0..rounds {
        let order = noise.shuffled(state);
        let mut moved = 0;
        for &v in &order {
            if state.work() - first >= work {
                noise.order = order;
                return;
            }
            state.look(1);
            moved += usize::from(visit(state, noise, v, 0.0));
        }
        noise.order = order;
        if moved * 500 <= state.hyper.vertices() {
            return;
        }
    }
}

fn visit(state: &mut State<'_>, noise: &mut Noise, v: u32, temperature: f64) -> bool {
    let most = noise.gumbel[DRAWS - 1];
    let mut word = noise.rng.next_u64();
    let mut draw = |state: u64| {
        word = word
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(state | 1);
        noise.gumbel[(word >> 52) as usize]
    };
    let stay = temperature * draw(1);
    let base = state.gains(v, stay - temperature * most);
    let (mut best, mut second) = ((stay, u32::MAX), (stay, u32::MAX));
    for &core in &state.touched {
        let value = state.gain(base, core) + temperature * draw(u64::from(core));
        if value > best.0 {
            second = best;
            best = (value, core);
        } else if value > second.0 {
            second = (value, core);
        }
    }
    if best.1 == u32::MAX {
        return false;
    }
    if state.fits(v, best.1) {
        state.shift(v, best.1);
        return true;
    }
    if exchange(state, noise, v, best.1, best.0 - stay) {
        return true;
    }
    if second.1 != u32::MAX && second.0 > stay && state.fits(v, second.1) {
        state.shift(v, second.1);
        return true;
    }
    false
}

/// Puts `v` on a full core if one of its members goes to the core of `v`, or on to a third one that has room, for less than is won.
fn exchange(state: &mut State<'_>, noise: &mut Noise, v: u32, to: u32, won: f64) -> bool {
    let from = state.core_of[v as usize];
    let count = state.members[to as usize].len();
    let mut best = (0.0, u32::MAX, from);
    for _ in 0..ASKED.min(count) {
        let index = noise.below(count);
        let u = state.members[to as usize][index];
        let total = won + state.gain_of(u, from);
        if total > best.0 && state.fits_without(v, to, u) && state.fits_without(u, from, v) {
            best = (total, u, from);
        }
        if let Some((third, gain)) = state.best_other(u, from)
            && won + gain > best.0
            && state.fits_without(v, to, u)
            && state.fits(u, third)
        {
            best = (won + gain, u, third);
        }
    }
    let (_, u, on) = best;
    if u == u32::MAX {
        return false;
    }
    // Common nets were counted as if the other stood still: the second half is judged after the first.
    state.shift(v, to);
    if won + state.gain_of(u, on) > 0.0 {
        state.shift(u, on);
        return true;
    }
    state.shift(v, from);
    false
}
