//! Instructions: the 32-bit words of a handler, taken apart and put together.
//!
//! Invariant: a word that decodes is the encoding of exactly one [`Instr`]; every other word is refused.
//! The table of instructions is generated from `specs/isa.toml`; formats and meaning stand in `specs/isa.md`.

mod code;
mod eval;
mod table;
mod text;

pub use code::{IllegalWord, decode, encode, try_encode};
pub use eval::{amount, clamp_index, compare, eval, predicate};
pub use table::Op;
pub use text::{Names, Plain};

/// One decoded instruction. Fields that its operation does not have are 0 (or the first variant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instr {
    /// Operation.
    pub op: Op,
    /// Guard predicate 0 to 3; p0 is always true.
    pub pred: u8,
    /// The guard holds when the predicate is false.
    pub negate: bool,
    /// Destination register (predicate 1 to 3 for comparisons, `pand`, `por`); source of `sts`.
    pub rd: u8,
    /// First source register (predicate for `pand`, `por`).
    pub ra: u8,
    /// Second source: register 0 to 15, or constant 0 to 31 if `konst`.
    pub rb: u8,
    /// `rb` names a group constant.
    pub konst: bool,
    /// Reduction of the result.
    pub mode: Mode,
    /// Rounding of right shifts.
    pub round: Round,
    /// Shift, 0 to 31.
    pub shift: u8,
    /// 15-bit signed immediate.
    pub imm: i16,
    /// Bank (`lda`, `acc`), table (`lut`), field (`ldy`, `mfs`), or negations of `pand` and `por` (bit 0: `ra`, bit 1: `rb`).
    pub field: u8,
    /// State slot.
    pub slot: u8,
    /// Branch distance: words after the next instruction, 15 bits.
    pub offset: u16,
    /// The branch carries the `.idle` hint.
    pub idle: bool,
}

/// How a wide result becomes a register value; `specs/numeric.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Two's complement, 32 bits.
    #[default]
    Wrap32 = 0,
    /// Saturation to 32 bits.
    Sat32 = 1,
    /// Two's complement, 24 bits.
    Wrap24 = 2,
    /// Saturation to ±(2^23 − 1).
    Sat24 = 3,
}

/// How a right shift rounds; `specs/numeric.md`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Round {
    /// Toward −∞.
    #[default]
    Floor = 0,
    /// Toward zero.
    Zero = 1,
    /// To nearest, ties to even.
    Nearest = 2,
    /// Up with probability equal to the fraction cut off.
    Stochastic = 3,
}

impl Mode {
    /// All modes, by encoding.
    pub const ALL: [Mode; 4] = [Mode::Wrap32, Mode::Sat32, Mode::Wrap24, Mode::Sat24];
    /// Suffix in text.
    pub fn suffix(self) -> &'static str {
        ["", ".s32", ".w24", ".s24"][self as usize]
    }
}

impl Round {
    /// All roundings, by encoding.
    pub const ALL: [Round; 4] = [Round::Floor, Round::Zero, Round::Nearest, Round::Stochastic];
    /// Suffix in text.
    pub fn suffix(self) -> &'static str {
        ["", ".rz", ".rn", ".sr"][self as usize]
    }
}

/// Instruction class, the unit of prices by instruction. `as usize` is its index in the chip file's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Arithmetic, logic, comparisons, special values.
    Alu = 0,
    /// Multiplications.
    Mul = 1,
    /// State, accumulators, synapse fields, tables.
    Mem = 2,
    /// Branches and `halt`.
    Ctl = 3,
    /// Spikes.
    Send = 4,
    /// Random words.
    Rng = 5,
}

/// Layout of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Registers.
    R,
    /// Immediate.
    I,
    /// Slots and special values.
    S,
    /// Branches.
    B,
}

/// A field of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name; `zero` must be 0.
    pub name: &'static str,
    /// Highest bit.
    pub hi: u8,
    /// Lowest bit.
    pub lo: u8,
}

impl Field {
    /// The bits of the field within a word.
    pub const fn mask(self) -> u32 {
        (u32::MAX >> (31 - self.hi + self.lo)) << self.lo
    }
    /// The field's value.
    pub const fn get(self, word: u32) -> u32 {
        (word & self.mask()) >> self.lo
    }
}

/// An operand in the text of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operand {
    /// Register r1 to r15 in `rd`, written.
    Rd,
    /// Register in `rd`, read.
    RdIn,
    /// Register r1 to r15 in `rd`, read and written.
    RdInOut,
    /// Predicate p1 to p3 in `rd`, written.
    Pd,
    /// Register in `ra`, read.
    Ra,
    /// Register or constant in `rb`.
    B,
    /// Predicate in `ra`, negated by bit 0 of `field`.
    Pa,
    /// Predicate in `rb`, negated by bit 1 of `field`.
    Pb,
    /// `<<n` applied to b, omitted when 0.
    Shl,
    /// Plain number in `shift`.
    Shift,
    /// Shift amount: a number, or b, or b and a number that is added.
    Amount,
    /// 15-bit signed number.
    Imm,
    /// State slot, by name or number.
    Slot,
    /// Accumulator bank; optional for `acc`.
    Bank,
    /// Table number.
    Table,
    /// Field of a synapse: see [`Operand::words`].
    Synapse,
    /// Special value: see [`Operand::words`].
    Special,
    /// Label of the branch target.
    Target,
}

