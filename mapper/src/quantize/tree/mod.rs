//! Fan-ins beyond a core: relays that add up a share of a neuron's sources each, and send the sum as a payload.
//!
//! Invariant: the sum that reaches the neuron in a step is the same as without relays, bit by bit; what cannot be proven to be so is
//! refused with the reason. Sums are of the integers that were quantised for the neuron, so nothing is rounded again.

mod build;
mod exact;
mod plan;
mod retime;

use super::models::graded;
use super::relay::Names;
use super::{Formats, Outcome, Target, quantize};
use crate::error::MapError;
use crate::explain::key;
use crate::need::{Programs, format_of, index_bits};
use crate::partition::each_alone;
use crate::quantized::{Quantized, Source};
use crate::report::TreeReport;
use crate::usage::room_for;
use assembler::KernelLibrary;
use exact::{SUM_MOST, Sums};
use isa::ChipSpec;
use isa::image::{SynapseFormat, SynapseKind, WeightSign};
use network::lowered::{self, Lowered};
use plan::{DIRECT, Job, Plan, Unfit, Wide};
use retime::Cycles;

/// Limits that relays make up for.
pub(crate) const LIMITS: [&str; 2] = ["input axons", "bits of synapse memory"];
/// Steps that a synapse can be made longer by when nothing holds it: more than there are levels.
const ANY: u32 = 1 << 16;

/// A population with neurons that a core cannot hold even alone.
struct Over {
    population: u32,
    /// By neuron, whether it is one.
    beyond: Vec<bool>,
    /// The neuron that needs most of the first limit that is exceeded.
    limit: &'static str,
    neuron: u32,
    need: u64,
    capacity: u64,
}

/// Why such a population gets no relays.
struct Refusal {
    over: Over,
    why: String,
}

/// A network on its way to have relays.
struct Grower<'a> {
    net: &'a Lowered,
    cycles: Cycles,
    target: Target<'a>,
    threads: usize,
}

/// The network with relays wherever a neuron is beyond a core; the errors say why there can be none.
pub(crate) fn relayed(
    net: &Lowered,
    chip: &ChipSpec,
    library: &KernelLibrary,
    threads: usize,
    out: Outcome,
) -> Result<Outcome, Vec<MapError>> {
    let formats = Formats::of(chip);
    let grower = Grower::new(net, chip, &formats, library, threads);
    let over = grower.over(&out.quantized);
    if over.is_empty() {
        return Ok(out);
    }
    match grower.grown(out, over)? {
        Ok(out) => Ok(out),
        Err(refusals) => Err(refusals
            .into_iter()
            .map(|r| r.error(chip, &out_name(net, &r.over)))
            .collect()),
    }
}

/// What `--relay` would do for a network that was refused without it, or why it would not help.
pub(crate) fn advice(
    net: &Lowered,
    chip: &ChipSpec,
    library: &KernelLibrary,
    threads: usize,
    fits: &dyn Fn(&Quantized) -> bool,
) -> Result<String, String> {
    let formats = Formats::of(chip);
    let grower = Grower::new(net, chip, &formats, library, threads);
    let Ok(out) = quantize(net, chip, library, threads) else {
        return Err("the network cannot be quantised".into());
    };
    let over = grower.over(&out.quantized);
    match grower.grown(out, over) {
        Ok(Ok(out)) if fits(&out.quantized) => {
            let relays: u32 = out.trees.iter().map(|t| t.relays).sum();
            let later = out.trees.iter().map(|t| t.later).max().unwrap_or(0);
            let when = match later {
                0 => String::new(),
                n => format!(", and layers start up to {n} step{} later", plural(n)),
            };
            Ok(format!(
                "--relay: {relays} relay neuron{} add up shares of the sources exactly{when}",
                plural(relays)
            ))
        }
        Ok(Ok(out)) => {
            let relays: u32 = out.trees.iter().map(|t| t.relays).sum();
            Err(format!(
                "its {relays} relay neuron{} do not fit onto the chip either",
                plural(relays)
            ))
        }
        Ok(Err(refusals)) => Err(refusals
            .into_iter()
            .next()
            .map_or_else(String::new, |r| r.why)),
        Err(errors) => Err(errors.first().map_or_else(String::new, ToString::to_string)),
    }
}

fn plural(n: u32) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn out_name(net: &Lowered, over: &Over) -> String {
    let population = net.populations.get(over.population as usize);
    population.map_or_else(String::new, |p| p.name.clone())
}

