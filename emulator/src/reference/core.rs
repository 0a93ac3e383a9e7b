//! One core of the image: handlers decoded, synapses written out one by one, and all that changes.
//!
//! Invariant: built from the image alone; only `words` changes afterwards.

use super::CoreWords;
use isa::image::{CoreProgram, Image, Segment, SynapseKind};
use isa::op::Instr;
use std::collections::{BTreeMap, BTreeSet};

/// One core and the decoded handlers of its groups.
pub(super) struct Core<'a> {
    pub(super) program: &'a CoreProgram,
    pub(super) update: Vec<Vec<Instr>>,
    pub(super) on_spike: Vec<Vec<Instr>>,
    /// Population of each lane.
    pub(super) population: Vec<usize>,
    /// Segments of each axon.
    pub(super) segments: Vec<Vec<Run>>,
    pub(super) words: CoreWords,
}

/// One segment, written out.
pub(super) struct Run {
    pub(super) group: usize,
    pub(super) synapses: Vec<Synapse>,
}

/// One synapse, written out.
pub(super) struct Synapse {
    /// Target lane of the core, and in its group.
    pub(super) lane: usize,
    pub(super) lane_in_group: usize,
    /// `None`: the weight is a state slot of the target.
    pub(super) weight: Option<i32>,
    pub(super) weight_slot: usize,
    pub(super) delay: u8,
    pub(super) ordinal: u32,
}

impl<'a> Core<'a> {
    pub(super) fn new(image: &Image, program: &'a CoreProgram) -> Self {
        let decode = |words: &[u32]| -> Vec<Instr> {
            words
                .iter()
                .map(|&word| isa::op::decode(word).expect("the verifier decoded it"))
                .collect()
        };
        let state = |group: &isa::image::Group| {
            let lane = |slot: &isa::image::Slot, lane: usize| {
                if slot.init.len() == 1 {
                    slot.init[0]
                } else {
                    slot.init[lane]
                }
            };
            group
                .slots
                .iter()
                .map(|slot| (0..group.lanes as usize).map(|i| lane(slot, i)).collect())
                .collect()
        };
        let population = |id: &isa::NeuronId| {
            let holds = |p: &isa::image::Population| (p.first..p.first + p.count).contains(&id.0);
            image
                .populations
                .iter()
                .position(holds)
                .expect("the verifier found the population")
        };
        let mut core = Core {
            program,
            update: program
                .groups
                .iter()
                .map(|group| decode(&group.update))
                .collect(),
            on_spike: program
                .groups
                .iter()
                .map(|group| decode(&group.on_spike))
                .collect(),
            population: program.lane_ids.iter().map(population).collect(),
            segments: Vec::new(),
            words: CoreWords {
                state: program.groups.iter().map(state).collect(),
                accumulators: BTreeMap::new(),
                axon_bits: BTreeSet::new(),
            },
        };
        core.segments = core.write_out();
        core
    }

    pub(super) fn synapses(&self, axon: u32) -> impl Iterator<Item = &Synapse> {
        self.segments[axon as usize]
            .iter()
            .flat_map(|run| &run.synapses)
    }

    fn first_lane(&self, group: usize) -> usize {
        self.program.groups[..group]
            .iter()
            .map(|group| group.lanes as usize)
            .sum()
    }

    pub(super) fn group_of(&self, lane: usize) -> (usize, usize) {
        let group = (0..self.program.groups.len())
            .rfind(|&group| self.first_lane(group) <= lane)
            .expect("every lane has a group");
        (group, lane - self.first_lane(group))
    }

    /// The segments of each axon, read from the bulk arrays in order.
    fn write_out(&self) -> Vec<Vec<Run>> {
        let program = self.program;
        let mut segments = program.segments.iter();
        let (mut targets, mut weights, mut delays) = (
            program.targets.iter(),
            program.weights.iter(),
            program.delays.iter(),
        );
        let mut rows = program.rows.iter();
        // The patterns come first: relative lane, mantissa, delay.
        let mut patterns: Vec<Vec<(u16, i16, u8)>> = Vec::new();
        for pattern in &program.patterns {
            let delayed = program.formats[usize::from(pattern.format)].delay_bits > 0;
            let mut synapses = Vec::new();
            for _ in 0..pattern.count {
                let target = *targets.next().expect("one target per synapse");
                let weight = *weights.next().expect("one weight per synapse");
                let delay = if delayed {
                    *delays.next().expect("one delay per synapse")
                } else {
                    0
                };
                synapses.push((target, weight, delay));
            }
            patterns.push(synapses);
        }
        let mut shared = program.shared.iter();
        let mut seen: BTreeMap<(u32, usize), u32> = BTreeMap::new();
        let mut axons = Vec::new();
        for axon in &program.axons {
            let mut lists = Vec::new();
            for Segment {
                group,
                format,
                first_lane,
                count,
            } in segments.by_ref().take(usize::from(axon.segments))
            {
                let group = usize::from(*group);
                let format = &program.formats[usize::from(*format)];
                let pattern = match format.kind {
                    SynapseKind::Shared => {
                        let at = *shared.next().expect("one pattern per shared segment");
                        &patterns[usize::from(at)][..]
                    }
                    _ => &[],
                };
                let lanes: Vec<usize> = match format.kind {
                    SynapseKind::Shared => pattern
                        .iter()
                        .map(|(target, ..)| usize::from(*first_lane) + usize::from(*target))
                        .collect(),
                    SynapseKind::Sparse => targets
                        .by_ref()
                        .take(*count as usize)
                        .map(|&lane| usize::from(lane))
                        .collect(),
                    SynapseKind::Dense => (0..*count as usize)
                        .map(|i| usize::from(*first_lane) + i)
                        .collect(),
                    SynapseKind::Crossbar => {
                        let words: Vec<u64> = rows
                            .by_ref()
                            .take(program.groups[group].lanes.div_ceil(64) as usize)
                            .copied()
                            .collect();
                        (0..program.groups[group].lanes as usize)
                            .filter(|lane| words[lane / 64] >> (lane % 64) & 1 == 1)
                            .collect()
                    }
                };
                let mut synapses = Vec::new();
                for (place, lane_in_group) in lanes.into_iter().enumerate() {
                    let weight = match format.kind {
                        SynapseKind::Crossbar => None,
                        SynapseKind::Shared => Some(format.decode(pattern[place].1)),
                        _ => Some(format.decode(*weights.next().expect("one weight per synapse"))),
                    };
                    let delay = match format.kind {
                        SynapseKind::Shared => pattern[place].2,
                        _ if format.delay_bits > 0 => {
                            *delays.next().expect("one delay per synapse")
                        }
                        _ => 0,
                    };
                    let lane = self.first_lane(group) + lane_in_group;
                    let ordinal = seen.entry((axon.source, lane)).or_default();
                    let weight_slot = usize::from(format.weight_slot);
                    synapses.push(Synapse {
                        lane,
                        lane_in_group,
                        weight,
                        weight_slot,
                        delay,
                        ordinal: *ordinal,
                    });
                    *ordinal += 1;
                }
                lists.push(Run { group, synapses });
            }
            axons.push(lists);
        }
        axons
    }
}
