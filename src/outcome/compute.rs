//! From counters and times to the numbers of a [`Report`].
//!
//! Invariant: every sum here is over counters or cycles; costs are met in `pricing` alone.

use super::*;
use crate::load::Load;
use crate::pricing::{self, Counted};
use emulator::{Counters, TimeCounters};
use isa::chip::Sync;
use isa::image::CoreProgram;

/// Number of synapses of a core; of a crossbar its bits, those of copies included.
pub fn synapses(core: &CoreProgram) -> u64 {
    core.segments.iter().map(|s| u64::from(s.count)).sum()
}

impl Report {
    /// Computes the report.
    pub fn new(run: &Run<'_>) -> Report {
        let chip = run.chip;
        let prices = run.costs.as_ref().unwrap_or(chip);
        let image = run.image;
        let tiles = tiles_in_use(image, chip);
        let steps_run: u64 = run.samples.iter().map(sample_steps).sum();
        let (populations, totals) = sum_populations(run);

        let seconds = total_seconds(run);
        let mut names: Vec<String> = image.populations.iter().map(|p| p.name.clone()).collect();
        names.push(host_name(image));
        let counted = Counted {
            populations: names.into_iter().zip(populations.iter().copied()).collect(),
            samples: run.samples.len() as u64,
            steps: steps_run,
            tiles: tiles.len() as u64,
            lanes: image.populations.iter().map(|p| u64::from(p.count)).sum(),
            seconds,
            model_seconds: model_seconds(run, steps_run, seconds),
        };
        let mut energy_j = counted.price(prices);
        energy_j.other_costs = other_costs(run, &counted);
        let energies: Vec<f64> = energy_j.populations.values().copied().collect();
        let (total, dynamic) = (energy_j.total, energy_j.dynamic);

        let time = time_report(run);
        let per_sample = per_sample(run, prices, &counted);
        let late_packets: u64 = run.samples.iter().map(|s| s.late_packets).sum();
        let overruns: u64 = run.samples.iter().map(|s| s.overruns).sum();
        let load = Load::new(run);
        let (busiest_cores, busiest_links, links_used) = busiest(run, &load);
        let mut digests = Vec::new();
        run.samples
            .iter()
            .for_each(|s| digests.extend_from_slice(&s.state_digest));

        Report {
            chip: chip.name.clone(),
            changed: run.changed.clone(),
            network: run.network.clone(),
            image: ImageSummary {
                file: run.is_image.then(|| run.network.clone()),
                neurons: image.populations.iter().map(|p| u64::from(p.count)).sum(),
                synapses: image.cores.iter().map(synapses).sum(),
                cores: image.cores.len(),
                cores_of_chip: chip.cores(),
                tiles: tiles.len(),
                tiles_of_chip: chip.tiles(),
                chips: chip.mesh.chips(),
            },
            steps: run.steps,
            drain_steps: run.drain,
            preload_steps: 1,
            samples: run.samples.len(),
            between: run.between.clone(),
            model_dt_s: image.io.model_dt_s,
            seed: run.seed,
            timing: if run.timed { "cycle" } else { "off" },
            sync: match chip.sync {
                Sync::Barrier { .. } => "barrier",
                Sync::Tick { .. } => "tick",
            },
            timing_valid: run.timed.then_some(late_packets == 0 && overruns == 0),
            accuracy: run.score.as_ref().map(|s| s.accuracy),
            score: run.score.clone(),
            predictions: run.predictions.clone(),
            spikes: Spikes {
                total: run.spikes.iter().sum(),
                populations: image
                    .populations
                    .iter()
                    .map(|p| p.name.clone())
                    .zip(run.spikes.iter().copied())
                    .collect(),
            },
            profile: run.profile.clone(),
            counters: counter_map(&totals, run),
            population_counters: counted
                .populations
                .iter()
                .map(|(name, c)| (name.clone(), c.entries().into_iter().collect()))
                .collect(),
            power_w: total.zip(seconds).map(|(e, s)| e / s),
            edp_js: time
                .as_ref()
                .zip(total)
                .map(|(t, e)| e / run.samples.len() as f64 * t.latency_s),
            energy_j,
            time,
            per_sample,
            late_packets,
            overruns,
            mapping: mapping_summary(run, &totals),
            populations: population_reports(run, &populations, &energies),
            handlers: crate::handlers::handlers(
                image,
                chip,
                prices,
                &populations,
                run.samples.iter().map(|s| u64::from(s.steps)).sum(),
            ),
            busiest_cores,
            busiest_links,
            links_used,
            load,
            assumptions: run.assumptions.clone(),
            approximations: run.approximations.clone(),
            estimated: estimated(chip, prices),
            chip_numbers: in_force(chip).count(),
            warnings: warnings(run, prices, dynamic, late_packets + overruns),
            provenance: Provenance {
                version: env!("CARGO_PKG_VERSION"),
                chip_sha256: crate::files::hex(&chip.sha256),
                costs_sha256: crate::files::hex(&prices.costs_digest()),
                limits_sha256: crate::files::hex(&chip.limits_digest()),
                times_sha256: crate::files::hex(&chip.times_digest()),
                network_sha256: run.network_sha256.clone(),
                kernels_sha256: run.kernels_sha256.clone(),
                input_sha256: run.input_sha256.clone(),
                command: run.command.clone(),
            },
            host: run.host.clone(),
            state_digest: crate::files::sha256_hex(&digests),
            compare: None,
            debug: run.debug.clone(),
        }
    }
}

