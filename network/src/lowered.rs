//! The lowered view of a network: populations joined by synapse matrices, ready for a mapper.
//!
//! Invariant: synapses live in compressed rows of `u32`, never one object each.

use crate::models::{Adaptive, Compartments, Filter, Izhikevich, Resonate, SigmaDelta};

/// Populations, synapse matrices, inputs and outputs of a network at a resolved time step.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Name.
    pub name: String,
    /// Time step, seconds.
    pub dt_s: f64,
    /// Populations in network order; their neurons are numbered through them (logical ids).
    pub populations: Vec<Population>,
    /// Inputs; their elements are numbered through them.
    pub inputs: Vec<Input>,
    /// Synapses between populations, and from inputs to populations.
    pub projections: Vec<Projection>,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// The user's own core of every neuron (`u32`, network order), if the file fixes it.
    pub assignment: Option<Vec<u32>>,
    /// What was assumed, for the report.
    pub assumptions: Vec<String>,
}

/// A population of spiking or integrating neurons.
#[derive(Clone, Debug)]
pub struct Population {
    /// Name: node path with `/`.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Transport steps between the inputs and this population (longest path of the strongly connected components; first layer 0).
    pub depth: u32,
    /// Model and parameters.
    pub model: Model,
    /// Constant input per step and neuron (biases of affine maps on the way in), in units of x; empty = none.
    pub bias: Vec<f32>,
}

impl Population {
    /// Number of neurons.
    pub fn len(&self) -> u32 {
        self.shape.iter().product()
    }
    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A parameter: one value for all neurons, or one per neuron.
#[derive(Clone, Debug, PartialEq)]
pub enum Param {
    /// Same for all.
    One(f64),
    /// Per neuron.
    Each(Vec<f64>),
}

/// What a spike does to the membrane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// v = v_reset.
    Hard,
    /// v = v − v_threshold.
    Subtract,
    /// Nothing.
    None,
}

/// Spike condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// v > threshold.
    Gt,
    /// v ≥ threshold.
    Ge,
}

/// How continuous time becomes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decay {
    /// factor 1 − dt/tau, gain dt/tau.
    Euler,
    /// factor exp(−dt/tau), gain 1 − exp(−dt/tau).
    Exp,
}

/// Firing rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Fire {
    /// Threshold.
    pub threshold: Param,
    /// Value after a hard reset.
    pub v_reset: Param,
    /// Kind of reset.
    pub reset: Reset,
    /// Reset acts one step late (snnTorch `reset_delay`).
    pub reset_delay: bool,
    /// Comparison.
    pub compare: Compare,
    /// Steps without update after a spike (0 = none).
    pub refractory: Param,
}

/// Neuron models, in SI units (NIR equations).
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// Integrator or leaky integrator, firing or not: IF (`tau` none), LIF, LI, I.
    Leaky {
        /// Membrane time constant, s; `None`: v += dt·r·x.
        tau: Option<Param>,
        /// Resistance.
        r: Param,
        /// Leak potential.
        v_leak: Param,
        /// Discretisation.
        decay: Decay,
        /// Firing; `None` for integrators that output v.
        fire: Option<Fire>,
        /// Initial v.
        v_init: Param,
        /// Threshold noise: 0 = none; else each step a uniform draw of 0 … 2^bits−1 fractions of `noise_scale` is added to the threshold.
        noise: Option<Noise>,
        /// Synaptic current between input and membrane, with the same discretisation.
        filter: Option<Filter>,
    },
    /// Current-based: CubaLIF, CubaLI.
    Cuba {
        /// Synaptic time constant, s.
        tau_syn: Param,
        /// Membrane time constant, s.
        tau_mem: Param,
        /// Resistance.
        r: Param,
        /// Leak potential.
        v_leak: Param,
        /// Input weight.
        w_in: Param,
        /// Discretisation.
        decay: Decay,
        /// v integrates the current of the previous step (`old`) or of this one.
        old_current: bool,
        /// Two currents in a row (an alpha function) in place of one.
        alpha: bool,
        /// Firing; `None`: CubaLI.
        fire: Option<Fire>,
        /// Initial v.
        v_init: Param,
    },
    /// z = x > threshold, no state.
    Threshold {
        /// Threshold.
        threshold: Param,
        /// Comparison.
        compare: Compare,
    },
    /// SRNN's and LSNN's adaptive neurons.
    Adaptive(Box<Adaptive>),
    /// Izhikevich's simple model.
    Izhikevich(Box<Izhikevich>),
    /// Resonate and fire.
    Resonate(Box<Resonate>),
    /// Sigma-delta, which sends graded spikes.
    SigmaDelta(Box<SigmaDelta>),
    /// A dendrite that joins a soma.
    Compartments(Box<Compartments>),
    /// A kernel by name, with registers given in chip integers or as real parameters that the kernel binds.
    Kernel {
        /// Kernel name.
        name: String,
        /// Assembly-time options.
        options: Vec<(String, i64)>,
        /// Constants (one value) and state slots (one value or one per neuron), by name.
        values: Vec<(String, IntParam)>,
        /// Real parameters, which the kernel's text turns into integers.
        params: Vec<RealParam>,
    },
}

