//! `.include`: files through a loader that the caller gives; the library itself reads none.
//!
//! Invariant: no file includes itself, and depth, number and size of what is read are bounded.

use crate::diagnostic::{Fault, Parse, code};
use crate::lexer::{Cursor, Token};
use crate::parser::Parser;
use std::ops::Range;
use std::rc::Rc;

/// Reads the text of a file for `.include` and `.profile`, or says why it cannot.
pub type Loader<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// Most bytes of all files that are included: a loader need not read a longer one.
pub const MOST_INCLUDED: u64 = 1 << 28;

/// Most `.include` lines that are followed, and bytes of all files that they name.
const MOST_INCLUDES: usize = 4096;
const MOST_BYTES: usize = MOST_INCLUDED as usize;

/// Files of the library, by the name after `spikemesh/`.
const LIBRARY: &[(&str, &str)] = &[];

/// Names that begin so are files of the library.
const LIBRARY_FOLDER: &str = "spikemesh/";

impl Parser<'_> {
    /// `.include "neuron.s"`, relative to the file of the line.
    pub(crate) fn include(&mut self, cursor: &mut Cursor<'_>, token: Token) -> Parse<()> {
        let first = cursor.peek();
        let written = self.text_value(cursor)?;
        self.line_end(cursor)?;
        if self.stopped {
            return Ok(());
        }
        let span = token.start..cursor.position();
        let name = self.resolve_file(token, &written);
        let open = self.symbols.sources.inclusions(token.start);
        if let Some(cycle) = open.iter().position(|(file, _)| *file == name) {
            let chain: Vec<&str> = open[..=cycle].iter().rev().map(|(file, _)| *file).collect();
            return Err(Fault::new(
                code::INCLUDE_CYCLE,
                first.span(),
                format!("`{name}` includes itself: {} → {name}", chain.join(" → ")),
            )
            .label("already open")
            .help("move what both need to a third file"));
        }
        self.deeper(&span)?;
        let text = self.load(&name, &written, first.span())?;
        self.includes += 1;
        self.included_bytes = self.included_bytes.saturating_add(text.len());
        if self.includes > MOST_INCLUDES || self.included_bytes > MOST_BYTES {
            self.stopped = true;
            return Err(Fault::new(
                code::EXPANSION_LIMIT,
                span,
                format!("more than {MOST_INCLUDES} files or {MOST_BYTES} bytes are included"),
            )
            .label("stopped here")
            .help("write data as lists: `value#count`, `first..=last:weight`"));
        }
        let base = self.symbols.sources.include(&name, &text, span);
        self.depth += 1;
        self.run_text(&text, base);
        self.depth -= 1;
        Ok(())
    }

    /// The name of a file that stands in the line of `token`: relative to the folder of that line's file.
    pub(crate) fn resolve_file(&self, token: Token, written: &str) -> String {
        let open = self.symbols.sources.inclusions(token.start);
        resolve(open.first().map_or("", |(file, _)| file), written)
    }

    /// The text of a file by its resolved name.
    pub(crate) fn load(&mut self, name: &str, written: &str, span: Range<usize>) -> Parse<Rc<str>> {
        if let Some(text) = self.symbols.sources.file(name) {
            return Ok(text);
        }
        let library = name.strip_prefix(LIBRARY_FOLDER).map(|own| {
            let found = LIBRARY.iter().find(|(file, _)| *file == own);
            found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| {
                if LIBRARY.is_empty() {
                    return "the library has no files of its own yet".to_owned();
                }
                let known: Vec<&str> = LIBRARY.iter().map(|(file, _)| *file).collect();
                format!("the library has {}", known.join(", "))
            })
        });
        let text = library.unwrap_or_else(|| match &mut self.loader {
            Some(loader) => loader(name),
            None => Err("no files are read here: a kernel stands in one file".to_owned()),
        });
        text.map(Rc::from).map_err(|why| {
            let fault = Fault::new(
                code::INCLUDE,
                span,
                format!("`{written}` cannot be read: {why}"),
            )
            .label("not read");
            fault.help(format!(
                "looked for `{name}`: names are relative to the file that they stand in"
            ))
        })
    }
}

/// `written` relative to the folder of `file`, with `.` and `..` worked out. Names of the library are absolute.
fn resolve(file: &str, written: &str) -> String {
    let absolute = written.starts_with(['/', '\\']) || written.as_bytes().get(1) == Some(&b':');
    let folder = match file.rfind(['/', '\\']) {
        Some(end) if !absolute && !written.starts_with(LIBRARY_FOLDER) => &file[..=end],
        _ => "",
    };
    let joined = format!("{folder}{written}");
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn names_are_relative_to_their_file() {
        for (file, written, expect) in [
            ("a.s", "b.s", "b.s"),
            ("x/a.s", "b.s", "x/b.s"),
            ("x/a.s", "./b.s", "x/b.s"),
            ("x/y/a.s", "../b.s", "x/b.s"),
            ("x/a.s", "../../b.s", "../b.s"),
            ("../a.s", "../b.s", "../../b.s"),
            ("/x/a.s", "b.s", "/x/b.s"),
            ("/x/a.s", "/b.s", "/b.s"),
            ("/a.s", "../b.s", "/../b.s"),
            ("x/a.s", "spikemesh/n.s", "spikemesh/n.s"),
        ] {
            assert_eq!(resolve(file, written), expect, "{written} in {file}");
        }
    }
}
