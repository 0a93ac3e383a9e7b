//! Rules of one handler: what makes its words a program that always ends and never indexes out of range.
//!
//! Invariant: a handler without faults runs on any engine without a check. Numbers: `specs/isa.md`.

use super::Violation;
use crate::image::Group;
use crate::op::{Handler, Instr, Names, Op, decode};

/// Most instructions of a handler: the index has 10 bits in the key of a random draw.
pub const HANDLER_WORDS: usize = 1024;

/// A broken rule at one instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Index of the instruction in its handler.
    pub index: usize,
    /// What is wrong, with the value and the limit.
    pub what: String,
}

impl Fault {
    fn new(index: usize, what: impl Into<String>) -> Fault {
        Fault {
            index,
            what: what.into(),
        }
    }

    /// As a violation of a group's handler.
    pub fn violation(&self, place: &str, handler: Handler, remedy: &str) -> Violation {
        Violation::new(
            format_args!("{place} {} instruction {}", handler.name(), self.index),
            &self.what,
            remedy,
        )
    }
}

/// Names of a group for the text of its instructions: the index of the instruction, and the group.
pub struct GroupNames<'a>(pub usize, pub &'a Group);

impl Names for GroupNames<'_> {
    fn index(&self) -> u32 {
        self.0 as u32
    }
    fn constant(&self, index: u8) -> String {
        self.1
            .constants
            .get(usize::from(index))
            .map_or_else(|| format!("k{index}"), |constant| constant.0.clone())
    }
    fn slot(&self, index: u8) -> String {
        self.1
            .slots
            .get(usize::from(index))
            .map_or_else(|| index.to_string(), |slot| slot.name.clone())
    }
}

/// All faults of a handler, by instruction. No words means that the group has no such handler.
pub fn check(words: &[u32], handler: Handler, group: &Group) -> Vec<Fault> {
    let mut faults = Vec::new();
    if words.is_empty() {
        return faults;
    }
    if words.len() > HANDLER_WORDS {
        faults.push(Fault::new(
            HANDLER_WORDS,
            format!("{} instructions, at most {HANDLER_WORDS}", words.len()),
        ));
    }
    let mut code = Vec::with_capacity(words.len());
    for (index, word) in words.iter().enumerate() {
        match decode(*word) {
            Ok(i) => {
                faults.extend(
                    instruction(index, &i, words.len(), handler, group)
                        .map(|what| Fault { index, what }),
                );
                code.push(i);
            }
            Err(error) => faults.push(Fault::new(index, error.to_string())),
        }
    }
    if faults.is_empty() {
        faults.extend(second_send(&code));
    }
    faults
}

/// What is wrong with one instruction at its place.
fn instruction(
    index: usize,
    i: &Instr,
    length: usize,
    handler: Handler,
    group: &Group,
) -> impl Iterator<Item = String> {
    let text = || format!("`{}`", i.text(&GroupNames(index, group)));
    let mut found = Vec::new();
    let last = index + 1 == length;
    if !i.op.allowed_in(handler) {
        found.push(format!("{} is not allowed in {}", text(), handler.name()));
    }
    if i.op == Op::Mfs && i.field == 2 && handler == Handler::Update {
        found.push(format!("{}: only on_spike has a payload", text()));
    }
    if i.idle && handler == Handler::OnSpike {
        found.push(format!("{}: only lanes in update can be idle", text()));
    }
    if last && i.op != Op::Halt {
        found.push(format!("the handler ends with {}, not with `halt`", text()));
    }
    if !last && i.op == Op::Halt {
        found.push(format!(
            "`halt` before the end: the handler has {length} instructions"
        ));
    }
    if i.op == Op::Br && target(index, i) >= length {
        found.push(format!(
            "branch to instruction {}: the handler has {length}",
            target(index, i)
        ));
    }
    if let Some(constant) = i
        .reads_constant()
        .filter(|k| usize::from(*k) >= group.constants.len())
    {
        found.push(format!(
            "{}: constant {constant}, the group has {}",
            text(),
            group.constants.len()
        ));
    }
    let (kind, count) = match i.op {
        Op::Lds | Op::Sts => ("state slot", group.slots.len()),
        Op::Lut => ("table", group.tables.len()),
        Op::Lda | Op::Acc => ("receptor", usize::from(group.receptors)),
        _ => ("", usize::MAX),
    };
    let used = usize::from(if matches!(i.op, Op::Lds | Op::Sts) {
        i.slot
    } else {
        i.field
    });
    if used >= count {
        found.push(format!("{}: {kind} {used}, the group has {count}", text()));
    }
    found.into_iter()
}

