//! Why a partition was refused, and the smallest changes with which it is found.
//!
//! Invariant: what one neuron alone is beyond is counted; what depends on where others are is tried. All changes that are named together were
//! seen to fit together, unless the message says "at least".

use super::{PLENTY, grown, has, most, runs, set, smallest_used};
use crate::error::MapError;
use crate::explain::key;
use crate::need::{Programs, format_of, index_bits};
use crate::partition::{cores_remedy, most_alone};
use crate::quantize::tree::LIMITS as RELAYED;
use crate::quantized::Quantized;
use crate::usage::{self, Usage};
use isa::ChipSpec;

/// Limits whose need depends on where targets are.
const DESTINATIONS: &[&str] = &["output slots", "destinations of one neuron"];
/// What a neuron or synapse costs in a run, in the units of [`runs`]: many candidates, each repaired many times before it is given up.
const DEAR: u64 = 20;
/// Number of cores, and how often it may be asked for again.
const CORES: &str = "cores";
const CORES_AGAIN: usize = 3;
/// A pass on a chip: what its cores use, or why not.
pub(crate) type Run<'a> = &'a dyn Fn(&Quantized, &ChipSpec) -> Result<Usage, Vec<MapError>>;

/// What `--relay` would do, or why it would not help.
pub(crate) type Relays<'a> = &'a dyn Fn() -> Result<String, String>;

/// What a partition lacks.
fn limit_of(error: &MapError) -> Option<&'static str> {
    match error {
        MapError::Cores { .. } => Some(CORES),
        MapError::Neuron { limit, .. } | MapError::Core { limit, .. } => Some(limit),
        _ => None,
    }
}

/// Why a partition was refused, with the smallest changes: one error for each limit, which together fit.
pub(crate) fn partition(
    mut errors: Vec<MapError>,
    q: &Quantized,
    programs: &Programs,
    chip: &ChipSpec,
    run: Run<'_>,
    relays: Option<Relays<'_>>,
) -> Vec<MapError> {
    let mut fixed = chip.clone();
    let mut left = runs(DEAR * (q.synapses() + u64::from(q.neurons())));
    let mut out: Vec<MapError> = Vec::new();
    // Each round mends a limit; a limit that comes back ends it, but that of cores, which others may ask for.
    let mut mended: Vec<&'static str> = Vec::new();
    // Limits on destinations that were looked at without bound, to see what else is missing: once each.
    let mut looked: Vec<&'static str> = Vec::new();
    loop {
        let open = |e: &MapError| {
            let limit = limit_of(e)?;
            let again = mended.iter().filter(|m| **m == limit).count();
            (again == 0 || limit == CORES && again <= CORES_AGAIN).then_some(limit)
        };
        let mut all = errors.iter();
        let Some((first, limit)) = all.find_map(|e| Some((e, open(e)?))) else {
            break;
        };
        if DESTINATIONS.contains(&limit) && !looked.contains(&limit) {
            looked.push(limit);
            // What else is missing comes first: no number of destinations makes up for it.
            let mut plenty = fixed.clone();
            set(&mut plenty, limit, PLENTY);
            if let Err(others) = run(q, &plenty)
                && others
                    .first()
                    .and_then(limit_of)
                    .is_some_and(|other| other != limit && !mended.contains(&other))
            {
                errors = others;
                continue;
            }
        }
        mended.push(limit);
        if limit == CORES {
            // What was mended since asks for more of them: one number of cores for all.
            out.retain(|e| !matches!(e, MapError::Cores { .. }));
        }
        let search = Search {
            q,
            programs,
            chip,
            fixed: &fixed,
            run,
            relays,
        };
        let Some((error, next)) = search.change(first, limit, &mut left) else {
            break;
        };
        out.push(error);
        fixed = next;
        match run(q, &fixed) {
            Ok(_) => return together(out),
            Err(again) => errors = again,
        }
    }
    // What could not be mended as well.
    out.extend(errors);
    out
}

