//! `inspect` of arrays: inputs (their steps, samples and spikes), sparse matrices, and whatever else an `.npz` holds.
//!
//! Invariant: nothing is refused for what it holds; what another command would refuse is said as a remark.

use crate::args::InspectArgs;
use crate::text::{count, percent, plural, significant, table};
use anyhow::{Result, anyhow};
use network::connectivity::Connectivity;
use network::npz::{Array, Data, Npz, NpzError};
use std::fmt::Write;
use std::io::Cursor;
use std::path::Path;

/// Time step of an event list in seconds where `--dt` gives none, seconds.
const STEP_S: f64 = 1e-3;
/// Keys of the spikes of an input, plain and packed.
const SPIKES: [&str; 2] = ["spikes", "input_bits"];

/// An `.npz`: a sparse matrix, an input, or arrays of something else.
pub(super) fn npz(args: &InspectArgs, bytes: Vec<u8>) -> Result<String> {
    let path = &args.file;
    let of_file = |e: NpzError| anyhow!("{}: {e}", path.display());
    let mut npz = Npz::open(Cursor::new(bytes)).map_err(of_file)?;
    let names = npz.names();
    let has = |key: &str| names.iter().any(|name| name == key);
    let mut rows = Vec::new();
    let (mut spikes, mut labels, mut shape) = (None, None, None);
    for key in &names {
        let of_array = |e: NpzError| anyhow!("{}: array `{key}`: {e}", path.display());
        match npz.read(key) {
            Ok(Some(array)) => {
                rows.push(vec![
                    key.clone(),
                    kind(&array).to_owned(),
                    format!("{:?}", array.shape),
                    count(array.len() as u64),
                ]);
                match key.as_str() {
                    name if SPIKES.contains(&name) && spikes.is_none() => {
                        spikes = Some((key, array))
                    }
                    "labels" | "labels_" if labels.is_none() => labels = Some(array),
                    "input_shape" => shape = array.into_u32().ok(),
                    _ => {}
                }
            }
            Ok(None) => rows.push(vec![key.clone(), "no array".into(), "-".into(), "-".into()]),
            // A type that no array of ours has: text is shown, all else only named.
            Err(NpzError::Header(what)) => {
                let shown = what.contains("'S") || what.contains("'U");
                let kind = if shown {
                    let text = npz.read_text(key).map_err(of_array)?.unwrap_or_default();
                    format!("text {text:?}")
                } else {
                    what
                };
                rows.push(vec![key.clone(), kind, "-".into(), "-".into()]);
            }
            Err(e) => return Err(of_array(e)),
        }
    }
    let mut out = String::new();
    if has("indptr") && has("indices") && has("format") {
        out.push_str(&matrix(path)?);
    }
    match &spikes {
        Some((key, array)) if *key == SPIKES[0] => {
            out.push_str(&plain(array, labels.as_ref()));
        }
        Some((_, array)) => out.push_str(&packed(array, shape.as_deref(), labels.as_ref())),
        None => {}
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&table(&["Array", "type", "shape", "elements"], &rows));
    if spikes.is_none() && !has("indptr") {
        let _ = writeln!(
            out,
            "\nno `{}` and no `{}`: not an input for --input",
            SPIKES[0], SPIKES[1]
        );
    }
    Ok(out)
}

/// A `.npy`: spikes, if it is an input.
pub(super) fn npy(path: &Path, bytes: &[u8]) -> Result<String> {
    let array = network::npz::read_npy(bytes).map_err(|e| anyhow!("{}: {e}", path.display()))?;
    let row = vec![
        kind(&array).to_owned(),
        format!("{:?}", array.shape),
        count(array.len() as u64),
    ];
    let all = table(&["Array of type", "shape", "elements"], &[row]);
    Ok(match array.shape.len() {
        0 | 1 => all,
        _ => format!("{}\n{all}", plain(&array, None)),
    })
}

