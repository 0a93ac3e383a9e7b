.input x  ;//~ ERROR E0105 @1
