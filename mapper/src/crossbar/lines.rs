//! Lines: what a crossbar's input axons carry. A line is a source, an axon type and a delay; a weight that takes a type more
//! than once has several lines of it.
//!
//! Invariant: lines are numbered by (source, delay, type, repeat); neurons before input elements. Each line takes one axon in every
//! core that holds one of its targets, and one output of its source for each of them.

use super::choose::Chosen;
use isa::ids::INPUT_ID;

/// Bits of a line's number among those of one source, type and delay.
const REPEAT_BITS: u32 = 4;

/// All lines of a network.
#[derive(Clone)]
pub(super) struct Lines {
    /// Logical id, or element with `INPUT_ID`, of each line.
    pub(super) source: Vec<u32>,
    /// Axon type.
    pub(super) kind: Vec<u8>,
    /// Delay of the destination.
    pub(super) delay: Vec<u8>,
    /// Lines of each neuron, ascending: `of[start[n]..start[n + 1]]`.
    pub(super) start: Vec<u32>,
    pub(super) of: Vec<u32>,
    /// Targets of each line, ascending.
    member_start: Vec<u32>,
    members: Vec<u32>,
}

fn key(source: u32, delay: u32, line: (u8, u8)) -> u64 {
    u64::from(source) << 16
        | u64::from(delay) << 8
        | u64::from(line.0) << REPEAT_BITS
        | u64::from(line.1)
}

impl Lines {
    /// Lines of a network whose delays fit.
    pub(super) fn of_network(populations: &[Chosen]) -> Lines {
        let mut keys: Vec<u64> = Vec::new();
        for c in populations {
            for (s, uses) in c.fanin.list.iter().zip(&c.weights.uses) {
                keys.extend(uses.each().map(|line| key(s.source, s.delay, line)));
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let mut lines = Lines {
            source: keys.iter().map(|k| (k >> 16) as u32).collect(),
            kind: keys.iter().map(|k| (k >> REPEAT_BITS & 15) as u8).collect(),
            delay: keys.iter().map(|k| (k >> 8 & 0xff) as u8).collect(),
            start: vec![0],
            of: Vec::new(),
            member_start: vec![0; keys.len() + 1],
            members: Vec::new(),
        };
        for c in populations {
            for j in 0..c.fanin.neurons() {
                let from = lines.of.len();
                for i in c.fanin.range(j) {
                    let s = &c.fanin.list[i];
                    for line in c.weights.uses[i].each() {
                        let at = keys.binary_search(&key(s.source, s.delay, line));
                        lines.of.push(at.expect("collected above") as u32);
                    }
                }
                lines.of[from..].sort_unstable();
                lines.start.push(lines.of.len() as u32);
            }
        }
        lines.transpose();
        lines
    }

    /// Lines in their order, and those of each neuron.
    pub(super) fn of_parts(
        source: Vec<u32>,
        kind: Vec<u8>,
        delay: Vec<u8>,
        of: &[Vec<u32>],
    ) -> Lines {
        let mut lines = Lines {
            member_start: vec![0; source.len() + 1],
            source,
            kind,
            delay,
            start: vec![0],
            of: Vec::new(),
            members: Vec::new(),
        };
        for mine in of {
            lines.of.extend_from_slice(mine);
            lines.start.push(lines.of.len() as u32);
        }
        lines.transpose();
        lines
    }

    /// Lines that a neuron sends.
    pub(super) fn of_source(&self, neuron: u32) -> impl Iterator<Item = u32> {
        let first = self.source.partition_point(|s| *s < neuron);
        let end = self.source.partition_point(|s| *s <= neuron);
        first as u32..end as u32
    }

    /// Those of them that have a delay.
    pub(super) fn late(&self, neuron: u32) -> impl Iterator<Item = u32> {
        let of = self.of_source(neuron);
        of.filter(|l| self.delay[*l as usize] > 0)
    }

    /// The same, with late lines of these neurons (ascending) as the host's: they ask nothing of their source.
    pub(super) fn without_late(&self, sources: &[u32]) -> Lines {
        let mut lines = self.clone();
        for (source, delay) in lines.source.iter_mut().zip(&lines.delay) {
            if *delay > 0 && sources.binary_search(source).is_ok() {
                *source |= INPUT_ID;
            }
        }
        lines
    }

    /// Number of neurons.
    pub(super) fn neurons(&self) -> u32 {
        self.start.len() as u32 - 1
    }

    fn transpose(&mut self) {
        for l in &self.of {
            self.member_start[*l as usize + 1] += 1;
        }
        for l in 0..self.source.len() {
            self.member_start[l + 1] += self.member_start[l];
        }
        let mut next = self.member_start.clone();
        self.members = vec![0; self.of.len()];
        for n in 0..self.start.len() - 1 {
            for l in &self.of[self.start[n] as usize..self.start[n + 1] as usize] {
                self.members[next[*l as usize] as usize] = n as u32;
                next[*l as usize] += 1;
            }
        }
    }

    /// Number of lines.
    pub(super) fn count(&self) -> usize {
        self.source.len()
    }

    /// Lines of a neuron.
    pub(super) fn of(&self, neuron: u32) -> &[u32] {
        &self.of[self.start[neuron as usize] as usize..self.start[neuron as usize + 1] as usize]
    }

    /// Targets of a line.
    pub(super) fn members(&self, line: u32) -> &[u32] {
        let at = line as usize;
        &self.members[self.member_start[at] as usize..self.member_start[at + 1] as usize]
    }

    /// The neuron that sends a line; `None`: the host does.
    pub(super) fn neuron(&self, line: u32) -> Option<u32> {
        Some(self.source[line as usize]).filter(|s| s & INPUT_ID == 0)
    }

    /// Lines that leave each neuron.
    pub(super) fn leaving(&self, neurons: u32) -> Vec<u32> {
        let mut count = vec![0; neurons as usize];
        for s in self.source.iter().filter(|s| *s & INPUT_ID == 0) {
            count[*s as usize] += 1;
        }
        count
    }
}
