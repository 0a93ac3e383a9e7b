//! What the mapper did, in numbers: for people, and for the JSON of `map` and `run`.
//!
//! Invariant: nothing here is an input of a later pass.

use serde::Serialize;

/// Result of a mapping in numbers. Packets are counted at unit rate: every neuron and input element spikes once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MappingReport {
    /// Cores in use.
    pub cores_used: u32,
    /// Tiles that hold a core in use.
    pub tiles_used: u32,
    /// Neurons, relays included.
    pub neurons: u32,
    /// Relay neurons added for delays beyond the chip's.
    pub relays: u32,
    /// Relay neurons added for fan-ins beyond a core, by population.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<TreeReport>,
    /// Synapses stored.
    pub synapses: u64,
    /// Packets between neurons: one per (neuron, destination core).
    pub packets: u64,
    /// Of these, to the neuron's own core.
    pub packets_local: u64,
    /// Packets that leave their core: packets − packets_local.
    pub km1: u64,
    /// Packets from the host: one per (input element, destination core).
    pub packets_host_in: u64,
    /// Packets to the host.
    pub packets_host_out: u64,
    /// Sum of hops of all packets, those from and to the host included (the `hop_cost` of the metrics leaves these out); host links are
    /// not counted.
    pub hop_cost: u64,
    /// Of these, hops from chip to chip of a board.
    pub chip_crossings: u64,
    /// Least number of cores that any mapping needs, by the limit that asks for most.
    pub cores_lower_bound: u64,
    /// Name of that limit.
    pub cores_bound_by: &'static str,
    /// Partitioner, and placer that gave the best order.
    pub partitioner: String,
    /// See `partitioner`.
    pub placer: String,
    /// Use of each limit.
    pub utilisation: Vec<Utilisation>,
    /// What crossbars cost the network; `None` on chips that accumulate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossbar: Option<CrossbarReport>,
    /// Quantization error of each projection.
    pub projections: Vec<ProjectionReport>,
    /// Quantization error of each population.
    pub populations: Vec<PopulationReport>,
}

/// Relays that add up the input of a population's neurons, where it is more than a core takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TreeReport {
    /// Name of the population.
    pub population: String,
    /// Its neurons that have relays.
    pub neurons: u32,
    /// Relay neurons. Each sends one packet in a step in which its sum is not 0.
    pub relays: u32,
    /// Relays one after the other on the longest way.
    pub levels: u32,
    /// Shares into which the sources are cut, over all levels: one relay of each neuron for each of them.
    pub shares: u32,
    /// Largest value that a partial sum can have, in magnitude, while every source counts at most once a step.
    pub largest_sum: u64,
    /// Steps by which the population starts later than without relays.
    pub later: u32,
}

/// What a network costs on cores with crossbars: a source takes a line for each axon type and delay, and a neuron a lane
/// for each destination of its lines.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CrossbarReport {
    /// Lines of the network: distinct (source, type, delay).
    pub lines: u64,
    /// Sources that have lines.
    pub sources: u64,
    /// Lines over sources.
    pub lines_per_source: f64,
    /// Axons in use: a line takes one in each core that holds one of its targets.
    pub axons: u64,
    /// Copies of neurons, which send what their neuron has no output for.
    pub copies: u64,
    /// Sources that send through a splitter: copies had no room, or cost more.
    pub splitters: u64,
    /// Lanes of splitters: one for each destination.
    pub relays: u64,
    /// Splitters one after the other on the longest way.
    pub levels: u32,
    /// Cores with copies alone; none: the network does not fit so.
    pub cores_with_copies: Option<u64>,
    /// Cores that the lanes of this partition, copies included, would fill: another partition may have fewer.
    pub cores_by_lanes: u64,
    /// The same for the axons in use.
    pub cores_by_axons: u64,
    /// What keeps the partition above these and above the lower bound, if it is above.
    pub binding: String,
}

/// Use of one per-core limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Utilisation {
    /// Limit.
    pub limit: &'static str,
    /// What a core has.
    pub capacity: u64,
    /// Most that any core uses.
    pub max: u64,
    /// Mean over the cores in use.
    pub mean: f64,
}

impl Utilisation {
    /// Use of each limit (name, use, capacity) by cores.
    pub(crate) fn of<const N: usize>(cores: &[[(&'static str, u64, u64); N]]) -> Vec<Utilisation> {
        let limits = (0..if cores.is_empty() { 0 } else { N }).map(|i| Utilisation {
            limit: cores[0][i].0,
            capacity: cores[0][i].2,
            max: cores.iter().map(|u| u[i].1).max().unwrap_or(0),
            mean: cores.iter().map(|u| u[i].1 as f64).sum::<f64>() / cores.len() as f64,
        });
        limits.collect()
    }
}

/// A projection's weights as quantised; errors in the unit of the input of the target's membrane.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProjectionReport {
    /// Node names on the way.
    pub path: String,
    /// Synapses kept.
    pub synapses: u64,
    /// Stored bits of a mantissa; on crossbars the lines that a source takes at most, each of which is a bit.
    pub weight_bits: u8,
    /// Shared exponent.
    pub exponent: i8,
    /// Largest error of a weight.
    pub max_abs_error: f64,
    /// Root of the mean squared error.
    pub rms_error: f64,
    /// Signal to noise of the weights, dB; `None` = exact.
    pub snr_db: Option<f64>,
    /// Weights that are not 0.
    pub nonzero: u64,
    /// Of these, how many became 0.
    pub zeros: u64,
    /// Their share of the sum of all magnitudes.
    pub zeros_share: f64,
    /// Largest magnitude of a weight, as the network gives it.
    pub largest: f64,
    /// Weights that are 0, or became it, and are not stored.
    pub dropped: u64,
    /// Stored without target indices.
    pub dense: bool,
}

/// A population's constants as quantised. Errors are the largest over its neurons, in model units.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopulationReport {
    /// Name.
    pub name: String,
    /// Kernel.
    pub kernel: String,
    /// Integer units per model unit; 1 for populations given in chip integers.
    pub scale: f64,
    /// Parameter profiles.
    pub profiles: u32,
    /// Error of the factor per step (membrane or current, whichever is larger). Crossbar neurons have no factor: there it is all that the
    /// model's takes, 1 − factor, for which a linear leak stands.
    pub decay_error: f64,
    /// Error of the threshold.
    pub threshold_error: f64,
    /// Error of the bias per step.
    pub bias_error: f64,
}
