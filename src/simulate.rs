//! `simulate`: the float reference, without a chip.

use crate::args::{ReadoutChoice, SimulateArgs};
use crate::kernels::Kernels;
use crate::text::{count, percent, table};
use crate::{files, nets};
use anyhow::{Result, anyhow, bail};
use assembler::KernelLibrary;
use assembler::kernels::Settings;
use network::graph::{Graph, Op};
use network::input::Sample;
use network::lowered::{IntParam, Model, ReadoutKind};
use network::npz::{Array, Data};
use network::{Draws, SimulateOptions, Simulation};
use serde_json::json;
use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;

/// What kernels draw on a chip.
const DRAWS: Draws = Draws {
    sites,
    word: isa::rng::draw_lane,
};

/// How a network is simulated that no chip runs.
pub fn options() -> SimulateOptions {
    SimulateOptions {
        draws: Some(DRAWS),
        ..SimulateOptions::default()
    }
}

/// Places of the random words in `update` of a kernel; none if there is no such kernel.
fn sites(kernel: &str, options: &[(String, i64)]) -> Vec<u32> {
    let options: Vec<(&str, i64)> = options.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let Ok(kernel) = assembler::kernels::instantiate(kernel, &options) else {
        return Vec::new();
    };
    let code = kernel.update.iter().zip(0..);
    code.filter(|(word, _)| isa::op::decode(**word).is_ok_and(|instr| instr.draws()))
        .map(|(_, index)| isa::rng::site(isa::op::Handler::Update, index))
        .collect()
}

/// `simulate`.
pub fn command(args: &SimulateArgs) -> Result<String> {
    files::check_outputs(
        &[args.json.as_deref(), args.spikes.as_deref()],
        &[Some(&args.net), args.input.as_deref()],
    )?;
    nets::check_table_name("--spikes", args.spikes.as_deref())?;
    if args.steps == Some(0) {
        bail!("--steps 0: at least one step is needed");
    }
    if args.limit == Some(0) {
        bail!("--limit 0: at least one sample is needed");
    }
    let mut graph = nets::load(&args.net, &args.network)?;
    let kernels = Kernels::of_network(&args.kernels, &args.net, &graph.kernel_files)?;
    nets::resolve(&mut graph, &args.net, &kernels.library)?;
    defaults(&mut graph, &args.net, &kernels.library)?;
    let shapes: Vec<Vec<u32>> = graph
        .inputs()
        .map(|i| graph.nodes[i].shape.clone())
        .collect();
    let (samples, labels, notes) = samples(args, &shapes, graph.dt_s)?;
    let options = SimulateOptions {
        readout: args.readout.map(kind),
        trains: args.spikes.is_some(),
        seed: args.seed,
        draws: Some(DRAWS),
    };
    let result = graph
        .simulate(&samples, &options)
        .map_err(|e| anyhow!("{}: {e}", args.net.display()))?;

    let lengths: Vec<usize> = result
        .outputs
        .iter()
        .map(|o| o.shape.iter().map(|&n| n as usize).product())
        .collect();
    let counts = matches!(
        args.readout,
        Some(ReadoutChoice::Count | ReadoutChoice::First)
    );
    if let Some(output) = result.outputs.iter().find(|o| counts && !o.spiking) {
        bail!(
            "--readout: output {:?} sends no spikes to count; its state can be read by last or max",
            output.name
        );
    }
    if let (Some(path), Some(labels)) = (&args.input, &labels) {
        let largest = labels.iter().max().copied().unwrap_or(0);
        let elements = lengths.iter().max().copied().unwrap_or(0);
        if elements <= largest as usize {
            bail!(
                "{}: labels go up to {largest}, but the largest output has {elements} elements",
                path.display()
            );
        }
    }
    let scored = labels
        .as_ref()
        .filter(|_| !lengths.is_empty())
        .map(|labels| {
            let index = network::scored_output(&lengths, labels);
            let right = result
                .samples
                .iter()
                .zip(labels)
                .filter(|(s, l)| s.predictions[index] == **l)
                .count();
            (index, right)
        });
    if let Some(path) = &args.spikes {
        files::write(path, &spikes_file(path, &result)?)?;
    }
    if let Some(path) = &args.json {
        let index = scored.map_or(0, |s| s.0);
        let populations: serde_json::Map<String, serde_json::Value> = result
            .populations
            .iter()
            .map(|p| (p.name.clone(), p.spikes.into()))
            .collect();
        let value = json!({
            "network": args.net.to_string_lossy(),
            "samples": samples.len(),
            "steps": samples.iter().map(Sample::steps).max().unwrap_or(0),
            "model_dt_s": graph.dt_s,
            "accuracy": scored.map(|(_, right)| right as f64 / samples.len() as f64),
            "predictions": result.samples.iter().map(|s| s.predictions.get(index)).collect::<Vec<_>>(),
            "spikes": {
                "total": result.populations.iter().map(|p| p.spikes).sum::<u64>(),
                "populations": populations,
            },
            "assumptions": graph.assumptions,
        });
        files::write(
            path,
            (serde_json::to_string_pretty(&value)? + "\n").as_bytes(),
        )?;
    }
    let mut out = text(args, &graph, &samples, &result, scored)?;
    if !notes.is_empty() {
        writeln!(out, "\nWarnings\n  - {}", notes.join("\n  - "))?;
    }
    Ok(out)
}

