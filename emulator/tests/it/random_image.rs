//! Random cases: chip, image, samples, options. One seed is one case.
//!
//! Invariant: a case's image passes `isa::verify::structure` and `fits`; a seed whose image does not is drawn again.

use crate::random::Random;
use crate::random_chip::{random_chip, with_vc};
use crate::random_code::{delta_synapse, graded_synapse, kernel_update, random_handler};
use emulator::{Between, SampleInput};
use isa::chip::{ChipSpec, Delivery};
use isa::ids::{CoreId, INPUT_ID, NeuronId};
use isa::image::{
    Axon, CoreProgram, Dest, Group, HOST, Image, InputPort, Io, Meta, OutputPort, OutputSource,
    Pattern, Population, Probe, Readout, Reduce, Segment, Slot, SynapseFormat, SynapseKind,
    WeightSign, packets_of,
};
use isa::op::{Handler, Instr, Op, decode, encode};

/// Everything that a run takes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) chip: ChipSpec,
    pub(crate) image: Image,
    pub(crate) samples: Vec<SampleInput>,
    pub(crate) between: Between,
    pub(crate) drain: u32,
}

/// The case of a seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random(seed);
    loop {
        let chip = random_chip(&mut random);
        let image = Draw {
            chip: &chip,
            random: &mut random,
        }
        .image();
        let violations = isa::verify::structure(&image);
        assert!(violations.is_empty(), "seed {seed}: {}", violations[0]);
        if isa::verify::fits(&image, &chip).is_empty() {
            let samples = samples(&image, &mut random);
            let between = match random.below(3) {
                0 => Between::Reset,
                1 => Between::Blank(random.within(0, 2) as u32),
                _ => Between::None,
            };
            let drain = random.within(0, 3) as u32;
            return Case {
                chip,
                image,
                samples,
                between,
                drain,
            };
        }
    }
}

/// The case of a seed on routers `vc`, where every packet has one target.
pub(crate) fn vc_case(seed: u64) -> Case {
    let mut case = case(seed);
    let cores = case.image.cores.iter_mut();
    cores
        .flat_map(|core| &mut core.dests)
        .for_each(|dest| dest.joined = false);
    let chip = with_vc(case.chip, &mut Random(!seed));
    Case { chip, ..case }
}

/// Makes a destination a further target of the last packet, if it can be.
fn joined_to(dests: &[Dest], dest: &mut Dest) {
    let Some(packet) = packets_of(dests).last() else {
        return;
    };
    let differs = |other: &Dest| other.target != dest.target && other.target & HOST == 0;
    if packet.iter().all(differs) {
        dest.joined = true;
        dest.delay = packet[0].delay;
    }
}

/// Draws the parts of an image for a chip.
struct Draw<'a> {
    chip: &'a ChipSpec,
    random: &'a mut Random,
}

