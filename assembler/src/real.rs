//! Real-valued expressions, inside `q…( )` and behind `.param`: precedence climbing in `f64`.
//!
//! Invariant: an expression has one finite value or a located fault. Names are those of real parameters, `dt`, then the
//! integers of `.equ` and options.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{expect_mark, unexpected};
use crate::lexer::{Cursor, Kind, Token};
use crate::names::Symbols;

/// Deepest nesting of parentheses, functions and signs.
const MOST_DEPTH: u32 = 64;

/// A function of one argument.
type Unary = fn(f64) -> f64;
/// A function of two arguments.
type Binary = fn(f64, f64) -> f64;

/// Functions of one argument: those of `libm`, which gives the same bits on every machine, unless the result is exact.
const UNARY: [(&str, Unary); 11] = [
    ("exp", libm::exp),
    ("log", libm::log),
    ("sqrt", libm::sqrt),
    ("sin", libm::sin),
    ("cos", libm::cos),
    ("tanh", libm::tanh),
    ("sigmoid", sigmoid),
    ("abs", f64::abs),
    ("floor", f64::floor),
    ("ceil", f64::ceil),
    ("round", f64::round_ties_even),
];

/// Functions of two arguments.
const BINARY: [(&str, Binary); 3] = [("min", f64::min), ("max", f64::max), ("pow", libm::pow)];

/// 1 / (1 + e^-x), without an infinity on the way.
fn sigmoid(x: f64) -> f64 {
    let small = libm::exp(-x.abs());
    if x < 0.0 {
        small / (1.0 + small)
    } else {
        1.0 / (1.0 + small)
    }
}

