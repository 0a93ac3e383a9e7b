.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9  ;//~ NOTE @6
.reg acc1 = r3  ;//~ ERROR E0107 @6
done: halt
.end
