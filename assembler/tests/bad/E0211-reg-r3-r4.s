.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
.reg r3 = r4  ;//~ ERROR E0211 @6
done: halt
.end
