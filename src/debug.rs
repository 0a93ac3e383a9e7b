//! Looking inside a run: probes, breakpoints, dumps of lanes. `docs/debug.md` shows how.
//!
//! Invariant: a run that nobody looks into is untouched. Probes join the image's own; breakpoints and dumps are found by
//! `emulator::debug` beside the run, and a breakpoint then ends the run with its step.

mod file;
mod request;
mod show;

pub use file::probes_file;
pub use request::Request;

use emulator::debug::{Broke, LaneState, Plan, View, ViewState};
use emulator::{Options, SampleInput, SampleResult};
use indexmap::IndexMap;
use isa::ChipSpec;
use isa::image::{CoreProgram, Image, OutputSource};
use isa::op::{Handler, decode};
use isa::verify::handler::GroupNames;
use serde::Serialize;

/// What was seen; part of the report.
#[derive(Clone, Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct DebugReport {
    pub stopped_at: Option<StoppedAt>,
    pub brk: Option<BrkReport>,
    pub dumps: Vec<Dump>,
    pub probes: Vec<ProbeReport>,
    /// Requests whose step never came.
    #[serde(skip)]
    pub missed: Vec<String>,
}

/// The step with which the run ended.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct StoppedAt {
    pub sample: usize,
    pub step: u32,
    /// The breakpoints that stopped it, as typed.
    pub by: Vec<String>,
}

/// The first `brk`.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct BrkReport {
    pub sample: usize,
    /// `null` in the preload step.
    pub step: Option<u32>,
    pub handler: &'static str,
    pub core: u32,
    pub group: usize,
    pub kernel: String,
    pub lane: u32,
    pub population: String,
    pub index: u32,
    /// Axon whose synapse it was, on a spike.
    pub axon: Option<u32>,
    pub instruction: usize,
    pub text: String,
    pub registers: IndexMap<String, i32>,
    pub predicates: IndexMap<String, bool>,
}

/// Lanes after the update of a step.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct Dump {
    /// As typed.
    pub of: String,
    pub sample: usize,
    pub step: u32,
    pub lanes: Vec<LaneReport>,
    pub axon_bits: Vec<AxonBit>,
}

/// A lane after the update of a step.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct LaneReport {
    pub core: u32,
    pub group: usize,
    pub kernel: String,
    pub lane: u32,
    pub population: String,
    pub index: u32,
    /// Payload, if it spiked.
    pub spiked: Option<i32>,
    pub idle: bool,
    pub input: Vec<i32>,
    pub slots: IndexMap<String, i32>,
    pub pending: Vec<PendingSum>,
    /// Only of dumped cores; `null` where the group has no update.
    pub registers: Option<IndexMap<String, i32>>,
    pub predicates: Option<IndexMap<String, bool>>,
}

/// A sum that waits for its step.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct PendingSum {
    pub steps_ahead: u32,
    pub receptor: u32,
    pub sum: i64,
}

/// An axon bit that waits for its tick.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct AxonBit {
    pub core: u32,
    pub steps_ahead: u32,
    pub axon: u32,
}

/// What a probe observed.
#[derive(Clone, Debug, Serialize)]
#[expect(missing_docs, reason = "the keys are described in docs/report.md")]
pub struct ProbeReport {
    pub name: String,
    pub slot: String,
    /// Indices in the network's order.
    pub neurons: Vec<u32>,
    /// By sample, step and neuron.
    pub values: Vec<Vec<Vec<i32>>>,
}

/// What was found before the run.
#[derive(Default)]
pub struct Looked {
    /// Step with which the run is to end.
    pub last: Option<(usize, u32)>,
    report: DebugReport,
}

impl Looked {
    /// The report, with what the probes saw in the run.
    pub fn report(self, image: &Image, results: &[SampleResult]) -> DebugReport {
        DebugReport {
            probes: probes(image, results),
            ..self.report
        }
    }
}

