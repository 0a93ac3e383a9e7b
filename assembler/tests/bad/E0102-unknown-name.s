.macro layer n
.endm
layr 3  ;//~ ERROR E0102 @1
