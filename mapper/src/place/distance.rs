//! How far tiles lie apart for a placer: hops, of which one to another chip of the board counts for several.
//!
//! Invariant: a distance is the sum of one along x and one along y, each the sum over the columns (rows) between; on one chip it is
//! the Manhattan distance. The weight of a border follows from the chip file alone (`specs/mapping.md`, Place).

use isa::ChipSpec;

/// Largest weight of a border: sums of packets × distance stay within 64 bits.
const MOST_WEIGHT: f64 = 1000.0;

/// Hops that a hop to another chip counts for: how much longer or dearer it is than one within a chip, whichever is more.
pub(crate) fn border_weight(chip: &ChipSpec) -> u32 {
    let Some(border) = chip.mesh.border else {
        return 1;
    };
    let mean = |of: &[u64; 4]| of.iter().sum::<u64>() as f64 / 4.0;
    let hop = chip.energy.hop.iter().sum::<f64>() / 4.0 + chip.energy.router.iter().sum::<f64>();
    let joules = match chip.energy.chip_crossing {
        0.0 => 1.0,
        // Dearer than any number of hops that cost nothing: the division is by 0.
        crossing => (hop + crossing) / hop,
    };
    let more = [
        border.hop as f64 / mean(&chip.noc.hop),
        border.occupancy as f64 / mean(&chip.noc.occupancy),
        joules,
    ];
    let most = more.into_iter().fold(1.0, f64::max);
    most.round().min(MOST_WEIGHT) as u32
}

/// Distances on the mesh of a chip or board.
pub(crate) struct Distance {
    /// By axis and column (row): distance from the first one.
    from_first: [Vec<u32>; 2],
}

impl Distance {
    pub(crate) fn new(chip: &ChipSpec) -> Distance {
        let weight = border_weight(chip);
        let axis = |axis: usize, length: u32| {
            let place = |at: u32| at + chip.mesh.borders(axis, 0, at) * (weight - 1);
            (0..length).map(place).collect()
        };
        Distance {
            from_first: [axis(0, chip.mesh.width), axis(1, chip.mesh.height)],
        }
    }

    /// Between two places.
    pub(crate) fn between(&self, a: (u32, u32), b: (u32, u32)) -> u32 {
        self.along(0, a.0, b.0) + self.along(1, a.1, b.1)
    }

    /// Between two columns, or with `axis` 1 two rows.
    pub(crate) fn along(&self, axis: usize, a: u32, b: u32) -> u32 {
        let places = &self.from_first[axis];
        places[a as usize].abs_diff(places[b as usize])
    }

    /// Middle of a rectangle of tiles, in half hops from the first tile of the mesh.
    pub(super) fn centre(&self, (first, last): ((u32, u32), (u32, u32))) -> (u32, u32) {
        let along = |axis: usize, first: u32, last: u32| {
            let places = &self.from_first[axis];
            places[first as usize] + places[last as usize]
        };
        (along(0, first.0, last.0), along(1, first.1, last.1))
    }

    /// How many of `count` (at least 2) columns (rows) from `first` on come before the border nearest to their middle; half of them where none is among them.
    pub(super) fn middle(&self, axis: usize, first: u32, count: u32) -> u32 {
        let is_border = |n: &u32| self.along(axis, first + n - 1, first + n) > 1;
        let borders = (1..count).filter(is_border);
        let nearest = borders.min_by_key(|n| (2 * n).abs_diff(count));
        nearest.unwrap_or(count / 2)
    }

    /// By column (row): distance from the one before; 0 for the first.
    pub(crate) fn gaps(&self, axis: usize) -> Vec<i64> {
        let places = &self.from_first[axis];
        let before = std::iter::once(&0).chain(places);
        let gaps = places.iter().zip(before);
        gaps.map(|(at, before)| i64::from(at - before)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isa::chip::Border;

    #[test]
    fn a_border_counts_for_what_it_costs() {
        let mut chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        assert_eq!(Distance::new(&chip).between((1, 0), (6, 3)), 8);
        assert_eq!(border_weight(&chip), 1);
        // 2 × 2 chips of 4 × 2 tiles; hops take 53 cycles and 3.5 pJ on average.
        chip.mesh.board = [2, 2];
        for (hop, occupancy, joules, weight) in [
            (53, 53, 0.0, 1),
            (20, 20, 0.0, 1),
            (530, 53, 0.0, 10),
            (106, 1060, 3.5e-12, 20),
            (106, 106, 24.5e-12, 8),
            (53_000_000, 53, 0.0, 1000),
        ] {
            chip.mesh.border = Some(Border { hop, occupancy });
            chip.energy.chip_crossing = joules;
            assert_eq!(border_weight(&chip), weight);
            let distance = Distance::new(&chip);
            assert_eq!(distance.between((1, 0), (3, 1)), 3);
            assert_eq!(distance.between((1, 0), (6, 3)), 6 + 2 * weight);
            assert_eq!(distance.gaps(1), [0, 1, i64::from(weight), 1]);
        }
        chip.energy.hop = [0.0; 4];
        chip.energy.chip_crossing = 1e-12;
        assert_eq!(border_weight(&chip), 1000);
    }
}
