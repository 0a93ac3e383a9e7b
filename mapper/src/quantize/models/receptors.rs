//! Receptors: a projection leads to one that the kernel of its target has.
//!
//! Invariant: a kernel learns of a receptor by the kind of the axon, so one with several reads it.

use super::graded::kernel;
use crate::error::MapError;
use crate::quantize::Target;
use crate::quantized::Population;
use isa::op::{Op, decode};
use network::lowered;

/// `ldy` of the axon's kind.
const KIND: u8 = 2;

/// Refuses projections to receptors that there are not, or that the kernel does not tell apart.
pub(in crate::quantize) fn check(
    net: &lowered::Lowered,
    populations: &[Population],
    target: &Target<'_>,
) -> Vec<MapError> {
    let mut errors = Vec::new();
    for projection in net.projections.iter().filter(|p| p.receptor > 0) {
        let population = &populations[projection.target as usize];
        let kernel = kernel(population, target);
        let reads = |word: &u32| decode(*word).is_ok_and(|i| i.op == Op::Ldy && i.field == KIND);
        let (what, remedy) = if projection.receptor >= kernel.receptors {
            (
                format!(
                    "it leads to receptor {} of population \"{}\", whose kernel \"{}\" has {}, numbered from 0",
                    projection.receptor, population.name, population.kernel, kernel.receptors
                ),
                "name one of them, or give the kernel more (`.receptors N`)",
            )
        } else if !kernel.on_spike.iter().any(reads) {
            (
                format!(
                    "it leads to receptor {} of population \"{}\", and `on_spike` of kernel \"{}\" does not look where a spike goes",
                    projection.receptor, population.name, population.kernel
                ),
                "let the kernel read the receptor (`ldy r1, kind`) and `acc` into it",
            )
        } else {
            continue;
        };
        errors.push(MapError::Node {
            node: projection.path.clone(),
            what,
            remedy: remedy.into(),
        });
    }
    errors
}
