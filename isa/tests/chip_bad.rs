//! Bad chip files: every violation is reported with file, line and key, and no text makes the reader panic.

#[path = "chip/support.rs"]
mod support;

use expect_test::expect;
use isa::ChipSpec;
use isa::chip::{ChipError, PRESETS, schema};
use proptest::prelude::*;
use support::{lines, preset_text, set};

/// Line (from 1) of a key, or of a section's header (`[noc]`).
fn line_of(text: &str, path: &str) -> u32 {
    let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
    let mut current = "";
    for (i, line) in text.lines().enumerate() {
        if line == path {
            return i as u32 + 1;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            current = name;
        }
        if current == section && line.split('=').next().is_some_and(|k| k.trim() == key) {
            return i as u32 + 1;
        }
    }
    panic!("no line for {path}");
}

/// The text with lines of keys replaced; an empty line removes the key. Line numbers stay.
fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for (path, new) in edits {
        lines[line_of(text, path) as usize - 1] = new;
    }
    lines.join("\n")
}

/// Cases, apart by empty lines. `edit KEY | LINE` puts LINE in place of the key's line in `tiny` (an empty one removes the
/// key); `fail PLACE | KEY | PART` is all that must be reported: PLACE is the key or section header whose line is named, or
/// `#LINE`; the message holds PART.
const CASES: &str = include_str!("chip/bad_files.txt");

#[test]
fn bad_files_are_reported_at_line_and_key() {
    let text = preset_text("tiny");
    let mut count = 0;
    for case in CASES.split("\n\n") {
        let fields = |verb: &'static str| case.lines().filter_map(move |l| l.strip_prefix(verb));
        let edits: Vec<(&str, &str)> = fields("edit ")
            .map(|l| l.split_once(" |").expect("edit KEY | LINE"))
            .map(|(key, line)| (key, line.trim()))
            .collect();
        let errors = ChipSpec::parse(&edited(text, &edits), "c.toml", &[]).expect_err("a bad file");
        let all = lines(&errors);
        assert_eq!(errors.len(), fields("fail ").count(), "{case}\ngave\n{all}");
        for fail in fields("fail ") {
            let [place, key, part] = fail.splitn(3, " | ").collect::<Vec<_>>()[..] else {
                panic!("{fail}")
            };
            let line = match place.strip_prefix('#') {
                Some(line) => line.parse().expect("a line number"),
                None => line_of(text, place),
            };
            let found = errors.iter().any(|e| {
                e.file == "c.toml" && e.line == line && e.key == key && e.to_string().contains(part)
            });
            assert!(found, "expected line {line}, {key}: {part}; got\n{all}");
        }
        count += 1;
    }
    assert!(count >= 50, "only {count} cases were read");
}

