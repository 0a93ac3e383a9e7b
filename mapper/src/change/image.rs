//! What an image and its programs are beyond, when no pass planned for it.
//!
//! Invariant: one error for each limit, where most of it is needed, so that its number mends all.

use crate::error::MapError;
use crate::explain::key;
use crate::usage;
use assembler::kernels::Kernel;
use isa::ChipSpec;
use isa::image::{CoreProgram, Image};

/// The first limit that a kernel alone is beyond.
pub(crate) fn program(kernel: &Kernel, population: &str, chip: &ChipSpec) -> Option<MapError> {
    let l = &chip.limits;
    let (update, on_spike) = (kernel.update.len() as u64, kernel.on_spike.len() as u64);
    let slots = kernel.slots.iter().map(|s| u64::from(s.1));
    let needs = [
        (
            "code words",
            "core.code_words",
            update + on_spike,
            l.code_words,
        ),
        (
            "state slots",
            "core.state_slots",
            kernel.slots.len() as u64,
            l.state_slots,
        ),
        (
            "bits in a state word",
            "core.state",
            slots.max().unwrap_or(0),
            l.state_bits,
        ),
        (
            "accumulator bits",
            "core.accumulator",
            kernel.accumulator_bits.into(),
            l.accumulator_bits,
        ),
        (
            "receptors",
            "core.receptors",
            kernel.receptors.into(),
            l.receptors,
        ),
    ];
    let mut beyond = needs.into_iter().filter(|n| n.2 > n.3.into());
    beyond
        .next()
        .map(|(limit, key, need, has)| MapError::Limit {
            limit: format!("{limit} for kernel \"{}\"", kernel.name).into(),
            key,
            population: population.into(),
            need,
            capacity: has.into(),
            chip: chip.name.clone(),
            remedy: format!(
                "the smallest change: --set {key}={need}, or {}",
                match limit {
                    "code words" => format!(
                        "a shorter kernel (update {update}, on_spike {on_spike}) or fewer options"
                    ),
                    _ => "another neuron model or chip".to_owned(),
                }
            ),
        })
}

/// Limits of a core and of its programs that an image is beyond: for each limit, where most is needed.
pub(crate) fn image(image: &Image, chip: &ChipSpec) -> Vec<MapError> {
    let l = &chip.limits;
    let mut broken: Vec<MapError> = Vec::new();
    let mut beyond_index: Option<(&CoreProgram, u32, u32)> = None;
    let mut add = |limit: &'static str,
                   key: &'static str,
                   on: &dyn Fn() -> String,
                   need: u64,
                   capacity: u64| {
        if need <= capacity {
            return;
        }
        let known = broken
            .iter()
            .position(|e| matches!(e, MapError::Limit { limit: l, .. } if **l == *limit));
        let more = |e: &MapError| matches!(e, MapError::Limit { need: n, .. } if *n < need);
        let error = || MapError::Limit {
            limit: limit.into(),
            key,
            population: on().into(),
            need,
            capacity,
            chip: chip.name.clone(),
            remedy: format!("the smallest change: --set {key}={need}"),
        };
        match known {
            None => broken.push(error()),
            Some(at) if more(&broken[at]) => broken[at] = error(),
            Some(_) => {}
        }
    };
    for core in &image.cores {
        for (limit, need, has) in usage::limits(&usage::of_core(core, chip), chip) {
            add(limit, key(limit), &|| on_core(image, core), need, has);
        }
        let index = core.formats.iter().map(|f| u32::from(f.index_bits)).max();
        let widest = l.index_widths.last().copied().unwrap_or(0);
        if index.is_some_and(|bits| bits > widest) {
            beyond_index = beyond_index.or(Some((core, index.unwrap_or(0), widest)));
        }
        let mut lane = 0;
        for g in &core.groups {
            let first = core.lane_ids.get(lane).map_or(0, |n| n.0);
            lane += g.lanes as usize;
            let name = || {
                let mut all = image.populations.iter();
                let found = all.find(|p| first.wrapping_sub(p.first) < p.count);
                found.map_or_else(String::new, |p| p.name.clone())
            };
            let widest = g.slots.iter().map(|s| u64::from(s.bits)).max().unwrap_or(0);
            for (limit, key, need, has) in [
                (
                    "state slots",
                    "core.state_slots",
                    g.slots.len() as u64,
                    l.state_slots,
                ),
                ("bits in a state word", "core.state", widest, l.state_bits),
                (
                    "accumulator bits",
                    "core.accumulator",
                    g.accumulator_bits.into(),
                    l.accumulator_bits,
                ),
                (
                    "receptors",
                    "core.receptors",
                    g.receptors.into(),
                    l.receptors,
                ),
            ] {
                add(limit, key, &name, need, has.into());
            }
        }
    }
    if let Some((core, need, widest)) = beyond_index {
        broken.push(MapError::Limit {
            limit: "index bits to tell the neurons of its core apart".into(),
            key: "core.index_widths",
            population: on_core(image, core).into(),
            need: need.into(),
            capacity: widest.into(),
            chip: chip.name.clone(),
            remedy: format!(
                "the smallest change: cores of at most {0} neurons (--set core.neurons={0}), or a width of {need}",
                1u64 << widest.min(32)
            ),
        });
    }
    broken
}

/// Populations of a core, in the network's order.
fn on_core(image: &Image, core: &CoreProgram) -> String {
    let here = |p: &&isa::image::Population| {
        let mut lanes = core.lane_ids.iter();
        lanes.any(|n| n.0.wrapping_sub(p.first) < p.count)
    };
    let names = image
        .populations
        .iter()
        .filter(here)
        .map(|p| p.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}
