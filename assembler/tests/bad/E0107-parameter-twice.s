.macro m a, a  ;//~ ERROR E0107 @13
.drain x
.endm
