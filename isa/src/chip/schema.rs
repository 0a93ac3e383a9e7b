//! The keys of a chip file: one table from which the reader, its checks and the key list in `specs/chip.md` come.
//!
//! Invariant: a key is accepted if and only if it stands here, and where `when` holds every key is required that is not `Need`ed less.

/// One key of a chip file.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Dotted path, e.g. `noc.hop_east`.
    pub path: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Smallest value allowed (each number of a list): counts and bits plainly, times in cycles, energies in joules, powers in watts.
    pub min: f64,
    /// Largest value allowed.
    pub max: f64,
    /// The key is required where all of these (key, word) hold, and an error elsewhere.
    pub when: &'static [(&'static str, &'static str)],
    /// Whether it may be left out there.
    pub need: Need,
    /// One line for people.
    pub doc: &'static str,
}

/// Whether a key must stand in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out; the chip then has no such thing.
    Optional,
    /// A word that may be left out, and what it then is.
    Default(&'static str),
}

/// Kind of a key's value. Kinds that hold numbers are tables with value, unit and origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Short name: lower-case letters, digits, `-`, `_`.
    Name,
    /// One line of text, not empty.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// List of names.
    Names,
    /// List of names, or the word `any`.
    NamesOrAny,
    /// List of rows, a letter for each tile.
    Rows,
    /// `true` or `false`.
    Flag,
    /// Whole number, unit `1`.
    Count,
    /// Whole number, unit `bit`.
    Bits,
    /// Ascending list of whole numbers, unit `bit`.
    BitsList,
    /// List of exactly two whole numbers, unit `1`.
    CountPair,
    /// Whole number of picoseconds in `ps` … `s`.
    Cycle,
    /// Time that is a whole number of cycles, in `cycles` or `ps` … `s`.
    Time,
    /// List of exactly four such times.
    FourTimes,
    /// List of `[tiles, time]`, ascending by tiles.
    TimeByTiles,
    /// Energy in `J` … `fJ`.
    Energy,
    /// Power in `W` … `nW`.
    Power,
    /// Voltage in `V` … `uV`.
    Voltage,
    /// List of `"TILE SIDE"`.
    Ports,
}

impl Kind {
    /// Units that the kind accepts, the base unit first; empty where there is no unit.
    pub fn units(self) -> &'static [&'static str] {
        match self {
            Kind::Count | Kind::CountPair => &["1"],
            Kind::Bits | Kind::BitsList => &["bit"],
            Kind::Cycle => &["ps", "ns", "us", "ms", "s"],
            Kind::Time | Kind::FourTimes | Kind::TimeByTiles => {
                &["cycles", "ps", "ns", "us", "ms", "s"]
            }
            Kind::Energy => &["J", "mJ", "uJ", "nJ", "pJ", "fJ"],
            Kind::Power => &["W", "mW", "uW", "nW"],
            Kind::Voltage => &["V", "mV", "uV"],
            _ => &[],
        }
    }

    /// Whether the value carries an origin (`source` or `estimated`).
    pub fn has_origin(self) -> bool {
        !self.units().is_empty() || self == Kind::Ports
    }

    /// Whether the value may carry `at_voltage` and `exponent`.
    pub fn scales(self) -> bool {
        matches!(self, Kind::Energy | Kind::Power)
    }

    /// For the key list.
    pub fn text(self) -> String {
        match self {
            Kind::Name => "name".into(),
            Kind::Text => "text".into(),
            Kind::Choice(words) => words
                .iter()
                .map(|w| format!("`\"{w}\"`"))
                .collect::<Vec<_>>()
                .join(" or "),
            Kind::Names => "list of names".into(),
            Kind::NamesOrAny => "list of names, or `\"any\"`".into(),
            Kind::Rows => "list of rows of letters".into(),
            Kind::Flag => "`true` or `false`".into(),
            Kind::Count => "count".into(),
            Kind::Bits => "bits".into(),
            Kind::BitsList => "list of bits, ascending".into(),
            Kind::CountPair => "list of two counts".into(),
            Kind::Cycle => "time (whole ps)".into(),
            Kind::Time => "time".into(),
            Kind::FourTimes => "list of four times".into(),
            Kind::TimeByTiles => "list of [tiles, time]".into(),
            Kind::Energy => "energy".into(),
            Kind::Power => "power".into(),
            Kind::Voltage => "voltage".into(),
            Kind::Ports => "list of `\"TILE SIDE\"`".into(),
        }
    }
}

