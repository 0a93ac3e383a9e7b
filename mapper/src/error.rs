//! Why a network cannot be mapped: what, where, by how much, and the way out.
//!
//! Invariant: every variant is the user's to solve; a broken pass of our own is an assertion, not an error.

/// A number as people read it: six significant digits, whole numbers as they are.
pub(crate) fn short(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e15 || !x.is_finite() {
        return x.to_string();
    }
    let rounded: f64 = format!("{x:.5e}").parse().unwrap_or(x);
    // What is not whole shall not look whole.
    let shown = if rounded.fract() == 0.0 && x.fract() != 0.0 {
        x
    } else {
        rounded
    };
    if (1e-4..1e15).contains(&shown.abs()) {
        shown.to_string()
    } else {
        format!("{shown:e}")
    }
}

/// The same of a weight: it was stored in single precision, and its digits end there.
fn short_weight(weight: f64) -> String {
    let text = short(weight);
    if weight.fract() != 0.0 && text.len() > 9 {
        (weight as f32).to_string()
    } else {
        text
    }
}

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
        "projection \"{path}\": weight {} of synapse {source_element} -> {target} {why} (chip weights are mantissa << exponent << {scale}, {bits} bits, exponent 0..={exponent}); {nearest}, or use unit = \"model\"",
        short_weight(*.weight)
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
        /// What would fit.
        nearest: Box<str>,
    },
    /// One neuron alone is more than a core can hold.
    #[error(
        "neuron {neuron} of population \"{population}\" needs {need} {limit}; a core of chip \"{chip}\" has {capacity} ({}); {remedy}",
        crate::explain::key(.limit)
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
        "core {core} needs {need} {limit}; chip \"{chip}\" has {capacity} per core ({}; population \"{populations}\"); {remedy}",
        crate::explain::key(.limit)
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
    /// More of a number of the chip than it has.
    #[error(
        "population \"{population}\" needs {need} {limit}; chip \"{chip}\" has {capacity} ({key}); {remedy}"
    )]
    Limit {
        /// Limit.
        limit: Box<str>,
        /// Key of the chip file.
        key: &'static str,
        /// Population, or those of the core.
        population: Box<str>,
        /// What it needs.
        need: u64,
        /// What the chip has.
        capacity: u64,
        /// Chip.
        chip: String,
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
    /// The user's own partitioner or placer gave no answer that can be used.
    #[error("{kind} {name}: {what}")]
    Own {
        /// `partitioner` or `placer`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        what: String,
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

impl MapError {
    /// Values between cores are spikes: a projection from a population that does not fire has nothing to carry.
    pub(crate) fn analog(path: &str) -> MapError {
        MapError::Node {
            node: path.into(),
            what: "it carries the analog value of a population that does not fire, and packets carry spikes".into(),
            remedy: "let the population fire, or make it an output".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{short, short_weight};

    #[test]
    fn numbers_are_short() {
        for (x, text) in [
            (1.0, "1"),
            (-16_384.0, "-16384"),
            (1_073_741_825.0, "1073741825"),
            (1.0 / 3.0, "0.333333"),
            (123_456.78, "123456.78"),
            (1e300, "1e300"),
            (-2.5e-7, "-2.5e-7"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(x), text);
        }
        for (x, text) in [
            (0.1f32, "0.1"),
            (0.999_999_94, "0.99999994"),
            (64.5, "64.5"),
        ] {
            assert_eq!(short_weight(f64::from(x)), text);
        }
    }
}
