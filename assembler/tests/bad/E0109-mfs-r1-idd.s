.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
mfs r1, idd  ;//~ ERROR E0109 @9
done: halt
.end
