.core 0
.group lanes=4
.slot v 8 1  ;//~ ERROR E0004 @11
