//! The float reference: runs a [`Graph`] step by step in `f64`.
//!
//! Invariant: per step, nodes are evaluated in the graph's schedule; all layers see the same step's spikes; an edge that
//! closes a cycle carries the value of the previous step (before the first step: the constant part of affine maps, else 0).
//! Linear maps are driven by the non-zero inputs only. Semantics: `specs/network.md`.

mod activity;
mod integer;
mod kernel;
mod models;
mod neuron;
mod readout;
mod same_step;

use crate::error::{NetworkError, Result};
use crate::graph::{Graph, Op};
use crate::input::Sample;
use crate::linear::Linear;
use crate::lower::Place;
use crate::lowered::{ReadoutKind, WeightUnit};
pub use activity::Activity;
pub use kernel::Draws;
pub(crate) use neuron::{Key, Law, State};
pub use readout::{predict, scored_output};

/// What to keep, and how to read outputs.
#[derive(Clone, Debug, Default)]
pub struct SimulateOptions {
    /// Readout for all outputs, whatever the file says.
    pub readout: Option<ReadoutKind>,
    /// Keep every spike of every population.
    pub trains: bool,
    /// Seed of threshold noise, and of what kernels draw.
    pub seed: u64,
    /// Random words of a chip; without them, kernels that draw are refused.
    pub draws: Option<Draws>,
}

/// What a run gave.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Populations that fire, in network order.
    pub populations: Vec<SimulatedPopulation>,
    /// Outputs, in network order.
    pub outputs: Vec<SimulatedOutput>,
    /// One per sample.
    pub samples: Vec<SampleResult>,
}

/// A population that fires.
#[derive(Clone, Debug)]
pub struct SimulatedPopulation {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Spikes of all samples.
    pub spikes: u64,
}

/// An output.
#[derive(Clone, Debug)]
pub struct SimulatedOutput {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Whether its elements are spikes.
    pub spiking: bool,
    /// How it is read.
    pub readout: ReadoutKind,
}

/// Result of one sample.
#[derive(Clone, Debug, Default)]
pub struct SampleResult {
    /// Spikes per population, in the order of [`Simulation::populations`].
    pub spikes: Vec<u64>,
    /// Values of each output: step by step, element by element.
    pub outputs: Vec<Vec<f32>>,
    /// Predicted class of each output.
    pub predictions: Vec<u32>,
    /// (step, neuron) of every spike, per population, if asked for.
    pub trains: Vec<Vec<(u32, u32)>>,
}

/// Values of a node in a step; `active` lists the non-zero ones when `sparse`.
#[derive(Clone, Debug, Default)]
struct Signal {
    values: Vec<f64>,
    active: Vec<u32>,
    sparse: bool,
}

impl Signal {
    fn zeros(len: usize) -> Signal {
        Signal {
            values: vec![0.0; len],
            active: Vec::new(),
            sparse: true,
        }
    }

    /// All zero again.
    fn clear(&mut self) {
        if self.sparse {
            for &i in &self.active {
                self.values[i as usize] = 0.0;
            }
        } else {
            self.values.fill(0.0);
        }
        self.active.clear();
        self.sparse = true;
    }

    fn add(&mut self, i: u32, x: f64) {
        if self.values[i as usize] == 0.0 {
            self.active.push(i);
        }
        self.values[i as usize] += x;
    }

    fn for_each_active(&self, mut f: impl FnMut(usize, f64)) {
        if self.sparse {
            for &i in &self.active {
                let x = self.values[i as usize];
                if x != 0.0 {
                    f(i as usize, x);
                }
            }
        } else {
            for (i, &x) in self.values.iter().enumerate() {
                if x != 0.0 {
                    f(i, x);
                }
            }
        }
    }
}

/// Where a node's input comes from.
#[derive(Clone, Copy)]
struct Origin {
    node: usize,
    closing: bool,
    receptor: u8,
}

enum Unit {
    Input {
        first: usize,
    },
    Output,
    Neuron {
        law: Box<Law>,
        population: Option<usize>,
        place: Place,
    },
    Linear {
        constant: Vec<f64>,
    },
    Delay,
}

/// What changes while a sample runs.
struct Machine<'a> {
    graph: &'a Graph,
    units: Vec<Unit>,
    origins: Vec<Vec<Origin>>,
    given: Vec<Signal>,
    before: Vec<Signal>,
    /// Values before the first step, of nodes at the start of a closing edge.
    initial: Vec<Option<Signal>>,
    states: Vec<State>,
    /// Future contributions of delays, slot by slot.
    rings: Vec<Vec<Vec<(u32, f64)>>>,
    scratch: Signal,
}

