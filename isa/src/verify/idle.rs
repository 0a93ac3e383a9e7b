//! Proof of the `.idle` hint: a lane that takes such a branch would have changed nothing, drawn nothing, sent nothing, met no breakpoint.
//!
//! Invariant: sound, not complete. What cannot be shown by equality with constants is refused.
//!
//! Registers, predicates and slots hold *nodes*: values that never change, each computed from earlier nodes. The guard of the
//! branch gives equations (`cmp.eq` with a known value, through `or` and `abs` with 0), constants follow forward from them, and the three stretches that the
//! lane would run — before the branch, skipped, and after the target, until `halt` — must have no effect.

use super::handler::{Fault, GroupNames, next, target};
use crate::image::Group;
use crate::numeric::saturate_i32;
use crate::op::{Instr, Op, clamp_index, compare, decode, eval, predicate};

/// One fault for each `.idle` branch of an `update` handler that is not proven, at the instruction that stands against it.
/// The handler has passed [`super::handler::check`].
pub fn check(words: &[u32], group: &Group) -> Vec<Fault> {
    let code: Vec<Instr> = words.iter().filter_map(|word| decode(*word).ok()).collect();
    if code.len() != words.len() || !code.iter().any(|i| i.idle) {
        return Vec::new();
    }
    let mut prover = Prover::new(&code, group);
    let mut states = vec![None; code.len()];
    states[0] = Some(prover.entry());
    let mut effects = Vec::new();
    prover.run(states, &mut effects, true)
}

type Node = usize;

/// How a node follows from earlier ones.
#[derive(Clone, Copy)]
enum Origin {
    Constant(i32),
    Unknown,
    Compute {
        instruction: Instr,
        rd: Node,
        ra: Node,
        b: Node,
    },
    Compare {
        op: Op,
        a: Node,
        b: Node,
    },
    Logic {
        instruction: Instr,
        a: Node,
        b: Node,
    },
    Select {
        guard: Node,
        yes: Node,
        no: Node,
    },
    Saturate {
        a: Node,
        bits: u8,
    },
    Lookup {
        instruction: Instr,
        a: Node,
    },
}

#[derive(Clone)]
struct State {
    registers: [Node; 16],
    predicates: [Node; 4],
    slots: Vec<Node>,
}

#[derive(Clone, Copy)]
enum Kind {
    Store { slot: u8, value: Node },
    Draw,
    Send,
    Stop,
}

/// Something that an instruction does beyond registers, unless its guard is false.
#[derive(Clone, Copy)]
struct Effect {
    index: usize,
    guard: Node,
    kind: Kind,
}

struct Prover<'a> {
    code: &'a [Instr],
    group: &'a Group,
    origins: Vec<Origin>,
    /// Value of each node, where it is known; predicates are 0 or 1.
    values: Vec<Option<i32>>,
    /// Nodes of the slots at entry.
    initial: Vec<Node>,
}

const ZERO: Node = 0;
const ONE: Node = 1;

impl<'a> Prover<'a> {
    fn new(code: &'a [Instr], group: &'a Group) -> Self {
        let mut prover = Prover {
            code,
            group,
            origins: Vec::new(),
            values: Vec::new(),
            initial: Vec::new(),
        };
        prover.add(Origin::Constant(0));
        prover.add(Origin::Constant(1));
        prover.initial = group
            .slots
            .iter()
            .map(|_| prover.add(Origin::Unknown))
            .collect();
        prover
    }

    fn entry(&self) -> State {
        State {
            registers: [ZERO; 16],
            predicates: [ONE, ZERO, ZERO, ZERO],
            slots: self.initial.clone(),
        }
    }

    fn add(&mut self, origin: Origin) -> Node {
        self.origins.push(origin);
        let value = self.compute(origin);
        self.values.push(value);
        self.origins.len() - 1
    }

    fn compute(&self, origin: Origin) -> Option<i32> {
        let value = |node: Node| self.values[node];
        match origin {
            Origin::Constant(c) => Some(c),
            Origin::Unknown => None,
            Origin::Compute {
                instruction,
                rd,
                ra,
                b,
            } => eval(&instruction, value(rd)?, value(ra)?, value(b)?, 0),
            Origin::Compare { op, a, b } => compare(op, value(a)?, value(b)?).map(i32::from),
            Origin::Logic { instruction, a, b } => {
                predicate(&instruction, value(a)? != 0, value(b)? != 0).map(i32::from)
            }
            Origin::Select { guard, yes, no } => match value(guard) {
                Some(0) => value(no),
                Some(_) => value(yes),
                None if value(yes) == value(no) => value(yes),
                None => None,
            },
            Origin::Saturate { a, bits } => Some(saturate_i32(value(a)?, bits)),
            Origin::Lookup { instruction, a } => {
                let table = self.group.tables.get(usize::from(instruction.field))?;
                table
                    .get(clamp_index(&instruction, value(a)?, table.len()))
                    .copied()
            }
        }
    }

