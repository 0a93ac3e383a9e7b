.image network="a\q"  ;//~ ERROR E0002 @18
