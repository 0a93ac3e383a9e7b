//! The chip file: presets, bad files, overrides.

use isa::ChipSpec;
use isa::chip::PRESETS;

#[test]
fn presets_load() {
    for (name, _) in PRESETS {
        match ChipSpec::preset(name).expect("a preset") {
            Ok(chip) => assert_eq!(chip.name, *name),
            Err(errors) => panic!(
                "{}",
                errors.iter().map(|e| format!("{e}\n")).collect::<String>()
            ),
        }
    }
}
