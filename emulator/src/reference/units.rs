//! What the neuron unit and the synapse unit do: `update` over bundles of lanes, `on_spike` over the synapses of an axon,
//! with the cycles that `specs/core.md` gives them.

use super::{Broke, Fired, Machine, Run, handler};
use isa::chip::{Delivery, OnSpikeTime, UpdateTime};
use isa::image::{Axon, Reduce};
use isa::op::Class;
use std::collections::{BTreeMap, BTreeSet};

impl Machine<'_> {
    /// The neuron unit of one core: groups in order, bundles of lanes. Returns fired lanes and unstalled cycles.
    pub(super) fn update_core(&mut self, c: usize, ops: &[u64]) -> (Vec<Fired>, u64) {
        let (chip, seed, g) = (self.chip, self.setup.seed, self.g);
        let core = &mut self.cores[c];
        let [per_axon, per_neuron, per_op, per_step] = chip.time.neuron_pass;
        let mut fired = Vec::new();
        let mut now = per_step;
        let mut first = 0;
        for (group_index, group) in core.program.groups.iter().enumerate() {
            let lanes = group.lanes as usize;
            let code = &core.update[group_index];
            if !code.is_empty() {
                if let UpdateTime::Instruction(times) = &chip.time.update {
                    now += times.fill;
                }
                let lane_numbers: Vec<usize> = (0..lanes).collect();
                for bundle in lane_numbers.chunks(chip.lanes_per_bundle as usize) {
                    let mut stood = BTreeSet::new();
                    let mut slowest = 0;
                    let mut sent = Vec::new();
                    for &in_group in bundle {
                        let lane = first + in_group;
                        now += core.program.axons.len() as u64 * per_axon
                            + per_neuron
                            + per_op * ops[lane];
                        let id = core.program.lane_ids[lane].0;
                        let walk = handler::walk(
                            code,
                            group,
                            &mut core.words.state[group_index],
                            &handler::Site {
                                lane: in_group,
                                place: in_group,
                                step: g as u32,
                                id,
                                payload: 0,
                                weight: Some(0),
                                weight_slot: 0,
                                delay: 0,
                                kind: 0,
                                sums: &|bank| {
                                    let sum = core
                                        .words
                                        .accumulators
                                        .get(&(g, lane, bank))
                                        .copied()
                                        .unwrap_or(0);
                                    match group.accumulator_mode {
                                        Reduce::Wrap => isa::numeric::wrap(
                                            sum,
                                            u32::from(group.accumulator_bits),
                                        )
                                            as i32,
                                        Reduce::Saturate => isa::numeric::saturate(
                                            sum,
                                            u32::from(group.accumulator_bits),
                                        )
                                            as i32,
                                    }
                                },
                                random: &|at| isa::rng::draw_lane(seed, g as u32, id, at as u32),
                            },
                        );
                        if let Some((instruction, ..)) = walk.broke {
                            self.out.seen.broke.get_or_insert(Broke {
                                g,
                                core: c,
                                lane,
                                on_spike: false,
                                instruction,
                            });
                        }
                        let counts = &mut self.out.populations[core.population[lane]];
                        counts.neuron_updates += 1;
                        if walk.idle {
                            counts.neuron_updates_inactive += 1
                        } else {
                            counts.neuron_updates_active += 1
                        }
                        counts.random_draws += walk.draws;
                        for &at in &walk.stood {
                            match code[at].op.class() {
                                Class::Alu => counts.update_alu += 1,
                                Class::Mul => counts.update_mul += 1,
                                Class::Mem => counts.update_mem += 1,
                                Class::Ctl => counts.update_ctl += 1,
                                Class::Send => counts.update_send += 1,
                                Class::Rng => counts.update_rng += 1,
                            }
                        }
                        if let UpdateTime::Event {
                            inactive,
                            active,
                            spike,
                        } = chip.time.update
                        {
                            let time = if walk.idle { inactive } else { active }
                                + if walk.spike.is_some() { spike } else { 0 };
                            slowest = slowest.max(time);
                        }
                        stood.extend(walk.stood);
                        sent.extend(walk.spike.map(|(at, payload)| (lane, at, payload)));
                    }
                    // Now the pass of the bundle is over; its update cost follows.
                    let mut end_of = BTreeMap::new();
                    match &chip.time.update {
                        UpdateTime::Event { .. } => now += slowest,
                        UpdateTime::Instruction(times) => {
                            for at in stood {
                                now += times.class[code[at].op.class() as usize];
                                end_of.insert(at, now);
                            }
                        }
                    }
                    for (lane, at, payload) in sent {
                        let ready = end_of.get(&at).copied().unwrap_or(now);
                        fired.push(Fired {
                            lane,
                            ready,
                            payload,
                        });
                    }
                }
            }
            first += lanes;
        }
        (fired, now)
    }

    /// `on_spike` over the synapses of an axon. Returns the service cycles of the packet.
    pub(super) fn on_spike(&mut self, c: usize, axon: u32, payload: i32) -> u64 {
        let (chip, seed, g) = (self.chip, self.setup.seed, self.g);
        let core = &mut self.cores[c];
        let Axon { source, kind, .. } = core.program.axons[axon as usize];
        let mut cycles = match chip.time.on_spike {
            OnSpikeTime::Event { packet, .. } | OnSpikeTime::Instruction { packet, .. } => packet,
        };
        for &Run {
            group: group_index,
            ref synapses,
        } in &core.segments[axon as usize]
        {
            let group = &core.program.groups[group_index];
            let code = &core.on_spike[group_index];
            if let OnSpikeTime::Instruction { times, .. } = &chip.time.on_spike {
                cycles += times.fill;
            }
            for bundle in synapses.chunks(chip.lanes_per_bundle as usize) {
                let mut stood = BTreeSet::new();
                for synapse in bundle {
                    let lane = synapse.lane;
                    let counts = &mut self.out.populations[core.population[lane]];
                    counts.synaptic_ops += 1;
                    self.out.cores[c].synaptic_ops += 1;
                    if let OnSpikeTime::Event { synapse, .. } = chip.time.on_spike {
                        cycles += synapse;
                    }
                    let id = core.program.lane_ids[lane].0;
                    let state = &mut core.words.state[group_index];
                    let walk = handler::walk(
                        code,
                        group,
                        state,
                        &handler::Site {
                            lane: synapse.lane_in_group,
                            place: synapse.lane_in_group,
                            step: g as u32,
                            id,
                            payload,
                            weight: synapse.weight,
                            weight_slot: synapse.weight_slot + usize::from(kind),
                            delay: i32::from(synapse.delay),
                            kind: i32::from(kind),
                            sums: &|_| panic!("the verifier rejects lda in on_spike"),
                            random: &|at| {
                                isa::rng::draw_synapse(
                                    seed,
                                    g as u32,
                                    id,
                                    source,
                                    synapse.ordinal,
                                    1 << 10 | at as u32,
                                )
                            },
                        },
                    );
                    if let Some((instruction, ..)) = walk.broke {
                        self.out.seen.broke.get_or_insert(Broke {
                            g,
                            core: c,
                            lane,
                            on_spike: true,
                            instruction,
                        });
                    }
                    let slot = match chip.delivery {
                        Delivery::Accumulate => g + 1 + i64::from(synapse.delay),
                        Delivery::AxonBits => g,
                    };
                    if chip.delivery == Delivery::Accumulate {
                        self.out.seen.delays.insert(u64::from(synapse.delay));
                    }
                    for (bank, value) in walk.accumulated {
                        *core
                            .words
                            .accumulators
                            .entry((slot, lane, bank))
                            .or_default() += i64::from(value);
                    }
                    counts.random_draws += walk.draws;
                    for &at in &walk.stood {
                        match code[at].op.class() {
                            Class::Alu => counts.on_spike_alu += 1,
                            Class::Mul => counts.on_spike_mul += 1,
                            Class::Mem => counts.on_spike_mem += 1,
                            Class::Ctl => counts.on_spike_ctl += 1,
                            Class::Rng => counts.on_spike_rng += 1,
                            Class::Send => panic!("the verifier rejects a send in on_spike"),
                        }
                    }
                    stood.extend(walk.stood);
                }
                if let OnSpikeTime::Instruction { times, .. } = &chip.time.on_spike {
                    cycles += stood
                        .iter()
                        .map(|&at| times.class[code[at].op.class() as usize])
                        .sum::<u64>();
                }
            }
        }
        cycles
    }
}
