.core 0  ;//~ ERROR E0401 @1
.group lanes=4
.ids = 0 1 2 7
