.profile "files/chip.toml"  ;//~ ERROR E0118 @10
