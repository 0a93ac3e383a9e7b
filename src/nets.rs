//! Networks and inputs from files, and the step from a file's values to packets of a chip.

use crate::args::NetworkArgs;
use crate::files;
use anyhow::{Context, Result, anyhow, bail};
use assembler::KernelLibrary;
use emulator::SampleInput;
use isa::image::{Image, InputPort};
use network::input::Sample;
use network::lowered::Lowered;
use network::{Graph, ImportOptions};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// Longest time step that makes sense, seconds.
const LONGEST_STEP_S: f64 = 86_400.0;

/// Samples of an input file.
pub struct Events {
    /// One per sample.
    pub samples: Vec<Sample>,
    /// Labels, one per sample.
    pub labels: Option<Vec<i64>>,
    /// Steps of the longest sample.
    pub steps: u32,
    /// The file was made with another time step.
    pub warning: Option<String>,
}

/// Reads a network: NIR or the native format, told apart by ending.
pub fn load(path: &Path, args: &NetworkArgs) -> Result<Graph> {
    let mut options = ImportOptions::parse(&args.import).map_err(|e| anyhow!("--import: {e}"))?;
    if let Some(dt) = args.dt {
        if !(dt > 0.0 && dt <= LONGEST_STEP_S) {
            bail!("--dt {dt:e}: a time step is a positive number of seconds, at most a day");
        }
        options.dt = Some(dt);
    }
    let length = files::length(path)?;
    if length == 0 {
        bail!(
            "{}: the file is empty; expected a NIR file or a native network (.toml)",
            path.display()
        );
    }
    if let Some(what) = other_file(path) {
        bail!("{}: {what}", path.display());
    }
    network::load(path, &options).map_err(|e| anyhow!("{e}"))
}

/// What a file is that is no network, and which command takes it.
fn other_file(path: &Path) -> Option<String> {
    let mut start = [0; 4];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let networks = "a network is a .nir or .toml file";
    match ending {
        _ if read.is_ok() && start == *b"SPKM" => Some(format!(
            "is an image, made by `map` or `asm`; `run`, `disasm` and `inspect` take it; {networks}"
        )),
        "spm" => Some(format!(
            "an image is for `run`, `disasm` and `inspect`; {networks}"
        )),
        "s" => Some(format!("a program is for `run` and `asm`; {networks}")),
        "npz" => Some(format!(
            "holds arrays; a sparse matrix is for `map`, an input goes after --input, `inspect` shows both; {networks}"
        )),
        "npy" | "csv" => Some(format!(
            "an input goes after --input, `inspect` shows it; {networks}"
        )),
        "toml" => {
            let text = std::fs::read_to_string(path).ok()?;
            let has = |table: &str| text.lines().any(|line| line.trim() == table);
            (has("[core]") && has("[mesh]") && !has("[[population]]"))
                .then(|| format!("is a chip file: `chip check` and --chip take it; {networks}"))
        }
        _ => None,
    }
}

/// SHA-256 of a network's file, whose own bytes `digest` has seen, followed by the files of arrays that were read for it.
pub fn digest(mut digest: Sha256, path: &Path, graph: &Graph) -> Result<String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    for name in &graph.array_files {
        let file = folder.join(name);
        let cannot = || format!("{}: cannot be read", file.display());
        let mut from = std::fs::File::open(&file).with_context(cannot)?;
        std::io::copy(&mut from, &mut digest).with_context(cannot)?;
    }
    Ok(files::hex(&digest.finalize()))
}

/// Gives the receptors of kernels that a network names their numbers.
pub fn resolve(graph: &mut Graph, path: &Path, library: &KernelLibrary) -> Result<()> {
    let names = |kernel: &str, options: &[(String, i64)]| {
        let options: Vec<(&str, i64)> = options.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        library.receptors(kernel, &options)
    };
    graph
        .resolve_receptors(names)
        .map_err(|e| anyhow!("{}: {e}", path.display()))
}

/// Lowers a network to what a mapper takes.
pub fn lower(graph: Graph, path: &Path) -> Result<Lowered> {
    graph
        .into_lowered()
        .map_err(|e| anyhow!("{e}"))
        .with_context(|| path.display().to_string())
}

