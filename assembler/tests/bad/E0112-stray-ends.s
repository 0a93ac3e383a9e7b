.endm  ;//~ ERROR E0112 @1
.endr  ;//~ ERROR E0112 @1
.drain x  ;//~ ERROR E0006 @8
