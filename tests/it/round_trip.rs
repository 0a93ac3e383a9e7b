//! Text and image say the same: `map`, `disasm` and `asm` give identical bytes; one change in the text is one change in the image.

use crate::cli::{folder, ok, root};
use isa::Image;
use std::path::Path;

fn text_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Disassembles an image file, assembles the text and compares the bytes. Returns the text.
fn round_trip(image: &Path) -> String {
    let source = image.with_extension("out.s");
    let again = image.with_extension("again.spm");
    ok(&["disasm", &text_of(image), "-o", &text_of(&source)]);
    ok(&["asm", &text_of(&source), "-o", &text_of(&again)]);
    let (a, b) = (
        std::fs::read(image).unwrap(),
        std::fs::read(&again).unwrap(),
    );
    assert!(
        a == b,
        "{}: {} and {} bytes differ",
        image.display(),
        a.len(),
        b.len()
    );
    std::fs::read_to_string(&source).unwrap()
}

#[test]
fn every_example_survives_text() {
    let dir = folder("round_trip");
    for name in ["digits", "conv_digits", "srnn", "delays", "motion"] {
        let image = dir.join(format!("{name}.spm"));
        let net = format!("examples/{name}/{name}.nir");
        ok(&["map", &net, "--chip", "loihi", "-o", &text_of(&image)]);
        round_trip(&image);
    }
    for name in ["hello", "crossbar"] {
        let image = dir.join(format!("{name}.spm"));
        ok(&[
            "asm",
            &format!("examples/{name}/{name}.s"),
            "-o",
            &text_of(&image),
        ]);
        round_trip(&image);
    }
}

/// Assembles a text with one replacement and returns the image.
fn changed(dir: &Path, text: &str, from: &str, to: &str) -> Image {
    assert_eq!(
        text.matches(from).count(),
        1,
        "{from:?} should stand once in\n{text}"
    );
    let (source, image) = (dir.join("changed.s"), dir.join("changed.spm"));
    std::fs::write(&source, text.replace(from, to)).unwrap();
    ok(&["asm", &text_of(&source), "-o", &text_of(&image)]);
    Image::from_bytes(&std::fs::read(&image).unwrap()).unwrap()
}

#[test]
fn one_change_in_the_text_is_one_change_in_the_image() {
    let dir = folder("one_change");
    let text = std::fs::read_to_string(root().join("examples/hello/hello.s")).unwrap();
    let path = dir.join("hello.spm");
    ok(&["asm", "examples/hello/hello.s", "-o", &text_of(&path)]);
    let original = Image::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    let disassembled = round_trip(&path);
    assert_eq!(
        assembler::assemble(&disassembled, "hello.s").unwrap(),
        original
    );

    let mut expect = original.clone();
    expect.cores[0].weights[0] = 101;
    let comment = ".axon input 0                           ; axon 0: the start\n.sparse = 0:";
    assert_eq!(
        changed(
            &dir,
            &text,
            &format!("{comment}WEIGHT"),
            &format!("{comment}101")
        ),
        expect,
        "a weight"
    );

    let mut expect = original.clone();
    for core in &mut expect.cores {
        let theta = core.groups[0]
            .constants
            .iter_mut()
            .find(|c| c.0 == "THETA")
            .unwrap();
        theta.1 = 98;
    }
    assert_eq!(
        changed(&dir, &text, ".equ THRESHOLD = 99", ".equ THRESHOLD = 98"),
        expect,
        "the threshold"
    );

    let mut expect = original;
    expect.cores[0].dests[0].axon = 0;
    expect.cores[0].dests[0].target = 0;
    assert_eq!(
        changed(
            &dir,
            &text,
            ".lane -> core 2 axon 0,",
            ".lane -> core 0 axon 0,"
        ),
        expect,
        "a destination"
    );
}
