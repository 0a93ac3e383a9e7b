//! `run`: a network or an image on an emulated chip, from file to report.

use crate::args::{LateChoice, RunArgs, TimingChoice};
use crate::kernels::Kernels;
use crate::map::Spikes;
use crate::nets::Events;
use crate::outcome::{Host, Quantization, Report, Run, Score};
use crate::profile::Profile;
use crate::text::si;
use crate::{asm, chips, compare, debug, files, map, nets, outcome, score, trace};
use anyhow::{Context, Result, anyhow, bail};
use cpu_time::ProcessTime;
use emulator::{Between, Options, SampleInput, SampleResult, Timing};
use indexmap::IndexMap;
use indicatif::{ProgressBar, ProgressStyle};
use isa::chip::{Delivery, Sync};
use isa::{ChipSpec, Image};
use network::npz::{Array, Data};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is to run: an image, and what is known about where it came from.
struct Program {
    image: Image,
    is_image: bool,
    sha256: String,
    /// Digests of the user's kernels.
    kernels: IndexMap<String, String>,
    quantization: Option<Quantization>,
    assumptions: Vec<String>,
    approximations: Vec<String>,
    warnings: Vec<String>,
}

/// `run`.
pub fn command(args: &RunArgs) -> Result<String> {
    let started = Instant::now();
    let cpu = ProcessTime::now();
    files::check_outputs(
        &[
            args.json.as_deref(),
            args.spikes.as_deref(),
            args.debug.probes.as_deref(),
            args.trace.trace.as_deref(),
            args.trace.packets.as_deref(),
        ],
        &[
            Some(&args.net),
            args.input.as_deref(),
            args.map.assign.as_deref(),
            args.map.profile.as_deref(),
            args.compare.as_deref(),
            Some(Path::new(&args.chip.chip)),
        ],
    )?;
    trace::check(&args.trace, args.timing)?;
    let old = args.compare.as_deref().map(compare::read).transpose()?;
    nets::check_table_name("--spikes", args.spikes.as_deref())?;
    nets::check_table_name("--probes", args.debug.probes.as_deref())?;
    if args.steps == Some(0) {
        bail!("--steps 0: at least one step is needed");
    }
    if args.limit == Some(0) {
        bail!("--limit 0: at least one sample is needed");
    }
    if args.late == LateChoice::Error && args.timing == TimingChoice::Off {
        bail!("--late error: whether packets are late is known with --timing cycle only");
    }
    let threads = map::threads(args.threads)?;
    let between = between(&args.between)?;
    let chip = chips::load(&args.chip.chip, &args.chip.set)?;
    let costs = args
        .costs
        .as_deref()
        .map(|name| load_costs(name, &chip))
        .transpose()?;
    let (other_chips, other_warnings) = other_chips(&chip, costs.as_ref())?;
    let mut program = load(args, &chip, threads)?;
    let request = debug::Request::new(&args.debug, &mut program.image)?;
    let input = args
        .input
        .as_deref()
        .map(|path| nets::input(path, &program.image))
        .transpose()?;
    program
        .warnings
        .extend(input.as_ref().and_then(|i| i.warning.clone()));
    program.warnings.extend(other_warnings);
    program
        .warnings
        .extend(chips::without_border(&args.chip.set, &chip)?);
    check_labels(args, input.as_ref(), &program.image)?;
    let (samples, steps) = samples(args, input.as_ref(), &program.image)?;
    if let Some(input) = &input {
        let has = (input.steps, input.samples.len());
        let more = nets::more_than_given(args.input.as_deref(), args.steps, args.limit, has);
        program.assumptions.extend(more);
    }
    if chip.delivery == Delivery::AxonBits {
        match several_a_step(args, &chip, &samples) {
            // A program may have meant it; a network adds its spikes up.
            Some((what, _)) if program.is_image => program.warnings.push(what),
            Some((what, remedy)) => bail!("{what}; {remedy}"),
            None => {}
        }
    }
    let drain = drain(args, &program.image)?;
    let load_cpu = cpu.elapsed();

    let timed = args.timing == TimingChoice::Cycle;
    let options = Options {
        seed: args.seed,
        threads,
        timing: if timed { Timing::Cycle } else { Timing::Off },
        between,
        drain,
        record_spikes: args.spikes.is_some() || args.rates,
        record_packets: false,
    };
    let blank = if let Between::Blank(n) = between {
        n
    } else {
        0
    };
    request.check(&program.image, &samples, drain.saturating_add(blank))?;
    let last_step = steps.saturating_add(drain).saturating_add(blank);
    let traced = trace::request(&args.trace, samples.len(), last_step)?;
    let looked = debug::look(&request, &program.image, &chip, &samples, &options)
        .with_context(|| args.net.display().to_string())?;
    let per_sample = u64::from(steps) + u64::from(drain) + 1;
    let bar = progress_bar(per_sample * samples.len() as u64, "steps", args.quiet);
    let cpu = ProcessTime::now();
    let progress = |done| {
        if let Some(bar) = &bar {
            bar.set_position(done);
        }
    };
    let results = match (&traced, looked.last) {
        (Some(traced), last) => emulator::run_traced(
            &program.image,
            &chip,
            &samples,
            &options,
            last,
            traced,
            &progress,
        ),
        (None, Some(last)) => {
            emulator::run_until(&program.image, &chip, &samples, &options, last, &progress)
        }
        (None, None) => emulator::run(&program.image, &chip, &samples, &options, &progress),
    };
    let sim_cpu = cpu.elapsed();
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let results = results
        .map_err(|e| anyhow!("{e}"))
        .with_context(|| args.net.display().to_string())?;

    if let Some(traced) = &traced {
        let written = trace::write(&args.trace, traced, &program.image, &chip, &results)?;
        program.warnings.extend(written);
    }
    if !timed && matches!(chip.sync, Sync::Barrier { .. }) {
        program.warnings.push(
            "cycles were not simulated (--timing off): time, static and total energy are unknown"
                .to_owned(),
        );
    }
    if timed && matches!(chip.sync, Sync::Barrier { .. }) && program.image.io.model_dt_s > 0.0 {
        program.assumptions.push(
            "steps follow each other as fast as the chip can, not at the model's pace; a chip that waits spends more static energy (the report names it)"
                .to_owned(),
        );
    }
    program
        .assumptions
        .extend(other_pace(&chip, program.image.io.model_dt_s));
    if between == Between::Reset && samples.len() > 1 {
        program.assumptions.push(
            "samples start from the initial state; what the reset costs on a chip is not modelled"
                .to_owned(),
        );
    }
    let labels = input.as_ref().and_then(|i| i.labels.as_deref());
    let (predictions, scored) = if looked.last.is_none() {
        program
            .warnings
            .extend(silent_outputs(&results, &program.image, steps));
        score_all(args, labels, &results, &program.image, steps)
    } else {
        program
            .warnings
            .push("stopped at a breakpoint: nothing is predicted or scored".to_owned());
        (Vec::new(), None)
    };
    let seen = looked.report(&program.image, &results);
    program.warnings.extend(seen.missed.iter().cloned());
    let mut report = Report::new(&Run {
        chip: &chip,
        other_chips,
        costs,
        image: &program.image,
        network: args.net.to_string_lossy().into_owned(),
        network_sha256: program.sha256.clone(),
        kernels_sha256: program.kernels.clone(),
        input_sha256: args
            .input
            .as_deref()
            .map(|p| files::read(p).map(|b| files::sha256_hex(&b)))
            .transpose()?,
        is_image: program.is_image,
        samples: &results,
        steps,
        drain,
        between: args.between.clone(),
        seed: args.seed,
        timed,
        score: scored,
        predictions,
        quantization: program.quantization.clone(),
        spikes: counted_spikes(&results, &program.image),
        profile: Profile::of(&program.image, &samples, &results, args.rates),
        assumptions: program.assumptions.clone(),
        approximations: program.approximations.clone(),
        warnings: program.warnings.clone(),
        host: host(started.elapsed(), load_cpu, sim_cpu, threads, &results),
        command: command_line(),
        changed: args.chip.set.clone(),
        debug: seen,
    });
    if args.late == LateChoice::Error && report.timing_valid == Some(false) {
        bail!(
            "timing is not valid: {} late packets, {} overruns (--late error); a longer tick (--set sync.period=…) or another mapping would help",
            report.late_packets,
            report.overruns
        );
    }
    report.compare = old.map(|old| old.with(&report)).transpose()?;
    if let Some(path) = &args.spikes {
        files::write(path, &spikes_file(path, &results, &program.image, steps)?)?;
    }
    if let Some(path) = &args.debug.probes {
        let bytes = debug::probes_file(path, &report.debug.probes, &program.image)?;
        files::write(path, &bytes)?;
    }
    if let Some(path) = &args.json {
        files::write(
            path,
            (serde_json::to_string_pretty(&report)? + "\n").as_bytes(),
        )?;
    }
    Ok(if args.quiet {
        String::new()
    } else {
        report.text()
    })
}

