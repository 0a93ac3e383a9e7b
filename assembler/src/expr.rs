//! Integer expressions: precedence climbing over the tokens of a line, in 64-bit arithmetic.
//!
//! Invariant: an expression has one value or a located fault; nothing overflows silently.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::lexer::{Cursor, Kind, Token, describe, token_fault};
use crate::names::Symbols;
use crate::real;
use std::ops::Range;

/// Deepest nesting of parentheses and signs.
const MOST_DEPTH: u32 = 64;

/// Binary operators by level, loosest first.
fn level(mark: &str) -> Option<u32> {
    Some(match mark {
        "|" => 1,
        "^" => 2,
        "&" => 3,
        "==" | "!=" => 4,
        "<" | "<=" | ">" | ">=" => 5,
        "<<" | ">>" => 6,
        "+" | "-" => 7,
        "*" | "/" | "%" => 8,
        _ => return None,
    })
}

/// Parses a whole expression.
pub(crate) fn expression(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Parse<i64> {
    binary(cursor, symbols, 1, 0)
}

/// Parses an item of a list: a signed number, a name, a Q-literal or an expression in parentheses.
pub(crate) fn atom(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Parse<i64> {
    unary(cursor, symbols, 0)
}

fn binary(cursor: &mut Cursor<'_>, symbols: &Symbols, least: u32, depth: u32) -> Parse<i64> {
    let start = cursor.peek().start;
    let mut left = unary(cursor, symbols, depth)?;
    loop {
        let token = cursor.peek();
        let Kind::Mark(mark) = token.kind else {
            return Ok(left);
        };
        let Some(own) = level(mark).filter(|own| *own >= least) else {
            return Ok(left);
        };
        cursor.take();
        let right = binary(cursor, symbols, own + 1, depth)?;
        left = apply(mark, left, right).map_err(|problem| {
            Fault::new(code::ARITHMETIC, start..cursor.position(), problem)
                .label("in this expression")
        })?;
    }
}

fn apply(mark: &str, a: i64, b: i64) -> Result<i64, String> {
    let overflow = || format!("`{a} {mark} {b}` does not fit 64 bits");
    match mark {
        "|" => Ok(a | b),
        "^" => Ok(a ^ b),
        "&" => Ok(a & b),
        "==" => Ok(i64::from(a == b)),
        "!=" => Ok(i64::from(a != b)),
        "<" => Ok(i64::from(a < b)),
        "<=" => Ok(i64::from(a <= b)),
        ">" => Ok(i64::from(a > b)),
        ">=" => Ok(i64::from(a >= b)),
        "+" => a.checked_add(b).ok_or_else(overflow),
        "-" => a.checked_sub(b).ok_or_else(overflow),
        "*" => a.checked_mul(b).ok_or_else(overflow),
        "/" | "%" if b == 0 => Err("division by zero".to_owned()),
        "/" => a.checked_div(b).ok_or_else(overflow),
        "%" => a.checked_rem(b).ok_or_else(overflow),
        _ if !(0..64).contains(&b) => Err(format!("shift by {b}: allowed are 0 to 63")),
        "<<" => Some(a << b)
            .filter(|shifted| shifted >> b == a)
            .ok_or_else(overflow),
        _ => Ok(a >> b),
    }
}

fn unary(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<i64> {
    let token = cursor.take();
    if depth >= MOST_DEPTH {
        return Err(Fault::new(
            code::TOO_DEEP,
            token.span(),
            format!("expression nested more than {MOST_DEPTH} deep"),
        )
        .label("too deep")
        .help("split it with `.equ`"));
    }
    match token.kind {
        Kind::Number(value) => Ok(value),
        Kind::Mark("-") => unary(cursor, symbols, depth + 1)?
            .checked_neg()
            .ok_or_else(|| {
                Fault::new(
                    code::ARITHMETIC,
                    token.span(),
                    "the negated value does not fit 64 bits",
                )
            }),
        Kind::Mark("~") => Ok(!unary(cursor, symbols, depth + 1)?),
        Kind::Mark("(") => {
            let value = binary(cursor, symbols, 1, depth + 1)?;
            expect_mark(cursor, ")")?;
            Ok(value)
        }
        Kind::Name => {
            let name = cursor.text(token);
            match q_bits(name) {
                Some(bits) if cursor.peek().kind == Kind::Mark("(") => {
                    q_literal(cursor, symbols, bits, false)
                }
                Some(bits) if cursor.take_mark("!") => q_literal(cursor, symbols, bits, true),
                _ => symbols
                    .get(name, token.start)
                    .ok_or_else(|| undefined(name, token.span(), symbols)),
            }
        }
        _ => Err(unexpected(cursor, token, "a number, a name or `(`")),
    }
}

fn undefined(name: &str, span: Range<usize>, symbols: &Symbols) -> Fault {
    let nearest = did_you_mean(name, symbols.known(span.start));
    Fault::new(code::UNDEFINED_NAME, span, format!("`{name}` has no value"))
        .label("not defined above")
        .help(format!("define it with `.equ {name} = …`"))
        .maybe_help(nearest)
}

/// `q12` → 12.
fn q_bits(name: &str) -> Option<u32> {
    name.strip_prefix('q')
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
}

/// `(0.9)` or `(exp(-dt / tau))` after `q12`: the nearest multiple of 2^-12, ties to even, as an integer. After `q12!` it
/// must be one.
fn q_literal(cursor: &mut Cursor<'_>, symbols: &Symbols, bits: u32, exactly: bool) -> Parse<i64> {
    let start = cursor.peek().start;
    expect_mark(cursor, "(")?;
    let real = real::real(cursor, symbols)?;
    let value = real.value;
    let end = cursor.peek().end;
    expect_mark(cursor, ")")?;
    if value.is_nan() {
        return Ok(0);
    }
    let scaled = (bits <= 62)
        .then(|| (value * (1u64 << bits) as f64).round_ties_even())
        .filter(|scaled| scaled.abs() < 9.0e18);
    if exactly && let Some(nearest) = scaled {
        let is_multiple = nearest / (1u64 << bits) as f64 == value;
        if !real.exact || !is_multiple {
            return Err(Fault::new(
                code::INEXACT,
                start..end,
                format!("{value} is not known to be a multiple of 2^-{bits}"),
            )
            .label("not exact")
            .help(format!(
                "`q{bits}(…)` takes the nearest, {nearest}; functions are rounded and never exact"
            )));
        }
    }
    scaled.map(|scaled| scaled as i64).ok_or_else(|| {
        Fault::new(
            code::ARITHMETIC,
            start..end,
            format!("{value} with {bits} fraction bits does not fit 64 bits"),
        )
    })
}

/// Takes a mark or says what stands there instead.
pub(crate) fn expect_mark(cursor: &mut Cursor<'_>, mark: &str) -> Parse<()> {
    let token = cursor.peek();
    if cursor.take_mark(mark) {
        Ok(())
    } else {
        Err(unexpected(cursor, token, &format!("`{mark}`")))
    }
}

/// Takes one of these words; its index.
pub(crate) fn one_of(cursor: &mut Cursor<'_>, words: &[&str]) -> Parse<usize> {
    let token = cursor.take();
    let expected = words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if token.kind != Kind::Name {
        return Err(unexpected(cursor, token, &format!("one of {expected}")));
    }
    let written = cursor.text(token);
    words
        .iter()
        .position(|word| *word == written)
        .ok_or_else(|| {
            Fault::new(
                code::UNKNOWN_WORD,
                token.span(),
                format!("`{written}` is none of {expected}"),
            )
            .label(format!("expected one of {expected}"))
            .maybe_help(did_you_mean(written, words.iter().copied()))
        })
}

/// "expected …, found …", or the fault of the token itself.
pub(crate) fn unexpected(cursor: &Cursor<'_>, token: Token, expected: &str) -> Fault {
    token_fault(cursor, token).unwrap_or_else(|| {
        Fault::new(
            code::EXPECTED,
            token.span(),
            format!("expected {expected}, found {}", describe(cursor, token)),
        )
        .label(format!("expected {expected}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn value(text: &str) -> Result<i64, &'static str> {
        let mut symbols = Symbols::new(Sources::new("test.s", text.len()));
        symbols.values.set("N", 0, 5);
        symbols.values.set("q", 0, 7);
        let mut cursor = Cursor::new(text, 0, text.len());
        expression(&mut cursor, &symbols).map_err(|fault| fault.0.code)
    }

    #[test]
    fn precedence_and_errors() {
        for (text, expect) in [
            ("1 + 2 * 3", Ok(7)),
            ("(1 + 2) * 3", Ok(9)),
            ("1 << 2 + 1", Ok(8)),
            ("6 & 3 | 8 ^ 1", Ok(11)),
            ("10 - 3 - 2", Ok(5)),
            ("-N % 3", Ok(-2)),
            ("~0", Ok(-1)),
            ("- -3", Ok(3)),
            ("N == 5 & q > 6", Ok(1)),
            ("q12(0.5)", Ok(2048)),
            ("q0(2.5)", Ok(2)),
            ("q4(-1.25)", Ok(-20)),
            ("q4!(-1.25)", Ok(-20)),
            ("q12!(N / 8) != 3", Ok(1)),
            ("q1 != 3", Err(code::UNDEFINED_NAME)),
            ("q4!(0.9)", Err(code::INEXACT)),
            ("q60!(0.1)", Err(code::INEXACT)),
            ("q1!(1 / 4)", Err(code::INEXACT)),
            ("q4!(exp(0))", Err(code::INEXACT)),
            ("q4!3", Err(code::EXPECTED)),
            ("q8(exp(0) / 2 + N)", Ok(1408)),
            ("q8(1 / 0)", Err(code::ARITHMETIC)),
            ("1 / 0", Err(code::ARITHMETIC)),
            ("1 << 63", Err(code::ARITHMETIC)),
            ("1 << 64", Err(code::ARITHMETIC)),
            ("q99(1)", Err(code::ARITHMETIC)),
            ("M", Err(code::UNDEFINED_NAME)),
            ("1 +", Err(code::EXPECTED)),
            ("(1", Err(code::EXPECTED)),
            ("-0x8000_0000_0000_0000", Err(code::ARITHMETIC)),
        ] {
            assert_eq!(value(text), expect, "{text}");
        }
        assert_eq!(value(&"(".repeat(100)), Err(code::TOO_DEEP));
        assert_eq!(value(&"-".repeat(100)), Err(code::TOO_DEEP));
    }
}
