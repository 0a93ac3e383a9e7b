.core 0
.group lanes=1
.update
one:
@p1 br .out
spk
.out: li r1, 1  ;//~ NOTE @1
two:
@p1 br .out  ;//~ ERROR E0203 @8
@p1 br one.out  ;//~ ERROR E0205 @8
halt
.end