/// What to say of a chip whose tick is longer or shorter than the model's step.
fn other_pace(chip: &ChipSpec, dt_s: f64) -> Option<String> {
    let Sync::Tick { period } = chip.sync else {
        return None;
    };
    let tick = outcome::seconds(chip, period);
    let ratio = tick / dt_s;
    if dt_s <= 0.0 || (ratio - 1.0).abs() < 1e-6 {
        return None;
    }
    let (times, pace) = if ratio > 1.0 {
        (ratio, "slower")
    } else {
        (1.0 / ratio, "faster")
    };
    let times = format!("{times:.3}");
    let times = times.trim_end_matches('0').trim_end_matches('.');
    Some(format!(
        "the chip's tick is {}, the model's step {}: the chip runs {times} times {pace} than the model; times and static energy are the chip's",
        si(tick, "s"),
        si(dt_s, "s")
    ))
}

fn between(text: &str) -> Result<Between> {
    match text.split_once(':') {
        None if text == "reset" => Ok(Between::Reset),
        None if text == "none" => Ok(Between::None),
        Some(("blank", n)) => n
            .parse()
            .map(Between::Blank)
            .map_err(|_| anyhow!("--between {text}: {n:?} is not a number of steps")),
        _ => bail!("--between {text}: expected reset, blank:N or none"),
    }
}

