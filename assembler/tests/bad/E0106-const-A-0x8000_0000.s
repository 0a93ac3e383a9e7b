.core 0
.group lanes=4
.const A = 0x8000_0000  ;//~ ERROR E0106 @12
