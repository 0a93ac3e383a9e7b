.core 0  ;//~ ERROR E0401 @1
.group lanes=4
.lane -> core 0 axon 9
