//! The immutable side of a run: image and chip, with what can be worked out once.
//!
//! Invariant: nothing here changes during a run and no synapse is copied; threads and samples share it.

use crate::error::EmulatorError;
use crate::handler::Handler;
use crate::noc::vc::Parameters;
use crate::route::Trees;
use crate::run::Engine;
use crate::simd::Level;
use crate::state::set_bits;
use isa::chip::{
    ChipSpec, Delivery, InstructionTime, OnSpikeTime, Order, Sync, UpdateTime, WaveArea,
};
use isa::image::{CoreProgram, HOST, Image, SynapseFormat, SynapseKind};
use isa::verify;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lanes that the vector interpreter takes at a time, unless bundles are larger: a dozen registers of them fit a first-level
/// cache. Few in tests, so that groups have several strips.
const STRIP: u32 = if cfg!(all(feature = "mutants", debug_assertions)) {
    64
} else {
    1024
};

/// Most router inputs and receive queues of all planes: their indices share words with the kind of an event.
const MAX_PORTS: u64 = 1 << 28;

/// No core of the image.
pub(crate) const NONE: u32 = u32::MAX;

/// An image on a chip, ready to run.
pub struct Program<'a> {
    pub(crate) image: &'a Image,
    pub(crate) chip: &'a ChipSpec,
    pub(crate) cores: Vec<CorePlan<'a>>,
    /// Index in `cores` of each physical core, or [`NONE`].
    pub(crate) core_index: Vec<u32>,
    /// First destination of each input element; one more at the end.
    pub(crate) input_first: Vec<usize>,
    /// Elements of each input port end here.
    pub(crate) input_end: Vec<u32>,
    /// Lanes of a strip.
    pub(crate) strip: usize,
    /// Vector instructions to be used.
    pub(crate) level: Level,
    pub(crate) axon_bits: bool,
    /// Service cycles of some packet depend on more than its axon.
    pub(crate) dynamic_service: bool,
    /// Tiles that hold a core of the image.
    pub(crate) tiles_used: u32,
    /// Ways of packets with several targets.
    pub(crate) trees: Arc<Trees>,
}

/// One core.
pub(crate) struct CorePlan<'a> {
    pub(crate) program: &'a CoreProgram,
    pub(crate) groups: Vec<GroupPlan>,
    pub(crate) segments: Vec<SegmentPlan>,
    /// First segment of each axon; one more at the end.
    pub(crate) axon_first: Vec<u32>,
    /// First destination of each lane; one more at the end.
    pub(crate) dest_first: Vec<u32>,
    /// Population of each lane.
    pub(crate) lane_population: Vec<u32>,
    /// Slots of the rings: delays in use + 1.
    pub(crate) ring: usize,
    /// Accumulators of one slot.
    pub(crate) stride: usize,
    /// Service cycles of a packet by axon (the fixed part if `dynamic`).
    pub(crate) service: Vec<u64>,
    /// Some handler's path differs from packet to packet.
    pub(crate) dynamic: bool,
    /// Least delay of each axon's synapses.
    pub(crate) axon_delay: Vec<u8>,
    /// Ordinal of each synapse among those of the same source and target, by segment; only if some handler draws.
    pub(crate) ordinals: Vec<Vec<u32>>,
}

/// One group.
pub(crate) struct GroupPlan {
    pub(crate) update: Handler,
    pub(crate) on_spike: Handler,
    /// First lane in the core.
    pub(crate) first: u32,
    pub(crate) lanes: u32,
    /// First accumulator within a slot.
    pub(crate) accumulators: usize,
    /// Runs of lanes of one population: (end lane in group, population).
    pub(crate) runs: Vec<(u32, u32)>,
    /// Bank, if `on_spike` is the plain delta synapse.
    pub(crate) delta: Option<u8>,
    /// Its packets carry a payload.
    pub(crate) payload: bool,
}

impl CorePlan<'_> {
    /// Whether the packets of a lane carry a payload.
    #[inline]
    pub(crate) fn payload(&self, lane: usize) -> bool {
        let after = self
            .groups
            .partition_point(|group| group.first as usize <= lane);
        self.groups[after - 1].payload
    }
}

