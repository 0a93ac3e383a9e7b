//! Limits of a chip: does a well-formed image fit it?
//!
//! Invariant: every field of `CoreLimits` is checked here and nowhere else, and every number in a message comes from
//! the chip file or the image.

use super::report::Report;
use super::{Part, Violation, handler, idle};
use crate::chip::{ChipSpec, CoreLimits, Delivery, OnSpikeTime, presets_that_run};
use crate::image::{CoreProgram, Dest, Group, HOST, Image, Segment, SynapseFormat, SynapseKind};
use crate::op::{Handler, Op, decode};
use std::collections::BTreeSet;

/// Constants that are thresholds: each distinct value takes a threshold profile.
const THRESHOLD: &str = "THETA";
/// Constants that are decay factors in units of 2^-12 (`assembler/kernels`).
const DECAYS: [&str; 3] = ["DECAY", "DECAY_U", "DECAY_V"];
/// Bits of those units.
const DECAY_UNIT_BITS: u32 = 12;

/// What keeps a well-formed image (`structure`) from running on a chip: limits, kernels, delays, host ports, idle
/// hints, and rules that follow from the way the chip is priced. All violations, in image order.
pub fn fits(image: &Image, chip: &ChipSpec) -> Vec<Violation> {
    let mut fit = Fit {
        chip,
        limits: &chip.limits,
        report: Report::default(),
        part: None,
    };
    for core in &image.cores {
        fit.core(core);
    }
    fit.io(image);
    fit.report.finish()
}

struct Fit<'a> {
    chip: &'a ChipSpec,
    limits: &'a CoreLimits,
    report: Report,
    /// Part that the next rule is about.
    part: Option<Part>,
}

