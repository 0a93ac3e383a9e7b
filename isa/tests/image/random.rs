//! Random images that are well formed, from a seed: for round trips and mutations.

use crate::sample::{delta_synapse, halt, integrate, word};
use isa::image::*;
use isa::op::Op;
use isa::{CoreId, NeuronId};
use proptest::prelude::*;

/// Images of up to `cores` cores.
pub(crate) fn images(cores: u32) -> impl Strategy<Value = Image> {
    (any::<u64>(), 0..=cores).prop_map(|(seed, cores)| image(seed, cores))
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough for test data.
struct Dice(u64);

impl Dice {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// 0 to `end` − 1.
    fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }
    fn within(&mut self, low: i32, high: i32) -> i32 {
        (i64::from(low) + self.below((i64::from(high) - i64::from(low) + 1) as u64) as i64) as i32
    }
    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

/// The image of a seed.
pub(crate) fn image(seed: u64, cores: u32) -> Image {
    let mut dice = Dice(seed);
    let shapes: Vec<Vec<u32>> = (0..dice.below(3))
        .map(|_| vec![1 + dice.below(3) as u32; dice.below(3) as usize])
        .collect();
    let elements = |shape: &Vec<u32>| shape.iter().product::<u32>();
    let inputs: u32 = shapes.iter().map(elements).sum();
    let mut programs: Vec<CoreProgram> = Vec::new();
    let mut id = 0;
    for _ in 0..cores {
        id += 1 + dice.below(3) as u32;
        programs.push(core(&mut dice, id));
    }
    let neurons: u32 = programs.iter().map(CoreProgram::lanes).sum();
    let mut ids: Vec<u32> = (0..neurons).collect();
    (1..ids.len()).for_each(|i| ids.swap(i, dice.below(i as u64 + 1) as usize));
    let mut ids = ids.into_iter();
    let outputs = dice.below(3) as u32 * 2;
    let axons: Vec<(u32, u32)> = programs
        .iter()
        .map(|core| (core.core.0, core.axons.len() as u32))
        .collect();
    let to_core = |dice: &mut Dice| {
        let (target, axons) = dice.one_of(&axons);
        let (axon, delay) = (dice.below(axons.into()) as u32, dice.below(15) as u8);
        Dest {
            target,
            axon,
            delay,
            joined: false,
        }
    };
    for core in &mut programs {
        core.lane_ids = ids
            .by_ref()
            .take(core.lanes() as usize)
            .map(NeuronId)
            .collect();
        core.dest_counts = core.lane_ids.iter().map(|_| dice.below(3) as u16).collect();
        let dests = core.dest_counts.iter().map(|&n| u32::from(n)).sum::<u32>();
        core.dests = (0..dests)
            .map(|_| match outputs > 0 && dice.below(4) == 0 {
                true => Dest {
                    target: HOST | dice.below(2) as u32,
                    axon: dice.below(outputs.into()) as u32,
                    delay: 0,
                    joined: false,
                },
                false => to_core(&mut dice),
            })
            .collect();
        let counts: Vec<usize> = core.dest_counts.iter().map(|&n| n.into()).collect();
        let mut place = 0;
        for count in counts {
            // The second of two to different cores may be a target of the same packet.
            if let [one, two] = &mut core.dests[place..place + count]
                && (one.target | two.target) & HOST == 0
                && one.target != two.target
                && dice.below(2) == 0
            {
                (two.joined, two.delay) = (true, one.delay);
            }
            place += count;
        }
        for axon in &mut core.axons {
            let of_input = inputs > 0 && dice.below(2) == 0;
            axon.source = match of_input {
                true => isa::ids::INPUT_ID | dice.below(inputs.into()) as u32,
                false => dice.below(neurons.into()) as u32,
            };
        }
    }
    let input_dest_counts: Vec<u32> = (0..inputs)
        .map(|_| if cores > 0 { dice.below(3) as u32 } else { 0 })
        .collect();
    let input_dests = (0..input_dest_counts.iter().sum::<u32>())
        .map(|_| to_core(&mut dice))
        .collect();
    let split = neurons.min(1 + dice.below(u64::from(neurons) + 1) as u32);
    let population = |name: &str, first, count| Population {
        name: name.to_owned(),
        first,
        count,
        depth: first,
    };
    let populations = vec![
        population("ä first", 0, split),
        population("second/1", split, neurons - split),
    ];
    let observed: Vec<NeuronId> = programs
        .iter()
        .filter(|core| core.groups.iter().all(|group| !group.slots.is_empty()))
        .flat_map(|core| core.lane_ids.clone())
        .collect();
    let probe = Probe {
        name: "probe".to_owned(),
        slot: "s0".to_owned(),
        neurons: observed,
    };
    let spikes = |index: u32| OutputPort {
        name: format!("out{index}"),
        shape: vec![2],
        depth: index,
        readout: Readout::First,
        source: OutputSource::Spikes { first: 2 * index },
    };
    let input = |(index, shape): (usize, &Vec<u32>)| InputPort {
        name: format!("in{index}"),
        shape: shape.clone(),
        port: index as u16,
        graded: index == 1,
    };
    Image {
        meta: Meta {
            network: "random".to_owned(),
            chip: "none".to_owned(),
            limits: [dice.word() as u8; 32],
        },
        cores: programs,
        io: Io {
            model_dt_s: dice.below(1000) as f64 * 1e-4,
            drain: dice.below(1000) as u32,
            inputs: shapes.iter().enumerate().map(input).collect(),
            input_dest_counts,
            input_dests,
            outputs: (0..outputs / 2).map(spikes).collect(),
        },
        populations: populations.into_iter().filter(|p| p.count > 0).collect(),
        probes: Some(probe)
            .filter(|probe| !probe.neurons.is_empty())
            .into_iter()
            .collect(),
    }
}

fn core(dice: &mut Dice, id: u32) -> CoreProgram {
    let groups: Vec<Group> = (0..1 + dice.below(3)).map(|_| group(dice)).collect();
    let mut core = CoreProgram::new(CoreId(id), groups);
    core.formats = (0..1 + dice.below(3)).map(|_| format(dice)).collect();
    patterns(dice, &mut core);
    for _ in 0..1 + dice.below(4) {
        let kind = dice.below(4) as u8;
        let segments = (0..dice.below(4))
            .filter_map(|_| segment(dice, &mut core, kind))
            .count() as u16;
        core.axons.push(Axon {
            source: 0,
            segments,
            kind,
        });
    }
    core
}

fn group(dice: &mut Dice) -> Group {
    let lanes = dice.one_of(&[1, 2, 3, 64, 65]);
    let slot = |(index, bits): (usize, u8), dice: &mut Dice| {
        let (low, high) = (i32::MIN >> (32 - bits), i32::MAX >> (32 - bits));
        let mut init = vec![dice.within(low, high)];
        if lanes > 1 && dice.below(2) == 0 {
            init = (0..lanes).map(|_| dice.within(low, high)).collect();
            init[0] = if init[1] == low { high } else { low };
        }
        Slot {
            name: format!("s{index}"),
            bits,
            init,
        }
    };
    let widths: Vec<u8> = (0..dice.below(7))
        .map(|_| 1 + dice.below(32) as u8)
        .collect();
    let slots: Vec<Slot> = widths
        .into_iter()
        .enumerate()
        .map(|item| slot(item, dice))
        .collect();
    let update = match dice.below(3) {
        0 => Vec::new(),
        1 if !slots.is_empty() => integrate(),
        _ => vec![word(Op::Spk, |_| {}), halt()],
    };
    let table = |dice: &mut Dice| (0..1 + dice.below(9)).map(|_| dice.word() as i32).collect();
    Group {
        kernel: "custom".to_owned(),
        lanes,
        update,
        on_spike: if dice.below(4) == 0 {
            Vec::new()
        } else {
            delta_synapse()
        },
        constants: (0..1 + dice.below(4))
            .map(|i| (format!("K{i}"), dice.word() as i32))
            .collect(),
        slots,
        tables: (0..dice.below(5)).map(|_| table(dice)).collect(),
        receptors: 1 + dice.below(4) as u8,
        accumulator_bits: 2 + dice.below(31) as u8,
        accumulator_mode: dice.one_of(&[Reduce::Wrap, Reduce::Saturate]),
    }
}

fn format(dice: &mut Dice) -> SynapseFormat {
    let kind = dice.one_of(&[
        SynapseKind::Sparse,
        SynapseKind::Dense,
        SynapseKind::Crossbar,
        SynapseKind::Shared,
    ]);
    let stored = kind != SynapseKind::Crossbar;
    let bits = |dice: &mut Dice, end| if stored { dice.below(end) as u8 } else { 0 };
    let signs = [
        WeightSign::Signed,
        WeightSign::Excitatory,
        WeightSign::Inhibitory,
    ];
    SynapseFormat {
        kind,
        sign: if stored {
            dice.one_of(&signs)
        } else {
            WeightSign::Signed
        },
        weight_bits: bits(dice, 10),
        exponent: bits(dice, 17) as i8 - if stored { 8 } else { 0 },
        scale: bits(dice, 8),
        delay_bits: bits(dice, 4),
        index_bits: match kind {
            SynapseKind::Sparse | SynapseKind::Shared => 7,
            SynapseKind::Dense | SynapseKind::Crossbar => 0,
        },
        weight_slot: if stored { 0 } else { dice.below(3) as u8 },
    }
}

/// One or two patterns for each shared format; a lane may occur twice.
fn patterns(dice: &mut Dice, core: &mut CoreProgram) {
    for (format, layout) in core.formats.iter().enumerate() {
        if layout.kind != SynapseKind::Shared {
            continue;
        }
        for _ in 0..1 + dice.below(2) {
            let count = 1 + dice.below(5) as u32;
            let reach = dice.one_of(&[1, 2, 3, 40]);
            let (low, high) = layout.mantissa_range();
            for _ in 0..count {
                core.targets.push(dice.below(reach) as u16);
                core.weights.push(dice.within(low, high) as i16);
                if layout.delay_bits > 0 {
                    core.delays.push(dice.below(1 << layout.delay_bits) as u8);
                }
            }
            core.patterns.push(Pattern {
                format: format as u8,
                count,
            });
        }
    }
}

/// A segment that moves a pattern of its format to where it fits; `None` if it fits nowhere.
fn shared(dice: &mut Dice, core: &mut CoreProgram, group: u8, format: u8) -> Option<Segment> {
    let of_format: Vec<usize> = (0..core.patterns.len())
        .filter(|index| core.patterns[*index].format == format)
        .collect();
    let index = dice.one_of(&of_format);
    let (pattern, at) = (core.patterns[index], core.pattern_offsets()[index]);
    let targets = &core.targets[at.targets..at.targets + pattern.count as usize];
    let reach = u32::from(targets.iter().copied().max()?);
    let lanes = core.groups[usize::from(group)].lanes;
    let room = lanes.checked_sub(reach + 1)?;
    let segment = Segment {
        group,
        format,
        first_lane: dice.below(u64::from(room) + 1) as u16,
        count: pattern.count,
    };
    core.shared.push(index as u16);
    core.segments.push(segment);
    Some(segment)
}

/// Appends a random segment, unless the dice chose what cannot be.
fn segment(dice: &mut Dice, core: &mut CoreProgram, kind: u8) -> Option<Segment> {
    let (group, format) = (
        dice.below(core.groups.len() as u64),
        dice.below(core.formats.len() as u64),
    );
    let (target, layout) = (&core.groups[group as usize], core.formats[format as usize]);
    let lanes = target.lanes;
    if layout.kind == SynapseKind::Shared {
        return shared(dice, core, group as u8, format as u8);
    }
    let first_lane = if layout.kind == SynapseKind::Dense {
        dice.below(lanes.into()) as u32
    } else {
        0
    };
    let mut count = 1 + dice.below(u64::from(lanes - first_lane)) as u32;
    match layout.kind {
        SynapseKind::Crossbar => {
            if usize::from(layout.weight_slot + kind) >= target.slots.len() {
                return None;
            }
            let mut row = vec![0u64; lanes.div_ceil(64) as usize];
            (0..count)
                .map(|_| dice.below(lanes.into()))
                .for_each(|lane| row[lane as usize / 64] |= 1 << (lane % 64));
            count = row.iter().map(|word| word.count_ones()).sum();
            core.rows.extend(row);
        }
        SynapseKind::Sparse => core
            .targets
            .extend((0..count).map(|_| dice.below(lanes.into()) as u16)),
        SynapseKind::Dense | SynapseKind::Shared => {}
    }
    if layout.kind != SynapseKind::Crossbar {
        let (low, high) = layout.mantissa_range();
        core.weights
            .extend((0..count).map(|_| dice.within(low, high) as i16));
    }
    if layout.delay_bits > 0 {
        core.delays
            .extend((0..count).map(|_| dice.below(1 << layout.delay_bits) as u8));
    }
    let segment = Segment {
        group: group as u8,
        format: format as u8,
        first_lane: first_lane as u16,
        count,
    };
    core.segments.push(segment);
    Some(segment)
}
