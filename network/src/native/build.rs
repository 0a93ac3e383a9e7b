//! From the keys of the native format to a [`Graph`].
//!
//! Invariant: arrays are read once, when they are needed, into their final form: a synapse costs 8 bytes, or 10 with delays.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;

use super::models::{STEPS, TAU, TAU_MEM, TAU_SYN, THRESHOLD, Test};
use super::schema::{self, CurrentName, ModelName, SynapseName, Value, Whole};
use super::{Arrays, line_of};
use crate::error::{Collector, NetworkError, Result};
use crate::graph::{Draft, Graph, Op};
use crate::lowered::{Compare, Decay, Fire, IntParam, Model, Noise, Param, RealParam, Reset};
use crate::near::did_you_mean;
use crate::npz::{Array, NpzError};
use crate::options::ImportOptions;
use crate::shapes::elements;

/// How the name of a kernel's file ends.
const KERNEL_ENDING: &str = ".kernel";
/// The version of the format that is read.
const FORMAT: u32 = 1;

/// An input or population that projections can name.
pub(super) struct Known {
    pub(super) node: u32,
    pub(super) shape: Vec<u32>,
    /// In chip integers.
    pub(super) kernel: bool,
    pub(super) input: bool,
}

pub(super) struct Builder<'a> {
    text: &'a str,
    arrays: &'a mut dyn Arrays,
    container: String,
    errors: Collector,
    pub(super) drafts: Vec<Draft>,
    pub(super) edges: Vec<(u32, u32)>,
    pub(super) same_step: Vec<(u32, u32)>,
    /// Receptors other than 0 of edges.
    pub(super) receptors: Vec<(u32, u32, u8)>,
    pub(super) named_receptors: Vec<(u32, u32, String)>,
    /// Inputs with payloads.
    graded: Vec<u32>,
    known: BTreeMap<String, Known>,
    pub(super) names: BTreeSet<String>,
    /// Names whose own mistakes are noted; what refers to them is not another one.
    broken: BTreeSet<String>,
    /// Kernels named by file.
    kernel_files: Vec<String>,
    array_files: Vec<String>,
}

/// Something was wrong, and is noted.
pub(super) struct Noted;

pub(super) type Step<T> = Result<T, Noted>;

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
        same_step: Vec::new(),
        receptors: Vec::new(),
        named_receptors: Vec::new(),
        graded: Vec::new(),
        known: BTreeMap::new(),
        names: BTreeSet::new(),
        broken: BTreeSet::new(),
        kernel_files: Vec::new(),
        array_files: Vec::new(),
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
        let schema::Input {
            name,
            shape,
            graded,
        } = input.into_inner();
        let draft = Draft {
            name,
            op: Op::Input,
            in_shape: Some(shape),
            field_shape: None,
        };
        let name = draft.name.clone();
        match b.declare(span, draft, false, true) {
            Ok(node) if graded => b.graded.push(node),
            Ok(_) => {}
            Err(_) if b.known.contains_key(&name) => {}
            Err(_) => {
                b.broken.insert(name);
            }
        }
    }
    for population in network.population {
        let name = population.get_ref().name.clone();
        if b.population(population).is_err() && !b.known.contains_key(&name) {
            b.broken.insert(name);
        }
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
        Some(name) if b.broken.is_empty() => b.assignment(name),
        _ => None,
    };
    b.errors.check()?;
    let dt_s = dt_s.expect("its absence was noted");
    let name = network.name.unwrap_or_else(|| stem.to_string());
    let mut graph = Graph::build(name, dt_s, b.drafts, b.edges, false, Vec::new())?;
    graph.kernel_files = b.kernel_files;
    graph.array_files = b.array_files;
    graph.assignment = assignment;
    graph.same_step = b.same_step;
    graph.named_receptors = b.named_receptors;
    graph.graded = b.graded;
    for (from, to, receptor) in b.receptors {
        graph.set_receptor(from, to, receptor);
    }
    Ok(graph)
}

