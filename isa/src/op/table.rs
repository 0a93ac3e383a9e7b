//! Opcodes, operands and validity masks.
//!
//! Generated from `specs/isa.toml` by `BLESS=1 cargo test -p isa generate`; edit that file.

use super::{Class, Format, Operand, Row};

/// An operation. Its discriminant is the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Op {
    /// `halt`: Ends the handler. It stands last and nowhere else.
    Halt = 0x01,
    /// `br`: Branch forward, lane by lane; `.idle` says that the lane has nothing to do in this step.
    Br = 0x02,
    /// `brk`: Breakpoint: `run --break brk` stops at the first one whose guard holds. Without a debugger it takes its place in time and does nothing.
    Brk = 0x3e,
    /// `add`: Sum; b is shifted left first.
    Add = 0x08,
    /// `sub`: Difference; b is shifted left first.
    Sub = 0x09,
    /// `rsub`: Reverse difference; b is shifted left first.
    Rsub = 0x0a,
    /// `min`: The smaller value.
    Min = 0x0c,
    /// `max`: The larger value.
    Max = 0x0d,
    /// `abs`: Absolute value. wrap32 of 2^31 is -2^31.
    Abs = 0x0e,
    /// `neg`: Negated value.
    Neg = 0x0f,
    /// `and`: Bitwise and.
    And = 0x10,
    /// `or`: Bitwise or.
    Or = 0x11,
    /// `xor`: Bitwise exclusive or.
    Xor = 0x12,
    /// `shl`: Shift left, exact, then reduced.
    Shl = 0x13,
    /// `sra`: Arithmetic shift right, rounded.
    Sra = 0x14,
    /// `srl`: Logical shift right of the 32-bit pattern.
    Srl = 0x15,
    /// `mulq`: Exact 64-bit product, shifted right with rounding, then reduced.
    Mulq = 0x16,
    /// `mac`: Multiply and accumulate: the product is shifted and rounded, the sum is reduced once.
    Mac = 0x17,
    /// `addi`: Sum with a 15-bit signed number.
    Addi = 0x18,
    /// `li`: Load a 15-bit signed number.
    Li = 0x19,
    /// `lih`: Replace all but the low 15 bits; `li` and `lih` together load 30-bit signed numbers.
    Lih = 0x1a,
    /// `cmp.eq`: Equal.
    CmpEq = 0x20,
    /// `cmp.ne`: Not equal.
    CmpNe = 0x21,
    /// `cmp.lt`: Less, signed.
    CmpLt = 0x22,
    /// `cmp.le`: Less or equal, signed.
    CmpLe = 0x23,
    /// `cmp.gt`: Greater, signed.
    CmpGt = 0x24,
    /// `cmp.ge`: Greater or equal, signed.
    CmpGe = 0x25,
    /// `pand`: And of two predicates, each negated or not (bits 0 and 1 of md).
    Pand = 0x26,
    /// `por`: Or of two predicates, each negated or not (bits 0 and 1 of md).
    Por = 0x27,
    /// `sel`: Select: the guard chooses; it always writes.
    Sel = 0x28,
    /// `lds`: Load a state slot of the lane, sign-extended.
    Lds = 0x30,
    /// `sts`: Store to a state slot of the lane, saturated to the slot's width.
    Sts = 0x31,
    /// `lda`: Read the accumulator of a receptor for this step, reduced to the group's width and rule. It does not clear; the step does.
    Lda = 0x32,
    /// `acc`: Add to the target lane's accumulator, exactly: order never matters. The slot is that of t + 1 + delay, t the sending step (`accumulate`), or of the step t in which the spike is delivered, whatever the delay (`axon_bits`).
    Acc = 0x33,
    /// `ldy`: A field of the synapse: 0 weight, decoded by its format (crossbar: the target lane's slot `weight_slot + kind`); 1 delay; 2 kind of the axon.
    Ldy = 0x34,
    /// `lut`: Table look-up; the index is clamped.
    Lut = 0x38,
    /// `rng`: A random word, shifted right as an unsigned number; `specs/numeric.md` gives its key.
    Rng = 0x39,
    /// `spk`: The lane spikes: its destinations each get a packet with payload 1.
    Spk = 0x3a,
    /// `spkg`: The lane spikes with a payload.
    Spkg = 0x3b,
    /// `mfs`: A special value: 0 lane within the group (on_spike: the target lane), 1 low 32 bits of the step, 2 payload of the packet (on_spike only; 1 of a binary spike), 3 logical id of the lane. On a spike the step is that of random words (`numeric.md`), and with `axon_bits` the payload is 1.
    Mfs = 0x3d,
}

