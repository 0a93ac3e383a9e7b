//! From a graph of nodes to populations joined by synapse matrices ([`Lowered`]).
//!
//! Invariant: what is lowered does the same as [`Graph::simulate`], shifted by each population's depth; what cannot is an
//! error that names the node. Rules: `specs/network.md`, "Lowering".

mod compose;
#[cfg(test)]
mod tests;

use crate::error::{Collector, NetworkError, Result};
use crate::graph::{Edge, Graph, Op};
use crate::linear::Linear;
use crate::lowered::{
    Compare, Fire, Input, Lowered, Model, Output, Param, Population, Projection, Reset, Source,
    Synapses, WeightUnit,
};
use crate::order;

/// Most paths between populations.
const MAX_PATHS: usize = 4096;

/// A population of the lowered network.
struct Plan {
    /// Node that gives its spikes or membrane.
    node: usize,
    /// Node whose input it takes: the same, or the integrator that a threshold absorbs.
    body: usize,
}

/// A projection found, before its synapses are made.
struct Path {
    source: Source,
    /// Node of the source.
    from: usize,
    target: usize,
    receptor: u8,
    /// Linear maps and delays on the way, source first.
    through: Vec<usize>,
}

struct Lowering<'a> {
    graph: &'a Graph,
    plans: Vec<Plan>,
    /// Population of each node, if it gives one's spikes or membrane.
    population: Vec<Option<u32>>,
    /// Input of each node, if it is one.
    input: Vec<Option<u32>>,
    errors: Collector,
    assumptions: Vec<String>,
}

impl Graph {
    /// Populations and synapse matrices, as a mapper takes them.
    pub fn lower(&self) -> Result<Lowered> {
        let (mut lowered, deferred) = lower(self)?;
        for (projection, node) in deferred {
            if let Op::Linear(Linear::Sparse { synapses, .. }) = &self.nodes[node].op {
                lowered.projections[projection].synapses = synapses.clone();
            }
        }
        Ok(lowered)
    }

    /// Like [`Graph::lower`], but moves synapse lists instead of copying them.
    pub fn into_lowered(mut self) -> Result<Lowered> {
        let (mut lowered, mut deferred) = lower(&self)?;
        deferred.sort_by_key(|d| d.1);
        for (i, &(projection, node)) in deferred.iter().enumerate() {
            let last = deferred.get(i + 1).is_none_or(|next| next.1 != node);
            if let Op::Linear(Linear::Sparse { synapses, .. }) = &mut self.nodes[node].op {
                let moved = if last {
                    std::mem::take(synapses)
                } else {
                    synapses.clone()
                };
                lowered.projections[projection].synapses = moved;
            }
        }
        Ok(lowered)
    }
}

/// Where a chip has a node's neurons.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// Logical id of the first.
    pub(crate) first: u32,
    /// Depth of their population.
    pub(crate) depth: u32,
}

/// The places of all nodes; those of nodes that are no population are without meaning.
pub(crate) fn places(graph: &Graph) -> Vec<Place> {
    let mut lowering = Lowering::new(graph);
    lowering.find_populations();
    let edges = lowering.effective_edges();
    let component = order::components(graph.nodes.len(), edges.iter().copied());
    let depth = lowering.depths(&component, &edges);
    let mut places = vec![Place::default(); graph.nodes.len()];
    let mut first = 0u32;
    for plan in &lowering.plans {
        places[plan.node] = Place {
            first,
            depth: depth[component[plan.node] as usize],
        };
        first = first.wrapping_add(graph.nodes[plan.node].len() as u32);
    }
    places
}

