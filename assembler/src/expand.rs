//! `.macro` and `.rept`: lines that stand for other lines.
//!
//! Invariant: expansions are bounded in depth and in the memory they take, whatever the text; what they define is theirs.

use crate::arguments::{Argument, Parameter};
use crate::diagnostic::{Fault, Parse, code};
use crate::expr::unexpected;
use crate::lexer::{Cursor, Token};
use crate::macros::{Body, Macro};
use crate::operands::{in_range, is_register, mnemonic, reserved};
use crate::parser::{Parser, skip_line};
use crate::source::{Expander, Piece};
use std::ops::Range;
use std::rc::Rc;

/// Deepest nesting of expansions and included files.
pub(crate) const MOST_DEPTH: u32 = 64;
/// Most bytes that expansions take together, each with its places.
const MOST_BYTES: usize = 1 << 26;
/// Bytes that the places of an expansion take, and each piece of it.
const EXPANSION_BYTES: usize = 96;
const PIECE_BYTES: usize = size_of::<Piece>();

/// A `.macro` or `.rept` whose body follows.
pub(crate) struct Block {
    pub(crate) opened: Token,
    pub(crate) kind: BlockKind,
}

/// What to do with the body; `None` where the first line was faulty: it is skipped.
pub(crate) enum BlockKind {
    Macro(Option<Header>),
    Repeat(Option<(u64, Option<String>)>),
}

/// The first line of a macro.
pub(crate) struct Header {
    name: Rc<str>,
    span: Range<usize>,
    parameters: Vec<Parameter>,
}

impl BlockKind {
    fn begin(&self) -> &'static str {
        match self {
            BlockKind::Macro(_) => ".macro",
            BlockKind::Repeat(_) => ".rept",
        }
    }

    fn end(&self) -> &'static str {
        match self {
            BlockKind::Macro(_) => ".endm",
            BlockKind::Repeat(_) => ".endr",
        }
    }
}