/// Parses a whole expression. While a required parameter has no value (a check of the text alone) it may come out as none.
pub(crate) fn expression(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Parse<f64> {
    let start = cursor.peek().start;
    let value = sum(cursor, symbols, 0)?;
    if value.is_finite() || symbols.open {
        return Ok(value);
    }
    let what = if value.is_nan() {
        "no number"
    } else {
        "infinite"
    };
    let span = start..cursor.position();
    Err(
        Fault::new(code::ARITHMETIC, span, format!("this is {what}"))
            .label("in this expression")
            .help("look for a division by 0, or a logarithm or root of a negative number"),
    )
}

fn sum(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<f64> {
    let mut left = product(cursor, symbols, depth)?;
    loop {
        if cursor.take_mark("+") {
            left += product(cursor, symbols, depth)?;
        } else if cursor.take_mark("-") {
            left -= product(cursor, symbols, depth)?;
        } else {
            return Ok(left);
        }
    }
}

fn product(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<f64> {
    let mut left = primary(cursor, symbols, depth)?;
    loop {
        if cursor.take_mark("*") {
            left *= primary(cursor, symbols, depth)?;
        } else if cursor.take_mark("/") {
            left /= primary(cursor, symbols, depth)?;
        } else {
            return Ok(left);
        }
    }
}

fn primary(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<f64> {
    let token = cursor.peek();
    if depth >= MOST_DEPTH {
        return Err(Fault::new(
            code::TOO_DEEP,
            token.span(),
            format!("expression nested more than {MOST_DEPTH} deep"),
        )
        .label("too deep"));
    }
    match token.kind {
        Kind::Mark("-") => {
            cursor.take();
            Ok(-primary(cursor, symbols, depth + 1)?)
        }
        Kind::Mark("(") => {
            cursor.take();
            let value = sum(cursor, symbols, depth + 1)?;
            expect_mark(cursor, ")")?;
            Ok(value)
        }
        Kind::Name => {
            cursor.take();
            let name = cursor.text(token);
            if cursor.peek().kind == Kind::Mark("(") {
                return call(cursor, symbols, token, depth);
            }
            let integer = || symbols.get(name, token.start).map(|value| value as f64);
            let value = symbols.reals.get(name).copied().or_else(integer);
            value.ok_or_else(|| undefined(name, token, symbols))
        }
        Kind::Number(_) | Kind::BadNumber => cursor.take_float(),
        Kind::Unexpected if cursor.text(token) == "." => cursor.take_float(),
        _ => Err(unexpected(cursor, token, "a number, a name or `(`")),
    }
}

/// `exp(x)`, `min(a, b)`.
fn call(cursor: &mut Cursor<'_>, symbols: &Symbols, function: Token, depth: u32) -> Parse<f64> {
    let name = cursor.text(function);
    expect_mark(cursor, "(")?;
    let value = if let Some((_, apply)) = UNARY.iter().find(|(known, _)| *known == name) {
        apply(sum(cursor, symbols, depth + 1)?)
    } else if let Some((_, apply)) = BINARY.iter().find(|(known, _)| *known == name) {
        let first = sum(cursor, symbols, depth + 1)?;
        expect_mark(cursor, ",")?;
        apply(first, sum(cursor, symbols, depth + 1)?)
    } else {
        let known = || {
            let one = UNARY.iter().map(|(known, _)| *known);
            one.chain(BINARY.iter().map(|(known, _)| *known))
        };
        let list: Vec<&str> = known().collect();
        return Err(Fault::new(
            code::UNKNOWN_WORD,
            function.span(),
            format!("there is no function `{name}`"),
        )
        .label("unknown function")
        .help(format!("there are {}", list.join(", ")))
        .maybe_help(did_you_mean(name, known())));
    };
    expect_mark(cursor, ")")?;
    Ok(value)
}

fn undefined(name: &str, token: Token, symbols: &Symbols) -> Fault {
    let help = if name == "dt" {
        "the time step is that of the network, or of `.dt` above".to_owned()
    } else {
        format!("declare it with `.param {name}` in a kernel, or `.equ {name} = …`")
    };
    let integers = symbols.known(token.start);
    let known = symbols.reals.keys().map(String::as_str).chain(integers);
    Fault::new(
        code::UNDEFINED_NAME,
        token.span(),
        format!("`{name}` has no value"),
    )
    .label("not defined above")
    .help(help)
    .maybe_help(did_you_mean(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn value(text: &str) -> Result<f64, &'static str> {
        let mut symbols = Symbols::new(Sources::new("test.s", text.len()));
        symbols.values.set("N", 0, 5);
        symbols.reals.insert("tau".to_owned(), 0.02);
        let mut cursor = Cursor::new(text, 0, text.len());
        expression(&mut cursor, &symbols).map_err(|fault| fault.0.code)
    }

    #[test]
    fn values_and_faults() {
        for (text, expect) in [
            ("1 + 2 * 3", Ok(7.0)),
            ("(1 + 2) * 3", Ok(9.0)),
            ("10 - 3 - 2", Ok(5.0)),
            ("2e-3 / tau", Ok(0.1)),
            ("-N / 2", Ok(-2.5)),
            ("- -1.5", Ok(1.5)),
            (".5 * 4", Ok(2.0)),
            ("exp(0) + log(1) + sqrt(4)", Ok(3.0)),
            ("tanh(0)", Ok(0.0)),
            ("min(1, N) + max(1, N)", Ok(6.0)),
            ("pow(2, 10)", Ok(1024.0)),
            ("floor(1.5) + ceil(1.5) + round(2.5) + abs(-1)", Ok(6.0)),
            ("1 / 0", Err(code::ARITHMETIC)),
            ("log(-1)", Err(code::ARITHMETIC)),
            ("dt", Err(code::UNDEFINED_NAME)),
            ("taus", Err(code::UNDEFINED_NAME)),
            ("sigmoid(0) + sigmoid(-1000) + sin(0) + cos(0)", Ok(1.5)),
            ("tan(1)", Err(code::UNKNOWN_WORD)),
            ("min(1)", Err(code::EXPECTED)),
            ("1 +", Err(code::EXPECTED)),
            ("12x", Ok(12.0)),
            ("1e999", Err(code::BAD_NUMBER)),
        ] {
            match (value(text), expect) {
                (Ok(a), Ok(b)) => assert!((a - b).abs() < 1e-12, "{text}: {a}"),
                (a, b) => assert_eq!(a.err(), b.err(), "{text}"),
            }
        }
        assert_eq!(value(&"(".repeat(100)), Err(code::TOO_DEEP));
        assert_eq!(value(&"-".repeat(100)), Err(code::TOO_DEEP));
        assert_eq!(value(&"exp(".repeat(100)), Err(code::TOO_DEEP));
    }
}
