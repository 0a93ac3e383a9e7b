.image limits="12"  ;//~ ERROR E0003 @15
