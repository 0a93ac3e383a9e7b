//! The barrier as messages: the tiles that take part, and how many messages cross links (`specs/timestep.md`).
//!
//! Invariant: routes between tiles of the area stay in it, since every link leads nearer to its target.

use super::ChipSpec;

/// Tiles that take part in a barrier's wave: a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaveArea {
    /// Place of its south-west corner.
    pub first: (u32, u32),
    /// Place of its north-east corner.
    pub last: (u32, u32),
}

impl WaveArea {
    /// Whether a place lies in it.
    pub fn holds(&self, (x, y): (u32, u32)) -> bool {
        (self.first.0..=self.last.0).contains(&x) && (self.first.1..=self.last.1).contains(&y)
    }
}

impl ChipSpec {
    /// The smallest rectangle that holds these tiles and those of all host ports.
    pub fn wave_area(&self, tiles: impl Iterator<Item = u32>) -> WaveArea {
        let ports = self.host_ports.iter().map(|port| port.tile);
        let mut places = tiles.chain(ports).map(|tile| self.xy(tile));
        let (mut first, mut last) = places
            .next()
            .map_or(((0, 0), (0, 0)), |place| (place, place));
        for (x, y) in places {
            first = (first.0.min(x), first.1.min(y));
            last = (last.0.max(x), last.1.max(y));
        }
        WaveArea { first, last }
    }

    /// Messages of one step's wave, each over one link: a marker on every link of every plane, and to one corner and back.
    pub fn wave_messages(&self, area: WaveArea) -> u64 {
        let width = u64::from(area.last.0 - area.first.0 + 1);
        let height = u64::from(area.last.1 - area.first.1 + 1);
        let links = 2 * ((width - 1) * height + width * (height - 1));
        links * u64::from(self.mesh.planes) + 2 * (width * height - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_holds_tiles_and_ports() {
        let mut chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        (chip.mesh.width, chip.mesh.height, chip.mesh.planes) = (8, 4, 2);
        chip.host_ports.truncate(1);
        chip.host_ports[0].tile = 8;
        let area = chip.wave_area([10, 19].into_iter());
        assert_eq!((area.first, area.last), ((0, 1), (3, 2)));
        assert!(area.holds((3, 1)) && !area.holds((4, 1)) && !area.holds((0, 0)));
        // 6 + 4 links each way in 2 planes, and 7 tiles to the corner and back.
        assert_eq!(chip.wave_messages(area), 2 * 2 * 10 + 2 * 7);
    }
}
