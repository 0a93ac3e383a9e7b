.core 0
.group lanes=4
.const A = 1
.const A = 2  ;//~ ERROR E0107 @8
