//! Whole-system tests: everything a user sees, through the command line.

mod bad_input;
mod cli;
mod manifests;
