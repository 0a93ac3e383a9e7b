//! Writes the benchmark networks of integer neurons in the native format.
//!
//! `cargo run --release -p network --example bench_net -- small32 OUTDIR` writes `small32.toml` and `small32.npz`.
//! The rule is all integers, so that any other simulator can rebuild the same network: N = cores · npc neurons; membrane
//! V ← V + bias + Σ weights of last step's spikes, a spike and V ← 0 above 999; bias 1000 / period, V(0) = h(1, g) mod 1000.
//! Neuron g sends to `m` cores, (core(g) + 1 + h(3, g) + c · max(1, cores / m)) mod cores, and there to `s` neurons
//! h(4, (g·m + c)·s + j) mod npc; its e-th synapse of all has weight ±(1 + h(5, e) mod 8), negative if bit 32 is set.
//! h(stream, i) = splitmix64(seed · 2^48 + stream · 2^44 + i), seed 1. Weights act times 64, so threshold, bias and V(0) carry that factor too.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use network::npz::{Array, Data, NpzError, write_npz_stored};

/// Weights of exponent 0 act times 2^6.
const UNIT: i64 = 64;

/// Seed of all streams.
const SEED: u64 = 1;

/// name, cores, neurons per core, destination cores, synapses to each, period.
const NETWORKS: &[(&str, u64, u64, u64, u64, i64)] = &[
    ("small32", 32, 64, 4, 25, 50),
    ("mid128", 128, 256, 4, 25, 50),
    ("full128", 128, 1024, 4, 25, 50),
];

fn h(stream: u64, i: u64) -> u64 {
    let z = i
        .wrapping_add((SEED << 48) + (stream << 44))
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = &arguments[..] else {
        return usage();
    };
    match write_named(name, Path::new(folder)) {
        None => usage(),
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            let _ = writeln!(std::io::stderr(), "{folder}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes the network of this name, if there is one.
pub(crate) fn write_named(name: &str, folder: &Path) -> Option<Result<(), NpzError>> {
    let network = NETWORKS.iter().find(|n| n.0 == name)?;
    Some(write(*network, folder))
}

fn usage() -> ExitCode {
    let names: Vec<&str> = NETWORKS.iter().map(|n| n.0).collect();
    let _ = writeln!(
        std::io::stderr(),
        "usage: bench_net {} OUTDIR",
        names.join("|")
    );
    ExitCode::from(2)
}

fn write(
    (name, cores, npc, m, s, period): (&str, u64, u64, u64, u64, i64),
    folder: &Path,
) -> Result<(), NpzError> {
    let neurons = cores * npc;
    let fan_out = m * s;
    let stride = (cores / m).max(1);
    let mut indices = Vec::with_capacity((neurons * fan_out) as usize);
    let mut weights = Vec::with_capacity(indices.capacity());
    for g in 0..neurons {
        for c in 0..m {
            let core = (g / npc + 1 + h(3, g) % cores + c * stride) % cores;
            indices.extend((0..s).map(|j| (core * npc + h(4, (g * m + c) * s + j) % npc) as u32));
        }
        weights.extend((0..fan_out).map(|e| {
            let x = h(5, g * fan_out + e);
            let size = 1 + (x % 8) as i8;
            if x >> 32 & 1 == 1 { -size } else { size }
        }));
    }
    let vector = Array::vector;
    let arrays = [
        (
            "core",
            vector(Data::U32((0..neurons).map(|g| (g / npc) as u32).collect())),
        ),
        (
            "v0",
            vector(Data::I32(
                (0..neurons)
                    .map(|g| ((h(1, g) % 1000) as i64 * UNIT) as i32)
                    .collect(),
            )),
        ),
        (
            "indptr",
            vector(Data::U32(
                (0..=neurons).map(|g| (g * fan_out) as u32).collect(),
            )),
        ),
        ("indices", vector(Data::U32(indices))),
        ("weight", vector(Data::I8(weights))),
    ];
    std::fs::create_dir_all(folder)?;
    let npz = BufWriter::new(File::create(folder.join(format!("{name}.npz")))?);
    write_npz_stored(npz, arrays.iter().map(|(name, array)| (*name, array)))?;
    let (theta, bias) = (999 * UNIT, 1000 / period * UNIT);
    let text = format!(
        "# {neurons} integer neurons on {cores} cores, {fan_out} synapses each; made by network/examples/bench_net.rs.\n\
         format = 1\n\
         name = \"{name}\"\n\
         dt = 1e-3\n\
         assignment = \"core\"\n\
         \n\
         [[population]]\n\
         name = \"pop\"\n\
         shape = [{neurons}]\n\
         kernel = \"if\"\n\
         options = {{ BIAS = 1 }}\n\
         constants = {{ THETA = {theta}, RESET_V = 0 }}\n\
         slots = {{ v = \"v0\", bias = {bias} }}\n\
         \n\
         [[projection]]\n\
         from = \"pop\"\n\
         to = \"pop\"\n\
         kind = \"sparse\"\n\
         indptr = \"indptr\"\n\
         indices = \"indices\"\n\
         weight = \"weight\"\n\
         unit = \"mantissa\"\n\
         exponent = 0\n\
         \n\
         [[output]]\n\
         name = \"spikes\"\n\
         from = \"pop\"\n"
    );
    std::fs::write(folder.join(format!("{name}.toml")), text)?;
    Ok(())
}
