//! Handlers decoded once: instructions, prices, and what the vector interpreter may leave out.
//!
//! Invariant: every simplification found here (no mask, no clearing, recognised form) is proven from the decoded words
//! alone; results are those of the plain meaning in `specs/isa.md`.

use crate::fuse::{self, Run};
use isa::op::{Instr, Op, decode};

/// Index of a constant in the register file of the vector interpreter: constants follow the 16 registers.
pub(crate) const CONSTANTS: usize = 16;

/// First predicate in the register file.
pub(crate) const PREDICATES: usize = CONSTANTS + 32;

/// One instruction with the facts found about it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// As decoded.
    pub(crate) instr: Instr,
    /// Second operand in the register file (constants from [`CONSTANTS`]).
    pub(crate) b: u8,
    /// Register file index of what it writes (predicates from [`PREDICATES`]).
    pub(crate) to: u8,
    /// It draws a random word.
    pub(crate) draws: bool,
    /// A lane that is not here may still read the old value of what this instruction writes.
    pub(crate) keep: bool,
    /// Registers that may be read after it.
    pub(crate) live: u32,
    /// Some branch ends here.
    pub(crate) target: bool,
}

/// A decoded handler.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handler {
    pub(crate) steps: Vec<Step>,
    /// Superinstructions by their first instruction.
    pub(crate) runs: Vec<Option<Run>>,
    /// `classes[i]`: instructions before i by class.
    pub(crate) classes: Vec<[u32; 6]>,
    /// `cost[i]`: cycles of the instructions before i.
    pub(crate) cost: Vec<u64>,
    /// Registers and predicates that may be read before they are written.
    pub(crate) clear_registers: Vec<u8>,
    pub(crate) clear_predicates: Vec<u8>,
    /// Constants read.
    pub(crate) constants: Vec<u8>,
    pub(crate) branches: bool,
    pub(crate) draws: bool,
    pub(crate) reads_step: bool,
}

/// Bits 0–15 registers, 16–19 predicates.
fn reads(i: &Instr) -> u32 {
    i.reads_registers()
        .map(|r| 1u32 << r)
        .chain(i.reads_predicates().map(|p| 1 << (16 + p)))
        .fold(0, |a, b| a | b)
        & !1
}

fn writes(i: &Instr) -> u32 {
    i.writes_register().map_or(0, |r| 1 << r) | i.writes_predicate().map_or(0, |p| 1 << (16 + p))
}

fn always_writes(i: &Instr) -> bool {
    i.pred == 0 || i.op == Op::Sel
}

impl Handler {
    /// Decodes words that the verifier accepted; prices them by class.
    pub(crate) fn new(words: &[u32], class_cycles: &[u64; 6]) -> Handler {
        let code: Vec<Instr> = words
            .iter()
            .map(|w| decode(*w).expect("the verifier decoded every word"))
            .collect();
        let target =
            |index: usize, i: &Instr| (i.op == Op::Br).then(|| index + 1 + usize::from(i.offset));
        let n = code.len();
        let mut is_target = vec![false; n + 1];
        for (index, i) in code.iter().enumerate() {
            if let Some(to) = target(index, i) {
                is_target[to] = true;
            }
        }
        // Liveness, backward: a lane that waits at a target reads what is live there.
        let mut live = vec![0u32; n + 1];
        for (index, i) in code.iter().enumerate().rev() {
            let mut after = live[index + 1];
            if let Some(to) = target(index, i) {
                after = if i.pred == 0 {
                    live[to]
                } else {
                    after | live[to]
                };
            }
            let killed = if always_writes(i) { writes(i) } else { 0 };
            live[index] = (after & !killed) | reads(i);
        }
        let mut handler = Handler {
            classes: vec![[0; 6]],
            cost: vec![0],
            ..Handler::default()
        };
        let mut pending: Vec<usize> = Vec::new();
        let mut constants = 0u32;
        for (index, i) in code.iter().enumerate() {
            pending.retain(|to| *to > index);
            let waiting = pending.iter().fold(0, |all, to| all | live[*to]);
            let b = if i.konst {
                CONSTANTS + usize::from(i.rb)
            } else {
                usize::from(i.rb)
            };
            handler.steps.push(Step {
                instr: *i,
                b: b as u8,
                to: (usize::from(i.rd)
                    + if i.writes_predicate().is_some() {
                        PREDICATES
                    } else {
                        0
                    }) as u8,
                draws: i.draws(),
                keep: writes(i) & waiting != 0,
                live: live[index + 1],
                target: is_target[index],
            });
            let mut classes = handler.classes[index];
            classes[i.op.class() as usize] += 1;
            handler.classes.push(classes);
            handler
                .cost
                .push(handler.cost[index] + class_cycles[i.op.class() as usize]);
            constants |= i.reads_constant().map_or(0, |k| 1 << k);
            pending.extend(target(index, i));
            handler.draws |= i.draws();
            handler.reads_step |= i.op == Op::Mfs && i.field == 1;
            handler.branches |= i.op == Op::Br;
        }
        handler.runs = fuse::runs(&handler.steps, &live);
        let entry = live.first().copied().unwrap_or(0);
        handler.clear_registers = (1..16).filter(|r| entry & (1 << r) != 0).collect();
        handler.clear_predicates = (1..4).filter(|p| entry & (1 << (16 + p)) != 0).collect();
        handler.constants = (0..32).filter(|k| constants & (1 << k) != 0).collect();
        handler
    }

    /// Some instruction has this operation.
    pub(crate) fn has(&self, op: Op) -> bool {
        self.steps.iter().any(|step| step.instr.op == op)
    }

    /// Number of instructions.
    pub(crate) fn len(&self) -> usize {
        self.steps.len()
    }

    /// `ldy rX, weight; acc rX; halt` for any rX but r0: the bank. Guards and every other field are plain.
    pub(crate) fn as_delta_synapse(&self) -> Option<u8> {
        let [first, second, last] = self.steps.as_slice() else {
            return None;
        };
        let (ldy, acc) = (first.instr, second.instr);
        let plain = ldy.op == Op::Ldy && ldy.field == 0 && ldy.pred == 0 && ldy.rd != 0;
        let same = acc.op == Op::Acc && acc.pred == 0 && acc.ra == ldy.rd;
        (plain && same && last.instr.op == Op::Halt).then_some(acc.field)
    }
}
