//! From the keys of the native format to a [`Graph`].
//!
//! Invariant: arrays are read once, when they are needed, into their final form: a synapse costs 8 bytes, or 10 with delays.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::schema::{self, CurrentName, Kind, ModelName, Padding, PerAxis, UnitName, Value, Whole};
use super::{Arrays, line_of};
use crate::error::{Collector, NetworkError, Result};
use crate::graph::{Draft, Graph, MAX_DELAY_STEPS, Op};
use crate::linear::{Axis, Linear};
use crate::lowered::{
    Compare, Decay, Fire, IntParam, Model, Noise, Param, Reset, Synapses, WeightUnit,
};
use crate::npz::{Array, NpzError};
use crate::options::ImportOptions;
use crate::shapes::elements;

/// The version of the format that is read.
const FORMAT: u32 = 1;

/// An input or population that projections can name.
struct Known {
    node: u32,
    shape: Vec<u32>,
    /// In chip integers.
    kernel: bool,
    input: bool,
}

struct Builder<'a> {
    text: &'a str,
    arrays: &'a mut dyn Arrays,
    container: String,
    errors: Collector,
    drafts: Vec<Draft>,
    edges: Vec<(u32, u32)>,
    known: BTreeMap<String, Known>,
    names: BTreeSet<String>,
}

/// Something was wrong, and is noted.
struct Noted;

type Step<T> = Result<T, Noted>;

pub(super) fn build(
    text: &str,
    stem: &str,
    network: schema::Network,
    arrays: &mut dyn Arrays,
    options: &ImportOptions,
) -> Result<Graph> {
    let container = network
        .arrays
        .clone()
        .unwrap_or_else(|| format!("{stem}.npz"));
    let mut b = Builder {
        text,
        arrays,
        container,
        errors: Collector::default(),
        drafts: Vec::new(),
        edges: Vec::new(),
        known: BTreeMap::new(),
        names: BTreeSet::new(),
    };
    if *network.format.get_ref() != FORMAT {
        let what = format!(
            "format {} is not known; this version reads format = {FORMAT}",
            network.format.get_ref()
        );
        b.error(network.format.span(), what);
        b.errors.check()?;
    }
    let dt_s = options.dt.or(network.dt.as_ref().map(|dt| *dt.get_ref()));
    match (dt_s, &network.dt) {
        (None, _) => b.errors.push(NetworkError::NoTimeStep),
        (Some(dt), Some(at)) if !(dt > 0.0 && dt.is_finite()) => {
            b.error(at.span(), "dt must be above 0 seconds")
        }
        _ => {}
    }
    for input in network.input {
        let span = input.span();
        let schema::Input { name, shape } = input.into_inner();
        let draft = Draft {
            name,
            op: Op::Input,
            in_shape: Some(shape),
            field_shape: None,
        };
        let _ = b.declare(span, draft, false, true);
    }
    for population in network.population {
        let _ = b.population(population);
    }
    for projection in network.projection {
        let _ = b.projection(projection);
    }
    for output in network.output {
        let span = output.span();
        let schema::Output {
            name,
            from,
            readout,
        } = output.into_inner();
        let Ok(source) = b.find(&from) else { continue };
        let op = Op::Output {
            readout: readout.map(|r| r.kind()),
        };
        let draft = Draft {
            name,
            op,
            in_shape: None,
            field_shape: None,
        };
        let from = source.node;
        if let Ok(node) = b.declare(span, draft, false, false) {
            b.edges.push((from, node));
        }
    }
    let assignment = match &network.assignment {
        Some(name) => b.assignment(name),
        None => None,
    };
    b.errors.check()?;
    let dt_s = dt_s.expect("its absence was noted");
    let name = network.name.unwrap_or_else(|| stem.to_string());
    let mut graph = Graph::build(name, dt_s, b.drafts, b.edges, false, Vec::new())?;
    graph.assignment = assignment;
    Ok(graph)
}

