//! From checked values to the structures that the rest of the program reads.
//!
//! Invariant: one line per key and no arithmetic but the size of a board: values arrive in base units.

use super::check::Values;
use super::{
    Border, ChipSpec, CoreLimits, Delivery, Energy, HostPort, InstructionTime, Mesh, Noc,
    OnSpikeEnergy, OnSpikeTime, Order, PacketKind, Quantity, Routes, Scope, Sync, UnitTimes,
    UpdateEnergy, UpdateTime, VcRouter,
};
use std::collections::BTreeMap;

/// Instruction classes in index order, as keys spell them.
const CLASSES: [&str; 6] = ["alu", "mul", "mem", "ctl", "send", "rng"];
/// Parts of a router, in the order of `Energy::router`.
const ROUTER: [&str; 5] = [
    "buffer_write",
    "buffer_read",
    "arbitration",
    "crossbar",
    "vc_arbitration",
];
const DIRECTIONS: [&str; 4] = ["east", "west", "north", "south"];

/// Builds the chip. All keys that apply are present.
pub(super) fn build(v: &Values, quantities: BTreeMap<String, Quantity>) -> ChipSpec {
    let pair = |path: &str| [v.ints(path)[0] as i32, v.ints(path)[1] as i32];
    let (width, height) = mesh_size(v);
    ChipSpec {
        name: v.text("name").to_owned(),
        description: v.text("description").to_owned(),
        cycle_ps: v.u64("cycle"),
        voltage: v.has("voltage").then(|| v.real("voltage")),
        mesh: Mesh {
            width,
            height,
            cores_per_tile: v.u32("mesh.cores_per_tile"),
            planes: v.u32("mesh.planes"),
            board: pair("mesh.board").map(|n| n as u32),
            border: has_borders(v).then(|| Border {
                hop: v.u64("noc.chip_hop"),
                occupancy: v.u64("noc.chip_occupancy"),
            }),
        },
        host_ports: v
            .ports("host.ports")
            .iter()
            .map(|&(tile, side)| HostPort { tile, side })
            .collect(),
        sync: if v.text("sync.kind") == "tick" {
            Sync::Tick {
                period: v.u64("sync.period"),
            }
        } else {
            Sync::Barrier {
                linear: v.text("sync.interpolate") == "linear",
                points: v.points("sync.barrier").to_vec(),
                wave: v.text("sync.model") == "wave",
            }
        },
        limits: limits(v, pair("core.weight_exponent")),
        delivery: if v.text("core.delivery") == "axon_bits" {
            Delivery::AxonBits
        } else {
            Delivery::Accumulate
        },
        lanes_per_bundle: v.u32("core.lanes_per_bundle"),
        noc: noc(v),
        time: times(v),
        energy: energies(v),
        kernels: v.names("kernels"),
        other_costs: v.names("other_costs").unwrap_or_default(),
        quantities,
        sha256: [0; 32],
    }
}

/// Tiles of the board in x and y.
fn mesh_size(v: &Values) -> (u32, u32) {
    let board = v.ints("mesh.board");
    let (width, height) = (v.u32("mesh.width"), v.u32("mesh.height"));
    (width * board[0] as u32, height * board[1] as u32)
}

/// Whether the board has several chips.
fn has_borders(v: &Values) -> bool {
    v.ints("mesh.board") != [1, 1]
}

fn limits(v: &Values, weight_exponent: [i32; 2]) -> CoreLimits {
    let widths = |path: &str| v.ints(path).iter().map(|&bits| bits as u32).collect();
    CoreLimits {
        neurons: v.u32("core.neurons"),
        groups: v.u32("core.groups"),
        threshold_profiles: v.u32("core.threshold_profiles"),
        synapse_formats: v.u32("core.synapse_formats"),
        input_axons: v.u32("core.input_axons"),
        output_slots: v.u32("core.output_slots"),
        lane_destinations: v.u32("core.lane_destinations"),
        synapse_bits: v.u64("core.synapse_bits"),
        synapse_block: v.u32("core.synapse_block"),
        synapse_block_header_bits: v.u32("core.synapse_block_header"),
        synapse_word_bits: v.u32("core.synapse_word"),
        shared_pointer_bits: v.u32("core.shared_pointer"),
        weight_widths: widths("core.weight_widths"),
        index_widths: widths("core.index_widths"),
        weight_exponent,
        weight_scale: v.u32("core.weight_scale"),
        state_bits: v.u32("core.state"),
        state_slots: v.u32("core.state_slots"),
        accumulator_bits: v.u32("core.accumulator"),
        receptors: v.u32("core.receptors"),
        delay: v.u32("core.delay"),
        code_words: v.u32("core.code_words"),
        decay_bits: v.u32("core.decay"),
        threshold_bits: v.u32("core.threshold"),
        graded: v.flag("core.graded"),
    }
}

