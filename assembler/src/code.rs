//! Handlers: lines of instructions between `.update` or `.on_spike` and `.end`.
//!
//! Invariant: a handler that closes without a fault is a list of words that decode, ends with its only `halt`,
//! and its branches go forward to instructions of the same handler.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{expect_mark, one_of, unexpected};
use crate::lexer::{Cursor, Kind, Token};
use crate::operands::{
    Register, Scope, is_register, mnemonic, number, register, reserved, slot, table,
};
use isa::op::{Handler, Instr, Op, Operand, try_encode};
use std::collections::BTreeMap;
use std::ops::Range;

/// A handler being read.
pub(crate) struct HandlerDraft {
    pub(crate) handler: Handler,
    /// The directive that opened it.
    pub(crate) opened: Range<usize>,
    instructions: Vec<Instr>,
    /// Where each instruction stands.
    pub(crate) spans: Vec<Range<usize>>,
    labels: BTreeMap<String, (usize, Range<usize>)>,
    /// (instruction, label, where the label is named)
    branches: Vec<(usize, String, Range<usize>)>,
    /// `.reg` names.
    registers: BTreeMap<String, Register>,
    /// A line of it was faulty: checks of the whole would only repeat that.
    pub(crate) faulty: bool,
}

impl HandlerDraft {
    pub(crate) fn new(handler: Handler, opened: Range<usize>) -> Self {
        HandlerDraft {
            handler,
            opened,
            instructions: Vec::new(),
            spans: Vec::new(),
            labels: BTreeMap::new(),
            branches: Vec::new(),
            registers: BTreeMap::new(),
            faulty: false,
        }
    }

    /// `.reg name = r3`.
    pub(crate) fn name_register(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        let token = cursor.take();
        if token.kind != Kind::Name {
            return Err(unexpected(cursor, token, "a name"));
        }
        let name = cursor.text(token);
        if is_register(name) {
            return Err(reserved(name, token.span()));
        }
        expect_mark(cursor, "=")?;
        let target = cursor.take();
        let found = (target.kind == Kind::Name)
            .then(|| register(cursor.text(target)))
            .flatten();
        let register = found.ok_or_else(|| {
            unexpected(cursor, target, "a register `r1` to `r15` or `p1` to `p3`")
        })?;
        if self.registers.insert(name.to_owned(), register).is_some() {
            return Err(Fault::new(
                code::REPEATED,
                token.span(),
                format!("`{name}` is named twice"),
            )
            .label("already a register of this handler"));
        }
        Ok(())
    }

