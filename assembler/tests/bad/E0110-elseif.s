.elseif 1  ;//~ ERROR E0110 @1
.if 0
.drain x
.elseif 0
.drain y
.elseif 1
.drain z  ;//~ ERROR E0006 @8
.elseif NOT_READ
.else  ;//~ NOTE @1
.drain w
.elseif 1  ;//~ ERROR E0110 @1
.drain w
.endif
.if 0
.elseif Q  ;//~ ERROR E0006 @9
.else
.drain w
.endif
