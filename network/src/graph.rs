//! The network as a flat graph of nodes: inputs, outputs, neurons, linear maps and delays.
//!
//! Invariant of a [`Graph`]: every node has its shape, every edge joins equal shapes, and in `schedule` only edges marked as
//! closing a cycle point backwards. Readers go through `Graph::build`, which checks all of it.
//! Equations: `specs/network.md`; NIR's primitives of the same names.

use crate::error::{Collector, NetworkError, Result};
use crate::linear::Linear;
use crate::lowered::{Model, ReadoutKind};
use crate::order;
use crate::shapes;

/// Most elements of one node's output.
pub const MAX_ELEMENTS: u64 = 1 << 28;
/// Most nodes of a network.
pub const MAX_NODES: usize = 1 << 16;
/// Longest delay, steps.
pub const MAX_DELAY_STEPS: u32 = 65_535;

/// What a node does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Where samples enter.
    Input,
    /// Where results leave.
    Output {
        /// Readout asked for by the file.
        readout: Option<ReadoutKind>,
    },
    /// A population of neurons.
    Neuron {
        /// Model and parameters.
        model: Box<Model>,
        /// Constant added to the input on every step, per neuron; empty = none.
        bias: Vec<f32>,
    },
    /// A map without state.
    Linear(Linear),
    /// y(t) = x(t − steps), 0 before; one value, or one per element.
    Delay {
        /// Steps.
        steps: Vec<u32>,
    },
}

/// A node with its name and shapes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Path, parts joined by `/`.
    pub name: String,
    /// What it does.
    pub op: Op,
    /// Shape that it takes.
    pub in_shape: Vec<u32>,
    /// Shape that it gives.
    pub shape: Vec<u32>,
}

impl Node {
    /// Number of elements given.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&d| d as usize).product()
    }

    /// Whether it gives none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of elements taken.
    pub fn in_len(&self) -> usize {
        self.in_shape.iter().map(|&d| d as usize).product()
    }
}

/// An edge between nodes, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// From.
    pub from: u32,
    /// To.
    pub to: u32,
    /// Closes a cycle: carries the value of the previous step.
    pub closing: bool,
    /// Which of the inputs of `to` it adds to; 0 where there is one.
    pub receptor: u8,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Name.
    pub name: String,
    /// Time step, seconds.
    pub dt_s: f64,
    /// Nodes, in network order: their neurons are numbered through them.
    pub nodes: Vec<Node>,
    /// Order in which nodes are evaluated within a step.
    pub schedule: Vec<u32>,
    /// Edges, ordered by (to, from).
    pub edges: Vec<Edge>,
    /// What acts in the same step: (node, population on whose membranes its value is added after the step).
    pub same_step: Vec<(u32, u32)>,
    /// Edges into a kernel whose receptor has a name that only the kernel's text knows: from, to, name.
    pub named_receptors: Vec<(u32, u32, String)>,
    /// Inputs whose values travel as payloads of graded spikes, by node.
    pub graded: Vec<u32>,
    /// What was assumed, for the report.
    pub assumptions: Vec<String>,
    /// The user's own core of every neuron, in network order.
    pub assignment: Option<Vec<u32>>,
    /// Files of kernels that populations name, as the description writes them: relative to it.
    pub kernel_files: Vec<String>,
    /// Files of arrays that were read, as the description names them: relative to it.
    pub array_files: Vec<String>,
}

/// A node before its shapes are known.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Path.
    pub(crate) name: String,
    /// What it does.
    pub(crate) op: Op,
    /// Shape taken, if the file says so.
    pub(crate) in_shape: Option<Vec<u32>>,
    /// Shapes of elementwise fields (they may broadcast to the shape that reaches the node).
    pub(crate) field_shape: Option<Vec<u32>>,
}

impl Graph {
    /// Checks, infers shapes, finds the order of evaluation. Edges are indices into `drafts`. With `sort`, nodes are put into
    /// the order of evaluation (for files that keep no order).
    pub(crate) fn build(
        name: String,
        dt_s: f64,
        drafts: Vec<Draft>,
        edges: Vec<(u32, u32)>,
        sort: bool,
        assumptions: Vec<String>,
    ) -> Result<Graph> {
        let mut errors = Collector::default();
        if drafts.len() > MAX_NODES {
            errors.push(NetworkError::TooLarge {
                what: "the number of nodes".into(),
                limit: MAX_NODES as u64,
                actual: drafts.len() as u64,
            });
        }
        errors.check()?;
        check_edges(&drafts, &edges, &mut errors);
        errors.check()?;
        let nodes = shapes::infer(drafts, &edges)?;
        if !nodes
            .iter()
            .any(|n| matches!(n.op, Op::Neuron { .. } | Op::Linear(_) | Op::Delay { .. }))
        {
            errors.push(NetworkError::Format {
                format: "network",
                what: "it has no neurons and no maps".into(),
            });
        }
        errors.check()?;
        let (mut schedule, mut edges) = order::order(&nodes, &edges);
        let mut nodes = nodes;
        if sort {
            let mut slots: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
            let mut place = vec![0u32; slots.len()];
            nodes = Vec::with_capacity(slots.len());
            for (new, old) in schedule.iter_mut().enumerate() {
                place[*old as usize] = new as u32;
                nodes.push(
                    slots[*old as usize]
                        .take()
                        .expect("a schedule names each node once"),
                );
                *old = new as u32;
            }
            for edge in &mut edges {
                *edge = Edge {
                    from: place[edge.from as usize],
                    to: place[edge.to as usize],
                    ..*edge
                };
            }
            edges.sort_unstable_by_key(|e| (e.to, e.from));
        }
        Ok(Graph {
            name,
            dt_s,
            nodes,
            schedule,
            edges,
            same_step: Vec::new(),
            named_receptors: Vec::new(),
            graded: Vec::new(),
            assumptions,
            assignment: None,
            kernel_files: Vec::new(),
            array_files: Vec::new(),
        })
    }

