//! The source-rooted hypergraph: one net per source, holding the source itself (if it is a neuron) and everything it reaches.
//!
//! Invariant: the pins of a net are distinct and ascending; both directions (net to vertices, vertex to nets) say the same.
//! Memory: 8 bytes per pin, 4 while vertex to nets is put away. A vertex stands for one or more neurons; collapsing twins keeps the cost of every partition exact.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustc_hash::FxHashMap;

/// Nets of one hash that a net is compared with before it counts as new.
const COMPARED: usize = 8;

/// What a vertex takes of the limits that add up: neurons, output slots, bits of synapse memory, work of the neuron unit and of the synapse unit.
pub(crate) type Size = [u64; 5];

/// A weighted hypergraph with sized vertices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hyper {
    /// Pins of net e: `pins[net_start[e]..net_start[e + 1]]`.
    net_start: Vec<usize>,
    pins: Vec<u32>,
    /// Packets per unit time that the sources of each net send to a core, and the sources: axons of a core that it reaches.
    pub(super) net_weight: Vec<u64>,
    pub(super) net_sources: Vec<u64>,
    /// Nets of each vertex.
    vertex_start: Vec<usize>,
    incident: Vec<u32>,
    pub(super) size: Vec<Size>,
    /// Group (population and profile) of each vertex.
    pub(super) kind: Vec<u32>,
    /// Nets of one vertex are kept: they cause no packets, but are axons of its core.
    lone: bool,
    /// Net that each vertex is the source of, `u32::MAX` for none; empty once vertices were merged.
    root: Vec<u32>,
    /// Number that each vertex had at first; empty: its own (see [`Hyper::renumber`]).
    first: Vec<u32>,
}

impl Hyper {
    /// From what every source reaches, in any order: `weights` = packets and sources of each net; `targets_of` fills in the targets and says which vertex the source is,
    /// if it is one. `lone`: nets of one vertex are kept, as axons.
    pub(crate) fn rooted(
        size: Vec<Size>,
        kind: Vec<u32>,
        weights: Vec<[u64; 2]>,
        lone: bool,
        mut targets_of: impl FnMut(usize, &mut Vec<u32>) -> Option<u32>,
    ) -> Hyper {
        let mut hyper = Hyper {
            root: vec![u32::MAX; size.len()],
            lone,
            net_start: vec![0],
            size,
            kind,
            ..Hyper::default()
        };
        let mut buffer = Vec::new();
        for (source, [weight, sources]) in weights.into_iter().enumerate() {
            buffer.clear();
            let root = targets_of(source, &mut buffer);
            let reaches = !buffer.is_empty();
            buffer.extend(root);
            if !buffer.is_sorted() {
                buffer.sort_unstable();
            }
            buffer.dedup();
            // A net within one vertex never causes a packet to another core.
            if buffer.len() > 1 || lone && reaches {
                if let Some(root) = root {
                    hyper.root[root as usize] = hyper.net_weight.len() as u32;
                }
                hyper.pins.extend_from_slice(&buffer);
                hyper.net_start.push(hyper.pins.len());
                hyper.net_weight.push(weight);
                hyper.net_sources.push(sources);
            }
        }
        hyper.transpose();
        hyper
    }

    /// Counts the nets of every vertex, if they were put away.
    pub(super) fn transpose(&mut self) {
        if !self.vertex_start.is_empty() {
            return;
        }
        let mut start = vec![0usize; self.size.len() + 2];
        for pin in &self.pins {
            start[*pin as usize + 2] += 1;
        }
        for v in 2..start.len() {
            start[v] += start[v - 1];
        }
        self.incident = vec![0; self.pins.len()];
        for net in 0..self.nets() {
            for pin in &self.pins[self.net_start[net]..self.net_start[net + 1]] {
                let at = &mut start[*pin as usize + 1];
                self.incident[*at] = net as u32;
                *at += 1;
            }
        }
        start.pop();
        self.vertex_start = start;
    }