/// One segment, decoded; kept within a cache line.
#[derive(Clone, Copy)]
pub(crate) struct SegmentPlan {
    /// Where its data begins in the core's bulk vectors.
    pub(crate) targets: u32,
    pub(crate) weights: u32,
    pub(crate) delays: u32,
    pub(crate) rows: u32,
    pub(crate) count: u32,
    /// Lanes of the group.
    pub(crate) lanes: u32,
    /// First accumulator within a slot; with a plain delta synapse, of its bank.
    pub(crate) accumulators: u32,
    pub(crate) first_lane: u16,
    pub(crate) kind: SynapseKind,
    pub(crate) group: u8,
    pub(crate) delayed: bool,
    /// `on_spike` is the plain delta synapse.
    pub(crate) delta: bool,
    /// Weight = (mantissa >> right) << left.
    pub(crate) right: u8,
    pub(crate) left: u8,
    pub(crate) weight_slot: u8,
}

fn shifts(format: &SynapseFormat) -> (u8, u8) {
    let amount = format.exponent.unsigned_abs().min(31);
    let scale = format.scale.min(31);
    if format.exponent < 0 {
        (amount, scale)
    } else {
        (0, amount + scale)
    }
}

impl SegmentPlan {
    /// Its target lanes, from the first lane on; sparse only.
    #[inline]
    pub(crate) fn targets<'a>(&self, program: &'a CoreProgram) -> &'a [u16] {
        &program.targets[self.targets as usize..][..self.count as usize]
    }

    /// Its mantissas; sparse and dense.
    #[inline]
    pub(crate) fn weights<'a>(&self, program: &'a CoreProgram) -> &'a [i16] {
        &program.weights[self.weights as usize..][..self.count as usize]
    }

    /// Its delays; only if `delayed`.
    #[inline]
    pub(crate) fn delays<'a>(&self, program: &'a CoreProgram) -> &'a [u8] {
        &program.delays[self.delays as usize..][..self.count as usize]
    }

    /// Its row of bits; crossbar only.
    #[inline]
    pub(crate) fn row<'a>(&self, program: &'a CoreProgram) -> &'a [u64] {
        &program.rows[self.rows as usize..][..(self.lanes as usize).div_ceil(64)]
    }

    /// What a stored mantissa is multiplied by, if that is all there is to decode.
    #[inline(always)]
    pub(crate) fn factor(&self) -> Option<i64> {
        (self.right == 0 && self.left < 16).then(|| 1 << self.left)
    }

    /// Decoded weight of a stored mantissa, as [`SynapseFormat::decode`].
    #[inline(always)]
    pub(crate) fn weight(&self, mantissa: i16) -> i32 {
        ((i64::from(mantissa) >> self.right) << self.left) as i32
    }
}

fn prefix<T: Copy + Into<usize>>(counts: impl Iterator<Item = T>) -> Vec<usize> {
    let mut all = vec![0];
    let mut sum = 0;
    all.extend(counts.map(|c| {
        sum += c.into();
        sum
    }));
    all
}

impl<'a> Program<'a> {
    /// Checks the image against the chip and prepares it.
    pub fn new(image: &'a Image, chip: &'a ChipSpec) -> Result<Program<'a>, EmulatorError> {
        let mut violations = verify::structure(image);
        if violations.is_empty() {
            violations = verify::fits(image, chip);
        }
        if !violations.is_empty() {
            return Err(EmulatorError::DoesNotFit {
                chip: chip.name.clone(),
                violations,
            });
        }
        check_chip(chip)?;
        let mut core_index = vec![NONE; chip.cores() as usize];
        for (index, core) in image.cores.iter().enumerate() {
            core_index[core.core.0 as usize] = index as u32;
        }
        let axon_bits = chip.delivery == Delivery::AxonBits;
        let reach = if axon_bits {
            destination_delays(image, &core_index)
        } else {
            vec![0; image.cores.len()]
        };
        let cores: Vec<CorePlan<'_>> = image
            .cores
            .iter()
            .zip(reach)
            .map(|(core, reach)| plan_core(core, image, chip, reach))
            .collect();
        let mut end = 0;
        let input_end = image
            .io
            .inputs
            .iter()
            .map(|port| {
                end += port.shape.iter().product::<u32>();
                end
            })
            .collect();
        let strip = strip(&cores, chip, STRIP);
        let mut tiles: Vec<u32> = image.cores.iter().map(|c| chip.tile_of(c.core.0)).collect();
        tiles.dedup();
        Ok(Program {
            dynamic_service: cores.iter().any(|c| c.dynamic),
            input_first: prefix(image.io.input_dest_counts.iter().map(|c| *c as usize)),
            tiles_used: tiles.len() as u32,
            trees: Arc::new(Trees::new(chip, image.cores.iter())),
            strip,
            level: Level::widest(),
            image,
            chip,
            cores,
            core_index,
            input_end,
            axon_bits,
        })
    }

    /// Tiles that take part in a barrier of messages.
    pub(crate) fn wave_area(&self) -> WaveArea {
        let cores = self.cores.iter();
        self.chip
            .wave_area(cores.map(|core| self.chip.tile_of(core.program.core.0)))
    }

    /// Chooses how the host computes.
    pub(crate) fn set_engine(&mut self, engine: Engine) {
        self.level = engine.level;
        if let Some(least) = engine.strip {
            self.strip = strip(&self.cores, self.chip, least.max(1));
        }
        if !engine.superinstructions {
            let groups = self.cores.iter_mut().flat_map(|core| &mut core.groups);
            groups.for_each(|group| group.update.runs.fill(None));
        }
    }

    /// Input port of an element.
    pub(crate) fn input_of(&self, element: u32) -> usize {
        self.input_end.partition_point(|end| *end <= element)
    }

    /// Number of input elements.
    pub(crate) fn elements(&self) -> u32 {
        self.input_end.last().copied().unwrap_or(0)
    }

    /// Lanes of all cores.
    pub(crate) fn lanes(&self) -> usize {
        self.cores.iter().map(|c| c.lane_population.len()).sum()
    }

    /// Index of the core a destination names, if it is not a host port.
    #[inline]
    pub(crate) fn target(&self, target: u32) -> Option<usize> {
        (target & HOST == 0).then(|| self.core_index[target as usize] as usize)
    }
}

