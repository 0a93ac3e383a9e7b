//! Rules of handlers and the proof of the idle hint.

#![allow(clippy::unwrap_used, reason = "tests")]

mod ops_support;

use isa::image::Group;
use isa::op::{Handler, Instr, decode};
use isa::verify::{handler, idle};
use ops_support::{Machine, assemble, group};
use proptest::prelude::*;

fn faults(text: &str, kind: Handler, group: &Group) -> Vec<(usize, String)> {
    let words = assemble(text, group);
    handler::check(&words, kind, group)
        .into_iter()
        .map(|fault| (fault.index, fault.what))
        .collect()
}

fn update(text: &str) -> Vec<(usize, String)> {
    faults(text, Handler::Update, &group(&[("v", 24)], &[("THETA", 5)]))
}

fn one(index: usize, what: &str) -> Vec<(usize, String)> {
    vec![(index, what.to_string())]
}

#[test]
fn good_handlers() {
    assert!(update("halt").is_empty());
    assert!(handler::check(&[], Handler::OnSpike, &group(&[], &[])).is_empty());
    assert!(
        faults(
            "ldy r1, weight\nacc r1\nhalt",
            Handler::OnSpike,
            &group(&[], &[])
        )
        .is_empty()
    );
    assert!(update("lds r1, v\ncmp.gt p1, r1, THETA\n@p1 br L4\nspk\nhalt").is_empty());
}

#[test]
fn where_instructions_may_stand() {
    assert_eq!(
        update("acc r1\nhalt"),
        one(0, "`acc r1` is not allowed in update")
    );
    assert_eq!(
        update("mfs r1, payload\nhalt"),
        one(0, "`mfs r1, payload`: only on_spike has a payload")
    );
    let on_spike = |text| faults(text, Handler::OnSpike, &group(&[], &[]));
    assert_eq!(
        on_spike("spk\nhalt"),
        one(0, "`spk` is not allowed in on_spike")
    );
    assert_eq!(
        on_spike("lda r1, 0\nhalt"),
        one(0, "`lda r1, 0` is not allowed in on_spike")
    );
    assert_eq!(
        on_spike("@p1 br.idle L2\nldy r1, weight\nhalt"),
        one(0, "`@p1 br.idle L2`: only lanes in update can be idle")
    );
}

#[test]
fn ends() {
    assert_eq!(
        update("li r1, 3"),
        one(0, "the handler ends with `li r1, 3`, not with `halt`")
    );
    assert_eq!(
        update("halt\nhalt"),
        one(0, "`halt` before the end: the handler has 2 instructions")
    );
    assert_eq!(
        update("br L3\nspk\nhalt"),
        one(0, "branch to instruction 3: the handler has 3")
    );
}

#[test]
fn indices() {
    assert_eq!(
        update("lds r1, 1\nhalt"),
        one(0, "`lds r1, 1`: state slot 1, the group has 1")
    );
    assert_eq!(
        update("sts r1, 200\nhalt"),
        one(0, "`sts r1, 200`: state slot 200, the group has 1")
    );
    assert_eq!(
        update("add r1, r1, k1\nhalt"),
        one(0, "`add r1, r1, k1`: constant 1, the group has 1")
    );
    assert_eq!(
        update("lut r1, r2, 0, 0\nhalt"),
        one(0, "`lut r1, r2, 0, 0`: table 0, the group has 0")
    );
    assert_eq!(
        update("lda r1, 1\nhalt"),
        one(0, "`lda r1, 1`: receptor 1, the group has 1")
    );
}

#[test]
fn lengths_and_words() {
    let group = group(&[], &[]);
    let mut words = vec![assemble("li r1, 1", &group)[0]; 1023];
    words.push(assemble("halt", &group)[0]);
    assert!(handler::check(&words, Handler::Update, &group).is_empty());
    words.insert(0, words[0]);
    let found = handler::check(&words, Handler::Update, &group);
    assert_eq!(
        (found.len(), found[0].what.as_str()),
        (1, "1025 instructions, at most 1024")
    );
    let found = handler::check(&[0, words[1024]], Handler::Update, &group);
    assert_eq!(
        found[0].what,
        "illegal instruction 0x00000000: opcode 0x00 (zero) is reserved"
    );
}

