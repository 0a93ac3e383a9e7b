//! Handlers: lines of instructions between `.update` or `.on_spike` and `.end`.
//!
//! Invariant: a handler that closes without a fault is a list of words that decode, ends with its only `halt`,
//! and its branches go forward to instructions of the same handler.

use crate::diagnostic::{Fault, Parse, code, did_you_mean};
use crate::expr::{expect_mark, one_of, unexpected};
use crate::labels::Labels;
use crate::lexer::{Cursor, Kind, Token};
use crate::listing::HandlerNames;
use crate::names::Names;
use crate::operands::{
    Register, Scope, is_register, mnemonic, number, register, reserved, slot, table,
};
use crate::parser::Parser;
use crate::source::Sources;
use isa::op::{Handler, Instr, Op, Operand, try_encode};
use std::ops::Range;

/// A handler being read.
pub(crate) struct HandlerDraft {
    pub(crate) handler: Handler,
    /// The directive that opened it.
    pub(crate) opened: Range<usize>,
    instructions: Vec<Instr>,
    /// Where each instruction stands.
    pub(crate) spans: Vec<Range<usize>>,
    pub(crate) labels: Labels,
    /// `.reg` names.
    pub(crate) registers: Names<(Register, Range<usize>)>,
    /// A line of it was faulty: it has no words.
    pub(crate) faulty: bool,
    /// The last line that should hold an instruction does not: whether it was `halt` is not known.
    pub(crate) open_end: bool,
}

impl HandlerDraft {
    pub(crate) fn new(handler: Handler, opened: Range<usize>) -> Self {
        HandlerDraft {
            handler,
            opened,
            instructions: Vec::new(),
            spans: Vec::new(),
            labels: Labels::default(),
            registers: Names::default(),
            faulty: false,
            open_end: false,
        }
    }

    /// `.reg name = r3`.
    pub(crate) fn name_register(
        &mut self,
        cursor: &mut Cursor<'_>,
        sources: &Sources,
    ) -> Parse<()> {
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
        let context = sources.context(token.start);
        if let Some((_, before)) = self.registers.own(name, context) {
            return Err(Fault::new(
                code::REPEATED,
                token.span(),
                format!("`{name}` is named twice"),
            )
            .label("already a register of this handler")
            .note(before.clone(), "named here first"));
        }
        self.registers.set(name, context, (register, token.span()));
        Ok(())
    }

    /// The labels at the beginning of a line, with what is wrong with them.
    pub(crate) fn labels(
        &mut self,
        cursor: &mut Cursor<'_>,
        sources: &Sources,
        faults: &mut Vec<Fault>,
    ) {
        loop {
            let mut ahead = cursor.clone();
            let token = ahead.take();
            if !matches!(token.kind, Kind::Name | Kind::Directive | Kind::Number(_))
                || !ahead.take_mark(":")
            {
                return;
            }
            *cursor = ahead;
            let name = cursor.text(token);
            let here = self.instructions.len();
            if let Err(fault) = self.labels.define(name, token, here, sources) {
                self.faulty = true;
                faults.push(fault);
            }
        }
    }