/// Lowers all but the synapse lists that are taken as they are: (projection, node) of those.
fn lower(graph: &Graph) -> Result<(Lowered, Vec<(usize, usize)>)> {
    graph.check_receptors()?;
    let mut lowering = Lowering::new(graph);
    lowering.find_populations();
    let edges = lowering.effective_edges();
    let component = order::components(graph.nodes.len(), edges.iter().copied());
    let depth = lowering.depths(&component, &edges);
    for &(from, _) in &graph.same_step {
        lowering.refuse(
            // The reshaping node behind the projection's own.
            graph.edges_into(from as usize)[0].from as usize,
            "it acts in the step of the spike (same_step), and a chip's transport takes a step",
            "leave out same_step (the spike then acts one step later), or use `simulate`",
        );
    }
    let paths = lowering.paths();
    let outputs = lowering.outputs();
    lowering.errors.check()?;
    let biases = lowering.biases();

    let mut projections = Vec::with_capacity(paths.len());
    let mut deferred = Vec::new();
    for path in paths {
        let target = &lowering.plans[path.target];
        let recurrent = component[path.from] == component[target.node];
        let after = depth[component[target.node] as usize];
        let before = match path.source {
            Source::Input(_) => 0,
            Source::Population(_) => depth[component[path.from] as usize] + 1,
        };
        let maps = path.through.iter().map(|&i| &graph.nodes[i]);
        let maps = maps.filter(|n| !matches!(&n.op, Op::Linear(linear) if linear.is_identity()));
        let names: Vec<&str> = maps.map(|n| n.name.as_str()).collect();
        let text = if names.is_empty() {
            format!(
                "{}>{}",
                graph.nodes[path.from].name, graph.nodes[target.node].name
            )
        } else {
            names.join(">")
        };
        let mut unit = WeightUnit::Model;
        let synapses = match lowering.taken_as_is(&path.through) {
            Some((node, stored)) => {
                deferred.push((projections.len(), node));
                unit = stored;
                Synapses::default()
            }
            None => match compose::compose(
                graph,
                path.from,
                &path.through,
                graph.nodes[target.body].in_len(),
            ) {
                Ok(synapses) => synapses,
                Err(error) => {
                    lowering.errors.push(error);
                    continue;
                }
            },
        };
        projections.push(Projection {
            source: path.source,
            target: path.target as u32,
            receptor: path.receptor,
            path: text,
            unit,
            align: if recurrent { 0 } else { after - before },
            recurrent,
            synapses,
        });
    }
    lowering.errors.check()?;
    let populations = lowering
        .plans
        .iter()
        .zip(biases)
        .map(|(plan, bias)| Population {
            name: graph.nodes[plan.node].name.clone(),
            shape: graph.nodes[plan.node].shape.clone(),
            depth: depth[component[plan.node] as usize],
            model: lowering.model(plan),
            bias,
        });
    let inputs = graph.inputs().map(|i| Input {
        name: graph.nodes[i].name.clone(),
        shape: graph.nodes[i].shape.clone(),
        graded: graph.graded.contains(&(i as u32)),
    });
    let lowered = Lowered {
        name: graph.name.clone(),
        dt_s: graph.dt_s,
        populations: populations.collect(),
        inputs: inputs.collect(),
        projections,
        outputs,
        assignment: graph.assignment.clone(),
        assumptions: lowering.assumptions,
    };
    Ok((lowered, deferred))
}

impl<'a> Lowering<'a> {
    fn new(graph: &'a Graph) -> Lowering<'a> {
        Lowering {
            graph,
            plans: Vec::new(),
            population: vec![None; graph.nodes.len()],
            input: vec![None; graph.nodes.len()],
            errors: Collector::default(),
            assumptions: graph.assumptions.clone(),
        }
    }
}

impl Lowering<'_> {
    fn refuse(&mut self, node: usize, what: impl Into<String>, remedy: &str) {
        let node = self.graph.nodes[node].name.clone();
        self.errors.push(NetworkError::Unmappable {
            node,
            what: what.into(),
            remedy: remedy.into(),
        });
    }

