//! The synapse unit's function: `on_spike` over the synapses of an axon.
//!
//! Invariant: the plain delta synapse, recognised by its decoded form, gives what the interpreter would; sums are exact
//! 64-bit integers, so order never shows.

use crate::api::Counters;
use crate::debug::BrokeOnSpike;
use crate::handler::Handler;
use crate::mutants::{self, Mutant};
use crate::program::{CorePlan, SegmentPlan};
use crate::state::{CoreState, set_bits};
use isa::chip::{ChipSpec, OnSpikeTime};
use isa::image::SynapseKind;
use isa::numeric::saturate_i32;
use isa::op::{Handler as Kind, Op, clamp_index, compare, eval, predicate};
use isa::rng::{draw_synapse, site};

/// What an axon's run needs to know beside the core.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) payload: i32,
    pub(crate) seed: u64,
    /// Step of random draws and of `mfs step`.
    pub(crate) step: u32,
    /// Ring slot of delay 0.
    pub(crate) slot: usize,
    /// Slots of the accumulator ring.
    pub(crate) ring: usize,
}

/// The fields of one synapse.
struct Synapse {
    axon: usize,
    group: usize,
    lane: usize,
    weight: Weight,
    delay: u8,
    ordinal: u32,
}

/// Where a weight comes from. A crossbar's is read when `ldy` executes: the handler may have stored to its slot before.
enum Weight {
    Stored(i32),
    Slot(usize),
}

/// Instructions executed in the bundle in hand: `seen[i] == bundle` marks instruction i.
#[derive(Default)]
pub(crate) struct Bundles {
    seen: Vec<u32>,
    bundle: u32,
    /// The first `brk` met since the debugger last looked.
    pub(crate) broke: Option<BrokeOnSpike>,
}

impl Bundles {
    fn next(&mut self) {
        self.bundle = self.bundle.wrapping_add(1);
        if self.bundle == 0 {
            self.seen.fill(0);
            self.bundle = 1;
        }
    }
    fn execute(&mut self, instruction: usize, price: u64) -> u64 {
        let first = std::mem::replace(&mut self.seen[instruction], self.bundle) != self.bundle;
        if first { price } else { 0 }
    }
}

/// A core's synapse unit at work.
pub(crate) struct Unit<'u, 'a> {
    pub(crate) plan: &'u CorePlan<'a>,
    pub(crate) chip: &'u ChipSpec,
    pub(crate) state: &'u mut CoreState,
    pub(crate) counters: &'u mut [Counters],
    pub(crate) bundles: &'u mut Bundles,
}

impl Unit<'_, '_> {
    /// Runs an axon. Returns the cycles of branching handlers, which are not in the plan's service time.
    #[inline]
    pub(crate) fn run(&mut self, axon: usize, arrival: Arrival) -> u64 {
        let mut cycles = 0;
        for index in self.plan.segments_of(axon) {
            let segment = &self.plan.segments[index];
            if segment.delta {
                scatter(self.plan, self.state, axon, segment, arrival);
            } else {
                cycles += self.interpret(axon, index, arrival);
            }
        }
        cycles
    }
}

/// Adds an axon's synapses to the operations of their target lanes.
pub(crate) fn count_operations(plan: &CorePlan<'_>, axon: usize, operations: &mut [u32]) {
    for index in plan.segments_of(axon) {
        let first = plan.groups[usize::from(plan.segments[index].group)].first;
        plan.each_lane(index, |lane| operations[(first + lane) as usize] += 1);
    }
}

#[inline(always)]
fn slot_of(arrival: Arrival, delay: u8) -> usize {
    let delay = usize::from(delay) + usize::from(mutants::is(Mutant::DelayLate) && delay > 0);
    let slot = arrival.slot + delay;
    if slot >= arrival.ring {
        slot - arrival.ring
    } else {
        slot
    }
}

