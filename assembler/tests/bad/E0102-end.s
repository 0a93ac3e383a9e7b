.end  ;//~ ERROR E0102 @1
