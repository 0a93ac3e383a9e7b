//! What goes into a run and what comes out of it: plain data, shared by the engine, the reports and the tests.
//!
//! Invariant: every number here is counted, none is estimated; costs are multiplied in the report only.

/// Input of one sample: for each step the elements that carry a value, ascending by element.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleInput {
    /// Steps presented.
    pub steps: u32,
    /// `offsets[t]..offsets[t+1]` are the events of step t; `steps + 1` entries.
    pub offsets: Vec<u32>,
    /// Input element of each event.
    pub elements: Vec<u32>,
    /// Value of each event: a count of packets, or a graded payload. Never 0.
    pub values: Vec<i32>,
}

/// What happens between samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Each sample starts from the image's initial state. The cost of the reset is not modelled.
    Reset,
    /// So many steps without input; they are counted in the sample before.
    Blank(u32),
    /// Nothing: state carries over.
    None,
}

/// Whether the step is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// Every cycle of cores and network.
    Cycle,
    /// Function and counters only.
    Off,
}

/// Options of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of every random draw.
    pub seed: u64,
    /// Host threads; the result does not depend on it.
    pub threads: usize,
    /// Cycle timing or none.
    pub timing: Timing,
    /// Separation of samples.
    pub between: Between,
    /// Steps appended to each sample.
    pub drain: u32,
    /// Keep every spike (step, neuron).
    pub record_spikes: bool,
    /// Keep the times of every packet (tests and traces).
    pub record_packets: bool,
}

macro_rules! counters {
    ($(#[$m:meta])* $name:ident { $($(#[$d:meta])* $field:ident),* $(,)? } largest { $($(#[$e:meta])* $peak:ident),* $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$d])* pub $field: u64,)* $($(#[$e])* pub $peak: u64),* }
        impl $name {
            /// Names and values, in order.
            pub fn entries(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($field), self.$field),)* $((stringify!($peak), self.$peak)),*]
            }
            /// Sets the one of that name; false if there is none.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($field) => self.$field = value,)*
                    $(stringify!($peak) => self.$peak = value,)*
                    _ => return false,
                }
                true
            }
            /// Merges another set: counts add up, of peaks the larger stays.
            pub fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
                $(self.$peak = self.$peak.max(other.$peak);)*
            }
        }
    };
}

counters! {
    /// Functional events: identical for any mapping of host threads, with timing on or off. `specs/energy.md` prices them.
    Counters {
        /// Lanes updated (`active + inactive`).
        neuron_updates,
        /// Lanes that did not take an `.idle` branch.
        neuron_updates_active,
        /// Lanes that took one.
        neuron_updates_inactive,
        /// Lanes whose handler executed `spk` or `spkg`.
        spikes,
        /// Synapses serviced (accumulate: per packet; axon_bits: per set bit and connected lane, in the delivery tick).
        synaptic_ops,
        /// Packets sent by cores to cores, one per (spike, destination entry), the own core included.
        packets,
        /// Of these, to the own core.
        packets_local,
        /// Packets sent by the host to cores.
        packets_host_in,
        /// Packets that left the mesh at a host port.
        packets_host_out,
        /// Flits pushed into the mesh by cores: those of a packet once, however many targets it has.
        flits_out,
        /// Flits handed by routers to cores.
        flits_in,
        /// Links crossed eastward (x + 1) by flits, host links not counted.
        hops_east,
        /// Links crossed westward.
        hops_west,
        /// Links crossed northward (y + 1).
        hops_north,
        /// Links crossed southward.
        hops_south,
        /// Of the links crossed by flits, those from chip to chip of a board.
        chip_crossings,
        /// Flits written to the FIFO of a router.
        buffer_writes,
        /// Flits that a router let out: copies, where a packet's routes part.
        switch_grants,
        /// Messages of barriers over links, of all steps together; under the host.
        barrier_messages,
        /// Packets handed by a router to a core of its tile (`packets + packets_host_in`).
        tile_deliveries,
        /// axon_bits: packets that found their bit already set.
        axon_merges,
        /// Random words drawn.
        random_draws,
        /// `update`: ALU instructions executed, in lanes (classes of `specs/isa.toml`).
        update_alu,
        /// `update`: multiplies.
        update_mul,
        /// `update`: loads, stores, accumulator reads, table reads.
        update_mem,
        /// `update`: branches, halt.
        update_ctl,
        /// `update`: `spk`, `spkg`.
        update_send,
        /// `update`: `rng`.
        update_rng,
        /// `on_spike`: ALU.
        on_spike_alu,
        /// `on_spike`: multiplies.
        on_spike_mul,
        /// `on_spike`: loads, stores, `acc`, table reads.
        on_spike_mem,
        /// `on_spike`: branches, halt.
        on_spike_ctl,
        /// `on_spike`: `rng`.
        on_spike_rng,
    } largest {}
}

