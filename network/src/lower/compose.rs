//! Linear maps and delays in a row, multiplied out into one synapse list.
//!
//! Invariant: one synapse per (source, target, delay), rows ascending by target then delay; sums are made in `f64` and
//! rounded once. Exact zeros are no synapses, except where a plain matrix of the file is kept whole.

use crate::error::NetworkError;
use crate::graph::{Graph, MAX_DELAY_STEPS, Op};
use crate::linear::Linear;
use crate::lowered::Synapses;

/// Most synapses of a projection.
const MAX_SYNAPSES: usize = 1 << 28;

/// A synapse while rows are made: target, delay, weight.
type Entry = (u32, u32, f64);

/// Synapses from node `from` through the nodes `through` to `targets` elements.
pub(super) fn compose(
    graph: &Graph,
    from: usize,
    through: &[usize],
    targets: usize,
) -> Result<Synapses, NetworkError> {
    let relevant = |op: &Op| !matches!(op, Op::Linear(linear) if linear.is_identity());
    let steps: Vec<usize> = through
        .iter()
        .copied()
        .filter(|&i| relevant(&graph.nodes[i].op))
        .collect();
    let plain = match steps[..] {
        [only] => matches!(
            graph.nodes[only].op,
            Op::Linear(Linear::Dense { blocks: 1, .. })
        ),
        _ => false,
    };
    for &i in &steps {
        if let Op::Linear(Linear::Sparse { unit, .. }) = &graph.nodes[i].op
            && *unit != crate::lowered::WeightUnit::Model
        {
            return Err(NetworkError::Unmappable {
                node: graph.nodes[i].name.clone(),
                what: "its weights are in chip units and another map is before or behind it".into(),
                remedy: "join them, or give the weights in the model's units".into(),
            });
        }
    }
    let sources = graph.nodes[from].len();
    let mut out = Synapses {
        row_start: Vec::with_capacity(sources + 1),
        dense: true,
        ..Synapses::default()
    };
    out.row_start.push(0);
    let widest = steps
        .iter()
        .map(|&i| graph.nodes[i].len())
        .max()
        .unwrap_or(0);
    let mut work = Work {
        sums: vec![0.0; widest],
        touched: vec![false; widest],
        order: Vec::new(),
    };
    let mut row: Vec<Entry> = Vec::new();
    for source in 0..sources {
        row.clear();
        row.push((source as u32, 0, 1.0));
        for &i in &steps {
            work.apply(&graph.nodes[i].op, &mut row);
        }
        for &(target, delay, weight) in &row {
            let weight = weight as f32;
            if weight == 0.0 && !plain {
                continue;
            }
            if delay > MAX_DELAY_STEPS {
                return Err(too_large(
                    graph,
                    &steps,
                    "a delay",
                    MAX_DELAY_STEPS as usize,
                    delay as usize,
                ));
            }
            out.target.push(target);
            out.weight.push(weight);
            if delay > 0 && out.delay.is_empty() {
                out.delay.resize(out.target.len() - 1, 0);
            }
            if delay > 0 || !out.delay.is_empty() {
                out.delay.push(delay as u16);
            }
        }
        if out.target.len() > MAX_SYNAPSES {
            return Err(too_large(
                graph,
                &steps,
                "the number of synapses",
                MAX_SYNAPSES,
                out.target.len(),
            ));
        }
        let start = *out.row_start.last().expect("starts with 0") as usize;
        let whole = out.target.len() - start == targets && out.delay.is_empty();
        out.dense &= whole
            && out.target[start..]
                .iter()
                .enumerate()
                .all(|(i, &t)| t as usize == i);
        out.row_start.push(out.target.len() as u32);
    }
    out.target.shrink_to_fit();
    out.weight.shrink_to_fit();
    Ok(out)
}

fn too_large(
    graph: &Graph,
    steps: &[usize],
    what: &str,
    limit: usize,
    actual: usize,
) -> NetworkError {
    let names: Vec<&str> = steps
        .iter()
        .map(|&i| graph.nodes[i].name.as_str())
        .collect();
    let what = format!("{what} of `{}`", names.join(">"));
    NetworkError::TooLarge {
        what,
        limit: limit as u64,
        actual: actual as u64,
    }
}

/// Sums by target, kept between rows.
struct Work {
    sums: Vec<f64>,
    touched: Vec<bool>,
    order: Vec<u32>,
}

impl Work {
    /// Replaces a row's entries by what `op` makes of them.
    fn apply(&mut self, op: &Op, row: &mut Vec<Entry>) {
        match op {
            Op::Delay { steps } => {
                for entry in row {
                    let i = if steps.len() == 1 {
                        0
                    } else {
                        entry.0 as usize
                    };
                    entry.1 = entry.1.saturating_add(steps[i]);
                }
            }
            Op::Linear(Linear::Scale { scale }) => {
                for entry in row {
                    entry.2 *= f64::from(if scale.len() == 1 {
                        scale[0]
                    } else {
                        scale[entry.0 as usize]
                    });
                }
            }
            Op::Linear(linear) if linear.max_delay() > 0 => {
                let mut next = Vec::new();
                for &(at, delay, weight) in row.iter() {
                    linear.scatter(at as usize, |t, w, d| {
                        next.push((t as u32, delay.saturating_add(d), w * weight))
                    });
                }
                next.sort_by_key(|e| (e.0, e.1));
                next.dedup_by(|later, kept| {
                    let same = (later.0, later.1) == (kept.0, kept.1);
                    kept.2 += if same { later.2 } else { 0.0 };
                    same
                });
                *row = next;
            }
            Op::Linear(linear) => self.sum(linear, row),
            Op::Input | Op::Output { .. } | Op::Neuron { .. } => {}
        }
    }

    /// A map without delays: per delay of the row, sums by target.
    fn sum(&mut self, linear: &Linear, row: &mut Vec<Entry>) {
        row.sort_by_key(|e| (e.1, e.0));
        let mut next: Vec<Entry> = Vec::new();
        for group in row.chunk_by(|a, b| a.1 == b.1) {
            self.order.clear();
            for &(at, _, weight) in group {
                linear.scatter(at as usize, |target, w, _| {
                    if !std::mem::replace(&mut self.touched[target], true) {
                        self.order.push(target as u32);
                    }
                    self.sums[target] += w * weight;
                });
            }
            self.order.sort_unstable();
            for &target in &self.order {
                self.touched[target as usize] = false;
                next.push((
                    target,
                    group[0].1,
                    std::mem::take(&mut self.sums[target as usize]),
                ));
            }
        }
        next.sort_by_key(|e| (e.0, e.1));
        *row = next;
    }
}
