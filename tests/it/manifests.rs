//! The crates know each other as `ARCHITECTURE.md` says, and no further.

use std::collections::BTreeSet;

const OURS: [&str; 6] = [
    "isa",
    "assembler",
    "network",
    "mapper",
    "emulator",
    "spikemesh",
];

/// (crate, folder, what it may use of ours, what its tests may use besides)
const MAY_USE: [(&str, &str, &[&str], &[&str]); 6] = [
    ("isa", "isa", &[], &[]),
    ("assembler", "assembler", &["isa"], &[]),
    ("network", "network", &[], &[]),
    ("mapper", "mapper", &["isa", "assembler", "network"], &[]),
    ("emulator", "emulator", &["isa"], &["emulator"]),
    (
        "spikemesh",
        ".",
        &["isa", "assembler", "network", "mapper", "emulator"],
        &[],
    ),
];

#[test]
fn no_other_edge_between_crates() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, folder, allowed, in_tests) in MAY_USE {
        let path = root.join(folder).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        let mut used = BTreeSet::new();
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let Some(table) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for dependency in table.keys().filter(|d| OURS.contains(&d.as_str())) {
                let ok = allowed.contains(&dependency.as_str())
                    || (section == "dev-dependencies" && in_tests.contains(&dependency.as_str()));
                assert!(
                    ok,
                    "{name} must not know {dependency} ({section} of {})",
                    path.display()
                );
                used.insert(dependency.clone());
            }
        }
        assert!(
            !manifest.contains_key("target"),
            "{name}: target-specific dependencies hide edges from this test"
        );
        for needed in allowed {
            assert!(
                used.contains(*needed),
                "{name} no longer uses {needed}: tighten this test"
            );
        }
    }
}

#[test]
fn workspace_members_are_the_rooms() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    let members: Vec<&str> = manifest["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m.as_str().unwrap())
        .collect();
    assert_eq!(
        members,
        ["isa", "assembler", "network", "mapper", "emulator"]
    );
}

#[test]
fn unsafe_code_is_in_one_file() {
    let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    let mut found = BTreeSet::new();
    let word = format!("{}{}", "un", "safe");
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{e}")) {
            let path = entry.unwrap_or_else(|e| panic!("{e}")).path();
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
            let name = name.unwrap_or_default();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{e}"));
                let code = |line: &str| {
                    let line = line.trim_start();
                    !line.starts_with("//") && line.contains(&format!("{word} {{"))
                        || line.contains(&format!("allow({word}"))
                };
                if text.lines().any(code) {
                    let root = env!("CARGO_MANIFEST_DIR");
                    let path = path.strip_prefix(root).unwrap_or(&path);
                    found.insert(path.to_string_lossy().replace('\\', "/"));
                }
            }
        }
    }
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["emulator/src/simd.rs"]
    );
}
