.core 0
.group lanes=4
.table  ;//~ ERROR E0305 @1
