.core 0
.group lanes=4
.lane -> host 0 axon 1  ;//~ ERROR E0109 @17
