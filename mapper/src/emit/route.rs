//! Pass 4, route: lanes, input axons with their synapse segments, and destination lists.
//!
//! Invariant: one axon per (source, core, receptor), ascending by source id (neurons, then input elements); destinations ascending
//! by core and axon, host entries last. Built by one walk over the sources in that order, so every table only grows at its end.

use crate::need::{format_of, index_bits};
use crate::quantized::{Projection, Quantized, Source};
use isa::ChipSpec;
use isa::ids::INPUT_ID;
use isa::image::{Axon, Dest, HOST, Pattern, Segment, SynapseFormat};

/// Where every neuron is: core (index into `Routes::cores`), group and lane within the group.
pub(super) struct Lanes {
    pub(super) core: Vec<u32>,
    pub(super) group: Vec<u8>,
    pub(super) lane: Vec<u16>,
}

/// A core's tables.
#[derive(Default)]
pub(super) struct CoreTables {
    /// Physical core.
    pub(super) core: u32,
    /// Groups: population and profile, ascending.
    pub(super) groups: Vec<(u32, u32)>,
    /// Logical ids in lane order.
    pub(super) neurons: Vec<u32>,
    /// Lanes of each group.
    pub(super) group_lanes: Vec<u32>,
    pub(super) formats: Vec<SynapseFormat>,
    pub(super) axons: Vec<Axon>,
    pub(super) segments: Vec<Segment>,
    pub(super) targets: Vec<u16>,
    pub(super) weights: Vec<i16>,
    pub(super) delays: Vec<u8>,
    pub(super) patterns: Vec<Pattern>,
    /// Pattern of each shared segment, in segment order.
    pub(super) shared: Vec<u16>,
}

/// All cores, and destinations of neurons and input elements.
pub(super) struct Routes {
    pub(super) cores: Vec<CoreTables>,
    /// Destinations of each neuron, by id.
    pub(super) neuron_dests: Dests,
    pub(super) input_dests: Dests,
}

/// Destination lists one after the other.
#[derive(Default)]
pub(super) struct Dests {
    pub(super) start: Vec<u32>,
    pub(super) list: Vec<Dest>,
}

impl Dests {
    fn of(&self, i: usize) -> &[Dest] {
        let end = self
            .start
            .get(i + 1)
            .map_or(self.list.len(), |e| *e as usize);
        &self.list[self.start[i] as usize..end]
    }

    pub(super) fn get(&self, i: u32) -> &[Dest] {
        self.of(i as usize)
    }
}

/// Lanes in the order of population, profile and id.
fn lanes(q: &Quantized, core_of: &[u32]) -> (Lanes, Vec<CoreTables>) {
    let mut ids: Vec<u32> = core_of.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let mut cores: Vec<CoreTables> = ids
        .iter()
        .map(|c| CoreTables {
            core: *c,
            ..CoreTables::default()
        })
        .collect();
    let index: Vec<u32> = core_of
        .iter()
        .map(|c| ids.binary_search(c).expect("collected above") as u32)
        .collect();
    for (neuron, core) in index.iter().enumerate() {
        cores[*core as usize].neurons.push(neuron as u32);
    }
    let mut lanes = Lanes {
        core: index,
        group: vec![0; core_of.len()],
        lane: vec![0; core_of.len()],
    };
    for core in &mut cores {
        let key = |n: &u32| {
            let population = q.population_of(*n);
            (
                population as u32,
                q.populations[population].profile(n - q.populations[population].first),
            )
        };
        core.neurons.sort_by_cached_key(|n| (key(n), *n));
        for neuron in &core.neurons {
            let key = key(neuron);
            if core.groups.last() != Some(&key) {
                core.groups.push(key);
                core.group_lanes.push(0);
            }
            let at = core.groups.len() - 1;
            lanes.group[*neuron as usize] =
                u8::try_from(at).expect("the partition keeps the group limit");
            lanes.lane[*neuron as usize] =
                u16::try_from(core.group_lanes[at]).expect("the partition keeps the neuron limit");
            core.group_lanes[at] += 1;
        }
    }
    (lanes, cores)
}

