.core 0
.group lanes=1
.lut a = i  ;//~ NOTE @6
.table a = 1  ;//~ ERROR E0107 @8
.lut a = i  ;//~ ERROR E0107 @6
