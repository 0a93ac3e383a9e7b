.core 0  ;//~ ERROR E0401 @1
.core 1  ;//~ ERROR E0401 @1
