//! A board of chips: one mesh, some of whose links go from chip to chip (`specs/noc.md`, Boards).
//!
//! Invariant: tiles and cores are numbered over the whole board, so only who asks for a link's time or price sees its chips.

use super::check::BORDER_KEYS;
use super::{ChipSpec, Mesh};

/// Links between chips of a board, in every direction; cycles. They replace those of the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Border {
    /// Latency.
    pub hop: u64,
    /// Smallest spacing of two flits.
    pub occupancy: u64,
}

/// Whether a key of a chip file says something of links between chips: of no use where the board has one chip.
pub fn is_of_borders(key: &str) -> bool {
    BORDER_KEYS.iter().any(|(known, _)| *known == key)
}

impl Mesh {
    /// Chips of the board.
    pub fn chips(&self) -> u32 {
        self.board[0] * self.board[1]
    }

    /// Tiles of one chip in x and y.
    pub fn chip_size(&self) -> (u32, u32) {
        (self.width / self.board[0], self.height / self.board[1])
    }

    /// Place of the chip that holds a tile.
    pub fn chip_of(&self, tile: u32) -> (u32, u32) {
        let (width, height) = self.chip_size();
        (tile % self.width / width, tile / self.width / height)
    }

    /// Borders between chips on a way from column to column, or with `axis` 1 from row to row.
    pub fn borders(&self, axis: usize, from: u32, to: u32) -> u32 {
        let (width, height) = self.chip_size();
        let side = if axis == 0 { width } else { height };
        (from / side).abs_diff(to / side)
    }

    /// Whether a link of the mesh (tile; 0 east, 1 west, 2 north, 3 south) goes to another chip.
    #[inline]
    pub fn crosses(&self, tile: u32, direction: usize) -> bool {
        if self.border.is_none() {
            return false;
        }
        let (width, height) = self.chip_size();
        let (x, y) = (tile % self.width, tile / self.width);
        match direction {
            0 => (x + 1).is_multiple_of(width) && x + 1 < self.width,
            1 => x.is_multiple_of(width) && x > 0,
            2 => (y + 1).is_multiple_of(height) && y + 1 < self.height,
            _ => y.is_multiple_of(height) && y > 0,
        }
    }
}

impl ChipSpec {
    /// Latency of a link of routers `fifo`, cycles.
    #[inline]
    pub fn link_hop(&self, tile: u32, direction: usize) -> u64 {
        match self.mesh.border {
            Some(border) if self.mesh.crosses(tile, direction) => border.hop,
            _ => self.noc.hop[direction],
        }
    }

    /// Smallest spacing of two flits on a link, cycles.
    #[inline]
    pub fn link_spacing(&self, tile: u32, direction: usize) -> u64 {
        match (self.noc.vc, self.mesh.border) {
            (Some(vc), _) => vc.cycle,
            (None, Some(border)) if self.mesh.crosses(tile, direction) => border.occupancy,
            _ => self.noc.occupancy[direction],
        }
    }

    /// Cycles that the links of routers `fifo` take on a shortest way from place to place.
    pub fn way_cycles(&self, from: (u32, u32), to: (u32, u32)) -> u64 {
        let axis = |axis: usize, from: u32, to: u32| {
            let hop = self.noc.hop[2 * axis + usize::from(to < from)];
            let borders = u64::from(self.mesh.borders(axis, from, to));
            let inside = u64::from(from.abs_diff(to)) - borders;
            inside * hop + borders * self.mesh.border.map_or(hop, |border| border.hop)
        };
        axis(0, from.0, to.0) + axis(1, from.1, to.1)
    }

    /// Static power of all chips of the board, watts.
    pub fn static_w(&self) -> f64 {
        self.energy.static_w * f64::from(self.mesh.chips())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_between_chips() {
        let mut chip = ChipSpec::preset("tiny").expect("a preset").expect("valid");
        let border = Border {
            hop: 90,
            occupancy: 70,
        };
        // 2 × 3 chips of 3 × 2 tiles.
        (chip.mesh.width, chip.mesh.height, chip.mesh.board) = (6, 6, [2, 3]);
        let crosses = |chip: &ChipSpec| -> Vec<(u32, usize)> {
            let links = (0..36).flat_map(|tile| (0..4).map(move |direction| (tile, direction)));
            links
                .filter(|(tile, direction)| chip.mesh.crosses(*tile, *direction))
                .collect()
        };
        assert_eq!(crosses(&chip), []);
        chip.mesh.border = Some(border);
        let found = crosses(&chip);
        for (tile, direction) in (0..36).flat_map(|tile| (0..4u8).map(move |d| (tile, d))) {
            let to = chip.behind(tile, direction);
            let other = to.is_some_and(|to| chip.mesh.chip_of(to) != chip.mesh.chip_of(tile));
            assert_eq!(
                found.contains(&(tile, direction.into())),
                other,
                "{tile} {direction}"
            );
            let (hop, spacing) = match other {
                true => (90, 70),
                false => (
                    chip.noc.hop[usize::from(direction)],
                    chip.noc.occupancy[usize::from(direction)],
                ),
            };
            assert_eq!(chip.link_hop(tile, direction.into()), hop);
            assert_eq!(chip.link_spacing(tile, direction.into()), spacing);
        }
        // One border in x for each of six rows, two in y for each of six columns, both ways.
        assert_eq!(found.len(), 2 * (6 + 2 * 6));
        assert_eq!(
            (chip.mesh.borders(0, 0, 5), chip.mesh.borders(1, 5, 1)),
            (1, 2)
        );
    }
}