impl Draw<'_> {
    fn image(&mut self) -> Image {
        let many = if self.random.percent(70) { 3 } else { 6 };
        let used = (self.chip.cores() as usize).min(self.random.within(1, many) as usize);
        let mut cores: Vec<u32> = self.random.shuffled(self.chip.cores() as usize)[..used].to_vec();
        cores.sort_unstable();
        let mut cores: Vec<CoreProgram> = cores.into_iter().map(|core| self.core(core)).collect();
        let neurons: usize = cores.iter().map(|core| core.lanes() as usize).sum();
        let mut ids = self.random.shuffled(neurons).into_iter().map(NeuronId);
        for core in &mut cores {
            core.lane_ids = ids.by_ref().take(core.lanes() as usize).collect();
        }
        let mut io = self.io();
        let elements: u32 = io
            .inputs
            .iter()
            .map(|input| input.shape.iter().product::<u32>())
            .sum();
        let outputs = io
            .outputs
            .iter()
            .map(|output| output.shape.iter().product::<u32>())
            .sum();
        for core in &mut cores {
            self.axons(core, neurons as u32, elements);
        }
        let axons: Vec<(u32, u32)> = cores
            .iter()
            .map(|core| (core.core.0, core.axons.len() as u32))
            .collect();
        // Few axons in use make merges, many packets on one path make queues.
        let most = self.random.pick(&[1, 2, 4, 8]);
        for core in &mut cores {
            let noc = &self.chip.noc;
            let joins = |group: &Group| {
                let join = noc.multicast && (noc.graded_flits == 1 || !group.sends_payload());
                std::iter::repeat_n(join, group.lanes as usize)
            };
            let join: Vec<bool> = core.groups.iter().flat_map(joins).collect();
            for join in join {
                let dests = self.dests(&axons, most, outputs, join);
                core.dest_counts.push(dests.len() as u16);
                core.dests.extend(dests);
            }
        }
        for _ in 0..elements {
            let dests = self.dests(&axons, 4, 0, false);
            io.input_dest_counts.push(dests.len() as u32);
            io.input_dests.extend(dests);
        }
        let probes = self.probes(&cores);
        if let Some(probe) = probes.first().filter(|_| self.random.percent(30)) {
            let shape = vec![probe.neurons.len() as u32];
            let (readout, source) = (Readout::Max, OutputSource::Probe(0));
            io.outputs.push(OutputPort {
                name: "seen".into(),
                shape,
                depth: 0,
                readout,
                source,
            });
        }
        let meta = Meta {
            network: "random".into(),
            chip: self.chip.name.clone(),
            limits: self.chip.limits_digest(),
        };
        Image {
            meta,
            cores,
            io,
            populations: self.populations(neurons as u32),
            probes,
        }
    }

    fn populations(&mut self, neurons: u32) -> Vec<Population> {
        let mut populations = Vec::new();
        let mut first = 0;
        while first < neurons {
            let count = self.random.within(1, i64::from(neurons - first)) as u32;
            let depth = self.random.below(3) as u32;
            populations.push(Population {
                name: format!("p{first}"),
                first,
                count,
                depth,
            });
            first += count;
        }
        populations
    }

    fn io(&mut self) -> Io {
        let graded = self.chip.limits.graded;
        let mut inputs = Vec::new();
        for i in 0..self.random.below(3) {
            let shape = (0..self.random.within(0, 2))
                .map(|_| self.random.within(1, 4) as u32)
                .collect();
            let port = self.random.below(self.chip.host_ports.len()) as u16;
            inputs.push(InputPort {
                name: format!("in{i}"),
                shape,
                port,
                graded: graded && self.random.percent(50),
            });
        }
        let mut outputs = Vec::new();
        let mut first = 0;
        for i in 0..self.random.below(3) {
            let shape = vec![self.random.within(1, 4) as u32];
            let (source, elements) = (OutputSource::Spikes { first }, shape[0]);
            outputs.push(OutputPort {
                name: format!("out{i}"),
                shape,
                depth: i as u32,
                readout: Readout::Count,
                source,
            });
            first += elements;
        }
        Io {
            model_dt_s: 0.0,
            drain: 0,
            inputs,
            input_dest_counts: Vec::new(),
            input_dests: Vec::new(),
            outputs,
        }
    }

    fn dests(&mut self, axons: &[(u32, u32)], most: i64, outputs: u32, join: bool) -> Vec<Dest> {
        let mut dests: Vec<Dest> = Vec::new();
        for _ in 0..self.random.within(0, most) {
            if outputs > 0 && self.random.percent(12) {
                let port = self.random.below(self.chip.host_ports.len()) as u32;
                dests.push(Dest {
                    target: HOST | port,
                    axon: self.random.below(outputs as usize) as u32,
                    delay: 0,
                    joined: false,
                });
                continue;
            }
            let (target, count) = self.random.pick(axons);
            if count > 0 {
                let delay = match self.chip.delivery {
                    Delivery::AxonBits => {
                        self.random.within(0, self.chip.limits.delay.into()) as u8
                    }
                    Delivery::Accumulate => 0,
                };
                let mut dest = Dest {
                    target,
                    axon: self.random.below(count as usize) as u32,
                    delay,
                    joined: false,
                };
                if join && self.random.percent(60) {
                    joined_to(&dests, &mut dest);
                }
                dests.push(dest);
            }
        }
        dests
    }

    fn probes(&mut self, cores: &[CoreProgram]) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (p, slot) in ["s0", "s3"].into_iter().enumerate() {
            // Every group has the first four slots.
            let ids: Vec<NeuronId> = cores
                .iter()
                .flat_map(|core| core.lane_ids.clone())
                .collect();
            let neurons: Vec<NeuronId> = (0..self.random.below(6))
                .map(|_| self.random.pick(&ids))
                .collect();
            if !neurons.is_empty() {
                probes.push(Probe {
                    name: format!("probe{p}"),
                    slot: slot.into(),
                    neurons,
                });
            }
        }
        probes
    }

    /// Groups and formats; the rest follows when all cores are known.
    fn core(&mut self, core: u32) -> CoreProgram {
        // Crossbar rows and strips of lanes have ends: now and then a group is long enough to have several.
        let large = self.random.percent(4);
        let groups = (0..self.random.within(1, 3))
            .map(|_| self.group(large))
            .collect();
        let formats = (0..self.random.within(1, 4))
            .map(|_| self.format())
            .collect();
        let mut core = CoreProgram::new(CoreId(core), groups);
        core.formats = formats;
        patterns(self.chip, &mut core, self.random);
        core
    }

    fn group(&mut self, large: bool) -> Group {
        let random = &mut *self.random;
        let lanes = if large {
            random.pick(&[63, 64, 65, 130, 255, 256, 257, 300])
        } else {
            random.within(1, 14) as u32
        };
        // Decay, threshold, reset value first, as `kernel_update` has them.
        let mut constants = vec![
            random.within(0, 4096) as i32,
            random.within(0, 40) as i32,
            random.number(6),
        ];
        constants.extend((0..random.below(30)).map(|_| random.number(32)));
        let constants = constants
            .into_iter()
            .enumerate()
            .map(|(i, value)| (format!("c{i}"), value))
            .collect();
        let slots = (0..random.within(4, 7))
            .map(|i| slot(i, lanes, random))
            .collect();
        let table = |random: &mut Random| {
            (0..random.pick(&[1, 2, 5, 16, 256]))
                .map(|_| random.number(32))
                .collect()
        };
        let tables = (0..random.below(5)).map(|_| table(random)).collect();
        let mut group = Group {
            kernel: "custom".into(),
            lanes,
            update: Vec::new(),
            on_spike: Vec::new(),
            constants,
            slots,
            tables,
            receptors: random.within(1, 4) as u8,
            accumulator_bits: random.pick(&[2, 8, 16, 22, 31, 32]),
            accumulator_mode: random.pick(&[Reduce::Wrap, Reduce::Saturate]),
        };
        group.update = match random.below(20) {
            0 => Vec::new(),
            1..=9 => kernel_update(&group, random),
            _ => legal(
                Handler::Update,
                &group,
                |random| random_handler(Handler::Update, &group, random),
                random,
            ),
        };
        let by_instruction = matches!(
            self.chip.time.on_spike,
            isa::chip::OnSpikeTime::Instruction { .. }
        );
        group.on_spike = match random.below(8) {
            0..=2 => delta_synapse(),
            3 => graded_synapse(&group, random),
            _ => loop {
                let code = legal(
                    Handler::OnSpike,
                    &group,
                    |random| random_handler(Handler::OnSpike, &group, random),
                    random,
                );
                if !by_instruction || isa::verify::handler::depends_on_state(&code, true).is_empty()
                {
                    break code;
                }
            },
        };
        if !(self.chip.limits.graded && self.chip.delivery == Delivery::Accumulate) {
            plain_spikes(&mut group.update);
        }
        group
    }

    fn format(&mut self) -> SynapseFormat {
        let (chip, random) = (self.chip, &mut *self.random);
        let kind = random.pick(&[
            SynapseKind::Sparse,
            SynapseKind::Sparse,
            SynapseKind::Dense,
            SynapseKind::Crossbar,
            SynapseKind::Shared,
        ]);
        let kind = match kind {
            SynapseKind::Shared if chip.limits.shared_pointer_bits == 0 => SynapseKind::Sparse,
            kind => kind,
        };
        if kind == SynapseKind::Crossbar {
            // Kinds 0 to 3 add to it; every group has at least four slots.
            return SynapseFormat {
                kind,
                sign: WeightSign::Signed,
                weight_bits: 0,
                exponent: 0,
                scale: 0,
                delay_bits: 0,
                index_bits: 0,
                weight_slot: 0,
            };
        }
        let delay_bits = match chip.delivery {
            Delivery::Accumulate if chip.limits.delay > 0 && random.percent(75) => {
                random.within(1, 6) as u8
            }
            _ => 0,
        };
        SynapseFormat {
            kind,
            sign: random.pick(&[
                WeightSign::Signed,
                WeightSign::Excitatory,
                WeightSign::Inhibitory,
            ]),
            weight_bits: random.within(0, 9) as u8,
            exponent: random.within(-3, 6) as i8,
            scale: chip.limits.weight_scale as u8,
            delay_bits,
            index_bits: match kind {
                SynapseKind::Sparse | SynapseKind::Shared => random.pick(&[4, 9, 16]),
                SynapseKind::Dense | SynapseKind::Crossbar => 0,
            },
            weight_slot: 0,
        }
    }

    fn axons(&mut self, core: &mut CoreProgram, neurons: u32, elements: u32) {
        let random = &mut *self.random;
        // Few sources, so that several axons of a core share one and ordinals count on.
        let sources: Vec<u32> = (0..3)
            .map(|_| match random.below(3) {
                0 if elements > 0 => INPUT_ID | random.below(elements as usize) as u32,
                _ => random.below(neurons as usize) as u32,
            })
            .collect();
        for _ in 0..random.within(0, 9) {
            let (source, kind) = (random.pick(&sources), random.below(4) as u8);
            let before = core.segments.len();
            for _ in 0..random.pick(&[0, 1, 1, 1, 2, 3]) {
                segment(self.chip, core, random);
            }
            core.axons.push(Axon {
                source,
                segments: (core.segments.len() - before) as u16,
                kind,
            });
        }
    }
}

