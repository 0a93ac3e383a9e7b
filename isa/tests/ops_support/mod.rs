//! Shared by the tests of instructions: a line reader and a machine that runs one lane as `specs/isa.md` says.
//!
//! The reader is driven by the operand table and knows no labels other than `L<index>`; the assembler proper lives elsewhere.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use isa::image::{Group, Reduce, Slot};
use isa::numeric::{saturate, saturate_i32, wrap};
use isa::op::{Instr, Mode, Op, Operand, Round, clamp_index, compare, encode, eval, predicate};
use std::collections::BTreeMap;

/// A group without anything but slots `(name, bits)`, constants and one receptor.
pub fn group(slots: &[(&str, u8)], constants: &[(&str, i32)]) -> Group {
    Group {
        kernel: "custom".to_string(),
        lanes: 1,
        update: Vec::new(),
        on_spike: Vec::new(),
        constants: constants
            .iter()
            .map(|(name, value)| (name.to_string(), *value))
            .collect(),
        slots: slots
            .iter()
            .map(|(name, bits)| Slot {
                name: name.to_string(),
                bits: *bits,
                init: vec![0],
            })
            .collect(),
        tables: Vec::new(),
        receptors: 1,
        accumulator_bits: 22,
        accumulator_mode: Reduce::Wrap,
    }
}

/// Words of a handler, one instruction in a line; names of slots and constants are those of the group.
pub fn assemble(text: &str, group: &Group) -> Vec<u32> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .enumerate()
        .map(|(index, line)| encode(&line_of(index, line, group)))
        .collect()
}

fn line_of(index: usize, line: &str, group: &Group) -> Instr {
    let (guard, rest) = match line.strip_prefix('@') {
        Some(rest) => rest.split_once(' ').unwrap(),
        None => ("p0", line),
    };
    let (name, operands) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
    let mut parts: Vec<&str> = name.split('.').collect();
    let op = match parts[0] {
        "cmp" => Op::from_mnemonic(&parts.drain(..2).collect::<Vec<_>>().join(".")),
        name => {
            parts.remove(0);
            Op::from_mnemonic(name)
        }
    };
    let mut i = Instr::new(op.unwrap_or_else(|| panic!("{line}")));
    i.negate = guard.starts_with('!');
    i.pred = number(guard.trim_start_matches(['!', 'p']));
    for suffix in parts {
        let suffix = format!(".{suffix}");
        if let Some(mode) = Mode::ALL.into_iter().find(|mode| mode.suffix() == suffix) {
            i.mode = mode;
        } else if let Some(round) = Round::ALL
            .into_iter()
            .find(|round| round.suffix() == suffix)
        {
            i.round = round;
        } else {
            assert_eq!(suffix, ".idle", "{line}");
            i.idle = true;
        }
    }
    let mut cells: Vec<&str> = operands
        .split(',')
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect();
    cells.reverse();
    for operand in i.op.operands() {
        let cell = cells.pop().unwrap_or("");
        match operand {
            Operand::Rd | Operand::RdIn | Operand::RdInOut | Operand::Pd => {
                i.rd = number(&cell[1..])
            }
            Operand::Ra => i.ra = number(&cell[1..]),
            Operand::B => b(&mut i, cell, group),
            Operand::Amount if cell.parse::<u8>().is_ok() => i.shift = number(cell),
            Operand::Amount => {
                b(&mut i, cell, group);
                i.shift = cells.pop().map_or(0, number);
            }
            Operand::Pa | Operand::Pb => {
                let second = *operand == Operand::Pb;
                let register = number(cell.trim_start_matches(['!', 'p']));
                *(if second { &mut i.rb } else { &mut i.ra }) = register;
                i.field |= u8::from(cell.starts_with('!')) << u8::from(second);
            }
            Operand::Shl => {
                i.shift = if cell.is_empty() {
                    0
                } else {
                    number(cell.trim_start_matches('<'))
                }
            }
            Operand::Shift => i.shift = number(cell),
            Operand::Imm => i.imm = number(cell),
            Operand::Slot => {
                let named = group.slots.iter().position(|slot| slot.name == cell);
                i.slot = named.map_or_else(|| number(cell), |slot| slot as u8);
            }
            Operand::Bank | Operand::Table => {
                i.field = if cell.is_empty() { 0 } else { number(cell) }
            }
            Operand::Synapse | Operand::Special => {
                i.field = operand
                    .words()
                    .iter()
                    .position(|word| *word == cell)
                    .unwrap() as u8;
            }
            Operand::Target => i.offset = number::<u16>(&cell[1..]) - index as u16 - 1,
        }
    }
    assert!(cells.is_empty(), "{line}");
    i
}

