//! The native format: a `.toml` that describes the network and an `.npz` beside it that holds its arrays.
//!
//! Invariant: every key is known and every mistake names its line. Definition: `specs/network.md`, "Native format".

mod arrival;
mod build;
mod models;
mod projection;
mod schema;

use std::path::Path;

use crate::error::{NetworkError, Result};
use crate::graph::Graph;
use crate::npz::{Array, Npz};
use crate::options::ImportOptions;

/// Where the arrays of a file come from.
pub trait Arrays {
    /// Opens the container of the given name, relative to the description, and reads one array; `None` if it is not in it.
    fn read(&mut self, container: &str, name: &str) -> Result<Option<Array>, String>;
}

/// Arrays in files beside the description.
struct Files<'a> {
    folder: &'a Path,
    open: Option<(String, Npz<std::io::BufReader<std::fs::File>>)>,
}

impl Arrays for Files<'_> {
    fn read(&mut self, container: &str, name: &str) -> Result<Option<Array>, String> {
        if self.open.as_ref().is_none_or(|(file, _)| file != container) {
            let path = self.folder.join(container);
            let file = std::fs::File::open(&path)
                .map_err(|e| format!("`{}` cannot be read: {e}", path.display()))?;
            let npz = Npz::open(std::io::BufReader::with_capacity(1 << 16, file))
                .map_err(|e| format!("`{}`: {e}", path.display()))?;
            self.open = Some((container.to_string(), npz));
        }
        let (file, npz) = self.open.as_mut().expect("opened above");
        npz.read(name)
            .map_err(|e| format!("array `{name}` of `{file}`: {e}"))
    }
}

/// Reads the network described by the file `path`; a time step in `options` overrides that of the file, and nothing else may be given.
pub fn load(path: &Path, options: &ImportOptions) -> Result<Graph> {
    let text = String::from_utf8(crate::load::bytes(path)?).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        NetworkError::Line {
            line,
            what: "not UTF-8 text".into(),
        }
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path
        .file_stem()
        .and_then(|s| s.to_str())
        .unwrap_or("network");
    parse(&text, stem, &mut Files { folder, open: None }, options)
}

/// Reads a description; `stem` is the name of the network and of its array file unless the description says otherwise.
pub fn parse(
    text: &str,
    stem: &str,
    arrays: &mut dyn Arrays,
    options: &ImportOptions,
) -> Result<Graph> {
    crate::error::Collector(options.foreign_to_native()).finish(())?;
    let network: schema::Network = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| line_of(text, span.start));
        let what = e.message().trim_end().replace('\n', "; ");
        let what = what.clone() + &crate::near::in_message(&what);
        NetworkError::Line { line, what }
    })?;
    build::build(text, stem, network, arrays, options)
}

/// Line of a byte offset, from 1.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|&&b| b == b'\n')
        .count()
}
