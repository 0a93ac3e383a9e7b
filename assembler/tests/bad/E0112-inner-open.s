.macro m a
.rept 3  ;//~ ERROR E0112 @1
.endm
m 1  ;//~ NOTE @1
