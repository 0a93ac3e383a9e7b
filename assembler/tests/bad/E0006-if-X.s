.if X  ;//~ ERROR E0006 @5
.drain q
.endif
.drain -1  ;//~ ERROR E0106 @8
