.core 0
.group lanes=4
.slot v 8 = 1 2  ;//~ ERROR E0305 @7
3
