//! Which synapses of a population go through which relays.
//!
//! Invariant: all neurons that need relays share the cuts: a share is a run of sources, so that the relays of different neurons over one
//! share have common axons. No relay needs more of a core than there is, no partial sum is wider than a payload, and a synapse that
//! goes through n relays has at least n steps of delay.

use super::exact::SUM_MOST;
use crate::quantized::{Projection, Quantized, Source};
use isa::ChipSpec;
use isa::image::SynapseFormat;

/// Most relays one after the other.
const MOST_LEVELS: u32 = 8;
/// Times that the share that stays at the neuron is made smaller, before none stays.
const ROUNDS: u32 = 32;
/// Where a synapse that no share holds goes: to the neuron itself.
pub(super) const DIRECT: u32 = u32::MAX;

/// The rows of one source at one receptor.
pub(super) struct Group {
    pub(super) receptor: u8,
    /// (projection, source element).
    pub(super) rows: Vec<(u32, u32)>,
}

/// A population whose fan-in is to be cut.
pub(super) struct Job<'a> {
    pub(super) q: &'a Quantized,
    pub(super) chip: &'a ChipSpec,
    /// The population.
    pub(super) population: u32,
    /// Index of each of its neurons among those that need relays; [`DIRECT`] for the others.
    pub(super) index: Vec<u32>,
    /// Neurons that need relays.
    pub(super) neurons: u32,
    /// By receptor, then source.
    pub(super) groups: Vec<Group>,
    /// By projection of the network: steps of delay by which it can be made longer, and whether its synapses can be relayed at all.
    pub(super) longer: Vec<u32>,
    pub(super) relayable: Vec<bool>,
    /// How the synapses of each projection are stored on a core with one neuron.
    pub(super) formats: Vec<SynapseFormat>,
    /// The synapse from a relay to what it sends its sum to.
    pub(super) link: SynapseFormat,
}

/// Relays of a population.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    /// Levels, that next to the neuron first.
    pub(super) levels: Vec<Level>,
}

/// Relays that are equally far from the neuron.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Level {
    /// Share of each group of sources; [`DIRECT`] if it has none here.
    pub(super) of_group: Vec<u32>,
    /// Share of each share of the next level.
    pub(super) of_share: Vec<u32>,
    /// Receptor of each share.
    pub(super) receptors: Vec<u8>,
    /// By share and neuron: most that a partial sum can be, in magnitude; 0 if there is none.
    pub(super) most: Vec<Vec<u64>>,
}

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unfit {
    /// A single source is more than a relay can take.
    Source { projection: u32, what: Wide },
    /// What reaches the neuron without relays, and the relays, are too many.
    Neuron,
}

/// What one source is too much for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wide {
    Sum,
    Memory,
}

/// What a relay or a neuron may take.
#[derive(Clone, Copy)]
struct Room {
    axons: u64,
    bits: u64,
    sum: u64,
}

/// What it takes.
#[derive(Clone, Copy, Default, PartialEq)]
struct Use {
    axons: u64,
    bits: u64,
    sum: u64,
}

impl Use {
    fn and(self, other: Use) -> Use {
        Use {
            axons: self.axons + other.axons,
            bits: self.bits + other.bits,
            sum: self.sum + other.sum,
        }
    }

    fn within(self, room: Room) -> bool {
        self.axons <= room.axons && self.bits <= room.bits && self.sum <= room.sum
    }
}

/// What is summed in a level: a share of the level above, or the synapses of a source.
#[derive(Clone, Copy)]
enum Item {
    Share(u32),
    Group(u32),
}

/// Shares that a level is cut into. The first may stay at the neuron.
struct Cut {
    items: Vec<(Item, u32)>,
    shares: u32,
}

