.image
.image  ;//~ ERROR E0107 @1
