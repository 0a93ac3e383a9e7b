//! Samples for a network, and the files that hold them.
//!
//! Invariant: a step's events stand in ascending order of input element, each element once, each value finite and not 0.
//! Files: `.npz` or `.npy` with `spikes` (T, …) or (T, B, …), the packed form (`input_bits`, `T`, `B`, `input_shape`), and
//! event lists as CSV; see `specs/network.md`.

use std::io::{Cursor, Read, Seek};
use std::path::Path;

use crate::error::{Errors, NetworkError, Result};
use crate::npz::{Array, Npz, NpzError, read_npy};

/// Most steps of a sample that a CSV file may ask for.
const MAX_CSV_STEPS: f64 = 16_777_216.0;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    starts: Vec<u32>,
    events: Vec<(u32, f32)>,
}

impl Default for Sample {
    fn default() -> Sample {
        Sample::new()
    }
}

impl Sample {
    /// A sample of no steps.
    pub fn new() -> Sample {
        Sample {
            starts: vec![0],
            events: Vec::new(),
        }
    }

    /// Adds a step with its events (input element, value); values of the same element add up.
    pub fn push_step(&mut self, events: impl IntoIterator<Item = (u32, f32)>) {
        let start = self.events.len();
        self.events.extend(events);
        if self.events[start..]
            .windows(2)
            .any(|pair| pair[0].0 >= pair[1].0)
        {
            self.events[start..].sort_by_key(|e| e.0);
            let mut last = start;
            for i in start + 1..self.events.len() {
                if self.events[i].0 == self.events[last].0 {
                    self.events[last].1 += self.events[i].1;
                } else {
                    last += 1;
                    self.events[last] = self.events[i];
                }
            }
            self.events.truncate(last + 1);
        }
        let mut keep = start;
        for i in start..self.events.len() {
            if self.events[i].1 != 0.0 {
                self.events[keep] = self.events[i];
                keep += 1;
            }
        }
        self.events.truncate(keep);
        self.starts
            .push(u32::try_from(self.events.len()).expect("readers bound the number of events"));
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.starts.len() - 1
    }

    /// Events of a step; none beyond the last.
    pub fn step(&self, step: usize) -> &[(u32, f32)] {
        match self.starts.get(step..step + 2) {
            Some(&[start, end]) => &self.events[start as usize..end as usize],
            _ => &[],
        }
    }

    /// All events, step by step.
    pub fn events(&self) -> &[(u32, f32)] {
        &self.events
    }

    /// Largest input element with an event.
    pub fn max_element(&self) -> Option<u32> {
        self.events.iter().map(|e| e.0).max()
    }

    /// The same sample with exactly `steps` steps: cut, or continued without events.
    #[must_use]
    pub fn with_steps(mut self, steps: usize) -> Sample {
        let last = *self.starts.last().expect("starts holds at least 0");
        self.starts.resize(steps + 1, last);
        self.events.truncate(self.starts[steps] as usize);
        self
    }
}

/// What kind of values an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ValueKind {
    /// Only ones: spikes.
    Spikes,
    /// Whole numbers.
    Whole,
    /// Any numbers: currents.
    Real,
}

/// Samples with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// Samples, all of the same number of steps.
    pub samples: Vec<Sample>,
    /// Class of each sample, if the file says.
    pub labels: Option<Vec<u32>>,
    /// Time step, seconds, if the file says.
    pub dt_s: Option<f64>,
    /// Least kind that all values are of.
    pub kind: ValueKind,
}

fn wrong(what: impl Into<String>) -> Errors {
    NetworkError::Input { what: what.into() }.into()
}

fn in_key(key: &str) -> impl Fn(NpzError) -> Errors + '_ {
    move |error| wrong(format!("`{key}`: {error}"))
}

/// Reads samples for a network whose inputs have these shapes, from a file whose ending says its format. `dt_s` is the
/// network's time step, for event lists in seconds.
pub fn load(path: &Path, shapes: &[Vec<u32>], dt_s: f64) -> Result<Samples> {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or("")
        .to_lowercase();
    let unreadable = |e: std::io::Error| {
        Errors::from(NetworkError::Unreadable {
            what: e.to_string(),
        })
    };
    let read = || -> Result<Samples> {
        match ending.as_str() {
            "npz" => from_npz(
                std::io::BufReader::new(std::fs::File::open(path).map_err(unreadable)?),
                shapes,
            ),
            "npy" => from_npy(&std::fs::read(path).map_err(unreadable)?, shapes),
            "csv" => from_csv(&std::fs::read(path).map_err(unreadable)?, shapes, dt_s),
            _ => Err(wrong(format!(
                "`.{ending}` is no input format; there are .npz, .npy and .csv"
            ))),
        }
    };
    read().map_err(|e| e.in_file(path.display().to_string()))
}

/// Elements of all inputs together.
fn width(shapes: &[Vec<u32>]) -> usize {
    shapes
        .iter()
        .map(|s| s.iter().map(|&d| d as usize).product::<usize>())
        .sum()
}

