//! How a projection reaches its target: as input of a step, or, with `same_step`, on the membranes after the step.
//!
//! Invariant: what acts in the same step is kept apart from the graph's edges, so it orders nothing and closes no cycle.

use super::build::{Builder, Step, span};
use super::schema;
use crate::graph::Op;
use crate::lowered::Model;

impl Builder<'_> {
    /// Joins the end `at` of a projection to population `to`.
    pub(super) fn arrive(&mut self, p: &schema::Projection, at: u32, to: u32) -> Step<()> {
        if !p.same_step.as_ref().is_some_and(|same| *same.get_ref()) {
            self.edges.push((at, to));
            return Ok(());
        }
        self.reject(
            &[("delay", span(&p.delay))],
            "contradicts `same_step`: it acts in the step of the spike",
        )?;
        let membrane = match &self.drafts[to as usize].op {
            Op::Neuron { model, .. } => matches!(**model, Model::Leaky { .. }),
            _ => false,
        };
        if !membrane {
            let at = span(&p.same_step).unwrap_or_default();
            return self.fail(
                at,
                "`same_step` adds to a membrane: it leads to a population of model i, if, li or lif",
            );
        }
        self.same_step.push((at, to));
        Ok(())
    }
}
