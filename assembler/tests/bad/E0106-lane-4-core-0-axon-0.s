.core 0
.group lanes=4
.lane 4 -> core 0 axon 0  ;//~ ERROR E0106 @7
