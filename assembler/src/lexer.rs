//! Tokens of one line, taken on demand: nothing is allocated per token.
//!
//! Invariant: a [`Cursor`] never leaves its line, and its position is always a character boundary.

use crate::diagnostic::{Fault, Parse, code};
use std::ops::Range;

/// What a token is. Its text is `&text[span]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `name`, `cmp.eq`, `r3`.
    Name,
    /// `.slot`.
    Directive,
    /// Integer; the value of hexadecimal numbers above 2^63 - 1 is the two's complement of 64 bits.
    Number(i64),
    /// `"text"`, quotes included in the span.
    Text,
    /// Operator or punctuation.
    Mark(&'static str),
    /// End of the line (or the comment before it).
    End,
    /// Anything else: one character.
    Unexpected,
    /// A number that does not fit 64 bits or is malformed.
    BadNumber,
    /// A string without its closing quote.
    BadText,
}

/// The operator or punctuation that starts with these bytes.
fn mark(first: u8, second: u8, third: u8) -> Option<&'static str> {
    Some(match (first, second, third) {
        (b'.', b'.', b'=') => "..=",
        (b'-', b'>', _) => "->",
        (b'<', b'<', _) => "<<",
        (b'>', b'>', _) => ">>",
        (b'=', b'=', _) => "==",
        (b'!', b'=', _) => "!=",
        (b'<', b'=', _) => "<=",
        (b'>', b'=', _) => ">=",
        (b'+', ..) => "+",
        (b'-', ..) => "-",
        (b'*', ..) => "*",
        (b'/', ..) => "/",
        (b'%', ..) => "%",
        (b'&', ..) => "&",
        (b'|', ..) => "|",
        (b'^', ..) => "^",
        (b'~', ..) => "~",
        (b'(', ..) => "(",
        (b')', ..) => ")",
        (b'[', ..) => "[",
        (b']', ..) => "]",
        (b',', ..) => ",",
        (b':', ..) => ":",
        (b'=', ..) => "=",
        (b'@', ..) => "@",
        (b'#', ..) => "#",
        (b'!', ..) => "!",
        (b'<', ..) => "<",
        (b'>', ..) => ">",
        _ => return None,
    })
}

/// A token and its range of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Token {
    pub(crate) fn span(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// A position in a line.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'t> {
    text: &'t str,
    /// Address of the first byte of the text.
    base: usize,
    position: usize,
    end: usize,
}

impl<'t> Cursor<'t> {
    /// A cursor over `text[start..end]`, one line without its line end.
    pub(crate) fn new(text: &'t str, start: usize, end: usize) -> Self {
        Cursor::at(text, 0, start, end)
    }

    /// The same in a text whose first byte has the address `base`.
    pub(crate) fn at(text: &'t str, base: usize, start: usize, end: usize) -> Self {
        Cursor {
            text,
            base,
            position: start,
            end,
        }
    }

    /// Byte at `at`, 0 beyond the line.
    fn byte(&self, at: usize) -> u8 {
        if at < self.end {
            self.text.as_bytes()[at]
        } else {
            0
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.byte(self.position), b' ' | b'\t' | b'\r') && self.position < self.end {
            self.position += 1;
        }
    }

    /// Address of the end of the last token taken.
    pub(crate) fn position(&self) -> usize {
        self.base + self.position
    }

