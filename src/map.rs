//! `map`: network to image, with the mapper's report.

use crate::args::{MapArgs, MapChoice};
use crate::exec::{self, Choice};
use crate::kernels::Kernels;
use crate::text::{count, percent, table};
use crate::{chips, files, nets, profile};
use anyhow::{Context, Result, anyhow, bail};
use assembler::KernelLibrary;
use isa::ChipSpec;
use isa::chip::Delivery;
use mapper::Mapped;
use mapper::explain::Traffic;
use network::lowered::Lowered;
use network::npz::{Array, Data};
use network::{Activity, Graph};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;

/// `map`.
pub fn command(args: &MapArgs) -> Result<String> {
    files::check_outputs(
        &[
            args.output.as_deref(),
            args.json.as_deref(),
            args.assignment.as_deref(),
        ],
        &[
            Some(&args.net),
            args.map.assign.as_deref(),
            args.map.partition_in.as_deref(),
            args.map.profile.as_deref(),
            args.input.as_deref(),
            Some(Path::new(&args.chip.chip)),
        ],
    )?;
    let chip = chips::load(&args.chip.chip, &args.chip.set)?;
    if crate::study::is_study(&args.net) {
        return crate::study::command(args, &chip);
    }
    if args.traffic {
        bail!(
            "--traffic: {} is no sparse matrix; traffic of a network follows from who spikes",
            args.net.display()
        );
    }
    let mut graph = nets::load(&args.net, &args.network)?;
    let kernels = Kernels::of_network(&args.kernels, &args.net, &graph.kernel_files)?;
    nets::resolve(&mut graph, &args.net, &kernels.library)?;
    let sampled = args
        .input
        .as_deref()
        .map(|path| sampled(&graph, (&args.net, &kernels.library), path, args.limit));
    let (sampled, notes) = sampled.transpose()?.unzip();
    let on_noise = match sampled {
        Some(_) => None,
        None => activity(&graph, &args.map, &chip, &kernels.library),
    };
    let lowered = nets::lower(graph, &args.net)?;
    let spikes = match (&sampled, &on_noise) {
        (Some(activity), _) => Spikes::Sampled(activity),
        (None, Some(activity)) => Spikes::OnNoise(activity),
        (None, None) => Spikes::Unknown,
    };
    let mut mapped = map(
        (&lowered, spikes),
        &chip,
        &args.map,
        kernels.library,
        args.seed,
        threads(args.threads)?,
    )
    .with_context(|| args.net.display().to_string())?;
    mapped.warnings.extend(notes.into_iter().flatten());
    let unused = chips::without_border(&args.chip.set, &chip)?;
    mapped.warnings.extend(unused);
    if let Some(path) = &args.output {
        files::write(path, &mapped.image.to_bytes())?;
    }
    if let Some(path) = &args.assignment {
        write_assignment(path, &mapped.assignment)?;
    }
    let rates = mapped.rates.as_deref();
    let measured = match &args.input {
        Some(_) => "spikes per step, as simulated on the samples of --input",
        None => "spikes per step, as measured",
    };
    let rates = rates.map(|r| (r, measured));
    let traffic = mapper::explain::of_image(&mapped.image, &chip, rates);
    if let Some(path) = &args.json {
        let metrics = mapper::metrics::of_network(&mapped.quantized, &chip, &mapped.assignment);
        let value = json!({
            "chip": chip.name,
            "network": args.net.to_string_lossy(),
            "seed": args.seed,
            "mapping": mapped.report,
            "explanation": mapped.explanation,
            "traffic": traffic,
            "metrics": metrics,
            "formulas": formulas(),
            "assumptions": mapped.assumptions,
            "approximations": mapped.approximations,
            "warnings": mapped.warnings,
        });
        files::write(
            path,
            (serde_json::to_string_pretty(&value)? + "\n").as_bytes(),
        )?;
    }
    text(&mapped, &traffic, &chip, args.explain)
}

/// Formula of each metric, for JSON.
pub fn formulas() -> serde_json::Map<String, Value> {
    let all = mapper::metrics::FORMULAS.iter();
    all.map(|(name, formula)| ((*name).to_owned(), json!(formula)))
        .collect()
}

/// The objective asked for.
fn objective(choice: &MapChoice) -> Result<mapper::Objective> {
    let Some(name) = &choice.objective else {
        return Ok(mapper::Objective::default());
    };
    mapper::Objective::of(name).ok_or_else(|| {
        let unknown = mapper::MapError::Name {
            kind: "objective",
            name: name.clone(),
            list: mapper::OBJECTIVES.join(", "),
        };
        anyhow!("{unknown}")
    })
}