counters! {
    /// What contention can change; only with cycle timing.
    TimeCounters {
        /// Cycles in which a neuron unit had a spike ready and the spike queue was full.
        neuron_stall,
        /// Cycles in which an axon-out unit had a packet ready and no injection slot.
        axon_out_stall,
        /// Cycles that packets waited at the head or inside router FIFOs beyond their arrival, summed over packets.
        router_wait,
        /// Cycles that packets waited for the synapse unit, summed over packets.
        synapse_wait,
        /// Cycles that host packets waited outside the mesh.
        host_wait,
    } largest {
        /// Largest occupancy seen of any spike queue.
        spike_queue_peak,
        /// Largest occupancy seen of any router input FIFO (injection included).
        router_fifo_peak,
        /// Largest occupancy seen of any receive queue.
        receive_queue_peak,
    }
}

/// Cycles of one step and what bounded them; the parts sum to `cycles` exactly (`specs/timestep.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTime {
    /// Whole step.
    pub cycles: u64,
    /// Largest unstalled neuron-unit work of any core.
    pub neuron: u64,
    /// End on a network without latency and limits, minus `neuron`.
    pub synapse: u64,
    /// Simulated end minus that.
    pub noc: u64,
    /// The rest: barrier, or waiting for the tick.
    pub sync: u64,
}

/// Per core, summed over the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreUse {
    /// Unstalled neuron-unit cycles.
    pub neuron_cycles: u64,
    /// Synapse-unit service cycles.
    pub synapse_cycles: u64,
    /// Cycles its neuron unit was stalled by a full spike queue (timing only).
    pub stall_cycles: u64,
    /// Spikes of its lanes.
    pub spikes: u64,
    /// Synaptic operations.
    pub synaptic_ops: u64,
    /// Packets it received.
    pub packets_in: u64,
    /// Packets it sent (own core included, host excluded).
    pub packets_out: u64,
}

/// One directed link between neighbouring tiles (both planes together).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkUse {
    /// Packets that crossed it (functional).
    pub packets: u64,
    /// Cycles that packets waited for it: head of FIFO, output busy, no credit or lost arbitration (timing only).
    pub wait_cycles: u64,
}

/// Directions of links, in port order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// x + 1
    East = 0,
    /// x − 1
    West = 1,
    /// y + 1
    North = 2,
    /// y − 1
    South = 3,
}

/// Times of one packet, relative to the step's start (barrier) or absolute (tick).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PacketTime {
    /// Step in which it was sent, counted from the sample's preload step 0.
    pub step: u32,
    /// Sending core, or `isa::image::HOST | port`.
    pub source: u32,
    /// Its place among the packets of that sender in the step.
    pub sequence: u32,
    /// Receiving core, or `HOST | port`.
    pub target: u32,
    /// Cycle of the push into the injection FIFO (host: onto the host link).
    pub sent: u64,
    /// Cycle of arrival in the receive queue (host: cycle it left the mesh).
    pub arrived: u64,
    /// End of its service by the synapse unit (host: equal to `arrived`).
    pub served: u64,
}

/// What one sample gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SampleResult {
    /// Functional counters of each population, then one more entry for the host input.
    pub populations: Vec<Counters>,
    /// Spikes of each population in the steps that count for it: its depth `k … k + T − 1` (`specs/timestep.md`, Readout).
    pub counted_spikes: Vec<u64>,
    /// Time counters.
    pub time_counters: TimeCounters,
    /// One entry per step that ran, the preload step first. Empty with timing off.
    pub step_times: Vec<StepTime>,
    /// Per core of the image, in image order.
    pub cores: Vec<CoreUse>,
    /// `tile × 4 + direction`.
    pub links: Vec<LinkUse>,
    /// Spikes (step, logical id) in order of (step, core, lane); only when recorded.
    pub spikes: Vec<(u32, u32)>,
    /// Packets that left at host ports: (step sent, output element, payload), in order of (step, core, lane).
    pub outputs: Vec<(u32, u32, i32)>,
    /// Per probe: values, step-major (`step × neurons + index`), after the update of each step.
    pub probes: Vec<Vec<i32>>,
    /// Times of every packet, sorted; only when recorded.
    pub packets: Vec<PacketTime>,
    /// Traced steps, of the sample that [`run_traced`](crate::run_traced) was asked for.
    pub trace: Option<Box<crate::trace::Trace>>,
    /// Packets whose service ended too late (`sync = "tick"`).
    pub late_packets: u64,
    /// Core-ticks that began with the core still busy.
    pub overruns: u64,
    /// Steps that ran, without the preload step: presented + drain + blank.
    pub steps: u32,
    /// SHA-256 of the canonical serialisation of the final `CoreState`.
    pub state_digest: [u8; 32],
}
