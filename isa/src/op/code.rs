//! Words and instructions: decode, encode.
//!
//! Invariant: `decode(encode(i)) == i`, and `encode(decode(w)) == w` for every word that decodes.

use super::table::{self, bits};
use super::{Format, Instr, Mode, Op, Operand, Round};
use std::fmt;

/// A word, or the fields of an instruction, that mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal instruction{}: {reason}", Shown(.word))]
pub struct IllegalWord {
    /// The word, when there is one.
    pub word: Option<u32>,
    /// What is wrong.
    pub reason: String,
}

struct Shown<'a>(&'a Option<u32>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |word| write!(f, " {word:#010x}"))
    }
}

/// The instruction of a word, or why there is none.
///
/// ```
/// use isa::op::{decode, Op, Plain};
/// let halt = decode(0x0400_0000).expect("halt");
/// assert_eq!(halt.op, Op::Halt);
/// assert_eq!(halt.text(&Plain::default()), "halt");
/// assert!(decode(0).is_err());
/// ```
pub fn decode(word: u32) -> Result<Instr, IllegalWord> {
    let illegal = |reason: String| IllegalWord {
        word: Some(word),
        reason,
    };
    let code = bits::OP.get(word) as u8;
    let Some(op) = Op::from_code(code) else {
        let name = table::RESERVED
            .iter()
            .find(|(reserved, _)| *reserved == code);
        return Err(illegal(match name {
            Some((_, name)) => format!("opcode {code:#04x} ({name}) is reserved"),
            None => format!("there is no opcode {code:#04x}"),
        }));
    };
    let extra = word & !op.row().mask;
    if extra != 0 {
        return Err(illegal(format!(
            "bits {extra:#010x} must be 0 in {}",
            op.mnemonic()
        )));
    }
    let mut i = Instr::new(op);
    i.negate = bits::N.get(word) != 0;
    i.pred = bits::P.get(word) as u8;
    match op.format() {
        Format::R => {
            i.rd = bits::RD.get(word) as u8;
            i.ra = bits::RA.get(word) as u8;
            i.konst = bits::KB.get(word) != 0;
            i.rb = (bits::RB.get(word) | bits::KH.get(word) << 4) as u8;
            let md = bits::MD.get(word) as u8;
            if op.has_mode() {
                i.mode = Mode::ALL[usize::from(md)];
            } else {
                i.field = md;
            }
            i.round = Round::ALL[bits::RM.get(word) as usize];
            i.shift = bits::SH.get(word) as u8;
        }
        Format::I => {
            i.rd = bits::RD.get(word) as u8;
            i.ra = bits::RA.get(word) as u8;
            i.imm = ((bits::IMM.get(word) << 17) as i32 >> 17) as i16;
        }
        Format::S => {
            i.rd = bits::RD.get(word) as u8;
            i.field = bits::FN.get(word) as u8;
            i.slot = bits::SLOT.get(word) as u8;
        }
        Format::B => {
            i.idle = bits::IDLE.get(word) != 0;
            i.offset = bits::OFF.get(word) as u16;
        }
    }
    check(&i).map_err(illegal)?;
    Ok(i)
}

/// The word of an instruction.
///
/// # Panics
/// If a field is out of range or set where the operation has none: see [`try_encode`].
pub fn encode(i: &Instr) -> u32 {
    match try_encode(i) {
        Ok(word) => word,
        Err(error) => panic!("{error}: {i:?}"),
    }
}

/// The word of an instruction, or what is wrong with its fields.
pub fn try_encode(i: &Instr) -> Result<u32, IllegalWord> {
    let bad = |reason: String| IllegalWord { word: None, reason };
    check(i).map_err(bad)?;
    let md = if i.op.has_mode() {
        i.mode as u32
    } else {
        u32::from(i.field)
    };
    let fields = match i.op.format() {
        Format::R => [
            (bits::RD, u32::from(i.rd)),
            (bits::RA, u32::from(i.ra)),
            (bits::RB, u32::from(if i.konst { i.rb & 15 } else { i.rb })),
            (bits::KH, u32::from(if i.konst { i.rb >> 4 } else { 0 })),
            (bits::KB, u32::from(i.konst)),
            (bits::MD, md),
            (bits::RM, i.round as u32),
            (bits::SH, u32::from(i.shift)),
        ]
        .to_vec(),
        Format::I => vec![
            (bits::RD, u32::from(i.rd)),
            (bits::RA, u32::from(i.ra)),
            (bits::IMM, (i.imm as u32) & 0x7fff),
        ],
        Format::S => vec![
            (bits::RD, u32::from(i.rd)),
            (bits::FN, u32::from(i.field)),
            (bits::SLOT, u32::from(i.slot)),
        ],
        Format::B => vec![
            (bits::IDLE, u32::from(i.idle)),
            (bits::OFF, u32::from(i.offset)),
        ],
    };
    let guard = [
        (bits::OP, i.op as u32),
        (bits::N, u32::from(i.negate)),
        (bits::P, u32::from(i.pred)),
    ];
    let mut word = 0;
    for (field, value) in guard.into_iter().chain(fields) {
        if value > field.get(u32::MAX) {
            return Err(bad(format!(
                "{} of {} is {value}, at most {}",
                field.name,
                i.op.mnemonic(),
                field.get(u32::MAX)
            )));
        }
        word |= value << field.lo;
    }
    let back = decode(word).map_err(|error| bad(error.reason))?;
    if back != *i {
        return Err(bad(format!("{} has no such fields", i.op.mnemonic())));
    }
    Ok(word)
}

/// Rules that the mask of allowed bits does not express.
fn check(i: &Instr) -> Result<(), String> {
    let name = i.op.mnemonic();
    if i.pred == 0 && i.negate {
        return Err("a guard that is never true (!p0)".to_string());
    }
    if i.rd == 0 && i.writes_register().is_some() {
        return Err(format!("{name} writes r0, which always reads 0"));
    }
    if i.rd == 0 && i.writes_predicate().is_some() {
        return Err(format!("{name} writes p0, which is always true"));
    }
    if !i.konst && i.rb > 15 {
        return Err(format!(
            "{name} has the high bit of a constant's number without the constant bit"
        ));
    }
    let most = i.op.operands().iter().find_map(|operand| match operand {
        Operand::Bank | Operand::Table => Some(4),
        Operand::Synapse | Operand::Special => Some(operand.words().len()),
        _ => None,
    });
    if most.is_some_and(|most| usize::from(i.field) >= most) {
        return Err(format!("{name} has no field {}", i.field));
    }
    if i.op == Op::Br && i.offset == 0 {
        return Err("a branch to the next instruction".to_string());
    }
    Ok(())
}
