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
