//! Kernels of the user: from `--kernel-path` and from the files that a network names to a `KernelLibrary`.
//!
//! Invariant: what a kernel's file says wrong is shown at its place before anything is mapped.

use crate::args::KernelChoice;
use crate::asm;
use crate::files;
use anyhow::{Context, Result, bail};
use assembler::KernelLibrary;
use assembler::kernels::AddError;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// How the name of a kernel's file ends.
const ENDING: &str = "kernel";

/// The kernels that a command may name, and the digests of those of the user.
#[derive(Clone, Debug, Default)]
pub struct Kernels {
    /// The library's and the user's.
    pub library: KernelLibrary,
    /// SHA-256 of each of the user's texts, by name.
    pub sha256: IndexMap<String, String>,
    files: Vec<PathBuf>,
}

impl Kernels {
    /// Reads what `--kernel-path` names.
    pub fn of(choice: &KernelChoice) -> Result<Kernels> {
        let mut kernels = Kernels::default();
        for path in &choice.kernel_path {
            let list = if path.is_dir() {
                folder(path)?
            } else if !path.exists() {
                bail!(
                    "--kernel-path {}: there is no such file or folder; give a kernel's file (*.{ENDING}) or a folder of them",
                    path.display()
                );
            } else {
                vec![path.clone()]
            };
            for file in list {
                kernels.read(&file, choice.kernel_override)?;
            }
        }
        Ok(kernels)
    }

    /// Adds the files that a network names, relative to it.
    pub fn of_network(choice: &KernelChoice, net: &Path, named: &[String]) -> Result<Kernels> {
        let mut kernels = Kernels::of(choice)?;
        let folder = net.parent().unwrap_or(Path::new(""));
        for name in named {
            let read = kernels.read(&folder.join(name), choice.kernel_override);
            // Diagnostics name their file and are shown as they are.
            read.map_err(|e| match e.is::<asm::Rendered>() {
                true => e,
                false => e.context(net.display().to_string()),
            })?;
        }
        Ok(kernels)
    }

    fn read(&mut self, path: &Path, replace: bool) -> Result<()> {
        let same = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if self.files.contains(&same) {
            return Ok(());
        }
        let file = path.display().to_string();
        if path.extension().is_none_or(|e| e != ENDING) {
            bail!("{file}: the name of a kernel's file ends in .{ENDING}");
        }
        let text = files::read_text(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        match self.library.add(&name, &file, &text, replace) {
            Ok(()) => {}
            Err(AddError::Text(diagnostics)) => {
                return Err(asm::rendered(&diagnostics, &file, &text));
            }
            Err(other) => bail!("{other}"),
        }
        let digest = files::sha256_hex(text.as_bytes());
        self.sha256.insert(name.into_owned(), digest);
        self.files.push(same);
        Ok(())
    }
}

/// Kernels in a folder, by name.
fn folder(path: &Path) -> Result<Vec<PathBuf>> {
    let cannot = || format!("{}: cannot be read", path.display());
    let mut list = Vec::new();
    for entry in std::fs::read_dir(path).with_context(cannot)? {
        let file = entry.with_context(cannot)?.path();
        if file.extension().is_some_and(|e| e == ENDING) {
            list.push(file);
        }
    }
    if list.is_empty() {
        bail!(
            "--kernel-path {}: there is no file *.{ENDING} in it",
            path.display()
        );
    }
    list.sort();
    Ok(list)
}
