//! Crossbar cores with less traffic and fewer copies: neurons go to the core, or change places with a neuron of the core, where they cost least.
//!
//! Invariant: no core beyond a limit, no more cores than before, and a smaller sum of what lines and lanes cost (`cost::Weights`), counted exactly at every
//! move. Work is bounded by a number of lines looked at; nothing is drawn.

use super::cost::{ROUNDING, Weights};
use super::pack::{Packing, UNPLACED, packed};
use super::partition::{Cores, Problem, lanes};

/// Times that cores are packed again.
const TIGHTENINGS: u32 = 8;
/// Times that all neurons are looked at.
const ROUNDS: u32 = 12;
/// Neurons of a core that one which has no room there is offered to change places with.
const PARTNERS: usize = 12;
/// Cores that a neuron would rather be on.
const WISHES: usize = 3;

/// A partition that costs less, if one is found.
pub(super) fn refined(problem: &Problem<'_>, cores: &Cores, weights: &Weights) -> Option<Cores> {
    if cores.count() < 2 {
        return None;
    }
    let mut packing = Packing::load(problem, cores)?;
    if packing.broken() {
        return None;
    }
    let mut refining = Refining {
        packing: &mut packing,
        weights,
        moves: 0,
    };
    for _ in 0..ROUNDS {
        let before = refining.moves;
        if !refining.round() || refining.moves == before {
            break;
        }
    }
    let moved = refining.moves > 0;
    moved.then(|| Cores::of(problem, packing.compact()))
}

/// The same with fewer cores, down to a number: packed, and packed again after neurons have moved to where they take least of what cores have, as long as that helps.
pub(super) fn tighter(problem: &Problem<'_>, cores: &Cores, least: u64) -> Option<Cores> {
    let mut fewest = packed(problem, cores, least);
    for _ in 0..TIGHTENINGS {
        let known = fewest.as_ref().unwrap_or(cores);
        if known.count() as u64 <= least.max(1) {
            break;
        }
        let moved = refined(problem, known, &Weights::shares(problem));
        let Some(fewer) = moved.and_then(|m| packed(problem, &m, least)) else {
            break;
        };
        fewest = Some(fewer);
    }
    fewest
}

struct Refining<'a, 'p> {
    packing: &'a mut Packing<'p>,
    weights: &'a Weights,
    moves: u64,
}

impl Refining<'_, '_> {
    /// Looks at all neurons; whether there is work left.
    fn round(&mut self) -> bool {
        for n in 0..self.packing.core_of.len() as u32 {
            if self.packing.work < self.packing.spare() {
                return false;
            }
            self.improve(n);
        }
        true
    }

    /// Moves a neuron to where it costs least.
    fn improve(&mut self, n: u32) {
        let from = self.packing.core_of[n as usize] as usize;
        self.packing.take(n);
        let stay = self.price(n, from);
        let least = stay - ROUNDING * stay.abs();
        let mut wishes: Vec<(f64, usize)> = (0..self.packing.cores.len())
            .filter(|c| *c != from)
            .map(|c| (self.price(n, c), c))
            .filter(|w| w.0 < least)
            .collect();
        wishes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let fits = wishes
            .iter()
            .copied()
            .find(|w| self.packing.cost(n, w.1).is_ok());
        if let Some((price, to)) = fits {
            // A better core may take it in exchange for another.
            for wish in wishes.iter().take(WISHES).filter(|w| w.0 < price) {
                if self.exchange(n, from, wish.1, stay - price) {
                    self.moves += 1;
                    return;
                }
            }
            self.packing.put(n, to);
            self.moves += 1;
            return;
        }
        for wish in wishes.iter().take(WISHES) {
            if self.exchange(n, from, wish.1, 0.0) {
                self.moves += 1;
                return;
            }
        }
        self.packing.put(n, from);
    }

    /// Puts an unplaced neuron onto a core and one of that core in its place, if that gains more than `least`; else all stays.
    fn exchange(&mut self, n: u32, from: usize, to: usize, least: f64) -> bool {
        let members = self.packing.cores[to].neurons.clone();
        let step = members.len().div_ceil(PARTNERS).max(1);
        let first = n as usize % step;
        for m in members.into_iter().skip(first).step_by(step) {
            if self.packing.work < self.packing.spare() {
                return false;
            }
            // As they are: both are taken one after the other, and put back the other way round.
            let mut before = self.price(n, from);
            self.packing.take(m);
            before += self.price(m, to);
            let mut after = self.price(n, to);
            if self.packing.cost(n, to).is_ok() {
                self.packing.put(n, to);
                after += self.price(m, from);
                if before - after > least + ROUNDING * before.abs()
                    && self.packing.cost(m, from).is_ok()
                {
                    self.packing.put(m, from);
                    return true;
                }
                self.packing.take(n);
            }
            self.packing.put(m, to);
        }
        false
    }

    /// What an unplaced neuron adds to the costs on a core, whether it fits or not.
    fn price(&mut self, n: u32, core: usize) -> f64 {
        self.packing.spend(n);
        let p = self.packing.problem;
        let w = self.weights;
        let open = &self.packing.cores[core];
        let mine = p.lines.of(n);
        let mut own = self.packing.outputs[n as usize];
        let mut sum = 0.0;
        for run in mine.chunk_by(|a, b| p.lines.source[*a as usize] == p.lines.source[*b as usize])
        {
            let count = run.iter().filter(|l| open.count[**l as usize] == 0).count() as u32;
            if count == 0 {
                continue;
            }
            let source = p.lines.source[run[0] as usize];
            let Some(s) = p.lines.neuron(run[0]) else {
                sum += f64::from(count) * w.far[w.index(source)];
                continue;
            };
            if s == n {
                own += count;
                sum += f64::from(count) * w.local[s as usize];
                continue;
            }
            let stands = self.packing.core_of[s as usize];
            let each = if stands as usize == core {
                w.local[s as usize]
            } else {
                w.far[s as usize]
            };
            let before = self.packing.outputs[s as usize];
            // Lanes of a neuron that is not placed count when it is.
            let more = match stands {
                UNPLACED => 0,
                _ => lanes(before + count, p.each) - lanes(before, p.each),
            };
            sum += f64::from(count) * each + f64::from(more) * w.lane[s as usize];
        }
        sum += f64::from(lanes(own, p.each)) * w.lane[n as usize];
        // Its own lines that are here already stay here.
        let saved = w.far[n as usize] - w.local[n as usize];
        let here = p.lines.of_source(n);
        let here = here.filter(|l| open.count[*l as usize] > 0).count();
        sum - here as f64 * saved
    }
}