/// `ldy weight; acc; halt` over a segment.
#[inline]
fn scatter(
    plan: &CorePlan<'_>,
    state: &mut CoreState,
    axon: usize,
    segment: &SegmentPlan,
    arrival: Arrival,
) {
    let (program, groups, group) = (plan.program, plan.groups.len(), usize::from(segment.group));
    let offset = segment.accumulators as usize;
    if segment.delayed {
        let (accumulators, touched) = (&mut state.accumulators, &mut state.touched);
        let mut add = |lane: usize, weight: i32, delay: u8| {
            let slot = slot_of(arrival, delay);
            accumulators[slot * plan.stride + offset + lane] += i64::from(weight);
            touched[slot * groups + group] = true;
        };
        let delays = segment.delays(program);
        match segment.kind {
            SynapseKind::Sparse | SynapseKind::Shared => {
                let first = usize::from(segment.first_lane);
                for ((lane, weight), delay) in segment
                    .targets(program)
                    .iter()
                    .zip(segment.weights(program))
                    .zip(delays)
                {
                    add(first + usize::from(*lane), segment.weight(*weight), *delay);
                }
            }
            SynapseKind::Dense => {
                for ((lane, weight), delay) in (usize::from(segment.first_lane)..)
                    .zip(segment.weights(program))
                    .zip(delays)
                {
                    add(lane, segment.weight(*weight), *delay);
                }
            }
            SynapseKind::Crossbar => {
                let weight = &state.slots[group][crossbar_slot(plan, axon, segment)];
                for (lane, delay) in set_bits(segment.row(program)).zip(delays) {
                    add(lane as usize, weight[lane as usize], *delay);
                }
            }
        }
        return;
    }
    let from = arrival.slot * plan.stride + offset;
    let sums = &mut state.accumulators[from..from + segment.lanes as usize];
    state.touched[arrival.slot * groups + group] = true;
    match segment.kind {
        SynapseKind::Sparse | SynapseKind::Shared => {
            let sums = &mut sums[usize::from(segment.first_lane)..];
            let (targets, weights) = (segment.targets(program), segment.weights(program));
            if let Some(factor) = segment.factor() {
                add_scaled(sums, targets, weights, factor);
            } else {
                for (lane, weight) in targets.iter().zip(weights) {
                    sums[usize::from(*lane)] += i64::from(segment.weight(*weight));
                }
            }
        }
        SynapseKind::Dense => {
            let synapses = sums[usize::from(segment.first_lane)..]
                .iter_mut()
                .zip(segment.weights(program));
            if let Some(factor) = segment.factor() {
                for (sum, weight) in synapses {
                    *sum += i64::from(*weight) * factor;
                }
            } else {
                for (sum, weight) in synapses {
                    *sum += i64::from(segment.weight(*weight));
                }
            }
        }
        SynapseKind::Crossbar => {
            let weight = &state.slots[group][crossbar_slot(plan, axon, segment)];
            set_bits(segment.row(program))
                .for_each(|lane| sums[lane as usize] += i64::from(weight[lane as usize]));
        }
    }
}

/// Adds weight · factor to the sum of each target.
#[inline]
fn add_scaled(sums: &mut [i64], targets: &[u16], weights: &[i16], factor: i64) {
    // Taken out of the loop by hand: a loop that may panic is not unrolled.
    const AT_ONCE: usize = 8;
    let (targets, last_targets) = targets.as_chunks::<AT_ONCE>();
    let (weights, last_weights) = weights.as_chunks::<AT_ONCE>();
    for (targets, weights) in targets.iter().zip(weights) {
        for k in 0..AT_ONCE {
            sums[usize::from(targets[k])] += i64::from(weights[k]) * factor;
        }
    }
    for (lane, weight) in last_targets.iter().zip(last_weights) {
        sums[usize::from(*lane)] += i64::from(*weight) * factor;
    }
}

