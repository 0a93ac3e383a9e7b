//! The chip description: limits, timing and costs of a chip, each number with its origin.
//!
//! Invariant: a `ChipSpec` that exists is valid as a whole; numbers come from the file only.

mod board;
mod build;
mod check;
mod circular;
mod number;
mod parse;
mod presets;
mod routes;
mod schema;
mod voltage;
mod wave;

pub use board::{Border, is_of_borders};
pub use check::{MOST_CHANNELS, MOST_CORES, MOST_TILES_OF_A_SIDE};
pub use circular::CircularWait;
pub use presets::{PRESETS, presets_that_run};
pub use routes::Routes;
pub use schema::{Key, Kind, Need, schema};
pub use wave::WaveArea;

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// A violation in a chip file: where, what, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ChipError {
    /// File as named by the caller, or `--set`.
    pub file: String,
    /// Line, from 1; 0 for an override.
    pub line: u32,
    /// Dotted key.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What would be right; may be empty.
    pub help: String,
}

impl fmt::Display for ChipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        write!(f, " {}: {}", self.key, self.message)?;
        if self.help.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.help)
        }
    }
}

/// A validated chip description. Times are cycles of `cycle_ps`; energies are joules.
#[derive(Clone, Debug, PartialEq)]
pub struct ChipSpec {
    /// Short name, e.g. `loihi`.
    pub name: String,
    /// One line.
    pub description: String,
    /// Length of the chip's cycle, picoseconds.
    pub cycle_ps: u64,
    /// Supply voltage, volts; costs with a voltage of their own are already scaled to it.
    pub voltage: Option<f64>,
    /// Mesh of tiles.
    pub mesh: Mesh,
    /// Host ports, at least one.
    pub host_ports: Vec<HostPort>,
    /// How steps end.
    pub sync: Sync,
    /// Limits of one core.
    pub limits: CoreLimits,
    /// How synaptic input is delivered.
    pub delivery: Delivery,
    /// Lanes that the neuron unit takes at a time.
    pub lanes_per_bundle: u32,
    /// Queues and router.
    pub noc: Noc,
    /// Time of the three units.
    pub time: UnitTimes,
    /// Joules per counted event.
    pub energy: Energy,
    /// Kernels the chip can run; `None` = any.
    pub kernels: Option<Vec<String>>,
    /// Chips with the same limits whose costs a report names beside this one's.
    pub other_costs: Vec<String>,
    /// Every number of the file under its dotted key, with its origin, for `chip show`, `diff` and reports.
    pub quantities: BTreeMap<String, Quantity>,
    /// SHA-256 of the file's text (after overrides: of the canonical listing).
    pub sha256: [u8; 32],
}

impl ChipSpec {
    /// Reads a chip file; `file` names it in errors. Overrides are `(key, value)` pairs, see `specs/chip.md`.
    ///
    /// # Errors
    /// Every violation of the file and of the overrides, by line.
    pub fn parse(
        text: &str,
        file: &str,
        overrides: &[(String, String)],
    ) -> Result<ChipSpec, Vec<ChipError>> {
        let mut errors = Vec::new();
        let mut entries = parse::entries(text, file, &mut errors);
        if errors.iter().any(|e| e.key == parse::SYNTAX) {
            return Err(errors);
        }
        parse::overrides(&mut entries, overrides, &mut errors);
        let spec = check::check(&entries, file, &mut errors);
        match spec {
            Some(mut spec) if errors.is_empty() => {
                let digested = if overrides.is_empty() {
                    text.to_owned()
                } else {
                    entries.canonical()
                };
                spec.sha256 = Sha256::digest(digested.as_bytes()).into();
                Ok(spec)
            }
            _ => {
                errors.sort_by(|a, b| (a.line, &a.key).cmp(&(b.line, &b.key)));
                Err(errors)
            }
        }
    }

