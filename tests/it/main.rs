//! Whole-system tests: everything a user sees, through the command line.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod adex;
mod asm;
mod bad_input;
mod benchmark_network;
mod boards;
mod chance;
mod cli;
#[allow(dead_code, reason = "shared; the lock is for the seeded bugs")]
#[path = "../../emulator/tests/it/compare.rs"]
mod compare;
mod compare_runs;
mod crossbar;
mod curves_noc;
mod debug;
mod engines;
mod explain;
mod fan_in;
mod feasible;
mod golden_brian;
mod golden_loihi;
mod golden_noc;
mod golden_ranc;
mod golden_truenorth;
mod hello;
mod integer;
mod invariance;
mod kernels;
mod late;
mod limits;
mod manifests;
mod models;
mod multicast;
#[path = "../../mapper/tests/common/mod.rs"]
mod networks_by_hand;
mod noc;
mod numbers;
mod objectives;
mod own_algorithms;
mod own_kernel;
mod paths;
mod price;
mod pricing;
mod profile;
mod programmable;
mod random;
mod readmes;
mod receptors;
mod reference_networks;
mod round_trip;
mod routers;
mod said;
mod shared;
mod studies;
mod threads;
mod trace;
mod truenorth_power;
mod wave;

use engines as random_image;
