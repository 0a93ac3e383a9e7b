//! Bad lines: each must give its diagnostic at its line and column, and hide no other.

use assembler::{CODES, Diagnostic, assemble};
use std::collections::BTreeSet;

/// `code line:column`, by line.
fn found(text: &str) -> Vec<String> {
    let place = |d: &Diagnostic| format!("{} {}:{}", d.code, d.line, d.column);
    assemble(text, "bad.s").map_or_else(|all| all.iter().map(place).collect(), |_| Vec::new())
}

/// Lines of an image, and what is wrong with them, in order.
const IMAGE: &[(&str, &str)] = &[
    ("core 0", "E0102 1:1"),
    ("lif", "E0102 1:1"),
    ("add r1, r2, r3", "E0102 1:1"),
    ("@p1 spk", "E0004 1:1"),
    (".", "E0001 1:1"),
    ("é", "E0001 1:1"),
    (".image network=a network=b", "E0104 1:18"),
    (".image network=3", "E0004 1:16"),
    (".image limits=\"12\"", "E0003 1:15"),
    (".image network=\"a\\q\"", "E0002 1:18"),
    (".image netwrk=a", "E0103 1:8"),
    (".image\n.image", "E0107 2:1"),
    (".dt fast", "E0003 1:5"),
    (".dt 1 ms", "E0005 1:7"),
    (".dt 1e999", "E0003 1:5"),
    (".drain -1", "E0106 1:8"),
    (".drain 99999999999999999999", "E0003 1:8"),
    (".population", "E0004 1:12"),
    (".population a", "E0105 1:1"),
    (".population a count=", "E0004 1:21"),
    (".population a count=1 depth=-1", "E0106 1:29"),
    (".input x shape=3", "E0004 1:16"),
    (".input x shape=[3", "E0004 1:18"),
    (".input x shape=[3 0]", "E0106 1:19"),
    (".input x shape=[99999999]", "E0106 1:1"),
    (".input x", "E0105 1:1"),
    (".element -> core 0 axon 0", "E0102 1:1"),
    (
        ".input x shape=[2]\n.element 2 -> core 0 axon 0",
        "E0106 2:10",
    ),
    (".input x shape=[2]\n.element -> cor 0 axon 0", "E0109 2:13"),
    (
        ".input x shape=[2]\n.element -> core 0 element 0",
        "E0109 2:20",
    ),
    (".input x shape=[2]\n.element core 0 axon 0", "E0006 2:10"),
    (
        ".input x shape=[2]\n.element -> core 0 axon 0 core 1 axon 0",
        "E0109 2:27",
    ),
    (
        ".input x shape=[2]\n.element 1\n.element 0 -> core 0 axon 0",
        "E0308 3:10",
    ),
    (".output y shape=[1] readout=most", "E0109 1:29"),
    (".output y", "E0105 1:1"),
    (".output y shape=[1] probe=3 readout=last", "E0401 1:1"),
    (".probe v = 1", "E0105 1:1"),
    (".probe v slot=v", "E0305 1:1"),
    (".core", "E0004 1:6"),
    (".core -1", "E0106 1:7"),
    (".core 0\n.core 1", "E0401 1:1, E0401 2:1"),
    (".group lanes=1", "E0102 1:1"),
    (".axon neuron 0", "E0102 1:1"),
    (".format a sparse", "E0102 1:1"),
    (".end", "E0102 1:1"),
    (".reg v = r1", "E0102 1:1"),
    (".option A = 1 0..=1", "E0102 1:1"),
    (".else", "E0110 1:1"),
    (".endif", "E0110 1:1"),
    (".if X\n.drain q\n.endif\n.drain -1", "E0006 1:5, E0106 4:8"),
    (".if 0\n.garbage\n.else\n.rubbish\n.endif", "E0101 4:1"),
    (".if 1\n.else\n.else\n.endif", "E0110 3:1"),
    (".equ A = 1 +", "E0004 1:13"),
    (".equ A = (1", "E0004 1:12"),
    (".equ A 1", "E0004 1:8"),
    (".equ 3 = 1", "E0004 1:6"),
    (".equ A = 1 << 64", "E0007 1:10"),
    (".equ A = q70(1)", "E0007 1:13"),
    (".equ A = q12(x)", "E0006 1:14"),
    (".equ p0 = 1", "E0211 1:6"),
    (".assert 0", "E0111 1:9"),
    (".assert 1 2", "E0004 1:11"),
];