/// Number of host threads.
pub fn threads(asked: Option<usize>) -> Result<usize> {
    match asked {
        Some(0) => bail!("--threads 0: at least one thread is needed"),
        Some(n) if n > 1024 => bail!("--threads {n}: at most 1024"),
        Some(n) => Ok(n),
        None => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// How often sources spike, as far as it was simulated.
#[derive(Clone, Copy)]
pub enum Spikes<'a> {
    /// Not known.
    Unknown,
    /// On noise: what estimates assume.
    OnNoise(&'a Activity),
    /// On the user's samples: as good as measured.
    Sampled(&'a Activity),
}

/// How often sources spike on the user's samples.
fn sampled(
    graph: &Graph,
    (net, library): (&Path, &KernelLibrary),
    path: &Path,
    said: Option<usize>,
) -> Result<(Activity, Vec<String>)> {
    let limit = said.unwrap_or(usize::MAX);
    if limit == 0 {
        bail!("--limit 0: at least one sample is needed");
    }
    let shapes = graph.input_shapes();
    if shapes.is_empty() {
        bail!(
            "--input {}: the network takes no input; leave --input out",
            path.display()
        );
    }
    let events = nets::read_input(path, &shapes, graph.dt_s)?;
    let samples = &events.samples[..events.samples.len().min(limit)];
    let simulated = crate::simulate::with_defaults(graph, library)?;
    let activity = simulated
        .activity(samples, 0, &crate::simulate::options())
        .map_err(|e| anyhow!("{}: {e}", net.display()))?;
    if activity
        .inputs
        .iter()
        .any(|rate| *rate > profile::MOST_RATE)
    {
        bail!(
            "--input {}: an input element has more than {} spikes in a step",
            path.display(),
            profile::MOST_RATE
        );
    }
    let spikes = activity.populations.iter().flat_map(|p| &p.1).sum::<f64>();
    if spikes + activity.inputs.iter().sum::<f64>() == 0.0 {
        bail!(
            "--input {}: nothing spikes on these samples, which says nothing about the network; give samples that make it spike",
            path.display()
        );
    }
    let has = (0, events.samples.len());
    let mut notes = nets::more_than_given(Some(path), None, said, has);
    notes.extend(events.warning);
    Ok((activity, notes))
}

/// How often sources spike on noise, for a mapping that depends on it and has no measured rates.
pub fn activity(
    graph: &Graph,
    choice: &MapChoice,
    chip: &ChipSpec,
    library: &KernelLibrary,
) -> Option<Activity> {
    let own = choice.partitioner.as_deref().is_some_and(exec::is_program);
    // On crossbars rates also say which splitters given cores have.
    let assigned = choice.assign.is_some() && chip.delivery != Delivery::AxonBits;
    let cores = assigned || choice.partition_in.is_some() || own;
    let given = choice.profile.is_some() || cores;
    let counts = matches!(choice.objective.as_deref(), Some("packets" | "cores"));
    if given || counts {
        return None;
    }
    crate::simulate::with_defaults(graph, library)
        .ok()?
        .activity_on_noise()
}

/// Maps with the choices of the command line.
pub fn map(
    (lowered, spikes): (&Lowered, Spikes<'_>),
    chip: &ChipSpec,
    choice: &MapChoice,
    kernels: KernelLibrary,
    seed: u64,
    threads: usize,
) -> Result<Mapped> {
    let neurons: u64 = lowered.populations.iter().map(|p| u64::from(p.len())).sum();
    let assignment = choice
        .assign
        .as_deref()
        .map(|path| read_assignment(path, neurons))
        .transpose()?;
    let own = Choice::of(choice)?;
    let rates = choice
        .profile
        .as_deref()
        .map(|path| profile::read(path, lowered));
    let options = mapper::Options {
        partitioner: choice
            .partitioner
            .clone()
            .unwrap_or_else(|| mapper::PARTITIONERS[0].to_string()),
        placer: choice
            .placer
            .clone()
            .unwrap_or_else(|| mapper::PLACERS[0].to_string()),
        objective: objective(choice)?,
        rates: rates.transpose()?.or(match spikes {
            Spikes::Sampled(activity) => Some(mapper::Rates::of(lowered, activity)),
            _ => None,
        }),
        assumed: match spikes {
            Spikes::OnNoise(activity) => Some(mapper::Rates::of(lowered, activity)),
            _ => None,
        },
        seed,
        threads,
        assignment,
        exact: choice.exact,
        relay: choice.relay,
        kernels,
    };
    mapper::map_with(lowered, chip, &options, own.own()).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        anyhow!("{}", lines.join("\n"))
    })
}

/// Writes the core of every neuron as `.npy`.
pub fn write_assignment(path: &Path, cores: &[u32]) -> Result<()> {
    let mut bytes = Vec::new();
    network::npz::write_npy(&mut bytes, &Array::vector(Data::U32(cores.to_vec())))?;
    files::write(path, &bytes)
}

/// Reads the core of every neuron.
pub fn read_assignment(path: &Path, neurons: u64) -> Result<Vec<u32>> {
    let bytes = files::read(path)?;
    let array = network::npz::read_npy(&bytes).with_context(|| path.display().to_string())?;
    let cores = array
        .into_u32()
        .with_context(|| path.display().to_string())?;
    if (cores.len() as u64) < neurons {
        bail!(
            "{}: {} entries; the network has {neurons} neurons, each of which needs a core",
            path.display(),
            cores.len()
        );
    }
    Ok(cores)
}

fn text(mapped: &Mapped, traffic: &Traffic, chip: &ChipSpec, explain: bool) -> Result<String> {
    let mut out = String::new();
    let image = &mapped.image;
    let synapses: u64 = image.cores.iter().map(crate::outcome::synapses).sum();
    let tiles = crate::outcome::tiles_in_use(image, chip);
    let r = &mapped.report;
    let quantization = crate::outcome::Quantization {
        projections: r.projections.clone(),
        populations: r.populations.clone(),
        crossbar: r.crossbar.clone(),
        trees: r.trees.clone(),
    };
    writeln!(
        out,
        "{} on {}: {} on {} of {} cores in {} of {} tiles{}",
        image.meta.network,
        chip.name,
        crate::text::size(
            image.populations.iter().map(|p| u64::from(p.count)).sum(),
            synapses,
            Some(&quantization)
        ),
        image.cores.len(),
        chip.cores(),
        tiles.len(),
        chip.tiles(),
        crate::text::of_chips(chip.mesh.chips())
    )?;
    writeln!(
        out,
        "partitioner {}, placer {}; if everything spikes once: {} packets between neurons, {} to other cores, {} from and {} to the host, {} hops of all these{}",
        r.partitioner,
        r.placer,
        count(r.packets),
        count(r.km1),
        count(r.packets_host_in),
        count(r.packets_host_out),
        count(r.hop_cost),
        if chip.mesh.chips() > 1 {
            format!(", {} of them between chips", count(r.chip_crossings))
        } else {
            String::new()
        }
    )?;
    out.push_str(&crate::explain::lines(&mapped.explanation, traffic));
    out.push('\n');
    if explain {
        out.push_str(&crate::explain::tables(&mapped.explanation, traffic));
    }
    let limits = &chip.limits;
    let explained = &mapped.explanation.cores;
    let rows: Vec<Vec<String>> = image
        .cores
        .iter()
        .zip(explained)
        .map(|(c, e)| {
            let (x, y) = chip.xy(chip.tile_of(c.core.0));
            vec![
                format!("{} at ({x},{y})", c.core.0),
                crate::outcome::populations_of(image, c),
                count(c.lanes().into()),
                count(crate::outcome::synapses(c)),
                count(c.axons.len() as u64),
                count(c.dests.len() as u64),
                percent(c.synapse_bits(limits) as f64 / limits.synapse_bits.max(1) as f64),
                format!("{} {}", e.fullest, percent(e.share)),
            ]
        })
        .collect();
    let header = [
        "Core",
        "holds",
        "neurons",
        if r.crossbar.is_some() {
            "crossbar bits"
        } else {
            "synapses"
        },
        "input axons",
        "output slots",
        "synapse memory",
        "fullest",
    ];
    out.push_str(&table(&header, &rows));
    out.push('\n');
    out.push_str(&crate::text::quantized(&quantization));
    for (title, list) in [
        ("Assumed", &mapped.assumptions),
        ("Approximated", &mapped.approximations),
        ("Warnings", &mapped.warnings),
    ] {
        if !list.is_empty() {
            writeln!(out, "{title}")?;
            list.iter()
                .try_for_each(|item| writeln!(out, "  - {item}"))?;
        }
    }
    Ok(out)
}
