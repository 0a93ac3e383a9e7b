.macro m  ;//~ NOTE @8
.endm
.macro m a  ;//~ ERROR E0107 @8
.drain \a
.endm
