//! The population graph: one node per population, one edge per pair of populations joined by projections.
//!
//! Invariant: order is defined: ranks follow the condensation of the graph, ties the network's order.

use crate::quantized::{Quantized, Source};
use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// The graph; edges carry their number of synapses.
pub(crate) fn graph(q: &Quantized) -> DiGraph<u32, u64> {
    let mut graph = DiGraph::with_capacity(q.populations.len(), q.projections.len());
    for population in 0..q.populations.len() as u32 {
        graph.add_node(population);
    }
    for p in &q.projections {
        if let Source::Population(s) = p.source {
            let (a, b) = (
                NodeIndex::new(s as usize),
                NodeIndex::new(p.target as usize),
            );
            match graph.find_edge(a, b) {
                Some(edge) => graph[edge] += p.targets.len() as u64,
                None => {
                    graph.add_edge(a, b, p.targets.len() as u64);
                }
            }
        }
    }
    graph
}

/// Rank of every population.
pub(crate) fn ranks(q: &Quantized) -> Vec<u32> {
    ranks_of(&graph(q))
}

/// Rank of every node: the longest path to it over strongly connected components.
pub(crate) fn ranks_of<N, E>(graph: &DiGraph<N, E>) -> Vec<u32> {
    let mut rank = vec![0u32; graph.node_count()];
    // Kosaraju gives components in reverse topological order, and does not recurse.
    let components = kosaraju_scc(graph);
    let mut of = vec![0usize; graph.node_count()];
    for (c, nodes) in components.iter().enumerate() {
        nodes.iter().for_each(|n| of[n.index()] = c);
    }
    for nodes in components.iter().rev() {
        let mine = of[nodes[0].index()];
        let before = |n: &NodeIndex| {
            graph
                .neighbors_directed(*n, Direction::Incoming)
                .filter(|m| of[m.index()] != mine)
                .map(|m| rank[m.index()] + 1)
                .max()
        };
        let r = nodes.iter().filter_map(before).max().unwrap_or(0);
        nodes.iter().for_each(|n| rank[n.index()] = r);
    }
    rank
}
