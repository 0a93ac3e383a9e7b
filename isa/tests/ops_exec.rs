//! The execution vectors: every instruction has cases, words and texts agree, and the machine of these tests gives what they expect.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ops_support;

use isa::image::{Group, Reduce};
use isa::op::{Handler, Instr, Op, Plain, decode};
use isa::rng::{draw_lane, draw_synapse, site};
use isa::verify::handler;
use ops_support::{Machine, group};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

fn cases() -> Vec<Table> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/exec.toml");
    let file: Table = std::fs::read_to_string(path).unwrap().parse().unwrap();
    file["case"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| case.as_table().unwrap().clone())
        .collect()
}

fn list<'a>(table: &'a Table, key: &str) -> &'a [Value] {
    table.get(key).map_or(&[], |list| list.as_array().unwrap())
}

fn integer<T: TryFrom<i64>>(value: &Value) -> T {
    T::try_from(value.as_integer().unwrap()).unwrap_or_else(|_| panic!("{value}"))
}

fn integers<T: TryFrom<i64>>(table: &Table, key: &str) -> Vec<T> {
    list(table, key).iter().map(integer).collect()
}

fn get<T: TryFrom<i64> + Default>(table: &Table, key: &str) -> T {
    table.get(key).map_or(T::default(), integer)
}

/// `{ r1 = 5 }` as (1, 5).
fn numbered<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    let entries = table.get(key).map(|inner| inner.as_table().unwrap());
    entries
        .into_iter()
        .flatten()
        .map(|(name, value)| (name[1..].parse().unwrap(), value))
}

fn kind(case: &Table) -> Handler {
    match case
        .get("handler")
        .map_or("update", |name| name.as_str().unwrap())
    {
        "update" => Handler::Update,
        "on_spike" => Handler::OnSpike,
        other => panic!("{other}"),
    }
}

fn group_of(case: &Table) -> Group {
    let mut group = group(&[], &[]);
    for slot in list(case, "slots") {
        let [bits, value] = [0, 1].map(|n| integer::<i32>(&slot[n]));
        group.slots.push(isa::image::Slot {
            name: format!("s{}", group.slots.len()),
            bits: bits as u8,
            init: vec![value],
        });
    }
    group.constants = integers(case, "constants")
        .into_iter()
        .map(|value| (String::new(), value))
        .collect();
    group.tables = list(case, "tables")
        .iter()
        .map(|t| t.as_array().unwrap().iter().map(integer).collect())
        .collect();
    group.receptors = 4;
    if let Some(rule) = case.get("accumulator") {
        group.accumulator_bits = integer(&rule[0]);
        group.accumulator_mode = if rule[1].as_str() == Some("wrap") {
            Reduce::Wrap
        } else {
            Reduce::Saturate
        };
    }
    group
}

fn run(case: &Table, code: &[Instr], group: &Group) -> Machine {
    let step = get::<i64>(case, "step") as u32;
    let special = [
        get(case, "lane"),
        step as i32,
        get(case, "payload"),
        get(case, "id"),
    ];
    let mut machine = Machine {
        state: group.slots.iter().map(|slot| slot.init[0]).collect(),
        accumulators: integers(case, "accumulators"),
        synapse: ["weight", "delay", "kind"].map(|key| get(case, key)),
        special,
        ..Machine::default()
    };
    for (register, value) in numbered(case, "registers") {
        machine.registers[register] = integer(value);
    }
    for (predicate, value) in numbered(case, "predicates") {
        machine.predicates[predicate] = value.as_bool().unwrap();
    }
    let (seed, id, source, ordinal) = (
        get(case, "seed"),
        get(case, "id"),
        get(case, "source"),
        get(case, "ordinal"),
    );
    let handler = kind(case);
    let random = |index| match handler {
        Handler::Update => draw_lane(seed, step, id, site(handler, index)),
        Handler::OnSpike => draw_synapse(seed, step, id, source, ordinal, site(handler, index)),
    };
    machine.run(code, group, &random, false);
    machine
}

#[test]
fn every_instruction_has_cases() {
    let mut count = BTreeMap::new();
    for case in cases() {
        let op = Op::from_mnemonic(case["op"].as_str().unwrap()).unwrap();
        let words: Vec<u32> = integers(&case, "words");
        assert!(
            words.iter().any(|word| decode(*word).unwrap().op == op),
            "{case}"
        );
        *count.entry(op).or_insert(0) += 1;
    }
    for op in Op::ALL {
        assert!(
            count.get(op).is_some_and(|n| *n >= 3),
            "{op:?} needs three cases in specs/exec.toml"
        );
    }
}

#[test]
fn texts_and_words_agree() {
    for case in cases() {
        let words: Vec<u32> = integers(&case, "words");
        let texts: Vec<&str> = list(&case, "code")
            .iter()
            .map(|text| text.as_str().unwrap())
            .collect();
        assert_eq!(words.len(), texts.len(), "{case}");
        for (index, (word, text)) in words.iter().zip(texts).enumerate() {
            assert_eq!(decode(*word).unwrap().text(&Plain(index as u32)), text);
        }
    }
}

#[test]
fn cases_are_legal_handlers() {
    for case in cases() {
        let mut words: Vec<u32> = integers(&case, "words");
        if words.last() != Some(&0x0400_0000) {
            words.push(0x0400_0000);
        }
        assert_eq!(
            handler::check(&words, kind(&case), &group_of(&case)),
            [],
            "{case}"
        );
        let random = words.iter().any(|word| decode(*word).unwrap().draws());
        assert!(
            !random || !(case.contains_key("registers") || case.contains_key("predicates")),
            "{case}"
        );
    }
}

#[test]
fn cases_give_what_they_expect() {
    for case in cases() {
        let words: Vec<u32> = integers(&case, "words");
        let code: Vec<Instr> = words.iter().map(|word| decode(*word).unwrap()).collect();
        let group = group_of(&case);
        let machine = run(&case, &code, &group);
        let expect = case["expect"].as_table().unwrap();
        for (register, value) in numbered(expect, "registers") {
            assert_eq!(
                machine.registers[register],
                integer::<i32>(value),
                "r{register} of {case}"
            );
        }
        for (predicate, value) in numbered(expect, "predicates") {
            assert_eq!(
                Some(machine.predicates[predicate]),
                value.as_bool(),
                "p{predicate} of {case}"
            );
        }
        assert_eq!(machine.state, integers::<i32>(expect, "state"), "{case}");
        assert_eq!(machine.sent, integers::<i32>(expect, "send"), "{case}");
        assert_eq!(machine.draws, get::<u32>(expect, "draws"), "{case}");
        let added: Vec<Vec<i64>> = list(expect, "acc")
            .iter()
            .map(|sum| sum.as_array().unwrap().iter().map(integer).collect())
            .collect();
        let actual: Vec<Vec<i64>> = machine
            .added
            .iter()
            .map(|((bank, delay), sum)| vec![i64::from(*bank), i64::from(*delay), *sum])
            .collect();
        assert_eq!(actual, added, "{case}");
    }
}
