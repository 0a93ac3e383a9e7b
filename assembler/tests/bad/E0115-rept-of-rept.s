.rept 60000  ;//~ NOTE @1
.rept 60000  ;//~ ERROR E0115 @1
.endr
.endr