fn crossbar_slot(plan: &CorePlan<'_>, axon: usize, segment: &SegmentPlan) -> usize {
    usize::from(segment.weight_slot) + usize::from(plan.program.axons[axon].kind)
}

/// Elements of two bytes in a cache line.
const LINE: usize = 32;

/// Reads one element of each cache line that the axon's first segment is stored in, so that the lines of many packets are
/// on their way at once. The value has no meaning.
#[inline]
pub(crate) fn touch(plan: &CorePlan<'_>, axon: usize) -> i64 {
    let Some(segment) = plan.segments.get(plan.axon_first[axon] as usize) else {
        return 0;
    };
    match segment.kind {
        SynapseKind::Crossbar => segment
            .row(plan.program)
            .first()
            .map_or(0, |word| *word as i64),
        kind => {
            let weights = segment
                .weights(plan.program)
                .iter()
                .step_by(LINE)
                .fold(0, |all, w| all ^ i64::from(*w));
            let targets = if kind == SynapseKind::Sparse {
                segment.targets(plan.program)
            } else {
                &[]
            };
            targets
                .iter()
                .step_by(LINE)
                .fold(weights, |all, t| all ^ i64::from(*t))
        }
    }
}

impl Unit<'_, '_> {
    /// Any handler, synapse by synapse.
    fn interpret(&mut self, axon: usize, index: usize, arrival: Arrival) -> u64 {
        let plan = self.plan;
        let segment = plan.segments[index];
        let handler = &plan.groups[usize::from(segment.group)].on_spike;
        let per_bundle = self.chip.lanes_per_bundle as usize;
        let class_cycles = match &self.chip.time.on_spike {
            OnSpikeTime::Instruction { times, .. } if plan.dynamic && handler.branches => {
                Some(times.class)
            }
            _ => None,
        };
        self.bundles
            .seen
            .resize(self.bundles.seen.len().max(handler.len()), 0);
        let mut cycles = 0;
        let mut place = 0;
        let program = plan.program;
        let ordinals = plan.ordinals.get(index).map_or(&[][..], Vec::as_slice);
        plan.each_lane(index, |lane| {
            if class_cycles.is_some() && place % per_bundle == 0 {
                self.bundles.next();
            }
            let weight = match segment.kind {
                SynapseKind::Crossbar => {
                    let slot = crossbar_slot(plan, axon, &segment);
                    if mutants::is(Mutant::WeightEarly) {
                        let group = &self.state.slots[usize::from(segment.group)];
                        Weight::Stored(group[slot][lane as usize])
                    } else {
                        Weight::Slot(slot)
                    }
                }
                _ => Weight::Stored(
                    segment.weight(program.weights[segment.weights as usize + place]),
                ),
            };
            let delay = if segment.delayed {
                program.delays[segment.delays as usize + place]
            } else {
                0
            };
            let ordinal = ordinals.get(place).copied().unwrap_or(0);
            let synapse = Synapse {
                axon,
                group: usize::from(segment.group),
                lane: lane as usize,
                weight,
                delay,
                ordinal,
            };
            cycles += self.run_synapse(handler, &synapse, arrival, class_cycles.as_ref());
            place += 1;
        });
        cycles
    }

