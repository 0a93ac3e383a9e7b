//! The hand-written examples assemble, fit their chips, and survive a round trip; so does the program of `specs/asm.md`.

use assembler::{assemble, disassemble};
use isa::ChipSpec;
use isa::image::Image;

fn check(text: &str, name: &str) -> Image {
    let image = assemble(text, name).unwrap_or_else(|all| panic!("{}", all[0]));
    let chip = ChipSpec::preset(&image.meta.chip)
        .expect("a preset")
        .expect("a valid preset");
    assert_eq!(isa::verify::fits(&image, &chip), [], "{name}");
    assert_eq!(image.meta.limits, chip.limits_digest());
    let long = disassemble(&image);
    assert_eq!(assemble(&long, "again.s").expect("valid"), image, "{long}");
    image
}

#[test]
fn hello() {
    let image = check(include_str!("../../examples/hello/hello.s"), "hello.s");
    assert_eq!(image.cores.len(), 2);
    assert_eq!(image.cores[0].dests.len(), 2);
}

#[test]
fn crossbar() {
    let image = check(
        include_str!("../../examples/crossbar/crossbar.s"),
        "crossbar.s",
    );
    assert_eq!(image.cores[0].rows, [0b1111, 0b0010]);
}

/// Each block ```` ```asm ```` of the reference is a whole program.
#[test]
fn reference() {
    let page = include_str!("../../specs/asm.md");
    let blocks: Vec<&str> = page
        .split("```asm\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        check(block, "asm.md");
    }
}

/// One changed number in the long text changes one number of the image.
#[test]
fn one_change() {
    let image = check(include_str!("../../examples/hello/hello.s"), "hello.s");
    let text = disassemble(&image);
    let change = |from: &str, to: &str| {
        assert!(text.contains(from), "{from} in {text}");
        assemble(&text.replacen(from, to, 1), "changed.s").expect("valid")
    };
    let mut expect = image.clone();
    expect.cores[0].weights[0] = 101;
    assert_eq!(change("0:100", "0:101"), expect);
    let mut expect = image.clone();
    expect.cores[0].groups[0].constants[0].1 = 98;
    assert_eq!(change(".const THETA = 99", ".const THETA = 98"), expect);
    let mut expect = image.clone();
    expect.cores[0].dests[1].axon = 1;
    assert_eq!(change("host 1 element 0", "host 1 element 1"), expect);
}
