.core 0
.group lanes=4
.kernel lif RESET
;//~^ ERROR E0004 @18
