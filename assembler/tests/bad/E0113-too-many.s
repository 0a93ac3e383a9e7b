.macro one a  ;//~ NOTE @8
.endm
one 1, 2  ;//~ ERROR E0113 @8
.macro none  ;//~ NOTE @8
.endm
none 1  ;//~ ERROR E0113 @6
