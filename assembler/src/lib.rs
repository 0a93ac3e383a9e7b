//! Assembly text to program image and back, and the kernel library.
//!
//! Invariant: `assemble(disassemble(image)) == image` for every valid image. `specs/asm.md` defines the language.

mod arguments;
mod code;
mod conditions;
mod core;
mod diagnostic;
mod disassemble;
mod expand;
mod expr;
mod format;
mod group;
mod image;
mod include;
pub mod kernels;
mod labels;
mod lexer;
mod listing;
mod lists;
mod lut;
mod macros;
mod names;
mod operands;
mod parser;
mod parts;
mod profile;
mod real;
mod source;
mod synapses;

pub use diagnostic::{CODES, Diagnostic, Note};
pub use disassemble::disassemble;
pub use format::format;
pub use include::{Loader, MOST_INCLUDED};
pub use kernels::KernelLibrary;
pub use listing::{GroupSource, HandlerSource, SourceLine, SourceMap, Through};
pub use parser::DIRECTIVES;

use isa::image::Image;

/// The image of an assembly text; `file` names it in diagnostics.
///
/// # Errors
/// All that is wrong with the text, in its order, up to 100 diagnostics.
///
/// ```
/// let text = ".core 0\n.group lanes=1\n.kernel if\n.const THETA = 5\n";
/// let image = assembler::assemble(text, "one.s").expect("a neuron without axons");
/// assert_eq!(image.cores[0].groups[0].kernel, "if");
/// assert_eq!(assembler::assemble(".cor 0", "bad.s").expect_err("a typing error")[0].code, "E0101");
/// ```
pub fn assemble(text: &str, file: &str) -> Result<Image, Vec<Diagnostic>> {
    assemble_with(text, file, &KernelLibrary::default())
}

/// The same with kernels of the user beside those of the library.
///
/// # Errors
/// As [`assemble`].
pub fn assemble_with(
    text: &str,
    file: &str,
    library: &KernelLibrary,
) -> Result<Image, Vec<Diagnostic>> {
    read(parser::Parser::new(text, file, None), library).map(|parser| parser.draft.image)
}

/// The same for a text that names other files, which `loader` reads. It gets names relative to nothing: those of
/// `.include` are joined to the folder of the file they stand in, beginning with that of `file`.
///
/// # Errors
/// All that is wrong with the text and the files it includes, up to 100 diagnostics.
///
/// ```
/// let text = ".include \"size.s\"\n.core 0\n.group lanes=N\n.kernel if\n";
/// let mut files = |name: &str| match name {
///     "net/size.s" => Ok(".equ N = 3\n".to_owned()),
///     _ => Err("there is no such file".to_owned()),
/// };
/// let library = assembler::KernelLibrary::default();
/// let image = assembler::assemble_files(text, "net/main.s", &library, &mut files).expect("three neurons");
/// assert_eq!(image.cores[0].lanes(), 3);
/// ```
pub fn assemble_files(
    text: &str,
    file: &str,
    library: &KernelLibrary,
    loader: &mut Loader<'_>,
) -> Result<Image, Vec<Diagnostic>> {
    let mut loader = |name: &str| loader(name);
    let parser = read(parser::Parser::new(text, file, Some(&mut loader)), library)?;
    Ok(parser.draft.image)
}

/// The same, and what a listing shows beside the image: where each word comes from, and names.
///
/// # Errors
/// As [`assemble_files`].
///
/// ```
/// let text = ".core 0\n.group lanes=1\n.kernel if\n";
/// let mut no_files = |_: &str| Err("there is no such file".to_owned());
/// let library = assembler::KernelLibrary::default();
/// let (image, map) = assembler::assemble_listed(text, "one.s", &library, &mut no_files).expect("valid");
/// let update = &map.cores[&image.cores[0].core][0].handlers[0];
/// assert_eq!(update.lines.len(), image.cores[0].groups[0].update.len());
/// assert_eq!(update.lines[0].file, "if.s");
/// assert_eq!(update.lines[0].text, "lds     v, v");
/// ```
pub fn assemble_listed(
    text: &str,
    file: &str,
    library: &KernelLibrary,
    loader: &mut Loader<'_>,
) -> Result<(Image, SourceMap), Vec<Diagnostic>> {
    let mut loader = |name: &str| loader(name);
    let parser = read(parser::Parser::new(text, file, Some(&mut loader)), library)?;
    let map = parser.source_map();
    Ok((parser.draft.image, map))
}

fn read<'t>(
    mut parser: parser::Parser<'t>,
    library: &KernelLibrary,
) -> Result<parser::Parser<'t>, Vec<Diagnostic>> {
    parser.library = library.clone();
    parser.run();
    parser.finish_image();
    if parser.faults.is_empty() {
        for violation in isa::verify::structure(&parser.draft.image) {
            parser.structural(&violation);
        }
    }
    if parser.faults.is_empty() {
        parser.check_profile();
    }
    if parser.faults.is_empty() {
        Ok(parser)
    } else {
        Err(parser.diagnostics())
    }
}