impl<'a> Job<'a> {
    /// Groups of sources of the projections that reach a population.
    pub(super) fn groups(q: &Quantized, population: u32) -> Vec<Group> {
        let mut rows: Vec<(u8, u32, u32, u32)> = Vec::new();
        for (number, p) in q.projections.iter().enumerate() {
            if p.target != population {
                continue;
            }
            let first = match p.source {
                Source::Population(_) => q.source_span(p.source).0,
                Source::Input(_) => q.neurons() + q.source_span(p.source).0,
            };
            let full = (0..p.rows()).filter(|r| !p.row(*r).is_empty());
            rows.extend(full.map(|r| (p.receptor, first + r, number as u32, r)));
        }
        rows.sort_unstable();
        let same = |a: &(u8, u32, u32, u32), b: &(u8, u32, u32, u32)| (a.0, a.1) == (b.0, b.1);
        let groups = rows.chunk_by(same).map(|run| Group {
            receptor: run[0].0,
            rows: run.iter().map(|r| (r.2, r.3)).collect(),
        });
        groups.collect()
    }

    fn projection(&self, number: u32) -> &'a Projection {
        &self.q.projections[number as usize]
    }

    /// Relays that a synapse goes through when there are `levels`.
    pub(super) fn level(&self, projection: u32, synapse: usize, levels: u32) -> u32 {
        if !self.relayable[projection as usize] {
            return 0;
        }
        let own = u32::from(self.projection(projection).delay_of(synapse));
        own.saturating_add(self.longer[projection as usize])
            .min(levels)
    }

    /// The plan with the fewest levels.
    pub(super) fn plan(&self) -> Result<Plan, Unfit> {
        let mut first = None;
        // More levels than the longest delay give nobody more time.
        let all = 0..self.q.projections.len() as u32;
        let longest = all.map(|i| match self.projection(i).target == self.population {
            true => {
                let synapses = 0..self.projection(i).delays.len().max(1);
                let levels = synapses.map(|s| self.level(i, s, MOST_LEVELS));
                levels.max().unwrap_or(0)
            }
            false => 0,
        });
        for levels in 1..=longest.max().unwrap_or(0) {
            match self.with_levels(levels) {
                Ok(plan) => return Ok(plan),
                // One level says best what is wrong with a source; more levels only make room.
                Err(unfit @ Unfit::Source { .. }) => return Err(unfit),
                Err(unfit) => {
                    first.get_or_insert(unfit);
                }
            }
        }
        Err(first.unwrap_or(Unfit::Neuron))
    }

    fn with_levels(&self, levels: u32) -> Result<Plan, Unfit> {
        let limits = &self.chip.limits;
        let all = Room {
            axons: limits.input_axons.into(),
            bits: limits.synapse_bits,
            sum: SUM_MOST,
        };
        let mut done: Vec<Level> = Vec::new();
        for level in (2..=levels).rev() {
            let cut = self.cut(level, levels, done.last(), None, all)?;
            done.push(self.level_of(level, levels, done.last(), &cut, false));
        }
        let kept = self.kept(levels);
        let (cut, stays) = match levels {
            1 => self.first_level(&kept, all)?,
            _ => (self.cut(1, levels, done.last(), None, all)?, false),
        };
        let first = self.level_of(1, levels, done.last(), &cut, stays);
        // What is left at the neurons.
        let mut left = kept;
        if stays {
            for (item, _) in cut.items.iter().filter(|i| i.1 == 0) {
                self.uses(*item, 1, levels, None, &mut |k, u| {
                    left[k as usize] = left[k as usize].and(u);
                });
            }
        }
        let link = self.link.bits(1, limits);
        for (k, left) in left.iter_mut().enumerate() {
            let relays = first.most.iter().filter(|most| most[k] > 0).count() as u64;
            left.axons += relays;
            left.bits += relays * link;
        }
        let fits = |u: &Use| u.axons <= all.axons && u.bits <= all.bits;
        if !left.iter().all(fits) {
            return Err(Unfit::Neuron);
        }
        done.push(first);
        done.reverse();
        Ok(Plan { levels: done })
    }

    /// One level: a share stays at the neurons if their cores have room for it beside the relays; fewer relays, fewer packets.
    fn first_level(&self, kept: &[Use], all: Room) -> Result<(Cut, bool), Unfit> {
        let most = |of: &dyn Fn(&Use) -> u64| kept.iter().map(of).max().unwrap_or(0);
        let (axons, bits) = (most(&|u| u.axons), most(&|u| u.bits));
        let lanes = u64::from(self.neurons.min(self.chip.limits.neurons));
        let link = self.link.bits(1, &self.chip.limits);
        let mut fan_in = vec![0u64; self.neurons as usize];
        for item in self.items(None) {
            self.uses(item, 1, 1, None, &mut |k, u| fan_in[k as usize] += u.axons);
        }
        let fan_in = fan_in.into_iter().max().unwrap_or(0);
        let mut relays = 1u64;
        for _ in 0..ROUNDS {
            let stays = Room {
                axons: all.axons.saturating_sub(axons + relays * lanes),
                bits: all.bits.saturating_sub(bits + relays * link),
                sum: u64::MAX,
            };
            if stays.axons == 0 {
                break;
            }
            // What axons alone ask for needs no trial.
            let least = fan_in
                .saturating_sub(stays.axons)
                .div_ceil(all.axons.max(1));
            if least > relays {
                relays = least;
                continue;
            }
            // Even shares leave room on every core.
            let even = fan_in.div_ceil(relays + 1).min(stays.axons);
            let share = (fan_in - even).div_ceil(relays).clamp(1, all.axons);
            let evenly = (
                Room {
                    axons: even,
                    ..stays
                },
                Room {
                    axons: share,
                    ..all
                },
            );
            let mut needed = u64::MAX;
            for (stays, room) in [evenly, (stays, all)] {
                let cut = self.cut(1, 1, None, Some(stays), room)?;
                needed = u64::from(cut.shares) - 1;
                if needed <= relays {
                    return Ok((cut, true));
                }
            }
            relays = needed;
        }
        Ok((self.cut(1, 1, None, None, all)?, false))
    }

    /// What no relay can take over.
    fn kept(&self, levels: u32) -> Vec<Use> {
        let mut kept = vec![Use::default(); self.neurons as usize];
        for group in 0..self.groups.len() as u32 {
            self.uses(Item::Group(group), 0, levels, None, &mut |k, u| {
                kept[k as usize] = kept[k as usize].and(u);
            });
        }
        kept
    }

    /// What may be summed in a level, by receptor: shares of the level above, then sources.
    fn items(&self, above: Option<&Level>) -> Vec<Item> {
        let mut items: Vec<(u8, Item)> = Vec::new();
        if let Some(above) = above {
            let shares = (0u32..).zip(&above.receptors);
            items.extend(shares.map(|(i, receptor)| (*receptor, Item::Share(i))));
        }
        let groups = (0u32..).zip(&self.groups);
        items.extend(groups.map(|(i, group)| (group.receptor, Item::Group(i))));
        items.sort_by_key(|i| i.0);
        items.into_iter().map(|i| i.1).collect()
    }

    fn receptor(&self, item: Item, above: Option<&Level>) -> u8 {
        match item {
            Item::Share(i) => above.expect("a share is of the level above").receptors[i as usize],
            Item::Group(g) => self.groups[g as usize].receptor,
        }
    }

    /// What an item of a level takes of the node of each neuron that it reaches.
    fn uses(
        &self,
        item: Item,
        level: u32,
        levels: u32,
        above: Option<&Level>,
        visit: &mut dyn FnMut(u32, Use),
    ) {
        let limits = &self.chip.limits;
        let group = match item {
            Item::Group(group) => &self.groups[group as usize],
            Item::Share(share) => {
                let most = &above.expect("a share is of the level above").most[share as usize];
                for (k, sum) in (0u32..).zip(most).filter(|m| *m.1 > 0) {
                    let bits = self.link.bits(1, limits);
                    visit(
                        k,
                        Use {
                            axons: 1,
                            bits,
                            sum: *sum,
                        },
                    );
                }
                return;
            }
        };
        let mut found: Vec<(u32, u64, u64)> = Vec::new();
        for (projection, element) in &group.rows {
            let p = self.projection(*projection);
            let format = self.formats[*projection as usize];
            let row = p.row(*element);
            // With one delay, all or none are of this level.
            let uniform = p.delays.is_empty();
            if uniform && self.level(*projection, row.start, levels) != level {
                continue;
            }
            let mut at = row.start;
            while at < row.end {
                let target = p.targets[at];
                let mut end = at + 1;
                while end < row.end && p.targets[end] == target {
                    end += 1;
                }
                let k = self.index[target as usize];
                if k != DIRECT {
                    let here = |i: &usize| uniform || self.level(*projection, *i, levels) == level;
                    let here = (at..end).filter(here);
                    let (mut count, mut sum) = (0, 0u64);
                    for i in here {
                        count += 1;
                        sum += u64::from(p.weight(i, self.q.weight_scale).unsigned_abs());
                    }
                    if count > 0 {
                        found.push((k, format.bits(count, limits), sum));
                    }
                }
                at = end;
            }
        }
        if group.rows.len() > 1 {
            found.sort_unstable_by_key(|f| f.0);
        }
        for run in found.chunk_by(|a, b| a.0 == b.0) {
            let bits = run.iter().map(|f| f.1).sum();
            // A sum that cannot be other than 0 takes a relay all the same.
            let sum = run.iter().map(|f| f.2).sum::<u64>().max(1);
            visit(
                run[0].0,
                Use {
                    axons: 1,
                    bits,
                    sum,
                },
            );
        }
    }

    /// Cuts the items of a level into runs of one receptor, each as long as all neurons allow. With `stays`, the first is kept apart, and may
    /// be empty.
    fn cut(
        &self,
        level: u32,
        levels: u32,
        above: Option<&Level>,
        stays: Option<Room>,
        room: Room,
    ) -> Result<Cut, Unfit> {
        let mut state = vec![Use::default(); self.neurons as usize];
        let mut adds: Vec<(u32, Use)> = Vec::new();
        let mut cut = Cut {
            items: Vec::new(),
            shares: 0,
        };
        let (mut receptor, mut first) = (None, stays);
        if stays.is_some() {
            cut.shares = 1;
        }
        for item in self.items(above) {
            adds.clear();
            self.uses(item, level, levels, above, &mut |k, u| adds.push((k, u)));
            if adds.is_empty() {
                continue;
            }
            let now = self.receptor(item, above);
            let fits = |state: &[Use], room: Room| {
                let mut all = adds.iter();
                all.all(|(k, u)| state[*k as usize].and(*u).within(room))
            };
            let goes_on = match first {
                Some(stays) => fits(&state, stays),
                None => receptor == Some(now) && fits(&state, room),
            };
            if !goes_on {
                (receptor, first) = (Some(now), None);
                state.fill(Use::default());
                cut.shares += 1;
                if let Some((_, u)) = adds.iter().find(|(_, u)| !u.within(room)) {
                    return Err(self.too_wide(item, u.sum > room.sum));
                }
            }
            for (k, u) in &adds {
                state[*k as usize] = state[*k as usize].and(*u);
            }
            cut.items.push((item, cut.shares - 1));
        }
        Ok(cut)
    }

    fn too_wide(&self, item: Item, sum: bool) -> Unfit {
        match item {
            Item::Group(group) => Unfit::Source {
                projection: self.groups[group as usize].rows[0].0,
                what: if sum { Wide::Sum } else { Wide::Memory },
            },
            Item::Share(_) => Unfit::Neuron,
        }
    }

    /// The shares of a cut; the first is no relay if it stays.
    fn level_of(
        &self,
        level: u32,
        levels: u32,
        above: Option<&Level>,
        cut: &Cut,
        stays: bool,
    ) -> Level {
        let shares = (cut.shares - u32::from(stays)) as usize;
        let mut of = Level {
            of_group: vec![DIRECT; self.groups.len()],
            of_share: vec![DIRECT; above.map_or(0, |a| a.receptors.len())],
            receptors: vec![0; shares],
            most: vec![vec![0; self.neurons as usize]; shares],
        };
        for (item, share) in &cut.items {
            let Some(share) = share.checked_sub(u32::from(stays)) else {
                continue;
            };
            match item {
                Item::Share(i) => of.of_share[*i as usize] = share,
                Item::Group(g) => of.of_group[*g as usize] = share,
            }
            of.receptors[share as usize] = self.receptor(*item, above);
            let most = &mut of.most[share as usize];
            self.uses(*item, level, levels, above, &mut |k, u| {
                most[k as usize] += u.sum;
            });
        }
        of
    }
}
