.macro one a, b=2
.endm
one 1, a=2  ;//~ ERROR E0113 @8
