//! The text of one instruction, as the assembler reads it. `specs/isa.md` has the grammar.
//!
//! Invariant: the text says everything that the word says, and an instruction has exactly one text.

use super::{Instr, Op, Operand};
use std::fmt::Write;

/// Names for what a word gives by number.
pub trait Names {
    /// Index of the instruction within its handler; branch targets count from it.
    fn index(&self) -> u32 {
        0
    }
    /// Label of an instruction index.
    fn label(&self, target: u32) -> String {
        format!("L{target}")
    }
    /// Name of a group constant.
    fn constant(&self, index: u8) -> String {
        format!("k{index}")
    }
    /// Name of a state slot.
    fn slot(&self, index: u8) -> String {
        index.to_string()
    }
}

/// No names: constants are `k3`, slots are numbers; the value is the index of the instruction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain(pub u32);

impl Names for Plain {
    fn index(&self) -> u32 {
        self.0
    }
}

impl Instr {
    /// Disassembly of the instruction.
    pub fn text(&self, names: &dyn Names) -> String {
        let mut out = String::new();
        if self.pred != 0 {
            out.push_str(if self.negate { "@!p" } else { "@p" });
            push(&mut out, format_args!("{} ", self.pred));
        }
        out.push_str(self.op.mnemonic());
        out.push_str(self.mode.suffix());
        out.push_str(self.round.suffix());
        if self.idle {
            out.push_str(".idle");
        }
        let operands = self
            .op
            .operands()
            .iter()
            .filter_map(|operand| self.operand(*operand, names));
        for (n, text) in operands.enumerate() {
            out.push_str(if n == 0 { " " } else { ", " });
            out.push_str(&text);
        }
        out
    }

    fn operand(&self, operand: Operand, names: &dyn Names) -> Option<String> {
        Some(match operand {
            Operand::Rd | Operand::RdIn | Operand::RdInOut => format!("r{}", self.rd),
            Operand::Pd => format!("p{}", self.rd),
            Operand::Ra => format!("r{}", self.ra),
            Operand::B => self.b(names),
            Operand::Pa => format!("{}p{}", if self.field & 1 != 0 { "!" } else { "" }, self.ra),
            Operand::Pb => format!("{}p{}", if self.field & 2 != 0 { "!" } else { "" }, self.rb),
            Operand::Shl if self.shift == 0 => return None,
            Operand::Shl => format!("<<{}", self.shift),
            Operand::Shift => self.shift.to_string(),
            Operand::Amount if !self.konst && self.rb == 0 => self.shift.to_string(),
            Operand::Amount if self.shift == 0 => self.b(names),
            Operand::Amount => format!("{}, {}", self.b(names), self.shift),
            Operand::Imm => self.imm.to_string(),
            Operand::Slot => names.slot(self.slot),
            Operand::Bank if self.op == Op::Acc && self.field == 0 => return None,
            Operand::Bank | Operand::Table => self.field.to_string(),
            Operand::Synapse | Operand::Special => {
                operand.words()[usize::from(self.field)].to_string()
            }
            Operand::Target => names.label(names.index() + 1 + u32::from(self.offset)),
        })
    }

    fn b(&self, names: &dyn Names) -> String {
        if self.konst {
            names.constant(self.rb)
        } else {
            format!("r{}", self.rb)
        }
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text)
        .expect("writing to a String does not fail");
}
