//! What each `--objective` of the mapper is worth on the emulated chip, and how well packets predict energy and time.
//!
//!     cargo run --release --example objectives [-- NET INPUT|STEPS [CHIP [SAMPLES]]]
//!
//! Without a network: `examples/motion` and the benchmark network `small32`, on `loihi`.
#![allow(clippy::print_stdout, reason = "a command that prints tables")]

#[path = "../../network/examples/bench_net.rs"]
#[expect(dead_code, reason = "its command line is not used here")]
mod bench_net;
mod measure;

use anyhow::{Result, anyhow, bail};
use isa::ChipSpec;
use isa::chip::Delivery;
use mapper::own::{Given, Own, Partitioner};
use mapper::{Mapped, OBJECTIVES, Objective, Options, PARTITIONERS, map, map_with};
use measure::{Case, Measured, Shuffled, errors, measure, rank_correlation};
use spikemesh::text::{count, si, table};
use std::collections::BTreeSet;
use std::path::Path;

/// Steps of `small32`.
const STEPS: u32 = 1000;
/// Shares of the fullest core's neurons, and of a core's synapse memory, to which cores are kept for more mappings.
const FILLED: &[f64] = &[0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3];
/// Shares of neurons that change places, in 1/256, for mappings that no partitioner would make.
const SHUFFLED: &[u64] = &[1, 4, 16, 64, 128];
/// Fewest mappings whose ranks are compared.
const MAPPINGS: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let chip = arguments.get(2).map_or("loihi", String::as_str);
    let chip = spikemesh::chips::load(chip, &[])?;
    let cases = match &arguments[..] {
        [] => vec![
            case(
                "examples/motion/motion.nir",
                "examples/motion/test.npz",
                usize::MAX,
            )?,
            small32()?,
        ],
        [net, input] | [net, input, _] => vec![case(net, input, usize::MAX)?],
        [net, input, _, samples] => vec![case(net, input, samples.parse()?)?],
        _ => bail!("usage: objectives [NET INPUT|STEPS [CHIP [SAMPLES]]]"),
    };
    for case in cases {
        compare(&case, &chip)?;
    }
    Ok(())
}

/// A network from a file, mapped freely.
fn case(net: &str, input: &str, samples: usize) -> Result<Case> {
    let path = Path::new(net);
    let arguments = spikemesh::args::NetworkArgs {
        dt: None,
        import: Vec::new(),
    };
    let graph = spikemesh::nets::load(path, &arguments)?;
    let activity = graph.activity_on_noise();
    let mut lowered = spikemesh::nets::lower(graph, path)?;
    lowered.assignment = None;
    let input = match input.parse::<u32>() {
        Ok(steps) => Err(steps),
        Err(_) => {
            let shapes: Vec<Vec<u32>> = lowered.inputs.iter().map(|i| i.shape.clone()).collect();
            let events = spikemesh::nets::read_input(Path::new(input), &shapes, lowered.dt_s)?;
            Ok((events, samples))
        }
    };
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(Case {
        name: name.into_owned(),
        activity,
        net: lowered,
        input,
    })
}

