//! Explanations of bare connectivity: neurons, input axons and output slots of its cores.
//!
//! Invariant: counted from connectivity and cores alone; a source has an axon on every core of its targets, its own included, and a slot for
//! every other core. Partitioners of studies look at neurons and axons; slots are counted at the end (`crate::study`).

use super::traffic::of_pairs;
use super::{Cause, Explanation, Least, Traffic, Used, explain};
use isa::ChipSpec;
use network::connectivity::Connectivity;
use rustc_hash::FxHashMap;

/// Least use of all cores together, and of cores, by every limit of a study.
pub(crate) fn bounds_of_study(net: &Connectivity, chip: &ChipSpec) -> [Least; 3] {
    let per_core = u64::from(chip.limits.neurons.max(1));
    let mut met = vec![u32::MAX; net.neurons() as usize];
    let (mut axons, mut slots) = (0u64, 0u64);
    for u in 0..net.neurons() {
        let mut distinct = 0u64;
        for t in net.targets_of(u) {
            distinct += u64::from(std::mem::replace(&mut met[*t as usize], u) != u);
        }
        axons += distinct.div_ceil(per_core);
        let with_self = distinct + u64::from(met[u as usize] != u);
        slots += with_self.div_ceil(per_core) - 1;
    }
    let l = &chip.limits;
    [
        ("neurons", u64::from(net.neurons()), u64::from(l.neurons)),
        ("input axons", axons, l.input_axons.into()),
        ("output slots", slots, l.output_slots.into()),
    ]
    .map(|(limit, total, capacity)| Least {
        limit,
        total,
        cores: total.div_ceil(capacity.max(1)),
    })
}

/// Explains an assignment of physical cores; `given` names who chose the cores, if it was none of the partitioners here.
pub fn of_study(
    net: &Connectivity,
    chip: &ChipSpec,
    core_of: &[u32],
    given: Option<&str>,
) -> (Explanation, Traffic) {
    let cores = core_of.iter().max().map_or(0, |c| *c as usize + 1);
    let mut used = vec![[0u64; 3]; cores];
    core_of.iter().for_each(|c| used[*c as usize][0] += 1);
    let mut seen = vec![u32::MAX; cores];
    let mut pairs: FxHashMap<(u32, u32), f64> = FxHashMap::default();
    let mut packets = 0.0;
    for u in 0..net.neurons() {
        let from = core_of[u as usize];
        let targets = net.targets_of(u);
        let values = net.values_of(u);
        for (i, t) in targets.iter().enumerate() {
            let to = core_of[*t as usize];
            let new = std::mem::replace(&mut seen[to as usize], u) != u;
            used[to as usize][1] += u64::from(new);
            used[from as usize][2] += u64::from(new && to != from);
            let weight = values.map_or(f64::from(u32::from(new)), |v| v[i]);
            packets += weight;
            if to != from && weight > 0.0 {
                *pairs.entry((from, to)).or_insert(0.0) += weight;
            }
        }
    }
    let l = &chip.limits;
    let limits = [
        ("neurons", u64::from(l.neurons)),
        ("input axons", l.input_axons.into()),
        ("output slots", l.output_slots.into()),
    ];
    let used = (0u32..).zip(used).filter(|(_, u)| u[0] > 0);
    let used = used.map(|(core, u)| Used {
        core,
        limits: (0..3).map(|i| (limits[i].0, u[i], limits[i].1)).collect(),
        axon_types: Vec::new(),
    });
    let cause = given.map_or(Cause::Limits, Cause::Given);
    let traffic = of_pairs(
        chip,
        pairs.into_iter().map(|((from, to), w)| (from, to, w)),
        if net.values_of(0).is_some() {
            (packets, "values of the matrix", false)
        } else {
            (packets, "every neuron spikes once", true)
        },
    );
    (
        explain(chip, used.collect(), &bounds_of_study(net, chip), cause),
        traffic,
    )
}