/// Draws until the verifier accepts a handler.
fn legal(
    handler: Handler,
    group: &Group,
    draw: impl Fn(&mut Random) -> Vec<u32>,
    random: &mut Random,
) -> Vec<u32> {
    loop {
        let code = draw(random);
        if isa::verify::handler::check(&code, handler, group).is_empty() {
            return code;
        }
    }
}

/// Replaces `spkg` by `spk`, for chips without payloads.
fn plain_spikes(code: &mut [u32]) {
    for word in code {
        let i = decode(*word).expect("the handler is legal");
        if i.op == Op::Spkg {
            *word = encode(&Instr {
                pred: i.pred,
                negate: i.negate,
                ..Instr::new(Op::Spk)
            });
        }
    }
}

fn slot(i: i64, lanes: u32, random: &mut Random) -> Slot {
    // Slot 1 counts down from 0 in kernels; the others take what comes.
    let bits = random.pick(&[1, 2, 8, 16, 20, 24, 24, 32]);
    let value = |random: &mut Random| {
        if random.percent(30) {
            0
        } else {
            random.number(u32::from(bits))
        }
    };
    let mut init: Vec<i32> = if random.percent(50) {
        vec![value(random)]
    } else {
        (0..lanes).map(|_| value(random)).collect()
    };
    if init.len() > 1 && init.iter().all(|&value| value == init[0]) {
        init.truncate(1);
    }
    Slot {
        name: format!("s{i}"),
        bits,
        init,
    }
}

