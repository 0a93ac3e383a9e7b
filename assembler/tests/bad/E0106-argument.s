.core 0
.group lanes=1
.macro load value
  li r1, \value  ;//~ NOTE @10
  li r2, 2 * \value  ;//~ ERROR E0106 @10
.endm
.update
load 99999  ;//~ ERROR E0106 @6 ;//~ NOTE @1
halt
.end
