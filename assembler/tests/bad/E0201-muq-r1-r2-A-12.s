.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
muq r1, r2, A, 12  ;//~ ERROR E0201 @1
done: halt
.end