    /// The preset of that name; `None` if there is none.
    ///
    /// ```
    /// let chip = isa::ChipSpec::preset("loihi").expect("a preset").expect("valid");
    /// assert_eq!(chip.noc.hop, [41, 41, 65, 65]);
    /// ```
    pub fn preset(name: &str) -> Option<Result<ChipSpec, Vec<ChipError>>> {
        let (_, text) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
        Some(ChipSpec::parse(
            text,
            &format!("specs/chips/{name}.toml"),
            &[],
        ))
    }

    /// Digest of what decides whether an image fits: mesh, host ports, limits, delivery, kernels and the form of the
    /// prices, multicast and flits. Chips that differ in costs only have the same.
    pub fn limits_digest(&self) -> [u8; 32] {
        let Mesh {
            width,
            height,
            cores_per_tile,
            planes: _,
            board,
            border: _,
        } = &self.mesh;
        let by_event = (
            matches!(self.time.update, UpdateTime::Event { .. }),
            matches!(self.time.on_spike, OnSpikeTime::Event { .. }),
        );
        let text = format!(
            "{width} {height} {cores_per_tile} {board:?} {:?} {:?} {:?} {:?} {by_event:?}",
            self.host_ports, self.limits, self.delivery, self.kernels
        );
        // What a chip without them says stays as it was.
        let text = match (self.noc.multicast, self.noc.graded_flits) {
            (false, 1) => text,
            (multicast, flits) => format!("{text} {multicast} {flits}"),
        };
        Sha256::digest(text.as_bytes()).into()
    }

    /// Digest of what decides how long a run takes, beside the limits: cycle, synchronisation, planes, bundles, network and units.
    pub fn times_digest(&self) -> [u8; 32] {
        let text = format!(
            "{} {:?} {} {} {:?} {:?}",
            self.cycle_ps, self.sync, self.mesh.planes, self.lanes_per_bundle, self.noc, self.time
        );
        // What one chip alone says stays as it was.
        let text = match &self.mesh.border {
            Some(border) => format!("{text} {border:?}"),
            None => text,
        };
        Sha256::digest(text.as_bytes()).into()
    }

    /// Digest of what decides what a run costs: joules of every event and static power, at the chip's voltage.
    pub fn costs_digest(&self) -> [u8; 32] {
        Sha256::digest(format!("{:?}", self.energy).as_bytes()).into()
    }

    /// Cores of the board.
    pub fn cores(&self) -> u32 {
        self.tiles() * self.mesh.cores_per_tile
    }

    /// Tiles of the board.
    pub fn tiles(&self) -> u32 {
        self.mesh.width * self.mesh.height
    }

    /// Tile of a core.
    pub fn tile_of(&self, core: u32) -> u32 {
        core / self.mesh.cores_per_tile
    }

    /// Place of a tile.
    pub fn xy(&self, tile: u32) -> (u32, u32) {
        (tile % self.mesh.width, tile / self.mesh.width)
    }

    /// Cycles of the barrier with so many tiles in use by the chip's table; 0 on a chip with ticks.
    pub fn barrier_cycles(&self, tiles: u32) -> u64 {
        let Sync::Barrier { linear, points, .. } = &self.sync else {
            return 0;
        };
        let above = points.partition_point(|&(n, _)| n <= tiles);
        match (
            above.checked_sub(1).map(|i| points[i]),
            points.get(above).copied(),
        ) {
            (Some((low, start)), Some((high, end))) if *linear => {
                // Nearest integer, ties up, without leaving the integers.
                let (span, part) = (i128::from(high - low), i128::from(tiles - low));
                let rise = (i128::from(end) - i128::from(start)) * part;
                let rounded = (2 * rise + span).div_euclid(2 * span);
                (i128::from(start) + rounded) as u64
            }
            (Some((_, cycles)), _) | (None, Some((_, cycles))) => cycles,
            (None, None) => 0,
        }
    }
}

/// A number with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The number as written.
    pub value: f64,
    /// Unit as written.
    pub unit: String,
    /// Where it comes from, or why it is estimated.
    pub source: String,
    /// Not published: chosen here, for the reason in `source`.
    pub estimated: bool,
    /// How `value` becomes the cost in force, for a cost with a voltage of its own.
    pub scaled: Option<Scaled>,
}