    /// Text of a token of this line.
    pub(crate) fn text(&self, token: Token) -> &'t str {
        self.slice(token.span())
    }

    /// Text between two addresses of this line.
    pub(crate) fn slice(&self, span: Range<usize>) -> &'t str {
        &self.text[span.start - self.base..span.end - self.base]
    }

    /// The next token, without taking it.
    pub(crate) fn peek(&self) -> Token {
        self.clone().take()
    }

    /// Takes the next token. At the end of the line it is [`Kind::End`] for ever.
    pub(crate) fn take(&mut self) -> Token {
        self.skip_space();
        let start = self.position;
        let first = self.byte(start);
        let kind = match first {
            _ if start >= self.end || first == b';' => Kind::End,
            b'0'..=b'9' => self.number(),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                self.name();
                Kind::Name
            }
            b'.' if self.byte(start + 1).is_ascii_alphabetic() => {
                self.position += 1;
                self.name();
                Kind::Directive
            }
            b'"' => self.quoted(),
            _ => self.mark(),
        };
        Token {
            kind,
            start: self.base + start,
            end: self.base + self.position,
        }
    }

    /// Letters, digits, `_`, and dots between them.
    fn name(&mut self) {
        loop {
            let here = self.byte(self.position);
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if word(here) || (here == b'.' && word(self.byte(self.position + 1))) {
                self.position += 1;
            } else {
                return;
            }
        }
    }

    fn number(&mut self) -> Kind {
        let radix = match (self.byte(self.position), self.byte(self.position + 1)) {
            (b'0', b'x' | b'X') => 16,
            (b'0', b'b' | b'B') => 2,
            _ => 10,
        };
        if radix != 10 {
            self.position += 2;
        }
        let mut value: u64 = 0;
        let mut digits = 0;
        let mut good = true;
        loop {
            let here = self.byte(self.position);
            match (here as char).to_digit(radix) {
                Some(digit) => {
                    let next = value
                        .checked_mul(u64::from(radix))
                        .and_then(|v| v.checked_add(u64::from(digit)));
                    good &= next.is_some();
                    value = next.unwrap_or(0);
                    digits += 1;
                }
                None if here == b'_' => {}
                None if here.is_ascii_alphanumeric() => good = false,
                None => break,
            }
            self.position += 1;
        }
        good &= digits > 0 && (radix != 10 || i64::try_from(value).is_ok());
        if good {
            Kind::Number(value as i64)
        } else {
            Kind::BadNumber
        }
    }

    fn quoted(&mut self) -> Kind {
        self.position += 1;
        while self.position < self.end {
            match self.byte(self.position) {
                b'"' => {
                    self.position += 1;
                    return Kind::Text;
                }
                b'\\' if self.byte(self.position + 1).is_ascii_graphic() => self.position += 2,
                _ => self.position += 1,
            }
        }
        Kind::BadText
    }

    fn mark(&mut self) -> Kind {
        let at = self.position;
        match mark(self.byte(at), self.byte(at + 1), self.byte(at + 2)) {
            Some(mark) => {
                self.position += mark.len();
                Kind::Mark(mark)
            }
            None => {
                let rest = &self.text[at..self.end];
                self.position += rest.chars().next().map_or(0, char::len_utf8);
                Kind::Unexpected
            }
        }
    }

    /// Takes the next token if it is this mark.
    pub(crate) fn take_mark(&mut self, mark: &str) -> bool {
        let mut ahead = self.clone();
        let found = matches!(ahead.take().kind, Kind::Mark(m) if m == mark);
        if found {
            *self = ahead;
        }
        found
    }

    /// A decimal number of up to 9 digits at byte `at`, and where it ends.
    fn plain_number(&self, mut at: usize) -> Option<(i64, usize)> {
        let negative = self.byte(at) == b'-';
        at += usize::from(negative);
        let first = at;
        let mut value = 0i64;
        while self.byte(at).is_ascii_digit() && at - first < 10 {
            value = value * 10 + i64::from(self.byte(at) - b'0');
            at += 1;
        }
        let good = (1..10).contains(&(at - first));
        good.then_some((if negative { -value } else { value }, at))
    }

    /// Takes `target:weight` or `target:weight@delay` in plain decimal numbers with space or the end of the line behind
    /// it, if `good` says so: what most of a large text is. Everything else is left to be read token by token.
    pub(crate) fn take_synapse(
        &mut self,
        good: impl FnOnce(i64, i64, Option<i64>) -> bool,
    ) -> Option<(i64, i64, i64)> {
        self.skip_space();
        let (target, at) = self.plain_number(self.position)?;
        if self.byte(at) != b':' {
            return None;
        }
        let (weight, at) = self.plain_number(at + 1)?;
        let (delay, at) = match self.byte(at) {
            b'@' => {
                let (delay, at) = self.plain_number(at + 1)?;
                (Some(delay), at)
            }
            _ => (None, at),
        };
        let ends = at >= self.end || matches!(self.byte(at), b' ' | b'\t' | b'\r');
        if !ends || !good(target, weight, delay) {
            return None;
        }
        self.position = at;
        Some((target, weight, delay.unwrap_or(0)))
    }

    /// Takes a finite decimal number such as `-1.5e-3`.
    pub(crate) fn take_float(&mut self) -> Parse<f64> {
        self.skip_space();
        let start = self.position;
        let mut at = start;
        let digits = |at: &mut usize| {
            while self.byte(*at).is_ascii_digit() || self.byte(*at) == b'_' {
                *at += 1;
            }
        };
        if matches!(self.byte(at), b'-' | b'+') {
            at += 1;
        }
        digits(&mut at);
        if self.byte(at) == b'.' {
            at += 1;
            digits(&mut at);
        }
        if matches!(self.byte(at), b'e' | b'E') {
            at += 1;
            if matches!(self.byte(at), b'-' | b'+') {
                at += 1;
            }
            digits(&mut at);
        }
        match self.text[start..at].replace('_', "").parse::<f64>() {
            Ok(value) if value.is_finite() => {
                self.position = at;
                Ok(value)
            }
            _ => {
                let token = self.peek();
                let span = self.base + start..(self.base + at).max(token.end);
                Err(
                    Fault::new(code::BAD_NUMBER, span, "expected a decimal number")
                        .label("not a number")
                        .help("write it like `0.001` or `1e-3`"),
                )
            }
        }
    }
}

/// Describes a token for "found …".
pub(crate) fn describe(cursor: &Cursor<'_>, token: Token) -> String {
    match token.kind {
        Kind::End => "the end of the line".to_owned(),
        _ => format!("`{}`", cursor.text(token)),
    }
}