impl Graph {
    /// Runs samples through the network, each from the initial state.
    pub fn simulate(&self, samples: &[Sample], options: &SimulateOptions) -> Result<Simulation> {
        self.check_receptors()?;
        let mut machine = Machine::new(self, options.draws)?;
        let populations: Vec<usize> = (0..self.nodes.len())
            .filter(|&i| {
                matches!(
                    machine.units[i],
                    Unit::Neuron {
                        population: Some(_),
                        ..
                    }
                )
            })
            .collect();
        let outputs: Vec<usize> = self.outputs().collect();
        let described = outputs.iter().map(|&i| {
            let Op::Output { readout } = self.nodes[i].op else {
                unreachable!("filtered by outputs()")
            };
            let spiking = self.spiking(i);
            let usual = if spiking {
                ReadoutKind::Count
            } else {
                ReadoutKind::Last
            };
            SimulatedOutput {
                name: self.nodes[i].name.clone(),
                shape: self.nodes[i].shape.clone(),
                spiking,
                readout: options.readout.or(readout).unwrap_or(usual),
            }
        });
        let mut simulation = Simulation {
            populations: populations
                .iter()
                .map(|&i| SimulatedPopulation {
                    name: self.nodes[i].name.clone(),
                    shape: self.nodes[i].shape.clone(),
                    spikes: 0,
                })
                .collect(),
            outputs: described.collect(),
            samples: Vec::with_capacity(samples.len()),
        };
        let width = self.input_len();
        for (number, sample) in samples.iter().enumerate() {
            if let Some(element) = sample.max_element().filter(|&e| e as usize >= width) {
                let what = format!(
                    "sample {number} has a value for input element {element}; the network has {width}"
                );
                return Err(NetworkError::Input { what }.into());
            }
            let result =
                machine.run(sample, &populations, &outputs, &simulation.outputs, options)?;
            for (population, spikes) in simulation.populations.iter_mut().zip(&result.spikes) {
                population.spikes += spikes;
            }
            simulation.samples.push(result);
        }
        Ok(simulation)
    }

    /// Whether what reaches output `at` are spikes, untouched.
    pub(crate) fn spiking(&self, at: usize) -> bool {
        let mut at = at;
        for _ in 0..self.nodes.len() {
            let [edge] = self.edges_into(at) else {
                return false;
            };
            at = edge.from as usize;
            match &self.nodes[at].op {
                Op::Neuron { model, .. } => return model.fires(),
                Op::Linear(linear) if linear.is_identity() => {}
                Op::Delay { .. } => {}
                _ => return false,
            }
        }
        false
    }
}

