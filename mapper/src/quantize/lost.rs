//! Weights that were not 0 and became 0: where they are many, a warning that says beside what they were too small.
//!
//! Invariant: weights that the network gives as 0 never count, and nothing is said of projections whose weights are exact.

use crate::error::short;
use crate::report::ProjectionReport;

/// More than this share of the weights makes a warning. Of evenly or normally distributed weights the smallest quarter carries 5 to 6 % of
/// the sum of all magnitudes; 8 bits take 0.4 to 2 % of such weights, 4 bits a third. Where one weight is far above all others the sum says little
/// and the number everything.
const MANY: f64 = 0.25;

/// The warnings; `targets`: the population that each projection reaches.
pub(crate) fn lost(projections: &[ProjectionReport], targets: &[u32]) -> Vec<String> {
    let all = || projections.iter().zip(targets);
    let many = |p: &ProjectionReport| p.zeros as f64 > MANY * p.nonzero as f64;
    all()
        .filter(|(p, _)| many(p))
        .map(|(p, target)| {
            let beside = all()
                .filter(|(_, t)| *t == target)
                .fold(p, |most, (q, _)| if q.largest > most.largest { q } else { most });
            let whose = if beside.path == p.path {
                String::new()
            } else {
                format!(" of projection \"{}\" into the same neurons", beside.path)
            };
            format!(
                "projection \"{}\": {} of its {} weights other than 0 became 0, which were {} % of the sum of their magnitudes; the chip's weights are too coarse for them beside the largest, {}{whose}: \
                 clip that, make the weights more alike, or take a chip with wider weights",
                p.path,
                p.zeros,
                p.nonzero,
                short((p.zeros_share * 1000.0).round() / 10.0),
                short(beside.largest),
            )
        })
        .collect()
}
