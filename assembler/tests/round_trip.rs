//! `assemble(disassemble(image)) == image`, on random images of the `isa` tests made stranger, and at size.

#[path = "../../isa/tests/image/random.rs"]
mod random;
#[path = "../../isa/tests/image/sample.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with the tests of isa; a part is used here"
)]
mod sample;

use assembler::{assemble, disassemble};
use isa::image::{Group, Image};
use isa::op::{Handler, Op, decode, encode};
use isa::verify::structure;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

/// Disassembles and assembles; both the value and the bytes must be the same.
fn check(image: &Image) {
    assert_eq!(structure(image), [], "the test wants valid images");
    let text = disassemble(image);
    let back = assemble(&text, "again.s")
        .unwrap_or_else(|diagnostics| panic!("{}\n{text}", diagnostics[0]));
    assert_eq!(&back, image, "{text}");
    assert_eq!(back.to_bytes(), image.to_bytes());
    assert_eq!(disassemble(&back), text);
}

/// Random words that decode and may stand in the handler, with forward branches, then `halt`.
fn code(words: &[u32], handler: Handler) -> Vec<u32> {
    let mut code: Vec<_> = words.iter().filter_map(|word| decode(*word).ok()).collect();
    code.retain(|i| i.op.allowed_in(handler) && i.op != Op::Halt);
    let length = code.len() + 1;
    for (at, i) in code.iter_mut().enumerate() {
        let room = length.saturating_sub(at + 2);
        if i.op == Op::Br {
            i.offset = 1 + i.offset % (room.max(1) as u16);
            i.idle &= handler == Handler::Update;
        }
    }
    if code.last().is_some_and(|i| i.op == Op::Br) {
        code.pop();
    }
    code.iter().map(encode).chain([0x0400_0000]).collect()
}

/// Words whose opcode exists and whose other bits are often those of its fields.
fn words() -> impl Strategy<Value = Vec<u32>> {
    let word = (0..Op::ALL.len(), any::<u32>(), any::<u32>(), any::<u32>());
    let word =
        word.prop_map(|(op, a, b, c)| (Op::ALL[op] as u32) << 26 | (a & b & c & 0x03ff_ffff));
    proptest::collection::vec(word, 0..60)
}

const NAMES: [&str; 8] = ["r3", "k0", "p1", "weight", "halt", "L1", "_", "V"];
const TEXTS: [&str; 8] = [
    "",
    "a b",
    "\"",
    "\\u{41}",
    "; no comment",
    "ünï",
    "1",
    "a.b.c",
];

/// Renames, recodes and renumbers; what the verifier refuses is undone.
fn stranger(image: &mut Image, pick: usize, update: &[u32], on_spike: &[u32]) {
    image.meta.network = TEXTS[pick % 8].to_owned();
    image.meta.chip = TEXTS[pick / 8 % 8].to_owned();
    for (at, population) in image.populations.iter_mut().enumerate() {
        population.name = format!("{}{at}", TEXTS[(pick + at) % 8]);
    }
    let groups = image
        .cores
        .iter()
        .map(|core| core.groups.len())
        .collect::<Vec<_>>();
    for (core, groups) in groups.into_iter().enumerate() {
        for group in 0..groups {
            for change in 0..4 {
                let target = &mut image.cores[core].groups[group];
                let before = target.clone();
                change_group(target, change, pick, update, on_spike);
                if !structure(image).is_empty() {
                    image.cores[core].groups[group] = before;
                }
            }
        }
    }
}

fn change_group(group: &mut Group, change: usize, pick: usize, update: &[u32], on_spike: &[u32]) {
    match change {
        0 => group.update = code(update, Handler::Update),
        1 => group.on_spike = code(on_spike, Handler::OnSpike),
        2 => {
            let names = group.constants.iter_mut().map(|(name, _)| name);
            names
                .enumerate()
                .for_each(|(at, name)| *name = NAMES[(pick + at) % 8].to_owned());
        }
        _ => {
            let slots = group.slots.iter_mut().skip(1).enumerate();
            slots.for_each(|(at, slot)| slot.name = NAMES[(pick + at) % 8].to_owned());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn random_images(image in random::images(4), pick in 0usize..64, update in words(), on_spike in words()) {
        check(&image);
        let mut image = image;
        stranger(&mut image, pick, &update, &on_spike);
        check(&image);
    }
}

/// Every instruction that encodes has a text that means it. One by one: a handler of many random instructions is seldom valid.
#[test]
fn random_instructions() {
    let mut image = assemble(BARE, "bare.s").expect("valid");
    let mut seen = BTreeSet::new();
    let mut runner = TestRunner::deterministic();
    let strategy = words();
    for _ in 0..300 {
        let words = strategy.new_tree(&mut runner).expect("words").current();
        for word in words {
            let Ok(instruction) = decode(word) else {
                continue;
            };
            for handler in [Handler::Update, Handler::OnSpike] {
                let group = &mut image.cores[0].groups[0];
                let before = group.clone();
                let code = code(&[word, LI, LI], handler);
                match handler {
                    Handler::Update => group.update = code,
                    Handler::OnSpike => group.on_spike = code,
                }
                if instruction.op.allowed_in(handler) && structure(&image).is_empty() {
                    check(&image);
                    seen.insert(instruction.op.mnemonic());
                } else {
                    image.cores[0].groups[0] = before;
                }
            }
        }
    }
    seen.insert("halt");
    let all: BTreeSet<_> = Op::ALL.iter().map(|op| op.mnemonic()).collect();
    assert_eq!(seen, all);
}

/// `li r1, 0`
const LI: u32 = (Op::Li as u32) << 26 | 1 << 19;

const BARE: &str = "\
.core 0
.group lanes=2
.receptors 4
.const A = 1
.const B = 2
.slot v 24
.slot w 8
.table = 1 2
.table = 3
.table = 4
.table = 5
.update
    halt
.end
";

/// A million synapses: seconds in a debug build, a fraction of one in a release build.
#[test]
fn large_images() {
    let image = assemble(&large(50, 20_000), "large.s").expect("valid");
    let text = disassemble(&image);
    assert!(text.len() < 24_000_000, "{} bytes", text.len());
    assert_eq!(assemble(&text, "again.s").expect("valid"), image);
}

/// A text of `cores` cores with `synapses` sparse synapses each.
fn large(cores: usize, synapses: usize) -> String {
    let mut text = String::new();
    for core in 0..cores {
        text.push_str(&format!(".core {core}\n.format w sparse signed weight=8 delay=3 index=10\n.group lanes=1000\n.kernel lif\n"));
        for axon in 0..synapses / 500 {
            text.push_str(&format!(".axon neuron {axon}\n.sparse ="));
            for synapse in 0..500 {
                let (lane, weight) = ((synapse * 2 + axon) % 1000, (synapse * 7 + axon * 13) % 255);
                text.push_str(&format!(
                    "{}{lane}:{}@{}",
                    if synapse % 20 == 0 { "\n  " } else { " " },
                    weight as i32 - 127,
                    synapse % 8
                ));
            }
            text.push('\n');
        }
    }
    text.replace(".sparse =\n  ", ".sparse = ")
}
