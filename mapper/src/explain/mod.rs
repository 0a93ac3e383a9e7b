//! What a mapping looks like from the limits: which one is fullest on each core, how full all are, how many cores each asks for at least,
//! and what travels most.
//!
//! Invariant: use is counted from what the chip is given (or from bare connectivity), bounds from the network alone; nothing here is an
//! input of a pass. Shares are use / capacity; a histogram has ten bins of a tenth of the capacity each, the last with 100 %.
//! Formulas: `specs/mapping.md`, Explanations.

mod study;
mod traffic;

pub(crate) use study::bounds_of_study;
pub use study::of_study;
pub use traffic::{CoreFlow, PopulationFlow, Traffic, of_image};

use isa::ChipSpec;
use isa::chip::Delivery;
use serde::{Serialize, Serializer};

/// Share of a limit from which on a core counts as full of it.
const FULL: f64 = 0.9;

/// Names of the limits of a core and the chip keys that set them, in the order in which explanations list them.
pub const KEYS: &[(&str, &str)] = &[
    ("neurons", "core.neurons"),
    ("neuron groups", "core.groups"),
    ("threshold profiles", "core.threshold_profiles"),
    ("synapse formats", "core.synapse_formats"),
    ("input axons", "core.input_axons"),
    ("output slots", "core.output_slots"),
    ("bits of synapse memory", "core.synapse_bits"),
    ("code words", "core.code_words"),
    ("destinations of one neuron", "core.lane_destinations"),
];

/// Chip key of a limit.
pub fn key(limit: &str) -> &'static str {
    let known = KEYS.iter().find(|k| k.0 == limit);
    known.map_or("core.neurons", |k| k.1)
}

/// Why a mapping has the cores that it has.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Cores in use and the least that any mapping needs.
    pub lower_bound: LowerBound,
    /// Every limit of a core over all cores in use.
    pub resources: Vec<Resource>,
    /// Every core in use, ascending.
    pub cores: Vec<Core>,
}

/// Cores above the least number.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LowerBound {
    /// Cores in use.
    pub cores_used: u64,
    /// No mapping uses fewer.
    pub cores: u64,
    /// Limit that asks for them.
    pub limit: &'static str,
    /// `cores_used` − `cores`.
    pub above: u64,
    /// The same in percent of `cores`.
    pub above_percent: f64,
    /// Why, if there are more.
    pub reason: String,
    /// Of each core that cannot be emptied into the others as they are, a neuron that none of them takes; where the limits of the cores are
    /// why there are more cores than the least.
    pub blocked: Vec<Blocked>,
}

/// What keeps a core from being emptied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Blocked {
    /// Physical core.
    pub core: u32,
    /// Population of the neuron.
    pub population: String,
    /// Neuron, index within its population.
    pub neuron: u32,
    /// Neurons of the core that other cores took before this one was left; 0: none takes it as the cores are.
    pub after: u32,
    /// Limits by which the other cores refuse it, and how many do.
    #[serde(serialize_with = "as_map")]
    pub by: Vec<(&'static str, u64)>,
}

/// A limit over all cores in use.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resource {
    /// Name.
    pub limit: &'static str,
    /// Key of the chip file.
    pub key: &'static str,
    /// What a core has.
    pub capacity: u64,
    /// Mean use.
    pub mean: f64,
    /// Largest use.
    pub max: u64,
    /// Cores of which this is the fullest limit.
    pub fullest_in: u32,
    /// Cores that use all of it.
    pub full_in: u32,
    /// Cores by use / capacity in tenths.
    pub histogram: [u32; 10],
    /// Least that all cores of any mapping use together; none for limits that do not add up.
    pub least_total: Option<u64>,
    /// Least number of cores by this limit.
    pub least_cores: Option<u64>,
}

/// A core and its limits.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Core {
    /// Physical core.
    pub core: u32,
    /// Column of its tile.
    pub x: u32,
    /// Row of its tile.
    pub y: u32,
    /// Fullest limit.
    pub fullest: &'static str,
    /// Its use.
    pub used: u64,
    /// What the core has of it.
    pub capacity: u64,
    /// `used` / `capacity`.
    pub share: f64,
    /// Use of every limit.
    #[serde(serialize_with = "as_map")]
    pub uses: Vec<(&'static str, u64)>,
    /// Axons of each type; on crossbars only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub axon_types: Vec<u32>,
}