impl Quantity {
    /// Whether an override gave it, not the chip file.
    pub fn is_override(&self) -> bool {
        self.estimated && self.source == parse::SET
    }
}

/// A cost in force is its value × `factor`, `factor` = (voltage of the chip / `at_voltage`) ^ `exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled {
    /// Voltage of the value as written, volts.
    pub at_voltage: f64,
    /// Exponent.
    pub exponent: f64,
    /// The factor at the chip's voltage.
    pub factor: f64,
}

/// What a cost falls on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that the chip has, mapped or not.
    Physical,
    /// What the image uses.
    Mapped,
}

/// Mesh of tiles, of all chips of the board together. Tile `y × width + x`; core `tile × cores_per_tile + index`. East is x + 1,
/// north is y + 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mesh {
    /// Tiles in x, of the whole board: those of a chip times the chips in x.
    pub width: u32,
    /// Tiles in y, of the whole board.
    pub height: u32,
    /// Cores at each tile's router.
    pub cores_per_tile: u32,
    /// Physical meshes, 1 or 2; a sender alternates over them.
    pub planes: u32,
    /// Chips of the board in x and y.
    pub board: [u32; 2],
    /// Links between its chips; none where it has one chip.
    pub border: Option<Border>,
}

/// A host port: where packets enter and leave the mesh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// Tile.
    pub tile: u32,
    /// Side of the tile, which must lie on that border of the mesh: 0 east, 1 west, 2 north, 3 south.
    pub side: u8,
}

/// End of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sync {
    /// After all work is done; cycles by number of tiles that hold a mapped neuron.
    Barrier {
        /// Interpolate linearly between points (rounded to the nearest cycle, ties up), else the largest point not above.
        linear: bool,
        /// (tiles, cycles), ascending. Below the first point: the first; above the last: the last.
        points: Vec<(u32, u64)>,
        /// The barrier takes as long as its messages, whatever the points say.
        wave: bool,
    },
    /// Fixed period.
    Tick {
        /// Cycles of a tick.
        period: u64,
    },
}

/// Limits of one core and of its number formats.
#[derive(Clone, Debug, PartialEq)]
pub struct CoreLimits {
    /// Lanes.
    pub neurons: u32,
    /// Groups (compartment profiles).
    pub groups: u32,
    /// Distinct values of constants named `THETA`.
    pub threshold_profiles: u32,
    /// Synapse formats.
    pub synapse_formats: u32,
    /// Input axons.
    pub input_axons: u32,
    /// Destination entries of all lanes together, host entries included.
    pub output_slots: u32,
    /// Destination entries of one lane (1 on TrueNorth).
    pub lane_destinations: u32,
    /// Synapse memory, bits; `SynapseFormat` and the block rule give the need.
    pub synapse_bits: u64,
    /// Most synapses of one block; 0 = no blocks, bits are summed plainly.
    pub synapse_block: u32,
    /// Header bits of a block.
    pub synapse_block_header_bits: u32,
    /// Blocks are rounded up to words of this many bits.
    pub synapse_word_bits: u32,
    /// Bits with which a segment refers to a pattern; 0 = no shared kernels, every synapse is stored.
    pub shared_pointer_bits: u32,
    /// Widths allowed for `weight_bits`, ascending.
    pub weight_widths: Vec<u32>,
    /// Widths allowed for `index_bits`, ascending.
    pub index_widths: Vec<u32>,
    /// Smallest and largest synapse exponent.
    pub weight_exponent: [i32; 2],
    /// `scale` that every synapse format of this chip has.
    pub weight_scale: u32,
    /// Widest state word, bits.
    pub state_bits: u32,
    /// State slots of a group.
    pub state_slots: u32,
    /// Widest accumulator, bits.
    pub accumulator_bits: u32,
    /// Receptors of a group.
    pub receptors: u32,
    /// Largest delay, steps: of a synapse (`accumulate`) or of a destination (`axon_bits`).
    pub delay: u32,
    /// Code words of all groups together (identical handlers counted once).
    pub code_words: u32,
    /// Widest decay register, bits: mapper quantises decays to this.
    pub decay_bits: u32,
    /// Widest threshold: the mantissa's bits; the threshold is `mantissa << weight_scale`.
    pub threshold_bits: u32,
    /// Packets may carry a payload.
    pub graded: bool,
}

