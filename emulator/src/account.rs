//! From what machines and timers saw to the result of a sample.
//!
//! Invariant: a packet's route, deliveries and synapses follow from its destination entry, so they are counted here once per
//! entry and multiplied; nothing depends on how cores were shared out.

use crate::api::{CoreUse, Counters, LinkUse, SampleInput, SampleResult};
use crate::machine::{Seen, probe_places};
use crate::mutants::{self, Mutant};
use crate::program::{GroupPlan, Program};
use crate::route::{kind_of, links};
use crate::timing::Timed;
use crate::transport::Shares;
use isa::chip::{ChipSpec, Order, Sync};
use isa::image::{Dest, HOST, packets_of};

/// Everything of one sample.
pub(crate) struct Parts {
    /// By machine.
    pub(crate) seen: Vec<Seen>,
    pub(crate) timed: Vec<Timed>,
    pub(crate) digest: [u8; 32],
    /// Updates that ran.
    pub(crate) steps: u32,
    /// Most events of a trace.
    pub(crate) trace_events: usize,
}

struct Books<'p> {
    program: &'p Program<'p>,
    populations: Vec<Counters>,
    cores: Vec<CoreUse>,
    links: Vec<LinkUse>,
    /// Packets by core and axon.
    arrivals: Vec<Vec<u64>>,
}

/// Puts a sample's result together.
pub(crate) fn assemble(
    program: &Program<'_>,
    shares: &Shares,
    sample: &SampleInput,
    parts: Parts,
) -> SampleResult {
    let mut books = Books {
        program,
        populations: vec![Counters::default(); program.image.populations.len() + 1],
        cores: vec![CoreUse::default(); program.cores.len()],
        links: vec![LinkUse::default(); program.chip.tiles() as usize * 4],
        arrivals: program
            .cores
            .iter()
            .map(|c| vec![0; c.program.axons.len()])
            .collect(),
    };
    for (seen, range) in parts.seen.iter().zip(&shares.ranges) {
        books
            .populations
            .iter_mut()
            .zip(&seen.counters)
            .for_each(|(all, own)| all.add(own));
        let mut lanes = seen.lane_spikes.iter();
        for (local, core) in range.clone().enumerate() {
            books.cores[core].neuron_cycles = seen.neuron_cycles[local];
            books.cores[core].synapse_cycles = seen.synapse_cycles[local];
            let count = program.cores[core].lane_population.len();
            lanes
                .by_ref()
                .take(count)
                .enumerate()
                .for_each(|(lane, n)| books.lane(core, lane, u64::from(*n)));
        }
    }
    books.host(sample);
    books.barriers(u64::from(parts.steps) + 1);
    let ticks: Vec<u32> = parts
        .seen
        .iter()
        .flat_map(|seen| seen.axon_ticks.iter().copied())
        .collect();
    books.synapses(&ticks);
    let mut result = SampleResult {
        spikes: by_step(parts.seen.iter().map(|s| s.spikes.as_slice()), |s| s.0),
        outputs: by_step(parts.seen.iter().map(|s| s.outputs.as_slice()), |s| s.0),
        probes: probes(program, shares, &parts),
        counted_spikes: (0..program.image.populations.len())
            .map(|p| parts.seen.iter().map(|s| s.counted[p]).sum())
            .collect(),
        state_digest: parts.digest,
        steps: parts.steps,
        ..SampleResult::default()
    };
    let mut times = Vec::new();
    let mut traces = Vec::new();
    for timed in parts.timed {
        result.time_counters.add(&timed.counters);
        books
            .links
            .iter_mut()
            .zip(&timed.link_wait)
            .for_each(|(link, wait)| link.wait_cycles += wait);
        books
            .cores
            .iter_mut()
            .zip(&timed.stall)
            .for_each(|(core, stall)| core.stall_cycles += stall);
        times.extend(timed.steps);
        match timed.trace {
            Some(trace) => traces.push(trace),
            None => result.packets.extend(timed.packets),
        }
        result.late_packets += timed.late;
        result.overruns += timed.overruns;
    }
    if !traces.is_empty() {
        result.trace = Some(Box::new(crate::trace::merge(traces, parts.trace_events)));
    }
    times.sort_unstable_by_key(|(step, _)| *step);
    result.step_times = times.into_iter().map(|(_, time)| time).collect();
    result.packets.sort_unstable();
    result.populations = books.populations;
    result.cores = books.cores;
    result.links = books.links;
    result
}

