//! Where a chip was busy: links, routers and units of cores, and a map of it for the printed report.
//!
//! Invariant: shares are of the time of the whole run, steps and barriers alike; without cycles there are none.

use crate::outcome::{DIRECTIONS, Run};
use indexmap::IndexMap;
use serde::Serialize;
use std::fmt::Write;

/// Widest and highest mesh that is drawn: a line of 80 characters, a screen.
const DRAWN: [usize; 2] = [14, 24];

/// Rows by y from 0, columns by x.
type Matrix<T> = Vec<Vec<T>>;

/// Load of a chip's network and cores.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Load {
    pub routers: Matrix<u64>,
    pub links: IndexMap<&'static str, LinkMatrices>,
    pub cores: Vec<CoreLoad>,
    pub idle: Option<Idle>,
    /// Tiles of a chip in x and y.
    #[serde(skip)]
    pub chip: [usize; 2],
}

/// Share of the run's time in which the units of the cores in use have nothing to do.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Idle {
    pub neuron: IdleShare,
    pub synapse: IdleShare,
}

/// Over the cores in use: the mean, and the core that idles least.
#[derive(Clone, Copy, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct IdleShare {
    pub mean: f64,
    pub least: f64,
    pub least_core: u32,
}

/// Links of one direction, by the tile they leave.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct LinkMatrices {
    pub packets: Matrix<u64>,
    pub share_busy: Option<Matrix<f64>>,
    pub wait_cycles: Option<Matrix<u64>>,
}

/// A core that the image uses.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct CoreLoad {
    pub core: u32,
    pub tile: [u32; 2],
    pub neuron_cycles: u64,
    pub synapse_cycles: u64,
    pub stall_cycles: Option<u64>,
    pub neuron_idle_cycles: Option<u64>,
    pub synapse_idle_cycles: Option<u64>,
    pub neuron_excess_cycles: Option<u64>,
    pub synapse_excess_cycles: Option<u64>,
}

impl Idle {
    /// `None` where nothing was timed.
    fn new(cores: &[CoreLoad], cycles: u64) -> Option<Idle> {
        let over = |idle: fn(&CoreLoad) -> Option<u64>| {
            let idle: Option<Vec<(u64, u32)>> = cores
                .iter()
                .map(|core| idle(core).map(|idle| (idle, core.core)))
                .collect();
            let idle = idle.filter(|_| cycles > 0)?;
            let (least, least_core) = *idle.iter().min()?;
            let all: u128 = idle.iter().map(|(idle, _)| u128::from(*idle)).sum();
            Some(IdleShare {
                mean: all as f64 / (cycles as f64 * idle.len() as f64),
                least: least as f64 / cycles as f64,
                least_core,
            })
        };
        Some(Idle {
            neuron: over(|core| core.neuron_idle_cycles)?,
            synapse: over(|core| core.synapse_idle_cycles)?,
        })
    }
}

