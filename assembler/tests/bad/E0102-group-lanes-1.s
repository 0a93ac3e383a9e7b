.group lanes=1  ;//~ ERROR E0102 @1
