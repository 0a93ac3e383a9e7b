.rept 2, i
.assert \j  ;//~ ERROR E0114 @9
.endr
