add r1, r2, r3  ;//~ ERROR E0102 @1
