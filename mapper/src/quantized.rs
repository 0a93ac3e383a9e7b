//! The integer network: what the quantiser made of the float network, complete enough to be simulated without a chip.
//!
//! Invariant: every number here fits the chip's number formats, and the image says exactly the same thing. One step of
//! this network is: for every population in any order, `q[n]` = sum of the effective weights that arrive (a spike of a
//! neuron at step t with delay d arrives at t + 1 + d, an input value n at step t arrives n times at t + d) at each receptor, then the
//! population's kernel with its constants and slots (kernel names, options and laws: `assembler/kernels/*.s`).

use isa::image::WeightSign;

/// An integer network for one chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// Name of the network.
    pub name: String,
    /// Time step, seconds.
    pub dt_s: f64,
    /// Populations: the network's in its order, then relays. Logical ids run through them.
    pub populations: Vec<Population>,
    /// Inputs; elements are numbered through them.
    pub inputs: Vec<Input>,
    /// Synapses.
    pub projections: Vec<Projection>,
    /// Outputs, in the network's order.
    pub outputs: Vec<Output>,
    /// Left shift of every weight (`weight_scale` of the chip): effective weight = mantissa << exponent << scale.
    pub weight_scale: u8,
    /// Largest depth of a population.
    pub depth: u32,
}

/// A population with the integers of its kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// Name.
    pub name: String,
    /// First logical id.
    pub first: u32,
    /// Number of neurons.
    pub count: u32,
    /// Transport steps between the inputs and this population.
    pub depth: u32,
    /// Kernel of the library.
    pub kernel: String,
    /// Its assembly-time options; those not named are the kernel's defaults.
    pub options: Vec<(String, i64)>,
    /// Real parameters of its first neuron; the integers of all neurons that follow from them are in `profiles` and `slots`.
    pub params: Vec<(String, f64)>,
    /// Constants by parameter profile; a kernel constant not named keeps its default. At least one profile.
    pub profiles: Vec<Vec<(String, i32)>>,
    /// Profile of each neuron; empty: all have profile 0.
    pub profile_of: Vec<u32>,
    /// Initial values of state slots; one not named starts at the kernel's default.
    pub slots: Vec<SlotInit>,
    /// Whether it sends spikes (integrators are read by a probe of slot `v`).
    pub fires: bool,
    /// Model value = (integer value / `scale`) + `offset`; 1 and 0 for populations given in chip integers.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
}

/// Initial value of a state slot: one value for all neurons or one per neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct SlotInit {
    /// Slot.
    pub name: String,
    /// One value, or `count` values.
    pub values: Vec<i32>,
}

impl Population {
    /// Parameter profile of a neuron (index within the population).
    pub fn profile(&self, neuron: u32) -> u32 {
        self.profile_of.get(neuron as usize).copied().unwrap_or(0)
    }
}

impl SlotInit {
    /// Initial value of a neuron (index within the population).
    pub fn value(&self, neuron: u32) -> i32 {
        if self.values.len() == 1 {
            self.values[0]
        } else {
            self.values[neuron as usize]
        }
    }
}

/// An input.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// First element number.
    pub first: u32,
    /// Number of elements.
    pub count: u32,
    /// Its values travel as payloads; otherwise an integer n is n spikes.
    pub graded: bool,
}

/// Source of a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Index into `inputs`.
    Input(u32),
    /// Index into `populations`.
    Population(u32),
}

/// Synapses from a source to a population; one row per source element.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// From.
    pub source: Source,
    /// To (index into `populations`).
    pub target: u32,
    /// Receptor of the target's kernel: the kind of the axons.
    pub receptor: u8,
    /// Node names on the way, for messages.
    pub path: String,
    /// Range of the mantissas.
    pub sign: WeightSign,
    /// Stored bits of a mantissa.
    pub weight_bits: u8,
    /// Shared exponent, ≥ 0.
    pub exponent: i8,
    /// `row_start[i]..row_start[i+1]` are the synapses of source element i.
    pub row_start: Vec<u32>,
    /// Target neuron within the population, ascending within a row (duplicates are separate synapses, in order).
    pub targets: Vec<u32>,
    /// Weight mantissas.
    pub mantissas: Vec<i16>,
    /// Delay of every synapse when `delays` is empty.
    pub delay: u8,
    /// Delay of each synapse (alignment included); empty if all are alike.
    pub delays: Vec<u8>,
    /// Every row that is not empty covers the whole population once, in order: storable without target indices.
    pub dense: bool,
}

impl Projection {
    /// Synapses of a source element.
    pub fn row(&self, element: u32) -> std::ops::Range<usize> {
        self.row_start[element as usize] as usize..self.row_start[element as usize + 1] as usize
    }

    /// Number of source elements.
    pub fn rows(&self) -> u32 {
        self.row_start.len() as u32 - 1
    }

    /// Effective weight of a synapse on a chip with this `weight_scale`.
    pub fn weight(&self, synapse: usize, weight_scale: u8) -> i32 {
        i32::from(self.mantissas[synapse]) << self.exponent << weight_scale
    }

    /// Delay of a synapse in steps.
    pub fn delay_of(&self, synapse: usize) -> u8 {
        self.delays.get(synapse).copied().unwrap_or(self.delay)
    }

    /// Largest delay.
    pub fn largest_delay(&self) -> u8 {
        self.delays.iter().copied().max().unwrap_or(self.delay)
    }
}

/// An output: spikes of a firing population, slot `v` of one that does not fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Vec<u32>,
    /// Population.
    pub population: u32,
    /// How it is scored.
    pub readout: isa::image::Readout,
}

impl Quantized {
    /// Number of neurons, relays included.
    pub fn neurons(&self) -> u32 {
        self.populations.last().map_or(0, |p| p.first + p.count)
    }

    /// Number of input elements.
    pub fn input_elements(&self) -> u32 {
        self.inputs.last().map_or(0, |i| i.first + i.count)
    }

    /// Number of synapses.
    pub fn synapses(&self) -> u64 {
        self.projections
            .iter()
            .map(|p| p.targets.len() as u64)
            .sum()
    }

    /// First id of a source: logical ids of neurons, or element numbers of inputs, and how many there are.
    pub fn source_span(&self, source: Source) -> (u32, u32) {
        match source {
            Source::Input(i) => (self.inputs[i as usize].first, self.inputs[i as usize].count),
            Source::Population(p) => (
                self.populations[p as usize].first,
                self.populations[p as usize].count,
            ),
        }
    }

    /// Projections that leave a source, and its element in them. Sources: neurons by id, then input elements.
    pub(crate) fn leaving(&self, source: u32) -> impl Iterator<Item = (u32, &Projection)> {
        let neurons = self.neurons();
        let (of, element) = if source < neurons {
            let population = self.population_of(source);
            let first = self.populations[population].first;
            (Source::Population(population as u32), source - first)
        } else {
            let element = source - neurons;
            let input = self
                .inputs
                .partition_point(|i| i.first + i.count <= element);
            (
                Source::Input(input as u32),
                element - self.inputs[input].first,
            )
        };
        let all = self.projections.iter().filter(move |p| p.source == of);
        all.map(move |p| (element, p))
    }

    /// Index of the population that holds a neuron.
    pub fn population_of(&self, neuron: u32) -> usize {
        self.populations
            .partition_point(|p| p.first + p.count <= neuron)
    }
}
