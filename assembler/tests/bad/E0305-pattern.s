.core 0
.group lanes=4
.pattern =  ;//~ ERROR E0305 @1
