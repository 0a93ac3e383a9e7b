//! Pass 3, place: partition cores to physical cores, with few hops.
//!
//! Invariant: deterministic for a seed, on any number of threads; `best` is never worse than any fixed order. The cost is
//! Σ packets · Manhattan distance of the tiles, host traffic included, where a hop to another chip of a board counts for several
//! (`distance.rs`); among equal costs the least loaded busiest link decides.

mod anneal;
mod bisect;
mod distance;
mod flows;
mod links;
mod orders;

pub(crate) use distance::border_weight;
pub use flows::Flow;
pub(crate) use flows::{Counter, Flows, hops};
pub(crate) use links::xy_path;

use crate::error::MapError;
use crate::own::{self, Own};
use crate::parallel;
use crate::quantized::{Quantized, Source};
use crate::topology;
use anneal::Annealer;
use isa::ChipSpec;

/// Names of the placers; the first is the default.
pub const PLACERS: &[&str] = &[
    "best",
    "row-major",
    "topological",
    "layer-rows",
    "hilbert",
    "spectral",
    "bisection",
];

/// A fixed order: physical core of each partition core.
type Order = fn(&Flows, &ChipSpec) -> Vec<u32>;

const FIXED: &[(&str, Order)] = &[
    ("row-major", orders::row_major),
    ("topological", orders::topological),
    ("layer-rows", orders::layer_rows),
    ("hilbert", orders::hilbert),
    ("spectral", orders::spectral),
    ("bisection", bisect::bisection),
];

/// Cores, and partners of a core on average, up to which annealing starts from several orders, and from how many.
const SEVERAL_STARTS: u32 = 512;
const SEVERAL_PARTNERS: usize = 100;
const STARTS: usize = 3;

impl Flows {
    /// Counts the flows of a partition: every source sends as many packets as `weights` says (neurons first, then input elements), or one.
    pub(crate) fn of(q: &Quantized, core_of: &[u32], cores: u32, weights: Option<&[u64]>) -> Flows {
        let (mut counter, rank) = Flows::begun(q, core_of, cores, weights);
        // `each_source` leaves out inputs that nothing takes.
        let taken = |i: &u32| q.projections.iter().any(|p| p.source == Source::Input(*i));
        let mut elements = (0..q.inputs.len() as u32).filter(taken).flat_map(|i| {
            let (first, count) = q.source_span(Source::Input(i));
            q.neurons() + first..q.neurons() + first + count
        });
        each_source(q, core_of, |source, cores, _| {
            let number = source.unwrap_or_else(|| elements.next().expect("each comes once"));
            let own = source.map(|neuron| core_of[neuron as usize]);
            counter.sent(own, cores.iter().copied(), weight(weights, number));
        });
        counter.finish(Some(rank))
    }

    /// The same from the cores that each source is known to reach.
    pub(crate) fn reaching<I: Iterator<Item = u32>>(
        q: &Quantized,
        core_of: &[u32],
        cores: u32,
        weights: Option<&[u64]>,
        reached: impl Fn(u32) -> I,
    ) -> Flows {
        let (mut counter, rank) = Flows::begun(q, core_of, cores, weights);
        for source in 0..q.neurons() + q.input_elements() {
            let own = core_of.get(source as usize).copied();
            counter.sent(own, reached(source), weight(weights, source));
        }
        counter.finish(Some(rank))
    }

    /// Flows to the host, and the rank of each core.
    fn begun(
        q: &Quantized,
        core_of: &[u32],
        cores: u32,
        weights: Option<&[u64]>,
    ) -> (Counter, Vec<u32>) {
        let mut counter = Counter::new(cores);
        let mut rank = vec![u32::MAX; cores as usize];
        for (p, population_rank) in q.populations.iter().zip(topology::ranks(q)) {
            for core in &core_of[p.first as usize..(p.first + p.count) as usize] {
                let mine = &mut rank[*core as usize];
                *mine = (*mine).min(population_rank);
            }
        }
        for output in q
            .outputs
            .iter()
            .filter(|o| q.populations[o.population as usize].fires)
        {
            let p = &q.populations[output.population as usize];
            for n in p.first..p.first + p.count {
                counter.host[core_of[n as usize] as usize] += weight(weights, n);
            }
        }
        (counter, rank)
    }
}

/// Packets of a source: as `weights` says, or one.
fn weight(weights: Option<&[u64]>, source: u32) -> u64 {
    weights.map_or(1, |w| w[source as usize])
}

