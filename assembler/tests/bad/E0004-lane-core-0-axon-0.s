.core 0
.group lanes=4
.lane -> core 0 axon 0,
;//~^ ERROR E0004 @24