impl Parser<'_> {
    /// `.macro NAME first, second=default`.
    pub(crate) fn macro_begin(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.block = Some(Block {
            opened: token,
            kind: BlockKind::Macro(None),
        });
        if self.symbols.sources.is_expansion(token.start) {
            return Err(Fault::new(
                code::BLOCK,
                token.span(),
                "a macro cannot be defined in a macro or `.rept`",
            )
            .label("out of place")
            .help("define it outside, with what differs as parameter"));
        }
        let (name, named) = self.bare_name(cursor)?;
        if is_register(&name) {
            return Err(reserved(&name, named.span()));
        }
        if mnemonic(&name, named).is_ok() {
            return Err(Fault::new(
                code::RESERVED_NAME,
                named.span(),
                format!("`{name}` is an instruction"),
            )
            .label("reserved")
            .help("give the macro another name"));
        }
        let parameters = self.parameters(cursor)?;
        self.block = Some(Block {
            opened: token,
            kind: BlockKind::Macro(Some(Header {
                name: name.into(),
                span: named.span(),
                parameters,
            })),
        });
        Ok(())
    }

    /// `.rept count, variable`.
    pub(crate) fn repeat_begin(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        self.block = Some(Block {
            opened: token,
            kind: BlockKind::Repeat(None),
        });
        let start = cursor.peek().start;
        let count = crate::expr::expression(cursor, &self.symbols)?;
        let count = in_range(
            count,
            "count",
            0,
            i64::from(u32::MAX),
            start..cursor.position(),
        )? as u64;
        let mut variable = None;
        if cursor.take_mark(",") {
            let (name, token) = self.bare_name(cursor)?;
            if is_register(&name) {
                return Err(reserved(&name, token.span()));
            }
            if name.contains('.') {
                return Err(unexpected(cursor, token, "a name without dots"));
            }
            variable = Some(name);
        }
        self.block = Some(Block {
            opened: token,
            kind: BlockKind::Repeat(Some((count, variable))),
        });
        Ok(())
    }

    /// `.endm` and `.endr` where nothing is open.
    pub(crate) fn stray_end(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let name = cursor.text(token);
        let begin = match name {
            ".endm" => ".macro",
            _ => ".rept",
        };
        Err(Fault::new(
            code::BLOCK,
            token.span(),
            format!("`{name}` without its `{begin}`"),
        )
        .label("nothing to end"))
    }

    /// Takes the body that begins at byte `start` of a text, and acts on it; the byte after its last line.
    pub(crate) fn finish_block(
        &mut self,
        block: Block,
        text: &str,
        base: usize,
        start: usize,
    ) -> usize {
        let start = start.min(text.len());
        let Some((end, last)) = body_end(text, start, block.kind.end()) else {
            let (begin, end) = (block.kind.begin(), block.kind.end());
            self.fault(
                Fault::new(
                    code::BLOCK,
                    block.opened.span(),
                    format!("`{begin}` without its `{end}`"),
                )
                .label("opened here")
                .help(format!("write `{end}` after its last line")),
            );
            return text.len();
        };
        let mut cursor = Cursor::at(text, base, end, last);
        cursor.take();
        if let Err(fault) = self.line_end(&mut cursor) {
            self.fault(fault);
        }
        let body = &text[start..end];
        let result = match block.kind {
            BlockKind::Macro(Some(header)) => self.define(header, body, base + start),
            BlockKind::Repeat(Some((count, variable))) => self.repeat(
                &block.opened,
                count,
                variable.as_deref(),
                body,
                base + start,
            ),
            _ => Ok(()),
        };
        if let Err(fault) = result {
            self.fault(fault);
        }
        last + 1
    }

    fn define(&mut self, header: Header, body: &str, address: usize) -> Parse<()> {
        let names: Vec<&str> = header
            .parameters
            .iter()
            .map(|parameter| &*parameter.name)
            .collect();
        let (body, faults) = Body::new(body, address, &names);
        faults.into_iter().for_each(|fault| self.fault(fault));
        if let Some(before) = self.macros.get(&header.name) {
            // A file that is included twice defines its macros twice.
            if before.body.text == body.text && before.file == self.file_of(address) {
                return Ok(());
            }
            return Err(Fault::new(
                code::REPEATED,
                header.span,
                format!("macro `{}` is defined twice", header.name),
            )
            .label("second definition")
            .note(before.span.clone(), "first definition"));
        }
        let defined = Macro {
            name: header.name.clone(),
            span: header.span,
            file: self.file_of(address),
            parameters: header.parameters,
            body,
        };
        self.macros.insert(header.name, Rc::new(defined));
        Ok(())
    }

    fn file_of(&self, address: usize) -> String {
        let open = self.symbols.sources.inclusions(address);
        open.first()
            .map(|(name, _)| (*name).to_owned())
            .unwrap_or_default()
    }

    /// A line that begins with the name of a macro.
    pub(crate) fn call(
        &mut self,
        called: &Rc<Macro>,
        cursor: &mut Cursor<'_>,
        token: Token,
    ) -> Parse<()> {
        let arguments = self.arguments(called, cursor.clone(), token)?;
        let span = token.start..skip_line(cursor).max(token.end);
        let by = Expander::Macro(called.name.clone());
        self.expand(&called.body, &arguments, by, span, None)
    }

    fn repeat(
        &mut self,
        opened: &Token,
        count: u64,
        variable: Option<&str>,
        body: &str,
        address: usize,
    ) -> Parse<()> {
        let names: Vec<&str> = variable.into_iter().collect();
        let (body, faults) = Body::new(body, address, &names);
        faults.into_iter().for_each(|fault| self.fault(fault));
        for round in 0..count {
            if self.stopped || self.is_full() {
                break;
            }
            let arguments: Vec<Argument<'_>> = names
                .iter()
                .map(|_| Argument::Made(round.to_string()))
                .collect();
            let variable = variable.map(|name| (name, round as i64));
            let by = Expander::Repeat(round);
            self.expand(&body, &arguments, by, opened.span(), variable)?;
        }
        Ok(())
    }

    /// Reads a body with its arguments.
    fn expand(
        &mut self,
        body: &Body,
        arguments: &[Argument<'_>],
        by: Expander,
        call: Range<usize>,
        variable: Option<(&str, i64)>,
    ) -> Parse<()> {
        if self.stopped {
            // The first line that went too far was reported; what this one would define is not known.
            if let Some(handler) = &mut self.handler {
                (handler.faulty, handler.open_end) = (true, true);
            }
            return Ok(());
        }
        self.deeper(&call)?;
        let cost = EXPANSION_BYTES + body.pieces() * PIECE_BYTES + body.length(arguments);
        if self.expanded_bytes.saturating_add(cost) > MOST_BYTES {
            self.stopped = true;
            return Err(Fault::new(
                code::EXPANSION_LIMIT,
                call,
                format!("expansions take more than {MOST_BYTES} bytes"),
            )
            .label("stopped here")
            .help("repeat less, or write data as lists: `value#count`, `first..=last:weight`"));
        }
        self.expanded_bytes += cost;
        let (text, pieces) = body.with(arguments, self.symbols.sources.next());
        let (base, context) = self.symbols.sources.expand(text.len(), by, call, pieces);
        if let Some((name, value)) = variable {
            self.symbols.values.set(name, context, value);
        }
        let parent = self
            .handler
            .as_mut()
            .map(|handler| handler.labels.parent.clone());
        self.depth += 1;
        self.run_text(&text, base);
        self.depth -= 1;
        self.symbols.values.leave(context);
        if let Some(handler) = &mut self.handler {
            handler.registers.leave(context);
            handler.labels.parent = parent.flatten();
        }
        Ok(())
    }

    /// Whether one more expansion or file may be nested here.
    pub(crate) fn deeper(&mut self, call: &Range<usize>) -> Parse<()> {
        if self.depth < MOST_DEPTH {
            return Ok(());
        }
        self.stopped = true;
        Err(Fault::new(
            code::EXPANSION_LIMIT,
            call.clone(),
            format!("macros, `.rept` and files nested more than {MOST_DEPTH} deep"),
        )
        .label("stopped here")
        .help("end a recursion with `.if`"))
    }
}

/// Where the body that begins at `start` ends, and where the line that ends it does.
fn body_end(text: &str, start: usize, end: &'static str) -> Option<(usize, usize)> {
    let mut open = vec![end];
    let mut at = start;
    while at < text.len() {
        let line_end = text[at..].find('\n').map_or(text.len(), |next| at + next);
        let line = text[at..line_end].trim_start_matches([' ', '\t', '\r']);
        if line.starts_with('.') {
            let word = line
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
                .map_or(line, |length| &line[..length]);
            match word {
                ".macro" => open.push(".endm"),
                ".rept" => open.push(".endr"),
                ".endm" | ".endr" => {
                    // An inner block that is not closed is reported when it is read.
                    if let Some(own) = open.iter().rposition(|opened| *opened == word) {
                        open.truncate(own);
                    }
                    if open.is_empty() {
                        return Some((at, line_end));
                    }
                }
                _ => {}
            }
        }
        at = line_end + 1;
    }
    None
}