impl Fit<'_> {
    fn add(&mut self, place: &str, what: String, remedy: &str) {
        self.report.add(place, what, remedy);
        self.report.part(self.part.take());
    }

    /// The next rule is about this part.
    fn at(&mut self, part: Part) -> &mut Self {
        self.part = Some(part);
        self
    }

    /// `value` of something that the chip has `limit` of.
    fn at_most(&mut self, place: &str, value: u64, limit: u64, name: &str, remedy: &str) {
        if value > limit {
            let what = format!(
                "needs {value} {name}; chip \"{}\" has {limit}",
                self.chip.name
            );
            self.add(place, what, remedy);
        }
        self.part = None;
    }

    fn core(&mut self, core: &CoreProgram) {
        let place = format!("core {}", core.core.0);
        let limits = self.limits;
        let cores = self.chip.cores();
        if core.core.0 >= cores {
            let what = format!(
                "chip \"{}\" has cores 0 to {}",
                self.chip.name,
                cores.saturating_sub(1)
            );
            self.add(
                &place,
                what,
                "use a core that the chip has, or a larger chip",
            );
        }
        let spread = "spread its neurons over more cores";
        self.at(Part::Group(first_beyond(core, limits.neurons)))
            .at_most(
                &place,
                core.lanes().into(),
                limits.neurons.into(),
                "neurons",
                spread,
            );
        self.at(Part::Group(limits.groups as usize)).at_most(
            &place,
            core.groups.len() as u64,
            limits.groups.into(),
            "groups",
            spread,
        );
        let profiles = thresholds(core).collect::<BTreeSet<i32>>().len() as u64;
        let few = "use fewer different thresholds in the core, or more cores";
        self.at_most(
            &place,
            profiles,
            limits.threshold_profiles.into(),
            "threshold profiles",
            few,
        );
        let few = "use fewer different formats in the core, or more cores";
        self.at(Part::Format(limits.synapse_formats as usize))
            .at_most(
                &place,
                core.formats.len() as u64,
                limits.synapse_formats.into(),
                "synapse formats",
                few,
            );
        self.at(Part::Axon(limits.input_axons as usize)).at_most(
            &place,
            core.axons.len() as u64,
            limits.input_axons.into(),
            "input axons",
            spread,
        );
        self.at_most(
            &place,
            core.dests.len() as u64,
            limits.output_slots.into(),
            "output slots",
            spread,
        );
        self.at_most(
            &place,
            core.synapse_bits(limits),
            limits.synapse_bits,
            "bits of synapse memory",
            spread,
        );
        self.part = instruction_beyond(core, limits.code_words);
        self.at_most(
            &place,
            code_words(core),
            limits.code_words.into(),
            "code words",
            "use fewer kernels in the core, or more cores",
        );
        self.lane_destinations(&place, core);
        for (index, format) in core.formats.iter().enumerate() {
            self.format(&format!("{place} format {index}"), format);
        }
        for (index, group) in core.groups.iter().enumerate() {
            let crossbar = |segment: &Segment| {
                let format = core.formats.get(usize::from(segment.format));
                usize::from(segment.group) == index
                    && format.is_some_and(|format| format.kind == SynapseKind::Crossbar)
            };
            let weight_is_state = core.segments.iter().any(crossbar);
            self.group(&place, index, group, weight_is_state);
        }
        self.synapse_delays(&place, core);
        self.multicast(&place, core);
        self.dests(&place, &core.dests, Some(core.dest_counts.as_slice()));
    }

    fn lane_destinations(&mut self, place: &str, core: &CoreProgram) {
        let most = core
            .dest_counts
            .iter()
            .enumerate()
            .max_by_key(|&(lane, &count)| (count, std::cmp::Reverse(lane)));
        if let Some((lane, &count)) = most {
            let remedy = "use a copy or a relay neuron for each further destination";
            let place = format!("{place} lane {lane}");
            self.part = Some(Part::Lane(lane));
            self.at_most(
                &place,
                count.into(),
                self.limits.lane_destinations.into(),
                "destinations",
                remedy,
            );
        }
    }

    fn format(&mut self, place: &str, format: &SynapseFormat) {
        let limits = self.limits;
        if self.chip.delivery == Delivery::AxonBits && format.delay_bits > 0 {
            let what = format!(
                "{} delay bits; chip \"{}\" delays at the destination",
                format.delay_bits, self.chip.name
            );
            self.add(place, what, "write the delay into the destination");
        }
        if format.kind == SynapseKind::Crossbar {
            return;
        }
        if format.kind == SynapseKind::Shared && limits.shared_pointer_bits == 0 {
            let what = format!(
                "shared synapses; chip \"{}\" stores every synapse",
                self.chip.name
            );
            self.add(
                place,
                what,
                "use sparse segments, or a chip with `core.shared_pointer`",
            );
        }
        self.one_of(
            place,
            "weight bits",
            format.weight_bits.into(),
            &limits.weight_widths,
        );
        if matches!(format.kind, SynapseKind::Sparse | SynapseKind::Shared) {
            self.one_of(
                place,
                "index bits",
                format.index_bits.into(),
                &limits.index_widths,
            );
        }
        let [low, high] = limits.weight_exponent;
        if !(low..=high).contains(&i32::from(format.exponent)) {
            let what = format!(
                "weight exponent {}; chip \"{}\" has {low} to {high}",
                format.exponent, self.chip.name
            );
            self.add(place, what, "scale the weights and thresholds");
        }
        if u32::from(format.scale) != limits.weight_scale {
            let what = format!(
                "weight scale {}; chip \"{}\" has {}",
                format.scale, self.chip.name, limits.weight_scale
            );
            self.add(place, what, "use the chip's scale");
        }
    }

    fn one_of(&mut self, place: &str, name: &str, value: u32, allowed: &[u32]) {
        if !allowed.contains(&value) {
            let what = format!(
                "{value} {name}; chip \"{}\" has {}",
                self.chip.name,
                list(allowed)
            );
            self.add(place, what, "use the next larger width that the chip has");
        }
    }

    fn group(&mut self, core: &str, number: usize, group: &Group, weight_is_state: bool) {
        let (chip, limits) = (self.chip, self.limits);
        let place = &format!("{core} group {number}");
        if let Some(kernels) = chip
            .kernels
            .as_ref()
            .filter(|kernels| !kernels.contains(&group.kernel))
        {
            let what = format!(
                "kernel `{}`; chip \"{}\" runs {}",
                group.kernel,
                chip.name,
                list(kernels)
            );
            let remedy = match presets_that_run(&group.kernel).join(", ") {
                none if none.is_empty() => "use one of these neuron models".to_owned(),
                presets => {
                    format!("use one of these neuron models, or a programmable chip: {presets}")
                }
            };
            self.add(place, what, &remedy);
        }
        self.at(Part::Slot(limits.state_slots as usize)).at_most(
            place,
            group.slots.len() as u64,
            limits.state_slots.into(),
            "state slots",
            "keep less state",
        );
        let widths = group.slots.iter().map(|slot| u64::from(slot.bits));
        let widest = widths
            .enumerate()
            .max_by_key(|&(at, bits)| (bits, std::cmp::Reverse(at)));
        let (slot, widest) = widest.unwrap_or_default();
        self.at(Part::Slot(slot)).at_most(
            place,
            widest,
            limits.state_bits.into(),
            "bits in a state word",
            "narrow the slot",
        );
        let bits = u64::from(group.accumulator_bits);
        self.at(Part::Accumulator).at_most(
            place,
            bits,
            limits.accumulator_bits.into(),
            "accumulator bits",
            "narrow the accumulator",
        );
        self.at(Part::Receptors).at_most(
            place,
            group.receptors.into(),
            limits.receptors.into(),
            "receptors",
            "join receptors",
        );
        for (at, (name, value)) in group.constants.iter().enumerate() {
            self.part = Some(Part::Constant(at));
            self.constant(place, name, *value);
            self.part = None;
        }
        if let Some((handler, index)) = sends_graded(group).filter(|_| !self.graded()) {
            let what = format!(
                "`spkg` in {} instruction {index}; packets of chip \"{}\" carry no payload",
                handler.name(),
                chip.name
            );
            self.at(Part::Instruction(number, handler, index)).add(
                place,
                what,
                "send plain spikes with `spk`, or use a chip with graded spikes",
            );
        }
        for fault in idle::check(&group.update, group) {
            self.report.push(fault.violation(
                place,
                Handler::Update,
                "drop the `.idle` hint, or make the skipped path without effect",
            ));
        }
        if matches!(chip.time.on_spike, OnSpikeTime::Instruction { .. }) {
            for fault in handler::depends_on_state(&group.on_spike, weight_is_state) {
                let remedy = "use `sel` instead, or a chip that prices on_spike by event: service time must not depend on state";
                self.report
                    .push(fault.violation(place, Handler::OnSpike, remedy));
            }
        }
    }

    /// Whether packets carry a payload. An axon bit cannot.
    fn graded(&self) -> bool {
        self.limits.graded && self.chip.delivery == Delivery::Accumulate
    }

    fn constant(&mut self, place: &str, name: &str, value: i32) {
        let (chip, limits) = (self.chip, self.limits);
        if name == THRESHOLD {
            let scale = limits.weight_scale.min(31);
            let (mantissa, rest) = (
                i64::from(value) >> scale,
                i64::from(value) & ((1 << scale) - 1),
            );
            let end = 1i64 << limits.threshold_bits.min(32);
            if rest != 0
                || !(-end..end).contains(&mantissa)
                || (mantissa < 0 && limits.threshold_bits < 32)
            {
                let what = format!(
                    "threshold {value}; chip \"{}\" has {} bits, in units of 2^{}",
                    chip.name, limits.threshold_bits, limits.weight_scale
                );
                self.add(place, what, "scale weights and thresholds together");
            }
        }
        if DECAYS.contains(&name) {
            let unit = 1i32 << DECAY_UNIT_BITS.saturating_sub(limits.decay_bits);
            if !(0..=1 << DECAY_UNIT_BITS).contains(&value) || value % unit != 0 {
                let what = format!(
                    "decay factor {name} = {value} / 4096; chip \"{}\" has {} bits",
                    chip.name, limits.decay_bits
                );
                self.add(
                    place,
                    what,
                    "0 to 4096, rounded to the bits that the chip has",
                );
            }
        }
    }

    fn synapse_delays(&mut self, place: &str, core: &CoreProgram) {
        let longest = core.delays.iter().copied().max().unwrap_or(0);
        self.part = delayed_axon(core, longest).map(Part::Axon);
        if self.chip.delivery == Delivery::Accumulate {
            self.at_most(
                place,
                longest.into(),
                self.limits.delay.into(),
                "steps of synapse delay",
                RELAY,
            );
        }
        self.part = None;
    }

    /// Packets to several cores: only where the routers copy them, and of one flit.
    fn multicast(&mut self, place: &str, core: &CoreProgram) {
        let noc = &self.chip.noc;
        let flits = core.groups.iter().flat_map(|group| {
            std::iter::repeat_n(noc.flits(group.sends_payload()), group.lanes as usize)
        });
        let mut first = 0;
        for ((lane, count), flits) in core.dest_counts.iter().enumerate().zip(flits) {
            let end = first + usize::from(*count);
            let list = core.dests.get(first..end).unwrap_or_default();
            let joined = list.iter().position(|dest| dest.joined);
            let at = joined.map(|at| first + at);
            first = end;
            let Some(at) = at.filter(|_| !noc.multicast || flits > 1) else {
                continue;
            };
            let (what, remedy) = if noc.multicast {
                (
                    format!(
                        "destination {at} is joined to a packet of {flits} flits; only packets of one flit are copied"
                    ),
                    "send each core a packet of its own",
                )
            } else {
                (
                    format!(
                        "destination {at} is joined to the packet before it; chip \"{}\" has no multicast",
                        self.chip.name
                    ),
                    "send each core a packet of its own, or take a chip with noc.multicast = \"tree\"",
                )
            };
            self.part = Some(Part::Lane(lane));
            self.add(place, what, remedy);
            self.part = None;
            return;
        }
    }

    /// Destinations, and how many each lane has.
    fn dests(&mut self, place: &str, dests: &[Dest], counts: Option<&[u16]>) {
        let longest = dests.iter().map(|dest| dest.delay).max().unwrap_or(0);
        let lane = |found: Option<usize>| {
            let lane =
                found.and_then(|at| owner(counts?.iter().map(|count| u64::from(*count)), at));
            lane.map(Part::Lane)
        };
        self.part = lane(dests.iter().position(|dest| dest.delay == longest));
        match self.chip.delivery {
            Delivery::AxonBits => {
                self.at_most(
                    place,
                    longest.into(),
                    self.limits.delay.into(),
                    "steps of destination delay",
                    RELAY,
                );
            }
            Delivery::Accumulate if longest > 0 => {
                let what = format!(
                    "a destination with delay {longest}; chip \"{}\" delays in the synapse",
                    self.chip.name
                );
                self.add(place, what, "write the delay into the synapses");
            }
            Delivery::Accumulate => {}
        }
        self.part = None;
        let hosts = dests
            .iter()
            .filter(|dest| dest.target & HOST != 0)
            .map(|dest| dest.target & !HOST);
        if let Some(port) = hosts.max() {
            self.part = lane(dests.iter().position(|dest| dest.target == port | HOST));
            self.host_port(place, port);
            self.part = None;
        }
    }

    fn host_port(&mut self, place: &str, port: u32) {
        let ports = self.chip.host_ports.len();
        if port as usize >= ports {
            let what = format!(
                "host port {port}; chip \"{}\" has {ports}, numbered from 0",
                self.chip.name
            );
            self.add(place, what, "use a port that the chip has");
        }
    }

    fn io(&mut self, image: &Image) {
        for input in &image.io.inputs {
            let place = format!("input \"{}\"", input.name);
            self.host_port(&place, input.port.into());
            if input.graded && !self.graded() {
                let what = format!(
                    "graded values; packets of chip \"{}\" carry no payload",
                    self.chip.name
                );
                self.add(
                    &place,
                    what,
                    "encode the input as spikes, or use a chip with graded spikes",
                );
            }
        }
        self.dests("io", &image.io.input_dests, None);
    }
}

