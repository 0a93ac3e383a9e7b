.core 0
.group lanes=4
.table = 1
.table = 1
.table = 1
.table = 1
.table = 1  ;//~ ERROR E0106 @1