#[test]
fn every_violation_is_reported_in_one_go() {
    let text = edited(
        preset_text("tiny"),
        &[
            (
                "mesh.width",
                "width = { value = 0, unit = \"1\", source = \"x\" }",
            ),
            (
                "noc.hop_east",
                "hop_east = { value = 1.5, unit = \"ns\", source = \"x\" }",
            ),
            ("update.spike_time", "spike_tiem = 3"),
            ("energy.random", "random = { value = -1, unit = \"pJ\" }"),
        ],
    );
    let pairs = [("noc.hopp", "1"), ("noc.credit", "x"), ("noc.eject", "-1")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()));
    let errors = ChipSpec::parse(&text, "my.toml", &pairs).expect_err("a bad file");
    expect![[r#"
        --set: noc.credit: `x` is not a number (write a number, or a number and a unit (cycles, ps, ns, us, ms, s))
        --set: noc.eject: is negative: -1 ns (a time is 0 or more)
        --set: noc.hopp: unknown key (did you mean `noc.chip_hop`?)
        my.toml:11: mesh.width: is 0, outside 1 to 1024 (write 1 to 1024)
        my.toml:61: noc.hop_east: 1.5 ns is 1.5 cycles, not a whole number (the nearest are 1 ns and 2 ns; or make `cycle` finer)
        my.toml:76: update.spike_time: missing (Added for a lane that spiked.; write { value = …, unit = "cycles", source = "…" })
        my.toml:82: update.spike_tiem: unknown key (did you mean `update.spike_time`?)
        my.toml:102: energy.random: has no origin (add `source = "…"`, or `estimated = "reason"`)
    "#]].assert_eq(&lines(&errors));
}

/// Of keys that are equally near the one that is missing is meant: not `hop_west`, which the file has.
#[test]
fn a_misspelt_key_is_taken_for_the_missing_one() {
    for good in ["hop_east", "hop_west"] {
        let bad = good.replace("east", "eest").replace("west", "eest");
        let line = format!("{bad} = {{ value = 1, unit = \"cycles\", source = \"x\" }}");
        let key = format!("noc.{good}");
        let text = edited(preset_text("tiny"), &[(key.as_str(), line.as_str())]);
        let errors = ChipSpec::parse(&text, "my.toml", &[]).expect_err("a bad file");
        let wanted = format!("noc.hop_eest: unknown key (did you mean `{key}`?)");
        assert!(lines(&errors).contains(&wanted), "{}", lines(&errors));
    }
}

#[test]
fn routes_that_can_wait_in_a_circle_are_refused() {
    let orders = [("mesh.height", "2"), ("noc.host_order", "yx")];
    let errors = set("tiny", &orders).expect_err("two orders share links");
    expect![[r#"
        --set: noc.host_order: packets of network 0 can wait in a circle: tile 0 east → tile 1 north → tile 3 west → tile 2 south → tile 0 east (give `noc.order` and `noc.host_order` one value, or the host a network of its own: noc.networks = ["host"])
    "#]]
    .assert_eq(&lines(&errors));
    let apart = [orders[0], orders[1], ("noc.networks", "[\"host\"]")];
    set("tiny", &apart).expect("each order has its own");
    let alike = [orders[0], orders[1], ("noc.order", "yx")];
    set("tiny", &alike).expect("all go along y first");
    set("tiny", &orders[1..]).expect("one row has no turns");
}

#[test]
fn tables_whose_turns_close_a_circle_are_refused() {
    let table = |rows| [("mesh.height", "2"), ("noc.routes", rows)];
    let around = r#"["-ene", "w-nn", "ss-e", "wsw-"]"#;
    let errors = set("tiny", &table(around)).expect_err("each tile turns left");
    expect![[r#"
        --set: noc.routes: packets of network 0 can wait in a circle: tile 0 east → tile 1 north → tile 3 west → tile 2 south → tile 0 east (leave out one of these turns on every route, or leave out the table: one order of dimensions has no circle)
    "#]].assert_eq(&lines(&errors));
    let along_x = r#"["-ene", "w-wn", "se-e", "wsw-"]"#;
    set("tiny", &table(along_x)).expect("no packet turns from y to x");
    let bad = table(r#"["-ew", "w-wn", "se-e", "wss-"]"#);
    let errors = set("tiny", &bad).expect_err("two rows are wrong");
    expect![[r#"
        --set: noc.routes: has 3 letters in row 0, and the mesh has 4 tiles (write a row for each tile, in it a letter for each target tile: e, w, n, s, and - at its own place)
        --set: noc.routes: has 's' in row 3 for tile 2; only these lead nearer to it: w (write a row for each tile, in it a letter for each target tile: e, w, n, s, and - at its own place)
    "#]].assert_eq(&lines(&errors));
    let order = [bad[0], ("noc.routes", along_x), ("noc.order", "yx")];
    let errors = set("tiny", &order).expect_err("two rules for one thing");
    expect![[r#"
        --set: noc.order: does not go with a routing table (leave out `noc.order` or `noc.routes`)
    "#]]
    .assert_eq(&lines(&errors));
}

#[test]
fn syntax_errors_have_lines() {
    let text = edited(
        preset_text("tiny"),
        &[
            ("mesh.width", "width = { value = 1, "),
            ("noc.credit", "inject = 3"),
        ],
    );
    let errors = ChipSpec::parse(&text, "my.toml", &[]).expect_err("not TOML");
    expect![[r#"
        my.toml:13: TOML: missing comma between key-value pairs, expected `,`
        my.toml:14: TOML: missing comma between key-value pairs, expected `,`
        my.toml:15: TOML: missing comma between key-value pairs, expected `,`
        my.toml:17: TOML: missing key for inline table element, expected `,`
        my.toml:18: TOML: missing comma between key-value pairs, expected `,` (and 88 more errors of syntax)
    "#]].assert_eq(&lines(&errors));
    assert!(
        !ChipSpec::parse("", "empty.toml", &[])
            .expect_err("empty")
            .is_empty()
    );
    assert!(
        !ChipSpec::parse("\0\u{feff}[[", "odd.toml", &[])
            .expect_err("odd")
            .is_empty()
    );
}

#[test]
fn a_section_that_is_a_value_and_a_key_that_is_a_section() {
    let errors =
        ChipSpec::parse("mesh = 3\n[noc.hop_east.x]\ny = 1\n", "c.toml", &[]).expect_err("bad");
    let all = lines(&errors);
    assert!(
        all.contains("c.toml:1: mesh: is a number, but it is a section"),
        "{all}"
    );
    assert!(all.contains("noc.hop_east: unknown member `x`"), "{all}");
}

// ---- no panic on any text ----

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_presets_never_panic(
        which in 0..PRESETS.len(),
        cuts in prop::collection::vec((0.0..1.0f64, 0usize..40, "[-a-z0-9 .\\[\\]{}\"=#\n]{0,12}"), 1..6),
    ) {
        let mut text: Vec<char> = PRESETS[which].1.chars().collect();
        for (at, length, new) in cuts {
            let from = (at * text.len() as f64) as usize;
            let to = (from + length).min(text.len());
            text.splice(from..to, new.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = ChipSpec::parse(&text, "c.toml", &[]) {
            prop_assert!(!errors.is_empty());
            let count = text.lines().count() as u32 + 1;
            prop_assert!(errors.iter().all(|e| (1..=count).contains(&e.line)));
        }
    }

    #[test]
    fn mutated_values_never_panic(
        which in 0..PRESETS.len(),
        key in 0..schema().len(),
        value in prop_oneof![
            "[-+]?[0-9]{1,3}(\\.[0-9])?(e[0-9]{1,3})?( ?(ns|cycles|pJ|W|1|bit))?",
            "\\[[-0-9, \\[\\]]{0,12}\\]( ns)?", ".{0,12}", "(event|instruction|tick|any|true|9 west)",
        ],
    ) {
        let path = schema()[key].path;
        let pairs = [(path.to_owned(), value)];
        match ChipSpec::parse(PRESETS[which].1, "c.toml", &pairs) {
            Ok(chip) => {
                let limits = chip.limits;
                prop_assert!(limits.neurons >= 1 && limits.weight_exponent[0] <= limits.weight_exponent[1]);
            }
            Err(errors) => prop_assert!(!errors.is_empty()),
        }
    }

    #[test]
    fn times_are_whole_cycles_or_refused(cycle in 1u64..2000, n in 1u64..100_000) {
        let ps = (cycle * n) as f64;
        let set_time = |time: f64, unit| set("tiny", &[("cycle", &format!("{cycle} ps")), ("noc.hop_east", &format!("{time} {unit}"))]);
        // Other keys of the preset need not be whole cycles then; only this key is judged.
        let wrong = |r: Result<ChipSpec, Vec<ChipError>>| r.err().is_some_and(|e| e.iter().any(|e| e.key == "noc.hop_east"));
        prop_assert!(!wrong(set_time(ps / 1e3, "ns")));
        prop_assert!(!wrong(set_time(ps / 1e6, "us")));
        if cycle > 1 {
            prop_assert!(wrong(set_time(ps + 1.0, "ps")));
        }
    }
}
