//! Chips by name or path, and `chip list|show|check|diff`.

use crate::args::ChipCommand;
use crate::files;
use crate::text::table;
use anyhow::{Result, anyhow, bail};
use isa::ChipSpec;
use isa::chip::{ChipError, Delivery, OnSpikeTime, PRESETS, Scope, Sync, UpdateEnergy, UpdateTime};
use serde_json::json;
use std::path::Path;

/// Loads a preset or a chip file with overrides (`key=value`).
pub fn load(name: &str, overrides: &[String]) -> Result<ChipSpec> {
    let (file, text) = source(name)?;
    ChipSpec::parse(&text, &file, &self::overrides(overrides)?).map_err(|errors| join(&errors))
}

/// Pairs of `key=value`.
pub fn overrides(texts: &[String]) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for text in texts {
        let Some((key, value)) = text.split_once('=') else {
            bail!("--set {text}: expected KEY=VALUE, for example noc.hop_east=5");
        };
        pairs.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(pairs)
}

/// Names the numbers of chip borders that `--set` gives although the board has one chip, and so none.
pub fn without_border(texts: &[String], chip: &ChipSpec) -> Result<Vec<String>> {
    if chip.mesh.border.is_some() {
        return Ok(Vec::new());
    }
    let given = overrides(texts)?.into_iter().map(|(key, _)| key);
    let of_borders = given.filter(|key| isa::chip::is_of_borders(key));
    Ok(of_borders
        .map(|key| {
            format!("{key}: the board has one chip and no borders, so it changes nothing: --set mesh.board=[2,1]")
        })
        .collect())
}

/// Name for messages and text of a chip.
fn source(name: &str) -> Result<(String, String)> {
    if let Some((_, text)) = PRESETS.iter().find(|(n, _)| *n == name) {
        return Ok((format!("{name} (preset)"), (*text).to_owned()));
    }
    let path = Path::new(name);
    if !path.exists() && !name.contains(['/', '\\', '.']) {
        let known: Vec<&str> = PRESETS.iter().map(|(n, _)| *n).collect();
        bail!(
            "no chip {name:?}: presets are {}; or give the path of a chip file",
            known.join(", ")
        );
    }
    Ok((name.to_owned(), files::read_text(path)?))
}

