//! The passes from a network to a program image: quantize → partition → place → route → emit.
//!
//! Invariant: a verifier runs after each pass and shares no code with it; what it finds is a bug of ours and an assertion,
//! except where the user chose (names, shapes, an assignment) or the chip forbids (an error with the way out). The same network, chip,
//! options and version give the same image. Numbers of the chip come from [`isa::ChipSpec`] alone.

mod change;
mod crossbar;
mod emit;
mod error;
pub mod explain;
pub mod metrics;
mod names;
mod need;
pub mod objective;
pub mod own;
mod parallel;
mod partition;
mod place;
mod quantize;
pub mod quantized;
mod report;
pub mod study;
mod topology;
mod usage;

pub use error::MapError;
pub use explain::Explanation;
pub use objective::{OBJECTIVES, Objective, Rates};
pub use partition::PARTITIONERS;
pub use place::{Flow, PLACERS};
pub use quantized::Quantized;
pub use report::{
    CrossbarReport, MappingReport, PopulationReport, ProjectionReport, TreeReport, Utilisation,
};

use assembler::KernelLibrary;
use isa::ChipSpec;
use isa::chip::Delivery;
use isa::image::Image;
use need::Programs;
use network::lowered::Lowered;
use objective::To;
use own::Own;
use std::collections::BTreeSet;
use usage::Usage;

/// How to map.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// One of [`PARTITIONERS`].
    pub partitioner: String,
    /// One of [`PLACERS`].
    pub placer: String,
    /// What the mapping is to be best at.
    pub objective: Objective,
    /// Spike rates that were measured; without them all sources are taken to be alike.
    pub rates: Option<Rates>,
    /// Spike rates that estimates take where none were measured, of a simulation on noise for example; without them those of `specs/mapping.md`.
    pub assumed: Option<Rates>,
    /// Seed of the placer's swaps, and of partitioners and placers of one's own.
    pub seed: u64,
    /// Threads that may be used; the result does not depend on it.
    pub threads: usize,
    /// The user's own core of every neuron, in network order; goes before the network's.
    pub assignment: Option<Vec<u32>>,
    /// Refuse what would be approximated.
    pub exact: bool,
    /// Let relay neurons add up the input of neurons whose fan-in is beyond a core. Refused on crossbars.
    pub relay: bool,
    /// Kernels that populations can name.
    pub kernels: KernelLibrary,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            partitioner: PARTITIONERS[0].into(),
            placer: PLACERS[0].into(),
            objective: Objective::default(),
            rates: None,
            assumed: None,
            seed: 0,
            threads: 1,
            assignment: None,
            exact: false,
            relay: false,
            kernels: KernelLibrary::default(),
        }
    }
}

/// A mapped network.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// What the chip loads.
    pub image: Image,
    /// The integer network that the image holds.
    pub quantized: Quantized,
    /// Numbers.
    pub report: MappingReport,
    /// Why it has these cores.
    pub explanation: Explanation,
    /// Spikes per step of every neuron, relays last, and then of every input element, if rates were given.
    pub rates: Option<Vec<f64>>,
    /// Physical core of every neuron, relays last.
    pub assignment: Vec<u32>,
    /// What was assumed.
    pub assumptions: Vec<String>,
    /// What differs from the network beyond rounding.
    pub approximations: Vec<String>,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

/// Maps a network onto a chip.
pub fn map(net: &Lowered, chip: &ChipSpec, options: &Options) -> Result<Mapped, Vec<MapError>> {
    map_with(net, chip, options, Own::default())
}

