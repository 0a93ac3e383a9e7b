//! The models of `crate::models` from the keys of a population.
//!
//! Invariant: a key that a model has no use for was refused before (`foreign_keys`).

use std::ops::Range;

use toml::Spanned;

use super::build::{Builder, Step};
use super::schema::{self, ModelName, ResetName, SynapseName};
use crate::lowered::{Compare, Decay, Model, Param};
use crate::models::{
    Adaptive, AdaptiveReset, Compartments, Filter, Izhikevich, Join, Resonate, SigmaDelta,
};

/// A test of parameter values, and what passes it in words.
pub(super) type Test = (fn(f64) -> bool, &'static str);

pub(super) const TAU: Test = (|x| x > 0.0, "a `tau` above 0 seconds");
pub(super) const TAU_MEM: Test = (|x| x > 0.0, "a `tau_mem` above 0 seconds");
pub(super) const TAU_SYN: Test = (|x| x > 0.0, "a `tau_syn` above 0 seconds");
pub(super) const STEPS: Test = (
    |x| x >= 0.0 && x.fract() == 0.0 && x <= 65535.0,
    "a whole number of steps, 0 to 65535",
);
pub(super) const THRESHOLD: Test = (|_| true, "a `threshold`");
const CHANGE: Test = (|x| x > 0.0, "a `threshold` above 0");
const RECOVERY: Test = (|_| true, "`a`, `b`, `c` and `d`");
const FREQUENCY: Test = (|x| x >= 0.0, "a `frequency` of 0 Hz or more");
const BETA: Test = (|x| x >= 0.0, "a `beta` of 0 or more");

impl Builder<'_> {
    /// A population with one of these models; `None` for the others.
    pub(super) fn other_model(
        &mut self,
        p: &schema::Population,
        name: ModelName,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Option<Model>> {
        Ok(Some(match name {
            ModelName::Alif | ModelName::Lsnn => self.adaptive(p, name, len, at)?,
            ModelName::Izhikevich => self.izhikevich(p, len, at)?,
            ModelName::Resonate => self.resonate(p, len, at)?,
            ModelName::SigmaDelta => Model::SigmaDelta(Box::new(SigmaDelta {
                threshold: self.tested(&p.threshold, len, None, CHANGE, at)?,
                relu: p.relu.as_ref().is_none_or(|relu| *relu.get_ref()),
            })),
            ModelName::Compartments => self.compartments(p, len, at)?,
            _ => return Ok(None),
        }))
    }

    /// Whether a current-based neuron has two currents in a row.
    pub(super) fn alpha(&mut self, p: &schema::Population) -> Step<bool> {
        match p.synapse.as_ref() {
            Some(delta) if *delta.get_ref() == SynapseName::Delta => self.fail(
                delta.span(),
                "a current-based neuron has a synapse \"exponential\" or \"alpha\"; `if` and `lif` take \"delta\"",
            ),
            named => Ok(named.is_some_and(|s| *s.get_ref() == SynapseName::Alpha)),
        }
    }

    /// The synaptic current that `synapse` and `tau_syn` name.
    pub(super) fn filter(
        &mut self,
        p: &schema::Population,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Option<Filter>> {
        let named = p.synapse.as_ref().map(Spanned::get_ref);
        let Some(SynapseName::Exponential | SynapseName::Alpha) = named else {
            return match &p.tau_syn {
                Some(tau) => self.fail(
                    tau.span(),
                    "`tau_syn` needs synapse = \"exponential\" or \"alpha\"",
                ),
                None => Ok(None),
            };
        };
        let alpha = matches!(named, Some(SynapseName::Alpha));
        let tau = self.tested(&p.tau_syn, len, None, TAU_SYN, at)?;
        Ok(Some(Filter { tau, alpha }))
    }

    fn adaptive(
        &mut self,
        p: &schema::Population,
        name: ModelName,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Model> {
        const ADAPT: Test = (|x| x > 0.0, "a `tau_adapt` above 0 seconds");
        let reset = match name {
            ModelName::Alif => AdaptiveReset::Moving,
            _ => AdaptiveReset::Resting {
                late: p.reset_delay.as_ref().is_some_and(|d| *d.get_ref()),
                refractory: self.tested(&p.refractory, len, Some(0.0), STEPS, at)?,
            },
        };
        let decay = p.decay.as_ref().map(|d| d.get_ref().kind());
        let compare = p.compare.as_ref().map(|c| c.get_ref().kind());
        Ok(Model::Adaptive(Box::new(Adaptive {
            reset,
            tau_mem: self.tested(&p.tau_mem, len, None, TAU_MEM, at)?,
            tau_adapt: self.tested(&p.tau_adapt, len, None, ADAPT, at)?,
            r: self.param(&p.r, len, 1.0)?,
            threshold: self.tested(&p.threshold, len, None, THRESHOLD, at)?,
            beta: self.tested(&p.beta, len, None, BETA, at)?,
            v_init: self.param(&p.v_init, len, 0.0)?,
            compare: compare.unwrap_or(Compare::Gt),
            decay: decay.unwrap_or(Decay::Exp),
            filter: self.filter(p, len, at)?,
        })))
    }

    fn izhikevich(&mut self, p: &schema::Population, len: usize, at: &Range<usize>) -> Step<Model> {
        let u_init = match &p.u_init {
            None => None,
            given => Some(self.param(given, len, 0.0)?),
        };
        Ok(Model::Izhikevich(Box::new(Izhikevich {
            a: self.tested(&p.a, len, None, RECOVERY, at)?,
            b: self.tested(&p.b, len, None, RECOVERY, at)?,
            c: self.tested(&p.c, len, None, RECOVERY, at)?,
            d: self.tested(&p.d, len, None, RECOVERY, at)?,
            v_init: self.param(&p.v_init, len, -65.0)?,
            u_init,
            half_steps: p.half_steps.as_ref().is_some_and(|h| *h.get_ref()),
            filter: self.filter(p, len, at)?,
        })))
    }

    fn compartments(
        &mut self,
        p: &schema::Population,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Model> {
        const DENDRITE: Test = (|x| x > 0.0, "a `tau_dendrite` above 0 seconds");
        let join = p.join.as_ref().map_or(Join::Add, |j| j.get_ref().kind());
        if let (Some(gate), Join::Add | Join::Max | Join::Min) = (&p.gate, join) {
            return self.fail(
                gate.span(),
                "`gate` belongs to join = \"pass\" and \"block\"",
            );
        }
        let decay = p.decay.as_ref().map(|d| d.get_ref().kind());
        Ok(Model::Compartments(Box::new(Compartments {
            tau_mem: self.tested(&p.tau_mem, len, None, TAU_MEM, at)?,
            tau_dendrite: self.tested(&p.tau_dendrite, len, None, DENDRITE, at)?,
            r: self.param(&p.r, len, 1.0)?,
            r_dendrite: self.param(&p.r_dendrite, len, 1.0)?,
            join,
            gate: self.param(&p.gate, len, 0.0)?,
            clear: p.clear.as_ref().is_some_and(|c| *c.get_ref()),
            fire: self.fire(p, len, at)?,
            v_init: self.param(&p.v_init, len, 0.0)?,
            decay: decay.unwrap_or(Decay::Exp),
        })))
    }

    fn resonate(&mut self, p: &schema::Population, len: usize, at: &Range<usize>) -> Step<Model> {
        let threshold = self.tested(&p.threshold, len, None, THRESHOLD, at)?;
        let reset = p.reset.as_ref().map(Spanned::get_ref);
        let v_reset = match (reset, &p.v_reset) {
            (Some(ResetName::Subtract), _) => {
                let at = p.reset.as_ref().map_or(at.clone(), Spanned::span);
                return self.fail(at, "a resonator's reset is \"hard\" or \"none\"");
            }
            (Some(ResetName::None), Some(value)) => {
                return self.fail(value.span(), "`v_reset` has no meaning without a reset");
            }
            (Some(ResetName::None), None) => None,
            (_, None) => Some(threshold.clone()),
            (_, given) => Some(self.param(given, len, 0.0)?),
        };
        let tau = self.tested(&p.tau, len, None, TAU, at)?;
        let frequency: Param = self.tested(&p.frequency, len, None, FREQUENCY, at)?;
        Ok(Model::Resonate(Box::new(Resonate {
            tau,
            frequency,
            r: self.param(&p.r, len, 1.0)?,
            threshold,
            v_reset,
            when: p
                .when
                .as_ref()
                .map_or(crate::models::When::Level, |w| w.get_ref().kind()),
        })))
    }
}
