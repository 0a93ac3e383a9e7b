.rept -1  ;//~ ERROR E0106 @7
.drain x
.endr
