.probe v slot=v  ;//~ ERROR E0305 @1
