//! Limits of a chip: does a well-formed image fit it?
//!
//! Invariant: every field of `CoreLimits` is checked here and nowhere else, and every number in a message comes from
//! the chip file or the image.

use super::report::Report;
use super::{Violation, handler, idle};
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
}

impl Fit<'_> {
    fn add(&mut self, place: &str, what: String, remedy: &str) {
        self.report.add(place, what, remedy);
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
        self.at_most(
            &place,
            core.lanes().into(),
            limits.neurons.into(),
            "neurons",
            spread,
        );
        self.at_most(
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
        self.at_most(
            &place,
            core.formats.len() as u64,
            limits.synapse_formats.into(),
            "synapse formats",
            few,
        );
        self.at_most(
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
            self.group(&format!("{place} group {index}"), group, weight_is_state);
        }
        self.synapse_delays(&place, core);
        self.dests(&place, &core.dests);
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
        self.one_of(
            place,
            "weight bits",
            format.weight_bits.into(),
            &limits.weight_widths,
        );
        if format.kind == SynapseKind::Sparse {
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

    fn group(&mut self, place: &str, group: &Group, weight_is_state: bool) {
        let (chip, limits) = (self.chip, self.limits);
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
        self.at_most(
            place,
            group.slots.len() as u64,
            limits.state_slots.into(),
            "state slots",
            "keep less state",
        );
        let widest = group
            .slots
            .iter()
            .map(|slot| u64::from(slot.bits))
            .max()
            .unwrap_or(0);
        self.at_most(
            place,
            widest,
            limits.state_bits.into(),
            "bits in a state word",
            "narrow the slot",
        );
        let bits = u64::from(group.accumulator_bits);
        self.at_most(
            place,
            bits,
            limits.accumulator_bits.into(),
            "accumulator bits",
            "narrow the accumulator",
        );
        self.at_most(
            place,
            group.receptors.into(),
            limits.receptors.into(),
            "receptors",
            "join receptors",
        );
        for (name, value) in &group.constants {
            self.constant(place, name, *value);
        }
        if let Some((handler, index)) = sends_graded(group).filter(|_| !self.graded()) {
            let what = format!(
                "`spkg` in {} instruction {index}; packets of chip \"{}\" carry no payload",
                handler.name(),
                chip.name
            );
            self.add(
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
        if self.chip.delivery == Delivery::Accumulate {
            self.at_most(
                place,
                longest.into(),
                self.limits.delay.into(),
                "steps of synapse delay",
                RELAY,
            );
        }
    }

    fn dests(&mut self, place: &str, dests: &[Dest]) {
        let delays = dests.iter().map(|dest| dest.delay);
        let longest = delays.max().unwrap_or(0);
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
        let hosts = dests
            .iter()
            .filter(|dest| dest.target & HOST != 0)
            .map(|dest| dest.target & !HOST);
        if let Some(port) = hosts.max() {
            self.host_port(place, port);
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
        self.dests("io", &image.io.input_dests);
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
    let handlers = core
        .groups
        .iter()
        .flat_map(|group| [group.update.as_slice(), group.on_spike.as_slice()]);
    handlers
        .collect::<BTreeSet<&[u32]>>()
        .iter()
        .map(|words| words.len() as u64)
        .sum()
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
