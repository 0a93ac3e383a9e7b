.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
lds r1, w  ;//~ ERROR E0202 @9
done: halt
.end
