.core 0
.group lanes=4
-> core 0 axon 0  ;//~ ERROR E0108 @1