fn b(i: &mut Instr, cell: &str, group: &Group) {
    let named = group
        .constants
        .iter()
        .position(|constant| constant.0 == cell);
    i.konst = named.is_some() || cell.starts_with('k');
    i.rb = named.map_or_else(|| number(&cell[1..]), |constant| constant as u8);
}

fn number<T: std::str::FromStr>(cell: &str) -> T {
    cell.parse().unwrap_or_else(|_| panic!("number `{cell}`"))
}

/// One lane in one run of a handler.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Machine {
    pub registers: [i32; 16],
    pub predicates: [bool; 4],
    pub state: Vec<i32>,
    /// Exact sums that `lda` reads.
    pub accumulators: Vec<i64>,
    /// `acc`: (bank, delay) → sum added.
    pub added: BTreeMap<(u8, i32), i64>,
    /// Payloads sent.
    pub sent: Vec<i32>,
    pub draws: u32,
    /// weight, delay, kind.
    pub synapse: [i32; 3],
    /// lane, step, payload, id.
    pub special: [i32; 4],
    pub took_idle: bool,
}

impl Machine {
    /// Runs from the first instruction to the end or `halt`. `random` gives the word of an instruction index; `skip_idle`
    /// makes `.idle` branches fall through.
    pub fn run(
        &mut self,
        code: &[Instr],
        group: &Group,
        random: &dyn Fn(u32) -> u32,
        skip_idle: bool,
    ) {
        self.predicates[0] = true;
        let mut index = 0;
        while index < code.len() {
            let i = &code[index];
            let word = random(index as u32);
            index += 1;
            let guard = self.predicates[usize::from(i.pred)] != i.negate;
            if i.op == Op::Sel {
                self.registers[usize::from(i.rd)] = if guard {
                    self.registers[usize::from(i.ra)]
                } else {
                    self.b(i, group)
                };
                continue;
            }
            if !guard {
                continue;
            }
            self.draws += u32::from(i.draws());
            let (rd, ra, b) = (
                self.registers[usize::from(i.rd)],
                self.registers[usize::from(i.ra)],
                self.b(i, group),
            );
            if let Some(value) = eval(i, rd, ra, b, word) {
                self.registers[usize::from(i.rd)] = value;
            } else if let Some(value) = compare(i.op, ra, b) {
                self.predicates[usize::from(i.rd)] = value;
            } else if matches!(i.op, Op::Pand | Op::Por) {
                let [pa, pb] = [i.ra, i.rb].map(|p| self.predicates[usize::from(p)]);
                self.predicates[usize::from(i.rd)] = predicate(i, pa, pb).unwrap();
            } else {
                match i.op {
                    Op::Halt => return,
                    Op::Brk => {}
                    Op::Br => {
                        self.took_idle |= i.idle;
                        if !(i.idle && skip_idle) {
                            index += usize::from(i.offset);
                        }
                    }
                    Op::Spk => self.sent.push(1),
                    Op::Spkg => self.sent.push(ra),
                    Op::Sts => {
                        self.state[usize::from(i.slot)] =
                            saturate_i32(rd, group.slots[usize::from(i.slot)].bits)
                    }
                    Op::Acc => {
                        *self.added.entry((i.field, self.synapse[1])).or_default() += i64::from(ra)
                    }
                    _ => self.registers[usize::from(i.rd)] = self.read(i, ra, group),
                }
            }
        }
    }

    fn b(&self, i: &Instr, group: &Group) -> i32 {
        if i.konst {
            group.constants[usize::from(i.rb)].1
        } else {
            self.registers[usize::from(i.rb & 15)]
        }
    }

    fn read(&self, i: &Instr, ra: i32, group: &Group) -> i32 {
        let field = usize::from(i.field);
        match i.op {
            Op::Lds => self.state[usize::from(i.slot)],
            Op::Lda => {
                let bits = u32::from(group.accumulator_bits);
                match group.accumulator_mode {
                    Reduce::Wrap => wrap(self.accumulators[field], bits) as i32,
                    Reduce::Saturate => saturate(self.accumulators[field], bits) as i32,
                }
            }
            Op::Ldy => self.synapse[field],
            Op::Mfs => self.special[field],
            Op::Lut => {
                let table = &group.tables[field];
                table[clamp_index(i, ra, table.len())]
            }
            other => panic!("{other:?}"),
        }
    }
}