/// Steps of a sample, its preload step included.
fn sample_steps(sample: &SampleResult) -> u64 {
    u64::from(sample.steps) + 1
}

/// Tiles that hold a core of the image, ascending.
pub fn tiles_in_use(image: &Image, chip: &ChipSpec) -> Vec<u32> {
    let mut tiles: Vec<u32> = image.cores.iter().map(|c| chip.tile_of(c.core.0)).collect();
    tiles.dedup();
    tiles
}

fn sum_populations(run: &Run<'_>) -> (Vec<Counters>, Counters) {
    let mut sums = vec![Counters::default(); run.image.populations.len() + 1];
    for sample in run.samples {
        for (sum, c) in sums.iter_mut().zip(&sample.populations) {
            sum.add(c);
        }
    }
    let mut total = Counters::default();
    sums.iter().for_each(|c| total.add(c));
    (sums, total)
}

fn counter_map(totals: &Counters, run: &Run<'_>) -> IndexMap<String, u64> {
    let mut map: IndexMap<String, u64> = totals
        .entries()
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v))
        .collect();
    let steps: u64 = run.samples.iter().map(|s| u64::from(s.steps)).sum();
    map.insert("steps".to_owned(), steps);
    map.insert("preload_steps".to_owned(), run.samples.len() as u64);
    map
}

/// Cycles of one sample, if they are known.
fn sample_cycles(run: &Run<'_>, sample: &SampleResult) -> Option<u64> {
    if run.timed {
        return Some(sample.step_times.iter().map(|s| s.cycles).sum());
    }
    match run.chip.sync {
        Sync::Tick { period } => Some(period * sample_steps(sample)),
        Sync::Barrier { .. } => None,
    }
}

fn total_seconds(run: &Run<'_>) -> Option<f64> {
    let cycles: Option<u64> = run.samples.iter().map(|s| sample_cycles(run, s)).sum();
    cycles.map(|c| seconds(run.chip, c))
}

/// Time of the run if no step were shorter than the model's: known where steps end by a barrier and the model has a pace.
fn model_seconds(run: &Run<'_>, steps: u64, seconds: Option<f64>) -> Option<f64> {
    let barrier = matches!(run.chip.sync, Sync::Barrier { .. });
    at_model_pace(barrier, run.image.io.model_dt_s, steps, seconds)
}

/// The same from its parts.
pub fn at_model_pace(barrier: bool, dt_s: f64, steps: u64, seconds: Option<f64>) -> Option<f64> {
    (barrier && dt_s > 0.0)
        .then(|| seconds.map(|s| s.max(steps as f64 * dt_s)))
        .flatten()
}

/// Seconds of so many cycles.
pub fn seconds(chip: &ChipSpec, cycles: u64) -> f64 {
    cycles as f64 * chip.cycle_ps as f64 * 1e-12
}

