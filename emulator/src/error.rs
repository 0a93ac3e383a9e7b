//! What can be wrong with a run before it starts.
//!
//! Invariant: user mistakes end here, with ids, limit, value and the way out; a run that has started cannot fail.

use isa::verify::Violation;
use std::collections::{BTreeMap, BTreeSet};

/// Why nothing was run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum EmulatorError {
    /// The image is malformed, or larger than the chip.
    #[error("the image does not fit chip \"{chip}\":\n{}", list(.violations))]
    DoesNotFit {
        /// Name of the chip.
        chip: String,
        /// Everything that is wrong, in image order.
        violations: Vec<Violation>,
    },
    /// An input sample does not match the image's inputs.
    #[error("sample {sample}: {what} ({remedy})")]
    Input {
        /// Index of the sample.
        sample: usize,
        /// What is wrong, with place and value.
        what: String,
        /// The way out.
        remedy: String,
    },
    /// The chip is outside of what the engine's tables hold.
    #[error("chip \"{chip}\": {what} ({remedy})")]
    Chip {
        /// Name of the chip.
        chip: String,
        /// The value and the limit.
        what: String,
        /// The way out.
        remedy: String,
    },
}

/// One line for each complaint; the same one of several cores stands once, at the first of them.
fn list(violations: &[Violation]) -> String {
    let mut lines: Vec<(&Violation, BTreeSet<&str>)> = Vec::new();
    let mut known: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for violation in violations {
        let (core, part) = split(&violation.place);
        let key = (part, violation.what.as_str(), violation.remedy.as_str());
        match core {
            Some(core) => {
                let at = *known.entry(key).or_insert(lines.len());
                if at == lines.len() {
                    lines.push((violation, BTreeSet::new()));
                }
                lines[at].1.insert(core);
            }
            None => lines.push((violation, BTreeSet::new())),
        }
    }
    let lines = lines.iter().map(|(first, cores)| match cores.len() {
        0 | 1 => format!("  {first}"),
        several => format!("  in {several} cores, first {first}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The number of the core that a place is in, if it is in one, and where in it: `core 3 group 1` is 3 and `group 1`.
fn split(place: &str) -> (Option<&str>, &str) {
    let Some(rest) = place.strip_prefix("core ") else {
        return (None, place);
    };
    let (core, part) = rest.split_once(' ').unwrap_or((rest, ""));
    (Some(core), part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_complaints_of_several_cores_are_one_line() {
        let violations = [
            ("core 0 group 0", "a"),
            ("core 0 group 1", "a"),
            ("core 2 group 0", "a"),
            ("core 2", "b"),
            ("core 10 group 0", "a"),
            ("host", "a"),
            ("host", "a"),
        ];
        let violations = violations.map(|(place, what)| Violation::new(place, what, "mend it"));
        let wanted = "  in 3 cores, first core 0 group 0: a (mend it)
  core 0 group 1: a (mend it)
  core 2: b (mend it)
  host: a (mend it)
  host: a (mend it)";
        assert_eq!(list(&violations), wanted);
    }
}
