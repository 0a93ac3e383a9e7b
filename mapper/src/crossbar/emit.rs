//! The image of a planned network: crossbar rows, lanes and destinations.
//!
//! Invariant: the image says the integer network and its copies, nothing more; `verify` reads it back.

use super::choose::KERNEL;
use super::lines::Lines;
use super::partition::Cores;
use super::plan::Plan;
use crate::emit::{input_ports, outputs};
use crate::quantized::Quantized;
use assembler::KernelLibrary;
use assembler::kernels::{Kernel, Settings};
use isa::image::{
    Axon, CoreProgram, Group, Image, Io, Meta, Population, Segment, Slot, SynapseFormat,
    SynapseKind, WeightSign,
};
use isa::{ChipSpec, CoreId, NeuronId};

/// First of the slots `s0` … `s3`.
const FIRST_WEIGHT: &str = "s0";

/// Builds the image.
pub(super) fn emit(
    q: &Quantized,
    lines: &Lines,
    cores: &Cores,
    plan: &Plan,
    chip: &ChipSpec,
    library: &KernelLibrary,
) -> Image {
    let kernels: Vec<Kernel> = q
        .populations
        .iter()
        .map(|p| {
            let options: Vec<(&str, i64)> =
                p.options.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            let params: Vec<(&str, f64)> = p.params.iter().map(|(n, v)| (n.as_str(), *v)).collect();
            let settings = Settings {
                options: &options,
                params: &params,
                dt_s: Some(q.dt_s),
            };
            library
                .instantiate(KERNEL, &settings)
                .expect("the options are the kernel's own")
        })
        .collect();
    let mut by_core: Vec<Vec<u32>> = vec![Vec::new(); cores.count()];
    for (n, core) in cores.core_of.iter().enumerate() {
        by_core[*core as usize].push(n as u32);
    }
    let maker = Maker {
        q,
        lines,
        plan,
        kernels: &kernels,
    };
    let programs = plan
        .cores
        .iter()
        .enumerate()
        .map(|(index, (physical, part))| {
            maker.core(
                *physical,
                &by_core[*part as usize],
                &cores.lines[*part as usize],
                &plan.senders[index],
            )
        })
        .collect();
    let (outputs, probes) = outputs(q);
    let own = q.populations.iter().map(|p| Population {
        name: p.name.clone(),
        first: p.first,
        count: p.count,
        depth: p.depth,
    });
    let copies = plan.copies.iter().map(|c| Population {
        name: c.name.clone(),
        first: c.first,
        count: c.of.len() as u32,
        depth: q.populations[c.population as usize].depth,
    });
    Image {
        meta: Meta {
            network: q.name.clone(),
            chip: chip.name.clone(),
            limits: chip.limits_digest(),
        },
        cores: programs,
        io: Io {
            model_dt_s: q.dt_s,
            drain: if q.inputs.is_empty() { 0 } else { q.depth },
            inputs: input_ports(q),
            input_dest_counts: plan.inputs.iter().map(|d| d.len() as u32).collect(),
            input_dests: plan.inputs.iter().flatten().copied().collect(),
            outputs,
        },
        populations: own.chain(copies).collect(),
        probes,
    }
}

struct Maker<'a> {
    q: &'a Quantized,
    lines: &'a Lines,
    plan: &'a Plan,
    kernels: &'a [Kernel],
}

/// A group while its core is built: kernel's population, logical ids and the neurons that they are or copy.
struct Lanes {
    population: usize,
    ids: Vec<u32>,
    originals: Vec<u32>,
}

