//! Chip-independent rules of an image as a whole; `core` has those of one core.
//!
//! Invariant: every index that an engine follows is checked here, against the image alone. The bounds are those of
//! the container (`specs/image.md`): widths of fields and the bit that tells hosts and inputs from cores and neurons.

mod core;

use super::Violation;
use super::report::{Report, shown};
use crate::ids::INPUT_ID;
use crate::image::{CoreProgram, HOST, Image, OutputSource, Readout, packets_of};
use std::collections::{BTreeMap, BTreeSet};

/// Most lanes of a core.
const MAX_LANES: u64 = 1 << 20;
/// Most steps that an image may ask for as depth or drain.
const MAX_STEPS: u32 = 1_000_000;
/// Most dimensions of a shape.
const MAX_DIMENSIONS: usize = 16;

/// Rules that need no chip. An image without violations makes no engine panic or index out of range.
///
/// All broken rules are returned, in image order; of a rule broken many times in one place, the first case and the
/// number of the others.
pub fn structure(image: &Image) -> Vec<Violation> {
    let mut report = Report::default();
    report.text("meta", "network name", &image.meta.network);
    report.text("meta", "chip name", &image.meta.chip);
    let scope = Scope::of(image, &mut report);
    report.first(
        image
            .cores
            .windows(2)
            .filter(|pair| pair[0].core >= pair[1].core)
            .map(|pair| pair[1].core.0),
        |core| format!("core {core}"),
        |_| "stands after a core with the same or a higher id".to_owned(),
        "list each core once, in ascending order",
    );
    for core in &image.cores {
        core::check(core, &scope, &mut report);
    }
    let unique_ids = lane_ids(image, &scope, &mut report);
    destinations(image, &scope, &mut report);
    if unique_ids {
        probes(image, &scope, &mut report);
    }
    report.finish()
}

/// What cores and ports refer to.
struct Scope {
    /// Neurons of all populations.
    neurons: u64,
    /// Elements of all inputs.
    input_elements: u64,
    /// Elements of all spike outputs.
    output_elements: u64,
}

impl Scope {
    fn of(image: &Image, report: &mut Report) -> Scope {
        let neurons = populations(image, report);
        let input_elements = inputs(image, report);
        Scope {
            neurons,
            input_elements,
            output_elements: outputs(image, report),
        }
    }
}

/// Elements of a shape, if it is one.
fn elements(place: &str, shape: &[u32], report: &mut Report) -> Option<u64> {
    let product = shape
        .iter()
        .try_fold(1u64, |product, &n| product.checked_mul(u64::from(n)));
    let product =
        product.filter(|&n| n > 0 && n < u64::from(INPUT_ID) && shape.len() <= MAX_DIMENSIONS);
    if product.is_none() {
        let remedy = format_args!(
            "at most {MAX_DIMENSIONS} dimensions of at least 1 with a product below 2^31"
        );
        report.add(
            place,
            format_args!(
                "its shape of {} dimensions has no elements or too many",
                shape.len()
            ),
            remedy,
        );
    }
    product
}

fn populations(image: &Image, report: &mut Report) -> u64 {
    let (mut next, mut seen) = (0u64, BTreeSet::new());
    for (index, population) in image.populations.iter().enumerate() {
        let place = format!("population {index} {}", shown(&population.name));
        report.name(&place, &population.name, &mut seen);
        let what = format_args!(
            "begins at neuron {}; the one before ends at {next}",
            population.first
        );
        report.need(
            u64::from(population.first) == next,
            &place,
            what,
            "number populations without gaps from 0",
        );
        report.need(
            population.count > 0,
            &place,
            "has no neurons",
            "leave it out",
        );
        depth(&place, population.depth, report);
        next = next.saturating_add(u64::from(population.count));
    }
    let what = format_args!("{next} neurons in all populations; ids have 31 bits");
    report.need(
        next <= u64::from(INPUT_ID),
        "populations",
        what,
        "split the network",
    );
    next
}

fn depth(place: &str, depth: u32, report: &mut Report) {
    report.need(
        depth <= MAX_STEPS,
        place,
        format!("depth {depth} exceeds {MAX_STEPS} steps"),
        "give the depth in transport steps",
    );
}