/// Says of several changes that they belong together.
fn together(mut errors: Vec<MapError>) -> Vec<MapError> {
    if errors.len() > 1 {
        for error in &mut errors {
            if let MapError::Neuron { remedy, .. }
            | MapError::Cores { remedy, .. }
            | MapError::Limit { remedy, .. } = error
            {
                *remedy += " (all of these changes together)";
            }
        }
    }
    errors
}

/// A chip on which a network does not fit.
struct Search<'a> {
    q: &'a Quantized,
    programs: &'a Programs,
    /// The user's.
    chip: &'a ChipSpec,
    /// With the changes so far.
    fixed: &'a ChipSpec,
    run: Run<'a>,
    /// Asked once at most where the network was mapped without relays.
    relays: Option<Relays<'a>>,
}

impl Search<'_> {
    /// The error with its smallest change, and the chip with it.
    fn change(
        &self,
        error: &MapError,
        limit: &'static str,
        left: &mut u64,
    ) -> Option<(MapError, ChipSpec)> {
        if let MapError::Cores {
            need,
            lower_bound,
            limit,
            population,
            ..
        } = error
        {
            let larger = grown(self.fixed, *need);
            let error = MapError::Cores {
                need: *need,
                lower_bound: *lower_bound,
                limit,
                population: population.clone(),
                // Of the user's chip, whatever was mended already.
                capacity: self.chip.cores().into(),
                chip: self.chip.name.clone(),
                remedy: cores_remedy(self.q, self.chip, *need, (*lower_bound, limit)),
            };
            return Some((error, larger.map_or_else(|| self.plenty(), |g| g.2)));
        }
        match limit {
            _ if DESTINATIONS.contains(&limit) => self.destinations(error, limit, left),
            _ => self.of_neuron(limit, left),
        }
    }

    /// A chip with cores for everybody, where no mesh has them.
    fn plenty(&self) -> ChipSpec {
        let mut chip = self.fixed.clone();
        let most = |key| most(key) as u32;
        (chip.mesh.width, chip.mesh.height) = (most("mesh.width"), most("mesh.height"));
        chip.mesh.cores_per_tile = 1;
        (chip.mesh.board, chip.mesh.border) = ([1, 1], None);
        chip
    }

    /// A limit that one neuron alone is beyond: the neuron that needs most of it, counted exactly.
    fn of_neuron(&self, limit: &'static str, left: &mut u64) -> Option<(MapError, ChipSpec)> {
        let (neuron, need) = most_alone(self.q, self.programs, self.fixed, limit)?;
        let capacity = has(self.chip, limit);
        if need <= capacity {
            return None;
        }
        let mut fixed = self.fixed.clone();
        set(&mut fixed, limit, need);
        let mut remedy = format!("the smallest change: --set {}={need}", key(limit));
        match limit {
            "input axons" => {
                remedy += &format!(", or at most {capacity} sources for a neuron");
            }
            "bits of synapse memory" => {
                if let Some(bits) = self.narrower(left) {
                    let widths = self.chip.limits.weight_widths.iter();
                    let widths: Vec<String> =
                        widths.filter(|w| **w <= bits).map(u32::to_string).collect();
                    remedy += &format!(
                        ", or weights of at most {bits} bits (--set core.weight_widths=[{}])",
                        widths.join(",")
                    );
                }
                let synapses = synapses_that_fit(self.q, self.chip, neuron);
                remedy += &format!(", or at most {synapses} synapses for this neuron");
            }
            "synapse formats" => {
                remedy += ", or fewer projections with exponents, signs, widths or delays of their own to this neuron";
            }
            _ => {}
        }
        if RELAYED.contains(&limit)
            && let Some(relays) = self.relays
        {
            remedy += &match relays() {
                Ok(what) => format!(", or {what}"),
                Err(why) => format!("; --relay cannot help: {why}"),
            };
        }
        let population = &self.q.populations[self.q.population_of(neuron)];
        let error = MapError::Neuron {
            limit,
            population: population.name.clone(),
            neuron: neuron - population.first,
            need,
            capacity,
            chip: self.chip.name.clone(),
            remedy,
        };
        Some((error, fixed))
    }

    /// Widest weights of the chip below those in use with which everything fits.
    fn narrower(&self, left: &mut u64) -> Option<u32> {
        let widest = self.q.projections.iter().map(|p| u32::from(p.weight_bits));
        let widest = widest.max()?;
        let narrower = self.chip.limits.weight_widths.iter().rev().copied();
        narrower.filter(|w| *w < widest && *w > 0).find(|width| {
            if *left == 0 {
                return false;
            }
            *left -= 1;
            let mut q = self.q.clone();
            for p in &mut q.projections {
                p.weight_bits = p.weight_bits.min(*width as u8);
            }
            (self.run)(&q, self.fixed).is_ok()
        })
    }

    /// A limit on destinations, which depend on where the targets go: the partitioner is run with more and more of it.
    fn destinations(
        &self,
        error: &MapError,
        limit: &'static str,
        left: &mut u64,
    ) -> Option<(MapError, ChipSpec)> {
        let capacity = has(self.chip, limit);
        let with = |value: u64| {
            let mut chip = self.fixed.clone();
            set(&mut chip, limit, value);
            chip
        };
        let search = |left: &mut u64, others: bool| {
            smallest_used(capacity, capacity + 1, left, |value| {
                let mut chip = with(value);
                if others {
                    let others = DESTINATIONS.iter().filter(|other| **other != limit);
                    others.for_each(|other| set(&mut chip, other, PLENTY));
                }
                let usage = (self.run)(self.q, &chip).ok()?;
                let of_cores = usage
                    .cores
                    .values()
                    .flat_map(|u| usage::limits(u, self.chip));
                of_cores
                    .filter(|l| l.0 == limit)
                    .map(|l| l.1)
                    .max()
                    .or(Some(value))
            })
        };
        // Two such limits may hide each other: then the other is mended after this one.
        let found = search(left, false).or_else(|| search(left, true));
        let (population, shown) = match error {
            MapError::Neuron {
                population, need, ..
            } => (population, *need),
            MapError::Core {
                populations, need, ..
            } => (populations, *need),
            _ => return None,
        };
        // Where no number fits alone, something else has to be mended as well.
        let (need, exact) = found.unwrap_or((shown, false));
        let much = if exact { "" } else { "at least " };
        let error = MapError::Limit {
            limit: limit.into(),
            key: key(limit),
            population: population.as_str().into(),
            need,
            capacity,
            chip: self.chip.name.clone(),
            remedy: format!(
                "the smallest change: {much}--set {}={need}, or the targets of its neurons on fewer cores",
                key(limit)
            ),
        };
        Some((error, with(found.map_or(PLENTY, |f| f.0))))
    }
}

/// Synapses of a neuron that a core's memory holds when it is alone there, cheapest first.
fn synapses_that_fit(q: &Quantized, chip: &ChipSpec, neuron: u32) -> u64 {
    let width = index_bits(1, chip);
    let at = q.population_of(neuron);
    let own = neuron - q.populations[at].first;
    let mut each: Vec<u64> = Vec::new();
    for p in q.projections.iter().filter(|p| p.target as usize == at) {
        let format = format_of(p, q, width);
        for r in 0..p.rows() {
            let here = p.targets[p.row(r)].iter().filter(|t| **t == own).count() as u32;
            each.extend(
                (0..here).map(|n| format.bits(n + 1, &chip.limits) - format.bits(n, &chip.limits)),
            );
        }
    }
    each.sort_unstable();
    let mut room = chip.limits.synapse_bits;
    let fitting = each.iter().take_while(|bits| {
        let fits = **bits <= room;
        room = room.saturating_sub(**bits);
        fits
    });
    fitting.count() as u64
}
