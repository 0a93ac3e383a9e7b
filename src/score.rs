//! Readout: what an output said, sample by sample, and how often that was right.
//!
//! Only steps `depth … depth + T − 1` of an output count (`specs/timestep.md`, Readout).

use crate::args::ReadoutChoice;
use crate::outcome::Score;
use anyhow::{Result, bail};
use emulator::SampleResult;
use isa::image::{Image, OutputPort, OutputSource, Readout};

/// Elements of an output.
pub fn elements(port: &OutputPort) -> usize {
    port.shape.iter().map(|&n| n as usize).product()
}

/// The element that an output chose in a sample, if it chose any. Ties and silence go to the lowest index.
pub fn predict(
    port: &OutputPort,
    sample: &SampleResult,
    steps: u32,
    readout: Readout,
) -> Option<u32> {
    let n = elements(port);
    let mut scores = vec![0_i64; n];
    match port.source {
        OutputSource::Spikes { .. } => {
            let mut now: Vec<i64> = vec![0; if readout == Readout::Max { n } else { 0 }];
            let mut first = None;
            for event in events(port, sample, steps) {
                match readout {
                    Readout::Count => scores[event.element] += event.value,
                    Readout::Last if event.step + 1 == steps => {
                        scores[event.element] += event.value
                    }
                    Readout::Last => {}
                    Readout::First => {
                        if *first.get_or_insert(event.step) == event.step {
                            scores[event.element] += event.value;
                        }
                    }
                    Readout::Max => {
                        if first.replace(event.step) != Some(event.step) {
                            now.fill(0);
                        }
                        now[event.element] += event.value;
                        scores[event.element] = scores[event.element].max(now[event.element]);
                    }
                }
            }
            if readout == Readout::First && first.is_none() {
                return None;
            }
        }
        OutputSource::Probe(_) => {
            scores.fill(i64::MIN);
            let rows = probe_rows(port, sample, steps);
            let last = rows.len().saturating_sub(1);
            for (step, row) in rows.enumerate() {
                for (score, &v) in scores.iter_mut().zip(row) {
                    match readout {
                        Readout::Max => *score = (*score).max(i64::from(v)),
                        _ if step == last => *score = i64::from(v),
                        _ => {}
                    }
                }
            }
        }
    }
    let mut best = 0;
    for (i, &s) in scores.iter().enumerate() {
        if s > scores[best] {
            best = i;
        }
    }
    Some(best as u32)
}

/// Whether an output said nothing at all in its counted steps.
pub fn is_silent(port: &OutputPort, sample: &SampleResult, steps: u32) -> bool {
    match port.source {
        OutputSource::Spikes { .. } => events(port, sample, steps).next().is_none(),
        OutputSource::Probe(_) => {
            probe_rows(port, sample, steps).all(|row| row.iter().all(|&v| v == 0))
        }
    }
}

/// A packet of a spike output in a counted step.
struct Event {
    /// Counted from the first counted step.
    step: u32,
    /// Element of the output.
    element: usize,
    /// Payload.
    value: i64,
}

/// Packets of a spike output in its counted steps, by step.
fn events<'s>(
    port: &OutputPort,
    sample: &'s SampleResult,
    steps: u32,
) -> impl Iterator<Item = Event> + 's {
    let first = match port.source {
        OutputSource::Spikes { first } => first,
        OutputSource::Probe(_) => u32::MAX,
    };
    let range = first..first.saturating_add(elements(port) as u32);
    let depth = port.depth;
    let window = depth..depth.saturating_add(steps);
    sample
        .outputs
        .iter()
        .filter(move |(step, element, _)| window.contains(step) && range.contains(element))
        .map(move |&(step, element, payload)| Event {
            step: step - depth,
            element: (element - first) as usize,
            value: i64::from(payload),
        })
}

