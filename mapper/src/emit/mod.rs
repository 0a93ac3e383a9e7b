//! Pass 5, emit: the routed network as a program image.
//!
//! Invariant: the image says the integer network again, nothing more: [`verify`] reads it back and compares every
//! destination and the sum over all synapses.

mod route;
mod share;
mod verify;

pub(crate) use route::host_entries;
pub(crate) use share::Stored;
pub(crate) use verify::verify;

use crate::error::MapError;
use crate::need::Programs;
use crate::quantized::{Quantized, SlotInit};
use assembler::kernels::Kernel;
use isa::image::{
    CoreProgram, Dest, Group, HOST, Image, InputPort, Io, Meta, OutputPort, OutputSource,
    Population, Probe, Slot,
};
use isa::{ChipSpec, CoreId, NeuronId};
use route::{CoreTables, Dests};

/// Slot that outputs of integrators are read from.
const MEMBRANE: &str = "v";

/// Builds the image for a placed network.
pub(crate) fn emit(
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    core_of: &[u32],
) -> Result<Image, Vec<MapError>> {
    let mut errors = Vec::new();
    for o in &q.outputs {
        let p = &q.populations[o.population as usize];
        let kernel = &programs.kernels[programs.of_population[o.population as usize]];
        if !p.fires && !kernel.slots.iter().any(|s| s.0 == MEMBRANE) {
            errors.push(MapError::Node {
                node: o.name.clone(),
                what: format!("output of population \"{}\", whose kernel \"{}\" neither fires nor has a slot \"{MEMBRANE}\"", p.name, p.kernel),
                remedy: "name the state to be read \"v\"".into(),
            });
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut routes = route::route(q, chip, core_of);
    for core in &mut routes.cores {
        share::share(core, chip);
    }
    let neuron_dests = routes.neuron_dests;
    let cores = routes
        .cores
        .into_iter()
        .map(|tables| core(q, chip, programs, tables, &neuron_dests))
        .collect();
    let (outputs, probes) = outputs(q);
    let input_elements = q.input_elements();
    let io = Io {
        model_dt_s: q.dt_s,
        drain: if q.inputs.is_empty() { 0 } else { q.depth },
        inputs: input_ports(q),
        input_dest_counts: (0..input_elements)
            .map(|e| routes.input_dests.get(e).len() as u32)
            .collect(),
        input_dests: routes.input_dests.list,
        outputs,
    };
    let populations = q.populations.iter().map(|p| Population {
        name: p.name.clone(),
        first: p.first,
        count: p.count,
        depth: p.depth,
    });
    Ok(Image {
        meta: Meta {
            network: q.name.clone(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores,
        io,
        populations: populations.collect(),
        probes,
    })
}

/// Synapse memory of every core as [`emit`] stores it, by core ascending. Groups, formats and lanes of the cores have to fit the image.
pub(crate) fn stored(q: &Quantized, chip: &ChipSpec, core_of: &[u32]) -> Vec<(u32, Stored)> {
    let cores = route::route(q, chip, core_of).cores.into_iter();
    cores
        .map(|core| (core.core, share::stored(&core, chip)))
        .collect()
}

/// Input ports; all come from the host's first.
pub(crate) fn input_ports(q: &Quantized) -> Vec<InputPort> {
    q.inputs
        .iter()
        .map(|i| InputPort {
            name: i.name.clone(),
            shape: i.shape.clone(),
            port: 0,
            graded: i.graded,
        })
        .collect()
}

/// Output ports, and the probes of those that are read.
pub(crate) fn outputs(q: &Quantized) -> (Vec<OutputPort>, Vec<Probe>) {
    let mut probes = Vec::new();
    let mut spiking = route::host_entries(q).into_iter();
    let ports = q.outputs.iter().map(|o| {
        let p = &q.populations[o.population as usize];
        let source = if p.fires {
            OutputSource::Spikes {
                first: spiking.next().expect("one entry per spike output").1,
            }
        } else {
            probes.push(Probe {
                name: o.name.clone(),
                slot: MEMBRANE.into(),
                neurons: (p.first..p.first + p.count).map(NeuronId).collect(),
            });
            OutputSource::Probe(probes.len() as u32 - 1)
        };
        OutputPort {
            name: o.name.clone(),
            shape: o.shape.clone(),
            depth: p.depth,
            readout: o.readout,
            source,
        }
    });
    (ports.collect(), probes)
}

fn core(
    q: &Quantized,
    chip: &ChipSpec,
    programs: &Programs,
    tables: CoreTables,
    dests: &Dests,
) -> CoreProgram {
    let mut groups = Vec::with_capacity(tables.groups.len());
    let mut first = 0;
    for (&(population, profile), &lanes) in tables.groups.iter().zip(&tables.group_lanes) {
        let neurons = &tables.neurons[first..first + lanes as usize];
        first += lanes as usize;
        groups.push(group(
            q,
            &programs.kernels[programs.of_population[population as usize]],
            population as usize,
            profile,
            neurons,
        ));
    }
    let lists = tables.neurons.iter().map(|n| dests.get(*n));
    let joins = groups.iter().flat_map(|group| {
        let one_flit = chip.noc.flits(group.sends_payload()) == 1;
        std::iter::repeat_n(chip.noc.multicast && one_flit, group.lanes as usize)
    });
    let joined: Vec<Dest> = lists
        .clone()
        .zip(joins)
        .flat_map(|(list, joins)| {
            let mut first = true;
            // Cores first, each once, then the host.
            list.iter().map(move |dest| Dest {
                joined: joins && !std::mem::take(&mut first) && dest.target & HOST == 0,
                ..*dest
            })
        })
        .collect();
    CoreProgram {
        core: CoreId(tables.core),
        groups,
        formats: tables.formats,
        axons: tables.axons,
        segments: tables.segments,
        patterns: tables.patterns,
        shared: tables.shared,
        targets: tables.targets,
        weights: tables.weights,
        delays: tables.delays,
        rows: Vec::new(),
        lane_ids: tables.neurons.iter().copied().map(NeuronId).collect(),
        dest_counts: lists
            .clone()
            .map(|l| u16::try_from(l.len()).expect("the partition keeps the limit of output slots"))
            .collect(),
        dests: joined,
    }
}

fn group(
    q: &Quantized,
    kernel: &Kernel,
    population: usize,
    profile: u32,
    neurons: &[u32],
) -> Group {
    let p = &q.populations[population];
    let values = &p.profiles[profile as usize];
    let constants = kernel.constants.iter().map(|(name, default)| {
        (
            name.clone(),
            values
                .iter()
                .find(|v| v.0 == *name)
                .map_or(*default, |v| v.1),
        )
    });
    let slots = kernel.slots.iter().map(|(name, bits, default)| {
        let init = match p.slots.iter().find(|s| s.name == *name) {
            None => vec![*default],
            Some(slot) => init(slot, neurons, p.first),
        };
        Slot {
            name: name.clone(),
            bits: *bits,
            init,
        }
    });
    Group {
        kernel: kernel.name.clone(),
        lanes: neurons.len() as u32,
        update: kernel.update.clone(),
        on_spike: kernel.on_spike.clone(),
        constants: constants.collect(),
        slots: slots.collect(),
        tables: kernel.tables.clone(),
        receptors: kernel.receptors,
        accumulator_bits: kernel.accumulator_bits,
        accumulator_mode: kernel.accumulator_mode,
    }
}

/// Initial values of the lanes of a group; one value if all are alike.
fn init(slot: &SlotInit, neurons: &[u32], first: u32) -> Vec<i32> {
    let values: Vec<i32> = neurons.iter().map(|n| slot.value(n - first)).collect();
    if values.iter().all(|v| *v == values[0]) {
        vec![values[0]]
    } else {
        values
    }
}