#[test]
fn one_spike_at_most() {
    assert_eq!(
        update("spk\nspk\nhalt"),
        one(1, "a path sends twice, at instructions 0 and 1")
    );
    assert_eq!(
        update("@p1 spk\n@!p1 spkg r1\nhalt"),
        one(1, "a path sends twice, at instructions 0 and 1")
    );
    assert!(update("@p1 br L3\nspk\nbr L4\nspkg r1\nhalt").is_empty());
    assert_eq!(
        update("@p1 br L2\nspk\nspk\nhalt"),
        one(2, "a path sends twice, at instructions 1 and 2")
    );
}

#[test]
fn state_on_spike() {
    let group = group(&[("v", 24)], &[]);
    let depends = |text: &str, weight| -> Vec<usize> {
        let words = assemble(text, &group);
        assert!(handler::check(&words, Handler::OnSpike, &group).is_empty());
        handler::depends_on_state(&words, weight)
            .into_iter()
            .map(|fault| fault.index)
            .collect()
    };
    let guarded = "ldy r1, weight\ncmp.gt p1, r1, r0\n@p1 acc r1\nhalt";
    assert!(depends(guarded, false).is_empty());
    assert_eq!(depends(guarded, true), [2]);
    assert_eq!(
        depends(
            "lds r1, v\nadd r2, r1, r3\ncmp.gt p1, r2, r0\n@p1 br L5\nacc r2\nhalt",
            false
        ),
        [3]
    );
    assert_eq!(
        depends(
            "rng r1, 0\ncmp.gt p1, r1, r0\npand p2, p0, !p1\n@p2 acc r2\nhalt",
            false
        ),
        [3]
    );
    assert_eq!(
        depends(
            "ldy r1, weight\nmulq.sr r1, r1, r1, 3\ncmp.gt p1, r1, r0\n@p1 acc r1\nhalt",
            false
        ),
        [3]
    );
    // Overwritten before use; a value alone is no path.
    assert!(
        depends(
            "lds r1, v\nli r1, 3\ncmp.gt p1, r1, r0\n@p1 acc r1\nhalt",
            false
        )
        .is_empty()
    );
    assert!(
        depends(
            "lds r1, v\nldy r2, weight\nadd r2, r2, r1\nacc r2\nhalt",
            false
        )
        .is_empty()
    );
    // A guarded overwrite keeps the old mark.
    let partly = "lds r1, v\nldy r2, delay\ncmp.gt p1, r2, r0\n@p1 li r1, 0\ncmp.eq p2, r1, r0\n@p2 acc r2\nhalt";
    assert_eq!(depends(partly, false), [5]);
    assert!(handler::writes_state_on_spike(&assemble(
        "lds r1, v\nsts r1, v\nhalt",
        &group
    )));
    assert!(!handler::writes_state_on_spike(&assemble(
        "lds r1, v\nhalt",
        &group
    )));
}

const CUBA: &str = "
    lds r1, u
    lds r2, v
    lda r3, 0
    or  r4, r1, r2
    or  r4, r4, r3
    cmp.eq p1, r4, r0
    @p1 br.idle L17
    mulq.rz r1, r1, DECAY_U, 12
    add.w24 r1, r1, r3
    sts r1, u
    mulq.rz r2, r2, DECAY_V, 12
    add.s24 r2, r2, r1
    cmp.gt p2, r2, THETA
    @p2 spk
    @p2 add r2, r0, RESET_V
    sts r2, v
    add r5, r2, r1
    halt";

fn cuba(theta: i32) -> Group {
    let constants = [
        ("DECAY_U", 3000),
        ("DECAY_V", 4000),
        ("THETA", theta),
        ("RESET_V", 7),
    ];
    group(
        &[("u", 24), ("v", 24), ("bias", 24), ("refractory", 8)],
        &constants,
    )
}

fn idle_of(text: &str, group: &Group) -> Vec<(usize, String)> {
    let words = assemble(text, group);
    let bad: Vec<_> = handler::check(&words, Handler::Update, group)
        .into_iter()
        .map(|fault| fault.what)
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
    idle::check(&words, group)
        .into_iter()
        .map(|fault| (fault.index, fault.what))
        .collect()
}

