.rept 4000000000  ;//~ ERROR E0115 @1
.equ A = 1
.endr
.drain x  ;//~ ERROR E0006 @8
