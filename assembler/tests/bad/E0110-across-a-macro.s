.macro open
.if 1  ;//~ ERROR E0110 @1
.endm
.macro close
.endif  ;//~ ERROR E0110 @1
.endm
.if 1
open  ;//~ NOTE @1
.else
close
.endif
close  ;//~ NOTE @1
