//! How a projection reaches its target: as one of the inputs of a step, or, with `same_step`, on the membranes after the step.
//!
//! Invariant: what acts in the same step is kept apart from the graph's edges, so it orders nothing and closes no cycle.

use super::build::{Builder, Step, span};
use super::schema::{self, ReceptorName};
use crate::graph::Op;
use crate::lowered::Model;
use crate::models::MAX_RECEPTORS;

impl Builder<'_> {
    /// Joins the end `at` of a projection to population `to`.
    pub(super) fn arrive(&mut self, p: &schema::Projection, at: u32, to: u32) -> Step<()> {
        if !p.same_step.as_ref().is_some_and(|same| *same.get_ref()) {
            self.edges.push((at, to));
            return self.receptor(p, at, to);
        }
        self.reject(
            &[("delay", span(&p.delay)), ("receptor", span(&p.receptor))],
            "contradicts `same_step`: it acts on the membrane, in the step of the spike",
        )?;
        let membrane = match &self.drafts[to as usize].op {
            Op::Neuron { model, .. } => matches!(**model, Model::Leaky { filter: None, .. }),
            _ => false,
        };
        if !membrane {
            let at = span(&p.same_step).unwrap_or_default();
            return self.fail(
                at,
                "`same_step` adds to a membrane: it leads to a population of model i, if, li or lif with synapse \"delta\"",
            );
        }
        self.same_step.push((at, to));
        Ok(())
    }

    /// Notes which input of population `to` the end `at` of a projection adds to.
    fn receptor(&mut self, p: &schema::Projection, at: u32, to: u32) -> Step<()> {
        let Some(receptor) = &p.receptor else {
            return Ok(());
        };
        let (kernel, names) = match &self.drafts[to as usize].op {
            Op::Neuron { model, .. } => {
                let kernel = matches!(**model, Model::Kernel { .. });
                (kernel, model.receptors())
            }
            _ => (false, &[][..]),
        };
        let number = match receptor.get_ref() {
            // Only the kernel's text knows its names.
            ReceptorName::Name(name) if kernel => {
                self.named_receptors.push((at, to, name.clone()));
                return Ok(());
            }
            ReceptorName::Name(name) => names.iter().position(|known| known == name),
            ReceptorName::Number(n) => {
                let count = match kernel {
                    true => usize::from(MAX_RECEPTORS),
                    false => names.len(),
                };
                usize::try_from(*n).ok().filter(|n| *n < count)
            }
        };
        let Some(number) = number else {
            let list: Vec<String> = names
                .iter()
                .enumerate()
                .map(|(number, name)| format!("\"{name}\" ({number})"))
                .collect();
            let what = match (kernel, list.is_empty()) {
                (true, _) => format!("a kernel has receptors 0 to {}", MAX_RECEPTORS - 1),
                (false, true) => {
                    format!("`{}` has one input: leave `receptor` out", p.to.get_ref())
                }
                (false, false) => format!(
                    "`{}` has the receptors {}",
                    p.to.get_ref(),
                    list.join(" and ")
                ),
            };
            return self.fail(receptor.span(), what);
        };
        if number > 0 {
            self.receptors.push((at, to, number as u8));
        }
        Ok(())
    }
}