pub(crate) fn load_costs(name: &str, chip: &ChipSpec) -> Result<ChipSpec> {
    let costs = chips::load(name, &[])?;
    if costs.limits_digest() != chip.limits_digest() {
        bail!(
            "--costs {name}: its limits differ from those of chip {:?}, so its costs do not apply (chip diff {} {name} shows where)",
            chip.name,
            chip.name
        );
    }
    Ok(costs)
}

/// Chips whose costs stand beside this one's, and what to say of those that no longer have the same limits.
fn other_chips(chip: &ChipSpec, costs: Option<&ChipSpec>) -> Result<(Vec<ChipSpec>, Vec<String>)> {
    let mut list: Vec<ChipSpec> = Vec::new();
    let mut warnings = Vec::new();
    for name in chip
        .other_costs
        .iter()
        .chain(costs.iter().flat_map(|c| &c.other_costs))
    {
        if list.iter().any(|c| &c.name == name) || *name == chip.name {
            continue;
        }
        let other = chips::load(name, &[])?;
        if other.limits_digest() == chip.limits_digest() {
            list.push(other);
        } else {
            warnings.push(format!(
                "the costs of chip {name:?} are not shown beside these: its limits differ from those of this chip"
            ));
        }
    }
    Ok((list, warnings))
}