impl Builder<'_> {
    pub(super) fn error(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.errors.push(NetworkError::Line {
            line: line_of(self.text, span.start),
            what: what.into(),
        });
    }

    pub(super) fn fail<T>(&mut self, span: Range<usize>, what: impl Into<String>) -> Step<T> {
        self.error(span, what);
        Err(Noted)
    }

    /// Adds a named node.
    pub(super) fn declare(
        &mut self,
        span: Range<usize>,
        draft: Draft,
        kernel: bool,
        input: bool,
    ) -> Step<u32> {
        let name = draft.name.clone();
        if name.is_empty() {
            return self.fail(
                span,
                "the name is empty; inputs, populations and outputs need one",
            );
        }
        if !self.names.insert(name.clone()) {
            let what = format!(
                "the name `{name}` is taken; inputs, populations and outputs have different names"
            );
            return self.fail(span, what);
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

    pub(super) fn find(&mut self, name: &Spanned<String>) -> Step<&Known> {
        if self.broken.contains(name.get_ref()) {
            return Err(Noted);
        }
        if !self.known.contains_key(name.get_ref()) {
            let names: Vec<&str> = self.known.keys().map(String::as_str).collect();
            let what = format!(
                "there is no input or population `{}`; there are {}{}",
                name.get_ref(),
                names.join(", "),
                did_you_mean(name.get_ref(), names.iter().copied())
            );
            return self.fail(name.span(), what);
        }
        Ok(&self.known[name.get_ref()])
    }

    pub(super) fn array(&mut self, span: Range<usize>, name: &str) -> Step<Array> {
        match self.arrays.read(&self.container, name) {
            Ok(Some(array)) => {
                if !self.array_files.contains(&self.container) {
                    self.array_files.push(self.container.clone());
                }
                Ok(array)
            }
            Ok(None) => {
                let what = format!("there is no array `{name}` in `{}`", self.container);
                self.fail(span, what)
            }
            Err(what) => self.fail(span, what),
        }
    }

    pub(super) fn converted<T>(
        &mut self,
        span: Range<usize>,
        name: &str,
        result: Result<T, NpzError>,
    ) -> Step<T> {
        result.or_else(|e| self.fail(span, format!("array `{name}`: {e}")))
    }

    /// Numbers of an array, all finite.
    pub(super) fn finite(
        &mut self,
        span: Range<usize>,
        name: &str,
    ) -> Step<(Vec<usize>, Vec<f32>)> {
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
    pub(super) fn param(
        &mut self,
        value: &Option<Spanned<Value>>,
        len: usize,
        default: f64,
    ) -> Step<Param> {
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
    pub(super) fn tested(
        &mut self,
        value: &Option<Spanned<Value>>,
        len: usize,
        default: Option<f64>,
        (test, what): Test,
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
                self.reject_foreign(&p, *model.get_ref())?;
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

    pub(super) fn reject(&mut self, keys: &[(&str, Option<Range<usize>>)], what: &str) -> Step<()> {
        let mut result = Ok(());
        for (key, span) in keys {
            if let Some(span) = span {
                self.error(span.clone(), format!("`{key}` {what}"));
                result = Err(Noted);
            }
        }
        result
    }

    /// Refuses keys that a model has no use for; time constants by another name say which one it takes.
    fn reject_foreign(&mut self, p: &schema::Population, model: ModelName) -> Step<()> {
        use ModelName::{Alif, Compartments, CubaLi, CubaLif, Li, Lif, Lsnn};
        let mut result = Ok(());
        for key in foreign_keys(p, model) {
            let takes = match (key.0, model) {
                ("tau_mem", Li | Lif) => "; it takes `tau`",
                ("tau", Alif | Lsnn | CubaLi | CubaLif | Compartments) => "; it takes `tau_mem`",
                _ => "",
            };
            let what = format!("has no meaning for this model{takes}");
            result = result.and(self.reject(&[key], &what));
        }
        result
    }

    /// The firing rule of a leaky model.
    pub(super) fn fire(
        &mut self,
        p: &schema::Population,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Fire> {
        Ok(Fire {
            threshold: self.tested(&p.threshold, len, None, THRESHOLD, at)?,
            v_reset: self.param(&p.v_reset, len, 0.0)?,
            reset: p.reset.as_ref().map_or(Reset::Hard, |r| r.get_ref().kind()),
            reset_delay: p.reset_delay.as_ref().is_some_and(|d| *d.get_ref()),
            compare: p
                .compare
                .as_ref()
                .map_or(Compare::Gt, |c| c.get_ref().kind()),
            refractory: self.tested(&p.refractory, len, Some(0.0), STEPS, at)?,
        })
    }

    fn model(
        &mut self,
        p: &schema::Population,
        name: ModelName,
        len: usize,
        at: &Range<usize>,
    ) -> Step<Model> {
        if let Some(model) = self.other_model(p, name, len, at)? {
            return Ok(model);
        }
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
            Some(self.fire(p, len, at)?)
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
        let filter = match name {
            ModelName::I | ModelName::If | ModelName::Li | ModelName::Lif => {
                self.filter(p, len, at)?
            }
            _ => None,
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
                filter,
            },
            ModelName::Li | ModelName::Lif => {
                let tau = Some(self.tested(&p.tau, len, None, TAU, at)?);
                Model::Leaky {
                    tau,
                    r,
                    v_leak,
                    decay,
                    fire,
                    v_init,
                    noise,
                    filter,
                }
            }
            ModelName::CubaLi | ModelName::CubaLif => Model::Cuba {
                tau_syn: self.tested(&p.tau_syn, len, None, TAU_SYN, at)?,
                tau_mem: self.tested(&p.tau_mem, len, None, TAU_MEM, at)?,
                r,
                v_leak,
                w_in: self.param(&p.w_in, len, 1.0)?,
                decay,
                old_current: p
                    .current
                    .as_ref()
                    .is_some_and(|c| *c.get_ref() == CurrentName::Old),
                alpha: self.alpha(p)?,
                fire,
                v_init,
            },
            _ => unreachable!("the models of their own file came first"),
        })
    }

    fn kernel(&mut self, p: &schema::Population, len: usize) -> Step<Model> {
        let name = match &p.kernel {
            Some(name) => self.kernel_name(name)?,
            None => String::new(),
        };
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
        let mut params = Vec::new();
        for (param, value) in p.params.iter().flat_map(|m| m.get_ref()) {
            params.push(RealParam {
                name: param.clone(),
                value: self.param(&Some(value.clone()), len, 0.0)?,
                field: false,
            });
        }
        Ok(Model::Kernel {
            name,
            options,
            values,
            params,
        })
    }

    /// A kernel's name; `adex.kernel` or `kernels/adex.kernel` is a file, and its stem the name.
    fn kernel_name(&mut self, kernel: &Spanned<String>) -> Step<String> {
        let written = kernel.get_ref();
        let Some(path) = written.strip_suffix(KERNEL_ENDING) else {
            if written.contains(['/', '\\']) {
                let what = format!(
                    "`{written}` looks like a file; the name of a kernel's file ends in {KERNEL_ENDING}"
                );
                return self.fail(kernel.span(), what);
            }
            return Ok(written.clone());
        };
        if !self.kernel_files.contains(written) {
            self.kernel_files.push(written.clone());
        }
        let stem = path.rsplit(['/', '\\']).next().unwrap_or(path);
        Ok(stem.to_owned())
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
}

pub(super) type Keys = Vec<(&'static str, Option<Range<usize>>)>;

pub(super) fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
    value.as_ref().map(Spanned::span)
}

fn kernel_keys(p: &schema::Population) -> Keys {
    vec![
        ("options", span(&p.options)),
        ("constants", span(&p.constants)),
        ("slots", span(&p.slots)),
        ("params", span(&p.params)),
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
    use ModelName::{
        Alif, Compartments, CubaLi, CubaLif, I, If, Izhikevich, Li, Lif, Lsnn, Resonate,
        SigmaDelta, Threshold,
    };
    let leaky = matches!(model, Li | Lif);
    let cuba = matches!(model, CubaLi | CubaLif);
    let joined = model == Compartments;
    let resets = joined || matches!(model, If | Lif | CubaLif);
    let adaptive = matches!(model, Alif | Lsnn);
    let plain = matches!(model, I | If) || leaky || cuba;
    let filtered = adaptive || model == Izhikevich || (plain && !cuba);
    // An integrator has no time constant but that of its synapse.
    let synapse = p.synapse.as_ref().map(|s| *s.get_ref());
    let slow = filtered && synapse.is_some_and(|s| s != SynapseName::Delta);
    let compares = resets || adaptive || model == Threshold;
    let all = [
        ("tau", span(&p.tau), leaky || model == Resonate),
        ("tau_syn", span(&p.tau_syn), cuba || filtered),
        ("tau_mem", span(&p.tau_mem), cuba || adaptive || joined),
        ("w_in", span(&p.w_in), cuba),
        ("current", span(&p.current), cuba),
        (
            "r",
            span(&p.r),
            plain || adaptive || joined || model == Resonate,
        ),
        ("v_leak", span(&p.v_leak), leaky || cuba),
        ("v_init", span(&p.v_init), plain || filtered || joined),
        (
            "decay",
            span(&p.decay),
            leaky || cuba || adaptive || joined || slow && model != Izhikevich,
        ),
        ("v_reset", span(&p.v_reset), resets || model == Resonate),
        ("reset", span(&p.reset), resets || model == Resonate),
        (
            "reset_delay",
            span(&p.reset_delay),
            (resets && !joined) || model == Lsnn,
        ),
        ("refractory", span(&p.refractory), resets || model == Lsnn),
        ("noise", span(&p.noise), matches!(model, If | Lif)),
        (
            "threshold",
            span(&p.threshold),
            compares || matches!(model, Resonate | SigmaDelta),
        ),
        ("compare", span(&p.compare), compares),
        ("synapse", span(&p.synapse), filtered || cuba),
        ("tau_adapt", span(&p.tau_adapt), adaptive),
        ("beta", span(&p.beta), adaptive),
        ("a", span(&p.a), model == Izhikevich),
        ("b", span(&p.b), model == Izhikevich),
        ("c", span(&p.c), model == Izhikevich),
        ("d", span(&p.d), model == Izhikevich),
        ("u_init", span(&p.u_init), model == Izhikevich),
        ("half_steps", span(&p.half_steps), model == Izhikevich),
        ("frequency", span(&p.frequency), model == Resonate),
        ("when", span(&p.when), model == Resonate),
        ("relu", span(&p.relu), model == SigmaDelta),
        ("tau_dendrite", span(&p.tau_dendrite), joined),
        ("r_dendrite", span(&p.r_dendrite), joined),
        ("join", span(&p.join), joined),
        ("gate", span(&p.gate), joined),
        ("clear", span(&p.clear), joined),
    ];
    all.into_iter()
        .filter(|(_, _, used)| !used)
        .map(|(key, span, _)| (key, span))
        .collect()
}
