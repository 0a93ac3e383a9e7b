//! The order in which nodes are evaluated within a step, and which edges close cycles.
//!
//! Rule: inside a strongly connected component every edge into a neuron carries the value of the previous step, except from
//! an integrator into the threshold directly behind it (the two are one neuron); so does, in a cycle without neurons, the
//! edge into its first node. All other edges carry the value of this step. The rule names no file order and treats mutually
//! connected populations alike; it is also what a chip with one transport step per spike does.

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::graph::{Edge, Node, Op};
use crate::lowered::Model;

/// Component of every node, numbered so that edges between components lead from lower to higher numbers.
pub(crate) fn components(nodes: usize, edges: impl Iterator<Item = (u32, u32)>) -> Vec<u32> {
    let mut graph = DiGraph::<(), (), u32>::with_capacity(nodes, 0);
    for _ in 0..nodes {
        graph.add_node(());
    }
    for (from, to) in edges {
        graph.add_edge(NodeIndex::from(from), NodeIndex::from(to), ());
    }
    let found = kosaraju_scc(&graph);
    let mut component = vec![0u32; nodes];
    for (i, members) in found.iter().rev().enumerate() {
        for member in members {
            component[member.index()] = i as u32;
        }
    }
    component
}

/// The integrator that threshold `at` compares, directly or through ports and flattening: together they are one neuron.
/// `edges` are sorted by (to, from).
pub(crate) fn absorbed(nodes: &[Node], edges: &[Edge], at: usize) -> Option<usize> {
    let Op::Neuron { model, bias } = &nodes[at].op else {
        return None;
    };
    if !matches!(**model, Model::Threshold { .. }) || !bias.is_empty() {
        return None;
    }
    let mut at = at;
    for _ in 0..nodes.len() {
        let start = edges.partition_point(|e| (e.to as usize) < at);
        let end = edges.partition_point(|e| (e.to as usize) <= at);
        let [edge] = edges[start..end] else {
            return None;
        };
        at = edge.from as usize;
        match &nodes[at].op {
            Op::Neuron { model, .. } if !model.fires() => return Some(at),
            Op::Linear(linear) if linear.is_identity() => {}
            _ => return None,
        }
    }
    None
}

/// Evaluation order, and the edges sorted by (to, from) with their `closing` mark.
pub(crate) fn order(nodes: &[Node], edges: &[(u32, u32)]) -> (Vec<u32>, Vec<Edge>) {
    let component = components(nodes.len(), edges.iter().copied());
    let mut marked: Vec<Edge> = edges
        .iter()
        .map(|&(from, to)| {
            let inside = component[from as usize] == component[to as usize];
            Edge {
                from,
                to,
                closing: inside && matches!(nodes[to as usize].op, Op::Neuron { .. }),
                receptor: 0,
            }
        })
        .collect();
    marked.sort_unstable_by_key(|e| (e.to, e.from));
    for i in 0..marked.len() {
        if marked[i].closing && absorbed(nodes, &marked, marked[i].to as usize).is_some() {
            marked[i].closing = false;
        }
    }

    // Kahn's algorithm; least index first among the ready ones.
    let mut waits = vec![0u32; nodes.len()];
    let mut successors = vec![Vec::new(); nodes.len()];
    for (i, edge) in marked.iter().enumerate().filter(|(_, e)| !e.closing) {
        waits[edge.to as usize] += 1;
        successors[edge.from as usize].push(i);
    }
    let mut ready: BinaryHeap<Reverse<u32>> = (0..nodes.len() as u32)
        .filter(|&i| waits[i as usize] == 0)
        .map(Reverse)
        .collect();
    let mut schedule = Vec::with_capacity(nodes.len());
    let mut done = vec![false; nodes.len()];
    // Where cycles without neurons block, they are opened in component order, then at the least index.
    let mut blocked: Vec<u32> = (0..nodes.len() as u32).collect();
    blocked.sort_unstable_by_key(|&i| (component[i as usize], i));
    let mut blocked = blocked.into_iter();
    while schedule.len() < nodes.len() {
        let next = match ready.pop() {
            Some(Reverse(i)) => i,
            None => {
                let i = blocked
                    .find(|&i| !done[i as usize])
                    .expect("an undone node is left");
                let start = marked.partition_point(|e| e.to < i);
                for edge in marked[start..].iter_mut().take_while(|e| e.to == i) {
                    edge.closing |= !done[edge.from as usize];
                }
                i
            }
        };
        if done[next as usize] {
            continue;
        }
        done[next as usize] = true;
        schedule.push(next);
        for &i in &successors[next as usize] {
            let to = marked[i].to as usize;
            if !marked[i].closing && !done[to] {
                waits[to] -= 1;
                if waits[to] == 0 {
                    ready.push(Reverse(to as u32));
                }
            }
        }
    }
    (schedule, marked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linear::Linear;
    use crate::lowered::{Compare, Fire, Param, Reset};

    fn node(neuron: bool) -> Node {
        let op = if neuron {
            let fire = Fire {
                threshold: Param::One(1.0),
                v_reset: Param::One(0.0),
                reset: Reset::Hard,
                reset_delay: false,
                compare: Compare::Gt,
                refractory: Param::One(0.0),
            };
            let model = Model::Leaky {
                tau: None,
                r: Param::One(1.0),
                v_leak: Param::One(0.0),
                decay: crate::lowered::Decay::Euler,
                fire: Some(fire),
                v_init: Param::One(0.0),
                noise: None,
                filter: None,
            };
            Op::Neuron {
                model: Box::new(model),
                bias: Vec::new(),
            }
        } else {
            Op::Linear(Linear::Identity)
        };
        Node {
            name: String::new(),
            op,
            in_shape: vec![1],
            shape: vec![1],
        }
    }

    fn closing(neurons: &[bool], edges: &[(u32, u32)]) -> (Vec<u32>, Vec<(u32, u32)>) {
        let nodes: Vec<Node> = neurons.iter().map(|&n| node(n)).collect();
        let (schedule, edges) = order(&nodes, edges);
        (
            schedule,
            edges
                .iter()
                .filter(|e| e.closing)
                .map(|e| (e.from, e.to))
                .collect(),
        )
    }

    #[test]
    fn cycles_open_before_neurons() {
        assert_eq!(
            closing(&[true, false], &[(0, 1), (1, 0)]),
            (vec![0, 1], vec![(1, 0)])
        );
        assert_eq!(closing(&[true], &[(0, 0)]), (vec![0], vec![(0, 0)]));
        // Two populations that excite each other: both directions are one step late.
        assert_eq!(
            closing(&[true, true], &[(0, 1), (1, 0)]),
            (vec![0, 1], vec![(1, 0), (0, 1)])
        );
        // A cycle without neurons behind another map.
        assert_eq!(
            closing(&[false, false, false], &[(2, 0), (0, 1), (1, 0)]),
            (vec![2, 0, 1], vec![(1, 0)])
        );
        assert_eq!(
            closing(&[false, false, false], &[(1, 0), (2, 1)]),
            (vec![2, 1, 0], vec![])
        );
    }
}
