.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
li r0, 1  ;//~ ERROR E0202 @4
done: halt
.end
