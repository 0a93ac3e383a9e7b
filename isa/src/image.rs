//! The program image: all that a chip loads, and all that `run` needs beside a chip file.
//!
//! Invariant: an image has exactly one byte form. No offset is stored that follows from counts, every
//! vector has a fixed order, and the loader rejects anything else, so disassemble–assemble is the identity.

mod bytes;
mod raw;
mod records;
mod sections;
mod synapses;

pub use bytes::{ImageError, MAGIC, SECTIONS, VERSION};
pub use synapses::SegmentOffsets;

use crate::ids::{CoreId, NeuronId};
use crate::op::{Op, decode};
use serde::{Deserialize, Serialize};

/// A program image. `specs/image.md` describes its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Where the image was made for.
    pub meta: Meta,
    /// Programs of the cores in use, ascending by core id, without duplicates.
    pub cores: Vec<CoreProgram>,
    /// What goes in and comes out.
    pub io: Io,
    /// Populations, contiguous in logical ids: `first` of each is the end of the one before, starting at 0.
    pub populations: Vec<Population>,
    /// State that is observed after each update; costs nothing on the chip.
    pub probes: Vec<Probe>,
}

/// What the image was made for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Name of the network, free text.
    pub network: String,
    /// Name of the chip the image was verified against.
    pub chip: String,
    /// Digest of that chip's limits (`ChipSpec::limits_digest`): another chip re-verifies the image.
    pub limits: [u8; 32],
}

/// The immutable part of one core: shared between samples and threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoreProgram {
    /// Physical core.
    pub core: CoreId,
    /// Neuron groups; lanes of the core are numbered through the groups in this order.
    pub groups: Vec<Group>,
    /// Synapse formats in use, referred to by index from `segments`.
    pub formats: Vec<SynapseFormat>,
    /// Input axons; the index is the axon id.
    pub axons: Vec<Axon>,
    /// Synapse segments of all axons, in axon order.
    pub segments: Vec<Segment>,
    /// Patterns that shared segments refer to by index: each is stored once, however many segments it serves.
    pub patterns: Vec<Pattern>,
    /// Pattern of each shared segment, in segment order.
    pub shared: Vec<u16>,
    /// Lanes relative to a shared segment's first, for patterns; then target lanes within the segment's group, for sparse segments, in segment order.
    pub targets: Vec<u16>,
    /// Weight mantissas, for patterns, then for sparse and dense segments, in segment order.
    pub weights: Vec<i16>,
    /// Delays in steps, one per synapse of the patterns, then of the segments whose format has `delay_bits > 0`, in segment order.
    pub delays: Vec<u8>,
    /// Crossbar rows: for each crossbar segment `ceil(group lanes / 64)` words, lane 0 in bit 0 of the first.
    pub rows: Vec<u64>,
    /// Logical id of each lane of the core.
    pub lane_ids: Vec<NeuronId>,
    /// Number of destinations of each lane of the core.
    pub dest_counts: Vec<u16>,
    /// Destinations of all lanes, in lane order.
    pub dests: Vec<Dest>,
}

impl CoreProgram {
    /// A core with these groups and nothing that arrives or leaves.
    pub fn new(core: CoreId, groups: Vec<Group>) -> CoreProgram {
        CoreProgram {
            core,
            groups,
            formats: Vec::new(),
            axons: Vec::new(),
            segments: Vec::new(),
            patterns: Vec::new(),
            shared: Vec::new(),
            targets: Vec::new(),
            weights: Vec::new(),
            delays: Vec::new(),
            rows: Vec::new(),
            lane_ids: Vec::new(),
            dest_counts: Vec::new(),
            dests: Vec::new(),
        }
    }
}

/// A neuron group: lanes that run the same handlers with the same constants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Name of the kernel the handlers come from (checked against the chip's list), or `custom`.
    pub kernel: String,
    /// Number of lanes, at least 1.
    pub lanes: u32,
    /// Handler run for every lane once a step; empty if none. Words end with `halt`.
    pub update: Vec<u32>,
    /// Handler run for every synapse of an arriving packet that targets this group.
    pub on_spike: Vec<u32>,
    /// Group constants `k0…`, at most 32, with their names. A constant named `THETA` counts as a threshold profile.
    pub constants: Vec<(String, i32)>,
    /// State slots, at most 256.
    pub slots: Vec<Slot>,
    /// Look-up tables, at most 4, each 1 to 256 entries.
    pub tables: Vec<Vec<i32>>,
    /// Accumulator banks (receptor types), 1 to 4.
    pub receptors: u8,
    /// Width to which an accumulator is reduced when `lda` reads it, 2 to 32 bits.
    pub accumulator_bits: u8,
    /// How it is reduced.
    pub accumulator_mode: Reduce,
}

impl Group {
    /// Whether its packets carry a payload: its `update` holds `spkg`.
    pub fn sends_payload(&self) -> bool {
        let sends = |word: &u32| decode(*word).is_ok_and(|instr| instr.op == Op::Spkg);
        self.update.iter().any(sends)
    }
}

/// How a wide sum becomes a narrow one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reduce {
    /// Two's complement wrap.
    Wrap,
    /// Saturation to the two's complement range.
    Saturate,
}

/// One state word of every lane of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slot {
    /// Name, for listings, probes and digests.
    pub name: String,
    /// Width in bits, 1 to 32, signed; stores saturate to it.
    pub bits: u8,
    /// Initial value of each lane. One value means all lanes alike; a vector of equal values is not canonical.
    pub init: Vec<i32>,
}

