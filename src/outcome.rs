//! What a run came to: every number of the report, computed once from counters, times and the chip file.
//!
//! Invariant: the printed report and `--json` are two views of this one value; no total stands without its parts.

mod compute;
mod text;

pub use compute::{
    DIRECTIONS, at_model_pace, is_cost, populations_of, seconds, statistics, synapses, tiles_in_use,
};

use crate::debug::DebugReport;
use emulator::SampleResult;
use indexmap::IndexMap;
use isa::ChipSpec;
use isa::image::Image;
use serde::Serialize;

/// What a run was asked for and what it gave; input of [`Report::new`].
pub struct Run<'a> {
    /// The chip.
    pub chip: &'a ChipSpec,
    /// Chips with the same limits whose costs stand beside this one's.
    pub other_chips: Vec<ChipSpec>,
    /// Prices of another chip, when `--costs` asks for them.
    pub costs: Option<ChipSpec>,
    /// The image.
    pub image: &'a Image,
    /// The network or image file, as typed.
    pub network: String,
    /// SHA-256 of that file.
    pub network_sha256: String,
    /// SHA-256 of the user's kernels, by name.
    pub kernels_sha256: IndexMap<String, String>,
    /// SHA-256 of the input file.
    pub input_sha256: Option<String>,
    /// Whether NET was an image.
    pub is_image: bool,
    /// Results, a sample each.
    pub samples: &'a [SampleResult],
    /// Steps presented per sample (the largest).
    pub steps: u32,
    /// Drain steps per sample.
    pub drain: u32,
    /// `reset`, `blank:N` or `none`.
    pub between: String,
    /// Seed.
    pub seed: u64,
    /// Whether cycles were simulated.
    pub timed: bool,
    /// Accuracy and predictions, if there were labels.
    pub score: Option<Score>,
    /// Predictions without labels.
    pub predictions: Vec<Option<u32>>,
    /// Errors of quantisation; an image has none to tell.
    pub quantization: Option<Quantization>,
    /// Spikes of each population within its counted steps.
    pub spikes: Vec<u64>,
    /// Spikes of all steps, for the mapper.
    pub profile: crate::profile::Profile,
    /// Lists for the report.
    pub assumptions: Vec<String>,
    /// Lists for the report.
    pub approximations: Vec<String>,
    /// Lists for the report.
    pub warnings: Vec<String>,
    /// Host figures.
    pub host: Host,
    /// Command line.
    pub command: String,
    /// Numbers of the chip changed on it.
    pub changed: Vec<String>,
    /// What was seen inside the run.
    pub debug: DebugReport,
}

/// Scored labels.
#[derive(Clone, Debug, Serialize)]
pub struct Score {
    /// Share of right predictions.
    pub accuracy: f64,
    /// How many were right.
    pub right: usize,
    /// Output that was scored and how.
    pub how: String,
}

/// What the run cost on this computer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Host {
    /// Wall time of the whole command so far, s.
    pub wall_s: f64,
    /// CPU time of loading and mapping, s.
    pub load_cpu_s: f64,
    /// CPU time of emulation, all threads, s.
    pub sim_cpu_s: f64,
    /// Threads.
    pub threads: usize,
    /// Synaptic operations per CPU second of emulation.
    pub synaptic_events_per_s: f64,
    /// Peak resident memory, bytes (0 where the system does not tell).
    pub peak_rss_bytes: u64,
}

/// The stable JSON of `run --json`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Report {
    pub chip: String,
    pub changed: Vec<String>,
    pub network: String,
    pub image: ImageSummary,
    pub steps: u32,
    pub drain_steps: u32,
    pub preload_steps: u32,
    pub samples: usize,
    pub between: String,
    pub model_dt_s: f64,
    pub seed: u64,
    pub timing: &'static str,
    pub sync: &'static str,
    pub timing_valid: Option<bool>,
    pub accuracy: Option<f64>,
    pub score: Option<Score>,
    pub predictions: Vec<Option<u32>>,
    pub spikes: Spikes,
    pub profile: crate::profile::Profile,
    pub counters: IndexMap<String, u64>,
    pub population_counters: IndexMap<String, IndexMap<&'static str, u64>>,
    pub energy_j: EnergyReport,
    pub time: Option<TimeReport>,
    pub per_sample: PerSample,
    pub power_w: Option<f64>,
    pub edp_js: Option<f64>,
    pub late_packets: u64,
    pub overruns: u64,
    pub mapping: MappingSummary,
    pub populations: Vec<PopulationReport>,
    pub handlers: Vec<crate::handlers::HandlerReport>,
    pub busiest_cores: Vec<CoreReport>,
    pub busiest_links: Vec<LinkReport>,
    pub links_used: usize,
    pub load: crate::load::Load,
    pub assumptions: Vec<String>,
    pub approximations: Vec<String>,
    pub estimated: Vec<String>,
    pub chip_numbers: usize,
    pub warnings: Vec<String>,
    pub provenance: Provenance,
    pub host: Host,
    pub state_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<crate::compare::Comparison>,
    #[serde(flatten)]
    pub debug: DebugReport,
}

