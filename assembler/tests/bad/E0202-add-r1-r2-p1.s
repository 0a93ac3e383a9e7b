.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
add r1, r2, p1  ;//~ ERROR E0202 @13
done: halt
.end