/// Patterns for each shared format; some reach no further than lane 0.
fn patterns(chip: &ChipSpec, core: &mut CoreProgram, random: &mut Random) {
    for (format, form) in core.formats.iter().enumerate() {
        if form.kind != SynapseKind::Shared {
            continue;
        }
        for _ in 0..random.within(1, 2) {
            let count = random.within(1, 6) as u32;
            let reach = random.pick(&[1, 2, 4, 9]);
            let (low, high) = form.mantissa_range();
            let longest = i64::from(chip.limits.delay).min((1 << form.delay_bits) - 1);
            for _ in 0..count {
                core.targets.push(random.below(reach) as u16);
                let weight = random.within(low.into(), high.into());
                core.weights.push(weight as i16);
                if form.delay_bits > 0 {
                    core.delays.push(random.within(0, longest) as u8);
                }
            }
            let format = format as u8;
            core.patterns.push(Pattern { format, count });
        }
    }
}

/// A pattern of the format, moved to where it fits the group.
fn shared(core: &mut CoreProgram, group: usize, format: usize, random: &mut Random) {
    let index = random.below(core.patterns.len());
    let (pattern, at) = (core.patterns[index], core.pattern_offsets()[index]);
    let targets = &core.targets[at.targets..at.targets + pattern.count as usize];
    let reach = targets.iter().copied().max().map_or(0, i64::from);
    let room = i64::from(core.groups[group].lanes) - 1 - reach;
    if usize::from(pattern.format) != format || room < 0 {
        return;
    }
    core.shared.push(index as u16);
    core.segments.push(Segment {
        group: group as u8,
        format: format as u8,
        first_lane: random.within(0, room) as u16,
        count: pattern.count,
    });
}

