//! `asm` and `disasm`: text to image and back, with diagnostics that show the place. `listing` writes the listing.

use crate::args::{AsmArgs, DisasmArgs, FormatChoice};
use crate::kernels::Kernels;
use crate::{chips, files, listing};
use anyhow::{Context, Result, anyhow, bail};
use ariadne::{Config, IndexType, Label, Report, ReportKind};
use assembler::{Diagnostic, KernelLibrary, SourceMap};
use isa::{ChipSpec, Image};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Diagnostics ready to be shown as they are.
#[derive(Debug)]
pub struct Rendered(String);

impl std::fmt::Display for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Rendered {}

/// `asm`.
pub fn assemble(args: &AsmArgs) -> Result<String> {
    if args.fmt {
        return format(&args.sources, args.check);
    }
    let [source] = args.sources.as_slice() else {
        bail!(
            "{} sources: one is assembled at a time (several only with --fmt)",
            args.sources.len()
        );
    };
    files::check_outputs(
        &[args.output.as_deref(), args.listing.as_deref()],
        &[Some(source)],
    )?;
    let chosen = args
        .chip
        .as_deref()
        .map(|chip| chips::load(chip, &args.set));
    let chosen = chosen.transpose()?;
    let library = Kernels::of(&args.kernels)?.library;
    let (image, map) = assemble_file(source, args.format, &library)?;
    if let Some(output) = &args.output {
        files::write(output, &image.to_bytes())?;
    }
    if let Some(listing) = &args.listing {
        let chip = chosen.or_else(|| ChipSpec::preset(&image.meta.chip)?.ok());
        let shown = listing::listing(&source.to_string_lossy(), &image, &map, chip.as_ref());
        let text = match args.format {
            FormatChoice::Text => shown.text(),
            FormatChoice::Json => serde_json::to_string_pretty(&shown)? + "\n",
        };
        files::write(listing, text.as_bytes())?;
    }
    Ok(String::new())
}

/// `asm --fmt`: rewrites the sources that are not in canonical form, or with `check` only names them.
fn format(sources: &[PathBuf], check: bool) -> Result<String> {
    let mut changed = Vec::new();
    for path in sources {
        if !path.extension().is_some_and(|e| e == "s" || e == "kernel") {
            bail!(
                "{}: no assembly text; its name must end in .s or .kernel",
                path.display()
            );
        }
        let text = files::read_text(path)?;
        let formatted = assembler::format(&text);
        if formatted == text {
            continue;
        }
        if !check {
            files::write(path, formatted.as_bytes())?;
        }
        changed.push(path.display().to_string());
    }
    if check && !changed.is_empty() {
        bail!(
            "not in canonical form: {} (run `spikemesh asm --fmt` on them)",
            changed.join(", ")
        );
    }
    Ok(changed
        .iter()
        .map(|path| format!("formatted {path}\n"))
        .collect())
}

/// Assembles a source file.
pub fn load_source(path: &Path, library: &KernelLibrary) -> Result<Image> {
    assemble_file(path, FormatChoice::Text, library).map(|(image, _)| image)
}

/// Diagnostics of a text as an error that shows the places.
pub fn rendered(diagnostics: &[Diagnostic], file: &str, text: &str) -> anyhow::Error {
    let texts = [(file.to_owned(), text.to_owned())];
    match render(diagnostics, &texts, FormatChoice::Text) {
        Ok(shown) => Rendered(shown).into(),
        Err(e) => e,
    }
}

fn assemble_file(
    path: &Path,
    format: FormatChoice,
    library: &KernelLibrary,
) -> Result<(Image, SourceMap)> {
    let text = files::read_text(path)?;
    let name = path.to_string_lossy();
    let mut texts = vec![(name.to_string(), text.clone())];
    let mut loader = |name: &str| {
        let path = Path::new(name);
        if files::length(path).is_ok_and(|bytes| bytes > assembler::MOST_INCLUDED) {
            return Err(format!("larger than {} bytes", assembler::MOST_INCLUDED));
        }
        let text = files::read_text(path).map_err(|e| format!("{e:#}"))?;
        texts.push((name.to_owned(), text.clone()));
        Ok(text)
    };
    let (image, map) = assembler::assemble_listed(&text, &name, library, &mut loader).or_else(
        |diagnostics| -> Result<_> { Err(Rendered(render(&diagnostics, &texts, format)?).into()) },
    )?;
    if image.meta.chip.is_empty() && image.cores.is_empty() {
        bail!(
            "{name}: there is no program in it; one names its chip (.chip) and has at least one .core"
        );
    }
    Ok((image, map))
}

/// `disasm`.
pub fn disassemble(args: &DisasmArgs) -> Result<String> {
    files::check_outputs(&[args.output.as_deref()], &[Some(&args.image)])?;
    let image = load(&args.image)?;
    let text = assembler::disassemble(&image);
    match &args.output {
        Some(path) => {
            files::write(path, text.as_bytes())?;
            Ok(String::new())
        }
        None => Ok(text),
    }
}

/// Loads an image file.
pub fn load(path: &Path) -> Result<Image> {
    let bytes = files::read(path)?;
    Image::from_bytes(&bytes)
        .map_err(|e| anyhow!("{e}"))
        .with_context(|| path.display().to_string())
}

/// Diagnostics as text or JSON.
fn render(
    diagnostics: &[Diagnostic],
    texts: &[(String, String)],
    format: FormatChoice,
) -> Result<String> {
    if format == FormatChoice::Json {
        let list: Vec<_> = diagnostics
            .iter()
            .map(|d| {
                let notes: Vec<_> = d
                    .notes
                    .iter()
                    .map(|n| {
                        json!({"file": n.file, "line": n.line, "column": n.column,
                               "start": n.span.start, "end": n.span.end, "message": n.message})
                    })
                    .collect();
                json!({"code": d.code, "file": d.file, "line": d.line, "column": d.column,
                       "start": d.span.start, "end": d.span.end,
                       "message": d.message, "label": d.label, "help": d.help, "notes": notes})
            })
            .collect();
        return Ok(serde_json::to_string_pretty(&list)?);
    }
    let mut out = Vec::new();
    for d in diagnostics {
        let mut report = Report::build(ReportKind::Error, (d.file.clone(), d.span.clone()))
            .with_config(
                Config::default()
                    .with_color(false)
                    .with_index_type(IndexType::Byte),
            )
            .with_code(d.code)
            .with_message(format!("{}:{}:{}: {}", d.file, d.line, d.column, d.message))
            .with_label(Label::new((d.file.clone(), d.span.clone())).with_message(&d.label));
        for note in &d.notes {
            let place = (note.file.clone(), note.span.clone());
            report = report.with_label(Label::new(place).with_message(&note.message));
        }
        if let Some(help) = &d.help {
            report = report.with_help(help);
        }
        report
            .finish()
            .write(ariadne::sources(texts.iter().cloned()), &mut out)?;
    }
    let mut out = String::from_utf8(out)?;
    write!(
        out,
        "{} error{}",
        diagnostics.len(),
        if diagnostics.len() == 1 { "" } else { "s" }
    )?;
    Ok(out)
}
