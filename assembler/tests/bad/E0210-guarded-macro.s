.core 0
.group lanes=1
.macro twice r  ;//~ NOTE @8
add \r, \r, \r
.endm
.update
@p1 twice r1  ;//~ ERROR E0210 @1
halt
.end
