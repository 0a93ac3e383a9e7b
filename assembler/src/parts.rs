//! Parts of a line that directives share: names, texts, numbers within limits, keys.
//!
//! Invariant: each takes exactly the tokens of its part, or gives a fault at the token that does not belong there.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{atom, expect_mark, expression, unexpected};
use crate::lexer::{Cursor, Kind, Token, unquote};
use crate::operands::in_range;
use crate::parser::Parser;

impl Parser<'_> {
    /// A name without quotes.
    pub(crate) fn bare_name(&self, cursor: &mut Cursor<'_>) -> Parse<(String, Token)> {
        let token = cursor.take();
        match token.kind {
            Kind::Name => Ok((cursor.text(token).to_owned(), token)),
            _ => Err(unexpected(cursor, token, "a name")),
        }
    }

    /// A name, bare or quoted.
    pub(crate) fn text_value(&self, cursor: &mut Cursor<'_>) -> Parse<String> {
        let token = cursor.take();
        match token.kind {
            Kind::Name => Ok(cursor.text(token).to_owned()),
            Kind::Text => unquote(cursor, token),
            _ => Err(unexpected(cursor, token, "a name or a string in quotes")),
        }
    }

    /// An expression within limits.
    pub(crate) fn number(
        &self,
        cursor: &mut Cursor<'_>,
        what: &str,
        least: i64,
        most: i64,
    ) -> Parse<i64> {
        let start = cursor.peek().start;
        let value = expression(cursor, &self.symbols)?;
        in_range(value, what, least, most, start..cursor.position())
    }

    /// An item of a list, within limits.
    pub(crate) fn item(
        &self,
        cursor: &mut Cursor<'_>,
        what: &str,
        least: i64,
        most: i64,
    ) -> Parse<i64> {
        let start = cursor.peek().start;
        let value = atom(cursor, &self.symbols)?;
        in_range(value, what, least, most, start..cursor.position())
    }

    /// `key=value` pairs and flags in any order, until something else stands there. `value` gets the index of the key.
    pub(crate) fn keys(
        &mut self,
        cursor: &mut Cursor<'_>,
        keys: &[&str],
        mut value: impl FnMut(&mut Self, usize, &mut Cursor<'_>) -> Parse<()>,
    ) -> Parse<()> {
        let mut seen = 0u32;
        while cursor.peek().kind == Kind::Name {
            let token = cursor.take();
            let written = cursor.text(token);
            let Some(at) = keys
                .iter()
                .position(|key| key.trim_end_matches('=') == written)
            else {
                let bare = keys.iter().map(|key| key.trim_end_matches('='));
                let known: Vec<&str> = bare.clone().collect();
                return Err(Fault::new(
                    code::UNKNOWN_KEY,
                    token.span(),
                    format!("`{written}` is not known here"),
                )
                .label("unknown")
                .help(format!("known here: {}", known.join(", ")))
                .maybe_help(did_you_mean(written, bare)));
            };
            if seen & (1 << at) != 0 {
                return Err(Fault::new(
                    code::REPEATED_KEY,
                    token.span(),
                    format!("`{written}` is given twice"),
                )
                .label("second time"));
            }
            seen |= 1 << at;
            if keys[at].ends_with('=') {
                expect_mark(cursor, "=")?;
            }
            value(self, at, cursor)?;
        }
        Ok(())
    }
}
