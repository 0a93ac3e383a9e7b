//! A network whose layers start later, so that their inputs have time to pass relays.
//!
//! Invariant: ways between the same two populations stay of one length, and none gets shorter; inside a cycle nothing changes.
//! What a population sees at its step t is the same, it only sees it later: outputs are read later by as much.

use network::lowered::{Lowered, Projection, Source};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The cycles of a network's populations.
pub(super) struct Cycles {
    /// Populations of each, in an order in which ways lead from earlier to later ones; most are one population.
    all: Vec<Vec<usize>>,
    /// The cycle of each population.
    of: Vec<usize>,
}

impl Cycles {
    pub(super) fn of(net: &Lowered) -> Cycles {
        let mut graph: DiGraph<(), ()> = DiGraph::new();
        for _ in &net.populations {
            graph.add_node(());
        }
        for p in &net.projections {
            if let Source::Population(s) = p.source {
                let [from, to] = [s, p.target].map(|i| NodeIndex::new(i as usize));
                graph.update_edge(from, to, ());
            }
        }
        let found = kosaraju_scc(&graph).into_iter().rev();
        let all: Vec<Vec<usize>> = found
            .map(|nodes| nodes.into_iter().map(NodeIndex::index).collect())
            .collect();
        let mut of = vec![0; net.populations.len()];
        for (cycle, populations) in all.iter().enumerate() {
            populations.iter().for_each(|p| of[*p] = cycle);
        }
        Cycles { all, of }
    }

    /// Whether the way from a source to a population can be made longer: not inside a cycle.
    pub(super) fn stretches(&self, source: Source, target: u32) -> bool {
        match source {
            Source::Population(s) => self.of[s as usize] != self.of[target as usize],
            Source::Input(_) => true,
        }
    }
}

/// The network with every population later by at least `by` steps, and with it all that follows.
pub(super) fn later(net: &Lowered, cycles: &Cycles, by: &[u32]) -> Lowered {
    let mut net = net.clone();
    // Steps by which the source of a projection is later.
    let before = |shift: &[u32], p: &Projection| match p.source {
        Source::Population(s) => shift[s as usize],
        Source::Input(_) => 0,
    };
    let mut shift = vec![0u32; net.populations.len()];
    for (number, populations) in cycles.all.iter().enumerate() {
        let here = |p: &&Projection| cycles.of[p.target as usize] == number;
        let leading = net.projections.iter().filter(here);
        let outside = leading.filter(|p| cycles.stretches(p.source, p.target));
        let sources = outside.map(|p| before(&shift, p)).max().unwrap_or(0);
        let own = populations.iter().map(|p| by[*p]).max().unwrap_or(0);
        populations.iter().for_each(|p| shift[*p] = sources + own);
    }
    for (population, shift) in net.populations.iter_mut().zip(&shift) {
        population.depth += shift;
    }
    for p in &mut net.projections {
        p.align += shift[p.target as usize] - before(&shift, p);
    }
    net
}
