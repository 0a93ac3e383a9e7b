.  ;//~ ERROR E0001 @1
