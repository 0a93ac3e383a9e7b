.macro m
.equ HIDDEN = 1
.endm
m
.drain HIDDEN  ;//~ ERROR E0006 @8
