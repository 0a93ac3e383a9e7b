.core 0
.group lanes=1
.update  ;//~ ERROR E0206 @1
halt
