//! Bare connectivity: who reaches whom, without weights or models, from `scipy.sparse.save_npz` (CSR).
//!
//! Invariant: targets of a neuron are below the number of neurons. Row = source, column = target. Entries that are stored
//! count as synapses whatever their value; the values are read only where they are traffic. Memory: 4 bytes per synapse, 12 while
//! 64-bit indices are read, and 8 for values.

use crate::error::{Errors, NetworkError, Result};
use crate::npz::{Array, Data, Npz, NpzError, write_npy};
use std::fs::File;
use std::io::{BufReader, Seek, Write};
use std::path::Path;

/// Format name in errors.
const FORMAT: &str = "sparse matrix (.npz)";

/// Largest sum of traffic: weighted with hops, it is still a number.
const MOST_TRAFFIC: f64 = 1e200;

/// Targets of every neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct Connectivity {
    start: Vec<u64>,
    targets: Vec<u32>,
    values: Option<Vec<f64>>,
}

impl Connectivity {
    /// From rows: targets of neuron i are `targets[start[i]..start[i + 1]]`; the message says what is wrong.
    pub fn new(start: Vec<u64>, targets: Vec<u32>) -> std::result::Result<Connectivity, String> {
        let n = start.len().saturating_sub(1);
        if start.first() != Some(&0) || n >= u32::MAX as usize {
            return Err(
                "indptr must begin with 0 and have one entry more than the matrix has rows".into(),
            );
        }
        if n == 0 {
            return Err("the matrix is 0 by 0; connectivity has one row and one column per neuron, and at least one".into());
        }
        if let Some(i) = (0..n).find(|i| start[*i] > start[i + 1]) {
            let (before, after) = (start[i], start[i + 1]);
            return Err(format!(
                "indptr falls from {before} to {after} at row {i}; it must not fall"
            ));
        }
        if start[n] != targets.len() as u64 {
            return Err(format!(
                "indptr ends at {}, and there are {} indices; the two must agree",
                start[n],
                targets.len()
            ));
        }
        if let Some(at) = targets.iter().position(|t| *t as usize >= n) {
            let row = start.partition_point(|s| *s <= at as u64) - 1;
            return Err(format!(
                "row {row}: column index {} (entry {at} of indices); columns are 0 to {}",
                targets[at],
                n.saturating_sub(1)
            ));
        }
        Ok(Connectivity {
            start,
            targets,
            values: None,
        })
    }

    /// With a value for each synapse, in the order of the rows: finite, not negative, in all at most 10^200.
    pub fn with_values(mut self, values: Vec<f64>) -> std::result::Result<Connectivity, String> {
        if values.len() != self.targets.len() {
            return Err(format!(
                "data has {} values for {} indices",
                values.len(),
                self.targets.len()
            ));
        }
        let bad = |v: &f64| !v.is_finite() || *v < 0.0;
        if let Some(at) = values.iter().position(bad) {
            let row = self.start.partition_point(|s| *s <= at as u64) - 1;
            return Err(format!(
                "row {row}: value {} (entry {at} of data); traffic is finite and not negative",
                values[at]
            ));
        }
        let sum = values.iter().sum::<f64>();
        if sum > MOST_TRAFFIC {
            return Err(format!(
                "the values of data add up to {sum:e}; traffic may be {MOST_TRAFFIC:e} in all, divide it by a constant"
            ));
        }
        self.values = Some(values);
        Ok(self)
    }

    /// Values of a neuron's synapses, where they were read.
    pub fn values_of(&self, neuron: u32) -> Option<&[f64]> {
        let row = self.start[neuron as usize] as usize..self.start[neuron as usize + 1] as usize;
        self.values.as_ref().map(|v| &v[row])
    }

    /// Whether synapses have values.
    pub fn has_values(&self) -> bool {
        self.values.is_some()
    }

    /// Writes the matrix as `scipy.sparse.save_npz` does; without values, each is 1.
    pub fn write(&self, to: impl Write + Seek) -> std::result::Result<(), NpzError> {
        let n = i64::from(self.neurons());
        let ones = || vec![1.0; self.targets.len()];
        let start = self.start.iter().map(|s| *s as i64).collect();
        let targets = self.targets.iter().map(|t| i64::from(*t)).collect();
        let mut zip = zip::ZipWriter::new(to);
        let options =
            zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
        for (name, data) in [
            ("indices", Data::I64(targets)),
            ("indptr", Data::I64(start)),
            ("shape", Data::I64(vec![n, n])),
            ("data", Data::F64(self.values.clone().unwrap_or_else(ones))),
        ] {
            zip.start_file(format!("{name}.npy"), options)?;
            write_npy(&mut zip, &Array::vector(data))?;
        }
        zip.start_file("format.npy", options)?;
        // A scalar of three bytes, which the array writer does not know.
        let header = format!(
            "{:<117}\n",
            "{'descr': '|S3', 'fortran_order': False, 'shape': (), }"
        );
        zip.write_all(b"\x93NUMPY\x01\x00")?;
        zip.write_all(&(header.len() as u16).to_le_bytes())?;
        zip.write_all(header.as_bytes())?;
        zip.write_all(b"csr")?;
        zip.finish()?;
        Ok(())
    }

