//! The chips that come with the program: the files of `specs/chips/`, embedded.
//!
//! Invariant: presets are data; nothing in the program knows one of them by name.

/// Name and TOML text of each preset.
pub const PRESETS: &[(&str, &str)] = &[
    ("loihi", include_str!("../../../specs/chips/loihi.toml")),
    (
        "loihi-fit",
        include_str!("../../../specs/chips/loihi-fit.toml"),
    ),
    (
        "truenorth",
        include_str!("../../../specs/chips/truenorth.toml"),
    ),
    ("ranc", include_str!("../../../specs/chips/ranc.toml")),
    (
        "programmable",
        include_str!("../../../specs/chips/programmable.toml"),
    ),
    ("tiny", include_str!("../../../specs/chips/tiny.toml")),
];
