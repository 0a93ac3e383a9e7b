.core 0
.group lanes=4
.lane -> core 0 axon 0 delay 300  ;//~ ERROR E0106 @30
