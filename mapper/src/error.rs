//! Why a network cannot be mapped: what, where, by how much, and the way out.
//!
//! Invariant: every variant is the user's to solve; a broken pass of our own is an assertion, not an error.

/// A reason why a network does not go onto a chip.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MapError {
    /// The chip delivers in a way that this mapper cannot serve.
    #[error("chip \"{chip}\": {what}; {remedy}")]
    Chip {
        /// Chip.
        chip: String,
        /// What it is.
        what: String,
        /// The way out.
        remedy: String,
    },
    /// A node that cannot run on the chip.
    #[error("node \"{node}\": {what}; {remedy}")]
    Node {
        /// Population, projection path or output.
        node: String,
        /// What is wrong.
        what: String,
        /// The way out.
        remedy: String,
    },
    /// A weight in chip units that no mantissa and exponent can express.
    #[error(
        "projection \"{path}\": weight {weight} of synapse {source_element} -> {target} {why} (chip weights are mantissa << exponent << {scale}, {bits} bits, exponent 0..={exponent}); change the weight or use unit = \"model\""
    )]
    Weight {
        /// Projection.
        path: String,
        /// Source element within its population or input.
        source_element: u32,
        /// Target neuron within its population.
        target: u32,
        /// The weight as given.
        weight: f64,
        /// Why not.
        why: String,
        /// `weight_scale` of the chip.
        scale: u32,
        /// Widest mantissa of the chip.
        bits: u32,
        /// Largest exponent of the chip.
        exponent: i32,
    },
    /// One neuron alone is more than a core can hold.
    #[error(
        "neuron {neuron} of population \"{population}\" needs {need} {limit}; a core of chip \"{chip}\" has {capacity}; {remedy}"
    )]
    Neuron {
        /// Limit.
        limit: &'static str,
        /// Population.
        population: String,
        /// Neuron within the population.
        neuron: u32,
        /// What it needs.
        need: u64,
        /// What a core has.
        capacity: u64,
        /// Chip.
        chip: String,
        /// The way out.
        remedy: String,
    },
    /// More cores than the chip has.
    #[error(
        "the network needs {need} cores (at least {lower_bound} by {limit}, most of it population \"{population}\"); chip \"{chip}\" has {capacity}; {remedy}"
    )]
    Cores {
        /// What the partitioner needed.
        need: u64,
        /// No mapping uses fewer.
        lower_bound: u64,
        /// Limit behind the lower bound.
        limit: &'static str,
        /// Population that takes most of that resource.
        population: String,
        /// Cores of the chip.
        capacity: u64,
        /// Chip.
        chip: String,
        /// The way out.
        remedy: String,
    },
    /// A core of the user's assignment, or of a partition that could not be repaired, breaks a limit.
    #[error(
        "core {core} needs {need} {limit}; chip \"{chip}\" has {capacity} per core ({populations}); {remedy}"
    )]
    Core {
        /// Core.
        core: u32,
        /// Limit.
        limit: &'static str,
        /// What it needs.
        need: u64,
        /// What a core has.
        capacity: u64,
        /// Chip.
        chip: String,
        /// Populations on the core.
        populations: String,
        /// The way out.
        remedy: String,
    },
    /// The user's assignment is no assignment.
    #[error(
        "assignment: {what}; it holds one core (tile × cores per tile + index) for each of the {neurons} neurons in network order"
    )]
    Assignment {
        /// What is wrong.
        what: String,
        /// Neurons of the network.
        neurons: u32,
    },
    /// A name that no list holds.
    #[error("no {kind} is called \"{name}\"; there are: {list}")]
    Name {
        /// `partitioner` or `placer`.
        kind: &'static str,
        /// As asked for.
        name: String,
        /// All names.
        list: String,
    },
    /// `exact` was asked for, and something would be approximated.
    #[error("{what}; leave out --exact to accept it")]
    Approximated {
        /// The approximation.
        what: String,
    },
    /// The image breaks a rule of the chip that no pass plans for.
    #[error("{place}: {what} ({remedy})")]
    Verify {
        /// Where.
        place: String,
        /// What.
        what: String,
        /// The way out.
        remedy: String,
    },
}