/// An event list.
pub(super) fn csv(args: &InspectArgs, bytes: &[u8]) -> Result<String> {
    let path = &args.file;
    let dt_s = args.network.dt.unwrap_or(STEP_S);
    let set = network::input::from_csv(bytes, &[vec![u32::MAX]], dt_s)
        .map_err(|e| anyhow!("{}", e.in_file(path.display().to_string())))?;
    let sample = &set.samples[0];
    let steps = sample.steps();
    let events = sample.events();
    let busiest = (0..steps).map(|t| sample.step(t).len()).max().unwrap_or(0);
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().map(str::trim);
    let header = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    let in_seconds = !header.is_some_and(|line| line.starts_with("step"));
    let mut rows = vec![
        vec!["steps".into(), count(steps as u64)],
        vec!["samples".into(), "1".into()],
        vec![
            "elements".into(),
            format!("0 to {}", sample.max_element().unwrap_or(0)),
        ],
        vec![
            "values".into(),
            values(events.iter().map(|e| f64::from(e.1))),
        ],
        vec![
            "events".into(),
            format!(
                "{}, {} a step, {} in the busiest",
                count(events.len() as u64),
                significant(events.len() as f64 / steps as f64),
                count(busiest as u64)
            ),
        ],
    ];
    if in_seconds {
        let how = if args.network.dt.is_some() {
            "--dt"
        } else {
            "taken for want of --dt"
        };
        let step = crate::text::si(dt_s, "s");
        rows.push(vec![
            "time step".into(),
            format!("{step} ({how}): times are in seconds"),
        ]);
    }
    Ok(facts("Input (events)", &rows))
}

/// What is known, line by line under a heading.
fn facts(heading: &str, rows: &[Vec<String>]) -> String {
    let widest = rows.iter().map(|row| row[0].len()).max().unwrap_or(0);
    rows.iter().fold(format!("  {heading}\n"), |mut out, row| {
        let _ = writeln!(out, "  {:widest$}  {}", row[0], row[1]);
        out
    })
}

/// NumPy's name of an element type.
fn kind(array: &Array) -> &'static str {
    match array.data {
        Data::Bool(_) => "bool",
        Data::U8(_) => "uint8",
        Data::I8(_) => "int8",
        Data::U16(_) => "uint16",
        Data::I16(_) => "int16",
        Data::U32(_) => "uint32",
        Data::I32(_) => "int32",
        Data::U64(_) => "uint64",
        Data::I64(_) => "int64",
        Data::F32(_) => "float32",
        Data::F64(_) => "float64",
    }
}

/// What kind of values these are, 0 apart.
fn values(all: impl Iterator<Item = f64>) -> String {
    let (mut least, mut most, mut whole, mut some) =
        (f64::INFINITY, f64::NEG_INFINITY, true, false);
    for x in all.filter(|x| *x != 0.0 && x.is_finite()) {
        (least, most) = (least.min(x), most.max(x));
        (whole, some) = (whole && x.fract() == 0.0, true);
    }
    let range = format!("{} to {}", significant(least), significant(most));
    match (some, whole) {
        (false, _) => "all 0: silent".into(),
        (_, true) if least == 1.0 && most == 1.0 => "0 and 1: spikes".into(),
        (_, true) => format!("whole numbers ({range}): counts of spikes, or payloads"),
        _ => format!("real numbers ({range}): currents, for `simulate`; a chip takes spikes"),
    }
}

/// Flat index as one per axis.
fn place(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        at[axis] = flat % (*length).max(1);
        flat /= (*length).max(1);
    }
    at
}

fn label_row(labels: &Array, samples: usize) -> Vec<String> {
    let all = labels.to_f64();
    let (least, most) = all
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| {
            (a.min(*x), b.max(*x))
        });
    let mut text = format!("{}, {least} to {most}", count(all.len() as u64));
    if all.is_empty() {
        text = "none".into();
    } else if all.len() != samples {
        let _ = write!(text, "; there are {}", plural(samples as u64, "sample"));
    }
    vec!["labels".into(), text]
}

/// The form (T, …) or (T, B, …); which of the two it is says the network, or the number of labels.
fn plain(array: &Array, labels: Option<&Array>) -> String {
    let shape = &array.shape;
    if shape.is_empty() || array.is_empty() {
        return format!("input of shape {shape:?}: no steps or no elements in it\n");
    }
    let steps = shape[0];
    let per_step = array.len() / steps;
    let batched = shape.len() >= 3;
    let samples = if batched { shape[1] } else { 1 };
    let tail = &shape[if batched { 2 } else { 1 }..];
    let mut by_step = vec![0u64; steps];
    let mut sum = 0.0;
    let mut bad = Vec::new();
    for i in 0..array.len() {
        let x = array.get(i).unwrap_or(0.0);
        if !x.is_finite() {
            bad.push(i);
        } else if x != 0.0 {
            by_step[i / per_step] += 1;
            sum += x;
        }
    }
    let not_zero: u64 = by_step.iter().sum();
    let busiest = by_step.iter().max().copied().unwrap_or(0);
    let of_samples = match (batched, shape.len()) {
        (true, _) => format!(
            "{samples} of {tail:?}, if the network takes {tail:?}; one of {:?} otherwise",
            &shape[1..]
        ),
        (_, 1) => "1 of one element".into(),
        _ => format!(
            "1 of {tail:?}, if the network takes {tail:?}; {} of one element otherwise",
            shape[1]
        ),
    };
    let mut rows = vec![
        vec!["steps".into(), count(steps as u64)],
        vec!["samples".into(), of_samples],
        vec![
            "values".into(),
            values((0..array.len()).filter_map(|i| array.get(i))),
        ],
        vec![
            "not 0".into(),
            format!(
                "{} of {} ({}), sum {}",
                count(not_zero),
                count(array.len() as u64),
                percent(not_zero as f64 / array.len() as f64),
                significant(sum)
            ),
        ],
        vec![
            "a step".into(),
            format!(
                "{} not 0 in each sample on average, {} in the busiest step of all samples",
                significant(not_zero as f64 / (steps * samples) as f64),
                count(busiest)
            ),
        ],
    ];
    rows.extend(labels.map(|labels| label_row(labels, samples)));
    if let Some(first) = bad.first() {
        rows.push(vec![
            "not finite".into(),
            format!(
                "{} NaN or infinite, the first at {:?}: no command takes this input",
                count(bad.len() as u64),
                place(*first, shape)
            ),
        ]);
    }
    facts("Input", &rows)
}