impl Builder<'_> {
    fn error(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.errors.push(NetworkError::Line {
            line: line_of(self.text, span.start),
            what: what.into(),
        });
    }

    fn fail<T>(&mut self, span: Range<usize>, what: impl Into<String>) -> Step<T> {
        self.error(span, what);
        Err(Noted)
    }

    /// Adds a named node.
    fn declare(
        &mut self,
        span: Range<usize>,
        draft: Draft,
        kernel: bool,
        input: bool,
    ) -> Step<u32> {
        let name = draft.name.clone();
        if name.is_empty() || !self.names.insert(name.clone()) {
            return self.fail(span, format!("the name `{name}` is empty or taken"));
        }
        let shape = draft.in_shape.clone().unwrap_or_default();
        if draft.in_shape.is_some() && (shape.is_empty() || elements(&shape).is_none_or(|n| n == 0))
        {
            return self.fail(
                span,
                format!(
                    "`{name}`: the shape {shape:?} must have at least one and not too many elements"
                ),
            );
        }
        let node = self.drafts.len() as u32;
        if draft.in_shape.is_some() {
            self.known.insert(
                name,
                Known {
                    node,
                    shape,
                    kernel,
                    input,
                },
            );
        }
        self.drafts.push(draft);
        Ok(node)
    }

    fn find(&mut self, name: &Spanned<String>) -> Step<&Known> {
        if !self.known.contains_key(name.get_ref()) {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            let what = format!(
                "there is no input or population `{}`; there are {}",
                name.get_ref(),
                names.join(", ")
            );
            return self.fail(name.span(), what);
        }
        Ok(&self.known[name.get_ref()])
    }

    fn array(&mut self, span: Range<usize>, name: &str) -> Step<Array> {
        match self.arrays.read(&self.container, name) {
            Ok(Some(array)) => Ok(array),
            Ok(None) => {
                let what = format!("there is no array `{name}` in `{}`", self.container);
                self.fail(span, what)
            }
            Err(what) => self.fail(span, what),
        }
    }

    fn converted<T>(
        &mut self,
        span: Range<usize>,
        name: &str,
        result: Result<T, NpzError>,
    ) -> Step<T> {
        result.or_else(|e| self.fail(span, format!("array `{name}`: {e}")))
    }

    /// Numbers of an array, all finite.
    fn finite(&mut self, span: Range<usize>, name: &str) -> Step<(Vec<usize>, Vec<f32>)> {
        let array = self.array(span.clone(), name)?;
        let shape = array.shape.clone();
        let values = array.into_f32();
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return self.fail(
                span,
                format!(
                    "array `{name}` is {} at element {i}; all values must be finite",
                    values[i]
                ),
            );
        }
        Ok((shape, values))
    }

    /// A parameter: a number, or one per neuron.
    fn param(&mut self, value: &Option<Spanned<Value>>, len: usize, default: f64) -> Step<Param> {
        let Some(value) = value else {
            return Ok(Param::One(default));
        };
        let span = value.span();
        let param = match value.get_ref() {
            Value::Number(x) => Param::One(*x),
            Value::Array(name) => {
                let array = self.array(span.clone(), name)?;
                if array.len() != len {
                    return self.fail(
                        span,
                        format!(
                            "array `{name}` has {} values for {len} neurons",
                            array.len()
                        ),
                    );
                }
                Param::Each(array.to_f64())
            }
        };
        let finite = match &param {
            Param::One(x) => x.is_finite(),
            Param::Each(v) => v.iter().all(|x| x.is_finite()),
        };
        if finite {
            Ok(param)
        } else {
            self.fail(span, "all values must be finite")
        }
    }

    /// A parameter whose values all pass a test.
    fn tested(
        &mut self,
        value: &Option<Spanned<Value>>,
        len: usize,
        default: Option<f64>,
        (test, what): (fn(f64) -> bool, &str),
        at: &Range<usize>,
    ) -> Step<Param> {
        if value.is_none() && default.is_none() {
            return self.fail(at.clone(), format!("the model needs {what}"));
        }
        let param = self.param(value, len, default.unwrap_or(0.0))?;
        let good = match &param {
            Param::One(x) => test(*x),
            Param::Each(v) => v.iter().all(|&x| test(x)),
        };
        let span = value.as_ref().map_or(at.clone(), Spanned::span);
        if good {
            Ok(param)
        } else {
            self.fail(span, format!("this must be {what}"))
        }
    }

    fn population(&mut self, population: Spanned<schema::Population>) -> Step<()> {
        let span = population.span();
        let p = population.into_inner();
        let len = elements(&p.shape).unwrap_or(0);
        let mut bias = Vec::new();
        let (model, kernel) = match (&p.model, &p.kernel) {
            (Some(model), None) => {
                self.reject(
                    &kernel_keys(&p),
                    "belongs to a kernel; this population has a model",
                )?;
                self.reject(
                    &foreign_keys(&p, *model.get_ref()),
                    "has no meaning for this model",
                )?;
                bias = match self.param(&p.bias, len, 0.0)? {
                    Param::One(0.0) => Vec::new(),
                    Param::One(b) => vec![b as f32; len],
                    Param::Each(v) => v.into_iter().map(|b| b as f32).collect(),
                };
                (self.model(&p, *model.get_ref(), len, &span)?, false)
            }
            (None, Some(_)) => {
                self.reject(
                    &model_keys(&p),
                    "belongs to a model; this population has a kernel",
                )?;
                (self.kernel(&p, len)?, true)
            }
            _ => {
                return self.fail(
                    span,
                    format!(
                        "population `{}` needs a model or a kernel, one of the two",
                        p.name
                    ),
                );
            }
        };
        let op = Op::Neuron {
            model: Box::new(model),
            bias,
        };
        let draft = Draft {
            name: p.name,
            op,
            in_shape: Some(p.shape),
            field_shape: None,
        };
        self.declare(span, draft, kernel, false).map(|_| ())
    }

    fn reject(&mut self, keys: &[(&str, Option<Range<usize>>)], what: &str) -> Step<()> {
        let mut result = Ok(());
        for (key, span) in keys {
            if let Some(span) = span {
                self.error(span.clone(), format!("`{key}` {what}"));
                result = Err(Noted);
            }
        }
        result
    }

    fn model(
        &mut self,
        p: &schema::Population,
        name: ModelName,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Model> {
        const POSITIVE: (fn(f64) -> bool, &str) = (|x| x > 0.0, "a time constant above 0 seconds");
        const STEPS: (fn(f64) -> bool, &str) = (
            |x| x >= 0.0 && x.fract() == 0.0 && x <= 65535.0,
            "a whole number of steps, 0 to 65535",
        );
        const THRESHOLD: (fn(f64) -> bool, &str) = (|_| true, "a `threshold`");
        let compare = p
            .compare
            .as_ref()
            .map_or(Compare::Gt, |c| c.get_ref().kind());
        let decay = p
            .decay
            .as_ref()
            .map_or(Decay::Euler, |d| d.get_ref().kind());
        let fires = matches!(name, ModelName::If | ModelName::Lif | ModelName::CubaLif);
        let fire = if fires {
            Some(Fire {
                threshold: self.tested(&p.threshold, len, None, THRESHOLD, at)?,
                v_reset: self.param(&p.v_reset, len, 0.0)?,
                reset: p.reset.as_ref().map_or(Reset::Hard, |r| r.get_ref().kind()),
                reset_delay: p.reset_delay.as_ref().is_some_and(|d| *d.get_ref()),
                compare,
                refractory: self.tested(&p.refractory, len, Some(0.0), STEPS, at)?,
            })
        } else {
            None
        };
        let noise = match &p.noise {
            Some(noise) if !(noise.get_ref().is_finite() && *noise.get_ref() >= 0.0) => {
                return self.fail(noise.span(), "the amplitude must be 0 or more");
            }
            Some(noise) => (*noise.get_ref() > 0.0).then(|| Noise {
                amplitude: *noise.get_ref(),
            }),
            None => None,
        };
        let r = self.param(&p.r, len, 1.0)?;
        let v_leak = self.param(&p.v_leak, len, 0.0)?;
        let v_init = self.param(&p.v_init, len, 0.0)?;
        Ok(match name {
            ModelName::Threshold => Model::Threshold {
                threshold: self.tested(&p.threshold, len, None, THRESHOLD, at)?,
                compare,
            },
            ModelName::I | ModelName::If => Model::Leaky {
                tau: None,
                r,
                v_leak,
                decay,
                fire,
                v_init,
                noise,
            },
            ModelName::Li | ModelName::Lif => {
                let tau = Some(self.tested(&p.tau, len, None, POSITIVE, at)?);
                Model::Leaky {
                    tau,
                    r,
                    v_leak,
                    decay,
                    fire,
                    v_init,
                    noise,
                }
            }
            ModelName::CubaLi | ModelName::CubaLif => Model::Cuba {
                tau_syn: self.tested(&p.tau_syn, len, None, POSITIVE, at)?,
                tau_mem: self.tested(&p.tau_mem, len, None, POSITIVE, at)?,
                r,
                v_leak,
                w_in: self.param(&p.w_in, len, 1.0)?,
                decay,
                old_current: p
                    .current
                    .as_ref()
                    .is_some_and(|c| *c.get_ref() == CurrentName::Old),
                fire,
                v_init,
            },
        })
    }

    fn kernel(&mut self, p: &schema::Population, len: usize) -> Step<Model> {
        let name = p
            .kernel
            .as_ref()
            .map(|k| k.get_ref().clone())
            .unwrap_or_default();
        let pairs = |map: &Option<Spanned<BTreeMap<String, i64>>>| -> Vec<(String, i64)> {
            map.iter()
                .flat_map(|m| m.get_ref())
                .map(|(k, v)| (k.clone(), *v))
                .collect()
        };
        let options = pairs(&p.options);
        let mut values: Vec<(String, IntParam)> = pairs(&p.constants)
            .into_iter()
            .map(|(k, v)| (k, IntParam::One(v)))
            .collect();
        for (slot, value) in p.slots.iter().flat_map(|m| m.get_ref()) {
            if values.iter().any(|(name, _)| name == slot) {
                return self.fail(
                    value.span(),
                    format!("`{slot}` is given as a constant and as a slot"),
                );
            }
            let value = match value.get_ref() {
                Whole::Number(x) => IntParam::One(*x),
                Whole::Array(name) => {
                    let array = self.array(value.span(), name)?;
                    if array.len() != len {
                        let what = format!(
                            "array `{name}` has {} values for {len} neurons",
                            array.len()
                        );
                        return self.fail(value.span(), what);
                    }
                    let ints = array.to_i64();
                    IntParam::Each(self.converted(value.span(), name, ints)?)
                }
            };
            values.push((slot.clone(), value));
        }
        Ok(Model::Kernel {
            name,
            options,
            values,
        })
    }

    fn assignment(&mut self, name: &Spanned<String>) -> Option<Vec<u32>> {
        let array = self.array(name.span(), name.get_ref()).ok()?;
        let cores = array.into_u32();
        let cores = self.converted(name.span(), name.get_ref(), cores).ok()?;
        let neurons: usize = self
            .drafts
            .iter()
            .filter(|d| matches!(d.op, Op::Neuron { .. }))
            .map(|d| d.in_shape.as_ref().and_then(|s| elements(s)).unwrap_or(0))
            .sum();
        if cores.len() != neurons {
            self.error(
                name.span(),
                format!(
                    "array `{}` has {} cores for {neurons} neurons",
                    name.get_ref(),
                    cores.len()
                ),
            );
            return None;
        }
        Some(cores)
    }

    fn projection(&mut self, projection: Spanned<schema::Projection>) -> Step<()> {
        let span = projection.span();
        let p = projection.into_inner();
        let source = self.find(&p.from)?;
        let (from, from_shape) = (source.node, source.shape.clone());
        let target = self.find(&p.to)?;
        let (to, to_shape, kernel, input) = (
            target.node,
            target.shape.clone(),
            target.kernel,
            target.input,
        );
        if input {
            return self.fail(
                p.to.span(),
                format!("`{}` is an input; nothing can lead into it", p.to.get_ref()),
            );
        }
        let unit = self.unit(&p, kernel)?;
        self.reject(
            &foreign_projection_keys(&p),
            "has no meaning for this kind of projection",
        )?;
        let sizes = Sizes {
            sources: elements(&from_shape).unwrap_or(0),
            targets: elements(&to_shape).unwrap_or(0),
        };
        // Maps in a row: the weights, then a delay that is the same for all where that is simpler.
        let mut ops = Vec::new();
        match p.kind {
            Kind::Dense => ops.push(Op::Linear(self.dense(&p, unit, &sizes)?)),
            Kind::Sparse => ops.push(Op::Linear(self.sparse(&p, unit, &sizes)?)),
            Kind::OneToOne => ops.push(Op::Linear(self.one_to_one(&p, unit, &sizes, &span)?)),
            Kind::Conv => {
                let linear = self.conv(&p, &from_shape, sizes.targets)?;
                let delay = self.one_delay(&p)?;
                if unit == WeightUnit::Model {
                    ops.push(Op::Linear(linear));
                    if delay > 0 {
                        ops.push(Op::Delay { steps: vec![delay] });
                    }
                } else {
                    ops.push(Op::Linear(unroll(&linear, &sizes, delay, unit)));
                }
            }
        }
        let name = p
            .name
            .clone()
            .unwrap_or_else(|| format!("{}-{}", p.from.get_ref(), p.to.get_ref()));
        let mut unique = name.clone();
        let mut copies = 1;
        while p.name.is_none() && self.names.contains(&unique) {
            copies += 1;
            unique = format!("{name} {copies}");
        }
        let mut at = from;
        if p.kind != Kind::Conv && from_shape.len() > 1 {
            at = self.chain(
                at,
                format!("{unique} (flat)"),
                Op::Linear(Linear::Flatten { start: 0, end: -1 }),
            );
        }
        for (i, op) in ops.into_iter().enumerate() {
            let name = if i == 0 {
                unique.clone()
            } else {
                format!("{unique} (delay)")
            };
            if i == 0 {
                let draft = Draft {
                    name,
                    op,
                    in_shape: None,
                    field_shape: None,
                };
                let node = self.declare(span.clone(), draft, false, false)?;
                self.edges.push((at, node));
                at = node;
            } else {
                at = self.chain(at, name, op);
            }
        }
        at = self.chain(
            at,
            format!("{unique} (shape)"),
            Op::Linear(Linear::Reshape { shape: to_shape }),
        );
        self.edges.push((at, to));
        Ok(())
    }

    /// Adds a nameless helper behind `at`.
    fn chain(&mut self, at: u32, name: String, op: Op) -> u32 {
        let node = self.drafts.len() as u32;
        self.drafts.push(Draft {
            name,
            op,
            in_shape: None,
            field_shape: None,
        });
        self.edges.push((at, node));
        node
    }

    fn unit(&mut self, p: &schema::Projection, kernel: bool) -> Step<WeightUnit> {
        let unit = match p.unit.as_ref().map(|u| *u.get_ref()) {
            None if kernel => WeightUnit::Effective,
            None | Some(UnitName::Model) => WeightUnit::Model,
            Some(UnitName::Effective) => WeightUnit::Effective,
            Some(UnitName::Mantissa) => WeightUnit::Mantissa {
                exponent: p.exponent.as_ref().map_or(0, |e| *e.get_ref()),
            },
        };
        let at = p.unit.as_ref().map_or(p.to.span(), Spanned::span);
        if let (Some(exponent), false) = (&p.exponent, matches!(unit, WeightUnit::Mantissa { .. }))
        {
            return self.fail(
                exponent.span(),
                "an exponent belongs to unit = \"mantissa\"",
            );
        }
        match (kernel, unit) {
            (true, WeightUnit::Model) => {
                self.fail(at, "a kernel's weights are chip integers: unit = \"effective\" or \"mantissa\"")
            }
            (false, WeightUnit::Effective | WeightUnit::Mantissa { .. }) => {
                self.fail(at, "chip integers need a population with a kernel; this one has a model in physical units")
            }
            _ => Ok(unit),
        }
    }

    /// Weights in file order, checked; one value stands for all `count`.
    fn weights(
        &mut self,
        p: &schema::Projection,
        unit: WeightUnit,
    ) -> Step<(Vec<usize>, Vec<f32>)> {
        let span = p.weight.span();
        let (shape, values) = match p.weight.get_ref() {
            Value::Number(x) if (*x as f32).is_finite() => (Vec::new(), vec![*x as f32]),
            Value::Number(x) => {
                return self.fail(span, format!("the weight {x} is not a finite float32"));
            }
            Value::Array(name) => self.finite(span.clone(), name)?,
        };
        if unit != WeightUnit::Model {
            // float32 holds whole numbers exactly up to here.
            let most = 16_777_216.0;
            if let Some(i) = values
                .iter()
                .position(|w| w.fract() != 0.0 || w.abs() > most)
            {
                let what = format!(
                    "the weight {} at element {i} is not a whole number of at most {most}",
                    values[i]
                );
                return self.fail(span, what);
            }
        }
        Ok((shape, values))
    }

    /// A delay that must be the same for all.
    fn one_delay(&mut self, p: &schema::Projection) -> Step<u32> {
        match self.delays(p, None)?[..] {
            [one] => Ok(u32::from(one)),
            _ => Ok(0),
        }
    }

    /// Delays: none, one, or `count` (if the kind has one per synapse).
    fn delays(&mut self, p: &schema::Projection, count: Option<usize>) -> Step<Vec<u16>> {
        let Some(delay) = &p.delay else {
            return Ok(Vec::new());
        };
        match delay.get_ref() {
            Whole::Number(0) => Ok(Vec::new()),
            Whole::Number(d) if (0..=i64::from(MAX_DELAY_STEPS)).contains(d) => Ok(vec![*d as u16]),
            Whole::Number(d) => self.fail(
                delay.span(),
                format!("the delay {d} must be 0 to {MAX_DELAY_STEPS} steps"),
            ),
            Whole::Array(name) => {
                let array = self.array(delay.span(), name)?;
                let Some(count) = count else {
                    return self.fail(
                        delay.span(),
                        "a convolution has one delay for all its synapses",
                    );
                };
                if array.len() != count {
                    let what = format!(
                        "array `{name}` has {} delays for {count} synapses",
                        array.len()
                    );
                    return self.fail(delay.span(), what);
                }
                let values = array.into_u16();
                self.converted(delay.span(), name, values)
            }
        }
    }

    fn dense(&mut self, p: &schema::Projection, unit: WeightUnit, sizes: &Sizes) -> Step<Linear> {
        let (shape, mut values) = self.weights(p, unit)?;
        let count = sizes.sources.saturating_mul(sizes.targets);
        if shape.is_empty() {
            values.resize(self.synapse_count(p, count)?, values[0]);
        } else if shape != [sizes.targets, sizes.sources] {
            let what = format!(
                "the weight has shape {shape:?}; it takes [{}, {}] (outputs, inputs)",
                sizes.targets, sizes.sources
            );
            return self.fail(p.weight.span(), what);
        }
        let delays = self.delays(p, Some(count))?;
        let weight = crate::linear::transpose(&values, sizes.targets, sizes.sources);
        if unit == WeightUnit::Model && delays.is_empty() {
            let (outputs, inputs) = (sizes.targets as u32, sizes.sources as u32);
            return Ok(Linear::Dense {
                blocks: 1,
                outputs,
                inputs,
                weight,
                bias: Vec::new(),
            });
        }
        let delay = match delays[..] {
            [one] => vec![one; count],
            _ => crate::linear::transpose(&delays, sizes.targets, sizes.sources),
        };
        let row_start = (0..=sizes.sources)
            .map(|i| (i * sizes.targets) as u32)
            .collect();
        let target = (0..count).map(|i| (i % sizes.targets) as u32).collect();
        let dense = delay.is_empty();
        let synapses = Synapses {
            row_start,
            target,
            weight,
            delay,
            dense,
        };
        Ok(Linear::Sparse {
            synapses,
            outputs: sizes.targets as u32,
            unit,
        })
    }

    /// Refuses more synapses than indices can count.
    fn synapse_count(&mut self, p: &schema::Projection, count: usize) -> Step<usize> {
        const MOST: usize = 1 << 28;
        if count > MOST {
            return self.fail(
                p.weight.span(),
                format!("{count} synapses; at most {MOST} can be handled"),
            );
        }
        Ok(count)
    }

    fn one_to_one(
        &mut self,
        p: &schema::Projection,
        unit: WeightUnit,
        sizes: &Sizes,
        at: &Range<usize>,
    ) -> Step<Linear> {
        let count = sizes.sources;
        if sizes.sources != sizes.targets {
            return self.fail(
                at.clone(),
                format!(
                    "one_to_one joins {} to {} elements",
                    sizes.sources, sizes.targets
                ),
            );
        }
        let (_, mut values) = self.weights(p, unit)?;
        if values.len() != 1 && values.len() != count {
            return self.fail(
                p.weight.span(),
                format!("{} weights for {count} elements", values.len()),
            );
        }
        let mut delay = self.delays(p, Some(count))?;
        if unit == WeightUnit::Model && delay.is_empty() {
            return Ok(Linear::Scale { scale: values });
        }
        if values.len() == 1 {
            values.resize(count, values[0]);
        }
        if delay.len() == 1 {
            delay.resize(count, delay[0]);
        }
        let row_start = (0..=count as u32).collect();
        let synapses = Synapses {
            row_start,
            target: (0..count as u32).collect(),
            weight: values,
            delay,
            dense: false,
        };
        Ok(Linear::Sparse {
            synapses,
            outputs: count as u32,
            unit,
        })
    }

    fn indices(&mut self, name: &Spanned<String>) -> Step<Vec<u32>> {
        let array = self.array(name.span(), name.get_ref())?;
        let values = array.into_u32();
        self.converted(name.span(), name.get_ref(), values)
    }

    fn below(&mut self, name: &Spanned<String>, values: &[u32], limit: usize) -> Step<()> {
        match values.iter().position(|&v| v as usize >= limit) {
            Some(i) => {
                let what = format!(
                    "array `{}` is {} at element {i}; it must be below {limit}",
                    name.get_ref(),
                    values[i]
                );
                self.fail(name.span(), what)
            }
            None => Ok(()),
        }
    }

    fn sparse(&mut self, p: &schema::Projection, unit: WeightUnit, sizes: &Sizes) -> Step<Linear> {
        let (mut row_start, mut target, pre) = match (&p.indptr, &p.indices, &p.pre, &p.post) {
            (Some(indptr), Some(indices), None, None) => {
                let row_start = self.indices(indptr)?;
                let target = self.indices(indices)?;
                self.below(indices, &target, sizes.targets)?;
                let sound = row_start.len() == sizes.sources + 1
                    && row_start.first() == Some(&0)
                    && row_start.is_sorted()
                    && row_start.last().map(|&n| n as usize) == Some(target.len());
                if !sound {
                    let what = format!(
                        "array `{}` must ascend from 0 to {} in {} steps (one row per source element)",
                        indptr.get_ref(),
                        target.len(),
                        sizes.sources
                    );
                    return self.fail(indptr.span(), what);
                }
                (row_start, target, Vec::new())
            }
            (None, None, Some(pre), Some(post)) => {
                let (sources, targets) = (self.indices(pre)?, self.indices(post)?);
                self.below(pre, &sources, sizes.sources)?;
                self.below(post, &targets, sizes.targets)?;
                if sources.len() != targets.len() {
                    let what = format!("{} sources for {} targets", sources.len(), targets.len());
                    return self.fail(pre.span(), what);
                }
                (Vec::new(), targets, sources)
            }
            _ => {
                return self.fail(
                    p.from.span(),
                    "a sparse projection needs `indptr` and `indices`, or `pre` and `post`",
                );
            }
        };
        let count = self.synapse_count(p, target.len())?;
        let (_, mut weight) = self.weights(p, unit)?;
        if weight.len() == 1 {
            weight.resize(count, weight[0]);
        }
        if weight.len() != count {
            return self.fail(
                p.weight.span(),
                format!("{} weights for {count} synapses", weight.len()),
            );
        }
        let mut delay = self.delays(p, Some(count))?;
        if delay.len() == 1 {
            delay.resize(count, delay[0]);
        }
        if row_start.is_empty() {
            let order = by_source(&pre, sizes.sources, &mut row_start);
            drop(pre);
            target = order.iter().map(|&i| target[i as usize]).collect();
            weight = order.iter().map(|&i| weight[i as usize]).collect();
            if !delay.is_empty() {
                delay = order.iter().map(|&i| delay[i as usize]).collect();
            }
        }
        let synapses = Synapses {
            row_start,
            target,
            weight,
            delay,
            dense: false,
        };
        Ok(Linear::Sparse {
            synapses,
            outputs: sizes.targets as u32,
            unit,
        })
    }

    fn axes(
        &mut self,
        value: &Option<Spanned<PerAxis>>,
        rank: usize,
        least: u32,
        default: u32,
    ) -> Step<Vec<u32>> {
        let Some(value) = value else {
            return Ok(vec![default; rank]);
        };
        let numbers = match value.get_ref() {
            PerAxis::All(n) => vec![*n; rank],
            PerAxis::Each(v) => v.clone(),
        };
        if numbers.len() != rank || numbers.iter().any(|n| !(least..=4096).contains(n)) {
            return self.fail(
                value.span(),
                format!("this takes {rank} numbers from {least} to 4096"),
            );
        }
        Ok(numbers)
    }

    fn conv(&mut self, p: &schema::Projection, from: &[u32], targets: usize) -> Step<Linear> {
        let rank = from.len().saturating_sub(1);
        if rank == 0 || rank > 2 {
            return self.fail(p.from.span(), format!("a convolution takes [channels, length] or [channels, height, width], not {from:?}"));
        }
        let (shape, weight) = self.weights(p, WeightUnit::Model)?;
        let shape: Vec<u32> = shape
            .iter()
            .map(|&d| u32::try_from(d).unwrap_or(u32::MAX))
            .collect();
        let groups = p.groups.as_ref().map_or(1, |g| *g.get_ref());
        let sound = shape.len() == rank + 2
            && !shape.contains(&0)
            && shape[2..].iter().all(|&k| k <= 4096)
            && groups > 0
            && shape[0] % groups == 0
            && shape[1].checked_mul(groups) == Some(from[0]);
        if !sound {
            let what = format!(
                "the weight has shape {shape:?}; with {groups} groups it takes (outputs, {}, window), outputs a multiple of the groups",
                from[0] / groups.max(1)
            );
            return self.fail(p.weight.span(), what);
        }
        let stride = self.axes(&p.stride, rank, 1, 1)?;
        let dilation = self.axes(&p.dilation, rank, 1, 1)?;
        let whole = |n: u32| (n, n);
        let padding: Vec<(u32, u32)> = match p.padding.as_ref().map(Spanned::get_ref) {
            None => vec![(0, 0); rank],
            Some(Padding::All(n)) if *n <= 4096 => vec![whole(*n); rank],
            Some(Padding::Each(v)) if v.len() == rank && v.iter().all(|&n| n <= 4096) => {
                v.iter().copied().map(whole).collect()
            }
            Some(Padding::Named(name)) if name == "valid" => vec![(0, 0); rank],
            Some(Padding::Named(name)) if name == "same" && stride.iter().all(|&s| s == 1) => {
                let total = shape[2..].iter().zip(&dilation).map(|(k, d)| d * (k - 1));
                total.map(|t| (t / 2, t - t / 2)).collect()
            }
            Some(_) => {
                let at = p.padding.as_ref().map_or(0..0, Spanned::span);
                return self.fail(at, format!("padding takes {rank} numbers up to 4096, \"valid\", or with stride 1 \"same\""));
            }
        };
        let mut axes = [Axis::SINGLE; 2];
        let mut outputs = shape[0] as usize;
        for (i, axis) in axes[2 - rank..].iter_mut().enumerate() {
            let (before, after) = padding[i];
            *axis = Axis {
                kernel: shape[2 + i],
                stride: stride[i],
                before,
                after,
                dilation: dilation[i],
                size_in: from[1 + i],
                size_out: 0,
            };
            axis.size_out = axis.outputs(axis.size_in).unwrap_or(0);
            outputs = outputs.saturating_mul(axis.size_out as usize);
        }
        if outputs != targets {
            let what = format!(
                "the convolution gives {outputs} values, `{}` takes {targets}",
                p.to.get_ref()
            );
            return self.fail(p.to.span(), what);
        }
        let (channels_in, channels_out) = (from[0], shape[0]);
        Ok(Linear::Conv {
            axes,
            rank: rank as u32,
            channels_in,
            channels_out,
            groups,
            weight,
            bias: Vec::new(),
        })
    }
}

