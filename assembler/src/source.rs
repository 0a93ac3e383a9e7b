//! Where text comes from: files, and what macros and `.rept` make of their lines.
//!
//! Invariant: a span is a range of addresses. Every file that is read and every expansion has a region of them, in the
//! order of reading; the first file begins at 0, so its addresses are its bytes. A region also is a context: names that
//! an expansion defines belong to it.

use std::ops::Range;
use std::rc::Rc;

/// A context in which names are defined: 0 is the text itself, others are the number of their expansion's region.
pub(crate) type Context = u32;

/// A file, by the name that the caller or the loader knows.
struct SourceFile {
    name: Rc<str>,
    /// `None` is the text that the caller gave.
    text: Option<Rc<str>>,
}

/// What made a region.
enum Origin {
    File {
        file: usize,
        included: Option<Range<usize>>,
    },
    Expansion {
        by: Expander,
        /// The line that asked for it.
        call: Range<usize>,
        pieces: Box<[Piece]>,
    },
}

/// What expands lines.
#[derive(Clone)]
pub(crate) enum Expander {
    Macro(Rc<str>),
    /// Round, from 0.
    Repeat(u64),
}

/// A run of text of an expansion with one source.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// First byte in the expansion.
    pub(crate) start: usize,
    /// Address of the same text.
    pub(crate) source: usize,
    pub(crate) kind: PieceKind,
}

/// What a piece is, beside a copy.
#[derive(Clone, Debug)]
pub(crate) enum PieceKind {
    /// Part of the body.
    Body,
    /// An argument of the call, standing for the parameter here.
    Argument(Range<usize>),
    /// A number that stands for this place of the body.
    Made(usize),
}

struct Region {
    start: usize,
    /// Context that the region stands in.
    outer: Context,
    origin: Origin,
}

/// A place in a file.
pub(crate) struct Place<'s> {
    pub(crate) file: &'s str,
    pub(crate) text: Option<&'s str>,
    pub(crate) order: usize,
    pub(crate) span: Range<usize>,
}

/// All files and expansions of a run.
pub(crate) struct Sources {
    files: Vec<SourceFile>,
    regions: Vec<Region>,
    /// First address that is free.
    end: usize,
}

impl Sources {
    /// The given text, `length` bytes, as the first file.
    pub(crate) fn new(name: &str, length: usize) -> Sources {
        Sources {
            files: vec![SourceFile {
                name: name.into(),
                text: None,
            }],
            regions: vec![Region {
                start: 0,
                outer: 0,
                origin: Origin::File {
                    file: 0,
                    included: None,
                },
            }],
            end: length + 1,
        }
    }

    fn add(&mut self, length: usize, outer: Context, origin: Origin) -> (usize, Context) {
        let start = self.end;
        self.end += length + 1;
        self.regions.push(Region {
            start,
            outer,
            origin,
        });
        (start, self.regions.len() as Context - 1)
    }

    /// A region for a file named by the line at `included`; its first address.
    pub(crate) fn include(&mut self, name: &str, text: &Rc<str>, included: Range<usize>) -> usize {
        let known = self.files.iter().position(|file| &*file.name == name);
        let file = known.unwrap_or_else(|| {
            self.files.push(SourceFile {
                name: name.into(),
                text: Some(text.clone()),
            });
            self.files.len() - 1
        });
        let outer = self.context(included.start);
        let included = Some(included);
        self.add(text.len(), outer, Origin::File { file, included })
            .0
    }

    /// The text of a file that was included before.
    pub(crate) fn file(&self, name: &str) -> Option<Rc<str>> {
        let file = self.files.iter().find(|file| &*file.name == name)?;
        file.text.clone()
    }

    /// A region for an expansion of `length` bytes; its first address and context.
    pub(crate) fn expand(
        &mut self,
        length: usize,
        by: Expander,
        call: Range<usize>,
        pieces: Box<[Piece]>,
    ) -> (usize, Context) {
        let outer = self.context(call.start);
        self.add(length, outer, Origin::Expansion { by, call, pieces })
    }

    /// The number that `\@` is in the next expansion.
    pub(crate) fn next(&self) -> usize {
        self.regions.len()
    }

    fn find(&self, address: usize) -> usize {
        self.regions
            .partition_point(|region| region.start <= address)
            - 1
    }