impl Refusal {
    fn error(&self, chip: &ChipSpec, population: &str) -> MapError {
        let Over {
            limit,
            neuron,
            need,
            capacity,
            ..
        } = self.over;
        MapError::Neuron {
            limit,
            population: population.into(),
            neuron,
            need,
            capacity,
            chip: chip.name.clone(),
            remedy: format!(
                "--relay cannot help: {}; the smallest change to the chip: --set {}={need}",
                self.why,
                key(limit)
            ),
        }
    }
}

impl<'a> Grower<'a> {
    fn new(
        net: &'a Lowered,
        chip: &'a ChipSpec,
        formats: &'a Formats,
        library: &'a KernelLibrary,
        threads: usize,
    ) -> Grower<'a> {
        let target = Target {
            chip,
            formats,
            library,
            dt_s: net.dt_s,
        };
        Grower {
            net,
            cycles: Cycles::of(net),
            target,
            threads,
        }
    }

    /// Populations with neurons that need more axons or memory than there are.
    fn over(&self, q: &Quantized) -> Vec<Over> {
        let chip = self.target.chip;
        let capacity = [chip.limits.input_axons.into(), chip.limits.synapse_bits];
        let programs = Programs::of(q, self.target.library);
        let mut found: Vec<Over> = Vec::new();
        each_alone(q, &programs, chip, &mut |neuron, uses| {
            let needs = LIMITS.map(uses);
            let Some(at) = (0..LIMITS.len()).find(|i| needs[*i] > capacity[*i]) else {
                return;
            };
            let population = q.population_of(neuron) as u32;
            // Relays of long delays have one source each.
            if population as usize >= self.net.populations.len() {
                return;
            }
            let p = &q.populations[population as usize];
            let own = neuron - p.first;
            if found
                .last()
                .is_none_or(|last| last.population != population)
            {
                found.push(Over {
                    population,
                    beyond: vec![false; p.count as usize],
                    limit: LIMITS[at],
                    neuron: own,
                    need: 0,
                    capacity: capacity[at],
                });
            }
            let last = found.last_mut().expect("pushed above");
            last.beyond[own as usize] = true;
            let need = LIMITS
                .iter()
                .position(|l| *l == last.limit)
                .map_or(0, |i| needs[i]);
            if need > last.need {
                (last.neuron, last.need) = (own, need);
            }
        });
        found
    }

    /// The network with relays. Inner errors: why some population gets none; outer ones: what else is wrong then.
    fn grown(
        &self,
        out: Outcome,
        over: Vec<Over>,
    ) -> Result<Result<Outcome, Vec<Refusal>>, Vec<MapError>> {
        if let Some(why) = exact::chip(&self.target) {
            let refusals = over.into_iter();
            return Ok(Err(refusals
                .map(|over| Refusal {
                    over,
                    why: why.clone(),
                })
                .collect()));
        }
        let mut by = vec![0u32; self.net.populations.len()];
        let mut refusals = Vec::new();
        for over in over {
            match self.steps_later(&out.quantized, &over) {
                Ok(steps) => by[over.population as usize] = steps,
                Err(why) => refusals.push(Refusal { over, why }),
            }
        }
        if !refusals.is_empty() {
            return Ok(Err(refusals));
        }
        if by.iter().all(|steps| *steps == 0) {
            return self.built(self.net, out, &by);
        }
        let net = retime::later(self.net, &self.cycles, &by);
        drop(out);
        let Target { chip, library, .. } = self.target;
        let again = quantize(&net, chip, library, self.threads)?;
        self.built(&net, again, &by)
    }

    /// The network with relays, its delays as they are.
    fn built(
        &self,
        net: &Lowered,
        mut out: Outcome,
        by: &[u32],
    ) -> Result<Result<Outcome, Vec<Refusal>>, Vec<MapError>> {
        let chip = self.target.chip;
        let mut names = Names::of(&out.quantized);
        let relay_options = exact::relay_options(chip.limits.weight_scale as u8);
        for over in self.over(&out.quantized) {
            let population = over.population as usize;
            let q = out.quantized.clone();
            let found = self.sums(&q, population).and_then(|sums| {
                let job = self.job(&q, &over, &sums, &|_| 0);
                let plan = job.plan().map_err(|unfit| self.reason(&job, unfit))?;
                Ok((sums, job, plan))
            });
            let (sums, job, plan) = match found {
                Ok(found) => found,
                Err(why) => return Ok(Err(vec![Refusal { over, why }])),
            };
            let name = &q.populations[population].name;
            let relays = plan.levels.iter().flat_map(|l| &l.most).flatten();
            let relays = relays.filter(|most| **most > 0).count() as u64;
            room_for(u64::from(q.neurons()) + relays, name, chip).map_err(|e| vec![e])?;
            let relays = build::build(
                &job,
                &plan,
                &sums.options,
                &relay_options,
                &mut out,
                &mut names,
            );
            let later = net.populations[population].depth - self.net.populations[population].depth;
            let report = TreeReport {
                population: name.clone(),
                neurons: job.neurons,
                relays,
                levels: plan.levels.len() as u32,
                shares: plan.levels.iter().map(|l| l.receptors.len() as u32).sum(),
                largest_sum: largest_sum(&plan),
                later,
            };
            note(&mut out, &report, &job, over.limit, by[population]);
            out.trees.push(report);
        }
        Ok(Ok(out))
    }

    fn sums(&self, q: &Quantized, population: usize) -> Result<Sums, String> {
        exact::population(&q.populations[population], &self.target)
    }

    /// What is to be cut, with so many steps by which the projections (by number) can be made longer.
    fn job<'q>(
        &self,
        q: &'q Quantized,
        over: &Over,
        sums: &Sums,
        longer: &dyn Fn(usize) -> u32,
    ) -> Job<'q>
    where
        'a: 'q,
    {
        let mut neurons = 0;
        let index = over.beyond.iter().map(|beyond| {
            neurons += u32::from(*beyond);
            if *beyond { neurons - 1 } else { DIRECT }
        });
        let index = index.collect();
        let all = 0..q.projections.len();
        let alone = index_bits(1, self.target.chip);
        let relayable = |i: usize| {
            let p = &q.projections[i];
            let narrow = || {
                (0..p.targets.len()).all(|s| {
                    u64::from(p.weight(s, q.weight_scale).unsigned_abs()) <= sums.weight_most
                })
            };
            p.target == over.population && !self.payloads(q, p.source) && narrow()
        };
        Job {
            q,
            chip: self.target.chip,
            population: over.population,
            index,
            neurons,
            groups: Job::groups(q, over.population),
            longer: all.clone().map(longer).collect(),
            relayable: all.clone().map(relayable).collect(),
            formats: all
                .map(|i| format_of(&q.projections[i], q, alone))
                .collect(),
            link: SynapseFormat {
                kind: SynapseKind::Sparse,
                sign: WeightSign::Excitatory,
                weight_bits: self.target.formats.narrowest(WeightSign::Excitatory, 0, 1),
                exponent: 0,
                scale: q.weight_scale,
                delay_bits: 0,
                index_bits: alone as u8,
                weight_slot: 0,
            },
        }
    }

    /// Whether a source sends payloads: sums of their products have no bound.
    fn payloads(&self, q: &Quantized, source: Source) -> bool {
        match source {
            Source::Input(i) => q.inputs[i as usize].graded,
            Source::Population(p) => graded::sends(&q.populations[p as usize], &self.target),
        }
    }

    /// Steps by which a population has to start later, so that relays have the time that they take; or why it can have none.
    fn steps_later(&self, q: &Quantized, over: &Over) -> Result<u32, String> {
        let sums = self.sums(q, over.population as usize)?;
        let as_is = self.job(q, over, &sums, &|_| 0);
        if as_is.plan().is_ok() {
            return Ok(0);
        }
        let stretches = |i: usize| {
            let p = &q.projections[i];
            let source = match p.source {
                Source::Input(i) => lowered::Source::Input(i),
                Source::Population(s) => lowered::Source::Population(s),
            };
            // Behind a relay of a long delay the way is long already.
            let of_network = !matches!(p.source, Source::Population(s) if s as usize >= self.net.populations.len());
            p.target == over.population && of_network && self.cycles.stretches(source, p.target)
        };
        let longer = |i: usize| if stretches(i) { ANY } else { 0 };
        let stretched = self.job(q, over, &sums, &longer);
        if let Ok(plan) = stretched.plan() {
            let levels = plan.levels.len() as u32;
            let short = stretched.shortest(&|i| stretches(i as usize));
            return Ok(short.map_or(0, |(_, delay)| levels.saturating_sub(delay)));
        }
        let free = self.job(q, over, &sums, &|_| ANY);
        let levels = match free.plan() {
            Ok(plan) => plan.levels.len() as u32,
            Err(unfit) => return Err(self.reason(&free, unfit)),
        };
        let held = |i: u32| !stretches(i as usize);
        let (projection, delay) = free
            .shortest(&held)
            .expect("only ways that cannot be made longer stand between the two plans");
        Err(format!(
            "projection \"{}\" has synapses with a delay of {delay} step{}, to which nothing can be added inside a cycle or behind relays of a long delay, and {levels} level{} of relays take{} {levels}: give them delay = {levels}",
            q.projections[projection as usize].path,
            plural(delay),
            plural(levels),
            if levels == 1 { "s" } else { "" }
        ))
    }

    /// Why there is no plan, delays apart.
    fn reason(&self, job: &Job<'_>, unfit: Unfit) -> String {
        let q = job.q;
        let path = |i: u32| q.projections[i as usize].path.as_str();
        let reaching = |i: &u32| q.projections[*i as usize].target == job.population;
        let all = 0..q.projections.len() as u32;
        let mut apart = all.filter(reaching).filter(|i| !job.relayable[*i as usize]);
        match unfit {
            Unfit::Source { projection, what } => match what {
                Wide::Sum => format!(
                    "the weights of one source (projection \"{}\") add up to more than {SUM_MOST}, which is what a payload holds",
                    path(projection)
                ),
                Wide::Memory => format!(
                    "the synapses of one source (projection \"{}\") are more than the memory of a core holds",
                    path(projection)
                ),
            },
            Unfit::Neuron => match apart.next() {
                Some(i) if self.payloads(q, q.projections[i as usize].source) => format!(
                    "projection \"{}\" brings payloads; a sum of their products has no bound, so it stays at the neuron, where there is no room for it",
                    path(i)
                ),
                Some(i) => format!(
                    "weights of projection \"{}\" are beyond what the kernel takes (CLIP), and sums of them would be other ones",
                    path(i)
                ),
                None => format!(
                    "the relays of one neuron would be too many for a core as well, and their sums are too wide (beyond {SUM_MOST}) or their delays too short to be added up once more"
                ),
            },
        }
    }
}

