.output y  ;//~ ERROR E0105 @1
