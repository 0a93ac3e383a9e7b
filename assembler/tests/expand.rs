//! Macros, `.rept`, `.include` and labels: each text gives the image of the text written out by hand.

use assembler::{KernelLibrary, assemble, assemble_files};
use isa::image::Image;

fn image(text: &str) -> Image {
    assemble(text, "test.s").unwrap_or_else(|all| panic!("{text}\n{}", all[0]))
}

fn same(short: &str, long: &str) {
    assert_eq!(image(short), image(long), "{short}");
}

/// Two handlers that must have the same words.
fn same_code(short: &str, long: &str) {
    let group = |text: &str| {
        format!(
            ".core 0\n.group lanes=2\n.const A = 3\n.const B = 4\n.slot v 24\n.update\n{text}\n halt\n.end\n"
        )
    };
    let (before, code) = short.rsplit_once(".endm\n").unwrap_or(("", short));
    let before = match before {
        "" => String::new(),
        before => format!("{before}.endm\n"),
    };
    same(&format!("{before}{}", group(code)), &group(long));
}

#[test]
fn arguments() {
    let pair = ".macro pair a, b=A, c=(1 + 2)\n add \\a, \\a, \\b\n li r9, \\c * 2\n.endm\n";
    for (call, long) in [
        ("pair r1", "add r1, r1, A\nli r9, 6"),
        ("pair r1, B", "add r1, r1, B\nli r9, 6"),
        ("pair r1, , 7", "add r1, r1, A\nli r9, 14"),
        ("pair c=2 + 3, a=r4", "add r4, r4, A\nli r9, 8"),
    ] {
        same_code(&format!("{pair}{call}"), long);
    }
    // A comma in brackets does not end an argument.
    same(
        ".macro port name, shape, dims\n.input \\name shape=\\shape\n.endm\nport a, [2, 3], 2\n",
        ".input a shape=[2, 3]\n",
    );
}

#[test]
fn names_are_put_together() {
    same(
        ".macro layer name, n\n.input \\name\\()_cells shape=[\\n]\n.input \"\\name \\@\" shape=[1]\n.endm\nlayer a, 2\nlayer b, 3\n",
        ".input a_cells shape=[2]\n.input \"a 1\" shape=[1]\n.input b_cells shape=[3]\n.input \"b 2\" shape=[1]\n",
    );
}

/// A label, register name or `.equ` of an expansion is its own; those of arguments and surroundings are known in it.
#[test]
fn what_an_expansion_defines_is_its_own() {
    same_code(
        "\
.macro clip register, most
  .reg limit = r8
  .equ SHIFT = 2
  add limit, r0, \\most
  cmp.gt p1, \\register, limit
  @!p1 br done
  add \\register, limit, r0, <<SHIFT
done:
.endm
.equ SHIFT = 1
.reg limit = r3
 clip limit, A
 clip r5, B
 add r1, limit, A, <<SHIFT",
        "\
 add r8, r0, A
 cmp.gt p1, r3, r8
 @!p1 br one
 add r3, r8, r0, <<2
one: add r8, r0, B
 cmp.gt p1, r5, r8
 @!p1 br two
 add r5, r8, r0, <<2
two: add r1, r3, A, <<1",
    );
    // A name that begins with an argument belongs to the caller; a label of the caller can be a target.
    same_code(
        "\
.macro define name, value
  .equ \\name = \\value
  .equ \\name\\()_TWICE = 2 * \\value
.endm
.macro leave if
  @\\if br out
.endm
define X, 21
  leave p1
  li r1, X_TWICE
  li r1, X
out:",
        "@p1 br out\nli r1, 42\nli r1, 21\nout:",
    );
}

#[test]
fn macros_call_macros() {
    same_code(
        "\
.macro twice what, r
  \\what \\r
  \\what \\r
.endm
.macro grow r, by=1
  addi \\r, \\r, \\by
.endm
.macro nest depth
  addi r2, r2, \\depth
.if \\depth < 3
  nest \\depth + 1
.endif
.endm
  twice grow, r1
  nest 1",
        "addi r1, r1, 1\naddi r1, r1, 1\naddi r2, r2, 1\naddi r2, r2, 2\naddi r2, r2, 3",
    );
}

