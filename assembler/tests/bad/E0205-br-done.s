.core 0
.group lanes=1
.const A = 1
.slot v 24
.table sine = 0 1
.update
.reg acc1 = r9
br done  ;//~ ERROR E0205 @4
done: halt  ;//~ NOTE @1
.end
