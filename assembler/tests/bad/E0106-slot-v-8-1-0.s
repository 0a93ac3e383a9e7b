.core 0
.group lanes=4
.slot v 8 = 1#0  ;//~ ERROR E0106 @15
