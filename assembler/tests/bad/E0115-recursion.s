.macro again
  again  ;//~ ERROR E0115 @3 ;//~ NOTE @3
.endm
again
again
.drain x  ;//~ ERROR E0006 @8