/// Kinds of delivery (`specs/core.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Exact sums per (slot, lane, receptor).
    Accumulate,
    /// One bit per (slot, axon).
    AxonBits,
}

/// Queues and routers; cycles and entries. `specs/noc.md`. What only the other router has is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noc {
    /// Spikes between neuron unit and axon-out.
    pub spike_queue: u32,
    /// Injection FIFO of a core, per plane.
    pub inject_queue: u32,
    /// Router input FIFO of a link, per plane.
    pub input_fifo: u32,
    /// Receive queue of a core, per plane.
    pub receive_queue: u32,
    /// Latency axon-out → injection FIFO.
    pub inject: u64,
    /// Latency of a link by direction (east, west, north, south).
    pub hop: [u64; 4],
    /// Smallest spacing of two packets on a link, by direction.
    pub occupancy: [u64; 4],
    /// Latency router → core of its tile.
    pub in_tile: u64,
    /// Smallest spacing of two packets to one core.
    pub in_tile_occupancy: u64,
    /// Further latency into the receive queue.
    pub eject: u64,
    /// A freed slot is usable `1 + credit` cycles later.
    pub credit: u64,
    /// Latency of a host link, in and out.
    pub host: u64,
    /// Smallest spacing of two packets on a host link, in and out.
    pub host_occupancy: u64,
    /// Router `vc`; none: `fifo`.
    pub vc: Option<VcRouter>,
    /// Flits of a packet with a payload.
    pub graded_flits: u32,
    /// Kinds with a virtual network of their own, in the order of their numbers from 1; all others share network 0.
    pub networks: Vec<PacketKind>,
    /// A packet may have several target cores.
    pub multicast: bool,
    /// Route of packets between cores.
    pub order: Order,
    /// Route of packets from and to the host.
    pub host_order: Order,
    /// Routing table of all packets, in place of the orders.
    pub routes: Option<Routes>,
}

impl Noc {
    /// Virtual networks of a plane.
    pub fn network_count(&self) -> u32 {
        1 + self.networks.len() as u32
    }

    /// The virtual network of a kind of packets.
    pub fn network(&self, kind: PacketKind) -> u32 {
        let own = self.networks.iter().position(|named| *named == kind);
        own.map_or(0, |index| index as u32 + 1)
    }

    /// Flits of a kind of packets, which may carry a payload.
    pub fn flits(&self, payload: bool) -> u32 {
        if payload { self.graded_flits } else { 1 }
    }

    /// The route of a kind of packets.
    pub fn route_order(&self, kind: PacketKind) -> Order {
        if kind == PacketKind::Host {
            self.host_order
        } else {
            self.order
        }
    }
}

/// What virtual networks and routes tell apart (`specs/noc.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PacketKind {
    /// A spike from core to core.
    Spike,
    /// One that carries a payload.
    Graded,
    /// From or to the host.
    Host,
}

/// Which way packets go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Along x, then along y.
    Xy,
    /// Along y, then along x.
    Yx,
}

impl VcRouter {
    /// Router cycles from a head's arrival to the first grant of the switch: routing, and VC allocation unless speculative.
    pub fn stages(&self) -> u64 {
        u64::from(self.routing_delay) + u64::from(!self.speculative)
    }

    /// Router cycles from router to router in an empty network.
    pub fn hop(&self) -> u64 {
        self.stages() + u64::from(self.switch_delay) + 1 + u64::from(self.link_delay)
    }
}

/// Router with virtual channels; flits and router cycles. `specs/noc.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VcRouter {
    /// Cycles of the chip in one of the router.
    pub cycle: u64,
    /// Virtual channels of a port.
    pub vcs: u32,
    /// Slots of a virtual channel.
    pub buffer: u32,
    /// 0 (look-ahead) or 1.
    pub routing_delay: u32,
    /// Switch grant to output link.
    pub switch_delay: u32,
    /// Latency of every link, credits' too.
    pub link_delay: u32,
    /// Credit arrived to credit usable in a router.
    pub credit_delay: u32,
    /// A head asks for a virtual channel and for the switch in the same cycle.
    pub speculative: bool,
    /// A channel is free only when its last packet has left the buffer behind it.
    pub wait_for_tail_credit: bool,
}

