.equ A 1  ;//~ ERROR E0004 @8