/// Elements at both ends of a projection.
struct Sizes {
    sources: usize,
    targets: usize,
}

/// Order of synapses by source, keeping the file's order within a source; fills the row starts.
fn by_source(pre: &[u32], sources: usize, row_start: &mut Vec<u32>) -> Vec<u32> {
    row_start.resize(sources + 1, 0);
    for &s in pre {
        row_start[s as usize + 1] += 1;
    }
    for i in 0..sources {
        row_start[i + 1] += row_start[i];
    }
    let mut next = row_start.clone();
    let mut order = vec![0u32; pre.len()];
    for (i, &s) in pre.iter().enumerate() {
        order[next[s as usize] as usize] = i as u32;
        next[s as usize] += 1;
    }
    order
}

/// All synapses of a map, one by one.
fn unroll(linear: &Linear, sizes: &Sizes, delay: u32, unit: WeightUnit) -> Linear {
    let mut synapses = Synapses {
        row_start: vec![0],
        ..Synapses::default()
    };
    let mut row = Vec::new();
    for source in 0..sizes.sources {
        row.clear();
        linear.scatter(source, |target, w, _| row.push((target as u32, w as f32)));
        row.retain(|e| e.1 != 0.0);
        row.sort_by_key(|e| e.0);
        synapses.target.extend(row.iter().map(|e| e.0));
        synapses.weight.extend(row.iter().map(|e| e.1));
        synapses.row_start.push(synapses.target.len() as u32);
    }
    if delay > 0 {
        synapses.delay = vec![delay as u16; synapses.target.len()];
    }
    Linear::Sparse {
        synapses,
        outputs: sizes.targets as u32,
        unit,
    }
}

