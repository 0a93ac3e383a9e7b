.core 0
.group lanes=4
.slot v 8 = 1#5  ;//~ ERROR E0305 @13