impl Maker<'_> {
    fn core(&self, physical: u32, neurons: &[u32], mine: &[u32], senders: &[u32]) -> CoreProgram {
        let groups = self.groups(neurons);
        let weight_slot = |g: &Lanes| {
            let slots = &self.kernels[g.population].slots;
            let at = slots.iter().position(|s| s.0 == FIRST_WEIGHT);
            at.expect("the kernel has type weights") as u8
        };
        // Slots of the type weights stand alike in every variant of the kernel.
        let slot = groups.first().map_or(0, weight_slot);
        assert!(groups.iter().all(|g| weight_slot(g) == slot));
        let mut program = CoreProgram::new(CoreId(physical), Vec::with_capacity(groups.len()));
        if !mine.is_empty() {
            program.formats.push(SynapseFormat {
                kind: SynapseKind::Crossbar,
                sign: WeightSign::Signed,
                weight_bits: 0,
                exponent: 0,
                scale: 0,
                delay_bits: 0,
                index_bits: 0,
                weight_slot: slot,
            });
        }
        for (line, sender) in mine.iter().zip(senders) {
            let members = self.lines.members(*line);
            let mut segments = 0;
            for (index, group) in groups.iter().enumerate() {
                let mut row = vec![0u64; group.ids.len().div_ceil(64)];
                let mut count = 0;
                for (lane, original) in group.originals.iter().enumerate() {
                    if members.binary_search(original).is_ok() {
                        row[lane / 64] |= 1 << (lane % 64);
                        count += 1;
                    }
                }
                if count > 0 {
                    program.segments.push(Segment {
                        group: u8::try_from(index).expect("at most 256 groups"),
                        format: 0,
                        first_lane: 0,
                        count,
                    });
                    program.rows.extend(row);
                    segments += 1;
                }
            }
            program.axons.push(Axon {
                source: *sender,
                segments,
                kind: self.lines.kind[*line as usize],
            });
        }
        for group in &groups {
            program.groups.push(self.group(group));
            for id in &group.ids {
                let dests = &self.plan.dests[*id as usize];
                program.lane_ids.push(NeuronId(*id));
                program
                    .dest_counts
                    .push(u16::try_from(dests.len()).expect("the plan keeps the limit"));
                program.dests.extend_from_slice(dests);
            }
        }
        program
    }

    /// Groups of a core: its populations in order, then their copies.
    fn groups(&self, neurons: &[u32]) -> Vec<Lanes> {
        let mut groups: Vec<Lanes> = Vec::new();
        for n in neurons {
            let population = self.q.population_of(*n);
            if groups.last().is_none_or(|g| g.population != population) {
                groups.push(Lanes {
                    population,
                    ids: Vec::new(),
                    originals: Vec::new(),
                });
            }
            let group = groups.last_mut().expect("just pushed");
            group.ids.push(*n);
            group.originals.push(*n);
        }
        let copies = groups.iter().filter_map(|g| {
            let all = self
                .plan
                .copies
                .iter()
                .find(|c| c.population as usize == g.population)?;
            let mut lanes = Lanes {
                population: g.population,
                ids: Vec::new(),
                originals: Vec::new(),
            };
            for n in &g.originals {
                let from = all.of.partition_point(|o| o < n);
                for k in (from..all.of.len()).take_while(|k| all.of[*k] == *n) {
                    lanes.ids.push(all.first + k as u32);
                    lanes.originals.push(*n);
                }
            }
            Some(lanes).filter(|l| !l.ids.is_empty())
        });
        let copies: Vec<Lanes> = copies.collect();
        groups.extend(copies);
        groups
    }

    fn group(&self, lanes: &Lanes) -> Group {
        let (p, kernel) = (
            &self.q.populations[lanes.population],
            &self.kernels[lanes.population],
        );
        let slots = kernel.slots.iter().map(|(name, bits, default)| {
            let given = p.slots.iter().find(|s| s.name == *name);
            let values: Vec<i32> = lanes
                .originals
                .iter()
                .map(|n| given.map_or(*default, |s| s.value(n - p.first)))
                .collect();
            Slot {
                name: name.clone(),
                bits: *bits,
                init: if values.iter().all(|v| *v == values[0]) {
                    vec![values[0]]
                } else {
                    values
                },
            }
        });
        Group {
            kernel: kernel.name.clone(),
            lanes: lanes.ids.len() as u32,
            update: kernel.update.clone(),
            on_spike: kernel.on_spike.clone(),
            constants: kernel.constants.clone(),
            slots: slots.collect(),
            tables: kernel.tables.clone(),
            receptors: kernel.receptors,
            accumulator_bits: kernel.accumulator_bits,
            accumulator_mode: kernel.accumulator_mode,
        }
    }
}