fn load(args: &RunArgs, chip: &ChipSpec, threads: usize) -> Result<Program> {
    let bytes = files::read(&args.net)?;
    let digest = Sha256::new_with_prefix(&bytes);
    let is_source = args.net.extension().is_some_and(|e| e == "s");
    let is_image = bytes.starts_with(b"SPKM") || args.net.extension().is_some_and(|e| e == "spm");
    if is_source || is_image {
        let map = &args.map;
        let mapped = map.assign.is_some() || map.partitioner.is_some() || map.placer.is_some();
        let mapped = mapped
            || map.objective.is_some()
            || map.partition_in.is_some()
            || map.profile.is_some()
            || map.relay
            || map.exact;
        if !args.network.import.is_empty() || args.network.dt.is_some() || mapped {
            bail!(
                "{}: is a program; --dt, --import, --assign, --partition-in, --partitioner, --placer, --objective, --profile, --exact and --relay are for networks",
                args.net.display()
            );
        }
        drop(bytes);
        let mut kernels = Kernels::default();
        let image = if is_source {
            kernels = Kernels::of(&args.kernels)?;
            asm::load_source(&args.net, &kernels.library)?
        } else {
            if !args.kernels.kernel_path.is_empty() {
                bail!(
                    "{}: is an image, which holds its programs; --kernel-path is for networks and .s files",
                    args.net.display()
                );
            }
            asm::load(&args.net)?
        };
        return Ok(Program {
            image,
            is_image: true,
            sha256: files::hex(&digest.finalize()),
            kernels: kernels.sha256,
            quantization: None,
            assumptions: Vec::new(),
            approximations: Vec::new(),
            warnings: Vec::new(),
        });
    }
    drop(bytes);
    let mut graph = nets::load(&args.net, &args.network)?;
    let sha256 = nets::digest(digest, &args.net, &graph)?;
    let kernels = Kernels::of_network(&args.kernels, &args.net, &graph.kernel_files)?;
    nets::resolve(&mut graph, &args.net, &kernels.library)?;
    let library = kernels.library;
    let activity = map::activity(&graph, &args.map, chip, &library);
    let lowered = nets::lower(graph, &args.net)?;
    let spikes = activity.as_ref().map_or(Spikes::Unknown, Spikes::OnNoise);
    let mapped = map::map(
        (&lowered, spikes),
        chip,
        &args.map,
        library,
        args.seed,
        threads,
    )
    .map_err(|e| of_network(e, args))?;
    drop(lowered);
    Ok(Program {
        image: mapped.image,
        is_image: false,
        sha256,
        kernels: kernels.sha256,
        quantization: Some(Quantization {
            projections: mapped.report.projections,
            populations: mapped.report.populations,
            crossbar: mapped.report.crossbar,
            trees: mapped.report.trees,
        }),
        assumptions: mapped.assumptions,
        approximations: mapped.approximations,
        warnings: mapped.warnings,
    })
}

/// Names the network in an error of mapping, unless it already names the file at fault, which is another.
fn of_network(error: anyhow::Error, args: &RunArgs) -> anyhow::Error {
    let map = &args.map;
    let text = error.to_string();
    let others = [&map.assign, &map.partition_in, &map.profile];
    let named = |path: &PathBuf| text.starts_with(&path.display().to_string());
    match others.into_iter().flatten().any(named) {
        true => error,
        false => error.context(args.net.display().to_string()),
    }
}

