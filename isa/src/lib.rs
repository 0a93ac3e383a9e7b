//! What software and chip agree on: the instruction set, the program image, the chip description,
//! fixed-point arithmetic and counter-based random numbers.
//!
//! Invariant: this crate knows no other crate of the workspace; everything else meets here.

pub mod chip;
mod codec;
pub mod ids;
pub mod image;
pub mod numeric;
pub mod op;
pub mod rng;
pub mod verify;

pub use chip::ChipSpec;
pub use ids::{AxonId, CoreId, NeuronId};
pub use image::Image;