fn as_map<S: Serializer>(uses: &[(&'static str, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(uses.iter().copied())
}

/// A lower bound by one limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    pub(crate) limit: &'static str,
    pub(crate) total: u64,
    pub(crate) cores: u64,
}

impl From<&crate::partition::Bound> for Least {
    fn from(b: &crate::partition::Bound) -> Least {
        Least {
            limit: b.limit,
            total: b.total,
            cores: b.cores,
        }
    }
}

/// A core's use of limits, as counted.
pub(crate) struct Used {
    pub(crate) core: u32,
    /// Name, use, capacity.
    pub(crate) limits: Vec<(&'static str, u64, u64)>,
    pub(crate) axon_types: Vec<u32>,
}

/// What made a mapping take more cores than the least.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cause<'a> {
    /// The limits of the cores alone.
    Limits,
    /// Somebody else chose the cores.
    Given(&'a str),
    /// More cores cost less than the fewest that were found.
    Cheaper { objective: &'a str, filled: u64 },
    /// Work was spread; filling takes this many cores.
    Spread { objective: &'a str, filled: u64 },
}

/// Limits that count kinds: a neuron of a kind that a core has takes none of them, so they matter when (nearly) all kinds are taken.
const KINDS: &[&str] = &[
    "neuron groups",
    "threshold profiles",
    "synapse formats",
    "code words",
];

/// Whether a core can be full of a limit on this chip: what one neuron may have is no use of a core, and the crossbar is not chosen.
fn counts(limit: &str, share: f64, chip: &ChipSpec) -> bool {
    let crossbar = chip.delivery == Delivery::AxonBits;
    limit != "destinations of one neuron"
        && !(crossbar && ["threshold profiles", "synapse formats"].contains(&limit))
        && (share >= FULL || !KINDS.contains(&limit))
}

fn share(used: u64, capacity: u64) -> f64 {
    used as f64 / capacity.max(1) as f64
}

/// Explains cores by their use and the bounds.
pub(crate) fn explain(
    chip: &ChipSpec,
    used: Vec<Used>,
    least: &[Least],
    cause: Cause<'_>,
) -> Explanation {
    let mut resources: Vec<Resource> = Vec::new();
    for (limit, _, capacity) in used.first().map_or(&[][..], |u| &u.limits) {
        let bound = least.iter().find(|b| b.limit == *limit);
        resources.push(Resource {
            limit,
            key: key(limit),
            capacity: *capacity,
            mean: 0.0,
            max: 0,
            fullest_in: 0,
            full_in: 0,
            histogram: [0; 10],
            least_total: bound.map(|b| b.total),
            least_cores: bound.map(|b| b.cores),
        });
    }
    let many = used.len() as f64;
    let mut cores = Vec::with_capacity(used.len());
    for u in used {
        let mut fullest: Option<usize> = None;
        for (i, (limit, n, capacity)) in u.limits.iter().enumerate() {
            let r = &mut resources[i];
            r.mean += *n as f64 / many;
            r.max = r.max.max(*n);
            r.full_in += u32::from(n >= capacity);
            r.histogram[((10.0 * share(*n, *capacity)) as usize).min(9)] += 1;
            let more = |f: usize| share(*n, *capacity) > share(u.limits[f].1, u.limits[f].2);
            if counts(limit, share(*n, *capacity), chip) && fullest.is_none_or(more) {
                fullest = Some(i);
            }
        }
        let at = fullest.expect("cores have neurons");
        resources[at].fullest_in += 1;
        let (limit, n, capacity) = u.limits[at];
        let (x, y) = chip.xy(chip.tile_of(u.core));
        cores.push(Core {
            core: u.core,
            x,
            y,
            fullest: limit,
            used: n,
            capacity,
            share: share(n, capacity),
            uses: u.limits.iter().map(|l| (l.0, l.1)).collect(),
            axon_types: u.axon_types,
        });
    }
    cores.sort_unstable_by_key(|c| c.core);
    // The first of the largest.
    let most = least.iter().rev().max_by_key(|b| b.cores);
    let (limit, bound) = most.map_or(("neurons", 1), |b| (b.limit, b.cores.max(1)));
    let cores_used = cores.len() as u64;
    let above = cores_used.saturating_sub(bound);
    Explanation {
        lower_bound: LowerBound {
            cores_used,
            cores: bound,
            limit,
            above,
            above_percent: 100.0 * above as f64 / bound as f64,
            reason: if above == 0 {
                String::new()
            } else {
                reason(&cores, &resources, chip, cause)
            },
            blocked: Vec::new(),
        },
        resources,
        cores,
    }
}

impl Explanation {
    /// Says what keeps the cores from being fewer.
    pub(crate) fn block(&mut self, blocked: Vec<Blocked>) {
        let b = &mut self.lower_bound;
        let whole = blocked.len() as u64 == b.cores_used;
        let Some(first) = blocked.iter().min_by_key(|b| b.after) else {
            return;
        };
        let by: Vec<String> = first
            .by
            .iter()
            .map(|(l, n)| format!("{n} by {l}"))
            .collect();
        let which = match first.after {
            0 => String::new(),
            n => format!(" after {n} others of it"),
        };
        b.reason += &format!(
            "; {}: neuron {} of \"{}\" on core {}, say, goes onto no other core{which} (refused by {})",
            if whole {
                "none of them can be emptied into the others".into()
            } else {
                format!(
                    "{} of them cannot be emptied into the others",
                    blocked.len()
                )
            },
            first.neuron,
            first.population,
            first.core,
            by.join(", ")
        );
        b.blocked = blocked;
    }
}

/// Why there are more cores than the bound.
fn reason(cores: &[Core], resources: &[Resource], chip: &ChipSpec, cause: Cause<'_>) -> String {
    match cause {
        Cause::Given(by) => format!("the cores are those of {by}"),
        Cause::Spread { objective, filled } => format!(
            "objective {objective} spreads the work of a step over more cores; filling them takes {filled} (--objective cores)"
        ),
        Cause::Cheaper { objective, filled } => format!(
            "objective {objective} takes more cores where copies, splitters or packets cost less so; the fewest found are {filled} (--objective cores)"
        ),
        Cause::Limits => {
            let full = |r: &Resource| {
                let here = |c: &&Core| {
                    let used = c.uses.iter().find(|u| u.0 == r.limit);
                    used.is_some_and(|u| share(u.1, r.capacity) >= FULL)
                };
                (r.limit, cores.iter().filter(here).count())
            };
            let mut by: Vec<(&str, usize)> = resources
                .iter()
                .filter(|r| counts(r.limit, 1.0, chip))
                .map(full)
                .filter(|f| f.1 > 0)
                .collect();
            by.sort_by_key(|f| std::cmp::Reverse(f.1));
            let by: Vec<String> = by.iter().map(|(l, n)| format!("{n} of {l}")).collect();
            let rest = cores.iter().filter(|c| c.share < FULL).count();
            if by.is_empty() {
                return format!(
                    "none of the {rest} cores is 90 % full of any limit: what is left over of each cannot be joined, or the partitioner did not find how"
                );
            }
            format!(
                "cores that are 90 % full: {}; {rest} {} not full of anything",
                by.join(", "),
                if rest == 1 { "is" } else { "are" }
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(core: u32, neurons: u64, axons: u64) -> Used {
        Used {
            core,
            limits: vec![
                ("neurons", neurons, 4),
                ("input axons", axons, 10),
                ("destinations of one neuron", 1, 1),
            ],
            axon_types: Vec::new(),
        }
    }

    #[test]
    fn the_fullest_limit_of_each_core() {
        let chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        let least = [
            Least {
                limit: "neurons",
                total: 8,
                cores: 2,
            },
            Least {
                limit: "input axons",
                total: 12,
                cores: 2,
            },
        ];
        let cores = vec![used(9, 4, 10), used(4, 3, 9), used(0, 1, 1)];
        let e = explain(&chip, cores, &least, Cause::Limits);
        let of: Vec<_> = e
            .cores
            .iter()
            .map(|c| (c.core, c.fullest, c.used))
            .collect();
        // Of equals the first; what one neuron may have fills no core.
        assert_eq!(
            of,
            [(0, "neurons", 1), (4, "input axons", 9), (9, "neurons", 4)]
        );
        let axons = &e.resources[1];
        assert_eq!((axons.max, axons.fullest_in, axons.full_in), (10, 1, 1));
        assert_eq!(axons.histogram, [0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(e.resources[0].histogram, [0, 0, 1, 0, 0, 0, 0, 1, 0, 1]);
        let b = &e.lower_bound;
        assert_eq!(
            (b.cores_used, b.cores, b.limit, b.above),
            (3, 2, "neurons", 1)
        );
        assert_eq!(b.above_percent, 50.0);
        assert_eq!(
            b.reason,
            "cores that are 90 % full: 2 of input axons, 1 of neurons; 1 is not full of anything"
        );
    }

    #[test]
    fn limits_and_keys_have_one_order() {
        let chip = ChipSpec::preset("loihi").expect("a preset").expect("valid");
        let limits = crate::usage::limits(&crate::usage::CoreUse::default(), &chip);
        let names: Vec<&str> = limits.iter().map(|l| l.0).collect();
        assert_eq!(names, KEYS.iter().map(|k| k.0).collect::<Vec<_>>());
    }
}
