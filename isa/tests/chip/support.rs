//! Presets and edits of their text, for the tests of the chip file.

use isa::ChipSpec;
use isa::chip::{ChipError, PRESETS};

pub(crate) fn preset_text(name: &str) -> &'static str {
    PRESETS
        .iter()
        .find(|(preset, _)| *preset == name)
        .expect("a preset")
        .1
}

pub(crate) fn lines(errors: &[ChipError]) -> String {
    errors.iter().map(|e| format!("{e}\n")).collect()
}

/// The chip with overrides.
pub(crate) fn set(name: &str, pairs: &[(&str, &str)]) -> Result<ChipSpec, Vec<ChipError>> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    ChipSpec::parse(preset_text(name), "c.toml", &pairs)
}
