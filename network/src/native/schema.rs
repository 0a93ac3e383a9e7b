//! The keys of the native format, as `serde` reads them.
//!
//! Invariant: unknown keys are errors; what has a meaning beyond its type keeps its place in the text ([`Spanned`]).

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::lowered::{Compare, Decay, ReadoutKind, Reset};
use crate::models::{Join, When};

/// A number, or the name of an array.
#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected a number or the name of an array")]
pub(super) enum Value {
    Number(f64),
    Array(String),
}

/// A whole number, or the name of an array.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number or the name of an array"
)]
pub(super) enum Whole {
    Number(i64),
    Array(String),
}

/// One number for both axes, or one for each.
#[derive(Deserialize, Clone)]
#[serde(
    untagged,
    expecting = "expected a whole number or a list of one per axis"
)]
pub(super) enum PerAxis {
    All(u32),
    Each(Vec<u32>),
}

/// Padding: numbers, "same" or "valid".
#[derive(Deserialize, Clone)]
#[serde(
    untagged,
    expecting = "expected a whole number, a list of one per axis, \"same\" or \"valid\""
)]
pub(super) enum Padding {
    All(u32),
    Each(Vec<u32>),
    Named(String),
}

type Number = Option<Spanned<Value>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    /// Version of the format.
    pub(super) format: Spanned<u32>,
    pub(super) name: Option<String>,
    pub(super) dt: Option<Spanned<f64>>,
    pub(super) arrays: Option<String>,
    pub(super) assignment: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) input: Vec<Spanned<Input>>,
    #[serde(default)]
    pub(super) population: Vec<Spanned<Population>>,
    #[serde(default)]
    pub(super) projection: Vec<Spanned<Projection>>,
    #[serde(default)]
    pub(super) output: Vec<Spanned<Output>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) name: String,
    pub(super) shape: Vec<u32>,
    #[serde(default)]
    pub(super) graded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Readout {
    Count,
    Last,
    Max,
    First,
}

impl Readout {
    pub(super) fn kind(&self) -> ReadoutKind {
        match self {
            Readout::Count => ReadoutKind::Count,
            Readout::Last => ReadoutKind::Last,
            Readout::Max => ReadoutKind::Max,
            Readout::First => ReadoutKind::First,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) from: Spanned<String>,
    pub(super) readout: Option<Readout>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModelName {
    I,
    If,
    Li,
    Lif,
    CubaLi,
    CubaLif,
    Threshold,
    Alif,
    Lsnn,
    Izhikevich,
    Resonate,
    #[serde(rename = "sigma_delta")]
    SigmaDelta,
    Compartments,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum SynapseName {
    Delta,
    Exponential,
    Alpha,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum JoinName {
    Add,
    Max,
    Min,
    Pass,
    Block,
}

impl JoinName {
    pub(super) fn kind(self) -> Join {
        match self {
            JoinName::Add => Join::Add,
            JoinName::Max => Join::Max,
            JoinName::Min => Join::Min,
            JoinName::Pass => Join::Pass,
            JoinName::Block => Join::Block,
        }
    }
}

/// An input of a population: its number, or its name.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the name or the number of a receptor")]
pub(super) enum ReceptorName {
    Number(i64),
    Name(String),
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum WhenName {
    Level,
    Peak,
    RealPeak,
}

impl WhenName {
    pub(super) fn kind(self) -> When {
        match self {
            WhenName::Level => When::Level,
            WhenName::Peak => When::Peak,
            WhenName::RealPeak => When::RealPeak,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResetName {
    Hard,
    Subtract,
    None,
}

impl ResetName {
    pub(super) fn kind(self) -> Reset {
        match self {
            ResetName::Hard => Reset::Hard,
            ResetName::Subtract => Reset::Subtract,
            ResetName::None => Reset::None,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum CompareName {
    Gt,
    Ge,
}

impl CompareName {
    pub(super) fn kind(self) -> Compare {
        match self {
            CompareName::Gt => Compare::Gt,
            CompareName::Ge => Compare::Ge,
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum DecayName {
    Euler,
    Exp,
}

impl DecayName {
    pub(super) fn kind(self) -> Decay {
        match self {
            DecayName::Euler => Decay::Euler,
            DecayName::Exp => Decay::Exp,
        }
    }
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum CurrentName {
    New,
    Old,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Population {
    pub(super) name: String,
    pub(super) shape: Vec<u32>,
    pub(super) model: Option<Spanned<ModelName>>,
    pub(super) kernel: Option<Spanned<String>>,
    // Of models.
    pub(super) tau: Number,
    pub(super) tau_syn: Number,
    pub(super) tau_mem: Number,
    pub(super) r: Number,
    pub(super) v_leak: Number,
    pub(super) w_in: Number,
    pub(super) threshold: Number,
    pub(super) v_reset: Number,
    pub(super) v_init: Number,
    pub(super) refractory: Number,
    pub(super) bias: Number,
    pub(super) noise: Option<Spanned<f64>>,
    pub(super) reset: Option<Spanned<ResetName>>,
    pub(super) reset_delay: Option<Spanned<bool>>,
    pub(super) compare: Option<Spanned<CompareName>>,
    pub(super) decay: Option<Spanned<DecayName>>,
    pub(super) current: Option<Spanned<CurrentName>>,
    pub(super) synapse: Option<Spanned<SynapseName>>,
    pub(super) tau_adapt: Number,
    pub(super) beta: Number,
    pub(super) a: Number,
    pub(super) b: Number,
    pub(super) c: Number,
    pub(super) d: Number,
    pub(super) u_init: Number,
    pub(super) half_steps: Option<Spanned<bool>>,
    pub(super) frequency: Number,
    pub(super) when: Option<Spanned<WhenName>>,
    pub(super) relu: Option<Spanned<bool>>,
    pub(super) tau_dendrite: Number,
    pub(super) r_dendrite: Number,
    pub(super) join: Option<Spanned<JoinName>>,
    pub(super) gate: Number,
    pub(super) clear: Option<Spanned<bool>>,
    // Of kernels.
    pub(super) options: Option<Spanned<BTreeMap<String, i64>>>,
    pub(super) constants: Option<Spanned<BTreeMap<String, i64>>>,
    pub(super) slots: Option<Spanned<BTreeMap<String, Spanned<Whole>>>>,
    pub(super) params: Option<Spanned<BTreeMap<String, Spanned<Value>>>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Dense,
    Sparse,
    Conv,
    OneToOne,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum UnitName {
    Model,
    Effective,
    Mantissa,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Projection {
    pub(super) name: Option<String>,
    pub(super) from: Spanned<String>,
    pub(super) to: Spanned<String>,
    pub(super) kind: Kind,
    pub(super) weight: Spanned<Value>,
    pub(super) delay: Option<Spanned<Whole>>,
    pub(super) unit: Option<Spanned<UnitName>>,
    pub(super) exponent: Option<Spanned<i8>>,
    pub(super) same_step: Option<Spanned<bool>>,
    pub(super) receptor: Option<Spanned<ReceptorName>>,
    // Of sparse ones.
    pub(super) indptr: Option<Spanned<String>>,
    pub(super) indices: Option<Spanned<String>>,
    pub(super) pre: Option<Spanned<String>>,
    pub(super) post: Option<Spanned<String>>,
    // Of convolutions.
    pub(super) stride: Option<Spanned<PerAxis>>,
    pub(super) dilation: Option<Spanned<PerAxis>>,
    pub(super) padding: Option<Spanned<Padding>>,
    pub(super) groups: Option<Spanned<u32>>,
}