    /// One synapse through a handler; the cycles it adds to its bundle when instructions have a price.
    fn run_synapse(
        &mut self,
        handler: &Handler,
        synapse: &Synapse,
        arrival: Arrival,
        price: Option<&[u64; 6]>,
    ) -> u64 {
        let (plan, state) = (self.plan, &mut *self.state);
        let (group_index, lane) = (synapse.group, synapse.lane);
        let group = &plan.groups[group_index];
        let program = &plan.program.groups[group_index];
        let id = plan.program.lane_ids[group.first as usize + lane].0;
        let mut registers = [0i32; 16];
        let mut predicates = [true, false, false, false];
        let counters =
            &mut self.counters[plan.lane_population[group.first as usize + lane] as usize];
        let mut classes = [0u64; 6];
        let mut cycles = 0;
        let mut index = 0;
        while index < handler.len() {
            let step = &handler.steps[index];
            let i = &step.instr;
            let class = i.op.class() as usize;
            classes[class] += 1;
            if let Some(price) = price {
                cycles += self.bundles.execute(index, price[class]);
            }
            let guard = predicates[usize::from(i.pred)] != i.negate;
            let at = index;
            index += 1;
            let guard = if mutants::is(Mutant::GuardPlain) && i.op == Op::Acc && i.negate {
                !guard
            } else {
                guard
            };
            if !guard && i.op != Op::Sel {
                continue;
            }
            let a = registers[usize::from(i.ra)];
            let b = if i.konst {
                program.constants[usize::from(i.rb)].1
            } else {
                registers[usize::from(i.rb & 15)]
            };
            let mut random = 0;
            if i.draws() {
                counters.random_draws += 1;
                let source = plan.program.axons[synapse.axon].source;
                random = draw_synapse(
                    arrival.seed,
                    arrival.step,
                    id,
                    source,
                    synapse.ordinal,
                    site(Kind::OnSpike, at as u32),
                );
            }
            let value = match i.op {
                Op::Halt => break,
                Op::Brk => {
                    self.bundles.broke.get_or_insert(BrokeOnSpike {
                        core: plan.program.core.0,
                        group: group_index,
                        lane: group.first + lane as u32,
                        axon: synapse.axon as u32,
                        instruction: at,
                        registers,
                        predicates,
                    });
                    continue;
                }
                Op::Br => {
                    index = at + 1 + usize::from(i.offset);
                    continue;
                }
                Op::Sel => {
                    if guard {
                        a
                    } else {
                        b
                    }
                }
                Op::Lds => state.slots[group_index][usize::from(i.slot)][lane],
                Op::Sts => {
                    let bits = program.slots[usize::from(i.slot)].bits;
                    state.slots[group_index][usize::from(i.slot)][lane] =
                        saturate_i32(registers[usize::from(i.rd)], bits);
                    continue;
                }
                Op::Acc => {
                    let slot = slot_of(arrival, synapse.delay);
                    let place =
                        group.accumulators + usize::from(i.field) * group.lanes as usize + lane;
                    state.accumulators[slot * plan.stride + place] += i64::from(a);
                    state.touched[slot * plan.groups.len() + group_index] = true;
                    continue;
                }
                Op::Ldy => match i.field {
                    0 => match synapse.weight {
                        Weight::Stored(weight) => weight,
                        Weight::Slot(slot) => state.slots[group_index][slot][lane],
                    },
                    1 => i32::from(synapse.delay),
                    _ => i32::from(plan.program.axons[synapse.axon].kind),
                },
                Op::Lut => {
                    let table = &program.tables[usize::from(i.field)];
                    table[clamp_index(i, a, table.len())]
                }
                Op::Mfs => match i.field {
                    0 => lane as i32,
                    1 => arrival.step as i32,
                    2 => arrival.payload,
                    _ => id as i32,
                },
                Op::Pand | Op::Por => {
                    let (pa, pb) = (predicates[usize::from(i.ra)], predicates[usize::from(i.rb)]);
                    predicates[usize::from(i.rd)] =
                        predicate(i, pa, pb).expect("pand and por give a predicate");
                    continue;
                }
                op => {
                    if let Some(truth) = compare(op, a, b) {
                        predicates[usize::from(i.rd)] = truth;
                        continue;
                    }
                    eval(i, registers[usize::from(i.rd)], a, b, random)
                        .expect("what is left computes")
                }
            };
            registers[usize::from(i.rd)] = value;
        }
        counters.on_spike_alu += classes[0];
        counters.on_spike_mul += classes[1];
        counters.on_spike_mem += classes[2];
        counters.on_spike_ctl += classes[3];
        counters.on_spike_rng += classes[5];
        cycles
    }
}