/// All errors of a chip as one.
pub fn join(errors: &[ChipError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow!("{}", lines.join("\n"))
}

/// Runs a `chip` command and returns what it prints.
pub fn command(command: &ChipCommand) -> Result<String> {
    match command {
        ChipCommand::List => list(),
        ChipCommand::Show { chip, json, set } => show(&load(chip, set)?, *json),
        ChipCommand::Check { file } => {
            let (name, text) = source(&file.to_string_lossy())?;
            let chip = ChipSpec::parse(&text, &name, &[]).map_err(|errors| join(&errors))?;
            for other in &chip.other_costs {
                load(other, &[]).map_err(|e| anyhow!("{name}: other_costs: {e}"))?;
            }
            let estimated = chip.quantities.values().filter(|q| q.estimated).count();
            Ok(format!(
                "{name}: chip {:?} is valid: {} cores, {} numbers, {estimated} of them estimated\n",
                chip.name,
                chip.cores(),
                chip.quantities.len()
            ))
        }
        ChipCommand::Diff { a, b } => diff(&load(a, &[])?, &load(b, &[])?),
    }
}

fn list() -> Result<String> {
    let mut rows = Vec::new();
    for (name, _) in PRESETS {
        let chip = load(name, &[])?;
        let estimated = chip.quantities.values().filter(|q| q.estimated).count();
        rows.push(vec![
            chip.name.clone(),
            chip.cores().to_string(),
            chip.limits.neurons.to_string(),
            format!("{estimated} of {}", chip.quantities.len()),
            chip.description.clone(),
        ]);
    }
    Ok(table(
        &[
            "Chip",
            "cores",
            "neurons a core",
            "numbers estimated",
            "description",
        ],
        &rows,
    ))
}

fn show(chip: &ChipSpec, json: bool) -> Result<String> {
    if json {
        let numbers: serde_json::Map<String, serde_json::Value> = chip
            .quantities
            .iter()
            .map(|(k, q)| {
                let mut v = json!({"value": q.value, "unit": q.unit, "source": q.source, "estimated": q.estimated});
                if let Some(s) = q.scaled {
                    v["at_voltage"] = json!(s.at_voltage);
                    v["exponent"] = json!(s.exponent);
                    v["factor"] = json!(s.factor);
                }
                (k.clone(), v)
            })
            .collect();
        let value = json!({
            "name": chip.name,
            "description": chip.description,
            "cores": chip.cores(),
            "kernels": chip.kernels,
            "choices": choices(chip).into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            "other_costs": chip.other_costs,
            "sha256": files::hex(&chip.sha256),
            "limits_digest": files::hex(&chip.limits_digest()),
            "numbers": numbers,
        });
        return Ok(serde_json::to_string_pretty(&value)? + "\n");
    }
    let mut out = format!(
        "{}: {}\n{} cores\n",
        chip.name,
        chip.description,
        chip.cores()
    );
    out.push('\n');
    let words: Vec<Vec<String>> = choices(chip)
        .into_iter()
        .map(|(key, word)| vec![key.to_owned(), word])
        .collect();
    out.push_str(&table(&["Choice", "value"], &words));
    out.push('\n');
    let rows: Vec<Vec<String>> = chip
        .quantities
        .iter()
        .map(|(key, q)| vec![key.clone(), value(q), origin(q)])
        .collect();
    out.push_str(&table(&["Key", "value", "origin"], &rows));
    Ok(out)
}

/// Number and unit; plain counts have none.
fn value(q: &isa::chip::Quantity) -> String {
    if q.unit == "1" || q.unit.is_empty() {
        return q.value.to_string();
    }
    match q.scaled {
        Some(s) => format!(
            "{} {} at {} V ^ {}: × {:.4}",
            q.value, q.unit, s.at_voltage, s.exponent, s.factor
        ),
        None => format!("{} {}", q.value, q.unit),
    }
}

/// What a chip file says in words, not in numbers.
fn choices(chip: &ChipSpec) -> Vec<(&'static str, String)> {
    let price = |by_event: bool| if by_event { "event" } else { "instruction" }.to_owned();
    let (kind, interpolate) = match &chip.sync {
        Sync::Barrier { wave: true, .. } => ("barrier, a wave of messages", "-"),
        Sync::Barrier { linear: true, .. } => ("barrier", "linear"),
        Sync::Barrier { .. } => ("barrier", "floor"),
        Sync::Tick { .. } => ("tick", "-"),
    };
    let scope = |scope| match scope {
        Scope::Physical => "physical".to_owned(),
        Scope::Mapped => "mapped".to_owned(),
    };
    let neuron_scope = match (&chip.energy.update, chip.delivery) {
        (UpdateEnergy::Event { row_scope, .. }, Delivery::AxonBits) => scope(*row_scope),
        _ => "-".to_owned(),
    };
    let in_parts = chip.quantities.contains_key("energy.crossbar");
    let router = if in_parts { "parts" } else { "whole" };
    let delivery = match chip.delivery {
        Delivery::Accumulate => "accumulate",
        Delivery::AxonBits => "axon_bits",
    };
    let mut words = vec![
        ("core.delivery", delivery.to_owned()),
        ("core.graded", chip.limits.graded.to_string()),
        ("sync.kind", kind.to_owned()),
        ("sync.interpolate", interpolate.to_owned()),
        ("update.neuron_scope", neuron_scope),
        ("energy.router", router.to_owned()),
        ("energy.static_scope", scope(chip.energy.static_scope)),
        (
            "update.price",
            price(matches!(chip.time.update, UpdateTime::Event { .. })),
        ),
        (
            "on_spike.price",
            price(matches!(chip.time.on_spike, OnSpikeTime::Event { .. })),
        ),
        (
            "kernels",
            chip.kernels
                .as_ref()
                .map_or("any".to_owned(), |k| k.join(", ")),
        ),
    ];
    let noc = chip.noc.vc.map_or("fifo", |_| "vc");
    words.push(("noc.router", noc.to_owned()));
    if let Some(vc) = &chip.noc.vc {
        words.push(("noc.speculative", vc.speculative.to_string()));
        let tail = vc.wait_for_tail_credit;
        words.push(("noc.wait_for_tail_credit", tail.to_string()));
    }
    words
}

fn origin(q: &isa::chip::Quantity) -> String {
    if q.estimated && !q.is_override() {
        format!("ESTIMATED: {}", q.source)
    } else {
        q.source.clone()
    }
}

/// A key whose number in brackets is compared as one: `sync.barrier[4]` before `sync.barrier[29]`.
fn natural(key: &str) -> (&str, Option<u64>, &str) {
    let (name, index) = key.split_once('[').unwrap_or((key, ""));
    let number = index.strip_suffix(']').and_then(|i| i.parse().ok());
    (name, number, index)
}

fn diff(a: &ChipSpec, b: &ChipSpec) -> Result<String> {
    let keys: std::collections::BTreeSet<&String> =
        a.quantities.keys().chain(b.quantities.keys()).collect();
    let mut keys: Vec<&String> = keys.into_iter().collect();
    keys.sort_by_key(|key| natural(key));
    let cell = |chip: &ChipSpec, key: &str| {
        chip.quantities.get(key).map_or("-".to_owned(), |q| {
            format!(
                "{}{}",
                value(q),
                if q.estimated { " (estimated)" } else { "" }
            )
        })
    };
    let rows: Vec<Vec<String>> = keys
        .into_iter()
        .filter(|k| {
            let number = |c: &ChipSpec| {
                c.quantities
                    .get(*k)
                    .map(|q| (q.value, q.unit.clone(), q.scaled))
            };
            number(a) != number(b)
        })
        .map(|k| vec![k.clone(), cell(a, k), cell(b, k)])
        .collect();
    let mut rows = rows;
    for ((key, x), (_, y)) in choices(a).into_iter().zip(choices(b)) {
        if x != y {
            rows.push(vec![key.to_owned(), x, y]);
        }
    }
    let limits = if a.limits_digest() == b.limits_digest() {
        "the limits are the same: an image for one runs on the other"
    } else {
        "the limits differ: an image for one is verified again on the other"
    };
    if rows.is_empty() {
        return Ok(format!(
            "{} and {}: nothing differs; {limits}\n",
            a.name, b.name
        ));
    }
    Ok(format!(
        "{}\n  {limits}\n",
        table(&["Key", &a.name, &b.name], &rows)
    ))
}