fn small32() -> Result<Case> {
    let folder = std::env::temp_dir().join(format!("spikemesh_objectives_{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let written = bench_net::write_named("small32", &folder);
    let net = folder.join("small32.toml");
    let loaded = written
        .ok_or_else(|| anyhow!("small32 is no longer known"))
        .and_then(|done| Ok(done?))
        .and_then(|()| case(&net.to_string_lossy(), &STEPS.to_string(), 1));
    std::fs::remove_dir_all(&folder)?;
    loaded
}

/// Prints both tables of a network.
fn compare(case: &Case, chip: &ChipSpec) -> Result<()> {
    let mut rows = Vec::new();
    let mut by_objective = Vec::new();
    let mut all = All::default();
    for name in OBJECTIVES {
        let mapped = mapped(case, chip, name, PARTITIONERS[0], 0)?;
        let measured = all.add(case, chip, &mapped)?;
        by_objective.push((*name, mapped, measured));
    }
    let best = |objective| {
        let columns = by_objective.iter().map(|m| m.2.column(objective));
        columns.fold(f64::INFINITY, f64::min)
    };
    for (name, mapped, m) in &by_objective {
        let star = |objective| {
            if m.column(objective) <= best(objective) {
                "*"
            } else {
                ""
            }
        };
        rows.push(vec![
            (*name).to_owned(),
            mapped.report.partitioner.clone(),
            format!("{}{}", m.cores, star("cores")),
            format!("{}{}", count(m.packets), star("packets")),
            format!(
                "{}{}",
                si(m.energy_j / m.samples as f64, "J"),
                star("energy")
            ),
            format!("{}{}", si(m.mean_s, "s"), star("latency")),
            si(m.p50_s, "s"),
            si(m.p99_s, "s"),
            format!("{:.4e}{}", m.edp(), star("edp")),
        ]);
    }
    let header = [
        "Objective",
        "partitioner",
        "cores",
        "packets",
        "energy a sample",
        "a step: mean",
        "p50",
        "p99",
        "energy × time, J s",
    ];
    let samples = by_objective[0].2.samples;
    println!("{} on {}, {samples} samples", case.name, chip.name);
    print!("{}", table(&header, &rows));
    println!("  * least of its column\n");

    all.add_others(case, chip, &by_objective)?;
    let list = &all.measured;
    let of = |value: fn(&Measured) -> f64| list.iter().map(value).collect::<Vec<f64>>();
    let km1 = of(|m| m.km1 as f64);
    let rank = |value: fn(&Measured) -> f64| {
        let found = rank_correlation(&km1, &of(value));
        found.map_or("-".to_owned(), |r| format!("{r:+.2}"))
    };
    println!(
        "  Rank correlation (Spearman) of km1 over {} mappings, km1 {} to {}: with energy {}, with the mean time of a step {}, with energy × time {}\n",
        list.len(),
        count(list.iter().map(|m| m.km1).min().unwrap_or(0)),
        count(list.iter().map(|m| m.km1).max().unwrap_or(0)),
        rank(|m| m.energy_j),
        rank(|m| m.mean_s),
        rank(Measured::edp),
    );
    Ok(())
}

fn mapped(
    case: &Case,
    chip: &ChipSpec,
    objective: &str,
    partitioner: &str,
    seed: u64,
) -> Result<Mapped> {
    let options = Options {
        objective: Objective::of(objective).ok_or_else(|| anyhow!("{objective} is gone"))?,
        partitioner: partitioner.to_owned(),
        seed,
        assumed: case
            .activity
            .as_ref()
            .map(|a| mapper::Rates::of(&case.net, a)),
        ..Options::default()
    };
    map(&case.net, chip, &options).map_err(|e| errors(&e))
}

/// Mappings that differ, with what they cost.
#[derive(Default)]
struct All {
    seen: BTreeSet<Vec<u32>>,
    measured: Vec<Measured>,
}

impl All {
    fn add(&mut self, case: &Case, chip: &ChipSpec, mapped: &Mapped) -> Result<Measured> {
        let measured = measure(case, mapped, chip)?;
        // On crossbars copies and splitters spike too, and there are as many as the mapping takes.
        if let Some(first) = self.measured.first()
            && chip.delivery == Delivery::Accumulate
        {
            assert_eq!(
                first.function, measured.function,
                "mappings change costs only"
            );
        }
        if self.seen.insert(mapped.assignment.clone()) {
            self.measured.push(measured.clone());
        }
        Ok(measured)
    }

    /// A mapping by a partition of one's own; where it does not fit, there is nothing to measure.
    fn add_own(&mut self, case: &Case, chip: &ChipSpec, own: &dyn Partitioner) -> Result<()> {
        let own = Own {
            partitioner: Some(("own", own)),
            placer: None,
        };
        if self.measured.len() < 3 * MAPPINGS / 2
            && let Ok(mapped) = map_with(&case.net, chip, &Options::default(), own)
        {
            self.add(case, chip, &mapped)?;
        }
        Ok(())
    }

    /// More mappings: of each partitioner and another seed, with emptier cores, and those of the objectives with neurons that change places.
    fn add_others(
        &mut self,
        case: &Case,
        chip: &ChipSpec,
        found: &[(&str, Mapped, Measured)],
    ) -> Result<()> {
        for partitioner in &PARTITIONERS[1..] {
            for objective in OBJECTIVES {
                // A partitioner may find none that fits.
                if let Ok(mapped) = mapped(case, chip, objective, partitioner, 1) {
                    self.add(case, chip, &mapped)?;
                }
            }
        }
        let cores = mapped(case, chip, "cores", PARTITIONERS[0], 0)?.image.cores;
        let fullest = cores.iter().map(|c| c.lane_ids.len()).max().unwrap_or(0) as f64;
        for (share, partitioner) in FILLED
            .iter()
            .flat_map(|s| PARTITIONERS[1..].iter().map(move |p| (s, p)))
        {
            for memory in [false, true] {
                let mut smaller = chip.clone();
                if memory {
                    smaller.limits.synapse_bits =
                        (smaller.limits.synapse_bits as f64 * share) as u64;
                } else {
                    smaller.limits.neurons = (fullest * share).ceil() as u32;
                }
                if let Ok(from) = mapped(case, &smaller, "cores", partitioner, 0) {
                    let same = Given(from.assignment);
                    self.add_own(case, chip, &same)?;
                }
            }
        }
        for (share, (_, from, _)) in SHUFFLED
            .iter()
            .flat_map(|s| found.iter().map(move |f| (s, f)))
        {
            let shuffled = Shuffled {
                from: &from.assignment,
                share: *share,
            };
            self.add_own(case, chip, &shuffled)?;
        }
        if self.measured.len() < MAPPINGS {
            println!("  only {} mappings were found", self.measured.len());
        }
        Ok(())
    }
}
