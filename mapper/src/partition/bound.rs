//! The least number of cores that any mapping needs, by the limit that asks for most.
//!
//! Invariant: a true lower bound: blocks of synapses are counted unsplit, at the index width that suits the bound best.

use crate::need::{format_of, index_bits};
use crate::quantized::{Quantized, Source};
use isa::ChipSpec;

/// A lower bound and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bound {
    pub(crate) cores: u64,
    pub(crate) limit: &'static str,
    /// Population that takes most of the resource.
    pub(crate) population: usize,
}

/// Lower bound over all limits that can be summed.
pub(crate) fn lower_bound(q: &Quantized, chip: &ChipSpec) -> Bound {
    let l = &chip.limits;
    let neurons: Vec<u64> = q.populations.iter().map(|p| u64::from(p.count)).collect();
    let mut sends = vec![0u64; q.populations.len()];
    let mut axons = vec![0u64; q.populations.len()];
    for p in &q.projections {
        let rows = (0..p.rows()).filter(|r| !p.row(*r).is_empty()).count() as u64;
        axons[p.target as usize] += rows;
        if let Source::Population(s) = p.source {
            sends[s as usize] = sends[s as usize].max(rows);
        }
    }
    for o in q
        .outputs
        .iter()
        .filter(|o| q.populations[o.population as usize].fires)
    {
        sends[o.population as usize] += neurons[o.population as usize];
    }
    // Sources with several projections share an axon: only the largest projection of each source counts.
    let distinct_axons = distinct_sources(q);
    let mut best = bound("neurons", &neurons, neurons.iter().sum(), l.neurons.into());
    for other in [
        bound("input axons", &axons, distinct_axons, l.input_axons.into()),
        bound(
            "output slots",
            &sends,
            sends.iter().sum(),
            l.output_slots.into(),
        ),
        synapse_bound(q, chip),
    ] {
        if other.cores > best.cores {
            best = other;
        }
    }
    best
}

fn bound(limit: &'static str, by_population: &[u64], total: u64, capacity: u64) -> Bound {
    let population = (0..by_population.len())
        .max_by_key(|i| (by_population[*i], usize::MAX - i))
        .unwrap_or(0);
    Bound {
        cores: total.div_ceil(capacity.max(1)),
        limit,
        population,
    }
}

fn distinct_sources(q: &Quantized) -> u64 {
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    let all = (0..q.populations.len() as u32)
        .map(Source::Population)
        .chain(inputs);
    all.map(|s| {
        q.projections
            .iter()
            .filter(|p| p.source == s)
            .map(|p| (0..p.rows()).filter(|r| !p.row(*r).is_empty()).count() as u64)
            .max()
            .unwrap_or(0)
    })
    .sum()
}

/// Cores with at most 2^w lanes need w-bit indices: the best w gives the bound.
fn synapse_bound(q: &Quantized, chip: &ChipSpec) -> Bound {
    let l = &chip.limits;
    let neurons = u64::from(q.neurons());
    let mut best: Option<Bound> = None;
    for width in l
        .index_widths
        .iter()
        .copied()
        .filter(|w| *w <= index_bits(l.neurons, chip))
    {
        let mut by_population = vec![0u64; q.populations.len()];
        for p in &q.projections {
            let format = format_of(p, q, width);
            let bits: u64 = (0..p.rows())
                .map(|r| format.bits(p.row(r).len() as u32, l))
                .sum();
            by_population[p.target as usize] += bits;
        }
        let memory = bound(
            "bits of synapse memory",
            &by_population,
            by_population.iter().sum(),
            l.synapse_bits,
        );
        let lanes = neurons.div_ceil(u64::from(l.neurons).min(1 << width.min(32)));
        let cores = memory.cores.max(lanes);
        if best.as_ref().is_none_or(|b| cores < b.cores) {
            best = Some(Bound { cores, ..memory });
        }
    }
    // Widths above the largest core's need only add bits; an empty list of widths has no bound.
    best.unwrap_or(Bound {
        cores: 0,
        limit: "bits of synapse memory",
        population: 0,
    })
}
