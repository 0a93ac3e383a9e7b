//! Networks on chips whose cores are crossbars fed by axon bits (TrueNorth, RANC): quantise → lines → partition → place →
//! plan → emit, and a judge at the end.
//!
//! Invariant: a spike of the integer network sets exactly the axon bits that add up to its weights, in the tick in which it
//! must act; no two senders share an axon, so no two spikes merge. Numbers of the chip come from its file; that there are
//! four axon types, type weights of −255 … 255 and a reach of 255 cores is the architecture (Akopyan et al., TCAD 2015).

mod assigned;
mod basis;
mod build;
mod calibrate;
mod cell;
mod choose;
mod conflicts;
mod cost;
mod emit;
mod fanin;
mod forms;
mod integers;
mod lines;
mod notes;
mod pack;
mod partition;
mod plan;
mod portfolio;
mod refine;
mod refuse;
mod relays;
mod report;
mod scale;
mod split;
mod thrift;
mod tree;
mod verify;

use crate::emit::host_entries;
use crate::error::MapError;
use crate::explain::{Blocked, Cause, Least};
use crate::objective::by_source;
use crate::partition::CROSSBAR_PARTITIONERS;
use crate::quantize::lost;
use crate::quantized::Quantized;
use crate::{Mapped, Objective, Options, Own, change, objective, place, topology};
use assigned::assigned;
use choose::{Chosen, Target};
use cost::Judge;
use isa::ChipSpec;
use isa::chip::Sync;
use isa::ids::INPUT_ID;
use lines::Lines;
use network::lowered::Lowered;
use partition::{Cores, Order, Problem};
use portfolio::{Built, Taken, Wanted};
use split::{Divided, Network};