/// Longest time, cycles: a bound that keeps sums of a run within 64 bits.
const MOST_CYCLES: f64 = 1e12;
/// Longest cycle, picoseconds: one second.
const MOST_PS: f64 = 1e12;
/// Largest energy of one event, joules.
const MOST_J: f64 = 1.0;
/// Largest power, watts.
const MOST_W: f64 = 1e6;
/// Supply voltages that a chip may have, volts.
pub(super) const VOLTS: [f64; 2] = [0.1, 10.0];
/// Words for a cost that falls on what the chip has, or on what the image uses of it.
const SCOPES: &[&str] = &["physical", "mapped"];

/// Dimension orders.
const ORDERS: &[&str] = &["xy", "yx"];

const ALWAYS: &[(&str, &str)] = &[];
const BARRIER: &[(&str, &str)] = &[("sync.kind", "barrier")];
const WAVE: &[(&str, &str)] = &[("sync.kind", "barrier"), ("sync.model", "wave")];
const TICK: &[(&str, &str)] = &[("sync.kind", "tick")];
const AXON_BITS: &[(&str, &str)] = &[("core.delivery", "axon_bits")];
const UPDATE_EVENT: &[(&str, &str)] = &[("update.price", "event")];
const UPDATE_ROW: &[(&str, &str)] = &[("update.price", "event"), ("core.delivery", "axon_bits")];
const UPDATE_INSTRUCTION: &[(&str, &str)] = &[("update.price", "instruction")];
const SPIKE_EVENT: &[(&str, &str)] = &[("on_spike.price", "event")];
const SPIKE_EVENT_TIME: &[(&str, &str)] =
    &[("on_spike.price", "event"), ("core.delivery", "accumulate")];
const ROUTER_PARTS: &[(&str, &str)] = &[("energy.router", "parts")];
const ROUTER_PARTS_VC: &[(&str, &str)] = &[("energy.router", "parts"), ("noc.router", "vc")];
const FIFO: &[(&str, &str)] = &[("noc.router", "fifo")];
const VC: &[(&str, &str)] = &[("noc.router", "vc")];
const SPIKE_INSTRUCTION: &[(&str, &str)] = &[("on_spike.price", "instruction")];

type When = &'static [(&'static str, &'static str)];

const fn key(path: &'static str, kind: Kind, when: When, doc: &'static str) -> Key {
    Key {
        path,
        kind,
        min: 0.0,
        max: 0.0,
        when,
        need: Need::Required,
        doc,
    }
}

const fn ranged(
    path: &'static str,
    kind: Kind,
    min: f64,
    max: f64,
    when: When,
    doc: &'static str,
) -> Key {
    Key {
        path,
        kind,
        min,
        max,
        when,
        need: Need::Required,
        doc,
    }
}

const fn count(path: &'static str, min: f64, max: f64, doc: &'static str) -> Key {
    ranged(path, Kind::Count, min, max, ALWAYS, doc)
}

const fn bits(path: &'static str, min: f64, max: f64, doc: &'static str) -> Key {
    ranged(path, Kind::Bits, min, max, ALWAYS, doc)
}

/// A time of at least `min` cycles.
const fn time(path: &'static str, min: f64, when: When, doc: &'static str) -> Key {
    ranged(path, Kind::Time, min, MOST_CYCLES, when, doc)
}

