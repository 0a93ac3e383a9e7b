//! The `fifo` router alone: the network of a chip file, with packets instead of spikes.
//!
//! Packets of one flit are spikes, those of more are graded and have up to `noc.graded_flits`. A core's axon-out takes the packets from an unlimited queue, one a flit every `noc.axon_out` cycles, and alternates between the planes;
//! the receiving core takes a packet as soon as it arrives. All else is `specs/noc.md`.

use super::measure::Router;
use super::{Mesh, NocError, Packet, Times, check_packets};
use crate::program::check_chip;
use crate::timing::alone::{Alone, alone};
use isa::chip::{ChipSpec, PRESETS};
use std::ops::Range;

/// The network of a chip and what is on its way in it. Nodes are cores.
pub struct Network {
    mesh: Mesh,
    engine: Box<dyn Alone>,
    /// Generation of the last packet sent.
    last: u64,
    times: Vec<Times>,
    /// Flits of each packet, unless all have one, and the most that one may have.
    sizes: Vec<u32>,
    largest: u32,
    /// All packets before this one have arrived.
    open: usize,
    now: u64,
    window: Range<u64>,
    counted: u64,
}

impl Network {
    /// An empty network in cycle 0.
    ///
    /// # Errors
    /// The chip is larger than the engine's tables.
    pub fn new(chip: &ChipSpec) -> Result<Network, NocError> {
        check_chip(chip).map_err(|e| NocError::Parameter {
            name: "chip".to_owned(),
            value: chip.name.clone(),
            limit: e.to_string(),
        })?;
        Ok(Network {
            mesh: mesh(chip),
            engine: alone(chip),
            last: 0,
            times: Vec::new(),
            sizes: Vec::new(),
            largest: chip.noc.graded_flits,
            open: 0,
            now: 0,
            window: 0..0,
            counted: 0,
        })
    }

    /// Takes over what has happened.
    fn look(&mut self) {
        let mut arrived = self.open;
        let records = self.engine.records();
        for (index, (sent, taken)) in records.times().enumerate() {
            let times = &mut self.times[self.open + index];
            times.injected = sent.unwrap_or(u64::MAX);
            if let Some(taken) = taken {
                if times.tail == u64::MAX {
                    if self.window.contains(&taken) {
                        let size = self.sizes.get(self.open + index).copied();
                        self.counted += u64::from(size.unwrap_or(1));
                    }
                    (times.head, times.tail) = (taken, taken);
                }
                if arrived == self.open + index {
                    arrived += 1;
                }
            }
        }
        self.open = arrived;
        self.engine.forget(arrived);
    }
}

