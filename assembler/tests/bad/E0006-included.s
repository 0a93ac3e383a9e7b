.equ KNOWN = 3
.include "files/bad.s"  ;//~ NOTE @1
.drain UNKNOWN  ;//~ ERROR E0006 @8
