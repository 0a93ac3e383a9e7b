//! Maps study networks and prints packets, cores, CPU time and peak memory of each, partition and placement together:
//!
//!     cargo run --release -p mapper --example bench_map -- [NAME … | FILE.npz … | DIR]
//!
//! Without arguments: all networks of [`nets::LIST`]. A name is generated; a file, or each `.npz` of a folder, is read. Every
//! network is mapped in a process of its own, so that its memory is its own: what the process takes at most, the program itself
//! included, and per synapse what it takes above what it had before the network was read or generated. Beside each matrix of a folder its assignment is written as `NAME.part` (u32, little endian).
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

mod nets;

use mapper::study::{StudyOptions, study};
use network::connectivity::{self, Connectivity};
use std::path::{Path, PathBuf};
use std::process::Command;

type Failure = Box<dyn std::error::Error>;

/// First argument of a process that maps one network.
const ONE: &str = "--one";

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [one, name, rest @ ..] = &arguments[..]
        && one == ONE
    {
        return map(name, rest.first().map(Path::new));
    }
    let mut jobs: Vec<(String, Option<PathBuf>)> = Vec::new();
    for argument in &arguments {
        let path = Path::new(argument);
        if path.is_dir() {
            let files = std::fs::read_dir(path)?.map(|f| f.map(|f| f.path()));
            let mut files = files.collect::<Result<Vec<PathBuf>, _>>()?;
            files.retain(|f| f.extension().is_some_and(|e| e == "npz"));
            files.sort();
            let part = |f: PathBuf| {
                (
                    f.to_string_lossy().into_owned(),
                    Some(f.with_extension("part")),
                )
            };
            jobs.extend(files.into_iter().map(part));
        } else {
            jobs.push((argument.clone(), None));
        }
    }
    if arguments.is_empty() {
        jobs = nets::LIST.iter().map(|n| (n.0.into(), None)).collect();
    }
    println!(
        "| network | neurons | synapses | km1 | cores | at most | hop cost | CPU s | MB | bytes per synapse |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (name, part) in jobs {
        let mut one = Command::new(std::env::current_exe()?);
        one.args([ONE, &name]).args(part);
        if !one.status()?.success() {
            return Err(format!("{name} was not mapped").into());
        }
    }
    Ok(())
}

fn net(name: &str) -> Result<Connectivity, Failure> {
    if name.ends_with(".npz") {
        return Ok(connectivity::load(Path::new(name), false)?);
    }
    let Some((_, net)) = nets::LIST.iter().find(|n| n.0 == name) else {
        let names: Vec<&str> = nets::LIST.iter().map(|n| n.0).collect();
        return Err(format!(
            "{name}: no folder, no .npz, and none of {}",
            names.join(", ")
        )
        .into());
    };
    net()
}

fn map(name: &str, part: Option<&Path>) -> Result<(), Failure> {
    let chip = isa::ChipSpec::parse(
        include_str!("../../../specs/chips/mapping-study.toml"),
        "mapping-study.toml",
        &[],
    )
    .map_err(|e| format!("{e:?}"))?;
    let before = peak_bytes();
    // Reading belongs to mapping; generating does not.
    let read = cpu_time::ProcessTime::now();
    let net = net(name)?;
    let read = if name.ends_with(".npz") {
        read.elapsed().as_secs_f64()
    } else {
        0.0
    };
    let start = cpu_time::ProcessTime::now();
    let found = study(&net, &chip, &StudyOptions::default())?;
    let seconds = read + start.elapsed().as_secs_f64();
    let m = &found.metrics;
    let most = (103 * u64::from(m.neurons)).div_ceil(100 * u64::from(chip.limits.neurons));
    let memory = match (before, peak_bytes()) {
        (Some(before), Some(peak)) => {
            let each = (peak - before) as f64 / m.synapses as f64;
            format!("{:.1} | {each:.1}", peak as f64 / 1e6)
        }
        _ => "- | -".into(),
    };
    println!(
        "| {} | {} | {} | {} | {} | {most} | {} | {seconds:.2} | {memory} |",
        Path::new(name)
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy(),
        m.neurons,
        m.synapses,
        m.km1,
        m.cores_used,
        m.hop_cost,
    );
    if let Some(part) = part {
        let bytes: Vec<u8> = found
            .assignment
            .iter()
            .flat_map(|c| c.to_le_bytes())
            .collect();
        std::fs::write(part, bytes)?;
    }
    Ok(())
}

/// Most memory that the process had, where the system tells (Linux).
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kb| kb * 1024)
}
