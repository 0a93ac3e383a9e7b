.rept 2, i
.equ A\i = i
.endr
.drain i  ;//~ ERROR E0006 @8
