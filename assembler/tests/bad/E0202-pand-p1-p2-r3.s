.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
pand p1, p2, r3  ;//~ ERROR E0202 @14
done: halt
.end