/// The samples to present, and the steps of each.
fn samples(
    args: &RunArgs,
    input: Option<&Events>,
    image: &Image,
) -> Result<(Vec<SampleInput>, u32)> {
    let Some(input) = input else {
        let Some(steps) = args.steps else {
            bail!("without --input, --steps says how many steps to run");
        };
        if args.limit.is_some_and(|n| n > 1 << 20) {
            bail!("--limit: without --input, at most 1,048,576 samples");
        }
        let sample = SampleInput {
            steps,
            offsets: vec![0; steps as usize + 1],
            ..Default::default()
        };
        return Ok((vec![sample; args.limit.unwrap_or(1)], steps));
    };
    let steps = args.steps.unwrap_or(input.steps);
    let mut list = Vec::new();
    for (index, sample) in input
        .samples
        .iter()
        .take(args.limit.unwrap_or(usize::MAX))
        .enumerate()
    {
        let path = args.input.as_deref().unwrap_or(Path::new(""));
        list.push(
            nets::to_chip(sample, steps, image)
                .with_context(|| format!("{}: sample {index}", path.display()))?,
        );
    }
    Ok((list, steps))
}

/// An axon bit is set or not: several spikes of an element in a step act as one, where the network adds them up. What is given so, and the
/// way out.
fn several_a_step(
    args: &RunArgs,
    chip: &ChipSpec,
    samples: &[SampleInput],
) -> Option<(String, String)> {
    samples.iter().enumerate().find_map(|(index, sample)| {
        let at = sample.values.iter().position(|v| *v > 1)?;
        let step = sample.offsets.partition_point(|o| *o as usize <= at) - 1;
        let (path, value) = (args.input.as_deref().unwrap_or(Path::new("")), sample.values[at]);
        let what = format!(
            "{}: sample {index}, step {step}, element {}: {value} spikes in one step; on chip {:?} a spike sets a bit, and several act as one",
            path.display(),
            sample.elements[at],
            chip.name
        );
        let remedy = format!(
            "give 0 or 1, for example {value} elements or steps for one, or choose a chip with accumulate delivery"
        );
        Some((what, remedy))
    })
}

fn drain(args: &RunArgs, image: &Image) -> Result<u32> {
    if args.drain == "auto" {
        return Ok(image.io.drain);
    }
    args.drain
        .parse()
        .map_err(|_| anyhow!("--drain {}: expected auto or a number of steps", args.drain))
}