/// A chip for a mesh alone: every latency and spacing is one cycle, `eject` and `credit` none, FIFOs hold 8 packets, one plane. `overrides` are
/// those of chip files, in cycles.
///
/// # Errors
/// Overrides that are not valid.
pub fn unit_chip(
    mesh: &Mesh,
    overrides: &[(String, String)],
) -> Result<ChipSpec, Vec<isa::chip::ChipError>> {
    let mut all: Vec<(String, String)> = [
        ("mesh.width", mesh.width.to_string()),
        ("mesh.height", mesh.height.to_string()),
        ("mesh.cores_per_tile", mesh.locals.to_string()),
        ("mesh.planes", "1".to_owned()),
        ("host.ports", "[\"0 west\"]".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    for (value, keys) in UNIT {
        let pair = |key: &&str| (format!("noc.{key}"), (*value).to_owned());
        all.extend(keys.iter().map(pair));
    }
    for (key, value) in overrides {
        all.retain(|(known, _)| known != key);
        all.push((key.clone(), value.clone()));
    }
    let (_, text) = PRESETS
        .iter()
        .find(|(name, _)| *name == "tiny")
        .expect("a preset");
    ChipSpec::parse(text, "mesh", &all)
}

/// Values of [`unit_chip`], section `noc`.
const UNIT: [(&str, &[&str]); 3] = [
    ("8", &["inject_queue", "input_fifo", "receive_queue"]),
    (
        "1",
        &[
            "axon_out",
            "inject",
            "hop_east",
            "hop_west",
            "hop_north",
            "hop_south",
            "occupancy_east",
            "occupancy_west",
            "occupancy_north",
            "occupancy_south",
            "in_tile",
            "in_tile_occupancy",
            "host",
            "host_occupancy",
        ],
    ),
    ("0", &["eject", "credit"]),
];

/// The mesh of a chip.
pub fn mesh(chip: &ChipSpec) -> Mesh {
    Mesh {
        width: chip.mesh.width,
        height: chip.mesh.height,
        locals: chip.mesh.cores_per_tile,
    }
}

/// Cycles from generation until the packet stands whole at its target in an empty network, whose queues are deep enough not to
/// hold its flits back.
pub fn zero_load(chip: &ChipSpec, source: u32, target: u32, size: u32) -> u64 {
    let ((x, y), (to_x, to_y)) = (chip.xy(chip.tile_of(source)), chip.xy(chip.tile_of(target)));
    let noc = &chip.noc;
    let way = chip.way_cycles((x, y), (to_x, to_y));
    // The slowest of the links along an axis, those between chips apart.
    let slowest = |axis: usize, from: u32, to: u32| {
        let borders = chip.mesh.borders(axis, from, to);
        let inside =
            (from.abs_diff(to) > borders).then(|| noc.occupancy[2 * axis + usize::from(to < from)]);
        let border = chip.mesh.border.filter(|_| borders > 0);
        inside.max(border.map(|border| border.occupancy))
    };
    let links = [slowest(0, x, to_x), slowest(1, y, to_y)];
    let links = links.into_iter().flatten();
    let spacing = links.fold(chip.time.axon_out.max(noc.in_tile_occupancy), u64::max);
    let head = chip.time.axon_out + noc.inject + way + noc.in_tile + noc.eject;
    head + u64::from(size - 1) * spacing
}

impl Router for Network {
    fn mesh(&self) -> Mesh {
        self.mesh
    }

    fn send(&mut self, packets: &[Packet]) -> Result<(), NocError> {
        check_packets(&self.mesh, packets, self.largest)?;
        let mut last = self.last.max(self.now);
        for (index, packet) in packets.iter().enumerate() {
            if packet.created < last {
                let what = format!(
                    "generated in cycle {}, after one of cycle {last}",
                    packet.created
                );
                return Err(NocError::Packet { index, what });
            }
            last = packet.created;
        }
        self.last = last;
        if self.times.len() + packets.len() >= u32::MAX as usize {
            let what = format!("a network takes up to {} packets", u32::MAX - 1);
            return Err(NocError::Packet { index: 0, what });
        }
        for packet in packets {
            self.engine
                .send(packet.created, packet.source, packet.target, packet.size);
            if self.largest > 1 {
                self.sizes.push(packet.size);
            }
            self.times.push(Times {
                injected: u64::MAX,
                head: u64::MAX,
                tail: u64::MAX,
            });
        }
        Ok(())
    }

    fn run(&mut self, end: u64) {
        if end > self.now {
            self.engine.run(end);
            self.now = end;
            self.look();
        }
    }

    fn drain(&mut self) {
        self.engine.drain();
        self.look();
    }

    fn times(&self) -> &[Times] {
        &self.times
    }

    fn counted(&self) -> u64 {
        self.counted
    }

    fn count(&mut self, window: Range<u64>) {
        (self.window, self.counted) = (window, 0);
    }
}

/// Times of all packets; of packets with the same source and cycle the first in the list is sent first. A packet is taken whole:
/// head and tail are one.
///
/// # Errors
/// The chip is larger than the engine's tables, a packet names a core that does not exist, or has more flits than the chip's have.
pub fn run(chip: &ChipSpec, packets: &[Packet]) -> Result<Vec<Times>, NocError> {
    check_packets(&mesh(chip), packets, chip.noc.graded_flits)?;
    let mut network = Network::new(chip)?;
    super::in_order(packets, |sorted| {
        network.send(sorted)?;
        network.drain();
        Ok(network.times)
    })
}
