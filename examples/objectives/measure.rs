//! What mappings of one network cost when they run on the emulated chip, and how ranks of costs agree.
//!
//! Invariant: every number of [`Measured`] is counted or timed by the emulator and priced by the chip file; none is the mapper's estimate.

use anyhow::{Result, anyhow};
use emulator::{Between, Counters, Options, SampleInput, Timing};
use isa::ChipSpec;
use mapper::own::{PartitionProblem, Partitioner};
use mapper::{MapError, Mapped};
use network::lowered::Lowered;
use spikemesh::nets::{self, Events};
use spikemesh::outcome::{seconds, tiles_in_use};
use spikemesh::pricing::Counted;

/// A network, and what it is run with.
pub(crate) struct Case {
    /// Name for tables.
    pub(crate) name: String,
    /// The network; without cores set by hand.
    pub(crate) net: Lowered,
    /// How often it spikes on noise.
    pub(crate) activity: Option<network::Activity>,
    /// Its samples, as many of them as are presented; or steps without input.
    pub(crate) input: Result<(Events, usize), u32>,
}

/// What a mapping cost, per step where it is time.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Cores in use.
    pub(crate) cores: usize,
    /// Packets between cores if every source spikes once.
    pub(crate) km1: u64,
    /// Packets between cores and from the host, counted.
    pub(crate) packets: u64,
    /// Energy of all samples, J.
    pub(crate) energy_j: f64,
    /// Mean time of a step, s.
    pub(crate) mean_s: f64,
    /// Median time of a step, s.
    pub(crate) p50_s: f64,
    /// Time of a step that one in a hundred exceeds, s.
    pub(crate) p99_s: f64,
    /// Samples.
    pub(crate) samples: usize,
    /// What must not depend on the mapping: spikes, synaptic operations.
    pub(crate) function: [u64; 2],
}

impl Measured {
    /// Energy of a sample × mean time of a step, J·s.
    pub(crate) fn edp(&self) -> f64 {
        self.energy_j / self.samples as f64 * self.mean_s
    }

    /// The column that an objective is to win.
    pub(crate) fn column(&self, objective: &str) -> f64 {
        match objective {
            "packets" => self.packets as f64,
            "energy" => self.energy_j,
            "latency" => self.mean_s,
            "cores" => self.cores as f64,
            _ => self.edp(),
        }
    }
}

/// Runs a mapping.
pub(crate) fn measure(case: &Case, mapped: &Mapped, chip: &ChipSpec) -> Result<Measured> {
    let image = &mapped.image;
    let samples: Vec<SampleInput> = match &case.input {
        Err(steps) => vec![SampleInput {
            steps: *steps,
            offsets: vec![0; *steps as usize + 1],
            ..SampleInput::default()
        }],
        Ok((events, limit)) => {
            let first = events.samples.iter().take(*limit);
            let samples = first.map(|s| nets::to_chip(s, events.steps, image));
            samples.collect::<Result<_>>()?
        }
    };
    let options = Options {
        seed: 0,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        timing: Timing::Cycle,
        between: Between::Reset,
        drain: image.io.drain,
        record_spikes: false,
        record_packets: false,
    };
    let results = emulator::run(image, chip, &samples, &options, &|_| ());
    let results = results.map_err(|e| anyhow!("{}: {e}", case.name))?;
    let mut totals = Counters::default();
    let mut cycles = Vec::new();
    for sample in &results {
        sample.populations.iter().for_each(|c| totals.add(c));
        cycles.extend(sample.step_times.iter().map(|t| t.cycles));
    }
    cycles.sort_unstable();
    let all = seconds(chip, cycles.iter().sum());
    let at = |q: f64| {
        let index = (q * (cycles.len() - 1) as f64).round() as usize;
        seconds(chip, cycles[index])
    };
    let counted = Counted {
        populations: [("all".to_owned(), totals)].into_iter().collect(),
        samples: results.len() as u64,
        steps: cycles.len() as u64,
        tiles: tiles_in_use(image, chip).len() as u64,
        lanes: image.populations.iter().map(|p| u64::from(p.count)).sum(),
        seconds: Some(all),
        model_seconds: None,
    };
    let energy = counted.price(chip).total;
    Ok(Measured {
        cores: image.cores.len(),
        km1: mapped.report.km1,
        packets: totals.packets - totals.packets_local + totals.packets_host_in,
        energy_j: energy.ok_or_else(|| anyhow!("the time of the run is not known"))?,
        mean_s: all / cycles.len() as f64,
        p50_s: at(0.5),
        p99_s: at(0.99),
        samples: results.len(),
        function: [totals.spikes, totals.synaptic_ops],
    })
}

/// A partition in which a share of the neurons has changed places with others of the same population.
pub(crate) struct Shuffled<'a> {
    /// Core of every neuron.
    pub(crate) from: &'a [u32],
    /// Share of the neurons that are exchanged, in 1/256.
    pub(crate) share: u64,
}

impl Partitioner for Shuffled<'_> {
    fn partition(&self, problem: &PartitionProblem<'_>) -> Result<Vec<u32>, String> {
        let mut cores = self.from.to_vec();
        let mut state = problem.seed.wrapping_mul(2) + 88_172_645_463_325_253;
        let mut draw = |below: u64| {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) % below
        };
        let mut first = 0;
        for population in problem.populations().chunk_by(|a, b| a == b) {
            let count = population.len();
            for a in 0..count {
                let b = draw(count as u64) as usize;
                // A pair is drawn from both ends: half as often for the share of neurons.
                if draw(512) < self.share {
                    cores.swap(first + a, first + b);
                }
            }
            first += count;
        }
        Ok(cores)
    }
}

/// Spearman's rank correlation; equal values share the mean of their ranks. `None` where one of the two does not vary.
pub(crate) fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for equal in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = start as f64 + (equal.len() as f64 - 1.0) / 2.0;
        equal.iter().for_each(|i| ranks[*i] = rank);
        start += equal.len();
    }
    ranks
}

/// All errors of a mapping, a line each.
pub(crate) fn errors(all: &[MapError]) -> anyhow::Error {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    anyhow!("{}", lines.join("\n"))
}
