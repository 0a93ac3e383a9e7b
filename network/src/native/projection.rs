//! Projections of the native format: matrices, synapse lists, convolutions.
//!
//! Invariant: arrays go straight into the form in which they stay; every index is checked against both ends.

use std::ops::Range;

use toml::Spanned;

use super::build::{Builder, Keys, Step, span};
use super::schema::{self, Kind, Padding, PerAxis, UnitName, Value, Whole};
use crate::graph::{Draft, MAX_DELAY_STEPS, Op};
use crate::linear::{Axis, Linear};
use crate::lowered::{Synapses, WeightUnit};
use crate::shapes::elements;

impl Builder<'_> {
    pub(super) fn projection(&mut self, projection: Spanned<schema::Projection>) -> Step<()> {
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
        self.arrive(&p, at, to)
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
            && shape[0].is_multiple_of(groups)
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
