//! What the random cases came upon. A run that has not seen enough proves nothing, so it fails.

use crate::random_image::Case;
use emulator::reference::Outcome;
use isa::chip::{Delivery, OnSpikeTime, Order, PacketKind, Sync, UpdateTime};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Counts of images, and sets of bounds and delays reached.
#[derive(Default)]
pub(crate) struct Coverage {
    images: u64,
    counts: BTreeMap<&'static str, u64>,
    /// (queue, depth) that stood full.
    full: BTreeSet<(&'static str, u32)>,
    /// (delivery, delay).
    delays: BTreeSet<(&'static str, u64)>,
}

impl Coverage {
    /// Adds a case and its outcomes.
    pub(crate) fn add(&mut self, case: &Case, outcomes: &[Outcome]) {
        self.images += 1;
        let chip = &case.chip;
        let any = |what: &dyn Fn(&Outcome) -> bool| outcomes.iter().any(what);
        let queues = [
            ("spike queue", chip.noc.spike_queue),
            ("injection FIFO", chip.noc.inject_queue),
            ("link FIFO", chip.noc.input_fifo),
            ("receive queue", chip.noc.receive_queue),
        ];
        for (i, queue) in queues.into_iter().enumerate() {
            if any(&|outcome| outcome.seen.full[i]) {
                self.full.insert(queue);
            }
        }
        let (delivery, axon_bits) = match chip.delivery {
            Delivery::Accumulate => ("accumulate", false),
            Delivery::AxonBits => ("axon_bits", true),
        };
        for outcome in outcomes {
            self.delays
                .extend(outcome.seen.delays.iter().map(|&delay| (delivery, delay)));
        }
        let total = |f: &dyn Fn(&emulator::reference::Counts) -> u64| {
            outcomes
                .iter()
                .flat_map(|o| &o.populations)
                .map(f)
                .sum::<u64>()
        };
        let spikes = total(&|c| c.spikes) > 0;
        let services = total(&|c| c.synaptic_ops) > 0;
        let waits = any(&|o| o.time.router_wait > 0);
        let tick = matches!(chip.sync, Sync::Tick { .. });
        let between_chips = total(&|c| c.chip_crossings) > 0;
        let facts = [
            ("neuron stalls", any(&|o| o.time.neuron_stall > 0)),
            ("axon-out stalls", any(&|o| o.time.axon_out_stall > 0)),
            (
                "full router buffers",
                any(&|o| o.seen.full[1] || o.seen.full[2]),
            ),
            ("full link FIFOs", any(&|o| o.seen.full[2])),
            ("full receive queues", any(&|o| o.seen.full[3])),
            (
                "waiting for links",
                any(&|o| o.links.iter().any(|link| link.1 > 0)),
            ),
            (
                "full VC buffers",
                chip.noc.vc.is_none() || any(&|o| o.seen.full[2]),
            ),
            ("waiting host packets", any(&|o| o.time.host_wait > 0)),
            ("both planes", any(&|o| o.seen.planes.len() == 2)),
            ("accumulate, spiking", !axon_bits && spikes),
            ("axon_bits, spiking", axon_bits && spikes),
            ("tick, spiking", tick && spikes),
            ("barrier, spiking", !tick && spikes),
            ("late packets", any(&|o| o.late > 0)),
            ("overruns", any(&|o| o.overruns > 0)),
            (
                "update by event",
                matches!(chip.time.update, UpdateTime::Event { .. }) && spikes,
            ),
            (
                "update by instruction",
                matches!(chip.time.update, UpdateTime::Instruction(_)) && spikes,
            ),
            (
                "on_spike by event",
                matches!(chip.time.on_spike, OnSpikeTime::Event { .. }) && services,
            ),
            (
                "on_spike by instruction",
                matches!(chip.time.on_spike, OnSpikeTime::Instruction { .. }) && services,
            ),
            ("merges", total(&|c| c.axon_merges) > 0),
            ("random draws", total(&|c| c.random_draws) > 0),
            ("idle lanes", total(&|c| c.neuron_updates_inactive) > 0),
            ("host packets in", total(&|c| c.packets_host_in) > 0),
            ("host packets out", total(&|c| c.packets_host_out) > 0),
            ("noc time", any(&|o| o.steps.iter().any(|s| s.noc > 0))),
            (
                "synapse time",
                any(&|o| o.steps.iter().any(|s| s.synapse > 0)),
            ),
            (
                "pending sums",
                any(&|o| {
                    o.words
                        .iter()
                        .any(|w| w.accumulators.values().any(|v| *v != 0))
                }),
            ),
            (
                "pending bits",
                any(&|o| o.words.iter().any(|w| !w.axon_bits.is_empty())),
            ),
            (
                "carried state",
                case.samples.len() > 1 && case.between != emulator::Between::Reset,
            ),
            ("spikes of two sends in one bundle", spread(case)),
            ("several networks in use", networks(case) && waits),
            (
                "packets of several flits, waiting",
                total(&|c| c.flits_in) > total(&|c| c.tile_deliveries) && waits,
            ),
            (
                "copied packets, waiting",
                total(&|c| c.switch_grants) > total(&|c| c.buffer_writes) && waits,
            ),
            (
                "along y first",
                chip.noc.order == Order::Yx && total(&|c| c.hops_north + c.hops_south) > 0,
            ),
            (
                "a barrier of messages, waiting",
                matches!(chip.sync, Sync::Barrier { wave: true, .. }) && spikes && waits,
            ),
            ("between chips, waiting", between_chips && waits),
            (
                "between chips, a barrier of messages",
                between_chips && matches!(chip.sync, Sync::Barrier { wave: true, .. }),
            ),
            ("between chips, a tick", between_chips && tick),
            (
                "between chips, copied or of several flits",
                between_chips
                    && (total(&|c| c.switch_grants) > total(&|c| c.buffer_writes)
                        || total(&|c| c.flits_in) > total(&|c| c.tile_deliveries)),
            ),
            (
                "by a table",
                chip.noc.routes.is_some() && total(&|c| c.hops_north + c.hops_south) > 0 && waits,
            ),
            (
                "the host's own order",
                chip.noc.order != chip.noc.host_order && total(&|c| c.packets_host_in) > 0,
            ),
        ];
        for (fact, holds) in facts {
            *self.counts.entry(fact).or_default() += u64::from(holds);
        }
    }

    /// Fails when too little was seen of routers `vc`.
    pub(crate) fn check_vc(&self) {
        let share = |fact: &str| self.counts[fact] * 100 / self.images;
        for (fact, least) in [
            ("neuron stalls", 20),
            ("axon-out stalls", 20),
            ("full router buffers", 40),
            ("waiting host packets", 10),
            ("waiting for links", 20),
            ("both planes", 20),
            ("tick, spiking", 20),
            ("barrier, spiking", 20),
            ("late packets", 5),
            ("full VC buffers", 20),
        ] {
            assert!(share(fact) >= least, "{fact}: {} %\n{self}", share(fact));
        }
    }

    /// Fails when too little was seen.
    pub(crate) fn check(&self) {
        let share = |fact: &str| self.counts[fact] * 100 / self.images;
        for fact in [
            "neuron stalls",
            "full router buffers",
            "full link FIFOs",
            "full receive queues",
            "tick, spiking",
            "barrier, spiking",
            "accumulate, spiking",
        ] {
            assert!(share(fact) >= 20, "{fact}: {} %\n{self}", share(fact));
        }
        for (fact, count) in &self.counts {
            assert!(
                count * 100 >= self.images,
                "{fact}: {count} of {}\n{self}",
                self.images
            );
        }
        for queue in [
            "spike queue",
            "injection FIFO",
            "link FIFO",
            "receive queue",
        ] {
            for depth in 1..=4 {
                assert!(
                    self.full.contains(&(queue, depth)),
                    "no full {queue} of {depth}\n{self}"
                );
            }
        }
        let deep = |queue| {
            self.full
                .iter()
                .any(|(name, depth)| *name == queue && *depth > 8)
        };
        for queue in ["injection FIFO", "link FIFO", "receive queue"] {
            assert!(deep(queue), "no deep {queue} was full\n{self}");
        }
        for (delivery, longest) in [("accumulate", 62), ("axon_bits", 14)] {
            for delay in 0..=longest {
                assert!(
                    self.delays.contains(&(delivery, delay)),
                    "{delivery}: no delay {delay}\n{self}"
                );
            }
        }
    }
}

/// Packets of one chip's several virtual networks.
fn networks(case: &Case) -> bool {
    let noc = &case.chip.noc;
    let hosts = !case.image.io.inputs.is_empty();
    let mut groups = case.image.cores.iter().flat_map(|core| &core.groups);
    let graded = groups.any(|group| group.sends_payload());
    (noc.networks.contains(&PacketKind::Host) && hosts)
        || (noc.networks.contains(&PacketKind::Graded) && graded)
}

/// A core prices by instruction in bundles of several lanes and has a handler with two sends.
fn spread(case: &Case) -> bool {
    let sends = |words: &[u32]| {
        let ops = words
            .iter()
            .filter_map(|word| isa::op::decode(*word).ok())
            .map(|i| i.op);
        ops.filter(|op| matches!(op, isa::op::Op::Spk | isa::op::Op::Spkg))
            .count()
    };
    let groups = || case.image.cores.iter().flat_map(|core| &core.groups);
    let priced = matches!(case.chip.time.update, UpdateTime::Instruction(_))
        && case.chip.lanes_per_bundle > 1;
    priced && groups().any(|group| sends(&group.update) > 1)
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} images", self.images)?;
        for (fact, count) in &self.counts {
            writeln!(
                f,
                "  {fact:<36} {count:>6}  {:>3} %",
                count * 100 / self.images.max(1)
            )?;
        }
        writeln!(f, "  queues that stood full: {:?}", self.full)?;
        let delays = |name: &str| {
            self.delays
                .iter()
                .filter(|(delivery, _)| *delivery == name)
                .map(|(_, d)| *d)
                .collect::<Vec<_>>()
        };
        writeln!(f, "  delays, accumulate: {:?}", delays("accumulate"))?;
        writeln!(f, "  delays, axon_bits: {:?}", delays("axon_bits"))
    }
}