/// Lines of a group with lanes=4, after lines 1 and 2.
const GROUP: &[(&str, &str)] = &[
    (".group lanes=1048577", "E0106 3:14"),
    (".group lif lans=4", "E0103 3:12"),
    (".kernel", "E0004 3:8"),
    (".kernel nosuch", "E0301 3:9"),
    (".kernel lif RESET", "E0004 3:18"),
    (".kernel lif RSET=1", "E0302 3:13"),
    (".kernel lif RESET=1 RESET=1", "E0104 3:21"),
    (".slot v 24\n.kernel lif", "E0102 4:1"),
    (".receptors 5", "E0106 3:12"),
    (".accumulator 33 wrap", "E0106 3:14"),
    (".accumulator 22", "E0004 3:16"),
    (".const A = 0x8000_0000", "E0106 3:12"),
    (".const A = 1\n.const A = 2", "E0107 4:8"),
    (
        ".kernel lif\n.const THETA = 1\n.const THETA = 2",
        "E0107 5:8",
    ),
    (".const \"a b\" = 1", "E0401 2:1"),
    (".slot v", "E0105 3:7"),
    (".kernel lif\n.slot w = 3", "E0105 4:7"),
    (".slot v 33", "E0106 3:9"),
    (".slot v 8 1", "E0004 3:11"),
    (".slot v 8 = 1 2 3 4 5", "E0305 3:21"),
    (".slot v 8 = 1#5", "E0305 3:13"),
    (".slot v 8 = 1#0", "E0106 3:15"),
    (".slot v 8 = 1 2\n3", "E0305 3:7"),
    (".slot v 8 = 300", "E0401 2:1"),
    (".table", "E0305 3:1"),
    (".table = 0#257", "E0305 3:10"),
    (
        ".table = 1\n.table = 1\n.table = 1\n.table = 1\n.table = 1",
        "E0106 7:1",
    ),
    (".ids = 0..=4", "E0305 3:8"),
    (".ids = 0 1", "E0305 3:1"),
    (".ids = 3..=1", "E0106 3:12"),
    (".ids = 0..=3\n.ids = 0..=3", "E0107 4:1"),
    (".ids = 0 1 2 7", "E0401 1:1"),
    (".lane 4 -> core 0 axon 0", "E0106 3:7"),
    (".lane -> core 0 axon 0 delay 300", "E0106 3:30"),
    (".lane -> core 0 axon 0,", "E0004 3:24"),
    (".lane -> host 0 axon 1", "E0109 3:17"),
    (".lane -> core 0 axon 9", "E0401 1:1"),
    (".end", "E0102 3:1"),
    ("1 2 3", "E0108 3:1"),
    ("-> core 0 axon 0", "E0108 3:1"),
];

/// Lines of an axon, after lines 1 to 4: two groups of 4 and 2 lanes.
const AXON: &[(&str, &str)] = &[
    (".axon 3 neuron 0", "E0308 5:7"),
    (".axon", "E0105 5:1"),
    (".axon 1", "E0105 5:1"),
    (".axon cell 0", "E0006 5:7"),
    (".axon neuron 0 kind=4", "E0106 5:21"),
    (".format w sprase", "E0109 5:11"),
    (".format w sparse weight=10", "E0106 5:25"),
    (".format w sparse sigend", "E0103 5:18"),
    (".format w sparse signed signed", "E0104 5:25"),
    (".format w sparse\n.format w dense", "E0107 6:9"),
    (".sparse = 4:1", "E0106 5:11"),
    (".sparse = 0:128", "E0106 5:13"),
    (".sparse = 0 1", "E0004 5:13"),
    (".sparse = 0:", "E0004 5:13"),
    (".sparse = 0:1 1:x", "E0006 5:17"),
    (".sparse group=2 = 0:1", "E0304 5:15"),
    (".sparse format=1 = 0:1", "E0303 5:16"),
    (".sparse\n.drain 1", "E0305 5:1"),
    (
        ".format a sparse\n.format b sparse\n.sparse = 0:1",
        "E0303 7:1",
    ),
    (".format a dense\n.sparse format=a = 0:1", "E0303 6:16"),
    (".sparse first=1 = 0:1", "E0103 5:9"),
    (".dense first=3 = 1 2", "E0305 5:20"),
    (".dense group=1 = 1#3", "E0305 5:18"),
    (".dense = 1@1", "E0306 5:11"),
    (".format d dense delay=2\n.dense = 1@4", "E0106 6:12"),
    (".crossbar = 4", "E0106 5:13"),
    (".crossbar = 0:0xff", "E0106 5:13"),
    (".crossbar = 1 0:2", "E0307 5:15"),
    (".crossbar = 0", "E0401 4:1"),
    (".slot v 8", "E0102 5:1"),
    (".lane -> core 0 axon 0", "E0102 5:1"),
];

