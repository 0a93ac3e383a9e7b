//! Collects violations while an image is walked.
//!
//! Invariant: what is kept is bounded, however bad the image is, and nothing is formatted for a rule that holds.

use super::{Part, Violation};
use std::collections::BTreeSet;
use std::fmt;

/// Most violations that are listed.
const MOST_VIOLATIONS: usize = 1000;
/// Most bytes of a name.
const MAX_NAME_BYTES: usize = 1024;

/// Violations so far.
#[derive(Default)]
pub(super) struct Report {
    violations: Vec<Violation>,
    broken: usize,
}

impl Report {
    /// Rules broken so far.
    pub(super) fn broken(&self) -> usize {
        self.broken
    }

    /// The violations; of very many, the first and how many more there are.
    pub(super) fn finish(mut self) -> Vec<Violation> {
        if let more @ 1.. = self.broken - self.violations.len() {
            let what = format_args!("{more} more rules are broken");
            self.violations
                .push(Violation::new("image", what, "mend the first ones"));
        }
        self.violations
    }

    /// Adds a violation that is there already.
    pub(super) fn push(&mut self, violation: Violation) {
        self.broken += 1;
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(violation);
        }
    }

    /// Adds a violation.
    pub(super) fn add(
        &mut self,
        place: impl fmt::Display,
        what: impl fmt::Display,
        remedy: impl fmt::Display,
    ) {
        self.broken += 1;
        if self.violations.len() < MOST_VIOLATIONS {
            self.violations.push(Violation::new(place, what, remedy));
        }
    }

    /// Says which part broke the rule of the last violation.
    pub(super) fn part(&mut self, part: Option<Part>) {
        if let Some(last) = self
            .violations
            .last_mut()
            .filter(|_| self.broken <= MOST_VIOLATIONS)
        {
            last.part = part;
        }
    }

    /// Adds a violation unless `holds`; says whether it holds.
    pub(super) fn need(
        &mut self,
        holds: bool,
        place: impl fmt::Display,
        what: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> bool {
        if !holds {
            self.add(place, what, remedy);
        }
        holds
    }

    /// One violation for all bad items: the first, and how many more there are.
    pub(super) fn first<T>(
        &mut self,
        mut bad: impl Iterator<Item = T>,
        place: impl Fn(&T) -> String,
        what: impl Fn(&T) -> String,
        remedy: &str,
    ) {
        if let Some(item) = bad.next() {
            let more = match bad.count() {
                0 => String::new(),
                n => format!("; and {n} more like it"),
            };
            self.add(place(&item), what(&item) + &more, remedy);
        }
    }

    /// Free text that messages and listings can show.
    pub(super) fn text(&mut self, place: impl fmt::Display, what: &str, text: &str) {
        let fine = text.len() <= MAX_NAME_BYTES && !text.chars().any(char::is_control);
        let remedy = format_args!("at most {MAX_NAME_BYTES} bytes, without control characters");
        self.need(
            fine,
            place,
            format!("the {what} is too long or has control characters"),
            remedy,
        );
    }

    /// A non-empty name that no other of its kind has.
    pub(super) fn name<'a>(
        &mut self,
        place: impl fmt::Display,
        text: &'a str,
        seen: &mut BTreeSet<&'a str>,
    ) {
        self.text(&place, "name", text);
        self.need(
            !text.is_empty(),
            &place,
            "the name is empty",
            "give it a name",
        );
        self.need(
            seen.insert(text),
            &place,
            format_args!("another one is named {} too", shown(text)),
            "give each its own name",
        );
    }

    /// A name that an assembler can write without quotes; unique.
    pub(super) fn identifier<'a>(
        &mut self,
        place: impl fmt::Display,
        text: &'a str,
        seen: &mut BTreeSet<&'a str>,
    ) {
        let remedy = "a letter or `_`, then letters, digits and `_`, at most 64 in all";
        if self.need(
            is_identifier(text),
            &place,
            format_args!("{} is not an identifier", shown(text)),
            remedy,
        ) {
            self.need(
                seen.insert(text),
                place,
                format_args!("there are two named `{text}`"),
                "give each its own name",
            );
        }
    }
}

pub(super) fn is_identifier(text: &str) -> bool {
    let letters = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters
        && text.len() <= 64
        && text
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

/// A name in a message: quoted, on one line, not endless.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
