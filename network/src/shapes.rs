//! Shape inference: from the nodes that know their shape to all others, along the edges and through cycles.
//!
//! Invariant: what comes out has a shape for every node, equal shapes at both ends of every edge, and one value or one per
//! element in every elementwise field. Right where `nir` 1.0.8 is wrong: grouped and non-square convolutions, fields of
//! scalar shape, shapes that the file leaves out.

use crate::error::{Collector, NetworkError, Result};
use crate::graph::{Draft, MAX_ELEMENTS, Node, Op};
use crate::linear::Linear;
use crate::lowered::{Fire, Model, Param};
use crate::models::AdaptiveReset;

/// Elements of a shape, if they are few enough to handle.
pub(crate) fn elements(shape: &[u32]) -> Option<usize> {
    let n = shape
        .iter()
        .try_fold(1u64, |n, &d| n.checked_mul(u64::from(d)))?;
    (n <= MAX_ELEMENTS).then_some(n as usize)
}

/// Shape that `op` gives for `shape`; resolves the sizes of windows on the way.
fn forward(op: &mut Op, shape: &[u32]) -> Result<Vec<u32>, String> {
    let Op::Linear(linear) = op else {
        return Ok(shape.to_vec());
    };
    let out = match linear {
        Linear::Identity | Linear::Scale { .. } => shape.to_vec(),
        Linear::Flatten { start, end } => flatten(shape, *start, *end)?,
        Linear::Reshape { shape: given } => {
            if elements(given) != elements(shape) {
                return Err(format!("it would become {given:?}"));
            }
            given.clone()
        }
        Linear::Dense {
            blocks,
            outputs,
            inputs,
            ..
        } => {
            let lead = &shape[..shape.len().saturating_sub(1)];
            if shape.last() != Some(inputs) || elements(lead) != Some(*blocks as usize) {
                return Err(format!(
                    "its weight takes {inputs} values (a Flatten before it may be missing)"
                ));
            }
            lead.iter().copied().chain([*outputs]).collect()
        }
        Linear::Conv {
            axes,
            rank,
            channels_in,
            channels_out,
            ..
        } => {
            let rank = *rank as usize;
            if shape.len() != rank + 1 || shape[0] != *channels_in {
                let place = if rank == 1 { "length" } else { "height, width" };
                return Err(format!("it takes [{channels_in}, {place}]"));
            }
            let sizes = windows(&mut axes[2 - rank..], &shape[1..])?;
            [*channels_out].into_iter().chain(sizes).collect()
        }
        Linear::Pool { axes, .. } => {
            if shape.len() != 3 {
                return Err("it takes [channels, height, width]".into());
            }
            let sizes = windows(axes, &shape[1..])?;
            [shape[0]].into_iter().chain(sizes).collect()
        }
        Linear::Sparse {
            synapses, outputs, ..
        } => {
            let rows = synapses.row_start.len() - 1;
            if elements(shape) != Some(rows) {
                return Err(format!("it has a row for each of {rows} elements"));
            }
            vec![*outputs]
        }
    };
    if elements(&out).is_none() {
        return Err(format!("it would give more than {MAX_ELEMENTS} values"));
    }
    Ok(out)
}

fn windows(axes: &mut [crate::linear::Axis], sizes: &[u32]) -> Result<Vec<u32>, String> {
    let mut out = Vec::with_capacity(axes.len());
    for (axis, &size_in) in axes.iter_mut().zip(sizes) {
        axis.size_in = size_in;
        axis.size_out = axis.outputs(size_in).ok_or_else(|| {
            let span = u64::from(axis.dilation) * (u64::from(axis.kernel) - 1) + 1;
            let padded = u64::from(size_in) + u64::from(axis.before) + u64::from(axis.after);
            format!("its window spans {span}, the padded input has {padded}")
        })?;
        out.push(axis.size_out);
    }
    Ok(out)
}