/// Observed states of an integrating output in its counted steps.
fn probe_rows<'s>(
    port: &OutputPort,
    sample: &'s SampleResult,
    steps: u32,
) -> std::slice::ChunksExact<'s, i32> {
    let n = elements(port);
    let seen = match port.source {
        OutputSource::Probe(index) => sample.probes[index as usize].as_slice(),
        OutputSource::Spikes { .. } => &[],
    };
    let from = (port.depth as usize * n).min(seen.len());
    let to = (from + steps as usize * n).min(seen.len());
    seen[from..to].chunks_exact(n.max(1))
}

/// The counted values of an output: `T × elements`, step-major. Spike outputs give the sum of payloads per step; probes the state.
pub fn values(port: &OutputPort, sample: &SampleResult, steps: u32) -> Vec<i64> {
    let n = elements(port);
    let mut values = vec![0_i64; n * steps as usize];
    for event in events(port, sample, steps) {
        values[event.step as usize * n + event.element] += event.value;
    }
    for (row, seen) in values
        .chunks_exact_mut(n.max(1))
        .zip(probe_rows(port, sample, steps))
    {
        for (v, &x) in row.iter_mut().zip(seen) {
            *v = i64::from(x);
        }
    }
    values
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Depth 1, three elements of which the first is element 2 among all.
    fn port(source: OutputSource) -> OutputPort {
        OutputPort {
            name: "out".to_owned(),
            shape: vec![3],
            depth: 1,
            readout: Readout::Count,
            source,
        }
    }

    /// Steps 1 to 3 count; steps 0 and 4 and elements 1 and 5 must not.
    fn spikes() -> SampleResult {
        SampleResult {
            outputs: vec![
                (0, 4, 9),
                (1, 3, 1),
                (1, 1, 9),
                (2, 2, 1),
                (2, 4, 1),
                (2, 4, 1),
                (3, 2, 1),
                (3, 2, 1),
                (3, 5, 9),
                (4, 3, 9),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn spikes_are_read_in_the_counted_steps_only() {
        let port = port(OutputSource::Spikes { first: 2 });
        let sample = spikes();
        assert_eq!(values(&port, &sample, 3), [0, 1, 0, 1, 0, 2, 2, 0, 0]);
        for (readout, expect) in [
            (Readout::Count, 0),
            (Readout::Last, 0),
            (Readout::Max, 0),
            (Readout::First, 1),
        ] {
            assert_eq!(
                predict(&port, &sample, 3, readout),
                Some(expect),
                "{readout:?}"
            );
        }
        // Without the last step element 2 has most spikes, the largest step and the last one.
        for (readout, expect) in [
            (Readout::Count, 2),
            (Readout::Last, 2),
            (Readout::Max, 2),
            (Readout::First, 1),
        ] {
            assert_eq!(
                predict(&port, &sample, 2, readout),
                Some(expect),
                "{readout:?}"
            );
        }
        assert!(!is_silent(&port, &sample, 3));
    }

    #[test]
    fn silence_is_known_and_goes_to_the_lowest_index() {
        let port = port(OutputSource::Spikes { first: 2 });
        let silent = SampleResult::default();
        assert!(is_silent(&port, &silent, 3));
        assert_eq!(predict(&port, &silent, 3, Readout::Count), Some(0));
        assert_eq!(predict(&port, &silent, 3, Readout::First), None);
    }

    #[test]
    fn states_are_read_in_the_counted_steps_only() {
        let port = port(OutputSource::Probe(0));
        let sample = SampleResult {
            probes: vec![vec![9, 9, 9, -5, -1, -7, -4, -6, -3, 9, 8, 9]],
            ..Default::default()
        };
        assert_eq!(values(&port, &sample, 2), [-5, -1, -7, -4, -6, -3]);
        assert_eq!(predict(&port, &sample, 2, Readout::Last), Some(2));
        assert_eq!(predict(&port, &sample, 2, Readout::Max), Some(1));
        assert!(!is_silent(&port, &sample, 2));
    }

    #[test]
    fn counting_needs_spikes() {
        assert!(check(&port(OutputSource::Probe(0)), Readout::Count).is_err());
        assert!(check(&port(OutputSource::Probe(0)), Readout::Last).is_ok());
        assert!(check(&port(OutputSource::Spikes { first: 0 }), Readout::First).is_ok());
    }
}