impl Job<'_> {
    /// The shortest delay of a synapse to a neuron that needs relays, in the projections asked for, and its projection.
    fn shortest(&self, of: &dyn Fn(u32) -> bool) -> Option<(u32, u32)> {
        let mut shortest: Option<(u32, u32)> = None;
        for (number, p) in (0u32..).zip(&self.q.projections) {
            if p.target != self.population || !self.relayable[number as usize] || !of(number) {
                continue;
            }
            let beyond = |i: &usize| self.index[p.targets[*i] as usize] != DIRECT;
            let delays = (0..p.targets.len())
                .filter(beyond)
                .map(|i| u32::from(p.delay_of(i)));
            if let Some(delay) = delays.min()
                && shortest.is_none_or(|s| delay < s.1)
            {
                shortest = Some((number, delay));
            }
        }
        shortest
    }
}

/// Largest partial sum of a plan.
fn largest_sum(plan: &Plan) -> u64 {
    let all = plan.levels.iter().flat_map(|l| &l.most).flatten();
    all.copied().max().unwrap_or(0)
}

/// Says what was done.
fn note(out: &mut Outcome, report: &TreeReport, job: &Job<'_>, limit: &str, later: u32) {
    let TreeReport {
        population: name,
        neurons,
        relays,
        levels,
        shares,
        ..
    } = report;
    let have = if *neurons == 1 {
        "neuron needs"
    } else {
        "neurons need"
    };
    out.assumptions.push(format!(
        "population \"{name}\": {neurons} {have} more {limit} than a core has; {relays} relay neuron{} add up {shares} share{} of the sources in {levels} level{} and send the sums, which is exact and costs their updates and packets",
        plural(*relays),
        plural(*shares),
        plural(*levels)
    ));
    if later > 0 {
        out.assumptions.push(format!(
            "population \"{name}\" and all that follow it start {later} step{} later, the time that the relays take, and are read as much later: neurons that draw random numbers draw those of their later steps, and kernels given by name run as much longer before their input comes",
            plural(later)
        ));
    }
    let from_input = |(i, p): (usize, &crate::quantized::Projection)| {
        p.target == job.population && job.relayable[i] && matches!(p.source, Source::Input(_))
    };
    if job.q.projections.iter().enumerate().any(from_input) {
        out.assumptions.push(format!(
            "population \"{name}\": input values stay at or below {}, so that partial sums stay within a payload of 32 bits",
            SUM_MOST / report.largest_sum.max(1)
        ));
    }
}
