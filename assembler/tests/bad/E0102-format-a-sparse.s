.format a sparse  ;//~ ERROR E0102 @1