/// Reads an `.npz`: key `spikes`, or the packed form.
pub fn from_npz(file: impl Read + Seek, shapes: &[Vec<u32>]) -> Result<Samples> {
    let mut npz = Npz::open(file).map_err(|e| wrong(e.to_string()))?;
    let mut read = |key: &str| npz.read(key).map_err(in_key(key));
    let (samples, kind) = if let Some(spikes) = read("spikes")? {
        unpack_plain(&spikes, shapes)?
    } else if let Some(bits) = read("input_bits")? {
        let (steps, count, shape) = (read("T")?, read("B")?, read("input_shape")?);
        let samples = unpack_bits(&bits, [("T", steps), ("B", count)], shape, shapes)?;
        (samples, ValueKind::Spikes)
    } else {
        let names = npz.names();
        let shown = names
            .iter()
            .take(8)
            .cloned()
            .collect::<Vec<_>>()
            .join("`, `");
        return Err(wrong(format!(
            "there is neither `spikes` nor `input_bits` in it; it has `{shown}`"
        )));
    };
    let mut labels = None;
    for key in ["labels", "labels_"] {
        if labels.is_none() {
            labels = read(key)?
                .map(|array| array.into_u32().map_err(in_key(key)))
                .transpose()?;
        }
    }
    if let Some(labels) = &labels
        && labels.len() != samples.len()
    {
        return Err(wrong(format!(
            "there are {} labels for {} samples",
            labels.len(),
            samples.len()
        )));
    }
    let dt_s = read("dt")?.and_then(|array| array.get(0));
    Ok(Samples {
        samples,
        labels,
        dt_s,
        kind,
    })
}

/// Reads a `.npy` of spikes.
pub fn from_npy(bytes: &[u8], shapes: &[Vec<u32>]) -> Result<Samples> {
    let array = read_npy(bytes).map_err(|e| wrong(e.to_string()))?;
    let (samples, kind) = unpack_plain(&array, shapes)?;
    Ok(Samples {
        samples,
        labels: None,
        dt_s: None,
        kind,
    })
}

/// (T, …) or (T, B, …), told apart by the network's input shape.
fn unpack_plain(array: &Array, shapes: &[Vec<u32>]) -> Result<(Vec<Sample>, ValueKind)> {
    let width = width(shapes);
    let mut tails = vec![vec![width]];
    if let [shape] = shapes {
        tails.push(shape.iter().map(|&d| d as usize).collect());
    }
    if width == 1 {
        tails.push(Vec::new());
    }
    let shape = &array.shape;
    let fits =
        |skip: usize| shape.len() >= skip && tails.iter().any(|tail| shape[skip..] == tail[..]);
    let (steps, count) = if fits(1) {
        (shape[0], 1)
    } else if fits(2) {
        (shape[0], shape[1])
    } else {
        let wanted = match shapes {
            [one] => format!("{one:?}"),
            _ => format!("[{width}] (all inputs together)"),
        };
        return Err(wrong(format!(
            "`spikes` has shape {shape:?}; the network takes (T, …) or (T, B, …) with {wanted} at the end"
        )));
    };
    let (steps, count) = bounded(steps, count)?;
    let mut samples = vec![Sample::new(); count];
    let mut kind = ValueKind::Spikes;
    let mut row = Vec::new();
    for step in 0..steps {
        for (number, sample) in samples.iter_mut().enumerate() {
            row.clear();
            let first = (step * count + number) * width;
            for element in 0..width {
                let value = array.get(first + element).unwrap_or(0.0);
                if value == 0.0 {
                    continue;
                }
                if !value.is_finite() || !(value as f32).is_finite() {
                    return Err(wrong(format!(
                        "`spikes` is {value} at step {step}, sample {number}, element {element}"
                    )));
                }
                let least = match value {
                    1.0 => ValueKind::Spikes,
                    v if v.fract() == 0.0 => ValueKind::Whole,
                    _ => ValueKind::Real,
                };
                kind = kind.max(least);
                row.push((element as u32, value as f32));
            }
            sample.push_step(row.iter().copied());
        }
    }
    Ok((samples, kind))
}

/// Steps and samples, neither of them 0.
fn bounded(steps: usize, count: usize) -> Result<(usize, usize)> {
    if steps == 0 || count == 0 {
        return Err(wrong(format!(
            "there are {steps} steps and {count} samples; at least one of each is needed"
        )));
    }
    Ok((steps, count))
}

