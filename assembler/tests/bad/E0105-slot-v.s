.core 0
.group lanes=4
.slot v  ;//~ ERROR E0105 @7
