//! The verifier: what makes an image well formed, and what makes it fit a chip.
//!
//! Invariant: `structure` is complete — an image without structural violations makes no engine panic, overflow an
//! index or read out of bounds. `fits` adds every limit of a chip file, and takes images without structural violations only.
//! Both report all violations, in image order.

pub mod cycles;
pub mod handler;
pub mod idle;
mod limits;
mod report;
mod structure;

pub use limits::fits;
pub use structure::structure;

use crate::op::Handler;
use std::fmt;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where: `core 3 group 1`.
    pub place: String,
    /// What is wrong, with the value and the limit.
    pub what: String,
    /// The way out.
    pub remedy: String,
    /// The part of the place that breaks the rule, where it is one.
    pub part: Option<Part>,
}

/// A part of a core or group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Group of the core.
    Group(usize),
    /// Format of the core.
    Format(usize),
    /// Axon of the core.
    Axon(usize),
    /// Lane of the core, or of the place's group.
    Lane(usize),
    /// Slot of the group.
    Slot(usize),
    /// Constant of the group.
    Constant(usize),
    /// Receptors of the group.
    Receptors,
    /// Accumulator of the group.
    Accumulator,
    /// Instruction of a handler of a group of the core.
    Instruction(usize, Handler, usize),
}

impl Violation {
    /// A violation from anything that prints.
    pub fn new(
        place: impl fmt::Display,
        what: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Violation {
        Violation {
            place: place.to_string(),
            what: what.to_string(),
            remedy: remedy.to_string(),
            part: None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.place, self.what)?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(out, " ({})", self.remedy)
        }
    }
}
