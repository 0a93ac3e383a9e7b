.core 0
.group lanes=1
.macro m
1:
.endm
.update
@p1 br 1f  ;//~ ERROR E0203 @8
li r1, 1
m
halt
.end
