//! Smallest changes with which a refused network fits: keys of the chip file with numbers, and numbers of the network.
//!
//! Invariant: a number that is named as the smallest was counted exactly, or the pass was run with it and with the next smaller one; where
//! that would take too long the message says "at least".

mod image;
mod partition;
pub(crate) mod study;

pub(crate) use image::{image, program};
pub(crate) use partition::{Relays, partition};

use crate::error::MapError;
use crate::explain::key;
use crate::usage;
use isa::ChipSpec;
use isa::chip::{CoreLimits, MOST_CHANNELS, MOST_CORES, MOST_TILES_OF_A_SIDE, schema};

/// Runs of a pass that a search may take, and neurons and synapses times runs.
const MOST_RUNS: u64 = 64;
const MOST_WORK: u64 = 50_000_000;
/// More of any limit than a network can use.
const PLENTY: u64 = 1 << 31;
/// Largest number that a key of the chip file takes.
fn most(key: &str) -> u64 {
    let known = schema().iter().find(|k| k.path == key);
    known.map_or(0, |k| k.max as u64)
}

/// `N core(s) more: --set …`, with the fewest cores that one key of the mesh gives.
pub(crate) fn more_cores(chip: &ChipSpec, need: u64) -> String {
    let more = need.saturating_sub(chip.cores().into());
    let many = format!("{more} more core{}", if more == 1 { "" } else { "s" });
    match grown(chip, need) {
        Some((key, value, _)) => format!("{many}: --set {key}={value}"),
        None => format!("{many}, which no single key of the mesh gives"),
    }
}

/// Key, value and mesh that give at least so many cores: the fewest, ports staying on their border.
fn grown(chip: &ChipSpec, need: u64) -> Option<(&'static str, u64, ChipSpec)> {
    let m = &chip.mesh;
    let [width, height, each] = [m.width, m.height, m.cores_per_tile].map(u64::from);
    // The keys say what one chip of a board has.
    let [across, up] = m.board.map(u64::from);
    let mut best: Option<(u64, &'static str, u64, ChipSpec)> = None;
    for (key, others, chips) in [
        ("mesh.height", width * up * each, up),
        ("mesh.width", height * across * each, across),
        ("mesh.cores_per_tile", width * height, 1),
    ] {
        let value = need.div_ceil(others.max(1));
        let cores = value * others;
        if value > most(key).min(MOST_TILES_OF_A_SIDE / chips.max(1)) || cores > MOST_CORES {
            continue;
        }
        let mut larger = chip.clone();
        match key {
            "mesh.height" => larger.mesh.height = (value * up) as u32,
            "mesh.width" => larger.mesh.width = (value * across) as u32,
            _ => larger.mesh.cores_per_tile = value as u32,
        }
        if legal(&larger) && best.as_ref().is_none_or(|b| cores < b.0) {
            best = Some((cores, key, value, larger));
        }
    }
    best.map(|(_, key, value, chip)| (key, value, chip))
}

/// Whether the ports of a chip are on the border of its mesh, and its routers are not too large.
fn legal(chip: &ChipSpec) -> bool {
    let (width, height) = (chip.mesh.width, chip.mesh.height);
    let vcs = chip.noc.vc.map_or(1, |vc| u64::from(vc.vcs));
    let channels = (4 + u64::from(chip.mesh.cores_per_tile)) * vcs.next_power_of_two();
    let ports = chip.host_ports.iter().all(|p| {
        let (x, y) = (p.tile % width, p.tile / width);
        p.tile < width * height
            && match p.side {
                0 => x + 1 == width,
                1 => x == 0,
                2 => y + 1 == height,
                _ => y == 0,
            }
    });
    ports && channels <= MOST_CHANNELS
}

/// `the smallest change: …, or ` of delays, where the key can have the number.
pub(crate) fn delay(longest: u32) -> String {
    if u64::from(longest) <= most("core.delay") {
        format!("the smallest change: --set core.delay={longest}, or ")
    } else {
        "the smallest change: ".to_owned()
    }
}

/// Sets a limit by its name.
fn set(chip: &mut ChipSpec, limit: &str, value: u64) {
    let l: &mut CoreLimits = &mut chip.limits;
    let small = value.min(PLENTY) as u32;
    match limit {
        "neurons" => l.neurons = small,
        "neuron groups" => l.groups = small,
        "threshold profiles" => l.threshold_profiles = small,
        "synapse formats" => l.synapse_formats = small,
        "input axons" => l.input_axons = small,
        "output slots" => l.output_slots = small,
        "bits of synapse memory" => l.synapse_bits = value,
        "code words" => l.code_words = small,
        _ => l.lane_destinations = small,
    }
}

/// What a chip has of a limit.
fn has(chip: &ChipSpec, limit: &str) -> u64 {
    let all = usage::limits(&usage::CoreUse::default(), chip);
    all.iter().find(|l| l.0 == limit).map_or(0, |l| l.2)
}

/// Smallest number above `fails` at which `fits` says so, not below `least`; whether the next smaller one was seen to fail. None if no number does, or
/// if `runs` are used up before one is found.
pub(crate) fn smallest(
    fails: u64,
    least: u64,
    runs: &mut u64,
    mut fits: impl FnMut(u64) -> bool,
) -> Option<(u64, bool)> {
    smallest_used(fails, least, runs, |x| fits(x).then_some(x))
}

/// As [`smallest`], where `fits` says how much of the number is used: the search goes on from there.
pub(crate) fn smallest_used(
    fails: u64,
    least: u64,
    runs: &mut u64,
    mut fits: impl FnMut(u64) -> Option<u64>,
) -> Option<(u64, bool)> {
    let mut seen = |x: u64| {
        *runs = runs.checked_sub(1)?;
        Some(fits(x))
    };
    let first = least.max(fails + 1);
    let used = seen(PLENTY)??;
    let (mut low, mut high) = (
        fails,
        if used < PLENTY {
            used.max(first)
        } else {
            first
        },
    );
    let mut used = loop {
        match seen(high)? {
            Some(used) => break used,
            None => (low, high) = (high, (high * 2).min(PLENTY)),
        }
    };
    // What is below `least` is known to fail.
    low = low.max(least.saturating_sub(1));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let next = if used > low && used < high {
            used
        } else {
            middle
        };
        match seen(next) {
            Some(Some(less)) => (high, used) = (next, less),
            Some(None) => low = next,
            None => return Some((high, false)),
        }
    }
    Some((high, true))
}

