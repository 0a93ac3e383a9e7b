//! From the fields of a NIR neuron to a model.
//!
//! Invariant: all parameters of a node have one shape; a switch that nobody set is noted as assumed.

use super::nodes::{Elementwise, Fields};
use crate::graph::{Draft, Op};
use crate::lowered::{Compare, Decay, Fire, IntParam, Model, Param, RealParam, Reset};
use crate::options::ImportOptions;
use crate::shapes::{broadcast, elements};

/// Collects the elementwise fields of a neuron and gives them one shape.
struct Params {
    names: Vec<&'static str>,
    fields: Vec<Elementwise>,
}

impl Params {
    /// The common shape and, in order of collection, the parameters.
    fn settle(self, fields: &mut Fields<'_, '_>) -> Option<(Vec<u32>, std::vec::IntoIter<Param>)> {
        let shape = self
            .fields
            .iter()
            .map(|f| &f.0)
            .max_by_key(|s| (elements(s), s.len()))?
            .clone();
        let mut params = Vec::with_capacity(self.fields.len());
        for (name, (own, values)) in self.names.into_iter().zip(self.fields) {
            if !crate::shapes::broadcasts(&own, &shape) {
                fields.error(
                    name,
                    format!("has shape {own:?}, another field has {shape:?}"),
                );
                return None;
            }
            params.push(if values.windows(2).all(|w| w[0] == w[1]) {
                Param::One(values[0])
            } else if own == shape {
                Param::Each(values)
            } else {
                Param::Each(broadcast(&values, &own, &shape))
            });
        }
        Some((shape, params.into_iter()))
    }
}

pub(super) fn read(
    fields: &mut Fields<'_, '_>,
    kind: &str,
    options: &ImportOptions,
) -> Option<Draft> {
    if let Some(kernel) = fields.kernel()? {
        return by_kernel(fields, kernel);
    }
    let cuba = kind.starts_with("Cuba");
    let fires = kind.ends_with("IF");
    let names: &[&'static str] = match kind {
        "I" | "IF" => &["r"],
        "LI" | "LIF" => &["tau", "r", "v_leak"],
        "Threshold" => &["threshold"],
        _ => &["tau_syn", "tau_mem", "r", "v_leak"],
    };
    let mut params = Params {
        names: Vec::new(),
        fields: Vec::new(),
    };
    let mut complete = true;
    for &name in names.iter().chain(fires.then_some(&"v_threshold")) {
        match fields.elementwise(name) {
            Some(field) => {
                if name.starts_with("tau") {
                    check_time_constant(fields, name, &field.1);
                }
                params.names.push(name);
                params.fields.push(field);
            }
            None => complete = false,
        }
    }
    let optional = [(fires, "v_reset", 0.0), (cuba, "w_in", 1.0)];
    for (_, name, default) in optional.into_iter().filter(|o| o.0) {
        let field = if fields.unread.iter().any(|f| f == name) {
            fields.elementwise(name)
        } else {
            let note = format!(
                "node `{}`: the file has no `{name}`; taken as {default}",
                fields.node
            );
            fields.import.notes.push(note);
            Some((vec![1], vec![default]))
        };
        match field {
            Some(field) => {
                params.names.push(name);
                params.fields.push(field);
            }
            None => complete = false,
        }
    }
    if !complete {
        return None;
    }
    let (shape, mut values) = params.settle(fields)?;
    let mut next = || values.next().expect("as many values as names");
    let assumed = &mut fields.import.assumed;
    let compare = |assumed: &mut indexmap::IndexSet<&'static str>| {
        options.compare.unwrap_or_else(|| {
            assumed.insert("compare");
            Compare::Gt
        })
    };
    let decay = |assumed: &mut indexmap::IndexSet<&'static str>| {
        options.decay.unwrap_or_else(|| {
            assumed.insert("decay");
            Decay::Euler
        })
    };
    let fire =
        |threshold: Param, v_reset: Param, assumed: &mut indexmap::IndexSet<&'static str>| Fire {
            threshold,
            v_reset,
            reset: options.reset.unwrap_or_else(|| {
                assumed.insert("reset");
                Reset::Hard
            }),
            reset_delay: options.reset_delay.unwrap_or_else(|| {
                assumed.insert("reset_delay");
                false
            }),
            compare: compare(assumed),
            refractory: Param::One(0.0),
        };
    let v_init = Param::One(0.0);
    let model = match kind {
        "Threshold" => Model::Threshold {
            threshold: next(),
            compare: compare(assumed),
        },
        "I" | "IF" => Model::Leaky {
            tau: None,
            r: next(),
            v_leak: Param::One(0.0),
            decay: Decay::Euler,
            fire: fires.then(|| fire(next(), next(), assumed)),
            v_init,
            noise: None,
            filter: None,
        },
        "LI" | "LIF" => Model::Leaky {
            tau: Some(next()),
            r: next(),
            v_leak: next(),
            decay: decay(assumed),
            fire: fires.then(|| fire(next(), next(), assumed)),
            v_init,
            noise: None,
            filter: None,
        },
        _ => {
            let (tau_syn, tau_mem, r, v_leak) = (next(), next(), next(), next());
            let fire = fires.then(|| fire(next(), next(), assumed));
            Model::Cuba {
                tau_syn,
                tau_mem,
                r,
                v_leak,
                w_in: next(),
                decay: decay(assumed),
                old_current: options.old_current.unwrap_or_else(|| {
                    assumed.insert("cuba");
                    false
                }),
                alpha: false,
                fire,
                v_init,
            }
        }
    };
    let op = Op::Neuron {
        model: Box::new(model),
        bias: Vec::new(),
    };
    Some(Draft {
        name: fields.node.into(),
        op,
        in_shape: None,
        field_shape: Some(shape),
    })
}