/// Maps a network onto a chip with crossbars.
pub(crate) fn map(
    net: &Lowered,
    chip: &ChipSpec,
    options: &Options,
    own: Own<'_>,
) -> Result<Mapped, Vec<MapError>> {
    if let Some((name, _)) = own.partitioner {
        return Err(vec![MapError::Chip {
            chip: chip.name.clone(),
            what: format!(
                "partitioner \"{name}\" is not told of axon types and copies, which its crossbars need"
            ),
            remedy: "leave the partitioner out, or give the core of every neuron (--assign)".into(),
        }]);
    }
    let target = Target {
        net,
        chip,
        library: &options.kernels,
        ranges: scale::Ranges::of(chip),
    };
    let firsts = fanin::firsts(net);
    let (mut chosen, mut errors) = (Vec::new(), no_payloads(net, chip));
    for (index, first) in firsts.populations.iter().enumerate() {
        match choose::choose(index, *first, &target) {
            Ok(c) => chosen.push(c),
            Err(e) => errors.push(e),
        }
    }
    if !errors.is_empty() {
        return Err(change::worst(errors));
    }
    let delays = chosen.iter().flat_map(|c| &c.fanin.list).map(|s| s.delay);
    let longest = delays.max().unwrap_or(0);
    errors.extend(
        chosen
            .iter()
            .filter_map(|c| too_late(c, longest, net, chip)),
    );
    errors.extend(silent_sources(net, &chosen));
    if !errors.is_empty() {
        return Err(change::worst(errors));
    }
    let notes = |pick: fn(&Chosen) -> &Vec<String>| chosen.iter().flat_map(pick).cloned();
    let approximations: Vec<String> = notes(|c| &c.approximations).collect();
    if options.exact && !approximations.is_empty() {
        let refused = approximations.into_iter();
        return Err(refused
            .map(|what| MapError::Approximated { what })
            .collect());
    }
    let assumptions = net.assumptions.iter().cloned();
    let mut assumptions: Vec<String> = assumptions.chain(notes(|c| &c.assumptions)).collect();
    let warnings = notes(|c| &c.warnings);

    let (q, projections) = integers::quantized(net, &chosen, &firsts)?;
    let targets: Vec<u32> = q.projections.iter().map(|p| p.target).collect();
    let warnings: Vec<String> = warnings.chain(lost(&projections, &targets)).collect();
    let lines = Lines::of_network(&chosen);
    let host = host_entries(&q);
    let problem = problem(&q, &lines, &host, chip);
    let given = options.assignment.as_ref().or(net.assignment.as_ref());
    let network = Network {
        q: &q,
        lines: &lines,
        chip,
    };
    let bounds = report::bounds(&problem);
    let rates = options.rates.as_ref();
    let judge = Judge {
        chip,
        objective: options.objective,
        rates: rates.or(options.assumed.as_ref()),
        library: &options.kernels,
    };
    let orders: &[Order] = if options.partitioner == "sequential" {
        &[Order::Sequential]
    } else {
        &[Order::Overlap, Order::Sequential]
    };
    let wanted = Wanted {
        network,
        like: &problem,
        orders,
        least: report::lower_bound(&bounds).0,
        judge,
        threads: options.threads,
        ask_once: own.placer.is_some(),
    };
    let (divided, at, names, filled) = match given {
        Some(given) => {
            let (divided, at) = assigned(&wanted, given)?;
            let names = ["assignment".to_string(), "assignment".into()];
            (divided, at, names, None)
        }
        None => {
            let place = |d: &Divided| {
                let weights = rates.map(|r| objective::weights(&by_source(&d.q, Some(r))));
                let host = host_entries(&d.q);
                let flows = flows(d, &host, weights.as_deref());
                let (placer, seed) = (&options.placer, options.seed);
                place::choose(&flows, chip, placer, seed, own, options.threads)
            };
            let build = |d: &Divided, at: &[u32]| built(&wanted, &chosen, &options.kernels, d, at);
            let taken = partitioned(&wanted, &options.partitioner, &bounds, &place, &build)?;
            let partitioner = match taken.divided.order {
                Order::Overlap => "overlap",
                Order::Sequential => "sequential",
            };
            let moves = if taken.divided.moved {
                ", then moves"
            } else {
                ""
            };
            let names = [format!("{partitioner}{moves}"), taken.at.1];
            assumptions.extend(equal(&judge, taken.joules));
            (taken.divided, taken.at.0, names, Some(taken.filled))
        }
    };
    let (own_q, given) = (&q, given.is_some());
    let rates = rates.map(|r| by_source(&divided.q, Some(r)));
    let unweighted = flows(&divided, &host, None);
    let Divided {
        sources,
        splitters,
        levels,
        q,
        lines,
        cores,
        copied,
        ..
    } = divided;
    let problem = self::problem(&q, &lines, &host, chip);
    if let Some(error) = out_of_reach(&q, &lines, &cores, &at, chip, given) {
        return Err(vec![error]);
    }
    let plan = plan::plan(&q, &lines, &cores, &at, problem.each, &host);
    copied_draws(&q, &chosen, &plan)?;
    let image = emit::emit(&q, &lines, &cores, &plan, chip, &options.kernels);
    let beyond = change::image(&image, chip);
    if !beyond.is_empty() {
        return Err(beyond);
    }
    let originals: Vec<u32> = plan.copies.iter().flat_map(|c| c.of.clone()).collect();
    // Copies spike with their neurons, and are numbered before the input elements.
    let rates = rates.map(|r| {
        let (own, inputs) = r.split_at(q.neurons() as usize);
        let copies = originals.iter().map(|n| own[*n as usize]);
        let copies: Vec<f64> = copies.collect();
        [own, &copies, inputs].concat()
    });
    for broken in [
        isa::verify::structure(&image),
        isa::verify::fits(&image, chip),
    ] {
        if !broken.is_empty() {
            let broken = broken.into_iter();
            return Err(broken.map(|v| crate::violation(v, &image)).collect());
        }
    }
    let wrong = verify::verify(own_q, &image, chip, splitters, &originals);
    crate::assert_none("crossbar", &wrong);

    let mut report = report::report(&q, &problem, &cores, &plan, &image, chip, &bounds);
    if let Some(crossbar) = &mut report.crossbar {
        report::splitters(
            crossbar,
            [sources, splitters, levels],
            own_q.neurons(),
            &plan,
            copied,
        );
    }
    report.relays = splitters;
    let more = filled.filter(|f| *f < cores.count() as u64);
    let cause = match more {
        _ if given => Cause::Given("assignment"),
        Some(filled) if matches!(chip.sync, Sync::Tick { .. }) => Cause::Cheaper {
            objective: options.objective.name(),
            filled,
        },
        Some(filled) => Cause::Spread {
            objective: options.objective.name(),
            filled,
        },
        None => Cause::Limits,
    };
    let mut explanation = report::explained(&bounds, &image, chip, cause);
    if matches!(cause, Cause::Limits) && explanation.lower_bound.above > 0 {
        explanation.block(blocked(&q, &problem, &cores, &at));
    }
    report.hop_cost = unweighted.hops(chip, &at) as u64;
    report.chip_crossings = unweighted.crossings(chip, &at) as u64;
    [report.partitioner, report.placer] = names;
    report.projections = projections;
    report.populations = chosen.iter().map(|c| c.report.clone()).collect();
    let core = |n: &u32| at[cores.core_of[*n as usize] as usize];
    let assignment = (0..q.neurons()).collect::<Vec<u32>>();
    let assignment = assignment.iter().chain(&originals).map(core).collect();
    Ok(Mapped {
        image,
        quantized: q,
        report,
        explanation,
        rates,
        assignment,
        assumptions,
        approximations,
        warnings,
    })
}