#[test]
fn rounds() {
    same_code(
        ".rept 3, i\n li r1\\i, i * i\n@p1 br 1f\n.if i != 1\n li r4, 4\n.endif\n li r2, \\i\n1:\n.endr",
        "li r10, 0\n@p1 br a\nli r4, 4\nli r2, 0\na: li r11, 1\n@p1 br b\nli r2, 1\nb: li r12, 4\n@p1 br c\nli r4, 4\nli r2, 2\nc:",
    );
}

#[test]
fn rounds_in_data() {
    same(
        "\
.rept 2, c
.core c
.group lanes=4
.kernel if
.rept 3, a
.axon input 3 * c + a
.sparse = 0:1
.rept 2, s
  (s + 1):(a + 2)
.endr
.endr
.endr
.input x shape=[6]
.rept 0
.nonsense
.endr
",
        "\
.core 0
.group lanes=4
.kernel if
.axon input 0
.sparse = 0:1 1:2 2:2
.axon input 1
.sparse = 0:1 1:3 2:3
.axon input 2
.sparse = 0:1 1:4 2:4
.core 1
.group lanes=4
.kernel if
.axon input 3
.sparse = 0:1 1:2 2:2
.axon input 4
.sparse = 0:1 1:3 2:3
.axon input 5
.sparse = 0:1 1:4 2:4
.input x shape=[6]
",
    );
}

#[test]
fn labels() {
    same_code(
        "@p1 br 1f\nspk\n1: @p2 br 1f\n li r1, 1\n1: @p3 br 7f\nli r1, 2\n7:",
        "@p1 br a\nspk\na: @p2 br b\n li r1, 1\nb: @p3 br c\nli r1, 2\nc:",
    );
    same_code(
        "one: @p1 br .out\nspk\n.out: @p2 br two.out\nli r1, 1\ntwo: @p1 br .out\nli r1, 2\n.out:",
        "one: @p1 br x\nspk\nx: @p2 br y\nli r1, 1\ntwo: @p1 br y\nli r1, 2\ny:",
    );
    // A label in a macro does not end the scope of `.name` around it.
    same_code(
        ".macro m\n@p2 br inner\nli r1, 1\ninner:\n.endm\na: @p1 br .b\nli r3, 1\nm\n.b:",
        "@p1 br z\nli r3, 1\n@p2 br z\nli r1, 1\nz:",
    );
}

#[test]
fn conditions() {
    for (n, expect) in [(0, 1), (1, 2), (2, 3), (3, 4)] {
        same(
            &format!(
                ".equ N = {n}\n.if N == 0\n.drain 1\n.elseif N == 1\n.drain 2\n.elseif N == 2\n.if 1\n.drain 3\n.else\n.drain 9\n.endif\n.else\n.drain 4\n.endif\n"
            ),
            &format!(".drain {expect}"),
        );
    }
}

#[test]
fn files() {
    let mut names = Vec::new();
    let mut loader = |name: &str| {
        names.push(name.to_owned());
        match name {
            "lib/all.s" => Ok(".include \"size.s\"\n.include \"../data.s\"".to_owned()),
            "lib/size.s" => {
                Ok(".equ N = 3\n.macro cells\n.input cells shape=[N]\n.endm\n".to_owned())
            }
            "data.s" => Ok(".include \"lib/size.s\"\ncells\n".to_owned()),
            _ => Err("no such file".to_owned()),
        }
    };
    let image = assemble_files(
        ".include \"lib/all.s\"\n.drain N\n",
        "main.s",
        &KernelLibrary::default(),
        &mut loader,
    );
    let image = image.unwrap_or_else(|all| panic!("{}", all[0]));
    assert_eq!(
        (image.io.drain, image.io.inputs[0].shape.clone()),
        (3, vec![3])
    );
    assert_eq!(names, ["lib/all.s", "lib/size.s", "data.s"]);
}
