.drain -1  ;//~ ERROR E0106 @8
