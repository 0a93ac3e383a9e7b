//! What travels most: packets and hops between cores, and between populations, from the tables of an image.
//!
//! Invariant: one packet per entry of a destination list and spike of its sender, so that unit rates give the packets and hops of the mapper's report.
//! A packet that serves several populations of a core counts for each of them among the flows of populations, and once among those of cores.

use crate::metrics::whole;
use isa::ChipSpec;
use isa::ids::INPUT_ID;
use isa::image::{CoreProgram, HOST, Image, SynapseKind};
use rustc_hash::FxHashMap;
use serde::Serialize;

/// Flows of cores that are listed.
const MOST_FLOWS: usize = 1000;
/// Stands for the host where cores are numbered.
const OUTSIDE: u32 = u32::MAX;

/// Flows of a mapping, those with the most packets × hops first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Where the rates come from.
    pub rates: String,
    /// The rates were not measured.
    pub estimated: bool,
    /// Packets, to the core of the sender and with the host included.
    #[serde(serialize_with = "whole")]
    pub packets: f64,
    /// Σ packets × hops.
    #[serde(serialize_with = "whole")]
    pub packet_hops: f64,
    /// Flows between populations.
    pub populations: Vec<PopulationFlow>,
    /// Pairs of different cores (the host's included) with traffic.
    pub core_flows: usize,
    /// The first 1000 of them.
    pub cores: Vec<CoreFlow>,
}

/// Packets from one core to another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CoreFlow {
    /// Sending core; none: the host.
    pub from: Option<u32>,
    /// Receiving core; none: the host.
    pub to: Option<u32>,
    /// Distance of their tiles.
    pub hops: u32,
    /// Packets.
    #[serde(serialize_with = "whole")]
    pub packets: f64,
    /// Packets × hops.
    #[serde(serialize_with = "whole")]
    pub packet_hops: f64,
    /// Of those of all flows.
    pub share: f64,
}

/// Packets from one population (or input) to another (or to the host).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PopulationFlow {
    /// Sending population or input.
    pub from: String,
    /// Receiving population, or `host`.
    pub to: String,
    /// Packets.
    #[serde(serialize_with = "whole")]
    pub packets: f64,
    /// Of these, to the core of the sender.
    #[serde(serialize_with = "whole")]
    pub packets_local: f64,
    /// Σ packets × hops.
    #[serde(serialize_with = "whole")]
    pub packet_hops: f64,
    /// Of all packets × hops of the mapping.
    pub share: f64,
}

/// Sums of a flow.
#[derive(Clone, Copy, Default)]
struct Sum {
    packets: f64,
    local: f64,
    hops: f64,
}

/// Flows of an image. `rates` are spikes of every neuron and then of every input element, with where they come from; without
/// them everything spikes once.
pub fn of_image(image: &Image, chip: &ChipSpec, rates: Option<(&[f64], &str)>) -> Traffic {
    let neurons = image.populations.last().map_or(0, |p| p.first + p.count);
    let rate = |sender: u32| {
        let at = if sender & INPUT_ID == 0 {
            sender
        } else {
            neurons + (sender & !INPUT_ID)
        };
        rates.map_or(1.0, |(all, _)| all.get(at as usize).copied().unwrap_or(0.0))
    };
    let mut tally = Tally {
        chip,
        image,
        served: image.cores.iter().map(|c| served(c, image)).collect(),
        cores: FxHashMap::default(),
        populations: FxHashMap::default(),
        all: Sum::default(),
    };
    for core in &image.cores {
        let mut next = 0;
        for (lane, count) in core.lane_ids.iter().zip(&core.dest_counts) {
            let population = population_of(image, lane.0);
            for dest in &core.dests[next..next + usize::from(*count)] {
                tally.packet(
                    core.core.0,
                    population,
                    (dest.target, dest.axon),
                    rate(lane.0),
                );
            }
            next += usize::from(*count);
        }
    }
    let mut ends = Vec::new();
    for input in &image.io.inputs {
        let before = ends.last().copied().unwrap_or(0);
        ends.push(before + input.shape.iter().product::<u32>());
    }
    let mut next = 0;
    for (element, count) in (0u32..).zip(&image.io.input_dest_counts) {
        let input = ends.partition_point(|end| *end <= element) as u32;
        for dest in &image.io.input_dests[next..next + *count as usize] {
            let from = image.populations.len() as u32 + input;
            tally.packet(
                OUTSIDE,
                from,
                (dest.target, dest.axon),
                rate(INPUT_ID | element),
            );
        }
        next += *count as usize;
    }
    let (from, estimated) = match rates {
        Some((_, from)) => (from.to_owned(), false),
        None => (
            "every neuron and input element spikes once".to_owned(),
            true,
        ),
    };
    tally.finish(from, estimated)
}

fn population_of(image: &Image, neuron: u32) -> u32 {
    let at = image
        .populations
        .partition_point(|p| p.first + p.count <= neuron);
    at as u32
}

/// Populations that each axon of a core reaches, ascending.
fn served(core: &CoreProgram, image: &Image) -> Vec<Vec<u32>> {
    let mut lane = 0;
    // Populations of the lanes of each group.
    let groups: Vec<Vec<u32>> = core
        .groups
        .iter()
        .map(|g| {
            let own = lane..lane + g.lanes as usize;
            lane = own.end;
            let ids = core.lane_ids.get(own).unwrap_or_default();
            ids.iter().map(|n| population_of(image, n.0)).collect()
        })
        .collect();
    let (mut segment, mut word) = (0, 0);
    let mut all = Vec::with_capacity(core.axons.len());
    for axon in &core.axons {
        let mut reached: Vec<u32> = Vec::new();
        for s in &core.segments[segment..segment + usize::from(axon.segments)] {
            let group = &groups[usize::from(s.group)];
            if core.formats[usize::from(s.format)].kind == SynapseKind::Crossbar {
                let set = |lane: &usize| core.rows[word + lane / 64] >> (lane % 64) & 1 == 1;
                reached.extend((0..group.len()).filter(set).map(|lane| group[lane]));
                word += group.len().div_ceil(64);
            } else {
                // Groups of the mapper hold one population each.
                reached.extend(group.first());
            }
        }
        segment += usize::from(axon.segments);
        reached.sort_unstable();
        reached.dedup();
        all.push(reached);
    }
    all
}

