//! Assembly text to program image and back, and the kernel library.
//!
//! Invariant: `assemble(disassemble(image)) == image` for every valid image. `specs/asm.md` defines the language.

mod code;
mod core;
mod diagnostic;
mod disassemble;
mod expr;
mod format;
mod image;
pub mod kernels;
mod lexer;
mod lists;
mod operands;
mod parser;
mod real;
mod synapses;

pub use diagnostic::{CODES, Diagnostic};
pub use disassemble::disassemble;
pub use format::format;
pub use kernels::KernelLibrary;
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
    let mut parser = parser::Parser::new(text);
    parser.library = library.clone();
    parser.run();
    parser.finish_image();
    if parser.faults.is_empty() {
        for violation in isa::verify::structure(&parser.draft.image) {
            parser.structural(&violation);
        }
    }
    if parser.faults.is_empty() {
        Ok(parser.draft.image)
    } else {
        Err(parser.diagnostics(file))
    }
}
