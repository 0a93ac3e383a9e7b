//! From an output's values to a class.
//!
//! Invariant: ties go to the lowest index, as in `numpy.argmax`.

use crate::lowered::ReadoutKind;

/// Class of an output whose `values` stand step by step, element by element.
pub fn predict(readout: ReadoutKind, values: &[f32], steps: usize) -> u32 {
    let classes = values.len() / steps.max(1);
    let of = |class: usize| values.iter().skip(class).step_by(classes.max(1)).copied();
    let score = |class: usize| -> f64 {
        match readout {
            ReadoutKind::Count => of(class).map(f64::from).sum(),
            ReadoutKind::Last => of(class).last().map_or(0.0, f64::from),
            ReadoutKind::Max => of(class).map(f64::from).fold(f64::NEG_INFINITY, f64::max),
            ReadoutKind::First => -(of(class).position(|v| v > 0.0).unwrap_or(usize::MAX) as f64),
        }
    };
    let mut best = (0, f64::NEG_INFINITY);
    for class in 0..classes {
        let score = score(class);
        if score > best.1 {
            best = (class as u32, score);
        }
    }
    best.0
}

/// The output that labels are compared with: the first that has an element for every label, else the first.
pub fn scored_output(lengths: &[usize], labels: &[u32]) -> usize {
    let classes = labels.iter().max().map_or(0, |&m| m as usize + 1);
    lengths.iter().position(|&n| n >= classes).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_readout_reads() {
        // Three steps of three elements.
        let values = [0.0, 1.0, 0.0, 1.0, 0.0, 3.0, 1.0, 0.5, 0.0];
        for (readout, class) in [
            (ReadoutKind::Count, 2),
            (ReadoutKind::Last, 0),
            (ReadoutKind::Max, 2),
            (ReadoutKind::First, 1),
        ] {
            assert_eq!(predict(readout, &values, 3), class, "{readout:?}");
        }
        assert_eq!(predict(ReadoutKind::First, &[0.0; 4], 2), 0);
        assert_eq!(scored_output(&[2, 4], &[0, 3]), 1);
        assert_eq!(scored_output(&[10, 4], &[0, 3]), 0);
    }
}
