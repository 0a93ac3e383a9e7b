//! The formatter: its rules one by one, and what holds for every text: formatted twice is formatted once, and the meaning stays.

#[path = "../../isa/tests/image/random.rs"]
mod random;
#[path = "../../isa/tests/image/sample.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of isa; a part is used here"
)]
mod sample;

use assembler::{assemble, disassemble, format, kernels::KERNELS};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// Formats; the result is formatted and gives the same bytes, or none as before.
fn check(text: &str) -> String {
    let formatted = format(text);
    assert_eq!(format(&formatted), formatted, "of {text:?}");
    let image = |text: &str| assemble(text, "text.s").ok().map(|image| image.to_bytes());
    assert_eq!(image(&formatted), image(text), "{text:?} as {formatted:?}");
    formatted
}

/// What comes in, what goes out.
const RULES: &[(&str, &str)] = &[
    ("", ""),
    ("\n \n\t\r\n", ""),
    (".macro m\nL:.endm\n.endm", ".macro m\n    L:.endm\n.endm\n"),
    ("; a\t \r\n\n\n;b\n\n", "; a\n\n;b\n"),
    (
        "\t.core   0;c",
        ".core 0                                 ;c\n",
    ),
    (".slot v 24 =1 ,2,3", ".slot v 24 =1, 2, 3\n"),
    (
        ".lane -> core 0 axon 0,core 1 axon 2\n->host 0 element 1",
        ".lane -> core 0 axon 0, core 1 axon 2\n      ->host 0 element 1\n",
    ),
    (
        ".sparse = 0:1\n1:2 ;x\n -3",
        ".sparse = 0:1\n      1:2                               ;x\n      -3\n",
    ),
    (
        ".option A = 0 0..=1 ; a",
        ".option A        = 0 0..=1              ; a\n",
    ),
    (".option LONG_NAME=0 0..=1", ".option LONG_NAME = 0 0..=1\n"),
    (
        ".input \"a ;  b\"   shape=[1,2];c",
        ".input \"a ;  b\" shape=[1, 2]            ;c\n",
    ),
    ("\"a\\\" ; b\"  c", "\"a\\\" ; b\" c\n"),
    ("\"open ;  no   comment ", "\"open ;  no   comment\n"),
    (
        ".update\n.reg v=r1\n@p1 li v,0\n@ ! p2  mulq.s24.rz r1,r1 , K,12\nhalt\n.end",
        ".update\n    .reg v=r1\n    @p1 li  v, 0\n    @!p2 mulq.s24.rz r1, r1, K, 12\n    halt\n.end\n",
    ),
    (
        ".macro m a\n1:\n0:1 1:2\n\\a\\@:\n.out: ;c\nli r1,\\a\nx:halt\n.endm\n0:1",
        ".macro m a\n1:\n    0:1     1:2\n\\a\\@:\n.out:                                   ;c\n    li      r1, \\a\nx:\n    halt\n.endm\n      0:1\n",
    ),
    (
        ".update\n1:halt\n.out:.two :spk\n.end\n.x: 1",
        ".update\n1:\n    halt\n.out:\n.two:\n    spk\n.end\n.x: 1\n",
    ),
    (
        ".update\na: b :lds r1, v ; c\n;d\n.if 1\n@p1 spk\n.endif\n.end\n;e",
        ".update\na:\nb:\n    lds     r1, v                       ; c\n    ;d\n.if 1\n    @p1 spk\n.endif\n.end\n;e\n",
    ),
    // Behind a label `.end` ends nothing, and stays there.
    (
        ".update\nhalt\nL:.end\n.end\n",
        ".update\n    halt\n    L:.end\n.end\n",
    ),
];

#[test]
fn rules() {
    for (text, expect) in RULES {
        assert_eq!(check(text), *expect, "{text}");
    }
}

/// Every `.s` below a folder, build products left out.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if path.is_dir() && !hidden && entry.file_name() != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "s") {
            found.push(path);
        }
    }
}

#[test]
fn sources_of_the_repository_are_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    sources(&root, &mut found);
    // Bad files are marked with the columns of lines that need not be formatted.
    found.retain(|path| !path.to_string_lossy().contains("tests/bad/"));
    assert!(found.len() > KERNELS.len());
    let differ = found.iter().filter(|path| {
        let text = std::fs::read_to_string(path).expect("text");
        check(&text) != text
    });
    let differ: Vec<String> = differ.map(|path| path.display().to_string()).collect();
    assert!(
        differ.is_empty(),
        "not formatted; run `spikemesh asm --fmt` on: {}",
        differ.join(" ")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn disassembly_is_formatted(image in random::images(4)) {
        let text = disassemble(&image);
        assert_eq!(format(&text), text);
    }

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }
}
