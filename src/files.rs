//! Reading and writing files: every error names the file, and nothing half-written is left behind.

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        bail!("{}: is a folder; give the file inside it", path.display());
    }
    fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))
}

/// Length of a file that can be opened.
pub fn length(path: &Path) -> Result<u64> {
    if path.is_dir() {
        bail!("{}: is a folder; give the file inside it", path.display());
    }
    let file =
        fs::File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    Ok(file
        .metadata()
        .with_context(|| format!("{}: cannot be read", path.display()))?
        .len())
}

/// Largest text that is read, bytes: one that includes others, or is included, is never near it.
const MOST_TEXT: u64 = 1 << 32;

/// Reads a whole text file.
pub fn read_text(path: &Path) -> Result<String> {
    let regular = path.is_file();
    let most = if regular { MOST_TEXT } else { MOST_TEXT >> 4 };
    if regular && length(path)? > most {
        bail!("{}: larger than {most} bytes", path.display());
    }
    let mut bytes = Vec::new();
    if path.is_dir() {
        bail!("{}: is a folder; give the file inside it", path.display());
    }
    let cannot = || format!("{}: cannot be read", path.display());
    let file = fs::File::open(path).with_context(cannot)?;
    let mut file = file.take(most + 1);
    file.read_to_end(&mut bytes).with_context(cannot)?;
    if bytes.len() as u64 > most {
        bail!("{}: larger than {most} bytes", path.display());
    }
    String::from_utf8(bytes).map_err(|e| {
        anyhow::anyhow!(
            "{}: not a text file (byte {} is not UTF-8)",
            path.display(),
            e.utf8_error().valid_up_to()
        )
    })
}

/// Writes a file at once: to a temporary file beside it, then renamed. A link is followed; what is no regular file
/// (a pipe, a device) is written as it is.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_by(path, |out| out.write_all(bytes))
}

/// As [`write()`], for what is too large to be held: `act` writes it piece by piece.
pub fn write_by(
    path: &Path,
    act: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<()> {
    let cannot = || format!("{}: cannot be written", path.display());
    if path.exists() && !path.is_file() {
        return fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|file| {
                let mut out = BufWriter::new(file);
                act(&mut out)?;
                out.flush()
            })
            .with_context(cannot);
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = path.file_name() else {
        bail!("{}: not a file name", path.display());
    };
    let temporary = folder_of(path).join(format!(
        ".{}.{}.part",
        name.to_string_lossy(),
        std::process::id()
    ));
    let result = (|| -> std::io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(&temporary)?);
        act(&mut out)?;
        out.into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        fs::rename(&temporary, path)
    })();
    if result.is_err() {
        // The temporary file may not exist; there is nothing further to report about it.
        let _ = fs::remove_file(&temporary);
    }
    result.with_context(cannot)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Checks early, before minutes of work, that outputs can be written and would overwrite neither an input nor each other.
pub fn check_outputs(outputs: &[Option<&Path>], inputs: &[Option<&Path>]) -> Result<()> {
    let outputs: Vec<&Path> = outputs.iter().flatten().copied().collect();
    for (i, path) in outputs.iter().enumerate() {
        if path.is_dir() {
            bail!("{}: cannot be written: it is a folder", path.display());
        }
        if path.as_os_str() == "-" {
            bail!("-: cannot be written: give a file name (the report is printed anyway)");
        }
        let folder = folder_of(path);
        if !folder.is_dir() {
            bail!(
                "{}: cannot be written: folder {} does not exist",
                path.display(),
                folder.display()
            );
        }
        if fs::metadata(folder)
            .map(|m| m.permissions().readonly())
            .unwrap_or(false)
        {
            bail!(
                "{}: cannot be written: folder {} is read-only",
                path.display(),
                folder.display()
            );
        }
        if let Some(input) = inputs.iter().flatten().find(|input| same(input, path)) {
            bail!(
                "{}: cannot be written: it is an input ({})",
                path.display(),
                input.display()
            );
        }
        if outputs[..i]
            .iter()
            .any(|other| same(other, path) || other == path)
        {
            bail!(
                "{}: cannot be written: two outputs have this name",
                path.display()
            );
        }
    }
    Ok(())
}

/// Whether two paths name one file that exists.
fn same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b && a.is_file(),
        _ => false,
    }
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes as lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut s, b| {
            let _ = write!(s, "{b:02x}");
            s
        })
}
