//! Reading and writing NumPy arrays: `.npy` and `.npz` (stored or deflated).
//!
//! Invariant: memory taken while reading is bounded by what the file really holds, not by what its header claims; an array is given
//! out only after its member was read to the end, where the zip reader compares its checksum.
//! Format: `numpy.lib.format`, versions 1.0 to 3.0.

use std::io::{Cursor, Read, Seek, Write};

/// Largest ratio of plain to deflated bytes (the format's own limit is 1032 : 1).
const DEFLATE_RATIO: u64 = 1032;
/// Largest number of elements of one array.
const MAX_ELEMENTS: u64 = 1 << 31;
/// Largest header of a `.npy`, bytes.
const MAX_HEADER_BYTES: usize = 1 << 16;

/// An error of this module.
#[derive(Debug, thiserror::Error)]
pub enum NpzError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Not a zip file, or a broken one.
    #[error("not a readable .npz: {0}")]
    Zip(String),
    /// Bytes of an array are not those that were written.
    #[error("the file is damaged here ({0}); make or copy it again")]
    Damaged(String),
    /// Not a `.npy`, or a broken one.
    #[error("not a readable .npy: {0}")]
    Header(String),
    /// A value does not fit the wanted type.
    #[error("element {index} is {value}, which is not a whole number from {min} to {max}")]
    Value {
        /// Flat index.
        index: usize,
        /// Value found.
        value: f64,
        /// Least allowed.
        min: f64,
        /// Largest allowed.
        max: f64,
    },
}

impl From<zip::result::ZipError> for NpzError {
    fn from(error: zip::result::ZipError) -> NpzError {
        match error {
            zip::result::ZipError::Io(e) => damaged(e),
            zip::result::ZipError::InvalidArchive(_) => NpzError::Zip(
                "it was cut off, is damaged, or is no zip file (its directory, at the end of the file, cannot be read)".into(),
            ),
            other => NpzError::Zip(other.to_string()),
        }
    }
}

/// Elements of an array, in C order.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "one variant per NumPy type of the same name")]
pub enum Data {
    Bool(Vec<bool>),
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// An array: shape (outermost first) and elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Elements.
    pub data: Data,
}

macro_rules! each {
    ($data:expr, $v:ident => $e:expr) => {
        match $data {
            Data::Bool($v) => $e,
            Data::U8($v) => $e,
            Data::I8($v) => $e,
            Data::U16($v) => $e,
            Data::I16($v) => $e,
            Data::U32($v) => $e,
            Data::I32($v) => $e,
            Data::U64($v) => $e,
            Data::I64($v) => $e,
            Data::F32($v) => $e,
            Data::F64($v) => $e,
        }
    };
}

/// Conversion of an element to the common type `f64`.
trait Real: Copy {
    fn real(self) -> f64;
}
macro_rules! real {
    ($($t:ty),*) => { $(impl Real for $t { fn real(self) -> f64 { self as f64 } })* };
}
real!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);
impl Real for bool {
    fn real(self) -> f64 {
        f64::from(u8::from(self))
    }
}

impl Array {
    /// A vector of the given elements.
    pub fn vector(data: Data) -> Array {
        let mut array = Array {
            shape: Vec::new(),
            data,
        };
        array.shape = vec![array.len()];
        array
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        each!(&self.data, v => v.len())
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether elements are floats.
    pub fn is_float(&self) -> bool {
        matches!(self.data, Data::F32(_) | Data::F64(_))
    }

    /// Element `index` as `f64`.
    pub fn get(&self, index: usize) -> Option<f64> {
        each!(&self.data, v => v.get(index).map(|x| x.real()))
    }

    /// All elements as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        each!(&self.data, v => v.iter().map(|x| x.real()).collect())
    }

    /// All elements as `f32` (nearest).
    pub fn into_f32(self) -> Vec<f32> {
        match self.data {
            Data::F32(v) => v,
            other => each!(other, v => v.into_iter().map(|x| x.real() as f32).collect()),
        }
    }

    fn whole(&self, min: f64, max: f64) -> Result<(), NpzError> {
        each!(&self.data, v => {
            for (index, x) in v.iter().enumerate() {
                let value = x.real();
                if !(min..=max).contains(&value) || value.fract() != 0.0 {
                    return Err(NpzError::Value { index, value, min, max });
                }
            }
        });
        Ok(())
    }

    /// All elements as `u32`; an error for anything that is not such a number.
    pub fn into_u32(self) -> Result<Vec<u32>, NpzError> {
        if let Data::U32(v) = self.data {
            return Ok(v);
        }
        self.whole(0.0, f64::from(u32::MAX))?;
        Ok(each!(self.data, v => v.into_iter().map(|x| x.real() as u32).collect()))
    }