impl Op {
    /// All operations, by opcode.
    pub const ALL: &[Op] = &[
        Op::Halt,
        Op::Br,
        Op::Brk,
        Op::Add,
        Op::Sub,
        Op::Rsub,
        Op::Min,
        Op::Max,
        Op::Abs,
        Op::Neg,
        Op::And,
        Op::Or,
        Op::Xor,
        Op::Shl,
        Op::Sra,
        Op::Srl,
        Op::Mulq,
        Op::Mac,
        Op::Addi,
        Op::Li,
        Op::Lih,
        Op::CmpEq,
        Op::CmpNe,
        Op::CmpLt,
        Op::CmpLe,
        Op::CmpGt,
        Op::CmpGe,
        Op::Pand,
        Op::Por,
        Op::Sel,
        Op::Lds,
        Op::Sts,
        Op::Lda,
        Op::Acc,
        Op::Ldy,
        Op::Lut,
        Op::Rng,
        Op::Spk,
        Op::Spkg,
        Op::Mfs,
    ];
}

#[rustfmt::skip]
pub(super) static OPS: [Option<Op>; 64] = [
    None,
    Some(Op::Halt),
    Some(Op::Br),
    None,
    None,
    None,
    None,
    None,
    Some(Op::Add),
    Some(Op::Sub),
    Some(Op::Rsub),
    None,
    Some(Op::Min),
    Some(Op::Max),
    Some(Op::Abs),
    Some(Op::Neg),
    Some(Op::And),
    Some(Op::Or),
    Some(Op::Xor),
    Some(Op::Shl),
    Some(Op::Sra),
    Some(Op::Srl),
    Some(Op::Mulq),
    Some(Op::Mac),
    Some(Op::Addi),
    Some(Op::Li),
    Some(Op::Lih),
    None,
    None,
    None,
    None,
    None,
    Some(Op::CmpEq),
    Some(Op::CmpNe),
    Some(Op::CmpLt),
    Some(Op::CmpLe),
    Some(Op::CmpGt),
    Some(Op::CmpGe),
    Some(Op::Pand),
    Some(Op::Por),
    Some(Op::Sel),
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    Some(Op::Lds),
    Some(Op::Sts),
    Some(Op::Lda),
    Some(Op::Acc),
    Some(Op::Ldy),
    None,
    None,
    None,
    Some(Op::Lut),
    Some(Op::Rng),
    Some(Op::Spk),
    Some(Op::Spkg),
    None,
    Some(Op::Mfs),
    Some(Op::Brk),
    None,
];

