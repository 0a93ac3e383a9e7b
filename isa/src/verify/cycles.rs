//! Cycles of a handler over its paths: what one lane, or one synapse, that runs it alone pays (`specs/core.md`).
//!
//! Invariant: every run takes one of these paths and pays exactly its sum. The reverse does not hold: a path of the graph may be
//! one that no values take (two branches on the same predicate, say), and the bounds count it too, so they may be wider than what runs.

use super::handler::next;
use crate::chip::{InstructionTime, OnSpikeTime, UpdateTime};
use crate::op::{Instr, Op, decode};

/// Fewest and most cycles over the paths of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of the cheapest path.
    pub least: u64,
    /// Of the dearest path.
    pub most: u64,
}

impl Bounds {
    fn both(cycles: u64) -> Bounds {
        Bounds {
            least: cycles,
            most: cycles,
        }
    }

    fn join(self, other: Bounds) -> Bounds {
        Bounds {
            least: self.least.min(other.least),
            most: self.most.max(other.most),
        }
    }
}

/// One price of every instruction: bounds in instructions, not cycles.
const ONE_EACH: InstructionTime = InstructionTime {
    fill: 0,
    class: [1; 6],
};

/// Cycles of `update` for a lane alone in its group: `fill` and its path by instruction, the table's time by event (a guarded send may or
/// may not happen). `None` without words. The handler has passed [`super::handler::check`].
pub fn update(words: &[u32], time: &UpdateTime) -> Option<Bounds> {
    match time {
        UpdateTime::Instruction(times) => by_instruction(words, times),
        UpdateTime::Event {
            inactive,
            active,
            spike,
        } => {
            let ends = ends(&code(words)?);
            let cost = |(idle, sent): (bool, bool)| {
                let lane = if idle { *inactive } else { *active };
                Bounds::both(if sent { lane + spike } else { lane })
            };
            ends.into_iter().map(cost).reduce(Bounds::join)
        }
    }
}

/// Cycles of `on_spike` for a synapse alone in its segment: `fill` and its path by instruction, the table's time by event. The packet's own
/// cycles come once before it. `None` without words. The handler has passed [`super::handler::check`].
pub fn on_spike(words: &[u32], time: &OnSpikeTime) -> Option<Bounds> {
    match time {
        OnSpikeTime::Instruction { times, .. } => by_instruction(words, times),
        OnSpikeTime::Event { synapse, .. } => code(words).map(|_| Bounds::both(*synapse)),
    }
}

/// Instructions that a run of the handler executes, those with a false guard included. `None` without words.
pub fn instructions(words: &[u32]) -> Option<Bounds> {
    by_instruction(words, &ONE_EACH)
}

/// Cycles of one path: `fill` and the class cost of each instruction on it.
///
/// ```
/// use isa::{chip::InstructionTime, verify::cycles};
/// let words = [0x0400_0000]; // halt
/// let times = InstructionTime { fill: 2, class: [1, 3, 1, 5, 1, 1] };
/// assert_eq!(cycles::of_path(&words, &[0], &times), 7);
/// ```
pub fn of_path(words: &[u32], path: &[usize], times: &InstructionTime) -> u64 {
    let class = |index: &usize| decode(*words.get(*index)?).ok().map(|i| i.op.class());
    let cost = |index| class(index).map_or(0, |class| times.class[class as usize]);
    times.fill + path.iter().map(cost).sum::<u64>()
}

/// All paths through a handler, each as indices of instructions from the first to `halt`; of a branch the one that goes on comes first.
/// `None` if there are more than `most`, or no words.
pub fn paths(words: &[u32], most: usize) -> Option<Vec<Vec<usize>>> {
    let code = code(words)?;
    let mut paths = Vec::new();
    let mut open = vec![vec![0]];
    while let Some(path) = open.pop() {
        let at = path[path.len() - 1];
        let followers = next(at, &code[at]).into_iter().flatten();
        let mut followers: Vec<usize> = followers.filter(|at| *at < code.len()).collect();
        followers.reverse();
        if followers.is_empty() {
            paths.push(path);
            if paths.len() > most {
                return None;
            }
            continue;
        }
        for follower in followers {
            let mut longer = path.clone();
            longer.push(follower);
            open.push(longer);
        }
    }
    Some(paths)
}

/// The instructions, unless there is none or a word is illegal.
fn code(words: &[u32]) -> Option<Vec<Instr>> {
    let code: Vec<Instr> = words.iter().map_while(|word| decode(*word).ok()).collect();
    (!code.is_empty() && code.len() == words.len()).then_some(code)
}

/// In one pass: branches go forward, so a place's bounds are known when it is reached.
fn by_instruction(words: &[u32], times: &InstructionTime) -> Option<Bounds> {
    let code = code(words)?;
    let mut before: Vec<Option<Bounds>> = vec![None; code.len()];
    before[0] = Some(Bounds::both(times.fill));
    let mut end: Option<Bounds> = None;
    for (at, i) in code.iter().enumerate() {
        let Some(here) = before[at] else { continue };
        let cost = times.class[i.op.class() as usize];
        let after = Bounds {
            least: here.least.saturating_add(cost),
            most: here.most.saturating_add(cost),
        };
        for follower in next(at, i) {
            let place = match follower {
                Some(follower) if follower < code.len() => &mut before[follower],
                _ if i.op == Op::Halt => &mut end,
                _ => continue,
            };
            *place = Some(place.map_or(after, |other| other.join(after)));
        }
    }
    end
}

