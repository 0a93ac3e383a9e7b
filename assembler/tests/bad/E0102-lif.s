lif  ;//~ ERROR E0102 @1