/// Runs that a network of this size may take.
pub(crate) fn runs(work: u64) -> u64 {
    (MOST_WORK / work.max(1)).min(MOST_RUNS)
}

/// Of errors about the same number of the chip the one that needs most of it: mending that mends all.
pub(crate) fn worst(errors: Vec<MapError>) -> Vec<MapError> {
    let key_of = |e: &MapError| match e {
        MapError::Limit {
            key,
            need,
            population,
            ..
        } => Some((*key, *need, population.to_string())),
        MapError::Neuron {
            limit,
            need,
            population,
            ..
        } => Some((key(limit), *need, population.clone())),
        _ => None,
    };
    let mut out: Vec<MapError> = Vec::new();
    for error in errors {
        let same = |e: &&mut MapError| matches!((key_of(e), key_of(&error)), (Some(a), Some(b)) if a.0 == b.0);
        let Some(known) = out.iter_mut().find(same) else {
            out.push(error);
            continue;
        };
        let (Some(a), Some(b)) = (key_of(known), key_of(&error)) else {
            continue;
        };
        let less = if b.1 > a.1 {
            *known = error;
            a.2
        } else {
            b.2
        };
        if let MapError::Limit { remedy, .. } | MapError::Neuron { remedy, .. } = known {
            *remedy += &format!(" (population \"{less}\" needs too many as well)");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_number() {
        for (fails, least, answer) in [(0, 1, 1), (3, 4, 17), (3, 9, 17), (3, 17, 17), (16, 17, 17)]
        {
            let mut runs = 64;
            let found = smallest(fails, least, &mut runs, |x| x >= answer);
            assert_eq!(found, Some((answer, true)), "{fails} {least}");
        }
        let mut runs = 64;
        assert_eq!(smallest(3, 4, &mut runs, |_| false), None);
        // What is used says more than what fits; but it may not do when it is all that there is.
        for (over, answer) in [(0, 17), (3, 17), (100, 4)] {
            let mut runs = 64;
            let found = smallest_used(3, 4, &mut runs, |x| {
                (x >= answer).then_some(x.min(answer + over))
            });
            assert_eq!(found, Some((answer, true)));
            assert!(runs >= 54, "{runs}");
        }
        let used = |x: u64| (x >= 17).then_some(x.min(9));
        assert_eq!(smallest_used(3, 4, &mut runs, used), Some((17, true)));
        // Out of runs: a number that fits, and no claim that it is the smallest.
        let mut runs = 5;
        assert_eq!(smallest(3, 4, &mut runs, |x| x >= 14), Some((16, false)));
    }

    #[test]
    fn a_side_of_a_board_has_its_most() {
        let mut chip = ChipSpec::preset("truenorth")
            .expect("a preset")
            .expect("valid");
        chip.mesh.board = [40, 1];
        (chip.mesh.width, chip.mesh.height, chip.mesh.cores_per_tile) = (40 * 818, 1, 64);
        chip.host_ports.clear();
        // 819 tiles a chip are 32760; 820 would be 32800.
        let found = |need| grown(&chip, need).map(|g| (g.0, g.1));
        let cores = 40 * 818 * 64;
        assert_eq!(found(cores), None, "beyond the most cores");
        chip.mesh.cores_per_tile = 1;
        let found = |need| grown(&chip, need).map(|g| (g.0, g.1));
        assert_eq!(found(40 * 818 + 1), Some(("mesh.width", 819)));
        assert_eq!(found(40 * 819 + 1), Some(("mesh.height", 2)));
    }

    #[test]
    fn cores_by_one_key() {
        for (name, need, expect) in [
            ("loihi", 129, "1 more core: --set mesh.width=9"),
            ("loihi", 200, "72 more cores: --set mesh.width=13"),
            // A port at the east side keeps the mesh from growing there.
            ("tiny", 5, "1 more core: --set mesh.cores_per_tile=3"),
            ("tiny", 4000, "3996 more cores: --set mesh.height=1000"),
            (
                "truenorth",
                1 << 21,
                "2093056 more cores, which no single key of the mesh gives",
            ),
        ] {
            let chip = ChipSpec::preset(name).expect("a preset").expect("valid");
            assert_eq!(more_cores(&chip, need), expect);
        }
    }
}