/// The graph as it is simulated: a copy with defaults where a population names a kernel.
pub fn with_defaults<'g>(graph: &'g Graph, library: &KernelLibrary) -> Result<Cow<'g, Graph>> {
    let named =
        |op: &Op| matches!(op, Op::Neuron { model, .. } if matches!(**model, Model::Kernel { .. }));
    if !graph.nodes.iter().any(|node| named(&node.op)) {
        return Ok(Cow::Borrowed(graph));
    }
    let mut copy = graph.clone();
    defaults(&mut copy, Path::new(""), library)?;
    Ok(Cow::Owned(copy))
}

/// Gives the populations with a kernel by name the values that its text has where the file gives none, as a chip has them.
pub fn defaults(graph: &mut Graph, path: &Path, library: &KernelLibrary) -> Result<()> {
    let own: Vec<String> = library.own().map(str::to_owned).collect();
    for node in &mut graph.nodes {
        let Op::Neuron { model, .. } = &mut node.op else {
            continue;
        };
        let Model::Kernel {
            name,
            options,
            values,
            ..
        } = &mut **model
        else {
            continue;
        };
        if own.contains(name) {
            bail!(
                "{}: population {:?} runs kernel {name:?} of your own: a program in the integers of a chip, which has no law in real numbers and adds up its \
                 input synapse by synapse; `run` on a chip of kernels (--chip tiny --timing off) is its simulation",
                path.display(),
                node.name
            );
        }
        let chosen: Vec<(&str, i64)> = options.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        let settings = Settings {
            options: &chosen,
            ..Settings::default()
        };
        let kernel = library
            .instantiate(name, &settings)
            .map_err(|e| anyhow!("{}: population {:?}: {e}", path.display(), node.name))?;
        let constants = kernel.constants.into_iter();
        let slots = kernel.slots.into_iter().map(|(slot, _, init)| (slot, init));
        for (key, value) in constants.chain(slots) {
            if values.iter().all(|(known, _)| *known != key) {
                values.push((key, IntParam::One(value.into())));
            }
        }
    }
    Ok(())
}

/// Samples, their labels, and what to say of the file.
type Presented = (Vec<Sample>, Option<Vec<u32>>, Vec<String>);

fn samples(args: &SimulateArgs, shapes: &[Vec<u32>], dt_s: f64) -> Result<Presented> {
    let Some(path) = &args.input else {
        let Some(steps) = args.steps else {
            bail!("without --input, --steps says how many steps to run");
        };
        if args.limit.is_some_and(|n| n > 1 << 20) {
            bail!("--limit: without --input, at most 1,048,576 samples");
        }
        let mut silent = Sample::new();
        (0..steps).for_each(|_| silent.push_step([]));
        return Ok((vec![silent; args.limit.unwrap_or(1)], None, Vec::new()));
    };
    if shapes.is_empty() {
        bail!("{}: the network takes no input", path.display());
    }
    let mut events = nets::read_input(path, shapes, dt_s)?;
    let has = (events.steps, events.samples.len());
    let mut notes = nets::more_than_given(Some(path), args.steps, args.limit, has);
    notes.extend(events.warning);
    events.samples.truncate(args.limit.unwrap_or(usize::MAX));
    let samples: Vec<Sample> = events
        .samples
        .into_iter()
        .map(|s| match args.steps {
            Some(steps) => s.with_steps(steps as usize),
            None => s,
        })
        .collect();
    let labels = events.labels.map(|l| {
        l.into_iter()
            .take(samples.len())
            .map(|l| u32::try_from(l).unwrap_or(u32::MAX))
            .collect()
    });
    Ok((samples, labels, notes))
}

