//! Neuron models beyond the leaky integrators, in the units of their papers and of the network file.
//!
//! Invariant: parameters only; the laws in real numbers are `simulate/models.rs`, those in chip integers `assembler/kernels`.
//! Equations: `specs/network.md`.

use crate::lowered::{Compare, Decay, Fire, Param};

/// A synaptic current between the input and the neuron, with a gain of 1 for constant input.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Time constant, s.
    pub tau: Param,
    /// Two such filters in a row (an alpha function) in place of one (an exponential).
    pub alpha: bool,
}

/// Adaptive leaky integrate and fire: spikes raise the threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Adaptive {
    /// What a spike takes away.
    pub reset: AdaptiveReset,
    /// Membrane time constant, s.
    pub tau_mem: Param,
    /// Time constant of the adaptation, s.
    pub tau_adapt: Param,
    /// Resistance.
    pub r: Param,
    /// Threshold at rest.
    pub threshold: Param,
    /// What a fully adapted neuron adds to it.
    pub beta: Param,
    /// Initial v.
    pub v_init: Param,
    /// Spike condition.
    pub compare: Compare,
    /// Discretisation of all time constants.
    pub decay: Decay,
    /// Synaptic current.
    pub filter: Option<Filter>,
}

/// Reset of an adaptive neuron.
#[derive(Clone, Debug, PartialEq)]
pub enum AdaptiveReset {
    /// The moved threshold of the next step, in the next step (SRNN; Yin, Corradi, Bohte 2020).
    Moving,
    /// The threshold at rest (LSNN; Bellec et al. 2018).
    Resting {
        /// It acts in the next step.
        late: bool,
        /// Steps after a spike in which nothing fires; v goes on.
        refractory: Param,
    },
}

/// Izhikevich's simple model; v in mV, a step is 1 ms.
#[derive(Clone, Debug, PartialEq)]
pub struct Izhikevich {
    /// Rate of the recovery.
    pub a: Param,
    /// Its sensitivity to v.
    pub b: Param,
    /// v after a spike.
    pub c: Param,
    /// Added to the recovery by a spike.
    pub d: Param,
    /// Initial v.
    pub v_init: Param,
    /// Initial recovery; `None`: b · v.
    pub u_init: Option<Param>,
    /// v takes two steps of half a ms.
    pub half_steps: bool,
    /// Synaptic current.
    pub filter: Option<Filter>,
}

/// Time step of Izhikevich's model, seconds.
pub const IZHIKEVICH_DT_S: f64 = 1e-3;

/// When a resonator fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Imaginary part above the threshold.
    Level,
    /// The same, at its peak: the real part has just become negative.
    Peak,
    /// Real part at the threshold or above, at its peak: the imaginary part has just ceased to be negative.
    RealPeak,
}

/// Resonate and fire: a damped rotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Resonate {
    /// Time constant of the damping, s.
    pub tau: Param,
    /// Frequency, Hz.
    pub frequency: Param,
    /// Added to the real part per unit of input.
    pub r: Param,
    /// Threshold.
    pub threshold: Param,
    /// Imaginary part after a spike, the real part is 0 then; `None`: spikes change nothing.
    pub v_reset: Option<Param>,
    /// Spike condition.
    pub when: When,
}

/// Sums the changes that it is sent and sends changes of its activation, as graded spikes.
#[derive(Clone, Debug, PartialEq)]
pub struct SigmaDelta {
    /// Smallest change that is sent.
    pub threshold: Param,
    /// The activation is at least 0.
    pub relu: bool,
}

/// How the soma takes the dendrite in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Their sum.
    Add,
    /// The larger.
    Max,
    /// The smaller.
    Min,
    /// The soma's own input while the dendrite is above the gate, else 0.
    Pass,
    /// 0 while the dendrite is above the gate, else the soma's own input.
    Block,
}

/// Two compartments: a dendrite with a leak of its own joins the input of a soma, which fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Compartments {
    /// Membrane time constant of the soma, s.
    pub tau_mem: Param,
    /// Membrane time constant of the dendrite, s.
    pub tau_dendrite: Param,
    /// Resistance of the soma.
    pub r: Param,
    /// Resistance of the dendrite.
    pub r_dendrite: Param,
    /// What the soma does with the dendrite.
    pub join: Join,
    /// Value of the dendrite above which it passes or blocks.
    pub gate: Param,
    /// A spike sets the dendrite to 0.
    pub clear: bool,
    /// Firing rule of the soma; without a late reset.
    pub fire: Fire,
    /// Initial value of the soma.
    pub v_init: Param,
    /// Discretisation of both time constants.
    pub decay: Decay,
}

/// Inputs of a population of [`Compartments`], in the order of their numbers.
pub const COMPARTMENTS: [&str; 2] = ["soma", "dendrite"];

/// Most inputs that a population can have.
pub const MAX_RECEPTORS: u8 = 4;
