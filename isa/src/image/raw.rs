//! Bulk arrays of a section: little-endian numbers, each array padded with zeros to 8 bytes.
//!
//! Invariant: an `Array` exists only when all its bytes do, so taking from it never allocates for a false count.

use super::ImageError;
use crate::codec;
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;

/// Records and arrays begin at multiples of this many bytes.
const ALIGNMENT: usize = 8;

/// A number stored little-endian.
pub(super) trait Number: Copy {
    /// Bytes it takes.
    const BYTES: usize;
    /// Appends its bytes.
    fn put(self, out: &mut Vec<u8>);
    /// The number in exactly `BYTES` bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Number for $number {
            const BYTES: usize = size_of::<$number>();
            fn put(self, out: &mut Vec<u8>) {
                out.extend(self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                <$number>::from_le_bytes(std::array::from_fn(|i| bytes[i]))
            }
        })*
    };
}

numbers!(u8, u16, i16, u32, i32, u64);

/// Writes the body of a section.
pub(super) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins with a record.
    pub(super) fn new<T: Serialize>(record: &T) -> Writer {
        let mut writer = Writer {
            out: codec::encode(record),
        };
        writer.pad();
        writer
    }

    /// Appends an array.
    pub(super) fn array<T: Number>(&mut self, numbers: impl Iterator<Item = T>) {
        numbers.for_each(|number| number.put(&mut self.out));
        self.pad();
    }

    /// The body.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    fn pad(&mut self) {
        self.out
            .resize(self.out.len().next_multiple_of(ALIGNMENT), 0);
    }
}

/// Reads the body of a section.
pub(super) struct Reader<'a> {
    section: &'static str,
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads the record at the head.
    pub(super) fn open<T: Deserialize<'a> + Serialize>(
        section: &'static str,
        body: &'a [u8],
    ) -> Result<(T, Reader<'a>), ImageError> {
        let (record, length) = codec::decode(body).map_err(|what| ImageError::Content {
            section,
            what: format!("its record cannot be read: {what}"),
        })?;
        let mut reader = Reader {
            section,
            body,
            at: length,
        };
        reader.padding("the record")?;
        Ok((record, reader))
    }

    /// The next array, of `count` numbers.
    pub(super) fn array<T: Number>(
        &mut self,
        name: &str,
        count: u64,
    ) -> Result<Array<'a, T>, ImageError> {
        let rest = &self.body[self.at..];
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(T::BYTES))
            .and_then(|bytes| rest.get(..bytes));
        let Some(bytes) = bytes else {
            let needed = u128::from(count) * T::BYTES as u128;
            return Err(self.error(format!(
                "array `{name}` needs {needed} bytes; {} are left",
                rest.len()
            )));
        };
        self.at += bytes.len();
        self.padding(name)?;
        Ok(Array {
            bytes,
            numbers: PhantomData,
        })
    }

    /// Nothing may follow.
    pub(super) fn end(self) -> Result<(), ImageError> {
        match self.body.len() - self.at {
            0 => Ok(()),
            rest => Err(self.error(format!("{rest} bytes follow its last array"))),
        }
    }

    fn padding(&mut self, after: &str) -> Result<(), ImageError> {
        let end = self.at.next_multiple_of(ALIGNMENT);
        match self.body.get(self.at..end) {
            None => Err(self.error(format!("it ends inside the padding after {after}"))),
            Some(padding) if padding.iter().any(|&byte| byte != 0) => {
                Err(self.error(format!("the padding after {after} is not zero")))
            }
            Some(_) => {
                self.at = end;
                Ok(())
            }
        }
    }

    fn error(&self, what: String) -> ImageError {
        ImageError::Content {
            section: self.section,
            what,
        }
    }
}

/// An array whose bytes are there.
pub(super) struct Array<'a, T> {
    bytes: &'a [u8],
    numbers: PhantomData<T>,
}

impl<'a, T: Number + 'a> Array<'a, T> {
    /// Removes the first `count` numbers (all that are left, if fewer).
    pub(super) fn take(&mut self, count: u64) -> impl Iterator<Item = T> + use<'a, T> {
        let bytes =
            usize::try_from(count).map_or(usize::MAX, |count| count.saturating_mul(T::BYTES));
        let (taken, rest) = self.bytes.split_at(bytes.min(self.bytes.len()));
        self.bytes = rest;
        taken.chunks_exact(T::BYTES).map(T::get)
    }
}
