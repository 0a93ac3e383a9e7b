//! Joules from counters: the only place where a cost meets a count.
//!
//! Invariant: each counter is multiplied once (`specs/energy.md` holds the same table in words), and every total is a sum of
//! [`Line`]s. What is priced is [`Counted`], which a run has and a report keeps, so both come to the same bits.

use crate::outcome::{Breakdown, EnergyReport, ScaledCost};
use emulator::Counters;
use indexmap::IndexMap;
use isa::ChipSpec;
use isa::chip::{OnSpikeEnergy, Scope, Sync, UpdateEnergy};
use serde::Serialize;

/// Dynamic energy by unit, joules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Dynamic {
    /// Synapse units: packets taken, synaptic operations.
    pub synapse: f64,
    /// Neuron units: updates, spikes, random words.
    pub neuron: f64,
    /// Axon-out units, links, routers, delivery in the tile.
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

/// Part of the breakdown that a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the parts of `Breakdown`")]
pub enum Part {
    Synapse,
    Neuron,
    Noc,
    Io,
    Sync,
    Static,
}

/// One product: a cost of the chip file × what it is charged for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// Key of the chip file.
    pub key: &'static str,
    /// Part of the breakdown.
    pub part: Part,
    /// What is counted.
    pub counter: &'static str,
    /// How much of it: events, or seconds of static power.
    pub count: f64,
    /// Cost in force of one, joules; of the static power, watts.
    pub cost: f64,
}

impl Line {
    /// Joules.
    pub fn energy(&self) -> f64 {
        self.count * self.cost
    }
}

/// The events of a population, or of all of them. Rows, synchronisation and static power are lines of [`Counted::lines`],
/// because no population owns them.
pub fn lines(c: &Counters, chip: &ChipSpec) -> Vec<Line> {
    let e = &chip.energy;
    let mut list = Vec::with_capacity(24);
    let mut line = |key, part, counter, count: u64, cost| {
        let count = count as f64;
        list.push(Line {
            key,
            part,
            counter,
            count,
            cost,
        });
    };
    let (OnSpikeEnergy::Event { packet, .. } | OnSpikeEnergy::Instruction { packet, .. }) =
        &e.on_spike;
    let taken = c.tile_deliveries;
    line(
        "on_spike.packet_energy",
        Part::Synapse,
        "tile_deliveries",
        taken,
        *packet,
    );
    match &e.on_spike {
        OnSpikeEnergy::Event { synapse, .. } => {
            line(
                "on_spike.synapse_energy",
                Part::Synapse,
                "synaptic_ops",
                c.synaptic_ops,
                *synapse,
            );
        }
        OnSpikeEnergy::Instruction { class, .. } => {
            let [alu, mul, mem, ctl, _, rng] = on_spike_classes(c);
            line(
                "on_spike.alu_energy",
                Part::Synapse,
                "on_spike_alu",
                alu,
                class[0],
            );
            line(
                "on_spike.mul_energy",
                Part::Synapse,
                "on_spike_mul",
                mul,
                class[1],
            );
            line(
                "on_spike.mem_energy",
                Part::Synapse,
                "on_spike_mem",
                mem,
                class[2],
            );
            line(
                "on_spike.ctl_energy",
                Part::Synapse,
                "on_spike_ctl",
                ctl,
                class[3],
            );
            line(
                "on_spike.rng_energy",
                Part::Synapse,
                "on_spike_rng",
                rng,
                class[5],
            );
        }
    }
    match &e.update {
        UpdateEnergy::Event {
            inactive,
            active,
            spike,
            ..
        } => {
            let (idle, busy) = (c.neuron_updates_inactive, c.neuron_updates_active);
            line(
                "update.inactive_energy",
                Part::Neuron,
                "neuron_updates_inactive",
                idle,
                *inactive,
            );
            line(
                "update.active_energy",
                Part::Neuron,
                "neuron_updates_active",
                busy,
                *active,
            );
            line(
                "update.spike_energy",
                Part::Neuron,
                "spikes",
                c.spikes,
                *spike,
            );
        }
        UpdateEnergy::Instruction(class) => {
            let [alu, mul, mem, ctl, send, rng] = update_classes(c);
            line(
                "update.alu_energy",
                Part::Neuron,
                "update_alu",
                alu,
                class[0],
            );
            line(
                "update.mul_energy",
                Part::Neuron,
                "update_mul",
                mul,
                class[1],
            );
            line(
                "update.mem_energy",
                Part::Neuron,
                "update_mem",
                mem,
                class[2],
            );
            line(
                "update.ctl_energy",
                Part::Neuron,
                "update_ctl",
                ctl,
                class[3],
            );
            line(
                "update.send_energy",
                Part::Neuron,
                "update_send",
                send,
                class[4],
            );
            line(
                "update.rng_energy",
                Part::Neuron,
                "update_rng",
                rng,
                class[5],
            );
        }
    }
    line(
        "energy.random",
        Part::Neuron,
        "random_draws",
        c.random_draws,
        e.random,
    );
    line(
        "energy.axon_out",
        Part::Noc,
        "flits_out",
        c.flits_out,
        e.axon_out,
    );
    line(
        "energy.hop_east",
        Part::Noc,
        "hops_east",
        c.hops_east,
        e.hop[0],
    );
    line(
        "energy.hop_west",
        Part::Noc,
        "hops_west",
        c.hops_west,
        e.hop[1],
    );
    line(
        "energy.hop_north",
        Part::Noc,
        "hops_north",
        c.hops_north,
        e.hop[2],
    );
    line(
        "energy.hop_south",
        Part::Noc,
        "hops_south",
        c.hops_south,
        e.hop[3],
    );
    if chip.mesh.border.is_some() {
        line(
            "energy.chip_crossing",
            Part::Noc,
            "chip_crossings",
            c.chip_crossings,
            e.chip_crossing,
        );
    }
    if in_parts(chip) {
        let (writes, grants) = (c.buffer_writes, c.switch_grants);
        line(
            "energy.buffer_write",
            Part::Noc,
            "buffer_writes",
            writes,
            e.router[0],
        );
        line(
            "energy.buffer_read",
            Part::Noc,
            "switch_grants",
            grants,
            e.router[1],
        );
        line(
            "energy.arbitration",
            Part::Noc,
            "switch_grants",
            grants,
            e.router[2],
        );
        line(
            "energy.crossbar",
            Part::Noc,
            "switch_grants",
            grants,
            e.router[3],
        );
        if chip.noc.vc.is_some() {
            line(
                "energy.vc_arbitration",
                Part::Noc,
                "switch_grants",
                grants,
                e.router[4],
            );
        }
    }
    line(
        "energy.in_tile",
        Part::Noc,
        "flits_in",
        c.flits_in,
        e.in_tile,
    );
    line(
        "energy.host_in",
        Part::Io,
        "packets_host_in",
        c.packets_host_in,
        e.host_in,
    );
    line(
        "energy.host_out",
        Part::Io,
        "packets_host_out",
        c.packets_host_out,
        e.host_out,
    );
    list
}

