//! Parts of an instruction that need no handler: registers, mnemonics, numbers, slots, tables.
//!
//! Invariant: a part that is returned can be encoded where it stands.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::expression;
use crate::lexer::{Cursor, Kind, Token};
use crate::names::Symbols;
use isa::image::Group;
use isa::op::{Instr, Mode, Op, Round};
use std::ops::Range;

/// Names that a handler's code may use beside its own labels.
pub(crate) struct Scope<'a> {
    /// `.equ` and kernel options.
    pub(crate) symbols: &'a Symbols,
    /// Constants, slots and tables.
    pub(crate) group: &'a Group,
    /// Names of the tables, where given.
    pub(crate) tables: &'a [Option<(String, Range<usize>)>],
    /// Names of the receptors, where given.
    pub(crate) receptors: &'a [String],
}

/// What a register name stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Register {
    General(u8),
    Predicate(u8),
    Constant(u8),
}

/// `r0`–`r15`, `p0`–`p3`, `k0`–`k31`.
pub(crate) fn register(name: &str) -> Option<Register> {
    let digits = name.get(1..)?;
    let plain = matches!(
        digits.as_bytes(),
        [b'0'..=b'9'] | [b'1'..=b'9', b'0'..=b'9']
    );
    let number: u8 = digits.parse().ok().filter(|_| plain)?;
    match name.as_bytes()[0] {
        b'r' if number < 16 => Some(Register::General(number)),
        b'p' if number < 4 => Some(Register::Predicate(number)),
        b'k' if number < 32 => Some(Register::Constant(number)),
        _ => None,
    }
}

/// Whether a name means a register wherever it stands.
pub(crate) fn is_register(name: &str) -> bool {
    register(name).is_some()
}

/// A name that means a register everywhere.
pub(crate) fn reserved(name: &str, span: Range<usize>) -> Fault {
    Fault::new(
        code::RESERVED_NAME,
        span,
        format!("`{name}` is the name of a register"),
    )
    .label("reserved")
    .help("r0–r15, p0–p3 and k0–k31 cannot be renamed")
}

/// Operation and suffixes.
pub(crate) fn mnemonic(text: &str, token: Token) -> Parse<Instr> {
    let dots = if text.starts_with("cmp.") { 2 } else { 1 };
    let mut parts = text.splitn(dots + 1, '.');
    let stem_length = parts.by_ref().take(dots).map(str::len).sum::<usize>() + dots - 1;
    let (stem, suffixes) = text.split_at(stem_length.min(text.len()));
    let Some(op) = Op::from_mnemonic(stem) else {
        let known = Op::ALL.iter().map(|op| op.mnemonic());
        return Err(Fault::new(
            code::UNKNOWN_MNEMONIC,
            token.span(),
            format!("there is no instruction `{stem}`"),
        )
        .label("unknown instruction")
        .maybe_help(did_you_mean(stem, known)));
    };
    let mut instruction = Instr::new(op);
    let (mut mode, mut round) = (false, false);
    let mut at = token.start + stem_length;
    for suffix in suffixes
        .split_inclusive('.')
        .map(|s| s.trim_end_matches('.'))
        .filter(|s| !s.is_empty())
    {
        let span = at..at + 1 + suffix.len();
        at = span.end;
        let dotted = format!(".{suffix}");
        let as_mode = Mode::ALL.into_iter().find(|m| m.suffix() == dotted);
        let as_round = Round::ALL.into_iter().find(|r| r.suffix() == dotted);
        match (as_mode, as_round) {
            (Some(m), _) if op.has_mode() && !mode && !round => {
                (instruction.mode, mode) = (m, true)
            }
            (_, Some(r)) if op.has_round() && !round => (instruction.round, round) = (r, true),
            _ if op == Op::Br && suffix == "idle" && !instruction.idle => instruction.idle = true,
            _ => {
                return Err(Fault::new(
                    code::BAD_SUFFIX,
                    span,
                    format!("`{stem}` takes no `{dotted}` here"),
                )
                .label("not a suffix of it")
                .help(suffix_help(op)));
            }
        }
    }
    Ok(instruction)
}

fn suffix_help(op: Op) -> String {
    match (op.has_mode(), op.has_round()) {
        (true, true) => "it takes .s32, .w24 or .s24, then .rz, .rn or .sr".to_owned(),
        (true, false) => "it takes .s32, .w24 or .s24".to_owned(),
        (false, true) => "it takes .rz, .rn or .sr".to_owned(),
        (false, false) if op == Op::Br => "it takes .idle".to_owned(),
        (false, false) => "it takes no suffix".to_owned(),
    }
}

/// An expression within limits.
pub(crate) fn number(
    cursor: &mut Cursor<'_>,
    scope: &Scope<'_>,
    what: &str,
    least: i64,
    most: i64,
) -> Parse<i64> {
    let start = cursor.peek().start;
    let value = expression(cursor, scope.symbols)?;
    in_range(value, what, least, most, start..cursor.position())
}

/// `value` if it lies within the limits.
pub(crate) fn in_range(
    value: i64,
    what: &str,
    least: i64,
    most: i64,
    span: Range<usize>,
) -> Parse<i64> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(Fault::new(
        code::OUT_OF_RANGE,
        span,
        format!("{what} {value} is out of range"),
    )
    .label(format!("allowed: {least} to {most}")))
}

pub(crate) fn slot(cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<u8> {
    let token = cursor.peek();
    let slots = &scope.group.slots;
    if token.kind == Kind::Name {
        let name = cursor.text(token);
        if let Some(at) = slots.iter().position(|slot| slot.name == name) {
            cursor.take();
            return Ok(u8::try_from(at).unwrap_or(u8::MAX));
        }
        if scope.symbols.get(name, token.start).is_none() {
            return Err(Fault::new(
                code::BAD_OPERAND,
                token.span(),
                format!("the group has no slot `{name}`"),
            )
            .label("no such slot")
            .help(format!("declare it before the handler: `.slot {name} 24`"))
            .maybe_help(did_you_mean(
                name,
                slots.iter().map(|slot| slot.name.as_str()),
            )));
        }
    }
    number(cursor, scope, "slot", 0, slots.len() as i64 - 1).map(|at| at as u8)
}

pub(crate) fn table(cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<u8> {
    let token = cursor.peek();
    let named = |name: &str| {
        let mut tables = scope.tables.iter();
        tables.position(|table| table.as_ref().is_some_and(|(known, _)| known == name))
    };
    if token.kind == Kind::Name
        && let Some(at) = named(cursor.text(token))
    {
        cursor.take();
        return Ok(at as u8);
    }
    let value = number(cursor, scope, "table", 0, scope.tables.len() as i64 - 1);
    let value = value.map_err(|fault| match fault.0.code {
        code::UNDEFINED_NAME => {
            let name = cursor.text(token);
            let known = scope.tables.iter().flatten().map(|(name, _)| name.as_str());
            fault
                .help(format!(
                    "declare it before the handler: `.table {name} = …`"
                ))
                .maybe_help(did_you_mean(name, known))
        }
        _ => fault,
    });
    value.map(|at| at as u8)
}