/// How the synapses of a segment are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SynapseFormat {
    /// Storage kind.
    pub kind: SynapseKind,
    /// Range of the mantissa.
    pub sign: WeightSign,
    /// Bits of the mantissa as stored, 0 to 9 (crossbar: 0).
    pub weight_bits: u8,
    /// Shared exponent: the mantissa is shifted left, or arithmetically right when negative.
    pub exponent: i8,
    /// Then left by this many bits (6 on Loihi): weight = shift(mantissa, exponent) << scale.
    pub scale: u8,
    /// Bits of the delay field; 0 means every delay is 0 and none is stored.
    pub delay_bits: u8,
    /// Bits of the target index as stored (dense and crossbar: 0). Counts in memory only.
    pub index_bits: u8,
    /// Crossbar only: the weight of a synapse is the target lane's state slot `weight_slot + axon kind`.
    pub weight_slot: u8,
}

/// Storage kinds of synapses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SynapseKind {
    /// Target, weight and delay per synapse.
    Sparse,
    /// Weights (and delays) of consecutive lanes.
    Dense,
    /// One bit per lane of the group; weights are lane parameters chosen by the axon's kind.
    Crossbar,
    /// A pattern of the core, moved to the segment's first lane: relative target, weight and delay per synapse, stored once.
    Shared,
}

/// Range of a weight mantissa of `b` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WeightSign {
    /// `-2^(b-1) ..= 2^(b-1)-1`
    Signed,
    /// `0 ..= 2^b-1`
    Excitatory,
    /// `-(2^b-1) ..= 0`
    Inhibitory,
}

/// An input axon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axon {
    /// Logical id of the source: a neuron, or an input element with bit 31 set. Keys synaptic random draws.
    pub source: u32,
    /// Number of segments.
    pub segments: u16,
    /// Axon type (crossbar weights), 0 to 3.
    pub kind: u8,
}

/// A run of synapses of one axon into one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Target group of the core.
    pub group: u8,
    /// Index into the core's formats.
    pub format: u8,
    /// Dense: first target lane. Shared: lane that the pattern's lane 0 falls on. Otherwise 0.
    pub first_lane: u16,
    /// Number of synapses (crossbar: number of set bits).
    pub count: u32,
}

/// Synapses that many segments have in common, up to where they begin: a convolution's kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// Index into the core's formats: a shared one.
    pub format: u8,
    /// Number of synapses.
    pub count: u32,
}

/// One entry of an axon-out list: where a spike goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dest {
    /// A core, or a host port with [`HOST`] set.
    pub target: u32,
    /// Input axon of that core, or output element of the host port (index into the flattened output).
    pub axon: u32,
    /// Delay in steps beyond the transport step; only with `axon_bits` delivery, else 0.
    pub delay: u8,
    /// It is a further target of the packet of the entry before it (tree multicast), not a packet of its own.
    pub joined: bool,
}

/// The packets of a destination list: each a first entry and the entries joined to it.
pub fn packets_of(dests: &[Dest]) -> impl Iterator<Item = &[Dest]> {
    dests.chunk_by(|_, next| next.joined)
}

/// Set in a stored axon number of a destination that is joined to the entry before it.
pub(crate) const JOINED: u32 = 0x8000_0000;

/// Set in [`Dest::target`]: the low bits are a host port.
pub const HOST: u32 = 0x8000_0000;

/// What goes in and comes out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Io {
    /// Model time of one step, seconds; 0 when the program has no model time.
    pub model_dt_s: f64,
    /// Steps that `--drain auto` appends.
    pub drain: u32,
    /// Inputs; elements are numbered through them in this order.
    pub inputs: Vec<InputPort>,
    /// Number of destinations of each input element.
    pub input_dest_counts: Vec<u32>,
    /// Destinations of all input elements, in element order.
    pub input_dests: Vec<Dest>,
    /// Outputs; elements of spike outputs are numbered through them in this order.
    pub outputs: Vec<OutputPort>,
}

/// An input of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputPort {
    /// Name.
    pub name: String,
    /// Shape; the product is the number of elements.
    pub shape: Vec<u32>,
    /// Host port of the chip that sends it.
    pub port: u16,
    /// Values are payloads of graded packets; otherwise an integer n is n packets.
    pub graded: bool,
}

/// An output of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputPort {
    /// Name.
    pub name: String,
    /// Shape; the product is the number of elements.
    pub shape: Vec<u32>,
    /// Transport steps between input and this output: its steps `depth+1 ..= depth+T` (1-based) are read out.
    pub depth: u32,
    /// How labels are scored.
    pub readout: Readout,
    /// Where the values come from.
    pub source: OutputSource,
}

/// Source of an output's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputSource {
    /// Packets to a host port; elements counted when they leave the mesh.
    Spikes {
        /// First element number of this output among all spike outputs.
        first: u32,
    },
    /// A probe (index), one value per element and step.
    Probe(u32),
}

/// How an output is scored against labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readout {
    /// Most spikes.
    Count,
    /// Largest value in the last step.
    Last,
    /// Largest value in any step.
    Max,
    /// Earliest spike.
    First,
}

/// A population: contiguous logical ids.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Name, as in the network file.
    pub name: String,
    /// First logical id.
    pub first: u32,
    /// Number of neurons.
    pub count: u32,
    /// Transport steps between input and this population.
    pub depth: u32,
}

/// State read after each update.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Name.
    pub name: String,
    /// Name of the state slot.
    pub slot: String,
    /// Neurons, in order.
    pub neurons: Vec<NeuronId>,
}