    /// The context of the text at an address: that of the caller for an argument.
    pub(crate) fn context(&self, mut address: usize) -> Context {
        if self.regions.len() == 1 {
            return 0;
        }
        loop {
            let at = self.find(address);
            let region = &self.regions[at];
            match &region.origin {
                Origin::File { .. } => return region.outer,
                Origin::Expansion { pieces, .. } => {
                    let offset = address - region.start;
                    let piece = piece(pieces, offset);
                    match piece.kind {
                        PieceKind::Argument(_) => address = piece.source + offset - piece.start,
                        _ => return at as Context,
                    }
                }
            }
        }
    }

    /// The context around one; `None` around the text itself.
    pub(crate) fn outer(&self, context: Context) -> Option<Context> {
        (context != 0).then(|| self.regions[context as usize].outer)
    }

    /// Whether `inner` is `outer` or within it.
    pub(crate) fn within(&self, inner: Context, outer: Context) -> bool {
        let mut at = Some(inner);
        while let Some(context) = at {
            if context == outer {
                return true;
            }
            at = self.outer(context);
        }
        false
    }

    /// Names of the files that are open at an address, innermost first, and where each is included.
    pub(crate) fn inclusions(&self, address: usize) -> Vec<(&str, Option<Range<usize>>)> {
        let mut open = Vec::new();
        let mut next = Some(address);
        while let Some(address) = next {
            let region = &self.regions[self.find(address)];
            next = match &region.origin {
                Origin::File { file, included } => {
                    open.push((&*self.files[*file].name, included.clone()));
                    included.as_ref().map(|included| included.start)
                }
                Origin::Expansion { call, .. } => Some(call.start),
            };
        }
        open
    }

    /// Whether an address lies in an expansion.
    pub(crate) fn is_expansion(&self, address: usize) -> bool {
        let region = &self.regions[self.find(address)];
        matches!(region.origin, Origin::Expansion { .. })
    }

    /// Where a span stands in a file; what led there goes to `trace`, as spans and words, nearest first.
    pub(crate) fn place(
        &self,
        mut span: Range<usize>,
        trace: &mut Vec<(Range<usize>, String)>,
    ) -> Place<'_> {
        let mut most = 64 * 1024;
        loop {
            let region = &self.regions[self.find(span.start)];
            most -= 1;
            let (start, end) = (
                span.start - region.start,
                span.end.saturating_sub(region.start),
            );
            match &region.origin {
                Origin::File { file, included } => {
                    if let Some(included) = included {
                        trace.push((
                            included.clone(),
                            format!("`{}` is included here", self.files[*file].name),
                        ));
                        let mut rest = Vec::new();
                        if most > 0 {
                            self.place(included.clone(), &mut rest);
                        }
                        trace.append(&mut rest);
                    }
                    let file_data = &self.files[*file];
                    return Place {
                        file: &file_data.name,
                        text: file_data.text.as_deref(),
                        order: *file,
                        span: start..end.max(start),
                    };
                }
                Origin::Expansion { by, call, pieces } => {
                    let first = piece(pieces, start);
                    let last = piece(pieces, end.saturating_sub(1).max(start));
                    let inner = source_start(first, start)..source_end(last, end.max(start));
                    match (&first.kind, by) {
                        (PieceKind::Argument(site), Expander::Macro(name))
                            if first.start == last.start =>
                        {
                            trace.push((site.clone(), format!("stands here in macro `{name}`")));
                            span = first.source + start - first.start
                                ..first.source + end.max(start) - first.start;
                        }
                        (_, Expander::Macro(name)) => {
                            trace.push((call.clone(), format!("macro `{name}` is called here")));
                            // Where the macro was defined says nothing about what led here: its call does.
                            let mut rest = Vec::new();
                            self.place(call.clone(), &mut rest);
                            trace.append(&mut rest);
                            return self.place(inner, &mut Vec::new());
                        }
                        (_, Expander::Repeat(round)) => {
                            trace.push((call.clone(), format!("in round {round} of this `.rept`")));
                            span = inner;
                        }
                    }
                }
            }
        }
    }
}

/// The piece that holds byte `offset`.
fn piece(pieces: &[Piece], offset: usize) -> &Piece {
    let at = pieces.partition_point(|piece| piece.start <= offset);
    &pieces[at.saturating_sub(1)]
}

fn source_start(piece: &Piece, offset: usize) -> usize {
    match &piece.kind {
        PieceKind::Body => piece.source + offset - piece.start,
        PieceKind::Argument(site) => site.start,
        PieceKind::Made(_) => piece.source,
    }
}

fn source_end(piece: &Piece, offset: usize) -> usize {
    match &piece.kind {
        PieceKind::Body => piece.source + offset - piece.start,
        PieceKind::Argument(site) => site.end,
        PieceKind::Made(length) => piece.source + length,
    }
}
