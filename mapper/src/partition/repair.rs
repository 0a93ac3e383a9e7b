//! Repairs: candidates are brought under the limits that growth only estimates, output slots and the memory of shared kernels.
//!
//! Invariant: what comes out was counted by [`crate::usage`]. What is known to have too few slots on the whole chip is not repaired, but to say what is short.

use super::candidates::{Candidate, UNKNOWN, order};
use super::space::Space;
use super::{PACKED, Partition, improve, lower_bound, overlap, pack, shared, too_large, too_many};
use crate::error::MapError;
use crate::need::Programs;
use crate::objective::Placed;
use crate::usage::{self, Usage};

/// Candidates that are repaired until one is as good as what is left: a repair may cost what made it better.
const REPAIRED: usize = 8;
/// Candidates of which no slots are enough that are tried to the end nevertheless, to say what is short.
const EXPLAINED: usize = 6;

/// Runs of a partitioner until destination lists fit: a run knows them from the run before.
const REPAIRS: u32 = 12;
/// Value of a partition, and where it was put.
type Valued = ((f64, f64), Option<Placed>);

/// A partition that fits, with its value.
type Fitting = ((f64, f64), Partition);

/// Candidates being repaired, in their order.
pub(super) struct Trials<'t, 'a> {
    space: &'t mut Space<'a>,
    programs: &'t Programs,
    /// The best is looked for; otherwise it is only asked what fits.
    best: bool,
    /// Cores may be emptied to see what fits.
    empties: bool,
    judge: &'t dyn Fn(&[u32]) -> Valued,
    /// Output slots as they were expected before anything was repaired.
    slots: Vec<u32>,
    /// What fits.
    pub(super) ready: Vec<Fitting>,
    /// What cannot have slots enough, with those that it takes at least.
    hopeless: Vec<(u64, Candidate)>,
    refusal: Refusal,
}

impl<'t, 'a> Trials<'t, 'a> {
    pub(super) fn new(
        space: &'t mut Space<'a>,
        programs: &'t Programs,
        (best, empties): (bool, bool),
        judge: &'t dyn Fn(&[u32]) -> Valued,
    ) -> Trials<'t, 'a> {
        Trials {
            slots: space.slots.clone(),
            space,
            programs,
            best,
            empties,
            judge,
            ready: Vec::new(),
            hopeless: Vec::new(),
            refusal: Refusal::default(),
        }
    }