type Keys = Vec<(&'static str, Option<Range<usize>>)>;

fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

fn kernel_keys(p: &schema::Population) -> Keys {
    vec![
        ("options", span(&p.options)),
        ("constants", span(&p.constants)),
        ("slots", span(&p.slots)),
    ]
}

fn model_keys(p: &schema::Population) -> Keys {
    let mut keys = foreign_keys(p, ModelName::Threshold);
    keys.extend([
        ("threshold", span(&p.threshold)),
        ("compare", span(&p.compare)),
        ("bias", span(&p.bias)),
    ]);
    keys
}

/// Keys that a model has no use for.
fn foreign_keys(p: &schema::Population, model: ModelName) -> Keys {
    use ModelName::{CubaLi, CubaLif, I, If, Li, Lif, Threshold};
    let leaky = matches!(model, Li | Lif);
    let cuba = matches!(model, CubaLi | CubaLif);
    let resets = matches!(model, If | Lif | CubaLif);
    let stateful = model != Threshold;
    let all = [
        ("tau", span(&p.tau), leaky),
        ("tau_syn", span(&p.tau_syn), cuba),
        ("tau_mem", span(&p.tau_mem), cuba),
        ("w_in", span(&p.w_in), cuba),
        ("current", span(&p.current), cuba),
        ("r", span(&p.r), stateful),
        ("v_leak", span(&p.v_leak), leaky || cuba),
        ("v_init", span(&p.v_init), stateful),
        ("decay", span(&p.decay), leaky || cuba),
        ("v_reset", span(&p.v_reset), resets),
        ("reset", span(&p.reset), resets),
        ("reset_delay", span(&p.reset_delay), resets),
        ("refractory", span(&p.refractory), resets),
        ("noise", span(&p.noise), matches!(model, If | Lif)),
        (
            "threshold",
            span(&p.threshold),
            resets || model == Threshold,
        ),
        ("compare", span(&p.compare), resets || model == Threshold),
    ];
    debug_assert!(matches!(
        model,
        I | If | Li | Lif | CubaLi | CubaLif | Threshold
    ));
    all.into_iter()
        .filter(|(_, _, used)| !used)
        .map(|(key, span, _)| (key, span))
        .collect()
}

/// Keys that a kind of projection has no use for.
fn foreign_projection_keys(p: &schema::Projection) -> Keys {
    let mut keys = Vec::new();
    if p.kind != Kind::Sparse {
        keys.extend([
            ("indptr", span(&p.indptr)),
            ("indices", span(&p.indices)),
            ("pre", span(&p.pre)),
            ("post", span(&p.post)),
        ]);
    }
    if p.kind != Kind::Conv {
        keys.extend([
            ("stride", span(&p.stride)),
            ("dilation", span(&p.dilation)),
            ("padding", span(&p.padding)),
            ("groups", span(&p.groups)),
        ]);
    }
    keys
}
