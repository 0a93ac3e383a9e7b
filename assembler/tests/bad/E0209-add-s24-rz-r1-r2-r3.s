.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
add.s24.rz r1, r2, r3  ;//~ ERROR E0209 @8
done: halt
.end
