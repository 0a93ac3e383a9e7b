.macro m v
.equ A = \v
.equ A = 1  ;//~ ERROR E0107 @6
.endm
m 1
m 2  ;//~ NOTE @1
.equ A = 5
.drain A
