.core 0
.group lanes=1
.macro inner r
  muq \r, r1, r2, 3  ;//~ ERROR E0201 @3
.endm
.macro outer r
  inner \r  ;//~ NOTE @3
.endm
.update
outer r4  ;//~ NOTE @1
halt
.end