#[test]
fn proven() {
    assert!(idle_of(CUBA, &cuba(0)).is_empty());
    assert!(idle_of(&CUBA.replace("cmp.gt p2", "cmp.ge p2"), &cuba(1)).is_empty());
    // The other polarity, and tests joined as predicates.
    let other = CUBA
        .replace("cmp.eq p1, r4, r0", "cmp.ne p1, r4, r0")
        .replace("@p1 br.idle", "@!p1 br.idle");
    assert!(idle_of(&other, &cuba(0)).is_empty());
    // Leaky integrate-and-fire with bias, countdown, and reset by subtraction.
    let lif = "
        lds r1, v
        lda r2, 0
        lds r3, bias
        lds r5, refractory
        or  r4, r1, r2
        or  r4, r4, r3
        or  r4, r4, r5
        cmp.eq p1, r4, r0
        @p1 br.idle L21
        cmp.gt p2, r5, r0
        @!p2 br L14
        addi r5, r5, -1
        sts r5, refractory
        br L21
        mulq.rz r1, r1, DECAY_V, 12
        add r1, r1, r2
        add.s24 r1, r1, r3
        cmp.gt p3, r1, THETA
        @p3 spk
        @p3 sub r1, r1, THETA
        sts r1, v
        halt";
    assert!(idle_of(lif, &cuba(0)).is_empty());
    let predicates = "
        lds r1, v
        lda r2, 0
        cmp.eq p1, r1, r0
        cmp.ne p2, r2, r0
        pand p3, p1, !p2
        @p3 br.idle L8
        add.s24 r1, r1, r2
        sts r1, v
        halt";
    assert!(idle_of(predicates, &cuba(0)).is_empty());
    // Without state: below threshold.
    assert!(
        idle_of(
            "lda r1, 0\ncmp.eq p1, r1, r0\n@p1 br.idle L5\ncmp.gt p2, r1, THETA\n@p2 spk\nhalt",
            &cuba(0)
        )
        .is_empty()
    );
    // A known value other than 0; a store of what is there already; a branch that is never taken.
    assert!(
        idle_of(
            "lds r1, v\ncmp.eq p1, r1, THETA\n@p1 br.idle L5\nadd r1, r0, THETA\nsts r1, v\nhalt",
            &cuba(9)
        )
        .is_empty()
    );
    assert!(
        idle_of(
            "lds r1, v\ncmp.eq p1, r2, r0\n@p1 br.idle L4\nsts r1, v\nhalt",
            &cuba(9)
        )
        .is_empty()
    );
    assert!(
        idle_of(
            "li r1, 1\ncmp.eq p1, r1, r0\n@p1 br.idle L4\nspk\nhalt",
            &cuba(9)
        )
        .is_empty()
    );
}

/// A lane that may stop at a breakpoint is not idle; one whose guard excludes it is.
#[test]
fn breakpoints_are_not_idle() {
    let at = |brk: &str| {
        idle_of(
            &format!(
                "lda r1, 0\ncmp.eq p1, r1, r0\n{brk}\n@p1 br.idle L6\ncmp.gt p2, r1, THETA\n@p2 spk\nhalt"
            ),
            &cuba(0),
        )
    };
    let stops = "may stop in a debugger";
    let expected = "an idle lane would not be idle: instruction 2 (`brk`) may stop in a debugger";
    assert!(expected.ends_with(stops));
    assert_eq!(at("brk"), [(3, expected.to_owned())]);
    assert!(at("@p1 brk")[0].1.ends_with(stops));
    assert_eq!(at("@!p1 brk"), []);
}

