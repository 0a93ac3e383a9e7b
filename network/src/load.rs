//! Opening a network file by its ending.

use std::path::Path;

use crate::error::{Errors, NetworkError, Result};
use crate::graph::Graph;
use crate::options::ImportOptions;

/// Largest network file, bytes.
const MAX_FILE_BYTES: u64 = 1 << 33;

/// Reads a network: `.nir`, or the native `.toml` with its `.npz` beside it.
pub fn load(path: &Path, options: &ImportOptions) -> Result<Graph> {
    read(path, options).map_err(|e| e.in_file(path.display().to_string()))
}

/// A whole file, if it is a sensible one.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |e: std::io::Error| {
        Errors::from(NetworkError::Unreadable {
            what: e.to_string(),
        })
    };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        let what = "the file's size in bytes".into();
        return Err(NetworkError::TooLarge {
            what,
            limit: MAX_FILE_BYTES,
            actual: length,
        }
        .into());
    }
    std::fs::read(path).map_err(unreadable)
}

fn read(path: &Path, options: &ImportOptions) -> Result<Graph> {
    let name = path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("network");
    match path.extension().and_then(|e| e.to_str()) {
        Some("nir" | "h5" | "hdf5") => crate::nir::read(&bytes(path)?, name, options),
        Some("toml") => crate::native::load(path, options),
        _ => {
            let what = "its name must end in .nir or .toml".into();
            Err(NetworkError::Format {
                format: "network",
                what,
            }
            .into())
        }
    }
}