fn other_costs(run: &Run<'_>, counted: &Counted) -> IndexMap<String, OtherCosts> {
    let mut chips: Vec<&ChipSpec> = run.other_chips.iter().collect();
    if run.costs.is_some() {
        chips.push(run.chip);
    }
    let priced = run.costs.as_ref().map_or(&run.chip.name, |c| &c.name);
    chips
        .into_iter()
        .filter(|c| &c.name != priced)
        .map(|c| {
            let e = counted.price(c);
            let other = OtherCosts {
                total: e.total,
                dynamic: e.dynamic,
                static_: e.static_,
            };
            (c.name.clone(), other)
        })
        .collect()
}

fn time_report(run: &Run<'_>) -> Option<TimeReport> {
    if !run.timed {
        return None;
    }
    let chip = run.chip;
    let (_, totals) = sum_populations(run);
    let packets = (totals.packets + totals.packets_host_in + totals.packets_host_out).max(1) as f64;
    let mut cycles = Vec::new();
    let mut breakdown = TimeBreakdown::default();
    let mut counters = TimeCounters::default();
    for sample in run.samples {
        counters.add(&sample.time_counters);
        for s in &sample.step_times {
            cycles.push(s.cycles);
            breakdown.neuron += s.neuron;
            breakdown.synapse += s.synapse;
            breakdown.noc += s.noc;
            breakdown.sync += s.sync;
        }
    }
    cycles.sort_unstable();
    let total: u64 = cycles.iter().sum();
    let at = |q: f64| {
        let index = (q * (cycles.len() - 1) as f64).round() as usize;
        seconds(chip, cycles[index])
    };
    let all = seconds(chip, total);
    Some(TimeReport {
        cycles: total,
        seconds: all,
        latency_s: all / run.samples.len() as f64,
        throughput_per_s: run.samples.len() as f64 / all,
        step_s: StepStatistics {
            mean: all / cycles.len() as f64,
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        },
        breakdown,
        wait_s_per_packet: [
            seconds(chip, counters.router_wait) / packets,
            seconds(chip, counters.synapse_wait) / packets,
        ],
        counters: counters
            .entries()
            .into_iter()
            .map(|(k, v)| (k.to_owned(), v))
            .collect(),
    })
}

/// Mean, sample deviation, least and most of at least one value.
pub fn statistics(values: &[f64]) -> Statistics {
    let n = values.len() as f64;
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if min == max {
        // The rounding of a sum would show as a deviation.
        return Statistics {
            mean: min,
            deviation: 0.0,
            min,
            max,
        };
    }
    let mean = values.iter().sum::<f64>() / n;
    let square: f64 = values.iter().map(|v| (v - mean) * (v - mean)).sum();
    Statistics {
        mean,
        deviation: if values.len() > 1 {
            (square / (n - 1.0)).sqrt()
        } else {
            0.0
        },
        min,
        max,
    }
}

fn per_sample(run: &Run<'_>, prices: &ChipSpec, counted: &Counted) -> PerSample {
    let mut energy_j = Vec::new();
    let mut latency_s = Vec::new();
    for sample in run.samples {
        let steps = sample_steps(sample);
        let mut e: f64 = sample
            .populations
            .iter()
            .map(|c| pricing::dynamic(c, prices).total())
            .sum();
        e += counted.nobody(prices, steps).iter().sum::<f64>();
        if let Some(cycles) = sample_cycles(run, sample) {
            let s = seconds(run.chip, cycles);
            e += pricing::static_power(prices, counted.tiles, s).energy();
            latency_s.push(s);
        }
        energy_j.push(e);
    }
    PerSample {
        energy_statistics: statistics(&energy_j),
        latency_statistics: (!latency_s.is_empty()).then(|| statistics(&latency_s)),
        energy_j,
        latency_s,
    }
}