/// One more segment of the axon that is being made, if its group can take one.
fn segment(chip: &ChipSpec, core: &mut CoreProgram, random: &mut Random) {
    let (group, format) = (
        random.below(core.groups.len()),
        random.below(core.formats.len()),
    );
    let lanes = core.groups[group].lanes;
    let form = core.formats[format];
    if form.kind == SynapseKind::Shared {
        return shared(core, group, format, random);
    }
    let (mut first_lane, mut count) = (0, random.within(1, 8) as u32);
    match form.kind {
        SynapseKind::Sparse => {
            let end = lanes.min(1 << form.index_bits) as usize;
            core.targets
                .extend((0..count).map(|_| random.below(end) as u16));
        }
        SynapseKind::Dense => {
            first_lane = random.below(lanes as usize) as u16;
            count = random.within(1, i64::from(lanes) - i64::from(first_lane)) as u32;
        }
        SynapseKind::Crossbar => {
            let density = random.pick(&[10, 50, 100]);
            let mut row = vec![0u64; lanes.div_ceil(64) as usize];
            for lane in (0..lanes as usize).filter(|_| random.percent(density)) {
                row[lane / 64] |= 1 << (lane % 64);
            }
            count = row.iter().map(|word| word.count_ones()).sum();
            if count == 0 {
                return;
            }
            core.rows.extend(row);
        }
        SynapseKind::Shared => {}
    }
    if form.kind != SynapseKind::Crossbar {
        let (low, high) = form.mantissa_range();
        core.weights
            .extend((0..count).map(|_| random.within(low.into(), high.into()) as i16));
    }
    if form.delay_bits > 0 {
        let longest = i64::from(chip.limits.delay).min((1 << form.delay_bits) - 1);
        core.delays
            .extend((0..count).map(|_| random.within(0, longest) as u8));
    }
    core.segments.push(Segment {
        group: group as u8,
        format: format as u8,
        first_lane,
        count,
    });
}

fn samples(image: &Image, random: &mut Random) -> Vec<SampleInput> {
    let graded: Vec<bool> = image
        .io
        .inputs
        .iter()
        .flat_map(|input| {
            std::iter::repeat_n(input.graded, input.shape.iter().product::<u32>() as usize)
        })
        .collect();
    let sample = |random: &mut Random| {
        let steps = random.within(0, 5) as u32;
        let mut sample = SampleInput {
            steps,
            offsets: vec![0],
            ..SampleInput::default()
        };
        for _ in 0..steps {
            let density = random.pick(&[0, 30, 100]);
            for (element, graded) in graded.iter().enumerate() {
                if !random.percent(density) {
                    continue;
                }
                sample.elements.push(element as u32);
                sample.values.push(match graded {
                    true => random.number(31) | 1,
                    false => random.pick(&[1, 1, 2, 5]),
                });
            }
            sample.offsets.push(sample.elements.len() as u32);
        }
        sample
    };
    (0..random.within(1, 3)).map(|_| sample(random)).collect()
}
