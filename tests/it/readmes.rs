//! Every command shown in a README runs and prints what is shown there. `BLESS=1` writes the output anew.
//!
//! A block starts with ```` ```console ````; a line `$ spikemesh …` is a command, what follows is its output. Lines that
//! speak of the host computer are shown but not compared.

use crate::cli::{root, run_in};
use std::path::{Path, PathBuf};

fn readmes() -> Vec<PathBuf> {
    let mut list = vec![root().join("README.md")];
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path().join("README.md");
        assert!(path.exists(), "{} is missing", path.display());
        list.push(path);
    }
    list.sort();
    list
}

/// Runs the commands of one file and returns it with fresh output.
fn refreshed(path: &Path, text: &str) -> String {
    let mut out = Vec::new();
    let mut in_console = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_console = line == "```console";
            out.push(line.to_owned());
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| in_console) {
            out.push(line.to_owned());
            let args = command
                .strip_prefix("spikemesh ")
                .or_else(|| command.strip_prefix("cargo run --release -- "))
                .unwrap_or_else(|| panic!("{}: cannot run {command:?}", path.display()));
            let args: Vec<&str> = args.split_whitespace().collect();
            let result = run_in(&root(), &args);
            assert!(
                result.status.success(),
                "{}: {command}: {}",
                path.display(),
                String::from_utf8_lossy(&result.stderr)
            );
            let printed = String::from_utf8(result.stdout).unwrap();
            out.extend(printed.lines().map(|l| l.trim_end().to_owned()));
        } else if !in_console {
            out.push(line.to_owned());
        }
    }
    out.join("\n") + "\n"
}

/// Without lines that differ from computer to computer.
fn comparable(text: &str) -> Vec<&str> {
    text.lines().filter(|l| !l.starts_with("Host ")).collect()
}

#[test]
fn commands_print_what_their_readme_shows() {
    let mut stale = Vec::new();
    for path in readmes() {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("```console"),
            "{} shows no command",
            path.display()
        );
        let fresh = refreshed(&path, &text);
        if comparable(&fresh) == comparable(&text) {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &fresh).unwrap();
            continue;
        }
        let difference = comparable(&text)
            .into_iter()
            .zip(comparable(&fresh))
            .find(|(a, b)| a != b)
            .map_or(String::from("lengths differ"), |(a, b)| {
                format!("shown   {a}\nprinted {b}")
            });
        stale.push(format!("{}\n{difference}", path.display()));
    }
    assert!(
        stale.is_empty(),
        "run with BLESS=1 after checking:\n{}",
        stale.join("\n")
    );
}