impl Load {
    /// Sums over the samples of a run.
    pub fn new(run: &Run<'_>) -> Load {
        let chip = run.chip;
        let (width, height) = (chip.mesh.width as usize, chip.mesh.height as usize);
        let times = run.samples.iter().flat_map(|s| &s.step_times);
        let cycles: u64 = times.map(|t| t.cycles).sum();
        let mut routers = vec![vec![0; width]; height];
        let mut links = IndexMap::new();
        for (direction, name) in DIRECTIONS.into_iter().enumerate() {
            let mut packets = vec![vec![0; width]; height];
            let mut waits = packets.clone();
            for sample in run.samples {
                for (tile, used) in sample.links.chunks(4).enumerate() {
                    packets[tile / width][tile % width] += used[direction].packets;
                    routers[tile / width][tile % width] += used[direction].packets;
                    waits[tile / width][tile % width] += used[direction].wait_cycles;
                }
            }
            let whole = (cycles.max(1) * u64::from(chip.mesh.planes)) as f64;
            let share = |tile: usize, n: u64| {
                (n * chip.link_spacing(tile as u32, direction)) as f64 / whole
            };
            let row = |(y, row): (usize, &Vec<u64>)| {
                let tiles = row.iter().enumerate();
                tiles.map(|(x, n)| share(y * width + x, *n)).collect()
            };
            let shares = packets.iter().enumerate().map(row);
            let link = LinkMatrices {
                share_busy: run.timed.then(|| shares.collect()),
                wait_cycles: run.timed.then_some(waits),
                packets,
            };
            links.insert(name, link);
        }
        let mut cores = Vec::new();
        for (index, program) in run.image.cores.iter().enumerate() {
            let used = || run.samples.iter().map(|s| &s.cores[index]);
            let tile = <[u32; 2]>::from(chip.xy(chip.tile_of(program.core.0)));
            routers[tile[1] as usize][tile[0] as usize] +=
                used().map(|u| u.packets_in).sum::<u64>();
            let neuron: u64 = used().map(|u| u.neuron_cycles).sum();
            let synapse: u64 = used().map(|u| u.synapse_cycles).sum();
            let stall: u64 = used().map(|u| u.stall_cycles).sum();
            let idle = |busy: u64| run.timed.then(|| cycles.saturating_sub(busy));
            // Under a tick that is too short a unit may work longer than the run's ticks last.
            let excess = |busy: u64| run.timed.then(|| busy.saturating_sub(cycles));
            cores.push(CoreLoad {
                core: program.core.0,
                tile,
                neuron_cycles: neuron,
                synapse_cycles: synapse,
                stall_cycles: run.timed.then_some(stall),
                neuron_idle_cycles: idle(neuron + stall),
                synapse_idle_cycles: idle(synapse),
                neuron_excess_cycles: excess(neuron + stall),
                synapse_excess_cycles: excess(synapse),
            });
        }
        let idle = Idle::new(&cores, cycles);
        Load {
            routers,
            links,
            cores,
            idle,
            chip: <[u32; 2]>::from(chip.mesh.chip_size()).map(|tiles| tiles as usize),
        }
    }

    /// A map of the mesh, north above: of each tile the busiest unit or link that leaves it. Empty for one tile, for what
    /// does not fit a screen, and without cycles. Lines part the chips of a board.
    pub fn text(&self, cycles: Option<u64>) -> String {
        let (height, width) = (self.routers.len(), self.routers.first().map_or(0, Vec::len));
        let first = self.cores.first().map(|core| core.tile);
        let spread = self.cores.iter().any(|core| Some(core.tile) != first);
        let Some(cycles) = cycles.filter(|_| spread && width <= DRAWN[0] && height <= DRAWN[1])
        else {
            return String::new();
        };
        let share = |busy: u64| busy as f64 / cycles.max(1) as f64;
        let mut busiest = vec![vec![(0.0, ' '); width]; height];
        let mut see = |x: usize, y: usize, share: f64, sign: char| {
            let cell = &mut busiest[y][x];
            if cell.1 == ' ' || share > cell.0 {
                *cell = (share, sign);
            }
        };
        for core in &self.cores {
            let [x, y] = core.tile.map(|n| n as usize);
            let stall = core.stall_cycles.unwrap_or(0);
            see(x, y, share(core.neuron_cycles + stall), 'n');
            see(x, y, share(core.synapse_cycles), 's');
        }
        for (link, sign) in self.links.values().zip(['>', '<', '^', 'v']) {
            for (y, row) in link.share_busy.iter().flatten().enumerate() {
                for (x, share) in row.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                    see(x, y, *share, sign);
                }
            }
        }
        let mut out = "  Load of the tiles: % of the time in which the busiest of their units and links is busy\n  \
                       (n neuron unit, s synapse unit, > < ^ v link to the east, west, north, south; . not in use)\n"
            .to_owned();
        let [columns, rows] = self.chip;
        let border = |x: usize| x > 0 && x.is_multiple_of(columns);
        let borders = (0..width).filter(|x| border(*x)).count();
        for (y, row) in busiest.iter().enumerate().rev() {
            if y + 1 < height && (y + 1).is_multiple_of(rows) {
                let _ = writeln!(out, "       {}", "-".repeat(5 * width + borders));
            }
            let _ = write!(out, "  y {y:>2} ");
            for (x, (share, sign)) in row.iter().enumerate() {
                if border(x) {
                    out.push('|');
                }
                let _ = match sign {
                    ' ' => write!(out, "   . "),
                    sign => write!(out, " {:>3.0}{sign}", 100.0 * share),
                };
            }
            out.truncate(out.trim_end().len());
            out.push('\n');
        }
        out.push_str("     x");
        for x in 0..width {
            if border(x) {
                out.push(' ');
            }
            let _ = write!(out, " {x:>3} ");
        }
        out.truncate(out.trim_end().len());
        out.push_str("\n\n");
        out
    }
}
