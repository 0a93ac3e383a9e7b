.core 0
.group lanes=1
.update
.rept 50, i  ;//~ NOTE @1
hlat
;//~^ ERROR E0201 @1
li r1, i * 1000
;//~^ ERROR E0106 @8
.endr
halt
.end