    /// A line with labels and at most one instruction.
    pub(crate) fn line(&mut self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<()> {
        loop {
            let mut ahead = cursor.clone();
            let token = ahead.take();
            if token.kind != Kind::Name || !ahead.take_mark(":") {
                break;
            }
            *cursor = ahead;
            self.label(cursor.text(token), token.span())?;
        }
        let first = cursor.peek();
        if first.kind == Kind::End {
            return Ok(());
        }
        let instruction = self.instruction(cursor, scope)?;
        self.instructions.push(instruction);
        self.spans.push(first.start..cursor.position());
        Ok(())
    }

    fn label(&mut self, name: &str, span: Range<usize>) -> Parse<()> {
        let here = self.instructions.len();
        match self.labels.insert(name.to_owned(), (here, span.clone())) {
            None => Ok(()),
            Some(_) => Err(Fault::new(
                code::REPEATED_LABEL,
                span,
                format!("label `{name}` stands twice in this handler"),
            )
            .label("second place")
            .help("labels belong to their handler; give one of the two another name")),
        }
    }

    fn instruction(&mut self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<Instr> {
        let start = cursor.peek().start;
        let guard = cursor
            .take_mark("@")
            .then(|| self.guard(cursor))
            .transpose()?;
        let token = cursor.take();
        if token.kind != Kind::Name {
            return Err(unexpected(cursor, token, "an instruction"));
        }
        let mut instruction = mnemonic(cursor.text(token), token)?;
        let op = instruction.op;
        if !op.allowed_in(self.handler) {
            let other = if self.handler == Handler::Update {
                Handler::OnSpike
            } else {
                Handler::Update
            };
            return Err(Fault::new(
                code::NOT_IN_HANDLER,
                token.span(),
                format!(
                    "`{}` cannot stand in `.{}`",
                    op.mnemonic(),
                    self.handler.name()
                ),
            )
            .label("not in this handler")
            .help(format!("it belongs in `.{}`", other.name())));
        }
        if let Some((pred, negate)) = guard {
            if !op.has_guard() {
                return Err(Fault::new(
                    code::BAD_GUARD,
                    start..token.start,
                    format!("`{}` takes no guard", op.mnemonic()),
                )
                .label("remove the guard"));
            }
            (instruction.pred, instruction.negate) = (pred, negate);
        }
        let mut first = true;
        for operand in op.operands() {
            let optional = *operand == Operand::Shl || (*operand == Operand::Bank && op == Op::Acc);
            if optional && cursor.peek().kind == Kind::End {
                continue;
            }
            if !first {
                expect_mark(cursor, ",")?;
            }
            first = false;
            self.operand(cursor, scope, *operand, &mut instruction)?;
        }
        self.encodable(instruction, start..cursor.position())
    }

    /// Rules that only the encoder knows; a branch gets its distance at the end of the handler.
    fn encodable(&self, instruction: Instr, span: Range<usize>) -> Parse<Instr> {
        let mut probe = instruction;
        if probe.op == Op::Br {
            probe.offset = 1;
        }
        match try_encode(&probe) {
            Ok(_) => Ok(instruction),
            Err(illegal) => {
                Err(Fault::new(code::BAD_OPERAND, span, illegal.to_string())
                    .label("cannot be encoded"))
            }
        }
    }

    /// `p1` or `!p1` after `@`.
    fn guard(&self, cursor: &mut Cursor<'_>) -> Parse<(u8, bool)> {
        let negate = cursor.take_mark("!");
        let token = cursor.take();
        match self.lookup(cursor, token) {
            Some(Register::Predicate(0)) => {
                Err(
                    Fault::new(code::BAD_GUARD, token.span(), "`p0` is always true")
                        .label("no guard")
                        .help("leave the guard out, or use p1, p2 or p3"),
                )
            }
            Some(Register::Predicate(number)) => Ok((number, negate)),
            _ if token.kind == Kind::Name => {
                let name = cursor.text(token);
                Err(Fault::new(
                    code::BAD_GUARD,
                    token.span(),
                    format!("`{name}` is not a predicate"),
                )
                .label("expected `p1`, `p2` or `p3`"))
            }
            _ => Err(unexpected(cursor, token, "a predicate `p1`, `p2` or `p3`")),
        }
    }

    fn lookup(&self, cursor: &Cursor<'_>, token: Token) -> Option<Register> {
        if token.kind != Kind::Name {
            return None;
        }
        let name = cursor.text(token);
        register(name).or_else(|| self.registers.get(name).copied())
    }

    fn operand(
        &mut self,
        cursor: &mut Cursor<'_>,
        scope: &Scope<'_>,
        operand: Operand,
        i: &mut Instr,
    ) -> Parse<()> {
        match operand {
            Operand::Rd | Operand::RdInOut => i.rd = self.general(cursor, true)?,
            Operand::RdIn => i.rd = self.general(cursor, false)?,
            Operand::Ra => i.ra = self.general(cursor, false)?,
            Operand::Pd => i.rd = self.predicate(cursor, true)?,
            Operand::Pa => {
                i.field |= u8::from(cursor.take_mark("!"));
                i.ra = self.predicate(cursor, false)?;
            }
            Operand::Pb => {
                i.field |= u8::from(cursor.take_mark("!")) << 1;
                i.rb = self.predicate(cursor, false)?;
            }
            Operand::B => {
                let token = cursor.peek();
                match self.second(cursor, scope)? {
                    Some((number, konst)) => (i.rb, i.konst) = (number, konst),
                    None => return Err(self.not_second(cursor, scope, token)),
                }
            }
            Operand::Shl => {
                expect_mark(cursor, "<<")?;
                i.shift = number(cursor, scope, "shift", 0, 31)? as u8;
            }
            Operand::Shift => i.shift = number(cursor, scope, "shift", 0, 31)? as u8,
            Operand::Amount => match self.second(cursor, scope)? {
                Some((number_of, konst)) => {
                    (i.rb, i.konst) = (number_of, konst);
                    if cursor.take_mark(",") {
                        i.shift = number(cursor, scope, "shift", 0, 31)? as u8;
                    }
                }
                None => i.shift = number(cursor, scope, "shift", 0, 31)? as u8,
            },
            Operand::Imm => i.imm = number(cursor, scope, "immediate", -16384, 16383)? as i16,
            Operand::Slot => i.slot = slot(cursor, scope)?,
            Operand::Bank => {
                let most = i64::from(scope.group.receptors) - 1;
                i.field = number(cursor, scope, "receptor", 0, most)? as u8;
            }
            Operand::Table => i.field = table(cursor, scope)?,
            Operand::Synapse | Operand::Special => i.field = one_of(cursor, operand.words())? as u8,
            Operand::Target => {
                let token = cursor.take();
                if token.kind != Kind::Name {
                    return Err(unexpected(cursor, token, "a label"));
                }
                self.branches.push((
                    self.instructions.len(),
                    cursor.text(token).to_owned(),
                    token.span(),
                ));
            }
        }
        Ok(())
    }

    fn general(&self, cursor: &mut Cursor<'_>, written: bool) -> Parse<u8> {
        let token = cursor.take();
        match self.lookup(cursor, token) {
            Some(Register::General(0)) if written => Err(Fault::new(
                code::BAD_OPERAND,
                token.span(),
                "`r0` always reads 0 and cannot be written",
            )
            .label("written here")
            .help("use r1 to r15")),
            Some(Register::General(number)) => Ok(number),
            _ => Err(self.wrong_register(cursor, token, "a register `r0` to `r15`", 'r')),
        }
    }

    fn predicate(&self, cursor: &mut Cursor<'_>, written: bool) -> Parse<u8> {
        let token = cursor.take();
        match self.lookup(cursor, token) {
            Some(Register::Predicate(0)) if written => Err(Fault::new(
                code::BAD_OPERAND,
                token.span(),
                "`p0` is always true and cannot be written",
            )
            .label("written here")
            .help("use p1, p2 or p3")),
            Some(Register::Predicate(number)) => Ok(number),
            _ => Err(self.wrong_register(cursor, token, "a predicate `p0` to `p3`", 'p')),
        }
    }

    fn wrong_register(
        &self,
        cursor: &Cursor<'_>,
        token: Token,
        expected: &str,
        kind: char,
    ) -> Fault {
        if token.kind != Kind::Name {
            return unexpected(cursor, token, expected);
        }
        let name = cursor.text(token);
        let wanted = |r: &Register| {
            matches!(
                (r, kind),
                (Register::General(_), 'r') | (Register::Predicate(_), 'p')
            )
        };
        let known = self
            .registers
            .iter()
            .filter(|(_, r)| wanted(r))
            .map(|(name, _)| name.as_str());
        Fault::new(
            code::BAD_OPERAND,
            token.span(),
            format!("`{name}` is not {expected}"),
        )
        .label(format!("expected {expected}"))
        .maybe_help(did_you_mean(name, known))
    }

    /// Register or constant; `None`, with nothing taken, when it is neither.
    fn second(&self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<Option<(u8, bool)>> {
        let token = cursor.peek();
        if token.kind != Kind::Name {
            return Ok(None);
        }
        let name = cursor.text(token);
        let count = scope.group.constants.len();
        let found = match self.lookup(cursor, token) {
            Some(Register::General(number)) => Some((number, false)),
            Some(Register::Constant(number)) if usize::from(number) < count => Some((number, true)),
            Some(Register::Constant(_)) => {
                let message = format!("`{name}` does not exist: the group has {count} constants");
                return Err(Fault::new(code::BAD_OPERAND, token.span(), message)
                    .label("no such constant")
                    .help("declare it before the handler: `.const NAME = value`"));
            }
            Some(Register::Predicate(_)) => return Ok(None),
            None => {
                let at = scope
                    .group
                    .constants
                    .iter()
                    .position(|(constant, _)| constant == name);
                at.and_then(|at| u8::try_from(at).ok()).map(|at| (at, true))
            }
        };
        if found.is_some() {
            cursor.take();
        }
        Ok(found)
    }

    fn not_second(&self, cursor: &Cursor<'_>, scope: &Scope<'_>, token: Token) -> Fault {
        let expected = "a register or a group constant";
        match token.kind {
            Kind::Name => {
                let name = cursor.text(token);
                let constants = scope.group.constants.iter().map(|(name, _)| name.as_str());
                let registers = self.registers.keys().map(String::as_str);
                Fault::new(
                    code::BAD_OPERAND,
                    token.span(),
                    format!("`{name}` is neither a register nor a constant of the group"),
                )
                .label(format!("expected {expected}"))
                .help(format!(
                    "declare it before the handler: `.const {name} = value`"
                ))
                .maybe_help(did_you_mean(name, constants.chain(registers)))
            }
            Kind::Number(_) => Fault::new(
                code::BAD_OPERAND,
                token.span(),
                "a number cannot stand here",
            )
            .label(format!("expected {expected}"))
            .help("name it with `.const NAME = value` before the handler, or load it with `li`"),
            _ => unexpected(cursor, token, expected),
        }
    }

    /// Closes the handler: its words, or all that is wrong with it as a whole.
    pub(crate) fn finish(
        mut self,
        spans: &[Range<usize>],
        end: Range<usize>,
    ) -> Result<Vec<u32>, Vec<Fault>> {
        let mut faults = Vec::new();
        let length = self.instructions.len();
        for (at, name, span) in std::mem::take(&mut self.branches) {
            match self.labels.get(&name) {
                None if self.faulty => {}
                None => faults.push(
                    Fault::new(
                        code::UNDEFINED_LABEL,
                        span,
                        format!("there is no label `{name}` in this handler"),
                    )
                    .label("undefined")
                    .help(format!(
                        "write `{name}:` before an instruction of this handler"
                    ))
                    .maybe_help(did_you_mean(&name, self.labels.keys().map(String::as_str))),
                ),
                Some((target, _)) if *target >= at + 2 && *target < length => {
                    self.instructions[at].offset =
                        u16::try_from(target - at - 1).unwrap_or(u16::MAX);
                }
                Some(_) if self.faulty => {}
                Some((target, _)) => {
                    let why = if *target >= length {
                        "no instruction follows it"
                    } else {
                        "branches go forward, past at least one instruction"
                    };
                    faults.push(
                        Fault::new(
                            code::BACKWARD_BRANCH,
                            span,
                            format!("cannot branch to `{name}`: {why}"),
                        )
                        .label("not a target")
                        .help(
                            "handlers have no loops; move the label below the code to be skipped",
                        ),
                    );
                }
            }
        }
        if !faults.is_empty() || self.faulty {
            return Err(faults);
        }
        let misplaced = self
            .instructions
            .iter()
            .rposition(|i| i.op == Op::Halt)
            .filter(|at| at + 1 != length);
        let early = self
            .instructions
            .iter()
            .position(|i| i.op == Op::Halt)
            .filter(|at| at + 1 != length);
        match (early.or(misplaced), self.instructions.last()) {
            (Some(at), _) => faults.push(
                Fault::new(
                    code::MISSING_HALT,
                    spans[at].clone(),
                    "`halt` stands before the end of the handler",
                )
                .label("not the last instruction")
                .help("branch to the one `halt` at the end"),
            ),
            (None, Some(last)) if last.op == Op::Halt => {}
            _ => faults.push(
                Fault::new(
                    code::MISSING_HALT,
                    end,
                    format!("`.{}` does not end with `halt`", self.handler.name()),
                )
                .label("`halt` is missing before this")
                .help("write `halt` as the last instruction"),
            ),
        }
        let mut words = Vec::with_capacity(length);
        for (at, instruction) in self.instructions.iter().enumerate() {
            match try_encode(instruction) {
                Ok(word) => words.push(word),
                Err(illegal) => faults.push(Fault::new(
                    code::BAD_OPERAND,
                    spans[at].clone(),
                    illegal.to_string(),
                )),
            }
        }
        if faults.is_empty() {
            Ok(words)
        } else {
            Err(faults)
        }
    }
}
