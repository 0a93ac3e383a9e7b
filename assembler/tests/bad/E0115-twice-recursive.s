.macro both
both  ;//~ ERROR E0115 @1 ;//~ NOTE @1
both
.endm
both
