//! The structured record at the head of each section: what is not a bulk array, and how long the arrays are.
//!
//! Invariant: fields stand in the order of `specs/image.md`; strings are borrowed from the image or from the file.

use super::{Group, Image, OutputSource, Readout, Reduce, SynapseFormat};
use serde::{Deserialize, Serialize};

/// `META`.
#[derive(Serialize, Deserialize)]
pub(super) struct MetaRecord<'a> {
    pub network: &'a str,
    pub chip: &'a str,
    pub limits: [u8; 32],
}

/// `CODE`, one per core.
#[derive(Serialize, Deserialize)]
pub(super) struct CoreRecord<'a> {
    pub core: u32,
    #[serde(borrow)]
    pub groups: Vec<GroupRecord<'a>>,
}

/// `CODE`, one per group.
#[derive(Serialize, Deserialize)]
pub(super) struct GroupRecord<'a> {
    pub kernel: &'a str,
    pub lanes: u32,
    pub update_words: u64,
    pub on_spike_words: u64,
    pub receptors: u8,
    pub accumulator_bits: u8,
    pub accumulator_mode: Reduce,
}

/// `CONST`, one per core and group.
#[derive(Serialize, Deserialize)]
pub(super) struct ConstRecord<'a> {
    #[serde(borrow)]
    pub constants: Vec<&'a str>,
    pub table_entries: Vec<u64>,
}

/// `STATE`, one per core, group and slot.
#[derive(Serialize, Deserialize)]
pub(super) struct SlotRecord<'a> {
    pub name: &'a str,
    pub bits: u8,
    pub values: u64,
}

/// `SYN`, one per core.
#[derive(Serialize, Deserialize)]
pub(super) struct SynapseRecord {
    pub formats: Vec<SynapseFormat>,
    pub segments: u64,
    pub patterns: u64,
    pub shared: u64,
    pub targets: u64,
    pub weights: u64,
    pub delays: u64,
    pub rows: u64,
}

/// `AXOUT`, one per core.
#[derive(Serialize, Deserialize)]
pub(super) struct AxonOutRecord {
    pub lanes: u64,
    pub dests: u64,
}

/// `IO`.
#[derive(Serialize, Deserialize)]
pub(super) struct IoRecord<'a> {
    pub model_dt_s: f64,
    pub drain: u32,
    #[serde(borrow)]
    pub inputs: Vec<InputRecord<'a>>,
    pub outputs: Vec<OutputRecord<'a>>,
    pub elements: u64,
    pub dests: u64,
}

/// `IO`, one per input.
#[derive(Serialize, Deserialize)]
pub(super) struct InputRecord<'a> {
    pub name: &'a str,
    pub shape: Vec<u32>,
    pub port: u16,
    pub graded: bool,
}

/// `IO`, one per output.
#[derive(Serialize, Deserialize)]
pub(super) struct OutputRecord<'a> {
    pub name: &'a str,
    pub shape: Vec<u32>,
    pub depth: u32,
    pub readout: Readout,
    pub source: OutputSource,
}

/// `NAMES`.
#[derive(Serialize, Deserialize)]
pub(super) struct NamesRecord<'a> {
    #[serde(borrow)]
    pub populations: Vec<PopulationRecord<'a>>,
    /// Lanes of each core.
    pub lanes: Vec<u64>,
}

/// `NAMES`, one per population.
#[derive(Serialize, Deserialize)]
pub(super) struct PopulationRecord<'a> {
    pub name: &'a str,
    pub first: u32,
    pub count: u32,
    pub depth: u32,
}

/// `PROBES`, one per probe.
#[derive(Serialize, Deserialize)]
pub(super) struct ProbeRecord<'a> {
    pub name: &'a str,
    pub slot: &'a str,
    pub neurons: u64,
}

/// A length as stored.
fn length<T>(items: &[T]) -> u64 {
    items.len() as u64
}

