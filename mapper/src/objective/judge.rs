//! What a partition costs, by steps with drawn spikes on a placement that is quickly found.
//!
//! Invariant: all partitions of a network are judged by the same drawn spikes, and nothing is random but by a fixed seed. What no placement of a partition can
//! be better than, on average over spikes ([`Model::bound`]), rules it out where another was found to be better; the result does not depend on the number of threads.

use super::steps::{Spike, Steps};
use super::{Estimate, Model, Objective, Spread, barrier, weights};
use crate::parallel;
use crate::place;
use isa::chip::{Scope, Sync};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

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

/// Where a partition's cores are, and what led to it: as of [`place::place`].
pub(crate) type Placed = (Vec<u32>, String);

/// What a partition sends: for every source the cores that it reaches.
pub(super) struct Traffic {
    pub(super) core_of: Vec<u32>,
    pub(super) start: Vec<usize>,
    /// Core of the partition, and synapse-unit cycles of the packet.
    pub(super) to: Vec<(u32, f32)>,
    /// Entries of each neuron at the host.
    pub(super) host: Vec<u32>,
    /// Core of the partition at each physical core.
    pub(super) part_at: Vec<u32>,
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
}

impl Model<'_> {
    /// What each partition costs for an objective, seen side by side: nothing where another, or the value that is `known` of one, is better than its bound.
    pub(crate) fn compare(
        &self,
        partitions: &[&[u32]],
        (objective, known): (Objective, f64),
        threads: usize,
    ) -> Vec<Option<Estimate>> {
        if !self.times(objective) {
            return parallel::each(threads, partitions, |p| Some(self.estimate(p)));
        }
        let bounds = parallel::each(threads, partitions, |p| {
            let sent = self.sent(p);
            self.bound(&sent).value(objective).0
        });
        let mut order: Vec<usize> = (0..partitions.len()).collect();
        // What the chip has too few cores for has no place.
        order.retain(|i| partitions[*i].iter().all(|core| *core < self.chip.cores()));
        order.sort_by(|a, b| bounds[*a].total_cmp(&bounds[*b]));
        let mut found: Vec<Option<Estimate>> = partitions.iter().map(|_| None).collect();
        let mut best = known;
        for some in order.chunks(AT_ONCE) {
            let worth: Vec<usize> = some.iter().copied().filter(|i| bounds[*i] < best).collect();
            let judged = parallel::each(threads, &worth, |i| self.judge(partitions[*i], None));
            let judged = judged.into_iter().map(|(estimate, _)| estimate);
            for (i, estimate) in worth.into_iter().zip(judged) {
                best = best.min(estimate.value(objective).0);
                found[i] = Some(estimate);
            }
        }
        found
    }

    /// What each partition costs where the placer puts it, and where that is; nothing if no packets are followed, or the placer is the user's own.
    pub(crate) fn placed(
        &self,
        partitions: &[&[u32]],
        objective: Objective,
        threads: usize,
    ) -> Option<Vec<(Estimate, Option<Placed>)>> {
        let placer = self.to.placer.filter(|_| self.times(objective))?;
        let judged = parallel::each(threads, partitions, |p| self.judge(p, Some(placer)));
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
        let cores = f64::from(self.chip.cores());
        let of = |(source, rate): (u32, &f64)| {
            let targets = self.q.leaving(source).map(|(e, p)| p.row(e).len());
            rate * (targets.sum::<usize>() as f64).min(cores)
        };
        (0..).zip(&self.rates).map(of).sum()
    }

    /// Spikes of a few steps, drawn so that in all of them together each source spikes as often as its rate says.
    fn draws(&self) -> Vec<Vec<Spike>> {
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
        let (q, chip) = (self.q, self.chip);
        let cores = core_of.iter().max().map_or(0, |c| *c as usize + 1);
        let mut traffic = Traffic {
            core_of: core_of.to_vec(),
            start: vec![0],
            to: Vec::new(),
            host: vec![0; core_of.len()],
            part_at: vec![u32::MAX; chip.cores() as usize],
        };
        for output in &q.outputs {
            let p = &q.populations[output.population as usize];
            let of = &mut traffic.host[p.first as usize..(p.first + p.count) as usize];
            of.iter_mut().for_each(|h| *h += u32::from(p.fires));
        }
        // By core: neuron unit, axon-out, synapse unit.
        let mut load = vec![[0.0; 3]; cores];
        for (core, work) in core_of.iter().zip(&self.work) {
            load[*core as usize][0] += work[0];
        }
        let e = &chip.energy;
        let (mut between, mut joules) = (0.0, self.fixed_joules);
        let mut links = [0.0; 2];
        let mut at = vec![usize::MAX; cores];
        for (source, rate) in (0..).zip(&self.rates) {
            let first_packet = traffic.to.len();
            for (element, p) in q.leaving(source) {
                let first = q.populations[p.target as usize].first;
                let cycles = self.synapse_cycles[p.target as usize] as f32;
                for t in &p.targets[p.row(element)] {
                    let core = core_of[(first + t) as usize];
                    let known = &mut at[core as usize];
                    if *known == usize::MAX || *known < first_packet {
                        *known = traffic.to.len();
                        traffic.to.push((core, self.packet_cycles as f32));
                    }
                    traffic.to[*known].1 += cycles;
                }
            }
            traffic.start.push(traffic.to.len());
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
        }
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
        }
    }

    /// What a partition costs where a placer puts it, or one that is quick.
    fn judge(&self, core_of: &[u32], placer: Option<&str>) -> (Estimate, Option<Placed>) {
        let chip = self.chip;
        let mut sent = self.sent(core_of);
        let cores = sent.traffic.cores();
        let weights = self.to.rates.map(|_| weights(&self.rates));
        let flows = place::Flows::of(self.q, core_of, cores, weights.as_deref());
        let placed = placer.and_then(|name| place::place(&flows, chip, name, self.to.seed, 1).ok());
        let quickly = placed.is_none().then(|| place::quickly(&flows, chip));
        let at = quickly.as_ref().or(placed.as_ref().map(|placed| &placed.0));
        let at = at.expect("one of the two");
        for (part, core) in (0..).zip(at) {
            sent.traffic.part_at[*core as usize] = part;
        }
        let busy = match &chip.sync {
            Sync::Tick { .. } => 0.0,
            Sync::Barrier { .. } => {
                let draws = self.draws();
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
        (self.total(&sent, used.len() as f64, busy, travel), placed)
    }

    /// Energy of the hops of a step on a placement.
    fn travel(&self, traffic: &Traffic, at: &[u32]) -> f64 {
        let chip = self.chip;
        let e = &chip.energy;
        let router = e.router.iter().sum::<f64>();
        let way = |a: (u32, u32), b: (u32, u32)| {
            let along = [(a.0, b.0), (a.1, b.1)];
            let hops = along.iter().enumerate().map(|(axis, (from, to))| {
                let hop = e.hop[2 * axis + usize::from(to < from)] + router;
                let borders = f64::from(chip.mesh.borders(axis, *from, *to));
                f64::from(from.abs_diff(*to)) * hop + borders * e.chip_crossing
            });
            hops.sum::<f64>()
        };
        let port = chip.xy(chip.host_ports[0].tile);
        let tile: Vec<(u32, u32)> = at.iter().map(|c| chip.xy(chip.tile_of(*c))).collect();
        let mut travel = 0.0;
        for (source, rate) in (0..).zip(&self.rates) {
            let own = traffic.core_of.get(source as usize);
            let from = own.map_or(port, |own| tile[*own as usize]);
            let to = traffic.of(source).iter();
            let between: f64 = to.map(|(core, _)| way(from, tile[*core as usize])).sum();
            let out = own.map_or(0, |_| traffic.host[source as usize]);
            travel += rate * (between + f64::from(out) * way(from, port));
        }
        travel
    }
}
