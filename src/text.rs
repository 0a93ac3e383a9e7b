//! Numbers, tables and lists for people.

use crate::outcome::Quantization;
use std::fmt::Write;

/// A number with an SI prefix and unit, three significant digits.
pub fn si(value: f64, unit: &str) -> String {
    if value == 0.0 {
        return format!("0 {unit}");
    }
    const PREFIXES: [(&str, f64); 9] = [
        ("G", 1e9),
        ("M", 1e6),
        ("k", 1e3),
        ("", 1.0),
        ("m", 1e-3),
        ("u", 1e-6),
        ("n", 1e-9),
        ("p", 1e-12),
        ("f", 1e-15),
    ];
    let size = value.abs() * (1.0 + 5e-4);
    let (prefix, scale) = PREFIXES
        .into_iter()
        .find(|&(_, s)| size >= s)
        .unwrap_or(("f", 1e-15));
    let x = value / scale;
    let digits = if x.abs() >= 99.95 {
        0
    } else if x.abs() >= 9.995 {
        1
    } else {
        2
    };
    format!("{x:.digits$} {prefix}{unit}")
}

/// An integer with thousands separators.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// What splitters take and save.
fn splitters(c: &mapper::CrossbarReport) -> String {
    if c.splitters == 0 {
        return String::new();
    }
    format!(
        ";\n             {} sources send through splitters, which take {} lanes; {}",
        count(c.splitters),
        count(c.relays),
        match c.cores_with_copies {
            Some(cores) => format!("with copies alone {} cores", count(cores)),
            None => "with copies alone it does not fit".into(),
        }
    )
}

/// The size of what is on the chip: of a network on crossbars its own neurons and synapses, then what the chip has more of.
pub fn size(
    neurons: u64,
    synapses: u64,
    quantized: Option<&crate::outcome::Quantization>,
) -> String {
    let crossbar = quantized.and_then(|q| Some((q, q.crossbar.as_ref()?)));
    let Some((q, crossbar)) = crossbar else {
        return format!(
            "{}, {}",
            plural(neurons, "neuron"),
            plural(synapses, "synapse")
        );
    };
    let own: u64 = q.projections.iter().map(|p| p.synapses).sum();
    let (copies, relays) = (crossbar.copies, crossbar.relays);
    let splitters = match relays {
        0 => String::new(),
        n => format!("{}, ", plural(n, "splitter lane")),
    };
    format!(
        "{}, {} ({} {}, {splitters}{})",
        plural(neurons - copies - relays, "neuron"),
        plural(own, "synapse"),
        count(copies),
        if copies == 1 { "copy" } else { "copies" },
        plural(synapses, "crossbar bit")
    )
}

/// A count with its noun.
pub fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A share as a percentage.
pub fn percent(x: f64) -> String {
    format!("{:.1} %", 100.0 * x)
}

/// A table: header and rows. Columns of numbers are right-aligned, the first and all others left-aligned.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let numeric: Vec<bool> = (0..header.len())
        .map(|column| {
            column > 0
                && rows
                    .iter()
                    .all(|row| row.get(column).is_none_or(|cell| is_number(cell)))
        })
        .collect();
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for ((cell, &w), &right) in cells.zip(&widths).zip(&numeric) {
            let _ = if right {
                write!(text, "  {cell:>w$}")
            } else {
                write!(text, "  {cell:<w$}")
            };
        }
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(&mut header.iter().copied());
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    out
}

/// A number, with a unit perhaps, or a place held for one.
fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    digits.is_empty() || digits.starts_with(|c: char| c.is_ascii_digit())
}

/// ` of N chips`, of a board.
pub fn of_chips(chips: u32) -> String {
    match chips {
        1 => String::new(),
        chips => format!(" of {chips} chips"),
    }
}