    /// All elements as `u16`; an error for anything that is not such a number.
    pub fn into_u16(self) -> Result<Vec<u16>, NpzError> {
        if let Data::U16(v) = self.data {
            return Ok(v);
        }
        self.whole(0.0, f64::from(u16::MAX))?;
        Ok(each!(self.data, v => v.into_iter().map(|x| x.real() as u16).collect()))
    }

    /// All elements as `i64`; an error for anything that is not such a number.
    pub fn to_i64(&self) -> Result<Vec<i64>, NpzError> {
        if let Data::I64(v) = &self.data {
            return Ok(v.clone());
        }
        let bound = 2f64.powi(53);
        self.whole(-bound, bound)?;
        Ok(each!(&self.data, v => v.iter().map(|x| x.real() as i64).collect()))
    }
}

// ---- .npy -------------------------------------------------------------------------------------

fn broken(what: impl Into<String>) -> NpzError {
    NpzError::Header(what.into())
}

/// An error of reading from a zip member: a wrong checksum, bytes that no compressor writes, or the disk's.
fn damaged(error: std::io::Error) -> NpzError {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | Other | UnexpectedEof => {
            let what = error.to_string();
            NpzError::Damaged(match what.as_str() {
                "Invalid checksum" => "its bytes do not give the checksum in the file".into(),
                _ => what,
            })
        }
        _ => NpzError::Io(error),
    }
}

/// Reads until `part` is full or the data end; how many bytes there were.
fn fill(from: &mut impl Read, part: &mut [u8]) -> Result<usize, NpzError> {
    let mut filled = 0;
    while filled < part.len() {
        match from.read(&mut part[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(damaged(e)),
        }
    }
    Ok(filled)
}

/// Fills `part`, or says what is cut.
fn all_of(from: &mut impl Read, part: &mut [u8], what: &str) -> Result<(), NpzError> {
    let filled = fill(from, part)?;
    if filled < part.len() {
        return Err(broken(format!(
            "cut off in its {what}: {filled} of {} bytes are there",
            part.len()
        )));
    }
    Ok(())
}

/// The value text after `'key':` in the header's Python dictionary.
fn header_value<'a>(header: &'a str, key: &str) -> Result<&'a str, NpzError> {
    let at = header
        .find(&format!("'{key}'"))
        .ok_or_else(|| broken(format!("header has no '{key}'")))?;
    let rest = header[at + key.len() + 2..].trim_start();
    rest.strip_prefix(':')
        .map(str::trim_start)
        .ok_or_else(|| broken("header is not a dictionary"))
}

/// Element type of the header: big-endian?, kind character, bytes.
fn parse_descr(text: &str) -> Result<(bool, char, usize), NpzError> {
    let inner = text.strip_prefix('\'').and_then(|t| t.split('\'').next());
    let inner = inner.ok_or_else(|| broken("structured arrays are not read"))?;
    let mut chars = inner.chars();
    let order = chars.next().unwrap_or(' ');
    let kind = chars.next().unwrap_or(' ');
    let bytes: usize = chars
        .as_str()
        .parse()
        .map_err(|_| broken(format!("element type '{inner}'")))?;
    if !matches!(order, '<' | '>' | '|' | '=') {
        return Err(broken(format!("element type '{inner}'")));
    }
    Ok((order == '>', kind, bytes))
}

fn parse_shape(text: &str) -> Result<Vec<usize>, NpzError> {
    let inner = text
        .strip_prefix('(')
        .and_then(|t| t.split_once(')'))
        .map(|t| t.0);
    let inner = inner.ok_or_else(|| broken("shape"))?;
    inner
        .split(',')
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .map(|t| {
            t.trim_end_matches('L')
                .parse()
                .map_err(|_| broken(format!("shape ({inner})")))
        })
        .collect()
}

/// Reads `count` elements of `N` bytes; `hint` bounds what is reserved before they are seen.
fn elements<T, const N: usize>(
    from: &mut impl Read,
    count: usize,
    hint: usize,
    decode: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, NpzError> {
    let mut out = Vec::with_capacity(count.min(hint / N + 1));
    let mut buffer = vec![0u8; N * count.clamp(1, 16 * 1024)];
    while out.len() < count {
        let bytes = (count - out.len()).saturating_mul(N).min(buffer.len());
        let part = &mut buffer[..bytes];
        let filled = fill(from, part)?;
        if filled < bytes {
            return Err(broken(format!(
                "cut off: the header promises {count} elements, {} are there",
                out.len() + filled / N
            )));
        }
        out.extend(
            part.chunks_exact(N)
                .map(|c| decode(c.try_into().expect("chunks of N bytes"))),
        );
    }
    Ok(out)
}

/// Puts Fortran-ordered elements into C order.
fn from_fortran<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = vec![1usize; shape.len()];
    for axis in 1..shape.len() {
        strides[axis] = strides[axis - 1] * shape[axis - 1];
    }
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        out.push(
            values[index
                .iter()
                .zip(&strides)
                .map(|(i, s)| i * s)
                .sum::<usize>()],
        );
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    out
}