fn inputs(image: &Image, report: &mut Report) -> u64 {
    let io = &image.io;
    let dt = io.model_dt_s;
    let fine = dt.is_finite() && !dt.is_sign_negative();
    report.need(
        fine,
        "io",
        format!("the model time step is {dt} s"),
        "0 for none, or seconds above 0",
    );
    report.need(
        io.drain <= MAX_STEPS,
        "io",
        format!("drain {} exceeds {MAX_STEPS} steps", io.drain),
        "drain fewer steps",
    );
    let (mut total, mut seen) = (0u64, BTreeSet::new());
    for (index, input) in io.inputs.iter().enumerate() {
        let place = format!("input {index} {}", shown(&input.name));
        report.name(&place, &input.name, &mut seen);
        total = total.saturating_add(elements(&place, &input.shape, report).unwrap_or(0));
    }
    let what = format_args!("{total} elements in all inputs; ids have 31 bits");
    report.need(
        total <= u64::from(INPUT_ID),
        "inputs",
        what,
        "split the input",
    );
    let listed = io.input_dest_counts.len();
    let what = format_args!("{listed} destination numbers for {total} input elements");
    report.need(
        listed as u64 == total,
        "io",
        what,
        "give one for each element, 0 for none",
    );
    let sum: u64 = io.input_dest_counts.iter().map(|&n| u64::from(n)).sum();
    let what = format_args!(
        "the destination numbers add up to {sum}; {} destinations are listed",
        io.input_dests.len()
    );
    report.need(
        sum == io.input_dests.len() as u64,
        "io",
        what,
        "list as many destinations as the elements have",
    );
    total
}

fn outputs(image: &Image, report: &mut Report) -> u64 {
    let (mut total, mut seen) = (0u64, BTreeSet::new());
    for (index, output) in image.io.outputs.iter().enumerate() {
        let place = format!("output {index} {}", shown(&output.name));
        report.name(&place, &output.name, &mut seen);
        depth(&place, output.depth, report);
        let elements = elements(&place, &output.shape, report).unwrap_or(0);
        match output.source {
            OutputSource::Spikes { first } => {
                let what = format_args!(
                    "its elements begin at {first}; those of the spike outputs before end at {total}"
                );
                report.need(
                    u64::from(first) == total,
                    &place,
                    what,
                    "number spike outputs without gaps from 0",
                );
                total = total.saturating_add(elements);
            }
            OutputSource::Probe(probe) => {
                let observed = image
                    .probes
                    .get(probe as usize)
                    .map(|probe| probe.neurons.len() as u64);
                let what = match observed {
                    None => format!("it shows probe {probe}; there are {}", image.probes.len()),
                    Some(n) => {
                        format!("it has {elements} elements; its probe observes {n} neurons")
                    }
                };
                report.need(
                    observed == Some(elements),
                    &place,
                    what,
                    "name a probe with one neuron for each element",
                );
                let values = matches!(output.readout, Readout::Last | Readout::Max);
                report.need(
                    values,
                    &place,
                    "a probe has values, no spikes to count",
                    "use readout last or max",
                );
            }
        }
    }
    let what = format_args!("{total} elements in all spike outputs; there may be 2^31");
    report.need(
        total <= u64::from(INPUT_ID),
        "outputs",
        what,
        "split the output",
    );
    total
}

/// Each neuron on one lane. Says whether that holds, so that lanes can be looked up by neuron.
fn lane_ids(image: &Image, scope: &Scope, report: &mut Report) -> bool {
    let lanes: u64 = image
        .cores
        .iter()
        .map(|core| core.lane_ids.len() as u64)
        .sum();
    let what = format_args!(
        "{lanes} lanes for the {} neurons of the populations",
        scope.neurons
    );
    if !report.need(
        lanes == scope.neurons,
        "cores",
        what,
        "give each neuron one lane of one core",
    ) {
        return false;
    }
    let before = report.broken();
    let mut taken = vec![false; lanes as usize];
    let ids = image.cores.iter().flat_map(|core| {
        core.lane_ids
            .iter()
            .enumerate()
            .map(move |(lane, id)| (core.core.0, lane, id.0))
    });
    report.first(
        ids.filter(|&(_, _, id)| {
            taken
                .get_mut(id as usize)
                .is_none_or(|taken| std::mem::replace(taken, true))
        }),
        |(core, lane, _)| format!("core {core} lane {lane}"),
        |(_, _, id)| {
            format!("neuron {id} has a lane already, or is in no population ({lanes} neurons)")
        },
        "give each neuron one lane of one core",
    );
    report.broken() == before
}

