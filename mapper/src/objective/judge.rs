//! What a partition costs, by steps with drawn spikes on a placement that is quickly found.
//!
//! Invariant: all partitions of a network are judged by the same drawn spikes, and nothing is random but by a fixed seed. What no placement of a partition can
//! be better than, on average over spikes ([`Model::bound`]), rules it out where another was found to be better; the result does not depend on the number of threads.

use super::steps::{Spike, Steps};
use super::{Estimate, Model, Objective, Spread, barrier, way, weights};
use crate::parallel;
use crate::place;
use crate::quantized::Source;
use isa::chip::{Scope, Sync};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rustc_hash::FxHashMap;

/// Steps that are drawn: as many as have so many packets together, if every spike went to as many cores as it can. A partition of a network of any
/// size then takes some hundredths of a second, and two steps differ enough to show a queue that only one of them fills.
const STEPS: u32 = 8;
const LEAST_STEPS: u32 = 2;
const PACKETS: f64 = 30_000.0;
/// Packets of a step, counted so, above which none are followed: a partition would take seconds.
const MOST_PACKETS: f64 = 1_000_000.0;
/// Links and ports of cores above which none are followed: they take 100 bytes each, in every judge.
const MOST_OUTPUTS: u64 = 1 << 18;
/// Partitions that are judged before bounds are looked at again: one for each thread of a usual machine, whatever it has, for the result must not depend on it.
const AT_ONCE: usize = 4;
/// The same where placers take their time.
const PLACED_AT_ONCE: usize = 2;
/// Packets and sources that all partitions of one comparison may keep between their bound and their steps, 8 bytes each: what does not fit is counted again.
const KEPT: usize = 1 << 22;
/// Cores of a partition up to which energies of ways are looked up in a table of all pairs: 2 MB at most.
const TABLED: usize = 512;

/// Where a partition's cores are, and what led to it: as of [`place::place`].
pub(crate) type Placed = (Vec<u32>, String);

/// What a partition costs, and where a placer put it for that.
type Judged = (Estimate, Option<Placed>);

/// What a partition sends: for every source the cores that it reaches.
pub(super) struct Traffic {
    pub(super) core_of: Vec<u32>,
    pub(super) start: Vec<usize>,
    /// Core of the partition, and synapse-unit cycles of the packet.
    pub(super) to: Vec<(u32, f32)>,
    /// Entries of each neuron at the host.
    pub(super) host: Vec<u32>,
}

impl Traffic {
    pub(super) fn of(&self, source: u32) -> &[(u32, f32)] {
        &self.to[self.start[source as usize]..self.start[source as usize + 1]]
    }

    fn cores(&self) -> u32 {
        self.core_of.iter().max().map_or(0, |c| c + 1)
    }
}

/// A partition that is to be judged.
struct Sent {
    traffic: Traffic,
    /// Packets between cores and from the host, by rates.
    between: f64,
    /// Energy that does not depend on the placement or on time.
    joules: f64,
    /// Mean of the busiest unit or link to the host: steps take no fewer cycles on average.
    cycles: f64,
    /// Output slots of all cores together, at least.
    slots: u64,
}

impl Sent {
    fn entries(&self) -> usize {
        self.traffic.to.len() + self.traffic.start.len()
    }
}

