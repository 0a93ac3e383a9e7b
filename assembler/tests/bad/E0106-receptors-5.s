.core 0
.group lanes=4
.receptors 5  ;//~ ERROR E0106 @12
