//! The program image: bytes, rules of structure, rules of chips.

mod bytes;
mod limits;
mod random;
mod sample;
mod shared;
mod structure;
mod synapses;
