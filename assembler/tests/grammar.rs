//! The generator of `docs/editor/spikemesh.tmLanguage.json` from the instruction table and the list of directives, and what the
//! grammar makes of the sources of the repository.
//!
//! `BLESS=1 cargo test -p assembler --test grammar` rewrites the file; without it the test fails when the file is stale. Patterns keep to what
//! editors and the crate `regex` read alike: no look-around, no reference back.

use assembler::{DIRECTIVES, kernels::KERNELS};
use isa::op::{Mode, Op, Operand, Round};
use regex::Regex;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Names of an editor's colours, with the language's name behind each.
const GUARD: &str = "keyword.operator.guard";
const INVALID: &str = "invalid.illegal";
const LABEL: &str = "entity.name.label";
const MNEMONIC: &str = "keyword.mnemonic";
const SUFFIX: &str = "storage.modifier.suffix";
const DIRECTIVE: &str = "keyword.control.directive";
const REGISTER: &str = "variable.language.register";
const PREDICATE: &str = "variable.language.predicate";
const CONSTANT: &str = "variable.language.constant";
const NUMBER: &str = "constant.numeric";
const FUNCTION: &str = "support.function";
const WORD: &str = "support.constant";
const KEY: &str = "variable.parameter.key";
const PARAMETER: &str = "variable.parameter.macro";
const CALL: &str = "entity.name.function.macro";
const NAME: &str = "variable.other";
const OPERATOR: &str = "keyword.operator";
const PUNCTUATION: &str = "punctuation.separator";
const STRING: &str = "string.quoted.double";
const COMMENT: &str = "comment.line.semicolon";

