//! `map` of bare connectivity: cores of neurons and the metrics of mapping studies, without an image.

use crate::args::MapArgs;
use crate::exec::Choice;
use crate::text::{count, table};
use crate::{files, map};
use anyhow::{Result, anyhow, bail};
use isa::ChipSpec;
use mapper::metrics::FORMULAS;
use mapper::study::{self, Study, StudyOptions};
use serde_json::{Value, json};
use std::path::Path;

/// Whether a network file is bare connectivity.
pub fn is_study(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "npz")
}

/// `map NET.npz`.
pub fn command(args: &MapArgs, chip: &ChipSpec) -> Result<String> {
    if args.output.is_some() {
        bail!(
            "{}: bare connectivity has no weights or neuron models, so there is no image to write; leave out -o, or map a .nir or .toml network",
            args.net.display()
        );
    }
    if args.map.objective.is_some() {
        bail!(
            "{}: --objective {}: bare connectivity has no neuron models, so no time and energy; it is always mapped for few packets. Leave --objective out",
            args.net.display(),
            args.map.objective.as_deref().unwrap_or_default()
        );
    }
    let network = [
        ("--exact", args.map.exact),
        ("--relay", args.map.relay),
        ("--dt", args.network.dt.is_some()),
        ("--import", !args.network.import.is_empty()),
        ("--kernel-path", !args.kernels.kernel_path.is_empty()),
        ("--kernel-override", args.kernels.kernel_override),
    ];
    if let Some((name, _)) = network.iter().find(|option| option.1) {
        bail!(
            "{}: {name}: bare connectivity has no neuron models, weights or time step. Leave {name} out",
            args.net.display()
        );
    }
    if let Some(path) = &args.map.profile {
        bail!(
            "{}: --profile {}: bare connectivity has no populations to look up in a run; give packets as values of the matrix with --traffic",
            args.net.display(),
            path.display()
        );
    }
    if let Some(path) = &args.input {
        bail!(
            "{}: --input {}: bare connectivity has no neurons that could be simulated; give packets as values of the matrix with --traffic",
            args.net.display(),
            path.display()
        );
    }
    let threads = map::threads(args.threads)?;
    let net = network::connectivity::load(&args.net, args.traffic).map_err(|e| anyhow!("{e}"))?;
    let found = match &args.map.assign {
        Some(path) => {
            let given = map::read_assignment(path, net.neurons().into())?;
            study::assigned(&net, chip, &given)
        }
        None => {
            let own = Choice::of(&args.map)?;
            let partitioner = args.map.partitioner.as_deref();
            let placer = args.map.placer.as_deref();
            let options = StudyOptions {
                partitioner: partitioner.unwrap_or(study::STUDY_PARTITIONERS[0]),
                placer: placer.unwrap_or(mapper::PLACERS[0]),
                seed: args.seed,
                threads,
                own: own.own(),
            };
            study::study(&net, chip, &options)
        }
    };
    let found = found.map_err(|e| anyhow!("{}: {e}", args.net.display()))?;
    if let Some(path) = &args.assignment {
        map::write_assignment(path, &found.assignment)?;
    }
    let given = match (&args.map.assign, &args.map.partition_in) {
        (None, None) if study::STUDY_PARTITIONERS.contains(&found.partitioner.as_str()) => None,
        _ => Some(found.partitioner.as_str()),
    };
    let (explanation, traffic) = mapper::explain::of_study(&net, chip, &found.assignment, given);
    let metrics = serde_json::to_value(&found.metrics)?;
    if let Some(path) = &args.json {
        let value = json!({
            "chip": chip.name,
            "network": args.net.to_string_lossy(),
            "seed": args.seed,
            "partitioner": found.partitioner,
            "placer": found.placer,
            "explanation": explanation,
            "traffic": traffic,
            "metrics": metrics,
            "formulas": map::formulas(),
        });
        let text = serde_json::to_string_pretty(&value)? + "\n";
        files::write(path, text.as_bytes())?;
    }
    let mut explained = crate::explain::lines(&explanation, &traffic) + "\n";
    if args.explain {
        explained += &crate::explain::tables(&explanation, &traffic);
    }
    Ok(text(args, chip, &found, &explained, &metrics))
}

fn text(
    args: &MapArgs,
    chip: &ChipSpec,
    found: &Study,
    explained: &str,
    metrics: &Value,
) -> String {
    let m = &found.metrics;
    let head = format!(
        "{} on {}: {} neurons, {} synapses on {} of {} cores; partitioner {}, placer {}\n{explained}",
        args.net.display(),
        chip.name,
        count(m.neurons.into()),
        count(m.synapses),
        m.cores_used,
        chip.cores(),
        found.partitioner,
        found.placer
    );
    let formula = |name: &str| {
        let known = FORMULAS.iter().find(|f| f.0 == name);
        known.map_or("", |f| f.1).to_owned()
    };
    let rows: Vec<Vec<String>> = metrics
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let shown = match value.as_u64() {
                Some(whole) => count(whole),
                None => value
                    .as_f64()
                    .map_or_else(|| "-".into(), |v| format!("{v:.3}")),
            };
            vec![name.clone(), shown, formula(name)]
        })
        .collect();
    head + &table(&["Metric", "value", "formula"], &rows)
}