    /// The space as it was before anything was repaired.
    pub(super) fn space(&mut self) -> &Space<'a> {
        self.space.slots.clone_from(&self.slots);
        self.space
    }

    /// Repairs candidates, best first, until one is as good as what is left.
    pub(super) fn all(&mut self, candidates: &[Candidate]) {
        for candidate in candidates {
            let value = candidate.value;
            // What is left is no better than what is there, or only by what repairs may take again.
            let enough = |r: &Fitting| !self.best || order(r.0, value).is_le();
            if self.ready.len() == REPAIRED || self.ready.iter().any(enough) {
                return;
            }
            self.one(candidate, false);
        }
    }

    /// Repairs a candidate.
    fn one(&mut self, candidate: &Candidate, patient: bool) {
        match self.repaired(candidate, patient) {
            Ok((core_of, usage, as_found)) => {
                let mut valued = (candidate.value, candidate.placed.clone());
                if !as_found || candidate.value == UNKNOWN {
                    valued = (self.judge)(&core_of);
                }
                let found = Partition {
                    core_of,
                    usage,
                    by: candidate.by,
                    filled: candidate.filled,
                    placed: valued.1,
                };
                self.ready.push((valued.0, found));
            }
            Err(Failed::Limits(errors)) => self.refusal.add(errors),
            Err(Failed::Slots(least)) => self.hopeless.push((least, candidate.clone())),
        }
    }

    /// Whether something else than slots was short for some candidate, or less than half of the chip's slots.
    pub(super) fn near(&self) -> bool {
        let most = self.most_slots();
        self.refusal.errors.is_some() || self.hopeless.iter().any(|h| h.0 <= most + most / 2)
    }

    /// What fits, or else why nothing does: what is short is said by those that lack least of it, some of which fit after all when their cores are emptied.
    pub(super) fn end(mut self) -> (Vec<Fitting>, Option<Vec<MapError>>) {
        let mut hopeless = std::mem::take(&mut self.hopeless);
        if self.ready.is_empty() {
            hopeless.sort_by_key(|h| h.0);
            hopeless.truncate(if self.best { EXPLAINED } else { 1 });
            for (_, candidate) in hopeless {
                self.one(&candidate, true);
            }
        }
        self.space.slots.clone_from(&self.slots);
        (self.ready, self.refusal.errors)
    }

    /// Output slots of the whole chip.
    fn most_slots(&self) -> u64 {
        let chip = self.space.chip;
        u64::from(chip.cores()) * u64::from(chip.limits.output_slots)
    }

    /// A candidate, with new runs of its partitioner until destination lists, and kernels where they were to be shared, fit too. An improvement is filled anew instead. Also
    /// whether it is as it was found. Unless `patient` it is given up when more slots are expected for it than all cores of the chip have: repairs add to them. (Emptying cores may save some: [`Trials::end`] tries.)
    fn repaired(
        &mut self,
        candidate: &Candidate,
        patient: bool,
    ) -> Result<(Vec<u32>, Usage, bool), Failed> {
        let most_slots = self.most_slots();
        self.space.slots.clone_from(&self.slots);
        let (space, programs) = (&mut *self.space, self.programs);
        let (q, chip) = (space.q, space.chip);
        let (run, name) = (candidate.run, candidate.by);
        let (mut room, mut core_of) = (candidate.room.clone(), candidate.core_of.clone());
        for repair in 0..=REPAIRS {
            let usage = usage::usage(q, programs, chip, &core_of);
            let violations = usage::violations(q, chip, &core_of, &usage);
            if violations.is_empty() {
                let many = u64::from(chip.cores());
                let need = usage.cores.len() as u64;
                // Emptying saves few cores: where it is only asked what fits, it has to be enough.
                let (packs, least) = match self.best {
                    true => (repair > 0 && name == PACKED, None),
                    false => {
                        let few = (many + 1..=many + many / 4).contains(&need);
                        (self.empties && few, Some(many))
                    }
                };
                let (core_of, usage) = match packs {
                    true => packed(space, programs, &core_of, least),
                    false => (core_of, usage),
                };
                let need = usage.cores.len() as u64;
                if need > u64::from(chip.cores()) {
                    let least = lower_bound(q, programs, chip);
                    return Err(vec![too_many(q, chip, need, &least)].into());
                }
                return Ok((core_of, usage, repair == 0));
            }
            let expected = usage.cores.values().all(|u| {
                usage::limits(u, chip)
                    .iter()
                    .all(|(limit, need, capacity)| {
                        need <= capacity
                            || *limit == "output slots"
                            || *limit == "bits of synapse memory" && !room.share.is_empty()
                    })
            });
            let lane = violations.iter().any(|v| {
                matches!(
                    v,
                    MapError::Core {
                        limit: "destinations of one neuron",
                        ..
                    }
                )
            });
            // Destinations become more with each repair, and cores with them.
            let given_up =
                !self.best && repair > 0 && usage.cores.len() as u64 > u64::from(chip.cores());
            if lane
                || given_up
                || repair == REPAIRS
                || usage.cores.len() as u64 > 4 * u64::from(chip.cores())
            {
                return Err(violations.into());
            }
            assert!(expected, "partitioner {name} broke a limit: {violations:?}");
            // More room than last time needed, so that the next run converges although destinations move.
            for (slots, actual) in space.slots.iter_mut().zip(&usage.destinations) {
                *slots = (*slots).max(*actual + *actual * repair / 8);
            }
            let slots: u64 = space.slots.iter().map(|s| u64::from(*s)).sum();
            // Packing counts for itself.
            if slots > most_slots && !patient && name != PACKED {
                return Err(Failed::Slots(slots));
            }
            let over = shared::over(&usage, chip.limits.synapse_bits);
            if over {
                let all = repair >= REPAIRS / 2;
                room = shared::raised(&room, &usage, chip.limits.synapse_bits, all);
            }
            let again = match run {
                // What packing does of itself does not depend on what is known of destinations, only how it starts; and what grows by overlap was asked before.
                Some(_) if name == PACKED && !over && !self.best => return Err(violations.into()),
                Some(_) if name == PACKED && !over => overlap::partition(space, &room),
                Some(run) => run(space, &room),
                None => improve::filled(space, &room, &core_of),
            };
            core_of = again.map_err(|(neuron, full)| vec![too_large(q, chip, neuron, full)])?;
        }
        unreachable!("the last repair returns")
    }
}

/// Why no candidate fits, as far as they were tried.
#[derive(Default)]
struct Refusal {
    errors: Option<Vec<MapError>>,
}

impl Refusal {
    /// Of several that only lack cores, the one that lacks least; otherwise the first.
    fn add(&mut self, errors: Vec<MapError>) {
        let lacks = |errors: &[MapError]| match errors {
            [MapError::Cores { need, .. }] => Some(*need),
            _ => None,
        };
        let Some(known) = &self.errors else {
            self.errors = Some(errors);
            return;
        };
        if let (Some(need), Some(least)) = (lacks(&errors), lacks(known))
            && need < least
        {
            self.errors = Some(errors);
        }
    }
}

/// Why a candidate could not be repaired.
enum Failed {
    Limits(Vec<MapError>),
    /// Its neurons take so many output slots, more than all cores have; repairs add to them.
    Slots(u64),
}

impl From<Vec<MapError>> for Failed {
    fn from(errors: Vec<MapError>) -> Failed {
        Failed::Limits(errors)
    }
}

/// A partition that keeps all limits with cores emptied into others, as far as that goes, or down to so many.
pub(super) fn packed(
    space: &Space<'_>,
    programs: &Programs,
    core_of: &[u32],
    least: Option<u64>,
) -> (Vec<u32>, Usage) {
    let core_of = pack::emptied(space, core_of, least);
    let usage = usage::usage(space.q, programs, space.chip, &core_of);
    let broken = usage::violations(space.q, space.chip, &core_of, &usage);
    assert!(broken.is_empty(), "packing broke a limit: {broken:?}");
    (core_of, usage)
}