/// Maps a network onto a chip with a partitioner or a placer of one's own; an assignment goes before both.
pub fn map_with(
    net: &Lowered,
    chip: &ChipSpec,
    options: &Options,
    own: Own<'_>,
) -> Result<Mapped, Vec<MapError>> {
    refuse(net, chip)?;
    if chip.delivery == Delivery::AxonBits {
        if options.relay {
            return Err(vec![MapError::Chip {
                chip: chip.name.clone(),
                what: "relays send partial sums as payloads (--relay), and an axon bit of a crossbar carries none".into(),
                remedy: "leave out --relay, or choose a chip with `graded = true`".into(),
            }]);
        }
        return crossbar::map(net, chip, options, own);
    }
    let (kernels, threads) = (&options.kernels, options.threads);
    let mut outcome = quantize::quantize(net, chip, kernels, threads)?;
    if options.relay {
        outcome = quantize::tree::relayed(net, chip, kernels, threads, outcome)?;
    }
    let quantize::Outcome {
        quantized: q,
        projections,
        populations,
        relays,
        trees,
        assumptions,
        approximations,
        warnings,
    } = outcome;
    if options.exact && !approximations.is_empty() {
        return Err(approximations
            .into_iter()
            .map(|what| MapError::Approximated { what })
            .collect());
    }
    analog(&q)?;
    assert_none("quantize", &quantize::verify(&q, chip));

    let programs = Programs::of(&q, &options.kernels);
    let (core_of, usage, at, filled, partitioner, placer) =
        match options.assignment.as_ref().or(net.assignment.as_ref()) {
            Some(given) => {
                let given = with_relays(&q, given, relays);
                let usage = partition::assigned(&q, &programs, chip, &given)?;
                let at = usage.cores.keys().copied().collect();
                (
                    given,
                    usage,
                    at,
                    None,
                    "assignment".to_string(),
                    "assignment".to_string(),
                )
            }
            None => {
                let (part_of, usage, filled, partitioner, placed) = match own.partitioner {
                    Some((name, own)) => {
                        let (part_of, usage) =
                            partition_own(&q, &programs, chip, options.seed, name, own, relays)?;
                        (part_of, usage, None, name.to_string(), None)
                    }
                    None => {
                        let to = To {
                            objective: options.objective,
                            rates: options.rates.as_ref(),
                            assumed: options.assumed.as_ref(),
                            placer: own.placer.is_none().then_some(&options.placer[..]),
                            seed: options.seed,
                            timed: true,
                        };
                        let with = options.threads;
                        let run = |q: &Quantized, chip: &ChipSpec, to: To<'_>| {
                            partition::partition(q, &programs, chip, &options.partitioner, to, with)
                        };
                        let found = run(&q, chip, to).map_err(|errors| {
                            // What fits does not depend on time.
                            let to = To { timed: false, ..to };
                            let fits =
                                |q: &Quantized, chip: &ChipSpec| run(q, chip, to).map(|p| p.usage);
                            let relays = || {
                                let by = &options.partitioner;
                                let fits = |q: &Quantized| {
                                    let programs = Programs::of(q, kernels);
                                    partition::partition(q, &programs, chip, by, to, with).is_ok()
                                };
                                quantize::tree::advice(net, chip, kernels, threads, &fits)
                            };
                            let relays = (!options.relay).then_some(&relays as change::Relays<'_>);
                            change::partition(errors, &q, &programs, chip, &fits, relays)
                        })?;
                        (
                            found.core_of,
                            found.usage,
                            found.filled,
                            found.by.to_owned(),
                            found.placed,
                        )
                    }
                };
                let cores = usage.cores.len() as u32;
                let place = || {
                    let rates = options.rates.as_ref();
                    let rates = rates.map(|given| objective::by_source(&q, Some(given)));
                    let weights = rates.map(|rates| objective::weights(&rates));
                    let flows = place::Flows::of(&q, &part_of, cores, weights.as_deref());
                    let name = &options.placer;
                    place::choose(&flows, chip, name, options.seed, own, options.threads)
                };
                // It may have been placed to be chosen.
                let (at, placer) = placed.map_or_else(place, Ok).map_err(|e| vec![e])?;
                let distinct: BTreeSet<u32> = at.iter().copied().collect();
                assert!(
                    distinct.len() == cores as usize && at.iter().all(|c| *c < chip.cores()),
                    "place gave {at:?}"
                );
                (
                    part_of
                        .iter()
                        .map(|c| at[*c as usize])
                        .collect::<Vec<u32>>(),
                    usage,
                    at,
                    filled,
                    partitioner,
                    placer,
                )
            }
        };

    let image = emit::emit(&q, &programs, chip, &core_of)?;
    assert_none("emit", &emit::verify(&q, &image));
    let beyond = change::image(&image, chip);
    if !beyond.is_empty() {
        return Err(beyond);
    }
    for broken in [
        isa::verify::structure(&image),
        isa::verify::fits(&image, chip),
    ] {
        if !broken.is_empty() {
            return Err(broken.into_iter().map(|v| violation(v, &image)).collect());
        }
    }

    let bounds = partition::bounds(&q, &programs, chip);
    let mut report = report_of(&q, chip, &core_of, &usage, &bounds);
    let used = at.iter().zip(usage.cores.values());
    let used = used.map(|(core, u)| explain::Used {
        core: *core,
        limits: usage::limits(u, chip).to_vec(),
        axon_types: Vec::new(),
    });
    let least: Vec<explain::Least> = bounds.iter().map(explain::Least::from).collect();
    let cause = match filled {
        Some(filled) => explain::Cause::Spread {
            objective: options.objective.name(),
            filled: filled.into(),
        },
        None if own.partitioner.is_some() || partitioner == "assignment" => {
            explain::Cause::Given(&partitioner)
        }
        None => explain::Cause::Limits,
    };
    let mut explanation = explain::explain(chip, used.collect(), &least, cause);
    if matches!(cause, explain::Cause::Limits)
        && options.objective == Objective::Cores
        && explanation.lower_bound.above > 0
    {
        explanation.block(blocked(&q, &programs, chip, &core_of));
    }
    let rates = options.rates.as_ref();
    let rates = rates.map(|given| objective::by_source(&q, Some(given)));
    (report.relays, report.partitioner, report.placer) = (relays, partitioner, placer);
    (report.projections, report.populations, report.trees) = (projections, populations, trees);
    Ok(Mapped {
        image,
        quantized: q,
        report,
        explanation,
        rates,
        assignment: core_of,
        assumptions,
        approximations,
        warnings,
    })
}