/// Routes a placed network.
pub(super) fn route(q: &Quantized, chip: &ChipSpec, core_of: &[u32]) -> Routes {
    let (lanes, cores) = lanes(q, core_of);
    let mut routes = Routes {
        cores,
        neuron_dests: Dests::default(),
        input_dests: Dests::default(),
    };
    let host = host_entries(q);
    let mut row = Vec::new();
    for (population, p) in q.populations.iter().enumerate() {
        let leaving = leaving(q, Source::Population(population as u32));
        for element in 0..p.count {
            routes
                .neuron_dests
                .start
                .push(routes.neuron_dests.list.len() as u32);
            axons(
                q,
                chip,
                &lanes,
                &mut routes.cores,
                &leaving,
                element,
                p.first + element,
                &mut row,
                &mut routes.neuron_dests.list,
            );
            let entries = host.iter().filter(|h| h.0 == population);
            routes
                .neuron_dests
                .list
                .extend(entries.map(|(_, first)| Dest {
                    target: HOST,
                    axon: first + element,
                    delay: 0,
                    joined: false,
                }));
        }
    }
    for (input, p) in q.inputs.iter().enumerate() {
        let leaving = leaving(q, Source::Input(input as u32));
        for element in 0..p.count {
            routes
                .input_dests
                .start
                .push(routes.input_dests.list.len() as u32);
            axons(
                q,
                chip,
                &lanes,
                &mut routes.cores,
                &leaving,
                element,
                INPUT_ID | (p.first + element),
                &mut row,
                &mut routes.input_dests.list,
            );
        }
    }
    routes
}

fn leaving(q: &Quantized, source: Source) -> Vec<&Projection> {
    let mut leaving: Vec<&Projection> = q
        .projections
        .iter()
        .filter(|p| p.source == source)
        .collect();
    // Stable: an axon's segments follow the projections.
    leaving.sort_by_key(|p| p.receptor);
    leaving
}

/// Population and first element of every spike output; elements are numbered through them.
pub(crate) fn host_entries(q: &Quantized) -> Vec<(usize, u32)> {
    let mut first = 0;
    let spiking = q
        .outputs
        .iter()
        .filter(|o| q.populations[o.population as usize].fires);
    spiking
        .map(|o| {
            let entry = (o.population as usize, first);
            first += q.populations[o.population as usize].count;
            entry
        })
        .collect()
}

/// A synapse of the row being routed: where it goes, and what is stored.
struct Routed {
    core: u32,
    group: u8,
    lane: u16,
    mantissa: i16,
    delay: u8,
}

/// Appends the axons of one source to the cores it reaches, and its destinations to `dests`.
#[expect(
    clippy::too_many_arguments,
    reason = "the walk's state, lent by its only caller"
)]
fn axons(
    q: &Quantized,
    chip: &ChipSpec,
    lanes: &Lanes,
    cores: &mut [CoreTables],
    leaving: &[&Projection],
    element: u32,
    source: u32,
    row: &mut Vec<Routed>,
    dests: &mut Vec<Dest>,
) {
    let first_dest = dests.len();
    for p in leaving {
        let base = q.populations[p.target as usize].first;
        row.clear();
        row.extend(p.row(element).map(|i| {
            let neuron = (base + p.targets[i]) as usize;
            Routed {
                core: lanes.core[neuron],
                group: lanes.group[neuron],
                lane: lanes.lane[neuron],
                mantissa: p.mantissas[i],
                delay: p.delay_of(i),
            }
        }));
        // Stable: synapses of one pair of neurons keep their order.
        row.sort_by_key(|r| (r.core, r.group, r.lane));
        for run in row.chunk_by(|a, b| (a.core, a.group) == (b.core, b.group)) {
            let core = &mut cores[run[0].core as usize];
            if core.axons.last().map(|a| (a.source, a.kind)) != Some((source, p.receptor)) {
                core.axons.push(Axon {
                    source,
                    segments: 0,
                    kind: p.receptor,
                });
                dests.push(Dest {
                    target: core.core,
                    axon: core.axons.len() as u32 - 1,
                    delay: 0,
                    joined: false,
                });
            }
            let last = core.axons.len() - 1;
            core.axons[last].segments += 1;
            segment(q, chip, p, core, run);
        }
    }
    dests[first_dest..].sort_unstable();
}

fn segment(q: &Quantized, chip: &ChipSpec, p: &Projection, core: &mut CoreTables, run: &[Routed]) {
    let format = format_of(p, q, index_bits(core.neurons.len() as u32, chip));
    let number = core
        .formats
        .iter()
        .position(|f| *f == format)
        .unwrap_or_else(|| {
            core.formats.push(format);
            core.formats.len() - 1
        });
    core.segments.push(Segment {
        group: run[0].group,
        format: u8::try_from(number).expect("the partition keeps the format limit"),
        first_lane: 0,
        count: run.len() as u32,
    });
    if p.dense {
        assert_eq!(
            run.len() as u32,
            core.group_lanes[usize::from(run[0].group)],
            "a dense row covers its group"
        );
    } else {
        core.targets.extend(run.iter().map(|r| r.lane));
    }
    core.weights.extend(run.iter().map(|r| r.mantissa));
    if format.delay_bits > 0 {
        core.delays.extend(run.iter().map(|r| r.delay));
    }
}
