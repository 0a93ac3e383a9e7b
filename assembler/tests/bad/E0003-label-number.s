.core 0
.group lanes=1
.update
1_0: li r1, 1  ;//~ ERROR E0003 @1
0x1: halt  ;//~ ERROR E0003 @1
.end
