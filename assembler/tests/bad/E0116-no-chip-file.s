.profile "files/nosuch.toml"  ;//~ ERROR E0116 @10
