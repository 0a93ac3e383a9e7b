//! The independent check after quantize: shapes agree and every integer lies in the chip's number formats.

use super::Formats;
use crate::quantized::{Quantized, Source};
use isa::ChipSpec;

/// All violations of the integer network against the chip's formats; empty if the pass is right.
pub(crate) fn verify(q: &Quantized, chip: &ChipSpec) -> Vec<String> {
    let mut wrong = Vec::new();
    let formats = Formats::of(chip);
    let mut next = 0;
    for p in &q.populations {
        if p.first != next {
            wrong.push(format!(
                "population {} starts at {}, not {next}",
                p.name, p.first
            ));
        }
        next += p.count;
        if !p.profile_of.is_empty()
            && (p.profile_of.len() != p.count as usize
                || p.profile_of.iter().any(|x| *x as usize >= p.profiles.len()))
        {
            wrong.push(format!("population {}: profile table", p.name));
        }
        for (name, value) in p.profiles.iter().flatten() {
            if name == "THETA"
                && p.scale != 1.0
                && (u64::from(value.unsigned_abs() >> chip.limits.weight_scale)
                    >= 1 << chip.limits.threshold_bits
                    || value % (1 << chip.limits.weight_scale) != 0)
            {
                wrong.push(format!("population {}: threshold {value}", p.name));
            }
            if name.starts_with("DECAY") && p.scale != 1.0 && !(0..=4096).contains(value) {
                wrong.push(format!("population {}: {name} {value}", p.name));
            }
        }
        for slot in &p.slots {
            if slot.values.len() != 1 && slot.values.len() != p.count as usize {
                wrong.push(format!(
                    "population {}: slot {} has {} values",
                    p.name,
                    slot.name,
                    slot.values.len()
                ));
            }
        }
    }
    for p in &q.projections {
        let neurons = q.populations[p.target as usize].count;
        let range = formats.range(p.sign, u32::from(p.weight_bits));
        if !chip
            .limits
            .weight_widths
            .contains(&u32::from(p.weight_bits))
        {
            wrong.push(format!(
                "projection {}: {} weight bits",
                p.path, p.weight_bits
            ));
        }
        if p.mantissas
            .iter()
            .any(|m| i32::from(*m) < range.0 || i32::from(*m) > range.1)
        {
            wrong.push(format!("projection {}: mantissa outside {range:?}", p.path));
        }
        if i32::from(p.exponent) < chip.limits.weight_exponent[0]
            || i32::from(p.exponent) > chip.limits.weight_exponent[1]
        {
            wrong.push(format!("projection {}: exponent {}", p.path, p.exponent));
        }
        if u32::from(p.largest_delay()) > chip.limits.delay {
            wrong.push(format!(
                "projection {}: delay {}",
                p.path,
                p.largest_delay()
            ));
        }
        let lengths = [
            p.mantissas.len(),
            if p.delays.is_empty() {
                p.targets.len()
            } else {
                p.delays.len()
            },
        ];
        if lengths.iter().any(|l| *l != p.targets.len())
            || p.row_start.last().copied() != Some(p.targets.len() as u32)
        {
            wrong.push(format!("projection {}: arrays of unequal length", p.path));
            continue;
        }
        if q.source_span(p.source).1 != p.rows() {
            wrong.push(format!("projection {}: {} rows", p.path, p.rows()));
        }
        for row in 0..p.rows() {
            let targets = &p.targets[p.row(row)];
            if !targets.is_sorted()
                || targets.last().is_some_and(|t| *t >= neurons)
                || (p.dense && !targets.is_empty() && targets.len() != neurons as usize)
            {
                wrong.push(format!("projection {}: row {row}", p.path));
            }
        }
        if let Source::Population(s) = p.source
            && !q.populations[s as usize].fires
        {
            wrong.push(format!("projection {}: its source does not fire", p.path));
        }
    }
    wrong
}
