.core 0
.group lanes=4
.kernel
;//~^ ERROR E0004 @8
