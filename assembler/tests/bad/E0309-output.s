.output v shape=[1] probe=vv  ;//~ ERROR E0309 @27
.drain x  ;//~ ERROR E0006 @8