const fn energy(path: &'static str, when: When, doc: &'static str) -> Key {
    ranged(path, Kind::Energy, 0.0, MOST_J, when, doc)
}

/// A choice that may be left out.
const fn choice(
    path: &'static str,
    words: &'static [&'static str],
    default: &'static str,
    when: When,
    doc: &'static str,
) -> Key {
    let mut key = key(path, Kind::Choice(words), when, doc);
    key.need = Need::Default(default);
    key
}

/// A key that may be left out.
const fn optional(
    path: &'static str,
    kind: Kind,
    min: f64,
    max: f64,
    when: When,
    doc: &'static str,
) -> Key {
    let mut key = ranged(path, kind, min, max, when, doc);
    key.need = Need::Optional;
    key
}

const VOLTAGE: Key = {
    let doc = "Supply voltage; costs with `at_voltage` are scaled to it.";
    let mut key = ranged("voltage", Kind::Voltage, VOLTS[0], VOLTS[1], ALWAYS, doc);
    key.need = Need::Optional;
    key
};

// Braces keep one key per line.
macro_rules! keys {
    ($($key:expr),* $(,)?) => { &[$($key),*] };
}

/// All keys, in the order in which they are shown. `cycle` stands before every time, `voltage` before every cost.
static SCHEMA: &[Key] = keys! {
    key("name", Kind::Name, ALWAYS, "Short name of the chip."),
    key("description", Kind::Text, ALWAYS, "One line on what the chip is and where its numbers come from."),
    key("kernels", Kind::NamesOrAny, ALWAYS, "Kernels the chip can run; `custom` stands for programs written by hand."),
    key("other_costs", Kind::Names, ALWAYS, "Chips with the same limits whose total a report names beside this one's."),
    ranged("cycle", Kind::Cycle, 1.0, MOST_PS, ALWAYS, "Length of a cycle; every time is a whole number of them."),
    VOLTAGE,
    count("mesh.width", 1.0, 1024.0, "Tiles of a chip in x; east is x + 1."),
    count("mesh.height", 1.0, 1024.0, "Tiles of a chip in y; north is y + 1."),
    count("mesh.cores_per_tile", 1.0, 64.0, "Cores at each tile's router."),
    count("mesh.planes", 1.0, 2.0, "Physical meshes; a sender alternates over them."),
    ranged("mesh.board", Kind::CountPair, 1.0, 1024.0, ALWAYS, "Chips of the board in x and y, whose meshes are one (`noc.md`, Boards); more than one with routers `fifo` only."),
    key("host.ports", Kind::Ports, ALWAYS, "Where packets enter and leave the mesh: a tile of the board and the side of the board that it lies on."),
    key("sync.kind", Kind::Choice(&["barrier", "tick"]), ALWAYS, "How a step ends: when all work is done, or after a fixed period."),
    key("sync.interpolate", Kind::Choice(&["linear", "floor"]), BARRIER, "Between the points of `sync.barrier`: linear (nearest cycle, ties up), or the largest point not above."),
    ranged("sync.barrier", Kind::TimeByTiles, 0.0, MOST_CYCLES, BARRIER, "Barrier time by number of tiles in use. With `sync.model = \"wave\"` nothing asks it."),
    choice("sync.model", &["table", "wave"], "table", BARRIER, "How long the barrier takes: what `sync.barrier` says, or as long as its messages are on their way (`timestep.md`)."),
    time("sync.period", 1.0, TICK, "Length of a tick."),
    key("core.delivery", Kind::Choice(&["accumulate", "axon_bits"]), ALWAYS, "Exact sums per slot, lane and receptor, or one bit per slot and axon."),
    count("core.neurons", 1.0, 65536.0, "Lanes of a core."),
    count("core.groups", 1.0, 256.0, "Neuron groups (compartment profiles) of a core."),
    count("core.threshold_profiles", 1.0, 65536.0, "Distinct values of constants named `THETA` on a core."),
    count("core.synapse_formats", 1.0, 256.0, "Synapse formats of a core."),
    count("core.input_axons", 1.0, 65536.0, "Input axons of a core."),
    count("core.output_slots", 1.0, 16777216.0, "Destination entries of all lanes of a core, host entries included."),
    count("core.lane_destinations", 1.0, 65535.0, "Destination entries of one lane."),
    bits("core.synapse_bits", 1.0, 1099511627776.0, "Synapse memory of a core."),
    count("core.synapse_block", 0.0, 65536.0, "Most synapses of one block; 0: no blocks, bits are summed plainly."),
    bits("core.synapse_block_header", 0.0, 4096.0, "Header of a block."),
    bits("core.synapse_word", 1.0, 4096.0, "Blocks are rounded up to words of this size."),
    bits("core.shared_pointer", 0.0, 64.0, "What a segment takes that refers to a pattern of the core instead of storing its synapses (shared convolution kernels); 0: the chip has no patterns."),
    ranged("core.weight_widths", Kind::BitsList, 0.0, 9.0, ALWAYS, "Widths allowed for a weight mantissa."),
    ranged("core.index_widths", Kind::BitsList, 0.0, 16.0, ALWAYS, "Widths allowed for a synapse's target index."),
    ranged("core.weight_exponent", Kind::CountPair, -24.0, 24.0, ALWAYS, "Smallest and largest exponent of a synapse format."),
    bits("core.weight_scale", 0.0, 16.0, "Left shift that every weight and threshold has on this chip."),
    bits("core.state", 1.0, 32.0, "Widest state word."),
    count("core.state_slots", 1.0, 256.0, "State slots of a group."),
    bits("core.accumulator", 2.0, 32.0, "Widest accumulator."),
    count("core.receptors", 1.0, 4.0, "Accumulator banks of a group."),
    count("core.delay", 0.0, 253.0, "Largest delay in steps beyond the transport step: of a synapse, or with `axon_bits` of a destination."),
    count("core.code_words", 1.0, 1048576.0, "Instruction words of a core, identical handlers counted once."),
    bits("core.decay", 0.0, 12.0, "Width of a decay register; 0: no multiplicative decay."),
    bits("core.threshold", 1.0, 31.0, "Width of a threshold's mantissa; the threshold is mantissa << `core.weight_scale`."),
    key("core.graded", Kind::Flag, ALWAYS, "Whether packets may carry a payload."),
    count("core.lanes_per_bundle", 1.0, 1024.0, "Lanes that the neuron unit takes at a time."),
    ranged("core.neuron_pass", Kind::FourTimes, 0.0, MOST_CYCLES, AXON_BITS, "Time per lane: axons·[0] + [1] + active synapses·[2]; plus [3] once per tick."),
    choice("noc.router", &["fifo", "vc"], "fifo", ALWAYS, "Asynchronous router with a FIFO per input, or synchronous router with virtual channels (`noc.md`)."),
    count("noc.spike_queue", 1.0, 65536.0, "Spikes between neuron unit and axon-out."),
    count("noc.inject_queue", 1.0, 65536.0, "Injection FIFO of a core, per plane and virtual network, flits; with `vc` that of a host port too."),
    ranged("noc.input_fifo", Kind::Count, 1.0, 65536.0, FIFO, "Router input FIFO of a link, per plane and virtual network, flits."),
    ranged("noc.receive_queue", Kind::Count, 1.0, 65536.0, FIFO, "Receive queue of a core, per plane and virtual network, flits."),
    time("noc.axon_out", 1.0, ALWAYS, "Axon-out unit: per flit."),
    time("noc.inject", 1.0, ALWAYS, "Latency from axon-out into the injection FIFO."),
    time("noc.hop_east", 1.0, FIFO, "Latency of a link to the east."),
    time("noc.hop_west", 1.0, FIFO, "Latency of a link to the west."),
    time("noc.hop_north", 1.0, FIFO, "Latency of a link to the north."),
    time("noc.hop_south", 1.0, FIFO, "Latency of a link to the south."),
    time("noc.occupancy_east", 1.0, FIFO, "Smallest spacing of two flits on a link to the east."),
    time("noc.occupancy_west", 1.0, FIFO, "Smallest spacing of two flits on a link to the west."),
    time("noc.occupancy_north", 1.0, FIFO, "Smallest spacing of two flits on a link to the north."),
    time("noc.occupancy_south", 1.0, FIFO, "Smallest spacing of two flits on a link to the south."),
    optional("noc.chip_hop", Kind::Time, 1.0, MOST_CYCLES, FIFO, "Latency of a link to another chip of the board, in place of that of its direction. Required, and used, where the board has several chips."),
    optional("noc.chip_occupancy", Kind::Time, 1.0, MOST_CYCLES, FIFO, "Smallest spacing of two flits on such a link. Required likewise."),
    time("noc.in_tile", 0.0, FIFO, "Latency from the router to a core of its tile."),
    time("noc.in_tile_occupancy", 1.0, FIFO, "Smallest spacing of two flits to one core."),
    time("noc.eject", 0.0, FIFO, "Further latency into the receive queue; with `noc.in_tile` at least 1 cycle."),
    time("noc.credit", 0.0, FIFO, "A freed queue slot is usable 1 cycle + this later."),
    time("noc.router_cycle", 1.0, VC, "Clock of the routers; their delays are counted in it."),
    ranged("noc.vcs", Kind::Count, 1.0, 8.0, VC, "Virtual channels of a port."),
    ranged("noc.buffer", Kind::Count, 1.0, 4096.0, VC, "Slots of a virtual channel, flits; also of the channels from the last router to a core."),
    ranged("noc.routing_delay", Kind::Count, 0.0, 1.0, VC, "Routing stage, router cycles; 0: look-ahead. No reference exists for more."),
    ranged("noc.switch_delay", Kind::Count, 1.0, 8.0, VC, "Switch grant to output link, router cycles."),
    ranged("noc.link_delay", Kind::Count, 1.0, 16.0, VC, "Latency of every link, credits' too, router cycles; an output register adds one."),
    ranged("noc.credit_delay", Kind::Count, 0.0, 16.0, VC, "From a credit's arrival until a router may use it, router cycles."),
    key("noc.speculative", Kind::Flag, VC, "Whether a head asks for a virtual channel and for the switch in the same cycle."),
    key("noc.wait_for_tail_credit", Kind::Flag, VC, "Whether a virtual channel is free only when its last packet has left the buffer behind it."),
    time("noc.host", 1.0, ALWAYS, "Latency of a host link, in and out."),
    time("noc.host_occupancy", 1.0, ALWAYS, "Smallest spacing of two flits on a host link, in and out."),
    optional("noc.graded_flits", Kind::Count, 1.0, 16.0, FIFO, "Flits of a packet with a payload; every other packet has one. Left out: 1."),
    optional("noc.networks", Kind::Names, 0.0, 0.0, FIFO, "Kinds of packets, of `graded` and `host`, with a virtual network of their own: FIFOs and credits apart, links shared. Left out: none, all share one."),
    choice("noc.multicast", &["none", "tree"], "none", FIFO, "Whether a packet may have several target cores and is copied where their routes part."),
    choice("noc.order", ORDERS, "xy", FIFO, "Which way packets go first: along x, then y, or along y, then x."),
    optional("noc.host_order", Kind::Choice(ORDERS), 0.0, 0.0, FIFO, "The same for packets from and to the host. Left out: as `noc.order`."),
    optional("noc.routes", Kind::Rows, 0.0, 0.0, FIFO, "Routing table of all packets in place of the orders: a row for each tile, in it a letter for each target tile, `e`, `w`, `n`, `s` for the link by which packets go on and `-` at the tile's own place. At most 1024 tiles."),
    key("update.price", Kind::Choice(&["event", "instruction"]), ALWAYS, "How the neuron handler is priced, cycles and joules together."),
    time("update.inactive_time", 0.0, UPDATE_EVENT, "Lane that took an `.idle` branch."),
    energy("update.inactive_energy", UPDATE_EVENT, "Lane that took an `.idle` branch."),
    time("update.active_time", 0.0, UPDATE_EVENT, "Any other lane."),
    energy("update.active_energy", UPDATE_EVENT, "Any other lane."),
    time("update.spike_time", 0.0, UPDATE_EVENT, "Added for a lane that spiked."),
    energy("update.spike_energy", UPDATE_EVENT, "Added for a lane that spiked."),
    choice("update.neuron_scope", SCOPES, "physical", UPDATE_ROW, "Lanes whose rows are read each step: all of the board, or those of the image."),
    energy("update.row_energy", UPDATE_ROW, "Row read: every lane in `update.neuron_scope`, each step, whatever it does."),
    time("update.fill_time", 0.0, UPDATE_INSTRUCTION, "Once per group and step."),
    time("update.alu_time", 0.0, UPDATE_INSTRUCTION, "ALU instruction of a bundle."),
    energy("update.alu_energy", UPDATE_INSTRUCTION, "ALU instruction of a lane."),
    time("update.mul_time", 0.0, UPDATE_INSTRUCTION, "Multiply of a bundle."),
    energy("update.mul_energy", UPDATE_INSTRUCTION, "Multiply of a lane."),
    time("update.mem_time", 0.0, UPDATE_INSTRUCTION, "Memory instruction of a bundle."),
    energy("update.mem_energy", UPDATE_INSTRUCTION, "Memory instruction of a lane."),
    time("update.ctl_time", 0.0, UPDATE_INSTRUCTION, "Branch or halt of a bundle."),
    energy("update.ctl_energy", UPDATE_INSTRUCTION, "Branch or halt of a lane."),
    time("update.send_time", 0.0, UPDATE_INSTRUCTION, "`spk` or `spkg` of a bundle."),
    energy("update.send_energy", UPDATE_INSTRUCTION, "`spk` or `spkg` of a lane."),
    time("update.rng_time", 0.0, UPDATE_INSTRUCTION, "`rng` of a bundle."),
    energy("update.rng_energy", UPDATE_INSTRUCTION, "`rng` of a lane; the word itself is `energy.random`."),
    key("on_spike.price", Kind::Choice(&["event", "instruction"]), ALWAYS, "How the synapse handler is priced, cycles and joules together; `event` with `axon_bits`."),
    time("on_spike.packet_time", 0.0, ALWAYS, "Per packet taken by the synapse unit."),
    energy("on_spike.packet_energy", ALWAYS, "Per packet taken by the synapse unit."),
    time("on_spike.synapse_time", 0.0, SPIKE_EVENT_TIME, "Per synaptic operation (with `axon_bits` it lies in `core.neuron_pass`)."),
    energy("on_spike.synapse_energy", SPIKE_EVENT, "Per synaptic operation."),
    time("on_spike.fill_time", 0.0, SPIKE_INSTRUCTION, "Once per segment of the axon."),
    time("on_spike.alu_time", 0.0, SPIKE_INSTRUCTION, "ALU instruction of a bundle."),
    energy("on_spike.alu_energy", SPIKE_INSTRUCTION, "ALU instruction of a synapse."),
    time("on_spike.mul_time", 0.0, SPIKE_INSTRUCTION, "Multiply of a bundle."),
    energy("on_spike.mul_energy", SPIKE_INSTRUCTION, "Multiply of a synapse."),
    time("on_spike.mem_time", 0.0, SPIKE_INSTRUCTION, "Memory instruction of a bundle."),
    energy("on_spike.mem_energy", SPIKE_INSTRUCTION, "Memory instruction of a synapse."),
    time("on_spike.ctl_time", 0.0, SPIKE_INSTRUCTION, "Branch or halt of a bundle."),
    energy("on_spike.ctl_energy", SPIKE_INSTRUCTION, "Branch or halt of a synapse."),
    time("on_spike.rng_time", 0.0, SPIKE_INSTRUCTION, "`rng` of a bundle."),
    energy("on_spike.rng_energy", SPIKE_INSTRUCTION, "`rng` of a synapse; the word itself is `energy.random`."),
    energy("energy.axon_out", ALWAYS, "Per flit leaving axon-out: to the own core, other cores and the host."),
    energy("energy.hop_east", ALWAYS, "Per flit and link crossed to the east."),
    energy("energy.hop_west", ALWAYS, "Per flit and link crossed to the west."),
    energy("energy.hop_north", ALWAYS, "Per flit and link crossed to the north."),
    energy("energy.hop_south", ALWAYS, "Per flit and link crossed to the south."),
    choice("energy.router", &["whole", "parts"], "whole", ALWAYS, "Whether the hops hold what routers cost, or each router on the way is charged by its parts and a hop is the link alone."),
    energy("energy.buffer_write", ROUTER_PARTS, "Flit written to a buffer of a router: once in each router on its way."),
    energy("energy.buffer_read", ROUTER_PARTS, "Flit read from that buffer: once for each output that it leaves by."),
    energy("energy.arbitration", ROUTER_PARTS, "Flit granted an output of a router."),
    energy("energy.vc_arbitration", ROUTER_PARTS_VC, "Flit granted a virtual channel of an output."),
    energy("energy.crossbar", ROUTER_PARTS, "Flit through a router's crossbar."),
    optional("energy.chip_crossing", Kind::Energy, 0.0, MOST_J, ALWAYS, "Per flit that goes to another chip of the board, beside the link crossed. Required, and used, where the board has several chips."),
    energy("energy.in_tile", ALWAYS, "Per flit handed by a router to a core of its tile."),
    energy("energy.host_in", ALWAYS, "Per packet from the host."),
    energy("energy.host_out", ALWAYS, "Per packet to the host."),
    energy("energy.sync_tile", ALWAYS, "Per step and tile in use."),
    optional("energy.sync_message", Kind::Energy, 0.0, MOST_J, WAVE, "Per message of the barrier's wave and link crossed. Left out: 0, not modelled."),
    energy("energy.random", ALWAYS, "Per random word drawn."),
    ranged("energy.static", Kind::Power, 0.0, MOST_W, ALWAYS, "Static power of a chip; that of a board is so many times this."),
    choice("energy.static_scope", SCOPES, "physical", ALWAYS, "Static power that a run is charged: that of all chips of the board, or the share of the tiles in use."),
};

/// All keys of a chip file, in the order in which they are shown.
pub fn schema() -> &'static [Key] {
    SCHEMA
}

/// The key of that path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    SCHEMA.iter().find(|k| k.path == path)
}

/// The nearest path by spelling, for a hint; none if nothing is near. Of equally near ones the one that `missing` says the file lacks.
pub(super) fn nearest(path: &str, missing: impl Fn(&str) -> bool) -> Option<&'static str> {
    let last = |p: &str| p.rsplit('.').next().unwrap_or("").to_owned();
    SCHEMA
        .iter()
        .map(|k| {
            // A right name in the wrong section is nearer than a similar path.
            let same_name = last(k.path) == last(path);
            let score = strsim::jaro_winkler(path, k.path).max(if same_name { 0.95 } else { 0.0 });
            (score, k.path)
        })
        .filter(|(score, _)| *score > 0.85)
        .max_by(|a, b| {
            a.0.total_cmp(&b.0)
                .then_with(|| missing(a.1).cmp(&missing(b.1)))
        })
        .map(|(_, p)| p)
}