/// Time of the units, cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitTimes {
    /// Neuron unit.
    pub update: UpdateTime,
    /// Synapse unit.
    pub on_spike: OnSpikeTime,
    /// Axon-out: per packet.
    pub axon_out: u64,
    /// `axon_bits` only: cycles per neuron = axons·`[0]` + `[1]` + active synapses·`[2]`, plus `[3]` once per tick.
    pub neuron_pass: [u64; 4],
}

/// Pricing of `update`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpdateTime {
    /// By event: a bundle takes the largest of its lanes; a lane takes `inactive` or `active`, plus `spike` if it spiked.
    Event {
        /// Lane that took an `.idle` branch.
        inactive: u64,
        /// Any other lane.
        active: u64,
        /// Added for a lane that spiked.
        spike: u64,
    },
    /// By instruction.
    Instruction(InstructionTime),
}

/// Pricing of `on_spike`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnSpikeTime {
    /// By event.
    Event {
        /// Per packet.
        packet: u64,
        /// Per synapse.
        synapse: u64,
    },
    /// By instruction: `packet` + for each segment fill + Σ over bundles of synapses.
    Instruction {
        /// Per packet.
        packet: u64,
        /// Classes.
        times: InstructionTime,
    },
}

/// Cycles by instruction class; a bundle is charged once for each instruction that any of its lanes executes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstructionTime {
    /// Once per handler run (group or segment).
    pub fill: u64,
    /// By class: alu, mul, mem, ctl, send, rng.
    pub class: [u64; 6],
}

/// Joules per event.
#[derive(Clone, Debug, PartialEq)]
pub struct Energy {
    /// `update` by event or by instruction, as in [`UnitTimes`].
    pub update: UpdateEnergy,
    /// `on_spike` likewise.
    pub on_spike: OnSpikeEnergy,
    /// Per packet leaving axon-out (own core, other cores and host).
    pub axon_out: f64,
    /// Per link crossed, by direction.
    pub hop: [f64; 4],
    /// Per router that a packet passes: buffer write, buffer read, arbitration, crossbar, VC arbitration; 0 where `hop` holds them.
    pub router: [f64; 5],
    /// Per flit that goes from chip to chip, beside the link; 0 where the board has one chip.
    pub chip_crossing: f64,
    /// Per packet handed to a core.
    pub in_tile: f64,
    /// Per packet from the host.
    pub host_in: f64,
    /// Per packet to the host.
    pub host_out: f64,
    /// Per step and tile in use.
    pub sync_tile: f64,
    /// Per message of a barrier's wave over a link.
    pub sync_message: f64,
    /// Per random word.
    pub random: f64,
    /// Static power of one chip, watts.
    pub static_w: f64,
    /// Whether all of it is charged, or the share of the tiles in use.
    pub static_scope: Scope,
}

/// Joules of `update`.
#[derive(Clone, Debug, PartialEq)]
pub enum UpdateEnergy {
    /// By event.
    Event {
        /// Inactive lane.
        inactive: f64,
        /// Active lane.
        active: f64,
        /// Added per spike.
        spike: f64,
        /// Every lane in scope, each step, whatever it does (TrueNorth row read). 0 elsewhere.
        row: f64,
        /// The lanes in scope.
        row_scope: Scope,
    },
    /// By instruction class, per lane.
    Instruction([f64; 6]),
}

/// Joules of `on_spike`.
#[derive(Clone, Debug, PartialEq)]
pub enum OnSpikeEnergy {
    /// By event.
    Event {
        /// Per packet delivered.
        packet: f64,
        /// Per synaptic operation.
        synapse: f64,
    },
    /// By instruction class, per synapse, and per packet delivered.
    Instruction {
        /// Per packet delivered.
        packet: f64,
        /// By class.
        class: [f64; 6],
    },
}
