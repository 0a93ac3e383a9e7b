.core 0
.group lanes=4
.group lanes=1048577  ;//~ ERROR E0106 @14
