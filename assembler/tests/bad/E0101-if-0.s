.if 0
.garbage
.else
.rubbish  ;//~ ERROR E0101 @1
.endif
