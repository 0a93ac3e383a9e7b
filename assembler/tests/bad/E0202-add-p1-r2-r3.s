.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
add p1, r2, r3  ;//~ ERROR E0202 @5
done: halt
.end
