core 0  ;//~ ERROR E0102 @1
