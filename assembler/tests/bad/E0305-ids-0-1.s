.core 0
.group lanes=4
.ids = 0 1  ;//~ ERROR E0305 @1
