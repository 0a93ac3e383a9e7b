.core 0
.group lanes=4
.slot v 8 = 1 2 3 4 5  ;//~ ERROR E0305 @21
