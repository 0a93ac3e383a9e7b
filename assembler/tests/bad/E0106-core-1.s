.core -1  ;//~ ERROR E0106 @7