/// Why an objective finds all mappings alike, and what decides then.
fn equal(judge: &Judge<'_>, joules: f64) -> Option<String> {
    let (name, chip) = (judge.objective.name(), &judge.chip.name);
    match (judge.objective, &judge.chip.sync) {
        (Objective::Latency, Sync::Tick { period }) => Some(format!(
            "objective {name}: a step of chip \"{chip}\" takes its tick of {period} cycles whatever the mapping; energy decides, then cores"
        )),
        (Objective::Energy | Objective::Edp, _) if joules == 0.0 => Some(format!(
            "objective {name}: chip \"{chip}\" gives no event an energy, so every mapping has the same; {} decide, then packets",
            if matches!(judge.chip.sync, Sync::Tick { .. }) {
                "cores"
            } else {
                "time, then cores"
            }
        )),
        _ => None,
    }
}

/// What only packets with payloads, or synapses with receptors, could carry.
fn no_payloads(net: &Lowered, chip: &ChipSpec) -> Vec<MapError> {
    let graded = net.inputs.iter().filter(|i| i.graded);
    let graded = graded.map(|i| MapError::Node {
        node: i.name.clone(),
        what: format!(
            "it is `graded`; on chip \"{}\" a packet sets one axon bit",
            chip.name
        ),
        remedy: "give spikes of 0 or 1, or choose a chip with `graded = true`".into(),
    });
    let receptors = net.projections.iter().filter(|p| p.receptor > 0);
    let receptors = receptors.map(|p| MapError::Node {
        node: p.path.clone(),
        what: format!(
            "it leads to receptor {}; neurons of chip \"{}\" have one",
            p.receptor, chip.name
        ),
        remedy: "leave the receptor out, or choose another chip (loihi, programmable)".into(),
    });
    graded.chain(receptors).collect()
}

/// A delay beyond the chip's: the longest of a population; `longest` of the network.
fn too_late(c: &Chosen, longest: u32, net: &Lowered, chip: &ChipSpec) -> Option<MapError> {
    let most = chip.limits.delay;
    let list = &c.fanin.list;
    let at = (0..list.len()).rev().max_by_key(|i| list[*i].delay)?;
    let s = &list[at];
    let neuron = c.fanin.start.partition_point(|s| *s as usize <= at) - 1;
    (s.delay > most).then(|| MapError::Limit {
        limit: format!(
            "steps of delay for the synapse from {} to its neuron {neuron}, alignment included",
            choose::source_name(s.source, net)
        )
        .into(),
        key: "core.delay",
        population: c.population.name.as_str().into(),
        need: s.delay.into(),
        capacity: most.into(),
        chip: chip.name.clone(),
        remedy: format!(
            "{}delays of at most {most} steps, or a population of IF neurons that pass spikes on in its way",
            change::delay(longest)
        ),
    })
}

/// Values between cores are spikes: a population that does not fire has no targets.
fn silent_sources(net: &Lowered, chosen: &[Chosen]) -> Vec<MapError> {
    let silent = net.projections.iter().filter(|p| {
        matches!(p.source, network::lowered::Source::Population(s) if !chosen[s as usize].population.fires)
    });
    silent.map(|p| MapError::analog(&p.path)).collect()
}

fn problem<'a>(
    q: &Quantized,
    lines: &'a Lines,
    host: &[(usize, u32)],
    chip: &ChipSpec,
) -> Problem<'a> {
    let ranks = topology::ranks(q);
    let mut stages: Vec<Vec<u32>> = Vec::new();
    for rank in (0..=ranks.iter().copied().max().unwrap_or(0)).rev() {
        let here = q
            .populations
            .iter()
            .zip(&ranks)
            .filter(|(_, r)| **r == rank);
        stages.push(here.flat_map(|(p, _)| p.first..p.first + p.count).collect());
    }
    let mut to_host = vec![0u32; q.neurons() as usize];
    for (population, _) in host {
        let p = &q.populations[*population];
        (p.first..p.first + p.count).for_each(|n| to_host[n as usize] += 1);
    }
    let l = &chip.limits;
    Problem {
        lines,
        stages,
        host: to_host,
        axons: l.input_axons,
        lanes: l.neurons,
        slots: l.output_slots,
        each: l.lane_destinations.max(1),
        groups: l.groups,
        population: (0u32..)
            .zip(&q.populations)
            .flat_map(|(i, p)| std::iter::repeat_n(i, p.count as usize))
            .collect(),
    }
}

