//! An algorithm of one's own in one file: a partitioner that draws cores at random and a placer that takes them as they come, compared
//! with the built-in ones on an example network.
//!
//!     cargo run --release --example own_partitioner -- [NET.nir] [CHIP]
#![allow(clippy::print_stdout, reason = "it is what the example is for")]

use anyhow::{Result, anyhow};
use isa::ChipSpec;
use mapper::own::{Own, PartitionProblem, Partitioner, PlaceProblem, Placer};
use mapper::{MapError, Options, map_with};
use std::path::Path;

/// Every neuron goes to one of `cores` cores at random, but none is filled beyond its neurons.
struct Random {
    cores: u32,
}

impl Partitioner for Random {
    fn partition(&self, problem: &PartitionProblem<'_>) -> Result<Vec<u32>, String> {
        let room = problem.chip.limits.neurons;
        if problem.neurons() > self.cores * room {
            return Err(format!(
                "{} neurons do not go onto {} cores",
                problem.neurons(),
                self.cores
            ));
        }
        // Each neuron draws among the places that are left (Marsaglia's xorshift).
        let mut free: Vec<u32> = (0..self.cores * room).map(|i| i / room).collect();
        let mut state = problem.seed.wrapping_mul(2) + 88_172_645_463_325_253;
        let draw = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            free.swap_remove((state >> 11) as usize % free.len())
        };
        Ok((0..problem.neurons()).map(draw).collect())
    }
}

/// Cores as they come.
struct AsTheyCome;

impl Placer for AsTheyCome {
    fn place(&self, problem: &PlaceProblem<'_>) -> Result<Vec<u32>, String> {
        Ok((0..problem.cores()).collect())
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let net = arguments
        .next()
        .unwrap_or_else(|| "examples/digits/digits.nir".into());
    let chip = arguments.next().unwrap_or_else(|| "loihi".into());
    let chip = ChipSpec::preset(&chip)
        .ok_or_else(|| anyhow!("no preset is called {chip}"))?
        .map_err(|e| anyhow!("{e:?}"))?;
    let graph = network::load(Path::new(&net), &network::ImportOptions::default())
        .map_err(|e| anyhow!("{e}"))?;
    let lowered = graph.lower().map_err(|e| anyhow!("{e}"))?;

    let built_in = Options::default();
    let best = map_with(&lowered, &chip, &built_in, Own::default()).map_err(|e| errors(&e))?;
    // As many cores as the built-in partitioner takes, and more where these are too few for chance.
    let mut why = Vec::new();
    for cores in best.report.cores_used..=chip.cores() {
        let random = Random { cores };
        let own = Own {
            partitioner: Some(("random", &random)),
            placer: Some(("as they come", &AsTheyCome)),
        };
        let mapped = match map_with(&lowered, &chip, &built_in, own) {
            Ok(mapped) => mapped,
            Err(errors) => {
                why = errors;
                continue;
            }
        };
        let placed = Own {
            placer: None,
            ..own
        };
        let placed = map_with(&lowered, &chip, &built_in, placed).map_err(|e| errors(&e))?;
        println!("| partitioner | placer | cores | packets to other cores | hops |");
        println!("|---|---|--:|--:|--:|");
        for report in [mapped.report, placed.report, best.report] {
            println!(
                "| {} | {} | {} | {} | {} |",
                report.partitioner, report.placer, report.cores_used, report.km1, report.hop_cost
            );
        }
        return Ok(());
    }
    why.truncate(1);
    Err(anyhow!(
        "chance finds no partition that fits chip \"{}\", not on all of its {} cores either: {}",
        chip.name,
        chip.cores(),
        errors(&why)
    ))
}

fn errors(all: &[MapError]) -> anyhow::Error {
    let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
    anyhow!("{}", lines.join("\n"))
}
