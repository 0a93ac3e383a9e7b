//! Structured records as bytes: the only module that knows `bincode`.
//!
//! Invariant: a record has one byte form. Integers are little-endian and of variable length; a longer form than
//! needed is rejected, because what was read is encoded again and compared.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
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
    let (record, length) = bincode::serde::borrow_decode_from_slice::<T, _>(bytes, config())
        .map_err(|error| error.to_string())?;
    if bytes.get(..length) == Some(encode(&record).as_slice()) {
        Ok((record, length))
    } else {
        Err("a number is written with more bytes than it needs".to_owned())
    }
}
