//! `asm`: what `--fmt` writes and leaves alone, what `--check` says, and the listing.

use crate::cli::{folder, ok, root, run_in};
use expect_test::expect;
use serde_json::Value;
use std::path::Path;

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

const PROGRAM: &str = "\
.equ STEP = 2 + 1
.population few count=3
.core 1
.group odd lanes=2
.const K = -7
.slot v 12 = 1 2
.table t = 1#4
.update
    .reg v = r1
    lds     v, v
    cmp.gt  p1, v, K
    @p1 br  out             ; half of them
    addi    v, v, STEP
    mulq.rz v, v, K, 4
out: late:
    @!p1 spk
    halt
.end
.group lanes=1
.kernel relay
.axon neuron 2
.sparse group=1 = 0:1
";

/// The listing of a program in this folder.
fn listing(folder: &Path, arguments: &[&str]) -> String {
    std::fs::write(folder.join("few.s"), PROGRAM).unwrap();
    let mut all = vec!["asm", "few.s", "--listing", "few.lst"];
    all.extend(arguments);
    let out = run_in(folder, &all);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    std::fs::read_to_string(folder.join("few.lst")).unwrap()
}

#[test]
fn a_listing_by_instruction() {
    let folder = folder("asm_listing");
    let text = listing(
        &folder,
        &["--chip", "programmable", "--set", "update.fill_time=1 ns"],
    );
    expect![[r#"
        few.s
        chip programmable, cycles of 100 ps
        update by instruction: fill 10, alu 3, mul 6, mem 6, ctl 3, send 12, rng 6
        on_spike by instruction: packet 0, fill 0, alu 3, mul 6, mem 16, ctl 3, rng 6
        cycles of a handler: of its cheapest and its dearest path, whether or not there are values that take it, for a lane or a synapse alone

        core 1: 3 lanes, 1 axon, 1 synapse, 0 destinations, 16 words of code

        core 1 group 0 (odd) update: 7 words, 5 to 7 instructions, 37 to 46 cycles
          At  Word      Class  Cycles  Instruction           From      Source
          0   c0080000  mem         6  lds r1, v             few.s:10  lds     v, v
          1   90088400  alu         3  cmp.gt p1, r1, K      few.s:11  cmp.gt  p1, v, K
          2   08800002  ctl         3  @p1 br late           few.s:12  @p1 br  out
          3   60088003  alu         3  addi r1, r1, 3        few.s:13  addi    v, v, STEP
          4   58088448  mul         6  mulq.rz r1, r1, K, 4  few.s:14  mulq.rz v, v, K, 4
          5   ea800000  send       12  late: out: @!p1 spk   few.s:16  @!p1 spk
          6   04000000  ctl         3  halt                  few.s:17  halt

        core 1 group 1 (relay) update: 6 words, 4 to 6 instructions, 25 to 40 cycles
          At  Word      Class  Cycles  Instruction        From        Source
          0   c8080000  mem         6  lda r1, 0          relay.s:20  lda     r1, 0
          1   80088000  alu         3  cmp.eq p1, r1, r0  relay.s:21  cmp.eq  p1, r1, r0
          2   08c00002  ctl         3  @p1 br.idle done   relay.s:22  @p1 br.idle done
          3   90108000  alu         3  cmp.gt p2, r1, r0  relay.s:27  cmp.gt  p2, r1, r0
          4   e9000000  send       12  @p2 spk            relay.s:28  @p2 spk
          5   04000000  ctl         3  done: halt         relay.s:31  halt

        core 1 group 1 (relay) on_spike: 3 words, 3 instructions, 35 cycles
          At  Word      Class  Cycles  Instruction     From        Source
          0   d0080000  mem        16  ldy r1, weight  relay.s:35  ldy     r1, weight
          1   cc008000  mem        16  acc r1          relay.s:40  acc     r1
          2   04000000  ctl         3  halt            relay.s:41  halt

          Kind        Name    Where                  Value
          population  few                            neurons 0 to 2, depth 0
          symbol      STEP                           3
          constant    K       core 1 group 0         k0 = -7
          slot        v       core 1 group 0         slot 0, 12 bits = by lane
          table       t       core 1 group 0         table 0, 4 entries
          label       late    core 1 group 0 update  5
          label       out     core 1 group 0 update  5
          register    v       core 1 group 0 update  r1
          option      GRADED  core 1 group 1         0
          option      SHIFT   core 1 group 1         0
          label       done    core 1 group 1 update  5
    "#]].assert_eq(&text);
    let without = listing(&folder, &[]);
    assert!(without.contains("no cycles: give a chip"), "{without}");
    assert!(!without.contains("Cycles"), "{without}");
    let by_event = listing(&folder, &["--chip", "tiny"]);
    for says in [
        "update by event, whatever a lane executes: inactive 5, active 10, spike 2",
        "(odd) update: 7 words, 5 to 7 instructions, 10 to 12 cycles",
        "(relay) update: 6 words, 4 to 6 instructions, 5 to 12 cycles",
    ] {
        assert!(by_event.contains(says), "{says}: {by_event}");
    }
    let ticks = listing(&folder, &["--chip", "ranc"]);
    assert!(ticks.contains("before each update: "), "{ticks}");
}

/// Each line of the JSON names a line of a file, which is there: in the program, or in a kernel of the library.
#[test]
fn a_listing_names_the_lines() {
    let folder = folder("asm_listing_lines");
    let text = listing(&folder, &["--chip", "programmable", "--format", "json"]);
    let listing: Value = serde_json::from_str(&text).unwrap();
    let mut files = Vec::new();
    for core in listing["cores"].as_array().unwrap() {
        for group in core["groups"].as_array().unwrap() {
            for handler in group["handlers"].as_array().unwrap() {
                let lines = handler["lines"].as_array().unwrap();
                assert_eq!(handler["words"], lines.len());
                for line in lines {
                    let file = line["file"].as_str().unwrap();
                    let library = assembler::kernels::KERNELS;
                    let kernel = library.iter().find(|(name, _)| format!("{name}.s") == file);
                    let text = kernel.map_or(PROGRAM, |(_, text)| text);
                    let at = line["line"].as_u64().unwrap() as usize;
                    let code = text.lines().nth(at - 1).unwrap().split(';').next().unwrap();
                    assert_eq!(line["source"].as_str().unwrap(), code.trim());
                    // The source line says the same operation as the word.
                    let operation = |text: &str| {
                        let words = text.split_whitespace();
                        let mut words =
                            words.skip_while(|word| word.starts_with('@') || word.ends_with(':'));
                        words.next().map(str::to_owned)
                    };
                    let word = line["text"].as_str().unwrap();
                    assert_eq!(operation(code), operation(word));
                    files.push(file.to_owned());
                }
            }
        }
    }
    files.dedup();
    assert_eq!(files, ["few.s", "relay.s"]);
    assert_eq!(listing["symbols"][0]["value"], 3);
    assert_eq!(listing["cores"][0]["axons"], 1);
    assert_eq!(listing["chip"]["update"]["price"], "instruction");
}

#[test]
fn a_listing_leads_through_macros_and_files() {
    let folder = folder("asm_listing_macros");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "m.s",
        ".macro step register\n    addi \\register, \\register, 1\n.endm\n",
    );
    let text = "\
.include \"m.s\"
.core 0
.group lanes=1
.update
.rept 2
    step r1
.endr
1:
    halt
.end
";
    write("main.s", text);
    let out = run_in(&folder, &["asm", "main.s", "--listing", "main.lst"]);
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let listing = std::fs::read_to_string(folder.join("main.lst")).unwrap();
    let lines = listing
        .lines()
        .skip_while(|line| !line.starts_with("core 0 group 0"));
    let lines: Vec<&str> = lines.take(5).map(str::trim_end).collect();
    expect![[r#"
        core 0 group 0 (custom) update: 3 words, 3 instructions
          At      Word  Class  Instruction     From                         Source
          0   60088001  alu    addi r1, r1, 1  m.s:2 < main.s:6 < main.s:5  addi \register, \register, 1
          1   60088001  alu    addi r1, r1, 1  m.s:2 < main.s:6 < main.s:5  addi \register, \register, 1
          2   04000000  ctl    1: halt         main.s:9                     halt"#]]
    .assert_eq(&lines.join("\n"));
}
