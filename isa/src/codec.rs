//! Structured records as bytes: the only module that knows `bincode`.
//!
//! Invariant: a record has one byte form. Integers are little-endian and of variable length; a longer form than
//! needed is rejected, because what was read is encoded again and compared.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::error::DecodeError;
use serde::{Deserialize, Serialize};

/// Most bytes that reading one record may claim. Larger than any record of a board of chips; it bounds a hostile one.
const LIMIT: usize = 1 << 30;

fn config() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard()
        .with_little_endian()
        .with_variable_int_encoding()
        .with_limit::<LIMIT>()
}

/// Bytes of a record.
pub(crate) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(record, config())
        .expect("records are plain data, written to memory")
}

/// A record from the beginning of `bytes`, and how many bytes it took. Strings are borrowed, so that nothing is
/// allocated for a length that the bytes do not hold.
pub(crate) fn decode<'a, T: Deserialize<'a> + Serialize>(
    bytes: &'a [u8],
) -> Result<(T, usize), String> {
    let (record, length) =
        bincode::serde::borrow_decode_from_slice::<T, _>(bytes, config()).map_err(describe)?;
    if bytes.get(..length) == Some(encode(&record).as_slice()) {
        Ok((record, length))
    } else {
        Err("a number is written with more bytes than it needs".to_owned())
    }
}

fn describe(error: DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early".to_owned(),
        DecodeError::Utf8 { .. } => "a text is not UTF-8".to_owned(),
        DecodeError::InvalidBooleanValue(value) => format!("{value} is neither false nor true"),
        DecodeError::UnexpectedVariant {
            found, type_name, ..
        } => format!("{type_name} has no variant {found}"),
        DecodeError::OtherString(text) => text,
        other => other.to_string(),
    }
}
