//! Bad files: each must give exactly the diagnostics that it is marked with, at their line and column.
//!
//! `;//~ ERROR E0102 @7` marks a diagnostic at column 7 of its line, `;//~^ …` one of the line before (a line more for each
//! further `^`); `NOTE @7` marks a place that belongs to a diagnostic. Files that are included are marked too.

use assembler::{CODES, Diagnostic, KernelLibrary, assemble, assemble_files};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// `file:line:column`, then the code of an error.
type Place = String;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// Errors (each as often as it is marked) and notes of a marked text.
fn marked(file: &str, text: &str) -> (Vec<Place>, BTreeSet<Place>) {
    let (mut errors, mut notes) = (Vec::new(), BTreeSet::new());
    for (at, line) in text.lines().enumerate() {
        for mark in line.split(";//~").skip(1) {
            let up = mark.bytes().take_while(|byte| *byte == b'^').count();
            let place = |column: &str| {
                let column: u32 = column
                    .strip_prefix('@')
                    .and_then(|column| column.parse().ok())
                    .unwrap_or_else(|| panic!("{file}:{}: mark without @column", at + 1));
                format!("{file}:{}:{column}", at + 1 - up)
            };
            match mark[up..].split_whitespace().collect::<Vec<_>>()[..] {
                ["ERROR", code, column, ..] => errors.push(format!("{} {code}", place(column))),
                ["NOTE", column, ..] => {
                    notes.insert(place(column));
                }
                _ => panic!("{file}:{}: not a mark: {mark}", at + 1),
            }
        }
    }
    (errors, notes)
}

/// What the assembler says about a file of the folder, and the texts it read.
fn assembled(name: &str) -> (Vec<Diagnostic>, BTreeMap<String, String>) {
    let read = |name: &str| fs::read_to_string(folder().join(name)).map_err(|e| e.to_string());
    let text = read(name).expect("a file of the folder");
    let texts = RefCell::new(BTreeMap::from([(name.to_owned(), text.clone())]));
    let mut loader = |name: &str| {
        let text = read(name)?;
        texts.borrow_mut().insert(name.to_owned(), text.clone());
        Ok(text)
    };
    let found = assemble_files(&text, name, &KernelLibrary::default(), &mut loader).err();
    (found.unwrap_or_default(), texts.into_inner())
}

fn places(d: &Diagnostic) -> Place {
    format!("{}:{}:{} {}", d.file, d.line, d.column, d.code)
}

/// Every `.s` directly in the folder.
fn corpus() -> Vec<String> {
    let entries = fs::read_dir(folder()).expect("the folder of bad files");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".s"))
        .collect();
    names.sort();
    names
}

#[test]
fn every_file_gives_exactly_its_marks() {
    let mut wrong = Vec::new();
    for name in corpus() {
        let (found, texts) = assembled(&name);
        let (mut errors, mut notes) = (Vec::new(), BTreeSet::new());
        for (file, text) in &texts {
            let (own_errors, own_notes) = marked(file, text);
            errors.extend(own_errors);
            notes.extend(own_notes);
        }
        errors.sort();
        assert!(!errors.is_empty(), "{name} marks no error");
        let mut found_errors: Vec<Place> = found.iter().map(places).collect();
        found_errors.sort();
        let found_notes: BTreeSet<Place> = found
            .iter()
            .flat_map(|d| &d.notes)
            .map(|note| format!("{}:{}:{}", note.file, note.line, note.column))
            .collect();
        if errors != found_errors || notes != found_notes {
            let all: Vec<String> = found.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "{name}: marked {errors:?}, notes {notes:?}; found\n{}",
                all.join("\n")
            ));
        }
        for d in found {
            let whole = texts[&d.file].get(d.span.clone());
            assert!(whole.is_some(), "{name}: {d:?} lies outside of its file");
            assert!(!d.message.is_empty() && !d.label.is_empty(), "{d:?}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_code_has_a_file() {
    let marks = corpus().into_iter().flat_map(|name| {
        let (_, texts) = assembled(&name);
        let errors = texts
            .into_iter()
            .flat_map(|(file, text)| marked(&file, &text).0);
        errors.collect::<Vec<_>>()
    });
    let seen: BTreeSet<String> = marks
        .filter_map(|mark| mark.split(' ').nth(1).map(str::to_owned))
        .collect();
    let known: BTreeSet<String> = CODES.iter().map(|code| (*code).to_owned()).collect();
    assert_eq!(seen, known);
    assert!(corpus().len() >= 80);
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
            ".core 0\n.group lanes=1\n.kernel lif REST=1",
            "did you mean `RESET`?",
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
        (
            ".macro relu x\n.endm\n.core 0\n.group lanes=1\n.update\nrelo r1\nhalt\n.end",
            "did you mean `relu`?",
        ),
        (".macro relu value\n \\valu\n.endm", "did you mean `value`?"),
        (
            ".macro relu value\n.endm\nrelu valeu=1",
            "did you mean `value`?",
        ),
        (".macro layer\n.endm\nlayr", "did you mean `layer`?"),
        (".population a cuont=3", "did you mean `count`?"),
    ] {
        let all = assemble(text, "bad.s").expect_err(text);
        assert_eq!(all[0].help.as_deref(), Some(help), "{text}");
    }
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
        let found = assemble(example, "bad.s").err().unwrap_or_default();
        let found: Vec<String> = found.iter().map(places).collect();
        let at = at.as_str().expect("text");
        assert_eq!(found, [format!("bad.s:{at} {code}")], "{example}");
    }
}

/// The words of a diagnostic say what led there, innermost first.
#[test]
fn an_expansion_shows_its_trace() {
    let text = "\
.macro inner value
  li r1, \\value
  hlat
.endm
.macro outer value
  inner \\value
.endm
.core 0
.group lanes=1
.update
outer 99999
halt
.end
";
    let all = assemble(text, "bad.s").expect_err("two errors");
    let shown: Vec<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "bad.s:3:3: E0201: there is no instruction `hlat` (help: did you mean `halt`?)\
             \n  bad.s:6:3: macro `inner` is called here\
             \n  bad.s:11:1: macro `outer` is called here",
            "bad.s:11:7: E0106: immediate 99999 is out of range\
             \n  bad.s:2:10: stands here in macro `inner`\
             \n  bad.s:6:9: stands here in macro `outer`",
        ]
    );
}
