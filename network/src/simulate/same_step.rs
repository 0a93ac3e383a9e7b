//! Projections that act in the step of the spike: after all nodes of the step, on membranes.
//!
//! Invariant: nothing of it is compared before the next step; neurons that fire or are refractory in this step take none.

use super::{Machine, Unit};

impl Machine<'_> {
    /// Adds what this step's spikes send through such projections.
    pub(super) fn same_step(&mut self) {
        for &(from, to) in &self.graph.same_step {
            let Unit::Neuron { law, .. } = &self.units[to as usize] else {
                unreachable!("readers lead them to populations")
            };
            let state = &mut self.states[to as usize];
            self.given[from as usize].for_each_active(|i, x| law.push(state, i, x));
        }
    }
}