    /// Puts the nets of every vertex away until they are needed again: half of the memory.
    pub(super) fn put_away(&mut self) {
        self.incident = Vec::new();
        self.vertex_start = Vec::new();
    }

    /// Packets between cores: Σ weight · (cores − 1).
    pub(super) fn packets(&self, core_of: &[u32]) -> u64 {
        let cores = core_of.iter().max().map_or(0, |c| *c as usize + 1);
        let mut seen = vec![u32::MAX; cores];
        let mut packets = 0;
        for net in 0..self.nets() as u32 {
            let mut others = 0;
            for pin in self.pins(net) {
                let seen = &mut seen[core_of[*pin as usize] as usize];
                others += u64::from(std::mem::replace(seen, net) != net);
            }
            packets += self.net_weight[net as usize] * (others - 1);
        }
        packets
    }

    pub(crate) fn vertices(&self) -> usize {
        self.size.len()
    }

    pub(super) fn nets(&self) -> usize {
        self.net_weight.len()
    }

    pub(super) fn pin_count(&self) -> usize {
        self.pins.len()
    }

    /// Pins of the largest net.
    pub(super) fn largest_net(&self) -> usize {
        let nets = self.net_start.windows(2);
        nets.map(|net| net[1] - net[0]).max().unwrap_or(0)
    }

    pub(super) fn pins(&self, net: u32) -> &[u32] {
        &self.pins[self.net_start[net as usize]..self.net_start[net as usize + 1]]
    }

    pub(super) fn nets_of(&self, vertex: u32) -> &[u32] {
        &self.incident[self.vertex_start[vertex as usize]..self.vertex_start[vertex as usize + 1]]
    }

    /// The net that a vertex is the source of.
    pub(super) fn root_of(&self, v: u32) -> Option<u32> {
        let net = self.root.get(v as usize).copied();
        net.filter(|net| *net != u32::MAX)
    }

    /// Whether every net has a source among the vertices.
    pub(super) fn has_sources(&self) -> bool {
        let rooted = self.root.iter().filter(|net| **net != u32::MAX);
        rooted.count() == self.nets()
    }

    /// The source of every net (see [`Hyper::has_sources`]).
    pub(super) fn sources(&self) -> Vec<u32> {
        let mut sources = vec![u32::MAX; self.nets()];
        for v in 0..self.root.len() as u32 {
            if let Some(net) = self.root_of(v) {
                sources[net as usize] = v;
            }
        }
        sources
    }

    /// Pins that a net needs to be kept.
    fn least(&self) -> usize {
        if self.lone { 1 } else { 2 }
    }

    /// Vertices in the order of their first numbers.
    pub(super) fn in_first_order(&self) -> Vec<u32> {
        let mut order = vec![0; self.vertices()];
        for v in 0..self.vertices() as u32 {
            order[self.first_number(v) as usize] = v;
        }
        order
    }

    /// The number that a vertex had at first.
    pub(super) fn first_number(&self, v: u32) -> u32 {
        self.first.get(v as usize).copied().unwrap_or(v)
    }

    /// Core of every vertex by first numbers.
    pub(super) fn by_first_number(&self, core_of: Vec<u32>) -> Vec<u32> {
        if self.first.is_empty() {
            return core_of;
        }
        let order = self.in_first_order();
        order.iter().map(|v| core_of[*v as usize]).collect()
    }