/// Index at which a lane continues when it takes the branch.
pub(super) fn target(index: usize, i: &Instr) -> usize {
    index + 1 + usize::from(i.offset)
}

/// Instructions that may follow: next one, branch target.
pub(super) fn next(index: usize, i: &Instr) -> [Option<usize>; 2] {
    let falls = i.op != Op::Halt && (i.op != Op::Br || i.pred != 0);
    [
        falls.then_some(index + 1),
        (i.op == Op::Br).then(|| target(index, i)),
    ]
}

/// The first `spk` or `spkg` that a path reaches after another one. Guards do not count.
fn second_send(code: &[Instr]) -> Option<Fault> {
    let mut sent = vec![None; code.len()];
    sent[0] = Some(None);
    for (index, i) in code.iter().enumerate() {
        let Some(before) = sent[index] else { continue };
        let mut after: Option<usize> = before;
        if matches!(i.op, Op::Spk | Op::Spkg) {
            if let Some(first) = before {
                return Some(Fault::new(
                    index,
                    format!("a path sends twice, at instructions {first} and {index}"),
                ));
            }
            after = Some(index);
        }
        for next in next(index, i).into_iter().flatten() {
            let place = &mut sent[next];
            *place = Some(place.flatten().or(after));
        }
    }
    None
}

/// Branches and guards of `acc` in `on_spike` that depend on the state of the lane or on a random word: their time would
/// depend on the mapping. `weight_is_state`: a crossbar takes its weight from a slot of the target lane. The handler has passed [`check`].
pub fn depends_on_state(words: &[u32], weight_is_state: bool) -> Vec<Fault> {
    let code: Vec<Instr> = words.iter().filter_map(|word| decode(*word).ok()).collect();
    let mut faults = Vec::new();
    // Bits 0 to 15: registers, 16 to 19: predicates whose value may depend on state, on some path.
    let mut marks = vec![0u32; code.len() + 1];
    for (index, i) in code.iter().enumerate() {
        let here = marks[index];
        let predicates = i.reads_predicates().any(|p| here >> (16 + p) & 1 != 0);
        if predicates && matches!(i.op, Op::Br | Op::Acc) {
            let what = if i.op == Op::Br {
                "branch"
            } else {
                "guard of `acc`"
            };
            faults.push(Fault::new(
                index,
                format!("the {what} depends on the lane's state or on a random word"),
            ));
        }
        let source =
            i.op == Op::Lds || i.draws() || (i.op == Op::Ldy && i.field == 0 && weight_is_state);
        let marked = source || predicates || i.reads_registers().any(|r| here >> r & 1 != 0);
        let mut after = here;
        let written = i
            .writes_register()
            .map(u32::from)
            .or(i.writes_predicate().map(|p| 16 + u32::from(p)));
        if let Some(bit) = written {
            let always = i.pred == 0 || i.op == Op::Sel;
            after = if marked {
                after | 1 << bit
            } else if always {
                after & !(1 << bit)
            } else {
                after
            };
        }
        for next in next(index, i)
            .into_iter()
            .flatten()
            .filter(|next| *next < code.len())
        {
            marks[next] |= after;
        }
    }
    faults
}

/// The handler stores to the state of the target lane, so that packets must be served in canonical order.
pub fn writes_state_on_spike(words: &[u32]) -> bool {
    words
        .iter()
        .any(|word| decode(*word).is_ok_and(|i| i.op == Op::Sts))
}