/// `f` of every group, by core.
fn by_group<'a, T>(image: &'a Image, f: impl Fn(&'a Group) -> T) -> Vec<Vec<T>> {
    image
        .cores
        .iter()
        .map(|core| core.groups.iter().map(&f).collect())
        .collect()
}

pub(super) fn meta(image: &Image) -> MetaRecord<'_> {
    MetaRecord {
        network: &image.meta.network,
        chip: &image.meta.chip,
        limits: image.meta.limits,
    }
}

pub(super) fn code(image: &Image) -> Vec<CoreRecord<'_>> {
    image
        .cores
        .iter()
        .map(|core| CoreRecord {
            core: core.core.0,
            groups: core
                .groups
                .iter()
                .map(|group| GroupRecord {
                    kernel: &group.kernel,
                    lanes: group.lanes,
                    update_words: length(&group.update),
                    on_spike_words: length(&group.on_spike),
                    receptors: group.receptors,
                    accumulator_bits: group.accumulator_bits,
                    accumulator_mode: group.accumulator_mode,
                })
                .collect(),
        })
        .collect()
}

pub(super) fn constants(image: &Image) -> Vec<Vec<ConstRecord<'_>>> {
    by_group(image, |group| ConstRecord {
        constants: group
            .constants
            .iter()
            .map(|(name, _)| name.as_str())
            .collect(),
        table_entries: group.tables.iter().map(|table| length(table)).collect(),
    })
}

pub(super) fn state(image: &Image) -> Vec<Vec<Vec<SlotRecord<'_>>>> {
    by_group(image, |group| {
        group
            .slots
            .iter()
            .map(|slot| SlotRecord {
                name: &slot.name,
                bits: slot.bits,
                values: length(&slot.init),
            })
            .collect()
    })
}

pub(super) fn synapses(image: &Image) -> Vec<SynapseRecord> {
    image
        .cores
        .iter()
        .map(|core| SynapseRecord {
            formats: core.formats.clone(),
            segments: length(&core.segments),
            patterns: length(&core.patterns),
            shared: length(&core.shared),
            targets: length(&core.targets),
            weights: length(&core.weights),
            delays: length(&core.delays),
            rows: length(&core.rows),
        })
        .collect()
}

pub(super) fn axons_in(image: &Image) -> Vec<u64> {
    image.cores.iter().map(|core| length(&core.axons)).collect()
}

pub(super) fn axons_out(image: &Image) -> Vec<AxonOutRecord> {
    image
        .cores
        .iter()
        .map(|core| AxonOutRecord {
            lanes: length(&core.dest_counts),
            dests: length(&core.dests),
        })
        .collect()
}

pub(super) fn io(image: &Image) -> IoRecord<'_> {
    let io = &image.io;
    IoRecord {
        model_dt_s: io.model_dt_s,
        drain: io.drain,
        inputs: io
            .inputs
            .iter()
            .map(|port| InputRecord {
                name: &port.name,
                shape: port.shape.clone(),
                port: port.port,
                graded: port.graded,
            })
            .collect(),
        outputs: io
            .outputs
            .iter()
            .map(|port| OutputRecord {
                name: &port.name,
                shape: port.shape.clone(),
                depth: port.depth,
                readout: port.readout,
                source: port.source,
            })
            .collect(),
        elements: length(&io.input_dest_counts),
        dests: length(&io.input_dests),
    }
}

pub(super) fn names(image: &Image) -> NamesRecord<'_> {
    NamesRecord {
        populations: image
            .populations
            .iter()
            .map(|p| PopulationRecord {
                name: &p.name,
                first: p.first,
                count: p.count,
                depth: p.depth,
            })
            .collect(),
        lanes: image
            .cores
            .iter()
            .map(|core| length(&core.lane_ids))
            .collect(),
    }
}

pub(super) fn probes(image: &Image) -> Vec<ProbeRecord<'_>> {
    image
        .probes
        .iter()
        .map(|p| ProbeRecord {
            name: &p.name,
            slot: &p.slot,
            neurons: length(&p.neurons),
        })
        .collect()
}