/// Calls `visit` for every neuron, then for every input element (`None`), with the core of each of its axons, ascending (one for each
/// core and receptor), and the synapses of each axon.
pub(crate) fn each_source(
    q: &Quantized,
    core_of: &[u32],
    mut visit: impl FnMut(Option<u32>, &[u32], &[u64]),
) {
    let inputs = (0..q.inputs.len() as u32).map(Source::Input);
    let mut reached: Vec<(u32, u8)> = Vec::new();
    let (mut cores, mut counts): (Vec<u32>, Vec<u64>) = (Vec::new(), Vec::new());
    for source in (0..q.populations.len() as u32)
        .map(Source::Population)
        .chain(inputs)
    {
        let (first, count) = q.source_span(source);
        let leaving: Vec<_> = q
            .projections
            .iter()
            .filter(|p| p.source == source)
            .collect();
        for element in 0..if leaving.is_empty() { 0 } else { count } {
            reached.clear();
            for p in &leaving {
                let base = q.populations[p.target as usize].first;
                let targets = p.targets[p.row(element)].iter();
                reached.extend(targets.map(|t| (core_of[(base + t) as usize], p.receptor)));
            }
            reached.sort_unstable();
            cores.clear();
            counts.clear();
            for axon in reached.chunk_by(|a, b| a == b) {
                cores.push(axon[0].0);
                counts.push(axon.len() as u64);
            }
            let id = matches!(source, Source::Population(_)).then_some(first + element);
            visit(id, &cores, &counts);
        }
    }
}

/// Places a partition with the user's own placer, or with one of the list.
pub(crate) fn choose(
    flows: &Flows,
    chip: &ChipSpec,
    name: &str,
    seed: u64,
    own: Own<'_>,
    threads: usize,
) -> Result<(Vec<u32>, String), MapError> {
    match own.placer {
        Some((name, placer)) => {
            own::placed(name, placer, flows, chip, seed).map(|at| (at, name.into()))
        }
        None => place(flows, chip, name, seed, threads),
    }
}

/// Places a partition; physical core of each partition core, and what led to it: the order, and what changed it. Orders are tried, and
/// starts annealed, side by side.
pub(crate) fn place(
    flows: &Flows,
    chip: &ChipSpec,
    name: &str,
    seed: u64,
    threads: usize,
) -> Result<(Vec<u32>, String), MapError> {
    assert!(
        flows.cores <= chip.cores(),
        "{} cores for a chip of {}",
        flows.cores,
        chip.cores()
    );
    if let Some((_, order)) = FIXED.iter().find(|o| o.0 == name) {
        return Ok((order(flows, chip), name.into()));
    }
    if name != PLACERS[0] {
        return Err(MapError::Name {
            kind: "placer",
            name: name.into(),
            list: PLACERS.join(", "),
        });
    }
    let mut starts: Vec<(u128, Vec<u32>, &str)> =
        parallel::each(threads, FIXED, |(name, order)| {
            let at = order(flows, chip);
            (flows.cost(chip, &at), at, *name)
        });
    starts.sort_by_key(|s| s.0);
    let runs = if flows.cores <= SEVERAL_STARTS
        && flows.terms() <= SEVERAL_PARTNERS * flows.cores as usize
    {
        STARTS
    } else {
        1
    };
    let runs = &starts[..runs.min(starts.len())];
    let annealed = parallel::each(threads, runs, |(_, at, name)| {
        let mut annealer = Annealer::new(flows, chip, at, seed);
        annealer.run(chip.mesh.width.max(chip.mesh.height));
        let at = annealer.placement();
        (flows.cost(chip, &at), at, format!("{name}, then annealing"))
    });
    let fixed = starts.first();
    let fixed = fixed.map(|(cost, at, name)| (*cost, at.clone(), (*name).to_owned()));
    // The first of equals: a fixed order is changed only for fewer hops.
    let best = fixed.into_iter().chain(annealed).min_by_key(|s| s.0);
    let (_, at, from) = best.expect("the list of orders is not empty");
    let finished = links::finish(flows, chip, at.clone());
    let swaps = if finished == at { "" } else { ", then swaps" };
    Ok((finished, format!("{name} ({from}{swaps})")))
}

/// A placement for estimates: the cheapest of the orders that take no search, annealed shortly.
pub(crate) fn quickly(flows: &Flows, chip: &ChipSpec) -> Vec<u32> {
    let orders: [Order; 3] = [orders::row_major, orders::topological, orders::hilbert];
    let placed = orders.iter().map(|order| order(flows, chip));
    let best = placed.min_by_key(|at| flows.cost(chip, at));
    let mut annealer = Annealer::new(flows, chip, &best.expect("there are three"), 0);
    annealer.shortly(chip.mesh.width.max(chip.mesh.height));
    annealer.placement()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let fixed: Vec<&str> = FIXED.iter().map(|o| o.0).collect();
        assert_eq!(fixed, PLACERS[1..]);
    }
}
