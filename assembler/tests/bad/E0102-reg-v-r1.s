.reg v = r1  ;//~ ERROR E0102 @1
