//! `asm --fmt`: what it writes, what it leaves alone, what `--check` says.

use crate::cli::{folder, ok, root, run_in};

/// The sources of a user: one canonical, one not, one that does not assemble.
#[test]
fn sources_are_formatted_in_place() {
    let folder = folder("asm_fmt");
    let path = |name: &str| folder.join(name);
    let tidy = std::fs::read_to_string(root().join("examples/hello/hello.s")).unwrap();
    let untidy = tidy
        .replace("\n.lane", "\n\t.lane  ")
        .replace('\n', " \r\n");
    std::fs::write(path("tidy.s"), &tidy).unwrap();
    std::fs::write(path("untidy.s"), &untidy).unwrap();
    std::fs::write(path("wrong.s"), ".core  x").unwrap();
    let before = std::fs::metadata(path("tidy.s"))
        .unwrap()
        .modified()
        .unwrap();

    let names = ["asm", "--fmt", "--check", "tidy.s", "untidy.s", "wrong.s"];
    let out = run_in(&folder, &names);
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(
        said.contains("untidy.s, wrong.s") && !said.contains(" tidy.s"),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(path("untidy.s")).unwrap(), untidy);

    let out = run_in(&folder, &["asm", "--fmt", "tidy.s", "untidy.s", "wrong.s"]);
    assert_eq!(out.status.code(), Some(0));
    let said = String::from_utf8(out.stdout).unwrap();
    assert_eq!(said, "formatted untidy.s\nformatted wrong.s\n");
    assert_eq!(std::fs::read_to_string(path("untidy.s")).unwrap(), tidy);
    assert_eq!(
        std::fs::read_to_string(path("wrong.s")).unwrap(),
        ".core x\n"
    );
    let after = std::fs::metadata(path("tidy.s"))
        .unwrap()
        .modified()
        .unwrap();
    assert_eq!(before, after, "what is canonical is not written");
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        3,
        "nothing is left behind"
    );

    let out = run_in(
        &folder,
        &["asm", "--fmt", "--check", "tidy.s", "untidy.s", "wrong.s"],
    );
    assert_eq!(out.status.code(), Some(0));
    let image = path("hello.spm").to_string_lossy().into_owned();
    ok(&["asm", &path("untidy.s").to_string_lossy(), "-o", &image]);
}