/// A pattern: what it matches, the scope of the whole or of its groups.
type Rule = (String, Vec<(usize, &'static str)>);

/// Alternatives, longest first.
fn any<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words: Vec<String> = words.into_iter().map(regex::escape).collect();
    words.sort_by(|a, b| (b.len(), a).cmp(&(a.len(), b)));
    words.dedup();
    words.join("|")
}

/// All rules; at each place the match that begins first counts, of those the first rule.
fn rules() -> Vec<Rule> {
    let mnemonics = any(Op::ALL.iter().map(|op| op.mnemonic()));
    let modes = Mode::ALL.iter().map(|mode| mode.suffix());
    let suffixes = modes.chain(Round::ALL.iter().map(|round| round.suffix()));
    let suffixes = any(suffixes
        .chain([".idle"])
        .filter(|suffix| !suffix.is_empty()));
    let operands = Op::ALL.iter().flat_map(|op| op.operands());
    let words = any(operands.flat_map(|operand: &Operand| operand.words().iter().copied()));
    let directives = any(DIRECTIVES.iter().copied());
    let name = r"[A-Za-z_][A-Za-z0-9_]*";
    let rule =
        |pattern: &str, scopes: &[(usize, &'static str)]| (pattern.to_owned(), scopes.to_vec());
    let labels = format!(r"^\s*(?:(\.?{name}|[0-9]+)(:)\s+|({name})(:))?\s*");
    vec![
        rule(";.*$", &[(0, COMMENT)]),
        rule(r#""(?:\\.|[^"\\])*""#, &[(0, STRING)]),
        rule(r#"".*$"#, &[(0, INVALID)]),
        // Of numbers, `1: ` is a label and `1:2` an item of a list.
        rule(
            &format!(
                r"{labels}(?:(@!?)\s*(?:(p[1-3])|(\\?{name}))\s+)?({mnemonics})\b((?:{suffixes})*)"
            ),
            &[
                (1, LABEL),
                (2, PUNCTUATION),
                (3, LABEL),
                (4, PUNCTUATION),
                (5, GUARD),
                (6, PREDICATE),
                (7, NAME),
                (8, MNEMONIC),
                (9, SUFFIX),
            ],
        ),
        rule(
            &format!(r"^\s*(\.?{name})\s*(:)"),
            &[(1, LABEL), (2, PUNCTUATION)],
        ),
        rule(
            r"^\s*([0-9]+)\s*(:)(?:\s|$)",
            &[(1, LABEL), (2, PUNCTUATION)],
        ),
        rule(&format!(r"(?:{directives})\b"), &[(0, DIRECTIVE)]),
        rule(&format!(r"\s(\.{name})\s*$"), &[(1, LABEL)]),
        rule(r"\b[0-9]+[fb]\b", &[(0, LABEL)]),
        rule(r"\.[A-Za-z][A-Za-z0-9_.]*", &[(0, INVALID)]),
        rule(&format!(r"^\s*({name})"), &[(1, CALL)]),
        rule(r"\\(?:[A-Za-z_][A-Za-z0-9_]*|@)", &[(0, PARAMETER)]),
        rule(r"\br(?:1[0-5]|[0-9])\b", &[(0, REGISTER)]),
        rule(r"\bp[0-3]\b", &[(0, PREDICATE)]),
        rule(r"\bk(?:3[01]|[12][0-9]|[0-9])\b", &[(0, CONSTANT)]),
        rule(
            &format!(r"\b({name})(\()"),
            &[(1, FUNCTION), (2, PUNCTUATION)],
        ),
        rule(&format!(r"\b({name})(==)"), &[(1, NAME), (2, OPERATOR)]),
        rule(&format!(r"\b({name})(=)"), &[(1, KEY), (2, OPERATOR)]),
        rule(&format!(r"\b(?:{words})\b"), &[(0, WORD)]),
        rule(
            r"\b(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][-+]?[0-9]+)?)\b",
            &[(0, NUMBER)],
        ),
        rule(&format!(r"\b{name}(?:\.[A-Za-z0-9_]+)*"), &[(0, NAME)]),
        rule(
            r"\.\.=|->|<<|>>|[=!<>]=|[-+*/%&|^~!<>=:@#]",
            &[(0, OPERATOR)],
        ),
        rule(r"[(),\[\]]", &[(0, PUNCTUATION)]),
    ]
}

/// The grammar as editors read it.
fn grammar() -> String {
    let scope = |scope: &str| json!({ "name": format!("{scope}.spikemesh") });
    let pattern = |(pattern, scopes): Rule| -> Value {
        if let [(0, whole)] = scopes.as_slice() {
            return json!({ "match": pattern, "name": format!("{whole}.spikemesh") });
        }
        let captures = scopes
            .iter()
            .map(|(group, name)| (group.to_string(), scope(name)));
        json!({ "match": pattern, "captures": captures.collect::<serde_json::Map<_, _>>() })
    };
    let grammar = json!({
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "spikemesh assembly",
        "scopeName": "source.spikemesh",
        "fileTypes": ["s", "kernel"],
        "patterns": rules().into_iter().map(pattern).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&grammar).expect("plain values") + "\n"
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/editor/spikemesh.tmLanguage.json")
}

#[test]
fn the_committed_grammar_is_generated() {
    let path = file();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, grammar()).expect("writable");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        committed,
        grammar(),
        "stale: run BLESS=1 cargo test -p assembler --test grammar"
    );
}

/// The patterns of the committed file, so that what is tested is what editors get.
struct Grammar(Vec<(Regex, Vec<(usize, String)>)>);

impl Grammar {
    fn load() -> Grammar {
        let text = std::fs::read_to_string(file()).expect("committed");
        let grammar: Value = serde_json::from_str(&text).expect("JSON");
        let scope = |value: &Value| {
            let scope = value["name"].as_str().expect("a scope");
            scope.strip_suffix(".spikemesh").expect("ours").to_owned()
        };
        let pattern = |pattern: &Value| {
            let regex = Regex::new(pattern["match"].as_str().expect("a pattern")).expect("a regex");
            let groups = pattern["captures"].as_object();
            let scopes = groups.map_or_else(
                || vec![(0, scope(pattern))],
                |groups| {
                    groups
                        .iter()
                        .map(|(at, name)| (at.parse().expect("a group"), scope(name)))
                        .collect()
                },
            );
            (regex, scopes)
        };
        let patterns = grammar["patterns"].as_array().expect("a list");
        Grammar(patterns.iter().map(pattern).collect())
    }

    /// Pieces of a line with their scopes, in order; what no pattern covers has none.
    fn pieces<'l>(&self, line: &'l str) -> Vec<(&'l str, String)> {
        let mut scopes: Vec<Option<&str>> = vec![None; line.len()];
        let mut at = 0;
        while at < line.len() {
            let found = self.0.iter().filter_map(|(regex, groups)| {
                let captures = regex.captures_at(line, at)?;
                let whole = captures.get(0).filter(|whole| !whole.is_empty())?;
                Some((whole.start(), captures, groups))
            });
            let Some((_, captures, groups)) = found.min_by_key(|(start, ..)| *start) else {
                break;
            };
            for (group, scope) in groups {
                let range = captures.get(*group).map_or(0..0, |part| part.range());
                scopes[range].fill(Some(scope));
            }
            at = captures.get(0).map_or(line.len(), |whole| whole.end());
        }
        let mut pieces = Vec::new();
        let mut start = 0;
        for end in 1..=line.len() {
            if end == line.len() || scopes[end] != scopes[start] {
                let piece = line[start..end].trim();
                if !piece.is_empty() {
                    pieces.push((piece, scopes[start].unwrap_or("").to_owned()));
                }
                start = end;
            }
        }
        pieces
    }
}

#[test]
fn lines_and_their_scopes() {
    let grammar = Grammar::load();
    let cases: &[(&str, &[(&str, &str)])] = &[
        (
            "    mulq.s24.rz r1, v, DECAY, 12 ; a",
            &[
                ("mulq", MNEMONIC),
                (".s24.rz", SUFFIX),
                ("r1", REGISTER),
                (",", PUNCTUATION),
                ("v", NAME),
                (",", PUNCTUATION),
                ("DECAY", NAME),
                (",", PUNCTUATION),
                ("12", NUMBER),
                ("; a", COMMENT),
            ],
        ),
        (
            "    @!p2 br.idle done",
            &[
                ("@!", GUARD),
                ("p2", PREDICATE),
                ("br", MNEMONIC),
                (".idle", SUFFIX),
                ("done", NAME),
            ],
        ),
        (
            "@fired spk",
            &[("@", GUARD), ("fired", NAME), ("spk", MNEMONIC)],
        ),
        (
            "out: halt",
            &[("out", LABEL), (":", PUNCTUATION), ("halt", MNEMONIC)],
        ),
        ("done:", &[("done", LABEL), (":", PUNCTUATION)]),
        (
            "    cmp.ge p1, k31, r15",
            &[
                ("cmp.ge", MNEMONIC),
                ("p1", PREDICATE),
                (",", PUNCTUATION),
                ("k31", CONSTANT),
                (",", PUNCTUATION),
                ("r15", REGISTER),
            ],
        ),
        (
            "    mulq.xx r1",
            &[("mulq", MNEMONIC), (".xx", INVALID), ("r1", REGISTER)],
        ),
        (
            "    ldy r1, weight",
            &[
                ("ldy", MNEMONIC),
                ("r1", REGISTER),
                (",", PUNCTUATION),
                ("weight", WORD),
            ],
        ),
        ("    addition r1", &[("addition", CALL), ("r1", REGISTER)]),
        (
            ".const A = q12(0.9)",
            &[
                (".const", DIRECTIVE),
                ("A", NAME),
                ("=", OPERATOR),
                ("q12", FUNCTION),
                ("(", PUNCTUATION),
                ("0.9", NUMBER),
                (")", PUNCTUATION),
            ],
        ),
        (".constant A", &[(".constant", INVALID), ("A", NAME)]),
        (
            ".group lif lanes=0x1F",
            &[
                (".group", DIRECTIVE),
                ("lif", NAME),
                ("lanes", KEY),
                ("=", OPERATOR),
                ("0x1F", NUMBER),
            ],
        ),
        (
            ".if A==1 & r16 != 2",
            &[
                (".if", DIRECTIVE),
                ("A", NAME),
                ("==", OPERATOR),
                ("1", NUMBER),
                ("&", OPERATOR),
                ("r16", NAME),
                ("!=", OPERATOR),
                ("2", NUMBER),
            ],
        ),
        (
            ".input \"a \\\" ; b\" graded",
            &[
                (".input", DIRECTIVE),
                ("\"a \\\" ; b\"", STRING),
                ("graded", NAME),
            ],
        ),
        (
            ".input \"open ; graded",
            &[(".input", DIRECTIVE), ("\"open ; graded", INVALID)],
        ),
        (
            "      0..=2:-1@3 1e-3#4",
            &[
                ("0", NUMBER),
                ("..=", OPERATOR),
                ("2", NUMBER),
                (":-", OPERATOR),
                ("1", NUMBER),
                ("@", OPERATOR),
                ("3", NUMBER),
                ("1e-3", NUMBER),
                ("#", OPERATOR),
                ("4", NUMBER),
            ],
        ),
        (
            "1: halt",
            &[("1", LABEL), (":", PUNCTUATION), ("halt", MNEMONIC)],
        ),
        (
            "1:2 3:4",
            &[
                ("1", NUMBER),
                (":", OPERATOR),
                ("2", NUMBER),
                ("3", NUMBER),
                (":", OPERATOR),
                ("4", NUMBER),
            ],
        ),
        ("1:", &[("1", LABEL), (":", PUNCTUATION)]),
        (".out:", &[(".out", LABEL), (":", PUNCTUATION)]),
        ("    br .out", &[("br", MNEMONIC), (".out", LABEL)]),
        (
            "    @p1 br 1f",
            &[
                ("@", GUARD),
                ("p1", PREDICATE),
                ("br", MNEMONIC),
                ("1f", LABEL),
            ],
        ),
        (
            "    li \\register, \\@",
            &[
                ("li", MNEMONIC),
                ("\\register", PARAMETER),
                (",", PUNCTUATION),
                ("\\@", PARAMETER),
            ],
        ),
        (
            "    @\\p spk",
            &[("@", GUARD), ("\\p", NAME), ("spk", MNEMONIC)],
        ),
        (
            "    leak r1, bits=3",
            &[
                ("leak", CALL),
                ("r1", REGISTER),
                (",", PUNCTUATION),
                ("bits", KEY),
                ("=", OPERATOR),
                ("3", NUMBER),
            ],
        ),
        ("$", &[("$", "")]),
    ];
    for (line, expect) in cases {
        let pieces = grammar.pieces(line);
        let pieces: Vec<(&str, &str)> = pieces
            .iter()
            .map(|(text, scope)| (*text, scope.as_str()))
            .collect();
        assert_eq!(pieces, *expect, "{line}");
    }
}

/// Every directive and every mnemonic with every suffix has its scope.
#[test]
fn all_words_of_the_tables() {
    let grammar = Grammar::load();
    for directive in DIRECTIVES {
        assert_eq!(
            grammar.pieces(directive),
            [(*directive, DIRECTIVE.to_owned())]
        );
    }
    for op in Op::ALL {
        let name = op.mnemonic();
        assert_eq!(grammar.pieces(name), [(name, MNEMONIC.to_owned())]);
        for mode in Mode::ALL
            .iter()
            .filter(|mode| op.has_mode() && !mode.suffix().is_empty())
        {
            let line = format!("{name}{}", mode.suffix());
            let expect = [
                (name, MNEMONIC.to_owned()),
                (mode.suffix(), SUFFIX.to_owned()),
            ];
            assert_eq!(grammar.pieces(&line), expect);
        }
    }
}

#[test]
fn nothing_in_the_sources_is_unclassified() {
    let grammar = Grammar::load();
    let example = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../examples")
            .join(name);
        std::fs::read_to_string(path).expect("an example")
    };
    let kernels = KERNELS
        .iter()
        .map(|(name, text)| (*name, (*text).to_owned()));
    let examples = ["hello/hello.s", "crossbar/crossbar.s"].map(|name| (name, example(name)));
    let (mut directives, mut instructions) = (0, 0);
    for (name, text) in kernels.chain(examples) {
        for (at, line) in text.lines().enumerate() {
            let pieces = grammar.pieces(line);
            let wrong = pieces
                .iter()
                .find(|(_, scope)| scope.is_empty() || scope == INVALID || scope == CALL);
            assert_eq!(wrong, None, "{name} line {}: {line}", at + 1);
            // What begins a line is known without the grammar.
            let code = line.split(';').next().unwrap_or_default();
            let mut words = code
                .split_whitespace()
                .skip_while(|word| word.starts_with('@') || word.ends_with(':'));
            let first = words.next().unwrap_or_default();
            let has = |scope: &str| {
                pieces
                    .iter()
                    .any(|(text, found)| found == scope && first.starts_with(text))
            };
            if first.starts_with('.') {
                directives += 1;
                assert!(has(DIRECTIVE), "{name} line {}: {line}", at + 1);
            } else if first.starts_with(|c: char| c.is_ascii_alphabetic()) {
                instructions += 1;
                assert!(has(MNEMONIC), "{name} line {}: {line}", at + 1);
            }
        }
    }
    assert!(
        directives > 100 && instructions > 100,
        "{directives} {instructions}"
    );
}