/// The packed form: (T, B, bytes).
fn packed(bits: &Array, shape: Option<&[u32]>, labels: Option<&Array>) -> String {
    let (Data::U8(bytes), [steps, samples, row]) = (&bits.data, &bits.shape[..]) else {
        return format!(
            "`input_bits` is {} of shape {:?}; an input has bytes (uint8) of shape (T, B, bytes)\n",
            kind(bits),
            bits.shape
        );
    };
    let set: u64 = bytes.iter().map(|b| u64::from(b.count_ones())).sum();
    let elements: u64 = shape.map_or(8 * *row as u64, |s| {
        s.iter().map(|&d| u64::from(d)).product()
    });
    let presented = (*steps as u64).saturating_mul(*samples as u64);
    let of = shape.map_or(format!("up to {elements} elements"), |s| format!("{s:?}"));
    let mut rows = vec![
        vec!["steps".into(), count(*steps as u64)],
        vec![
            "samples".into(),
            format!("{} of {of}", count(*samples as u64)),
        ],
        vec!["values".into(), "bits: spikes".into()],
        vec![
            "spikes".into(),
            format!(
                "{}, {} a step, {} of an element's steps",
                count(set),
                significant(set as f64 / presented.max(1) as f64),
                percent(set as f64 / presented.saturating_mul(elements).max(1) as f64)
            ),
        ],
    ];
    rows.extend(labels.map(|labels| label_row(labels, *samples)));
    facts("Input (packed)", &rows)
}

/// A sparse matrix as connectivity.
fn matrix(path: &Path) -> Result<String> {
    let net = match network::connectivity::load(path, false) {
        Ok(net) => net,
        Err(e) => return Ok(format!("sparse matrix that `map` does not take: {e}\n")),
    };
    let n = net.neurons();
    let mut fan_in = vec![0u64; n as usize];
    for i in 0..n {
        net.targets_of(i)
            .iter()
            .for_each(|t| fan_in[*t as usize] += 1);
    }
    let fan_out = (0..n).map(|i| net.targets_of(i).len() as u64).collect();
    let rows = vec![
        vec!["neurons".into(), count(n.into())],
        vec!["synapses".into(), synapses(&net)],
        vec!["fan-out".into(), spread(fan_out)],
        vec!["fan-in".into(), spread(fan_in)],
    ];
    let shown = facts("Sparse matrix (row = source)", &rows);
    Ok(format!(
        "{shown}bare connectivity: `map` takes it (spikemesh map {} --chip specs/chips/mapping-study.toml)\n",
        path.display()
    ))
}

fn synapses(net: &Connectivity) -> String {
    let n = f64::from(net.neurons());
    format!(
        "{} ({} of the matrix)",
        count(net.synapses()),
        percent(net.synapses() as f64 / (n * n))
    )
}

/// Least, mean and most, and how many have none.
fn spread(all: Vec<u64>) -> String {
    let sum: u64 = all.iter().sum();
    let none = all.iter().filter(|x| **x == 0).count();
    format!(
        "{} to {}, mean {}{}",
        count(all.iter().min().copied().unwrap_or(0)),
        count(all.iter().max().copied().unwrap_or(0)),
        significant(sum as f64 / all.len().max(1) as f64),
        if none == 0 {
            String::new()
        } else {
            format!("; {} without any", plural(none as u64, "neuron"))
        }
    )
}
