.core 0
.group lanes=4  ;//~ ERROR E0401 @1
.slot v 8 = 300