#[test]
fn refuted() {
    let refuted = |text: &str, theta: i32, expected: &str| {
        let found = idle_of(text, &cuba(theta));
        assert_eq!(found.len(), 1, "{text}");
        assert_eq!(
            found[0].1,
            format!("an idle lane would not be idle: instruction {expected}")
        );
    };
    // 0 fires.
    refuted(CUBA, -1, "13 (`@p2 spk`) may send a spike");
    refuted(
        &CUBA.replace("cmp.gt p2", "cmp.ge p2"),
        0,
        "13 (`@p2 spk`) may send a spike",
    );
    // Input, or one of the states, not tested.
    refuted(
        &CUBA.replace("or  r4, r4, r3", "or  r4, r4, r0"),
        0,
        "9 (`sts r1, u`) may change slot `u`",
    );
    refuted(
        &CUBA.replace("or  r4, r1, r2", "or  r4, r1, r0"),
        0,
        "13 (`@p2 spk`) may send a spike",
    );
    // Tested, then overwritten: the test says nothing of the new value.
    refuted(
        &CUBA.replace("mulq.rz r1, r1, DECAY_U, 12", "lds r1, bias"),
        0,
        "9 (`sts r1, u`) may change slot `u`",
    );
    let bias = "lds r1, v\nlds r2, bias\ncmp.eq p1, r1, r0\n@p1 br.idle L6\nadd.s24 r1, r1, r2\nsts r1, v\nhalt";
    refuted(bias, 0, "5 (`sts r1, v`) may change slot `v`");
    // A sum of 0 does not mean that both are 0.
    let sum =
        "lds r1, u\nlds r2, v\nadd r3, r1, r2\ncmp.eq p1, r3, r0\n@p1 br.idle L6\nsts r0, v\nhalt";
    refuted(sum, 0, "5 (`sts r0, v`) may change slot `v`");
    // Random words on the path, even when nothing comes of them.
    let rng = "lds r1, v\ncmp.eq p1, r1, r0\n@p1 br.idle L4\nrng r2, 8\nhalt";
    refuted(rng, 0, "3 (`rng r2, 8`) may draw a random word");
    let stochastic =
        "lds r1, v\ncmp.eq p1, r1, r0\n@p1 br.idle L4\nmulq.sr r2, r1, THETA, 12\nhalt";
    refuted(
        stochastic,
        0,
        "3 (`mulq.sr r2, r1, THETA, 12`) may draw a random word",
    );
    // Work before the branch, and after the target.
    let before = "lds r1, v\naddi r2, r1, 1\nsts r2, v\ncmp.eq p1, r1, r0\n@p1 br.idle L6\nadd r3, r1, r1\nhalt";
    refuted(before, 0, "2 (`sts r2, v`) may change slot `v`");
    let after = "lds r1, v\ncmp.eq p1, r1, r0\n@p1 br.idle L4\nadd r3, r1, r1\nspk\nhalt";
    refuted(after, 0, "4 (`spk`) may send a spike");
    // No test at all.
    refuted("br.idle L2\nspk\nhalt", 0, "1 (`spk`) may send a spike");
    // The branch is taken where the value is not 0.
    let unequal = "lds r1, v\ncmp.ne p1, r1, r0\n@p1 br.idle L4\nsts r0, v\nhalt";
    refuted(unequal, 0, "3 (`sts r0, v`) may change slot `v`");
    let unless = "lds r1, v\ncmp.eq p1, r1, r0\n@!p1 br.idle L4\nsts r0, v\nhalt";
    refuted(unless, 0, "3 (`sts r0, v`) may change slot `v`");
    // Stores saturate: 300 does not fit 8 bits.
    let narrow = "lds r1, refractory\nli r2, 300\ncmp.eq p1, r1, r2\n@p1 br.idle L5\nsts r2, refractory\nhalt";
    refuted(
        narrow,
        0,
        "4 (`sts r2, refractory`) may change slot `refractory`",
    );
    // A slot written before and loaded again holds the new value.
    let again = "lds r1, v\ncmp.eq p1, r1, r0\n@!p1 sts r0, v\n@p1 br.idle L5\nspk\nhalt";
    refuted(again, 0, "4 (`spk`) may send a spike");
}

#[test]
fn other_branches_on_the_way() {
    // A store on a path that never reaches the idle branch does not count.
    let apart = "
        lds r1, v
        lda r2, 0
        cmp.gt p2, r1, THETA
        @p2 br L9
        or r3, r1, r2
        cmp.eq p1, r3, r0
        @p1 br.idle L11
        add.s24 r1, r1, r2
        br L10
        li r1, 0
        sts r1, v
        halt";
    assert!(idle_of(apart, &cuba(0)).is_empty());
    // Registers that differ where two paths meet are unknown.
    let meet = "
        lds r1, v
        lds r2, u
        cmp.gt p2, r2, r0
        @p2 br L5
        li r1, 0
        cmp.eq p1, r1, r0
        @p1 br.idle L8
        sts r1, v
        halt";
    assert_eq!(idle_of(meet, &cuba(0)).len(), 1);
}

