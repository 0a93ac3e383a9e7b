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

/// A value, and whether it is exactly what is written: no digit of a literal was lost, and nothing was rounded.
#[derive(Clone, Copy)]
pub(crate) struct Real {
    pub(crate) value: f64,
    pub(crate) exact: bool,
}

impl Real {
    fn rounded(value: f64) -> Real {
        Real {
            value,
            exact: false,
        }
    }

    fn with(self, other: Real, value: f64, error: f64) -> Real {
        let exact = self.exact && other.exact && error == 0.0;
        Real { value, exact }
    }

    fn add(self, other: Real) -> Real {
        let (a, b) = (self.value, other.value);
        let sum = a + b;
        // What a double-precision sum loses is a double itself.
        let of_b = sum - a;
        self.with(other, sum, (a - (sum - of_b)) + (b - of_b))
    }

    fn multiply(self, other: Real) -> Real {
        let product = self.value * other.value;
        self.with(other, product, libm::fma(self.value, other.value, -product))
    }

    fn divide(self, other: Real) -> Real {
        let quotient = self.value / other.value;
        self.with(
            other,
            quotient,
            libm::fma(quotient, other.value, -self.value),
        )
    }

    fn negate(self) -> Real {
        Real {
            value: -self.value,
            ..self
        }
    }
}

/// Whether a decimal number is a binary fraction that a double holds: it is odd times a power of two, with an odd part below 2^53.
fn is_exact(digits: &str) -> bool {
    let lower = digits.replace('_', "").to_ascii_lowercase();
    let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let joined = format!("{whole}{fraction}");
    let (Ok(mut value), Ok(exponent)) = (joined.parse::<u128>(), exponent.parse::<i32>()) else {
        return false;
    };
    // value * 10^tens, with the fives taken out of it.
    let mut tens = exponent.saturating_sub(fraction.len() as i32);
    if value == 0 {
        return true;
    }
    while tens < 0 {
        if value % 5 != 0 {
            return false;
        }
        (value, tens) = (value / 5, tens + 1);
    }
    while tens > 0 {
        let Some(next) = value.checked_mul(5) else {
            return false;
        };
        (value, tens) = (next, tens - 1);
    }
    value >> value.trailing_zeros() < 1 << 53
}

/// Parses a whole expression. While a required parameter has no value (a check of the text alone) it may come out as none.
pub(crate) fn expression(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Parse<f64> {
    real(cursor, symbols).map(|real| real.value)
}

/// The same, with what is known of its exactness.
pub(crate) fn real(cursor: &mut Cursor<'_>, symbols: &Symbols) -> Parse<Real> {
    let start = cursor.peek().start;
    let real = sum(cursor, symbols, 0)?;
    finite(real, start, cursor, symbols)
}

/// A value that is a number, whole expression or part: what is infinite on the way may come out as a number that means nothing.
fn finite(real: Real, start: usize, cursor: &Cursor<'_>, symbols: &Symbols) -> Parse<Real> {
    let value = real.value;
    if value.is_finite() || symbols.open {
        return Ok(real);
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

fn sum(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<Real> {
    let mut left = product(cursor, symbols, depth)?;
    loop {
        if cursor.take_mark("+") {
            left = left.add(product(cursor, symbols, depth)?);
        } else if cursor.take_mark("-") {
            left = left.add(product(cursor, symbols, depth)?.negate());
        } else {
            return Ok(left);
        }
    }
}

fn product(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<Real> {
    let start = cursor.peek().start;
    let mut left = primary(cursor, symbols, depth)?;
    loop {
        if cursor.take_mark("*") {
            left = left.multiply(primary(cursor, symbols, depth)?);
        } else if cursor.take_mark("/") {
            left = left.divide(primary(cursor, symbols, depth)?);
            left = finite(left, start, cursor, symbols)?;
        } else {
            return Ok(left);
        }
    }
}

fn primary(cursor: &mut Cursor<'_>, symbols: &Symbols, depth: u32) -> Parse<Real> {
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
            Ok(primary(cursor, symbols, depth + 1)?.negate())
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
            let own = symbols
                .reals
                .get(name)
                .filter(|_| symbols.variable.is_none() || name != "i");
            if let Some(value) = own {
                // A parameter is the double that it was given as.
                return Ok(Real {
                    value: *value,
                    exact: true,
                });
            }
            let integer = symbols.get(name, token.start).map(|integer| {
                let value = integer as f64;
                // 2^63 comes back as 2^63 - 1.
                let exact = value as i128 == i128::from(integer);
                Real { value, exact }
            });
            integer.ok_or_else(|| undefined(name, token, symbols))
        }
        Kind::Number(_) | Kind::BadNumber => literal(cursor, token),
        Kind::Unexpected if cursor.text(token) == "." => literal(cursor, token),
        _ => Err(unexpected(cursor, token, "a number, a name or `(`")),
    }
}

fn literal(cursor: &mut Cursor<'_>, token: Token) -> Parse<Real> {
    let value = cursor.take_float()?;
    let exact = is_exact(cursor.slice(token.start..cursor.position()));
    Ok(Real { value, exact })
}

/// `exp(x)`, `min(a, b)`.
fn call(cursor: &mut Cursor<'_>, symbols: &Symbols, function: Token, depth: u32) -> Parse<Real> {
    let name = cursor.text(function);
    expect_mark(cursor, "(")?;
    let value = if let Some((_, apply)) = UNARY.iter().find(|(known, _)| *known == name) {
        Real::rounded(apply(sum(cursor, symbols, depth + 1)?.value))
    } else if let Some((_, apply)) = BINARY.iter().find(|(known, _)| *known == name) {
        let first = sum(cursor, symbols, depth + 1)?;
        expect_mark(cursor, ",")?;
        Real::rounded(apply(first.value, sum(cursor, symbols, depth + 1)?.value))
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
    finite(value, function.start, cursor, symbols)
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
    fn exactness() {
        for (text, expect) in [
            ("0.5", true),
            ("0.1", false),
            ("1.5e3", true),
            ("1e-3", false),
            ("12_5.000", true),
            ("0.1 * 10", false),
            ("1 / 3", false),
            ("3 / 4 - 1", true),
            ("9007199254740993", false),
            ("9007199254740992 + 1", false),
            ("1e22", true),
            ("1e23", false),
            (
                "0.1000000000000000055511151231257827021181583404541015625",
                false,
            ),
            ("N / 2", true),
            ("exp(0)", false),
        ] {
            let mut symbols = Symbols::new(Sources::new("test.s", text.len()));
            symbols.values.set("N", 0, 5);
            let mut cursor = Cursor::new(text, 0, text.len());
            let found = real(&mut cursor, &symbols).map(|real| real.exact);
            assert_eq!(found.ok(), Some(expect), "{text}");
        }
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