fn partitioned(
    wanted: &Wanted<'_>,
    partitioner: &str,
    bounds: &[Least],
    place: portfolio::Place<'_>,
    build: portfolio::Build<'_>,
) -> Result<Taken, Vec<MapError>> {
    let Network { q, chip, .. } = wanted.network;
    let problem = wanted.like;
    let (bound, limit) = report::lower_bound(bounds);
    if !CROSSBAR_PARTITIONERS.contains(&partitioner) {
        return Err(vec![MapError::Name {
            kind: "partitioner",
            name: partitioner.to_owned(),
            list: CROSSBAR_PARTITIONERS.join(", "),
        }]);
    }
    let all = portfolio::candidates(wanted)
        .map_err(|f| vec![refuse::full(wanted.network, problem, wanted.orders, f)])?;
    let cores = &all[0].cores;
    if cores.count() as u64 > u64::from(chip.cores()) {
        let largest = q.populations.iter().rev().max_by_key(|p| {
            let outputs = &cores.outputs[p.first as usize..(p.first + p.count) as usize];
            outputs
                .iter()
                .map(|o| partition::lanes(*o, problem.each))
                .sum::<u32>()
        });
        return Err(vec![MapError::Cores {
            need: cores.count() as u64,
            lower_bound: bound,
            limit,
            population: largest.map_or(String::new(), |p| p.name.clone()),
            capacity: chip.cores().into(),
            chip: chip.name.clone(),
            remedy: format!(
                "the smallest change: {}, or weights that take fewer lines: each line of a source takes a neuron for every core that it reaches",
                change::more_cores(chip, cores.count() as u64)
            ),
        }]);
    }
    portfolio::best(wanted, all, place, build).map_err(|e| vec![e])
}

/// Whether a placed mapping can be built, and again from its cores (by the default objective, as the command line maps given cores).
fn built(
    wanted: &Wanted<'_>,
    chosen: &[Chosen],
    library: &assembler::KernelLibrary,
    d: &Divided,
    at: &[u32],
) -> Built {
    let chip = wanted.network.chip;
    let host = host_entries(&d.q);
    let each = problem(&d.q, &d.lines, &host, chip).each;
    if out_of_reach(&d.q, &d.lines, &d.cores, at, chip, false).is_some() {
        return Built::No;
    }
    let plan = plan::plan(&d.q, &d.lines, &d.cores, at, each, &host);
    let image = || emit::emit(&d.q, &d.lines, &d.cores, &plan, chip, library);
    if copied_draws(&d.q, chosen, &plan).is_err() || !change::image(&image(), chip).is_empty() {
        return Built::No;
    }
    let copies = plan.copies.iter().flat_map(|c| &c.of);
    let place = |core_of: &[u32], at: &[u32], n: u32| at[core_of[n as usize] as usize];
    let all = (0..d.q.neurons()).chain(copies.copied());
    let given: Vec<u32> = all.map(|n| place(&d.cores.core_of, at, n)).collect();
    let by_default = Wanted {
        judge: Judge {
            objective: Objective::default(),
            ..wanted.judge
        },
        ..*wanted
    };
    match assigned(&by_default, &given) {
        Ok((again, there)) if again.q == d.q => {
            let mut neurons = 0..d.q.neurons();
            let same = neurons.all(|n| place(&again.cores.core_of, &there, n) == given[n as usize]);
            if same { Built::Again } else { Built::Once }
        }
        _ => Built::Once,
    }
}

/// What keeps each core from being emptied into the others, splitters being where they are.
fn blocked(q: &Quantized, problem: &Problem<'_>, cores: &Cores, at: &[u32]) -> Vec<Blocked> {
    let blockers = pack::blockers(problem, cores).into_iter();
    let mut blocked: Vec<Blocked> = blockers
        .map(|b| {
            let p = &q.populations[q.population_of(b.neuron)];
            Blocked {
                core: at[b.core as usize],
                population: p.name.clone(),
                neuron: b.neuron - p.first,
                after: b.after,
                by: b.by,
            }
        })
        .collect();
    blocked.sort_unstable_by_key(|b| b.core);
    blocked
}