    /// Runs from the states given, in order of instructions, and appends the effects. `prove`: proves each `.idle` branch on
    /// the way and returns the faults.
    fn run(
        &mut self,
        mut states: Vec<Option<State>>,
        effects: &mut Vec<Effect>,
        prove: bool,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for index in 0..self.code.len() {
            let Some(mut state) = states[index].take() else {
                continue;
            };
            let i = self.code[index];
            let guard = self.guard(&state, &i);
            if prove && i.idle {
                faults.extend(
                    self.prove(index, guard, &state, effects)
                        .map(|what| Fault { index, what }),
                );
            }
            self.step(index, guard, &mut state, effects);
            let known = self.values[guard];
            let [falls, jumps] = next(index, &i);
            let falls = falls.filter(|_| i.op != Op::Br || known != Some(1));
            let jumps = jumps.filter(|_| known != Some(0));
            if let Some(place) = jumps {
                let state = state.clone();
                self.arrive(&mut states, place, state);
            }
            if let Some(place) = falls {
                self.arrive(&mut states, place, state);
            }
        }
        faults
    }

    fn arrive(&mut self, states: &mut [Option<State>], place: usize, state: State) {
        states[place] = Some(match states[place].take() {
            Some(other) => self.join(&other, &state),
            None => state,
        });
    }

    /// 1 when the instruction executes, 0 when not.
    fn guard(&mut self, state: &State, i: &Instr) -> Node {
        let node = state.predicates[usize::from(i.pred)];
        if i.negate {
            self.add(Origin::Select {
                guard: node,
                yes: ZERO,
                no: ONE,
            })
        } else {
            node
        }
    }

    /// Either of two nodes, chosen by a guard.
    fn choose(&mut self, guard: Node, yes: Node, no: Node) -> Node {
        match self.values[guard] {
            Some(0) => no,
            Some(_) => yes,
            None if yes == no => yes,
            None => self.add(Origin::Select { guard, yes, no }),
        }
    }

    fn join(&mut self, a: &State, b: &State) -> State {
        let mut meet = |a: Node, b: Node| {
            if a == b || (self.values[a].is_some() && self.values[a] == self.values[b]) {
                a
            } else {
                self.add(Origin::Unknown)
            }
        };
        State {
            registers: std::array::from_fn(|n| meet(a.registers[n], b.registers[n])),
            predicates: std::array::from_fn(|n| meet(a.predicates[n], b.predicates[n])),
            slots: a
                .slots
                .iter()
                .zip(&b.slots)
                .map(|(a, b)| meet(*a, *b))
                .collect(),
        }
    }

    fn step(&mut self, index: usize, guard: Node, state: &mut State, effects: &mut Vec<Effect>) {
        let i = self.code[index];
        let rd = state.registers[usize::from(i.rd)];
        if i.draws() {
            effects.push(Effect {
                index,
                guard,
                kind: Kind::Draw,
            });
        }
        match i.op {
            Op::Spk | Op::Spkg => effects.push(Effect {
                index,
                guard,
                kind: Kind::Send,
            }),
            Op::Brk => effects.push(Effect {
                index,
                guard,
                kind: Kind::Stop,
            }),
            Op::Sts => {
                let slot = usize::from(i.slot);
                let bits = self.group.slots.get(slot).map_or(32, |slot| slot.bits);
                // A slot's own content is within its width already.
                let value = if self.initial.get(slot) == Some(&rd) {
                    rd
                } else {
                    self.add(Origin::Saturate { a: rd, bits })
                };
                effects.push(Effect {
                    index,
                    guard,
                    kind: Kind::Store {
                        slot: i.slot,
                        value,
                    },
                });
                if let Some(before) = state.slots.get(slot).copied() {
                    state.slots[slot] = self.choose(guard, value, before);
                }
            }
            _ => {}
        }
        if i.writes_register().is_some() {
            let value = self.result(&i, guard, state);
            let guard = if i.op == Op::Sel { ONE } else { guard };
            state.registers[usize::from(i.rd)] = self.choose(guard, value, rd);
        }
        if i.writes_predicate().is_some() {
            let before = state.predicates[usize::from(i.rd)];
            let value = self.result(&i, guard, state);
            state.predicates[usize::from(i.rd)] = self.choose(guard, value, before);
        }
    }

    /// Node of the value that the instruction writes.
    fn result(&mut self, i: &Instr, guard: Node, state: &State) -> Node {
        let rd = state.registers[usize::from(i.rd)];
        let ra = state.registers[usize::from(i.ra)];
        let b = if i.konst {
            let constant = self
                .group
                .constants
                .get(usize::from(i.rb))
                .map_or(0, |constant| constant.1);
            self.add(Origin::Constant(constant))
        } else {
            state.registers[usize::from(i.rb)]
        };
        match i.op {
            Op::Sel => self.choose(guard, ra, b),
            Op::Lds => state
                .slots
                .get(usize::from(i.slot))
                .copied()
                .unwrap_or(ZERO),
            Op::Lda | Op::Ldy | Op::Mfs | Op::Rng => self.add(Origin::Unknown),
            Op::Lut => self.add(Origin::Lookup {
                instruction: *i,
                a: ra,
            }),
            Op::Pand | Op::Por => {
                let (a, b) = (
                    state.predicates[usize::from(i.ra)],
                    state.predicates[usize::from(i.rb)],
                );
                self.add(Origin::Logic {
                    instruction: *i,
                    a,
                    b,
                })
            }
            op if compare(op, 0, 0).is_some() => self.add(Origin::Compare { op, a: ra, b }),
            _ if i.draws() => self.add(Origin::Unknown),
            _ => self.add(Origin::Compute {
                instruction: *i,
                rd,
                ra,
                b,
            }),
        }
    }

