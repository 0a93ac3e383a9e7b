.core 0
.group lanes=4
.accumulator 22
;//~^ ERROR E0004 @16
