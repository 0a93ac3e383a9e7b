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

/// Entries are the same on every machine: some by hand, all of them by a sum of the whole table.
#[test]
fn tables_by_formula() {
    let group = ".core 0\n.group lanes=1\n";
    let table = |line: &str| {
        let image = image(&format!("{group}{line}"));
        image.cores[0].groups[0].tables[0].clone()
    };
    assert_eq!(table(".lut a count=5 = i * i - 1"), [-1, 0, 3, 8, 15]);
    assert_eq!(table(".equ i = 9\n.lut a count=2 = i"), [0, 1]);
    assert_eq!(
        table(
            ".macro fill name, formula\n.lut \\name count=3 = \\formula\n.endm\nfill a, q4!(i / 2)"
        ),
        [0, 8, 16]
    );
    let squash = table(".lut squash = q15(sigmoid((i - 128) / 16))");
    assert_eq!(
        (squash.len(), squash[0], squash[128], squash[144]),
        (256, 11, 1 << 14, 23955)
    );
    for (i, entry) in squash.iter().enumerate().skip(1) {
        let mirrored = squash[256 - i];
        assert!(
            (entry + mirrored - (1 << 15)).abs() <= 1,
            "{i}: {entry} and {mirrored}"
        );
    }
    // FNV-1a of the entries; `libm` 0.2 gives these bits.
    let digest = |line: &str| {
        table(line)
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            })
    };
    assert_eq!(
        digest(".lut a = q30(exp(-i / 10.0))"),
        18_179_176_763_106_381_179
    );
    assert_eq!(
        digest(".lut a = q29(sin(i / 7) * cos(i) + tanh(i / 99) + sqrt(i) / 99 + log(i + 1) / 99)"),
        2214167504065941875
    );
}