/// A bar on a terminal for work that takes longer than a second.
pub(crate) fn progress_bar(count: u64, what: &str, quiet: bool) -> Option<ProgressBar> {
    if quiet || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(count);
    let style =
        ProgressStyle::with_template(&format!("{{bar:40}} {{pos}}/{{len}} {what}, {{eta}} left"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_secs(1));
    Some(bar)
}

/// Spikes of each population in its counted steps are those of all steps minus those outside the window; the
/// engine counts the window itself.
fn counted_spikes(results: &[SampleResult], image: &Image) -> Vec<u64> {
    (0..image.populations.len())
        .map(|p| results.iter().map(|s| s.counted_spikes[p]).sum())
        .collect()
}

fn score_all(
    args: &RunArgs,
    labels: Option<&[i64]>,
    results: &[SampleResult],
    image: &Image,
    steps: u32,
) -> (Vec<Option<u32>>, Option<Score>) {
    let labels = labels.map(|l| &l[..results.len().min(l.len())]);
    let Some(index) = score::scored_output(image, labels) else {
        return (Vec::new(), None);
    };
    let port = &image.io.outputs[index];
    let readout = score::readout(port, args.readout);
    let predictions: Vec<Option<u32>> = results
        .iter()
        .map(|s| score::predict(port, s, steps, readout))
        .collect();
    let scored = labels.map(|labels| {
        let how = format!("output {:?}, {}", port.name, score::describe(readout));
        score::score(&predictions, labels, how)
    });
    (predictions, scored)
}

fn spikes_file(
    path: &Path,
    results: &[SampleResult],
    image: &Image,
    steps: u32,
) -> Result<Vec<u8>> {
    let events = results
        .iter()
        .enumerate()
        .flat_map(|(i, s)| s.spikes.iter().map(move |&(step, id)| (i as u32, step, id)));
    if path.extension().is_some_and(|e| e == "csv") {
        let mut out = csv::Writer::from_writer(Vec::new());
        out.write_record(["sample", "step", "neuron", "population", "index"])?;
        for (sample, step, id) in events {
            let p = image
                .populations
                .iter()
                .find(|p| (p.first..p.first + p.count).contains(&id))
                .context("a spike of no population")?;
            out.write_record([
                &sample.to_string(),
                &step.to_string(),
                &id.to_string(),
                &p.name,
                &(id - p.first).to_string(),
            ])?;
        }
        return Ok(out.into_inner()?);
    }
    let (mut sample, mut step, mut neuron) = (Vec::new(), Vec::new(), Vec::new());
    for (s, t, id) in events {
        sample.push(s);
        step.push(t);
        neuron.push(id);
    }
    let (sample, step, neuron) = (
        Array::vector(Data::U32(sample)),
        Array::vector(Data::U32(step)),
        Array::vector(Data::U32(neuron)),
    );
    let mut arrays = vec![
        ("sample".to_owned(), sample),
        ("step".to_owned(), step),
        ("neuron".to_owned(), neuron),
    ];
    for port in &image.io.outputs {
        let mut shape = vec![results.len(), steps as usize];
        shape.extend(port.shape.iter().map(|&n| n as usize));
        let values = results.iter().flat_map(|s| score::values(port, s, steps));
        let data = Data::I64(values.collect());
        arrays.push((format!("output__{}", port.name), Array { shape, data }));
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    network::npz::write_npz(&mut bytes, arrays.iter().map(|(n, a)| (n.as_str(), a)))?;
    Ok(bytes.into_inner())
}

/// Labels must name elements of some output, and its readout must be one that it can have.
fn check_labels(args: &RunArgs, input: Option<&Events>, image: &Image) -> Result<()> {
    let labels = input.and_then(|i| i.labels.as_deref());
    if let Some(index) = score::scored_output(image, labels) {
        let port = &image.io.outputs[index];
        return score::check(port, score::readout(port, args.readout));
    }
    let (Some(path), Some(labels)) = (&args.input, labels) else {
        return Ok(());
    };
    let largest = image
        .io
        .outputs
        .iter()
        .map(score::elements)
        .max()
        .unwrap_or(0);
    bail!(
        "{}: labels go up to {}, but the largest output has {largest} elements",
        path.display(),
        labels.iter().max().copied().unwrap_or(0)
    )
}

/// Outputs that said nothing in some samples: a prediction from them means nothing.
fn silent_outputs(results: &[SampleResult], image: &Image, steps: u32) -> Vec<String> {
    let mut list = Vec::new();
    for port in &image.io.outputs {
        let silent = results
            .iter()
            .filter(|s| score::is_silent(port, s, steps))
            .count();
        if silent > 0 {
            list.push(format!(
                "output {:?} stayed silent in {silent} of {} samples",
                port.name,
                results.len()
            ));
        }
    }
    list
}

fn host(
    wall: Duration,
    load: Duration,
    sim: Duration,
    threads: usize,
    results: &[SampleResult],
) -> Host {
    let operations: u64 = results
        .iter()
        .flat_map(|s| &s.populations)
        .map(|c| c.synaptic_ops)
        .sum();
    Host {
        wall_s: wall.as_secs_f64(),
        load_cpu_s: load.as_secs_f64(),
        sim_cpu_s: sim.as_secs_f64(),
        threads,
        synaptic_events_per_s: operations as f64 / sim.as_secs_f64().max(1e-9),
        peak_rss_bytes: peak_rss_bytes().unwrap_or(0),
    }
}

/// Peak resident memory of this process, from the kernel's own account.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

fn command_line() -> String {
    let mut out = String::from("spikemesh");
    for arg in std::env::args().skip(1) {
        let _ = write!(out, " {arg}");
    }
    out
}
