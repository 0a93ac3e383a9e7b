//! The generator of `isa/src/op/table.rs` and `specs/isa.md` from `specs/isa.toml`.
//!
//! `BLESS=1 cargo test -p isa generate` rewrites both; without it the test fails when one is stale.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

struct Format {
    name: String,
    doc: String,
    fields: Vec<(String, u32, u32)>,
}

struct Instruction {
    name: String,
    op: u32,
    format: String,
    operands: Vec<String>,
    class: String,
    allows: Vec<String>,
    handlers: Vec<String>,
    guard: bool,
    doc: String,
    pseudo: String,
}

struct Reserved {
    op: u32,
    name: String,
    doc: String,
}

struct Spec {
    /// Intro, execution model, text.
    page: [String; 3],
    formats: Vec<Format>,
    instructions: Vec<Instruction>,
    reserved: Vec<Reserved>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read() -> Spec {
    let text = std::fs::read_to_string(root().join("specs/isa.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let rows = |key: &str| {
        table[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.as_table().unwrap())
            .collect::<Vec<_>>()
    };
    let text = |row: &toml::Table, key: &str| {
        row[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} in {row:?}"))
            .to_string()
    };
    let list = |row: &toml::Table, key: &str, default: &[&str]| match row.get(key) {
        Some(list) => list
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item.as_str().unwrap().to_string())
            .collect(),
        None => default
            .iter()
            .map(|item| item.to_string())
            .collect::<Vec<_>>(),
    };
    let code = |row: &toml::Table| u32::try_from(row["op"].as_integer().unwrap()).unwrap();
    let field = |field: &toml::Value| {
        let bit = |n: usize| u32::try_from(field[n].as_integer().unwrap()).unwrap();
        (field[0].as_str().unwrap().to_string(), bit(1), bit(2))
    };
    let page = table["page"].as_table().unwrap();
    Spec {
        page: ["intro", "model", "text"].map(|key| text(page, key)),
        formats: rows("format")
            .into_iter()
            .map(|row| Format {
                name: text(row, "name"),
                doc: text(row, "doc"),
                fields: row["fields"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(field)
                    .collect(),
            })
            .collect(),
        instructions: rows("instruction")
            .into_iter()
            .map(|row| Instruction {
                name: text(row, "name"),
                op: code(row),
                format: text(row, "format"),
                operands: list(row, "operands", &[]),
                class: text(row, "class"),
                allows: list(row, "allows", &[]),
                handlers: list(row, "handlers", &["update", "on_spike"]),
                guard: row
                    .get("guard")
                    .is_none_or(|guard| guard.as_bool().unwrap()),
                doc: text(row, "doc"),
                pseudo: text(row, "pseudo"),
            })
            .collect(),
        reserved: rows("reserved")
            .into_iter()
            .map(|row| Reserved {
                op: code(row),
                name: text(row, "name"),
                doc: text(row, "doc"),
            })
            .collect(),
    }
}

/// An operand of the table.
struct Row {
    name: &'static str,
    variant: &'static str,
    /// Fields it uses, and how many of their low bits.
    bits: &'static [Bits],
    text: &'static str,
}

enum Bits {
    All(&'static str),
    Low(&'static str, u32),
}

const fn row(
    name: &'static str,
    variant: &'static str,
    bits: &'static [Bits],
    text: &'static str,
) -> Row {
    Row {
        name,
        variant,
        bits,
        text,
    }
}

const OPERANDS: &[Row] = &[
    row("rd", "Rd", &[Bits::All("rd")], "rd"),
    row("rd_in", "RdIn", &[Bits::All("rd")], "rd"),
    row("rd_inout", "RdInOut", &[Bits::All("rd")], "rd"),
    row("pd", "Pd", &[Bits::Low("rd", 2)], "pd"),
    row("ra", "Ra", &[Bits::All("ra")], "ra"),
    row("b", "B", &[Bits::All("rb")], "b"),
    row(
        "pa",
        "Pa",
        &[Bits::Low("ra", 2), Bits::Low("md", 1)],
        "[!]pa",
    ),
    row("pb", "Pb", &[Bits::Low("rb", 2), Bits::All("md")], "[!]pb"),
    row("shl", "Shl", &[], "[<<n]"),
    row("shift", "Shift", &[], "n"),
    row("amount", "Amount", &[Bits::All("rb")], "n | b | b, n"),
    row("imm", "Imm", &[Bits::All("imm")], "imm"),
    row("slot", "Slot", &[Bits::All("slot")], "slot"),
    row(
        "bank",
        "Bank",
        &[Bits::Low("fn", 2), Bits::All("md")],
        "bank",
    ),
    row("table", "Table", &[Bits::All("md")], "table"),
    row(
        "synapse",
        "Synapse",
        &[Bits::Low("fn", 2)],
        "weight \\| delay \\| kind",
    ),
    row(
        "special",
        "Special",
        &[Bits::Low("fn", 2)],
        "lane \\| step \\| payload \\| id",
    ),
    row(
        "target",
        "Target",
        &[Bits::All("idle"), Bits::All("off")],
        "label",
    ),
];

fn variant(name: &str) -> String {
    let mut out = String::new();
    for part in name.split('.') {
        let (first, rest) = part.split_at(1);
        out += &first.to_uppercase();
        out += rest;
    }
    out
}

fn mask(spec: &Spec, i: &Instruction) -> u32 {
    let format = spec
        .formats
        .iter()
        .find(|format| format.name == i.format)
        .unwrap();
    let bits = |name: &str, low: u32| {
        format
            .fields
            .iter()
            .find(|field| field.0 == name)
            .map_or(0, |(_, hi, lo)| {
                let width = if low == 0 { hi - lo + 1 } else { low };
                (u32::MAX >> (32 - width)) << lo
            })
    };
    let mut mask = bits("op", 0);
    if i.guard {
        mask |= bits("n", 0) | bits("p", 0);
    }
    for operand in &i.operands {
        let row = OPERANDS
            .iter()
            .find(|row| row.name == operand)
            .unwrap_or_else(|| panic!("operand {operand}"));
        for used in row.bits {
            mask |= match used {
                Bits::All(field) => bits(field, 0),
                Bits::Low(field, low) => bits(field, *low),
            };
        }
    }
    for allow in &i.allows {
        mask |= match allow.as_str() {
            "mode" => bits("md", 0),
            "round" => bits("rm", 0),
            "shift" => bits("sh", 0),
            "const" => bits("kb", 0) | bits("kh", 0),
            other => panic!("{}: allows {other}", i.name),
        };
    }
    mask
}

fn table_rs(spec: &Spec) -> String {
    let mut o = String::new();
    o += "//! Opcodes, operands and validity masks.\n//!\n";
    o += "//! Generated from `specs/isa.toml` by `BLESS=1 cargo test -p isa generate`; edit that file.\n\n";
    o += "use super::{Class, Format, Operand, Row};\n\n";
    o += "/// An operation. Its discriminant is the opcode.\n";
    o += "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n#[repr(u8)]\npub enum Op {\n";
    for i in &spec.instructions {
        writeln!(
            o,
            "    /// `{}`: {}\n    {} = {:#04x},",
            i.name,
            i.doc,
            variant(&i.name),
            i.op
        )
        .unwrap();
    }
    o += "}\n\nimpl Op {\n    /// All operations, by opcode.\n    pub const ALL: &[Op] = &[\n";
    for i in &spec.instructions {
        writeln!(o, "        Op::{},", variant(&i.name)).unwrap();
    }
    o += "    ];\n}\n\n#[rustfmt::skip]\npub(super) static OPS: [Option<Op>; 64] = [\n";
    let by_code: BTreeMap<u32, &Instruction> =
        spec.instructions.iter().map(|i| (i.op, i)).collect();
    for code in 0..64 {
        let text = by_code.get(&code).map_or("None".to_string(), |i| {
            format!("Some(Op::{})", variant(&i.name))
        });
        writeln!(o, "    {text},").unwrap();
    }
    o += "];\n\n#[rustfmt::skip]\npub(super) static ROWS: [Option<Row>; 64] = [\n";
    for code in 0..64 {
        let Some(i) = by_code.get(&code) else {
            o += "    None,\n";
            continue;
        };
        let operand = |name: &String| {
            format!(
                "Operand::{}",
                OPERANDS
                    .iter()
                    .find(|row| row.name == name)
                    .unwrap()
                    .variant
            )
        };
        let operands: Vec<String> = i.operands.iter().map(operand).collect();
        let allows = |name: &str| i.allows.iter().any(|allow| allow == name);
        let handler = |name: &str| i.handlers.iter().any(|handler| handler == name);
        writeln!(
            o,
            "    Some(Row {{ mnemonic: {:?}, format: Format::{}, class: Class::{}, operands: &[{}], mask: {:#010x}, mode: {}, round: {}, handlers: [{}, {}], doc: {:?} }}),",
            i.name,
            i.format,
            variant(&i.class),
            operands.join(", "),
            mask(spec, i),
            allows("mode"),
            allows("round"),
            handler("update"),
            handler("on_spike"),
            i.doc,
        )
        .unwrap();
    }
    o += "];\n\n/// Illegal opcodes that have a name.\n#[rustfmt::skip]\npub(super) const RESERVED: &[(u8, &str)] = &[\n";
    for reserved in &spec.reserved {
        writeln!(o, "    ({:#04x}, {:?}),", reserved.op, reserved.name).unwrap();
    }
    o += "];\n\n/// Fields of the formats; a name has the same bits in every format.\npub(super) mod bits {\n    use crate::op::Field;\n\n";
    let mut seen = BTreeMap::new();
    for (name, hi, lo) in spec.formats.iter().flat_map(|format| &format.fields) {
        if name == "zero" {
            continue;
        }
        match seen.insert(name.clone(), (*hi, *lo)) {
            Some(before) => assert_eq!(before, (*hi, *lo), "field {name} has two places"),
            None => writeln!(
                o,
                "    #[rustfmt::skip]\n    pub(in crate::op) const {}: Field = Field {{ name: {name:?}, hi: {hi}, lo: {lo} }};",
                name.to_uppercase()
            )
            .unwrap(),
        }
    }
    o += "}\n\nimpl Format {\n    /// Fields, highest first.\n    #[rustfmt::skip]\n    pub fn fields(self) -> &'static [super::Field] {\n        use super::Field;\n        match self {\n";
    for format in &spec.formats {
        writeln!(o, "            Format::{} => &[", format.name).unwrap();
        for (name, hi, lo) in &format.fields {
            writeln!(
                o,
                "                Field {{ name: {name:?}, hi: {hi}, lo: {lo} }},"
            )
            .unwrap();
        }
        o += "            ],\n";
    }
    o += "        }\n    }\n}\n";
    o
}

fn isa_md(spec: &Spec) -> String {
    let [intro, model, text] = &spec.page;
    let mut o = String::from(
        "<!-- Generated from isa.toml by `BLESS=1 cargo test -p isa generate`. -->\n\n# Instructions\n",
    );
    write!(o, "{intro}\n## Execution model\n{model}\n## Formats\n\n").unwrap();
    o += "Bit 31 first; bits of a field called zero, and of fields that an instruction does not use, must be 0. A word that breaks a rule of this page is illegal, and a program that holds one does not load.\n\n| format | fields (bits) |\n|---|---|\n";
    for format in &spec.formats {
        let field = |(name, hi, lo): &(String, u32, u32)| match hi == lo {
            true => format!("{name} {hi}"),
            false => format!("{name} {hi}:{lo}"),
        };
        let fields: Vec<String> = format.fields.iter().map(field).collect();
        writeln!(
            o,
            "| {}, {} | {} |",
            format.name,
            format.doc,
            fields.join(" · ")
        )
        .unwrap();
    }
    write!(o, "\n`imm` is signed; `off` counts words after the next instruction and is at least 1 in `br`, 0 in `halt`.\n\n## Text\n{text}\n").unwrap();
    o += "## Table\n\n| op | mnemonic | operands | format | class | handlers | suffixes | meaning |\n|---|---|---|---|---|---|---|---|\n";
    for i in &spec.instructions {
        let operand = |name: &String| OPERANDS.iter().find(|row| row.name == name).unwrap().text;
        let mut operands: Vec<&str> = i.operands.iter().map(operand).collect();
        if !i.allows.iter().any(|allow| allow == "shift") {
            operands.retain(|operand| *operand != "[<<n]");
        }
        let suffixes: Vec<&str> = i
            .allows
            .iter()
            .map(String::as_str)
            .filter(|allow| ["mode", "round"].contains(allow))
            .collect();
        writeln!(
            o,
            "| {:02X} | `{}` | {} | {} | {} | {} | {} | `{}` |",
            i.op,
            i.name,
            operands.join(", ").replace("n | b | b, n", "amount"),
            i.format,
            i.class,
            if i.handlers.len() == 2 {
                "both".to_string()
            } else {
                i.handlers.join(", ")
            },
            suffixes.join(", "),
            i.pseudo.replace('|', "\\|"),
        )
        .unwrap();
    }
    o += "\n## Instructions one by one\n";
    for i in &spec.instructions {
        writeln!(o, "\n**`{}`** {}\n\n    {}", i.name, i.doc, i.pseudo).unwrap();
    }
    o += "\n## Reserved\n\nIllegal now. All opcodes that this page does not name are reserved too.\n\n| op | name | for |\n|---|---|---|\n";
    for reserved in &spec.reserved {
        writeln!(
            o,
            "| {:02X} | `{}` | {} |",
            reserved.op, reserved.name, reserved.doc
        )
        .unwrap();
    }
    o
}

/// Each operand that needs a permission has it, and no other has.
#[test]
fn operands_and_permissions_agree() {
    for i in &read().instructions {
        let allows = |name: &str| i.allows.iter().any(|allow| allow == name);
        let has = |names: &[&str]| {
            i.operands
                .iter()
                .any(|operand| names.contains(&operand.as_str()))
        };
        assert_eq!(
            allows("shift"),
            has(&["shl", "shift", "amount"]),
            "{}",
            i.name
        );
        assert_eq!(allows("const"), has(&["b", "amount"]), "{}", i.name);
        assert!(
            !(allows("mode") && has(&["bank", "table", "pa", "pb"])),
            "{}: two uses of md",
            i.name
        );
    }
}

/// Opcodes and names are used once.
#[test]
fn opcodes_are_distinct() {
    let spec = read();
    let codes: BTreeSet<u32> = spec
        .instructions
        .iter()
        .map(|i| i.op)
        .chain(spec.reserved.iter().map(|r| r.op))
        .collect();
    let names: BTreeSet<&str> = spec
        .instructions
        .iter()
        .map(|i| i.name.as_str())
        .chain(spec.reserved.iter().map(|r| r.name.as_str()))
        .collect();
    assert_eq!(codes.len(), spec.instructions.len() + spec.reserved.len());
    assert_eq!(names.len(), codes.len());
}

/// The fields of each format follow each other from bit 31 to bit 0.
#[test]
fn fields_cover_the_word() {
    for format in &read().formats {
        let mut next = 32;
        for (name, hi, lo) in &format.fields {
            assert_eq!(hi + 1, next, "{} {name}", format.name);
            assert!(lo <= hi);
            next = *lo;
        }
        assert_eq!(next, 0, "{}", format.name);
    }
}

fn bless(path: &str, expected: &str) {
    let path = root().join(path);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{} is stale: run BLESS=1 cargo test -p isa generate",
        path.display()
    );
}

#[test]
fn generate() {
    let spec = read();
    bless("isa/src/op/table.rs", &table_rs(&spec));
    bless("specs/isa.md", &isa_md(&spec));
}
