//! The chips that come with the program: the files of `specs/chips/`, embedded.
//!
//! Invariant: presets are data; nothing in the program knows one of them by name.

use super::{ChipSpec, Delivery};

/// Name and TOML text of each preset.
pub const PRESETS: &[(&str, &str)] = &[
    ("loihi", include_str!("../../../specs/chips/loihi.toml")),
    (
        "loihi-fit",
        include_str!("../../../specs/chips/loihi-fit.toml"),
    ),
    (
        "loihi-vc",
        include_str!("../../../specs/chips/loihi-vc.toml"),
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

/// Presets that networks can be mapped to and that run a kernel of this name, for messages.
///
/// ```
/// assert!(isa::chip::presets_that_run("adex").contains(&"programmable"));
/// ```
pub fn presets_that_run(kernel: &str) -> Vec<&'static str> {
    let runs = |name: &str| {
        let chip = ChipSpec::preset(name).and_then(Result::ok);
        chip.is_some_and(|chip| {
            let listed = |list: &Vec<String>| list.iter().any(|known| known == kernel);
            chip.delivery == Delivery::Accumulate && chip.kernels.as_ref().is_none_or(listed)
        })
    };
    let names = PRESETS.iter().map(|(name, _)| *name);
    names.filter(|name| runs(name)).collect()
}
