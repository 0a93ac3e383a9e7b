.core 0
.group lanes=1
.update
one:
.a: li r1, 1  ;//~ NOTE @1
.a: li r1, 1  ;//~ ERROR E0204 @1
two:
.a: li r1, 1
one.a: hlat  ;//~ ERROR E0204 @1 ;//~ ERROR E0201 @8
halt
.end
