//! The chosen populations as an integer network.
//!
//! Invariant: one projection for each pair of a source and a population, with the weights that the crossbars add up to.

use super::choose::Chosen;
use super::fanin::Firsts;
use crate::error::MapError;
use crate::quantize;
use crate::quantized::{Input, Projection, Quantized, Source};
use crate::report::ProjectionReport;
use isa::ids::INPUT_ID;
use isa::image::WeightSign;
use network::lowered::{self, Lowered};

/// Builds the integer network, and reports the error of its weights.
pub(super) fn quantized(
    net: &Lowered,
    populations: &[Chosen],
    firsts: &Firsts,
) -> Result<(Quantized, Vec<ProjectionReport>), Vec<MapError>> {
    let mut q = Quantized {
        name: net.name.clone(),
        dt_s: net.dt_s,
        populations: populations.iter().map(|c| c.population.clone()).collect(),
        inputs: Vec::new(),
        projections: Vec::new(),
        outputs: Vec::new(),
        weight_scale: 0,
        depth: populations
            .iter()
            .map(|c| c.population.depth)
            .max()
            .unwrap_or(0),
    };
    for (input, first) in net.inputs.iter().zip(&firsts.inputs) {
        q.inputs.push(Input {
            name: input.name.clone(),
            shape: input.shape.clone(),
            first: *first,
            count: input.shape.iter().product(),
            graded: false,
        });
    }
    let mut reports = Vec::new();
    for (target, chosen) in populations.iter().enumerate() {
        let mut sources: Vec<lowered::Source> = Vec::new();
        for p in net
            .projections
            .iter()
            .filter(|p| p.target as usize == target)
        {
            if !sources.contains(&p.source) {
                sources.push(p.source);
            }
        }
        for source in sources {
            let (base, count) = match source {
                lowered::Source::Input(i) => (
                    INPUT_ID | firsts.inputs[i as usize],
                    net.inputs[i as usize].shape.iter().product(),
                ),
                lowered::Source::Population(s) => (
                    firsts.populations[s as usize],
                    net.populations[s as usize].len(),
                ),
            };
            let paths: Vec<&str> = net
                .projections
                .iter()
                .filter(|p| p.target as usize == target && p.source == source)
                .map(|p| p.path.as_str())
                .collect();
            let (projection, report) = projection(
                chosen,
                target as u32,
                source,
                base,
                count,
                paths.join(" + "),
            );
            q.projections.push(projection);
            reports.push(report);
        }
    }
    q.outputs = quantize::outputs(net, &q.populations)?;
    Ok((q, reports))
}

/// The synapses of one source, and their errors in the network's units.
fn projection(
    chosen: &Chosen,
    target: u32,
    source: lowered::Source,
    base: u32,
    count: u32,
    path: String,
) -> (Projection, ProjectionReport) {
    let (fanin, weights) = (&chosen.fanin, &chosen.weights);
    let mine = |s: u32| s.wrapping_sub(base) < count && (s ^ base) & INPUT_ID == 0;
    let mut row_start = vec![0u32; count as usize + 1];
    let (mut errors, mut power, mut most, mut all, mut dropped) = (0.0, 0.0, 0.0f64, 0u64, 0u64);
    let (mut largest, mut sum, mut lost_sum) = (0.0f64, 0.0f64, 0.0f64);
    for j in 0..fanin.neurons() {
        let unit = weights.scales[j] * chosen.gain.get(j);
        for i in fanin.range(j) {
            let s = &fanin.list[i];
            if !mine(s.source) {
                continue;
            }
            let error = if unit == 0.0 {
                0.0
            } else {
                (f64::from(weights.integers[i]) - s.weight * weights.scales[j]) / unit
            };
            errors += error * error;
            let weight = s.weight / chosen.gain.get(j);
            power += weight.powi(2);
            largest = largest.max(weight.abs());
            sum += weight.abs();
            most = most.max(error.abs());
            all += 1;
            if weights.integers[i] == 0 {
                dropped += 1;
                lost_sum += weight.abs();
            } else {
                row_start[(s.source - base) as usize + 1] += 1;
            }
        }
    }
    for e in 0..count as usize {
        row_start[e + 1] += row_start[e];
    }
    let kept = row_start[count as usize] as usize;
    let mut next = row_start.clone();
    let (mut targets, mut mantissas, mut delays) =
        (vec![0u32; kept], vec![0i16; kept], vec![0u8; kept]);
    for j in 0..fanin.neurons() {
        for i in fanin.range(j) {
            let s = &fanin.list[i];
            if mine(s.source) && weights.integers[i] != 0 {
                let at = &mut next[(s.source - base) as usize];
                targets[*at as usize] = j as u32;
                mantissas[*at as usize] =
                    i16::try_from(weights.integers[i]).expect("at most eight type weights of 255");
                delays[*at as usize] = u8::try_from(s.delay).expect("the chip's delay was checked");
                *at += 1;
            }
        }
    }
    let same = delays.windows(2).all(|w| w[0] == w[1]);
    let delay = delays.first().copied().unwrap_or(0);
    let n = all.max(1) as f64;
    let report = ProjectionReport {
        path: path.clone(),
        synapses: kept as u64,
        weight_bits: weights.lines as u8,
        exponent: 0,
        max_abs_error: most,
        rms_error: (errors / n).sqrt(),
        snr_db: (errors > power * 1e-12).then(|| 10.0 * (power / errors).log10()),
        nonzero: all,
        zeros: dropped,
        zeros_share: if dropped == 0 { 0.0 } else { lost_sum / sum },
        largest,
        dropped,
        dense: false,
    };
    let projection = Projection {
        source: match source {
            lowered::Source::Input(i) => Source::Input(i),
            lowered::Source::Population(p) => Source::Population(p),
        },
        target,
        receptor: 0,
        path,
        sign: WeightSign::Signed,
        weight_bits: weights.lines as u8,
        exponent: 0,
        row_start,
        targets,
        mantissas,
        delay: if same { delay } else { 0 },
        delays: if same { Vec::new() } else { delays },
        dense: false,
    };
    (projection, report)
}
