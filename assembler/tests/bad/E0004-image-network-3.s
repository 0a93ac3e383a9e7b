.image network=3  ;//~ ERROR E0004 @16
