//! The chip: cores, network-on-chip, step protocol, counters.
//!
//! Invariant: function never depends on timing. `run` gives the same spikes, states and functional counters for any number
//! of threads and with timing off; `specs/timestep.md`, `core.md` and `noc.md` define every cycle.
//!
//! - `program`, `handler`, `fuse`: image and chip, prepared once;
//! - `machine`, `transport`, `update`, `superinstructions`, `pass`, `on_spike`, `registers`, `vector`, `words`, `state`: function; [`simd`]: the widest vector instructions;
//! - `timing`: cycles;
//! - `run`, `team`, `account`, `meet`: samples, threads, results;
//! - [`debug`]: lanes and breakpoints, looked at without a hook in the engine;
//! - [`noc`]: the network-on-chip alone, packets in, times out;
//! - [`mod@reference`]: the second, literal emulator, only for comparison.

mod account;
pub mod api;
pub mod debug;
mod error;
mod fuse;
mod handler;
mod machine;
mod meet;
pub mod mutants;
pub mod noc;
mod on_spike;
mod pass;
mod program;
pub mod reference;
mod registers;
mod route;
mod run;
pub mod simd;
mod state;
mod superinstructions;
mod team;
mod timing;
mod trace;
mod transport;
mod update;
mod vector;
mod words;

pub use api::*;
pub use error::EmulatorError;
pub use program::Program;
pub use run::{Engine, run, run_on, run_traced, run_until};
pub use trace::{NeuronWork, Trace, TraceRequest, TracedHop, TracedPacket};
