.assert UNKNOWN  ;//~ ERROR E0006 @9
.if KNOWN  ;//~ ERROR E0110 @1
