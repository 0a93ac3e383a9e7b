//! Lanes and destinations of a placed partition: which neurons have copies, and which of them sends each line.
//!
//! Invariant: a neuron and its copies stand in one core with the same row of the crossbar and the same registers, so they
//! fire together; between them they send each of the neuron's lines once to every core that has it, and once to the host
//! for each output. Axons of a core are its lines in order; destinations ascend by core and axon, the host's are last.

use super::lines::Lines;
use super::partition::{Cores, lanes};
use crate::quantized::Quantized;
use isa::ids::INPUT_ID;
use isa::image::{Dest, HOST};
use std::collections::BTreeSet;

/// Longest name of a population before what makes its copies' name, bytes.
pub(super) const NAME_BYTES: usize = 960;

/// Copies of a population's neurons.
pub(super) struct Copies {
    pub(super) population: u32,
    pub(super) name: String,
    /// First logical id.
    pub(super) first: u32,
    /// Neuron that each is a copy of, ascending.
    pub(super) of: Vec<u32>,
}

/// All lanes of a chip.
pub(super) struct Plan {
    pub(super) copies: Vec<Copies>,
    /// Destinations of every neuron and then of every copy, by logical id.
    pub(super) dests: Vec<Vec<Dest>>,
    /// Destinations of every input element.
    pub(super) inputs: Vec<Vec<Dest>>,
    /// Sender of each axon of each core (index into the cores in physical order): logical id or element with `INPUT_ID`.
    pub(super) senders: Vec<Vec<u32>>,
    /// Physical cores, ascending, with the number that the partition gave them.
    pub(super) cores: Vec<(u32, u32)>,
}

/// Plans the lanes of a partition whose core c is physical core `at[c]`.
pub(super) fn plan(
    q: &Quantized,
    lines: &Lines,
    cores: &Cores,
    at: &[u32],
    each: u32,
    host: &[(usize, u32)],
) -> Plan {
    let neurons = q.neurons() as usize;
    let mut order: Vec<(u32, u32)> = at.iter().enumerate().map(|(c, p)| (*p, c as u32)).collect();
    order.sort_unstable();
    let mut plan = Plan {
        copies: copies(q, cores, each),
        dests: vec![Vec::new(); neurons],
        inputs: vec![Vec::new(); q.input_elements() as usize],
        senders: Vec::with_capacity(order.len()),
        cores: order,
    };
    // All destinations of each neuron; where each stands in its core's axons.
    let mut places: Vec<Vec<Option<(usize, usize)>>> = vec![Vec::new(); neurons];
    for (index, (physical, part)) in plan.cores.iter().enumerate() {
        let mine = &cores.lines[*part as usize];
        let mut senders = Vec::with_capacity(mine.len());
        for (axon, line) in mine.iter().enumerate() {
            let source = lines.source[*line as usize];
            let dest = Dest {
                target: *physical,
                axon: axon as u32,
                delay: lines.delay[*line as usize],
                joined: false,
            };
            if source & INPUT_ID == 0 {
                plan.dests[source as usize].push(dest);
                places[source as usize].push(Some((index, axon)));
            } else {
                plan.inputs[(source & !INPUT_ID) as usize].push(dest);
            }
            senders.push(source);
        }
        plan.senders.push(senders);
    }
    for (population, first) in host {
        let p = &q.populations[*population];
        for j in 0..p.count {
            plan.dests[(p.first + j) as usize].push(Dest {
                target: HOST,
                axon: first + j,
                delay: 0,
                joined: false,
            });
            places[(p.first + j) as usize].push(None);
        }
    }
    // The neuron keeps the first destinations, its copies take the others.
    let each = each.max(1) as usize;
    for copies in &plan.copies {
        let mut before = u32::MAX;
        let mut taken = 0;
        for (k, original) in copies.of.iter().enumerate() {
            taken = if *original == before {
                taken + each
            } else {
                each
            };
            before = *original;
            let id = copies.first + k as u32;
            let end = (taken + each).min(plan.dests[*original as usize].len());
            plan.dests
                .push(plan.dests[*original as usize][taken..end].to_vec());
            for (index, axon) in places[*original as usize][taken..end].iter().flatten() {
                plan.senders[*index][*axon] = id;
            }
        }
    }
    for dests in &mut plan.dests[..neurons] {
        dests.truncate(each);
    }
    plan
}

/// The copies that the destinations ask for.
fn copies(q: &Quantized, cores: &Cores, each: u32) -> Vec<Copies> {
    let mut names: BTreeSet<String> = q.populations.iter().map(|p| p.name.clone()).collect();
    let mut next = q.neurons();
    let mut out = Vec::new();
    for (population, p) in q.populations.iter().enumerate() {
        let of: Vec<u32> = (p.first..p.first + p.count)
            .flat_map(|n| {
                let more = lanes(cores.outputs[n as usize], each) - 1;
                std::iter::repeat_n(n, more as usize)
            })
            .collect();
        if of.is_empty() {
            continue;
        }
        let stem = format!("copy:{}", &p.name[..p.name.floor_char_boundary(NAME_BYTES)]);
        let mut name = stem.clone();
        let mut number = 2u32;
        while !names.insert(name.clone()) {
            name = format!("{stem} ({number})");
            number += 1;
        }
        let first = next;
        next += of.len() as u32;
        out.push(Copies {
            population: population as u32,
            name,
            first,
            of,
        });
    }
    out
}
