.core 0
.group lanes=4
.slot v 33  ;//~ ERROR E0106 @9