/// Errors of quantisation, by projection and by population.
pub fn quantized(q: &Quantization) -> String {
    let rows: Vec<Vec<String>> = q
        .projections
        .iter()
        .map(|p| {
            vec![
                p.path.clone(),
                count(p.synapses),
                p.weight_bits.to_string(),
                p.exponent.to_string(),
                significant(p.rms_error),
                significant(p.max_abs_error),
                p.snr_db
                    .map_or("-".to_owned(), |snr| format!("{snr:.1} dB")),
                count(p.zeros),
            ]
        })
        .collect();
    let header = [
        "Weights as quantised",
        "synapses",
        "bits",
        "exponent",
        "rms error",
        "largest error",
        "signal/noise",
        "became 0",
    ];
    let mut out = table(&header, &rows);
    out.push('\n');
    if let Some(c) = &q.crossbar {
        let _ = writeln!(
            out,
            "Crossbars    {} lines of {} sources ({:.2} a source) take {} axons; {} copies of neurons send what these have no output for{}\n             \
             cores that this partition's uses alone would fill: {} by neurons and copies, {} by axons{}\n",
            count(c.lines),
            count(c.sources),
            c.lines_per_source,
            count(c.axons),
            count(c.copies),
            splitters(c),
            count(c.cores_by_lanes),
            count(c.cores_by_axons),
            if c.binding.is_empty() {
                String::new()
            } else {
                format!("; {}", c.binding)
            }
        );
    }
    if !q.trees.is_empty() {
        let rows: Vec<Vec<String>> = q.trees.iter().map(relays).collect();
        let header = [
            "Relays that add up",
            "neurons",
            "relays",
            "levels",
            "shares",
            "largest sum",
            "steps later",
        ];
        out.push_str(&table(&header, &rows));
        out.push('\n');
    }
    let rows: Vec<Vec<String>> = q
        .populations
        .iter()
        .map(|p| {
            vec![
                p.name.clone(),
                p.kernel.clone(),
                significant(p.scale),
                significant(p.decay_error),
                significant(p.threshold_error),
                significant(p.bias_error),
            ]
        })
        .collect();
    let header = [
        "Registers",
        "kernel",
        "units per 1",
        "decay error",
        "threshold error",
        "bias error",
    ];
    out.push_str(&table(&header, &rows));
    out.push('\n');
    out
}

/// Relays of a population, as a row.
fn relays(tree: &mapper::TreeReport) -> Vec<String> {
    vec![
        tree.population.clone(),
        count(tree.neurons.into()),
        count(tree.relays.into()),
        count(tree.levels.into()),
        count(tree.shares.into()),
        count(tree.largest_sum),
        count(tree.later.into()),
    ]
}

/// Three significant digits.
pub(crate) fn significant(x: f64) -> String {
    if x == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&x.abs()) {
        let digits = (2 - x.abs().log10().floor() as i32).max(0) as usize;
        format!("{x:.digits$}")
    } else {
        format!("{x:.2e}")
    }
}

/// Joins words with commas into lines of at most `width` characters.
pub(crate) fn wrap(words: &[&str], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (i, word) in words.iter().enumerate() {
        let word = if i + 1 < words.len() {
            format!("{word}, ")
        } else {
            (*word).to_owned()
        };
        let last = lines.len() - 1;
        if lines[last].len() + word.len() > width && !lines[last].is_empty() {
            lines.push(word);
        } else {
            lines[last].push_str(&word);
        }
    }
    lines
        .iter_mut()
        .for_each(|l| l.truncate(l.trim_end().len()));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn si_prefixes() {
        for (value, expect) in [
            (0.0, "0 J"),
            (1.0, "1.00 J"),
            (0.0012345, "1.23 mJ"),
            (999.9e-9, "1.00 uJ"),
            (0.99996e-6, "1.00 uJ"),
            (23.6e-12, "23.6 pJ"),
            (123e-15, "123 fJ"),
            (12_345.0, "12.3 kJ"),
        ] {
            assert_eq!(si(value, "J"), expect);
        }
    }

    #[test]
    fn thousands() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1234), "1,234");
        assert_eq!(count(1_234_567), "1,234,567");
    }
}
