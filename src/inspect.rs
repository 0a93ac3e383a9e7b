//! `inspect`: what is in a file, as tables.

mod arrays;

use crate::args::InspectArgs;
use crate::text::{count, table};
use crate::{asm, files, nets};
use anyhow::{Result, bail};
use assembler::KernelLibrary;
use network::graph::{Graph, Op};
use network::linear::Linear;
use network::lowered::Model;
use network::models::AdaptiveReset;
use std::fmt::Write;

/// `inspect`.
pub fn command(args: &InspectArgs) -> Result<String> {
    let bytes = files::read(&args.file)?;
    if bytes.starts_with(b"SPKM") {
        return image(args);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return arrays::npz(args, bytes);
    }
    if bytes.starts_with(b"\x93NUMPY") {
        return arrays::npy(&args.file, &bytes);
    }
    match args.file.extension().and_then(|e| e.to_str()) {
        Some("csv") => return arrays::csv(args, &bytes),
        Some("npz") => return arrays::npz(args, bytes),
        Some("npy") => return arrays::npy(&args.file, &bytes),
        Some("spm") => return image(args),
        Some("nir" | "h5" | "hdf5" | "toml" | "s") => {}
        _ => bail!(
            "{}: `inspect` reads networks (.nir, .toml), images (.spm), inputs (.npz, .npy, .csv) and sparse matrices (.npz)",
            args.file.display()
        ),
    }
    let mut graph = nets::load(&args.file, &args.network)?;
    // Those of a kernel of one's own stay 0 here, where only numbers of synapses are shown.
    let _ = nets::resolve(&mut graph, &args.file, &KernelLibrary::default());
    network(&graph)
}

fn network(graph: &Graph) -> Result<String> {
    let mut out = String::new();
    writeln!(
        out,
        "network {:?}: {} nodes, {} edges, {} neurons, time step {}\n",
        graph.name,
        graph.nodes.len(),
        graph.edges.len(),
        count(graph.neurons() as u64),
        crate::text::si(graph.dt_s, "s")
    )?;
    let rows: Vec<Vec<String>> = graph
        .nodes
        .iter()
        .enumerate()
        .map(|(i, node)| {
            let from: Vec<&str> = graph
                .edges_into(i)
                .iter()
                .map(|e| graph.nodes[e.from as usize].name.as_str())
                .collect();
            let kind = match &node.op {
                Op::Input => "input".to_owned(),
                Op::Output { .. } => "output".to_owned(),
                Op::Neuron { model, .. } => model_name(model),
                Op::Linear(l) => linear_name(l).to_owned(),
                Op::Delay { .. } => "delay".to_owned(),
            };
            vec![
                node.name.clone(),
                kind,
                format!("{:?}", node.shape),
                from.join(", "),
            ]
        })
        .collect();
    out.push_str(&table(&["Node", "kind", "shape", "from"], &rows));
    if let Ok(lowered) = graph.lower() {
        out.push('\n');
        let name = |s: &network::lowered::Source| match *s {
            network::lowered::Source::Input(i) => lowered.inputs[i as usize].name.clone(),
            network::lowered::Source::Population(p) => lowered.populations[p as usize].name.clone(),
        };
        let rows: Vec<Vec<String>> = lowered
            .projections
            .iter()
            .map(|p| {
                let delay = u64::from(p.align)
                    + u64::from(p.synapses.delay.iter().copied().max().unwrap_or(0));
                vec![
                    format!(
                        "{} > {}",
                        name(&p.source),
                        lowered.populations[p.target as usize].name
                    ),
                    count(p.synapses.target.len() as u64),
                    delay.to_string(),
                ]
            })
            .collect();
        out.push_str(&table(&["Projection", "synapses", "largest delay"], &rows));
    }
    if !graph.assumptions.is_empty() {
        writeln!(out, "\nAssumed")?;
        graph
            .assumptions
            .iter()
            .try_for_each(|a| writeln!(out, "  - {a}"))?;
    }
    Ok(out)
}

/// NIR's name of a neuron model, or the kernel's.
fn model_name(model: &Model) -> String {
    match model {
        Model::Leaky {
            tau: None,
            fire: None,
            ..
        } => "I".to_owned(),
        Model::Leaky { tau: None, .. } => "IF".to_owned(),
        Model::Leaky { fire: None, .. } => "LI".to_owned(),
        Model::Leaky { .. } => "LIF".to_owned(),
        Model::Cuba { fire: None, .. } => "CubaLI".to_owned(),
        Model::Cuba { .. } => "CubaLIF".to_owned(),
        Model::Threshold { .. } => "Threshold".to_owned(),
        Model::Adaptive(m) if m.reset == AdaptiveReset::Moving => "ALIF".to_owned(),
        Model::Adaptive(_) => "LSNN".to_owned(),
        Model::Izhikevich(_) => "Izhikevich".to_owned(),
        Model::Resonate(_) => "Resonate".to_owned(),
        Model::SigmaDelta(_) => "SigmaDelta".to_owned(),
        Model::Compartments(_) => "Compartments".to_owned(),
        Model::Kernel { name, .. } => format!("kernel {name}"),
    }
}

/// What a linear map does.
fn linear_name(map: &Linear) -> &'static str {
    match map {
        Linear::Identity => "identity",
        Linear::Flatten { .. } => "flatten",
        Linear::Reshape { .. } => "reshape",
        Linear::Scale { .. } => "scale",
        Linear::Dense { .. } => "dense",
        Linear::Conv { .. } => "convolution",
        Linear::Pool { .. } => "pooling",
        Linear::Sparse { .. } => "sparse",
    }
}

fn image(args: &InspectArgs) -> Result<String> {
    let image = asm::load(&args.file)?;
    let mut out = String::new();
    writeln!(
        out,
        "image of {:?}, made for chip {:?}: {} cores\n",
        image.meta.network,
        image.meta.chip,
        image.cores.len()
    )?;
    let rows: Vec<Vec<String>> = image
        .populations
        .iter()
        .map(|p| vec![p.name.clone(), count(p.count.into()), p.depth.to_string()])
        .collect();
    out.push_str(&table(&["Population", "neurons", "depth"], &rows));
    out.push('\n');
    let rows: Vec<Vec<String>> = image
        .cores
        .iter()
        .map(|c| {
            let kernels: Vec<&str> = c.groups.iter().map(|g| g.kernel.as_str()).collect();
            vec![
                c.core.0.to_string(),
                crate::outcome::populations_of(&image, c),
                count(c.lanes().into()),
                kernels.join(", "),
                count(c.axons.len() as u64),
                count(crate::outcome::synapses(c)),
                count(c.dests.len() as u64),
            ]
        })
        .collect();
    let header = [
        "Core",
        "holds",
        "lanes",
        "kernels",
        "input axons",
        "synapses",
        "output slots",
    ];
    out.push_str(&table(&header, &rows));
    out.push('\n');
    let io = &image.io;
    let inputs = io.inputs.iter().map(|i| ("input", &i.name, &i.shape, 0));
    let outputs = io
        .outputs
        .iter()
        .map(|o| ("output", &o.name, &o.shape, o.depth));
    let rows: Vec<Vec<String>> = inputs
        .chain(outputs)
        .map(|(kind, name, shape, depth)| {
            vec![
                format!("{kind} {name}"),
                format!("{shape:?}"),
                depth.to_string(),
            ]
        })
        .collect();
    out.push_str(&table(&["Port", "shape", "depth"], &rows));
    Ok(out)
}
