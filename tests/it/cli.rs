//! Running the command line in tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `spikemesh` with these arguments in this folder.
pub(crate) fn run_in(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spikemesh"))
        .args(args)
        .current_dir(folder)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the binary of this package starts")
}

/// Runs `spikemesh` at the repository's root; panics unless it succeeds. Returns what it printed.
pub(crate) fn ok(args: &[&str]) -> String {
    let out = run_in(&root(), args);
    assert!(
        out.status.success(),
        "spikemesh {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).expect("text")
}

/// A fresh folder for one test.
pub(crate) fn folder(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("the target folder is writable");
    path
}

/// Runs with `--json` and returns the parsed report.
pub(crate) fn json(name: &str, args: &[&str]) -> serde_json::Value {
    let path = folder(name).join("out.json");
    let mut all: Vec<&str> = args.to_vec();
    let text = path.to_string_lossy().into_owned();
    all.extend(["--json", &text]);
    ok(&all);
    serde_json::from_str(&std::fs::read_to_string(&path).expect("written")).expect("valid JSON")
}