/// A neuron whose metadata name a kernel: the node's own fields are offered to it as parameters.
fn by_kernel(fields: &mut Fields<'_, '_>, name: String) -> Option<Draft> {
    let options = fields.whole_metadata("options")?;
    let mut options_of = Vec::new();
    for (option, values) in options {
        match values[..] {
            [value] => options_of.push((option, value)),
            _ => fields.error(&format!("metadata/options/{option}"), "must be one number"),
        }
    }
    let mut values = Vec::new();
    for list in ["constants", "slots"] {
        for (value, numbers) in fields.whole_metadata(list)? {
            let all_alike = numbers.windows(2).all(|w| w[0] == w[1]);
            let number = match numbers.first() {
                Some(first) if all_alike => IntParam::One(*first),
                _ => IntParam::Each(numbers),
            };
            values.push((value, number));
        }
    }
    let mut params = Params {
        names: Vec::new(),
        fields: Vec::new(),
    };
    let given = fields.real_metadata("params")?;
    let mut names: Vec<(String, bool)> = Vec::new();
    for (name, field) in given {
        names.push((name, false));
        params.fields.push(field);
    }
    let mut unread = fields.unread.clone();
    unread.sort();
    for name in unread {
        if names.iter().any(|(given, _)| *given == name) || fields.is_text(&name) {
            continue;
        }
        params.fields.push(fields.elementwise(&name)?);
        names.push((name, true));
    }
    params.names = vec!["metadata/params"; params.fields.len()];
    if params.fields.is_empty() {
        fields.error(
            "metadata/kernel",
            "leaves the node without a field that has its shape",
        );
        return None;
    }
    let (shape, settled) = params.settle(fields)?;
    let len = elements(&shape).unwrap_or(0);
    if let Some((name, _)) = values
        .iter()
        .find(|(_, v)| matches!(v, IntParam::Each(list) if list.len() != len))
    {
        let what = format!("must have one number or {len}");
        fields.error(&format!("metadata: {name}"), what);
        return None;
    }
    let params = names.into_iter().zip(settled);
    let model = Model::Kernel {
        name,
        options: options_of,
        values,
        params: params
            .map(|((name, field), value)| RealParam { name, value, field })
            .collect(),
    };
    let op = Op::Neuron {
        model: Box::new(model),
        bias: Vec::new(),
    };
    Some(Draft {
        name: fields.node.into(),
        op,
        in_shape: None,
        field_shape: Some(shape),
    })
}

/// Time constants must be positive; one below the time step is allowed and reported.
fn check_time_constant(fields: &mut Fields<'_, '_>, name: &str, values: &[f64]) {
    if let Some(bad) = values.iter().find(|&&tau| tau <= 0.0) {
        fields.error(
            name,
            format!("has the value {bad}; a time constant must be above 0"),
        );
    } else if let (Some(dt_s), Some(tau)) =
        (fields.import.dt_s, values.iter().copied().reduce(f64::min))
    {
        // Files hold float32: half a part in a million apart is equal.
        if tau < dt_s * (1.0 - 5e-7) {
            let node = fields.node;
            let note = format!(
                "node `{node}`: {name} = {tau} s is shorter than the time step of {dt_s} s: is the time step right?"
            );
            fields.import.notes.push(note);
        }
    }
}
