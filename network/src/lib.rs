//! Networks: what the user means, before any chip.
//!
//! A [`Graph`] is read from NIR ([`nir`]) or from the native format ([`native`]), run in floating point
//! ([`Graph::simulate`]), or lowered to populations and synapse matrices for a mapper ([`Graph::lower`]).
//! Invariant: nothing here knows a chip; what a file leaves open is listed in `assumptions`.

pub mod connectivity;
mod error;
pub mod graph;
pub mod input;
pub mod linear;
mod load;
mod lower;
pub mod lowered;
pub mod models;
pub mod native;
mod near;
pub mod nir;
pub mod npz;
mod options;
mod order;
mod shapes;
mod simulate;

pub use error::{Errors, NetworkError, Result};
pub use graph::Graph;
pub use load::load;
pub use options::{IMPORT_KEYS, ImportOptions};
pub use simulate::{
    Activity, Draws, SampleResult, SimulateOptions, SimulatedOutput, SimulatedPopulation,
    Simulation, predict, scored_output,
};