/// A packet to several cores: each once, all with one delay.
fn joined(core: &CoreProgram, report: &mut Report) {
    let mut place = 0;
    for count in &core.dest_counts {
        let end = (place + usize::from(*count)).min(core.dests.len());
        let list = &core.dests[place.min(end)..end];
        let mut at = place;
        for packet in packets_of(list) {
            let named = |index: usize| format!("core {} destination {index}", core.core.0);
            if packet[0].joined {
                let remedy = "begin the list with a packet of its own";
                report.add(
                    named(at),
                    "it is joined, and is the first of its lane",
                    remedy,
                );
            }
            if packet.len() > 1 {
                let mut cores: Vec<u32> = packet.iter().map(|dest| dest.target).collect();
                cores.sort_unstable();
                let host = cores.last().is_some_and(|target| target & HOST != 0);
                report.need(
                    !host,
                    named(at),
                    "a packet to several targets has the host among them",
                    "send the host a packet of its own",
                );
                report.need(
                    cores.windows(2).all(|pair| pair[0] != pair[1]),
                    named(at),
                    "a packet has one core among its targets twice",
                    "send the core a packet of its own for each further axon",
                );
                report.need(
                    packet.iter().all(|dest| dest.delay == packet[0].delay),
                    named(at),
                    "the targets of a packet have different delays",
                    "send a packet for each delay",
                );
            }
            at += packet.len();
        }
        place += usize::from(*count);
    }
}

fn destinations(image: &Image, scope: &Scope, report: &mut Report) {
    let axons: BTreeMap<u32, usize> = image
        .cores
        .iter()
        .map(|core| (core.core.0, core.axons.len()))
        .collect();
    let reaches_core = |target: u32, axon: u32| {
        axons
            .get(&target)
            .is_some_and(|&axons| (axon as usize) < axons)
    };
    for core in &image.cores {
        report.first(
            core.dests.iter().enumerate().filter(|(_, dest)| {
                if dest.target & HOST == 0 {
                    return !reaches_core(dest.target, dest.axon);
                }
                let port = dest.target & !HOST;
                port > u32::from(u16::MAX) || u64::from(dest.axon) >= scope.output_elements || dest.delay != 0
            }),
            |(index, _)| format!("core {} destination {index}", core.core.0),
            |(_, dest)| match dest.target & HOST {
                0 => format!("there is no core {} with an input axon {}", dest.target, dest.axon),
                _ => format!(
                    "host port {} element {} delay {}: elements end at {}, ports at 65535, and the host has no delay",
                    dest.target & !HOST,
                    dest.axon,
                    dest.delay,
                    scope.output_elements
                ),
            },
            "name an input axon of a core of this image, or an element of its spike outputs",
        );
    }
    for core in &image.cores {
        joined(core, report);
    }
    report.first(
        (image.io.input_dests.iter().enumerate()).filter(|(_, dest)| dest.joined),
        |(index, _)| format!("io input destination {index}"),
        |_| "it is joined to the packet before it; the host sends one to each".to_owned(),
        "make it a packet of its own",
    );
    report.first(
        image
            .io
            .input_dests
            .iter()
            .enumerate()
            .filter(|(_, dest)| !reaches_core(dest.target, dest.axon)),
        |(index, _)| format!("io input destination {index}"),
        |(_, dest)| match dest.target & HOST {
            0 => format!(
                "there is no core {} with an input axon {}",
                dest.target, dest.axon
            ),
            _ => "input cannot go to the host".to_owned(),
        },
        "name an input axon of a core of this image",
    );
}

fn probes(image: &Image, scope: &Scope, report: &mut Report) {
    if image.probes.is_empty() {
        return;
    }
    let mut homes = vec![None; scope.neurons as usize];
    for core in &image.cores {
        let groups = core
            .groups
            .iter()
            .flat_map(|group| (0..group.lanes).map(move |_| group));
        for (id, group) in core.lane_ids.iter().zip(groups) {
            homes[id.0 as usize] = Some(group);
        }
    }
    let mut seen = BTreeSet::new();
    for (index, probe) in image.probes.iter().enumerate() {
        let place = format!("probe {index} {}", shown(&probe.name));
        report.name(&place, &probe.name, &mut seen);
        report.need(
            !probe.neurons.is_empty(),
            &place,
            "observes no neurons",
            "leave it out",
        );
        let has_slot = |id: u32| {
            let group = homes.get(id as usize).copied().flatten();
            group.is_some_and(|group| group.slots.iter().any(|slot| slot.name == probe.slot))
        };
        report.first(
            probe.neurons.iter().filter(|id| !has_slot(id.0)),
            |_| place.clone(),
            |id| {
                format!(
                    "neuron {} does not exist or has no state slot `{}`",
                    id.0, probe.slot
                )
            },
            "observe a slot that the groups of all its neurons have",
        );
    }
}