/// The fault of a token that is bad in itself, if it is.
pub(crate) fn token_fault(cursor: &Cursor<'_>, token: Token) -> Option<Fault> {
    let text = cursor.text(token);
    match token.kind {
        Kind::Unexpected if text == "\\" => Some(
            Fault::new(
                code::UNKNOWN_PARAMETER,
                token.span(),
                "`\\` begins a parameter, but no macro or `.rept` is expanded here",
            )
            .label("no parameter")
            .help("names of `.equ` stand without it"),
        ),
        Kind::Unexpected => Some(
            Fault::new(
                code::UNEXPECTED_CHARACTER,
                token.span(),
                format!("unexpected character `{}`", text.escape_default()),
            )
            .label("not part of the language"),
        ),
        Kind::BadNumber => Some(
            Fault::new(
                code::BAD_NUMBER,
                token.span(),
                format!("`{text}` is not a number of 64 bits"),
            )
            .label("not a number")
            .help("decimal `12`, hexadecimal `0x1f` or binary `0b101`, with `_` between digits"),
        ),
        Kind::BadText => Some(
            Fault::new(
                code::BAD_STRING,
                token.span(),
                "string without its closing quote",
            )
            .label("opened here"),
        ),
        _ => None,
    }
}

/// The value of a [`Kind::Text`] token.
pub(crate) fn unquote(cursor: &Cursor<'_>, token: Token) -> Parse<String> {
    let quoted = cursor.text(token);
    let inner = &quoted[1..quoted.len() - 1];
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        let unescaped = match chars.next() {
            Some((_, 'n')) => Some('\n'),
            Some((_, 't')) => Some('\t'),
            Some((_, 'r')) => Some('\r'),
            Some((_, '0')) => Some('\0'),
            Some((_, c @ ('"' | '\\' | '\''))) => Some(c),
            Some((_, 'u')) => unicode(&mut chars),
            _ => None,
        };
        let Some(unescaped) = unescaped else {
            let start = token.start + 1 + at;
            return Err(Fault::new(
                code::BAD_STRING,
                start..start + 1,
                "unknown escape in string",
            )
            .label("not an escape")
            .help(r#"known are \" \\ \n \t \r \0 and \u{1f}"#));
        };
        value.push(unescaped);
    }
    Ok(value)
}

/// The rest of `\u{…}`.
fn unicode(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    if chars.next()?.1 != '{' {
        return None;
    }
    let mut value = 0u32;
    for _ in 0..7 {
        match chars.next()?.1 {
            '}' => return char::from_u32(value),
            c => value = (value << 4) | c.to_digit(16)?,
        }
    }
    None
}

/// A name as it is written: bare when it lexes as a name, else quoted.
pub(crate) fn quote(name: &str) -> String {
    if is_bare(name) {
        name.to_owned()
    } else {
        let escaped: String = name
            .chars()
            .flat_map(|c| {
                let plain = !c.is_control() && c != '"' && c != '\\';
                let escape = (!plain).then(|| c.escape_default());
                plain
                    .then_some(c)
                    .into_iter()
                    .chain(escape.into_iter().flatten())
            })
            .collect();
        format!("\"{escaped}\"")
    }
}

/// Whether a name can stand without quotes.
pub(crate) fn is_bare(name: &str) -> bool {
    let first = name.bytes().next().unwrap_or(b'0');
    let mut cursor = Cursor::new(name, 0, name.len());
    (first.is_ascii_alphabetic() || first == b'_') && cursor.take().end == name.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(line: &str) -> Vec<Kind> {
        let mut cursor = Cursor::new(line, 0, line.len());
        std::iter::from_fn(|| match cursor.take().kind {
            Kind::End => None,
            kind => Some(kind),
        })
        .collect()
    }

    #[test]
    fn tokens() {
        use Kind::{BadNumber, BadText, Directive, Mark, Name, Number, Text, Unexpected};
        assert_eq!(kinds(".slot v ; c"), [Directive, Name]);
        assert_eq!(
            kinds("0..=0x1F:-3"),
            [
                Number(0),
                Mark("..="),
                Number(31),
                Mark(":"),
                Mark("-"),
                Number(3)
            ]
        );
        assert_eq!(kinds("cmp.eq 1_000"), [Name, Number(1000)]);
        assert_eq!(kinds("0xffff_ffff_ffff_ffff"), [Number(-1)]);
        assert_eq!(kinds("9223372036854775808 12a 0x"), [BadNumber; 3]);
        assert_eq!(kinds(r#""a\"b" "c"#), [Text, BadText]);
        assert_eq!(kinds("é$<"), [Unexpected, Unexpected, Mark("<")]);
    }

    #[test]
    fn quoting_is_exact() {
        for name in [
            "a",
            "conv2.w",
            "1a",
            "a b",
            "",
            "a\"\\\n\u{1}é",
            "a.",
            "\u{202e}x",
        ] {
            let quoted = quote(name);
            let cursor = Cursor::new(&quoted, 0, quoted.len());
            let token = cursor.peek();
            assert_eq!(token.end, quoted.len());
            let back = match token.kind {
                Kind::Text => unquote(&cursor, token).unwrap(),
                _ => cursor.text(token).to_owned(),
            };
            assert_eq!(back, name);
        }
    }
}
