.core 0
.group lanes=4
.slot v 24
.kernel lif  ;//~ ERROR E0102 @1
