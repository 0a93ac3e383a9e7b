.macro
;//~^ ERROR E0004 @7
.assert x
.endm
.macro m 3  ;//~ ERROR E0004 @10
.endm
.macro m a b  ;//~ ERROR E0004 @12
.endm
.macro m a.b  ;//~ ERROR E0004 @10
.endm
.rept 3 i  ;//~ ERROR E0005 @9 ;//~ NOTE @1
.assert x  ;//~ ERROR E0006 @9
.endr
.rept 3,
;//~^ ERROR E0004 @9
.endr
