//! The command line and the reports of spikemesh: the only place that prints, reads the environment or exits.
//!
//! The library half of this package exists so that tests can reach pricing and readout; programs should use the crates
//! `isa`, `assembler`, `network`, `mapper` and `emulator`.

pub mod args;
pub mod asm;
pub mod chips;
pub mod compare;
pub mod debug;
pub mod exec;
pub mod explain;
pub mod files;
pub mod handlers;
pub mod inspect;
pub mod kernels;
pub mod listing;
pub mod load;
pub mod map;
pub mod nets;
pub mod noc;
pub mod outcome;
pub mod price;
pub mod pricing;
pub mod profile;
pub mod run;
pub mod score;
pub mod simulate;
pub mod study;
pub mod text;
pub mod trace;

use args::{Cli, Command};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;

/// Runs the command line of this process: 0 success, 1 the input is wrong, 2 usage.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Run(a) => run::command(a),
        Command::Map(a) => map::command(a),
        Command::Simulate(a) => simulate::command(a),
        Command::Asm(a) => asm::assemble(a),
        Command::Disasm(a) => asm::disassemble(a),
        Command::Chip(a) => chips::command(&a.command),
        Command::Inspect(a) => inspect::command(a),
        Command::Noc(a) => noc::command(a),
        Command::Price(a) => price::command(a),
    };
    match result {
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            // A reader that went away (`| head`) is no error of ours.
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => fail(&e.into()),
            _ => ExitCode::SUCCESS,
        },
        Err(e) => fail(&e),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let mut stderr = std::io::stderr();
    // Nobody may be listening any more; the exit code still tells.
    let _ = if error.is::<asm::Rendered>() {
        writeln!(stderr, "{error}")
    } else {
        writeln!(stderr, "error: {error:#}")
    };
    ExitCode::from(1)
}
