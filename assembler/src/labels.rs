//! Labels of a handler and the branches that name them.
//!
//! Invariant: a branch finds a label of its own context or of one around it; labels that an expansion defines are its own.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::unexpected;
use crate::lexer::{Cursor, Kind, Token};
use crate::source::{Context, Sources};
use rustc_hash::FxHashMap;
use std::ops::Range;
use std::rc::Rc;

/// A label, in its context.
struct Label {
    context: Context,
    /// The instruction that it stands before.
    at: usize,
    span: Range<usize>,
}

/// What a branch names.
enum Target {
    Name(Rc<str>),
    /// `1f`: the next label `1:` after this many numbered ones.
    Next(u64, usize),
}

struct Branch {
    from: usize,
    target: Target,
    context: Context,
    span: Range<usize>,
}

/// The labels and branches of one handler.
#[derive(Default)]
pub(crate) struct Labels {
    named: FxHashMap<Rc<str>, Vec<Label>>,
    /// `1:`, in the order of the text.
    numbered: Vec<(u64, Label)>,
    branches: Vec<Branch>,
    /// The label that `.name` belongs to.
    pub(crate) parent: Option<Rc<str>>,
}

impl Labels {
    /// `name:`, `.name:` or `1:` before instruction `at`.
    pub(crate) fn define(
        &mut self,
        written: &str,
        token: Token,
        at: usize,
        sources: &Sources,
    ) -> Parse<()> {
        let label = Label {
            context: sources.context(token.start),
            at,
            span: token.span(),
        };
        if token.kind != Kind::Name && token.kind != Kind::Directive {
            let number = number(written).ok_or_else(|| {
                Fault::new(
                    code::BAD_NUMBER,
                    token.span(),
                    format!("`{written}` is no number of a label"),
                )
                .label("not a label")
                .help("numbered labels are decimal: `1:`")
            })?;
            self.numbered.push((number, label));
            return Ok(());
        }
        let name = self.full(written);
        if token.kind == Kind::Name {
            self.parent = Some(name.clone());
        }
        let known = self.named.entry(name.clone()).or_default();
        match known.iter().find(|known| known.context == label.context) {
            None => {
                known.push(label);
                Ok(())
            }
            Some(first) => Err(Fault::new(
                code::REPEATED_LABEL,
                token.span(),
                format!("label `{name}` stands twice in this handler"),
            )
            .label("second place")
            .help("labels belong to their handler; give one of the two another name")
            .note(first.span.clone(), "first place")),
        }
    }

    /// All labels and the instructions they stand before, in that order.
    pub(crate) fn all(&self) -> Vec<(String, usize)> {
        let named = self.named.iter();
        let named =
            named.flat_map(|(name, labels)| labels.iter().map(|l| (name.to_string(), l.at)));
        let numbered = self
            .numbered
            .iter()
            .map(|(number, l)| (number.to_string(), l.at));
        let mut all: Vec<(String, usize)> = named.chain(numbered).collect();
        all.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        all
    }

    /// `.name` is short for `parent.name`.
    fn full(&self, written: &str) -> Rc<str> {
        match &self.parent {
            Some(parent) if written.starts_with('.') => format!("{parent}{written}").into(),
            _ => written.into(),
        }
    }

    /// The operand of a branch that is instruction `from`.
    pub(crate) fn branch(
        &mut self,
        cursor: &mut Cursor<'_>,
        from: usize,
        sources: &Sources,
    ) -> Parse<()> {
        let token = cursor.take();
        let written = cursor.text(token);
        let digits = written.strip_suffix(['f', 'b']).and_then(number);
        let target = match (token.kind, digits) {
            (Kind::Name | Kind::Directive, _) => Target::Name(self.full(written)),
            (Kind::BadNumber, Some(number)) if written.ends_with('f') => {
                Target::Next(number, self.numbered.len())
            }
            (Kind::BadNumber, Some(number)) => {
                return Err(Fault::new(
                    code::BACKWARD_BRANCH,
                    token.span(),
                    format!("cannot branch back to `{number}:`"),
                )
                .label("not a target")
                .help(format!(
                    "handlers have no loops; `{number}f` is the next `{number}:`"
                )));
            }
            _ => return Err(unexpected(cursor, token, "a label")),
        };
        self.branches.push(Branch {
            from,
            target,
            context: sources.context(token.start),
            span: token.span(),
        });
        Ok(())
    }

    /// Finds the target of every branch in a handler of `length` instructions; what is wrong otherwise.
    pub(crate) fn resolve(
        &self,
        sources: &Sources,
        length: usize,
        mut found: impl FnMut(usize, u16),
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for branch in &self.branches {
            let label = match &branch.target {
                Target::Name(name) => self.find(name, branch.context, sources),
                Target::Next(number, after) => self.numbered[*after..]
                    .iter()
                    .find(|(own, label)| {
                        own == number && sources.within(branch.context, label.context)
                    })
                    .map(|(_, label)| label),
            };
            let Some(label) = label else {
                faults.push(self.undefined(branch, sources));
                continue;
            };
            if label.at >= branch.from + 2 && label.at < length {
                found(
                    branch.from,
                    u16::try_from(label.at - branch.from - 1).unwrap_or(u16::MAX),
                );
                continue;
            }
            let name = branch.text();
            let why = if label.at >= length {
                "no instruction follows it"
            } else {
                "branches go forward, past at least one instruction"
            };
            faults.push(
                Fault::new(
                    code::BACKWARD_BRANCH,
                    branch.span.clone(),
                    format!("cannot branch to `{name}`: {why}"),
                )
                .label("not a target")
                .help("handlers have no loops; move the label below the code to be skipped")
                .note(label.span.clone(), "the label stands here"),
            );
        }
        faults
    }

    fn find(&self, name: &str, context: Context, sources: &Sources) -> Option<&Label> {
        let known = self.named.get(name)?;
        let mut context = Some(context);
        while let Some(here) = context {
            if let Some(label) = known.iter().find(|label| label.context == here) {
                return Some(label);
            }
            context = sources.outer(here);
        }
        None
    }

    fn undefined(&self, branch: &Branch, sources: &Sources) -> Fault {
        let name = branch.text();
        let fault = Fault::new(
            code::UNDEFINED_LABEL,
            branch.span.clone(),
            format!("there is no label `{name}` in this handler"),
        )
        .label("undefined");
        let Target::Name(written) = &branch.target else {
            let label = name.trim_end_matches('f');
            return fault.help(format!("write `{label}:` before an instruction below"));
        };
        let seen = |labels: &[Label]| {
            let mut owners = labels.iter().map(|label| label.context);
            owners.any(|owner| sources.within(branch.context, owner))
        };
        let mut known: Vec<&str> = self
            .named
            .iter()
            .filter(|(_, labels)| seen(labels))
            .map(|(name, _)| &**name)
            .collect();
        known.sort_unstable();
        let fault = fault
            .help(format!(
                "write `{written}:` before an instruction of this handler"
            ))
            .maybe_help(did_you_mean(written, known));
        match self.named.get(written).and_then(|labels| labels.first()) {
            Some(hidden) => fault
                .help("labels that a macro or a round of `.rept` defines are its own; give the macro the label as an argument")
                .note(hidden.span.clone(), "a label of that name belongs to this expansion"),
            None => fault,
        }
    }
}

impl Branch {
    fn text(&self) -> String {
        match &self.target {
            Target::Name(name) => name.to_string(),
            Target::Next(number, _) => format!("{number}f"),
        }
    }
}

/// A decimal number without signs or `_`.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}