fn population_reports(run: &Run<'_>, sums: &[Counters], energies: &[f64]) -> Vec<PopulationReport> {
    let neuron_steps: u64 = run
        .samples
        .iter()
        .map(|s| u64::from(run.steps.min(s.steps)))
        .sum();
    let mut list: Vec<PopulationReport> = run
        .image
        .populations
        .iter()
        .zip(sums.iter().zip(energies))
        .zip(&run.spikes)
        .map(|((p, (c, &energy_j)), &spikes)| PopulationReport {
            name: p.name.clone(),
            host: false,
            neurons: u64::from(p.count),
            spikes,
            spikes_per_neuron_step: spikes as f64
                / (u64::from(p.count) * neuron_steps).max(1) as f64,
            synaptic_ops: c.synaptic_ops,
            packets: c.packets + c.packets_host_out,
            energy_j,
        })
        .collect();
    let input = &sums[sums.len() - 1];
    let elements: u64 = run
        .image
        .io
        .inputs
        .iter()
        .map(|i| i.shape.iter().map(|&n| u64::from(n)).product::<u64>())
        .sum();
    list.push(PopulationReport {
        name: host_name(run.image),
        host: true,
        neurons: elements,
        spikes: 0,
        spikes_per_neuron_step: 0.0,
        synaptic_ops: 0,
        packets: input.packets_host_in,
        energy_j: energies[energies.len() - 1],
    });
    list
}

fn mapping_summary(run: &Run<'_>, totals: &Counters) -> MappingSummary {
    let image = run.image;
    let limits = &run.chip.limits;
    let mut utilisation = IndexMap::new();
    let mut put = |name: &str, limit: u64, used: &dyn Fn(&CoreProgram) -> u64| {
        let shares: Vec<f64> = image
            .cores
            .iter()
            .map(|c| used(c) as f64 / limit.max(1) as f64)
            .collect();
        let s = if shares.is_empty() {
            Statistics::default()
        } else {
            statistics(&shares)
        };
        utilisation.insert(
            name.to_owned(),
            Utilisation {
                max: s.max,
                mean: s.mean,
                limit,
            },
        );
    };
    put("neurons", limits.neurons.into(), &|c| u64::from(c.lanes()));
    put("groups", limits.groups.into(), &|c| c.groups.len() as u64);
    put("input_axons", limits.input_axons.into(), &|c| {
        c.axons.len() as u64
    });
    put("output_slots", limits.output_slots.into(), &|c| {
        c.dests.len() as u64
    });
    put("synapse_memory", limits.synapse_bits, &|c| {
        c.synapse_bits(limits)
    });
    MappingSummary {
        cores_used: image.cores.len(),
        synapses: image.cores.iter().map(synapses).sum(),
        packets: totals.packets,
        packets_local: totals.packets_local,
        km1: totals.packets - totals.packets_local,
        hop_cost: totals.hops_east + totals.hops_west + totals.hops_north + totals.hops_south,
        utilisation,
        quantization: run.quantization.clone(),
    }
}

/// Names of the directions, in port order.
pub const DIRECTIONS: [&str; 4] = ["east", "west", "north", "south"];

fn busiest(run: &Run<'_>, load: &Load) -> (Vec<CoreReport>, Vec<LinkReport>, usize) {
    let chip = run.chip;
    let image = run.image;
    let mut cores: Vec<CoreReport> = image
        .cores
        .iter()
        .enumerate()
        .map(|(i, program)| {
            let mut r = CoreReport {
                core: program.core.0,
                tile: <[u32; 2]>::from(chip.xy(chip.tile_of(program.core.0))),
                populations: populations_of(image, program),
                neurons: program.lanes(),
                synapses: synapses(program),
                spikes: 0,
                synaptic_ops: 0,
                packets_in: 0,
                packets_out: 0,
                neuron_cycles: 0,
                synapse_cycles: 0,
                stall_cycles: 0,
                neuron_idle_cycles: load.cores[i].neuron_idle_cycles,
                synapse_idle_cycles: load.cores[i].synapse_idle_cycles,
            };
            for sample in run.samples {
                let u = &sample.cores[i];
                r.spikes += u.spikes;
                r.synaptic_ops += u.synaptic_ops;
                r.packets_in += u.packets_in;
                r.packets_out += u.packets_out;
                r.neuron_cycles += u.neuron_cycles;
                r.synapse_cycles += u.synapse_cycles;
                r.stall_cycles += u.stall_cycles;
            }
            r
        })
        .collect();
    cores.sort_by_key(|c| {
        let busy = c.neuron_cycles + c.synapse_cycles;
        (std::cmp::Reverse((busy, c.synaptic_ops, c.spikes)), c.core)
    });
    cores.truncate(5);

    let cycles: u64 = run
        .samples
        .iter()
        .flat_map(|s| &s.step_times)
        .map(|t| t.cycles)
        .sum();
    let links = chip.tiles() as usize * 4;
    let mut list: Vec<(usize, u64, u64)> = (0..links)
        .map(|l| {
            let used = run.samples.iter().map(|s| s.links[l]);
            used.fold((l, 0, 0), |a, u| (l, a.1 + u.packets, a.2 + u.wait_cycles))
        })
        .filter(|&(_, packets, _)| packets > 0)
        .collect();
    let links_used = list.len();
    list.sort_by_key(|&(l, packets, wait)| (std::cmp::Reverse((packets, wait)), l));
    list.truncate(5);
    let links = list
        .into_iter()
        .map(|(l, packets, wait_cycles)| LinkReport {
            from: <[u32; 2]>::from(chip.xy((l / 4) as u32)),
            to: DIRECTIONS[l % 4],
            packets,
            share_busy: run.timed.then(|| {
                (packets * chip.link_spacing((l / 4) as u32, l % 4)) as f64
                    / (cycles.max(1) * u64::from(chip.mesh.planes)) as f64
            }),
            wait_cycles,
            wait_s_per_packet: run
                .timed
                .then(|| seconds(chip, wait_cycles) / packets as f64),
        })
        .collect();
    (cores, links, links_used)
}

