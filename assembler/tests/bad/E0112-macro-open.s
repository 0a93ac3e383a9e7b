.macro m a  ;//~ ERROR E0112 @1
.rept 3
.endr
