.macro one a, b=2  ;//~ NOTE @8
.endm
one 1, c=2  ;//~ ERROR E0113 @8