    /// Firing neurons, integrators that are read out, and thresholds with the integrator before them.
    fn find_populations(&mut self) {
        let graph = self.graph;
        let absorbed: Vec<Option<usize>> = (0..graph.nodes.len())
            .map(|i| order::absorbed(&graph.nodes, &graph.edges, i))
            .collect();
        let absorbing: Vec<usize> = absorbed.iter().flatten().copied().collect();
        let mut inputs = 0;
        for (i, node) in graph.nodes.iter().enumerate() {
            match &node.op {
                Op::Input => {
                    self.input[i] = Some(inputs);
                    inputs += 1;
                }
                Op::Neuron { model, .. } => {
                    let body = absorbed[i].unwrap_or(i);
                    let only_absorbed =
                        !model.fires() && absorbing.contains(&i) && !self.read_out(i);
                    if !only_absorbed {
                        self.population[i] = Some(self.plans.len() as u32);
                        self.plans.push(Plan { node: i, body });
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the node's value reaches an output, untouched.
    fn read_out(&self, node: usize) -> bool {
        self.graph
            .outputs()
            .any(|output| self.untouched(output) == Some(node))
    }

    /// The neuron that an output shows element by element.
    fn untouched(&self, output: usize) -> Option<usize> {
        let mut at = output;
        for _ in 0..self.graph.nodes.len() {
            let [edge] = self.graph.edges_into(at) else {
                return None;
            };
            at = edge.from as usize;
            match &self.graph.nodes[at].op {
                Op::Neuron { .. } => return Some(at),
                Op::Linear(linear) if linear.is_identity() => {}
                _ => return None,
            }
        }
        None
    }

    /// Nodes that lead into a node; into a threshold, those into the integrator that it absorbs.
    fn sources(&self, node: usize) -> impl Iterator<Item = usize> + use<'_> {
        self.entries(node).iter().map(|e| e.from as usize)
    }

    /// The same as edges.
    fn entries(&self, node: usize) -> &[Edge] {
        let body = match self.population[node] {
            Some(p) => self.plans[p as usize].body,
            None => node,
        };
        self.graph.edges_into(body)
    }

    fn effective_edges(&self) -> Vec<(u32, u32)> {
        let all = 0..self.graph.nodes.len();
        all.flat_map(|to| self.sources(to).map(move |from| (from as u32, to as u32)))
            .collect()
    }

    /// Depth of each component: the most populations on a way from the inputs to it.
    fn depths(&self, component: &[u32], edges: &[(u32, u32)]) -> Vec<u32> {
        let count = component.iter().max().map_or(0, |&m| m as usize + 1);
        let mut adds = vec![0u32; count];
        for plan in &self.plans {
            adds[component[plan.node] as usize] = 1;
        }
        let mut depth = vec![0u32; count];
        let mut between: Vec<(u32, u32)> = edges
            .iter()
            .map(|&(f, t)| (component[f as usize], component[t as usize]))
            .filter(|(f, t)| f != t)
            .collect();
        between.sort_unstable();
        // Components are numbered in topological order, so a sweep by source sees final depths.
        for (from, to) in between {
            let reached = depth[from as usize] + adds[from as usize];
            depth[to as usize] = depth[to as usize].max(reached);
        }
        depth
    }

    /// All ways from inputs and populations to populations through linear maps and delays.
    fn paths(&mut self) -> Vec<Path> {
        let mut found = Vec::new();
        for target in 0..self.plans.len() {
            let node = self.plans[target].node;
            let entries = self.entries(node).iter().rev();
            let mut stack: Vec<(usize, u8, Vec<usize>)> = entries
                .map(|e| (e.from as usize, e.receptor, Vec::new()))
                .collect();
            while let Some((at, receptor, through)) = stack.pop() {
                if found.len() + stack.len() > MAX_PATHS {
                    self.errors.push(NetworkError::TooLarge {
                        what: "the number of ways between populations".into(),
                        limit: MAX_PATHS as u64,
                        actual: (found.len() + stack.len()) as u64,
                    });
                    return found;
                }
                let mut push = |source| {
                    let mut through = through.clone();
                    through.reverse();
                    found.push(Path {
                        source,
                        from: at,
                        target,
                        receptor,
                        through,
                    });
                };
                match &self.graph.nodes[at].op {
                    Op::Input => push(Source::Input(
                        self.input[at].expect("every input is numbered"),
                    )),
                    Op::Neuron { model, .. } if model.fires() => {
                        push(Source::Population(
                            self.population[at].expect("what fires is a population"),
                        ));
                    }
                    Op::Neuron { .. } => {
                        let what = format!(
                            "its membrane would have to travel to `{}`",
                            self.graph.nodes[node].name
                        );
                        self.refuse(at, what, "let it fire (LIF), put a Threshold directly behind it, or end the network there");
                    }
                    Op::Output { .. } => {}
                    Op::Linear(_) | Op::Delay { .. } => {
                        if through.contains(&at) {
                            self.refuse(
                                at,
                                "it lies on a cycle without neurons",
                                "put a neuron into the cycle",
                            );
                            continue;
                        }
                        let mut longer = through.clone();
                        longer.push(at);
                        let before: Vec<usize> = self
                            .graph
                            .edges_into(at)
                            .iter()
                            .map(|e| e.from as usize)
                            .collect();
                        let before = before.into_iter().rev();
                        stack.extend(before.map(|s| (s, receptor, longer.clone())));
                    }
                }
            }
        }
        found
    }

    /// The one list of synapses of a path, when nothing has to be computed.
    fn taken_as_is(&self, through: &[usize]) -> Option<(usize, WeightUnit)> {
        let mut rest = through.iter().filter(
            |&&i| !matches!(&self.graph.nodes[i].op, Op::Linear(linear) if linear.is_identity()),
        );
        let (Some(&node), None) = (rest.next(), rest.next()) else {
            return None;
        };
        match &self.graph.nodes[node].op {
            Op::Linear(Linear::Sparse { unit, .. }) => Some((node, *unit)),
            _ => None,
        }
    }

    fn outputs(&mut self) -> Vec<Output> {
        let graph = self.graph;
        let mut found = Vec::new();
        for at in graph.outputs() {
            let node = &graph.nodes[at];
            let Op::Output { readout } = node.op else {
                continue;
            };
            match self
                .untouched(at)
                .and_then(|neuron| self.population[neuron])
            {
                Some(population) => {
                    found.push(Output {
                        name: node.name.clone(),
                        shape: node.shape.clone(),
                        population,
                        readout,
                    });
                }
                None => {
                    let sources = graph.edges_into(at);
                    let what = match sources {
                        [] => "nothing leads to it".to_string(),
                        [edge] => format!(
                            "`{}` gives values that no neuron holds",
                            graph.nodes[edge.from as usize].name
                        ),
                        _ => format!("it is the sum of {} nodes", sources.len()),
                    };
                    self.refuse(
                        at,
                        what,
                        "end the network in neurons, e.g. LI for analog values",
                    );
                }
            }
        }
        found
    }

    /// What reaches each population when nothing fires: biases of affine maps on the way, and its own.
    fn biases(&mut self) -> Vec<Vec<f32>> {
        let graph = self.graph;
        let mut constant: Vec<Option<Vec<f64>>> = vec![None; graph.nodes.len()];
        let sum = |constant: &[Option<Vec<f64>>], sources: &mut dyn Iterator<Item = usize>| {
            let mut total: Option<Vec<f64>> = None;
            for values in sources.filter_map(|s| constant[s].as_ref()) {
                match &mut total {
                    None => total = Some(values.clone()),
                    Some(total) => total.iter_mut().zip(values).for_each(|(t, v)| *t += v),
                }
            }
            total
        };
        for &at in &graph.schedule {
            let at = at as usize;
            let taken = sum(
                &constant,
                &mut graph.edges_into(at).iter().map(|e| e.from as usize),
            );
            match &graph.nodes[at].op {
                Op::Linear(linear) if taken.is_some() || linear.has_bias() => {
                    let mut given = vec![0.0; graph.nodes[at].len()];
                    linear.add_bias(&mut given);
                    for (i, x) in taken
                        .iter()
                        .flatten()
                        .enumerate()
                        .filter(|(_, x)| **x != 0.0)
                    {
                        linear.scatter(i, |out, w, _| given[out] += w * x);
                    }
                    constant[at] = Some(given);
                }
                Op::Delay { steps } => {
                    let longest = steps.iter().max().copied().unwrap_or(0);
                    if longest > 0 && taken.iter().flatten().any(|&x| x != 0.0) {
                        let name = &graph.nodes[at].name;
                        let note = format!(
                            "a bias passes through the delay `{name}`: taken to act from the first step, not after {longest}"
                        );
                        self.assumptions.push(note);
                    }
                    constant[at] = taken;
                }
                _ => {}
            }
        }
        let plans = self.plans.iter();
        plans
            .map(|plan| {
                let mut total = sum(&constant, &mut self.sources(plan.node));
                if let Op::Neuron { bias, .. } = &graph.nodes[plan.body].op
                    && !bias.is_empty()
                {
                    let total = total.get_or_insert_with(|| vec![0.0; bias.len()]);
                    total
                        .iter_mut()
                        .zip(bias)
                        .for_each(|(t, &b)| *t += f64::from(b));
                }
                let total = total.unwrap_or_default();
                if total.iter().all(|&x| x == 0.0) {
                    Vec::new()
                } else {
                    total.into_iter().map(|x| x as f32).collect()
                }
            })
            .collect()
    }

    /// A population's model; that of a threshold with what it absorbs is an integrator that fires without reset.
    fn model(&self, plan: &Plan) -> Model {
        let model = |node: usize| match &self.graph.nodes[node].op {
            Op::Neuron { model, .. } => (**model).clone(),
            _ => unreachable!("populations are neurons"),
        };
        let mut body = model(plan.body);
        if plan.body != plan.node
            && let Model::Threshold { threshold, compare } = model(plan.node)
        {
            set_fire(&mut body, threshold, compare);
        }
        body
    }
}

fn set_fire(model: &mut Model, threshold: Param, compare: Compare) {
    let firing = Fire {
        threshold,
        v_reset: Param::One(0.0),
        reset: Reset::None,
        reset_delay: false,
        compare,
        refractory: Param::One(0.0),
    };
    if let Model::Leaky { fire, .. } | Model::Cuba { fire, .. } = model {
        *fire = Some(firing);
    }
}