/// Whether routers are charged by their parts.
fn in_parts(chip: &ChipSpec) -> bool {
    chip.quantities.contains_key("energy.crossbar")
}

/// Dynamic energy of a set of counters at a chip's costs, without what nobody owns.
pub fn dynamic(c: &Counters, chip: &ChipSpec) -> Dynamic {
    let mut sum = Dynamic::default();
    for line in lines(c, chip) {
        let part = match line.part {
            Part::Synapse => &mut sum.synapse,
            Part::Neuron => &mut sum.neuron,
            Part::Noc => &mut sum.noc,
            Part::Io => &mut sum.io,
            Part::Sync | Part::Static => panic!("{} belongs to no population", line.key),
        };
        *part += line.energy();
    }
    sum
}

/// The handler `update`: lanes by event, or what they executed; random words apart.
pub fn update(c: &Counters, chip: &ChipSpec) -> f64 {
    sum_of(c, chip, |key| key.starts_with("update."))
}

/// The handler `on_spike`: synaptic operations, or what they executed; packets and random words apart.
pub fn on_spike(c: &Counters, chip: &ChipSpec) -> f64 {
    sum_of(c, chip, |key| {
        key.starts_with("on_spike.") && key != "on_spike.packet_energy"
    })
}

fn sum_of(c: &Counters, chip: &ChipSpec, wanted: impl Fn(&str) -> bool) -> f64 {
    let list = lines(c, chip).into_iter();
    list.filter(|l| wanted(l.key)).map(|l| l.energy()).sum()
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

/// What a chip's costs are charged for: all that the price of a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Counters of each population, and last those of the host's input, by name.
    pub populations: IndexMap<String, Counters>,
    /// Samples, at least one.
    pub samples: u64,
    /// Steps of all samples, their preload steps included.
    pub steps: u64,
    /// Tiles that hold a core of the image.
    pub tiles: u64,
    /// Lanes of the image.
    pub lanes: u64,
    /// Time of all steps, if it is known.
    pub seconds: Option<f64>,
    /// That time if no step were shorter than the model's, where steps end by a barrier and the model has a pace.
    pub model_seconds: Option<f64>,
}

impl Counted {
    /// All populations together.
    pub fn totals(&self) -> Counters {
        let mut sum = Counters::default();
        self.populations.values().for_each(|c| sum.add(c));
        sum
    }

    /// Every product of the price, over all populations.
    pub fn lines(&self, chip: &ChipSpec) -> Vec<Line> {
        let mut list = lines(&self.totals(), chip);
        list.extend(rows(chip, self.lanes, self.steps));
        list.push(sync(chip, self.tiles, self.steps));
        list.extend(self.messages(chip, self.steps));
        list.extend(self.seconds.map(|s| static_power(chip, self.tiles, s)));
        list
    }

