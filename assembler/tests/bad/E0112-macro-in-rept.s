.rept 2  ;//~ NOTE @1
.macro m  ;//~ ERROR E0112 @1
.drain x
.endm
.endr