/// Reads a `.npy` from a stream of at most `bytes` plain bytes.
fn read_stream(from: &mut impl Read, bytes: u64) -> Result<Array, NpzError> {
    let mut start = [0u8; 8];
    all_of(from, &mut start, "magic number and version")?;
    if &start[..6] != b"\x93NUMPY" {
        return Err(broken("magic number missing"));
    }
    let header_bytes = if start[6] == 1 {
        let mut n = [0u8; 2];
        all_of(from, &mut n, "header's length")?;
        usize::from(u16::from_le_bytes(n))
    } else {
        let mut n = [0u8; 4];
        all_of(from, &mut n, "header's length")?;
        u32::from_le_bytes(n) as usize
    };
    if header_bytes > MAX_HEADER_BYTES {
        return Err(broken(format!(
            "header of {header_bytes} bytes, at most {MAX_HEADER_BYTES} are read"
        )));
    }
    let mut header = vec![0u8; header_bytes];
    all_of(from, &mut header, "header")?;
    let header = String::from_utf8(header).map_err(|_| broken("header is not text"))?;
    let (big, kind, width) = parse_descr(header_value(&header, "descr")?)?;
    let fortran = header_value(&header, "fortran_order")?.starts_with("True");
    let shape = parse_shape(header_value(&header, "shape")?)?;
    let count = shape.iter().try_fold(1u64, |n, &d| n.checked_mul(d as u64));
    let count = count
        .filter(|&n| n <= MAX_ELEMENTS && shape.len() <= 32)
        .ok_or_else(|| {
            broken(format!(
                "shape {shape:?}: at most {MAX_ELEMENTS} elements are read"
            ))
        })? as usize;
    let hint = usize::try_from(bytes).unwrap_or(usize::MAX).min(1 << 40);

    macro_rules! load {
        ($t:ty, $n:literal) => {{
            let v = elements::<$t, $n>(from, count, hint, |b| {
                if big {
                    <$t>::from_be_bytes(b)
                } else {
                    <$t>::from_le_bytes(b)
                }
            })?;
            if fortran { from_fortran(&v, &shape) } else { v }
        }};
    }
    let data = match (kind, width) {
        ('b', 1) => {
            let v = elements::<bool, 1>(from, count, hint, |b| b[0] != 0)?;
            Data::Bool(if fortran { from_fortran(&v, &shape) } else { v })
        }
        ('u', 1) => Data::U8(load!(u8, 1)),
        ('i', 1) => Data::I8(load!(i8, 1)),
        ('u', 2) => Data::U16(load!(u16, 2)),
        ('i', 2) => Data::I16(load!(i16, 2)),
        ('u', 4) => Data::U32(load!(u32, 4)),
        ('i', 4) => Data::I32(load!(i32, 4)),
        ('u', 8) => Data::U64(load!(u64, 8)),
        ('i', 8) => Data::I64(load!(i64, 8)),
        ('f', 4) => Data::F32(load!(f32, 4)),
        ('f', 8) => Data::F64(load!(f64, 8)),
        _ => {
            return Err(broken(format!(
                "element type '{kind}{width}': bool, (u)int8 to 64, float32 and float64 are read"
            )));
        }
    };
    // Looking for a byte more makes the zip reader compare the checksum.
    if fill(from, &mut [0u8])? > 0 {
        return Err(broken(format!(
            "the header promises {count} elements, and the data go on after them; an array is all that a .npy may hold"
        )));
    }
    Ok(Array { shape, data })
}

/// Reads a `.npy` held in memory.
pub fn read_npy(bytes: &[u8]) -> Result<Array, NpzError> {
    read_stream(&mut Cursor::new(bytes), bytes.len() as u64)
}