    /// An instruction, if the line is not at its end.
    pub(crate) fn line(&mut self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<()> {
        let first = cursor.peek();
        if first.kind == Kind::End {
            return Ok(());
        }
        let result = self.instruction(cursor, scope);
        self.open_end = result.is_err();
        // What is not understood still takes a word, so that labels and branches can be checked.
        let (instruction, fault) = match result {
            Ok(instruction) => (instruction, Ok(())),
            Err(fault) => (Instr::new(Op::Li), Err(fault)),
        };
        self.instructions.push(instruction);
        self.spans.push(first.start..cursor.position());
        fault
    }

    fn instruction(&mut self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<Instr> {
        let start = cursor.peek().start;
        let guard = cursor
            .take_mark("@")
            .then(|| self.guard(cursor, scope))
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
    fn guard(&self, cursor: &mut Cursor<'_>, scope: &Scope<'_>) -> Parse<(u8, bool)> {
        let negate = cursor.take_mark("!");
        let token = cursor.take();
        match self.lookup(cursor, token, scope) {
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

    fn lookup(&self, cursor: &Cursor<'_>, token: Token, scope: &Scope<'_>) -> Option<Register> {
        if token.kind != Kind::Name {
            return None;
        }
        let name = cursor.text(token);
        register(name).or_else(|| {
            let named = self
                .registers
                .get(name, token.start, &scope.symbols.sources);
            named.map(|(register, _)| *register)
        })
    }

    fn operand(
        &mut self,
        cursor: &mut Cursor<'_>,
        scope: &Scope<'_>,
        operand: Operand,
        i: &mut Instr,
    ) -> Parse<()> {
        match operand {
            Operand::Rd | Operand::RdInOut => i.rd = self.general(cursor, scope, true)?,
            Operand::RdIn => i.rd = self.general(cursor, scope, false)?,
            Operand::Ra => i.ra = self.general(cursor, scope, false)?,
            Operand::Pd => i.rd = self.predicate(cursor, scope, true)?,
            Operand::Pa => {
                i.field |= u8::from(cursor.take_mark("!"));
                i.ra = self.predicate(cursor, scope, false)?;
            }
            Operand::Pb => {
                i.field |= u8::from(cursor.take_mark("!")) << 1;
                i.rb = self.predicate(cursor, scope, false)?;
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
                let token = cursor.peek();
                let named = |name: &String| name == cursor.text(token);
                i.field = match scope.receptors.iter().position(named) {
                    Some(number) => {
                        cursor.take();
                        number as u8
                    }
                    None => {
                        let most = i64::from(scope.group.receptors) - 1;
                        number(cursor, scope, "receptor", 0, most)? as u8
                    }
                };
            }
            Operand::Table => i.field = table(cursor, scope)?,
            Operand::Synapse | Operand::Special => i.field = one_of(cursor, operand.words())? as u8,
            Operand::Target => {
                let from = self.instructions.len();
                self.labels.branch(cursor, from, &scope.symbols.sources)?;
            }
        }
        Ok(())
    }

    fn general(&self, cursor: &mut Cursor<'_>, scope: &Scope<'_>, written: bool) -> Parse<u8> {
        let token = cursor.take();
        match self.lookup(cursor, token, scope) {
            Some(Register::General(0)) if written => Err(Fault::new(
                code::BAD_OPERAND,
                token.span(),
                "`r0` always reads 0 and cannot be written",
            )
            .label("written here")
            .help("use r1 to r15")),
            Some(Register::General(number)) => Ok(number),
            _ => Err(self.wrong_register(cursor, token, scope, 'r')),
        }
    }

    fn predicate(&self, cursor: &mut Cursor<'_>, scope: &Scope<'_>, written: bool) -> Parse<u8> {
        let token = cursor.take();
        match self.lookup(cursor, token, scope) {
            Some(Register::Predicate(0)) if written => Err(Fault::new(
                code::BAD_OPERAND,
                token.span(),
                "`p0` is always true and cannot be written",
            )
            .label("written here")
            .help("use p1, p2 or p3")),
            Some(Register::Predicate(number)) => Ok(number),
            _ => Err(self.wrong_register(cursor, token, scope, 'p')),
        }
    }

    fn wrong_register(
        &self,
        cursor: &Cursor<'_>,
        token: Token,
        scope: &Scope<'_>,
        kind: char,
    ) -> Fault {
        let expected = match kind {
            'r' => "a register `r0` to `r15`",
            _ => "a predicate `p0` to `p3`",
        };
        if token.kind != Kind::Name {
            return unexpected(cursor, token, expected);
        }
        let name = cursor.text(token);
        let sources = &scope.symbols.sources;
        let known = self.registers.known(token.start, sources);
        let known = known.into_iter().filter(|name| {
            let named = self.registers.get(name, token.start, sources);
            named.is_some_and(|(register, _)| {
                matches!(
                    (register, kind),
                    (Register::General(_), 'r') | (Register::Predicate(_), 'p')
                )
            })
        });
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
        let found = match self.lookup(cursor, token, scope) {
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
                let registers = self.registers.known(token.start, &scope.symbols.sources);
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
        sources: &Sources,
    ) -> Result<Vec<u32>, Vec<Fault>> {
        let length = self.instructions.len();
        let mut faults = self.labels.resolve(sources, length, |at, offset| {
            self.instructions[at].offset = offset;
        });
        let early = self
            .instructions
            .iter()
            .position(|i| i.op == Op::Halt)
            .filter(|at| at + 1 != length);
        match (early, self.instructions.last()) {
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
            _ if self.open_end => {}
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
        if !faults.is_empty() || self.faulty {
            return Err(faults);
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

impl Parser<'_> {
    pub(crate) fn update(&mut self, _: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.open_handler(Handler::Update, token)
    }

    pub(crate) fn on_spike(&mut self, _: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.open_handler(Handler::OnSpike, token)
    }

    fn open_handler(&mut self, handler: Handler, token: Token) -> Parse<()> {
        self.handler = Some(HandlerDraft::new(handler, token.span()));
        let repeated = self
            .group
            .as_ref()
            .is_some_and(|group| group.written_handlers[handler as usize]);
        if repeated {
            return Err(Fault::new(
                code::REPEATED,
                token.span(),
                format!("the group has two `.{}`", handler.name()),
            )
            .label("second handler"));
        }
        Ok(())
    }

    pub(crate) fn end(&mut self, _: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let (Some(mut handler), Some(group)) = (self.handler.take(), &mut self.group) else {
            return Ok(());
        };
        let which = handler.handler;
        group.handler_names[which as usize] = HandlerNames::of(&handler);
        group.written_handlers[which as usize] = true;
        group.handler_spans[which as usize] = std::mem::take(&mut handler.spans);
        let spans = &group.handler_spans[which as usize];
        match handler.finish(spans, token.span(), &self.symbols.sources) {
            Ok(words) if which == Handler::Update => group.group.update = words,
            Ok(words) => group.group.on_spike = words,
            Err(faults) => faults.into_iter().for_each(|fault| self.fault(fault)),
        }
        Ok(())
    }

    pub(crate) fn reg(&mut self, cursor: &mut Cursor<'_>, _: Token) -> Parse<()> {
        match &mut self.handler {
            Some(handler) => handler.name_register(cursor, &self.symbols.sources),
            None => Ok(()),
        }
    }
}