/// Names of the populations with lanes on a core, joined by `+`.
pub fn populations_of(image: &Image, program: &CoreProgram) -> String {
    let mut names: Vec<&str> = Vec::new();
    for p in &image.populations {
        let range = p.first..p.first + p.count;
        if program.lane_ids.iter().any(|id| range.contains(&id.0)) {
            names.push(&p.name);
        }
    }
    names.join("+")
}

fn warnings(run: &Run<'_>, prices: &ChipSpec, dynamic: f64, late: u64) -> Vec<String> {
    let mut list = run.warnings.clone();
    if dynamic == 0.0 {
        list.push(format!(
            "chip {:?} prices no event yet: energies are 0 because nothing is priced, not because nothing is spent",
            prices.name
        ));
    }
    if late > 0 {
        list.push(
            "timing is not valid: packets were late or cores had not finished at a tick".to_owned(),
        );
    }
    list
}

/// Name under which packets of the host are accounted: no population has it.
fn host_name(image: &Image) -> String {
    let mut name = "(host input)".to_owned();
    while image.populations.iter().any(|p| p.name == name) {
        name.push('*');
    }
    name
}

/// Whether a key is a price in joules or watts.
pub fn is_cost(key: &str) -> bool {
    key.starts_with("energy.") || key.ends_with("_energy") || key.contains("_energy[")
}

/// The numbers of a chip file, but for those of borders between chips where there is one chip.
fn in_force(spec: &ChipSpec) -> impl Iterator<Item = (&String, &isa::chip::Quantity)> {
    let borders = spec.mesh.border.is_some();
    let all = spec.quantities.iter();
    all.filter(move |(key, _)| borders || !isa::chip::is_of_borders(key))
}

/// Estimated numbers that this report rests on: limits and times of the chip, prices of the cost set. What the user set is apart.
fn estimated(chip: &ChipSpec, prices: &ChipSpec) -> Vec<String> {
    let of = |spec: &ChipSpec, costs: bool| -> Vec<String> {
        in_force(spec)
            .filter(|(key, q)| q.estimated && !q.is_override() && is_cost(key) == costs)
            .map(|(key, q)| {
                let unit = if q.unit == "1" {
                    String::new()
                } else {
                    format!(" {}", q.unit)
                };
                format!("{key} = {}{unit}: {}", q.value, q.source)
            })
            .collect()
    };
    let mut list = of(chip, false);
    list.extend(of(prices, true));
    list.sort();
    list
}

#[cfg(test)]
mod tests {
    use super::statistics;

    /// Their sum rounds: a third of it is not the value.
    #[test]
    fn equal_values_have_no_deviation() {
        let s = statistics(&[0.1; 3]);
        assert_eq!((s.mean, s.deviation), (0.1, 0.0));
        assert!(statistics(&[0.1, 0.2]).deviation > 0.07);
    }
}