fn kind(choice: ReadoutChoice) -> ReadoutKind {
    match choice {
        ReadoutChoice::Count => ReadoutKind::Count,
        ReadoutChoice::Last => ReadoutKind::Last,
        ReadoutChoice::Max => ReadoutKind::Max,
        ReadoutChoice::First => ReadoutKind::First,
    }
}

fn text(
    args: &SimulateArgs,
    graph: &network::Graph,
    samples: &[Sample],
    result: &Simulation,
    scored: Option<(usize, usize)>,
) -> Result<String> {
    let steps: usize = samples.iter().map(Sample::steps).sum();
    let mut out = String::new();
    writeln!(
        out,
        "{}: floating point, {} sample{}, {} steps of {}\n",
        args.net.display(),
        samples.len(),
        if samples.len() == 1 { "" } else { "s" },
        samples.iter().map(Sample::steps).max().unwrap_or(0),
        crate::text::si(graph.dt_s, "s")
    )?;
    if let Some((index, right)) = scored {
        writeln!(
            out,
            "Accuracy     {:.4}  ({right} of {}; output {:?}, {})\n",
            right as f64 / samples.len() as f64,
            samples.len(),
            result.outputs[index].name,
            describe(result.outputs[index].readout)
        )?;
    }
    let rows: Vec<Vec<String>> = result
        .populations
        .iter()
        .map(|p| {
            let neurons: u64 = p.shape.iter().map(|&n| u64::from(n)).product();
            let rate = p.spikes as f64 / (neurons as f64 * steps as f64).max(1.0);
            vec![
                p.name.clone(),
                count(neurons),
                count(p.spikes),
                percent(rate),
            ]
        })
        .collect();
    out.push_str(&table(
        &["Population", "neurons", "spikes", "per neuron-step"],
        &rows,
    ));
    if !graph.assumptions.is_empty() {
        writeln!(out, "\nAssumed")?;
        graph
            .assumptions
            .iter()
            .try_for_each(|a| writeln!(out, "  - {a}"))?;
    }
    Ok(out)
}

fn describe(readout: ReadoutKind) -> &'static str {
    match readout {
        ReadoutKind::Count => "most spikes",
        ReadoutKind::Last => "largest value of the last step",
        ReadoutKind::Max => "largest value of any step",
        ReadoutKind::First => "earliest spike",
    }
}

fn spikes_file(path: &Path, result: &Simulation) -> Result<Vec<u8>> {
    let mut events = Vec::new();
    for (sample, r) in result.samples.iter().enumerate() {
        for (population, train) in r.trains.iter().enumerate() {
            events.extend(
                train
                    .iter()
                    .map(|&(step, index)| (sample as u32, step, population, index)),
            );
        }
    }
    events.sort_unstable();
    if path.extension().is_some_and(|e| e == "csv") {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(["sample", "step", "population", "index"])?;
        for (sample, step, population, index) in events {
            let name = &result.populations[population].name;
            out.write_record([
                &sample.to_string(),
                &step.to_string(),
                name,
                &index.to_string(),
            ])?;
        }
        return Ok(out.into_inner()?);
    }
    let column = |values: Vec<u32>| Array::vector(Data::U32(values));
    let sample = column(events.iter().map(|e| e.0).collect());
    let step = column(events.iter().map(|e| e.1).collect());
    let population = column(events.iter().map(|e| e.2 as u32).collect());
    let index = column(events.iter().map(|e| e.3).collect());
    let mut bytes = std::io::Cursor::new(Vec::new());
    network::npz::write_npz(
        &mut bytes,
        [
            ("sample", &sample),
            ("step", &step),
            ("population", &population),
            ("index", &index),
        ],
    )?;
    Ok(bytes.into_inner())
}