fn flatten(shape: &[u32], start: i64, end: i64) -> Result<Vec<u32>, String> {
    let rank = shape.len() as i64;
    let place = |d: i64| if d < 0 { d + rank } else { d };
    let (first, last) = (place(start), place(end));
    if first < 0 || last >= rank || first > last {
        return Err(format!("it merges dimensions {start} to {end} of {rank}"));
    }
    let (first, last) = (first as usize, last as usize);
    let merged = elements(&shape[first..=last]).ok_or("it is too large")? as u32;
    Ok(shape[..first]
        .iter()
        .copied()
        .chain([merged])
        .chain(shape[last + 1..].iter().copied())
        .collect())
}

/// Whether values of shape `field` can be spread over `shape`: one value, or the same rank with ones (leading ones may lack).
pub(crate) fn broadcasts(field: &[u32], shape: &[u32]) -> bool {
    let ones = field.len().saturating_sub(shape.len());
    let (lead, field) = field.split_at(ones);
    lead.iter().all(|&d| d == 1)
        && (field.iter().all(|&d| d == 1)
            || (field.len() == shape.len()
                && field.iter().zip(shape).all(|(&f, &s)| f == s || f == 1)))
}

/// Spreads `values` of shape `field` over `shape`.
pub(crate) fn broadcast<T: Clone>(values: &[T], field: &[u32], shape: &[u32]) -> Vec<T> {
    let field = &field[field.len().saturating_sub(shape.len())..];
    let lead = shape.len() - field.len();
    let total = elements(shape).unwrap_or(0);
    let mut out = Vec::with_capacity(total);
    let mut index = vec![0u32; shape.len()];
    for _ in 0..total {
        let at = field
            .iter()
            .zip(&index[lead..])
            .fold(0usize, |at, (&f, &i)| {
                at * f as usize + if f == 1 { 0 } else { i as usize }
            });
        out.push(values[at].clone());
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// All parameters of a model.
pub(crate) fn params(model: &mut Model) -> Vec<&mut Param> {
    fn fire(fire: &mut Option<Fire>) -> Vec<&mut Param> {
        match fire {
            Some(f) => vec![&mut f.threshold, &mut f.v_reset, &mut f.refractory],
            None => Vec::new(),
        }
    }
    match model {
        Model::Leaky {
            tau,
            r,
            v_leak,
            fire: f,
            v_init,
            filter,
            ..
        } => {
            let mut all = vec![r, v_leak, v_init];
            all.extend(tau);
            all.extend(filter.as_mut().map(|f| &mut f.tau));
            all.extend(fire(f));
            all
        }
        Model::Cuba {
            tau_syn,
            tau_mem,
            r,
            v_leak,
            w_in,
            fire: f,
            v_init,
            ..
        } => {
            let mut all = vec![tau_syn, tau_mem, r, v_leak, w_in, v_init];
            all.extend(fire(f));
            all
        }
        Model::Threshold { threshold, .. } => vec![threshold],
        Model::Adaptive(m) => {
            let mut all = vec![
                &mut m.tau_mem,
                &mut m.tau_adapt,
                &mut m.r,
                &mut m.threshold,
                &mut m.beta,
                &mut m.v_init,
            ];
            all.extend(m.filter.as_mut().map(|f| &mut f.tau));
            if let AdaptiveReset::Resting { refractory, .. } = &mut m.reset {
                all.push(refractory);
            }
            all
        }
        Model::Izhikevich(m) => {
            let mut all = vec![&mut m.a, &mut m.b, &mut m.c, &mut m.d, &mut m.v_init];
            all.extend(&mut m.u_init);
            all.extend(m.filter.as_mut().map(|f| &mut f.tau));
            all
        }
        Model::Resonate(m) => {
            let mut all = vec![&mut m.tau, &mut m.frequency, &mut m.r, &mut m.threshold];
            all.extend(&mut m.v_reset);
            all
        }
        Model::SigmaDelta(m) => vec![&mut m.threshold],
        Model::Compartments(m) => vec![
            &mut m.tau_mem,
            &mut m.tau_dendrite,
            &mut m.r,
            &mut m.r_dendrite,
            &mut m.gate,
            &mut m.fire.threshold,
            &mut m.fire.v_reset,
            &mut m.fire.refractory,
            &mut m.v_init,
        ],
        Model::Kernel { params, .. } => params.iter_mut().map(|p| &mut p.value).collect(),
    }
}

/// Spreads the elementwise fields of `op` from shape `field` to `shape`.
fn spread(op: &mut Op, field: &[u32], shape: &[u32]) {
    match op {
        Op::Neuron { model, .. } => {
            for param in params(model) {
                if let Param::Each(values) = param {
                    *values = broadcast(values, field, shape);
                }
            }
        }
        Op::Linear(Linear::Scale { scale }) if scale.len() > 1 => {
            *scale = broadcast(scale, field, shape)
        }
        Op::Delay { steps } if steps.len() > 1 => *steps = broadcast(steps, field, shape),
        _ => {}
    }
}

/// Whether what the node gives has the shape that it takes.
fn elementwise(op: &Op) -> bool {
    !matches!(op, Op::Linear(linear) if !matches!(linear, Linear::Identity | Linear::Scale { .. }))
}

struct Inference<'a> {
    drafts: Vec<Draft>,
    successors: Vec<Vec<u32>>,
    predecessors: Vec<Vec<u32>>,
    taken: Vec<Option<Vec<u32>>>,
    given: Vec<Option<Vec<u32>>>,
    failed: Vec<bool>,
    errors: &'a mut Collector,
}

impl Inference<'_> {
    /// Passes on what is known from `start` forwards.
    fn settle(&mut self, start: Vec<u32>) {
        let mut work = start;
        while let Some(i) = work.pop() {
            let at = i as usize;
            if self.given[at].is_some() || self.failed[at] {
                continue;
            }
            let Some(shape) = &self.taken[at] else {
                continue;
            };
            match forward(&mut self.drafts[at].op, shape) {
                Ok(out) => {
                    for &to in &self.successors[at] {
                        if self.taken[to as usize].is_none() {
                            self.taken[to as usize] = Some(out.clone());
                            work.push(to);
                        }
                    }
                    self.given[at] = Some(out);
                }
                Err(what) => {
                    self.failed[at] = true;
                    let node = self.drafts[at].name.clone();
                    self.errors.push(NetworkError::ShapeUnusable {
                        node,
                        shape: shape.clone(),
                        what,
                    });
                }
            }
        }
    }

    fn take(&mut self, at: u32, shape: Vec<u32>) {
        self.taken[at as usize] = Some(shape);
        self.settle(vec![at]);
    }

    /// Nodes that nothing reached take the shape of their own fields, then that of their successors.
    fn fill(&mut self) {
        for at in 0..self.drafts.len() {
            let field = self.drafts[at].field_shape.clone();
            if let (None, Some(shape)) = (&self.taken[at], field)
                && shape.iter().any(|&d| d > 1)
            {
                self.take(at as u32, shape);
            }
        }
        let mut work: Vec<u32> = (0..self.drafts.len() as u32).collect();
        while let Some(at) = work.pop() {
            if self.taken[at as usize].is_some() || !elementwise(&self.drafts[at as usize].op) {
                continue;
            }
            let shape = self.successors[at as usize]
                .iter()
                .find_map(|&to| self.taken[to as usize].clone());
            if let Some(shape) = shape {
                self.take(at, shape);
                work.extend(&self.predecessors[at as usize]);
            }
        }
        for at in 0..self.drafts.len() {
            if let (None, Some(shape)) = (&self.taken[at], self.drafts[at].field_shape.clone()) {
                self.take(at as u32, shape);
            }
        }
    }
}

