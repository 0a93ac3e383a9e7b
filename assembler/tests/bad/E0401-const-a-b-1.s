.core 0
.group lanes=4  ;//~ ERROR E0401 @1
.const "a b" = 1
