.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
ldy r1, weight  ;//~ ERROR E0208 @1
done: halt
.end
