.core 0
.group lanes=4
.ids = 3..=1  ;//~ ERROR E0106 @12