    /// Number of neurons.
    pub fn neurons(&self) -> u32 {
        self.start.len() as u32 - 1
    }

    /// Number of synapses.
    pub fn synapses(&self) -> u64 {
        self.targets.len() as u64
    }

    /// Neurons that a neuron reaches.
    pub fn targets_of(&self, neuron: u32) -> &[u32] {
        let row = self.start[neuron as usize] as usize..self.start[neuron as usize + 1] as usize;
        &self.targets[row]
    }
}

/// Reads a square CSR matrix written by `scipy.sparse.save_npz`; its values too, if they are `traffic`.
pub fn load(path: &Path, traffic: bool) -> Result<Connectivity> {
    read(path, traffic).map_err(|e| e.in_file(path.display().to_string()))
}

fn wrong(what: impl Into<String>) -> Errors {
    NetworkError::Format {
        format: FORMAT,
        what: what.into(),
    }
    .into()
}

fn read(path: &Path, traffic: bool) -> Result<Connectivity> {
    let unreadable = |e: std::io::Error| {
        Errors::from(NetworkError::Unreadable {
            what: e.to_string(),
        })
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut npz = Npz::open(BufReader::new(file)).map_err(|e| wrong(e.to_string()))?;
    let format = format_of(&mut npz)?;
    if format != "csr" {
        return Err(wrong(format!(
            "the matrix has format {format:?}; convert it with .tocsr() before scipy.sparse.save_npz"
        )));
    }
    let shape = whole(array(&mut npz, "shape")?, "shape")?;
    let [rows, columns] = shape[..] else {
        return Err(wrong(format!(
            "shape has {} numbers; a matrix has 2",
            shape.len()
        )));
    };
    if rows != columns {
        return Err(wrong(format!(
            "the matrix is {rows} by {columns}; connectivity is square: one row and one column per neuron"
        )));
    }
    let start = whole(array(&mut npz, "indptr")?, "indptr")?;
    if start.len() as u64 != rows.saturating_add(1) {
        return Err(wrong(format!(
            "indptr has {} entries; {rows} rows need {}",
            start.len(),
            rows.saturating_add(1)
        )));
    }
    let targets = array(&mut npz, "indices")?;
    let targets = match targets.data {
        Data::I32(v) => v
            .into_iter()
            .map(|t| {
                u32::try_from(t)
                    .map_err(|_| wrong(format!("indices holds {t}; columns are not negative")))
            })
            .collect::<Result<Vec<u32>>>()?,
        _ if targets.is_float() => {
            return Err(wrong("indices are fractions; they must be whole numbers"));
        }
        _ => targets
            .into_u32()
            .map_err(|e| wrong(format!("indices: {e}")))?,
    };
    let net = Connectivity::new(start, targets).map_err(wrong)?;
    if !traffic {
        return Ok(net);
    }
    let values = array(&mut npz, "data")?.to_f64();
    net.with_values(values).map_err(wrong)
}

fn array(npz: &mut Npz<BufReader<File>>, name: &str) -> Result<Array> {
    let read = npz.read(name).map_err(|e| wrong(format!("{name}: {e}")))?;
    read.ok_or_else(|| {
        wrong(format!(
            "there is no array {name:?}; write the file with scipy.sparse.save_npz of a CSR matrix"
        ))
    })
}

/// `format` is a NumPy string, which the array reader leaves to us.
fn format_of(npz: &mut Npz<BufReader<File>>) -> Result<String> {
    let text = npz
        .read_text("format")
        .map_err(|e: NpzError| wrong(format!("format: {e}")))?;
    text.ok_or_else(|| {
        wrong("there is no \"format\"; write the file with scipy.sparse.save_npz of a CSR matrix")
    })
}

fn whole(array: Array, name: &str) -> Result<Vec<u64>> {
    let values = array.to_i64().map_err(|e| wrong(format!("{name}: {e}")))?;
    let wanted = |v: i64| {
        u64::try_from(v).map_err(|_| wrong(format!("{name} holds {v}; it must not be negative")))
    };
    values.into_iter().map(wanted).collect()
}
