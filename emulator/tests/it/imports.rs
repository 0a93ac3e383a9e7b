//! The reference shares nothing with the fast engine: it may use `isa`, `std` and itself.

use std::path::Path;

#[test]
fn the_reference_imports_only_isa() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source.join("reference.rs")];
    let mut folders = vec![source.join("reference")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the reference has files") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path)
            } else {
                files.push(path)
            }
        }
    }
    assert!(files.len() > 5);
    let mut uses = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).expect("readable");
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}: {line}", file.display(), number + 1);
            let code = line.split("//").next().unwrap_or_default();
            if let Some(path) = code
                .trim_start()
                .trim_start_matches("pub ")
                .trim_start_matches("(super) ")
                .strip_prefix("use ")
            {
                uses += 1;
                let root = path.split("::").next().unwrap_or_default();
                assert!(matches!(root, "isa" | "std" | "self" | "super"), "{place}");
            }
            assert!(
                !code.contains("crate::") && !code.contains("super::super::super"),
                "{place}"
            );
            assert!(!code.contains("include!"), "{place}");
        }
    }
    assert!(uses > 8, "{uses} use lines found");
}
