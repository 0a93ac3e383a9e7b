.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
cmp.eq p0, r1, r2  ;//~ ERROR E0202 @8
done: halt
.end
