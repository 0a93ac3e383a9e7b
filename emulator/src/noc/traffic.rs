//! Synthetic traffic: at every node and cycle a packet with a fixed probability, to a target by a pattern.
//!
//! Invariant: integers only, so a seed gives the same packets on every machine.

use super::{Mesh, NocError, Packet};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::ops::Range;

/// The probability 1.
pub const ALWAYS: u64 = 1 << 32;

/// Where packets go. Coordinates are those of routers; the target's place at its router is the source's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Any node, the source too.
    Uniform,
    /// (x, y) → (y, x).
    Transpose,
    /// Node i → the complement of i's bits.
    BitComplement,
    /// Each coordinate c of k → c + ⌈k / 2⌉ − 1, going round.
    Tornado,
    /// Each coordinate + 1, going round.
    Neighbor,
    /// As uniform, but nodes of the four routers in the middle with a weight of routers / 8 (at least 1).
    Hotspot,
}

impl Pattern {
    /// All of them with their names.
    pub const ALL: [(&'static str, Pattern); 6] = [
        ("uniform", Pattern::Uniform),
        ("transpose", Pattern::Transpose),
        ("bitcomp", Pattern::BitComplement),
        ("tornado", Pattern::Tornado),
        ("neighbor", Pattern::Neighbor),
        ("hotspot", Pattern::Hotspot),
    ];

    /// Checks that the pattern makes sense on a mesh.
    ///
    /// # Errors
    /// Transposing needs a square, complementing a power of two, a hot spot a middle.
    pub fn check(self, mesh: &Mesh) -> Result<(), NocError> {
        let needs = match self {
            Pattern::Transpose if mesh.width != mesh.height => "a square mesh",
            Pattern::BitComplement if !mesh.nodes().is_power_of_two() => {
                "a number of nodes that is a power of two"
            }
            Pattern::Hotspot if mesh.width < 2 || mesh.height < 2 => "two routers in x and in y",
            _ => return Ok(()),
        };
        let name = Pattern::ALL.iter().find(|(_, p)| *p == self);
        Err(NocError::Parameter {
            name: "traffic".to_owned(),
            value: name.map_or("", |(name, _)| name).to_owned(),
            limit: format!("it needs {needs}"),
        })
    }

    /// The only target of a source, unless it is drawn.
    fn target(self, mesh: &Mesh, source: u32) -> Option<u32> {
        let (x, y) = mesh.place(source);
        let local = source % mesh.locals;
        let (x, y) = match self {
            Pattern::Uniform | Pattern::Hotspot => return None,
            Pattern::BitComplement => return Some(mesh.nodes() - 1 - source),
            Pattern::Transpose => (y, x),
            Pattern::Tornado => (
                (x + mesh.width.div_ceil(2) - 1) % mesh.width,
                (y + mesh.height.div_ceil(2) - 1) % mesh.height,
            ),
            Pattern::Neighbor => ((x + 1) % mesh.width, (y + 1) % mesh.height),
        };
        Some((x + y * mesh.width) * mesh.locals + local)
    }

    /// Nodes that are targets more often than others, and their weight.
    fn hot(self, mesh: &Mesh) -> (Vec<u32>, u64) {
        if self != Pattern::Hotspot {
            return (Vec::new(), 1);
        }
        let mut nodes = Vec::new();
        for y in [mesh.height / 2 - 1, mesh.height / 2] {
            for x in [mesh.width / 2 - 1, mesh.width / 2] {
                let first = (x + y * mesh.width) * mesh.locals;
                nodes.extend(first..first + mesh.locals);
            }
        }
        (nodes, u64::from(mesh.routers() / 8).max(1))
    }

    /// Hops between routers on average, by direction (east, west, north, south): sums, and what to divide them by.
    pub fn mean_hops(self, mesh: &Mesh) -> ([u128; 4], u128) {
        self.mean_borders(mesh, (1, 1))
    }

    /// The same for hops over the borders of rectangles of so many columns and rows, of which the mesh is made.
    pub fn mean_borders(self, mesh: &Mesh, (columns, rows): (u32, u32)) -> ([u128; 4], u128) {
        let nodes = mesh.nodes();
        let mut sums = [0; 4];
        let mut add = |source: u32, target: u32, weight: u128| {
            let ((x, y), (to_x, to_y)) = (mesh.place(source), mesh.place(target));
            let along = (x / columns).abs_diff(to_x / columns);
            let up = (y / rows).abs_diff(to_y / rows);
            sums[usize::from(to_x < x)] += weight * u128::from(along);
            sums[2 + usize::from(to_y < y)] += weight * u128::from(up);
        };
        if self.target(mesh, 0).is_some() {
            let targets = (0..nodes).filter_map(|s| Some((s, self.target(mesh, s)?)));
            targets.for_each(|(source, target)| add(source, target, 1));
            return (sums, nodes.into());
        }
        let (hot, weight) = self.hot(mesh);
        let more = u128::from(weight - 1);
        for &target in &hot {
            (0..nodes).for_each(|source| add(source, target, more));
        }
        // All pairs alike: Σ (b − a) over a < b of one coordinate, for every pair of the other and of places at routers.
        let apart = |all: u32, side: u32| {
            let (k, side) = (u128::from(all / side), u128::from(side));
            side * side * k * (k * k - 1) / 6
        };
        let (width, height) = (u128::from(mesh.width), u128::from(mesh.height));
        let locals = u128::from(mesh.locals).pow(2);
        for side in 0..2 {
            sums[side] += apart(mesh.width, columns) * height * height * locals;
            sums[2 + side] += apart(mesh.height, rows) * width * width * locals;
        }
        let pairs = (width * height).pow(2) * locals;
        (sums, pairs + u128::from(nodes) * hot.len() as u128 * more)
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Targets.
    pub pattern: Pattern,
    /// Probability of a packet per node and cycle, of [`ALWAYS`].
    pub probability: u64,
    /// Flits of a packet.
    pub size: u32,
    /// Of the random numbers.
    pub seed: u64,
}

/// Makes the packets of a load, cycle by cycle.
pub struct Traffic {
    mesh: Mesh,
    load: Load,
    random: Xoshiro256PlusPlus,
    hot: Vec<u32>,
    weight: u64,
}

impl Traffic {
    /// From cycle 0 on.
    ///
    /// # Errors
    /// The pattern does not fit the mesh, or the probability is above 1.
    pub fn new(mesh: Mesh, load: Load) -> Result<Traffic, NocError> {
        load.pattern.check(&mesh)?;
        if load.probability > ALWAYS {
            return Err(NocError::Parameter {
                name: "probability".to_owned(),
                value: load.probability.to_string(),
                limit: format!("of {ALWAYS}: at most one packet per node and cycle"),
            });
        }
        let (hot, weight) = load.pattern.hot(&mesh);
        Ok(Traffic {
            mesh,
            load,
            random: Xoshiro256PlusPlus::seed_from_u64(load.seed),
            hot,
            weight,
        })
    }

    /// Appends the packets of the next cycles; they must follow those of the call before.
    pub fn cycles(&mut self, cycles: Range<u64>, packets: &mut Vec<Packet>) {
        let nodes = self.mesh.nodes();
        for created in cycles {
            for first in (0..nodes).step_by(64) {
                let mut senders = self.senders();
                if nodes - first < 64 {
                    senders &= (1 << (nodes - first)) - 1;
                }
                while senders != 0 {
                    let source = first + senders.trailing_zeros();
                    senders &= senders - 1;
                    packets.push(Packet {
                        created,
                        source,
                        target: self.target(source),
                        size: self.load.size,
                    });
                }
            }
        }
    }

    /// 64 draws at once: the bits of 64 random fractions are compared with the probability's, the highest first.
    fn senders(&mut self) -> u64 {
        if self.load.probability >= ALWAYS {
            return u64::MAX;
        }
        let (mut below, mut equal) = (0, u64::MAX);
        let mut rest = self.load.probability as u32;
        while rest != 0 && equal != 0 {
            let drawn = self.random.next_u64();
            if rest >> 31 != 0 {
                below |= equal & !drawn;
                equal &= drawn;
            } else {
                equal &= !drawn;
            }
            rest <<= 1;
        }
        below
    }

    fn target(&mut self, source: u32) -> u32 {
        if let Some(target) = self.load.pattern.target(&self.mesh, source) {
            return target;
        }
        let nodes = u64::from(self.mesh.nodes());
        let more = self.weight - 1;
        let drawn = self.below(nodes + more * self.hot.len() as u64);
        if drawn < nodes {
            drawn as u32
        } else {
            self.hot[((drawn - nodes) / more) as usize]
        }
    }

    /// A number below `n`; none is likelier than another by more than n in 2^64.
    fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.random.next_u64()) * u128::from(n)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: Mesh = Mesh {
        width: 8,
        height: 8,
        locals: 1,
    };

    fn packets(mesh: Mesh, pattern: Pattern, probability: u64, cycles: u64) -> Vec<Packet> {
        let load = Load {
            pattern,
            probability,
            size: 1,
            seed: 3,
        };
        let mut packets = Vec::new();
        let mut traffic = Traffic::new(mesh, load).expect("it fits");
        traffic.cycles(0..cycles / 2, &mut packets);
        traffic.cycles(cycles / 2..cycles, &mut packets);
        packets
    }

    #[test]
    fn packets_come_as_often_as_they_should() {
        for (of, share) in [(3, 0.001), (1, 0.1), (7, 0.3), (1, 0.5), (1, 0.9999)] {
            let probability = (share * ALWAYS as f64) as u64 | of;
            let count = packets(SQUARE, Pattern::Uniform, probability, 20_000).len() as f64;
            let expected = 64.0 * 20_000.0 * share;
            let deviation = (expected * (1.0 - share)).sqrt();
            assert!(
                (count - expected).abs() < 4.0 * deviation,
                "{share}: {count}"
            );
        }
        assert_eq!(packets(SQUARE, Pattern::Uniform, ALWAYS, 100).len(), 6400);
        assert_eq!(packets(SQUARE, Pattern::Uniform, 0, 100).len(), 0);
    }

    #[test]
    fn at_most_one_packet_per_node_and_cycle_in_order() {
        let mesh = Mesh {
            width: 9,
            height: 11,
            locals: 2,
        };
        let packets = packets(mesh, Pattern::Uniform, ALWAYS / 3, 200);
        let keys = packets.iter().map(|p| (p.created, p.source));
        assert!(keys.clone().zip(keys.skip(1)).all(|(a, b)| a < b));
        assert!(packets.iter().any(|p| p.source == mesh.nodes() - 1));
        assert!(packets.iter().any(|p| p.target == mesh.nodes() - 1));
        assert!(
            packets
                .iter()
                .all(|p| p.target < mesh.nodes() && p.source < mesh.nodes())
        );
    }

    #[test]
    fn patterns_are_those_of_the_reference() {
        let check = |pattern: Pattern, source: u32, target: u32| {
            assert_eq!(pattern.target(&SQUARE, source), Some(target), "{pattern:?}");
        };
        check(Pattern::Transpose, 8 * 5 + 2, 8 * 2 + 5);
        check(Pattern::BitComplement, 0b10_1100, 0b01_0011);
        check(Pattern::Tornado, 8 * 5 + 2, 5);
        check(Pattern::Neighbor, 8 * 7 + 7, 0);
        let (hot, weight) = Pattern::Hotspot.hot(&SQUARE);
        assert_eq!((hot, weight), (vec![27, 28, 35, 36], 8));
        let small = Mesh {
            width: 4,
            height: 4,
            locals: 1,
        };
        assert_eq!(Pattern::Hotspot.hot(&small), (vec![5, 6, 9, 10], 2));
    }

    /// The closed form is the mean over all pairs, by weight.
    #[test]
    fn mean_hops_is_the_mean() {
        let mesh = Mesh {
            width: 4,
            height: 4,
            locals: 2,
        };
        let patterns = Pattern::ALL.into_iter();
        let each = patterns.flat_map(|p| [(1, 1), (2, 2), (4, 1), (1, 2)].map(|chip| (p, chip)));
        for ((name, pattern), chip) in each {
            let (hot, weight) = pattern.hot(&mesh);
            let (mut sum, mut all) = ([0u128; 4], 0u128);
            for source in 0..mesh.nodes() {
                for target in 0..mesh.nodes() {
                    let weight = match pattern.target(&mesh, source) {
                        Some(only) => u128::from(only == target),
                        None if hot.contains(&target) => weight.into(),
                        None => 1,
                    };
                    let ((x, y), (to_x, to_y)) = (mesh.place(source), mesh.place(target));
                    let [x, to_x] = [x, to_x].map(|x| x / chip.0);
                    let [y, to_y] = [y, to_y].map(|y| y / chip.1);
                    let hops = [
                        to_x.saturating_sub(x),
                        x.saturating_sub(to_x),
                        to_y.saturating_sub(y),
                        y.saturating_sub(to_y),
                    ];
                    for (sum, hops) in sum.iter_mut().zip(hops) {
                        *sum += weight * u128::from(hops);
                    }
                    all += weight;
                }
            }
            let (hops, pairs) = pattern.mean_borders(&mesh, chip);
            let expect = sum.map(|s| s * pairs);
            assert_eq!(hops.map(|h| h * all), expect, "{name} {chip:?}");
        }
        // 2 · (k² − 1) / 3k, as published for k = 8: 5.25.
        let (hops, pairs) = Pattern::Uniform.mean_hops(&SQUARE);
        assert_eq!((hops.iter().sum::<u128>(), pairs), (21_504, 4096));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let flat = Mesh {
            width: 6,
            height: 1,
            locals: 1,
        };
        for (pattern, expect) in [
            (
                Pattern::Transpose,
                "traffic transpose: it needs a square mesh",
            ),
            (
                Pattern::BitComplement,
                "traffic bitcomp: it needs a number of nodes that is a power of two",
            ),
            (
                Pattern::Hotspot,
                "traffic hotspot: it needs two routers in x and in y",
            ),
        ] {
            assert_eq!(pattern.check(&flat).expect_err(expect).to_string(), expect);
        }
    }
}