fn noc(v: &Values) -> Noc {
    // Keys of the other router do not exist.
    let cycles = |path: &str| if v.has(path) { v.u64(path) } else { 0 };
    let entries = |path: &str| if v.has(path) { v.u32(path) } else { 0 };
    Noc {
        spike_queue: v.u32("noc.spike_queue"),
        inject_queue: v.u32("noc.inject_queue"),
        input_fifo: entries("noc.input_fifo"),
        receive_queue: entries("noc.receive_queue"),
        inject: v.u64("noc.inject"),
        hop: DIRECTIONS.map(|d| cycles(&format!("noc.hop_{d}"))),
        occupancy: DIRECTIONS.map(|d| cycles(&format!("noc.occupancy_{d}"))),
        in_tile: cycles("noc.in_tile"),
        in_tile_occupancy: cycles("noc.in_tile_occupancy"),
        eject: cycles("noc.eject"),
        credit: cycles("noc.credit"),
        host: v.u64("noc.host"),
        host_occupancy: v.u64("noc.host_occupancy"),
        vc: (v.text("noc.router") == "vc").then(|| VcRouter {
            cycle: v.u64("noc.router_cycle"),
            vcs: v.u32("noc.vcs"),
            buffer: v.u32("noc.buffer"),
            routing_delay: v.u32("noc.routing_delay"),
            switch_delay: v.u32("noc.switch_delay"),
            link_delay: v.u32("noc.link_delay"),
            credit_delay: v.u32("noc.credit_delay"),
            speculative: v.flag("noc.speculative"),
            wait_for_tail_credit: v.flag("noc.wait_for_tail_credit"),
        }),
        graded_flits: if v.has("noc.graded_flits") {
            v.u32("noc.graded_flits")
        } else {
            1
        },
        networks: networks(v),
        multicast: v.has("noc.multicast") && v.text("noc.multicast") == "tree",
        order: order(v, "noc.order"),
        host_order: if v.has("noc.host_order") {
            order(v, "noc.host_order")
        } else {
            order(v, "noc.order")
        },
        routes: routes(v),
    }
}

fn networks(v: &Values) -> Vec<PacketKind> {
    let names = if v.has("noc.networks") {
        v.names("noc.networks").unwrap_or_default()
    } else {
        Vec::new()
    };
    let kind = |name: &String| super::check::network_kind(name);
    names.iter().filter_map(kind).collect()
}

fn routes(v: &Values) -> Option<Routes> {
    let given = v.has("noc.routes");
    let rows = given.then(|| v.names("noc.routes"))??;
    let (width, height) = mesh_size(v);
    let table = Routes::read(&rows, width, height);
    Some(table.expect("the table was checked"))
}

fn order(v: &Values, path: &str) -> Order {
    if v.has(path) && v.text(path) == "yx" {
        Order::Yx
    } else {
        Order::Xy
    }
}

fn times(v: &Values) -> UnitTimes {
    // `on_spike` has no `send`, and with `axon_bits` no synapse time: such keys do not exist, so they cost nothing.
    let optional = |path: &str| if v.has(path) { v.u64(path) } else { 0 };
    let instruction = |handler: &str| InstructionTime {
        fill: v.u64(&format!("{handler}.fill_time")),
        class: CLASSES.map(|class| optional(&format!("{handler}.{class}_time"))),
    };
    UnitTimes {
        update: if v.text("update.price") == "event" {
            UpdateTime::Event {
                inactive: v.u64("update.inactive_time"),
                active: v.u64("update.active_time"),
                spike: v.u64("update.spike_time"),
            }
        } else {
            UpdateTime::Instruction(instruction("update"))
        },
        on_spike: if v.text("on_spike.price") == "event" {
            OnSpikeTime::Event {
                packet: v.u64("on_spike.packet_time"),
                synapse: optional("on_spike.synapse_time"),
            }
        } else {
            OnSpikeTime::Instruction {
                packet: v.u64("on_spike.packet_time"),
                times: instruction("on_spike"),
            }
        },
        axon_out: v.u64("noc.axon_out"),
        neuron_pass: if v.has("core.neuron_pass") {
            let pass = v.ints("core.neuron_pass");
            [0, 1, 2, 3].map(|i| pass[i] as u64)
        } else {
            [0; 4]
        },
    }
}

fn energies(v: &Values) -> Energy {
    let optional = |path: &str| if v.has(path) { v.real(path) } else { 0.0 };
    let classes =
        |handler: &str| CLASSES.map(|class| optional(&format!("{handler}.{class}_energy")));
    Energy {
        update: if v.text("update.price") == "event" {
            UpdateEnergy::Event {
                inactive: v.real("update.inactive_energy"),
                active: v.real("update.active_energy"),
                spike: v.real("update.spike_energy"),
                row: optional("update.row_energy"),
                row_scope: scope(v, "update.neuron_scope"),
            }
        } else {
            UpdateEnergy::Instruction(classes("update"))
        },
        on_spike: if v.text("on_spike.price") == "event" {
            OnSpikeEnergy::Event {
                packet: v.real("on_spike.packet_energy"),
                synapse: v.real("on_spike.synapse_energy"),
            }
        } else {
            OnSpikeEnergy::Instruction {
                packet: v.real("on_spike.packet_energy"),
                class: classes("on_spike"),
            }
        },
        axon_out: v.real("energy.axon_out"),
        hop: DIRECTIONS.map(|d| v.real(&format!("energy.hop_{d}"))),
        router: ROUTER.map(|part| optional(&format!("energy.{part}"))),
        chip_crossing: if has_borders(v) {
            v.real("energy.chip_crossing")
        } else {
            0.0
        },
        in_tile: v.real("energy.in_tile"),
        host_in: v.real("energy.host_in"),
        host_out: v.real("energy.host_out"),
        sync_tile: v.real("energy.sync_tile"),
        sync_message: optional("energy.sync_message"),
        random: v.real("energy.random"),
        static_w: v.real("energy.static"),
        static_scope: scope(v, "energy.static_scope"),
    }
}

/// A scope; physical where the key does not apply.
fn scope(v: &Values, path: &str) -> Scope {
    if v.has(path) && v.text(path) == "mapped" {
        Scope::Mapped
    } else {
        Scope::Physical
    }
}