#[rustfmt::skip]
pub(super) static ROWS: [Option<Row>; 64] = [
    None,
    Some(Row { mnemonic: "halt", format: Format::B, class: Class::Ctl, operands: &[], mask: 0xfc000000, mode: false, round: false, handlers: [true, true], doc: "Ends the handler. It stands last and nowhere else." }),
    Some(Row { mnemonic: "br", format: Format::B, class: Class::Ctl, operands: &[Operand::Target], mask: 0xffc07fff, mode: false, round: false, handlers: [true, true], doc: "Branch forward, lane by lane; `.idle` says that the lane has nothing to do in this step." }),
    None,
    None,
    None,
    None,
    None,
    Some(Row { mnemonic: "add", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B, Operand::Shl], mask: 0xffffff3f, mode: true, round: false, handlers: [true, true], doc: "Sum; b is shifted left first." }),
    Some(Row { mnemonic: "sub", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B, Operand::Shl], mask: 0xffffff3f, mode: true, round: false, handlers: [true, true], doc: "Difference; b is shifted left first." }),
    Some(Row { mnemonic: "rsub", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B, Operand::Shl], mask: 0xffffff3f, mode: true, round: false, handlers: [true, true], doc: "Reverse difference; b is shifted left first." }),
    None,
    Some(Row { mnemonic: "min", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "The smaller value." }),
    Some(Row { mnemonic: "max", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "The larger value." }),
    Some(Row { mnemonic: "abs", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra], mask: 0xffff8300, mode: true, round: false, handlers: [true, true], doc: "Absolute value. wrap32 of 2^31 is -2^31." }),
    Some(Row { mnemonic: "neg", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra], mask: 0xffff8300, mode: true, round: false, handlers: [true, true], doc: "Negated value." }),
    Some(Row { mnemonic: "and", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "Bitwise and." }),
    Some(Row { mnemonic: "or", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "Bitwise or." }),
    Some(Row { mnemonic: "xor", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "Bitwise exclusive or." }),
    Some(Row { mnemonic: "shl", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::Amount], mask: 0xffffff3f, mode: true, round: false, handlers: [true, true], doc: "Shift left, exact, then reduced." }),
    Some(Row { mnemonic: "sra", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::Amount], mask: 0xfffffcff, mode: false, round: true, handlers: [true, true], doc: "Arithmetic shift right, rounded." }),
    Some(Row { mnemonic: "srl", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::Amount], mask: 0xfffffc3f, mode: false, round: false, handlers: [true, true], doc: "Logical shift right of the 32-bit pattern." }),
    Some(Row { mnemonic: "mulq", format: Format::R, class: Class::Mul, operands: &[Operand::Rd, Operand::Ra, Operand::B, Operand::Shift], mask: 0xffffffff, mode: true, round: true, handlers: [true, true], doc: "Exact 64-bit product, shifted right with rounding, then reduced." }),
    Some(Row { mnemonic: "mac", format: Format::R, class: Class::Mul, operands: &[Operand::RdInOut, Operand::Ra, Operand::B, Operand::Shift], mask: 0xffffffff, mode: true, round: true, handlers: [true, true], doc: "Multiply and accumulate: the product is shifted and rounded, the sum is reduced once." }),
    Some(Row { mnemonic: "addi", format: Format::I, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::Imm], mask: 0xffffffff, mode: false, round: false, handlers: [true, true], doc: "Sum with a 15-bit signed number." }),
    Some(Row { mnemonic: "li", format: Format::I, class: Class::Alu, operands: &[Operand::Rd, Operand::Imm], mask: 0xfff87fff, mode: false, round: false, handlers: [true, true], doc: "Load a 15-bit signed number." }),
    Some(Row { mnemonic: "lih", format: Format::I, class: Class::Alu, operands: &[Operand::RdInOut, Operand::Imm], mask: 0xfff87fff, mode: false, round: false, handlers: [true, true], doc: "Replace all but the low 15 bits; `li` and `lih` together load 30-bit signed numbers." }),
    None,
    None,
    None,
    None,
    None,
    Some(Row { mnemonic: "cmp.eq", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Equal." }),
    Some(Row { mnemonic: "cmp.ne", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Not equal." }),
    Some(Row { mnemonic: "cmp.lt", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Less, signed." }),
    Some(Row { mnemonic: "cmp.le", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Less or equal, signed." }),
    Some(Row { mnemonic: "cmp.gt", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Greater, signed." }),
    Some(Row { mnemonic: "cmp.ge", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Ra, Operand::B], mask: 0xff9ffc01, mode: false, round: false, handlers: [true, true], doc: "Greater or equal, signed." }),
    Some(Row { mnemonic: "pand", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Pa, Operand::Pb], mask: 0xff999b00, mode: false, round: false, handlers: [true, true], doc: "And of two predicates, each negated or not (bits 0 and 1 of md)." }),
    Some(Row { mnemonic: "por", format: Format::R, class: Class::Alu, operands: &[Operand::Pd, Operand::Pa, Operand::Pb], mask: 0xff999b00, mode: false, round: false, handlers: [true, true], doc: "Or of two predicates, each negated or not (bits 0 and 1 of md)." }),
    Some(Row { mnemonic: "sel", format: Format::R, class: Class::Alu, operands: &[Operand::Rd, Operand::Ra, Operand::B], mask: 0xfffffc01, mode: false, round: false, handlers: [true, true], doc: "Select: the guard chooses; it always writes." }),
    None,
    None,
    None,
    None,
    None,
    None,
    None,
    Some(Row { mnemonic: "lds", format: Format::S, class: Class::Mem, operands: &[Operand::Rd, Operand::Slot], mask: 0xfff87f80, mode: false, round: false, handlers: [true, true], doc: "Load a state slot of the lane, sign-extended." }),
    Some(Row { mnemonic: "sts", format: Format::S, class: Class::Mem, operands: &[Operand::RdIn, Operand::Slot], mask: 0xfff87f80, mode: false, round: false, handlers: [true, true], doc: "Store to a state slot of the lane, saturated to the slot's width." }),
    Some(Row { mnemonic: "lda", format: Format::S, class: Class::Mem, operands: &[Operand::Rd, Operand::Bank], mask: 0xfff98000, mode: false, round: false, handlers: [true, false], doc: "Read the accumulator of a receptor for this step, reduced to the group's width and rule. It does not clear; the step does." }),
    Some(Row { mnemonic: "acc", format: Format::R, class: Class::Mem, operands: &[Operand::Ra, Operand::Bank], mask: 0xff878300, mode: false, round: false, handlers: [false, true], doc: "Add to the target lane's accumulator, exactly: order never matters. The slot is that of t + 1 + delay, t the sending step (`accumulate`), or of the step t in which the spike is delivered, whatever the delay (`axon_bits`)." }),
    Some(Row { mnemonic: "ldy", format: Format::S, class: Class::Mem, operands: &[Operand::Rd, Operand::Synapse], mask: 0xfff98000, mode: false, round: false, handlers: [false, true], doc: "A field of the synapse: 0 weight, decoded by its format (crossbar: the target lane's slot `weight_slot + kind`); 1 delay; 2 kind of the axon." }),
    None,
    None,
    None,
    Some(Row { mnemonic: "lut", format: Format::R, class: Class::Mem, operands: &[Operand::Rd, Operand::Ra, Operand::Table, Operand::Shift], mask: 0xffff833e, mode: false, round: false, handlers: [true, true], doc: "Table look-up; the index is clamped." }),
    Some(Row { mnemonic: "rng", format: Format::R, class: Class::Rng, operands: &[Operand::Rd, Operand::Shift], mask: 0xfff8003e, mode: false, round: false, handlers: [true, true], doc: "A random word, shifted right as an unsigned number; `specs/numeric.md` gives its key." }),
    Some(Row { mnemonic: "spk", format: Format::S, class: Class::Send, operands: &[], mask: 0xff800000, mode: false, round: false, handlers: [true, false], doc: "The lane spikes: its destinations each get a packet with payload 1." }),
    Some(Row { mnemonic: "spkg", format: Format::R, class: Class::Send, operands: &[Operand::Ra], mask: 0xff878000, mode: false, round: false, handlers: [true, false], doc: "The lane spikes with a payload." }),
    None,
    Some(Row { mnemonic: "mfs", format: Format::S, class: Class::Alu, operands: &[Operand::Rd, Operand::Special], mask: 0xfff98000, mode: false, round: false, handlers: [true, true], doc: "A special value: 0 lane within the group (on_spike: the target lane), 1 low 32 bits of the step, 2 payload of the packet (on_spike only; 1 of a binary spike), 3 logical id of the lane. On a spike the step is that of random words (`numeric.md`), and with `axon_bits` the payload is 1." }),
    Some(Row { mnemonic: "brk", format: Format::B, class: Class::Ctl, operands: &[], mask: 0xff800000, mode: false, round: false, handlers: [true, true], doc: "Breakpoint: `run --break brk` stops at the first one whose guard holds. Without a debugger it takes its place in time and does nothing." }),
    None,
];

/// Illegal opcodes that have a name.
#[rustfmt::skip]
pub(super) const RESERVED: &[(u8, &str)] = &[
    (0x00, "zero"),
    (0x2a, "mfp"),
    (0x35, "sty"),
    (0x36, "ldpre"),
    (0x37, "ldpost"),
    (0x3c, "probe"),
];

/// Fields of the formats; a name has the same bits in every format.
pub(super) mod bits {
    use crate::op::Field;

    #[rustfmt::skip]
    pub(in crate::op) const OP: Field = Field { name: "op", hi: 31, lo: 26 };
    #[rustfmt::skip]
    pub(in crate::op) const N: Field = Field { name: "n", hi: 25, lo: 25 };
    #[rustfmt::skip]
    pub(in crate::op) const P: Field = Field { name: "p", hi: 24, lo: 23 };
    #[rustfmt::skip]
    pub(in crate::op) const RD: Field = Field { name: "rd", hi: 22, lo: 19 };
    #[rustfmt::skip]
    pub(in crate::op) const RA: Field = Field { name: "ra", hi: 18, lo: 15 };
    #[rustfmt::skip]
    pub(in crate::op) const RB: Field = Field { name: "rb", hi: 14, lo: 11 };
    #[rustfmt::skip]
    pub(in crate::op) const KB: Field = Field { name: "kb", hi: 10, lo: 10 };
    #[rustfmt::skip]
    pub(in crate::op) const MD: Field = Field { name: "md", hi: 9, lo: 8 };
    #[rustfmt::skip]
    pub(in crate::op) const RM: Field = Field { name: "rm", hi: 7, lo: 6 };
    #[rustfmt::skip]
    pub(in crate::op) const SH: Field = Field { name: "sh", hi: 5, lo: 1 };
    #[rustfmt::skip]
    pub(in crate::op) const KH: Field = Field { name: "kh", hi: 0, lo: 0 };
    #[rustfmt::skip]
    pub(in crate::op) const IMM: Field = Field { name: "imm", hi: 14, lo: 0 };
    #[rustfmt::skip]
    pub(in crate::op) const FN: Field = Field { name: "fn", hi: 18, lo: 15 };
    #[rustfmt::skip]
    pub(in crate::op) const SLOT: Field = Field { name: "slot", hi: 14, lo: 7 };
    #[rustfmt::skip]
    pub(in crate::op) const IDLE: Field = Field { name: "idle", hi: 22, lo: 22 };
    #[rustfmt::skip]
    pub(in crate::op) const OFF: Field = Field { name: "off", hi: 14, lo: 0 };
}

impl Format {
    /// Fields, highest first.
    #[rustfmt::skip]
    pub fn fields(self) -> &'static [super::Field] {
        use super::Field;
        match self {
            Format::R => &[
                Field { name: "op", hi: 31, lo: 26 },
                Field { name: "n", hi: 25, lo: 25 },
                Field { name: "p", hi: 24, lo: 23 },
                Field { name: "rd", hi: 22, lo: 19 },
                Field { name: "ra", hi: 18, lo: 15 },
                Field { name: "rb", hi: 14, lo: 11 },
                Field { name: "kb", hi: 10, lo: 10 },
                Field { name: "md", hi: 9, lo: 8 },
                Field { name: "rm", hi: 7, lo: 6 },
                Field { name: "sh", hi: 5, lo: 1 },
                Field { name: "kh", hi: 0, lo: 0 },
            ],
            Format::I => &[
                Field { name: "op", hi: 31, lo: 26 },
                Field { name: "n", hi: 25, lo: 25 },
                Field { name: "p", hi: 24, lo: 23 },
                Field { name: "rd", hi: 22, lo: 19 },
                Field { name: "ra", hi: 18, lo: 15 },
                Field { name: "imm", hi: 14, lo: 0 },
            ],
            Format::S => &[
                Field { name: "op", hi: 31, lo: 26 },
                Field { name: "n", hi: 25, lo: 25 },
                Field { name: "p", hi: 24, lo: 23 },
                Field { name: "rd", hi: 22, lo: 19 },
                Field { name: "fn", hi: 18, lo: 15 },
                Field { name: "slot", hi: 14, lo: 7 },
                Field { name: "zero", hi: 6, lo: 0 },
            ],
            Format::B => &[
                Field { name: "op", hi: 31, lo: 26 },
                Field { name: "n", hi: 25, lo: 25 },
                Field { name: "p", hi: 24, lo: 23 },
                Field { name: "idle", hi: 22, lo: 22 },
                Field { name: "zero", hi: 21, lo: 15 },
                Field { name: "off", hi: 14, lo: 0 },
            ],
        }
    }
}
