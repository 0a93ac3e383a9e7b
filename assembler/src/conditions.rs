//! `.if`, `.elseif`, `.else`, `.endif`.
//!
//! Invariant: a condition ends in the file or expansion in which it began.

use crate::diagnostic::{Fault, Parse, code};
use crate::expr::expression;
use crate::lexer::{Cursor, Token};
use crate::parser::{Parser, skip_line};
use std::ops::Range;

/// One open `.if`.
struct Condition {
    /// Lines are read; those of an outer condition are too.
    active: bool,
    /// A branch was read, or the whole stands in lines that are not read.
    settled: bool,
    otherwise: Option<Range<usize>>,
    opened: Range<usize>,
}

/// The open conditions.
#[derive(Default)]
pub(crate) struct Conditions {
    open: Vec<Condition>,
    /// How many of them began outside of the text that is read.
    outside: usize,
}

impl Conditions {
    /// Whether lines are read.
    pub(crate) fn reading(&self) -> bool {
        self.open.last().is_none_or(|condition| condition.active)
    }

    /// Begins a file or expansion; what [`Conditions::leave`] takes.
    pub(crate) fn enter(&mut self) -> usize {
        std::mem::replace(&mut self.outside, self.open.len())
    }

    /// Ends it; what is wrong with conditions that are still open.
    pub(crate) fn leave(&mut self, outside: usize) -> Vec<Fault> {
        let unclosed = self.open.drain(self.outside..).map(|condition| {
            Fault::new(
                code::CONDITION,
                condition.opened,
                "`.if` without its `.endif`",
            )
            .label("opened here")
        });
        let faults = unclosed.collect();
        self.outside = outside;
        faults
    }

    fn last(&mut self) -> Option<&mut Condition> {
        self.open[self.outside..].last_mut()
    }
}

impl Parser<'_> {
    /// `.if expression`.
    pub(crate) fn condition(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let reading = self.conditions.reading();
        let value = match reading {
            true => expression(cursor, &self.symbols),
            false => Ok(0),
        };
        let good = matches!(value, Ok(value) if value != 0);
        self.conditions.open.push(Condition {
            active: good,
            // No branch of a condition without value is read: each would be as wrong as the others.
            settled: good || !reading || value.is_err(),
            otherwise: None,
            opened: token.span(),
        });
        if !reading {
            skip_line(cursor);
        }
        value.map(|_| ())
    }

    /// `.elseif expression`.
    pub(crate) fn otherwise_if(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let Some(condition) = self.conditions.last() else {
            return Err(stray(".elseif", token));
        };
        if let Some(before) = &condition.otherwise {
            return Err(after_else(".elseif", token, before));
        }
        condition.active = false;
        if condition.settled {
            skip_line(cursor);
            return Ok(());
        }
        let value = expression(cursor, &self.symbols);
        if let Some(condition) = self.conditions.last() {
            condition.active = matches!(value, Ok(value) if value != 0);
            condition.settled = condition.active || value.is_err();
        }
        value.map(|_| ())
    }

    /// `.else`.
    pub(crate) fn otherwise(&mut self, _: &mut Cursor<'_>, token: Token) -> Parse<()> {
        match self.conditions.last() {
            None => Err(stray(".else", token)),
            Some(condition) => match condition.otherwise.replace(token.span()) {
                None => {
                    condition.active = !condition.settled;
                    Ok(())
                }
                Some(before) => {
                    condition.active = false;
                    Err(after_else(".else", token, &before))
                }
            },
        }
    }

    /// `.endif`.
    pub(crate) fn end_condition(&mut self, _: &mut Cursor<'_>, token: Token) -> Parse<()> {
        if self.conditions.last().is_none() {
            return Err(
                Fault::new(code::CONDITION, token.span(), "`.endif` without its `.if`")
                    .label("nothing to end"),
            );
        }
        self.conditions.open.pop();
        Ok(())
    }
}

fn stray(name: &str, token: Token) -> Fault {
    Fault::new(
        code::CONDITION,
        token.span(),
        format!("`{name}` without its `.if`"),
    )
    .label("nothing to turn")
    .help("a condition ends in the file, macro or round in which it began")
}

fn after_else(name: &str, token: Token, before: &Range<usize>) -> Fault {
    Fault::new(
        code::CONDITION,
        token.span(),
        format!("`{name}` after `.else`"),
    )
    .label("too late")
    .note(before.clone(), "the `.else` stands here")
}
