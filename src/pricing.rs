//! Joules from counters: the only place where a cost meets a count.
//!
//! Invariant: each counter is multiplied once (`specs/energy.md` holds the same table in words).

use emulator::Counters;
use isa::ChipSpec;
use isa::chip::{OnSpikeEnergy, UpdateEnergy};
use serde::Serialize;

/// Dynamic energy by unit, joules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Dynamic {
    /// Synapse units: packets taken, synaptic operations.
    pub synapse: f64,
    /// Neuron units: updates, spikes, random words.
    pub neuron: f64,
    /// Axon-out units, links, delivery in the tile.
    pub noc: f64,
    /// Host links.
    pub io: f64,
}

impl Dynamic {
    /// Sum of the parts.
    pub fn total(&self) -> f64 {
        self.synapse + self.neuron + self.noc + self.io
    }

    /// Adds another.
    pub fn add(&mut self, other: &Dynamic) {
        self.synapse += other.synapse;
        self.neuron += other.neuron;
        self.noc += other.noc;
        self.io += other.io;
    }
}

/// Dynamic energy of a set of counters at a chip's costs. Rows (`update.row`) and synchronisation are priced
/// by [`rows`] and [`sync`], because no population owns them.
pub fn dynamic(c: &Counters, chip: &ChipSpec) -> Dynamic {
    let e = &chip.energy;
    let (OnSpikeEnergy::Event { packet, .. } | OnSpikeEnergy::Instruction { packet, .. }) =
        &e.on_spike;
    let hops = [c.hops_east, c.hops_west, c.hops_north, c.hops_south];
    Dynamic {
        synapse: c.tile_deliveries as f64 * packet + on_spike(c, chip),
        neuron: update(c, chip) + c.random_draws as f64 * e.random,
        noc: (c.packets + c.packets_host_out) as f64 * e.axon_out
            + weighted(&hops, &e.hop)
            + c.tile_deliveries as f64 * e.in_tile,
        io: c.packets_host_in as f64 * e.host_in + c.packets_host_out as f64 * e.host_out,
    }
}

/// The handler `update`: lanes by event, or what they executed; random words apart.
pub fn update(c: &Counters, chip: &ChipSpec) -> f64 {
    match &chip.energy.update {
        UpdateEnergy::Event {
            inactive,
            active,
            spike,
            ..
        } => {
            c.neuron_updates_inactive as f64 * inactive
                + c.neuron_updates_active as f64 * active
                + c.spikes as f64 * spike
        }
        UpdateEnergy::Instruction(class) => weighted(&update_classes(c), class),
    }
}

/// The handler `on_spike`: synaptic operations, or what they executed; packets and random words apart.
pub fn on_spike(c: &Counters, chip: &ChipSpec) -> f64 {
    match &chip.energy.on_spike {
        OnSpikeEnergy::Event { synapse, .. } => c.synaptic_ops as f64 * synapse,
        OnSpikeEnergy::Instruction { class, .. } => weighted(&on_spike_classes(c), class),
    }
}

/// Instructions of `update` by class, in the order of `isa::op::Class`.
pub fn update_classes(c: &Counters) -> [u64; 6] {
    [
        c.update_alu,
        c.update_mul,
        c.update_mem,
        c.update_ctl,
        c.update_send,
        c.update_rng,
    ]
}

/// Instructions of `on_spike` by class; it sends nothing.
pub fn on_spike_classes(c: &Counters) -> [u64; 6] {
    [
        c.on_spike_alu,
        c.on_spike_mul,
        c.on_spike_mem,
        c.on_spike_ctl,
        0,
        c.on_spike_rng,
    ]
}

fn weighted<const N: usize>(counts: &[u64; N], costs: &[f64; N]) -> f64 {
    counts
        .iter()
        .zip(costs)
        .map(|(&n, cost)| n as f64 * cost)
        .sum()
}

/// Energy of the rows that every lane in scope costs each step, joules.
pub fn rows(chip: &ChipSpec, lanes: u64, steps: u64) -> f64 {
    match &chip.energy.update {
        UpdateEnergy::Event { row, .. } => lanes as f64 * steps as f64 * row,
        UpdateEnergy::Instruction(_) => 0.0,
    }
}

/// Energy of synchronising: per step and tile in use, the preload steps included.
pub fn sync(chip: &ChipSpec, tiles: u64, steps: u64) -> f64 {
    tiles as f64 * steps as f64 * chip.energy.sync_tile
}

/// Static energy of the whole chip over so many seconds.
pub fn static_energy(chip: &ChipSpec, seconds: f64) -> f64 {
    chip.energy.static_w * seconds
}
