//! Readout: what an output said, sample by sample, and how often that was right.
//!
//! Only steps `depth … depth + T − 1` of an output count (`specs/timestep.md`, Readout).

use crate::args::ReadoutChoice;
use crate::outcome::Score;
use anyhow::{Result, bail};
use emulator::SampleResult;
use isa::image::{Image, OutputPort, OutputSource, Readout};

/// Values of one output of one sample: `T × elements`, step-major.
pub struct OutputValues {
    /// Number of elements.
    pub elements: usize,
    /// Values.
    pub values: Vec<i64>,
}

/// Elements of an output.
pub fn elements(port: &OutputPort) -> usize {
    port.shape.iter().map(|&n| n as usize).product()
}

/// The counted values of an output. Spike outputs give the sum of payloads per step; probes the state.
pub fn values(image: &Image, port: &OutputPort, sample: &SampleResult, steps: u32) -> OutputValues {
    let n = elements(port);
    let mut values = vec![0_i64; n * steps as usize];
    let window = port.depth..port.depth.saturating_add(steps);
    match port.source {
        OutputSource::Spikes { first } => {
            let range = first..first + n as u32;
            for &(step, element, payload) in &sample.outputs {
                if window.contains(&step) && range.contains(&element) {
                    let row = (step - port.depth) as usize;
                    values[row * n + (element - first) as usize] += i64::from(payload);
                }
            }
        }
        OutputSource::Probe(index) => {
            let probe = &sample.probes[index as usize];
            debug_assert_eq!(image.probes[index as usize].neurons.len(), n);
            for step in window {
                let from = step as usize * n;
                let row = (step - port.depth) as usize;
                if let Some(seen) = probe.get(from..from + n) {
                    for (v, &x) in values[row * n..].iter_mut().zip(seen) {
                        *v = i64::from(x);
                    }
                }
            }
        }
    }
    OutputValues {
        elements: n,
        values,
    }
}

/// The element that an output chose, if it chose any.
pub fn predict(output: &OutputValues, readout: Readout) -> Option<u32> {
    let n = output.elements;
    let rows: Vec<&[i64]> = output.values.chunks_exact(n).collect();
    let best = |scores: Vec<i64>| {
        let mut best = 0;
        for (i, &s) in scores.iter().enumerate() {
            if s > scores[best] {
                best = i;
            }
        }
        Some(best as u32)
    };
    match readout {
        Readout::Count => best((0..n).map(|i| rows.iter().map(|r| r[i]).sum()).collect()),
        Readout::Last => rows.last().and_then(|r| best(r.to_vec())),
        Readout::Max => best(
            (0..n)
                .map(|i| rows.iter().map(|r| r[i]).max().unwrap_or(0))
                .collect(),
        ),
        Readout::First => rows
            .iter()
            .find_map(|r| r.iter().any(|&x| x > 0).then(|| best(r.to_vec())))
            .flatten(),
    }
}

/// The readout in force for an output.
pub fn readout(port: &OutputPort, choice: Option<ReadoutChoice>) -> Readout {
    match choice {
        None => port.readout,
        Some(ReadoutChoice::Count) => Readout::Count,
        Some(ReadoutChoice::Last) => Readout::Last,
        Some(ReadoutChoice::Max) => Readout::Max,
        Some(ReadoutChoice::First) => Readout::First,
    }
}

/// Refuses a readout that an output cannot have: spikes cannot be counted where only a state is observed.
pub fn check(port: &OutputPort, readout: Readout) -> Result<()> {
    let observed = matches!(port.source, OutputSource::Probe(_));
    if observed && matches!(readout, Readout::Count | Readout::First) {
        bail!(
            "--readout: output {:?} sends no spikes to count; its state can be read by last or max",
            port.name
        );
    }
    Ok(())
}

/// Words for a readout.
pub fn describe(readout: Readout) -> &'static str {
    match readout {
        Readout::Count => "most spikes",
        Readout::Last => "largest value of the last step",
        Readout::Max => "largest value of any step",
        Readout::First => "earliest spike",
    }
}

/// Index of the output that labels speak of: the first with more elements than the largest label.
pub fn scored_output(image: &Image, labels: Option<&[i64]>) -> Option<usize> {
    let largest = labels.and_then(|l| l.iter().max().copied()).unwrap_or(0);
    image
        .io
        .outputs
        .iter()
        .position(|o| elements(o) as i64 > largest)
}

/// Accuracy of predictions against labels.
pub fn score(predictions: &[Option<u32>], labels: &[i64], how: String) -> Score {
    let right = predictions
        .iter()
        .zip(labels)
        .filter(|&(p, &l)| p.is_some_and(|p| i64::from(p) == l))
        .count();
    Score {
        accuracy: right as f64 / predictions.len().max(1) as f64,
        right,
        how,
    }
}