/// A real parameter of a kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct RealParam {
    /// Name.
    pub name: String,
    /// Value.
    pub value: Param,
    /// A field that the node has anyway: a kernel without such a parameter leaves it alone.
    pub field: bool,
}

/// Uniform threshold noise.
#[derive(Clone, Debug, PartialEq)]
pub struct Noise {
    /// Largest value added to the threshold (exclusive), in units of v.
    pub amplitude: f64,
}

/// An integer parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum IntParam {
    /// Same for all.
    One(i64),
    /// Per neuron.
    Each(Vec<i64>),
}

/// An input of the network.
#[derive(Clone, Debug)]
pub struct Input {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Its values travel as payloads of graded spikes.
    pub graded: bool,
}

/// Source of a projection or an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Index into `inputs`.
    Input(u32),
    /// Index into `populations`.
    Population(u32),
}

/// Synapses from one source to one population.
#[derive(Clone, Debug)]
pub struct Projection {
    /// From.
    pub source: Source,
    /// To (index into `populations`).
    pub target: u32,
    /// Which of the target's inputs it adds to; 0 where there is one.
    pub receptor: u8,
    /// Node names on the way, joined by `>`; for messages.
    pub path: String,
    /// What the weights mean.
    pub unit: WeightUnit,
    /// Extra delay in steps that every synapse has (aligns paths of different depth).
    pub align: u32,
    /// Closes a cycle: the reference uses the previous step's value, which the chip's transport step gives for free.
    pub recurrent: bool,
    /// The synapses.
    pub synapses: Synapses,
}

/// Meaning of a projection's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightUnit {
    /// Real numbers in the model's units; the mapper quantises them.
    Model,
    /// Integers that must reach the accumulator as they are: the mapper finds mantissa and exponent or refuses.
    Effective,
    /// Integer mantissas with a given shared exponent.
    Mantissa {
        /// Exponent.
        exponent: i8,
    },
}

/// Compressed rows: one row per source element.
#[derive(Clone, Debug, Default)]
pub struct Synapses {
    /// `row_start[i]..row_start[i+1]`; `rows + 1` entries.
    pub row_start: Vec<u32>,
    /// Target neuron within the population. Duplicates are separate synapses, in order.
    pub target: Vec<u32>,
    /// Weights.
    pub weight: Vec<f32>,
    /// Delay of each synapse in steps; empty = all 0.
    pub delay: Vec<u16>,
    /// Stored densely in the file (every target of the population in each row): a hint for the storage format.
    pub dense: bool,
}

/// An output of the network.
#[derive(Clone, Debug)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Population whose spikes (or membrane, if it does not fire) are the output, element by element.
    pub population: u32,
    /// Readout asked for by the file; `None` = count for spiking, last for integrators.
    pub readout: Option<ReadoutKind>,
}

/// Readouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadoutKind {
    /// Most spikes.
    Count,
    /// Largest value of the last step.
    Last,
    /// Largest value of any step.
    Max,
    /// Earliest spike.
    First,
}