/// What helps when a delay is too long.
const RELAY: &str = "shorten the delay, or use relay neurons";

fn thresholds(core: &CoreProgram) -> impl Iterator<Item = i32> {
    let constants = core.groups.iter().flat_map(|group| &group.constants);
    constants
        .filter(|(name, _)| name == THRESHOLD)
        .map(|(_, value)| *value)
}

/// Words of all handlers of a core, identical handlers counted once.
fn code_words(core: &CoreProgram) -> u64 {
    handlers(core).map(|(.., words)| words.len() as u64).sum()
}

/// The different handlers of a core, each where it stands first.
fn handlers(core: &CoreProgram) -> impl Iterator<Item = (usize, Handler, &[u32])> {
    let mut seen = BTreeSet::new();
    let all = core.groups.iter().enumerate().flat_map(|(at, group)| {
        [
            (at, Handler::Update, group.update.as_slice()),
            (at, Handler::OnSpike, group.on_spike.as_slice()),
        ]
    });
    all.filter(move |(.., words)| seen.insert(*words))
}

/// The first instruction that has no room.
fn instruction_beyond(core: &CoreProgram, limit: u32) -> Option<Part> {
    let lengths = handlers(core).map(|(.., words)| words.len() as u64);
    let run = owner(lengths, limit as usize)?;
    let before: usize = handlers(core)
        .take(run)
        .map(|(.., words)| words.len())
        .sum();
    let (group, handler, _) = handlers(core).nth(run)?;
    Some(Part::Instruction(group, handler, limit as usize - before))
}