/// How a lane can reach `halt`: (took an `.idle` branch, sent).
fn ends(code: &[Instr]) -> Vec<(bool, bool)> {
    let all = [(false, false), (false, true), (true, false), (true, true)];
    let mut reached = vec![[false; 4]; code.len()];
    reached[0][0] = true;
    let mut found = [false; 4];
    for (at, i) in code.iter().enumerate() {
        if i.op == Op::Halt {
            found = reached[at];
            continue;
        }
        let sends = matches!(i.op, Op::Spk | Op::Spkg);
        let [on, branch] = next(at, i);
        for (follower, taken) in [(on, false), (branch, true)] {
            let Some(follower) = follower.filter(|follower| *follower < code.len()) else {
                continue;
            };
            for (from, (idle, sent)) in all.into_iter().enumerate() {
                let to = |sent| usize::from(idle || (taken && i.idle)) * 2 + usize::from(sent);
                if reached[at][from] {
                    reached[follower][to(sent)] |= !sends || i.pred != 0;
                    reached[follower][to(true)] |= sends || sent;
                }
            }
        }
    }
    let ends = all.into_iter().zip(found);
    ends.filter_map(|(end, found)| found.then_some(end))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::encode;

    const TIMES: InstructionTime = InstructionTime {
        fill: 100,
        class: [1, 20, 3, 5, 7, 11],
    };

    fn branch(pred: u8, offset: u16, idle: bool) -> Instr {
        Instr {
            pred,
            offset,
            idle,
            ..Instr::new(Op::Br)
        }
    }

    fn words(code: &[Instr]) -> Vec<u32> {
        let halt = Instr::new(Op::Halt);
        code.iter().chain([&halt]).map(encode).collect()
    }

    fn li() -> Instr {
        Instr {
            rd: 1,
            ..Instr::new(Op::Li)
        }
    }

    /// A small generator of test programs.
    fn program(seed: u64) -> Vec<u32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut below = |n: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % n
        };
        let length = 2 + below(14) as usize;
        let code = (0..length).map(|at| {
            let room = (length - at) as u64;
            match below(4) {
                0 if room > 1 => branch(below(3) as u8, 1 + below(room - 1) as u16, false),
                1 => Instr {
                    rd: 1,
                    ..Instr::new(Op::Mulq)
                },
                2 => Instr {
                    rd: 1,
                    ..Instr::new(Op::Rng)
                },
                _ => li(),
            }
        });
        words(&code.collect::<Vec<_>>())
    }

    #[test]
    fn bounds_are_those_of_the_paths() {
        let mut branching = 0;
        for seed in 0..2000 {
            let words = program(seed);
            let paths = paths(&words, 1 << 16).expect("few branches");
            let costs = paths.iter().map(|path| of_path(&words, path, &TIMES));
            let expect = Bounds {
                least: costs.clone().min().expect("a path"),
                most: costs.max().expect("a path"),
            };
            assert_eq!(by_instruction(&words, &TIMES), Some(expect), "seed {seed}");
            assert!(
                paths
                    .iter()
                    .all(|path| path[0] == 0 && path.last() == Some(&(words.len() - 1)))
            );
            branching += usize::from(paths.len() > 2);
        }
        assert!(
            branching > 500,
            "{branching} programs with more than two paths"
        );
    }

    #[test]
    fn a_path_that_no_value_takes_is_counted() {
        // Both branches ask p1: no lane takes one and not the other.
        let code = [branch(1, 1, false), li(), branch(1, 1, false), li()];
        let words = words(&code);
        assert_eq!(paths(&words, 4).map(|paths| paths.len()), Some(4));
        assert_eq!(paths(&words, 3), None);
        assert_eq!(instructions(&words), Some(Bounds { least: 3, most: 5 }));
    }

    #[test]
    fn events_by_what_can_happen() {
        let time = UpdateTime::Event {
            inactive: 3,
            active: 10,
            spike: 100,
        };
        let guarded = Instr {
            pred: 2,
            ..Instr::new(Op::Spk)
        };
        let bounds = |code: &[Instr]| {
            let bounds = update(&words(code), &time).expect("words");
            (bounds.least, bounds.most)
        };
        assert_eq!(bounds(&[]), (10, 10));
        assert_eq!(bounds(&[guarded]), (10, 110));
        assert_eq!(bounds(&[Instr::new(Op::Spk)]), (110, 110));
        assert_eq!(bounds(&[branch(1, 1, true), guarded]), (3, 110));
        assert_eq!(
            bounds(&[branch(1, 1, false), Instr::new(Op::Spk)]),
            (10, 110)
        );
        assert_eq!(bounds(&[branch(1, 1, true), Instr::new(Op::Spk)]), (3, 110));
        assert_eq!(bounds(&[branch(0, 1, true), Instr::new(Op::Spk)]), (3, 3));
        assert_eq!(update(&[], &time), None);
        assert_eq!(update(&[0], &time), None);
    }
}