impl<'a> Machine<'a> {
    fn new(graph: &'a Graph, draws: Option<Draws>) -> Result<Machine<'a>> {
        let count = graph.nodes.len();
        let mut units = Vec::with_capacity(count);
        let (mut first, mut populations) = (0, 0);
        let mut errors = crate::error::Collector::default();
        let places = crate::lower::places(graph);
        for (at, node) in graph.nodes.iter().enumerate() {
            units.push(match &node.op {
                Op::Input => {
                    first += node.len();
                    Unit::Input {
                        first: first - node.len(),
                    }
                }
                Op::Output { .. } => Unit::Output,
                Op::Delay { .. } => Unit::Delay,
                Op::Neuron { model, bias } => {
                    let population = model.fires().then(|| {
                        populations += 1;
                        populations - 1
                    });
                    match Law::new(model, bias, node.len(), graph.dt_s, draws) {
                        Ok(law) => Unit::Neuron {
                            law: Box::new(law),
                            population,
                            place: places[at],
                        },
                        Err(what) => {
                            errors.push(NetworkError::NotSimulated {
                                node: node.name.clone(),
                                what,
                            });
                            Unit::Output
                        }
                    }
                }
                Op::Linear(linear) => {
                    let mut constant = Vec::new();
                    if linear.has_bias() {
                        constant.resize(node.len(), 0.0);
                        linear.add_bias(&mut constant);
                    }
                    Unit::Linear { constant }
                }
            });
        }
        for edge in &graph.edges {
            if let Unit::Neuron { law, .. } = &units[edge.to as usize]
                && usize::from(edge.receptor) >= law.receptors()
            {
                errors.push(NetworkError::NotSimulated {
                    node: graph.nodes[edge.to as usize].name.clone(),
                    what: format!(
                        "a projection leads to its receptor {}; its kernel has {}, numbered from 0",
                        edge.receptor,
                        law.receptors()
                    ),
                });
            }
        }
        errors.check()?;
        let origins: Vec<Vec<Origin>> = (0..count)
            .map(|i| {
                let edges = graph.edges_into(i).iter();
                edges
                    .map(|e| Origin {
                        node: e.from as usize,
                        closing: e.closing,
                        receptor: e.receptor,
                    })
                    .collect()
            })
            .collect();
        let rings = graph.nodes.iter().map(|node| {
            let longest = match &node.op {
                Op::Delay { steps } => steps.iter().copied().max().unwrap_or(0),
                Op::Linear(linear) => linear.max_delay(),
                _ => 0,
            };
            let ring = matches!(node.op, Op::Delay { .. }) || longest > 0;
            vec![Vec::new(); if ring { longest as usize + 1 } else { 0 }]
        });
        for &(_, to) in &graph.same_step {
            if let Unit::Neuron { law, .. } = &mut units[to as usize] {
                law.pushed = true;
            }
        }
        let states = units.iter().map(|unit| match unit {
            Unit::Neuron { law, .. } => law.state(),
            _ => State::default(),
        });
        let mut machine = Machine {
            graph,
            origins,
            given: graph.nodes.iter().map(|n| Signal::zeros(n.len())).collect(),
            before: vec![Signal::default(); count],
            initial: vec![None; count],
            states: states.collect(),
            rings: rings.collect(),
            scratch: Signal::default(),
            units,
        };
        machine.settle();
        Ok(machine)
    }

    /// Values before the first step: what linear maps give when nothing fires.
    fn settle(&mut self) {
        let closing: Vec<usize> = self
            .origins
            .iter()
            .flatten()
            .filter(|o| o.closing)
            .map(|o| o.node)
            .collect();
        for &node in &closing {
            self.before[node] = Signal::zeros(self.graph.nodes[node].len());
        }
        for &at in &self.graph.schedule {
            if matches!(self.units[at as usize], Unit::Linear { .. })
                && self.rings[at as usize].is_empty()
            {
                self.linear(at as usize, 0);
            }
        }
        for node in closing {
            self.initial[node] = Some(self.given[node].clone());
        }
    }

    fn run(
        &mut self,
        sample: &Sample,
        populations: &[usize],
        outputs: &[usize],
        described: &[SimulatedOutput],
        options: &SimulateOptions,
    ) -> Result<SampleResult> {
        for (unit, state) in self.units.iter().zip(&mut self.states) {
            if let Unit::Neuron { law, .. } = unit {
                law.reset(state);
            }
        }
        self.rings.iter_mut().flatten().for_each(Vec::clear);
        for (before, initial) in self.before.iter_mut().zip(&self.initial) {
            if let Some(initial) = initial {
                before.clone_from(initial);
            }
        }
        let mut result = SampleResult {
            spikes: vec![0; populations.len()],
            outputs: outputs
                .iter()
                .map(|&i| Vec::with_capacity(sample.steps() * self.given[i].values.len()))
                .collect(),
            predictions: Vec::new(),
            trains: vec![Vec::new(); if options.trains { populations.len() } else { 0 }],
        };
        for step in 0..sample.steps() {
            self.step(sample, step, options.seed)?;
            self.same_step();
            for (population, &i) in populations.iter().enumerate() {
                let active = &self.given[i].active;
                result.spikes[population] += active.len() as u64;
                if options.trains {
                    result.trains[population]
                        .extend(active.iter().map(|&neuron| (step as u32, neuron)));
                }
            }
            for (values, &i) in result.outputs.iter_mut().zip(outputs) {
                values.extend(self.given[i].values.iter().map(|&v| v as f32));
            }
            for i in 0..self.initial.len() {
                if self.initial[i].is_some() {
                    std::mem::swap(&mut self.before[i], &mut self.given[i]);
                }
            }
        }
        let steps = sample.steps();
        result.predictions = described
            .iter()
            .zip(&result.outputs)
            .map(|(o, v)| predict(o.readout, v, steps))
            .collect();
        Ok(result)
    }

    fn step(&mut self, sample: &Sample, step: usize, seed: u64) -> Result<()> {
        let graph = self.graph;
        for &at in &graph.schedule {
            let at = at as usize;
            match &self.units[at] {
                Unit::Input { first } => {
                    let given = &mut self.given[at];
                    given.clear();
                    let end = first + given.values.len();
                    for &(element, value) in sample.step(step) {
                        if (*first..end).contains(&(element as usize)) && value != 0.0 {
                            given.add((element as usize - first) as u32, f64::from(value));
                        }
                    }
                }
                Unit::Output => {
                    let mut given = std::mem::take(&mut self.given[at]);
                    given.clear();
                    self.gather(at)
                        .for_each_active(|i, x| given.add(i as u32, x));
                    self.given[at] = given;
                }
                Unit::Linear { .. } => self.linear(at, step),
                Unit::Delay => {
                    let Op::Delay { steps } = &graph.nodes[at].op else {
                        unreachable!("units follow the nodes")
                    };
                    let mut ring = std::mem::take(&mut self.rings[at]);
                    let slots = ring.len();
                    self.gather(at).for_each_active(|i, x| {
                        let delay = steps[if steps.len() == 1 { 0 } else { i }] as usize;
                        ring[(step + delay) % slots].push((i as u32, x));
                    });
                    let given = &mut self.given[at];
                    given.clear();
                    for (i, x) in ring[step % slots].drain(..) {
                        given.add(i, x);
                    }
                    self.rings[at] = ring;
                }
                Unit::Neuron { .. } => {
                    let mut given = std::mem::take(&mut self.given[at]);
                    let mut state = std::mem::take(&mut self.states[at]);
                    given.clear();
                    self.gather(at);
                    let input = self.input(at);
                    let Unit::Neuron {
                        law,
                        population,
                        place,
                    } = &self.units[at]
                    else {
                        unreachable!("matched above")
                    };
                    if let Some((neuron, x)) = law.not_whole(input) {
                        let what = format!(
                            "in step {step} the weights that reach its neuron {neuron} add up to {x}, and its kernel counts in whole numbers; give whole weights"
                        );
                        let node = graph.nodes[at].name.clone();
                        return Err(NetworkError::NotSimulated { node, what }.into());
                    }
                    given.sparse = population.is_some();
                    law.step(
                        &mut state,
                        input,
                        &mut given.values,
                        &mut given.active,
                        Key {
                            seed,
                            population: at as u32,
                            step: step as u32,
                            place: *place,
                        },
                    );
                    self.states[at] = state;
                    self.given[at] = given;
                }
            }
        }
        Ok(())
    }

    /// Inputs of a node.
    fn receptors(&self, at: usize) -> usize {
        match &self.units[at] {
            Unit::Neuron { law, .. } => law.receptors(),
            _ => 1,
        }
    }

    /// The only source of a node, if there is just one and one input.
    fn only(&self, at: usize) -> Option<&Signal> {
        let [origin] = self.origins[at][..] else {
            return None;
        };
        if self.receptors(at) > 1 {
            return None;
        }
        Some(if origin.closing {
            &self.before[origin.node]
        } else {
            &self.given[origin.node]
        })
    }

    /// Input of node `at`, after [`Machine::gather`].
    fn input(&self, at: usize) -> &[f64] {
        &self.only(at).unwrap_or(&self.scratch).values
    }

    /// Sums a node's sources; those of a neuron's receptors one after the other.
    fn gather(&mut self, at: usize) -> &Signal {
        let receptors = self.receptors(at);
        if self.origins[at].len() != 1 || receptors > 1 {
            let len = self.graph.nodes[at].in_len();
            self.scratch.active.clear();
            self.scratch.sparse = false;
            self.scratch.values.clear();
            self.scratch.values.resize(len * receptors, 0.0);
            for origin in &self.origins[at] {
                let source = if origin.closing {
                    &self.before[origin.node]
                } else {
                    &self.given[origin.node]
                };
                let first = len * usize::from(origin.receptor);
                source.for_each_active(|i, x| self.scratch.values[first + i] += x);
            }
        }
        self.only(at).unwrap_or(&self.scratch)
    }

    fn linear(&mut self, at: usize, step: usize) {
        let Op::Linear(linear) = &self.graph.nodes[at].op else {
            unreachable!("units follow the nodes")
        };
        let mut given = std::mem::take(&mut self.given[at]);
        given.clear();
        if linear.is_identity() || matches!(linear, Linear::Scale { .. }) {
            self.gather(at).for_each_active(|i, x| {
                linear.scatter(i, |out, w, _| given.add(out as u32, w * x))
            });
            self.given[at] = given;
            return;
        }
        let mut ring = std::mem::take(&mut self.rings[at]);
        let slots = ring.len();
        self.gather(at);
        let Unit::Linear { constant } = &self.units[at] else {
            unreachable!("units follow the nodes")
        };
        given.sparse = false;
        if !constant.is_empty() {
            given.values.copy_from_slice(constant);
        }
        let y = &mut given.values[..];
        let input = self.only(at).unwrap_or(&self.scratch);
        let mantissa = match linear {
            Linear::Sparse {
                unit: WeightUnit::Mantissa { exponent },
                ..
            } => Some(*exponent),
            _ => None,
        };
        let meant = |w: f64| mantissa.map_or(w, |exponent| kernel::effective(w, exponent));
        if slots == 0 {
            input.for_each_active(|i, x| linear.scatter(i, |out, w, _| y[out] += meant(w) * x));
        } else {
            input.for_each_active(|i, x| {
                linear.scatter(i, |out, w, delay| {
                    ring[(step + delay as usize) % slots].push((out as u32, w * x))
                });
            });
            for (out, x) in ring[step % slots].drain(..) {
                y[out as usize] += x;
            }
        }
        self.rings[at] = ring;
        self.given[at] = given;
    }
}