    /// What nobody owns but rows and synchronisation of so many steps: joules of the two.
    pub fn nobody(&self, chip: &ChipSpec, steps: u64) -> [f64; 2] {
        let rows = rows(chip, self.lanes, steps).map_or(0.0, |line| line.energy());
        let messages = self.messages(chip, steps);
        let messages = messages.map_or(0.0, |line| line.energy());
        [rows, sync(chip, self.tiles, steps).energy() + messages]
    }

    /// The messages of the barriers of so many steps, each of which has as many; none where a table says how long it takes.
    fn messages(&self, chip: &ChipSpec, steps: u64) -> Option<Line> {
        let wave = matches!(chip.sync, Sync::Barrier { wave: true, .. });
        let all = self.totals().barrier_messages as f64;
        wave.then(|| Line {
            key: "energy.sync_message",
            part: Part::Sync,
            counter: "barrier_messages",
            count: all * steps as f64 / self.steps as f64,
            cost: chip.energy.sync_message,
        })
    }

    /// The price at the costs of a chip.
    pub fn price(&self, chip: &ChipSpec) -> EnergyReport {
        let mut parts = Dynamic::default();
        let mut populations = IndexMap::new();
        for (name, c) in &self.populations {
            let d = dynamic(c, chip);
            populations.insert(name.clone(), d.total());
            parts.add(&d);
        }
        let [rows, sync] = self.nobody(chip, self.steps);
        parts.neuron += rows;
        let dynamic = parts.total() + sync;
        let of = |s: f64| static_power(chip, self.tiles, s).energy();
        let static_ = self.seconds.map(of);
        let total = static_.map(|s| s + dynamic);
        EnergyReport {
            total,
            dynamic,
            static_,
            static_whole_chip: self.seconds.map(|s| chip.static_w() * s),
            static_used_tiles: self
                .seconds
                .filter(|_| self.tiles <= u64::from(chip.tiles()))
                .map(|s| chip.static_w() * s * share_of_tiles(chip, self.tiles)),
            static_at_model_pace: self.model_seconds.map(of),
            seconds: self.seconds,
            per_sample: total.map(|t| t / self.samples as f64),
            breakdown: Breakdown {
                synapse: parts.synapse,
                neuron: parts.neuron,
                noc: parts.noc,
                io: parts.io,
                sync,
                static_,
            },
            populations,
            other_costs: IndexMap::new(),
            costs: chip.name.clone(),
            voltage_v: chip.voltage,
            scaled: scaled(chip),
        }
    }
}

/// The rows that every lane in scope costs each step; none where no row has a price.
pub fn rows(chip: &ChipSpec, mapped_lanes: u64, steps: u64) -> Option<Line> {
    let UpdateEnergy::Event { row, row_scope, .. } = &chip.energy.update else {
        return None;
    };
    let lanes = match row_scope {
        Scope::Physical => u64::from(chip.cores()) * u64::from(chip.limits.neurons),
        Scope::Mapped => mapped_lanes,
    };
    (*row != 0.0).then_some(Line {
        key: "update.row_energy",
        part: Part::Neuron,
        counter: "steps × lanes in scope",
        count: lanes as f64 * steps as f64,
        cost: *row,
    })
}

/// Synchronising: per step and tile in use, the preload steps included.
pub fn sync(chip: &ChipSpec, tiles: u64, steps: u64) -> Line {
    Line {
        key: "energy.sync_tile",
        part: Part::Sync,
        counter: "steps × tiles in use",
        count: tiles as f64 * steps as f64,
        cost: chip.energy.sync_tile,
    }
}

/// Static power over so many seconds: of all chips of the board, or of the tiles in use.
pub fn static_power(chip: &ChipSpec, tiles: u64, seconds: f64) -> Line {
    let board = chip.mesh.chips() > 1;
    let (counter, share) = match (chip.energy.static_scope, board) {
        (Scope::Physical, false) => ("seconds", 1.0),
        (Scope::Physical, true) => ("seconds × chips", 1.0),
        (Scope::Mapped, false) => ("seconds × share of tiles", share_of_tiles(chip, tiles)),
        (Scope::Mapped, true) => (
            "seconds × chips × share of tiles",
            share_of_tiles(chip, tiles),
        ),
    };
    Line {
        key: "energy.static",
        part: Part::Static,
        counter,
        count: seconds * f64::from(chip.mesh.chips()) * share,
        cost: chip.energy.static_w,
    }
}

fn share_of_tiles(chip: &ChipSpec, tiles: u64) -> f64 {
    tiles as f64 / f64::from(chip.tiles())
}

/// Costs that follow the chip's voltage.
fn scaled(chip: &ChipSpec) -> IndexMap<String, ScaledCost> {
    let costs = chip.quantities.iter();
    costs
        .filter_map(|(key, q)| {
            let s = q.scaled?;
            let cost = ScaledCost {
                value: q.value,
                unit: q.unit.clone(),
                at_voltage: s.at_voltage,
                exponent: s.exponent,
                factor: s.factor,
            };
            Some((key.clone(), cost))
        })
        .collect()
}