    /// Numbers vertices, and the nets that they are the source of, in the order in which a search in breadth along the nets meets
    /// them, so that what is looked at together lies together.
    pub(super) fn renumber(&mut self) {
        const NEW: u32 = u32::MAX;
        let n = self.vertices();
        let mut name = vec![NEW; n];
        let mut order: Vec<u32> = Vec::with_capacity(n);
        let mut nets: Vec<u32> = Vec::with_capacity(self.nets());
        let mut done = 0;
        for start in 0..n as u32 {
            if name[start as usize] == NEW {
                name[start as usize] = order.len() as u32;
                order.push(start);
            }
            while let Some(v) = order.get(done) {
                done += 1;
                let net = self.root[*v as usize];
                if net == NEW {
                    continue;
                }
                nets.push(net);
                for pin in self.pins(net) {
                    if name[*pin as usize] == NEW {
                        name[*pin as usize] = order.len() as u32;
                        order.push(*pin);
                    }
                }
            }
        }
        let mut rooted = vec![false; self.nets()];
        nets.iter().for_each(|net| rooted[*net as usize] = true);
        nets.extend((0..self.nets() as u32).filter(|net| !rooted[*net as usize]));
        let mut next = Hyper {
            net_start: vec![0],
            pins: Vec::with_capacity(self.pins.len()),
            net_weight: nets.iter().map(|e| self.net_weight[*e as usize]).collect(),
            net_sources: nets.iter().map(|e| self.net_sources[*e as usize]).collect(),
            size: order.iter().map(|v| self.size[*v as usize]).collect(),
            kind: order.iter().map(|v| self.kind[*v as usize]).collect(),
            root: vec![NEW; n],
            first: order.iter().map(|v| self.first_number(*v)).collect(),
            lone: self.lone,
            ..Hyper::default()
        };
        for net in &nets {
            let from = next.pins.len();
            let pins = self.pins(*net).iter().map(|pin| name[*pin as usize]);
            next.pins.extend(pins);
            next.pins[from..].sort_unstable();
            next.net_start.push(next.pins.len());
        }
        let mut number = vec![NEW; self.nets()];
        for (i, net) in nets.iter().enumerate() {
            number[*net as usize] = i as u32;
        }
        for (i, v) in order.iter().enumerate() {
            let net = self.root[*v as usize];
            if net != NEW {
                next.root[i] = number[net as usize];
            }
        }
        *self = next;
    }

    /// Merges vertices: `cluster` of each vertex, numbered 0 to `count` − 1, all of one kind. Nets with equal pins become one.
    /// The nets of every vertex are still to be counted ([`Hyper::transpose`]).
    pub(super) fn contract(&self, cluster: &[u32], count: usize) -> Hyper {
        let mut size = vec![[0; 5]; count];
        let mut kind = vec![0; count];
        for (v, c) in cluster.iter().enumerate() {
            add(&mut size[*c as usize], &self.size[v]);
            kind[*c as usize] = self.kind[v];
        }
        let mut coarse = Hyper {
            net_start: vec![0],
            size,
            kind,
            lone: self.lone,
            ..Hyper::default()
        };
        // Last net of each hash, and the one before it of the same hash.
        let mut known: FxHashMap<u64, u32> = FxHashMap::default();
        let mut before: Vec<u32> = Vec::new();
        let mut stamp = vec![u32::MAX; count];
        let mut buffer: Vec<u32> = Vec::new();
        for net in 0..self.nets() as u32 {
            buffer.clear();
            for pin in self.pins(net) {
                let c = cluster[*pin as usize];
                if std::mem::replace(&mut stamp[c as usize], net) != net {
                    buffer.push(c);
                }
            }
            if buffer.len() < self.least() {
                continue;
            }
            buffer.sort_unstable();
            let hash = buffer.iter().fold(0u64, |h, c| {
                (h.rotate_left(5) ^ u64::from(*c)).wrapping_mul(0x517c_c1b7_2722_0a95)
            });
            let last = known.get(&hash).copied();
            let mut alike = std::iter::successors(last, |e| {
                Some(before[*e as usize]).filter(|e| *e != u32::MAX)
            });
            let same = alike
                .by_ref()
                .take(COMPARED)
                .find(|e| coarse.pins(*e) == buffer);
            if let Some(same) = same {
                coarse.net_weight[same as usize] += self.net_weight[net as usize];
                coarse.net_sources[same as usize] += self.net_sources[net as usize];
            } else {
                known.insert(hash, coarse.net_weight.len() as u32);
                before.push(last.unwrap_or(u32::MAX));
                coarse.pins.extend_from_slice(&buffer);
                coarse.net_start.push(coarse.pins.len());
                coarse.net_weight.push(self.net_weight[net as usize]);
                coarse.net_sources.push(self.net_sources[net as usize]);
            }
        }
        coarse
    }