/// The packed form: (T, B, bytes), bits little-endian over the flattened input.
fn unpack_bits(
    bits: &Array,
    counts: [(&str, Option<Array>); 2],
    shape: Option<Array>,
    shapes: &[Vec<u32>],
) -> Result<Vec<Sample>> {
    let width = width(shapes);
    let crate::npz::Data::U8(bytes) = &bits.data else {
        return Err(wrong("`input_bits` must hold bytes (uint8)"));
    };
    let [steps, count, row] = bits.shape[..] else {
        return Err(wrong(format!(
            "`input_bits` has shape {:?}; it takes (T, B, bytes)",
            bits.shape
        )));
    };
    for ((key, stated), found) in counts.into_iter().zip([steps, count]) {
        let stated = stated.and_then(|array| array.get(0));
        if stated.is_some_and(|stated| stated != found as f64) {
            return Err(wrong(format!(
                "`{key}` is {}, `input_bits` has {found}",
                stated.unwrap_or_default()
            )));
        }
    }
    if let Some(shape) = shape {
        let stated: Vec<u32> = shape.into_u32().map_err(in_key("input_shape"))?;
        let elements: u64 = stated
            .iter()
            .fold(1, |n, &d| n.saturating_mul(u64::from(d)));
        let same = match shapes {
            [one] => *one == stated,
            _ => false,
        };
        if !same && (elements != width as u64 || (stated.len() > 1 && shapes.len() == 1)) {
            let wanted = shapes.first().map_or(String::new(), |s| format!("{s:?}"));
            let wanted = if shapes.len() == 1 {
                wanted
            } else {
                format!("{width} elements in all")
            };
            return Err(wrong(format!(
                "`input_shape` is {stated:?}; the network takes {wanted}"
            )));
        }
    }
    if row != width.div_ceil(8) {
        let wanted = width.div_ceil(8);
        return Err(wrong(format!(
            "`input_bits` has {row} bytes a step; the network's {width} inputs take {wanted}"
        )));
    }
    let (steps, count) = bounded(steps, count)?;
    let mut samples = vec![Sample::new(); count];
    for step in 0..steps {
        for (number, sample) in samples.iter_mut().enumerate() {
            let first = (step * count + number) * row;
            let packed = &bytes[first..first + row];
            let set = |element: &u32| packed[*element as usize / 8] >> (element % 8) & 1 == 1;
            sample.push_step((0..width as u32).filter(set).map(|element| (element, 1.0)));
        }
    }
    Ok(samples)
}

/// Reads an event list: `time,index[,value]`, times in seconds; a header with `step` instead of `time` counts steps.
pub fn from_csv(bytes: &[u8], shapes: &[Vec<u32>], dt_s: f64) -> Result<Samples> {
    let width = width(shapes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(Cursor::new(bytes));
    let mut in_steps = false;
    let mut rows: Vec<(u32, u32, f32)> = Vec::new();
    let mut kind = ValueKind::Spikes;
    let mut errors = crate::error::Collector::default();
    for (number, record) in reader.records().enumerate() {
        let record = record.map_err(|e| wrong(e.to_string()))?;
        let line = record.position().map_or(0, |p| p.line() as usize);
        let mut fail = |what: String| errors.push(NetworkError::Line { line, what });
        let texts: Vec<&str> = record.iter().collect();
        if number == 0 && texts.first().is_some_and(|t| t.parse::<f64>().is_err()) {
            match texts[..] {
                ["time", "index"] | ["time", "index", "value"] => {}
                ["step", "index"] | ["step", "index", "value"] => in_steps = true,
                _ => fail(format!(
                    "the header is `{}`; it takes time,index[,value] or step,index[,value]",
                    texts.join(",")
                )),
            }
            continue;
        }
        if !(2..=3).contains(&texts.len()) {
            fail(format!(
                "{} fields; an event is time,index[,value]",
                texts.len()
            ));
            continue;
        }
        let numbers: Option<Vec<f64>> = texts
            .iter()
            .map(|t| t.parse().ok().filter(|v: &f64| v.is_finite()))
            .collect();
        let Some(numbers) = numbers else {
            fail(format!("`{}` are not all numbers", texts.join(",")));
            continue;
        };
        // A time of exactly k steps belongs to step k, whatever its last bit.
        let step = if in_steps {
            numbers[0]
        } else {
            (numbers[0] / dt_s + 1e-6).floor()
        };
        let value = numbers.get(2).copied().unwrap_or(1.0);
        if !(0.0..MAX_CSV_STEPS).contains(&step) || step.fract() != 0.0 {
            fail(format!(
                "time {} is step {step}; steps are whole numbers from 0 to {MAX_CSV_STEPS}",
                numbers[0]
            ));
        } else if numbers[1].fract() != 0.0 || !(0.0..width as f64).contains(&numbers[1]) {
            fail(format!(
                "index {}; the network's inputs are 0 to {}",
                numbers[1],
                width.saturating_sub(1)
            ));
        } else if !(value as f32).is_finite() {
            fail(format!("value {value} is too large"));
        } else {
            kind = kind.max(if value == 1.0 {
                ValueKind::Spikes
            } else if value.fract() == 0.0 {
                ValueKind::Whole
            } else {
                ValueKind::Real
            });
            rows.push((step as u32, numbers[1] as u32, value as f32));
        }
    }
    errors.check()?;
    rows.sort_by_key(|r| (r.0, r.1));
    let steps = rows.last().map_or(0, |r| r.0 + 1);
    if steps == 0 {
        return Err(wrong("there are no events in it"));
    }
    let mut sample = Sample::new();
    let mut rest = &rows[..];
    for step in 0..steps {
        let (now, later) = rest.split_at(rest.partition_point(|r| r.0 <= step));
        sample.push_step(now.iter().map(|r| (r.1, r.2)));
        rest = later;
    }
    Ok(Samples {
        samples: vec![sample],
        labels: None,
        dt_s: None,
        kind,
    })
}