    /// Indices of the inputs.
    pub fn inputs(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|&i| matches!(self.nodes[i].op, Op::Input))
    }

    /// Indices of the outputs.
    pub fn outputs(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|&i| matches!(self.nodes[i].op, Op::Output { .. }))
    }

    /// Shapes of the inputs, in network order: what [`crate::input::load`] takes.
    pub fn input_shapes(&self) -> Vec<Vec<u32>> {
        self.inputs().map(|i| self.nodes[i].shape.clone()).collect()
    }

    /// Elements of all inputs together.
    pub fn input_len(&self) -> usize {
        self.inputs().map(|i| self.nodes[i].len()).sum()
    }

    /// Neurons of all populations together.
    pub fn neurons(&self) -> usize {
        self.nodes
            .iter()
            .filter(|n| matches!(n.op, Op::Neuron { .. }))
            .map(Node::len)
            .sum()
    }

    /// Lets the edge from `from` to `to` add to an input of `to`.
    pub(crate) fn set_receptor(&mut self, from: u32, to: u32, receptor: u8) {
        let same = |e: &&mut Edge| (e.from, e.to) == (from, to);
        if let Some(edge) = self.edges.iter_mut().find(same) {
            edge.receptor = receptor;
        }
    }

    /// Gives the receptors that are named the numbers that kernels have for them: `names` lists those of a kernel with options.
    ///
    /// # Errors
    /// If a kernel has no receptor of that name.
    pub fn resolve_receptors(
        &mut self,
        names: impl Fn(&str, &[(String, i64)]) -> Vec<String>,
    ) -> Result<()> {
        let mut errors = Collector::default();
        for (from, to, name) in std::mem::take(&mut self.named_receptors) {
            let Op::Neuron { model, .. } = &self.nodes[to as usize].op else {
                continue;
            };
            let Model::Kernel {
                name: kernel,
                options,
                ..
            } = &**model
            else {
                continue;
            };
            let known = names(kernel, options);
            match known.iter().position(|k| *k == name) {
                Some(number) => self.set_receptor(from, to, number as u8),
                None => errors.push(NetworkError::Receptor {
                    what: match known.is_empty() {
                        true => format!(
                            "kernel `{kernel}` gives its receptors no names: number them from 0"
                        ),
                        false => format!("kernel `{kernel}` has {}", known.join(", ")),
                    },
                    node: self.nodes[to as usize].name.clone(),
                    name,
                }),
            }
        }
        errors.check()
    }

    /// Refuses receptors that were not resolved.
    pub(crate) fn check_receptors(&self) -> Result<()> {
        let mut errors = Collector::default();
        for (_, to, name) in &self.named_receptors {
            errors.push(NetworkError::Receptor {
                node: self.nodes[*to as usize].name.clone(),
                name: name.clone(),
                what: "nobody asked its kernel for the number (Graph::resolve_receptors)".into(),
            });
        }
        errors.check()
    }

    /// Edges into node `to`.
    pub fn edges_into(&self, to: usize) -> &[Edge] {
        let start = self.edges.partition_point(|e| (e.to as usize) < to);
        let end = self.edges.partition_point(|e| (e.to as usize) <= to);
        &self.edges[start..end]
    }
}

/// Edges into inputs, out of outputs, doubled ones.
fn check_edges(drafts: &[Draft], edges: &[(u32, u32)], errors: &mut Collector) {
    let mut sorted = edges.to_vec();
    sorted.sort_unstable();
    let name = |i: u32| drafts[i as usize].name.clone();
    for pair in sorted.chunk_by(|a, b| a == b).filter(|same| same.len() > 1) {
        errors.push(NetworkError::DuplicateEdge {
            from: name(pair[0].0),
            to: name(pair[0].1),
        });
    }
    sorted.dedup();
    for (from, to) in sorted {
        let what = if matches!(drafts[to as usize].op, Op::Input) {
            "nothing can lead into an input"
        } else if matches!(drafts[from as usize].op, Op::Output { .. }) {
            "nothing can come out of an output"
        } else {
            continue;
        };
        errors.push(NetworkError::BadEdge {
            from: name(from),
            to: name(to),
            what: what.into(),
        });
    }
}