    /// The part on some vertices: nets keep the pins among them. `local` is scratch, all `u32::MAX`.
    pub(super) fn part(&self, vertices: &[u32], local: &mut [u32]) -> Hyper {
        let mut part = Hyper {
            net_start: vec![0],
            size: vertices.iter().map(|v| self.size[*v as usize]).collect(),
            kind: vertices.iter().map(|v| self.kind[*v as usize]).collect(),
            lone: self.lone,
            ..Hyper::default()
        };
        for (i, v) in vertices.iter().enumerate() {
            local[*v as usize] = i as u32;
        }
        for net in 0..self.nets() as u32 {
            let first = part.pins.len();
            let inside = self.pins(net).iter().map(|pin| local[*pin as usize]);
            part.pins.extend(inside.filter(|pin| *pin != u32::MAX));
            if part.pins.len() - first < self.least() {
                part.pins.truncate(first);
            } else {
                part.net_start.push(part.pins.len());
                part.net_weight.push(self.net_weight[net as usize]);
                part.net_sources.push(self.net_sources[net as usize]);
            }
        }
        part.transpose();
        vertices.iter().for_each(|v| local[*v as usize] = u32::MAX);
        part
    }

    /// Classes of twins, cut into pieces of at most `most` neurons: vertices of one kind and size in the same nets, apart from
    /// nets of their own that hold the same others. Numbered by first member.
    pub(super) fn twins(&self, most: u64) -> (Vec<u32>, usize) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0x7477_696e);
        let vertex_hash: Vec<u64> = (0..self.vertices()).map(|_| rng.next_u64()).collect();
        let net_hash: Vec<u64> = (0..self.nets()).map(|_| rng.next_u64()).collect();
        // Few kinds and sizes are different: their numbers keep the keys small.
        let mut forms: FxHashMap<(u32, Size), u32> = FxHashMap::default();
        let mut open: FxHashMap<(u64, u64, u32), (u32, u32)> = FxHashMap::default();
        let mut cluster = Vec::with_capacity(self.vertices());
        let mut count = 0;
        for v in 0..self.vertices() as u32 {
            let own = self.root[v as usize];
            let mut seen = 0u64;
            for net in self.nets_of(v).iter().filter(|net| **net != own) {
                seen = seen.wrapping_add(net_hash[*net as usize]);
            }
            let mut reached = 0u64;
            if own != u32::MAX {
                for pin in self.pins(own).iter().filter(|pin| **pin != v) {
                    reached = reached.wrapping_add(vertex_hash[*pin as usize]);
                }
            }
            let forms_so_far = forms.len() as u32;
            let form = (self.kind[v as usize], self.size[v as usize]);
            let form = *forms.entry(form).or_insert(forms_so_far);
            let class = open
                .entry((seen, reached, form))
                .or_insert((count as u32, 0));
            // No more than there are neurons, whose numbers are words.
            let neurons = self.size[v as usize][0] as u32;
            if u64::from(class.1) + u64::from(neurons) > most {
                *class = (count as u32, 0);
            }
            if class.1 == 0 {
                class.0 = count as u32;
                count += 1;
            }
            class.1 += neurons;
            cluster.push(class.0);
        }
        (cluster, count)
    }
}

pub(super) fn add(to: &mut Size, what: &Size) {
    to.iter_mut().zip(what).for_each(|(a, b)| *a += b);
}

pub(super) fn take(from: &mut Size, what: &Size) {
    from.iter_mut().zip(what).for_each(|(a, b)| *a -= b);
}