/// Reads an input file for a network with inputs of these shapes and this time step.
pub fn read_input(path: &Path, shapes: &[Vec<u32>], dt_s: f64) -> Result<Events> {
    if files::length(path)? == 0 {
        bail!(
            "{}: the file is empty; expected .npz, .npy or .csv",
            path.display()
        );
    }
    let set = network::input::load(path, shapes, dt_s).map_err(|e| anyhow!("{e}"))?;
    let steps = set.samples.iter().map(Sample::steps).max().unwrap_or(0);
    let warning = set
        .dt_s
        .filter(|dt| dt_s > 0.0 && (dt - dt_s).abs() > 1e-6 * dt_s)
        .map(|dt| {
            format!(
                "{}: made with a time step of {dt} s; the network runs with {dt_s} s",
                path.display()
            )
        });
    Ok(Events {
        labels: set.labels.map(|l| l.into_iter().map(i64::from).collect()),
        steps: u32::try_from(steps).context("too many steps")?,
        samples: set.samples,
        warning,
    })
}

/// Reads an input file for an image.
pub fn input(path: &Path, image: &Image) -> Result<Events> {
    let shapes: Vec<Vec<u32>> = image.io.inputs.iter().map(|i| i.shape.clone()).collect();
    if shapes.is_empty() {
        bail!("{}: the program takes no input", path.display());
    }
    read_input(path, &shapes, image.io.model_dt_s)
}

/// What to say where more steps or samples are asked for than the input has.
pub fn more_than_given(
    path: Option<&Path>,
    steps: Option<u32>,
    limit: Option<usize>,
    has: (u32, usize),
) -> Vec<String> {
    let Some(path) = path else { return Vec::new() };
    let name = path.display();
    // A list of events ends with the last of them, whatever steps it was made for.
    let counted = path.extension().is_none_or(|e| e != "csv");
    let more = steps.filter(|steps| counted && *steps > has.0);
    let more = more.map(|steps| {
        format!(
            "--steps {steps}: {name} has {}; in the {} after them nothing comes in",
            crate::text::plural(has.0.into(), "step"),
            steps - has.0
        )
    });
    let fewer = limit.filter(|limit| *limit > has.1).map(|limit| {
        format!(
            "--limit {limit}: {name} has {}; these are all",
            crate::text::plural(has.1 as u64, "sample")
        )
    });
    more.into_iter().chain(fewer).collect()
}

/// Refuses a name for a table of events or values that says neither of the two formats.
pub fn check_table_name(option: &str, path: Option<&Path>) -> Result<()> {
    match path {
        Some(p) if p.extension().is_none_or(|e| e != "npz" && e != "csv") => {
            bail!(
                "{option} {}: the name must end in .npz or .csv",
                p.display()
            )
        }
        _ => Ok(()),
    }
}

/// The first `steps` steps of a sample as packets: whole numbers of them, or payloads where the port is graded.
pub fn to_chip(sample: &Sample, steps: u32, image: &Image) -> Result<SampleInput> {
    let ports: Vec<(u32, &InputPort)> = image
        .io
        .inputs
        .iter()
        .scan(0_u32, |end, port| {
            *end += port.shape.iter().product::<u32>();
            Some((*end, port))
        })
        .collect();
    let mut out = SampleInput {
        steps,
        offsets: vec![0],
        ..Default::default()
    };
    for step in 0..steps {
        for &(element, value) in sample.step(step as usize) {
            let port = ports[ports.partition_point(|p| p.0 <= element)].1;
            if value.abs() > 16_777_216.0 {
                bail!("step {step}, element {element}: {value} is too large; at most 16,777,216");
            }
            if value.fract() != 0.0 {
                bail!(
                    "step {step}, element {element}: {value} is not a whole number, and input {:?} takes spikes; \
                     encode values as spikes first (for example by rate or latency)",
                    port.name
                );
            }
            let value = value as i32;
            if value < 0 && !port.graded {
                bail!(
                    "step {step}, element {element}: {value} spikes cannot be sent; input {:?} takes counts of spikes, 0 or more",
                    port.name
                );
            }
            out.elements.push(element);
            out.values.push(value);
        }
        out.offsets
            .push(u32::try_from(out.elements.len()).context("too many input events")?);
    }
    Ok(out)
}
