.core 0
.group lanes=1
.macro load r=r0  ;//~ ERROR E0202 @15
li \r, 1
.endm
.update
load  ;//~ NOTE @1
load r1
halt
.end
