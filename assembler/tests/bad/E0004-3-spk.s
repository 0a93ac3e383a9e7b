.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
@3 spk  ;//~ ERROR E0004 @2
done: halt
.end