/// Instructions in `.update` (from line 7), with constant A, slot v, table sine, register name acc1.
const CODE: &[(&str, &str)] = &[
    ("muq r1, r2, A, 12", "E0201 8:1"),
    ("cmp.xx p1, r1, r2", "E0201 8:1"),
    ("add.s24.rz r1, r2, r3", "E0209 8:8"),
    ("mulq.rz.s24 r1, r2, A, 12", "E0209 8:8"),
    ("add.s24.s24 r1, r2, r3", "E0209 8:8"),
    ("halt.idle", "E0209 8:5"),
    ("add r1, r2", "E0004 8:11"),
    ("add r1 r2, r3", "E0004 8:8"),
    ("add r1, r2, r3, r4", "E0004 8:17"),
    ("add r1, r2, r3, <<32", "E0106 8:19"),
    ("add r1, r2, 5", "E0202 8:13"),
    ("add r1, r2, AA", "E0202 8:13"),
    ("add r1, r2, k1", "E0202 8:13"),
    ("add r1, r2, p1", "E0202 8:13"),
    ("add r16, r2, r3", "E0202 8:5"),
    ("add p1, r2, r3", "E0202 8:5"),
    ("add acc2, r2, r3", "E0202 8:5"),
    ("li r0, 1", "E0202 8:4"),
    ("li r1, 16384", "E0106 8:8"),
    ("li r1, 1; comment\nli r2", "E0004 9:6"),
    ("cmp.eq p0, r1, r2", "E0202 8:8"),
    ("cmp.eq r1, r1, r2", "E0202 8:8"),
    ("pand p1, p2, r3", "E0202 8:14"),
    ("lds r1, w", "E0202 8:9"),
    ("lds r1, 1", "E0106 8:9"),
    ("lda r1, 1", "E0106 8:9"),
    ("lda r1", "E0004 8:7"),
    ("lut r1, r2, 1, 0", "E0106 8:13"),
    ("lut r1, r2, sin, 0", "E0006 8:13"),
    ("mfs r1, idd", "E0109 8:9"),
    ("sra r1, r2, 32", "E0106 8:13"),
    ("sra r1, r2, r3, 32", "E0106 8:17"),
    ("rng r1, -1", "E0106 8:9"),
    ("@ spk", "E0210 8:3"),
    ("@p1", "E0004 8:4"),
    ("@p9 spk", "E0210 8:2"),
    ("@r1 spk", "E0210 8:2"),
    ("@3 spk", "E0004 8:2"),
    ("@p1 halt", "E0210 8:1"),
    ("ldy r1, weight", "E0208 8:1"),
    ("mfs r1, payload", "E0401 8:1"),
    ("br", "E0004 8:3"),
    ("br don", "E0203 8:4"),
    ("br done", "E0205 8:4"),
    ("done: spk", "E0204 9:1"),
    ("x: br x", "E0205 8:7"),
    (".reg acc1 = r3", "E0107 8:6"),
    (".reg r3 = r4", "E0211 8:6"),
    (".reg b = 4", "E0004 8:10"),
    ("halt", "E0207 8:1"),
    (".slot x 3", "E0102 8:1"),
    (".update", "E0102 8:1"),
    ("spk\nspk", "E0401 9:1"),
    ("@p1 br.idle don\nspk", "E0203 8:13"),
    ("1 2", "E0004 8:1"),
    ("hlat\nli r1, 99999\nbr nowhere", "E0201 8:1, E0106 9:8"),
];

