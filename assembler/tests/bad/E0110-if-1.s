.if 1
.else  ;//~ NOTE @1
.else  ;//~ ERROR E0110 @1
.endif
