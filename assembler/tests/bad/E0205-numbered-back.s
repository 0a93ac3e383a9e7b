.core 0
.group lanes=1
.update
1: li r1, 1
br 1b  ;//~ ERROR E0205 @4
halt
.end