/// Writes one array as `.npy`.
pub fn write_npy(to: &mut impl Write, array: &Array) -> std::io::Result<()> {
    let descr = match &array.data {
        Data::Bool(_) => "|b1",
        Data::U8(_) => "|u1",
        Data::I8(_) => "|i1",
        Data::U16(_) => "<u2",
        Data::I16(_) => "<i2",
        Data::U32(_) => "<u4",
        Data::I32(_) => "<i4",
        Data::U64(_) => "<u8",
        Data::I64(_) => "<i8",
        Data::F32(_) => "<f4",
        Data::F64(_) => "<f8",
    };
    let dims: Vec<String> = array.shape.iter().map(usize::to_string).collect();
    let comma = if dims.len() == 1 { "," } else { "" };
    let mut header = format!(
        "{{'descr': '{descr}', 'fortran_order': False, 'shape': ({}{comma}), }}",
        dims.join(", ")
    );
    // 10 bytes before the header; the data begin at a multiple of 64.
    header.push_str(&" ".repeat((64 - (header.len() + 11) % 64) % 64));
    header.push('\n');
    to.write_all(b"\x93NUMPY\x01\x00")?;
    to.write_all(&(header.len() as u16).to_le_bytes())?;
    to.write_all(header.as_bytes())?;
    macro_rules! store {
        ($v:expr) => {
            for part in $v.chunks(8192) {
                let bytes: Vec<u8> = part.iter().flat_map(|x| x.to_le_bytes()).collect();
                to.write_all(&bytes)?;
            }
        };
    }
    match &array.data {
        Data::Bool(v) => to.write_all(&v.iter().map(|&b| u8::from(b)).collect::<Vec<u8>>())?,
        Data::U8(v) => to.write_all(v)?,
        Data::I8(v) => store!(v),
        Data::U16(v) => store!(v),
        Data::I16(v) => store!(v),
        Data::U32(v) => store!(v),
        Data::I32(v) => store!(v),
        Data::U64(v) => store!(v),
        Data::I64(v) => store!(v),
        Data::F32(v) => store!(v),
        Data::F64(v) => store!(v),
    }
    Ok(())
}

// ---- .npz -------------------------------------------------------------------------------------

/// An open `.npz`; arrays are read when asked for.
pub struct Npz<R: Read + Seek> {
    archive: zip::ZipArchive<R>,
}

impl<R: Read + Seek> Npz<R> {
    /// Opens the archive.
    pub fn open(from: R) -> Result<Npz<R>, NpzError> {
        Ok(Npz {
            archive: zip::ZipArchive::new(from)?,
        })
    }

    /// Names of the arrays, without `.npy`, in file order.
    pub fn names(&self) -> Vec<String> {
        self.archive
            .file_names()
            .flatten()
            .map(|n| n.strip_suffix(".npy").unwrap_or(&n).to_string())
            .collect()
    }

    /// Reads a scalar byte or Unicode string (NumPy kinds S and U); `None` when there is none.
    pub fn read_text(&mut self, name: &str) -> Result<Option<String>, NpzError> {
        let mut entry = match self.archive.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let mut bytes = Vec::new();
        // To the end of the member, where its checksum is compared.
        (&mut entry)
            .take(MAX_HEADER_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(damaged)?;
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(broken(format!(
                "longer than the {MAX_HEADER_BYTES} bytes that a text may have"
            )));
        }
        // The data follow the header, which ends in the first line end after the magic number.
        let data = bytes
            .iter()
            .skip(10)
            .position(|b| *b == b'\n')
            .filter(|_| bytes.starts_with(b"\x93NUMPY"))
            .ok_or_else(|| broken("magic number or header missing"))?;
        let text = bytes[10 + data + 1..].iter().filter(|b| **b != 0);
        Ok(Some(text.map(|b| char::from(*b)).collect()))
    }

    /// Reads the named array; `None` when there is none.
    pub fn read(&mut self, name: &str) -> Result<Option<Array>, NpzError> {
        let mut entry = match self.archive.by_name(&format!("{name}.npy")) {
            Ok(entry) => entry,
            Err(zip::result::ZipError::FileNotFound) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        let most = entry
            .size()
            .min(entry.compressed_size().saturating_mul(DEFLATE_RATIO));
        read_stream(&mut entry, most).map(Some)
    }
}

/// Writes arrays as a deflated `.npz`; the same arrays give the same bytes.
pub fn write_npz<'a>(
    to: impl Write + Seek,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<(), NpzError> {
    write_zip(to, arrays, zip::CompressionMethod::Deflated)
}

/// Writes arrays as a `.npz` without compression: larger, and much quicker to load.
pub fn write_npz_stored<'a>(
    to: impl Write + Seek,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
) -> Result<(), NpzError> {
    write_zip(to, arrays, zip::CompressionMethod::Stored)
}

fn write_zip<'a>(
    to: impl Write + Seek,
    arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    method: zip::CompressionMethod,
) -> Result<(), NpzError> {
    let mut zip = zip::ZipWriter::new(to);
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(method)
        .last_modified_time(zip::DateTime::default());
    for (name, array) in arrays {
        zip.start_file(format!("{name}.npy"), options)?;
        write_npy(&mut zip, array)?;
    }
    zip.finish()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests;
