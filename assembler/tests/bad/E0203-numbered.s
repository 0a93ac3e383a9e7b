.core 0
.group lanes=1
.update
@p1 br 1f
spk
1:
@p1 br 1f  ;//~ ERROR E0203 @8
@p1 br 2f  ;//~ ERROR E0203 @8
halt
.end
