.core 0
.group lanes=4
.kernel lif
.slot w = 3  ;//~ ERROR E0105 @7