impl Model<'_> {
    /// What each partition costs for an objective, seen side by side: nothing where another, or the value that is `known` of one, is better than its bound, or where
    /// the chip has too few output slots in all.
    pub(crate) fn compare(
        &self,
        partitions: &[&[u32]],
        (objective, known): (Objective, f64),
        threads: usize,
    ) -> Vec<Option<Estimate>> {
        if !self.times(objective) {
            return parallel::each(threads, partitions, |p| {
                Some(self.estimate(p)).filter(|e| e.has_slots(self.chip))
            });
        }
        let room = KEPT / partitions.len().max(1);
        let known_of = parallel::each(threads, partitions, |p| {
            let sent = self.sent(p);
            let bound = self.bound(&sent);
            let bound = match bound.has_slots(self.chip) {
                true => bound.value(objective).0,
                false => f64::INFINITY,
            };
            (bound, Some(sent).filter(|sent| sent.entries() <= room))
        });
        let (bounds, sent): (Vec<f64>, Vec<Option<Sent>>) = known_of.into_iter().unzip();
        let mut order: Vec<usize> = (0..partitions.len()).collect();
        // What the chip has too few cores for has no place.
        order.retain(|i| partitions[*i].iter().all(|core| *core < self.chip.cores()));
        order.sort_by(|a, b| bounds[*a].total_cmp(&bounds[*b]));
        let mut found: Vec<Option<Estimate>> = partitions.iter().map(|_| None).collect();
        let mut best = known;
        for some in order.chunks(AT_ONCE) {
            let worth: Vec<usize> = some.iter().copied().filter(|i| bounds[*i] < best).collect();
            let judged = parallel::each(threads, &worth, |i| match &sent[*i] {
                Some(sent) => self.judge(sent, None),
                None => self.judge(&self.sent(partitions[*i]), None),
            });
            let judged = judged.into_iter().map(|(estimate, _)| estimate);
            for (i, estimate) in worth.into_iter().zip(judged) {
                best = best.min(estimate.value(objective).0);
                found[i] = Some(estimate);
            }
        }
        found
    }

    /// What each partition costs where the placer puts it, and where that is; nothing of one whose bound is no better than one before. Nothing at all if no packets are
    /// followed, or the placer is the user's own.
    pub(crate) fn placed(
        &self,
        partitions: &[&[u32]],
        objective: Objective,
        threads: usize,
    ) -> Option<Vec<Option<Judged>>> {
        let placer = self.to.placer.filter(|_| self.times(objective))?;
        let sent = parallel::each(threads, partitions, |p| {
            let sent = self.sent(p);
            (self.bound(&sent).value(objective).0, sent)
        });
        let mut judged: Vec<Option<Judged>> = Vec::new();
        let mut best = f64::INFINITY;
        for some in sent.chunks(PLACED_AT_ONCE) {
            let found = parallel::each(threads, some, |(bound, sent)| {
                (*bound < best).then(|| self.judge(sent, Some(placer)))
            });
            let values = found.iter().flatten().map(|f| f.0.value(objective).0);
            best = values.fold(best, f64::min);
            judged.extend(found);
        }
        Some(judged)
    }

    /// Whether steps are timed for an objective.
    fn times(&self, objective: Objective) -> bool {
        self.to.timed
            && !matches!(objective, Objective::Packets | Objective::Cores)
            && self.most_packets() <= MOST_PACKETS
            && u64::from(self.chip.mesh.planes)
                * (4 * u64::from(self.chip.tiles()) + u64::from(self.chip.cores()))
                <= MOST_OUTPUTS
    }

    /// Packets of a step if every spike went to as many cores as it can.
    fn most_packets(&self) -> f64 {
        *self.most_packets.get_or_init(|| {
            let cores = f64::from(self.chip.cores());
            let of = |(source, rate): (u32, &f64)| {
                let targets = self.q.leaving(source).map(|(e, p)| p.row(e).len());
                rate * (targets.sum::<usize>() as f64).min(cores)
            };
            (0..).zip(&self.rates).map(of).sum()
        })
    }

    /// Spikes of a few steps, drawn so that in all of them together each source spikes as often as its rate says.
    fn drawn(&self) -> Vec<Vec<Spike>> {
        let steps = (PACKETS / self.most_packets().max(1.0)) as u32;
        let steps = steps.clamp(LEAST_STEPS, STEPS);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(0x7370_696b);
        let mut of_step = vec![Vec::new(); steps as usize];
        for (source, rate) in (0..).zip(&self.rates) {
            let mut sum = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            for spikes in &mut of_step {
                let before = sum.floor();
                sum += rate;
                let times = (sum.floor() - before) as u32;
                if times > 0 {
                    spikes.push(Spike { source, times });
                }
            }
        }
        of_step
    }

    /// What every source sends, and what of its costs is certain.
    fn sent(&self, core_of: &[u32]) -> Sent {
        let chip = self.chip;
        let cores = core_of.iter().max().map_or(0, |c| *c as usize + 1);
        let traffic = self.traffic(core_of, cores, self.host_entries());
        // By core: neuron unit, axon-out, synapse unit.
        let mut load = vec![[0.0; 3]; cores];
        for (core, work) in core_of.iter().zip(&self.work) {
            load[*core as usize][0] += work[0];
        }
        let e = &chip.energy;
        let (mut between, mut joules) = (0.0, self.fixed_joules);
        let mut links = [0.0; 2];
        let mut slots = 0;
        for (source, rate) in (0..).zip(&self.rates) {
            let own = core_of.get(source as usize);
            let to = traffic.of(source);
            for (core, cycles) in to {
                load[*core as usize][2] += rate * f64::from(*cycles);
                between += if own == Some(core) { 0.0 } else { *rate };
            }
            let packets = to.len() as f64;
            joules += rate * packets * (e.in_tile + self.packet_joules);
            match own {
                Some(own) => {
                    slots += to.len() as u64 + u64::from(traffic.host[source as usize]);
                    let out = f64::from(traffic.host[source as usize]);
                    let leave = if chip.noc.multicast {
                        out.min(1.0)
                    } else {
                        packets + out
                    };
                    load[*own as usize][1] += rate * leave * chip.time.axon_out as f64;
                    joules += rate * (packets + out) * e.axon_out;
                    links[1] += rate * out;
                }
                None => links[0] += rate * packets,
            }
        }
        let occupied = chip.noc.host_occupancy as f64 / f64::from(chip.mesh.planes.max(1));
        let units = load.iter().flatten().copied();
        let cycles = units
            .chain(links.map(|packets| packets * occupied))
            .fold(0.0, f64::max);
        Sent {
            traffic,
            between,
            joules,
            cycles,
            slots,
        }
    }

    /// The cores that every source reaches. All rows of a dense projection reach the same.
    fn traffic(&self, core_of: &[u32], cores: usize, host: Vec<u32>) -> Traffic {
        let q = self.q;
        let mut traffic = Traffic {
            core_of: core_of.to_vec(),
            start: vec![0],
            to: Vec::new(),
            host,
        };
        let mut at = vec![usize::MAX; cores];
        let inputs = (0..q.inputs.len() as u32).map(Source::Input);
        let sources = (0..q.populations.len() as u32).map(Source::Population);
        for of in sources.chain(inputs) {
            let leaving = q.projections.iter().filter(|p| p.source == of);
            let leaving = leaving.map(|p| {
                let t = &q.populations[p.target as usize];
                let on = &core_of[t.first as usize..(t.first + t.count) as usize];
                (p, on, lanes_of(on, p.dense))
            });
            let leaving: Vec<_> = leaving.collect();
            for element in 0..q.source_span(of).1 {
                let first_packet = traffic.to.len();
                let mut add = |core: u32, cycles: f32| {
                    let known = &mut at[core as usize];
                    if *known == usize::MAX || *known < first_packet {
                        *known = traffic.to.len();
                        traffic.to.push((core, self.packet_cycles as f32));
                    }
                    traffic.to[*known].1 += cycles;
                };
                for (p, on, lanes) in &leaving {
                    let cycles = self.synapse_cycles[p.target as usize] as f32;
                    let row = p.row(element);
                    if p.dense && !row.is_empty() {
                        lanes
                            .iter()
                            .for_each(|(core, n)| add(*core, *n as f32 * cycles));
                    } else {
                        let targets = p.targets[row].iter();
                        targets.for_each(|t| add(on[*t as usize], cycles));
                    }
                }
                traffic.start.push(traffic.to.len());
            }
        }
        traffic
    }

    /// What it costs at least: the busiest unit alone, and no hops.
    fn bound(&self, sent: &Sent) -> Estimate {
        let cores = sent.traffic.cores();
        let tiles = f64::from(cores.div_ceil(self.chip.mesh.cores_per_tile.max(1)));
        self.total(sent, tiles, sent.cycles, 0.0)
    }

    /// Costs of steps that take so many cycles until the barrier; `travel`: energy of hops.
    fn total(&self, sent: &Sent, tiles: f64, busy: f64, travel: f64) -> Estimate {
        let chip = self.chip;
        let e = &chip.energy;
        let spread = Spread::new(chip, tiles.sqrt());
        let (cycles, messages) = match &chip.sync {
            Sync::Tick { period } => (*period as f64, 0.0),
            Sync::Barrier { wave: true, .. } => (
                busy + spread.wave(chip),
                e.sync_message * spread.messages(chip),
            ),
            Sync::Barrier { linear, points, .. } => (busy + barrier(*linear, points, tiles), 0.0),
        };
        let share = match e.static_scope {
            Scope::Physical => 1.0,
            Scope::Mapped => tiles / f64::from(chip.tiles()),
        };
        let seconds = cycles * chip.cycle_ps as f64 * 1e-12;
        let held = e.sync_tile * tiles + messages + share * chip.static_w() * seconds;
        Estimate {
            cores: sent.traffic.cores().into(),
            packets: sent.between,
            cycles,
            joules: sent.joules + travel + held,
            slots: sent.slots,
        }
    }

    /// What a partition costs where a placer puts it, or one that is quick.
    fn judge(&self, sent: &Sent, placer: Option<&str>) -> Judged {
        let chip = self.chip;
        let flows = self.flows(&sent.traffic);
        let placed = placer.and_then(|name| place::place(&flows, chip, name, self.to.seed, 1).ok());
        let quickly = placed.is_none().then(|| place::quickly(&flows, chip));
        let at = quickly.as_ref().or(placed.as_ref().map(|placed| &placed.0));
        let at = at.expect("one of the two");
        let busy = match &chip.sync {
            Sync::Tick { .. } => 0.0,
            Sync::Barrier { .. } => {
                let draws = self.draws.get_or_init(|| self.drawn());
                let work = self.work.iter().map(|w| w[0]);
                let mut steps = Steps::new(chip, &sent.traffic, at, work);
                let cycles: u64 = draws.iter().map(|spikes| steps.time(spikes)).sum();
                cycles as f64 / draws.len() as f64
            }
        };
        let mut used: Vec<u32> = at.iter().map(|c| chip.tile_of(*c)).collect();
        used.sort_unstable();
        used.dedup();
        let travel = self.travel(&sent.traffic, at);
        (self.total(sent, used.len() as f64, busy, travel), placed)
    }

    /// What a placer sees: packets of one kind of axon as they are known, otherwise counted by axons.
    fn flows(&self, traffic: &Traffic) -> place::Flows {
        let (q, core_of, cores) = (self.q, &traffic.core_of[..], traffic.cores());
        let weights = self.to.rates.map(|_| weights(&self.rates));
        let weights = weights.as_deref();
        if q.projections.iter().any(|p| p.receptor > 0) {
            return place::Flows::of(q, core_of, cores, weights);
        }
        let reached = |source| traffic.of(source).iter().map(|to| to.0);
        place::Flows::reaching(q, core_of, cores, weights, reached)
    }

    /// Energy of the hops of a step on a placement.
    fn travel(&self, traffic: &Traffic, at: &[u32]) -> f64 {
        let chip = self.chip;
        let port = chip.xy(chip.host_ports[0].tile);
        let tile: Vec<(u32, u32)> = at.iter().map(|c| chip.xy(chip.tile_of(*c))).collect();
        let cores = tile.len();
        let tabled = cores <= TABLED && cores * cores < traffic.to.len();
        let ways: Vec<f64> = match tabled {
            true => tile
                .iter()
                .flat_map(|a| tile.iter().map(|b| way(chip, *a, *b)))
                .collect(),
            false => Vec::new(),
        };
        let mut travel = 0.0;
        for (source, rate) in (0..).zip(&self.rates) {
            let own = traffic
                .core_of
                .get(source as usize)
                .map(|own| *own as usize);
            let to = traffic.of(source).iter().map(|to| to.0 as usize);
            let between: f64 = match own {
                Some(own) if tabled => to.map(|core| ways[own * cores + core]).sum(),
                _ => {
                    let from = own.map_or(port, |own| tile[own]);
                    to.map(|core| way(chip, from, tile[core])).sum()
                }
            };
            let out = own.map_or(0.0, |own| {
                let packets = traffic.host[source as usize];
                f64::from(packets) * way(chip, tile[own], port)
            });
            travel += rate * (between + out);
        }
        travel
    }
}

/// Cores of a population, and its neurons on each, as they come; nothing where they are not asked for.
fn lanes_of(on: &[u32], asked: bool) -> Vec<(u32, u32)> {
    let mut lanes: Vec<(u32, u32)> = Vec::new();
    let mut at: FxHashMap<u32, usize> = FxHashMap::default();
    for core in on.iter().filter(|_| asked) {
        let known = *at.entry(*core).or_insert(lanes.len());
        if known == lanes.len() {
            lanes.push((*core, 0));
        }
        lanes[known].1 += 1;
    }
    lanes
}