/// Which of several runs of these lengths holds element `at`.
fn owner(lengths: impl Iterator<Item = u64>, at: usize) -> Option<usize> {
    let mut end = 0;
    lengths
        .enumerate()
        .find(|(_, length)| {
            end += length;
            (at as u64) < end
        })
        .map(|(run, _)| run)
}

/// The group in which the lanes of a core pass a limit.
fn first_beyond(core: &CoreProgram, limit: u32) -> usize {
    let lanes = core.groups.iter().map(|group| u64::from(group.lanes));
    owner(lanes, limit as usize).unwrap_or(0)
}

/// The first axon with a synapse of this delay.
fn delayed_axon(core: &CoreProgram, delay: u8) -> Option<usize> {
    let at = core.delays.iter().position(|own| *own == delay)?;
    let has_delays = |segment: &&Segment| {
        let format = core.formats.get(usize::from(segment.format));
        format.is_some_and(|format| format.delay_bits > 0)
    };
    let delays = core.segments.iter().filter(has_delays);
    let counted = owner(delays.map(|segment| u64::from(segment.count)), at)?;
    let (segment, _) = core
        .segments
        .iter()
        .enumerate()
        .filter(|(_, s)| has_delays(s))
        .nth(counted)?;
    owner(
        core.axons.iter().map(|axon| u64::from(axon.segments)),
        segment,
    )
}

/// The first instruction that sends a payload.
fn sends_graded(group: &Group) -> Option<(Handler, usize)> {
    let place = |words: &[u32]| {
        words
            .iter()
            .position(|&word| decode(word).is_ok_and(|i| i.op == Op::Spkg))
    };
    let update = place(&group.update).map(|index| (Handler::Update, index));
    update.or_else(|| place(&group.on_spike).map(|index| (Handler::OnSpike, index)))
}

fn list<T: ToString>(items: &[T]) -> String {
    items
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
