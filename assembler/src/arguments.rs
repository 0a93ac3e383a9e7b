//! Parameters of macros, and the arguments of a call.
//!
//! Invariant: a call that is expanded has one argument for each parameter.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::unexpected;
use crate::lexer::{Cursor, Kind, Token, token_fault};
use crate::macros::Macro;
use crate::parser::Parser;
use std::ops::Range;

/// Most parameters of a macro.
const MOST_PARAMETERS: usize = 32;

/// A parameter, with the text and address of its default.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) default: Option<(String, usize)>,
}

/// What stands for a parameter.
pub(crate) enum Argument<'a> {
    /// Text of the call, and its address.
    Given(&'a str, usize),
    /// The default, and its address.
    Default(&'a str, usize),
    /// A number that stands nowhere.
    Made(String),
}

impl Argument<'_> {
    pub(crate) fn text(&self) -> &str {
        match self {
            Argument::Given(text, _) | Argument::Default(text, _) => text,
            Argument::Made(text) => text,
        }
    }
}

impl Parser<'_> {
    /// `first, second=default` to the end of the line.
    pub(crate) fn parameters(&self, cursor: &mut Cursor<'_>) -> Parse<Vec<Parameter>> {
        let mut parameters: Vec<Parameter> = Vec::new();
        if cursor.peek().kind == Kind::End {
            return Ok(parameters);
        }
        loop {
            let (name, token) = self.bare_name(cursor)?;
            if name.contains('.') {
                return Err(unexpected(cursor, token, "a name without dots"));
            }
            if parameters.iter().any(|known| known.name == name) {
                return Err(Fault::new(
                    code::REPEATED,
                    token.span(),
                    format!("parameter `{name}` stands twice"),
                )
                .label("second time"));
            }
            if parameters.len() >= MOST_PARAMETERS {
                return Err(Fault::new(
                    code::OUT_OF_RANGE,
                    token.span(),
                    format!("a macro has at most {MOST_PARAMETERS} parameters"),
                )
                .label("one too many"));
            }
            let (default, more) = match cursor.take_mark("=") {
                true => {
                    let (span, more) = part(cursor)?;
                    let text = cursor.slice(span.clone()).to_owned();
                    (Some((text, span.start)), more)
                }
                false => (None, cursor.take_mark(",")),
            };
            parameters.push(Parameter { name, default });
            match cursor.peek() {
                _ if more => {}
                next if next.kind == Kind::End => return Ok(parameters),
                next => return Err(unexpected(cursor, next, "`,` or the end of the line")),
            }
        }
    }

    /// The arguments of a call, in the order of the parameters: `1, (2 + 3), name=4`.
    pub(crate) fn arguments<'c>(
        &self,
        called: &'c Macro,
        mut cursor: Cursor<'c>,
        token: Token,
    ) -> Parse<Vec<Argument<'c>>> {
        let cursor = &mut cursor;
        let parameters = &called.parameters;
        let mut given: Vec<Option<Range<usize>>> = vec![None; parameters.len()];
        let mut position = 0;
        while cursor.peek().kind != Kind::End {
            let first = cursor.peek();
            let at = match by_name(cursor) {
                Some(name) => parameters
                    .iter()
                    .position(|parameter| parameter.name == name)
                    .ok_or_else(|| not_a_parameter(called, name, first))?,
                None => position,
            };
            let (span, more) = part(cursor)?;
            if at >= parameters.len() {
                return Err(Fault::new(
                    code::ARGUMENT,
                    span,
                    format!("macro `{}` takes {}", called.name, count(parameters.len())),
                )
                .label("one too many")
                .help(usage(called))
                .note(called.span.clone(), "defined here"));
            }
            if given[at].is_some() {
                return Err(Fault::new(
                    code::ARGUMENT,
                    first.start..span.end,
                    format!("`{}` is given twice", parameters[at].name),
                )
                .label("second time"));
            }
            // Nothing between two commas leaves the default.
            if !span.is_empty() {
                given[at] = Some(span);
            }
            position = at + 1;
            if !more {
                break;
            }
        }
        let arguments = parameters.iter().zip(given).map(|(parameter, given)| {
            match (given, &parameter.default) {
                (Some(span), _) => Ok(Argument::Given(cursor.slice(span.clone()), span.start)),
                (None, Some((text, address))) => Ok(Argument::Default(text, *address)),
                (None, None) => Err(Fault::new(
                    code::ARGUMENT,
                    token.span(),
                    format!("macro `{}` needs `{}`", called.name, parameter.name),
                )
                .label("an argument is missing")
                .help(usage(called))
                .note(called.span.clone(), "defined here")),
            }
        });
        arguments.collect()
    }
}

/// `name=` before an argument.
fn by_name<'c>(cursor: &mut Cursor<'c>) -> Option<&'c str> {
    let mut ahead = cursor.clone();
    let token = ahead.take();
    if token.kind != Kind::Name || !ahead.take_mark("=") {
        return None;
    }
    let name = cursor.text(token);
    *cursor = ahead;
    Some(name)
}

/// Text up to a comma outside brackets, without the comma, and whether there was one.
fn part(cursor: &mut Cursor<'_>) -> Parse<(Range<usize>, bool)> {
    let mut span = cursor.peek().start..cursor.peek().start;
    let mut open = 0usize;
    loop {
        let token = cursor.take();
        match token.kind {
            Kind::End => return Ok((span, false)),
            Kind::Mark(",") if open == 0 => return Ok((span, true)),
            Kind::Mark("(" | "[") => open += 1,
            Kind::Mark(")" | "]") => open = open.saturating_sub(1),
            Kind::BadText => {
                if let Some(fault) = token_fault(cursor, token) {
                    return Err(fault);
                }
            }
            _ => {}
        }
        span.end = token.end;
    }
}

fn not_a_parameter(called: &Macro, name: &str, token: Token) -> Fault {
    let known = called
        .parameters
        .iter()
        .map(|parameter| parameter.name.as_str());
    Fault::new(
        code::ARGUMENT,
        token.span(),
        format!("macro `{}` has no parameter `{name}`", called.name),
    )
    .label("unknown")
    .help(usage(called))
    .maybe_help(did_you_mean(name, known))
    .note(called.span.clone(), "defined here")
}

fn count(parameters: usize) -> String {
    match parameters {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        many => format!("{many} arguments"),
    }
}

/// How the macro is called.
fn usage(called: &Macro) -> String {
    let parameters: Vec<String> = called
        .parameters
        .iter()
        .map(|parameter| match &parameter.default {
            Some((default, _)) => format!("{}={default}", parameter.name),
            None => parameter.name.clone(),
        })
        .collect();
    match parameters.is_empty() {
        true => format!("write `{}` alone", called.name),
        false => format!("write `{} {}`", called.name, parameters.join(", ")),
    }
}
