//! `.lut`: a table by its formula.
//!
//! Invariant: the entries are the same on every machine; real functions are those of `libm`.

use crate::diagnostic::{Parse, code};
use crate::expr::{expect_mark, expression};
use crate::lexer::{Cursor, Token};
use crate::operands::in_range;
use crate::parser::{Parser, skip_line};

/// Entries of a table, unless the text says otherwise: what an 8-bit index reaches.
const ENTRIES: i64 = 256;

impl Parser<'_> {
    /// `.lut squash count=256 = q15(sigmoid((i - 128) / 16))`.
    pub(crate) fn lut(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let (name, named) = self.bare_name(cursor)?;
        let mut count = ENTRIES;
        self.keys(cursor, &["count="], |parser, _, cursor| {
            count = parser.number(cursor, "count", 1, ENTRIES)?;
            Ok(())
        })?;
        expect_mark(cursor, "=")?;
        let formula = cursor.clone();
        let start = cursor.peek().start;
        let mut entries = Vec::with_capacity(count as usize);
        let outer = self.symbols.variable;
        for i in 0..count {
            *cursor = formula.clone();
            self.symbols.variable = Some(i);
            let value = expression(cursor, &self.symbols);
            self.symbols.variable = outer;
            let entry = value.and_then(|value| {
                let span = start..cursor.position();
                in_range(
                    value,
                    "entry",
                    i64::from(i32::MIN),
                    i64::from(i32::MAX),
                    span,
                )
            });
            match entry {
                Ok(entry) => entries.push(entry as i32),
                Err(mut fault) => {
                    skip_line(cursor);
                    // A formula that does not parse is as wrong for every entry.
                    if matches!(
                        fault.0.code,
                        code::ARITHMETIC | code::OUT_OF_RANGE | code::INEXACT
                    ) {
                        fault.0.message.push_str(&format!(" for i = {i}"));
                    }
                    return Err(fault);
                }
            }
        }
        self.add_table(token, Some((name, named)), entries)
    }
}
