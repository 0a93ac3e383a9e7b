.core 0
.group lanes=4
.end  ;//~ ERROR E0102 @1
