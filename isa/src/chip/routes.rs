//! Routing tables: at every tile, the link by which packets go on to each other tile (`specs/noc.md`).
//!
//! Invariant: every link of a table leads nearer to the target, so each route ends there, with as many links in each
//! direction as by any order. Whether packets may wait for each other is another question (`circular.rs`).

use super::{ChipSpec, Order};
use std::fmt;

/// Names of directions, in port order.
pub(super) const DIRECTIONS: [&str; 4] = ["east", "west", "north", "south"];
/// Letters of a table, in the same order, and that of a tile's own place.
const LETTERS: &[u8; 5] = b"ewns-";
/// Own place.
const HERE: u8 = 4;
/// Most tiles of a chip with a table, which has a letter for every pair.
pub(super) const MOST_TILES: u32 = 1024;

/// A link: tile, and direction (0 east, 1 west, 2 north, 3 south).
pub(super) type Link = (u32, u8);

/// Links as a text.
pub(super) struct Path<'a>(pub(super) &'a [Link]);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (tile, direction)) in self.0.iter().enumerate() {
            let arrow = if place == 0 { "" } else { " → " };
            let direction = DIRECTIONS[usize::from(*direction)];
            write!(f, "{arrow}tile {tile} {direction}")?;
        }
        Ok(())
    }
}

/// Direction in which packets go on, by tile and target tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    tiles: u32,
    next: Vec<u8>,
}

/// The tile at the end of a link of a mesh, if there is one.
fn behind((width, height): (u32, u32), tile: u32, direction: u8) -> Option<u32> {
    let (x, y) = (tile % width, tile / width);
    match direction {
        0 => (x + 1 < width).then(|| tile + 1),
        1 => (x > 0).then(|| tile - 1),
        2 => (y + 1 < height).then(|| tile + width),
        _ => (y > 0).then(|| tile - width),
    }
}

impl Routes {
    /// A table from its rows: one for each tile, with a letter for each target tile: `e`, `w`, `n`, `s`, and `-` at the
    /// tile's own place.
    ///
    /// # Errors
    /// What is wrong with it, at most one thing a row: rows or letters are missing or too many, or a link does not lead
    /// nearer to its target.
    pub fn read(rows: &[String], width: u32, height: u32) -> Result<Routes, Vec<String>> {
        let tiles = width.saturating_mul(height);
        if tiles > MOST_TILES {
            return Err(vec![format!(
                "is a table for {tiles} tiles; at most {MOST_TILES} have one"
            )]);
        }
        if rows.len() != tiles as usize {
            let (has, tiles) = (rows.len(), count(u64::from(tiles), "tile"));
            return Err(vec![format!(
                "has {}, and the mesh has {tiles}",
                count(has as u64, "row")
            )]);
        }
        let mut next = Vec::with_capacity(rows.len() * rows.len());
        let mut faults = Vec::new();
        for (tile, row) in (0..tiles).zip(rows) {
            match directions(row, tile, (width, height)) {
                Ok(directions) => next.extend(directions),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() {
            Ok(Routes { tiles, next })
        } else {
            Err(faults)
        }
    }

    /// Direction of the first link on the way from a tile to another; none if they are one.
    #[inline]
    pub fn next(&self, tile: u32, target: u32) -> Option<u8> {
        let direction = self.next[(tile * self.tiles + target) as usize];
        (direction != HERE).then_some(direction)
    }
}

/// The directions of a row.
fn directions(row: &str, tile: u32, (width, height): (u32, u32)) -> Result<Vec<u8>, String> {
    let tiles = width * height;
    if row.len() != tiles as usize {
        let (has, tiles) = (row.len() as u64, count(u64::from(tiles), "tile"));
        return Err(format!(
            "has {} in row {tile}, and the mesh has {tiles}",
            count(has, "letter")
        ));
    }
    let nearer = |target: u32| {
        let ((x, y), (to_x, to_y)) = (
            (tile % width, tile / width),
            (target % width, target / width),
        );
        [to_x > x, to_x < x, to_y > y, to_y < y, target == tile]
    };
    let direction = |(target, letter): (u32, u8)| {
        let place = LETTERS.iter().position(|known| *known == letter);
        let right = place.filter(|place| nearer(target)[*place]);
        let fault = || {
            let known: String = (0..5)
                .filter(|place| nearer(target)[*place])
                .map(|place| char::from(LETTERS[place]))
                .collect();
            format!(
                "has {:?} in row {tile} for tile {target}; only these lead nearer to it: {known}",
                char::from(letter)
            )
        };
        right.map(|place| place as u8).ok_or_else(fault)
    };
    (0..tiles).zip(row.bytes()).map(direction).collect()
}

fn count(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

impl ChipSpec {
    /// The tile at the end of a link (tile; 0 east, 1 west, 2 north, 3 south), if there is one.
    #[inline]
    pub fn behind(&self, tile: u32, direction: u8) -> Option<u32> {
        behind((self.mesh.width, self.mesh.height), tile, direction)
    }

    /// Direction of the first link on the way from a tile to another, by the chip's table or else by an order; none if
    /// they are one.
    #[inline]
    pub fn first_link(&self, from: u32, to: u32, order: Order) -> Option<u8> {
        if let Some(routes) = &self.noc.routes {
            return routes.next(from, to);
        }
        let ((x, y), (to_x, to_y)) = (self.xy(from), self.xy(to));
        let along_x = (x != to_x).then_some(u8::from(x > to_x));
        let along_y = (y != to_y).then_some(2 + u8::from(y > to_y));
        match order {
            Order::Xy => along_x.or(along_y),
            Order::Yx => along_y.or(along_x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &[&str], width: u32, height: u32) -> Result<Routes, Vec<String>> {
        let rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
        Routes::read(&rows, width, height)
    }

    #[test]
    fn a_table_says_where_packets_go_on() {
        let routes = read(&["-ene", "w-wn", "se-e", "wsw-"], 2, 2).expect("whole");
        assert_eq!(routes.next(0, 3), Some(0));
        assert_eq!(routes.next(3, 0), Some(1));
        assert_eq!(routes.next(2, 2), None);
    }

    #[test]
    fn what_is_wrong_with_a_table_is_named() {
        for (rows, fault) in [
            (
                &["-e", "w-", "--"][..],
                "has 3 rows, and the mesh has 2 tiles",
            ),
            (
                &["-e", "w"],
                "has 1 letter in row 1, and the mesh has 2 tiles",
            ),
            (
                &["-x", "w-"],
                "has 'x' in row 0 for tile 1; only these lead nearer to it: e",
            ),
            (
                &["--", "w-"],
                "has '-' in row 0 for tile 1; only these lead nearer to it: e",
            ),
            (
                &["-e", "ww"],
                "has 'w' in row 1 for tile 1; only these lead nearer to it: -",
            ),
        ] {
            assert_eq!(read(rows, 2, 1), Err(vec![fault.to_owned()]));
        }
        let fault = "has 's' in row 0 for tile 3; only these lead nearer to it: en";
        let rows = ["-ens", "w-wn", "se-e", "wsw-"];
        assert_eq!(read(&rows, 2, 2), Err(vec![fault.to_owned()]));
        let far = vec![String::new(); 2048];
        assert!(Routes::read(&far, 2048, 1).is_err());
    }
}
