//! No text makes the assembler panic, and what it reports lies in the text. A formatted text is formatted, and means the same.

use assembler::{CODES, assemble, disassemble, format, kernels::KERNELS};
use proptest::prelude::*;

/// Sources to mutate: the examples, the kernels as groups, and one with everything.
fn sources() -> Vec<String> {
    let kernel = |(_, source): &(&str, &str)| format!(".core 0\n.group lanes=3\n{source}");
    let everything = "\
.image network=\"a b\" chip=tiny
.dt 1e-3
.drain 2
.population p count=6 depth=1
.input x shape=[2, 2] port=1 graded
.element 0 -> core 0 axon 0, core 0 axon 1
  -> core 0 axon 1 delay 2
.output y shape=[1] probe=v
.output z shape=[3] readout=first
.probe v slot=v = 4
.equ N = (3 + 1) * 2 << 1
.if N > 3 & N != 7
.core 0
.else
.core 1
.endif
.format w sparse excitatory weight=6 exponent=-1 scale=6 delay=3 index=6
.format d dense inhibitory weight=4
.format c crossbar slot=1
.group custom lanes=4
.receptors 2
.accumulator 22 saturate
.const THETA = q12(0.5)
.slot v 24 = -1 2 0#2
.slot w 8
.table t = 1 2#3
.lut u count=3 = q4!(i / 2)
.update
    .reg v = r1
    lds v, v
    lut r2, v, t, 4
    @!p1 br.idle out
    mulq.s24.rz v, v, THETA, 12
out: halt
.end
.ids = 2..=5
.lane -> host 0 element 2
.group lanes=2
.kernel lif RESET=1 BIAS=1
.slot bias = 3 4
.ids = 0 1
.axon neuron 3 kind=0
.sparse group=0 format=w = 0..=2:5@7 3:1
.dense group=1 first=0 = -1#2
.axon input 3
.crossbar = 0:0b101 1
";
    let expanded = "\
.macro leave if, to=out
    @\\if br \\to
.endm
.macro neuron theta, n=2
.group lanes=4
.const THETA = \\theta
.slot v\\@ 24
.update
    lds r1, 0
    cmp.gt p1, r1, THETA
    leave p1
.rept \\n, i
    addi r1, r1, i + \\i
    @p2 br 1f
    li r2, \\i
1:
.endr
out: .sub: sts r1, 0
    halt
.end
.endm
.core 0
neuron 5
neuron theta=(2 + 3), n=3
.rept 3, a
.axon neuron a
.sparse = 0:1 (a + 1):\\a
.endr
";
    let examples = [
        expanded,
        include_str!("../../examples/hello/hello.s"),
        include_str!("../../examples/crossbar/crossbar.s"),
        everything,
    ];
    examples
        .map(str::to_owned)
        .into_iter()
        .chain(KERNELS.iter().map(kernel))
        .collect()
}

fn check(text: &str) {
    let formatted = format(text);
    assert_eq!(format(&formatted), formatted, "of {text:?}");
    assert_eq!(
        assemble(&formatted, "fuzz.s").ok(),
        assemble(text, "fuzz.s").ok(),
        "{text:?} as {formatted:?}"
    );
    match assemble(text, "fuzz.s") {
        Ok(image) => assert_eq!(
            assemble(&disassemble(&image), "again.s").as_ref(),
            Ok(&image)
        ),
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty() && diagnostics.len() <= 101);
            for d in diagnostics {
                assert!(CODES.contains(&d.code));
                assert!(text.get(d.span.clone()).is_some(), "{d:?}");
                assert!(
                    d.line >= 1 && d.line as usize <= text.lines().count().max(1) + 1,
                    "{d:?}"
                );
                assert!(!d.message.is_empty() && !d.label.is_empty());
            }
        }
    }
}

/// Replaces, removes or repeats a piece of the text, or puts a strange one in.
fn mutate(text: &mut String, at: usize, length: usize, kind: usize, piece: &str) {
    let start = text.floor_char_boundary(at % (text.len() + 1));
    let end = text.floor_char_boundary((start + length).min(text.len()));
    let old = text[start..end].to_owned();
    match kind {
        0 => text.replace_range(start..end, ""),
        1 => text.insert_str(end, &old),
        2 => text.replace_range(start..end, piece),
        _ => text.insert_str(start, piece),
    }
}

const PIECES: [&str; 48] = [
    "\n",
    ".",
    "\"",
    "@",
    "->",
    "..=",
    "#",
    "99999999999999999999",
    "-1",
    "0x",
    "é",
    "\0",
    "(",
    "[",
    "4294967295",
    "-2147483648",
    ".core 0\n",
    ".group lanes=1048576\n",
    ".axon neuron 0\n",
    ".update\n",
    ".end\n",
    ".if 1\n",
    ".else\n",
    ".endif\n",
    ".kernel lif\n",
    " = ",
    ":",
    "halt\n",
    "br L\n",
    "L:",
    ";",
    "0..=4000000000",
    ".macro m a, b=2\n",
    ".endm\n",
    "m 1\n",
    "m b=\\a, a=m\n",
    ".rept 3, i\n",
    ".rept 40\n",
    ".endr\n",
    "\\a",
    "\\i",
    "\\@",
    "\\()",
    ".include \"fuzz.s\"\n",
    ".include \"spikemesh/x\"\n",
    ".elseif 0\n",
    "1: .x:",
    ".lut t = q8!(i / 3)\n",
];

#[test]
fn sources_are_good() {
    for source in sources() {
        assert!(
            !source.contains("lanes=4") || assemble(&source, "good.s").is_ok(),
            "{:?}",
            assemble(&source, "good.s").err()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_sources(
        source in 0..sources().len(),
        changes in proptest::collection::vec((any::<usize>(), 0usize..12, 0usize..4, 0..PIECES.len()), 1..6),
    ) {
        let mut text = sources().swap_remove(source);
        for (at, length, kind, piece) in changes {
            mutate(&mut text, at, length, kind, PIECES[piece]);
        }
        check(&text);
    }

    #[test]
    fn any_text(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn lines_of_words(words in proptest::collection::vec((0..PIECES.len(), any::<bool>()), 0..40)) {
        let text: String = words.iter().map(|(piece, space)| format!("{}{}", PIECES[*piece], if *space { " " } else { "" })).collect();
        check(&text);
    }
}