impl Operand {
    /// Words that stand for the values 0, 1, … of `field`.
    pub fn words(self) -> &'static [&'static str] {
        match self {
            Operand::Synapse => &["weight", "delay", "kind"],
            Operand::Special => &["lane", "step", "payload", "id"],
            _ => &[],
        }
    }
}

/// The two handlers of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handler {
    /// Once per lane and step.
    Update = 0,
    /// Once per synapse of a packet.
    OnSpike = 1,
}

impl Handler {
    /// Name as in text and in the specification.
    pub fn name(self) -> &'static str {
        ["update", "on_spike"][self as usize]
    }
}

/// What the table says of an operation.
pub(crate) struct Row {
    mnemonic: &'static str,
    format: Format,
    class: Class,
    operands: &'static [Operand],
    /// Bits that may be set.
    mask: u32,
    mode: bool,
    round: bool,
    handlers: [bool; 2],
    doc: &'static str,
}

impl Op {
    fn row(self) -> &'static Row {
        table::ROWS[self as usize]
            .as_ref()
            .expect("the generator makes a row for every Op")
    }
    /// Operation of an opcode.
    pub fn from_code(code: u8) -> Option<Op> {
        table::OPS.get(usize::from(code)).copied().flatten()
    }
    /// Operation of a mnemonic without suffixes.
    pub fn from_mnemonic(name: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| op.mnemonic() == name)
    }
    /// Name in text; those of comparisons contain their condition (`cmp.eq`).
    pub fn mnemonic(self) -> &'static str {
        self.row().mnemonic
    }
    /// Layout of its words.
    pub fn format(self) -> Format {
        self.row().format
    }
    /// Class, for prices and counters.
    pub fn class(self) -> Class {
        self.row().class
    }
    /// Operands in the order of the text.
    pub fn operands(self) -> &'static [Operand] {
        self.row().operands
    }
    /// Takes a [`Mode`].
    pub fn has_mode(self) -> bool {
        self.row().mode
    }
    /// Takes a [`Round`].
    pub fn has_round(self) -> bool {
        self.row().round
    }
    /// May be guarded.
    pub fn has_guard(self) -> bool {
        self.row().mask & table::bits::P.mask() != 0
    }
    /// May stand in this handler.
    pub fn allowed_in(self, handler: Handler) -> bool {
        self.row().handlers[handler as usize]
    }
    /// One line of meaning.
    pub fn doc(self) -> &'static str {
        self.row().doc
    }
    fn has(self, operand: Operand) -> bool {
        self.operands().contains(&operand)
    }
}

impl Instr {
    /// An instruction with everything else 0: no guard, r0, wrap32, floor.
    pub fn new(op: Op) -> Instr {
        Instr {
            op,
            pred: 0,
            negate: false,
            rd: 0,
            ra: 0,
            rb: 0,
            konst: false,
            mode: Mode::Wrap32,
            round: Round::Floor,
            shift: 0,
            imm: 0,
            field: 0,
            slot: 0,
            offset: 0,
            idle: false,
        }
    }
    /// Register it writes when its guard holds (`sel`: always).
    pub fn writes_register(&self) -> Option<u8> {
        (self.op.has(Operand::Rd) || self.op.has(Operand::RdInOut)).then_some(self.rd)
    }
    /// Predicate it writes when its guard holds.
    pub fn writes_predicate(&self) -> Option<u8> {
        self.op.has(Operand::Pd).then_some(self.rd)
    }
    /// Registers it reads, without repetition of r0's special meaning; constants are not registers.
    pub fn reads_registers(&self) -> impl Iterator<Item = u8> {
        let op = self.op;
        let rd = (op.has(Operand::RdIn) || op.has(Operand::RdInOut)).then_some(self.rd);
        let ra = op.has(Operand::Ra).then_some(self.ra);
        let rb =
            ((op.has(Operand::B) || op.has(Operand::Amount)) && !self.konst).then_some(self.rb);
        [rd, ra, rb].into_iter().flatten()
    }
    /// Predicates it reads, its guard included, p0 left out.
    pub fn reads_predicates(&self) -> impl Iterator<Item = u8> {
        let pa = self.op.has(Operand::Pa).then_some(self.ra);
        let pb = self.op.has(Operand::Pb).then_some(self.rb);
        [Some(self.pred), pa, pb]
            .into_iter()
            .flatten()
            .filter(|p| *p != 0)
    }
    /// Group constant it reads.
    pub fn reads_constant(&self) -> Option<u8> {
        self.konst.then_some(self.rb)
    }
    /// It draws a random word when executed with a true guard.
    pub fn draws(&self) -> bool {
        self.op == Op::Rng || self.round == Round::Stochastic
    }
}