/// What keeps each core from being emptied into the others.
fn blocked(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    core_of: &[u32],
) -> Vec<explain::Blocked> {
    let mut at = core_of.to_vec();
    at.sort_unstable();
    at.dedup();
    let part = |c: &u32| at.binary_search(c).expect("collected above") as u32;
    let parts: Vec<u32> = core_of.iter().map(part).collect();
    let blockers = partition::blockers(q, programs, chip, &parts);
    let blocked = blockers.into_iter().map(|b| {
        let p = &q.populations[q.population_of(b.neuron)];
        explain::Blocked {
            core: at[b.core as usize],
            population: p.name.clone(),
            neuron: b.neuron - p.first,
            after: b.after,
            by: b.by.iter().map(|(l, n)| (*l, u64::from(*n))).collect(),
        }
    });
    blocked.collect()
}

/// The answer of the user's own partitioner, numbered without gaps; limits are checked, and errors name cores as it did.
fn partition_own(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    seed: u64,
    name: &str,
    own: &dyn own::Partitioner,
    relays: u32,
) -> Result<(Vec<u32>, Usage), Vec<MapError>> {
    let answer = own.partition(&problem(q, chip, seed));
    let answer = answer.map(|cores| with_relays(q, &cores, relays));
    let found = own::numbered(name, answer, q.neurons(), chip).map_err(|e| vec![e])?;
    let usage = partition::assigned(q, programs, chip, &found.core_of).map_err(|mut errors| {
        for error in &mut errors {
            if let MapError::Core { core, .. } = error {
                *core = found.given[*core as usize];
            }
        }
        errors
    })?;
    Ok((found.core_of, usage))
}

/// The network as a partitioner of one's own sees it.
fn problem<'a>(q: &Quantized, chip: &'a ChipSpec, seed: u64) -> own::PartitionProblem<'a> {
    let (mut start, mut targets) = (vec![0u64], Vec::new());
    let inputs = (0..q.inputs.len() as u32).map(quantized::Source::Input);
    for source in (0..q.populations.len() as u32)
        .map(quantized::Source::Population)
        .chain(inputs)
    {
        let leaving: Vec<_> = q
            .projections
            .iter()
            .filter(|p| p.source == source)
            .collect();
        for element in 0..q.source_span(source).1 {
            for p in &leaving {
                let base = q.populations[p.target as usize].first;
                targets.extend(p.targets[p.row(element)].iter().map(|t| base + t));
            }
            start.push(targets.len() as u64);
        }
    }
    let populations = (0u32..).zip(&q.populations);
    own::PartitionProblem {
        chip,
        seed,
        neurons: q.neurons(),
        start,
        targets,
        populations: populations
            .flat_map(|(i, p)| std::iter::repeat_n(i, p.count as usize))
            .collect(),
    }
}

fn assert_none(pass: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{pass} is wrong: {}", wrong.join("; "));
}