struct Tally<'a> {
    chip: &'a ChipSpec,
    image: &'a Image,
    served: Vec<Vec<Vec<u32>>>,
    cores: FxHashMap<(u32, u32), Sum>,
    populations: FxHashMap<(u32, u32), Sum>,
    all: Sum,
}

impl Tally<'_> {
    fn hops(&self, from: u32, to: u32) -> u32 {
        let tile = |core: u32| match core {
            OUTSIDE => self.chip.host_ports[0].tile,
            core => self.chip.tile_of(core),
        };
        crate::place::hops(self.chip.xy(tile(from)), self.chip.xy(tile(to)))
    }

    fn packet(&mut self, from: u32, population: u32, (target, axon): (u32, u32), rate: f64) {
        let to = if target & HOST == 0 { target } else { OUTSIDE };
        let hops = rate * f64::from(self.hops(from, to));
        let local = if from == to { rate } else { 0.0 };
        let add = |s: &mut Sum| {
            s.packets += rate;
            s.local += local;
            s.hops += hops;
        };
        add(&mut self.all);
        if from != to {
            add(self.cores.entry((from, to)).or_default());
        }
        if to == OUTSIDE {
            add(self.populations.entry((population, OUTSIDE)).or_default());
            return;
        }
        let at = self.image.cores.binary_search_by_key(&to, |c| c.core.0);
        for reached in at
            .ok()
            .and_then(|c| self.served[c].get(axon as usize))
            .into_iter()
            .flatten()
        {
            add(self.populations.entry((population, *reached)).or_default());
        }
    }

    fn finish(self, rates: String, estimated: bool) -> Traffic {
        let total = self.all.hops.max(f64::MIN_POSITIVE);
        let name = |number: u32| {
            let at = number as usize;
            let populations = &self.image.populations;
            match at.checked_sub(populations.len()) {
                _ if number == OUTSIDE => "host".to_owned(),
                None => populations[at].name.clone(),
                Some(input) => self.image.io.inputs[input].name.clone(),
            }
        };
        let core = |core: u32| Some(core).filter(|c| *c != OUTSIDE);
        let mut cores: Vec<CoreFlow> = self
            .cores
            .iter()
            .map(|((from, to), s)| CoreFlow {
                from: core(*from),
                to: core(*to),
                hops: self.hops(*from, *to),
                packets: s.packets,
                packet_hops: s.hops,
                share: s.hops / total,
            })
            .collect();
        first(&mut cores, |f| (f.packet_hops, f.packets, f.from, f.to));
        let core_flows = cores.len();
        cores.truncate(MOST_FLOWS);
        let mut pairs: Vec<(u32, u32, Sum)> = self
            .populations
            .iter()
            .map(|((from, to), s)| (*from, *to, *s))
            .collect();
        first(&mut pairs, |p| {
            (p.2.hops, p.2.packets, Some(p.0), Some(p.1))
        });
        let populations = pairs.into_iter().map(|(from, to, s)| PopulationFlow {
            from: name(from),
            to: name(to),
            packets: s.packets,
            packets_local: s.local,
            packet_hops: s.hops,
            share: s.hops / total,
        });
        Traffic {
            rates,
            estimated,
            packets: self.all.packets,
            packet_hops: self.all.hops,
            populations: populations.collect(),
            core_flows,
            cores,
        }
    }
}

/// Sorts by hops, then packets, both falling, then by the ends.
pub(super) fn first<T>(flows: &mut [T], of: impl Fn(&T) -> (f64, f64, Option<u32>, Option<u32>)) {
    flows.sort_by(|a, b| {
        let (a, b) = (of(a), of(b));
        let by_load = b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1));
        by_load.then((a.2, a.3).cmp(&(b.2, b.3)))
    });
}

/// Flows between cores alone, given as (from, to, packets), each pair once.
pub(super) fn of_pairs(
    chip: &ChipSpec,
    pairs: impl Iterator<Item = (u32, u32, f64)>,
    (packets, rates, estimated): (f64, &str, bool),
) -> Traffic {
    let mut cores: Vec<CoreFlow> = pairs
        .map(|(from, to, packets)| {
            let at = |core| chip.xy(chip.tile_of(core));
            let hops = crate::place::hops(at(from), at(to));
            CoreFlow {
                from: Some(from),
                to: Some(to),
                hops,
                packets,
                packet_hops: packets * f64::from(hops),
                share: 0.0,
            }
        })
        .collect();
    first(&mut cores, |f| (f.packet_hops, f.packets, f.from, f.to));
    let packet_hops: f64 = cores.iter().map(|f| f.packet_hops).sum();
    let core_flows = cores.len();
    cores.truncate(MOST_FLOWS);
    for f in &mut cores {
        f.share = f.packet_hops / packet_hops.max(f64::MIN_POSITIVE);
    }
    Traffic {
        rates: rates.to_owned(),
        estimated,
        packets,
        packet_hops,
        populations: Vec::new(),
        core_flows,
        cores,
    }
}
