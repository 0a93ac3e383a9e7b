//! The few things that NIR needs from HDF5, over the pure-Rust `hdf5-reader`.
//!
//! Invariant: no file, however broken, panics, recurses without bound or allocates more than its size can justify.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};

/// Largest ratio of plain to deflated bytes (the format's own limit is 1032 : 1).
const DEFLATE_RATIO: usize = 1032;
/// Reads of this size are always allowed, bytes.
const SMALL_READ_BYTES: usize = 1 << 20;
/// Largest single read, bytes.
const MAX_READ_BYTES: usize = 1 << 31;
/// Largest sum of all reads of a file, bytes.
const MAX_TOTAL_BYTES: u64 = 1 << 33;

/// A number field.
pub(super) struct Numbers {
    /// Shape; empty for a scalar.
    pub(super) shape: Vec<u64>,
    /// Values.
    pub(super) values: Values,
}

/// Values as the file has them.
pub(super) enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    Int(Vec<i64>),
}

impl Numbers {
    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
            Values::Int(v) => v.len(),
        }
    }

    pub(super) fn to_f64(&self) -> Vec<f64> {
        match &self.values {
            Values::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Values::F64(v) => v.clone(),
            Values::Int(v) => v.iter().map(|&x| x as f64).collect(),
        }
    }

    /// Values as `f32`, and whether some had to be rounded.
    pub(super) fn into_f32(self) -> (Vec<f32>, bool) {
        match self.values {
            Values::F32(v) => (v, false),
            Values::F64(v) => {
                let rounded = v.iter().any(|&x| x.is_finite() && f64::from(x as f32) != x);
                (v.into_iter().map(|x| x as f32).collect(), rounded)
            }
            Values::Int(v) => {
                let rounded = v.iter().any(|&x| x as f32 as i64 != x);
                (v.into_iter().map(|x| x as f32).collect(), rounded)
            }
        }
    }

    /// Values as integers; `None` when one is not.
    pub(super) fn to_ints(&self) -> Option<Vec<i64>> {
        let whole = |x: f64| (x.fract() == 0.0 && x.abs() < 9e15).then_some(x as i64);
        match &self.values {
            Values::Int(v) => Some(v.clone()),
            Values::F32(v) => v.iter().map(|&x| whole(f64::from(x))).collect(),
            Values::F64(v) => v.iter().map(|&x| whole(x)).collect(),
        }
    }
}

/// Runs a call of the reader. The reader returns errors for broken files; should one of its own checks fail instead, this
/// last wall turns the panic into an error too.
fn guarded<T>(call: impl FnOnce() -> hdf5_reader::error::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(_) => Err("the HDF5 structure is inconsistent".into()),
    }
}

/// Reads and counts what was read.
pub(super) struct Reader {
    root: Group,
    total_bytes: u64,
}

impl Reader {
    pub(super) fn open(bytes: Arc<[u8]>) -> Result<Reader, String> {
        let most = bytes
            .len()
            .saturating_mul(DEFLATE_RATIO)
            .clamp(SMALL_READ_BYTES, MAX_READ_BYTES);
        let options = OpenOptions::default()
            .with_max_read_bytes(most)
            .with_max_chunk_bytes(most)
            .with_chunk_cache_bytes(0)
            .with_max_object_header_bytes(1 << 22);
        let length = bytes.len() as u64;
        let file = guarded(|| Hdf5File::from_shared_bytes_with_options(bytes, options))?;
        let end = file
            .superblock()
            .base_address
            .saturating_add(file.superblock().eof_address);
        if end > length {
            return Err(format!("it is cut off: {length} bytes of {end}"));
        }
        let root = guarded(|| file.root_group())?;
        Ok(Reader {
            root,
            total_bytes: 0,
        })
    }

    pub(super) fn root(&self) -> Group {
        self.root.clone()
    }

    /// Names of the groups and of the datasets in a group.
    pub(super) fn members(group: &Group) -> Result<(Vec<String>, Vec<String>), String> {
        guarded(|| group.member_names())
    }

    pub(super) fn group(group: &Group, name: &str) -> Result<Group, String> {
        guarded(|| group.group(name))
    }

    pub(super) fn dataset(group: &Group, name: &str) -> Result<Dataset, String> {
        guarded(|| group.dataset(name))
    }

    fn count(&mut self, dataset: &Dataset, width: u64) -> Result<(), String> {
        let elements = guarded(|| dataset.num_elements())?;
        self.total_bytes = self
            .total_bytes
            .saturating_add(elements.saturating_mul(width));
        if self.total_bytes > MAX_TOTAL_BYTES {
            return Err(format!("more than {MAX_TOTAL_BYTES} bytes in all"));
        }
        Ok(())
    }

    /// Whether a dataset holds text.
    pub(super) fn is_text(dataset: &Dataset) -> bool {
        matches!(
            dataset.dtype(),
            Datatype::String { .. } | Datatype::VarLen { .. }
        )
    }

    /// Reads text, of fixed or variable length.
    pub(super) fn text(&mut self, dataset: &Dataset) -> Result<Vec<String>, String> {
        self.count(dataset, 16)?;
        let texts = guarded(|| dataset.read_strings())?;
        Ok(texts
            .into_iter()
            .map(|t| t.trim_end_matches('\0').to_string())
            .collect())
    }

    /// Reads numbers of any usual type.
    pub(super) fn numbers(&mut self, dataset: &Dataset) -> Result<Numbers, String> {
        self.count(dataset, 8)?;
        macro_rules! ints {
            ($t:ty) => {
                Values::Int(read::<$t>(dataset)?.into_iter().map(|x| x as i64).collect())
            };
        }
        let values = match dataset.dtype() {
            Datatype::FloatingPoint { size: 4, .. } => Values::F32(read(dataset)?),
            Datatype::FloatingPoint { size: 8, .. } => Values::F64(read(dataset)?),
            Datatype::FixedPoint {
                size: 1,
                signed: true,
                ..
            } => ints!(i8),
            Datatype::FixedPoint {
                size: 2,
                signed: true,
                ..
            } => ints!(i16),
            Datatype::FixedPoint {
                size: 4,
                signed: true,
                ..
            } => ints!(i32),
            Datatype::FixedPoint {
                size: 8,
                signed: true,
                ..
            } => ints!(i64),
            Datatype::FixedPoint {
                size: 1,
                signed: false,
                ..
            } => ints!(u8),
            Datatype::FixedPoint {
                size: 2,
                signed: false,
                ..
            } => ints!(u16),
            Datatype::FixedPoint {
                size: 4,
                signed: false,
                ..
            } => ints!(u32),
            Datatype::FixedPoint {
                size: 8,
                signed: false,
                ..
            } => ints!(u64),
            // h5py stores booleans as an enumeration of one byte.
            Datatype::Enum { base, .. }
                if matches!(**base, Datatype::FixedPoint { size: 1, .. }) =>
            {
                Values::Int(
                    guarded(|| dataset.read_raw_bytes())?
                        .into_iter()
                        .map(i64::from)
                        .collect(),
                )
            }
            _ => return Err("has a type that is neither float32, float64 nor an integer".into()),
        };
        Ok(Numbers {
            shape: dataset.shape().to_vec(),
            values,
        })
    }
}

fn read<T: hdf5_reader::H5Type>(dataset: &Dataset) -> Result<Vec<T>, String> {
    guarded(|| Ok(dataset.read_array::<T>()?.into_iter().collect()))
}
