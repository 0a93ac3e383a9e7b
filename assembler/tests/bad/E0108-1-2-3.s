.core 0
.group lanes=4
1 2 3  ;//~ ERROR E0108 @1
