//! Tests of the emulator as a whole: the fast engine against the reference, and both against formulas.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod build;
mod compare;
mod coverage;
mod debug;
mod differential;
mod exec;
mod formulas;
mod imports;
mod mutants;
mod noc;
mod programs;
mod random;
mod random_chip;
mod random_code;
mod random_image;
mod shared;
mod small32;