/// Packets between partition cores if every neuron and input element spikes once, or as often as `weights` says (neurons first).
fn flows(d: &Divided, host: &[(usize, u32)], weights: Option<&[u64]>) -> place::Flows {
    let Divided {
        q, lines, cores, ..
    } = d;
    let weight = |source: u32| weights.map_or(1, |w| w[source as usize]);
    let ranks = topology::ranks(q);
    let mut rank = vec![u32::MAX; cores.count()];
    let mut to_host = vec![0u64; cores.count()];
    for (index, p) in q.populations.iter().enumerate() {
        let entries = host.iter().filter(|h| h.0 == index).count() as u64;
        for n in p.first..p.first + p.count {
            let core = cores.core_of[n as usize] as usize;
            rank[core] = rank[core].min(ranks[index]);
            to_host[core] += entries * weight(n);
        }
    }
    let mut counter = place::Counter::new(cores.count() as u32);
    for (core, list) in cores.lines.iter().enumerate() {
        for line in list {
            match lines.neuron(*line) {
                Some(n) => counter.add(cores.core_of[n as usize], core as u32, weight(n)),
                None => {
                    let element = lines.source[*line as usize] & !INPUT_ID;
                    to_host[core] += weight(q.neurons() + element);
                }
            }
        }
    }
    counter.host = to_host;
    counter.finish(Some(rank))
}

/// The pair of cores that is farthest beyond the reach of a destination.
fn out_of_reach(
    q: &Quantized,
    lines: &Lines,
    cores: &Cores,
    at: &[u32],
    chip: &ChipSpec,
    given: bool,
) -> Option<MapError> {
    let place = |core: u32| chip.xy(chip.tile_of(core));
    let mut worst: Option<(u32, u32, u32)> = None;
    for (core, list) in cores.lines.iter().enumerate() {
        let to = place(at[core]);
        for n in list.iter().filter_map(|l| lines.neuron(*l)) {
            let from = place(at[cores.core_of[n as usize] as usize]);
            let far = from.0.abs_diff(to.0).max(from.1.abs_diff(to.1));
            if far > verify::REACH && worst.is_none_or(|w| far > w.0) {
                worst = Some((far, n, at[core]));
            }
        }
    }
    let (far, n, to) = worst?;
    let from = at[cores.core_of[n as usize] as usize];
    let p = &q.populations[q.population_of(n)];
    let most = verify::REACH;
    Some(MapError::Limit {
        limit: format!(
            "columns or rows from core {from} (its neuron {}) to core {to}",
            n - p.first
        )
        .into(),
        key: "reach of a destination",
        population: p.name.as_str().into(),
        need: far.into(),
        capacity: most.into(),
        chip: chip.name.clone(),
        remedy: if given {
            format!("the smallest change: cores at most {most} columns and rows apart")
        } else {
            let side = |name: &str, n: u32, chips: u32| {
                (n > most + 1).then(|| format!("--set mesh.{name}={}", (most + 1) / chips))
            };
            let [across, up] = chip.mesh.board;
            let sides = [
                side("width", chip.mesh.width, across),
                side("height", chip.mesh.height, up),
            ];
            let sides: Vec<String> = sides.into_iter().flatten().collect();
            format!(
                "the smallest change: {}, or cores given by --assign",
                sides.join(" ")
            )
        },
    })
}

/// Random numbers are keyed by logical id: a copy would draw others than its neuron.
fn copied_draws(q: &Quantized, chosen: &[Chosen], plan: &plan::Plan) -> Result<(), Vec<MapError>> {
    let drawn = plan
        .copies
        .iter()
        .filter(|c| chosen.get(c.population as usize).is_some_and(|c| c.draws));
    let errors: Vec<MapError> = drawn
        .map(|c| {
            let p = &q.populations[c.population as usize];
            let n = c.of[0];
            let need = c.of.iter().filter(|o| **o == n).count() + 1;
            MapError::Node {
                node: p.name.clone(),
                what: format!(
                    "its neuron {} draws random numbers and has {need} destinations, for which it would need copies that draw the same",
                    n - p.first
                ),
                remedy: "let it reach one line of one core, or put a population of IF neurons that pass spikes on behind it".into(),
            }
        })
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}