/// Lanes of a strip: whole bundles, about `least` lanes.
fn strip(cores: &[CorePlan<'_>], chip: &ChipSpec, least: u32) -> usize {
    let groups = cores.iter().flat_map(|c| &c.groups);
    let largest = groups.map(|g| g.lanes).max().unwrap_or(1);
    let bundle = chip.lanes_per_bundle.clamp(1, largest);
    let strip = if bundle >= least {
        bundle
    } else {
        least - least % bundle
    };
    strip as usize
}

/// Checks that the engine's tables hold the chip.
pub(crate) fn check_chip(chip: &ChipSpec) -> Result<(), EmulatorError> {
    let error = |what: String, remedy: &str| {
        Err(EmulatorError::Chip {
            chip: chip.name.clone(),
            what,
            remedy: remedy.to_owned(),
        })
    };
    if chip.mesh.cores_per_tile > 60 {
        return error(
            format!(
                "{} cores per tile; at most 60 are emulated",
                chip.mesh.cores_per_tile
            ),
            "use more tiles",
        );
    }
    let mesh = &chip.mesh;
    if mesh.width.max(mesh.height) > i16::MAX as u32 {
        return error(
            format!(
                "a mesh of {} × {} tiles; at most {} in each direction are emulated",
                mesh.width,
                mesh.height,
                i16::MAX
            ),
            "use a smaller mesh",
        );
    }
    let layers = u64::from(mesh.planes) * u64::from(chip.noc.network_count());
    let ports = u64::from(chip.tiles()) * layers * (4 + 2 * u64::from(mesh.cores_per_tile));
    if ports > MAX_PORTS {
        return error(
            format!("{ports} router ports; at most {MAX_PORTS} are emulated"),
            "use a smaller mesh",
        );
    }
    let noc = &chip.noc;
    let of_fifo = [
        ("graded_flits", noc.graded_flits != 1),
        ("networks", !noc.networks.is_empty()),
        ("multicast", noc.multicast),
        ("order", noc.order != Order::Xy),
        ("host_order", noc.host_order != Order::Xy),
        ("routes", noc.routes.is_some()),
    ];
    if noc.vc.is_some()
        && let Some((key, _)) = of_fifo.iter().find(|(_, set)| *set)
    {
        return error(
            format!("routers `vc` have no `noc.{key}`"),
            "leave it as it is by default, or take routers `fifo`",
        );
    }
    if let Some(parameters) = Parameters::of_chip(chip)
        && let Err(e) = parameters.check()
    {
        return error(format!("routers `vc`: {e}"), "change `noc` or the mesh");
    }
    if matches!(chip.sync, Sync::Barrier { wave: true, .. })
        && (noc.vc.is_some() || !noc.networks.is_empty())
    {
        return error(
            "a barrier of messages goes behind all packets of one network of routers `fifo`".into(),
            "take the barrier's table, or routers `fifo` without `noc.networks`",
        );
    }
    if let Some(circle) = chip.circular_wait() {
        return error(
            circle.to_string(),
            "give all packets of a virtual network one dimension order",
        );
    }
    let mut sides: Vec<_> = chip.host_ports.iter().map(|p| (p.tile, p.side)).collect();
    sides.sort_unstable();
    if let Some(pair) = sides.windows(2).find(|pair| pair[0] == pair[1]) {
        return error(
            format!("two host ports at side {} of tile {}", pair[0].1, pair[0].0),
            "move one of them",
        );
    }
    if let Sync::Tick { period: 0 } = chip.sync {
        return error(
            "tick period 0".to_owned(),
            "give a period of at least 1 cycle",
        );
    }
    Ok(())
}

/// Largest delay of a destination by core.
fn destination_delays(image: &Image, core_index: &[u32]) -> Vec<usize> {
    let mut reach = vec![0; image.cores.len()];
    for dest in image
        .cores
        .iter()
        .flat_map(|c| &c.dests)
        .chain(&image.io.input_dests)
    {
        if dest.target & HOST == 0 {
            let core = &mut reach[core_index[dest.target as usize] as usize];
            *core = (*core).max(usize::from(dest.delay));
        }
    }
    reach
}

fn plan_core<'a>(
    core: &'a CoreProgram,
    image: &Image,
    chip: &ChipSpec,
    reach: usize,
) -> CorePlan<'a> {
    let axon_bits = chip.delivery == Delivery::AxonBits;
    let update_cycles = match &chip.time.update {
        UpdateTime::Instruction(times) => times.class,
        UpdateTime::Event { .. } => [0; 6],
    };
    let spike_times = match &chip.time.on_spike {
        OnSpikeTime::Instruction { times, .. } => times.clone(),
        OnSpikeTime::Event { .. } => InstructionTime {
            fill: 0,
            class: [0; 6],
        },
    };
    let population = |id: u32| {
        image
            .populations
            .partition_point(|p| p.first + p.count <= id) as u32
    };
    let lane_population: Vec<u32> = core.lane_ids.iter().map(|id| population(id.0)).collect();
    let mut first = 0;
    let mut stride = 0;
    let mut groups = Vec::with_capacity(core.groups.len());
    for group in &core.groups {
        let on_spike = Handler::new(&group.on_spike, &spike_times.class);
        let lanes = &lane_population[first as usize..(first + group.lanes) as usize];
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for (lane, population) in lanes.iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.1 == *population => run.0 = lane as u32 + 1,
                _ => runs.push((lane as u32 + 1, *population)),
            }
        }
        groups.push(GroupPlan {
            update: Handler::new(&group.update, &update_cycles),
            delta: on_spike.as_delta_synapse(),
            on_spike,
            first,
            lanes: group.lanes,
            accumulators: stride,
            runs,
            payload: group.sends_payload(),
        });
        first += group.lanes;
        stride += usize::from(group.receptors) * group.lanes as usize;
    }
    let segments: Vec<SegmentPlan> = core
        .segments
        .iter()
        .zip(core.segment_offsets())
        .map(|(segment, at)| {
            let format = &core.formats[usize::from(segment.format)];
            let (right, left) = shifts(format);
            let group = &groups[usize::from(segment.group)];
            let place = |index: usize| {
                u32::try_from(index).expect("the verifier bounds the synapses of a core")
            };
            SegmentPlan {
                targets: place(at.targets),
                weights: place(at.weights),
                delays: place(at.delays),
                rows: place(at.rows),
                count: segment.count,
                lanes: group.lanes,
                accumulators: place(
                    group.accumulators
                        + usize::from(group.delta.unwrap_or(0)) * group.lanes as usize,
                ),
                first_lane: segment.first_lane,
                // A pattern is a sparse list whose targets count from the segment's first lane; others have first lane 0.
                kind: match format.kind {
                    SynapseKind::Shared => SynapseKind::Sparse,
                    kind => kind,
                },
                group: segment.group,
                delayed: format.delay_bits > 0 && !axon_bits,
                delta: group.delta.is_some(),
                right,
                left,
                weight_slot: format.weight_slot,
            }
        })
        .collect();
    let axon_first: Vec<u32> = prefix(core.axons.iter().map(|a| a.segments))
        .into_iter()
        .map(|i| i as u32)
        .collect();
    let longest = if axon_bits {
        reach
    } else {
        usize::from(core.delays.iter().copied().max().unwrap_or(0))
    };
    let by_instruction =
        matches!(chip.time.on_spike, OnSpikeTime::Instruction { .. }) && !axon_bits;
    let mut plan = CorePlan {
        program: core,
        dest_first: prefix(core.dest_counts.iter().copied())
            .into_iter()
            .map(|i| i as u32)
            .collect(),
        dynamic: by_instruction && groups.iter().any(|g| g.on_spike.branches),
        ring: longest + 1,
        service: Vec::new(),
        axon_delay: Vec::new(),
        ordinals: Vec::new(),
        groups,
        segments,
        axon_first,
        lane_population,
        stride,
    };
    let axons = 0..core.axons.len();
    plan.service = axons
        .clone()
        .map(|axon| plan.axon_service(axon, chip))
        .collect();
    plan.axon_delay = axons.map(|axon| plan.least_delay(axon)).collect();
    if plan.groups.iter().any(|g| g.on_spike.draws) {
        plan.ordinals = plan.count_ordinals();
    }
    plan
}