/// Merges lists that are each ordered by step, keeping the machines' order within a step.
fn by_step<'a, T: Copy + 'a>(
    lists: impl Iterator<Item = &'a [T]>,
    step: impl Fn(&T) -> u32,
) -> Vec<T> {
    let mut all: Vec<T> = lists.flatten().copied().collect();
    if !all.is_sorted_by_key(&step) {
        all.sort_by_key(&step);
    }
    all
}

fn probes(program: &Program<'_>, shares: &Shares, parts: &Parts) -> Vec<Vec<i32>> {
    let widths: Vec<usize> = program
        .image
        .probes
        .iter()
        .map(|p| p.neurons.len())
        .collect();
    let mut probes: Vec<Vec<i32>> = widths
        .iter()
        .map(|w| vec![0; w * parts.steps as usize])
        .collect();
    for (seen, range) in parts.seen.iter().zip(&shares.ranges) {
        let places = probe_places(program, range);
        if places.is_empty() {
            continue;
        }
        for (step, values) in seen.probed.chunks(places.len()).enumerate() {
            for ((probe, index, _), value) in places.iter().zip(values) {
                probes[*probe][step * widths[*probe] + index] = *value;
            }
        }
    }
    probes
}

impl Books<'_> {
    /// A lane that spiked `n` times.
    fn lane(&mut self, core: usize, lane: usize, n: u64) {
        if n == 0 {
            return;
        }
        let program = self.program;
        let plan = &program.cores[core];
        self.cores[core].spikes += n;
        let from = program.chip.tile_of(plan.program.core.0);
        let population = plan.lane_population[lane] as usize;
        let payload = plan.payload(lane);
        let flits = u64::from(program.chip.noc.flits(payload));
        let dests =
            &plan.program.dests[plan.dest_first[lane] as usize..plan.dest_first[lane + 1] as usize];
        for packet in packets_of(dests) {
            let counters = &mut self.populations[population];
            counters.flits_out += n * flits;
            let order = program.chip.noc.route_order(kind_of(&packet[0], payload));
            if let [dest] = packet {
                let to = match dest.target & HOST {
                    0 => program.chip.tile_of(dest.target),
                    _ => program.chip.host_ports[(dest.target & !HOST) as usize].tile,
                };
                self.route(from, to, order, population, n * flits);
            } else {
                self.tree(from, packet, order, population, n * flits);
            }
            for dest in packet {
                let counters = &mut self.populations[population];
                if dest.target & HOST != 0 {
                    counters.packets_host_out += n;
                    continue;
                }
                let own = dest.target == plan.program.core.0;
                counters.packets += n;
                counters.packets_local += if own { n } else { 0 };
                self.cores[core].packets_out += n;
                self.delivery(dest, population, n, flits);
            }
        }
    }

    fn host(&mut self, sample: &SampleInput) {
        let program = self.program;
        let mut packets = vec![0u64; program.elements() as usize];
        let noc = &program.chip.noc;
        for (element, value) in sample.elements.iter().zip(&sample.values) {
            let graded = program.image.io.inputs[program.input_of(*element)].graded;
            packets[*element as usize] += if graded { 1 } else { *value as u64 };
        }
        let host = self.populations.len() - 1;
        for (element, n) in packets.into_iter().enumerate().filter(|(_, n)| *n > 0) {
            let input = &program.image.io.inputs[program.input_of(element as u32)];
            let from = program.chip.host_ports[usize::from(input.port)].tile;
            let (flits, order) = (u64::from(noc.flits(input.graded)), noc.host_order);
            for dest in &program.image.io.input_dests
                [program.input_first[element]..program.input_first[element + 1]]
            {
                self.populations[host].packets_host_in += n;
                self.delivery(dest, host, n, flits);
                let to = program.chip.tile_of(dest.target);
                self.route(from, to, order, host, n * flits);
            }
        }
    }

    /// Messages of the barriers of so many steps, that before the first included.
    fn barriers(&mut self, steps: u64) {
        let chip = self.program.chip;
        if matches!(chip.sync, Sync::Barrier { wave: true, .. }) {
            let messages = chip.wave_messages(self.program.wave_area());
            let host = self.populations.len() - 1;
            self.populations[host].barrier_messages = steps * messages;
        }
    }

    fn delivery(&mut self, dest: &Dest, population: usize, n: u64, flits: u64) {
        let target = self.program.core_index[dest.target as usize] as usize;
        let counters = &mut self.populations[population];
        counters.tile_deliveries += n;
        counters.flits_in += n * flits;
        self.cores[target].packets_in += n;
        self.arrivals[target][dest.axon as usize] += n;
    }

    /// The way of `n` flits to one target.
    fn route(&mut self, from: u32, to: u32, order: Order, population: usize, n: u64) {
        let chip = self.program.chip;
        let mut crossed = Crossed::default();
        links(chip, from, to, order, |tile, direction| {
            crossed.link(chip, tile, direction, n);
            self.links[tile as usize * 4 + direction].packets += n;
        });
        crossed.count(&mut self.populations[population], n, n);
    }

    /// The tree of `n` flits to several cores: a link counts once, however many lie behind it.
    fn tree(&mut self, from: u32, packet: &[Dest], order: Order, population: usize, n: u64) {
        let chip = self.program.chip;
        let mut all: Vec<(u32, usize)> = Vec::new();
        for dest in packet {
            let to = chip.tile_of(dest.target);
            links(chip, from, to, order, |tile, direction| {
                all.push((tile, direction))
            });
        }
        all.sort_unstable();
        all.dedup();
        let mut crossed = Crossed::default();
        for (tile, direction) in all {
            crossed.link(chip, tile, direction, n);
            self.links[tile as usize * 4 + direction].packets += n;
        }
        let taken = n * packet.len() as u64;
        crossed.count(&mut self.populations[population], n, taken);
    }

    /// Synaptic operations, and what plain delta synapses executed; other handlers counted as they ran.
    fn synapses(&mut self, ticks: &[u32]) {
        let program = self.program;
        let mut ticks = ticks.iter();
        for (core, plan) in program.cores.iter().enumerate() {
            let arrivals = std::mem::take(&mut self.arrivals[core]);
            for (axon, arrived) in arrivals.into_iter().enumerate() {
                if !plan.dynamic {
                    self.cores[core].synapse_cycles += arrived * plan.service[axon];
                }
                let runs = if program.axon_bits {
                    u64::from(*ticks.next().unwrap_or(&0))
                } else {
                    arrived
                };
                if runs == 0 {
                    continue;
                }
                self.cores[core].synaptic_ops += runs * plan.synapses_of(axon);
                plan.synapses_by_population(axon, |population, synapses, group: &GroupPlan| {
                    let counters = &mut self.populations[population as usize];
                    counters.synaptic_ops += runs * synapses;
                    if group.delta.is_some() {
                        counters.on_spike_mem += 2 * runs * synapses;
                        counters.on_spike_ctl += runs * synapses;
                    }
                });
            }
        }
    }
}

/// Links that flits crossed, by direction, and those of them between chips.
#[derive(Default)]
struct Crossed {
    hops: [u64; 4],
    chips: u64,
}

impl Crossed {
    /// `n` flits crossed a link.
    #[inline]
    fn link(&mut self, chip: &ChipSpec, tile: u32, direction: usize, n: u64) {
        self.hops[direction] += n;
        if chip.mesh.crosses(tile, direction)
            && (direction < 2 || !mutants::is(Mutant::CrossingUncounted))
        {
            self.chips += n;
        }
    }

    /// What routers did for these flits, which came in at `injected` routers and left at `taken` targets.
    fn count(self, counters: &mut Counters, injected: u64, taken: u64) {
        let all: u64 = self.hops.iter().sum();
        counters.hops_east += self.hops[0];
        counters.hops_west += self.hops[1];
        counters.hops_north += self.hops[2];
        counters.hops_south += self.hops[3];
        counters.chip_crossings += self.chips;
        counters.buffer_writes += injected + all;
        counters.switch_grants += taken + all;
    }
}