    /// What stands against the hint of the branch, which `state` reaches after `effects`.
    fn prove(
        &mut self,
        branch: usize,
        guard: Node,
        state: &State,
        effects: &[Effect],
    ) -> Option<String> {
        let (nodes, before) = (self.origins.len(), self.values.clone());
        let found = self.assume(guard).and_then(|()| {
            let reach = self.reaches(branch);
            let mut all: Vec<Effect> = effects
                .iter()
                .filter(|effect| reach[effect.index])
                .copied()
                .collect();
            for start in [branch + 1, target(branch, &self.code[branch])] {
                let mut states = vec![None; self.code.len()];
                states[start] = Some(state.clone());
                self.run(states, &mut all, false);
            }
            all.into_iter().find_map(|effect| self.objection(effect))
        });
        self.origins.truncate(nodes);
        self.values = before;
        found
    }

    /// Which instructions lie on a path to `branch`.
    fn reaches(&self, branch: usize) -> Vec<bool> {
        let mut reach = vec![false; self.code.len()];
        reach[branch] = true;
        for index in (0..branch).rev() {
            reach[index] = next(index, &self.code[index])
                .into_iter()
                .flatten()
                .any(|next| reach[next]);
        }
        reach
    }

    fn objection(&self, effect: Effect) -> Option<String> {
        if self.values[effect.guard] == Some(0) {
            return None;
        }
        let does = match effect.kind {
            Kind::Draw => "may draw a random word".to_string(),
            Kind::Send => "may send a spike".to_string(),
            Kind::Stop => "may stop in a debugger".to_string(),
            Kind::Store { slot, value } => {
                let initial = *self.initial.get(usize::from(slot))?;
                let same =
                    self.values[value].is_some() && self.values[value] == self.values[initial];
                if value == initial || same {
                    return None;
                }
                format!(
                    "may change slot `{}`",
                    self.group.slots[usize::from(slot)].name
                )
            }
        };
        let text = self.code[effect.index].text(&GroupNames(effect.index, self.group));
        Some(format!(
            "an idle lane would not be idle: instruction {} (`{text}`) {does}",
            effect.index
        ))
    }

    /// Adds what follows from the guard being true and recomputes the constants. `None` when it cannot be true.
    fn assume(&mut self, guard: Node) -> Option<()> {
        let mut facts = vec![None; self.origins.len()];
        let mut work = vec![(guard, 1)];
        while let Some((node, value)) = work.pop() {
            if let Some(known) = self.values[node].or(facts[node]) {
                if known != value {
                    return None;
                }
                if facts[node].is_some() {
                    continue;
                }
            }
            facts[node] = Some(value);
            self.consequences(node, value, &mut work);
        }
        for (node, fact) in facts.into_iter().enumerate() {
            self.values[node] = fact.or_else(|| self.compute(self.origins[node]));
        }
        Some(())
    }

    /// Equations on earlier nodes that follow from `node == value`.
    fn consequences(&self, node: Node, value: i32, work: &mut Vec<(Node, i32)>) {
        match self.origins[node] {
            Origin::Compare { op, a, b }
                if (op == Op::CmpEq && value == 1) || (op == Op::CmpNe && value == 0) =>
            {
                if let Some(known) = self.values[b] {
                    work.push((a, known));
                } else if let Some(known) = self.values[a] {
                    work.push((b, known));
                }
            }
            Origin::Logic { instruction, a, b } => {
                let negated = [instruction.field & 1, instruction.field >> 1 & 1].map(i32::from);
                if (instruction.op == Op::Pand && value == 1)
                    || (instruction.op == Op::Por && value == 0)
                {
                    work.push((a, value ^ negated[0]));
                    work.push((b, value ^ negated[1]));
                }
            }
            Origin::Compute {
                instruction, ra, b, ..
            } if value == 0 => match instruction.op {
                Op::Or => work.extend([(ra, 0), (b, 0)]),
                Op::Abs | Op::Neg if instruction.mode == crate::op::Mode::Wrap32 => {
                    work.push((ra, 0))
                }
                _ => {}
            },
            // A negated guard: 1 when the predicate is 0.
            Origin::Select {
                guard,
                yes: ZERO,
                no: ONE,
            } => work.push((guard, 1 - value)),
            _ => {}
        }
    }
}
