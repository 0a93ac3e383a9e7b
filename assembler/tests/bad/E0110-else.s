.else  ;//~ ERROR E0110 @1
