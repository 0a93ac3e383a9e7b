.core 0
.group lanes=4
.const A = 1  ;//~ NOTE @8
.const A = 2  ;//~ ERROR E0107 @8
