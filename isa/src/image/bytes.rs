//! The container: an image to bytes and back. `specs/image.md` describes every byte.
//!
//! Invariant: nothing is allocated for a count before the bytes it promises are known to be there, and what loads
//! has passed `verify::structure`. Sections, records and arrays follow each other without a gap, so that each image
//! has one byte form.

use super::{Image, sections};
use crate::verify::{self, Violation};

/// First bytes of an image file.
pub const MAGIC: [u8; 4] = *b"SPKM";

/// Version of the layout that this crate reads and writes.
pub const VERSION: u16 = 2;

/// Names of the sections, in file order; a section's id is its place here, counted from 1.
pub const SECTIONS: [&str; 10] = [
    "META", "CODE", "CONST", "STATE", "SYN", "AXIN", "AXOUT", "IO", "NAMES", "PROBES",
];

/// Bytes of the magic, the version and the number of sections.
const HEADER_BYTES: usize = 8;
/// Bytes of an entry of the section table: id, CRC-32, offset, length.
const ENTRY_BYTES: usize = 24;
/// Bytes before the first section.
const PREFIX_BYTES: usize = HEADER_BYTES + SECTIONS.len() * ENTRY_BYTES;

/// Why bytes are not an image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The first four bytes are something else.
    #[error(
        "header: the file does not begin with \"SPKM\", so it is not a program image (make one with `map` or `asm`)"
    )]
    NotAnImage,
    /// Another version of the layout.
    #[error(
        "header: the image has layout version {found}; this program reads version {VERSION} (map or assemble it again)"
    )]
    Version {
        /// Version in the file.
        found: u16,
    },
    /// The file ends inside the header or the section table, or does not have the ten sections.
    #[error("header: {what}")]
    Header {
        /// What is wrong.
        what: String,
    },
    /// An entry of the section table is not what the layout demands.
    #[error("section {section}: its entry in the section table is wrong: {what}")]
    Table {
        /// Section.
        section: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A section's bytes were changed.
    #[error(
        "section {section}: checksum {found:08x} does not match the stored {stored:08x}: the file is damaged (copy or map it again)"
    )]
    Checksum {
        /// Section.
        section: &'static str,
        /// CRC-32 of the bytes.
        found: u32,
        /// CRC-32 in the section table.
        stored: u32,
    },
    /// A section's bytes are not in the one form that they may have.
    #[error("section {section}: {what}")]
    Content {
        /// Section.
        section: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The bytes say something that no program may say.
    #[error("{}", broken(.violations))]
    Structure {
        /// All broken rules.
        violations: Vec<Violation>,
    },
}

fn broken(violations: &[Violation]) -> String {
    let first = violations
        .first()
        .map(ToString::to_string)
        .unwrap_or_default();
    match violations.len() {
        0 | 1 => format!("the program is not well formed: {first}"),
        n => format!("the program is not well formed in {n} places; the first: {first}"),
    }
}

impl Image {
    /// The bytes of the image file. Total: also an image that `verify::structure` rejects has bytes, but they do not load.
    pub fn to_bytes(&self) -> Vec<u8> {
        let sections = sections::write(self);
        let mut out =
            Vec::with_capacity(PREFIX_BYTES + sections.iter().map(Vec::len).sum::<usize>());
        out.extend(MAGIC);
        out.extend(VERSION.to_le_bytes());
        out.extend((SECTIONS.len() as u16).to_le_bytes());
        let mut offset = PREFIX_BYTES as u64;
        for (id, section) in (1u32..).zip(&sections) {
            out.extend(id.to_le_bytes());
            out.extend(crc32fast::hash(section).to_le_bytes());
            out.extend(offset.to_le_bytes());
            out.extend((section.len() as u64).to_le_bytes());
            offset += section.len() as u64;
        }
        sections
            .iter()
            .for_each(|section| out.extend_from_slice(section));
        out
    }

    /// The image in these bytes. What is returned has passed `verify::structure`, and its `to_bytes` are `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Image, ImageError> {
        let image = sections::read(split(bytes)?)?;
        let violations = verify::structure(&image);
        if violations.is_empty() {
            Ok(image)
        } else {
            Err(ImageError::Structure { violations })
        }
    }
}

/// The section table, checked: the body of every section, in order.
fn split(bytes: &[u8]) -> Result<[&[u8]; SECTIONS.len()], ImageError> {
    let header = |what: &str| ImageError::Header {
        what: what.to_owned(),
    };
    if !bytes.starts_with(&MAGIC) {
        return Err(ImageError::NotAnImage);
    }
    let prefix = bytes
        .get(..PREFIX_BYTES)
        .ok_or_else(|| header("the file ends inside the section table"))?;
    let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| prefix[at + i]));
    let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| prefix[at + i]));
    let version = u16::from_le_bytes([prefix[4], prefix[5]]);
    if version != VERSION {
        return Err(ImageError::Version { found: version });
    }
    let count = u16::from_le_bytes([prefix[6], prefix[7]]);
    if usize::from(count) != SECTIONS.len() {
        return Err(header(&format!(
            "it announces {count} sections; an image has {}",
            SECTIONS.len()
        )));
    }
    let mut bodies: [&[u8]; SECTIONS.len()] = [&[]; SECTIONS.len()];
    let mut rest = &bytes[PREFIX_BYTES..];
    for (index, (body, section)) in bodies.iter_mut().zip(SECTIONS).enumerate() {
        let entry = HEADER_BYTES + index * ENTRY_BYTES;
        let table = |what: String| ImageError::Table { section, what };
        let (id, stored, offset, length) = (
            u32_at(entry),
            u32_at(entry + 4),
            u64_at(entry + 8),
            u64_at(entry + 16),
        );
        if id as usize != index + 1 {
            return Err(table(format!("id {id}, must be {}", index + 1)));
        }
        let start = bytes.len() - rest.len();
        if offset != start as u64 {
            return Err(table(format!(
                "offset {offset}, must be {start}, where the section before ends"
            )));
        }
        let end = usize::try_from(length)
            .ok()
            .filter(|&length| length <= rest.len());
        let end = end.ok_or_else(|| {
            table(format!(
                "length {length}, but only {} bytes follow",
                rest.len()
            ))
        })?;
        (*body, rest) = rest.split_at(end);
        let found = crc32fast::hash(body);
        if found != stored {
            return Err(ImageError::Checksum {
                section,
                found,
                stored,
            });
        }
    }
    if rest.is_empty() {
        Ok(bodies)
    } else {
        Err(header(&format!(
            "{} bytes follow the last section",
            rest.len()
        )))
    }
}
