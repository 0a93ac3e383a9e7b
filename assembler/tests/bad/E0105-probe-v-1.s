.probe v = 1  ;//~ ERROR E0105 @1