impl CorePlan<'_> {
    /// Segments of an axon.
    #[inline]
    pub(crate) fn segments_of(&self, axon: usize) -> std::ops::Range<usize> {
        self.axon_first[axon] as usize..self.axon_first[axon + 1] as usize
    }

    /// Synapses of an axon.
    pub(crate) fn synapses_of(&self, axon: usize) -> u64 {
        self.segments[self.segments_of(axon)]
            .iter()
            .map(|s| u64::from(s.count))
            .sum()
    }

    /// Service cycles as far as they are the same for every packet; branching handlers are added when they run.
    fn axon_service(&self, axon: usize, chip: &ChipSpec) -> u64 {
        let packet = match &chip.time.on_spike {
            OnSpikeTime::Event { packet, .. } | OnSpikeTime::Instruction { packet, .. } => *packet,
        };
        if chip.delivery == Delivery::AxonBits {
            return packet.max(1);
        }
        let work: u64 = match &chip.time.on_spike {
            OnSpikeTime::Event { synapse, .. } => synapse * self.synapses_of(axon),
            OnSpikeTime::Instruction { times, .. } => self.segments[self.segments_of(axon)]
                .iter()
                .map(|segment| {
                    let handler = &self.groups[usize::from(segment.group)].on_spike;
                    let bundles = u64::from(segment.count.div_ceil(chip.lanes_per_bundle));
                    let each = if handler.branches {
                        0
                    } else {
                        handler.cost[handler.len()]
                    };
                    times.fill + bundles * each
                })
                .sum(),
        };
        if self.dynamic {
            packet + work
        } else {
            (packet + work).max(1)
        }
    }

    fn least_delay(&self, axon: usize) -> u8 {
        let mut least = None;
        for segment in &self.segments[self.segments_of(axon)] {
            let delays = if segment.delayed {
                segment.delays(self.program)
            } else {
                &[]
            };
            let here = if segment.delayed {
                delays.iter().copied().min()
            } else {
                (segment.count > 0).then_some(0)
            };
            least = match (least, here) {
                (Some(a), Some(b)) => Some(std::cmp::min::<u8>(a, b)),
                (a, b) => a.or(b),
            };
        }
        least.unwrap_or(0)
    }

    fn count_ordinals(&self) -> Vec<Vec<u32>> {
        let mut seen: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut all = vec![Vec::new(); self.segments.len()];
        for (axon, record) in self.program.axons.iter().enumerate() {
            for index in self.segments_of(axon) {
                let group = self.groups[usize::from(self.segments[index].group)].first;
                self.each_lane(index, |lane| {
                    let next = seen.entry((record.source, group + lane)).or_default();
                    all[index].push(*next);
                    *next += 1;
                });
            }
        }
        all
    }

    /// Target lanes (in the group) of a segment, in list order.
    pub(crate) fn each_lane(&self, segment: usize, mut act: impl FnMut(u32)) {
        let plan = &self.segments[segment];
        match plan.kind {
            SynapseKind::Sparse | SynapseKind::Shared => plan
                .targets(self.program)
                .iter()
                .for_each(|t| act(u32::from(plan.first_lane) + u32::from(*t))),
            SynapseKind::Dense => (0..plan.count).for_each(|i| act(u32::from(plan.first_lane) + i)),
            SynapseKind::Crossbar => set_bits(plan.row(self.program)).for_each(act),
        }
    }

    /// Adds, for each population, the synapses of an axon that end in it.
    pub(crate) fn synapses_by_population(
        &self,
        axon: usize,
        mut add: impl FnMut(u32, u64, &GroupPlan),
    ) {
        for index in self.segments_of(axon) {
            let segment = &self.segments[index];
            let group = &self.groups[usize::from(segment.group)];
            if let [(_, population)] = group.runs.as_slice() {
                add(*population, u64::from(segment.count), group);
            } else {
                self.each_lane(index, |lane| {
                    add(
                        self.lane_population[(group.first + lane) as usize],
                        1,
                        group,
                    )
                });
            }
        }
    }
}