/// What ran on what.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct ImageSummary {
    pub file: Option<String>,
    pub neurons: u64,
    pub synapses: u64,
    pub cores: usize,
    pub cores_of_chip: u32,
    pub tiles: usize,
    pub tiles_of_chip: u32,
    pub chips: u32,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Spikes {
    pub total: u64,
    pub populations: IndexMap<String, u64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct EnergyReport {
    pub total: Option<f64>,
    pub dynamic: f64,
    #[serde(rename = "static")]
    pub static_: Option<f64>,
    pub static_whole_chip: Option<f64>,
    pub static_used_tiles: Option<f64>,
    pub static_at_model_pace: Option<f64>,
    pub seconds: Option<f64>,
    pub per_sample: Option<f64>,
    pub breakdown: Breakdown,
    pub populations: IndexMap<String, f64>,
    pub other_costs: IndexMap<String, OtherCosts>,
    pub costs: String,
    pub voltage_v: Option<f64>,
    pub scaled: IndexMap<String, ScaledCost>,
}

/// A cost that follows the chip's voltage: `value` × `factor` is in force.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct ScaledCost {
    pub value: f64,
    pub unit: String,
    pub at_voltage: f64,
    pub exponent: f64,
    pub factor: f64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Breakdown {
    pub synapse: f64,
    pub neuron: f64,
    pub noc: f64,
    pub io: f64,
    pub sync: f64,
    #[serde(rename = "static")]
    pub static_: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct OtherCosts {
    pub total: Option<f64>,
    pub dynamic: f64,
    #[serde(rename = "static")]
    pub static_: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct TimeReport {
    pub cycles: u64,
    pub seconds: f64,
    pub latency_s: f64,
    pub throughput_per_s: f64,
    pub step_s: StepStatistics,
    pub breakdown: TimeBreakdown,
    pub counters: IndexMap<String, u64>,
    /// Mean wait of a packet in router FIFOs, and then for the synapse unit.
    pub wait_s_per_packet: [f64; 2],
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct StepStatistics {
    pub mean: f64,
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Cycles.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct TimeBreakdown {
    pub neuron: u64,
    pub synapse: u64,
    pub noc: u64,
    pub sync: u64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct PerSample {
    pub energy_j: Vec<f64>,
    pub latency_s: Vec<f64>,
    pub energy_statistics: Statistics,
    pub latency_statistics: Option<Statistics>,
}

/// Mean, sample deviation, least and most.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Statistics {
    pub mean: f64,
    pub deviation: f64,
    pub min: f64,
    pub max: f64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct MappingSummary {
    pub cores_used: usize,
    pub synapses: u64,
    pub packets: u64,
    pub packets_local: u64,
    pub km1: u64,
    pub hop_cost: u64,
    pub utilisation: IndexMap<String, Utilisation>,
    pub quantization: Option<Quantization>,
}

/// What quantisation did, layer by layer.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Quantization {
    pub projections: Vec<mapper::ProjectionReport>,
    pub populations: Vec<mapper::PopulationReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossbar: Option<mapper::CrossbarReport>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trees: Vec<mapper::TreeReport>,
}

/// Share of a core's limit in use: the fullest core and the mean over cores in use.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Utilisation {
    pub max: f64,
    pub mean: f64,
    pub limit: u64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct PopulationReport {
    pub name: String,
    pub host: bool,
    pub neurons: u64,
    pub spikes: u64,
    pub spikes_per_neuron_step: f64,
    pub synaptic_ops: u64,
    pub packets: u64,
    pub energy_j: f64,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct CoreReport {
    pub core: u32,
    pub tile: [u32; 2],
    pub populations: String,
    pub neurons: u32,
    pub synapses: u64,
    pub spikes: u64,
    pub synaptic_ops: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    pub neuron_cycles: u64,
    pub synapse_cycles: u64,
    pub stall_cycles: u64,
    pub neuron_idle_cycles: Option<u64>,
    pub synapse_idle_cycles: Option<u64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct LinkReport {
    pub from: [u32; 2],
    pub to: &'static str,
    pub packets: u64,
    pub share_busy: Option<f64>,
    pub wait_cycles: u64,
    pub wait_s_per_packet: Option<f64>,
}

#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Provenance {
    pub version: &'static str,
    pub chip_sha256: String,
    pub costs_sha256: String,
    pub limits_sha256: String,
    pub times_sha256: String,
    pub network_sha256: String,
    pub kernels_sha256: IndexMap<String, String>,
    pub input_sha256: Option<String>,
    pub command: String,
}