/// Programs of a few lines that test something and then do something.
fn program() -> impl Strategy<Value = String> {
    let register = || 1..6u8;
    let tested = (0..8u8, register(), register())
        .prop_map(|(op, a, b)| format!("{} r{a}, r{a}, r{b}", if op == 0 { "add" } else { "or" }));
    let compute =
        (0..12usize, register(), register(), register(), 0..4u8).prop_map(|(op, d, a, b, sh)| {
            match op {
                0 => format!("add r{d}, r{a}, r{b}, <<{sh}"),
                1 => format!("sub.s24 r{d}, r{a}, r{b}"),
                2 => format!("mulq.rz r{d}, r{a}, r{b}, {sh}"),
                3 => format!("mac.w24 r{d}, r{a}, k{}, {sh}", b % 3),
                4 => format!("max r{d}, r{a}, k{}", b % 3),
                5 => format!("cmp.gt p2, r{a}, k{}", b % 3),
                6 => format!("@p2 li r{d}, {sh}"),
                7 => format!("@!p2 sel r{d}, r{a}, r{b}"),
                8 => format!("abs r{d}, r{a}"),
                9 => format!("cmp.eq p{}, r{a}, r{b}", 1 + sh % 3),
                10 => format!("por p3, p2, !p{}", sh % 4),
                _ => format!("or r{d}, r{a}, r{b}"),
            }
        });
    let act = (0..6usize, register(), 0..3u8).prop_map(|(op, a, slot)| match op {
        0 | 1 => format!("sts r{a}, {slot}"),
        2 => format!("@p2 sts r{a}, {slot}"),
        3 => format!("lds r{a}, {slot}"),
        4 => format!("@p3 lds r{a}, {slot}"),
        _ => format!("@!p3 sts r{a}, {slot}"),
    });
    let mixed = || prop_oneof![compute.clone(), act.clone()];
    let lines = |most| proptest::collection::vec(mixed(), 0..most);
    (
        proptest::collection::vec(tested, 0..4),
        lines(3),
        1..6u8,
        0..8u8,
        lines(7),
        lines(3),
        any::<bool>(),
    )
        .prop_map(|(tests, before, r, polarity, skipped, after, spike)| {
            let mut lines: Vec<String> = ["lds r1, 0", "lds r2, 1", "lds r3, 2", "lda r4, 0"]
                .map(String::from)
                .to_vec();
            lines.extend(before);
            lines.extend(tests);
            lines.push(format!(
                "cmp.{} p1, r{r}, r0",
                if [0, 2, 4, 6].contains(&polarity) {
                    "eq"
                } else {
                    "ne"
                }
            ));
            let target = lines.len() + 2 + skipped.len() + usize::from(spike);
            lines.push(format!(
                "@{}p1 br.idle L{target}",
                if polarity == 8 || polarity % 4 == 0 {
                    ""
                } else {
                    "!"
                }
            ));
            lines.push("add r5, r4, r1".to_string());
            lines.extend(skipped);
            if spike {
                lines.push("@p2 spk".to_string());
            }
            lines.extend(after);
            lines.push("halt".to_string());
            lines.join("\n")
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, max_global_rejects: 1 << 20, ..ProptestConfig::default() })]

    /// Whatever the proof accepts has no effect, with the branch and without it, for any state and input.
    #[test]
    fn accepted_means_idle(text in program(), runs in proptest::collection::vec((0..27u32, any::<[i8; 4]>()), 12), constants in any::<[i8; 3]>()) {
        let mut group = group(&[("a", 8), ("b", 8), ("c", 4)], &[]);
        group.constants = constants.iter().map(|c| ("k".to_string(), i32::from(*c) / 32)).collect();
        let words = assemble(&text, &group);
        let code: Vec<Instr> = words.iter().map(|word| decode(*word).unwrap()).collect();
        prop_assert!(handler::check(&words, Handler::Update, &group).is_empty());
        prop_assume!(idle::check(&words, &group).is_empty());
        for (zeros, values) in runs {
            // Mostly zeros, so that the branch is taken.
            let at = |n: usize| if zeros >> n & 1 == 0 { 0 } else { i32::from(values[n]) / [1, 32, 60][zeros as usize % 3] };
            let entry = Machine { state: vec![at(0), at(1), at(2).clamp(-8, 7)], accumulators: vec![i64::from(at(3))], ..Machine::default() };
            for skip in [false, true] {
                let mut machine = entry.clone();
                machine.run(&code, &group, &|_| 0, skip);
                if machine.took_idle {
                    prop_assert_eq!((&machine.state, machine.draws, machine.sent.len()), (&entry.state, 0, 0), "{}", text);
                }
            }
        }
    }

    #[test]
    fn never_panics(words in proptest::collection::vec(prop_oneof![any::<u32>(), (0x04u32..0xF8).prop_map(|op| op << 24)], 0..40)) {
        let group = group(&[("v", 24)], &[("K", 1)]);
        for kind in [Handler::Update, Handler::OnSpike] {
            if handler::check(&words, kind, &group).is_empty() {
                idle::check(&words, &group);
                handler::depends_on_state(&words, true);
            }
        }
    }
}