/// A rule that the image breaks, with the population if the place is a group of a core.
fn violation(v: isa::verify::Violation, image: &Image) -> MapError {
    let mut words = v.place.split(' ');
    let mut number = |word| {
        words
            .next()
            .filter(|w| *w == word)
            .and_then(|_| words.next()?.parse::<usize>().ok())
    };
    let population = number("core").zip(number("group")).and_then(|(id, group)| {
        let core = image.cores.iter().find(|c| c.core.0 as usize == id)?;
        let lanes = core.groups.get(..group)?.iter().map(|g| g.lanes as usize);
        let neuron = core.lane_ids.get(lanes.sum::<usize>())?.0;
        image
            .populations
            .iter()
            .find(|p| neuron.wrapping_sub(p.first) < p.count)
    });
    MapError::Verify {
        place: match population {
            Some(p) => format!("population \"{}\" on {}", p.name, v.place),
            None => v.place,
        },
        what: v.what,
        remedy: v.remedy,
    }
}

/// What no pass could map.
fn refuse(net: &Lowered, chip: &ChipSpec) -> Result<(), Vec<MapError>> {
    let refuse = |what: &str, remedy: &str| {
        Err(vec![MapError::Chip {
            chip: chip.name.clone(),
            what: what.into(),
            remedy: remedy.into(),
        }])
    };
    if net.populations.iter().all(|p| p.is_empty()) {
        return refuse(
            "the network has no neurons to put onto it",
            "give a network with neurons",
        );
    }
    let errors = names::check(net);
    if !errors.is_empty() {
        return Err(errors);
    }
    let neurons = net.populations.iter().map(|p| u64::from(p.len())).sum();
    let largest = net.populations.iter().rev().max_by_key(|p| p.len());
    let largest = largest.map_or("", |p| p.name.as_str());
    usage::room_for(neurons, largest, chip).map_err(|e| vec![e])
}

/// Values between cores are spikes: a population that does not fire has no targets.
fn analog(q: &Quantized) -> Result<(), Vec<MapError>> {
    let bad = q.projections.iter().filter(|p| matches!(p.source, quantized::Source::Population(s) if !q.populations[s as usize].fires));
    let errors: Vec<MapError> = bad.map(|p| MapError::analog(&p.path)).collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// The user's cores, with each relay on the core of the first neuron it reaches if the user left relays out.
fn with_relays(q: &Quantized, given: &[u32], relays: u32) -> Vec<u32> {
    let mut all = given.to_vec();
    if relays == 0 || given.len() as u32 + relays != q.neurons() {
        return all;
    }
    all.resize(q.neurons() as usize, 0);
    // Later stages come later: their cores are known first.
    for (index, p) in q
        .populations
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, p)| p.first as usize >= given.len())
    {
        for leaving in q
            .projections
            .iter()
            .filter(|x| x.source == quantized::Source::Population(index as u32))
        {
            let base = q.populations[leaving.target as usize].first;
            for n in 0..p.count {
                if let Some(target) = leaving
                    .targets
                    .get(leaving.row(n).start)
                    .filter(|_| !leaving.row(n).is_empty())
                {
                    all[(p.first + n) as usize] = all[(base + target) as usize];
                }
            }
        }
    }
    all
}

fn report_of(
    q: &Quantized,
    chip: &ChipSpec,
    core_of: &[u32],
    usage: &Usage,
    bounds: &[partition::Bound],
) -> MappingReport {
    let cores: Vec<u32> = usage.cores.keys().copied().collect();
    let mut placed = core_of.to_vec();
    placed.sort_unstable();
    placed.dedup();
    let tiles: BTreeSet<u32> = placed.iter().map(|c| chip.tile_of(*c)).collect();
    let parts: Vec<u32> = core_of
        .iter()
        .map(|c| placed.binary_search(c).expect("collected above") as u32)
        .collect();
    let flows = place::Flows::of(q, &parts, placed.len() as u32, None);
    let hop_cost = flows.hops(chip, &placed) as u64;
    let chip_crossings = flows.crossings(chip, &placed) as u64;
    let least = partition::largest(bounds);
    let uses: Vec<_> = usage
        .cores
        .values()
        .map(|u| usage::limits(u, chip))
        .collect();
    MappingReport {
        cores_used: cores.len() as u32,
        tiles_used: tiles.len() as u32,
        neurons: q.neurons(),
        synapses: q.synapses(),
        packets: usage.packets,
        packets_local: usage.packets_local,
        km1: usage.packets - usage.packets_local,
        packets_host_in: usage.packets_host_in,
        packets_host_out: usage.packets_host_out,
        hop_cost,
        chip_crossings,
        cores_lower_bound: least.cores,
        cores_bound_by: least.limit,
        utilisation: Utilisation::of(&uses),
        ..MappingReport::default()
    }
}