/// Infers all shapes; edges are (from, to).
pub(crate) fn infer(mut drafts: Vec<Draft>, edges: &[(u32, u32)]) -> Result<Vec<Node>> {
    let mut errors = Collector::default();
    for draft in &mut drafts {
        for shape in [&mut draft.in_shape, &mut draft.field_shape]
            .into_iter()
            .flatten()
        {
            if shape.is_empty() {
                shape.push(1);
            }
            if elements(shape).is_none_or(|n| n == 0) {
                let what = format!("it must have 1 to {MAX_ELEMENTS} elements");
                errors.push(NetworkError::ShapeUnusable {
                    node: draft.name.clone(),
                    shape: shape.clone(),
                    what,
                });
            }
        }
    }
    errors.check()?;
    let mut successors = vec![Vec::new(); drafts.len()];
    let mut predecessors = vec![Vec::new(); drafts.len()];
    for &(from, to) in edges {
        successors[from as usize].push(to);
        predecessors[to as usize].push(from);
    }
    let taken: Vec<_> = drafts.iter().map(|d| d.in_shape.clone()).collect();
    let known = (0..drafts.len() as u32)
        .filter(|&i| taken[i as usize].is_some())
        .collect();
    let count = drafts.len();
    let mut inference = Inference {
        drafts,
        successors,
        predecessors,
        taken,
        given: vec![None; count],
        failed: vec![false; count],
        errors: &mut errors,
    };
    inference.settle(known);
    inference.fill();
    let Inference {
        mut drafts,
        taken,
        given,
        failed,
        ..
    } = inference;

    for &(from, to) in edges {
        if let (Some(from_shape), Some(to_shape)) = (&given[from as usize], &taken[to as usize])
            && from_shape != to_shape
        {
            errors.push(NetworkError::ShapeMismatch {
                from: drafts[from as usize].name.clone(),
                from_shape: from_shape.clone(),
                to: drafts[to as usize].name.clone(),
                to_shape: to_shape.clone(),
            });
        }
    }
    let blocked = failed.contains(&true);
    for (at, draft) in drafts.iter_mut().enumerate() {
        match &taken[at] {
            // A node behind one that failed has its error there already.
            None if !blocked => errors.push(NetworkError::ShapeUnknown {
                node: draft.name.clone(),
            }),
            None => {}
            Some(shape) => {
                let Some(field) = &draft.field_shape else {
                    continue;
                };
                if !broadcasts(field, shape) {
                    let what = format!("its values have shape {field:?}");
                    errors.push(NetworkError::ShapeUnusable {
                        node: draft.name.clone(),
                        shape: shape.clone(),
                        what,
                    });
                } else if field != shape {
                    spread(&mut draft.op, field, shape);
                }
            }
        }
    }
    errors.check()?;
    let nodes = drafts
        .into_iter()
        .zip(taken)
        .zip(given)
        .map(|((draft, taken), given)| Node {
            name: draft.name,
            op: draft.op,
            in_shape: taken.expect("checked above"),
            shape: given.expect("a shape taken without error gives one"),
        });
    Ok(nodes.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_spread() {
        assert!(broadcasts(&[1], &[4, 5]));
        assert!(broadcasts(&[1, 5], &[5]));
        assert!(broadcasts(&[4, 1], &[4, 5]));
        assert!(!broadcasts(&[5], &[4, 5]));
        assert!(!broadcasts(&[4, 5], &[5]));
        assert_eq!(broadcast(&[1, 2], &[2, 1], &[2, 3]), [1, 1, 1, 2, 2, 2]);
        assert_eq!(broadcast(&[1, 2, 3], &[1, 3], &[3]), [1, 2, 3]);
        assert_eq!(broadcast(&[7], &[1], &[2, 2]), [7; 4]);
    }

    #[test]
    fn dimensions_merge() {
        assert_eq!(flatten(&[2, 3, 4], 0, -1).unwrap(), [24]);
        assert_eq!(flatten(&[2, 3, 4], 1, 2).unwrap(), [2, 12]);
        assert!(flatten(&[2, 3], 1, 2).is_err());
        assert!(flatten(&[6], 1, -1).is_err());
    }
}
