//! What can be wrong with a run before it starts.
//!
//! Invariant: user mistakes end here, with ids, limit, value and the way out; a run that has started cannot fail.

use isa::verify::Violation;

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

fn list(violations: &[Violation]) -> String {
    violations
        .iter()
        .map(|v| format!("  {v}"))
        .collect::<Vec<_>>()
        .join("\n")
}