/// Looks where the request says. Costs nothing without breakpoints and dumps.
pub fn look(
    request: &Request,
    image: &Image,
    chip: &ChipSpec,
    samples: &[SampleInput],
    options: &Options,
) -> anyhow::Result<Looked> {
    if request.looks.is_empty() && !request.brk {
        return Ok(Looked::default());
    }
    let last = request.breaks().map(|look| look.at).min();
    let plan = Plan {
        views: request
            .looks
            .iter()
            .map(|look| View {
                sample: look.at.0,
                step: look.at.1,
                subject: look.subject.clone(),
            })
            .collect(),
        brk: request.brk,
        last,
    };
    let mut found = emulator::debug::look(image, chip, samples, options, &plan)
        .map_err(|e| anyhow::anyhow!("{e}"))?;
    let broke = found.brk.as_ref().map(|b| (b.sample, b.step.unwrap_or(0)));
    let last = [last, broke].into_iter().flatten().min();
    found.views.sort_by_key(|(place, _)| *place);
    let mut missed: Vec<String> = Vec::new();
    for (place, look) in request.looks.iter().enumerate() {
        if let (true, Some((sample, step))) = (found.views.iter().all(|v| v.0 != place), last) {
            missed.push(format!(
                "{} was not reached: the run stopped after step {step} of sample {sample}",
                look.typed
            ));
        }
    }
    if request.brk && found.brk.is_none() {
        missed.push("--break brk: no brk was executed".to_owned());
    }
    let by = |at| {
        let breaks = request.breaks().filter(|look| look.at == at);
        let mut by: Vec<String> = breaks.map(|look| look.typed.clone()).collect();
        by.extend((broke == Some(at)).then(|| "--break brk".to_owned()));
        by
    };
    let report = DebugReport {
        stopped_at: last.map(|at| StoppedAt {
            sample: at.0,
            step: at.1,
            by: by(at),
        }),
        brk: found.brk.map(|broke| brk(image, broke)),
        dumps: found
            .views
            .into_iter()
            .map(|(place, view)| dump(image, &request.looks[place], view))
            .collect(),
        probes: Vec::new(),
        missed,
    };
    Ok(Looked { last, report })
}

fn core(image: &Image, id: u32) -> &CoreProgram {
    let found = image.cores.iter().find(|core| core.core.0 == id);
    found.expect("the emulator shows cores of the image")
}

/// Population of a neuron, and its index there.
fn place(image: &Image, neuron: u32) -> (String, u32) {
    let population = &image.populations[image
        .populations
        .partition_point(|p| p.first + p.count <= neuron)];
    (population.name.clone(), neuron - population.first)
}

fn named<T: Copy>(letter: char, values: &[T]) -> IndexMap<String, T> {
    let values = values.iter().enumerate().skip(1);
    values
        .map(|(i, value)| (format!("{letter}{i}"), *value))
        .collect()
}

fn brk(image: &Image, broke: Broke) -> BrkReport {
    let (population, index) = place(image, broke.neuron);
    let group = &core(image, broke.core).groups[broke.group];
    let words = match broke.handler {
        Handler::Update => &group.update,
        Handler::OnSpike => &group.on_spike,
    };
    let text = decode(words[broke.instruction])
        .map(|i| i.text(&GroupNames(broke.instruction, group)))
        .unwrap_or_default();
    BrkReport {
        sample: broke.sample,
        step: broke.step,
        handler: broke.handler.name(),
        core: broke.core,
        group: broke.group,
        kernel: group.kernel.clone(),
        lane: broke.lane,
        population,
        index,
        axon: broke.axon,
        instruction: broke.instruction,
        text,
        registers: named('r', &broke.registers),
        predicates: named('p', &broke.predicates),
    }
}

fn dump(image: &Image, look: &request::Look, view: ViewState) -> Dump {
    let lane = |lane: LaneState| {
        let group = &core(image, lane.core).groups[lane.group];
        let (population, index) = place(image, lane.neuron);
        let names = group.slots.iter().map(|slot| slot.name.clone());
        let registers = lane.registers.filter(|_| look.registers);
        LaneReport {
            core: lane.core,
            group: lane.group,
            kernel: group.kernel.clone(),
            lane: lane.lane,
            population,
            index,
            spiked: lane.spiked,
            idle: lane.idle,
            input: lane.input,
            slots: names.zip(lane.slots).collect(),
            pending: lane
                .pending
                .iter()
                .map(|p| PendingSum {
                    steps_ahead: p.ahead,
                    receptor: p.receptor,
                    sum: p.sum,
                })
                .collect(),
            registers: registers.map(|r| named('r', &r)),
            predicates: registers.map(|_| named('p', &lane.predicates)),
        }
    };
    let bit = |(core, steps_ahead, axon)| AxonBit {
        core,
        steps_ahead,
        axon,
    };
    Dump {
        of: look.of.clone(),
        sample: look.at.0,
        step: look.at.1,
        lanes: view.lanes.into_iter().map(lane).collect(),
        axon_bits: view.axon_bits.into_iter().map(bit).collect(),
    }
}

/// Probes that no output reads: those asked for, and those that the image has for their own sake.
fn shown(image: &Image) -> impl Iterator<Item = usize> + '_ {
    let read = |index: usize| {
        let mut outputs = image.io.outputs.iter();
        outputs.any(|o| o.source == OutputSource::Probe(index as u32))
    };
    (0..image.probes.len()).filter(move |index| !read(*index))
}

fn probes(image: &Image, results: &[SampleResult]) -> Vec<ProbeReport> {
    shown(image)
        .map(|index| {
            let probe = &image.probes[index];
            let rows = |result: &SampleResult| {
                let rows = result.probes[index].chunks_exact(probe.neurons.len());
                rows.map(<[i32]>::to_vec).collect()
            };
            ProbeReport {
                name: probe.name.clone(),
                slot: probe.slot.clone(),
                neurons: probe.neurons.iter().map(|id| id.0).collect(),
                values: results.iter().map(rows).collect(),
            }
        })
        .collect()
}
