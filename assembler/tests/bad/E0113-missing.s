.macro pair a, b  ;//~ NOTE @8
.endm
pair 1  ;//~ ERROR E0113 @1
pair  ;//~ ERROR E0113 @1
pair b=1, a=2
