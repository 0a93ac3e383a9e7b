.drain 1
.rept 3  ;//~ ERROR E0112 @1
.drain x