fn check(before: &str, line: &str, after: &str, expect: &str) {
    let text = format!("{before}{line}\n{after}");
    assert_eq!(
        found(&text).join(", "),
        expect,
        "\n{text}\n{:#?}",
        assemble(&text, "bad.s").err()
    );
}

#[test]
fn bad_lines() {
    IMAGE
        .iter()
        .for_each(|(line, expect)| check("", line, "", expect));
    GROUP
        .iter()
        .for_each(|(line, expect)| check(".core 0\n.group lanes=4\n", line, "", expect));
    let axon = ".core 0\n.group lanes=4\n.group lanes=2\n.axon neuron 0\n";
    AXON.iter()
        .for_each(|(line, expect)| check(axon, line, "", expect));
    let code = ".core 0\n.group lanes=1\n.const A = 1\n.slot v 24\n.table sine = 0 1\n.update\n.reg acc1 = r9\n";
    CODE.iter()
        .for_each(|(line, expect)| check(code, line, "done: halt\n.end\n", expect));
    assert!(IMAGE.len() + GROUP.len() + AXON.len() + CODE.len() >= 150);
}

#[test]
fn one_bad_line_hides_no_other() {
    let text = "\
.cor 0
.core 0
.group lif lanes=2
.kernel lif
.const THETA = 5 5
.slot v = 1 2 3
.slot w 99
.lane -> core 0 axon
.lanes 3
.axon neuron x
.axon neuron 0
.sparse = 0:1 9:1
  0:1 0:999
  1:1
.update
";
    assert_eq!(
        found(text),
        [
            "E0101 1:1",
            "E0005 5:18",
            "E0305 6:15",
            "E0106 7:9",
            "E0004 8:21",
            "E0101 9:1",
            "E0006 10:14",
            "E0106 12:15",
            "E0106 13:9",
            "E0102 15:1"
        ]
    );
}

#[test]
fn suggestions() {
    for (text, help) in [
        (".grup lanes=1", "did you mean `.group`?"),
        (".equ AB = 1\n.drain AC", "did you mean `AB`?"),
        ("drain 1", "directives begin with a dot: `.drain`"),
        (
            ".core 0\n.group lanes=1\n.kernel liff",
            "did you mean `lif`?",
        ),
        (
            ".core 0\n.group lanes=1\n.slot refractory 8\n.update\nlds r1, refactory\nhalt\n.end",
            "did you mean `refractory`?",
        ),
        (
            ".core 0\n.group lanes=1\n.const THETA = 8\n.update\nadd r1, r2, TETA\nhalt\n.end",
            "did you mean `THETA`?",
        ),
        (
            ".core 0\n.group lanes=1\n.update\nbr dome\nspk\ndone: halt\n.end",
            "did you mean `done`?",
        ),
        (
            ".core 0\n.group lanes=1\n.update\nhalr\n.end",
            "did you mean `halt`?",
        ),
    ] {
        let all = assemble(text, "bad.s").expect_err(text);
        assert_eq!(all[0].help.as_deref(), Some(help), "{text}");
    }
}

#[test]
fn many_errors_stop() {
    let all = assemble(&".x\n".repeat(1000), "bad.s").expect_err("bad");
    assert_eq!(all.len(), 101);
    assert_eq!(all[100].code, "E0009");
}

/// `specs/asm/diagnostics.toml` explains exactly the codes there are, and each example gets its code at its place.
#[test]
fn codes_are_documented() {
    let text = include_str!("../../specs/asm/diagnostics.toml");
    let table: toml::Table = text.parse().expect("toml");
    let documented: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(documented, CODES.iter().copied().collect());
    for (code, entry) in &table {
        for key in ["means", "remedy"] {
            assert!(
                entry[key].as_str().is_some_and(|text| text.ends_with('.')),
                "{code} {key}"
            );
        }
        let (Some(example), Some(at)) = (entry.get("example"), entry.get("at")) else {
            assert_eq!(code, "E0009", "{code} has no example");
            continue;
        };
        let example = example.as_str().expect("text");
        assert_eq!(
            found(example),
            [format!("{code} {}", at.as_str().expect("text"))],
            "{example}"
        );
    }
}
