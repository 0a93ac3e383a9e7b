//! Identifiers. Each is a newtype, so that a core is never taken for an axon.

use serde::{Deserialize, Serialize};

/// A physical core: `tile × cores_per_tile + index`; tiles are numbered `y × width + x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CoreId(pub u32);

/// An input axon of one core: an index into its axon table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AxonId(pub u32);

/// The logical id of a neuron: its index in the network's order. It never depends on the mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NeuronId(pub u32);

/// Logical source ids with this bit set are elements of the network's input (bit 31); the rest are neurons.
pub const INPUT_ID: u32 = 0x8000_0000;
